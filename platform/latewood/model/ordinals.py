"""Sets of ordinals as half-open ranges: how subsets of partitions are held, compared and written down.

An asset may have 100,000 partitions; what is chosen, done or stale among them is nearly always a few runs of
neighbours. Every operation costs by the number of ranges, never by the number of partitions.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Self

from latewood.errors import UsageError

Range = tuple[int, int]
"""A half-open range of ordinals: start, stop."""


@dataclass(frozen=True, slots=True)
class Ordinals:
    """An immutable set of non-negative integers.

    `ranges` are sorted, not empty and do not touch; make one with the class methods, which see to that.
    """

    ranges: tuple[Range, ...] = ()

    @classmethod
    def between(cls, start: int, stop: int) -> Self:
        """The ordinals from `start`, at least 0, up to but without `stop`."""
        start = max(start, 0)
        return cls(((start, stop),) if start < stop else ())

    @classmethod
    def of(cls, ordinals: Iterable[int]) -> Self:
        """The set of these ordinals, in any order. Cost: O(n log n)."""
        return cls.from_sorted(sorted(set(ordinals)))

    @classmethod
    def from_sorted(cls, ordinals: Iterable[int]) -> Self:
        """The set of these ordinals, which ascend. Cost: O(n)."""
        ranges: list[Range] = []
        start = stop = -1
        for ordinal in ordinals:
            if ordinal > stop:
                ranges.append((start, stop))
                start = ordinal
            stop = ordinal + 1
        ranges.append((start, stop))
        return cls(tuple(ranges[1:]))

    @classmethod
    def of_ranges(cls, ranges: Iterable[Range]) -> Self:
        """The union of half-open ranges in any order; empty ones count for nothing. Cost: O(n log n)."""
        merged: list[Range] = []
        for start, stop in sorted(ranges):
            if start >= stop:
                continue
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
            else:
                merged.append((start, stop))
        return cls(tuple(merged))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The set that `str` writes as `text`. Raises UsageError where it is no such text."""
        try:
            bounds = [tuple(map(int, part.split("-"))) for part in text.split(",")] if text else []
            parsed = cls(tuple((bound[0], bound[-1] + 1) for bound in bounds))
        except ValueError:
            parsed = cls()
        if str(parsed) != text or parsed != cls.of_ranges(parsed.ranges):
            raise UsageError(f'ordinals "{text}": expected ascending ranges such as "0-364,370"')
        return parsed

    def __str__(self) -> str:
        return ",".join(str(a) if b == a + 1 else f"{a}-{b - 1}" for a, b in self.ranges)

    def __len__(self) -> int:
        return sum([stop - start for start, stop in self.ranges])

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(range(start, stop) for start, stop in self.ranges)

    def __contains__(self, ordinal: int) -> bool:
        at = bisect_right(self.ranges, ordinal, key=lambda pair: pair[0])
        return at > 0 and ordinal < self.ranges[at - 1][1]

    def __or__(self, other: "Ordinals") -> Self:
        return self.of_ranges(chain(self.ranges, other.ranges))

    def __and__(self, other: "Ordinals") -> Self:
        mine, theirs, common = self.ranges, other.ranges, []
        i = j = 0
        while i < len(mine) and j < len(theirs):
            start, stop = max(mine[i][0], theirs[j][0]), min(mine[i][1], theirs[j][1])
            if start < stop:
                common.append((start, stop))
            if mine[i][1] < theirs[j][1]:
                i += 1
            else:
                j += 1
        return type(self)(tuple(common))

    def __sub__(self, other: "Ordinals") -> Self:
        if not self.ranges:
            return self
        edges = chain((0,), chain.from_iterable(other.ranges), (self.ranges[-1][1],))
        gaps = zip(edges, edges, strict=True)
        return self & Ordinals(tuple((start, stop) for start, stop in gaps if start < stop))

    def shift(self, by: int) -> Self:
        """Every ordinal plus `by`; those that would become negative fall out."""
        return type(self)(tuple((max(a + by, 0), b + by) for a, b in self.ranges if b + by > 0))
