"""Environments, what is deployed in them, and what happens in them by itself."""

from dataclasses import replace

import pytest

from api.acts import Acts
from api.conftest import SHOP
from crash.conftest import facts_of
from latewood.commands.deploying import deploy_loaded
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.renaming import rename
from latewood.events import AutomationSwitched, EnvironmentCreated

OTHER = SHOP.replace("* 10", "* 20")


@pytest.fixture
def acts(api):
    return Acts(api)


def names(api, at="null"):
    return api(f"{{ project(asOf: {at}) {{ environments }} }}")["project"]["environments"]


def promotion(api, at=None):
    asked = """conflicts configurations { resource } deployments { location moved }
        heads(first: 1) { totalCount nodes { key count moved } } pins { nodes { asset name value wasPinned } }"""
    ask = f"query ($at: Moment) {{ project(asOf: $at) {{ environment(name: $dev) {{ promotion {{ {asked} }} }} }} }}"
    return api(ask.replace("$dev", '"dev"'), at=at)["project"]["environment"]["promotion"]


def test_an_environment_is_created_and_dropped(api, acts, made, workspace):
    made()
    found = acts.done(
        "createEnvironment",
        'name: "dev"',
        "EnvironmentCreated",
        'environment { name asset(key: "total") { status } }',
    )
    assert found["environment"] == {"name": "dev", "asset": {"status": "FRESH"}}
    assert (names(api, found["position"]), names(api, found["position"] - 1)) == (["dev", "prod"], ["prod"])
    (fact,) = [fact for fact in facts_of(workspace.log) if isinstance(fact, EnvironmentCreated) if fact.base]
    assert (fact.environment, fact.base) == ("dev", "prod")
    for arguments, type_ in (
        ('name: "dev"', "Conflict"),
        ('name: "No"', "InvalidInput"),
        ('name: "test", base: "pord"', "EnvironmentNotFound"),
    ):
        assert acts.refused("createEnvironment", arguments)[0] == type_, arguments
    found = acts.done("dropEnvironment", 'name: "dev"', "EnvironmentDropped", "name")
    assert (found["name"], names(api, found["position"])) == ("dev", ["prod"])
    assert acts.refused("dropEnvironment", 'name: "dev"')[0] == "EnvironmentNotFound"
    kind, message = acts.refused("dropEnvironment", 'name: "prod"')
    assert (kind, "With `force`" in message, names(api)) == ("InvalidInput", True, ["prod"])
    acts.done("dropEnvironment", 'name: "prod", force: true', "EnvironmentDropped", "name")
    assert names(api) == []
    acts.done("createEnvironment", 'name: "prod", base: ""', "EnvironmentCreated", "environment { name }")


def test_what_an_environment_has_of_its_own_is_promoted(api, acts, made, workspace, load):
    made()
    acts.done("createEnvironment", 'name: "dev"', "EnvironmentCreated", "environment { name }")
    then = {workspace.log.position(): promotion(api)}

    def look():
        found = then[workspace.log.position()] = promotion(api)
        return found

    dev = replace(workspace, environment="dev")
    materialize(dev, prepare(dev, load(OTHER), Asked(selection="*")))
    ask = 'source: "dev"'
    shown = """
        target { name asset(key: "total") { status head { run } } } locations pinsCount
        assets { totalCount nodes { key partitionsCount } }
    """
    acts.done("pin", 'environment: "dev", parameters: {name: "total.unit", value: "yen"}', "ParametersPinned", "")
    assert look() == {
        "conflicts": False,
        "heads": {"totalCount": 2, "nodes": [{"key": "revenue", "count": 4, "moved": 0}]},
        "pins": {"nodes": [{"asset": "total", "name": "unit", "value": "yen", "wasPinned": False}]},
        "deployments": [{"location": "assets.py", "moved": False}],
        "configurations": [],
    }
    acts.done("unpin", 'environment: "dev", parameters: "total.unit"', "ParametersPinned", "")
    look()
    made(selection="total", force=True)
    assert look()["conflicts"]
    assert acts.refused("promoteEnvironment", ask)[0] == "Conflict", "prod has moved"
    found = acts.done("promoteEnvironment", f"{ask}, force: true", "EnvironmentPromoted", shown)
    assert found["target"]["asset"]["status"] == "FRESH"
    assert found["assets"]["nodes"] == [
        {"key": "revenue", "partitionsCount": 4},
        {"key": "total", "partitionsCount": 1},
    ]
    assert (found["locations"], found["pinsCount"]) == (["assets.py"], 0)
    look()
    rename(workspace, "revenue", "income")
    acts.done("dropEnvironment", 'name: "dev"', "EnvironmentDropped", "name")
    acts.done("createEnvironment", 'name: "dev"', "EnvironmentCreated", "environment { name }")
    assert {position: promotion(api, position) for position in then} == then
    early = f"asOf: {min(then) - 1}"
    (error,) = api.errors(f'{{ project({early}) {{ environment {{ promotion(target: "dev") {{ position }} }} }} }}')
    assert 'no environment "dev"' in error["message"]
    nothing = acts.done("promoteEnvironment", ask, "EnvironmentPromoted", "assets { totalCount } locations")
    assert (nothing["assets"]["totalCount"], nothing["locations"]) == (0, [])
    for arguments, type_ in (
        ('source: "dve"', "EnvironmentNotFound"),
        ('source: "prod"', "InvalidInput"),
        ('source: "dev", selection: "totl"', "AssetNotFound"),
    ):
        assert acts.refused("promoteEnvironment", arguments)[0] == type_, arguments


