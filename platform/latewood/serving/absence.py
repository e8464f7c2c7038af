"""Whether the database is there, as all of an engine's threads see it: said once when it goes, and once it is back."""

import threading
from collections.abc import Callable
from datetime import timedelta
from math import inf
from time import monotonic
from typing import Final

from latewood.engine.running.reports import DatabaseAway, Notice
from latewood.serving.log_lines import LOG

_MOMENT_S: Final = 1.0
"""An absence that is shorter need not be told."""
_OLD_S: Final = 30.0
"""After which an answer that was not given says nothing of now: while it is away somebody asks every few seconds."""


class Absence:
    """What was last seen of the database. For any number of threads."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._latest = -inf
        self._is_told = False
        self._ended = -inf

    @property
    def ended_s(self) -> float:
        """Seconds since an absence that was told has ended; without end where there was none."""
        return self._clock() - self._ended

    def rests_s(self, rest: timedelta) -> float:
        """Seconds until it has been here for so long since it was away; none where that was long ago, or never."""
        return inf if self.is_away else max(0.0, rest.total_seconds() - self.ended_s)

    @property
    def is_away(self) -> bool:
        """Whether whoever asked it last got no answer, and that is not long ago."""
        return self._since is not None and self._clock() - self._latest < _OLD_S

    def away(self, reason: object) -> None:
        """Somebody got no answer."""
        with self._lock:
            self._latest = self._clock()
            if self._since is None:
                self._since = self._clock()
            if self._is_told or self._clock() - self._since < _MOMENT_S:
                return
            self._is_told = True
        LOG.warning("the database is away: %s What is under way goes on, and is recorded once it is back.", reason)

    def here(self) -> None:
        """Somebody got an answer."""
        with self._lock:
            since, self._since = self._since, None
            was_told, self._is_told = self._is_told, False
        if was_told and since is not None:
            self._ended = self._clock()
            LOG.warning("the database is back after %.0f s", self._clock() - since)

    def told(self, notice: Notice) -> None:
        """What somebody says who waits for it."""
        if isinstance(notice, DatabaseAway):
            self.away(notice.reason)
        else:
            self.here()
