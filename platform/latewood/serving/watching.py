"""Deploying locations again whenever the project's code changes, each by a fresh interpreter.

One that does not load leaves what is deployed as it is, and keeps no other one from being deployed.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from latewood.serving.log_lines import LOG

_LOOK_S: Final = 0.5
_LOOK_MAX_S: Final = 3.0
_OF_THE_TIME: Final = 100
"""How much longer it waits than a look takes: a hundredth of a processor at most, while a look takes a thirtieth of the
longest wait."""

_AGAIN_S: Final = 5.0
_FILES_MAX: Final = 20_000
"""Files that are looked at; a project with more has data among its code."""

_CODE: Final = (
    ".py",
    ".toml",
    ".sql",
    ".lock",
    ".txt",
    ".env",
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
    root: str, arguments: Sequence[str], deployed: Callable[[], None], stop: threading.Event, *, unreachable: int
) -> None:
    """Deploy now, and after each change below `root`, until `stop` is set; `deployed` is called after each success.

    `arguments` say what is deployed, as `latewood deploy` takes them: all are, whatever has changed, since only loading
    them tells whom a file concerns; one that is as before is no event. What is new of what that says is logged.
    `unreachable` is its exit code where there is no database, and then it is tried again. Who goes back to an earlier
    deployment keeps that until a file changes.
    """
    seen: dict[str, int] = {}
    said = _Said()
    while True:
        begun = time.monotonic()
        found = dict(_times(root))
        took_s = time.monotonic() - begun
        if found != seen:
            code = _deploy(arguments, said, deployed)
            if code != unreachable:
                seen = found
        if stop.wait(min(_LOOK_MAX_S, max(_LOOK_S, _OF_THE_TIME * took_s)) if found == seen else _AGAIN_S):
            return


class _Said:
    """What was logged last: the deployment of each location, and the lines that something is wrong or worth knowing."""

    def __init__(self) -> None:
        self._deployments: dict[str, str] = {}
        self._lines: frozenset[str] = frozenset()
        self._failed = False

    def deployment(self, location: str, deployment: str, text: str) -> None:
        """Log the text, unless this is the deployment that was told last."""
        if self._deployments.get(location) != deployment:
            LOG.info("%s", text)
        self._deployments[location] = deployment

    def problems(self, text: str, *, failed: bool) -> None:
        """Log these lines, but for those that stood there the last time; and that nothing has failed any more."""
        lines = text.rstrip().splitlines()
        if new := [line for line in lines if line.strip() and line not in self._lines]:
            LOG.warning("%s", "\n".join(new))
        if self._failed and not failed:
            LOG.info("all of it is deployed as it stands again")
        self._lines, self._failed = frozenset(lines), failed


def _deploy(arguments: Sequence[str], said: _Said, deployed: Callable[[], None]) -> int:
    command = [sys.executable, "-m", "latewood.cli.entry", "deploy", *arguments, "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own command
    told = json.loads(done.stdout) if done.stdout.strip() else {"locations": []}
    each = told.get("locations", [told])
    for found in each:
        count = len(found["assets"])
        text = f"{found['location']} is deployed to {found['environment']}: {count} asset{'s' if count != 1 else ''}"
        said.deployment(found["location"], found["deployment"], text)
    said.problems(done.stderr, failed=bool(done.returncode))
    if each:
        deployed()
    return done.returncode


def _times(root: str) -> Iterator[tuple[str, int]]:
    """When each file of code was changed, by path. Cost: O(files below the root), hidden folders aside."""
    count, folders = 0, [root]
    while folders:
        folder = folders.pop()
        entries = _entries(folder)
        if folder != root and any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        for entry in entries:
            with suppress(OSError):  # it went between the two looks
                if entry.name.endswith(_CODE) and entry.is_file():
                    if (count := count + 1) <= _FILES_MAX:
                        yield entry.path, entry.stat().st_mtime_ns
                elif entry.is_dir(follow_symlinks=False) and not (
                    entry.name.startswith(".") or entry.name in _NOT_CODE
                ):
                    folders.append(entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as found:
        return list(found)
    return []
