"""What is told of a job while it goes on: how it is and what it prints, in files for who wants to see it.

They are gone once it has ended; what counts of them is in the event that says so.
"""

from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol

import msgspec

from latewood.engine.running.calls import Printed
from latewood.engine.running.live_logs import live_job, live_job_files, live_log
from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.redaction import redacted, redacted_json, settled
from latewood.model.jobs import JobState, JobStatus

_EVERY_S: Final = 2.0
"""How often it is told how far a job is."""


class LiveJob(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a job is, as it was last heard of. `unreachable` is why it could not be asked since."""

    connector: str
    handle: str
    state: JobState = JobState.QUEUED
    message: str = ""
    progress: float | None = None
    metrics: dict[str, Any] = {}
    links: dict[str, str] = {}
    unreachable: str = ""


_decode: Final = msgspec.json.Decoder(LiveJob).decode


def live_job_at(path: Path) -> LiveJob | None:
    """How the job is whose file that is; None where nobody has heard of one."""
    with suppress(OSError, msgspec.DecodeError):
        return _decode(path.read_bytes())
    return None


def live_jobs(store: ArtifactStore, run: str) -> list[tuple[int, LiveJob]]:
    """The jobs of a run that are under way, by step, in order."""
    found = ((int(path.stem.partition("-")[0]), live_job_at(path)) for path in live_job_files(store, run))
    return sorted(((step, job) for step, job in found if job is not None), key=lambda one: one[0])


class Known(Protocol):
    """A job, as it is known by now."""

    connector: str
    handle: str


class JobTold:
    """Tells of one attempt's job. A disk that takes no more fails no step."""

    def __init__(self, store: ArtifactStore, run: str, step: int, attempt: int, job: Known) -> None:
        self._job = job
        self._log = live_log(store, run, step, attempt)
        self._file = live_job(store, run, step, attempt)
        self._told: LiveJob | None = None
        self._told_at = -_EVERY_S
        self._printed = Printed(None)
        self._pending = ""
        self._has_begun = False

    @property
    def text(self) -> str:
        """All that it has printed, as far as it is kept."""
        return redacted(self._printed.getvalue())

    def status(self, status: JobStatus) -> None:
        """How it is now."""
        known, now = self._told, monotonic()
        is_same = known is not None and status.state is known.state and not known.unreachable
        if status.state.is_over or (is_same and now - self._told_at < _EVERY_S):
            return  # there may be thousands, and who looks does so with eyes
        found = LiveJob(
            connector=self._job.connector,
            handle=self._job.handle,
            state=status.state,
            message=redacted(status.message),
            progress=status.progress,
            metrics=redacted_json(dict(status.metrics)),
            links={name: redacted(link) for name, link in status.links.items()},
        )
        self._tell(found)

    def unreachable(self, why: str) -> None:
        """It cannot be asked."""
        known = self._told or LiveJob(connector=self._job.connector, handle=self._job.handle)
        self._tell(msgspec.structs.replace(known, unreachable=why))

    def printed(self, more: str) -> None:
        """It has printed this; nothing that may be the beginning of a secret is shown before the rest is there."""
        if not more:
            return
        self._printed.write(more)
        self._pending += more
        end = settled(self._pending)
        certain, self._pending = redacted(self._pending[:end]), self._pending[end:]
        with suppress(OSError):
            if not self._has_begun:
                self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("ab" if self._has_begun else "wb") as file:  # not kept open: there may be thousands
                file.write(certain.encode("utf-8", "backslashreplace"))
            self._has_begun = True

    def close(self) -> None:
        """Nothing more is told, and nobody needs it any more."""
        written = [(self._log, self._has_begun), (self._file, self._told is not None)]
        for path in [path for path, is_there in written if is_there]:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _tell(self, found: LiveJob) -> None:
        known, self._told_at = self._told, monotonic()
        if found == known:
            return
        self._told = found
        with suppress(OSError, TypeError):  # who reads it while it is written sees nothing, this once
            if known is None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_bytes(msgspec.json.encode(found))
