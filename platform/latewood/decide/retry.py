"""Whether a failed attempt is followed by another, and when.

The delays are those of tenacity's `wait_exponential_jitter`. The class itself is no pure function: it draws
from the global random generator, and the state it wants as argument reads the clock; its import would cost
every start 20 ms. So its one line of arithmetic stands here, and a test holds it against tenacity's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from latewood.model.policies import Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAt:
    """Try again, not before `at`."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """No further attempt, and why: a clause that people read."""

    reason: str


def after_failure(
    policy: Retry, attempt: int, failed_at: datetime, random_unit: float, *, deadline: datetime | None = None
) -> RetryAt | GiveUp:
    """What follows the failure of the `attempt`-th attempt, counted from 1.

    `random_unit` is a random number, 0 <= r < 1; `deadline` the instant when all attempts must have ended.
    """
    if attempt > policy.retries_max:
        return GiveUp(reason=f"attempt {attempt} of {policy.retries_max + 1} failed")
    at = failed_at + _delay(policy, attempt, random_unit)
    if deadline is not None and at >= deadline:
        return GiveUp(reason=f"the next attempt would start at {at.isoformat()}, not before the deadline")
    return RetryAt(at=at)


def time_left(deadline: datetime | None, now: datetime) -> timedelta | None:
    """How long an attempt may run that begins now, of the time for all of them; None where that is not limited.

    None may be left, or less than that: then it is not to begin.
    """
    return None if deadline is None else deadline - now


def shorter(*limits: timedelta | None) -> timedelta | None:
    """The shortest of these limits; None where there is none."""
    return min((limit for limit in limits if limit is not None), default=None)


def _delay(policy: Retry, attempt: int, random_unit: float) -> timedelta:
    backoff_s, cap_s = policy.backoff.total_seconds(), policy.cap.total_seconds()
    try:
        delay_s = backoff_s * float(policy.factor) ** (attempt - 1) + policy.jitter * backoff_s * random_unit
    except OverflowError:  # far beyond any cap
        return policy.cap
    return timedelta(seconds=min(delay_s, cap_s))
