"""Explanations: root causes, each once, with what changed and by which way it reaches what was asked about."""

from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest

from builders import NOW, World, catalog, changed, checked, code, configured, content, edited, id_of, number
from latewood.decide.keys import configuration_digest
from latewood.decide.moves import By, Moved
from latewood.decide.near_miss import nearest
from latewood.decide.reasons import Cause
from latewood.decide.staleness import Status, assess
from latewood.decide.versions import expand
from latewood.decide.why import explain
from latewood.events import CheckEvaluated, Failure, FailureKind, StepFailed
from latewood.model.code import CodeChange
from latewood.model.keys import AssetKey
from latewood.model.policies import Reuse
from latewood.model.relations import All
from latewood.model.scheme_kinds import Daily
from latewood.model.types import TypeSpec

CHAIN = catalog("a", "b <- a", "c <- b")
MIXED = catalog("d[days]", "m[months] <- d", "t <- m")


class Past:
    """The past of a world; definitions came into force at position 1,000."""

    def __init__(self, world, *, forgets=False, pins=None, configured=2_000):
        self._world = world
        self._pins = pins or {}
        self._configured = configured
        self._forgets = forgets

    def foresee(self, _heads, slots):
        """Is nothing to do: all is there. Since when heads are is asked of these alone."""
        self.foreseen = slots

    def foresee_events(self, _positions):
        """The same."""

    def definition_of(self, facts):
        return None if self._forgets else self._world.definitions[facts]

    def started(self, facts):
        return None if self._forgets else self._world.started[facts]

    def contents(self, facts, _key, paths):
        return {path: content for path, content in self._world.seen[facts].items() if path in paths}

    def contents_read(self, read):
        known = {(facts.asset, facts.version): facts for facts in self._world.started}
        return {
            facts.partition: facts.data_version
            for facts in (known[read.asset, version] for version in expand(read.versions))
        }

    def head_since(self, asset, partitions):
        assert set(partitions) <= self.foreseen[asset], "each would be a look of its own"
        return {of: at for of, at in self._world.since.get(asset, {}).items() if of in partitions}

    def moved(self, _asset, position):
        return Moved(by=By.ROLLBACK, position=position, at=NOW, actor="tester")

    def before(self, _asset, _partition, _position):
        return None

    def failure(self, position):
        return refusal(position) if position < RAISED else raised(position)

    def pinned(self, key, parameter):
        return self._pins.get((key, parameter))

    def configuration(self, digest):
        """Any that a world of these tests may have."""
        return {configuration_digest("Store", values, {}): values for values in STORES}.get(digest)

    def configured(self, _key, _resource):
        return self._configured

    def deployed(self, _key):
        return 1_000


STORES = ({"url": "a"}, {"url": "b"}, {"url": "a", "wait": 1}, {"url": "a", "wait": 2}, {"path": "p"})


def refusal(position):
    """A verdict that says where it stands."""
    return CheckEvaluated(
        run="r", step=0, asset="a", version="r.0", check="positive", check_key="k",
        passed=False, blocking=True, severity="error", message=f"at {position}",
    )  # fmt: skip


RAISED = 500
"""From this position on what failed is that something was raised."""


def raised(position):
    """An attempt that says where it stands."""
    failure = Failure(kind=FailureKind.USER, error="ValueError", message=f"at {position}")
    return StepFailed(run="r", step=0, attempt=1, failure=failure, duration_ms=1.0)


def why(world, defined, key, ordinal=0, *, forgets=False, failed=None):
    state = world.state(defined)
    past = Past(world, forgets=forgets)
    return explain(defined, assess(defined, state), state, past, key=AssetKey(key), ordinal=ordinal, failed=failed)


def told(explanation):
    """Findings in short: `code a via b c`."""
    return [
        f"{f.cause.value} {f.asset} {f.partitions}".rstrip() + (f" via {' '.join(f.through)}" if f.through else "")
        for f in explanation.findings
    ]


def test_what_is_fresh_has_a_head_and_no_findings():
    world = World()
    world.run(CHAIN)
    found = why(world, CHAIN, "c")

    assert (found.status, found.findings, found.since) == (Status.FRESH, (), None)
    assert found.head == world.heads[id_of("c")][""]
    assert found.started.inputs["b"].asset == id_of("b")
    assert found.position == 3


