"""The inline executor: runs a plan's steps in this process, one after another, in the plan's order.

Steps whose task allows reuse run ahead of the group commit, since repeating them is harmless; before any other step
everything told so far is durable. Nothing is reported as done before it is.
"""

import random
import time
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from latewood.context import CheckResult
from latewood.decide.judge import Cause, Reason, has_expired
from latewood.decide.keys import check_key, inputs_digest, path_texts, reuse_key
from latewood.decide.plan import Plan, Step, reusable
from latewood.decide.retry import RetryAt, after_failure
from latewood.decide.state import VersionFacts
from latewood.engine.attempt import Attempts, Made
from latewood.engine.binding import Bindings, Blocked, Bound
from latewood.engine.calls import Raised
from latewood.engine.file_hash import content_of
from latewood.engine.loader import Loaded
from latewood.engine.recorder import Recorder
from latewood.engine.store import ArtifactAddress, ArtifactStore, Staged
from latewood.engine.values import Values
from latewood.errors import StoreError
from latewood.events import (
    CheckEvaluated,
    Event,
    InputRead,
    OutputMade,
    ReusedOutput,
    ReuseSourceLost,
    SkipReason,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    VersionAccepted,
)
from latewood.model.definitions import AssetDefinition, Catalog, CheckDefinition
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId, version_id

Verdicts = Callable[[AssetId, PartitionKey], Mapping[tuple[str, str], bool]]
"""Past verdicts on an asset partition by (check name, check key)."""

_UNCHECKED: Final = Reason(Cause.UNCHECKED)
_VERSIONS_MAX: Final = 8_192
"""Most characters of one input's versions in an event: hundreds of ranges; usually there is one."""

Told = list[tuple[Event, Sequence[object]]]
"""Facts with the names that tell them apart within the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A step that ended, once that is durable."""

    assets: tuple[AssetKey, ...]
    partition: PartitionKey
    status: str
    duration_ms: float = 0.0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""


@dataclass(slots=True)
class Tally:
    """How many steps ended how."""

    ran: int = 0
    reused: int = 0
    failed: int = 0
    refused: int = 0
    skipped: int = 0


