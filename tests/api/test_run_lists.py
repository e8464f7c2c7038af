"""Runs are chosen by what they make, who asked for them, when, and what they are called."""

import json
from dataclasses import replace

from api.conftest import SHOP
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.engine.running.recorder import new_event
from latewood.events import RunRequested
from latewood_eventlog.records import Batch, StreamAppend


def chosen(api, by):
    found = api(f"{{ project {{ runs({by}) {{ totalCount nodes {{ id }} }} }} }}")["project"]["runs"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["id"] for node in found["nodes"]]


def counted(api, by):
    found = api(f'{{ project {{ runDensity(since: "2020-01-01T00:00:00Z", {by}) {{ series {{ counts }} }} }} }}')
    return sum(sum(series["counts"]) for series in found["project"]["runDensity"]["series"])


def test_runs_of_an_asset_are_those_that_plan_steps_of_it(api, made):
    first = made(selection="orders").run
    everything = made(force=True).run
    nothing = made().run  # all is fresh: the plan has no step
    total = made(selection="total", force=True).run
    assert chosen(api, 'asset: "orders"') == [everything, first]
    assert chosen(api, 'asset: "total"') == [total, everything]
    assert chosen(api, "first: 10") == [total, nothing, everything, first]
    assert [counted(api, 'asset: "orders"'), counted(api, "buckets: 3")] == [2, 4]


def test_pages_of_an_assets_runs_go_on_behind_each_other(api, made):
    runs = [made(selection="orders", force=True).run for _ in range(5)]
    made(selection="revenue")
    found, after = [], ""
    while len(found) < len(runs):
        asked = f'runs(asset: "orders", first: 2{after}) {{ nodes {{ id }} pageInfo {{ endCursor hasNextPage }} }}'
        page = api(f"{{ project {{ {asked} }} }}")["project"]["runs"]
        found += [node["id"] for node in page["nodes"]]
        after = f", after: {json.dumps(page['pageInfo']['endCursor'])}"
    assert (found, page["pageInfo"]["hasNextPage"]) == (runs[::-1], False)


def test_runs_of_who_asked_for_them_and_by_the_beginning_of_the_id(api, made, workspace, load):
    mine = made(selection="orders").run
    hers = replace(workspace, actor="ann")
    others = materialize(hers, prepare(hers, load(SHOP), Asked(selection="orders", force=True))).run
    assert chosen(api, 'actor: "ann"') == [others]
    assert chosen(api, f'actor: "{workspace.actor}"') == [mine]
    assert chosen(api, f'search: "{mine[:8]}"') == [mine]
    assert chosen(api, f'search: "{mine[1:8]}"') == []
    assert counted(api, 'actor: "ann"') == 1


def test_an_assets_runs_of_a_stretch_of_time(api, made):
    made(selection="orders")
    made(force=True)
    newer, older = api("{ project { runs { nodes { id requestedAt } } } }")["project"]["runs"]["nodes"]
    asked = f'since: "{older["requestedAt"]}", until: "{newer["requestedAt"]}"'
    assert chosen(api, f'{asked}, asset: "orders"') == [older["id"]]
    assert chosen(api, f'{asked}, asset: "total"') == []


def test_the_runs_of_each_asset_are_those_in_its_environment(api, made):
    run = made().run
    nodes = api.environment("assets { nodes { key runs(first: 1) { totalCount nodes { id } } } }")["assets"]["nodes"]
    assert [node["runs"] for node in nodes] == [{"totalCount": 1, "nodes": [{"id": run}]}] * 3


def test_who_asks_for_an_asset_that_is_not_there_is_told(api, made):
    made(selection="orders")
    (error,) = api.errors('{ project { runs(asset: "ordrs") { nodes { id } } } }')
    assert error["message"] == 'no asset "ordrs"; near: orders'


def test_a_run_whose_process_died_is_counted_as_what_it_is_listed_as(api, made, workspace):
    made(selection="orders")
    run, at = workspace.new_run(), workspace.clock()
    fact = RunRequested(run=run, environment="prod", selection="*", deployments={})
    event = new_event(fact, project="default", stream=f"run/{run}", name=("requested",), at=at, actor="test")
    append = StreamAppend(project="default", stream=f"run/{run}", events=(event,))
    workspace.log.append(Batch(appends=(append,)))
    assert [chosen(api, f"status: {status}") for status in ("RUNNING", "INTERRUPTED")] == [[], [run]]
    assert [counted(api, f"status: {status}") for status in ("RUNNING", "INTERRUPTED")] == [0, 1]


RUNNING = "runningRuns { nodes { id status progress { ended total } } }"


def test_runs_that_go_on_say_how_far_they_are(api, made, asked_for):
    made(selection="orders")
    assert api(f"{{ project {{ {RUNNING} }} }}")["project"]["runningRuns"]["nodes"] == []
    waiting = asked_for(SHOP).run
    found = api(f"{{ project {{ {RUNNING} runs {{ nodes {{ progress {{ total }} }} }} }} }}")["project"]
    of = {"id": waiting, "status": "QUEUED", "progress": {"ended": 0, "total": 5}}
    assert found["runningRuns"]["nodes"] == [of]
    assert [node["progress"] for node in found["runs"]["nodes"]] == [{"total": 5}, None]


def test_what_went_on_at_a_moment_is_what_had_not_ended_by_then(api, made, workspace):
    run = made(selection="orders").run
    made(selection="revenue")
    ended = api("query ($run: ID!) { project { run(id: $run) { endedPosition } } }", run=run)["project"]["run"]
    ask = "query ($at: Moment) { project(asOf: $at) { runningRuns { nodes { id status progress { total } } } } }"
    then = api(ask, at=ended["endedPosition"] - 1)["project"]["runningRuns"]["nodes"]
    assert then == [{"id": run, "status": "RUNNING", "progress": None}]
    assert api(ask, at=ended["endedPosition"])["project"]["runningRuns"]["nodes"] == []
