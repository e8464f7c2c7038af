"""Loading a location as its code stands: in this process, or by its own interpreter where settings say so."""

import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

from latewood.commands.deployed_code import python_of
from latewood.commands.workspace import Workspace
from latewood.engine.loading.importing import relative_name
from latewood.engine.loading.loader import Loaded, load_file, load_module
from latewood.engine.loading.location_settings import LocationSettings, location_settings, name_of, values_of
from latewood.engine.loading.problems import Problems
from latewood.engine.loading.project_file import ProjectFile, title
from latewood.engine.running.loading_apart import Apart, load_apart
from latewood.engine.running.worker_process import WorkerUnusable
from latewood.engine.storage.caches import caches_in_use
from latewood.errors import DefinitionsInvalid
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey
from latewood.sharing import Resolve

Named = tuple[Path | None, str | None]
"""A file, or a module, that was named."""


def location_of(named: Named, root: Path) -> str:
    """What the location is called: as the project's file says, else by its file or module."""
    return name_of(root, _entry(named, root))


def load_location(
    workspace: Workspace,
    named: Named,
    root: Path,
    others: Mapping[AssetKey, AssetDefinition],
    resolve: Resolve,
) -> Loaded:
    """The location as its code stands now.

    One with an interpreter, a directory or variables of its own is loaded by a process that has these, and nothing of
    it is live here.
    Raises DefinitionsInvalid with all problems, VenvFailed where the packages of its lock file cannot be had.
    """
    file, module = named
    location = location_of(named, root)
    problems = Problems(root)
    project = ProjectFile(root, problems)
    settings = location_settings(project, location)
    apart = settings.are_of_a_process
    if problems.found and (apart or (file is not None and not file.is_file())):  # else told with all that is wrong
        raise DefinitionsInvalid(tuple(problems.found))
    if apart and (file is None or file.is_file()):
        with caches_in_use(workspace.home) if settings.lock is not None else nullcontext():
            python = python_of(settings, workspace.home.absolute(), root)
            assert python is not None, "it is a problem where it is not there"
            by = apart_by(python, location, settings, root)
            if by is not None:
                return _loaded_apart(by, workspace, others, resolve, project, problems)
    environment = workspace.environment
    if file is not None:
        return load_file(file, root=root, location=location, others=others, environment=environment, resolve=resolve)
    assert module is not None, "one of them is named"
    return load_module(module, root=root, location=location, others=others, environment=environment, resolve=resolve)


def apart_by(python: str, location: str, settings: LocationSettings, root: Path) -> Apart | None:
    """How a location with this Python is loaded apart; None where this process can be its own.

    Raises UsageError for a variable that is not set any more.
    """
    if _is_ours(python) and not settings.directory and not settings.variables:
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
