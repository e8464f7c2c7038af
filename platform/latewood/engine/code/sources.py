"""Where modules come from: the project's own sources, read and parsed once, and everything else by name.

First-party is every module whose source is neither Latewood's, nor the standard library's, nor installed
in a site-packages directory. Files outside the project root count too, named relative to it: an editable
neighbour changes without its version number changing. No user code is run here.
"""

import ast
import functools
import importlib.machinery
import importlib.util
import linecache
import os
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from latewood.decide.module_names import ModuleNames, module_names

OWN_PACKAGES = frozenset(
    {
        "latewood",
        "latewood_eventlog",
        "latewood_graphql",
        "latewood_ui",
        "latewood_bigquery",
        "latewood_openlineage",
        "latewood_spark",
    }
)
"""Packages whose code is no part of a user's logic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """A module whose source is not covered: by what it is, and where its file lies if it has one."""

    module: str
    kind: Literal["own", "stdlib", "package", "extension", "namespace", "absent"]
    path: str


class Source:
    """One first-party source file: its text as read, its syntax, its names, and the live names if loaded."""

    def __init__(
        self,
        *,
        file: str,
        content: bytes,
        tree: ast.Module,
        module: str,
        package: str,
        live: Mapping[str, Any],
    ) -> None:
        self.file = file
        self.content = content
        self.tree = tree
        self.module = module
        self.package = package
        self.live = live

    @functools.cached_property
    def names(self) -> ModuleNames:
        """The global names and their statements."""
        return module_names(self.tree)


class Sources:
    """The source files of one project as they were when first asked for. Cost: each is read once."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._by_path: dict[str, Source | None] = {}
        self._by_module: dict[str, Source | Outside] = {}
        self._distributions: dict[str, tuple[str, str] | None] = {}

    def module(self, name: str) -> Source | Outside:
        """The module of that name, loaded or not. Never imports it."""
        found = self._by_module.get(name)
        if found is None:
            found = self._by_module[name] = self._find(name)
        return found

    def of_file(self, path: str, live: Mapping[str, Any]) -> Source | None:
        """The first-party source at `path`, whose code has the globals `live`; None if there is none.

        Also finds what the interpreter holds in memory only, such as the cells of a notebook.
        """
        if path not in self._by_path:
            module = str(live.get("__name__", ""))
            own = module.partition(".")[0] in OWN_PACKAGES
            if own or (not path.startswith("<") and _kind(path) is not None):
                return None
            package = str(live.get("__package__") or "")
            # Under this spelling too: making paths canonical costs more than all else for one function.
            self._by_path[path] = self._read(path, module=module, package=package, live=live)
        return self._by_path[path]

    def first_party(self) -> dict[str, bytes]:
        """The sources of all loaded modules under the root and all that were asked for, by relative path.

        Order: by path. Files outside the root and code without a file are left out.
        """
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            # Most modules are known by their names to be others': making a path canonical costs a look at each folder.
            if not isinstance(path, str) or not is_first_party(name, path):
                continue
            if os.path.realpath(path).startswith(self._root + os.sep):
                self.module(name)
        found = {source.file: source.content for source in self._by_path.values() if source is not None}
        return {file: found[file] for file in sorted(found) if not file.startswith(("<", ".." + os.sep))}

    def distribution(self, module: Outside) -> tuple[str, str] | None:
        """Name and version of the installed distribution that `module` belongs to; None if none claims it."""
        if module.path not in self._distributions:
            self._distributions[module.path] = _distribution(module)
        return self._distributions[module.path]

    def _find(self, name: str) -> Source | Outside:
        loaded = sys.modules.get(name)
        spec = getattr(loaded, "__spec__", None) if name == "__main__" else None
        top = (name if spec is None else spec.name).partition(".")[0]  # `python -m` runs a module under another name
        if top in OWN_PACKAGES:
            return Outside(module=name, kind="own", path="")
        path, is_package = _origin(name, loaded)
        if path is None:
            kind: Literal["stdlib", "namespace", "absent"] = (
                "stdlib" if top in sys.stdlib_module_names else "namespace" if is_package else "absent"
            )
            return Outside(module=name, kind=kind, path="")
        kind_of_path = _kind(path)
        if kind_of_path is not None:
            return Outside(module=name, kind=kind_of_path, path=path)
        live = vars(loaded) if loaded is not None else {}
        package = name if is_package else name.rpartition(".")[0]
        source = self._read(path, module=name, package=package, live=live)
        return source or Outside(module=name, kind="extension", path=path)

    def _read(self, path: str, *, module: str, package: str, live: Mapping[str, Any]) -> Source | None:
        path = path if path.startswith("<") else os.path.realpath(path)
        if path not in self._by_path:
            file = path if path.startswith("<") else os.path.relpath(path, self._root).replace(os.sep, "/")
            content = _content(path)
            try:
                tree = ast.parse(content) if content is not None else None
            except (SyntaxError, ValueError):
                tree = None
            if content is None or tree is None:
                self._by_path[path] = None
            else:
                self._by_path[path] = Source(
                    file=file, content=content, tree=tree, module=module, package=package, live=live
                )
        return self._by_path[path]


