"""Who may do what."""

import graphene
import pytest
from starlette.testclient import TestClient

from latewood.model.access import Role
from latewood_graphql.access import Caller, Grant, guarded, needs
from latewood_graphql.app import app
from latewood_graphql.authentication import Everybody
from latewood_graphql.calls import opened
from latewood_graphql.errors import Refused


def caller(role, *projects):
    return Caller(actor="ann", grants=frozenset(Grant(role=role, project=project) for project in projects))


class Mutation(graphene.ObjectType):
    launch = graphene.String(project=graphene.String(default_value="default"))
    forgotten = graphene.String(project=graphene.String(default_value="default"))
    nowhere = graphene.String()

    @needs(Role.OPERATOR)
    def resolve_launch(self, info, project):
        return info.context.acting(project).actor

    def resolve_forgotten(self, info, project):
        raise AssertionError

    @needs(Role.VIEWER)
    def resolve_nowhere(self, info):
        raise AssertionError


class Query(graphene.ObjectType):
    nothing = graphene.String()


SCHEMA = guarded(graphene.Schema(query=Query, mutation=Mutation).graphql_schema)


def asked(api, who, field):
    from graphql import graphql_sync  # noqa: PLC0415 - here alone

    with opened(api.service, who) as call:
        found = graphql_sync(SCHEMA, f"mutation {{ {field} }}", context_value=call)
    return found.data[field.partition("(")[0]] if not found.errors else found.errors[0].original_error


@pytest.mark.parametrize("role", Role)
def test_a_mutation_is_for_those_whose_role_allows_it(api, role):
    found = asked(api, caller(role, "default"), "launch")
    if role == Role.VIEWER:
        assert str(found) == 'ann may not do this in project "default": it needs role operator'
        assert found.extensions == {"code": "FORBIDDEN"}
    else:
        assert found == "ann"


def test_a_mutation_that_declares_no_role_or_no_project_is_for_nobody(api):
    for field in ("forgotten", "nowhere"):
        found = asked(api, caller(Role.ADMIN, "default"), field)
        assert isinstance(found, Refused)
        assert found.extensions == {"code": "FORBIDDEN"}


def test_a_project_that_is_not_seen_is_not_there(api, made):
    made()
    found = asked(api, caller(Role.ADMIN, "other"), "launch")
    assert str(found) == 'no project "default"; there is other'
    client = TestClient(app(api.service, Everybody(caller(Role.ADMIN, "other"))))
    assert client.post("/graphql/", json={"query": "{ projects }"}).json()["data"] == {"projects": ["other"]}
    answer = client.post("/graphql/", json={"query": "{ project { environment { groups { name } } } }"}).json()
    assert answer["errors"][0]["message"] == 'no project "default"; there is other'


def test_values_that_may_name_files_are_planned_with_for_those_alone_who_may_run_it(api, made):
    made()
    plain = "{ project { environment { planPreview { hash } } } }"
    given = '{ project { environment { planPreview(parameters: [{name: "total.unit", values: ["yen"]}]) { hash } } } }'
    codes = {}
    for role in (Role.VIEWER, Role.OPERATOR):
        client = TestClient(app(api.service, Everybody(caller(role, "default"))))
        for ask in (plain, given):
            found = client.post("/graphql/", json={"query": ask}).json()
            codes[role, ask] = [error["extensions"]["code"] for error in found.get("errors", ())]
    assert codes == {
        (Role.VIEWER, plain): [],
        (Role.VIEWER, given): ["FORBIDDEN"],
        (Role.OPERATOR, plain): [],
        (Role.OPERATOR, given): [],
    }
