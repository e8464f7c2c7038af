"""One embedded server for the session, one migrated database as template, one fresh copy of it per test."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest

from latewood_eventlog import server as embedded
from latewood_eventlog.codec import Upcasters
from latewood_eventlog.database import DatabaseUrl, bootstrap, connect
from latewood_eventlog.migrate import migrate
from latewood_eventlog.projector import Projection
from postgres.ledger import Ledger, open_ledger


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Path]:
    """The home of a running server; its version is LATEWOOD_POSTGRES_VERSION's.

    It does not wait for the disk, which only a power cut would show: the template is copied twice as fast.
    """
    home = tmp_path_factory.mktemp("home")
    embedded.database_url({**os.environ, "LATEWOOD_DATABASE_URL": "", "LATEWOOD_HOME": str(home)})
    execute(embedded.superuser_url(home), "ALTER SYSTEM SET fsync = off")
    execute(embedded.superuser_url(home), "SELECT pg_reload_conf()")
    yield home
    embedded.remove(home)


@pytest.fixture(scope="session")
def template(server: Path) -> str:
    """The name of a migrated, empty database that nobody is connected to."""
    return migrated(server, "template")


@pytest.fixture
def database_url(server: Path, template: str) -> Iterator[DatabaseUrl]:
    """A migrated, empty database of the test's own, as the login role."""
    with copied(server, template) as url:
        yield url


@pytest.fixture
def ledger(database_url: DatabaseUrl) -> Iterator[Ledger]:
    """An empty log without projections."""
    with open_ledger(database_url) as ledger:
        yield ledger


@pytest.fixture
def superuser_url(server: Path, database_url: DatabaseUrl) -> DatabaseUrl:
    """The same database as superuser: for tampering with what nobody else may."""
    return embedded.superuser_url(server).with_database(database_url.url.database)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty home; the server that the test may start in it is stopped and removed."""
    yield tmp_path / "home"
    embedded.remove(tmp_path / "home")


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
    """A copy of the database, removed afterwards."""
    superuser, login = embedded.superuser_url(server), embedded.ensure_started(server)
    name = f"test_{uuid4().hex}"
    execute(superuser, f"CREATE DATABASE {name} TEMPLATE {template} OWNER latewood_owner")
    yield bootstrap(superuser, name, login.url.password)
    execute(superuser, f"DROP DATABASE {name} WITH (FORCE)")


def execute(url: DatabaseUrl, statement: str) -> None:
    """Run one statement, outside any transaction."""
    with closing(psycopg2.connect(url.libpq())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
