"""GraphQL over HTTP: each call is answered in a thread of its own, from one snapshot of the database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec
from anyio import CapacityLimiter, to_thread
from ariadne.asgi.handlers import GraphQLHTTPHandler
from ariadne.exceptions import HttpBadRequestError
from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationType, execute
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response

from latewood_eventlog.errors import DatabaseUnreachable, TookTooLong
from latewood_graphql.access import Caller
from latewood_graphql.advice import advising
from latewood_graphql.calls import Call, Service, opened
from latewood_graphql.documents import Documents, Invalid, Question
from latewood_graphql.errors import Refused, cause_of, formatted, unavailable, unsure
from latewood_graphql.execution import Execution, is_awaitable
from latewood_graphql.gate import caller_of, count, let_in_again
from latewood_graphql.limits import Limits, check, mutations_in
from latewood_graphql.live.hub import Hub
from latewood_graphql.live.sending import event_stream, wants_events

THREADS: Final = 8
"""Calls that are answered at a time, each with a connection; most wait for the database now and then."""

_THREADS_OF_ONE: Final = 3
"""Calls by one token that are answered at a time: the rest is for others."""

_JSON: Final = "application/json"
_STATUS: Final = {"UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE, "TOO_MANY": HTTPStatus.TOO_MANY_REQUESTS}

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks, from where, and by which way."""

    caller: Caller
    again: Callable[[], None]
    """Raises Refused if they may no more."""
    count: Callable[[int], None]
    """Counts what they do besides. Raises TooOften."""
    may_act: bool = True


