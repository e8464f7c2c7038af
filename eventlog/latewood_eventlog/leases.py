"""Leases: the time-limited right to act for something, with an epoch that fences late writers.

Rows, not events: losing them costs only time. Time is the database's clock, so that the holders' clocks need
not agree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row

from latewood_eventlog.database import autocommitting
from latewood_eventlog.errors import LeaseLost
from latewood_eventlog.records import Fence
from latewood_eventlog.statements import (
    ACQUIRE_FREE_LEASES,
    ACQUIRE_LEASE,
    DISCARD_EXPIRED,
    DISCARD_LEASES,
    DISCARD_SLOTS_THEN_HOLDERS_BELOW,
    HELD_LEASES,
    HOLDERS_BELOW,
    LEASE_EPOCH,
    RELEASE_LEASE,
    RENEW_LEASE,
    RENEW_LEASES,
    RENEW_LONE_LEASES,
    acquiring_slots,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A right that was granted: `epoch` rises each time it changes hands."""

    project: str
    name: str
    holder: str
    epoch: int
    expires_at: datetime

    @property
    def fence(self) -> Fence:
        """What an append must carry to be refused once another one has the lease."""
        return Fence(project=self.project, lease=self.name, epoch=self.epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A lease that somebody holds now, and for how many seconds that one was not heard of.

    It `lasts_s` seconds from when it was renewed. Whatever was committed before `asked_at` was seen.
    """

    name: str
    holder: str
    since: datetime
    renewed_at: datetime
    asked_at: datetime
    unheard_s: float
    lasts_s: float


def acquire(engine: Engine, project: str, name: str, *, holder: str, duration: timedelta) -> Lease | None:
    """The lease, if nobody holds it; None while another one does."""
    parameters = {"project": project, "name": name, "holder": holder, "seconds": duration.total_seconds()}
    with autocommitting(engine) as connection:
        row = connection.execute(ACQUIRE_LEASE, parameters).one_or_none()
    return None if row is None else _lease(project, holder, row)


def acquire_free(
    engine: Engine,
    project: str,
    names: Sequence[str],
    *,
    holder: str,
    duration: timedelta,
    at: datetime | None = None,
) -> list[Lease]:
    """Those of the leases that nobody holds. They count as renewed `at` that time, by default now."""
    wanted = {"project": project, "names": list(names), "holder": holder}
    parameters = {**wanted, "seconds": duration.total_seconds(), "at": at}
    with autocommitting(engine) as connection:
        rows = connection.execute(ACQUIRE_FREE_LEASES, parameters).all()
    return [_lease(project, holder, row) for row in rows]


def acquire_slots(
    engine: Engine, project: str, prefix: str, names: Sequence[str], *, limits: str, holder: str, duration: timedelta
) -> tuple[Lease, ...] | None:
    """A lease below prefix and each name, of which no more than its limit are held at a time; None unless all are had.

    `limits` is a query of what is limited: name and limit. Of what is not, nothing has to be had. Order: who wants
    several gives the names in the order in which everybody does, or two could wait for each other.
    """
    wanted = {"project": project, "prefix": prefix, "names": list(names)}
    parameters = {**wanted, "holder": holder, "seconds": duration.total_seconds()}
    with autocommitting(engine) as connection:
        rows = connection.execute(acquiring_slots(limits), parameters).all()
    found = tuple(_lease(project, holder, row) for row in rows if row.name is not None)
    if len(found) == len(rows):
        return found
    discard(engine, found)  # of another name somebody late has renewed the one that had ended
    return None


def _lease(project: str, holder: str, row: Any) -> Lease:
    return Lease(project=project, name=row.name, holder=holder, epoch=row.epoch, expires_at=row.expires_at)


def renew(engine: Engine, lease: Lease, *, duration: timedelta) -> datetime:
    """When the lease ends now. Raises LeaseLost after another one took it, or after it was released."""
    parameters = {
        "project": lease.project,
        "name": lease.name,
        "epoch": lease.epoch,
        "seconds": duration.total_seconds(),
    }
    with engine.begin() as connection:
        expires_at: datetime | None = connection.execute(RENEW_LEASE, parameters).scalar()
        if expires_at is None:
            found = connection.execute(LEASE_EPOCH, {"project": lease.project, "name": lease.name}).scalar()
            raise LeaseLost(lease=lease.name, epoch=lease.epoch, found=found)
    return expires_at


def release(engine: Engine, lease: Lease) -> None:
    """Give the lease back; nothing happens if it is lost already."""
    parameters = {"project": lease.project, "name": lease.name, "epoch": lease.epoch}
    with autocommitting(engine) as connection:
        connection.execute(RELEASE_LEASE, parameters)


def renew_all(
    engine: Engine, leases: Sequence[Lease], *, duration: timedelta, at: datetime | None = None
) -> list[Lease]:
    """Renew leases of one project at once; those that are lost. They were renewed `at` that time, by default now."""
    if not leases:
        return []
    parameters = {**_given(leases), "seconds": duration.total_seconds(), "at": at}
    with autocommitting(engine) as connection:
        renewed = set(connection.execute(RENEW_LEASES, parameters).scalars())
    return [lease for lease in leases if lease.name not in renewed]


def renew_lone(engine: Engine, leases: Sequence[Lease], prefix: str, *, duration: timedelta) -> frozenset[Lease]:
    """Renew those, of any projects, that last and beside which nobody holds a lease whose name begins so; these."""
    if not leases:
        return frozenset()
    of_projects = {"projects": [lease.project for lease in leases], "prefix": prefix}
    parameters = {**_named(leases), **of_projects, "seconds": duration.total_seconds()}
    with autocommitting(engine) as connection:
        renewed = {(row.project, row.name) for row in connection.execute(RENEW_LONE_LEASES, parameters)}
    return frozenset(lease for lease in leases if (lease.project, lease.name) in renewed)


def discard(engine: Engine, leases: Sequence[Lease]) -> None:
    """Give leases of one project back that no append carries; nothing happens to those that are lost.

    They leave no rows behind.
    """
    if leases:
        with autocommitting(engine) as connection:
            connection.execute(DISCARD_LEASES, _given(leases))


def discard_slots(engine: Engine, leases: Sequence[Lease], prefix: str) -> tuple[Held, ...]:
    """The same of slots, and in one go what is held afterwards, in their project, whose name begins so.

    Who asks for such slots meanwhile is answered afterwards: so what was held before it asked in vain is among these.
    Order: as in `acquire_slots`.
    """
    with autocommitting(engine) as connection:
        parameters = {**_given(leases), "prefix": prefix}
        return _held(connection.execute(DISCARD_SLOTS_THEN_HOLDERS_BELOW, parameters))


def discard_expired(engine: Engine, project: str, prefixes: Sequence[str]) -> None:
    """Let go of leases of such names that ended more than an hour ago, and that no append carries."""
    with autocommitting(engine) as connection:
        connection.execute(DISCARD_EXPIRED, {"project": project, "prefixes": list(prefixes)})


def _given(leases: Sequence[Lease]) -> dict[str, object]:
    (project,) = {lease.project for lease in leases}
    return {"project": project, **_named(leases)}


def _named(leases: Sequence[Lease]) -> dict[str, object]:
    return {
        "names": [lease.name for lease in leases],
        "holders": [lease.holder for lease in leases],
        "epochs": [lease.epoch for lease in leases],
    }


def held(engine: Engine, project: str, names: list[str]) -> frozenset[str]:
    """Those of the named leases that somebody holds now."""
    with autocommitting(engine) as connection:
        return frozenset(connection.execute(HELD_LEASES, {"project": project, "names": names}).scalars())


def holders_below(engine: Engine, project: str, prefix: str) -> tuple[Held, ...]:
    """The leases whose names begin so and that somebody holds now, in order of names."""
    with autocommitting(engine) as connection:
        return _held(connection.execute(HOLDERS_BELOW, {"project": project, "prefix": prefix}))


def holders_seen(connection: Connection, project: str, prefix: str) -> tuple[Held, ...]:
    """The same as a transaction sees them, with its rights."""
    return _held(connection.execute(HOLDERS_BELOW, {"project": project, "prefix": prefix}))


def _held(rows: Iterable[Row[Any]]) -> tuple[Held, ...]:
    return tuple(Held(**row._mapping) for row in rows)  # noqa: SLF001 - the documented accessor of SQLAlchemy rows
