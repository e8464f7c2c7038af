"""Answers about what is: why it is so, and what a run did."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from latewood.commands.elements import made_of_elements
from latewood.commands.freshness import about_one, freshness_of
from latewood.commands.reading import Read, reading
from latewood.commands.runs import requests
from latewood.commands.source import definitions_then
from latewood.commands.versions import Making, listed, makings, names_of
from latewood.commands.views import PRESENT, AsOf, View, known_key
from latewood.commands.workspace import Workspace
from latewood.decide.actions import barred
from latewood.decide.bearing import NAMED_MAX
from latewood.decide.findings import Explanation, ParameterChange, changed_parameters
from latewood.decide.fingerprint import changed_task
from latewood.decide.keys import inputs_digest, read_version
from latewood.decide.moves import Moved, moved_by
from latewood.decide.near_miss import Nearest, nearest
from latewood.decide.nodes import Node, Slot
from latewood.decide.plan import Plan, PlannedTask
from latewood.decide.reasons import Cause, Reason
from latewood.decide.staleness import Status
from latewood.decide.state import Carried, Pin, VersionFacts
from latewood.decide.syntax import line_of
from latewood.decide.versions import expand
from latewood.decide.why import explain
from latewood.engine.loading.importing import project_root
from latewood.engine.loading.loaded import Loaded
from latewood.engine.running.binding import Bindings, Blocked
from latewood.errors import NotFound, UsageError
from latewood.events import (
    Action,
    CheckEvaluated,
    InputRead,
    ObservationFailed,
    StepFailed,
    StepStarted,
    from_json,
)
from latewood.model.code import CodeChange
from latewood.model.definitions import AssetDefinition, Input, Origin
from latewood.model.keys import UNPARTITIONED, AssetId, AssetKey, AssetVersion, PartitionKey, RunId
from latewood.model.mappings import upstream_ordinals
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import keys_of, ordinal_meant
from latewood.projections.carried import carried_over
from latewood.projections.catalog import DefinedIn, defined, deployments_of, dropped_by
from latewood.projections.configurations import values_of
from latewood.projections.heads import last_move_before
from latewood.projections.runs import expansion_behind
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import heads_since, partition_history, versions_of
from latewood.projections.versions import contents_seen
from latewood_eventlog.log import READ_LIMIT
from latewood_eventlog.records import Position, RecordedEvent


def why(
    workspace: Workspace,
    key: str,
    *,
    partition: str = "",
    as_of: AsOf = PRESENT,
    loaded: Loaded | None = None,
    view: View | None = None,
) -> Explanation:
    """Why the asset partition is as it is. Without a partition: the first one that is not fresh, else the last.

    `loaded`: as it would be were this location deployed as it was loaded. `view` as in `reading`. Raises UsageError,
    for an asset that was dropped with what dropped it.
    """
    if loaded is not None and as_of != PRESENT:
        raise UsageError("expected definitions as they are now, or a position of the past; found both")
    try:
        return _why(workspace, key, partition, as_of, loaded, view)
    except NotFound as error:
        dropped = _dropped(workspace, key, as_of) if error.what == "asset" else ""
        if not dropped:
            raise
        raise NotFound("asset", dropped) from None


def _dropped(workspace: Workspace, key: str, as_of: AsOf) -> str:
    """When an asset went from the environment that has it no more, and by what; empty where it never had any."""
    with snapshot(workspace.log) as connection:
        found = dropped_by(connection, workspace.project, workspace.environment, key, as_of.position)
    if found is None:
        return ""
    (event,) = workspace.log.read_positions([found.position])
    return (
        f'no asset "{key}" any more: deployment {found.deployment} of {found.location} by {event.actor} dropped it at '
        f"{event.occurred_at.isoformat(timespec='seconds')}, event {found.position:,}; "
        f"--as-of {found.position - 1} has it as it was"
    )


def _why(
    workspace: Workspace, key: str, partition: str, as_of: AsOf, loaded: Loaded | None, view: View | None
) -> Explanation:
    with reading(workspace, as_of, loaded, about_one(workspace, key), view) as (connection, found):
        asset = known_key(found.view, key)
        assessed = found.assessed[asset]
        scheme = found.view.catalog[asset].partitions
        if partition:
            if scheme is None:
                raise UsageError(f'"{asset}" has no partitions; ask without --partition')
            ordinal = ordinal_meant(scheme, partition, found.view.now)
        else:
            unfinished = (assessed.by_status.get(status) for status in (Status.MISSING, Status.STALE))
            first = min((next(iter(ordinals)) for ordinals in unfinished if ordinals), default=None)
            ordinal = _last(assessed.node.existing(found.state), asset) if first is None else first
        past = _LoggedPast(connection, workspace, found.view)
        explained = explain(
            found.view.catalog, found.assessed, found.state, past, key=asset, ordinal=ordinal, failed=found.failed
        )
        foreseen = found.view.foreseen
        inputs = _read_now(found, assessed.node, ordinal) if explained.findings else None
        return replace(
            explained,
            source=past.source(explained.head) if explained.head is not None else None,
            nearest=None if inputs is None else _nearest(connection, workspace, found, explained, inputs),
            barred=barred(assessed.node, explained.partition, inputs, found.state)
            if inputs is not None and not assessed.is_pending(ordinal)
            else None,
            carried=_carried(connection, workspace, found, explained),
            renames=tuple(rename for rename in found.view.renames if rename.asset == found.view.ids[asset]),
            freshness=freshness_of(connection, workspace, found, asset) if loaded is None else (),
            elements=None
            if explained.head is None
            else made_of_elements(connection, workspace, explained.head.version),
            foreseen=foreseen.new.location if foreseen is not None and not foreseen.is_deployed else "",
        )


def _carried(connection: Snapshot, workspace: Workspace, found: Read, explained: Explanation) -> Carried | None:
    """By whose word the head is a version of another partition."""
    if explained.head is None or explained.head.partition == explained.partition:
        return None
    said = carried_over(connection, workspace.project, [found.view.ids[explained.asset]], found.view.as_of)
    return next(entry for entry in said if entry.new == explained.partition)


def _last(ordinals: Ordinals, asset: AssetKey) -> int:
    if not ordinals:
        raise UsageError(f'"{asset}" has no partition yet')
    return ordinals.ranges[-1][1] - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed of a task since its head was made, by the first of the partitions for which that is a reason.

    Of several `inputs` it is one or more: what the plan itself takes in place of a head is not looked into. So many
    `elements` had the list that a mapped task made last; None of any other, and where it has made none.
    """

    code: tuple[CodeChange, ...] = ()
    parameters: tuple[ParameterChange, ...] = ()
    inputs: tuple[AssetKey, ...] = ()
    elements: int | None = None


