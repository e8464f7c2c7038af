"""Stories of grids: shops in regions, day by day; how places are named, chosen and read."""

from datetime import UTC, datetime

import msgspec
import pytest

from latewood.errors import DefinitionError, UsageError
from latewood.model.grids import GridKey
from latewood.model.mappings import (
    Along,
    Followed,
    Mapping,
    along,
    check_mapping,
    default_mapping,
    downstream_ordinals,
    reads_earlier,
    upstream_ordinals,
)
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import count, describe, key_at, ordinal_of, parse_partitions, range_at, window_at
from latewood.model.relations import All, FixedKeys, Identity, Last, Offset, WindowOverlap
from latewood.model.scheme_kinds import Daily, Dynamic, Grid, Monthly, Static
from latewood.model.schemes import Scheme, title

NOW = datetime(2013, 6, 15, 12, tzinfo=UTC)
DAYS = Daily("2013-01-01", "2013-04-01")
REGIONS = Static(["eu", "us"])
SALES = Grid(day=DAYS, region=REGIONS)
OPEN = Grid(region=REGIONS, day=Daily("2013-01-01"))


def chosen(scheme, text, now=NOW):
    return describe(scheme, parse_partitions(scheme, text, now))


def reads(mapping, up, down, key):
    return describe(up, upstream_ordinals(mapping, up, down, ordinal_of(down, key), NOW))


def test_a_grid_has_every_combination_in_the_order_of_its_dimensions():
    assert count(SALES, NOW) == 180
    assert [key_at(SALES, o) for o in (0, 1, 2, 179)] == [
        "day=2013-01-01, region=eu",
        "day=2013-01-01, region=us",
        "day=2013-01-02, region=eu",
        "day=2013-03-31, region=us",
    ]
    assert title(SALES) == "grid of day: daily from 2013-01-01 to 2013-04-01 (UTC), region: static (eu, us)"


def test_a_dimension_that_grows_leads_so_that_ordinals_stay():
    assert key_at(OPEN, 2) == "region=eu, day=2013-01-02"
    assert count(OPEN, NOW) == 2 * 165
    assert count(OPEN, datetime(2013, 6, 16, 12, tzinfo=UTC)) == 2 * 166


def test_a_key_is_read_whatever_the_order_of_its_parts():
    assert ordinal_of(SALES, "region=us,day=2013-01-02") == ordinal_of(SALES, "day=2013-01-02, region=us") == 3
    assert GridKey(key_at(SALES, 3)).parts == {"day": "2013-01-02", "region": "us"}


def test_a_partition_has_the_window_of_its_dimension_of_time():
    assert window_at(SALES, 3).start.isoformat() == "2013-01-02T00:00:00+00:00"
    found = range_at(SALES, (3, 4))
    assert (found.first, found.window) == ("day=2013-01-02, region=us", window_at(SALES, 3))
    assert range_at(Grid(a=REGIONS, b=Static(["x"])), (0, 1)).window is None


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("region=eu, day=2013-01-01..2013-01-07", "day=2013-01-01..2013-01-07, region=eu"),
        ("region=eu", "day=2013-01-01..2013-03-31, region=eu"),
        ("day=2013-02", "day=2013-02-01..2013-02-28, region=eu..us"),
        ("day=2013-01-01, 2013-01-03, region=us", "day=2013-01-01, 2013-01-03, region=us"),
        ("day=2013-02, -2013-02-14, region=us", "day=2013-02-01..2013-02-13, 2013-02-15..2013-02-28, region=us"),
        ("day=2013-01-01, region=eu; day=2013-03-01", "day=2013-01-01, region=eu; day=2013-03-01, region=eu..us"),
        ("*", "day=2013-01-01..2013-03-31, region=eu..us"),
    ],
)
def test_choices(text, description):
    assert chosen(SALES, text) == description


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2013-01-01", 'partition "2013-01-01": expected dimension=key, found "2013-01-01"'),
        ("regin=eu", 'no dimension "regin"; did you mean region?'),
        ("colour=red", 'no dimension "colour"; there are day, region'),
        ("region=eu, region=us", 'expected each dimension once, found "region" twice'),
        ("region=eus", 'region: partition "eus": did you mean'),
        ("day=2014-01-01", 'day: partition "2014-01-01": expected a key from 2013-01-01 to 2013-03-31'),
        ("", "expected dimension=key"),
    ],
)
def test_choices_that_denote_nothing(text, message):
    with pytest.raises(UsageError) as refused:
        parse_partitions(SALES, text, NOW)
    assert message in str(refused.value)


