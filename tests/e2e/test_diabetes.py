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
    told = shell(*sweep)
    ran = [int(count) for count in re.findall(r"(\d+) run", told)]
    assert (len(ran), sum(ran)) == (12, 1 + 12 * 3)
    assert f"data={DATA} depth=2 eta=0.05" in told
    again = shell(*sweep)
    assert re.findall(r"(\d+) run, (\d+) reused", again) == [("0", "4")] * 12
    found = json.loads(shell("asset", "diabetes/metrics", "--json"))["versions"]
    values = [
        json.loads(shell("show", "diabetes/metrics", "--version", v["version"], "--json"))["value"] for v in found
    ]
    assert max(value["accuracy"] for value in values) >= 0.72
