"""From a user's module to definitions: imports it, reads signatures, and reports every problem at once.

What comes out are the shapes that a deployment records, and the live functions that an executor in this process may
call.
"""

import importlib
import importlib.util
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from latewood.authoring import Asset, Check, Definitions, Observer, OutputOf, Task
from latewood.automation import Automation
from latewood.engine.code.inspection import Inspector
from latewood.engine.loading.assembly import Found, assemble
from latewood.engine.loading.configuration import AsGiven, AsRecorded, Recorded
from latewood.engine.loading.importing import archived_home, imported, module_of, place_in, relative_name
from latewood.engine.loading.loaded import PROD, Loaded
from latewood.engine.loading.ownership import own_automations, values, without_others
from latewood.engine.loading.problems import unexpected
from latewood.errors import DefinitionError, DefinitionsInvalid, LatewoodError
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey
from latewood.sharing import Resolve, SharedTask, resolving
from latewood.workflows import LaunchPlan, Workflow

if TYPE_CHECKING:
    from latewood.resources import Resource

DEFINITIONS = "definitions"
"""The module attribute that says what a module defines, when it is not all its attributes."""


def load_file(
    path: Path,
    *,
    root: Path,
    location: str = "",
    others: Mapping[AssetKey, AssetDefinition] | None = None,
    environment: str = PROD,
    recorded: AsRecorded | None = None,
    resolve: Resolve | None = None,
) -> Loaded:
    """The location defined by a Python file, configured for an environment by the project's file in the root.

    Or as it was `recorded`: then that file is not read. `others` are the assets of other locations it may read,
    `resolve` finds the tasks of others.

    The file's folder joins the import path, as if Python had been started with the file.
    Raises DefinitionsInvalid with all problems.
    """
    path = path.resolve()
    if not path.is_file():
        problem = f"expected a Python file, found a folder: {path}" if path.is_dir() else f"no such file: {path}"
        raise DefinitionsInvalid((DefinitionError(problem),))
    with resolving(resolve):
        module = imported(lambda: module_of(path), root)
        return _load(module, location or relative_name(path, root), root, others or {}, environment, recorded)


