"""What goes into the log and what comes out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

EVENT_BYTES_MAX: Final = 65_536
"""Most bytes of data in one event, UTF-8."""

NAME_BYTES_MAX: Final = 1_000
"""Most bytes of a project, stream, type, actor or lease, UTF-8: an index entry must hold two of them."""

Position = int
"""Place of an event in the whole log: 1, 2, 3 … in commit order, without gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event on its way to the log.

    `event_id` names the fact: appending it again with the same content changes nothing.
    `data` is the text of one JSON object and is kept byte for byte.
    `cause` is the event that led to this one: its position, or its id when it goes with the same batch or
    went with an earlier one.
    """

    event_id: UUID
    type: str
    schema_version: int
    data: str
    occurred_at: datetime
    actor: str
    cause: Position | UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAppend:
    """Events for the end of one stream.

    `expected` is the stream's version before them: the number of its events, 0 = it does not exist yet,
    None = wherever it stands. Without events it only says where the stream must stand.
    """

    project: str
    stream: str
    events: tuple[NewEvent, ...]
    expected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Append only while this lease still has this epoch."""

    project: str
    lease: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Appends that are recorded together or not at all.

    `at` is where the log must end, for a decision that read more of it than these streams; None = anywhere.
    """

    appends: tuple[StreamAppend, ...]
    fence: Fence | None = None
    at: Position | None = None

    @property
    def size(self) -> int:
        """Number of events."""
        return sum(len(append.events) for append in self.appends)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event as it stands in the log; `version` counts from 1 within the stream."""

    position: Position
    event_id: UUID
    project: str
    stream: str
    version: int
    type: str
    schema_version: int
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    cause: Position | None
    data: str
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the log's chain stands: the last event's position and hash, which covers every event up to there."""

    position: Position
    hash: bytes

    def __str__(self) -> str:
        return f"position {self.position:,} with hash {self.hash.hex()[:16]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Where the events of a batch stand: one position per event, in the batch's order.

    `repeated` is true when all of them stood there before.
    """

    positions: tuple[Position, ...]
    repeated: bool

    @property
    def last(self) -> Position:
        """Position of the batch's last event; reads at or after it see the whole batch."""
        return max(self.positions, default=0)


Outcome = Appended | Exception
"""What became of one batch of several that were committed together."""


def events_of(batches: Sequence[Batch]) -> list[tuple[StreamAppend, NewEvent]]:
    """All events of the batches with their append, in order."""
    return [(append, event) for batch in batches for append in batch.appends for event in append.events]
