"""A year of flights through what only a log can do: branch, promotion, rollback, retraction, reproduction.

The stories follow each other in one project, as they would in a week of work.
"""

import json

import pytest

from e2e.test_flights import BELOW_FLIGHTS, CLEAN, FILE, STEPS, copy_of_example, edit

RECOMPUTED = {"flights/daily": 365, **BELOW_FLIGHTS}


def answer(shell, *arguments, code=0):
    """The JSON of a command."""
    return json.loads(shell(*arguments, "--json", code=code))


def runs(shell):
    """How many runs there have been."""
    return len(answer(shell, "runs", "--limit", "100"))


def status(shell, *arguments):
    """Status of every asset that is not fresh."""
    assets = answer(shell, "assets", *arguments)["assets"]
    return {asset["key"]: asset["status"] for asset in assets if asset["status"] != "fresh"}


@pytest.fixture(scope="module")
def week(environ, tmp_path_factory):
    """A year in prod, a branch dev in which delays were made a minute longer, and its promotion; what each said."""
    shell = copy_of_example(tmp_path_factory.mktemp("week"), environ, "flights-week")
    year = answer(shell, "materialize", "*", *FILE)
    answer(shell, "env", "create", "dev", "--from", "prod")
    edit(shell, CLEAN, f"pc.add({CLEAN}, 1.0)")
    changed = answer(shell, "materialize", "*", *FILE, "--env", "dev")
    untouched = status(shell, "--env", "prod")
    diff = answer(shell, "env", "diff", "dev")
    before = runs(shell)
    promoted = answer(shell, "env", "promote", "dev")
    return shell, {
        "year": year,
        "changed": changed,
        "untouched": untouched,
        "diff": diff,
        "promoted": promoted,
        "runs of the promotion": runs(shell) - before,
    }


def test_only_what_changed_runs_in_the_branch_and_prod_is_as_it_was(week):
    _, said = week
    assert said["year"]["ran"] == STEPS
    assert said["changed"]["ran"] == sum(RECOMPUTED.values())
    assert said["untouched"] == {}


def test_the_difference_is_what_was_recomputed_and_promoting_it_runs_nothing(week):
    shell, said = week
    assert {moved["key"]: moved["partitions"] for moved in said["diff"]["heads"]} == RECOMPUTED
    assert said["runs of the promotion"] == 0
    assert status(shell) == {}
    assert {step["action"] for step in answer(shell, "plan", "*", *FILE)["steps"]} == {"fresh"}


def test_one_month_is_rolled_back_and_why_names_it(week):
    shell, said = week
    before = said["promoted"]["position"] - 1
    answer(shell, "rollback", "reports/monthly", "--partition", "2013-03", "--to-position", str(before))
    assert answer(shell, "assets", "reports/monthly")["assets"][0]["partitions"]["stale"] == "2013-03"
    found = answer(shell, "why", "reports/monthly", "--partition", "2013-03")
    assert (found["status"], found["moved"]["by"]) == ("stale", "rollback")
    assert answer(shell, "materialize", "reports/monthly", *FILE)["ran"] == 0  # what there was is taken again


def test_a_retracted_day_is_followed_to_exactly_what_was_made_from_it(week):
    shell, _ = week
    day = "2013-02-05"
    (retracted,) = {
        found["version"]
        for found in answer(shell, "asset", "flights/daily", "--partition", day)["versions"]
        if found["use"] == "head"
    }
    told = answer(shell, "retract", retracted, "--reason", "the export was cut off")
    made = {(found["asset"], version["partition"]) for found in told["downstream"] for version in found["versions"]}
    assert made == {
        ("delays/by_carrier", day),
        ("reports/monthly", "2013-02"),
        *((key, "") for key in BELOW_FLIGHTS if key not in ("delays/by_carrier", "reports/monthly")),
    }
    stale = status(shell)
    assert stale == {"flights/daily": "stale", **dict.fromkeys(BELOW_FLIGHTS, "stale")}
    answer(shell, "retract", retracted, "--undo")
    assert status(shell) == {}


def test_the_first_run_is_reproduced_by_the_code_of_then(week):
    shell, said = week
    found = answer(shell, "reproduce", said["year"]["run"])
    assert [output["verdict"] for output in found["outputs"]] == ["identical"] * STEPS
