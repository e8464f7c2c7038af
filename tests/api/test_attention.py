"""What needs somebody comes first by how much is made from it."""

from datetime import datetime

import pytest

from latewood.commands.attention import depending
from latewood.model.graph import Graph

SHOP = """
    from latewood.external import external_asset
    from latewood.io import Json
    from datetime import timedelta
    from latewood.automation import Freshness

    @asset(partitions=Daily("2026-01-01", end="2026-01-04"))
    def orders(partition: PartitionKey) -> int:
        if {fails} and partition.endswith("2"):
            raise ValueError("no")
        return int(partition[-2:])

    @asset
    def total(orders: Partitioned[int]) -> int:
        return sum(value for _, value in orders)

    @asset
    def report(total: int) -> str:
        return str(total)

    @asset
    def lonely() -> int:
        if {fails}:
            raise ValueError("no")
        return 1

    @check(total)
    def is_large(total: int) -> bool:
        return total > {least}

    feed = external_asset("feed", io=Json("feed.json"), type=str)

    @asset
    def mirror(feed: str) -> str:
        return feed
"""

ASKED = """
    attention { totalCount nodes {
      asset { key status } troubles checks because downstream heldUp since sinceAt partitions { count text }
      overdue { policy why since upTo }
    } }
"""


def shop(*, fails=False, least=0):
    return SHOP.format(fails=fails, least=least)


def needed(api):
    nodes = api.environment(ASKED)["attention"]["nodes"]
    return {node["asset"]["key"]: node for node in nodes}


def test_where_all_is_well_nobody_is_needed(api, made):
    made(shop(), selection="orders+,lonely")
    assert {key for key in needed(api) if key not in ("feed", "mirror")} == set()


def test_what_failed_comes_before_what_less_is_made_from(api, made):
    made(shop(fails=True), selection="orders+,lonely")
    found = needed(api)
    assert list(found)[:2] == ["orders", "total"]
    orders = found["orders"]
    assert (orders["troubles"], orders["downstream"], orders["heldUp"]) == (["FAILED"], 2, 2)
    assert orders["partitions"] == {"count": 1, "text": "2026-01-02"}
    (first,) = api.workspace.log.read_positions([orders["since"]])
    assert (first.type, datetime.fromisoformat(orders["sinceAt"])) == ("step.failed", first.recorded_at)
    assert (found["total"]["troubles"], found["total"]["because"]) == (["BLOCKED"], ["orders"])
    assert (found["lonely"]["troubles"], found["lonely"]["downstream"]) == (["FAILED"], 0)
    assert "report" not in found  # what it reads is not made either: that is told of `total`


def test_facets_count_what_a_selection_of_their_values_finds(api, made):
    made(shop(fails=True), selection="orders+,lonely")
    facets = {
        each["name"]: each["values"] for each in api.environment("facets { name values { value count } }")["facets"]
    }
    counted = {each["value"]: each["count"] for each in facets["status"]}
    assert counted["failed"] == 2
    for status, count in counted.items():
        assert (
            api.environment(f'assets(selection: "status:{status}") {{ totalCount }}')["assets"]["totalCount"] == count
        )


def test_of_one_reason_alone(api, made):
    made(shop(fails=True), selection="orders+,lonely")
    asked = "attention(troubles: [FAILED], first: 1) { totalCount nodes { asset { key } } pageInfo { endCursor } }"
    page = api.environment(asked)["attention"]
    assert (page["totalCount"], page["nodes"]) == (2, [{"asset": {"key": "orders"}}])
    after = page["pageInfo"]["endCursor"]
    rest = api.environment(f'attention(troubles: [FAILED], after: "{after}") {{ nodes {{ asset {{ key }} }} }}')
    assert rest["attention"]["nodes"] == [{"asset": {"key": "lonely"}}]


def test_a_check_that_did_not_pass_counts_until_it_does(api, made):
    made(shop(least=100), selection="orders+,lonely")
    total = needed(api)["total"]
    assert (total["troubles"], total["checks"], total["heldUp"]) == (["CHECK_FAILED"], ["is_large"], 0)
    made(shop(least=100).replace("return str(total)", "return repr(total)"), selection="lonely")
    total = needed(api)["total"]
    assert (total["downstream"], total["heldUp"]) == (1, 0), "that is stale by its own code"
    then = api.workspace.log.position()
    made(shop(least=1), selection="total", force=True)
    assert "total" not in needed(api)
    asked = (
        "query ($at: Moment) { project(asOf: $at) { environment { attention { nodes { asset { key } checks } } } } }"
    )
    before = api(asked, at=then)["project"]["environment"]["attention"]["nodes"]
    assert {"asset": {"key": "total"}, "checks": ["is_large"]} in before


def test_what_reads_what_nobody_has_seen_waits_for_that(api, made):
    made(shop(), selection="orders+,lonely")
    mirror = needed(api)["mirror"]
    assert (mirror["troubles"], mirror["because"]) == (["BLOCKED"], ["feed"])


def test_a_policy_says_what_is_overdue_and_why(api, made):
    made(
        shop() + '\n    current = Freshness("current", "report, mirror", max_lag=timedelta(days=1))\n',
        "orders+,lonely",
    )
    found = needed(api)
    assert "report" not in found
    (said,) = found["mirror"]["overdue"]
    (policy,) = api.environment("automations { name overdue { asset policy why } }")["automations"]
    assert policy["overdue"] == [{"asset": "mirror", "policy": "current", "why": "it was never made"}]
    assert (found["mirror"]["troubles"], said) == (
        ["OVERDUE", "BLOCKED"],
        {"policy": "current", "why": "it was never made", "since": None, "upTo": None},
    )


@pytest.mark.parametrize("seed", range(20))
def test_as_many_depend_on_an_asset_as_can_be_come_to(seed):
    import random  # noqa: PLC0415 - here alone

    chance = random.Random(seed)
    names = [f"a{n}" for n in range(30)]
    graph = Graph.of({name: chance.sample(names[:n], min(n, chance.randint(0, 3))) for n, name in enumerate(names)})
    among = frozenset(chance.sample(names, 10))
    for name, counted in depending(graph, names, among).items():
        below = graph.downstream_of({name}) - {name}
        assert counted == (len(below), len(below & among))
