"""When steps of an engine's runs may begin: slots of pools and flights. For the engine's thread.

What has to be asked of the database another thread asks, one thing after the other, so that the engine never waits.
What it answers comes back by the engine's inbox.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Final, TypeVar

from latewood.commands.workspace import Workspace
from latewood.engine.running.asks import Boarded
from latewood.engine.running.flights import FLIGHTS, Flights
from latewood.engine.running.kept import Kept
from latewood.engine.running.presence import HERE, Presence
from latewood.engine.running.slots import WAITING, Pools, Slots, limits_now
from latewood.model.keys import RunId
from latewood.projections.pools import PoolRow
from latewood.serving.log_lines import LOG
from latewood.serving.parts import Parts
from latewood_eventlog.errors import DatabaseUnreachable, LogError
from latewood_eventlog.leases import Lease, discard_expired
from latewood_eventlog.tailer import announce

TRANSIENT: Final = (HERE, FLIGHTS, WAITING)
"""How the names of leases begin that are one process's, and that nobody else would take over."""

_OTHERS_FIRST_S: Final = 0.05
"""For how long who gives a slot back that others wait for does not take it again."""

_LOOK_S: Final = 0.2
"""How often flights are looked for that others are on."""

_LANDED_MAX: Final = 100_000
"""Reuse keys that are remembered, some 10 MB: what was made of them a run does not know that was opened before."""

T = TypeVar("T")


@dataclass(order=True, slots=True)
class Waiting:
    """A step that waits for slots; `marks` say so to others, once it has not got them.

    `delayed` hears that it takes longer than a look: `in_vain` if there were none when that was asked last, and not if
    it could not be asked.
    """

    urgency: int
    number: int
    pools: Pools = field(compare=False)
    run: RunId = field(compare=False)
    what: str = field(compare=False)
    then: Callable[[tuple[Lease, ...]], None] = field(compare=False)
    delayed: Callable[[], None] = field(compare=False)
    marks: list[Lease] = field(default_factory=list, compare=False)
    in_vain: bool = field(default=False, compare=False)
    gone: bool = field(default=False, compare=False)


@dataclass(slots=True, eq=False)
class Boarding:
    """A step that wants to be the one who computes something. `delayed` hears that it takes longer than a look."""

    then: Callable[[Boarded], None]
    delayed: Callable[[], None]
    patient: bool


@dataclass(slots=True)
class _Flight:
    """Something that is computed here, or is about to be: by whom, who waits, and the lease that tells others."""

    first: Boarding | None
    lease: Lease | None = None
    waiting: deque[Boarding] = field(default_factory=deque)


