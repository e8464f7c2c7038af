"""What can go wrong with the log, as one tree.

LogError
├── DatabaseUnreachable    no answer from the server, or not a server we can use
├── SchemaUnknown          the database's schema is not the one this code is written for
├── AppendRefused          the batch was not recorded; nothing of it was
│   ├── WrongExpectedVersion   another writer appended to the stream
│   ├── LeaseLost              the fence's lease has a newer epoch
│   ├── EventConflict          an event id is already recorded with other content
│   └── EventTooLarge          an event exceeds EVENT_BYTES_MAX
├── LogCorrupt             verify found a difference; names the position or the row
└── EventUnreadable        a recorded event cannot be read by this code
"""

from uuid import UUID


class LogError(Exception):
    """Base of all errors of the event log."""


class DatabaseUnreachable(LogError):
    """The server does not answer, or is not one that can be used; never shows a credential."""


class SchemaUnknown(LogError):
    """The database's schema version is not the one that this code needs."""

    def __init__(self, *, found: int, needed: int) -> None:
        way = "run `latewood db migrate`" if found < needed else "upgrade Latewood"
        super().__init__(f"database schema: expected version {needed}, found {found}; {way}")
        self.found = found
        self.needed = needed


class AppendRefused(LogError):
    """A batch was refused as a whole; the log is as it was."""


class WrongExpectedVersion(AppendRefused):
    """Another writer appended to the stream: read again and decide again."""

    def __init__(self, *, stream: str, expected: int, actual: int) -> None:
        super().__init__(
            f"stream '{stream}': expected version {expected}, found {actual}; "
            "another writer appended. Read again and decide again."
        )
        self.stream = stream
        self.expected = expected
        self.actual = actual


class LeaseLost(AppendRefused):
    """The writer's lease was taken over: whatever it decided, another one decides now."""

    def __init__(self, *, lease: str, epoch: int, found: int | None) -> None:
        what = "no such lease" if found is None else f"epoch {found}"
        super().__init__(f"lease '{lease}': expected epoch {epoch}, found {what}; another holder took over.")
        self.lease = lease
        self.epoch = epoch
        self.found = found


class EventConflict(AppendRefused):
    """An event id stands in the log already, with other content."""

    def __init__(self, *, event_id: UUID, position: int, difference: str) -> None:
        super().__init__(
            f"event {event_id} is recorded at position {position} with another {difference}; "
            "an event id may be appended again only with the same content."
        )
        self.event_id = event_id
        self.position = position
        self.difference = difference


class EventTooLarge(AppendRefused):
    """One event's data exceeds the limit: facts are small, contents belong in the artifact store."""

    def __init__(self, *, type: str, size: int, limit: int) -> None:  # noqa: A002 - the event's own field name
        super().__init__(f"event '{type}': expected at most {limit} bytes of data, found {size}.")
        self.type = type
        self.size = size
        self.limit = limit


class LogCorrupt(LogError):
    """Verification found the first difference between what is stored and what must be."""

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class EventUnreadable(LogError):
    """A recorded event has a type or schema version that this code does not know."""
