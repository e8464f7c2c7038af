"""The command line as users have it, on one embedded server for the session."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from latewood.cli.app import run
from latewood_eventlog.server import remove

LATEWOOD = Path(sys.executable).parent / "latewood"


@dataclass(frozen=True)
class Shell:
    """A folder and an environment in which commands are run."""

    folder: Path
    environ: dict[str, str]

    def write(self, name: str, text: str) -> None:
        """A file in the folder."""
        (self.folder / name).write_text(text)

    def start(self, *arguments: str, **changed: str) -> "subprocess.Popen[str]":
        """`latewood ARGUMENTS` as a process of its own, with these changes to the environment."""
        return subprocess.Popen(
            [LATEWOOD, *arguments],
            cwd=self.folder,
            env={**self.environ, **changed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **changed: str) -> SimpleNamespace:
        """What a process of its own prints, and the code it ends with."""
        process = self.start(*arguments, **changed)
        out, err = process.communicate(timeout=120)
        return SimpleNamespace(out=out, err=err, code=process.returncode)

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What `latewood ARGUMENTS` prints, when it must end with this code."""
        done = self.run(*arguments)
        assert done.code == code, f"latewood {' '.join(arguments)}: {done.code}\n{done.out}{done.err}"
        return done.out

    def here(self, *arguments: str, **changed: str) -> SimpleNamespace:
        """The same within this process, for what does not depend on having one: half a second less."""
        out, err = io.StringIO(), io.StringIO()
        before = dict(os.environ)
        os.environ.update({**self.environ, **changed})
        try:
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)
        return SimpleNamespace(out=out.getvalue(), err=err.getvalue(), code=code)


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
def shell(environ: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest) -> Shell:
    """An empty folder and an empty project."""
    return shell_in(environ, tmp_path, request.node.name)


def shell_in(environ: dict[str, str], folder: Path, name: str) -> Shell:
    """A folder, and a project called like this as far as projects may be."""
    project = "".join(letter if letter.isalnum() else "-" for letter in name.lower())[:63].rstrip("-")
    return Shell(folder, {**environ, "LATEWOOD_PROJECT": project})