@pytest.mark.parametrize("key", ["day=2013-01-01", "day=2013-01-01, region=eu; day=2013-01-02, region=eu", "*"])
def test_a_key_names_every_dimension(key):
    with pytest.raises(UsageError, match="expected one key of each dimension, day=…, region=…"):
        ordinal_of(SALES, key)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid(day=DAYS), "expected at least two dimensions, found 1"),
        (lambda: Grid(day=DAYS, region=["eu"]), "expected a partition scheme for region"),
        (lambda: Grid(sales=SALES, region=REGIONS), "expected a partition scheme for sales"),
        (lambda: Grid(day=DAYS, region=Static(["a=b"])), 'without "=" and ";" for region, found "a=b"'),
        (lambda: Grid(day=Daily("2013-01-01"), shop=Dynamic("shops")), "expected one dimension at most that grows"),
        (lambda: Grid(a=DAYS, b=DAYS, c=DAYS, d=REGIONS), "expected at most 1,000,000 combinations, found 1,458,000"),
    ],
)
def test_grids_that_cannot_be(make, message):
    with pytest.raises(DefinitionError, match=message):
        make()


# ── what is read ─────────────────────────────────────────────────────────────────────────────────────────


def test_dimensions_of_one_name_go_by_their_own_default():
    monthly = Grid(day=Monthly("2013-01", "2013-04"), region=REGIONS)
    assert default_mapping(SALES, SALES) == Identity()
    by_month = default_mapping(SALES, monthly)
    assert by_month == Along(
        dimensions=(
            Followed(up="day", down="day", mapping=WindowOverlap()),
            Followed(up="region", down="region", mapping=Identity()),
        )
    )
    assert reads(by_month, SALES, monthly, "day=2013-02, region=us") == "day=2013-02-01..2013-02-28, region=us"


def test_what_only_one_side_has_is_read_in_full_or_does_not_count():
    shops = Grid(day=DAYS, shop=Static(["a", "b"]))
    mapping = default_mapping(SALES, shops)
    assert reads(mapping, SALES, shops, "day=2013-01-05, shop=b") == "day=2013-01-05, region=eu..us"
    read_by = downstream_ordinals(mapping, SALES, shops, parse_partitions(SALES, "day=2013-01-05", NOW), NOW)
    assert describe(shops, read_by) == "day=2013-01-05, shop=a..b"


def test_a_plain_scheme_goes_with_the_dimension_that_is_the_same_or_is_time():
    assert reads(default_mapping(DAYS, SALES), DAYS, SALES, "day=2013-01-05, region=eu") == "2013-01-05"
    assert reads(default_mapping(SALES, DAYS), SALES, DAYS, "2013-01-05") == "day=2013-01-05, region=eu..us"
    assert reads(default_mapping(SALES, REGIONS), SALES, REGIONS, "eu") == "day=2013-01-01..2013-03-31, region=eu"
    months = Monthly("2013-01", "2013-04")
    assert reads(default_mapping(months, SALES), months, SALES, "day=2013-02-05, region=eu") == "2013-02"
    assert default_mapping(None, SALES) == default_mapping(SALES, None) == All()


