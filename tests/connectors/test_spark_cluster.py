"""Spark's connector against a real standalone cluster, whose own list of applications says what ran."""

import json
import os
import signal
from collections import Counter
from datetime import timedelta
from urllib.request import urlopen

import pyarrow as pa

from crash.conftest import let_leases_end
from crash.engines import engine, of_type, until
from latewood.events import JobSubmitted, RunEnded, RunStatus, StepSucceeded
from latewood.plugin import what_runs
from latewood.testing.connector import Samples, check_connector
from latewood_spark import connect, spark_task

FLIGHTS = """
from datetime import timedelta
import pyarrow as pa
from latewood import Table
from latewood_spark import spark_task

@asset
def flights() -> pa.Table:
    return pa.table({{"carrier": ["UA", "AA", "UA"], "delay": [1.5, None, 2.5]}})

@asset
@spark_task()
def by_carrier(flights: pa.Table, *, rests_s: float = {rests_s}) -> Table["carrier: string, n: int64, delay: double?"]:
    import time
    from pyspark.sql import functions as f

    time.sleep(rests_s)
    return flights.groupBy("carrier").agg(f.count(f.lit(1)).alias("n"), f.sum("delay").alias("delay"))

@asset
@spark_task()
def sorted_(by_carrier: pa.Table) -> Table["carrier: string, n: int64, delay: double?"]:
    return by_carrier.orderBy("carrier")

@asset
def total(by_carrier: pa.Table) -> int:
    return sum(by_carrier["n"].to_pylist())
"""


@spark_task()
def one() -> int:
    print("counting")
    return 1


@spark_task()
def failing() -> int:
    spark.sql("select * from no_such_table").collect()  # noqa: F821


@spark_task()
def long() -> int:
    spark.range(1, numPartitions=1).rdd.map(lambda _: __import__("time").sleep(120)).collect()  # noqa: F821


@spark_task()
def table() -> pa.Table:
    from pyspark.sql import functions as f  # noqa: PLC0415 - the driver has nothing else

    rows = spark.range(1000)  # noqa: F821
    return rows.select(
        "id",
        f.when(f.col("id") > 0, f.col("id").cast("string")).alias("word"),
        f.timestamp_seconds("id").alias("at"),
        f.array("id").alias("list"),
        f.col("id").cast("decimal(10,2)").alias("price"),
        f.struct(f.col("id").alias("inner")).alias("group"),
    )


def applications(cluster):
    """By name, how often the master has seen it, and in which states."""
    with urlopen(f"{cluster.page}/json/") as answer:
        said = json.load(answer)
    return [(each["name"], each["state"]) for each in [*said["activeapps"], *said["completedapps"]]]


def test_it_keeps_what_connectors_keep(cluster, tmp_path):
    kept = []
    samples = {name: what_runs(found).options for name, found in globals().items() if what_runs(found) is not None}
    samples = Samples(
        quick=samples["one"],
        failing=samples["failing"],
        long=samples["long"],
        table=samples["table"],
        settings={"conf": {}},
        patience=timedelta(minutes=5),
    )
    check_connector(lambda: connect(**cluster.connector(tmp_path)), samples, kept.append)
    assert len(kept) == 14
    until(lambda: not [name for name, state in applications(cluster) if state == "RUNNING"])


def test_an_engine_that_is_killed_meanwhile_leaves_one_application_for_each_step(
    cluster, workspace, asked_for, environ, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    settings = cluster.connector(tmp_path)
    tables = {name: settings.pop(name) for name in ("environ", "conf")}
    lines = ["[connectors.spark]", 'factory = "latewood_spark:connect"']
    lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    for name, values in tables.items():
        lines += [f"[connectors.spark.{name}]", *(f'"{n}" = {json.dumps(value)}' for n, value in values.items())]
    (tmp_path / "latewood.toml").write_text("\n".join(lines))

    asked = asked_for(FLIGHTS.format(rests_s=3))
    with engine(environ) as first:
        until(lambda: of_type(workspace, JobSubmitted))
        os.killpg(first.pid, signal.SIGKILL)
    let_leases_end(workspace)
    with engine(environ):
        (over,) = until(lambda: [fact for fact in of_type(workspace, RunEnded) if fact.run == asked.run], 900)
    assert over.status is RunStatus.SUCCEEDED
    ran = Counter(name for name, _ in applications(cluster) if asked.run in name)
    assert sorted(ran.values()) == [1, 1]
    left = [fact.outputs[0] for fact in of_type(workspace, StepSucceeded) if "@spark" in fact.outputs[0].artifact]
    assert len(left) == 2
    assert len({output.data_version for output in left}) == 1, "equal rows in another order"
    assert left[0].metadata["rows"] == 2
    values = [fact.outputs[0].artifact for fact in of_type(workspace, StepSucceeded)]
    assert b"3" in [workspace.store.read(each) for each in values if each.endswith(".json")]
