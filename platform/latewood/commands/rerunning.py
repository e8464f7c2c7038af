"""Running again what a run was asked for, on the code that is deployed now."""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from latewood.commands.deployed_code import deployed_code, interpreter_of, recorded
from latewood.commands.explaining import run_events
from latewood.commands.launching import launched
from latewood.commands.loading import apart_by
from latewood.commands.planning import STATUS, Asked
from latewood.commands.runs import request_of, run_named, steps_meant
from latewood.commands.sharing import recorded_tasks
from latewood.commands.views import AsOf, View, known_parameter, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.progress import DOWNSTREAM_OF_FAILURE, Progress, progress_of
from latewood.decide.select import select
from latewood.decide.selection import parse, show, with_names
from latewood.decide.sweep import Given, Sweep
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_archived
from latewood.engine.loading.shared import resolve_recorded
from latewood.engine.running.loading_apart import load_deployed_apart
from latewood.engine.running.worker_protocol import Open
from latewood.errors import Conflict, UsageError
from latewood.events import (
    CheckEvaluated,
    RunPlanned,
    RunRequested,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from latewood.model.elements import list_of
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId
from latewood.model.partitions import LATEST, keys_of
from latewood.projections.catalog import defined, deployed
from latewood.projections.configurations import configured_along
from latewood.projections.environments import line_of
from latewood.projections.runs import RunRow
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.projections.statistics import keys_of_ids

FAILED = "failed"
"""What restricts a run to what failed in an earlier one, in place of numbers of steps."""

UNFINISHED = "unfinished"
"""The same, with what that one was cancelled or interrupted before."""

Places = dict[AssetKey, frozenset[PartitionKey]]
"""Asset partitions that are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A run that is to be asked for again: in its environment, with the code that is deployed there now."""

    workspace: Workspace
    loaded: Loaded
    asked: Asked


def rerun_of(
    workspace: Workspace, named: str, *, only: str, parameters: tuple[str, ...], home: Path, root: Path
) -> Again:
    """The request of that run, restricted to `only` these of its steps, with other values for these parameters.

    `only` is "failed" or "unfinished", or numbers and ranges of steps. A rerun of a run that was restricted itself has
    its restriction. Assets that were renamed since have the names that the environment has for them now.
    Raises UsageError for a run or step that is not there, and for what the environment does not define any more.
    """
    row = run_named(workspace, named)
    requested = request_of(workspace, row)
    workspace = replace(workspace, environment=requested.environment)
    names = _names_since(workspace, row)
    of = requested.rerun_of if requested.rerun_of and not only else row.run
    restricted = only or requested.only
    places = _places(workspace, of, restricted) if restricted and not restricted.startswith(STATUS) else None
    loaded = _loaded(workspace, requested, _location(workspace, row, requested, places), home, root)
    asked = Asked(
        selection=show(with_names(parse(requested.selection), names)) if names else requested.selection,
        partition=requested.partitions,
        parameters=_full_names(requested, loaded, parameters),
        zipped=requested.zipped,
        force=requested.force or (requested.only == f"{STATUS}failed" and bool(only)),
        priority=requested.priority,
        launch=requested.launch,
        again=_given(workspace, requested, names),
        rerun_of=of,
        only=restricted,
        places=places,
        partitions_at=row.requested_at if LATEST in requested.partitions else None,
    )
    return Again(workspace=workspace, loaded=loaded, asked=asked)


def _names_since(workspace: Workspace, row: RunRow) -> dict[AssetKey, AssetKey]:
    """What assets are called now that had another name in the code of the run."""
    now = view_of(workspace)
    if not now.renames:
        return {}
    then, keys = view_of(workspace, as_of=AsOf(row.requested_position)), {id_: key for key, id_ in now.ids.items()}
    return {key: keys[id_] for key, id_ in then.ids.items() if keys.get(id_, key) != key}


# ── which code ───────────────────────────────────────────────────────────────────────────────────────────


def _loaded(workspace: Workspace, requested: RunRequested, location: str, home: Path, root: Path) -> Loaded:
    with snapshot(workspace.log) as connection:
        deployments = deployed(connection, workspace.project, workspace.environment, NOW)
        entries = {
            location: defined(connection, workspace.project, location, name) for location, name in deployments.items()
        }
        line = line_of(connection, workspace.project, workspace.environment, NOW)
        configurations = configured_along(connection, workspace.project, line)
        own = [entry.definition for entry in entries.get(location, ())]
        shared = recorded_tasks(connection, workspace, own)
    if not deployments:
        raise UsageError(f'run {requested.run}: nothing is deployed in "{workspace.environment}" any more')
    if location not in deployments:
        raise UsageError(
            f'run {requested.run}: {location} is not deployed in "{workspace.environment}" any more, '
            f"but {', '.join(deployments)}"
        )
    code = deployed_code(workspace, deployments[location], home)
    others = {e.definition.key: e.definition for other, es in entries.items() if other != location for e in es}
    of_it = {name: recorded(found) for (of, name), found in configurations.items() if of == location}
    apart = apart_by(interpreter_of(code, home, root), location, code.settings, root)
    if apart is not None:
        to_open = Open(
            folder=str(code.folder),
            location=location,
            paths=code.paths,
            root=str(root),
            project="",
            store="",
            results="",
            environment=workspace.environment,
            others=tuple(others.values()),
            configurations=of_it,
            shared=shared,
            entry=code.settings.entry,
            directory=code.settings.directory,
        )
        return load_deployed_apart(apart, to_open, environ=os.environ)
    loaded = load_archived(
        code.folder,
        location,
        code.paths,
        root=root,
        configurations=of_it,
        others=others,
        environment=workspace.environment,
        resolve=resolve_recorded(shared),
        entry=code.settings.entry,
    )
    if loaded.unconfigured:
        raise UsageError(
            f"run {requested.run}: {workspace.environment} has no configuration of {', '.join(loaded.unconfigured)} "
            f"of {location}; `latewood deploy -f FILE` configures it"
        )
    return replace(loaded, settings=code.settings)


def _location(workspace: Workspace, row: RunRow, requested: RunRequested, places: Places | None) -> str:
    """The one location whose code makes what is asked for again: of chosen steps that which has their assets now.

    Of all it is that of the run, whatever has moved to another one since. Raises UsageError where there are several.
    """
    if places is not None:
        now = view_of(workspace)
        has = sorted({now.locations[key] for key in places})
        if len(has) == 1:
            return has[0]
        raise UsageError(
            f"run {requested.run}: these steps are made by {' and '.join(has)}, and a rerun is by the code of one: "
            f"`latewood rerun {requested.run} --only` with steps of one asks for these"
        )
    then = view_of(workspace, as_of=AsOf(row.requested_position))
    had = _locations_of(then, _planned(workspace, requested), requested)
    if len(had) > 1:
        raise UsageError(
            f"run {requested.run} was of {' and '.join(had)}, and a rerun is by the code of one: "
            f"{_the_same(requested)}`latewood run retry {requested.run}` for what it has not finished"
        )
    return requested.location or location_of(workspace, requested)


def _the_same(requested: RunRequested) -> str:
    """How to ask for the same of several; with values for parameters that is by steps, as variants are of one."""
    if requested.parameters or requested.sweep:
        return f"`latewood rerun {requested.run} --only` with steps of one asks for these, "
    options = [quote(requested.selection)]
    options += ["--partition", quote(requested.partitions)] if requested.partitions else []
    options += ["--only", requested.only.removeprefix(STATUS)] if requested.only else []
    options += ["--force"] if requested.force else []
    return f"`latewood materialize {' '.join(options)} --env {requested.environment} --detach` asks for the same, "


def location_of(workspace: Workspace, requested: RunRequested) -> str:
    """The location that a run was of that did not record it: that of its assets."""
    found = _locations_of(view_of(workspace), _planned(workspace, requested), requested)
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"run {requested.run} does not say whose code it ran, and what it asked for is in "
        f"{' and '.join(found) or 'no location'} now; `latewood materialize` with -f says it"
    )


