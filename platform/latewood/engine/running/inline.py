"""The inline executor: runs a plan's steps in this process, one after another, in the plan's order.

Steps whose task allows reuse run ahead of the group commit, since repeating them is harmless; before any other step
everything told so far is durable. Nothing is reported as done before it is.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from latewood.decide.actions import barred
from latewood.decide.judge import is_elsewhere, retraction
from latewood.decide.keys import inputs_digest
from latewood.decide.plan import Plan, Step
from latewood.decide.retry import RetryAt, after_failure
from latewood.decide.state import VersionFacts
from latewood.engine.loading.loader import Loaded
from latewood.engine.running.attempt import Attempts, Made, refused
from latewood.engine.running.binding import Bindings, Blocked, Bound
from latewood.engine.running.calls import Raised
from latewood.engine.running.checking import NOTHING_KNOWN, Checks, Judged, Known
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.placing import Places
from latewood.engine.running.ranged import Due, Neighbours, stretches
from latewood.engine.running.recorder import Recorder, Told, added_partitions
from latewood.engine.running.reports import Report, Reports, Tally, refusal_text, refusals_in, retracted_text
from latewood.engine.running.reusing import Reusable, Taken
from latewood.engine.running.step_facts import StepFacts, as_retracted
from latewood.engine.running.storing import Storing
from latewood.engine.running.workers import Workers
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore, Staged
from latewood.engine.values.values import Values
from latewood.errors import StoreError
from latewood.events import (
    Failure,
    FailureKind,
    ReusedOutput,
    SkipReason,
)
from latewood.model.definitions import AssetDefinition, Catalog
from latewood.model.keys import AssetId, PartitionKey, RunId
from latewood.model.schemes import dynamic_names
from latewood.places import is_placed

Verdicts = Callable[[AssetId, PartitionKey], Known]
"""Past verdicts on an asset partition."""


class _Failed(NamedTuple):
    """A step whose attempt failed, with the event of its start; `shared` if the call was one for several."""

    due: Due
    cause: UUID
    raised: Raised
    shared: bool


class InlineRun:
    """One run of a plan in this process."""

    def __init__(
        self,
        plan: Plan,
        *,
        catalog: Catalog,
        loaded: Loaded,
        resources: OpenResources,
        workers: Workers,
        run: RunId,
        recorder: Recorder,
        store: ArtifactStore,
        verdicts: Verdicts,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        report: Callable[[Report], None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._run = run
        self._recorder = recorder
        self._store = store
        self._verdicts = verdicts
        self._clock = clock
        self._sleep = sleep
        self._bindings = Bindings(catalog, plan.state, plan.views)
        self._places = Places(loaded.ios, loaded.root, resources)
        self._catalog = catalog
        self._values = Values(store, placed=self._places)
        self._root = loaded.root
        dynamic = frozenset(name for asset in catalog.assets.values() for name in dynamic_names(asset.partitions))
        self._workers = workers
        self._attempts = Attempts(loaded, self._values, resources, run, clock, dynamic, placing=True)
        self._checks = Checks(loaded, self._values, resources, run, plan.state, self._attempts.context)
        self._storing = Storing(plan.state, run, loaded, self._places, self._values, self._checks, recorder)
        self._reusable = Reusable(plan, run, recorder, store, self._places)
        self._facts = StepFacts(plan.state, catalog, run, store, loaded.root, clock)
        self._reports = Reports(report)
        self.tally = self._reports.tally
        self.failures: list[tuple[Step, Failure]] = []
        """The steps that failed, or whose result a check or a retraction refused, in order."""

    def execute(self) -> Tally:
        """Run every step that can be run; what is not downstream of a failure goes on.

        Raises KeyboardInterrupt, and whatever the log refuses: what was told before it stays.
        """
        waiting = Neighbours()
        for step in self._plan.steps():
            # Whatever is due is run before the next step is looked at, which may read it; but for neighbours, which
            # a partition-wise task makes together and which never read each other.
            if not waiting.may_be_joined_by(step):
                self._run_due(waiting.taken())
            due = self._due(step)
            if due is not None:
                waiting.add(due)
            if not step.task.node.task.is_partition_wise:
                self._run_due(waiting.taken())
        self._run_due(waiting.taken())
        self._recorder.told()
        return self.tally

    def _due(self, step: Step) -> Due | None:
        """The step with what it reads, if it is to be run; else it is told at once what becomes of it."""
        try:
            bound = self._bindings.bind(step.task.node, step.ordinal)
        except Blocked as blocked:
            self._skip(step, blocked)
            return None
        inputs = inputs_digest((b.input.name, b.data_version) for b in bound if b.input.in_key)
        if not self._plan.request.force and barred(step.task.node, step.partition, inputs, self._plan.state):
            self._skip(step, Blocked(SkipReason.RETRACTED, None))
            return None
        taken = self._reusable.find(step, inputs)
        if taken is None:
            return Due(step, bound, inputs)
        return None if self._reuse(step, bound, inputs, taken) else Due(step, bound, inputs)

    # ── running ───────────────────────────────────────────────────────────────────────────────────────

    def _run_due(self, due: list[Due]) -> None:
        """Call the task for these steps at once, and again for those that failed, as often as it may be tried.

        Those whose call was one for several fail for good only alone: one bad partition is not the others' failure.
        """
        if not due:
            return
        task = due[0].step.task.node.task
        deadline = self._clock() + task.timeouts.total if task.timeouts.total else None
        attempt, parts = 1, [*stretches(due)]
        while parts:
            failed = [failure for part in parts for failure in self._attempt(part, attempt)]
            if not failed:
                return
            now, luck = self._clock(), random.random()  # noqa: S311 - spreads retries; no secret
            next_ = after_failure(task.retries, attempt, now, luck, deadline=deadline)
            retry_at = next_.at if isinstance(next_, RetryAt) else None
            alone_at = now if deadline is None or now < deadline else None
            for one in failed:
                self._tell_failed(one, attempt, retry_at or (alone_at if one.shared else None))
            if retry_at is not None:
                self._sleep(max(0.0, (retry_at - self._clock()).total_seconds()))
                parts = [*stretches([one.due for one in failed])]
            else:
                parts = [[one.due] for one in failed if one.shared and alone_at is not None]
            attempt += 1

    def _attempt(self, due: list[Due], attempt: int) -> Iterator[_Failed]:
        """One call for neighbouring steps; those that failed."""
        causes = [self._tell_started(one, attempt) for one in due]
        outcome = self._called(due, attempt)
        shared = isinstance(outcome, Raised) and len(due) > 1
        made: list[Made | Raised] = [outcome] * len(due) if isinstance(outcome, Raised) else [*outcome]
        for one, cause, result in zip(due, causes, made, strict=True):
            raised = result if isinstance(result, Raised) else self._finish(one, attempt, result, cause)
            if raised is not None:
                yield _Failed(one, cause, raised, shared)

    def _called(self, due: list[Due], attempt: int) -> Sequence[Made | Raised] | Raised:
        """What comes of the call, here or where the task's own location is."""
        called = [(one.step, one.bound) for one in due]
        if due[0].step.task.node.task.shared is None:
            return self._attempts.attempt_all(called, attempt)
        read = (facts for one in due for b in one.bound if b.input.loads for _, facts in b.versions)
        try:
            self._store.publish(ArtifactAddress(facts.artifact) for facts in read)
        except StoreError as error:
            return refused(error)
        return self._workers.attempt_all(called, attempt, run=self._run, values=self._values)

    def _finish(self, due: Due, attempt: int, made: Made, cause: UUID) -> Raised | None:
        """Store what has a place of its own, and tell that the step succeeded; or the failure of its IO."""
        step, inputs = due.step, due.inputs
        outcome: Made | Raised = made
        judged: Mapping[str, Judged] = {}
        key = self._facts.key(step, inputs, made)
        if made.unplaced:
            outcome, judged = self._storing.stored(step, made, inputs, key)
        if isinstance(outcome, Raised):
            return outcome
        self._succeed(step, attempt, inputs, outcome, key, judged, cause)
        return None

    def _tell_started(self, one: Due, attempt: int) -> UUID:
        fact, needs = self._facts.started(one, attempt)
        ids = self._recorder.tell(
            (fact, ("started", fact.step, attempt)), cause=self._bindings.cause(one.bound), needs=needs
        )
        if fact.no_reuse:
            # Repeating it may do harm: what it was started with must survive a crash in the middle of it.
            self._recorder.told()
        return ids[0]

    def _succeed(
        self,
        step: Step,
        attempt: int,
        inputs: str,
        made: Made,
        key: str,
        judged: Mapping[str, Judged],
        cause: UUID,
    ) -> None:
        """`judged` are outputs whose checks were asked before they were stored."""
        node, state = step.task.node, self._plan.state
        variant = node.is_variant
        fact = self._facts.succeeded(step, attempt, inputs, made, key)
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
        metadata = outputs[0].metadata if outputs else {}
        *_, told = self._recorder.tell(
            *added_partitions(made.added, self._run, step.number),
            (fact, ("succeeded", step.number)),
            cause=cause,
            needs=needs,
            then=self._reports.of(step, "succeeded", made.returned.duration_ms, metadata, then=refused),
        )
        self.tally.ran += 1
        for asset in node.assets:
            if asset.output not in made.outputs:
                self._bindings.failed(step, asset.key, SkipReason.OUTPUT_ABSENT, step.number)
        if first is not None:
            self._refused(step, "Retracted", retracted_text(first))
        for asset, output, retracted in zip(made_of, fact.outputs, retractions, strict=True):
            if retracted is None:
                facts = self._facts.version(fact, output)
                found = judged.get(asset.output) or self._checks.judge(
                    step, asset, facts, NOTHING_KNOWN, variant=variant
                )
                self._settle(step, asset, facts, found, variant=variant, cause=told)
            else:
                self._bindings.failed(step, asset.key, SkipReason.RETRACTED, step.number)

    def _settle(
        self, step: Step, asset: AssetDefinition, facts: VersionFacts, judged: Judged, *, variant: bool, cause: UUID
    ) -> None:
        """Tell what the checks of a new version say; what is downstream reads it only if the blocking ones pass."""
        then = self._reports.judged(step, judged.told)
        if judged.passes and not facts.accepted:
            judged.told += self._checks.accepted(step, facts, head=not variant)
        if judged.told:
            self._recorder.tell(*judged.told, cause=cause, needs=judged.needs, then=then)
        result = facts._replace(accepted=judged.passes)
        self._reusable.made(asset.output, result)
        self._bind_result(step, asset, result, cause, judged.told)

    def _bind_result(
        self, step: Step, asset: AssetDefinition, facts: VersionFacts, event: UUID, verdicts: Told
    ) -> None:
        if facts.accepted:
            self._bindings.made(step, asset.key, facts, event)
            return
        self._bindings.failed(step, asset.key, SkipReason.CHECK_FAILED, step.number)
        said = (refusal_text(verdict) for verdict in refusals_in(verdicts) if verdict.asset == facts.asset)
        self._refused(step, "CheckFailed", f"{asset.key}: {'; '.join(said)}")

    def _refused(self, step: Step, error: str, message: str) -> None:
        self.failures.append((step, Failure(kind=FailureKind.REFUSED, error=error, message=message)))

    # ── reuse ─────────────────────────────────────────────────────────────────────────────────────────

    def _reuse(self, step: Step, bound: list[Bound], inputs: str, taken: Taken) -> bool:
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
            found = self._checks.judge(step, asset, own, known, variant=variant)
            judged.told += found.told
            judged.needs += found.needs
            result = own._replace(accepted=found.passes)
            # What a blocking check refuses never gets to a place.
            if found.passes and is_elsewhere(node, index, step.partition, facts, self._plan.state):
                copy = self._storing.copied(step, asset, facts)
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
        self.tally.reused += 1
        for asset, facts in zip(node.assets, taken, strict=True):
            if facts is None:
                self._bindings.failed(step, asset.key, SkipReason.OUTPUT_ABSENT, step.number)
        for asset, result in results:
            self._bind_result(step, asset, result, ids[len(judged.told)], judged.told)
        return True

    # ── what did not come to be ───────────────────────────────────────────────────────────────────────

    def _tell_failed(self, failed: _Failed, attempt: int, retry_at: datetime | None) -> None:
        step, raised = failed.due.step, failed.raised
        node = step.task.node
        logs: Staged | None = None
        with suppress(StoreError):  # a store that cannot write often is why the attempt failed
            logs = self._values.stage_logs(raised.output)
        fact = self._facts.failed(step, attempt, raised, retry_at, logs)
        status = "failed" if retry_at is None else "retrying"
        message = f"{raised.failure.error}: {raised.failure.message}"
        then = self._reports.of(step, status, raised.duration_ms, message=message)
        self._recorder.tell(
            (fact, ("failed", step.number, attempt)), cause=failed.cause, needs=[logs] if logs else (), then=then
        )
        if retry_at is None:
            self.tally.failed += 1
            self.failures.append((step, raised.failure))
            for key in node.keys:
                self._bindings.failed(step, key, SkipReason.UPSTREAM_FAILED, step.number)

    def _skip(self, step: Step, blocked: Blocked) -> None:
        node = step.task.node
        fact = self._facts.skipped(step, blocked)
        then = self._reports.of(step, "skipped", message=blocked.reason)
        self._recorder.tell((fact, ("skipped", step.number)), then=then)
        # An optional output that is absent, a branch not taken: results like any other, which leave nothing to do.
        self.tally.skipped += blocked.reason not in (SkipReason.OUTPUT_ABSENT, SkipReason.BRANCH_NOT_TAKEN)
        self.tally.barred += blocked.reason is SkipReason.RETRACTED
        because = step.number if blocked.because is None else blocked.because
        for key in node.keys:
            self._bindings.failed(step, key, blocked.reason, because)
