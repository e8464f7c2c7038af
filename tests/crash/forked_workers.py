"""Workers, and commands that processes start, as forks of one that has imported all: a hundredth of starting anew."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import Any, BinaryIO

from forks import Forked, end, forked, serve

Fork = Callable[[Mapping[str, object], Sequence[int]], Forked]
"""Starts what is asked for, with these files as its standard ones."""


class ForkedWorkers:
    """What a worker is started by in place of `subprocess`."""

    PIPE = subprocess.PIPE
    TimeoutExpired = subprocess.TimeoutExpired

    def __init__(self, fork: Fork, others: Mapping[Path, Fork] = MappingProxyType({})) -> None:
        self._forks = {Path(sys.executable): fork, **others}

    def Popen(  # noqa: N802 - as `subprocess` calls it
        self, command: Sequence[str], *, stderr: BinaryIO, env: Mapping[str, str], cwd: object, **pipes: Any
    ) -> "Forked | subprocess.Popen[bytes]":
        """The worker, in a process group of its own; by a Python of which nothing can be forked, it is started."""
        fork = self._forks.get(Path(command[0]))
        if fork is None:
            return subprocess.Popen(command, stderr=stderr, env=env, cwd=cwd, **pipes)
        (requests, to_worker), (answers, to_us) = os.pipe(), os.pipe()
        asked = {"folder": cwd, "environ": env, "worker": True}
        started = fork(asked, [requests, to_us, stderr.fileno()])
        os.close(requests)
        os.close(to_us)
        started.stdin, started.stdout = os.fdopen(to_worker, "wb"), os.fdopen(answers, "rb")
        return started


class ForkedCommands:
    """What `latewood dev` deploys by in place of `subprocess`."""

    def __init__(self, fork: Fork) -> None:
        self._fork = fork

    def run(self, command: Sequence[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        """What `python -m latewood.cli.entry ARGUMENTS` prints, and the code it ends with."""
        arguments = command[command.index("latewood.cli.entry") + 1 :]
        asked = {"arguments": arguments, "folder": Path.cwd(), "environ": dict(os.environ)}
        with Path(os.devnull).open("rb") as nothing, TemporaryFile() as out, TemporaryFile() as err:
            code = self._fork(asked, [nothing.fileno(), out.fileno(), err.fileno()]).wait()
            for file in (out, err):
                file.seek(0)
            return subprocess.CompletedProcess(command, code, out.read().decode(), err.read().decode())


def forks_of_here(main: Callable[[], None]) -> Fork:
    """Forks of this process as it is now, each of which does that: to be asked for before there are threads."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        try:
            serve(theirs)
        except SystemExit:
            os._exit(0)
        end(main)
    theirs.close()
    return forks_at(ours)


def forks_at(connection: socket.socket) -> Fork:
    """Forks of who serves there."""
    one_at_a_time = threading.Lock()

    def fork(asked: Mapping[str, object], files: Sequence[int]) -> Forked:
        with one_at_a_time:
            return forked(connection, asked, files)

    return fork
