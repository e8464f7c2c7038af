"""The engine: takes runs that were asked for, drives them by worker processes, and goes on with what others have left.

One thread decides, and hears of everything through its inbox: that there are new runs, that a worker has answered, that
a timer has run out. Any number of engines may run; a lease says which one drives a run, and its epoch keeps late words
of one that was only slow out of the log.
"""

import heapq
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final, TypeVar

from latewood.commands.status import ENGINES
from latewood.commands.views import view_of
from latewood.commands.workspace import Workspace
from latewood.engine.running.pool import Pool
from latewood.engine.running.recorder import Recorder
from latewood.engine.running.run_log import Absences, EngineLog, patiently
from latewood.engine.storage.caches import caches_in_use
from latewood.engine.storage.sweeping import in_use
from latewood.errors import LatewoodError, StoreError
from latewood.events import Executor, RunCancelRequested, from_json
from latewood.model.keys import RunId
from latewood.projections.runs import unfinished_runs
from latewood.projections.snapshots import snapshot
from latewood.serving.absence import Absence
from latewood.serving.active import ActiveRun
from latewood.serving.automating import evaluate
from latewood.serving.crews import Crews
from latewood.serving.log_lines import LOG
from latewood.serving.notifying import notifying
from latewood.serving.opening import opened
from latewood.serving.requesting import CANCELLATIONS
from latewood.serving.sensors import sensing
from latewood.serving.telling import Telling
from latewood_eventlog.database import dsn
from latewood_eventlog.errors import DatabaseUnreachable, LeaseLost, LogError
from latewood_eventlog.groupcommit import GroupCommit
from latewood_eventlog.leases import Lease, acquire, release, renew
from latewood_eventlog.tailer import hints

LEASE: Final = timedelta(seconds=10)
"""After which the runs of an engine that is not heard of any more are taken by another one."""

_RUNS_MAX: Final = 64
"""Runs that one engine drives at a time; the others wait in the log, where any engine finds them."""

_LOOK_S: Final = 1.0
"""How often automation looks whether the log has grown."""

T = TypeVar("T")


