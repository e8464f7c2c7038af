"""The flights example as a newcomer meets it: a year of real data, the same again, and what an edit makes stale.

One project holds the whole year; the stories on it leave it as it was, but for the last ones. Each works on its own
copy of the files.
"""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from e2e.shell import Shell

EXAMPLE = Path(__file__).parents[2] / "examples" / "flights"
FILE = ("-f", "flights/assets.py")
INGEST = dict.fromkeys(("airlines", "airports", "planes", "flights/raw", "weather/raw"), 1)
BELOW_FLIGHTS = {
    "delays/by_carrier": 365,
    "reports/monthly": 12,
    **dict.fromkeys(("reports/worst_routes", "model/features", "model/delay", "model/scores"), 1),
}
EVERYTHING = {**INGEST, "weather/daily": 365, "flights/daily": 365, **BELOW_FLIGHTS}
STEPS = sum(EVERYTHING.values())
CLEAN = "pc.cast(delay, pa.float64())"
RECOMPUTED = {"flights/daily": 365, **BELOW_FLIGHTS}


@pytest.fixture(scope="module")
def year(environ, tmp_path_factory):
    """The shell of a project in which the whole year was materialized, and what that printed."""
    shell = copy_of_example(tmp_path_factory.mktemp("year"), environ, "flights")
    return shell, json.loads(shell("materialize", "*", *FILE, "--json"))


@pytest.fixture
def edited(year, tmp_path):
    """Another copy of the files in the same project, for editing."""
    return copy_of_example(tmp_path, year[0].environ, "flights")


def test_a_year_is_materialized_and_its_values_are_right(year):
    shell, result = year
    assert (result["ran"], result["reused"], result["failed"], result["status"]) == (STEPS, 0, 0, "succeeded")

    new_year = pq.read_table(artifact(shell, "flights/daily", "2013-01-01"))
    assert (new_year.num_rows, new_year["dep_delay"].null_count) == (842, 4)

    january = pq.read_table(artifact(shell, "reports/monthly", "2013-01")).to_pylist()
    assert sum(row["flights"] for row in january) == 27_004
    assert sum(row["cancelled"] for row in january) == 521
    united = next(row for row in january if row["carrier"] == "UA")
    assert (united["name"], united["flights"], round(united["mean_delay"], 3)) == (
        "United Air Lines Inc.",
        4_637,
        8.326,
    )

    worst = pq.read_table(artifact(shell, "reports/worst_routes")).to_pylist()
    assert [(row["origin"], row["dest"], round(row["arr_delay_mean"], 2)) for row in worst[:3]] == [
        ("EWR", "TYS", 41.15),
        ("EWR", "TUL", 33.66),
        ("EWR", "OKC", 30.62),
    ]

    weights = json.loads(artifact(shell, "model/delay").read_text())
    assert weights["precip"] > 0 > weights["visib"]  # rain and poor sight delay


def test_the_check_that_warns_names_the_days_that_the_data_lack(year):
    found = asset(year[0], "weather/daily")["checks"]
    assert [(check["partition"], check["passed"]) for check in found[:3]] == [
        ("2013-12-31", False),
        ("2013-12-30", False),
        ("2013-12-29", True),
    ]


def test_a_second_run_runs_nothing(year):
    shell, _ = year
    assert f"0 run, {STEPS:,} reused" in shell("materialize", "*", *FILE)


def test_an_edited_function_makes_exactly_its_readers_stale_and_is_named(edited):
    line = edit(edited, CLEAN, "pc.cast(pc.max_element_wise(delay, 0, skip_nulls=False), pa.float64())")

    assert actions(edited) == {
        "run": {"flights/daily": 365},
        "depends": BELOW_FLIGHTS,
        "fresh": {**INGEST, "weather/daily": 365},
    }
    assert f"clean_delay (flights/cleaning.py:{line}) changed" in edited("plan", "flights/daily", *FILE)

    why = edited("why", "reports/monthly", "--partition", "2013-03", *FILE)
    assert "reports/monthly 2013-03 would be stale once flights/assets.py is deployed\n" in why
    assert f"clean_delay (flights/cleaning.py:{line}) changed" in why
    assert "flights/daily 2013-03-01..2013-03-31" in why
    assert "delays/by_carrier -> reports/monthly" in why
    assert "reports/monthly 2013-03 is fresh\n" in edited("why", "reports/monthly", "--partition", "2013-03")


def test_comments_and_documentation_make_nothing_stale(edited):
    edit(edited, f"    return {CLEAN}", f"    # as the airlines report it\n\n    return {CLEAN}  # minutes")
    edit(edited, "The rows of one local date.", "One local date's rows.")
    assert actions(edited) == {"fresh": EVERYTHING}


