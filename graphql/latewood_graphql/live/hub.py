"""All subscriptions of a process: who asks for the same follows one channel, and one tailer tells all of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from graphql import GraphQLError
from starlette.concurrency import run_in_threadpool

from latewood_eventlog.database import dsn
from latewood_eventlog.errors import DatabaseUnreachable
from latewood_graphql.access import Caller
from latewood_graphql.calls import Service, opened
from latewood_graphql.documents import Documents, Invalid
from latewood_graphql.errors import Refused, formatted, unavailable
from latewood_graphql.limits import Limits
from latewood_graphql.live.asked import Asked, asked
from latewood_graphql.live.channels import Channel, Ended, Followed, Item, Ring
from latewood_graphql.live.tailing import News, Tailer

Sources = Mapping[str, Callable[..., Followed]]
"""By field of the subscription type what makes its source, of a call and the field's arguments."""

_THREADS: Final = 3
_OPENING_THREADS: Final = 2
_BEHIND_THREADS: Final = 2
"""Beside those that read what is new, of those that read what is behind channels and of those that open them: when all
come back at once, who is there already is told what happens no later for it, and who is new waits for no past."""
_CHANNELS_MAX: Final = 2_000
_SUBSCRIBERS_MAX: Final = 10_000
_OF_ONE_MAX: Final = 500
"""Of the channels and of the subscribers those by one token: the rest is for others."""

_ENDING: Final = GraphQLError("the server ends; subscribe again with this `after`", extensions={"code": "ENDING"})


@dataclass(frozen=True, slots=True)
class _Open:
    channel: Channel
    work: "asyncio.Task[None]"


