"""The boundary to user code: the one place where it is called, and where its failure becomes a fact.

What is caught here is the user's; what is raised around it is ours; neither is ever taken for the other.
"""

import io
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from types import FrameType, TracebackType
from typing import Any, Final

from latewood.context import Cancelled
from latewood.engine.running.step_logs import captured
from latewood.engine.values.recordable import message_of, text
from latewood.engine.values.redaction import redacted
from latewood.errors import LatewoodError
from latewood.events import Failure, FailureKind

_TRACEBACK_MAX: Final = 16_000
"""Bytes of a traceback that go into the log: its end says what happened."""

_KEPT_MAX: Final = 1 << 24
"""Characters of what is printed that are kept, the first half and the last."""

PROCESS_ENDED: Final = "ProcessEnded"
"""The error of a call whose process ended in the middle of it, whoever ended it."""

_OWN: Final = str(Path(__file__).resolve().parents[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """User code returned `value`."""

    value: Any
    duration_ms: float
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """User code failed."""

    failure: Failure
    duration_ms: float
    output: str


def too_late() -> Failure:
    """That of a call which is not made, since no time is left for it."""
    return Failure(kind=FailureKind.TIMEOUT, error="TimeoutError", message="not begun any more")


class Printed(io.StringIO):
    """What is printed, which `live` hears at once; of very much the beginning and the end are kept.

    User code may close what it prints to, and go on.
    """

    def __init__(self, live: Callable[[str], None] | None) -> None:
        super().__init__()
        self._live = live
        self._room = _KEPT_MAX // 2
        self._last: deque[str] = deque()
        self._size = 0
        self._left_out = 0

    def write(self, text: str) -> int:
        """More of it."""
        if self._live is not None:
            self._live(text)
        first, rest = text[: self._room], text[self._room :]
        self._room -= len(first)
        super().write(first)
        if rest:
            kept = rest[-(_KEPT_MAX // 2) :]
            self._left_out += len(rest) - len(kept)
            self._last.append(kept)
            self._size += len(kept)
            while self._size - len(self._last[0]) >= _KEPT_MAX // 2:
                gone = len(self._last.popleft())
                self._size -= gone
                self._left_out += gone
        return len(text)

    def getvalue(self) -> str:
        """All that is kept."""
        gap = f"\n(latewood: {self._left_out:,} characters were left out)\n" if self._left_out else ""
        return f"{super().getvalue()}{gap}{''.join(self._last)}"

    def close(self) -> None:
        """Nothing: what was printed is still to be read."""


class _TimedOut(BaseException):
    """Raised inside user code by the alarm; no Exception, so that `except Exception` does not swallow it."""


def call(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    timeout: timedelta | None = None,
    live: Callable[[str], None] | None = None,
) -> Returned | Raised:
    """Call user code with what it prints and logs captured; its value, or its failure with its own traceback.

    Secrets are replaced in all of it but the value, by what is known of them after the call. `live` hears what is
    printed as it is, secrets and all.

    The timeout works in the main thread, by an alarm signal that interrupts Python code (not a C call in progress).
    KeyboardInterrupt and Cancelled pass through: they end the run, not the step alone.
    """
    output = Printed(live)
    started = perf_counter()
    try:
        with captured(output), _alarm(timeout):
            value = function(**arguments)
    except (KeyboardInterrupt, Cancelled):
        raise
    except _TimedOut:
        seconds = timeout.total_seconds() if timeout else 0
        failure = Failure(kind=FailureKind.TIMEOUT, error="TimeoutError", message=f"still running after {seconds:g} s")
        return Raised(failure=failure, duration_ms=_since(started), output=redacted(output.getvalue()))
    except BaseException as error:  # noqa: BLE001 - SystemExit included: user code may raise anything
        return Raised(failure=failure_of(error), duration_ms=_since(started), output=redacted(output.getvalue()))
    return Returned(value=value, duration_ms=_since(started), output=redacted(output.getvalue()))


def failure_of(error: BaseException) -> Failure:
    """The failure with the user's own traceback: frames of Latewood are left out.

    An error of ours has none where nothing is left, for then it says all that there is: that a command failed, say.
    """
    frames = _user_part(error.__traceback__)
    lines = traceback.format_exception(type(error), error, frames)
    shown = "" if frames is None and isinstance(error, LatewoodError) else redacted("".join(lines))
    return Failure(
        kind=FailureKind.USER,
        error=text(type(error).__name__),
        message=text(message_of(error)),
        traceback=text(shown[-_TRACEBACK_MAX // 2 :], _TRACEBACK_MAX),
    )


def _user_part(tb: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not Latewood's own."""
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_OWN):
        tb = tb.tb_next
    return tb


def _since(started: float) -> float:
    return round((perf_counter() - started) * 1_000, 3)


@contextmanager
def _alarm(timeout: timedelta | None) -> Iterator[None]:
    if timeout is None or sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _TimedOut

    previous = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, timeout.total_seconds())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
