"""What a sensor's answer means."""

from datetime import UTC, datetime, timedelta

import pytest

from latewood.context import Cursor, RunRequest, Skip
from latewood.decide.automation import Standing, run_for, timing_of
from latewood.decide.sensors import REQUESTS_MAX, Answer, answer_of, due_again, wait_after
from latewood.errors import ValueRefused
from latewood.model.automations import SensorDefinition

T0 = datetime(2026, 3, 1, tzinfo=UTC)
SENSOR = SensorDefinition(name="arrivals", selection="total", interval_s=60)


def test_requests_are_in_order_and_the_last_cursor_and_reason_count():
    said = [RunRequest("a"), Cursor("1"), None, Skip("one"), RunRequest("b", "2024"), Cursor("2"), Skip("two")]
    expected = Answer(requests=(RunRequest("a"), RunRequest("b", "2024")), cursor="2", skipped="two")
    assert answer_of(said) == expected
    assert answer_of([]) == Answer()
    assert answer_of([Cursor("")]).cursor == "", "which is not to leave it as it was"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([7], "expected RunRequest, Cursor or Skip, found 7"),
        ([RunRequest("a"), RunRequest("b"), RunRequest("a")], 'run_key "a": two run requests have it'),
        ([RunRequest("")], "run_key: expected text"),
        ([RunRequest(3)], "run_key: expected text that tells this run from all others, found 3"),
        ([RunRequest("k" * 201)], "run_key: expected at most 200 bytes, found 201"),
        ([RunRequest("a", partition=7)], 'partition of "a": expected text, found 7'),
        ([Cursor("c" * 8_193)], "cursor: expected at most 8,192 bytes"),
        ([Cursor(7)], "Cursor: expected text, found 7"),
        ([Skip(None)], "Skip: expected text, found None"),
        (
            [RunRequest(str(n)) for n in range(REQUESTS_MAX + 1)],
            "expected at most 100 run requests at a time, found 101",
        ),
    ],
)
def test_what_cannot_be_an_answer_is_refused_as_a_whole(said, message):
    with pytest.raises(ValueRefused, match=message):
        answer_of(said)


def test_after_each_failure_it_is_waited_twice_as_long_up_to_an_hour():
    assert [wait_after(n).total_seconds() for n in (1, 2, 3, 9, 10, 1_000)] == [5, 10, 20, 1_280, 2_560, 3_600]


def test_it_is_asked_again_at_once_unless_it_failed_as_it_is_now():
    failed = Standing(until=T0, timing=timing_of(SENSOR), failures=6)
    now = T0 + timedelta(seconds=1)
    assert due_again(SENSOR, Standing(), now) == now
    assert due_again(SENSOR, failed._replace(failures=0), now) == now
    assert due_again(SENSOR, failed, now) == T0 + timedelta(seconds=160)
    assert due_again(SENSOR, failed._replace(failures=1), now) == T0 + timedelta(seconds=60), "its interval is longer"
    assert due_again(SENSOR, failed._replace(timing="of other code"), now) == now
    assert due_again(SENSOR, failed, T0 - timedelta(days=1)) == T0 - timedelta(days=1), "the clock was set back"


def test_a_key_names_its_run_in_an_environment_and_for_a_sensor():
    names = ("shop", "prod", "shop.py", "arrivals")
    assert run_for(names, "a") == run_for(names, "a")
    others = [run_for(names, "b"), run_for((*names[:3], "other"), "a"), run_for(("shop", "dev", *names[2:]), "a")]
    assert len({run_for(names, "a"), *others}) == 4
