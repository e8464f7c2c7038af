"""Checks of what was seen of external assets: their values are loaded by the IO, and a verdict is as one of a run."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from latewood.context import Context
from latewood.decide.state import State, VersionFacts
from latewood.engine.loading.loaded import Loaded
from latewood.engine.running.asks import Ask, Evaluate, Judging, played
from latewood.engine.running.attempt import Evaluated
from latewood.engine.running.check_calls import CheckCalls
from latewood.engine.running.checking import Checks, Judged, Known
from latewood.engine.running.looking import Sight
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.placing import Places
from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.values import Values
from latewood.model.definitions import AssetDefinition, CheckDefinition
from latewood.model.keys import AssetId, PartitionKey, RunId, version_id
from latewood.model.partitions import ordinal_of
from latewood.model.schemes import dynamic_names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What checks judge in place of a step."""

    asset: AssetDefinition
    number: int
    ordinal: int
    partition: PartitionKey


Evaluating = Callable[[Judging, AssetDefinition, CheckDefinition, VersionFacts], Evaluated]
"""Calls a check for what was seen."""


class SightChecks:
    """Evaluates the checks of external assets for one observation; `root` is where paths in parameters start."""

    def __init__(self, store: ArtifactStore, run: RunId, state: State, root: Path, evaluate: Evaluating) -> None:
        self._run = run
        self._now = state.now
        self._checks = Checks(Values(store), run, state, root)
        self._evaluate = evaluate

    def judge(
        self, asset: AssetDefinition, id_: AssetId, partition: PartitionKey, number: int, sight: Sight, known: Known
    ) -> Judged:
        """What the checks say of what was seen by look `number`; verdicts that stand are not asked for again."""
        look = _Look(asset=asset, number=number, ordinal=ordinal_of(asset.partitions, partition), partition=partition)
        facts = VersionFacts(
            asset=id_,
            partition=partition,
            version=version_id(self._run, number),
            position=0,  # not recorded yet; nobody asks
            made_at=self._now,
            duration_ms=0.0,
            data_version=sight.data_version,
            artifact=sight.artifact,
            code="",
            logic="",
            inputs="",
            reuse_key="",
            accepted=True,
        )
        return played(self._checks.judge(look, asset, facts, known, variant=False), self._answer)

    def _answer(self, ask: Ask) -> Evaluated:
        assert isinstance(ask, Evaluate), "nothing else is asked of a look"
        return self._evaluate(*ask)


def evaluating(
    loaded: Loaded,
    store: ArtifactStore,
    resources: OpenResources,
    run: RunId,
    clock: Callable[[], datetime],
    assets: Collection[AssetDefinition],
) -> Evaluating:
    """Calls the checks of a loaded location in this process."""
    dynamic = frozenset(name for asset in assets for name in dynamic_names(asset.partitions))

    def context(look: _Look, attempt: int) -> Context:
        return Context(
            assets=(look.asset.key,),
            outputs=(look.asset.output,),
            partition=look.partition,
            run=run,
            attempt=attempt,
            now=clock,
            is_cancelled=lambda: False,
            on_progress=lambda _share, _message: None,
            dynamic=dynamic,
        )

    values = Values(store, placed=Places(loaded.ios, loaded.root, resources))
    return CheckCalls(loaded, values, resources, context, run).evaluate
