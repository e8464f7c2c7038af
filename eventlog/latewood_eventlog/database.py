"""How a Postgres database is addressed, connected to, and made ready for its first migration."""

from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Self

import psycopg2
from psycopg2.extensions import PYDATETIMETZ, encrypt_password, make_dsn, new_type, register_type
from psycopg2.sql import SQL, Identifier
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError

from latewood_eventlog.errors import DatabaseUnreachable, TookTooLong

Role = Literal["owner", "engine", "reader"]
"""Whose rights a connection has: `owner` migrates, `engine` appends and projects, `reader` selects."""

POSTGRES_VERSION_MIN: Final = 16

_DRIVER: Final = "postgresql+psycopg2"
_SCHEMES: Final = frozenset({"postgres", "postgresql", _DRIVER})

# libpq's names; what the URL says itself goes before these.
_CONNECTION: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    # Keepalives are sent on a quiet connection only: what was sent and nobody acknowledges, because the network
    # swallows it, would be waited for until the system gives up, some fifteen minutes later. As long as the above.
    "tcp_user_timeout": 60_000,
}
# Set as the connection starts, so that RESET and the pool come back to them.
_SESSION: Final = {
    "timezone": "UTC",
    "search_path": "latewood",
    # Whatever the server's default: what an append reads after it has the head's lock must be newer than the lock.
    "default_transaction_isolation": r"read\ committed",
    # A process that is stopped in a transaction must not hold what it has locked for ever.
    "idle_in_transaction_session_timeout": "60s",
}

# What of a server's answers is about the server and not about the question, as SQLSTATEs begin: no room, no memory, no
# connection free; shutting down; errors of its disk; read-only, as a standby is; damaged pages.
_UNUSABLE: Final = ("53", "57P", "58", "25006", "XX001", "XX002")

# A statement was cancelled for its time; the transaction that it was of is of no use any more.
_CANCELLED: Final = ("57014", "25P02")

