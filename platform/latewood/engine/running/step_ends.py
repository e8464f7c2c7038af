"""How steps end, as it is told to the log: made, taken in place of running, failed, or skipped."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import msgspec

from latewood.decide.judge import is_elsewhere, retraction
from latewood.decide.plan import Step
from latewood.decide.state import State, VersionFacts
from latewood.engine.running.asks import Copy, Script, copied
from latewood.engine.running.attempt import Made
from latewood.engine.running.binding import Bindings, Blocked, Bound
from latewood.engine.running.calls import Raised
from latewood.engine.running.checking import NOTHING_KNOWN, Checks, Judged, Known
from latewood.engine.running.elements import ElementBindings
from latewood.engine.running.outcomes import Outcomes
from latewood.engine.running.ranged import Due
from latewood.engine.running.recorder import Recorder, Told, added_partitions
from latewood.engine.running.reports import Reports, in_turn, retracted_text
from latewood.engine.running.reusing import Reusable, Taken
from latewood.engine.running.step_facts import StepFacts, as_retracted
from latewood.engine.storage.store import Staged
from latewood.engine.values.values import Values
from latewood.errors import StoreError
from latewood.events import ReusedOutput
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetId, PartitionKey, RunId
from latewood.places import is_placed

Verdicts = Callable[[AssetId, PartitionKey], Known]
"""Past verdicts on an asset partition."""


class StepEnds:
    """The ends of the steps of one run, or of one list's elements: told, judged, and known to those downstream."""

    def __init__(
        self,
        run: RunId,
        state: State,
        bindings: Bindings | ElementBindings,
        reports: Reports,
        outcomes: Outcomes,
        *,
        recorder: Recorder,
        facts: StepFacts,
        checks: Checks,
        reusable: Reusable,
        values: Values,
        verdicts: Verdicts,
    ) -> None:
        self._run = run
        self._state = state
        self._bindings = bindings
        self._reports = reports
        self._outcomes = outcomes
        self._tally = reports.tally
        self._recorder = recorder
        self._facts = facts
        self._checks = checks
        self._reusable = reusable
        self._values = values
        self._verdicts = verdicts

    def succeeded(self, due: Due, attempt: int, made: Made, cause: UUID) -> Script[None]:
        """It has made this, which is judged."""
        step, node, state = due.step, due.step.task.node, self._state
        variant = node.is_variant
        key = self._facts.key(step, due.inputs, made.no_reuse)
        fact = self._facts.succeeded(step, attempt, due.inputs, made, key)
        made_of = [asset for asset in node.assets if asset.output in made.outputs]
        outputs = fact.outputs
        stored = [output.staged for output in made.outputs.values() if not is_placed(output.staged.address)]
        needs = [*stored, *filter(None, (made.logs,))]
        retractions = [
            retraction(node, node.ids.index(output.asset), self._facts.version(fact, output), state)
            for output in outputs
        ]
        if any(retractions):
            fact = msgspec.structs.replace(fact, outputs=tuple(map(as_retracted, outputs, retractions)))
        first = next(filter(None, retractions), None)
        refused = None if first is None else self._reports.retracted(step, first)
        versions = [self._facts.version(fact, output) for output in fact.outputs]
        at_hand = [
            self._checks.at_hand(step, asset, facts, made.verdicts.get(asset.output, {}), variant=variant)
            if retracted is None
            else Judged()
            for asset, facts, retracted in zip(made_of, versions, retractions, strict=True)
        ]
        judged = [self._reports.judged(step, found.told) for found in at_hand]
        metadata = outputs[0].metadata if outputs else {}
        added = added_partitions(made.added, self._run, step.number)
        told = self._recorder.tell(
            *added,
            (fact, ("succeeded", step.number)),
            *(verdict for found in at_hand for verdict in found.told),
            cause=cause,
            needs=[*needs, *(logs for found in at_hand for logs in found.needs)],
            then=self._reports.of(
                step, "succeeded", made.returned.duration_ms, metadata, then=in_turn(refused, *judged)
            ),
        )[len(added)]
        self._tally.ran += 1
        for asset in node.assets:
            if asset.output not in made.outputs:
                self._outcomes.absent(step, asset.key)
        if first is not None:
            self._outcomes.refused(step, "Retracted", retracted_text(first))
        for asset, facts, found, retracted in zip(made_of, versions, at_hand, retractions, strict=True):
            if retracted is None:
                yield from self._outcomes.judge(step, asset, facts, found.told, cause=told)
            else:
                self._outcomes.retracted(step, asset.key)

    def reused(self, step: Step, bound: list[Bound], inputs: str, taken: Taken) -> Script[bool]:
        """Take these versions in place of running; False where one does not get to the place where it belongs."""
        node = step.task.node
        variant = node.is_variant
        judged = Judged()
        accepting: Told = []
        outputs: list[ReusedOutput] = []
        results: list[tuple[AssetDefinition, VersionFacts]] = []
        for index, (asset, id_, facts) in enumerate(zip(node.assets, node.ids, taken, strict=True)):
            if facts is None:
                continue
            own = self._reusable.own(step, id_, facts)
            known = self._verdicts(id_, step.partition) if asset.checks else NOTHING_KNOWN
            found = yield from self._checks.judge(step, asset, own, known, variant=variant)
            judged.told += found.told
            judged.needs += found.needs
            result = own._replace(accepted=found.passes)
            # What a blocking check refuses never gets to a place.
            if found.passes and is_elsewhere(node, index, step.partition, facts, self._state):
                copy = yield from copied(Copy(step, asset, facts))
                if copy is None:
                    self._reusable.lost(step, facts)
                    return False
                result = result._replace(artifact=copy)
            outputs.append(self._reusable.output(step, asset, facts, result, head=found.passes and not variant))
            if found.passes and own is facts and not facts.accepted:
                accepting += self._checks.accepted(step, result, head=False)
            results.append((asset, result))
        fact = self._reusable.fact(step, inputs, tuple(outputs))
        ids = self._recorder.tell(
            *judged.told,
            (fact, ("reused", step.number)),
            *accepting,
            cause=self._bindings.cause(bound),
            needs=judged.needs,
            then=self._reports.of(step, "reused", then=self._reports.judged(step, judged.told)),
        )
        self._tally.reused += 1
        for asset, facts in zip(node.assets, taken, strict=True):
            if facts is None:
                self._outcomes.absent(step, asset.key)
        for asset, result in results:
            self._outcomes.bind(step, asset, result, ids[len(judged.told)], judged.told)
        return True

    def failed(self, step: Step, raised: Raised, cause: UUID, attempt: int, retry_at: datetime | None) -> None:
        """An attempt has, whose start is the `cause`; without `retry_at` it is not tried again."""
        logs: Staged | None = None
        with suppress(StoreError):  # a store that cannot write often is why the attempt failed
            logs = self._values.stage_logs(raised.output)
        fact = self._facts.failed(step, attempt, raised, retry_at, logs)
        status = "failed" if retry_at is None else "retrying"
        message = f"{raised.failure.error}: {raised.failure.message}"
        then = self._reports.of(step, status, raised.duration_ms, message=message)
        self._recorder.tell(
            (fact, ("failed", step.number, attempt)), cause=cause, needs=[logs] if logs else (), then=then
        )
        if retry_at is None:
            self._outcomes.failed(step, raised.failure)

    def skipped(self, step: Step, blocked: Blocked) -> None:
        """It is not run."""
        fact = self._facts.skipped(step, blocked)
        then = self._reports.of(step, "skipped", message=blocked.reason)
        self._recorder.tell((fact, ("skipped", step.number)), then=then)
        self._outcomes.skipped(step, blocked)
