"""Tasks of other locations in tests: what stands for them is given."""

import pytest

from latewood import asset, task, workflow
from latewood.errors import DefinitionError, DefinitionsInvalid
from latewood.sharing import task_ref
from latewood.testing import Project

scale = task_ref("shop.py:scale")


@asset
def prices() -> list[int]:
    return [10, 20]


sale = scale.asset(key="sale", inputs={"table": prices}, parameters={"factor": 3})


@asset
def dearest(sale: list[int]) -> int:
    return max(sale)


@task
def count(values: list[int]) -> int:
    return len(values)


@workflow
def clearance(factor: int = 2) -> int:
    return count(scale([1, 2, 3], factor=factor))


@task
def real_scale(table: list[int], *, factor: int = 1) -> list[int]:
    return [price * factor for price in table]


def of_nothing(table: list[int], *, factor: int = 1) -> list[int]:
    return [factor]


def test_the_other_locations_own_task_is_run_where_the_test_imports_it():
    with Project([prices, sale, dearest, clearance], tasks={"shop.py:scale": real_scale}) as project:
        run = project.materialize()
        assert run["sale"] == [30, 60]
        assert run["dearest"] == 60
        assert run["clearance/scale"] == [2, 4, 6]
        assert run["clearance/count"] == 3
        project.give("prices", [1])
        assert project.materialize()["sale"] == [3]
        assert project.materialize().outcomes["sale"] == "fresh"


def test_a_function_is_put_in_its_place_and_another_one_is_another_code():
    with Project([prices, sale], tasks={"shop.py:scale": of_nothing}) as project:
        assert project.materialize()["sale"] == [3]
        project.define([prices, sale], tasks={"shop.py:scale": real_scale})
        assert project.why("sale").causes == ("sale: code",)
        assert project.materialize()["sale"] == [30, 60]
        project.define([prices, sale])
        assert project.plan().actions == {"prices": "fresh", "sale": "fresh"}


def test_what_nothing_stands_for_is_told_with_the_way_out():
    with pytest.raises(DefinitionsInvalid, match=r'sale.*Project\(…, tasks={"shop.py:scale": function}\)'):
        Project([prices, sale])
    with pytest.raises(DefinitionError, match=r'nothing here refers to "shop\.py:scael"; there is shop\.py:scale'):
        Project([prices, sale], tasks={"shop.py:scale": real_scale, "shop.py:scael": real_scale})
    with pytest.raises(DefinitionsInvalid, match="no parameter factor in"):
        Project([prices, sale], tasks={"shop.py:scale": lambda: [1]})
    with pytest.raises(DefinitionError, match="a task of another location"):
        scale([1])
