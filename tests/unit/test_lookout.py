"""At which pace an engine's threads look."""

from datetime import UTC, datetime, timedelta

import pytest

from latewood.serving.lookout import rest_s

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("took_s", "due_in_s", "expected"),
    [(0.0, None, 1.0), (0.01, 60, 1.0), (0.01, 0.4, 0.4), (0.01, -5, 0.05), (3.0, None, 30.0), (3.0, 7, 7.0)],
)
def test_it_rests_ten_times_as_long_as_it_looked_and_is_there_for_what_is_due(took_s, due_in_s, expected):
    soonest = None if due_in_s is None else NOW + timedelta(seconds=due_in_s)
    assert rest_s(took_s, soonest, NOW) == expected
