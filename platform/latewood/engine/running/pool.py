"""Warm workers: processes that have a location's code as it was deployed, kept from one step to the next.

There are never more of them than slots, of which a job may take several. One that has the code which is wanted is taken
before another one is started; where there is no room for that, the one that has rested longest makes it.
"""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from time import monotonic
from typing import Final

from latewood.engine.running.process_limits import ProcessLimits
from latewood.engine.running.worker_process import MayPlace, Worker, failed_by, refuse_placing
from latewood.engine.running.worker_protocol import Answered, Failed, Request, ReturnedRange
from latewood.engine.running.workers import Crew
from latewood.errors import LatewoodError
from latewood.events import Failure, FailureKind

_AGE_MAX: Final = timedelta(hours=1)
"""After which a process is replaced: what user code leaks does not add up for ever."""

_MEMORY_MAX: Final = 1 << 30
"""Bytes with which a process that rests is replaced."""


def _nothing(_which: "Following", _answer: Answered) -> None:
    raise AssertionError("nobody asked for it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request to a process of the crew. Its functions are called in another thread.

    `done` hears the answer, once, and `judged` each verdict that follows it: which it is, by step, output and check.
    `may_place` hears of each result that is about to be stored at its place, and how to answer. It takes so many of the
    pool's `slots`, or all if these are fewer, and its process so many bytes of `memory` besides what it has at rest.
    The time of a limited call is over at the `deadline`, on this process' clock: to wait and to start count.
    """

    crew: Crew
    request: Request
    done: Callable[[Answered], None]
    judged: Callable[["Following", Answered], None] = _nothing
    may_place: MayPlace = refuse_placing
    slots: int = 1
    memory: int | None = None
    deadline: float | None = None


_NEVER_BEGUN: Final = Failure(
    kind=FailureKind.INTERRUPTED, error="ProcessEnded", message="ended while it waited for workers to be free"
)

Following = tuple[int, str, str]
"""A verdict that follows an answer, by step, output and check."""


@dataclass(slots=True, eq=False)
class _Member:
    """A process with the thread that speaks to it."""

    crew: Crew
    worker: Worker
    jobs: "SimpleQueue[Job | None]" = field(default_factory=SimpleQueue)
    job: Job | None = None
    started: float = field(default_factory=monotonic)
    rests_since: float = field(default_factory=monotonic)


class Pool:
    """Worker processes for many runs, at most `slots` of them.

    They are replaced at an age of `age_max`, and where they rest with more than `memory_max` bytes.
    """

    def __init__(
        self,
        slots: int,
        environ: Mapping[str, str] | None = None,
        *,
        age_max: timedelta = _AGE_MAX,
        memory_max: int = _MEMORY_MAX,
    ) -> None:
        self.slots = slots
        self._age_max_s = age_max.total_seconds()
        self._memory_max = memory_max
        self._waiting: Job | None = None
        self._environ = os.environ if environ is None else environ
        ProcessLimits.of(self._environ)  # what is wrong there is said before anything is begun
        self._members: list[_Member] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def free(self) -> int:
        """How many slots there are for jobs that are submitted now."""
        return 0 if self._waiting is not None else self._room

    @property
    def busy(self) -> int:
        """How many slots are taken."""
        return self.slots - self._room

    @property
    def processes(self) -> int:
        """How many processes there are, at work or at rest."""
        return len(self._members)

    def submit(self, job: Job) -> None:
        """Have a process do this; only while a slot is free. One that takes more waits for them, before any other.

        What nobody can do has failed at once.
        """
        if job.crew.broken is not None:
            job.done(failed_by(job.crew.broken))
            return
        with self._lock:
            self._waiting = job
            self._begin_waiting()

    @property
    def _room(self) -> int:
        return self.slots - sum(self._taken(member.job) for member in self._members if member.job is not None)

    def _taken(self, job: Job) -> int:
        return min(max(1, job.slots), self.slots)

    def _begin_waiting(self) -> None:
        job = self._waiting
        if job is None or self._taken(job) > self._room:
            return
        self._waiting = None
        member = self._member_for(job.crew)
        member.job = job
        if job.deadline is not None:  # it may be starting still
            member.worker.hurry(job.deadline - monotonic())
        member.jobs.put(job)

    def warm(self, crew: Crew) -> None:
        """Start processes with this code on the slots that nobody has."""
        if crew.broken is not None:
            return
        with self._lock:
            have = sum(member.crew is crew for member in self._members)
            for _ in range(min(self.slots - len(self._members), self.slots - have)):
                self._started(crew)

    def withdraw(self, job: Job) -> bool:
        """Take this back if it waits for slots still, and say whether it did: then nobody hears of it any more."""
        with self._lock:
            waits = self._waiting is job
            if waits:
                self._waiting = None
            return waits

    def kill(self, job: Job) -> None:
        """End the process that is at this job, with all it has started; the job fails. Nothing if it is done."""
        if self.withdraw(job):
            job.done(Failed(failure=_NEVER_BEGUN))
            return
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
        if len(self._members) >= self.slots:
            resting = min(idle, key=lambda member: member.rests_since)
            self._members.remove(resting)
            resting.jobs.put(None)
        return self._started(crew)

    def _started(self, crew: Crew) -> _Member:
        worker = crew.worker(self._environ)
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
            answer = failed_by(broken) if broken is not None else _called(member.worker, job)
            following = answer.following if isinstance(answer, ReturnedRange) else ()
            tell = partial(job.done, answer)
            for which in following:
                tell()
                tell = partial(job.judged, which, _following(member.worker))
            self._rest(member, is_broken=broken is not None)
            tell()  # its slot is free by then
        member.worker.close()

    def _rest(self, member: _Member, *, is_broken: bool) -> None:
        """It has done its job; the next one is another process's where it is used up."""
        spent = monotonic() - member.started > self._age_max_s or member.worker.memory > self._memory_max
        with self._lock:
            member.job, member.rests_since = None, monotonic()
            if is_broken or spent:
                if member in self._members:
                    self._members.remove(member)
                member.jobs.put(None)
            self._begin_waiting()


def _called(worker: Worker, job: Job) -> Answered:
    try:
        return worker.ask(job.request, memory=job.memory, may_place=job.may_place)
    except (LatewoodError, OSError) as error:
        return failed_by(error)


def _following(worker: Worker) -> Answered:
    try:
        return worker.following()
    except (LatewoodError, OSError) as error:
        return failed_by(error)
