"""What cannot be read is null, with an error of its own; all else that was asked for is answered."""

from functools import partial

from graphene.types.resolver import dict_or_attr_resolver
from graphql import GraphQLObjectType, get_named_type, is_introspection_type, is_leaf_type, is_non_null_type
from sqlalchemy import event

from databases import execute
from latewood_graphql.fields import UNREAD
from latewood_graphql.schema import schema

THREE = """{
  project {
    runs { nodes { status } }
    environment {
      missing: asset(key: "no/such") { key }
      asset(key: "total") { key versions(first: 0) { nodes { id } } status }
    }
    deploymentDifference(before: "x", after: "y") { added { name } }
  }
}"""


def test_of_three_panels_one_of_which_fails_two_are_answered(api, made):
    made()
    answer = api.post(THREE)
    assert answer.status_code == 200
    project = answer.json()["data"]["project"]
    assert project["runs"]["nodes"] == [{"status": "SUCCEEDED"}]
    assert project["environment"] == {"missing": None, "asset": {"key": "total", "versions": None, "status": "FRESH"}}
    assert project["deploymentDifference"] is None
    assert sorted((error["path"][-1], error["extensions"]["code"]) for error in answer.json()["errors"]) == [
        ("deploymentDifference", "BAD_INPUT"),
        ("missing", "BAD_INPUT"),
        ("versions", "BAD_INPUT"),
    ]


def test_a_project_that_is_not_there_takes_nothing_with_it(api, made):
    made()
    answer = api.post('{ projects project { name } other: project(name: "other") { name } }').json()
    assert answer["data"] == {"projects": ["default"], "project": {"name": "default"}, "other": None}
    assert [error["path"] for error in answer["errors"]] == [["other"]]


def test_of_a_database_that_is_lost_meanwhile_there_is_no_answer(api, made, superuser_url):
    made()
    told = []

    @event.listens_for(api.service.reader.engine, "before_cursor_execute")
    def lose(connection, _cursor, statement, *_):
        if "FROM runs" in statement and not told:
            told.append(connection.connection.driver_connection.info.backend_pid)
            execute(superuser_url, f"SELECT pg_terminate_backend({told[0]}, 10000)")

    answer = api.post(THREE)
    assert told
    assert answer.status_code == 503
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["UNAVAILABLE"]


FROM_THEIR_PARENT = {
    "Query.server",
    "Asset.absent",
    "Asset.causes",
    "Asset.parameters",
    "Asset.partitions",
    "AssetHeadsMoved.partitions",
    "AssetPage.pins",
    "AssetPage.versions",
    "AttentionNeeded.asset",
    "AttentionNeeded.partitions",
    "ColumnDerivation.sources",
    "ColumnLineageStep.sources",
    "LaunchPlan.inputs",
    "Lineage.lines",
    "Lineage.takenLines",
    "PlanPreview.estimate",
    "PlannedAsset.groups",
    "Promotion.configurations",
    "Promotion.deployments",
    "RunProgress.failures",
    "RunProgress.run",
    "ShownVersion.version",
    "StepWait.slots",
    "TaskSteps.steps",
    "UsedVersion.version",
    "VersionComparison.metrics",
    "VersionComparison.nodes",
    "VersionComparison.parameters",
    "VersionDifference.after",
    "VersionDifference.before",
    "VersionDifference.inputs",
}
"""Objects that are worked out of what their parent has read already, and nothing else."""


def may_fail(field):
    """Whether it is an object that a resolver of its own finds, and so may not find."""
    looked_up = isinstance(field.resolve, partial) and field.resolve.func is dict_or_attr_resolver
    is_told = looked_up or field.resolve is None or field.resolve.__qualname__.startswith("given.")
    return not is_told and not is_leaf_type(get_named_type(field.type))


def test_objects_that_have_to_be_read_may_be_null_and_say_so():
    of_deeds = {
        kind.name for field in schema().mutation_type.fields.values() for kind in get_named_type(field.type).types
    }
    sure, unread = set(), set()
    for name, kind in schema().type_map.items():
        is_answer = isinstance(kind, GraphQLObjectType) and not is_introspection_type(kind)
        if is_answer and name not in {"Mutation", "Subscription", *of_deeds}:
            for field_name, field in kind.fields.items():
                named = f"{name}.{field_name}"
                sure |= {named} if is_non_null_type(field.type) and may_fail(field) else set()
                unread |= {named} if is_non_null_type(field.type) and UNREAD in (field.description or "") else set()
    assert sure == FROM_THEIR_PARENT
    assert unread == set()
