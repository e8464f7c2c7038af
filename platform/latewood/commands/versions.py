"""Which versions are meant, and the steps that made them."""

from collections import defaultdict
from collections.abc import Iterable

from latewood.commands.reading import View, instant_of
from latewood.commands.workspace import Workspace
from latewood.decide.state import VersionFacts
from latewood.engine.store import ArtifactAddress
from latewood.errors import UsageError
from latewood.events import Event, StepStarted, from_json
from latewood.model.keys import AssetKey, VersionId
from latewood.model.partitions import keys_of, parse_partitions
from latewood.projections.runs import step_positions
from latewood.projections.snapshots import Snapshot
from latewood.projections.states import heads, version_named

_AT_ONCE = 1_000  # events in memory


def versions_meant(
    connection: Snapshot, workspace: Workspace, view: View, asset: AssetKey, *, partition: str = "", version: str = ""
) -> list[VersionFacts]:
    """The version of that id, or the environment's heads of these partitions (all without any), in their order.

    Raises UsageError where there is none.
    """
    id_ = view.ids[asset]
    if version:
        named = version_named(connection, workspace.project, id_, VersionId(version))
        if not named:
            raise UsageError(f'"{asset}" has no version "{version}"; `latewood asset {asset}` lists them')
        return named
    scheme = view.catalog[asset].partitions
    if partition and scheme is None:
        raise UsageError(f'"{asset}" has no partitions; ask without --partition')
    keys = keys_of(scheme, parse_partitions(scheme, partition or "*", instant_of(workspace, view.as_of)))
    found = heads(connection, workspace.project, workspace.environment, [id_], view.as_of)[id_]
    if meant := [found[key] for key in keys if key in found]:
        return meant
    name = f'"{asset}" {partition}'.rstrip()
    raise UsageError(f"{name} was never materialized in {workspace.environment}; `latewood why {asset}` says more")


def step_facts(
    connection: Snapshot, workspace: Workspace, versions: Iterable[VersionId]
) -> dict[VersionId, list[Event]]:
    """By version the facts of the step that made it: its last start, where it was computed, and its end."""
    positions = step_positions(connection, workspace.project, versions)
    version_at = {position: version for version, found in positions.items() for position in found}
    facts: dict[VersionId, list[Event]] = defaultdict(list)
    places = sorted(version_at)
    for start in range(0, len(places), _AT_ONCE):
        for event in workspace.log.read_positions(places[start : start + _AT_ONCE]):
            facts[version_at[event.position]].append(from_json(event.type, event.data))
    return facts


def started_of(
    connection: Snapshot, workspace: Workspace, versions: Iterable[VersionId]
) -> dict[VersionId, StepStarted]:
    """What the steps of these versions were started with, at their last attempts; nothing of what was reused."""
    found = step_facts(connection, workspace, versions)
    return {version: fact for version, facts in found.items() for fact in facts if isinstance(fact, StepStarted)}


def listed(workspace: Workspace, versions: str) -> str:
    """Versions as a step's input has them, read from their artifact where they were too many for the event."""
    return workspace.store.read(ArtifactAddress(versions[1:])).decode() if versions.startswith("@") else versions
