"""What is told as it happens, over a server on loopback."""

import json
import random
import re
import shlex
import shutil
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from websockets.sync.client import connect as websocket

from api.conftest import open_app
from api.following import Following, note, on_loopback
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood_graphql.access import owner
from latewood_graphql.calls import Service, opened
from latewood_graphql.live.channels import Ring
from latewood_graphql.live.sources import AssetChanges

NUMBERS = """
    subscription ($after: Position) { events(types: ["test.noted"], after: $after) { position data } }
"""


@pytest.fixture
def port(api):
    with on_loopback(open_app(api.service)) as found:
        yield found


@pytest.fixture
def log(api):
    return api.workspace.log


def numbers(messages):
    return [message["data"]["events"]["data"]["number"] for message in messages]


def test_an_event_is_told_to_all_who_follow_soon_after_it_is_appended(port, log):
    with Following(port, NUMBERS, {"after": 0}) as one, Following(port, NUMBERS, {"after": 0}) as other:
        begun = time.monotonic()
        note(log, [1])
        assert numbers(one.take(1)) == numbers(other.take(1)) == [1]
        assert time.monotonic() - begun < 5
        note(log, [2, 3])
        found = one.take(2)
    assert numbers(found) == [2, 3]
    assert [message["extensions"]["after"] for message in found] == [
        message["data"]["events"]["position"] for message in found
    ]


def test_who_was_cut_off_goes_on_where_it_was(port, log):
    note(log, range(5))
    with Following(port, NUMBERS, {"after": 0}) as before:
        last = before.take(3)[-1]["extensions"]["after"]
    with Following(port, NUMBERS, {"after": last}) as after:
        assert numbers(after.take(2)) == [3, 4]
    with Following(port, NUMBERS, headers={"Last-Event-ID": str(last)}) as browser:
        assert numbers(browser.take(2)) == [3, 4]


def test_a_storm_of_reconnects_misses_nothing_and_has_nothing_twice(api, log):
    """Twelve clients that are cut off again and again, also by a ring that is far too small."""
    count, chance = 400, random.Random(7)
    served = open_app(api.service)
    served.state.hub._ring = Ring(items=40)

    def follow(seed, found):
        own, after = random.Random(seed), 0
        while len(found) < count:
            with Following(port, NUMBERS, {"after": after}) as following:
                for message in islice(following, own.choice([1, 3, 20, 200])):
                    if "errors" in message:
                        assert message["errors"][0]["extensions"]["code"] == "TOO_SLOW"
                        break
                    found.append(message["data"]["events"]["data"]["number"])
                    after = message["extensions"]["after"]
                    if len(found) == count:
                        return

    with on_loopback(served) as port:
        told = [[] for _ in range(12)]
        threads = [threading.Thread(target=follow, args=(n, found)) for n, found in enumerate(told)]
        for thread in threads:
            thread.start()
        at = 0
        while at < count:
            some = chance.choice([1, 1, 2, 30])
            note(log, range(at, min(count, at + some)))
            at += some
            time.sleep(chance.choice([0, 0.005, 0.03]))
        for thread in threads:
            thread.join(60)
    assert told == [list(range(count))] * 12


def test_who_takes_too_slowly_is_cut_off_and_goes_on_from_what_it_is_told(api, log):
    served = open_app(api.service)
    served.state.hub._ring = Ring(items=50)
    with on_loopback(served) as port:
        with Following(port, NUMBERS, {"after": 0}, receive_bytes=4096) as slow:
            for n in range(0, 600, 10):
                note(log, range(n, n + 10), size=30_000)
                time.sleep(0.01)
            *taken, last = list(slow)
        assert last["errors"][0]["extensions"]["code"] == "TOO_SLOW"
        after = last["errors"][0]["extensions"]["after"]
        assert after == taken[-1]["extensions"]["after"]
        assert 0 < len(taken) < 600
        with Following(port, NUMBERS, {"after": after}) as again:
            rest = again.take(600 - len(taken))
    assert numbers(taken + rest) == list(range(600))


def test_a_lost_database_connection_is_a_pause_and_no_loss(port, log, superuser_url):
    note(log, [1])
    with Following(port, NUMBERS, {"after": 0}) as following:
        assert numbers(following.take(1)) == [1]
        superuser = create_engine(superuser_url.url)
        with superuser.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        superuser.dispose()
        for n in (2, 3):
            note_again(log, n)
        assert numbers(following.take(2)) == [2, 3]


def note_again(log, number):
    for _ in range(10):
        try:
            return note(log, [number])
        except Exception:
            time.sleep(0.1)
    raise AssertionError("no connection any more")


