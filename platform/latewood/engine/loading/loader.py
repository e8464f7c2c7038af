"""From a user's module to definitions: imports it, reads signatures, and reports every problem at once.

This is the one place where user code is imported. What comes out are the shapes that a deployment records, and the
live functions that an executor in this process may call.
"""

import importlib
import importlib.util
import sys
import traceback
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from latewood.authoring import Asset, Check, Definitions, Observer, OutputOf, Task
from latewood.engine.code.inspection import Inspector
from latewood.engine.code.sources import OWN_PACKAGES, is_first_party
from latewood.engine.loading.assembly import Found, assemble
from latewood.engine.loading.configuration import AsGiven, AsRecorded, Configured, Recorded
from latewood.engine.loading.live_io import LiveIO
from latewood.engine.loading.location_settings import LocationSettings
from latewood.engine.loading.signature import LiveTask
from latewood.errors import DefinitionError, DefinitionsInvalid
from latewood.model.definitions import AssetDefinition, BareTask, Output
from latewood.model.keys import AssetKey
from latewood.model.workflows import Launchable
from latewood.promises import Place
from latewood.sharing import Resolve, SharedTask, resolving
from latewood.workflows import LaunchPlan, Workflow

if TYPE_CHECKING:
    from latewood.resources import Resource

DEFINITIONS = "definitions"
"""The module attribute that says what a module defines, when it is not all its attributes."""

PROD = "prod"
"""The environment that a location is configured for when nobody says another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A location as its code stands: definitions to record, sources to keep, functions to call.

    `tasks`, `checks`, `handlers` and `observers` hold the live functions by the asset's key, by key and check name, by
    the workflow whose failures they hear of, and by the external asset they look at; `ios` store what does not go to
    the artifact store, by asset. Relative paths in parameters are
    so to `root`; `paths` are the folders that imports of its sources start from, relative to where those lie.
    `settings` say what it is to be run by: nothing where it was loaded as it was deployed, by what was said then.
    `resources` are configured for `environment`. `offered` are tasks that other locations may refer to, `bare` their
    live functions by name. What is made by tasks of other locations has no live function here. `places` say where in
    the code an asset is defined.
    """

    location: str
    root: Path
    assets: tuple[AssetDefinition, ...]
    sources: Mapping[str, bytes]
    tasks: Mapping[AssetKey, LiveTask]
    checks: Mapping[tuple[AssetKey, str], LiveTask]
    launchables: tuple[Launchable, ...] = ()
    handlers: Mapping[str, LiveTask] = field(default_factory=dict)
    resources: Mapping[str, Configured] = field(default_factory=dict)
    environment: str = PROD
    paths: tuple[str, ...] = ()
    settings: LocationSettings = field(default_factory=LocationSettings)
    observers: Mapping[AssetKey, LiveTask] = field(default_factory=dict)
    ios: Mapping[AssetKey, LiveIO] = field(default_factory=dict)
    offered: tuple[BareTask, ...] = ()
    bare: Mapping[str, LiveTask] = field(default_factory=dict)
    places: Mapping[AssetKey, Place] = field(default_factory=dict)

    @property
    def unconfigured(self) -> list[str]:
        """The resources that its functions ask for and that have no configuration."""
        live = (*self.tasks.values(), *self.checks.values(), *self.handlers.values(), *self.observers.values())
        resources = [*(function.resources for function in live), *(io.resources for io in self.ios.values())]
        asked = {cls.__resource_name__ for asked in resources for cls in asked.values()}
        return sorted(asked - self.resources.keys())

    def outputs_of(self, key: AssetKey) -> tuple[Output, ...]:
        """The outputs of the task that makes this asset."""
        return next(asset.task.outputs for asset in self.assets if asset.key == key)


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
        raise DefinitionsInvalid((DefinitionError(f"no such file: {path}"),))
    with resolving(resolve):
        module = _import(lambda: _module_of(path), root)
        return _load(module, location or _relative(path, root), root, others or {}, environment, recorded)


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
        module = _import(lambda: importlib.import_module(name), root)
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
) -> Loaded:
    """The location as it was deployed: its source is unpacked in `folder`, and nothing is imported from below `root`.

    For the rest of this process. What Python has installed below `root` can be imported still, relative paths in
    parameters and configurations start there. Resources have these configurations, those without one are left out; the
    project's file of today says nothing of it.
    Raises DefinitionsInvalid with all problems.
    """
    recorded = AsRecorded(root=root, configurations=configurations)
    file = _archived_home(folder, location, paths, root)
    if file is not None:
        loaded = load_file(
            file,
            root=folder,
            location=location,
            others=others,
            environment=environment,
            recorded=recorded,
            resolve=resolve,
        )
    else:
        loaded = load_module(
            location,
            root=folder,
            location=location,
            others=others,
            environment=environment,
            recorded=recorded,
            resolve=resolve,
        )
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
) -> Loaded:
    """These tasks of a location as it was deployed, and nothing else of it: no asset, and no task of others.

    All else is as `load_archived` says.
    """
    file = _archived_home(folder, location, paths, root)
    module = _import(lambda: importlib.import_module(location) if file is None else _module_of(file), folder)
    there = _found(module).tasks
    if missing := sorted(set(names) - there.keys()):
        raise DefinitionsInvalid((DefinitionError(f"{location} has no task {', '.join(missing)}"),))
    found = Found(assets=(), checks=(), names={}, tasks={name: there[name] for name in names})
    said = AsRecorded(root=root, configurations=configurations)
    return replace(_assembled(found, location, folder, {}, environment, said, Inspector(folder)), root=root)


