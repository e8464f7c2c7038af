"""Proof that the log is whole and that every projection is what the log says."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, text

from latewood_eventlog.codec import START, Upcasters, link
from latewood_eventlog.errors import LogCorrupt
from latewood_eventlog.projector import Projection, fold, require_versions
from latewood_eventlog.records import Place, Position
from latewood_eventlog.schema import SCHEMA
from latewood_eventlog.statements import HEAD, READ_ALL, READ_CHECKPOINTS, quoted, read_events

_PAGE: Final = 2_000

_TEMPORARY_FIRST: Final = text(f"SET search_path = pg_temp, {SCHEMA}")
_ONE_SNAPSHOT: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was proved: the chain up to `position`, and each projection's tables equal to a rebuild."""

    position: Position
    projections: tuple[str, ...]
    rows: int


def verify(engine: Engine, projections: Sequence[Projection], upcasters: Upcasters | None = None) -> Verified:
    """Check the hash chain and hold every projection, row for row, against a rebuild in temporary tables.

    Appends go on meanwhile. Most of the log, which never changes, is read in short transactions; one snapshot
    (REPEATABLE READ) serves the last stretch and the comparison. A snapshot as long as the whole would keep every
    append from tidying up the dead versions of the head's row.
    Cost: O(log), the rebuilt tables in temporary space. Raises LogCorrupt with the first difference, SchemaUnknown
    when the database's projections are not these.
    """
    proof = _Proof(projections, upcasters or Upcasters())
    with engine.connect() as connection:
        connection.detach()  # temporary tables and search path end with it
        with connection.begin():
            connection.execute(_TEMPORARY_FIRST)
        proof.advance(connection, page=connection.begin)
        with connection.begin():
            connection.execute(_ONE_SNAPSHOT)
            _lock_tables(connection, projections)
            proof.advance(connection, page=nullcontext)
            head = connection.execute(HEAD).one()
            found = Place(position=head.position, hash=bytes(head.hash))
            if proof.place != found:
                raise LogCorrupt(f"log head: expected {proof.place}, found {found}", position=proof.place.position)
            rows = sum(_compare(connection, table, proof.rebuilt) for table in _tables(projections))
    return Verified(position=proof.place.position, projections=tuple(p.name for p in projections), rows=rows)


@dataclass(slots=True)
class _Proof:
    """How far the chain is proved and each projection rebuilt."""

    projections: Sequence[Projection]
    upcasters: Upcasters
    place: Place = START
    types: set[str] = field(default_factory=set)
    """Those of the events up to there."""
    rebuilt: set[str] = field(default_factory=set)
    """The tables that are rebuilt; nothing is in the others, of whose projections no event was met."""
    reached: dict[str, Position] = field(default_factory=dict)

    def advance(self, connection: Connection, page: Callable[[], AbstractContextManager[object]]) -> None:
        """Prove and then fold all that there is, each page of it in a `page` of its own."""
        while True:
            with page():
                events = read_events(connection, READ_ALL, after=self.place.position, limit=_PAGE)
            if not events:
                break
            for event in events:
                self.place = link(self.place, event)
                self.types.add(event.type)
        with page():
            rows = connection.execute(READ_CHECKPOINTS).all()
        require_versions(self.projections, {row.name: row.version for row in rows})
        checkpoints: dict[str, Position] = {row.name: row.checkpoint for row in rows}
        stretches: dict[tuple[Position, Position], list[Projection]] = {}
        for projection in self.projections:
            # An inline projection's checkpoint is where it was built; an async one's is how far it has come.
            end = self.place.position
            until = end if projection.inline else min(checkpoints[projection.name], end)
            stretches.setdefault((self.reached.get(projection.name, 0), until), []).append(projection)
        for (reached, until), projections in stretches.items():
            with page():
                self._make_tables(connection, projections)
            after = reached
            while after < until:
                with page():
                    after = fold(connection, projections, self.upcasters, after=after, until=until)
            self.reached |= dict.fromkeys((projection.name for projection in projections), after)

    def _make_tables(self, connection: Connection, projections: Sequence[Projection]) -> None:
        """Empty temporary tables like the projections', which hide those from every statement that names no schema.

        None where nothing is to be rebuilt: of a small log that would take most of the time.
        """
        for table in _tables([projection for projection in projections if projection.types & self.types]):
            if table.name not in self.rebuilt:
                name = quoted(table.name)
                connection.execute(text(f"CREATE TEMP TABLE {name} (LIKE {SCHEMA}.{name} INCLUDING ALL)"))
                self.rebuilt.add(table.name)


def _lock_tables(connection: Connection, projections: Sequence[Projection]) -> None:
    """Keep rebuilds from exchanging the tables: before the snapshot, which would find the new ones empty."""
    if tables := ", ".join(f"{SCHEMA}.{quoted(table.name)}" for table in _tables(projections)):
        connection.execute(text(f"LOCK TABLE {tables} IN ACCESS SHARE MODE"))


def _compare(connection: Connection, table: Table, rebuilt: Collection[str]) -> int:
    """Number of equal rows. Raises LogCorrupt with the first row that differs, by key."""
    name, columns = quoted(table.name), [column.name for column in table.primary_key.columns]
    key = ", ".join(map(quoted, columns))
    expected = f"pg_temp.{name}" if table.name in rebuilt else f"(SELECT * FROM {SCHEMA}.{name} WHERE false)"  # noqa: S608
    # Rows are compared as text: json columns have no equality, and text shows every difference there is.
    difference: Any = (
        connection.execute(
            text(
                f"SELECT {key}, rebuilt::text AS rebuilt, stored::text AS stored "  # noqa: S608 - our own names, quoted
                f"FROM {expected} AS rebuilt FULL JOIN {SCHEMA}.{name} AS stored USING ({key}) "
                f"WHERE rebuilt::text IS DISTINCT FROM stored::text ORDER BY {key} LIMIT 1"
            )
        )
        .mappings()
        .one_or_none()
    )
    if difference is not None:
        row = ", ".join(f"{column}={difference[column]}" for column in columns)
        raise LogCorrupt(
            f"projection table {table.name}, row {row}: expected {difference['rebuilt'] or 'no row'}, "
            f"found {difference['stored'] or 'no row'}"
        )
    return int(connection.execute(text(f"SELECT count(*) FROM {SCHEMA}.{name}")).scalar_one())  # noqa: S608 - as above


def _tables(projections: Sequence[Projection]) -> list[Table]:
    return [table for projection in projections for table in projection.tables]
