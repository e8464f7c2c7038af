"""The gate that every request passes which is answered with anything of a project.

Who sends it is found out once, before anything is done for it; how much and how often somebody sends is bounded.
"""

from collections.abc import Callable
from math import ceil
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latewood_eventlog.errors import DatabaseUnreachable
from latewood_graphql.access import Caller
from latewood_graphql.authentication import Authenticator
from latewood_graphql.buckets import Buckets, Guesses, TooOften
from latewood_graphql.errors import Refused, unavailable
from latewood_graphql.limits import Limits

_CALLER: Final = "latewood.caller"
_AGAIN: Final = "latewood.authenticator"
_CALLS: Final = "latewood.calls"
_GUESSES: Final = "latewood.guesses"
_STATUS: Final = {
    "BAD_INPUT": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "TOO_LARGE": 413,
    "TOO_MANY": 429,
    "UNAVAILABLE": 503,
}
_REFUSED: Final = 1008
"""What a connection is closed with that breaks the rules."""


class TooLarge(Exception):
    """More is sent than is taken."""


class Gate:
    """Lets in who is known, with requests of a bounded size, so and so often."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, limits: Limits, guesses: Guesses) -> None:
        self._app = app
        self._authenticator = authenticator
        self._limits = limits
        self._calls = Buckets(limits.rate, limits.burst)
        self._guesses = guesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        refusal = self._too_large(request.headers) or await self._refusal(request)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
            return
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, self._bounded(receive) if scope["type"] == "http" else receive, sending)
        except TooLarge:
            if not has_begun:
                await _refuse(self._larger(), scope, receive, send)

    async def _refusal(self, request: HTTPConnection) -> Response | None:
        """Why it is not let in; None if it is."""
        request.scope.update({_CALLER: None, _AGAIN: self._authenticator, _CALLS: self._calls, _GUESSES: self._guesses})
        may_say_later = _may_say_later(request)
        shown = "" if may_say_later else self._authenticator.guessed(request)
        try:
            request.scope[_CALLER] = await _looked(request, shown, lambda: self._authenticator(request))
            count(request)
        except Refused as refused:
            return None if refused.code == "UNAUTHENTICATED" and may_say_later else answer_of(refused)
        except DatabaseUnreachable as error:
            return JSONResponse({"errors": [unavailable(error)]}, status_code=503)
        return None

    def _too_large(self, headers: Headers) -> Response | None:
        length = headers.get("content-length", "")
        return self._larger() if length.isdecimal() and int(length) > self._limits.request_bytes else None

    def _larger(self) -> Response:
        return answer_of(Refused("TOO_LARGE", f"expected at most {self._limits.request_bytes:,} bytes"))

    def _bounded(self, receive: Receive) -> Receive:
        """The same messages. Raises TooLarge for what does not say beforehand how large it is."""
        left = self._limits.request_bytes

        async def received() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise TooLarge
            return message

        return received


def _may_say_later(request: HTTPConnection) -> bool:
    """Whether it opens a connection and says nothing of who does: browsers can do so only by what they send then."""
    return request.scope["type"] == "websocket" and "authorization" not in request.headers


def caller_of(request: Any) -> Caller:
    """Who sends a request or opened a connection that has passed the gate.

    Raises Refused for a connection whose opener has not said so yet.
    """
    found: Caller | None = request.scope[_CALLER]
    if found is None:
        raise Refused("UNAUTHENTICATED", "expected a token: send it with connection_init, as its `Authorization`")
    return found


async def let_in(connection: HTTPConnection, authorization: str) -> None:
    """Take who opened a connection for who can send such a header. Raises Refused, DatabaseUnreachable."""
    kept = [(name, value) for name, value in connection.scope["headers"] if name != b"authorization"]
    headers = [*kept, (b"authorization", authorization.encode("latin-1", "replace"))]
    again = HTTPConnection({**connection.scope, "headers": headers})
    known: Authenticator = connection.scope[_AGAIN]
    caller = await _looked(connection, known.guessed(again), lambda: known(again))
    connection.scope.update({"headers": headers, _CALLER: caller})


async def _looked(connection: HTTPConnection, shown: str, look: Callable[[], Caller]) -> Caller:
    """Who it is by what is shown, looked up in another thread. Raises Refused."""
    guesses: Guesses = connection.scope[_GUESSES]
    return await run_in_threadpool(guesses.counted, address_of(connection), shown, look)


def count(request: HTTPConnection, times: int = 1) -> None:
    """Count what a request asks, or a message on a connection that stays open. Raises TooOften."""
    token, calls = caller_of(request).token, request.scope[_CALLS]
    if token is not None and (waits := calls.take(token, times)):
        raise TooOften(waits)


def let_in_again(request: HTTPConnection) -> None:
    """Raises Refused if who sent it, and is still being answered, would not be let in any more as the same caller.

    It looks at the database, in this thread.
    """
    try:
        # Anew: who opened a connection may have said later who they are.
        caller = request.scope[_AGAIN](HTTPConnection(request.scope))
    except DatabaseUnreachable:
        return  # nobody knows; what is answered comes from the database, too
    if caller != caller_of(request):
        raise Refused("FORBIDDEN", "what you may see has changed; subscribe again")


async def still_let_in(request: HTTPConnection) -> None:
    """The same, in another thread."""
    await run_in_threadpool(let_in_again, request)


def answer_of(refused: Refused) -> JSONResponse:
    """What who is not let in hears, in the form of every other error."""
    headers = {"WWW-Authenticate": "Bearer"} if refused.code == "UNAUTHENTICATED" else {}
    if isinstance(refused, TooOften):
        headers["Retry-After"] = str(ceil(refused.waits))
    error = {"message": refused.message, "extensions": {"code": refused.code}}
    return JSONResponse({"errors": [error]}, status_code=_STATUS[refused.code], headers=headers)


def address_of(request: HTTPConnection) -> str:
    """Where a request comes from."""
    return request.client.host if request.client is not None else ""


async def _refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await response(scope, receive, send)
    else:
        await receive()  # what asks for the connection
        await send({"type": "websocket.close", "code": _REFUSED, "reason": ""})
