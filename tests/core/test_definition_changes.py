"""What is told of two deployments: what came and went, and what of a definition is other."""

from datetime import timedelta

import msgspec

from builders import catalog, changed, checked, code, edited, number
from latewood.decide.definition_changes import Definitions, Part, difference
from latewood.model.automations import RuleDefinition, ScheduleDefinition, SensorDefinition
from latewood.model.conditions import Is
from latewood.model.keys import AssetId
from latewood.model.policies import Resources, Retry
from latewood.model.schemes import title
from latewood.model.workflows import WorkflowDefinition

SHOP = catalog("orders", "sales[days] <- orders", "report <- sales")


def of(defined, **automations):
    assets = {AssetId(f"id-{key}"): asset for key, asset in defined.assets.items()}
    return Definitions(assets=assets, automations=automations)


def told(before, after):
    found = difference(before, after)
    return found.added, found.removed, {each.name: (each.code, each.parts) for each in found.changed}


def test_equal_definitions_differ_in_nothing():
    assert difference(of(SHOP), of(catalog("orders", "sales[days] <- orders", "report <- sales"))).is_empty


def test_what_came_and_what_went_are_named_by_what_they_are():
    nightly = ScheduleDefinition(name="nightly", cron="0 5 * * *", selection="*")
    added, removed, others = told(of(catalog("orders")), of(catalog("sales"), nightly=nightly))
    assert [tuple(each) for each in added] == [("asset", "sales"), ("automation", "nightly")]
    assert [tuple(each) for each in removed] == [("asset", "orders")]
    assert others == {}


def test_code_is_told_by_its_functions():
    before, after = (
        edited(SHOP, "sales", clean="1", total="1"),
        edited(SHOP, "sales", "3", clean="2", fill="1", total="1"),
    )
    _, _, others = told(of(before), of(after))
    code_, parts = others["sales"]
    assert [(c.name, c.before, c.after) for c in code_] == [
        ("assets.py:clean", "1", "2"),
        ("assets.py:fill", None, "1"),
    ]
    assert parts == ()


def test_inputs_parameters_and_checks_are_told_by_name():
    before = changed(SHOP, "report", parameters=(number("scale", 1.0), number("top", 3)))
    after = changed(
        checked(catalog("orders", "sales[days] <- orders", "report <- orders"), "report"),
        "report",
        parameters=(number("scale", 2.0), number("low", 0)),
    )
    _, _, others = told(of(before), of(after))
    assert set(others["report"][1]) == {
        Part("input orders", None, "Any of orders"),
        Part("input sales", "Any of sales", None),
        Part("parameter low", None, "float"),
        Part("parameter scale: default", "1.0", "2.0"),
        Part("parameter top", "float", None),
        Part("check is_right", None, "blocking"),
    }


def test_the_code_of_a_check_is_told_as_the_code_of_its_asset():
    before = checked(SHOP, "orders")
    asset = before["orders"]
    check = asset.checks[0]
    other = msgspec.structs.replace(check, task=msgspec.structs.replace(check.task, code=code("b", is_right="2")))
    after = before.of(
        msgspec.structs.replace(each, checks=(other,)) if each.key == "orders" else each
        for each in before.assets.values()
    )
    _, _, others = told(of(before), of(after))
    assert [change.name for change in others["orders"][0]] == ["assets.py:is_right"]


def test_policies_partitions_and_automation_are_told_as_they_are_written():
    after = changed(
        SHOP,
        "sales",
        partitions=catalog("x[months]")["x"].partitions,
        retries=Retry(3, backoff=timedelta(seconds=5)),
        resources=Resources(memory="1Gi"),
        pool="db",
    )
    before_rule = RuleDefinition(name="keep", selection="*", condition=Is(fact="stale"))
    after_rule = RuleDefinition(name="keep", selection="sales", condition=~Is(fact="missing"))
    _, _, others = told(of(SHOP, keep=before_rule), of(after, keep=after_rule))
    assert set(others["sales"][1]) == {
        Part("retries.retries_max", "0", "3"),
        Part("retries.backoff", '"PT1S"', '"PT5S"'),
        Part("resources.memory", None, "1Gi"),
        Part("pool", None, "db"),
        Part("partitions", title(SHOP["sales"].partitions), title(after["sales"].partitions)),
    }
    assert set(others["keep"][1]) == {Part("selection", "*", "sales"), Part("condition", "stale()", "~missing()")}


def test_an_asset_is_the_same_one_by_another_name():
    before = Definitions(assets={AssetId("1"): catalog("sales")["sales"]})
    after = Definitions(assets={AssetId("1"): catalog("turnover")["turnover"]})
    found = difference(before, after)
    assert (found.added, found.removed, [each.name for each in found.changed]) == ((), (), ["turnover"])
    assert Part("name", "sales", "turnover") in found.changed[0].parts


def test_what_is_of_another_kind_by_the_same_name_says_so():
    schedule = ScheduleDefinition(name="keep", cron="0 5 * * *", selection="*")
    rule = RuleDefinition(name="keep", selection="*", condition=Is(fact="stale"))
    _, _, others = told(of(SHOP, keep=schedule), of(SHOP, keep=rule))
    assert others == {"keep": ((), (Part("kind", "schedule", "rule"),))}


def test_the_code_of_sensors_and_of_failure_handlers_is_told():
    def workflow(version):
        task = msgspec.structs.replace(SHOP["orders"].task, code=code(version, tell=version))
        return WorkflowDefinition(name="shop", on_failure=task)

    before, after = (
        Definitions(
            launchables={"shop": workflow(version)},
            automations={"drop": SensorDefinition(name="drop", selection="*", code=version)},
        )
        for version in ("1", "2")
    )
    _, _, others = told(before, after)
    assert [change.name for change in others["shop"][0]] == ["assets.py:tell"]
    assert others["drop"] == ((), (Part("code", "1", "2"),))
