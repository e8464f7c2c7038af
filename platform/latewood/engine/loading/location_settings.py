"""What a project's `latewood.toml` says of a location: by which Python it runs, and the lock file of its packages.

[locations."flights/assets.py"]
lock = "requirements.lock"      # as pip reads it, with hashes
python = "python3.12"           # a command or a path; by default that which runs Latewood
"""

import shutil
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from latewood.engine.loading.project_file import ProjectFile

_NAMES: Final = ("lock", "python")
_LOCK_BYTES_MAX: Final = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationSettings:
    """The content of the lock file, if there is one, and the interpreter as it was named; empty for Latewood's own."""

    lock: bytes | None = None
    python: str = ""


def location_settings(file: ProjectFile, location: str) -> LocationSettings:
    """The settings of a location. What is not known, not there, or not of its type is added to the file's problems."""
    found: dict[str, str] = {}
    for name, value in file.table("locations", location).items():
        if name not in _NAMES:
            near = get_close_matches(name, _NAMES, n=1)
            hint = f"near: {near[0]}" if near else "there are lock, python"
            _refuse(file, location, name, f'no setting "{name}"; {hint}')
        elif not isinstance(value, str) or not value:
            _refuse(file, location, name, f"{name}: expected a path as text, found {value!r}")
        else:
            found[name] = value
    python = found.get("python", "")
    if python and interpreter(file.root, python) is None:
        _refuse(file, location, "python", f'python: no such command or file: "{python}"')
    lock = _lock(file, location, found["lock"]) if "lock" in found else None
    return LocationSettings(lock=lock, python=python)


def interpreter(root: Path, python: str) -> str | None:
    """The path of an interpreter named in settings: a command, or a file below the root; None if there is none."""
    return shutil.which(python if "/" not in python else str(root / python))


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
    file.problems.at(file.place("locations", location, field=name), f'[locations."{location}"] {message}')
