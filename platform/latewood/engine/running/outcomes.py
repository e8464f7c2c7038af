"""What has become of steps: counted, and known to those who read what they were to make."""

from uuid import UUID

from latewood.decide.plan import Step
from latewood.decide.state import VersionFacts
from latewood.engine.running.asks import Script
from latewood.engine.running.binding import Bindings, Blocked
from latewood.engine.running.checking import NOTHING_KNOWN, Checks
from latewood.engine.running.elements import ElementBindings
from latewood.engine.running.recorder import Recorder, Told
from latewood.engine.running.reports import Reports, refusal_text, refusals_in
from latewood.engine.running.reusing import Reusable
from latewood.events import (
    Failure,
    FailureKind,
    SkipReason,
    VersionAccepted,
)
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey


class Outcomes:
    """What has become of the steps of one run, or of one list's elements."""

    def __init__(
        self,
        bindings: Bindings | ElementBindings,
        reports: Reports,
        checks: Checks,
        reusable: Reusable,
        recorder: Recorder,
    ) -> None:
        self._bindings = bindings
        self._reports = reports
        self._checks = checks
        self._reusable = reusable
        self._recorder = recorder
        self.tally = reports.tally
        self.failures: list[tuple[Step, Failure]] = []
        """The steps that failed, or whose result a check or a retraction refused, in order."""

    def judge(
        self, step: Step, asset: AssetDefinition, facts: VersionFacts, told: Told, *, cause: UUID
    ) -> Script[None]:
        """Ask the checks of a new version that have `told` nothing yet, and tell what they say.

        What is downstream reads it only if the blocking ones pass.
        """
        variant = step.task.node.is_variant
        judged = yield from self._checks.judge(step, asset, facts, NOTHING_KNOWN, variant=variant, told=told)
        then = None if refusals_in(told) else self._reports.judged(step, judged.told)
        if judged.passes and not facts.accepted and not any(isinstance(fact, VersionAccepted) for fact, _ in told):
            judged.told += self._checks.accepted(step, facts, head=not variant)
        if judged.told:
            self._recorder.tell(*judged.told, cause=cause, needs=judged.needs, then=then)
        result = facts._replace(accepted=judged.passes)
        self.made(step, asset, result, cause, [*told, *judged.told])

    def made(self, step: Step, asset: AssetDefinition, facts: VersionFacts, event: UUID, verdicts: Told) -> None:
        """As `bind`, of what this run has made: equal steps take it."""
        self._reusable.made(asset.output, facts)
        self.bind(step, asset, facts, event, verdicts)

    def bind(self, step: Step, asset: AssetDefinition, facts: VersionFacts, event: UUID, verdicts: Told) -> None:
        """Let those downstream read the version, by the event that made it, unless one of the `verdicts` refuses it."""
        if facts.accepted:
            self._bindings.made(step, asset.key, facts, event)
            return
        self._bindings.failed(step, asset.key, SkipReason.CHECK_FAILED, step.number)
        said = (refusal_text(verdict) for verdict in refusals_in(verdicts) if verdict.asset == facts.asset)
        self.refused(step, "CheckFailed", f"{asset.key}: {'; '.join(said)}")

    def refused(self, step: Step, error: str, message: str) -> None:
        """A check or a retraction refused what the step made."""
        self.failures.append((step, Failure(kind=FailureKind.REFUSED, error=error, message=message)))

    def absent(self, step: Step, key: AssetKey) -> None:
        """The step made nothing of this asset, as it may."""
        self._bindings.failed(step, key, SkipReason.OUTPUT_ABSENT, step.number)

    def retracted(self, step: Step, key: AssetKey) -> None:
        """What it made of this asset equals what is retracted."""
        self._bindings.failed(step, key, SkipReason.RETRACTED, step.number)

    def failed(self, step: Step, failure: Failure) -> None:
        """It is not tried again."""
        self.tally.failed += 1
        self.failures.append((step, failure))
        for key in step.task.node.keys:
            self._bindings.failed(step, key, SkipReason.UPSTREAM_FAILED, step.number)

    def skipped(self, step: Step, blocked: Blocked) -> None:
        """The step is not run."""
        # An optional output that is absent, a branch not taken: results like any other, which leave nothing to do.
        self.tally.skipped += blocked.reason not in (SkipReason.OUTPUT_ABSENT, SkipReason.BRANCH_NOT_TAKEN)
        self.tally.barred += blocked.reason is SkipReason.RETRACTED
        because = step.number if blocked.because is None else blocked.because
        for key in step.task.node.keys:
            self._bindings.failed(step, key, blocked.reason, because)
