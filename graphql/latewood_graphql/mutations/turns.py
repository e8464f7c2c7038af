"""What takes a processor, and for who waits a thread: of a process one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from latewood.errors import Conflict

_WAITING_S: Final = 30.0
"""How long the same request waits for it that is sent again meanwhile, as by clients that have lost the connection."""


class Turns:
    """One request at a time; others are refused, but for the same one, which waits for what comes of it."""

    def __init__(self, busy: str) -> None:
        self.lock = Lock()
        self._busy = busy
        self._under_way = set[tuple[str, ...]]()

    @contextmanager
    def turn(self, key: str, *asked: str) -> Iterator[None]:
        """Begin, for who asks by this key for this. Raises Conflict while another one is under way."""
        named = (key, *asked)
        if not self.lock.acquire(timeout=_WAITING_S if named in self._under_way else 0):
            raise Conflict(self._busy)
        try:
            if key:
                self._under_way.add(named)
            yield
        finally:
            self._under_way.discard(named)
            self.lock.release()