class InlineRun:
    """One run of a plan in this process."""

    def __init__(
        self,
        plan: Plan,
        *,
        catalog: Catalog,
        loaded: Loaded,
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
        self._report = report
        self._bindings = Bindings(catalog, plan.state)
        self._values = Values(store)
        self._attempts = Attempts(loaded, self._values, run, clock)
        # What this run makes may be reused by its later steps: the same task under another asset's name.
        self._made_here: dict[tuple[str, str], VersionFacts] = {}
        self._state = replace(plan.state, reusable=ChainMap(self._made_here, dict(plan.state.reusable)))
        self.tally = Tally()

    def execute(self) -> Tally:
        """Run every step that can be run; what is not downstream of a failure goes on.

        Raises KeyboardInterrupt, and whatever the log refuses: what was told before it stays.
        """
        for step in self._plan.steps():
            self._step(step)
        self._recorder.told()
        return self.tally

    def _step(self, step: Step) -> None:
        try:
            bound = self._bindings.bind(step.task.node, step.ordinal)
        except Blocked as blocked:
            self._skip(step, blocked)
            return
        inputs = inputs_digest((b.input.name, b.data_version) for b in bound if b.input.loads)
        taken = self._reusable(step, inputs)
        if taken is None:
            self._run_step(step, bound, inputs)
        else:
            self._reuse(step, bound, inputs, taken)

    # ── running ───────────────────────────────────────────────────────────────────────────────────────

    def _run_step(self, step: Step, bound: list[Bound], inputs: str) -> None:
        task = step.task.node.task
        deadline = self._clock() + task.timeouts.total if task.timeouts.total else None
        attempt = 1
        while True:
            cause = self._tell_started(step, attempt, bound, inputs)
            outcome = self._attempts.attempt(step, bound, attempt)
            if isinstance(outcome, Made):
                self._succeed(step, attempt, bound, inputs, outcome, cause)
                return
            luck = random.random()  # noqa: S311 - spreads retries; no secret
            next_ = after_failure(task.retries, attempt, self._clock(), luck, deadline=deadline)
            retry_at = next_.at if isinstance(next_, RetryAt) else None
            self._tell_failed(step, attempt, outcome, retry_at, cause)
            if retry_at is None:
                return
            self._sleep(max(0.0, (retry_at - self._clock()).total_seconds()))
            attempt += 1

    def _tell_started(self, step: Step, attempt: int, bound: list[Bound], inputs: str) -> UUID:
        node = step.task.node
        off = node.task.reuse.is_off
        inputs_read, needs = self._inputs_read(bound)
        fact = StepStarted(
            run=self._run,
            step=step.number,
            attempt=attempt,
            assets=node.ids,
            task=node.task.name,
            code=node.task.code.version,
            logic=node.logic,
            inputs_digest=inputs,
            partition=step.partition,
            reuse_key="" if off else reuse_key(node.logic, inputs, step.partition),
            no_reuse="reuse is off" if off else "",
            parameters=dict(node.parameters),
            inputs=inputs_read,
            reasons=written(step.reasons),
        )
        ids = self._recorder.tell(
            (fact, ("started", step.number, attempt)), cause=self._bindings.cause(bound), needs=needs
        )
        if off:
            # Repeating it may do harm: what it was started with must survive a crash in the middle of it.
            self._recorder.told()
        return ids[0]

    def _inputs_read(self, bound: list[Bound]) -> tuple[dict[str, InputRead], list[Staged]]:
        """What is recorded of the inputs; a list of versions too long for an event goes to the store, by address."""
        read = dict(self._bindings.read_facts(bound))
        needs: list[Staged] = []
        for name, fact in read.items():
            if len(fact.versions) > _VERSIONS_MAX:
                staged = self._store.stage(fact.versions.encode(), "versions")
                read[name] = msgspec.structs.replace(fact, versions=f"@{staged.address}")
                needs.append(staged)
        return read, needs

    def _succeed(self, step: Step, attempt: int, bound: list[Bound], inputs: str, made: Made, cause: UUID) -> None:
        node = step.task.node
        variant = self._bindings.is_variant(node, bound)
        off = node.task.reuse.is_off or bool(made.no_reuse) or self._files_changed(step)
        key = "" if off else reuse_key(node.logic, inputs, step.partition)
        present = [
            (asset, id_) for asset, id_ in zip(node.assets, node.ids, strict=True) if asset.output in made.outputs
        ]
        outputs = tuple(_output(asset, id_, made, variant=variant) for asset, id_ in present)
        needs = [*(staged.staged for staged in made.outputs.values()), *filter(None, (made.logs,))]
        fact = StepSucceeded(
            run=self._run,
            step=step.number,
            attempt=attempt,
            environment=self._state.environment,
            code=node.task.code.version,
            logic=node.logic,
            inputs_digest=inputs,
            outputs=outputs,
            duration_ms=made.returned.duration_ms,
            partition=step.partition,
            reuse_key=key,
            logs=made.logs.address if made.logs else "",
        )
        metadata = outputs[0].metadata if outputs else {}
        (told,) = self._recorder.tell(
            (fact, ("succeeded", step.number)),
            cause=cause,
            needs=needs,
            then=self._reported(step, "succeeded", made.returned.duration_ms, metadata),
        )
        self.tally.ran += 1
        for asset in node.assets:
            if asset.output not in made.outputs:
                self._bindings.failed(asset.key, step.ordinal, SkipReason.OUTPUT_ABSENT, step.number)
        for (asset, _), output in zip(present, outputs, strict=True):
            self._settle(step, asset, self._facts(step, fact, output), variant=variant, cause=told)

    def _files_changed(self, step: Step) -> bool:
        """True when a file or folder that a parameter names is no longer what was planned with."""
        node = step.task.node
        return any(
            content_of(named) != self._state.contents.get(named) for named in path_texts(node.task, node.parameters)
        )

    def _facts(self, step: Step, fact: StepSucceeded, output: OutputMade) -> VersionFacts:
        return VersionFacts(
            asset=output.asset,
            partition=step.partition,
            version=version_id(self._run, step.number),
            position=0,  # not recorded yet; nothing in this run asks
            made_at=self._clock(),
            duration_ms=fact.duration_ms,
            data_version=output.data_version,
            artifact=output.artifact,
            code=fact.code,
            logic=fact.logic,
            inputs=fact.inputs_digest,
            reuse_key=fact.reuse_key,
            accepted=output.accepted,
        )

    def _settle(self, step: Step, asset: AssetDefinition, facts: VersionFacts, *, variant: bool, cause: UUID) -> None:
        """Evaluate the checks of a new version; what is downstream reads it only if the blocking ones pass."""
        passes, told = self._judge(step, asset, facts, {})
        if passes and not facts.accepted:
            told.append(self._accepted(step, facts, head=not variant))
        if told:
            failed = [fact for fact, _ in told if isinstance(fact, CheckEvaluated) and not fact.passed]
            refusals = [verdict for verdict in failed if verdict.blocking]
            warnings = [verdict for verdict in failed if not verdict.blocking]
            then = self._refused(step, refusals[0]) if refusals else self._warned(step, warnings) if warnings else None
            self._recorder.tell(*told, cause=cause, then=then)
        if facts.reuse_key:
            self._made_here[facts.reuse_key, asset.output] = facts._replace(accepted=passes)
        self._bind_result(step, asset, facts._replace(accepted=passes), variant=variant, event=cause)

    def _bind_result(
        self, step: Step, asset: AssetDefinition, facts: VersionFacts, *, variant: bool, event: UUID
    ) -> None:
        if facts.accepted:
            self._bindings.made(asset.key, step.ordinal, facts, variant=variant, event=event)
        else:
            self._bindings.failed(asset.key, step.ordinal, SkipReason.CHECK_FAILED, step.number)

    # ── reuse ─────────────────────────────────────────────────────────────────────────────────────────

    def _reusable(self, step: Step, inputs: str) -> tuple[VersionFacts | None, ...] | None:
        """Versions to take instead of running, by output, known to exist; None = run."""
        node = step.task.node
        if self._plan.request.force or node.task.reuse.is_off:
            return None
        if _UNCHECKED in step.reasons:
            taken: tuple[VersionFacts | None, ...] | None = tuple(
                self._state.heads[id_].get(step.partition) for id_ in node.ids
            )
        else:
            taken = reusable(node, step.partition, inputs, self._state) or self._heads_of_this_key(step, inputs)
        for facts in filter(None, taken or ()):
            if not self._store.exists(ArtifactAddress(facts.artifact)):
                fact = ReuseSourceLost(
                    run=self._run,
                    step=step.number,
                    asset=facts.asset,
                    version=facts.version,
                    artifact=facts.artifact,
                    partition=step.partition,
                )
                self._recorder.tell((fact, ("lost", step.number, facts.asset)))
                return None
        return taken

    def _heads_of_this_key(self, step: Step, inputs: str) -> tuple[VersionFacts | None, ...] | None:
        """The step's own heads, if they are what it would compute: what it reads was made again, with equal content.

        The state does not list them among the reusable: nobody else can reuse them.
        """
        node, state = step.task.node, self._state
        key = reuse_key(node.logic, inputs, step.partition)
        heads = tuple(state.heads.get(id_, {}).get(step.partition) for id_ in node.ids)
        equal = all(
            head is not None
            and head.reuse_key == key
            and head.artifact not in state.lost
            and not has_expired(head, node.task.reuse, state)
            for head in heads
        )
        return heads if equal else None

    def _reuse(self, step: Step, bound: list[Bound], inputs: str, taken: tuple[VersionFacts | None, ...]) -> None:
        node = step.task.node
        variant = self._bindings.is_variant(node, bound)
        told: Told = []
        accepting: Told = []
        outputs: list[ReusedOutput] = []
        results: list[tuple[AssetDefinition, VersionFacts]] = []
        for asset, id_, facts in zip(node.assets, node.ids, taken, strict=True):
            if facts is None:
                self._bindings.failed(asset.key, step.ordinal, SkipReason.OUTPUT_ABSENT, step.number)
                continue
            own = facts if facts.asset == id_ else self._as_own(step, facts, id_)
            passes, verdicts = self._judge(
                step, asset, own, self._verdicts(id_, step.partition) if asset.checks else {}
            )
            told += verdicts
            result = own._replace(accepted=passes)
            outputs.append(self._reused_output(step, asset, facts, result, head=passes and not variant))
            if passes and own is facts and not facts.accepted:
                accepting.append(self._accepted(step, result, head=False))
            results.append((asset, result))
        fact = StepReused(
            run=self._run,
            step=step.number,
            environment=self._state.environment,
            reuse_key=reuse_key(node.logic, inputs, step.partition),
            code=node.task.code.version,
            logic=node.logic,
            inputs_digest=inputs,
            outputs=tuple(outputs),
            partition=step.partition,
        )
        all_told = (*told, (fact, ("reused", step.number)), *accepting)
        then = self._reported(step, "reused")
        if not all(result.accepted for _, result in results):
            # Equal data under an equal check: the verdict stands, and nothing would come of computing it again.
            self.tally.refused += 1
            then = self._reported(step, "refused", message="a blocking check failed on the same data before")
        ids = self._recorder.tell(*all_told, cause=self._bindings.cause(bound), then=then)
        self.tally.reused += 1
        for asset, result in results:
            self._bind_result(step, asset, result, variant=variant, event=ids[len(told)])

    def _as_own(self, step: Step, facts: VersionFacts, id_: AssetId) -> VersionFacts:
        """Another asset's version as one of this asset, which gets a version of its own with the same content."""
        return facts._replace(asset=id_, version=version_id(self._run, step.number), accepted=False)

    def _reused_output(
        self, step: Step, asset: AssetDefinition, facts: VersionFacts, result: VersionFacts, *, head: bool
    ) -> ReusedOutput:
        now = self._state.heads.get(result.asset, {}).get(step.partition)
        moves = now is None or now.version != result.version
        made = None
        if facts.asset != result.asset:
            made = OutputMade(
                asset=result.asset,
                output=asset.output,
                data_version=facts.data_version,
                artifact=facts.artifact,
                size=self._store.size_of(ArtifactAddress(facts.artifact)),
                accepted=result.accepted,
                head=False,
            )
        return ReusedOutput(
            asset=result.asset,
            version=result.version,
            head=head and moves,
            made=made,
            made_at=None if made is None else facts.made_at,
        )

    # ── checks ────────────────────────────────────────────────────────────────────────────────────────

    def _judge(
        self, step: Step, asset: AssetDefinition, facts: VersionFacts, known: Mapping[tuple[str, str], bool]
    ) -> tuple[bool, Told]:
        """Whether the blocking checks pass, and the new verdicts: an equal check of equal data is not run again."""
        told: Told = []
        passes = True
        for check in asset.checks:
            key = check_key(check, facts.data_version, step.partition)
            verdict = known.get((check.name, key))
            if verdict is None:
                result = self._attempts.verdict(step, asset, check, facts)
                verdict = result.passed
                fact = self._check_fact(step, check, key, facts, result)
                told.append((fact, ("check", step.number, facts.asset, check.name)))
            passes = passes and (verdict or not check.blocking)
        return passes, told

    def _check_fact(
        self, step: Step, check: CheckDefinition, key: str, facts: VersionFacts, result: CheckResult
    ) -> CheckEvaluated:
        return CheckEvaluated(
            run=self._run,
            step=step.number,
            asset=facts.asset,
            version=facts.version,
            check=check.name,
            check_key=key,
            passed=result.passed,
            blocking=check.blocking,
            severity=check.severity,
            partition=step.partition,
            metadata=dict(result.metadata),
            message=result.message,
        )

    def _accepted(self, step: Step, facts: VersionFacts, *, head: bool) -> tuple[Event, Sequence[object]]:
        fact = VersionAccepted(
            run=self._run,
            step=step.number,
            environment=self._state.environment,
            asset=facts.asset,
            version=VersionId(facts.version),
            head=head,
            partition=step.partition,
        )
        return fact, ("accepted", step.number, facts.asset)

    # ── what did not come to be ───────────────────────────────────────────────────────────────────────

    def _tell_failed(self, step: Step, attempt: int, raised: Raised, retry_at: datetime | None, cause: UUID) -> None:
        node = step.task.node
        logs: Staged | None = None
        with suppress(StoreError):  # a store that cannot write often is why the attempt failed
            logs = self._values.stage_logs(raised.output)
        fact = StepFailed(
            run=self._run,
            step=step.number,
            attempt=attempt,
            failure=raised.failure,
            duration_ms=raised.duration_ms,
            assets=node.ids,
            partition=step.partition,
            retry_at=retry_at,
            logs=logs.address if logs else "",
        )
        status = "failed" if retry_at is None else "retrying"
        message = f"{raised.failure.error}: {raised.failure.message}"
        then = self._reported(step, status, raised.duration_ms, message=message)
        self._recorder.tell(
            (fact, ("failed", step.number, attempt)), cause=cause, needs=[logs] if logs else (), then=then
        )
        if retry_at is None:
            self.tally.failed += 1
            for key in node.keys:
                self._bindings.failed(key, step.ordinal, SkipReason.UPSTREAM_FAILED, step.number)

    def _skip(self, step: Step, blocked: Blocked) -> None:
        node = step.task.node
        fact = StepSkipped(
            run=self._run,
            step=step.number,
            reason=blocked.reason,
            assets=node.ids,
            partition=step.partition,
            because=blocked.because,
        )
        then = self._reported(step, "skipped", message=blocked.reason)
        self._recorder.tell((fact, ("skipped", step.number)), then=then)
        # An optional output that is absent is a result like any other; what reads it has nothing to do.
        self.tally.skipped += blocked.reason is not SkipReason.OUTPUT_ABSENT
        because = step.number if blocked.because is None else blocked.because
        for key in node.keys:
            self._bindings.failed(key, step.ordinal, blocked.reason, because)

    def _warned(self, step: Step, verdicts: list[CheckEvaluated]) -> Callable[[], None]:
        message = "; ".join(f"check {v.check} failed{': ' if v.message else ''}{v.message}" for v in verdicts)
        return self._reported(step, "warned", metadata=verdicts[0].metadata, message=message)

    def _refused(self, step: Step, verdict: CheckEvaluated) -> Callable[[], None]:
        self.tally.refused += 1
        message = f"blocking check {verdict.check} failed{': ' if verdict.message else ''}{verdict.message}"
        return self._reported(step, "refused", message=message)

    def _reported(
        self,
        step: Step,
        status: str,
        duration_ms: float = 0.0,
        metadata: Mapping[str, Any] | None = None,
        message: str = "",
    ) -> Callable[[], None]:
        report = Report(
            assets=step.task.node.keys,
            partition=step.partition,
            status=status,
            duration_ms=duration_ms,
            metadata=metadata or {},
            message=message,
        )
        return lambda: self._report(report)


def written(reasons: tuple[Reason, ...]) -> tuple[str, ...]:
    """Reasons as events keep them: `cause` or `cause:subject`."""
    return tuple(f"{r.cause.value}:{r.subject}" if r.subject else r.cause.value for r in reasons)


def _output(asset: AssetDefinition, id_: AssetId, made: Made, *, variant: bool) -> OutputMade:
    staged = made.outputs[asset.output]
    accepted = not asset.blocking_checks
    return OutputMade(
        asset=id_,
        output=asset.output,
        data_version=staged.data_version,
        artifact=staged.staged.address,
        size=staged.staged.size,
        accepted=accepted,
        head=accepted and not variant,
        metadata={**staged.metadata, **made.metadata},
        columns=staged.columns,
    )
