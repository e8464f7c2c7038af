"""What failed and has not been overtaken: attempts, and versions that a blocking check kept from being head."""

from collections.abc import Iterable, Iterator, Mapping

from latewood.commands.workspace import Workspace
from latewood.decide.reasons import Cause
from latewood.decide.staleness import Assessed
from latewood.decide.state import State, VersionFacts
from latewood.errors import UsageError
from latewood.events import StepStarted, from_json
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetId, AssetKey, PartitionKey
from latewood.model.partitions import ordinal_of
from latewood.projections.snapshots import Snapshot
from latewood.projections.states import versions_of
from latewood.projections.tried import FailedAttempt, failed_partitions
from latewood.projections.versions import RefusedVersion, refused_partitions
from latewood_eventlog.records import Position

Slot = tuple[AssetId, PartitionKey]

Tried = tuple[str, str]
"""What was to be made: logic, and digest of the inputs."""


def failures(
    connection: Snapshot, workspace: Workspace, catalog: Catalog, state: State, assessed: Mapping[AssetKey, Assessed]
) -> dict[Slot, Position]:
    """By asset partition what failed since its head was made, with its position.

    A failure is overtaken by a new head, and by one that is what would be made now where the failure was of something
    else: code, parameters or inputs went back. Else it stands, whatever is edited, since nothing else was tried.
    Of the heads themselves it is not said here but by their status whether their checks refuse them.
    Cost: O(failures), and a look into the log for each beside a head that is as it should be.
    """
    asked = (connection, workspace.project, workspace.environment, state.position)
    attempts, verdicts = failed_partitions(*asked), dict(_refused(refused_partitions(*asked), catalog, state))
    heads = dict(_heads_beside({**attempts, **verdicts}, state, assessed))
    tried = _attempted(workspace, {slot: attempts[slot] for slot in attempts if heads.get(slot)})
    found = {slot: attempts[slot].position for slot in heads.keys() & attempts if _stands(heads[slot], tried.get(slot))}
    versions = [(slot[0], verdicts[slot].version) for slot in verdicts if heads.get(slot)]
    made = versions_of(connection, workspace.project, versions)
    for slot in heads.keys() & verdicts:
        facts = made.get((slot[0], verdicts[slot].version))
        if _stands(heads[slot], None if facts is None else (facts.logic, facts.inputs)):
            found[slot] = verdicts[slot].position
    return found


def unjudged_heads(
    connection: Snapshot, workspace: Workspace, catalog: Catalog, state: State, failed: Mapping[Slot, Position]
) -> Iterator[Slot]:
    """Heads that a blocking check of today did not pass when it was asked last: it was edited since, or has raised.

    Those aside that an attempt has `failed` to make anew: asking a check would not mend that.
    """
    asked = (connection, workspace.project, workspace.environment, state.position)
    refused, attempts = refused_partitions(*asked), failed_partitions(*asked)
    blocking = _blocking(catalog, state)
    for (asset, partition), found in refused.items():
        is_made = (asset, partition) not in failed or (asset, partition) not in attempts
        if is_made and (asset, found.check) in blocking and _is_head(found, asset, partition, state):
            yield asset, partition


def _blocking(catalog: Catalog, state: State) -> set[tuple[AssetId, str]]:
    return {(state.ids[key], check.name) for key, a in catalog.assets.items() for check in a.blocking_checks}


def _is_head(found: RefusedVersion, asset: AssetId, partition: PartitionKey, state: State) -> bool:
    head = state.heads.get(asset, {}).get(partition)
    return head is not None and head.version == found.version


def _stands(head: VersionFacts | None, tried: Tried | None) -> bool:
    return head is None or tried is None or tried == (head.logic, head.inputs)


def _refused(
    found: Mapping[Slot, RefusedVersion], catalog: Catalog, state: State
) -> Iterator[tuple[Slot, RefusedVersion]]:
    """Versions that a check of today kept from being head."""
    blocking = _blocking(catalog, state)
    for (asset, partition), refused in found.items():
        is_head = _is_head(refused, asset, partition, state)
        if (asset, refused.check) in blocking and not (is_head and refused.check_key):
            yield (asset, partition), refused


def _heads_beside(
    slots: Iterable[Slot], state: State, assessed: Mapping[AssetKey, Assessed]
) -> Iterator[tuple[Slot, VersionFacts | None]]:
    """For each partition that is to exist the head that is what would be made now, None where there is none such.

    Beside an optional output that was absent that is the head of what was made in its place.
    """
    keys = {state.ids[key]: key for key in assessed}
    for asset, partition in slots:
        if asset not in keys:
            continue
        of_asset = assessed[keys[asset]]
        try:
            ordinal = ordinal_of(of_asset.node.assets[0].partitions, partition)
        except UsageError:
            continue  # the scheme has it no more
        if any(reason.cause is Cause.UNTAKEN for reason in of_asset.reasons(ordinal)):
            continue  # in a branch that is not taken nothing is to be made
        head = state.heads.get(asset, {}).get(partition) or of_asset.made_beside(keys[asset], ordinal, state)
        yield (asset, partition), head if of_asset.is_current(ordinal) else None


def _attempted(workspace: Workspace, attempts: Mapping[Slot, FailedAttempt]) -> dict[Slot, Tried]:
    """What these attempts were started with."""
    starts = {slot: attempt.started for slot, attempt in attempts.items() if attempt.started is not None}
    events = {e.position: e for e in workspace.log.read_positions(sorted(set(starts.values())))}
    tried: dict[Slot, Tried] = {}
    for slot, started_position in starts.items():
        event = events[started_position]
        started = from_json(event.type, event.data)
        assert isinstance(started, StepStarted), f"not the start of an attempt: {started}"
        tried[slot] = (started.logic, started.inputs_digest)
    return tried
