"""Whatever is asked, there is an answer: never a fault of the server."""

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


WITH_NAMES = """
    query ($text: String!, $id: ID!, $moment: Moment, $first: Int) {
      project(name: $text) { name }
      at: project(asOf: $moment) {
        run(id: $id) { id logs(search: $text, first: $first) { nodes { text } } }
        events(types: [$text], first: $first) { nodes { type } }
        runs(environment: $text, first: $first) { nodes { id } }
        deploymentDifference(before: $id, after: $id) { added { name } }
        environment(name: $text) { name }
        prod: environment {
          assets(selection: $text, search: $text, first: $first) { nodes { key } }
          asset(key: $id) { key head(partition: $text) { id } versions(partition: $text) { nodes { id } } }
          why(asset: $id, partition: $text) { status }
          lineage(asset: $id, partition: $text, version: $text, up: $first, down: $first) { upstream { asset } }
          planPreview(selection: $text, partition: $text) { hash }
        }
      }
    }
"""
TEXTS = st.one_of(st.sampled_from(KNOWN), st.text(max_size=40))


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    text=TEXTS,
    id_=TEXTS,
    moment=st.one_of(st.none(), st.integers(-1, 60), st.text(max_size=12)),
    first=st.integers(-2, 1_200),
)
def test_no_text_is_a_fault_of_the_server(api, made, text, id_, moment, first):
    if api.workspace.log.position() == 0:
        made()
    query = {"query": WITH_NAMES, "variables": {"text": text, "id": id_, "moment": moment, "first": first}}
    response = api.client.post("/graphql", json=query)
    assert response.status_code in (200, 400), response.status_code
    faults = [error for error in response.json().get("errors", ()) if error["extensions"]["code"] == "INTERNAL"]
    assert faults == [], query


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
