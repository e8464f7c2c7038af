"""How far a run has come, by its events: what whoever takes it up again must know of each step."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from latewood.events import (
    Action,
    CheckEvaluated,
    Event,
    Failure,
    FailureHandled,
    FailureKind,
    JobPrepared,
    JobSubmitted,
    RunEnded,
    RunPlanned,
    RunRequested,
    RunStarted,
    SkipReason,
    StepExpanded,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from latewood.model.keys import AssetId
from latewood.model.ordinals import Ordinals

DOWNSTREAM_OF_FAILURE: Final = (SkipReason.UPSTREAM_FAILED, SkipReason.CHECK_FAILED)
"""Why a step is skipped whose result is still wanted."""


@dataclass(slots=True)
class StepProgress:
    """What is recorded of one step.

    `attempts` have begun, `interrupted` of them without an end of their own. `event` is that of the last attempt's
    start, which was at `begun_at`, and of the step's end once it has one; `since` is when the first attempt began,
    `ended_at` when the last was recorded of what became of it. `expanded` says last which steps its elements are, by
    the event `expansion`, since `expanded_at`. The last attempt read what has `inputs_digest`. The last `job` the other
    system has where there is a `handle`, since `submitted_at`; it may be that of an attempt before the last.
    """

    attempts: int = 0
    since: datetime | None = None
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    interrupted: int = 0
    is_open: bool = False
    event: UUID | None = None
    retry_at: datetime | None = None
    failure: Failure | None = None
    made: StepSucceeded | StepReused | None = None
    skipped: StepSkipped | None = None
    expanded: StepExpanded | None = None
    expansion: UUID | None = None
    expanded_at: datetime | None = None
    inputs_digest: str = ""
    job: JobPrepared | None = None
    handle: str = ""
    submitted_at: datetime | None = None
    verdicts: list[CheckEvaluated] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        """Whether nothing is to be run for it any more; its checks may still have to be asked."""
        return self.failure is not None or self.made is not None or self.skipped is not None

    @property
    def is_job(self) -> bool:
        """Whether the last attempt is the job."""
        return self.job is not None and self.job.attempt == self.attempts

    @property
    def is_finished(self) -> bool:
        """Whether it came to what was asked for: made and not refused, or rightly not made."""
        if self.skipped is not None:
            return self.skipped.reason not in DOWNSTREAM_OF_FAILURE
        return self.made is not None and not any(v.blocking and not v.passed for v in self.verdicts)

    def verdicts_on(self, asset: AssetId) -> list[tuple[Event, Sequence[object]]]:
        """What checks said of what the step made of the asset, as facts are told."""
        return [(verdict, ()) for verdict in self.verdicts if verdict.asset == asset]

    def lacks_verdict(self, asset: AssetId, checks: Iterable[str]) -> bool:
        """Whether any of these checks has not given its verdict on what the step made of the asset."""
        given = {verdict.check for verdict in self.verdicts if verdict.asset == asset}
        return isinstance(self.made, StepSucceeded) and not given.issuperset(checks)


@dataclass(slots=True)
class Progress:
    """What is recorded of a run. `told` counts its events, `root` is the first.

    `handled` are the workflows whose failure handlers were called.
    """

    requested: RunRequested
    root: UUID
    planned: list[RunPlanned] = field(default_factory=list)
    planned_at: datetime | None = None
    position: int = 0
    steps: dict[int, StepProgress] = field(default_factory=dict)
    told: int = 0
    handled: set[str] = field(default_factory=set)
    is_started: bool = False
    has_ended: bool = False

    def unfinished(self) -> Iterator[tuple[tuple[AssetId, ...], Ordinals]]:
        """What was planned and has come to nothing: failed, refused, skipped because of that, or never begun."""
        for assets, first, ordinals in self._groups():
            left = [
                ordinal
                for number, ordinal in enumerate(ordinals, start=first)
                if not self.steps.get(number, _NEVER_BEGUN).is_finished
            ]
            if left:
                yield assets, Ordinals.from_sorted(left)

    def left(self) -> Iterator[tuple[tuple[AssetId, ...], Ordinals]]:
        """What has to be asked for again for what is unfinished; nothing where that is nothing.

        Of a run that was given values of parameters all of it: a variant is no head, so only a run that makes it, or
        takes it again, has it to read.
        """
        unfinished = list(self.unfinished())
        if unfinished and (self.requested.parameters or self.requested.sweep):
            yield from ((assets, ordinals) for assets, _, ordinals in self._groups())
        else:
            yield from unfinished

    def _groups(self) -> Iterator[tuple[tuple[AssetId, ...], int, Ordinals]]:
        """The planned steps: of which assets, the number of the first, and of which partitions."""
        for steps in (steps for part in self.planned for steps in part.steps):
            if steps.action is not Action.BLOCKED:
                yield steps.assets, steps.first, Ordinals.parse(steps.partitions)


_NEVER_BEGUN: Final = StepProgress()


def progress_of(events: Iterable[tuple[Any, Any]]) -> Progress:
    """What these events of one run say, in their order: each an envelope and its fact. Cost: O(events)."""
    found: Progress | None = None
    for event, fact in events:
        if isinstance(fact, RunRequested):
            found = Progress(requested=fact, root=event.event_id)
        assert found is not None, "a run begins with its request"
        found.told += 1
        match fact:
            case RunPlanned():
                found.planned.append(fact)
                found.planned_at, found.position = event.occurred_at, event.position
            case RunStarted():
                found.is_started = True
            case FailureHandled(workflow=workflow):
                found.handled.add(workflow)
            case RunEnded():
                found.has_ended = True
            case (
                StepStarted()
                | StepExpanded()
                | JobPrepared()
                | JobSubmitted()
                | StepSucceeded()
                | StepFailed()
                | StepReused()
                | StepSkipped()
                | CheckEvaluated()
            ):
                _fold(found.steps.setdefault(fact.step, StepProgress()), event, fact)
            case _:
                pass
    assert found is not None, "a run begins with its request"
    return found


def _fold(step: StepProgress, event: Any, fact: Any) -> None:
    match fact:
        case StepStarted(attempt=attempt):
            step.attempts, step.is_open, step.event, step.retry_at = attempt, True, event.event_id, None
            step.begun_at = event.occurred_at
            step.since = step.since or step.begun_at
            step.inputs_digest = fact.inputs_digest
        case StepExpanded():
            step.expanded, step.expansion, step.expanded_at = fact, event.event_id, event.occurred_at
        case JobPrepared():
            step.job, step.handle, step.submitted_at = fact, "", None
        case JobSubmitted(handle=handle):
            step.handle, step.submitted_at = handle, event.occurred_at
        case StepFailed(failure=failure, retry_at=retry_at):
            step.is_open, step.retry_at = False, retry_at
            step.interrupted += failure.kind is FailureKind.INTERRUPTED
            step.failure = failure if retry_at is None else None
        case StepSucceeded() | StepReused():
            step.is_open, step.made, step.event = False, fact, event.event_id
        case StepSkipped():
            step.skipped = fact
        case CheckEvaluated():
            step.verdicts.append(fact)
    if step.has_ended:
        step.ended_at = event.occurred_at
