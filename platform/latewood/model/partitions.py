"""Partition schemes: how an asset is sliced, what the slices are called, and how a choice of them is written.

A scheme numbers its partitions 0, 1, 2, ... in order: these are their ordinals. An asset without a scheme
(None) has exactly one partition, with ordinal 0 and the key UNPARTITIONED.
"""
# ruff: noqa: N802 -- Hourly, Daily, ... read as the kinds of scheme they make

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

import msgspec
from cronsim import CronSim, CronSimError

from latewood.errors import DefinitionError, UsageError
from latewood.model.axes import (
    FIRST_YEAR,
    LAST_YEAR,
    Axis,
    CalendarAxis,
    MarkAxis,
    instant_of,
    interval_of,
    local_at,
    zone,
)
from latewood.model.keys import UNPARTITIONED, PartitionKey
from latewood.model.ordinals import Ordinals, Range

_EXPECTED: Final = {
    "monthly": "the first day of a month such as 2013-01-01",
    "weekly": "a date such as 2013-01-07",
    "daily": "a date such as 2013-01-01",
    "hourly": "a whole hour such as 2013-01-01T05",
    "cron": "a local time such as 2013-01-01T05:30",
}


class TimeWindows(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="time", cache_hash=True):
    """Windows of time that follow each other from `start` on; no window begins at or after `end`.

    `every` is hourly, daily, weekly, monthly or a cron expression; `start` and `end` are local times of
    `timezone` in ISO form. Without an end, a window becomes a partition when it is over.
    Made by Hourly, Daily, Weekly, Monthly and Cron, which check what they are given.
    """

    every: str
    start: str
    end: str | None = None
    timezone: str = "UTC"


class StaticKeys(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="static", cache_hash=True):
    """Partitions that are named one by one. Made by Static, which checks the names."""

    keys: tuple[PartitionKey, ...]


Scheme = TimeWindows | StaticKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """The half-open interval of time [start, end) that a partition covers, in the time zone of its scheme."""

    start: datetime
    end: datetime

    @property
    def duration(self) -> timedelta:
        """The time that passes: 23 or 25 hours on some days, where `end - start` counts clock hours, 24."""
        return self.end.astimezone(UTC) - self.start.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRange:
    """Neighbouring partitions, `first` and `last` included; `window` covers them where they are time."""

    first: PartitionKey
    last: PartitionKey
    window: TimeWindow | None = None


Moment = str | date
"""A local time as users write it: ISO text, a date or a naive datetime."""


def Hourly(start: Moment, end: Moment | None = None, *, timezone: str = "UTC") -> TimeWindows:
    """One partition per hour that clocks show, `2013-03-31T05`; the second of a repeated hour is `...T02b`.

    An hour that clocks skip has none. Raises DefinitionError for what is no whole hour or no time zone.
    """
    return _time_windows("hourly", start, end, timezone)


def Daily(start: Moment, end: Moment | None = None, *, timezone: str = "UTC") -> TimeWindows:
    """One partition per date, `2013-03-31`, from local midnight to local midnight: 23 to 25 hours.

    Raises DefinitionError for what is no date or no time zone.
    """
    return _time_windows("daily", start, end, timezone)


def Weekly(start: Moment, end: Moment | None = None, *, timezone: str = "UTC") -> TimeWindows:
    """One partition per seven days from `start` on, with its first date as key, `2013-03-25`.

    Raises DefinitionError for what is no date or no time zone, or an end that would cut a week.
    """
    return _time_windows("weekly", start, end, timezone)


def Monthly(start: Moment, end: Moment | None = None, *, timezone: str = "UTC") -> TimeWindows:
    """One partition per month, `2013-03`; `start` and `end` are first days of months, or `2013-03` for short.

    Raises DefinitionError for any other day, or for what is no time zone.
    """
    return _time_windows("monthly", start, end, timezone)


