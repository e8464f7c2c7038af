"""What happens by itself as a test lets time pass: asked for as by an engine, and made in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from latewood.commands.automations import automations_here
from latewood.commands.explaining import run_events
from latewood.commands.materializing import materialize, prepare
from latewood.commands.observing import observe
from latewood.commands.planning import Asked
from latewood.commands.runs import Observation, recorded_as
from latewood.commands.sightings import Observed
from latewood.commands.views import View, view_of
from latewood.commands.workspace import Workspace, append_of
from latewood.engine.loading.loaded import Loaded
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.sensor_calls import call_sensor
from latewood.events import (
    AutomationEvaluated,
    Executor,
    ObservationFailed,
    RunEnded,
    RunPlanned,
    RunRequested,
    SensorEvaluated,
)
from latewood.model.automations import ScheduleDefinition, SensorDefinition
from latewood.model.keys import AssetKey, RunId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, keys_of
from latewood.serving.automating import Looked, evaluate_here
from latewood.serving.observing import observe_due
from latewood.serving.pace import Pace, calls_code
from latewood.serving.sensing import ask_once
from latewood.testing.clock import Clock
from latewood_eventlog.records import Batch

_SOON: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What one automation asked for at a time, and how that ended; or the `problem` that kept it from asking.

    partitions   by asset: `2026-03-02..2026-03-04`, empty for what has none
    run_key      by which a sensor asked
    status       of the run: succeeded or failed; empty where there was none
    """

    name: str
    at: datetime
    partitions: dict[str, str] = field(default_factory=dict)
    status: str = ""
    problem: str = ""
    run_key: str = ""


def pass_time(workspace: Workspace, loaded: Loaded, clock: Clock, until: datetime) -> list[Happened]:
    """All that happens up to that time, in order. The clock goes from one moment at which something is due to the next.

    Cost: a look for each such moment.
    """
    resources = OpenResources(loaded.resources)
    try:
        return _happened(workspace, loaded, clock, until, _looking(workspace, loaded, resources))
    finally:
        resources.close()


def _looking(workspace: Workspace, loaded: Loaded, resources: OpenResources) -> Callable[[], Looked]:
    """Looks at everything as an engine does; sensors are called in this process."""
    pace = Pace()

    def is_made(requested: RunRequested) -> bool:
        return requested.executor is Executor.INLINE  # what was asked for is made by a run of its own, see `_made`

    def by_hand(_workspace: Workspace, _location: str, schedule: ScheduleDefinition) -> Observed:
        return observe(workspace, loaded, schedule.selection, partition=schedule.partition)

    def look() -> Looked:
        looked = evaluate_here(workspace)
        evaluated, again = list(looked.evaluated), [looked.again_at]
        for found in automations_here(workspace):
            if not calls_code(found) or not found.is_on:
                continue
            now = workspace.clock()
            at = pace.due_at(found, now, workspace.log.position())
            if at is None or at > now:
                again.append(at)
                continue
            if isinstance(found.definition, ScheduleDefinition):
                looking = observe_due(workspace, found, by_hand)
                evaluated += [] if looking is None else [looking]
                continue
            assert isinstance(found.definition, SensorDefinition), "nothing else calls code"
            outcome = ask_once(
                workspace,
                found,
                lambda _workspace, _location, sense: call_sensor(loaded, resources, sense),
                looked=pace.looked(found),
                heard=is_made,
            )
            pace.was_asked(found, now, outcome)
            evaluated += [] if outcome.fact is None else [outcome.fact]
            again.append(now + timedelta(seconds=found.definition.interval_s) if found.definition.interval_s else None)
        return Looked(evaluated=tuple(evaluated), again_at=min((at for at in again if at is not None), default=None))

    return look


def _happened(
    workspace: Workspace, loaded: Loaded, clock: Clock, until: datetime, look: Callable[[], Looked]
) -> list[Happened]:
    happened = []
    while True:
        looked = look()
        for fact in looked.evaluated:
            happened += [_made(workspace, loaded, fact, asked.run) for asked in fact.requests]
            if isinstance(fact, AutomationEvaluated) and fact.observed:
                happened.append(_seen(workspace, fact))
            if fact.problem:
                happened.append(Happened(name=fact.name, at=fact.at, problem=fact.problem))
        if looked.evaluated:
            continue  # what was made may make something else due
        if looked.again_at is None or looked.again_at > until:
            clock.now = max(clock.now, until)
            return happened
        clock.now = max(clock.now + _SOON, looked.again_at)


def _made(workspace: Workspace, loaded: Loaded, fact: AutomationEvaluated | SensorEvaluated, run: RunId) -> Happened:
    """Make what was planned, and record that the run has ended so."""
    view = view_of(workspace)
    planned = _planned(workspace, view, run)
    requested = next(said for _, said in run_events(workspace, run) if isinstance(said, RunRequested))
    values: dict[str, Any] = {
        f"{key}.{name}": value for key, given in requested.parameters.items() for name, value in given.items()
    }
    places = {key: keys_of(view.catalog[key].partitions, ordinals) for key, ordinals in planned.items()}
    asked = Asked(
        selection=requested.selection,
        places=places,
        values=values,
        automation=requested.automation,
        run_key=requested.run_key,
    )
    result = materialize(workspace, prepare(workspace, loaded, asked))
    ended = RunEnded(run=run, status=result.status)
    append = append_of(workspace, ended, stream=f"run/{run}", name=("ended",))
    workspace.log.append(Batch(appends=(append,)))
    schemes = {key: view.catalog[key].partitions for key in planned}
    return Happened(
        name=fact.name,
        at=fact.at,
        partitions={
            key: "" if schemes[key] is None else describe(schemes[key], ordinals) for key, ordinals in planned.items()
        },
        status=result.status.value,
        run_key=requested.run_key,
    )


def _seen(workspace: Workspace, fact: AutomationEvaluated) -> Happened:
    found = recorded_as(workspace, fact.observed)
    assert isinstance(found, Observation), "the fact says so"
    failed = any(isinstance(look.fact, ObservationFailed) for look in found.looks)
    partitions: dict[str, str] = {}
    for look in found.looks:
        partitions[look.key] = ", ".join(filter(None, (partitions.get(look.key, ""), look.fact.partition)))
    return Happened(name=fact.name, at=fact.at, partitions=partitions, status="failed" if failed else "succeeded")


def _planned(workspace: Workspace, view: View, run: RunId) -> dict[AssetKey, Ordinals]:
    keys = {id_: key for key, id_ in view.ids.items()}
    found: dict[AssetKey, Ordinals] = {}
    for _, fact in run_events(workspace, run):
        for steps in fact.steps if isinstance(fact, RunPlanned) else ():
            for id_ in steps.assets:
                found[keys[id_]] = found.get(keys[id_], Ordinals()) | Ordinals.parse(steps.partitions)
    return found
