"""The log from one database to another: every column as it was recorded, under the same chain."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError

from latewood_eventlog.codec import START, link, unsound
from latewood_eventlog.errors import ImportRefused, LogCorrupt
from latewood_eventlog.log import EventLog
from latewood_eventlog.projector import require_versions
from latewood_eventlog.records import Place, Position, RecordedEvent
from latewood_eventlog.statements import (
    HEAD,
    LOCK_HEAD,
    READ_ALL,
    READ_CHECKPOINTS,
    READ_POSITIONS,
    RECORD_EVENTS,
    STREAM_VERSIONS,
    execute_together,
    read_events,
)

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)

PAGE: Final = 2_000
"""Events that are held in memory at once."""


def place_at(log: EventLog, position: Position) -> Place | None:
    """Where the chain stood at that position; None beyond the log's end."""
    if position == START.position:
        return START
    with log.engine.connect() as connection:
        events = read_events(connection, READ_POSITIONS, positions=[position])
    return Place(position=position, hash=events[0].hash) if events else None


def recorded(log: EventLog, after: Place) -> Iterator[list[RecordedEvent]]:
    """All events after a place up to where the log ends now, oldest first, as they were recorded, in pages.

    Each page is read in a transaction of its own; appends go on meanwhile. Raises LogCorrupt where the chain breaks.
    """
    place, end = after, log.position()
    while place.position < end:
        with log.engine.connect() as connection:
            limit = min(PAGE, end - place.position)
            events = read_events(connection, READ_ALL, after=place.position, limit=limit)
        for event in events:
            place = link(place, event)
        if place.position < end and len(events) < limit:
            raise LogCorrupt(f"log: expected position {place.position + 1}, found none", position=place.position + 1)
        yield events


def restore(log: EventLog, after: Place, pages: Iterable[Sequence[RecordedEvent]]) -> tuple[Place, int]:
    """Record events that another log recorded after a place; where the chain stands then, and how many were new.

    The log must stand at that place, in most cases the empty one, or at one of the events, whose followers are then
    recorded. Every hash is computed anew and must be the one that is given. All or nothing, in one transaction that
    holds the head lock; inline projections are applied in it.
    Replay: safe, what is there is left alone. Cost: O(events), about 20,000 a second, one page of them in memory.
    Raises ImportRefused, LogCorrupt, EventUnreadable for events of a later release; whatever `pages` raises.
    """
    place, new, recorded_at = after, 0, _BEGINNING
    try:
        with log.engine.begin() as connection:
            row = connection.execute(LOCK_HEAD).one()
            here = Place(position=row.position, hash=bytes(row.hash))
            recorded_at = _last_recorded(connection, here)
            register = {row.name: row.version for row in connection.execute(READ_CHECKPOINTS)}
            require_versions(log.projections, register)
            _require(place.position < here.position or place == here, here, after)
            for page in pages:
                missing = []
                for event in page:
                    place = link(place, event)
                    if place.position > here.position:
                        missing.append(event)
                    elif place.position == here.position:
                        _require(place == here, here, after)
                if missing:
                    recorded_at = _require_sound(connection, missing, recorded_at)
                    execute_together(connection, log.recording(RECORD_EVENTS, missing))
                    new += len(missing)
            _require(place.position >= here.position, here, after)
            found = connection.execute(HEAD).one()
            assert (found.position, bytes(found.hash)) == (place.position, place.hash), "the head is the last event"
    except (DataError, IntegrityError) as error:
        reason = str(error.orig).splitlines()[0]
        raise LogCorrupt(f"events up to position {place.position}: what no log could hold: {reason}") from None
    return place, new


def _last_recorded(connection: Connection, place: Place) -> datetime:
    events = read_events(connection, READ_POSITIONS, positions=[place.position])
    return events[0].recorded_at if events else _BEGINNING


def _require_sound(connection: Connection, events: Sequence[RecordedEvent], after: datetime) -> datetime:
    """Raise LogCorrupt for what no append would have recorded behind what is there; when the last was recorded.

    The chain says that nobody has changed an event, and nothing of who made it.
    """
    versions: dict[tuple[str, str], int] = {}
    by_project: dict[str, dict[str, None]] = {}
    for event in events:
        if (fault := unsound(event)) is not None:
            raise _corrupt(event, *fault)
        by_project.setdefault(event.project, {})[event.stream] = None
    for project, streams in by_project.items():
        found = connection.execute(STREAM_VERSIONS, {"project": project, "streams": list(streams)}).scalars()
        versions |= zip([(project, stream) for stream in streams], found, strict=True)
    for event in events:
        stream = (event.project, event.stream)
        versions[stream] += 1
        if event.version != versions[stream]:
            raise _corrupt(event, f"version {versions[stream]} of its stream", str(event.version))
        if event.recorded_at < after:
            raise _corrupt(event, f"a time not before {after.isoformat()}", event.recorded_at.isoformat())
        after = event.recorded_at
    return after


def _corrupt(event: RecordedEvent, expected: str, found: str) -> LogCorrupt:
    return LogCorrupt(
        f"log, position {event.position} ({event.type:.100}): expected {expected}, found {found}",
        position=event.position,
    )


def _require(fits: bool, here: Place, after: Place) -> None:  # noqa: FBT001 - reads as an assertion
    if not fits:
        raise ImportRefused(
            f"the log stands at {here}: expected an empty one"
            + (f", or one that ends with {after}" if after != START else "")
            + ", or one that holds nothing but a beginning of these events; name another database."
        )
