"""The one place where user code is imported: as it stands or as it was deployed, and never from old bytecode."""

import importlib.util
import sys
import traceback
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

from latewood.engine.code.sources import OWN_PACKAGES, is_first_party
from latewood.errors import DefinitionError, DefinitionsInvalid


def project_root(start: Path) -> Path:
    """The nearest folder upwards that looks like a project's (latewood.toml, pyproject.toml, .git), else `start`."""
    for folder in (start, *start.parents):
        if any((folder / mark).exists() for mark in ("latewood.toml", "pyproject.toml", ".git")):
            return folder
    return start


def relative_name(path: Path, root: Path) -> str:
    """The path as a project calls it; only its name where it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def files_of(location: str) -> tuple[str, ...]:
    """The files that a location may be, relative to the root: it is called by its file, or its module."""
    module = location.replace(".", "/")
    return location, f"{module}.py", f"{module}/__init__.py"


def module_of(path: Path) -> ModuleType:
    """Import a file as a module of its name; its folder joins the import path."""
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


def imported(importer: Any, root: Path) -> ModuleType:
    """Run user code at import; its failure becomes one problem at the user's own line."""
    if _FirstParty not in sys.meta_path:
        sys.meta_path.insert(sys.meta_path.index(PathFinder), _FirstParty)
    try:
        module: ModuleType = importer()
    except DefinitionError as error:  # a policy or partition scheme that cannot be, raised where it was written
        file, line = place_in(error, root)
        raise DefinitionsInvalid((DefinitionError(error.message, file=file, line=line),)) from None
    except SyntaxError as error:
        file = relative_name(Path(error.filename), root) if error.filename else ""
        shown = f"\n    {error.text.strip()}" if error.text and error.text.strip() else ""
        problem = DefinitionError(f"SyntaxError: {error.msg}{shown}", file=file, line=error.lineno or 0)
        raise DefinitionsInvalid((problem,)) from None
    except (Exception, SystemExit) as error:
        file, line = place_in(error, root)
        hint = _where_to_install(error) if isinstance(error, ModuleNotFoundError) else ""
        problem = DefinitionError(f"cannot be imported: {type(error).__name__}: {error}{hint}", file=file, line=line)
        raise DefinitionsInvalid((problem,)) from error
    return module


def _where_to_install(error: ModuleNotFoundError) -> str:
    """Which Python lacks the module, or what may be meant."""
    name = error.name or ""
    near = get_close_matches(name, {*sys.stdlib_module_names, *packages_distributions()}, n=1, cutoff=0.8)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; install it for {sys.executable}, which loads this" if name and "." not in name else ""


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


def place_in(error: BaseException, root: Path) -> tuple[str, int]:
    """The innermost line of the user's own files in the traceback."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(root)]
    own = [f for f in frames if "site-packages" not in f.filename and "/latewood/" not in f.filename]
    if not own:
        return "", 0
    return relative_name(Path(own[-1].filename), root), own[-1].lineno or 0


def archived_home(folder: Path, entry: str, paths: Sequence[str], root: Path) -> Path | None:
    """Let this process import from the folder and not from the working tree; the file to load, None for a module."""
    file = folder / entry
    home = [file.parent.relative_to(folder).as_posix()] if file.is_file() else []
    start = [str(folder / path) for path in dict.fromkeys((*paths, *home, "."))]
    sys.path[:] = [*start, *(entry for entry in sys.path if entry not in start and not _is_working_tree(entry, root))]
    _forget(root)
    return file if file.is_file() else None


def begin_afresh(root: Path, path: Sequence[str]) -> None:
    """Let what is imported next be found along this path, as by a process that has no module of the project yet."""
    sys.path[:] = path
    _forget(root)


def _forget(root: Path) -> None:
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None) or ""
        if name not in _MAIN and is_first_party(name, origin) and _is_working_tree(origin, root):
            del sys.modules[name]


_MAIN = ("__main__", "__mp_main__")
"""What a process was started as: Latewood's own, wherever that lies."""


class WorkingTreeModules:
    """The user's own modules that this process has from below `root` and not from `folder`.

    Cost: a look at the file system for each module that was not there before.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._judged: dict[tuple[str, str], bool] = {}

    @property
    def fault(self) -> str:
        """What is wrong with those that there are by now; empty where there are none."""
        origins = [(name, getattr(module, "__file__", None)) for name, module in list(sys.modules.items())]
        names = sorted(name for name, origin in origins if origin is not None and self._is_one(name, origin))
        if not names:
            return ""
        return (
            f"{', '.join(names)} would be imported from the working tree: that is no part of what was deployed. "
            "Code that is found while it runs only (by a name put together, by a plugin) is not seen when it is "
            "deployed; import it at the top of a module"
        )

    def _is_one(self, name: str, origin: str) -> bool:
        if (name, origin) not in self._judged:
            self._judged[name, origin] = (
                name not in _MAIN
                and is_first_party(name, origin)
                and _is_working_tree(origin, self._root)
                and not Path(origin).resolve().is_relative_to(self._folder)
            )
        return self._judged[name, origin]


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