def test_what_was_never_made_is_missing_and_says_what_else_is():
    found = why(World(), CHAIN, "c")

    assert (found.status, found.head, found.started, found.since) == (Status.MISSING, None, None, None)
    assert told(found) == ["missing a via b c", "missing b via c", "missing c"]


def test_the_changed_function_is_named_once_and_upstream_first():
    world = World()
    world.run(edited(CHAIN, "a", clean="1", load="1"))
    found = why(world, edited(CHAIN, "a", "3", clean="2", load="1"), "c")

    assert told(found) == ["code a via b c"]
    assert found.findings[0].code == (CodeChange(subject="part", name="assets.py:clean", before="1", after="2"),)
    assert (found.findings[0].event, found.since) == (1_000, 1_000)


def test_what_moved_a_head_before_what_reads_it_was_made_is_no_cause():
    world = World()
    for of_b in ("1", "2"):
        world.run(edited(edited(CHAIN, "a", load="1"), "b", of_b, own=of_b))
    read, made = (world.heads[id_of(key)][""] for key in "ab")
    assert read.position + 1 < made.position
    changed_code = edited(edited(CHAIN, "a", "3", load="2"), "b", "2", own="2")
    world.since[id_of("a")] = {"": read.position + 1}
    assert [f.moved for f in why(world, changed_code, "b").findings] == [None]
    world.since[id_of("a")] = {"": made.position + 1}
    assert [f.moved.position for f in why(world, changed_code, "b").findings] == [made.position + 1]


def test_what_is_read_and_was_dropped_by_its_location_is_told_as_not_defined():
    world = World()
    world.run(CHAIN)
    (found,) = why(world, catalog("b <- a", "c <- b"), "c").findings
    assert (found.cause, found.asset, found.through) == (Cause.MISSING, "a", ("b", "c"))
    assert found.undefined_in == "prod"


def stores(before, after, *, unkeyed=(), configured_at=2_000, code=False):
    """What is found where `b` was made with one store, and is judged with another."""
    world = World()
    world.run(configured(CHAIN, "b", before, unkeyed=unkeyed) if before != {} else CHAIN)
    now = configured(edited(CHAIN, "b") if code else CHAIN, "b", after, unkeyed=unkeyed) if after != {} else CHAIN
    state = world.state(now)
    past = Past(world, configured=configured_at)
    found = explain(now, assess(now, state), state, past, key=AssetKey("b"), ordinal=0).findings
    return [(f.cause.value, f.subject, f.before, f.after, f.event) for f in found]


def test_a_resource_that_is_configured_otherwise_is_told_field_by_field():
    assert stores({"url": "a"}, {"url": "b"}) == [("configuration", "Store.url", "a", "b", 2_000)]
    assert stores({"url": "a"}, {"path": "p"}) == [
        ("configuration", "Store.path", "", "p", 2_000),
        ("configuration", "Store.url", "a", "", 2_000),
    ]
    assert stores({"url": "a", "wait": 1}, {"url": "a", "wait": 2}, unkeyed=("wait",)) == []
    assert stores({"url": "a"}, {"url": "b"}, configured_at=1) == [("configuration", "Store.url", "a", "b", None)]


def test_a_resource_that_was_not_or_is_not_configured_is_told_as_such():
    assert stores({"url": "a"}, None, configured_at=None) == [("configuration", "Store", "configured", "", None)]
    assert stores({}, {"url": "a"}) == [("configuration", "Store", "", "configured", 2_000)]
    assert stores({"url": "a"}, {}) == [("configuration", "", "", "", None)]


def test_beside_a_change_of_code_a_resource_is_told_where_there_was_one_before():
    assert [cause for cause, *_ in stores({"url": "a"}, {"url": "b"}, code=True)] == ["code", "configuration"]
    assert [cause for cause, *_ in stores({}, {"url": "b"}, code=True)] == ["code"]


def test_a_cause_that_comes_two_ways_is_told_once():
    diamond = catalog("a", "b <- a", "c <- a", "d <- b c")
    world = World()
    world.run(diamond)

    assert told(why(world, edited(diamond, "a"), "d")) == ["code a via c d"]


