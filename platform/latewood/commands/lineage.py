"""Lineage between versions: what a version was made from, and what from it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from latewood.commands.versions import Making, listed, makings, names_of, versions_meant
from latewood.commands.views import PRESENT, AsOf, View, known_key, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.state import VersionFacts
from latewood.decide.versions import expand
from latewood.errors import UsageError
from latewood.events import InputRead
from latewood.model.definitions import Origin
from latewood.model.keys import AssetId, AssetKey, AssetVersion, PartitionKey, VersionId
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import heads, history, versions_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A version and what it read through one input: `versions` of `asset`, compact as in `latewood.decide.versions`.

    `equal_to` is set where it did not read what is above it but other versions of the same content: whose head has that
    content now. `depth` counts levels from what was asked about, from 1.
    """

    reader: AssetKey
    reader_partition: PartitionKey
    reader_version: VersionId
    input: str
    asset: AssetKey
    versions: str
    partitions: str
    depth: int
    equal_to: AssetKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A version that was not computed but taken from one of another asset of the same task: what it read is its own."""

    asset: AssetKey
    partition: PartitionKey
    version: VersionId
    from_asset: AssetKey
    from_version: VersionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Links to what was read and to what read it, nearest level first, each level in the order of partitions.

    `taken` are those of the versions asked about, and of the readers, that were taken from other assets.
    """

    view: View
    upstream: tuple[Link, ...]
    downstream: tuple[Link, ...]
    taken: tuple[Taken, ...]


def unasked() -> None:
    """Lets a walk go on to its next level."""


def lineage(
    workspace: Workspace,
    key: str,
    *,
    partition: str = "",
    version: str = "",
    up: int = 1,
    down: int = 0,
    as_of: AsOf = PRESENT,
    view: View | None = None,
    most: int | None = None,
    each_level: Callable[[], None] = unasked,
) -> Lineage:
    """The exact versions that a version was made from, `up` levels, and those made from it, `down` levels.

    Asked without a version it is about the heads of these partitions, of all without any. Downstream of a head are the
    versions that read it, and those heads of its readers that read another version of equal content in its place:
    these were left as they are because nothing changed for them. Of a version asked for by its id it is only what read
    that very one. Downstream looks at the latest 1,000 versions of each reader. `view` is that of then, where it is
    known; `each_level` is called before each level is read, and may raise. Cost: O(versions met). Raises UsageError
    where there are more links than `most` in a direction.
    """
    with snapshot(workspace.log) as connection:
        view = view or read_view(connection, workspace, as_of=as_of, loaded=None, ids={})
        asset = known_key(view, key)
        meant = versions_meant(connection, workspace, view, asset, partition=partition, version=version)
        walk = _Walk(connection, workspace, view)
        upstream = _bounded(walk.up(meant, up, each_level), most, "--up")
        downstream = _bounded(walk.down(meant, down, each_level, exact=bool(version)), most, "--down")
        return Lineage(view=view, upstream=upstream, downstream=downstream, taken=tuple(walk.taken(meant)))


def _bounded(links: Iterator[Link], most: int | None, option: str) -> tuple[Link, ...]:
    found = tuple(links if most is None else islice(links, most + 1))
    if most is not None and len(found) > most:
        depth = found[-1].depth
        fewer = f"fewer levels ({option} {depth - 1}), " if depth > 1 else ""
        raise UsageError(
            f"expected at most {most:,} links (--first), found more up to level {depth}: ask for {fewer}"
            "fewer partitions (--partition) or one version (--version), and on from there"
        )
    return found


