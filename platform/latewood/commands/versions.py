"""Which versions are meant, and the steps that made them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from latewood.commands.reading import heads_here
from latewood.commands.views import View
from latewood.commands.workspace import Workspace
from latewood.decide.state import VersionFacts
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import UsageError
from latewood.events import AssetObserved, Event, OutputMade, StepReused, StepStarted, StepSucceeded, from_json
from latewood.model.definitions import Origin
from latewood.model.keys import AssetId, AssetKey, AssetVersion, PartitionKey, VersionId
from latewood.model.partitions import keys_of, parse_partitions
from latewood.projections.attempts import step_positions
from latewood.projections.snapshots import Snapshot
from latewood.projections.states import version_named
from latewood.projections.statistics import keys_of_ids

_AT_ONCE = 1_000  # events in memory


def versions_meant(
    connection: Snapshot, workspace: Workspace, view: View, asset: AssetKey, *, partition: str = "", version: str = ""
) -> list[VersionFacts]:
    """The version of that id, or the environment's heads of these partitions (all without any), in their order.

    Raises UsageError where there is none.
    """
    id_ = view.ids[asset]
    if version:
        named = version_named(connection, workspace.project, id_, VersionId(version), view.as_of)
        if not named:
            raise UsageError(f'"{asset}" has no version "{version}"; `latewood asset {asset}` lists them')
        return named
    found = heads_here(connection, workspace, view, {asset: id_})[id_]
    if meant := [found[key] for key in partitions_meant(view, asset, partition) if key in found]:
        return meant
    name = f'"{asset}" {partition}'.rstrip()
    if view.catalog[asset].origin is not Origin.MADE:
        raise UsageError(
            f"{name} is {view.catalog[asset].origin.value}, and has no versions in {workspace.environment}"
        )
    raise UsageError(f"{name} was never materialized in {workspace.environment}; `latewood why {asset}` says more")


def partitions_meant(view: View, asset: AssetKey, partition: str) -> list[PartitionKey]:
    """The keys that the text chooses, in their order; all without any. Raises UsageError."""
    scheme = view.catalog[asset].partitions
    if partition and scheme is None:
        raise UsageError(f'"{asset}" has no partitions; ask without --partition')
    return list(keys_of(scheme, parse_partitions(scheme, partition or "*", view.now)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How a version came to be.

    `started` and `succeeded` are of the step that computed it, at its last attempt; a version that was taken from
    another asset of the same task has those of that one, which is `source`, however many took it from each other in
    between. `environment` is where the version itself was made. `observed` is all there is of what others made.
    """

    started: StepStarted | None = None
    succeeded: StepSucceeded | None = None
    environment: str = ""
    source: AssetVersion | None = None
    observed: AssetObserved | None = None

    def output(self, name: str) -> OutputMade | None:
        """What was recorded of that output of the step."""
        if (seen := self.observed) is not None:
            return OutputMade(
                asset=seen.asset,
                output=name,
                data_version=seen.data_version,
                artifact=seen.artifact,
                size=0,
                accepted=True,
                head=True,
                metadata=seen.metadata,
            )
        made = () if self.succeeded is None else self.succeeded.outputs
        return next((entry for entry in made if entry.output == name), None)


def makings(connection: Snapshot, workspace: Workspace, versions: Iterable[AssetVersion]) -> dict[AssetVersion, Making]:
    """How these versions of assets came to be. Cost: O(versions), and a look for each time one was taken."""
    found: dict[AssetVersion, Making] = {}
    environments: dict[AssetVersion, str] = {}
    sources = {named: named for named in versions}
    while sources:
        following: dict[AssetVersion, AssetVersion] = {}
        facts = step_facts(connection, workspace, {version for _, version in sources.values()})
        for named, (asset, version) in sources.items():
            making = _making(facts.get(version, ()))
            environment = environments.setdefault(named, making.environment)
            source = (asset, version) if (asset, version) != named else None
            found[named] = replace(making, environment=environment, source=source)
            if (taken := _taken(facts.get(version, ()), asset)) is not None:
                following[named] = taken  # recorded before what took it, so this comes to an end
        sources = following
    return found


def _making(facts: Iterable[Event]) -> Making:
    making = Making()
    for fact in facts:
        match fact:
            case StepStarted():
                making = replace(making, started=fact)
            case StepSucceeded():
                making = replace(making, succeeded=fact, environment=fact.environment)
            case StepReused():
                making = replace(making, environment=fact.environment)
            case AssetObserved():
                making = replace(making, observed=fact, environment=fact.environment)
            case _:
                pass
    return making


def _taken(facts: Iterable[Event], asset: AssetId) -> AssetVersion | None:
    """Of which version of another asset the step made this asset's."""
    taken = [output for fact in facts if isinstance(fact, StepReused) for output in fact.outputs]
    return next((output.source for output in taken if output.asset == asset), None)


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


def names_of(connection: Snapshot, workspace: Workspace, view: View, assets: Iterable[AssetId]) -> dict[str, AssetKey]:
    """The keys of these assets as the environment has them, else as they were last called by then."""
    here: dict[str, AssetKey] = {id_: key for key, id_ in view.ids.items()}
    others = set(assets) - here.keys()
    return keys_of_ids(connection, workspace.project, others, view.as_of) | here if others else here


def listed(workspace: Workspace, versions: str) -> str:
    """Versions as a step's input has them, read from their artifact where they were too many for the event."""
    return workspace.store.read(ArtifactAddress(versions[1:])).decode() if versions.startswith("@") else versions
