"""What all steps of a run printed and logged, line by line: those that have ended, in that order, and those at it.

What goes on has no place among what has ended until it has, too. So a cursor says how far both were seen: that of a
line of what has ended is the version of the event with the log, the number of the line and, of each attempt that goes
on, its step, its number and how many of its lines were seen. That of a line of what goes on has in place of the number
a -1, the version behind all that has ended, and its own attempt last. Once such an attempt has ended, what was seen of
it is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, NamedTuple

from latewood.commands.printed import Cursor, Lines, LinesWanted, Piece, ended, gathered, printed_by_now
from latewood.commands.workspace import Workspace
from latewood.model.keys import RunId
from latewood.projections.attempts import attempt_positions, running_attempts, telling
from latewood.projections.snapshots import snapshot
from latewood_eventlog.log import READ_LIMIT
from latewood_eventlog.records import Position, RecordedEvent

_EVENTS_MAX: Final = 20_000
"""Events of a run that one page looks through."""

_FIRST_EVENTS: Final = 100
"""So many are read first of those that have something to read: they may well fill a page."""

_LIVE: Final = -1


class _Attempt(NamedTuple):
    step: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What a cursor says: all of the stream before `version` was seen, and so many lines of that and of `attempts`."""

    version: int
    number: int
    attempts: Mapping[_Attempt, int]

    @property
    def is_live(self) -> bool:
        """Whether the line is one of an attempt that goes on, the last of them."""
        return self.number == _LIVE


def _place(cursor: Cursor) -> _Place:
    version, number, *rest = cursor
    triples = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    attempts = {_Attempt(step, attempt): lines for step, attempt, lines in triples}
    return _Place(version=version, number=number, attempts=attempts)


