"""The log in pages from either end, by what events are about; and how many there were when."""

import json
from dataclasses import replace

import pytest
from sqlalchemy.event import listen

import latewood.projections.log_pages as looking
from api.conftest import SHOP
from api.looked_at import rows_of
from databases import execute
from latewood.commands.environments import create
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.pools import set_pool
from latewood.commands.renaming import rename
from latewood.events import from_json
from latewood.projections.snapshots import snapshot
from latewood_eventlog.log import SeenBy

NODES = "{ nodes { position type } pageInfo { endCursor hasNextPage } }"


def page(api, how):
    return api(f"{{ project {{ events({how}) {NODES} }} }}")["project"]["events"]


def every(api, how):
    """Positions of all pages, and how many pages they were."""
    found, after = [], ""
    for count in range(1, 200):
        got = page(api, f"first: 7, {how}{after}")
        found += [node["position"] for node in got["nodes"]]
        if not got["pageInfo"]["hasNextPage"]:
            return found, count
        after = f", after: {json.dumps(got['pageInfo']['endCursor'])}"
    raise AssertionError("there is no end")


@pytest.fixture
def happened(made, workspace, load):
    """Runs in two environments, the first of `prod`; and all events."""
    first = made().run
    create(workspace, "dev")
    dev = replace(workspace, environment="dev")
    loaded = load(SHOP.replace("* 10", "* 20"))
    materialize(dev, prepare(dev, loaded, Asked(selection="revenue+")))
    return first, workspace.log.read_all(limit=1_000)


def of_environment(event, name, is_its_run):
    if event.stream.startswith("run/"):
        return is_its_run
    return event.stream == f"environment/{name}" or f'"environment":"{name}"' in event.data


def is_about(event, asset):
    """Whether it names the asset, but not as what is planned, nor as what another one has read."""
    data = json.loads(event.data)
    for read in ("inputs", "steps", "definition"):
        data.pop(read, None)
    return f'"{asset}"' in json.dumps(data)


ABOUT = {
    "": lambda event, _: True,
    'types: ["step.started", "run.ended"]': lambda event, _: event.type in ("step.started", "run.ended"),
    'asset: "total"': lambda event, ids: is_about(event, ids["total"]),
    'asset: "orders", types: ["step.started"]': lambda event, ids: (
        event.type == "step.started" and is_about(event, ids["orders"])
    ),
    'asset: "revenue", environment: "dev"': lambda event, ids: (
        is_about(event, ids["revenue"]) and of_environment(event, "dev", event.stream != ids["first"])
    ),
    'stream: "environment/dev"': lambda event, _: event.stream == "environment/dev",
    'environment: "dev"': lambda event, ids: of_environment(event, "dev", event.stream != ids["first"]),
    'environment: "prod"': lambda event, ids: of_environment(event, "prod", event.stream == ids["first"]),
}


