"""Whatever is asked, there is an answer: never a fault of the server."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from latewood_graphql.schema import FILE

SCHEMA = FILE.read_text()
SCALARS = {
    "Position": st.integers(min_value=0, max_value=60).map(nodes.Int),
    "Moment": st.one_of(
        st.integers(min_value=0, max_value=60).map(nodes.Int),
        st.datetimes().map(lambda at: nodes.String(f"{at.isoformat()}Z")),
    ),
    "DateTime": st.datetimes().map(lambda at: nodes.String(f"{at.isoformat()}Z")),
    "Json": st.integers().map(nodes.Int),
}
KNOWN = [
    "total",
    "revenue",
    "orders",
    "2026-01-01",
    "2026-01-01..2026-01-03",
    "*",
    "group:raw",
    "default",
    "prod",
    "",
    "status:stale",
    "a+b",
]


def answered(api, query):
    response = api.client.post("/graphql", json={"query": query})
    assert response.status_code in (200, 400), (response.status_code, query)
    codes = [error["extensions"]["code"] for error in response.json().get("errors", ())]
    assert "INTERNAL" not in codes, (response.json(), query)


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_query_that_the_schema_allows_is_a_fault_of_the_server(api, made, data):
    if api.workspace.log.position() == 0:
        made()
    answered(api, data.draw(queries(SCHEMA, custom_scalars=SCALARS, allow_x00=True)))


IN_PROJECT = "{{ project {{ {} }} }}"
IN_ENVIRONMENT = "{{ project {{ environment {{ {} }} }} }}"
WITH_TEXT = [
    "{ project(name: $text) { name } }",
    *(
        IN_PROJECT.format(asked)
        for asked in (
            "run(id: $id) { id }",
            "events(types: [$text]) { nodes { type } }",
            "events(after: $text) { nodes { type } }",
            "runs(environment: $text) { nodes { id } }",
            "runs(actor: $text, search: $text) { totalCount }",
            "runs(asset: $id) { totalCount }",
            "runs(after: $text) { nodes { id } }",
            "runs(first: $first) { nodes { id } }",
            "runs(first: 1) { nodes { logs(search: $text) { nodes { text } } } }",
            "runs(first: 1) { nodes { logs(after: $text) { nodes { text } } } }",
            "runs(first: 1) { nodes { steps(after: $text, first: $first) { nodes { number } } } }",
            "deploymentDifference(before: $id, after: $id) { added { name } }",
            "environment(name: $text) { name position }",
            "environment(name: $text) { assets { nodes { key } } }",
        )
    ),
    *(
        IN_ENVIRONMENT.format(asked)
        for asked in (
            "assets(selection: $text) { nodes { key } }",
            "assets(search: $text) { nodes { key } }",
            "assets(after: $text, first: $first) { nodes { key } }",
            "asset(key: $id) { key }",
            'asset(key: "revenue") { head(partition: $text) { id } }',
            'asset(key: "revenue") { versions(partition: $text) { nodes { id } } }',
            'asset(key: "revenue") { series(names: [$text]) { name } }',
            'asset(key: "total") { comparison(by: $text) { considered } }',
            'why(asset: "revenue", partition: $text) { status }',
            "why(asset: $id) { status }",
            'lineage(asset: "total", version: $text) { upstream { asset } }',
            'lineage(asset: "revenue", partition: $text) { upstream { asset } }',
            'lineage(asset: "total", up: $first, down: $first) { upstream { asset } }',
            'versionDifference(asset: "total", before: $id, after: $id) { sameData }',
            "planPreview(selection: $text) { hash }",
            'planPreview(selection: "revenue", partition: $text) { hash }',
            "launchPlans(name: $text) { nodes { name } }",
            "launchPlanPreview(name: $text) { hash }",
        )
    ),
]
"""One argument at a time, so that nothing else ends the query before it is looked at."""
TEXTS = st.one_of(st.sampled_from(KNOWN), st.text(max_size=40))


def used(query, **values):
    """The query with those variables alone that it has."""
    kept = {name: value for name, value in values.items() if f"${name}" in query}
    types = ", ".join(f"${name}: {VARIABLES[name]}" for name in kept)
    return {"query": f"query ({types}) {query}", "variables": kept}


VARIABLES = {"text": "String!", "id": "ID!", "first": "Int!"}


def codes_of(api, query):
    response = api.client.post("/graphql", json=query)
    assert response.status_code in (200, 400), response.status_code
    codes = [error["extensions"]["code"] for error in response.json().get("errors", ())]
    assert "INTERNAL" not in codes, query
    return codes


@pytest.mark.parametrize("query", WITH_TEXT)
@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
@given(text=TEXTS, first=st.integers(-2, 1_200))
def test_no_text_is_a_fault_of_the_server(api, made, query, text, first):
    if api.workspace.log.position() == 0:
        made()
    assert "INVALID_QUERY" not in codes_of(api, used(query, text=text, id=text, first=first))


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(moment=st.one_of(SCALARS["Moment"].map(lambda node: node.value), st.integers(-1, 60), st.text(max_size=12)))
def test_no_moment_is_a_fault_of_the_server(api, made, moment):
    if api.workspace.log.position() == 0:
        made()
    query = "query ($moment: Moment) { project(asOf: $moment) { environments environment { assets { totalCount } } } }"
    codes_of(api, {"query": query, "variables": {"moment": moment}})


def test_what_is_no_query_is_said_to_be_none(api):
    for body in (
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"query": 1}',
        b'{"query": "{"}',
        b'{"query": "' + b"{a" * 20_000 + b'"}',
    ):
        response = api.client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == 400, (body[:20], response.status_code)
    deep = "[" * 100_000
    response = api.client.post("/graphql", content=deep.encode(), headers={"Content-Type": "application/json"})
    assert response.status_code == 400
