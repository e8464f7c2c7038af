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

from latewood.commands.printed import Cursor, Lines, Piece, ended, gathered, printed_by_now
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


def lines_of_run(
    workspace: Workspace,
    run: RunId,
    *,
    up_to: Position,
    beyond: Cursor | None = None,
    limit: int,
    search: str = "",
    backwards: bool = False,
    is_over: bool = True,
) -> Lines:
    """As `lines_of_step` of a whole run: what has ended in that order, and then what goes on now, by step.

    Of the past only what had ended. Who goes on behind a cursor has also what was printed since by attempts of which a
    part was seen, whether they have ended or not, and nothing twice.
    Cost: one pass of the server over so many events as a page looks at, and the logs that are looked at.
    """
    end = workspace.log.version(workspace.project, f"run/{run}")
    running: Sequence[_Attempt] = ()
    if up_to >= workspace.log.position():
        with snapshot(workspace.log) as connection:
            running = [_Attempt(*row) for row in running_attempts(connection, workspace.project, run)]
    whole = _Run(workspace=workspace, run=run, up_to=up_to, end=end, running=running)
    place = None if beyond is None else _place(beyond)
    pieces = whole.back(place) if backwards else whole.onwards(place)
    return gathered(workspace.store, pieces, limit, search, backwards=backwards, is_over=is_over)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A run at one moment: how many events its stream has, and which attempts go on."""

    workspace: Workspace
    run: RunId
    up_to: Position
    end: int
    running: Sequence[_Attempt]

    def onwards(self, place: _Place | None) -> Iterator[Piece | Cursor]:
        """What is behind the place, and where there is more if that is not all."""
        start, number, going = (0, 0, {}) if place is None else (place.version - 1, place.number, dict(place.attempts))
        stop = min(self.end, start + _EVENTS_MAX)
        for event in self._telling(start, stop, backwards=False):
            for piece in ended(event, (event.version,)):
                seen = 0 if piece.check else going.pop(_Attempt(piece.step, piece.attempt), 0)
                seen = max(seen, number) if event.version == start + 1 else seen
                yield replace(piece, start=seen, beside=_flat(going))
        if stop < self.end:
            yield (stop + 1, 0, *_flat(going))
            return
        for attempt in self.running:
            seen, lines = going.pop(attempt, 0), self._by_now(attempt)
            at = (self.end + 1, _LIVE, *_flat(going), *attempt)
            yield Piece(at=at, step=attempt.step, attempt=attempt.attempt, lines=lines, start=seen)
            going[attempt] = max(seen, len(lines))

    def back(self, place: _Place | None) -> Iterator[Piece | Cursor]:
        """The same before the place, the last ones first."""
        if place is None:
            version, number = self.end + 1, _LIVE
            live = {attempt: self._live(attempt) for attempt in self.running}
            seen = {attempt: len(piece.lines or ()) for attempt, piece in live.items()}
        else:
            version, number = place.version, place.number
            live, seen = self._wherever(place.attempts), dict(place.attempts)
        for attempt in reversed(live):
            lines = seen.pop(attempt)
            is_its = place is not None and place.is_live and attempt == next(reversed(live))
            at = (version, _LIVE, *_flat(seen), *attempt)
            yield replace(live[attempt], at=at, stop=lines - is_its)
        stop = min(self.end, version)
        start = max(0, stop - _EVENTS_MAX)
        for event in self._telling(start, stop, backwards=True):
            for piece in ended(event, (event.version,)):
                yield replace(piece, stop=max(0, number - 1)) if event.version == version else piece
        if start:
            yield (start + 1, 1)

    def _by_now(self, attempt: _Attempt) -> Sequence[str]:
        return printed_by_now(self.workspace.store, self.run, *attempt)

    def _live(self, attempt: _Attempt) -> Piece:
        return Piece(at=(), step=attempt.step, attempt=attempt.attempt, lines=self._by_now(attempt))

    def _wherever(self, attempts: Mapping[_Attempt, int]) -> dict[_Attempt, Piece]:
        """What these attempts have printed, of which some may have ended since they were seen."""
        wanted = [(self.run, step) for step in {attempt.step for attempt in attempts}]
        if not wanted:
            return {}
        with snapshot(self.workspace.log) as connection:
            found = attempt_positions(connection, self.workspace.project, wanted)
        positions = sorted({position for of in found.values() for position in of if position <= self.up_to})
        events = self.workspace.log.read_positions(positions)
        over = {(piece.step, piece.attempt): piece for event in events for piece in ended(event, ())}
        return {attempt: over.get(attempt) or self._live(attempt) for attempt in attempts}

    def _telling(self, after: int, stop: int, *, backwards: bool) -> Iterator[RecordedEvent]:
        """Events between two versions that have something to read, as far as they are asked for."""
        log, limit = self.workspace.log, _FIRST_EVENTS
        while True:
            with snapshot(log) as connection:
                found = telling(
                    connection,
                    self.workspace.project,
                    self.run,
                    after=after,
                    stop=stop,
                    upto=self.up_to,
                    limit=limit,
                    backwards=backwards,
                )
            events = log.read_positions([one.position for one in found])
            yield from reversed(events) if backwards else events
            if len(found) < limit:
                return
            after, stop = (after, found[-1].version - 1) if backwards else (found[-1].version, stop)
            limit = READ_LIMIT
