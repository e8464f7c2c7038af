"""Stories of what happens by itself, as a test lets time pass."""

from datetime import UTC, datetime, timedelta

import pytest

from latewood import Daily, Monthly, Partitioned, PartitionKey, asset
from latewood.automation import Freshness, Rule, Schedule, any_deps, eager, updated
from latewood.errors import UsageError
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
