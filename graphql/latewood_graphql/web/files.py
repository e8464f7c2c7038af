"""Files for browsers, and the headers that every answer has."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
_FRESH_MAX: Final = "no-cache"
"""Files may be kept, and are asked for by their ETag before they are used."""


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
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or not self._has_index or "." in path.rpartition("/")[2]:  # noqa: PLR2004 - not found
                raise
            response = await super().get_response("index.html", scope)
        response.headers["Cache-Control"] = _FRESH_MAX
        return response


def interface() -> Path:
    """The folder of the user interface, if it is installed; else that of a page that says what there is."""
    found = find_spec("latewood_ui")
    built = Path(found.submodule_search_locations[0]) / "dist" if found and found.submodule_search_locations else None
    return built if built is not None and built.is_dir() else HERE / "start"
