"""Following the log as it grows. LISTEN is a hint, polling is the truth."""

import select
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Final

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812 - the driver names its class so

from latewood_eventlog.log import READ_LIMIT, EventLog
from latewood_eventlog.records import Position, RecordedEvent

_CHANNEL: Final = "latewood_log"


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
    or when the hint is lost, within `poll_s` seconds. Raises DatabaseUnreachable: go on from the last position.
    """
    listener = _listen(dsn) if dsn else None
    try:
        while not stop.is_set():
            events = log.read_all(after=after, project=project, limit=READ_LIMIT)
            yield from events
            if events:
                after = events[-1].position
            if len(events) < READ_LIMIT:
                _wait(listener, stop, poll_s)
    finally:
        if listener is not None:
            listener.close()


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
        while not self._stop.is_set():
            try:
                with closing(_connect(self._dsn)) as connection, connection.cursor() as cursor:
                    while not self._stop.is_set():
                        self._grown.wait()
                        self._grown.clear()
                        cursor.execute(f"NOTIFY {_CHANNEL}")
                        self._stop.wait(self._every_s)
            except psycopg2.Error:
                self._stop.wait(1.0)  # the server is away; listeners poll meanwhile


def _connect(dsn: str) -> PsycopgConnection:
    connection: PsycopgConnection = psycopg2.connect(dsn)
    connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    return connection


def _listen(dsn: str) -> PsycopgConnection | None:
    try:
        connection = _connect(dsn)
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {_CHANNEL}")
    except psycopg2.Error:
        return None  # a hint less; polling goes on
    return connection


def _wait(listener: PsycopgConnection | None, stop: threading.Event, poll_s: float) -> None:
    if listener is None or listener.closed:
        stop.wait(poll_s)
        return
    readable, _, _ = select.select([listener], [], [], poll_s)
    if readable:
        try:
            listener.poll()
            listener.notifies.clear()
        except psycopg2.Error:
            listener.close()
