"""Pools: their limits, and when these were set."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, DateTime, Integer, Table, Text, text

from latewood.events import PoolRemoved, PoolSet
from latewood.projections.columns import event_of, key, metadata, project
from latewood_eventlog.projector import Change, Put
from latewood_eventlog.records import Position, RecordedEvent

table: Final = Table(
    "pools",
    metadata,
    project(),
    key("name"),
    Column("from_position", BigInteger, primary_key=True),
    Column("limit", Integer),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
"""One row for every time a limit was said; without one the pool was removed."""


class PoolsProjection:
    """What was said of pools."""

    name = "pools"
    version = 1
    inline = True
    tables = (table,)
    types = frozenset({"pool.set", "pool.removed"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The row of one event."""
        fact = event_of(event)
        assert isinstance(fact, PoolSet | PoolRemoved), f"nothing about pools: {fact}"
        yield Put(
            table,
            {
                "project": event.project,
                "name": fact.name,
                "from_position": event.position,
                "limit": fact.limit if isinstance(fact, PoolSet) else None,
                "actor": event.actor,
                "at": event.occurred_at,
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRow:
    """A pool that there is: its limit, and who set that when."""

    name: str
    limit: int
    actor: str
    at: datetime
    position: Position


_POOLS: Final = text(
    'SELECT name, "limit", actor, at, from_position AS position FROM (SELECT DISTINCT ON (name) * FROM pools '
    "  WHERE project = :project AND from_position <= :as_of ORDER BY name, from_position DESC) p "
    'WHERE "limit" IS NOT NULL ORDER BY name'
)


LIMITS: Final = (
    'SELECT p.name, p."limit" FROM (SELECT DISTINCT ON (name) name, "limit" FROM pools WHERE project = :project '
    'ORDER BY name, from_position DESC) p WHERE p."limit" IS NOT NULL'
)
"""For queries of what is limited: names of pools with their limits, as they are now."""


def pool_rows(connection: Connection, project: str, as_of: Position) -> dict[str, PoolRow]:
    """The pools there are at a position, by name. Cost: O(times a limit was said)."""
    rows = connection.execute(_POOLS, {"project": project, "as_of": as_of})
    return {row.name: PoolRow(**row._mapping) for row in rows}  # noqa: SLF001 - the documented accessor of SQLAlchemy rows