def _archived_home(folder: Path, location: str, paths: Sequence[str], root: Path) -> Path | None:
    """Let this process import from the folder and not from the working tree; the file to load, None for a module."""
    file = folder / location
    home = [file.parent.relative_to(folder).as_posix()] if file.is_file() else []
    start = [str(folder / path) for path in dict.fromkeys((*paths, *home, "."))]
    sys.path[:] = [*start, *(entry for entry in sys.path if entry not in start and not _is_working_tree(entry, root))]
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None) or ""
        if _is_working_tree(origin, root) and is_first_party(name, origin) and name not in _MAIN:
            del sys.modules[name]
    return file if file.is_file() else None


_MAIN = ("__main__", "__mp_main__")
"""What a process was started as: Latewood's own, wherever that lies."""


def working_tree_modules(root: Path, folder: Path) -> list[str]:
    """The user's own modules that this process has from below `root` and not from `folder`."""
    return sorted(
        name
        for name, module in list(sys.modules.items())
        if name not in _MAIN
        and (origin := getattr(module, "__file__", None)) is not None
        and _is_working_tree(origin, root)
        and is_first_party(name, origin)
        and not Path(origin).resolve().is_relative_to(folder)
    )


def _is_working_tree(entry: str, root: Path) -> bool:
    """Whether a file or folder is the project's own: neither installed there nor Latewood itself."""
    path = Path(entry).resolve()
    installed = {"site-packages", "dist-packages"}.intersection(path.parts) or path.is_relative_to(sys.prefix)
    return path.is_relative_to(root) and not installed and path not in _OWN_FOLDERS


_OWN_FOLDERS = frozenset(
    Path(str(found.origin)).resolve().parents[1]
    for found in map(importlib.util.find_spec, sorted(OWN_PACKAGES))
    if found is not None
)
"""Where Latewood is imported from: below a project's root when the project is Latewood."""


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


def project_root(start: Path) -> Path:
    """The nearest folder upwards that looks like a project's (latewood.toml, pyproject.toml, .git), else `start`."""
    for folder in (start, *start.parents):
        if any((folder / mark).exists() for mark in ("latewood.toml", "pyproject.toml", ".git")):
            return folder
    return start


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _module_of(path: Path) -> ModuleType:
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    if path.suffix != ".py":
        raise ImportError(f"{path} is not a Python file")
    loader = _FromSource(path.stem, str(path))
    spec = importlib.util.spec_from_loader(path.stem, loader)
    assert spec is not None, "a loader of files always gives one"
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _import(importer: Any, root: Path) -> ModuleType:
    """Run user code at import; its failure becomes one problem at the user's own line."""
    if _FirstParty not in sys.meta_path:
        sys.meta_path.insert(sys.meta_path.index(PathFinder), _FirstParty)
    try:
        module: ModuleType = importer()
    except DefinitionError as error:  # a policy or partition scheme that cannot be, raised where it was written
        file, line = _place(error, root)
        raise DefinitionsInvalid((DefinitionError(error.message, file=file, line=line),)) from None
    except SyntaxError as error:
        file = _relative(Path(error.filename), root) if error.filename else ""
        problem = DefinitionError(f"SyntaxError: {error.msg}", file=file, line=error.lineno or 0)
        raise DefinitionsInvalid((problem,)) from None
    except (Exception, SystemExit) as error:
        file, line = _place(error, root)
        problem = DefinitionError(f"cannot be imported: {type(error).__name__}: {error}", file=file, line=line)
        raise DefinitionsInvalid((problem,)) from error
    return module


