"""One embedded server for the session, and a project of each test's own on it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from databases import copied, migrated
from e2e.shell import LATEWOOD, Shell, shell_in
from e2e.shop import SHOP
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.server import ensure_started, remove


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of its own, whose server is stopped in the end.

    It does not wait for the disk, which only a power cut would show; the README's tests have one that does.
    """
    made = tmp_path_factory.mktemp("latewood-home")
    ensure_started(made, durable=False)
    yield made
    remove(made)


@pytest.fixture(scope="session")
def environ(home: Path) -> dict[str, str]:
    """This process' environment without settings of Latewood's, but for the home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LATEWOOD_")}
    path = f"{LATEWOOD.parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "LATEWOOD_HOME": str(home), "LATEWOOD_ACTOR": "tester", "COLUMNS": "160"}


@pytest.fixture
def shell(environ: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest) -> Shell:
    """An empty folder and an empty project."""
    return shell_in(environ, tmp_path, request.node.name)


@pytest.fixture(scope="session")
def platform_template(home: Path) -> str:
    """The name of an empty database on the same server."""
    return migrated(home, "platform", PROJECTIONS, UPCASTERS)


@pytest.fixture
def own_log(
    environ: dict[str, str], home: Path, platform_template: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Shell]:
    """An empty folder and an empty log: proving one costs what is in it, and that of all projects grows and grows."""
    with copied(home, platform_template) as url:
        yield shell_in({**environ, "LATEWOOD_DATABASE_URL": url.reveal()}, tmp_path, request.node.name)


@pytest.fixture(scope="module")
def shop(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A project in which everything was materialized once, for tests that only look."""
    shell = shell_in(environ, tmp_path_factory.mktemp("shop"), f"shop-{uuid4()}")
    shell.write("shop.py", SHOP)
    made = shell.afresh("materialize", "*", "--quiet", "-f", "shop.py")
    assert (made.code, made.err) == (0, "")
    assert "4 run, 0 reused in" in made.out
    assert re.search(r"Everything is fresh at position [\d,]+\.\n$", made.out)
    return shell
