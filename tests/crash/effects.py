"""What outlives a process, counted, so that it can end at any of it."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Lock

from latewood.engine.storage.store import ArtifactStore, Staged

CRASHED, FINISHED, BROKEN = 9, 0, 1


def tell(found: dict[str, object]) -> None:
    """A line of JSON, written at once: other processes write to the same pipe."""
    sys.stdout.write(f"{json.dumps(found)}\n")
    sys.stdout.flush()


class Effects:
    """Counts what outlives the process; ends it before or after effect number `fatal`."""

    def __init__(self, when: str, fatal: int) -> None:
        self._fatal = (when, fatal)
        self._lock = Lock()
        self._numbers = count(1)
        self.count = 0

    def begin(self) -> int:
        with self._lock:
            self.count = self._next()
            number = self.count
        self._strike("before", number)
        return number

    def end(self, number: int) -> None:
        self._strike("after", number)

    @contextmanager
    def one(self) -> Iterator[None]:
        number = self.begin()
        yield
        self.end(number)

    def _next(self) -> int:
        return next(self._numbers)

    def _strike(self, when: str, number: int) -> None:
        if self._fatal == (when, number):
            self._end()

    def _end(self) -> None:
        os._exit(CRASHED)


class SharedEffects(Effects):
    """Those of several processes, which are counted in a file: one of them ends at effect number `fatal`."""

    def __init__(self, when: str, fatal: int, file: Path) -> None:
        super().__init__(when, fatal)
        self._file = file

    def _next(self) -> int:
        opened = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(opened, b".")
            return os.lseek(opened, 0, os.SEEK_CUR)
        finally:
            os.close(opened)


class CountedStore(ArtifactStore):
    """A store whose writes are effects."""

    def __init__(self, root: Path, project: str, effects: Effects) -> None:
        super().__init__(root, project)
        self._effects = effects

    def stage(self, content: object, extension: str) -> Staged:
        with self._effects.one():
            return super().stage(content, extension)

    def commit(self, batch: Iterable[Staged]) -> None:
        with self._effects.one():
            super().commit(batch)
