"""Sweeps and what follows: compare, promote, pin, as users do it."""

import json
import re
from collections import Counter

import pytest

MODEL = """
from pathlib import Path
from latewood import Output, asset, check

def called(name):
    with Path(__file__).with_name("calls").open("a") as file:
        file.write(f"{name}\\n")

@asset
def split() -> list[int]:
    called("split")
    return [1, 2, 3, 4]

@asset
def train(split: list[int], *, depth: int = 3, eta: float = 0.1, words: list[str] = ["a"]) -> float:
    called("train")
    return sum(split) * depth * eta

@asset
def metrics(train: float) -> Output[dict[str, float]]:
    called("metrics")
    return Output({"loss": abs(11 - train)}, metadata={"rows": 4, "note": "as it is"})

@check(metrics, blocking=True)
def is_small(metrics: dict[str, float]) -> bool:
    return metrics["loss"] < 17
"""
SWEEP = "--param", "train.depth=2,3,6,9", "--param", "train.eta=0.1,0.2,0.3"


@pytest.fixture
def shell(own_log):
    return own_log


@pytest.fixture
def model(shell):
    """A folder with the file."""
    shell.write("model.py", MODEL)
    return shell


def calls(shell):
    file = shell.folder / "calls"
    made = Counter(file.read_text().split()) if file.exists() else Counter()
    file.unlink(missing_ok=True)
    return made