class _FromSource(SourceFileLoader):
    """Compiles source whenever it is imported, and leaves bytecode files alone.

    They are trusted by the second and the size of their source: after a quick edit the old code would run, and what it
    makes would be recorded under the version of the new one.
    """

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """Refused, by which the import system knows that there is nothing to compare bytecode with."""
        raise OSError(f"{path} is compiled each time")


class _FirstParty(PathFinder):
    """Finds the user's own modules, also those that a function imports later on."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module as Python would find it, if it is the user's; else it is for the next finder to find."""
        spec = super().find_spec(fullname, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader or not is_first_party(fullname, str(spec.origin)):
            return None
        spec.loader = _FromSource(fullname, str(spec.origin))
        return spec


def _place(error: BaseException, root: Path) -> tuple[str, int]:
    """The innermost line of the user's own files in the traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(root)]
    own = [f for f in frames if "site-packages" not in f.filename and "/latewood/" not in f.filename]
    if not own:
        return "", 0
    return _relative(Path(own[-1].filename), root), own[-1].lineno or 0


def _load(
    module: ModuleType,
    location: str,
    root: Path,
    others: Mapping[AssetKey, AssetDefinition],
    environment: str,
    recorded: AsRecorded | None,
) -> Loaded:
    inspector = Inspector(root)
    loaded = _assembled(_found(module), location, root, others, environment, recorded, inspector)
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
    if not (found.assets or found.checks or found.workflows or found.plans or found.tasks or found.declared):
        message = (
            f"{location} defines no assets: decorate a function with @asset or @workflow; "
            "to retire it with all its assets, say `definitions = Definitions()` in it"
        )
        raise DefinitionsInvalid((DefinitionError(message),))
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
    return Loaded(
        location=location,
        root=root,
        assets=assembled.assets,
        sources={},
        tasks=assembled.tasks,
        checks=assembled.checks,
        launchables=assembled.launchables,
        handlers=assembled.handlers,
        resources=assembled.resources,
        environment=environment,
        settings=assembled.settings,
        observers=assembled.observers,
        ios=assembled.ios,
        offered=assembled.offered,
        bare=assembled.bare,
        places=assembled.places,
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
    declared = said if isinstance(said, Definitions) else _of_kinds(_values(vars(module)))
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


_KINDS: Final = (Asset, Check, Workflow, LaunchPlan, Observer)


def _listed(objects: Sequence[object], location: str) -> Found:
    """These objects, all of them of a kind that can be defined."""
    other = next((value for value in objects if not isinstance(value, _KINDS)), None)
    if other is not None:
        message = (
            f"{location}: expected assets, checks, workflows, launch plans and observers, found {type(other).__name__}"
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
    )


def _declared(declared: Definitions, names: Mapping[str, Asset[..., Any] | OutputOf]) -> Found:
    return Found(
        assets=tuple(dict.fromkeys(declared.assets)),
        checks=tuple(dict.fromkeys(declared.checks)),
        names=names,
        workflows=tuple(dict.fromkeys(declared.workflows)),
        plans=tuple({id(plan): plan for plan in declared.launch_plans}.values()),
        observers=tuple(dict.fromkeys(declared.observers)),
    )


def _values(attributes: Mapping[str, Any]) -> Any:
    """Attributes, and what lies in lists, tuples and dicts of them: assets made in a loop are kept somewhere."""
    for value in attributes.values():
        if isinstance(value, list | tuple):
            yield from value
        elif type(value) is dict:
            yield from value.values()
        else:
            yield value
