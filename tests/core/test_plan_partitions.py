"""Plans of partitions: which of them what is stale upstream bears on."""

import msgspec
import pytest

from builders import MIXED, NOW, SCHEMES, World, catalog, changed, content, edited, id_of, input_of, said, why_planned
from latewood.decide.reasons import Cause, Reason
from latewood.model.keys import AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import parse_partitions
from latewood.model.relations import All, FixedKeys, Identity, Last
from latewood.model.scheme_kinds import Daily, Hourly, Static, Weekly


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