def test_an_earlier_deployment_is_gone_back_to(api, acts, workspace, load):
    first = deploy_loaded(workspace, load(SHOP)).deployment
    second = deploy_loaded(workspace, load(OTHER)).deployment
    ask = f'location: "assets.py", deployment: "{first}"'
    shown = "deployment before staleCount freshCount droppedCount"
    found = acts.done("deploymentRollback", ask, "DeploymentRolledBack", shown)
    assert (found["deployment"], found["before"]) == (first, second)
    again = acts.done("deploymentRollback", ask, "DeploymentRolledBack", shown)
    assert (again["deployment"], again["before"]) == (first, first)
    for arguments, type_ in (
        (f'location: "asset.py", deployment: "{first}"', "LocationNotFound"),
        ('location: "assets.py", deployment: "zzzz"', "DeploymentNotFound"),
    ):
        assert acts.refused("deploymentRollback", arguments)[0] == type_, arguments


def test_what_happens_by_itself_is_turned_on_and_off(acts, workspace, load):
    hourly = '    from latewood.automation import Schedule\n    hourly = Schedule("hourly", "orders", "0 * * * *")\n'
    deploy_loaded(workspace, load(SHOP + hourly))
    shown = "name location isOn changed"
    found = acts.done("switchAutomation", 'name: "hourly", on: false', "AutomationSwitched", shown)
    position = found.pop("position")
    assert found == {"name": "hourly", "location": "assets.py", "isOn": False, "changed": True}
    (fact,) = [fact for fact in facts_of(workspace.log) if isinstance(fact, AutomationSwitched)]
    assert (fact.name, fact.on, workspace.log.position()) == ("hourly", False, position)
    again = acts.done("switchAutomation", 'name: "hourly", on: false', "AutomationSwitched", shown)
    assert not again["changed"]
    assert acts.refused("switchAutomation", 'name: "hourli", on: true')[0] == "AutomationNotFound"
    elsewhere = acts.refused("switchAutomation", 'name: "hourly", on: true, environment: "pord"')
    assert elsewhere == ("EnvironmentNotFound", 'no environment "pord"; near: prod')


def test_a_mutation_that_is_refused_leaves_no_trace_and_the_next_one_of_a_document_is_done(api, made, workspace):
    made()
    before = workspace.log.position()
    found = api("""mutation {
        a: createEnvironment(name: "prod") { __typename ... on Error { message } }
        b: createEnvironment(name: "dev") { __typename ... on EnvironmentCreated { position } }
        c: createEnvironment(name: "dev") { __typename ... on Error { message } }
    }""")
    assert [found[name]["__typename"] for name in "abc"] == ["Conflict", "EnvironmentCreated", "Conflict"]
    assert (found["b"]["position"], workspace.log.position()) == (before + 1, before + 1)


def test_null_is_no_value(api, made):
    made()
    errors = api.errors('mutation { createEnvironment(name: "dev", base: null) { __typename } }')
    assert errors[0]["extensions"]["code"] == "INVALID_QUERY"
