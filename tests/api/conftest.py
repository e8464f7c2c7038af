"""The API of a process, on a real database."""

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache

import pytest
from anyio.from_thread import start_blocking_portal
from starlette.testclient import TestClient

from crash.conftest import asked_for, environ, load, superuser_url, within, workspace  # noqa: F401 - fixtures
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog
from latewood_graphql.app import app
from latewood_graphql.authentication import Tokens, everybody_is
from latewood_graphql.calls import Service
from latewood_graphql.documents import Documents
from latewood_graphql.nodes.events import KNOWN
from latewood_graphql.schema import schema
from latewood_graphql.sessions import Sessions

SHOP = """
    @asset(group="raw", tags={"team": "sales"}, partitions=Daily("2026-01-01", end="2026-01-05"))
    def orders(partition: PartitionKey) -> int:
        return int(partition[-2:])

    @asset(group="reports", owners=["ann"], partitions=Daily("2026-01-01", end="2026-01-05"))
    def revenue(orders: int) -> int:
        return orders * 10

    @asset(group="reports")
    def total(revenue: Partitioned[int], *, unit: str = "euro") -> str:
        return f"{sum(value for _, value in revenue)} {unit}"

    @check(total)
    def is_some(total: str) -> CheckResult:
        return CheckResult(passed=total != "", message=total)
"""


def open_app(service, limits=None):
    """One that does what whoever reaches it asks."""
    return app(service, everybody_is(service.workspace.actor), limits)


@contextmanager
def in_one_loop(client):
    """The client, which else makes threads and an event loop for each request; nothing is served by it in between."""
    with start_blocking_portal(**client.async_backend) as portal:
        client.portal = portal
        yield client
        client.portal = None


@dataclass
class Api:
    """Asks, and has what was answered."""

    client: TestClient
    workspace: object
    service: Service

    def post(self, query, **variables):
        return self.client.post("/graphql/", json={"query": query, "variables": variables})

    def __call__(self, query, **variables):
        answer = self.post(query, **variables)
        found = answer.json()
        assert "errors" not in found, json.dumps(found["errors"], indent=1)
        return found["data"]

    def errors(self, query, **variables):
        return self.post(query, **variables).json()["errors"]

    def environment(self, asked, **variables):
        return self(f"{{ project {{ environment {{ {asked} }} }} }}", **variables)["project"]["environment"]


@cache
def documents():
    """What tests have asked so far."""
    return Documents(schema())


@pytest.fixture(autouse=True)
def read_once(monkeypatch):
    """A text that tests ask is parsed and validated once, whichever of their applications they ask."""
    monkeypatch.setattr("latewood_graphql.app.Documents", lambda _schema: documents())


@pytest.fixture(autouse=True)
def noted(monkeypatch):
    """Events that tests append are of a type that may be asked for."""
    monkeypatch.setattr("latewood_graphql.nodes.events.KNOWN", KNOWN | {"test.noted"})


@pytest.fixture
def reader(platform_url):
    log = EventLog(connect(platform_url, role="reader"), PROJECTIONS, UPCASTERS)
    yield log
    log.engine.dispose()


@pytest.fixture
def api(workspace, reader, platform_url):  # noqa: F811 - a fixture
    workspace = replace(workspace, url=platform_url)
    service = Service(workspace=workspace, reader=reader)
    with in_one_loop(TestClient(open_app(service))) as client:
        yield Api(client, workspace, service)


@pytest.fixture
def made(workspace, load):  # noqa: F811 - fixtures
    """Materializes what a source defines."""

    def make(source=SHOP, selection="*", **asked):
        return materialize(workspace, prepare(workspace, load(source), Asked(selection=selection, **asked)))

    return make


SESSIONS = Sessions(b"k" * 32)


@pytest.fixture
def serve(api):
    """A client of a server that knows tokens."""

    with ExitStack() as stack:

        def serving(*, is_local=False, limits=None, base_url="http://localhost", clock=None):
            there = replace(api.workspace, clock=clock or api.workspace.clock)
            tokens = Tokens(there, SESSIONS, is_local=is_local)
            client = TestClient(app(api.service, tokens, limits), base_url=base_url)
            return stack.enter_context(in_one_loop(client))

        yield serving
