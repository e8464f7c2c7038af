"""How often somebody may ask: a bucket of tokens each, filled at a steady rate."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

from latewood_graphql.errors import NothingShown, Refused

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

    def give_back(self, name: str) -> None:
        """Take one less than was taken."""
        with self._lock:
            if name in self._levels:
                level, then = self._levels[name]
                self._levels[name] = min(self._burst, level + 1), then


class TooOften(Refused):
    """Somebody asks more often than they may; the next time in so many seconds."""

    def __init__(self, waits: float) -> None:
        super().__init__("TOO_MANY", f"too many requests; the next one is answered in {waits:.1f} s")
        self.waits = waits


class _Looks:
    """How many look up the same for the same address at once, by one place in its bucket."""

    def __init__(self) -> None:
        self.count = 0


class Guesses:
    """How often what is shown from an address may be wrong, whichever way it is shown; of this process.

    What was right counts no more: who is known is let in, whoever else guesses from the same address. Whoever shows the
    same at once, as a page does or a client that comes back, makes one guess until it has turned out to be wrong.
    """

    def __init__(self) -> None:
        self._buckets = Buckets(1.0, 30.0)
        self._lock = threading.Lock()
        self._right: OrderedDict[bytes, None] = OrderedDict()
        """Digests of what was shown."""
        self._looks: dict[tuple[str, bytes], _Looks] = {}

    @contextmanager
    def counted(self, address: str, shown: str) -> Iterator[None]:
        """Look it up inside, where Refused, UNAUTHENTICATED, says that it is wrong; who shows nothing guesses nothing.

        Raises TooOften instead of looking for one guess too many, which so costs nothing.
        """
        if not shown:
            yield
            return
        digest = sha256(shown.encode("utf-8", "surrogateescape")).digest()
        looks = self._begin(address, digest)
        is_wrong = False
        try:
            yield
        except Refused as refused:
            is_wrong = refused.code == "UNAUTHENTICATED" and not isinstance(refused, NothingShown)
            with self._lock:
                self._right.pop(digest, None)
            raise
        else:
            with self._lock:
                self._right[digest] = None
                self._right.move_to_end(digest)
                if len(self._right) > _KNOWN_MAX:
                    self._right.popitem(last=False)
        finally:
            self._end(address, digest, looks, is_wrong=is_wrong)

    def _begin(self, address: str, digest: bytes) -> _Looks | None:
        """Those that it looks with, by a place that is taken; None for what was right."""
        with self._lock:
            if digest in self._right:
                return None
            looks = self._looks.get((address, digest))
            if looks is None:
                if waits := self._buckets.take(address):
                    raise TooOften(waits)
                looks = self._looks[address, digest] = _Looks()
            looks.count += 1
            return looks

    def _end(self, address: str, digest: bytes, looks: _Looks | None, *, is_wrong: bool) -> None:
        """Each that was wrong counts; the place that was taken for all of them goes back, or is that of the last."""
        with self._lock:
            is_last = False
            if looks is not None:
                looks.count -= 1
                is_last = not looks.count
                # Whoever shows it from now on takes a place anew: so nobody goes on by what is known to be wrong.
                if (is_wrong or is_last) and self._looks.get((address, digest)) is looks:
                    del self._looks[address, digest]
            if is_wrong and not is_last:
                self._buckets.take(address)
            elif is_last and not is_wrong:
                self._buckets.give_back(address)
