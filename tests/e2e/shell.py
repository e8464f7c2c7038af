"""The command line as users have it: in a folder, with an environment of its own."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib import invalidate_caches
from pathlib import Path
from types import SimpleNamespace

from forks import Forked, forks

from latewood.cli.app import run
from modules import own_modules

LATEWOOD = Path(sys.executable).parent / "latewood"
_LONGEST_S = 300.0


@dataclass(frozen=True)
class Shell:
    """A folder and an environment in which commands are run."""

    folder: Path
    environ: dict[str, str]

    def write(self, name: str, text: str) -> None:
        """A file in the folder."""
        (self.folder / name).write_text(text)

    def start(self, *arguments: str, script: Path | None = None, **changed: str) -> Forked:
        """`latewood ARGUMENTS` that goes on meanwhile, a fork of a process that has imported Latewood; or a script."""
        return forks().piped(arguments, self.folder, {**self.environ, **changed}, script=script)

    def start_afresh(self, *arguments: str, **changed: str) -> "subprocess.Popen[str]":
        """The same as users start it: for what depends on how Python starts, which costs most of a second."""
        return subprocess.Popen(
            [LATEWOOD, *arguments],
            cwd=self.folder,
            env={**self.environ, **changed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def afresh(self, *arguments: str, **changed: str) -> SimpleNamespace:
        """What that prints, and the code it ends with."""
        process = self.start_afresh(*arguments, **changed)
        out, err = process.communicate(timeout=120)
        return SimpleNamespace(out=out, err=err, code=process.returncode)

    def run(self, *arguments: str, **changed: str) -> SimpleNamespace:
        """The same by a process that is a fork of one which has imported Latewood."""
        return forks().run(arguments, self.folder, {**self.environ, **changed})

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What `latewood ARGUMENTS` prints, when it must end with this code."""
        done = self.here(*arguments)
        assert done.code == code, f"latewood {' '.join(arguments)}: {done.code}\n{done.out}{done.err}"
        return done.out

    def here(self, *arguments: str, **changed: str) -> SimpleNamespace:
        """The same within this process, for what does not depend on having one: cheapest by far.

        One that never ends hears Ctrl-C: what it waits for will not come to be.
        """
        out, err = io.StringIO(), io.StringIO()
        ending = threading.Timer(_LONGEST_S, os.kill, (os.getpid(), signal.SIGINT))
        ending.daemon = True
        ending.start()
        before = dict(os.environ)
        os.environ.update({**self.environ, **changed})
        invalidate_caches()
        try:
            with (
                own_modules(),
                contextlib.chdir(self.folder),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                code = run(arguments)
        finally:
            ending.cancel()
            os.environ.clear()
            os.environ.update(before)
        return SimpleNamespace(out=out.getvalue(), err=err.getvalue(), code=code)


def shell_in(environ: dict[str, str], folder: Path, name: str) -> Shell:
    """A folder, and a project called like this as far as projects may be."""
    project = "".join(letter if letter.isalnum() else "-" for letter in name.lower())[:63].rstrip("-")
    return Shell(folder, {**environ, "LATEWOOD_PROJECT": project})
