"""Asking engines for a run: its request and its plan are recorded together, and whoever is free takes it."""

from dataclasses import dataclass

from latewood.commands.blocked import refuse_blocked
from latewood.commands.deploying import Deployed
from latewood.commands.materializing import Prepared, refuse_secrets, request_facts
from latewood.commands.planning import Asked, executable_plan
from latewood.commands.sharing import require_code_of
from latewood.commands.views import View
from latewood.commands.workspace import Workspace, append_of
from latewood.decide.plan import Plan
from latewood.engine.loading.loaded import Loaded
from latewood.engine.running.presence import engines_here
from latewood.engine.running.recorder import new_event
from latewood.errors import Conflict, UsageError, ValueRefused
from latewood.events import Action, Executor, RunCancelRequested
from latewood.model.keys import RunId
from latewood.projections.runs import RunRow
from latewood_eventlog.records import Batch, StreamAppend
from latewood_eventlog.tailer import announce

CANCELLATIONS = "cancellations"
"""The stream of what is to be cancelled: a run's own is written by who drives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A run that was asked for, empty where nothing is to be done; `repeated` if it had been before."""

    run: RunId
    steps: int
    repeated: bool = False


def request(workspace: Workspace, prepared: Prepared, *, digest: str = "") -> Requested:
    """Ask for what was prepared to be run by engines, with the code that is deployed; no run where there is no step.

    `digest` as in `request_of`, and raises as it does.
    """
    plan, run = prepared.plan, workspace.new_run()
    append = request_of(workspace, prepared, run, digest=digest) if plan.tasks else None
    if append is None or not plan.length:
        return Requested(run=RunId(""), steps=0)
    done = workspace.log.append(Batch(appends=(append,)))
    announce(workspace.log.engine)
    return Requested(run=run, steps=plan.length, repeated=done.repeated)


def as_deployed(view: View, location: str, asked: Asked, plan: Plan) -> Prepared:
    """A plan that no code was loaded for: of the environment's deployments, asked for by one of its locations."""
    loaded = Loaded(
        location=location, root=view.root, assets=tuple(view.catalog.assets.values()), sources={}, tasks={}, checks={}
    )
    deployed = Deployed(deployment=view.deployments[location], ids=view.ids)
    return Prepared(loaded=loaded, deployed=deployed, view=view, asked=asked, plan=plan)


def planned_request(
    workspace: Workspace, view: View, location: str, asked: Asked, run: RunId, *, empty: bool = False
) -> StreamAppend:
    """The run of what nobody but an automation of the location asks for, planned, to be appended.

    Raises UsageError; unless it may be `empty`, also where it would do nothing.
    """
    try:
        plan = executable_plan(workspace, view, asked)
    except ValueRefused as error:
        raise UsageError(str(error)) from error
    if not plan.tasks:
        raise UsageError(f'"{asked.selection}" selects nothing')
    append = request_of(workspace, as_deployed(view, location, asked, plan), run)
    if not empty and all(group.action is Action.BLOCKED for task in plan.tasks for group in task.groups):
        raise UsageError(f'"{asked.selection}": what it reads cannot be read')
    return append


def request_of(workspace: Workspace, prepared: Prepared, run: RunId, *, digest: str = "") -> StreamAppend:
    """The run's request and its plan, to be appended; refused where that run was asked for before.

    With a `digest` of what is asked the request is named by it too: whoever asks again can tell whether for the same.
    Raises UsageError for a plan with blocked partitions, a secret for a parameter, and code that is gone.
    """
    plan, view = prepared.plan, prepared.view
    refuse_blocked(plan, prepared.asked, view, {asset.key for asset in prepared.loaded.assets})
    refuse_secrets(prepared)
    own = {prepared.loaded.location: prepared.deployed.deployment}
    require_code_of(workspace, plan, view.locations, {**view.deployments, **own})
    stream, at = f"run/{run}", workspace.clock()
    (requested, name), *planned = request_facts(run, workspace, prepared, executor=Executor.PROCESSES)
    events = tuple(
        new_event(fact, project=workspace.project, stream=stream, name=name, at=at, actor=workspace.actor)
        for fact, name in ((requested, (*name, digest) if digest else name), *planned)
    )
    return StreamAppend(project=workspace.project, stream=stream, events=events, expected=0)


def engines(workspace: Workspace) -> tuple[str, ...]:
    """The names of the engines that serve the project now, or did some seconds ago and have died since."""
    return engines_here(workspace.log, workspace.project)


def cancel(workspace: Workspace, row: RunRow, key: str = "") -> None:
    """Ask whoever drives the run to end it. Asked before is fine.

    Raises Conflict for a run that has ended, unless this was asked by the same `key` before it had.
    """
    append = append_of(
        workspace, RunCancelRequested(run=row.run), stream=CANCELLATIONS, name=(row.run, *([key] if key else []))
    )
    if row.ended_position is not None:
        if key and workspace.log.read_ids([event.event_id for event in append.events]):
            return
        raise Conflict(f"run {row.run} has ended: {row.status}")
    if row.executor == Executor.INLINE:
        raise Conflict(f"run {row.run} is driven by the process that began it; Ctrl-C there cancels it")
    workspace.log.append(Batch(appends=(append,)))
    announce(workspace.log.engine)
