"""Queries as texts come again and again: each is parsed and held against the schema once."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse, validate

_REMEMBERED: Final = 500
_LONGEST: Final = 20_000
"""Characters of the longest text that is remembered."""


class Document(NamedTuple):
    """A query, and what is wrong with it."""

    node: DocumentNode
    errors: Sequence[GraphQLError]


class Documents:
    """The queries of a schema. For all threads."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._read)

    def read(self, text: str) -> Document:
        """The query that the text is. Raises GraphQLError for what is none."""
        return self._remembered(text) if len(text) <= _LONGEST else self._read(text)

    def _read(self, text: str) -> Document:
        try:
            node = parse(text)
            return Document(node, validate(self._schema, node))
        except RecursionError:
            raise GraphQLError("the query is nested too deeply to be read") from None
