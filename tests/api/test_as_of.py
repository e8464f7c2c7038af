"""What is asked of a moment is what would be answered had the log ended there."""

import pytest
from starlette.testclient import TestClient

from api.conftest import Api, in_one_loop, open_app
from api.happenings import happening
from crash.conftest import workspace_on
from databases import copied
from latewood.commands.environments import create
from latewood.commands.pools import set_pool
from latewood.commands.workspace import of_project
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.codec import START
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog
from latewood_eventlog.transfer import recorded, restore
from latewood_graphql.calls import Service

EVERYTHING = """
    query ($moment: Moment, $run: ID!) {
      project(asOf: $moment) {
        position environments
        runs { nodes { id selection requestedPosition endedPosition counts } }
        ofAsset: runs(asset: "c") { totalCount nodes { id } }
        events(first: 1000) { nodes { position type } }
        changes(since: 3) {
          environmentsAdded
          environment {
            heads { nodes { key moves { nodes { partition before { id } after { id metadata } } } } }
            deployments { location before after } parameters { nodes { asset name before after } }
          }
        }
        locations { name deployments { id assets position environments } }
        first: whyStep(run: $run, step: 0) { decision position attempts reasons { cause } waits { kind count } }
        last: whyStep(run: $run, step: 9) { decision position attempts failure { error } skipped because lost }
        environment {
          position
          attention { nodes { asset { key } troubles checks because since downstream heldUp partitions { text } } }
          launchPlans { nodes { name } }
          groups { name assets fresh stale missing failed }
          assetGraph { keys statusOf causesOf edgesFrom edgesTo }
          facets { name values { value count } }
          assets {
            totalCount
            nodes {
              key status codeVersion location madeAt
              partitions { status partitions { text starts stops } }
              causes { cause subject check partitions { text } }
              head { id isAccepted }
              first: head(partition: "2026-01-01") { id isAccepted dataVersion }
              versions(first: 5) { totalCount nodes { id isAccepted isHead madeAt metadata parameters } }
              runs(first: 3) { totalCount nodes { id } }
              verdicts { checkName passed position }
            }
          }
          b: asset(key: "b") {
            comparison(first: 3) { nodes { id } isHead isRetracted parameters { name values } considered }
            ofRun: comparison(run: $run) { nodes { id } isHead isRetracted considered }
          }
          promotion(target: "lab") {
            position conflicts deployments { location before after moved }
            heads { totalCount nodes { key count moved example } }
            pins { nodes { asset name isPinned value wasPinned before moved } }
          }
          a: why(asset: "a") { status head { id } headSince findings { cause asset subject before after event } }
          d: why(asset: "d") { status head { id } headSince findings { cause asset subject event } made: madeBecause }
        }
      }
    }
"""


@pytest.fixture
def ended_at(server, platform_template, workspace, tmp_path):
    """What is answered of now where the log has only what it had up to a position."""

    def ask(position, **given):
        (events,) = recorded(workspace.log, START)
        with copied(server, platform_template) as url:
            log = EventLog(connect(url, role="engine"), PROJECTIONS, UPCASTERS)
            reader = EventLog(connect(url, role="reader"), PROJECTIONS, UPCASTERS)
            restore(log, START, [events[:position]])
            there = workspace_on(log, workspace.store)
            with in_one_loop(TestClient(open_app(Service(workspace=there, reader=reader)))) as client:
                found = Api(client, there, None)(EVERYTHING, **given)
            log.engine.dispose()
            reader.engine.dispose()
        return found["project"]

    return ask


@pytest.mark.parametrize("seed", range(4))
def test_a_moment_is_as_if_nothing_had_happened_since(api, workspace, load, ended_at, seed):
    positions = []
    for chance in happening(workspace, load, 100 + seed, acts=10):
        if not positions:
            create(workspace, "lab")
        positions.append(workspace.log.position())
        positions.append(chance.randint(positions[0], positions[-1]))
    run = api("{ project { runs { nodes { id } } } }")["project"]["runs"]["nodes"][-1]["id"]
    for position in {positions[0], positions[-1], *chance.sample(positions, 4)}:
        assert api(EVERYTHING, moment=position, run=run)["project"] == ended_at(position, run=run), position


def test_a_position_may_be_that_of_an_event_of_another_project(api, made, workspace):
    made()
    before = workspace.log.position()
    other = of_project(workspace, "other")
    set_pool(other, "db", 1)
    ask = "query ($at: Moment) { project(asOf: $at) { position environment { now assets { nodes { key status } } } } }"
    found, then = api(ask, at=before + 1), api(ask, at=before)
    assert found["project"]["position"] == before + 1
    assert found["project"]["environment"] == then["project"]["environment"]
