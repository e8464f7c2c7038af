"""What lies below the home and can be made again: unpacked sources (`code/`), environments of lock files (`venvs/`).

Several projects, on several databases, may share a home, so nobody knows who will need a folder: what goes is what was
not used for long. Whoever uses any has all of them *in use*, as with the artifact store: a lock on a file, which the
system gives back when a process dies.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from latewood.decide.garbage import Stored
from latewood.engine.storage.sweeping import locked, stored_at
from latewood.errors import StoreError

_KINDS: Final = ("code", "venvs")
_LOCK: Final = "caches.lock"


@contextmanager
def caches_in_use(home: Path) -> Iterator[None]:
    """None of them is removed meanwhile; waits while somebody is removing."""
    with locked(home / _LOCK, fcntl.LOCK_SH):
        yield


def used(folder: Path) -> None:
    """Remember that it is needed today."""
    with suppress(OSError):  # it is another's, or was removed: then it is made again
        os.utime(folder)


def cached(home: Path) -> list[Stored]:
    """All of them, by name, such as `code/0f3a`; written at their last use. Cost: a look at each file."""
    found = []
    for kind in _KINDS:
        with suppress(FileNotFoundError):
            folders = sorted(path for path in (home / kind).iterdir() if path.is_dir())
            found += [stored_at(path, f"{kind}/{path.name}") for path in folders]
    return found


def remove_unused(home: Path, before: datetime) -> list[Stored] | None:
    """Remove those that were last used before then; what was removed, None while any is in use.

    One that is half removed has another name: it is never taken for a whole one, and goes the next time.
    Raises StoreError for what cannot be removed.
    """
    with suppress(BlockingIOError), locked(home / _LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB):
        unused = [folder for folder in cached(home) if folder.written_at < before]
        for folder in unused:
            _remove(home / folder.name)
        return unused
    return None


def _remove(folder: Path) -> None:
    doomed = folder if folder.name.startswith(".") else folder.with_name(f".{folder.name}")
    try:
        if doomed != folder:
            if doomed.exists():
                shutil.rmtree(doomed)
            folder.rename(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise StoreError(
            "remove",
            str(error.filename or folder),
            error.strerror or str(error),
            "Check whose it is, and LATEWOOD_HOME.",
        ) from error
