"""What a command says: a file to which it appends messages, each a JSON object in a line of its own. Protocol 1.

A message with an `id` counts once, however often it is said. What is no message is an error that names the line.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from latewood.engine.values.recordable import text
from latewood.errors import LatewoodError

PROTOCOL: Final = 1

_LINE_BYTES_MAX: Final = 1 << 23
_SHOWN: Final = 200


class MessageRefused(LatewoodError):
    """A line is no message, or one that cannot be: says which line, what was expected and what was found."""


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    id: str | int | None = None


class Materialization(_Message, frozen=True, tag="materialization"):
    """An output was made: facts about it, its data version if the command knows it, and its value if that is JSON."""

    output: str = ""
    value: msgspec.Raw = msgspec.Raw(b"")
    metadata: dict[str, Any] = {}
    data_version: str | None = None


class Metadata(_Message, frozen=True, tag="metadata"):
    """Facts about all that is made; a later value replaces an earlier."""

    metadata: dict[str, Any]


class Check(_Message, frozen=True, tag="check"):
    """The verdict of a check that was declared."""

    check: str
    passed: bool
    output: str = ""
    message: str = ""
    metadata: dict[str, Any] = {}


class Log(_Message, frozen=True, tag="log"):
    """A record for the step's logs."""

    message: str
    level: Literal["debug", "info", "warning", "error", "critical"] = "info"


class Progress(_Message, frozen=True, tag="progress"):
    """How far the command is, from 0 to 1."""

    share: Annotated[float, msgspec.Meta(ge=0, le=1)]
    message: str = ""


Message = Materialization | Metadata | Check | Log | Progress

_decode: Final[Callable[[bytes], Message]] = msgspec.json.Decoder(Message).decode

_EXPECTED: Final = (
    'a JSON object with "type": "materialization", "metadata", "check", "log" or "progress", and the fields of that'
)


class Messages:
    """The messages in a file that grows. `hear` is called with each, once, and may raise what it cannot be by."""

    def __init__(self, path: Path, hear: Callable[[Message], None]) -> None:
        self._path = path
        self._hear = hear
        self._read = 0
        self._lines = 0
        self._rest = b""
        self._seen: dict[str | int, tuple[int, bytes]] = {}

    def look(self) -> None:
        """Hear what is new, as far as lines are finished. Raises MessageRefused."""
        with self._path.open("rb") as file:
            size = file.seek(0, 2)
            if size < self._read:
                raise self._refused(
                    self._lines + 1, "expected to be appended to (>>), found the file shorter than it was before"
                )
            file.seek(self._read)
            while piece := file.read(1 << 20):
                self._read += len(piece)
                *lines, self._rest = (self._rest + piece).split(b"\n")
                for line in lines:
                    self._line(line)
                if len(self._rest) > _LINE_BYTES_MAX:
                    raise self._refused(self._lines + 1, f"expected a line of at most {_LINE_BYTES_MAX:,} bytes")

    @property
    def unfinished(self) -> str:
        """What is said of a last line that was begun only; empty where there is none."""
        if not self._rest.strip():
            return ""
        return f"message {self._lines + 1} was left unfinished: {_shown(self._rest)}"

    def finish(self) -> None:
        """Hear the last line, too, if nothing but its end is missing. Raises MessageRefused."""
        self.look()
        if self._rest.strip():
            line, self._rest = self._rest, b""
            try:
                self._line(line)
            except MessageRefused as error:
                raise MessageRefused(f"{error}; the line was left unfinished") from None

    def _line(self, line: bytes) -> None:
        self._lines += 1
        if not line.strip():
            return
        try:
            message = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._refused(self._lines, f"expected {_EXPECTED}, found {_shown(line)}: {error}") from None
        if message.id is not None:
            number, before = self._seen.setdefault(message.id, (self._lines, line.strip()))
            if before != line.strip():
                raise self._refused(
                    self._lines, f'expected what line {number} says under the id "{message.id}", found {_shown(line)}'
                )
            if number != self._lines:
                return
        try:
            self._hear(message)
        except MessageRefused as error:
            raise self._refused(self._lines, str(error)) from None

    def _refused(self, line: int, why: str) -> MessageRefused:
        return MessageRefused(f"message {line}: {why}")


def _shown(line: bytes) -> str:
    return text(line.decode("utf-8", "backslashreplace").strip(), _SHOWN)
