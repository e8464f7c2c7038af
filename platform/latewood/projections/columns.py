"""Column kinds that all read models share, and how an event reaches a reducer."""

from functools import lru_cache
from typing import Final

import msgspec
from sqlalchemy import Column, MetaData

from latewood.events import Event, from_json
from latewood_eventlog.errors import EventUnreadable
from latewood_eventlog.records import RecordedEvent
from latewood_eventlog.schema import Name

metadata: Final = MetaData()


def project() -> Column[str]:
    """The leading key column of every table."""
    return Column("project", Name, primary_key=True)


def key(name: str) -> Column[str]:
    """A text column of the primary key, in byte order on every server."""
    return Column(name, Name, primary_key=True)


def event_of(recorded: RecordedEvent) -> Event:
    """The fact that was recorded, as its class. Raises EventUnreadable for data that are none of its type."""
    try:
        return _fact(recorded.type, recorded.data)
    except msgspec.DecodeError as error:
        raise EventUnreadable(f"event '{recorded.type}' at position {recorded.position}: {error}") from error


@lru_cache(maxsize=64)
def _fact(type_: str, data: str) -> Event:
    """Read once for all projections that want it, one after the other."""
    return from_json(type_, data)
