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


class ForkedWorkers:
    """What a worker is started by in place of `subprocess`; each does what `main` does.

    To be made before there are threads and connections: it forks this process.
    """

    PIPE = subprocess.PIPE
    TimeoutExpired = subprocess.TimeoutExpired

    def __init__(self, main: Callable[[], None]) -> None:
        self._socket, theirs = socket.socketpair()
        self._one_at_a_time = threading.Lock()
        if os.fork() == 0:
            self._socket.close()
            _serve(theirs, main)
        theirs.close()

    def Popen(  # noqa: N802 - as `subprocess` calls it
        self, command: Sequence[str], *, stderr: BinaryIO, env: Mapping[str, str], cwd: object, **pipes: Any
    ) -> "Forked | subprocess.Popen[bytes]":
        """The worker, in a process group of its own; by another Python than ours, it is started as ever."""
        if Path(command[0]) != Path(sys.executable):
            return subprocess.Popen(command, stderr=stderr, env=env, cwd=cwd, **pipes)
        (requests, to_worker), (answers, to_us) = os.pipe(), os.pipe()
        with self._one_at_a_time:
            started = forked(self._socket, {"folder": cwd, "environ": env}, [requests, to_us, stderr.fileno()])
        os.close(requests)
        os.close(to_us)
        started.stdin, started.stdout = os.fdopen(to_worker, "wb"), os.fdopen(answers, "rb")
        return started


def _serve(requests: socket.socket, main: Callable[[], None]) -> None:
    try:
        serve(requests)
    except SystemExit:
        os._exit(0)
    end(main)
