"""One run that this engine drives: what its steps ask becomes calls of workers, timers and facts."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from latewood.context import CheckResult
from latewood.decide.plan import Step
from latewood.decide.queueing import A_WORKER, slots_of, waited_too_long
from latewood.engine.running.asks import (
    Attempt,
    Board,
    Collect,
    Copy,
    Durable,
    Enter,
    Evaluate,
    Look,
    Pause,
    Remote,
    Rest,
    Script,
    Split,
)
from latewood.engine.running.calls import Raised, too_late
from latewood.engine.running.connected import ToSubmit
from latewood.engine.running.drive import Asked, Drive
from latewood.engine.running.flights import made_by_now
from latewood.engine.running.live_logs import forget, live_log, printed_so_far
from latewood.engine.running.open_jobs import OpenJob
from latewood.engine.running.pool import Job
from latewood.engine.running.recorder import Recorder
from latewood.engine.running.reports import Report
from latewood.engine.running.scripts import Scripts
from latewood.engine.running.slots import described
from latewood.engine.values.values import Values
from latewood.events import Failure, RunEnded, RunRequested, RunStarted, RunStatus
from latewood.model.keys import RunId
from latewood.projections.snapshots import snapshot
from latewood.projections.states import check_verdicts
from latewood.serving.handlers import Handlers
from latewood.serving.log_lines import LOG
from latewood.serving.openings import Taken
from latewood.serving.remotes import Remotes, Slot
from latewood.serving.run_turns import RunTurns
from latewood.serving.step_calls import StepCalls
from latewood.serving.turns import EngineTurns

_JOBS_AT_ONCE: Final = 100
"""Steps in other systems that are begun or gone on with in one go; what others tell comes in between."""


class Work(Protocol):
    """The engine, as a run sees it: what is to be done later is done in its own thread."""

    @property
    def free(self) -> int:
        """Slots that nobody has."""
        ...

    def later(self, run: "ActiveRun", at: datetime, then: Callable[[], None]) -> None:
        """Do this for the run at that time."""

    def soon(self, run: "ActiveRun", then: Callable[[], None]) -> None:
        """Do this for the run; to be called from any thread."""

    def withdraw(self, job: Job) -> bool:
        """Take a call back that waits for workers still, and say whether it did."""
        ...

    def guarded(self, run: "ActiveRun", act: Callable[[], object]) -> object:
        """Do this for the run now; where the log or the store refuses it the run is left."""


class ActiveRun:
    """A run under this engine's lease. For the engine's thread."""

    def __init__(
        self,
        taken: Taken,
        recorder: Recorder,
        work: Work,
        engine: str,
        turns: EngineTurns,
        remotes: Remotes,
        *,
        report: Callable[[Report], None],
        patiently: Callable[[Callable[[], Any]], Any],
    ) -> None:
        opened, crews = taken.opened, taken.crews
        workspace, plan = opened.workspace, opened.plan
        self.run: RunId = opened.run
        self.workspace = workspace
        self.lease = taken.lease
        self.opened = opened
        self._recorder = recorder
        self._work = work
        self._engine = engine
        self._patiently = patiently
        self._remotes = remotes
        self._ending_jobs = 0
        self._ends_jobs = False
        self._submitting: set[str] = set()  # by key, those of which nobody has heard yet
        self._sees_to_jobs = False
        self._is_over = False
        self._is_settling = False
        self._cancelled = False
        self.outcome = ""
        """How it ended, in words."""
        self.has_jobs = plan.has_jobs
        """Whether any of its steps run in another system."""
        root = opened.view.root
        values = Values(workspace.store)
        self._scripts = Scripts(
            plan,
            catalog=opened.view.catalog,
            root=root,
            values=values,
            run=self.run,
            recorder=recorder,
            store=workspace.store,
            verdicts=self._verdicts,
            versions=lambda keys: patiently(lambda: made_by_now(workspace.log, workspace.project, keys)),
            clock=workspace.clock,
            is_resumed=opened.progress.is_started,
            report=report,
            printed=lambda step, attempt: printed_so_far(live_log(workspace.store, self.run, step, attempt)),
        )
        self._scripts.take_up(opened.progress.steps, opened.taken)
        self._drive = Drive(plan, opened.view.catalog, self._scripts, self._script_ended)
        self._turns = RunTurns(
            turns,
            self.run,
            since=taken.since,
            priority=opened.progress.requested.priority,
            guarded=lambda act: work.guarded(self, act),
            when_told=self.when_told,
        )
        self._calls = StepCalls(
            self.run,
            crews,
            values,
            self._scripts,
            given=self._given,
            has_ended=self._call_ended,
            soon=lambda then: work.soon(self, then),
            when_held=self._when_held,
        )
        self._handlers = Handlers(
            opened,
            crews,
            recorder,
            values,
            self._turns,
            soon=lambda then: work.soon(self, then),
            when_durable=self._when_durable,
        )

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be done for it any more but to make its end durable."""
        return self._is_over

    @property
    def requested(self) -> RunRequested:
        """What was asked for."""
        return self.opened.progress.requested

    @property
    def priority(self) -> int | None:
        """That of what `next` would do; None where it would do nothing."""
        if not self._may_begin:
            return None
        if self._drive.is_over:
            return self.requested.priority
        found = self._drive.priority(self._turns.closed)
        return None if found is None else found + self.requested.priority

    @property
    def _may_begin(self) -> bool:
        """What is about to start will want a worker each: no more is begun than there is room for."""
        return not self._is_over and not self._cancelled and self._has_room

    @property
    def _has_room(self) -> bool:
        return self._is_settling or len(self._turns.shortly) < self._work.free

    @property
    def patience_s(self) -> float | None:
        """Seconds until something has waited to begin for as long as it may; None where all may as long as it takes."""
        limit = None if self._is_over or self._cancelled or self._is_settling else self._drive.limit
        return None if limit is None else max(0.0, (limit - self._scripts.now()).total_seconds())

    def begin(self) -> None:
        """Say that this engine drives it."""
        resumed = self.opened.progress.is_started
        fact = RunStarted(run=self.run, engine=self._engine, resumed=resumed)
        self._recorder.tell((fact, ("taken", self.lease.epoch)))

    def next(self) -> Job | None:
        """A call to be made now, for which there is a slot; None where it has none at present.

        What needs no worker is done on the way; when every step has ended, so has the run. Raises LogError.
        """
        while self._may_begin:
            asked = self._drive.next(self._turns.closed)
            if asked is None:
                break
            job = self._job(asked)
            if job is not None:
                return job
        if self._drive.is_over and not self._is_over and not self._cancelled:
            job = self._handlers.next(self._scripts.failures)
            if job is not None:
                return job
        self._end_if_over()
        return None

    def see_to_jobs(self) -> None:
        """Do what steps ask that run in other systems, as far as no worker is needed. Raises LogError."""
        if self._sees_to_jobs:
            return  # what was answered on the spot is gone on with by who has asked
        self._sees_to_jobs = True
        try:
            for _ in range(_JOBS_AT_ONCE):
                over = self._is_over or self._cancelled
                asked = None if over else self._drive.next_of_jobs(self._turns.closed)
                if asked is None:
                    return
                self._job(asked)
        finally:
            self._sees_to_jobs = False
        self._work.soon(self, self.see_to_jobs)

    def give_up_overdue(self) -> None:
        """What has waited too long to begin has failed, unless it can begin at once. Raises LogError."""
        overdue = self._drive.overdue(self._scripts.now())
        # Those that nobody was given first: what they wait behind is there still.
        for number, ask, is_given in sorted(overdue, key=lambda one: one.is_given):
            match ask:
                case Attempt(due=due, until=until, deadline=deadline):
                    if is_given and not self._work.withdraw(self._calls.jobs[number]):
                        continue
                    if until is None or (deadline is not None and deadline < until):
                        self._fail(number, too_late())
                    else:
                        self._in_vain(number, due[0].step, until, A_WORKER)
                case Enter() | Board() if is_given:
                    self._turns.hurry(number)
                case Enter():
                    self._hurry_behind(number, ask)
                case Board():
                    self._job(Asked(number, ask._replace(patient=False)))
                case _:
                    raise AssertionError("it may wait as long as it takes")

    def _hurry_behind(self, number: int, ask: Enter) -> None:
        """It may go on if there are slots for it, too, and workers besides those that others take shortly."""
        step, task = ask.step, ask.step.task.node.task
        pools = self._turns.pools_behind(task)
        if pools and self._has_room and not self._turns.is_in_vain(task):
            self._job(Asked(number, ask))
            self._turns.hurry(number)
        else:
            self._in_vain(number, step, ask.until, slots_of(pools) if self._turns.is_in_vain(task) else A_WORKER)

    def _in_vain(self, number: int, step: Step, until: datetime | None, awaited: str) -> None:
        assert until is not None, "else it waits on"
        self._fail(number, waited_too_long(step.task.node.task, until, self._scripts.now(), awaited))

    def _fail(self, number: int, failure: Failure) -> None:
        """It was not begun in time."""
        if self._is_over or self._cancelled or self._is_settling:
            return
        self._answer(number, Raised(failure=failure, duration_ms=0.0, output=""))
        self._drive.skip_blocked()  # no worker may be free for long
        if self._drive.is_over:
            self._handlers.hear_of(self._scripts.failures)
            self._end_if_over()
        self._work.soon(self, lambda: None)  # something else may go on

    def cancel(self) -> None:
        """End it: what is under way is stopped, what was finished is kept."""
        if self._is_over or self._cancelled:
            return
        self._cancelled = True
        self._stop()
        self._end_jobs()
        self._end_if_over()

    def _end_jobs(self) -> None:
        """See to the end of all jobs that may go on, once: those that an attempt has left, too."""
        if self._ends_jobs:
            return
        self._ends_jobs = True
        left = list(self._scripts.jobs.open.values())
        self._ending_jobs = len(left)
        for job in left:
            if job.key not in self._submitting:
                self._go_on_ending(job, self._scripts.jobs.ended(job), None)

    def _go_on_ending(self, job: OpenJob, script: Script[bool], answer: Any) -> None:
        """See a job to its end in its system: a run is over only when none of it goes on anywhere."""
        if self._is_over:  # it was left meanwhile
            return
        try:
            ask = script.send(answer)
        except StopIteration as done:
            if not done.value:
                LOG.warning("run %s: job %s of %s may go on", self.run, job.handle or job.key, job.connector)
            self._ending_jobs -= 1
            self._end_if_over()
            return
        if isinstance(ask, Remote):
            self._remote(ask, lambda answer: self._go_on_ending(job, script, answer))
        else:
            assert isinstance(ask, Rest), "nothing else is asked to end a job"
            self._work.later(self, ask.until, lambda: self._go_on_ending(job, script, None))

    def settle(self) -> None:
        """Begin nothing any more; what is under way goes on until it `is_settled`."""
        self._is_settling = True
        self._drive.settle()
        self._handlers.settle()
        self._turns.end({*self._drive.busy, *self._calls.jobs, *self._handlers.jobs})

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way that would have to be made again if it were left now."""
        return self._is_over or not (self._drive.busy or self.jobs or self._ending_jobs)

    def leave(self) -> None:
        """Stop driving it, without a word in the log: another engine goes on."""
        self._is_over = True
        self._stop()

    def _stop(self) -> None:
        self._drive.stop()
        self._handlers.stop()
        self._turns.end({*self._calls.jobs, *self._handlers.jobs})

    @property
    def jobs(self) -> list[Job]:
        """The calls that are being made for it."""
        return [*self._calls.jobs.values(), *self._handlers.jobs.values()]

    def _end_if_over(self) -> None:
        if self._is_over or self._ending_jobs:
            return
        if not (self._cancelled or (self._drive.is_over and self._handlers.are_over)):
            return
        if self._scripts.jobs.open and not self._ends_jobs:
            self._end_jobs()  # it comes back here when they are over
            return
        self._is_over = True
        ended = self._ended()
        self._recorder.tell((ended, ("ended",)))
        parts = {"run": ended.ran, "reused": ended.reused, "failed": ended.failed, "refused": ended.refused}
        counted = [f"{count:,} {word}" for word, count in parts.items() if count]
        self.outcome = ", ".join([ended.status.value, *counted])
        forget(self.workspace.store, self.run)

    def when_told(self, then: Callable[[], None]) -> None:
        """Do this in the engine's thread once everything that was told is durable, or refused."""
        self._recorder.when_told(lambda: self._work.soon(self, then))

    def _when_durable(self, then: Callable[[], None]) -> None:
        """The same, but where the log has refused it the run is left instead."""

        def go_on() -> None:
            self._recorder.raise_if_refused()
            then()

        self.when_told(go_on)

    # ── what its steps ask ────────────────────────────────────────────────────────────────────────────

    def _job(self, asked: Asked) -> Job | None:
        """The call that is asked for; None for what is answered without a worker."""
        number, ask = asked
        match ask:
            case Attempt() | Evaluate() | Look() | Copy() | Split() | Collect():
                return self._calls.job(number, ask)
            case Pause(until=until):
                self._turns.leave(number)
                self._work.later(self, until, lambda: self._answer(number, None))
            case Remote():
                self._remote(ask, lambda answer: self._answer(number, answer))
            case Rest(until=until):
                self._work.later(self, until, lambda: self._answer(number, None))
            case Durable():
                self._turns.shortly.add(number)
                self._when_durable(lambda: self._made_durable(number))
            case Enter(step=step, until=until):
                self._turns.enter(
                    number,
                    step.task.node.task,
                    described(step),
                    lambda: self._answer(number, None),
                    lambda pools: self._in_vain(number, step, until, slots_of(pools)),
                )
            case Board():
                self._turns.board(number, ask, lambda how: self._answer(number, how))
        return None

    def _remote(self, ask: Remote, then: Callable[[Any], None]) -> None:
        slot = Slot(self.opened.view.root, self.workspace.environment, ask.connector)

        def go(then: Callable[[Any], None]) -> None:
            self._remotes.ask(slot, ask.act, lambda answer: self._work.soon(self, lambda: then(answer)))

        if isinstance(ask.act, ToSubmit):
            key = ask.act.job.key
            self._when_durable(lambda: self._submit(key, go, then))
        else:
            go(then)

    def _submit(self, key: str, go: Callable[[Callable[[Any], None]], None], then: Callable[[Any], None]) -> None:
        """What is cancelled meanwhile is ended once it is there to be ended."""
        if self._is_over or self._cancelled:
            return

        def submitted(answer: Any) -> None:
            self._submitting.discard(key)
            if not self._cancelled:
                then(answer)
                return
            for job in self._scripts.jobs.open.values():
                if job.key == key:
                    job.handle = answer if isinstance(answer, str) else ""
                    self._go_on_ending(job, self._scripts.jobs.ended(job), None)

        self._submitting.add(key)
        go(submitted)

    def _made_durable(self, number: int) -> None:
        self._turns.shortly.discard(number)
        self._answer(number, None)

    def _when_held(self, answer: Callable[[bool], None]) -> None:
        if not self._is_over and not self._cancelled:  # else its process is being ended
            self._recorder.ask_whether_held()
            self._when_durable(lambda: answer(True))

    def _answer(self, number: int, answer: Any) -> None:
        self._calls.answer(number, answer)

    def _given(self, number: int, answer: Any) -> None:
        if not self._is_over and not self._cancelled:
            self._drive.answer(number, answer)

    def _call_ended(self, number: int) -> None:
        if self._is_over or self._cancelled or not self._drive.is_under_way(number):
            self._turns.leave(number)
            self._turns.land(number)

    def _script_ended(self, number: int) -> None:
        self._turns.land(number)
        if number not in self._calls.jobs:  # else its checks are still called, though nobody waits for them
            self._turns.leave(number)

    def _verdicts(self, asset: Any, partition: Any) -> Mapping[tuple[str, str], CheckResult]:
        def read() -> Mapping[tuple[str, str], CheckResult]:
            with snapshot(self.workspace.log) as connection:
                return check_verdicts(connection, self.workspace.project, asset, partition)

        # Nothing can be recorded meanwhile either; a run that was left for it would have its steps interrupted.
        found: Mapping[tuple[str, str], CheckResult] = self._patiently(read)
        return found

    def _ended(self) -> RunEnded:
        tally = self._scripts.tally
        clean = not (tally.failed or tally.refused or tally.skipped > tally.barred)
        return RunEnded(
            run=self.run,
            status=RunStatus.CANCELLED if self._cancelled else RunStatus.SUCCEEDED if clean else RunStatus.FAILED,
            ran=tally.ran,
            reused=tally.reused,
            failed=tally.failed,
            refused=tally.refused,
            skipped=tally.skipped,
            fresh=self.opened.progress.planned[0].fresh,
        )