def test_raw_data_that_come_out_equal_leave_everything_else_fresh(edited):
    assert json.loads(edited("materialize", "flights/raw", "--force", *FILE, "--json"))["ran"] == 1
    assert len(asset(edited, "flights/raw")["versions"]) == 2
    assert actions(edited) == {"fresh": EVERYTHING}


def test_a_change_without_effect_runs_what_it_touches_and_nothing_beyond(environ, tmp_path):
    january = ("+reports/monthly", *FILE, "--partition", "2013-01", "--json")
    shell = copy_of_example(tmp_path, environ, "refactored")
    assert json.loads(shell("materialize", *january))["ran"] == 2 + 2 * 31 + 1

    edit(shell, CLEAN, "pc.multiply(pc.cast(delay, pa.float64()), 1.0)")
    result = json.loads(shell("materialize", *january))
    assert (result["ran"], result["failed"]) == (31, 0)


def test_another_parameter_is_tried_without_replacing_the_model(edited):
    tried = ("materialize", "model/delay", *FILE, "--param", "model/delay.ridge=1000", "--json")
    assert [json.loads(edited(*tried))["ran"] for _ in range(2)] == [1, 0]
    assert actions(edited) == {"fresh": EVERYTHING}


# ── a year through what only a log can do: branch, promotion, rollback, retraction, reproduction ────────────
# These follow each other, as they would in a week of work, and leave the year as they changed it.


@pytest.fixture(scope="module")
def week(year, tmp_path_factory):
    """A branch dev of the year in which delays were made a minute longer, and its promotion; what each said."""
    shell = copy_of_example(tmp_path_factory.mktemp("week"), year[0].environ, "flights")
    answer(shell, "env", "create", "dev", "--from", "prod")
    edit(shell, CLEAN, f"pc.add({CLEAN}, 1.0)")
    changed = answer(shell, "materialize", "*", *FILE, "--env", "dev")
    untouched = status(shell, "--env", "prod")
    diff = answer(shell, "env", "diff", "dev")
    before = runs(shell)
    promoted = answer(shell, "env", "promote", "dev")
    return shell, {
        "changed": changed,
        "untouched": untouched,
        "diff": diff,
        "promoted": promoted,
        "runs of the promotion": runs(shell) - before,
    }


def test_only_what_changed_runs_in_the_branch_and_prod_is_as_it_was(week):
    _, said = week
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


def test_every_asset_is_reproduced_identically_by_the_code_of_then(year, week):
    """Of each the first, the last and what is between them, ten days apart."""
    (_, first), (shell, _) = year, week
    numbers = {}
    for step in answer(shell, "run", first["run"], "--all")["steps"]:
        numbers.setdefault(step["assets"][0], []).append(step["step"])
    assert {key: len(of) for key, of in numbers.items()} == EVERYTHING
    only = sorted({step for of in numbers.values() for step in (*of[::10], of[-1])})
    found = answer(shell, "reproduce", first["run"], "--only", ",".join(map(str, only)))
    assert [output["verdict"] for output in found["outputs"]] == ["identical"] * len(only)
    assert {output["asset"] for output in found["outputs"]} == EVERYTHING.keys()
    assert not any(found["changes"].values())


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


def copy_of_example(folder: Path, environ: dict[str, str], project: str) -> Shell:
    """The example's files in a project folder of their own."""
    shutil.copytree(EXAMPLE, folder / "flights", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pyproject.toml").touch()
    return Shell(folder, {**environ, "LATEWOOD_PROJECT": project})


def edit(shell: Shell, old: str, new: str) -> int:
    """Replace text in cleaning.py; the line of clean_delay."""
    file = shell.folder / "flights" / "cleaning.py"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    return file.read_text().partition("def clean_delay")[0].count("\n") + 1


def actions(shell: Shell) -> dict[str, dict[str, int]]:
    """What the plan of everything would do: action, asset, number of partitions."""
    found: dict[str, dict[str, int]] = {}
    for step in json.loads(shell("plan", "*", *FILE, "--json"))["steps"]:
        for key in step["assets"]:
            found.setdefault(step["action"], {})[key] = step["count"]
    return found


def asset(shell: Shell, key: str) -> dict:
    return json.loads(shell("asset", key, "--json"))


def artifact(shell: Shell, key: str, partition: str = "") -> Path:
    """The file of an asset partition's head."""
    of = ("--partition", partition) if partition else ()
    name = json.loads(shell("why", key, *of, "--json"))["head"]["artifact"]
    (file,) = (Path(shell.environ["LATEWOOD_HOME"]) / "store" / shell.environ["LATEWOOD_PROJECT"]).rglob(name)
    return file
