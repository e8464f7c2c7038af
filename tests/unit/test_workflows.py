"""Workflows: what bodies are composed into, and what is said of those that cannot be."""

import re
from textwrap import dedent

import pytest

from latewood.authoring import Task
from latewood.choices import when
from latewood.decide.canonical import digest
from latewood.decide.keys import truth
from latewood.engine.loading.loader import load_file
from latewood.engine.values.codecs import encode
from latewood.errors import DefinitionsInvalid
from latewood.model.workflows import LaunchPlanDefinition

HEAD = """\
from pathlib import Path
from typing import NamedTuple
from dataclasses import dataclass
import pyarrow as pa
from latewood import *

class Split(NamedTuple):
    train: pa.Table
    test: pa.Table

@dataclass
class Scores:
    auc: float
    rows: int

@task
def split(data: Path, *, seed: int = 7) -> Split: ...
@task
def train(table: pa.Table, *, depth: int = 3) -> str: ...
@task
def score(model: str, test: pa.Table) -> Scores: ...
@task
def pair() -> tuple[int, str]: ...
@task
def number() -> int: ...
@task
def double(n: int) -> int: ...
@task
def tell(n: int) -> None: ...
"""
FIRST = len(HEAD.splitlines()) + 1  # a story's own first line is empty


@pytest.fixture
def load(tmp_path):
    """Loads a file with these workflows below the tasks above."""

    def write(source):
        (tmp_path / "flow.py").write_text(HEAD + dedent(source))
        return load_file(tmp_path / "flow.py", root=tmp_path)

    return write


@pytest.fixture
def refused(load):
    """What is said of it, as (line of the story, message)."""

    def write(source):
        with pytest.raises(DefinitionsInvalid) as caught:
            load(source)
        return [(problem.line - FIRST, problem.message) for problem in caught.value.problems]

    return write


def steps(loaded):
    """What each step's asset reads, by input."""
    return {a.key: {i.name: i.asset for i in a.task.inputs} for a in loaded.assets}


DIABETES = """
@workflow
def diabetes(data: Path, *, depth: int = 3) -> Scores:
    parts = split(data)
    model = train(parts.train, depth=depth)
    return score(model, parts[1])
"""


def test_each_call_is_an_asset_under_the_workflows_name(load):
    loaded = load(DIABETES)
    assert steps(loaded) == {
        "diabetes/split/train": {},
        "diabetes/split/test": {},
        "diabetes/train": {"table": "diabetes/split/train"},
        "diabetes/score": {"model": "diabetes/train", "test": "diabetes/split/test"},
    }
    made = {asset.key: asset for asset in loaded.assets}
    assert {asset.group for asset in made.values()} == {"diabetes"}
    assert made["diabetes/train"].task.fixed == {"depth": 3}
    assert made["diabetes/train"].step_of.bound == {"depth": "depth"}
    assert [(p.name, p.required) for p in made["diabetes/split/train"].task.parameters] == [
        ("data", True),
        ("seed", False),
    ]
    (workflow,) = loaded.launchables
    assert [(i.name, i.required) for i in workflow.inputs] == [("data", True), ("depth", False)]
    assert workflow.outputs == {"result": "diabetes/score"}


def test_a_step_has_the_tasks_name_and_code_whatever_workflow_it_is_in(load):
    loaded = load("""
        @workflow
        def one() -> int:
            return double(number())

        @workflow
        def two() -> int:
            return double(number())

        plain = number.asset(key="plain")
    """)
    tasks = {asset.key: (asset.task.name, asset.task.code.version) for asset in loaded.assets}
    assert tasks["one/number"] == tasks["two/number"] == tasks["plain"]
    assert tasks["one/double"] == tasks["two/double"] != tasks["plain"]


def test_a_second_call_is_numbered_unless_it_is_named(load):
    loaded = load("""
        @workflow
        def many() -> int:
            number()
            number.named("again")()
            return double(number())
    """)
    assert list(steps(loaded)) == ["many/number", "many/again", "many/number_2", "many/double"]
    assert steps(loaded)["many/double"] == {"n": "many/number_2"}


def test_parts_of_results(load):
    loaded = load("""
        @workflow
        def parts(data: Path = Path("x")) -> float:
            count, text = pair()
            double(count)
            halves = split(data)
            scores = score(text, halves.test)
            double(scores.rows)
            return scores.auc
    """)
    found = steps(loaded)
    assert {"parts/pair/0", "parts/pair/1", "parts/score/rows", "parts/score/auc"} < set(found)
    assert found["parts/double_2"] == {"n": "parts/score/rows"}
    assert found["parts/score/auc"] == {"value": "parts/score"}
    assert loaded.launchables[0].outputs == {"result": "parts/score/auc"}


