"""Following the log as it grows. LISTEN is a hint, polling is the truth."""

import selectors
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from types import TracebackType
from typing import Final, Self

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812 - the driver names its class so
from psycopg2.extensions import cursor as PsycopgCursor  # noqa: N812 - the same
from sqlalchemy import Engine

from latewood_eventlog.errors import DatabaseUnreachable
from latewood_eventlog.log import READ_LIMIT, EventLog
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.statements import ANNOUNCE, CHANNEL

_RETRY_S: Final = 1.0


def tail(
    log: EventLog,
    *,
    after: Position,
    stop: threading.Event,
    dsn: str | None = None,
    project: str | None = None,
    poll_s: float = 0.5,
) -> Iterator[RecordedEvent]:
    """Every event after `after`, in order, each once, until `stop` is set; waits for new ones.

    With a `dsn` it listens for hints and then sees an event within milliseconds of its announcement; without,
    or when the hint is lost, within `poll_s` seconds. Raises DatabaseUnreachable, which ends it: go on with a new
    one after the last event's position.
    """
    with _Listener(dsn) as listener:
        while not stop.is_set():
            # All up to here is committed, and so in the page if it is the project's: a quiet project in a busy log
            # does not read the others' events again and again.
            end = after if project is None else log.position()
            events = log.read_all(after=after, project=project, limit=READ_LIMIT)
            yield from events
            if len(events) == READ_LIMIT:
                after = events[-1].position
            else:
                after = max(after, end, *(event.position for event in events[-1:]))
                listener.wait(stop, poll_s)


def hints(dsn: str | None, *, stop: threading.Event, poll_s: float = 1.0) -> Iterator[None]:
    """Whenever something may be new, until `stop` is set: on a hint within milliseconds, else every `poll_s`."""
    with _Listener(dsn) as listener:
        while not stop.is_set():
            yield
            listener.wait(stop, poll_s)


def announce(engine: Engine) -> None:
    """Tell listeners, once, that the log has grown. A hint that cannot be given is none: they poll as well."""
    with suppress(DatabaseUnreachable), engine.begin() as connection:
        connection.execute(ANNOUNCE)


class Announcer:
    """Tells listeners that the log has grown: off the write path, on its own connection, at most every `every_s`.

    Losing an announcement, or the connection, loses nothing: listeners poll as well.
    """

    def __init__(self, dsn: str, *, every_s: float = 0.01) -> None:
        self._dsn = dsn
        self._every_s = every_s
        self._grown = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="latewood-announcer", daemon=True)
        self._thread.start()

    def announce(self) -> None:
        """The log has grown."""
        self._grown.set()

    def close(self) -> None:
        """Announce what is left, then end."""
        self._stop.set()
        self._grown.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            try:
                with closing(_connect(self._dsn)) as connection, connection.cursor() as cursor:
                    return self._announce(cursor)
            except psycopg2.Error:
                if self._stop.is_set():
                    return None
                self._grown.set()  # what was to be announced was not
                self._stop.wait(_RETRY_S)  # the server is away; listeners poll meanwhile

    def _announce(self, cursor: PsycopgCursor) -> None:
        last = False
        while not last:
            self._grown.wait()
            self._grown.clear()
            last = self._stop.is_set()  # after the clear, or `close` in between would never be noticed
            cursor.execute(f"NOTIFY {CHANNEL}")
            self._stop.wait(self._every_s)


class _Listener:
    """Waits for hints; without a `dsn`, and while its connection is lost, for time to pass."""

    def __init__(self, dsn: str | None) -> None:
        self._dsn = dsn
        self._connection = self._listen()

    def wait(self, stop: threading.Event, timeout_s: float) -> None:
        """Return on a hint, or when the time is over."""
        if self._connection is None:
            stop.wait(timeout_s)
            self._connection = self._listen()
            return
        try:
            with selectors.DefaultSelector() as selector:  # select() itself fails in a process with 1,024 files open
                selector.register(self._connection, selectors.EVENT_READ)
                selector.select(timeout_s)
            self._connection.poll()
            self._connection.notifies.clear()
        except psycopg2.Error:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()

    def _listen(self) -> PsycopgConnection | None:
        if self._dsn is None:
            return None
        try:
            connection = _connect(self._dsn)
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
        except psycopg2.Error:
            return None  # a hint less; polling goes on
        return connection


def _connect(dsn: str) -> PsycopgConnection:
    connection: PsycopgConnection = psycopg2.connect(dsn)
    connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    return connection
