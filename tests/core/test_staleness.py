"""What is stale, and for which direct reasons."""

from datetime import timedelta

import msgspec
import pytest

from builders import NOW, World, catalog, changed, content, edited, id_of, number, said
from latewood.decide.reasons import Cause, Reason
from latewood.decide.staleness import Assessed, Status, assess, waiting_for_absent
from latewood.decide.state import Carried, with_carried
from latewood.model.keys import AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe
from latewood.model.policies import Reuse
from latewood.model.relations import WindowOverlap
from latewood.model.scheme_kinds import Daily, Monthly
from latewood.model.schemes import DynamicKeys

CHAIN = catalog("a", "b <- a", "c <- b")
MIXED = catalog("d[days]", "m[months] <- d", "t <- m")


def seen(world, defined):
    """Status by asset, with partitions where they differ."""
    texts = {}
    for key, assessed in assess(defined, world.state(defined)).items():
        scheme = assessed.node.assets[0].partitions
        texts[key] = ", ".join(
            status.value if scheme is None or len(assessed.by_status) == 1 else f"{status.value} {describe(scheme, o)}"
            for status, o in assessed.by_status.items()
        )
    return texts


def reasons(world, defined, key, ordinal=0):
    """Direct reasons as text."""
    found = assess(defined, world.state(defined))[AssetKey(key)].reasons(ordinal)
    return [f"{reason.cause.value} {reason.subject}".rstrip() for reason in found]


def test_never_made_is_missing_and_once_made_fresh():
    world = World()
    assert seen(world, CHAIN) == {"a": "missing", "b": "missing", "c": "missing"}
    assert reasons(world, CHAIN, "a") == ["missing"]

    world.run(CHAIN)
    assert seen(world, CHAIN) == {"a": "fresh", "b": "fresh", "c": "fresh"}
    assert reasons(world, CHAIN, "c") == []


def test_a_code_change_makes_stale_what_it_is_and_all_that_is_below():
    world = World()
    world.run(CHAIN)
    defined = edited(CHAIN, "a")

    assert seen(world, defined) == {"a": "stale", "b": "stale", "c": "stale"}
    assert reasons(world, defined, "a") == ["code"]
    assert reasons(world, defined, "b") == ["upstream a"]
    assert reasons(world, defined, "c") == ["upstream b"]


def test_causes_add_up():
    world = World()
    world.run(CHAIN)
    world.run(edited(CHAIN, "a"), "a")

    assert reasons(world, edited(edited(CHAIN, "a", "3"), "b"), "b") == ["code", "input", "upstream a"]


def test_a_parameter_change_is_told_from_a_code_change():
    world = World()
    defined = changed(CHAIN, "b", parameters=(number("depth", 3.0),))
    world.run(defined)
    deeper = changed(defined, "b", fixed={"depth": 6.0})

    assert reasons(world, deeper, "b") == ["parameters"]
    assert reasons(world, edited(deeper, "b"), "b") == ["code"]


def test_equal_content_upstream_leaves_all_below_fresh():
    world = World(makes=lambda asset, _, read: content(asset.key, *read.values()))
    world.run(CHAIN)
    world.run(edited(CHAIN, "a"), "a")

    assert seen(world, edited(CHAIN, "a")) == {"a": "fresh", "b": "fresh", "c": "fresh"}


def test_other_content_upstream_is_an_input_change_one_level_down():
    world = World()
    world.run(CHAIN)
    world.run(edited(CHAIN, "a"), "a")
    defined = edited(CHAIN, "a")

    assert seen(world, defined) == {"a": "fresh", "b": "stale", "c": "stale"}
    assert reasons(world, defined, "b") == ["input"]


def test_a_head_outlives_the_upstream_it_was_made_from_but_is_not_fresh():
    world = World()
    world.run(CHAIN)
    del world.heads[id_of("a")]

    assert seen(world, CHAIN) == {"a": "missing", "b": "stale", "c": "stale"}
    assert reasons(world, CHAIN, "b") == ["upstream a"]


def test_missing_names_what_it_waits_for():
    world = World()
    world.run(CHAIN, "a")

    assert reasons(world, CHAIN, "b") == ["missing"]
    assert reasons(world, CHAIN, "c") == ["missing", "upstream b"]


def test_what_another_location_dropped_makes_its_readers_stale():
    world = World()
    world.run(CHAIN)
    without = type(CHAIN).of([CHAIN["b"], CHAIN["c"]])

    assert seen(world, without) == {"b": "stale", "c": "stale"}
    assert reasons(world, without, "b") == ["upstream a"]


def test_order_without_reading_is_no_cause():
    world = World()
    defined = catalog("a", "b <- (a)")
    world.run(defined)

    assert seen(world, edited(defined, "a")) == {"a": "stale", "b": "fresh"}


def test_the_same_upstream_read_twice_is_one_reason():
    defined = catalog("a", "b <- a")
    (one,) = defined["b"].task.inputs
    defined = changed(defined, "b", inputs=(one, msgspec.structs.replace(one, name="again")))
    world = World()
    world.run(defined)

    assert reasons(world, edited(defined, "a"), "b") == ["upstream a"]


