"""Telling a listener what happens, from a place in the log that is kept: at least once, and nobody else waits for it.

The place is moved on after what lies before it was told. Who goes on after a crash tells a page again, the same as it
was; what an event says of itself lets its reader see that.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from latewood.commands.happenings import Page, happenings
from latewood.commands.workspace import Workspace
from latewood.errors import UsageError
from latewood.plugin import Listener, TransientError
from latewood_eventlog.errors import DatabaseUnreachable
from latewood_eventlog.records import Position
from latewood_eventlog.tailer import hints

PAGE: Final = 200
"""Events of the log between two places."""

_FIRST_WAIT_S: Final = 1.0
_WAIT_MAX_S: Final = 60.0
"""Between two tries: twice as long each time."""


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A place as it lies in a file, and whose it is, for who looks at that."""

    project: str
    to: str
    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far somewhere was told of a project; a file in Latewood's home."""

    path: Path
    project: str
    to: str

    def read(self) -> Position:
        """0 where nothing was told. Raises UsageError for a file that nobody here has written."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Kept).position
        except FileNotFoundError:
            return 0
        except msgspec.DecodeError:
            raise UsageError(f"{self.path}: no place in the log; --after says from where to go on") from None

    def move(self, position: Position) -> None:
        """All up to there is told."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(_Kept(project=self.project, to=self.to, position=position)) + b"\n")
        new.replace(self.path)


def cursor_of(workspace: Workspace, listener: str, to: str) -> Cursor:
    """That of somewhere to be told."""
    name = sha256(f"{workspace.project}\x1f{listener}\x1f{to}".encode()).hexdigest()[:16]
    return Cursor(
        path=workspace.home / "told" / f"{listener}-{name}.json", project=workspace.project, to=to.partition("?")[0]
    )


@dataclass(slots=True, kw_only=True)
class Relayed:
    """How much was told, up to where, and what was refused for good."""

    told: int = 0
    refused: int = 0
    upto: Position = 0


def relay(
    workspace: Workspace,
    listener: Listener,
    cursor: Cursor,
    *,
    after: Position | None = None,
    stop: threading.Event | None = None,
    say: Callable[[str], None],
    first_wait_s: float = _FIRST_WAIT_S,
) -> Relayed:
    """Tell what happened since; with a `stop` go on until that is set, whoever is away meanwhile.

    Raises UsageError for a place behind the log's end; without `stop` TransientError and LogError.
    """
    end = workspace.log.position()
    place = cursor.read() if after is None else after
    if place > end:
        raise UsageError(
            f"expected a position up to {end:,}, where the log ends; found {place:,} (--after begins anew)"
        )
    if after is not None:
        cursor.move(after)
    relaying = _Relaying(workspace, listener, cursor, Relayed(upto=place), say)
    if stop is None:
        while not relaying.tell_page():
            pass
        return relaying.done
    # No catalog needs it within milliseconds; a look for each append would take time from the runs that append.
    for _ in hints(None, stop=stop):
        _go_on(relaying, stop, first_wait_s, say)
    return relaying.done


class _Relaying:
    def __init__(
        self, workspace: Workspace, listener: Listener, cursor: Cursor, done: Relayed, say: Callable[[str], None]
    ) -> None:
        self._workspace = workspace
        self._listener = listener
        self._cursor = cursor
        self._say = say
        self.done = done

    def tell_page(self) -> bool:
        """Tell the next page, and then move on; whether the log ended there."""
        page: Page = happenings(self._workspace, self.done.upto, limit=PAGE)
        if page.happenings:
            refused = self._listener.tell(page.happenings)
            for line in refused:
                self._say(f"refused: {line}")
            self.done.refused += len(refused)
            self.done.told += len(page.happenings) - len(refused)
        if page.upto != self.done.upto:
            self._cursor.move(page.upto)
            self.done.upto = page.upto
        return page.is_last


def _go_on(relaying: _Relaying, stop: threading.Event, first_wait_s: float, say: Callable[[str], None]) -> None:
    """Tell all there is, waiting for whoever is away; what is wrong is said once."""
    wait_s, said = first_wait_s, ""
    while not stop.is_set():
        try:
            is_last = relaying.tell_page()
        except (TransientError, DatabaseUnreachable) as error:
            if str(error) != said:
                said = str(error)
                say(f"{said}; it is tried again")
            stop.wait(wait_s)
            wait_s = min(2 * wait_s, _WAIT_MAX_S)
            continue
        if said:
            say("it goes on")
        wait_s, said = first_wait_s, ""
        if is_last:
            return
