"""Stories of explanations: what is said of an asset is true of it, however its versions came to be."""

import json
import re

import pytest


def answer(shell, *arguments):
    """The JSON of a command."""
    done = shell.here(*arguments, "--json")
    assert done.code in (0, 1), done.err
    return json.loads(done.out)


def made(shell, source, *arguments):
    """What `materialize` says of a file with this source."""
    shell.write("a.py", "from latewood import Out, Output, asset, check\n" + source)
    return answer(shell, "materialize", *(arguments or ("*",)), "-f", "a.py")


def statuses(shell, *arguments):
    """Status and flags by asset."""
    found = answer(shell, "assets", *arguments)["assets"]
    return {entry["key"]: " ".join([entry["status"], *entry["flags"]]) for entry in found}


def head(shell, key):
    """The id of the head's version."""
    return answer(shell, "why", key)["head"]["version"]


# ── versions that were taken from another asset of their task ─────────────────────────────────────────────

NAMED = """
@asset
def source() -> int:
    return 5

@asset({name}inputs={{"number": source}})
def scored(number: int, *, scale: int = 2) -> int:
    return Output(number * scale, metadata={{"auc": 0.9}})
"""


@pytest.fixture
def taken(shell):
    """An asset whose key was changed twice: each has taken the version of the one before."""
    for name in ("", 'key="second", ', 'key="third", '):
        made(shell, NAMED.format(name=name))
    return shell


def test_a_version_that_was_taken_has_the_inputs_parameters_and_metadata_of_its_computation(taken):
    (source,) = (version["version"] for version in answer(taken, "asset", "source")["versions"])
    (computed,) = (link for link in answer(taken, "lineage", "source", "--up", "0", "--down", "1")["downstream"])
    assert (computed["reader"], computed["versions"]) == ("third", source)

    found = answer(taken, "lineage", "third")
    assert [(link["input"], link["asset"], link["versions"]) for link in found["upstream"]] == [
        ("number", "source", source)
    ]
    (from_,) = found["taken"]
    run = source.partition(".")[0]
    assert (from_["asset"], from_["version"]) == ("third", head(taken, "third"))
    assert (from_["from_asset"], from_["from_version"]) == ("scored", f"{run}.1")
    assert f"third {head(taken, 'third')} was taken from scored {run}.1" in taken.here("lineage", "third").out

    page = answer(taken, "asset", "third")
    assert page["metadata"] == {"auc": 0.9}
    assert [version["taken_from"] for version in page["versions"]] == [{"asset": "scored", "version": f"{run}.1"}]
    assert f"head, taken from scored {run}.1" in taken.here("asset", "third").out

    told = answer(taken, "why", "third")
    assert (told["made_because"], told["taken_from"]["asset"]) == (["missing"], "scored")
    assert re.search(
        rf"its version {head(taken, 'third')} was taken from scored {run}\.1 by run \w+, event [\d,]+\n"
        rf"that was made by run {run} at .*, event [\d,]+, in ",
        taken.here("why", "third").out,
    )
    step = taken.here("why", *head(taken, "third").split(".")).out
    assert f"third: version {run}.1 of scored is what" in step or f"; that was computed as {run}.1 of scored" in step


def test_a_changed_parameter_of_what_was_taken_is_named_with_its_values(taken):
    taken.write("a.py", (taken.folder / "a.py").read_text().replace("scale: int = 2", "scale: int = 3"))
    taken.here("deploy", "-f", "a.py")
    told = answer(taken, "why", "third")["findings"]
    assert [f["cause"] for f in told] == ["code"]
    taken.write("a.py", (taken.folder / "a.py").read_text().replace("scale: int = 3", "scale: int = 2"))
    taken.here("deploy", "-f", "a.py")
    taken.here("pin", "third.scale=4")
    (found,) = answer(taken, "why", "third")["findings"]
    assert (found["cause"], found["subject"], found["before"], found["after"]) == ("parameters", "scale", "2", "4")


TWICE = """
from latewood import task, workflow

@task
def loaded() -> int:
    return 5

@task
def doubled(number: int, *, by: int = 2) -> int:
    return number * by

@workflow
def one() -> int:
    return doubled(loaded())

@workflow
def two() -> int:
    return doubled(loaded())
"""


