"""What two versions of an asset differ in, and what changed between two moments."""

from dataclasses import replace

import pytest

from api.conftest import SHOP
from api.happenings import happening
from latewood.commands.changes import environments_at
from latewood.commands.environments import create, drop, promote
from latewood.commands.heads import rollback
from latewood.commands.pinning import pin
from latewood.commands.views import AsOf, view_of
from latewood.projections.snapshots import snapshot
from latewood.projections.states import heads

BEFORE = """
    def rate() -> int:
        return 10

    @asset
    def orders() -> int:
        return 1

    @asset
    def total(orders: int, *, unit: str = "euro") -> Output[str]:
        return Output(f"{orders * rate()} {unit}", metadata={"rows": orders, "same": 1})
"""
AFTER = (
    BEFORE.replace("return 10", "return 20")
    .replace("return 1\n", "return 2\n")
    .replace("Output[str]:", 'Output[str]:\n        """Counts."""')
)
ASK = """
    versionDifference(asset: "total", before: "%s", after: "%s") {
      before { id } after { id } sameData
      code { subject name } texts { name diff } parts { what before after }
      parameters { name before after } resources { name } metadata { name before after }
      inputs { name asset sameData before after versionsBefore versionsAfter }
    }
"""


@pytest.fixture
def difference(api):
    return lambda before, after: api.environment(ASK % (before, after))["versionDifference"]


def versions(api, key="total"):
    found = api.environment(f'asset(key: "{key}") {{ versions {{ nodes {{ id }} }} }}')
    return [node["id"] for node in reversed(found["asset"]["versions"]["nodes"])]


def test_two_versions_differ_in_code_parameters_inputs_and_what_came_of_them(api, made, workspace, difference):
    made(BEFORE)
    made(AFTER)
    pin(workspace, ["total.unit=dollar"])
    made(AFTER)
    first, second, third = versions(api)
    found = difference(first, second)
    assert (found["before"]["id"], found["after"]["id"], found["sameData"]) == (first, second, False)
    assert found["code"] == [{"subject": "part", "name": "assets.py:rate"}]
    (text,) = found["texts"]
    assert text["name"] == "assets.py:rate"
    assert "-    return 10\n+    return 20" in text["diff"]
    assert found["metadata"] == [{"name": "rows", "before": 1, "after": 2}]
    assert (found["parameters"], found["resources"]) == ([], [])
    (read,) = found["inputs"]
    orders = versions(api, "orders")
    assert (read["name"], read["asset"], read["sameData"]) == ("orders", "orders", False)
    assert [read["versionsBefore"], read["versionsAfter"]] == orders
    found = difference(second, third)
    assert found["parameters"] == [{"name": "unit", "before": "euro", "after": "dollar"}]
    assert not any(found[part] for part in ("code", "texts", "inputs", "metadata", "parts"))
    assert difference(third, third)["sameData"]


def test_what_a_definition_says_otherwise_is_a_part_of_it(api, made, difference):
    made(BEFORE)
    made(BEFORE.replace("def total(orders: int, *,", "def total(orders: int, *, tax: int = 3,"), force=True)
    first, second = versions(api)
    found = difference(first, second)
    assert {"what": "parameter tax", "before": None, "after": "int"} in found["parts"]
    assert found["parameters"] == [{"name": "tax", "before": None, "after": 3}]


def test_a_version_of_another_asset_or_of_the_future_is_none(api, made):
    made(BEFORE)
    then = api("{ server { position } }")["server"]["position"]
    made(BEFORE, force=True)
    first, second = versions(api)
    (orders, *_) = versions(api, "orders")
    for asked in (ASK % (orders, first), ASK % (first, "nothing.0")):
        (error,) = api.errors(f"{{ project {{ environment {{ {asked} }} }} }}")
        assert "has no version" in error["message"]
    (error,) = api.errors(f"{{ project(asOf: {then}) {{ environment {{ {ASK % (first, second)} }} }} }}")
    assert f'no version "{second}"' in error["message"]


CHANGES = """
    query ($since: Moment!, $until: Moment, $name: String!, $first: Int!, $after: String) {
      project(asOf: $until) {
        changes(since: $since) {
          since position environmentsAdded environmentsDropped
          environment(name: $name) {
            name
            heads(first: $first, after: $after) {
              totalCount pageInfo { hasNextPage endCursor }
              nodes {
                key count partitions { count text }
                moves(first: 100) { nodes { partition before { id metadata } after { id metadata } } }
              }
            }
            deployments { location before after }
            parameters { nodes { asset name before after } }
          }
        }
      }
    }
"""


@pytest.fixture
def changes(api):
    def ask(since, until=None, name="prod", first=100, after=None):
        found = api(CHANGES, since=since, until=until, name=name, first=first, after=after)
        return found["project"]["changes"]

    return ask


