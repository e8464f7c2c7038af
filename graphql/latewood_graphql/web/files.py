"""Files for browsers, and the headers that every answer has."""

from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latewood_ui import STATIC

HERE: Final = Path(__file__).parent

# Nothing is run, shown or asked that is not this server's own; what is written in a page is no script.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ASKED_FOR: Final = "no-cache"
"""Files may be kept, and are asked for by their ETag before they are used."""

_KEPT: Final = "public, max-age=31536000, immutable"
"""What is named by its content is never asked for again."""

_NAMED_BY_CONTENT: Final = "_app/"
"""Where the interface has such files; they are no paths of pages."""


class Secured:
    """Gives every answer the headers that tell browsers what not to do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")  # what files do not say is about data
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        await self._app(scope, receive, sending)


class Files(StaticFiles):
    """The files of a folder, with ETags; with `index` that page stands for every path that is none of them."""

    def __init__(self, folder: Path, *, index: bool = False) -> None:
        super().__init__(directory=folder, html=index)
        self._has_index = index

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; 304 for one that the browser has."""
        is_named_by_content = self._has_index and path.startswith(_NAMED_BY_CONTENT)
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != HTTPStatus.NOT_FOUND or not self._has_index or is_named_by_content:
                raise
            response = await super().get_response("index.html", scope)
        response.headers["Cache-Control"] = _KEPT if is_named_by_content else _ASKED_FOR
        return response


def interface() -> Path:
    """The folder of the user interface if it was built; else that of a page that says how it is."""
    return STATIC if (STATIC / "index.html").is_file() else HERE / "start"
