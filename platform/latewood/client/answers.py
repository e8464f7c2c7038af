"""What a server's answers mean, whoever has read them: data, a refusal, or that it is worth asking again."""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

import httpx2
from tenacity import RetryCallState, retry_if_exception, stop_before_delay

from latewood.client.calls import Call, Followed, Place
from latewood.client.errors import RequestRefused, ServerUnreachable, refused

T = TypeVar("T")

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"

READ_S: Final = 45.0
"""A stream that is silent for so long is lost: a server says something three times as often."""

_OK: Final = 200
_TOO_MANY: Final = 429
_AGAIN: Final = (_TOO_MANY, 502, 503, 504)
_PASSES: Final = frozenset({"ENDING", "UNAVAILABLE", "TOO_MANY"})
"""Codes of what another try may not meet."""

_CONNECT_S: Final = 10.0
_WAIT_S: Final = 0.2
_WAIT_MAX_S: Final = 5.0


class Again(Exception):
    """Another try may have an answer, `after_s` from now at the earliest. `is_heard`: this one may have been heard.

    `error` is what there is to say where nobody tries again.
    """

    def __init__(
        self, why: str, *, after_s: float = 0.0, is_heard: bool = True, error: RequestRefused | None = None
    ) -> None:
        super().__init__(why)
        self.after_s = after_s
        self.is_heard = is_heard
        self.error = error


def timeout_of(at: Place) -> httpx2.Timeout:
    """How long a server may take for an answer, and to be connected to."""
    return httpx2.Timeout(at.patience_s, connect=min(at.patience_s, _CONNECT_S))


def question_of(at: Place, call: Call[Any]) -> dict[str, Any]:
    """The request that asks it."""
    return {"content": body_of(call), "headers": _headers(at, JSON)}


def stream_of(at: Place, body: bytes, read_s: float) -> dict[str, Any]:
    """The request that follows it; a silence of so long ends it."""
    timeout = httpx2.Timeout(read_s, connect=min(read_s, _CONNECT_S))
    return {"content": body, "headers": _headers(at, EVENTS), "timeout": timeout}


def is_stream(response: httpx2.Response) -> bool:
    """Whether what follows is what was asked for, and not a reason why it is not there."""
    return response.status_code == _OK and _kind(response) == EVENTS


def _headers(at: Place, accept: str) -> dict[str, str]:
    authorization = {"Authorization": f"Bearer {at.token}"} if at.token else {}
    advice = {"Latewood-Advice": "commands"} if at.by_commands else {}
    return {"Content-Type": JSON, "Accept": accept, **authorization, **advice}


def body_of(asked: Call[Any] | Followed[Any], after: Any = None) -> bytes:
    """A question as it is sent, on from where there is one."""
    more = {} if after is None else {"after": after}
    return json.dumps({"query": asked.document, "variables": {**asked.variables, **more}}).encode()


@contextmanager
def connected() -> Iterator[None]:
    """What becomes of a connection that is none, or is lost. Raises Again."""
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise Again(_said(error), is_heard=False) from error
    except (httpx2.TransportError, httpx2.StreamError) as error:
        raise Again(_said(error)) from error


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def check(at: Place, response: httpx2.Response, *, expected: str, read: bytes | None = None) -> None:
    """Raises Again or RequestRefused for what is no answer to the question; `read` is its body, unless it is one."""
    status = response.status_code
    if status == _OK and _kind(response) == expected:
        return
    error = _refusal(read)
    if status in _AGAIN:
        is_refused = status == _TOO_MANY  # it was not carried out, as HTTP has it
        raise Again(
            f"{status} {response.reason_phrase}",
            after_s=_after(response.headers.get("retry-after", "")),
            is_heard=not is_refused,
            error=error if is_refused else None,
        )
    raise error or RequestRefused(
        f"HTTP_{status}",
        f"{at.url} answers {status} {response.reason_phrase}, and nothing of GraphQL; "
        "expected the address of a `latewood server`, with /graphql at its end",
    )


def _kind(response: httpx2.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0]


def _refusal(read: bytes | None) -> RequestRefused | None:
    """What a body says of why, if it does."""
    try:
        found = json.loads(read or b"")
    except ValueError:
        return None
    errors = found.get("errors") if isinstance(found, dict) else None
    return _error_of(errors[0]) if errors else None


