"""Many version ids in few characters."""

import pytest

from latewood.decide.versions import compact, expand


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([], ""),
        (["r.5"], "r.5"),
        (["r.5", "r.6", "r.7"], "r.5-7"),
        (["r.5", "r.7"], "r.5,r.7"),
        (["r.5", "s.6"], "r.5,s.6"),
        (["r.7", "r.6"], "r.7,r.6"),
        (["r.5", "r.5"], "r.5,r.5"),
        (["r.0", "r.1", "s.2", "s.3", "r.2"], "r.0-1,s.2-3,r.2"),
    ],
)
def test_runs_of_neighbours_are_ranges(ids, text):
    assert compact(ids) == text
    assert list(expand(text)) == ids


def test_a_years_partitions_are_one_range():
    assert compact(f"7k2m9q4t8w1x.{step}" for step in range(12, 377)) == "7k2m9q4t8w1x.12-376"