# ── partitions ────────────────────────────────────────────────────────────────────────────────────────────


def test_one_stale_day_reaches_its_month_and_the_total():
    world = World()
    world.run(MIXED)
    heads = world.heads[id_of("d")]
    heads["2013-02-14"] = heads["2013-02-14"]._replace(code="older", logic="older")

    assert seen(world, MIXED) == {
        "d": "fresh 2013-01-01..2013-02-13, 2013-02-15..2013-02-28, stale 2013-02-14",
        "m": "fresh 2013-01, stale 2013-02",
        "t": "stale",
    }
    assert reasons(world, MIXED, "m", 1) == ["upstream d"]


def test_reasons_are_ranges():
    world = World()
    world.run(MIXED)
    for day in ("2013-01-02", "2013-01-03"):
        del world.heads[id_of("d")][day]
    assessed = assess(MIXED, world.state(MIXED))

    assert assessed[AssetKey("d")].by_reasons == {(Reason(Cause.MISSING),): Ordinals.between(1, 3)}
    assert assessed[AssetKey("m")].by_reasons == {(Reason(Cause.UPSTREAM, "d"),): Ordinals.between(0, 1)}


def test_a_month_that_days_read_before_it_is_over():
    defined = catalog("m[months]", "d[days] <- m")
    (input_,) = defined["d"].task.inputs
    assert isinstance(input_.mapping, WindowOverlap)
    defined = changed(defined, "m", partitions=Monthly("2013-01"))
    defined = changed(defined, "d", partitions=Daily("2013-01-31"))
    world = World(now=NOW.replace(year=2013, month=2, day=3))
    world.run(defined)

    assert seen(world, defined) == {"m": "fresh", "d": "fresh 2013-01-31, missing 2013-02-01..2013-02-02"}
    assert reasons(world, defined, "d", 1) == ["missing", "upstream m"]


def test_staleness_runs_along_ones_own_past():
    defined = catalog("d[abc] <- d@-1")
    world = World()
    world.run(defined)
    heads = world.heads[id_of("d")]
    heads["a"] = heads["a"]._replace(code="older", logic="older")

    assert seen(world, defined) == {"d": "stale"}
    assert reasons(world, defined, "d", 2) == ["upstream d"]


def test_outputs_that_read_the_past_of_another_are_stale_with_it():
    defined = catalog("u[abc]", "x y[abc] <- u y@-1")
    world = World()
    world.run(defined)
    heads = world.heads[id_of("u")]
    heads["a"] = heads["a"]._replace(data_version=content("corrected"))

    assert seen(world, defined) == {"u": "fresh", "x": "stale", "y": "stale"}
    assert reasons(world, defined, "x", 1) == ["upstream y"]


def test_a_new_upstream_partition_makes_its_readers_stale():
    world = World()
    world.run(MIXED)
    defined = changed(MIXED, "d", partitions=Daily("2013-01-01", "2013-03-02"))

    assert seen(world, defined)["d"] == "fresh 2013-01-01..2013-02-28, missing 2013-03-01"
    assert seen(world, defined)["m"] == "fresh"


def test_an_asset_without_partitions_yet_is_fresh():
    defined = changed(catalog("d"), "d", partitions=Daily("2099-01-01"))

    (assessed,) = assess(defined, World().state(defined)).values()
    assert (assessed.status, assessed.by_status) == (Status.FRESH, {})


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        ((Status.FRESH,), Status.FRESH),
        ((Status.FRESH, Status.STALE), Status.STALE),
        ((Status.STALE, Status.MISSING, Status.FRESH), Status.MISSING),
        ((), Status.FRESH),
    ],
)
def test_the_asset_as_a_whole_is_as_its_worst_partition(statuses, whole):
    (some,) = assess(catalog("a"), World().state(catalog("a"))).values()
    by_status = {status: Ordinals.between(n, n + 1) for n, status in enumerate(statuses)}

    assert Assessed(node=some.node, by_status=by_status, by_reasons={}).status is whole


# ── time, loss, several outputs ───────────────────────────────────────────────────────────────────────────


def test_a_reuse_window_ends_by_itself():
    hourly = changed(CHAIN, "a", reuse=Reuse.of(timedelta(hours=1)))
    world = World()
    world.run(hourly)
    assert seen(world, hourly)["a"] == "fresh"

    world.later(hours=2)
    assert reasons(world, hourly, "a") == ["reuse window ended"]
    assert seen(world, hourly) == {"a": "stale", "b": "stale", "c": "stale"}


def test_with_reuse_off_age_and_repetition_say_nothing():
    off = changed(CHAIN, "a", reuse=Reuse.of(False))
    world = World()
    world.run(off)
    world.later(days=365)

    assert seen(world, off) == {"a": "fresh", "b": "fresh", "c": "fresh"}
    assert said(world.plan(off))["a"] == "run"


