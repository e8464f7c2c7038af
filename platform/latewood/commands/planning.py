"""From a selection to a plan: loads the catalog and the state, resolves what was asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from latewood.commands.workspace import Workspace
from latewood.decide.judge import nodes_of
from latewood.decide.keys import parameters_of
from latewood.decide.plan import Plan, Request, plan
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.decide.staleness import Assessed, assess
from latewood.decide.state import State
from latewood.engine.file_hash import path_version
from latewood.engine.loader import Loaded
from latewood.engine.signature import parse_parameter
from latewood.errors import UsageError
from latewood.events import Action
from latewood.model.definitions import AssetDefinition, Catalog
from latewood.model.keys import AssetId, AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import parse_partitions
from latewood.projections.catalog import defined, deployed
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW, durations, heads, known_logics, reusable
from latewood_eventlog.records import Position
from latewood_eventlog.statements import HEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The assets of an environment at a position: definitions, ids, and which location they belong to."""

    catalog: Catalog
    ids: Mapping[AssetKey, AssetId]
    locations: Mapping[AssetKey, str]
    deployments: Mapping[str, str]
    position: Position
    as_of: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a user asks for, as text."""

    selection: str
    partition: str = ""
    parameters: tuple[str, ...] = ()
    force: bool = False


def view_of(
    workspace: Workspace,
    *,
    as_of: Position = NOW,
    loaded: Loaded | None = None,
    ids: Mapping[AssetKey, AssetId] | None = None,
) -> View:
    """What the environment's deployments define. `loaded` stands for its own location, so as not to decode it."""
    with snapshot(workspace.log) as connection:
        return read_view(connection, workspace, as_of=as_of, loaded=loaded, ids=ids or {})


def read_view(
    connection: Snapshot,
    workspace: Workspace,
    *,
    as_of: Position,
    loaded: Loaded | None,
    ids: Mapping[AssetKey, AssetId],
) -> View:
    """The view through this connection. Cost: O(assets)."""
    position = min(as_of, int(connection.execute(HEAD).one().position))
    deployments = deployed(connection, workspace.project, workspace.environment, as_of)
    assets: list[AssetDefinition] = []
    all_ids: dict[AssetKey, AssetId] = {}
    locations: dict[AssetKey, str] = {}
    for location, deployment in deployments.items():
        if loaded is not None and location == loaded.location:
            assets += loaded.assets
            all_ids |= ids
            locations |= dict.fromkeys((asset.key for asset in loaded.assets), location)
            continue
        for entry in defined(connection, workspace.project, location, deployment):
            assets.append(entry.definition)
            all_ids[entry.definition.key] = entry.asset
            locations[entry.definition.key] = location
    return View(
        catalog=Catalog.of(assets),
        ids=all_ids,
        locations=locations,
        deployments=deployments,
        position=position,
        as_of=as_of,
    )


def state_at(
    connection: Snapshot,
    workspace: Workspace,
    view: View,
    now: datetime,
    parameters: Mapping[AssetKey, Mapping[str, Any]] | None = None,
) -> State:
    """Heads of all assets in the view; nothing of reuse yet."""
    return State(
        environment=workspace.environment,
        position=view.position,
        now=now,
        ids=view.ids,
        heads=heads(connection, workspace.project, workspace.environment, list(view.ids.values()), view.as_of),
        contents=_contents(view.catalog, parameters or {}),
    )


def assess_view(workspace: Workspace, view: View) -> dict[AssetKey, Assessed]:
    """Status and reasons of every asset in the view, at this instant."""
    with snapshot(workspace.log) as connection:
        state = state_at(connection, workspace, view, workspace.clock())
    return assess(view.catalog, state)


def selected_keys(
    workspace: Workspace, view: View, selection: str, within: Sequence[AssetKey] = ()
) -> tuple[AssetKey, ...]:
    """The assets a selection names, in topological order; `*` means those in `within`, where that is given."""
    parsed = parse(selection)
    status = assess_view(workspace, view) if uses_status(parsed) else {}
    keys = select(parsed, view.catalog.graph, view.catalog.assets, lambda key: (status[key].status.value,))
    allowed = set(within)
    return tuple(key for key in keys if not allowed or key in allowed)