def test_steps_of_two_workflows_that_were_computed_once_show_what_was_read_then(shell):
    run = made(shell, TWICE)["run"]
    (link,) = answer(shell, "lineage", "two/doubled")["upstream"]
    assert (link["asset"], link["versions"]) == ("one/loaded", head(shell, "one/loaded"))
    (link,) = answer(shell, "lineage", "two/loaded", "--up", "0", "--down", "1")["downstream"]
    assert (link["reader"], link["asset"], link["equal_to"]) == ("two/doubled", "one/loaded", "two/loaded")
    told = shell.here("lineage", "two/loaded", "--up", "0", "--down", "1").out
    assert f"equal content, read as one/loaded {head(shell, 'one/loaded')}" in told
    made(shell, TWICE, "*/doubled", "--param", "two/doubled.by=3")
    compared = answer(shell, "compare", "two/doubled")["versions"]
    assert [version["parameters"] for version in compared] == [{"two/doubled.by": [3]}, {"two/doubled.by": [2]}]
    assert head(shell, "one/loaded").startswith(f"{run}.")


# ── blocked ───────────────────────────────────────────────────────────────────────────────────────────────

CHAIN = """
@asset
def a() -> int:
    return {a}

@asset
def b(a: int) -> int:
    return a + {plus}

@asset
def c(b: int) -> int:
    return b

@asset
def d(c: int) -> int:
    return c
"""
SMALL = """
@check(a, blocking=True)
def small(a: int) -> bool:
    return a < 5
"""


def reasons(shell, key):
    """The reasons planned for an asset."""
    steps = answer(shell, "plan", "*", "-f", "a.py")["steps"]
    (step,) = (step for step in steps if key in step["assets"])
    return [":".join(filter(None, map(reason.get, ("cause", "subject", "check")))) for reason in step["reasons"]]


def test_what_is_blocked_far_below_names_the_check_that_is_the_cause(shell):
    made(shell, CHAIN.format(a=9, plus=1))
    made(shell, CHAIN.format(a=9, plus=2) + SMALL)
    assert {key: reasons(shell, key) for key in "bcd"} == {key: ["refused:a:small"] for key in "bcd"}
    told = shell.here("materialize", "*", "-f", "a.py").out
    assert "left out: b reads a, which its blocking check small refuses" in told
    assert "left out: c reads b, which is blocked because blocking check small refuses a" in told
    assert "left out: d reads c, which is blocked because blocking check small refuses a" in told
    assert "never materialized" not in told


def test_what_is_blocked_far_below_names_the_retraction_that_is_the_cause(shell):
    run = made(shell, CHAIN.format(a=9, plus=1))["run"]
    shell.here("retract", f"{run}.0", "--reason", "wrong")
    assert {key: reasons(shell, key) for key in "bcd"} == {key: ["retracted:a"] for key in "bcd"}
    told = shell.here("materialize", "*", "-f", "a.py").out
    assert f"left out: a would be made as {run}.0 was, which is retracted (wrong); change it, or" in told
    assert "left out: b reads a, which is retracted" in told
    assert "left out: d reads c, which is blocked because a is retracted" in told


def test_what_is_blocked_for_what_is_not_selected_names_that_and_how_to_select_it(shell):
    shell.write("a.py", "from latewood import asset\n" + CHAIN.format(a=9, plus=1))
    done = shell.here("materialize", "b+", "-f", "a.py")
    assert done.code == 2
    assert "  b reads a, of which something was never materialized" in done.err
    assert "c reads" not in done.err


# ── what is downstream of a head ──────────────────────────────────────────────────────────────────────────

STEADY = """
@asset
def a() -> int:
    return 4 {a}

@asset
def b(a: int) -> int:
    return a % 2 {b}

@asset
def c(b: int) -> int:
    return b {c}
"""


def downstream(shell, *arguments):
    """The readers that lineage shows below, with what they read and whether that only has equal content."""
    links = answer(shell, "lineage", *arguments)["downstream"]
    return [(link["depth"], link["reader"], link["versions"], link["equal_to"]) for link in links]


