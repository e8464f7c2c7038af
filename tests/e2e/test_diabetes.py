"""The diabetes example on its real data, where that is at hand: a sweep, in which what is shared is computed once."""

import json
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TRAINING = REPOSITORY / "examples/diabetes/training.py"
DATA = REPOSITORY.parent / "shared/data/pima-indians-diabetes.csv"

pytestmark = pytest.mark.skipif(not DATA.is_file(), reason="the data set is not part of the repository")


def test_a_sweep_of_twelve_splits_once_and_finds_a_good_model(shell):
    launch = ["launch", "diabetes", "-f", str(TRAINING), "--param", f"data={DATA}"]
    sweep = [*launch, "--param", "depth=2,3,4,6", "--param", "eta=0.05,0.1,0.3"]
    assert re.findall(r"(\d+) run, (\d+) reused", shell(*sweep)) == [(str(1 + 12 * 3), "0")]
    assert re.findall(r"(\d+) run, (\d+) reused", shell(*sweep)) == [("0", str(1 + 12 * 3))]
    found = json.loads(shell("compare", "diabetes/metrics", "--by", "accuracy", "--json"))["versions"]
    assert set(found[0]["parameters"]) == {"diabetes/train.depth", "diabetes/train.eta"}
    assert [len(found), found[0]["metrics"]["accuracy"] >= 0.72] == [12, True]


def test_a_launched_run_is_reproduced_identically(shell):
    launch = ["launch", "diabetes", "-f", str(TRAINING), "--param", f"data={DATA}", "--param", "eta=0.3", "--json"]
    found = json.loads(shell("reproduce", json.loads(shell(*launch))["run"], "--json"))
    assert [output["verdict"] for output in found["outputs"]] == ["identical"] * 5


def test_a_search_over_a_list_trains_for_what_is_new_in_it(shell):
    launch = ["launch", "search", "-f", str(TRAINING), "--param", f"data={DATA}"]
    assert "elements=3\n" in shell(*launch, "--param", "depths=[2,3,4]")
    assert "elements=4, reused=3\n" in shell(*launch, "--param", "depths=[6,2,3,4]")
