"""Every SQL statement of the log itself, as a named value, and the one way from its rows to events."""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Integer,
    Select,
    Table,
    Text,
    TextClause,
    Uuid,
    bindparam,
    cast,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ColumnElement

from latewood_eventlog.records import RecordedEvent
from latewood_eventlog.schema import events

quoted: Final = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]  # SQLAlchemy leaves dialects untyped
"""A table's or column's name as SQL, whatever words and characters it has."""

LOCK_HEAD: Final = text("SELECT position, hash FROM log_head FOR UPDATE")

LOCK_HEAD_AND_READ: Final = text(
    "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '15s'; "
    "SELECT position, hash, now, known, versions, fences, causes, register FROM lock_head_and_read("
    "CAST(:event_ids AS uuid[]), CAST(:projects AS text[]), CAST(:streams AS text[]), "
    "CAST(:lease_projects AS text[]), CAST(:leases AS text[]), CAST(:causes AS uuid[]))"
)
"""First half of every append: one writer at a time from here to its commit, and all it must know.

Together with the BEGIN it is one round trip (measured: 0.15 ms less per append), for a connection in autocommit mode.
A process that stands still in mid-append holds up all others no longer than those seconds, though it may rest longer
in transactions that only read.
"""

HEAD: Final = text("SELECT position, hash FROM log_head")

POSITION: Final = text("SELECT position FROM log_head")
"""What of the head those may see, too, who only read."""

STREAM_VERSIONS: Final = text(
    "SELECT (SELECT coalesce(max(version), 0) FROM events WHERE project = :project AND stream = n.stream) "
    "FROM unnest(CAST(:streams AS text[])) WITH ORDINALITY AS n (stream, number) ORDER BY n.number"
)

RECORD_EVENTS: Final = "SELECT record_events(CAST(:rows AS json), :position, :hash, :recorded_at)"
"""All rows as one JSON parameter: one statement for any number of events, measured at 50,000 rows/s
(execute_values: 36,000; arrays: 38,000; COPY, which cannot upsert and so could not serve the projections
too: 95,000)."""

RECORD_EVENTS_AFTER: Final = (
    "SELECT record_events_after(:after, CAST(:register AS jsonb), CAST(:lease_projects AS text[]), "
    "CAST(:leases AS text[]), CAST(:epochs AS bigint[]), CAST(:rows AS json), :position, :hash, :recorded_at)"
)

COMMIT: Final = "COMMIT"

CHANNEL: Final = "latewood_log"
"""What listeners hear hints on."""

ANNOUNCE: Final = text(f"NOTIFY {CHANNEL}")

_GRANTED: Final = (
    ":holder, 1, clock_timestamp() + make_interval(secs => :seconds), clock_timestamp(), clock_timestamp()"
)
_TAKEN_OVER: Final = (
    "ON CONFLICT (project, name) DO UPDATE SET holder = excluded.holder, epoch = held.epoch + 1, "
    "expires_at = excluded.expires_at, renewed_at = excluded.renewed_at, since = excluded.since "
    "WHERE held.expires_at <= clock_timestamp() RETURNING name, epoch, expires_at"
)
_HEARD: Final = "coalesce(CAST(:at AS timestamptz), clock_timestamp())"
_UNWAITED: Final = "SET LOCAL synchronous_commit = off; "
"""What is not waited for the disk: if a crash of the server undoes it, a lease ends by itself, or is lost to its holder
as any other. Whatever is recorded later is on the disk after it."""

ACQUIRE_LEASE: Final = text(
    "INSERT INTO leases AS held (project, name, holder, epoch, expires_at, renewed_at, since) "  # noqa: S608 - no values
    f"VALUES (:project, :name, {_GRANTED}) {_TAKEN_OVER}"
)
ACQUIRE_FREE_LEASES: Final = text(
    f"{_UNWAITED}INSERT INTO leases AS held (project, name, holder, epoch, expires_at, renewed_at, since) "  # noqa: S608 - as above
    "SELECT :project, n.name, :holder, 1, clock_timestamp() + make_interval(secs => :seconds), "
    f"{_HEARD}, clock_timestamp() FROM unnest(CAST(:names AS text[])) AS n (name) ORDER BY n.name {_TAKEN_OVER}"
)
"""In the order of names, or two who want several could wait for each other."""


def _locking(below: str, among: str) -> str:
    """Until the transaction ends, who takes or gives back slots below these names is alone with them."""
    return f"SELECT pg_advisory_xact_lock(hashtextextended(:project || '/' || {below}, 0)) FROM {among}"  # noqa: S608 - as above


