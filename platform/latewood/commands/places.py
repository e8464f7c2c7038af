"""Places where IO stores values: what lies there now, what the log says of it, and who may store there."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from latewood.commands.workspace import Workspace
from latewood.decide.plan import Plan
from latewood.decide.state import Heads, Lying, VersionFacts
from latewood.engine.loading.loaded import Loaded
from latewood.engine.storage.known_hashes import KnownHashes
from latewood.errors import UsageError
from latewood.events import Action
from latewood.model.definitions import AssetDefinition, Catalog, Origin, StoredBy
from latewood.model.keys import AssetId, AssetKey, PartitionKey
from latewood.places import Address, identity, is_placed, is_shared, may_meet, own_place
from latewood.projections.environments import existing
from latewood.projections.places import lying
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood_eventlog.records import Position

Seen = Mapping[str, str | None]
"""Fingerprints of what lies at places, empty for nothing, None where nobody can tell, by `Address.where`."""

Looks = dict[tuple[str, str], str | None]
"""The same of each version that should be there, by place and artifact: for a command that plans twice."""

_NAMED_MAX = 3
"""Places that are named one by one."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Versions that lie at places which can be looked at from here, by place, each with its asset."""

    versions: Mapping[str, tuple[AssetKey, VersionFacts]] = field(default_factory=dict)

    def unseen(self, seen: Seen) -> "Watched":
        """Those that nobody looked at yet."""
        return Watched({where: found for where, found in self.versions.items() if where not in seen})


def with_places(catalog: Catalog, ids: Mapping[AssetKey, AssetId]) -> list[AssetId]:
    """The assets that IO stores, or that jobs may leave in other systems; nearly always none."""
    assets = catalog.assets.items()
    return [ids[key] for key, asset in assets if asset.stored is not None or asset.task.runs_on is not None]


def watched(heads: Heads, ids: Mapping[AssetKey, AssetId]) -> Watched:
    """The heads of these assets that lie at places."""
    found: dict[str, tuple[AssetKey, VersionFacts]] = {}
    for key, id_ in ids.items():
        for facts in heads.get(id_, {}).values():
            if (address := Address.of(facts.artifact)) is not None:
                found[address.where] = (key, facts)
    return Watched(found)


def brought_here(
    connection: Snapshot,
    workspace: Workspace,
    catalog: Catalog,
    ids: Mapping[AssetKey, AssetId],
    heads: Heads,
    as_of: Position,
) -> Heads:
    """The heads, each at the environment's own place where a copy of it was stored there. Cost: a lookup for each."""
    elsewhere: dict[str, tuple[AssetId, PartitionKey]] = {}
    for key, asset in catalog.assets.items():
        if asset.stored is None or asset.origin is not Origin.MADE or key not in ids:
            continue
        for partition, facts in heads.get(ids[key], {}).items():
            address, own = Address.of(facts.artifact), own_place(asset, partition, workspace.environment)
            if own is not None and (address is None or address.where != own):
                elsewhere[own] = (ids[key], partition)
    if not elsewhere:
        return heads
    found = {asset: dict(of_asset) for asset, of_asset in heads.items()}
    for where, there in lying(connection, workspace.project, elsewhere, as_of).items():
        asset_id, partition = elsewhere[where]
        facts = found[asset_id][partition]
        if there.version == facts.version:
            io, _, place = where.partition(":")
            found[asset_id][partition] = facts._replace(artifact=Address(io, place, there.fingerprint).written)
    return found


def look_at(places: Watched, root: Path, home: Path, loaded: Loaded | None = None, looks: Looks | None = None) -> Seen:
    """What lies there now, as far as it can be told: of users' own IO only where its code is loaded.

    No transaction should be open meanwhile. Raises StoreError where an IO fails. Cost: a file is read if it was touched
    since it was looked at last, as is remembered below `home`. What `looks` has is not looked at, and what is is added.
    """
    known = {} if looks is None else looks
    left = [(where, *found) for where, found in places.versions.items() if (where, found[1].artifact) not in known]
    if left:
        known |= _looks(left, root, home, loaded)
    return {where: known[where, facts.artifact] for where, (_, facts) in places.versions.items()}


def _looks(
    places: Iterable[tuple[str, AssetKey, VersionFacts]], root: Path, home: Path, loaded: Loaded | None
) -> Looks:
    from latewood.engine.running.opened import OpenResources  # noqa: PLC0415 - costs time, and few commands need it
    from latewood.engine.running.placing import Places  # noqa: PLC0415 - as above

    resources = OpenResources({} if loaded is None else loaded.resources)
    hashes = KnownHashes(home)
    looking = Places({} if loaded is None else loaded.ios, root, resources, hashes.version)
    try:
        return {
            (where, facts.artifact): looking.look(key, facts.partition, facts.artifact) for where, key, facts in places
        }
    finally:
        resources.close()
        hashes.save()


def places_at(
    connection: Snapshot, workspace: Workspace, versions: Iterable[VersionFacts], seen: Seen, as_of: Position
) -> dict[str, Lying]:
    """What is at the places where these versions lie: as it was seen, else as the log says."""
    wheres = {address.where for facts in versions if (address := Address.of(facts.artifact)) is not None}
    found = lying(connection, workspace.project, wheres, as_of)
    for where in wheres:
        there = seen.get(where)
        if there is not None and (where not in found or found[where].fingerprint != there):
            found[where] = Lying(there)
    return found


