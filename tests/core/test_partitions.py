"""Stories of schemes, keys and choices; New York sets clocks forward on 2013-03-10 and back on 2013-11-03."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from latewood.errors import DefinitionError, UsageError
from latewood.model.keys import UNPARTITIONED
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import (
    TimeWindow,
    count,
    describe,
    key_at,
    keys_of,
    ordinal_meant,
    ordinal_of,
    parse_description,
    parse_partitions,
    range_at,
    window_at,
)
from latewood.model.scheme_kinds import Cron, Daily, Grid, Hourly, Monthly, Static, Weekly
from latewood.model.schemes import DynamicKeys, Scheme

NEW_YORK = "America/New_York"
NOW = datetime(2020, 1, 1, tzinfo=UTC)
DAYS = Daily("2013-01-01", "2014-01-01", timezone=NEW_YORK)
REGIONS = Static(["eu", "us", "asia pacific"])


def chosen(scheme, text, now=NOW):
    return describe(scheme, parse_partitions(scheme, text, now))


def hours_of(scheme, day):
    return [key.removeprefix(f"{day}T") for key in keys_of(scheme, parse_partitions(scheme, day, NOW))]


def test_a_year_of_days():
    assert count(DAYS, NOW) == 365
    assert key_at(DAYS, 0) == "2013-01-01"
    assert key_at(DAYS, 364) == "2013-12-31"
    assert ordinal_of(DAYS, "2013-02-01") == 31


def test_days_are_23_and_25_hours_long_when_clocks_change():
    lengths = {
        key_at(DAYS, o): window_at(DAYS, o).duration
        for o in range(365)
        if window_at(DAYS, o).duration != timedelta(hours=24)
    }
    assert lengths == {"2013-03-10": timedelta(hours=23), "2013-11-03": timedelta(hours=25)}


def test_a_window_is_in_the_zone_of_its_scheme():
    window = window_at(DAYS, ordinal_of(DAYS, "2013-06-01"))
    assert window.start.isoformat() == "2013-06-01T00:00:00-04:00"
    assert window.end.isoformat() == "2013-06-02T00:00:00-04:00"


def test_the_hour_that_clocks_skip_does_not_exist_and_the_repeated_one_is_two():
    hours = Hourly("2013-01-01", "2014-01-01", timezone=NEW_YORK)
    assert count(hours, NOW) == 365 * 24
    assert hours_of(hours, "2013-03-10")[:3] == ["00", "01", "03"]
    assert hours_of(hours, "2013-11-03")[:4] == ["00", "01", "01b", "02"]
    assert window_at(hours, ordinal_of(hours, "2013-11-03T01b")).start.isoformat() == "2013-11-03T01:00:00-05:00"
    with pytest.raises(UsageError, match="2013-03-10T02"):
        ordinal_of(hours, "2013-03-10T02")


def test_clocks_that_change_by_half_an_hour_cut_an_hour_short():
    hours = Hourly("2013-01-01", "2014-01-01", timezone="Australia/Lord_Howe")
    assert hours_of(hours, "2013-04-07")[:4] == ["00", "01", "01b", "02"]
    assert window_at(hours, ordinal_of(hours, "2013-04-07T01b")).duration == timedelta(minutes=30)
    assert hours_of(hours, "2013-10-06")[:3] == ["00", "01", "02"]
    assert window_at(hours, ordinal_of(hours, "2013-10-06T02")).duration == timedelta(minutes=30)


def test_clocks_set_back_a_minute_after_midnight_repeat_the_evening_before():
    """Newfoundland, 2010-11-07: at 00:01 clocks went back to 23:01."""
    hours = Hourly("2010-11-06", "2010-11-08", timezone="America/St_Johns")
    keys = keys_of(hours, Ordinals.between(22, 28))
    assert keys == (
        "2010-11-06T22",
        "2010-11-06T23",
        "2010-11-07T00",
        "2010-11-06T23b",
        "2010-11-07T00b",
        "2010-11-07T01",
    )
    assert [ordinal_of(hours, key) for key in keys] == [22, 23, 24, 25, 26, 27]
    days = Daily("2010-11-06", "2010-11-08", timezone="America/St_Johns")
    assert [window_at(days, o).duration for o in range(2)] == [timedelta(hours=24), timedelta(hours=25)]


def test_a_date_that_a_zone_skipped_does_not_exist():
    days = Daily("2011-12-29", "2012-01-02", timezone="Pacific/Apia")
    assert keys_of(days, Ordinals.between(0, 3)) == ("2011-12-29", "2011-12-31", "2012-01-01")
    assert count(days, NOW) == 3
    assert window_at(days, 0).end == window_at(days, 1).start


def test_a_day_without_midnight_begins_when_clocks_were_set_forward():
    days = Daily("2013-10-19", "2013-10-22", timezone="America/Sao_Paulo")
    assert window_at(days, 1).start.isoformat() == "2013-10-20T01:00:00-02:00"
    assert window_at(days, 1).duration == timedelta(hours=23)


def test_weeks_begin_on_the_weekday_of_the_start():
    weeks = Weekly("2013-01-07", "2013-02-04", timezone=NEW_YORK)
    assert keys_of(weeks, Ordinals.between(0, 4)) == ("2013-01-07", "2013-01-14", "2013-01-21", "2013-01-28")
    assert count(weeks, NOW) == 4


def test_months():
    months = Monthly("2013-01", "2014-01-01", timezone=NEW_YORK)
    assert months == Monthly("2013-01-01", date(2014, 1, 1), timezone=NEW_YORK)
    assert count(months, NOW) == 12
    assert key_at(months, 2) == "2013-03"
    assert window_at(months, 2).duration == timedelta(days=31, hours=-1)


def test_cron_at_a_fixed_time_moves_out_of_a_gap_and_occurs_once_in_a_fold():
    at_half_past_two = Cron("30 2 * * *", "2013-03-09", "2013-03-12", timezone=NEW_YORK)
    keys = keys_of(at_half_past_two, Ordinals.between(0, 3))
    assert keys == ("2013-03-09T02:30", "2013-03-10T03:00", "2013-03-11T02:30")
    at_half_past_one = Cron("30 1 * * *", "2013-11-03", "2013-11-05", timezone=NEW_YORK)
    assert keys_of(at_half_past_one, Ordinals.between(0, 2)) == ("2013-11-03T01:30", "2013-11-04T01:30")
    assert window_at(at_half_past_one, 0).duration == timedelta(hours=25)


def test_cron_of_every_half_hour_keeps_its_pace_through_a_fold():
    cron = Cron("*/30 * * * *", "2013-11-03", "2013-11-04", timezone=NEW_YORK)
    assert hours_of(cron, "2013-11-03")[2:7] == ["01:00", "01:30", "01:00b", "01:30b", "02:00"]
    assert ordinal_of(cron, "2013-11-03T01:30b") == 5
    assert chosen(cron, "2013-11-03T05") == "2013-11-03T05:00..2013-11-03T05:30"


def test_cron_goes_on_where_clocks_are_set_back_over_midnight():
    """Newfoundland again: the hour before and the minute after midnight occur twice."""
    cron = Cron("0 * * * *", "2010-11-06T23:00", "2010-11-07T02:00", timezone="America/St_Johns")
    keys = keys_of(cron, Ordinals.between(0, count(cron, NOW)))
    assert keys == ("2010-11-06T23:00", "2010-11-07T00:00", "2010-11-07T00:00b", "2010-11-07T01:00")


def test_an_open_scheme_has_the_partitions_that_are_over():
    days = Daily("2013-01-01", timezone=NEW_YORK)
    midnight = datetime(2013, 1, 4, 5, tzinfo=UTC)
    assert count(days, datetime(2012, 1, 1, tzinfo=UTC)) == 0
    assert count(days, midnight - timedelta(microseconds=1)) == 2
    assert count(days, midnight) == 3
    hours = Hourly("2013-11-03T00", timezone=NEW_YORK)
    assert count(hours, datetime(2013, 11, 3, 7, tzinfo=UTC)) == 3
    assert chosen(days, "*", midnight) == "2013-01-01..2013-01-03"
    with pytest.raises(
        UsageError, match=r'"2013-01-04": expected a key from 2013-01-01 to 2013-01-03, daily from'
    ) as no:
        parse_partitions(days, "2013-01-04", midnight)
    assert str(no.value).endswith("; 2013-01-04 is not over yet")
    with pytest.raises(UsageError, match=r"; they end before 2013-01-04$"):
        ordinal_of(Daily("2013-01-01", "2013-01-04"), "2013-01-04")
    assert ordinal_of(days, "2013-01-04") == 3
    with pytest.raises(UsageError, match="no partition is over yet"):
        parse_partitions(days, "2013-01-01", datetime(2013, 1, 1, tzinfo=UTC))


def test_the_latest_is_the_last_window_that_is_over():
    days = Daily("2013-01-01", timezone=NEW_YORK)
    midnight = datetime(2013, 1, 4, 5, tzinfo=UTC)
    assert chosen(days, "latest", midnight) == "2013-01-03"
    assert chosen(days, "latest", midnight - timedelta(microseconds=1)) == "2013-01-02"
    assert chosen(days, "2013-01-02..latest", midnight) == "2013-01-02..2013-01-03"
    assert chosen(days, "*, -latest", midnight) == "2013-01-01..2013-01-02"
    assert chosen(Daily("2013-01-01", "2013-01-03"), "latest", midnight) == "2013-01-02"
    assert ordinal_meant(days, "latest", midnight) == 2
    with pytest.raises(UsageError, match="no partition is over yet"):
        parse_partitions(days, "latest", datetime(2013, 1, 1, tzinfo=UTC))
    with pytest.raises(UsageError, match='partition "latest": expected a key from'):
        parse_description(days, "latest")


def test_the_latest_of_keys_is_the_one_that_was_added_last():
    keys = DynamicKeys(name="shops", keys=("a", "b", "c"), removed=Ordinals.between(2, 3))
    assert chosen(keys, "latest") == "b"
    assert chosen(DynamicKeys(name="shops", keys=("latest", "b")), "latest") == "latest"
    grid = Grid(day=Daily("2013-01-01", "2013-01-03"), region=Static(["eu", "us"]))
    assert chosen(grid, "day=latest, region=us") == "day=2013-01-02, region=us"
    assert ordinal_meant(grid, "day=latest, region=us", NOW) == 3
    with pytest.raises(UsageError, match="expected one, found 2"):
        ordinal_meant(grid, "day=latest", NOW)
    for scheme, message in ((Static(["eu", "us"]), "expected one of"), (DynamicKeys(name="shops"), "has no such key")):
        with pytest.raises(UsageError, match=f'partition "latest": .*{message}'):
            chosen(scheme, "latest")


def test_static_keys_keep_their_order():
    assert count(REGIONS, NOW) == 3
    assert key_at(REGIONS, 1) == "us"
    assert ordinal_of(REGIONS, "asia pacific") == 2
    with pytest.raises(UsageError, match="did you mean asia pacific"):
        ordinal_of(REGIONS, "asia-pacific")
    with pytest.raises(UsageError, match="expected one of static"):
        ordinal_of(REGIONS, "xyz")


def test_an_unpartitioned_asset_has_one_partition():
    assert count(None, NOW) == 1
    assert key_at(None, 0) == UNPARTITIONED
    assert ordinal_of(None, "") == 0
    assert parse_partitions(None, "", NOW) == parse_partitions(None, "*", NOW) == Ordinals.between(0, 1)
    with pytest.raises(UsageError, match="not partitioned"):
        parse_partitions(None, "2013-01-01", NOW)


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("2013-02-14", "2013-02-14"),
        ("2013-01-01..2013-03-31", "2013-01-01..2013-03-31"),
        (" 2013-05-01 , 2013-01-01 .. 2013-01-02 ", "2013-01-01..2013-01-02, 2013-05-01"),
        ("2013-06", "2013-06-01..2013-06-30"),
        ("2013-06..2013-07-04", "2013-06-01..2013-07-04"),
        ("2013", "2013-01-01..2013-12-31"),
        ("*", "2013-01-01..2013-12-31"),
        ("2013-02, -2013-02-14", "2013-02-01..2013-02-13, 2013-02-15..2013-02-28"),
        ("-2013-02..2013-12", "2013-01-01..2013-01-31"),
        ("2013-01-01, 2013-01-02", "2013-01-01..2013-01-02"),
    ],
)
def test_choices_of_days(text, description):
    assert chosen(DAYS, text) == description


def test_a_coarser_time_is_the_windows_that_begin_within_it():
    weeks = Weekly("2013-01-07", "2013-12-30")
    assert chosen(weeks, "2013-02") == "2013-02-04..2013-02-25"
    hours = Hourly("2013-01-01", "2014-01-01", timezone=NEW_YORK)
    assert len(parse_partitions(hours, "2013-03-10", NOW)) == 23
    assert len(parse_partitions(hours, "2013-11", NOW)) == 30 * 24 + 1
    assert chosen(Daily("2013-06-20", "2013-08-01"), "2013-06") == "2013-06-20..2013-06-30"


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("2013-01-01..2013-12-31", "2013-01..2013-12"),
        ("2013-01-15..2013-03-15", "2013-02"),
        ("2013-01-01..2013-02-01", "2013-01"),
        ("2013-02-01T00..2013-02-28T23", "2013-02"),
    ],
)
def test_a_range_of_finer_times_is_the_windows_that_lie_within_it(text, description):
    months = Monthly("2013-01", "2014-01", timezone="America/New_York")
    assert chosen(months, text) == description


@pytest.mark.parametrize("text", ["2013-01-15..2013-01-20", "2012-12-01..2013-02-28", "2013-12-01..2014-01-31"])
def test_a_range_in_which_no_window_lies_or_that_leaves_the_scheme_is_refused(text):
    with pytest.raises(UsageError, match="expected a key from 2013-01 to 2013-12"):
        parse_partitions(Monthly("2013-01", "2014-01"), text, NOW)


def test_choices_of_static_keys():
    assert chosen(REGIONS, "us..asia pacific") == "us..asia pacific"
    assert chosen(REGIONS, "-us") == "eu, asia pacific"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'partition "": expected a key from 2013-01-01 to 2013-12-31, daily'),
        ("2014-01-01", "expected a key from 2013-01-01 to 2013-12-31"),
        ("2012", "expected a key from 2013-01-01"),
        ("2013-01-01..2014-01-01", 'partition "2014-01-01"'),
        ("2013-03..2013-02", "found last..first"),
        ("2013-02-30", 'partition "2013-02-30"'),
        ("20130101", 'partition "20130101"'),
        ("2013-W01-2", 'partition "2013-W01-2"'),
        ("9999", 'partition "9999"'),
        ("..", 'partition ".."'),
    ],
)
def test_choices_that_denote_nothing_are_refused(text, message):
    with pytest.raises(UsageError, match=message):
        parse_partitions(DAYS, text, NOW)


@pytest.mark.parametrize(
    ("define", "message"),
    [
        (lambda: Daily("2013-01-01", timezone="America/NewYork"), "did you mean America/New_York"),
        (lambda: Daily("2013-01-01", timezone="America"), "expected a name of the IANA database"),
        (lambda: Daily("2013-01-01", timezone="/etc/passwd"), "expected a name of the IANA database"),
        (lambda: Daily("2013-01-01", timezone=""), "expected a name of the IANA database"),
        (lambda: Daily("1 May"), 'expected a date such as 2013-01-01, found "1 May"'),
        (lambda: Daily("2013-01-01T05"), "expected a date"),
        (lambda: Daily("1500-01-01"), "years from 1800 to 2199"),
        (lambda: Daily(datetime(2013, 1, 1, tzinfo=UTC)), "give the time zone as timezone="),
        (lambda: Daily("2013-01-02", "2013-01-01"), "found no window between"),
        (lambda: Hourly("2013-01-01T05:30"), "expected a whole hour"),
        (lambda: Monthly("2013-01-02"), "expected the first day of a month"),
        (lambda: Weekly("2013-01-07", "2013-01-31"), "such as 2013-01-28 or 2013-02-04"),
        (lambda: Cron("0 6 * *", "2013-01-01"), "expected five fields"),
        (lambda: Cron("0 25 * * *", "2013-01-01"), "Bad hour"),
        (lambda: Cron("0 0 30 2 *", "2013-01-01"), "Bad day-of-month"),
        (lambda: Cron("0 0 31 2,4 MON", "2013-01-01", "2013-01-02"), "found no window between"),
        (lambda: Static([]), "expected at least one key"),
        (lambda: Static(["eu", "us", "eu"]), '"eu": expected once, found 2 times'),
        (lambda: Static([""]), "expected printable text"),
        (lambda: Static(["a..b"]), "expected printable text"),
        (lambda: Static(["a,b"]), "expected printable text"),
        (lambda: Static([" a"]), "expected printable text"),
        (lambda: Static(["-a"]), "expected printable text"),
        (lambda: Static(["*"]), "expected printable text"),
        (lambda: Static(["a."]), "expected printable text"),
        (lambda: Static(["a\tb"]), "expected printable text"),
    ],
)
def test_definitions_that_cannot_be_are_refused(define, message):
    with pytest.raises(DefinitionError, match=message):
        define()


@pytest.mark.parametrize("ordinal", [-1, 365])
def test_no_partition_outside_the_scheme(ordinal):
    with pytest.raises(UsageError, match="expected 0 to 364"):
        key_at(DAYS, ordinal)


def test_a_range_as_users_receive_it():
    received = range_at(DAYS, (0, 31))
    assert (received.first, received.last) == ("2013-01-01", "2013-01-31")
    assert received.window == TimeWindow(start=window_at(DAYS, 0).start, end=window_at(DAYS, 30).end)
    assert range_at(REGIONS, (0, 2)).window is None


@pytest.mark.parametrize("scheme", [DAYS, REGIONS, Cron("0 6 * * *", "2013-01-01")])
def test_schemes_survive_the_log(scheme):
    assert msgspec.json.decode(msgspec.json.encode(scheme), type=Scheme) == scheme


def test_ordinals_as_text():
    assert str(Ordinals.of([370, *range(365)])) == "0-364,370"
    assert Ordinals.parse("0-364,370") == Ordinals(((0, 365), (370, 371)))
    assert Ordinals.parse("") == Ordinals()


@pytest.mark.parametrize("text", ["3-1", "1,0", "0-3,4", "1-1", "a", "0-", "-1", "01", "1-2-3", "1, 3"])
def test_text_that_is_no_set_of_ordinals_is_refused(text):
    with pytest.raises(UsageError, match="expected ascending ranges"):
        Ordinals.parse(text)


def test_a_range_may_be_open_at_either_end():
    days = Daily("2013-01-01", "2013-01-11")
    assert parse_partitions(days, "2013-01-09..", NOW) == Ordinals.between(8, 10)
    assert parse_partitions(days, "..2013-01-02", NOW) == Ordinals.between(0, 2)
    assert parse_partitions(Static(["a", "b", "c"]), "b..", NOW) == Ordinals.between(1, 3)
    with pytest.raises(UsageError):
        parse_partitions(days, "..", NOW)
