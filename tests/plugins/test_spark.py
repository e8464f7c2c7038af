"""Spark's connector, against a stand-in for spark-submit that runs the driver at once."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import latewood
from crash.engines import ended as ended_run
from crash.engines import of_type, until
from latewood import PartitionKey
from latewood.events import RunStatus, StepSucceeded
from latewood.plugin import Job, JobInput, JobOutput, JobState, PermanentError, what_runs
from latewood.testing.connector import Samples, check_connector
from latewood_spark import connect, launcher, spark_task
from latewood_spark.authoring import definition_of, source_of
from latewood_spark.driver import arrow_type, checksum

SUBMIT = str(Path(__file__).with_name("fake_spark") / "spark-submit")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 3


@spark_task()
def one() -> int:
    print("counting")
    return 1


@spark_task()
def failing() -> int:
    raise ValueError("no table t")


@spark_task()
def long() -> int:
    __import__("time").sleep(60)


@spark_task(session={"spark.sql.ansi.enabled": "true"}, conf={"spark.executor.memory": "4g"})
def table() -> pa.Table:
    return spark.createDataFrame([(1, "a"), (2, None)], "n long, word string")  # noqa: F821


@spark_task()
def again(table: pa.Table, *, at_least: int = 0) -> pa.Table:
    rows = [tuple(row.values()) for row in table.table.to_pylist() if row["n"] >= at_least]
    return table.sparkSession.createDataFrame(list(reversed(rows)), "n long, word string")


@spark_task()
def of_a_day(day: PartitionKey, window: latewood.TimeWindow) -> str:
    return f"{day} {window.start:%d.%m.} to {window.end:%d.%m.}"


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="module")
def spark_of(there):
    return lambda: connect(submit=SUBMIT, folder=str(there / "jobs"), warehouse=str(there / "warehouse"))


def options_of(function):
    return what_runs(function).options


def submitted(connector, function, key, inputs=None, partition="", window=None, **parameters):
    found = what_runs(function)
    return connector.submit(
        Job(
            key=key,
            options=found.options,
            settings=found.settings,
            parameters=parameters,
            inputs=inputs or {},
            outputs={"result": JobOutput(type="Table", path="")},
            labels={"asset": "group/made"},
            partition=partition,
            window=window,
        )
    )


def ended(connector, handle):
    deadline = time.monotonic() + 30
    while not (status := connector.poll(handle)).state.is_over:
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    return status


def test_it_keeps_what_connectors_keep(spark_of):
    kept = []
    samples = Samples(
        quick=options_of(one),
        failing=options_of(failing),
        long=options_of(long),
        table=options_of(table),
        settings={"conf": {}},
        patience=timedelta(seconds=30),
    )
    check_connector(spark_of, samples, kept.append)
    assert len(kept) == 14


def test_a_table_is_read_where_it_stays_and_equal_rows_in_another_order_are_equal_content(spark_of, there):
    spark = spark_of()
    first = ended(spark, submitted(spark, table, "first"))
    left = first.elsewhere["result"]
    assert left.address == (there / "warehouse/group/made/first/result").as_uri()
    assert (left.columns, left.rows) == ({"n": "int64", "word": "string?"}, 2)
    assert (first.metrics, first.links) == ({"application": "app-1"}, {"spark": "http://driver:4040"})

    read = (JobInput(partition="", data_version="", address=left.address, connector="spark"),)
    second = ended(spark, submitted(spark, again, "second", {"table": read}))
    assert second.elsewhere["result"].data_version == left.data_version
    assert second.elsewhere["result"].fingerprint != left.fingerprint
    fewer = ended(spark, submitted(spark, again, "third", {"table": read}, at_least=2))
    assert fewer.elsewhere["result"].rows == 1
    assert fewer.elsewhere["result"].data_version != left.data_version


def test_a_function_hears_of_its_partition(spark_of):
    spark, window = spark_of(), (NOW, NOW + timedelta(days=1))
    status = ended(spark, submitted(spark, of_a_day, "a-day", partition="2026-01-01", window=window))
    assert status.values == {"result": "2026-01-01 01.01. to 02.01."}


OF_DAYS = """
import pyarrow as pa
from latewood import Daily, PartitionKey, Table
from latewood_spark import spark_task

@asset(partitions=Daily("2026-01-01", "2026-01-03"))
@spark_task()
def rows(day: PartitionKey) -> Table["n: int64, word: string"]:
    return spark.createDataFrame([(int(day[-2:]), day)], "n long, word string")

@asset
def total(rows: pa.Table) -> int:
    return sum(rows["n"].to_pylist())
