"""The event log: append and read.

Order. `position` is dense and strictly increasing in *commit* order: a reader that has seen position p and asks
for what is after p never misses and never repeats an event. A sequence cannot give that, since it hands out
numbers before commit; so every append locks the one row of `log_head` first and holds it to its commit.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Connection, Engine, Select

from latewood_eventlog.codec import Upcasters, chain, encode_json
from latewood_eventlog.errors import AppendRefused, EventConflict, EventTooLarge, LeaseLost, WrongExpectedVersion
from latewood_eventlog.projector import Projection, changes_of, write
from latewood_eventlog.records import (
    EVENT_BYTES_MAX,
    Appended,
    Batch,
    NewEvent,
    Outcome,
    Position,
    RecordedEvent,
    events_of,
)
from latewood_eventlog.statements import (
    HEAD,
    LOCK_HEAD_AND_READ,
    READ_ALL,
    READ_POSITIONS,
    READ_PROJECT,
    READ_STREAM,
    RECORD_EVENTS,
    STREAM_VERSION,
)

READ_LIMIT: Final = 1_000
"""Events per page when the caller does not say."""


class EventLog:
    """One log in one database, with the projections that are applied inside its appends."""

    def __init__(
        self, engine: Engine, projections: Sequence[Projection] = (), upcasters: Upcasters | None = None
    ) -> None:
        self.engine = engine
        self.projections = tuple(projections)
        self.upcasters = upcasters or Upcasters()
        self._inline = tuple(p for p in projections if p.inline)

    def append(self, batch: Batch) -> Appended:
        """Record the batch's events and apply the inline projections, all or nothing; where they stand.

        Replay: appending the same events again records nothing and returns where they stand, so that a caller
        who lost the connection during the commit simply appends again.
        Raises: WrongExpectedVersion, LeaseLost, EventConflict, EventTooLarge, DatabaseUnreachable.
        Cost: four round trips, one of them the commit (fsync), and one per projected table, for any number of events.
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
        refused = {i: error for i, batch in enumerate(batches) if (error := _too_large(batch)) is not None}
        sound = [batch for i, batch in enumerate(batches) if i not in refused]
        outcomes: Iterator[Outcome] = iter(())
        if sound:
            with self.engine.begin() as connection:
                outcomes = iter(self._append(connection, sound))
        return [refused[i] if i in refused else next(outcomes) for i in range(len(batches))]

    def _append(self, connection: Connection, batches: Sequence[Batch]) -> list[Outcome]:
        head = connection.execute(LOCK_HEAD_AND_READ, _wanted(batches)).one()
        facts = _Facts.of(head)
        new: list[RecordedEvent] = []
        outcomes: list[Outcome] = []
        for batch in batches:
            try:
                outcome, events = facts.admit(batch, head.position + len(new), head.now)
            except AppendRefused as error:
                outcomes.append(error)
                continue
            outcomes.append(outcome)
            new.extend(events)
        if new:
            new = _chained(new, bytes(head.hash))
            last = new[-1]
            connection.execute(
                RECORD_EVENTS, {"rows": _rows(new), "position": last.position, "hash": last.hash}
            )
            write(connection, changes_of(self._inline, new))
        return outcomes

    def position(self) -> Position:
        """Position of the last event; 0 for an empty log."""
        with self.engine.connect() as connection:
            return int(connection.execute(HEAD).one().position)

    def version(self, project: str, stream: str) -> int:
        """How many events the stream has: what an append to it expects. 0: it does not exist."""
        with self.engine.connect() as connection:
            return int(connection.execute(STREAM_VERSION, {"project": project, "stream": stream}).scalar_one())

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

    def read_positions(self, positions: Sequence[Position]) -> list[RecordedEvent]:
        """The events at these positions, oldest first; positions beyond the end are left out."""
        return self._read(READ_POSITIONS, positions=list(positions))

    def _read(self, statement: Select[*tuple[Any, ...]], **parameters: object) -> list[RecordedEvent]:
        with self.engine.connect() as connection:
            rows = connection.execute(statement, parameters).mappings()
            return [self.upcasters.upcast(_recorded(row)) for row in rows]


