"""What can be followed: how each is read on from a cursor, through one snapshot, by the rights of who follows it."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from latewood.commands.printed import LinesWanted, printed_by_steps
from latewood.commands.reading import Assessment
from latewood.commands.run_progress import RunProgress, WatchedRun, refuse_unplanned
from latewood.commands.runs import run_named
from latewood.commands.views import AsOf
from latewood.decide.concerned import assets_of_event
from latewood.model.keys import AssetId, AssetKey
from latewood.projections.snapshots import snapshot
from latewood.projections.tried import ran_partitions
from latewood_eventlog.records import Position, RecordedEvent
from latewood_graphql.calls import Call, ProjectAt
from latewood_graphql.live.tailing import News
from latewood_graphql.nodes.events import is_seen
from latewood_graphql.nodes.graphs import Row, rows_of

Cursor = tuple[int, ...]
"""How far a source was read. Cursors of a source can be compared; `()` is before all that there is."""

PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a source has behind a cursor: items, each with its own, and how far it was looked.

    `more`: there is more by now. `is_over`: nothing will ever follow.
    """

    items: Sequence[tuple[Cursor, Any]]
    cursor: Cursor
    more: bool = False
    is_over: bool = False


class Source(Protocol):
    """Something that is followed. For any number of threads."""

    @property
    def poll_s(self) -> float | None:
        """How often it is looked at whatever the log says; None where all that changes it is an event."""
        ...

    @property
    def pause_s(self) -> float:
        """How long it rests after it was looked at, so that much news is one look."""
        ...

    @property
    def is_state(self) -> bool:
        """Whether the last item is all that counts."""
        ...

    @property
    def is_difference(self) -> bool:
        """Whether an item is how things at its cursor differ from those at another one, so that it goes on there."""
        ...

    def concerns(self, news: News) -> bool:
        """Whether there may be something because of it."""
        ...

    def read(self, call: Call, after: Cursor | None, up_to: Cursor | None) -> Found:
        """What is behind `after`, up to a cursor; None is where followers begin who have not said."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Events of a project: of these types, of a stream if one is said, about an asset. Followed from now on."""

    project: str
    types: frozenset[str] | None
    asset: AssetId | None
    stream: str
    poll_s: float | None = None
    pause_s: float = 0.01
    is_state: bool = False
    is_difference: bool = False

    def concerns(self, news: News) -> bool:
        """By project, type and stream."""
        if news.project != self.project or (self.types is not None and news.type not in self.types):
            return False
        return self.stream in ("", news.stream)

    def read(self, call: Call, after: Cursor | None, up_to: Cursor | None) -> Found:
        """By position. Cost: O(events), of a stream O(its events)."""
        if after is None:
            return Found(items=(), cursor=(call.position,))
        call.refuse_beyond((after or (0,))[0])
        behind, log = (after or (0,))[0], call.workspace.log
        if stream := self.stream:
            version = _version_at(
                log.version(self.project, stream),
                behind,
                lambda n: log.read(self.project, stream, after=n - 1, limit=1),
            )
            found = log.read(self.project, stream, after=version, limit=PAGE)
        elif self.types is not None:
            found = log.read_types(self.project, sorted(self.types), after=behind, limit=PAGE)
        else:
            found = log.read_all(after=behind, limit=PAGE, project=self.project)
        end = call.position if up_to is None else up_to[0]
        more = len(found) == PAGE and found[-1].position < end
        return Found(
            items=[((event.position,), event) for event in found if event.position <= end and self._has(event, call)],
            cursor=(found[-1].position if more else end,),
            more=more,
        )

    def _has(self, event: RecordedEvent, call: Call) -> bool:
        is_meant = (self.types is None or event.type in self.types) and is_seen(event, call.caller)
        return is_meant and (self.asset is None or self.asset in assets_of_event(event.type, event.data))


def _version_at(versions: int, position: Position, event: Callable[[int], Sequence[RecordedEvent]]) -> int:
    """How many of a stream's events stand at or before a position. Cost: O(log events) look-ups."""
    low, high = 0, versions
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if event(middle)[0].position <= position else (low, middle - 1)
    return low


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressAt:
    """How far a run is, and the snapshot that says so."""

    project: ProjectAt
    progress: RunProgress


class Progress:
    """How far a run is, until it has ended."""

    poll_s: float | None = 2.0  # its process may die without a word
    pause_s = 0.1
    is_state = True
    is_difference = False

    def __init__(self, call: Call, project: str, run: str) -> None:
        self._project = project
        there = call.project(project, None).workspace
        row = run_named(there, run)
        self._run = row.run
        self._watched = WatchedRun(there, row)

    def concerns(self, news: News) -> bool:
        """By its stream."""
        return news.project == self._project and news.stream == f"run/{self._run}"

    def read(self, call: Call, after: Cursor | None, up_to: Cursor | None) -> Found:  # noqa: ARG002 - it is a state
        """As it stands. Cost: one pass of the server over the run's steps."""
        there = call.project(self._project, None)
        progress = self._watched.look(there.workspace)
        is_over = progress.row.ended_position is not None or progress.row.status == "interrupted"
        cursor = (call.position,)
        return Found(items=[(cursor, ProgressAt(project=there, progress=progress))], cursor=cursor, is_over=is_over)


