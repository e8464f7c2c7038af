"""Looking again and again for what there is to do, at a pace that leaves most of the time to others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Final

from latewood.errors import LatewoodError
from latewood.serving.absence import Absence
from latewood.serving.log_lines import LOG
from latewood_eventlog.errors import DatabaseUnreachable, LogError
from latewood_eventlog.records import Position

LOOK_S: Final = 1.0
"""How often it is looked whether the log has grown."""

_SOON_S: Final = 0.05

_QUIET_S: Final = 10.0
"""How long it is not looked where nothing is due and the log does not grow."""


class Growth:
    """Where the log ends, as who asks for all was told last: the others need not ask, each for itself, every second.

    From any thread. `ask` is for as long as nobody was told.
    """

    def __init__(self, ask: Callable[[], Position]) -> None:
        self._ask = ask
        self._end: Position | None = None
        self._grown = threading.Condition()

    def end(self) -> Position:
        """As it was told, or as the log says. Raises LogError."""
        return self._ask() if self._end is None else self._end

    def told(self, end: Position) -> None:
        """The log ends there now."""
        with self._grown:
            if end != self._end:
                self._end = end
                self._grown.notify_all()

    def awaken(self) -> None:
        """Let nobody wait who is to stop."""
        with self._grown:
            self._grown.notify_all()

    def wait(self, seen: Position | None, stop: threading.Event) -> None:
        """Until it ends elsewhere than was seen, or a while has passed, or `stop` is set."""
        with self._grown:
            self._grown.wait_for(lambda: stop.is_set() or self._end != seen, _QUIET_S)


def rest_s(took_s: float, soonest: datetime | None, now: datetime) -> float:
    """Seconds until it is looked again: after a look that took so long, and for what is due at `soonest` in time.

    Looking takes a tenth of a processor at most, however much there is to look at.
    """
    rest = max(LOOK_S, 10 * took_s)
    return rest if soonest is None else min(rest, max(_SOON_S, (soonest - now).total_seconds()))


@contextmanager
def looking(
    what: str,
    look: Callable[[], datetime | None],
    clock: Callable[[], datetime],
    stop: threading.Event,
    absence: Absence,
    growth: Growth,
) -> Iterator[None]:
    """Look, in a thread, until the block ends, which sets `stop`. `look` says when something is due next.

    If nothing is, it is looked again once the log has grown. What goes wrong is said, and it is looked again.
    """
    looks = (what, look, clock, stop, absence, growth)
    thread = threading.Thread(target=_look_on, args=looks, name=f"latewood-{what}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        growth.awaken()
        thread.join()


def _look_on(
    what: str,
    look: Callable[[], datetime | None],
    clock: Callable[[], datetime],
    stop: threading.Event,
    absence: Absence,
    growth: Growth,
) -> None:
    while not stop.is_set():
        begun, soonest, seen, is_done = monotonic(), None, None, False
        try:
            seen = growth.end()
            soonest = look()
            is_done = True
        except DatabaseUnreachable as error:
            absence.away(error)
        except (LatewoodError, LogError) as error:
            LOG.warning("%s: %s", what, error)
        except Exception:  # noqa: BLE001 - whatever it is
            LOG.exception("%s", what)
        stop.wait(rest_s(monotonic() - begun, soonest, clock()))
        if is_done and soonest is None:
            growth.wait(seen, stop)