def test_a_workflow_in_a_workflow_nests_its_steps(load):
    loaded = load("""
        @workflow
        def inner(n: int, *, unused: int = 1) -> int:
            return double(n)

        @workflow
        def outer(*, size: int = 5) -> int:
            first = inner(size)
            return inner.named("last")(first)

        definitions = Definitions(workflows=[outer])
    """)
    assert steps(loaded) == {"outer/inner/double": {}, "outer/last/double": {"n": "outer/inner/double"}}
    first, _ = loaded.assets
    assert (first.step_of.workflow, first.step_of.bound) == ("outer", {"n": "size"})


def test_order_without_data(load):
    loaded = load("""
        @workflow
        def ordered() -> None:
            last = tell(number())
            first = tell.named("first")(1)
            first >> last
    """)
    assert steps(loaded)["ordered/tell"] == {"n": "ordered/number", "deps[0]": "ordered/first"}


def test_assets_are_read_and_checked_like_steps(load):
    loaded = load("""
        @asset
        def base() -> int: ...

        @asset(inputs={"n": "flow/double"})
        def after(n: int) -> int: ...

        @workflow
        def flow() -> int:
            return double(base)

        @check("flow/double")
        def fine(n: int) -> bool: ...
    """)
    assert steps(loaded)["flow/double"] == {"n": "base"}
    assert steps(loaded)["after"] == {"n": "flow/double"}
    assert [check.name for asset in loaded.assets for check in asset.checks] == ["fine"]


def test_a_choice_is_a_condition_two_branches_and_a_result(load):
    loaded = load("""
        @workflow
        def choosing(*, least: int = 10) -> int:
            n = number()
            better = when((n > least) & ~(n == 13), name="big").then(double, n).otherwise(double.named("twice"), 4)
            return double.named("end")(better)
    """)
    where = {
        (asset.key, i.name): (i.where.asset, i.where.holds)
        for asset in loaded.assets
        for i in asset.task.inputs
        if i.where is not None
    }
    assert where == {
        ("choosing/double", "when[0]"): ("choosing/big", True),
        ("choosing/twice", "when[0]"): ("choosing/big", False),
        ("choosing/big/result", "then"): ("choosing/big", True),
        ("choosing/big/result", "otherwise"): ("choosing/big", False),
    }
    condition = next(asset for asset in loaded.assets if asset.key == "choosing/big")
    live = loaded.tasks["choosing/big"].function
    asked = {"expression": condition.task.fixed["expression"], "value_1": 10}
    assert [live(**asked, value_0=n) for n in (9, 11, 13)] == [False, True, False]
    assert steps(loaded)["choosing/end"] == {"n": "choosing/big/result"}


def test_outside_of_workflows_everything_is_a_plain_function(load):
    twice = Task(lambda n: n * 2, {})
    assert twice(4) == 8
    assert when(True).then(twice, 1).otherwise(twice, 2) == 2
    assert when(False).then(twice, 1).otherwise(twice, 2) == 4


def test_the_data_version_of_a_condition_is_the_one_it_is_held_against():
    assert [encode(value, bool).version for value in (True, False)] == [truth(True), truth(False)]
    assert digest(True) in truth(True)


def test_both_ends_of_an_edge_are_named_where_it_is_written_and_all_at_once(refused):
    assert refused("""
        @workflow
        def wrong(*, depth: str = "3") -> int:
            parts = split(Path("x"))
            train(double(parts.train), depth=depth)
            train(parts.train, depth="deep")
            return score("m", parts.test)
    """) == [
        (
            1,
            'workflow "wrong": returns int, but "wrong/score" produces Scores: expected int, found Scores',
        ),
        (
            4,
            (
                'asset "wrong/double": parameter "n" expects int, but "wrong/split/train" produces Table: '
                "expected int, found Table.\n  Convert it in wrong/split/train, or declare it so here."
            ),
        ),
        (
            4,
            (
                'workflow "wrong": train: parameter "depth" expects int, but the input "depth" is str: '
                "expected int, found str"
            ),
        ),
        (
            5,
            (
                'workflow "wrong": train_2: parameter "depth": expected int, found \'deep\': Input should be a valid '
                "integer, unable to parse string as an integer"
            ),
        ),
    ]


