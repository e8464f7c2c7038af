"""Plans of tasks with several outputs, and of what checks judge."""

import pytest

from builders import CHAIN, World, catalog, changed, checked, content, edited, id_of, said, why_planned
from latewood.decide.reasons import Cause, Reason

# ── several outputs ───────────────────────────────────────────────────────────────────────────────────────

PAIR = catalog("src", "x y <- src", "z <- y")


def test_outputs_are_made_together_in_one_step():
    world = World()

    assert said(world.run(PAIR)) == {"src": "run", "x y": "run", "z": "run"}
    steps = list(world.plan(edited(PAIR, "x")).steps())
    assert [step.task.node.keys for step in steps] == [("x", "y"), ("z",)]
    assert steps[0].reasons == (Reason(Cause.CODE),)  # of both outputs, told once


def test_one_missing_output_makes_all_of_them_again():
    world = World()
    world.run(PAIR)
    del world.heads[id_of("y")]
    assert said(world.plan(PAIR))["x y"] == "reuse"

    world.reusable.clear()
    assert said(world.plan(PAIR)) == {"src": "fresh", "x y": "run", "z": "depends"}


def test_a_fresh_output_alone_asks_for_nothing_whatever_its_siblings_lack():
    world = World()
    world.run(PAIR)
    del world.heads[id_of("y")]
    world.reusable.clear()

    assert said(world.plan(PAIR, "x")) == {"x y": "fresh"}
    assert said(world.plan(PAIR, "x", "z")) == {"x y": "fresh", "z": "blocked"}
    assert said(world.plan(PAIR, "y", "z")) == {"x y": "run", "z": "depends"}


def test_a_sibling_that_was_lost_cannot_be_read():
    world = World()
    world.run(PAIR)
    world.lost = {world.heads[id_of("y")][""].artifact}

    assert said(world.plan(PAIR, "x", "z")) == {"x y": "fresh", "z": "blocked"}


def test_a_subsettable_task_makes_only_what_is_asked_for():
    subset = changed(PAIR, "x", subsettable=True)
    world = World()
    world.run(subset, "src")

    assert said(world.run(subset, "x")) == {"x": "run"}
    assert said(world.plan(subset, "y", "z")) == {"y": "run", "z": "run"}
    assert said(world.plan(subset)) == {"src": "fresh", "x y": "run", "z": "run"}


OPTIONAL = catalog("src", "x y? <- src", "z <- y")


def test_an_optional_output_that_was_absent_is_not_computed_again():
    world = World(makes=lambda asset, _, read: None if asset.key == "y" else content(asset.key, *read.values()))
    world.run(OPTIONAL)
    assert world.ran == ["src", "x"]

    made = world.run(OPTIONAL)
    assert said(made) == {"src": "fresh", "x y": "fresh", "z": "blocked"}
    assert why_planned(made, "z") == ["absent y"]
    assert world.ran == []


def test_an_optional_output_that_went_away_is_not_computed_again_either():
    world = World(makes=lambda asset, _, read: content(asset.key, asset.task.code.version, *read.values()))
    world.run(OPTIONAL)
    world.makes = lambda asset, _, read: None if asset.key == "y" else content(asset.key, *read.values())
    world.run(edited(OPTIONAL, "src"))

    made = world.run(edited(OPTIONAL, "src"))
    assert said(made) == {"src": "fresh", "x y": "fresh", "z": "blocked"}
    assert why_planned(made, "z") == ["absent y"]
    assert world.ran == []
    # Who asks for the reader alone reads what is there: the version of before.
    assert said(world.plan(edited(OPTIONAL, "src"), "z")) == {"z": "fresh"}


def test_an_optional_output_that_comes_back_is_read_again():
    world = World(makes=lambda asset, _, read: None if asset.key == "y" else content(asset.key, *read.values()))
    world.run(OPTIONAL)
    world.makes = lambda asset, _, read: content(asset.key, asset.task.code.version, *read.values())
    world.run(edited(OPTIONAL, "x"))
    assert world.ran == ["x", "z"]

    # By the old code there was none: that is known, and so is the head of its reader known to be of other code.
    made = world.run(OPTIONAL)
    assert said(made) == {"src": "fresh", "x y": "reuse", "z": "blocked"}
    assert (world.ran, world.reused) == ([], ["x"])


def test_an_optional_output_alone_is_asked_for_until_it_was_made():
    world = World(makes=lambda asset, _, read: None if asset.key == "y" else content(asset.key, *read.values()))
    world.run(OPTIONAL)

    assert said(world.plan(OPTIONAL, "y")) == {"x y": "fresh"}  # the same step said so