def make_plan(workspace: Workspace, view: View, asked: Asked, *, loaded: Loaded | None = None) -> Plan:
    """The plan for what is asked, in the state of now. Raises UsageError.

    The state is read in one snapshot. Reuse is looked up only for the logic of what is not fresh.
    """
    within = [asset.key for asset in loaded.assets] if loaded is not None else ()
    keys = selected_keys(workspace, view, asked.selection, within)
    now = workspace.clock()
    request = Request(
        selected=frozenset(keys),
        partitions=_partitions(view.catalog, keys, asked.partition, now),
        parameters=_parameters(view.catalog, asked.parameters, loaded),
        force=asked.force,
    )
    with snapshot(workspace.log) as connection:
        state = state_at(connection, workspace, view, now, request.parameters)
        nodes = [
            n for n in nodes_of(view.catalog, state, request.parameters) if not request.selected.isdisjoint(n.keys)
        ]
        logics = known_logics(connection, workspace.project, (node.logic for node in nodes), view.as_of)
        state = replace(state, logics=logics)
        first = plan(view.catalog, request, state)
        unsettled = [
            task
            for task in first.tasks
            if task.node.logic in logics and any(g.action in (Action.RUN, Action.DEPENDS) for g in task.groups)
        ]
        if not unsettled or asked.force:
            return _with_durations(connection, workspace, first)
        found = reusable(connection, workspace.project, {task.node.logic for task in unsettled}, view.as_of)
        return _with_durations(connection, workspace, plan(view.catalog, request, replace(state, reusable=found)))


def _with_durations(connection: Snapshot, workspace: Workspace, made: Plan) -> Plan:
    due = [
        id_
        for task in made.tasks
        if any(group.action in (Action.RUN, Action.DEPENDS) for group in task.groups)
        for id_ in task.node.ids
    ]
    if not due:
        return made
    return replace(made, state=replace(made.state, durations=durations(connection, workspace.project, due)))


def _partitions(catalog: Catalog, keys: Sequence[AssetKey], text: str, now: datetime) -> dict[AssetKey, Ordinals]:
    """Partitions by asset; a text that fits none of the selected assets is refused, naming what each expects."""
    if not text:
        return {}
    found: dict[AssetKey, Ordinals] = {}
    refused: dict[str, None] = {}
    for key in keys:
        scheme = catalog[key].partitions
        if scheme is None:
            continue
        try:
            found[key] = parse_partitions(scheme, text, now)
        except UsageError as error:
            refused[f"{key}: {error}"] = None
            found[key] = Ordinals()
    if not any(found.values()):
        reasons = "\n  ".join(refused) or "none of the selected assets is partitioned"
        raise UsageError(f'partition "{text}":\n  {reasons}')
    return found


def _parameters(catalog: Catalog, texts: Sequence[str], loaded: Loaded | None) -> dict[AssetKey, dict[str, Any]]:
    """`ASSET.NAME=VALUE` texts by asset and name, checked against the parameters' types."""
    values: dict[AssetKey, dict[str, Any]] = {}
    for text in texts:
        target, equals, value = text.partition("=")
        key, dot, name = target.rpartition(".")
        if not equals or not dot:
            raise UsageError(f'parameter "{text}": expected ASSET.NAME=VALUE')
        if key not in catalog.assets:
            raise UsageError(f'parameter "{text}": no asset "{key}"; `latewood assets` lists them')
        task = catalog[AssetKey(key)].task
        names = [parameter.name for parameter in task.parameters]
        if name not in names:
            raise UsageError(f'parameter "{text}": "{key}" has {", ".join(names) or "no parameters"}, not "{name}"')
        live = loaded.tasks[AssetKey(key)].parameters[name] if loaded and AssetKey(key) in loaded.tasks else Any
        values.setdefault(AssetKey(key), {})[name] = parse_parameter(name, live, value)
    return values


def _contents(catalog: Catalog, given: Mapping[AssetKey, Mapping[str, Any]]) -> dict[str, str]:
    """Content hashes of the files and folders that Path parameters name, by the path's text."""
    texts = {
        parameters_of(asset.task, given.get(key, {}))[parameter.name]
        for key, asset in catalog.assets.items()
        for parameter in asset.task.parameters
        if parameter.type.kind == "path"
    }
    return {text: path_version(Path(text)) for text in texts if isinstance(text, str) and Path(text).exists()}
