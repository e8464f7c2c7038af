"""Connectors as they are asked: found as entry points, connected to once, and patient with what passes.

The one place where a connector's methods are called, and where its failures become values.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, NamedTuple

from latewood.engine.loading.problems import Problems
from latewood.engine.loading.project_file import ProjectFile
from latewood.engine.storage.file_hash import path_version
from latewood.engine.values.recordable import message_of, recordable_metadata, text
from latewood.engine.values.redaction import redacted
from latewood.errors import DefinitionsInvalid, LatewoodError, UsageError
from latewood.model.jobs import Absent, Found, Job, JobLogs, JobState, JobStatus, UnknownUntil
from latewood.plugin import Connector, Elsewhere, PermanentError, PollsMany, Reads, TransientError
from latewood.secrets import Secret

GROUP: Final = "latewood.connectors"

HANDLE_MAX: Final = 4_096
"""Bytes of a handle, which is part of an event."""

_TRIES: Final = 3
_WAIT_S: Final = 0.1
_WAIT_MAX_S: Final = 1.0


class ToSubmit(NamedTuple):
    """Have the job run. Answered with its handle."""

    job: Job


class ToFind(NamedTuple):
    """Whether there is a job of this key, submitted not after `since`. Answered with a Finding."""

    key: str
    since: datetime


class ToPoll(NamedTuple):
    """How a job is. Answered with a JobStatus."""

    handle: str


class ToRead(NamedTuple):
    """What it has printed since. Answered with JobLogs."""

    handle: str
    cursor: str


class ToCancel(NamedTuple):
    """Have it ended. Answered with nothing."""

    handle: str


class ToSee(NamedTuple):
    """What lies at an address. Answered with its fingerprint, empty for nothing; None where nobody can look."""

    address: str


class ToFetch(NamedTuple):
    """Write what lies at the address, and has this fingerprint, to the file. Answered with the hash of that."""

    address: str
    fingerprint: str
    path: str


JobAct = ToSubmit | ToFind | ToPoll | ToRead | ToCancel | ToSee | ToFetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Why a connector has not done what it was asked for: it may another time, or never will."""

    passes: bool
    error: str
    message: str
    link: str = ""


class Connections:
    """The connectors of projects and environments, each connected to when it is first asked. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Path, str, str], Connector | Unanswered] = {}

    def ask(self, root: Path, environment: str, name: str, act: JobAct) -> Any:
        """What it returns, or Unanswered. It is tried a few times, within seconds, unless it is to submit."""
        connector = self._connector(root, environment, name)
        if isinstance(connector, Unanswered):
            return connector
        return _asked(lambda: _done(connector, act), 1 if isinstance(act, ToSubmit) else _TRIES)

    def polls_many(self, root: Path, environment: str, name: str) -> bool:
        """Whether it is asked of many jobs at once."""
        return isinstance(self._connector(root, environment, name), PollsMany)

    def poll_many(
        self, root: Path, environment: str, name: str, handles: Sequence[str]
    ) -> Mapping[str, JobStatus | Unanswered]:
        """How these jobs are, of one that polls many."""
        connector = self._connector(root, environment, name)
        if isinstance(connector, Unanswered):
            return dict.fromkeys(handles, connector)
        assert isinstance(connector, PollsMany), "that was asked"
        found = _asked(lambda: connector.poll_many(handles), _TRIES)
        if isinstance(found, Unanswered):
            return dict.fromkeys(handles, found)
        return {handle: _told(found.get(handle)) for handle in handles}

    def _connector(self, root: Path, environment: str, name: str) -> Connector | Unanswered:
        slot = root, environment, name
        with self._lock:
            if slot not in self._known:
                found = _asked(lambda: connected(root, environment, name), 1)
                if isinstance(found, Unanswered):
                    return found  # what is wrong with the file, or the installation, may be mended meanwhile
                self._known[slot] = found
            return self._known[slot]


def connected(root: Path, environment: str, name: str) -> Connector:
    """The connector of that name, as the project's file configures it. Raises UsageError, and whatever it raises."""
    settings = settings_of(root, environment, name)
    said = settings.pop("factory", None)
    point = _announced().get(name) if said is None else EntryPoint(name, str(said), GROUP)
    if point is None:
        known = ", ".join(sorted(_announced())) or "none"
        raise UsageError(
            f'connector "{name}" is not installed where the engine runs; there is {known}. '
            f'One that no package announces is named by [connectors.{name}] factory = "MODULE:FUNCTION"'
        )
    found = point.load()(**settings)
    if not isinstance(found, Connector):
        raise UsageError(f'connector "{name}": expected {point.value} to return a connector, found {found!r}')
    return found


def settings_of(root: Path, environment: str, name: str) -> dict[str, Any]:
    """What `[connectors.NAME]` says, and field by field in place of it what the environment does; secrets revealed.

    Raises DefinitionsInvalid, SecretUnavailable.
    """
    problems = Problems(root)
    file = ProjectFile(root, problems)
    tables = [file.table("connectors", name), file.table("environments", environment, "connectors", name)]
    if problems.found:
        raise DefinitionsInvalid(tuple(problems.found))
    return {field: _revealed(value, root) for table in tables for field, value in table.items()}


def _revealed(value: Any, root: Path) -> Any:
    match value:
        case {"env": str(name), **rest} if not rest:
            return Secret(env=name, root=root).reveal()
        case {"file": str(path), **rest} if not rest:
            return Secret(file=path, root=root).reveal()
    return value