def test_a_lost_artifact_is_stale_and_so_is_what_would_read_it():
    world = World()
    world.run(CHAIN)
    world.lost = {world.heads[id_of("a")][""].artifact}

    assert reasons(world, CHAIN, "a") == ["artifact lost"]
    assert reasons(world, CHAIN, "b") == ["upstream a"]


def test_outputs_of_one_task_are_judged_each_for_itself():
    defined = catalog("src", "x y <- src", "z <- y", "w <- x")
    world = World()
    world.run(defined)
    del world.heads[id_of("y")]

    assert seen(world, defined) == {"src": "fresh", "x": "fresh", "y": "missing", "z": "stale", "w": "fresh"}


def test_an_optional_output_that_was_not_made_is_as_it_should_be_until_something_changes():
    defined = catalog("src", "x y? <- src", "z <- y")
    world = World(makes=lambda asset, *_: None if asset.key == "y" else content(asset.key))
    world.run(defined)
    assert seen(world, defined) == {"src": "fresh", "x": "fresh", "y": "fresh", "z": "missing"}
    assert (reasons(world, defined, "y"), reasons(world, defined, "z")) == (["absent y"], ["missing", "upstream y"])
    # Once it may be made again that is no longer known, or known to be out of date.
    assert seen(world, edited(defined, "x"))["y"] == "missing"
    assert seen(world, edited(defined, "src"))["y"] == "stale"
    (assessed,) = (a for key, a in assess(defined, world.state(defined)).items() if key == "y")
    assert (assessed.absent, assessed.made_beside(AssetKey("y"), 0, world.state(defined))) == (
        Ordinals.between(0, 1),
        world.heads[id_of("x")][""],
    )


def test_what_is_below_an_absent_output_waits_for_it_partition_by_partition():
    defined = catalog("x y?[abc]", "z[abc] <- y", "t <- z", "other[abc] <- x")
    world = World(makes=lambda asset, p, _: None if (asset.key, p) == ("y", "b") else content(asset.key, p))
    world.run(defined)
    state = world.state(defined)
    assert waiting_for_absent(defined, assess(defined, state), state) == {"z", "t"}
    assert seen(world, defined) == {
        "x": "fresh",
        "y": "fresh",
        "z": "fresh a, c, missing b",
        "t": "missing",
        "other": "fresh",
    }
    world.makes = None
    world.run(edited(defined, "x"))
    state = world.state(edited(defined, "x"))
    assert waiting_for_absent(defined, assess(edited(defined, "x"), state), state) == frozenset()


def test_in_a_grid_what_reads_a_stale_place_is_stale_and_no_other():
    world, defined = World(), catalog("d[few]", "g[square] <- d", "m[months] <- g", "t[abc] <- t2", "t2[abc]")
    world.run(defined)
    assert set(seen(world, defined).values()) == {"fresh"}
    world.makes = lambda asset, partition, read: content("other", asset.key, partition, *read.values())
    world.run(defined, "d", partitions={AssetKey("d"): Ordinals.of([0])}, force=True)
    found = seen(world, defined)
    assert found["g"] == "stale day=2013-01-30, kind=a..b, fresh day=2013-01-31..2013-02-02, kind=a..b"
    assert found["m"] == "stale 2013-01, fresh 2013-02"


def test_a_key_that_was_removed_is_neither_made_nor_missing():
    world, defined = World(), catalog("k[keys]", "t <- k")
    world.run(defined)
    assert world.ran == ["k:k0", "k:k2", "t"]
    assert seen(world, defined) == {"k": "fresh", "t": "fresh"}
    back = changed(defined, "k", partitions=DynamicKeys(name="keys", keys=("k0", "k1", "k2", "k3")))
    assert seen(world, back) == {"k": "fresh k0, k2, missing k1, k3", "t": "stale"}


def test_what_is_carried_over_is_fresh_while_nothing_else_has_changed():
    world, defined = World(), catalog("a[abc]", "b[abc] <- a")
    world.run(defined)
    heads = {id_: {**found} for id_, found in world.heads.items()}
    for found in world.heads.values():
        del found["b"]
    assert seen(world, defined) == {"a": "fresh a, c, missing b", "b": "fresh a, c, missing b"}
    for found, old in zip(world.heads.values(), heads.values(), strict=True):
        found["was"] = old["b"]._replace(partition="was")
    said_so = [Carried(id_of(key), "was", "b", 1, "ana") for key in ("a", "b")]
    world.heads = with_carried(world.heads, said_so)
    assert seen(world, defined) == {"a": "fresh", "b": "fresh"}
    assert seen(world, edited(defined, "a"))["b"] == "stale"
    # What has a head of its own keeps it; where the old one comes from may be carried over itself.
    own = with_carried(world.heads, [Carried(id_of("a"), "a", "c", 2, "ana"), Carried(id_of("a"), "b", "d", 3, "ana")])
    assert (own[id_of("a")]["c"], own[id_of("a")]["d"].partition) == (world.heads[id_of("a")]["c"], "was")
