"""The web application: GraphQL, pages for browsers, and what those who run it ask for."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ariadne.asgi import GraphQL
from ariadne.explorer import ExplorerHttp405
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from latewood.errors import LatewoodError
from latewood.serving.metrics import CONTENT_TYPE
from latewood_eventlog.errors import LogError
from latewood_graphql.access import owner
from latewood_graphql.authentication import Authenticator, Tokens
from latewood_graphql.buckets import Guesses
from latewood_graphql.calls import Service, opened
from latewood_graphql.documents import Documents
from latewood_graphql.errors import LOG
from latewood_graphql.gate import Gate
from latewood_graphql.limits import Limits
from latewood_graphql.live.hub import Hub
from latewood_graphql.live.sending import Sockets
from latewood_graphql.login import login_routes
from latewood_graphql.measures import Measured, Measures
from latewood_graphql.schema import FILE, schema
from latewood_graphql.subscriptions import SOURCES
from latewood_graphql.transport import Answering
from latewood_graphql.web.files import HERE, Files, Secured, interface


def app(service: Service, known: Authenticator, limits: Limits | None = None, processes: int = 1) -> Starlette:
    """The application of one process, for who is `known`; so many `processes` answer at its address."""
    limits = limits or Limits()
    measures, guesses = Measures(), Guesses(processes)
    of = schema()
    documents = Documents(of)
    hub = Hub(service, documents, SOURCES, limits)
    graphql = GraphQL(
        of,
        http_handler=Answering(service, documents, limits, hub),
        websocket_handler=Sockets(hub),
        explorer=ExplorerHttp405(),
        execute_get_queries=True,
    )
    asked = _Asked(Gate(graphql, known, limits, guesses))

    def ready(_request: Request) -> Response:
        """Whether the database answers; in a thread, since it is waited for."""
        try:
            with opened(service, owner(service.workspace.actor)):
                return PlainTextResponse("ready\n")
        except LogError as error:
            LOG.warning("not ready: %s", error)
            return PlainTextResponse("the database cannot be reached\n", status_code=503)

    async def healthy(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def told(_request: Request) -> Response:
        """What can be asked, which is no secret: it is the same wherever this is installed."""
        return FileResponse(FILE, media_type="text/plain")

    async def measured(_request: Request) -> Response:
        return PlainTextResponse(measures.text(), media_type=CONTENT_TYPE)

    routes: list[BaseRoute] = [
        Route("/graphql", asked),
        WebSocketRoute("/graphql", asked),
        Mount("/graphql", asked),
        Route("/schema.graphql", told),
        Route("/healthz", healthy),
        Route("/readyz", ready),
        Route("/metrics", Gate(request_response(measured), known, limits, guesses)),
        *(login_routes(known, guesses) if isinstance(known, Tokens) else ()),
        Mount("/explorer", Files(HERE / "explorer")),
        Mount("/", Files(interface(), index=True)),
    ]
    middleware = [
        Middleware(Measured, measures),
        Middleware(Secured),
        Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=4),
    ]

    @asynccontextmanager
    async def lifespan(_of: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=look_ahead, args=(service,), name="latewood-first-look", daemon=True).start()
        yield

    found = Starlette(routes=routes, middleware=middleware, lifespan=lifespan)
    found.state.hub = hub
    return found


def look_ahead(service: Service) -> None:
    """Read what the first page shows before somebody opens it: of ten thousand assets that takes a second.

    Who asks meanwhile waits for it, and reads nothing twice. What cannot be read is said to who asks for it.
    """
    there = service.workspace
    with suppress(LogError, LatewoodError), opened(service, owner(there.actor)) as call:
        call.project(there.project, None).environment(there.environment).assessment  # noqa: B018 - is remembered


class _Asked:
    """The API, or for who comes to it with a browser the page that asks it, which says nothing of any project."""

    def __init__(self, api: ASGIApp) -> None:
        self._api = api
        self._page = Files(HERE / "explorer")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        is_visit = scope["type"] == "http" and scope["method"] == "GET"
        if is_visit and "text/html" in Headers(scope=scope).get("accept", ""):
            page = await self._page.get_response("index.html", scope)
            await page(scope, receive, send)
        else:
            await self._api(scope, receive, send)