@pytest.mark.parametrize("looked_at", [1_000, 5])
@pytest.mark.parametrize("how", ABOUT)
def test_pages_from_either_end_have_all_that_is_wanted_and_nothing_twice(api, happened, monkeypatch, how, looked_at):
    monkeypatch.setattr(looking, "LOOKED_AT_MAX", looked_at)
    first, events = happened
    defined = [from_json(event.type, event.data) for event in events if event.type == "asset.defined"]
    ids = {"first": f"run/{first}"} | {fact.key: fact.asset for fact in defined}
    wanted = [event.position for event in events if ABOUT[how](event, ids)]
    forth, _ = every(api, how)
    back, _ = every(api, f"newestFirst: true, {how}")
    assert forth == wanted
    assert back == wanted[::-1]
    since = events[len(events) // 2].position
    assert every(api, f"since: {since}, {how}")[0] == [position for position in wanted if position > since]
    assert every(api, f"since: {since}, newestFirst: true, {how}")[0] == [p for p in wanted[::-1] if p > since]


def test_a_run_and_a_stream_are_not_both_meant(api, made):
    run = made().run
    (error,) = api.errors(f'{{ project {{ events(run: "{run}", stream: "pools") {{ nodes {{ type }} }} }} }}')
    assert error["message"] == "expected `run` or `stream`, of which a run's is one; found both"
    (error,) = api.errors('{ project { events(stream: "") { nodes { type } } } }')
    assert error["message"].startswith("stream: expected a name")


def test_a_page_of_types_oldest_first_is_full_or_the_last(api, happened, monkeypatch):
    """Who follows the log by the last position that was seen takes an empty page for the end."""
    monkeypatch.setattr(looking, "LOOKED_AT_MAX", 1)
    _, events = happened
    ended = [event.position for event in events if event.type == "run.ended"]
    (node,) = page(api, 'types: ["run.ended"], first: 1')["nodes"]
    got = page(api, f'types: ["run.ended"], since: {node["position"]}')
    assert [node["position"], *(each["position"] for each in got["nodes"])] == ended
    assert not got["pageInfo"]["hasNextPage"]


def test_a_page_of_an_asset_is_full_or_the_last_however_far_apart_its_events_are(api, happened, monkeypatch):
    monkeypatch.setattr(looking, "LOOKED_AT_MAX", 1)
    _, events = happened
    (total,) = (json.loads(e.data)["asset"] for e in events if e.type == "asset.defined" and '"key":"total"' in e.data)
    wanted = [event.position for event in events if is_about(event, total)]
    for how, expected in (("", wanted), ("newestFirst: true, ", wanted[::-1])):
        got = page(api, f'{how}asset: "total"')
        assert [node["position"] for node in got["nodes"]] == expected
        assert not got["pageInfo"]["hasNextPage"]
        assert page(api, f'{how}asset: "total", first: 1')["pageInfo"]["hasNextPage"]


def test_of_what_is_rare_of_an_asset_no_more_is_looked_at_than_a_page_may(api, happened, monkeypatch):
    monkeypatch.setattr(looking, "LOOKED_AT_MAX", 2)
    for how in ('types: ["run.ended"]', 'environment: "dev", types: ["run.ended"]'):
        for from_end in ("", "newestFirst: true, "):
            got = page(api, f'{from_end}asset: "total", {how}, first: 1')
            assert (got["nodes"], got["pageInfo"]["hasNextPage"]) == ([], True)
            assert every(api, f'{from_end}asset: "total", {how}')[0] == [], "it goes on from there, up to the end"


LONG_STREAM = """
    INSERT INTO latewood.events
    SELECT 'default', 1000000 + n, gen_random_uuid(), 'noted', n, 'test.noted', 1, now(), now(), 'a', NULL, '{}',
    sha256('') FROM generate_series(1, 5000) n
"""


def test_of_what_is_rare_in_a_stream_no_more_is_looked_at_than_a_page_may(api, happened, monkeypatch):
    first, _ = happened
    monkeypatch.setattr(looking, "LOOKED_AT_MAX", 2)
    for number in range(1, 6):
        set_pool(api.workspace, "db", number)
    pools = [event.position for event in api.workspace.log.read("default", "pools")]
    for from_end, expected in (("", pools), ("newestFirst: true, ", pools[::-1])):
        got = page(api, f'{from_end}stream: "pools", types: ["run.ended"], first: 1')
        assert (got["nodes"], got["pageInfo"]["hasNextPage"]) == ([], True)
        assert every(api, f'{from_end}stream: "pools", types: ["run.ended"]')[0] == []
        assert every(api, f'{from_end}stream: "pools"')[0] == expected, "and what is wanted is found on the way"
        got = page(api, f'{from_end}run: "{first}", types: ["run.requested"], first: 2')
        assert (len(got["nodes"]), got["pageInfo"]["hasNextPage"]) == (1, False), "of a run a page is full or the last"


def test_a_page_deep_in_a_stream_is_no_look_at_all_before_it(reader, superuser_url):
    execute(superuser_url, LONG_STREAM)
    given = {"project": "default", "stream": "noted", "limit": 11, "types": None, "hidden": [], "asset": None}
    given |= {"environment": "", "said": "", "looked": None}
    forth = given | {"low": 1_004_000, "high": 2_000_000}
    back = given | {"low": 0, "high": 1_001_000}
    for is_analyzed in (False, True):
        if is_analyzed:
            execute(superuser_url, "ANALYZE")
        with snapshot(SeenBy(reader, ("default",))) as connection:
            for asked, newest_first, wanted in (
                (forth, False, range(1_004_001, 1_004_012)),
                (back, True, range(1_001_000, 1_000_989, -1)),
            ):
                statement = looking._STATEMENTS[looking._OF_STREAM, newest_first]
                assert list(connection.execute(statement, asked).scalars()) == list(wanted)
                assert rows_of(connection, statement, asked) < 400


def test_of_a_run_there_are_its_own(api, happened):
    first, events = happened
    own = [event.position for event in events if event.stream == f"run/{first}"]
    assert every(api, f'run: "{first[:9]}"')[0] == own
    assert every(api, f'run: "{first}", newestFirst: true')[0] == own[::-1]


def test_of_a_run_and_an_asset_the_events_of_the_run_are_looked_at(api, happened):
    first, events = happened
    (total,) = (json.loads(e.data)["asset"] for e in events if e.type == "asset.defined" and '"key":"total"' in e.data)
    wanted = [event.position for event in events if event.stream == f"run/{first}" and is_about(event, total)]
    asked = []
    listen(api.service.reader.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert every(api, f'run: "{first}", asset: "total"')[0] == wanted != []
    assert every(api, f'run: "{first}", asset: "total", newestFirst: true')[0] == wanted[::-1]
    looks = [statement for statement in asked if "asset_events" in statement]
    assert looks
    assert all("ORDER BY e.version" in look for look in looks), "by the index of its stream"


def test_of_a_moment_there_is_nothing_that_came_later(api, happened):
    _, events = happened
    then = events[10].position
    ask = "query ($at: Moment) { project(asOf: $at) { events(newestFirst: true, first: 3) { nodes { position } } } }"
    nodes = api(ask, at=then)["project"]["events"]["nodes"]
    assert [node["position"] for node in nodes] == [then, then - 1, then - 2]


@pytest.mark.parametrize("sampled", [10_000, 20])
def test_a_histogram_counts_by_subject_or_by_one_in_so_many(api, happened, monkeypatch, sampled):
    monkeypatch.setattr(looking, "_SAMPLED_MAX", sampled)
    _, events = happened
    ask = '{ project { eventDensity(since: "2020-01-01T00:00:00Z", buckets: 9) { every series { subject counts } } } }'
    found = api(ask)["project"]["eventDensity"]
    counts = {series["subject"]: sum(series["counts"]) for series in found["series"]}
    if sampled > len(events):
        subjects = [event.type.partition(".")[0] for event in events]
        assert (found["every"], counts) == (1, {subject: subjects.count(subject) for subject in set(subjects)})
    else:
        assert found["every"] == -(-len(events) // sampled)
        assert abs(sum(counts.values()) - len(events)) < found["every"]


def test_events_name_assets_as_they_were_called_at_the_moment_that_is_shown(api, made, workspace):
    one = "@asset\ndef old() -> int:\n    return 1"
    run = made(one).run
    then = workspace.log.position()
    rename(workspace, "old", "new")
    made(one.replace("old", "new"))
    ask = """query ($at: Moment, $run: ID!) { project(asOf: $at) {
        events(types: ["step.succeeded"], run: $run) { nodes { position assets } }
        run(id: $run) { events { nodes { type assets } } }
    } }"""
    for at, name in ((None, "new"), (then, "old")):
        found = api(ask, run=run, at=at)["project"]
        assert [node["assets"] for node in found["events"]["nodes"]] == [[name]]
        assert {tuple(node["assets"]) for node in found["run"]["events"]["nodes"]} == {(), (name,)}
