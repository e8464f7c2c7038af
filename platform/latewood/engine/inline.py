"""The inline executor: runs a plan's steps in this process, one after another, in the plan's order.

Steps whose task allows reuse run ahead of the group commit, since repeating them is harmless; before any other step
everything told so far is durable. Nothing is reported as done before it is.
"""

import random
import time
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from latewood.context import CheckResult, Context
from latewood.decide.judge import Node, Reason
from latewood.decide.keys import check_key, inputs_digest, parameters_of, read_version, reuse_key
from latewood.decide.plan import Plan, PlannedTask, Step, reusable
from latewood.decide.retry import RetryAt, after_failure
from latewood.decide.state import State, VersionFacts
from latewood.decide.versions import compact
from latewood.engine.calls import Raised, Returned, call, failure_of
from latewood.engine.loader import Loaded
from latewood.engine.recorder import Recorder
from latewood.engine.signature import LiveTask, live_parameter
from latewood.engine.store import ArtifactAddress, ArtifactStore, Staged, StoreError
from latewood.engine.values import StagedOutput, Values
from latewood.errors import ValueRefused
from latewood.events import (
    Action,
    CheckEvaluated,
    Event,
    Failure,
    FailureKind,
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
from latewood.model.definitions import AssetDefinition, Catalog, CheckDefinition, Input
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId, version_id
from latewood.model.mappings import Offset, upstream_ordinals
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import StaticKeys, TimeWindows, describe, key_at, range_at, window_at

Verdicts = Callable[[AssetId, PartitionKey], Mapping[tuple[str, str], bool]]
"""Past verdicts on an asset partition by (check name, check key)."""


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
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Bound:
    """What one input of a step reads: versions by partition, in order."""

    input: Input
    ordinals: Ordinals
    versions: tuple[tuple[PartitionKey, VersionFacts], ...]

    @property
    def data_version(self) -> str:
        return read_version([(key, facts.data_version) for key, facts in self.versions])


@dataclass(frozen=True, slots=True)
class _Blocked(Exception):  # noqa: N818 - an answer, not a failure
    """The step cannot run, because of another step of this run."""

    reason: SkipReason
    because: int | None


class InlineRun:
    """One run of a plan in this process."""

    def __init__(  # noqa: PLR0913 - what a run needs of the world, given once
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
        self._catalog = catalog
        self._loaded = loaded
        self._run = run
        self._recorder = recorder
        self._store = store
        self._values = Values(store)
        self._verdicts = verdicts
        self._clock = clock
        self._sleep = sleep
        self._report = report
        self._here: dict[tuple[str, str], VersionFacts] = {}
        self._state: State = replace(plan.state, reusable=ChainMap(self._here, dict(plan.state.reusable)))
        self._current: dict[tuple[AssetKey, int], VersionFacts] = {}
        self._failed: dict[tuple[AssetKey, int], tuple[int, SkipReason]] = {}
        self._variants: set[tuple[AssetKey, int]] = set()
        self.tally = Tally()

    def execute(self) -> Tally:
        """Run every step that can be run; what does not depend on a failure goes on.

        Raises KeyboardInterrupt after recording the step that was interrupted, and whatever the log refuses.
        """
        for step in self._plan.steps():
            self._step(step)
        self._recorder.told()
        return self.tally

    def _step(self, step: Step) -> None:
        node = step.task.node
        try:
            bound = [self._bind(node, input_, step.ordinal) for input_ in node.task.inputs]
        except _Blocked as blocked:
            self._skip(step, blocked.reason, blocked.because)
            return
        read = [b for b in bound if b.input.loads]
        inputs = inputs_digest((b.input.name, b.data_version) for b in read)
        taken = self._reusable(step, inputs)
        if taken is not None:
            self._reuse(step, taken, inputs)
        else:
            self._attempts(step, read, inputs)

    # ── what a step reads ─────────────────────────────────────────────────────────────────────────────

    def _bind(self, node: Node, input_: Input, ordinal: int) -> _Bound:
        up = self._catalog[input_.asset]
        ordinals = upstream_ordinals(
            input_.mapping, up.partitions, node.assets[0].partitions, ordinal, self._state.now
        )
        heads = self._state.heads.get(self._state.ids[input_.asset], {})
        versions = []
        for upstream in ordinals:
            if (failure := self._failed.get((input_.asset, upstream))) is not None:
                raise _Blocked(failure[1], failure[0])
            key = key_at(up.partitions, upstream)
            facts = self._current.get((input_.asset, upstream)) or heads.get(key)
            if facts is None:
                if not input_.loads:
                    continue
                raise _Blocked(SkipReason.OUTPUT_ABSENT, None)
            versions.append((key, facts))
        if not versions and input_.loads and not isinstance(input_.mapping, Offset):
            raise _Blocked(SkipReason.OUTPUT_ABSENT, None)
        return _Bound(input_, ordinals, tuple(versions))

    def _is_variant(self, step: Step, bound: list[_Bound]) -> bool:
        node = step.task.node
        if node.parameters != parameters_of(node.task, {}):
            return True
        return any((b.input.asset, o) in self._variants for b in bound for o in b.ordinals)

    # ── reuse ─────────────────────────────────────────────────────────────────────────────────────────

    def _reusable(self, step: Step, inputs: str) -> tuple[VersionFacts, ...] | None:
        """Versions to take instead of running, known to exist; None = run."""
        node, task = step.task.node, step.task.node.task
        if self._plan.request.force or task.reuse.is_off:
            return None
        taken = reusable(node, step.partition, inputs, self._state)
        if taken is None:
            return None
        for facts, id_ in zip(taken, node.ids, strict=True):
            if not self._store.exists(ArtifactAddress(facts.artifact)):
                fact = ReuseSourceLost(
                    run=self._run,
                    step=step.number,
                    asset=id_,
                    version=facts.version,
                    artifact=facts.artifact,
                    partition=step.partition,
                )
                self._recorder.tell((fact, ("lost", step.number, id_)))
                return None
        return taken

    def _reuse(self, step: Step, taken: tuple[VersionFacts, ...], inputs: str) -> None:
        node = step.task.node
        key = reuse_key(node.logic, inputs, step.partition)
        outputs = []
        accepted = []
        facts_now = []
        heads = [self._state.heads.get(id_, {}).get(step.partition) for id_ in node.ids]
        variant = node.parameters != parameters_of(node.task, {})
        checks: list[tuple[Event, tuple[object, ...]]] = []
        for asset, id_, facts, head in zip(node.assets, node.ids, taken, heads, strict=True):
            passes, told = self._check_reused(step, asset, facts)
            checks += told
            own = facts.asset == id_
            version = facts.version if own else version_id(self._run, step.number)
            outputs.append(
                ReusedOutput(
                    asset=id_,
                    version=version,
                    head=passes and not variant and (head is None or head.version != version),
                    made=None
                    if own
                    else OutputMade(
                        asset=id_,
                        output=asset.output,
                        data_version=facts.data_version,
                        artifact=facts.artifact,
                        size=0,
                        accepted=passes,
                        head=False,
                    ),
                )
            )
            accepted.append(passes)
            facts_now.append(facts._replace(asset=id_, version=version, accepted=passes))
        fact = StepReused(
            run=self._run,
            step=step.number,
            environment=self._state.environment,
            reuse_key=key,
            code=node.task.code.version,
            logic=node.logic,
            inputs_digest=inputs,
            outputs=tuple(outputs),
            partition=step.partition,
        )
        accepting = [
            (self._accepted(step, asset, facts.version, head=False), ("accepted", step.number, facts.asset))
            for asset, facts, was in zip(node.assets, facts_now, taken, strict=True)
            if facts.accepted and not was.accepted
        ]
        self._recorder.tell(
            *checks, (fact, ("reused", step.number)), *accepting, then=self._reported(step, "reused")
        )
        self.tally.reused += 1
        for asset, facts in zip(node.assets, facts_now, strict=True):
            if facts.accepted:
                self._current[asset.key, step.ordinal] = facts
                if variant:
                    self._variants.add((asset.key, step.ordinal))
            else:
                self._failed[asset.key, step.ordinal] = (step.number, SkipReason.CHECK_FAILED)

    def _check_reused(
        self, step: Step, asset: AssetDefinition, facts: VersionFacts
    ) -> tuple[bool, list[tuple[Event, tuple[object, ...]]]]:
        """Whether the blocking checks pass for a past version: verdicts on the same data by the same check count."""
        if not asset.checks:
            return True, []
        known = self._verdicts(self._state.ids[asset.key], step.partition)
        told: list[tuple[Event, tuple[object, ...]]] = []
        passes = True
        for check in asset.checks:
            verdict = known.get((check.name, check_key(check, facts.data_version, step.partition)))
            if verdict is None:
                result = self._evaluate(step, asset, check, facts)
                told.append((self._check_fact(step, asset, check, facts, result), ("check", step.number, asset.key, check.name)))
                verdict = result.passed
            passes = passes and (verdict or not check.blocking)
        return passes, told

    # ── running ───────────────────────────────────────────────────────────────────────────────────────

    def _attempts(self, step: Step, bound: list[_Bound], inputs: str) -> None:
        task = step.task.node.task
        deadline = self._clock() + task.timeouts.total if task.timeouts.total else None
        attempt = 1
        while True:
            context = self._context(step, attempt)
            cause = self._tell_started(step, attempt, bound, inputs)
            outcome = self._attempt(step, bound, context)
            if isinstance(outcome, _Made):
                self._succeed(step, attempt, bound, inputs, outcome, context, cause)
                return
            at = self._clock()
            next_ = after_failure(task.retries, attempt, at, random.random(), deadline=deadline)  # noqa: S311 - jitter, no secret
            retry_at = next_.at if isinstance(next_, RetryAt) else None
            self._tell_failed(step, attempt, outcome, retry_at, cause)
            if retry_at is None:
                return
            self._sleep(max(0.0, (retry_at - self._clock()).total_seconds()))
            attempt += 1

    def _tell_started(self, step: Step, attempt: int, bound: list[_Bound], inputs: str) -> Any:
        node = step.task.node
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
            reuse_key="" if node.task.reuse.is_off else reuse_key(node.logic, inputs, step.partition),
            no_reuse="reuse is off" if node.task.reuse.is_off else "",
            parameters=dict(node.parameters),
            inputs={b.input.name: self._input_read(b) for b in bound},
            reasons=tuple(_written(reason) for reason in step.reasons),
        )
        ids = self._recorder.tell((fact, ("started", step.number, attempt)))
        if node.task.reuse.is_off:
            # Repeating it may do harm: what it was started with must survive a crash in the middle of it.
            self._recorder.told()
        return ids[0]

    def _input_read(self, bound: _Bound) -> InputRead:
        up = self._catalog[bound.input.asset].partitions
        return InputRead(
            asset=self._state.ids[bound.input.asset],
            data_version=bound.data_version,
            versions=compact(facts.version for _, facts in bound.versions),
            partitions="" if up is None else describe(up, bound.ordinals),
        )

    def _attempt(self, step: Step, bound: list[_Bound], context: Context) -> "_Made | Raised":
        node = step.task.node
        live = self._loaded.tasks[node.keys[0]]
        try:
            arguments = self._arguments(step, live, bound, context)
        except (ValueRefused, StoreError) as error:
            return _refused(error)
        outcome = call(live.function, arguments, timeout=node.task.timeouts.running)
        if isinstance(outcome, Raised):
            return outcome
        try:
            outputs = self._stage(node, live, outcome.value)
        except (ValueRefused, StoreError) as error:
            return replace(_refused(error), duration_ms=outcome.duration_ms, output=outcome.output)
        return _Made(outputs=outputs, returned=outcome)

    def _arguments(self, step: Step, live: LiveTask, bound: list[_Bound], context: Context) -> dict[str, Any]:
        node = step.task.node
        arguments: dict[str, Any] = {}
        for b in bound:
            subject = f'input "{b.input.name}" of "{node.keys[0]}"'
            arguments[b.input.name] = self._values.load_input(
                b.input, live.inputs[b.input.name], b.versions, subject
            )
        for name, annotation in live.parameters.items():
            arguments[name] = live_parameter(annotation, node.parameters[name])
        arguments |= self._received(live, node.assets[0], step.ordinal, context)
        return arguments

    def _received(
        self, live: LiveTask, asset: AssetDefinition, ordinal: int, context: Context
    ) -> dict[str, Any]:
        scheme = asset.partitions
        received: dict[str, Any] = {}
        for name, kind in live.receives.items():
            match kind:
                case "context":
                    received[name] = context
                case "window":
                    assert isinstance(scheme, TimeWindows), "refused when definitions load"
                    received[name] = window_at(scheme, ordinal)
                case "key":
                    received[name] = key_at(scheme, ordinal)
                case "range":
                    assert isinstance(scheme, TimeWindows | StaticKeys), "refused when definitions load"
                    received[name] = range_at(scheme, (ordinal, ordinal + 1))
        return received

    def _context(self, step: Step, attempt: int) -> Context:
        return Context(
            assets=step.task.node.keys,
            partition=step.partition,
            run=self._run,
            attempt=attempt,
            now=self._clock,
            is_cancelled=lambda: False,
            on_progress=lambda _share, _message: None,
        )

    def _stage(self, node: Node, live: LiveTask, value: Any) -> "dict[str, StagedOutput]":
        by_name = {"result": value} if set(live.outputs) == {"result"} else _by_name(value, live.outputs, node)
        staged: dict[str, StagedOutput] = {}
        for output in node.task.outputs:
            if output.name not in by_name:
                if output.optional:
                    continue
                raise ValueRefused(f'output "{output.name}" of "{node.keys[0]}": expected a value, found none')
            subject = f'output of "{output.asset}"'
            staged[output.name] = self._values.stage(by_name[output.name], live.outputs[output.name], subject=subject)
        return staged

    # ── what came of it ───────────────────────────────────────────────────────────────────────────────

    def _succeed(  # noqa: PLR0913 - the parts of a success
        self,
        step: Step,
        attempt: int,
        bound: list[_Bound],
        inputs: str,
        made: "_Made",
        context: Context,
        cause: Any,
    ) -> None:
        node = step.task.node
        variant = self._is_variant(step, bound)
        off = node.task.reuse.is_off or bool(context.no_reuse)
        key = "" if off else reuse_key(node.logic, inputs, step.partition)
        logs, needs = self._logs(made.returned.output)
        outputs: list[OutputMade] = []
        facts: dict[AssetKey, VersionFacts] = {}
        for asset, id_ in zip(node.assets, node.ids, strict=True):
            staged = made.outputs.get(asset.output)
            if staged is None:
                self._failed[asset.key, step.ordinal] = (step.number, SkipReason.OUTPUT_ABSENT)
                continue
            accepted = not asset.blocking_checks
            needs.append(staged.staged)
            outputs.append(
                OutputMade(
                    asset=id_,
                    output=asset.output,
                    data_version=staged.data_version,
                    artifact=staged.staged.address,
                    size=staged.staged.size,
                    accepted=accepted,
                    head=accepted and not variant,
                    metadata={**staged.metadata, **context.metadata},
                    columns=staged.columns,
                )
            )
            facts[asset.key] = VersionFacts(
                asset=id_,
                partition=step.partition,
                version=version_id(self._run, step.number),
                position=0,
                made_at=self._clock(),
                duration_ms=made.returned.duration_ms,
                data_version=staged.data_version,
                artifact=staged.staged.address,
                code=node.task.code.version,
                logic=node.logic,
                inputs=inputs,
                reuse_key=key,
                accepted=accepted,
            )
        fact = StepSucceeded(
            run=self._run,
            step=step.number,
            attempt=attempt,
            environment=self._state.environment,
            code=node.task.code.version,
            logic=node.logic,
            inputs_digest=inputs,
            outputs=tuple(outputs),
            duration_ms=made.returned.duration_ms,
            partition=step.partition,
            reuse_key=key,
            logs=logs,
        )
        metadata = outputs[0].metadata if outputs else {}
        ids = self._recorder.tell(
            (fact, ("succeeded", step.number)),
            cause=cause,
            needs=needs,
            then=self._reported(step, "succeeded", made.returned.duration_ms, metadata),
        )
        self.tally.ran += 1
        for asset in node.assets:
            if asset.key in facts:
                self._settle(step, asset, facts[asset.key], cause=ids[0], variant=variant)

    def _settle(
        self, step: Step, asset: AssetDefinition, facts: VersionFacts, *, cause: Any, variant: bool
    ) -> None:
        """Evaluate the checks of a new version; what is downstream reads it only if the blocking ones pass."""
        told: list[tuple[Event, tuple[object, ...]]] = []
        passes = True
        for check in asset.checks:
            result = self._evaluate(step, asset, check, facts)
            passes = passes and (result.passed or not check.blocking)
            told.append((self._check_fact(step, asset, check, facts, result), ("check", step.number, asset.key, check.name)))
        if passes and not facts.accepted:
            facts = facts._replace(accepted=True)
            fact = self._accepted(step, asset, facts.version, head=not variant)
            told.append((fact, ("accepted", step.number, facts.asset)))
        if told:
            self._recorder.tell(*told, cause=cause)
        if not passes:
            self._failed[asset.key, step.ordinal] = (step.number, SkipReason.CHECK_FAILED)
            return
        self._current[asset.key, step.ordinal] = facts
        if variant:
            self._variants.add((asset.key, step.ordinal))
        if facts.reuse_key:
            self._here[facts.reuse_key, asset.output] = facts

    def _accepted(
        self, step: Step, asset: AssetDefinition, version: VersionId, *, head: bool
    ) -> VersionAccepted:
        return VersionAccepted(
            run=self._run,
            step=step.number,
            environment=self._state.environment,
            asset=self._state.ids[asset.key],
            version=version,
            head=head,
            partition=step.partition,
        )

    def _evaluate(
        self, step: Step, asset: AssetDefinition, check: CheckDefinition, facts: VersionFacts
    ) -> CheckResult:
        """The check's verdict; a check that raises has not passed, and says why."""
        live = self._loaded.checks[asset.key, check.name]
        ((name, annotation),) = live.inputs.items()
        try:
            arguments = {name: self._values.load(facts, annotation)}
        except (ValueRefused, StoreError) as error:
            return CheckResult(passed=False, message=str(error))
        for parameter, kind in live.parameters.items():
            default = next(p.default for p in check.task.parameters if p.name == parameter)
            arguments[parameter] = live_parameter(kind, default)
        arguments |= self._received(live, asset, step.ordinal, self._context(step, 1))
        outcome = call(live.function, arguments, timeout=check.task.timeouts.running)
        if isinstance(outcome, Raised):
            return CheckResult(passed=False, message=f"{outcome.failure.error}: {outcome.failure.message}")
        if isinstance(outcome.value, CheckResult):
            return outcome.value
        if isinstance(outcome.value, bool):
            return CheckResult(passed=outcome.value)
        found = type(outcome.value).__name__
        return CheckResult(passed=False, message=f"expected a CheckResult or a bool, found {found}")

    def _check_fact(
        self,
        step: Step,
        asset: AssetDefinition,
        check: CheckDefinition,
        facts: VersionFacts,
        result: CheckResult,
    ) -> CheckEvaluated:
        return CheckEvaluated(
            run=self._run,
            step=step.number,
            asset=self._state.ids[asset.key],
            version=facts.version,
            check=check.name,
            check_key=check_key(check, facts.data_version, step.partition),
            passed=result.passed,
            blocking=check.blocking,
            severity=check.severity,
            partition=step.partition,
            metadata=dict(result.metadata),
            message=result.message,
        )

    def _tell_failed(self, step: Step, attempt: int, raised: Raised, retry_at: datetime | None, cause: Any) -> None:
        logs, needs = self._logs(raised.output)
        fact = StepFailed(
            run=self._run,
            step=step.number,
            attempt=attempt,
            failure=raised.failure,
            duration_ms=raised.duration_ms,
            assets=step.task.node.ids,
            partition=step.partition,
            retry_at=retry_at,
            logs=logs,
        )
        status = "failed" if retry_at is None else "retrying"
        message = f"{raised.failure.error}: {raised.failure.message}"
        self._recorder.tell(
            (fact, ("failed", step.number, attempt)),
            cause=cause,
            needs=needs,
            then=self._reported(step, status, raised.duration_ms, message=message),
        )
        if retry_at is None:
            self.tally.failed += 1
            for key in step.task.node.keys:
                self._failed[key, step.ordinal] = (step.number, SkipReason.UPSTREAM_FAILED)

    def _skip(self, step: Step, reason: SkipReason, because: int | None) -> None:
        fact = StepSkipped(
            run=self._run,
            step=step.number,
            reason=reason,
            assets=step.task.node.ids,
            partition=step.partition,
            because=because,
        )
        self._recorder.tell((fact, ("skipped", step.number)), then=self._reported(step, "skipped", message=reason))
        self.tally.skipped += 1
        for key in step.task.node.keys:
            self._failed[key, step.ordinal] = (step.number if because is None else because, reason)

    def _logs(self, output: str) -> tuple[str, list[Staged]]:
        if not output:
            return "", []
        staged = self._store.stage(output.encode(), "log")
        return staged.address, [staged]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A step's results, checked and staged."""

    outputs: "dict[str, StagedOutput]"
    returned: Returned


def _refused(error: Exception) -> Raised:
    kind = FailureKind.STORE if isinstance(error, StoreError) else FailureKind.REFUSED
    failure = Failure(kind=kind, error=type(error).__name__, message=str(error))
    return Raised(failure=failure, duration_ms=0.0, output="")


def _by_name(value: Any, outputs: Mapping[str, Any], node: Node) -> Mapping[str, Any]:
    """A result of several outputs, as a mapping or a named tuple. Raises ValueRefused for anything else."""
    named = value._asdict() if hasattr(value, "_asdict") else value
    if not isinstance(named, Mapping):
        raise ValueRefused(
            f'result of "{node.keys[0]}": expected a dict or a named tuple with {", ".join(outputs)}, '
            f"found {type(value).__name__}"
        )
    unknown = set(named) - set(outputs)
    if unknown:
        raise ValueRefused(
            f'result of "{node.keys[0]}": expected {", ".join(outputs)}, found {", ".join(sorted(map(str, unknown)))} too'
        )
    return named


def _written(reason: Reason) -> str:
    return f"{reason.cause}:{reason.subject}" if reason.subject else str(reason.cause)
