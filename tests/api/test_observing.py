"""Looking at what is made elsewhere: the code of its location looks, in a process of its own."""

import os
import threading
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest

from api.acts import Acts
from latewood.commands.deploying import deploy_loaded
from latewood.engine.running.calls import Raised
from latewood.engine.running.looking import Sight
from latewood.engine.storage.caches import remove_unused
from latewood.errors import Conflict, UsageError
from latewood.events import AssetObserved, Failure, FailureKind, ObservationFailed, from_json
from latewood.serving import observing
from latewood.serving.observing import LOOKING_S, observe_deployed
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
    assert _LOOKING.waiting_s > LOOKING_S, "who asks again by the same key waits until it is done"
    monkeypatch.setattr(observing.observe_deployed, "__kwdefaults__", {"partition": "", "key": "", "limit_s": 0.0})
    found = acts.refused("observe", 'selection: "feed"')
    assert found[0] == "InvalidInput"
    assert "looking took longer than 0 s" in found[1]
    assert "is being built: ask again when it is" in found[1], "which is no time that anybody waits for"
    monkeypatch.setattr(observing.Preparing, "within", lambda _self, _limit_s, _slot, act: act())
    assert "fewer partitions" in acts.refused("observe", 'selection: "feed"')[1]
    assert recorded(workspace) == []


def test_an_environment_is_built_once_for_all_who_ask_and_nothing_of_it_is_removed_after_they_gave_up(
    tree, workspace, monkeypatch
):
    home, begun, go_on = workspace.home.absolute(), [], Event()
    truly = observing.Crews.of_location

    def built(crews, *of):
        begun.append(of)
        go_on.wait()
        return truly(crews, *of)

    monkeypatch.setattr(observing.Crews, "of_location", built)
    for _ in range(3):
        with pytest.raises(UsageError, match="is being built"):
            observe_deployed(workspace, "feed", environ=os.environ, limit_s=0.05)
    assert len(begun) == 1
    assert remove_unused(home, workspace.clock()) is None, "it is in use"
    going = [thread for thread in threading.enumerate() if thread.name == "latewood-preparing"]
    go_on.set()
    for thread in going:
        thread.join()
    assert remove_unused(home, workspace.clock() - timedelta(days=1)) == []
    assert len(observe_deployed(workspace, "feed", environ=os.environ).seen) == 1


@pytest.fixture
def overtaken(tree, workspace, monkeypatch):
    """Looks by a key; while it is looked, another process does by the same key, and is first to record."""

    def observed(asked, other, sight):
        truly, by_other = observing._Eyes.look, []

        def look(self, asset, ordinal):
            monkeypatch.setattr(observing._Eyes, "look", truly)
            if not by_other:
                by_other.append(observe_deployed(workspace, **other, key="k", environ=os.environ))
            monkeypatch.setattr(observing._Eyes, "look", look)
            return sight

        monkeypatch.setattr(observing._Eyes, "look", look)
        try:
            return observe_deployed(workspace, **asked, key="k", environ=os.environ), by_other[0]
        finally:
            monkeypatch.setattr(observing._Eyes, "look", truly)

    return observed


FEED, EUR, RATES = {"selection": "feed"}, {"selection": "rates", "partition": "eur"}, {"selection": "rates"}
FAILED = Raised(failure=Failure(kind=FailureKind.USER, error="ValueError", message="away"), duration_ms=1.0, output="")


@pytest.mark.parametrize(
    ("asked", "sight"),
    [
        (FEED, FAILED),
        (FEED, Sight(data_version="given:tuesday", metadata={}, added={})),
        (FEED, Sight(data_version="given:monday", metadata={"rows": 7}, added={})),
        (RATES, FAILED),
    ],
)
def test_of_processes_that_look_at_once_by_a_key_one_records_whatever_the_others_see(
    overtaken, workspace, asked, sight
):
    found, first = overtaken(asked, asked, sight)
    assert not first.repeated
    assert found == replace(first, repeated=True, position=found.position)
    assert [fact.version.rpartition(".")[0] for fact in recorded(workspace)] == [
        first.observation for _ in (*first.seen, *first.unseen)
    ]


@pytest.mark.parametrize(
    ("asked", "other"), [(FEED, RATES), (EUR, RATES), (RATES, EUR), (FEED, {"selection": "feed or rates"})]
)
def test_one_key_is_for_one_thing_also_at_once(overtaken, workspace, asked, other):
    seen = Sight(data_version="given:v1", metadata={}, added={})
    with pytest.raises(Conflict, match="something else was looked at by the same key"):
        overtaken(asked, other, seen)
    with pytest.raises(Conflict, match="something else was looked at by the same key"):
        observe_deployed(workspace, **asked, key="k", environ=os.environ)
    assert len({fact.version.rpartition(".")[0] for fact in recorded(workspace)}) == 1
