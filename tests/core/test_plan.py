"""Plans as stories: what was there, what changed, what is to be done."""

from datetime import timedelta

import msgspec
import pytest

from builders import NOW, SCHEMES, World, catalog, changed, checked, content, edited, id_of, number, said, why_planned
from latewood.decide.plan import fresh_again
from latewood.decide.reasons import Cause, Reason
from latewood.decide.state import Durations
from latewood.decide.sweep import Sweep, split_values
from latewood.events import Action
from latewood.model.definitions import Catalog, Origin
from latewood.model.keys import AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import parse_partitions
from latewood.model.policies import Reuse
from latewood.model.relations import All, FixedKeys, Identity, Last
from latewood.model.scheme_kinds import Daily, Hourly, Monthly, Static, Weekly
from latewood.model.types import TypeSpec

CHAIN = catalog("a", "b <- a", "c <- b")
MIXED = catalog("d[days]", "m[months] <- d", "t <- m")


def constant(*keys):
    """User code whose results depend on nothing for these assets."""
    return lambda asset, partition, read: content(
        asset.key, partition, *([] if asset.key in keys else [asset.task.code.version, *read.values()])
    )


def input_of(defined, key, **fields):
    """The catalog with another description of the one thing that `key` reads."""
    (input_,) = defined[key].task.inputs
    return changed(defined, key, inputs=(msgspec.structs.replace(input_, **fields),))


# ── first, again, changed ─────────────────────────────────────────────────────────────────────────────────


def test_first_everything_runs_then_everything_is_fresh():
    world = World()

    assert said(world.run(CHAIN)) == {"a": "run", "b": "run", "c": "run"}
    assert world.ran == ["a", "b", "c"]
    assert said(world.run(CHAIN)) == {"a": "fresh", "b": "fresh", "c": "fresh"}
    assert world.ran == []


def test_what_is_fresh_only_once_others_are_taken_again_is_told():
    world, second = World(), edited(MIXED, "d")
    world.run(MIXED)
    old = world.heads[id_of("d")]["2013-02-03"]
    world.run(second)
    assert fresh_again(world.plan(second)) == {"d": {}, "m": {}, "t": {}}
    world.point(old)

    made = world.plan(second)

    february = Ordinals.between(1, 2)
    assert said(made)["m"] == said(made)["t"] == "fresh"
    assert fresh_again(made) == {"d": {}, "m": {"d": february}, "t": {"d": Ordinals.between(0, 1)}}


def test_steps_are_numbered_in_order_and_nothing_fresh_has_one():
    world = World()
    world.run(MIXED)

    made = world.plan(edited(MIXED, "m"))

    assert [(step.number, step.task.node.keys[0], step.partition) for step in made.steps()] == [
        (0, "m", "2013-01"),
        (1, "m", "2013-02"),
        (2, "t", ""),
    ]
    assert {action.value: n for action, n in made.counts.items() if n} == {"run": 2, "depends": 1, "fresh": 59}


def test_a_code_change_runs_its_asset_and_downstream_depends_on_the_content():
    world = World()
    world.run(CHAIN)
    made = world.plan(edited(CHAIN, "a"))

    assert said(made) == {"a": "run", "b": "depends", "c": "depends"}
    assert why_planned(made, "a") == ["code"]
    assert why_planned(made, "b") == ["upstream a"]
    assert why_planned(made, "c") == ["upstream b"]


def test_equal_content_upstream_leaves_everything_below_fresh():
    world = World(makes=constant("a"))
    world.run(CHAIN)
    world.run(edited(CHAIN, "a"))

    # The plan cannot know it; execution finds the equal keys.
    assert (world.ran, world.reused) == (["a"], ["b", "c"])
    assert set(said(world.plan(edited(CHAIN, "a"))).values()) == {"fresh"}


def test_other_content_upstream_runs_what_is_below():
    world = World()
    world.run(CHAIN)
    world.run(edited(CHAIN, "a"))

    assert world.ran == ["a", "b", "c"]


def test_code_changed_and_changed_back_is_reused_and_downstream_is_known_to_be_fresh():
    world = World(makes=constant("a"))
    world.run(CHAIN)
    world.run(edited(CHAIN, "a"))
    made = world.plan(CHAIN)

    assert said(made) == {"a": "reuse", "b": "fresh", "c": "fresh"}
    assert why_planned(made, "a") == ["code"]


