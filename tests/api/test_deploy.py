"""Deploying what stands where the server works: its code is loaded by a process of its own."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from api.acts import Acts
from latewood.commands.deploying import deploy_loaded
from latewood.commands.deploying_apart import LOADING_S, deploy_here
from latewood.commands.pools import set_pool
from latewood.commands.workspace import of_project
from latewood.engine.loading.loader import load_file
from latewood.errors import DefinitionsInvalid
from latewood_eventlog.log import EventLog
from latewood_graphql.mutations.deployments import _LOADING

SHOP = """
import os
from pathlib import Path

from latewood import *

Path(__file__).with_name("loaded_by").write_text(str(os.getpid()))

@asset
def orders() -> int:
    return 1

@asset
def total(orders: int) -> int:
    return orders*10
"""
READER = """
from latewood import *

@asset
def report(total: int) -> str:
    return str(total)
"""
SHOWN = "deployment before broken difference { added { name } removed { name } changed { name code { name } } }"


def until(is_so):
    for _ in range(3_000):
        if is_so():
            return
        time.sleep(0.01)
    raise TimeoutError


@pytest.fixture
def acts(api):
    return Acts(api)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The folder that the server works in: a project with two locations, and a file that is none."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "latewood.toml").write_text(
        '[locations.shop]\nfile = "shop.py"\n\n[locations.reader]\nfile = "reader.py"\n'
    )
    (root / "shop.py").write_text(SHOP)
    (root / "reader.py").write_text(READER)
    (root / "stray.py").write_text(SHOP)
    monkeypatch.chdir(root)
    return root


def test_a_location_is_deployed_as_it_stands(api, acts, tree, workspace):
    first = acts.done("deploy", 'location: "shop"', "LocationDeployed", SHOWN)
    assert (first["before"], first["difference"], first["broken"]) == (None, None, [])
    assert int((tree / "loaded_by").read_text()) != os.getpid(), "the server has none of its code"
    (tree / "shop.py").write_text(SHOP.replace("*10", "*20").replace("orders", "bought"))
    second = acts.done("deploy", 'location: "shop"', "LocationDeployed", SHOWN)
    assert second["before"] == first["deployment"]
    assert second["difference"]["added"] == [{"name": "bought"}]
    assert second["difference"]["removed"] == [{"name": "orders"}]
    assert [each["name"] for each in second["difference"]["changed"]] == ["total"]
    (found,) = api("{ project { locations { name deployments { id environments } } } }")["project"]["locations"]
    assert found["deployments"][0] == {"id": second["deployment"], "environments": ["prod"]}
    before = workspace.log.position()
    again = acts.done("deploy", 'location: "shop"', "LocationDeployed", SHOWN)
    assert (again["deployment"], again["before"]) == (second["deployment"], second["deployment"])
    assert (again["position"], workspace.log.position()) == (before, before), "it is asked for once"


def test_by_one_key_it_is_deployed_once_whatever_its_code_is_by_then(acts, tree, workspace):
    shown, asked = f"repeated {SHOWN}", 'location: "shop", key: "monday"'
    first = acts.done("deploy", asked, "LocationDeployed", shown)
    before = workspace.log.position()
    (tree / "shop.py").write_text(SHOP.replace("*10", "*20"))
    (tree / "loaded_by").unlink()
    again = acts.done("deploy", asked, "LocationDeployed", shown)
    assert (first.pop("repeated"), again.pop("repeated")) == (False, True)
    assert (first.pop("position") <= again.pop("position") == before, again) == (True, first)
    assert not (tree / "loaded_by").exists(), "nothing is loaded for it"
    other = acts("deploy", 'location: "reader", key: "monday"', "... on Conflict { message }")
    assert "shop was deployed by it" in other["message"]
    next_ = acts.done("deploy", 'location: "shop", key: "tuesday"', "LocationDeployed", shown)
    assert next_["before"] == first["deployment"] != next_["deployment"]


def test_of_two_who_ask_by_one_key_at_once_the_second_has_what_the_first_deployed(tree, workspace):
    (tree / "shop.py").write_text(SHOP)

    class Racing(EventLog):
        """The first has deployed something by the time that the second records it."""

        def append_many(self, batches):
            if not found:
                (tree / "shop.py").write_text(SHOP.replace("*10", "*20"))
                found.append(None)
                found.append(deploy_here(workspace, "shop", key="k"))
            return super().append_many(batches)

    found = []
    log = workspace.log
    racing = replace(workspace, log=Racing(log.engine, log.projections, log.upcasters))
    second = deploy_here(racing, "shop", key="k")
    assert second.repeated
    assert second.deployed.deployment == found[1].deployed.deployment


def test_a_key_is_of_its_location_and_not_of_what_is_left_under_its_files_name(tree, workspace):
    deploy_here(workspace, "shop")
    named = (tree / "latewood.toml").read_text()
    (tree / "latewood.toml").unlink()
    (tree / "shop.py").write_text(READER.replace("total: int", "").replace("total", "1"))
    deploy_loaded(workspace, load_file(tree / "shop.py", root=tree))
    (tree / "latewood.toml").write_text(named)
    (tree / "shop.py").write_text(SHOP)
    before = workspace.log.position()
    first = deploy_here(workspace, "shop", key="k")
    assert workspace.log.position() > before, "nothing is left of the other one"
    assert deploy_here(workspace, "shop", key="k").deployed.deployment == first.deployed.deployment


def test_what_others_cannot_read_any_more_is_said(acts, tree):
    acts.done("deploy", 'location: "shop"', "LocationDeployed", SHOWN)
    acts.done("deploy", 'location: "reader"', "LocationDeployed", SHOWN)
    (tree / "shop.py").write_text(SHOP.replace("def total", "def sum_of"))
    found = acts.done("deploy", 'location: "shop"', "LocationDeployed", SHOWN)
    assert len(found["broken"]) == 1
    assert "report" in found["broken"][0]


def test_what_is_wrong_with_its_code_is_told_by_line_and_nothing_is_recorded(acts, tree, workspace):
    before = workspace.log.position()
    (tree / "shop.py").write_text(
        SHOP.replace("orders: int", "odrers: int").replace("orders()", "orders(nothing: int)")
    )
    shown = "... on DefinitionsInvalid { problems { file line message } }"
    found = acts("deploy", 'location: "shop"', shown)
    assert found["__typename"] == "DefinitionsInvalid"
    assert {(each["file"], each["line"]) for each in found["problems"]} == {("shop.py", 9), ("shop.py", 13)}
    (tree / "shop.py").write_text("1 / 0\n")
    (problem,) = acts("deploy", 'location: "shop"', shown)["problems"]
    assert (problem["file"], problem["line"]) == ("shop.py", 1)
    assert "ZeroDivisionError" in problem["message"]
    (tree / "latewood.toml").write_text('[locations.shop]\nfile = "shop.py"\npython = "no-python"\n')
    (problem,) = acts("deploy", 'location: "shop"', shown)["problems"]
    assert (problem["file"], problem["line"]) == ("latewood.toml", 3)
    assert workspace.log.position() == before


@pytest.mark.parametrize(
    ("arguments", "type_"),
    [
        ('location: "shpo"', "LocationNotFound"),
        ('location: "stray.py"', "LocationNotFound"),
        ('location: "../project/stray.py"', "LocationNotFound"),
        ('location: "shop", environment: "dve"', "EnvironmentNotFound"),
        ('location: "shop", project: "lab"', "InvalidInput"),
    ],
)
def test_nothing_is_loaded_but_what_the_project_lists(api, acts, tree, workspace, made, arguments, type_):
    made("@asset\ndef alone() -> int:\n    return 1\n")
    set_pool(of_project(workspace, "lab"), "db", 1)
    before = workspace.log.position()
    found, message = acts.refused("deploy", arguments)
    assert found == type_, message
    assert not (tree / "loaded_by").exists()
    assert workspace.log.position() == before


def test_one_is_loaded_at_a_time(acts, tree):
    assert _LOADING.waiting_s > LOADING_S, "who asks again by the same key waits until it is done"
    with _LOADING.lock:
        assert acts.refused("deploy", 'location: "shop"')[0] == "Conflict"
    acts.done("deploy", 'location: "shop"', "LocationDeployed", SHOWN)


def test_what_was_deployed_by_a_key_is_known_while_another_one_is_loaded(acts, tree):
    first = acts.done("deploy", 'location: "shop", key: "k"', "LocationDeployed", "deployment repeated")
    with _LOADING.lock:
        again = acts.done("deploy", 'location: "shop", key: "k"', "LocationDeployed", "deployment repeated")
        assert acts.refused("deploy", 'location: "reader", key: "l"')[0] == "Conflict"
    assert again == first | {"repeated": True, "position": again["position"]}


def test_who_asks_again_while_it_is_loaded_has_what_comes_of_it(acts, tree, workspace):
    (tree / "shop.py").write_text(
        "import time\nfrom pathlib import Path\n" + SHOP + '\nPath(__file__).with_name("loads").touch()\n'
        'while not Path(__file__).with_name("go_on").exists():\n    time.sleep(0.01)\n'
    )

    def asks():
        return acts.done("deploy", 'location: "shop", key: "k"', "LocationDeployed", "deployment repeated")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(asks)
        try:
            until((tree / "loads").exists)
            second = pool.submit(asks)
            with pytest.raises(TimeoutError):
                second.result(0.5)
        finally:
            (tree / "go_on").touch()
        first, second = first.result(30), second.result(30)
    assert (first["repeated"], second["repeated"]) == (False, True)
    assert second["deployment"] == first["deployment"]


def test_code_that_takes_too_long_to_load_is_ended(workspace, tree):
    (tree / "shop.py").write_text("import time\ntime.sleep(600)\n")
    with pytest.raises(DefinitionsInvalid, match="it takes longer than 1 s"):
        deploy_here(workspace, "shop", limit_s=1)
