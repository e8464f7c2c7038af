"""Corrections: what they reach, what follows from them, and that each is recorded as a whole or not at all."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from forks import forks

from crash.conftest import facts_of, head_keys
from latewood.commands.environments import create, promote
from latewood.commands.explaining import why
from latewood.commands.heads import rollback
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.reading import read
from latewood.commands.renaming import rename
from latewood.commands.retracting import retract, undo
from latewood.commands.views import AsOf, view_of
from latewood.decide.reasons import Cause
from latewood.errors import UsageError
from latewood.events import (
    AssetRenamed,
    PartitionCarried,
    PartitionsAdded,
    RetractionUndone,
    RunStatus,
    VersionsRetracted,
)
from latewood.projections.snapshots import snapshot
from latewood.projections.states import heads
from latewood_eventlog.audit import verify

SHOP = """
@asset
def source() -> int:
    return {source}

@asset(partitions=Static(["p", "q"]))
def part(source: int, key: PartitionKey) -> str:
    return f"{{key}} {{source}}"

@asset
def whole(part: Partitioned[str]) -> list[str]:
    return [text for _, text in part]

@asset(outputs={{"low": int, "high": int}})
def split(source: int) -> dict[str, int]:
    return {{"low": source - 1, "high": source + 1}}

@asset
def of_low(low: int) -> int:
    return low

@task
def double(low: int) -> int:
    return low * 2

