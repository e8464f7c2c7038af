"""Why a run is, and why a step of it was run, or was not, is told as it was recorded."""

from datetime import UTC, datetime

import pytest

from api.conftest import SHOP
from latewood.commands.automations import stream_of
from latewood.commands.renaming import rename
from latewood.commands.workspace import append_of
from latewood.events import AskedByKey, AutomationSwitched, RunRequested, SensorEvaluated
from latewood.model.keys import RunId
from latewood_eventlog.records import Batch

RUN = """query ($run: ID!, $at: Moment) { project(asOf: $at) { whyRun(run: $run) {
  actor automation rerunOf forced plannedFrom fresh planned { totalCount nodes {
    assets action partitions { count text ranges(first: 1) { start stop } } first steps reasons { cause subject }
  } }
} } }"""
STEP = """query ($run: ID!, $step: Int!, $at: Moment) { project(asOf: $at) { whyStep(run: $run, step: $step) {
  assets partition planned plannedReasons { cause } decision position reasons { cause subject } attempts
  failure { error message } skipped because taken { asset version source } lost nearest { version differs }
} } }"""


def why(api, run, step=None, at=None):
    if step is None:
        return api(RUN, run=run, at=at)["project"]["whyRun"]
    return api(STEP, run=run, step=step, at=at)["project"]["whyStep"]


def test_a_run_says_who_asked_for_it_and_what_was_planned(api, made, workspace):
    run = made(selection="+revenue").run
    assert why(api, run) == {
        "actor": workspace.actor,
        "automation": "",
        "rerunOf": "",
        "forced": False,
        "plannedFrom": 5,
        "fresh": 0,
        "planned": {
            "totalCount": 2,
            "nodes": [
                {
                    "assets": ["orders"],
                    "action": "RUN",
                    "partitions": {
                        "count": 4,
                        "text": "2026-01-01..2026-01-04",
                        "ranges": [{"start": 0, "stop": 4}],
                    },
                    "first": 0,
                    "steps": 4,
                    "reasons": [{"cause": "MISSING", "subject": ""}],
                },
                {
                    "assets": ["revenue"],
                    "action": "RUN",
                    "partitions": {
                        "count": 4,
                        "text": "2026-01-01..2026-01-04",
                        "ranges": [{"start": 0, "stop": 4}],
                    },
                    "first": 4,
                    "steps": 4,
                    "reasons": [{"cause": "MISSING", "subject": ""}],
                },
            ],
        },
    }


def test_a_run_says_what_asked_for_it_by_itself_however_much_was_asked_for_with_it(api, workspace):
    prod = {"environment": "prod", "location": "shop.py", "name": "arrivals"}
    at = datetime(2026, 2, 1, tzinfo=UTC)

    def append(stream, fact, number):
        return append_of(workspace, fact, stream=stream, name=(number,), at=at)

    def evaluated(*runs):
        requests = tuple(AskedByKey(run=RunId(run), key=run) for run in runs)
        return SensorEvaluated(**prod, timing="t", at=at, requests=requests)

    def asked(run):
        fact = RunRequested(run=RunId(run), environment="prod", selection="*", deployments={}, automation="arrivals")
        return append(f"run/{run}", fact, 0)

    own, elsewhere = stream_of("prod"), stream_of("dev")
    others = {**prod, "environment": "dev", "on": True, "at": at}
    between = [append(elsewhere, AutomationSwitched(**others), number) for number in range(1_100)]
    workspace.log.append(Batch(appends=(append(own, evaluated("before"), 1), asked("before"))))
    workspace.log.append(
        Batch(appends=(append(own, evaluated("near", "far"), 2), asked("near"), *between, asked("far")))
    )
    workspace.log.append(Batch(appends=(append(own, evaluated("after"), 3), asked("after"))))
    ask = "query ($run: ID!) { project { whyRun(run: $run) { automation evaluation } } }"
    found = {run: api(ask, run=run)["project"]["whyRun"]["evaluation"] for run in ("before", "near", "far", "after")}
    assert found == {"before": 1, "near": 3, "far": 3, "after": 1_106}


