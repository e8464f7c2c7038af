"""Checks of the versions a run makes or takes: verdicts, known or new, and the acceptance that follows from them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Protocol, TypeVar

from latewood.context import CheckResult, Context
from latewood.decide.keys import check_key, parameters_of
from latewood.decide.state import State, VersionFacts
from latewood.engine.loading.loader import Loaded
from latewood.engine.loading.signature import live_parameter
from latewood.engine.running.attempt import files_changed, received, refused
from latewood.engine.running.calls import Raised, call
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.recorder import Told
from latewood.engine.storage.store import Staged
from latewood.engine.values.recordable import failed_with, recordable_metadata, text
from latewood.engine.values.values import Values
from latewood.errors import StoreError, ValueRefused
from latewood.events import CheckEvaluated, Failure, VersionAccepted
from latewood.model.definitions import AssetDefinition, CheckDefinition
from latewood.model.keys import PartitionKey, RunId

Known = Mapping[tuple[str, str], CheckResult]
"""Verdicts on an asset partition that stand, by (check name, check key)."""

NOTHING_KNOWN: Final[Known] = {}


@dataclass(slots=True)
class Judged:
    """What the checks of a version say: whether it may be head, and the facts, with the artifacts they need."""

    passes: bool = True
    told: Told = field(default_factory=list)
    needs: list[Staged] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evaluated:
    """One call of a check. Where `failure` is, the check came to no verdict."""

    result: CheckResult
    failure: Failure | None = None
    no_reuse: str = ""
    output: str = ""


class Judging(Protocol):
    """What has made, or seen, what is judged: a step, or a look."""

    @property
    def number(self) -> int:
        """In its run."""
        ...

    @property
    def ordinal(self) -> int:
        """Of the partition."""
        ...

    @property
    def partition(self) -> PartitionKey:
        """Which one."""
        ...


By = TypeVar("By", bound=Judging)


class Checks(Generic[By]):
    """Evaluates the checks of a loaded location for the steps of one run, or the looks of one observation."""

    def __init__(
        self,
        loaded: Loaded,
        values: Values,
        resources: OpenResources,
        run: RunId,
        state: State,
        context: Callable[[By, int], Context],
    ) -> None:
        self._loaded = loaded
        self._values = values
        self._resources = resources
        self._run = run
        self._state = state
        self._context = context

    def judge(
        self,
        step: By,
        asset: AssetDefinition,
        facts: VersionFacts,
        known: Known,
        *,
        variant: bool,
        values: Values | None = None,
    ) -> Judged:
        """Whether the blocking checks pass: a verdict that stands is not asked for again.

        `values` load the version where it is not stored for good yet. A refusal that stands is told again: this
        environment may not know of it, or not that it is met once more.
        """
        judged = Judged()
        contents = self._state.contents_of(asset.key)
        for check in asset.checks:
            key = check_key(check, facts.data_version, step.partition, contents, asset.partitions)
            verdict = known.get((check.name, key))
            if verdict is None:
                evaluated = self._evaluate(step, asset, check, facts, values or self._values)
                verdict = evaluated.result
                stands = not (
                    evaluated.failure
                    or evaluated.no_reuse
                    or files_changed(check.task, parameters_of(check.task, {}), contents, self._loaded.root)
                )
                self._tell(judged, step, check, key if stands else "", facts, evaluated, variant=variant)
            elif check.blocking and not verdict.passed:
                self._tell(judged, step, check, key, facts, _Evaluated(result=verdict), variant=variant)
            judged.passes &= verdict.passed or not check.blocking
        return judged

    def accepted(self, step: By, facts: VersionFacts, *, head: bool) -> Told:
        """That nothing stands before the version any more."""
        fact = VersionAccepted(
            run=self._run,
            step=step.number,
            environment=self._state.environment,
            asset=facts.asset,
            version=facts.version,
            head=head,
            partition=step.partition,
        )
        return [(fact, ("accepted", step.number, facts.asset))]

    def _evaluate(
        self, step: By, asset: AssetDefinition, check: CheckDefinition, facts: VersionFacts, values: Values
    ) -> _Evaluated:
        live = self._loaded.checks[asset.key, check.name]
        ((name, annotation),) = live.inputs.items()
        context = self._context(step, 1)
        try:
            arguments: dict[str, Any] = {name: values.load(asset.key, facts, annotation)}
        except (ValueRefused, StoreError) as error:
            return _failed(refused(error))
        arguments |= {
            parameter.name: live_parameter(live.parameters[parameter.name], parameter.default, self._loaded.root)
            for parameter in check.task.parameters
        }
        arguments |= received(live, asset, (step.ordinal, step.ordinal + 1), context)
        outcome = call(self._resources.calling(live), arguments, timeout=check.task.timeouts.running)
        if isinstance(outcome, Raised):
            return _failed(outcome)
        try:
            if context.partitions_added:
                raise ValueRefused(f'check "{check.name}": a check adds no partitions; let a task do it')
            result = _recordable(outcome.value, check)
        except ValueRefused as error:
            return _failed(replace(refused(error), output=outcome.output))
        return _Evaluated(result=result, no_reuse=context.no_reuse, output=outcome.output)

    def _tell(
        self,
        judged: Judged,
        step: By,
        check: CheckDefinition,
        key: str,
        facts: VersionFacts,
        evaluated: _Evaluated,
        *,
        variant: bool,
    ) -> None:
        logs: Staged | None = None
        with suppress(StoreError):  # a store that cannot write may be why the check failed
            logs = self._values.stage_logs(evaluated.output)
        fact = CheckEvaluated(
            run=self._run,
            step=step.number,
            asset=facts.asset,
            version=facts.version,
            check=check.name,
            check_key=key,
            passed=evaluated.result.passed,
            blocking=check.blocking,
            severity=check.severity,
            partition=step.partition,
            metadata=dict(evaluated.result.metadata),
            message=evaluated.result.message,
            environment=self._state.environment,
            variant=variant,
            failure=evaluated.failure,
            logs=logs.address if logs else "",
        )
        judged.told.append((fact, ("check", step.number, facts.asset, check.name)))
        judged.needs += filter(None, (logs,))


def _failed(raised: Raised) -> _Evaluated:
    """A check that came to no verdict has not passed, this once."""
    message = f"{raised.failure.error}: {raised.failure.message}"
    return _Evaluated(result=CheckResult(passed=False, message=message), failure=raised.failure, output=raised.output)


def _recordable(value: Any, check: CheckDefinition) -> CheckResult:
    match value:
        case CheckResult() as result:
            metadata = recordable_metadata(result.metadata, subject=f'check "{check.name}"')
            try:
                passed, message = bool(result.passed), str(result.message)
            except Exception as error:  # objects of the user's own
                raise ValueRefused(f'check "{check.name}": {failed_with(error)}') from error
            return CheckResult(passed=passed, metadata=metadata, message=text(message))
        case bool(passed):
            return CheckResult(passed=passed)
        case other:
            raise ValueRefused(f'check "{check.name}": expected a CheckResult or a bool, found {type(other).__name__}')