def test_readers_that_were_left_fresh_for_equal_content_are_downstream_of_the_head(shell):
    first = made(shell, STEADY.format(a="", b="", c=""))["run"]
    second = made(shell, STEADY.format(a="+ 2 - 2", b="", c=""))["run"]
    assert head(shell, "a") == f"{second}.0"
    assert statuses(shell) == {"a": "fresh", "b": "fresh", "c": "fresh"}

    assert downstream(shell, "a", "--up", "0", "--down", "2") == [
        (1, "b", f"{first}.0", "a"),
        (2, "c", f"{first}.1", None),
    ]
    told = shell.here("lineage", "a", "--up", "0", "--down", "2").out
    assert f"equal content, read as {first}.0" in told
    # Of the version by its id, only what read that very one.
    assert downstream(shell, "a", "--up", "0", "--down", "1", "--version", f"{first}.0") == [
        (1, "b", f"{first}.0", None)
    ]
    assert downstream(shell, "a", "--up", "0", "--down", "1", "--version", f"{second}.0") == []


def test_readers_through_a_view_that_were_left_fresh_are_downstream_of_the_head(shell):
    source = """
from latewood.external import virtual_asset

@asset
def a() -> int:
    return {a}

view = virtual_asset("view", [a])

@asset(deps=[view])
def b() -> int:
    return 1
"""
    first = made(shell, source.format(a="1"))["run"]
    made(shell, source.format(a="2 - 1"), "a")
    assert statuses(shell)["b"] == "fresh"
    assert downstream(shell, "a", "--up", "0", "--down", "1") == [(1, "b", f"{first}.0", "a")]
    assert "equal content" in shell.here("lineage", "a", "--up", "0", "--down", "1").out


def test_a_reader_of_other_content_is_not_downstream_of_the_head(shell):
    made(shell, STEADY.format(a="", b="", c=""))
    made(shell, STEADY.format(a="+ 2", b="", c=""), "a")
    assert downstream(shell, "a", "--up", "0", "--down", "2") == []


def test_of_partitions_those_readers_are_shown_that_read_equal_content_of_them(shell):
    source = """
from latewood import Partitioned, PartitionKey, Static

@asset(partitions=Static(["x", "y"]))
def part(key: PartitionKey) -> str:
    return key {change}

@asset
def whole(part: Partitioned[str]) -> int:
    return sum(1 for _ in part)
"""
    first = made(shell, source.format(change=""))["run"]
    made(shell, source.format(change="* (2 if key == 'y' else 1)"), "part")
    assert downstream(shell, "part", "--partition", "x", "--up", "0", "--down", "1") == [
        (1, "whole", f"{first}.0-1", "part")
    ]
    assert downstream(shell, "part", "--partition", "y", "--up", "0", "--down", "1") == []


# ── failures ──────────────────────────────────────────────────────────────────────────────────────────────

FAILING = """
@asset
def a() -> int:
    return {a}

@asset
def b(a: int) -> int:
    if a > 5:
        raise ValueError("too much")
    return {b}
"""


def test_what_failed_by_code_that_was_taken_back_is_failed_no_more(shell):
    made(shell, FAILING.format(a=1, b="a"))
    made(shell, FAILING.format(a=1, b="a / 0"))
    assert statuses(shell) == {"a": "fresh", "b": "stale failed"}
    at = answer(shell, "assets")["position"]
    made(shell, FAILING.format(a=1, b="a"))
    assert statuses(shell) == {"a": "fresh", "b": "fresh"}
    assert (answer(shell, "why", "b")["failed"], answer(shell, "assets", "status:failed")["assets"]) == (None, [])
    assert statuses(shell, "--as-of", str(at))["b"] == "stale failed"


def test_what_failed_on_inputs_that_went_back_is_failed_no_more(shell):
    made(shell, FAILING.format(a=1, b="a"))
    made(shell, FAILING.format(a=9, b="a"))
    assert statuses(shell) == {"a": "fresh", "b": "stale failed"}
    made(shell, FAILING.format(a=1, b="a"))
    assert statuses(shell) == {"a": "fresh", "b": "fresh"}


def test_what_failed_at_being_what_is_head_stays_failed(shell):
    source = """
from pathlib import Path

@asset
def a() -> int:
    return int(Path("number").read_text())
"""
    shell.write("number", "1")
    made(shell, source)
    shell.write("number", "none")
    made(shell, source, "*", "--force")
    assert statuses(shell) == {"a": "fresh failed"}
    shell.write("number", "2")
    made(shell, source, "*", "--force")
    assert statuses(shell) == {"a": "fresh"}


