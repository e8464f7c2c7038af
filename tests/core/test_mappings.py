"""Stories of what partitions read: days, months and hours of New York, and regions."""

from datetime import UTC, datetime

import msgspec
import pytest

from latewood.errors import DefinitionError
from latewood.model.mappings import (
    Mapping,
    check_mapping,
    default_mapping,
    downstream_ordinals,
    reads_several,
    upstream_ordinals,
    upstream_ranges,
)
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import count, describe, ordinal_of, parse_partitions
from latewood.model.relations import All, FixedKeys, Identity, Last, Offset, Parallel, Shared, WindowOverlap
from latewood.model.scheme_kinds import Daily, Hourly, Monthly, Static, Weekly

NEW_YORK = "America/New_York"
NOW = datetime(2013, 6, 15, 12, tzinfo=UTC)
DAYS = Daily("2013-01-01", "2014-01-01", timezone=NEW_YORK)
MONTHS = Monthly("2013-01-01", "2014-01-01", timezone=NEW_YORK)
HOURS = Hourly("2013-01-01", "2014-01-01", timezone=NEW_YORK)
REGIONS = Static(["eu", "us", "apac"])


def reads(mapping, up, down, key):
    return describe(up, upstream_ordinals(mapping, up, down, ordinal_of(down, key), NOW))


def read_by(mapping, up, down, keys):
    return describe(down, downstream_ordinals(mapping, up, down, parse_partitions(up, keys, NOW), NOW))


@pytest.mark.parametrize(
    ("mapping", "up", "down", "several"),
    [
        (Identity(), DAYS, DAYS, False),
        (Offset(by=-1), DAYS, DAYS, False),
        (Last(), DAYS, None, False),
        (All(), DAYS, None, True),
        (All(), Static(["one"]), None, False),
        (All(), None, DAYS, False),
        (FixedKeys(keys=["eu"]), REGIONS, None, False),
        (FixedKeys(keys=["eu", "eu"]), REGIONS, None, False),
        (FixedKeys(keys=["eu", "us"]), REGIONS, None, True),
        (WindowOverlap(), DAYS, MONTHS, True),
        (WindowOverlap(), MONTHS, DAYS, False),
        (WindowOverlap(), DAYS, HOURS, False),
        (WindowOverlap(), DAYS, Daily("2013-02-01", timezone=NEW_YORK), False),
        (WindowOverlap(), DAYS, Daily("2013-02-01", "2013-03-01", timezone="Europe/Berlin"), True),
        (WindowOverlap(), Hourly("2013-01-01"), Hourly("2013-01-01", timezone=NEW_YORK), False),
        (WindowOverlap(), Hourly("2013-01-01"), Hourly("2013-01-01", timezone="Asia/Kathmandu"), True),
        (WindowOverlap(), Weekly("2013-01-07", timezone=NEW_YORK), MONTHS, True),
        # A week lies in two months, but not the one week there is.
        (WindowOverlap(), MONTHS, Weekly("2013-01-07", "2013-01-14", timezone=NEW_YORK), False),
        (WindowOverlap(), MONTHS, Weekly("2013-01-07", timezone=NEW_YORK), True),
        # The only boundary between the months there are is before the first week.
        (WindowOverlap(), Monthly("2013-01", "2013-03"), Weekly("2013-02-04"), False),
    ],
)  # fmt: skip
def test_who_may_read_several_partitions(mapping, up, down, several):
    assert reads_several(mapping, up, down) is several


def test_defaults():
    assert default_mapping(None, None) == Identity()
    assert default_mapping(DAYS, DAYS) == Identity()
    assert default_mapping(None, DAYS) == default_mapping(DAYS, None) == All()
    assert default_mapping(DAYS, MONTHS) == WindowOverlap()
    with pytest.raises(DefinitionError, match=r"static \(eu, us, apac\).*say which ones are read: From\("):
        default_mapping(DAYS, REGIONS)
    with pytest.raises(DefinitionError):
        default_mapping(REGIONS, Static(["eu", "us"]))


def test_a_month_reads_its_days_and_a_day_its_month():
    overlap = WindowOverlap()
    assert reads(overlap, DAYS, MONTHS, "2013-03") == "2013-03-01..2013-03-31"
    assert reads(overlap, MONTHS, DAYS, "2013-03-10") == "2013-03"
    assert reads(overlap, HOURS, DAYS, "2013-11-03") == "2013-11-03T00..2013-11-03T23"
    assert read_by(overlap, DAYS, MONTHS, "2013-03-31..2013-04-01, 2013-12-31") == "2013-03..2013-04, 2013-12"


def test_windows_of_different_zones_overlap_by_instants():
    utc_days = Daily("2013-01-01", "2014-01-01")
    assert reads(WindowOverlap(), utc_days, DAYS, "2013-06-01") == "2013-06-01..2013-06-02"
    assert reads(WindowOverlap(), utc_days, DAYS, "2013-12-31") == "2013-12-31"


def test_a_month_partly_covered_by_days_reads_those_there_are():
    from_mid_march = Daily("2013-03-15", "2013-05-01", timezone=NEW_YORK)
    assert reads(WindowOverlap(), from_mid_march, MONTHS, "2013-03") == "2013-03-15..2013-03-31"
    assert reads(WindowOverlap(), from_mid_march, MONTHS, "2013-02") == ""
    assert reads(WindowOverlap(), from_mid_march, MONTHS, "2013-06") == ""


def test_an_open_upstream_has_only_what_is_over():
    days = Daily("2013-01-01", timezone=NEW_YORK)
    assert reads(WindowOverlap(), days, MONTHS, "2013-06") == "2013-06-01..2013-06-14"
    assert reads(Last(), days, MONTHS, "2013-01") == "2013-06-14"


