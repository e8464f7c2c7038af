"""Virtual environments made from lock files: `<home>/venvs/<digest>/`, of the lock's content and the Python.

One is built in place, since its scripts name their folder, and is used only once its last file says that it is whole.
Who builds has a lock on a file, which the system gives back when it dies; the next one begins anew.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from latewood.engine.storage.caches import used
from latewood.errors import LatewoodError

_WHOLE: Final = "latewood-whole"
_LOCK_NAME: Final = "requirements.lock"
_IDENTITY: Final = "import platform, sys; print(sys.implementation.cache_tag, platform.python_version(), sys.platform)"
_SHOWN_MAX: Final = 2_000
"""Characters of what a command printed that failed: the end says why."""


class VenvFailed(LatewoodError):
    """A virtual environment cannot be built from a lock file; names the command and what it said."""

    def __init__(self, command: Sequence[str], said: str) -> None:
        super().__init__(
            f"the virtual environment of a lock file cannot be built: {' '.join(command)}\n{said[-_SHOWN_MAX:].strip()}"
        )
        self.command = tuple(command)
        self.said = said


def venv_python(lock: bytes, python: str, home: Path, environ: Mapping[str, str]) -> str:
    """The interpreter of the environment that has exactly what the lock file says; built if it is not there yet.

    Cost: a look, or as long as pip takes. Raises VenvFailed; then nothing of it is ever used.
    """
    environ = {name: value for name, value in environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    identity = _run([python, "-I", "-c", _IDENTITY], environ)
    digest = sha256(sha256(lock).digest() + identity.encode()).hexdigest()[:32]
    folder = home / "venvs" / digest
    used(folder)
    if not (folder / _WHOLE).exists():
        try:
            with _building(folder):
                if not (folder / _WHOLE).exists():
                    _build(folder, lock, python, environ)
        except OSError as error:
            raise VenvFailed([str(error.filename or folder)], error.strerror or str(error)) from error
    return str(folder / "bin" / "python")


def _build(folder: Path, lock: bytes, python: str, environ: Mapping[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what was left half-built
    _run([python, "-m", "venv", str(folder)], environ)
    (folder / _LOCK_NAME).write_bytes(lock)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "-r", str(folder / _LOCK_NAME)], environ)
    os.sync()  # whole is what survives a loss of power, too
    (folder / _WHOLE).touch()


def _run(command: Sequence[str], environ: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the project names
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as error:
        raise VenvFailed(command, error.strerror or str(error)) from error
    if done.returncode:
        raise VenvFailed(command, done.stdout)
    return done.stdout


@contextmanager
def _building(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