def test_several_causes_are_told_upstream_first():
    world = World()
    world.run(CHAIN)
    world.run(edited(CHAIN, "a"), "a")
    defined = edited(edited(CHAIN, "a"), "c")

    assert told(why(world, defined, "c")) == ["input b via c", "code c"]


def test_each_changed_parameter_is_named_with_its_values():
    world = World()
    defined = changed(
        CHAIN, "b", parameters=(number("depth", 3.0), number("eta", 0.1), number("verbose", 0.0, in_key=False))
    )
    world.run(defined)
    deeper = changed(defined, "b", fixed={"depth": 6.0, "eta": 0.3, "verbose": 1.0})
    found = why(world, deeper, "c").findings

    assert [(f.cause.value, f.subject, f.before, f.after, f.event) for f in found] == [
        ("parameters", "depth", "3.0", "6.0", 1_000),
        ("parameters", "eta", "0.1", "0.3", 1_000),
    ]


def changes(found):
    """The changed parameters: name, path, before and after."""
    assert {finding.cause for finding in found.findings} == {Cause.PARAMETERS}
    return [(f.subject, f.path, f.before, f.after) for f in found.findings]


def test_a_file_that_changed_behind_its_path_is_named_also_beside_other_parameters():
    file = msgspec.structs.replace(number("file", "in.csv"), type=TypeSpec(kind="path"))
    defined = changed(CHAIN, "a", parameters=(file, number("depth", 3.0)))
    world = World(contents={"in.csv": "file1:old", "moved.csv": "file1:old", "other.csv": "file1:other"})
    world.run(defined)

    world.contents["in.csv"] = "file1:new"
    assert changes(why(world, defined, "a")) == [("file", "in.csv", "file1:old", "file1:new")]
    deeper = changed(defined, "a", fixed={"depth": 6.0})
    assert changes(why(world, deeper, "a")) == [
        ("file", "in.csv", "file1:old", "file1:new"),
        ("depth", "", "3.0", "6.0"),
    ]
    del world.contents["in.csv"]
    assert changes(why(world, defined, "a")) == [("file", "in.csv", "file1:old", "")]
    elsewhere = changed(defined, "a", fixed={"file": "other.csv"})
    assert changes(why(world, elsewhere, "a")) == [("file", "", "in.csv", "other.csv")]
    # An equal file at another path is no change.
    moved = changed(defined, "a", fixed={"file": "moved.csv", "depth": 6.0})
    assert changes(why(world, moved, "a")) == [("depth", "", "3.0", "6.0")]


def test_parameters_of_which_nothing_is_known_have_changed_all_the_same():
    defined = changed(CHAIN, "a", parameters=(number("depth", 3.0),))
    world = World()
    world.run(defined)
    deeper = changed(defined, "a", fixed={"depth": 6.0})
    assert changes(why(world, deeper, "a", forgets=True)) == [("", "", "", "")]


def test_another_task_under_an_equal_given_version_is_a_code_change():
    world = World()
    world.run(changed(CHAIN, "a", code=code("1", given=True)))
    (found,) = why(world, changed(CHAIN, "a", code=code("1", given=True), name="assets:other"), "a").findings

    assert found.cause is Cause.CODE
    assert [(change.before, change.after) for change in found.code] == [("assets:a", "assets:other")]


def test_an_input_that_changed_is_named_with_its_data_then_and_now():
    world = World()
    both = catalog("a", "b", "c <- a b")
    world.run(both)
    old = world.heads[id_of("b")][""]
    world.run(edited(both, "b"), "b")
    new = world.heads[id_of("b")][""]
    (found,) = why(world, edited(both, "b"), "c").findings

    assert (found.cause, found.asset, found.subject) == (Cause.INPUT, "c", "b")
    assert (found.before, found.after, found.event) == (old.data_version, new.data_version, new.position)


def test_an_input_that_went_back_to_an_older_version_is_named_too():
    world = World()
    world.run(CHAIN, "a")
    old = world.heads[id_of("a")][""]
    world.run(edited(CHAIN, "a"))
    world.run(CHAIN, "a")  # reused: the head moves back
    (found,) = why(world, CHAIN, "b").findings

    assert (found.subject, found.after, found.event) == ("a", old.data_version, world.position)
    assert found.moved.position == world.position


