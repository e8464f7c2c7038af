"""What calls code of users as it is due: sensors, and schedules that look. Those of a location take turns in a process.

An engine and `latewood automation tick` do the same. A lease keeps others from asking a sensor at the same time, and
until its interval is over: it is not given back before.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from latewood.commands.automations import Found, automations_everywhere, automations_here
from latewood.commands.views import view_of
from latewood.commands.workspace import Workspace
from latewood.decide.automation import timing_of
from latewood.decide.sensors import wait_after
from latewood.engine.running.worker_process import Worker
from latewood.engine.running.worker_protocol import Answered, Failed, Request, Sense, Sensed
from latewood.engine.running.workers import Crew
from latewood.errors import LatewoodError
from latewood.events import AutomationEvaluated, Failure, FailureKind, SensorEvaluated
from latewood.model.automations import ScheduleDefinition, SensorDefinition
from latewood.projections.catalog import deployed
from latewood.projections.configurations import configured_along
from latewood.projections.environments import line_of
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.serving.absence import Absence
from latewood.serving.crews import Crews
from latewood.serving.log_lines import LOG
from latewood.serving.lookout import LOOK_S, Growth, looking
from latewood.serving.observing import observe_due, observing_by
from latewood.serving.pace import Pace, calls_code
from latewood.serving.sensing import Outcome, ask_once, nothing_to_tell
from latewood_eventlog.errors import LeaseLost, LogError
from latewood_eventlog.leases import Lease, acquire, release, renew
from latewood_eventlog.records import Position

_AT_ONCE_MAX: Final = 8
"""Locations whose sensors are asked at a time."""

_IDLE_S: Final = 60.0
"""After which a process that nobody asked is ended."""

_AGE_MAX_S: Final = 3_600.0
"""After which a process is replaced: what user code leaks does not add up for ever."""

_LOOKING: Final = timedelta(minutes=10)
"""How long others leave a look at external assets to who began it; after that they look, too."""

_LAST_WORDS_S: Final = 10.0
"""How long a process may take to leave its resources."""

_MARGIN: Final = timedelta(minutes=1)
"""How much longer than its timeout a sensor is kept from others: its process may have to be started first."""


class Sensors:
    """Asks them, for a `holder` of leases. `hear` is told, in some thread, what was recorded. To be closed.

    `end` says where the log ends, for who knows it without asking.
    """

    def __init__(
        self,
        workspace: Workspace,
        holder: str,
        hear: Callable[[SensorEvaluated | AutomationEvaluated], None],
        environ: Mapping[str, str] | None = None,
        *,
        end: Callable[[], Position] | None = None,
    ) -> None:
        self._workspace = workspace
        self._end = end or workspace.log.position
        self._holder = holder
        self._hear = hear
        self._environ = os.environ if environ is None else environ
        self._crews = Crews()
        self._known: dict[tuple[object, ...], Crew] = {}
        self._working: dict[int, _Working] = {}
        self._asking: dict[tuple[str, str], threading.Thread] = {}
        self._more: frozenset[tuple[str, str]] = frozenset()  # whose sensors were told, and may be told more
        self._ending: list[threading.Thread] = []
        self._pace = Pace()
        self._found: tuple[Position, list[Found]] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def look(self) -> datetime | None:
        """Begin to ask all that are due, in every environment; when the next one is. Raises LogError."""
        end = self._end()
        if self._found is None or self._found[0] != end:
            self._found = end, automations_everywhere(self._workspace)
        return self._begin(self._found[1], end)

    def ask_here(self) -> None:
        """Ask all that are due in the workspace's environment, and wait until they have answered. Raises LogError."""
        while True:
            end, found = self._workspace.log.position(), automations_here(self._workspace)
            self._begin(found, end, at_once=len(found))
            for thread in self._asking.values():
                thread.join()
            if not self._more:
                return

    def close(self) -> None:
        """End all of their processes; what is being asked is not answered, and is no failure."""
        with self._lock:
            self._closed = True
        while asking := [thread for thread in self._asking.values() if thread.is_alive()]:
            for working in list(self._working.values()):
                working.worker.interrupt()
            asking[0].join(_LAST_WORDS_S / 50)
        for ending in [*self._ending, *(_end(working.worker) for working in self._working.values())]:
            ending.join()

    def _begin(self, automations: list[Found], end: Position, at_once: int = _AT_ONCE_MAX) -> datetime | None:
        now = self._workspace.clock()
        due: dict[tuple[str, str], list[Found]] = {}
        again: list[datetime] = []
        with self._lock:
            self._end_unused()
            self._asking = {home: thread for home, thread in self._asking.items() if thread.is_alive()}
            for found in automations:
                if not calls_code(found) or not found.is_on:
                    continue
                at = self._pace.due_at(found, now, end)
                if at is not None and at <= now:
                    due.setdefault((found.environment, found.location), []).append(found)
                elif at is not None:
                    again.append(at)
            self._more &= due.keys() | self._asking.keys()
            if self._more:
                again.append(now)
            if due:  # they are asked, or wait for one that is
                again.append(now + timedelta(seconds=LOOK_S))
            for home, sensors in due.items():
                if home not in self._asking and len(self._asking) < at_once:
                    self._asking[home] = threading.Thread(
                        target=self._ask_all, args=(sensors,), name=f"latewood-sensors-{home[1]}", daemon=True
                    )
                    self._asking[home].start()
        return min(again, default=None)

    def _ask_all(self, sensors: list[Found]) -> None:
        """Each once: who has much to be told of keeps no other one waiting."""
        home = sensors[0].environment, sensors[0].location
        more = False
        for found in sensors:
            if self._closed:
                break
            try:
                more = self._ask(found) or more
            except _Left:
                break
            except (LatewoodError, LogError) as error:
                LOG.warning("sensor %s: %s", found.name, error)
                self._leave_alone(found)
            except Exception:  # noqa: BLE001 - whatever it is
                LOG.exception("sensor %s", found.name)  # the others are asked
                self._leave_alone(found)
        with self._lock:
            self._more = self._more | {home} if more and not self._closed else self._more - {home}

    def _leave_alone(self, found: Found) -> None:
        with self._lock:
            self._pace.not_before(found, self._workspace.clock() + wait_after(1))

    def _ask(self, found: Found) -> bool:
        """Whether there may be more to tell it of right away."""
        sensor = found.definition
        if isinstance(sensor, ScheduleDefinition):
            self._look(found)
            return False
        assert isinstance(sensor, SensorDefinition), "nothing else is due"
        workspace = replace(self._workspace, environment=found.environment)
        at, begun = workspace.clock(), monotonic()
        interval = timedelta(seconds=sensor.interval_s)
        if sensor.watch and (upto := nothing_to_tell(workspace, found, self._pace.looked(found))):
            with self._lock:
                self._pace.was_asked(found, at, Outcome(fact=None, looked=upto))
            return False
        # Changed, it is another one, which has not been asked.
        name = f"sensor/{found.environment}/{found.location}:{found.name}/{timing_of(sensor)}"
        duration = max(interval, timedelta(seconds=sensor.timeout_s) + _MARGIN)
        lease = acquire(workspace.log.engine, workspace.project, name, holder=self._holder, duration=duration)
        if lease is None:
            with self._lock:
                self._pace.not_before(found, at + max(timedelta(seconds=1), interval / 4))
            return False
        try:
            outcome = ask_once(workspace, found, self._answer, looked=self._pace.looked(found))
            with self._lock:
                self._pace.was_asked(found, at, outcome)
            if outcome.fact is not None:
                self._hear(outcome.fact)
            return not (interval or outcome.fact is None or outcome.fact.failures)
        finally:
            self._give_back(lease, interval - timedelta(seconds=monotonic() - begun))

    def _look(self, found: Found) -> None:
        workspace = replace(self._workspace, environment=found.environment)
        name = f"observing/{found.environment}/{found.location}:{found.name}"
        lease = acquire(workspace.log.engine, workspace.project, name, holder=self._holder, duration=_LOOKING)
        with self._lock:
            self._pace.not_before(found, workspace.clock() + timedelta(seconds=LOOK_S))
        if lease is None:
            return
        try:
            fact = observe_due(workspace, found, observing_by(self._answering))
            if fact is not None:
                self._hear(fact)
        finally:
            release(workspace.log.engine, lease)

    def _give_back(self, lease: Lease, rest: timedelta) -> None:
        """Once its interval is over."""
        try:
            if rest > timedelta():
                renew(self._workspace.log.engine, lease, duration=rest)
            else:
                release(self._workspace.log.engine, lease)
        except LeaseLost:
            pass

    # ── their processes ───────────────────────────────────────────────────────────────────────────────

    def _answer(self, workspace: Workspace, location: str, sense: Sense) -> Sensed | Failed:
        answer = self._answering(workspace, location)(sense)
        assert isinstance(answer, Sensed | Failed), f"a sensor is answered by {type(answer).__name__}"
        return answer

    def _answering(self, workspace: Workspace, location: str) -> Callable[[Request], Answered]:
        """Has a process of the location answer, by the code that is deployed now."""
        try:
            crew = self._crew(workspace, location)
        except LatewoodError as error:
            crew = Crew.broken_by(error)

        def answer(request: Request) -> Answered:
            if crew.broken is not None:
                return _failed(crew.broken)
            try:
                answered: Answered = self._worker(crew).ask(request)
            except (LatewoodError, OSError) as error:
                answered = _failed(error)
            if self._closed:  # it may have been ended for that
                raise _Left
            return answered

        return answer

    def _crew(self, workspace: Workspace, location: str) -> Crew:
        """Who has the location's code as it is deployed, and configured, now."""
        with snapshot(workspace.log) as connection:
            deployments = deployed(connection, workspace.project, workspace.environment, NOW)
            line = line_of(connection, workspace.project, workspace.environment, NOW)
            configured = configured_along(connection, workspace.project, line)
        digests = tuple(sorted((*slot, found.digest) for slot, found in configured.items()))
        key = (workspace.environment, location, tuple(sorted(deployments.items())), digests)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = self._crews.of_location(workspace, view_of(workspace), location)
            with self._lock:
                others = {k: crew for k, crew in self._known.items() if k[:2] != key[:2]}
                self._known = others if known.broken else {**others, key: known}
        return known

    def _worker(self, crew: Crew) -> Worker:
        """A process with that code; one location's sensors are asked by one thread."""
        with self._lock:
            working = self._working.get(id(crew))
            if working is None:
                working = self._working[id(crew)] = _Working(crew.worker(self._environ), crew)
            working.used = monotonic()
            return working.worker

    def _end_unused(self) -> None:
        busy = {home[1] for home, thread in self._asking.items() if thread.is_alive()}
        for key, working in list(self._working.items()):
            is_old = monotonic() - working.started > _AGE_MAX_S or monotonic() - working.used > _IDLE_S
            if is_old and working.worker.location not in busy:
                del self._working[key]
                self._ending = [*filter(threading.Thread.is_alive, self._ending), _end(working.worker)]