def test_a_task_of_which_nothing_ever_came_leaves_nothing_to_reuse():
    world = World(makes=lambda asset, *_: content("a") if asset.key == "a" else None)
    defined = catalog("a", "x? y?")
    world.run(defined)

    assert said(world.plan(defined)) == {"a": "fresh", "x y": "run"}


def test_in_a_subsettable_task_an_absent_optional_output_was_only_not_asked_for():
    subset = changed(OPTIONAL, "x", subsettable=True)
    world = World()
    world.run(subset, "src", "x")

    assert said(world.plan(subset))["x y"] == "run"


def test_outputs_that_read_their_own_past_come_in_turn():
    world = World()
    defined = catalog("x y[abc] <- x@-1", "z[abc] <- y")
    world.run(defined)

    assert world.ran == ["x:a", "x:b", "x:c", "z:a", "z:b", "z:c"]
    assert said(world.plan(defined)) == {"x y": "fresh", "z": "fresh"}


# ── checks ────────────────────────────────────────────────────────────────────────────────────────────────

CHECKED = checked(CHAIN, "a")


def test_a_head_is_taken_for_a_check_that_was_never_run_and_left_alone_once_it_has_passed():
    world = World()
    world.run(CHAIN)
    made = world.plan(CHECKED)
    assert said(made) == {"a": "reuse", "b": "fresh", "c": "fresh"}
    assert why_planned(made, "a") == ["unchecked"]

    world.judge(CHECKED, "a", passed=True)
    assert said(world.plan(CHECKED)) == {"a": "fresh", "b": "fresh", "c": "fresh"}


@pytest.mark.parametrize("selected", [(), ("b", "c"), ("b",)])
def test_what_a_blocking_check_refuses_is_read_by_nobody_selected_or_not(selected):
    world = World()
    world.run(CHAIN)
    world.judge(CHECKED, "a", passed=False)
    made = world.plan(edited(CHECKED, "b"), *selected)

    planned = {"a": "reuse", "b": "blocked", "c": "blocked"}
    assert said(made) == {key: planned[key] for key in selected or planned}
    (group,) = next(task for task in made.tasks if "b" in task.node.keys).groups
    assert group.reasons == (Reason(Cause.REFUSED, "a", "is_right"),)
    assert [reason.written for reason in group.reasons] == ["refused:a:is_right"]


def test_a_check_refuses_one_partition_and_what_reads_it():
    world = World()
    few = checked(catalog("d[few]", "e[few] <- d", "t <- e"), "d")
    world.run(few)
    for day in ("2013-01-30", "2013-01-31", "2013-02-01", "2013-02-02"):
        world.judge(few, "d", passed=day != "2013-01-31", partition=day)
    made = world.plan(edited(few, "e"))

    assert said(made) == {
        "d": "reuse 2013-01-31, fresh 2013-01-30, 2013-02-01..2013-02-02",
        "e": "run 2013-01-30, 2013-02-01..2013-02-02, blocked 2013-01-31",
        "t": "blocked",
    }


def test_what_would_be_reused_and_was_refused_is_not_read_and_the_head_before_it_by_others_is():
    world = World()
    world.run(CHECKED)
    world.judge(CHECKED, "a", passed=True)
    head = world.heads[id_of("a")][""]
    world.run(edited(CHECKED, "a"), "a")
    refused = world.heads[id_of("a")][""]
    world.heads[id_of("a")][""] = head
    world.judge(CHECKED, "a", passed=False, data=refused.data_version)
    made = world.plan(edited(CHECKED, "a"))

    assert said(made) == {"a": "reuse", "b": "blocked", "c": "blocked"}
    assert why_planned(made, "a") == ["code", "refused a"]
    assert said(world.plan(edited(CHECKED, "a"), "b", "c")) == {"b": "fresh", "c": "fresh"}


def test_a_verdict_binds_only_the_check_it_came_from_as_it_is_now():
    world = World()
    world.run(CHAIN)
    world.judge(CHECKED, "a", passed=False)

    assert said(world.plan(CHAIN)) == {"a": "fresh", "b": "fresh", "c": "fresh"}
    only_warns = checked(CHAIN, "a", blocking=False)
    assert said(world.plan(only_warns)) == {"a": "fresh", "b": "fresh", "c": "fresh"}
    world.judge(only_warns, "a", passed=False)
    assert said(world.plan(CHECKED))["a"] == "reuse"  # blocking by now: what it refuses is known
