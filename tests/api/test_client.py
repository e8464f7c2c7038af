"""The Python clients, over a real port: each story with the one that waits and the one that awaits."""

import asyncio
import inspect
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from graphql import GraphQLInterfaceType, parse, validate

from api.conftest import SHOP, open_app
from api.following import note, on_loopback
from crash.conftest import environ, facts_of, within  # noqa: F401 - fixtures
from latewood.client import (
    AssetNotFound,
    AsyncClient,
    Client,
    DefinitionsInvalid,
    InvalidInput,
    InvalidQuery,
    LaunchPlanNotFound,
    LocationNotFound,
    NotFound,
    NotLetIn,
    PlanChanged,
    RequestRefused,
    RunNotFound,
    ServerUnreachable,
    TooMuch,
    documents,
    errors,
)
from latewood.commands.deploying import deploy_loaded
from latewood.commands.tokens import create_token, revoke_token
from latewood.errors import UsageError
from latewood.events import RunRequested
from latewood.model.access import Role
from latewood_graphql.app import app
from latewood_graphql.authentication import Tokens
from latewood_graphql.limits import Limits
from latewood_graphql.live import sending
from latewood_graphql.live.channels import Ring
from latewood_graphql.schema import schema
from latewood_graphql.sessions import Sessions

LATEWOOD = Path(sys.executable).parent / "latewood"


class Awaited:
    """An `AsyncClient` in the words of the other one: its loop runs while it is asked."""

    def __init__(self, *given, **named):
        self._runner = asyncio.Runner()
        self._client = AsyncClient(*given, **named)

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def ask(*given, **named):
            found = method(*given, **named)
            return self._items(found) if inspect.isasyncgen(found) else self._runner.run(found)

        return ask

    def _items(self, found):
        try:
            while True:
                try:
                    yield self._runner.run(anext(found))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(found.aclose())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._runner.run(self._client.aclose())
        self._runner.close()


@pytest.fixture(params=[Client, Awaited], ids=["sync", "async"])
def connect(request):
    """Makes a client of an address, closed in the end."""
    with ExitStack() as stack:

        def made(url, **given):
            return stack.enter_context(request.param(url, **{"patience_s": 20.0, **given}))

        yield made


@pytest.fixture
def url(api):
    with on_loopback(open_app(api.service)) as port:
        yield f"http://127.0.0.1:{port}/graphql"


def guarded(api, **limits):
    """An application that lets in who has a token."""
    tokens = Tokens(api.workspace, Sessions(b"0" * 32), is_local=True)
    return app(api.service, tokens, Limits(**limits))


@pytest.fixture
def guarded_url(api):
    with on_loopback(guarded(api)) as port:
        yield f"http://127.0.0.1:{port}/graphql"


@pytest.fixture
def client(connect, url):
    return connect(url)


class Lossy:
    """Carries out what it is asked and does not answer, so many times."""

    def __init__(self, inner, times):
        self.inner, self.left, self.state = inner, times, inner.state

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or not self.left:
            await self.inner(scope, receive, send)
            return
        self.left -= 1

        async def nothing(_message):
            pass

        await self.inner(scope, receive, nothing)
        # What never comes: the server closes the connection.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})


class Cutting:
    """Cuts streams off after so many bytes, wherever in an event that is."""

    def __init__(self, inner, chance):
        self.inner, self.chance, self.state = inner, chance, inner.state

    async def __call__(self, scope, receive, send):
        left = self.chance.choice([1, 100, 700, 3_000, 20_000])

        async def some(message):
            nonlocal left
            body = message.get("body", b"")
            await send({**message, "body": body[:left]} if body else message)
            left -= len(body)
            if left < 0:
                raise ConnectionError

        try:
            await self.inner(scope, receive, some)
        except* ConnectionError:
            pass


def numbers(events):
    return [event.data["number"] for event in events]


def taken(items, count):
    found = []
    for item in items:
        found.append(item)
        if len(found) == count:
            items.close()
            return found
    raise AssertionError(found)


def test_what_they_ask_is_in_the_schema():
    for document in documents.ALL:
        assert validate(schema(), parse(document)) == []


def test_each_error_of_the_schema_is_an_exception():
    named = [kind.name for kind in schema().get_implementations(_error()).objects]
    assert {type(errors.refused(name, "")).__name__ for name in named} == set(named)
    assert type(errors.refused("WormNotFound", "")).__name__ == "NotFound"


def _error():
    found = schema().type_map["Error"]
    assert isinstance(found, GraphQLInterfaceType)
    return found


def test_help_shows_what_their_methods_take():
    shown = {str(inspect.signature(of.cancel)) for of in (Client, AsyncClient)}
    assert shown == {"(self, /, run: str, *, key: str = '') -> str"}