def test_a_failure_stands_until_its_asset_is_made_whatever_is_edited(shell):
    made(shell, FAILING.format(a=1, b="a"))
    made(shell, FAILING.format(a=1, b="a / 0"))
    shell.write("a.py", "from latewood import asset\n" + FAILING.format(a=1, b="a + 2"))
    shell.here("deploy", "-f", "a.py")
    # So that `materialize status:failed` finds what is to be made again once it was mended.
    assert statuses(shell)["b"] == "stale failed"
    assert answer(shell, "materialize", "status:failed", "-f", "a.py")["ran"] == 1
    assert statuses(shell)["b"] == "fresh"


def test_what_a_check_refused_and_was_taken_back_is_failed_no_more(shell):
    made(shell, CHAIN.format(a=1, plus=1) + SMALL)
    made(shell, CHAIN.format(a=9, plus=1) + SMALL)
    assert statuses(shell)["a"] == "stale failed"
    made(shell, CHAIN.format(a=1, plus=1) + SMALL)
    assert statuses(shell) == dict.fromkeys("abcd", "fresh")


BRANCHES = """
from latewood import task, when, workflow

@task
def size() -> int:
    return {size}

@task
def publish(number: int) -> int:
    raise ValueError("nobody reads it")

@task
def drop(number: int) -> int:
    return number

@workflow
def flow() -> int:
    number = size()
    return when(number >= 3).then(publish, number).otherwise(drop, number)
"""


def test_what_failed_in_a_branch_that_is_not_taken_any_more_is_failed_no_more(shell):
    made(shell, BRANCHES.format(size=5))
    assert statuses(shell)["flow/publish"] == "missing failed"
    made(shell, BRANCHES.format(size=1))
    assert "failed" not in statuses(shell)["flow/publish"]


# ── optional outputs ──────────────────────────────────────────────────────────────────────────────────────

SPLIT = """
@asset(outputs={{"kept": int, "odd": Out(int, optional=True)}})
def split() -> dict[str, int]:
    return {result}

@asset(inputs={{"odd": "split/odd"}})
def after(odd: int) -> int:
    return odd
"""


def test_an_optional_output_that_was_not_made_is_absent_and_not_missing(shell):
    run = made(shell, SPLIT.format(result={"kept": 2}))["run"]
    assert statuses(shell)["split/odd"] == "fresh absent"
    assert [entry["key"] for entry in answer(shell, "assets", "status:absent")["assets"]] == ["split/odd"]
    assert re.search(r"^○  split/odd +absent ", shell.here("assets").out, re.MULTILINE)
    assert shell.here("asset", "split/odd").out.startswith("○ split/odd   absent\n")
    told = shell.here("why", "split/odd").out
    assert told.startswith("split/odd is absent: an optional output that its task did not make\n")
    assert f"its task was run by run {run}" in told
    found = answer(shell, "why", "split/odd")
    assert (found["status"], found["absent"], found["head"]) == ("fresh", True, None)

    made(shell, SPLIT.format(result={"kept": 2, "odd": 1}))
    assert statuses(shell) == {"split/kept": "fresh", "split/odd": "fresh", "after": "fresh"}
    made(shell, SPLIT.format(result={"kept": 3}))
    assert statuses(shell)["split/odd"] == "stale absent"


def test_an_optional_output_that_was_never_run_is_missing(shell):
    shell.write("a.py", "from latewood import Out, asset\n" + SPLIT.format(result={"kept": 2}))
    shell.here("deploy", "-f", "a.py")
    assert statuses(shell) == {"split/kept": "missing", "split/odd": "missing", "after": "missing"}


# ── by what a version is head ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def rolled_back(shell):
    """`a` was made twice, with all that reads it, and is back at its first version."""
    first = made(shell, CHAIN.format(a=1, plus=1))["run"]
    made(shell, CHAIN.format(a=2, plus=1))
    shell.here("rollback", "a", f"{first}.0")
    return shell


def moved(shell):
    """The position of the last event that moved heads."""
    lines = shell.here("log", "tail", "--after", "0", "--json").out.splitlines()
    events = [json.loads(line) for line in lines]
    return [e["position"] for e in events if e["type"] in ("heads.moved", "environment.promoted")][-1]


