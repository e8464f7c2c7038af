"""The schema is a promise: it is checked in, and says of all of it what it is."""

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    Undefined,
    is_introspection_type,
    is_non_null_type,
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
