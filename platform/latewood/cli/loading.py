"""The definitions that a command is about: of the file or module it names, else of the one that is deployed."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from latewood.commands.ahead import Ahead
from latewood.commands.sharing import resolver
from latewood.commands.views import lies_in, refuse_unknown
from latewood.commands.workspace import Workspace
from latewood.engine.loading.importing import begin_afresh, files_of, project_root, relative_name
from latewood.engine.loading.loader import Loaded, load_file, load_module
from latewood.errors import DefinitionsInvalid, UsageError
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey
from latewood.projections.catalog import defined, deployed
from latewood.projections.environments import existing
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW

Named = tuple[Path | None, str | None]
"""A file, or a module, that was named."""


class Together:
    """Several locations of one project that one command is about, each loaded as by a command of its own."""

    def __init__(self, workspace: Workspace, files: Sequence[Path], modules: Sequence[str]) -> None:
        self._workspace = workspace
        self._named: list[Named] = [(file, None) for file in dict.fromkeys(file.resolve() for file in files)]
        self._named += [(None, module) for module in dict.fromkeys(modules)]
        roots = {project_root(Path.cwd() if file is None else file.parent) for file, _ in self._named}
        if len(roots) > 1:
            raise UsageError(f"expected files of one project, found {' and '.join(sorted(map(str, roots)))}")
        (self._root,) = roots
        self._path = list(sys.path)

    def __len__(self) -> int:
        return len(self._named)

    def load(self) -> list[Loaded]:
        """All of them, what others read before these. What one imports of another one is that one's.

        Tasks that they refer to of each other are those that are loaded. Nothing is recorded.
        Raises DefinitionsInvalid, and UsageError where files import each other, or refer to each other's tasks.
        """
        waiting = {location_of(named, self._root): named for named in self._named}
        others = _others(self._workspace, waiting)
        ahead = Ahead(self._workspace, waiting)
        found: list[Loaded] = []
        while waiting:
            refused: DefinitionsInvalid | None = None
            left: dict[str, Named] = {}
            for location, named in waiting.items():
                ahead.awaited = ""
                try:
                    loaded = self._afresh(named, others, ahead)
                except DefinitionsInvalid as error:  # it may read what one of those that are left defines
                    refused = refused or (None if ahead.awaited else error)
                    left[location] = named
                    continue
                done = {each.location for each in found}
                # What it imports of one that is not loaded yet would be taken for its own.
                if any(_imports(loaded, other) for other in waiting if other != location and other not in done):
                    left[location] = named
                    continue
                found.append(loaded)
                ahead.add(loaded)
                others |= {asset.key: asset for asset in loaded.assets}
            if len(left) == len(waiting):
                raise refused or UsageError(
                    "expected files that neither import each other nor refer to each other's tasks: "
                    f"{_listed(list(left))}; nothing was deployed"
                )
            waiting = left
        self._named = [
            named for each in found for named in self._named if location_of(named, self._root) == each.location
        ]
        return found

    def each(self) -> Iterator[Loaded]:
        """One after the other, loaded when it is its turn: once all are deployed, and `load` has found the order."""
        for named in self._named:
            yield self._afresh(named, _others(self._workspace, [location_of(named, self._root)]))

    def _afresh(self, named: Named, others: Mapping[AssetKey, AssetDefinition], ahead: Ahead | None = None) -> Loaded:
        begin_afresh(self._root, self._path)
        return _load(self._workspace, named, self._root, others, ahead)


def location_of(named: Named, root: Path) -> str:
    """What the location is called."""
    file, module = named
    return str(module) if file is None else relative_name(file.resolve(), root)


def _imports(loaded: Loaded, location: str) -> bool:
    """Whether a file or module is among the sources that this one was loaded with."""
    return not loaded.sources.keys().isdisjoint(files_of(location))


def load(
    workspace: Workspace,
    file: Path | None,
    module: str | None,
    *,
    meant: Callable[[], Collection[str]] = frozenset,
) -> Loaded:
    """The location that was named; without a name, the one that is deployed from here. Raises UsageError.

    Of several that are, it is the one that is `meant`.
    """
    if file is not None and module is not None:
        raise UsageError(f"expected -f FILE or -m MODULE, found both: {file} and {module}")
    root = project_root(Path.cwd())
    if file is None and module is None:
        file, module = _only_one(workspace, root, meant)
    root = root if file is None else project_root(file.resolve().parent)
    return _load(workspace, (file, module), root, _others(workspace, [location_of((file, module), root)]))


def _load(
    workspace: Workspace,
    named: Named,
    root: Path,
    others: Mapping[AssetKey, AssetDefinition],
    ahead: Ahead | None = None,
) -> Loaded:
    file, module = named
    location = location_of(named, root)
    resolve = resolver(workspace, location) if ahead is None else resolver(workspace, location, ahead)
    if file is not None:
        return load_file(file, root=root, others=others, environment=workspace.environment, resolve=resolve)
    assert module is not None, "one of them is named"
    return load_module(module, root=root, others=others, environment=workspace.environment, resolve=resolve)


def deployed_here(workspace: Workspace) -> tuple[list[Path], list[str]]:
    """The files and the modules below the project's root that the environment has deployments of.

    Raises UsageError where there are none.
    """
    root = project_root(Path.cwd())
    named = [_named(root, location) for location in _locations_here(workspace, root)]
    return [file for file, _ in named if file is not None], [module for _, module in named if module is not None]


def _only_one(workspace: Workspace, root: Path, meant: Callable[[], Collection[str]]) -> Named:
    """The only one of these, or the only one of them that is meant. Raises UsageError."""
    here = _locations_here(workspace, root)
    if len(here) > 1:
        chosen = meant()
        here = [location for location in here if location in chosen] or here
    if len(here) > 1:
        raise UsageError(f"expected -f FILE or -m MODULE, since several are deployed from here: {_listed(here)}")
    return _named(root, here[0])


def _named(root: Path, location: str) -> Named:
    file = root / location
    return (file, None) if file.is_file() else (None, location)


def _locations_here(workspace: Workspace, root: Path) -> list[str]:
    with snapshot(workspace.log) as connection:
        locations = sorted(deployed(connection, workspace.project, workspace.environment, NOW))
        if not locations:
            known = existing(connection, workspace.project, NOW)
            refuse_unknown(workspace.environment, [environment.environment for environment in known])
    if here := [location for location in locations if lies_in(root, location)]:
        return here
    if locations:
        found = f"the code that is deployed in {workspace.environment} is not below {root}: {_listed(locations)}"
    else:
        found = "nothing is deployed from here yet"
    raise UsageError(f"expected -f FILE or -m MODULE, since {found}")


def _listed(locations: list[str]) -> str:
    return ", ".join(locations[:5]) + (", …" if locations[5:] else "")


def _others(workspace: Workspace, own: Collection[str]) -> dict[AssetKey, AssetDefinition]:
    """Assets of the environment's other locations."""
    with snapshot(workspace.log) as connection:
        locations = deployed(connection, workspace.project, workspace.environment, NOW)
        return {
            entry.definition.key: entry.definition
            for other, deployment in locations.items()
            if other not in own
            for entry in defined(connection, workspace.project, other, deployment)
        }
