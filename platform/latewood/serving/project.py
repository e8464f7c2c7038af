"""The runs of one project, as an engine drives them: taken, asked for calls, finished, or left to others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from latewood.commands.workspace import Workspace
from latewood.engine.running.live_logs import forget_jobs
from latewood.engine.running.pool import Job
from latewood.engine.running.recorder import Recorder
from latewood.engine.running.run_log import EngineLog, patiently
from latewood.engine.storage.sweeping import in_use
from latewood.errors import StoreError
from latewood.events import Executor, RunCancelRequested, from_json
from latewood.model.keys import RunId
from latewood.projections.runs import RunRow, unfinished_runs
from latewood.projections.snapshots import snapshot
from latewood.serving.active import ActiveRun
from latewood.serving.automating import evaluate
from latewood.serving.log_lines import LOG
from latewood.serving.notifying import notifying
from latewood.serving.openings import AT_ONCE, Openings, Taken
from latewood.serving.parts import Parts
from latewood.serving.requesting import CANCELLATIONS
from latewood.serving.sensors import sensing
from latewood.serving.turns import EngineTurns
from latewood_eventlog.errors import DatabaseUnreachable, LeaseLost, LogError
from latewood_eventlog.groupcommit import GroupCommit
from latewood_eventlog.leases import Lease, release, renew_all
from latewood_eventlog.records import Position

_RUNS_MAX: Final = 64
"""Runs that are driven at a time; the others wait in the log, where any engine finds them."""

T = TypeVar("T")


class ProjectRuns:
    """Those that an engine with these parts drives. For its thread, but for `renew` and `ask_for_what_is_due`."""

    def __init__(self, workspace: Workspace, parts: Parts) -> None:
        self.workspace = workspace
        self._parts = parts
        self._inbox = parts.inbox
        self._pool = parts.pool
        self._absence = parts.absence
        self.active: dict[RunId, ActiveRun] = {}
        """Those that are driven, the one whose turn it is first."""
        self._ending: dict[RunId, ActiveRun] = {}  # over, with an end that may not be durable yet
        self._openings = Openings(workspace, parts, then=self._begin, over=self._rest)
        self._waiting: list[RunRow] = []
        self._cancelled: set[RunId] = set()
        self._cancellations = 0  # how many of them have been seen
        measured = parts.telling.measures.appended
        self._log = EngineLog(workspace.log, workspace.store, parts.patience, parts.absences, measured)
        self._commits: GroupCommit | None = None
        self._store_in_use = ExitStack()
        self._turns = EngineTurns(workspace, parts)
        self._evaluated: Position = -1
        self._evaluated_at = workspace.clock()
        self._due: datetime | None = None

    @property
    def free(self) -> int:
        """Slots that nobody has."""
        return self._pool.free

    @contextmanager
    def served(self, stop: threading.Event) -> Iterator[None]:
        """What is told of runs meanwhile is recorded; afterwards they are anybody's. Its end sets `stop`.

        Beside the engine's thread sensors are asked, and people are told.
        """
        beside = (self.workspace, self._parts.name, stop, self._absence, self._parts.growth)
        try:
            with GroupCommit(self._log, self._log.make_durable) as commits, ExitStack() as stack:
                if self._parts.only is None:
                    stack.enter_context(sensing(*beside))
                    stack.enter_context(notifying(*beside, self._parts.lease))
                else:
                    stack.callback(stop.set)
                self._commits = commits
                yield
        finally:  # whatever was told of them is durable by now, under their leases
            for run in (*self.active.values(), *self._ending.values()):
                self._give_back(run)
            self.active.clear()
            self._ending.clear()
            self._rest()

    def close(self) -> None:
        """Nothing is under way any more: give back all that steps held."""
        self._turns.close()

    # ── what there is to do ───────────────────────────────────────────────────────────────────────────

    def look(self) -> None:
        """See what was asked for since."""
        try:
            self._look_for_runs()
            self._look_for_cancellations()
        except DatabaseUnreachable as error:
            self._absence.away(error)
        self._turns.look()

    def look_for_turns(self) -> None:
        """See whether what steps wait for is there, and who is here."""
        self._turns.look()

    @property
    def resting(self) -> Lease | None:
        """The lease by which it is here, where there is nothing to do and nobody else. From any thread."""
        busy = self.active or self._ending or len(self._openings) or self._waiting
        return None if busy else self._turns.resting

    def look_behind(self, count: int) -> None:
        """Look, and take what waits even while no worker is free: any engine with a free one would have taken it."""
        if self.resting is None or self._has_been_left():
            self.look()
        for _ in range(count):
            if self._waiting and self._turns.is_ready and len(self.active) + len(self._openings) < _RUNS_MAX:
                self._take(self._waiting.pop(0).run)

    def next(self, idle: set[RunId]) -> Job | None:
        """The call to be made first, for which there is a worker; None where there is none now.

        Of the runs with the highest priority each in turn. Those that have nothing to be called join the `idle` ones,
        which are not asked.
        """
        while True:
            ready = [(run.priority, run) for run in self.active.values() if run.run not in idle]
            top = max((priority for priority, _ in ready if priority is not None), default=None)
            run = next((run for priority, run in ready if priority == top and priority is not None), None)
            if run is None:
                return None
            job = self.guarded(run, run.next)
            if job is None:
                idle.add(run.run)
                continue
            if run.run in self.active:
                self.active[run.run] = self.active.pop(run.run)
            return job

    def see_to_jobs(self) -> None:
        """Do what steps ask that run in other systems: for that no worker has to be free."""
        for run in [run for run in self.active.values() if run.has_jobs]:
            self.guarded(run, run.see_to_jobs)

    @property
    def patience_s(self) -> float | None:
        """Seconds until something has waited to begin for as long as it may; None where nothing is limited."""
        limits = (run.patience_s for run in self.active.values())
        return min((limit for limit in limits if limit is not None), default=None)

    def give_up_overdue(self) -> None:
        """Begin no more what has waited too long; to be asked when all that could begin has begun."""
        for run in list(self.active.values()):
            if run.patience_s == 0:
                self.guarded(run, run.give_up_overdue)

    def finish_over(self) -> list[RunId]:
        """Finish the runs of which nothing is left to do, and say which these were."""
        over = [run for run in self.active.values() if run.is_over]
        for run in over:
            self._finish(run)
        return [run.run for run in over]

    def take_one(self) -> bool:
        """Take a run that waits, if there is room for it; whether one was tried."""
        if not self._waiting or not self._has_room(self._waiting[0]):
            return False
        self._take(self._waiting.pop(0).run)
        return True

    def _has_room(self, row: RunRow) -> bool:
        """While workers are free; else for what is to be done before others, and where nothing is done at all."""
        if not self._turns.is_ready:
            return False
        opening = len(self._openings)
        if not self.active and not opening:
            return True
        if opening >= AT_ONCE:
            return False
        if len(self.active) + opening < _RUNS_MAX and self._pool.free > opening:
            return True
        found = [priority for run in self.active.values() if (priority := run.priority) is not None]
        return len(self.active) < 2 * _RUNS_MAX and bool(found) and row.priority > min(found)

    def _has_been_left(self) -> bool:
        """Whether there are runs that nobody drives any more: of that alone the log says nothing."""
        try:
            self._look_for_runs()
        except DatabaseUnreachable as error:
            self._absence.away(error)
        return bool(self._waiting)

    def _look_for_runs(self) -> None:
        """Those that nobody drives: new ones, and those that another engine has left."""
        with snapshot(self.workspace.log) as connection:
            rows = unfinished_runs(connection, self.workspace.project, Executor.PROCESSES)
        self._absence.here()
        # After an absence nobody's lease is renewed yet: who drives a run has as long as ever to say so.
        if self._absence.ended_s > self._parts.lease.total_seconds():
            ours = {*self.active, *self._ending, *self._openings}
            free = [row for row in rows if row.unheard_s is None and row.run not in ours]
            meant = [row for row in free if self._parts.only in (None, row.run)]
            self._waiting = sorted(meant, key=lambda row: -row.priority)

    def _look_for_cancellations(self) -> None:
        project = self.workspace.project
        while events := self.workspace.log.read(project, CANCELLATIONS, after=self._cancellations):
            for event in events:
                fact = from_json(event.type, event.data)
                assert isinstance(fact, RunCancelRequested), "nothing else is in this stream"
                self._cancelled.add(fact.run)
                if (active := self.active.get(fact.run)) is not None:
                    self.guarded(active, active.cancel)
            self._cancellations = events[-1].version

    # ── taking and leaving runs ───────────────────────────────────────────────────────────────────────

    def _take(self, run: RunId) -> None:
        self._use_store()
        # What lands while it is read is not in what was read: the moment is that from before.
        self._openings.begin(run, since=self._turns.moment)

    def _begin(self, taken: Taken) -> None:
        run, workspace, found = taken.opened.run, self.workspace, taken.opened
        assert self._commits is not None, "serving"
        recorder = Recorder(
            self._commits,
            project=workspace.project,
            run=run,
            actor=workspace.actor,
            fence=taken.lease.fence,
            clock=workspace.clock,
            told=found.progress.told,
            root=found.progress.root,
        )
        active = ActiveRun(
            taken,
            recorder,
            self,
            self._parts.name,
            self._turns,
            self._parts.remotes,
            report=lambda report: self._parts.telling.reported(run, report),
            patiently=lambda act: patiently(act, self._parts.patience, self._parts.absences),
        )
        self.active[run] = active
        self.guarded(active, active.begin)
        again = ", taken up again" if found.progress.is_started else ""
        LOG.info(
            "run %s: %s in %s, %s%s",
            run,
            found.progress.requested.selection,
            found.workspace.environment,
            f"{found.plan.length:,} step{'' if found.plan.length == 1 else 's'}",
            again,
            extra={"run": run, "status": "running"},
        )
        if run in self._cancelled:
            self.guarded(active, active.cancel)

    def _finish(self, run: ActiveRun) -> None:
        """Give the run's lease back once its end is durable."""
        del self.active[run.run]
        for job in run.jobs:
            self._pool.kill(job)

        def give_back() -> None:
            status = run.outcome.partition(",")[0]
            LOG.info("run %s: %s", run.run, run.outcome, extra={"run": run.run, "status": status})
            self._give_back(run)
            forget_jobs(self.workspace.store, run.run)
            if self._ending.get(run.run) is run:
                del self._ending[run.run]
            self._rest()

        self._ending[run.run] = run
        run.when_told(give_back)

    def leave(self, run: ActiveRun, why: BaseException) -> None:
        """Another engine goes on with it, or this one, once nobody has its lease."""
        if self.active.get(run.run) is not run:
            return  # it was left before, and may have been taken again since
        LOG.warning("run %s is left: %s", run.run, why, extra={"run": run.run})
        del self.active[run.run]
        for job in run.jobs:
            self._pool.kill(job)
        run.leave()
        self._rest()

    def settle(self) -> None:
        """Begin nothing any more; what is under way goes on until it `is_settled`."""
        self._openings.close()
        for run in list(self.active.values()):
            self.guarded(run, run.settle)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way that would have to be made again if it were left now; ends are durable."""
        return not self._ending and all(run.is_settled and not run.is_over for run in self.active.values())

    def leave_all(self) -> None:
        """Begin nothing any more, and end what is under way."""
        self._openings.close()
        for run in self.active.values():
            for job in run.jobs:
                self._pool.kill(job)
            run.leave()

    def _give_back(self, run: ActiveRun) -> None:
        with suppress(LogError):
            release(self.workspace.log.engine, run.lease)

    def _use_store(self) -> None:
        """Nothing is collected from now on, until no run is left whose facts are on their way."""
        if not self.active and not self._ending and not self._openings:
            self._store_in_use.close()
            self._store_in_use.enter_context(in_use(self.workspace.store))

    def _rest(self) -> None:
        if not self.active and not self._ending and not self._openings:
            self._store_in_use.close()

    # ── what its runs ask of it ───────────────────────────────────────────────────────────────────────

    def later(self, run: ActiveRun, at: datetime, then: Callable[[], None]) -> None:
        """Do this for the run at that time."""
        self._inbox.at(at, lambda: self.guarded(run, then))

    def soon(self, run: ActiveRun, then: Callable[[], None]) -> None:
        """Do this for the run in the engine's thread; to be called from any."""
        self._inbox.put(lambda: self.guarded(run, then))

    def withdraw(self, job: Job) -> bool:
        """Take a call back that waits for workers still, and say whether it did."""
        return self._pool.withdraw(job)

    def guarded(self, run: ActiveRun, act: Callable[[], T]) -> T | None:
        """What it returns; a run that the log or the store refuses is left, and the others go on."""
        try:
            return act()
        except (LogError, StoreError) as error:
            self.leave(run, error)
        except Exception as error:  # noqa: BLE001 - whatever it is
            LOG.exception("run %s", run.run, extra={"run": run.run})  # the others go on
            self.leave(run, error)
        return None

    # ── what other threads do ─────────────────────────────────────────────────────────────────────────

    def ask_for_what_is_due(self, end: Position) -> datetime | None:
        """Let automation ask, if the log has grown to `end` or time has come; when that is next.

        Raises DatabaseUnreachable. For one thread.
        """
        now = self.workspace.clock()
        is_due = self._due is not None and self._due <= now
        if end != self._evaluated or is_due or now < self._evaluated_at:  # a clock that was set back was wrong before
            self._due, self._evaluated, self._evaluated_at = evaluate(self.workspace), end, now
        return self._due

    def renew(self) -> None:
        """Keep the leases of what is driven; what is lost is left. From any thread."""
        driven = (*self._ending.values(), *self.active.values())
        runs = {run.lease.name: run for run in driven}
        with suppress(LogError):  # the server is away; it may be back before the leases end
            leases = [*(run.lease for run in runs.values()), *self._openings.leases]
            for lease in renew_all(self.workspace.log.engine, leases, duration=self._parts.lease):
                if (run := runs.get(lease.name)) is not None:  # else it is being opened: its beginning will be refused
                    self._inbox.put(partial(self.leave, run, _lost(lease)))
            for id_, slot in self._turns.renew():
                if (run := runs.get(f"run/{id_}")) is not None:
                    self._inbox.put(partial(self._leave_without, run, slot))

    def _leave_without(self, run: ActiveRun, slot: Lease) -> None:
        if self._turns.has(run.run, slot):  # else it was given back while the leases were renewed
            self.leave(run, _lost(slot))


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(lease=lease.name, epoch=lease.epoch, found=None)
