"""Plans by what may be reused: on, off, for a while, under another name."""

from datetime import timedelta

import msgspec

from builders import (
    CHAIN,
    World,
    catalog,
    changed,
    checked,
    edited,
    id_of,
    said,
    why_planned,
)
from latewood.model.keys import AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.policies import Reuse

CHECKED = checked(CHAIN, "a")


def test_force_runs_what_is_selected_and_nothing_else():
    world = World()
    world.run(CHAIN)
    made = world.run(CHAIN, "b", force=True)

    assert (said(made), why_planned(made, "b"), world.ran) == ({"b": "run"}, ["forced"], ["b"])


def test_of_what_failed_nothing_is_left_as_it_is_and_an_equal_version_is_taken_all_the_same():
    world = World()
    first = world.run(CHAIN)
    again = world.run(CHAIN, "a", "b", failed=True)
    assert (said(again), why_planned(again, "b")) == ({"a": "run", "b": "run"}, ["failed"])
    assert (world.ran, world.reused) == (["a", "b"], []), "though the content of a is what it was"
    world.run(edited(CHAIN, "b"))
    back = world.run(CHAIN, "b", failed=True)
    assert (said(back), world.ran, said(first)["b"]) == ({"b": "reuse"}, [], "run")


def test_of_what_failed_nothing_is_computed_that_is_refused_as_it_is():
    world = World()
    world.run(CHAIN)
    world.judge(CHECKED, "a", passed=False)
    again = world.plan(CHECKED, "a", failed=True)
    assert (said(again), why_planned(again, "a")) == ({"a": "reuse"}, ["refused a"]), "that is said again"
    assert said(world.plan(edited(CHECKED, "a"), "a", failed=True)) == {"a": "run"}


def test_of_what_an_edited_check_had_refused_the_check_is_asked_and_what_failed_itself_is_run():
    world = World()
    world.run(CHAIN)
    just_refused = world.plan(CHECKED, "a", failed=True, unjudged={AssetKey("a"): Ordinals.between(0, 1)})
    assert (said(just_refused), why_planned(just_refused, "a")) == ({"a": "reuse"}, ["unchecked"])
    assert said(world.plan(CHECKED, "a", failed=True)) == {"a": "run"}


def test_with_reuse_off_a_task_always_runs_and_below_it_content_decides():
    off = changed(CHAIN, "a", reuse=Reuse.of(False))
    world = World()
    world.run(off)
    made = world.run(off)

    assert said(made) == {"a": "run", "b": "depends", "c": "depends"}
    assert why_planned(made, "a") == ["reuse off"]
    assert (world.ran, world.reused) == (["a"], ["b", "c"])


def test_with_reuse_off_pending_content_is_no_maybe():
    defined = changed(CHAIN, "b", reuse=Reuse.of(False))
    world = World()
    world.run(defined)

    assert said(world.plan(edited(defined, "a"))) == {"a": "run", "b": "run", "c": "depends"}


def test_a_result_holds_for_its_reuse_window_and_not_longer():
    hourly = changed(CHAIN, "a", reuse=Reuse.of(timedelta(hours=1)))
    world = World()
    world.run(hourly)

    world.later(hours=1)
    assert said(world.plan(hourly))["a"] == "fresh"
    world.later(seconds=1)
    made = world.plan(hourly)
    assert said(made) == {"a": "run", "b": "depends", "c": "depends"}
    assert why_planned(made, "a") == ["reuse window ended"]
    assert said(world.plan(hourly, "b", "c")) == {"b": "fresh", "c": "fresh"}  # an old head is still a head


def test_a_result_that_gave_up_reuse_runs_again_but_only_by_the_same_logic():
    world = World()
    world.run(CHAIN)
    (head,) = world.heads[id_of("a")].values()
    world.heads[id_of("a")][""] = head._replace(reuse_key="")
    world.reusable.clear()
    assert why_planned(world.plan(CHAIN), "a") == ["reuse off"]
    (below,) = world.heads[id_of("b")].values()
    world.heads[id_of("b")][""] = below._replace(reuse_key="")
    assert said(world.plan(CHAIN))["b"] == "run"  # whatever "a" turns out to be

    world.run(edited(CHAIN, "a"))
    world.heads[id_of("a")][""] = head._replace(reuse_key="")
    assert said(world.plan(edited(CHAIN, "a")))["a"] == "reuse"


def test_a_lost_artifact_is_made_again_and_cannot_be_read():
    world = World()
    world.run(CHAIN)
    world.lost = {world.heads[id_of("a")][""].artifact}
    made = world.plan(CHAIN)

    assert said(made) == {"a": "run", "b": "depends", "c": "depends"}
    assert why_planned(made, "a") == ["artifact lost"]
    assert said(world.plan(CHAIN, "b")) == {"b": "blocked"}


def test_another_version_of_the_same_key_replaces_a_lost_one():
    world = World()
    world.run(CHAIN)
    head = world.heads[id_of("a")][""]
    world.heads[id_of("a")][""] = head._replace(artifact="gone", version="run0.0")
    world.lost = {"gone"}

    assert said(world.plan(CHAIN)) == {"a": "reuse", "b": "fresh", "c": "fresh"}


def test_what_its_blocking_checks_have_yet_to_judge_is_taken_again_but_nobody_relies_on_it():
    world = World()
    world.run(CHAIN)
    world.run(edited(CHAIN, "a"), "a")
    new = world.heads[id_of("a")].pop("")
    world.reusable[new.reuse_key, "result"] = new._replace(accepted=False)
    defined = edited(checked(CHAIN, "a"), "a")

    assert said(world.plan(defined)) == {"a": "reuse", "b": "depends", "c": "depends"}
    world.judge(defined, "a", passed=True, data=new.data_version)
    assert said(world.plan(defined)) == {"a": "reuse", "b": "run", "c": "depends"}


def test_the_same_task_under_another_name_reuses():
    world = World()
    world.run(catalog("a"))
    renamed = catalog("b")
    task = msgspec.structs.replace(renamed["b"].task, name="assets:a", code=catalog("a")["a"].task.code)

    assert said(world.plan(changed(renamed, "b", name=task.name, code=task.code))) == {"b": "reuse"}


def test_a_task_that_reads_its_context_is_not_reused_under_another_name():
    told = (("context", "context"),)
    world = World()
    world.run(changed(catalog("a"), "a", receives=told))
    other = changed(catalog("b"), "b", receives=told, name="assets:a", code=catalog("a")["a"].task.code)

    assert said(world.plan(other)) == {"b": "run"}
