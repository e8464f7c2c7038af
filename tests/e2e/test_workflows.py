"""Workflows as users launch them: each story is a file and a few commands."""

import json

import pytest

FLOW = """
from pathlib import Path
from typing import NamedTuple

from latewood import LaunchPlan, WorkflowFailure, task, when, workflow

CALLS = Path(__file__).with_name("calls")

def called(name):
    with CALLS.open("a") as file:
        file.write(f"{name} ")

class Split(NamedTuple):
    train: list[int]
    test: list[int]

@task
def split(data: Path) -> Split:
    called("split")
    numbers = [int(line) for line in data.read_text().split()]
    return Split(numbers[::2], numbers[1::2])

@task
def train(rows: list[int], *, depth: int) -> int:
    called(f"train{depth}")
    if depth == 13:
        raise ValueError("unlucky")
    return sum(rows) * depth

@task
def score(model: int, rows: list[int]) -> float:
    called("score")
    return model / sum(rows)

@task
def publish(model: int) -> str:
    called("publish")
    return f"published {model}"

@task
def drop(why: str) -> str:
    called("drop")
    return why

@task
def notify(failure: WorkflowFailure) -> None:
    called("notify")
    print(failure.workflow, [(step.assets, step.error, step.message) for step in failure.steps])
    if CALLS.with_name("deaf").exists():
        raise OSError("nobody listens")

@workflow(on_failure=notify)
def numbers(data: Path, *, depth: int = 2, least: float = 3.0) -> str:
    parts = split(data)
    model = train(parts.train, depth=depth)
    return when(score(model, parts.test) >= least).then(publish, model).otherwise(drop, "too low")

@workflow
def short(*, depth: int = 2, data: Path = Path("numbers.txt")) -> int:
    return train(split(data).train, depth=depth)

nightly = LaunchPlan("nightly", numbers, fixed={"depth": 6}, defaults={"data": "numbers.txt", "least": 1.0})
"""


@pytest.fixture
def shell(own_log):
    return own_log


@pytest.fixture
def flow(shell):
    """A folder with the file; `flow.calls()` are the calls since it was last asked."""
    shell.write("latewood.toml", "")
    shell.write("flow.py", FLOW)
    shell.write("numbers.txt", "1 2 3 4")
    return shell


def calls(flow):
    file = flow.folder / "calls"
    made = file.read_text().split() if file.exists() else []
    file.unlink(missing_ok=True)
    return made


def launch(flow, *arguments, code=0):
    done = flow.here("launch", *arguments, "--json")
    assert done.code == code, done.out + done.err
    return json.loads(done.out)


def skipped(flow, run):
    done = flow.here("log", "tail", "--after", "0", "--json")
    events = [json.loads(line) for line in done.out.splitlines()]
    return [
        event["data"]["reason"] for event in events if event["type"] == "step.skipped" and event["data"]["run"] == run
    ]


def test_a_launch_runs_what_it_must_and_a_second_one_nothing(flow):
    first = launch(flow, "numbers", "-f", "flow.py", "--param", "data=numbers.txt")
    assert calls(flow) == ["split", "train2", "score", "drop"]
    assert skipped(flow, first["run"]) == ["branch not taken"]
    assert (first["status"], first["skipped"]) == ("succeeded", 0)
    second = launch(flow, "numbers", "--param", "data=numbers.txt")
    assert (calls(flow), second["ran"]) == ([], 0)
    assert skipped(flow, second["run"]) == ["branch not taken"]


def test_an_input_changes_what_depends_on_it_and_several_values_are_one_run(flow):
    launch(flow, "numbers", "-f", "flow.py", "--param", "data=numbers.txt")
    calls(flow)
    launch(flow, "numbers", "--param", "data=numbers.txt", "--param", "least=1")
    assert calls(flow) == ["publish"]
    swept = "numbers", "--param", "data=numbers.txt", "--param", "depth=2,5,6"
    assert launch(flow, *swept)["status"] == "succeeded"
    assert calls(flow) == ["train5", "train6", "score", "score", "publish", "publish"]
    assert (launch(flow, *swept)["ran"], calls(flow)) == (0, [])
    flow.write("numbers.txt", "1 2 3 40")
    launch(flow, "numbers", "--param", "data=numbers.txt", "--param", "least=1")
    assert calls(flow) == ["split", "score"]  # the half that is trained on is as it was; the rest was made before


def test_the_same_tasks_with_the_same_values_are_reused_from_another_workflow(flow):
    launch(flow, "short", "-f", "flow.py")
    assert calls(flow) == ["split", "train2"]
    launch(flow, "numbers", "--param", "data=numbers.txt")
    assert calls(flow) == ["score", "drop"]


def test_a_workflow_whose_inputs_have_values_has_heads(flow):
    flow.here("materialize", "*", "-f", "flow.py")
    assert calls(flow) == ["split", "train2"]
    assets = json.loads(flow.here("assets", "--json").out)["assets"]
    status = {asset["key"]: (asset["status"], *asset["flags"]) for asset in assets}
    assert status["short/train"] == ("fresh",)
    assert status["numbers/train"] == ("missing", "waiting")
    assert "waiting for inputs" in flow.here("assets").out
    again = flow.here("materialize", "*")
    assert "left out: numbers/split/train and 7 more wait for --param numbers.data=VALUE" in again.out
    assert "=VALUE: of numbers all steps run, or none\n" in again.out
    assert calls(flow) == []
    variant = flow.here("materialize", "short/*", "--param", "short.depth=3", "--json")
    assert (variant.code, calls(flow)) == (0, ["train3"])


