"""The engine: takes runs that were asked for, drives them by worker processes, and goes on with what others have left.

One thread decides, and hears of everything through its inbox: that there are new runs, that a worker has answered, that
a timer has run out. Any number of engines may run; a lease says which one drives a run, and its epoch keeps late words
of one that was only slow out of the log.
"""

import threading
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from math import inf
from time import monotonic
from typing import Final

from latewood.commands.views import view_of
from latewood.commands.workspace import Workspace
from latewood.engine.running.pool import Pool
from latewood.engine.running.presence import process_name, stay_alone
from latewood.engine.running.run_log import Absences
from latewood.engine.running.workers import Crew
from latewood.engine.storage.caches import caches_in_use
from latewood.errors import LatewoodError
from latewood.model.keys import RunId
from latewood.serving.absence import Absence
from latewood.serving.crews import Crews
from latewood.serving.inbox import Inbox
from latewood.serving.log_lines import LOG
from latewood.serving.lookout import Growth, rest_s
from latewood.serving.parts import Parts
from latewood.serving.project import ProjectRuns
from latewood.serving.remotes import Remotes
from latewood.serving.telling import Telling
from latewood_eventlog.database import dsn
from latewood_eventlog.errors import DatabaseUnreachable, LogError
from latewood_eventlog.leases import Lease
from latewood_eventlog.records import Position
from latewood_eventlog.tailer import hints

LEASE: Final = timedelta(seconds=10)
"""After which the runs of an engine that is not heard of any more are taken by another one."""

_ANSWERS: Final = timedelta(seconds=2)
"""Who waits for a database that was away asks once a second: by then what was told is durable, and slots are had."""


