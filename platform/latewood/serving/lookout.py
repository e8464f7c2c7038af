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

LOOK_S: Final = 1.0
"""How often it is looked whether the log has grown."""

_SOON_S: Final = 0.05


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
) -> Iterator[None]:
    """Look, in a thread, until the block ends, which sets `stop`. `look` says when something is due next.

    What goes wrong is said, and it is looked again.
    """
    looks = (what, look, clock, stop, absence)
    thread = threading.Thread(target=_look_on, args=looks, name=f"latewood-{what}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _look_on(
    what: str,
    look: Callable[[], datetime | None],
    clock: Callable[[], datetime],
    stop: threading.Event,
    absence: Absence,
) -> None:
    wait_s = 0.0
    while not stop.wait(wait_s):
        begun, soonest = monotonic(), None
        try:
            soonest = look()
        except DatabaseUnreachable as error:
            absence.away(error)
        except (LatewoodError, LogError) as error:
            LOG.warning("%s: %s", what, error)
        except Exception:  # noqa: BLE001 - whatever it is
            LOG.exception("%s", what)
        wait_s = rest_s(monotonic() - begun, soonest, clock())
