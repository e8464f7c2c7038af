"""How often somebody may ask: a bucket of tokens each, filled at a steady rate."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_KNOWN_MAX: Final = 10_000
"""Buckets that are kept; those that were not used for longest are full again anyway."""


class Buckets:
    """A bucket for each name, which holds `burst` and gains `rate` a second; of this process, for all its threads."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, count: int = 1) -> float:
        """Take so many, or a full bucket if that is less; 0, or in how many seconds there are so many to take."""
        with self._lock:
            now, wanted = self._clock(), min(count, max(1.0, self._burst))
            level, then = self._levels.pop(name, (self._burst, now))
            level = min(self._burst, level + (now - then) * self._rate)
            waits = 0.0 if level >= wanted else (wanted - level) / self._rate
            self._levels[name] = (level if waits else level - wanted, now)
            if len(self._levels) > _KNOWN_MAX:
                self._levels.popitem(last=False)
            return waits
