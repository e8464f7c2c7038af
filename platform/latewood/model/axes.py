"""Where windows of time begin: instants, clocks and calendars, with all that daylight saving does to them.

An axis numbers windows 0, 1, 2, ... from its origin; window `i` ends where window `i + 1` begins, so that
windows tile the time without gap or overlap. Instants are whole seconds since 1970 in UTC. Two kinds of axis
exist: calendar units, found by date arithmetic, and marks (hours, ticks of a cron expression), found by
bisecting the marks of one year at a time.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from itertools import chain, count, islice, pairwise, takewhile
from typing import Final, Literal, Protocol
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim

from latewood.errors import DefinitionError, UsageError

FIRST_YEAR: Final = 1800
LAST_YEAR: Final = 2199
"""Schemes live within these years: the time-zone database knows little before, and nobody after."""

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_FOLD: Final = "b"
"""Ends the key of an hour or tick whose local time occurs a second time, as clocks are set back: sorts right
after the first one, and before the next hour (an offset such as `+01:00` would not sort)."""

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 -- a local time, made an instant by a zone's offset
_SECOND: Final = timedelta(seconds=1)


class Axis(Protocol):
    """A numbering of windows of time from an origin, without an end. Ordinals begin at 0."""

    def start(self, ordinal: int) -> int:
        """The instant at which window `ordinal` begins."""

    def first_from(self, instant: int) -> int:
        """The first ordinal whose window begins at or after `instant`."""

    def key(self, ordinal: int) -> str:
        """The key of window `ordinal`: the local time at which it begins."""

    def keys(self, start: int, stop: int) -> list[str]:
        """The keys of the windows from `start` up to but without `stop`, which is greater. Cost: O(stop - start)."""

    def locate(self, key: str) -> int | None:
        """The ordinal with that key; None where no window has it."""


def ticks(cron: str, tz: ZoneInfo, after: int, upto: int) -> Iterator[int]:
    """The instants in (after, upto] at which a cron expression ticks. Order: ascending. Cost: O(years), and ticks."""
    for marks in _marks_between(cron, tz, after, upto):
        yield from marks[bisect_right(marks, after) : bisect_right(marks, upto)]


def count_ticks(cron: str, tz: ZoneInfo, after: int, upto: int) -> int:
    """How many `ticks` there are. Cost: O(years)."""
    between = _marks_between(cron, tz, after, upto)
    return sum(bisect_right(marks, upto) - bisect_right(marks, after) for marks in between)


def last_tick(cron: str, tz: ZoneInfo, after: int, upto: int) -> int | None:
    """The last of `ticks`, if there is any. Cost: O(years without one)."""
    for year in range(_year_of(upto), _year_of(after) - 1, -1):
        marks = _marks(cron, tz, year)
        if end := bisect_right(marks, upto):
            return marks[end - 1] if marks[end - 1] > after else None
    return None


def next_tick(cron: str, tz: ZoneInfo, after: int) -> int | None:
    """The first instant behind `after` at which it ticks, None where it never does. Cost: O(years without one)."""
    end = int(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()) - 1
    return next(ticks(cron, tz, after, end), None)


def _marks_between(cron: str, tz: ZoneInfo, after: int, upto: int) -> "Iterator[array[int]]":
    return (_marks(cron, tz, year) for year in range(_year_of(after), _year_of(upto) + 1))


def _year_of(instant: int) -> int:
    return datetime.fromtimestamp(instant, UTC).year


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarAxis:
    """Days, weeks or months of a zone's calendar: each begins with its first date. Cost: O(1) throughout.

    A window has `days` days, or is a month where that is 0; `origin` numbers the first day (or month) since
    the year 0. `skipped` days the zone never had, crossing the date line (Samoa: 2011-12-30): no windows.
    """

    tz: ZoneInfo
    days: int
    origin: int
    skipped: tuple[int, ...] = ()

    @classmethod
    def of_days(cls, days: int, first: date, tz: ZoneInfo) -> "CalendarAxis":
        """Windows of so many days, the first of which begins with the date `first`."""
        skipped = _skipped_dates(tz, first) if days == 1 else ()
        return cls(tz=tz, days=days, origin=first.toordinal(), skipped=skipped)

    @classmethod
    def of_months(cls, first: date, tz: ZoneInfo) -> "CalendarAxis":
        """Months, the first of which begins with the date `first`."""
        return cls(tz=tz, days=0, origin=first.year * 12 + first.month - 1)

    def start(self, ordinal: int) -> int:
        """The instant at which window `ordinal` begins: midnight or, in a gap, the gap's end."""
        return instant_of(datetime.combine(self._date(ordinal), datetime.min.time()), self.tz)

    def first_from(self, instant: int) -> int:
        """The first ordinal whose window begins at or after `instant`."""
        ordinal = self._index(local_at(instant, self.tz).date())
        # Where clocks are set back over midnight, the date they show is not always that of the window.
        while self.start(ordinal) < instant:
            ordinal += 1
        while ordinal > 0 and self.start(ordinal - 1) >= instant:
            ordinal -= 1
        return max(ordinal, 0)

    def key(self, ordinal: int) -> str:
        """`2013-03-31` of days, `2013-03-25` (its first date) of weeks, `2013-03` of months."""
        first = self._date(ordinal).isoformat()
        return first if self.days else first[:7]

    def keys(self, start: int, stop: int) -> list[str]:
        """The keys of the windows from `start` up to but without `stop`."""
        return [self.key(ordinal) for ordinal in range(start, stop)]

    def locate(self, key: str) -> int | None:
        """The ordinal with that key; None where no window has it."""
        try:
            ordinal = self._index(date.fromisoformat(key if self.days else f"{key}-01"))
        except ValueError:
            return None
        return ordinal if ordinal >= 0 and self.key(ordinal) == key else None

    def _date(self, ordinal: int) -> date:
        if not self.days:
            year, month = divmod(self.origin + ordinal, 12)
            return date(year, month + 1, 1)
        number = self.origin + self.days * ordinal
        for skipped in self.skipped:
            number += skipped <= number
        return date.fromordinal(number)

    def _index(self, day: date) -> int:
        """The ordinal of the window to which the calendar assigns `day`; negative before the origin."""
        if not self.days:
            return day.year * 12 + day.month - 1 - self.origin
        number = day.toordinal()
        return (number - self.origin - bisect_left(self.skipped, number)) // self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkAxis:
    """Windows from mark to mark: hours as clocks show them (`every="hourly"`), or ticks of a cron expression.

    `year` holds the origin, and `before` marks of that year lie before it. Cost: O(years since the origin)
    each, once the marks of these years are found; they are remembered.
    """

    tz: ZoneInfo
    every: str
    year: int
    before: int

    @classmethod
    def of(cls, every: str, first: datetime, tz: ZoneInfo) -> "MarkAxis":
        """The axis whose window 0 begins at the first mark at or after the local time `first`."""
        instant = instant_of(first, tz)
        year = datetime.fromtimestamp(instant, UTC).year
        return cls(tz=tz, every=every, year=year, before=bisect_left(_marks(every, tz, year), instant))

    def start(self, ordinal: int) -> int:
        """The instant at which window `ordinal` begins. Raises UsageError past the last year."""
        at, year = self.before + ordinal, self.year
        while at >= len(marks := _marks(self.every, self.tz, year)):
            at -= len(marks)
            year += 1
            if year > LAST_YEAR:
                raise UsageError(f"partition number {ordinal} of {self.every}: expected one up to {LAST_YEAR}")
        return marks[at]

    def first_from(self, instant: int) -> int:
        """The first ordinal whose window begins at or after `instant`."""
        year = datetime.fromtimestamp(instant, UTC).year
        if year < self.year:
            return 0
        earlier = sum(len(_marks(self.every, self.tz, y)) for y in range(self.year, year))
        return max(earlier + bisect_left(_marks(self.every, self.tz, year), instant) - self.before, 0)

    def key(self, ordinal: int) -> str:
        """`2013-03-31T05` of hours, `2013-03-31T05:30` of ticks; ends in `b` the second time around."""
        return _shown(self.start(ordinal), self.tz, self._precision)

    def keys(self, start: int, stop: int) -> list[str]:
        """The keys of the windows from `start` up to but without `stop`, year by year."""
        self.start(stop - 1)  # before the last year
        years = (_marks(self.every, self.tz, year) for year in count(self.year))
        instants = islice(chain.from_iterable(years), self.before + start, self.before + stop)
        return [_shown(instant, self.tz, self._precision) for instant in instants]

    @property
    def _precision(self) -> Literal["hours", "minutes"]:
        return "hours" if self.every == "hourly" else "minutes"

    def locate(self, key: str) -> int | None:
        """The ordinal with that key; None where no window has it."""
        try:
            local = datetime.fromisoformat(key.removesuffix(_FOLD))
        except ValueError:
            return None
        if local.tzinfo is not None or not FIRST_YEAR <= local.year <= LAST_YEAR:
            return None
        instant = instant_of(local.replace(fold=int(key.endswith(_FOLD))), self.tz)
        # An hour that a transition cut short begins later than its key says, behind up to two others
        # (Newfoundland set its clocks back at 00:01, until 2011).
        first = self.first_from(instant + 1) - 1
        return next((o for o in range(max(first, 0), first + 3) if self.key(o) == key), None)


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises DefinitionError, with near matches, where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; ill-formed; the name of a folder
        near = get_close_matches(name, sorted(available_timezones()), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ', such as "Europe/Berlin"'
        raise DefinitionError(f'time zone "{name}": expected a name of the IANA database{hint}') from None


def instant_of(local: datetime, tz: ZoneInfo) -> int:
    """The instant at which clocks in `tz` show naive `local`: of two, by its fold; in a gap, its end.

    Source: PEP 495; in a gap, and only there, the offset for fold=0 is the smaller one.
    """
    first, second = (_offset_s(local.replace(tzinfo=tz, fold=fold)) for fold in (0, 1))
    shown = _seconds(local)
    if first < second:
        return next(transitions(tz, shown - second, shown - first + 1))
    return shown - (second if local.fold else first)


def local_at(instant: int, tz: ZoneInfo) -> datetime:
    """What clocks in `tz` show at `instant`, as an aware datetime."""
    return datetime.fromtimestamp(instant, tz)


def interval_of(text: str) -> tuple[datetime, datetime] | None:
    """The local times between which a year, month (`2013-06`), date or hour lies; None for other text."""
    try:
        start = datetime.fromisoformat(text + "yyyy-01-01T00"[len(text) :])
    except ValueError:
        return None
    if not FIRST_YEAR <= start.year <= LAST_YEAR or start.isoformat()[: len(text)] != text:
        return None  # also 20130601 and 2013-W22-6, which fromisoformat takes
    match len(text):
        case 4:
            return start, start.replace(year=start.year + 1)
        case 7:
            return start, (start + timedelta(days=31)).replace(day=1)
        case 10:
            return start, start + timedelta(days=1)
        case 13:
            return start, start + timedelta(hours=1)
    return None


def transitions(tz: ZoneInfo, start: int, stop: int) -> Iterator[int]:
    """The instants in [start, stop) at which the offset of `tz` changes. Order: ascending.

    zoneinfo does not tell its transitions, so they are searched, a day at a time. Two that cancel each other
    within a day would be missed; no two since 1900 are closer than 4 days (Africa/Freetown, 1939).
    """
    probes = [*range(start - 1, stop - 1, _DAY), stop - 1]
    for low, high in pairwise(probes):
        at, last = low, _offset_at(high, tz)
        while _offset_at(at, tz) != last:
            at = _next_transition(tz, at, high)
            yield at


def _next_transition(tz: ZoneInfo, low: int, high: int) -> int:
    """The first instant after `low` with another offset, given that `high` has another. Cost: O(log)."""
    offset = _offset_at(low, tz)
    between = range(low + 1, high)
    return low + 1 + bisect_left(between, 1, key=lambda instant: int(_offset_at(instant, tz) != offset))


def _offset_at(instant: int, tz: ZoneInfo) -> int:
    return _offset_s(local_at(instant, tz))


def _offset_s(aware: datetime) -> int:
    offset = aware.utcoffset()
    assert offset is not None
    return offset // _SECOND


def _shown(instant: int, tz: ZoneInfo, precision: Literal["hours", "minutes"]) -> str:
    local = local_at(instant, tz)
    return local.replace(tzinfo=None).isoformat()[: 13 if precision == "hours" else 16] + _FOLD * local.fold


@lru_cache(maxsize=256)
def _marks(every: str, tz: ZoneInfo, year: int) -> "array[int]":
    """The marks within one year of UTC. Order: ascending. Cost: 1 ms for hours, 20-30 ms for cron."""
    start, stop = (int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (year, year + 1))
    return array("q", _hours(tz, start, stop) if every == "hourly" else _ticks(every, tz, start, stop))


def _hours(tz: ZoneInfo, start: int, stop: int) -> Iterator[int]:
    """Where clocks begin to show another hour: every whole hour, and transitions into another hour."""
    for low, high in pairwise([start, *transitions(tz, start, stop), stop]):
        whole = low + -(low + _offset_at(low, tz)) % _HOUR
        if whole != low != start and _shown(low, tz, "hours") != _shown(low - 1, tz, "hours"):
            yield low
        yield from range(whole, high, _HOUR)


def _ticks(cron: str, tz: ZoneInfo, start: int, stop: int) -> Iterator[int]:
    """Where a cron expression ticks, with Debian's rules for daylight saving.

    What runs at a fixed time is moved out of a gap and runs once in a fold; what runs every so many minutes or
    hours (a field that begins with `*`) keeps its pace. Source: cron(8) of Debian.
    """
    if any(field.startswith("*") for field in cron.split()[:2]):
        for low, high in pairwise([start, *transitions(tz, start, stop), stop]):
            offset = _offset_at(low, tz)
            yield from takewhile(high.__gt__, (local - offset for local in _cron_times(cron, low + offset)))
        return
    last = start - 1
    for local in _cron_times(cron, start + _offset_at(start, tz) - _DAY):
        instant = instant_of(_EPOCH + local * _SECOND, tz)
        if instant >= stop:
            return
        if instant > last:  # not before this year, and not a second time at the end of a gap
            last = instant
            yield instant


def _cron_times(cron: str, first: int) -> Iterator[int]:
    """The local times from `first` on at which a cron expression ticks, in seconds as if in UTC.

    cronsim is small, exact and without dependencies, but takes 20 us a tick, and given a zone it never ends where
    clocks are set back over midnight; so it tells the dates, and the times of one day.
    """
    minute, hour, *dates = cron.split()
    times: list[int] = []
    for local in CronSim(f"{minute} {hour} * * *", _EPOCH - _SECOND):
        if (second := _seconds(local)) >= _DAY:
            break
        times.append(second)
    for midnight in CronSim(" ".join(("0", "0", *dates)), _EPOCH + (first - _DAY - 1) * _SECOND):
        begin = _seconds(midnight)
        yield from (begin + second for second in times if begin + second >= first)


def _seconds(local: datetime) -> int:
    """What `local` would be as an instant, were it in UTC."""
    return (local - _EPOCH) // _SECOND


@lru_cache(maxsize=256)
def _skipped_dates(tz: ZoneInfo, first: date) -> tuple[int, ...]:
    """Numbers of the dates from `first` on that no clock in `tz` ever showed. Order: ascending."""
    years = [int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in range(first.year, LAST_YEAR + 2)]
    found: list[int] = []
    for low, high in pairwise(years):
        if _offset_at(high, tz) - _offset_at(low, tz) > _DAY // 2:  # crossed the date line westward
            for at in transitions(tz, low, high + 1):
                days = (local_at(instant, tz).toordinal() for instant in (at - 1, at))
                found.extend(range(next(days) + 1, next(days)))
    return tuple(number for number in found if number >= first.toordinal())