class Printed:
    """What a step prints, line by line from the first one, until it has ended."""

    poll_s: float | None = 0.25  # lines are no events
    pause_s = 0.05
    is_state = False
    is_difference = False

    def __init__(self, call: Call, project: str, run: str, step: int) -> None:
        self._project = project
        there = call.project(project, None).workspace
        row = run_named(there, run)
        refuse_unplanned(there, row, step)
        self._run, self._step = row.run, step

    def concerns(self, news: News) -> bool:
        """By the run's stream."""
        return news.project == self._project and news.stream == f"run/{self._run}"

    def read(self, call: Call, after: Cursor | None, up_to: Cursor | None) -> Found:
        """By line; the transaction is over before files are read. Cost: as `printed_by_steps`, and the logs."""
        there = call.project(self._project, None).workspace
        row = run_named(there, self._run)
        has_ended = row.ended_position is not None or row.status == "interrupted"
        (printed,) = printed_by_steps(there, [(self._run, self._step)], up_to=call.position).values()
        call.transaction.close()
        lines = printed.lines(there.store, LinesWanted(limit=PAGE, beyond=after or None), has_ended=has_ended)
        found = [(line.cursor, line) for line in lines.lines if up_to is None or line.cursor <= up_to]
        cursor = found[-1][0] if found else up_to or after or ()
        more = lines.more and len(found) == len(lines.lines)
        return Found(items=found, cursor=cursor, more=more, is_over=lines.is_over and not lines.more and up_to is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Assets whose status, flags or causes are others than before, those that are new, and keys that are gone."""

    position: Position
    keys: Sequence[AssetKey]
    rows: Sequence[Row]
    removed: Sequence[AssetKey]


_TOLD_MAX: Final = 16


class AssetChanges:
    """What changes in the graph of an environment, from now on."""

    poll_s: float | None = 30.0  # some things change with time alone
    pause_s = 0.25
    is_state = False
    is_difference = True

    def __init__(self, call: Call, project: str, environment: str) -> None:
        self._project = project
        self._environment = environment
        self._told: OrderedDict[Position, Mapping[AssetKey, Row]] = OrderedDict()
        """As it stood at the last positions that were read for all, which is more than is known of the past."""
        self._turned: dict[Position, frozenset[AssetKey]] = {}
        """What has changed with time alone at these positions: who was there has it, or has it not."""
        self._first: Position | None = None
        """Where it was read for all at first, some time after it came to be there."""
        _ = call.project(project, None).environment(environment).view

    def concerns(self, news: News) -> bool:
        """Whatever happens in the project: what bears on a status is of many kinds."""
        return news.project == self._project

    def read(self, call: Call, after: Cursor | None, up_to: Cursor | None) -> Found:
        """The difference between two positions, or between two readings at one, since some things change with time.

        Who was somewhere before this was there to see is told what has changed since that position came to be, be it
        with time alone. That is why where it begins is told apart from its position, which is all that clients know.
        Cost: two readings of the environment, one if it was read before.
        """
        call.refuse_beyond((after or (0,))[0])
        position = call.position if up_to is None else up_to[0]
        now = self._now(call) if up_to is None else self._rows(call, position)
        before = now if after is None else self._before(call, after or (0,))
        cursor = (position,) if up_to is None else up_to
        if up_to is None:
            self._remember(position, now)
            if self._first is None:
                self._first, cursor = position, (position, 1)
            elif after and after[0] == position:
                cursor = (position, *after[1:]) if now == before else (position, sum(after[1:]) + 1)
                turned = frozenset(key for key, row in now.items() if before.get(key) != row)
                self._turned[position] = self._turned.get(position, frozenset()) | turned
        perhaps = self._turned.get(after[0], frozenset()) if after and up_to is not None else frozenset()
        changed = [key for key, row in now.items() if before.get(key) != row or key in perhaps]
        removed = sorted(key for key in before if key not in now)
        if not changed and not removed:
            return Found(items=(), cursor=cursor)
        rows = [now[key] for key in changed]
        changes = Changes(position=position, keys=changed, rows=rows, removed=removed)
        return Found(items=[(cursor, changes)], cursor=cursor)

    def _remember(self, position: Position, rows: Mapping[AssetKey, Row]) -> None:
        self._told[position] = rows
        self._told.move_to_end(position)
        while len(self._told) > _TOLD_MAX:
            gone, _ = self._told.popitem(last=False)
            self._turned.pop(gone, None)

    def _now(self, call: Call) -> Mapping[AssetKey, Row]:
        found: Assessment = call.project(self._project, None).environment(self._environment).assessment
        return rows_of(found, found.assessed)

    def _before(self, call: Call, at: Cursor) -> Mapping[AssetKey, Row]:
        """As it stood for who was there; who says no more than the position may have been there before this was."""
        return self._rows(call, at[0]) if at[0] != self._first or at[1:] else self._rows_then(call, at[0])

    def _rows(self, call: Call, position: Position) -> Mapping[AssetKey, Row]:
        if (told := self._told.get(position)) is not None:
            return told
        return self._rows_then(call, position)

    def _rows_then(self, call: Call, position: Position) -> Mapping[AssetKey, Row]:
        """As it stood when that position came to be."""
        if position == 0:
            return {}
        there = call.project(self._project, None)
        then = replace(there, as_of=AsOf(position))
        found = then.environment(self._environment).assessment
        with snapshot(there.workspace.log) as connection:
            running = ran_partitions(connection, self._project, self._environment, position, perhaps=True)
        return rows_of(replace(found, running=running, worked_out={}), found.assessed)
