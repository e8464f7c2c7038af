"""What happens by itself as a test lets time pass: asked for as by an engine, and made in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from latewood.commands.explaining import run_events
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.views import View, view_of
from latewood.commands.workspace import Workspace
from latewood.engine.loading.loader import Loaded
from latewood.engine.running.recorder import new_event
from latewood.events import AutomationEvaluated, RunEnded, RunPlanned, RunRequested
from latewood.model.keys import AssetKey, RunId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, keys_of
from latewood.serving.automating import Looked
from latewood.testing.clock import Clock
from latewood_eventlog.records import Batch, StreamAppend

_SOON: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What one automation asked for at a time, and how that ended; or the `problem` that kept it from asking.

    partitions   by asset: `2026-03-02..2026-03-04`, empty for what has none
    status       of the run: succeeded or failed; empty where there was none
    """

    name: str
    at: datetime
    partitions: dict[str, str] = field(default_factory=dict)
    status: str = ""
    problem: str = ""


def pass_time(
    workspace: Workspace, loaded: Loaded, clock: Clock, until: datetime, look: Callable[[], Looked]
) -> list[Happened]:
    """All that happens up to that time, in order. The clock goes from one moment at which something is due to the next.

    Cost: a look for each such moment.
    """
    happened = []
    while True:
        looked = look()
        for fact in looked.evaluated:
            happened += [_made(workspace, loaded, fact, asked.run) for asked in fact.requests]
            if fact.problem:
                happened.append(Happened(name=fact.name, at=fact.at, problem=fact.problem))
        if looked.evaluated:
            continue  # what was made may make something else due
        if looked.again_at is None or looked.again_at > until:
            clock.now = max(clock.now, until)
            return happened
        clock.now = max(clock.now + _SOON, looked.again_at)


def _made(workspace: Workspace, loaded: Loaded, fact: AutomationEvaluated, run: RunId) -> Happened:
    """Make what was planned, and record that the run has ended so."""
    view = view_of(workspace)
    planned = _planned(workspace, view, run)
    requested = next(said for _, said in run_events(workspace, run) if isinstance(said, RunRequested))
    values: dict[str, Any] = {
        f"{key}.{name}": value for key, given in requested.parameters.items() for name, value in given.items()
    }
    places = {key: keys_of(view.catalog[key].partitions, ordinals) for key, ordinals in planned.items()}
    asked = Asked(selection=requested.selection, places=places, values=values)
    result = materialize(workspace, prepare(workspace, loaded, asked))
    event = new_event(
        RunEnded(run=run, status=result.status),
        project=workspace.project,
        stream=f"run/{run}",
        name=("ended",),
        at=workspace.clock(),
        actor=workspace.actor,
    )
    append = StreamAppend(project=workspace.project, stream=f"run/{run}", events=(event,))
    workspace.log.append(Batch(appends=(append,)))
    schemes = {key: view.catalog[key].partitions for key in planned}
    return Happened(
        name=fact.name,
        at=fact.at,
        partitions={
            key: "" if schemes[key] is None else describe(schemes[key], ordinals) for key, ordinals in planned.items()
        },
        status=result.status.value,
    )


def _planned(workspace: Workspace, view: View, run: RunId) -> dict[AssetKey, Ordinals]:
    keys = {id_: key for key, id_ in view.ids.items()}
    found: dict[AssetKey, Ordinals] = {}
    for _, fact in run_events(workspace, run):
        for steps in fact.steps if isinstance(fact, RunPlanned) else ():
            for id_ in steps.assets:
                found[keys[id_]] = found.get(keys[id_], Ordinals()) | Ordinals.parse(steps.partitions)
    return found
