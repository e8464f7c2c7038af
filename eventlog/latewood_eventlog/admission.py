"""What an append is held against, and what becomes of its batches. Pure.

An append must know the log's head and, of what its batches speak of, event ids, streams, leases and causes. It reads
them under the head lock; or it is the next one of the same writer, who remembers them: then nobody else may have
written since, which the database checks by the head's hash.
"""

from collections import Counter
from collections.abc import KeysView, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from latewood_eventlog.codec import chain
from latewood_eventlog.errors import (
    AppendRefused,
    CauseUnknown,
    EventConflict,
    LeaseLost,
    LogMoved,
    WrongExpectedVersion,
)
from latewood_eventlog.records import Appended, Batch, Fence, NewEvent, Outcome, Position, RecordedEvent, events_of

_REMEMBERED_S: Final = 1.0
"""How long the server's clock is told by one's own; then it is read again."""

_STREAMS_MAX: Final = 1_000
"""Streams whose versions are remembered, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What stands in the log under an event id that is to be appended."""

    position: Position
    project: str
    stream: str
    type: str
    schema_version: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """How an append left the log, whose last event was recorded at `recorded_at`.

    `server_clock` was read when the own clock said `own_clock`, seconds; `alone` when nobody else had written since
    the append before.
    """

    position: Position
    hash: bytes
    recorded_at: datetime
    server_clock: datetime
    own_clock: float
    versions: Mapping[tuple[str, str], int]
    epochs: Mapping[tuple[str, str], int]
    alone: bool


@dataclass(slots=True)
class Admission:
    """What an append must know of the log; moves on as batches are admitted.

    A batch that is refused leaves no trace in it.
    """

    head: Position
    hash: bytes
    now: datetime
    known: dict[UUID, Known | RecordedEvent]
    versions: dict[tuple[str, str], int]
    epochs: Mapping[tuple[str, str], int]
    places: dict[UUID, Position]
    found: bytes = field(init=False)
    new: list[RecordedEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.found = self.hash

    @staticmethod
    def locked(row: Any) -> "Admission":
        """From what was read under the head lock."""
        known: dict[UUID, Known | RecordedEvent]
        known = {UUID(found.pop("event_id")): Known(**found) for found in row.known}
        causes = {UUID(cause["event_id"]): cause["position"] for cause in row.causes}
        return Admission(
            head=row.position,
            hash=bytes(row.hash),
            now=row.now,
            known=known,
            versions={(found["project"], found["stream"]): found["version"] for found in row.versions},
            epochs={(fence["project"], fence["name"]): fence["epoch"] for fence in row.fences},
            places={**causes, **{id_: found.position for id_, found in known.items()}},
        )

    @staticmethod
    def remembered(
        memory: Memory, batches: Sequence[Batch], recent: Mapping[UUID, Position], own_clock: float
    ) -> "Admission | None":
        """From memory, if it has all that these batches speak of.

        Of earlier events it knows the places of `recent` ones. So it cannot tell a batch that is to be refused from
        one that was recorded before: neither a refusal nor a repetition is to be taken from it.
        """
        elapsed = own_clock - memory.own_clock
        events = [event for _, event in events_of(batches)]
        own = {event.event_id for event in events}
        causes = {event.cause for event in events if isinstance(event.cause, UUID)} - own
        sufficient = (
            memory.alone
            and 0 <= elapsed < _REMEMBERED_S
            and streams_of(batches) <= memory.versions.keys()
            and all(memory.epochs.get((fence.project, fence.lease)) == fence.epoch for fence in fences_of(batches))
            and recent.keys() >= causes
            and recent.keys().isdisjoint(own)
        )
        if not sufficient:
            return None
        return Admission(
            head=memory.position,
            hash=memory.hash,
            now=max(memory.recorded_at, memory.server_clock + timedelta(seconds=elapsed)),
            known={},
            versions=dict(memory.versions),
            epochs=memory.epochs,
            places={cause: recent[cause] for cause in causes},
        )

    def memory(self, before: Memory | None, server_clock: datetime, own_clock: float) -> Memory:
        """What to remember once all is recorded; `before` was to be remembered of the append before."""
        alone = before is not None and before.hash == self.found
        earlier = before if before is not None and alone and len(before.versions) < _STREAMS_MAX else None
        return Memory(
            position=self.head,
            hash=self.hash,
            recorded_at=self.now,
            server_clock=server_clock,
            own_clock=own_clock,
            versions={**earlier.versions, **self.versions} if earlier else self.versions,
            epochs={**earlier.epochs, **self.epochs} if earlier else self.epochs,
            alone=alone,
        )

    def admit_all(self, batches: Sequence[Batch]) -> list[Outcome]:
        """What becomes of each batch, in order; one that is refused does not keep the others out."""
        outcomes: list[Outcome] = []
        for batch in batches:
            try:
                outcomes.append(self.admit(batch))
            except AppendRefused as error:
                outcomes.append(error)
        return outcomes

    def admit(self, batch: Batch) -> Appended:
        """Where the batch's events stand, those that are new after the others; or raises AppendRefused."""
        events = events_of([batch])
        if any(event.event_id in self.known for _, event in events):
            return self._repeated(batch)
        if batch.at is not None and batch.at != self.head:
            raise LogMoved(expected=batch.at, actual=self.head)
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


def streams_of(batches: Sequence[Batch]) -> KeysView[tuple[str, str]]:
    """(project, stream) of every append, each once, in order."""
    return dict.fromkeys((append.project, append.stream) for batch in batches for append in batch.appends).keys()


def fences_of(batches: Sequence[Batch]) -> list[Fence]:
    """The fences of the batches, each once, in order."""
    return list(dict.fromkeys(batch.fence for batch in batches if batch.fence is not None))