NO_CHANGES = Changes()


def plan_changes(workspace: Workspace, view: View, made: Plan) -> dict[Slot, Changes]:
    """By the first asset of each planned task, and its trial, what changed. Cost: a look per changed task."""
    tasks = {task.node.slot(task.node.keys[0]): task for task in made.tasks}
    compared = {
        (slot, cause): found
        for slot, task in tasks.items()
        for cause in (Cause.CODE, Cause.PARAMETERS, Cause.INPUT)
        if (found := _compared(made, task, cause)) is not None
    }
    changes: dict[Slot, Changes] = {}
    with snapshot(workspace.log) as connection:
        past = _LoggedPast(connection, workspace, view)
        past.defined([head for (_, cause), (head, _) in compared.items() if cause is Cause.CODE])
        past.known({head for (_, cause), (head, _) in compared.items() if cause is not Cause.CODE})
        for (slot, cause), (head, ordinal) in compared.items():
            changed = changes.get(slot, NO_CHANGES)
            node, key = tasks[slot].node, slot[0]
            started = None if cause is Cause.CODE else past.making(head).started
            if cause is Cause.CODE and (old := past.definition_of(head)) is not None:
                changed = replace(changed, code=changed_task(old.task, node.task))
            elif cause is Cause.PARAMETERS and started is not None:
                given = started.parameters
                changed = replace(
                    changed, parameters=tuple(changed_parameters(node, given, head, key, made.state, past))
                )
            elif cause is Cause.INPUT and started is not None:
                changed = replace(changed, inputs=tuple(_changed_inputs(made, view, node, started, ordinal)))
            changes[slot] = changed
        for slot in [slot for slot, task in tasks.items() if task.node.task.each]:
            there = made.state.heads.get(made.state.ids[slot[0]], {}).get(UNPARTITIONED)
            last = None if there is None else expansion_behind(connection, workspace.project, there.version)
            if last is not None:
                changes[slot] = replace(changes.get(slot, NO_CHANGES), elements=last.count)
    return changes


