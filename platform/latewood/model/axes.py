"""Where the windows of time begin: instants, local clocks and calendars, with all that daylight saving does to them.

An axis numbers windows 0, 1, 2, ... from its origin; window `i` ends where window `i + 1` begins, so that windows
tile the time without gap or overlap. Instants are whole seconds since 1970 in UTC. Two kinds of axis exist:
calendar units, found by date arithmetic, and marks (hours, ticks of a cron expression), found by bisecting the marks
of one year at a time.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise
from typing import Final, Protocol
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from latewood.errors import DefinitionError, UsageError

FIRST_YEAR: Final = 1800
LAST_YEAR: Final = 2199
"""Schemes live within these years: the time-zone database knows little before, and nobody after."""

HOUR: Final = 3600
DAY: Final = 24 * HOUR
FOLD: Final = "b"
"""Ends the key of an hour or tick whose local time occurs a second time, as clocks are set back: sorts right after
the first one, and before the next hour (an offset such as `+01:00` would not sort)."""

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 -- a local time, made an instant by a zone's offset
_SECOND: Final = timedelta(seconds=1)


class Axis(Protocol):
    """A numbering of windows of time from an origin, without an end."""

    def start(self, ordinal: int) -> int:
        """The instant at which window `ordinal` begins."""

    def first_from(self, instant: int) -> int:
        """The first ordinal whose window begins at or after `instant`; never below 0."""

    def key(self, ordinal: int) -> str:
        """The key of window `ordinal`: the local time at which it begins."""

    def locate(self, key: str) -> int | None:
        """The ordinal with that key; None where no window has it."""


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises DefinitionError, with near matches, where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # all three happen: unknown, ill-formed, the name of a folder
        near = get_close_matches(name, sorted(available_timezones()), n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ', such as "Europe/Berlin"'
        raise DefinitionError(f'time zone "{name}": expected a name of the IANA database{hint}') from None


def instant_of(local: datetime, tz: ZoneInfo) -> int:
    """The first instant at which a clock in `tz` shows `local` (the second such one for `fold=1`) or, in a gap, later.

    Source: PEP 495 for fold and gap; a gap is a time whose offset is smaller for fold=0 than for fold=1.
    """
    aware = local.replace(tzinfo=tz)
    before, after = (offset_s(aware.replace(fold=fold)) for fold in (0, 1))
    naive = (aware.replace(tzinfo=None) - _EPOCH) // _SECOND
    if before >= after:
        return naive - (after if aware.fold else before)
    return next(transitions(tz, naive - after, naive - before + 1))


def local_at(instant: int, tz: ZoneInfo) -> datetime:
    """What a clock in `tz` shows at `instant`, as an aware datetime."""
    return datetime.fromtimestamp(instant, tz)


def offset_s(aware: datetime) -> int:
    """UTC offset in seconds, east positive."""
    offset = aware.utcoffset()
    assert offset is not None
    return offset // _SECOND


def transitions(tz: ZoneInfo, start: int, stop: int) -> Iterator[int]:
    """The instants in [start, stop) from which on the offset of `tz` is another than a second before. Order: ascending.

    zoneinfo does not tell its transitions, so they are searched, a day at a time. Two transitions that cancel each
    other within a day would be missed; the closest such pair in the database is 7 days apart (America/Recife, 2000).
    """
    probes = [*range(start - 1, stop - 1, DAY), stop - 1]
    offsets = [offset_s(local_at(probe, tz)) for probe in probes]
    for (low, offset), (high, last) in pairwise(zip(probes, offsets, strict=True)):
        at, current = low, offset
        while current != last:
            at = bisect_left(range(high), True, at, key=lambda t: offset_s(local_at(t, tz)) != current)  # noqa: B023, FBT003 -- used at once
            current = offset_s(local_at(at, tz))
            yield at
