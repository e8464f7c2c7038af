"""A query in pieces, for a system that has its tables elsewhere and under other names: text, and tables in between."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlglot import exp

from latewood.decide.sql.query import Mention, Query, is_cte


def pieces(query: Query, tables: Mapping[str, Mention]) -> list[Any]:
    """The query as its database is given it, with `{"table": PARAMETER, "as": NAME}` wherever it names one of `tables`.

    What stands there is to be called `as`, where that is not empty: the query may say so of the table's columns.
    All of it is JSON.
    """
    parameters = {mention.parts: parameter for parameter, mention in tables.items()}
    folded = {tuple(part.casefold() for part in parts): parameter for parts, parameter in parameters.items()}
    found: list[Any] = []
    at = 0
    for start, end, parts, name in sorted(_sites(query)):
        parameter = folded.get(tuple(part.casefold() for part in parts))
        if parameter is not None:
            found += [query.bound[at:start], {"table": parameter, "as": name}]
            at = end
    return [*found, query.bound[at:]]


def _sites(query: Query) -> Iterator[tuple[int, int, tuple[str, ...], str]]:
    """Where tables are named, by their parts, and what else they are to be called there."""
    for table in query.tree.find_all(exp.Table):
        parts = [part for part in table.parts if isinstance(part, exp.Identifier)]
        if len(parts) != len(table.parts) or (len(parts) == 1 and is_cte(table)):
            continue
        is_listed = isinstance(table.parent, exp.From | exp.Join) and not table.alias
        names = tuple(part.name for part in parts)
        yield parts[0].meta["start"], parts[-1].meta["end"] + 1, names, names[-1] if is_listed else ""
