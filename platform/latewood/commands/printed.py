"""What steps printed and logged, line by line, from anywhere in either direction; also while they are at it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
from latewood_eventlog.log import READ_LIMIT
from latewood_eventlog.records import Position, RecordedEvent

Cursor = tuple[int, ...]
"""Where a line is. Of a step's: attempt, check (0 for what the step itself printed), number from 1. It stays the same
when the attempt that prints it has ended. Of a run's: the version of the event with the log, and the number."""

_PIECES_MAX: Final = 5_000
_BYTES_MAX: Final = 64_000_000
"""What one page looks through for lines that match."""

_LARGE: Final = range(64_000, 16_000_000)  # worth keeping from one page to the next, and not too much to keep
_GONE: Final = "(what was printed here is not in the store any more)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line; `check` is the name of the check that printed it, empty for the step itself."""

    cursor: Cursor
    step: int
    attempt: int
    check: str
    text: str

    @property
    def number(self) -> int:
        """Its place in what the attempt or the check printed, from 1."""
        return self.cursor[-1]


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
class _Piece:
    """What was printed by one attempt or one check; what an attempt that goes on has printed is at `live`."""

    at: Cursor
    step: int
    attempt: int
    check: str = ""
    logs: str = ""
    said: str = ""
    live: Path | None = None


def lines_of_step(
    workspace: Workspace,
    run: RunId,
    step: int,
    *,
    up_to: Position,
    beyond: Cursor | None = None,
    limit: int,
    search: str = "",
    backwards: bool = False,
    has_ended: bool = False,
) -> Lines:
    """Lines of a step beyond a cursor, or from the beginning, or with `backwards` those before it, or the last ones.

    Attempt by attempt, and then what its checks printed. Of an attempt that goes on its whole lines by now; nothing
    goes on in a run that `has_ended`.
    Cost: as `attempt_positions`, and the logs that are looked at.
    """
    with snapshot(workspace.log) as connection:
        positions = attempt_positions(connection, workspace.project, [(run, step)], checks=True)[run, step]
    events = workspace.log.read_positions([position for position in positions if position <= up_to])
    pieces = _pieces_of_step(workspace.store, run, events)
    is_over = has_ended or _has_ended(events)
    at = None if beyond is None else beyond[:-1]
    if backwards:
        rest = [piece for piece in reversed(pieces) if at is None or piece.at <= at]
    else:
        rest = [piece for piece in pieces if at is None or piece.at >= at]
    return _gathered(workspace.store, iter(rest), beyond, limit, search, backwards=backwards, is_over=is_over)


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
    """The same of a whole run, in the order in which attempts ended. Cost: the events and logs that are looked at."""
    stream = f"run/{run}"

    def forwards() -> Iterator[RecordedEvent]:
        after = 0 if beyond is None else beyond[0] - 1
        while events := workspace.log.read(workspace.project, stream, after=after):
            yield from events
            if len(events) < READ_LIMIT:
                return
            after = events[-1].version

    def back() -> Iterator[RecordedEvent]:
        version = workspace.log.version(workspace.project, stream)
        stop = version if beyond is None else min(version, beyond[0])
        while stop > 0:
            start = max(0, stop - READ_LIMIT)
            yield from reversed(workspace.log.read(workspace.project, stream, after=start, limit=stop - start))
            stop = start

    pieces = (
        piece
        for event in (back() if backwards else forwards())
        if event.position <= up_to
        for piece in _ended(event, (event.version,))
    )
    return _gathered(workspace.store, pieces, beyond, limit, search, backwards=backwards, is_over=is_over)


def _has_ended(events: Sequence[RecordedEvent]) -> bool:
    """Whether the last of the attempts has ended, and none follows."""
    for event in reversed(events):
        fact = from_json(event.type, event.data)
        if not isinstance(fact, CheckEvaluated):
            return isinstance(fact, StepSucceeded) or (isinstance(fact, StepFailed) and fact.retry_at is None)
    return False


def _pieces_of_step(store: ArtifactStore, run: RunId, events: Sequence[RecordedEvent]) -> list[_Piece]:
    found: dict[Cursor, _Piece] = {}
    attempt = checks = 0
    for event in events:
        fact = from_json(event.type, event.data)
        if isinstance(fact, StepStarted):
            attempt, checks = fact.attempt, 0
            path = live_log(store, run, fact.step, attempt)
            found[attempt, 0] = _Piece(at=(attempt, 0), step=fact.step, attempt=attempt, live=path)
        checks += isinstance(fact, CheckEvaluated)
        at = (attempt, checks) if isinstance(fact, CheckEvaluated) else (getattr(fact, "attempt", 0), 0)
        for piece in _ended(event, at):
            found[at] = piece
    return [found[at] for at in sorted(found)]


def _ended(event: RecordedEvent, at: Cursor) -> Iterator[_Piece]:
    """What the event says that was printed, if it is the end of an attempt or a check."""
    if event.type not in ("step.succeeded", "step.failed", "check.evaluated"):
        return
    fact = from_json(event.type, event.data)
    match fact:
        case StepSucceeded():
            yield _Piece(at=at, step=fact.step, attempt=fact.attempt, logs=fact.logs)
        case StepFailed() | CheckEvaluated():
            failure, check = fact.failure, fact.check if isinstance(fact, CheckEvaluated) else ""
            said = "" if failure is None else failure.traceback or f"{failure.error}: {failure.message}\n"
            attempt = fact.attempt if isinstance(fact, StepFailed) else at[0] if len(at) > 1 else 0
            yield _Piece(at=at, step=fact.step, attempt=attempt, check=check, logs=fact.logs, said=said)


def _gathered(
    store: ArtifactStore,
    pieces: Iterator[_Piece],
    beyond: Cursor | None,
    limit: int,
    search: str,
    *,
    backwards: bool,
    is_over: bool,
) -> Lines:
    wanted, found, looked, size, more = search.casefold(), list[Line](), list[Cursor](), 0, False
    for number, piece in enumerate(pieces):
        if number == _PIECES_MAX or size > _BYTES_MAX:
            more = True
            break
        texts = _texts(store, piece)
        start, stop = 0, len(texts)
        if beyond is not None and piece.at == beyond[:-1]:
            start, stop = (0, min(stop, beyond[-1] - 1)) if backwards else (beyond[-1], stop)
        for n in range(stop - 1, start - 1, -1) if backwards else range(start, stop):
            if len(found) == limit:
                more = True
                break
            cursor = (*piece.at, n + 1)
            size += len(texts[n])
            looked[1:] = [cursor]
            if not wanted or wanted in texts[n].casefold():
                line = Line(cursor=cursor, step=piece.step, attempt=piece.attempt, check=piece.check, text=texts[n])
                found.append(line)
        if more:
            break
    ends = sorted((looked[0], looked[-1])) if looked else []
    return Lines(
        lines=found[::-1] if backwards else found,
        seen=(ends[0], ends[1]) if ends else None,
        more=more,
        is_over=is_over,
    )


def _texts(store: ArtifactStore, piece: _Piece) -> Sequence[str]:
    if piece.live is not None:
        with suppress(OSError):
            return piece.live.read_bytes().decode("utf-8", "replace").split("\n")[:-1]  # the last one may go on
        return ()
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
