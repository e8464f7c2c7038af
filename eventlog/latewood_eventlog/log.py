"""The event log: append and read.

Order. `position` is dense and strictly increasing in *commit* order: a reader that has seen position p and asks
for what is after p never misses and never repeats an event. A sequence cannot give that, since it hands out
numbers before commit; so every append locks the one row of `log_head` first and holds it to its commit.
"""

import time
from bisect import bisect
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg2.errors import SerializationFailure, UniqueViolation
from sqlalchemy import Connection, Engine, Select
from sqlalchemy.exc import IntegrityError, OperationalError

from latewood_eventlog.admission import Admission, Memory, fences_of, streams_of
from latewood_eventlog.codec import Upcasters, encode_json, refusal
from latewood_eventlog.database import autocommitting, reading
from latewood_eventlog.projector import Projection, changes_of, require_versions, statements_of
from latewood_eventlog.records import Appended, Batch, Outcome, Position, RecordedEvent, events_of
from latewood_eventlog.statements import (
    COMMIT,
    LOCK_HEAD_AND_READ,
    POSITION,
    READ_ALL,
    READ_IDS,
    READ_LAST,
    READ_POSITIONS,
    READ_PROJECT,
    READ_STREAM,
    READ_TYPES,
    RECORD_EVENTS,
    RECORD_EVENTS_AFTER,
    STREAM_VERSIONS,
    Statement,
    execute_together,
    read_events,
)

READ_LIMIT: Final = 1_000
"""Events per page when the caller does not say."""

_RECENT_MAX: Final = 10_000
"""Most events whose places are remembered, to be named as causes: some runs' worth."""


