"""Looking at external assets as a schedule says, by a process of its location.

What is seen is recorded, and then the tick. Who dies in between looks again: a look more makes nothing.
"""

from collections.abc import Callable, Sequence

from msgspec import structs

from latewood.commands.automations import Found, stands_now, stream_of
from latewood.commands.observing import looked_at
from latewood.commands.sightings import Observed
from latewood.commands.views import View, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.automation import due, timing_of
from latewood.decide.select import select
from latewood.decide.selection import parse
from latewood.decide.state import VersionFacts
from latewood.engine.running.asks import Judging
from latewood.engine.running.attempt import Evaluated
from latewood.engine.running.calls import Raised
from latewood.engine.running.looking import Absent, Sight
from latewood.engine.running.worker_protocol import (
    Answered,
    Check,
    Checked,
    Failed,
    LookAt,
    NothingThere,
    Read,
    Request,
    Sighted,
)
from latewood.engine.running.workers import evaluated_of, raised_of
from latewood.engine.values.recordable import text
from latewood.errors import UsageError
from latewood.events import AutomationEvaluated
from latewood.model.automations import ScheduleDefinition
from latewood.model.definitions import AssetDefinition, CheckDefinition, Origin
from latewood.model.keys import RunId
from latewood.model.partitions import key_at
from latewood.serving.sensing import record_as_it_stood

Answering = Callable[[Request], Answered]
"""Has a process with an asset's code answer."""

Observe = Callable[[Workspace, str, ScheduleDefinition], Observed]
"""Looks at what a schedule of that location says. Raises UsageError where there is nothing to look at."""


def observe_due(workspace: Workspace, found: Found, observe: Observe) -> AutomationEvaluated | None:
    """Look once at what a schedule says, if that is due; what was recorded. The workspace is of its environment.

    For several ticks that went by one look is enough. Raises LogError, StoreError.
    """
    schedule = found.definition
    assert isinstance(schedule, ScheduleDefinition), "nothing else ticks"
    # Read before where it stands: an append that this does not show makes ours refused.
    version = workspace.log.version(workspace.project, stream_of(found.environment))
    found = stands_now(workspace, found)
    now = workspace.clock()
    ticked = due(schedule, found.standing, now)
    if not found.is_on or not ticked.is_news or ticked.until is None:
        return None
    fact = AutomationEvaluated(
        environment=found.environment,
        location=found.location,
        name=found.name,
        timing=timing_of(schedule),
        at=now,
        until=ticked.until,
        missed=ticked.missed + max(0, len(ticked.ticks) - 1),
    )
    if ticked.ticks:
        try:
            fact = structs.replace(fact, observed=observe(workspace, found.location, schedule).observation)
        except UsageError as error:
            fact = structs.replace(fact, problem=text(str(error)))
    return fact if record_as_it_stood(workspace, found, fact, (), version) else None


def observing_by(answering: Callable[[Workspace, str], Answering]) -> Observe:
    """Looks by processes of a location, as it is deployed in the workspace's environment."""

    def observe(workspace: Workspace, location: str, schedule: ScheduleDefinition) -> Observed:
        answer = answering(workspace, location)
        return observe_by(answer, workspace, location, schedule.selection, schedule.partition)

    return observe


def observe_by(answering: Answering, workspace: Workspace, location: str, selection: str, partition: str) -> Observed:
    """Look at what is selected of the location, as it is deployed, by a process of its own. Raises as `looked_at`."""
    view, observation = view_of(workspace), workspace.new_run()
    assets = _observable(view, location, selection)
    eyes = _Eyes(observation, answering)
    return looked_at(workspace, view, assets, partition, observation, eyes.look, eyes.evaluate)


def _observable(view: View, location: str, selection: str) -> Sequence[AssetDefinition]:
    chosen = [view.catalog[key] for key in select(parse(selection), view.catalog.graph, view.catalog.assets)]
    own = [a for a in chosen if a.origin is Origin.EXTERNAL and view.locations[a.key] == location]
    found = [asset for asset in own if asset.observable or asset.stored is not None]
    if not found:
        raise UsageError(
            f'"{selection}" selects no external asset of {location} that has an observer or an IO: '
            "there is nothing to look at"
        )
    return found


class _Eyes:
    """Sees and judges by a process, for one observation."""

    def __init__(self, observation: RunId, answering: Answering) -> None:
        self._observation = observation
        self._answering = answering

    def look(self, asset: AssetDefinition, ordinal: int) -> Sight | Absent | Raised:
        partition = key_at(asset.partitions, ordinal)
        asked = LookAt(asset=asset.key, partition=partition, observation=self._observation)
        match self._answering(asked):
            case Sighted() as seen:
                return Sight(
                    data_version=seen.data_version,
                    metadata=seen.metadata,
                    artifact=seen.artifact,
                    output=seen.logs,
                    added=seen.added,
                )
            case NothingThere(place=place):
                return Absent(place)
            case Failed() as failed:
                return raised_of(failed)
            case other:
                raise AssertionError(f"a look is answered by {type(other).__name__}")

    def evaluate(self, step: Judging, asset: AssetDefinition, check: CheckDefinition, facts: VersionFacts) -> Evaluated:
        asked = Check(
            asset=asset.key,
            check=check.name,
            version=Read(partition=step.partition, artifact=facts.artifact),
            data_version=facts.data_version,
            run=self._observation,
            step=step.number,
        )
        answer = self._answering(asked)
        assert isinstance(answer, Checked | Failed), f"a check is answered by {type(answer).__name__}"
        return evaluated_of(answer)