def test_code_never_run_before_certainly_runs_even_above_pending_content():
    world = World()
    world.run(CHAIN)

    assert said(world.plan(edited(edited(CHAIN, "a"), "b"))) == {"a": "run", "b": "run", "c": "depends"}


def test_a_missing_partition_below_pending_content_names_what_it_depends_on():
    world = World()
    world.run(CHAIN)
    del world.heads[id_of("b")]

    assert why_planned(world.plan(edited(CHAIN, "a")), "b") == ["missing", "upstream a"]


def test_data_that_changed_upstream_is_an_input_change():
    world = World()
    world.run(CHAIN)
    world.run(edited(CHAIN, "a"), "a")
    made = world.plan(edited(CHAIN, "a"))

    assert said(made) == {"a": "fresh", "b": "run", "c": "depends"}
    assert why_planned(made, "b") == ["input"]


def test_a_stale_upstream_that_is_not_selected_is_read_as_it_is():
    world = World()
    world.run(CHAIN)

    assert said(world.plan(edited(CHAIN, "a"), "b", "c")) == {"b": "fresh", "c": "fresh"}


# ── parameters ────────────────────────────────────────────────────────────────────────────────────────────

DEEP = changed(CHAIN, "b", parameters=(number("depth", 3.0), number("verbose", 0.0, in_key=False)))


def test_a_changed_default_runs_and_the_old_one_again_is_reused():
    world = World()
    world.run(DEEP)
    deeper = changed(DEEP, "b", fixed={"depth": 6.0})
    made = world.run(deeper)

    assert said(made) == {"a": "fresh", "b": "run", "c": "depends"}
    assert why_planned(made, "b") == ["parameters"]
    assert said(world.run(DEEP)) == {"a": "fresh", "b": "reuse", "c": "reuse"}


def test_a_value_for_one_run_makes_a_variant_that_leaves_the_head_fresh():
    world = World()
    world.run(DEEP)
    trial = {AssetKey("b"): {"depth": 6.0}}

    assert said(world.run(DEEP, "b", parameters=trial)) == {"b": "run"}
    assert said(world.plan(DEEP, "b", parameters=trial)) == {"b": "reuse"}
    assert said(world.plan(DEEP)) == {"a": "fresh", "b": "fresh", "c": "fresh"}


def test_a_sweep_has_a_step_for_each_trial_that_reaches_it():
    world = World()
    defined = changed(
        catalog("a", "b <- a", "c <- b a", "d <- c (b)", "e <- a"), "b", parameters=DEEP["b"].task.parameters
    )
    sweep = Sweep(axes=[[{AssetKey("b"): {"depth": depth}} for depth in (3.0, 6.0, 9.0)]])
    made = world.run(defined, parameters=sweep)

    trials = ["", " b.depth=6.0", " b.depth=9.0"]
    assert said(made) == {"a": "run", "e": "run"} | {key + trial: "run" for key in "bcd" for trial in trials}
    assert [step.number for step in made.steps()] == list(range(11))
    assert len(world.ran) == 11
    again = dict.fromkeys([key + trial for key in "bcd" for trial in trials[1:]], "reuse")
    assert said(world.plan(defined, parameters=sweep)) == dict.fromkeys("abcde", "fresh") | again
    assert said(world.plan(defined)) == dict.fromkeys("abcde", "fresh")


def test_what_lies_behind_an_asset_that_is_not_selected_is_not_reached_by_a_sweep():
    world = World()
    world.run(DEEP)
    sweep = Sweep(axes=[[{AssetKey("b"): {"depth": 6.0}}, {AssetKey("b"): {"depth": 9.0}}]])
    defined = catalog("a", "b <- a", "c <- b", "d <- c")
    defined = changed(defined, "b", parameters=DEEP["b"].task.parameters)
    world.run(defined)

    assert said(world.plan(defined, "b", "d", parameters=sweep)) == {
        "b b.depth=6.0": "run",
        "b b.depth=9.0": "run",
        "d": "fresh",
    }


