"""What a project's `latewood.toml` says of its locations: which code they are, and what it is run by.

[locations.flights]
file = "flights/assets.py"      # or module = "flights.assets"; without either it is called by its file or module
python = ".venv-flights/bin/python"   # a command or a path; by default that which runs Latewood
lock = "requirements.lock"      # of its packages, as pip reads it, with hashes
directory = "flights"           # where its processes work; by default the project's root
environment = {REGION = "eu"}   # variables that they have, besides those of who starts them
env_file = "flights/.env"       # more of these, a line each: NAME=VALUE
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from latewood.engine.loading.importing import files_of
from latewood.engine.loading.problems import Problems
from latewood.engine.loading.project_file import FILE, ProjectFile, title
from latewood.errors import UsageError

_NAMES: Final = ("file", "module", "python", "lock", "directory", "environment", "env_file")
_LOCK_BYTES_MAX: Final = 1 << 24
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_THEIRS: Final = ("LATEWOOD_", "PYTHON")
"""Variables that begin so say how to get to the project, and where Python imports from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationSettings:
    """The content of the lock file, if there is one, and the interpreter as it was named; empty for Latewood's own.

    `entry` is the file or module that the location is, empty where it is called by that. `directory` is where its
    processes work, relative to the root; `variables` are the names of those that are set for it. Their values may be
    secrets, and are kept nowhere.
    """

    lock: bytes | None = None
    python: str = ""
    entry: str = ""
    directory: str = ""
    variables: tuple[str, ...] = ()

    @property
    def former(self) -> frozenset[str]:
        """What the location was called before the project's file gave it a name, if it was deployed by then."""
        return frozenset(filter(None, (self.entry,)))

    @property
    def are_of_a_process(self) -> bool:
        """Whether they can hold in a process of the location's own alone."""
        return bool(self.lock is not None or self.python or self.directory or self.variables)


def location_settings(file: ProjectFile, location: str) -> LocationSettings:
    """The settings of a location. What is not known, not there, or not of its type is added to the file's problems."""
    table = file.table("locations", location)
    found = dict(_texts(file, location, table))
    if re.search(r"[:\x00-\x1f]", location):
        _refuse(file, location, "", "expected a name without colons and control characters")
    for name, kind, is_there in (("file", "Python file", _is_python), ("directory", "folder", Path.is_dir)):
        if name in found and not is_there(file.root / found[name]):
            _refuse(file, location, name, f'{name}: expected a {kind} below {file.root}, found none: "{found[name]}"')
    if twins := _twins(file, location):
        _refuse(file, location, "file", f"the same code as [{title(('locations', twins[0]))}]; a file is one location")
    if "file" in found and "module" in found:
        _refuse(file, location, "module", "expected file or module, found both")
    python = found.get("python", "")
    if python and interpreter(file.root, python) is None:
        _refuse(file, location, "python", f'python: no such command or file: "{python}"')
    entry = found.get("file") or found.get("module") or ""
    return LocationSettings(
        lock=_lock(file, location, found["lock"]) if "lock" in found else None,
        python=python,
        entry="" if entry == location else entry,
        directory=found.get("directory", ""),
        variables=tuple(sorted(_variables(file, location))),
    )


def entries(root: Path) -> dict[str, str]:
    """The file or module that each location is that the project's file below `root` lists, by name.

    What is wrong with the file is none of this: it is told when one of them is loaded. Cost: reading the file.
    """
    return _entries(ProjectFile(root, Problems(root)))


def name_of(root: Path, entry: str) -> str:
    """What the location is called that is this file or module: by that, unless the project's file says otherwise."""
    return next((name for name, said in entries(root).items() if said == entry), entry)


def entry_of(root: Path, location: str) -> str:
    """The file or module that a location is."""
    return entries(root).get(location, location)


def interpreter(root: Path, python: str) -> str | None:
    """The path of an interpreter named in settings: a command, or a file below the root; None if there is none."""
    return shutil.which(python if "/" not in python else str(root / python))