def test_dimensions_may_be_read_otherwise():
    mapping = along(SALES, SALES, {"region": All(), "day": Offset(by=-1)})
    assert check_mapping(mapping, SALES, SALES) is None
    assert reads(mapping, SALES, SALES, "day=2013-01-05, region=us") == "day=2013-01-04, region=eu..us"
    assert reads(mapping, SALES, SALES, "day=2013-01-01, region=us") == ""
    first = along(SALES, SALES, {"region": FixedKeys(keys=("us",)), "day": Last()})
    assert reads(first, SALES, SALES, "day=2013-01-05, region=eu") == "day=2013-03-31, region=us"


@pytest.mark.parametrize(
    ("up", "down", "said", "message"),
    [
        (SALES, SALES, {"dya": All()}, 'no dimension "dya" upstream; did you mean day?'),
        (SALES, Grid(day=DAYS, region=Static(["eu"])), {}, 'dimension "region": no default leads from'),
        (SALES, Grid(day=DAYS, shop=REGIONS), {"region": Identity()}, "Identity needs this dimension on both sides"),
        (SALES, Grid(a=REGIONS, b=REGIONS), {}, "no default leads from"),
        (REGIONS, Grid(day=DAYS, a=REGIONS, b=REGIONS), {}, "no default leads from"),
    ],
)
def test_what_cannot_be_read_along_dimensions(up, down, said, message):
    with pytest.raises(DefinitionError) as refused:
        along(up, down, said)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (Offset(by=-1), 'Offset goes along one dimension: say dimensions={"day": -1}'),
        (Last(), 'say dimensions={"day": "last"}'),
        (FixedKeys(keys=("day=2013-01-01",)), "expected one key of each dimension"),
        (along(SALES, SALES, {"region": FixedKeys(keys=("eus",))}), 'dimension "region": keys: partition "eus"'),
        (along(SALES, SALES, {"day": Offset(by=-90)}), "would never read anything"),
    ],
)
def test_mappings_of_a_grid_that_cannot_work(mapping, message):
    assert message in (check_mapping(mapping, SALES, SALES) or "")


def test_what_reads_itself_reads_what_comes_before_it():
    yesterday, all_of_yesterday = (
        along(SALES, SALES, said) for said in ({"day": Offset(by=-1)}, {"day": Offset(by=-1), "region": All()})
    )
    assert reads_earlier(yesterday, SALES)
    assert reads_earlier(all_of_yesterday, SALES)
    regions_first = Grid(region=REGIONS, day=DAYS)
    assert reads_earlier(along(regions_first, regions_first, {"day": Offset(by=-1)}), regions_first)
    # eu of one day would read us of the day before, which comes later.
    crossed = along(regions_first, regions_first, {"day": Offset(by=-1), "region": All()})
    assert not reads_earlier(crossed, regions_first)
    assert not reads_earlier(along(SALES, SALES, {"day": Offset(by=1)}), SALES)


def test_a_grid_that_was_deployed_otherwise_since_is_refused_by_name():
    mapping = default_mapping(SALES, DAYS)
    with pytest.raises(DefinitionError, match="not what they were when this was deployed; upstream is grid of date"):
        upstream_ordinals(mapping, Grid(date=DAYS, region=REGIONS), DAYS, 0, NOW)


def test_a_hundred_thousand_places_are_few_boxes():
    large = Grid(region=Static([f"r{n}" for n in range(100)]), day=Daily("2013-01-01", "2015-09-28"))
    assert count(large, NOW) == 100_000
    half = parse_partitions(large, "day=2013", NOW)
    assert describe(large, half) == "region=r0..r99, day=2013-01-01..2013-12-31"
    assert len(half.ranges) == 100
    assert parse_partitions(large, "*", NOW) == Ordinals.between(0, 100_000)


@pytest.mark.parametrize("scheme", [SALES, OPEN, Grid(shop=Dynamic("shops"), region=REGIONS), Dynamic("shops")])
def test_grids_survive_the_log(scheme):
    assert msgspec.json.decode(msgspec.json.encode(scheme), type=Scheme) == scheme


def test_what_is_read_along_dimensions_survives_the_log():
    mapping = default_mapping(SALES, DAYS)
    assert msgspec.json.decode(msgspec.json.encode(mapping), type=Mapping) == mapping
