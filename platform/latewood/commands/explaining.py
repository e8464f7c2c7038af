"""Answers about what is: why, lineage between versions, and everything one asset page shows."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latewood.commands.planning import View, read_view, state_at
from latewood.commands.workspace import Workspace
from latewood.decide.staleness import Assessed, assess
from latewood.decide.state import State, VersionFacts
from latewood.decide.syntax import line_of
from latewood.decide.versions import expand
from latewood.decide.why import Explanation, explain
from latewood.engine.loader import project_root
from latewood.errors import UsageError
from latewood.events import RunRequested, StepStarted, StepSucceeded, from_json
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId
from latewood.model.partitions import ordinal_of
from latewood.projections.catalog import defined, deployments_of
from latewood.projections.runs import step_positions
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW, history, version_named
from latewood.projections.versions import CheckRow, checks_of
from latewood_eventlog.records import Position, RecordedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A consistent reading of an environment: everything from one snapshot of the database."""

    view: View
    state: State
    assessed: dict[AssetKey, Assessed]


def read(workspace: Workspace, as_of: Position = NOW) -> Read:
    """View, state and assessment at a position. Cost: O(assets + heads)."""
    with snapshot(workspace.log) as connection:
        return _read(connection, workspace, as_of)


def _read(connection: Snapshot, workspace: Workspace, as_of: Position) -> Read:
    view = read_view(connection, workspace, as_of=as_of, loaded=None, ids={})
    state = state_at(connection, workspace, view, workspace.clock())
    return Read(view=view, state=state, assessed=assess(view.catalog, state))


def known_key(view: View, text: str) -> AssetKey:
    """The key, if it is defined. Raises UsageError with near matches."""
    if text in view.catalog.assets:
        return AssetKey(text)
    near = difflib.get_close_matches(text, view.catalog.assets, n=3)
    hint = f"; near: {', '.join(near)}" if near else "; `latewood assets` lists them"
    raise UsageError(f'no asset "{text}"{hint}')


def why(workspace: Workspace, key: str, *, partition: str = "", as_of: Position = NOW) -> Explanation:
    """Why the asset partition is as it is. Without a partition: the first one that is not fresh, else the last."""
    with snapshot(workspace.log) as connection:
        found = _read(connection, workspace, as_of)
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
        return explain(found.view.catalog, found.assessed, found.state, past, key=asset, ordinal=ordinal)


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
    start = VersionId(version) if version else _head(found, asset, partition).version
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
    start = VersionId(version) if version else _head(found, asset, partition).version
    keys = {id_: key_ for key_, id_ in found.view.ids.items()}
    links: list[Link] = []
    level = {(asset, start)}
    for depth in range(1, down + 1):
        following: set[tuple[AssetKey, VersionId]] = set()
        for reader in {r for read, _ in level for r in found.view.catalog.graph.downstreams[read]}:
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
            versions=input_.versions,
            partitions=input_.partitions,
            depth=depth,
        )


def code_place(part: str) -> str:
    """A code part as people look for it: `clean_delay (flights/cleaning.py:14)`, by today's file where there is one."""
    file, _, qualname = part.rpartition(":")
    path = project_root(Path.cwd()) / file
    line = line_of(path.read_text(encoding="utf-8"), qualname) if path.is_file() else None
    return f"{qualname} ({file}{f':{line}' if line else ''})"


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
        found = _read(connection, workspace, as_of)
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