_READ_ONLY: Final = text(
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
    " SELECT set_config('latewood.projects', :projects, true), set_config('statement_timeout', :limit, true)"
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DatabaseUrl:
    """The address of one database, with its credential; `str` and `repr` never show that, `reveal` does."""

    url: URL = field(repr=False)

    @classmethod
    def parse(cls, address: str) -> Self:
        """The address that `postgres://`, `postgresql://` or `postgresql+psycopg2://` text names.

        Raises DatabaseUnreachable for anything else; its text repeats nothing but the scheme.
        """
        try:
            url = make_url(address)
        except (ArgumentError, ValueError):  # their texts may hold the password, so they are not told
            url = None
        if url is None or "@" in (url.host or ""):  # the rest of a password that has one itself
            raise DatabaseUnreachable(
                "database URL: expected postgresql://user:password@host:port/name, found another text;"
                " special characters in user and password must be percent-encoded."
            )
        if url.drivername not in _SCHEMES:
            raise DatabaseUnreachable(
                f"database URL: expected the scheme postgresql://, found {url.drivername}://;"
                " the log lives in Postgres only."
            )
        password = url.normalized_query.get("password", (url.password,))[-1]
        url = url.difference_update_query(["password"]).set(drivername=_DRIVER, password=password)
        return cls(url=url)

    @property
    def location(self) -> str:
        """Database, host and port, as messages name them."""
        host = ",".join(self.url.normalized_query.get("host", (self.url.host or "localhost",)))
        return f"'{self.url.database or self.url.username or 'unnamed'}' at {host}:{self.url.port or 5432}"

    def with_database(self, name: str) -> Self:
        """The same server and user, another database."""
        return type(self)(url=self.url.set(database=name))

    def reveal(self) -> str:
        """The whole URL, password included: for another process's environment, never for a log."""
        return self.url.render_as_string(hide_password=False)

    def libpq(self) -> str:
        """The same for libpq and psycopg2, password included."""
        _, named = self.url.get_dialect()().create_connect_args(self.url)
        return str(make_dsn(**named))

    def __str__(self) -> str:
        return self.url.set(query={}).render_as_string()  # a query may hold secrets too, such as sslpassword

    def __repr__(self) -> str:
        return f"DatabaseUrl({str(self)!r})"


def connect(
    url: DatabaseUrl, *, role: Role, pool: int = 5, limit: timedelta = timedelta(), renews: bool = False
) -> Engine:
    """An engine, which keeps so many connections, whose every one acts as `role`; one connection is made at once.

    With a limit each statement that takes longer, or waits longer for others, raises TookTooLong. One that `renews`
    asks a connection that rested whether it is there, a round trip each time, and replaces one that is not; else that
    is an error once, from which who records goes on in a way of its own.

    Raises DatabaseUnreachable here, and later from every use of the engine, when the server does not answer, a
    connection is lost, or the server cannot do what it is for (its disk is full, say); here also when the server is
    older than POSTGRES_VERSION_MIN.
    """
    engine = create_engine(
        url.url,
        connect_args=_parameters(url, role, limit),
        hide_parameters=True,
        use_native_hstore=False,
        pool_size=pool,
        pool_pre_ping=renews,
    )

    @event.listens_for(engine, "connect")
    def _read_instants(connection: Any, _record: object) -> None:
        register_type(_INSTANT, connection)

    @event.listens_for(engine, "handle_error")
    def _name_the_server(context: ExceptionContext) -> None:
        error = context.original_exception
        if not isinstance(error, Exception):
            return  # Ctrl-C closes the connection, and is no failure of the server's
        if context.is_pre_ping and context.is_disconnect:
            return  # the pool makes another one
        if context.is_disconnect or context.connection is None:
            raise unreachable(engine, error)
        code = getattr(error, "pgcode", None) or ""
        if code.startswith(_UNUSABLE):
            raise unusable(engine, error)
        if code in _CANCELLED and (role == "reader" or limit):
            raise TookTooLong(
                f"a statement of {'a reading' if role == 'reader' else 'a writer'} took longer than it may"
            )

    with engine.connect():
        version = engine.dialect.server_version_info or (0,)
    if int(version[0]) < POSTGRES_VERSION_MIN:
        engine.dispose()
        raise DatabaseUnreachable(
            f"database {url.location}: expected Postgres {POSTGRES_VERSION_MIN} or newer,"
            f" found {'.'.join(map(str, version))}; upgrade the server or name another one."
        )
    return engine


def _instant(text: str | None, cursor: Any) -> datetime | None:
    """An instant as the database writes it. The driver's way knows infinity too, but takes several times as long."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        instant: datetime = PYDATETIMETZ(text, cursor)
        return instant


_INSTANT: Final = new_type((1184,), "INSTANT", _instant)  # the number of timestamptz


def dsn(url: DatabaseUrl, *, role: Role) -> str:
    """What `connect` tells libpq, password included: for a connection of one's own that listens."""
    return str(make_dsn(url.libpq(), **_parameters(url, role)))


@contextmanager
def reading(engine: Engine, projects: Collection[str], *, limit: timedelta = timedelta()) -> Iterator[Connection]:
    """A read-only transaction on one snapshot; the reader role sees the rows of `projects` only.

    With a limit each of its statements raises TookTooLong that takes longer.
    """
    refused = [project for project in projects if "," in project]
    if refused:
        raise ValueError(f"project name: expected no comma, found {refused[0]!r}; the row policies split at it.")
    with engine.connect() as connection:  # rolled back in the end, which a connection that was lost takes as well
        within = f"{limit // timedelta(milliseconds=1)}ms"
        connection.execute(_READ_ONLY, {"projects": ",".join(projects), "limit": within})
        yield connection


@contextmanager
def autocommitting(engine: Engine) -> Iterator[Connection]:
    """A connection on which statements that are executed together are a transaction, in one round trip.

    The driver's own BEGIN and COMMIT are one each. Statements may also bring theirs. Neither driver nor pool knows of
    such a transaction, so whatever goes wrong closes the connection, and thereby it.
    """
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        try:
            driver.autocommit = True
        except psycopg2.Error as error:  # lost since it was last used
            connection.invalidate()
            raise unreachable(engine, error) from error
        try:
            yield connection
        except BaseException:
            connection.invalidate()
            raise
        try:
            driver.autocommit = False
        except psycopg2.Error:  # lost, with everything recorded
            connection.invalidate()


def unreachable(engine: Engine, error: BaseException | None) -> DatabaseUnreachable:
    """The error for a failed or lost connection: server and reason, no credential."""
    return _unreachable(DatabaseUrl(url=engine.url), getattr(error, "orig", error))


def unusable(engine: Engine, error: BaseException) -> DatabaseUnreachable:
    """The error for a server that answers and cannot be used: server and reason, no credential."""
    location = DatabaseUrl(url=engine.url).location
    return DatabaseUnreachable(
        f"database {location}: expected one that can do what is asked, found: {_reason(error)};"
        " what was recorded before stays."
    )


def _unreachable(url: DatabaseUrl, error: BaseException | None) -> DatabaseUnreachable:
    return DatabaseUnreachable(
        f"database {url.location}: expected a connection, found: {_reason(error)};"
        " is the server running, and is its URL the right one?"
    )


def _reason(error: BaseException | None) -> str:
    return next(iter(str(getattr(error, "orig", error)).splitlines()), "no reason given").strip()


def _parameters(url: DatabaseUrl, role: Role, limit: timedelta = timedelta()) -> dict[str, Any]:
    given = url.url.normalized_query
    limited = {"statement_timeout": f"{limit // timedelta(milliseconds=1)}ms"} if limit else {}
    session = {"role": f"latewood_{role}", **_SESSION, **limited}
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    ours = {"application_name": f"latewood-{role}", **_CONNECTION}
    return {
        **{name: value for name, value in ours.items() if name not in given},
        "options": " ".join([*given.get("options", ()), options]),
    }


# What a server holds before the first migration. A superuser ignores row-level security, so it makes these
# and nothing else; everybody then comes in as LOGIN_ROLE, which can only turn into one of GROUP_ROLES.
LOGIN_ROLE: Final = "latewood"
GROUP_ROLES: Final = ("latewood_owner", "latewood_engine", "latewood_reader")

BOOTSTRAP_LOCK: Final = SQL("SELECT pg_advisory_lock(hashtext('latewood.bootstrap'))")
ROLES_PRESENT: Final = SQL("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)")
CREATE_GROUP_ROLE: Final = SQL("CREATE ROLE {role} NOLOGIN NOINHERIT")
CREATE_LOGIN_ROLE: Final = SQL("CREATE ROLE latewood LOGIN NOINHERIT")
SET_LOGIN_PASSWORD: Final = SQL("ALTER ROLE latewood PASSWORD %s")
GRANT_GROUP_ROLE: Final = SQL("GRANT {role} TO latewood WITH INHERIT FALSE, SET TRUE")
DATABASE_PRESENT: Final = SQL("SELECT FROM pg_database WHERE datname = %s")
CREATE_DATABASE: Final = SQL(
    "CREATE DATABASE {database} OWNER latewood_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'"
)
DATABASE_RIGHTS: Final = (
    SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC"),
    SQL("GRANT CONNECT ON DATABASE {database} TO latewood"),
    SQL("GRANT TEMPORARY ON DATABASE {database} TO latewood_engine"),
)
SCHEMA_RIGHTS: Final = SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC")


def bootstrap(superuser: DatabaseUrl, database: str, login_password: str) -> DatabaseUrl:
    """Make the roles and an empty database on a server; the address for everybody, as LOGIN_ROLE.

    Replay: safe any number of times, and from several processes at once. Raises DatabaseUnreachable.
    """
    with _session(superuser) as cursor:
        cursor.execute(BOOTSTRAP_LOCK)
        cursor.execute(ROLES_PRESENT, ([LOGIN_ROLE, *GROUP_ROLES],))
        present = {name for (name,) in cursor.fetchall()}
        if LOGIN_ROLE not in present:
            cursor.execute(CREATE_LOGIN_ROLE)
        for role in GROUP_ROLES:
            if role not in present:
                cursor.execute(CREATE_GROUP_ROLE.format(role=Identifier(role)))
            cursor.execute(GRANT_GROUP_ROLE.format(role=Identifier(role)))
        # The server sees a verifier, never the password, so that no server log can show it.
        verifier = encrypt_password(login_password, LOGIN_ROLE, cursor.connection, "scram-sha-256")
        cursor.execute(SET_LOGIN_PASSWORD, (verifier,))
        cursor.execute(DATABASE_PRESENT, (database,))
        if not cursor.rowcount:
            cursor.execute(CREATE_DATABASE.format(database=Identifier(database)))
        for right in DATABASE_RIGHTS:
            cursor.execute(right.format(database=Identifier(database)))
        with _session(superuser.with_database(database)) as inside:
            inside.execute(SCHEMA_RIGHTS)
    return DatabaseUrl(url=superuser.url.set(username=LOGIN_ROLE, password=login_password, database=database))


@contextmanager
def _session(url: DatabaseUrl) -> Iterator[Any]:
    try:
        connection = psycopg2.connect(url.libpq())
    except psycopg2.OperationalError as error:
        raise _unreachable(url, error) from None
    with closing(connection):
        connection.autocommit = True  # CREATE DATABASE refuses to run in a transaction
        with connection.cursor() as cursor:
            yield cursor
