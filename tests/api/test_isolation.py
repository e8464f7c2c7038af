"""Of a project that a caller may not see no field of the schema shows anything, and no mutation does anything there."""

import asyncio
import json
from contextlib import ExitStack, aclosing
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from api.conftest import SHOP, in_one_loop
from api.walking import answers, every_field, every_mutation, every_subscription
from latewood.commands.deployments import listed
from latewood.commands.environments import create
from latewood.commands.materializing import materialize, prepare
from latewood.commands.pinning import pin
from latewood.commands.planning import Asked
from latewood.commands.tokens import create_token
from latewood.commands.workspace import of_project
from latewood.engine.loading.loader import load_file
from latewood.errors import UsageError
from latewood.model.access import Role
from latewood_graphql.access import Caller, Grant, owner, role_needed
from latewood_graphql.app import app
from latewood_graphql.authentication import Everybody
from latewood_graphql.documents import Documents
from latewood_graphql.limits import Limits
from latewood_graphql.live.hub import Hub
from latewood_graphql.schema import schema
from latewood_graphql.subscriptions import SOURCES

SCHEMA = schema()
HIDDEN = "unspoken"
"""A word that the hidden project has everywhere, and nobody else says."""

OPEN_SHOP = f"""
    import pyarrow as pa
    from latewood.sql import sql_asset
{SHOP}
    @asset
    def told(total: str) -> pa.Table:
        return pa.table({{"sales": [total]}})

    spoken = sql_asset("spoken", "SELECT upper(sales) AS aloud FROM told")
"""
SECRET_SHOP = OPEN_SHOP
for word in ("sales", "ann", "euro", "reports"):
    SECRET_SHOP = SECRET_SHOP.replace(word, HIDDEN)


def caller(role, project):
    return Caller(actor="lab's", grants=frozenset({Grant(role=role, project=project)}))


@pytest.fixture
def as_(api):
    """A client of a certain caller; all are of one process, which may remember."""

    with ExitStack() as stack:
        yield lambda who: stack.enter_context(in_one_loop(TestClient(app(api.service, Everybody(who)))))


@pytest.fixture
def two_projects(api, tmp_path):
    """The arguments that lead to what the hidden project has; the lab has the same under other words."""
    runs = []
    for name, source in (("default", SECRET_SHOP), ("lab", OPEN_SHOP)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "shop.py").write_text(_HEAD + source_of(source))
        workspace = replace(of_project(api.workspace, name), actor=HIDDEN if name == "default" else "lab's")
        loaded = load_file(folder / "shop.py", root=folder)
        runs.append(materialize(workspace, prepare(workspace, loaded, Asked(selection="*"))).run)
        create(workspace, f"{HIDDEN if name == 'default' else 'lab'}-branch")
        create(workspace, "branch")
        pin(workspace, [f"total.unit={HIDDEN if name == 'default' else 'yen'}"])
        create_token(workspace, HIDDEN if name == "default" else "lab", Role.ADMIN)
    hidden, (deployed,) = runs[0], listed(api.workspace, limit=1)
    return {
        "id": f'"{hidden}"',
        "run": f'"{hidden}"',
        "key": '"total"',
        "asset": '"total"',
        "subject": '"total"',
        "step": "1",
        **dict.fromkeys(
            ("deploymentDifference.before", "deploymentDifference.after"), f'"{deployed.deployment.deployment}"'
        ),
        "columnLineage.asset": '"spoken"',
        "columnLineage.column": '"aloud"',
        "promotion.target": '"branch"',
        "versionDifference.before": f'"{hidden}.8"',
        "versionDifference.after": f'"{hidden}.8"',
    }


_HEAD = "from latewood import *\n"


def source_of(text):
    from textwrap import dedent  # noqa: PLC0415 - here alone

    return dedent(text)


def asked(client, text):
    return client.post("/graphql", json={"query": text})


