"""What a plugin implements. Nothing has to be inherited: an object with these attributes is one."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, ParamSpec, Protocol, TypeVar, runtime_checkable

from latewood.model.happenings import (
    ColumnTold,
    DatasetMade,
    DatasetRead,
    DatasetSeen,
    Happening,
    RunHappened,
    RunTold,
    StepHappened,
    Turn,
)
from latewood.model.jobs import (
    Absent,
    Elsewhere,
    Finding,
    Found,
    Job,
    JobInput,
    JobLogs,
    JobOutput,
    JobState,
    JobStatus,
    RunsOn,
    UnknownUntil,
)
from latewood.promises import undecorated

__all__ = [
    "Absent",
    "Codec",
    "ColumnTold",
    "Connector",
    "DatasetMade",
    "DatasetRead",
    "DatasetSeen",
    "Elsewhere",
    "Finding",
    "Found",
    "Happening",
    "HasContent",
    "HasMetadata",
    "Job",
    "JobInput",
    "JobLogs",
    "JobOutput",
    "JobState",
    "JobStatus",
    "Listener",
    "PermanentError",
    "PollsMany",
    "Reads",
    "RunHappened",
    "RunTold",
    "RunsOn",
    "StepHappened",
    "TransientError",
    "Turn",
    "UnknownUntil",
    "runs_on",
    "what_runs",
]


@runtime_checkable
class Codec(Protocol):
    """Stores the values of some classes; `Annotated[Forecast, ForecastCodec()]`, or found as an entry point.

    A value that does not come back as it was is refused when it is written. To tell, its attributes and what it
    encodes to a second time are compared, or `==` where its class defines that, or `content` where there is one.

    name      a word; it leads the artifact's extension and the data version
    version   of the format: one more whenever what `encode` writes changes
    """

    name: str
    version: int

    def handles(self, cls: type, /) -> bool:
        """Whether values of this class are stored by this codec."""

    def encode(self, value: Any, folder: Path, /) -> bytes | Path:
        """The value as bytes, or as a file or folder made in the empty `folder`. What it raises refuses the value."""

    def decode(self, path: Path, version: int, /) -> Any:
        """The value in a read-only file or folder, as `encode` of that format version wrote it."""


@runtime_checkable
class HasContent(Protocol):
    """A codec that says what counts; without, the data version is of the bytes that were encoded."""

    def content(self, value: Any, /) -> Any:
        """Plain data (numbers, text, bytes, lists, dicts) that is equal exactly for values that are."""


@runtime_checkable
class HasMetadata(Protocol):
    """A codec that has facts to record with each version."""

    def metadata(self, value: Any, /) -> Mapping[str, Any]:
        """What is worth knowing of the value."""


# ── connectors ────────────────────────────────────────────────────────────────────────────────────────


class TransientError(Exception):
    """The system could not be asked, or not now: no connection, an error of its own, a quota. It is asked again."""


class PermanentError(Exception):
    """The system refuses, and will do so again: no such table, no permission. `link` is a page about it."""

    def __init__(self, message: str, *, link: str = "") -> None:
        super().__init__(message)
        self.link = link


@runtime_checkable
class Connector(Protocol):
    """Runs jobs in another system. The engine keeps count; a connector remembers nothing and decides nothing.

    It is an object of which any number of threads call these methods. Each asks the system once and returns, or raises
    TransientError or PermanentError; anything else is a fault of the connector, and fails the step. None waits for a
    job. Announced as an entry point of the group `latewood.connectors`: a function that takes the table
    `[connectors.NAME]` of the project's file as keyword arguments, and returns one.
    """

    def submit(self, job: Job, /) -> str:
        """Have the job run, findable by its key from now on; its handle, a text by which the others know it.

        The key was recorded before. Where this raises TransientError it is looked for before it is submitted again, so
        it need not be known whether the system has taken it.
        """

    def find(self, key: str, since: datetime, /) -> Finding:
        """Whether a job with that key was submitted, however it ended. If it was, that was not after `since`.

        `Absent` has it submitted. Where the system shows a job only a while after it was taken, say `UnknownUntil` so
        long after `since`.
        """

    def poll(self, handle: str, /) -> JobStatus:
        """How it is. PermanentError: the system does not know it any more, which fails the step."""

    def logs(self, handle: str, cursor: str, /) -> JobLogs:
        """What it has printed since the cursor, which is empty at first; the same cursor again gives the same."""

    def cancel(self, handle: str, /) -> None:
        """Have it ended, in a while: it is polled until it is over. Nothing where it is."""


@runtime_checkable
class PollsMany(Protocol):
    """A connector whose system tells of many jobs at once: then one is asked for all that are due."""

    def poll_many(self, handles: Sequence[str], /) -> Mapping[str, JobStatus | PermanentError]:
        """As `poll`, by handle, of up to 500."""


@runtime_checkable
class Reads(Protocol):
    """A connector that brings what its jobs have left in their system to whoever reads that here.

    Without, such outputs can be read by jobs of the same connector alone, and none is reused: nobody can tell if
    it is there still. What was made stays fresh where it is head, and is made again by who else wants the like.
    """

    def fingerprint(self, address: str, /) -> str:
        """What lies at the address now, as `Elsewhere` said it; empty for nothing. It should be cheap."""

    def fetch(self, address: str, path: Path, /) -> None:
        """Write all of it to the file, as Parquet. PermanentError: there is nothing, or nothing that can be brought."""


P = ParamSpec("P")
R = TypeVar("R")

_RUNS_ON: Final = "__latewood_runs_on__"


def runs_on(
    connector: str, /, *, options: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have what the decorated function says done by a connector; under `@asset`, `@task` or a group's `asset`.

    The signature says what the job reads and makes, as it does of any task; the body is for the connector to use, or
    `...`. `options` say what the job is, a query for instance, and are part of the code version; `settings` say how it
    is run. Both are JSON, and stand in the log: no place for secrets.
    """
    found = RunsOn(connector=connector, options=dict(options or {}), settings=dict(settings or {}))

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        setattr(undecorated(function, "runs_on", goes_below=True), _RUNS_ON, found)
        return function

    return decorated


def what_runs(function: object) -> RunsOn | None:
    """Which connector does what the function says, if one does."""
    found = getattr(function, _RUNS_ON, None)
    return found if isinstance(found, RunsOn) else None


# ── listeners ─────────────────────────────────────────────────────────────────────────────────────────


@runtime_checkable
class Listener(Protocol):
    """Tells another system what has happened. Announced as an entry point of the group `latewood.listeners`.

    That is a function of where to tell it, of a `namespace` in place of the project's name, and of an `api_key`, both
    empty by default, which returns a listener or raises ValueError.
    """

    def tell(self, happenings: Sequence[Happening], /) -> Sequence[str]:
        """Tell these, in their order; what was refused and will be again, and why, a line each.

        When it returns they are told for good. Raises TransientError where the system cannot be reached, or not now:
        then all of them are told again, as they are after a crash. So what is told must say which it is.
        """
