"""How current assets are, against how current they have to be: told, and recorded as it changes."""

from dataclasses import replace
from datetime import datetime

import pytest

from crash.conftest import facts_of
from crash.test_automation import Clock
from latewood.commands.automations import automations_here
from latewood.commands.deploying import deploy_loaded
from latewood.commands.explaining import why
from latewood.commands.materializing import materialize, prepare
from latewood.commands.page import asset_page
from latewood.commands.planning import Asked
from latewood.errors import DefinitionsInvalid
from latewood.events import AutomationEvaluated
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving.automating import evaluate
from latewood_eventlog.audit import verify

SOURCE = """
    from datetime import timedelta
    from latewood.automation import Freshness

    @asset(partitions=Daily("2024-01-01"))
    def day(partition: PartitionKey) -> int:
        return 1

    @asset(reuse=False)
    def looked() -> int:
        return 1

    @asset
    def follows(looked: int) -> int:
        return looked

    @asset
    def constant() -> int:
        return 1

    current = Freshness("current", {selection}, {policy})
"""


@pytest.fixture
def clock():
    return Clock("2024-03-01T05:00")


@pytest.fixture
def workspace(workspace, clock):
    return replace(workspace, clock=clock)


@pytest.fixture
def make(workspace, load):
    """Deploys the policy, and makes what is selected."""

    def made(policy, selection="", *, of='"*"', partition="", force=False):
        loaded = load(SOURCE.format(policy=policy, selection=of))
        deploy_loaded(workspace, loaded)
        if selection:
            asked = Asked(selection=selection, partition=partition, force=force)
            materialize(workspace, prepare(workspace, loaded, asked))

    return made


def judged(workspace, key):
    (found,) = asset_page(workspace, key)[0].freshness
    assert why(workspace, key).freshness == (found,)
    return found


def at(text):
    return datetime.fromisoformat(f"{text}+00:00")


LAG = "max_lag=timedelta(hours=2)"
DEADLINE = 'deadline="0 9 * * *"'


def test_what_was_brought_up_to_date_too_long_ago(workspace, clock, make):
    make(LAG, "looked")
    assert not judged(workspace, "looked").is_overdue
    clock.set("2024-03-01T07:00")
    assert not judged(workspace, "looked").is_overdue, "two hours are not more than two hours"
    clock.set("2024-03-01T07:01")
    found = judged(workspace, "looked")
    assert (found.is_overdue, found.since, found.up_to) == (True, at("2024-03-01T07:00"), at("2024-03-01T05:00"))
    assert found.why == "it was last brought up to date more than 2:00:00 ago"


def test_what_was_never_made_is_overdue_since_nobody_knows_when(workspace, make):
    make(LAG)
    found = judged(workspace, "looked")
    assert (found.is_overdue, found.since, found.up_to, found.why) == (True, None, None, "it was never made")


def test_windows_are_up_to_the_end_of_the_last_that_is_there(workspace, clock, make):
    make("max_lag=timedelta(hours=30)", "day", partition="2024-02-28")
    found = judged(workspace, "day")
    assert (found.is_overdue, found.up_to) == (False, at("2024-02-29T00:00"))
    clock.set("2024-03-01T07:00")
    found = judged(workspace, "day")
    assert (found.since, found.why) == (at("2024-03-01T06:00"), "its last window ended more than 1 day, 6:00:00 ago")


def test_a_window_that_is_to_be_there_by_a_deadline(workspace, clock, make):
    make(DEADLINE, "day", partition="2024-02-28")
    assert not judged(workspace, "day").is_overdue, "at nine of the day before it was"
    clock.set("2024-03-01T09:00")
    found = judged(workspace, "day")
    assert (found.is_overdue, found.since) == (True, at("2024-03-01T09:00"))
    assert found.why == "2024-02-29 was to be there"
    make(DEADLINE, "day", partition="2024-02-29")
    assert not judged(workspace, "day").is_overdue


def test_what_has_no_windows_is_brought_up_to_date_between_deadlines(workspace, clock, make):
    make(DEADLINE, "looked")
    clock.set("2024-03-01T09:30")
    assert not judged(workspace, "looked").is_overdue
    clock.set("2024-03-02T09:00")
    assert judged(workspace, "looked").since == at("2024-03-02T09:00")


def test_what_is_fresh_is_as_current_as_what_it_reads(workspace, clock, make):
    make(LAG, "*")
    clock.set("2024-03-01T10:00")
    assert judged(workspace, "follows").is_overdue
    constant = judged(workspace, "constant")
    assert (constant.is_overdue, constant.why) == (False, "made again it would be the same")
    assert constant.again_at == at("2024-03-01T12:00").replace(microsecond=1), "another day may be to be made by then"
    make(LAG, "looked", force=True)
    found = judged(workspace, "follows")
    assert (found.is_overdue, found.up_to) == (False, at("2024-03-01T10:00")), "though it was not made again"


def test_it_is_recorded_as_it_changes_and_never_else(workspace, clock, make):
    def overdue():
        return [fact.overdue for fact in facts_of(workspace.log) if isinstance(fact, AutomationEvaluated)]

    make(LAG, "looked", of='"looked"')
    assert evaluate(workspace) == at("2024-03-01T07:00").replace(microsecond=1)
    assert overdue() == []
    clock.now = at("2024-03-01T07:00").replace(microsecond=1)
    evaluate(workspace)
    evaluate(workspace)
    ((since,),) = [list(fact.values()) for fact in overdue()]
    assert since == at("2024-03-01T07:00")
    assert list(automations_here(workspace)[0].standing.overdue.values()) == [since]
    make(LAG, "looked", of='"looked"', force=True)
    evaluate(workspace)
    evaluate(workspace)
    assert overdue()[1:] == [{}]
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("", "expected a deadline, a max_lag, or both"),
        ("max_lag=timedelta(0)", "above zero"),
        ("max_lag=7", "expected a timedelta"),
        ('deadline="9 o\'clock"', 'freshness "current": cron expression'),
    ],
)
def test_what_cannot_be_is_refused_when_definitions_load(make, policy, message):
    with pytest.raises(DefinitionsInvalid, match=message):
        make(policy)
