"""What is refused, and what a client hears of it."""

import os
from contextlib import closing
from dataclasses import replace

import psycopg2
from sqlalchemy import text
from starlette.testclient import TestClient

from api.conftest import open_app
from databases import execute
from latewood.commands.environments import create, drop
from latewood.projections.snapshots import snapshot
from latewood_eventlog.errors import DatabaseUnreachable
from latewood_graphql.limits import Limits
from latewood_graphql.serving import Serving, application


def code(errors):
    return [error["extensions"]["code"] for error in errors]


def test_a_slip_is_told_with_what_comes_near(api, made):
    made()
    (error,) = api.errors("""{ project { environment { asset(key: "totl") { key } } } }""")
    assert error["message"].startswith('no asset "totl"; near: total')
    assert error["extensions"] == {"code": "BAD_INPUT", "missing": "asset"}
    assert error["path"] == ["project", "environment", "asset"]
    (error,) = api.errors("{ project { nam } }")
    assert (error["extensions"]["code"], "Did you mean 'name'?" in error["message"]) == ("INVALID_QUERY", True)


def test_a_misspelt_filter_is_refused_and_not_answered_with_nothing(api, made, workspace):
    run = made().run
    create(workspace, "gone")
    drop(workspace, "gone")
    position = workspace.log.position()
    nope = 'no environment "nope"; there is prod'
    never = {
        'events(types: ["run.endd"]) { nodes { type } }': 'no event is of type "run.endd"; near: run.ended',
        "environment { attention(troubles: []) { totalCount } }": "troubles: expected at least one",
        'environment { asset(key: "orders") { series(names: []) { name } } }': "names: expected at least one",
        "events(types: []) { nodes { type } }": "types: expected at least one, found none",
        'events(types: ["run.ended", "x"]) { nodes { type } }': 'no event is of type "x"',
        'events(environment: "nope") { nodes { type } }': nope,
        f"events(since: {position + 1}) {{ nodes {{ type }} }}": f"up to {position}, where the log ends",
        'runs(environment: "nope") { totalCount }': nope,
        'runningRuns(environment: "nope") { totalCount }': nope,
        'runDensity(since: "2026-01-01T00:00Z", environment: "nope") { buckets }': nope,
        'environment(name: "prd") { name }': 'no environment "prd"; near: prod',
        'environment(name: "gone") { name }': 'no environment "gone"; there is prod',
        f'run(id: "{run}") {{ logs(step: 99) {{ isOver }} }}': f"run {run} has no step 99, but steps 0 to 8",
        f'run(id: "{run}") {{ logs(step: -1) {{ isOver }} }}': f"run {run} has no step -1, but steps 0 to 8",
        'environment { asset(key: "orders") { head(partition: "2013-99") { id } } }': "expected a key from 2026-01-01",
    }
    for ask, told in never.items():
        (error,) = api.errors(f"{{ project {{ {ask} }} }}")
        assert (error["extensions"]["code"], told in error["message"]) == ("BAD_INPUT", True), (ask, error)
    api(f"""{{ project {{
        runs(environment: "gone") {{ totalCount }} running: runningRuns(environment: "gone") {{ totalCount }}
        events(environment: "gone", since: {position}) {{ nodes {{ type }} }}
        run(id: "{run}") {{ logs(step: 8) {{ isOver }} }}
        environment {{ assets {{ nodes {{ head {{ id }} }} }} asset(key: "total") {{ head(partition: "x") {{ id }} }} }}
    }} }}""")


def test_pages_have_a_size_and_cursors_are_of_their_list(api, made):
    made()
    ask = "{ project { runs(%s) { nodes { id } } } }"
    for wrong in ("first: 0", "first: 1001", "first: -1", 'after: "no"', 'after: "InRleHQi"'):
        assert code(api.errors(ask % wrong)) == ["BAD_INPUT"], wrong


def test_moments_are_positions_or_times_with_an_offset(api, made):
    made()
    ask = "{ project(asOf: %s) { position } }"
    for wrong in ('"yesterday"', '"2026-01-01T00:00:00"', "-1", "1.5", "true", '"1e3"'):
        assert code(api.errors(ask % wrong)) == ["INVALID_QUERY"], wrong
    for beyond in ('"1999-01-01T00:00:00Z"',):
        assert code(api.errors(ask % beyond)) == ["BAD_INPUT"], beyond
    assert code(api.errors("{ project(asOf: 999999) { environment { groups { name } } } }")) == ["BAD_INPUT"]


def test_what_is_too_deep_or_too_much_is_refused_before_anything_is_read(api):
    deep = "{ project { environment { assets { nodes { " + "upstream { " * 20 + "key" + " }" * 25
    assert code(api.errors(deep)) == ["TOO_DEEP"]
    much = "{ project { environment { assets(first: 1000) { nodes { versions(first: 1000) { nodes { id } } } } } } }"
    assert code(api.errors(much)) == ["TOO_EXPENSIVE"]
    again = "fragment F on Environment { assets(first: 1000) { nodes { key } } } "
    spread = (
        "{ project { environment { " + " ".join(f'a{n}: asset(key: "x") {{ key }} ...F' for n in range(300)) + " } } }"
    )
    assert code(api.errors(again + spread)) == ["TOO_EXPENSIVE"]


