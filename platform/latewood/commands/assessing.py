"""How all assets of an environment stand, remembered from one reading to the next.

What is remembered was read; what happened since is in the log. Some facts say of which assets they are: these and all
downstream of them are read again, and nothing else. After any other fact that may bear on it everything is.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from latewood.commands.reading import Assessment, Read, reading
from latewood.commands.views import PRESENT, AsOf
from latewood.commands.workspace import Workspace
from latewood.decide.keys import may_name_paths
from latewood.events import (
    AssetObserved,
    CheckEvaluated,
    Event,
    HeadsMoved,
    ObservationFailed,
    StepFailed,
    StepReused,
    StepSucceeded,
    VersionAccepted,
    from_json,
)
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetId, AssetKey
from latewood.model.schemes import TimeWindows, dimensions_of
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.statistics import log_position
from latewood.projections.tried import running_partitions
from latewood_eventlog.log import OneSnapshot
from latewood_eventlog.records import Position, RecordedEvent

_QUIET: Final = frozenset(
    {
        "automation.defined",
        "automation.dropped",
        "automation.evaluated",
        "automation.switched",
        "failure.handled",
        "launchable.defined",
        "launchable.dropped",
        "notification.failed",
        "notification.raised",
        "notification.sent",
        "pool.removed",
        "pool.set",
        "reproduction.ended",
        "reproduction.started",
        "run.cancel_requested",
        "run.ended",
        "run.planned",
        "run.requested",
        "run.started",
        "sensor.evaluated",
        "step.expanded",
        "step.skipped",
        "step.started",
    }
)
"""Types of facts that bear on the status of no asset."""

_EVENTS_MAX: Final = 2_000
"""So many events are looked through; after more of them everything is read again."""

_REST: Final = timedelta(seconds=1)
"""For so long what depends on the clock, or on what lies outside of the database, counts as it was."""

_PAST_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class _Known:
    """How it stood at a position. `again_at` is when its `restless` assets are to be looked at again."""

    position: Position
    assessment: Assessment
    restless: frozenset[AssetKey]
    again_at: datetime


class Assessments:
    """What is remembered by this process: of each environment how it stands now, of a few how they stood.

    For all threads; of those that ask for the same environment one brings it up to date.
    """

    def __init__(self) -> None:
        self._now: dict[tuple[str, str], _Known] = {}
        self._past: OrderedDict[tuple[str, str, AsOf], Assessment] = OrderedDict()
        self._locks: dict[object, threading.Lock] = {}
        self._lock = threading.Lock()

    def at(self, workspace: Workspace, as_of: AsOf = PRESENT) -> Assessment:
        """How all assets stand, as `read` would have it. Raises what it does.

        Cost: O(events since it was asked last + assets these are about + what is downstream), and the runs under way.
        """
        with snapshot(workspace.log) as connection:
            workspace = replace(workspace, log=OneSnapshot(workspace.log, connection))
            if as_of != PRESENT:
                with self._alone((workspace.project, workspace.environment, as_of)):
                    return self._then(workspace, as_of)
            return self._at_present(workspace, connection)

    def _at_present(self, workspace: Workspace, connection: Snapshot) -> Assessment:
        where = (workspace.project, workspace.environment)
        with self._alone(where):
            known = self._now.get(where)
            found = None if known is None else _brought_up(workspace, known, log_position(connection))
            if found is None:
                with reading(workspace) as (_, all_of_it):
                    found = _known(all_of_it, all_of_it.view.now)
            running = running_partitions(connection, *where)
            if running != found.assessment.running:
                assessment = replace(found.assessment, running=running, worked_out={})
                found = replace(found, assessment=assessment)
            if known is None or known.position <= found.position:
                self._now[where] = found
        return found.assessment

    def _then(self, workspace: Workspace, as_of: AsOf) -> Assessment:
        key = (workspace.project, workspace.environment, as_of)
        with self._lock:
            if (found := self._past.get(key)) is not None:
                self._past.move_to_end(key)
                return found
        with reading(workspace, as_of) as (_, read):
            found = _without_state(read)
        with self._lock:
            self._past[key] = found
            if len(self._past) > _PAST_MAX:
                self._past.popitem(last=False)
        return found

    @contextmanager
    def _alone(self, key: object) -> Iterator[None]:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            yield


def _brought_up(workspace: Workspace, known: _Known, end: Position) -> _Known | None:
    """The same as things are at the end; None where that is to be read anew, as by a reader who sees less than that."""
    now = workspace.clock()
    if end < known.position:
        return None
    events = workspace.log.read_all(after=known.position, limit=_EVENTS_MAX + 1, project=workspace.project)
    touched = _touched(events) if len(events) <= _EVENTS_MAX else None
    if touched is None:
        return None
    view = known.assessment.view
    keys = {key for key, id_ in view.ids.items() if id_ in touched} if touched else set[AssetKey]()
    due = known.restless if now >= known.again_at else frozenset[AssetKey]()
    view = replace(view, position=end, now=now)
    if not (keys or due):
        return replace(known, position=end, assessment=replace(known.assessment, view=view))
    again = view.catalog.graph.downstream_of(keys | due)
    with reading(workspace, about=lambda _: again, view=view) as (_, read):
        return _known(_merged(known.assessment, read), now if due else known.again_at - _REST)


def _merged(before: Assessment, read: Read) -> Assessment:
    """What was read, and of all else what was known."""
    again = {read.view.ids[key] for key in read.assessed}
    failed = {slot: at for slot, at in before.failed.items() if slot[0] not in again} | dict(read.failed)
    return Assessment(
        view=read.view,
        assessed=before.assessed | read.assessed,
        failed=failed,
        running=read.running,
        awaiting=before.awaiting,
        waiting=(before.waiting - read.assessed.keys()) | read.waiting,
    )


def _known(found: Assessment, looked: datetime) -> _Known:
    restless = frozenset(key for key, asset in found.view.catalog.assets.items() if _is_restless(asset))
    again_at = looked + _REST if restless else datetime.max.replace(tzinfo=looked.tzinfo)
    return _Known(found.view.position, _without_state(found), restless, again_at)


def _without_state(found: Assessment) -> Assessment:
    return Assessment(
        view=found.view,
        assessed=found.assessed,
        failed=found.failed,
        running=found.running,
        awaiting=found.awaiting,
        waiting=found.waiting,
    )


def _is_restless(asset: AssetDefinition) -> bool:
    """Whether its status can change without an event: windows pass, results grow old, files and places change."""
    windows = any(
        isinstance(scheme, TimeWindows) and scheme.end is None for scheme in dimensions_of(asset.partitions).values()
    )
    return windows or asset.task.reuse.window is not None or asset.stored is not None or may_name_paths(asset)


def _touched(events: Iterable[RecordedEvent]) -> set[AssetId] | None:
    """The assets that these facts are about, as far as they bear on how one stands; None for anything."""
    touched: set[AssetId] = set()
    for event in events:
        if event.type in _QUIET:
            continue
        about = _about(from_json(event.type, event.data))
        if about is None:
            return None
        touched |= about
    return touched


def _about(fact: Event) -> set[AssetId] | None:
    match fact:
        case StepSucceeded() | StepReused():
            return {output.asset for output in fact.outputs}
        case StepFailed() if fact.assets:
            return set(fact.assets)
        case CheckEvaluated() | VersionAccepted() | AssetObserved() | ObservationFailed():
            return {fact.asset}
        case HeadsMoved():
            return set(fact.moves)
        case _:
            return None
