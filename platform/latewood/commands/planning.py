"""From a selection to a plan: loads the catalog and the state, resolves what was asked for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from latewood.commands.reading import View, read, select_keys, state_at
from latewood.commands.workspace import Workspace
from latewood.decide.judge import nodes_of
from latewood.decide.plan import Plan, Request, plan
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.engine.loader import Loaded
from latewood.engine.signature import parse_parameter
from latewood.errors import UsageError
from latewood.events import Action
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import parse_partitions
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import durations, known_logics, reusable


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a user asks for, as text."""

    selection: str
    partition: str = ""
    parameters: tuple[str, ...] = ()
    force: bool = False


def make_plan(workspace: Workspace, view: View, asked: Asked, *, loaded: Loaded | None = None) -> Plan:
    """The plan for what is asked, in the state of now. Raises UsageError.

    The state is read in one snapshot. Reuse is looked up only for the logic of what is not fresh.
    """
    within = frozenset(asset.key for asset in loaded.assets) if loaded is not None else frozenset[AssetKey]()
    keys = _selected(workspace, view, asked.selection, within)
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


def _selected(workspace: Workspace, view: View, selection: str, within: Collection[AssetKey]) -> list[AssetKey]:
    """The assets a selection names, in topological order; of other locations than the loaded one, none."""
    if uses_status(parse(selection)):
        keys = select_keys(read(workspace), selection)
    else:
        keys = select(parse(selection), view.catalog.graph, view.catalog.assets)
    return [key for key in keys if not within or key in within]


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
