"""Columns over the API: what each was computed from, over several queries, to where nobody knows."""

import pytest

SQL = """
    import pyarrow as pa
    from latewood.sql import sql_asset

    @asset(key="flights/raw")
    def raw() -> pa.Table:
        return pa.table({"carrier": ["a", "b"], "minutes": [4, 40]})

    days = Static(["sat", "sun"])
    daily = sql_asset("flights/daily", "SELECT *, :partition_key AS day FROM raw", partitions=days)
    late = sql_asset("late", "SELECT carrier, minutes / 60 AS hours, lower(day) AS day, 1 AS one FROM flights.daily")
    report = sql_asset("report", "SELECT carrier, max(hours) AS worst FROM late GROUP BY carrier")
"""


def steps(api, asked):
    return api.environment(f"""columnLineage({asked}) {{
        nodes {{ depth asset column versionsCount confidence end expression sources {{ input asset column }} }}
        totalCount pageInfo {{ endCursor hasNextPage }}
    }}""")["columnLineage"]


def test_a_column_of_a_report_is_followed_over_queries_to_the_raw_column(api, made):
    made(SQL)
    found = steps(api, 'asset: "report", column: "worst"')["nodes"]
    assert [(step["asset"], step["column"], step["versionsCount"], step["confidence"]) for step in found] == [
        ("report", "worst", 1, "EXACT"),
        ("late", "hours", 1, "EXACT"),
        ("flights/daily", "minutes", 2, "EXACT"),
        ("flights/raw", "minutes", 1, "UNKNOWN"),
    ]
    assert found[2]["sources"] == [{"input": "raw", "asset": "flights/raw", "column": "minutes"}]
    assert [step["expression"] for step in found] == ["MAX(late.hours)", "daily.minutes / 60", "", ""]
    assert [step["end"] for step in found] == [None, None, None, "not known: Python"]
    assert [step["end"] for step in steps(api, 'asset: "late", column: "day"')["nodes"]] == [None, "from no column"]
    assert len(steps(api, 'asset: "report", column: "worst", up: 1')["nodes"]) == 2


def test_it_comes_in_pages(api, made):
    made(SQL)
    page = steps(api, 'asset: "report", column: "worst", first: 3')
    assert (len(page["nodes"]), page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, 4, True)
    rest = steps(api, f'asset: "report", column: "worst", first: 3, after: "{page["pageInfo"]["endCursor"]}"')
    assert [step["asset"] for step in rest["nodes"]] == ["flights/raw"]


def test_a_version_has_what_its_columns_were_computed_from_as_it_was_made(api, made):
    made(SQL)
    (old,) = api.environment('asset(key: "late") { head { id } }')["asset"].values()
    position = api("{ server { position } }")["server"]["position"]
    made(SQL.replace("minutes / 60", "length(carrier)"))
    asked = 'asset(key: "late") { head { columnSources { nodes { column confidence sources { input column } } } } }'
    now = {
        node["column"]: node["sources"] for node in api.environment(asked)["asset"]["head"]["columnSources"]["nodes"]
    }
    assert now == {
        "carrier": [{"input": "flights_daily", "column": "carrier"}],
        "hours": [{"input": "flights_daily", "column": "carrier"}],
        "day": [{"input": "flights_daily", "column": "day"}],
        "one": [],
    }
    then = steps(api, f'asset: "late", column: "hours", version: "{old["id"]}"')["nodes"]
    assert then[0]["sources"][0]["column"] == "minutes"
    at = f'project(asOf: {position}) {{ environment {{ columnLineage(asset: "late", column: "hours") {{ nodes {{'
    (first, *_) = api(f"{{ {at} sources {{ column }} }} }} }} }} }}")["project"]["environment"]["columnLineage"][
        "nodes"
    ]
    assert first["sources"] == [{"column": "minutes"}], "as of then"
    assert api.environment('asset(key: "flights/raw") { head { columnSources { totalCount } } }') == {
        "asset": {"head": {"columnSources": {"totalCount": 0}}}
    }


def test_an_unknown_column_is_told_with_those_there_are(api, made):
    made(SQL)
    query = '{ project { environment { columnLineage(asset: "report", column: "wurst") { totalCount } } } }'
    (error,) = api.errors(query)
    assert '"report" has no column "wurst"; there is carrier, worst' in error["message"]


def test_more_versions_than_are_followed_are_refused_with_what_to_ask_instead(api, made, monkeypatch):
    made(SQL)
    ask = '{ project { environment { columnLineage(asset: "report", column: "worst"%s) { totalCount } } } }'
    for most, up in ((5, ""), (4, ", up: 2"), (2, ", up: 1")):  # one of each, and two days
        monkeypatch.setattr("latewood_graphql.nodes.lineage.VERSIONS_MAX", most)
        api(ask % up)
        monkeypatch.setattr("latewood_graphql.nodes.lineage.VERSIONS_MAX", most - 1)
        (error,) = api.errors(ask % up)
        assert error["extensions"]["code"] == "BAD_INPUT"
    assert error["message"] == (
        "expected to meet at most 1 versions, found more up to level 1: ask for fewer levels (`up` 0), "
        "fewer partitions (`partition`) or one version (`version`), and on from there"
    )


@pytest.mark.parametrize("field", ['columnLineage(asset: "report", column: "worst"', 'lineage(asset: "report"'])
def test_time_is_looked_at_before_each_level(api, made, monkeypatch, field):
    made(SQL)
    looked = []
    monkeypatch.setattr("latewood_graphql.calls.Call.refuse_late", lambda _: looked.append(1))
    counted = []
    for up in (1, 3):
        looked.clear()
        api.environment(f"{field}, up: {up}) {{ __typename }}")
        counted.append(len(looked))
    assert counted[1] - counted[0] == 2