"""


def test_an_engine_has_it_called_and_others_read_what_it_has_left(workspace, asked_for, within, tmp_path):
    configured = {"factory": "latewood_spark:connect", "submit": SUBMIT, "folder": str(tmp_path / "jobs")}
    lines = ["[connectors.spark]", *(f"{name} = {json.dumps(value)}" for name, value in configured.items())]
    (tmp_path / "latewood.toml").write_text("\n".join(lines))
    with within():
        assert ended_run(workspace, asked_for(OF_DAYS)).status is RunStatus.SUCCEEDED
        assert asked_for(OF_DAYS).steps == 0
    *tables, total = [fact.outputs[0] for fact in of_type(workspace, StepSucceeded)]
    assert [table.columns for table in tables] == [("n: int64", "word: string")] * 2
    assert len({table.data_version for table in tables}) == 2
    assert workspace.store.read(total.artifact) == b"3"


def test_what_the_driver_cannot_give_is_refused_when_it_is_defined():
    with pytest.raises(TypeError, match="no Context to give to told"):

        @spark_task()
        def made(told: latewood.Context) -> int: ...


def test_what_is_submitted_says_how_it_is_run_and_who_is_first_launches_it(spark_of, there):
    spark = spark_of()
    handle = submitted(spark, table, "settings")
    assert submitted(spark, table, "settings") == handle
    ended(spark, handle)
    command = json.loads((there / "jobs" / handle / "command.json").read_text())
    assert command[1:5] == ["--master", "local[*]", "--name", "settings"]
    assert {"spark.executor.memory=4g", "spark.sql.ansi.enabled=true"} <= set(command)


def test_one_whose_driver_is_gone_has_failed(spark_of, there):
    spark = spark_of()
    handle = submitted(spark, long, "killed")
    while spark.poll(handle).state is not JobState.RUNNING:
        time.sleep(0.02)
    assert spark.poll(handle).progress == 0.25
    group = json.loads((there / "jobs" / handle / "pid").read_text())["group"]
    os.killpg(group, signal.SIGKILL)
    assert ended(spark, handle).message == "its driver is gone"


def test_who_looks_at_the_lock_while_it_is_taken_keeps_nobody_from_taking_it(there):
    folder = there / "jobs" / "looked-at"
    folder.mkdir(parents=True)
    (folder / "command.json").write_text('["true"]')
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        launching = threading.Thread(target=launched, args=(folder,))
        launching.start()
        time.sleep(0.1)
    launching.join()
    until((folder / "exit").exists, 5)
    assert (folder / "exit").read_text() == "0"


def launched(folder):
    subprocess.run([sys.executable, "-I", "-S", launcher.__file__, folder], check=True)


def test_one_that_is_cancelled_before_it_begins_never_does(spark_of, there):
    spark = spark_of()
    folder = there / "jobs" / "early"
    folder.mkdir()
    (folder / "job.json").write_text("{}")
    spark.cancel("early")
    assert submitted(spark, one, "early") == "early"
    assert spark.poll("early").state is JobState.QUEUED
    os.utime(folder, (0, 0))
    assert spark.poll("early").state is JobState.CANCELLED


def test_a_program_that_is_not_there_is_told(there):
    spark = connect(submit="/no/spark-submit", folder=str(there / "jobs"), warehouse=str(there))
    assert ended(spark, submitted(spark, one, "nowhere")).message == "/no/spark-submit: No such file or directory"


def test_what_was_written_and_is_gone_is_not_brought(spark_of, there, tmp_path):
    with pytest.raises(PermanentError):
        spark_of().fetch((there / "nothing").as_uri(), tmp_path / "here.parquet")


def test_the_function_alone_is_submitted():
    assert options_of(again)["source"].startswith("def again(table, *, at_least=0):\n")


def uses_what_it_has_not():
    return LIMIT


def has_a_default(limit=LIMIT):
    return limit


def imports_what_it_uses(table):
    from pyspark.sql import functions as f  # noqa: PLC0415 - the driver has nothing else

    def inner(name):
        return table[name], f.count(f.lit(limit)), len(name)

    limit = 1
    return [inner(column) for column in table.columns if spark]  # noqa: F821


@pytest.mark.parametrize("function", [uses_what_it_has_not, has_a_default])
def test_what_the_driver_would_not_have_is_refused_when_it_is_defined(function):
    with pytest.raises(TypeError, match="uses LIMIT, which Spark's driver does not have"):
        source_of(definition_of(function))


def test_what_a_function_imports_and_defines_it_has():
    assert "def inner" in source_of(definition_of(imports_what_it_uses))


@pytest.mark.parametrize(
    ("said", "arrow"),
    [
        ("integer", "int32"),
        ("decimal(10,2)", "decimal128(10, 2)"),
        ("timestamp", "timestamp[us, tz=UTC]"),
        ({"type": "array", "elementType": "long", "containsNull": True}, "list<int64>"),
        ({"type": "map", "keyType": "string", "valueType": "double"}, "map<string, double>"),
        ({"type": "struct", "fields": [{"name": "a b", "type": "date"}]}, 'struct<"a b": date32>'),
    ],
)
def test_types_are_named_as_arrow_does(said, arrow):
    assert arrow_type(said) == arrow


def test_a_type_that_arrow_does_not_have_is_told():
    with pytest.raises(TypeError, match="cast the column"):
        arrow_type("interval day to second")


def test_a_checksum_is_of_rows_and_columns():
    seen = {"rows": 2, "sum_0": 7, "sum_1": 9}
    assert checksum(seen, {"n": "int64"}) == checksum({**seen, "null_0": False}, {"n": "int64"})
    others = [({**seen, "sum_1": 8}, {"n": "int64"}), (seen, {"m": "int64"}), (seen, {"n": "int32"})]
    assert len({checksum(*other) for other in [*others, (seen, {"n": "int64"})]}) == 4