def test_every_input_that_changed_is_named():
    world = World()
    both = catalog("a", "b", "c <- a b")
    world.run(both)
    world.run(edited(edited(both, "a"), "b"), "a", "b")

    assert [f.subject for f in why(world, edited(edited(both, "a"), "b"), "c").findings] == ["a", "b"]


def test_a_partition_that_came_or_went_is_a_changed_input():
    defined = catalog("p[abc]", "t <- p")
    world = World()
    world.run(defined)
    shorter = changed(defined, "p", partitions=catalog("p[abc]")["p"].partitions.__class__(keys=("a", "b")))
    (found,) = why(world, shorter, "t").findings

    assert (found.cause, found.subject, found.event) == (Cause.INPUT, "p", None)
    assert found.before != found.after


def test_it_is_asked_since_when_heads_are_there_of_what_bears_on_it_alone():
    world = World()
    defined = catalog("p[abc]", "q[abc] <- p", "t <- q")
    world.run(defined)
    head = world.heads[id_of("p")]["b"]
    world.position = 50
    world.point(head._replace(version="new.0", position=50, data_version=content("other")))
    state, past = world.state(defined), Past(world)
    explain(defined, assess(defined, state), state, past, key=AssetKey("q"), ordinal=1)
    assert past.foreseen == {id_of("q"): {"b"}, id_of("p"): {"b"}}
    explain(defined, assess(defined, state), state, past, key=AssetKey("q"), ordinal=0)
    assert past.foreseen == {id_of("q"): {"a"}}


def test_of_many_partitions_the_event_is_that_of_the_last_one_whose_content_changed():
    world = World()
    defined = catalog("p[abc]", "t <- p")
    world.run(defined)
    heads = world.heads[id_of("p")]
    for position, partition, data in ((20, "a", content("other")), (30, "b", heads["b"].data_version)):
        world.position = position
        world.point(heads[partition]._replace(version=f"new.{position}", position=position, data_version=data))
    (found,) = why(world, defined, "t").findings

    assert (found.cause, found.event, found.moved) == (Cause.INPUT, 20, None)


def back(world, facts, position):
    """Somebody points the environment to an earlier version."""
    world.position = position
    world.point(facts)


def test_nothing_is_stale_since_before_its_head_became_head():
    world = World()
    world.run(CHAIN)
    first = {key: world.heads[id_of(key)][""] for key in "abc"}
    world.run(edited(CHAIN, "a"))
    back(world, first["a"], 2_000)
    found = why(world, edited(CHAIN, "a"), "a")
    assert (found.findings[0].event, found.findings[0].since, found.since) == (1_000, 2_000, 2_000)
    assert (found.head_since, found.moved.position, found.findings[0].moved) == (2_000, 2_000, found.moved)

    # What reads it was fresh until then, and has the heads that were made for the other one.
    found = why(world, edited(CHAIN, "a"), "c")
    assert [(f.cause, f.asset, f.since) for f in found.findings] == [
        (Cause.CODE, "a", 2_000),
        (Cause.INPUT, "b", 2_000),
    ]
    assert (found.since, found.moved, found.findings[1].moved.position) == (2_000, None, 2_000)

    back(world, first["c"], 3_000)
    assert why(world, edited(CHAIN, "a"), "c").since == 3_000


def test_what_is_fresh_again_by_a_rollback_names_it_and_is_stale_since_nothing():
    world = World()
    world.run(CHAIN)
    first = world.heads[id_of("a")][""]
    world.run(edited(CHAIN, "a"), "a")
    back(world, first, 2_000)
    found = why(world, CHAIN, "a")
    assert (found.status, found.since, found.moved.by) == (Status.FRESH, None, By.ROLLBACK)


def test_a_failure_says_nothing_of_since_when_it_is_so():
    world = World()
    assert why(world, CHAIN, "a", failed={(id_of("a"), ""): 7}).since is None
    world.run(CHAIN)
    found = why(world, CHAIN, "a", failed={(id_of("a"), ""): 7})
    assert (found.status, told(found), found.since) == (Status.FRESH, ["failed a"], None)


