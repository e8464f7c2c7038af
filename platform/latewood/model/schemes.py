"""Partition schemes as data: what a definition records of how an asset is sliced, and what follows from that alone.

Made by the functions in `latewood.model.scheme_kinds`, which check what they are given.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from math import prod
from typing import NamedTuple

import msgspec

from latewood.model.axes import Axis, CalendarAxis, MarkAxis, instant_of, zone
from latewood.model.keys import PartitionKey
from latewood.model.moments import is_calendar
from latewood.model.ordinals import Ordinals


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


class DynamicKeys(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="dynamic", omit_defaults=True, cache_hash=True
):
    """Partitions whose keys are added and removed by events, numbered as they were first added. Made by Dynamic.

    A definition has the name alone. Where an environment is read (`with_keys`), `keys` are all that ever were, and
    `removed` the ordinals of those that are gone: a key that comes back has its old ordinal.
    """

    name: str
    keys: tuple[PartitionKey, ...] = ()
    removed: Ordinals = Ordinals()


class Dimension(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """One dimension of a grid."""

    name: str
    scheme: TimeWindows | StaticKeys | DynamicKeys


class GridScheme(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="grid", cache_hash=True):
    """Partitions of several dimensions, one for each combination, in the order that keys have. Made by Grid."""

    dimensions: tuple[Dimension, ...]


PlainScheme = TimeWindows | StaticKeys | DynamicKeys
Scheme = PlainScheme | GridScheme


def title(scheme: Scheme | None) -> str:
    """What the scheme is, in a few words: `daily from 2013-01-01 to 2014-01-01 (Europe/Berlin)`."""
    match scheme:
        case None:
            return "unpartitioned"
        case StaticKeys(keys=keys):
            return f"static ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"  # noqa: PLR2004 -- a few
        case DynamicKeys(name=name):
            return f"dynamic ({name})"
        case GridScheme(dimensions=dimensions):
            return f"grid of {', '.join(f'{d.name}: {title(d.scheme)}' for d in dimensions)}"
        case TimeWindows(every=every, start=start, end=end, timezone=timezone):
            until = f" to {end}" if end else ""
            return f"{every if is_calendar(every) else f'cron {every}'} from {start}{until} ({timezone})"


@lru_cache(maxsize=1024)
def size_of(scheme: Scheme | None) -> int | None:
    """Number of partitions; None where it depends on the time, or on keys that are added."""
    match scheme:
        case None:
            return 1
        case StaticKeys(keys=keys):
            return len(keys)
        case DynamicKeys():
            return None
        case GridScheme(dimensions=dimensions):
            sizes = [size_of(dimension.scheme) for dimension in dimensions]
            return None if None in sizes else prod(size for size in sizes if size is not None)
        case TimeWindows(end=end, timezone=timezone):
            if end is None:
                return None
            return axis_of(scheme).first_from(instant_of(datetime.fromisoformat(end), zone(timezone)))


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


def dimensions_of(scheme: Scheme | None) -> dict[str, PlainScheme]:
    """The dimensions of a grid by name, in the order of its keys; any other scheme is one without a name."""
    match scheme:
        case None:
            return {}
        case GridScheme(dimensions=dimensions):
            return {dimension.name: dimension.scheme for dimension in dimensions}
        case _:
            return {"": scheme}


def time_of(scheme: Scheme | None) -> TimeWindows | None:
    """The windows of time that a partition has: the scheme's own, or those of a grid's only dimension of time."""
    found = [part for part in dimensions_of(scheme).values() if isinstance(part, TimeWindows)]
    return found[0] if len(found) == 1 else None


def dynamic_names(scheme: Scheme | None) -> frozenset[str]:
    """The names of the dynamic partitions in it."""
    return frozenset(part.name for part in dimensions_of(scheme).values() if isinstance(part, DynamicKeys))


def with_keys(scheme: Scheme | None, dynamic: Mapping[str, DynamicKeys]) -> Scheme | None:
    """The scheme with the dynamic keys there are, by name; without them with none: as it is declared."""
    match scheme:
        case DynamicKeys(name=name):
            return dynamic.get(name) or DynamicKeys(name=name)
        case GridScheme(dimensions=dimensions) if dynamic_names(scheme):
            found = ((dimension.name, with_keys(dimension.scheme, dynamic)) for dimension in dimensions)
            return GridScheme(dimensions=tuple(Dimension(name=n, scheme=s) for n, s in found))  # type: ignore[arg-type]
        case _:
            return scheme


class Layout(NamedTuple):
    """How a grid numbers its places: dimensions, the one that grows leading, and the sizes of all others."""

    names: tuple[str, ...]
    schemes: tuple[PlainScheme, ...]
    sizes: tuple[int, ...]


@lru_cache(maxsize=1024)
def layout_of(scheme: GridScheme) -> Layout:
    """The grid's layout: apart from the leading one, dimensions are in the order of its keys."""
    ordered = sorted(scheme.dimensions, key=lambda dimension: size_of(dimension.scheme) is not None)
    return Layout(
        names=tuple(dimension.name for dimension in ordered),
        schemes=tuple(dimension.scheme for dimension in ordered),
        sizes=tuple(size for d in ordered[1:] if (size := size_of(d.scheme)) is not None),
    )
