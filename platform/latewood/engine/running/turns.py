"""When the steps of an inline run may begin: its slots of pools, and its flights."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from latewood.engine.running.asks import Boarded
from latewood.engine.running.flights import Flights
from latewood.engine.running.kept import Kept
from latewood.engine.running.presence import Presence
from latewood.engine.running.reports import Notice, SlotsLost, WaitingForPools
from latewood.engine.running.slots import Pools, Slots, limits_now, pools_of, pools_of_slots
from latewood.model.definitions import TaskDefinition
from latewood.model.keys import RunId
from latewood_eventlog.errors import LogError
from latewood_eventlog.leases import Lease
from latewood_eventlog.log import EventLog
from latewood_eventlog.tailer import hints

_LOG: Final = logging.getLogger("latewood.turns")

_LOOK_S: Final = 1.0
_POLL_S: Final = 0.2
_KNOWN_S: Final = 0.02

T = TypeVar("T")


class Patiently(Protocol):
    """Waits for the database where it is away."""

    def __call__(self, act: Callable[[], T], /) -> T:
        """What `act` returns."""


class Turns(Protocol):
    """What lets the steps of a run begin, one after the other. It waits for `patience_s`, None: as long as it takes."""

    def enter(self, task: TaskDefinition, what: str, *, patience_s: float | None = None) -> Pools:
        """Wait for a slot of each pool that the task takes part in, unless they are held; `what` they are for.

        The pools for which it has waited in vain: none if it may go on.
        """
        ...

    def board(self, key: str, *, patient: bool, patience_s: float | None = None) -> Boarded:
        """Be the one who computes what has this key; wait for others who do, if it is patient."""
        ...

    def leave(self) -> None:
        """Give the slots back."""

    def land(self) -> None:
        """What was boarded is over; as soon as it is durable, others may know."""


class Unlimited:
    """Nobody else is there, and nothing is limited."""

    def enter(self, task: TaskDefinition, what: str, *, patience_s: float | None = None) -> Pools:  # noqa: ARG002
        """At once."""
        return ()

    def board(self, key: str, *, patient: bool, patience_s: float | None = None) -> Boarded:  # noqa: ARG002
        """At once."""
        return Boarded.FIRST

    def leave(self) -> None:
        """There is nothing to give back."""

    def land(self) -> None:
        """Nobody wants to know."""


class InlineTurns:
    """The turns of one run in this process. `notice` hears which pools are waited for, and of slots that were lost.

    While nobody else drives runs of the project, and nothing is limited, it asks the database nothing. Others are
    looked for once a second, by a thread that also keeps the leases.
    """

    def __init__(
        self,
        log: EventLog,
        project: str,
        run: RunId,
        name: str,
        *,
        duration: timedelta,
        dsn: str | None,
        patiently: Patiently,
        notice: Callable[[Notice], None],
        when_durable: Callable[[Callable[[], None]], None],
    ) -> None:
        self._log = log
        self._project = project
        self._run = run
        self._dsn = dsn
        self.patiently = patiently
        """Does what needs the database, and waits for that where it is away."""
        self._notice = notice
        self._when_durable = when_durable
        self._kept = Kept(log, duration)
        self._slots = Slots(log, project, name, self._kept)
        self._flights = Flights(log, project, name, self._kept)
        self._presence = Presence(log, project, run, duration, is_engine=False)
        self._limits: frozenset[str] = frozenset()
        self._others: frozenset[str] = frozenset()
        self._had_others = False
        self._entered: tuple[Lease, ...] = ()
        self._aboard: dict[str, Lease | None] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()  # of what the thread looks at, too

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Be here, until the block ends; all that is held is given back then."""
        self._limits = self.patiently(lambda: frozenset(limits_now(self._log, self._project)))
        self._see(self.patiently(self._presence.arrive))
        thread = threading.Thread(target=self._keep, name="latewood-turns", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            self.leave()
            with suppress(LogError):  # as above
                self._kept.let_all_go()
                self._presence.leave()

    def _see(self, others: frozenset[str]) -> None:
        self._others = others
        self._had_others |= bool(others)

    def enter(self, task: TaskDefinition, what: str, *, patience_s: float | None = None) -> Pools:
        """Wait for a slot of each pool that the task takes part in, unless they are held. Raises LogError.

        The pools for which it has waited in vain. With patience it may wait some hundred ms longer.
        """
        pools = pools_of(task, self._limits)
        if not pools or self._entered:
            return ()
        what = f"run {self._run} {what}"
        found = self.patiently(lambda: self._slots.take(pools, what))
        if found is None:
            self._notice(WaitingForPools(pools=pools))
            found = self._waited(pools, what, patience_s)
        if found is None:
            return pools
        with self._lock:
            self._entered = found
        return ()

    def _waited(self, pools: Pools, what: str, patience_s: float | None) -> tuple[Lease, ...] | None:
        marks: list[Lease] = []
        found = None
        until_s = _until_s(patience_s)
        poll_s = _LOOK_S if self._dsn is not None and patience_s is None else _POLL_S
        for _ in hints(self._dsn, stop=self._over, poll_s=poll_s):
            marks = marks or self.patiently(lambda: self._slots.wait(pools, self._run))
            found = self.patiently(lambda: self._slots.take(pools, what))
            if found is not None or time.monotonic() >= until_s:
                break
        self.patiently(lambda: self._kept.let_go(marks))
        return found

    def leave(self) -> None:
        """Give the slots back."""
        with self._lock:
            slots, self._entered = self._entered, ()
        with suppress(LogError):  # then they end by themselves
            if slots:
                self._slots.give_back(slots)

    def board(self, key: str, *, patient: bool, patience_s: float | None = None) -> Boarded:
        """Be the one who computes what has this key; wait for others who do, if it is patient. Raises LogError."""
        until_s = _until_s(patience_s)
        with self._lock:
            if not self._others or key in self._aboard:
                is_first = key in self._aboard or not self._had_others
                self._aboard.setdefault(key, None)
                return Boarded.FIRST if is_first else Boarded.AFTER_OTHERS
        while not self.patiently(self._presence.is_known):
            self._over.wait(_KNOWN_S)
        while not (found := self.patiently(lambda: self._flights.board([key]))):
            if not patient or time.monotonic() >= until_s:
                return Boarded.UNDER_WAY
            self._over.wait(_POLL_S)
        with self._lock:
            self._aboard |= found
        return Boarded.AFTER_OTHERS

    def land(self) -> None:
        """What was boarded is over; as soon as it is durable, others may know."""
        with self._lock:
            flights = [lease for lease in self._aboard.values() if lease is not None]
            self._aboard.clear()

        def tell() -> None:
            with suppress(LogError):  # then they end by themselves
                self._flights.land(flights)

        if flights:
            self._when_durable(tell)

    def _keep(self) -> None:
        while not self._over.wait(_LOOK_S):
            try:
                with self._lock:
                    self._look()
            except LogError:  # the server is away; it may be back before the leases end
                pass
            except Exception:  # noqa: BLE001 - whatever it is
                _LOG.exception("leases")  # they are renewed again before they end

    def _look(self) -> None:
        lost = self._kept.renew()
        if any(lease in lost for lease in self._entered):  # its process stood still, or the database was away
            slots, self._entered = self._entered, ()  # the next attempt waits for others
            self._notice(SlotsLost(pools=pools_of_slots(slots)))
            self._slots.give_back(slots)
        self._limits = frozenset(limits_now(self._log, self._project))
        self._see(self._presence.others())
        unknown = [key for key, lease in self._aboard.items() if lease is None] if self._others else []
        if unknown:
            self._aboard |= self._flights.board(unknown)
        self._presence.renew()


def _until_s(patience_s: float | None) -> float:
    return math.inf if patience_s is None else time.monotonic() + patience_s
