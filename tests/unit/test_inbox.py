"""What is due at a time is done when that much time has passed, however the clock is set meanwhile."""

from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import pytest

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


def test_what_is_told_is_done_before_what_is_due():
    inbox, done = Inbox(lambda: datetime(2024, 1, 1, tzinfo=UTC)), []
    inbox.after(0, lambda: done.append("due"))
    inbox.put(lambda: done.append("told"))
    inbox.hear()
    assert done == ["told", "due"]
