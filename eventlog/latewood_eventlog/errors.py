"""What can go wrong with the log, as one tree.

LogError
├── DatabaseUnreachable    no answer from the server, or not a server we can use
├── TookTooLong            a statement took longer than it may
├── SchemaUnknown          the schema, or a projection, is not the one this code is written for
├── AppendRefused          the batch was not recorded; nothing of it was
│   ├── WrongExpectedVersion   another writer appended to the stream
│   ├── LogMoved               another writer appended to the log
│   ├── LeaseLost              the fence's lease has a newer epoch
│   ├── EventConflict          an event id is already recorded with other content
│   ├── CauseUnknown           an event names a cause that is not in the log before it
│   ├── EventTooLarge          an event exceeds EVENT_BYTES_MAX
│   └── BatchMalformed         a name, a time or data that the log could not hold
├── ImportRefused          the log does not stand where the exported events begin or go on
├── LogCorrupt             the chain or a projection is not what it must be; names the position or the row
└── EventUnreadable        a recorded event cannot be read by this code
"""

from uuid import UUID


class LogError(Exception):
    """Base of all errors of the event log."""


class DatabaseUnreachable(LogError):
    """The server does not answer, or is not one that can be used; never shows a credential."""


class TookTooLong(LogError):
    """A statement took longer than it may; nothing more is read, and nothing is recorded, in its transaction."""


class SchemaUnknown(LogError):
    """The version of the database's schema, or of one projection in it, is not the one that this code needs.

    `found` is 0 for what the database does not have, `needed` 0 for what this code does not know.
    """

    def __init__(self, *, found: int, needed: int, subject: str = "database schema") -> None:
        way = "run `latewood db migrate`" if found < needed else "upgrade Latewood"
        super().__init__(f"{subject}: expected version {needed}, found {found}; {way}")
        self.subject = subject
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


class LogMoved(AppendRefused):
    """Another writer appended something, to whatever stream: read again and decide again."""

    def __init__(self, *, expected: int, actual: int) -> None:
        super().__init__(
            f"log: expected its end at position {expected}, found {actual}; another writer appended. "
            "Read again and decide again."
        )
        self.expected = expected
        self.actual = actual


class LeaseLost(AppendRefused):
    """The writer's lease was taken over: whatever it decided, another one decides now."""

    def __init__(self, *, lease: str, epoch: int, found: int | None) -> None:
        what = "no such lease" if found is None else f"epoch {found}" if found != epoch else "it released"
        super().__init__(f"lease '{lease}': expected epoch {epoch}, found {what}; another holder may act now.")
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


class CauseUnknown(AppendRefused):
    """An event's cause is not an event before it: the chain of reasons would break there."""

    def __init__(self, *, event_id: UUID, cause: int | UUID) -> None:
        super().__init__(
            f"event {event_id}: expected a cause that is recorded before it, found {cause}, which is not; "
            "append the cause first, or with it."
        )
        self.event_id = event_id
        self.cause = cause


class BatchMalformed(AppendRefused):
    """The batch holds what no log can: it is refused before the log is asked."""

    def __init__(self, *, subject: str, expected: str, found: str) -> None:
        super().__init__(f"{subject}: expected {expected}, found {found}.")
        self.subject = subject
        self.expected = expected
        self.found = found


class ImportRefused(LogError):
    """Events of another log were not recorded, none of them: this one holds something else."""


class LogCorrupt(LogError):
    """Verification found the first difference between what is stored and what must be."""

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class EventUnreadable(LogError):
    """A recorded event has a type or schema version that this code does not know."""
