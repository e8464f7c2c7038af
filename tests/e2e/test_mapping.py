"""Mapped tasks as users see them: what is planned, what becomes of the elements, and why a list is as it is."""

import json
import re

import pytest

FLOW = """
from pathlib import Path

from latewood import task, workflow
from latewood.mapping import each

@task
def regions(*, source: Path = Path("regions.txt")) -> list[str]:
    return source.read_text().split()

@task
def forecast(region: str) -> int:
    print(f"looking at {region}")
    if region == "atlantis":
        raise LookupError(f"no {region}")
    return len(region)

@workflow
def forecasting() -> list[int]:
    return forecast.map(each(regions()))
"""


@pytest.fixture
def flow(own_log):
    own_log.write("latewood.toml", "")
    own_log.write("flow.py", FLOW)
    own_log.write("regions.txt", "east north")
    return own_log


def launch(flow, code=0):
    done = flow.here("launch", "forecasting", "-f", "flow.py", "--json")
    assert done.code == code, done.out + done.err
    return json.loads(done.out)


def told(flow, *arguments):
    done = flow.here(*arguments)
    assert done.code == 0, done.err
    return re.sub(" +", " ", done.out)


def test_a_list_is_planned_looked_at_and_explained_by_its_elements(flow):
    planned = told(flow, "plan", "forecasting/*", "-f", "flow.py")
    assert "run forecasting/forecast missing; for each element of forecasting/regions\n" in planned
    first = launch(flow)
    assert (first["ran"], first["reused"]) == (2, 0), "of the plan"
    flow.write("regions.txt", "west east north")
    assert "for each element of forecasting/regions (last time 2)" in told(
        flow, "plan", "forecasting/*", "-f", "flow.py"
    )
    run = launch(flow)["run"]
    shown = told(flow, "run", run)
    assert "\n2 succeeded\nelements of forecasting/forecast: 1 succeeded, 2 reused, steps 2 to 4\n" in shown
    assert 'of its 3 elements: 1 computed for it, element 0 ("west"); 2 taken from before' in told(
        flow, "why", "forecasting/forecast"
    )
    steps = json.loads(flow.here("run", run, "--json").out)["steps"]
    assert [(step["assets"], step["status"]) for step in steps[1:]] == [
        (["forecasting/forecast"], "succeeded"),
        (["forecasting/forecast[0]"], "succeeded"),
        (["forecasting/forecast[1]"], "reused"),
        (["forecasting/forecast[2]"], "reused"),
    ]
    assert told(flow, "logs", run) == "2 forecasting/forecast[0] | looking at west\n"
    assert told(flow, "logs", run, "2") == "looking at west\n"
    assert '2 forecasting/forecast[0] "west" succeeded' in told(flow, "run", run, "--all")
    assert "forecasting/forecast[] partition" not in told(flow, "log", "tail", "--after", "0")
    assert "rows equal a rebuild" in told(flow, "log", "verify")


def test_what_failed_is_told_by_element_and_run_again_alone(flow):
    flow.write("regions.txt", "east atlantis")
    failed = launch(flow, code=1)
    (whole,) = failed["failures"]
    assert (whole["asset"], whole["kind"], failed["failed"]) == ("forecasting/forecast", "elements", 1)
    said = 'ElementsFailed: 1 of 2 elements failed: element 1 ("atlantis"): LookupError: no atlantis'
    assert f"{whole['error']}: {whole['message']}" == said
    shown = told(flow, "run", failed["run"])
    assert "elements of forecasting/forecast: 1 succeeded, 1 failed, steps 2 to 3" in shown
    assert '3 forecasting/forecast[1] "atlantis" failed 1' in shown
    lines = flow.here("launch", "forecasting", "-f", "flow.py").err
    assert "failed: forecasting/forecast[1]: LookupError: no atlantis" in lines
    flow.write("flow.py", FLOW.replace('if region == "atlantis"', 'if region == "thule"'))
    flow.here("deploy", "-f", "flow.py")
    again = flow.here("rerun", failed["run"], "--only", "failed", "--json")
    assert (again.code, json.loads(again.out)["ran"]) == (0, 1), again.err
