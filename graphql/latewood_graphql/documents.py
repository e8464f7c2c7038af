"""What clients ask: texts that are parsed, held against the schema and counted; the same text once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    get_operation_ast,
    parse,
    validate,
)

V = TypeVar("V")

_TOKENS_MAX: Final = 5_000
"""Words and signs of the longest query: what is longer takes seconds to read."""

_KEPT_MAX: Final = 500_000
"""Characters of all texts that are remembered; what is read of one takes a hundred times as much."""

_LONGEST: Final = 20_000
"""Characters of the longest text that is remembered."""


class Invalid(Exception):
    """Several errors of one request."""

    def __init__(self, errors: Any) -> None:
        super().__init__(str(errors))
        self.errors: list[GraphQLError] = list(errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a request asks: one operation of a valid document."""

    text: str
    document: DocumentNode
    operation: OperationDefinitionNode
    name: str | None
    variables: Mapping[str, Any]


class Documents:
    """The texts that a schema was asked. For all threads."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()
        self._size = 0

    def question(self, data: Any) -> Question:
        """What a request's JSON asks. Raises GraphQLError for what is no question, Invalid for mistakes in it."""
        found = data if isinstance(data, dict) else {}
        text, variables, name = found.get("query"), found.get("variables"), found.get("operationName")
        variables = {} if variables is None else variables
        if not isinstance(text, str) or not isinstance(variables, dict) or not isinstance(name, str | None):
            raise GraphQLError("expected an object with a `query` and, if any, `variables` and `operationName`")
        document, errors = self.once(text, text, lambda: self._read(text))
        if errors:
            raise Invalid(errors)
        operation = get_operation_ast(document, name)
        if operation is None:
            raise GraphQLError("expected one operation, or the name of one of several as `operationName`")
        return Question(text=text, document=document, operation=operation, name=name, variables=variables)

    def once(self, key: Hashable, text: str, make: Callable[[], V]) -> V:
        """What is made of a text, remembered as long as there is room for it."""
        with self._lock:
            if (kept := self._kept.get(key)) is not None:  # as a pair, since what was made may be None
                self._kept.move_to_end(key)
                known: V = kept[1]
                return known
        found, size = make(), len(text)
        if size <= _LONGEST:
            with self._lock:
                self._size += size - self._kept.pop(key, (0, None))[0]
                self._kept[key] = size, found
                while self._size > _KEPT_MAX:
                    self._size -= self._kept.popitem(last=False)[1][0]
        return found

    def _read(self, text: str) -> tuple[DocumentNode, list[GraphQLError]]:
        try:
            document = parse(text, max_lexical_tokens=_TOKENS_MAX, max_comments=_TOKENS_MAX)
            return document, [_of_text(error) for error in validate(self.schema, document)]
        except RecursionError:
            raise GraphQLError("the query is nested too deeply to be read") from None


def _of_text(error: GraphQLError) -> GraphQLError:
    """The same as a mistake of who asks, also where a value in it was more than its type could take."""
    return GraphQLError(error.message, error.nodes) if isinstance(error.original_error, ValueError) else error
