"""What user code prints and logs while it is called, as text.

Captured is what its loggers let pass, and of those that follow the root logger everything from INFO, or from the level
that LATEWOOD_LOG_LEVEL names. Handlers of the user's own hear what they would hear without Latewood.
"""

import io
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Final

from latewood.errors import UsageError

_VARIABLE: Final = "LATEWOOD_LOG_LEVEL"
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def log_level(environ: Mapping[str, str]) -> int:
    """The lowest level that is captured where the code does not say. Raises UsageError."""
    name = environ.get(_VARIABLE) or "INFO"
    if name.upper() not in _LEVELS:
        raise UsageError(f'{_VARIABLE}: expected {", ".join(_LEVELS[:-1])} or {_LEVELS[-1]}, found "{name}"')
    return logging.getLevelNamesMapping()[name.upper()]


@contextmanager
def listening() -> Iterator[None]:
    """Keep the root logger ready for many calls: each change of its level makes `logging` look through all loggers.

    Left as it was found in the end; what the code itself changes of it stays.
    """
    global _ears  # noqa: PLW0603 - there is one root logger in a process
    if _ears is not None:
        yield
        return
    _ears = _Ears()
    try:
        yield
    finally:
        _ears.close()
        _ears = None


@contextmanager
def captured(buffer: io.StringIO) -> Iterator[None]:
    """What is printed and logged meanwhile goes to the buffer. The root logger is left as it was found.

    What the code itself changes of it stays, but for handlers that write to the buffer. Cost: O(handlers of the root
    logger) while `listening`, else O(loggers).
    """
    with listening():
        assert _ears is not None, "listening sees to that"
        _ears.open(buffer)
        try:
            with redirect_stdout(buffer), redirect_stderr(buffer):
                yield
        finally:
            _ears.shut(buffer)


class _Ears:
    """The one handler for all calls, and the root logger's level where it has to be lowered for it.

    Before each call it is seen to again: the code of an earlier one may have changed handlers and level.
    """

    def __init__(self) -> None:
        self._root = logging.getLogger()
        self._handler = _ToBuffers()
        self._as_before: _AsBefore | None = None
        """What handlers of the user's own are held to, where the level is lowered."""
        self._level = self._root.level

    def open(self, buffer: io.StringIO) -> None:
        """What is logged goes to the buffer, too."""
        level = log_level(os.environ)
        if self._as_before is None or self._root.level != self._level or level != self._level:
            self._restore()
            if level < self._root.level:
                self._as_before, self._level = _AsBefore(self._root.level), level
                self._root.setLevel(level)
        for handler in self._root.handlers:
            if self._as_before is not None and handler is not self._handler:
                handler.addFilter(self._as_before)
        if self._handler not in self._root.handlers:
            self._root.addHandler(self._handler)
        self._handler.buffers.append(buffer)

    def shut(self, buffer: io.StringIO) -> None:
        """Nothing goes to the buffer any more."""
        self._handler.buffers.remove(buffer)
        for added in [h for h in self._root.handlers if getattr(h, "stream", None) is buffer]:
            self._root.removeHandler(added)

    def close(self) -> None:
        """The root logger is as it was, but for what the code changed."""
        self._restore()
        self._root.removeHandler(self._handler)

    def _restore(self) -> None:
        if self._as_before is None:
            return
        for handler in self._root.handlers:
            handler.removeFilter(self._as_before)
        if self._root.level == self._level:
            self._root.setLevel(self._as_before.level)
        self._as_before = None


_ears: _Ears | None = None


class _ToBuffers(logging.Handler):
    """Writes log records where prints go: of calls within calls to each."""

    def __init__(self) -> None:
        super().__init__()
        self.buffers: list[io.StringIO] = []
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + "\n" if self.buffers else ""
            for buffer in list(self.buffers):
                buffer.write(line)
        except Exception:  # noqa: BLE001 - arguments that do not fit their message fail no step: said as logging says it
            self.handleError(record)


class _AsBefore(logging.Filter):
    """Lets pass what the root logger let pass at its level before, and all from loggers with a level of their own."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self.level = level

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record would have come without Latewood."""
        if record.levelno >= self.level:
            return True
        loggers, name = logging.root.manager.loggerDict, record.name
        while name:  # not asked for by its name, which would make one that there is not
            if getattr(loggers.get(name), "level", logging.NOTSET):
                return True
            name = name.rpartition(".")[0]
        return False
