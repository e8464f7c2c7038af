"""The flights example as a newcomer meets it: a year of real data, the same again, and what an edit makes stale.

One project holds the whole year; the stories on it leave it as it was. Each works on its own copy of the files.
"""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from e2e.conftest import Shell

EXAMPLE = Path(__file__).parents[2] / "examples" / "flights"
FILE = ("-f", "flights/assets.py")
STEPS = 5 + 3 * 365 + 12 + 4  # ingest; flights, weather and delays by day; reports by month; over the year
CLEAN = "pc.cast(delay, pa.float64())"


@pytest.fixture(scope="module")
def year(environ, tmp_path_factory):
    """The shell of a project in which the whole year was materialized, and what that printed."""
    shell = copy_of_example(tmp_path_factory.mktemp("year"), environ, "flights")
    return shell, json.loads(shell("materialize", "*", *FILE, "--json"))


@pytest.fixture
def edited(year, tmp_path):
    """Another copy of the files in the same project, for editing: a plan of it deploys it, the next plan another."""
    return copy_of_example(tmp_path, year[0].environ, "flights")


def test_a_year_is_materialized_and_its_values_are_right(year):
    shell, result = year
    assert (result["ran"], result["reused"], result["failed"], result["status"]) == (STEPS, 0, 0, "succeeded")

    new_year = table(shell, "flights/daily", "2013-01-01")
    assert new_year.num_rows == 842
    assert new_year.column_names[-2:] == ["dep_delay", "arr_delay"]
    assert table(shell, "delays/by_carrier", "2013-01-01")["departed"].to_pylist()[:3] == [31, 94, 7]

    january = table(shell, "reports/monthly", "2013-01").to_pylist()
    assert sum(row["flights"] for row in january) == 27_004
    assert sum(row["cancelled"] for row in january) == 521
    united = next(row for row in january if row["carrier"] == "UA")
    assert (united["name"], united["flights"]) == ("United Air Lines Inc.", 4_637)

    worst = table(shell, "reports/worst_routes", "").to_pylist()
    assert len(worst) == 20
    assert (worst[0]["origin"], worst[0]["dest"], round(worst[0]["arr_delay_mean"], 1)) == ("EWR", "CAE", 44.6)

    weights = json.loads(artifact(shell, "model/delay", "").read_text())
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
        "depends": {
            "delays/by_carrier": 365,
            "reports/monthly": 12,
            "reports/worst_routes": 1,
            "model/features": 1,
            "model/delay": 1,
            "model/scores": 1,
        },
        "fresh": {"airlines": 1, "airports": 1, "planes": 1, "flights/raw": 1, "weather/raw": 1, "weather/daily": 365},
    }
    assert f"clean_delay (flights/cleaning.py:{line}) changed" in edited("plan", "flights/daily", *FILE)

    why = edited("why", "reports/monthly", "--partition", "2013-03")
    assert "reports/monthly 2013-03 is stale since position" in why
    assert f"clean_delay (flights/cleaning.py:{line}) changed" in why
    assert "flights/daily 2013-03-01..2013-03-31" in why
    assert "delays/by_carrier -> reports/monthly" in why


def test_comments_and_documentation_make_nothing_stale(edited):
    edit(edited, f"    return {CLEAN}", f"    # as the airlines report it\n\n    return {CLEAN}  # minutes")
    edit(edited, "The rows of one local date.", "One local date's rows.")
    assert actions(edited) == {"fresh": everything(edited)}


def test_raw_data_that_come_out_equal_leave_everything_else_fresh(edited):
    assert json.loads(edited("materialize", "flights/raw", "--force", *FILE, "--json"))["ran"] == 1
    assert len(asset(edited, "flights/raw")["versions"]) == 2
    assert actions(edited) == {"fresh": everything(edited)}


def test_a_change_without_effect_runs_what_it_touches_and_nothing_beyond(environ, tmp_path):
    january = ("+reports/monthly", *FILE, "--partition", "2013-01", "--json")
    shell = copy_of_example(tmp_path, environ, "refactored")
    assert json.loads(shell("materialize", *january))["ran"] == 2 + 2 * 31 + 1

    edit(shell, CLEAN, "pc.multiply(pc.cast(delay, pa.float64()), 1.0)")
    result = json.loads(shell("materialize", *january))
    assert (result["ran"], result["failed"]) == (31, 0)


def test_another_parameter_is_tried_without_replacing_the_model(edited):
    before = artifact(edited, "model/delay", "")
    tried = ("materialize", "model/delay", *FILE, "--param", "model/delay.ridge=1000", "--json")
    assert json.loads(edited(*tried))["ran"] == 1
    assert (json.loads(edited(*tried))["ran"], artifact(edited, "model/delay", "")) == (0, before)
    assert actions(edited) == {"fresh": everything(edited)}


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


def everything(shell: Shell) -> dict[str, int]:
    """Every asset that is deployed, and its number of partitions."""
    return {step["assets"][0]: step["count"] for step in json.loads(shell("plan", "*", *FILE, "--json"))["steps"]}


def asset(shell: Shell, key: str) -> dict:
    return json.loads(shell("asset", key, "--json"))


def artifact(shell: Shell, key: str, partition: str) -> Path:
    """The file of an asset partition's head."""
    name = json.loads(shell("why", key, "--partition", partition, "--json"))["head"]["artifact"]
    (file,) = (Path(shell.environ["LATEWOOD_HOME"]) / "store").rglob(name)
    return file


def table(shell: Shell, key: str, partition: str):
    return pq.read_table(artifact(shell, key, partition))
