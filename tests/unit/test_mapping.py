"""Mapped tasks in workflows' bodies: what they are composed into, and what is said of those that cannot be."""

from textwrap import dedent

import pytest

from latewood.decide.keys import logic_digest
from latewood.engine.loading.loader import load_file
from latewood.errors import DefinitionsInvalid
from latewood.model.elements import ElementAddress, element_asset
from latewood.model.types import display

HEAD = """\
from pathlib import Path
from typing import Any
from latewood import *
from latewood.mapping import each

@task
def numbers() -> list[int]: ...
@task
def texts() -> list[str]: ...
@task
def number() -> int: ...
@task
def double(n: int, *, by: int = 2) -> float: ...
@task
def total(parts: list[float]) -> float: ...
@task
def total_of_some(parts: list[float | None]) -> float: ...
@task
def path(n: int) -> Path: ...
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
    """What is said of a body with this line, as (line of the body, message)."""

    def write(line):
        with pytest.raises(DefinitionsInvalid) as caught:
            load(f"@workflow\ndef flow() -> Any:\n    return {line}\n")
        ((at, message),) = [(problem.line - FIRST, problem.message) for problem in caught.value.problems]
        assert at == 2
        return message

    return write


SUM = """
@workflow
def flow(*, by: int = 3) -> float:
    return total(double.map(each(numbers()), by=by))

@workflow
def plain() -> float:
    return double(number(), by=3)
"""


def test_a_mapped_call_is_one_asset_that_says_which_inputs_it_is_called_for_each_element_of(load):
    made = {asset.key: asset for asset in load(SUM).assets}
    assert list(made) == ["flow/numbers", "flow/double", "flow/total", "plain/number", "plain/double"]
    task = made["flow/double"].task
    assert (task.each, task.min_success_ratio) == (("n",), 1)
    assert [(i.name, i.asset, display(i.type)) for i in task.inputs] == [("n", "flow/numbers", "list[int]")]
    assert display(made["flow/double"].type) == "list[float]"


def test_what_is_done_with_an_element_is_what_the_plain_task_does_and_not_what_is_done_with_the_list(load):
    made = {asset.key: asset for asset in load(SUM).assets}
    mapped, plain = made["flow/double"], made["plain/double"]
    element = element_asset(mapped)
    assert (element.key, display(element.type)) == ("flow/double[]", "float")
    whole, of_element, of_plain = (logic_digest(a.task, {"by": 3}, {}, None) for a in (mapped, element, plain))
    assert of_element == of_plain != whole


def test_values_and_inputs_of_the_workflow_become_lists_that_can_be_mapped(load):
    made = {
        asset.key: asset
        for asset in load("""
            @workflow
            def flow(ns: list[int], *, bys: list[int] = [1]) -> Any:
                double.map(each(ns), by=each(bys))
                return double.map(n=each([1, 2]))
        """).assets
    }
    assert list(made) == ["flow/double/n", "flow/double/by", "flow/double", "flow/double_2/n", "flow/double_2"]
    assert made["flow/double/n"].step_of.bound == {"value": "ns"}
    assert made["flow/double_2/n"].task.fixed["value"] == [1, 2]
    assert made["flow/double"].task.each == ("n", "by")


def test_some_of_what_may_fail_are_nothing(load):
    made = {
        asset.key: asset
        for asset in load("""
            @workflow
            def flow() -> float:
                return total_of_some(double.named("twice").partly(min_success_ratio=0.9).map(each(numbers())))
        """).assets
    }
    assert display(made["flow/twice"].type) == "list[float | None]"
    assert made["flow/twice"].task.min_success_ratio == 0.9


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("double.map(numbers())", "double: maps nothing: mark the list whose elements are meant"),
        ("double(each(numbers()))", "double: n=each(…) is for its map: double.map(n=each(…))"),
        ("double.map(each(texts()))", 'parameter "n" expects list[int], but "flow/texts" produces list[str]'),
        ("double.map(each(number()))", 'parameter "n" expects list[int], but "flow/number" produces int'),
        ("double.map(each(['a']))", "double: parameter \"n\": expected list, found ['a']"),
        ("double.map(each(3))", 'parameter "n": each(…) expected a list, found int'),
        ("double.map(each('abc'))", "each(…): expected a list, found str"),
        ("double.map(each(numbers()), m=1)", "double: got an unexpected keyword argument 'm'"),
        ("path.map(each(numbers()))", "path: makes a Path of each element, which is a file of its own"),
        ("double.partly(min_success_ratio=0).map(each(numbers()))", "expected a share above 0 and up to 1, found 0"),
        ("double.partly(min_success_ratio=1.5).map(each(numbers()))", "and up to 1, found 1.5"),
        (
            "total(double.partly(min_success_ratio=0.9).map(each(numbers())))",
            'parameter "parts" expects list[float], but "flow/double" produces list[float | None]',
        ),
    ],
)
def test_what_cannot_be_is_said_where_it_is_written(refused, line, message):
    assert message in refused(line)


def test_a_list_in_partitions_is_not_one_that_can_be_mapped(load):
    with pytest.raises(DefinitionsInvalid, match='parameter "n" reads several partitions of "daily" at once'):
        load("""
            @asset(partitions=Static(["a", "b"]))
            def daily() -> list[int]: ...

            @workflow
            def flow() -> Any:
                return double.map(each(daily))
        """)


def test_an_element_has_an_address_in_its_list():
    address = ElementAddress("io:Json:x.json#2024:1", 7)
    assert ElementAddress.of(str(address)) == address
    assert ElementAddress.of("0123abcd.json") is ElementAddress.of("io:Json:x.json#1") is None