def _planned(workspace: Workspace, requested: RunRequested) -> Collection[AssetId]:
    """What the run was to make."""
    return {
        id_
        for _, fact in run_events(workspace, requested.run)
        if isinstance(fact, RunPlanned)
        for steps in fact.steps
        for id_ in steps.assets
    }


def _locations_of(view: View, planned: Collection[AssetId], requested: RunRequested) -> list[str]:
    """Where the view has the assets that were planned; of a run with nothing to do those that it asked for."""
    keys: Iterable[AssetKey] = [key for key, id_ in view.ids.items() if id_ in planned]
    if not keys and not requested.location:
        keys = select(parse(requested.selection), view.catalog.graph, view.catalog.assets)
    return sorted({view.locations[key] for key in keys})


# ── which values ─────────────────────────────────────────────────────────────────────────────────────────


def _full_names(requested: RunRequested, loaded: Loaded, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Of a run that was launched by name, inputs may be called as they were then."""
    if not requested.launch:
        return texts
    short = tuple(text for text in texts if "." not in text.partition("=")[0])
    full = launched(loaded.launchables, requested.launch, short).parameters if short else ()
    return (*full, *(text for text in texts if text not in short))


def _given(workspace: Workspace, requested: RunRequested, names: Mapping[AssetKey, AssetKey]) -> Sweep:
    """The values that the run was given, as far as they have their parameters still. Raises UsageError for others."""
    each: list[tuple[Given, ...]] = [
        ({key: {name: value}},) for key, values in requested.parameters.items() for name, value in values.items()
    ]
    axes = tuple(
        tuple({names.get(key, key): values for key, values in given.items()} for given in axis)
        for axis in (*each, *requested.sweep)
    )
    sweep = Sweep(axes=axes, zipped=requested.zipped)
    targets = [f"{key}.{name}" for key, names in sweep.given.items() for name in sorted(names)]
    view = view_of(workspace)
    for target in targets:
        known_parameter(view, target)
    return sweep


# ── which steps ──────────────────────────────────────────────────────────────────────────────────────────


def unfinished_places(progress: Progress, view: View) -> Places:
    """What the run has left to do, by the keys that the assets have in the view.

    Raises UsageError where that is nothing, and for an asset that the view does not have.
    """
    keys = {id_: key for key, id_ in view.ids.items()}
    places: Places = {}
    for ids, ordinals in progress.left():
        for id_ in ids:
            if id_ not in keys:
                raise UsageError(
                    f"run {progress.requested.run}: an asset that it has left to make is not defined any more"
                )
            key = keys[id_]
            places[key] = places.get(key, frozenset()).union(keys_of(view.catalog[key].partitions, ordinals))
    if not places:
        raise Conflict(
            f"run {progress.requested.run} has finished all that it was asked for; "
            f"`latewood rerun {progress.requested.run}` asks for it again"
        )
    return places


def _places(workspace: Workspace, run: RunId, only: str) -> Places:
    """The asset partitions of these steps, by the keys that the assets have now."""
    if only == UNFINISHED:
        return unfinished_places(progress_of(run_events(workspace, run)), view_of(workspace))
    steps, failed = _steps_of(workspace, run)
    if only == FAILED:
        if not failed:
            raise UsageError(f"run {run} has no failed steps; without --only all of it is asked for again")
        meant = failed
    else:
        meant = steps_meant(run, only, steps)
    view = view_of(workspace)
    keys = {id_: key for key, id_ in view.ids.items()}
    places: Places = {}
    gone: set[AssetId] = set()
    for step in sorted(meant):
        assets, partition = tuple(map(list_of, steps[step][0])), steps[step][1]
        gone |= {id_ for id_ in assets if id_ not in keys}
        for key in (keys[id_] for id_ in assets if id_ in keys):
            places[key] = places.get(key, frozenset()) | {partition}
    if gone:
        with snapshot(workspace.log) as connection:
            names = sorted(keys_of_ids(connection, workspace.project, gone).values())
        raise UsageError(f"run {run}: {workspace.environment} does not define {', '.join(names)} any more")
    return places


def _steps_of(
    workspace: Workspace, run: RunId
) -> tuple[Mapping[int, tuple[tuple[AssetId, ...], PartitionKey]], frozenset[int]]:
    """The steps of a run with what they make, and which failed, were refused by a check, or skipped because of that."""
    steps: dict[int, tuple[tuple[AssetId, ...], PartitionKey]] = {}
    failed: set[int] = set()
    for _, fact in run_events(workspace, run):
        match fact:
            case StepStarted():
                steps[fact.step] = (fact.assets, fact.partition)
            case StepSucceeded():
                failed.discard(fact.step)  # an earlier attempt had failed
            case StepReused():
                steps[fact.step] = (tuple(output.asset for output in fact.outputs), fact.partition)
            case StepSkipped():
                steps[fact.step] = (fact.assets, fact.partition)
                if fact.reason in DOWNSTREAM_OF_FAILURE:
                    failed.add(fact.step)
            case StepFailed() | CheckEvaluated(passed=False, blocking=True):
                failed.add(fact.step)
            case _:
                pass
    return steps, frozenset(failed)
