"""What happens by itself, as it is seen and switched by commands."""

import json
import re

import pytest

from crash.engines import until
from crash.receiver import receiving

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
    by_rule = answer(deployed, "why", asked["requests"][0]["run"])
    assert '"name": "kept"' in deployed.here("log", "show", str(by_rule["evaluation"])).out
    assert "asked for already; nothing is new since" in deployed.here("automation", "show", "kept").out
    assert "asked for run" in deployed.here("automation", "show", "kept").out


def test_how_current_it_is_is_told_by_asset_and_why(deployed):
    assert "overdue by current: it was never made" in deployed.here("asset", "total").out
    assert "overdue by current: it was never made" in deployed.here("why", "total").out
    assert "total is overdue by current: it was never made\n" in deployed.here("automation", "show", "current").out
    listed = deployed.here("automation", "list")
    assert re.search(r"current +on, 1 overdue ", listed.out)
    assert "total is overdue by current: it was never made\n" in listed.out
    assert answer(deployed, "automation", "list")["automations"][0]["overdue"] == [
        {"asset": "total", "since": None, "why": "it was never made"}
    ]
    status = deployed.here("status")
    assert (status.code, "total in prod is overdue by current: it was never made\n" in status.out) == (1, True)
    deployed("materialize", "*", "-f", "nights.py")
    assert "in time by current: made again it would be the same" in deployed.here("asset", "total").out
    assert "overdue" not in deployed.here("automation", "list").out
    assert deployed.here("status").code == 0
    (judged,) = answer(deployed, "why", "total")["freshness"]
    assert (judged["policy"], judged["overdue"]) == ("current", False)


def test_a_schedule_that_cannot_be_is_refused_by_its_line_and_nothing_is_deployed(shell):
    shell.write("nights.py", SOURCE.replace("* * * * *", "61 * * * *"))
    done = shell.here("deploy", "-f", "nights.py")
    assert done.code == 3
    assert 'nights.py:14: schedule "minutely": cron expression "61 * * * *"' in done.err
    assert "Nothing was deployed" in done.err


INBOX = """
from datetime import timedelta
from pathlib import Path
from latewood import asset
from latewood.automation import *

@asset
def order(*, file: str = "", size: int = 0) -> str:
    return file

@sensor("order", interval=timedelta(hours=1))
def arrivals(context: SensorContext):
    \"\"\"One run for each file.\"\"\"
    new = sorted(path.name for path in Path("inbox").glob("*.txt") if path.name > context.cursor)
    for name in new:
        yield RunRequest(name, parameters={"order.size": "large" if name == "bad.txt" else 0})
    yield Cursor(new[-1]) if new else Skip("no new file")

@sensor(watch="failed")
def failed(context: SensorContext):
    print(context.run.run_id)
"""


def test_a_sensor_is_listed_asked_and_what_it_asked_for_names_it(shell):
    shell.write("inbox.py", INBOX)
    assert shell.here("deploy", "-f", "inbox.py").code == 0
    listed = shell.here("automation", "list").out
    assert "at most every 1 h 0 min" in listed
    assert "for each run that failed" in listed
    (shell.folder / "inbox").mkdir()
    (shell.folder / "inbox" / "a.txt").touch()
    (asked,) = [each for each in answer(shell, "automation", "tick")["evaluated"] if each["name"] == "arrivals"]
    (request,) = asked["requests"]
    assert (request["key"], asked["cursor"]) == ("a.txt", "a.txt")
    assert answer(shell, "automation", "tick")["evaluated"] == [], "its interval is not over"
    shown = shell.here("automation", "show", "arrivals").out
    assert "One run for each file." in shown
    assert "cursor a.txt" in shown
    assert f"asked for run {request['run']}, run key a.txt" in shown
    assert "asked for by arrivals, run key a.txt" in shell.here("run", request["run"]).out
    told = answer(shell, "run", request["run"])
    assert (told["automation"], told["run_key"]) == ("arrivals", "a.txt")
    why = answer(shell, "why", request["run"])
    assert (why["automation"], why["run_key"], why["tick"]) == ("arrivals", "a.txt", None)
    assert f"asked for by arrivals, run key a.txt, event {why['evaluation']:,}" in shell.here("why", request["run"]).out
    assert '"sensor.evaluated"' in shell.here("log", "show", str(why["evaluation"])).out
    assert re.search(rf"{request['run']} .* order +arrivals ", shell.here("runs").out), (
        "not by whose process, but by what"
    )
    assert [run["automation"] for run in answer(shell, "runs")] == ["arrivals"]
    engine = shell.start("engine", "--workers", "1")
    try:
        until(lambda: answer(shell, "run", request["run"])["status"] == "succeeded")
    finally:
        engine.terminate()
        engine.communicate()
    assert f"run {request['run']} was asked for by arrivals, run key a.txt" in shell.here("why", "order").out
    assert answer(shell, "why", "order")["asked_by"]["run_key"] == "a.txt"


TOLD = """
from latewood import asset
from latewood.automation import *

@asset
def broken() -> int:
    raise ValueError("no luck")

told = Notify("told", "*", "{address}")
nightly = Schedule("nightly", "broken", "0 6 * * *")
"""


def test_who_is_told_is_shown_and_gets_a_test_message(shell):
    with receiving() as receiver:
        shell.write("told.py", TOLD.format(address=receiver.address()))
        assert shell.here("deploy", "-f", "told.py").code == 0
        host = f"127.0.0.1:{receiver.server_port}"
        assert f"tell {host} of *" in shell.here("automation", "list").out
        assert shell.here("automation", "test", "told").out == f"{host} has taken it: 200\n"
        (told,) = receiver.told()
        assert (told["type"], told["text"]) == ("test", "a test from prod: it is told here what becomes of assets")
        receiver.answers["/hook"] = [500]
        done = shell.here("automation", "test", "told")
        assert (done.out, done.code) == (f"{host}: it answered 500 Internal Server Error\n", 1)
        done = shell.here("automation", "test", "nightly")
        assert (done.code, '"nightly" tells nothing to anybody' in done.err) == (2, True)
        engine = shell.start("engine", "--workers", "1")
        try:
            until(lambda: "notification.raised" in shell.here("log", "tail").out)
            shell.here("materialize", "*", "-f", "told.py")
            until(lambda: answer(shell, "automation", "show", "told")["notifications"])
            until(lambda: "failed in prod: broken, run " in shell.here("automation", "show", "told").out)
            until(lambda: answer(shell, "automation", "show", "told")["notifications"][0]["status"] == "sent")
        finally:
            engine.terminate()
            engine.communicate()


def test_a_sensor_whose_run_cannot_be_asked_for_says_why(shell):
    shell.write("inbox.py", INBOX)
    assert shell.here("deploy", "-f", "inbox.py").code == 0
    (shell.folder / "inbox").mkdir()
    (shell.folder / "inbox" / "bad.txt").touch()
    out = shell.here("automation", "tick").out
    assert 'arrivals: failed: run request "bad.txt": parameter "size": expected int' in out
    shown = shell.here("automation", "show", "arrivals").out
    assert "failed 1 time in a row; asked again from " in shown
    assert 'run request "bad.txt"' in shell.here("automation", "list").out
