"""How all assets of an environment stand, remembered from one reading to the next.

What is remembered was read; what happened since is in the log. Some facts say of which assets they are: these and all
downstream of them are read again, and nothing else. After any other fact that may bear on it everything is.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from latewood.commands.reading import Assessment, Read, reading
from latewood.commands.views import PRESENT, AsOf, read_view
from latewood.commands.workspace import Workspace
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
from latewood.model.keys import AssetId, AssetKey, PartitionKey
from latewood.model.partitions import existing, is_partition, ordinal_of, window_end
from latewood.model.schemes import Scheme, dimensions_of
from latewood.projections.snapshots import Snapshot, snapshot, uncollected
from latewood.projections.statistics import log_position
from latewood.projections.tried import running_partitions
from latewood_eventlog.log import OneSnapshot
from latewood_eventlog.records import Position, RecordedEvent

K = TypeVar("K")
V = TypeVar("V")

_QUIET: Final = frozenset(
    {
        "automation.defined",
        "automation.dropped",
        "automation.evaluated",
        "automation.switched",
        "failure.handled",
        "job.prepared",
        "job.submitted",
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

_ENVIRONMENTS_MAX: Final = 64
_POSITIONS_MAX: Final = 8
_PAST_MAX: Final = 8

_ALONE: Final = 16


@dataclass(frozen=True, slots=True)
class _Known:
    """How it stood at a position. `due` is when the status of assets can change next without an event."""

    assessment: Assessment
    due: Mapping[AssetKey, datetime]

    @property
    def position(self) -> Position:
        """Where it stood so."""
        return self.assessment.view.position


class Assessments:
    """What is remembered by this process: of environments how they stand now, of a few how they stood.

    For all threads; of those that ask for the same environment one brings it up to date.

    What lies in files and at places counts as runs have seen it, as it does for whoever is not where these are: whoever
    serves others need not be, and has a transaction open.
    """

    def __init__(self) -> None:
        self._now: OrderedDict[tuple[str, str], tuple[_Known, ...]] = OrderedDict()
        """By environment, at the last positions: who has waited for others sees less than they have."""
        self._past: OrderedDict[tuple[str, str, AsOf], Assessment] = OrderedDict()
        self._alone = tuple(threading.Lock() for _ in range(_ALONE))
        self._lock = threading.Lock()

    def at(self, workspace: Workspace, as_of: AsOf = PRESENT) -> Assessment:
        """How all assets stand, as `read` would have it but for files and places. Raises what it does.

        Cost: O(events since it was asked last + assets these are about, or whose windows have ended since, + what is
        downstream), and the runs under way.
        """
        where = (workspace.project, workspace.environment)
        with snapshot(workspace.log) as connection, self._alone[hash(where) % _ALONE]:
            workspace = replace(workspace, log=OneSnapshot(workspace.log, connection))
            if as_of != PRESENT:
                return self._then(workspace, connection, as_of)
            known, end = self._remembered(self._now, where) or (), log_position(connection)
            before = next((one for one in reversed(known) if one.position <= end), None)
            found = None if before is None else _brought_up(workspace, before, end)
            found = found or _known(_read_all(workspace, connection, PRESENT), {})
            running = running_partitions(connection, *where)
            if running != found.assessment.running:
                found = replace(found, assessment=replace(found.assessment, running=running, worked_out={}))
            others = [one for one in known if one.position != found.position]
            latest = sorted([*others, found], key=lambda one: one.position)[-_POSITIONS_MAX:]
            self._remember(self._now, where, tuple(latest), _ENVIRONMENTS_MAX)
            return found.assessment

    def _then(self, workspace: Workspace, connection: Snapshot, as_of: AsOf) -> Assessment:
        key = (workspace.project, workspace.environment, as_of)
        found = self._remembered(self._past, key)
        if found is None:
            found = _without_state(_read_all(workspace, connection, as_of))
            self._remember(self._past, key, found, _PAST_MAX)
        return found

    def _remembered(self, of: OrderedDict[K, V], key: K) -> V | None:
        with self._lock:
            if key in of:
                of.move_to_end(key)
            return of.get(key)

    def _remember(self, of: OrderedDict[K, V], key: K, found: V, most: int) -> None:
        with self._lock:
            of[key] = found
            if len(of) > most:
                of.popitem(last=False)


def _read_all(workspace: Workspace, connection: Snapshot, as_of: AsOf) -> Read:
    with uncollected():
        view = read_view(connection, workspace, as_of=as_of, loaded=None, ids={})
    with reading(workspace, as_of, view=replace(view, here=frozenset())) as (_, read):
        return read


def _brought_up(workspace: Workspace, known: _Known, end: Position) -> _Known | None:
    """The same as things are at the end, which is not before it; None where that is to be read anew."""
    now = workspace.clock()
    events = workspace.log.read_all(after=known.position, limit=_EVENTS_MAX + 1, project=workspace.project)
    touched = _touched(events) if len(events) <= _EVENTS_MAX else None
    if touched is None:
        return None
    view = replace(known.assessment.view, position=end, now=now)
    keys = {key for key, id_ in view.ids.items() if id_ in touched} if touched else set[AssetKey]()
    keys |= {key for key, at in known.due.items() if at <= now}
    if not keys:
        return replace(known, assessment=replace(known.assessment, view=view))
    # What a step did not make, as it may an optional output, is in no event of its own.
    beside = {output.asset for key in keys for output in view.catalog[key].task.outputs} & view.catalog.assets.keys()
    again = view.catalog.graph.downstream_of(keys | beside)
    with reading(workspace, about=lambda _: again, view=view) as (_, read):
        return _known(read, known.due, known.assessment)


def _known(read: Read, due: Mapping[AssetKey, datetime], before: Assessment | None = None) -> _Known:
    """What was read, and of all else what was known before."""
    found = _without_state(read) if before is None else _merged(before, read)
    changing = {key: at for key in read.assessed if (at := _due(read, key)) is not None}
    return _Known(found, {key: at for key, at in due.items() if key not in read.assessed} | changing)


def _due(read: Read, key: AssetKey) -> datetime | None:
    """When the asset's status can change next though nothing happens: a window ends, or a head is too old by then."""
    asset, now = read.view.catalog[key], read.view.now
    window = asset.task.reuse.window
    ends = [window_end(scheme, now) for scheme in dimensions_of(asset.partitions).values()]
    if window:
        ends += [head.made_at + window for head in read.state.heads.get(read.view.ids[key], {}).values()]
    return min((at for at in ends if at is not None and at > now), default=None)


