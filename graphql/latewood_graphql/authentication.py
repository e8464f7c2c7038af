"""Who sends a request: by a token, by the session of a browser, or by nothing where nobody has to log in.

Another way to log in, such as OpenID Connect, is another `Authenticator`.
"""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final, Protocol
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from latewood.commands.tokens import access_is_configured, recognised, still_usable
from latewood.commands.workspace import Workspace
from latewood.projections.tokens import TokenRow
from latewood_graphql.access import Caller, Grant, owner
from latewood_graphql.advice import by_commands
from latewood_graphql.errors import NothingShown, Refused
from latewood_graphql.sessions import LASTING, Session, Sessions

CSRF: Final = "x-latewood-csrf"
"""A header with any value, which pages of other sites cannot send."""

_HANDED_ON: Final = frozenset({"forwarded", "x-forwarded-for", "x-real-ip", "via"})


class Authenticator(Protocol):
    """Says who sends a request."""

    def __call__(self, request: HTTPConnection, /) -> Caller:
        """Who sends it, by its headers; for requests and for connections that stay open. It is called in a thread.

        Raises Refused: UNAUTHENTICATED for nobody that is known, FORBIDDEN for a request that another site's page made.
        """
        ...

    def guessed(self, request: HTTPConnection, /) -> str:
        """What of it may be a guess at a secret; empty where nothing is, as in what this server has signed."""
        ...


def everybody_is(actor: str) -> Authenticator:
    """Nobody logs in: whoever reaches the server acts as this one, and may do everything."""
    return Everybody(owner(actor))


@dataclass(frozen=True, slots=True)
class Everybody:
    """Whoever sends a request is this one."""

    caller: Caller

    def __call__(self, _request: HTTPConnection, /) -> Caller:
        """As Authenticator has it."""
        return self.caller

    def guessed(self, _request: HTTPConnection, /) -> str:
        """As Authenticator has it: nothing is."""
        return ""


class Tokens:
    """By tokens: `Authorization: Bearer …`, or the cookie of who has logged in by one.

    With `is_local` the server is reached from this computer alone. As long as there never was a token, whoever is at it
    may do everything, as by the command line; from then on nobody without one.
    """

    def __init__(self, workspace: Workspace, sessions: Sessions, *, is_local: bool) -> None:
        self._workspace = workspace
        self._sessions = sessions
        self._is_open = is_local

    def __call__(self, request: HTTPConnection) -> Caller:
        """As Authenticator has it. Cost: a look for the token."""
        if "authorization" in request.headers:
            return caller_by(self.token_shown(request.headers["authorization"]))
        if self._is_open and not access_is_configured(self._workspace):
            refuse_foreign_pages(request)
            refuse_foreign_names(request)
            return owner(self._workspace.actor)
        self._is_open = False
        if (cookie := request.cookies.get(self._sessions.cookie)) is not None:
            refuse_foreign_pages(request, strictly=True)
            return caller_by(self._token_of_session(cookie))
        by_header = "send it as `Authorization: Bearer TOKEN`, or log in"
        raise NothingShown(f"expected a token: {'set LATEWOOD_TOKEN' if by_commands(request.headers) else by_header}")

    def guessed(self, request: HTTPConnection) -> str:
        """As Authenticator has it."""
        cookie = request.cookies.get(self._sessions.cookie, "")
        is_signed = bool(cookie) and self._sessions.read(cookie, self._workspace.clock()) is not None
        return request.headers.get("authorization") or ("" if is_signed else cookie)

    def token_shown(self, authorization: str) -> TokenRow:
        """The token that such a header shows. Raises Refused for one that is not there, or of no use any more."""
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Refused("UNAUTHENTICATED", "expected `Authorization: Bearer TOKEN`, found another scheme")
        return self.known(text.strip())

    def known(self, text: str) -> TokenRow:
        """The token that this is. Raises Refused as above."""
        row = recognised(self._workspace, text)
        if row is None:
            raise Refused("UNAUTHENTICATED", "the token is not known, or expired, or was revoked")
        return row

    @property
    def cookie(self) -> str:
        """The name of the cookie of sessions."""
        return self._sessions.cookie

    def session_by(self, row: TokenRow) -> tuple[str, datetime]:
        """The cookie of a session that begins now, and when it ends: with its token at the latest."""
        ends = min(self._workspace.clock() + LASTING, row.expires_at)
        return self._sessions.written(Session(project=row.project, token=row.token, expires_at=ends)), ends

    def _token_of_session(self, cookie: str) -> TokenRow:
        session = self._sessions.read(cookie, self._workspace.clock())
        row = still_usable(self._workspace, session.project, session.token) if session is not None else None
        if row is None:
            raise Refused("UNAUTHENTICATED", "the session is over: log in again")
        return row


def caller_by(row: TokenRow) -> Caller:
    """Who comes in by a token."""
    grant = Grant(role=row.role, project=None if row.everywhere else row.project)
    return Caller(actor=f"{row.name} (token {row.token})", grants=frozenset({grant}), token=row.token)


def refuse_foreign_pages(request: HTTPConnection, *, strictly: bool = False) -> None:
    """Raise Refused for what a page of another site made a browser send.

    Browsers say where a request comes from: in `Origin` whenever it could change anything, and in `Sec-Fetch-Site`.
    Who says neither is no browser, or, if one is `strict`, has to send a header that pages of others cannot.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is not None:
        is_own = _netloc(origin) == request.headers.get("host", "")
    elif site is not None:
        is_own = site in ("same-origin", "none")
    else:
        is_own = not strictly or CSRF in request.headers
    if not is_own:
        raise Refused("FORBIDDEN", f"expected a request from this server's own pages, or with the header {CSRF}")


def refuse_foreign_names(request: HTTPConnection) -> None:
    """Raise Refused for a server name that somebody else has made to lead here: its pages would pass for our own.

    And for what a proxy hands on: it comes from wherever the proxy is reached.
    """
    if not _HANDED_ON.isdisjoint(request.headers.keys()):
        raise Refused("FORBIDDEN", "expected no proxy before a server that lets in everybody: create a token first")
    host = request.headers.get("host", "")
    if not is_loopback(_hostname(host)):
        raise Refused("FORBIDDEN", f"expected to be called localhost or 127.0.0.1, found {host}")


def is_loopback(host: str) -> bool:
    """Whether a name or address is that of the computer itself, which is reached by it from nowhere else."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.removesuffix(".") == "localhost"


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc or None
    except ValueError:
        return None


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
