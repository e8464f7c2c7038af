"""Partition-wise tasks in runs: called for as many partitions at once as are due, recorded as if for each."""

import pytest

from crash.conftest import facts_of
from crash.project import Project
from latewood.commands.reproducing import reproduce
from latewood.errors import DefinitionsInvalid
from latewood.events import StepFailed, StepStarted, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify

HEAD = """
from datetime import date, timedelta
from pathlib import Path
import pyarrow as pa
from latewood import *
from latewood.io import *

days = Daily("2013-01-01", "2013-01-11")
CALLS = Path(__file__).with_name("calls")

def called(text):
    with CALLS.open("a") as calls:
        calls.write(f"{text}\\n")
"""
SALES = """
@asset(partitions=days)
def raw(window: TimeWindow) -> pa.Table:
    return pa.table({"day": [window.start.date()] * 2, "n": [window.start.day, 10]})

@asset(partitions=days, partition_column="day")
def doubled(raw: pa.Table, days: PartitionRange, context: Context) -> pa.Table:
    called(f"{days.first}..{days.last} with {raw.num_rows}")
    context.add_metadata(source="range")
    rows = [row for row in raw.to_pylist() if row["n"] != 3]
    return pa.table({"day": [row["day"] for row in rows], "n": [row["n"] * FACTOR for row in rows]})

@asset
def total(doubled: pa.Table) -> int:
    return sum(doubled["n"].to_pylist())

FACTOR = 2
"""


