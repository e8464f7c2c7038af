"""What steps printed and logged, line by line, from anywhere in either direction; also while they are at it."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from latewood.commands.workspace import Workspace
from latewood.engine.running.live_logs import live_log
from latewood.engine.storage.store import ArtifactAddress, ArtifactMissing, ArtifactStore
from latewood.events import CheckEvaluated, StepFailed, StepStarted, StepSucceeded, from_json
from latewood.model.keys import RunId
from latewood.projections.attempts import attempt_positions
from latewood.projections.snapshots import snapshot
from latewood_eventlog.records import Position, RecordedEvent

Cursor = tuple[int, ...]
"""Where a line is. Of a step's: attempt, check (0 for what the step itself printed), number from 1. It stays the same
when the attempt that prints it has ended. Of a run's as `latewood.commands.printed_run` says."""

_PIECES_MAX: Final = 5_000
_BYTES_MAX: Final = 64_000_000
"""What one page looks through for lines that match."""

_LARGE: Final = range(64_000, 16_000_000)  # worth keeping from one page to the next, and not too much to keep
_GONE: Final = "(what was printed here is not in the store any more)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line; `check` is the name of the check that printed it, empty for the step itself.

    `number` is its place in what the attempt or the check printed, from 1.
    """

    cursor: Cursor
    number: int
    step: int
    attempt: int
    check: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Some lines in their order. `seen` are the cursors of the first and the last one that was looked at.

    `more`: whether there is more in the direction that was asked for. `is_over`: nothing more will ever be printed.
    """

    lines: Sequence[Line]
    seen: tuple[Cursor, Cursor] | None
    more: bool
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What was printed by one attempt or one check: the log at `logs` and what is `said` of a failure, or `lines`.

    Wanted are the lines behind the number `start` up to the number `stop`. What is around a line's number in its
    cursor is `at` and `beside`.
    """

    at: Cursor
    step: int
    attempt: int
    check: str = ""
    logs: str = ""
    said: str = ""
    lines: Sequence[str] | None = None
    start: int = 0
    stop: int = sys.maxsize
    beside: Cursor = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesWanted:
    """So many lines beyond a cursor, or from the beginning; `backwards` those before it, or the last ones.

    With `search` those of them that have this text.
    """

    limit: int
    beyond: Cursor | None = None
    search: str = ""
    backwards: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPrinted:
    """What the log says of what a step printed. The lines are files, read without a transaction."""

    run: RunId
    events: Sequence[RecordedEvent]

    def lines(self, store: ArtifactStore, wanted: LinesWanted, *, has_ended: bool = False) -> Lines:
        """Attempt by attempt, and then what its checks printed. Of an attempt that goes on its whole lines by now.

        Nothing goes on in a run that `has_ended`. Cost: the logs that are looked at.
        """
        pieces, backwards = _pieces_of_step(store, self.run, self.events), wanted.backwards
        if wanted.beyond is not None:
            *at, number = wanted.beyond
            pieces = [piece for piece in pieces if (list(piece.at) <= at if backwards else list(piece.at) >= at)]
            start, stop = (0, number - 1) if backwards else (number, sys.maxsize)
            pieces = [replace(piece, start=start, stop=stop) if list(piece.at) == at else piece for piece in pieces]
        in_order = reversed(pieces) if backwards else iter(pieces)
        return gathered(store, in_order, wanted, is_over=has_ended or _hasended(self.events))


def printed_by_steps(
    workspace: Workspace, steps: Sequence[tuple[RunId, int]], *, up_to: Position
) -> Mapping[tuple[RunId, int], StepPrinted]:
    """What each of the steps had printed by a position. Cost: three statements, and as `attempt_positions`."""
    with snapshot(workspace.log) as connection:
        positions = attempt_positions(connection, workspace.project, steps, checks=True)
    known = sorted({position for found in positions.values() for position in found if position <= up_to})
    events = {event.position: event for event in workspace.log.read_positions(known)}
    return {
        step: StepPrinted(run=step[0], events=[events[at] for at in found if at in events])
        for step, found in positions.items()
    }


def _hasended(events: Sequence[RecordedEvent]) -> bool:
    """Whether the last of the attempts has ended, and none follows."""
    for event in reversed(events):
        fact = from_json(event.type, event.data)
        if not isinstance(fact, CheckEvaluated):
            return isinstance(fact, StepSucceeded) or (isinstance(fact, StepFailed) and fact.retry_at is None)
    return False


def _pieces_of_step(store: ArtifactStore, run: RunId, events: Sequence[RecordedEvent]) -> list[Piece]:
    found: dict[Cursor, Piece] = {}
    attempt = checks = 0
    for event in events:
        fact = from_json(event.type, event.data)
        if isinstance(fact, StepStarted):
            attempt, checks = fact.attempt, 0
            lines = printed_by_now(store, run, fact.step, attempt)
            found[attempt, 0] = Piece(at=(attempt, 0), step=fact.step, attempt=attempt, lines=lines)
        checks += isinstance(fact, CheckEvaluated)
        at = (attempt, checks) if isinstance(fact, CheckEvaluated) else (getattr(fact, "attempt", 0), 0)
        for piece in ended(event, at):
            found[at] = piece
    return [found[at] for at in sorted(found)]


def ended(event: RecordedEvent, at: Cursor) -> Iterator[Piece]:
    """What the event says that was printed, if it is the end of an attempt or a check."""
    if event.type not in ("step.succeeded", "step.failed", "check.evaluated"):
        return
    fact = from_json(event.type, event.data)
    match fact:
        case StepSucceeded():
            yield Piece(at=at, step=fact.step, attempt=fact.attempt, logs=fact.logs)
        case StepFailed() | CheckEvaluated():
            failure, check = fact.failure, fact.check if isinstance(fact, CheckEvaluated) else ""
            said = "" if failure is None else failure.traceback or f"{failure.error}: {failure.message}\n"
            attempt = fact.attempt if isinstance(fact, StepFailed) else at[0] if len(at) > 1 else 0
            yield Piece(at=at, step=fact.step, attempt=attempt, check=check, logs=fact.logs, said=said)


def gathered(
    store: ArtifactStore,
    pieces: Iterator[Piece | Cursor],
    wanted: LinesWanted,
    *,
    is_over: bool,
) -> Lines:
    """Lines of these pieces; if there are more pieces, the last one is the cursor from where on."""
    search, backwards = wanted.search.casefold(), wanted.backwards
    found, looked, size, more = list[Line](), list[Cursor](), 0, False
    for number, piece in enumerate(pieces):
        if number == _PIECES_MAX or size > _BYTES_MAX:
            more = True
            break
        if isinstance(piece, tuple):
            looked[1:], more = [piece], True
            break
        texts = _texts(store, piece)
        numbers = range(piece.start + 1, min(piece.stop, len(texts)) + 1)
        for n in reversed(numbers) if backwards else numbers:
            if len(found) == wanted.limit:
                more = True
                break
            cursor, text = (*piece.at, n, *piece.beside), texts[n - 1]
            size += len(text)
            looked[1:] = [cursor]
            if not search or search in text.casefold():
                found.append(
                    Line(
                        cursor=cursor,
                        number=n,
                        step=piece.step,
                        attempt=piece.attempt,
                        check=piece.check,
                        text=text,
                    )
                )
        if more:
            break
    ends = (looked[0], looked[-1]) if looked else None
    return Lines(
        lines=found[::-1] if backwards else found,
        seen=ends[::-1] if ends is not None and backwards else ends,
        more=more,
        is_over=is_over,
    )


def printed_by_now(store: ArtifactStore, run: RunId, step: int, attempt: int) -> Sequence[str]:
    """The whole lines that an attempt has printed which goes on; none of one that does not."""
    with suppress(OSError):
        return live_log(store, run, step, attempt).read_bytes().decode("utf-8", "replace").split("\n")[:-1]
    return ()


def _texts(store: ArtifactStore, piece: Piece) -> Sequence[str]:
    if piece.lines is not None:
        return piece.lines
    if piece.said or not piece.logs:
        return _lines((_read(store, piece.logs) if piece.logs else "") + piece.said)
    with suppress(ArtifactMissing):
        if store.path_of(ArtifactAddress(piece.logs)).stat().st_size in _LARGE:
            return _large(store.directory, piece.logs)
    return _lines(_read(store, piece.logs))


@lru_cache(maxsize=8)
def _large(directory: Path, logs: str) -> Sequence[str]:
    """The lines of a log that is read page by page; its address names its content."""
    return tuple(_lines(_read(ArtifactStore(directory.parent, directory.name), logs)))


def _read(store: ArtifactStore, logs: str) -> str:
    try:
        return store.read(ArtifactAddress(logs)).decode("utf-8", "replace")
    except ArtifactMissing:
        return _GONE


def _lines(text: str) -> Sequence[str]:
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]