def test_no_field_shows_anything_of_another_project(as_, two_projects):
    everybody, lab = as_(owner("root")), as_(caller(Role.ADMIN, "lab"))
    fields = every_field(SCHEMA, two_projects)
    run, of = two_projects["run"].strip('"'), ("$project: String", "name: $project")
    shown = {field.name for field in answers(everybody, fields, *of) if not field.faults}
    leaked = [
        field
        for field in answers(lab, fields, *of, project="lab")
        if HIDDEN in field.text or run in json.dumps(field.data)
    ]
    refused = asked(lab, "{ project { name } }").json()  # and all that is below it
    assert (refused["data"], refused["errors"][0]["message"]) == (
        {"project": None},
        'no project "default"; there is lab',
    )
    assert leaked == []
    unseen = {field.name for field in fields} - shown
    assert unseen == {"Environment.launchPlanPreview"}, "it is of use only where there is something to be seen"


def test_a_time_is_a_moment_of_what_is_seen(api, as_, two_projects):
    lab = as_(caller(Role.VIEWER, "lab"))
    runs = '{ project(name: "lab", asOf: %s) { runs { totalCount } } }'
    first, *_, last = api.workspace.log.read_all(project="lab")
    hidden = api.workspace.log.read_all(project="default")[0]
    counted = [
        asked(lab, runs % json.dumps(event.recorded_at.isoformat())).json()["data"]["project"]["runs"]["totalCount"]
        for event in (first, last)
    ]
    assert counted == [0, 1]
    (error,) = asked(lab, runs % json.dumps(hidden.recorded_at.isoformat())).json()["errors"]
    assert f"is before the log, which begins at {first.recorded_at.isoformat()}" in error["message"]


@pytest.mark.parametrize("role", Role)
def test_each_mutation_is_for_who_has_its_role_there(api, as_, two_projects, role):
    given = {"project": '"lab"'}
    client = as_(caller(role, "lab"))
    for mutation in every_mutation(SCHEMA, given):
        needed = role_needed(SCHEMA.mutation_type.fields[mutation.name].resolve)
        assert needed is not None, f"{mutation.name} declares no role"
        answer = asked(client, mutation.text).json()
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        assert ("FORBIDDEN" in codes) != role.allows(needed), (mutation.name, answer)
        assert "INVALID_QUERY" not in codes, (mutation.name, answer)


def test_no_mutation_does_anything_in_another_project(api, as_, two_projects):
    before = api.workspace.log.position()
    client = as_(caller(Role.ADMIN, "lab"))
    for mutation in every_mutation(SCHEMA, {"project": '"default"'}):
        answer = asked(client, mutation.text).json()
        assert [error["message"] for error in answer["errors"]] == ['no project "default"; there is lab'], mutation.name
    assert api.workspace.log.position() == before


def test_nobody_is_told_of_another_project_also_while_others_follow_the_same(api, two_projects):
    lab = caller(Role.ADMIN, "lab")
    given = {**two_projects, "logs.after": "null", "assetChanges.after": "1", "after": "0"}

    async def first(following, text, who):
        async with asyncio.timeout(20), aclosing(following.follow({"query": text}, who)) as all_items:
            async for items in all_items:
                if items:
                    return items[0].payload.decode()
        return ""

    async def story():
        following = Hub(api.service, Documents(SCHEMA), SOURCES, Limits(), linger_s=3600)  # all stays open
        for hidden in every_subscription(SCHEMA, {**given, "project": '"default"'}):
            assert '"data"' in await first(following, hidden.text, owner("root")) or hidden.name == "logs"
            with pytest.raises(UsageError, match='no project "default"; there is lab'):
                await first(following, hidden.text, lab)
        everything = {name: value for name, value in given.items() if name not in ("run", "asset")}
        for own in every_subscription(SCHEMA, {**everything, "project": '"lab"'}):
            if own.name in ("events", "assetChanges"):
                told = await first(following, own.text, lab)
                assert '"data"' in told, told
                assert HIDDEN not in told
        following._end()

    asyncio.run(story())