def newly_found(workspace: Workspace, made: Plan) -> dict[str, str]:
    """What the plan has seen at places where it is not what the log says."""
    seen = {where: there.fingerprint for where, there in made.state.places.items() if not there.position}
    if not seen:
        return {}
    with snapshot(workspace.log) as connection:
        known = lying(connection, workspace.project, seen, NOW)
    return {w: seen[w] for w in sorted(seen) if w not in known or known[w].fingerprint != seen[w]}


def may_overwrite(workspace: Workspace, loaded: Loaded) -> bool:
    """Whether the location stores at places that other assets, or other environments if there are any, might have too.

    Of other locations' assets only the plan knows.
    """
    if may_meet(loaded.assets, workspace.environment, loaded.root):
        return True
    if not any(asset.stored is not None and is_shared(asset.stored) for asset in loaded.assets):
        return False
    with snapshot(workspace.log) as connection:
        there = existing(connection, workspace.project, NOW)
    return any(found.environment != workspace.environment for found in there)


def refuse_overwriting(made: Plan, catalog: Catalog, root: Path) -> None:
    """Raise UsageError for a place that the plan would store at for two assets, or that is where another one's head is.

    Their templates differ, else they were refused when definitions were loaded; filled in they are the same.
    """
    environment = made.state.environment
    meeting = may_meet(catalog.assets.values(), environment, root)
    storing = [(asset.key, partition) for asset, partition in _stored_by(made) if asset.key in meeting]
    if not storing:
        return
    there = [(key, partition) for key in meeting for partition in made.state.heads.get(made.state.ids[key], {})]
    owners: dict[str, AssetKey] = {}
    for is_stored, (key, partition) in [*((True, one) for one in storing), *((False, one) for one in there)]:
        where = own_place(catalog.assets[key], partition, environment)
        assert where is not None, "it is stored somewhere"
        place = identity(where, root)
        owner = owners.setdefault(place, key) if is_stored else owners.get(place, key)
        if owner != key:
            raise UsageError(
                f"{owner} and {key} are both stored at {where.partition(':')[2]}, and would overwrite each other; "
                "give one of them another place"
            )


def refuse_foreign(workspace: Workspace, made: Plan) -> None:
    """Raise UsageError for places that the plan would store at and that another environment's versions lie at.

    Only templates without `{environment}` can lead there. An environment that is dropped has no places.
    """
    wheres = dict(_places_to_store_at(made))
    if not wheres:
        return
    with snapshot(workspace.log) as connection:
        there = {found.environment for found in existing(connection, workspace.project, NOW)}
        owners = lying(connection, workspace.project, wheres, NOW, stored=True)
    foreign = {
        where: found.environment
        for where, found in owners.items()
        if found.environment != workspace.environment and found.environment in there
    }
    if foreign:
        lines = [f"  {wheres[where]}: {where} has versions of {foreign[where]}" for where in list(foreign)[:_NAMED_MAX]]
        more = [f"  … and {len(foreign) - _NAMED_MAX:,} more"] if len(foreign) > _NAMED_MAX else []
        raise UsageError(
            "\n".join(
                [
                    f"{workspace.environment} would overwrite what another environment stands on:",
                    *lines,
                    *more,
                    "Put {environment} into the place, so that each has its own.",
                ]
            )
        )


def _places_to_store_at(made: Plan) -> Iterator[tuple[str, AssetKey]]:
    for asset, partition in _stored_by(made, is_shared):
        where = own_place(asset, partition, made.state.environment)
        assert where is not None, "it is stored somewhere"
        yield where, asset.key


def _stored_by(
    made: Plan, wanted: Callable[[StoredBy], bool] = lambda _: True
) -> Iterator[tuple[AssetDefinition, PartitionKey]]:
    """What the plan would store by IO, or takes as it lies there."""
    for task in made.tasks:
        stored = [a for a in task.node.assets if a.stored is not None and wanted(a.stored)]
        if not stored or task.node.is_variant:
            continue
        for group in task.groups:
            if group.action in (Action.FRESH, Action.BLOCKED, Action.SKIP):
                continue
            for ordinal in group.ordinals:
                for asset in stored:
                    yield asset, task.node.partition_key(ordinal)


def displaced_text(
    workspace: Workspace, root: Path | None, named: Collection[tuple[AssetKey, VersionFacts]]
) -> dict[str, str]:
    """Of these versions those that are at their places no more, by address, with what became of each, as a clause.

    As the log says; where it is known which `root` relative places start from, also as they are now.
    """
    placed = [(key, facts) for key, facts in named if is_placed(facts.artifact)]
    if not placed:
        return {}
    looked = Watched({_where(facts): (key, facts) for key, facts in placed})
    seen = {} if root is None else look_at(looked, root, workspace.home)
    with snapshot(workspace.log) as connection:
        found = places_at(connection, workspace, [facts for _, facts in placed], seen, NOW)
    texts: dict[str, str] = {}
    for _, facts in placed:
        address = Address.of(facts.artifact)
        assert address is not None, "only such are asked about"
        there = found.get(address.where)
        if there is None or there.fingerprint == address.fingerprint:
            continue
        if there.version:
            run = there.version.rpartition(".")[0]
            said = f"was overwritten by run {run} in {there.environment}, with {there.version}"
        else:
            said = f"was {'changed' if there.fingerprint else 'removed'} outside of Latewood"
        texts[facts.artifact] = f"{address.place} {said}"
    return texts


def _where(facts: VersionFacts) -> str:
    address = Address.of(facts.artifact)
    assert address is not None, "only such are asked about"
    return address.where