def test_a_head_of_the_values_that_are_tried_makes_no_heads_below():
    world = World()
    world.run(DEEP)
    trial = {AssetKey("b"): {"depth": 6.0}}
    world.run(DEEP, "b", parameters=trial)
    world.heads[id_of("b")][""] = next(f for f in world.started if f.asset == id_of("b") and f.version == "run2.0")
    before = dict(world.heads[id_of("c")])
    made = world.run(DEEP, "b", "c", parameters=trial)

    assert said(made) == {"b": "fresh", "c": "run"}
    assert world.heads[id_of("c")] == before


def test_an_output_that_is_not_asked_for_is_read_as_it_is_in_every_trial():
    world = World()
    defined = changed(catalog("a", "x y <- a", "z <- y"), "x", parameters=DEEP["b"].task.parameters, subsettable=True)
    world.run(defined)
    sweep = Sweep(axes=[[{AssetKey("x"): {"depth": 6.0}}, {AssetKey("x"): {"depth": 9.0}}]])

    assert said(world.plan(defined, "x", "z", parameters=sweep)) == {
        "x x.depth=6.0": "run",
        "x x.depth=9.0": "run",
        "z": "fresh",
    }


def test_a_task_that_reads_its_own_past_has_one_of_each_trial():
    world = World()
    defined = changed(catalog("a[few]", "b[few] <- a b@-1"), "b", parameters=DEEP["b"].task.parameters)
    world.run(defined)
    sweep = Sweep(axes=[[{AssetKey("b"): {"depth": 6.0}}, {AssetKey("b"): {"depth": 9.0}}]])
    world.run(defined, parameters=sweep)

    made = {facts.version: (facts, started) for facts, started in world.started.items() if facts.asset == id_of("b")}
    assert len(made) == 12
    for _, started in made.values():
        if (before := started.inputs["b"].versions) != "":
            assert made[before][1].parameters == started.parameters


def test_a_parameter_outside_the_key_changes_nothing():
    world = World()
    world.run(DEEP)

    assert said(world.plan(DEEP, parameters={AssetKey("b"): {"verbose": 1.0}}))["b"] == "fresh"


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (TypeSpec(kind="path"), "in.csv"),
        (TypeSpec(kind="union", args=(TypeSpec(kind="path"), TypeSpec(kind="none"))), "in.csv"),
        (TypeSpec(kind="list", args=(TypeSpec(kind="path"),)), ["other.csv", "in.csv"]),
        (TypeSpec(kind="dict", args=(TypeSpec(kind="str"), TypeSpec(kind="path"))), {"file": "in.csv"}),
    ],
)
def test_a_path_counts_by_the_content_behind_it(type_, value):
    defined = changed(CHAIN, "a", parameters=(msgspec.structs.replace(number("file", value), type=type_),))
    moved = msgspec.json.decode(msgspec.json.encode(value).replace(b"in.csv", b"moved.csv"))
    world = World(contents={"in.csv": "file1:old"})
    world.run(defined)

    world.contents = {"moved.csv": "file1:old"}
    assert said(world.plan(changed(defined, "a", fixed={"file": moved})))["a"] == "fresh"
    world.contents = {"in.csv": "file1:new"}
    assert why_planned(world.plan(defined), "a") == ["parameters"]


def test_text_that_is_no_path_counts_as_text():
    defined = changed(
        CHAIN, "a", parameters=(msgspec.structs.replace(number("name", "in.csv"), type=TypeSpec(kind="str")),)
    )
    world = World()
    world.run(defined)
    world.contents = {"in.csv": "file1:new"}

    assert said(world.plan(defined))["a"] == "fresh"


# ── blocked ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_reads_something_missing_that_is_not_selected_is_blocked_with_all_below_it():
    made = World().plan(CHAIN, "b", "c")

    assert said(made) == {"b": "blocked", "c": "blocked"}
    assert why_planned(made, "b") == why_planned(made, "c") == ["upstream a"]
    assert list(made.steps()) == []


def test_what_is_blocked_names_every_root_however_far_above():
    world = World()
    defined = catalog("a", "b", "c", "d <- a b", "e <- d c", "f <- e")
    world.run(defined)
    defined = checked(edited(defined, "d"), "a")
    world.judge(defined, "a", passed=False)
    world.retract(defined, "b")
    del world.heads[id_of("c")]
    made = world.plan(defined, *"abdef")

    assert why_planned(made, "d") == ["refused a", "retracted b"]
    assert why_planned(made, "e") == why_planned(made, "f") == ["refused a", "retracted b", "upstream c"]


