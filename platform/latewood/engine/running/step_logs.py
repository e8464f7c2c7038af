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
def captured(buffer: io.StringIO) -> Iterator[None]:
    """What is printed and logged meanwhile goes to the buffer. The root logger is left as it was found.

    What the code itself changes of it stays, but for handlers that write to the buffer.
    """
    root = logging.getLogger()
    before, level = root.level, log_level(os.environ)
    own, handler = list(root.handlers), _ToBuffer(buffer)
    as_before = _AsBefore(before)
    root.addHandler(handler)
    if lowered := level < before:
        for other in own:
            other.addFilter(as_before)
        root.setLevel(level)
    try:
        with redirect_stdout(buffer), redirect_stderr(buffer):
            yield
    finally:
        if lowered:
            for other in own:
                other.removeFilter(as_before)
            if root.level == level:
                root.setLevel(before)
        for added in [h for h in root.handlers if h is handler or getattr(h, "stream", None) is buffer]:
            root.removeHandler(added)


class _ToBuffer(logging.Handler):
    """Writes log records where prints go."""

    def __init__(self, buffer: io.StringIO) -> None:
        super().__init__()
        self._buffer = buffer
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._buffer.write(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - arguments that do not fit their message fail no step: said as logging says it
            self.handleError(record)


class _AsBefore(logging.Filter):
    """Lets pass what the root logger let pass at its level before, and all from loggers with a level of their own."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record would have come without Latewood."""
        if record.levelno >= self._level:
            return True
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None and logger.parent is not None:
            if logger.level:
                return True
            logger = logger.parent
        return False
