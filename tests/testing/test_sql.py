"""Assets in SQL in a project: computed by DuckDB, versioned, reused, checked and partitioned as any."""

from datetime import timedelta

import pyarrow as pa
import pytest

from latewood import CheckResult, Daily, Monthly, Resources, asset, check
from latewood.sql import sql_asset
from latewood.testing import Project

days = Daily("2013-01-30", "2013-02-03", timezone="America/New_York")
months = Monthly("2013-01-01", "2013-03-01", timezone="America/New_York")


@asset(key="flights/raw")
def raw() -> pa.Table:
    """Two flights a day, one of them late; departures as they are on the wall."""
    at = [f"2013-{day} {hour}:00:00" for day in ("01-30", "01-31", "02-01", "02-02") for hour in ("00", "23")]
    table = pa.table({"left_at": at, "carrier": ["b", "a"] * 4, "delay": pa.array([0, 30] * 4, pa.int32())})
    return table.set_column(0, "left_at", table["left_at"].cast(pa.timestamp("us")))


daily = sql_asset(
    "flights/daily",
    "SELECT *, left_at::DATE AS day FROM raw WHERE left_at >= :partition_start AND left_at < :partition_end",
    partitions=days,
)
monthly = sql_asset(
    "reports/monthly",
    "SELECT :partition_key AS month, carrier, count(*) AS flights, avg(delay) AS delay FROM flights.daily GROUP BY ALL",
    partitions=months,
)
late = sql_asset(
    "reports/late",
    "SELECT carrier, sum(flights)::BIGINT AS flights FROM reports.monthly WHERE delay >= :minutes GROUP BY carrier",
    parameters={"minutes": 15.0},
)


@check(late, blocking=True)
def has_rows(late: pa.Table) -> CheckResult:
    """Some carrier is late."""
    return CheckResult(passed=late.num_rows > 0)


@pytest.fixture(scope="module")
def project():
    with Project([raw, daily, monthly, late, has_rows]) as made:
        yield made


@pytest.fixture(scope="module")
def run(project):
    return project.materialize()


def test_the_bounds_of_a_partition_are_those_of_its_time_zone(run):
    assert [row["left_at"].hour for row in run["flights/daily", "2013-01-31"].to_pylist()] == [0, 23]


def test_days_are_read_by_months_and_a_report_by_its_parameter(run):
    assert run["reports/monthly", "2013-02"].to_pylist() == [
        {"month": "2013-02", "carrier": "a", "flights": 2, "delay": 30.0},
        {"month": "2013-02", "carrier": "b", "flights": 2, "delay": 0.0},
    ]
    assert run["reports/late"].to_pylist() == [{"carrier": "a", "flights": 4}]
    assert run.checks["reports/late.has_rows"].passed


def test_nothing_is_computed_twice_and_another_parameter_is_another_version(run, project):
    assert run.outcomes["reports/late"] == "ran"
    assert set(project.materialize().outcomes.values()) == {"fresh"}
    other = project.materialize("reports/late", parameters={"reports/late.minutes": 0})
    assert other["reports/late"].num_rows == 2


def test_a_change_of_layout_changes_nothing_and_one_of_a_word_does(run, project):
    def rewritten(query):
        return sql_asset("reports/late", query, parameters={"minutes": 15.0})

    text = (
        "SELECT carrier, sum(flights)::BIGINT AS flights FROM reports.monthly WHERE delay >= :minutes GROUP BY carrier"
    )
    try:
        project.define([raw, daily, monthly, rewritten(text.replace(" FROM", "\n  -- by carrier\n  from"))])
        assert project.why("reports/late").status == "fresh"
        project.define([raw, daily, monthly, rewritten(text.replace(">=", ">"))])
        assert project.why("reports/late").causes == ("reports/late: code",)
    finally:
        project.define([raw, daily, monthly, late, has_rows])


def test_equal_results_are_equal_in_whatever_order_their_rows_come():
    backwards = sql_asset("backwards", "SELECT carrier, delay FROM forwards")
    with Project(
        [sql_asset("forwards", "SELECT carrier, delay FROM raw ORDER BY left_at DESC"), raw, backwards]
    ) as project:
        one = project.materialize()["backwards"]
        project.define([sql_asset("forwards", "SELECT carrier, delay FROM raw ORDER BY left_at"), raw, backwards])
        assert project.materialize().outcomes == {"flights/raw": "fresh", "forwards": "ran", "backwards": "ran"}
        assert project.materialize()["backwards"].equals(one)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT carier FROM raw", "Referenced column"),
        ("SELECT carrier, delay AS Carrier FROM raw", 'two columns of the result are called "Carrier"'),
        ("SELECT error('no flights') FROM raw", "no flights"),
        ("SELECT getvariable('x'), * FROM duckdb_secrets(), raw WHERE carrier = 1", "Could not convert"),
    ],
)
def test_what_the_database_refuses_fails_the_step_in_its_words(query, said):
    with Project([raw, sql_asset("wrong", query)]) as project:
        failed = project.materialize(may_fail=True).failures["wrong"]
    assert failed.startswith("QueryFailed:")
    assert said in failed
    assert "Traceback" not in failed


def test_a_query_that_takes_too_long_is_interrupted():
    forever = sql_asset(
        "forever",
        "SELECT sum(hash(a.i * b.i)) AS s FROM range(100000000) a(i), range(1000) b(i)",
        timeouts=timedelta(seconds=0.2),
    )
    with Project([forever]) as project:
        assert "TimeoutError" in project.materialize(may_fail=True).failures["forever"]


def test_names_of_three_parts_are_keys_of_three_segments():
    deep = sql_asset("eu/flights/all", "SELECT carrier FROM raw")
    both = sql_asset("both", "SELECT a.carrier FROM eu.flights.all a, raw b WHERE a.carrier = b.carrier LIMIT 1")
    assert both(raw(), raw()).to_pylist() == [{"carrier": "b"}]
    with Project([raw, deep, both]) as project:
        assert project.materialize("both or eu/flights/all or flights/raw")["both"].num_rows == 1


def test_a_query_has_the_memory_and_the_threads_of_its_task():
    settings = "SELECT current_setting('memory_limit') AS memory, current_setting('threads') AS threads"
    given = sql_asset("given", settings, resources=Resources(memory="100Mi", cpu=2))
    with Project([given, sql_asset("by_itself", settings)]) as project:
        run = project.materialize()
        assert run["given"].to_pylist() == [{"memory": "60.0 MiB", "threads": 2}]
        assert run["by_itself"].to_pylist() == [{"memory": "1.0 GiB", "threads": 1}]
