"""Moving heads by hand: back to an earlier version, or to one made with other parameters."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from latewood.commands.comparing import differing_parameters
from latewood.commands.environments import append_to_environment
from latewood.commands.holding import ATTEMPTS, OVERTAKEN, Basis
from latewood.commands.places import displaced_text
from latewood.commands.reading import Read, heads_read, reading
from latewood.commands.views import PRESENT, View, known_key, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.judge import refusal, retracted_computation, retraction
from latewood.decide.state import Retracted, VersionFacts, with_carried
from latewood.engine.running.recorder import in_parts
from latewood.engine.storage.store import ArtifactAddress
from latewood.engine.storage.sweeping import in_use
from latewood.errors import Conflict, NotFound, UsageError
from latewood.events import Event, HeadsMoved
from latewood.model.definitions import AssetDefinition, Origin
from latewood.model.keys import AssetId, AssetKey, PartitionKey, VersionId
from latewood.model.partitions import keys_of, parse_partitions
from latewood.places import is_placed
from latewood.projections.carried import carried_over
from latewood.projections.retractions import retractions
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW, heads, latest_versions, made_by_step, version_named
from latewood_eventlog.records import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Which heads were moved from which version to which, by partition; `kept` had no version to go to."""

    key: AssetKey
    moves: Mapping[PartitionKey, tuple[VersionId | None, VersionId]]
    kept: tuple[PartitionKey, ...]
    position: Position


def rollback(
    workspace: Workspace, key: str, *, partition: str = "", version: str = "", to: Position | datetime | None = None
) -> Moved:
    """Point the environment to an earlier version: this one, or each partition to what was head at a position or time.

    Nothing is computed or lost. Of a partition to which others were carried over it is their head that moves.
    Raises UsageError for what is unknown, was collected, or is no head to go back to; then nothing is moved.
    """
    if version and to is not None:
        raise UsageError("expected a version or a time to go back to, found both")
    with in_use(workspace.store):  # what is gone back to is not removed meanwhile
        return _rolled_back(workspace, key, partition, version, to)


def _rolled_back(workspace: Workspace, key: str, partition: str, version: str, to: Position | datetime | None) -> Moved:
    for _ in range(ATTEMPTS):
        with snapshot(workspace.log) as connection:
            view = read_view(connection, workspace, as_of=PRESENT, loaded=None, ids={})
            asset = known_key(view, key)
            id_, scheme = view.ids[asset], view.catalog[asset].partitions
            if partition and scheme is None:
                raise UsageError(f'"{asset}" has no partitions; ask without --partition')
            project, environment = workspace.project, workspace.environment
            chosen = keys_of(scheme, parse_partitions(scheme, partition or "*", workspace.clock()))
            now = heads_read(connection, workspace, [id_], NOW)[id_]
            wanted: Mapping[PartitionKey, VersionFacts]
            if version:
                wanted = {f.partition: f for f in version_named(connection, project, id_, VersionId(version))}
                if not wanted:
                    raise NotFound(
                        "version", f'"{asset}" has no version "{version}"; `latewood asset {asset}` lists them'
                    )
                chosen = chosen if partition else tuple(wanted)
            else:
                at = _position(workspace, to)
                wanted = heads(connection, project, environment, [id_], at)[id_]
            wanted = with_carried({id_: wanted}, carried_over(connection, project, [id_], NOW))[id_]
            retracted = Retracted.of(retractions(connection, project, NOW))
            moves, kept = _moves(chosen, now, wanted)
        _require_usable(view.catalog[asset], moves, retracted)
        _require_present(workspace, view, asset, moves)
        done = Moved(
            key=asset,
            moves={k: (now[k].version if k in now else None, f.version) for k, f in moves.items()},
            kept=() if version else kept,
            position=view.position,
        )
        if not moves:
            return done
        try:
            facts = _facts(environment, id_, moves)
            basis = Basis(position=view.position, environments=(environment,), assets=(id_,))
            append_to_environment(workspace, environment, facts, ("moved", view.position), basis=basis)
        except OVERTAKEN:
            continue
        return done
    raise Conflict(f'"{key}" was moved by others in each of {ATTEMPTS} attempts; nothing was moved, try again')


