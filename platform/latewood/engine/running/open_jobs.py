"""Jobs that may go on in their systems whatever becomes of the attempts that they were, until they are ended there."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from latewood.decide.jobs import (
    SUBMIT_PATIENCE,
    Attach,
    Look,
    Next,
    Submit,
    after_finding,
    ask_again_after,
    first,
    poll_after,
)
from latewood.engine.running.asks import Remote, Rest, Script
from latewood.engine.running.connected import ToCancel, ToFind, ToPoll, Unanswered
from latewood.model.jobs import JobStatus

CANCEL_PATIENCE: Final = timedelta(minutes=1)
"""For how long a system is asked to end a job, and whether it has: it may not be reached, or take its time."""


class End(Enum):
    """What became of a job that was to be ended. Only where it is `OVER`, or never was, it is certain to be no more."""

    OVER = "it is over"
    REFUSED = "its system refuses to say"
    AWAY = "its system cannot be reached"
    GOES_ON = "its system was asked to end it, and it goes on"


@dataclass(slots=True, eq=False)
class OpenJob:
    """A job that may be in its system, and go on there: it has a handle once that is known.

    It is there no more, or never was, where it `may_go_on` no longer.
    """

    connector: str
    key: str
    handle: str = ""
    may_go_on: bool = True


def ended(job: OpenJob, now: Callable[[], datetime], patience: timedelta = CANCEL_PATIENCE) -> Script[bool]:
    """Have it ended in its system, if it is there; whether that says in time that it is over."""
    return (yield from _asked_to_end(job, now, patience)) is End.OVER


def cleared(job: OpenJob, now: Callable[[], datetime]) -> Script[End]:
    """Have it ended, so that another one can take its place, unless it is `AWAY` or `GOES_ON`."""
    return (yield from _asked_to_end(job, now, SUBMIT_PATIENCE))


def _asked_to_end(job: OpenJob, now: Callable[[], datetime], patience: timedelta) -> Script[End]:
    """A system that was asked to end a job does so in a while: it is over once that is what it says.

    One that refuses to end it is looked at all the same. That is the end of it where it does not even say how it is.
    """
    failures, since = 0, now()
    until, end = since + patience, End.AWAY
    next_: Next = first(was_prepared=True, handle=job.handle, now=now())
    asked_at, is_asked, is_refused = since, False, False
    while now() < until:
        match next_:
            case Submit():
                return End.OVER  # it never was
            case Attach(handle=handle) if not is_asked:
                answer = yield Remote(job.connector, ToCancel(handle))
                if not isinstance(answer, Unanswered) or not answer.passes:
                    asked_at, is_asked, is_refused = now(), True, isinstance(answer, Unanswered)
                    continue
            case Attach(handle=handle):
                answer = yield Remote(job.connector, ToPoll(handle))
                if isinstance(answer, JobStatus):
                    if answer.state.is_over:
                        return End.OVER
                    failures, end = 0, End.GOES_ON
                    yield Rest(min(until, now() + poll_after(now() - asked_at, luck())))
                    continue
                if not answer.passes and not is_refused:
                    return End.OVER  # it has ended it, and knows nothing of it any more
            case Look(at=at):
                yield from resting(at, now())
                answer = yield Remote(job.connector, ToFind(job.key, since))
                if not isinstance(answer, Unanswered):
                    next_ = after_finding(answer, now())
                    continue
        if not answer.passes:
            return End.REFUSED
        failures, end = failures + 1, End.AWAY
        yield Rest(now() + ask_again_after(failures, luck()))
    return end


def resting(until: datetime, now: datetime) -> Script[None]:
    """Nothing before that instant, if it is to come."""
    if until > now:
        yield Rest(until)


def luck() -> float:
    """In [0, 1)."""
    return random.random()  # noqa: S311 - spreads what would come at once; no secret
