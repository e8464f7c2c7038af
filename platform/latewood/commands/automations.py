"""What happens by itself in an environment: finding it, turning it on and off, what came of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches

from latewood.commands.workspace import Workspace
from latewood.decide.automation import Standing, is_on
from latewood.engine.running.recorder import new_event
from latewood.errors import UsageError
from latewood.events import AutomationEvaluated, AutomationSwitched, from_json
from latewood.model.automations import Automation
from latewood.projections.automations import Slot, automations_of, standings
from latewood.projections.catalog import deployed
from latewood.projections.environments import existing
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Batch, RecordedEvent, StreamAppend

_EVENTS_MAX = 1_000
"""Events of an environment's stream that are looked through for what became of one automation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An automation as an environment's deployments have it, and where it stands."""

    environment: str
    location: str
    definition: Automation
    standing: Standing

    @property
    def name(self) -> str:
        """Its name, which is its own in its location."""
        return self.definition.name

    @property
    def slot(self) -> Slot:
        """Its location and name."""
        return self.location, self.name

    @property
    def is_on(self) -> bool:
        """Whether it does anything in the environment."""
        return is_on(self.definition, self.environment, self.standing)


def stream_of(environment: str) -> str:
    """The stream of what happens by itself in an environment."""
    return f"automation/{environment}"


def automations_here(workspace: Workspace) -> list[Found]:
    """Those of the workspace's environment, by name."""
    with snapshot(workspace.log) as connection:
        return list(_of(connection, workspace.project, workspace.environment))


def automations_everywhere(workspace: Workspace) -> list[Found]:
    """Those of all of the project's environments. Cost: three queries an environment."""
    with snapshot(workspace.log) as connection:
        names = [found.environment for found in existing(connection, workspace.project, NOW)]
        return [found for name in names for found in _of(connection, workspace.project, name)]


def automation_named(workspace: Workspace, text: str) -> Found:
    """The environment's automation of that name, or of `LOCATION:NAME`. Raises UsageError with near matches."""
    everything = automations_here(workspace)
    found = [each for each in everything if text in (each.name, f"{each.location}:{each.name}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f'"{text}": expected one of {", ".join(f"{each.location}:{each.name}" for each in found)}')
    names = [each.name for each in everything]
    near = get_close_matches(text, names, n=3)
    hint = f"near: {', '.join(near)}" if near else f"there are {', '.join(names)}" if names else "there are none"
    raise UsageError(f'nothing that happens by itself is called "{text}"; {hint}')


def switch(workspace: Workspace, found: Found, *, on: bool) -> bool:
    """Turn it on or off; False where it is so already. Once it is on, what is due counts from now."""
    while found.is_on is not on:
        version = workspace.log.version(workspace.project, stream_of(found.environment))
        try:
            _switch(workspace, found, version, on=on)
            return True
        except (WrongExpectedVersion, EventConflict):
            found = stands_now(workspace, found)
    return False


def _switch(workspace: Workspace, found: Found, version: int, *, on: bool) -> None:
    stream, at = stream_of(found.environment), workspace.clock()
    fact = AutomationSwitched(environment=found.environment, location=found.location, name=found.name, on=on, at=at)
    event = new_event(
        fact,
        project=workspace.project,
        stream=stream,
        name=(found.location, found.name, version),
        at=at,
        actor=workspace.actor,
    )
    append = StreamAppend(project=workspace.project, stream=stream, events=(event,), expected=version)
    workspace.log.append(Batch(appends=(append,)))


def evaluations(workspace: Workspace, found: Found, *, limit: int) -> list[tuple[RecordedEvent, AutomationEvaluated]]:
    """What last came of looking at it, newest first. Cost: of the environment's last thousand such events."""
    stream = stream_of(found.environment)
    version = workspace.log.version(workspace.project, stream)
    events = workspace.log.read(workspace.project, stream, after=max(0, version - _EVENTS_MAX), limit=_EVENTS_MAX)
    facts = ((event, from_json(event.type, event.data)) for event in reversed(events))
    said = [
        (event, fact)
        for event, fact in facts
        if isinstance(fact, AutomationEvaluated) and (fact.location, fact.name) == found.slot
    ]
    return said[:limit]


def stands_now(workspace: Workspace, found: Found) -> Found:
    """The same with where it stands by now."""
    with snapshot(workspace.log) as connection:
        now = standings(connection, workspace.project, found.environment)
    return replace(found, standing=now.get(found.slot, Standing()))


def _of(connection: Snapshot, project: str, environment: str) -> Iterator[Found]:
    deployments = deployed(connection, project, environment, NOW)
    defined = automations_of(connection, project, deployments)
    if not defined:
        return
    standing = standings(connection, project, environment)
    for slot, (_, definition) in defined.items():
        yield Found(
            environment=environment,
            location=slot[0],
            definition=definition,
            standing=standing.get(slot, Standing()),
        )
