"""Runs, their steps and what is deployed, asked of a moment: as the log had them there."""

import time
from collections import Counter

from api.acts import Acts
from api.conftest import SHOP
from crash.conftest import within  # noqa: F401 - a fixture
from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import create, drop
from latewood.commands.renaming import rename
from latewood.events import RunEnded, RunRequested, RunStarted, StepFailed, StepStarted, StepSucceeded, from_json

FLAKY = """
    from datetime import timedelta

    tries = Path(__file__).with_name("tries")

    @asset(retries=Retry(3, backoff=timedelta(0)))
    def flaky() -> int:
        tries.write_text((tries.read_text() if tries.exists() else "") + "x")
        if len(tries.read_text()) < 3:
            raise ValueError("not yet")
        return 1

    @asset
    def after(flaky: int) -> int:
        return flaky
"""
ASK = """
    query ($at: Moment, $run: ID!) {
      project(asOf: $at) {
        runs { nodes { id status } }
        run(id: $run) {
          status endedAt counts
          steps { totalCount nodes { number attempt status durationMs attempts { number } } }
          timeline { steps attempts statusNames statusOf }
        }
        runDensity(since: "2020-01-01T00:00:00Z", buckets: 1) { series { status counts } }
      }
    }
"""


def test_a_run_and_its_steps_are_what_the_log_had_of_them(api, workspace, load, within):  # noqa: F811 - a fixture
    deploy_loaded(workspace, load(FLAKY))
    run = Acts(api).done("launch", 'selection: "*"', "Launched", "run { id }")["run"]["id"]
    with within():
        until = time.monotonic() + 60
        while (
            api("query ($run: ID!) { project { run(id: $run) { endedAt } } }", run=run)["project"]["run"]["endedAt"]
            is None
        ):
            assert time.monotonic() < until
            time.sleep(0.1)
    status, steps, seen = "", {}, Counter()
    first, *_ = events = workspace.log.read("default", f"run/{run}")
    told = {event.position: from_json(event.type, event.data) for event in events}
    for position in range(first.position, events[-1].position + 1):
        match told.get(position):
            case RunRequested():
                status = "QUEUED"
            case RunStarted():
                status = "RUNNING"
            case RunEnded(status=found):
                status = found.upper()
            case StepStarted(step=step, attempt=attempt):
                steps[step] = (attempt, "running")
            case StepFailed(step=step, attempt=attempt, retry_at=at):
                steps[step] = (attempt, "failed" if at is None else "retrying")
            case StepSucceeded(step=step, attempt=attempt):
                steps[step] = (attempt, "succeeded")
        project = api(ASK, at=position, run=run)["project"]
        found = project["run"]
        assert (found["status"], found["endedAt"] is None) == (status, status != "SUCCEEDED"), position
        assert project["runs"]["nodes"] == [{"id": run, "status": status}]
        assert project["runDensity"]["series"] == [{"status": status, "counts": [1]}]
        shown = {step["number"]: (step["attempt"], step["status"]) for step in found["steps"]["nodes"]}
        assert shown == steps, position
        assert found["steps"]["totalCount"] == len(steps)
        assert all(step["attempts"][-1]["number"] == step["attempt"] for step in found["steps"]["nodes"])
        timeline = found["timeline"]
        names = [timeline["statusNames"][number] for number in timeline["statusOf"]]
        assert dict(zip(timeline["steps"], zip(timeline["attempts"], names, strict=True), strict=True)) == steps
        seen.update([status, *(name for _, name in steps.values())])
    assert {"QUEUED", "RUNNING", "SUCCEEDED", "running", "retrying", "succeeded"} <= seen.keys()


def test_a_run_without_an_engine_runs_from_when_it_was_asked_for(api, made, workspace):
    run = made().run
    (requested,) = workspace.log.read_types("default", ["run.requested"], after=0)
    found = api(ASK, at=requested.position, run=run)["project"]
    assert (found["run"]["status"], found["run"]["counts"]) == ("RUNNING", None)
    assert found["runDensity"]["series"] == [{"status": "RUNNING", "counts": [1]}]
    (error,) = api.errors(ASK, at=requested.position - 1, run=run)
    assert "it was asked for later" in error["message"]


def test_environments_of_a_deployment_are_those_of_the_moment(api, workspace, load):
    def environments(at=None):
        ask = "query ($at: Moment) { project(asOf: $at) { locations { deployments { id environments } } } }"
        return [
            (each["id"], each["environments"])
            for location in api(ask, at=at)["project"]["locations"]
            for each in location["deployments"]
        ]

    first = deploy_loaded(workspace, load(SHOP)).deployment
    one = workspace.log.position()
    create(workspace, "dev")
    branched = workspace.log.position()
    second = deploy_loaded(workspace, load(SHOP.replace("* 10", "* 20"))).deployment
    moved = workspace.log.position()
    drop(workspace, "dev")
    assert environments() == [(second, ["prod"]), (first, [])]
    assert environments(moved) == [(second, ["prod"]), (first, ["dev"])]
    assert environments(branched) == [(first, ["dev", "prod"])]
    assert environments(one) == [(first, ["prod"])]


def test_steps_name_assets_as_they_were_called_then(api, made, workspace):
    one = "@asset\ndef old() -> int:\n    return 1"
    run, then = made(one).run, workspace.log.position()
    rename(workspace, "old", "new")
    made(one.replace("old", "new"))
    ask = "query ($run: ID!, $at: Moment) { project(asOf: $at) { run(id: $run) { steps { nodes { assets } } } } }"
    found = [api(ask, run=run, at=at)["project"]["run"]["steps"]["nodes"] for at in (then, None)]
    assert found == [[{"assets": ["old"]}], [{"assets": ["new"]}]]