class Answering(GraphQLHTTPHandler):
    """Answers queries and mutations.

    What reads the database waits for it, so a call runs in a thread, in an event loop of its own: there its loaders
    gather what its fields ask for at the same time.
    """

    def __init__(self, service: Service, documents: Documents, limits: Limits, hub: Hub | None = None) -> None:
        super().__init__()
        self._service = service
        self._documents = documents
        self._limits = limits
        self._turns = CapacityLimiter(THREADS)
        self._turns_of = WeakValueDictionary[str, CapacityLimiter]()
        self._hub = hub

    async def handle_request_override(self, request: Request) -> Response | None:
        """The answer to who takes server-sent events, sends what is no JSON, or asks nothing; None for others."""
        if request.method == "POST" and request.headers.get("content-type", "").partition(";")[0].strip() != _JSON:
            return PlainTextResponse(f"expected content of type {_JSON}", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        if self._hub is not None and wants_events(request):
            return await event_stream(self._hub, self, request)
        if request.method == "GET" and not request.query_params.get("query"):
            said = f"expected a question: by POST as {_JSON}, or as `query` of the address"
            return PlainTextResponse(said, HTTPStatus.BAD_REQUEST)
        return None

    async def extract_data_from_json_request(self, request: Request) -> Any:
        """The request's JSON. Raises HttpBadRequestError."""
        try:
            return _read(await request.body())
        except ClientDisconnect:
            raise HttpBadRequestError("the client has gone") from None

    def extract_data_from_get_request(self, request: Request) -> dict[str, Any]:
        """What an address asks. Raises HttpBadRequestError."""
        given = request.query_params
        variables = _read(given["variables"]) if given.get("variables") else None
        return {"query": given.get("query"), "operationName": given.get("operationName"), "variables": variables}

    async def execute_graphql_query(
        self,
        request: Any,
        data: Any,
        *,
        context_value: Any = None,  # noqa: ARG002 - the overridden method's
        query_document: DocumentNode | None = None,  # noqa: ARG002 - as above
    ) -> tuple[bool, Any]:
        """Whether there is an answer at all, and the answer as JSON; or else what there is in its place."""
        caller = caller_of(request)
        asking = Asking(
            caller=caller,
            again=partial(let_in_again, request),
            count=partial(count, request),
            may_act=not _is_get(request),
        )
        with advising(request.headers):
            if caller.token is None:  # whoever is at this computer is alone there
                return await to_thread.run_sync(self.answer, data, asking, limiter=self._turns)
            async with self._turns_of.setdefault(caller.token, CapacityLimiter(_THREADS_OF_ONE)):
                return await to_thread.run_sync(self.answer, data, asking, limiter=self._turns)

    def answer(self, data: Any, asking: Asking) -> tuple[bool, Any]:
        """The same, in this thread: as JSON, since writing a large one takes long, or as what there is in its place."""
        try:
            question = self._question(data, asking)
            call, found = self._answered(question, asking, {})
            while call.has_moved and not call.has_acted:
                call, found = self._answered(question, asking, call.prepared)
        except Invalid as error:
            return False, {"errors": [formatted(each) for each in error.errors]}
        except DatabaseUnreachable as error:
            return False, {"errors": [unavailable(error)]}
        except TookTooLong as error:
            return False, {"errors": [formatted(GraphQLError("", original_error=error))]}
        except GraphQLError as error:
            return False, {"errors": [formatted(error)]}
        lost = (cause for each in found.errors or () if isinstance(cause := cause_of(each), DatabaseUnreachable))
        if not call.has_acted and (gone := next(lost, None)) is not None:  # what follows cannot be read either
            return False, {"errors": [unavailable(gone)]}
        if found.data is None and found.errors and all(error.path is None for error in found.errors):
            return False, {"errors": [formatted(error) for error in found.errors]}  # variables that are none of it
        told: dict[str, Any] = {"data": found.data, "extensions": {"position": call.position}}
        if found.errors:
            told["errors"] = [(unsure if call.has_acted else formatted)(error) for error in found.errors]
        return True, _encode(told)

    def _question(self, data: Any, asking: Asking) -> Question:
        """What is asked, if it may be. Raises GraphQLError and Invalid."""
        question = self._documents.question(data)
        kind = question.operation.operation
        if kind is OperationType.SUBSCRIPTION:
            raise GraphQLError(
                "expected a query or mutation: subscriptions go by server-sent events (`Accept: text/event-stream`) "
                "or a web socket"
            )
        if kind is OperationType.MUTATION and not asking.may_act:
            raise Refused("BAD_INPUT", "expected a query or subscription: what is to be done is sent by POST")
        check(self._documents, question, self._limits)
        if (done := mutations_in(question)) > 1:
            asking.count(done - 1)
        return question

    def _answered(
        self, question: Question, asking: Asking, prepared: Mapping[Any, Any]
    ) -> tuple[Call, ExecutionResult]:
        limit = timedelta(seconds=self._limits.seconds)
        with opened(self._service, asking.caller, limit, prepared, asking.again) as call:
            return call, call.carried_out(self._executed(question, call))

    async def _executed(self, question: Question, call: Call) -> ExecutionResult:
        found = execute(
            self._documents.schema,
            question.document,
            context_value=call,
            variable_values=dict(question.variables),
            operation_name=question.name,
            execution_context_class=Execution,
            is_awaitable=is_awaitable,
        )
        return found if isinstance(found, ExecutionResult) else await found

    async def create_json_response(self, request: Request, result: Any, success: bool) -> Response:  # noqa: ARG002, FBT001 - the overridden method's
        """The answer as it is sent: 200 where there is one, else 400, 429 or, without a database, 503."""
        status = HTTPStatus.OK
        if not success:
            codes = (error.get("extensions", {}).get("code") for error in result.get("errors", ()))
            status = next((_STATUS[code] for code in codes if code in _STATUS), HTTPStatus.BAD_REQUEST)
        body = result if success else _encode(result)
        return Response(body, status_code=status, media_type=_JSON)


def _read(text: str | bytes) -> Any:
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise HttpBadRequestError("expected JSON: an object with `query` and perhaps `variables`") from None


def _is_get(request: HTTPConnection) -> bool:
    return bool(request.scope["type"] == "http" and request.scope["method"] == "GET")
