"""Stories of what happens by itself, as a test lets time pass."""

from datetime import UTC, datetime, timedelta

import pytest

from latewood import Daily, Monthly, Partitioned, PartitionKey, asset
from latewood.automation import (
    Cursor,
    Freshness,
    Rule,
    RunRequest,
    Schedule,
    SensorContext,
    Skip,
    any_deps,
    eager,
    sensor,
    updated,
)
from latewood.errors import UsageError
from latewood.external import external_asset, observe
from latewood.testing import Happened, Project

T0 = datetime(2026, 3, 2, 5, tzinfo=UTC)
DAYS = Daily("2026-02-01", timezone="Europe/Berlin")


@asset(partitions=DAYS)
def sales(day: PartitionKey, *, scale: int = 1) -> int:
    return int(day[-2:]) * scale


@asset(partitions=Monthly("2026-02", timezone="Europe/Berlin"))
def monthly(sales: Partitioned[int]) -> int:
    return sum(value for _, value in sales)


@asset(reuse=False)
def stock() -> int:
    return 7


@asset
def fragile(stock: int) -> int:
    raise ValueError("out of stock")


def at(text):
    return datetime.fromisoformat(f"{text}+00:00")


def test_a_schedule_over_three_nights_of_which_clocks_change_in_one():
    nightly = Schedule("nightly", "sales", "30 2 * * *", timezone="Europe/Berlin", last_window=True)
    with Project([sales, nightly], now=at("2026-03-28T12:00")) as project:
        happened = project.pass_time(at("2026-03-30T12:00"))
        assert [(each.at, each.partitions) for each in happened] == [
            (at("2026-03-29T01:00"), {"sales": "2026-03-28"}),
            (at("2026-03-30T00:30"), {"sales": "2026-03-29"}),
        ]
        assert project.now == at("2026-03-30T12:00")
        assert project.materialize("sales", partition="2026-03-29")["sales", "2026-03-29"] == 29


def test_values_of_a_schedule_are_those_that_are_used():
    nightly = Schedule("nightly", "sales", "0 6 * * *", last_window=True, parameters={"sales.scale": 10})
    with Project([sales, nightly], now=T0) as project:
        (happened,) = project.pass_time(T0 + timedelta(hours=2))
        assert (happened.name, happened.status) == ("nightly", "succeeded")


def test_rules_go_on_from_what_others_have_made():
    first, second = Schedule("first", "stock", "0 6 * * *"), Rule("second", "fragile", any_deps(updated()))
    with Project([stock, fragile, first, second], now=T0) as project:
        happened = project.pass_time(T0 + timedelta(hours=30))
        assert [(each.name, each.at, each.status) for each in happened] == [
            ("first", at("2026-03-02T06:00"), "succeeded"),
            ("second", at("2026-03-02T06:00"), "failed"),
            ("first", at("2026-03-03T06:00"), "succeeded"),
            ("second", at("2026-03-03T06:00"), "failed"),
        ]


def test_each_window_is_made_as_it_ends_and_what_reads_it():
    with Project([sales, monthly, Rule("kept", "*", eager())], now=T0) as project:
        happened = project.pass_time(at("2026-03-04T00:00"))
        assert [each.partitions for each in happened] == [
            {"sales": "2026-03-01"},
            {"sales": "2026-03-02"},
            {"sales": "2026-03-03"},
        ], "of February not all days are there"


def test_what_is_given_needs_not_be_made():
    with Project([stock, Rule("kept", "stock", eager())], now=T0) as project:
        project.give("stock", 5)
        assert project.pass_time(T0 + timedelta(days=1)) == []
        assert project.materialize("stock")["stock"] == 5


def test_what_cannot_be_asked_for_is_a_problem_and_time_goes_forward_alone():
    broken = Schedule("broken", "nothing/*", "0 6 * * *")
    with Project([stock, broken, Freshness("current", "*", max_lag=timedelta(hours=1))], now=T0) as project:
        (happened,) = project.pass_time(T0 + timedelta(hours=2))
        assert isinstance(happened, Happened)
        assert "nothing/*" in happened.problem
        with pytest.raises(UsageError, match="from 2026-03-02T07:00"):
            project.pass_time(T0)


