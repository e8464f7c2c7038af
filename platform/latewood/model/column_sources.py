"""Where the columns of a table come from: what is recorded of that with a version, and never guessed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

Confidence = Literal["exact", "partial", "unknown"]
"""All columns that a value is computed from are known; some of them; none."""

SAME: Final = ""
"""A source's column that bears the name of what comes from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """A column, and the columns of inputs that its values are computed from, each as (input, column).

    What only decides which rows there are, and in which groups, is none of them.
    """

    column: str
    confidence: Confidence
    sources: tuple[tuple[str, str], ...] = ()


class ColumnSources(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Columns of one derivation, as they are recorded: a query that passes a table on repeats no names."""

    columns: tuple[str, ...]
    sources: tuple[tuple[str, str], ...] = ()
    confidence: Confidence = "exact"


def compact(derivations: Iterable[Derivation], bytes_max: int) -> tuple[ColumnSources, ...]:
    """What is recorded of these, in at most so many bytes: of what does not fit nothing is."""
    grouped: dict[tuple[Confidence, tuple[tuple[str, str], ...]], list[str]] = {}
    for each in derivations:
        sources = tuple((name, SAME if column == each.column else column) for name, column in each.sources)
        grouped.setdefault((each.confidence, sources), []).append(each.column)
    found: list[ColumnSources] = []
    room = bytes_max
    for (confidence, sources), columns in grouped.items():
        group = ColumnSources(columns=tuple(columns), sources=sources, confidence=confidence)
        room -= len(msgspec.json.encode(group)) + 1
        if room < 0:
            break
        found.append(group)
    return tuple(found)


def derivation_of(column: str, recorded: Iterable[ColumnSources]) -> Derivation | None:
    """What is recorded of a column; None where nothing is."""
    for group in recorded:
        if column in group.columns:
            sources = tuple((name, found or column) for name, found in group.sources)
            return Derivation(column=column, confidence=group.confidence, sources=sources)
    return None
