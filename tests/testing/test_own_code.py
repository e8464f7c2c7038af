"""Values bring code of their own: what it raises is a failure of the step, and of nothing else."""

import sys
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from latewood import CheckResult, Output, Pickled, asset, check
from latewood.testing import Project


class Unpicklable:
    """Holds what no pickle can."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class Unreadable:
    """Is written, and cannot be read back."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


class Shy:
    """Cannot be shown, nor can the error that says so."""

    def __str__(self) -> str:
        raise ShyError


class ShyError(Exception):
    """As shy."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@dataclass
class Wary:
    """Is made once, and not by a reader."""

    number: int
    made = 0

    def __post_init__(self) -> None:
        type(self).made += 1
        if type(self).made > 1:
            raise RuntimeError("one is enough")


@asset
def beside() -> int:
    return 1


@asset
def unpicklable() -> Pickled[Unpicklable]:
    return Unpicklable()


@asset
def wary() -> Wary:
    Wary.made = 0
    return Wary(7)


@asset
def shy_version() -> int:
    return Output(1, data_version=Shy())  # type: ignore[arg-type, return-value]


@asset
def endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@asset
def huge() -> int:
    return 10 ** (sys.get_int_max_str_digits() or 5_000)


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        (unpicklable, "TypeError: cannot pickle '_thread.lock' object"),
        (wary, "RuntimeError: one is enough"),
        (shy_version, "ShyError: (its message cannot be shown: RuntimeError)"),
        (endless, "RecursionError"),
        (huge, "ValueError: Exceeds the limit"),
    ],
)
def test_a_result_whose_own_code_fails_fails_its_step_alone(definition, said):
    with Project([definition, beside]) as project:
        run = project.materialize(may_fail=True)
    (name,) = run.failures
    assert run.outcomes == {name: "failed", "beside": "ran"}
    assert f'output of "{name}": ' in str(run.failures[name])
    assert said in str(run.failures[name])


@asset
def unreadable() -> Pickled[Unreadable]:
    return Unreadable()


@asset
def reader(unreadable: Pickled[Unreadable]) -> int:
    return 1


def test_an_input_whose_own_code_fails_fails_the_step_that_reads_it():
    with Project([unreadable, reader, beside]) as project:
        run = project.materialize(may_fail=True)
    assert run.outcomes == {"unreadable": "ran", "reader": "failed", "beside": "ran"}
    assert '"unreadable": ValueError: invalid literal' in str(run.failures["reader"])


@check("beside")
def shy(beside: int) -> CheckResult:
    return CheckResult(passed=True, message=Shy())  # type: ignore[arg-type]


def test_a_verdict_that_cannot_be_shown_is_none():
    with Project([beside, shy]) as project:
        run = project.materialize(may_fail=True)
    assert run.outcomes == {"beside": "ran"}
    assert 'check "shy": ShyError: (its message cannot be shown' in run.checks["beside.shy"].message


@asset
def closing() -> int:
    print("last words")
    sys.stdout.close()
    print("and more")
    return 1


def test_a_task_may_close_what_it_prints_to():
    with Project([closing, beside]) as project:
        assert project.materialize().outcomes == {"closing": "ran", "beside": "ran"}
