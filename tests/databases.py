"""Databases on the embedded server of the tests: migrated once, copied, and emptied for the next test.

Copying costs a hundred milliseconds, since Postgres' own catalogs are seven of a database's nine megabytes; emptying
what a test has filled costs ten.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from pathlib import Path
from uuid import uuid4

import psycopg2

from latewood_eventlog import server as embedded
from latewood_eventlog.codec import Upcasters
from latewood_eventlog.database import DatabaseUrl, bootstrap, connect
from latewood_eventlog.migrate import migrate
from latewood_eventlog.projector import Projection


def migrated(
    server: Path, name: str, projections: Sequence[Projection] = (), upcasters: Upcasters | None = None
) -> str:
    """The name of a new, empty database with the log and these projections; nobody is connected to it."""
    superuser, login = embedded.superuser_url(server), embedded.ensure_started(server)
    owner = connect(bootstrap(superuser, name, login.url.password), role="owner")
    migrate(owner, projections, upcasters)
    owner.dispose()
    return name


@contextmanager
def copied(server: Path, template: str) -> Iterator[DatabaseUrl]:
    """A copy of the database, or one that is as good as new; left to whoever wants the next one."""
    resting = _RESTING.setdefault((server, template), [])
    copy = resting.pop() if resting else _new_copy(server, template)
    yield copy.url
    if copy.empty():
        resting.append(copy)
    else:
        execute(copy.superuser, f"DROP DATABASE {copy.name} WITH (FORCE)")


def execute(url: DatabaseUrl, statement: str) -> None:
    """Run one statement, outside any transaction."""
    with closing(psycopg2.connect(url.libpq())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


def _administer(superuser: DatabaseUrl, statement: str) -> None:
    """The same by a session that is kept: one of its own costs the server as much as emptying a database.

    A new one where a test has stopped the server meanwhile.
    """
    try:
        _administrator(superuser).cursor().execute(statement)
    except psycopg2.OperationalError:
        _administrator.cache_clear()
        _administrator(superuser).cursor().execute(statement)


@cache
def _administrator(superuser: DatabaseUrl) -> "psycopg2.extensions.connection":
    connection = psycopg2.connect(superuser.libpq())
    connection.autocommit = True
    return connection


_RESTING: dict[tuple[Path, str], list["_Copy"]] = {}


def _new_copy(server: Path, template: str) -> "_Copy":
    superuser, login = embedded.superuser_url(server), embedded.ensure_started(server)
    name = f"test_{uuid4().hex}"
    # As files: what no disk is waited for costs half of what it costs through the write-ahead log.
    execute(superuser, f"CREATE DATABASE {name} TEMPLATE {template} OWNER latewood_owner STRATEGY file_copy")
    return _Copy(superuser, bootstrap(superuser, name, login.url.password))


@dataclass(slots=True)
class _Copy:
    superuser: DatabaseUrl
    url: DatabaseUrl
    rows: dict[str, str] = field(init=False)
    definitions: tuple[object, ...] = field(init=False)

    def __post_init__(self) -> None:
        with self._inside() as cursor:
            self.rows = {table: _rows(cursor, table) for table in _filled(cursor)}
            self.definitions = _definitions(cursor)

    @property
    def name(self) -> str:
        return str(self.url.url.database)

    def empty(self) -> bool:
        """Leave it as it was when it was made; not if a test has changed what is defined in it.

        It is called otherwise then: a process that a test has left behind does not find it.
        """
        with self._inside() as cursor:
            cursor.execute(_END_OTHERS)
            if _definitions(cursor) != self.definitions:
                return False
            cursor.execute("SET session_replication_role = replica")  # or the log refuses to be emptied
            sizes = {**dict.fromkeys(self.rows, 0), **_filled(cursor)}
            # Deleting a few rows costs a tenth of truncating, which makes and removes files.
            cursor.execute("; ".join(f"DELETE FROM {table}" for table, size in sizes.items() if size <= _SMALL_BYTES))
            if large := [table for table, size in sizes.items() if size > _SMALL_BYTES]:
                cursor.execute(f"TRUNCATE {', '.join(large)}")
            cursor.execute(_NOTICED)
            if cursor.rowcount:  # hardly ever, and it is not cheap
                cursor.execute(_FORGET)
            for table, rows in self.rows.items():
                cursor.copy_expert(f"COPY {table} FROM STDIN", StringIO(rows))
            if large:
                self.definitions = _definitions(cursor)
        before, self.url = self.name, self.url.with_database(f"test_{uuid4().hex}")
        _administer(self.superuser, f"ALTER DATABASE {before} RENAME TO {self.name}")
        return True

    @contextmanager
    def _inside(self) -> Iterator["psycopg2.extensions.cursor"]:
        address = self.superuser.with_database(self.name).libpq()
        with closing(psycopg2.connect(address)) as connection, connection, connection.cursor() as cursor:
            yield cursor


_END_OTHERS = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_FILLED = (
    "SELECT oid::regclass::text, pg_relation_size(oid) FROM pg_class "
    "WHERE relnamespace = 'latewood'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0 ORDER BY 1"
)
# What the server has noticed of tables: a test is not to have plans that depend on those before it.
_KNOWN = "relnamespace = 'latewood'::regnamespace AND relkind = 'r' AND (relpages > 0 OR reltuples > 0)"
_NOTICED = f"SELECT oid::regclass FROM pg_class WHERE {_KNOWN}"
_FORGET = (
    f"DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE {_KNOWN}); "
    f"UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE {_KNOWN}"
)
_SMALL_BYTES = 1 << 16
_CATALOGS = ("class", "attribute", "attrdef", "constraint", "index", "namespace", "policy", "proc", "trigger", "type")
# Schemas of temporary tables stay, empty, when the session ends that had some.
_LASTING = {"namespace": "WHERE nspname !~ '^pg_(toast_)?temp_'"}
_DEFINITIONS = " UNION ALL ".join(
    f"SELECT '{name}', count(*), max(xmin::text::bigint) FROM pg_{name} {_LASTING.get(name, '')}" for name in _CATALOGS
)


def _filled(cursor: "psycopg2.extensions.cursor") -> dict[str, int]:
    """The bytes of every table that has some."""
    cursor.execute(_FILLED)
    return dict(cursor.fetchall())


def _definitions(cursor: "psycopg2.extensions.cursor") -> tuple[object, ...]:
    """What all that is defined was written by, so that it differs after any change."""
    cursor.execute(_DEFINITIONS)
    return tuple(cursor.fetchall())


def _rows(cursor: "psycopg2.extensions.cursor", table: str) -> str:
    copied = StringIO()
    cursor.copy_expert(f"COPY {table} TO STDOUT", copied)
    return copied.getvalue()
