"""Queries as code: what a function is that a query stands for, where its text lies, and what it is asked with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from latewood.decide.sql.query import Mention, Query  # an extra: who has none of these needs none of it

_QUERY: Final = "__latewood_query__"

ANSWERED_HERE: Final = "duckdb"
"""The dialect of queries that workers answer; those of others are jobs of a connector."""

WINDOW: Final = "partition_window"
KEY: Final = "partition_key"
GRID: Final = "partition_grid"
"""Parameters of the function by which a query hears of its partition."""

START: Final = "partition_start"
END: Final = "partition_end"
DIMENSION: Final = "partition_"
"""What a query calls the bounds of its window, and before a dimension's name the key along that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveQuery:
    """What is asked in place of calling a function, whose signature says what it is asked with.

    query      what was written, if it can be understood; else `faults` says what is wrong with it
    file       where it is written, `first` the line there of its first line, and `indent` what is left of that
    content    the file as it was read, if it has nothing but the query
    tables     what it reads, by the function's parameters
    partition  what it asks of its partition, by the query's parameters
    """

    function: Callable[..., Any]
    query: "Query | None"
    file: Path
    first: int
    indent: int = 0
    content: bytes | None = None
    faults: tuple[str, ...] = ()
    tables: "Mapping[str, Mention]" = field(default_factory=dict)
    partition: tuple[str, ...] = ()

    def place(self, at: tuple[int, int]) -> str:
        """A place of the query as it is found in the file."""
        line, column = at
        return f"line {line + self.first - 1}, column {column + (self.indent if line == 1 else 0)}"


def marked(function: Callable[..., Any], query: LiveQuery) -> None:
    """Say that the function stands for the query."""
    setattr(function, _QUERY, query)


def query_of(function: Callable[..., Any]) -> LiveQuery | None:
    """The query that the function stands for, if it does."""
    found = getattr(function, _QUERY, None)
    return found if isinstance(found, LiveQuery) else None
