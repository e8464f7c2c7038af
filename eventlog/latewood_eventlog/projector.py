"""Projections: read models as folds of the log.

A projection turns each event into row changes and does nothing else: no clock, no randomness, no reading.
*Inline* ones are applied in the append's own transaction (what decisions read); *async* ones follow from their
checkpoint, which moves in the same transaction as their rows (what only people read).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, Table

from latewood_eventlog.codec import Upcasters, encode_json
from latewood_eventlog.errors import SchemaUnknown
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.statements import (
    HEAD,
    LOCK_CHECKPOINT,
    READ_ALL,
    SET_CHECKPOINT,
    Statement,
    execute_together,
    put_rows,
    read_events,
    remove_rows,
    set_columns,
)

Row = Mapping[str, Any]

_PAGE: Final = 2_000  # events read at once while following or rebuilding: bounded memory


@dataclass(frozen=True, slots=True)
class Put:
    """Insert this row, or replace the one with its key. Columns left out are NULL."""

    table: Table
    row: Row


@dataclass(frozen=True, slots=True)
class Set:
    """Change columns of the row with this key, if there is one."""

    table: Table
    key: Row
    values: Row


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the row with this key, if there is one."""

    table: Table
    key: Row


@dataclass(frozen=True, slots=True)
class Derive:
    """Change rows by what the projection's own tables hold, as all changes before it left them.

    One statement for a change that would otherwise be as many as there are rows. `sql` reads and writes nothing but
    these tables, and no clock, so that a rebuild derives the same.
    """

    sql: str
    parameters: Row


Change = Put | Set | Remove | Derive


class Projection(Protocol):
    """One read model. `version` rises when tables or reducer change: the next migration then rebuilds it."""

    @property
    def name(self) -> str:
        """Its name in the register of projections."""
        ...

    @property
    def version(self) -> int:
        """Counts up with every change of tables or reducer."""
        ...

    @property
    def inline(self) -> bool:
        """Applied inside the append (true), or following after it."""
        ...

    @property
    def tables(self) -> tuple[Table, ...]:
        """Its tables; the project leads each primary key, which is the only unique one.

        One that it has no longer is dropped by a numbered migration.
        """
        ...

    @property
    def types(self) -> frozenset[str]:
        """Event types it wants."""
        ...

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The row changes of one event, in order. Pure."""
        ...


def coalesce(changes: Iterable[Put | Set | Remove]) -> tuple[Put | Set | Remove, ...]:
    """One change per row with the effect of all of them in order. Cost: O(changes).

    Folding any split of the log into batches thereby leaves the same tables.
    """
    merged: dict[tuple[str, tuple[Any, ...]], Put | Set | Remove] = {}
    for change in changes:
        table = change.table
        columns = change.row if isinstance(change, Put) else change.key
        slot = (table.name, tuple(columns[column.name] for column in table.primary_key.columns))
        earlier = merged.get(slot)
        if isinstance(change, Set) and earlier is not None:
            match earlier:
                case Put():
                    merged[slot] = Put(table, {**earlier.row, **change.values})
                case Set():
                    merged[slot] = Set(table, earlier.key, {**earlier.values, **change.values})
                case Remove():
                    pass  # changing a row that is gone changes nothing
        else:
            merged[slot] = change
    return tuple(merged.values())


def statements_of(changes: Iterable[Change]) -> list[Statement]:
    """The changes as SQL: between derivations, which keep their place, one statement per table and kind of change."""
    statements: list[Statement] = []
    given: list[Put | Set | Remove] = []
    for change in changes:
        if isinstance(change, Derive):
            statements += [*_given(given), (change.sql, change.parameters)]
            given.clear()
        else:
            given.append(change)
    return statements + _given(given)


def _given(changes: Iterable[Put | Set | Remove]) -> list[Statement]:
    groups: dict[str, list[Row]] = {}
    for change in coalesce(changes):
        match change:
            case Put(table, row):
                groups.setdefault(put_rows(table), []).append(row)
            case Set(table, key, values) if values:
                groups.setdefault(set_columns(table, tuple(sorted(values))), []).append({**key, **values})
            case Remove(table, key):
                groups.setdefault(remove_rows(table), []).append(key)
    return [(sql, {"rows": encode_json(rows).decode()}) for sql, rows in groups.items()]


def changes_of(projections: Sequence[Projection], events: Iterable[RecordedEvent]) -> list[Change]:
    """All row changes that the events mean to the projections, in the order of the log."""
    wanted: dict[str, list[Projection]] = {}
    for projection in projections:
        for type_ in projection.types:
            wanted.setdefault(type_, []).append(projection)
    return [
        change for event in events for projection in wanted.get(event.type, ()) for change in projection.apply(event)
    ]


def require_versions(projections: Sequence[Projection], register: Mapping[str, int]) -> None:
    """Raise SchemaUnknown unless the database's projections, name to version, are these.

    Held at each append: a process that outlives a migration would otherwise go on applying old reducers to new
    tables, or leave a new projection out.
    """
    needed = {projection.name: projection.version for projection in projections}
    if needed != register:
        name = min(name for name, _ in needed.items() ^ register.items())
        raise SchemaUnknown(subject=f"projection '{name}'", found=register.get(name, 0), needed=needed.get(name, 0))


def fold(
    connection: Connection,
    projections: Sequence[Projection],
    upcasters: Upcasters,
    *,
    after: Position,
    until: Position,
) -> Position:
    """Apply the next events of (after, until], one page of them, in this transaction; the position it has reached.

    A page and no more, so that callers can commit in between: a transaction that lives long keeps every append
    from tidying up the dead versions of the head's row.
    """
    events = read_events(connection, READ_ALL, after=after, limit=min(_PAGE, until - after))
    current = [upcasters.upcast(event) for event in events]
    for projection in projections:  # each by itself, or the derivations of one would part the others' changes
        execute_together(connection, statements_of(changes_of([projection], current)))
    return events[-1].position if events else until


def follow(engine: Engine, projection: Projection, upcasters: Upcasters, *, until: Position) -> Position:
    """Bring an async projection up to `until`, or to the log's end before it; the position it has reached.

    One transaction per batch, rows and checkpoint together. Replay: exactly once, by the checkpoint, which is
    locked, so that any number of followers may try. Raises SchemaUnknown when the database has another version.
    """
    while True:
        with engine.begin() as connection:
            rows = connection.execute(LOCK_CHECKPOINT, {"name": projection.name}).all()
            require_versions([projection], {row.name: row.version for row in rows})
            after: Position = rows[0].checkpoint
            target = min(until, connection.execute(HEAD).one().position)
            if after >= target:
                return after
            reached = fold(connection, [projection], upcasters, after=after, until=target)
            connection.execute(SET_CHECKPOINT, {"name": projection.name, "checkpoint": reached})
