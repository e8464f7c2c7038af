"""What can be asked of assets, versions and runs."""

import json
import re
from dataclasses import replace

import pytest

from api.conftest import SHOP
from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import create, promote
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood_graphql.nodes.graphs import facets_of

CATALOG = """
    assets(selection: "group:reports") {
      totalCount
      nodes {
        key group owners status flags description codeVersion location origin task
        partitioning { title count dimensions { name } }
        parameters { name jsonSchema default required counts }
        declaredChecks { name blocking }
        partitions { status partitions { count text ranges { start stop firstKey lastKey } } }
        causes { cause subject check partitions { count } }
        upstream(first: 100) { key } downstream(first: 100) { key } downstreamCount
        more: downstream(first: 100, behind: 1) { key }
      }
    }
"""


GRID = """
from latewood import Daily, Static, asset
from latewood.partitions import Grid

@asset(partitions=Grid(region=Static(["eu", "us"]), day=Daily("2026-01-01")))
def sales() -> int:
    return 1
"""


def test_the_dimensions_of_a_grid_are_in_the_order_by_which_its_partitions_are_numbered(api, made):
    made(GRID, partition="day=2026-01-02, region=us")
    asked = """
        asset(key: "sales") {
          partitioning { dimensions { name count keys(behind: 1, first: 1) } }
          partitions { status partitions { starts } }
        }
    """
    found = api.environment(asked)["asset"]
    days, regions = found["partitioning"]["dimensions"]
    assert (days["name"], days["keys"]) == ("day", ["2026-01-02"])
    assert regions == {"name": "region", "count": 2, "keys": ["us"]}
    fresh = next(entry["partitions"] for entry in found["partitions"] if entry["status"] == "FRESH")
    assert fresh["starts"] == [1 * regions["count"] + 1]
    text = "region=us, day=2026-01-02; day=2026-01-01"
    chosen = api.environment(f'asset(key: "sales") {{ partitioning {{ chosen(text: "{text}") {{ starts stops }} }} }}')
    assert chosen["asset"]["partitioning"]["chosen"] == {"starts": [0, 3], "stops": [2, 4]}
    shown = "count dimensions { name chosen { text ranges { start stop firstKey lastKey } } }"
    boxes = f"all: boxes {{ count }} boxes(first: 1, behind: 1) {{ {shown} }}"
    asked = f'asset(key: "sales") {{ partitioning {{ chosen(text: "{text}") {{ {boxes} }} }} }}'
    found = api.environment(asked)["asset"]["partitioning"]["chosen"]
    assert [box["count"] for box in found["all"]] == [2, 1]
    ((day, region),) = [box["dimensions"] for box in found["boxes"]]
    assert (day["name"], day["chosen"]["text"]) == ("day", "2026-01-02")
    assert region == {
        "name": "region",
        "chosen": {"text": "us", "ranges": [{"start": 1, "stop": 2, "firstKey": "us", "lastKey": "us"}]},
    }


def test_a_catalog_says_what_there_is_and_how_it_stands(api, made):
    made(selection="orders,revenue", partition="2026-01-01..2026-01-02")
    made(SHOP.replace("* 10", "* 20"), selection="orders")
    found = api.environment(CATALOG)["assets"]
    assert found["totalCount"] == 2
    revenue, total = found["nodes"]
    assert (revenue["key"], revenue["owners"], revenue["status"]) == ("revenue", ["ann"], "MISSING")
    assert (revenue["downstream"], revenue["downstreamCount"], revenue["more"]) == ([{"key": "total"}], 1, [])
    assert revenue["partitioning"] == {
        "title": "daily from 2026-01-01 to 2026-01-05 (UTC)",
        "count": 4,
        "dimensions": [],
    }
    by_status = {entry["status"]: entry["partitions"] for entry in revenue["partitions"]}
    assert by_status["STALE"]["text"] == "2026-01-01..2026-01-02"
    assert by_status["MISSING"]["ranges"] == [
        {"start": 2, "stop": 4, "firstKey": "2026-01-03", "lastKey": "2026-01-04"}
    ]
    assert {(cause["cause"], cause["partitions"]["count"]) for cause in revenue["causes"]} == {
        ("CODE", 2),
        ("MISSING", 2),
    }
    assert (revenue["upstream"], revenue["downstream"]) == ([{"key": "orders"}], [{"key": "total"}])
    assert [parameter["default"] for parameter in total["parameters"]] == ["euro"]
    assert total["declaredChecks"] == [{"name": "is_some", "blocking": False}]