def test_a_rollback_is_named_and_nothing_is_stale_since_before_it(rolled_back):
    at = moved(rolled_back)
    found = answer(rolled_back, "why", "a")
    assert (found["status"], found["since"]) == ("stale", at)
    assert (found["head_since"], found["moved"]["by"], found["moved"]["actor"]) == (at, "rollback", "tester")
    told = rolled_back.here("why", "a").out
    assert f"a is stale since position {at:,}\n" in told
    assert re.search(rf"it became head by a rollback by tester at .*, event {at:,}; running it replaces that\n", told)


def test_who_would_replace_what_was_rolled_back_is_told_before(rolled_back):
    at = moved(rolled_back)
    says = rf"the head of a was set by a rollback by tester at .*, event {at:,}; running it replaces that\n"
    planned = rolled_back.here("plan", "*", "--json")
    assert re.fullmatch(says, planned.err)
    (replaced,) = json.loads(planned.out)["replaces"]
    assert (replaced["asset"], replaced["partitions"], replaced["moved"]["event"]) == ("a", "", at)
    assert rolled_back.here("plan", "c", "--json").err == "", "only of what is selected"
    assert re.fullmatch(says, rolled_back.here("materialize", "a", "--detach").err)
    assert re.match(says, rolled_back.here("materialize", "a").err)
    assert rolled_back.here("plan", "*", "--force").err == "", "it was replaced"
    assert re.search(
        rf"it replaced what was head by a rollback by tester at .*, event {at:,}\n", rolled_back.here("why", "a").out
    )
    assert answer(rolled_back, "why", "a")["replaced"]["event"] == at
    rolled_back.here("materialize", "a", "--force")
    assert answer(rolled_back, "why", "a")["replaced"] is None, "what is replaced now was made"


def test_partitions_whose_heads_were_rolled_back_are_told_as_ranges_and_variants_replace_none(shell):
    days = """
from latewood import PartitionKey, Static

days = Static(["a", "b", "c", "d"])

@asset(partitions=days)
def each(key: PartitionKey, *, size: int = {size}) -> int:
    return size
"""
    first = made(shell, days.format(size=1))["position"]
    made(shell, days.format(size=2))
    back = shell.here("rollback", "each", "--partition", "b..d", "--to-position", str(first)).out
    assert "3 heads moved" in back
    assert "It holds until a run replaces it: `latewood plan each` says whether one would.\n" in back
    assert shell.here("plan", "*").err.startswith("the head of each b..d was set by a rollback by tester at ")
    assert shell.here("plan", "each", "--partition", "a").err == ""
    assert shell.here("plan", "each", "--param", "each.size=7").err == ""
    shell.write("a.py", "from latewood import asset\n" + days.format(size=1))
    told = shell.here("plan", "*", "-f", "a.py")
    assert ("fresh  each   3: b..d" in told.out, told.err) == (True, ""), "what is gone back to is what is wanted"


def test_what_read_the_other_version_names_the_rollback_too(rolled_back):
    at = moved(rolled_back)
    found = answer(rolled_back, "why", "c")
    assert (found["since"], found["moved"]) == (at, None)
    (input_,) = (finding for finding in found["findings"] if finding["cause"] == "input")
    assert (input_["subject"], input_["event"], input_["moved"]["by"]) == ("a", at, "rollback")
    told = rolled_back.here("why", "c").out
    assert f"c is stale since position {at:,}\n" in told
    assert re.search(rf"head +of a was set by a rollback by tester at .*   event {at:,}\n", told)


def test_what_is_fresh_by_a_rollback_says_so(shell):
    first = made(shell, CHAIN.format(a=1, plus=1))["run"]
    made(shell, CHAIN.format(a=2, plus=1))
    shell.write("a.py", "from latewood import asset\n" + CHAIN.format(a=1, plus=1))
    shell.here("deploy", "-f", "a.py")
    shell.here("rollback", "a", f"{first}.0")
    told = shell.here("why", "a").out
    assert told.startswith("a is fresh\n")
    assert "it became head by a rollback by tester at " in told