def _made_at(read: Read) -> dict[AssetKey, datetime]:
    """Cost: O(heads); of an asset whose newest one is of no partition any more, as many looks at its scheme."""
    found: dict[AssetKey, datetime] = {}
    for key in read.assessed:
        heads = read.state.heads.get(read.view.ids[key])
        if not heads:
            continue
        scheme = read.view.catalog[key].partitions
        newest = max(heads, key=lambda partition: heads[partition].made_at)
        there = (
            [newest] if _has(scheme, newest, read.view.now) else [p for p in heads if _has(scheme, p, read.view.now)]
        )
        if there:
            found[key] = max(heads[partition].made_at for partition in there)
    return found


def _has(scheme: Scheme | None, partition: PartitionKey, now: datetime) -> bool:
    return is_partition(scheme, partition) and ordinal_of(scheme, partition) in existing(scheme, now)


def _merged(before: Assessment, read: Read) -> Assessment:
    again = {read.view.ids[key] for key in read.assessed}
    failed = {slot: at for slot, at in before.failed.items() if slot[0] not in again} | dict(read.failed)
    return Assessment(
        view=read.view,
        assessed=before.assessed | read.assessed,
        failed=failed,
        running=read.running,
        awaiting=before.awaiting,
        waiting=(before.waiting - read.assessed.keys()) | read.waiting,
        made_at={key: at for key, at in before.made_at.items() if key not in read.assessed} | _made_at(read),
    )


def _without_state(found: Read) -> Assessment:
    return Assessment(
        view=found.view,
        assessed=found.assessed,
        failed=found.failed,
        running=found.running,
        awaiting=found.awaiting,
        waiting=found.waiting,
        made_at=_made_at(found),
    )


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