def test_an_asset_has_its_head_its_versions_and_what_checks_found(api, made):
    made()
    made(SHOP.replace("* 10", "* 20"))
    asset = api.environment("""
        asset(key: "total") {
          head { id dataVersion metadata parameters reasons isAccepted run }
          versions(first: 1) { totalCount nodes { id run } pageInfo { endCursor hasNextPage } }
          verdicts { checkName passed message version }
        }
    """)["asset"]
    newest = asset["versions"]["nodes"][0]
    assert (asset["versions"]["totalCount"], asset["versions"]["pageInfo"]["hasNextPage"]) == (2, True)
    assert asset["head"]["id"] == newest["id"]
    assert (asset["head"]["parameters"], asset["head"]["reasons"]) == ({"unit": "euro"}, ["upstream:revenue"])
    assert [verdict["message"] for verdict in asset["verdicts"]] == ["200 euro", "100 euro"]
    rest = api.environment(f"""
        asset(key: "total") {{
          versions(after: "{asset["versions"]["pageInfo"]["endCursor"]}") {{
            nodes {{ run }} pageInfo {{ hasNextPage }}
          }}
        }}
    """)["asset"]["versions"]
    assert (len(rest["nodes"]), rest["pageInfo"]["hasNextPage"]) == (1, False)
    assert rest["nodes"][0]["run"] != newest["run"]


def test_of_partitions_only_those_that_are_asked_for(api, made):
    made()
    found = api.environment("""
        asset(key: "revenue") {
          head(partition: "2026-01-02") { partition }
          none: head { partition }
          versions(partition: "2026-01-03..2026-01-04") { totalCount nodes { partition } }
        }
    """)["asset"]
    assert found["head"] == {"partition": "2026-01-02"}
    assert found["none"] is None
    assert sorted(node["partition"] for node in found["versions"]["nodes"]) == ["2026-01-03", "2026-01-04"]
    assert found["versions"]["totalCount"] == 2


def test_why_names_the_root_and_the_way(api, made):
    made()
    made(SHOP.replace("int(partition[-2:])", "int(partition[-2:]) + 1"), selection="orders", partition="2026-01-01")
    found = api.environment(
        """why(asset: "total") { status head { id } findings { cause asset code { name } through } }"""
    )
    (finding, *_) = found["why"]["findings"]
    assert found["why"]["status"] == "STALE"
    assert (finding["cause"], finding["asset"], finding["through"][-1]) == ("CODE", "orders", "total")
    assert [change["name"] for change in finding["code"]] == ["assets.py:orders"]


def test_lineage_of_more_links_than_are_asked_for_is_refused_with_what_to_ask_instead(api, made):
    made()
    ask = '{ project { environment { lineage(asset: "total", up: 2%s) { upstream { depth } } } } }'
    links = len(api(ask % "")["project"]["environment"]["lineage"]["upstream"])
    api(ask % f", first: {links}")
    (error,) = api.errors(ask % f", first: {links - 1}")
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert error["message"] == (
        f"expected at most {links - 1} links (`first`), found more up to level 2: ask for fewer levels (`up` 1), "
        "fewer partitions (`partition`) or one version (`version`), and on from there"
    )
    for wrong in (0, 10_001):
        assert api.errors(ask % f", first: {wrong}")[0]["extensions"]["code"] == "BAD_INPUT"


def test_lineage_names_the_very_versions(api, made):
    run = made().run
    found = api.environment("""
        lineage(asset: "total", up: 2) {
          upstream { reader input asset partitions versionsCount depth } downstream { asset }
        }
    """)["lineage"]
    assert [(link["asset"], link["versionsCount"], link["depth"]) for link in found["upstream"]][:2] == [
        ("revenue", 4, 1),
        ("orders", 1, 2),
    ]
    assert found["upstream"][0]["partitions"] == "2026-01-01..2026-01-04"
    assert run in api("{ project { runs { nodes { id } } } }")["project"]["runs"]["nodes"][0]["id"]


