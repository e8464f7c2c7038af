"""Bytes of the log: what it can hold, the hash chain, and the upcasters that let today's code read old events."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from latewood_eventlog.errors import AppendRefused, BatchMalformed, EventTooLarge, EventUnreadable, LogCorrupt
from latewood_eventlog.records import EVENT_BYTES_MAX, NAME_BYTES_MAX, Batch, NewEvent, Place, RecordedEvent

GENESIS: Final = bytes(32)
"""The hash before the first event."""

START: Final = Place(position=0, hash=GENESIS)
"""Where the chain stands before the first event."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SCHEMA_VERSION_MAX: Final = 2**15 - 1  # a smallint
_TEXT: Final = "text that Postgres can hold"
_NAME: Final = f"{_TEXT}, 1 to {NAME_BYTES_MAX} bytes, a project's without a comma"

encode_json: Final = msgspec.json.Encoder(order="deterministic").encode
"""Canonical JSON bytes of a value: keys sorted, no blanks, UTF-8."""

_scan_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_ESCAPED_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Data of one schema version of an event type -> data of the next version."""


def chain(previous: bytes, event: RecordedEvent) -> bytes:
    """The event's hash: sha256 of the previous hash and a JSON array of every other column.

    Times enter as microseconds since 1970 UTC, so that neither a session's time zone nor a client's
    formatting can change a hash.
    """
    columns = (
        event.position,
        str(event.event_id),
        event.project,
        event.stream,
        event.version,
        event.type,
        event.schema_version,
        (event.occurred_at - _EPOCH) // _MICROSECOND,
        (event.recorded_at - _EPOCH) // _MICROSECOND,
        event.actor,
        event.cause,
        event.data,
    )
    return hashlib.sha256(previous + encode_json(columns)).digest()


def link(place: Place, event: RecordedEvent) -> Place:
    """Where the chain stands after this event. Raises LogCorrupt if it is not the next one, as it was recorded."""
    if event.position != place.position + 1:
        raise LogCorrupt(
            f"log: expected position {place.position + 1}, found {event.position}", position=place.position + 1
        )
    expected = chain(place.hash, event)
    if expected != event.hash:
        raise LogCorrupt(
            f"log, position {event.position} ({event.type} in {event.stream}): expected hash {expected.hex()[:16]}…, "
            f"found {event.hash.hex()[:16]}…; the event or the chain before it was changed",
            position=event.position,
        )
    return Place(position=event.position, hash=expected)


def unheld(value: Any) -> str:
    """What of a JSON value's texts no event can hold, in words; empty for one that any can. Cost: encoding it."""
    try:
        encoded = encode_json(value)
    except UnicodeEncodeError:
        return "half of a surrogate pair"
    nul = b"\\u0000" in encoded and _ESCAPED_NUL.search(encoded.decode())
    return "the character U+0000" if nul else ""


def refusal(batch: Batch) -> AppendRefused | None:
    """Why no log could hold the batch, if so.

    Known before the database is asked: one statement records many batches, and what Postgres refuses of one it
    would refuse of all. Cost: about 2 µs per event.
    """
    names = {("project", append.project) for append in batch.appends}
    names |= {("stream", append.stream) for append in batch.appends}
    if batch.fence is not None:
        names |= {("project", batch.fence.project), ("lease", batch.fence.lease)}
    ids = set()
    for append in batch.appends:
        for event in append.events:
            # len() of text is a lower bound of its bytes: only long texts are worth encoding.
            if len(event.data) * 4 > EVENT_BYTES_MAX:
                size = len(event.data.encode(errors="replace"))
                if size > EVENT_BYTES_MAX:
                    return EventTooLarge(type=event.type, size=size, limit=EVENT_BYTES_MAX)
            if fault := _event_fault(event):
                expected, found = fault
                return BatchMalformed(subject=f"event '{event.type:.100}'", expected=expected, found=found)
            names |= {("type", event.type), ("actor", event.actor)}
            ids.add(event.event_id)
    for what, name in names:
        if found := _name_fault(what, name):
            return BatchMalformed(subject=f"{what} {name!r:.100}", expected=_NAME, found=found)
    if len(ids) < batch.size:
        return BatchMalformed(subject="batch", expected="each event id once", found="one of them again")
    return None


def unsound(event: RecordedEvent) -> tuple[str, str] | None:
    """What was expected of an event that is said to be recorded, and what was found: what no append would take."""
    size = len(event.data.encode(errors="replace"))
    if size > EVENT_BYTES_MAX:
        return f"at most {EVENT_BYTES_MAX} bytes of data", str(size)
    for what in ("project", "stream", "type", "actor"):
        if found := _name_fault(what, getattr(event, what)):
            return f"as its {what} {_NAME}", found
    return _event_fault(event)


def _event_fault(event: NewEvent | RecordedEvent) -> tuple[str, str] | None:
    """What was expected of the event and what was found instead."""
    data = event.data
    if not (data.startswith("{") and data.endswith("}")):
        # Postgres would cut blanks off and rewrite a lone string: other bytes than those that were hashed.
        return "the text of one JSON object as data", f"{data:.40}"
    if "\\u0000" in data and _ESCAPED_NUL.search(data):
        return _TEXT, "the character U+0000"
    try:
        _scan_object(data)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return "the text of one JSON object as data", str(error)
    if event.occurred_at.utcoffset() is None:
        return "an instant as occurred_at", "a time without a zone"
    if not 1 <= event.schema_version <= _SCHEMA_VERSION_MAX:
        return f"a schema version from 1 to {_SCHEMA_VERSION_MAX}", str(event.schema_version)
    return None


@lru_cache(maxsize=4_096)
def _name_fault(what: str, name: str) -> str:
    if "\0" in name:
        return "the character U+0000"
    if what == "project" and "," in name:  # the row policies split at it
        return "a comma"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "a lone surrogate"
    return "" if 1 <= size <= NAME_BYTES_MAX else f"{size} bytes"


class Upcasters:
    """Steps from old schema versions of event types to the current ones.

    `current` names the version that the code writes, by type; `steps` holds, for (type, version), the
    function to version + 1. Types that are not named are passed through, so that the log itself needs to
    know none. Raises at construction when a step is missing on the way.
    """

    def __init__(
        self,
        current: Mapping[str, int] | None = None,
        steps: Mapping[tuple[str, int], Upcaster] | None = None,
    ) -> None:
        self._current = dict(current or {})
        self._steps = dict(steps or {})
        for type_, version in self._current.items():
            missing = [v for v in range(1, version) if (type_, v) not in self._steps]
            if missing:
                raise EventUnreadable(f"event '{type_}': no upcaster from schema version {missing[0]}")

    def upcast(self, event: RecordedEvent) -> RecordedEvent:
        """The event in today's schema version. Raises EventUnreadable for a version from the future."""
        current = self._current.get(event.type, event.schema_version)
        if event.schema_version == current:
            return event
        if event.schema_version > current:
            raise EventUnreadable(
                f"event '{event.type}' at position {event.position}: expected schema version up to {current}, "
                f"found {event.schema_version}; upgrade Latewood"
            )
        data = msgspec.json.decode(event.data)
        for version in range(event.schema_version, current):
            data = self._steps[event.type, version](data)
        return replace(event, data=encode_json(data).decode(), schema_version=current)
