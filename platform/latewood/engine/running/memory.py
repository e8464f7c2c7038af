"""How much memory a process takes, and when that is more than it may: on Linux, which tells; elsewhere nothing is."""

import os
import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_OWN: Final = re.compile(rb"^Rss(?:Anon|Shmem):\s+(\d+) kB$", re.MULTILINE)

_UNITS: Final = ((1024**3, "GiB"), (1000**3, "GB"), (1024**2, "MiB"), (1000**2, "MB"), (1000, "kB"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """The process may take so many bytes more than it has taken `at_rest`: what it has imported is not its step's."""

    pid: int
    bytes_max: int
    at_rest: int

    @classmethod
    def of(cls, pid: int, bytes_max: int) -> Self:
        """From how it is now."""
        return cls(pid, bytes_max, memory_of(pid))

    @property
    def are_passed(self) -> bool:
        """Whether it takes more by now, with all that it has started."""
        return memory_of(self.pid) - self.at_rest > self.bytes_max


def memory_of(pid: int) -> int:
    """Bytes that the process and all that it has started hold, without files that are mapped; 0 if nobody can tell."""
    total = 0
    with suppress(OSError):
        total = sum(1024 * int(found) for found in _OWN.findall(Path(f"/proc/{pid}/status").read_bytes()))
        total += sum(map(memory_of, _children(pid)))
    return total


def kill_commands(pid: int) -> None:
    """Kill what the watchers among the process's children watch, the last first, without asking: it would take more.

    Watchers are left: they end, and see that nothing else is.
    """
    with suppress(OSError):
        for watcher in _children(pid):
            _kill_started(watcher)


def _kill_started(pid: int) -> None:
    with suppress(OSError):
        for child in _children(pid):
            _kill_started(child)
            os.kill(child, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    return [int(child) for thread in threads for child in (thread / "children").read_bytes().split()]


def size_text(size: int) -> str:
    """Bytes as people say them: 512 MiB, 1.5 GB."""
    for unit, name in _UNITS:
        if size >= unit and round(size / unit, 3) == size / unit:
            return f"{size / unit:g} {name}"
    return f"{size:,} bytes"
