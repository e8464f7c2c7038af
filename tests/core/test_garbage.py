"""What may be removed from the store, and what may not."""

from datetime import UTC, datetime, timedelta

import pytest

from latewood.decide.garbage import GRACE, Reach, Stored, garbage

NOW = datetime(2013, 3, 1, tzinfo=UTC)
RECORDED = {
    "head.json": Reach(reached=True, collected=False),
    "old.json": Reach(reached=False, collected=False),
    "gone.json": Reach(reached=False, collected=True),
    "back.json": Reach(reached=True, collected=True),
}


def judged(*names: str, age: timedelta = timedelta(days=900)) -> dict[str, str]:
    found = garbage([Stored(name, 1, NOW - age) for name in names], RECORDED, NOW)
    kinds = ("versions", "left_over", "unrecorded", "kept")
    return {file.name: kind for kind in kinds for file in getattr(found, kind)}


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=900)])
def test_what_is_recorded_is_judged_by_the_log_whatever_the_files_age(age):
    assert judged(*RECORDED, age=age) == {
        "head.json": "kept",
        "old.json": "versions",
        "gone.json": "left_over",
        "back.json": "kept",
    }


def test_what_was_never_recorded_has_a_grace_period():
    names = ("ab.json", "ab.pandas.parquet", "ab.file.csv", "ab.dir", "staged/71-ab-0")
    assert set(judged(*names).values()) == {"unrecorded"}
    assert set(judged(*names, age=GRACE).values()) == {"unrecorded"}
    assert set(judged(*names, age=GRACE - timedelta(seconds=1)).values()) == {"kept"}


def test_what_events_name_stays_for_ever():
    assert set(judged("ab.log", "ab.tar.gz", "ab.versions").values()) == {"kept"}
