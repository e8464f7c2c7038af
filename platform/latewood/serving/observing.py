"""Looking at external assets as a schedule says, or somebody asks, by processes of their locations.

Of a schedule what is seen is recorded, and then the tick. Who dies in between looks again: a look more makes nothing.
"""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from time import monotonic
from typing import Final, Generic, Self, TypeVar

from msgspec import structs

from latewood.commands.automations import Found, stands_now, stream_of
from latewood.commands.observing import looked_at, observed_before
from latewood.commands.sightings import Observed
from latewood.commands.views import View, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.automation import due, run_for, timing_of
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.decide.state import VersionFacts
from latewood.engine.running.asks import Judging
from latewood.engine.running.attempt import Evaluated
from latewood.engine.running.calls import Raised
from latewood.engine.running.looking import Absent, Sight
from latewood.engine.running.worker_process import Worker, WorkerUnusable
from latewood.engine.running.worker_protocol import (
    Answered,
    Check,
    Checked,
    Failed,
    LookAt,
    NothingThere,
    Read,
    Request,
    Sighted,
)
from latewood.engine.running.workers import Crew, evaluated_of, raised_of
from latewood.engine.storage.caches import caches_in_use
from latewood.engine.values.recordable import text
from latewood.errors import Conflict, LatewoodError, UsageError
from latewood.events import AutomationEvaluated
from latewood.model.automations import ScheduleDefinition
from latewood.model.definitions import AssetDefinition, CheckDefinition, Origin
from latewood.model.keys import AssetKey, RunId
from latewood.model.partitions import key_at
from latewood.serving.crews import Crews
from latewood.serving.sensing import record_as_it_stood
from latewood_eventlog.errors import EventConflict

T = TypeVar("T")

Answering = Callable[[Request], Answered]
"""Has a process with an asset's code answer."""

LOOKING_S: Final = 60.0
"""How long all looks may take that somebody waits for who asks a server."""

_ASKED_LENGTH: Final = 4
"""So much of an observation's id is of what was asked for, 20 bits, behind what is of the key."""

Observe = Callable[[Workspace, str, ScheduleDefinition], Observed]
"""Looks at what a schedule of that location says. Raises UsageError where there is nothing to look at."""


def observe_due(workspace: Workspace, found: Found, observe: Observe) -> AutomationEvaluated | None:
    """Look once at what a schedule says, if that is due; what was recorded. The workspace is of its environment.

    For several ticks that went by one look is enough. Raises LogError, StoreError.
    """
    schedule = found.definition
    assert isinstance(schedule, ScheduleDefinition), "nothing else ticks"
    # Read before where it stands: an append that this does not show makes ours refused.
    version = workspace.log.version(workspace.project, stream_of(found.environment))
    found = stands_now(workspace, found)
    now = workspace.clock()
    ticked = due(schedule, found.standing, now)
    if not found.is_on or not ticked.is_news or ticked.until is None:
        return None
    fact = AutomationEvaluated(
        environment=found.environment,
        location=found.location,
        name=found.name,
        timing=timing_of(schedule),
        at=now,
        until=ticked.until,
        missed=ticked.missed + max(0, len(ticked.ticks) - 1),
    )
    if ticked.ticks:
        try:
            fact = structs.replace(fact, observed=observe(workspace, found.location, schedule).observation)
        except UsageError as error:
            fact = structs.replace(fact, problem=text(str(error)))
    return fact if record_as_it_stood(workspace, found, fact, (), version) else None


def observing_by(answering: Callable[[Workspace, str], Answering]) -> Observe:
    """Looks by processes of a location, as it is deployed in the workspace's environment."""

    def observe(workspace: Workspace, location: str, schedule: ScheduleDefinition) -> Observed:
        answer = answering(workspace, location)
        return observe_by(answer, workspace, location, schedule.selection, schedule.partition)

    return observe


