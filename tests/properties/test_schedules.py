"""Schedules: no tick is asked for twice, and none is lost, whoever looks, whenever, by whatever clock."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latewood.decide.automation import AT_ONCE_MAX, LATE, Standing, coming, due, is_on, run_at, timing_of
from latewood.model.automations import CatchUp, ScheduleDefinition
from latewood.model.axes import count_ticks, last_tick, next_tick, ticks
from latewood.model.partitions import describe, last_window
from latewood.model.scheme_kinds import Cron, Daily, Grid, Monthly, Static

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns"]
CRONS = [
    "0 6 * * *",
    "30 2 * * *",
    "30 1 * * *",
    "*/15 * * * *",
    "0 */2 * * *",
    "5 4 1 * *",
    "0 0 29 2 *",
    "59 23 * * 0",
]
INSTANTS = st.integers(
    int(datetime(2005, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2030, 1, 1, tzinfo=UTC).timestamp())
)


def schedule(cron="0 6 * * *", timezone="UTC", catch_up="all"):
    return ScheduleDefinition(name="s", cron=cron, timezone=timezone, selection="*", catch_up=CatchUp(catch_up))


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def looked(of, standing, now):
    """What is due, and where it stands after that was recorded."""
    found = due(of, standing, now)
    return found, standing._replace(until=found.until, timing=timing_of(of)) if found.is_news else standing


def begun(of, now):
    return looked(of, Standing(), now)[1]


@given(st.sampled_from(CRONS), st.sampled_from(ZONES), INSTANTS, st.lists(st.integers(0, 200_000), max_size=8))
def test_ticks_of_neighbouring_stretches_are_those_of_the_whole(cron, zone, start, steps):
    tz, edges = ZoneInfo(zone), [start]
    for step in steps:
        edges.append(edges[-1] + step)
    pieces = [tick for low, high in pairwise(edges) for tick in ticks(cron, tz, low, high)]
    whole = list(ticks(cron, tz, edges[0], edges[-1]))
    assert pieces == whole == sorted(set(whole))
    assert count_ticks(cron, tz, edges[0], edges[-1]) == len(whole)
    assert last_tick(cron, tz, edges[0], edges[-1]) == (whole[-1] if whole else None)
    if whole:
        assert next_tick(cron, tz, edges[0]) == whole[0]


@given(
    st.sampled_from(CRONS), st.sampled_from(ZONES), st.sampled_from(list(CatchUp)), INSTANTS,
    st.lists(st.integers(-90_000, 400_000), max_size=20),
)  # fmt: skip
def test_no_tick_is_asked_for_twice_whatever_the_clock_does(cron, zone, catch_up, start, jumps):
    of = schedule(cron, zone, catch_up)
    now = datetime.fromtimestamp(start, UTC)
    standing, last = begun(of, now), now
    for jump in jumps:
        now += timedelta(seconds=jump)
        found, standing = looked(of, standing, now)
        assert standing.until <= now + LATE, "a clock that was far ahead does not keep it silent"
        if found.began:  # it was set back: ticks that come again have their runs already
            last = now
        assert all(last < tick <= now for tick in found.ticks)
        assert list(found.ticks) == sorted(set(found.ticks))
        last = max((last, *found.ticks))


@given(st.sampled_from(CRONS), st.sampled_from(ZONES), INSTANTS, st.lists(st.integers(0, 90_000), max_size=12))
def test_all_of_them_are_made_up_for_whenever_somebody_looks(cron, zone, start, steps):
    of = schedule(cron, zone, "all")
    now = datetime.fromtimestamp(start, UTC)
    standing, asked = begun(of, now), []
    for step in steps:
        now += timedelta(seconds=step)
        while True:
            found, standing = looked(of, standing, now)
            assert len(found.ticks) <= AT_ONCE_MAX
            asked += found.ticks
            if not found.ticks:
                break
    instants = [int(tick.timestamp()) for tick in asked]
    assert instants == list(ticks(cron, ZoneInfo(zone), start, int(now.timestamp())))
    assert found.again_at is None or found.again_at > now if steps else True


@given(st.sampled_from(CRONS), st.sampled_from(ZONES), INSTANTS, st.integers(0, 400_000))
def test_the_latest_stands_for_all_that_went_by(cron, zone, start, gap):
    of = schedule(cron, zone, "latest")
    now = datetime.fromtimestamp(start, UTC)
    found, _ = looked(of, begun(of, now), now + timedelta(seconds=gap))
    whole = list(ticks(cron, ZoneInfo(zone), start, start + gap))
    assert [int(tick.timestamp()) for tick in found.ticks] == whole[-1:]
    assert found.missed == max(0, len(whole) - 1)


def test_what_went_by_is_not_made_up_for_where_that_is_not_wanted():
    of = schedule("0 6 * * *", catch_up="none")
    standing = begun(of, at("2024-03-01T00:00"))
    late, standing = looked(of, standing, at("2024-03-03T09:00"))
    assert (late.ticks, late.missed) == ((), 3)
    on_time, _ = looked(of, standing, at("2024-03-04T06:00:20"))
    assert (on_time.ticks, on_time.missed) == ((at("2024-03-04T06:00"),), 0)


def test_a_time_that_clocks_skip_is_that_at_which_they_go_on_and_one_that_is_twice_is_once():
    of = schedule("30 2 * * *", "Europe/Berlin")
    spring = begun(of, at("2024-03-30T12:00"))
    found, _ = looked(of, spring, at("2024-04-01T12:00"))
    assert found.ticks == (at("2024-03-31T01:00"), at("2024-04-01T00:30")), "clocks go from 2:00 to 3:00"
    autumn = begun(of, at("2024-10-26T12:00"))
    found, _ = looked(of, autumn, at("2024-10-27T12:00"))
    assert found.ticks == (at("2024-10-27T00:30"),), "the first 2:30 of two"


def test_what_runs_every_so_often_keeps_its_pace_as_clocks_change():
    of = schedule("*/30 * * * *", "Europe/Berlin", "all")
    found, _ = looked(of, begun(of, at("2024-10-27T00:00")), at("2024-10-27T02:00"))
    assert found.ticks == tuple(at("2024-10-27T00:00") + timedelta(minutes=30 * n) for n in range(1, 5))


def test_it_counts_from_when_somebody_first_looked_or_since_it_ticks_at_other_times():
    daily, hourly = schedule(), schedule("0 * * * *")
    found, standing = looked(daily, Standing(), at("2024-03-01T07:00"))
    assert (found.began, found.ticks, found.again_at) == (True, (), at("2024-03-02T06:00"))
    found, standing = looked(hourly, standing, at("2024-03-05T07:30"))
    assert (found.began, found.ticks, found.again_at) == (True, (), at("2024-03-05T08:00"))
    assert not due(hourly, standing, at("2024-03-05T07:59")).is_news


def test_clocks_that_differ_a_little_are_nothing_to_record():
    of = schedule("* * * * *")
    _, standing = looked(of, begun(of, at("2024-03-01T07:00")), at("2024-03-01T07:01"))
    assert not due(of, standing, at("2024-03-01T07:00:30")).is_news


def test_a_clock_that_was_a_century_ahead_is_forgotten():
    of = schedule(catch_up="latest")
    _, standing = looked(of, begun(of, at("2024-03-01T00:00")), at("2124-03-01T00:00"))
    back, standing = looked(of, standing, at("2024-03-01T05:00"))
    assert back.began
    assert due(of, standing, at("2024-03-01T06:00")).ticks == (at("2024-03-01T06:00"),)


def test_it_is_on_where_its_definition_says_until_somebody_says_otherwise():
    of = schedule()
    assert is_on(of, "prod", Standing())
    assert not is_on(of, "branch", Standing())
    assert is_on(of, "branch", Standing(switched=True))
    assert not is_on(of, "prod", Standing(switched=False))


def test_what_is_to_come():
    of = schedule("0 6 29 2 *")
    coming_ = coming(of, Standing(), at("2024-03-01T00:00"))
    assert [next(coming_), next(coming_)] == [at("2028-02-29T06:00"), at("2032-02-29T06:00")]


def test_a_tick_has_one_run_in_each_place_and_zone():
    tick = at("2024-03-01T06:00")
    run = run_at(("p", "prod", "f.py", "s"), tick)
    assert run == run_at(("p", "prod", "f.py", "s"), tick.astimezone(ZoneInfo("Asia/Tokyo")))
    others = [
        ("q", "prod", "f.py", "s"),
        ("p", "dev", "f.py", "s"),
        ("p", "prod", "g.py", "s"),
        ("p", "prod", "f.py", "t"),
    ]
    assert (
        len(
            {
                run,
                *(run_at(names, tick) for names in others),
                run_at(("p", "prod", "f.py", "s"), at("2024-03-02T06:00")),
            }
        )
        == 6
    )
    assert len(run) == 12


DAYS = Daily("2024-03-01", timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("scheme", "tick", "window"),
    [
        (DAYS, "2024-03-31T00:00", "2024-03-30"),
        (DAYS, "2024-03-30T23:59", "2024-03-29"),
        (DAYS, "2024-03-01T12:00", ""),
        (Monthly("2024-01", timezone="Europe/Berlin"), "2024-03-31T00:00", "2024-02"),
        (Daily("2024-03-01", "2024-03-05", timezone="Europe/Berlin"), "2024-03-05T00:00", "2024-03-04"),
        (Daily("2024-03-01", "2024-03-05", timezone="Europe/Berlin"), "2024-03-06T00:00", ""),
        (Cron("0 6 * * *", "2024-03-01", timezone="Europe/Berlin"), "2024-03-31T06:00", "2024-03-30T06:00"),
        (Static(["eu"]), "2024-03-31T00:00", ""),
        (None, "2024-03-31T00:00", ""),
        (Grid(day=DAYS, region=Static(["eu", "us"])), "2024-03-31T00:00", "day=2024-03-30, region=eu..us"),
    ],
)  # fmt: skip
def test_the_last_window_is_that_which_has_just_ended(scheme, tick, window):
    found = last_window(scheme, at(tick, "Europe/Berlin"))
    assert (describe(scheme, found) if found else "") == window
