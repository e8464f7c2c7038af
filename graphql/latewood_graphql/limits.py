"""What a query may ask for at most: so many levels, so many objects, so much time; and which text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_list_type,
)
from graphql.execution.values import get_argument_values, get_variable_values

from latewood_eventlog.codec import unheld
from latewood_graphql.documents import Documents, Question
from latewood_graphql.errors import Refused
from latewood_graphql.pages import FIRST_MAX
from latewood_graphql.scalars import COLUMNS

_SOME: Final = 10
"""Items of a list that nobody bounds: of most there are fewer."""

_SOME_OF_A_TYPE: Final = 3
"""Fields, arguments and values of a type of the schema, about."""

_PLAIN: Final = 10
"""Plain values in a list or column that are as much as one field."""

_COLUMN: Final = 100
"""What a column that nobody bounds is as much as."""

_FEW: Final = frozenset({"Project.locations", "Environment.automations"})
"""Lists that are `_SOME` where nobody says how many, since somebody wrote each item; of those that can be too many."""

_SIZES: Final = ("first", "last", "buckets")
"""Arguments that say how many items there are: of the list itself, or of lists and columns right below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one query: how deep fields may lie, how many its answer may have, how long it may take, how much it may do.

    Of who sends them: how large a request may be, how many a second may come by one token, and how many at once.
    """

    depth: int = 16
    cost: int = 200_000
    seconds: float = 30.0
    mutations: int = 10
    request_bytes: int = 1_000_000
    rate: float = 100.0
    burst: float = 300.0


def check(documents: Documents, asked: Question, limits: Limits) -> None:
    """Raises Refused for what is deeper, or could have more fields in its answer, than is allowed, or does too much.

    Lists count as full: as many as are asked for, or by default, or some where nobody says; so does a column. And for
    text that no query can compare with. Cost: O(document), however often fragments are spread; without variables once.
    """
    if asked.operation.variable_definitions:
        _check(documents.schema, asked, limits)
    else:
        key = "within", limits, asked.text, asked.name
        documents.once(key, asked.text, lambda: _check(documents.schema, asked, limits))


def _check(schema: GraphQLSchema, asked: Question, limits: Limits) -> None:
    of, operation = _Measuring(schema, asked), asked.operation
    root = schema.get_root_type(operation.operation)
    depth, cost = of.measured(operation.selection_set, root, 0)
    if depth > limits.depth:
        raise Refused("TOO_DEEP", f"the query is {depth} levels deep; expected at most {limits.depth}")
    if cost > limits.cost:
        message = f"the answer could have {cost:,} fields; expected at most {limits.cost:,}: ask for less by `first`"
        raise Refused("TOO_EXPENSIVE", message)
    if (done := mutations_in(asked)) > limits.mutations:
        message = f"{done} things are to be done; expected at most {limits.mutations} in one request"
        raise Refused("TOO_EXPENSIVE", message)


def mutations_in(asked: Question) -> int:
    """How many things a request is to do."""
    if asked.operation.operation is not OperationType.MUTATION:
        return 0
    fragments, known = _fragments(asked), dict[str, int]()

    def count(selections: SelectionSetNode) -> int:
        return sum(map(of, selections.selections))

    def of(node: Any) -> int:
        if isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name not in known:
                known[name] = count(fragments[name].selection_set)
            return known[name]
        return 1 if isinstance(node, FieldNode) else count(node.selection_set)

    return count(asked.operation.selection_set)


def unheld_in(arguments: Mapping[str, Any]) -> str:
    """What is wrong with text in arguments that no event could hold, nor any query compare with; empty for none."""
    for name, value in arguments.items():
        if found := next(filter(None, map(unheld, _texts(value))), ""):
            return f"{name}: expected text that can be recorded, found {found} in it"
    return ""


def _texts(value: Any) -> Iterator[str]:
    """All texts in an argument, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from (*_texts(name), *_texts(part))
    elif isinstance(value, Sequence):
        for part in value:
            yield from _texts(part)


def _fragments(asked: Question) -> dict[str, FragmentDefinitionNode]:
    return {f.name.value: f for f in asked.document.definitions if isinstance(f, FragmentDefinitionNode)}