def load_module(
    name: str,
    *,
    root: Path,
    location: str = "",
    others: Mapping[AssetKey, AssetDefinition] | None = None,
    environment: str = PROD,
    recorded: AsRecorded | None = None,
    resolve: Resolve | None = None,
) -> Loaded:
    """The same of an importable module. Raises DefinitionsInvalid with all problems."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    with resolving(resolve):
        module = imported(lambda: importlib.import_module(name), root)
        return _load(module, location or name, root, others or {}, environment, recorded)


def load_archived(
    folder: Path,
    location: str,
    paths: Sequence[str],
    *,
    root: Path,
    configurations: Mapping[str, Recorded],
    others: Mapping[AssetKey, AssetDefinition] | None = None,
    environment: str = PROD,
    resolve: Resolve | None = None,
    entry: str = "",
) -> Loaded:
    """The location as it was deployed: its source is unpacked in `folder`, and nothing is imported from below `root`.

    For the rest of this process. What Python has installed below `root` can be imported still, relative paths in
    parameters and configurations start there. Resources have these configurations, those without one are left out; the
    project's file of today says nothing of it. `entry` is the file or module that it is, where it is not called so.
    Raises DefinitionsInvalid with all problems.
    """
    recorded = AsRecorded(root=root, configurations=configurations)
    file = archived_home(folder, entry or location, paths, root)
    with resolving(resolve):
        module = _archived_module(file, entry or location, folder)
        loaded = _load(module, location, folder, others or {}, environment, recorded)
    return replace(loaded, root=root)


def load_tasks(
    folder: Path,
    location: str,
    paths: Sequence[str],
    names: Collection[str],
    *,
    root: Path,
    configurations: Mapping[str, Recorded],
    environment: str = PROD,
    entry: str = "",
) -> Loaded:
    """These tasks of a location as it was deployed, and nothing else of it: no asset, and no task of others.

    All else is as `load_archived` says.
    """
    file = archived_home(folder, entry or location, paths, root)
    module = _archived_module(file, entry or location, folder)
    there = _found(module).tasks
    if missing := sorted(set(names) - there.keys()):
        raise DefinitionsInvalid((DefinitionError(f"{location} has no task {', '.join(missing)}"),))
    found = Found(assets=(), checks=(), names={}, tasks={name: there[name] for name in names})
    said = AsRecorded(root=root, configurations=configurations)
    return replace(_assembled(found, location, folder, {}, environment, said, Inspector(folder)), root=root)


def _archived_module(file: Path | None, name: str, folder: Path) -> ModuleType:
    return imported(lambda: importlib.import_module(name) if file is None else module_of(file.resolve()), folder)


def load_objects(
    definitions: ModuleType | Definitions | Iterable[object],
    *,
    root: Path,
    location: str,
    environment: str = PROD,
    resources: "Mapping[str, Resource | Mapping[str, Any]] | None" = None,
) -> Loaded:
    """The location that these objects define, which no file has to hold; no sources are kept of it.

    The project's file is not read: `resources` are all that is said of them, instances or values by name. Nothing is
    stored by IO, all goes to the artifact store. In an
    iterable the name of an asset's function is that by which parameters name it. Raises DefinitionsInvalid.
    """
    match definitions:
        case ModuleType():
            found = _found(definitions)
        case Definitions():
            found = _declared(definitions, _by_function(definitions))
        case _:
            found = _listed(tuple(definitions), location)
    said = AsGiven(root=root, resources=resources or {})
    return _assembled(found, location, root, {}, environment, said, Inspector(root), stored=False)


def _load(
    module: ModuleType,
    location: str,
    root: Path,
    others: Mapping[AssetKey, AssetDefinition],
    environment: str,
    recorded: AsRecorded | None,
) -> Loaded:
    inspector = Inspector(root)
    found = own_automations(without_others(_found(module), module, others, root), module)
    loaded = _assembled(found, location, root, others, environment, recorded, inspector)
    sources = inspector.first_party_sources()
    return replace(loaded, sources=sources, paths=tuple(_import_paths(root, sources)))


def _assembled(
    found: Found,
    location: str,
    root: Path,
    others: Mapping[AssetKey, AssetDefinition],
    environment: str,
    said: AsRecorded | AsGiven | None,
    inspector: Inspector,
    *,
    stored: bool = True,
) -> Loaded:
    kinds = (found.assets, found.checks, found.workflows, found.plans, found.tasks, found.automations)
    if not any(kinds) and not found.declared:
        only = "defines no assets" if not found.imported else "defines nothing but what other files do that it imports"
        message = (
            f"{location} {only}: decorate a function with @asset or @workflow; "
            "to retire it with all its assets, say `definitions = Definitions()` in it"
        )
        raise DefinitionsInvalid((DefinitionError(message),))
    try:
        assembled = assemble(
            found,
            root=root,
            location=location,
            said=said,
            inspector=inspector,
            others=others,
            environment=environment,
            stored=stored,
        )
    except LatewoodError:
        raise
    except Exception as error:  # user code is asked in many ways: its last line is where to look
        file, line = place_in(error, root)
        problem = DefinitionError(unexpected(error), file=file or location, line=line or 1)
        raise DefinitionsInvalid((problem,)) from error
    return Loaded(
        location=location,
        root=root,
        code=root,
        assets=assembled.assets,
        sources={},
        tasks=assembled.tasks,
        checks=assembled.checks,
        launchables=assembled.launchables,
        handlers=assembled.handlers,
        resources=assembled.resources,
        configurations={name: found.recorded for name, found in assembled.resources.items()},
        environment=environment,
        settings=assembled.settings,
        observers=assembled.observers,
        readable=assembled.readable,
        ios=assembled.ios,
        offered=assembled.offered,
        bare=assembled.bare,
        places=assembled.places,
        automations=assembled.automations,
        sensors=assembled.sensors,
    )


def _import_paths(root: Path, sources: Mapping[str, bytes]) -> Iterator[str]:
    """Folders of the import path that have any of the sources in them, relative to the root, in order."""
    folders = {parent.as_posix() for file in sources for parent in PurePosixPath(file).parents}
    for entry in dict.fromkeys(Path(entry).resolve() for entry in sys.path):
        if entry.is_relative_to(root) and (found := entry.relative_to(root).as_posix()) in folders:
            yield found


def _found(module: ModuleType) -> Found:
    """What the module defines: its `definitions`, or else everything of that kind among its attributes."""
    said = getattr(module, DEFINITIONS, None)
    declared = said if isinstance(said, Definitions) else _of_kinds(values(vars(module)))
    names = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, Asset | OutputOf) and not name.startswith("_")
    }
    tasks = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, Task) and not isinstance(value, SharedTask) and not name.startswith("_")
    }
    if declared is said:
        called = {id(task): name for name, task in tasks.items()}
        tasks = {called.get(id(task), task.step): task for task in declared.tasks}
    return replace(_declared(declared, names), tasks=tasks, declared=declared is said)


_KINDS: Final = (Asset, Check, Workflow, LaunchPlan, Observer, Automation)


def _listed(objects: Sequence[object], location: str) -> Found:
    """These objects, all of them of a kind that can be defined."""
    other = next((value for value in objects if not isinstance(value, _KINDS)), None)
    if other is not None:
        message = (
            f"{location}: expected assets, checks, workflows, launch plans, observers and automations, "
            f"found {type(other).__name__}"
        )
        raise DefinitionsInvalid((DefinitionError(message),))
    declared = _of_kinds(objects)
    return _declared(declared, _by_function(declared))


def _by_function(declared: Definitions) -> dict[str, Asset[..., Any]]:
    """The assets by the names of their functions, of those that are the only one of their function."""
    times = Counter(asset.function.__name__ for asset in declared.assets)
    return {name: asset for asset in declared.assets if times[name := asset.function.__name__] == 1}


def _of_kinds(values: Iterable[object]) -> Definitions:
    values = tuple(values)
    return Definitions(
        assets=[value for value in values if isinstance(value, Asset)],
        checks=[value for value in values if isinstance(value, Check)],
        workflows=[value for value in values if isinstance(value, Workflow)],
        launch_plans=[value for value in values if isinstance(value, LaunchPlan)],
        observers=[value for value in values if isinstance(value, Observer)],
        automations=[value for value in values if isinstance(value, Automation)],
    )


def _declared(declared: Definitions, names: Mapping[str, Asset[..., Any] | OutputOf]) -> Found:
    return Found(
        assets=tuple(dict.fromkeys(declared.assets)),
        checks=tuple(dict.fromkeys(declared.checks)),
        names=names,
        workflows=tuple(dict.fromkeys(declared.workflows)),
        plans=tuple({id(plan): plan for plan in declared.launch_plans}.values()),
        observers=tuple(dict.fromkeys(declared.observers)),
        automations=tuple({id(each): each for each in declared.automations}.values()),
    )