MISUSES = [
    ("if number() > 3: pass", "number > 3 is not known while the workflow is composed"),
    ("number() and number()", "Write when(condition)"),
    ("0 < number() < 3", "join conditions with & | ~"),
    ("number() + 1", "calculating with number is not possible"),
    ("1 - number()", "Do it in a task."),
    ("f'{number()}'", "making text of number"),
    ("len(number())", "taking the length of number"),
    ("[double(n) for n in number()]", "number cannot be looped over or unpacked"),
    ("double([number()])", 'argument "n" has a promise inside a list'),
    ("double(number(), 3)", "double: too many positional arguments"),
    ("double()", 'parameter "n" is given nothing'),
    ("double(pair())", "pair has the outputs 0, 1: pass one, as in pair[0]"),
    ("double(pair()[2])", "pair has the outputs 0, 1"),
    ("train('x', depth=score('m', split(Path('x')).test).size)", "no 'size' in Scores: auc, rows"),
    ("train(split(Path('x')).tran)", "split has the outputs train, test"),
    ("loose()", "an asset is none. Pass it on as it is: task(loose)"),
    ("again()", 'workflow "again" calls itself'),
    ("when(number() > 3).then(double, 1).value", "Say what is meant else with .otherwise"),
    ("when(number() > pa).then(double, 1)", "expected a comparison of results with numbers or texts, found module"),
    ("when(number() > 3).then(double(1))", "expected a task and its arguments, as in .then(train"),
    ("when(number() > 3).then(lambda: kept.append(double(1))); tell(kept[0])", "made in one branch only"),
    ("when(number() > 3).then(lambda: kept.append(number())); kept[0] >> tell(1)", "it may never run"),
    ("number() >> 3", "expected the results of two tasks"),
    ("missing_name()", "NameError: name 'missing_name' is not defined"),
]


@pytest.mark.parametrize(("statement", "said"), MISUSES, ids=[statement for statement, _ in MISUSES])
def test_what_cannot_be_done_with_a_promise_names_the_way_out(refused, statement, said):
    ((line, message),) = refused(f"""
        kept = []
        @asset
        def loose() -> int: ...
        @workflow
        def again() -> None:
            {statement}
        definitions = Definitions(workflows=[again], assets=[loose])
    """)
    assert line == 6
    assert said in message


def test_names_of_workflows_are_their_own(refused):
    ((_, message), *_) = refused("""
        @asset
        def flow() -> int: ...

        @workflow(name="flow")
        def other() -> int:
            return number()
    """)
    assert message == 'workflow "flow": an asset has this name too'


def test_a_failure_handler_hears_of_failures_and_of_nothing_else(load, refused):
    loaded = load("""
        @task
        def notify(failure: WorkflowFailure, *, channel: str = "ops") -> None: ...

        @workflow(on_failure=notify)
        def flow() -> int:
            return number()
    """)
    assert loaded.launchables[0].on_failure.name == "flow:notify"
    assert set(loaded.handlers) == {"flow"}
    ((_, message),) = refused("""
        @workflow(on_failure=double)
        def flow() -> int:
            return number()
    """)
    assert "on_failure double: expected one parameter, failure: WorkflowFailure" in message


def test_launch_plans_keep_values_as_json(load):
    loaded = load(
        DIABETES
        + """
nightly = LaunchPlan("nightly", diabetes, fixed={"depth": 6}, defaults={"data": Path("pima.csv")})
everything = LaunchPlan("everything", "group:diabetes", defaults={"diabetes.depth": 2})
"""
    )
    plans = {plan.name: plan for plan in loaded.launchables if isinstance(plan, LaunchPlanDefinition)}
    assert plans["nightly"].selection == "diabetes/*"
    assert (plans["nightly"].fixed, plans["nightly"].defaults) == (
        {"diabetes.depth": 6},
        {"diabetes.data": "pima.csv"},
    )
    assert (plans["everything"].selection, plans["everything"].defaults) == ("group:diabetes", {"diabetes.depth": 2})


def test_what_a_launch_plan_cannot_be_is_told_at_its_line(refused):
    told = refused(
        DIABETES
        + """
one = LaunchPlan("one", diabetes, fixed={"dept": 6})
two = LaunchPlan("two", diabetes, fixed={"depth": "deep"})
diabetes_again = LaunchPlan("diabetes", "*")
both = LaunchPlan("both", diabetes, fixed={"depth": 1}, defaults={"depth": 2})
every = LaunchPlan("every", "*", defaults={"diabetes.depth": "deep"})
whole = LaunchPlan("whole", "*", fixed={"diabetes.dept": 1})
"""
    )
    assert [re.sub(": Input.*", "", message) for _, message in told] == [
        'launch plan "one": "diabetes" has no input dept, only data, depth',
        'launch plan "two": parameter "depth": expected int, found \'deep\'',
        'launch plan "diabetes": something else to launch has this name',
        'launch plan "both": depth: fixed and a default at once',
        'launch plan "every": parameter "diabetes.depth": expected int, found \'deep\'',
        'launch plan "whole": parameter "diabetes.dept": "diabetes" has no "dept", only data, depth',
    ]