def Cron(cron: str, start: Moment, end: Moment | None = None, *, timezone: str = "UTC") -> TimeWindows:
    """One partition from each tick in [start, end) to the next; its key is `2013-03-31T06:00`.

    Five fields: minute, hour, day of month, month, day of week. In a repeated hour a tick at a fixed time
    occurs once; those of `*/15 * * * *` go on and are marked `...T02:15b`. Raises DefinitionError.
    """
    found = f'cron expression "{cron}"'
    form = "expected five fields, minute hour day month weekday, as in 0 6 * * *"
    if len(cron.split()) != 5:  # noqa: PLR2004 -- cronsim would take a sixth, seconds, that keys do not show
        raise DefinitionError(f"{found}: {form}")
    try:
        next(CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise DefinitionError(f"{found}: {error}; {form}") from None
    except StopIteration:
        raise DefinitionError(f"{found}: no such time occurs within 50 years") from None
    return _time_windows(" ".join(cron.split()), start, end, timezone)


def Static(keys: Iterable[str]) -> StaticKeys:
    """One partition per key, in the given order. Raises DefinitionError for a double or bad key."""
    found = tuple(PartitionKey(key) for key in keys)
    if not found:
        raise DefinitionError("static partitions: expected at least one key, found none")
    for key, times in Counter(found).items():
        fits = key.isprintable() and key == key.strip(" .") and not key.startswith(("-", "*"))
        if not key or not fits or ".." in key or "," in key:
            raise DefinitionError(
                f'static partition "{key}": expected printable text that neither begins nor ends with a blank '
                'or ".", does not begin with "-" or "*", and contains neither ".." nor ","'
            )
        if times > 1:
            raise DefinitionError(f'static partition "{key}": expected once, found {times} times')
    return StaticKeys(keys=found)


def count(scheme: Scheme | None, now: datetime) -> int:
    """Number of partitions: those whose window is over at `now` where the scheme has no end. Cost: O(1)."""
    size = size_of(scheme)
    if size is not None:
        return size
    assert isinstance(scheme, TimeWindows)
    return max(axis_of(scheme).first_from(int(now.timestamp() // 1) + 1) - 1, 0)


def key_at(scheme: Scheme | None, ordinal: int) -> PartitionKey:
    """The key of a partition. Raises UsageError outside the scheme. Cost: O(1), about a microsecond."""
    size = size_of(scheme)
    if ordinal < 0 or (size is not None and ordinal >= size):
        raise UsageError(f"partition number {ordinal}: expected 0 to {'' if size is None else size - 1}".rstrip())
    match scheme:
        case None:
            return UNPARTITIONED
        case StaticKeys(keys=keys):
            return keys[ordinal]
        case TimeWindows():
            return PartitionKey(axis_of(scheme).key(ordinal))


def keys_of(scheme: Scheme | None, ordinals: Ordinals) -> tuple[PartitionKey, ...]:
    """The keys of these partitions, in order. Raises UsageError outside the scheme. Cost: O(keys)."""
    if not isinstance(scheme, TimeWindows) or not ordinals:
        return tuple([key_at(scheme, ordinal) for ordinal in ordinals])
    key_at(scheme, ordinals.ranges[-1][1] - 1)
    axis = axis_of(scheme)
    return tuple([PartitionKey(key) for start, stop in ordinals.ranges for key in axis.keys(start, stop)])


def ordinal_of(scheme: Scheme | None, key: str) -> int:
    """The ordinal of the partition with that key; of an open scheme, also one that is yet to come.

    Raises UsageError with the bounds, or near matches, where there is none. Cost: O(1).
    """
    ordinal, size = _located(scheme, key), size_of(scheme)
    if ordinal is None or (size is not None and ordinal >= size):
        raise _unknown(scheme, key, size)
    return ordinal


def window_at(scheme: TimeWindows, ordinal: int) -> TimeWindow:
    """The window of a partition. Cost: O(1)."""
    return _window(scheme, (ordinal, ordinal + 1))


def range_at(scheme: Scheme | None, ordinals: Range) -> PartitionRange:
    """The half-open range of ordinals, not empty, as users receive it."""
    start, stop = ordinals
    window = _window(scheme, ordinals) if isinstance(scheme, TimeWindows) else None
    return PartitionRange(first=key_at(scheme, start), last=key_at(scheme, stop - 1), window=window)


def describe(scheme: Scheme | None, ordinals: Ordinals) -> str:
    """These partitions as text that `parse_partitions` reads: `2013-01-01..2013-03-31, 2013-05-01`."""
    ends = ((key_at(scheme, start), key_at(scheme, stop - 1)) for start, stop in ordinals.ranges)
    return ", ".join(first if first == last else f"{first}..{last}" for first, last in ends)


def parse_partitions(scheme: Scheme | None, text: str, now: datetime) -> Ordinals:
    """The partitions that `text` chooses: keys and ranges, both ends included, joined by commas.

    `*` is all; of time windows a coarser time stands for all that begin within it (`2013-06` for a month of
    days, `2013` for a year); what follows a `-` is taken away (`2013-02, -2013-02-14`).
    Raises UsageError for what denotes no partition that exists at `now`. Cost: O(parts of the text).
    """
    size = count(scheme, now)
    parts = [part.strip() for part in text.split(",")]
    chosen = [_denoted(scheme, part, size) for part in parts if not part.startswith("-")]
    removed = [_denoted(scheme, part[1:].strip(), size) for part in parts if part.startswith("-")]
    return Ordinals.of_ranges(chosen or [(0, size)]) - Ordinals.of_ranges(removed)


def title(scheme: Scheme | None) -> str:
    """What the scheme is, in a few words: `daily from 2013-01-01 to 2014-01-01 (Europe/Berlin)`."""
    match scheme:
        case None:
            return "unpartitioned"
        case StaticKeys(keys=keys):
            return f"static ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"  # noqa: PLR2004 -- a few
        case TimeWindows(every=every, start=start, end=end, timezone=timezone):
            until = f" to {end}" if end else ""
            return f"{every if every in _EXPECTED else f'cron {every}'} from {start}{until} ({timezone})"


@lru_cache(maxsize=1024)
def axis_of(scheme: TimeWindows) -> Axis:
    """The numbering of the scheme's windows, from its start and without its end."""
    tz, start = zone(scheme.timezone), datetime.fromisoformat(scheme.start)
    match scheme.every:
        case "daily":
            return CalendarAxis.of_days(1, start.date(), tz)
        case "weekly":
            return CalendarAxis.of_days(7, start.date(), tz)
        case "monthly":
            return CalendarAxis.of_months(start.date(), tz)
        case every:
            return MarkAxis.of(every, start, tz)


@lru_cache(maxsize=1024)
def size_of(scheme: Scheme | None) -> int | None:
    """Number of partitions; None where it depends on the time."""
    match scheme:
        case None:
            return 1
        case StaticKeys(keys=keys):
            return len(keys)
        case TimeWindows(end=end, timezone=timezone):
            if end is None:
                return None
            return axis_of(scheme).first_from(instant_of(datetime.fromisoformat(end), zone(timezone)))


@lru_cache(maxsize=64)
def _static_ordinals(scheme: StaticKeys) -> dict[str, int]:
    return {key: ordinal for ordinal, key in enumerate(scheme.keys)}


def _located(scheme: Scheme | None, key: str) -> int | None:
    match scheme:
        case None:
            return 0 if key == UNPARTITIONED else None
        case StaticKeys():
            return _static_ordinals(scheme).get(key)
        case TimeWindows():
            return axis_of(scheme).locate(key)


def _window(scheme: TimeWindows, ordinals: Range) -> TimeWindow:
    axis, tz = axis_of(scheme), zone(scheme.timezone)
    start, end = (local_at(axis.start(ordinal), tz) for ordinal in ordinals)
    return TimeWindow(start=start, end=end)


def _denoted(scheme: Scheme | None, part: str, size: int) -> Range:
    """The ordinals of one part of a choice: `*`, a key, a coarser time, or a range of these."""
    if part == "*":
        return 0, size
    first, dots, last = part.partition("..")
    start = _denoted_once(scheme, first.strip(), size)
    if not dots:
        return start
    stop = _denoted_once(scheme, last.strip(), size)
    if stop[1] <= start[0]:
        raise UsageError(f'partitions "{part}": expected first..last, found last..first')
    return start[0], stop[1]


def _denoted_once(scheme: Scheme | None, key: str, size: int) -> Range:
    ordinal = _located(scheme, key)
    if ordinal is not None and ordinal < size:
        return ordinal, ordinal + 1
    if isinstance(scheme, TimeWindows) and (interval := interval_of(key)):
        start, stop = (axis_of(scheme).first_from(instant_of(time, zone(scheme.timezone))) for time in interval)
        if start < min(stop, size):
            return start, min(stop, size)
    raise _unknown(scheme, key, size)


def _unknown(scheme: Scheme | None, key: str, size: int | None) -> UsageError:
    match scheme:
        case None:
            hint = "the asset is not partitioned"
        case StaticKeys(keys=keys):
            near = get_close_matches(key, keys, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of {title(scheme)}"
        case TimeWindows():
            last = f" to {key_at(scheme, size - 1)}" if size else " on"
            expected = "no partition is over yet" if size == 0 else f"expected a key from {key_at(scheme, 0)}{last}"
            hint = f"{expected}, {title(scheme)}"
    return UsageError(f'partition "{key}": {hint}')


def _time_windows(every: str, start: Moment, end: Moment | None, timezone: str) -> TimeWindows:
    zone(timezone)  # an unknown one is refused here
    first, last = _local(every, start), None if end is None else _local(every, end)
    scheme = TimeWindows(
        every=every,
        start=_iso(every, first),
        end=None if last is None else _iso(every, last),
        timezone=timezone,
    )
    if size_of(scheme) == 0:
        raise DefinitionError(f"partitions {title(scheme)}: expected an end after the start, found no window between")
    if every == "weekly" and last is not None and (last - first).days % 7:
        whole = first + timedelta(days=(last - first).days // 7 * 7)
        raise DefinitionError(
            f"partitions {title(scheme)}: expected an end a whole number of weeks after the start, "
            f"such as {whole.date()} or {(whole + timedelta(days=7)).date()}"
        )
    return scheme


def _iso(every: str, local: datetime) -> str:
    """One spelling for one time, so that equal schemes are equal."""
    return local.date().isoformat() if every in ("daily", "weekly", "monthly") else local.isoformat(timespec="minutes")


def _local(every: str, moment: Moment) -> datetime:
    expected = _EXPECTED.get(every, _EXPECTED["cron"])
    found = f'partitions {every}: expected {expected}, found "{moment}"'
    if isinstance(moment, str):
        text = f"{moment}-01" if every == "monthly" and len(moment) == len("2013-01") else moment
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            raise DefinitionError(found) from None
    else:
        local = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    if local.tzinfo is not None:
        raise DefinitionError(f"{found}; give the time zone as timezone=")
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise DefinitionError(f"{found}; years from {FIRST_YEAR} to {LAST_YEAR}")
    if _cut(every, local) != local:
        raise DefinitionError(found)
    return local


def _cut(every: str, local: datetime) -> datetime:
    """The beginning of the month, day, hour or minute in which `local` lies."""
    match every:
        case "monthly":
            return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        case "daily" | "weekly":
            return local.replace(hour=0, minute=0, second=0, microsecond=0)
        case "hourly":
            return local.replace(minute=0, second=0, microsecond=0)
        case _:
            return local.replace(second=0, microsecond=0)
