"""Answering who asks an engine how it is: `/metrics` for Prometheus, `/health` for who restarts what hangs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

import msgspec

from latewood.errors import UsageError
from latewood.serving.log_lines import LOG
from latewood.serving.metrics import CONTENT_TYPE


class Health(NamedTuple):
    """Whether an engine does its work, and what there is to say of that."""

    is_well: bool
    facts: dict[str, Any]


LOOPBACK: Final = "127.0.0.1"


def address_of(text: str) -> tuple[str, int]:
    """Host and port of `9400`, which is of this computer alone, or `0.0.0.0:9400`. Raises UsageError."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 <= int(port) <= 65_535:  # noqa: PLR2004 - as many as there are
        raise UsageError(f'metrics "{text}": expected a port, as in 9400, or an address, as in 0.0.0.0:9400')
    return host or LOOPBACK, int(port)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Who asks has gone before the answer came: that is no matter of the engine's."""
        LOG.debug("metrics", exc_info=True)


@contextmanager
def answering(address: tuple[str, int], metrics: Callable[[], str], health: Callable[[], Health]) -> Iterator[int]:
    """Answer at this address meanwhile; the port, which for 0 is a free one. Raises UsageError where it is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for who connects and says nothing

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                try:
                    text = metrics()
                except Exception:  # noqa: BLE001 - whatever it is
                    LOG.exception("metrics")  # it is no end of the engine
                    self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", "the engine's log says why\n")
                else:
                    self._answer(HTTPStatus.OK, CONTENT_TYPE, text)
            elif path == "/health":
                found = health()
                status = HTTPStatus.OK if found.is_well else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, "application/json", msgspec.json.encode(found.facts).decode() + "\n")
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", "there are /metrics and /health\n")

        def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody wants a line for each scrape."""

    try:
        server = _Server(address, Handler)
    except OSError as error:
        where = f"{address[0]}:{address[1]}"
        raise UsageError(
            f"metrics cannot be served at {where}: {error.strerror or error}; name another port"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="latewood-metrics", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
