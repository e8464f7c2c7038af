"""What a server counts of itself, as `/metrics` tells it: of the process that answers."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latewood.serving.metrics import Distribution, Family, exposition, histogram

_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Measures:
    """Requests by status, how long their answers took, and connections that are open."""

    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()
        self.durations = Distribution(_BOUNDS)
        self.open = 0

    def text(self) -> str:
        """All of it, in the format that Prometheus reads. Each of several processes tells of its own."""
        return exposition(self._families(), {"pid": str(os.getpid())})

    def _families(self) -> Iterator[Family]:
        counted = [("", {"status": str(status)}, float(count)) for status, count in sorted(self.requests.items())]
        yield Family("latewood_server_requests_total", "counter", "Requests that were answered.", counted)
        yield histogram("latewood_server_request_seconds", "How long requests took.", self.durations)
        yield Family("latewood_server_open", "gauge", "Requests under way.", [("", {}, float(self.open))])


class Measured:
    """Counts what passes."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._measures.open += 1
        try:
            await self._app(scope, receive, sending)
        finally:
            self._measures.open -= 1
            self._measures.requests[status] += 1
            self._measures.durations.observe(time.perf_counter() - began)