def test_of_partitions_each_names_its_own_root():
    world = World()
    defined = catalog("d[few]", "e[few] <- d", "f[few] <- e", "t <- f")
    world.run(defined)
    defined = checked(defined, "d")
    world.judge(defined, "d", passed=False, partition="2013-01-31")
    del world.heads[id_of("d")]["2013-02-01"]
    made = world.plan(defined, "e", "f", "t")
    (task,) = (task for task in made.tasks if "f" in task.node.keys)

    assert {str(group.ordinals): [r.written for r in group.reasons] for group in task.groups if group.reasons} == {
        "1": ["refused:d:is_right"],
        "2": ["upstream:d"],
    }
    assert why_planned(made, "t") == ["refused d", "upstream d"]


def test_of_partitions_behind_a_view_each_names_its_own_root():
    world = World()
    defined = catalog("a[few]", "v[few] <- a", "b[few] <- v")
    view = msgspec.structs.replace(defined["v"], origin=Origin.VIRTUAL)
    defined = Catalog.of(view if asset.key == "v" else asset for asset in defined.assets.values())
    world.run(defined, "a")
    retracted, missing, *others = sorted(world.heads[id_of("a")])
    world.retract(defined, "a", partition=retracted)
    del world.heads[id_of("a")][missing]
    (task,) = world.plan(defined, "b").tasks

    assert [(group.action, group.ordinals, group.reasons) for group in task.groups] == [
        (Action.BLOCKED, Ordinals.of([0]), (Reason(Cause.RETRACTED, "a"),)),
        (Action.BLOCKED, Ordinals.of([1]), (Reason(Cause.UPSTREAM, "a"),)),
        (Action.RUN, Ordinals.between(2, 2 + len(others)), (Reason(Cause.MISSING),)),
    ]


def test_missing_outweighs_pending_and_force():
    world = World()
    defined = catalog("a", "b", "c <- a b")
    made = world.plan(defined, "b", "c", force=True)

    assert said(made) == {"b": "run", "c": "blocked"}
    assert why_planned(made, "c") == ["upstream a"]


def test_an_input_that_another_location_dropped_is_missing():
    world = World()
    world.run(CHAIN)
    without = type(CHAIN).of([CHAIN["b"], CHAIN["c"]])

    assert said(world.plan(without)) == {"b": "blocked", "c": "blocked"}
    assert why_planned(world.plan(without), "b") == ["upstream a"]


def test_a_mapping_that_leads_nowhere_yet_blocks():
    # in the middle of a month its days cannot read it; those of the month before can
    defined = catalog("m", "d <- m")
    defined = changed(defined, "m", partitions=Monthly("2013-01"))
    days = changed(defined, "d", partitions=Daily("2013-01-30"))
    days = input_of(days, "d", mapping=catalog("m[months]", "d[days] <- m")["d"].task.inputs[0].mapping)
    world = World(now=NOW.replace(year=2013, month=2, day=3))

    assert said(world.plan(days)) == {
        "m": "run",
        "d": "run 2013-01-30..2013-01-31, blocked 2013-02-01..2013-02-02",
    }


def test_something_waited_for_neither_blocks_nor_enters_the_key():
    defined = catalog("a", "b <- (a)")
    world = World()

    assert said(world.run(defined, "b")) == {"b": "run"}
    world.run(defined, "a")
    assert said(world.plan(edited(defined, "a"))) == {"a": "run", "b": "fresh"}
    assert [step.task.node.keys[0] for step in World().plan(defined).steps()] == ["a", "b"]


# ── reuse: on, off, for a while ───────────────────────────────────────────────────────────────────────────


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


# ── partitions ────────────────────────────────────────────────────────────────────────────────────────────


def test_days_into_months_into_one():
    world = World()
    assert said(world.run(MIXED)) == {"d": "run", "m": "run", "t": "run"}
    assert len(world.ran) == 59 + 2 + 1

    world.heads[id_of("d")].pop("2013-02-14")
    made = world.plan(MIXED)
    assert said(made)["d"].startswith("reuse 2013-02-14")
    assert said(made)["m"] == "fresh"  # it is known what will be there


def test_one_stale_day_makes_its_month_depend_and_no_other():
    world = World()
    world.run(MIXED)
    world.reusable.clear()
    world.heads[id_of("d")].pop("2013-02-14")
    made = world.plan(MIXED)

    assert said(made) == {
        "d": "run 2013-02-14, fresh 2013-01-01..2013-02-13, 2013-02-15..2013-02-28",
        "m": "depends 2013-02, fresh 2013-01",
        "t": "depends",
    }


