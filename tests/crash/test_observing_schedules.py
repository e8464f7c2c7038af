"""Schedules that look at what others make: by processes, once for each tick, with checks of what was seen."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from crash.conftest import facts_of, let_leases_end
from crash.engines import of_type
from crash.test_automation import Clock
from latewood.commands.automations import automation_named, automations_here
from latewood.commands.deploying import deploy_loaded
from latewood.errors import DefinitionsInvalid
from latewood.events import (
    AssetObserved,
    AutomationEvaluated,
    CheckEvaluated,
    ObservationFailed,
    RunRequested,
)
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving.automating import evaluate
from latewood.serving.observing import observe_due
from latewood.serving.sensors import Sensors
from latewood_eventlog.audit import verify
from latewood_eventlog.errors import DatabaseUnreachable

SOURCE = """
    import os
    from latewood.automation import *
    from latewood.external import DataVersion, external_asset, observe
    from latewood.io import Json

    feed = external_asset("feed", io=Json({feed!r}), type=list[int])
    other = external_asset("other", partitions=Static(["a", "b"]))

    @check(feed, blocking=True)
    def is_short(values: list[int]) -> bool:
        print("judged")
        return len(values) < 3

    @observe(other)
    def look(partition: PartitionKey) -> DataVersion:
        {look}

    @asset
    def total(feed: list[int]) -> int:
        return sum(feed)

    looking = Schedule("looking", {target}, "0 * * * *", observe=True{options})
    kept = Rule("kept", "total", any_deps(updated()))
"""


@pytest.fixture
def clock():
    return Clock("2024-03-01T05:00")


@pytest.fixture
def workspace(workspace, clock):
    return replace(workspace, clock=clock)


@pytest.fixture
def feed(tmp_path):
    file = tmp_path / "feed.json"
    file.write_text("[1, 2]")
    return file


@pytest.fixture
def deploy(workspace, load, feed):
    def deployed(target='"*"', options="", look='return DataVersion("1", {"rows": 3})'):
        return deploy_loaded(workspace, load(SOURCE.format(feed=str(feed), target=target, options=options, look=look)))

    return deployed


@pytest.fixture
def look(workspace, clock):
    """Looks if that is due, so many hours after the last time; what was recorded of the schedule."""
    facts = []
    with closing(Sensors(workspace, "test", facts.append)) as sensors:

        def after(hours):
            facts.clear()
            let_leases_end(workspace)
            clock.now += timedelta(hours=hours)
            sensors.ask_here()
            return list(facts)

        yield after


def seen(workspace):
    return [(fact.partition, fact.metadata) for fact in of_type(workspace, AssetObserved)]


def test_at_each_tick_it_is_looked_and_what_reads_it_is_made(workspace, deploy, look, feed):
    deploy()
    (began,) = look(0)
    assert (began.observed, seen(workspace)) == ("", [])
    assert look(0.5) == []
    (first,) = look(0.5)
    assert seen(workspace) == [("", {}), ("a", {"rows": 3}), ("b", {"rows": 3})]
    (verdict,) = of_type(workspace, CheckEvaluated)
    assert (verdict.passed, verdict.run, verdict.check) == (True, first.observed, "is_short")
    assert workspace.store.read(verdict.logs) == b"judged\n"
    evaluate(workspace)
    evaluate(workspace)
    assert [fact.selection for fact in of_type(workspace, RunRequested)] == ["total"]
    feed.write_text("[1, 2, 3]")
    look(1)
    assert [fact.passed for fact in of_type(workspace, CheckEvaluated)] == [True, False]
    assert len({fact.data_version for fact in of_type(workspace, AssetObserved) if not fact.partition}) == 2
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_of_ticks_that_went_by_one_look_is_left(workspace, deploy, look):
    deploy('"feed"')
    look(0)
    (fact,) = look(5)
    assert (fact.missed, len(seen(workspace))) == (4, 1)
    assert look(0) == []


def test_only_what_is_asked_for_is_looked_at(workspace, deploy, look):
    deploy('"other"', ', partition="b"')
    look(0)
    look(1)
    assert [partition for partition, _ in seen(workspace)] == ["b"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('raise OSError(f"no {partition}")', ["OSError: no a", "OSError: no b"]),
        ("os._exit(3)", ["ProcessEnded: its process ended with code 3"] * 2),
        ("return 7", ["ValueRefused: observer of"] * 2),
    ],
)
def test_a_look_that_fails_is_recorded_and_the_others_are_made(workspace, deploy, look, body, problem):
    deploy(look=body)
    look(0)
    (fact,) = look(1)
    assert fact.problem == ""
    assert seen(workspace) == [("", {})]
    failures = [fact.failure for fact in of_type(workspace, ObservationFailed)]
    found = [f"{failure.error}: {failure.message}" for failure in failures]
    assert all(said.startswith(expected) for said, expected in zip(found, problem, strict=True)), found


def test_where_there_is_nothing_to_look_at_that_is_a_problem(workspace, deploy, look):
    deploy('"total"')
    look(0)
    (fact,) = look(1)
    assert '"total" selects no external asset of assets.py' in fact.problem
    assert "selects no external asset" in automation_named(workspace, "looking").standing.problem


def test_who_dies_before_the_tick_is_recorded_looks_again(workspace, deploy, clock):
    deploy('"feed"')
    found, looks = automation_named(workspace, "looking"), []
    log = workspace.log

    class Lost:
        """A log that is away when the tick is to be recorded."""

        def __getattr__(self, name):
            return getattr(log, name)

        def append(self, batch):
            raise DatabaseUnreachable("localhost", "gone")

    class Looked:
        observation = "obs1"

    def observe(*_):
        looks.append(1)
        return Looked

    assert observe_due(workspace, found, observe).observed == ""
    clock.now += timedelta(hours=1)
    with pytest.raises(DatabaseUnreachable):
        observe_due(replace(workspace, log=Lost()), found, observe)
    assert observe_due(workspace, found, observe).observed == "obs1"
    assert observe_due(workspace, found, observe) is None
    assert len(looks) == 2
    assert [fact.observed for fact in of_type(workspace, AutomationEvaluated)] == ["", "obs1"]


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ('"feed"', ", parameters={'feed.x': 1}", "observe: expected a selection as target"),
        ('"feed"', ", last_window=True", "observe: expected a selection as target"),
        ('LaunchPlan("l", "total")', "", "observe: expected a selection as target"),
        ('"status:stale"', "", "is chosen by key, group, tag, owner or kind"),
    ],
)
def test_what_cannot_be_is_refused_when_definitions_load(workspace, deploy, target, options, message):
    with pytest.raises(DefinitionsInvalid, match=message):
        deploy(target, options)
    assert automations_here(workspace) == []
    assert facts_of(workspace.log) == []
