"""What a step prints and logs while it is called, in a file for who wants to see it; gone once the call has ended.

Where its process dies the file has its last words.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.redaction import redacted, settled

_READ_MAX: Final = 1 << 24
"""Bytes of the end that are read."""


def live_log(store: ArtifactStore, run: str, step: int, attempt: int) -> Path:
    """Where an attempt's output is while it goes on."""
    return Path(f"{_folder(store, run)}/{step}-{attempt}.log")  # joined as text: there may be thousands at once


def live_job(store: ArtifactStore, run: str, step: int, attempt: int) -> Path:
    """Where it stands how a job in another system is while it goes on."""
    return Path(f"{_folder(store, run)}/{step}-{attempt}.job")


def live_job_files(store: ArtifactStore, run: str) -> Iterator[Path]:
    """Where that stands of the run's jobs that are under way."""
    return Path(_folder(store, run)).glob("*.job")


def job_folder(store: ArtifactStore, run: str) -> Path:
    """Where jobs of the run write what they make; gone when the end of the run is durable."""
    return store.directory / "jobs" / run


def forget_jobs(store: ArtifactStore, run: str) -> None:
    """Remove what jobs of the run have left."""
    shutil.rmtree(job_folder(store, run), ignore_errors=True)


def printed_so_far(path: Path) -> str:
    """What was printed by now; nothing where there is no such attempt."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _READ_MAX))
        return file.read().decode("utf-8", "replace")
    return ""


def forget(store: ArtifactStore, run: str) -> None:
    """Remove what attempts of the run have left that nobody ended."""
    shutil.rmtree(_folder(store, run), ignore_errors=True)


@contextmanager
def kept_live(paths: Sequence[Path]) -> Iterator[Callable[[str], None] | None]:
    """What takes the output of one call for all of these; None of none. A disk that takes no more fails no step."""
    if not paths:
        yield None
        return
    log = _LiveLog(paths)
    try:
        yield log.write
    finally:
        log.close()


class _LiveLog:
    """Writes at once whatever cannot be the beginning of a secret. For any number of threads."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._pending = ""
        self._file: int | None = None
        with suppress(OSError):
            paths[0].parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(paths[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
            for other in paths[1:]:
                with suppress(FileExistsError):
                    other.hardlink_to(paths[0])

    def write(self, text: str) -> None:
        """More of it."""
        with self._lock:
            self._pending += text
            end = settled(self._pending)
            certain, self._pending = redacted(self._pending[:end]), self._pending[end:]
            if certain and self._file is not None:
                with suppress(OSError):
                    os.write(self._file, certain.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Remove the files."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                os.close(file)
            for path in self._paths:
                with suppress(OSError):
                    path.unlink(missing_ok=True)


def _folder(store: ArtifactStore, run: str) -> str:
    return f"{store.directory}/printed/{run}"