def test_a_sensor_is_asked_at_its_interval_and_told_how_its_last_run_ended():
    heard = []

    @sensor("sales", interval=timedelta(hours=1))
    def hourly(context: SensorContext):
        number = int(context.cursor or "1")
        heard.append((context.now, context.last_run and (context.last_run.run_key, context.last_run.status)))
        if number == 3:
            return Skip("that is all")
        return [RunRequest(f"day {number}", partition=f"2026-02-0{number}"), Cursor(str(number + 1))]

    with Project([sales, hourly], now=T0) as project:
        happened = project.pass_time(T0 + timedelta(hours=3))
        assert [(each.at, each.run_key, each.partitions, each.status) for each in happened] == [
            (T0, "day 1", {"sales": "2026-02-01"}, "succeeded"),
            (T0 + timedelta(hours=1), "day 2", {"sales": "2026-02-02"}, "succeeded"),
        ]
        assert heard == [
            (T0, None),
            (T0 + timedelta(hours=1), ("day 1", "succeeded")),
            (T0 + timedelta(hours=2), ("day 2", "succeeded")),
            (T0 + timedelta(hours=3), ("day 2", "succeeded")),
        ]
        assert project.plan("sales", partition="2026-02-01..2026-02-02").actions == {"sales": "fresh"}


def test_a_sensor_hears_once_of_each_run_that_fails_and_asks_for_what_follows():
    heard = []

    @sensor("sales", watch="failed")
    def failed(context: SensorContext):
        heard.extend((step.assets, step.message) for step in context.run.steps)
        return RunRequest(context.run.run_id, partition="2026-02-01")

    nightly = Schedule("nightly", "stock or fragile", "0 6 * * *")
    with Project([stock, fragile, sales, nightly, failed], now=T0) as project:
        happened = project.pass_time(T0 + timedelta(hours=30))
        assert [(each.name, each.status) for each in happened] == [
            ("nightly", "failed"),
            ("failed", "succeeded"),
            ("nightly", "failed"),
            ("failed", "succeeded"),
        ]
        assert heard == [(("fragile",), "out of stock")] * 2


def test_a_sensor_that_fails_is_asked_again_later():
    calls = []

    @sensor("stock", interval=timedelta(seconds=1))
    def flaky():
        calls.append(1)
        if len(calls) < 3:
            raise OSError("the share is gone")
        return RunRequest("once")

    with Project([stock, flaky], now=T0) as project:
        happened = project.pass_time(T0 + timedelta(seconds=16))
        assert [(each.at - T0, each.problem or each.run_key) for each in happened] == [
            (timedelta(), "OSError: the share is gone"),
            (timedelta(seconds=5), "OSError: the share is gone"),
            (timedelta(seconds=15), "once"),
        ]


def test_a_schedule_looks_at_what_others_make_and_rules_go_on_from_there():
    outside = external_asset("outside")
    versions = iter(["1", "1", "2"])

    @observe(outside)
    def look() -> str:
        return next(versions)

    @asset(deps=[outside])
    def inside() -> int:
        return 1

    hourly = Schedule("hourly", "outside", "0 * * * *", observe=True)
    with Project(
        [outside, look, inside, hourly, Rule("kept", "inside", eager())], now=at("2026-03-02T05:30")
    ) as project:
        happened = project.pass_time(at("2026-03-02T08:30"))
        assert [(each.name, each.at.hour, each.partitions, each.status) for each in happened] == [
            ("hourly", 6, {"outside": ""}, "succeeded"),
            ("kept", 6, {"inside": ""}, "succeeded"),
            ("hourly", 7, {"outside": ""}, "succeeded"),
            ("hourly", 8, {"outside": ""}, "succeeded"),
            ("kept", 8, {"inside": ""}, "succeeded"),
        ]