def test_a_circle_of_fragments_comes_to_an_end(api):
    (error, *_) = api.errors("{ project { ...A } } fragment A on Project { ...B } fragment B on Project { ...A }")
    assert "Cannot spread fragment" in error["message"]


def test_of_a_fault_inside_a_client_learns_an_id_and_nothing_else(api, made, monkeypatch, caplog):
    made()
    monkeypatch.setattr("latewood_graphql.nodes.environments.groups_of", lambda _: {}["secret"])
    (error,) = api.errors("{ project { environment { groups { name } } } }")
    assert error["message"] == f"internal error {error['extensions']['id']}: the server's log says more under this id"
    assert "secret" not in str(error)
    assert error["extensions"]["id"] in caplog.text


def test_of_a_fault_where_something_is_done_it_is_said_that_nobody_knows_whether_it_was(api, made, monkeypatch):
    made()

    def lost(*_, **__):
        raise DatabaseUnreachable("db.example: gone")

    pin = 'mutation { pin(parameters: [{name: "total.unit", value: "yen"}]) { __typename } }'
    for fault, said in ((lost, "the database cannot be reached"), (lambda *_, **__: {}["secret"], "internal error ")):
        monkeypatch.setattr("latewood_graphql.mutations.heads.pin_values", fault)
        answer = api.post(pin).json()
        (error,) = answer["errors"]
        assert answer["data"] == {"pin": None}
        assert error["message"].startswith(said)
        assert ". Whether it was done is not known: " in error["message"]
        assert "try again" not in error["message"]


def test_what_takes_too_long_is_ended_and_says_so(api, made, monkeypatch):
    made()

    def slow(workspace, _at):
        with snapshot(workspace.log) as connection:
            connection.execute(text("SELECT pg_sleep(20)"))

    monkeypatch.setattr("latewood_graphql.calls.moment_meant", slow)
    client = TestClient(open_app(api.service, Limits(seconds=0.5)))
    answer = client.post(
        "/graphql", json={"query": '{ project { environment { asset(key: "total") { key } } } }'}
    ).json()
    assert code(answer["errors"]) == ["TOO_SLOW"]
    assert "ask for less at once" in answer["errors"][0]["message"]


def test_without_its_database_it_says_so(api, made):
    made()
    other = replace(api.service, reader=broken(api.service.reader))
    client = TestClient(open_app(other, Limits()))
    answer = client.post("/graphql/", json={"query": "{ projects }"})
    assert (answer.status_code, code(answer.json()["errors"])) == (503, ["UNAVAILABLE"])
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_once_its_database_is_back_the_first_who_asks_is_answered(environ, made, monkeypatch, superuser_url):
    made()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def all_are_lost():
        execute(
            superuser_url,
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle'",
        )

    pin = 'mutation { pin(parameters: {name: "total.unit", value: "dollar"}) { __typename } }'
    with TestClient(application(Serving(), parent=os.getpid()), base_url="http://localhost") as client:
        assert client.get("/readyz").status_code == 200
        all_are_lost()
        assert client.get("/readyz").status_code == 200
        all_are_lost()
        assert client.post("/graphql/", json={"query": "{ projects }"}).json()["data"] == {"projects": ["default"]}
        all_are_lost()
        assert client.post("/graphql/", json={"query": pin}).json()["data"] == {
            "pin": {"__typename": "ParametersPinned"}
        }


def broken(log):
    """A log whose server is not there."""
    from sqlalchemy import event  # noqa: PLC0415 - here alone

    from latewood_eventlog.database import unreachable  # noqa: PLC0415

    @event.listens_for(log.engine, "begin")
    def _away(_connection):
        raise unreachable(log.engine, OSError("away"))

    return log


def test_a_mutation_that_waits_for_too_long_has_changed_nothing_and_says_so(
    environ, made, monkeypatch, superuser_url, workspace
):
    made()
    before = workspace.log.position()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    web = application(Serving(limits=Limits(seconds=0.5)), parent=os.getpid())
    ask = """mutation { createEnvironment(name: "dev") {
        __typename ... on Error { message } ... on EnvironmentCreated { environment { name } } } }"""
    with TestClient(web, base_url="http://localhost") as client:

        def acted():
            return client.post("/graphql/", json={"query": ask}).json()["data"]["createEnvironment"]

        with closing(psycopg2.connect(superuser_url.libpq())) as other, other.cursor() as cursor:
            cursor.execute("SELECT position FROM latewood.log_head FOR UPDATE")
            assert acted() == {
                "__typename": "TookTooLong",
                "message": "it took longer than 0.5 s, or waited so long for others: nothing was changed",
            }
        assert workspace.log.position() == before
        assert acted() == {"__typename": "EnvironmentCreated", "environment": {"name": "dev"}}
