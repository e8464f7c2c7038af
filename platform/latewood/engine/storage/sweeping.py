"""Removing from the artifact store: who may, and what lies in it.

Whoever makes or takes artifacts has the store *in use* until that is recorded; who removes has it *alone*. It is a lock
on a file, which the system gives back when a process dies and keeps while one is stopped: no clock decides.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from latewood.decide.garbage import Stored
from latewood.engine.storage.store import WAY_OUT, ArtifactStore
from latewood.errors import StoreError, UsageError

_LOCK: Final = "lock"
_STAGED: Final = "staged"
_JOBS: Final = "jobs"
_FOLDERS: Final = (_STAGED, _JOBS)
"""Of what has no address, which is named with its folder: what is not committed yet, and what runs' jobs have left."""


@contextmanager
def in_use(store: ArtifactStore) -> Iterator[None]:
    """Nothing is removed meanwhile; waits while somebody is removing. Any number may use a store at once."""
    with locked(store.directory / _LOCK, fcntl.LOCK_SH):
        yield


@contextmanager
def alone(store: ArtifactStore) -> Iterator[None]:
    """Nobody makes or takes artifacts meanwhile. Raises UsageError where somebody does."""
    try:
        with locked(store.directory / _LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield
    except BlockingIOError:
        raise UsageError(
            "the artifact store is in use, and what a run needs is not known before it ends; "
            "nothing was removed. Try again when no run is going on, or look with --dry-run"
        ) from None


def stored(store: ArtifactStore) -> Iterator[Stored]:
    """All files and folders of the store, in the order of their names; of jobs one for each run. Cost: a look at each.

    Runs may be going on: what is named, or gone, when it comes to be looked at is left out.
    """
    for folder in sorted(_entries(store.directory)):
        if folder.name not in _FOLDERS and not (
            len(folder.name) == 1 and folder.is_dir()
        ):  # the first digit of an address
            continue
        prefix = f"{folder.name}/" if folder.name in _FOLDERS else ""
        for path in sorted(_entries(folder)):
            with suppress(FileNotFoundError):
                yield stored_at(path, prefix + path.name)


def remove(store: ArtifactStore, file: Stored) -> None:
    """Remove a file or folder; done already is fine. A folder that is half removed has no address any more.

    Only while the store is had alone. Raises StoreError.
    """
    path = store.directory / (file.name if "/" in file.name else f"{file.name[:1]}/{file.name}")
    try:
        if path.is_dir():
            doomed = store.directory / _STAGED / path.name
            doomed.parent.mkdir(exist_ok=True)
            path.rename(doomed)
            shutil.rmtree(doomed)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot("remove", path, error) from error


@contextmanager
def locked(path: Path, kind: int) -> Iterator[None]:
    """The lock on that file, until the block ends. Raises BlockingIOError where it is not to be waited for."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # To be read: whoever may read the store may say that it is in use, whoever made the file.
        file = os.open(path, os.O_RDONLY | os.O_CREAT, 0o666)
    except OSError as error:
        raise _cannot("open", path, error) from error
    try:
        fcntl.flock(file, kind)
        yield
    finally:
        os.close(file)


def run_of(file: Stored) -> str:
    """The run whose jobs have left that; empty for what is something else."""
    folder, _, name = file.name.rpartition("/")
    return name if folder == _JOBS else ""


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def stored_at(path: Path, name: str) -> Stored:
    """A file or folder under that name, with what it takes."""
    status = path.stat()
    files = [entry for entry in path.rglob("*") if entry.is_file()] if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if not file.is_symlink())
    return Stored(name=name, bytes=size, written_at=datetime.fromtimestamp(status.st_mtime, UTC))


def _cannot(act: str, path: Path, error: OSError) -> StoreError:
    return StoreError(act, str(path), error.strerror or str(error), WAY_OUT)