def test_a_step_that_was_run_says_why_and_what_came_nearest(api, made):
    first = made(selection="+revenue").run
    assert why(api, first, 5) == {
        "assets": ["revenue"],
        "partition": "2026-01-02",
        "planned": "RUN",
        "plannedReasons": [{"cause": "MISSING"}],
        "decision": "RUN",
        "position": why(api, first, 5)["position"],
        "reasons": [{"cause": "MISSING", "subject": ""}],
        "attempts": 1,
        "failure": None,
        "skipped": None,
        "because": None,
        "taken": [],
        "lost": [],
        "nearest": None,
    }
    again = made(SHOP.replace("orders * 10", "orders * 20"), selection="revenue").run
    found = why(api, again, 1)
    assert (found["decision"], found["reasons"]) == ("RUN", [{"cause": "CODE", "subject": ""}])
    assert found["nearest"] == {"version": f"{first}.5", "differs": ["CODE"]}


def test_a_step_that_was_reused_says_which_version_was_taken(api, made):
    first = made(selection="orders").run
    made(SHOP.replace("int(partition[-2:])", "0"), selection="orders")
    back = made(selection="orders").run
    found = why(api, back, 2)
    assert (found["planned"], found["decision"], found["reasons"]) == ("REUSE", "REUSED", [])
    assert found["plannedReasons"] == [{"cause": "CODE"}]
    assert found["taken"] == [{"asset": "orders", "version": f"{first}.2", "source": None}]


def test_what_was_taken_is_called_as_it_was_called_then(api, made, workspace):
    one = "@asset\ndef old() -> int:\n    return 1"
    first, _, back = (made(source).run for source in (one, one.replace("1", "2"), one))
    rename(workspace, "old", "new")
    made(one.replace("old", "new"))
    found = why(api, back, 0)
    assert found["assets"] == ["old"]
    assert found["taken"] == [{"asset": "old", "version": f"{first}.0", "source": None}]


def test_a_version_whose_artifact_is_gone_is_told_with_the_step_that_it_could_have_been(api, made, workspace):
    first = made(selection="orders").run
    made(SHOP.replace("int(partition[-2:])", "0"), selection="orders")
    versions = 'asset(key: "orders") { versions(partition: "2026-01-03") { nodes { artifact } } }'
    _, gone = api.environment(versions)["asset"]["versions"]["nodes"]
    (workspace.store.directory / gone["artifact"][:1] / gone["artifact"]).unlink()
    found = why(api, made(selection="orders").run, 2)
    assert (found["planned"], found["decision"], found["lost"]) == ("REUSE", "RUN", [f"{first}.2"])


def test_a_step_that_failed_and_one_that_was_skipped_for_it(api, made):
    run = made(SHOP.replace("return orders * 10", "raise ValueError('closed')"), selection="*").run
    failed, skipped = why(api, run, 4), why(api, run, 8)
    assert (failed["decision"], failed["failure"]) == ("RUN", {"error": "ValueError", "message": "closed"})
    assert (skipped["decision"], skipped["skipped"], skipped["assets"]) == ("SKIPPED", "UPSTREAM_FAILED", ["total"])
    assert why(api, run, skipped["because"])["assets"] == ["revenue"]


def test_a_step_waits_until_something_is_decided_and_so_it_did_then(api, made, asked_for):
    waiting = asked_for(SHOP).run
    assert (why(api, waiting, 3)["decision"], why(api, waiting, 3)["partition"]) == ("WAITS", "2026-01-04")
    run = made().run
    begun = why(api, run, 7)["position"]
    assert [why(api, run, 7, at=at)["decision"] for at in (begun - 1, begun)] == ["WAITS", "RUN"]


@pytest.mark.parametrize(("step", "said"), [(9, "has no step 9"), (-1, "has no step -1")])
def test_a_step_that_is_none_is_refused_and_the_run_answered_all_the_same(api, made, step, said):
    run = made().run
    ask = f'{{ project {{ whyRun(run: "{run}") {{ fresh }} whyStep(run: "{run}", step: {step}) {{ decision }} }} }}'
    answer = api.post(ask).json()
    assert answer["data"]["project"] == {"whyRun": {"fresh": 0}, "whyStep": None}
    (error,) = answer["errors"]
    assert said in error["message"]
    assert error["extensions"] == {"code": "BAD_INPUT", "missing": "step"}