@dataclass(slots=True)
class _Facts:
    """What an append must know of the log, read under the head lock; it moves on as batches are admitted."""

    known: dict[UUID, dict[str, Any]]
    versions: dict[tuple[str, str], int]
    epochs: dict[tuple[str, str], int]
    causes: dict[UUID, Position]

    @staticmethod
    def of(row: Any) -> "_Facts":
        return _Facts(
            known={UUID(known["event_id"]): known for known in row.known},
            versions={(found["project"], found["stream"]): found["version"] for found in row.versions},
            epochs={(fence["project"], fence["name"]): fence["epoch"] for fence in row.fences},
            causes={UUID(cause["event_id"]): cause["position"] for cause in row.causes},
        )

    def admit(self, batch: Batch, head: Position, now: datetime) -> tuple[Appended, list[RecordedEvent]]:
        """Where the batch's events stand, and those that are new, not chained yet; or raise AppendRefused."""
        events = events_of([batch])
        repeated = [event for _, event in events if event.event_id in self.known]
        if repeated:
            return self._repeated(batch, complete=len(repeated) == len(events)), []
        if batch.fence is not None:
            found = self.epochs.get((batch.fence.project, batch.fence.lease))
            if found != batch.fence.epoch:
                raise LeaseLost(lease=batch.fence.lease, epoch=batch.fence.epoch, found=found)
        counts: Counter[tuple[str, str]] = Counter()
        for append in batch.appends:
            stream = (append.project, append.stream)
            actual = self.versions[stream] + counts[stream]
            if append.expected is not None and append.expected != actual:
                raise WrongExpectedVersion(stream=append.stream, expected=append.expected, actual=actual)
            counts[stream] += len(append.events)
        new: list[RecordedEvent] = []
        for append, event in events:
            stream = (append.project, append.stream)
            self.versions[stream] += 1
            position = head + len(new) + 1
            self.causes[event.event_id] = position
            recorded = RecordedEvent(
                position=position,
                event_id=event.event_id,
                project=append.project,
                stream=append.stream,
                version=self.versions[stream],
                type=event.type,
                schema_version=event.schema_version,
                occurred_at=event.occurred_at,
                recorded_at=now,
                actor=event.actor,
                cause=self._cause(event),
                data=event.data,
                hash=b"",
            )
            self.known[event.event_id] = {
                "position": position,
                "project": append.project,
                "stream": append.stream,
                "type": event.type,
                "schema_version": event.schema_version,
                "data": event.data,
            }
            new.append(recorded)
        return Appended(positions=tuple(event.position for event in new), repeated=False), new

    def _cause(self, event: NewEvent) -> Position | None:
        return self.causes.get(event.cause) if isinstance(event.cause, UUID) else event.cause

    def _repeated(self, batch: Batch, *, complete: bool) -> Appended:
        positions = []
        for append, event in events_of([batch]):
            row = self.known.get(event.event_id)
            if row is None:
                continue
            content = {
                "project": append.project,
                "stream": append.stream,
                "type": event.type,
                "schema_version": event.schema_version,
                "data": event.data,
            }
            for name, wanted in content.items():
                if row[name] != wanted:
                    raise EventConflict(event_id=event.event_id, position=row["position"], difference=name)
            positions.append(row["position"])
        if not complete:
            raise EventConflict(
                event_id=next(e.event_id for _, e in events_of([batch]) if e.event_id in self.known),
                position=positions[0],
                difference="set of events in its batch",
            )
        return Appended(positions=tuple(positions), repeated=True)


def _wanted(batches: Sequence[Batch]) -> dict[str, list[str]]:
    """Parameters of LOCK_HEAD_AND_READ: what these batches must be held against."""
    events = events_of(batches)
    own = {event.event_id for _, event in events}
    streams = dict.fromkeys((append.project, append.stream) for append, _ in events)
    fences = dict.fromkeys((b.fence.project, b.fence.lease) for b in batches if b.fence is not None)
    return {
        "event_ids": [str(id_) for id_ in own],
        "projects": [project for project, _ in streams],
        "streams": [stream for _, stream in streams],
        "lease_projects": [project for project, _ in fences],
        "leases": [lease for _, lease in fences],
        "causes": [str(e.cause) for _, e in events if isinstance(e.cause, UUID) and e.cause not in own],
    }


def _too_large(batch: Batch) -> AppendRefused | None:
    for _, event in events_of([batch]):
        # len() of text is a lower bound of its bytes: only long texts are worth encoding.
        if len(event.data) * 4 > EVENT_BYTES_MAX and (size := len(event.data.encode())) > EVENT_BYTES_MAX:
            return EventTooLarge(type=event.type, size=size, limit=EVENT_BYTES_MAX)
    return None


def _chained(events: list[RecordedEvent], previous: bytes) -> list[RecordedEvent]:
    chained: list[RecordedEvent] = []
    for event in events:
        previous = chain(previous, event)
        chained.append(replace(event, hash=previous))
    assert all(b.position == a.position + 1 for a, b in pairwise(chained)), "positions are dense"
    return chained


def _rows(events: list[RecordedEvent]) -> str:
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


def _recorded(row: Any) -> RecordedEvent:
    return RecordedEvent(**{**row, "hash": bytes(row["hash"])})