def test_who_asks_for_the_same_shares_one_execution(api, log):
    served = open_app(api.service)
    hub = served.state.hub
    with on_loopback(served) as port, Following(port, NUMBERS, {"after": 0}) as one:
        note(log, [1, 2])
        last = one.take(1)[0]["extensions"]["after"]
        with Following(port, NUMBERS, {"after": last}) as other, Following(port, NUMBERS + " ") as third:
            note(log, [3])
            assert numbers(other.take(2)) == [2, 3]
            assert numbers(third.take(1)) == [3]
            assert len(hub._open) == 1
            with Following(port, NUMBERS.replace("position", "stream")) as different:
                note(log, [4])
                assert different.take(1)
                assert len(hub._open) == 2


def test_only_what_is_asked_for_is_told(port, log, made):
    by_run = "subscription ($run: ID!) { events(run: $run, after: 0) { type } }"
    about = """subscription { events(asset: "total", types: ["step.succeeded"], after: 0) { data } }"""
    run = made().run
    note(log, [1])
    by_stream = by_run.replace("ID!", "String!").replace("run: $run", "stream: $run")
    for said, given in ((by_run, run), (by_stream, f"run/{run}")):
        with Following(port, said, {"run": given}) as following:
            types = [message["data"]["events"]["type"] for message in following.take(3)]
        assert types[:2] == ["run.requested", "run.planned"]
    with Following(port, about) as following:
        (message,) = following.take(1)
    assert len(message["data"]["events"]["data"]["outputs"]) == 1
    with Following(port, """subscription { events(asset: "totl") { type } }""") as following:
        (message,) = list(following)
    assert message["errors"][0]["extensions"]["code"] == "BAD_INPUT"
    assert "near: total" in message["errors"][0]["message"]


PROGRESS = """
    subscription ($run: ID!) { runProgress(run: $run) {
      run { status } total ended tasks { assets total steps { status count } } failures { asset message }
    } }
"""


def test_a_run_is_followed_to_its_end_by_plain_http(port, asked_for, within):
    source = """
        @asset(partitions=Daily("2026-01-01", end="2026-01-06"))
        def day(partition: PartitionKey) -> str:
            if partition == "2026-01-03":
                raise ValueError("a bad day")
            time.sleep(0.05)
            return partition
    """
    run = asked_for(source).run
    with Following(port, PROGRESS, {"run": run}) as following, within():
        states = [message["data"]["runProgress"] for message in following]
    assert states[0]["run"]["status"] == "QUEUED"
    assert (states[0]["total"], states[0]["ended"]) == (5, 0)
    assert [state["ended"] for state in states] == sorted(state["ended"] for state in states)
    assert (states[-1]["run"]["status"], states[-1]["ended"]) == ("FAILED", 5)
    assert states[-1]["failures"] == [{"asset": "day", "message": "a bad day"}]
    with Following(port, PROGRESS, {"run": run}) as again:
        assert [message["data"]["runProgress"] for message in again] == [states[-1]]


def test_lines_of_a_step_are_told_as_they_are_printed_and_none_twice(port, asked_for, within):
    source = """
        @asset
        def counts() -> int:
            for n in range(40):
                print(n, flush=True)
                time.sleep(0.02)
            return 1
    """
    ask = """subscription ($run: ID!, $after: String) { logs(run: $run, step: 0, after: $after) { text cursor } }"""
    run = asked_for(source).run
    found, after = [], None
    with within():
        for size in (1, 7, 13):
            with Following(port, ask, {"run": run, "after": after}) as following:
                taken = following.take(size)
            found += [message["data"]["logs"]["text"] for message in taken]
            after = taken[-1]["extensions"]["after"]
            assert after == taken[-1]["data"]["logs"]["cursor"]
        with Following(port, ask, {"run": run, "after": after}) as following:
            found += [message["data"]["logs"]["text"] for message in following]
    assert found == [str(n) for n in range(40)]


CHANGES = """
    subscription ($after: Position) { assetChanges(after: $after) {
      position keys statusNames statusOf removed
    } }
"""


def statuses(message):
    found = message["data"]["assetChanges"]
    return {key: found["statusNames"][n] for key, n in zip(found["keys"], found["statusOf"], strict=True)}


def test_changes_of_the_graph_add_up_to_the_graph(api, port, made):
    made(selection="orders")
    ask = "{ project { environment { assetGraph { keys statusNames statusOf } } } }"
    begun = api.post(ask).json()
    graph = begun["data"]["project"]["environment"]["assetGraph"]
    known = {key: graph["statusNames"][n] for key, n in zip(graph["keys"], graph["statusOf"], strict=True)}
    assert known == {"orders": "FRESH", "revenue": "MISSING", "total": "MISSING"}
    made()
    with Following(port, CHANGES, {"after": begun["extensions"]["position"]}) as following:
        known |= statuses(following.take(1)[0])
        assert known == dict.fromkeys(known, "FRESH")
        made("    @asset\n    def other() -> int:\n        return 1\n")
        for message in following:
            known |= statuses(message)
            known = {k: v for k, v in known.items() if k not in message["data"]["assetChanges"]["removed"]}
            if known == {"other": "FRESH"}:
                return
    raise AssertionError(known)