def is_first_party(module: str, path: str) -> bool:
    """Whether a module with this source is the user's: neither ours, nor the standard library's, nor installed."""
    return module.partition(".")[0] not in OWN_PACKAGES and _kind(path) is None


def _content(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return "".join(linecache.getlines(path)).encode() or None


def _origin(name: str, loaded: object) -> tuple[str | None, bool]:
    """File of a module and whether it is a package, without importing anything."""
    if loaded is not None:
        return getattr(loaded, "__file__", None), hasattr(loaded, "__path__")
    head = name.rpartition(".")[0]
    try:
        if head:
            spec = importlib.machinery.PathFinder.find_spec(name, _folders(head))
        else:
            spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return None, False
    return (spec.origin if spec.has_location else None), spec.submodule_search_locations is not None


def _folders(package: str) -> list[str]:
    loaded = sys.modules.get(package)
    if loaded is not None:
        return list(getattr(loaded, "__path__", ()))
    head = package.rpartition(".")[0]
    spec = importlib.machinery.PathFinder.find_spec(package, _folders(head) if head else None)
    return list(spec.submodule_search_locations or ()) if spec is not None else []


@functools.cache
def _stdlib() -> tuple[str, ...]:
    paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    return tuple(path + os.sep for path in paths | set(map(os.path.realpath, paths)))


@functools.lru_cache(maxsize=1 << 14)  # asked of each module that is loaded, whenever definitions are
def _kind(path: str) -> Literal["package", "stdlib", "extension"] | None:
    """What a file outside first-party code is; None for first-party source."""
    if f"{os.sep}site-packages{os.sep}" in path or f"{os.sep}dist-packages{os.sep}" in path:
        return "package"
    if path.startswith(_stdlib()) or os.path.realpath(path).startswith(_stdlib()):
        return "stdlib"
    return None if path.endswith(".py") else "extension"


def _distribution(module: Outside) -> tuple[str, str] | None:
    """The distribution whose record lists the module's file.

    The one named like the module is tried first: reading all records, as packages_distributions does,
    takes tens of milliseconds.
    """
    parts = Path(module.path).parts
    site = max(index for index, part in enumerate(parts) if part in {"site-packages", "dist-packages"})
    folder, relative = str(Path(*parts[: site + 1])), "/".join(parts[site + 1 :])
    top = module.module.partition(".")[0]
    for name in (top, None):
        for found in metadata.distributions(path=[folder], name=name):
            record = found.read_text("RECORD") or ""
            if f"\n{relative}," in f"\n{record}" or top in (found.read_text("top_level.txt") or "").split():
                return found.name, found.version
    return None
