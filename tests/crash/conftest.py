"""Databases of the platform on the embedded server, each a copy of one that was migrated once."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest

from latewood.commands.workspace import Workspace, new_run
from latewood.engine.store import ArtifactStore
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog import server as embedded
from latewood_eventlog.database import DatabaseUrl, bootstrap, connect
from latewood_eventlog.log import EventLog
from latewood_eventlog.migrate import migrate
from postgres.conftest import home, remove, server

__all__ = ["home", "remove", "server"]


@pytest.fixture(scope="session")
def platform_template(server: Path) -> str:
    """The name of an empty database with the log and all read models."""
    superuser, login = embedded.superuser_url(server), embedded.ensure_started(server)
    owner = connect(bootstrap(superuser, "platform", login.url.password), role="owner")
    migrate(owner, PROJECTIONS, UPCASTERS)
    owner.dispose()
    return "platform"


@contextmanager
def platform_database(server: Path, template: str) -> Iterator[DatabaseUrl]:
    """A copy of the template, removed afterwards."""
    superuser, login = embedded.superuser_url(server), embedded.ensure_started(server)
    name = f"test_{uuid4().hex}"
    _execute(superuser, f"CREATE DATABASE {name} TEMPLATE {template} OWNER latewood_owner")
    yield bootstrap(superuser, name, login.url.password)
    _execute(superuser, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def platform_url(server: Path, platform_template: str) -> Iterator[DatabaseUrl]:
    """An empty database of the test's own."""
    with platform_database(server, platform_template) as url:
        yield url


@pytest.fixture(scope="module")
def module_url(server: Path, platform_template: str) -> Iterator[DatabaseUrl]:
    """An empty database for all tests of a file."""
    with platform_database(server, platform_template) as url:
        yield url


@pytest.fixture
def workspace(platform_url: DatabaseUrl, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace in an empty database."""
    log = EventLog(connect(platform_url, role="engine"), PROJECTIONS, UPCASTERS)
    yield workspace_on(log, ArtifactStore(tmp_path / "store", "default"))
    log.engine.dispose()


def workspace_on(log: EventLog, store: ArtifactStore, now: Callable[[], datetime] | None = None) -> Workspace:
    """A workspace of the project `default` with this log and store."""
    return Workspace(
        log=log,
        store=store,
        project="default",
        environment="prod",
        actor="test",
        clock=now or (lambda: datetime.now(UTC)),
        new_run=new_run,
    )


def _execute(url: DatabaseUrl, statement: str) -> None:
    with closing(psycopg2.connect(url.libpq())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
