"""What one request, one token and one text may take of a server: bounded, so that there is room for others."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from graphql import get_introspection_query
from starlette.testclient import TestClient

from api.conftest import SHOP, open_app
from api.looked_at import rows_of
from databases import execute
from latewood.commands.environments import create as create_environment
from latewood.commands.tokens import create_token, list_tokens
from latewood.model.access import Role
from latewood.model.keys import AssetId
from latewood.projections import catalog, environments, heads
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW, heads_since
from latewood_eventlog.log import SeenBy
from latewood_graphql import pages
from latewood_graphql.access import Caller, Grant, owner
from latewood_graphql.app import app
from latewood_graphql.authentication import Tokens
from latewood_graphql.calls import opened
from latewood_graphql.documents import Documents
from latewood_graphql.errors import Refused
from latewood_graphql.limits import Limits, check
from latewood_graphql.live import hub as hubs
from latewood_graphql.live.hub import Hub
from latewood_graphql.schema import FILE, schema
from latewood_graphql.sessions import Sessions
from latewood_graphql.subscriptions import SOURCES
from latewood_graphql.transport import Answering


def code(errors):
    return [error["extensions"]["code"] for error in errors]


def many(asked, count=200):
    """The same so often."""
    return " ".join(f"a{number}: {asked}" for number in range(count))


def environment(asked):
    """It, in an environment."""
    return f"{{ project {{ environment {{ {asked} }} }} }}"


def of_run(asked):
    """It, of a run."""
    return f'{{ project {{ run(id: "a") {{ {asked} }} }} }}'


DEPLOYED = """
    INSERT INTO latewood.environment_deployments (project, environment, location, from_position, deployment)
    SELECT 'default', e, l, 1000 + n, 'd' || n FROM generate_series(1, 500) n,
    unnest(ARRAY['dev', 'prod', 'test']) e, unnest(ARRAY['a', 'b', 'c']) l
"""
STATEMENTS = (catalog._DEPLOYED, catalog._POINTED, environments._OF_THESE, environments._ENVIRONMENTS)


def test_however_often_environments_were_deployed_to_a_look_is_at_each_of_their_locations(reader, superuser_url):
    execute(superuser_url, DEPLOYED)
    for is_analyzed in (False, True):
        if is_analyzed:
            execute(superuser_url, "ANALYZE")
        with snapshot(SeenBy(reader, ("default",))) as connection:
            for at, count in ((1000, 0), (1001, 9), (1250, 9), (NOW, 9)):
                given = {"project": "default", "environment": "prod", "environments": ["prod"], "as_of": at}
                assert [rows_of(connection, each, given) < 400 for each in STATEMENTS] == [True] * 4, at
                assert len(catalog.pointed(connection, "default", at)) == count
                assert len(catalog.deployed(connection, "default", "prod", at)) == count / 3


MOVED = """
    INSERT INTO latewood.head_history (project, environment, asset, partition, from_position, version)
    SELECT 'default', 'prod', a, 'p' || n, 1000 + n, 'v' FROM generate_series(1, 5000) n,
    unnest(ARRAY['a', 'b', 'c']) a
"""


def test_since_when_a_head_is_there_is_looked_up_however_many_others_the_asset_has(reader, superuser_url):
    execute(superuser_url, MOVED)
    only = {AssetId("a"): ["p7", "p4000"]}
    given = {"project": "default", "environment": "prod", "assets": ["a", "a"], "partitions": only["a"]}
    for is_analyzed in (False, True):
        if is_analyzed:
            execute(superuser_url, "ANALYZE")
        with snapshot(SeenBy(reader, ("default",))) as connection:
            asked = given | {"after": 0, "upto": NOW}
            assert rows_of(connection, heads._NAMED_LAST_MOVES, asked) < 400
            assert heads_since(connection, "default", "prod", only, NOW, only) == {"a": {"p7": 1007, "p4000": 5000}}


VERSIONS = "assets(first: $n) { nodes { versions(first: $n) { nodes { id } } } }"
REACH = 'asset(key: "a") { ' + "downstream { upstream { " * 4 + "key" + " } }" * 4 + " }"


@pytest.mark.parametrize(
    "query",
    [
        "query ($n: Int! = 1000) " + environment(VERSIONS),
        environment(f"{VERSIONS} all: assets(first: -2000000) @skip(if: true) {{ nodes {{ key }} }}").replace(
            "$n", "1000"
        ),
        environment(REACH),
        environment("assets(first: 1000) { nodes { verdicts(first: 1000) { passed } } }"),
        environment(
            "assets(first: 1000) { nodes { downstream(first: 1000) { key status codeVersion location description } } }"
        ),
        environment("assets(first: 1000) { nodes { upstream { key status } } }"),
        environment("assets(first: 1000) { nodes { series(first: 1000) { values } } }"),
        environment(many('lineage(asset: "a", first: 10000) { upstream { asset } downstream { asset } }', 10)),
        environment(many("assetGraph { keys groups groupOf statusOf flagsOf causesOf edgesFrom edgesTo }", 300)),
        environment(many("assets(first: 1000) { nodes { ...of } }")) + " fragment of on Asset { key }",
        of_run(many("timeline(first: 50000) { steps startMs }", 20)),
        of_run(many("logs(last: 1000) { nodes { text } }")),
        of_run(many("logs { nodes { text } }")),
        f"{{ {many('__schema { types { fields { args { name } } } }', 100)} }}",
    ],
)
def test_what_could_be_a_very_long_answer_is_refused(query):
    documents = Documents(schema())
    with pytest.raises(Refused, match="the answer could have"):
        check(documents, documents.question({"query": query}), Limits())


def test_lists_count_as_many_items_as_are_asked_for():
    documents, query = Documents(schema()), f"query ($n: Int!) {environment(VERSIONS)}"
    check(documents, documents.question({"query": query, "variables": {"n": 100}}), Limits())
    with pytest.raises(Refused):
        check(documents, documents.question({"query": query, "variables": {"n": 1_000}}), Limits())


BY_ITSELF = """
    from latewood.automation import Schedule

    daily = Schedule("daily", "orders", cron="0 6 * * *")
    weekly = Schedule("weekly", "total", cron="0 6 * * 1")