def _compared(made: Plan, task: PlannedTask, cause: Cause) -> tuple[VersionFacts, int] | None:
    """The head, and its partition, by which the cause is looked into; None where it is no reason."""
    group = next((group for group in task.groups if Reason(cause) in group.reasons), None)
    if group is None:
        return None
    ordinal = next(iter(group.ordinals))
    partition = task.node.partition_key(ordinal)
    heads = (made.state.heads.get(id_, {}).get(partition) for id_ in task.node.ids)
    return next((head, ordinal) for head in heads if head is not None)


def _changed_inputs(made: Plan, view: View, node: Node, started: StepStarted, ordinal: int) -> Iterator[AssetKey]:
    """Of which inputs the heads have other content than what was read, else those that this very plan changes."""
    keyed = [input_ for input_ in node.task.inputs if input_.in_key]
    certain = [input_.asset for input_ in keyed if _is_other(made, view, node, input_, started, ordinal)]
    moving = {key for task in made.tasks for g in task.groups if g.action is not Action.FRESH for key in task.node.keys}
    return iter(certain or [input_.asset for input_ in keyed if input_.asset in moving])


def _is_other(made: Plan, view: View, node: Node, input_: Input, started: StepStarted, ordinal: int) -> bool:
    before = started.inputs.get(input_.name)
    if before is None or view.catalog[input_.asset].origin is Origin.VIRTUAL:
        return input_.asset in view.catalog.assets and before is None
    up, state = view.catalog[input_.asset].partitions, made.state
    heads = state.heads.get(state.ids[input_.asset], {})
    keys = keys_of(up, upstream_ordinals(input_.mapping, up, node.assets[0].partitions, ordinal, state.now))
    return before.data_version != read_version(input_, [(key, heads[key].data_version) for key in keys if key in heads])


def _read_now(found: Read, node: Node, ordinal: int) -> str | None:
    """The digest of what the partition would read now; None where that does not exist."""
    try:
        views = (a.node for a in found.assessed.values() if a.node.origin is Origin.VIRTUAL)
        bound = Bindings(found.view.catalog, found.state, views).bind(node, ordinal)
    except Blocked:
        return None
    return inputs_digest((b.input.name, b.data_version) for b in bound if b.input.in_key)


def _nearest(
    connection: Snapshot, workspace: Workspace, found: Read, explained: Explanation, inputs: str
) -> Nearest | None:
    """The earlier version of this partition whose key is nearest to what would be computed from these inputs."""
    node, id_ = found.assessed[explained.asset].node, found.view.ids[explained.asset]
    past = partition_history(connection, workspace.project, id_, explained.partition, found.view.as_of)
    return nearest(past, head=explained.head, code=node.task.code.version, logic=node.logic, inputs=inputs)


_CONTENTS_FORESEEN: Final = 10_000
"""So many versions that were read are looked at together; of more, those of each input by themselves."""