PAIR = """
    @task
    def pair() -> int:
        return 2

    one, two = pair.asset(key="one"), pair.asset(key="two")
"""


def test_lineage_in_few_words_tells_the_versions_of_an_asset_together(api, made):
    run = made(f"{SHOP}\n{PAIR}").run
    several = "{ partitions count version }"
    ask = (
        f"lines {{ depth reader made {several} asset read {several} }} takenLines {{ asset fromAsset made {several} }}"
    )
    found = api.environment(f'total: lineage(asset: "total", up: 2) {{ {ask} }} two: lineage(asset: "two") {{ {ask} }}')
    first, second = found["total"]["lines"]
    days = {"partitions": "2026-01-01..2026-01-04", "count": 4, "version": None}
    assert first.pop("made")["version"].startswith(f"{run}.")
    assert first == {"depth": 1, "reader": "total", "asset": "revenue", "read": days}
    assert second == {"depth": 2, "reader": "revenue", "made": days, "asset": "orders", "read": days}
    (taken,) = found["two"]["takenLines"]
    assert (taken["asset"], taken["fromAsset"], taken["made"]["count"]) == ("two", "one", 1)


def test_the_graph_is_columns_and_groups_are_counts(api, made):
    made(selection="orders")
    found = api.environment("""
        assetGraph { keys groups groupOf statusNames statusOf edgesFrom edgesTo causesOf }
        groups { name assets fresh missing reads }
    """)
    graph = found["assetGraph"]
    assert graph["keys"] == ["orders", "revenue", "total"]
    assert [graph["groups"][n] for n in graph["groupOf"]] == ["raw", "reports", "reports"]
    assert [graph["statusNames"][n] for n in graph["statusOf"]] == ["FRESH", "MISSING", "MISSING"]
    assert list(zip(graph["edgesFrom"], graph["edgesTo"], strict=True)) == [(0, 1), (1, 2)]
    assert found["groups"] == [
        {"name": "raw", "assets": 1, "fresh": 1, "missing": 0, "reads": []},
        {"name": "reports", "assets": 2, "fresh": 0, "missing": 2, "reads": ["raw"]},
    ]


def test_the_graph_names_the_systems_that_make_some_of_its_assets(api, workspace, load):
    deploy_loaded(
        workspace,
        load("""
    from latewood.plugin import runs_on

    @asset
    @runs_on("local", options={})
    def far() -> int: ...

    @asset
    def near(far: int) -> int:
        return far
    """),
    )
    found = api.environment('all: assetGraph { connectors } near: assetGraph(selection: "near") { connectors }')
    assert found == {"all": {"connectors": ["local"]}, "near": {"connectors": []}}


def test_runs_are_those_from_one_time_to_another(api, made):
    first, second = made().run, made(force=True).run
    found = api("query ($id: ID!) { project { run(id: $id) { requestedAt } } }", id=second)
    at = found["project"]["run"]["requestedAt"]
    query = """
        query ($since: DateTime, $until: DateTime) {
          project { runs(since: $since, until: $until) { totalCount nodes { id } } }
        }
    """
    assert api(query, since=at)["project"]["runs"] == {"totalCount": 1, "nodes": [{"id": second}]}
    assert api(query, until=at)["project"]["runs"] == {"totalCount": 1, "nodes": [{"id": first}]}
    with pytest.raises(AssertionError, match="offset"):
        api(query, since="2026-03-01T00:00:00")


def test_a_run_has_its_steps_and_its_events(api, made):
    run = made().run
    found = api(
        """
        query ($id: ID!) {
          project {
            run(id: $id) {
              status selection actor counts
              steps(first: 4) { totalCount nodes { number assets partition status } }
              above: steps(first: 2, above: 5) { nodes { number } }
              events(first: 2) { nodes { type position } pageInfo { endCursor } }
            }
            events(types: ["run.ended"]) { nodes { type data } }
          }
        }
    """,
        id=run,
    )["project"]
    assert (found["run"]["status"], found["run"]["selection"], found["run"]["actor"]) == ("SUCCEEDED", "*", "test")
    assert found["run"]["steps"]["totalCount"] == 9
    assert [step["partition"] for step in found["run"]["steps"]["nodes"]] == [f"2026-01-0{n}" for n in range(1, 5)]
    assert [step["number"] for step in found["run"]["above"]["nodes"]] == [6, 7]
    assert [event["type"] for event in found["run"]["events"]["nodes"]] == ["run.requested", "run.planned"]
    (ended,) = api.workspace.log.read_types("default", ["run.ended"], after=0)
    assert [event["data"] for event in found["events"]["nodes"]] == [json.loads(ended.data)]