class _Walk:
    """Steps from level to level, as the log has them."""

    def __init__(self, connection: Snapshot, workspace: Workspace, view: View) -> None:
        self._connection = connection
        self._workspace = workspace
        self._view = view
        self._names: dict[str, AssetKey] = {id_: key for key, id_ in view.ids.items()}
        self._makings: dict[AssetVersion, Making] = {}
        self._readers: dict[AssetVersion, PartitionKey] = {}

    def up(self, meant: Iterable[VersionFacts], levels: int, each_level: Callable[[], None]) -> Iterator[Link]:
        level: dict[AssetVersion, None] = dict.fromkeys((facts.asset, facts.version) for facts in meant)
        for depth in range(1, levels + 1):
            each_level()
            following: dict[tuple[AssetId, str], None] = {}
            made = self._makings_of(level)
            self._learn({asset for asset, _ in made} | {read.asset for each in made.values() for read in _inputs(each)})
            for reader, making in made.items():
                for name, read, versions in self._reads(making):
                    yield self._link(reader, making, name, read, versions, depth)
                    following[read.asset, versions] = None  # many have read the same
            level = {(asset, version): None for asset, versions in following for version in expand(versions)}

    def down(
        self, meant: Iterable[VersionFacts], levels: int, each_level: Callable[[], None], *, exact: bool
    ) -> Iterator[Link]:
        level = list(meant)
        for depth in range(1, levels + 1):
            each_level()
            assets = {self._names[facts.asset]: None for facts in level}
            following: dict[AssetVersion, VersionFacts] = {}
            for reader in {reader: None for asset in assets for reader in self._downstreams(asset)}:
                for link, facts in self._readers_of(reader, level, depth, exact=exact):
                    yield link
                    following[facts.asset, facts.version] = facts
            level = list(following.values())

    def _downstreams(self, asset: AssetKey) -> Iterator[AssetKey]:
        """What reads the asset, itself or through views."""
        for reader in self._view.catalog.graph.downstreams[asset]:
            if self._view.catalog[reader].origin is Origin.VIRTUAL:
                yield from self._downstreams(reader)
            yield reader

    def _readers_of(
        self, reader: AssetKey, level: Collection[VersionFacts], depth: int, *, exact: bool
    ) -> Iterator[tuple[Link, VersionFacts]]:
        """The reader's versions that read something of the level, or what equals a head in it, oldest first."""
        id_, as_of = self._view.ids[reader], self._view.as_of
        above = frozenset((facts.asset, facts.version) for facts in level)
        latest = history(self._connection, self._workspace.project, id_, before=as_of + 1, limit=1_000)
        made = {(facts.asset, facts.version): facts for facts in reversed(latest)}
        contents = {} if exact else self._contents_of_heads(level)
        of_inputs = {i.name: i.asset for i in self._view.catalog[reader].task.inputs}
        standing = self._standing(id_) if contents else frozenset()

        def head_read(named: AssetVersion, name: str, read: InputRead) -> AssetKey | None:
            """What a head reads there, if a head of that is in the level; through a view it is what was read."""
            key = of_inputs.get(name, self._names.get(read.asset))
            return key if named in standing and key in contents else None

        reads = [
            (named, making, name, read, versions)
            for named, making in self._makings_of(made).items()
            for name, read, versions in self._reads(making)
        ]
        others = [
            (read.asset, version)
            for named, _, name, read, versions in reads
            if head_read(named, name, read) is not None
            for version in expand(versions)
        ]
        known = versions_of(self._connection, self._workspace.project, others, as_of)
        for named, making, name, read, versions in reads:
            found = [(read.asset, version) for version in expand(versions)]
            equal_to = None
            if above.isdisjoint(found):
                equal_to = head_read(named, name, read)
                now = contents[equal_to] if equal_to is not None else {}
                was = [known[version] for version in found if version in known]
                if not any(now.get(facts.partition) == facts.data_version for facts in was):
                    continue
            yield self._link(named, making, name, read, versions, depth, equal_to), made[named]

    def _contents_of_heads(self, level: Collection[VersionFacts]) -> dict[AssetKey, dict[PartitionKey, str]]:
        """The data versions of those in the level that are heads, by asset and partition."""
        standing: dict[AssetId, frozenset[AssetVersion]] = {}
        found: dict[AssetKey, dict[PartitionKey, str]] = {}
        for facts in level:
            if facts.asset not in standing:
                standing[facts.asset] = self._standing(facts.asset)
            if (facts.asset, facts.version) in standing[facts.asset]:
                found.setdefault(self._names[facts.asset], {})[facts.partition] = facts.data_version
        return found

    def _standing(self, asset: AssetId) -> frozenset[AssetVersion]:
        """The heads of an asset."""
        workspace = self._workspace
        found = heads(self._connection, workspace.project, workspace.environment, [asset], self._view.as_of)
        return frozenset((asset, facts.version) for facts in found[asset].values())

    def taken(self, meant: Iterable[VersionFacts]) -> Iterator[Taken]:
        """Of what was asked about, and of all readers that were met, what was taken from another asset."""
        met = {(facts.asset, facts.version): facts.partition for facts in meant} | self._readers
        sources = {named: making.source for named, making in self._makings_of(met).items()}
        for named, source in sources.items():
            if source is not None:
                yield Taken(
                    asset=self._name(named[0]),
                    partition=met[named],
                    version=named[1],
                    from_asset=self._name(source[0]),
                    from_version=source[1],
                )

    def _makings_of(self, versions: Iterable[AssetVersion]) -> Mapping[AssetVersion, Making]:
        wanted = list(versions)
        unknown = [named for named in wanted if named not in self._makings]
        self._makings |= makings(self._connection, self._workspace, unknown)
        return {named: self._makings[named] for named in wanted}

    def _reads(self, making: Making) -> Iterator[tuple[str, InputRead, str]]:
        """What a step read: the input's name, what was recorded of it, and the versions, compact."""
        for name, read in (making.started.inputs if making.started is not None else {}).items():
            yield name, read, listed(self._workspace, read.versions)

    def _learn(self, assets: Collection[AssetId]) -> None:
        """Their names, in one question for all that are not defined here."""
        if unknown := [asset for asset in assets if asset not in self._names]:
            known = names_of(self._connection, self._workspace, self._view, unknown)
            self._names |= {asset: known.get(asset, AssetKey(asset)) for asset in unknown}

    def _link(
        self,
        reader: AssetVersion,
        making: Making,
        name: str,
        read: InputRead,
        versions: str,
        depth: int,
        equal_to: AssetKey | None = None,
    ) -> Link:
        assert making.started is not None, "it read something"
        self._readers[reader] = making.started.partition
        return Link(
            reader=self._name(reader[0]),
            reader_partition=making.started.partition,
            reader_version=reader[1],
            input=name,
            asset=self._name(read.asset),
            versions=versions,
            partitions=read.partitions,
            depth=depth,
            equal_to=equal_to,
        )

    def _name(self, asset: AssetId) -> AssetKey:
        """What the asset is called here, or was last called where it is not defined here any more."""
        self._learn([asset])
        return self._names[asset]


def _inputs(making: Making) -> Collection[InputRead]:
    return () if making.started is None else making.started.inputs.values()
