"""Whatever is asked of a moment is answered as where the log ends there: for every field of the schema."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from api.acts import Acts
from api.conftest import SHOP, in_one_loop, open_app
from api.walking import answers, every_field
from crash.conftest import workspace_on
from databases import copied
from latewood.commands.automations import automation_named, stream_of, switch
from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import create, drop
from latewood.commands.heads import rollback
from latewood.commands.pinning import pin
from latewood.commands.retracting import retract
from latewood.commands.tokens import create_token
from latewood.commands.workspace import append_of
from latewood.engine.loading.loader import load_file
from latewood.events import AskedByKey, AutomationEvaluated, SensorEvaluated
from latewood.model.access import Role
from latewood.model.keys import RunId
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.codec import START
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Batch
from latewood_eventlog.transfer import recorded, restore
from latewood_graphql.calls import Service
from latewood_graphql.schema import schema

BY_ITSELF = """
    from datetime import timedelta

    from latewood.automation import Freshness, Schedule

    current = Freshness("current", "total", max_lag=timedelta(days=1))
    daily = Schedule("daily", "orders", cron="0 6 * * *")
    weekly = Schedule("weekly", "total", cron="0 6 * * 1")

    @asset
    def shaky(total: str) -> int:
        raise ValueError("no")

    import pyarrow as pa
    from latewood.sql import sql_asset

    @asset
    def told(total: str) -> pa.Table:
        return pa.table({"said": [total]})

    spoken = sql_asset("spoken", "SELECT upper(said) AS aloud FROM told")
