"""The one tailer of a process: which events are new, told to whoever looks at the log because of them."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from latewood_eventlog.errors import DatabaseUnreachable
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Position
from latewood_eventlog.tailer import tail
from latewood_graphql.errors import LOG

POLL_S: Final = 0.04
"""Appends of steps are not announced, so this is what a subscriber waits for at most; 25 look-ups a second."""

_AGAIN_S: Final = 0.5
_TOLD_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class News:
    """An event that is new: what it takes to know who is concerned, and nothing that not everybody may see."""

    project: str
    stream: str
    type: str


Told = Callable[[Sequence[News] | None], None]
"""Is told what is new; None when it may be anything."""


class Tailer:
    """Follows the log in a thread until `stop`. What is read on being told is read by the rights of who reads it.

    It tells in the event loop that it is made in, at first that anything may be new.
    """

    def __init__(self, log: EventLog, dsn: str | None, told: Told) -> None:
        self._log = log
        self._dsn = dsn
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._new: list[News] | None = []
        self._is_called = False
        threading.Thread(target=self._follow, name="latewood-tailer", daemon=True).start()

    def stop(self) -> None:
        """End within a poll."""
        self._stop.set()

    def _follow(self) -> None:
        stop = self._stop
        after: Position | None = None
        while not stop.is_set():
            try:
                if after is None:
                    after = self._log.position()
                    self._tell(None)
                for event in tail(self._log, after=after, stop=stop, dsn=self._dsn, poll_s=POLL_S):
                    after = event.position
                    self._tell(News(event.project, event.stream, event.type))
            except DatabaseUnreachable as error:
                LOG.warning("following the log: %s", error)
                stop.wait(_AGAIN_S)
            except Exception:  # noqa: BLE001 - nobody would be told anything any more
                LOG.exception("following the log: it goes on behind what it could not follow")
                after = None  # whoever follows anything looks by themselves
                stop.wait(_AGAIN_S)

    def _tell(self, news: News | None) -> None:
        """Once for all that came since the loop has listened last."""
        with self._lock:
            if news is None or self._new is None or len(self._new) == _TOLD_MAX:
                self._new = None
            else:
                self._new.append(news)
            if self._is_called:
                return
            self._is_called = True
        with suppress(RuntimeError):  # the loop is closed: nobody is there any more
            self._loop.call_soon_threadsafe(self._call)

    def _call(self) -> None:
        with self._lock:
            new, self._new, self._is_called = self._new, [], False
        if not self._stop.is_set():
            self._told(new)
