"""How often somebody may ask: a bucket of tokens each, filled at a steady rate."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Final, TypeVar

from latewood_graphql.errors import NothingShown, Refused

T = TypeVar("T")

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
            level = self._level(name, now)
            waits = 0.0 if level >= wanted else (wanted - level) / self._rate
            self._keep(name, level if waits else level - wanted, now)
            return waits

    def waits(self, name: str) -> float:
        """In how many seconds there is one to take; 0 where there is one now."""
        with self._lock:
            level = self._level(name, self._clock())
            return 0.0 if level >= 1.0 else (1.0 - level) / self._rate

    def owe(self, name: str) -> None:
        """Take one, also where there is none: then it has to be filled for as long before there is one again."""
        with self._lock:
            now = self._clock()
            self._keep(name, self._level(name, now) - 1.0, now)

    def _level(self, name: str, now: float) -> float:
        level, then = self._levels.get(name, (self._burst, now))
        return min(self._burst, level + (now - then) * self._rate)

    def _keep(self, name: str, level: float, now: float) -> None:
        self._levels[name] = (level, now)
        self._levels.move_to_end(name)
        if len(self._levels) > _KNOWN_MAX:
            self._levels.popitem(last=False)


class TooOften(Refused):
    """Somebody asks more often than they may; the next time in so many seconds."""

    def __init__(self, waits: float) -> None:
        super().__init__("TOO_MANY", f"too many requests; the next one is answered in {waits:.1f} s")
        self.waits = waits


class Guesses:
    """How often what is shown from an address may be wrong, whichever way it is shown; of this process.

    Thirty at once and one a second; each of several processes lets through its share, so that together they do no more.

    What is right never counts, however many show something right at once: a bucket is emptied by what has turned out to
    be wrong. As many as are looked up at the same time may be wrong beyond it; these are owed, and so waited for.
    """

    def __init__(self, processes: int = 1) -> None:
        self._buckets = Buckets(1.0 / processes, max(1.0, 30.0 / processes))
        self._lock = threading.Lock()
        self._right: OrderedDict[bytes, None] = OrderedDict()
        """Digests of what was shown, and is let in, whoever else guesses from the same address."""

    def counted(self, address: str, shown: str, look: Callable[[], T]) -> T:
        """What a look finds, which raises Refused, UNAUTHENTICATED, for what is wrong. Nothing shown is no guess.

        Raises TooOften instead of looking for one guess too many, which so costs nothing. To be called by the thread
        that looks, so that no more can be on their way than there are threads.
        """
        if not shown:
            return look()
        digest = sha256(shown.encode("utf-8", "surrogateescape")).digest()
        if not self._was_right(digest) and (waits := self._buckets.waits(address)):
            raise TooOften(waits)
        try:
            found = look()
        except Refused as refused:
            with self._lock:
                self._right.pop(digest, None)
            if refused.code == "UNAUTHENTICATED" and not isinstance(refused, NothingShown):
                self._buckets.owe(address)
            raise
        with self._lock:
            self._right[digest] = None
            self._right.move_to_end(digest)
            if len(self._right) > _KNOWN_MAX:
                self._right.popitem(last=False)
        return found

    def _was_right(self, digest: bytes) -> bool:
        with self._lock:
            return digest in self._right
