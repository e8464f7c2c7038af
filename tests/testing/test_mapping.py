"""Tasks that are mapped over lists that are known only when a run has made them."""

from typing import Any

import pytest

from latewood import Context, Retry, task, when, workflow
from latewood.mapping import each
from latewood.testing import Project, RunFailed


@task
def rows() -> list[int]:
    return [1, 2, 3]


@task
def model() -> int:
    return 10


@task
def score(row: int, model: int, *, plus: int = 0) -> float:
    if row < 0:
        raise ValueError(f"{row} is negative")
    return row * model + plus


@task
def total(scores: list[float]) -> float:
    return sum(scores)


@task
def count(scores: list[float | None]) -> int:
    return len([score for score in scores if score is not None])


@workflow
def scoring() -> float:
    return total(score.map(row=each(rows()), model=model()))


@workflow
def lenient() -> int:
    return count(score.partly(min_success_ratio=0.5).map(each(rows()), model()))


@pytest.fixture
def project():
    with Project([scoring]) as project:
        yield project


@pytest.fixture
def tolerant():
    with Project([lenient]) as project:
        yield project


def test_the_result_is_that_of_a_loop_in_the_order_of_the_list(project):
    run = project.materialize()
    assert run["scoring/score"] == [10.0, 20.0, 30.0]
    assert run["scoring/total"] == 60.0
    assert run.elements == {"scoring/score": ["ran", "ran", "ran"]}
    assert run.metadata["scoring/score"] == {"elements": 3}
    assert project.plan().actions == dict.fromkeys(run.outcomes, "fresh")


def test_only_what_is_new_is_computed_wherever_it_stands(project):
    project.materialize()
    project.give("scoring/rows", [4, 1, 2, 3])
    run = project.materialize()
    assert run.elements["scoring/score"] == ["ran", "reused", "reused", "reused"]
    assert run["scoring/score"] == [40.0, 10.0, 20.0, 30.0]
    assert run.metadata["scoring/score"] == {"elements": 4, "reused": 3}
    project.give("scoring/rows", [3, 4])
    assert project.materialize().elements["scoring/score"] == ["reused", "reused"]
    project.give("scoring/model", 11)
    assert project.materialize().elements["scoring/score"] == ["ran", "ran"]


def test_the_list_as_a_whole_is_reused_before_its_elements_are_looked_at(project):
    project.materialize()
    project.give("scoring/rows", [4])
    project.materialize()
    project.give("scoring/rows", [1, 2, 3])
    run = project.materialize()
    assert (run.outcomes["scoring/score"], run.elements) == ("reused", {})


def test_an_element_that_fails_does_not_keep_the_others_from_being_made(project):
    project.give("scoring/rows", [1, -2, 3, -4])
    run = project.materialize(may_fail=True)
    assert run.elements["scoring/score"] == ["ran", "failed", "ran", "failed"]
    assert run.outcomes["scoring/score"] == "failed"
    assert run.outcomes["scoring/total"] == "skipped"
    assert run.failures == {
        "scoring/score[1]": "ValueError: -2 is negative",
        "scoring/score[3]": "ValueError: -4 is negative",
        "scoring/score": "ElementsFailed: 2 of 4 elements failed: element 1 (-2): ValueError: -2 is negative; "
        "element 3 (-4): ValueError: -4 is negative",
    }
    project.give("scoring/rows", [1, 2, 3])
    assert project.materialize().elements["scoring/score"] == ["reused", "ran", "reused"]


def test_some_may_fail_where_that_was_said_and_are_tried_again_by_the_next_run(tolerant):
    tolerant.give("lenient/rows", [1, -2])
    for first in ("ran", "reused"):
        run = tolerant.materialize()
        assert run["lenient/score"] == [10.0, None]
        assert run.elements["lenient/score"] == [first, "failed"]
        assert run["lenient/count"] == 1
    assert tolerant.why("lenient/score").status == "fresh"
    tolerant.give("lenient/rows", [1, -2, -3])
    with pytest.raises(RunFailed, match="2 of 3 elements failed"):
        tolerant.materialize()


def test_of_an_empty_list_comes_an_empty_one(project):
    project.give("scoring/rows", [])
    run = project.materialize()
    assert (run["scoring/score"], run["scoring/total"], run.elements) == ([], 0, {"scoring/score": []})


def test_equal_elements_are_computed_once(project):
    project.give("scoring/rows", [1, 2, 1, 1])
    run = project.materialize()
    assert run.elements["scoring/score"] == ["ran", "ran", "reused", "reused"]
    assert run["scoring/score"] == [10.0, 20.0, 10.0, 10.0]


def test_an_element_is_what_a_call_with_its_value_is():
    @workflow
    def alone() -> float:
        return score(model(), model())

    with Project([alone, scoring]) as project:
        project.materialize("alone/*")
        project.give("scoring/rows", [9, 10])
        run = project.materialize("scoring/*")
        assert run.elements["scoring/score"] == ["ran", "reused"]


