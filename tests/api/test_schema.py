"""The schema is a promise: it is checked in, and says of all of it what it is."""

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    is_introspection_type,
)

from latewood_graphql.schema import FILE, schema, written


def test_the_file_is_the_schema():
    assert FILE.read_text() == written(schema()), "python -m latewood_graphql.schema writes it"


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
