"""What a query may ask for at most: so many levels, so many objects, so much time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

from latewood_graphql.errors import Refused
from latewood_graphql.pages import FIRST

_PAGES: Final = ("nodes", "edges")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one query: how deep fields may lie, how many fields its answer may have, and how long it may take.

    Of who sends them: how large a request may be, how many a second may come by one token, and how many at once.
    """

    depth: int = 16
    cost: int = 200_000
    seconds: float = 30.0
    request_bytes: int = 1_000_000
    rate: float = 100.0
    burst: float = 300.0


def check(document: DocumentNode, variables: Mapping[str, Any], limits: Limits) -> None:
    """Raises Refused for a document that is deeper, or could have more fields in its answer, than is allowed.

    Pages count as full: `first`, or as many as there are by default. Introspection is free. Cost: O(document), however
    often its fragments are spread.
    """
    fragments = {f.name.value: f for f in document.definitions if isinstance(f, FragmentDefinitionNode)}
    counted: dict[str, tuple[int, int]] = {}
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            depth, cost = _measured(operation.selection_set, FIRST, variables, fragments, counted)
            if depth > limits.depth:
                raise Refused("TOO_DEEP", f"the query is {depth} levels deep; expected at most {limits.depth}")
            if cost > limits.cost:
                message = (
                    f"the answer could have {cost:,} fields; expected at most {limits.cost:,}: ask for smaller pages"
                )
                raise Refused("TOO_EXPENSIVE", message)


def _measured(
    selections: SelectionSetNode | None,
    page: int,
    variables: Mapping[str, Any],
    fragments: Mapping[str, FragmentDefinitionNode],
    counted: dict[str, tuple[int, int]],
) -> tuple[int, int]:
    """Depth and number of fields below; `page` is the size of the page whose fields they are, if it is one."""
    depth = cost = 0
    for found_depth, found_cost in _each(selections, page, variables, fragments, counted):
        depth, cost = max(depth, found_depth), cost + found_cost
    return depth, cost


def _each(
    selections: SelectionSetNode | None,
    page: int,
    variables: Mapping[str, Any],
    fragments: Mapping[str, FragmentDefinitionNode],
    counted: dict[str, tuple[int, int]],
) -> Iterator[tuple[int, int]]:
    for node in selections.selections if selections is not None else ():
        if isinstance(node, FieldNode):
            if node.name.value.startswith("__"):
                continue
            times = page if node.name.value in _PAGES else 1
            depth, cost = _measured(node.selection_set, _first(node, variables), variables, fragments, counted)
            yield depth + 1, 1 + times * cost
        elif isinstance(node, InlineFragmentNode):
            yield _measured(node.selection_set, page, variables, fragments, counted)
        elif isinstance(node, FragmentSpreadNode) and (fragment := fragments.get(node.name.value)) is not None:
            name = f"{node.name.value}:{page}"
            if name not in counted:
                counted[name] = (0, 0)  # validation refuses circles
                counted[name] = _measured(fragment.selection_set, page, variables, fragments, counted)
            yield counted[name]


def _first(node: FieldNode, variables: Mapping[str, Any]) -> int:
    for argument in node.arguments:
        if argument.name.value == "first":
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if isinstance(argument.value, VariableNode):
                found = variables.get(argument.value.name.value)
                return found if isinstance(found, int) else FIRST
    return FIRST
