"""How two plain schemes go together: mappings of partitions that need no dimensions, and what they come to.

A mapping is data; its relation is what upstream and downstream partitions have to do with each other.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from math import inf
from typing import Final

import msgspec

from latewood.errors import DefinitionError, UsageError
from latewood.model.ordinals import Ordinals, Range
from latewood.model.partitions import ordinal_of
from latewood.model.schemes import (
    DynamicKeys,
    GridScheme,
    Scheme,
    StaticKeys,
    TimeWindows,
    axis_of,
    dynamic_names,
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


PlainMapping = Identity | WindowOverlap | Last | All | Offset | FixedKeys


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


def ordinals_read(piece: Parallel | Shared) -> Ordinals:
    """All that the downstream partitions of a piece read."""
    if isinstance(piece, Shared):
        return piece.upstream
    return Ordinals.between(piece.start + piece.by, piece.stop + piece.by)


@dataclass(frozen=True, slots=True)
class Overlap:
    """The relation of windows that share time."""

    up: TimeWindows
    down: TimeWindows


_BOUNDARIES_MAX: Final = 10_000

Pairing = int | tuple[int | None, ...] | Overlap
"""Counterparts so many ordinals further on, or one by one (None: there is none), or by overlap."""


def relation_of(mapping: PlainMapping, up: Scheme | None, down: Scheme | None, there: Ordinals) -> Ordinals | Pairing:
    """What a mapping comes to; `there` are the upstream partitions that exist."""
    match mapping:
        case Last():
            last = there.ranges[-1][1] if there else 0
            return Ordinals.between(last - 1, last)
        case All():
            return there
        case FixedKeys(keys=keys):
            return ordinals_of(up, keys) & there
        case Identity() | Offset() | WindowOverlap():
            return pairing(mapping, up, down)


@lru_cache(maxsize=4096)
def pairing(mapping: Identity | Offset | WindowOverlap, up: Scheme | None, down: Scheme | None) -> Pairing:
    """How partitions find their own counterparts. Raises DefinitionError where they cannot."""
    distance = _distance(up, down)
    match mapping:
        case Identity() if distance is not None:
            return distance
        case Identity() if isinstance(up, StaticKeys | DynamicKeys) and isinstance(down, StaticKeys | DynamicKeys):
            ordinals = {key: ordinal for ordinal, key in enumerate(up.keys)}
            return tuple(ordinals.get(key) for key in down.keys)
        case Offset(by=by) if distance is not None and up is not None and not isinstance(up, GridScheme):
            return distance + by
        case WindowOverlap() if isinstance(up, TimeWindows) and isinstance(down, TimeWindows):
            return Overlap(up, down) if distance is None else distance
    needs = "windows of time" if isinstance(mapping, WindowOverlap) else "partitions with the same keys"
    raise DefinitionError(f"{type(mapping).__name__} needs {needs} on both sides; {both_sides(up, down)}")


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


def overlapping(of: TimeWindows, by: TimeWindows, ordinals: Range, size: int) -> Range:
    """The windows of `of`, `size` in number, that share time with windows `ordinals` of `by`."""
    start, end = (axis_of(by).start(ordinal) for ordinal in ordinals)
    first, stop = axis_of(of).first_from(start + 1) - 1, axis_of(of).first_from(end)
    return min(max(first, 0), size), min(stop, size)


def just(ordinal: int | None, there: Ordinals) -> Ordinals:
    """That one, if it exists."""
    return Ordinals.between(ordinal, ordinal + 1) if ordinal is not None and ordinal in there else Ordinals()


def parallel_pieces(start: int, stop: int, by: int, size: int) -> Iterator[Parallel | Shared]:
    """What each of [start, stop) reads that is `by` further on, of `size` upstream partitions."""
    first = min(max(start, -by), stop)
    last = max(min(stop, size - by), first)
    if start < first:
        yield Shared(start=start, stop=first, upstream=Ordinals())
    if first < last:
        yield Parallel(start=first, stop=last, by=by)
    if last < stop:
        yield Shared(start=last, stop=stop, upstream=Ordinals())


def shared_pieces(up: TimeWindows, down: TimeWindows, ordinals: Range, size: int) -> Iterator[Shared]:
    """What each of these windows shares time with, of `size` upstream windows."""

    @cache
    def read(ordinal: int) -> Range:
        return overlapping(up, down, (ordinal, ordinal + 1), size)

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


def pieces_of(ordinals: Ordinals, read: Callable[[int], Ordinals]) -> Iterator[Parallel | Shared]:
    """What `read` says one by one, neighbours that read the same, or in parallel, together."""
    piece: Parallel | Shared | None = None
    for ordinal in ordinals:
        found = read(ordinal)
        by = next(iter(found)) - ordinal if len(found) == 1 else None
        match piece:
            case Parallel() if piece.stop == ordinal and piece.by == by:
                piece = replace(piece, stop=ordinal + 1)
                continue
            case Shared() if piece.stop == ordinal and piece.upstream == found:
                piece = replace(piece, stop=ordinal + 1)
                continue
            case Parallel() | Shared():
                yield piece
        if by is None:
            piece = Shared(start=ordinal, stop=ordinal + 1, upstream=found)
        else:
            piece = Parallel(start=ordinal, stop=ordinal + 1, by=by)
    if piece is not None:
        yield piece


def meets(relation: Pairing, up: Scheme | None, down: Scheme | None) -> bool:
    """Whether any partition reads any other, ever."""
    if dynamic_names(up) or dynamic_names(down):
        return True  # who knows which keys there will be
    match relation:
        case int(by):
            ups, downs = (inf if (size := size_of(scheme)) is None else size for scheme in (up, down))
            return max(0, -by) < min(downs, ups - by)
        case tuple() as found:
            return any(ordinal is not None for ordinal in found)
        case Overlap(up=one, down=other):
            return axis_of(one).start(0) < _end(other) and axis_of(other).start(0) < _end(one)


@lru_cache(maxsize=1024)
def cuts(up: TimeWindows, down: TimeWindows) -> bool:
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


def both_sides(up: Scheme | None, down: Scheme | None) -> str:
    """Both schemes in words, for messages."""
    return f"upstream is {title(up)}, downstream is {title(down)}"


@lru_cache(maxsize=1024)
def ordinals_of(scheme: Scheme | None, keys: tuple[str, ...]) -> Ordinals:
    """The partitions with these keys; of dynamic ones those that exist. Raises UsageError for others."""
    found = []
    for key in keys:
        try:
            found.append(ordinal_of(scheme, key))
        except UsageError:
            if not dynamic_names(scheme):
                raise
            # A key that was not added yet, or was removed, is none that exists.
    return Ordinals.of(found)
