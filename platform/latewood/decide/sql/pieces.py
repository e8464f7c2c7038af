"""A query in pieces, for a system that has its tables elsewhere and under other names: text, and tables in between."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlglot import exp

from latewood.decide.sql.query import Mention, Query, is_cte, mention_of, rows_of


def pieces(query: Query, tables: Mapping[str, Mention]) -> list[Any]:
    """The query as its database is given it, with `{"table": PARAMETER, "as": NAME}` wherever it names one of `tables`.

    What stands there is to be called `as`, where that is not empty: the query may say so of the table's columns.
    All of it is JSON.
    """
    parameters = {mention.parts: parameter for parameter, mention in tables.items()}
    folded = {_folded(parts): parameter for parts, parameter in parameters.items()}
    found: list[Any] = []
    at = 0
    for start, end, parts, name in sorted(_sites(query)):
        parameter = folded.get(_folded(parts))
        if parameter is not None:
            found += [query.bound[at:start], {"table": parameter, "as": name}]
            at = end
    return [*found, query.bound[at:]]


def by_full_names(query: Query, tables: Mapping[str, Mention]) -> Iterator[Mention]:
    """Columns that are named by both parts of one of `tables`: another name than the table has where it is read."""
    known = {_folded(mention.parts) for mention in tables.values()}
    for column in query.tree.find_all(exp.Column):
        names = tuple(part.name for part in column.parts)
        table = _folded(names[:2])
        if len(names) > len(table) and table in known and _is_beside(column, table):
            yield mention_of([part for part in column.parts if isinstance(part, exp.Identifier)], names)


def _is_beside(column: exp.Column, table: tuple[str, ...]) -> bool:
    """Whether the table is one of those whose rows are seen there, and no other is called as its first part is."""
    select = column.find_ancestor(exp.Select)
    while select is not None:
        beside = rows_of(select)
        if any(other.alias_or_name.casefold() == table[0] for other in beside):
            return False
        plain = [other for other in beside if isinstance(other, exp.Table) and not other.alias]
        if any(_folded(part.name for part in other.parts) == table for other in plain):
            return True
        select = select.find_ancestor(exp.Select)
    return False


def _folded(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in parts)


def _sites(query: Query) -> Iterator[tuple[int, int, tuple[str, ...], str]]:
    """Where tables are named, by their parts, and what else they are to be called there."""
    for table in query.tree.find_all(exp.Table):
        parts = [part for part in table.parts if isinstance(part, exp.Identifier)]
        if len(parts) != len(table.parts) or (len(parts) == 1 and is_cte(table)):
            continue
        is_listed = isinstance(table.parent, exp.From | exp.Join) and not table.alias
        names = tuple(part.name for part in parts)
        yield parts[0].meta["start"], parts[-1].meta["end"] + 1, names, names[-1] if is_listed else ""
