"""Who drives runs of a project now: each process says so by a lease, and looks who else does."""

import os
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from latewood_eventlog.leases import Held, Lease, acquire_free, discard, holders_below, renew_all, renew_lone
from latewood_eventlog.log import EventLog
from latewood_eventlog.tailer import announce

HERE: Final = "here/"
ENGINES: Final = f"{HERE}engine/"
"""How the leases of engines that serve begin; their names follow."""

_ANSWER: Final = timedelta(seconds=0.5)
"""Who listens has looked by then when it was told to."""

_UNHEARD_S: Final = 2.0
"""Who drives runs looks once a second: one that was not heard of for so long died."""


class Presence:
    """One process that drives runs, as others see it. Its lease was renewed when it last looked who else is here.

    So who comes can see whether all others know of it. Raises LogError. For one thread at a time.
    """

    def __init__(self, log: EventLog, project: str, name: str, duration: timedelta, *, is_engine: bool) -> None:
        self._log = log
        self._project = project
        self._name = f"{ENGINES if is_engine else f'{HERE}inline/'}{name}"
        self._holder = name
        self._duration = duration
        self._lease: Lease | None = None
        self._looked: datetime | None = None
        self._came: datetime | None = None  # until it is known to others

    def arrive(self) -> frozenset[str]:
        """Say that it is here: the names of those who are, whom it has told to look.

        It is known to them when they have looked, and they to it when it has told of that look by `renew`.
        """
        found = acquire_free(
            self._log.engine,
            self._project,
            [self._name],
            holder=self._holder,
            duration=self._duration,
            at=self._looked,
        )
        self._lease = next(iter(found), None)
        others = self.others()
        if others:
            self._came = self._looked
            announce(self._log.engine)
        return others

    def is_known(self) -> bool:
        """Whether those who were here have seen it since, or died.

        So a live one is waited for until it looks, one that died for two seconds after it was last heard of. Should
        it only have stood still, what it computes without a word is told by leases as soon as it goes on.
        """
        came = self._came
        if came is not None and all(_knows(held, came) for held in self._all() if held.name != self._name):
            self._came = None
        return self._came is None

    def renew(self) -> None:
        """Stay, and say that those are known whom it has seen when it looked last.

        Who was not seen for a while, since its lease has ended, arrives anew: others may have come and know nothing of
        it, and it knows nothing of them before it has looked again.
        """
        own = [] if self._lease is None else [self._lease]
        if renew_all(self._log.engine, own, duration=self._duration, at=self._looked):
            self._lease = None
        if self._lease is None:
            self.arrive()

    @property
    def lease(self) -> Lease | None:
        """By which it is here, if it is."""
        return self._lease

    def others(self) -> frozenset[str]:
        """The names of the others that are here, or died a short while ago."""
        found = self._all()
        self._looked = next((held.asked_at for held in found), None)
        return frozenset(held.name for held in found if held.name != self._name)

    def leave(self) -> None:
        """Be here no more."""
        if self._lease is not None:
            discard(self._log.engine, [self._lease])
            self._lease = None

    def _all(self) -> tuple[Held, ...]:
        return holders_below(self._log.engine, self._project, HERE)


def _knows(held: Held, came: datetime) -> bool:
    is_dead = held.unheard_s >= _UNHEARD_S and held.asked_at - came >= _ANSWER
    return held.renewed_at > came or is_dead


def stay_alone(log: EventLog, leases: Sequence[Lease], duration: timedelta) -> frozenset[Lease]:
    """Stay where nobody else is, in any of the projects whose leases these are; the leases of those. Raises LogError.

    As if it had looked who is there, and told that it has: with nobody there is nobody to be told anything.
    """
    return renew_lone(log.engine, leases, HERE, duration=duration)


def process_name() -> str:
    """What this process is called where several drive runs."""
    return f"{socket.gethostname()}:{os.getpid()}"


def engines_here(log: EventLog, project: str) -> tuple[str, ...]:
    """The names of the engines that serve the project now, or did some seconds ago and have died since."""
    return tuple(held.name.removeprefix(ENGINES) for held in holders_below(log.engine, project, ENGINES))
