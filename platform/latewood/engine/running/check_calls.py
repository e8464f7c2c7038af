"""Calling checks: from a version to a verdict, the same way as a task is called."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

from latewood.context import CheckResult, Context
from latewood.decide.state import VersionFacts
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.naming import RESULT
from latewood.engine.loading.signature import live_parameter
from latewood.engine.processes.folders import folders_kept
from latewood.engine.processes.told import StepTold, telling
from latewood.engine.running.asks import Judging
from latewood.engine.running.attempt import Evaluated, no_verdict, received, refused
from latewood.engine.running.calls import Raised, call
from latewood.engine.running.opened import OpenResources
from latewood.engine.values.recordable import failed_with, recordable_metadata, text
from latewood.engine.values.values import Values
from latewood.errors import StoreError, ValueRefused
from latewood.model.definitions import AssetDefinition, CheckDefinition
from latewood.model.keys import RunId


class CheckCalls:
    """Calls the checks of a loaded location for the steps of one run, or the looks of one observation.

    `context` makes what they are told of it; `around` is entered for user code alone, with the time that it may take.
    Commands do not see the environment's variables that are `hidden`.
    """

    def __init__(
        self,
        loaded: Loaded,
        values: Values,
        resources: OpenResources,
        context: Callable[[Any, int], Context],
        run: RunId,
        *,
        hidden: frozenset[str] = frozenset(),
        around: Callable[[timedelta | None], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        self._run = run
        self._around = around
        self._hidden = hidden
        self._loaded = loaded
        self._values = values
        self._resources = resources
        self._context = context

    def evaluate(
        self,
        step: Judging,
        asset: AssetDefinition,
        check: CheckDefinition,
        facts: VersionFacts,
        *,
        values: Values | None = None,
    ) -> Evaluated:
        """What the check says of the version, loaded by `values` where it is not stored for good yet.

        User code fails here and nowhere else.
        """
        live = self._loaded.checks[asset.key, check.name]
        ((name, annotation),) = live.inputs.items()
        context = self._context(step, 1)
        try:
            arguments: dict[str, Any] = {name: (values or self._values).load(asset.key, facts, annotation)}
        except (ValueRefused, StoreError) as error:
            return no_verdict(refused(error))
        arguments |= {
            parameter.name: live_parameter(live.parameters[parameter.name], parameter.default, self._loaded.root)
            for parameter in check.task.parameters
        }
        arguments |= received(live, asset, (step.ordinal, step.ordinal + 1), context)
        told = StepTold(
            function=live.function,
            context=context,
            run=self._run,
            step=step.number,
            attempt=1,
            assets=(asset.key,),
            partition=step.partition,
            read={name: ((step.partition, facts.data_version),)},
            outputs={RESULT: live.returns},
            optional=frozenset(),
            loaded=self._loaded,
            version=check.task.code,
            hidden=self._hidden,
        )
        limit = check.task.timeouts.once
        with self._around(limit), telling(told), folders_kept():
            outcome = call(self._resources.calling(live), arguments, timeout=limit)
        if isinstance(outcome, Raised):
            return no_verdict(outcome)
        try:
            if context.partitions_added:
                raise ValueRefused(f'check "{check.name}": a check adds no partitions; let a task do it')
            result = _recordable(outcome.value, check)
        except ValueRefused as error:
            return no_verdict(replace(refused(error), output=outcome.output))
        return Evaluated(result=result, no_reuse=context.no_reuse, output=outcome.output)


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
