"""Queries are carried out faster than by the library, and answered as by the library."""

import asyncio
from types import SimpleNamespace

import pytest
from graphql import ExecutionContext, build_schema, execute, parse
from graphql.pyutils import is_awaitable as library_is_awaitable

from latewood_graphql.execution import Execution, is_awaitable

SCHEMA = build_schema("""
    enum Colour { RED BLUE }
    type Item {
      number: Int!
      name: String
      needed: String!
      colour: Colour
      words: [String!]!
      some: [Int]
      late: Int
      echo(text: String = "nothing", times: Int!): String
      item: Item
      sure: Item!
    }
    type Query { items: [Item] sure: [Item!]! }
""")


def fails(*_):
    raise ValueError("not this one")


async def later(value):
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


PLAIN = {"number": 1, "name": "a", "needed": "b", "colour": "RED", "words": ["x", "y"], "some": [1, None, 3]}
SPOILT = [
    {},
    {"number": None},
    {"number": "no number"},
    {"number": ValueError("not a number")},
    {"name": None},
    {"name": fails},
    {"needed": None},
    {"needed": fails},
    {"colour": "GREEN"},
    {"words": None},
    {"words": 7},
    {"words": []},
    {"words": ("x",)},
    {"words": lambda *_: iter("xyz")},
    {"words": {"x": 1}},
    {"words": ["x", None]},
    {"words": ["x", ValueError("no word")]},
    {"some": [1, "no number", 3]},
    {"some": [1, ValueError("no number")]},
    {"some": "12"},
    {"late": lambda *_: later(5)},
    {"late": lambda *_: later(None)},
    {"late": lambda *_: later("no number")},
    {"late": lambda *_: later(ValueError("too late"))},
    {"needed": lambda *_: later(None)},
    {"some": lambda *_: [later(1), later(2)]},
    {"echo": lambda _info, text, times: text * times},
]
QUERIES = [
    "{ items { number name needed colour words some late } }",
    "{ items { a: number b: number __typename item { needed } } }",
    "{ items { ...of item { ...of } } } fragment of on Item { needed late words }",
    "{ sure { number sure { needed some } } }",
    'query ($t: Int!) { items { echo(times: $t) twice: echo(text: "a", times: 2) } }',
    "query ($t: Int!, $yes: Boolean!) { items { echo(text: null, times: $t) name @include(if: $yes) } }",
    "{ items { number @skip(if: true) missing name } }",
]


def items():
    """One of each kind, between two that are well, and each below another one."""
    found = [dict(PLAIN, **spoilt) for spoilt in SPOILT]
    return [dict(PLAIN), *(dict(PLAIN, item=dict(one), sure=dict(one)) for one in found), *found, None, dict(PLAIN)]


def answered(query, kind, items, **variables):
    async def answer():
        own = {"execution_context_class": kind}
        own["is_awaitable"] = is_awaitable if kind is Execution else library_is_awaitable
        root = SimpleNamespace(items=items, sure=items)
        found = execute(SCHEMA, parse(query), root, variable_values=variables, **own)
        found = await found if library_is_awaitable(found) else found
        return found.data, [error.formatted for error in found.errors or ()]

    return asyncio.run(answer())


@pytest.mark.parametrize("query", QUERIES)
def test_answers_and_errors_are_those_of_the_library(query):
    given = {"t": 3, "yes": True} if "$" in query else {}
    for number in range(len(items())):
        # Each alone, since what is refused of one may take all others with it.
        expected = answered(query, ExecutionContext, [items()[number]], **given)
        assert answered(query, Execution, [items()[number]], **given) == expected


def test_what_a_plain_field_is_is_found_out_once_for_a_list():
    told = []

    class Counted(Execution):
        def build_resolve_info(self, field_def, field_nodes, parent_type, path):
            told.append(field_nodes[0].name.value)
            return super().build_resolve_info(field_def, field_nodes, parent_type, path)

    data, _ = answered("{ items { number name } }", Counted, [dict(PLAIN) for _ in range(1_000)])
    assert len(data["items"]) == 1_000
    assert sorted(told) == ["items", "name", "number"]