def end(api):
    return api("{ server { position } }")["server"]["position"]


def moved(found):
    return {
        (node["key"], move["partition"]): tuple(side and side["id"] for side in (move["before"], move["after"]))
        for node in found["environment"]["heads"]["nodes"]
        for move in node["moves"]["nodes"]
    }


def test_what_changed_is_said_of_heads_deployments_parameters_and_environments(api, made, workspace, changes):
    made(BEFORE)
    then = end(api)
    made(AFTER)
    pin(workspace, ["total.unit=dollar"])
    create(workspace, "dev")
    found = changes(then)
    assert (found["since"], found["position"]) == (then, end(api))
    assert (found["environmentsAdded"], found["environmentsDropped"]) == (["dev"], [])
    first, second = versions(api)
    assert moved(found)["total", ""] == (first, second)
    assert [node["key"] for node in found["environment"]["heads"]["nodes"]] == ["orders", "total"]
    (replaced,) = found["environment"]["deployments"]
    (location,) = api("{ project { locations { name deployments { id } } } }")["project"]["locations"]
    assert replaced["location"] == "assets.py"
    assert [replaced["after"], replaced["before"]] == [each["id"] for each in location["deployments"]]
    given = [{"asset": "total", "name": "unit", "before": "euro", "after": "dollar"}]
    assert found["environment"]["parameters"]["nodes"] == given
    nothing = changes(end(api))
    assert (nothing["environmentsAdded"], moved(nothing), nothing["environment"]["deployments"]) == ([], {}, [])


def test_what_moved_and_came_back_has_not_changed(api, made, workspace, changes):
    made(SHOP)
    then = end(api)
    made(SHOP, selection="revenue", partition="2026-01-02", force=True)
    rollback(workspace, "revenue", to=then)
    assert moved(changes(then)) == {}
    between = changes(then, end(api) - 1)
    node, *_ = between["environment"]["heads"]["nodes"]
    assert node["partitions"] == {"count": 1, "text": "2026-01-02"}


def test_an_environment_that_began_or_was_dropped_meanwhile(api, made, workspace, changes):
    made(BEFORE)
    then = end(api)
    create(workspace, "dev")
    there = end(api)
    drop(workspace, "dev")
    began = changes(then, there, "dev")
    assert {before for before, _ in moved(began).values()} == {None}
    assert len(moved(began)) == 2
    ended = changes(there, None, "dev")
    assert (ended["environmentsAdded"], ended["environmentsDropped"]) == ([], ["dev"])
    assert moved(ended) == {slot: (after, None) for slot, (_, after) in moved(began).items()}
    (replaced,) = ended["environment"]["deployments"]
    assert replaced["after"] is None
    (error,) = api.errors(CHANGES, since=then, name="dve", first=10)
    assert "dve" in error["message"]


def test_there_are_pages_and_what_is_later_is_no_since(api, made, changes):
    made(SHOP)
    then = end(api)
    made(SHOP, force=True)
    whole = changes(then)["environment"]["heads"]
    page = changes(then, first=2)["environment"]["heads"]
    rest = changes(then, first=2, after=page["pageInfo"]["endCursor"])["environment"]["heads"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    assert page["nodes"] + rest["nodes"] == whole["nodes"]
    (error,) = api.errors(CHANGES, since=then + 1, until=then, name="prod", first=1)
    assert f"expected a moment up to position {then:,}" in error["message"]


@pytest.mark.parametrize("seed", range(2))
def test_it_is_what_the_heads_at_both_moments_differ_in(api, workspace, load, changes, seed):
    positions = []
    for chance in happening(workspace, load, 700 + seed, acts=12):
        positions.append(workspace.log.position())
        if chance.random() < 0.3:
            name = f"branch{len(positions)}"
            create(workspace, name)
            promote(workspace, "prod", name, force=True)
    for _ in range(12):
        since, until = sorted(chance.sample(range(positions[0], workspace.log.position() + 1), 2))
        known = environments_at(workspace, since, until)
        name = chance.choice(sorted(known[0] | known[1]))
        before, after = (
            heads_there(workspace, name, position) if name in names else {}
            for position, names in zip((since, until), known, strict=True)
        )
        expected = {
            slot: (before.get(slot), after.get(slot))
            for slot in before.keys() | after.keys()
            if before.get(slot) != after.get(slot)
        }
        assert moved(changes(since, until, name)) == expected, (name, since, until)


def heads_there(workspace, name, position):
    there = replace(workspace, environment=name)
    view = view_of(there, as_of=AsOf(position))
    ids = {id_: key for key, id_ in view.ids.items()}
    with snapshot(workspace.log) as connection:
        found = heads(connection, workspace.project, name, list(ids), position)
    return {(ids[id_], slot): facts.version for id_, by in found.items() for slot, facts in by.items()}
