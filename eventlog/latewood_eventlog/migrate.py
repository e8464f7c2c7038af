"""Schema changes: numbered, forward, under a lock; and projections, which are rebuilt rather than migrated."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import Final

from psycopg2.errors import InsufficientPrivilege, LockNotAvailable, UndefinedTable
from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from latewood_eventlog.codec import Upcasters
from latewood_eventlog.database import unusable
from latewood_eventlog.errors import SchemaUnknown
from latewood_eventlog.projector import Projection, fold, require_versions
from latewood_eventlog.records import Position
from latewood_eventlog.schema import SCHEMA, SCHEMA_VERSION
from latewood_eventlog.statements import (
    HEAD,
    LOCK_CHECKPOINT,
    LOCK_HEAD,
    READ_CHECKPOINTS,
    REGISTER_PROJECTION,
    quoted,
)

_STAGING: Final = "latewood_rebuild"

_NEAR: Final = 1_000
"""Events that are few enough to fold while appends wait: some 50 ms."""

# Any number of processes may start at once on a new server; one migrates, the others find it done.
_LOCK: Final = text("SELECT pg_advisory_lock(hashtext('latewood.migrate'))")
_CREATE: Final = (
    text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"),
    text("CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)"),
)
_VERSION: Final = text("SELECT coalesce(max(version), 0) FROM schema_version")
_RECORD: Final = text("INSERT INTO schema_version (version) VALUES (:version)")

# Less than Postgres' deadlock_timeout: this gives way before anybody is taken for a deadlock's victim.
_PATIENCE: Final = text("SET LOCAL lock_timeout = '500ms'")
_RETRY_S: Final = 0.5


def migrate(
    owner: Engine, projections: Sequence[Projection] = (), upcasters: Upcasters | None = None
) -> tuple[str, ...]:
    """Bring the database to this code's schema, through a connection as owner; what was done, in words.

    Replay: safe to run any number of times and from many processes at once; one that died half-way is finished.
    Raises SchemaUnknown when the database, or one of these projections in it, is newer than this code.
    """
    with _alone(owner) as connection:
        try:
            done = _apply(connection)
        except ProgrammingError as error:
            if isinstance(error.orig, InsufficientPrivilege):  # another's database, or one that was not made ready
                raise unusable(owner, error) from None
            raise
        with connection.begin():
            built = _register(connection)
        for projection in projections:
            if built.get(projection.name, 0) > projection.version:
                raise SchemaUnknown(
                    subject=f"projection '{projection.name}'",
                    found=built[projection.name],
                    needed=projection.version,
                )
        for projection in projections:
            if built.get(projection.name) != projection.version:
                _rebuild(connection, projection, upcasters or Upcasters())
                done.append(f"built projection {projection.name} version {projection.version}")
    return tuple(done)


def require_schema(engine: Engine, projections: Sequence[Projection] = ()) -> None:
    """Raise SchemaUnknown unless the database is what this code is written for. Cost: two short queries."""
    try:
        with engine.connect() as connection:
            found = connection.execute(_VERSION).scalar_one()
            built = _register(connection)
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise unusable(engine, error) from None
        if not isinstance(error.orig, UndefinedTable):
            raise
        found, built = 0, {}  # nothing was ever migrated here
    if found != SCHEMA_VERSION:
        raise SchemaUnknown(found=found, needed=SCHEMA_VERSION)
    require_versions(projections, built)


def rebuild(owner: Engine, projection: Projection, upcasters: Upcasters) -> None:
    """Fold the whole log into new tables and put them in the place of the old.

    The new tables grow beside the old ones while appends go on; only the last stretch and the swap hold the
    head lock, so that an inline projection misses nothing. A long reader of the old tables delays the swap, and
    never thereby the appends. Cost: O(log).
    """
    with _alone(owner) as connection:
        _rebuild(connection, projection, upcasters)


@contextmanager
def _alone(owner: Engine) -> Iterator[Connection]:
    """A connection that holds the migration lock: over several transactions, and never longer than it lives."""
    with owner.connect() as connection:
        connection.detach()
        with connection.begin():
            connection.execute(_LOCK)
        yield connection


def _apply(connection: Connection) -> list[str]:
    done: list[str] = []
    with connection.begin():
        for statement in _CREATE:
            connection.execute(statement)
        version = connection.execute(_VERSION).scalar_one()
        if version > SCHEMA_VERSION:
            raise SchemaUnknown(found=version, needed=SCHEMA_VERSION)
        for number, name, sql in _migrations():
            if number > version:
                # no_parameters: the SQL's own % signs are not placeholders
                connection.execution_options(no_parameters=True).exec_driver_sql(sql)
                connection.execute(_RECORD, {"version": number})
                done.append(f"applied {name}")
    return done


def _migrations() -> list[tuple[int, str, str]]:
    folder = resources.files("latewood_eventlog.migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name[:4]), name, (folder / name).read_text(encoding="utf-8")) for name in names]


def _register(connection: Connection) -> dict[str, int]:
    return {row.name: row.version for row in connection.execute(READ_CHECKPOINTS)}


def _rebuild(connection: Connection, projection: Projection, upcasters: Upcasters) -> None:
    with connection.begin():
        connection.execute(text(f"DROP SCHEMA IF EXISTS {_STAGING} CASCADE"))  # of one that was interrupted
        connection.execute(text(f"CREATE SCHEMA {_STAGING}"))
        _stage(connection)
        for table in projection.tables:
            table.create(connection)
            _protect(connection, table)
    reached = 0
    while True:
        reached = _catch_up(connection, projection, upcasters, after=reached)
        try:
            with connection.begin():
                _swap(connection, projection, upcasters, after=reached)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            time.sleep(_RETRY_S)  # a reader is at the old tables; appends go on meanwhile
        else:
            return


def _catch_up(connection: Connection, projection: Projection, upcasters: Upcasters, *, after: Position) -> Position:
    """Fold until the log's end is near; the position it has reached."""
    while True:
        with connection.begin():
            head = connection.execute(HEAD).one().position
            if head - after < _NEAR:
                return after
            _stage(connection)
            after = fold(connection, [projection], upcasters, after=after, until=head)


