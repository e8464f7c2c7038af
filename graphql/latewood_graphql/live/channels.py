"""One execution for all who ask for the same, and the last of its answers, from which each takes what it has not had.

Nobody has a queue: a subscriber is a place in the ring of its channel. Who is overtaken by the ring is told so, with
what to go on from. What is behind the ring is read from the log for who asks for it, a page once the last is taken.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from graphql import GraphQLError

from latewood_eventlog.errors import DatabaseUnreachable
from latewood_graphql.calls import Call, Service, opened
from latewood_graphql.errors import LOG
from latewood_graphql.live.asked import Asked, with_extensions
from latewood_graphql.live.sources import Cursor, Found, Source

_AGAIN_S: Final = 0.5
_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """What is kept of a channel at most."""

    items: int = 5_000
    size: int = 4_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """One answer as JSON, and what `after` takes to go on behind it; empty where it is not gone on."""

    payload: bytes
    after: str


@dataclass(frozen=True, slots=True)
class _Kept:
    cursor: Cursor
    body: bytes
    """Of a state, which is told when it is another one; else nothing."""
    item: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """Answers to what was found."""

    found: Found
    kept: Sequence[_Kept]


class Ended(Exception):
    """A subscription is over before what it follows is; its client is told why, and from where it may go on."""

    def __init__(self, error: GraphQLError, after: Any = None) -> None:
        super().__init__(error.message)
        more = {} if after is None else {"after": after}
        self.error = GraphQLError(
            error.message, original_error=error.original_error, extensions={**(error.extensions or {}), **more}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A source; how its cursors are told to clients, and meant by them; where who does not say begins, None for now."""

    source: Source
    told: Callable[[Cursor], Any]
    meant: Callable[[Any], Cursor]
    begin: Cursor | None = None


@dataclass(slots=True)
class _Place:
    """How far a subscriber has come: all up to the cursor, and all kept before the number."""

    at: Cursor
    number: int