def test_of_each_version_it_is_said_whether_it_is_head_and_of_the_latest_how_long_they_took(api, made):
    made()
    made(SHOP.replace("* 10", "* 20"))
    revenue = api(
        """{ project { environment { asset(key: "revenue") {
          versions { nodes { partition isHead durationMs } }
          durations lately: durations(first: 3)
        } } } }"""
    )["project"]["environment"]["asset"]
    nodes = revenue["versions"]["nodes"]
    assert [node["isHead"] for node in nodes] == [True] * 4 + [False] * 4
    assert revenue["durations"] == [node["durationMs"] for node in reversed(nodes)]
    assert revenue["lately"] == revenue["durations"][-3:]


def test_all_of_an_answer_is_of_the_moment_that_is_asked_for(api, made):
    made()
    before = api.post("{ server { position } }").json()["extensions"]["position"]
    made(SHOP.replace("* 10", "* 20"))
    ask = """{ project(asOf: %s) {
      position
      runs { totalCount nodes { id } }
      environment { asset(key: "total") { versions { totalCount } head { id } status } groups { name fresh } }
    } }"""
    then = api(ask % before)["project"]
    now = api(ask % "null")["project"]
    assert (then["position"], then["runs"]["totalCount"], now["runs"]["totalCount"]) == (before, 1, 2)
    assert (
        then["environment"]["asset"]["versions"]["totalCount"],
        now["environment"]["asset"]["versions"]["totalCount"],
    ) == (1, 2)
    assert then["environment"]["asset"]["head"] != now["environment"]["asset"]["head"]
    assert then["environment"]["asset"]["status"] == "FRESH"


def test_an_asset_shows_the_text_it_was_made_by_then(api, made):
    made()
    before = api.post("{ server { position } }").json()["extensions"]["position"]
    made(SHOP.replace("* 10", "* 20"))
    ask = """{ project(asOf: %s) { environment { asset(key: "revenue") { source { file line text } } } } }"""
    then, now = (api(ask % at)["project"]["environment"]["asset"]["source"] for at in (before, "null"))
    assert (then["file"], then["line"]) == ("assets.py", 9)
    assert then["text"].startswith('@asset(group="reports"')
    assert then["text"].rstrip().endswith("return orders * 10")
    assert now["text"].rstrip().endswith("return orders * 20")


def test_a_version_shows_the_text_it_was_made_by_in_the_location_that_its_asset_was_in_then(api, made, workspace, load):
    made("@asset\ndef a() -> int:\n    return 1\n")
    made("@asset\ndef b() -> int:\n    return 1\n")
    there = replace(load("@asset\ndef a() -> int:\n    return 2\n"), location="other.py")
    materialize(workspace, prepare(workspace, there, Asked(selection="a")))
    ask = """
        asset(key: "a") { location versions { nodes { id source { text } } } }
        versionDifference(asset: "a", before: "%s", after: "%s") { texts { diff } }
    """
    ids = 'asset(key: "a") { versions { nodes { id } } }'
    second, first = (each["id"] for each in api.environment(ids)["asset"]["versions"]["nodes"])
    found = api.environment(ask % (first, second))
    assert found["asset"]["location"] == "other.py"
    texts = [node["source"]["text"].rstrip()[-8:] for node in found["asset"]["versions"]["nodes"]]
    assert texts == ["return 2", "return 1"]
    assert "-    return 1" in found["versionDifference"]["texts"][0]["diff"]
    deploy_loaded(workspace, load("@asset\ndef c() -> int:\n    return 1\n"))
    deploy_loaded(workspace, replace(load("@asset\ndef b() -> int:\n    return 1\n"), location="other.py"))
    deploy_loaded(workspace, replace(load("@asset\ndef a() -> int:\n    return 3\n"), location="third.py"))
    (finding,) = api.environment('why(asset: "a") { findings { cause code { name } } }')["why"]["findings"]
    assert finding == {"cause": "CODE", "code": [{"name": "assets.py:a"}]}


