"""The log as one run writes to it: patient while the database is away, and closed for good by the first refusal."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar, cast

from latewood.engine.running.reports import DatabaseAway, DatabaseBack, Notice
from latewood.engine.storage.store import ArtifactStore, Staged
from latewood_eventlog.errors import DatabaseUnreachable
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Batch, Outcome

PATIENCE: Final = timedelta(seconds=30)
"""How long a run waits for a database that went away: a restart takes seconds."""

_FIRST_WAIT_S: Final = 0.05
_WAIT_MAX_S: Final = 1.0
_MOMENT_S: Final = 1.0  # of silence; a failover that nobody notices need not be told

T = TypeVar("T")


class Absences:
    """Tells when the database is away for longer than a moment, and when it is back: once, whoever waits for it."""

    def __init__(self, tell: Callable[[Notice], None] = lambda _: None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._waiting = 0
        self._since = 0.0
        self._timer = threading.Timer(0, lambda: None)
        self._is_told = False

    @contextmanager
    def during(self, reason: DatabaseUnreachable, patience: timedelta) -> Iterator[None]:
        """While somebody waits, from the first failure to reach the database on; the end of patience is no return."""
        with self._lock:
            self._waiting += 1
            if self._waiting == 1:
                self._since = time.monotonic()
                notice = DatabaseAway(reason=str(reason), patience=patience)
                self._timer = threading.Timer(_MOMENT_S, self._away, (notice,))
                self._timer.daemon = True
                self._timer.start()
        came_back = False
        try:
            yield
            came_back = True
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self._timer.cancel()
                    was_told, self._is_told = self._is_told, False
                    if was_told and came_back:
                        self._tell(DatabaseBack(after=timedelta(seconds=time.monotonic() - self._since)))

    def _away(self, notice: DatabaseAway) -> None:
        with self._lock:  # it may have come back while this one waited for the lock
            if self._waiting and not self._is_told:
                self._is_told = True
                self._tell(notice)


UNTOLD: Final = Absences()
"""Nobody wants to know."""


def patiently(act: Callable[[], T], patience: timedelta = PATIENCE, absences: Absences = UNTOLD) -> T:
    """What `act` returns; tried again for as long as `patience` while it finds no database.

    `act` must be safe to repeat, as reads and appends are. Raises DatabaseUnreachable when patience has run out.
    """
    try:
        return act()
    except DatabaseUnreachable as error:
        import tenacity  # noqa: PLC0415 - start-up: 20 ms that hardly any run needs

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(DatabaseUnreachable),
            wait=tenacity.wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_WAIT_MAX_S),
            stop=tenacity.stop_after_delay(patience),
            reraise=True,
        )
        with absences.during(error, patience):
            return retrying(act)


class RunLog(EventLog):
    """Where one run's facts go, each of which builds on those before it.

    What follows a refusal, or an artifact that could not be made durable, is refused with the same error: it may
    speak of what was never recorded. For the group commit of one run; not for several threads.
    """

    def __init__(
        self, log: EventLog, store: ArtifactStore, patience: timedelta = PATIENCE, absences: Absences = UNTOLD
    ) -> None:
        super().__init__(log.engine, log.projections, log.upcasters)
        self._log = log
        self._store = store
        self._patience = patience
        self._absences = absences
        self._refused: Exception | None = None

    def make_durable(self, artifacts: Sequence[object]) -> None:
        """Commit what facts speak of, before they are appended. Raises StoreError, or why the run was refused."""
        if self._refused is not None:
            raise self._refused
        try:
            self._store.commit(cast("Sequence[Staged]", artifacts))
        except Exception as error:
            self._refused = error
            raise

    def append_many(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Record the batches in one commit, once the database can be reached; what became of each.

        Raises DatabaseUnreachable when it could not be for the whole patience.
        """
        if self._refused is not None:
            return [self._refused for _ in batches]
        try:
            outcomes = patiently(lambda: self._log.append_many(batches), self._patience, self._absences)
        except Exception as error:
            self._refused = error
            raise
        self._refused = next((outcome for outcome in outcomes if isinstance(outcome, Exception)), None)
        return outcomes


class EngineLog(EventLog):
    """Where an engine's facts go, of many runs: patient while the database is away.

    A refusal is that run's alone, whose later facts the log refuses for not standing where they should. `measured`
    hears how many seconds each commit took, and how many events it had.
    """

    def __init__(
        self,
        log: EventLog,
        store: ArtifactStore,
        patience: timedelta,
        absences: Absences = UNTOLD,
        measured: Callable[[float, int], None] = lambda _seconds, _events: None,
    ) -> None:
        super().__init__(log.engine, log.projections, log.upcasters)
        self._log = log
        self._store = store
        self._patience = patience
        self._absences = absences
        self._measured = measured

    def make_durable(self, artifacts: Sequence[object]) -> None:
        """Commit what facts speak of, before they are appended. Raises StoreError."""
        self._store.commit(cast("Sequence[Staged]", artifacts))

    def append_many(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Record the batches in one commit, once the database can be reached; what became of each."""
        return patiently(lambda: self._measuring(batches), self._patience, self._absences)

    def _measuring(self, batches: Sequence[Batch]) -> list[Outcome]:
        begun = time.perf_counter()
        outcomes = self._log.append_many(batches)
        self._measured(time.perf_counter() - begun, sum(batch.size for batch in batches))
        return outcomes
