from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tenacity import wait_exponential

from latewood.decide.retry import GiveUp, RetryAt, after_failure, shorter, time_left
from latewood.model.policies import Retry

T0 = datetime(2013, 3, 31, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("attempt", "random_unit", "expected"),
    [
        (1, 0.0, RetryAt(at=T0 + 1 * SECOND)),
        (2, 0.0, RetryAt(at=T0 + 2 * SECOND)),
        (3, 0.0, RetryAt(at=T0 + 4 * SECOND)),
        (3, 0.5, RetryAt(at=T0 + 4.5 * SECOND)),
        (4, 0.0, RetryAt(at=T0 + 6 * SECOND)),
        (4, 0.5, RetryAt(at=T0 + 6 * SECOND)),
        (5, 0.0, GiveUp(reason="attempt 5 of 5 failed")),
    ],
)
def test_delays_double_up_to_the_cap_until_the_budget_is_used(attempt, random_unit, expected):
    policy = Retry(4, backoff=SECOND, factor=2, cap=6 * SECOND)
    assert after_failure(policy, attempt, T0, random_unit) == expected


def test_without_a_policy_the_first_failure_is_the_last():
    assert after_failure(Retry(), 1, T0, 0.0) == GiveUp(reason="attempt 1 of 1 failed")


def test_without_backoff_the_retry_is_at_once():
    assert after_failure(Retry(3, backoff=timedelta(0)), 3, T0, 0.9) == RetryAt(at=T0)


def test_no_retry_starts_past_the_deadline():
    policy = Retry(3, backoff=10 * SECOND)
    assert after_failure(policy, 1, T0, 0.0, deadline=T0 + 11 * SECOND) == RetryAt(at=T0 + 10 * SECOND)
    assert after_failure(policy, 1, T0, 0.0, deadline=T0 + 10 * SECOND) == GiveUp(
        reason="the next attempt would start at 2013-03-31T00:00:10+00:00, not before the deadline"
    )


def test_an_attempt_may_run_until_the_deadline_of_all_and_no_longer_than_its_own_limit():
    assert time_left(None, T0) is None
    assert time_left(T0 + 10 * SECOND, T0) == 10 * SECOND
    assert time_left(T0, T0 + SECOND) == -SECOND, "nothing is to begin any more"
    assert shorter(None, 3 * SECOND, SECOND) == SECOND
    assert shorter(None, None) is None


policies = st.builds(
    Retry,
    st.just(1_000),
    backoff=st.timedeltas(timedelta(0), timedelta(minutes=5)),
    factor=st.floats(1, 100),
    cap=st.timedeltas(timedelta(minutes=5), timedelta(days=365)),
    jitter=st.floats(0, 3),
)


@given(policies, st.integers(1, 1_000))
@settings(max_examples=100)
def test_without_luck_the_delays_are_those_of_tenacity(policy, attempt):
    wait_s = wait_exponential(multiplier=policy.backoff.total_seconds(), exp_base=policy.factor, max=policy.cap)
    delay = timedelta(seconds=wait_s(SimpleNamespace(attempt_number=attempt)))
    assert after_failure(policy, attempt, T0, 0.0) == RetryAt(at=T0 + delay)


@given(policies, st.integers(1, 1_000), st.floats(0, 1, exclude_max=True))
@settings(max_examples=100)
def test_luck_adds_at_most_the_jitter_and_never_passes_the_cap(policy, attempt, random_unit):
    plain = after_failure(policy, attempt, T0, 0.0).at
    jittered = after_failure(policy, attempt, T0, random_unit).at
    assert plain <= jittered <= T0 + policy.cap
    assert jittered - plain <= policy.jitter * policy.backoff + timedelta(microseconds=1)