@cache
def acquiring_slots(limits: str) -> TextClause:
    """`limits` is a query of a read model, of the name and the limit of everything in a project that is limited.

    The locks first, in a statement of its own: what the next one sees is then all that others have taken. They are
    counted, since of those that were taken under a higher limit some may have numbers beyond this one. A row for each
    of the names that is limited, with its slot, if there was one of each.
    """
    return text(
        f"{_UNWAITED}{_locking(':prefix || n.name', 'unnest(CAST(:names AS text[])) AS n (name)')}; "  # noqa: S608 - as above
        "WITH wanted AS MATERIALIZED (SELECT n.place, :prefix || n.name || '/' AS below, l.most "
        f"  FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS n (name, place) JOIN ({limits}) AS l (name, most) "
        "  ON l.name = n.name), "
        "had AS MATERIALIZED (SELECT l.name FROM leases l WHERE l.project = :project AND starts_with(l.name, :prefix) "
        "  AND l.expires_at > clock_timestamp()), "
        "free AS (SELECT w.below || min(k) AS name FROM wanted w, generate_series(0, w.most - 1) AS k "
        "  WHERE NOT EXISTS (SELECT FROM had WHERE had.name = w.below || k) "
        "  AND (SELECT count(*) FROM had WHERE starts_with(had.name, w.below)) < w.most GROUP BY w.below), "
        "taken AS (INSERT INTO leases AS held (project, name, holder, epoch, expires_at, renewed_at, since) "
        f"  SELECT :project, f.name, {_GRANTED} FROM free f "
        f"  WHERE (SELECT count(*) FROM free) = (SELECT count(*) FROM wanted) ORDER BY f.name {_TAKEN_OVER}) "
        "SELECT t.name, t.epoch, t.expires_at FROM wanted w LEFT JOIN taken t ON starts_with(t.name, w.below) "
        "ORDER BY w.place"
    )


RENEW_LEASE: Final = text(
    "UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => :seconds), "
    "renewed_at = clock_timestamp() "
    "WHERE project = :project AND name = :name AND epoch = :epoch AND expires_at > '-infinity' RETURNING expires_at"
)
LEASE_EPOCH: Final = text("SELECT epoch FROM leases WHERE project = :project AND name = :name")
RELEASE_LEASE: Final = text(
    f"{_UNWAITED}UPDATE leases SET expires_at = '-infinity' "  # noqa: S608 - as above
    "WHERE project = :project AND name = :name AND epoch = :epoch"
)
"""A released lease keeps its row: its epoch must go on rising, or a late writer could pass for the new one."""

_GIVEN: Final = (
    "unnest(CAST(:names AS text[]), CAST(:holders AS text[]), CAST(:epochs AS bigint[])) AS g (name, holder, epoch)"
)
_LOCKED: Final = (
    f"(SELECT h.name FROM leases h, {_GIVEN} WHERE h.project = :project AND h.name = g.name "  # noqa: S608 - as above
    "AND h.holder = g.holder AND h.epoch = g.epoch ORDER BY h.name FOR UPDATE OF h) "
    "AS own (name) WHERE l.project = :project AND l.name = own.name"
)
"""Those that are theirs who say so, locked in the order of names."""
RENEW_LEASES: Final = text(
    f"{_UNWAITED}UPDATE leases AS l SET expires_at = clock_timestamp() + make_interval(secs => :seconds), "  # noqa: S608 - as above
    f"renewed_at = {_HEARD} FROM {_LOCKED} "
    "AND l.expires_at > '-infinity' RETURNING l.name"
)
RENEW_LONE_LEASES: Final = text(
    f"{_UNWAITED}UPDATE leases AS l SET expires_at = clock_timestamp() + make_interval(secs => :seconds), "  # noqa: S608 - as above
    "renewed_at = statement_timestamp() FROM (SELECT h.project, h.name FROM leases h, "
    "  unnest(CAST(:projects AS text[]), CAST(:names AS text[]), CAST(:holders AS text[]), CAST(:epochs AS bigint[])) "
    "  AS g (project, name, holder, epoch) "
    "  WHERE h.project = g.project AND h.name = g.name AND h.holder = g.holder AND h.epoch = g.epoch "
    "  AND h.expires_at > clock_timestamp() ORDER BY h.project, h.name FOR UPDATE OF h) AS own "
    "WHERE l.project = own.project AND l.name = own.name AND NOT EXISTS (SELECT FROM leases o "
    "  WHERE o.project = l.project AND starts_with(o.name, :prefix) AND o.name <> l.name "
    "  AND o.expires_at > clock_timestamp()) RETURNING l.project, l.name"
)
"""They count as renewed when it was asked, before what the statement sees: whoever comes later sees that it does."""

