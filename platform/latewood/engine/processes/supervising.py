"""A command as a process: started under a watcher, heard while it runs, and ended with all that it has started."""

import marshal
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from select import POLLHUP, POLLIN, poll
from time import monotonic
from typing import Final, Literal, Self

from latewood.engine.processes.folders import holding
from latewood.errors import LatewoodError

GRACE_S: Final = 3.0
"""How long it may take to end once it was asked to; less than the patience of an engine with a task's timeout."""

_WATCHER: Final = Path(__file__).with_name("watcher.py")
_PIECE: Final = 1 << 16
_LOOK_MS: Final = 100
"""How soon messages are seen."""

_PATIENCE_S: Final = GRACE_S + 2
"""How long a watcher is waited for that is to end everything; with what does not end it goes on alone."""

Stream = Literal["out", "err"]
_PIPES: Final[tuple[Literal["status"] | Stream, ...]] = ("status", "out", "err")


class ProcessFailed(LatewoodError):
    """A command could not be started, ended with a code other than 0, or has not done what it was declared to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command has ended, by its code or, negative, a signal; and how many others it had started were left."""

    code: int
    left: int


def supervised(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    folder: Path,
    hear: Callable[[Stream, bytes], None],
    look: Callable[[], None],
) -> Ended:
    """Run the command to its end. What it prints is heard at once; `look` is called now and then meanwhile.

    Whatever is raised in here, by them or by a signal, ends the process first. So does the end of this process, however
    it comes; then the `folder`, in which the command works, is removed as well.
    Raises ProcessFailed where it cannot be started.
    """
    with _Watched(argv, environ, cwd, folder, hear) as watched:
        while watched.goes_on(_LOOK_MS):
            look()
        return watched.ended()


class _Watched:
    """The watcher with its pipes: what we hold of its input is the command's life."""

    def __init__(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        cwd: Path,
        folder: Path,
        hear: Callable[[Stream, bytes], None],
    ) -> None:
        self._argv = argv
        self._hear = hear
        self._told = b""
        self._pipes: dict[int, Literal["status"] | Stream] = {}
        told = {"argv": list(argv), "env": dict(environ), "cwd": str(cwd), "folder": str(folder), "grace_s": GRACE_S}
        theirs: list[int] = []
        for name in _PIPES:
            ours, other = os.pipe()
            os.set_blocking(ours, False)
            self._pipes[ours] = name
            theirs.append(other)
        # What is printed it can read, too: when nobody else does any more.
        given = [*theirs, *list(self._pipes)[1:]]
        held = holding(folder)  # by the watcher, too, as long as it is there
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a file of our own, by this Python
                [sys.executable, "-I", "-S", "-X", "utf8", str(_WATCHER), *map(str, (held, *given))],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(held, *given),
                start_new_session=True,
                cwd="/",
            )
        except BaseException:
            self._close()
            raise
        finally:
            for other in (held, *theirs):
                os.close(other)
        command = marshal.dumps(told)
        self._write(len(command).to_bytes(8) + command)
        self._waiting = poll()
        for ours in self._pipes:
            self._waiting.register(ours, POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """All is over, or is to be: then what it still prints is heard."""
        self._let_go()
        deadline = monotonic() + _PATIENCE_S
        try:
            while monotonic() < deadline and self.goes_on(_LOOK_MS):
                pass
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, deadline - monotonic()))
        finally:
            self._close()

    def goes_on(self, timeout_ms: int) -> bool:
        """Whether the watcher is there still; hears what is printed within that time."""
        if "status" not in self._pipes.values():
            return False
        for pipe, event in self._waiting.poll(timeout_ms):
            self._read(pipe, event)
        return "status" in self._pipes.values()

    def ended(self) -> Ended:
        """How the command has ended; what it printed last is heard before. Raises ProcessFailed."""
        # All that could write is gone: what is in the pipes is all there will be.
        for pipe, name in list(self._pipes.items()):
            while self._pipes.get(pipe) == name and self._read(pipe, POLLIN):
                pass
        told = marshal.loads(self._told) if self._told else {"code": -int(signal.SIGKILL), "left": 0}  # noqa: S302
        if "failed" in told:
            raise ProcessFailed(f"cannot be started: {self._argv[0]}: {told['failed']}")
        return Ended(code=told["code"], left=told["left"])

    def _read(self, pipe: int, event: int) -> bool:
        """Hear a piece; False where there is none."""
        name = self._pipes[pipe]
        try:
            piece = os.read(pipe, _PIECE) if event & (POLLIN | POLLHUP) else b""
        except BlockingIOError:
            return False
        if not piece:
            self._waiting.unregister(pipe)
            del self._pipes[pipe]
            os.close(pipe)
        elif name == "status":
            self._told += piece
        else:
            self._hear(name, piece)
        return bool(piece)

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None, "it was started with a pipe"
        with suppress(BrokenPipeError):  # it has ended: its status says so
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _let_go(self) -> None:
        assert self._process.stdin is not None, "it was started with a pipe"
        self._write(b"end it")
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _close(self) -> None:
        for pipe in self._pipes:
            os.close(pipe)
        self._pipes.clear()
