"""Deploying a file again whenever the project's code changes, by a fresh interpreter each time.

A module that does not load leaves what is deployed as it is.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

_LOOK_S: Final = 0.5
_FILES_MAX: Final = 20_000
"""Files that are looked at; a project with more has data among its code."""

_CODE: Final = (".py", ".toml", ".sql", ".lock", ".txt")
_NOT_CODE: Final = frozenset({"__pycache__", "node_modules", "build", "dist"})


def watch(root: Path, arguments: Sequence[str], deployed: Callable[[], None], stop: threading.Event) -> None:
    """Deploy now, and after each change below `root`, until `stop` is set; `deployed` is called after each success.

    `arguments` say what is deployed, as `latewood deploy` takes them. What that prints goes where this process prints.
    """
    seen: dict[str, int] = {}
    while True:
        found = dict(_times(root))
        if found != seen:
            seen = found
            if _deploy(arguments):
                deployed()
        if stop.wait(_LOOK_S):
            return


def _deploy(arguments: Sequence[str]) -> bool:
    command = [sys.executable, "-m", "latewood.cli.entry", "deploy", *arguments]
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603 - our own command


def _times(root: Path) -> Iterator[tuple[str, int]]:
    """When each file of code was changed, by path. Cost: O(files below the root), hidden folders aside."""
    count = 0
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in _NOT_CODE and not (Path(folder) / name / "pyvenv.cfg").exists()
        ]
        for name in names:
            if name.endswith(_CODE) and count < _FILES_MAX:
                count += 1
                path = Path(folder, name)
                with suppress(OSError):  # it went between the two looks
                    yield str(path), path.stat().st_mtime_ns
