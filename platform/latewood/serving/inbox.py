"""What an engine's thread is to do: what others tell it, and what is due at a time."""

import heapq
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import count
from queue import Empty, SimpleQueue
from time import monotonic


class Inbox:
    """Acts for one thread, which `hear`s.

    How long it is until a time is seen when that is told: a clock that is set meanwhile changes nothing.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._told: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def put(self, act: Callable[[], None]) -> None:
        """Do this soon. From any thread."""
        self._told.put(act)

    def at(self, moment: datetime, act: Callable[[], None]) -> None:
        """Do this at that time. From the thread that hears."""
        self.after((moment - self._clock()).total_seconds(), act)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do this when so much time has passed. From the thread that hears."""
        heapq.heappush(self._timers, (monotonic() + seconds, next(self._numbers), act))

    def hear(self, within_s: float | None = None) -> None:
        """Wait for something to happen, at most `within_s`, and do everything that is due."""
        timer = self._timers[0][0] - monotonic() if self._timers else None
        wait = min((each for each in (timer, within_s) if each is not None), default=None)
        with suppress(Empty):
            self._told.get(timeout=None if wait is None else max(0.0, wait))()
            while True:
                self._told.get_nowait()()
        while self._timers and self._timers[0][0] <= monotonic():
            heapq.heappop(self._timers)[2]()