def test_without_the_past_newer_versions_tell_what_changed():
    world = World()
    both = catalog("a", "b", "c <- a b")
    world.run(both)
    world.run(edited(both, "b"), "b")
    (found,) = why(world, edited(both, "b"), "c", forgets=True).findings

    assert (found.subject, found.before, found.event) == ("b", "", 4)
    (found,) = why(world, edited(edited(both, "b"), "a"), "a", forgets=True).findings
    assert (found.cause, found.code) == (Cause.CODE, ())


def test_only_the_partitions_that_matter_are_told_as_ranges():
    world = World()
    world.run(MIXED)
    defined = edited(MIXED, "d")

    assert told(why(world, defined, "m", 1)) == ["code d 2013-02-01..2013-02-28 via m"]
    assert told(why(world, defined, "t")) == ["code d 2013-01-01..2013-02-28 via m t"]


def test_partitions_with_other_causes_beside_it_share_one_finding():
    world = World()
    defined = catalog("d[abc] <- d@-1")
    world.run(defined)

    # "a" is stale by its code alone, "b" and "c" by what they read as well
    assert told(why(world, edited(defined, "d"), "d", 2)) == ["code d a..c"]
    assert told(why(world, edited(defined, "d"), "d", 0)) == ["code d a"]


def test_long_chains_of_assets_and_of_partitions_are_no_trouble():
    keys = [f"k{n}" for n in range(1_500)]
    long = catalog(keys[0], *(f"{key} <- {above}" for above, key in pairwise(keys)))
    world = World()
    world.run(long)
    assert told(why(world, edited(long, "k0"), "k1499"))[0].startswith("code k0 via k1 k2")

    past = changed(catalog("d[abc] <- d@-1"), "d", partitions=Daily("2013-01-01", "2017-01-01"))
    world = World()
    world.run(past)
    assert told(why(world, edited(past, "d"), "d", 1_460)) == ["code d 2013-01-01..2016-12-31"]


def test_an_upstream_that_was_dropped_or_does_not_exist_yet_is_missing():
    world = World()
    world.run(CHAIN)
    without = type(CHAIN).of([CHAIN["b"], CHAIN["c"]])
    assert told(why(world, without, "c")) == ["missing a via b c"]
    assert told(why(world, edited(without, "b"), "c")) == ["missing a via b c", "code b via c"]

    defined = catalog("p", "t <- p")
    (input_,) = defined["t"].task.inputs
    defined = changed(defined, "t", inputs=(msgspec.structs.replace(input_, mapping=All()),))
    defined = changed(defined, "p", partitions=Daily("2099-01-01"))
    assert told(why(World(), defined, "t")) == ["missing p via t", "missing t"]


def test_a_partition_yet_to_come_is_missing():
    defined = changed(catalog("d"), "d", partitions=Daily("2013-01-01"))
    world = World()
    world.run(defined)

    assert why(world, defined, "d", 1_000).status is Status.MISSING


def test_a_reuse_window_that_ended_is_a_cause():
    hourly = changed(CHAIN, "a", reuse=Reuse.of(timedelta(hours=1)))
    world = World()
    world.run(hourly)
    world.later(hours=2)

    assert told(why(world, hourly, "c")) == ["reuse window ended a via b c"]


def test_failures_since_stand_beside_the_causes():
    world = World()
    world.run(MIXED)
    failed = {
        (id_of("d"), "2013-01-31"): 70,
        (id_of("d"), "2013-02-02"): 71,
        (id_of("d"), "2013-02-01"): 72,
        (id_of("m"), "2013-02"): 90,
    }
    found = why(world, edited(MIXED, "d"), "m", 1, failed=failed)

    assert told(found) == [
        "code d 2013-02-01..2013-02-28 via m",
        "failed d 2013-02-01..2013-02-02 via m",
        "failed m 2013-02",
    ]
    assert [f.event for f in found.findings] == [1_000, 72, 90]
    assert [f.failure for f in found.findings] == [None, refusal(72), refusal(90)]
    assert found.failed == 90


def test_each_partition_is_told_with_how_it_failed_itself():
    world = World()
    failed = {(id_of("d"), f"2013-01-{day:02}"): 70 + day if day % 2 else RAISED + day for day in range(1, 5)}
    found = why(world, MIXED, "m", failed=failed)

    assert told(found)[-3:-1] == ["failed d 2013-01-02, 2013-01-04 via m", "failed d 2013-01-01, 2013-01-03 via m"]
    assert [f.failure for f in found.findings[-3:-1]] == [raised(RAISED + 4), refusal(73)]