"""

ALIKE = {
    "Asset.absent",
    "Asset.declaredChecks",
    "Asset.inputs",
    "Asset.parameters",
    "Asset.partitioning",
    "Asset.resources",
    "Asset.series",
    "Asset.source",
    "Asset.stored",
    "AssetConnection.pageInfo",
    "AssetInput.condition",
    "AssetPage.renames",
    "BoxDimension.chosen",
    "Explanation.barred",
    "Explanation.renames",
    "Environment.facets",
    "Environment.launchPlanPreview",
    "Environment.launchPlans",
    "Environment.tasks",
    "Explanation.moved",
    "Explanation.takenFrom",
    "LaunchPlan.inputs",
    "LaunchPlanConnection.edges",
    "LaunchPlanConnection.nodes",
    "LaunchPlanConnection.pageInfo",
    "LaunchPlanEdge.node",
    "PartitionBox.dimensions",
    "PlanPreview.brings",
    "PartitionScheme.chosen",
    "PartitionScheme.dimensions",
    "PartitionSet.boxes",
    "PartitionSet.ranges",
    "PlanLeftOutConnection.edges",
    "PlanLeftOutConnection.nodes",
    "PlanLeftOutConnection.pageInfo",
    "PlanLeftOutEdge.node",
    "PlanPreview.leftOut",
    "Project.events",
    "Project.locations",
    "ProjectChanges.environment",
    "StatusPartitions.partitions",
    "UsableTaskConnection.edges",
    "UsableTaskConnection.nodes",
    "UsableTaskConnection.pageInfo",
    "UsableTaskEdge.node",
    "VersionComparison.metrics",
}
"""Of what has such fields nothing changes in the story here, or nothing plain; for all others the test can fail."""


@pytest.fixture
def where_it_ends(server, platform_template, workspace):
    """An API where the log has only what it had up to a position."""

    @contextmanager
    def there(position):
        (events,) = recorded(workspace.log, START)
        with copied(server, platform_template) as url:
            log, reader = (EventLog(connect(url, role=r), PROJECTIONS, UPCASTERS) for r in ("engine", "reader"))
            restore(log, START, [events[:position]])
            service = Service(workspace=workspace_on(log, workspace.store), reader=reader)
            with in_one_loop(TestClient(open_app(service))) as client:
                yield client
            log.engine.dispose()
            reader.engine.dispose()

    return there


def looked_at(workspace, name, **said):
    """Something came of looking at an automation."""
    stream, at = stream_of("prod"), datetime(2026, 2, 1, tzinfo=UTC)
    version = workspace.log.version("default", stream)
    of = {"environment": "prod", "location": "assets.py", "name": name, "timing": "t", "at": at}
    fact = SensorEvaluated(**of, **said) if "cursor" in said else AutomationEvaluated(**of, until=at, **said)
    append = append_of(workspace, fact, stream=stream, name=(name, version), at=at, expected=version)
    workspace.log.append(Batch(appends=(append,)))


@pytest.fixture
def happened(api, workspace, load, made):
    """Something of everything, twice: the arguments that lead to what there was, and moments at which to look."""
    first = deploy_loaded(workspace, load(SHOP + BY_ITSELF)).deployment
    begun = workspace.log.position()
    run = made(SHOP + BY_ITSELF).run
    second = deploy_loaded(workspace, load(SHOP.replace("* 10", "* 20") + BY_ITSELF)).deployment
    create(workspace, "branch")
    create_token(workspace, "early", Role.VIEWER)
    pin(workspace, ["total.unit=dollar"])
    switch(workspace, automation_named(workspace, "daily"), on=False)
    looked_at(workspace, "daily", problem="no luck")
    looked_at(workspace, "weekly", cursor="a", failures=1)
    (version,) = api.environment('asset(key: "total") { versions { nodes { id } } }')["asset"]["versions"]["nodes"]
    at_rest = workspace.log.position()
    waiting = Acts(api).done("launch", 'selection: "revenue"', "Launched", "run { id }")["run"]["id"]
    meanwhile = workspace.log.position()
    Acts(api).done("cancelRun", f'run: "{waiting}"', "CancelAsked", "run { id }")
    switch(workspace, automation_named(workspace, "daily"), on=True)
    switch(workspace, automation_named(workspace, "daily"), on=False)
    looked_at(workspace, "daily")
    looked_at(workspace, "weekly", cursor="b")
    switch(workspace, automation_named(workspace, "current"), on=False)
    drop(workspace, "branch")
    create(workspace, "other")
    create_token(workspace, "late", Role.ADMIN)
    made(SHOP.replace("* 10", "* 30") + BY_ITSELF.replace("daily", "nightly"))
    retract(workspace, version["id"], reason="wrong")
    made(SHOP + BY_ITSELF, force=True)
    rollback(workspace, "revenue", to=at_rest)
    policies = "retries=Retry(1), timeouts=Timeouts(running=timedelta(1)), resources=Resources(cpu=2), reuse=False"
    run_otherwise = f'@asset(group="reports", priority=7, {policies})'
    last = SHOP.replace("ann", "bob").replace("* 10", "* 40").replace('@asset(group="reports")', run_otherwise)
    deploy_loaded(workspace, load("    from datetime import timedelta\n" + last))
    given = {
        "run.id": f'"{run}"',
        "key": '"total"',
        "asset": '"total"',
        "changes.since": str(begun),
        "columnLineage.asset": '"spoken"',
        "columnLineage.column": '"aloud"',
        "chosen.text": '"2026-01-01"',
        "launchPlanPreview.name": '"x"',
        "whyRun.run": f'"{run}"',
        "whyStep.run": f'"{run}"',
        "whyStep.step": "0",
        "promotion.target": '"branch"',
        "environment.name": '"prod"',
        "deploymentDifference.before": f'"{first}"',
        "deploymentDifference.after": f'"{second}"',
        "versionDifference.before": f'"{version["id"]}"',
        "versionDifference.after": f'"{version["id"]}"',
    }
    ended = api("query ($run: ID!) { project { run(id: $run) { endedPosition } } }", run=run)["project"]["run"]
    return given, (begun, (begun + ended["endedPosition"]) // 2, ended["endedPosition"], at_rest, meanwhile)


def below_a_project(given):
    """Every field that has fields of its own, with all that is plain in it."""
    return [
        field
        for field in every_field(schema(), given)
        if field.text.startswith("{ project ") and "__typename" in field.text
    ]


def test_what_is_asked_of_a_moment_does_not_change(api, happened, where_it_ends):
    given, positions = happened
    fields = below_a_project(given)

    def told(client, position):
        found = answers(client, fields, "$at: Moment", "asOf: $at", at=position)
        return {field.name: json.dumps([field.data, field.faults]) for field in found}

    changed, faults, still = [], [], {field.name for field in fields}
    now = told(api.client, api.workspace.log.position())
    for position in positions:
        then = told(api.client, position)
        with where_it_ends(position) as client:
            ended = told(client, position)
        faults += [name for name in then if "INTERNAL" in then[name] + ended[name]]
        changed += [(name, position, then[name], ended[name]) for name in then if then[name] != ended[name]]
        still -= {name for name in then if then[name] != now[name]}
    assert faults == []
    assert changed == []
    assert still <= ALIKE, f"nothing in the story changes these: {sorted(still - ALIKE)}"


def test_runs_are_chosen_by_how_they_stood(api, made):
    run = made().run
    (found,) = api("{ project { runs { nodes { requestedPosition endedPosition } } } }")["project"]["runs"]["nodes"]
    ask = """query ($at: Moment, $status: RunState) { project(asOf: $at) {
      runs(status: $status) { totalCount nodes { id } }
      environment { asset(key: "total") { runs(status: $status) { totalCount nodes { id } } } }
      runDensity(since: "2020-01-01T00:00:00Z", status: $status) { series { status } }
    } }"""
    for position in range(found["requestedPosition"], found["endedPosition"] + 1):
        stood = "SUCCEEDED" if position == found["endedPosition"] else "RUNNING"
        for status in ("SUCCEEDED", "RUNNING", "QUEUED"):
            there = api(ask, at=position, status=status)["project"]
            runs = [there["runs"]]
            if position > found["requestedPosition"]:  # its plan is behind that it was asked for
                runs.append(there["environment"]["asset"]["runs"])
            expected = [run] if status == stood else []
            for page in runs:
                assert (page["totalCount"], [node["id"] for node in page["nodes"]]) == (len(expected), expected)
            assert [series["status"] for series in there["runDensity"]["series"]] == [stood] * len(expected)


def test_what_is_still_to_come_is_no_moment(api, made):
    made()
    end = api.workspace.log.position()
    for ask in ("{ project(asOf: %d) { position } }", "{ project { changes(since: %d) { position } } }"):
        api(ask % end)
        (error,) = api.errors(ask % (end + 1))
        assert error["extensions"]["code"] == "BAD_INPUT"
        assert f"position {end + 1} is not in the log, which ends at {end}" in error["message"]


def test_a_deployment_and_a_version_of_later_are_not_known_yet(api, made):
    made()
    early = api.workspace.log.position()
    made(SHOP.replace("* 10", "* 20"))
    ask = '{ project { locations { deployments { id } } environment { asset(key: "total") { head { id } } } } }'
    now = api(ask)["project"]
    deployed = now["locations"][0]["deployments"][0]["id"]
    version = now["environment"]["asset"]["head"]["id"]
    difference = f'deploymentDifference(before: "{deployed}", after: "{deployed}") {{ added {{ name }} }}'
    lineage = f'environment {{ lineage(asset: "total", version: "{version}") {{ upstream {{ asset }} }} }}'
    for below in (difference, lineage):
        api(f"{{ project {{ {below} }} }}")
        (error,) = api.errors(f"{{ project(asOf: {early}) {{ {below} }} }}")
        assert error["extensions"]["code"] in ("BAD_INPUT", "NOT_FOUND"), error


def test_each_location_has_its_own_latest_deployments(api, workspace, load, tmp_path):
    deploy_loaded(workspace, load(SHOP))
    for number in range(3):
        file = tmp_path / "often.py"
        file.write_text(f"from latewood import *\n@asset\ndef often() -> int:\n    return {number}\n")
        deploy_loaded(workspace, load_file(file, root=tmp_path))
    ask = "query ($at: Position) { project { locations { name deployments(first: 2, before: $at) { position } } } }"

    def found(before=None):
        locations = api(ask, at=before)["project"]["locations"]
        return {each["name"]: [made["position"] for made in each["deployments"]] for each in locations}

    first, last = found()["assets.py"], found()["often.py"]
    assert (len(first), len(last)) == (1, 2)
    (oldest,) = found(before=last[1])["often.py"]
    assert first[0] < oldest < last[1] < last[0]
    assert found(before=oldest) == {"assets.py": first, "often.py": []}


def test_evaluations_are_the_last_of_each_automation(api, workspace, load):
    deploy_loaded(workspace, load(SHOP + BY_ITSELF))
    places = []
    for number in range(3):
        looked_at(workspace, "daily", missed=number)
        places.append(workspace.log.position())
        looked_at(workspace, "weekly", missed=number)
    shown = "automations { name evaluations(first: 1) { position } }"
    ask = f"query ($at: Moment) {{ project(asOf: $at) {{ environment {{ {shown} }} }} }}"
    for position in places:
        _, daily, _ = api(ask, at=position)["project"]["environment"]["automations"]
        assert daily == {"name": "daily", "evaluations": [{"position": position}]}


def test_automations_stand_as_they_stood(api, workspace, load):
    deploy_loaded(workspace, load(SHOP + BY_ITSELF))
    shown = "automations { name isOn evaluatedUpto cursor problem lastRun position }"
    ask = f"query ($at: Moment) {{ project(asOf: $at) {{ environment {{ {shown} }} }} }}"
    asked = (AskedByKey(key="k", run=RunId("r1")),)
    said = [{"cursor": "a", "requests": asked}, {"cursor": "b", "problem": "no luck", "failures": 2}, {"cursor": ""}]
    then = {}
    for each in (*said, {"problem": "no luck"}, {}):
        for name in ("weekly", "daily"):
            looked_at(workspace, name, **each)
            then[workspace.log.position()] = api(ask)
            found = automation_named(workspace, name)
            switch(workspace, found, on=not found.is_on)
            then[workspace.log.position()] = api(ask)
    assert len({json.dumps(answer) for answer in then.values()}) > len(then) / 2
    for position, answer in then.items():
        assert api(ask, at=position) == answer, position


def test_before_the_first_event_there_is_nothing(api, made):
    made()
    shown = "assetGraph { keys } assets { totalCount } groups { name } attention { nodes { asset { key } } }"
    found = api(f"{{ project(asOf: 0) {{ position environments environment {{ {shown} }} }} }}")["project"]
    assert (found["position"], found["environments"]) == (0, [])
    assert found["environment"]["assetGraph"]["keys"] == []