def test_some_partitions_are_asked_for_and_what_they_read_must_be_there():
    some = {
        AssetKey("d"): parse_partitions(SCHEMES["days"], "2013-01-01..2013-02-01", NOW),
        AssetKey("m"): parse_partitions(SCHEMES["months"], "*", NOW),
    }
    made = World().plan(MIXED, partitions=some)

    assert said(made) == {"d": "run", "m": "run 2013-01, blocked 2013-02", "t": "blocked"}
    assert len(made.tasks[0].ordinals(made.tasks[0].groups[0].action)) == 32


def test_asking_for_partitions_that_do_not_exist_asks_for_nothing():
    beyond = {AssetKey("d"): Ordinals.between(100, 200)}

    assert said(World().plan(MIXED, "d", partitions=beyond)) == {"d": ""}


def test_each_partition_reads_the_one_before():
    world = World()
    defined = catalog("d[abc] <- d@-1")
    assert said(world.run(defined)) == {"d": "run"}
    assert world.ran == ["d:a", "d:b", "d:c"]
    assert said(world.plan(defined)) == {"d": "fresh"}

    assert said(World().plan(defined, partitions={AssetKey("d"): Ordinals.between(1, 2)})) == {"d": "blocked"}


def test_steps_of_what_reads_its_own_past_never_overtake_each_other():
    world = World()
    defined = catalog("d[abc] <- d@-1")
    world.run(defined)
    del world.heads[id_of("d")]["b"]
    made = world.run(edited(defined, "d"))

    # the reasons alternate, the order does not
    reasons = [[reason.cause.value for reason in step.reasons] for step in made.steps()]
    assert reasons == [["code"], ["missing"], ["code"]]
    assert world.ran == ["d:a", "d:b", "d:c"]


def test_keys_of_another_scheme_are_not_its_partitions():
    world = World()
    world.run(catalog("d[abc]"))
    other = changed(catalog("d[abc]"), "d", partitions=Static(["b", "x"]))

    assert said(world.plan(other)) == {"d": "run x, fresh b"}
    assert said(world.plan(catalog("d"))) == {"d": "run"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Daily("2013-01-07", "2013-01-14"), Weekly("2013-01-07", "2013-01-14")),
        (Daily("2013-01-07", "2013-01-14"), Daily("2013-01-07", "2013-01-14", timezone="Asia/Tokyo")),
    ],
)
def test_a_key_that_names_another_window_is_computed_again_where_the_task_sees_the_window(one, other):
    asks = changed(catalog("d"), "d", partitions=one, receives=(("window", "window"),))
    blind = changed(catalog("d"), "d", partitions=one)
    for defined, expected in ((asks, ["parameters"]), (blind, [])):
        world = World()
        world.run(defined)
        assert why_planned(world.plan(changed(defined, "d", partitions=other)), "d") == expected


def test_more_partitions_leave_the_old_ones_fresh():
    asks = changed(catalog("d"), "d", partitions=Daily("2013-01-01", "2013-01-03"), receives=(("w", "window"),))
    world = World()
    world.run(asks)
    longer = changed(asks, "d", partitions=Daily("2012-12-31", "2013-01-04"))

    assert said(world.plan(longer)) == {"d": "run 2012-12-31, 2013-01-03, fresh 2013-01-01..2013-01-02"}


def test_a_new_upstream_partition_changes_what_all_of_them_read():
    world = World(now=NOW)
    defined = catalog("h", "t <- h")
    defined = changed(defined, "h", partitions=Hourly("2013-12-31T20"))
    defined = input_of(defined, "t", mapping=All())
    last = input_of(defined, "t", mapping=Last())
    world.run(defined)

    world.later(hours=1)
    assert said(world.plan(defined)) == {
        "h": "run 2014-01-01T00, fresh 2013-12-31T20..2013-12-31T23",
        "t": "depends",
    }
    assert said(world.plan(defined, "t")) == {"t": "blocked"}
    assert said(world.plan(last))["t"] == "depends"