def test_of_very_many_that_failed_the_newest_are_told_how_and_the_others_that():
    world = World()
    failed = {(id_of("d"), f"2013-01-{day:02}"): day for day in range(1, 26)}
    found = why(world, MIXED, "m", failed=failed)

    assert told(found)[-3:-1] == ["failed d 2013-01-06..2013-01-25 via m", "failed d 2013-01-01..2013-01-05 via m"]
    assert [(f.event, f.failure) for f in found.findings[-3:-1]] == [(25, refusal(25)), (5, None)]


def test_a_head_that_a_check_refuses_is_a_cause_by_the_checks_name():
    world = World()
    world.run(CHAIN)
    defined = checked(CHAIN, "a")
    world.judge(defined, "a", passed=False)
    found = why(world, defined, "c")

    assert told(found) == ["refused a via b c"]
    assert (found.findings[0].subject, found.findings[0].event) == ("is_right", world.position)
    assert [why(world, defined, key).status for key in "abc"] == [Status.STALE] * 3


def test_an_optional_output_that_is_absent_is_a_cause_and_what_was_made_beside_it_is_fresh():
    world = World(makes=lambda asset, *_: None if asset.key == "y" else content(asset.key))
    defined = catalog("x y?", "z <- y")
    world.run(defined)

    assert why(world, defined, "x").status is Status.FRESH
    absent = why(world, defined, "y")
    assert (absent.status, told(absent), absent.since) == (Status.FRESH, ["absent y"], None)
    assert absent.beside == world.heads[id_of("x")][""]
    assert told(why(world, defined, "z")) == ["absent y via z", "missing z"]


def test_an_optional_output_that_went_away_leaves_a_head_that_is_stale_for_that_alone():
    defined = catalog("x y?", "z <- y")
    world = World()
    world.run(defined)
    world.makes = lambda asset, *_: None if asset.key == "y" else content(asset.key)
    world.run(edited(defined, "x"))

    assert (why(world, edited(defined, "x"), "y").status, told(why(world, edited(defined, "x"), "z"))) == (
        Status.STALE,
        ["absent y via z"],
    )
    assert told(why(world, edited(defined, "x", "3"), "z")) == ["code y via z"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"code": "c1", "logic": "l1", "inputs": "i1"}, ("r.1", ())),
        ({"code": "c1", "logic": "l9", "inputs": "i1"}, ("r.1", (Cause.PARAMETERS,))),
        ({"code": "c9", "logic": "l9", "inputs": "i2"}, ("r.3", (Cause.CODE,))),
        ({"code": "c9", "logic": "l9", "inputs": "i9"}, ("r.3", (Cause.CODE, Cause.INPUT))),
    ],
)
def test_the_near_miss_differs_least_and_is_the_newest_of_equals(wanted, expected):
    world = World(makes=lambda *_: content("same"))
    world.run(catalog("a"))
    (some,) = world.heads[id_of("a")].values()
    past = [
        some._replace(version="r.1", position=1, code="c1", logic="l1", inputs="i1"),
        some._replace(version="r.2", position=2, code="c2", logic="l2", inputs="i2"),
        some._replace(version="r.3", position=3, code="c3", logic="l3", inputs="i2"),
    ]
    found = nearest(past, **wanted)

    assert (found.version.version, found.differs) == expected
    assert nearest([], **wanted) is None


def test_the_near_miss_is_never_the_head_nor_what_differs_in_all_that_the_head_does():
    world = World(makes=lambda *_: content("same"))
    world.run(catalog("a"))
    (some,) = world.heads[id_of("a")].values()
    head = some._replace(version="r.3", position=3, code="c3", logic="l3", inputs="i2")
    older = some._replace(version="r.1", position=1, code="c1", logic="l1", inputs="i1")
    wanted = {"code": "c9", "logic": "l9", "inputs": "i2"}
    assert nearest([head], head=head, **wanted) is None
    assert nearest([head, older], head=head, **wanted) is None, "other code as well, and other inputs"
    other = older._replace(version="r.2", code="c9", logic="l9")
    assert nearest([head, older, other], head=head, **wanted) == (other, (Cause.INPUT,))