def test_both_have_the_same_methods():
    def methods(of):
        found = inspect.getmembers(of, inspect.isfunction)
        return {name: list(inspect.signature(method).parameters)[1:] for name, method in found if name[0] != "_"}

    one, other = methods(Client), methods(AsyncClient)
    assert one.pop("close") == other.pop("aclose") == []
    assert one == other
    for name in one:
        assert inspect.getdoc(getattr(Client, name)) == inspect.getdoc(getattr(AsyncClient, name))


def test_a_run_is_previewed_launched_waited_for_and_seen(client, workspace, load, within):  # noqa: F811 - a fixture
    deploy_loaded(workspace, load(SHOP))
    preview = client.preview("orders", partition="2026-01-01..2026-01-02")
    assert (preview.steps, preview.counts["run"], preview.refusal) == (2, 2, "")
    seen = []
    with within():
        launched = client.launch("orders", partition="2026-01-01..2026-01-02", approved=preview)
        done = client.wait(launched.run, timeout_s=60, progress=seen.append)
    assert (done.status, done.counts["ran"], done.has_ended) == ("SUCCEEDED", 2, True)
    assert (seen[-1].run, seen[-1].ended, seen[-1].total, seen[-1].tasks[0].assets) == (done, 2, 2, ("orders",))
    assert [found.id for found in client.runs(status="succeeded")] == [launched.run]
    again = client.launch("orders", partition="2026-01-01")
    assert again.is_nothing
    assert not launched.is_nothing
    assert client.wait(again.run) is None
    events = list(client.tail(after=launched.position - 1, follow=False))
    assert events[-1].type == "run.ended"
    of_run = list(client.tail(run=launched.run, follow=False))
    assert ({event.stream for event in of_run}, of_run[-1]) == ({f"run/{launched.run}"}, events[-1])
    assert client.lineage("orders").upstream == ()
    assert list(client.logs(launched.run, 0)) == []
    for none in (-1, 2):
        with pytest.raises(NotFound, match=rf"has no step {none}, but steps 0 to 1"):
            list(client.logs(launched.run, none))


def test_lines_come_as_they_were_printed(client, workspace, made):
    printed = ["one", "two \u2028 still two", "\x85three\x0b"]
    result = made(f"""
        @asset
        def loud() -> int:
            print({chr(10).join(printed)!r})
            return 1
    """)
    assert [line.text for line in client.logs(result.run, 0)] == printed


def test_several_values_of_an_input_are_one_run(client, workspace, load):
    deploy_loaded(workspace, load(POWERS))
    run = client.launch_plan("powers", {"m": 3}, tried={"n": [1, 2]}).run
    (request,) = [fact for fact in facts_of(workspace.log) if isinstance(fact, RunRequested)]
    assert (request.run, request.parameters) == (run, {"powers/power": {"m": 3}})
    assert request.sweep == (({"powers/power": {"n": 1}}, {"powers/power": {"n": 2}}),)


POWERS = """
    @task
    def power(n: int, m: int) -> int:
        return n**m

    @workflow
    def powers(n: int, m: int) -> int:
        return power(n, m)
"""


def test_what_is_refused_is_an_error_of_its_type(client, workspace, load):
    deploy_loaded(workspace, load(SHOP))
    stale = client.preview("orders")
    deploy_loaded(workspace, load(SHOP.replace("int(partition[-2:])", "1")))
    for ask, kind in (
        (lambda: client.launch("totl"), AssetNotFound),
        (lambda: client.launch_plan("nightly"), LaunchPlanNotFound),
        (lambda: client.cancel("zzzz"), RunNotFound),
        (lambda: client.retry("zzzz"), RunNotFound),
        (lambda: client.deploy("nowhere"), LocationNotFound),
        (lambda: client.report("orders", "v1"), InvalidInput),
        (lambda: client.preview("totl"), AssetNotFound),
        (lambda: client.lineage("totl"), AssetNotFound),
        (lambda: client.run("zzzz"), RunNotFound),
        (lambda: client.wait("zzzz"), RunNotFound),
        (lambda: list(client.logs("zzzz", 0)), RunNotFound),
        (lambda: client.query("{ nothing }"), InvalidQuery),
    ):
        with pytest.raises(kind) as refused:
            ask()
        assert type(refused.value) is kind
    made = 'createEnvironment(name: "dev") { ... on EnvironmentCreated { environment { name } } }'
    with pytest.raises(InvalidInput) as refused:
        client.query(f'mutation {{ made: {made} pin(project: "no", parameters: []) {{ __typename }} }}')
    assert refused.value.answer["data"] == {"made": {"environment": {"name": "dev"}}, "pin": None}
    with pytest.raises(PlanChanged) as changed:
        client.launch("orders", approved=stale)
    assert changed.value.preview == client.preview("orders")


