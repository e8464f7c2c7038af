"""Checks of the versions a run makes or takes: verdicts, known or new, and the acceptance that follows from them."""

from collections.abc import Callable, Mapping
from typing import Final

from latewood.context import CheckResult, Context
from latewood.decide.keys import check_key
from latewood.decide.plan import Step
from latewood.decide.state import VersionFacts
from latewood.engine.attempt import received
from latewood.engine.calls import Raised, call
from latewood.engine.loader import Loaded
from latewood.engine.recordable import recordable_metadata, text
from latewood.engine.recorder import Told
from latewood.engine.signature import live_parameter
from latewood.engine.values import Values
from latewood.errors import ValueRefused
from latewood.events import CheckEvaluated, VersionAccepted
from latewood.model.definitions import AssetDefinition, CheckDefinition
from latewood.model.keys import RunId

Known = Mapping[tuple[str, str], bool]
"""Past verdicts on an asset partition by (check name, check key)."""

NOTHING_KNOWN: Final[Known] = {}


class Checks:
    """Evaluates the checks of a loaded location for the steps of one run."""

    def __init__(
        self, loaded: Loaded, values: Values, run: RunId, environment: str, context: Callable[[Step, int], Context]
    ) -> None:
        self._loaded = loaded
        self._values = values
        self._run = run
        self._environment = environment
        self._context = context

    def judge(self, step: Step, asset: AssetDefinition, facts: VersionFacts, known: Known) -> tuple[bool, Told]:
        """Whether the blocking checks pass, and the new verdicts: an equal check of equal data is not run again."""
        told: Told = []
        passes = True
        for check in asset.checks:
            key = check_key(check, facts.data_version, step.partition)
            verdict = known.get((check.name, key))
            if verdict is None:
                result = self._verdict(step, asset, check, facts)
                verdict = result.passed
                fact = self._fact(step, check, key, facts, result)
                told.append((fact, ("check", step.number, facts.asset, check.name)))
            passes = passes and (verdict or not check.blocking)
        return passes, told

    def accepted(self, step: Step, facts: VersionFacts, *, head: bool) -> Told:
        """That nothing stands before the version any more."""
        fact = VersionAccepted(
            run=self._run,
            step=step.number,
            environment=self._environment,
            asset=facts.asset,
            version=facts.version,
            head=head,
            partition=step.partition,
        )
        return [(fact, ("accepted", step.number, facts.asset))]

    def _verdict(self, step: Step, asset: AssetDefinition, check: CheckDefinition, facts: VersionFacts) -> CheckResult:
        """The check's verdict on a version; a check that raises has not passed, and says why.

        Raises StoreError: that nobody could look at the data is no verdict on them, and verdicts stand.
        """
        live = self._loaded.checks[asset.key, check.name]
        ((name, annotation),) = live.inputs.items()
        try:
            arguments = {name: self._values.load(facts, annotation)}
        except ValueRefused as error:
            return CheckResult(passed=False, message=str(error))
        arguments |= {
            parameter.name: live_parameter(live.parameters[parameter.name], parameter.default, self._loaded.root)
            for parameter in check.task.parameters
        }
        arguments |= received(live, asset, step.ordinal, self._context(step, 1))
        outcome = call(live.function, arguments, timeout=check.task.timeouts.running)
        if isinstance(outcome, Raised):
            return CheckResult(passed=False, message=f"{outcome.failure.error}: {outcome.failure.message}")
        match outcome.value:
            case CheckResult() as result:
                return _recordable(result, check)
            case bool(passed):
                return CheckResult(passed=passed)
            case other:
                message = f"expected a CheckResult or a bool, found {type(other).__name__}"
                return CheckResult(passed=False, message=message)

    def _fact(
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


def _recordable(result: CheckResult, check: CheckDefinition) -> CheckResult:
    try:
        metadata = recordable_metadata(result.metadata, subject=f'check "{check.name}"')
    except ValueRefused as error:
        return CheckResult(passed=False, message=str(error))
    return CheckResult(passed=bool(result.passed), metadata=metadata, message=text(str(result.message)))