@task
def names() -> list[str]:
    return ["a", "b"]


@task
def named(name: str, number: int, *, mark: str = "") -> str:
    return f"{name}{number}{mark}"


def test_several_lists_go_together_values_and_inputs_too():
    @workflow
    def pairs(*, marks: list[str] = ["!", "?"]) -> list[str]:  # noqa: B006 - an input's default is a value
        return named.map(each(names()), each([7, 8]), mark=each(marks))

    with Project([pairs]) as project:
        assert project.materialize()["pairs/named"] == ["a7!", "b8?"]
        project.give("pairs/names", ["a"])
        run = project.materialize(may_fail=True)
        assert (
            "expected as many elements of each list, found of name 1 and number 2 and mark 2"
            in (run.failures["pairs/named"])
        )


def test_results_are_mapped_again_and_in_a_branch():
    @task
    def halved(score: float) -> float:
        return score / 2

    @workflow
    def chained() -> Any:
        scores = score.map(each(rows()), model())
        return when(total(scores) > 50).then(halved.map, each(scores)).otherwise(halved, 1.0)

    with Project([chained]) as project:
        run = project.materialize()
        assert run["chained/when/result"] == [5.0, 10.0, 15.0]
        project.give("chained/rows", [1])
        run = project.materialize()
        assert run["chained/when/result"] == 0.5
        assert run.outcomes["chained/halved"] == "skipped"


def test_what_turns_out_to_be_no_list_is_refused():
    @task
    def anything() -> Any:
        return {"a": 1}

    @task
    def of_int(number: int) -> int:
        return number

    @workflow
    def loose() -> Any:
        return of_int.map(each(anything()))

    with Project([loose]) as project:
        run = project.materialize(may_fail=True)
        assert "expected a list, whose elements are mapped, found dict" in run.failures["loose/of_int"]
        project.give("loose/anything", [1, "b"])
        run = project.materialize(may_fail=True)
        assert run.elements["loose/of_int"] == ["ran", "failed"]
        assert "expected int, found str" in run.failures["loose/of_int[1]"]


def test_each_element_has_attempts_of_its_own():
    @task(retries=Retry(1))
    def fragile(row: int, context: Context) -> int:
        if context.attempt == 1 and row != 2:
            raise ConnectionError("not yet")
        return row

    @task(retries=3)
    def wrong(row: int) -> int:
        return f"{row}"

    @workflow
    def retried() -> list[int]:
        return fragile.map(each(rows()))

    @workflow
    def refused() -> list[int]:
        return wrong.map(each(rows()))

    with Project([retried, refused]) as project:
        run = project.materialize("retried/*")
        assert run["retried/fragile"] == [1, 2, 3]
        run = project.materialize("refused/*", may_fail=True)
        assert "expected int, found str" in run.failures["refused/wrong[0]"]


def test_what_gives_up_reuse_is_called_for_every_element_every_time():
    @task(reuse=False)
    def sent(row: int) -> int:
        return row

    @workflow
    def sending() -> list[int]:
        return sent.map(each([5, 5]))

    with Project([sending]) as project:
        for _ in range(2):
            run = project.materialize()
            assert run.elements["sending/sent"] == ["ran", "ran"]


def test_elements_that_look_at_the_clock_leave_a_list_that_is_made_again():
    @task
    def timed(row: int, context: Context) -> int:
        return row if row > 1 else context.now().year

    @workflow
    def timing() -> list[int]:
        return timed.map(each(rows()))

    with Project([timing]) as project:
        project.materialize()
        assert project.materialize().elements["timing/timed"] == ["ran", "reused", "reused"]


def test_a_list_may_be_given_in_place_of_what_its_elements_would_make(project):
    project.give("scoring/score", [0.5])
    assert project.materialize()["scoring/total"] == 0.5


def test_force_runs_every_element(project):
    project.materialize()
    assert project.materialize("scoring/score", force=True).elements["scoring/score"] == ["ran", "ran", "ran"]


def test_elsewhere_a_map_is_a_loop():
    assert score.map(row=each([1, 2]), model=3) == [3, 6]
    assert score.map(each([1, 2]), each([3, 4]), plus=1) == [4, 9]
    assert score.partly(min_success_ratio=0.5).map(each([1, -1]), 3) == [3, None]
    with pytest.raises(ValueError, match="-1 is negative"):
        score.map(each([1, -1]), 3)
    with pytest.raises(ValueError, match="-1 is negative") as caught:
        score.partly(min_success_ratio=0.6).map(each([1, -1]), 3)
    assert caught.value.__notes__ == ["1 of 2 elements failed"]
    with pytest.raises(ValueError, match="lists of 1 and 2 elements do not go together"):
        score.map(each([1]), each([3, 4]))
