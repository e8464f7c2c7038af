"""What happens by itself, as it is seen and switched by commands."""

import json

import pytest

SOURCE = """
from datetime import timedelta
from latewood import *
from latewood.automation import *

@asset(partitions=Daily("2024-01-01", "2024-01-04"))
def day(partition: PartitionKey) -> int:
    return 1

@asset
def total(day: Partitioned[int]) -> int:
    return sum(value for _, value in day)

minutely = Schedule("minutely", "day", "* * * * *", timezone="Europe/Berlin", partition="2024-01-02")
kept = Rule("kept", "total", eager())
current = Freshness("current", "total", max_lag=timedelta(days=1))
"""


@pytest.fixture
def deployed(shell):
    shell.write("nights.py", SOURCE)
    assert shell.here("deploy", "-f", "nights.py").code == 0
    return shell


def answer(shell, *arguments):
    done = shell.here(*arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_they_are_listed_with_when_each_is_due(deployed):
    out = deployed.here("automation", "list").out
    assert "minutely  on" in out
    assert "cron * * * * * (Europe/Berlin)" in out
    assert "day, 2024-01-02" in out
    listed = answer(deployed, "automation", "list")["automations"]
    assert [(each["name"], each["on"], len(each["next"])) for each in listed] == [
        ("current", True, 0),
        ("kept", True, 0),
        ("minutely", True, 3),
    ]


def test_one_is_turned_off_and_on_and_that_is_recorded_once(deployed):
    assert "minutely is off in prod" in deployed.here("automation", "off", "minutely").out
    assert "minutely is off in prod, as it was" in deployed.here("automation", "off", "minutely").out
    assert not answer(deployed, "automation", "show", "minutely")["on"]
    assert answer(deployed, "automation", "on", "minutely") == {
        "name": "minutely",
        "environment": "prod",
        "on": True,
        "changed": True,
    }
    tail = deployed.here("log", "tail").out
    assert tail.count("automation.switched") == 2


def test_one_that_there_is_not(deployed):
    done = deployed.here("automation", "on", "minutly")
    assert done.code == 2
    assert 'nothing that happens by itself is called "minutly"; near: minutely' in done.err


def test_what_is_due_is_asked_for_once_and_each_part_is_explained(deployed):
    first = answer(deployed, "automation", "tick")
    assert {each["name"] for each in first["evaluated"]} == {"current", "kept", "minutely"}
    shown = deployed.here("automation", "show", "kept").out
    assert "total  nothing to ask for" in shown
    assert "✓ missing()" in shown
    assert "✕ ~any_deps((missing() & ~requested()) | running())" in shown
    deployed("materialize", "day", "-f", "nights.py")
    (asked,) = [each for each in answer(deployed, "automation", "tick")["evaluated"] if each["name"] == "kept"]
    assert answer(deployed, "run", asked["requests"][0]["run"])["status"] == "queued"
    assert "asked for already; nothing is new since" in deployed.here("automation", "show", "kept").out
    assert "asked for run" in deployed.here("automation", "show", "kept").out


def test_how_current_it_is_is_told_by_asset_and_why(deployed):
    assert "overdue by current: it was never made" in deployed.here("asset", "total").out
    assert "overdue by current: it was never made" in deployed.here("why", "total").out
    deployed("materialize", "*", "-f", "nights.py")
    assert "in time by current, up to " in deployed.here("asset", "total").out
    (judged,) = answer(deployed, "why", "total")["freshness"]
    assert (judged["policy"], judged["overdue"]) == ("current", False)
    deployed.here("automation", "tick")
    assert deployed.here("automation", "show", "current").code == 0


def test_a_schedule_that_cannot_be_is_refused_by_its_line_and_nothing_is_deployed(shell):
    shell.write("nights.py", SOURCE.replace("* * * * *", "61 * * * *"))
    done = shell.here("deploy", "-f", "nights.py")
    assert done.code == 3
    assert 'nights.py:14: schedule "minutely": cron expression "61 * * * *"' in done.err
    assert "Nothing was deployed" in done.err
