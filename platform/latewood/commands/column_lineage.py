"""Lineage of columns: what a column was computed from, over several queries, to where nobody knows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from latewood.commands.lineage import unasked
from latewood.commands.versions import Making, listed, makings, names_of, versions_meant
from latewood.commands.views import PRESENT, AsOf, View, known_key, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.versions import expand
from latewood.errors import NotFound, UsageError
from latewood.events import OutputMade
from latewood.model.column_sources import Confidence, derivation_of
from latewood.model.keys import AssetId, AssetKey, AssetVersion, VersionId
from latewood.projections.snapshots import Snapshot, snapshot

MADE_BY_PYTHON: Final = "not known: Python"
MADE_BY_OTHERS: Final = "not known: made by others"
NOT_SAID: Final = "not known: only the database can tell"
TOO_MANY: Final = "not known: it has so many columns that this was not recorded"
CONSTANT: Final = "from no column"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStep:
    """A column of some versions of an asset, and what their queries say it was computed from.

    `unnamed` are so many more versions than `versions`: who asks a server hears the names of a hundred of each step.
    `sources` are columns of assets, each with the input that it was read through. `expression` is how they say it is
    computed; empty where it is taken as it is. Where `end` is, the chain ends there,
    and it says why. `depth` counts from 0, which is the column that was asked about.
    """

    asset: AssetKey
    column: str
    versions: tuple[VersionId, ...]
    confidence: Confidence
    depth: int
    sources: tuple[tuple[str, AssetKey, str], ...] = ()
    expression: str = ""
    end: str = ""
    unnamed: int = 0

    @property
    def count(self) -> int:
        """Of how many versions it is."""
        return len(self.versions) + self.unnamed


def column_lineage(
    workspace: Workspace,
    key: str,
    column: str,
    *,
    partition: str = "",
    version: str = "",
    up: int = 50,
    as_of: AsOf = PRESENT,
    view: View | None = None,
    most: int | None = None,
    each_level: Callable[[], None] = unasked,
) -> tuple[ColumnStep, ...]:
    """What a column of an asset's versions was computed from, `up` levels at most, nearest first.

    It is about the versions that `latewood.commands.lineage` would be about. `each_level` is called before each is
    read, and may raise. Raises NotFound where none of these versions has such a column, UsageError where more than
    `most` are met, each counted for each of its columns. Cost: O(versions met).
    """
    with snapshot(workspace.log) as connection:
        view = view or read_view(connection, workspace, as_of=as_of, loaded=None, ids={})
        asset = known_key(view, key)
        meant = versions_meant(connection, workspace, view, asset, partition=partition, version=version)
        walk = _Walk(connection, workspace, view, most)
        start = {(view.ids[asset], column): dict.fromkeys(facts.version for facts in meant)}
        walk.met(start, 0)
        walk.require(start)
        return tuple(walk.up(start, up, each_level))


@dataclass(frozen=True, slots=True)
class _Derived:
    """What is known of a column of one version; sources by input, as in `ColumnStep`."""

    confidence: Confidence
    sources: tuple[tuple[str, AssetId, str], ...] = ()
    expression: str = ""
    end: str = ""


Level = dict[tuple[AssetId, str], dict[VersionId, None]]


class _Walk:
    """From level to level, as the log has it: columns by the assets that they are of, and these assets' versions."""

    def __init__(self, connection: Snapshot, workspace: Workspace, view: View, most: int | None) -> None:
        self._connection = connection
        self._left = most
        self._most = most
        self._workspace = workspace
        self._view = view
        self._names: dict[str, AssetKey] = {id_: key for key, id_ in view.ids.items()}

    def require(self, start: Level) -> None:
        """Raise NotFound where no version has the column."""
        asset, column = next(iter(start))
        outputs = [self._output(asset, making) for making in self._makings(start).values()]
        known = dict.fromkeys(name for output in outputs if output is not None for name in _columns(output))
        if column not in known:
            key = self._name(asset)
            there = f"there is {', '.join(known)}" if known else "no columns were recorded of it"
            raise NotFound("column", f'"{key}" has no column "{column}"; {there}')

    def met(self, level: Level, depth: int) -> None:
        """Raise UsageError where that level's versions are more than may be met with all those before."""
        if self._left is not None:
            self._left -= sum(map(len, level.values()))
            if self._left < 0:
                fewer = f"fewer levels (--up {depth - 1}), " if depth else ""
                raise UsageError(
                    f"expected to meet at most {self._most:,} versions, found more up to level {depth}: ask for {fewer}"
                    "fewer partitions (--partition) or one version (--version), and on from there"
                )

    def up(self, level: Level, levels: int, each_level: Callable[[], None]) -> Iterator[ColumnStep]:
        for depth in range(levels + 1):
            if not level:
                return
            each_level()
            made = self._makings(level)
            read: dict[tuple[AssetId, str], dict[str, None]] = {}
            found: dict[tuple[AssetId, str], dict[_Derived, list[VersionId]]] = {}
            for (asset, column), versions in level.items():
                alike = found[asset, column] = {}
                for version in versions:
                    making = made[asset, version]
                    derived = self._derived(asset, column, making)
                    alike.setdefault(derived, []).append(version)
                    for name, of, source in derived.sources:
                        read.setdefault((of, source), {})[self._read(making, name)] = None
            self._learn(asset for asset, _ in (*level, *read))
            for (asset, column), alike in found.items():
                for derived, same in alike.items():
                    yield self._step(asset, column, derived, same, depth)
            if depth < levels:
                level = {of: self._expanded(several) for of, several in read.items()}
                self.met(level, depth + 1)

    def _step(
        self, asset: AssetId, column: str, derived: "_Derived", versions: Iterable[VersionId], depth: int
    ) -> ColumnStep:
        return ColumnStep(
            asset=self._name(asset),
            column=column,
            versions=tuple(versions),
            confidence=derived.confidence,
            depth=depth,
            sources=tuple((name, self._name(of), source) for name, of, source in derived.sources),
            expression=derived.expression,
            end=derived.end,
        )

    def _read(self, making: Making, name: str) -> str:
        """The versions, compact: many have read the same."""
        assert making.started is not None, "it has read something"
        return making.started.inputs[name].versions

    def _expanded(self, several: Iterable[str]) -> dict[VersionId, None]:
        """All versions of compact ones, each once; no more than can be told to be too many."""
        found: dict[VersionId, None] = {}
        for versions in several:
            for version in expand(listed(self._workspace, versions)):
                found[version] = None
            if self._left is not None and len(found) > self._left:
                break
        return found

    def _derived(self, asset: AssetId, column: str, making: Making) -> "_Derived":
        output = self._output(asset, making)
        if output is None:
            return _Derived("unknown", end=MADE_BY_OTHERS)
        if not output.column_sources:
            return _Derived("unknown", end=MADE_BY_PYTHON)
        found = derivation_of(column, output.column_sources)
        if found is None:
            return _Derived("unknown", end=TOO_MANY)
        inputs = making.started.inputs if making.started is not None else {}
        sources = tuple((name, inputs[name].asset, source) for name, source in found.sources if name in inputs)
        if found.confidence == "unknown":
            return _Derived("unknown", end=NOT_SAID)
        return _Derived(found.confidence, sources, found.expression, "" if sources else CONSTANT)

    def _output(self, asset: AssetId, making: Making) -> OutputMade | None:
        if making.observed is not None or making.succeeded is None:
            return None
        of = making.source[0] if making.source is not None else asset
        outputs = making.succeeded.outputs
        return next((output for output in outputs if output.asset == of), outputs[0] if len(outputs) == 1 else None)

    def _makings(self, level: Level) -> dict[AssetVersion, Making]:
        wanted = {(asset, version): None for (asset, _), versions in level.items() for version in versions}
        return makings(self._connection, self._workspace, wanted)

    def _name(self, asset: AssetId) -> AssetKey:
        """What the asset is called here, or was last called where it is not defined here any more."""
        self._learn([asset])
        return self._names[asset]

    def _learn(self, assets: Iterable[AssetId]) -> None:
        """Their names, in one question for all that are not defined here."""
        if unknown := [asset for asset in dict.fromkeys(assets) if asset not in self._names]:
            known = names_of(self._connection, self._workspace, self._view, unknown)
            self._names |= {asset: known.get(asset, AssetKey(asset)) for asset in unknown}


def _columns(output: OutputMade) -> Iterator[str]:
    """The names of columns as they are recorded, `name: type`; of thousands the first."""
    recorded = [column for column in output.columns if not column.startswith("… and ")]
    yield from (column.partition(": ")[0] for column in recorded)