class EventLog:
    """One log in one database, with all the projections that the database has.

    Those that are inline are applied inside its appends.
    """

    def __init__(
        self, engine: Engine, projections: Sequence[Projection] = (), upcasters: Upcasters | None = None
    ) -> None:
        self.engine = engine
        self.projections = tuple(projections)
        self.upcasters = upcasters or Upcasters()
        self._inline = tuple(p for p in projections if p.inline)
        self._register = encode_json({p.name: p.version for p in projections}).decode()
        self._memory: Memory | None = None
        self._recent: dict[UUID, Position] = {}

    def append(self, batch: Batch) -> Appended:
        """Record the batch's events and apply the inline projections, all or nothing; where they stand.

        Replay: appending the same events again records nothing and returns where they stand, so that a caller
        who lost the connection during the commit simply appends again.
        Raises: AppendRefused (WrongExpectedVersion, LeaseLost, EventConflict, CauseUnknown, EventTooLarge,
        BatchMalformed), DatabaseUnreachable; SchemaUnknown when the projections were migrated meanwhile.
        Cost: two round trips, the second with the commit (fsync), for any number of events and projections; one while
        nobody else writes.
        """
        (outcome,) = self.append_many([batch])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def append_many(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Record several batches in one commit; what became of each, in order.

        A batch that is refused does not keep the others from being recorded.
        Raises DatabaseUnreachable when none was recorded, or when nobody knows: append again.
        """
        refused = {i: error for i, batch in enumerate(batches) if (error := refusal(batch)) is not None}
        sound = [batch for i, batch in enumerate(batches) if i not in refused]
        outcomes: Iterator[Outcome] = iter(())
        if sound:
            with autocommitting(self.engine) as connection:
                outcomes = iter(self._append_from_memory(connection, sound) or self._append(connection, sound))
        return [refused[i] if i in refused else next(outcomes) for i in range(len(batches))]

    def _append(self, connection: Connection, batches: Sequence[Batch]) -> list[Outcome]:
        row = connection.execute(LOCK_HEAD_AND_READ, _wanted(batches)).one()
        own_clock = time.time()
        require_versions(self.projections, row.register)
        admission = Admission.locked(row)
        outcomes = admission.admit_all(batches)
        # What was refused or stood there before leaves nothing to record; the transaction ends all the same.
        recording = self.recording(RECORD_EVENTS, admission.new) if admission.new else []
        execute_together(connection, [*recording, (COMMIT, {})])
        self._remember(admission.memory(self._memory, row.now, own_clock), admission.new)
        return outcomes

    def _append_from_memory(self, connection: Connection, batches: Sequence[Batch]) -> list[Outcome] | None:
        """One round trip instead of two, if nobody else has written since the last append; else None, and no trace."""
        memory = self._memory
        if memory is None or (admission := Admission.remembered(memory, batches, self._recent, time.time())) is None:
            return None
        outcomes = admission.admit_all(batches)
        if not admission.new or any(isinstance(outcome, Exception) for outcome in outcomes):
            return None
        fences = fences_of(batches)
        remembered = {
            "after": memory.hash,
            "register": self._register,
            "lease_projects": [fence.project for fence in fences],
            "leases": [fence.lease for fence in fences],
            "epochs": [fence.epoch for fence in fences],
        }
        try:
            # Statements without a BEGIN that go together are one transaction.
            execute_together(connection, self.recording(RECORD_EVENTS_AFTER, admission.new, remembered))
        except (OperationalError, IntegrityError) as error:
            if not isinstance(error.orig, SerializationFailure | UniqueViolation):
                raise
            self._memory = None
            return None
        self._remember(admission.memory(memory, memory.server_clock, memory.own_clock), admission.new)
        return outcomes

    def recording(
        self, statement: str, new: Sequence[RecordedEvent], others: Mapping[str, object] = MappingProxyType({})
    ) -> list[Statement]:
        """RECORD_EVENTS or RECORD_EVENTS_AFTER with these events, and what they mean to the inline projections."""
        last = new[-1]
        head = {"position": last.position, "hash": last.hash, "recorded_at": last.recorded_at}
        projected = statements_of(changes_of(self._inline, map(self.upcasters.upcast, new)))
        return [(statement, {"rows": _rows(new), **head, **others}), *projected]

    def _remember(self, memory: Memory, new: Sequence[RecordedEvent]) -> None:
        self._memory = memory
        self._recent.update((event.event_id, event.position) for event in new)
        if len(self._recent) > _RECENT_MAX:
            self._recent = dict(list(self._recent.items())[-_RECENT_MAX // 2 :])

    def position(self) -> Position:
        """Position of the last event; 0 for an empty log."""
        with self._reading() as connection:
            return int(connection.execute(POSITION).scalar_one())

    def position_at(self, instant: datetime) -> Position:
        """Position of the last event recorded at or before the instant; 0 if none was. Cost: O(log events) look-ups."""
        with self._reading() as connection:

            def is_later(position: Position) -> bool:
                found = read_events(connection, READ_ALL, after=position - 1, limit=1)
                return not found or found[0].recorded_at > instant

            # Recorded times never go back along the log. A reader does not see the events at all positions: the next
            # one that it sees stands for them.
            return bisect(range(1, int(connection.execute(POSITION).scalar_one()) + 1), False, key=is_later)

    def version(self, project: str, stream: str) -> int:
        """How many events the stream has: what an append to it expects. 0: it does not exist."""
        (version,) = self.versions(project, [stream])
        return version

    def versions(self, project: str, streams: Sequence[str]) -> list[int]:
        """The same of several streams, in their order, in one look."""
        with self._reading() as connection:
            parameters = {"project": project, "streams": list(streams)}
            return list(connection.execute(STREAM_VERSIONS, parameters).scalars())

    def read(self, project: str, stream: str, *, after: int = 0, limit: int = READ_LIMIT) -> list[RecordedEvent]:
        """Events of one stream with a version above `after`, oldest first. Cost: O(limit), by index."""
        return self._read(READ_STREAM, project=project, stream=stream, after=after, limit=limit)

    def read_all(
        self, *, after: Position = 0, limit: int = READ_LIMIT, project: str | None = None
    ) -> list[RecordedEvent]:
        """Events with a position above `after`, of all projects or one, oldest first."""
        if project is None:
            return self._read(READ_ALL, after=after, limit=limit)
        return self._read(READ_PROJECT, after=after, limit=limit, project=project)

    def read_types(
        self, project: str, types: Sequence[str], *, after: Position, limit: int = READ_LIMIT
    ) -> list[RecordedEvent]:
        """Events of these types with a position above `after`, oldest first. Cost: O(events of the log after that)."""
        return self._read(READ_TYPES, project=project, types=list(types), after=after, limit=limit)

    def read_positions(self, positions: Sequence[Position]) -> list[RecordedEvent]:
        """The events at these positions, oldest first; positions beyond the end are left out."""
        return self._read(READ_POSITIONS, positions=list(positions))

    def read_ids(self, ids: Sequence[UUID]) -> list[RecordedEvent]:
        """The events with these ids that were recorded, oldest first."""
        return self._read(READ_IDS, ids=list(map(str, ids)))

    def last_event(self, project: str, *, upto: Position) -> RecordedEvent | None:
        """The project's last event at or before the position; None where it has none.

        Cost: O(events of other projects in between).
        """
        return next(iter(self._read(READ_LAST, project=project, upto=upto)), None)

    def _read(self, statement: Select[*tuple[Any, ...]], **parameters: Any) -> list[RecordedEvent]:
        with self._reading() as connection:
            return [self.upcasters.upcast(event) for event in read_events(connection, statement, **parameters)]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection


class OneSnapshot(EventLog):
    """A log as one transaction sees it, which reads with the rights that this one has. Nothing is appended to it."""

    def __init__(self, log: EventLog, snapshot: Connection) -> None:
        super().__init__(snapshot.engine, log.projections, log.upcasters)
        self.snapshot = snapshot

    def append_many(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Raises TypeError: that transaction would not see what it appends."""
        raise TypeError(f"a log that is one snapshot is read only; found {len(batches)} batches to append")

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        yield self.snapshot


class SeenBy(EventLog):
    """A log as a reader sees it who may see some projects: each reading is a transaction with just these rights."""

    def __init__(self, log: EventLog, projects: Collection[str], limit: timedelta = timedelta()) -> None:
        super().__init__(log.engine, log.projections, log.upcasters)
        self._projects = sorted(projects)
        self._limit = limit

    def append_many(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Raises TypeError: readers do not append."""
        raise TypeError(f"a log that is read by a reader is read only; found {len(batches)} batches to append")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read-only transaction on one snapshot."""
        with reading(self.engine, self._projects, limit=self._limit) as connection:
            yield connection

    _reading = reading


def _wanted(batches: Sequence[Batch]) -> dict[str, list[str]]:
    """Parameters of LOCK_HEAD_AND_READ: what these batches must be held against."""
    events = [event for _, event in events_of(batches)]
    own = {event.event_id for event in events}
    streams, fences = streams_of(batches), fences_of(batches)
    return {
        "event_ids": [str(id_) for id_ in own],
        "projects": [project for project, _ in streams],
        "streams": [stream for _, stream in streams],
        "lease_projects": [fence.project for fence in fences],
        "leases": [fence.lease for fence in fences],
        "causes": [str(event.cause) for event in events if isinstance(event.cause, UUID) and event.cause not in own],
    }


def _rows(events: Sequence[RecordedEvent]) -> str:
    return encode_json(
        [
            {
                "project": event.project,
                "position": event.position,
                "event_id": event.event_id,
                "stream": event.stream,
                "version": event.version,
                "type": event.type,
                "schema_version": event.schema_version,
                "occurred_at": event.occurred_at,
                "recorded_at": event.recorded_at,
                "actor": event.actor,
                "cause": event.cause,
                "data": msgspec.Raw(event.data.encode()),
                "hash": "\\x" + event.hash.hex(),
            }
            for event in events
        ]
    ).decode()