@dataclass(eq=False, kw_only=True)
class Channel:
    """A subscription that is carried out. All but `_page` is of the event loop."""

    service: Service
    asked: Asked
    followed: Followed
    ring: Ring
    pool: ThreadPoolExecutor
    behind: ThreadPoolExecutor
    """Where what is not kept any more is read for who asks for it."""
    limit: timedelta
    """How long a page may be read."""
    dirty: asyncio.Event = field(default_factory=asyncio.Event)
    _kept: deque[_Kept] = field(default_factory=deque)
    _size: int = 0
    _first: int = 0
    """The number of the first one that is kept."""
    _start: Cursor | None = None
    """All behind this is kept, up to `_cursor`."""
    _cursor: Cursor | None = None
    _begun: asyncio.Event = field(default_factory=asyncio.Event)
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    """Another one each time."""
    _is_over: bool = False
    _end: GraphQLError | None = None
    _reading: dict[tuple[Cursor, Cursor | None], "asyncio.Future[_Page]"] = field(default_factory=dict)

    async def work(self) -> None:
        """Look whenever there may be something new, and give it to all, until the source is over."""
        source = self.followed.source
        await self._begun.wait()
        try:
            while not self._is_over:
                self.dirty.clear()
                page = await self._read_again(self._cursor, None, self.pool)
                self._publish(page)
                if page.found.more or self._is_over:
                    continue
                await asyncio.sleep(source.pause_s)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.dirty.wait(), source.poll_s)
        except Ended as ended:
            self.end(ended.error)

    def end(self, error: GraphQLError) -> None:
        """Tell all subscribers, once they have taken what there is, that it is over."""
        self._end = error
        self._wake()

    async def items(self, after: Cursor | None) -> AsyncGenerator[Sequence[Item], None]:
        """What is behind the cursor, or behind where followers begin, as it comes; several at once where there are.

        The first time it is nothing: from here on nothing is missed. Raises Ended.
        """
        if self.followed.source.is_state:
            self._begin(None)
            place = _Place((), self._latest())
            yield ()
        else:
            place = _Place(await self._now() if after is None else after, self._first)
            yield ()
            async with aclosing(self._caught_up(place)) as pages:
                async for items in pages:
                    yield items
            if not self._joins(place.at):
                return  # there is nothing more than what was read for it
            place.number = self._first
        while True:
            items = self._taken(place)
            if items:
                yield items
            elif self._end is not None:
                raise Ended(self._end, self.followed.told(place.at))
            elif self._is_over:
                return
            else:
                await self._more.wait()

    async def _now(self) -> Cursor:
        """Where who does not say begins."""
        if self.followed.begin is not None:
            return self.followed.begin
        self._begin(None)
        while self._cursor is None:
            if self._end is not None:
                raise Ended(self._end)
            await self._more.wait()
        return self._cursor

    async def _caught_up(self, place: _Place) -> AsyncGenerator[Sequence[Item], None]:
        """What is behind the place and is not kept, until the rest is, or nothing will ever follow."""
        if self._cursor is not None and self._cursor < place.at:
            await self._read(place.at, None)  # where there is such a place, the channel comes there
        while not self._joins(place.at):
            if self._end is not None:
                raise Ended(self._end, self.followed.told(place.at))
            if self._cursor is not None and self._cursor < place.at:
                await self._more.wait()
                continue
            page = await self._read(place.at, self._cursor)
            place.at = page.found.cursor
            if page.kept:
                yield [one.item for one in page.kept]
            if page.found.is_over:
                return
            if self._cursor is None and not page.found.more:
                await self._met(place.at)

    def _taken(self, place: _Place) -> Sequence[Item]:
        """Some of what is kept and not taken yet; nothing if there is nothing. Raises Ended for who was overtaken."""
        is_state = self.followed.source.is_state
        while True:
            if place.number < self._first:
                if not is_state and not self._holds(place.at):
                    raise Ended(_TOO_SLOW, self.followed.told(place.at))
                place.number = self._latest() if is_state else self._first
            start = place.number - self._first
            kept = list(islice(self._kept, start, start + _AT_ONCE))
            if not kept:
                return ()
            place.number += len(kept)
            new = [one for one in kept if is_state or one.cursor > place.at]
            place.at = max(place.at, kept[-1].cursor)
            if new:
                return [one.item for one in new]

    def _latest(self) -> int:
        return self._first + max(0, len(self._kept) - 1)

    def _begin(self, at: Cursor | None) -> None:
        if not self._begun.is_set():
            self._start = self._cursor = at
            self._begun.set()

    async def _met(self, at: Cursor) -> None:
        """A subscriber has come to the present: the channel begins there, unless it was about to begin."""
        if not self._begun.is_set():
            self._begin(at)
        elif self._end is None:
            await self._more.wait()

    def _holds(self, at: Cursor) -> bool:
        return self._start is not None and self._cursor is not None and at >= self._start

    def _joins(self, at: Cursor) -> bool:
        """Whether what is kept goes on there: a difference does where the one before it ended, and nowhere else."""
        if not self.followed.source.is_difference:
            return self._holds(at)
        return self._holds(at) and (at in (self._start, self._cursor) or any(one.cursor == at for one in self._kept))

    def _publish(self, page: _Page) -> None:
        is_first = self._cursor is None
        self._cursor, self._is_over = page.found.cursor, page.found.is_over
        if self._start is None:
            self._start = self._cursor
        is_state = self.followed.source.is_state
        kept = [one for one in page.kept if not (is_state and self._kept and self._kept[-1].body == one.body)]
        for one in kept:
            self._kept.append(one)
            self._size += len(one.item.payload) + len(one.body)
            while len(self._kept) > self.ring.items or (self._size > self.ring.size and len(self._kept) > 1):
                gone = self._kept.popleft()
                self._first += 1
                self._size -= len(gone.item.payload) + len(gone.body)
                self._start = gone.cursor
        if kept or is_first or self._is_over or self.followed.source.is_difference:
            self._wake()

    def _wake(self) -> None:
        more, self._more = self._more, asyncio.Event()
        more.set()

    async def _read(self, after: Cursor, up_to: Cursor | None) -> _Page:
        """Answers behind a cursor that is not kept; read once for all who want them at the same time."""
        key = after, up_to
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.ensure_future(self._read_again(after, up_to, self.behind))
            reading.add_done_callback(lambda _: self._reading.pop(key, None))
        return await asyncio.shield(reading)

    async def _read_again(self, after: Cursor | None, up_to: Cursor | None, pool: ThreadPoolExecutor) -> _Page:
        """Until the database can be reached. Raises Ended."""
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, self._page, after, up_to)
            except DatabaseUnreachable as error:
                LOG.warning("%s", error)
                await asyncio.sleep(_AGAIN_S)
            except Exception as error:
                raise Ended(GraphQLError(str(error), original_error=error)) from error

    def _page(self, after: Cursor | None, up_to: Cursor | None) -> _Page:
        with opened(self.service, self.asked.caller, self.limit) as call:
            found = self.followed.source.read(call, after, up_to)
            return _Page(found=found, kept=call.carried_out(self._answers(call, found)))

    async def _answers(self, call: Call, found: Found) -> list[_Kept]:
        kept = []
        for cursor, value in found.items:
            after = self.followed.told(cursor)
            body = await self.asked.answered(call, value)
            position = after if isinstance(after, int) else call.position
            item = Item(with_extensions(body, position, after), "" if after is None else str(after))
            kept.append(_Kept(cursor, body if self.followed.source.is_state else b"", item))
        return kept


_TOO_SLOW: Final = GraphQLError(
    "more has come than was taken: what is not taken is not kept for long; subscribe again with this `after`",
    extensions={"code": "TOO_SLOW"},
)
