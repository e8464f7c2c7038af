"""The diabetes example on its real data, or its like: a sweep, in which what is shared is computed once."""

import json
import random
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TRAINING = REPOSITORY / "examples/diabetes/training.py"
DATA = REPOSITORY.parent / "shared/data/pima-indians-diabetes.csv"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The data set, which is not part of the repository; without it rows that are like its: most follow from three."""
    if DATA.is_file():
        return DATA
    chosen = random.Random(7)
    rows = []
    for _ in range(768):
        glucose, mass, age = chosen.gauss(120, 30), chosen.gauss(32, 7), chosen.randint(21, 70)
        risk = (glucose - 120) / 30 + (mass - 32) / 14 + (age - 45) / 40 + chosen.gauss(-0.5, 0.4)
        others = chosen.randint(0, 12), chosen.randint(50, 100), chosen.randint(0, 60), chosen.randint(0, 300)
        pregnancies, pressure, skin, insulin = others
        measures = (
            pregnancies,
            round(glucose),
            pressure,
            skin,
            insulin,
            round(mass, 1),
            round(chosen.random(), 3),
            age,
        )
        rows.append(",".join(map(str, (*measures, int(risk > 0)))))
    file = tmp_path_factory.mktemp("data") / "diabetes.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


def test_a_sweep_of_twelve_splits_once_and_finds_a_good_model(shell, data):
    launch = ["launch", "diabetes", "-f", str(TRAINING), "--param", f"data={data}"]
    sweep = [*launch, "--param", "depth=2,3,4,6", "--param", "eta=0.05,0.1,0.3"]
    assert re.findall(r"(\d+) run, (\d+) reused", shell(*sweep)) == [(str(1 + 12 * 3), "0")]
    assert re.findall(r"(\d+) run, (\d+) reused", shell(*sweep)) == [("0", str(1 + 12 * 3))]
    found = json.loads(shell("compare", "diabetes/metrics", "--by", "accuracy", "--json"))["versions"]
    assert set(found[0]["parameters"]) == {"diabetes/train.depth", "diabetes/train.eta"}
    assert [len(found), found[0]["metrics"]["accuracy"] >= 0.72] == [12, True]


def test_a_launched_run_is_reproduced_identically(shell, data):
    launch = ["launch", "diabetes", "-f", str(TRAINING), "--param", f"data={data}", "--param", "eta=0.3", "--json"]
    found = json.loads(shell("reproduce", json.loads(shell(*launch))["run"], "--json"))
    assert [output["verdict"] for output in found["outputs"]] == ["identical"] * 5


def test_a_search_over_a_list_trains_for_what_is_new_in_it(shell, data):
    launch = ["launch", "search", "-f", str(TRAINING), "--param", f"data={data}"]
    assert "elements=3\n" in shell(*launch, "--param", "depths=[2,3,4]")
    assert "elements=4, reused=3\n" in shell(*launch, "--param", "depths=[6,2,3,4]")
