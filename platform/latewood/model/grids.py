"""Grids of several dimensions as plain numbers and text: mixed radix, boxes, and how these are written.

A place in a grid is a digit per dimension, the leading one first; its ordinal is the number that these digits make.
So the leading dimension may grow for ever without another place for anything. A box is a set of digits per
dimension; every set of ordinals is a union of few boxes, since what is chosen or done in a grid nearly always is one.
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from math import prod

from latewood.errors import UsageError
from latewood.model.ordinals import Ordinals, Range

Box = tuple[Ordinals, ...]
"""Digits by dimension, the leading one first: all places that have one of each."""


class GridKey(str):
    """The key of a partition of a grid, for a task that annotates a parameter so; it is a text, and has its parts."""

    __slots__ = ()

    @property
    def parts(self) -> dict[str, str]:
        """The key along each dimension by its name: `{"day": "2013-01-01", "region": "eu"}`."""
        return parts_of(self)


def number_of(digits: Sequence[int], sizes: Sequence[int]) -> int:
    """The ordinal of a place; `sizes` are those of all dimensions but the leading one."""
    number = digits[0]
    for digit, size in zip(digits[1:], sizes, strict=True):
        number = number * size + digit
    return number


def digits_of(number: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """The place with that ordinal; the inverse of `number_of`."""
    digits: list[int] = []
    for size in reversed(sizes):
        number, digit = divmod(number, size)
        digits.append(digit)
    return (number, *reversed(digits))


def fill(box: Box, sizes: Sequence[int]) -> Ordinals:
    """The ordinals of all places in a box. Cost: O(ranges of the result)."""
    leading, *rest = box
    if not rest:
        return leading
    inner, size = fill(tuple(rest), sizes[1:]), prod(sizes)
    if inner == Ordinals.between(0, size):
        return Ordinals(tuple((start * size, stop * size) for start, stop in leading.ranges))
    return Ordinals.of_ranges(
        (digit * size + start, digit * size + stop) for digit in leading for start, stop in inner.ranges
    )


def boxes(ordinals: Ordinals, sizes: Sequence[int]) -> Iterator[Box]:
    """Boxes without a place in common that together are these ordinals. Cost: O(ranges times dimensions).

    Order: by the first digit of the leading dimension, and so on inwards.
    """
    if not sizes:
        if ordinals:
            yield (ordinals,)
        return
    by_inner: dict[tuple[Range, ...], list[Range]] = {}
    for leading, inner in _slices(ordinals, prod(sizes)):
        by_inner.setdefault(inner, []).append(leading)
    for inner, found in by_inner.items():
        for rest in boxes(Ordinals(inner), sizes[1:]):
            yield (Ordinals.of_ranges(found), *rest)


def _slices(ordinals: Ordinals, size: int) -> Iterator[tuple[Range, tuple[Range, ...]]]:
    """Stretches of leading digits, each with what is in it of the rest. Order: ascending."""
    digit, inner = -1, list[Range]()  # the last slice, as far as it is known
    for start, stop in ordinals.ranges:
        at = start
        while at < stop:
            first, offset = divmod(at, size)
            if first != digit and inner:
                yield (digit, digit + 1), tuple(inner)
                inner = []
            whole = 0 if offset else (stop - at) // size
            if whole:
                yield (first, first + whole), ((0, size),)
                at += whole * size
            else:
                end = min(stop, (first + 1) * size)
                digit = first
                inner.append((offset, end - first * size))
                at = end
    if inner:
        yield (digit, digit + 1), tuple(inner)


def key_text(parts: dict[str, str]) -> str:
    """A place, or a choice of places, as text: `day=2013-01-01, region=eu`."""
    return ", ".join(f"{name}={part}" for name, part in parts.items())


def parts_of(text: str) -> dict[str, str]:
    """The parts of such a text by dimension, each as it is written.

    Between commas, what names no dimension goes on with the one before: `region=eu, us, day=2013-06`.
    Raises UsageError for a text that begins with none, and for a dimension that is named twice.
    """
    parts: dict[str, list[str]] = {}
    name = ""
    for piece in text.split(","):
        before, equals, after = piece.partition("=")
        if equals:
            name = before.strip()
            if name in parts:
                raise UsageError(f'partition "{text}": expected each dimension once, found "{name}" twice')
            parts[name] = [after.strip()]
        elif name:
            parts[name].append(piece.strip())
        else:
            raise UsageError(f'partition "{text}": expected dimension=key, found "{piece.strip()}"')
    return {name: ", ".join(choice) for name, choice in parts.items()}


def choices_of(text: str, names: Sequence[str]) -> list[dict[str, str]]:
    """What is chosen by dimension, in one or several boxes: `day=2013-06, region=eu; day=2013-07`; `*` is all.

    Raises UsageError, with near matches, for a dimension that is none of `names`.
    """
    found = [{} if box.strip() == "*" else parts_of(box) for box in text.split(";")]
    for unknown in (name for parts in found for name in parts if name not in names):
        near = get_close_matches(unknown, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        raise UsageError(f'partition "{text}": no dimension "{unknown}"; {hint}')
    return found
