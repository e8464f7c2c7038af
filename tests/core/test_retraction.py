"""What is retracted is never used again, nor what equals it; all that reads it is stale for that reason."""

from datetime import timedelta

import pytest

from builders import World, catalog, changed, content, edited, id_of, said, why_planned
from core.test_staleness import reasons, seen
from core.test_why import why
from latewood.decide.reasons import Cause
from latewood.model.policies import Reuse

CHAIN = catalog("a", "b <- a", "c <- b")


def made(defined=CHAIN, **given):
    world = World(**given)
    world.run(defined)
    return world


def test_a_retracted_head_makes_stale_what_it_is_and_all_that_is_below():
    world = made()
    world.retract(CHAIN, "a")
    assert seen(world, CHAIN) == {"a": "stale", "b": "stale", "c": "stale"}
    assert reasons(world, CHAIN, "a") == ["retracted a"]
    assert reasons(world, CHAIN, "c") == ["upstream b"]
    (finding,) = why(world, CHAIN, "c").findings
    assert (finding.cause, finding.asset, finding.event) == (Cause.RETRACTED, "a", world.position)
    assert (finding.retraction.reason, finding.through) == ("wrong", ("b", "c"))


def test_what_would_be_made_the_same_way_is_not_made_and_nothing_reads_it():
    world = made()
    world.retract(CHAIN, "b")
    plan = world.plan(CHAIN)
    assert said(plan) == {"a": "fresh", "b": "blocked", "c": "blocked"}
    assert why_planned(plan, "b") == why_planned(plan, "c") == ["retracted b"]


def test_also_where_it_was_never_a_head():
    world = made()
    world.retract(CHAIN, "a")
    world.heads.clear()
    assert said(world.plan(CHAIN)) == {"a": "blocked", "b": "blocked", "c": "blocked"}


def test_changed_code_with_other_content_takes_its_place():
    world = made()
    world.retract(CHAIN, "a")
    defined = edited(CHAIN, "a")
    assert said(world.plan(defined)) == {"a": "run", "b": "depends", "c": "depends"}
    world.run(defined)
    assert world.ran == ["a", "b", "c"]
    assert set(seen(world, defined).values()) == {"fresh"}
    assert said(world.plan(CHAIN)) == {"a": "blocked", "b": "blocked", "c": "blocked"}, "the old code is no way back"


def test_equal_content_is_refused_whatever_made_it_and_is_not_made_twice():
    world = made(makes=lambda asset, *_: content(asset.key))
    head = world.retract(CHAIN, "a")
    defined = edited(CHAIN, "a")
    world.run(defined)
    assert world.ran == ["a"]
    assert world.heads[id_of("a")][""] == head
    assert said(world.plan(defined)) == {"a": "blocked", "b": "blocked", "c": "blocked"}


def test_the_same_computation_may_be_allowed_again_and_must_have_other_content():
    runs = iter(["first", "first", "second"])
    world = made(makes=lambda asset, *_: content(next(runs)) if asset.key == "a" else content(asset.key))
    world.retract(CHAIN, "a", rerun=True)
    assert said(world.plan(CHAIN, "a")) == {"a": "run"}
    world.run(CHAIN, "a")
    assert reasons(world, CHAIN, "a") == ["retracted a"]
    world.run(CHAIN, "a")
    assert reasons(world, CHAIN, "a") == []


def test_taken_back_it_is_as_if_nothing_had_been_said():
    world = made()
    world.retract(CHAIN, "a")
    world.retractions.clear()
    assert set(seen(world, CHAIN).values()) == {"fresh"}


def test_one_output_of_several_is_retracted_and_the_other_is_read_as_before():
    defined = catalog("x y", "p <- x", "q <- y")
    world = made(defined)
    world.retract(defined, "y")
    assert seen(world, defined) == {"x": "fresh", "y": "stale", "p": "fresh", "q": "stale"}
    assert said(world.plan(defined)) == {"x y": "blocked", "p": "fresh", "q": "blocked"}


def test_one_partition_is_retracted_and_what_reads_it():
    defined = catalog("d[days]", "m[months] <- d")
    world = made(defined)
    world.retract(defined, "d", partition="2013-02-03")
    assert seen(world, defined) == {
        "d": "fresh 2013-01-01..2013-02-02, 2013-02-04..2013-02-28, stale 2013-02-03",
        "m": "fresh 2013-01, stale 2013-02",
    }


def test_equal_content_of_another_asset_or_partition_is_none_of_it():
    defined = catalog("a", "b", "d[few]")
    world = made(defined, makes=lambda *_: content("0"))
    world.retract(defined, "a")
    world.retract(defined, "d", partition="2013-01-31")
    assert seen(world, defined) == {
        "a": "stale",
        "b": "fresh",
        "d": "fresh 2013-01-30, 2013-02-01..2013-02-02, stale 2013-01-31",
    }


@pytest.mark.parametrize("window", [timedelta(hours=1), timedelta(0)])
def test_a_task_that_looks_outside_is_asked_again(window):
    results = iter("12")
    defined = changed(CHAIN, "a", reuse=Reuse(window=window))
    world = made(defined, makes=lambda asset, *_: content(next(results) if asset.key == "a" else asset.key))
    world.retract(defined, "a")
    assert said(world.plan(defined, "a")) == {"a": "run"}
    world.run(defined, "a")
    assert reasons(world, defined, "a") == []


def test_force_runs_it_and_the_result_is_refused_all_the_same():
    world = made()
    world.retract(CHAIN, "a")
    world.run(CHAIN, "a", force=True)
    assert world.ran == ["a"]
    assert reasons(world, CHAIN, "a") == ["retracted a"]


def test_what_read_it_says_so_also_after_its_head_moved_on():
    world = made()
    old = world.retract(CHAIN, "a")
    defined = edited(CHAIN, "a")
    world.run(defined, "a")
    causes = [(found.cause, found.asset) for found in why(world, defined, "b").findings]
    assert causes == [(Cause.RETRACTED, "a"), (Cause.INPUT, "b")]
    assert why(world, defined, "b").findings[0].retraction.version == old.version
