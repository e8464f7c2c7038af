"""Looking at what is made elsewhere: the code of its location looks, in a process of its own."""

import os

import pytest

from api.acts import Acts
from latewood.commands.deploying import deploy_loaded
from latewood.events import AssetObserved, ObservationFailed, from_json
from latewood.serving import observing
from latewood_graphql.mutations.observing import _LOOKING

OUTSIDE = """
    import os
    from pathlib import Path
    from latewood import *
    from latewood.external import DataVersion, external_asset, observe

    feed = external_asset("feed")
    rates = external_asset("rates", partitions=Static(["eur", "usd"]))
    told = external_asset("told")

    @observe(feed)
    def look() -> DataVersion:
        Path("looked_by").write_text(str(os.getpid()))
        return DataVersion(Path("feed.txt").read_text(), {"rows": 7})

    @observe(rates)
    def look_at_rates(partition: PartitionKey) -> str:
        if partition == "usd":
            raise ValueError("no such rate")
        return "v1"

    @asset
    def mine() -> int:
        return 1
"""
SHOWN = """id repeated newCount sameCount failedCount notPassed { asset }
    looks { asset partition dataVersion before isNew metadata error message }"""


@pytest.fixture
def acts(api):
    return Acts(api)


@pytest.fixture
def tree(workspace, load, tmp_path, monkeypatch):
    """Where the server works, with what others make."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latewood.toml").touch()
    deploy_loaded(workspace, load(OUTSIDE))
    (tmp_path / "feed.txt").write_text("monday")
    return tmp_path


def recorded(workspace):
    facts = [from_json(event.type, event.data) for event in workspace.log.read_all(project=workspace.project)]
    return [fact for fact in facts if isinstance(fact, AssetObserved | ObservationFailed)]


def test_what_others_made_is_seen_once_by_its_key_and_it_is_said_what_is_new(api, acts, tree, workspace):
    first = acts.done("observe", 'selection: "feed", key: "k"', "AssetsObserved", SHOWN)
    assert int((tree / "looked_by").read_text()) != os.getpid(), "the server runs none of its code"
    (look,) = first["looks"]
    assert look == {
        "asset": "feed",
        "partition": "",
        "dataVersion": "given:monday",
        "before": None,
        "isNew": True,
        "metadata": {"rows": 7},
        "error": None,
        "message": None,
    }
    (tree / "feed.txt").write_text("tuesday")
    again = acts.done("observe", 'selection: "feed", key: "k"', "AssetsObserved", SHOWN)
    assert again == {**first, "repeated": True}
    assert len(recorded(workspace)) == 1
    for other in ('selection: "rates", key: "k"', 'selection: "feed or rates", key: "k", partition: "eur"'):
        found = acts.refused("observe", other)
        assert found == ("Conflict", "something else was looked at by the same key; take another one")

    every = acts.done("observe", 'selection: "*", key: "l"', "AssetsObserved", SHOWN)
    assert (every["newCount"], every["sameCount"], every["failedCount"]) == (2, 0, 1)
    said = [(look["asset"], look["partition"], look["dataVersion"], look["before"]) for look in every["looks"]]
    assert said == [
        ("rates", "usd", None, None),
        ("feed", "", "given:tuesday", "given:monday"),
        ("rates", "eur", "given:v1", None),
    ]
    assert (every["looks"][0]["error"], every["looks"][0]["message"]) == ("ValueError", "no such rate")
    assert api(f"{{ project(asOf: {every['position']}) {{ position }} }}")["project"]["position"] == every["position"]
    assert acts.done("observe", 'selection: "*", key: "l"', "AssetsObserved", SHOWN) == {**every, "repeated": True}
    third = acts.done("observe", 'selection: "rates", partition: "eur"', "AssetsObserved", SHOWN)
    assert (third["newCount"], third["sameCount"], len(third["looks"])) == (0, 1, 1)


def test_what_cannot_be_looked_at_says_why_and_nothing_is_recorded(acts, tree, workspace, monkeypatch):
    for arguments, type_, message in (
        ('selection: "mine"', "InvalidInput", "there is nothing to look at"),
        ('selection: "told"', "InvalidInput", "there is nothing to look at"),
        ('selection: "status:stale"', "InvalidInput", "is chosen by key"),
        ('selection: "rates", partition: "yen"', "InvalidInput", "yen"),
        ('selection: "feed", environment: "dev"', "EnvironmentNotFound", "dev"),
    ):
        found = acts.refused("observe", arguments)
        assert (found[0], message in found[1]) == (type_, True), (arguments, found)
    with _LOOKING.lock:
        assert acts.refused("observe", 'selection: "feed"')[0] == "Conflict"
    monkeypatch.setattr(observing.observe_deployed, "__kwdefaults__", {"partition": "", "key": "", "limit_s": 0.0})
    found = acts.refused("observe", 'selection: "feed"')
    assert found[0] == "InvalidInput"
    assert "looking took longer than 0 s" in found[1]
    assert "fewer partitions" in found[1]
    assert recorded(workspace) == []
