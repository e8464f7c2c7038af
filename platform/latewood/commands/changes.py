"""What changed between two positions of the log: which environments there are, and what one of them has."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from latewood.commands.reading import heads_read
from latewood.commands.versions import names_of
from latewood.commands.views import AsOf, View, refuse_unknown, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.canonical import are_equal
from latewood.decide.keys import parameters_of
from latewood.decide.state import Heads, VersionFacts
from latewood.model.keys import AssetId, AssetKey, PartitionKey
from latewood.projections.carried import carried_over
from latewood.projections.environments import existing, line_of
from latewood.projections.heads import assets_moved
from latewood.projections.snapshots import Snapshot, snapshot
from latewood_eventlog.records import Position

_NOTHING: Mapping[PartitionKey, VersionFacts] = {}


class Move(NamedTuple):
    """A head that is another version than it was; None where there is none."""

    partition: PartitionKey
    before: VersionFacts | None
    after: VersionFacts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedHeads:
    """The heads of an asset that moved, by partition. Those that moved and came back are none of them."""

    asset: AssetId
    key: AssetKey
    moves: tuple[Move, ...]


class Replaced(NamedTuple):
    """A deployment of a location in place of another one; None where there is none."""

    location: str
    before: str | None
    after: str | None


class Given(NamedTuple):
    """A parameter of an asset with another value than it had; None where there is none."""

    asset: AssetKey
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentChanges:
    """What an environment has at the later position otherwise; its view is None at one where it is not there."""

    before: View | None
    after: View | None
    heads: tuple[MovedHeads, ...]
    deployments: tuple[Replaced, ...]
    parameters: tuple[Given, ...]


def environments_at(workspace: Workspace, *positions: Position) -> list[frozenset[str]]:
    """The environments that there are at each of these positions."""
    with snapshot(workspace.log) as connection:
        return [
            frozenset(row.environment for row in existing(connection, workspace.project, position))
            for position in positions
        ]


def changes_between(workspace: Workspace, since: Position, upto: Position) -> EnvironmentChanges:
    """What became of the environment from one position to the other. Raises UsageError for one that is at neither.

    Cost: O(what is defined) at both, and O(moves of heads in between, and of all of an asset that moved).
    """
    known = environments_at(workspace, since, upto)
    if not any(workspace.environment in names for names in known):
        refuse_unknown(workspace.environment, sorted(known[1]))
    before, after = (
        view_of(workspace, as_of=AsOf(position)) if workspace.environment in names else None
        for position, names in zip((since, upto), known, strict=True)
    )
    with snapshot(workspace.log) as connection:
        return EnvironmentChanges(
            before=before,
            after=after,
            heads=tuple(_moved(connection, workspace, before, after, since, upto)),
            deployments=tuple(_replaced(before, after)),
            parameters=tuple(_given(before, after)),
        )


def _moved(
    connection: Snapshot, workspace: Workspace, before: View | None, after: View | None, since: Position, upto: Position
) -> Iterable[MovedHeads]:
    assets = _may_have_moved(connection, workspace, before, after, since, upto)
    old: Heads = heads_read(connection, workspace, assets, since) if before is not None else {}
    new: Heads = heads_read(connection, workspace, assets, upto) if after is not None else {}
    shown = after or before
    names = {} if shown is None else names_of(connection, workspace, shown, assets)
    for asset in sorted(assets, key=lambda asset: names[asset]):
        were, are = old.get(asset, _NOTHING), new.get(asset, _NOTHING)
        moves = tuple(
            Move(partition, were.get(partition), are.get(partition))
            for partition in sorted(were.keys() | are.keys())
            if _version(were.get(partition)) != _version(are.get(partition))
        )
        if moves:
            yield MovedHeads(asset=asset, key=names[asset], moves=moves)


def _may_have_moved(
    connection: Snapshot, workspace: Workspace, before: View | None, after: View | None, since: Position, upto: Position
) -> list[AssetId]:
    """All that moved, and perhaps more: of an environment that began meanwhile, whatever is defined."""
    project, environment = workspace.project, workspace.environment
    defined = {id_ for view in (before, after) if view is not None for id_ in view.ids.values()}
    lines = [line_of(connection, project, environment, position) for position in (since, upto)]
    began = [[(stretch.environment, stretch.after) for stretch in line] for line in lines]
    moved: Collection[AssetId] = assets_moved(connection, project, environment, after=since, upto=upto)
    if before is None or after is None or began[0] != began[1]:
        moved = defined.union(moved)
    carried = carried_over(connection, project, sorted(defined), upto)
    then = carried_over(connection, project, sorted(defined), since)
    return sorted({*moved, *(entry.asset for entry in {*carried} ^ {*then})})


def _version(facts: VersionFacts | None) -> str | None:
    return None if facts is None else facts.version


def _replaced(before: View | None, after: View | None) -> Iterable[Replaced]:
    old, new = ({} if view is None else view.deployments for view in (before, after))
    for location in sorted(old.keys() | new.keys()):
        if old.get(location) != new.get(location):
            yield Replaced(location, old.get(location), new.get(location))


def _given(before: View | None, after: View | None) -> Iterable[Given]:
    old, new = _parameters(before), _parameters(after)
    names = {id_: key for view in (before, after) if view is not None for key, id_ in view.ids.items()}
    for asset, name in sorted(old.keys() | new.keys(), key=lambda slot: (names[slot[0]], slot[1])):
        slot = asset, name
        if slot not in old or slot not in new or not are_equal(old[slot], new[slot]):
            yield Given(names[asset], name, old.get(slot), new.get(slot))


def _parameters(view: View | None) -> dict[tuple[AssetId, str], Any]:
    """What each asset would be made with, pinned or not."""
    if view is None:
        return {}
    return {
        (view.ids[key], name): value
        for key, asset in view.catalog.assets.items()
        for name, value in parameters_of(asset.task, {}).items()
    }
