"""A migrated database as template, one fresh copy of it per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import copied, migrated
from latewood_eventlog import server as embedded
from latewood_eventlog.database import DatabaseUrl
from postgres.ledger import Ledger, open_ledger


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
