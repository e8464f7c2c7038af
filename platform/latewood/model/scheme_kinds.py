"""The kinds of partition schemes, as users make them: `Daily("2013-01-01")`, `Static(["eu", "us"])`, grids of such.

Refused here is what is no scheme; what keys may look like is said once, also for those that come later.
"""
# ruff: noqa: N802 -- Hourly, Daily, ... read as the kinds of scheme they make

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import prod
from typing import Final

from cronsim import CronSim, CronSimError

from latewood.errors import DefinitionError, UsageError
from latewood.model.axes import zone
from latewood.model.keys import PartitionKey
from latewood.model.moments import Moment, begin, iso
from latewood.model.schemes import (
    Dimension,
    DynamicKeys,
    GridScheme,
    PlainScheme,
    StaticKeys,
    TimeWindows,
    size_of,
    title,
)

_KEY_LENGTH_MAX: Final = 200
_KEY_BYTES_MAX: Final = 2_000
"""What an entry of an index has room for, beside the project, the environment and the asset."""

_PLACES_MAX: Final = 1_000_000
"""Most partitions of a grid, the leading dimension aside where it grows."""


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
    return _time_windows(checked_cron(cron), start, end, timezone)


def checked_cron(cron: str) -> str:
    """The expression, with one space between its fields. Raises DefinitionError for one that never ticks."""
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
    return " ".join(cron.split())


def Static(keys: Iterable[str]) -> StaticKeys:
    """One partition per key, in the given order. Raises DefinitionError for a double or bad key."""
    found = tuple(PartitionKey(key) for key in keys)
    if not found:
        raise DefinitionError("static partitions: expected at least one key, found none")
    for key, times in Counter(found).items():
        if (expected := _misfit(key)) is not None:
            raise DefinitionError(f'static partition "{key}": {expected}')
        if times > 1:
            raise DefinitionError(f'static partition "{key}": expected once, found {times} times')
    return StaticKeys(keys=found)


def Dynamic(name: str) -> DynamicKeys:
    """The keys that were added under this name and not removed: `latewood partitions add NAME KEY`, or by a task.

    They belong to the project, in the order of their first addition. Raises DefinitionError for a bad name.
    """
    if not name.isascii() or not name.replace("-", "_").isidentifier() or len(name) > _KEY_LENGTH_MAX:
        raise DefinitionError(f'dynamic partitions "{name}": expected a name of letters, digits, "_" and "-"')
    return DynamicKeys(name=name)


def Grid(**dimensions: PlainScheme) -> GridScheme:
    """One partition per combination of keys, `day=2013-01-01, region=eu`: `Grid(day=Daily(…), region=Static([…]))`.

    Only one dimension may grow (windows of time without an end, dynamic keys). Raises DefinitionError.
    """
    if len(dimensions) < 2:  # noqa: PLR2004 - what a grid is
        raise DefinitionError(f"grid: expected at least two dimensions, found {len(dimensions)}")
    for name, scheme in dimensions.items():
        if not isinstance(scheme, PlainScheme):
            raise DefinitionError(
                f"grid: expected a partition scheme for {name}, such as Daily(…) or Static([…]), found {scheme!r}"
            )
        bad = next((key for key in _listed(scheme) if not set("=;").isdisjoint(key)), None)
        if bad is not None:
            raise DefinitionError(f'grid: expected keys without "=" and ";" for {name}, found "{bad}"')
    growing = [name for name, scheme in dimensions.items() if size_of(scheme) is None]
    if len(growing) > 1:
        raise DefinitionError(
            f"grid: expected one dimension at most that grows, found {' and '.join(growing)}; "
            "give windows of time an end, or name keys with Static"
        )
    places = prod(size for scheme in dimensions.values() if (size := size_of(scheme)) is not None)
    if places > _PLACES_MAX:
        raise DefinitionError(f"grid: expected at most {_PLACES_MAX:,} combinations, found {places:,}")
    return GridScheme(dimensions=tuple(Dimension(name=name, scheme=scheme) for name, scheme in dimensions.items()))


def check_dynamic_key(key: str) -> PartitionKey:
    """The key, which may be added to dynamic partitions. Raises UsageError for what cannot be one."""
    expected = _misfit(key)
    if expected is None and (len(key) > _KEY_LENGTH_MAX or not set("=;").isdisjoint(key)):
        expected = f'expected at most {_KEY_LENGTH_MAX} characters without "=" and ";"'
    if expected is not None:
        raise UsageError(f'partition "{key}": {expected}')
    return PartitionKey(key)


def _listed(scheme: PlainScheme) -> Sequence[str]:
    return scheme.keys if isinstance(scheme, StaticKeys) else ()


def _misfit(key: str) -> str | None:
    """What was expected of a key that users give to a partition; None for a good one."""
    if key.isprintable() and len(key.encode()) > _KEY_BYTES_MAX:
        return f"expected at most {_KEY_BYTES_MAX:,} bytes, found {len(key.encode()):,}"
    fits = key.isprintable() and key == key.strip(" .") and not key.startswith(("-", "*"))
    if key and fits and ".." not in key and "," not in key:
        return None
    return (
        'expected printable text that neither begins nor ends with a blank or ".", '
        'does not begin with "-" or "*", and contains neither ".." nor ","'
    )


def _time_windows(every: str, start: Moment, end: Moment | None, timezone: str) -> TimeWindows:
    zone(timezone)  # an unknown one is refused here
    first, last = begin(every, start), None if end is None else begin(every, end)
    scheme = TimeWindows(
        every=every,
        start=iso(every, first),
        end=None if last is None else iso(every, last),
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
