"""How subscriptions get to clients: server-sent events, and graphql-transport-ws."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from json import JSONDecodeError
from typing import Any, Final

import msgspec
from ariadne.asgi.handlers import GraphQLHTTPHandler, GraphQLTransportWSHandler
from ariadne.asgi.handlers.graphql_transport_ws import ClientContext
from ariadne.exceptions import HttpError
from ariadne.types import Operation
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from latewood_eventlog.errors import DatabaseUnreachable
from latewood_graphql.buckets import TooOften
from latewood_graphql.errors import Refused
from latewood_graphql.gate import caller_of, count, let_in, still_let_in
from latewood_graphql.live.asked import is_subscription
from latewood_graphql.live.channels import Item
from latewood_graphql.live.hub import Hub, Unanswered, errors_of

PING_S: Final = 15.0
"""Before anything on the way takes a quiet connection for a dead one."""

SEND_S: Final = 30.0
"""Who takes nothing for so long has gone."""

INIT_S: Final = 10.0
"""How long who opens a connection may take to say who they are."""

_FORBIDDEN: Final = 4403
_LATER: Final = 1013
"""What connections are closed with: of who may not, and of who may try again."""

_NOTHING: Final = b":\n\n"
"""What clients take no notice of. At first it says that nothing is missed from here on."""

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class EventStream(Response):
    """Server-sent events, as the protocol of `graphql-sse` has them in its distinct connections mode.

    `id` is what `after` takes, so that browsers go on by themselves with `Last-Event-ID`.
    """

    media_type = "text/event-stream"

    def __init__(self, request: Request, items: AsyncGenerator[Sequence[Item], None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._request = request
        self._items = items

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        """Until all is sent, or the client has gone."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        tasks = [asyncio.create_task(work) for work in (self._ping(send), self._send(send), _gone(receive))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            match task.exception():
                case None | TimeoutError():
                    pass
                case Refused() as refused:
                    await self._end(send, _frame(_told_of(refused)))
                case error:
                    raise error

    async def _send(self, send: Send) -> None:
        try:
            async with aclosing(self._items) as all_items:
                async for items in all_items:
                    await _sent(send, b"".join(map(_frame, items)) or _NOTHING)
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - its client is told whatever it is
            await self._end(send, _frame(_told_of(error)))
        else:
            await self._end(send)

    @staticmethod
    async def _end(send: Send, last: bytes = b"") -> None:
        await _sent(send, last + b"event: complete\ndata:\n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _ping(self, send: Send) -> None:
        while True:
            await asyncio.sleep(PING_S)
            await still_let_in(self._request)
            await _sent(send, _NOTHING)


def _told_of(error: Exception) -> Item:
    return Item(_encode({"errors": errors_of(error)}), "")


def _frame(item: Item) -> bytes:
    id_ = f"id: {item.after}\n".encode() if item.after else b""
    return b"event: next\n" + id_ + b"data: " + item.payload + b"\n\n"


async def _sent(send: Send, body: bytes) -> None:
    async with asyncio.timeout(SEND_S):
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def wants_events(request: Request) -> bool:
    """Whether the client takes server-sent events as an answer."""
    kinds = (kind.partition(";")[0].strip() for kind in request.headers.get("accept", "").split(","))
    return EventStream.media_type in kinds


async def event_stream(hub: Hub, http: GraphQLHTTPHandler, request: Request) -> Response:
    """The answer to a subscription, or to a query, whose one answer is the only event."""
    try:
        if request.method == "GET":  # as browsers' EventSource has it
            data: Any = http.extract_data_from_get_request(request)
        else:
            data = await http.extract_data_from_request(request)
    except HttpError as error:
        return PlainTextResponse(error.message or "expected a query", status_code=400)
    begin = request.headers.get("last-event-id") or None
    return EventStream(request, answers(hub, http, request, data, begin))


async def answers(
    hub: Hub, http: GraphQLHTTPHandler, request: HTTPConnection, data: Any, begin: str | None = None
) -> AsyncGenerator[Sequence[Item], None]:
    """Of a subscription as they come; the one to a query or mutation. Raises what `errors_of` tells."""
    if is_subscription(await run_in_threadpool(hub.documents.question, data)):
        async with aclosing(hub.follow(data, caller_of(request), begin)) as all_items:
            async for items in all_items:
                yield items
        return
    found: Any
    is_answer, found = await http.execute_graphql_query(request, data)
    if not is_answer:
        raise Unanswered(found["errors"])
    yield [Item(found, "")]


class Sockets(GraphQLTransportWSHandler):
    """graphql-transport-ws, whose subscriptions are the hub's."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(connection_init_wait_timeout=timedelta(seconds=INIT_S))
        self._hub = hub

    async def handle_websocket(self, websocket: WebSocket) -> None:
        """As the library, which does not expect messages that are none."""
        watch = asyncio.create_task(_watch(websocket))
        try:
            await super().handle_websocket(websocket)
        except (HttpError, JSONDecodeError, KeyError, AttributeError, TypeError):
            if websocket.application_state is not WebSocketState.DISCONNECTED:
                await websocket.close(code=4400)
        finally:
            watch.cancel()

    async def handle_websocket_connection_init_message(
        self, websocket: WebSocket, message: dict[str, Any], client_context: ClientContext
    ) -> None:
        """Who opened the connection may say here who they are, since browsers let no page send headers with one."""
        try:
            if (shown := _authorization(message)) is not None and not client_context.connection_init_received:
                await let_in(websocket, shown)
            caller_of(websocket)
        except Refused as refused:
            await websocket.close(code=_FORBIDDEN, reason=refused.code)
        except DatabaseUnreachable:
            await websocket.close(code=_LATER)
        else:
            await super().handle_websocket_connection_init_message(websocket, message, client_context)

    async def handle_websocket_subscribe(
        self, websocket: WebSocket, data: Any, operation_id: str, client_context: ClientContext
    ) -> None:
        """What is asked is answered beside all else that comes by the connection."""
        if not client_context.connection_acknowledged:
            await websocket.close(code=4401)
            return
        if operation_id in client_context.operations:
            await websocket.close(code=4409)
            return
        try:
            count(websocket)
        except TooOften as refused:
            told = {"type": "error", "id": operation_id, "payload": errors_of(refused)}
            await _told(websocket, _encode(told))
            return
        assert isinstance(self.http_handler, GraphQLHTTPHandler), "as it is made"
        items = answers(self._hub, self.http_handler, websocket, data)
        client_context.operations[operation_id] = Operation(id=operation_id, name=None, generator=items)
        client_context.operation_tasks[operation_id] = asyncio.create_task(
            self._follow(websocket, items, operation_id, client_context)
        )

    async def _follow(
        self, websocket: WebSocket, items: AsyncGenerator[Sequence[Item], None], id_: str, client_context: ClientContext
    ) -> None:
        name = _encode(id_)
        try:
            try:
                async with aclosing(items) as all_items:
                    async for several in all_items:
                        for item in several:
                            await _told(
                                websocket, b'{"type":"next","id":' + name + b',"payload":' + item.payload + b"}"
                            )
                await _told(websocket, b'{"type":"complete","id":' + name + b"}")
            except TimeoutError:
                await websocket.close(code=_LATER)
            except Exception as error:  # noqa: BLE001 - its client is told whatever it is
                told = _encode(errors_of(error))
                await _told(websocket, b'{"type":"error","id":' + name + b',"payload":' + told + b"}")
        finally:
            client_context.operations.pop(id_, None)
            client_context.operation_tasks.pop(id_, None)


def _authorization(message: Mapping[str, Any]) -> str | None:
    """What the payload of connection_init has in place of the header, whatever case it is written in."""
    payload = message.get("payload")
    said = {name.lower(): value for name, value in payload.items()} if isinstance(payload, dict) else {}
    shown = said.get("authorization")
    return shown if isinstance(shown, str) else None


async def _watch(websocket: WebSocket) -> None:
    """Close the connection once who opened it would not be let in any more."""
    while True:
        await asyncio.sleep(PING_S)
        try:
            await still_let_in(websocket)
        except Refused as refused:
            await websocket.close(code=_FORBIDDEN, reason=refused.code)
            return


async def _told(websocket: WebSocket, text: bytes) -> None:
    async with asyncio.timeout(SEND_S):
        await websocket.send_text(text.decode())
