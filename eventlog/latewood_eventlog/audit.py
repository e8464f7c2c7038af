"""Proof that the log is whole and that every projection is what the log says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, text

from latewood_eventlog.codec import GENESIS, Upcasters, chain
from latewood_eventlog.errors import LogCorrupt
from latewood_eventlog.projector import Projection, changes_of, write
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import SCHEMA
from latewood_eventlog.statements import HEAD, READ_ALL, READ_CHECKPOINTS

_BATCH: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was proved: the chain up to `position`, and each projection's tables equal to a rebuild."""

    position: Position
    projections: tuple[str, ...]
    rows: int


def verify(engine: Engine, projections: Sequence[Projection], upcasters: Upcasters | None = None) -> Verified:
    """Check the hash chain and hold every projection, row for row, against a rebuild in temporary tables.

    One snapshot (REPEATABLE READ): appends go on meanwhile and are not part of it. Cost: O(log), the rebuilt
    tables in temporary space. Raises LogCorrupt with the first difference.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        head = connection.execute(HEAD).one()
        checkpoints = {row.name: row.checkpoint for row in connection.execute(READ_CHECKPOINTS)}
        for table in _tables(projections):
            connection.execute(
                text(f"CREATE TEMP TABLE {table.name} (LIKE {SCHEMA}.{table.name} INCLUDING ALL) ON COMMIT DROP")
            )
        connection.execute(text(f"SET LOCAL search_path = pg_temp, {SCHEMA}"))
        last = _walk(connection, projections, checkpoints, upcasters or Upcasters())
        if last != (head.position, bytes(head.hash)):
            raise LogCorrupt(
                f"log head: expected position {last[0]} with hash {last[1].hex()[:16]}…, "
                f"found position {head.position} with {bytes(head.hash).hex()[:16]}…",
                position=last[0],
            )
        rows = sum(_compare(connection, table) for table in _tables(projections))
    return Verified(position=head.position, projections=tuple(p.name for p in projections), rows=rows)


def _walk(
    connection: Connection,
    projections: Sequence[Projection],
    checkpoints: dict[str, Position],
    upcasters: Upcasters,
) -> tuple[Position, bytes]:
    """Check every link and rebuild on the way; position and hash of the last event."""
    position, previous = 0, GENESIS
    while True:
        rows = connection.execute(READ_ALL, {"after": position, "limit": _BATCH}).mappings()
        events = [RecordedEvent(**{**row, "hash": bytes(row["hash"])}) for row in rows]
        if not events:
            return position, previous
        for event in events:
            if event.position != position + 1:
                raise LogCorrupt(f"log: expected position {position + 1}, found {event.position}", position=position + 1)
            expected = chain(previous, replace(event, hash=b""))
            if expected != event.hash:
                raise LogCorrupt(
                    f"log, position {event.position} ({event.type} in {event.stream}): expected hash "
                    f"{expected.hex()[:16]}…, found {event.hash.hex()[:16]}…; the event or the chain before it was changed",
                    position=event.position,
                )
            position, previous = event.position, event.hash
        for projection in projections:
            limit = position if projection.inline else checkpoints.get(projection.name, 0)
            due = [upcasters.upcast(event) for event in events if event.position <= limit]
            write(connection, changes_of([projection], due))


def _compare(connection: Connection, table: Table) -> int:
    """Number of equal rows. Raises LogCorrupt with the first row that differs, by key."""
    key = [column.name for column in table.primary_key.columns]
    # Rows are compared as text: json columns have no equality, and text shows every difference there is.
    difference: Any = connection.execute(
        text(
            f"SELECT {', '.join(key)}, rebuilt::text AS rebuilt, stored::text AS stored "  # noqa: S608 - our own names
            f"FROM pg_temp.{table.name} AS rebuilt FULL JOIN {SCHEMA}.{table.name} AS stored USING ({', '.join(key)}) "
            f"WHERE rebuilt::text IS DISTINCT FROM stored::text ORDER BY {', '.join(key)} LIMIT 1"
        )
    ).one_or_none()
    if difference is not None:
        names = ", ".join(f"{name}={getattr(difference, name)}" for name in key)
        raise LogCorrupt(
            f"projection table {table.name}, row {names}: expected {difference.rebuilt or 'no row'}, "
            f"found {difference.stored or 'no row'}"
        )
    return int(connection.execute(text(f"SELECT count(*) FROM {SCHEMA}.{table.name}")).scalar_one())  # noqa: S608


def _tables(projections: Sequence[Projection]) -> list[Table]:
    return [table for projection in projections for table in projection.tables]
