"""Connections that stay open: who opened them, who may go on, and what they are told of tokens."""

import json
import socket
import threading
from hashlib import sha256

import pytest
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as websocket

from api.conftest import SESSIONS
from api.following import Following, on_loopback
from api.test_gate import ASK, by
from latewood.commands.tokens import create_token, revoke_token
from latewood.commands.workspace import of_project
from latewood.model.access import Role
from latewood_graphql.app import app
from latewood_graphql.authentication import Tokens
from latewood_graphql.live import sending


def opened(client, **more):
    return client.websocket_connect("ws://localhost/graphql", ["graphql-transport-ws"], **more)


def told_by(socket, payload=None, ask=ASK):
    """What is said to who opens a connection with this payload, and asks something."""
    socket.send_json({"type": "connection_init", **({} if payload is None else {"payload": payload})})
    assert socket.receive_json() == {"type": "connection_ack"}
    socket.send_json({"type": "subscribe", "id": "1", "payload": ask})
    return socket.receive_json()["payload"]["data"]


def test_who_opens_a_connection_that_stays_open_may_say_there_who_they_are(serve, api):
    ann = create_token(api.workspace, "ann", Role.VIEWER)
    lab = create_token(of_project(api.workspace, "lab"), "lab", Role.VIEWER)
    client = serve()
    for name in ("Authorization", "authorization"):
        with opened(client) as socket:
            assert told_by(socket, {name: f"Bearer {lab.text}"}) == {"projects": ["lab"]}
    with opened(client, headers=by(ann)) as socket:
        assert told_by(socket) == {"projects": ["default"]}
    with opened(client, headers=by(ann)) as socket:
        assert told_by(socket, by(lab)) == {"projects": ["lab"]}, "what is said last counts"


@pytest.mark.parametrize("payload", [None, {}, {"Authorization": "Bearer lw_wrong"}, {"Authorization": 1}, [], "x"])
def test_who_says_nothing_or_something_wrong_is_told_nothing(serve, api, payload):
    create_token(api.workspace, "ann", Role.ADMIN)
    with opened(serve()) as socket:
        socket.send_json({"type": "connection_init", "payload": payload})
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert (closed.value.code, closed.value.reason) == (4403, "UNAUTHENTICATED")


def test_before_it_is_known_who_opened_a_connection_nothing_is_answered(serve, api):
    create_token(api.workspace, "ann", Role.ADMIN)
    with opened(serve()) as socket:
        socket.send_json({"type": "subscribe", "id": "1", "payload": ASK})
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        assert closed.value.code == 4401


def test_who_shows_a_bad_token_or_comes_from_elsewhere_with_a_session_opens_no_connection(serve, api):
    ann = create_token(api.workspace, "ann", Role.ADMIN)
    client = serve()
    with pytest.raises(WebSocketDisconnect), opened(client, headers={"Authorization": "Bearer lw_wrong"}):
        pass
    assert client.post("/login", json={"token": ann.text}).status_code == 200
    with opened(client, headers={"Origin": "http://localhost"}) as socket:
        assert told_by(socket) == {"projects": ["default"]}
    with pytest.raises(WebSocketDisconnect), opened(client, headers={"Origin": "http://evil.example"}):
        pass


def test_guessing_over_connections_is_slowed_down(serve, api):
    create_token(api.workspace, "ann", Role.ADMIN)
    client, reasons = serve(), []
    for _ in range(40):
        with opened(client) as socket:
            socket.send_json({"type": "connection_init", "payload": {"Authorization": "Bearer lw_wrong"}})
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_json()
        reasons.append(closed.value.reason)
    assert set(reasons) == {"UNAUTHENTICATED", "TOO_MANY"}


EVENTS = {"query": "subscription { events(after: 0) { position type } }"}


@pytest.fixture
def port(api, monkeypatch):
    """Of a server that looks again and again who may go on."""
    monkeypatch.setattr(sending, "PING_S", 0.05)
    with on_loopback(app(api.service, Tokens(api.workspace, SESSIONS, is_local=False))) as found:
        yield found


def test_who_is_revoked_is_told_no_more_over_connections_that_are_open(port, api):
    ann = create_token(api.workspace, "ann", Role.ADMIN)
    with websocket(f"ws://127.0.0.1:{port}/graphql", subprotocols=["graphql-transport-ws"]) as opened_:
        opened_.send(json.dumps({"type": "connection_init", "payload": by(ann)}))
        assert json.loads(opened_.recv(10)) == {"type": "connection_ack"}
        opened_.send(json.dumps({"type": "subscribe", "id": "1", "payload": EVENTS}))
        assert json.loads(opened_.recv(10))["payload"]["data"]["events"]["type"] == "token.created"
        revoke_token(api.workspace, "ann")
        with pytest.raises(ConnectionClosed) as closed:
            list(iter(lambda: opened_.recv(10), None))
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4403, "UNAUTHENTICATED")


def test_who_is_revoked_is_told_no_more_over_server_sent_events(port, api):
    ann = create_token(api.workspace, "ann", Role.ADMIN)
    with Following(port, EVENTS["query"], headers=by(ann)) as following:
        ending = threading.Timer(15, lambda: following.connection.sock.shutdown(socket.SHUT_RDWR))
        ending.start()
        (created,) = following.take(1)
        assert created["data"]["events"]["type"] == "token.created"
        revoke_token(api.workspace, "ann")
        *_, last = following
        ending.cancel()
    assert last["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("role", Role)
def test_events_of_tokens_are_for_admins_alone(serve, api, made, role):
    token = create_token(api.workspace, "ann", role)
    run = made(selection="orders", partition="2026-01-01").run
    with_tokens = {"token.created"} if role is Role.ADMIN else set()
    client = serve()

    def types(ask, **variables):
        answer = client.post("/graphql", json={"query": ask, "variables": variables}, headers=by(token)).json()
        assert sha256(token.text.encode()).hexdigest() not in json.dumps(answer) or role is Role.ADMIN
        return [node["type"] for node in answer["data"]["project"]["events"]["nodes"]]

    whole = types("{ project { events { nodes { type data } } } }")
    assert {type_ for type_ in whole if type_.startswith("token.")} == with_tokens
    assert types('{ project { events(types: ["token.created"]) { nodes { type } } } }') == sorted(with_tokens)
    page = "events(first: 1, after: $after) { nodes { type } pageInfo { endCursor } }"
    page = f"query ($after: String) {{ project {{ {page} }} }}"
    found, after = [], None
    while True:
        answer = client.post("/graphql", json={"query": page, "variables": {"after": after}}, headers=by(token)).json()
        events = answer["data"]["project"]["events"]
        if not events["nodes"]:
            break
        found.append(events["nodes"][0]["type"])
        after = events["pageInfo"]["endCursor"]
    assert found == whole, "also by pages none is left out"
    for more in ("", 'types: ["token.created", "run.ended"], ', f'run: "{run}", '):
        ask = {"query": f"subscription {{ events({more}after: 0) {{ type data }} }}"}
        with opened(client) as socket:
            socket.send_json({"type": "connection_init", "payload": by(token)})
            assert socket.receive_json()["type"] == "connection_ack"
            socket.send_json({"type": "subscribe", "id": "1", "payload": ask})
            told = ""
            while told != "run.ended":
                told = socket.receive_json()["payload"]["data"]["events"]["type"]
                assert not told.startswith("token.") or role is Role.ADMIN