def _flat(attempts: Mapping[_Attempt, int]) -> Cursor:
    return tuple(chain.from_iterable((*attempt, lines) for attempt, lines in attempts.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPrinted:
    """What the log says of what a run printed at one moment. The lines are files, read without a transaction.

    So many events its stream has, and these attempts go on; `first` are the first that tell of something wanted.
    """

    project: str
    run: RunId
    wanted: LinesWanted
    up_to: Position
    end: int
    running: Sequence[_Attempt]
    first: Sequence[RecordedEvent] = ()

    def lines(self, workspace: Workspace, *, is_over: bool) -> Lines:
        """What has ended in that order, and then what goes on now, by step.

        Of the past only what had ended. Who goes on behind a cursor has also what was printed since by attempts of
        which a part was seen, whether they have ended or not, and nothing twice.
        Cost: one pass of the server over so many events as a page looks at, and the logs that are looked at.
        """
        reading = _Reading(workspace=workspace, printed=self)
        pieces = reading.back() if self.wanted.backwards else reading.onwards()
        return gathered(workspace.store, pieces, self.wanted, is_over=is_over)

    @property
    def place(self) -> _Place | None:
        """Beyond which they are wanted."""
        return None if self.wanted.beyond is None else _place(self.wanted.beyond)

    @property
    def between(self) -> tuple[int, int]:
        """The versions of events that are looked through, the first exclusively."""
        place = self.place
        if self.wanted.backwards:
            stop = self.end if place is None else min(self.end, place.version)
            return max(0, stop - _EVENTS_MAX), stop
        start = 0 if place is None else place.version - 1
        return start, min(self.end, start + _EVENTS_MAX)


def printed_by_runs(
    workspace: Workspace, runs: Sequence[RunId], wanted: LinesWanted, *, up_to: Position, is_now: bool
) -> Mapping[RunId, RunPrinted]:
    """What each of the runs had printed by a position, and if that `is_now` what goes on. Cost: four statements."""
    project, log = workspace.project, workspace.log
    ends = log.versions(project, [f"run/{run}" for run in runs])
    running: Mapping[RunId, Sequence[tuple[int, int]]] = {}
    with snapshot(log) as connection:
        if is_now:
            running = running_attempts(connection, project, runs)
        found = {
            run: RunPrinted(
                project=project,
                run=run,
                wanted=wanted,
                up_to=up_to,
                end=end,
                running=[_Attempt(*attempt) for attempt in running.get(run, ())],
            )
            for run, end in zip(runs, ends, strict=True)
        }
    first = _telling(workspace, found, {run: of.between for run, of in found.items()}, _FIRST_EVENTS)
    return {run: replace(of, first=first[run]) for run, of in found.items()}


def _telling(
    workspace: Workspace, of: Mapping[RunId, RunPrinted], between: Mapping[RunId, tuple[int, int]], limit: int
) -> Mapping[RunId, Sequence[RecordedEvent]]:
    """The first events between two versions that have something to read, in the order in which they are wanted."""
    one = next(iter(of.values()))
    with snapshot(workspace.log) as connection:
        found = telling(
            connection,
            one.project,
            between,
            upto=one.up_to,
            limit=limit,
            backwards=one.wanted.backwards,
        )
    positions = [each.position for telling_ in found.values() for each in telling_]
    events = {event.position: event for event in workspace.log.read_positions(positions)}
    return {run: [events[each.position] for each in telling_] for run, telling_ in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """The lines of what a run printed, as they are read."""

    workspace: Workspace
    printed: RunPrinted

    def onwards(self) -> Iterator[Piece | Cursor]:
        """What is behind the place, and where there is more if that is not all."""
        place, (start, stop), end = self.printed.place, self.printed.between, self.printed.end
        number, going = (0, {}) if place is None else (place.number, dict(place.attempts))
        for event in self._telling():
            for piece in ended(event, (event.version,)):
                seen = 0 if piece.check else going.pop(_Attempt(piece.step, piece.attempt), 0)
                seen = max(seen, number) if event.version == start + 1 else seen
                yield replace(piece, start=seen, beside=_flat(going))
        if stop < end:
            yield (stop + 1, 0, *_flat(going))
            return
        for attempt in self.printed.running:
            seen, lines = going.pop(attempt, 0), self._by_now(attempt)
            at = (end + 1, _LIVE, *_flat(going), *attempt)
            yield Piece(at=at, step=attempt.step, attempt=attempt.attempt, lines=lines, start=seen)
            going[attempt] = max(seen, len(lines))

    def back(self) -> Iterator[Piece | Cursor]:
        """The same before the place, the last ones first."""
        place = self.printed.place
        if place is None:
            version, number = self.printed.end + 1, _LIVE
            live = {attempt: self._live(attempt) for attempt in self.printed.running}
            seen = {attempt: len(piece.lines or ()) for attempt, piece in live.items()}
        else:
            version, number = place.version, place.number
            live, seen = self._wherever(place.attempts), dict(place.attempts)
        for attempt in reversed(live):
            lines = seen.pop(attempt)
            is_its = place is not None and place.is_live and attempt == next(reversed(live))
            at = (version, _LIVE, *_flat(seen), *attempt)
            yield replace(live[attempt], at=at, stop=lines - is_its)
        start, _ = self.printed.between
        for event in self._telling():
            for piece in ended(event, (event.version,)):
                yield replace(piece, stop=max(0, number - 1)) if event.version == version else piece
        if start:
            yield (start + 1, 1)

    def _by_now(self, attempt: _Attempt) -> Sequence[str]:
        return printed_by_now(self.workspace.store, self.printed.run, *attempt)

    def _live(self, attempt: _Attempt) -> Piece:
        return Piece(at=(), step=attempt.step, attempt=attempt.attempt, lines=self._by_now(attempt))

    def _wherever(self, attempts: Mapping[_Attempt, int]) -> dict[_Attempt, Piece]:
        """What these attempts have printed, of which some may have ended since they were seen."""
        wanted = [(self.printed.run, step) for step in {attempt.step for attempt in attempts}]
        if not wanted:
            return {}
        with snapshot(self.workspace.log) as connection:
            found = attempt_positions(connection, self.workspace.project, wanted)
        positions = sorted({position for of in found.values() for position in of if position <= self.printed.up_to})
        events = self.workspace.log.read_positions(positions)
        over = {(piece.step, piece.attempt): piece for event in events for piece in ended(event, ())}
        return {attempt: over.get(attempt) or self._live(attempt) for attempt in attempts}

    def _telling(self) -> Iterator[RecordedEvent]:
        """Events that have something to read, as far as they are asked for."""
        printed, limit = self.printed, _FIRST_EVENTS
        after, stop = printed.between
        found = printed.first
        while True:
            yield from found
            if len(found) < limit:
                return
            last = found[-1].version
            after, stop = (after, last - 1) if printed.wanted.backwards else (last, stop)
            limit = READ_LIMIT
            found = _telling(self.workspace, {printed.run: printed}, {printed.run: (after, stop)}, limit)[printed.run]
