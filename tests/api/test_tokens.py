"""Tokens: what is recorded of them, and who is let in by one."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from latewood.commands.tokens import access_is_configured, create_token, list_tokens, recognised, revoke_token
from latewood.commands.views import moment_meant
from latewood.commands.workspace import of_project
from latewood.errors import UsageError
from latewood.model.access import Role
from latewood_graphql.access import Caller, Grant
from latewood_graphql.app import app
from latewood_graphql.authentication import Everybody


def test_a_token_is_recognised_until_it_is_revoked(workspace):
    assert not access_is_configured(workspace)
    created = create_token(workspace, "ann", Role.OPERATOR)
    assert recognised(workspace, created.text) == created.row
    assert recognised(workspace, created.text + "x") is None
    assert recognised(workspace, created.row.token) is None
    row, position = revoke_token(workspace, "ann")
    assert (row, position) == (created.row, created.position + 1)
    assert recognised(workspace, created.text) is None
    assert revoke_token(workspace, created.row.token)[1] is None
    assert access_is_configured(workspace), "who revokes the last token opens nothing"


def test_a_token_expires(workspace):
    created = create_token(workspace, "ann", Role.OPERATOR, days=2)
    now = workspace.clock()
    assert recognised(replace(workspace, clock=lambda: now + timedelta(days=1)), created.text) == created.row
    assert recognised(replace(workspace, clock=lambda: now + timedelta(days=3)), created.text) is None


def test_a_token_itself_is_recorded_nowhere(workspace):
    created = create_token(workspace, "ann", Role.ADMIN)
    secret = created.text.removeprefix("lw_")
    assert secret not in repr(created)
    with workspace.log.engine.connect() as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'latewood'")).scalars()
        rows = {name: str(connection.execute(text(f"SELECT * FROM {name}")).all()) for name in tables}
    assert created.row.token in rows["tokens"]
    assert [name for name, found in rows.items() if secret in found] == []


def test_a_name_is_of_one_usable_token(workspace):
    first = create_token(workspace, "ann", Role.VIEWER)
    with pytest.raises(UsageError, match='there is a token "ann" already'):
        create_token(workspace, "ann", Role.VIEWER)
    revoke_token(workspace, "ann")
    again = create_token(workspace, "ann", Role.ADMIN)
    assert [row.token for row in list_tokens(workspace)] == [first.row.token, again.row.token]
    assert revoke_token(workspace, "ann")[0] == again.row


def test_tokens_are_of_their_project_and_those_for_all_are_seen_in_each(workspace):
    create_token(workspace, "ci", Role.OPERATOR)
    everywhere = create_token(workspace, "ann", Role.ADMIN, everywhere=True)
    lab = of_project(workspace, "lab")
    own = create_token(lab, "ann", Role.VIEWER)
    assert [row.name for row in list_tokens(workspace)] == ["ci", "ann"]
    assert list_tokens(lab) == [everywhere.row, own.row]
    with pytest.raises(UsageError, match='there is no token "ci"'):
        revoke_token(lab, "ci")
    with pytest.raises(UsageError, match='several tokens are called "ann"'):
        revoke_token(lab, "ann")
    assert revoke_token(lab, "ann", everywhere=False)[0] == own.row
    assert revoke_token(lab, everywhere.row.token)[0] == everywhere.row


def test_the_list_is_as_it_was(workspace):
    created = create_token(workspace, "ann", Role.VIEWER)
    revoke_token(workspace, "ann")
    assert list_tokens(workspace, moment_meant(workspace, created.position)) == [created.row]
    assert list_tokens(workspace)[0].revoked_by == "test"


@pytest.mark.parametrize(
    ("name", "days", "message"), [("", 1, "expected 1 to 63"), ("a b", 1, 'token "a b"'), ("a", 0, "0 days")]
)
def test_what_is_no_token_is_refused(workspace, name, days, message):
    with pytest.raises(UsageError, match=message):
        create_token(workspace, name, Role.VIEWER, days=days)


CREATE = """mutation ($name: String!) { createToken(name: $name, role: OPERATOR, days: 7) {
  __typename ... on TokenCreated { position text token { id name role createdBy everywhere } } ... on Error { message }
} }"""


def test_an_admin_lets_others_in_through_the_api(api):
    made = api(CREATE, name="ben")["createToken"]
    assert made["token"] == {
        "id": made["token"]["id"],
        "name": "ben",
        "role": "OPERATOR",
        "createdBy": "test",
        "everywhere": False,
    }
    assert recognised(api.workspace, made["text"]).token == made["token"]["id"]
    assert api(CREATE, name="ben")["createToken"]["__typename"] == "Conflict"
    assert api(CREATE, name="b n")["createToken"]["__typename"] == "InvalidInput"
    ask = "{ server { actor } project { role tokens { totalCount nodes { id name revokedAt } } } }"
    found = api(ask)
    assert (found["server"]["actor"], found["project"]["role"]) == ("test", "ADMIN")
    assert found["project"]["tokens"] == {
        "totalCount": 1,
        "nodes": [{"id": made["token"]["id"], "name": "ben", "revokedAt": None}],
    }
    revoke = 'mutation { revokeToken(token: "ben") { __typename ... on TokenRevoked { name } } }'
    assert api(revoke)["revokeToken"] == {"__typename": "TokenRevoked", "name": "ben"}
    assert recognised(api.workspace, made["text"]) is None
    missing = 'mutation { revokeToken(token: "no") { __typename } }'
    assert api(missing)["revokeToken"] == {"__typename": "TokenNotFound"}


def test_who_is_no_admin_does_not_see_who_may_come_in(api):
    create_token(api.workspace, "ann", Role.DEPLOYER)
    ben = Caller(actor="ben", grants=frozenset({Grant(role=Role.DEPLOYER, project="default")}))
    client = TestClient(app(api.service, Everybody(ben)))
    answer = client.post("/graphql", json={"query": "{ project { role tokens { nodes { name } } } }"}).json()
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    assert answer["data"] == {"project": {"role": "DEPLOYER", "tokens": None}}
    answer = client.post("/graphql", json={"query": "{ project { role } }"}).json()
    assert answer["data"] == {"project": {"role": "DEPLOYER"}}
