"""What became of steps before their run was left: whoever reads it does so as if it had become of it here."""

from collections.abc import Callable, Mapping
from datetime import datetime

from latewood.decide.plan import Step
from latewood.decide.progress import StepProgress
from latewood.decide.state import VersionFacts
from latewood.engine.running.asks import Script
from latewood.engine.running.binding import Blocked
from latewood.engine.running.outcomes import Outcomes
from latewood.engine.running.reports import refusals_in
from latewood.engine.running.step_facts import StepFacts
from latewood.events import (
    StepReused,
    StepSucceeded,
)
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetVersion


class Restoring:
    """Knows again what is recorded of steps; `taken` are the versions that they took."""

    def __init__(
        self,
        outcomes: Outcomes,
        facts: StepFacts,
        taken: Mapping[AssetVersion, VersionFacts],
        now: Callable[[], datetime],
    ) -> None:
        self._outcomes = outcomes
        self._facts = facts
        self._taken = taken
        self._now = now

    def restored(self, step: Step, past: StepProgress) -> Script[None]:
        """What became of a step is in the log; whoever reads it does so as if it had become of it here."""
        match past.made:
            case StepSucceeded() as fact:
                yield from self._restore_made(step, fact, past)
            case StepReused() as fact:
                self._outcomes.tally.reused += 1
                self._restore_taken(step, fact, past)
            case None if past.failure is not None:
                self._outcomes.failed(step, past.failure)
            case None:
                assert past.skipped is not None, "it has ended"
                self._outcomes.skipped(step, Blocked(past.skipped.reason, past.skipped.because))

    def _restore_made(self, step: Step, fact: StepSucceeded, past: StepProgress) -> Script[None]:
        """As if it was made now; the verdicts that follow may not have been recorded any more."""
        assert past.event is not None, "it has ended"
        node = step.task.node
        self._outcomes.tally.ran += 1
        self._outcomes.tally.refused += any(output.retracted for output in fact.outputs)
        by_asset = {output.asset: output for output in fact.outputs}
        for asset, id_ in zip(node.assets, node.ids, strict=True):
            output = by_asset.get(id_)
            if output is None:
                self._outcomes.absent(step, asset.key)
            elif output.retracted:
                self._outcomes.retracted(step, asset.key)
            elif past.lacks_verdict(id_, [check.name for check in asset.checks]):
                told = past.verdicts_on(id_)
                self._outcomes.tally.refused += bool(refusals_in(told))
                yield from self._outcomes.judge(step, asset, self._facts.version(fact, output), told, cause=past.event)
                past.ended_at = self._now()
            else:
                self._outcomes.tally.refused += bool(refusals_in(past.verdicts_on(id_)))
                self._restore_judged(step, asset, self._facts.version(fact, output), past)

    def _restore_taken(self, step: Step, fact: StepReused, past: StepProgress) -> None:
        node = step.task.node
        self._outcomes.tally.refused += any(refusals_in(past.verdicts_on(id_)) for id_ in node.ids)
        by_asset = {output.asset: output for output in fact.outputs}
        for asset, id_ in zip(node.assets, node.ids, strict=True):
            output = by_asset.get(id_)
            if output is None:
                self._outcomes.absent(step, asset.key)
            else:
                self._restore_judged(step, asset, self._taken[id_, output.version], past)

    def _restore_judged(self, step: Step, asset: AssetDefinition, facts: VersionFacts, past: StepProgress) -> None:
        verdicts = past.verdicts_on(facts.asset)
        result = facts._replace(accepted=not refusals_in(verdicts))
        assert past.event is not None, "it has ended"
        self._outcomes.made(step, asset, result, past.event, verdicts)