def answer(shell, *arguments):
    done = shell.here(*arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def statuses(shell, *arguments):
    return {asset["key"]: asset["status"] for asset in answer(shell, "assets", *arguments)["assets"]}


def test_from_a_sweep_to_a_pinned_best(model):
    planned = model.here("plan", "*", "-f", "model.py", *SWEEP).out
    assert re.search(r"run +split +missing\nrun +train +12 variants +missing\nrun +metrics +12 variants", planned)
    swept = answer(model, "materialize", "*", "-f", "model.py", *SWEEP)
    assert (swept["ran"] + swept["reused"], swept["status"]) == (25, "succeeded")
    assert calls(model)["split"] == 1
    assert (answer(model, "materialize", "*", *SWEEP)["ran"], calls(model)) == (0, Counter())
    assert set(statuses(model).values()) == {"fresh"}

    compared = answer(model, "compare", "train", "--by", "value", "--limit", "2")
    assert (compared["considered"], [v["metrics"]["value"] for v in compared["versions"]]) == (12, [27.0, 18.0])
    best, *_, worst = answer(model, "compare", "metrics", "--by", "loss", "--lowest")["versions"]
    assert best["parameters"] == {"train.depth": [6], "train.eta": [0.2]}
    assert best["metrics"] == {"rows": 4, "loss": 1.0}
    table = model.here("compare", "metrics", "--by", "loss", "--lowest").out.splitlines()
    assert re.match(r" +version +made +train.depth +train.eta +loss +rows$", table[0])
    assert next(line for line in table if line.startswith("●")).split()[4:6] == ["3", "0.1"]
    assert worst["metrics"]["loss"] == 16.0

    promoted = model.here("promote", best["version"])
    assert "  latewood pin train.depth=6 train.eta=0.2\n" in promoted.out
    assert statuses(model) == {"split": "fresh", "train": "fresh", "metrics": "stale"}
    train = answer(model, "compare", "train")["versions"]
    (chosen,) = [v for v in train if v["parameters"] == {"train.depth": [6], "train.eta": [0.2]}]
    assert "train: " in model.here("promote", chosen["version"]).out
    why = model.here("why", "train").out
    assert re.search(r"parameter +depth of train: 6 -> 3   event [\d,]+\n", why)
    assert "for them to stay: latewood pin train.depth=6 train.eta=0.2\n" in why

    assert model.here("pin", "train.depth=6", "train.eta=0.2").out.startswith("train.depth: 3 -> 6\n")
    assert set(statuses(model).values()) == {"fresh"}
    assert (answer(model, "materialize", "*")["ran"], calls(model)) == (0, Counter())
    page = model.here("asset", "train").out
    assert "depth=6 (pinned by tester), eta=0.2 (pinned by tester), words=['a']" in page
    assert model.here("log", "verify").code == 0


def test_zipped_values_are_tried_pairwise(model):
    zipped = "--param", "train.depth=2,6", "--param", "train.eta=0.1,0.2", "--param", 'train.words=["a","b"]', "--zip"
    steps = answer(model, "plan", "*", "-f", "model.py", *zipped)["steps"]
    assert [step["trial"] for step in steps if step["assets"] == ["train"]] == [
        {"train.depth": 2, "train.words": ["a", "b"]},
        {"train.depth": 6, "train.eta": 0.2, "train.words": ["a", "b"]},
    ]
    answer(model, "materialize", "*", "-f", "model.py", *zipped)
    assert calls(model)["train"] == 2


def test_lists_and_texts_with_commas_can_be_given(model):
    answer(model, "materialize", "*", "-f", "model.py", "--param", 'train.words=["a","b"],[]')
    found = [v["parameters"]["train.words"] for v in answer(model, "compare", "train")["versions"]]
    assert found == [[[]], [["a", "b"]]]


def test_versions_that_differ_in_code_alone_do_not_look_alike(model):
    model.here("materialize", "*", "-f", "model.py")
    assert "code" not in model.here("compare", "train").out.split("\n")[0].split()
    model.write("model.py", MODEL.replace("* depth * eta", "* eta * depth"))
    model.here("materialize", "*")
    head, *rows = [line.split() for line in model.here("compare", "train").out.splitlines()[:3]]
    assert head[:3] == ["version", "made", "code"]
    found = answer(model, "compare", "train")["versions"]
    assert [row[-2] for row in rows] == [v["code"][:8] for v in found]
    assert len({v["code"] for v in found}) == 2


def test_why_says_who_pinned_and_branches_inherit(model):
    answer(model, "materialize", "*", "-f", "model.py")
    model.here("pin", "train.depth=6")
    assert re.search(
        r"parameter +depth of train: 3 -> 6 \(pinned by tester\) +event [\d,]+\n", model.here("why", "train").out
    )
    assert model.here("env", "create", "dev").code == 0
    assert answer(model, "pin", "--env", "dev")["pins"][0]["value"] == 6
    assert model.here("unpin", "train.depth", "--env", "dev").out.startswith("train.depth: 6 -> its default\n")
    assert statuses(model, "--env", "dev")["train"] == "fresh"
    assert statuses(model)["train"] == "stale"
    assert "unpinned by tester" not in model.here("why", "train").out
    diff = model.here("env", "diff", "dev").out
    assert re.search(r"pin +train.depth +6 +default\n", diff)
    assert "1 pinned parameter" in model.here("env", "promote", "dev").out
    assert answer(model, "pin")["pins"] == []
    assert statuses(model)["train"] == "fresh"
    assert model.here("log", "verify").code == 0


def test_a_pin_that_the_target_changed_meanwhile_is_no_match_for_a_promotion(model):
    answer(model, "materialize", "*", "-f", "model.py")
    model.here("env", "create", "dev")
    model.here("pin", "train.depth=9", "--env", "dev")
    model.here("pin", "train.depth=6")
    refused = model.here("env", "promote", "dev")
    assert (refused.code, "train.depth: pinned otherwise in prod" in refused.err) == (2, True)
    assert model.here("env", "promote", "dev", "split").code == 0
    assert answer(model, "pin")["pins"][0]["value"] == 6
    assert model.here("env", "promote", "dev", "--force").code == 0
    assert answer(model, "pin")["pins"][0]["value"] == 9


def test_what_a_blocking_check_refuses_is_not_promoted(model):
    done = model.here("materialize", "*", "-f", "model.py", "--param", "train.depth=40")
    assert "1 refused" in done.out
    (version,) = [v["version"] for v in answer(model, "compare", "metrics")["versions"]]
    refused = model.here("promote", version)
    assert (refused.code, "its blocking check is_small refuses it" in refused.err) == (2, True)
    assert statuses(model)["metrics"] == "missing"


def test_what_was_retracted_is_not_promoted(model):
    answer(model, "materialize", "*", "-f", "model.py", *SWEEP)
    version = answer(model, "compare", "train", "--by", "value")["versions"][0]["version"]
    assert model.here("retract", version, "--reason", "wrong").code == 0
    assert f'"train" {version} was retracted' in model.here("promote", version).err


def test_what_was_removed_is_not_promoted(model):
    answer(model, "materialize", "*", "-f", "model.py", *SWEEP)
    version = answer(model, "compare", "train", "--by", "value")["versions"][0]["version"]
    shown = answer(model, "show", "train", "--version", version)
    (model.folder / shown["path"]).unlink()
    assert f"the artifact of {version} is gone" in model.here("promote", version).err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["materialize", "*", "--param", "train.dept=3"], '"train" has no parameter "dept"; near: depth'),
        (["materialize", "*", "--param", "trian.depth=3"], 'no asset "trian"; near: train'),
        (["materialize", "*", "--param", "train.depth=3,six"], "expected int, found 'six'"),
        (["materialize", "split", "--param", "train.depth=3,6"], '"train" is not selected'),
        (["plan", "*", "--param", "train.depth=1,2", "--param", "train.eta=1,2,3", "--zip"], "found 2 and 3"),
        (
            ["plan", "*", *(part for name in ("depth", "eta") for part in ("--param", f"train.{name}={'1,' * 100}1"))],
            "10,201 combinations of parameters",
        ),
        (["pin", "train.dept=3"], 'has no parameter "dept"; near: depth'),
        (["pin", "train.depth=six"], "expected int, found 'six'"),
        (["pin", "train.depth=3,6"], "expected one value, found 2"),
        (["pin", "train"], "expected ASSET.NAME=VALUE"),
        (["unpin", "train.depth"], '"depth" not pinned'),
        (["promote", "nonsense"], 'no version "nonsense"'),
        (["promote", "run.9999999999999"], 'no version "run.9999999999999"'),
        (["compare", "metrics", "--by", "los"], 'has a metric "los"; near: loss'),
        (["compare", "metrics", "--partition", "2013"], "has no partitions"),
    ],
)
def test_what_cannot_be_is_said(model, arguments, message):
    answer(model, "materialize", "*", "-f", "model.py")
    done = model.here(*arguments)
    assert (done.code, message in done.err) == (2, True), done.err