def _swap(connection: Connection, projection: Projection, upcasters: Upcasters, *, after: Position) -> None:
    """Fold the rest and exchange the tables.

    Order of locks: the head, as appends do; the checkpoint, as followers do; the tables last, as both do.
    """
    connection.execute(_PATIENCE)
    head = connection.execute(LOCK_HEAD).one().position
    connection.execute(LOCK_CHECKPOINT, {"name": projection.name})
    _stage(connection)
    while after < head:
        after = fold(connection, [projection], upcasters, after=after, until=head)
    for table in projection.tables:
        connection.execute(text(f"DROP TABLE IF EXISTS {SCHEMA}.{quoted(table.name)}"))
        connection.execute(text(f"ALTER TABLE {_STAGING}.{quoted(table.name)} SET SCHEMA {SCHEMA}"))
    connection.execute(
        REGISTER_PROJECTION,
        {"name": projection.name, "version": projection.version, "checkpoint": head},
    )
    connection.execute(text(f"DROP SCHEMA {_STAGING} CASCADE"))


def _stage(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL search_path = {_STAGING}, {SCHEMA}"))


def _protect(connection: Connection, table: Table) -> None:
    """The engine writes, the reader sees the rows of the projects set in its transaction."""
    name = quoted(table.name)
    # A filter, not a condition of an index: its migration says why.
    own = (
        "array_position((SELECT string_to_array(current_setting('latewood.projects', true), ',')), project) IS NOT NULL"
    )
    for statement in (
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO latewood_engine",
        f"GRANT SELECT ON {name} TO latewood_reader",
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY engine_all ON {name} TO latewood_engine USING (true) WITH CHECK (true)",
        f"CREATE POLICY reader_own_projects ON {name} FOR SELECT TO latewood_reader USING ({own})",
    ):
        connection.execute(text(statement))