def test_a_reader_that_sees_the_key_of_its_one_partition_notices_another():
    fixed = lambda key, lazy: input_of(catalog("p[abc]", "t <- p"), "t", mapping=FixedKeys(keys=(key,)), lazy=lazy)
    for lazy, expected in ((False, "fresh"), (True, "run")):
        world = World(makes=lambda asset, _partition, read: content(asset.key, *read.values()))
        world.run(fixed("a", lazy))
        assert said(world.plan(fixed("a", lazy)))["t"] == "fresh"
        assert said(world.plan(fixed("b", lazy)))["t"] == expected


def test_iterating_over_the_one_partition_of_the_same_key_is_fresh_afterwards():
    world = World()
    defined = input_of(catalog("p[abc]", "q[abc] <- p"), "q", lazy=True)
    world.run(defined)

    assert said(world.plan(defined)) == {"p": "fresh", "q": "fresh"}


def test_of_several_inputs_the_pending_ones_are_named():
    world = World()
    defined = catalog("a", "b", "c", "d <- a b c")
    world.run(defined)

    assert why_planned(world.plan(edited(edited(defined, "a"), "c")), "d") == ["upstream a", "upstream c"]


def test_what_is_read_twice_is_named_once():
    defined = catalog("a", "b <- a")
    (one,) = defined["b"].task.inputs
    defined = changed(defined, "b", inputs=(one, msgspec.structs.replace(one, name="again")))

    (step,) = World().plan(defined, "b").tasks[0].groups
    assert step.reasons == (Reason(Cause.UPSTREAM, "a"),)


def test_identity_that_begins_later_upstream_blocks_what_has_no_counterpart():
    defined = catalog("u", "d <- u")
    defined = changed(defined, "u", partitions=Daily("2013-01-03", "2013-01-05"))
    defined = changed(defined, "d", partitions=Daily("2013-01-01", "2013-01-05"))
    defined = input_of(defined, "d", mapping=Identity())

    assert said(World().plan(defined))["d"] == "run 2013-01-03..2013-01-04, blocked 2013-01-01..2013-01-02"


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


# ── what passes through ───────────────────────────────────────────────────────────────────────────────────


def test_the_plan_carries_the_state_and_durations_it_was_made_from():
    durations = {id_of("a"): Durations(p50_ms=1.0, p90_ms=2.0, samples=3)}
    made = World().plan(CHAIN, "a", durations=durations)

    assert made.state.durations == durations
    assert made.request.selected == {"a"}
    assert made.tasks[0].node.ids == (id_of("a"),)


def test_versions_from_the_future_of_a_clock_are_not_expired():
    hourly = changed(CHAIN, "a", reuse=Reuse.of(timedelta(hours=1)))
    world = World()
    world.run(hourly)

    world.later(days=-1)
    assert said(world.plan(hourly))["a"] == "fresh"


# ── sweeps ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("3", ["3"]),
        ("3,6,9", ["3", "6", "9"]),
        ("", [""]),
        ("a,", ["a", ""]),
        ("[1,2]", ["[1,2]"]),
        ("[1,2],[3]", ["[1,2]", "[3]"]),
        ('{"a":[1,2]},{}', ['{"a":[1,2]}', "{}"]),
        ('"a,b",c', ["a,b", "c"]),
        ('"say \\"hi\\""', ['say "hi"']),
        ("[a,b]", ["[a", "b]"]),
        ('"a"b,c', ['"a"b', "c"]),
        ("a[1,2]", ["a[1", "2]"]),
    ],
)
def test_commas_separate_values_but_not_inside_json(text, values):
    assert split_values(text) == values


def test_combinations_are_all_or_zipped():
    def axis(key, *values):
        return [{AssetKey(key): {"p": value}} for value in values]

    def tried(sweep):
        return [[by["p"] for by in given.values()] for given in sweep.combinations()]

    axes = [axis("a", 1, 2), axis("b", 3), axis("c", 4, 5)]
    every = Sweep(axes=axes)
    assert tried(every) == [[1, 3, 4], [1, 3, 5], [2, 3, 4], [2, 3, 5]]
    assert tried(Sweep(axes=axes, zipped=True)) == [[1, 3, 4], [2, 3, 5]]
    assert [len(every), len(Sweep(axes=axes, zipped=True)), len(Sweep())] == [4, 2, 1]
    assert list(Sweep().combinations()) == list(Sweep(zipped=True).combinations()) == [{}]
