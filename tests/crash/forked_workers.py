"""Workers that are forked from a process that has imported what they import: it costs them a hundredth of starting."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from forks import Forked, end, forked, serve

Fork = Callable[[Mapping[str, object], Sequence[int]], Forked]
"""Starts what is asked for, with these files as its standard ones."""


class ForkedWorkers:
    """What a worker is started by in place of `subprocess`."""

    PIPE = subprocess.PIPE
    TimeoutExpired = subprocess.TimeoutExpired

    def __init__(self, fork: Fork) -> None:
        self._fork = fork

    def Popen(  # noqa: N802 - as `subprocess` calls it
        self, command: Sequence[str], *, stderr: BinaryIO, env: Mapping[str, str], cwd: object, **pipes: Any
    ) -> "Forked | subprocess.Popen[bytes]":
        """The worker, in a process group of its own; by another Python than ours, it is started as ever."""
        if Path(command[0]) != Path(sys.executable):
            return subprocess.Popen(command, stderr=stderr, env=env, cwd=cwd, **pipes)
        (requests, to_worker), (answers, to_us) = os.pipe(), os.pipe()
        asked = {"folder": cwd, "environ": env, "worker": True}
        started = self._fork(asked, [requests, to_us, stderr.fileno()])
        os.close(requests)
        os.close(to_us)
        started.stdin, started.stdout = os.fdopen(to_worker, "wb"), os.fdopen(answers, "rb")
        return started


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
