"""What is no question is refused, however it is spelled and whichever way it comes: never a fault of the server."""

import base64
import json
import re

import pytest
from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect

from api.conftest import open_app
from api.following import Following, on_loopback
from latewood.errors import UsageError
from latewood_graphql.pages import cursor_of, stretch_of
from latewood_graphql.scalars import Moment

EVENTS = {"Accept": "text/event-stream"}
DEEP = base64.urlsafe_b64encode(b"[" * 100_000).decode()
DIGITS = "9" * 5_000
LARGE = cursor_of(10**30)
EARLY, LATE = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"


@pytest.mark.parametrize(
    "asked",
    [
        r'events(types: ["\u0000"]) { nodes { type } }',
        r'run(id: "\u0000") { id }',
        r'environment(name: "\ud800") { name }',
        f'events(after: "{LARGE}") {{ nodes {{ type }} }}',
        f'runs(after: "{LARGE}") {{ nodes {{ id }} }}',
        f'runs(after: "{cursor_of(-(10**30))}") {{ nodes {{ id }} }}',
        f'runs(after: "{DEEP}") {{ nodes {{ id }} }}',
        f'tokens(after: "{LARGE}") {{ nodes {{ id }} }}',
        f"runs(first: {DIGITS}) {{ nodes {{ id }} }}",
        f'runDensity(since: "{EARLY}", until: "{LATE}") {{ buckets }}',
        f'runDensity(since: "2026-01-01T00:00:00Z", until: "{LATE}") {{ series {{ counts }} }}',
        f"at: name }} project(asOf: {DIGITS}) {{ name",
        f'at: name }} then: project(asOf: "{DIGITS}") {{ name',
        f'at: name }} then: project(asOf: "{LATE}") {{ name',
        f'at: name }} then: project(asOf: "{EARLY}") {{ name',
    ],
)
def test_what_no_list_moment_or_text_is_is_refused(api, made, asked):
    if api.workspace.log.position() == 0:
        made()
    answer = api.post(f"{{ project {{ {asked} }} }}")
    assert {error["extensions"]["code"] for error in answer.json().get("errors", ())} <= {"BAD_INPUT", "INVALID_QUERY"}


def test_text_that_cannot_be_held_is_refused_in_a_variable_as_well(api):
    ask = "query ($types: [String!]) { project { events(types: $types) { nodes { type } } } }"
    (error,) = api.errors(ask, types=["run.ended", "a\0"])
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert error["message"] == "types: expected text that can be recorded, found the character U+0000 in it"


@pytest.mark.parametrize(
    "asked", [r'events(types: ["\u0000"]) { position }', r'runProgress(run: "\u0000") { total }', "events { no }", "{"]
)
def test_a_subscription_is_refused_alike(api, asked):
    with (
        on_loopback(open_app(api.service)) as port,
        Following(port, f"subscription {{ {asked} }}") as following,
    ):
        (told,) = list(following)
    assert told["errors"][0]["extensions"]["code"] in ("BAD_INPUT", "INVALID_QUERY")


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {"query": ""},
        {"query": "{"},
        {"query": "{ projects }", "variables": []},
        {"query": "{ projects }", "operationName": 3},
        {"query": "query a { projects } query b { projects }"},
        {"query": "{" + "a{" * 2_000},
    ],
)
def test_a_message_that_asks_nothing_is_answered_with_an_error(api, payload):
    with api.client.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"
        socket.send_json({"type": "subscribe", "id": "1", "payload": payload})
        told = socket.receive_json()
        assert (told["type"], told["payload"][0]["extensions"]["code"]) == ("error", "INVALID_QUERY")
        socket.send_json({"type": "subscribe", "id": "1", "payload": {"query": "{ projects }"}})
        assert socket.receive_json()["payload"]["data"] == {"projects": ["default"]}


def test_who_has_not_begun_a_connection_asks_nothing_by_it(api):
    with api.client.websocket_connect("/graphql", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send_json({"type": "subscribe", "id": "1", "payload": {"query": "{ projects }"}})
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()


def test_what_is_no_json_is_refused(api):
    for kind in ("multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded", None):
        headers = {} if kind is None else {"Content-Type": kind}
        for more in ({}, EVENTS):
            answer = api.client.post("/graphql", content=b'{"query": "{ projects }"}', headers={**headers, **more})
            assert answer.status_code == 415, kind
    files = {"operations": (None, json.dumps({"query": "{ projects }"})), "map": (None, "{}")}
    assert api.client.post("/graphql", files=files).status_code == 415


def test_by_an_address_things_are_asked_and_nothing_is_done(api):
    def got(query, **more):
        return api.client.get("/graphql", params={"query": query, **more}, headers=EVENTS)

    assert '"projects":["default"]' in got("{ projects }").text
    refused = got('mutation { createEnvironment(name: "lab") { __typename } }')
    assert "what is to be done is sent by POST" in refused.text
    assert api("{ project { environments } }")["project"]["environments"] == []
    assert got("{ projects }", variables="[" * 20_000).status_code == 400
    assert "Unexpected <EOF>" in got("").text
    assert "expected an object" in api.client.get("/graphql", headers=EVENTS).text
    ask, of = "query ($first: Int!) { project { runs(first: $first) { nodes { id } } } }", '{"first": %s}'
    plain = api.client.get("/graphql", params={"query": ask, "variables": of % 1})
    assert plain.json()["data"] == {"project": {"runs": {"nodes": []}}}
    assert api.client.get("/graphql").status_code == 400
    acted = api.client.get("/graphql", params={"query": 'mutation { createEnvironment(name: "lab") { __typename } }'})
    assert "what is to be done is sent by POST" in acted.json()["errors"][0]["message"]


@pytest.mark.parametrize("given", [{}, {"first": "many"}])
def test_variables_that_are_none_are_refused_as_all_else_that_is_no_question(api, given):
    ask = "query ($first: Int!) { project { runs(first: $first) { nodes { id } } } }"
    answer = api.post(ask, **given)
    assert (answer.status_code, "data" in answer.json()) == (400, False)
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_QUERY"


def test_a_list_is_whole_unless_a_part_is_asked_for_and_refused_where_it_is_too_long():
    assert stretch_of(range(1_000), None, 0) == range(1_000)
    assert stretch_of(range(1_001), None, 1) == range(1, 1_001)
    assert stretch_of(range(1_001), 2, 3) == range(3, 5)
    with pytest.raises(UsageError, match=r"found 1,001: `first: 1000` has the first.* `behind: 1000`"):
        stretch_of(range(1_001), None, 0)
    with pytest.raises(UsageError, match=r"first: expected 1 to 1,000, found 1,001; `behind` has what follows"):
        stretch_of(range(3), 1_001, 0)
    with pytest.raises(UsageError, match=r"first: expected 1 to 1,000, found 0$"):
        stretch_of(range(3), 0, 0)


@pytest.mark.parametrize("text", ["2026-11-28", "2026-11-28T10:00"])
def test_the_time_that_is_advised_in_place_of_one_without_an_offset_is_one(text):
    with pytest.raises(GraphQLError) as refused:
        Moment.parse_value(text)
    (advised,) = re.findall(r'as in "(.*?)"', str(refused.value))
    assert Moment.parse_value(advised).isoformat().startswith(text)
