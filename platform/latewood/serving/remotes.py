"""Asking connectors without waiting: in threads of each connector's own, so that a slow one keeps no other waiting."""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from time import monotonic, sleep
from typing import Any, Final, NamedTuple

from latewood.engine.running.connected import Connections, JobAct, ToPoll

_THREADS_MAX: Final = 32
_HANDLES_MAX: Final = 500
_GAP_S: Final = 0.05
"""Between two questions after many jobs: what comes meanwhile is asked with the next one."""


class Slot(NamedTuple):
    """A connector, as a project's environment has it."""

    root: Path
    environment: str
    connector: str


class Remotes:
    """Asks the connectors of all runs of an engine. What is told is told in other threads."""

    def __init__(self, connections: Connections | None = None) -> None:
        self._connections = connections or Connections()
        self._lines: dict[Slot, _Line] = {}

    def ask(self, slot: Slot, act: JobAct, then: Callable[[Any], None]) -> None:
        """Ask this; `then` hears what it returns, or Unanswered. From one thread."""
        if slot not in self._lines:
            self._lines[slot] = _Line(slot, self._connections)
        self._lines[slot].ask(act, then)


class _Line:
    """What is asked of one connector: by as many threads as there are questions, up to a number."""

    def __init__(self, slot: Slot, connections: Connections) -> None:
        self._slot = slot
        self._connections = connections
        self._lock = threading.Lock()
        self._todo: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = 0
        self._waiting = 0  # questions that no thread has taken
        self._resting = 0  # threads that have none
        self._polls: deque[tuple[ToPoll, Callable[[Any], None]]] = deque()
        self._is_polling = False

    def ask(self, act: JobAct, then: Callable[[Any], None]) -> None:
        """Ask this, as soon as a thread is free."""
        if not isinstance(act, ToPoll):
            self._do(lambda: then(self._connections.ask(*self._slot, act)))
            return
        self._polls.append((act, then))
        with self._lock:
            begins, self._is_polling = not self._is_polling, True
        if begins:
            self._do(self._poll)

    def _do(self, act: Callable[[], None]) -> None:
        with self._lock:
            self._waiting += 1
            if self._waiting > self._resting and self._threads < _THREADS_MAX:
                self._threads += 1
                self._resting += 1
                name = f"latewood-{self._slot.connector}-{self._threads}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        self._todo.put(act)

    def _work(self) -> None:
        while True:
            act = self._todo.get()
            with self._lock:
                self._waiting -= 1
                self._resting -= 1
            act()
            with self._lock:
                self._resting += 1

    def _poll(self) -> None:
        """Ask for all whose turn it is: together where the system tells of many, else by as many threads as there are.

        There is one that does, until nothing is left to ask.
        """
        many = self._connections.polls_many(*self._slot)
        while True:
            begun = monotonic()
            with self._lock:
                due = [self._polls.popleft() for _ in range(min(len(self._polls), _HANDLES_MAX))]
                self._is_polling = bool(due)
            if not due:
                return
            if many:
                found = self._connections.poll_many(*self._slot, [act.handle for act, _ in due])
                for act, then in due:
                    then(found[act.handle])
                sleep(max(0.0, begun + _GAP_S - monotonic()))
            else:
                for act, then in due:
                    self._do(partial(self._one, act, then))

    def _one(self, act: ToPoll, then: Callable[[Any], None]) -> None:
        then(self._connections.ask(*self._slot, act))