def test_a_location_is_deployed_or_it_is_said_what_is_wrong_with_it(client, tmp_path, monkeypatch):
    (tmp_path / "latewood.toml").write_text('[locations.shop]\nfile = "shop.py"\n')
    (tmp_path / "shop.py").write_text("from latewood import *\n\n@asset\ndef orders() -> int:\n    return 1\n")
    monkeypatch.chdir(tmp_path)
    first = client.deploy("shop")
    assert (first.location, first.before) == ("shop", "")
    assert client.deploy("shop").before == first.deployment
    (tmp_path / "shop.py").write_text("from latewood import *\n\n@asset\ndef orders(nothing) -> int:\n    return 1\n")
    with pytest.raises(DefinitionsInvalid) as refused:
        client.deploy("shop")
    (problem,) = refused.value.problems
    assert (problem.file, problem.line, "nothing" in problem.message) == ("shop.py", 3, True)


def test_an_answer_that_was_lost_is_asked_for_again_and_there_is_one_run(api, connect, workspace, load):
    deploy_loaded(workspace, load(SHOP))
    with on_loopback(Lossy(open_app(api.service), times=2)) as port:
        launched = connect(f"http://127.0.0.1:{port}").launch("orders")
    assert launched.repeated
    assert [fact.run for fact in facts_of(workspace.log) if isinstance(fact, RunRequested)] == [launched.run]


def test_what_has_no_key_is_not_sent_again_once_it_may_have_been_heard(api, connect, workspace, load):
    deploy_loaded(workspace, load(SHOP))
    mutation = 'mutation { launch(selection: "orders") { __typename } }'
    with on_loopback(Lossy(open_app(api.service), times=1)) as port, pytest.raises(ServerUnreachable):
        connect(f"http://127.0.0.1:{port}/graphql").query(mutation)
    assert len([fact for fact in facts_of(workspace.log) if isinstance(fact, RunRequested)]) == 1


def test_a_server_that_is_not_there_is_said_so(connect):
    client = connect("http://127.0.0.1:9/graphql", patience_s=0.5)
    with pytest.raises(ServerUnreachable, match="does not answer"):
        client.run("x")
    with pytest.raises(ServerUnreachable, match="does not answer"):
        client.wait("x")


@pytest.mark.parametrize("wrong", ["", "127.0.0.1:4000", "ftp://example.com", "https:///graphql"])
def test_what_is_no_address_of_a_server_is_said_so(wrong):
    for kind in (Client, AsyncClient):
        with pytest.raises(UsageError, match="expected the address of a server"):
            kind(wrong)


def test_an_address_where_something_else_is_served_is_said_so(connect, url):
    elsewhere = connect(url.replace("/graphql", "/healthz"))
    with pytest.raises(RequestRefused, match="expected the address of a `latewood server`") as refused:
        elsewhere.run("x")
    assert refused.value.kind in ("HTTP_405", "HTTP_200")
    with pytest.raises(RequestRefused, match="expected the address of a `latewood server`"):
        elsewhere.wait("x")


def test_a_token_is_sent_nowhere_else_and_shown_nowhere(workspace, connect, guarded_url):
    text = create_token(workspace, "ann", Role.VIEWER).text
    client = Client(guarded_url, token=text)
    assert text not in repr(client) + repr(client.at) + repr(vars(client))
    assert connect(guarded_url, token=text).query("{ server { actor } }")["server"]["actor"].startswith("ann")
    asked = []

    async def elsewhere(scope, receive, send):
        asked.append(dict(scope["headers"]))
        headers = [(b"location", guarded_url.encode())]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    with served(elsewhere) as there, pytest.raises(RequestRefused, match="307"):
        connect(there, token=text).run("x")
    assert len(asked) == 1


