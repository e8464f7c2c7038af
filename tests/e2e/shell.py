"""The command line as users have it: in a folder, with an environment of its own."""

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from forks import forks

from latewood.cli.app import run

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
        """`latewood ARGUMENTS` as users start it, with these changes to the environment."""
        return subprocess.Popen(
            [LATEWOOD, *arguments],
            cwd=self.folder,
            env={**self.environ, **changed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def afresh(self, *arguments: str, **changed: str) -> SimpleNamespace:
        """What that prints, and the code it ends with: for what depends on how Python starts."""
        process = self.start(*arguments, **changed)
        out, err = process.communicate(timeout=120)
        return SimpleNamespace(out=out, err=err, code=process.returncode)

    def run(self, *arguments: str, **changed: str) -> SimpleNamespace:
        """The same by a process that is a fork of one which has imported Latewood: half a second less."""
        return forks().run(arguments, self.folder, {**self.environ, **changed})

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What `latewood ARGUMENTS` prints, by a process of its own, when it must end with this code."""
        done = self.run(*arguments)
        assert done.code == code, f"latewood {' '.join(arguments)}: {done.code}\n{done.out}{done.err}"
        return done.out

    def here(self, *arguments: str, **changed: str) -> SimpleNamespace:
        """The same within this process, for what does not depend on having one."""
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


def shell_in(environ: dict[str, str], folder: Path, name: str) -> Shell:
    """A folder, and a project called like this as far as projects may be."""
    project = "".join(letter if letter.isalnum() else "-" for letter in name.lower())[:63].rstrip("-")
    return Shell(folder, {**environ, "LATEWOOD_PROJECT": project})
