"""Logging in and out, for browsers: a token is shown once, and a cookie stands for it from then on."""

from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from latewood_eventlog.errors import DatabaseUnreachable
from latewood_graphql.authentication import Tokens, refuse_foreign_pages
from latewood_graphql.buckets import Guesses
from latewood_graphql.errors import Refused, unavailable
from latewood_graphql.gate import address_of, answer_of

_BYTES_MAX: Final = 4_096


class _Shown(msgspec.Struct):
    token: str


_decode: Final = msgspec.json.Decoder(_Shown).decode


def login_routes(tokens: Tokens, guesses: Guesses) -> list[Route]:
    """`POST /login` with `{"token": …}`, and `POST /logout`."""

    async def login(request: Request) -> Response:
        try:
            refuse_foreign_pages(request)
            shown = await _token_in(request)
            row = await run_in_threadpool(
                lambda: guesses.counted(address_of(request), f"Bearer {shown}", lambda: tokens.known(shown))
            )
        except Refused as refused:
            return answer_of(refused)
        except DatabaseUnreachable as error:
            return JSONResponse({"errors": [unavailable(error)]}, status_code=503)
        cookie, ends = tokens.session_by(row)
        project = None if row.everywhere else row.project
        response = JSONResponse({"name": row.name, "role": row.role, "project": project, "until": ends.isoformat()})
        response.set_cookie(tokens.cookie, cookie, expires=ends, **_attributes(request))
        return response

    async def logout(request: Request) -> Response:
        try:
            refuse_foreign_pages(request)
        except Refused as refused:
            return answer_of(refused)
        response = JSONResponse({})
        response.delete_cookie(tokens.cookie, **_attributes(request))
        return response

    return [Route("/login", login, methods=["POST"]), Route("/logout", logout, methods=["POST"])]


def _attributes(request: Request) -> dict[str, Any]:
    """Not for scripts, nor for requests from other sites; over HTTPS, for HTTPS alone."""
    return {"path": "/", "httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}


async def _token_in(request: Request) -> str:
    """The token that is shown. Raises Refused for a request of another shape."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BYTES_MAX:
            raise Refused("TOO_LARGE", f"expected at most {_BYTES_MAX:,} bytes")
    try:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise Refused("BAD_INPUT", "expected content of type application/json")
        return _decode(body).token
    except msgspec.DecodeError as error:
        raise Refused("BAD_INPUT", 'expected {"token": "…"}') from error
