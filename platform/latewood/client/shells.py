"""The two clients: what `latewood.client.calls` has, sent by one that waits and by one that awaits."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, closing
from functools import wraps
from inspect import Parameter, signature
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar, get_args

import httpx2
from tenacity import AsyncRetrying, Retrying

from latewood.client import answers, calls
from latewood.client.answers import EVENTS, JSON, READ_S, Again, Following
from latewood.client.calls import Call, Followed, Place
from latewood.client.results import Event, Line, Progress, Run

P = ParamSpec("P")
T = TypeVar("T")

_PING_S: Final = 15.0
"""How often a server says something on a stream, whatever happens."""

_LATE_S: Final = 1.0


def _asks(call: Callable[Concatenate[Place, P], Call[T]]) -> "Callable[Concatenate[Client, P], T]":
    @wraps(call)
    def ask(self: "Client", /, *given: P.args, **named: P.kwargs) -> T:
        return self._ask(call(self.at, *given, **named))

    _sign(ask, call)
    return ask


def _awaits(
    call: Callable[Concatenate[Place, P], Call[T]],
) -> "Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]":
    @wraps(call)
    async def ask(self: "AsyncClient", /, *given: P.args, **named: P.kwargs) -> T:
        return await self._ask(call(self.at, *given, **named))

    _sign(ask, call)
    return ask


def _sign(method: Callable[..., Any], call: Callable[..., Any]) -> None:
    """Let `help` show what a method takes and returns, and not what the call that it sends does."""
    of_call = signature(call)
    (_, *taken), (returned,) = of_call.parameters.values(), get_args(of_call.return_annotation)
    itself = Parameter("self", Parameter.POSITIONAL_ONLY)
    # What `inspect.signature` goes by on any function; the types of functions do not know of it.
    method.__signature__ = of_call.replace(  # type: ignore[attr-defined]
        parameters=[itself, *taken], return_annotation=returned
    )


class _Of:
    """What both clients are of: a place, as it is said once."""

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        project: str = "default",
        environment: str = "prod",
        patience_s: float = 60.0,
    ) -> None:
        self.at = Place(url=url, token=token, project=project, environment=environment, patience_s=patience_s)
        self._connect()

    def _connect(self) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        name, at = type(self).__name__, self.at
        return f"{name}({at.url!r}, project={at.project!r}, environment={at.environment!r})"


class Client(_Of):
    """A server's client: for one project, and for one environment unless a call says another.

    What gets lost on the way is asked for again, up to `patience_s`; what changes something goes with a key, so that it
    is done once. For any number of threads; `close` ends its connections, as leaving its `with` block does.
    """

    query = _asks(calls.query)
    preview = _asks(calls.preview)
    launch = _asks(calls.launch)
    launch_plan = _asks(calls.launch_plan)
    run = _asks(calls.run)
    runs = _asks(calls.runs)
    cancel = _asks(calls.cancel)
    retry = _asks(calls.retry)
    report = _asks(calls.report)
    observe = _asks(calls.observe)
    deploy = _asks(calls.deploy)
    lineage = _asks(calls.lineage)
    events = _asks(calls.events)
    position = _asks(calls.position)

    def _connect(self) -> None:
        self._http = httpx2.Client(timeout=answers.timeout_of(self.at))

    def watch(self, run: str) -> Iterator[Progress]:
        """How far a run is, whenever that changes, until it has ended."""
        return self._follow(calls.progress(self.at, run), _Deadline(None))

    def wait(
        self, run: str, *, timeout_s: float | None = None, progress: Callable[[Progress], None] = lambda _: None
    ) -> Run | None:
        """The run once it has ended; `progress` hears how far it is whenever that changes.

        None at once for the empty `run` of what was `Launched` where nothing is to be done.
        Raises TimeoutError if it goes on longer than that, which does not end it.
        """
        if not run:
            return None
        for found in self._follow(calls.progress(self.at, run), _Deadline(timeout_s)):
            progress(found)
            last = found.run
        return last

    def tail(
        self, *, types: Sequence[str] | None = None, run: str | None = None, after: int = 0, follow: bool = True
    ) -> Iterator[Event]:
        """Events of the log behind a position, in order; as they come, if they are followed, without end.

        Who stops goes on behind the `position` of the last one.
        """
        if follow:
            yield from self._follow(calls.all_events(self.at, types, run, after), _Deadline(None))
            return
        while page := self.events(types=types, run=run, after=after):
            yield from page
            after = page[-1].position

    def logs(self, run: str, step: int) -> Iterator[Line]:
        """What a step prints and logs, line by line from the first, until it has ended."""
        return self._follow(calls.printed(self.at, run, step), _Deadline(None))

    def close(self) -> None:
        """End its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, call: Call[T]) -> T:
        with answers.not_again(self.at):
            for attempt in Retrying(**answers.trying(self.at, repeatable=call.repeatable)):
                with attempt:
                    data = self._data(call)
        return call.decode(data)

    def _data(self, call: Call[Any]) -> Any:
        with answers.connected():
            response = self._http.post(self.at.url, **answers.question_of(self.at, call))
        answers.check(self.at, response, expected=JSON, read=response.content)
        return answers.data_of(response.json())

    def _follow(self, followed: Followed[T], deadline: "_Deadline") -> Iterator[T]:
        following = Following(followed)
        while not following.is_over:
            response = self._opened(following, deadline)
            try:
                with answers.connected(), closing(response):
                    yield from _items(following, response, deadline)
            except Again:
                time.sleep(min(answers.cut_off_s(), deadline.left_s))

    def _opened(self, following: Following[Any], deadline: "_Deadline") -> httpx2.Response:
        """A stream of what is followed. Raises TimeoutError, ServerUnreachable, RequestRefused."""
        for attempt in Retrying(**answers.trying(self.at, repeatable=True)):
            with attempt:
                deadline.check()
                response = self._sent(following.body(), deadline.read_s())
        return response

    def _sent(self, body: bytes, read_s: float) -> httpx2.Response:
        with answers.connected():
            request = self._http.build_request("POST", self.at.url, **answers.stream_of(self.at, body, read_s))
            response = self._http.send(request, stream=True)
            read = None if answers.is_stream(response) else response.read()
        answers.check(self.at, response, expected=EVENTS, read=read)
        return response


