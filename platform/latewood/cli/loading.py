"""The definitions that a command is about: of the file or module it names, else of the one that is deployed."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from latewood.commands.ahead import Ahead
from latewood.commands.deploying import is_retired
from latewood.commands.loading import Named, listed, load_location, location_of, named_as, others_of
from latewood.commands.sharing import resolver
from latewood.commands.views import lying_in, refuse_unknown
from latewood.commands.workspace import Workspace
from latewood.engine.loading.importing import begin_afresh, files_of, project_root
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.location_settings import entries, entry_of
from latewood.errors import DefinitionError, DefinitionsInvalid, LatewoodError, UsageError
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey
from latewood.projections.catalog import deployed
from latewood.projections.environments import existing
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW

_CIRCLE: Final = (
    "expected files that neither import each other nor refer to each other's tasks: {}; nothing was deployed"
)


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
        Raises DefinitionsInvalid with the problems of all that cannot be loaded, and UsageError where files import each
        other, or refer to each other's tasks.
        """
        found, left, refused = self._load_in_order()
        if not left:
            return found
        if not refused:
            raise UsageError(_CIRCLE.format(_listed(list(left))))
        if len(refused) > 1:  # of some it may be all that they read of another one
            refused = self._load_left(found, {location: left[location] for location in refused}) or refused
        raise _all_of(refused)

    def load_what_can_be(self) -> tuple[list[Loaded], dict[str, LatewoodError]]:
        """The same of those that can be loaded, and why others cannot, by location.

        What reads of a location that cannot be loaded reads what is deployed of it.
        """
        found, left, refused = self._load_in_order()
        if left and not refused:
            return found, {location: UsageError(_CIRCLE.format(_listed(list(left)))) for location in left}
        return found, self._load_left(found, left)

    def _load_left(self, found: list[Loaded], left: Mapping[str, Named]) -> dict[str, LatewoodError]:
        """Load each by what is deployed of the others that are left, as one more found; why others cannot be."""
        others = {asset.key: asset for each in found for asset in each.assets}
        errors: dict[str, LatewoodError] = {}
        for location, named in left.items():
            ahead = Ahead(self._workspace, [each.location for each in found])
            for each in found:
                ahead.add(each)
            own = [location, *(each.location for each in found)]
            try:
                found.append(self._afresh(named, {**others_of(self._workspace, self._root, own), **others}, ahead))
            except LatewoodError as error:
                errors[location] = error
        return errors

    def _load_in_order(self) -> tuple[list[Loaded], dict[str, Named], dict[str, LatewoodError]]:
        """Those that can be loaded, those that are left, and why these cannot be, but for what waits for others."""
        waiting = {location_of(named, self._root): named for named in self._named}
        others = others_of(self._workspace, self._root, waiting)
        ahead = Ahead(self._workspace, waiting)
        found: list[Loaded] = []
        while waiting:
            refused: dict[str, LatewoodError] = {}
            left: dict[str, Named] = {}
            for location, named in waiting.items():
                ahead.awaited = ""
                try:
                    loaded = self._afresh(named, others, ahead)
                except LatewoodError as error:  # it may read what one of those that are left defines
                    if not ahead.awaited:
                        refused[location] = error
                    left[location] = named
                    continue
                done = {each.location for each in found}
                # What it imports of one that is not loaded yet would be taken for its own.
                later = [entry_of(self._root, other) for other in waiting if other != location and other not in done]
                if any(_imports(loaded, entry) for entry in later):
                    left[location] = named
                    continue
                found.append(loaded)
                ahead.add(loaded)
                others |= {asset.key: asset for asset in loaded.assets}
            if len(left) == len(waiting):
                return found, left, refused
            waiting = left
        self._named = [
            named for each in found for named in self._named if location_of(named, self._root) == each.location
        ]
        return found, {}, {}

    def each(self) -> Iterator[Loaded]:
        """One after the other, loaded when it is its turn: once all are deployed, and `load` has found the order."""
        for named in self._named:
            yield self._afresh(named, others_of(self._workspace, self._root, [location_of(named, self._root)]))

    def _afresh(self, named: Named, others: Mapping[AssetKey, AssetDefinition], ahead: Ahead | None = None) -> Loaded:
        begin_afresh(self._root, self._path)
        return _load(self._workspace, named, self._root, others, ahead)


