"""Loading a location as its code stands: in this process, or by its own interpreter where settings say so."""

import os
import sys
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from latewood.commands.deployed_code import python_of
from latewood.commands.workspace import Workspace
from latewood.engine.loading.importing import files_of, relative_name
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file, load_module
from latewood.engine.loading.location_settings import (
    LocationSettings,
    entries,
    entry_of,
    location_settings,
    name_of,
    values_of,
)
from latewood.engine.loading.problems import Problems
from latewood.engine.loading.project_file import FILE, ProjectFile, title
from latewood.engine.running.loading_apart import Apart, load_apart
from latewood.engine.running.worker_process import WorkerUnusable
from latewood.engine.storage.caches import caches_in_use
from latewood.errors import DefinitionsInvalid, UsageError
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey
from latewood.projections.catalog import defined, deployed
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.sharing import Resolve

Named = tuple[Path | None, str | None]
"""A file, or a module, that was named."""

_SHOWN: Final = 5


def location_of(named: Named, root: Path) -> str:
    """What the location is called: as the project's file says, else by its file or module."""
    return name_of(root, _entry(named, root))


def named_as(root: Path, location: str) -> Named:
    """The file or module that a location is."""
    entry = entry_of(root, location)
    return (root / entry, None) if entry.endswith(".py") else (None, entry)


def listed(root: Path, location: str) -> Named:
    """The file or module that the project's file lists by this name, or that is called so. Raises UsageError."""
    known = entries(root)
    if location in known or any((root / file).is_file() for file in files_of(location)):
        return named_as(root, location)
    near = get_close_matches(location, known, n=3)
    there = ", ".join(sorted(known)[:_SHOWN]) + (", …" if len(known) > _SHOWN else "")
    hint = f"near: {', '.join(near)}" if near else f"there are {there or 'none'}"
    raise UsageError(f'no location "{location}" in {root / FILE}; {hint}')


def others_of(workspace: Workspace, root: Path, own: Collection[str]) -> dict[AssetKey, AssetDefinition]:
    """Assets of the environment's other locations: of those that are not these, under whatever name."""
    own = {*own, *(entry_of(root, location) for location in own)}
    with snapshot(workspace.log) as connection:
        locations = deployed(connection, workspace.project, workspace.environment, NOW)
        return {
            entry.definition.key: entry.definition
            for other, deployment in locations.items()
            if other not in own
            for entry in defined(connection, workspace.project, other, deployment)
        }


def load_location(
    workspace: Workspace,
    named: Named,
    root: Path,
    others: Mapping[AssetKey, AssetDefinition],
    resolve: Resolve,
    *,
    limit_s: float | None = None,
) -> Loaded:
    """The location as its code stands now.

    One with an interpreter, a directory or variables of its own is loaded by a process that has these, and nothing of
    it is live here. With a limit every one is, and its process may take so long.
    Raises DefinitionsInvalid with all problems, VenvFailed where the packages of its lock file cannot be had.
    """
    file, module = named
    location = location_of(named, root)
    problems = Problems(root)
    project = ProjectFile(root, problems)
    settings = location_settings(project, location)
    apart = settings.are_of_a_process or limit_s is not None
    if problems.found and (apart or (file is not None and not file.is_file())):  # else told with all that is wrong
        raise DefinitionsInvalid(tuple(problems.found))
    if apart and (file is None or file.is_file()):
        with caches_in_use(workspace.home) if settings.lock is not None else nullcontext():
            python = python_of(settings, workspace.home.absolute(), root)
            assert python is not None, "it is a problem where it is not there"
            by = apart_by(python, location, settings, root, always=limit_s is not None)
            if by is not None:
                return _loaded_apart(replace(by, limit_s=limit_s), workspace, others, resolve, project, problems)
    environment = workspace.environment
    if file is not None:
        return load_file(file, root=root, location=location, others=others, environment=environment, resolve=resolve)
    assert module is not None, "one of them is named"
    return load_module(module, root=root, location=location, others=others, environment=environment, resolve=resolve)


def apart_by(
    python: str, location: str, settings: LocationSettings, root: Path, *, always: bool = False
) -> Apart | None:
    """How a location with this Python is loaded apart; None where this process can be its own, unless it is `always`.

    Raises UsageError for a variable that is not set any more.
    """
    if not always and _is_ours(python) and not settings.directory and not settings.variables:
        return None
    return Apart(
        location=location,
        entry=settings.entry or location,
        root=root,
        settings=settings,
        interpreter=python,
        variables=values_of(root, location, settings.variables),
    )


def _loaded_apart(
    apart: Apart,
    workspace: Workspace,
    others: Mapping[AssetKey, AssetDefinition],
    resolve: Resolve,
    project: ProjectFile,
    problems: Problems,
) -> Loaded:
    try:
        return load_apart(apart, others=others, environment=workspace.environment, resolve=resolve, environ=os.environ)
    except WorkerUnusable as error:
        field = "python" if apart.settings.python else "lock" if apart.settings.lock is not None else ""
        place = project.place("locations", apart.location, field=field)
        problems.at(
            place, f"[{title(('locations', apart.location))}] cannot be loaded by {error.interpreter}: {error.cause}"
        )
    raise DefinitionsInvalid(tuple(problems.found))


def _entry(named: Named, root: Path) -> str:
    file, module = named
    return str(module) if file is None else relative_name(file.resolve(), root)


def _is_ours(python: str) -> bool:
    """Whether an interpreter is the one that runs this: of the same environment, whatever its name is there."""
    theirs, ours = Path(python).absolute(), Path(sys.executable).absolute()
    return theirs.parent == ours.parent and theirs.resolve() == ours.resolve()
