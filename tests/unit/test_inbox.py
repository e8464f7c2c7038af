"""What is due at a time is done when that much time has passed, however the clock is set meanwhile."""

from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import pytest

from latewood.engine.running.steady import steady
from latewood.serving.inbox import Inbox


@pytest.mark.parametrize(
    "jump", [timedelta(hours=-2), timedelta(0), timedelta(days=400)], ids=["back", "none", "forth"]
)
def test_a_clock_that_is_set_moves_no_timer(jump):
    now, done = datetime(2024, 10, 27, tzinfo=UTC), []
    inbox = Inbox(lambda: now)
    inbox.at(now + timedelta(milliseconds=20), lambda: done.append("soon"))
    inbox.after(0.01, lambda: done.append("sooner"))
    inbox.at(now + timedelta(hours=1), lambda: done.append("later"))
    now += jump
    deadline = monotonic() + 5
    while len(done) < 2 and monotonic() < deadline:
        inbox.put(lambda: sleep(0.001))
        inbox.hear()
    assert done == ["sooner", "soon"]


def test_waiting_is_measured_by_what_has_passed():
    now = [datetime(2024, 10, 27, tzinfo=UTC)]
    clock = steady(lambda: now[0])
    first = clock()
    now[0] += timedelta(days=400)
    sleep(0.01)
    assert timedelta(milliseconds=10) <= clock() - first < timedelta(minutes=1)
    assert timedelta(0) <= first - datetime(2024, 10, 27, tzinfo=UTC) < timedelta(minutes=1)


def test_who_hears_waits_no_longer_than_it_wants_to():
    inbox, done = Inbox(lambda: datetime(2024, 1, 1, tzinfo=UTC)), []
    inbox.after(60, lambda: done.append("due"))
    begun = monotonic()
    inbox.hear(0.01)
    assert 0.01 <= monotonic() - begun < 10
    assert done == []


def test_what_is_told_is_done_before_what_is_due():
    inbox, done = Inbox(lambda: datetime(2024, 1, 1, tzinfo=UTC)), []
    inbox.after(0, lambda: done.append("due"))
    inbox.put(lambda: done.append("told"))
    inbox.hear()
    assert done == ["told", "due"]
