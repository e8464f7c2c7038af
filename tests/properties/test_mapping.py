"""Any lists, one after the other, with any elements that fail: the model is a loop with a memory."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latewood import task, workflow
from latewood.mapping import each
from latewood.testing import Project

FAILING = (3, 4)
RATIO = 0.5


@task
def rows() -> list[int]:
    return []


@task
def squared(row: int) -> int:
    if row in FAILING:
        raise ValueError(row)
    return row * row


@workflow
def strict() -> list[int]:
    return squared.map(each(rows()))


@workflow
def lenient() -> list[int | None]:
    return squared.partly(min_success_ratio=RATIO).map(each(rows()))


@pytest.fixture(scope="module")
def project():
    with Project([strict, lenient]) as project:
        yield project


def by_a_loop(numbers):
    return [None if number in FAILING else number * number for number in numbers]


lists = st.lists(st.lists(st.integers(0, 6), max_size=6), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lists=lists, of_strict=st.booleans())
def test_any_lists_one_after_the_other_are_what_a_loop_makes_of_them(project, lists, of_strict):
    key = "strict" if of_strict else "lenient"
    for numbers in lists:
        project.give(f"{key}/rows", numbers)
        run = project.materialize(f"{key}/*", may_fail=True)
        expected = by_a_loop(numbers)
        failed = expected.count(None)
        is_made = failed == 0 if of_strict else len(numbers) - failed >= RATIO * len(numbers)
        assert (run.outcomes[f"{key}/squared"] != "failed") == is_made
        if is_made:
            assert run[f"{key}/squared"] == expected
        for number, outcome in zip(numbers, run.elements.get(f"{key}/squared", ()), strict=False):
            assert (outcome == "failed") == (number in FAILING)
            assert outcome != "ran" or number not in KNOWN
        KNOWN.update(number for number in numbers if number not in FAILING)


KNOWN = set()
"""What was computed in this project before, by whichever of the workflows."""
