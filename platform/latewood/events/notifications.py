"""What is told to web addresses: when it was raised, and what became of telling it."""

from datetime import datetime

import msgspec

from latewood.events.base import Event
from latewood.model.automations import Occasion
from latewood.model.keys import AssetId, AssetKey, RunId


class Notification(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to tell, by an id of its own: of the first `assets` of so many (`count`), and why, in a few `lines`."""

    id: str
    occasion: Occasion
    at: datetime
    assets: tuple[AssetKey, ...]
    count: int
    lines: tuple[str, ...] = ()
    run: RunId = RunId("")


class NotificationsRaised(Event, frozen=True):
    """The log was looked through up to position `seen` for what there is to tell by a Notify; that led to something.

    `failing` are the assets that were told of and have not recovered since, `overdue` those by policy.
    """

    environment: str
    location: str
    name: str
    at: datetime
    seen: int
    notifications: tuple[Notification, ...] = ()
    failing: tuple[AssetId, ...] = ()
    overdue: dict[str, tuple[AssetId, ...]] = {}


class NotificationSent(Event, frozen=True):
    """The address has taken the notification, at that attempt of whoever sent it."""

    environment: str
    location: str
    name: str
    id: str
    attempts: int


class NotificationFailed(Event, frozen=True):
    """The address has not taken it, and why; it is tried again, unless it was `given_up`."""

    environment: str
    location: str
    name: str
    id: str
    attempts: int
    problem: str
    given_up: bool = False
