"""A project of each test's own, on the embedded server of the session."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from forked_workers import ForkedWorkers
from forks import forks

from databases import copied
from e2e import connections
from e2e.shell import LATEWOOD, Shell, shell_in
from e2e.shop import SHOP
from latewood.commands import workspace
from latewood.engine.running import worker_process


@pytest.fixture(scope="session")
def home(server: Path) -> Path:
    """What commands are told of where all is; the README's tests have one that waits for the disk."""
    return server


@pytest.fixture(scope="session")
def environ(home: Path) -> dict[str, str]:
    """This process' environment without settings of Latewood's, but for the home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LATEWOOD_")}
    path = f"{LATEWOOD.parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "LATEWOOD_HOME": str(home), "LATEWOOD_ACTOR": "tester", "COLUMNS": "160"}


@pytest.fixture(autouse=True, scope="module")
def forked_workers() -> Iterator[None]:
    """Workers of commands that are run within this process are forks, unless they are of a Python of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_process, "subprocess", ForkedWorkers(lambda *asked: forks().fork(*asked)))
        yield


@pytest.fixture(autouse=True, scope="module")
def kept_connections() -> Iterator[None]:
    """Commands that are run within this process take over each other's connections."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workspace, "connect", connections.connect)
        yield
    connections.let_go()


@pytest.fixture
def shell(environ: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest) -> Shell:
    """An empty folder and an empty project."""
    return shell_in(environ, tmp_path, request.node.name)


@pytest.fixture
def own_log(
    environ: dict[str, str], home: Path, platform_template: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Shell]:
    """An empty folder and an empty log: proving one costs what is in it, and that of all projects grows and grows."""
    with copied(home, platform_template) as url:
        yield shell_in({**environ, "LATEWOOD_DATABASE_URL": url.reveal()}, tmp_path, request.node.name)
        connections.let_go()


@pytest.fixture(scope="module")
def shop(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A project in which everything was materialized once, for tests that only look."""
    shell = shell_in(environ, tmp_path_factory.mktemp("shop"), f"shop-{uuid4()}")
    shell.write("shop.py", SHOP)
    made = shell.here("materialize", "*", "--quiet", "-f", "shop.py")
    assert (made.code, made.err) == (0, "")
    assert "4 run, 0 reused in" in made.out
    assert re.search(r"Everything is fresh at position [\d,]+\.\n$", made.out)
    return shell