def test_identity_goes_by_key_where_schemes_begin_on_different_days():
    later = Daily("2013-02-01", "2014-06-01", timezone=NEW_YORK)
    assert reads(Identity(), DAYS, later, "2013-02-03") == "2013-02-03"
    assert reads(Identity(), DAYS, later, "2014-02-03") == ""
    assert reads(Identity(), later, DAYS, "2013-01-31") == ""
    assert reads(Identity(), later, DAYS, "2013-02-01") == "2013-02-01"
    assert reads(Identity(), REGIONS, Static(["asia", "apac", "eu"]), "apac") == "apac"
    assert reads(Identity(), REGIONS, Static(["asia", "apac", "eu"]), "asia") == ""


def test_the_first_day_has_no_yesterday_and_the_last_no_tomorrow():
    assert reads(Offset(by=-1), DAYS, DAYS, "2013-01-01") == ""
    assert reads(Offset(by=-1), DAYS, DAYS, "2013-01-02") == "2013-01-01"
    assert reads(Offset(by=1), DAYS, DAYS, "2013-12-31") == ""
    assert read_by(Offset(by=-1), DAYS, DAYS, "2013-12-30..2013-12-31") == "2013-12-31"


def test_some_read_the_same_whatever_they_are():
    assert reads(All(), REGIONS, DAYS, "2013-01-01") == "eu..apac"
    assert reads(Last(), REGIONS, DAYS, "2013-01-01") == "apac"
    assert reads(FixedKeys(keys=("apac", "eu")), REGIONS, DAYS, "2013-01-01") == "eu, apac"
    assert read_by(FixedKeys(keys=("apac", "eu")), REGIONS, MONTHS, "eu") == "2013-01..2013-12"
    assert read_by(FixedKeys(keys=("apac", "eu")), REGIONS, MONTHS, "us") == ""
    assert upstream_ordinals(All(), None, DAYS, 7, NOW) == Ordinals.between(0, 1)


def test_a_hundred_thousand_partitions_read_their_own_in_one_piece():
    days = Daily("1900-01-01", "2173-10-16", timezone=NEW_YORK)
    every = Ordinals.between(0, count(days, NOW))
    assert len(every) == 100_000
    assert upstream_ranges(Identity(), days, days, every, NOW) == (Parallel(start=0, stop=100_000, by=0),)
    assert upstream_ranges(Offset(by=-1), days, days, every, NOW) == (
        Shared(start=0, stop=1, upstream=Ordinals()),
        Parallel(start=1, stop=100_000, by=-1),
    )
    assert upstream_ranges(All(), days, days, every, NOW) == (Shared(start=0, stop=100_000, upstream=every),)


def test_days_read_their_month_in_one_piece_per_month():
    pieces = upstream_ranges(WindowOverlap(), MONTHS, DAYS, Ordinals.between(20, 365), NOW)
    assert len(pieces) == 12
    assert pieces[:2] == (
        Shared(start=20, stop=31, upstream=Ordinals.between(0, 1)),
        Shared(start=31, stop=59, upstream=Ordinals.between(1, 2)),
    )


@pytest.mark.parametrize(
    ("mapping", "up", "down"),
    [
        (Identity(), None, None),
        (Identity(), REGIONS, Static(["us", "asia"])),
        (WindowOverlap(), HOURS, MONTHS),
        (WindowOverlap(), DAYS, Monthly("2013-12")),
        (All(), None, DAYS),
        (Last(), REGIONS, None),
        (Offset(by=-1), DAYS, DAYS),
        (Offset(by=1), REGIONS, REGIONS),
        (FixedKeys(keys=("eu",)), REGIONS, None),
    ],
)
def test_mappings_that_work(mapping, up, down):
    assert check_mapping(mapping, up, down) is None


@pytest.mark.parametrize(
    ("mapping", "up", "down", "reason"),
    [
        (Identity(), DAYS, MONTHS, "Identity needs partitions with the same keys on both sides; upstream is daily"),
        (Identity(), DAYS, Daily("2013-01-01"), "needs partitions with the same keys"),
        (Identity(), Weekly("2013-01-01"), Weekly("2013-01-02"), "needs partitions with the same keys"),
        (Identity(), None, DAYS, "upstream is unpartitioned"),
        (Identity(), REGIONS, Static(["asia"]), "would never read anything"),
        (Identity(), DAYS, Daily("2014-01-01", timezone=NEW_YORK), "would never read anything"),
        (Offset(by=-1), None, None, "Offset needs partitions"),
        (Offset(by=-365), DAYS, DAYS, "would never read anything"),
        (WindowOverlap(), REGIONS, DAYS, "WindowOverlap needs windows of time on both sides"),
        (WindowOverlap(), DAYS, Monthly("2014-02"), "would never read anything"),
        (WindowOverlap(), DAYS, Monthly("2012-01", "2013-01", timezone=NEW_YORK), "would never read anything"),
        (FixedKeys(keys=("eu", "uss")), REGIONS, DAYS, 'keys: partition "uss": did you mean us'),
        (FixedKeys(keys=("eu",)), None, DAYS, "not partitioned"),
        (FixedKeys(keys=()), REGIONS, DAYS, "expected at least one key"),
    ],
)
def test_mappings_that_cannot_work(mapping, up, down, reason):
    assert reason in (check_mapping(mapping, up, down) or "")


@pytest.mark.parametrize("mapping", [Identity(), WindowOverlap(), Last(), All(), Offset(by=-1), FixedKeys(keys=("a",))])
def test_mappings_survive_the_log(mapping):
    assert msgspec.json.decode(msgspec.json.encode(mapping), type=Mapping) == mapping
