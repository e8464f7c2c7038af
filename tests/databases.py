"""Databases on the embedded server of the tests: migrated once, copied for each test."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
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
    """A copy of the database, removed afterwards."""
    superuser, login = embedded.superuser_url(server), embedded.ensure_started(server)
    name = f"test_{uuid4().hex}"
    # As files: what no disk is waited for costs half of what it costs through the write-ahead log.
    execute(superuser, f"CREATE DATABASE {name} TEMPLATE {template} OWNER latewood_owner STRATEGY file_copy")
    yield bootstrap(superuser, name, login.url.password)
    execute(superuser, f"DROP DATABASE {name} WITH (FORCE)")


def execute(url: DatabaseUrl, statement: str) -> None:
    """Run one statement, outside any transaction."""
    with closing(psycopg2.connect(url.libpq())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
