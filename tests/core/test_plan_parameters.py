"""Plans with values of parameters: variants, sweeps, and what lies behind paths."""

import msgspec
import pytest

from builders import CHAIN, World, catalog, changed, id_of, number, said, why_planned
from latewood.decide.sweep import Sweep, split_values
from latewood.model.keys import AssetKey
from latewood.model.types import TypeSpec

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
