"""Looking at what happens by itself: what is due is asked for, and recorded together with the request.

Whoever looks, and however often: an evaluation is appended at the version of the stream that it was decided on, and a
run bears the name of its tick. So of several that look at once one asks, and the others find nothing due.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from latewood.commands.automations import Found, automations_everywhere, automations_here, stands_now, stream_of
from latewood.commands.launching import launched
from latewood.commands.planning import Asked, executable_plan
from latewood.commands.reading import read, select_keys
from latewood.commands.views import View, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.automation import Due, due, run_at, timing_of
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.engine.running.recorder import new_event
from latewood.errors import UsageError
from latewood.events import AskedByItself, AutomationEvaluated
from latewood.model.definitions import Origin
from latewood.model.keys import UNPARTITIONED, AssetKey, PartitionKey
from latewood.model.partitions import keys_of, last_window
from latewood.projections.launchables import launchables_of
from latewood.projections.snapshots import snapshot
from latewood.serving.requesting import announce_to_engines, as_deployed, request_of
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Batch, StreamAppend

_PROBLEM_MAX: Final = 2_000
"""Characters of a problem that are recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What looking at automations came to: what was recorded, in order, and when something can be due next."""

    evaluated: tuple[AutomationEvaluated, ...] = ()
    again_at: datetime | None = None


def evaluate(workspace: Workspace) -> datetime | None:
    """Ask for all that is due now, in every environment; when something can become due next, if nothing changes.

    None where nothing can. Raises DatabaseUnreachable; what cannot be asked for is recorded as a problem, and the
    others go on. Cost: three queries an environment, and planning of what is due.
    """
    return _evaluated(workspace, automations_everywhere(workspace)).again_at


def evaluate_here(workspace: Workspace) -> Looked:
    """The same in the workspace's environment, with what came of it."""
    return _evaluated(workspace, automations_here(workspace))


def _evaluated(workspace: Workspace, found: Sequence[Found]) -> Looked:
    looked = [
        _look(replace(workspace, environment=automation.environment), automation)
        for automation in found
        if automation.is_on
    ]
    evaluated = tuple(fact for each in looked for fact in each.evaluated)
    if any(fact.requests for fact in evaluated):
        announce_to_engines(workspace)
    return Looked(evaluated=evaluated, again_at=min((e.again_at for e in looked if e.again_at), default=None))


def _look(workspace: Workspace, automation: Found) -> Looked:
    """Decide and record; again, where somebody has recorded meanwhile."""
    while True:
        # Read before where it stands: an append that this does not show makes ours refused.
        version = workspace.log.version(workspace.project, stream_of(automation.environment))
        automation = stands_now(workspace, automation)
        if not automation.is_on:
            return Looked()
        found = due(automation.definition, automation.standing, workspace.clock())
        try:
            evaluated = _recorded(workspace, automation, found, version) if found.is_news else ()
        except (WrongExpectedVersion, EventConflict):
            continue
        return Looked(evaluated=evaluated, again_at=found.again_at)


def _recorded(workspace: Workspace, automation: Found, found: Due, version: int) -> tuple[AutomationEvaluated, ...]:
    """Each tick with its request, one after the other: whoever goes on after a crash finds what is left."""
    assert found.until is not None, "news is of some time"
    told: list[AutomationEvaluated] = []
    for number, tick in enumerate(found.ticks or (None,)):
        last = number >= len(found.ticks) - 1
        appends, requests, problem = _requested(workspace, automation, tick)
        fact = AutomationEvaluated(
            environment=automation.environment,
            location=automation.location,
            name=automation.name,
            timing=timing_of(automation.definition),
            at=workspace.clock(),
            until=found.until if last or tick is None else tick,
            requests=requests,
            missed=0 if number else found.missed,
            problem=problem,
        )
        stream, at = stream_of(automation.environment), version + number
        event = new_event(
            fact,
            project=workspace.project,
            stream=stream,
            name=(*automation.slot, at),
            at=fact.at,
            actor=workspace.actor,
        )
        own = StreamAppend(project=workspace.project, stream=stream, events=(event,), expected=at)
        workspace.log.append(Batch(appends=(own, *appends)))
        told.append(fact)
    return tuple(told)


def _requested(
    workspace: Workspace, automation: Found, tick: datetime | None
) -> tuple[tuple[StreamAppend, ...], tuple[AskedByItself, ...], str]:
    """What is to be appended for a tick, the run that is thereby asked for, or why there is none."""
    if tick is None:
        return (), (), ""
    run = run_at((workspace.project, automation.environment, *automation.slot), tick)
    if workspace.log.version(workspace.project, f"run/{run}"):
        return (), (), ""  # the clock was set back, and this tick had its run
    try:
        view = view_of(workspace)
        asked = _asked(workspace, view, automation, tick)
        plan = executable_plan(workspace, view, asked)
        if not plan.tasks:
            raise UsageError(f'"{asked.selection}" selects nothing')
        request = request_of(workspace, as_deployed(view, automation.location, asked, plan), run)
    except UsageError as error:
        return (), (), str(error)[:_PROBLEM_MAX]
    return (request,), (AskedByItself(run=run, tick=tick),), ""


def _asked(workspace: Workspace, view: View, automation: Found, tick: datetime) -> Asked:
    """What a schedule asks for at a tick. Raises UsageError for what is not defined by now."""
    schedule = automation.definition
    asked = Asked(selection=schedule.selection)
    if schedule.launch:
        deployments = {automation.location: view.deployments[automation.location]}
        with snapshot(workspace.log) as connection:
            found = launchables_of(connection, workspace.project, deployments)
        asked = launched([each for entries in found.values() for _, _, each in entries], schedule.launch, ())
    asked = replace(asked, partition=schedule.partition, values={**asked.values, **schedule.parameters})
    return _of_last_window(workspace, view, asked, tick) if schedule.last_window else asked


def _of_last_window(workspace: Workspace, view: View, asked: Asked, tick: datetime) -> Asked:
    """The same of the windows that ended last at the tick, and of what has no partitions."""
    places: dict[AssetKey, tuple[PartitionKey, ...]] = {}
    windows: set[PartitionKey] = set()
    for key in _selected(workspace, view, asked.selection):
        scheme = view.catalog[key].partitions
        if view.catalog[key].origin is not Origin.MADE:
            continue
        if scheme is None:
            places[key] = (UNPARTITIONED,)
        elif partitions := keys_of(scheme, last_window(scheme, tick)):
            places[key] = partitions
            windows.update(partitions)
    if not windows:
        raise UsageError(f'"{asked.selection}": expected an asset with a window of time that ended before {tick}')
    return replace(asked, places=places, partition=", ".join(sorted(windows)))


def _selected(workspace: Workspace, view: View, selection: str) -> Sequence[AssetKey]:
    if uses_status(parse(selection)):
        return select_keys(read(workspace), selection)
    return select(parse(selection), view.catalog.graph, view.catalog.assets)
