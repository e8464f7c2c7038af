"""Partitions of a scheme: what the slices of an asset are called, and how a choice of them is written.

A scheme numbers its partitions 0, 1, 2, ... in order: these are their ordinals. They never change as time goes on and
keys are added, so a set of them means the same for ever. An asset without a scheme (None) has exactly one partition,
with ordinal 0 and the key UNPARTITIONED.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from math import prod
from typing import Final

from latewood.errors import UsageError
from latewood.model.axes import (
    instant_of,
    interval_of,
    local_at,
    zone,
)
from latewood.model.grids import boxes, choices_of, digits_of, fill, key_text, number_of
from latewood.model.keys import UNPARTITIONED, PartitionKey
from latewood.model.ordinals import Ordinals, Range
from latewood.model.schemes import (
    DynamicKeys,
    GridScheme,
    PlainScheme,
    Scheme,
    StaticKeys,
    TimeWindows,
    axis_of,
    dimensions_of,
    layout_of,
    size_of,
    time_of,
    title,
)

_EVER: Final = 2**62
LATEST: Final = "latest"
"""Chooses the last partition there is, by this word in place of a key."""
"""No scheme has so many partitions."""


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


def unknown_dynamic(name: str, known: Collection[str]) -> str:
    """What is said of a name by which nothing is partitioned."""
    near = get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
    return f'no dynamic partitions "{name}"; {hint}'


def extent(scheme: Scheme | None, now: datetime) -> int:
    """The number that no ordinal of an existing partition reaches. Cost: O(1)."""
    size = size_of(scheme)
    if size is not None:
        return size
    match scheme:
        case TimeWindows():
            return max(axis_of(scheme).first_from(int(now.timestamp() // 1) + 1) - 1, 0)
        case DynamicKeys(keys=keys):
            return len(keys)
        case GridScheme():
            layout = layout_of(scheme)
            return extent(layout.schemes[0], now) * prod(layout.sizes)
        case _:
            raise AssertionError("what has no size grows")


def last_window(scheme: Scheme | None, now: datetime) -> Ordinals:
    """The window of time that ended last, at or before `now`; of a grid all partitions in it.

    Nothing of a scheme without windows of time, and where none has ended, or the last one of all long ago. Cost: O(1),
    of a grid O(keys of the other dimensions).
    """
    windows = time_of(scheme)
    if windows is None:
        return Ordinals()
    ended, size = axis_of(windows).first_from(int(now.timestamp() // 1) + 1) - 2, size_of(windows)
    if ended < 0 or (size is not None and ended >= size):
        return Ordinals()
    if not isinstance(scheme, GridScheme):
        return Ordinals.between(ended, ended + 1)
    name = next(n for n, part in dimensions_of(scheme).items() if part is windows)
    return parse_partitions(scheme, f"{name}={key_at(windows, ended)}", now)


def window_end(scheme: Scheme | None, now: datetime) -> datetime | None:
    """When the window of time that `now` lies in ends, or the first to come; None without any, or after the last."""
    windows = time_of(scheme)
    if windows is None:
        return None
    axis, size = axis_of(windows), size_of(windows)
    current = max(axis.first_from(int(now.timestamp() // 1) + 1) - 1, 0)
    if size is not None and current >= size:
        return None
    return datetime.fromtimestamp(axis.start(current + 1), UTC)


def existing(scheme: Scheme | None, now: datetime) -> Ordinals:
    """The partitions there are: windows that are over at `now` where there is no end, keys that are not removed."""
    match scheme:
        case DynamicKeys():
            return _standing(scheme)
        case GridScheme():
            layout = layout_of(scheme)
            return fill(tuple(existing(part, now) for part in layout.schemes), layout.sizes)
        case _:
            return Ordinals.between(0, extent(scheme, now))


def count(scheme: Scheme | None, now: datetime) -> int:
    """Number of partitions at `now`. Cost: O(1), of dynamic ones O(ranges of removed keys)."""
    return len(existing(scheme, now))


def key_at(scheme: Scheme | None, ordinal: int) -> PartitionKey:
    """The key of a partition. Raises UsageError outside the scheme. Cost: O(1), about a microsecond."""
    size = len(scheme.keys) if isinstance(scheme, DynamicKeys) else size_of(scheme)
    if ordinal < 0 or (size is not None and ordinal >= size):
        raise UsageError(f"partition number {ordinal}: expected 0 to {'' if size is None else size - 1}".rstrip())
    match scheme:
        case None:
            return UNPARTITIONED
        case StaticKeys(keys=keys) | DynamicKeys(keys=keys):
            return keys[ordinal]
        case TimeWindows():
            return PartitionKey(axis_of(scheme).key(ordinal))
        case GridScheme():
            return PartitionKey(key_text(place_of(scheme, ordinal)))


def place_of(scheme: GridScheme, ordinal: int) -> dict[str, str]:
    """The keys of a partition of a grid, by dimension."""
    digits = coordinates(scheme, ordinal)
    return {d.name: key_at(d.scheme, digits[d.name]) for d in scheme.dimensions}


def coordinates(scheme: Scheme | None, ordinal: int) -> dict[str, int]:
    """The ordinals of a partition in each of `dimensions_of` the scheme."""
    if not isinstance(scheme, GridScheme):
        return {} if scheme is None else {"": ordinal}
    layout = layout_of(scheme)
    return dict(zip(layout.names, digits_of(ordinal, layout.sizes), strict=True))


def keys_of(scheme: Scheme | None, ordinals: Ordinals) -> tuple[PartitionKey, ...]:
    """The keys of these partitions, in order. Raises UsageError outside the scheme. Cost: O(keys)."""
    if not isinstance(scheme, TimeWindows) or not ordinals:
        return tuple([key_at(scheme, ordinal) for ordinal in ordinals])
    key_at(scheme, ordinals.ranges[-1][1] - 1)
    axis = axis_of(scheme)
    return tuple([PartitionKey(key) for start, stop in ordinals.ranges for key in axis.keys(start, stop)])


def ordinal_of(scheme: Scheme | None, key: str) -> int:
    """The ordinal of the partition with that key; of windows without an end, also of one that is yet to come.

    Raises UsageError with the bounds, or near matches, where there is none. Cost: O(1).
    """
    if isinstance(scheme, GridScheme):
        return _ordinal_in_grid(scheme, key)
    ordinal, size = _located(scheme, key), size_of(scheme)
    if ordinal is None or (size is not None and ordinal >= size) or _is_removed(scheme, ordinal):
        raise _unknown(scheme, key, size)
    return ordinal


def ordinal_meant(scheme: Scheme, text: str, now: datetime) -> int:
    """The ordinal of the one partition that a key names, or `latest` in place of it. Raises UsageError."""
    if LATEST not in text or is_partition(scheme, text):
        return ordinal_of(scheme, text)
    found = parse_partitions(scheme, text, now)
    if len(found) != 1:
        raise UsageError(f'partition "{text}": expected one, found {len(found):,}')
    return next(iter(found))


def is_partition(scheme: Scheme | None, key: str) -> bool:
    """Whether the scheme has a partition of that key."""
    try:
        ordinal_of(scheme, key)
    except UsageError:
        return False
    return True


def window_at(scheme: Scheme, ordinal: int) -> TimeWindow:
    """The window of a partition of windows of time, or of a grid with one dimension of them. Cost: O(1)."""
    name, windows = next((n, s) for n, s in dimensions_of(scheme).items() if isinstance(s, TimeWindows))
    at = coordinates(scheme, ordinal)[name]
    return _window(windows, (at, at + 1))


def range_at(scheme: Scheme | None, ordinals: Range) -> PartitionRange:
    """The half-open range of ordinals, not empty, as users receive it; of a grid it has a window if it is one of it."""
    start, stop = ordinals
    window = _window(scheme, ordinals) if isinstance(scheme, TimeWindows) else None
    if isinstance(scheme, GridScheme) and stop == start + 1 and time_of(scheme) is not None:
        window = window_at(scheme, start)
    return PartitionRange(first=key_at(scheme, start), last=key_at(scheme, stop - 1), window=window)


def describe(scheme: Scheme | None, ordinals: Ordinals) -> str:
    """These partitions as text that `parse_partitions` reads: `2013-01-01..2013-03-31, 2013-05-01`.

    Of a grid: `day=2013-01-01..2013-03-31, region=eu; day=2013-05-01, region=us`.
    """
    if isinstance(scheme, GridScheme):
        layout = layout_of(scheme)
        found = (dict(zip(layout.names, box, strict=True)) for box in boxes(ordinals, layout.sizes))
        return "; ".join(
            key_text({d.name: describe(d.scheme, box[d.name]) for d in scheme.dimensions}) for box in found
        )
    ends = ((key_at(scheme, start), key_at(scheme, stop - 1)) for start, stop in ordinals.ranges)
    return ", ".join(first if first == last else f"{first}..{last}" for first, last in ends)


def parse_partitions(scheme: Scheme | None, text: str, now: datetime) -> Ordinals:
    """The partitions that `text` chooses: keys and ranges, both ends included, joined by commas.

    `*` is all; of time windows a coarser time stands for all that begin within it (`2013-06` for a month of
    days, `2013` for a year), and a range of finer times for all that lie within it (`2013-01-01..2013-03-31` for three
    months); `latest` is the last that is over, or the last of dynamic keys; what follows a
    `-` is taken away (`2013-02, -2013-02-14`). In a grid a choice follows each dimension's name, and a dimension that
    is left out is meant as a whole (`region=eu, day=2013-06`).
    Raises UsageError for what denotes no partition that exists at `now`. Cost: O(parts of the text).
    """
    return _parsed(scheme, text, now) & existing(scheme, now)


def parse_description(scheme: Scheme, text: str) -> Ordinals:
    """The partitions that `describe` wrote, also those of an open scheme that are yet to come.

    Raises UsageError where the scheme has them no more.
    """
    return _parsed(scheme, text, None) if text else Ordinals()


def _parsed(scheme: Scheme | None, text: str, now: datetime | None) -> Ordinals:
    """What the text denotes; of an open scheme what there is at `now`, or ever will be."""
    if isinstance(scheme, GridScheme):
        return _parse_grid(scheme, text, now)
    size = (size_of(scheme) or _EVER) if now is None else extent(scheme, now)
    parts = [part.strip() for part in text.split(",")]
    chosen = [_denoted(scheme, part, size) for part in parts if not part.startswith("-")]
    removed = [_denoted(scheme, part[1:].strip(), size) for part in parts if part.startswith("-")]
    return Ordinals.of_ranges(chosen or [(0, size)]) - Ordinals.of_ranges(removed)


def _parse_grid(scheme: GridScheme, text: str, now: datetime | None) -> Ordinals:
    layout, parts = layout_of(scheme), dimensions_of(scheme)
    found = Ordinals()
    for chosen in choices_of(text, list(parts)):
        digits = []
        for name in layout.names:
            try:
                digits.append(_parsed(parts[name], chosen.get(name, "*"), now))
            except UsageError as error:
                raise UsageError(f"{name}: {error}") from None
        found |= fill(tuple(digits), layout.sizes)
    return found


@lru_cache(maxsize=64)
def _key_ordinals(scheme: StaticKeys | DynamicKeys) -> dict[str, int]:
    return {key: ordinal for ordinal, key in enumerate(scheme.keys)}


def _located(scheme: PlainScheme | None, key: str) -> int | None:
    match scheme:
        case None:
            return 0 if key == UNPARTITIONED else None
        case StaticKeys() | DynamicKeys():
            return _key_ordinals(scheme).get(key)
        case TimeWindows():
            return axis_of(scheme).locate(key)


@lru_cache(maxsize=64)
def _standing(scheme: DynamicKeys) -> Ordinals:
    return Ordinals.between(0, len(scheme.keys)) - scheme.removed


def _is_removed(scheme: Scheme | None, ordinal: int) -> bool:
    return isinstance(scheme, DynamicKeys) and ordinal in scheme.removed


def _ordinal_in_grid(scheme: GridScheme, key: str) -> int:
    """The place with that key; its parts may be in any order."""
    layout, parts = layout_of(scheme), dimensions_of(scheme)
    (found, *others) = choices_of(key, list(parts))
    if others or found.keys() != parts.keys():
        form = key_text(dict.fromkeys(parts, "…"))
        raise UsageError(f'partition "{key}": expected one key of each dimension, {form}')
    digits = []
    for name in layout.names:
        try:
            digits.append(ordinal_of(parts[name], found[name]))
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
    return number_of(digits, layout.sizes)


def _window(scheme: TimeWindows, ordinals: Range) -> TimeWindow:
    axis, tz = axis_of(scheme), zone(scheme.timezone)
    start, end = (local_at(axis.start(ordinal), tz) for ordinal in ordinals)
    return TimeWindow(start=start, end=end)


def _denoted(scheme: PlainScheme | None, part: str, size: int) -> Range:
    """The ordinals of one part of a choice: `*`, a key, a coarser time, or a range of these, which may be open."""
    if part == "*":
        return 0, size
    first, dots, last = (text.strip() for text in part.partition(".."))
    if not dots or not (first or last):
        return _denoted_once(scheme, part, size)
    if isinstance(scheme, TimeWindows) and (within := _within(scheme, first, last, size)):
        return within
    start = _denoted_once(scheme, first, size) if first else (0, 0)
    stop = _denoted_once(scheme, last, size) if last else (size, size)
    if stop[1] <= start[0]:
        raise UsageError(f'partitions "{part}": expected first..last, found last..first')
    return start[0], stop[1]


def _within(scheme: TimeWindows, first: str, last: str, size: int) -> Range | None:
    """The windows that lie between two times shorter than they are; None where these are not, or outside of all."""
    ends = interval_of(first), interval_of(last)
    if _located(scheme, last) is not None or ends[0] is None or ends[1] is None:
        return None
    axis, tz = axis_of(scheme), zone(scheme.timezone)
    begins, last_begins, is_over = (instant_of(time, tz) for time in (ends[0][0], *ends[1]))
    start, stop = axis.first_from(begins), axis.first_from(is_over)
    outside = begins < axis.start(0) or (size < _EVER and is_over > axis.start(size))
    if outside or axis.first_from(last_begins) < stop - 1:
        return None
    if axis.start(stop) != is_over:
        stop -= 1  # the last one that begins by then goes on
    return (start, stop) if start < stop else None


def _denoted_once(scheme: PlainScheme | None, key: str, size: int) -> Range:
    ordinal = _located(scheme, key)
    if ordinal is None and key == LATEST:
        ordinal = _latest(scheme, size)
    if ordinal is not None and ordinal < size and not _is_removed(scheme, ordinal):
        return ordinal, ordinal + 1
    if isinstance(scheme, TimeWindows) and (interval := interval_of(key)):
        start, stop = (axis_of(scheme).first_from(instant_of(time, zone(scheme.timezone))) for time in interval)
        if start < min(stop, size):
            return start, min(stop, size)
    raise _unknown(scheme, key, None if size == _EVER else size)


def _latest(scheme: PlainScheme | None, size: int) -> int | None:
    """The last one there is; None where partitions do not come one after another, or none has come."""
    match scheme:
        case TimeWindows() if 0 < size < _EVER:
            return size - 1
        case DynamicKeys() if _standing(scheme):
            return _standing(scheme).ranges[-1][1] - 1
        case _:
            return None


def _unknown(scheme: PlainScheme | None, key: str, size: int | None) -> UsageError:
    match scheme:
        case None:
            hint = "the asset is not partitioned"
        case StaticKeys(keys=keys):
            near = get_close_matches(key, keys, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of {title(scheme)}"
        case DynamicKeys(name=name):
            hint = _unknown_dynamic(scheme, key, f"`latewood partitions add {name} KEY`")
        case TimeWindows():
            last = f" to {key_at(scheme, size - 1)}" if size else " on"
            expected = "no partition is over yet" if size == 0 else f"expected a key from {key_at(scheme, 0)}{last}"
            hint = f"{expected}, {title(scheme)}{_beyond(scheme, key, size)}"
    return UsageError(f'partition "{key}": {hint}')


def _beyond(scheme: TimeWindows, key: str, size: int | None) -> str:
    """Of a window that comes after those that there are, why it is none of them."""
    at = _located(scheme, key)
    if at is None or size is None or at < size:
        return ""
    return f"; {key} is not over yet" if scheme.end is None else f"; they end before {key}"


def _unknown_dynamic(scheme: DynamicKeys, key: str, command: str) -> str:
    if key in _key_ordinals(scheme):
        return f"it was removed from {scheme.name}; {command} brings it back"
    near = get_close_matches(key, keys_of(scheme, _standing(scheme)), n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"{scheme.name} has no such key; {command} adds one"
