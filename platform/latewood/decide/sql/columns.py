"""Which columns of its tables each column of a query's result is computed from.

Known is what the parser can resolve by the tables' columns as they are; where it cannot, it is said, and nothing is
guessed. What only decides which rows there are (filters, joins, groups) is no source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from latewood.decide.sql.query import Query, is_cte
from latewood.model.column_sources import Derivation

_UNRESOLVED: Final = (exp.Pivot, exp.Columns)
"""What makes columns of values or patterns: only the database says which."""

_PRUNED: Final = (exp.Column, exp.Query, exp.TableColumn, exp.PositionalColumn)
"""What is looked at as a whole."""

_LEAVES: Final = (
    exp.Boolean,
    exp.DataType,
    exp.Func,
    exp.Identifier,
    exp.Literal,
    exp.Null,
    exp.Parameter,
    exp.Placeholder,
    exp.Star,
    exp.Var,
    exp.WindowSpec,
)
"""What stands for no column, though it has no parts."""

_EXPRESSION_MAX: Final = 400
"""Characters: what is longer is read in the query."""

Source = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """Sources of a value, and whether these are all."""

    sources: frozenset[Source] = frozenset()
    whole: bool = True

    def __or__(self, other: "_Found") -> "_Found":
        return _Found(self.sources | other.sources, self.whole and other.whole)


_NOTHING: Final = _Found(whole=False)


def derivations(query: Query, tables: Mapping[str, Sequence[str]], result: Sequence[str]) -> tuple[Derivation, ...]:
    """How each column of the `result` comes from columns of the `tables`, which are by the query's names for them.

    Of a table that is not among them no columns are known. Cost: O(size of the query), times the columns of a `*`.
    """
    try:
        found = None if query.tree.find(*_UNRESOLVED) is not None else _Resolution(query, tables).outputs()
    except Exception:  # noqa: BLE001 - the database has understood it: that the parser does not is no failure
        found = None
    if found is None or len(found) != len(result):
        return tuple(Derivation(column=name, confidence="unknown") for name in result)
    return tuple(
        _derivation(name, each, how) if said in ("", name.casefold()) else _derivation(name, _NOTHING, "")
        for name, (said, each, how) in zip(result, found, strict=True)
    )


def _derivation(name: str, found: _Found, expression: str) -> Derivation:
    sources = tuple(sorted(found.sources))
    confidence = "exact" if found.whole else "partial" if sources else "unknown"
    return Derivation(column=name, confidence=confidence, sources=sources, expression=expression)  # type: ignore[arg-type]  # three literals


class _Resolution:
    """A query whose columns are resolved, all its names in one case."""

    def __init__(self, query: Query, tables: Mapping[str, Sequence[str]]) -> None:
        by_name = {name.casefold(): (name, columns) for name, columns in tables.items()}
        self._tables: dict[str, str] = {}
        self._columns: dict[str, dict[str, str]] = {}
        tree = query.tree.copy()
        for table in list(tree.find_all(exp.Table)):
            parts = [part for part in table.parts if isinstance(part, exp.Identifier)]
            if len(parts) != len(table.parts) or (len(parts) == 1 and is_cte(table)):
                continue
            name, columns = by_name.get(".".join(part.name for part in parts).casefold(), ("", ()))
            given = f"t{len(self._tables)}"
            self._tables[given] = name
            known = {column.casefold(): column for column in columns}
            self._columns[given] = known if len(known) == len(columns) else {}
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(parts[-1].name)))
            table.set("this", exp.to_identifier(given))
            table.set("db", None)
            table.set("catalog", None)
        for column in tree.find_all(exp.Column):
            column.set("db", None)
            column.set("catalog", None)
        for identifier in tree.find_all(exp.Identifier):
            identifier.set("this", identifier.name.casefold())
        schema: dict[str, object] = {
            given: dict.fromkeys(known, "UNKNOWN") for given, known in self._columns.items() if known
        }
        qualified = qualify(
            tree,
            schema=schema,
            dialect=query.dialect,
            validate_qualify_columns=False,
            quote_identifiers=False,
            identify=False,
        )
        self._dialect = query.dialect
        self._root = build_scope(qualified.unnest() if isinstance(qualified, exp.Subquery) else qualified)
        # What a recursive query reads as itself is given as its first part, without what that reads.
        scopes = [*self._root.traverse()] if self._root is not None else []
        self._unions = {
            id(each.set_operation_scopes[0].expression): each for each in scopes if each.set_operation_scopes
        }
        self._known: dict[tuple[int, int], _Found] = {}
        self._under_way: set[tuple[int, int]] = set()
        self._rounds = 0

    def outputs(self) -> list[tuple[str, _Found, str]] | None:
        """Of the result's columns in order: names, where the query says them, sources, expressions; None if unclear."""
        root = self._root
        names = None if root is None else self._names(root)
        if root is None or names is None:
            return None
        return [(name, self._output(root, index), self._expression(root, index)) for index, name in enumerate(names)]

    def _expression(self, scope: Scope, index: int) -> str:
        """How a column is computed, where it first is; empty for a table's column as it is, and for several ways."""
        seen: set[tuple[int, int]] = set()
        while (id(scope), index) not in seen and isinstance(scope.expression, exp.Select):
            seen.add((id(scope), index))
            value = scope.expression.selects[index].unalias()
            if not isinstance(value, exp.Column):
                text = value.sql(dialect=self._dialect, comments=False)
                return text if len(text) <= _EXPRESSION_MAX else ""
            source = scope.sources.get(value.table)
            names = self._names(source) if isinstance(source, Scope) and not source.is_udtf else None
            if not isinstance(source, Scope) or not names or names.count(value.name) != 1:
                return ""
            scope, index = source, names.index(value.name)
        return ""

    def _names(self, scope: Scope) -> list[str] | None:
        """What a query calls its columns; None where only the database knows which there are."""
        if scope.set_operation_scopes:
            left, right = map(self._names, scope.set_operation_scopes)
            if left is None or right is None or not scope.expression.args.get("by_name"):
                return left if left is None or right is None or len(left) == len(right) else None
            return [*left, *(name for name in right if name not in left)]
        if not isinstance(scope.expression, exp.Select):
            return None
        selected = scope.expression.selects
        return None if any(each.is_star for each in selected) else [_name(each) for each in selected]

    def _output(self, scope: Scope, index: int) -> _Found:
        """The sources of a column of a query."""
        slot = (id(scope), index)
        if slot in self._known:
            return self._known[slot]
        if slot in self._under_way:
            self._rounds += 1
            return _Found()  # round a recursive query once: what comes from itself is nothing new
        rounds = self._rounds
        self._under_way.add(slot)
        found = self._of_both(scope, index) if scope.set_operation_scopes else self._selected(scope, index)
        self._under_way.discard(slot)
        if self._rounds == rounds:
            self._known[slot] = found
        return found

    def _selected(self, scope: Scope, index: int) -> _Found:
        assert isinstance(scope.expression, exp.Select), "it has names"
        return self._value(scope.expression.selects[index], scope)

    def _of_both(self, scope: Scope, index: int) -> _Found:
        left, right = scope.set_operation_scopes
        if scope.expression.args.get("by_name"):
            name = (self._names(scope) or [])[index]
            sides = [(side, names.index(name)) for side in (left, right) if name in (names := self._names(side) or [])]
        elif isinstance(scope.expression, exp.Except | exp.Intersect):
            sides = [(left, index)]
        else:
            sides = [(left, index), (right, index)]
        found = _Found()
        for side, at in sides:
            found |= self._output(side, at)
        return found

    def _value(self, node: exp.Expr, scope: Scope) -> _Found:
        """The sources of an expression in a query."""
        found = _Found()
        for part in node.walk(prune=lambda part: isinstance(part, _PRUNED)):
            match part:
                case exp.Column():
                    found |= self._column(part, scope)
                case exp.Query() if not isinstance(part.parent, exp.Exists):
                    found |= self._subquery(part, scope)
                case _ if isinstance(part, _PRUNED) or not (isinstance(part, _LEAVES) or any(part.iter_expressions())):
                    found |= _NOTHING
        return found

    def _subquery(self, query: exp.Query, scope: Scope) -> _Found:
        inner = next((each for each in scope.subquery_scopes if each.expression is query.unnest()), None)
        names = None if inner is None else self._names(inner)
        if inner is None or names is None:
            return _NOTHING
        found = _Found()
        for index in range(len(names)):
            found |= self._output(inner, index)
        return found

    def _column(self, column: exp.Column, scope: Scope) -> _Found:
        name = column.name
        node: Scope | None = scope
        while node is not None and column.table not in node.sources:
            node = node.parent  # a subquery that reads the row around it
        if not column.table or node is None:
            return _NOTHING
        source = node.sources[column.table]
        if isinstance(source, exp.Table):
            return self._of_table(source, name, node)
        if not source.sources and id(source.expression) in self._unions:
            source = self._unions[id(source.expression)]
        if source.is_udtf:
            return self._value(source.expression, node)
        names = self._names(source) or []
        return self._output(source, names.index(name)) if names.count(name) == 1 else _NOTHING

    def _of_table(self, table: exp.Table, name: str, scope: Scope) -> _Found:
        if isinstance(table.this, exp.Func):
            return self._value(table.this, scope)
        known = self._columns.get(table.name, {})
        if name not in known:
            return _NOTHING
        return _Found(frozenset([(self._tables[table.name], known[name])]))


def _name(selected: exp.Expr) -> str:
    """What a column is called by the query; empty where the database says it."""
    name = selected.alias_or_name
    return "" if name.startswith("_col_") else name
