"""Jobs in other systems that attempts of steps are."""

from latewood.events.base import Event
from latewood.model.keys import RunId


class JobPrepared(Event, frozen=True):
    """From here on a job of this key may be in the other system: whoever goes on with the attempt looks for it."""

    run: RunId
    step: int
    attempt: int
    connector: str
    key: str


class JobSubmitted(Event, frozen=True):
    """The other system has the job; by the handle its connector knows it."""

    run: RunId
    step: int
    attempt: int
    key: str
    handle: str