@dataclass(slots=True)
class _Working:
    """A process with a crew's code, and since when it is there and was last used."""

    worker: Worker
    crew: Crew  # kept, for what is known by its identity
    started: float = field(default_factory=monotonic)
    used: float = field(default_factory=monotonic)


class _Left(Exception):
    """Nobody is there any more to hear the answer."""


def _end(worker: Worker) -> threading.Thread:
    """Let it leave its resources, or end it if that takes too long."""

    def end() -> None:
        late = threading.Timer(_LAST_WORDS_S, worker.interrupt)
        late.start()
        try:
            worker.close()
        except (LatewoodError, OSError) as error:
            LOG.warning("sensors of %s: %s", worker.location, error)
        finally:
            late.cancel()

    thread = threading.Thread(target=end, name=f"latewood-ending-{worker.location}", daemon=True)
    thread.start()
    return thread


@contextmanager
def sensing(
    workspace: Workspace, holder: str, stop: threading.Event, absence: Absence, growth: Growth
) -> Iterator[None]:
    """Have the project's sensors asked as they are due, until the block ends, which sets `stop`."""
    sensors = Sensors(workspace, holder, _tell, end=growth.end)
    with closing(sensors), looking("sensors", sensors.look, workspace.clock, stop, absence, growth):
        yield


def _tell(fact: SensorEvaluated | AutomationEvaluated) -> None:
    if isinstance(fact, AutomationEvaluated):
        if fact.problem:
            LOG.warning("schedule %s: %s", fact.name, fact.problem)
        return
    for asked in fact.requests:
        LOG.info("run %s: asked for by sensor %s, run key %s", asked.run, fact.name, asked.key)
    if fact.problem:
        LOG.warning("sensor %s: %s", fact.name, fact.problem)


def _failed(error: LatewoodError | OSError) -> Failed:
    """Nobody was called: that costs no try."""
    return Failed(failure=Failure(kind=FailureKind.INTERRUPTED, error=type(error).__name__, message=str(error)))