def observe_by(answering: Answering, workspace: Workspace, location: str, selection: str, partition: str) -> Observed:
    """Look at what is selected of the location, as it is deployed, by a process of its own. Raises as `looked_at`."""
    view, observation = view_of(workspace), workspace.new_run()
    assets = _observable(view, selection, location)
    eyes = _Eyes(observation, lambda _: answering)
    return looked_at(workspace, view, assets, partition, observation, eyes.look, eyes.evaluate)


def observe_deployed(
    workspace: Workspace,
    selection: str,
    *,
    partition: str = "",
    key: str = "",
    environ: Mapping[str, str],
    limit_s: float = LOOKING_S,
) -> Observed:
    """Look at what is selected of all locations, as they are deployed, by processes of theirs: all, or nothing.

    With a `key` it is looked at once: who asks again with it gets what was seen then.
    Raises UsageError where there is nothing to look at, and where it takes longer than that; Conflict for a key by
    which something else was looked at, and for a location whose code cannot be run any more; LogError, StoreError.
    """
    if not key:
        return _observed(workspace, selection, partition, workspace.new_run(), "", environ, limit_s)
    name = run_for((workspace.project, "observed"), key)
    asked = run_for((workspace.environment, selection, partition), key)
    observation = RunId(f"{name}{asked[:_ASKED_LENGTH]}")
    if (before := observed_before(workspace, name, observation)) is not None:
        return before
    try:
        done = _observed(workspace, selection, partition, observation, name, environ, limit_s)
    except EventConflict:  # somebody else has asked by this key meanwhile
        if (before := observed_before(workspace, name, observation)) is None:
            raise
        return before
    if done.repeated:  # they have seen this, and maybe more
        return observed_before(workspace, name, observation) or done
    return done


def _observed(
    workspace: Workspace,
    selection: str,
    partition: str,
    observation: RunId,
    name: str,
    environ: Mapping[str, str],
    limit_s: float,
) -> Observed:
    """Raises EventConflict for a name by which something else was recorded meanwhile."""
    view = view_of(workspace)
    assets = _observable(view, selection)
    with caches_in_use(workspace.home.absolute()), _Homes(workspace, view, environ, limit_s) as homes:
        eyes = _Eyes(observation, homes.answering)
        return looked_at(
            workspace, view, assets, partition, observation, eyes.look, eyes.evaluate, together=True, name=name
        )


def _observable(view: View, selection: str, location: str = "") -> Sequence[AssetDefinition]:
    """What can be looked at, of a location or of all."""
    parsed = parse(selection)
    if uses_status(parsed):
        raise UsageError(f'"{selection}": what is to be observed is chosen by key, group, tag, owner or kind')
    chosen = [view.catalog[key] for key in select(parsed, view.catalog.graph, view.catalog.assets)]
    own = [a for a in chosen if a.origin is Origin.EXTERNAL and location in ("", view.locations[a.key])]
    found = [asset for asset in own if asset.observable or asset.stored is not None]
    if not found:
        of = f" of {location}" if location else ""
        raise UsageError(
            f'"{selection}" selects no external asset{of} that has an observer or an IO: there is nothing to look at'
        )
    return found


