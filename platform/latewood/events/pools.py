"""Pools: how many steps that take part in one run at a time."""

from latewood.events.base import Event


class PoolSet(Event, frozen=True):
    """At most `limit` steps that take part in the pool run at once, from here on. Of a quota the name is `*`."""

    name: str
    limit: int


class PoolRemoved(Event, frozen=True):
    """There is no such pool any more."""

    name: str
