"""Stories of `latewood.testing`: what its users may rely on."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from latewood import Context, Daily, Definitions, Output, PartitionKey, Retry, asset, check, task, workflow
from latewood.errors import DefinitionsInvalid, UsageError, ValueRefused
from latewood.partitions import Dynamic
from latewood.testing import Project, RunFailed

T0 = datetime(2026, 3, 4, tzinfo=UTC)
WEEK = Daily("2026-03-02", "2026-03-09")


@asset
def orders() -> list[int]:
    raise ConnectionError("tests do not look outside")


@asset
def turnover(orders: list[int], *, tax: float = 0.19) -> float:
    return round(sum(orders) * (1 + tax), 2)


@asset
def headline(turnover: float) -> str:
    return f"We sold for {turnover}"


@asset(partitions=WEEK)
def sales(day: PartitionKey) -> int:
    return int(day[-1])


@asset
def total(sales: list[int]) -> int:
    return len(sales)


@check(sales, blocking=True)
def is_small(sales: int) -> bool:
    return sales < 8


@pytest.fixture
def shop():
    with Project([orders, turnover, headline], now=T0) as project:
        yield project


def test_an_input_is_given_and_what_reads_it_is_run(shop):
    shop.give("orders", [10, 10])
    run = shop.materialize("turnover")

    assert run["turnover"] == 23.8
    assert run["orders"] == [10, 10]
    assert run.outcomes == {"turnover": "ran"}


def test_a_plan_says_what_would_be_done_and_why(shop):
    assert shop.plan().actions == {"orders": "run", "turnover": "run", "headline": "run"}

    shop.give("orders", [10])
    shop.materialize("turnover")
    shop.give("orders", [20])

    plan = shop.plan()
    assert plan.actions == {"orders": "fresh", "turnover": "run", "headline": "run"}
    assert plan.reasons["turnover"] == ("input",)
    assert shop.why("headline").status == "missing"
    assert shop.why("turnover").causes == ("turnover.orders: input",)


def test_a_given_value_that_is_no_result_of_the_task_is_refused(shop):
    with pytest.raises(ValueRefused, match=r'output of "orders"'):
        shop.give("orders", "ten")
    with pytest.raises(UsageError, match='no asset "order" in this project; there is orders'):
        shop.give("order", [10])


def test_parameters_make_variants_and_leave_the_head(shop):
    shop.give("orders", [10])
    shop.materialize("turnover")
    run = shop.materialize("turnover", parameters={"turnover.tax": 0.5})

    assert run["turnover"] == 15
    assert shop.materialize("turnover")["turnover"] == 11.9


def test_a_failure_fails_the_test_with_the_users_traceback(shop):
    with pytest.raises(RunFailed, match="tests do not look outside") as failed:
        shop.materialize()

    run = failed.value.run
    assert run.outcomes == {"orders": "failed", "turnover": "skipped", "headline": "skipped"}
    assert run.failures == {"orders": "ConnectionError: tests do not look outside"}
    assert "test_project.py" in str(failed.value)
    with pytest.raises(UsageError, match='no value of "turnover": skipped'):
        run["turnover"]
    assert shop.materialize(may_fail=True).outcomes["orders"] == "failed"


def test_a_check_that_refuses_is_told():
    with Project([sales, is_small], now=T0) as project:
        run = project.materialize(partition="2026-03-07..2026-03-08", may_fail=True)

        assert run.outcomes == {"sales": "ran"}
        assert run["sales"] == {"2026-03-07": 7, "2026-03-08": 8}
        assert run["sales", "2026-03-07"] == 7
        assert {name: verdict.passed for name, verdict in run.checks.items()} == {
            "sales.is_small 2026-03-07": True,
            "sales.is_small 2026-03-08": False,
        }
        with pytest.raises(RunFailed, match=r"check sales.is_small 2026-03-08"):
            project.materialize(partition="2026-03-08")


def test_partitions_are_given_one_by_one_and_told_as_ranges():
    with Project([sales], now=T0) as project:
        project.give("sales", 5, partition="2026-03-03..2026-03-04")
        project.give("sales", 6, partition="2026-03-08")

        plan = project.plan(partition="2026-03-02..2026-03-04")
        assert plan.actions == {"sales": "run 2026-03-02, fresh 2026-03-03..2026-03-04"}
        assert project.materialize(partition="2026-03-08")["sales", "2026-03-08"] == 6
        with pytest.raises(UsageError, match='"sales" has partitions: say which'):
            project.give("sales", 1)


def test_dynamic_partitions_are_added_and_given():
    regions = Dynamic("regions")

    @asset(partitions=regions)
    def visits(region: PartitionKey) -> int:
        return len(region)

    with Project([visits], now=T0) as project:
        with pytest.raises(UsageError, match='no dynamic partitions "region"'):
            project.add_partitions("region", ["north"])
        project.add_partitions("regions", ["north", "up"])
        project.give("visits", 100, partition="up")

        assert project.plan().actions == {"visits": "run north, fresh up"}
        with pytest.raises(RunFailed, match="no value was given for it"):
            project.materialize()
        project.give("visits", 5, partition="north")
        assert project.materialize()["visits"] == {"north": 5, "up": 100}


def test_plans_and_reasons_record_nothing(shop):
    shop.give("orders", [10])
    shop.materialize()
    shop.define([orders, headline, asset(code_version="2")(turnover.function)])
    before = shop._workspace.log.position()

    assert shop.plan().actions == {"orders": "fresh", "turnover": "run", "headline": "depends"}
    assert shop.why("turnover").causes == ("turnover: code",)
    assert shop._workspace.log.position() == before


def test_functions_of_a_test_are_told_apart_though_they_have_one_name():
    def edition(rate):
        @asset
        def price() -> float:
            return 2 * rate

        return price

    @asset
    def price() -> float:
        return 1.0

    first = price

    @asset
    def price() -> float:
        return 3.0

    with Project([first]) as project:
        assert project.materialize()["price"] == 1.0
        project.define([price])
        assert project.why("price").causes == ("price: code",)
        assert project.materialize()["price"] == 3.0
        project.define([edition(2.0)])
        assert project.materialize()["price"] == 4.0
        project.define([edition(2.0)])
        assert project.plan().actions == {"price": "fresh"}
        project.define([edition(4.0)])
        assert project.materialize()["price"] == 8.0
        project.define([first])
        assert project.materialize().outcomes == {"price": "reused"}


def test_time_is_told_and_waiting_takes_none():
    @asset(reuse=timedelta(hours=1), retries=Retry(2, backoff=timedelta(minutes=50)))
    def listed(context: Context) -> int:
        if context.attempt < 3:
            raise ConnectionError
        return context.attempt

    with Project([listed], now=T0) as project:
        assert project.materialize()["listed"] == 3
        made = project.now
        assert made > T0
        assert project.plan(now=made + timedelta(minutes=59)).actions == {"listed": "fresh"}
        assert project.why("listed", now=made + timedelta(minutes=61)).causes == ("listed: reuse window ended",)


def test_time_makes_partitions():
    @asset(partitions=Daily("2026-03-02"))
    def daily(day: PartitionKey) -> str:
        return day

    with Project([daily], now=T0) as project:
        assert list(project.materialize()["daily"]) == ["2026-03-02", "2026-03-03"]
        assert project.plan(now=T0 + timedelta(days=1)).actions == {
            "daily": "fresh 2026-03-02..2026-03-03, run 2026-03-04"
        }


def test_several_outputs_are_given_apart_and_workflows_run():
    @asset(outputs={"train": list[int], "test": list[int]})
    def split() -> dict[str, list[int]]:
        raise ConnectionError

    @task
    def fit(rows: list[int], *, depth: int) -> float:
        return sum(rows) / depth

    @workflow
    def training(rows: list[int], *, depth: int = 2) -> float:
        return fit(rows, depth=depth)

    @asset(inputs={"rows": split["train"]})
    def size(rows: list[int]) -> int:
        return len(rows)

    with Project([split, size, training]) as project:
        project.give("split/train", [1, 2, 3])
        assert project.materialize("size")["size"] == 3
        with pytest.raises(UsageError, match="split/test"):
            project.materialize("size")["split/test"]
        run = project.materialize("training/*", parameters={"training.rows": [4, 8], "training.depth": 3})
        assert run["training/fit"] == 4


def test_metadata_is_told():
    @asset
    def measured() -> Output[int]:
        return Output(1, metadata={"seen": 3})

    with Project([measured]) as project:
        assert project.materialize().metadata == {"measured": {"seen": 3}}


def test_definitions_come_as_list_as_definitions_or_as_module():
    module = ModuleType("shop")
    module.orders, module.turnover = orders, turnover
    for definitions in ([orders, turnover], Definitions(assets=[orders, turnover]), module):
        with Project(definitions) as project:
            assert list(project.plan().actions) == ["orders", "turnover"]
    with pytest.raises(
        DefinitionsInvalid,
        match="expected assets, checks, workflows, launch plans, observers and automations, found int",
    ):
        Project([orders, 3])
    with pytest.raises(DefinitionsInvalid, match='parameter "orders": no asset of that name'):
        Project([turnover])


def test_projects_do_not_see_each_other(shop):
    shop.give("orders", [10])
    with Project([orders]) as other:
        assert other.why("orders").status == "missing"


SESSION = """
import os, signal, sys, time
from pathlib import Path
from latewood import asset
from latewood.testing import Project, database

@asset
def one() -> int:
    return 1

project = Project([one])
assert project.materialize()["one"] == 1
home, _ = database._session(os.getpid())
print(home, flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_session_leaves_nothing_behind_not_even_when_it_is_killed(tmp_path):
    file = tmp_path / "session.py"
    file.write_text(SESSION)

    def session(how):
        environ = {**os.environ, "TMPDIR": str(tmp_path)}
        done = subprocess.run([sys.executable, file, how], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == (-signal.SIGKILL if how == "killed" else 0), done.stderr
        return Path(done.stdout.strip())

    killed = session("killed")
    assert (killed / "postgres" / "cluster.json").exists()
    ended = session("ended")
    assert not killed.exists()
    assert not ended.exists()


def test_the_pools_that_tasks_take_part_in_are_there():
    @asset(pool="warehouse")
    def rows() -> int:
        return 3

    with Project([rows]) as project:
        assert project.materialize()["rows"] == 3