@pytest.fixture
def project(workspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latewood.toml").touch()
    return Project(workspace, tmp_path, HEAD)


def calls(project):
    found = (project.folder / "calls").read_text().splitlines()
    (project.folder / "calls").unlink()
    return found


def of(project, kind, task="doubled"):
    facts = facts_of(project.workspace.log)
    started = {(f.run, f.step) for f in facts if isinstance(f, StepStarted) and task in f.task}
    return [f for f in facts if isinstance(f, kind) and (f.run, f.step) in started]


def test_what_is_due_is_made_in_one_call_and_recorded_for_each_partition(project):
    project.define(SALES)
    assert project.ran() == (21, 0, 0)
    assert calls(project) == ["2013-01-01..2013-01-10 with 20"]
    steps = of(project, StepSucceeded)
    assert [fact.partition for fact in steps] == [f"2013-01-{day:02}" for day in range(1, 11)]
    assert {fact.outputs[0].metadata["source"] for fact in steps} == {"range"}
    assert [fact.outputs[0].metadata["rows"] for fact in steps] == [2, 2, 1, *[2] * 7]
    assert project.ran() == (0, 0, 0)
    verify(project.workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_versions_are_those_of_single_executions_however_it_was_called(project):
    def key(fact):
        (output,) = fact.outputs
        return fact.partition, fact.reuse_key, output.data_version, output.artifact

    project.define(SALES)
    project.run()
    whole = sorted(map(key, of(project, StepSucceeded)))
    for step in (1, 3):
        project.define(SALES.replace('"day")', f'"day", partitions_per_step={step})'))
        assert project.ran(force=True) == (21, 0, 0)
    assert calls(project)[1:] == [
        *(f"2013-01-{day:02}..2013-01-{day:02} with 2" for day in range(1, 11)),
        "2013-01-01..2013-01-03 with 6",
        "2013-01-04..2013-01-06 with 6",
        "2013-01-07..2013-01-09 with 6",
        "2013-01-10..2013-01-10 with 2",
    ]
    made = list(map(key, of(project, StepSucceeded)))
    assert sorted(made[10:20]) == sorted(made[20:]) == whole


def test_only_what_is_due_is_called_for_in_stretches_without_gaps(project):
    project.define(SALES)
    project.run("+doubled", partition="2013-01-04..2013-01-05")
    calls(project)
    assert project.ran("+doubled") == (16, 0, 0)
    assert calls(project) == ["2013-01-01..2013-01-03 with 6", "2013-01-06..2013-01-10 with 10"]


def test_a_failure_of_a_call_is_tried_again_together_and_at_last_for_each_partition_alone(project):
    broken = SALES.replace('partition_column="day")', 'partition_column="day", retries=Retry(1, backoff=timedelta(0)))')
    project.define(broken.replace("FACTOR = 2", "FACTOR = None"))
    assert project.ran() == (10, 0, 10)
    failed = of(project, StepFailed)
    assert [fact.attempt for fact in failed] == [1] * 10 + [2] * 10 + [3] * 10
    assert [fact.retry_at is None for fact in failed] == [False] * 20 + [True] * 10
    assert {fact.failure.error for fact in failed} == {"TypeError"}
    alone = [f"2013-01-{day:02}..2013-01-{day:02} with 2" for day in range(1, 11)]
    assert calls(project) == ["2013-01-01..2013-01-10 with 20"] * 2 + alone
    project.define(broken)
    assert project.ran() == (11, 0, 0)


def test_one_bad_partition_does_not_keep_the_others_from_being_made(project):
    bad = """
    if any(row["n"] == 3 for row in raw.to_pylist()):
        raise ValueError("no data of the 3rd")
    context.add_metadata"""
    project.define(SALES.replace("    context.add_metadata", bad.strip("\n")))
    assert project.ran("+doubled") == (19, 0, 1)
    last = of(project, StepFailed)[-1]
    assert (last.partition, last.attempt, last.failure.message) == ("2013-01-03", 2, "no data of the 3rd")
    assert len(of(project, StepFailed)) == 11
    assert {fact.attempt for fact in of(project, StepSucceeded)} == {2}
    assert project.ran("+doubled") == (0, 0, 1)
    verify(project.workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_partitions_of_a_call_that_used_up_all_time_are_not_tried_alone(project):
    timed = SALES.replace('"day")', '"day", timeouts=Timeouts(total=timedelta(seconds=1)))')
    project.define(
        timed.replace("    context.add_metadata", "    __import__('time').sleep(60)\n    context.add_metadata")
    )
    assert project.ran() == (10, 0, 10)
    assert len(calls(project)) == 1
    assert project.failures()[0].message.endswith(" s; all attempts together may take 1 s")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"day": [row["day"]', '"day": [row["day"] + timedelta(days=365)', "found day = 2014-01-01 in row 0"),
        ('{"day": [row["day"] for row in rows], ', "{", 'expected the partition column "day", found columns n'),
        ("context.add_metadata", "context.partition; context.add_metadata", "it asks for a PartitionRange"),
    ],
)
def test_rows_that_are_no_partitions_of_the_call_are_a_clear_failure(project, before, after, said):
    project.define(SALES.replace(before, after))
    assert project.ran() == (10, 0, 10)
    assert said in of(project, StepFailed)[0].failure.message


def test_each_part_gets_to_its_place_and_is_checked_for_itself(project, tmp_path):
    project.define(
        SALES.replace('"day")', '"day", io=Parquet("out/{partition}.parquet"))')
        + """
@check(doubled, blocking=True)
def not_many(doubled: pa.Table) -> bool:
    return doubled["n"][0].as_py() != 8
"""
    )
    assert project.ran("+doubled") == (20, 0, 0)
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == [
        f"2013-01-{day:02}" for day in range(1, 11) if day != 4
    ]


def test_it_is_reproduced_for_each_partition(project, tmp_path):
    project.define(SALES)
    run = project.run().run
    assert reproduce(project.workspace, run, home=tmp_path / "home", root=tmp_path).is_identical


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("days: PartitionRange", "days: TimeWindow", "by a parameter annotated PartitionRange, and not for one"),
        ("context: Context) -> pa.Table", "context: Context) -> int", "its result is a table"),
        ("partitions=days, partition_column", "partition_column", "needs partitions of one dimension"),
        (', partition_column="day"', ", partitions_per_step=3", "name its partition_column too"),
        ('"day")', '"day", partitions_per_step=0)', "expected a whole number from 1 on, found 0"),
        ('"day")', '"day", inputs={"raw": From("self", offset=-1)})', "cannot read its own earlier partitions"),
        ("def raw(window: TimeWindow) -> pa.Table", "def raw(window: TimeWindow) -> int", "cannot be joined"),
    ],
)
def test_what_cannot_be_called_for_a_range_is_refused_when_definitions_load(project, before, after, said):
    source = SALES.replace("def doubled(raw: pa.Table", "def doubled(raw: int") if "-> int" in after[:40] else SALES
    project.define(source.replace(before, after))
    with pytest.raises(DefinitionsInvalid) as refused:
        project.run()
    assert said in str(refused.value)
