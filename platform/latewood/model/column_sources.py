"""Where the columns of a table come from: what is recorded of that with a version, and never guessed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import msgspec

Confidence = Literal["exact", "partial", "unknown"]
"""All columns that a value is computed from are known; some of them; none."""

SAME: Final = ""
"""A source's column that bears the name of what comes from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """A column, and the columns of inputs that its values are computed from, each as (input, column).

    What only decides which rows there are, and in which groups, is none of them. `expression` is how the query computes
    it; empty where it takes the column of a table as it is, and where that is not one expression.
    """

    column: str
    confidence: Confidence
    sources: tuple[tuple[str, str], ...] = ()
    expression: str = ""


class ColumnSources(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Columns of one derivation, as they are recorded: a query that passes a table on repeats no names."""

    columns: tuple[str, ...]
    sources: tuple[tuple[str, str], ...] = ()
    confidence: Confidence = "exact"
    expression: str = ""


def compact(derivations: Sequence[Derivation], bytes_max: int) -> tuple[ColumnSources, ...]:
    """What is recorded of these, in at most so many bytes: of what does not fit nothing is.

    Where not all of it fits, no expression is recorded: from what columns come is worth more than how.
    """
    whole = _grouped(derivations)
    if sum(map(_size, whole)) > bytes_max:
        whole = _grouped([replace(each, expression="") for each in derivations])
    found: list[ColumnSources] = []
    room = bytes_max
    for group in whole:
        room -= _size(group)
        if room < 0:
            break
        found.append(group)
    return tuple(found)


def _grouped(derivations: Iterable[Derivation]) -> list[ColumnSources]:
    """Alike ones together."""
    grouped: dict[tuple[Confidence, tuple[tuple[str, str], ...], str], list[str]] = {}
    for each in derivations:
        sources = tuple((name, SAME if column == each.column else column) for name, column in each.sources)
        grouped.setdefault((each.confidence, sources, each.expression), []).append(each.column)
    return [
        ColumnSources(columns=tuple(columns), sources=sources, confidence=confidence, expression=expression)
        for (confidence, sources, expression), columns in grouped.items()
    ]


def _size(group: ColumnSources) -> int:
    return len(msgspec.json.encode(group)) + 1


def derivation_of(column: str, recorded: Iterable[ColumnSources]) -> Derivation | None:
    """What is recorded of a column; None where nothing is."""
    for group in recorded:
        if column in group.columns:
            sources = tuple((name, found or column) for name, found in group.sources)
            return Derivation(column=column, confidence=group.confidence, sources=sources, expression=group.expression)
    return None
