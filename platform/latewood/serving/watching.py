"""Deploying a file again whenever the project's code changes, by a fresh interpreter each time.

A module that does not load leaves what is deployed as it is.
"""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from latewood.serving.log_lines import LOG

_LOOK_S: Final = 0.5
_AGAIN_S: Final = 5.0
_FILES_MAX: Final = 20_000
"""Files that are looked at; a project with more has data among its code."""

_CODE: Final = (
    ".py",
    ".toml",
    ".sql",
    ".lock",
    ".txt",
    ".sh",
    ".bash",
    ".awk",
    ".jq",
    ".js",
    ".mjs",
    ".ts",
    ".r",
    ".R",
    ".jl",
    ".pl",
    ".rb",
)
_NOT_CODE: Final = frozenset({"__pycache__", "node_modules", "build", "dist"})


def watch(
    root: Path,
    arguments: Sequence[str],
    deployed: Callable[[], None],
    stop: threading.Event,
    *,
    unreachable: int,
    logged: bool = False,
) -> None:
    """Deploy now, and after each change below `root`, until `stop` is set; `deployed` is called after each success.

    `arguments` say what is deployed, as `latewood deploy` takes them. What that prints is `logged`, or goes where this
    process prints; `unreachable` is its exit code where there is no database, and then it is tried again. Who goes back
    to an earlier deployment keeps that until a file changes.
    """
    seen: dict[str, int] = {}
    while True:
        found = dict(_times(root))
        if found != seen:
            code = _deploy(arguments, logged=logged)
            if code != unreachable:
                seen = found
            if code == 0:
                deployed()
        if stop.wait(_LOOK_S if found == seen else _AGAIN_S):
            return


def _deploy(arguments: Sequence[str], *, logged: bool) -> int:
    command = [sys.executable, "-m", "latewood.cli.entry", "deploy", *arguments]
    done = subprocess.run(command, check=False, capture_output=logged, text=True)  # noqa: S603 - our own command
    for text, level in ((done.stdout, logging.INFO), (done.stderr, logging.WARNING)) if logged else ():
        if text.strip():
            LOG.log(level, "%s", text.strip())
    return done.returncode


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
