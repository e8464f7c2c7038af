"""What happens by itself: as it is defined, switched, and what came of looking at it."""

from datetime import datetime

import msgspec

from latewood.events.base import Event
from latewood.model.keys import AssetId, RunId


class AutomationDefined(Event, frozen=True):
    """An automation is new or changed in this deployment. `definition` is an Automation as JSON."""

    name: str
    location: str
    deployment: str
    digest: str
    definition: msgspec.Raw


class AutomationDropped(Event, frozen=True):
    """An automation of the base deployment is no longer in this one."""

    name: str
    location: str
    deployment: str


class AutomationSwitched(Event, frozen=True):
    """Somebody turned an automation on or off in an environment, at `at`; what was due while it was off is not."""

    environment: str
    location: str
    name: str
    on: bool
    at: datetime


class AskedByItself(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run that an automation asked for; of a schedule for this tick."""

    run: RunId
    tick: datetime | None = None


class AskedFor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Partitions of an asset, by their ordinals, that a rule has asked for by this run and that were not made since.

    It was at log position `position`, the instant `at`, and with the task as it was then (`logic`).
    """

    run: RunId
    partitions: str
    position: int
    at: datetime
    logic: str


class AutomationEvaluated(Event, frozen=True):
    """Looking at an automation led to something: requests, a tick that is not made up for, a problem, or a beginning.

    All that was due up to `until` is dealt with. `timing` digests what says when it is due; under another one it begins
    anew, from `until` on. `missed` counts ticks that were not made up for. `problem` is why nothing could be asked for.
    `asked` is all that a rule has asked for and that is still to come of it. `overdue` are the assets that are not as
    current as they have to be, since when. `observed` is the observation by which external assets were looked at.
    """

    environment: str
    location: str
    name: str
    timing: str
    at: datetime
    until: datetime
    requests: tuple[AskedByItself, ...] = ()
    missed: int = 0
    problem: str = ""
    asked: dict[AssetId, tuple[AskedFor, ...]] = {}
    overdue: dict[AssetId, datetime] = {}
    observed: RunId = RunId("")


class AskedByKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run that a sensor asked for by this key."""

    run: RunId
    key: str


class SensorEvaluated(Event, frozen=True):
    """A sensor was asked, and that led to something: requests, another cursor, a problem, or another reason for none.

    `timing` digests its definition. `cursor` is what it has from here on. `repeated` counts keys that had their run
    before. `problem` is why nothing was asked for, `failures` of how many times in a row; then the cursor is as it was.
    One that watches runs has heard of all that ended up to log position `seen`, the last of them being `told`.
    """

    environment: str
    location: str
    name: str
    timing: str
    at: datetime
    cursor: str = ""
    requests: tuple[AskedByKey, ...] = ()
    repeated: int = 0
    skipped: str = ""
    problem: str = ""
    failures: int = 0
    seen: int | None = None
    told: RunId = RunId("")