def _moves(
    chosen: Iterable[PartitionKey],
    now: Mapping[PartitionKey, VersionFacts],
    wanted: Mapping[PartitionKey, VersionFacts],
) -> tuple[dict[PartitionKey, VersionFacts], tuple[PartitionKey, ...]]:
    """Which heads become which versions, and which of the chosen partitions have none to go to.

    Of a partition to which others were carried over it is their head that moves. One that has a head of its own by now
    is not what they are any more.
    """
    moves: dict[PartitionKey, VersionFacts] = {}
    kept: list[PartitionKey] = []
    for partition in chosen:
        to, head = wanted.get(partition), now.get(partition)
        if to is None or (head is not None and head.partition == partition != to.partition):
            kept.append(partition)
        elif head is None or head.version != to.version:
            moves[to.partition] = to
    return moves, tuple(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """A step's version that is head now: by asset the head before, of one partition.

    `others` are the parameters, by `ASSET.NAME`, of which it was made with other values than the environment has.
    """

    version: VersionId
    partition: PartitionKey
    moves: Mapping[AssetKey, VersionId | None]
    others: Mapping[str, Any]
    position: Position


def promote_version(workspace: Workspace, version: str) -> Promoted:
    """Make all that a step made, a variant say, the environment's heads. What they were made from stays as it is.

    Nothing is computed. Raises UsageError for an unknown version, for one that a blocking check refuses, and for one
    that was collected; then nothing is moved.
    """
    with in_use(workspace.store):  # what becomes head is not removed meanwhile
        return _promoted(workspace, version)


def _promoted(workspace: Workspace, version: str) -> Promoted:
    for _ in range(ATTEMPTS):
        with snapshot(workspace.log) as connection:
            ids = {facts.asset for facts in made_by_step(connection, workspace.project, VersionId(version))}
        with reading(
            workspace,
            about=lambda view, ids=ids: [key for key, id_ in view.ids.items() if id_ in ids],  # type: ignore[misc]
        ) as (connection, found):
            made = _made(connection, workspace, found, version)
            others = differing_parameters(connection, workspace, found.view, made)
            only = {facts.asset: [facts.partition] for facts in made.values()}
            heads_now = heads_read(connection, workspace, list(only), NOW, only)
        now = {key: heads_now[facts.asset].get(facts.partition) for key, facts in made.items()}
        moves = {key: facts for key, facts in made.items() if (head := now[key]) is None or head.version != version}
        for key, facts in moves.items():
            _require_at_place(found.view, key, facts)
            _require_present(workspace, found.view, key, {facts.partition: facts})
        done = Promoted(
            version=VersionId(version),
            partition=next(iter(made.values())).partition,
            moves={key: None if (head := now[key]) is None else head.version for key in moves},
            others=others,
            position=found.view.position,
        )
        if not moves:
            return done
        told: dict[AssetId, dict[VersionId, tuple[PartitionKey, ...]]] = {
            facts.asset: {facts.version: (facts.partition,)} for facts in moves.values()
        }
        fact = HeadsMoved(environment=workspace.environment, moves=told, reason="promoted")
        try:
            environment, name = workspace.environment, ("moved", found.view.position)
            basis = Basis(position=found.view.position, environments=(environment,), assets=frozenset(told))
            at = append_to_environment(workspace, environment, [fact], name, basis=basis)
        except OVERTAKEN:
            continue
        return replace(done, position=at.last)
    raise Conflict(f"{version} was overtaken by others in each of {ATTEMPTS} attempts; nothing was moved, try again")


def _made(connection: Snapshot, workspace: Workspace, found: Read, version: str) -> dict[AssetKey, VersionFacts]:
    """What the version's step made, by asset. Raises UsageError for what cannot be head."""
    view, keys = found.view, {id_: key for key, id_ in found.view.ids.items()}
    of_step = made_by_step(connection, workspace.project, VersionId(version))
    if not of_step:
        near = difflib.get_close_matches(version, latest_versions(connection, workspace.project, limit=1_000), n=3)
        hint = f"near: {', '.join(near)}" if near else "`latewood asset KEY` and `latewood compare KEY` list them"
        raise NotFound("version", f'no version "{version}"; {hint}')
    if unknown := [facts.asset for facts in of_step if facts.asset not in keys]:
        raise UsageError(f"{version} is of {', '.join(unknown)}, which {workspace.environment} does not define")
    made = {}
    for facts in of_step:
        key = keys[facts.asset]
        node = found.assessed[key].node
        index = node.keys.index(key)
        if retraction(node, index, facts, found.state) is not None:
            raise UsageError(f'"{key}" {version} was retracted; `latewood asset {key}` says more')
        refused = refusal(node, index, facts, found.state)
        if refused is not None:
            raise UsageError(f'"{key}" {version}: its blocking check {refused.check} refuses it')
        if not facts.accepted and view.catalog[key].blocking_checks:
            raise UsageError(
                f'"{key}" {version}: its blocking checks have not passed; `latewood asset {key}` says more'
            )
        made[key] = facts
    return made


def _position(workspace: Workspace, to: Position | datetime | None) -> Position:
    if to is None:
        raise UsageError(
            "expected a version, or --to-time or --to-position; found neither. `latewood asset KEY` lists its versions"
        )
    if isinstance(to, int) and to > (end := workspace.log.position()):
        raise UsageError(f"position {to:,} is not in the log: expected 1 to {end:,}")
    return to if isinstance(to, int) else workspace.log.position_at(to)


def _require_usable(
    definition: AssetDefinition, moves: Mapping[PartitionKey, VersionFacts], retracted: Retracted
) -> None:
    asset = definition.key
    for partition, facts in moves.items():
        if not facts.accepted:
            raise UsageError(
                f'"{asset}": {facts.version} did not pass its blocking checks, so it can be no head; '
                f"nothing was moved. `latewood asset {asset}` says what they found."
            )
        found = retracted.content(facts.asset, partition, facts.data_version, facts.artifact)
        if found := found or retracted_computation(definition, facts.reuse_key, retracted):
            raise UsageError(
                f'"{asset}": {facts.version} is what was retracted at position {found.position:,}: {found.reason}; '
                f"nothing was moved. `latewood retract --undo {found.version}` takes that back."
            )


def _require_present(
    workspace: Workspace, view: View, asset: AssetKey, moves: Mapping[PartitionKey, VersionFacts]
) -> None:
    root = view.root if view.is_here(asset) else None
    displaced = displaced_text(workspace, root, [(asset, facts) for facts in moves.values()])
    if displaced:
        gone = next(facts for facts in moves.values() if facts.artifact in displaced)
        more = f" (and {len(displaced) - 1:,} more such)" if len(displaced) > 1 else ""
        raise UsageError(
            f'"{asset}": {gone.version} cannot be loaded any more: {displaced[gone.artifact]}{more}; '
            "nothing was moved. A place holds one version; materialize what is to be there."
        )
    lost = [
        k
        for k, facts in moves.items()
        if facts.artifact
        and not is_placed(facts.artifact)
        and not workspace.store.exists(ArtifactAddress(facts.artifact))
    ]
    if lost:
        where = f" of {lost[0]}" if lost[0] else ""
        raise UsageError(
            f'"{asset}": the artifact of {moves[lost[0]].version}{where} is gone (and of {len(lost) - 1:,} more);'
            " nothing was moved. Go back to a version that is still there, or materialize it again."
        )


def _require_at_place(view: View, asset: AssetKey, facts: VersionFacts) -> None:
    """A variant was kept in the store, so that as head it would not be where people look for it."""
    stored = view.catalog[asset].stored
    if stored is not None and view.catalog[asset].origin is Origin.MADE and not is_placed(facts.artifact):
        raise UsageError(
            f'"{asset}" {facts.version} lies in the artifact store, as variants do, and not at {stored.place}; '
            f"pin its parameters (`latewood pin`) and materialize it, so that it is stored there"
        )


def _facts(environment: str, asset: AssetId, moves: Mapping[PartitionKey, VersionFacts]) -> list[Event]:
    told: list[Event] = []
    for part in in_parts((facts.version, partition) for partition, facts in moves.items()):
        by_version: dict[VersionId, list[PartitionKey]] = {}
        for version, partition in part:
            by_version.setdefault(version, []).append(partition)
        moved = {asset: {version: tuple(partitions) for version, partitions in by_version.items()}}
        told.append(HeadsMoved(environment=environment, moves=moved, reason="rolled back"))
    return told
