"""Plans as stories: what was there, what changed, what is to be done."""

from datetime import timedelta

import msgspec

from builders import (
    CHAIN,
    MIXED,
    NOW,
    World,
    catalog,
    changed,
    checked,
    constant,
    edited,
    id_of,
    input_of,
    said,
    why_planned,
)
from latewood.decide.plan import fresh_again
from latewood.decide.reasons import Cause, Reason
from latewood.decide.state import Durations
from latewood.events import Action
from latewood.model.definitions import Catalog, Origin
from latewood.model.ordinals import Ordinals
from latewood.model.policies import Reuse
from latewood.model.scheme_kinds import Daily, Monthly

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
