"""What a run tells whoever watches it: each step once it ended and that is durable, how many ended how, and waiting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from latewood.decide.plan import Step
from latewood.decide.state import Retraction
from latewood.engine.running.recorder import Told
from latewood.events import CheckEvaluated
from latewood.model.elements import element_named, list_of
from latewood.model.keys import AssetKey, PartitionKey, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A step that ended, once that is durable. That of an element is named by its list and number (`element_of`)."""

    assets: tuple[AssetKey, ...]
    partition: PartitionKey
    status: str
    step: int = 0
    duration_ms: float = 0.0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    element_of: AssetKey | None = None

    @property
    def named(self) -> str:
        """What people read of it: its first asset, and the partition if there is one."""
        return f"{self.assets[0]} {self.partition}".rstrip()

    @property
    def line(self) -> AssetKey:
        """The first asset of what was planned."""
        return self.element_of or self.assets[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The run with its plan is recorded, and begins."""

    run: RunId
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAway:
    """The database does not answer; the run waits for it, as long as `patience`, from when it found that out."""

    reason: str
    patience: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseBack:
    """A database that was said to be away answers, and the run goes on."""

    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingForPools:
    """A step waits for a slot of each of these pools; others have them."""

    pools: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsLost:
    """A step lost its slots of these pools, of which others may have them, while it was called."""

    pools: tuple[str, ...]


Notice = Begun | DatabaseAway | DatabaseBack | WaitingForPools | SlotsLost
"""What a run says of itself, not of a step."""


@dataclass(slots=True)
class Tally:
    """How many steps ended how. `barred` are those of the skipped that a retraction stands against.

    These are no failure: had it been known before they ran, the plan would have left them out.
    """

    ran: int = 0
    reused: int = 0
    failed: int = 0
    refused: int = 0
    skipped: int = 0
    barred: int = 0


class Reports:
    """Makes the reports of one run and keeps its tally; a report is given once its facts are durable."""

    def __init__(self, report: Callable[[Report], None]) -> None:
        self._report = report
        self.tally = Tally()

    def of(
        self,
        step: Step,
        status: str,
        duration_ms: float = 0.0,
        metadata: Mapping[str, Any] | None = None,
        message: str = "",
        then: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        """What gives the report, and then another one, to be called when they are due."""
        node = step.task.node
        report = Report(
            assets=(element_named(node.keys[0], step.ordinal),) if node.of_element else node.keys,
            partition=step.partition,
            status=status,
            step=step.number,
            duration_ms=duration_ms,
            metadata=metadata or {},
            message=message,
            element_of=list_of(node.keys[0]) if node.of_element else None,
        )

        def give() -> None:
            self._report(report)
            if then is not None:
                then()

        return give

    def judged(self, step: Step, told: Told) -> Callable[[], None] | None:
        """What gives the report on new verdicts: the first refusal, else all warnings; None if every check passed."""
        failed = _failed_in(told)
        if not failed:
            return None
        status, metadata, message = said_of(failed)
        self.tally.refused += status == "refused"
        return self.of(step, status, metadata=metadata, message=message)

    def retracted(self, step: Step, found: Retraction) -> Callable[[], None]:
        """What gives the report that the step's result equals a retracted version."""
        self.tally.refused += 1
        return self.of(step, "refused", message=retracted_text(found))


def in_turn(*reports: Callable[[], None] | None) -> Callable[[], None]:
    """What gives those of the reports that there are, one after the other."""

    def give() -> None:
        for report in filter(None, reports):
            report()

    return give


def said_of(failed: Sequence[CheckEvaluated]) -> tuple[str, Mapping[str, Any], str]:
    """How verdicts are told that did not pass, of which there are some: status, metadata and message."""
    refusal = next((verdict for verdict in failed if verdict.blocking), None)
    if refusal is not None:
        return "refused", {}, refusal_text(refusal)
    return "warned", failed[0].metadata, "; ".join(map(_said, failed))


def refusals_in(told: Told) -> list[CheckEvaluated]:
    """The verdicts of blocking checks that did not pass."""
    return [verdict for verdict in _failed_in(told) if verdict.blocking]


def refusal_text(verdict: CheckEvaluated) -> str:
    """What a blocking check found."""
    return f"blocking {_said(verdict)}"


def retracted_text(found: Retraction) -> str:
    """Which retracted version a result equals."""
    return f"equals {found.version}, which is retracted: {found.reason}"


def _failed_in(told: Told) -> list[CheckEvaluated]:
    return [fact for fact, _ in told if isinstance(fact, CheckEvaluated) and not fact.passed]


def _said(verdict: CheckEvaluated) -> str:
    return f"check {verdict.check} failed{': ' if verdict.message else ''}{verdict.message}"
