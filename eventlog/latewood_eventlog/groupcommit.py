"""Group commit: many small appends of one process in few commits.

A commit costs an fsync and the log admits one writer at a time, so appends that arrive while a commit is under
way wait together and go with the next one. An append on an idle log is committed at once.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Appended, Batch

_EVENTS_MAX: Final = 1_000
"""Events in one commit; beyond that a longer wait saves nothing measurable."""

_RETURN_S: Final = 0.0005


@dataclass(frozen=True, slots=True)
class _Submission:
    batch: Batch
    size: int
    needs: tuple[object, ...]
    done: Future[Appended] = field(default_factory=Future)


class GroupCommit:
    """A thread that appends what other threads submit, in the order of submission.

    `prepare` is called with what the submissions of one commit `need`, before they are appended: it makes durable
    what their events speak of (files, say). When it fails it is called for each of them alone, and those for which it
    fails again fail with its error. When the database is lost, every submission of the commit fails. Use it as a
    context manager: leaving it waits until all is recorded.
    """

    def __init__(self, log: EventLog, prepare: Callable[[Sequence[object]], None] | None = None) -> None:
        self._log = log
        self._prepare = prepare
        self._waiting: deque[_Submission] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="latewood-group-commit", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch, needs: Sequence[object] = ()) -> Future[Appended]:
        """Hand the batch over; the future has where it stands, or why it was refused, once that is durable.

        A future that is cancelled before its commit begins takes its batch with it.
        """
        submission = _Submission(batch, batch.size, tuple(needs))
        with self._changed:
            if self._closing:
                raise RuntimeError("group commit is closed: nothing can be submitted any more")
            self._waiting.append(submission)
            self._changed.notify()
        return submission.done

    def append(self, batch: Batch) -> Appended:
        """Record the batch and wait for its commit; where it stands. Raises as `EventLog.append` does."""
        return self.submit(batch).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        group: list[_Submission] = []
        while taken := self._next_group(before=len(group)):
            # From here on nobody can cancel: setting a cancelled future's result would end this thread.
            group = [submission for submission in taken if submission.done.set_running_or_notify_cancel()]
            group = self._prepared(group)
            try:
                outcomes = self._log.append_many([submission.batch for submission in group])
            except Exception as error:  # noqa: BLE001 - handed to those who wait, each of whom raises it
                for submission in group:
                    submission.done.set_exception(error)
                continue
            for submission, outcome in zip(group, outcomes, strict=True):
                if isinstance(outcome, Exception):
                    submission.done.set_exception(outcome)
                else:
                    submission.done.set_result(outcome)

    def _prepared(self, group: list[_Submission]) -> list[_Submission]:
        """Those of which everything is durable that they need; the others have heard why not."""
        needs = [need for submission in group for need in submission.needs]
        if self._prepare is None or not needs:
            return group
        try:
            self._prepare(needs)
        except Exception as error:  # noqa: BLE001 - handed to those who wait, each of whom raises it
            if len(group) == 1:
                group[0].done.set_exception(error)
                return []
            return [submission for one in group for submission in self._prepared([one])]
        return group

    def _next_group(self, before: int) -> list[_Submission]:
        """Everything that waits, up to the limit; empty when closed and done.

        Writers whose appends were just committed tend to come back at once: as many as went before are waited for,
        for less time than the commit costs that they would otherwise miss.
        """
        with self._changed:
            crowd = len(self._waiting) + before
            self._changed.wait_for(lambda: self._waiting or self._closing)
            if before > 1:
                self._changed.wait_for(lambda: len(self._waiting) >= crowd or self._closing, _RETURN_S)
            group: list[_Submission] = []
            size = 0
            while self._waiting and (not group or size + self._waiting[0].size <= _EVENTS_MAX):
                group.append(self._waiting.popleft())
                size += group[-1].size
            return group