class _LoggedPast:
    """The past as the log has it."""

    def __init__(self, connection: Snapshot, workspace: Workspace, view: View) -> None:
        self._connection = connection
        self._workspace = workspace
        self._view = view
        self._definitions: dict[tuple[str, str], dict[AssetId, AssetDefinition]] = {}
        self._then: dict[VersionFacts, DefinedIn | None] = {}
        self._makings: dict[AssetVersion, Making] = {}
        self._since: dict[AssetId, dict[PartitionKey, Position | None]] = {}
        self._contents: dict[AssetVersion, VersionFacts | None] = {}
        self._events: dict[Position, RecordedEvent] = {}
        self._deployed: dict[str, list[tuple[Position, str]]] = {}

    def foresee(
        self, heads: Mapping[Cause, Collection[VersionFacts]], slots: Mapping[AssetId, Collection[PartitionKey]]
    ) -> None:
        by_code, by_input = heads.get(Cause.CODE, ()), heads.get(Cause.INPUT, ())
        project = self._workspace.project
        self._foresee_since(slots)
        self.defined(by_code)
        self.known({*by_input, *heads.get(Cause.PARAMETERS, ()), *heads.get(Cause.CONFIGURATION, ())})
        started = [each for facts in by_input if (each := self.making(facts).started) is not None]
        here = (read for each in started for read in each.inputs.values() if not read.versions.startswith("@"))
        versions = ((read.asset, version) for read in here for version in expand(read.versions))
        few = dict.fromkeys(islice(versions, _CONTENTS_FORESEEN))
        self._contents = {**few, **versions_of(self._connection, project, few)}

    def foresee_events(self, positions: Collection[int]) -> None:
        places = sorted({*positions} - self._events.keys())
        for start in range(0, len(places), READ_LIMIT):
            found = self._workspace.log.read_positions(places[start : start + READ_LIMIT])
            self._events |= {event.position: event for event in found}

    def definition_of(self, facts: VersionFacts) -> AssetDefinition | None:
        self.defined([facts])
        then = self._then[facts]
        return None if then is None else then.definition

    def started(self, facts: VersionFacts) -> StepStarted | None:
        started = self.making(facts).started
        if started is None:
            return None
        inputs = {
            n: msgspec.structs.replace(i, versions=listed(self._workspace, i.versions))
            for n, i in started.inputs.items()
        }
        return msgspec.structs.replace(started, inputs=inputs)

    def defined(self, versions: Iterable[VersionFacts]) -> None:
        """Read the definitions by which these versions were made, all at once."""
        new = [facts for facts in versions if facts not in self._then]
        if new:
            runs = requests(self._connection, self._workspace, {facts.run for facts in new})
            self._then |= dict.fromkeys(new) | definitions_then(self._connection, self._workspace, new, runs)

    def known(self, versions: Iterable[VersionFacts]) -> None:
        """Read how these versions were made, all at once."""
        self._makings |= makings(
            self._connection, self._workspace, [(facts.asset, facts.version) for facts in versions]
        )

    def source(self, facts: VersionFacts) -> tuple[AssetKey, VersionFacts] | None:
        """The version of another asset that this one was taken from, as it was computed; None of its own."""
        source = self.making(facts).source
        if source is None:
            return None
        names = names_of(self._connection, self._workspace, self._view, [source[0]])
        found = versions_of(self._connection, self._workspace.project, [source], self._view.as_of)
        return names[source[0]], found[source]

    def making(self, facts: VersionFacts) -> Making:
        """How the version came to be."""
        named = (facts.asset, facts.version)
        if named not in self._makings:
            self._makings |= makings(self._connection, self._workspace, [named])
        return self._makings[named]

    def head_since(self, asset: AssetId, partitions: Collection[PartitionKey]) -> Mapping[PartitionKey, Position]:
        self._foresee_since({asset: partitions})
        known = self._since.get(asset, {})
        return {partition: at for partition in partitions if (at := known.get(partition)) is not None}

    def _foresee_since(self, slots: Mapping[AssetId, Collection[PartitionKey]]) -> None:
        """Read since when these heads are there: of named partitions, but for assets of which there are too many."""
        new: dict[AssetId, list[PartitionKey]] = {}
        for asset, partitions in slots.items():
            known = self._since.setdefault(asset, {})
            if unknown := [partition for partition in partitions if partition not in known]:
                new[asset] = unknown
        if not new:
            return
        only, left = dict[AssetId, list[PartitionKey]](), NAMED_MAX
        for asset in sorted(new, key=lambda asset: len(new[asset])):
            left -= len(new[asset])
            if left < 0:
                break
            only[asset] = new[asset]
        project, environment = self._workspace.project, self._workspace.environment
        found = heads_since(self._connection, project, environment, list(new), self._view.as_of, only)
        for asset, partitions in new.items():
            self._since[asset] |= {partition: found[asset].get(partition) for partition in partitions}

    def moved(self, asset: AssetId, position: Position) -> Moved | None:
        event = self._event(position)
        fact = from_json(event.type, event.data)
        return moved_by(fact, asset, position=position, at=event.occurred_at, actor=event.actor)

    def before(self, asset: AssetId, partition: PartitionKey, position: Position) -> Moved | None:
        project, environment = self._workspace.project, self._workspace.environment
        found = last_move_before(self._connection, project, environment, asset, partition, position)
        return None if found is None else self.moved(asset, found)

    def contents_read(self, read: InputRead) -> Mapping[PartitionKey, str]:
        named = [(read.asset, version) for version in expand(read.versions)]
        found: Mapping[AssetVersion, VersionFacts | None] = self._contents
        if not all(version in found for version in named):
            found = versions_of(self._connection, self._workspace.project, named)
        there = (found.get(version) for version in named)
        return {facts.partition: facts.data_version for facts in there if facts is not None}

    def failure(self, position: Position) -> StepFailed | CheckEvaluated | ObservationFailed:
        event = self._event(position)
        fact = from_json(event.type, event.data)
        assert isinstance(fact, StepFailed | CheckEvaluated | ObservationFailed), f"nothing that can fail: {fact}"
        return fact

    def contents(self, facts: VersionFacts, key: AssetKey, paths: Collection[str]) -> Mapping[str, str]:
        location = self._view.locations[key]
        return contents_seen(self._connection, self._workspace.project, location, paths, facts.position)

    def deployed(self, key: AssetKey) -> int | None:
        location = self._view.locations[key]
        asset, wanted, pins = self._view.ids[key], self._view.catalog[key].task, self._view.pins.get(key, {})
        since: int | None = None
        for position, deployment in self._deployments(location):
            was = self._deployment(location, deployment).get(asset)
            if was is None or was.task.code.version != wanted.code.version:
                break
            fixed = {*was.task.fixed, *wanted.fixed} - pins.keys()
            if any(was.task.fixed.get(name) != wanted.fixed.get(name) for name in fixed):
                break
            since = position
        return since

    def pinned(self, key: AssetKey, parameter: str) -> Pin | None:
        return self._view.pins.get(key, {}).get(parameter)

    def configuration(self, digest: str) -> Mapping[str, Any] | None:
        return values_of(self._connection, self._workspace.project, digest) if digest else None

    def configured(self, key: AssetKey, resource: str) -> int | None:
        found = self._view.configurations.get((self._view.locations[key], resource))
        return None if found is None else found.position

    def _event(self, position: Position) -> RecordedEvent:
        self.foresee_events([position])
        return self._events[position]

    def _deployments(self, location: str) -> list[tuple[Position, str]]:
        if location not in self._deployed:
            project, environment = self._workspace.project, self._workspace.environment
            self._deployed[location] = deployments_of(
                self._connection, project, environment, location, self._view.as_of
            )
        return self._deployed[location]

    def _deployment(self, location: str, deployment: str) -> dict[AssetId, AssetDefinition]:
        slot = (location, deployment)
        if slot not in self._definitions:
            entries = defined(self._connection, self._workspace.project, location, deployment)
            self._definitions[slot] = {entry.asset: entry.definition for entry in entries}
        return self._definitions[slot]


def code_place(part: str) -> str:
    """A code part as people look for it: `clean_delay (flights/cleaning.py:14)`, by today's file where there is one."""
    file, _, qualname = part.rpartition(":")
    if not qualname:
        return file
    path = project_root(Path.cwd()) / file
    line = line_of(path.read_text(encoding="utf-8"), qualname) if path.is_file() else None
    return f"{qualname} ({file}{f':{line}' if line else ''})"


def run_events(workspace: Workspace, run: RunId, at_once: int = READ_LIMIT) -> Iterator[tuple[RecordedEvent, Any]]:
    """All events of a run, oldest first, each with its fact; so many are read at a time."""
    events: list[RecordedEvent] = []
    while not events or len(events) == at_once:
        after = events[-1].version if events else 0
        events = workspace.log.read(workspace.project, f"run/{run}", after=after, limit=at_once)
        if not events:
            return
        for event in events:
            yield event, from_json(event.type, event.data)