@dataclass(slots=True)
class _Measuring:
    """Depth and number of fields of one operation."""

    schema: GraphQLSchema
    asked: Question
    fragments: Mapping[str, FragmentDefinitionNode] = field(init=False)
    variables: Mapping[str, Any] = field(init=False)
    _known: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fragments = _fragments(self.asked)
        definitions = self.asked.operation.variable_definitions
        coerced = get_variable_values(self.schema, definitions, dict(self.asked.variables)) if definitions else {}
        self.variables = {} if isinstance(coerced, list) else coerced  # what is wrong with them ends the query

    def measured(self, selections: SelectionSetNode, of: GraphQLNamedType | None, page: int) -> tuple[int, int]:
        """Of what is selected there; `page` is how many the lists right below have, 0 where nobody says."""
        depth = cost = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                found = self._field(node, of, page)
            elif isinstance(node, FragmentSpreadNode):
                found = self._spread(node.name.value, page)
            else:
                found = self._inline(node, of, page)
            depth, cost = max(depth, found[0]), cost + found[1]
        return depth, cost

    def _spread(self, name: str, page: int) -> tuple[int, int]:
        known = self._known.get((name, page))
        if known is None:
            fragment = self.fragments[name]
            of = self.schema.get_type(fragment.type_condition.name.value)
            known = self._known[name, page] = self.measured(fragment.selection_set, of, page)
        return known

    def _inline(self, node: Any, of: GraphQLNamedType | None, page: int) -> tuple[int, int]:
        narrowed = of if node.type_condition is None else self.schema.get_type(node.type_condition.name.value)
        return self.measured(node.selection_set, narrowed, page)

    def _field(self, node: FieldNode, of: GraphQLNamedType | None, page: int) -> tuple[int, int]:
        found = _definition(of, node.name.value)
        if found is None:
            return 0, 0
        own = self._own(found, node, of)
        named, is_list = get_named_type(found.type), is_list_type(get_nullable_type(found.type))  # type: ignore[arg-type]
        if node.selection_set is None:
            return 1, 1 + self._plain(named.name, page if own is None else own, is_list=is_list)
        if is_list and own is not None and not _has_columns(named):
            times, below = own, 0
        elif is_list:
            times, below = page or self._some(of, node.name.value), own or 0
        else:
            times, below = 1, own or 0
        depth, cost = self.measured(node.selection_set, named, below)
        return (1 if is_introspection_type(named) else depth + 1), 1 + times * cost

    def _own(self, found: GraphQLField, node: FieldNode, of: GraphQLNamedType | None) -> int | None:
        """How many items the arguments ask for; None where they do not say. Raises Refused for text that is none."""
        if not found.args:
            return None
        try:
            arguments = get_argument_values(found, node, dict(self.variables))
        except GraphQLError:
            return None  # whoever carries it out says so
        if of is not self.schema.mutation_type and (wrong := unheld_in(arguments)):  # those have a result that says so
            raise Refused("BAD_INPUT", wrong)
        sizes = [name for name in _SIZES if name in found.args]
        if not sizes:
            return None
        given = [max(0, size) for name in sizes if isinstance(size := arguments.get(name), int)]
        if not given and of is not None and f"{of.name}.{node.name.value}" in _FEW:
            return None
        return max(given, default=FIRST_MAX)

    def _some(self, of: GraphQLNamedType | None, name: str) -> int:
        if of is not None and is_introspection_type(of):
            return len(self.schema.type_map) if name == "types" else _SOME_OF_A_TYPE
        return _SOME

    def _plain(self, scalar: str, size: int, *, is_list: bool) -> int:
        """How much the values of a plain field are beyond one."""
        if is_list:
            return (size or _SOME) // _PLAIN
        return (size // _PLAIN if size else _COLUMN) if scalar in COLUMNS else 0


def _has_columns(of: GraphQLNamedType) -> bool:
    """Whether what is asked of a list of such is how long their columns are; a column may have a size of its own."""
    fields = of.fields.values() if isinstance(of, GraphQLObjectType) else ()
    return any(get_named_type(f.type).name in COLUMNS and f.args.keys().isdisjoint(_SIZES) for f in fields)


def _definition(of: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    """The field; None for the name of a type, which costs nothing."""
    if name == "__schema":
        return SchemaMetaFieldDef
    if name == "__type":
        return TypeMetaFieldDef
    return of.fields.get(name) if isinstance(of, GraphQLObjectType | GraphQLInterfaceType) else None
