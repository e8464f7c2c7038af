"""What a project's `latewood.toml` says of a location: by which Python it runs, and the lock file of its packages.

[locations."flights/assets.py"]
lock = "requirements.lock"      # as pip reads it, with hashes
python = "python3.12"           # a command or a path; by default that which runs Latewood
"""

import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from latewood.errors import DefinitionError, DefinitionsInvalid

FILE: Final = "latewood.toml"
_NAMES: Final = ("lock", "python")
_LOCK_BYTES_MAX: Final = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationSettings:
    """The content of the lock file, if there is one, and the interpreter as it was named; empty for Latewood's own."""

    lock: bytes | None = None
    python: str = ""


def location_settings(root: Path, location: str) -> LocationSettings:
    """The settings of a location. Raises DefinitionsInvalid for what is not known, not there, or not of its type."""
    found = _section(root, location)
    for name in found:
        if name not in _NAMES:
            near = get_close_matches(name, _NAMES, n=1)
            raise _invalid(location, f'no setting "{name}"; {f"near: {near[0]}" if near else "there are lock, python"}')
        if not isinstance(found[name], str) or not found[name]:
            raise _invalid(location, f"{name}: expected a path as text, found {found[name]!r}")
    python = found.get("python", "")
    if python and interpreter(root, python) is None:
        raise _invalid(location, f'python: no such command or file: "{python}"')
    return LocationSettings(lock=_lock(root, location, found["lock"]) if "lock" in found else None, python=python)


def interpreter(root: Path, python: str) -> str | None:
    """The path of an interpreter named in settings: a command, or a file below the root; None if there is none."""
    return shutil.which(python if "/" not in python else str(root / python))


def _section(root: Path, location: str) -> Mapping[str, Any]:
    path = root / FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # errors of decoding text and of TOML are ValueErrors
        raise DefinitionsInvalid((DefinitionError(f"cannot be read as TOML: {error}", file=FILE, line=1),)) from error
    locations = document.get("locations", {})
    section = locations.get(location, {}) if isinstance(locations, dict) else locations
    if not isinstance(section, dict):
        raise _invalid(location, f"expected a table, found {section!r}")
    return section


def _lock(root: Path, location: str, named: str) -> bytes:
    try:
        content = (root / named).read_bytes()
    except OSError as error:
        raise _invalid(location, f"lock: {named}: {error.strerror}") from error
    if len(content) > _LOCK_BYTES_MAX or b"--hash" not in content:
        raise _invalid(location, f"lock: {named}: expected requirements with hashes (--hash=sha256:…) for each")
    return content


def _invalid(location: str, message: str) -> DefinitionsInvalid:
    return DefinitionsInvalid((DefinitionError(f'[locations."{location}"] {message}', file=FILE, line=1),))
