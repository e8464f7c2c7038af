"""The schema is a promise: it is checked in, says of all of it what it is, and keeps what was released."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    Undefined,
    build_schema,
    find_breaking_changes,
    is_introspection_type,
    is_non_null_type,
)

from latewood_graphql.schema import FILE, schema, written

RELEASED = Path(__file__).with_name("released.graphql")
"""The schema of the last release: who releases one copies `schema.graphql` here."""


def test_the_file_is_the_schema():
    assert FILE.read_text() == written(schema()), "python -m latewood_graphql.schema writes it"


def broken(released, now):
    """What clients of the released schema cannot count on any more, unless it had been deprecated there."""
    deprecated = {
        f"{type_.name}.{name}"
        for type_ in released.type_map.values()
        for name, of in [*getattr(type_, "fields", {}).items(), *getattr(type_, "values", {}).items()]
        if of.deprecation_reason is not None
    }
    changes = [change.description for change in find_breaking_changes(released, now)]
    return [change for change in changes if not deprecated & set(change.split()) or "was removed" not in change]


def test_what_was_released_is_there_or_had_been_deprecated():
    assert broken(build_schema(RELEASED.read_text()), build_schema(written(schema()))) == []


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("type Query { kept: Int! old: Int }", []),
        ("type Query { kept: Int! old: Int more: Int }", []),
        ("type Query { kept: Int! }", []),
        ("type Query { old: Int }", ["Query.kept was removed."]),
        ("type Query { kept: Int old: Int }", ["Query.kept changed type from Int! to Int."]),
        ("type Query { kept: Int! old: String }", ["Query.old changed type from Int to String."]),
        ("type Query { kept(by: Int!): Int! }", ["A required arg by on Query.kept was added."]),
    ],
)
def test_what_breaks_a_client_is_found(now, found):
    released = build_schema('type Query { kept: Int! old: Int @deprecated(reason: "kept") }')
    assert broken(released, build_schema(now)) == found


def test_everything_says_what_it_is():
    silent = []
    for name, kind in schema().type_map.items():
        if is_introspection_type(kind) or name in ("String", "Int", "Float", "Boolean", "ID", "DateTime"):
            continue
        silent += [name] if not kind.description else []
        if isinstance(kind, GraphQLEnumType):
            silent += [f"{name}.{value}" for value, found in kind.values.items() if not found.description]
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field, found in kind.fields.items():
                silent += [] if found.description else [f"{name}.{field}"]
                arguments = getattr(found, "args", {})
                silent += [f"{name}.{field}({a})" for a, argument in arguments.items() if not argument.description]
    assert silent == []


def test_what_has_a_default_cannot_be_null():
    """A null that a client spells out takes the place of the default, which resolvers count on."""
    wrong = [
        f"{kind}.{name}({argument})"
        for kind, found in schema().type_map.items()
        if isinstance(found, GraphQLObjectType) and not is_introspection_type(found)
        for name, field in found.fields.items()
        for argument, of in field.args.items()
        if of.default_value is not Undefined and not is_non_null_type(of.type)
    ]
    assert wrong == []