MEASURED = """
    @asset(partitions=Static(["a", "b"]))
    def sized(partition: PartitionKey, context: Context) -> int:
        context.add_metadata(rows=len(partition) + {more}, name=partition, good=True)
        return {more}
"""


def test_numbers_of_metadata_are_series_for_plots(api, made):
    made(MEASURED.format(more=1))
    made(MEASURED.format(more=2))
    (rows,) = api.environment("""
        asset(key: "sized") { series(names: ["rows"], partition: "a") { name partitions values positions madeAt } }
    """)["asset"]["series"]
    assert (rows["partitions"], rows["values"]) == (["a", "a"], [2, 3])
    assert rows["positions"] == sorted(rows["positions"])
    every = api.environment("""asset(key: "sized") { series { name values } }""")["asset"]["series"]
    assert "good" not in [each["name"] for each in every]
    assert len(next(each["values"] for each in every if each["name"] == "rows")) == 4


def test_a_search_finds_by_words_and_facets_say_what_there_is(api, made):
    made(selection="orders")
    found = api.environment("""
        assets(search: "SALES") { nodes { key } }
        ann: assets(search: "ann") { totalCount }
        facets { name values { value count } }
        few: facets(selection: "group:raw") { name values { value count } }
    """)
    assert found["assets"]["nodes"] == [{"key": "orders"}]
    assert found["ann"]["totalCount"] == 1
    facets = {facet["name"]: {each["value"]: each["count"] for each in facet["values"]} for facet in found["facets"]}
    assert (facets["group"], facets["owner"], facets["tag"]) == (
        {"reports": 2, "raw": 1},
        {"ann": 1},
        {"team=sales": 1},
    )
    assert facets["status"] == {"missing": 2, "fresh": 1}
    few = {facet["name"]: facet["values"] for facet in found["few"]}
    assert few["status"] == [{"value": "fresh", "count": 1}]
    groups = facets_of(api.service.assessments.at(api.workspace), ["total", "orders"])[0]
    assert groups["values"] == [{"value": "raw", "count": 1}, {"value": "reports", "count": 1}], "equals by name"


def test_of_an_asset_that_was_dropped_it_is_said_when_and_by_what_in_the_environment_that_had_it(api, workspace, load):
    two = load("@asset\ndef a() -> int:\n    return 1\n@asset\ndef b() -> int:\n    return 2\n")
    one = load("@asset\ndef a() -> int:\n    return 1\n")
    named = {name: replace(workspace, environment=name) for name in ("dev", "late", "bare")}
    deploy_loaded(workspace, two)
    create(workspace, "dev")
    dropped = deploy_loaded(named["dev"], one).deployment
    create(workspace, "late", base="dev")
    create(workspace, "bare", base="")
    deploy_loaded(named["bare"], replace(one, location="other.py"))
    promote(replace(workspace, actor="ann"), "dev", workspace.environment)
    moved = api("{ server { position } }")["server"]["position"]
    deploy_loaded(workspace, load("@asset\ndef a() -> int:\n    return 3\n"))

    ask = '{ project(asOf: %s) { environment(name: "%s") { why(asset: "b") { status } } } }'
    said = rf'no asset "b" any more: deployment {dropped} of assets.py by (\w+) dropped it at 20\S+, event \S+; '
    for environment, actor in ((workspace.environment, "ann"), ("dev", "test")):
        (error,) = api.errors(ask % ("null", environment))
        by, position = re.fullmatch(rf"{said}`asOf` (\d+) has it as it was", error["message"]).groups()
        assert by == actor
        assert api(ask % (position, environment))["project"]["environment"]["why"] == {"status": "MISSING"}
        (error,) = api.errors(ask % (int(position) + 1, environment))
        assert "dropped it" in error["message"]
    assert int(position) < moved - 1, "the one of dev, which went before"
    for environment, asset in (("late", "b"), ("bare", "b"), (workspace.environment, "c")):
        (error,) = api.errors((ask % ("null", environment)).replace('"b"', f'"{asset}"'))
        assert "dropped" not in error["message"], environment
