"""Mappings: which partitions of an upstream asset a partition of a downstream asset reads.

A mapping denotes only partitions that exist: the first day has no day before it, and a month that begins before
the days do reads the days there are. Either may leave nothing to read, the empty set.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache

import msgspec

from latewood.errors import DefinitionError, UsageError
from latewood.model.ordinals import Ordinals, Range
from latewood.model.partitions import Scheme, StaticKeys, TimeWindows, axis_of, count, ordinal_of, size_of, title


class Identity(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="identity"):
    """The upstream partition with the same key."""


class WindowOverlap(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="window_overlap"):
    """Every upstream partition whose window shares time with one's own: of a month its days, of a day its month."""


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


Mapping = Identity | WindowOverlap | Last | All | Offset | FixedKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """Downstream ordinals from `start` up to `stop`, each of which reads the upstream ordinal `by` further on."""

    start: int
    stop: int
    by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Downstream ordinals from `start` up to `stop`, each of which reads all of `upstream`, perhaps nothing."""

    start: int
    stop: int
    upstream: Ordinals


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
        case FixedKeys(keys=keys):
            return _fixed_problem(up, keys)
        case WindowOverlap():
            if isinstance(up, TimeWindows) and isinstance(down, TimeWindows):
                return None if _overlap_somewhere(up, down) else _disjoint(up, down)
            return f"WindowOverlap needs windows of time on both sides, {_sides(up, down)}"
        case Identity() | Offset():
            return _same_key_problem(mapping, up, down)


def upstream_ordinals(
    mapping: Mapping, up: Scheme | None, down: Scheme | None, ordinal: int, now: datetime
) -> Ordinals:
    """The upstream partitions that exist at `now` and that the downstream partition `ordinal` reads. Cost: O(1)."""
    size = count(up, now)
    match _relation(mapping, up, down):
        case int(by):
            return Ordinals.between(ordinal + by, min(ordinal + by + 1, size))
        case tuple(found):
            return Ordinals.of(() if found[ordinal] is None else (found[ordinal],))
        case 

