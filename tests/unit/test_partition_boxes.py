"""Partitions of a grid as boxes: the same as in a row, without a key that is worked out by who reads them."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latewood.model.ordinals import Ordinals
from latewood.model.partitions import key_at, ordinal_of
from latewood.model.scheme_kinds import Daily, Grid, Static
from latewood_graphql.nodes.partitions import Chosen

DAYS = Daily("2013-01-01", "2013-01-05")
REGIONS = Static(["eu", "us", "asia"])
SALES = Grid(region=REGIONS, day=DAYS)
SHELVES = Grid(kind=Static(["tea", "rum"]), day=Daily("2013-01-01"), region=REGIONS)


def keys_in(box):
    """What a client has of a box: along each dimension all keys of its runs."""
    along = [
        [
            (within.name, key_at(within.chosen.scheme, n))
            for found in within.chosen.ranges(1_000)
            for n in range(found["start"], found["stop"])
        ]
        for within in box.dimensions
    ]
    return [", ".join(f"{name}={key}" for name, key in place) for place in product(*along)]


@pytest.mark.parametrize("grid", [SALES, SHELVES], ids=["two", "three"])
@given(ordinals=st.sets(st.integers(0, 11) | st.integers(0, 23)))
def test_boxes_are_the_same_partitions_each_in_one_of_them(grid, ordinals):
    size = 12 if grid is SALES else 24
    chosen = Chosen(scheme=grid, ordinals=Ordinals.of(n for n in ordinals if n < size))
    boxes = list(chosen.boxes())
    keys = [key for box in boxes for key in keys_in(box)]
    assert sorted(ordinal_of(grid, key) for key in keys) == list(chosen.ordinals)
    assert sum(box.count for box in boxes) == chosen.count


@pytest.mark.parametrize("scheme", [None, DAYS])
def test_what_is_no_grid_has_none(scheme):
    assert list(Chosen(scheme=scheme, ordinals=Ordinals.of([0])).boxes()) == []
