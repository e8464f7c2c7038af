"""Bytes of the log: the hash chain, and the upcasters that let today's code read yesterday's events."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from latewood_eventlog.errors import EventUnreadable
from latewood_eventlog.records import RecordedEvent

GENESIS: Final = bytes(32)
"""The hash before the first event."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

encode_json: Final = msgspec.json.Encoder(order="deterministic").encode
"""Canonical JSON bytes of a value: keys sorted, no blanks, UTF-8."""

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
