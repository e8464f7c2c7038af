"""Mappings: which partitions of an upstream asset a partition of a downstream asset reads.

A mapping denotes only partitions that exist: the first day has no day before it (the empty set), and a month
that begins before the days do reads the days there are.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from math import inf
from typing import Final

import msgspec

from latewood.errors import DefinitionError, UsageError
from latewood.model.ordinals import Ordinals, Range
from latewood.model.partitions import (
    Scheme,
    StaticKeys,
    TimeWindows,
    axis_of,
    count,
    ordinal_of,
    size_of,
    title,
)


class Identity(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="identity"):
    """The upstream partition with the same key."""


class WindowOverlap(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="window_overlap"):
    """The upstream partitions that share time with one's own: of a month its days, of a day its month."""


class Last(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="last"):
    """The last upstream partition that exists."""


class All(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="all"):
    """Every upstream partition that exists."""


class Offset(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="offset"):
    """The upstream partition so many further on; -1 is the one before."""

    by: int


class FixedKeys(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="fixed_keys"):
    """These upstream partitions, whatever the own one is."""

    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        """Take a list as well: users write one."""
        msgspec.structs.force_setattr(self, "keys", tuple(self.keys))


Mapping = Identity | WindowOverlap | Last | All | Offset | FixedKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """Downstream ordinals from `start` up to `stop`, each of which reads the one that is `by` further on."""

    start: int
    stop: int
    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Downstream ordinals from `start` up to `stop`, each of which reads all of `upstream` (maybe nothing)."""

    start: int
    stop: int
    upstream: Ordinals


@dataclass(frozen=True, slots=True)
class _Overlap:
    """The relation of windows that share time."""

    up: TimeWindows
    down: TimeWindows


_BOUNDARIES_MAX: Final = 10_000

_Pairing = int | tuple[int | None, ...] | _Overlap
"""Counterparts so many ordinals further on, or one by one (None: there is none), or by overlap."""


def default_mapping(up: Scheme | None, down: Scheme | None) -> Mapping:
    """What an input reads when nothing is said. Raises DefinitionError where only the user can know."""
    if up == down:
        return Identity()
    if up is None or down is None:
        return All()
    if isinstance(up, TimeWindows) and isinstance(down, TimeWindows):
        return WindowOverlap()
    raise DefinitionError(
        f"no default leads from partitions {title(up)} to partitions {title(down)}; "
        "say which ones are read: All(), Last() or FixedKeys(keys=...), or Identity() where keys are the same"
    )


def check_mapping(mapping: Mapping, up: Scheme | None, down: Scheme | None) -> str | None:
    """Why the mapping cannot work between these schemes; None if it can."""
    match mapping:
        case Last() | All():
            return None
        case FixedKeys(keys=()):
            return "FixedKeys: expected at least one key, found none"
        case FixedKeys(keys=keys):
            try:
                _ordinals_of(up, keys)
            except UsageError as error:
                return f"FixedKeys: {error}"
            return None
        case Identity() | Offset() | WindowOverlap():
            try:
                relation = _pairing(mapping, up, down)
            except DefinitionError as error:
                return error.message
            name = type(mapping).__name__
            return None if _meets(relation, up, down) else f"{name} would never read anything; {_sides(up, down)}"


def reads_several(mapping: Mapping, up: Scheme | None, down: Scheme | None) -> bool:
    """Whether any partition reads more than one upstream partition, ever.

    Of windows that go on for very long the first 10,000 boundaries are looked at: those that are aligned for so long
    stay so. Cost: O(windows of the upstream scheme) for overlap, else O(1).
    """
    match mapping:
        case Last() | Identity() | Offset():
            return False
        case All():
            return size_of(up) != 1
        case FixedKeys(keys=keys):
            return len(_ordinals_of(up, keys)) > 1
        case WindowOverlap():
            relation = _pairing(mapping, up, down)
            return isinstance(relation, _Overlap) and _cuts(relation.up, relation.down)


def upstream_ordinals(
    mapping: Mapping, up: Scheme | None, down: Scheme | None, ordinal: int, now: datetime
) -> Ordinals:
    """What the downstream partition `ordinal` reads, of what exists upstream at `now`. Cost: O(1)."""
    size = count(up, now)
    match _relation(mapping, up, down, size):
        case Ordinals() as fixed:
            return fixed
        case int(by):
            return Ordinals.between(ordinal + by, min(ordinal + by + 1, size))
        case tuple() as found:
            return _one(found[ordinal])
        case _Overlap(up=ups, down=downs):
            return Ordinals.between(*_overlapping(ups, downs, (ordinal, ordinal + 1), size))


def upstream_ranges(
    mapping: Mapping, up: Scheme | None, down: Scheme | None, ordinals: Ordinals, now: datetime
) -> tuple[Parallel | Shared, ...]:
    """What each of the downstream partitions `ordinals` reads, in few pieces. Order: ascending.

    Cost: O(ranges) for identity, offset, all, last and fixed keys; of overlapping windows O(windows of the
    coarser scheme); O(partitions) between static schemes of different keys.
    """
    size = count(up, now)
    pieces: list[Parallel | Shared] = []
    relation = _relation(mapping, up, down, size)
    for start, stop in ordinals.ranges:
        match relation:
            case Ordinals() as fixed:
                pieces.append(Shared(start=start, stop=stop, upstream=fixed))
            case int(by):
                pieces.extend(_parallel(start, stop, by, size))
            case tuple() as found:
                pieces.extend(Shared(start=o, stop=o + 1, upstream=_one(found[o])) for o in range(start, stop))
            case _Overlap(up=ups, down=downs):
                pieces.extend(_shared(ups, downs, (start, stop), size))
    return tuple(pieces)


def downstream_ordinals(
    mapping: Mapping, up: Scheme | None, down: Scheme | None, ordinals: Ordinals, now: datetime
) -> Ordinals:
    """The downstream partitions, of those at `now`, that read any of the upstream `ordinals`.

    Exactly the inverse of `upstream_ordinals`. Cost: O(ranges), O(partitions) between different static keys.
    """
    size = count(up, now)
    existing = ordinals & Ordinals.between(0, size)
    every = Ordinals.between(0, count(down, now))
    match _relation(mapping, up, down, size):
        case Ordinals() as fixed:
            return every if existing & fixed else Ordinals()
        case int(by):
            return existing.shift(-by) & every
        case tuple() as found:
            return Ordinals.from_sorted(o for o, read in enumerate(found) if read is not None and read in existing)
        case _Overlap(up=ups, down=downs):
            return Ordinals.of_ranges(_overlapping(downs, ups, r, len(every)) for r in existing.ranges)


def _relation(mapping: Mapping, up: Scheme | None, down: Scheme | None, size: int) -> Ordinals | _Pairing:
    """What a mapping comes to; `size` counts the upstream partitions."""
    match mapping:
        case Last():
            return Ordinals.between(size - 1, size)
        case All():
            return Ordinals.between(0, size)
        case FixedKeys(keys=keys):
            return _ordinals_of(up, keys) & Ordinals.between(0, size)
        case Identity() | Offset() | WindowOverlap():
            return _pairing(mapping, up, down)


@lru_cache(maxsize=4096)
def _pairing(mapping: Identity | Offset | WindowOverlap, up: Scheme | None, down: Scheme | None) -> _Pairing:
    """How partitions find their own counterparts. Raises DefinitionError where they cannot."""
    distance = _distance(up, down)
    match mapping:
        case Identity() if distance is not None:
            return distance
        case Identity() if isinstance(up, StaticKeys) and isinstance(down, StaticKeys):
            ordinals = {key: ordinal for ordinal, key in enumerate(up.keys)}
            return tuple(ordinals.get(key) for key in down.keys)
        case Offset(by=by) if distance is not None and up is not None:
            return distance + by
        case WindowOverlap() if isinstance(up, TimeWindows) and isinstance(down, TimeWindows):
            return _Overlap(up, down) if distance is None else distance
    needs = "windows of time" if isinstance(mapping, WindowOverlap) else "partitions with the same keys"
    raise DefinitionError(f"{type(mapping).__name__} needs {needs} on both sides; {_sides(up, down)}")


def _distance(up: Scheme | None, down: Scheme | None) -> int | None:
    """How much further on the same partition is upstream; None where keys are never the same."""
    if up == down:
        return 0
    if not isinstance(up, TimeWindows) or not isinstance(down, TimeWindows):
        return None
    if (up.every, up.timezone) != (down.every, down.timezone):
        return None
    later = axis_of(up).locate(axis_of(down).key(0))
    earlier = axis_of(down).locate(axis_of(up).key(0))
    return later if later is not None else None if earlier is None else -earlier


def _overlapping(of: TimeWindows, by: TimeWindows, ordinals: Range, size: int) -> Range:
    """The windows of `of`, `size` in number, that share time with windows `ordinals` of `by`."""
    start, end = (axis_of(by).start(ordinal) for ordinal in ordinals)
    first, stop = axis_of(of).first_from(start + 1) - 1, axis_of(of).first_from(end)
    return min(max(first, 0), size), min(stop, size)


def _one(ordinal: int | None) -> Ordinals:
    return Ordinals() if ordinal is None else Ordinals.between(ordinal, ordinal + 1)


def _parallel(start: int, stop: int, by: int, size: int) -> Iterator[Parallel | Shared]:
    first = min(max(start, -by), stop)
    last = max(min(stop, size - by), first)
    if start < first:
        yield Shared(start=start, stop=first, upstream=Ordinals())
    if first < last:
        yield Parallel(start=first, stop=last, by=by)
    if last < stop:
        yield Shared(start=last, stop=stop, upstream=Ordinals())


def _shared(up: TimeWindows, down: TimeWindows, ordinals: Range, size: int) -> Iterator[Shared]:
    @cache
    def read(ordinal: int) -> Range:
        return _overlapping(up, down, (ordinal, ordinal + 1), size)

    start, stop = ordinals
    while start < stop:
        after = _run_end(read, start, stop)
        yield Shared(start=start, stop=after, upstream=Ordinals.between(*read(start)))
        start = after


def _run_end(read: Callable[[int], Range], start: int, stop: int) -> int:
    """Where `read`, which only ascends, ceases to be what it is at `start`. Cost: O(log of the run's length)."""
    step = 1
    while start + step < stop and read(start + step) == read(start):
        step *= 2
    low, high = start + step // 2, min(start + step, stop)
    return bisect_left(range(stop), 1, low, high, key=lambda ordinal: int(read(ordinal) != read(start)))


def _meets(relation: _Pairing, up: Scheme | None, down: Scheme | None) -> bool:
    """Whether any partition reads any other, ever."""
    match relation:
        case int(by):
            ups, downs = (inf if (size := size_of(scheme)) is None else size for scheme in (up, down))
            return max(0, -by) < min(downs, ups - by)
        case tuple() as found:
            return any(ordinal is not None for ordinal in found)
        case _Overlap(up=one, down=other):
            return axis_of(one).start(0) < _end(other) and axis_of(other).start(0) < _end(one)


@lru_cache(maxsize=1024)
def _cuts(up: TimeWindows, down: TimeWindows) -> bool:
    """Whether a boundary between two windows of `up` lies inside a window of `down`, which thereby reads both."""
    ups, downs = axis_of(up), axis_of(down)
    first = max(1, ups.first_from(downs.start(0) + 1))
    last = min(inf if (size := size_of(up)) is None else size, first + _BOUNDARIES_MAX)
    for ordinal in range(first, int(last)):
        boundary = ups.start(ordinal)
        if boundary >= _end(down):
            return False
        if downs.start(downs.first_from(boundary)) != boundary:
            return True
    return False


def _end(scheme: TimeWindows) -> float:
    size = size_of(scheme)
    return inf if size is None else axis_of(scheme).start(size)


def _sides(up: Scheme | None, down: Scheme | None) -> str:
    return f"upstream is {title(up)}, downstream is {title(down)}"


@lru_cache(maxsize=1024)
def _ordinals_of(scheme: Scheme | None, keys: tuple[str, ...]) -> Ordinals:
    return Ordinals.of(ordinal_of(scheme, key) for key in keys)