def test_who_goes_on_between_two_changes_is_told_what_changed_since_and_nothing_that_did_not(api, port, made):
    made("    @asset\n    def other() -> int:\n        return 1\n")
    with Following(port, CHANGES) as first:
        run = made().run
        for message in first:
            if statuses(message).get("total") == "FRESH":
                break
        events = [event for event in api.workspace.log.read("default", f"run/{run}") if event.type == "step.succeeded"]
        middle = max(event.position for event in events if json.loads(event.data)["step"] < 4)  # those of the orders
        with Following(port, CHANGES, {"after": middle}) as second:
            found = statuses(second.take(1)[0])
    assert found == {"revenue": "FRESH", "total": "FRESH"}


SLOW = """
    @asset
    def slow() -> int:
        import os

        while not os.path.exists({gate!r}):
            time.sleep(0.02)
        return 1
"""


def flags(message):
    found = message["data"]["assetChanges"]
    return {
        key: [found["flagNames"][n] for n in range(len(found["flagNames"])) if bits >> n & 1]
        for key, bits in zip(found["keys"], found["flagsOf"], strict=True)
    }


def until(is_so):
    for _ in range(1_000):
        if is_so():
            return
        time.sleep(0.02)
    raise TimeoutError


def test_what_runs_is_told_as_of_then_and_its_end_to_who_comes_back(api, made, asked_for, within, tmp_path):
    gate = tmp_path / "gate"
    asked_for(SLOW.format(gate=str(gate)))
    served = open_app(api.service)
    served.state.hub._linger_s = 0
    ask = CHANGES.replace("removed", "flagNames flagsOf")
    then = "{ project(asOf: %d) { environment { groups { running } assets { nodes { flags } } } } }"
    running = {"groups": [{"running": 1}], "assets": {"nodes": [{"flags": ["RUNNING"]}]}}
    with on_loopback(served) as port, within(), ExitStack() as at_last:
        at_last.callback(gate.touch)
        with Following(port, ask, {"after": 1}) as following:
            last = next(message for message in following if flags(message).get("slow") == ["RUNNING"])
        after = last["extensions"]["after"]
        assert api(then % after)["project"]["environment"] == running
        until(lambda: not served.state.hub._open)
        gate.touch()
        until(
            lambda: (
                api("{ project { runs { nodes { status } } } }")["project"]["runs"]["nodes"]
                == [{"status": "SUCCEEDED"}]
            )
        )
        with Following(port, ask, {"after": after}) as following:
            (message,) = following.take(1)
        assert (flags(message), statuses(message)) == ({"slow": []}, {"slow": "FRESH"})
        assert api(then % after)["project"]["environment"] == running


def test_what_changes_with_time_alone_is_told_whoever_looked_meanwhile(api, made):
    now = datetime(2026, 1, 3, tzinfo=UTC)
    workspace = replace(api.workspace, clock=lambda: now)
    made(
        """
        @asset(partitions=Daily("2026-01-01"))
        def daily(partition: PartitionKey) -> str:
            return partition
    """,
        partition="2026-01-01..2026-01-02",
    )
    service = Service(workspace=workspace, reader=api.service.reader)
    with opened(service, owner("test")) as call:
        source = AssetChanges(call, "default", "prod")
        begun = source.read(call, None, None)
        assert begun.items == ()
        now = datetime(2026, 1, 4, tzinfo=UTC)
    with opened(service, owner("test")) as call:
        source.read(call, (1,), begun.cursor)
        found = source.read(call, begun.cursor, None)
        ((cursor, changes),) = found.items
        assert (changes.keys, found.cursor > begun.cursor, cursor) == (["daily"], True, found.cursor)
        assert source.read(call, found.cursor, None).items == ()
        ((_, again),) = source.read(call, begun.cursor, found.cursor).items  # for who was cut off just before
        assert again.keys == ["daily"]


def test_what_changed_with_time_alone_is_told_to_who_comes_back_when_nobody_was_there(api, load):
    now = datetime(2026, 1, 3, tzinfo=UTC)
    workspace = replace(api.workspace, clock=lambda: now)
    loaded = load(
        """
        @asset(partitions=Daily("2026-01-01"))
        def daily(partition: PartitionKey) -> str:
            return partition

        @asset
        def other() -> int:
            return 1
    """
    )
    materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))
    served = open_app(Service(workspace=workspace, reader=api.service.reader))
    served.state.hub._linger_s = 0
    here = api("{ server { position } }")["server"]["position"]
    now = datetime(2026, 1, 4, tzinfo=UTC)
    with on_loopback(served) as port:
        for others in (0, 1):  # nobody, and somebody who is there since it has changed
            with ExitStack() as there:
                for _ in range(others):
                    there.enter_context(Following(port, CHANGES))
                    until(lambda: served.state.hub._open)
                with Following(port, CHANGES, {"after": here}) as following:
                    (message,) = following.take(1)
            assert statuses(message) == {"daily": "MISSING"}
            until(lambda: not served.state.hub._open)


