"""The event log: append and read.

Order. `position` is dense and strictly increasing in *commit* order: a reader that has seen position p and asks
for what is after p never misses and never repeats an event. A sequence cannot give that, since it hands out
numbers before commit; so every append locks the one row of `log_head` first and holds it to its commit.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Connection, Engine, Select

from latewood_eventlog.codec import Upcasters, chain, encode_json, refusal
from latewood_eventlog.errors import AppendRefused, CauseUnknown, EventConflict, LeaseLost, WrongExpectedVersion
from latewood_eventlog.projector import Projection, changes_of, require_versions, write
from latewood_eventlog.records import (
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
    read_events,
)

READ_LIMIT: Final = 1_000
"""Events per page when the caller does not say."""


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

    def append(self, batch: Batch) -> Appended:
        """Record the batch's events and apply the inline projections, all or nothing; where they stand.

        Replay: appending the same events again records nothing and returns where they stand, so that a caller
        who lost the connection during the commit simply appends again.
        Raises: AppendRefused (WrongExpectedVersion, LeaseLost, EventConflict, CauseUnknown, EventTooLarge,
        BatchMalformed), DatabaseUnreachable; SchemaUnknown when the projections were migrated meanwhile.
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
        refused = {i: error for i, batch in enumerate(batches) if (error := refusal(batch)) is not None}
        sound = [batch for i, batch in enumerate(batches) if i not in refused]
        outcomes: Iterator[Outcome] = iter(())
        if sound:
            with self.engine.begin() as connection:
                outcomes = iter(self._append(connection, sound))
        return [refused[i] if i in refused else next(outcomes) for i in range(len(batches))]

    def _append(self, connection: Connection, batches: Sequence[Batch]) -> list[Outcome]:
        row = connection.execute(LOCK_HEAD_AND_READ, _wanted(batches)).one()
        require_versions(self.projections, row.register)
        admission = _Admission.of(row)
        outcomes: list[Outcome] = []
        for batch in batches:
            try:
                outcomes.append(admission.admit(batch))
            except AppendRefused as error:
                outcomes.append(error)
        if new := admission.new:
            last = new[-1]
            connection.execute(
                RECORD_EVENTS,
                {"rows": _rows(new), "position": last.position, "hash": last.hash, "recorded_at": last.recorded_at},
            )
            write(connection, changes_of(self._inline, map(self.upcasters.upcast, new)))
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

    def _read(self, statement: Select[*tuple[Any, ...]], **parameters: Any) -> list[RecordedEvent]:
        with self.engine.connect() as connection:
            return [self.upcasters.upcast(event) for event in read_events(connection, statement, **parameters)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What stands in the log under an event id that is to be appended."""

    position: Position
    project: str
    stream: str
    type: str
    schema_version: int
    data: str


@dataclass(slots=True)
class _Admission:
    """What an append must know of the log, read under the head lock; moves on as batches are admitted.

    A batch that is refused leaves no trace in it.
    """

    head: Position
    hash: bytes
    now: datetime
    known: dict[UUID, _Known | RecordedEvent]
    versions: dict[tuple[str, str], int]
    epochs: dict[tuple[str, str], int]
    places: dict[UUID, Position]
    new: list[RecordedEvent] = field(default_factory=list)

    @staticmethod
    def of(row: Any) -> "_Admission":
        known: dict[UUID, _Known | RecordedEvent]
        known = {UUID(found.pop("event_id")): _Known(**found) for found in row.known}
        causes = {UUID(cause["event_id"]): cause["position"] for cause in row.causes}
        return _Admission(
            head=row.position,
            hash=bytes(row.hash),
            now=row.now,
            known=known,
            versions={(found["project"], found["stream"]): found["version"] for found in row.versions},
            epochs={(fence["project"], fence["name"]): fence["epoch"] for fence in row.fences},
            places={**causes, **{id_: found.position for id_, found in known.items()}},
        )

    def admit(self, batch: Batch) -> Appended:
        """Where the batch's events stand, those that are new after the others; or raises AppendRefused."""
        events = events_of([batch])
        if any(event.event_id in self.known for _, event in events):
            return self._repeated(batch)
        self._require_lease(batch)
        self._require_versions(batch)
        causes = self._causes([event for _, event in events])
        first = self.head + 1
        for (append, event), cause in zip(events, causes, strict=True):
            stream = (append.project, append.stream)
            self.head += 1
            self.versions[stream] += 1
            recorded = RecordedEvent(
                position=self.head,
                event_id=event.event_id,
                project=append.project,
                stream=append.stream,
                version=self.versions[stream],
                type=event.type,
                schema_version=event.schema_version,
                occurred_at=event.occurred_at.astimezone(UTC),
                recorded_at=self.now,
                actor=event.actor,
                cause=cause,
                data=event.data,
                hash=b"",
            )
            self.hash = chain(self.hash, recorded)
            self.new.append(replace(recorded, hash=self.hash))
            self.known[event.event_id] = recorded
            self.places[event.event_id] = self.head
        return Appended(positions=tuple(range(first, self.head + 1)), repeated=False)

    def _require_lease(self, batch: Batch) -> None:
        if batch.fence is not None:
            found = self.epochs.get((batch.fence.project, batch.fence.lease))
            if found != batch.fence.epoch:
                raise LeaseLost(lease=batch.fence.lease, epoch=batch.fence.epoch, found=found)

    def _require_versions(self, batch: Batch) -> None:
        counts: Counter[tuple[str, str]] = Counter()
        for append in batch.appends:
            stream = (append.project, append.stream)
            actual = self.versions[stream] + counts[stream]
            if append.expected is not None and append.expected != actual:
                raise WrongExpectedVersion(stream=append.stream, expected=append.expected, actual=actual)
            counts[stream] += len(append.events)

    def _causes(self, events: Sequence[NewEvent]) -> list[Position | None]:
        """The position of each event's cause, which is recorded already or goes before it in the batch."""
        causes: list[Position | None] = []
        own: dict[UUID, Position] = {}
        for position, event in enumerate(events, self.head + 1):
            cause = event.cause
            if isinstance(cause, UUID):
                cause = self.places.get(cause) or own.get(cause)
            if event.cause is not None and not (cause and 1 <= cause < position):
                raise CauseUnknown(event_id=event.event_id, cause=event.cause)
            causes.append(cause)
            own[event.event_id] = position
        return causes

    def _repeated(self, batch: Batch) -> Appended:
        positions: list[Position] = []
        new: list[UUID] = []
        for append, event in events_of([batch]):
            known = self.known.get(event.event_id)
            if known is None:
                new.append(event.event_id)
                continue
            # Not the time, the actor and the cause: a fact that is told again may have others.
            for name, wanted in (
                ("project", append.project),
                ("stream", append.stream),
                ("type", event.type),
                ("schema_version", event.schema_version),
                ("data", event.data),
            ):
                if getattr(known, name) != wanted:
                    raise EventConflict(event_id=event.event_id, position=known.position, difference=name)
            positions.append(known.position)
        if new:
            first = next(e.event_id for _, e in events_of([batch]) if e.event_id in self.known)
            raise EventConflict(event_id=first, position=positions[0], difference="set of events in its batch")
        return Appended(positions=tuple(positions), repeated=True)


def _wanted(batches: Sequence[Batch]) -> dict[str, list[str]]:
    """Parameters of LOCK_HEAD_AND_READ: what these batches must be held against."""
    events = events_of(batches)
    own = {event.event_id for _, event in events}
    streams = dict.fromkeys((append.project, append.stream) for batch in batches for append in batch.appends)
    fences = dict.fromkeys((b.fence.project, b.fence.lease) for b in batches if b.fence is not None)
    return {
        "event_ids": [str(id_) for id_ in own],
        "projects": [project for project, _ in streams],
        "streams": [stream for _, stream in streams],
        "lease_projects": [project for project, _ in fences],
        "leases": [lease for _, lease in fences],
        "causes": [str(e.cause) for _, e in events if isinstance(e.cause, UUID) and e.cause not in own],
    }


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