class EngineTurns:
    """The turns of the runs that an engine drives in one project."""

    def __init__(self, workspace: Workspace, parts: Parts) -> None:
        self._log, self._project = workspace.log, workspace.project
        name, duration = parts.name, parts.lease
        self._duration = duration
        self._inbox = parts.inbox
        self._absence = parts.absence
        self._kept = Kept(workspace.log, duration)
        self._slots = Slots(workspace.log, workspace.project, name, self._kept)
        self._flights = Flights(workspace.log, workspace.project, name, self._kept)
        self._presence = Presence(workspace.log, workspace.project, name, duration, is_engine=True)
        self._errands = ThreadPoolExecutor(max_workers=1, thread_name_prefix="latewood-turns")
        self._numbers = count()
        self.limits: dict[str, PoolRow] = {}
        """The pools with a limit, by name, as of the last look."""
        self.is_ready = False
        """Whether limits are known, and who else is here."""
        self._entered: dict[str, tuple[RunId, Lease]] = {}
        self._waiting: dict[Pools, list[Waiting]] = {}
        self._asked: dict[Pools, Waiting] = {}
        self._others_first: dict[str, float] = {}
        self._others: frozenset[str] = frozenset()
        self._aboard: dict[str, _Flight] = {}
        self._wanted: dict[str, None] = {}
        self._fetching = False
        self._looking = False
        self._landed: dict[str, int] = {}
        self.moment = 0
        """Rises with each flight that lands, and while others are here who may have made something."""
        self._unseen = 0
        """The last moment of which it is not known what was made."""

    @property
    def resting(self) -> Lease | None:
        """The lease by which it is here, where nobody else was and nothing is held or waited for. From any thread."""
        busy = self._looking or self._others or self._aboard or self._waiting or self._asked or self._entered
        return self._presence.lease if self.is_ready and not busy else None

    def look(self) -> None:
        """See what was changed by others: limits, slots that are free, and who is here."""

        def seen(found: tuple[dict[str, PoolRow], frozenset[str]] | None) -> None:
            self._looking = False
            if found is not None:
                self._seen(*found)

        if self._looking:
            return
        self._looking = True
        self._errand(self._looked, seen)
        self._serve_all()

    def _looked(self) -> tuple[dict[str, PoolRow], frozenset[str]]:
        if not self.is_ready:
            discard_expired(self._log.engine, self._project, TRANSIENT)
            self._presence.arrive()
        return limits_now(self._log, self._project), self._presence.others()

    def renew(self) -> list[tuple[RunId, Lease]]:
        """Keep what is held; the slots that are lost, and whose they were. Raises LogError. From another thread."""
        lost = self._kept.renew()
        return [(run, lease) for run, lease in list(self._entered.values()) if lease in lost]

    def close(self) -> None:
        """Give everything back and be here no more: nothing is under way."""
        self._errands.shutdown()
        with suppress(LogError):  # then they end by themselves
            self._kept.let_all_go()
            self._presence.leave()
            announce(self._log.engine)

    def _errand(self, act: Callable[[], T], then: Callable[[T | None], None]) -> None:
        """Do this in the other thread; `then` hears what came of it, None of what the database refused."""

        def do() -> None:
            found: T | None = None
            try:
                found = act()
            except DatabaseUnreachable as error:  # what waits is looked for again
                self._absence.away(error)
            except Exception:  # noqa: BLE001 - whatever it is
                LOG.exception("turns")  # who waits for an answer must have one
            self._inbox.put(lambda: then(found))

        self._errands.submit(do)

    def _seen(self, limits: dict[str, PoolRow], others: frozenset[str]) -> None:
        self.limits, self.is_ready = limits, True
        came = others - self._others
        if others or self._others:
            self.moment += 1
            self._unseen = self.moment
        self._others = others
        own = (key for key, flight in self._aboard.items() if flight.lease is None and key not in self._wanted)
        unknown = list(own) if came else []
        self._errand(lambda: self._tell_of(unknown), self._told_of)

    # ── slots of pools ────────────────────────────────────────────────────────────────────────────────

    def enter(
        self,
        pools: Pools,
        *,
        priority: int,
        run: RunId,
        what: str,
        then: Callable[[tuple[Lease, ...]], None],
        delayed: Callable[[], None],
    ) -> Waiting:
        """Tell `then` once there is a slot of each pool; higher priorities first, and who has waited longer."""
        waiting = Waiting(-priority, next(self._numbers), pools, run, what, then, delayed)
        heappush(self._waiting.setdefault(pools, []), waiting)
        self._serve(pools)
        return waiting

    def give_up(self, waiting: Waiting) -> None:
        """It does not wait any more."""
        waiting.gone = True
        if waiting.marks and self._asked.get(waiting.pools) is not waiting:  # else that is seen when it is answered
            marks, waiting.marks = waiting.marks, []
            self._errand(lambda: self._kept.let_go(marks), lambda _: None)

    def has(self, run: RunId, slot: Lease) -> bool:
        """Whether a step of the run has this slot still."""
        return self._entered.get(slot.name) == (run, slot)

    def leave(self, slots: tuple[Lease, ...]) -> None:
        """Give slots back."""
        for lease in slots:
            self._entered.pop(lease.name, None)

        def given_back(others: frozenset[str] | None) -> None:
            if others:
                self._others_first |= dict.fromkeys(others, time.monotonic() + _OTHERS_FIRST_S)
                self._inbox.after(_OTHERS_FIRST_S, self._serve_all)
            self._serve_all()

        self._errand(lambda: self._slots.give_back(slots), given_back)

    def forget(self, run: RunId) -> None:
        """Nothing of this run waits for slots any more."""
        for each in self._asked.values():
            each.gone |= each.run == run
        self._forget(lambda each: each.run == run)

    def _forget(self, is_meant: Callable[[Waiting], bool]) -> None:
        marks: list[Lease] = []
        for pools, waiting in list(self._waiting.items()):
            marks += [mark for each in waiting if is_meant(each) for mark in each.marks]
            self._waiting[pools] = sorted(each for each in waiting if not is_meant(each))
        if marks:
            self._errand(lambda: self._kept.let_go(marks), lambda _: None)

    def _serve_all(self) -> None:
        # What is asked for first gets what is there: different pools may have the quota in common.
        for pools in sorted(self._waiting, key=lambda pools: self._waiting[pools][:1]):
            self._serve(pools)

    def _serve(self, pools: Pools) -> None:
        """Ask for slots for the first who waits, unless that is being done."""
        waiting = self._waiting.get(pools, [])
        while waiting and waiting[0].gone:
            heappop(waiting)
        if not waiting:
            self._waiting.pop(pools, None)
            return
        # After an absence nobody's slots are renewed yet.
        is_early = self._absence.ended_s < self._duration.total_seconds() / 2
        now = time.monotonic()
        if pools in self._asked:
            return
        if is_early or any(self._others_first.get(name, 0.0) > now for name in pools):
            self._delay(waiting, in_vain=False)
            return
        first = self._asked[pools] = heappop(waiting)
        self._errand(lambda: self._take(pools, first), lambda slots: self._answered(pools, first, slots))

    def _take(self, pools: Pools, first: Waiting) -> tuple[Lease, ...] | None:
        first.in_vain = False
        found = self._slots.take(pools, first.what)
        if found is None and not first.marks:
            first.marks = self._slots.wait(pools, first.run)
            found = self._slots.take(pools, first.what)  # one may have been given back before that was said
        if found is not None and first.marks:
            self._kept.let_go(first.marks)
        first.in_vain = found is None
        return found

    def _answered(self, pools: Pools, first: Waiting, slots: tuple[Lease, ...] | None) -> None:
        del self._asked[pools]
        if slots is None:
            if first.gone:
                self._errand(lambda: self._kept.let_go(first.marks), lambda _: None)
            else:
                heappush(self._waiting.setdefault(pools, []), first)
            self._delay(self._waiting.get(pools, []), in_vain=first.in_vain)  # who is behind it gets none either
            return
        self._entered |= {lease.name: (first.run, lease) for lease in slots}
        if first.gone:
            self.leave(slots)
        else:
            first.then(slots)
            self._serve(pools)

    def _delay(self, waiting: Iterable[Waiting], *, in_vain: bool) -> None:
        for each in [each for each in waiting if not each.gone]:  # some may give up
            each.in_vain = in_vain
            each.delayed()

    # ── flights ───────────────────────────────────────────────────────────────────────────────────────

    def board(
        self,
        key: str,
        *,
        since: int,
        patient: bool,
        then: Callable[[Boarded], None],
        delayed: Callable[[], None],
    ) -> Boarding | None:
        """Tell `then` once whoever asks is the one who computes this, at once if it can be; or that others do.

        Who asks knows what was made before the moment `since`. None where it was told at once.
        Deadlocks: none, since only who is on no flight is patient.
        """
        boarding = Boarding(then, delayed, patient)
        flight = self._aboard.get(key)
        if flight is not None:
            if patient:
                flight.waiting.append(boarding)
                delayed()
                return boarding
            then(Boarded.UNDER_WAY)
            return None
        if self._others:
            self._aboard[key] = _Flight(boarding)
            self._wanted[key] = None
            self._fetch()
            return boarding
        self._aboard[key] = _Flight(None)
        then(Boarded.AFTER_OTHERS if max(self._landed.get(key, 0), self._unseen) > since else Boarded.FIRST)
        return None

    def hurry(self, key: str, boarding: Boarding) -> None:
        """It is patient no longer: it is told that others compute it, unless that turns out not to be so."""
        boarding.patient = False
        flight = self._aboard.get(key)
        if flight is not None and boarding in flight.waiting:
            flight.waiting.remove(boarding)
            boarding.then(Boarded.UNDER_WAY)

    def land(self, key: str) -> None:
        """It is over, and what was made of it is in the log: whoever waits is next, to look what there is."""
        self.moment += 1
        self._landed.pop(key, None)
        self._landed[key] = self.moment
        if len(self._landed) > _LANDED_MAX:
            self._unseen = max(self._unseen, self._landed.pop(next(iter(self._landed))))
        flight = self._aboard[key]
        if flight.waiting:
            flight.waiting.popleft().then(Boarded.AFTER_OTHERS)
            return
        del self._aboard[key]
        if flight.lease is not None:
            self._land([flight.lease])

    def _land(self, flights: list[Lease]) -> None:
        self._errand(lambda: self._flights.land(flights), lambda _: None)

    def _fetch(self) -> None:
        """Ask for the flights that are wanted, unless that is being done."""
        if self._fetching or not self._wanted:
            return
        self._fetching = True
        keys = list(self._wanted)
        self._errand(lambda: self._boarded(keys), lambda found: self._fetched(keys, found))

    def _boarded(self, keys: list[str]) -> dict[str, Lease] | None:
        return self._flights.board(keys) if self._presence.is_known() else None

    def _fetched(self, keys: list[str], found: dict[str, Lease] | None) -> None:
        """Of None nothing follows, not even for who may not wait: it is not known yet whether somebody computes it."""
        self._fetching = False
        for key in keys:
            flight = self._aboard[key]
            first = flight.first
            assert first is not None, "it is wanted"
            if found is None:
                first.delayed()
            elif key in found:
                flight.lease, flight.first = found[key], None
                del self._wanted[key]
                first.then(Boarded.AFTER_OTHERS)
            elif first.patient:
                first.delayed()
            elif flight.waiting:
                flight.first = flight.waiting.popleft()
                first.then(Boarded.UNDER_WAY)
            else:
                del self._aboard[key], self._wanted[key]
                first.then(Boarded.UNDER_WAY)
        if self._wanted.keys() - keys:
            self._fetch()
        elif self._wanted:
            self._inbox.after(_LOOK_S, self._fetch)

    def _tell_of(self, keys: list[str]) -> dict[str, Lease]:
        """Let those who came know what is computed here, and then that they are known."""
        found = self._flights.board(keys) if keys else {}
        self._presence.renew()
        return found

    def _told_of(self, found: dict[str, Lease] | None) -> None:
        for key, lease in (found or {}).items():
            flight = self._aboard.get(key)
            if flight is not None and flight.lease is None:
                flight.lease = lease
            else:  # it has landed meanwhile
                self._land([lease])