once, twice = double.asset(key="once"), double.asset(key="twice")
"""


def run(workspace, loaded, selection="*", **asked):
    return materialize(workspace, prepare(workspace, loaded, Asked(selection=selection, **asked)))


def version(workspace, key, partition=""):
    found = read(workspace)
    return found.state.heads[found.view.ids[key]][partition].version


def status(workspace):
    return {key: found.status.value for key, found in read(workspace).assessed.items()}


def reached(done):
    return {made.key: len(made.versions) for made in done.reach.made}


def standing(done):
    return {(head.environment, head.key): head.partitions or head.count for head in done.reach.heads}


@pytest.fixture
def shop(workspace, load):
    loaded = load(SHOP.format(source=3))
    run(workspace, loaded)
    return loaded


def test_what_was_made_from_a_partition_is_found_and_nothing_else(workspace, shop):
    create(workspace, "dev")
    done = retract(workspace, version(workspace, "part", "q"), reason="wrong")
    assert reached(done) == {"whole": 1}
    assert standing(done) == {(env, key): at for env in ("dev", "prod") for key, at in (("part", "q"), ("whole", 1))}
    for environment in ("prod", "dev"):
        seen = status(replace(workspace, environment=environment))
        assert {key for key, is_ in seen.items() if is_ != "fresh"} == {"part", "whole"}


def test_one_output_is_retracted_without_the_other(workspace, shop):
    made = version(workspace, "split/high")
    assert made == version(workspace, "split/low")
    assert reached(retract(workspace, made, asset="split/high", reason="wrong")) == {}
    assert {key for key, is_ in status(workspace).items() if is_ != "fresh"} == {"split/high"}
    assert reached(retract(workspace, made, reason="both")) == {"of_low": 1, "once": 1, "twice": 1}


def test_a_copy_under_another_name_falls_under_it(workspace, shop):
    copied = version(workspace, "twice")
    assert copied != version(workspace, "once")
    done = retract(workspace, version(workspace, "once"), reason="wrong")
    assert {(made.key, len(made.versions)) for made in done.reach.roots} == {("once", 1), ("twice", 1)}
    assert status(workspace)["twice"] == "stale"


def test_older_generations_are_reached_also_where_they_are_no_heads(workspace, shop, load):
    first = version(workspace, "source")
    run(workspace, load(SHOP.format(source=4)))
    done = retract(workspace, first, reason="wrong")
    assert reached(done) == {"part": 2, "whole": 1, "split/low": 1, "split/high": 1, "of_low": 1, "once": 1, "twice": 1}
    assert standing(done) == {}
    assert set(status(workspace).values()) == {"fresh"}


def test_an_equal_rerun_is_refused_until_it_is_taken_back(workspace, shop, load):
    first = version(workspace, "source")
    retract(workspace, first, reason="wrong")
    result = run(workspace, shop)
    assert (result.status, result.tally.ran, result.tally.refused) == (RunStatus.SUCCEEDED, 0, 0), "it was left out"
    with pytest.raises(UsageError, match=f"source would be made as {first} was, which is retracted .wrong.; change it"):
        run(workspace, shop, "source or part")

    forced = run(workspace, shop, "source", force=True)
    assert (forced.tally.ran, forced.tally.refused) == (1, 1)
    other_code = load(SHOP.format(source="1 + 2"))
    again = run(workspace, other_code, "source")
    assert (again.tally.ran, again.tally.refused) == (1, 1)
    assert run(workspace, other_code).tally.ran == 0, "it is known by now what comes of it"
    assert version(workspace, "source") == first

    undo(workspace, first)
    assert run(workspace, shop).tally.ran == 0
    assert set(status(workspace).values()) == {"fresh"}
    verify(workspace.log.engine, workspace.log.projections)


def test_other_content_takes_its_place_and_readers_say_why(workspace, shop, load):
    first = version(workspace, "source")
    retract(workspace, first, reason="counted twice")
    run(workspace, load(SHOP.format(source=4)), "source")
    finding = why(workspace, "split/low").findings[0]
    assert (finding.cause, finding.retraction.version, finding.retraction.reason) == (
        Cause.RETRACTED,
        first,
        "counted twice",
    )
    run(workspace, load(SHOP.format(source=4)))
    assert set(status(workspace).values()) == {"fresh"}
    told = next(e.position for e in workspace.log.read_all() if e.type == "versions.retracted")
    assert not read(workspace, AsOf(told - 1)).state.retracted


def test_the_same_computation_is_allowed_again(workspace, load):
    loaded = load(
        '@asset\ndef count(*, file: str = "n") -> int:\n    n = Path(__file__).with_name(file)\n'
        "    n.touch()\n    n.write_text(n.read_text() + 'x')\n    return len(n.read_text())\n"
    )
    run(workspace, loaded)
    first = version(workspace, "count")
    retract(workspace, first, reason="the line was bad")
    assert run(workspace, loaded).tally.ran == 0
    retract(workspace, first, reason="the line is good again", rerun=True)
    assert run(workspace, loaded).tally.ran == 1
    assert version(workspace, "count") != first
    with pytest.raises(UsageError, match="nothing was moved"):
        rollback(workspace, "count", version=first)


def test_a_dry_run_and_a_repetition_record_nothing(workspace, shop):
    made = version(workspace, "source")
    end = workspace.log.position()
    assert retract(workspace, made, reason="wrong", dry_run=True).reach.plans["prod"].counts["blocked"] > 0
    assert workspace.log.position() == end
    retract(workspace, made, reason="wrong")
    assert retract(workspace, made, reason="wrong").position is None
    assert workspace.log.position() == end + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "{run}.99"}, "made versions in steps 0 to"),
        ({"version": "{run}x.1"}, "near: {run}"),
        ({"version": "{run}.x"}, "expected RUN.STEP"),
        ({"version": "{run}", "asset": "sauce"}, "near: source"),
        ({"version": "{run}", "asset": "part", "partition": "r"}, "expected one of static (p, q)"),
        ({"version": "{run}", "asset": "source", "partition": "p"}, "what was made has none"),
        ({"version": "{run}.0", "reason": " "}, "expected a reason"),
    ],
)
def test_wrong_references_are_refused_with_what_is_near(workspace, shop, arguments, message):
    run_id = version(workspace, "source").partition(".")[0]
    end = workspace.log.position()
    with pytest.raises(UsageError) as refused:
        retract(workspace, **{"reason": "wrong"} | {k: v.format(run=run_id) for k, v in arguments.items()})
    assert message.format(run=run_id) in str(refused.value)
    with pytest.raises(UsageError, match="is not retracted"):
        undo(workspace, f"{run_id}.0")
    assert workspace.log.position() == end


# ── renaming ──────────────────────────────────────────────────────────────────────────────────────────────

ONE = '@asset(key="{}")\ndef first() -> int: return 1\n'


def ids(workspace):
    return dict(view_of(workspace).ids)


def test_history_goes_on_under_the_new_name_once_the_code_has_it(workspace, load):
    run(workspace, load(ONE.format("old")))
    create(workspace, "dev")
    dev, before, end = replace(workspace, environment="dev"), ids(workspace), workspace.log.position()
    assert rename(workspace, "old", "new").behind == ("dev", "prod")
    assert ids(workspace) == before, "the code that is deployed says old"
    assert run(workspace, load(ONE.format("old"))).tally.ran == 0

    assert run(workspace, load(ONE.format("new"))).tally.ran == 0
    assert ids(workspace) == {"new": before["old"]}
    assert head_keys(workspace) == {"new": 1}
    assert [(r.old, r.new) for r in why(workspace, "new").renames] == [("old", "new")]
    assert ids(dev) == before
    assert dict(view_of(workspace, as_of=AsOf(end)).ids) == before
    with pytest.raises(UsageError, match='it is called "new" here'):
        why(workspace, "old")
    verify(workspace.log.engine, workspace.log.projections)


def test_a_new_asset_may_have_the_old_name(workspace, load):
    run(workspace, load(ONE.format("old")))
    old = ids(workspace)["old"]
    rename(workspace, "old", "new")
    both = ONE.format("new") + '@asset(key="old")\ndef other() -> int: return 2\n'
    assert run(workspace, load(both)).tally.ran == 1
    assert ids(workspace)["new"] == old != ids(workspace)["old"]
    assert run(workspace, load(both)).tally.ran == 0


def test_who_changed_the_code_first_can_rename_all_the_same(workspace, load):
    run(workspace, load(ONE.format("old")))
    old = ids(workspace)["old"]
    prepare(workspace, load(ONE.format("new")), Asked(selection="*"))
    assert ids(workspace)["new"] != old
    rename(workspace, "old", "new")
    assert run(workspace, load(ONE.format("new"))).tally.ran == 0
    assert ids(workspace) == {"new": old}


def test_names_come_and_go(workspace, load):
    run(workspace, load(ONE.format("a")))
    a = ids(workspace)["a"]
    for old, new in ("ab", "bc", "ca"):
        assert rename(workspace, old, new).position
        assert rename(workspace, old, new).position is None
        run(workspace, load(ONE.format(new)))
        assert ids(workspace) == {new: a}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("whola", "all", "near: whole"),
        ("whole", "part", "another asset, with versions"),
        ("whole", "whole", "twice"),
        ("whole", "no good", "expected 1 to 200 characters"),
        ("gone", "else", 'it was renamed to "source2"'),
        ("whole", "gone", 'was the name of "source2"'),
    ],
)
def test_wrong_names_are_refused(workspace, shop, old, new, message):
    rename(workspace, "source", "gone")
    rename(workspace, "gone", "source2")
    end = workspace.log.position()
    with pytest.raises(UsageError, match=message):
        rename(workspace, old, new)
    assert workspace.log.position() == end


# ── other partitions ──────────────────────────────────────────────────────────────────────────────────────

DAYS = '@asset(partitions={})\ndef sales(key: PartitionKey) -> str: return f"sold {{key}}"\n'


@pytest.mark.parametrize(
    "other",
    ['Monthly("2013-01", "2013-03")', 'Static(["a", "b"])', 'Daily("2013-01-03", "2013-01-07")'],
    ids=["months", "names", "other days"],
)
def test_versions_of_an_earlier_scheme_are_kept_and_fresh_again_when_it_comes_back(workspace, load, other):
    days = load(DAYS.format('Daily("2013-01-01", "2013-01-05")'))
    run(workspace, days)
    before = workspace.log.position()
    found = prepare(workspace, load(DAYS.format(other)), Asked(selection="*")).plan.counts
    run(workspace, load(DAYS.format(other)))
    assert found["fresh"] == (2 if "Daily" in other else 0)
    assert set(status(workspace).values()) == {"fresh"}
    now = read(workspace)
    with snapshot(workspace.log) as connection:
        kept = heads(connection, workspace.project, workspace.environment, [now.view.ids["sales"]])
    assert {"2013-01-01", "2013-01-02"} <= set(kept[now.view.ids["sales"]]), "kept, and not counted"
    assert read(workspace, AsOf(before)).assessed["sales"].node.existing(now.state).ranges == ((0, 4),)
    assert run(workspace, days).tally.ran == 0


# ── crashes ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_crash_leaves_everything_or_nothing_and_again_is_the_same(workspace, environ, tmp_path):
    done = forks().run_script(Path(__file__).with_name("corrections.py"), tmp_path, environ=environ)
    assert done.code == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    acts = {"retract", "undo", "rename", "promote", "rollback", "carry", "undo carry", "add", "remove", "report"}
    acts |= {"grant", "revoke"}
    assert {line["act"] for line in lines} == acts
    for line in lines:
        assert line["effects"] == 1, f"{line['act']} is one append"
        assert line["before"] == line["start"], "nothing was recorded"
        assert line["after"] == line["again_before"] == line["again_after"] == line["undisturbed"], line["act"]
        assert line["undisturbed"] != line["start"]
    verify(workspace.log.engine, workspace.log.projections)
    told = [type(fact) for fact in facts_of(workspace.log)]
    for type_ in (VersionsRetracted, RetractionUndone, AssetRenamed, PartitionCarried, PartitionsAdded):
        assert type_ in told


def test_promoting_what_is_retracted_promotes_a_stale_head(workspace, shop, load):
    create(workspace, "dev")
    dev = replace(workspace, environment="dev")
    run(dev, load(SHOP.format(source=5)))
    retract(workspace, version(dev, "source"), reason="wrong")
    promote(workspace, "dev", "prod")
    assert status(workspace)["source"] == "stale"
