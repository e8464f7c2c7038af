"""What takes a processor, and for who waits a thread: of a process one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

from latewood.errors import Conflict

_RECORDING_S: Final = 30.0
"""How long what it records, and what it reads before, may take on top."""


class Turns:
    """One request at a time; others are refused, but for the same one, which waits for what comes of it.

    So do clients that have lost the connection and ask again: for as long as a turn can take, which is `longest_s` and
    what it records.
    """

    def __init__(self, busy: str, longest_s: float) -> None:
        self.lock = Lock()
        self.waiting_s = longest_s + _RECORDING_S
        self._busy = busy
        self._under_way = set[tuple[str, ...]]()

    @contextmanager
    def turn(self, key: str, *asked: str) -> Iterator[None]:
        """Begin, for who asks by this key for this. Raises Conflict while another one is under way."""
        named = (key, *asked)
        if not self.lock.acquire(timeout=self.waiting_s if named in self._under_way else 0):
            raise Conflict(self._busy)
        try:
            if key:
                self._under_way.add(named)
            yield
        finally:
            self._under_way.discard(named)
            self.lock.release()
