"""The schema is a promise: it is checked in, says of all of it what it is, and keeps what was released."""

from pathlib import Path

import pytest
from graphql import (
    DangerousChangeType,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    Undefined,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_introspection_type,
    is_list_type,
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
    changes += [
        change.description
        for change in find_dangerous_changes(released, now)
        if change.type is DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE
    ]
    gone = [change for change in changes if not deprecated & _named(change) or "was removed" not in change]
    return gone + list(cut_without_being_asked(released, now))


def cut_without_being_asked(released, now):
    """Lists that were whole, and of which who asks as before gets a part."""
    for name, type_ in released.type_map.items():
        for field_name, field in getattr(type_, "fields", {}).items():
            if not is_list_type(get_nullable_type(field.type)):  # others may be bounded by refusing what is longer
                continue
            then = getattr(getattr(now.type_map.get(name), "fields", {}).get(field_name), "args", {})
            for size in ("first", "last"):
                if size in then and size not in field.args and then[size].default_value is not Undefined:
                    yield f"{name}.{field_name} has no more than {then[size].default_value} where nobody says {size}."


def _named(change):
    """What a change is about: a value is told apart from its type, as in `OLD was removed from enum type Word.`"""
    words = change.rstrip(".").split()
    return {*words, f"{words[-1]}.{words[0]}"}


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
        ("type Query { kept: Int! some(first: Int): [Int] }", []),
        (
            "type Query { kept: Int! some(last: Int! = 5): [Int] }",
            ["Query.some has no more than 5 where nobody says last."],
        ),
        (
            'type Query { kept: Int! old(by: String = "b"): Int }',
            ['Query.old arg by has changed defaultValue from "a" to "b".'],
        ),
        ("type Query { kept: Int! } enum Word { KEPT }", []),
        ("type Query { kept: Int! } enum Word { OLD }", ["KEPT was removed from enum type Word."]),
    ],
)
def test_what_breaks_a_client_is_found(now, found):
    gone, word = '@deprecated(reason: "kept")', "enum Word { KEPT OLD }"
    word_then = word.replace("OLD", f"OLD {gone}")
    then = f'type Query {{ some: [Int] kept: Int! old(by: String = "a"): Int {gone} }} {word_then}'
    now = now.replace("old:", 'old(by: String = "a"):')
    now = now if "some" in now else now.replace("{", "{ some: [Int]", 1)
    assert broken(build_schema(then), build_schema(now if "enum" in now else f"{now} {word}")) == found


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


NODES = """
    Project Location Deployment Asset AssetVersion PartitionRange Check Run Step Attempt Event
    Schedule Sensor Condition Environment Token
"""


def test_what_there_is_has_its_name_everywhere():
    assert set(NODES.split()) <= schema().type_map.keys()


def test_whatever_is_done_is_answered_by_its_position_or_by_an_error_of_a_type():
    of = schema()
    for name, field in of.mutation_type.fields.items():
        kinds = get_named_type(field.type).types
        (success,) = (kind for kind in kinds if of.type_map["Error"] not in kind.interfaces)
        assert len(kinds) > 1, name
        assert is_non_null_type(success.fields["position"].type), name


AS_LONG_AS_WHAT_SOMEBODY_WROTE = {
    "ColumnDerivation.sources",
    "ColumnLineageStep.sources",
    "Asset.causes",
    "Asset.declaredChecks",
    "Asset.inputs",
    "Asset.parameters",
    "Asset.partitions",
    "Asset.resources",
    "AssetPage.freshness",
    "AssetPage.pins",
    "AssetPage.renames",
    "AssetVersion.inputs",
    "AttentionNeeded.overdue",
    "ChangedDefinition.code",
    "ChangedDefinition.parts",
    "DefinitionsInvalid.problems",
    "Environment.facets",
    "EnvironmentChanges.deployments",
    "Explanation.freshness",
    "Explanation.renames",
    "Finding.code",
    "LaunchPlan.inputs",
    "ParametersPinned.changed",
    "PartitionBox.dimensions",
    "PartitionScheme.dimensions",
    "PlannedAsset.groups",
    "PlannedGroup.reasons",
    "PlannedSteps.reasons",
    "Promotion.configurations",
    "Promotion.deployments",
    "RunProgress.tasks",
    "StepExplanation.jobs",
    "StepExplanation.plannedReasons",
    "StepExplanation.reasons",
    "StepExplanation.taken",
    "StepExplanation.waits",
    "Step.attempts",
    "VersionDifference.code",
    "VersionDifference.inputs",
    "VersionDifference.metadata",
    "VersionDifference.parameters",
    "VersionDifference.parts",
    "VersionDifference.resources",
}
"""Lists of a few things: parts of a function, a task, a run or a group, and not as many as there may be data."""

BOUNDED_ELSEWHERE = {
    "AssetPage.verdicts",
    "AssetPage.versions",
    "AssetsObserved.looks",
    "AssetsObserved.notPassed",
    "Corrected.mending",
    "EventDensity.series",
    "Facet.values",
    "Lineage.downstream",
    "Lineage.lines",
    "Lineage.takenLines",
    "Lineage.upstream",
    "LogLines.nodes",
    "RowsSample.columns",
    "RunDensity.series",
    "RunProgress.failures",
    "StepWait.slots",
    "StepWait.steps",
    "TaskSteps.steps",
    "VersionColumns.nodes",
    "VersionComparison.metrics",
    "VersionComparison.nodes",
    "VersionComparison.parameters",
    "VersionDifference.texts",
}
"""Lists as long as an argument above them says, or as their descriptions do."""


def test_every_list_of_objects_has_an_end():
    found = {
        f"{type_.name}.{name}"
        for type_ in schema().type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
        for name, field in type_.fields.items()
        if is_list_type(get_nullable_type(field.type)) and is_composite_type(get_named_type(field.type))
        if not type_.name.endswith("Connection") and not {"first", "last"} & field.args.keys()
    }
    assert found == AS_LONG_AS_WHAT_SOMEBODY_WROTE | BOUNDED_ELSEWHERE
