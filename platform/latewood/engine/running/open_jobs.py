"""Jobs that may go on in their systems whatever becomes of the attempts that they were, until they are ended there."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from latewood.decide.jobs import SUBMIT_PATIENCE, Attach, Look, Submit, after_finding, ask_again_after, first
from latewood.engine.running.asks import Remote, Rest, Script
from latewood.engine.running.connected import ToCancel, ToFind, Unanswered

CANCEL_PATIENCE: Final = timedelta(minutes=1)
"""For how long a system that cannot be reached is asked to end a job."""


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
    """Have it ended in its system, if it is there; whether that says so in time. One that refuses has said no."""
    return (yield from _asked_to_end(job, now, patience)) is True


def cleared(job: OpenJob, now: Callable[[], datetime]) -> Script[bool]:
    """Have it ended, so that another one can take its place; False where its system cannot be reached for that."""
    return (yield from _asked_to_end(job, now, SUBMIT_PATIENCE)) is not None


def _asked_to_end(job: OpenJob, now: Callable[[], datetime], patience: timedelta) -> Script[bool | None]:
    """Whether it is over, False where its system refuses to say or do so, None where that cannot be reached in time."""
    failures, since = 0, now()
    until = since + patience
    next_ = first(was_prepared=True, handle=job.handle, now=now())
    while now() < until:
        match next_:
            case Submit():
                return True  # it never was
            case Attach(handle=handle):
                answer = yield Remote(job.connector, ToCancel(handle))
                if not isinstance(answer, Unanswered):
                    return True
            case Look(at=at):
                yield from resting(at, now())
                answer = yield Remote(job.connector, ToFind(job.key, since))
                if not isinstance(answer, Unanswered):
                    next_ = after_finding(answer, now())
                    continue
        if not answer.passes:
            return False
        failures += 1
        yield Rest(now() + ask_again_after(failures, luck()))
    return None


def resting(until: datetime, now: datetime) -> Script[None]:
    """Nothing before that instant, if it is to come."""
    if until > now:
        yield Rest(until)


def luck() -> float:
    """In [0, 1)."""
    return random.random()  # noqa: S311 - spreads what would come at once; no secret
