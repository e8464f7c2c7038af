"""Lineage between versions: what a version was made from, and what from it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from latewood.commands.reading import View, known_key, read_view
from latewood.commands.versions import listed, started_of, versions_meant
from latewood.commands.workspace import Workspace
from latewood.decide.versions import expand
from latewood.events import StepStarted
from latewood.model.keys import AssetId, AssetKey, PartitionKey, VersionId
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW, history
from latewood_eventlog.records import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A version and what it read through one input: `versions` of `asset`, compact as in `latewood.decide.versions`.

    `depth` counts levels from what was asked about, from 1.
    """

    reader: AssetKey
    reader_partition: PartitionKey
    reader_version: VersionId
    input: str
    asset: AssetKey
    versions: str
    partitions: str
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Links to what was read and to what read it, nearest level first, each level in the order of partitions."""

    view: View
    upstream: tuple[Link, ...]
    downstream: tuple[Link, ...]


def lineage(
    workspace: Workspace,
    key: str,
    *,
    partition: str = "",
    version: str = "",
    up: int = 1,
    down: int = 0,
    as_of: Position = NOW,
) -> Lineage:
    """The exact versions that a version was made from, `up` levels, and those made from it, `down` levels.

    Asked without a version it is about the heads of these partitions, of all without any. Downstream looks at the
    latest 1,000 versions of each reader. Cost: O(versions met).
    """
    with snapshot(workspace.log) as connection:
        view = read_view(connection, workspace, as_of=as_of, loaded=None, ids={})
        asset = known_key(view, key)
        meant = versions_meant(connection, workspace, view, asset, partition=partition, version=version)
        walk = _Walk(connection, workspace, view)
        start = {asset: tuple(facts.version for facts in meant)}
        return Lineage(view=view, upstream=tuple(walk.up(start, up)), downstream=tuple(walk.down(start, down)))


class _Walk:
    """Steps from level to level, as the log has them."""

    def __init__(self, connection: Snapshot, workspace: Workspace, view: View) -> None:
        self._connection = connection
        self._workspace = workspace
        self._view = view
        self._keys: Mapping[AssetId, AssetKey] = {id_: key for key, id_ in view.ids.items()}

    def up(self, level: Mapping[AssetKey, Iterable[VersionId]], levels: int) -> Iterator[Link]:
        for depth in range(1, levels + 1):
            following: dict[AssetKey, dict[VersionId, None]] = {}
            for reader, versions in level.items():
                for link in self._reads(reader, versions, depth):
                    yield link
                    following.setdefault(link.asset, {}).update(dict.fromkeys(expand(link.versions)))
            level = following

    def down(self, level: Mapping[AssetKey, Iterable[VersionId]], levels: int) -> Iterator[Link]:
        for depth in range(1, levels + 1):
            read = {asset: frozenset(versions) for asset, versions in level.items()}
            following: dict[AssetKey, dict[VersionId, None]] = {}
            for reader in {reader: None for asset in read for reader in self._view.catalog.graph.downstreams[asset]}:
                made = history(
                    self._connection,
                    self._workspace.project,
                    self._view.ids[reader],
                    before=self._view.as_of + 1,
                    limit=1_000,
                )
                for link in self._reads(reader, [facts.version for facts in reversed(made)], depth):
                    if link.asset in read and not read[link.asset].isdisjoint(expand(link.versions)):
                        yield link
                        following.setdefault(reader, {})[link.reader_version] = None
            level = following

    def _reads(self, reader: AssetKey, versions: Iterable[VersionId], depth: int) -> Iterator[Link]:
        versions = list(versions)
        started = started_of(self._connection, self._workspace, versions)
        for version in versions:
            if version in started:
                yield from self._links(reader, version, started[version], depth)

    def _links(self, reader: AssetKey, version: VersionId, started: StepStarted, depth: int) -> Iterator[Link]:
        for name, input_ in started.inputs.items():
            yield Link(
                reader=reader,
                reader_partition=started.partition,
                reader_version=version,
                input=name,
                asset=self._keys.get(input_.asset, AssetKey(input_.asset)),
                versions=listed(self._workspace, input_.versions),
                partitions=input_.partitions,
                depth=depth,
            )
