"""How long attempts may take, and what one has failed of where that was too long: `Timeouts.queued` and `total`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from latewood.events import Failure, FailureKind
from latewood.model.definitions import TaskDefinition
from latewood.model.policies import QUOTA

TOO_LONG: Final = "WaitedTooLong"
"""The error of an attempt that was never begun."""

A_WORKER: Final = "a free worker: more `--workers`, or another `latewood engine`, would have one sooner"

ANOTHER_RUN: Final = "another run that computes the same, which `latewood runs` shows"


def waits_until(task: TaskDefinition, since: datetime) -> datetime | None:
    """Until when an attempt may wait that could begin `since`; None for as long as it takes."""
    limit = task.timeouts.queued
    return None if limit is None else since + limit


def slots_of(pools: Sequence[str]) -> str:
    """What a step waits for that takes part in these pools, and where they are looked at and changed."""
    names = " and of ".join("the quota" if name == QUOTA else f"pool {name}" for name in pools)
    ways = " or ".join("`latewood quota N`" if name == QUOTA else f"`latewood pools set {name} N`" for name in pools)
    return f"a slot of {names}: `latewood pools` shows who has them, {ways} makes more"


def waited_too_long(task: TaskDefinition, until: datetime, now: datetime, awaited: str) -> Failure:
    """That of an attempt at a task with the limit that could wait `until`, and waits `now` for what was `awaited`."""
    limit = task.timeouts.queued
    assert limit is not None, "else it waits on"
    waited_s = max(limit, now - until + limit).total_seconds()
    message = (
        f"not begun within {limit.total_seconds():g} s: it waited {round(waited_s, 1):g} s for {awaited}; "
        "a longer Timeouts(queued=…), or retries=Retry(…), waits on"
    )
    return Failure(kind=FailureKind.TIMEOUT, error=TOO_LONG, message=message)


def out_of_time(task: TaskDefinition, failure: Failure | None = None) -> Failure:
    """The failure of an attempt, once the time for all of them is over; without one that of which was not begun."""
    limit = task.timeouts.total
    assert limit is not None, "else it is never over"
    all_ = f"all attempts together may take {limit.total_seconds():g} s"
    if failure is None:
        return Failure(kind=FailureKind.TIMEOUT, error="TimeoutError", message=f"not begun any more; {all_}")
    is_why = failure.kind is FailureKind.TIMEOUT and was_begun(failure)
    return replace(failure, message=f"{failure.message}; {all_}") if is_why else failure


def was_begun(failure: Failure) -> bool:
    """Whether the attempt that failed so was begun at all."""
    return not (failure.kind is FailureKind.TIMEOUT and failure.error == TOO_LONG)