def _done(connector: Connector, act: JobAct) -> Any:
    match act:
        case ToSubmit(job=job):
            handle = _held_to(str, connector.submit(job), "submit")
            if not 0 < len(handle.encode()) <= HANDLE_MAX:
                raise TypeError(
                    f"submit: expected a handle of 1 to {HANDLE_MAX:,} bytes, found {len(handle.encode()):,}"
                )
            return handle
        case ToFind(key=key, since=since):
            return _held_to((Found, Absent, UnknownUntil), connector.find(key, since), "find")
        case ToPoll(handle=handle):
            return _sound(connector.poll(handle))
        case ToRead(handle=handle, cursor=cursor):
            logs: JobLogs = _held_to(JobLogs, connector.logs(handle, cursor), "logs")
            return replace(logs, text=str(logs.text), cursor=str(logs.cursor))
        case ToCancel(handle=handle):
            return connector.cancel(handle)
        case ToSee(address=address):
            return _seen(connector, address) if isinstance(connector, Reads) else None
        case ToFetch(address=address, fingerprint=fingerprint, path=path):
            return _fetched(connector, address, fingerprint, Path(path))


def _fetched(connector: Connector, address: str, fingerprint: str, path: Path) -> str:
    """The hash of the file that it wrote. It is seen afterwards whether that was what it was to be."""
    if not isinstance(connector, Reads):
        raise PermanentError("its connector brings nothing here; a job of the same connector can read it")
    path.parent.mkdir(parents=True, exist_ok=True)
    there = _seen(connector, address)
    if there == fingerprint:
        connector.fetch(address, path)
        there = _seen(connector, address)
    if there != fingerprint:
        what = "another content than was recorded" if there else "nothing there any more"
        raise PermanentError(f"there is {what}. Materialize it again with --force: plans do not look there")
    return path_version(path)


def _seen(connector: Reads, address: str) -> str:
    found: str = _held_to(str, connector.fingerprint(address), "fingerprint")
    return found


def _held_to(expected: Any, found: Any, method: str) -> Any:
    """What a method returned, which nobody has checked: what it must not be would be taken for another answer."""
    if not isinstance(found, expected):
        raise TypeError(f"{method}: expected {getattr(expected, '__name__', 'a finding')}, found {found!r}")
    return found


def _sound(found: Any) -> JobStatus:
    """The status with nothing in it that could not be told."""
    status: JobStatus = _held_to(JobStatus, found, "poll")
    share = status.progress
    return replace(
        status,
        state=JobState(status.state),
        message=text(str(status.message or "")),
        progress=None if share is None else min(max(float(share), 0.0), 1.0),
        metrics=recordable_metadata(dict(status.metrics), subject="a job"),
        links={str(name): text(str(link)) for name, link in status.links.items()},
        values=dict(status.values),
        elsewhere={name: _whole(found) for name, found in status.elsewhere.items()},
    )


def _whole(found: Any) -> Elsewhere:
    """An output that stays where it is, as plain data: it is told to a worker."""
    said: Elsewhere = _held_to(Elsewhere, found, "poll")
    return replace(
        said,
        address=str(said.address),
        data_version=str(said.data_version),
        fingerprint=str(said.fingerprint or said.data_version),
        columns={str(name): str(type_) for name, type_ in said.columns.items()},
        rows=None if said.rows is None else int(said.rows),
        bytes=None if said.bytes is None else int(said.bytes),
        metadata=recordable_metadata(dict(said.metadata), subject="what a job left in its system"),
    )


def _asked(act: Callable[[], Any], tries: int) -> Any:
    """What it returns, or Unanswered. Nearly always the first try is the last: to count others costs more than it."""
    try:
        return act()
    except TransientError as error:
        return _asked_again(act, tries, error) if tries > 1 else unanswered(error)
    except Exception as error:  # noqa: BLE001 - a plugin is somebody else's code: anything may be raised
        return unanswered(error)


def _asked_again(act: Callable[[], Any], tries: int, first: TransientError) -> Any:
    """The same where the `first` of the tries has failed so."""
    import tenacity  # noqa: PLC0415 - start-up: 20 ms that most processes do not need

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        wait=tenacity.wait_random_exponential(multiplier=_WAIT_S, max=_WAIT_MAX_S),
        stop=tenacity.stop_after_attempt(tries),
        reraise=True,
    )
    failed = [first]

    def go_on() -> Any:
        if failed:
            raise failed.pop()
        return act()

    try:
        return retrying(go_on)
    except Exception as error:  # noqa: BLE001 - as above
        return unanswered(error)


def unanswered(error: Exception) -> Unanswered:
    """The failure as a value, without secrets."""
    own = (TransientError, PermanentError, LatewoodError)
    said = message_of(error)
    return Unanswered(
        passes=isinstance(error, TransientError),
        error=type(error).__name__,
        message=text(redacted(said if isinstance(error, own) else f"{type(error).__name__}: {said}")),
        link=redacted(error.link) if isinstance(error, PermanentError) else "",
    )


def _told(status: JobStatus | PermanentError | None) -> JobStatus | Unanswered:
    if status is None:
        return unanswered(PermanentError("the system does not know the job"))
    if isinstance(status, PermanentError):
        return unanswered(status)
    found: JobStatus | Unanswered = _asked(lambda: _sound(status), 1)
    return found


@cache
def _announced() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