def test_the_same_is_told_over_a_websocket(port, log):
    with websocket(f"ws://127.0.0.1:{port}/graphql", subprotocols=["graphql-transport-ws"]) as socket:
        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv(10)) == {"type": "connection_ack"}
        ask = {"query": NUMBERS, "variables": {"after": 0}}
        socket.send(json.dumps({"id": "a", "type": "subscribe", "payload": ask}))
        note(log, [1, 2])
        found = [json.loads(socket.recv(10)) for _ in range(2)]
        assert [(message["id"], message["type"]) for message in found] == [("a", "next")] * 2
        assert numbers(message["payload"] for message in found) == [1, 2]
        socket.send(json.dumps({"id": "a", "type": "complete"}))
        after = found[0]["payload"]["extensions"]["after"]
        socket.send(json.dumps({"id": "b", "type": "subscribe", "payload": {**ask, "variables": {"after": after}}}))
        message = json.loads(socket.recv(10))
        assert (message["id"], numbers([message["payload"]])) == ("b", [2])
        wrong = {"query": "subscription { events { nothing } }"}
        socket.send(json.dumps({"id": "c", "type": "subscribe", "payload": wrong}))
        message = json.loads(socket.recv(10))
        assert (message["id"], message["type"]) == ("c", "error")
        assert "Cannot query field 'nothing'" in message["payload"][0]["message"]
        socket.send(json.dumps({"id": "d", "type": "subscribe", "payload": {"query": "{ server { version } }"}}))
        found = [json.loads(socket.recv(10)) for _ in range(2)]
        assert [message["type"] for message in found] == ["next", "complete"]
        assert found[0]["payload"]["data"]["server"]["version"]


def test_a_query_is_answered_by_one_event(port):
    with Following(port, "{ server { version } }") as following:
        (message,) = list(following)
    assert message["data"]["server"]["version"]


def test_what_the_readme_sends_by_curl_is_followed(port, made):
    made()
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (line,) = re.findall(r"^    (curl .*text/event-stream.*)$", readme, re.MULTILINE)
    command = shlex.split(line.replace("127.0.0.1:4000", f"127.0.0.1:{port}"))
    if shutil.which(command[0]) is None:
        pytest.skip("it needs curl")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        told = next(line for line in following.stdout if line.startswith("data: {"))
        following.kill()
    assert json.loads(told.removeprefix("data: "))["data"]["events"]["data"]["status"] == "succeeded"


def test_who_does_not_take_events_is_told_by_which_header_they_come(api):
    (error,) = api.errors("subscription { events { position } }")
    assert "`Accept: text/event-stream`" in error["message"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('subscription { events { position } runProgress(run: "x") { total } }', "INVALID_QUERY"),
        ('subscription { runProgress(run: "x") { total } }', "BAD_INPUT"),
        ('subscription { events(project: "other") { position } }', "BAD_INPUT"),
        ('subscription { events(types: ["run.endd"]) { position } }', "BAD_INPUT"),
        ("subscription { events(types: []) { position } }", "BAD_INPUT"),
        ("subscription { events(after: -1) { position } }", "INVALID_QUERY"),
        ("subscription {", "INVALID_QUERY"),
    ],
)
def test_a_slip_is_told_and_is_the_end(port, query, code):
    with Following(port, query) as following:
        (message,) = list(following)
    assert message["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize("ask", [NUMBERS, "subscription ($after: Position) { assetChanges(after: $after) { keys } }"])
def test_who_would_go_on_behind_the_end_of_the_log_is_told_so(port, log, made, ask):
    made()
    beyond = log.position() + 1
    asked = [({"after": beyond}, {}), ({}, {"Last-Event-ID": "9" * 18})]
    for after, headers in asked:  # at first, and while others follow the same
        with Following(port, ask, after, headers) as following:
            (message,) = list(following)
        (error,) = message["errors"]
        assert error["extensions"]["code"] == "BAD_INPUT"
        assert f"up to {log.position()}, where the log ends" in error["message"]
        with Following(port, ask):
            pass


def test_when_the_server_ends_its_followers_learn_where_to_go_on(api, log):
    served = open_app(api.service)
    with on_loopback(served) as port, Following(port, NUMBERS, {"after": 0}) as following:
        note(log, [1])
        (first,) = following.take(1)
        served.state.hub.end()
        (last,) = list(following)
    assert last["errors"][0]["extensions"] == {"code": "ENDING", "after": first["extensions"]["after"]}