def _items(following: Following[T], response: httpx2.Response, deadline: "_Deadline") -> Iterator[T]:
    for chunk in response.iter_bytes():
        yield from following.heard(chunk)
        if following.is_over or deadline.is_near:
            return


class AsyncClient(_Of):
    """The same for asyncio: each question is awaited, and what is followed is an asynchronous iterator."""

    query = _awaits(calls.query)
    preview = _awaits(calls.preview)
    launch = _awaits(calls.launch)
    launch_plan = _awaits(calls.launch_plan)
    run = _awaits(calls.run)
    runs = _awaits(calls.runs)
    cancel = _awaits(calls.cancel)
    retry = _awaits(calls.retry)
    report = _awaits(calls.report)
    observe = _awaits(calls.observe)
    deploy = _awaits(calls.deploy)
    lineage = _awaits(calls.lineage)
    events = _awaits(calls.events)
    position = _awaits(calls.position)

    def _connect(self) -> None:
        self._http = httpx2.AsyncClient(timeout=answers.timeout_of(self.at))

    def watch(self, run: str) -> AsyncGenerator[Progress, None]:
        """How far a run is, whenever that changes, until it has ended."""
        return self._follow(calls.progress(self.at, run))

    async def wait(
        self, run: str, *, timeout_s: float | None = None, progress: Callable[[Progress], None] = lambda _: None
    ) -> Run | None:
        """The run once it has ended; `progress` hears how far it is whenever that changes.

        None at once for the empty `run` of what was `Launched` where nothing is to be done.
        Raises TimeoutError if it goes on longer than that, which does not end it.
        """
        if not run:
            return None
        try:
            async with asyncio.timeout(timeout_s), aclosing(self.watch(run)) as watched:
                async for found in watched:
                    progress(found)
                    last = found.run
        except TimeoutError as error:
            raise TimeoutError(_too_long(timeout_s)) from error
        return last

    async def tail(
        self, *, types: Sequence[str] | None = None, run: str | None = None, after: int = 0, follow: bool = True
    ) -> AsyncGenerator[Event, None]:
        """Events of the log behind a position, in order; as they come, if they are followed, without end.

        Who stops goes on behind the `position` of the last one.
        """
        if follow:
            async with aclosing(self._follow(calls.all_events(self.at, types, run, after))) as followed:
                async for event in followed:
                    yield event
            return
        while page := await self.events(types=types, run=run, after=after):
            for event in page:
                yield event
            after = page[-1].position

    def logs(self, run: str, step: int) -> AsyncGenerator[Line, None]:
        """What a step prints and logs, line by line from the first, until it has ended."""
        return self._follow(calls.printed(self.at, run, step))

    async def aclose(self) -> None:
        """End its connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, type_: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _ask(self, call: Call[T]) -> T:
        with answers.not_again(self.at):
            async for attempt in AsyncRetrying(**answers.trying(self.at, repeatable=call.repeatable)):
                with attempt:
                    data = await self._data(call)
        return call.decode(data)

    async def _data(self, call: Call[Any]) -> Any:
        with answers.connected():
            response = await self._http.post(self.at.url, **answers.question_of(self.at, call))
        answers.check(self.at, response, expected=JSON, read=response.content)
        return answers.data_of(response.json())

    async def _follow(self, followed: Followed[T]) -> AsyncGenerator[T, None]:
        following = Following(followed)
        while not following.is_over:
            response = await self._opened(following)
            try:
                with answers.connected():
                    async with aclosing(response):
                        async for chunk in response.aiter_bytes():
                            for item in following.heard(chunk):
                                yield item
                            if following.is_over:
                                break
            except Again:
                await asyncio.sleep(answers.cut_off_s())

    async def _opened(self, following: Following[Any]) -> httpx2.Response:
        """A stream of what is followed. Raises ServerUnreachable, RequestRefused."""
        async for attempt in AsyncRetrying(**answers.trying(self.at, repeatable=True)):
            with attempt:
                response = await self._sent(following.body())
        return response

    async def _sent(self, body: bytes) -> httpx2.Response:
        with answers.connected():
            request = self._http.build_request("POST", self.at.url, **answers.stream_of(self.at, body, READ_S))
            response = await self._http.send(request, stream=True)
            read = None if answers.is_stream(response) else await response.aread()
        answers.check(self.at, response, expected=EVENTS, read=read)
        return response


class _Deadline:
    """Until when somebody waits who cannot be interrupted: by how long each read may take."""

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._ends = math.inf if timeout_s is None else time.monotonic() + timeout_s
        self._given_s = READ_S

    @property
    def left_s(self) -> float:
        """How long it is until then."""
        return max(0.0, self._ends - time.monotonic())

    def read_s(self) -> float:
        """How long each read of a stream may take that is opened now."""
        self._given_s = min(READ_S, self.left_s)
        return self._given_s

    @property
    def is_near(self) -> bool:
        """Whether a silence now would be noticed too late: the stream is opened anew, for no longer than is left."""
        return self.left_s < min(self._given_s, _PING_S) - _LATE_S

    def check(self) -> None:
        """Raises TimeoutError."""
        if time.monotonic() >= self._ends:
            raise TimeoutError(_too_long(self._timeout_s))


def _too_long(timeout_s: float | None) -> str:
    return f"the run goes on after {timeout_s:,} s; it was not ended"