@contextmanager
def served(of):
    server = uvicorn.Server(uvicorn.Config(of, port=0, log_level="critical", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/graphql"
    finally:
        server.should_exit = True
        thread.join()


def test_a_token_that_is_revoked_ends_what_is_followed(workspace, connect, guarded_url, monkeypatch):
    monkeypatch.setattr(sending, "PING_S", 0.05)
    text = create_token(workspace, "ann", Role.VIEWER).text
    client = connect(guarded_url, token=text)
    note(workspace.log, [1])
    followed = client.tail(types=["test.noted"])
    assert numbers([next(followed)]) == [1]
    revoke_token(workspace, "ann")
    with pytest.raises(NotLetIn, match="revoked"):
        next(followed)
    with pytest.raises(NotLetIn, match="revoked"):
        client.run("x")


class Counting:
    """Counts answers by their status."""

    def __init__(self, inner):
        self.inner, self.state, self.statuses = inner, inner.state, Counter()

    async def __call__(self, scope, receive, send):
        async def counted(message):
            self.statuses[message.get("status")] += 1
            await send(message)

        await self.inner(scope, receive, counted)


def test_who_asks_too_often_waits_for_as_long_as_is_said(api, connect, workspace):
    text = create_token(workspace, "ann", Role.VIEWER).text
    counting = Counting(guarded(api, rate=2.0, burst=2.0))
    with on_loopback(counting) as port:
        address = f"http://127.0.0.1:{port}/graphql"
        patient, hasty = connect(address, token=text), connect(address, token=text, patience_s=0.3)
        for _ in range(4):
            assert patient.position() > 0
        assert 1 <= counting.statuses[429] <= 2  # it was told how long to wait, and did not ask meanwhile
        with suppress(TooMuch):
            for _ in range(3):
                hasty.position()
        with pytest.raises(TooMuch, match="too many requests"):
            hasty.position()


def test_a_storm_of_cut_connections_misses_nothing_and_has_nothing_twice(api, connect, monkeypatch):
    """Cut off in the middle of events, and by a ring that is far too small."""
    monkeypatch.setattr("latewood.client.answers.cut_off_s", lambda: 0.001)
    served_, count = open_app(api.service), 300
    served_.state.hub._ring = Ring(items=40)
    with on_loopback(Cutting(served_, random.Random(7))) as port:
        followed = connect(f"http://127.0.0.1:{port}").tail(types=["test.noted"])

        def write():
            for n in range(0, count, 10):
                note(api.workspace.log, range(n, n + 10), size=300)

        writer = threading.Thread(target=write)
        writer.start()
        assert numbers(taken(followed, count)) == list(range(count))
        writer.join()


SLOW = """
    import time

    @asset
    def slow() -> int:
        while not Path({gate!r}).exists():
            time.sleep(0.05)
        return 1
"""


def test_a_server_that_is_restarted_is_waited_for(environ, connect, workspace, load, within, tmp_path):  # noqa: F811
    gate = tmp_path / "gate"
    source = "    from pathlib import Path\n" + SLOW.format(gate=str(gate))
    deploy_loaded(workspace, load(source))
    with within(), ExitStack() as stack:
        port, first = _started(environ, stack)
        client = connect(f"http://127.0.0.1:{port}", patience_s=60.0)
        launched = client.launch("slow")
        noted, seen = [], []

        def restart():
            first.send_signal(signal.SIGTERM)
            first.wait(30)
            note(workspace.log, [2])  # while nobody serves
            _started(environ, stack, port=port)
            note(workspace.log, [3])
            gate.touch()

        def hear(progress):
            seen.append(progress.run.status)
            if len(seen) == 1:
                threading.Thread(target=restart).start()

        note(workspace.log, [1])
        done = client.wait(launched.run, progress=hear)
        assert done.status == "SUCCEEDED"
        assert seen[-1] == "SUCCEEDED"
        for event in client.tail(after=launched.position):
            noted += [event] * (event.type == "test.noted")
            if len(noted) == 3:
                break
        assert numbers(noted) == [1, 2, 3]


def _started(environ, stack, port=0):  # noqa: F811 - a fixture's value
    process = subprocess.Popen(
        [LATEWOOD, "server", "--port", str(port)], env=environ, stderr=subprocess.PIPE, text=True
    )

    def end():
        process.kill()
        process.wait()
        process.stderr.close()

    stack.callback(end)
    line = process.stderr.readline()
    assert "the API is at http://127.0.0.1:" in line, line + process.stderr.read()
    return int(line.rpartition(":")[2].removesuffix("/graphql\n").strip()), process


def test_who_follows_goes_on_with_the_next_server(api, connect):
    log = api.workspace.log
    note(log, [1, 2])
    with on_loopback(open_app(api.service)) as port:
        followed = connect(f"http://127.0.0.1:{port}").tail(types=["test.noted"])
        assert numbers([next(followed), next(followed)]) == [1, 2]
    note(log, [3])
    with on_loopback(open_app(api.service), port=port):
        note(log, [4])
        assert numbers([next(followed), next(followed)]) == [3, 4]
        followed.close()


@pytest.mark.parametrize("seconds", [0.3, 2.5])
def test_who_waits_for_so_long_waits_no_longer(client, workspace, load, seconds, monkeypatch):
    monkeypatch.setattr(sending, "PING_S", 1.2)  # there is always something to hear
    deploy_loaded(workspace, load(SHOP))
    launched = client.launch("orders")
    begun = time.monotonic()
    with pytest.raises(TimeoutError, match="the run goes on"):
        client.wait(launched.run, timeout_s=seconds)
    assert seconds <= time.monotonic() - begun < seconds + 1.0