def _after(header: str) -> float:
    return float(header) if header.replace(".", "", 1).isdecimal() else 0.0


def _error_of(error: Mapping[str, Any]) -> RequestRefused:
    said = error.get("extensions", {})
    if missing := said.get("missing"):  # as the types of the schema have it, which mutations answer
        return refused(f"{missing.title().replace(' ', '')}NotFound", error["message"], error)
    return refused(said.get("code", "ERROR"), error["message"], error)


def data_of(answer: Any) -> Any:
    """The data of an answer. Raises Again, RequestRefused."""
    if errors := answer.get("errors"):
        # With what of the document was done all the same: the text of a token is told once.
        error = _error_of({**errors[0], "data": answer.get("data")})
        if error.kind in _PASSES:
            raise Again(str(error), error=error if error.kind == "TOO_MANY" else None)
        raise error
    return answer["data"]


def trying(at: Place, *, repeatable: bool) -> dict[str, Any]:
    """How tenacity tries: within the patience there is, and what may have been heard only if it is repeatable."""

    def is_worth_it(error: BaseException) -> bool:
        return isinstance(error, Again) and (repeatable or not error.is_heard)

    def given_up(state: RetryCallState) -> Any:
        error = _last(state)
        if error.error is not None:
            raise error.error
        raise _unreachable(at, error)

    return {
        "retry": retry_if_exception(is_worth_it),
        "stop": stop_before_delay(at.patience_s),
        "wait": lambda state: _pause_s(state.attempt_number, _last(state).after_s),
        "retry_error_callback": given_up,
    }


def _last(state: RetryCallState) -> Again:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, Again), "nothing else is tried again"
    return error


def _unreachable(at: Place, error: Again) -> ServerUnreachable:
    return ServerUnreachable(f"{at.url} does not answer: {error}; is `latewood server` running there?")


@contextmanager
def not_again(at: Place) -> Iterator[None]:
    """What is said of a question that was not sent again since it may have been heard. Raises ServerUnreachable."""
    try:
        yield
    except Again as error:
        raise _unreachable(at, error) from error


def _pause_s(attempt: int, least_s: float) -> float:
    """Longer each time, and not the same for all who were cut off at once."""
    longest_s = min(_WAIT_MAX_S, _WAIT_S * 2.0 ** min(attempt - 1, 10))
    return least_s + longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def cut_off_s() -> float:
    """How long to rest after a stream was lost that had begun."""
    return _pause_s(1, 0.0)


class Following(Generic[T]):
    """What came of a question that is followed: from the bytes of server-sent events to items, each once."""

    def __init__(self, followed: Followed[T]) -> None:
        self._followed = followed
        self._after = followed.after
        self._rest = b""
        self._event = ""
        self._data = b""
        self.is_over = False

    def body(self) -> bytes:
        """The question, on from the last item that came; what came in part is forgotten."""
        self._rest, self._event, self._data = b"", "", b""
        return body_of(self._followed, self._after)

    def heard(self, chunk: bytes) -> Iterator[T]:
        """The items that are complete by it. Raises Again, RequestRefused."""
        # By line feeds only: JSON may have other signs, as U+2028, at which text is split into lines.
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.partition(b":")
            if name == b"event":
                self._event = value.strip().decode()
            elif name == b"data":
                self._data = value
            elif not line:
                event, self._event = self._event, ""
                if event == "next":
                    yield from self._item(json.loads(self._data))
                elif event == "complete":
                    self._complete()

    def _item(self, answer: Mapping[str, Any]) -> Iterator[T]:
        for error in answer.get("errors", ())[:1]:
            after = error.get("extensions", {}).get("after")
            self._go_on_behind(after)
            if after is not None:  # it was cut off, and is told where to go on
                raise Again(error["message"])
        item = self._followed.decode(data_of(answer))
        self.is_over = self._followed.ends(item)
        self._go_on_behind(answer.get("extensions", {}).get("after"))
        yield item

    def _go_on_behind(self, after: Any) -> None:
        if after is not None:
            self._after = after

    def _complete(self) -> None:
        """Nothing follows: that is the end of what has one, and else the server's."""
        if self._followed.is_finite:
            self.is_over = True
        elif not self.is_over:
            raise Again("the server ended it")
