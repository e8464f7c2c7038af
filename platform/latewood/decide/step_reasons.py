"""Why a run is, and why a step of it was run, or was not: as it was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from latewood.decide.near_miss import Nearest
from latewood.decide.reasons import Reason
from latewood.decide.step_waits import Awaited
from latewood.events import (
    Action,
    Event,
    Failure,
    RunRequested,
    SkipReason,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
)
from latewood.model.keys import AssetKey, RunId, VersionId


class Decision(StrEnum):
    """What was decided of a step in the end; that it waits, or was left, where nothing was."""

    RUN = "run"
    REUSED = "reused"
    SKIPPED = "skipped"
    WAITS = "waits"
    LEFT = "left"


class Planned(NamedTuple):
    """Steps in a row for which the same was planned for the same reasons; of which `partitions`, in words.

    `trial` is the number, from 0, of the task's trial in a sweep.
    """

    assets: tuple[AssetKey, ...]
    action: Action
    partitions: str
    first: int
    steps: int
    reasons: tuple[Reason, ...]
    trial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunExplained:
    """Who or what asked for a run, for what, and what was planned.

    `evaluation` is the event by which an automation did, of a schedule for `tick`. `planned_from` is the position
    whose state the plan was made from; None where there is no plan yet. `fresh` counts what needed nothing.
    """

    requested: RunRequested
    actor: str
    at: datetime
    position: int
    evaluation: int | None
    tick: datetime | None
    planned_from: int | None
    planned: tuple[Planned, ...]
    fresh: int


class Taken(NamedTuple):
    """The version that a step took in place of computing its own; `source` is whose, where it is of another asset.

    Where that was taken itself, `computed_as` is the version of `computed_of` whose step has computed it.
    """

    asset: AssetKey
    version: VersionId
    source: AssetKey | None
    computed_as: VersionId | None = None
    computed_of: AssetKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepJob:
    """An attempt that was a job in another system: what was recorded before it was submitted, and after.

    Without a handle nobody can know yet whether it was. `link` is a page about it, while it goes on.
    """

    attempt: int
    connector: str
    key: str
    handle: str = ""
    state: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepExplained:
    """What was planned for a step, what was decided, and why.

    `planned` is None for what nobody could plan: the elements of a list. `position` is of the event that decided.
    `no_reuse` says why its result is not reused. `failure` is that of its last attempt. `because` is the step for which
    it was skipped. `lost` could have been reused, but for its artifact. `nearest` is the earlier version that came
    nearest to what it was to compute. `waits` is what it waits for, or its next attempt does. `jobs` are what it was in
    another system.
    """

    run: RunId
    step: int
    assets: tuple[AssetKey, ...]
    partition: str
    planned: Action | None
    planned_reasons: tuple[Reason, ...]
    decision: Decision
    position: int | None = None
    reasons: tuple[Reason, ...] = ()
    no_reuse: str = ""
    attempts: int = 0
    failure: Failure | None = None
    skipped: SkipReason | None = None
    because: int | None = None
    taken: tuple[Taken, ...] = ()
    lost: tuple[VersionId, ...] = ()
    nearest: Nearest | None = None
    waits: tuple[Awaited, ...] = ()
    jobs: tuple[StepJob, ...] = ()


def decision_of(facts: Sequence[Event], *, is_over: bool) -> tuple[Decision, Event | None]:
    """What a step's facts, oldest first, say was decided, and the one that says it.

    A step that had begun may be reused all the same: by what another run computed meanwhile.
    """
    if facts and isinstance(facts[-1], StepReused):
        return Decision.REUSED, facts[-1]
    if facts and isinstance(facts[-1], StepSkipped):
        return Decision.SKIPPED, facts[-1]
    if facts:
        return Decision.RUN, next((fact for fact in facts if isinstance(fact, StepStarted)), facts[0])
    return (Decision.LEFT if is_over else Decision.WAITS), None


def failure_of(facts: Sequence[Event]) -> Failure | None:
    """What the last attempt failed by, if it did."""
    return facts[-1].failure if facts and isinstance(facts[-1], StepFailed) else None
