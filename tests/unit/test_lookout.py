"""At which pace an engine's threads look."""

from datetime import UTC, datetime, timedelta
from queue import Empty, Queue
from threading import Event

import pytest

from latewood.serving import lookout
from latewood.serving.absence import Absence
from latewood.serving.lookout import Growth, looking, rest_s

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("took_s", "due_in_s", "expected"),
    [(0.0, None, 1.0), (0.01, 60, 1.0), (0.01, 0.4, 0.4), (0.01, -5, 0.05), (3.0, None, 30.0), (3.0, 7, 7.0)],
)
def test_it_rests_ten_times_as_long_as_it_looked_and_is_there_for_what_is_due(took_s, due_in_s, expected):
    soonest = None if due_in_s is None else NOW + timedelta(seconds=due_in_s)
    assert rest_s(took_s, soonest, NOW) == expected


@pytest.mark.parametrize(("is_due", "looks_again"), [(False, False), (True, True)])
def test_where_nothing_is_due_it_is_looked_again_once_the_log_has_grown(monkeypatch, is_due, looks_again):
    monkeypatch.setattr(lookout, "LOOK_S", 0.01)
    growth, looks = Growth(lambda: 5), Queue()
    assert growth.end() == 5
    growth.told(6)

    def look():
        looks.put(growth.end())
        return NOW if is_due else None

    with looking("test", look, lambda: NOW, Event(), Absence(), growth):
        assert looks.get(timeout=10) == 6
        try:
            assert looks.get(timeout=0.3) == 6
            assert looks_again
        except Empty:
            assert not looks_again
        growth.told(7)
        while looks.get(timeout=10) != 7:
            pass


def test_what_went_wrong_is_looked_at_again_though_the_log_does_not_grow(monkeypatch):
    monkeypatch.setattr(lookout, "LOOK_S", 0.01)
    looks = Queue()

    def look():
        looks.put(True)
        raise OSError("no")

    with looking("test", look, lambda: NOW, Event(), Absence(), Growth(lambda: 5)):
        assert looks.get(timeout=10)
        assert looks.get(timeout=10)