def test_what_cannot_be_launched_is_said(flow):
    flow.here("deploy", "-f", "flow.py")
    told = {
        ("launch", "numbers"): "split/train and 7 more wait for --param numbers.data=VALUE",
        ("materialize", "numbers/train"): "numbers/train waits for --param numbers.data=VALUE",
        ("launch", "nightl"): 'nothing to launch is called "nightl"; near: nightly',
        ("launch", "numbers", "--param", "dept=3"): '"numbers" has data, depth, least',
        ("launch", "nightly", "--param", "depth=3"): 'launch plan "nightly" fixes depth at 6',
        ("materialize", "short/*", "--param", "shor.depth=3"): 'no asset "shor"; near: short',
        ("materialize", "short/*", "--param", "short.dept=3"): '"short" has data, depth, not "dept"',
    }
    for arguments, said in told.items():
        done = flow.here(*arguments)
        assert (done.code, said in done.err) == (2, True), done.err


def test_a_launch_plan_brings_its_values(flow):
    planned = flow.here("launch", "nightly", "-f", "flow.py", "--dry-run")
    assert (planned.code, calls(flow)) == (0, [])
    assert "numbers/publish" in planned.out
    run = launch(flow, "nightly", "-f", "flow.py", "--param", "least=100")["run"]
    assert calls(flow) == ["split", "train6", "score", "drop"]
    requested = json.loads(flow.here("log", "tail", "--after", "0", "--json").out.splitlines()[-1])
    assert requested["type"] == "run.ended"
    events = [json.loads(line) for line in flow.here("log", "tail", "--after", "0", "--json").out.splitlines()]
    (asked,) = [e["data"] for e in events if e["type"] == "run.requested" and e["data"]["run"] == run]
    assert (asked["launch"], asked["selection"]) == ("nightly", "numbers/*")


def test_both_branches_over_time_and_a_plan_that_knows_them(flow):
    values = ("--param", "short.depth=2")
    flow.write("flow.py", FLOW.replace("data: Path, *, depth", 'data: Path = Path("numbers.txt"), *, depth'))
    flow.here("materialize", "numbers/*", "-f", "flow.py")
    assert calls(flow) == ["split", "train2", "score", "drop"]
    plan = json.loads(flow.here("plan", "*", "--json", *values).out)
    actions = {step["assets"][0]: step["action"] for step in plan["steps"]}
    assert actions["numbers/publish"] == "skip"
    assert {actions[f"numbers/{name}"] for name in ("train", "score", "when", "drop", "when/result")} == {"fresh"}
    flow.write("numbers.txt", "100 1")
    flow.here("materialize", "numbers/*")
    assert calls(flow) == ["split", "train2", "score", "publish"]
    shown = json.loads(flow.here("show", "numbers/when/result", "--json").out)
    assert shown["value"] == "published 200"
    flow.write("numbers.txt", "1 2 3 4")
    flow.here("materialize", "numbers/*")
    assert calls(flow) == []
    assert json.loads(flow.here("show", "numbers/when/result", "--json").out)["value"] == "too low"
    assert "Everything is fresh" in flow.here("materialize", "*").out


def test_a_failure_is_handled_once_after_the_run_and_never_hidden(flow):
    arguments = ("numbers", "--param", "data=numbers.txt", "--param", "depth=13")
    failed = launch(flow, *arguments, "-f", "flow.py", code=1)
    assert calls(flow) == ["split", "train13", "notify"]
    assert (failed["status"], failed["failed"]) == ("failed", 1)
    flow.write("deaf", "")
    again = flow.here("launch", *arguments)
    assert (again.code, calls(flow)) == (1, ["train13", "notify"])
    assert "ValueError: unlucky" in again.err
    assert "on failure of numbers: flow:notify failed: OSError: nobody listens" in again.out
    events = [json.loads(line) for line in flow.here("log", "tail", "--after", "0", "--json").out.splitlines()]
    handled = [event["data"] for event in events if event["type"] == "failure.handled"]
    assert [(fact["steps"], "failure" in fact) for fact in handled] == [([1], False), ([1], True)]
    assert [event["type"] for event in events[-2:]] == ["failure.handled", "run.ended"]


def test_workflows_and_plans_are_known_without_their_code(flow):
    flow.here("deploy", "-f", "flow.py")
    flow.write("flow.py", FLOW.replace("nightly = ", "nightly = None #"))
    flow.here("deploy", "-f", "flow.py")
    events = [json.loads(line) for line in flow.here("log", "tail", "--after", "0", "--json").out.splitlines()]
    told = [(event["type"], event["data"]["name"]) for event in events if event["type"].startswith("launchable.")]
    assert told == [
        ("launchable.defined", "nightly"),
        ("launchable.defined", "numbers"),
        ("launchable.defined", "short"),
        ("launchable.dropped", "nightly"),
    ]
    assert "near: " not in flow.here("launch", "nightly").err
    assert "rows equal a rebuild" in flow.here("log", "verify").out


HALVES = """
from latewood import task, workflow

@task
def base() -> int:
    return 2

@task
def times(number: int, *, a: int) -> int:
    return number * a

@workflow
def calc(a: int) -> int:
    return times(base(), a=a)
"""


def test_what_a_given_value_does_not_reach_is_made_as_ever_and_waits_for_nothing_then(shell):
    shell.write("w.py", HALVES)
    done = shell.here("launch", "calc", "-f", "w.py", "--param", "a=3")
    made = "Other parameters than the defaults: variants were made of 1 asset; what they do not reach is up to date"
    assert (done.code, made in done.out) == (0, True), done.out
    assets = json.loads(shell.here("assets", "--json").out)["assets"]
    status = {asset["key"]: (asset["status"], *asset["flags"]) for asset in assets}
    assert status == {"calc/base": ("fresh",), "calc/times": ("missing", "waiting")}
