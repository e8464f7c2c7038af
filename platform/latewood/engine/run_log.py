"""The log as one run writes to it: patient while the database is away, and closed for good by the first refusal."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar, cast

from latewood.engine.store import ArtifactStore, Staged
from latewood_eventlog.errors import DatabaseUnreachable
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Batch, Outcome

PATIENCE: Final = timedelta(seconds=30)
"""How long a run waits for a database that went away: a restart takes seconds."""

_FIRST_WAIT_S: Final = 0.05
_WAIT_MAX_S: Final = 1.0

T = TypeVar("T")


def patiently(act: Callable[[], T], patience: timedelta = PATIENCE) -> T:
    """What `act` returns; tried again for as long as `patience` while it finds no database.

    `act` must be safe to repeat, as reads and appends are. Raises DatabaseUnreachable when patience has run out.
    """
    try:
        return act()
    except DatabaseUnreachable:
        import tenacity  # noqa: PLC0415 - start-up: 20 ms that hardly any run needs

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(DatabaseUnreachable),
            wait=tenacity.wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_WAIT_MAX_S),
            stop=tenacity.stop_after_delay(patience),
            reraise=True,
        )
        return retrying(act)


class RunLog(EventLog):
    """Where one run's facts go, each of which builds on those before it.

    What follows a refusal, or an artifact that could not be made durable, is refused with the same error: it may
    speak of what was never recorded. For the group commit of one run; not for several threads.
    """

    def __init__(self, log: EventLog, store: ArtifactStore, patience: timedelta = PATIENCE) -> None:
        super().__init__(log.engine, log.projections, log.upcasters)
        self._log = log
        self._store = store
        self._patience = patience
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
            outcomes = patiently(lambda: self._log.append_many(batches), self._patience)
        except Exception as error:
            self._refused = error
            raise
        self._refused = next((outcome for outcome in outcomes if isinstance(outcome, Exception)), None)
        return outcomes
