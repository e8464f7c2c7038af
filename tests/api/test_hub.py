"""When what is followed is opened and closed, and who follows what then."""

import asyncio
import threading
from contextlib import aclosing

import pytest

from api.conftest import open_app
from api.following import Following, note, on_loopback
from latewood_graphql.access import owner
from latewood_graphql.documents import Documents
from latewood_graphql.limits import Limits
from latewood_graphql.live.channels import Followed
from latewood_graphql.live.hub import Hub
from latewood_graphql.live.sources import Events
from latewood_graphql.live.tailing import News, Tailer
from latewood_graphql.schema import schema
from latewood_graphql.subscriptions import SOURCES

NOTED = {"query": 'subscription { events(types: ["test.noted"]) { position } }'}
OTHERS = {"query": 'subscription { events(types: ["run.ended"]) { position } }'}


@pytest.fixture
def hub(api):
    def made(*, linger_s, sources=SOURCES):
        return Hub(api.service, Documents(schema()), sources, Limits(), linger_s=linger_s)

    return made


async def until(is_so):
    for _ in range(1_000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


def test_who_leaves_while_it_is_opened_leaves_nothing_open(hub):
    begun, go_on = threading.Event(), threading.Event()

    def slow(call, **asked):
        begun.set()
        assert go_on.wait(10)
        return SOURCES["events"](call, **asked)

    async def story():
        following = hub(linger_s=0, sources={"events": slow})
        items = following.follow(NOTED, owner("test"))
        waiting = asyncio.ensure_future(anext(items))
        await until(begun.is_set)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        go_on.set()
        await until(lambda: not following._open and following._tailer is None)

    asyncio.run(story())


def test_who_comes_as_it_is_closed_is_told_what_happens(hub, api):
    async def story():
        following = hub(linger_s=3600)
        async with aclosing(following.follow(NOTED, owner("test"))) as before:
            await anext(before)
        (key,) = following._open
        following._close_unused(key)  # as after the time that a channel waits for its next one
        async with asyncio.timeout(10), aclosing(following.follow(NOTED, owner("test"))) as after:
            assert await anext(after) == ()
            await asyncio.sleep(0.1)
            await asyncio.to_thread(note, api.workspace.log, [1])
            (item,) = await anext(after)
        assert b'"position"' in item.payload
        following._end()

    asyncio.run(story())


class Faulty:
    """A log of which something cannot be read once."""

    def __init__(self, log):
        self._log = log
        self.faults = 1
        self.position = log.position

    def read_all(self, **asked):
        if self.faults:
            self.faults -= 1
            raise ValueError("nobody thought of this")
        return self._log.read_all(**asked)


def test_the_log_is_followed_whatever_went_wrong(api):
    log, told = Faulty(api.workspace.log), []

    async def story():
        tailer = Tailer(log, None, told.append)
        try:
            await until(lambda: told == [None, None])
            await asyncio.to_thread(note, api.workspace.log, [1])
            await until(lambda: told[2:])
        finally:
            tailer.stop()

    asyncio.run(story())
    assert told[2:] == [[News("default", "notes/all", "test.noted")]]


def test_what_is_followed_is_read_no_longer_than_a_query_may(api, made):
    made()
    served = open_app(api.service, Limits(seconds=1e-6))
    with on_loopback(served) as port, Following(port, "subscription { assetChanges { keys } }") as following:
        (message,) = list(following)
    assert message["errors"][0]["extensions"]["code"] == "TOO_SLOW"


def test_what_is_new_is_told_while_many_catch_up(hub, api):
    begun, go_on = threading.Event(), threading.Event()
    note(api.workspace.log, [0])

    class Long(Events):
        """Events whose past is long in being read."""

        def read(self, call, after, up_to):
            if after == (0,):
                begun.set()
                assert go_on.wait(30)
            return super().read(call, after, up_to)

    def slow(*_, **__):
        source = Long(project="default", types=None, asset=None, stream="")
        return Followed(source=source, told=lambda cursor: cursor[0], meant=lambda after: (int(after),))

    async def story():
        following = hub(linger_s=0, sources={"events": slow})

        async def comes_back(n):
            asked = {"query": f"subscription {{ events {{ n{n}: position }} }}"}
            async with aclosing(following.follow(asked, owner("test"), "0")) as items:
                assert await anext(items) == ()
                return await anext(items)

        async with aclosing(following.follow(NOTED, owner("test"))) as items:
            await anext(items)
            news = asyncio.ensure_future(anext(items))
            behind = [asyncio.ensure_future(comes_back(n)) for n in range(10)]
            try:
                await until(begun.is_set)
                await asyncio.to_thread(note, api.workspace.log, [1])
                assert await asyncio.wait_for(news, 10)
                async with asyncio.timeout(10), aclosing(following.follow(OTHERS, owner("test"))) as new:
                    assert await anext(new) == (), "who is new waits for no past of others"
                assert not any(each.done() for each in behind)
            finally:
                go_on.set()
            assert all(await asyncio.gather(*behind))
        following._end()

    asyncio.run(story())
