"""The command line as users have it: the console script, on one embedded server for the session."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from postgres.conftest import remove

LATEWOOD = Path(sys.executable).parent / "latewood"


@dataclass(frozen=True)
class Shell:
    """A folder with an environment, in which commands are run."""

    folder: Path
    environ: dict[str, str]

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What `latewood ARGUMENTS` prints; it must end with this code, and with a message if that is not 0."""
        done = self.run(*arguments)
        assert done.returncode == code, f"latewood {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def run(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """The ended process, with these changes to the environment."""
        return subprocess.run(
            [LATEWOOD, *arguments],
            cwd=self.folder,
            env={**self.environ, **changed},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def write(self, name: str, text: str) -> None:
        """A file in the folder."""
        (self.folder / name).write_text(text)

    def of(self, project: str, folder: Path) -> "Shell":
        """Another project in another folder, on the same server."""
        folder.mkdir(exist_ok=True)
        return Shell(folder, {**self.environ, "LATEWOOD_PROJECT": project})


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of its own, whose server is stopped in the end."""
    made = tmp_path_factory.mktemp("latewood-home")
    yield made
    remove(made)


@pytest.fixture(scope="session")
def environ(home: Path) -> dict[str, str]:
    """This process' environment without settings of Latewood's, but for the home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LATEWOOD_")}
    path = f"{LATEWOOD.parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "LATEWOOD_HOME": str(home), "LATEWOOD_ACTOR": "tester", "COLUMNS": "160"}


@pytest.fixture
def project(environ: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], Shell]:
    """A new, empty project of the test's own."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:60].rstrip("-")

    def make() -> Shell:
        return Shell(tmp_path, {**environ, "LATEWOOD_PROJECT": name})

    return make
