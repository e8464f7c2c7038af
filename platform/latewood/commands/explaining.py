"""Answers about what is: why, lineage between versions, and everything one asset page shows."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from latewood.commands.reading import Read, View, known_key, read, read_through
from latewood.commands.workspace import Workspace
from latewood.decide.fingerprint import changed_parts
from latewood.decide.judge import Cause, Reason
from latewood.decide.keys import inputs_digest
from latewood.decide.plan import Plan
from latewood.decide.staleness import Assessed
from latewood.decide.state import VersionFacts
from latewood.decide.syntax import line_of
from latewood.decide.versions import expand
from latewood.decide.why import Explanation, Nearest, explain, nearest
from latewood.engine.binding import Bindings, Blocked
from latewood.engine.loader import project_root
from latewood.engine.store import ArtifactAddress
from latewood.errors import UsageError
from latewood.events import RunRequested, StepStarted, StepSucceeded, from_json
from latewood.model.code import CodeChange
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId
from latewood.model.partitions import ordinal_of
from latewood.projections.catalog import defined, deployments_of
from latewood.projections.runs import step_positions
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW, history, partition_history, version_named
from latewood.projections.versions import CheckRow, checks_of, contents_seen
from latewood_eventlog.records import Position, RecordedEvent


def why(workspace: Workspace, key: str, *, partition: str = "", as_of: Position = NOW) -> Explanation:
    """Why the asset partition is as it is. Without a partition: the first one that is not fresh, else the last."""
    with snapshot(workspace.log) as connection:
        found = read_through(connection, workspace, as_of)
        asset = known_key(found.view, key)
        assessed = found.assessed[asset]
        scheme = found.view.catalog[asset].partitions
        if partition:
            if scheme is None:
                raise UsageError(f'"{asset}" has no partitions; ask without --partition')
            ordinal = ordinal_of(scheme, partition)
        else:
            first = next((o for ordinals in assessed.by_reasons.values() for o in ordinals), None)
            ordinal = first if first is not None else max(0, assessed.node.partition_count(found.state) - 1)
        past = _LoggedPast(connection, workspace, found.view)
        explained = explain(
            found.view.catalog, found.assessed, found.state, past, key=asset, ordinal=ordinal, failed=found.failed
        )
        return replace(
            explained,
            nearest=_nearest(connection, workspace, found, asset, ordinal) if explained.findings else None,
        )


def code_changes(workspace: Workspace, view: View, made: Plan) -> dict[AssetKey, tuple[CodeChange, ...]]:
    """What changed in the code of the planned tasks since their heads were made. Cost: a look per changed task."""
    changes: dict[AssetKey, tuple[CodeChange, ...]] = {}
    with snapshot(workspace.log) as connection:
        past = _LoggedPast(connection, workspace, view)
        for task in made.tasks:
            group = next((g for g in task.groups if Reason(Cause.CODE) in g.reasons), None)
            if group is None:
                continue
            partition = task.node.partition_key(next(iter(group.ordinals)))
            heads = [made.state.heads.get(id_, {}).get(partition) for id_ in task.node.ids]
            head = next(head for head in heads if head is not None)
            old = past.definition_of(head, task.node.keys[0])
            if old is not None:
                changes[task.node.keys[0]] = changed_parts(old.task.code, task.node.task.code)
    return changes


def _nearest(connection: Snapshot, workspace: Workspace, found: Read, asset: AssetKey, ordinal: int) -> Nearest | None:
    """The earlier version of this partition whose key is nearest to what would be computed now."""
    node = found.assessed[asset].node
    try:
        bound = Bindings(found.view.catalog, found.state).bind(node, ordinal)
    except Blocked:
        return None  # what it would read does not exist, so there is no key to be near to
    inputs = inputs_digest((b.input.name, b.data_version) for b in bound if b.input.loads)
    id_, partition = found.view.ids[asset], node.partition_key(ordinal)
    past = partition_history(connection, workspace.project, id_, partition, found.view.as_of)
    return nearest(past, code=node.task.code.version, logic=node.logic, inputs=inputs)


class _LoggedPast:
    """The past as the log has it."""

    def __init__(self, connection: Snapshot, workspace: Workspace, view: View) -> None:
        self._connection = connection
        self._workspace = workspace
        self._view = view
        self._definitions: dict[tuple[str, str], dict[AssetId, AssetDefinition]] = {}
        self._runs: dict[str, RunRequested | None] = {}

    def definition_of(self, facts: VersionFacts, key: AssetKey) -> AssetDefinition | None:
        location = self._view.locations[key]
        run = self._requested(facts.version.rpartition(".")[0])
        if run is None or location not in run.deployments:
            return None
        return self._deployment(location, run.deployments[location]).get(facts.asset)

    def started(self, facts: VersionFacts) -> StepStarted | None:
        return started_of(self._workspace, facts.version)

    def contents(self, facts: VersionFacts, paths: Collection[str]) -> Mapping[str, str]:
        return contents_seen(self._connection, self._workspace.project, paths, facts.position)

    def deployed(self, key: AssetKey) -> int | None:
        location = self._view.locations[key]
        asset, wanted = self._view.ids[key], self._view.catalog[key].task
        since: int | None = None
        for position, deployment in deployments_of(
            self._connection, self._workspace.project, self._workspace.environment, location, self._view.as_of
        ):
            was = self._deployment(location, deployment).get(asset)
            if was is None or (was.task.code.version, was.task.fixed) != (wanted.code.version, wanted.fixed):
                break
            since = position
        return since

    def _deployment(self, location: str, deployment: str) -> dict[AssetId, AssetDefinition]:
        slot = (location, deployment)
        if slot not in self._definitions:
            entries = defined(self._connection, self._workspace.project, location, deployment)
            self._definitions[slot] = {entry.asset: entry.definition for entry in entries}
        return self._definitions[slot]

    def _requested(self, run: str) -> RunRequested | None:
        if run not in self._runs:
            events = self._workspace.log.read(self._workspace.project, f"run/{run}", limit=1)
            fact = from_json(events[0].type, events[0].data) if events else None
            self._runs[run] = fact if isinstance(fact, RunRequested) else None
        return self._runs[run]


def step_events(workspace: Workspace, version: VersionId) -> Iterator[tuple[RecordedEvent, Any]]:
    """The events of the step that made a version, oldest first, each with its fact."""
    run, _, number = version.rpartition(".")
    with snapshot(workspace.log) as connection:
        positions = step_positions(connection, workspace.project, RunId(run), int(number))
    for event in workspace.log.read_positions(positions):
        yield event, from_json(event.type, event.data)


def started_of(workspace: Workspace, version: VersionId) -> StepStarted | None:
    """What the version's step was started with, at its last attempt."""
    facts = [fact for _, fact in step_events(workspace, version) if isinstance(fact, StepStarted)]
    return facts[-1] if facts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A version and what it read through one input: `versions` of `asset`, compact as in `latewood.decide.versions`.

    `depth` counts levels from what was asked about, from 1.
    """

    reader: AssetKey
    reader_version: VersionId
    input: str
    asset: AssetKey
    versions: str
    partitions: str
    depth: int


def lineage(
    workspace: Workspace, key: str, *, partition: str = "", version: str = "", up: int = 1, as_of: Position = NOW
) -> tuple[Link, ...]:
    """The exact versions a version was made from, `up` levels, nearest first. Cost: one look per version."""
    found = read(workspace, as_of)
    asset = known_key(found.view, key)
    start = _version(workspace, found, asset, partition, version)
    keys = {id_: key_ for key_, id_ in found.view.ids.items()}
    links: list[Link] = []
    level: list[tuple[AssetKey, VersionId]] = [(asset, start)]
    for depth in range(1, up + 1):
        following: dict[tuple[AssetKey, VersionId], None] = {}
        for reader, made in level:
            for link in _reads(workspace, reader, made, keys, depth):
                links.append(link)
                following |= dict.fromkeys((link.asset, read) for read in expand(link.versions))
        level = list(following)
    return tuple(links)


def downstream(
    workspace: Workspace, key: str, *, partition: str = "", version: str = "", down: int = 1, as_of: Position = NOW
) -> tuple[Link, ...]:
    """The versions made from a version, `down` levels, nearest first.

    Cost: one look per version that the readers of its assets have made since, at most the latest 1,000 of each.
    """
    found = read(workspace, as_of)
    asset = known_key(found.view, key)
    start = _version(workspace, found, asset, partition, version)
    keys = {id_: key_ for key_, id_ in found.view.ids.items()}
    links: list[Link] = []
    level = {(asset, start)}
    for depth in range(1, down + 1):
        following: set[tuple[AssetKey, VersionId]] = set()
        for reader in {r for up, _ in level for r in found.view.catalog.graph.downstreams[up]}:
            with snapshot(workspace.log) as connection:
                made = history(connection, workspace.project, found.view.ids[reader], limit=1_000)
            for facts in made:
                for link in _reads(workspace, reader, facts.version, keys, depth):
                    if any((link.asset, read) in level for read in expand(link.versions)):
                        links.append(link)
                        following.add((reader, facts.version))
        level = following
    return tuple(links)


def _reads(
    workspace: Workspace, reader: AssetKey, version: VersionId, keys: dict[AssetId, AssetKey], depth: int
) -> Iterator[Link]:
    started = started_of(workspace, version)
    for name, input_ in (started.inputs if started is not None else {}).items():
        yield Link(
            reader=reader,
            reader_version=version,
            input=name,
            asset=keys.get(input_.asset, AssetKey(input_.asset)),
            versions=_listed(workspace, input_.versions),
            partitions=input_.partitions,
            depth=depth,
        )


def _listed(workspace: Workspace, versions: str) -> str:
    """Versions as recorded, read from their artifact where they were too many for the event."""
    if not versions.startswith("@"):
        return versions
    return workspace.store.read(ArtifactAddress(versions[1:])).decode()


def code_place(part: str) -> str:
    """A code part as people look for it: `clean_delay (flights/cleaning.py:14)`, by today's file where there is one."""
    file, _, qualname = part.rpartition(":")
    path = project_root(Path.cwd()) / file
    line = line_of(path.read_text(encoding="utf-8"), qualname) if path.is_file() else None
    return f"{qualname} ({file}{f':{line}' if line else ''})"