class Hub:
    """What is followed now. All of it is of one event loop. `linger_s`: how long a channel waits for its next one."""

    def __init__(
        self,
        service: Service,
        documents: Documents,
        sources: Sources,
        limits: Limits,
        *,
        ring: Ring | None = None,
        linger_s: float = 10.0,
    ) -> None:
        self._service = service
        self.documents = documents
        self._sources = sources
        self._limits = limits
        self._ring = ring or Ring()
        self._linger_s = linger_s
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="latewood-live")
        self._opening = ThreadPoolExecutor(_OPENING_THREADS, thread_name_prefix="latewood-opening")
        self._behind = ThreadPoolExecutor(_BEHIND_THREADS, thread_name_prefix="latewood-behind")
        self._open: dict[Any, asyncio.Future[_Open]] = {}
        self._followers = Counter[Any]()
        self._tailer: Tailer | None = None
        self._subscribers = Counter[str | None]()
        """How many there are by each token."""
        self._loop: asyncio.AbstractEventLoop | None = None

    async def follow(self, data: Any, caller: Caller, begin: str | None = None) -> AsyncGenerator[Sequence[Item], None]:
        """The answers to a subscription as they come, until what is followed is over; `begin` goes before its `after`.

        Raises what `errors_of` tells.
        """
        found = await run_in_threadpool(asked, self.documents, data, caller, self._limits)
        given = found.after if begin is None else begin
        if self._subscribers.total() == _SUBSCRIBERS_MAX:
            raise Refused("TOO_MANY", f"{_SUBSCRIBERS_MAX:,} follow something; try again later")
        _refuse_many(caller, self._subscribers[caller.token])
        self._subscribers[caller.token] += 1
        self._followers[found.key] += 1  # from before the channel is there: who leaves until then leaves it as well
        try:
            channel = (await self._opened(found)).channel
            async with aclosing(channel.items(None if given is None else channel.followed.meant(given))) as all_items:
                async for items in all_items:
                    yield items
        finally:
            self._subscribers[caller.token] -= 1
            self._subscribers += Counter()  # leaves out who follows nothing any more
            self._followers[found.key] -= 1
            if not self._followers[found.key]:
                del self._followers[found.key]
                self._close_later(found.key)

    def end(self) -> None:
        """Tell all who follow anything that the server ends, so that they go on with another one. From any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended itself
                self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        for channel in self._channels():
            channel.end(_ENDING)
        self._stop_tailer()

    def _channels(self) -> list[Channel]:
        found = (opening for opening in self._open.values() if opening.done() and opening.exception() is None)
        return [opening.result().channel for opening in found]

    async def _opened(self, found: Asked) -> _Open:
        if found.key not in self._open:
            if len(self._open) >= _CHANNELS_MAX:
                raise Refused("TOO_MANY", f"{_CHANNELS_MAX:,} different subscriptions are followed; try again later")
            token = found.caller.token
            _refuse_many(found.caller, sum(channel.asked.caller.token == token for channel in self._channels()))
            self._loop = asyncio.get_running_loop()
            self._open[found.key] = asyncio.ensure_future(self._begun(found))
            if self._tailer is None:
                url = self._service.workspace.url
                hints = None if url is None else dsn(url, role="engine")
                self._tailer = Tailer(self._service.workspace.log, hints, self._tell)
        return await asyncio.shield(self._open[found.key])

    async def _begun(self, found: Asked) -> _Open:
        limit = timedelta(seconds=self._limits.seconds)

        def made() -> Followed:
            with opened(self._service, found.caller, limit) as call:
                return self._sources[found.field](call, **found.arguments)

        try:
            followed = await asyncio.get_running_loop().run_in_executor(self._opening, made)
        except BaseException:
            del self._open[found.key]
            self._stop_unused()
            raise
        channel = Channel(
            service=self._service,
            asked=found,
            followed=followed,
            ring=self._ring,
            pool=self._pool,
            behind=self._behind,
            limit=limit,
        )
        work = asyncio.create_task(channel.work())
        work.add_done_callback(lambda _: self._forget(found.key, channel))
        self._close_later(found.key)
        return _Open(channel, work)

    def _close_later(self, key: Any) -> None:
        asyncio.get_running_loop().call_later(self._linger_s, self._close_unused, key)

    def _close_unused(self, key: Any) -> None:
        """At once as far as who comes next is concerned, who has another one opened."""
        opening = self._open.get(key)
        if opening is not None and opening.done() and not self._followers[key]:
            del self._open[key]
            opening.result().work.cancel()
            self._stop_unused()

    def _forget(self, key: Any, channel: Channel) -> None:
        opening = self._open.get(key)
        if opening is not None and opening.done() and opening.result().channel is channel:
            del self._open[key]
            self._stop_unused()

    def _stop_unused(self) -> None:
        if not self._open:
            self._stop_tailer()

    def _stop_tailer(self) -> None:
        if self._tailer is not None:
            self._tailer.stop()
            self._tailer = None

    def _tell(self, news: Sequence[News] | None) -> None:
        new = None if news is None else set(news)
        for channel in self._channels():
            if new is None or any(map(channel.followed.source.concerns, new)):
                channel.dirty.set()


def _refuse_many(caller: Caller, followed: int) -> None:
    """Raise Refused for one more by a token by which very many are followed; at this computer there is none."""
    if caller.token is not None and followed >= _OF_ONE_MAX:
        raise Refused("TOO_MANY", f"{_OF_ONE_MAX:,} things are followed by this token; follow fewer")


class Unanswered(Exception):
    """A query or mutation that has no answer, and what its client is told of why."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(str(errors))
        self.errors = errors


def errors_of(error: Exception) -> list[dict[str, Any]]:
    """What a client is told of why its subscription has ended, or has not begun."""
    match error:
        case Unanswered(errors=told):
            return told
        case Invalid(errors=several):
            return [formatted(one) for one in several]
        case Ended(error=one) | (GraphQLError() as one):
            return [formatted(one)]
        case DatabaseUnreachable():
            return [unavailable(error)]
        case _:
            return [formatted(GraphQLError(str(error), original_error=error))]