def _all_of(refused: Mapping[str, LatewoodError]) -> LatewoodError:
    """Why several cannot be loaded, as one error with the problems of all; that of one as it is."""
    if len(refused) == 1:
        return next(iter(refused.values()))
    problems: dict[str, DefinitionError] = {}  # what is wrong with the project's file is each one's problem
    for location, error in refused.items():
        own = error.problems if isinstance(error, DefinitionsInvalid) else (DefinitionError(f"{location}: {error}"),)
        problems |= {str(problem): problem for problem in own}
    return DefinitionsInvalid(tuple(problems.values()))


def _imports(loaded: Loaded, entry: str) -> bool:
    """Whether a file or module is among the sources that this one was loaded with."""
    return not loaded.sources.keys().isdisjoint(files_of(entry))


def load(
    workspace: Workspace,
    file: Path | None,
    module: str | None,
    location: str | None = None,
    *,
    meant: Callable[[], Collection[str]] = frozenset,
) -> Loaded:
    """The location that was named; without a name, the one that is deployed from here. Raises UsageError.

    Of several that are, it is the one that is `meant`.
    """
    if location is not None:
        if file is not None or module is not None:
            raise UsageError(f"expected --location, -f or -m, found both: {location} and {file or module}")
        file, module = listed(project_root(Path.cwd()), location)
    if file is not None and module is not None:
        raise UsageError(f"expected -f FILE or -m MODULE, found both: {file} and {module}")
    root = project_root(Path.cwd())
    if file is None and module is None:
        file, module = _only_one(workspace, root, meant)
    root = root if file is None else project_root(file.resolve().parent)
    return _load(workspace, (file, module), root, others_of(workspace, root, [location_of((file, module), root)]))


def _load(
    workspace: Workspace,
    named: Named,
    root: Path,
    others: Mapping[AssetKey, AssetDefinition],
    ahead: Ahead | None = None,
) -> Loaded:
    location = location_of(named, root)
    resolve = resolver(workspace, location) if ahead is None else resolver(workspace, location, ahead)
    return load_location(workspace, named, root, others, resolve)


def named_or_all(
    workspace: Workspace, files: Sequence[Path], modules: Sequence[str], locations: Sequence[str]
) -> tuple[list[Path], list[str]]:
    """The files and modules that were named, also as locations; without any, all that there are here.

    These are what the project's file lists, and what the environment has deployments of from below the project's root.
    Raises UsageError where there are none.
    """
    root = project_root(Path.cwd())
    named = [(file, None) for file in files] + [(None, module) for module in modules]
    found: list[Named] = [*named, *(listed(root, location) for location in locations)]
    if not found:
        found = [named_as(root, location) for location in _locations_here(workspace, root)]
    return [file for file, _ in found if file is not None], [module for _, module in found if module is not None]


def _only_one(workspace: Workspace, root: Path, meant: Callable[[], Collection[str]]) -> Named:
    """The only one of these, or the only one of them that is meant. Raises UsageError."""
    here = _locations_here(workspace, root)
    if len(here) > 1:
        chosen = meant()
        here = [location for location in here if location in chosen] or here
    if len(here) > 1:
        names = f"several are deployed from here: {_listed(here)}"
        raise UsageError(f"expected -f FILE, -m MODULE or --location NAME, since {names}")
    return named_as(root, here[0])


def _locations_here(workspace: Workspace, root: Path) -> list[str]:
    with snapshot(workspace.log) as connection:
        there = deployed(connection, workspace.project, workspace.environment, NOW)
        locations = sorted(name for name, found in there.items() if not is_retired(workspace, name, found))
        if not locations:
            known = existing(connection, workspace.project, NOW)
            refuse_unknown(workspace.environment, [environment.environment for environment in known])
    if here := sorted({*entries(root), *lying_in(root, locations)}):
        return here
    if locations:
        found = f"the code that is deployed in {workspace.environment} is not below {root}: {_listed(locations)}"
    else:
        found = "nothing is deployed from here yet"
    raise UsageError(f"expected -f FILE or -m MODULE, since {found}")


def _listed(locations: list[str]) -> str:
    return ", ".join(locations[:5]) + (", …" if locations[5:] else "")
