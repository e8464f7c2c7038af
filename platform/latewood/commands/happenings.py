"""Reading from the log what is told to systems that follow lineage, with all that it takes to tell it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from latewood.commands.runs import requests
from latewood.commands.versions import makings, step_facts
from latewood.commands.workspace import Workspace
from latewood.decide.happenings import TOLD, MadeThen, Surroundings, first_version, happened
from latewood.events import (
    AssetObserved,
    Event,
    InputRead,
    RunEnded,
    RunStatus,
    StepFailed,
    StepReused,
    StepStarted,
    StepSucceeded,
    from_json,
)
from latewood.model.definitions import AssetDefinition
from latewood.model.happenings import Happening
from latewood.model.keys import AssetId, AssetVersion, RunId, VersionId, version_id
from latewood.projections.catalog import defined_in
from latewood.projections.runs import steps_left
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.statistics import keys_of_ids
from latewood_eventlog.records import Position


class Page(NamedTuple):
    """What happened up to a position, in order; `is_last` where the log ended there."""

    happenings: Sequence[Happening]
    upto: Position
    is_last: bool


def happenings(workspace: Workspace, after: Position, *, limit: int) -> Page:
    """What so many events after the position mean. Reading it again gives the same. Raises LogError."""
    end = workspace.log.position()  # before the events: all up to there is among them
    events = workspace.log.read_types(workspace.project, TOLD, after=after, limit=limit)
    is_last = len(events) < limit
    upto = max([after, *([end] if is_last else []), *(event.position for event in events[-1:])])
    if not events:
        return Page((), upto, is_last)
    facts = [(event.occurred_at, from_json(event.type, event.data)) for event in events]
    with snapshot(workspace.log) as connection:  # after the events: what they say of has its rows
        around = _surroundings(connection, workspace, [fact for _, fact in facts])
    return Page([each for at, fact in facts for each in happened(fact, at, around)], upto, is_last)


def _surroundings(connection: Snapshot, workspace: Workspace, facts: Sequence[Event]) -> Surroundings:
    project = workspace.project
    runs = dict.fromkeys(run for fact in facts if (run := getattr(fact, "run", None)) is not None)
    asked = {RunId(run): found for run, found in requests(connection, workspace, runs).items() if found is not None}
    left = {fact.run: _left(connection, workspace, fact) for fact in facts if isinstance(fact, RunEnded)}
    ended = {version_id(fact.run, fact.step) for fact in facts if isinstance(fact, StepSucceeded | StepFailed)}
    started = _started(connection, workspace, ended)
    taken = _taken(connection, workspace, facts)
    reading = [
        *(fact for fact in facts if isinstance(fact, StepStarted)),
        *started.values(),
        *(then.started for then in taken.values() if then.started is not None),
    ]
    read = [each for step in reading for each in step.inputs.values()]
    assets = {*(each.asset for each in read), *_assets(facts), *(id_ for step in reading for id_ in step.assets)}
    assets |= {id_ for steps in left.values() for step in steps for id_ in step.assets}
    deployments = {name for request in asked.values() for name in request.deployments.values()}
    defined = defined_in(connection, project, deployments, assets)
    definitions: dict[RunId, dict[AssetId, AssetDefinition]] = {
        run: {
            asset: found.definition
            for name in request.deployments.values()
            for asset in assets
            if (found := defined.get((name, asset))) is not None
        }
        for run, request in asked.items()
    }
    return Surroundings(
        project=project,
        requests=asked,
        definitions=definitions,
        names={AssetId(id_): key for id_, key in keys_of_ids(connection, project, assets).items()},
        started=started,
        left=left,
        taken=taken,
        environments=_environments(connection, workspace, read),
    )


def _assets(facts: Iterable[Event]) -> set[AssetId]:
    found: set[AssetId] = set()
    for fact in facts:
        match fact:
            case StepFailed() | StepStarted():
                found.update(fact.assets)
            case StepSucceeded() | StepReused():
                found.update(output.asset for output in fact.outputs)
            case AssetObserved():
                found.add(fact.asset)
            case _:
                pass
    return found


def _started(connection: Snapshot, workspace: Workspace, versions: Iterable[VersionId]) -> dict[VersionId, StepStarted]:
    """How the last attempts of these steps began: which assets they make and what they read is the same of all."""
    by_step = step_facts(connection, workspace, versions)
    return {version: fact for version, facts in by_step.items() for fact in facts if isinstance(fact, StepStarted)}


def _left(connection: Snapshot, workspace: Workspace, ended: RunEnded) -> Sequence[StepStarted]:
    """The attempts that were under way when the run was ended: for ever, since nothing is recorded of it any more."""
    if ended.status is RunStatus.SUCCEEDED:
        return ()
    versions = [version_id(ended.run, step) for step in steps_left(connection, workspace.project, ended.run)]
    found = _started(connection, workspace, versions)
    return [found[version] for version in versions if version in found]


def _taken(connection: Snapshot, workspace: Workspace, facts: Iterable[Event]) -> dict[AssetVersion, MadeThen]:
    reused: dict[AssetVersion, Any] = {
        (output.asset, output.version): None
        for fact in facts
        if isinstance(fact, StepReused)
        for output in fact.outputs
    }
    found: dict[AssetVersion, MadeThen] = {}
    for named, making in makings(connection, workspace, reused).items():
        of = making.source[0] if making.source is not None else named[0]
        made = () if making.succeeded is None else making.succeeded.outputs
        output = next((each for each in made if each.asset == of), None)
        found[named] = MadeThen(started=making.started, output=output)
    return found


def _environments(connection: Snapshot, workspace: Workspace, read: Iterable[InputRead]) -> dict[AssetVersion, str]:
    """Where the first version was made that was read through each input; the others are its neighbours."""
    firsts = {(each.asset, first): None for each in read if (first := first_version(each)) is not None}
    return {named: making.environment for named, making in makings(connection, workspace, firsts).items()}