"""


@pytest.mark.parametrize("items", ["groups { name }", "automations { name }"])
def test_what_is_there_as_a_whole_is_never_told_in_part_unless_asked_so(api, made, monkeypatch, items):
    made(SHOP + BY_ITSELF, selection="orders")
    name = items.partition(" ")[0]
    ask = f"whole: {items} first: {name}(first: 1) {{ name }} rest: {name}(first: 1, behind: 1) {{ name }}"
    found = api.environment(ask)
    assert len(found["whole"]) == 2
    assert [*found["first"], *found["rest"]] == found["whole"]
    monkeypatch.setattr(pages, "FIRST_MAX", 1)
    (error,) = api.errors(f"{{ project {{ environment {{ {items} }} }} }}")
    assert "found 2: `first: 1` has the first of them, and with `behind: 1` what follows" in error["message"]


def test_environments_and_locations_come_in_parts(api, made, workspace):
    made(SHOP, selection="orders")
    create_environment(workspace, "dev")
    part = "environments(first: 1, behind: 1) locations(first: 1, behind: 1) { name }"
    found = api(f"{{ project {{ whole: environments {part} }} }}")["project"]
    assert found == {"whole": ["dev", "prod"], "environments": ["prod"], "locations": []}
    (error,) = api.errors("{ project { locations(first: 1001) { name } } }")
    assert "`behind` has what follows" in error["message"]


def test_the_schema_is_told_to_who_asks_for_all_of_it(api):
    answer = api.post(get_introspection_query())
    assert answer.json()["data"]["__schema"]["types"]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert api.client.get("/schema.graphql").text == FILE.read_text()


@pytest.mark.parametrize(
    "asked",
    [
        'why(asset: "total") { status }',
        "planPreview { hash }",
        'lineage(asset: "total", first: 9) { upstream { asset } }',
    ],
)
def test_many_short_things_take_no_longer_than_they_may(api, made, asked):
    made()
    client = TestClient(open_app(api.service, Limits(seconds=0.05)))
    answer = client.post("/graphql", json={"query": f"{{ project {{ environment {{ {many(asked)} }} }} }}"})
    assert set(code(answer.json()["errors"])) == {"TOO_SLOW"}  # of what it came to before, all the same


def caller(token, role=Role.VIEWER):
    return Caller(actor=token, grants=frozenset({Grant(role=role)}), token=token)


def test_calls_by_one_token_leave_room_for_those_of_others(api):
    ends, begun = threading.Event(), []

    class Waiting(Answering):
        def answer(self, data, asking):
            begun.append(asking.caller.token)
            assert asking.caller.token == "ben" or ends.wait(20)
            return True, data

    def asked(answering, token):
        scope = {"type": "http", "method": "POST", "latewood.caller": caller(token)}
        request = SimpleNamespace(scope=scope, headers={})
        return answering.execute_graphql_query(request, token)

    async def all_asked():
        answering = Waiting(api.service, Documents(schema()), Limits())
        anns = [asyncio.create_task(asked(answering, "ann")) for _ in range(20)]
        await asyncio.sleep(0)
        assert await asyncio.wait_for(asked(answering, "ben"), 10) == (True, "ben")
        before = begun.count("ann")
        ends.set()
        assert len(await asyncio.gather(*anns)) == 20
        return before

    assert asyncio.run(all_asked()) <= 3


def test_long_texts_are_no_queries_and_short_ones_are_read_beside_the_event_loop(api):
    threads = set()

    class Told(Documents):
        def question(self, data):
            threads.add(threading.current_thread())
            return super().question(data)

    long = "subscription { events { " + many("type", 5_000) + " } }"
    hub = Hub(api.service, Told(schema()), SOURCES, Limits())

    async def followed():
        with pytest.raises(Exception, match=r"more than 5000 .*tokens"):
            await anext(hub.follow({"query": long}, owner("ann")))

    asyncio.run(followed())
    assert threading.main_thread() not in threads
    assert code(api.errors(f"{{ {many('projects', 5_000)} }}")) == ["INVALID_QUERY"]


def test_of_texts_so_many_are_remembered_as_there_is_room_for():
    documents, made = Documents(schema()), []

    def read(text):
        return documents.once(text, text, lambda: made.append(text) or len(made))

    assert [read("a"), read("b"), read("a")] == [1, 2, 1]
    for number in range(100):
        read(f"{number:10000}")
    assert read("a") == 103
    assert [read("x" * 1_000_000), read("x" * 1_000_000)] == [104, 105]


def test_graphs_of_selections_are_not_kept(api, made):
    made()
    for number in range(5):
        api.environment(f'assetGraph(selection: "total{" or total" * number}") {{ keys }}')
    api.environment("assetGraph { keys }")
    with opened(api.service, owner("ann")) as call:
        known = call.project("default", None).environment("prod").assessment
    assert list(known.worked_out) == ["failed", "running", "graph"], "none of a selection"


@pytest.fixture
def ann(api):
    """What an admin sends by a token of their own, with little room."""
    token = create_token(api.workspace, "ann", Role.ADMIN)
    tokens = Tokens(api.workspace, Sessions(b"k" * 32), is_local=False)
    client = TestClient(app(api.service, tokens, Limits(rate=0.01, burst=5)))
    return lambda query: client.post(
        "/graphql", json={"query": query}, headers={"Authorization": f"Bearer {token.text}"}
    )


def tokens(count, start=0):
    """A mutation that makes so many."""
    each = (f'm{n}: createToken(name: "t{n}", role: VIEWER) {{ __typename }}' for n in range(start, start + count))
    return f"mutation {{ {' '.join(each)} }}"


def test_each_thing_that_is_done_counts_as_a_request(ann, api):
    refused = ann(tokens(11))
    assert code(refused.json()["errors"]) == ["TOO_EXPENSIVE"]
    assert "errors" not in ann(tokens(3)).json()
    refused = ann(tokens(2, start=3))
    assert (refused.status_code, code(refused.json()["errors"])) == (429, ["TOO_MANY"])
    assert sorted(row.name for row in list_tokens(api.workspace)) == ["ann", "t0", "t1", "t2"]


def test_what_was_done_is_told_also_where_what_follows_is_refused(api):
    open_still = Tokens(api.workspace, Sessions(b"k" * 32), is_local=True)
    client = TestClient(app(api.service, open_still), base_url="http://localhost")
    shown = "{ ... on TokenCreated { text } }"
    both = f'a: createToken(name: "a", role: ADMIN) {shown} b: createToken(name: "b", role: VIEWER) {shown}'
    found = client.post("/graphql", json={"query": f"mutation {{ {both} }}"}).json()
    token = {"Authorization": f"Bearer {found['data']['a']['text']}"}
    assert (found["data"]["b"], [error["path"] for error in found["errors"]]) == (None, [["b"]])
    wrong = (
        f'c: createToken(name: "c", role: VIEWER) {shown} d: createToken(project: "no", name: "d", role: ADMIN) {shown}'
    )
    found = client.post("/graphql", json={"query": f"mutation {{ {wrong} }}"}, headers=token).json()
    assert (found["data"]["c"]["text"] != "", found["data"]["d"]) == (True, None)


def test_who_gives_up_their_token_does_nothing_more_by_it(ann, api):
    both = 'revokeToken(token: "ann") { __typename } createToken(name: "back", role: ADMIN) { __typename }'
    assert "token" in ann(f"mutation {{ {both} }}").json()["errors"][0]["message"]
    assert [row.name for row in list_tokens(api.workspace)] == ["ann"]


def test_one_token_does_not_follow_all_that_can_be_followed(api, monkeypatch):
    monkeypatch.setattr(hubs, "_OF_ONE_MAX", 2)
    hub = Hub(api.service, Documents(schema()), SOURCES, Limits())

    async def followed():
        async def begun(token, number):
            found = hub.follow({"query": f"subscription S{number} {{ events {{ position }} }}"}, caller(token))
            await anext(found)
            return found

        kept = [await begun("ann", 0), await begun("ann", 1)]
        for number in (1, 2):
            with pytest.raises(Refused, match="2 things are followed by this token"):
                await begun("ann", number)
        kept.append(await begun("ben", 1))
        await kept.pop(0).aclose()
        kept.append(await begun("ann", 1))
        for each in kept:
            await each.aclose()
        hub.end()

    asyncio.run(followed())
