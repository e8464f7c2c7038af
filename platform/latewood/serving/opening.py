"""From what is recorded of a run to what can be driven: its plan, for the code it was made for, in the state of now.

The first time and every other time are one: a run that nobody has begun is one of which no step is recorded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from latewood.commands.explaining import run_events
from latewood.commands.planning import with_past
from latewood.commands.reading import narrowed, state_at
from latewood.commands.recorded_plan import given_of
from latewood.commands.views import AsOf, View, read_view
from latewood.commands.workspace import Workspace
from latewood.decide.bearing import bearing_on
from latewood.decide.contents import named_paths
from latewood.decide.nodes import Node, by_trial, nodes_of
from latewood.decide.plan import Plan, Planned, PlannedTask, Request
from latewood.decide.progress import Progress, progress_of
from latewood.decide.reasons import Reason
from latewood.decide.state import VersionFacts
from latewood.events import PlannedSteps, StepReused
from latewood.model.definitions import Origin
from latewood.model.keys import AssetId, AssetKey, AssetVersion, RunId
from latewood.model.ordinals import Ordinals
from latewood.model.workflows import Launchable
from latewood.projections.launchables import launchables_of
from latewood.projections.snapshots import Snapshot, snapshot, uncollected
from latewood.projections.states import NOW, versions_of
from latewood.projections.statistics import log_position


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A run that is about to be driven.

    `workspace` is of its environment, `taken` are versions that its steps took, `launchables` are by location.
    """

    workspace: Workspace
    run: RunId
    progress: Progress
    view: View
    plan: Plan
    taken: Mapping[AssetVersion, VersionFacts]
    launchables: Mapping[str, Sequence[Launchable]]


def opened(workspace: Workspace, run: RunId) -> Opened | None:
    """The run as it is recorded; None for one that has ended.

    Definitions, pins and configurations are those of its request; heads and what may be reused those of now: what
    others have made since it was asked for is not made again. Raises DatabaseUnreachable.
    """
    progress = progress_of(run_events(workspace, run))
    if progress.has_ended:
        return None
    requested = progress.requested
    workspace = replace(workspace, environment=requested.environment)
    with uncollected(), snapshot(workspace.log) as connection:
        as_of = AsOf(progress.position, progress.planned_at)
        then = read_view(connection, workspace, as_of=as_of, loaded=None, ids={}, pinned=requested.deployments)
        view = replace(then, as_of=NOW, position=log_position(connection), here=frozenset())
        plan = _plan(connection, workspace, view, progress)
        taken = versions_of(connection, workspace.project, _taken(progress))
        launchables: dict[str, list[Launchable]] = {}
        for by_location in launchables_of(connection, workspace.project, requested.deployments).values():
            for location, _, definition in by_location:
                launchables.setdefault(location, []).append(definition)
    return Opened(
        workspace=workspace,
        run=run,
        progress=progress,
        view=view,
        plan=plan,
        taken=taken,
        launchables=launchables,
    )


def _plan(connection: Snapshot, workspace: Workspace, view: View, progress: Progress) -> Plan:
    requested = progress.requested
    planned = [steps for part in progress.planned for steps in part.steps]
    keys = {id_: key for key, id_ in view.ids.items()}
    selected = frozenset(keys[id_] for steps in planned for id_ in steps.assets)
    request = Request(selected=selected, parameters=given_of(requested), force=requested.force)
    paths = named_paths(view.catalog, request.parameters)
    part = narrowed(view, bearing_on(view.catalog, selected))
    state = state_at(connection, workspace, part, view.now, paths, {}, {})
    nodes = nodes_of(view.catalog, state, request.parameters, request.selected)
    state = with_past(connection, workspace, view, state, nodes, request, {})
    views = tuple(node for node in nodes if node.origin is Origin.VIRTUAL)
    return Plan(tasks=tuple(_tasks(planned, nodes, keys)), state=state, request=request, views=views)


def _tasks(
    planned: Iterable[PlannedSteps], nodes: Iterable[Node], keys: Mapping[AssetId, AssetKey]
) -> Iterator[PlannedTask]:
    """What was planned, by its nodes."""
    by_task = by_trial(nodes)
    groups: dict[tuple[tuple[AssetId, ...], int], list[Planned]] = {}
    for steps in planned:
        reasons = tuple(Reason.read(written) for written in steps.reasons)
        found = Planned(steps.action, Ordinals.parse(steps.partitions), reasons, steps.first)
        groups.setdefault((steps.assets, steps.trial), []).append(found)
    for (ids, trial), found_groups in groups.items():
        made = [keys[id_] for id_ in ids]
        yield PlannedTask(by_task[made[0], trial].only(made), tuple(found_groups))


def _taken(progress: Progress) -> Iterator[AssetVersion]:
    for step in progress.steps.values():
        if isinstance(step.made, StepReused):
            for output in step.made.outputs:
                yield output.asset, output.version
