"""Warm workers: processes that have a location's code as it was deployed, kept from one step to the next.

There are never more of them than slots. One that has the code which is wanted is taken before another one is started;
where there is no room for that, the one that has rested longest makes it.
"""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from queue import SimpleQueue
from time import monotonic
from typing import Final

from latewood.engine.running.worker_process import Worker
from latewood.engine.running.worker_protocol import CallRange, Check, Checked, Failed, Returned, ReturnedRange
from latewood.engine.running.workers import Crew
from latewood.engine.values.recordable import text
from latewood.errors import LatewoodError, StoreError
from latewood.events import Failure, FailureKind

Answered = ReturnedRange | Checked | Failed

_CALLS_MAX: Final = 2_000
"""Calls after which a process is replaced: what user code leaks does not add up for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call of a task, or a check, by a process of the crew. `done` is called once, in another thread."""

    crew: Crew
    call: CallRange | Check
    timeout: timedelta | None
    done: Callable[[Answered], None]


@dataclass(slots=True, eq=False)
class _Member:
    """A process with the thread that speaks to it."""

    crew: Crew
    worker: Worker
    jobs: "SimpleQueue[Job | None]" = field(default_factory=SimpleQueue)
    job: Job | None = None
    calls: int = 0
    rests_since: float = field(default_factory=monotonic)


class Pool:
    """Worker processes for many runs, at most `slots` of them."""

    def __init__(self, slots: int, environ: Mapping[str, str] | None = None) -> None:
        self._slots = slots
        self._environ = os.environ if environ is None else environ
        self._members: list[_Member] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def free(self) -> int:
        """How many jobs can be submitted now."""
        return self._slots - sum(member.job is not None for member in self._members)

    def submit(self, job: Job) -> None:
        """Have a process do this; only while a slot is free."""
        with self._lock:
            member = self._member_for(job.crew)
            member.job = job
        member.jobs.put(job)

    def warm(self, crew: Crew) -> None:
        """Start processes with this code on the slots that nobody has."""
        with self._lock:
            have = sum(member.crew is crew for member in self._members)
            for _ in range(min(self._slots - len(self._members), self._slots - have)):
                self._started(crew)

    def kill(self, job: Job) -> None:
        """End the process that is at this job, with all it has started; the job fails. Nothing if it is done."""
        with self._lock:  # or it could be at another job by then
            for member in self._members:
                if member.job is job:
                    member.worker.interrupt()

    def close(self, *, patience_s: float = 10.0) -> None:
        """End all of them: idle ones leave their resources first, and so do others that finish in time."""
        with self._lock:
            members, self._members = self._members, []
        for member in members:
            member.jobs.put(None)
        deadline = monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
        for member in members:
            member.worker.interrupt()
        for thread in self._threads:
            thread.join()

    def _member_for(self, crew: Crew) -> _Member:
        idle = [member for member in self._members if member.job is None]
        fitting = [member for member in idle if member.crew is crew]
        if fitting:
            return max(fitting, key=lambda member: member.rests_since)
        if len(self._members) >= self._slots:
            resting = min(idle, key=lambda member: member.rests_since)
            self._members.remove(resting)
            resting.jobs.put(None)
        return self._started(crew)

    def _started(self, crew: Crew) -> _Member:
        worker = Worker(
            crew.opened, interpreter=crew.interpreter, environ=self._environ, refuse=crew.refused, hidden=crew.hidden
        )
        member = _Member(crew=crew, worker=worker)
        self._members.append(member)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._work, args=(member,), name=f"latewood-{worker.location}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return member

    def _work(self, member: _Member) -> None:
        """The thread of one member: starts the process at once, so that it is warm when the first job comes."""
        broken: LatewoodError | OSError | None = None
        try:
            member.worker.start()
        except (LatewoodError, OSError) as error:  # OSError: no file, or no process, is to be had
            broken = error
        while (job := member.jobs.get()) is not None:
            answer = _failed(broken) if broken is not None else _called(member.worker, job)
            member.calls += 1
            with self._lock:
                member.job, member.rests_since = None, monotonic()
                if broken is not None or member.calls >= _CALLS_MAX:
                    if member in self._members:
                        self._members.remove(member)
                    member.jobs.put(None)
            job.done(answer)
        member.worker.close()


def _called(worker: Worker, job: Job) -> Answered:
    try:
        answer = worker.ask(job.call, timeout=job.timeout)
    except (LatewoodError, OSError) as error:
        return _failed(error)
    assert not isinstance(answer, Returned), "only a call for one partition is answered so"
    return answer


def _failed(error: LatewoodError | OSError) -> Failed:
    kind = FailureKind.STORE if isinstance(error, StoreError) else FailureKind.REFUSED
    return Failed(failure=Failure(kind=kind, error=type(error).__name__, message=text(str(error))))
