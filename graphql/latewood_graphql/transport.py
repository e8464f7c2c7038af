"""GraphQL over HTTP: each call is answered in a thread of its own, from one snapshot of the database."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any, Final

import msgspec
from anyio import CapacityLimiter, to_thread
from ariadne import graphql
from ariadne.asgi.handlers import GraphQLHTTPHandler
from ariadne.exceptions import HttpBadRequestError
from graphql import DocumentNode, GraphQLError, GraphQLSchema
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from latewood_eventlog.errors import DatabaseUnreachable, TookTooLong
from latewood_graphql.access import Caller
from latewood_graphql.calls import Call, Service, opened
from latewood_graphql.documents import Documents
from latewood_graphql.errors import formatted, unavailable
from latewood_graphql.execution import Execution, is_awaitable
from latewood_graphql.gate import caller_of
from latewood_graphql.limits import Limits, check
from latewood_graphql.live.hub import Hub
from latewood_graphql.live.sending import event_stream, wants_events

_QUIET: Final = logging.getLogger("latewood.server.queries")  # what there is to tell of errors their formatting tells
_QUIET.setLevel(logging.CRITICAL + 1)

THREADS: Final = 8
"""Calls that are answered at a time, each with a connection; most wait for the database now and then."""

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class Answering(GraphQLHTTPHandler):
    """Answers queries and mutations.

    What reads the database waits for it, so a call runs in a thread, in an event loop of its own: there its loaders
    gather what its fields ask for at the same time.
    """

    def __init__(self, service: Service, schema: GraphQLSchema, limits: Limits, hub: Hub | None = None) -> None:
        super().__init__()
        self._service = service
        self._schema = schema
        self._limits = limits
        self._documents = Documents(schema)
        self._turns = CapacityLimiter(THREADS)
        self._hub = hub

    async def handle_request_override(self, request: Request) -> Response | None:
        """The answer to who takes server-sent events; None for others."""
        if self._hub is None or not wants_events(request):
            return None
        return await event_stream(self._hub, self, request)

    async def extract_data_from_json_request(self, request: Request) -> Any:
        """The request's JSON. Raises HttpBadRequestError."""
        try:
            return _decode(await request.body())
        except (msgspec.DecodeError, RecursionError):
            raise HttpBadRequestError("expected JSON: an object with `query` and perhaps `variables`") from None
        except ClientDisconnect:
            raise HttpBadRequestError("the client has gone") from None

    async def execute_graphql_query(
        self,
        request: Any,
        data: Any,
        *,
        context_value: Any = None,  # noqa: ARG002 - the overridden method's
        query_document: DocumentNode | None = None,  # noqa: ARG002 - as above
    ) -> tuple[bool, Any]:
        """Whether all went well, and the answer."""
        return await to_thread.run_sync(self.answer, data, caller_of(request), limiter=self._turns)

    def answer(self, data: Any, caller: Caller) -> tuple[bool, dict[str, Any]]:
        """The same, in this thread."""
        try:
            call, success, found = self._answered(data, caller, {})
            while call.has_moved and not call.has_acted:
                call, success, found = self._answered(data, caller, call.prepared)
            extensions = {**found.get("extensions", {}), "position": call.position}
            return success, {**found, "extensions": extensions}
        except DatabaseUnreachable as error:
            return False, {"errors": [unavailable(error)]}
        except TookTooLong as error:
            return False, {"errors": [formatted(GraphQLError("", original_error=error))]}
        except GraphQLError as error:  # its text is none of a query
            return False, {"errors": [formatted(error)]}

    def _answered(self, data: Any, caller: Caller, prepared: Mapping[Any, Any]) -> tuple[Call, bool, dict[str, Any]]:
        limit = timedelta(seconds=self._limits.seconds)
        with opened(self._service, caller, limit, prepared) as call, closing(asyncio.new_event_loop()) as loop:
            success, found = loop.run_until_complete(self._executed(data, call))
            return call, success, found

    def _executed(self, data: Any, call: Call) -> Any:
        def within_limits(_context: Any, document: DocumentNode, data: Any) -> list[Any]:
            check(document, data.get("variables") or {}, self._limits)
            return []

        text = data.get("query") if isinstance(data, dict) else None
        document = self._documents.read(text) if isinstance(text, str) else None
        return graphql(
            self._schema,
            data,
            context_value=call,
            query_document=None if document is None else document.node,
            query_validator=None if document is None else lambda *_, **__: list(document.errors),
            validation_rules=within_limits,
            error_formatter=formatted,
            logger=_QUIET,
            is_awaitable=is_awaitable,
            execution_context_class=Execution,
        )

    async def create_json_response(self, request: Request, result: Any, success: bool) -> Response:  # noqa: ARG002, FBT001 - the overridden method's
        """The answer as it is sent: 200 whenever there is data, else 400, or 503 without a database."""
        codes = {error.get("extensions", {}).get("code") for error in result.get("errors", ())}
        status = 200 if success or result.get("data") is not None else 503 if "UNAVAILABLE" in codes else 400
        return Response(_encode(result), status_code=status, media_type="application/json")
