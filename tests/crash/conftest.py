"""Databases of the platform on the embedded server, each a copy of one that was migrated once."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import psycopg2
import pytest

from latewood.commands.reading import read
from latewood.commands.workspace import Workspace, new_run
from latewood.engine.loader import Loaded, load_file
from latewood.engine.store import ArtifactStore
from latewood.events import Event, from_json
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog import server as embedded
from latewood_eventlog.database import DatabaseUrl, bootstrap, connect
from latewood_eventlog.log import EventLog
from latewood_eventlog.migrate import migrate
from postgres.conftest import server

__all__ = ["server"]


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
    execute(superuser, f"CREATE DATABASE {name} TEMPLATE {template} OWNER latewood_owner")
    yield bootstrap(superuser, name, login.url.password)
    execute(superuser, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def platform_url(server: Path, platform_template: str) -> Iterator[DatabaseUrl]:
    """An empty database of the test's own."""
    with platform_database(server, platform_template) as url:
        yield url


@pytest.fixture
def superuser_url(server: Path, platform_url: DatabaseUrl) -> DatabaseUrl:
    """The same database as superuser."""
    return embedded.superuser_url(server).with_database(platform_url.url.database)


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


def workspace_on(log: EventLog, store: ArtifactStore) -> Workspace:
    """A workspace of the project `default` with this log and store."""
    return Workspace(
        log=log,
        store=store,
        project="default",
        environment="prod",
        actor="test",
        clock=lambda: datetime.now(UTC),
        new_run=new_run,
    )


def execute(url: DatabaseUrl, statement: str) -> None:
    """Run one statement, outside any transaction."""
    with closing(psycopg2.connect(url.libpq())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Loaded]:
    """Writes a file of definitions and loads it."""

    def write(source: str) -> Loaded:
        file = tmp_path / "assets.py"
        file.write_text("from pathlib import Path\nimport time\nfrom latewood import *\n" + dedent(source))
        return load_file(file, root=tmp_path)

    return write


def facts_of(log: EventLog) -> list[Event]:
    """Every fact in the log, oldest first."""
    return [from_json(event.type, event.data) for event in log.read_all(limit=10_000)]


def head_keys(workspace: Workspace) -> dict[str, int]:
    """How many partitions of each asset have a head, by key."""
    found = read(workspace)
    return {key: len(found.state.heads[id_]) for key, id_ in found.view.ids.items() if found.state.heads[id_]}
