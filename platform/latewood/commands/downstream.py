"""What was made from given versions, in every environment: exact versions, where they are heads, what would mend it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from latewood.commands.planning import Asked, make_plan
from latewood.commands.reading import heads_read
from latewood.commands.views import PRESENT, View, read_view, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.derivation import Derivation, Lineages, downstream
from latewood.decide.plan import Plan, plan
from latewood.decide.selection import AnyOf, Term, show
from latewood.decide.state import Retracted, VersionFacts
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import NothingToMake, UsageError
from latewood.events import TYPE_OF, StepReused, StepStarted, from_json
from latewood.model.definitions import Origin
from latewood.model.keys import AssetId, AssetKey, PartitionKey, VersionId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, is_partition, ordinal_of
from latewood.model.schemes import Scheme
from latewood.projections.environments import existing
from latewood.projections.retractions import Named, equal_versions, existing_versions, first_position
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood.projections.statistics import keys_of_ids
from latewood_eventlog.records import Position

_READ_AT_ONCE = 2_000  # events in memory
_DERIVING = (TYPE_OF[StepStarted], TYPE_OF[StepReused])
_ASKED_AT_ONCE = 5_000  # versions in a query


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Versions of one asset."""

    key: AssetKey
    versions: tuple[tuple[PartitionKey, VersionId], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadsAt:
    """Partitions of an asset whose heads in the environment are among the versions; `partitions` as ranges."""

    environment: str
    key: AssetKey
    count: int
    partitions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What goes back to some versions. `roots` are these and what equals them, `made` what was made from them.

    `heads` is where any of them is a head, `plans` by environment what a run of all that is stale would do: each is
    made when it is asked for.
    """

    roots: tuple[Made, ...]
    made: tuple[Made, ...]
    heads: tuple[HeadsAt, ...]
    plans: Mapping[str, Plan]


def reach(workspace: Workspace, named: Iterable[Named], retracted: Retracted, *, is_foreseen: bool) -> Reach:
    """All that goes back to these versions, or to what equals them; nothing else does.

    `retracted` is what the plans are made by, which `is_foreseen` if it is not recorded. Cost: O(events since the
    oldest of them) and the heads of what was found; of each plan that is asked for that of all that is stale. Memory:
    O(versions found).
    """
    with snapshot(workspace.log) as connection:
        roots = equal_versions(connection, workspace.project, named)
        since = first_position(connection, workspace.project, roots)
        found = downstream([(AssetId(a), VersionId(v)) for a, _, v in roots], _derivations(workspace, since))
        made = list(_existing(connection, workspace, found))
        keys = keys_of_ids(connection, workspace.project, {asset for asset, _, _ in (*roots, *made)})
        standing: list[HeadsAt] = []
        for environment in existing(connection, workspace.project, NOW):
            there = replace(workspace, environment=environment.environment)
            standing += _heads_at(connection, there, keys, (*roots, *made))
    return Reach(
        roots=_by_asset(roots, keys),
        made=_by_asset(made, keys),
        heads=tuple(standing),
        plans=_Plans(
            list(dict.fromkeys(head.environment for head in standing)),
            lambda name: _mending(workspace, name, standing, retracted, is_foreseen=is_foreseen),
        ),
    )


class _Plans(Mapping[str, Plan]):
    """By environment, made when they are asked for: there may be many, and whoever asks may want none, or few."""

    def __init__(self, environments: Sequence[str], make: Callable[[str], Plan]) -> None:
        self._made: dict[str, Plan | None] = dict.fromkeys(environments)
        self._make = make

    def __getitem__(self, environment: str) -> Plan:
        found = self._made[environment]
        if found is None:
            found = self._made[environment] = self._make(environment)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def _derivations(workspace: Workspace, since: Position) -> Iterator[Derivation]:
    """What every step after a position read, in the order of the log."""
    after = since
    while events := workspace.log.read_types(workspace.project, _DERIVING, after=after, limit=_READ_AT_ONCE):
        for event in events:
            fact = from_json(event.type, event.data)
            if isinstance(fact, StepStarted):
                reads = tuple((read.asset, _listed(workspace, read.versions)) for read in fact.inputs.values())
                yield Derivation(fact.run, fact.step, fact.assets, fact.partition, reads)
            elif isinstance(fact, StepReused):
                for output in fact.outputs:  # a version of its own, with what another asset's holds
                    if output.source is not None:
                        yield Derivation(fact.run, fact.step, (output.asset,), fact.partition, (output.source,))
        after = events[-1].position


def _listed(workspace: Workspace, versions: str) -> str:
    """Versions as recorded, read from their artifact where they were too many for the event."""
    if not versions.startswith("@"):
        return versions
    return workspace.store.read(ArtifactAddress(versions[1:])).decode()


def _existing(connection: Snapshot, workspace: Workspace, found: Iterable[Derivation]) -> Iterator[Named]:
    """The versions that those steps came to make: not all that start succeed, or make all their outputs."""
    waiting: list[Named] = []
    for made in found:
        waiting += [(asset, made.partition, made.version) for asset in made.assets]
        if len(waiting) >= _ASKED_AT_ONCE:
            yield from existing_versions(connection, workspace.project, waiting)
            waiting.clear()
    yield from existing_versions(connection, workspace.project, waiting)


def _by_asset(named: Sequence[Named], keys: Mapping[str, AssetKey]) -> tuple[Made, ...]:
    by_asset: dict[AssetKey, list[tuple[PartitionKey, VersionId]]] = {}
    for asset, partition, version in named:
        by_asset.setdefault(keys[asset], []).append((PartitionKey(partition), VersionId(version)))
    return tuple(Made(key=key, versions=tuple(sorted(versions))) for key, versions in by_asset.items())


def _heads_at(
    connection: Snapshot, workspace: Workspace, keys: Mapping[str, AssetKey], named: Sequence[Named]
) -> Iterator[HeadsAt]:
    assets = list(dict.fromkeys(AssetId(asset) for asset, _, _ in named))
    among = Lineages((AssetId(asset), VersionId(version)) for asset, _, version in named)
    view = read_view(connection, workspace, as_of=PRESENT, loaded=None, ids={})
    names = {id_: key for key, id_ in view.ids.items()}
    for asset, by_partition in heads_read(connection, workspace, assets, NOW).items():
        found = {p: facts for p, facts in by_partition.items() if among.overlaps(asset, facts.version)}
        if found:
            key = names.get(asset, keys[asset])
            scheme = view.catalog[key].partitions if key in view.catalog.assets else None
            partitions = _counting(scheme, found)
            yield HeadsAt(
                environment=workspace.environment,
                key=key,
                count=len(partitions),
                partitions=partitions_text(scheme, partitions),
            )


def _counting(scheme: Scheme | None, found: Mapping[PartitionKey, VersionFacts]) -> list[PartitionKey]:
    """Partitions with these heads, without those that were and whose head counts as that of one that is."""
    present = {partition for partition in found if is_partition(scheme, partition)}
    carried = {found[partition].partition for partition in present}
    return [partition for partition in found if partition in present or partition not in carried]


def partitions_text(scheme: Scheme | None, partitions: Iterable[PartitionKey]) -> str:
    """Partitions as ranges; those that the scheme has not are named one by one."""
    ordinals, others = [], []
    for partition in partitions:
        try:
            ordinals.append(ordinal_of(scheme, partition))
        except UsageError:
            others.append(partition)
    told = describe(scheme, Ordinals.of(ordinals)) if ordinals and scheme is not None else ""
    return ", ".join(filter(None, (told, *sorted(others))))


def _mending(
    workspace: Workspace, environment: str, standing: Sequence[HeadsAt], retracted: Retracted, *, is_foreseen: bool
) -> Plan:
    """The plan for all that is stale in the environment, or would be, which is what is to be run next.

    What would be, if nothing is recorded yet, are those assets; what it no longer defines, or others make, nobody can
    make. Where there is nothing that can be made there is no step.
    """
    there = replace(workspace, environment=environment)
    view: View = view_of(there)
    assets = view.catalog.assets
    here = [found.key for found in standing if found.environment == environment and found.key in assets]
    keys = [key for key in here if assets[key].origin is Origin.MADE] if is_foreseen else []
    terms = (Term(field="status", pattern="stale"), *(Term(field="key", pattern=key) for key in keys))
    try:
        made = make_plan(there, view, Asked(selection=show(AnyOf(of=terms)) if keys else "status:stale"))
    except NothingToMake:
        return make_plan(there, view, Asked(selection="*", places={}))
    return plan(view.catalog, made.request, replace(made.state, retracted=retracted)) if is_foreseen else made
