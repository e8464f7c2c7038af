"""Checks of the versions a run makes or takes: verdicts, known or new, and the acceptance that follows from them."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from latewood.context import CheckResult
from latewood.decide.keys import check_key, parameters_of
from latewood.decide.state import State, VersionFacts
from latewood.engine.running.asks import Evaluate, Judging, Script, evaluated
from latewood.engine.running.attempt import Evaluated, files_changed, no_verdict
from latewood.engine.running.calls import Raised
from latewood.engine.running.recorder import Told
from latewood.engine.storage.store import Staged
from latewood.engine.values.values import Values
from latewood.errors import StoreError
from latewood.events import CheckEvaluated, Event, Failure, VersionAccepted
from latewood.model.definitions import AssetDefinition, CheckDefinition
from latewood.model.keys import RunId

Known = Mapping[tuple[str, str], CheckResult]
"""Verdicts on an asset partition that stand, by (check name, check key)."""

NOTHING_KNOWN: Final[Known] = {}


@dataclass(slots=True)
class Judged:
    """What the checks of a version say: whether it may be head, and the facts, with the artifacts they need."""

    passes: bool = True
    told: Told = field(default_factory=list)
    needs: list[Staged] = field(default_factory=list)


class Checks:
    """What the checks of one run's versions say, and is told of that; `root` is where paths in parameters start.

    `here` is a version as it can be read here, or why it cannot.
    """

    def __init__(
        self,
        values: Values,
        run: RunId,
        state: State,
        root: Path,
        here: Callable[[VersionFacts], Script[VersionFacts | Failure]] | None = None,
    ) -> None:
        self._here = here
        self._values = values
        self._run = run
        self._state = state
        self._root = root

    def judge(
        self,
        step: Judging,
        asset: AssetDefinition,
        facts: VersionFacts,
        known: Known,
        *,
        variant: bool,
        told: Iterable[tuple[Event, object]] = (),
    ) -> Script[Judged]:
        """Whether the blocking checks pass: a verdict that stands is not asked for again, nor one that was `told`.

        A refusal that stands is told again: this environment may not know of it, or not that it is met once more.
        """
        judged = Judged()
        before = {fact.check: fact for fact, _ in told if isinstance(fact, CheckEvaluated)}
        for check in asset.checks:
            verdict: CheckEvaluated | CheckResult | None = before.get(check.name)
            if verdict is None:
                key = self._key(step, asset, check, facts)
                verdict = known.get((check.name, key))
                if verdict is None:
                    found = yield from self._evaluated(Evaluate(step, asset, check, facts))
                    verdict = found.result
                    self._tell_found(judged, step, asset, check, facts, found, variant=variant)
                elif check.blocking and not verdict.passed:
                    self._tell(judged, step, check, key, facts, Evaluated(result=verdict), variant=variant)
            judged.passes &= verdict.passed or not check.blocking
        return judged

    def at_hand(
        self,
        step: Judging,
        asset: AssetDefinition,
        facts: VersionFacts,
        verdicts: Mapping[str, Evaluated],
        *,
        variant: bool,
    ) -> Judged:
        """What the verdicts say, by check, that came with a version; that nothing stands before it, if they are all.

        They are told together with the version: of a command that is over nobody could have them again.
        """
        judged = Judged()
        for check in asset.checks:
            if (found := verdicts.get(check.name)) is not None:
                self._tell_found(judged, step, asset, check, facts, found, variant=variant)
                judged.passes &= found.result.passed or not check.blocking
        if judged.passes and not facts.accepted and len(judged.told) == len(asset.checks):
            judged.told += self.accepted(step, facts, head=not variant)
        return judged

    def accepted(self, step: Judging, facts: VersionFacts, *, head: bool) -> Told:
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

    def _evaluated(self, ask: Evaluate) -> Script[Evaluated]:
        here = ask.facts if self._here is None else (yield from self._here(ask.facts))
        if isinstance(here, Failure):
            return no_verdict(Raised(failure=here, duration_ms=0.0, output=""))
        return (yield from evaluated(ask._replace(facts=here)))

    def _key(self, step: Judging, asset: AssetDefinition, check: CheckDefinition, facts: VersionFacts) -> str:
        contents = self._state.contents_of(asset.key)
        return check_key(check, facts.data_version, step.partition, contents, asset.partitions)

    def _tell_found(
        self,
        judged: Judged,
        step: Judging,
        asset: AssetDefinition,
        check: CheckDefinition,
        facts: VersionFacts,
        found: Evaluated,
        *,
        variant: bool,
    ) -> None:
        """Tell a new verdict, which stands unless something says that it would be another one the next time."""
        contents = self._state.contents_of(asset.key)
        stands = not (
            found.failure
            or found.no_reuse
            or files_changed(check.task, parameters_of(check.task, {}), contents, self._root)
        )
        key = self._key(step, asset, check, facts) if stands else ""
        self._tell(judged, step, check, key, facts, found, variant=variant)

    def _tell(
        self,
        judged: Judged,
        step: Judging,
        check: CheckDefinition,
        key: str,
        facts: VersionFacts,
        found: Evaluated,
        *,
        variant: bool,
    ) -> None:
        logs: Staged | None = None
        with suppress(StoreError):  # a store that cannot write may be why the check failed
            logs = self._values.stage_logs(found.output)
        fact = CheckEvaluated(
            run=self._run,
            step=step.number,
            asset=facts.asset,
            version=facts.version,
            check=check.name,
            check_key=key,
            passed=found.result.passed,
            blocking=check.blocking,
            severity=check.severity,
            partition=step.partition,
            metadata=dict(found.result.metadata),
            message=found.result.message,
            environment=self._state.environment,
            variant=variant,
            failure=found.failure,
            logs=logs.address if logs else "",
        )
        judged.told.append((fact, ("check", step.number, facts.asset, check.name)))
        judged.needs += filter(None, (logs,))
