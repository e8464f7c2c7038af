"""Conditions: composed, told as they are written, and never more than an event has room for."""

from datetime import UTC, datetime, timedelta

import pytest

from latewood import Hourly, PartitionKey, asset
from latewood.automation import (
    all_deps,
    any_deps,
    checks_passed,
    cron_since,
    eager,
    failed,
    in_last_window,
    missing,
    on_cron,
    on_missing,
    running,
    stale,
    updated,
)
from latewood.decide.automation import Standing
from latewood.decide.conditions import RANGES_MAX, Facts, due_by, with_asked
from latewood.decide.staleness import assess
from latewood.decide.state import State, VersionFacts
from latewood.engine.loading.loader import load_objects
from latewood.events import AutomationEvaluated, to_json
from latewood.model.automations import RuleDefinition
from latewood.model.conditions import once_made, text_of
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetId, RunId, VersionId
from latewood.model.ordinals import Ordinals

NOW = datetime(2024, 3, 1, tzinfo=UTC)


@asset(partitions=Hourly("2024-01-01"))
def hour(partition: PartitionKey) -> int:
    return 1


@asset
def first() -> int:
    return 1


@asset
def second(first: int) -> int:
    return first


def head(key, partition="", *, position=5, made_at=NOW):
    version = VersionId(f"run.{position}")
    return VersionFacts(
        AssetId(key), PartitionKey(partition), version, position, made_at, 1.0, "v", "a", "c", "l", "i", "k", True
    )


def facts_of(tmp_path, assets, heads, *, going_on=(), now=NOW):
    loaded = load_objects(assets, root=tmp_path, location="test")
    catalog = Catalog.of(loaded.assets)
    ids = {key: AssetId(key) for key in catalog.assets}
    state = State(environment="prod", position=9, now=now, ids=ids, heads=heads)
    return Facts(catalog=catalog, state=state, assessed=assess(catalog, state), going_on=frozenset(going_on))


def asked_for(facts, condition, standing=None):
    rule = RuleDefinition(name="r", selection="*", condition=condition)
    return due_by(rule, list(facts.catalog.graph.topological), facts, standing or Standing(until=NOW))


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (missing() & stale() & failed(), "missing() & stale() & failed()"),
        (missing() | stale() & failed(), "missing() | (stale() & failed())"),
        ((missing() | stale()) & ~failed(), "(missing() | stale()) & ~failed()"),
        (~(missing() | stale()), "~(missing() | stale())"),
        (all_deps(~running() & missing()), "all_deps(~running() & missing())"),
        (cron_since("0 6 * * *"), 'cron_since("0 6 * * *", "UTC")'),
        (in_last_window(), "in_last_window()"),
    ],
)
def test_a_condition_is_told_as_it_is_written(condition, text):
    assert text_of(condition) == text
    assert eval(text, globals()) == condition, "and what is told is that condition"


@pytest.mark.parametrize(
    ("condition", "once"),
    [
        (eager(), False),
        (on_missing(), False),
        (on_cron("0 6 * * *"), False),
        (missing(), False),
        (~missing(), True),
        (checks_passed(), None),
        (checks_passed() & stale(), False),
        (any_deps(updated()), False),
        (any_deps(stale()), None),
        (any_deps(~updated()), True),
        (updated(), None),
        (missing() | checks_passed(), None),
        (missing() | ~stale(), True),
    ],
)
def test_what_is_still_true_of_what_was_just_made(condition, once):
    assert once_made(condition) is once


def test_what_is_no_condition_is_refused_where_it_is_written():
    with pytest.raises(TypeError, match="expected a condition, found 'stale'"):
        missing() & "stale"


def test_no_more_is_asked_for_at_a_time_than_an_event_has_room_for(tmp_path):
    # Every other hour is there: as many ranges as there are hours.
    made = [f"2024-{m:02}-{d:02}T{h:02}" for m, d in [(1, n) for n in range(1, 32)] for h in range(0, 24, 2)]
    heads = {AssetId("hour"): {PartitionKey(key): head("hour", key) for key in made}}
    facts = facts_of(tmp_path, [hour], heads)
    standing, asked = Standing(until=NOW), Ordinals()
    for number in range(RANGES_MAX + 1):
        found = asked_for(facts, missing(), standing)
        if not found.partitions:
            break
        due = found.partitions["hour"]
        assert not due & asked
        asked |= due
        run = RunId(f"run{number:09}")
        waiting = with_asked(found, facts, run, position=2**40, at=NOW + timedelta(microseconds=1))
        event = AutomationEvaluated(
            environment="prod", location="x" * 200, name="r" * 200, timing="t", at=NOW, until=NOW, asked=waiting
        )
        assert len(to_json(event)) < 50_000
        standing = standing._replace(asked=waiting)
    assert RANGES_MAX <= len(asked.ranges) <= RANGES_MAX + 1


def test_once_there_is_room_the_others_are_asked_for(tmp_path):
    heads = {AssetId("first"): {PartitionKey(""): head("first")}}
    facts = facts_of(tmp_path, [first, second], heads)
    found = asked_for(facts, missing())
    assert dict(found.partitions) == {"second": Ordinals.between(0, 1)}
    standing = Standing(until=NOW, asked=with_asked(found, facts, RunId("a"), position=9, at=NOW))
    assert not asked_for(facts, missing(), standing).partitions
    newer = {**heads, AssetId("first"): {PartitionKey(""): head("first", position=12)}}
    again = facts_of(tmp_path, [first, second], newer)
    assert asked_for(again, missing(), standing).partitions, "what it reads was made anew"
    going_on = facts_of(tmp_path, [first, second], newer, going_on=["a"])
    assert not asked_for(going_on, missing(), standing).partitions


def test_a_clock_that_was_far_ahead_does_not_keep_a_rule_silent(tmp_path):
    ahead = NOW + timedelta(days=40_000)
    facts = facts_of(tmp_path, [first], {})
    found = asked_for(facts, missing())
    asked = with_asked(found, facts, RunId("a"), position=9, at=ahead)
    back = asked_for(facts, on_cron("0 6 * * *"), Standing(until=NOW, asked=asked))
    assert back.began
    standing = Standing(until=NOW, asked=back.waiting)
    tomorrow = facts_of(tmp_path, [first], {}, now=NOW + timedelta(hours=7))
    assert asked_for(tomorrow, on_cron("0 6 * * *"), standing).partitions


def test_when_time_alone_can_make_it_true(tmp_path):
    facts = facts_of(tmp_path, [hour], {}, now=NOW + timedelta(minutes=20))
    assert asked_for(facts, eager()).again_at == NOW + timedelta(hours=1)
    assert asked_for(facts, on_cron("30 * * * *")).again_at == NOW + timedelta(minutes=30)
    assert asked_for(facts_of(tmp_path, [first], {}), missing()).again_at is None