def values_of(root: Path, location: str, variables: tuple[str, ...]) -> dict[str, str]:
    """What these variables are set to for a location now. Raises UsageError for one that is not set any more."""
    if not variables:
        return {}
    problems = Problems(root)
    there = _variables(ProjectFile(root, problems), location)
    if gone := [name for name in variables if name not in there]:
        raise UsageError(
            f"{location} was deployed with the environment variable {gone[0]}, which "
            f"[{title(('locations', location))}] in {root / FILE} does not set; set it there, or deploy it again"
        )
    return {name: there[name] for name in variables}


def _entries(file: ProjectFile) -> dict[str, str]:
    return {
        name: next((said for key in ("file", "module") if isinstance(said := table.get(key), str)), name)
        for name, table in file.table("locations").items()
        if isinstance(table, dict)
    }


def _twins(file: ProjectFile, location: str) -> list[str]:
    """Other locations that are the same code."""
    listed = _entries(file)
    own = {path for path in files_of(listed.get(location, location)) if path.endswith(".py")}
    return [name for name, entry in listed.items() if name != location and not own.isdisjoint(files_of(entry))]


def _texts(file: ProjectFile, location: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings that are a path, as far as they are said well."""
    for name, value in table.items():
        if name not in _NAMES:
            near = get_close_matches(name, _NAMES, n=1)
            hint = f"near: {near[0]}" if near else f"there are {', '.join(_NAMES)}"
            _refuse(file, location, name, f'no setting "{name}"; {hint}')
        elif name == "environment":
            continue
        elif not isinstance(value, str) or not value:
            _refuse(file, location, name, f"{name}: expected a path as text, found {value!r}")
        else:
            yield name, value


def _is_python(path: Path) -> bool:
    return path.suffix == ".py" and path.is_file()


def _variables(file: ProjectFile, location: str) -> dict[str, str]:
    """The variables that are set for a location, with their values. No message shows one."""
    table = file.table("locations", location)
    said = table.get("environment", {})
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        _refuse(file, location, "environment", 'environment: expected texts by name, as in {REGION = "eu"}')
        said = {}
    path = table.get("env_file", "")
    found = {**(_read(file, location, path) if isinstance(path, str) and path else {}), **said}
    for name in found:
        if not _VARIABLE.fullmatch(name) or name.startswith(_NOT_THEIRS):
            where = "environment" if name in said else "env_file"
            reason = "expected a name of letters, digits and _, not of Latewood or Python (LATEWOOD_…, PYTHON…)"
            _refuse(file, location, where, f"{where}: {name}: {reason}")
    return found


def _read(file: ProjectFile, location: str, path: str) -> dict[str, str]:
    """What a file of variables sets: lines of NAME=VALUE; empty ones and those that begin with # say nothing."""
    try:
        lines = (file.root / path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "expected UTF-8 text"
        _refuse(file, location, "env_file", f"env_file: {path}: {cause}")
        return {}
    found = {}
    for number, line in enumerate(lines, start=1):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals:
            _refuse(file, location, "env_file", f"env_file: {path}:{number}: expected NAME=VALUE")
            continue
        value = value.strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        found[name.strip()] = value[1:-1] if quoted else value
    return found


def _lock(file: ProjectFile, location: str, named: str) -> bytes | None:
    try:
        content = (file.root / named).read_bytes()
    except OSError as error:
        _refuse(file, location, "lock", f"lock: {named}: {error.strerror}")
        return None
    if len(content) > _LOCK_BYTES_MAX or b"--hash" not in content:
        message = f"lock: {named}: expected requirements with hashes (--hash=sha256:…) for each"
        _refuse(file, location, "lock", message)
    return content


def _refuse(file: ProjectFile, location: str, name: str, message: str) -> None:
    file.problems.at(file.place("locations", location, field=name), f"[{title(('locations', location))}] {message}")