class _Homes:
    """A process of each location that is asked, started when it is, for so long. To be used in a `with` block."""

    def __init__(self, workspace: Workspace, view: View, environ: Mapping[str, str], limit_s: float) -> None:
        self._workspace = workspace
        self._view = view
        self._environ = environ
        self._limit_s = limit_s
        self._until = monotonic() + limit_s
        self._crews = Crews()
        self._workers: dict[str, Worker] = {}
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def answering(self, asset: AssetKey) -> Answering:
        """Has the location of that asset answer. Raises Conflict where it cannot, UsageError once the time is over."""
        location = self._view.locations[asset]

        def answer(request: Request) -> Answered:
            try:
                found: Answered = self._worker(location).ask(request)
            except WorkerUnusable as error:
                self._refuse_late()  # it may have been ended for that
                raise Conflict(str(error)) from error
            self._refuse_late()
            return found

        return answer

    def _worker(self, location: str) -> Worker:
        if location not in self._workers:
            crew = self._crew(location)
            if crew.broken is not None:
                raise Conflict(str(crew.broken)) from crew.broken
            self._refuse_late()
            worker = self._ending.enter_context(crew.worker(self._environ))
            late = threading.Timer(self._until - monotonic(), worker.interrupt)
            late.daemon = True
            late.start()
            self._ending.callback(late.cancel)
            self._ending.callback(_close, worker)
            self._workers[location] = worker
        return self._workers[location]

    def _crew(self, location: str) -> Crew:
        """Who is at that location. What is not ready by then goes on to be, for who asks again."""
        workspace, view = self._workspace, self._view

        def prepared() -> Crew:
            with caches_in_use(workspace.home.absolute()):  # who has asked may have gone by then
                return self._crews.of_location(workspace, view, location)

        try:
            deployed = frozenset(view.deployments.items())
            slot = workspace.home, workspace.project, workspace.environment, deployed, location
            return _PREPARING.within(self._until - monotonic(), slot, prepared)
        except TimeoutError:
            raise self._late(f"the environment of {location} is being built: ask again when it is") from None

    def _refuse_late(self) -> None:
        if monotonic() > self._until:
            raise self._late("select fewer assets, or with --partition fewer partitions")

    def _late(self, way_out: str) -> UsageError:
        return UsageError(f"looking took longer than {self._limit_s:g} s, and nothing of it was recorded; {way_out}")


class Preparing(Generic[T]):
    """What is being prepared, each thing once, by a thread of its own, however many ask for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._going: dict[Hashable, Future[T]] = {}

    def within(self, limit_s: float, slot: Hashable, act: Callable[[], T]) -> T:
        """What the act returns, or raises; or one that is under way in the slot already.

        Raises TimeoutError after so long; then it goes on.
        """
        with self._lock:
            done = self._going.get(slot)
            if done is None:
                done = Future()
                of = slot, act, done
                threading.Thread(target=self._run, args=of, name="latewood-preparing", daemon=True).start()
                self._going[slot] = done
        return done.result(max(0.0, limit_s))

    def _run(self, slot: Hashable, act: Callable[[], T], done: Future[T]) -> None:
        try:
            made = act()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self._forget(slot)
            done.set_exception(error)
        else:
            self._forget(slot)
            done.set_result(made)

    def _forget(self, slot: Hashable) -> None:
        with self._lock:
            del self._going[slot]


_PREPARING: Final = Preparing[Crew]()


def _close(worker: Worker) -> None:
    """Let it leave its resources, if it still can."""
    with suppress(LatewoodError, OSError):
        worker.close()


class _Eyes:
    """Sees and judges by processes of the assets' locations, for one observation."""

    def __init__(self, observation: RunId, answering: Callable[[AssetKey], Answering]) -> None:
        self._observation = observation
        self._answering = answering

    def look(self, asset: AssetDefinition, ordinal: int) -> Sight | Absent | Raised:
        partition = key_at(asset.partitions, ordinal)
        asked = LookAt(asset=asset.key, partition=partition, observation=self._observation)
        match self._answering(asset.key)(asked):
            case Sighted() as seen:
                return Sight(
                    data_version=seen.data_version,
                    metadata=seen.metadata,
                    artifact=seen.artifact,
                    output=seen.logs,
                    added=seen.added,
                )
            case NothingThere(place=place):
                return Absent(place)
            case Failed() as failed:
                return raised_of(failed)
            case other:
                raise AssertionError(f"a look is answered by {type(other).__name__}")

    def evaluate(self, step: Judging, asset: AssetDefinition, check: CheckDefinition, facts: VersionFacts) -> Evaluated:
        asked = Check(
            asset=asset.key,
            check=check.name,
            version=Read(partition=step.partition, artifact=facts.artifact),
            data_version=facts.data_version,
            run=self._observation,
            step=step.number,
        )
        answer = self._answering(asset.key)(asked)
        assert isinstance(answer, Checked | Failed), f"a check is answered by {type(answer).__name__}"
        return evaluated_of(answer)
