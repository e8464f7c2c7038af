"""Decisions about branches of a choice, and about what waits for values."""

import msgspec

from builders import World, catalog, changed, content, edited, said
from latewood.decide.awaiting import awaiting
from latewood.decide.keys import truth
from latewood.decide.reasons import Cause, Reason
from latewood.decide.staleness import assess
from latewood.model.definitions import Catalog, Membership, Parameter, Where
from latewood.model.types import ANY


def choice():
    """`good` decides between `yes` and `no`, and `result` is what is taken; `x` is read by both."""
    defined = catalog("x", "good <- x", "yes <- (good) x", "no <- (good) x", "result <- good yes no", "below <- result")
    for key, of, holds in (
        ("yes", "good", True),
        ("no", "good", False),
        ("result", "yes", True),
        ("result", "no", False),
    ):
        where = Where(asset="good", holds=holds)
        inputs = [msgspec.structs.replace(i, where=where) if i.name == of else i for i in defined[key].task.inputs]
        defined = changed(defined, key, inputs=tuple(inputs))
    return defined


def world_where(good, *made):
    """A past in which `x`, `good` with this value, and these were made."""
    world = World(makes=lambda asset, *_: truth(good) if asset.key == "good" else content(asset.key))
    world.run(choice(), "x", "good")
    if made:
        world.run(choice(), *made)
    return world


def test_before_the_condition_is_known_both_branches_may_run():
    assert said(World().plan(choice())) == {
        "x": "run",
        "good": "run",
        "yes": "depends",
        "no": "depends",
        "result": "depends",
        "below": "run",
    }


def test_once_it_is_known_the_branch_that_is_not_taken_is_skipped_and_not_missed():
    made = world_where(False).plan(choice())
    assert said(made) == {
        "x": "fresh",
        "good": "fresh",
        "yes": "skip",
        "no": "run",
        "result": "depends",
        "below": "run",
    }
    assert [g.reasons for t in made.tasks for g in t.groups if t.node.keys == ("yes",)] == [
        (Reason(Cause.UNTAKEN, "good"),)
    ]


def test_a_skipped_step_has_a_number_so_that_the_run_can_say_so():
    made = world_where(True).plan(choice())
    assert [(step.number, step.task.node.keys[0]) for step in made.steps()] == [
        (0, "no"),
        (1, "yes"),
        (2, "result"),
        (3, "below"),
    ]


def test_force_does_not_run_what_a_known_condition_rules_out():
    assert said(world_where(True).plan(choice(), "yes", "no", force=True)) == {"yes": "run", "no": "skip"}


def test_the_condition_is_no_part_of_a_branchs_key():
    world = world_where(True, "yes")
    plain = changed(choice(), "yes", inputs=tuple(i for i in choice()["yes"].task.inputs if i.where is None))
    assert said(world.plan(plain, "yes")) == {"yes": "fresh"}


def test_a_head_of_a_branch_that_is_no_longer_taken_is_as_it_should_be():
    world = world_where(True, "yes")
    defined = edited(choice(), "yes")
    assert assess(defined, world.state(defined))["yes"].status == "stale"
    world.makes = lambda asset, *_: truth(False) if asset.key == "good" else content(asset.key)
    world.run(defined, "good", force=True)
    found = assess(defined, world.state(defined))
    assert (found["yes"].status, found["no"].reasons(0)) == ("fresh", (Reason(Cause.MISSING),))
    untaken = assess(choice(), world_where(False).state(choice()))["yes"]
    assert (untaken.status, untaken.reasons(0)) == ("missing", (Reason(Cause.UNTAKEN, "good"),))


def test_what_a_branch_reads_and_nobody_makes_blocks_it_only_where_it_is_taken():
    world = world_where(False)
    world.heads.pop("#x")
    assert said(world.plan(choice(), "yes", "no")) == {"yes": "skip", "no": "blocked"}


# ── values that must be given ────────────────────────────────────────────────────────────────────────────


def required(name, **fields):
    return Parameter(name=name, type=ANY, required=True, **fields)


def workflow(defined, *keys, **bound):
    """The catalog with these assets as steps of the workflow `w`, of which each parameter is an input."""
    assets = [
        msgspec.structs.replace(a, step_of=Membership(workflow="w", bound=bound)) if a.key in keys else a
        for a in defined.assets.values()
    ]
    return Catalog.of(assets)


def test_what_has_no_value_waits_with_all_that_read_it():
    defined = changed(catalog("a", "b <- a", "c"), "a", parameters=(required("n"),))
    assert awaiting(defined, {}) == {"a": ("a.n",), "b": ("a.n",)}
    assert awaiting(defined, {"a": {"n": None}}) == {}
    assert awaiting(changed(defined, "a", fixed={"n": 1}), {}) == {}


def test_with_a_step_waits_its_workflow_and_by_the_inputs_name():
    defined = changed(catalog("w/a", "w/b", "c <- w/b", "d"), "w/a", parameters=(required("n"),))
    assert awaiting(workflow(defined, "w/a", "w/b", n="size"), {}) == dict.fromkeys(("w/a", "w/b", "c"), ("w.size",))


def test_outputs_of_one_task_share_what_was_given():
    defined = changed(catalog("x y"), "x", parameters=(required("n"),))
    assert set(awaiting(defined, {})) == {"x", "y"}
    assert awaiting(defined, {"y": {"n": 1}}) == {}


def test_a_plan_leaves_out_what_waits_and_says_so():
    defined = changed(catalog("a", "b <- a", "c"), "a", parameters=(required("n"),))
    made = World().plan(defined)
    assert said(made) == {"c": "run"}
    assert made.awaiting == {"a": ("a.n",), "b": ("a.n",)}
    assert said(World().plan(defined, parameters={"a": {"n": 1}})) == {"a": "run", "b": "run", "c": "run"}
