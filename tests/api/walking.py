"""A query for every field of the schema, made from the schema: what is added to it is asked as well."""

from collections import deque
from dataclasses import dataclass

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)


@dataclass(frozen=True)
class Asked:
    """A field, and a query or mutation that asks for it and for all that is plain in it."""

    name: str
    text: str


def every_field(schema, given):
    """Each field that can be come to from the root of queries, by the shortest way.

    `given` are arguments by name, or by `FIELD.NAME` where they are meant for one field alone.
    """
    root = schema.query_type
    found, ways = [], deque([(root, ())])
    seen = {root.name}
    while ways:
        of, way = ways.popleft()
        for name, field in of.fields.items():
            call = f"{name}{_arguments(_meant(given, name), field.args)}"
            found.append(Asked(f"{of.name}.{name}", _wrapped([*way, call], _plain(schema, field.type, given))))
            for below in _objects(schema, field.type):
                if below.name not in seen:
                    seen.add(below.name)
                    ways.append((below, (*way, call, *_narrowed(field.type, below))))
    return found


TOGETHER = 6
"""So many fields are asked for at once: each for itself costs twice as much."""


@dataclass(frozen=True)
class Answer:
    """What is answered for one field, with the places and codes of what is wrong there; `text` has others' besides."""

    name: str
    data: object
    faults: list
    text: str


def answers(client, fields, declared, given, **variables):
    """What is answered for each field: with these variables declared, and given to projects as these arguments."""
    for begin in range(0, len(fields), TOGETHER):
        yield from _answers(client, fields[begin : begin + TOGETHER], declared, given, variables)


def _answers(client, fields, declared, given, variables):
    asked = {f"f{number}": field for number, field in enumerate(fields)}
    below = (field.text[2:-2].replace("project ", f"project({given}) ", 1) for field in asked.values())
    text = " ".join(f"{alias}: {each}" for alias, each in zip(asked, below, strict=True))
    response = client.post("/graphql", json={"query": f"query ({declared}) {{ {text} }}", "variables": variables})
    found = response.json()
    errors = [(error.get("path") or [None], error["extensions"]["code"]) for error in found.get("errors", ())]
    if ([None], "TOO_EXPENSIVE") in errors and len(fields) > 1:
        half = len(fields) // 2
        for some in (fields[:half], fields[half:]):
            yield from _answers(client, some, declared, given, variables)
        return
    assert "data" in found, (text, found)
    for alias, field in asked.items():
        faults = [(path[1:], code) for path, code in errors if path[0] == alias]
        yield Answer(field.name, found["data"][alias], faults, response.text)


def fields_of(schema, type_, given):
    """Each field of a type, and how it is asked for with all that is plain in it."""
    for name, field in schema.type_map[type_].fields.items():
        call = f"{name}{_arguments(_meant(given, name), field.args)}"
        yield f"{type_}.{name}", f"{call} {_plain(schema, field.type, given)}"


def every_mutation(schema, given):
    """Each mutation, with arguments of the right shape."""
    for name, field in schema.mutation_type.fields.items() if schema.mutation_type is not None else ():
        call = f"{name}{_arguments(_meant(given, name), field.args, also=('project',))}"
        yield Asked(name, f"mutation {_wrapped([call], '{ __typename }')}")


def every_subscription(schema, given):
    """Each subscription, from its beginning on where it has one, with arguments of the right shape."""
    for name, field in schema.subscription_type.fields.items():
        call = f"{name}{_arguments(_meant(given, name), field.args, also=('project', 'after'))}"
        yield Asked(name, f"subscription {_wrapped([call], _plain(schema, field.type, given))}")


def _wrapped(way, selection):
    text = selection
    for step in reversed(way):
        text = f"{{ {step} {text} }}"
    return text


def _objects(schema, of):
    named = get_named_type(of)
    if isinstance(named, GraphQLObjectType):
        return [named]
    return schema.get_possible_types(named) if isinstance(named, GraphQLInterfaceType | GraphQLUnionType) else []


def _narrowed(of, below):
    return () if get_named_type(of) is below else (f"... on {below.name}",)


def _plain(schema, of, given):
    """Everything of it that is no object, and of what is there below it."""
    parts = []
    for below in _objects(schema, of):
        fields = [
            f"{name}{_arguments(_meant(given, name), f.args)}"
            for name, f in below.fields.items()
            if is_leaf_type(get_named_type(f.type))
        ]
        parts.append(f"... on {below.name} {{ __typename {' '.join(_aliased(below, fields))} }}")
    return f"{{ {' '.join(parts)} }}" if parts else ""


def _aliased(below, fields):
    """Fields of several types that are one answer may be called alike and be of other types."""
    return [f"{below.name}_{field.partition('(')[0]}: {field}" for field in fields]


def _meant(given, field):
    return given | {name.partition(".")[2]: value for name, value in given.items() if name.startswith(f"{field}.")}


def _arguments(given, arguments, also=()):
    said = [
        f"{name}: {_value(name, argument.type, given)}"
        for name, argument in arguments.items()
        if is_required_argument(argument) or name in given or name in also
    ]
    return f"({', '.join(said)})" if said else ""


def _value(name, of, given):
    if isinstance(of, GraphQLNonNull):
        return _value(name, of.of_type, given)
    if isinstance(of, GraphQLList):
        return f"[{_value(name, of.of_type, given)}]"
    if isinstance(of, GraphQLEnumType):
        return next(iter(of.values))
    if isinstance(of, GraphQLInputObjectType):
        fields = [
            f"{n}: {_value(n, f.type, given)}" for n, f in of.fields.items() if is_required_input_field(f) or n in given
        ]
        return f"{{ {', '.join(fields)} }}"
    return given.get(name) or {
        "Int": "1",
        "Float": "1.0",
        "Boolean": "true",
        "Position": "1",
        "Moment": "1",
        "DateTime": '"2026-01-01T00:00:00Z"',
    }.get(of.name, '"x"')