def test_a_promotion_of_a_version_and_of_an_environment_is_named(shell):
    source = "@asset\ndef a(*, size: int = 1) -> int:\n    return size\n"
    made(shell, source)
    tried = made(shell, source, "a", "--param", "a.size=3")["run"]
    shell.here("promote", f"{tried}.0")
    found = answer(shell, "why", "a")
    assert (found["since"], found["moved"]["by"], found["findings"][0]["event"]) == (
        moved(shell),
        "promotion",
        moved(shell),
    )
    told = shell.here("why", "a").out
    assert re.search(r"it became head by a promotion by tester at .*, event", told)
    assert "for them to stay: latewood pin a.size=3" in told

    shell.here("env", "create", "dev")
    assert "it became head by branching from prod, by tester at " in shell.here("why", "a", "--env", "dev").out
    made(shell, source.replace("size\n", "size + 1\n"), "a", "--env", "dev")
    shell.here("env", "promote", "dev", "--to", "prod")
    found = answer(shell, "why", "a")
    assert (found["status"], found["moved"]["by"], found["moved"]["environment"]) == (
        "fresh", "environment promotion", "dev"
    )  # fmt: skip
    assert "it became head by the promotion of dev by tester at " in shell.here("why", "a").out


def test_a_version_that_became_head_again_by_reuse_says_so(shell):
    made(shell, CHAIN.format(a=1, plus=1))
    made(shell, CHAIN.format(a=2, plus=1))
    assert "it was run because: a was to be made anew\n" in shell.here("why", "b").out
    again = made(shell, CHAIN.format(a=1, plus=1))["run"]
    found = answer(shell, "why", "a")
    assert (found["status"], found["moved"]["by"]) == ("fresh", "reuse")
    assert f"it became head by run {again}, which reused it at " in shell.here("why", "a").out


RATED = """
from pathlib import Path
from latewood import *

def rate() -> int:
    return {rate}

@asset
def left() -> int:
    return 1

@asset
def right() -> int:
    return rate()

@asset
def model(left: int, right: int, *, depth: int = 3, data: Path = Path("data.csv")) -> int:
    return left + right + depth
"""


def test_a_plan_names_what_changed_as_why_does(shell):
    shell.write("data.csv", "1")
    shell.write("a.py", RATED.format(rate=1))
    shell.here("materialize", "*", "-f", "a.py")

    def planned(*asked):
        lines = shell.here("plan", "*", *asked).out.splitlines()[1:]
        return {line.split()[1]: " ".join(line.split()[2:]) for line in lines if line.startswith(("run", "reuse"))}

    shell.write("a.py", RATED.format(rate=2))
    shell.write("data.csv", "2")
    shell.here("pin", "model.depth=6")
    named = planned()
    assert re.fullmatch(r"code: rate \(a.py:5\) changed", named["right"])
    parameters = "parameter depth: 3 -> 6; parameter data: content of data.csv changed"
    assert named["model"] == parameters
    (step,) = (step for step in answer(shell, "plan", "*")["steps"] if step["assets"] == ["model"])
    assert [(c["name"], c["path"]) for c in step["parameters"]] == [("depth", ""), ("data", "data.csv")]
    assert answer(shell, "plan", "*", "--force")["steps"][2]["parameters"] == [], "it is forced, whatever changed"
    assert planned("--param", "model.depth=7,8")["model"] == "2 variants other depth, data"
    shell.here("materialize", "*", "-q")

    shell.write("a.py", RATED.format(rate=1))
    shell.here("materialize", "right", "-q")
    assert planned() == {"model": "content of right changed"}
    (step,) = (step for step in answer(shell, "plan", "*")["steps"] if step["assets"] == ["model"])
    assert step["inputs"] == ["right"]
    shell.here("materialize", "*", "-q")
    shell.write("a.py", RATED.format(rate=2))
    assert planned()["model"] == "content of right changed", "what will be reused is what changes it"


def test_what_another_file_dropped_is_named_by_what_reads_it(shell):
    up, down = "@asset\ndef {}() -> int:\n    return 1\n", "@asset\ndef b(a: int) -> int:\n    return a\n"
    for name, source in (("up.py", up.format("a")), ("down.py", down), ("up.py", up.format("other"))):
        shell.write(name, "from latewood import asset\n\n" + source)
        shell.here("materialize" if name == "down.py" else "deploy", *["*"][: name == "down.py"], "-f", name)
        if source == up.format("a"):
            shell.here("materialize", "*", "-f", name)
    done = shell.here("why", "b")
    assert done.code == 0
    assert "missing    a is not defined in prod any more, read by b" in done.out
