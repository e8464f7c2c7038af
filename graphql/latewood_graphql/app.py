"""The web application: GraphQL, and what those who run it ask for."""

from ariadne.asgi import GraphQL
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from latewood_eventlog.errors import LogError
from latewood_graphql.access import owner
from latewood_graphql.calls import Service, opened
from latewood_graphql.errors import LOG
from latewood_graphql.gate import Authenticator, Gate, everybody_is
from latewood_graphql.limits import Limits
from latewood_graphql.schema import schema
from latewood_graphql.transport import Answering


def app(service: Service, limits: Limits | None = None, authenticator: Authenticator | None = None) -> Starlette:
    """The application of one process. Without an authenticator whoever reaches it may do everything."""
    known = authenticator or everybody_is(service.workspace.actor)
    answering = Answering(service, limits or Limits())

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

    return Starlette(
        routes=[
            Mount("/graphql", GraphQL(schema(), http_handler=answering, explorer=None)),
            Route("/healthz", healthy),
            Route("/readyz", ready),
        ],
        middleware=[Middleware(Gate, known), Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=4)],
    )