_DISCARD_LEASES: Final = f"DELETE FROM leases AS l USING {_LOCKED}"  # noqa: S608 - as above
DISCARD_LEASES: Final = text(f"{_UNWAITED}{_DISCARD_LEASES}")
"""Those that no append was ever held against: their epochs may begin anew, and so their rows need not stay. The holder
tells a lease from the next one of its name and epoch."""

HELD_LEASES: Final = text(
    "SELECT name FROM leases WHERE project = :project AND name = ANY (CAST(:names AS text[])) "
    "AND expires_at > clock_timestamp()"
)

DISCARD_EXPIRED: Final = text(
    f"{_UNWAITED}DELETE FROM leases l USING unnest(CAST(:prefixes AS text[])) AS p (prefix) "  # noqa: S608 - as above
    "WHERE l.project = :project AND starts_with(l.name, p.prefix) "
    "AND l.expires_at < clock_timestamp() - interval '1 hour'"
)

_HOLDERS_BELOW: Final = (
    "SELECT name, holder, since, renewed_at, statement_timestamp() AS asked_at, "
    "greatest(0, extract(epoch FROM clock_timestamp() - renewed_at))::float8 AS unheard_s, "
    "extract(epoch FROM expires_at - renewed_at)::float8 AS lasts_s "
    "FROM leases WHERE project = :project AND starts_with(name, :prefix) AND expires_at > clock_timestamp() "
    "ORDER BY name"
)
HOLDERS_BELOW: Final = text(_HOLDERS_BELOW)
_LOCKING_GIVEN: Final = _locking("regexp_replace(g.name, '/[^/]*$', '')", _GIVEN)
DISCARD_SLOTS_THEN_HOLDERS_BELOW: Final = text(f"{_UNWAITED}{_LOCKING_GIVEN}; {_DISCARD_LEASES}; {_HOLDERS_BELOW}")
"""The locks first: who is told that there is no slot has said before that it waits for one, which is seen here then, or
asks after this was committed."""

LEASE_IS_HELD: Final = (
    "EXISTS (SELECT FROM leases l WHERE l.project = %s AND l.name = %s AND l.expires_at > clock_timestamp())"
)
"""A condition for queries of read models, given the columns: whether a lease is held, as far as their snapshot sees."""

LEASE_UNHEARD: Final = (
    "(SELECT greatest(0, extract(epoch FROM clock_timestamp() - l.renewed_at))::float8 FROM leases l "
    "WHERE l.project = %s AND l.name = %s AND l.expires_at > clock_timestamp())"
)
"""Likewise: for how many seconds its holder was not heard of; null where nobody holds it."""

_COLUMNS: Final[tuple[ColumnElement[Any], ...]] = tuple(
    cast(column, Text).label("data") if column.name == "data" else column for column in events.columns
)
# json columns are read as text: the driver would parse them, and the hash covers the text as it stands.

_PARAMETER: Final = re.compile(r"(?<!:):(\w+)")
_AFTER: Final = bindparam("after", type_=BigInteger)
_LIMIT: Final = bindparam("limit", type_=Integer)

READ_ALL: Final[Select[*tuple[Any, ...]]] = (
    select(*_COLUMNS).where(events.c.position > _AFTER).order_by(events.c.position).limit(_LIMIT)
)
# The index of streams begins with the project, so it finds those of a quiet one: five of 100,000 in 0.04 ms. Of a busy
# one a page is full soon. An index of its own, of 40 bytes an event, would gain little.
READ_PROJECT: Final = READ_ALL.where(events.c.project == bindparam("project"))
READ_TYPES: Final = READ_PROJECT.where(events.c.type == bindparam("types", type_=ARRAY(Text)).any_())
READ_LAST: Final[Select[*tuple[Any, ...]]] = (
    select(*_COLUMNS)
    .where(events.c.project == bindparam("project"), events.c.position <= bindparam("upto"))
    .order_by(events.c.position.desc())
    .limit(1)
)
READ_STREAM: Final[Select[*tuple[Any, ...]]] = (
    select(*_COLUMNS)
    .where(events.c.project == bindparam("project"), events.c.stream == bindparam("stream"))
    .where(events.c.version > _AFTER)
    .order_by(events.c.version)
    .limit(_LIMIT)
)
READ_POSITIONS: Final[Select[*tuple[Any, ...]]] = (
    select(*_COLUMNS)
    .where(events.c.position == bindparam("positions", type_=ARRAY(BigInteger)).any_())
    .order_by(events.c.position)
)
READ_IDS: Final[Select[*tuple[Any, ...]]] = (
    select(*_COLUMNS)
    .where(events.c.event_id == cast(bindparam("ids", type_=ARRAY(Text)), ARRAY(Uuid)).any_())
    .order_by(events.c.position)
)