def _version(workspace: Workspace, found: Read, asset: AssetKey, partition: str, version: str) -> VersionId:
    """The version that is meant: the one named, which must be this asset's, or the head."""
    if not version:
        return _head(found, asset, partition).version
    if not versions_named(workspace, found.view.ids[asset], version):
        raise UsageError(f'"{asset}" has no version "{version}"; `latewood asset {asset}` lists them')
    return VersionId(version)


def _head(found: Read, asset: AssetKey, partition: str) -> VersionFacts:
    heads = found.state.heads.get(found.state.ids[asset], {})
    if partition or found.view.catalog[asset].partitions is None:
        head = heads.get(PartitionKey(partition))
    else:
        head = max(heads.values(), key=lambda facts: facts.partition, default=None)
    if head is None:
        raise UsageError(f'"{asset}" {partition} was never materialized here; nothing was read for it')
    return head


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetPage:
    """Everything there is to see of one asset."""

    definition: AssetDefinition
    assessed: Assessed
    versions: tuple[VersionFacts, ...]
    latest: StepSucceeded | None
    checks: tuple[CheckRow, ...]
    position: Position


def asset_page(workspace: Workspace, key: str, as_of: Position = NOW, limit: int = 10) -> AssetPage:
    """Status, latest versions, metadata, schema and checks of an asset at a position."""
    with snapshot(workspace.log) as connection:
        found = read_through(connection, workspace, as_of)
        asset = known_key(found.view, key)
        id_ = found.view.ids[asset]
        versions = history(connection, workspace.project, id_, before=as_of + 1, limit=limit)
        checks = checks_of(connection, workspace.project, id_, as_of=as_of, limit=100)
    latest = None
    if versions:
        facts = [fact for _, fact in step_events(workspace, versions[0].version)]
        latest = next((fact for fact in facts if isinstance(fact, StepSucceeded)), None)
    return AssetPage(
        definition=found.view.catalog[asset],
        assessed=found.assessed[asset],
        versions=tuple(versions),
        latest=latest,
        checks=checks,
        position=found.view.position,
    )


def versions_named(workspace: Workspace, asset: AssetId, version: str) -> list[VersionFacts]:
    """The version of that asset, one entry per partition."""
    with snapshot(workspace.log) as connection:
        return version_named(connection, workspace.project, asset, VersionId(version))


def run_events(workspace: Workspace, run: RunId) -> Iterator[tuple[RecordedEvent, Any]]:
    """All events of a run, oldest first, each with its fact."""
    after = 0
    while events := workspace.log.read(workspace.project, f"run/{run}", after=after):
        for event in events:
            yield event, from_json(event.type, event.data)
        after = events[-1].version
