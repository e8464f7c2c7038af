"""The gate that every request passes: who sends it is found out once, before anything is done for it."""

from typing import Any, Final, Protocol

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from latewood_graphql.access import Caller, owner

_CALLER: Final = "latewood.caller"


class Authenticator(Protocol):
    """Says who sends a request. This is where other ways to log in come in, such as OpenID Connect."""

    def __call__(self, request: HTTPConnection) -> Caller:
        """Who sends it, by its headers. Called in a thread. Raises Refused."""
        ...


def everybody_is(actor: str) -> Authenticator:
    """Nobody logs in: whoever reaches the server acts as this one, and may do everything."""
    caller = owner(actor)
    return lambda _request: caller


def caller_of(request: Any) -> Caller:
    """Who sends a request or opened a connection that has passed the gate."""
    found: Caller = request.scope[_CALLER]
    return found


class Gate:
    """Lets in who is known."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] in ("http", "websocket"):
            scope[_CALLER] = self._authenticator(HTTPConnection(scope))
        await self._app(scope, receive, send)
