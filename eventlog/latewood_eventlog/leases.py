"""Leases: the time-limited right to act for something, with an epoch that fences late writers.

Rows, not events: losing them costs only time. Time is the database's clock, so that the holders' clocks need
not agree.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Engine

from latewood_eventlog.errors import LeaseLost
from latewood_eventlog.records import Fence
from latewood_eventlog.statements import (
    ACQUIRE_LEASE,
    HELD_BELOW,
    HELD_LEASES,
    HELD_NOW,
    LEASE_EPOCH,
    RELEASE_LEASE,
    RENEW_LEASE,
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


def acquire(engine: Engine, project: str, name: str, *, holder: str, duration: timedelta) -> Lease | None:
    """The lease, if nobody holds it; None while another one does."""
    parameters = {"project": project, "name": name, "holder": holder, "seconds": duration.total_seconds()}
    with engine.begin() as connection:
        row = connection.execute(ACQUIRE_LEASE, parameters).one_or_none()
    if row is None:
        return None
    return Lease(project=project, name=name, holder=holder, epoch=row.epoch, expires_at=row.expires_at)


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
    with engine.begin() as connection:
        connection.execute(RELEASE_LEASE, parameters)


def held(engine: Engine, project: str, names: list[str]) -> frozenset[str]:
    """Those of the named leases that somebody holds now."""
    with engine.begin() as connection:
        return frozenset(connection.execute(HELD_LEASES, {"project": project, "names": names}).scalars())


class Held(NamedTuple):
    """A lease that somebody holds now, and for how many seconds that one was not heard of."""

    name: str
    holder: str
    unheard_s: float


def held_now(engine: Engine, project: str) -> list[Held]:
    """All leases of the project that somebody holds now, in order of names."""
    with engine.begin() as connection:
        return [Held(*row) for row in connection.execute(HELD_NOW, {"project": project})]


def held_below(engine: Engine, project: str, prefix: str) -> tuple[str, ...]:
    """The leases whose names begin so and that somebody holds now, in order of names."""
    with engine.begin() as connection:
        return tuple(connection.execute(HELD_BELOW, {"project": project, "prefix": prefix}).scalars())
