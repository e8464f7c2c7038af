"""What is deployed, and what happens by itself."""

import msgspec

from latewood.commands.deploying import deploy_loaded
from latewood.events import SCHEMA_VERSIONS
from latewood.model.definitions import AssetDefinition

SCHEDULED = """
    from latewood.automation import Schedule

    @asset
    def a() -> int:
        return {number}

    daily = Schedule("daily", "a", cron="0 6 * * *", description="Every morning")
"""


def test_deployments_by_location_and_what_differs_between_two(api, workspace, load):
    deploy_loaded(workspace, load(SCHEDULED.format(number=1)))
    deploy_loaded(workspace, load(SCHEDULED.format(number=2) + "\n    @asset\n    def b() -> int:\n        return 1\n"))
    (location,) = api("""{ project { locations { name deployments { id assets changed environments actor } } } }""")[
        "project"
    ]["locations"]
    after, before = location["deployments"]
    assert (location["name"], after["environments"], before["environments"]) == ("assets.py", ["prod"], [])
    assert (before["assets"], after["assets"], after["actor"]) == (1, 2, "test")
    found = api(
        """
        query ($before: ID!, $after: ID!) {
          project {
            deploymentDifference(before: $before, after: $after) {
              before { id changed } after { id environments actor }
              added { kind name } addedCount more: added(behind: 1) { name } removed { name } removedCount
              changed { name code { name } parts { what } } changedCount
            }
          }
        }
        """,
        before=before["id"][:8],
        after=after["id"],
    )["project"]["deploymentDifference"]
    assert found["before"] == {"id": before["id"], "changed": before["changed"]}
    assert found["after"] == {name: after[name] for name in ("id", "environments", "actor")}
    assert (found["added"], found["removed"]) == ([{"kind": "asset", "name": "b"}], [])
    assert (found["addedCount"], found["more"], found["removedCount"]) == (1, [], 0)
    assert found["changedCount"] == len(found["changed"])
    assert ("a", [{"name": "assets.py:a"}]) in [(each["name"], each["code"]) for each in found["changed"]]


BY_ITSELF = """
    from datetime import timedelta

    from latewood.automation import Freshness, Notify, Rule, Schedule, SensorContext, any_deps, missing, sensor

    @asset
    def a() -> int:
        return 1

    daily = Schedule("daily", "a", cron="0 6 * * *", timezone="Europe/Berlin", description="Every morning")
    eager = Rule("eager", "a", missing() & ~any_deps(missing()))
    current = Freshness("current", "a", max_lag=timedelta(hours=2), deadline="0 9 * * *")
    told = Notify("told", "a", url="https://example.com/hook", on=["failed"])

    @sensor("a", interval=timedelta(minutes=5))
    def arrivals(context: SensorContext):
        return []
"""


def test_what_happens_by_itself_says_what_it_is_by_fields(api, workspace, load):
    deploy_loaded(workspace, load(BY_ITSELF))
    found = api.environment("""automations {
        name kind description selection isOn location environments definition definitionVersion details { __typename
          ... on Schedule { cron timezone launch parameters partition lastWindow catchUp observes }
          ... on Sensor { launch intervalMs watch timeoutMs codeVersion }
          ... on Condition { text }
          ... on FreshnessPolicy { deadline timezone maxLagMs }
          ... on Notification { on url urlFrom isSigned }
        } }""")["automations"]
    by_name = {each["name"]: each for each in found}
    daily = by_name["daily"]
    assert (daily["kind"], daily["isOn"], daily["description"]) == ("SCHEDULE", True, "Every morning")
    assert (daily["definition"]["cron"], daily["definitionVersion"]) == ("0 6 * * *", 1)
    assert daily["environments"] == ["prod"]
    details = {name: each["details"] for name, each in by_name.items()}
    assert details["arrivals"].pop("codeVersion")
    assert details == {
        "daily": {
            "__typename": "Schedule",
            "cron": "0 6 * * *",
            "timezone": "Europe/Berlin",
            "launch": "",
            "parameters": {},
            "partition": "",
            "lastWindow": False,
            "catchUp": "latest",
            "observes": False,
        },
        "eager": {"__typename": "Condition", "text": "missing() & ~any_deps(missing())"},
        "current": {
            "__typename": "FreshnessPolicy",
            "deadline": "0 9 * * *",
            "timezone": "UTC",
            "maxLagMs": 7_200_000,
        },
        "told": {
            "__typename": "Notification",
            "on": ["failed"],
            "url": "https://example.com/hook",
            "urlFrom": {},
            "isSigned": False,
        },
        "arrivals": {"__typename": "Sensor", "launch": "", "intervalMs": 300_000, "watch": [], "timeoutMs": 60_000},
    }


