"""Workspaces in databases of their own, and what is in their logs."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from forked_workers import ForkedWorkers
from forks import forks
from sqlalchemy import text

from databases import copied
from latewood.commands.materializing import prepare
from latewood.commands.planning import Asked
from latewood.commands.reading import read
from latewood.commands.workspace import Workspace, new_run
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file
from latewood.engine.running import worker_process
from latewood.engine.storage.store import ArtifactStore
from latewood.events import Event, from_json
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving.engine import Engine
from latewood.serving.requesting import Requested, request
from latewood.testing import jobs
from latewood_eventlog import server as embedded
from latewood_eventlog.database import DatabaseUrl, connect
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Position


@pytest.fixture(autouse=True)
def forked_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that are started by a test's own process are forks, unless they are of a Python of their own."""
    monkeypatch.setattr(worker_process, "subprocess", ForkedWorkers(lambda *asked: forks().fork(*asked)))


@pytest.fixture
def superuser_url(server: Path, platform_url: DatabaseUrl) -> DatabaseUrl:
    """The same database as superuser."""
    return embedded.superuser_url(server).with_database(platform_url.url.database)


@pytest.fixture(scope="module")
def module_url(server: Path, platform_template: str) -> Iterator[DatabaseUrl]:
    """An empty database for all tests of a file."""
    with copied(server, platform_template) as url:
        yield url


@pytest.fixture
def workspace(platform_url: DatabaseUrl, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace in an empty database."""
    log = EventLog(connect(platform_url, role="engine"), PROJECTIONS, UPCASTERS)
    yield workspace_on(log, ArtifactStore(tmp_path / "store", "default"))
    log.engine.dispose()


@pytest.fixture
def environ(platform_url: DatabaseUrl, tmp_path: Path) -> dict[str, str]:
    """The environment in which a process of its own works in the same workspace."""
    return {
        **os.environ,
        "LATEWOOD_DATABASE_URL": platform_url.reveal(),
        "LATEWOOD_STORE": str(tmp_path / "store"),
        "LATEWOOD_HOME": str(tmp_path),
    }


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
        home=store.directory.parents[1] / "home",
    )


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Loaded]:
    """Writes a file of definitions and loads it."""

    def write(source: str) -> Loaded:
        file = tmp_path / "assets.py"
        file.write_text("from pathlib import Path\nimport time\nfrom latewood import *\n" + dedent(source))
        return load_file(file, root=tmp_path)

    return write


@pytest.fixture
def asked_for(workspace: Workspace, load: Callable[[str], Loaded]) -> Callable[..., Requested]:
    """Asks engines for a run of these definitions."""

    def ask(source: str, selection: str = "*", **asked: Any) -> Requested:
        return request(workspace, prepare(workspace, load(source), Asked(selection=selection, **asked)))

    return ask


@pytest.fixture
def within(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AbstractContextManager[Engine]]:
    """Serves by an engine in this process meanwhile; a lease that short may be renewed late."""
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)

    @contextmanager
    def serve(lease: timedelta = timedelta(seconds=0.5)) -> Iterator[Engine]:
        found = Engine(workspace, slots=2, lease=lease)
        thread = threading.Thread(target=found.serve)
        thread.start()
        try:
            yield found
        finally:
            assert thread.is_alive(), "it serves until it is told not to"
            found.drain()
            thread.join()

    return serve


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder, whose connector `local` is to the system in `there`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latewood.toml").write_text(
        f'[connectors.local]\nfactory = "latewood.testing.jobs:connect"\nfolder = "{tmp_path / "there"}"\n'
    )
    return tmp_path


@pytest.fixture
def there(here: Path) -> Iterator[Path]:
    """The folder of that system, which serves."""
    folder = here / "there"
    with jobs.serving(folder):
        yield folder


def let_leases_end(workspace: Workspace) -> None:
    """As if their processes had not renewed them for long."""
    with workspace.log.engine.begin() as connection:
        connection.execute(text("UPDATE leases SET expires_at = clock_timestamp()"))


def lose_code(workspace: Workspace) -> None:
    """The source of every deployment goes from the store, as where somebody removes or restores files of it."""
    for archive in workspace.store.directory.glob("?/*.tar.gz"):
        archive.unlink()


_READING = threading.Lock()
_READ: WeakKeyDictionary[EventLog, list[tuple[Position, Event]]] = WeakKeyDictionary()


def facts_of(log: EventLog) -> list[Event]:
    """Every fact in the log, oldest first. It is asked again and again: only what came since is read."""
    with _READING:
        known = _READ.setdefault(log, [])
        for event in log.read_all(after=known[-1][0] if known else 0, limit=10_000):
            known.append((event.position, from_json(event.type, event.data)))
        return [fact for _, fact in known]


def head_keys(workspace: Workspace) -> dict[str, int]:
    """How many partitions of each asset have a head, by key."""
    found = read(workspace)
    return {key: len(found.state.heads[id_]) for key, id_ in found.view.ids.items() if found.state.heads[id_]}