class Engine:
    """Drives the runs of one project. `lease` is for how long a run stays ours when we are not heard of."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        slots: int,
        lease: timedelta = LEASE,
        patience: timedelta = timedelta(minutes=10),
        name: str = "",
    ) -> None:
        self.name = name or f"{socket.gethostname()}:{os.getpid()}"
        self._workspace = workspace
        self._lease = lease
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._timers: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()
        self._slots = slots
        self._pool = Pool(slots)
        self._crews = Crews()
        self._active: dict[RunId, ActiveRun] = {}
        self._waiting: list[RunId] = []
        self._patience = patience
        self._absence = Absence()
        self._absences = Absences(self._absence.told)
        self.telling = Telling(
            workspace,
            engine=self.name,
            pool=self._pool,
            active=self._active,
            absence=self._absence,
        )
        measured = self.telling.measures.appended
        self._log = EngineLog(workspace.log, workspace.store, patience, self._absences, measured)
        self._commits: GroupCommit | None = None
        self._store_in_use = ExitStack()
        self._stop = threading.Event()
        self._draining = False
        self._turns = 0
        self._ending: dict[RunId, ActiveRun] = {}  # over, with an end that may not be durable yet
        self._cancelled: set[RunId] = set()
        self._cancellations = 0  # how many of them have been seen
        self._here: Lease | None = None

    # ── the engine's thread ───────────────────────────────────────────────────────────────────────────

    def serve(self) -> None:
        """Drive runs until `drain`; then what is under way is finished, and runs that are not stay for others.

        Raises KeyboardInterrupt; what is under way is then left as it is.
        """
        with caches_in_use(self._workspace.home):
            try:
                with GroupCommit(self._log, self._log.make_durable) as commits:
                    self._commits = commits
                    self._serve()
            finally:  # whatever was told of them is durable by now, under their leases
                self._give_back_all()
                self._pool.close()

    def _serve(self) -> None:
        beside = (self._workspace, self.name, self._stop, self._absence)
        with (
            self._listening(),
            self._keeping(),
            self._automating(),
            sensing(*beside),
            notifying(*beside, self._lease),
        ):
            LOG.info(
                "engine %s drives runs of project %s with %d workers", self.name, self._workspace.project, self._slots
            )
            try:
                self._look()
                while not (self._draining and not any(run.jobs for run in self._active.values())):
                    self._hear()
                    self._dispatch()
            finally:
                self._leave_all()

    def warm(self, environment: str) -> None:
        """Have processes ready with what is deployed in the environment. From any thread."""
        self._inbox.put(lambda: self._warm(environment))

    def _warm(self, environment: str) -> None:
        workspace = replace(self._workspace, environment=environment)
        try:
            view = view_of(workspace)
            crews = self._crews.of_assets(workspace, view, view.catalog.assets)
        except (LatewoodError, LogError) as error:
            LOG.warning("what is deployed in %s cannot be made ready: %s", environment, error)
            return
        for crew in crews:
            if crew.broken is not None:
                LOG.warning("what is deployed in %s cannot be made ready: %s", environment, crew.broken)
            self._pool.warm(crew)

    def drain(self) -> None:
        """Begin nothing new, and end once what is under way has ended. From any thread, or a signal's handler."""

        def begin() -> None:
            self._draining = True

        self._inbox.put(begin)

    @property
    def free(self) -> int:
        """Slots that nobody has."""
        return self._pool.free

    def later(self, run: ActiveRun, at: datetime, then: Callable[[], None]) -> None:
        """Do this for the run at that time."""
        heapq.heappush(self._timers, (at, next(self._numbers), lambda: self._guarded(run, then)))

    def soon(self, run: ActiveRun, then: Callable[[], None]) -> None:
        """Do this for the run in the engine's thread; to be called from any."""
        self._inbox.put(lambda: self._guarded(run, then))

    def _hear(self) -> None:
        """Wait for something to happen, and do everything that is due."""
        clock = self._workspace.clock
        wait = (self._timers[0][0] - clock()).total_seconds() if self._timers else None
        with suppress(Empty):
            self._inbox.get(timeout=None if wait is None else max(0.0, wait))()
            while True:
                self._inbox.get_nowait()()
        while self._timers and self._timers[0][0] <= clock():
            heapq.heappop(self._timers)[2]()

    def _dispatch(self) -> None:
        """Fill the free slots, one call of each run in turn."""
        turn = list(self._active.values())
        turn = turn[self._turns % len(turn) :] + turn[: self._turns % len(turn)] if turn else []
        while turn and self._pool.free and not self._draining:
            following = []
            for run in turn:
                if not self._pool.free:
                    break
                job = self._guarded(run, run.next)
                if job is not None:
                    self._pool.submit(job)
                    following.append(run)
                    self._turns += 1  # one free slot at a time: the next one is the next run's
            turn = following
        for run in [run for run in self._active.values() if run.is_over]:
            self._finish(run)
        if self._waiting and len(self._active) < _RUNS_MAX and self._pool.free and not self._draining:
            self._take(self._waiting.pop(0))
            self._inbox.put(lambda: None)  # look again for what there is to do

    # ── taking and leaving runs ───────────────────────────────────────────────────────────────────────

    def _look_for_runs(self) -> None:
        """Those that nobody drives: new ones, and those that another engine has left."""
        with snapshot(self._workspace.log) as connection:
            rows = unfinished_runs(connection, self._workspace.project, Executor.PROCESSES)
        self._absence.here()
        # After an absence nobody's lease is renewed yet: who drives a run has as long as ever to say so.
        if self._absence.ended_s > self._lease.total_seconds():
            ours = {*self._active, *self._ending}
            self._waiting = [row.run for row in rows if row.unheard_s is None and row.run not in ours]

    def _take(self, run: RunId) -> None:
        workspace = self._workspace
        try:
            lease = acquire(
                workspace.log.engine, workspace.project, f"run/{run}", holder=self.name, duration=self._lease
            )
            if lease is None:
                return
            self._use_store()
            found = opened(workspace, run)
            if found is None:
                release(workspace.log.engine, lease)
                return
            assert self._commits is not None, "serving"
            recorder = Recorder(
                self._commits,
                project=workspace.project,
                run=run,
                actor=workspace.actor,
                fence=lease.fence,
                clock=workspace.clock,
                told=found.progress.told,
                root=found.progress.root,
            )
            makes = {asset.key: asset for task in found.plan.tasks for asset in task.node.assets}
            crews = self._crews.of_assets(found.workspace, found.view, makes)
            active = ActiveRun(
                found,
                lease,
                recorder,
                crews,
                self,
                self.name,
                report=lambda report: self.telling.reported(run, report),
                patiently=lambda act: patiently(act, self._patience, self._absences),
            )
            self._active[run] = active
            active.begin()
            again = ", taken up again" if found.progress.is_started else ""
            LOG.info(
                "run %s: %s in %s, %s steps%s",
                run,
                found.progress.requested.selection,
                found.workspace.environment,
                f"{found.plan.length:,}",
                again,
                extra={"run": run, "status": "running"},
            )
            if run in self._cancelled:
                self._guarded(active, active.cancel)
        except DatabaseUnreachable as error:
            self._absence.away(error)
        except LogError as error:
            LOG.warning("run %s: %s", run, error, extra={"run": run})
        except LatewoodError as error:
            LOG.error("run %s cannot be driven: %s", run, error, extra={"run": run})
        except Exception:  # noqa: BLE001 - whatever it is
            LOG.exception("run %s cannot be driven", run, extra={"run": run})  # the others can
        finally:
            self._rest()

    def _finish(self, run: ActiveRun) -> None:
        """Give the run's lease back once its end is durable."""
        del self._active[run.run]
        for job in run.jobs:
            self._pool.kill(job)

        status = run.outcome.partition(",")[0]
        LOG.info("run %s: %s", run.run, run.outcome, extra={"run": run.run, "status": status})

        def give_back() -> None:
            self._give_back(run)
            if self._ending.get(run.run) is run:
                del self._ending[run.run]
            self._rest()

        self._ending[run.run] = run
        run.when_told(give_back)

    def _leave(self, run: ActiveRun, why: BaseException) -> None:
        """Another engine goes on with it, or this one, once nobody has its lease."""
        if self._active.get(run.run) is not run:
            return  # it was left before, and may have been taken again since
        LOG.warning("run %s is left: %s", run.run, why, extra={"run": run.run})
        del self._active[run.run]
        for job in run.jobs:
            self._pool.kill(job)
        run.leave()
        self._rest()

    def _leave_all(self) -> None:
        for run in self._active.values():
            for job in run.jobs:
                self._pool.kill(job)
            run.leave()

    def _give_back_all(self) -> None:
        for run in (*self._active.values(), *self._ending.values()):
            self._give_back(run)
        self._active.clear()
        self._ending.clear()
        self._rest()

    def _give_back(self, run: ActiveRun) -> None:
        with suppress(LogError):
            release(self._workspace.log.engine, run.lease)

    def _use_store(self) -> None:
        """Nothing is collected from now on, until no run is left whose facts are on their way."""
        if not self._active and not self._ending:
            self._store_in_use.close()
            self._store_in_use.enter_context(in_use(self._workspace.store))

    def _rest(self) -> None:
        if not self._active and not self._ending:
            self._store_in_use.close()

    def _guarded(self, run: ActiveRun, act: Callable[[], T]) -> T | None:
        """What it returns; a run that the log or the store refuses is left, and the others go on."""
        try:
            return act()
        except (LogError, StoreError) as error:
            self._leave(run, error)
        except Exception as error:  # noqa: BLE001 - whatever it is
            LOG.exception("run %s", run.run, extra={"run": run.run})  # the others go on
            self._leave(run, error)
        return None

    # ── threads that tell it what happens ─────────────────────────────────────────────────────────────

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Hear of runs and cancellations as they are recorded."""
        thread = threading.Thread(target=self._listen, name="latewood-listener", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()

    def _listen(self) -> None:
        url = self._workspace.url
        for _ in hints(None if url is None else dsn(url, role="engine"), stop=self._stop):
            self._inbox.put(self._look)

    def _look(self) -> None:
        """See what was asked for since."""
        self.telling.comes_round()
        try:
            self._look_for_runs()
            self._look_for_cancellations()
        except DatabaseUnreachable as error:
            self._absence.away(error)

    def _look_behind(self) -> None:
        """Look, and take what waits even while no slot is free: any engine with a free one would have taken it."""
        self._look()
        for _ in range(self._slots):
            if self._waiting and len(self._active) < _RUNS_MAX and not self._draining:
                self._take(self._waiting.pop(0))

    def _look_for_cancellations(self) -> None:
        project = self._workspace.project
        while events := self._workspace.log.read(project, CANCELLATIONS, after=self._cancellations):
            for event in events:
                fact = from_json(event.type, event.data)
                assert isinstance(fact, RunCancelRequested), "nothing else is in this stream"
                self._cancelled.add(fact.run)
                if (active := self._active.get(fact.run)) is not None:
                    self._guarded(active, active.cancel)
            self._cancellations = events[-1].version

    @contextmanager
    def _automating(self) -> Iterator[None]:
        """Ask for what schedules and rules say, as it becomes due and as the log grows."""
        thread = threading.Thread(target=self._automate, name="latewood-automation", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _automate(self) -> None:
        """Evaluate until the engine stops; what goes wrong is tried again at the pace of looking."""
        seen, due, wait_s = -1, None, 0.0
        while not self._stop.wait(wait_s):
            begun, until = monotonic(), None
            try:
                end = self._workspace.log.position()
                if end != seen or (due is not None and due <= self._workspace.clock()):
                    due, seen = evaluate(self._workspace), end
                until = due
            except DatabaseUnreachable as error:
                self._absence.away(error)
            except (LatewoodError, LogError) as error:
                LOG.warning("automation: %s", error)
            except Exception:  # noqa: BLE001 - whatever it is
                LOG.exception("automation")
            # It takes a tenth of a processor at most, however much there is to look at.
            wait_s = max(_LOOK_S, 10 * (monotonic() - begun))
            if until is not None:
                wait_s = min(wait_s, max(0.05, (until - self._workspace.clock()).total_seconds()))

    @contextmanager
    def _keeping(self) -> Iterator[None]:
        """Renew the leases of the runs that are driven, and look for those that others have left."""
        thread = threading.Thread(target=self._keep, name="latewood-leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            with suppress(LogError):  # then it ends by itself
                if self._here is not None:
                    release(self._workspace.log.engine, self._here)

    def _be_here(self) -> None:
        """Keep the lease that says that this engine serves: nobody needs it but who asks whether any does."""
        log, project = self._workspace.log.engine, self._workspace.project
        with suppress(LogError):
            try:
                if self._here is None:
                    name = f"{ENGINES}{self.name}"
                    self._here = acquire(log, project, name, holder=self._workspace.actor, duration=self._lease)
                else:
                    renew(log, self._here, duration=self._lease)
            except LeaseLost:
                self._here = None

    def _keep(self) -> None:
        self._be_here()
        while not self._stop.wait(self._lease.total_seconds() / 3):
            begun = monotonic()
            for run in (*self._active.values(), *self._ending.values()):
                try:
                    renew(self._workspace.log.engine, run.lease, duration=self._lease)
                except LeaseLost as error:
                    self._inbox.put(lambda run=run, error=error: self._leave(run, error))  # type: ignore[misc]
                except LogError:
                    break  # the server is away; it may be back before the leases end
            self._be_here()  # after those that something hangs on
            LOG.debug("leases renewed in %.3f s", monotonic() - begun)
            self._inbox.put(self._look_behind)
