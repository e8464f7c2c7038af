"""What is asked of a moment is what would be answered had the log ended there."""

from datetime import timedelta

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
from latewood_eventlog.leases import acquire
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
MORE = """
    query ($moment: Moment, $run: ID!) {
      project(asOf: $moment) {
        run(id: $run) {
          status counts endedPosition
          steps {
            totalCount
            nodes {
              number assets partition status attempt startedAt durationMs
              attempts { number status position startedAt endedAt durationMs reasons failure { error } retryAt }
            }
          }
          timeline { steps startMs durationMs attempts statusNames statusOf endStep }
          events(first: 300) { nodes { position assets } }
        }
        whyRun(run: $run) { actor position plannedFrom fresh planned { nodes { assets action first steps } } }
        ofStream: events(stream: "environment/prod", first: 300) { nodes { position type assets } }
        newest: events(stream: "environment/prod", types: ["heads.moved"], newestFirst: true, first: 2) {
          nodes { position } pageInfo { hasNextPage }
        }
        environment {
          position
          pins { totalCount nodes { asset name value actor position } }
          tasks { totalCount nodes { task version deployment since } }
          automations {
            name isOn evaluatedUpto problem lastRun position overdueCount overdue { policy asset upTo since why }
            evaluations { position type }
          }
          every: planPreview(selection: "*") { ...Planned }
          some: planPreview(selection: "c+", partition: "2026-01-02") { ...Planned }
          page: assetPage(asset: "d", first: 5) {
            position definition location versionsCount metadata columns
            versions { version { id } use environment parameters takenFrom }
            verdicts { checkName passed version position }
            renames { old } freshness { policy isOverdue since why } pins { name value position }
          }
          ofParted: assetPage(asset: "parted/kept") { versions { version { id } use environment } pins { name value } }
          ofB: assetPage(asset: "b", partition: "2026-01-02") { versions { version { id } use } metadata }
          shown(asset: "b") { version { id } partitions }
          lineage(asset: "d", up: 5, down: 5, first: 500) { upstream { ...Link } downstream { ...Link } }
          ofA: lineage(asset: "a", partition: "2026-01-01", up: 0, down: 5, first: 500) { downstream { ...Link } }
          columnLineage(asset: "spoken", column: "aloud") {
            totalCount
            nodes { asset column versions depth confidence sources { input asset column } end }
          }
        }
      }
    }
    fragment Link on LineageLink {
      reader readerPartition readerVersion input asset partitions versionsText depth equalTo
    }
    fragment Planned on PlanPreview {
      hash position steps refusal
      counts { run depends reuse skip fresh blocked }
      assets { totalCount nodes { assets groups { action partitions { text } reasons { cause subject check } } } }
      leftOut { nodes { message unread neverMade } }
      replaces { asset partitions position actor }
      estimate { p50Ms p90Ms samples unknownSteps }
    }
"""
CHECKED = """
    @asset
    def price() -> int:
        return 1

    @check(price, blocking=True)
    def is_enough(price: int) -> bool:
        return price >= {least}
"""
TWICE = """
    def priced() -> int:
        return 1

    price = asset(key="price")(priced)
    copy = asset(key="copy")(priced)

    @check(price, blocking=True)
    def is_enough(price: int) -> bool:
        return price >= {least}
"""
ASKED = (EVERYTHING, MORE)
"""Two, since one answer may be so large and no larger."""


@pytest.fixture
def ended_at(server, platform_template, workspace, tmp_path):
    """What is answered of now where the log has only what it had up to a position."""

    def ask(position, **given):
        (events,) = recorded(workspace.log, START)
        with copied(server, platform_template) as url:
            log = EventLog(connect(url, role="engine"), PROJECTIONS, UPCASTERS)
            reader = EventLog(connect(url, role="reader"), PROJECTIONS, UPCASTERS)
            restore(log, START, [events[:position]])
            going_on = {event.stream: event.type for event in events[:position] if event.stream.startswith("run/")}
            for run in (run for run, last in going_on.items() if last != "run.ended"):
                acquire(log.engine, "default", run, holder="somebody", duration=timedelta(hours=1))
            there = workspace_on(log, workspace.store)
            with in_one_loop(TestClient(open_app(Service(workspace=there, reader=reader)))) as client:
                found = [Api(client, there, None)(asked, **given)["project"] for asked in ASKED]
            log.engine.dispose()
            reader.engine.dispose()
        return found

    return ask


def differences(one, other, path=""):
    """Where two answers differ, and by what."""
    if type(one) is type(other) is dict and one.keys() == other.keys():
        for name in one:
            yield from differences(one[name], other[name], f"{path}.{name}")
    elif type(one) is type(other) is list and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, f"{path}[{number}]")
    elif one != other:
        yield path, one, other


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
        found = [api(asked, moment=position, run=run)["project"] for asked in ASKED]
        assert list(differences(found, ended_at(position, run=run))) == [], position


def test_a_position_may_be_that_of_an_event_of_another_project(api, made, workspace):
    made()
    before = workspace.log.position()
    other = of_project(workspace, "other")
    set_pool(other, "db", 1)
    ask = "query ($at: Moment) { project(asOf: $at) { position environment { now assets { nodes { key status } } } } }"
    found, then = api(ask, at=before + 1), api(ask, at=before)
    assert found["project"]["position"] == before + 1
    assert found["project"]["environment"] == then["project"]["environment"]


def test_what_was_refused_and_is_accepted_since_was_refused_then(api, made, workspace):
    made(CHECKED.format(least=2))
    before = workspace.log.position()
    made(CHECKED.format(least=1))
    ask = """query ($at: Moment) { project(asOf: $at) { environment {
        assetPage(asset: "price") { versions { use version { id isAccepted } } }
        asset(key: "price") { versions { nodes { id isAccepted } } }
        ofRuns: asset(key: "price") { comparison { nodes { id isAccepted } } }
    } } }"""

    def at(moment):
        found = api(ask, at=moment)["project"]["environment"]
        listed = found["asset"]["versions"]["nodes"], found["ofRuns"]["comparison"]["nodes"]
        (shown,) = found["assetPage"]["versions"]
        assert [shown["version"]] == listed[0] == listed[1]
        return shown["use"], shown["version"]["isAccepted"]

    assert (at(before), at(None)) == (("REFUSED", False), ("HEAD", True))


def test_so_was_what_a_head_was_taken_from(api, made, workspace):
    made(TWICE.format(least=2), selection="price")
    made(TWICE.format(least=2), selection="copy")
    before = workspace.log.position()
    made(TWICE.format(least=1))
    ask = """query ($at: Moment) { project(asOf: $at) { environment {
        why(asset: "copy") { takenFrom { asset isAccepted } } } } }"""
    found = [api(ask, at=at)["project"]["environment"]["why"]["takenFrom"]["isAccepted"] for at in (before, None)]
    assert found == [False, True]
