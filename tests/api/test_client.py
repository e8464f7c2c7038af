"""The Python client, over a real port."""

import threading
from contextlib import contextmanager

import pytest
import uvicorn
from graphql import parse, validate

from api.conftest import SHOP
from crash.conftest import (
    facts_of,
    within,  # noqa: F401 - a fixture
)
from latewood.client import DOCUMENTS, Client, RequestRefused, ServerUnreachable
from latewood.commands.deploying import deploy_loaded
from latewood.events import RunRequested
from latewood_graphql.app import app
from latewood_graphql.schema import schema


class Lossy:
    """Carries out what it is asked and does not answer, so many times."""

    def __init__(self, inner, times):
        self.inner, self.left = inner, times

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


@contextmanager
def served(of):
    server = uvicorn.Server(uvicorn.Config(of, port=0, log_level="critical", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        threading.Event().wait(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/graphql"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def client(api):
    with served(app(api.service)) as url:
        yield Client(url, patience_s=20.0)


def test_what_it_asks_is_in_the_schema():
    for document in DOCUMENTS:
        assert validate(schema(), parse(document)) == []


def test_a_run_is_previewed_launched_waited_for_and_seen(client, workspace, load, within):  # noqa: F811 - a fixture
    deploy_loaded(workspace, load(SHOP))
    preview = client.preview("orders", partition="2026-01-01..2026-01-02")
    assert (preview.steps, preview.counts["run"], preview.refusal) == (2, 2, "")
    seen = []
    with within():
        launched = client.launch("orders", partition="2026-01-01..2026-01-02", approved=preview)
        done = client.wait(launched.run, timeout_s=60, progress=seen.append)
    assert (done.status, done.counts["ran"], seen[-1]) == ("SUCCEEDED", 2, done)
    assert client.launch("orders", partition="2026-01-01").run == ""
    events = list(client.tail(after=launched.position - 1, follow=False))
    assert [event["type"] for event in events][-1] == "run.ended"
    assert client.lineage("orders")["upstream"] == []


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
        (lambda: client.launch("totl"), "AssetNotFound"),
        (lambda: client.launch("orders", approved=stale), "PlanChanged"),
        (lambda: client.launch_plan("nightly"), "LaunchPlanNotFound"),
        (lambda: client.cancel("zzzz"), "RunNotFound"),
        (lambda: client.retry("zzzz"), "RunNotFound"),
        (lambda: client.report("orders", "v1"), "InvalidInput"),
        (lambda: client.preview("totl"), "BAD_INPUT"),
        (lambda: client.query("{ nothing }"), "INVALID_QUERY"),
    ):
        with pytest.raises(RequestRefused) as refused:
            ask()
        assert refused.value.kind == kind


def test_an_answer_that_was_lost_is_asked_for_again_and_there_is_one_run(api, workspace, load):
    deploy_loaded(workspace, load(SHOP))
    with served(Lossy(app(api.service), times=2)) as url:
        launched = Client(url, patience_s=20.0).launch("orders")
    assert launched.repeated
    assert [fact.run for fact in facts_of(workspace.log) if isinstance(fact, RunRequested)] == [launched.run]


def test_a_server_that_is_not_there_is_said_so():
    with pytest.raises(ServerUnreachable, match="does not answer"):
        Client("http://127.0.0.1:9/graphql", patience_s=0.5).run("x")