class Engine:
    """Drives the runs of these projects of one database, each in turn; `more` says which others there are by now.

    `lease` is for how long a run stays ours when we are not heard of. With `only` it drives this run alone, ends once
    that has ended, and asks and tells nobody anything else.
    """

    def __init__(
        self,
        *workspaces: Workspace,
        slots: int,
        lease: timedelta = LEASE,
        patience: timedelta = timedelta(minutes=10),
        name: str = "",
        more: Callable[[], Iterable[Workspace]] = lambda: (),
        only: RunId | None = None,
    ) -> None:
        self.name = name or process_name()
        self._workspace = workspaces[0]
        self._inbox = Inbox(self._workspace.clock)
        self._pool = Pool(slots)
        absence = Absence()
        self.telling = Telling(
            lambda: [project.workspace for project in self._projects],
            engine=self.name,
            pool=self._pool,
            runs=lambda: sum(len(project.active) for project in self._projects),
            absence=absence,
        )
        self._parts = Parts(
            name=self.name,
            lease=lease,
            patience=patience,
            inbox=self._inbox,
            pool=self._pool,
            crews=Crews(),
            absence=absence,
            absences=Absences(absence.told),
            telling=self.telling,
            growth=Growth(self._workspace.log.position),
            remotes=Remotes(),
            only=only,
        )
        self._more = more
        self._served = ExitStack()
        self._projects = tuple(ProjectRuns(workspace, self._parts) for workspace in workspaces)
        self._order = deque(self._projects)  # whose turn it is
        self._stop = threading.Event()
        self._draining = False

    # ── the engine's thread ───────────────────────────────────────────────────────────────────────────

    def serve(self) -> None:
        """Drive runs until `drain`; then what is under way is finished, and runs that are not stay for others.

        Raises KeyboardInterrupt, and why its `only` run cannot be opened; what is under way is then left as it is.
        """
        with caches_in_use(self._workspace.home):
            try:
                with self._served, self._threads():
                    for project in self._projects:
                        self._served.enter_context(project.served(self._stop))
                    self._serve()
            finally:
                self._pool.close()
                for project in self._projects:
                    project.close()

    def _serve(self) -> None:
        names = ", ".join(project.workspace.project for project in self._projects)
        LOG.info("engine %s drives runs of project %s with %d workers", self.name, names, self._pool.slots)
        try:
            self._look()
            while not (self._draining and all(project.is_settled for project in self._projects)):
                self._inbox.hear(self._patience_s)
                self._dispatch()
                if not self._gives_up_s:
                    for project in self._projects:
                        project.give_up_overdue()
        finally:
            for project in self._projects:
                project.leave_all()

    @property
    def _patience_s(self) -> float | None:
        """Seconds until something is given up that waits to begin; None where nothing is, as far as can be said."""
        limits = [limit for project in self._projects if (limit := project.patience_s) is not None]
        patience_s = max(min(limits, default=inf), self._gives_up_s)
        return None if patience_s == inf else patience_s

    @property
    def _gives_up_s(self) -> float:
        """Seconds until what has waited too long is given up.

        Never while it drains: who goes on begins it, or gives it up. Nor while the database is away, when nothing can
        begin, however free all is that it waits for; and once it is back, not before that was seen.
        """
        return inf if self._draining else self._parts.absence.rests_s(self._parts.lease + _ANSWERS)

    def warm(self, environment: str) -> None:
        """Have processes ready with what is deployed in the environment, once that is found out. From any thread."""
        for project in self._projects:
            workspace = replace(project.workspace, environment=environment)
            warming = threading.Thread(target=self._warm, args=(workspace,), name="latewood-warming", daemon=True)
            self._inbox.put(warming.start)  # by when the caches are in use

    def _warm(self, workspace: Workspace) -> None:
        """In a thread of its own: environments may have to be built, and those of one location after the other's."""
        crews: Iterable[Crew] = ()
        try:
            view = view_of(workspace)
            crews = self._parts.crews.of_assets(workspace, view, view.catalog.assets)
        except (LatewoodError, LogError) as error:
            LOG.warning("what is deployed in %s cannot be made ready: %s", workspace.environment, error)
        except Exception:  # noqa: BLE001 - whatever it is
            LOG.exception("what is deployed in %s cannot be made ready", workspace.environment)
        for crew in crews:
            if crew.broken is not None:
                LOG.warning("what is deployed in %s cannot be made ready: %s", workspace.environment, crew.broken)
            self._inbox.put(partial(self._pool.warm, crew))

    def _add(self, workspace: Workspace) -> None:
        """Drive that project's runs as well, unless that is done."""
        if workspace.project in {project.workspace.project for project in self._projects}:
            return
        LOG.info("engine %s drives runs of project %s, too", self.name, workspace.project)
        project = ProjectRuns(workspace, self._parts)
        self._served.enter_context(project.served(self._stop))
        self._projects = (*self._projects, project)
        self._order.append(project)
        project.look()

    def drain(self) -> None:
        """Begin nothing new, and end once what is under way has ended. From any thread, or a signal's handler."""

        def begin() -> None:
            self._draining = True
            for project in self._projects:
                project.settle()

        self._inbox.put(begin)

    def _dispatch(self) -> None:
        """Fill the free workers, one call of each project in turn."""
        for project in self._projects:
            project.see_to_jobs()
        idle: set[RunId] = set()
        left = len(self._projects)
        while left and self._pool.free:
            job = self._order[0].next(idle)
            self._order.rotate(-1)  # one free worker at a time: the next one is the next project's
            if job is None:
                left -= 1
            else:
                self._pool.submit(job)
                left = len(self._projects)
        taken = 0
        for project in self._projects:
            self._draining |= self._parts.only in project.finish_over()
            taken += not self._draining and project.take_one()
        if taken:
            self._inbox.put(lambda: None)  # look again for what there is to do

    def _look(self) -> None:
        """See what was asked for since."""
        self.telling.comes_round()
        for project in self._projects:
            project.look()

    def _look_behind(self) -> None:
        """The same, and take what others would have taken; who waits for a turn may have missed that it is there."""
        for project in self._projects:
            project.look_behind(0 if self._draining else self._pool.slots)

    def _look_for_turns(self, alone: Container[Lease]) -> None:
        """Also where no run is driven: by its looks it is told from one that hangs or has died.

        Where it rested `alone` that was seen, and said, for all such projects at once.
        """
        self.telling.comes_round()
        for project in self._projects:
            if project.resting not in alone:
                project.look_for_turns()

    # ── threads that tell it what happens ─────────────────────────────────────────────────────────────

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """What goes on beside the engine's thread, until the block ends."""
        works = {"listener": self._listen, "leases": self._keep}
        works |= {"automation": self._automate} if self._parts.only is None else {}
        threads = {
            name: threading.Thread(target=work, name=f"latewood-{name}", daemon=True) for name, work in works.items()
        }
        for thread in threads.values():
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for name, thread in threads.items():
                if name != "listener":  # it may be waiting for a hint still, and holds nothing
                    thread.join()

    def _listen(self) -> None:
        """Hear of runs and cancellations as they are recorded, and of what steps wait for."""
        url, seen = self._workspace.url, -1
        for _ in hints(None if url is None else dsn(url, role="engine"), stop=self._stop):
            end, alone = seen, frozenset[Lease]()
            try:
                end = self._workspace.log.position()
                if end == seen:
                    resting = [lease for project in self._projects if (lease := project.resting) is not None]
                    alone = stay_alone(self._workspace.log, resting, self._parts.lease)
            except LogError as error:
                self._parts.absence.away(error)
            if end != seen:
                seen = end
                self._parts.growth.told(end)
                self._inbox.put(self._look)
            else:
                self._inbox.put(partial(self._look_for_turns, alone))

    def _keep(self) -> None:
        """Renew the leases of the runs that are driven, and look for those that others have left."""
        while not self._stop.wait(self._parts.lease.total_seconds() / 3):
            begun = monotonic()
            for project in self._projects:
                try:
                    project.renew()
                except Exception:  # noqa: BLE001 - whatever it is
                    LOG.exception("leases")  # they are renewed again before they end
            LOG.debug("leases renewed in %.3f s", monotonic() - begun)
            with suppress(LogError):  # those that came are seen when the database is back
                for workspace in self._more():
                    self._inbox.put(lambda workspace=workspace: self._add(workspace))  # type: ignore[misc]
            self._inbox.put(self._look_behind)

    def _automate(self) -> None:
        """Ask for what schedules and rules say, as it becomes due and as the log grows.

        What goes wrong is tried again at the pace of looking.
        """
        clock, wait_s = self._workspace.clock, 0.0
        while not self._stop.wait(wait_s):
            begun, until = monotonic(), []
            end: Position | None = None
            for project in self._projects:
                try:
                    end = self._workspace.log.position() if end is None else end
                    until.append(project.ask_for_what_is_due(end))
                except DatabaseUnreachable as error:
                    self._parts.absence.away(error)
                except (LatewoodError, LogError) as error:
                    LOG.warning("automation: %s", error)
                except Exception:  # noqa: BLE001 - whatever it is
                    LOG.exception("automation")
            wait_s = rest_s(monotonic() - begun, min(filter(None, until), default=None), clock())