def test_what_is_no_deployment_is_said_so(api, workspace, load):
    deploy_loaded(workspace, load(SCHEDULED.format(number=1)))
    for wrong in ("", "zz", " ", "%"):
        ask = f'{{ project {{ deploymentDifference(before: "{wrong}", after: "{wrong}") {{ added {{ name }} }} }} }}'
        (error,) = api.errors(ask)
        assert error["extensions"]["code"] == "BAD_INPUT", error


MADE = """
    from datetime import timedelta

    from latewood.resources import Resource, Secret

    class Shop(Resource, unkeyed=["patience"]):
        country: str = "de"
        patience: int = 3
        token: Secret = Secret(env="TOKEN")

    days = Daily("2026-01-01", end="2026-01-05")

    @asset(partitions=days)
    def rates(partition: PartitionKey) -> float:
        return 1.0

    @asset(
        partitions=days,
        inputs={"before": From("self", offset=-1)},
        retries=Retry(3, backoff=timedelta(seconds=2), cap=timedelta(minutes=1)),
        timeouts=Timeouts(running=timedelta(minutes=5)),
        resources=Resources(cpu=2, memory="1Gi"),
        reuse=timedelta(hours=1),
        priority=7,
    )
    def orders(rates: float, before: int | None, shop: Shop, *, limit: int = 10) -> int:
        return limit

    @asset(outputs={"all": int, "odd": Out(int, optional=True)})
    def sums(orders: Partitioned[int]) -> dict[str, int]:
        return {"all": 1}

    @check(orders, blocking=True, severity="warning")
    def is_some(orders: int) -> bool:
        '''There are any.'''
        return orders > 0
"""
DEFINED = """
    typeText uncovered madeTogether isOptional workflow sharedFrom isObservable stored { io }
    inputs { name asset type mapping partitions loads isLazy counts condition { asset } }
    parameters { name type standing } resources { parameter resource values unkeyed }
    policies {
      retries { most backoffMs factor capMs } timeouts { runningMs queuedMs totalMs } reuse { isOn windowMs }
      needs { cpu memoryBytes gpu } pool priority image partitionsPerCall each minSuccessRatio
    }
    declaredChecks { name description blocking severity task }
"""


def test_how_an_asset_is_made_is_said_by_fields(api, made):
    made(MADE, selection="rates")
    found = api.environment(
        f'orders: asset(key: "orders") {{ {DEFINED} }} odd: asset(key: "sums/odd") {{ {DEFINED} }} '
        'assetPage(asset: "orders") { definition definitionVersion }'
    )
    orders, odd = found["orders"], found["odd"]
    read = {"loads": True, "isLazy": False, "counts": True, "condition": None}
    assert orders["inputs"] == [
        {"name": "rates", "asset": "rates", "type": "float", "mapping": "IDENTITY", "partitions": "the same partition"}
        | read,
        {"name": "before", "asset": "orders", "type": "int | None", "mapping": "OFFSET", "partitions": "1 before it"}
        | read,
    ]
    assert orders["parameters"] == [{"name": "limit", "type": "int", "standing": 10}]
    (shop,) = orders["resources"]
    assert shop == {
        "parameter": "shop",
        "resource": "Shop",
        "values": {"country": "de", "patience": 3},
        "unkeyed": ["patience"],
    }
    assert orders["policies"] == {
        "retries": {"most": 3, "backoffMs": 2_000, "factor": 2, "capMs": 60_000},
        "timeouts": {"runningMs": 300_000, "queuedMs": None, "totalMs": None},
        "reuse": {"isOn": True, "windowMs": 3_600_000},
        "needs": {"cpu": 2, "memoryBytes": 2**30, "gpu": 0},
        "pool": "",
        "priority": 7,
        "image": "",
        "partitionsPerCall": 1,
        "each": [],
        "minSuccessRatio": 1,
    }
    (check,) = orders["declaredChecks"]
    assert check == {
        "name": "is_some",
        "description": "There are any.",
        "blocking": True,
        "severity": "warning",
        "task": "assets:is_some",
    }
    assert (odd["typeText"], odd["isOptional"], odd["madeTogether"]) == ("int", True, ["sums/all", "sums/odd"])
    assert [(each["asset"], each["mapping"], each["partitions"]) for each in odd["inputs"]] == [
        ("orders", "ALL", "all")
    ]
    assert odd["policies"]["reuse"] == {"isOn": True, "windowMs": None}
    exported = found["assetPage"]
    assert msgspec.convert(exported["definition"], AssetDefinition).task.retries.retries_max == 3
    assert exported["definitionVersion"] == SCHEMA_VERSIONS["asset.defined"]