def read_events(
    connection: Connection, statement: Select[*tuple[Any, ...]], **parameters: int | str | Sequence[int] | Sequence[str]
) -> list[RecordedEvent]:
    """The events that one of the READ_ statements finds, as they were recorded."""
    # By place and not by name, which is all of what the table has: rows as mappings take three times as long.
    return [
        RecordedEvent(
            project=project,
            position=position,
            event_id=event_id,
            stream=stream,
            version=version,
            type=type_,
            schema_version=schema_version,
            occurred_at=occurred_at,
            recorded_at=recorded_at,
            actor=actor,
            cause=cause,
            data=data,
            hash=hash_,
        )
        for (
            project,
            position,
            event_id,
            stream,
            version,
            type_,
            schema_version,
            occurred_at,
            recorded_at,
            actor,
            cause,
            data,
            hash_,
        ) in connection.execute(statement, parameters)
    ]


READ_CHECKPOINTS: Final = text("SELECT name, version, checkpoint FROM projections")
LOCK_CHECKPOINT: Final = text("SELECT name, version, checkpoint FROM projections WHERE name = :name FOR UPDATE")
SET_CHECKPOINT: Final = text("UPDATE projections SET checkpoint = :checkpoint WHERE name = :name")
REGISTER_PROJECTION: Final = text(
    "INSERT INTO projections (name, version, checkpoint) VALUES (:name, :version, :checkpoint) "
    "ON CONFLICT (name) DO UPDATE SET version = excluded.version, checkpoint = excluded.checkpoint"
)


@cache
def put_rows(table: Table) -> str:
    """Insert whole rows, or replace those whose key exists. Parameter: rows, a JSON array of objects."""
    name, key = quoted(table.name), _key(table)
    listed = ", ".join(quoted(column.name) for column in table.columns)
    rest = ", ".join(
        f"{column} = excluded.{column}"
        for column in (quoted(column.name) for column in table.columns if not column.primary_key)
    )
    return (
        f"INSERT INTO {name} ({listed}) SELECT {listed} "  # noqa: S608 - names of our own tables, quoted
        f"FROM json_populate_recordset(NULL::{name}, CAST(:rows AS json)) "
        f"ON CONFLICT ({', '.join(key)}) " + (f"DO UPDATE SET {rest}" if rest else "DO NOTHING")
    )


@cache
def set_columns(table: Table, names: tuple[str, ...]) -> str:
    """Update columns `names` of the rows that exist. Parameter: rows, a JSON array of keys and values."""
    changes = ", ".join(f"{column} = r.{column}" for column in map(quoted, names))
    return (
        f"UPDATE {quoted(table.name)} AS t SET {changes} "  # noqa: S608 - as above
        f"FROM json_populate_recordset(NULL::{quoted(table.name)}, CAST(:rows AS json)) AS r "
        f"WHERE {' AND '.join(f't.{column} = r.{column}' for column in _key(table))}"
    )


@cache
def remove_rows(table: Table) -> str:
    """Delete rows by key. Parameter: rows, a JSON array of keys."""
    return (
        f"DELETE FROM {quoted(table.name)} AS t "  # noqa: S608 - as above
        f"USING json_populate_recordset(NULL::{quoted(table.name)}, CAST(:rows AS json)) AS r "
        f"WHERE {' AND '.join(f't.{column} = r.{column}' for column in _key(table))}"
    )


Statement = tuple[str, Mapping[str, object]]
"""SQL and its parameters."""


def execute_together(connection: Connection, statements: Sequence[Statement]) -> None:
    """Execute the statements, in order, in one round trip."""
    if statements:
        given = {f"{name}_{i}": value for i, (_, named) in enumerate(statements) for name, value in named.items()}
        connection.execute(_joined(tuple(sql for sql, _ in statements)), given)


@lru_cache(maxsize=1_000)  # as many as there are kinds of change that occur together: some dozens
def _joined(statements: tuple[str, ...]) -> TextClause:
    return text("; ".join(_PARAMETER.sub(rf":\1_{i}", sql) for i, sql in enumerate(statements)))


def _key(table: Table) -> list[str]:
    return [quoted(column.name) for column in table.primary_key.columns]
