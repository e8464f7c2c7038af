"""What is told of facts to systems that follow lineage."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from latewood.decide.happenings import MadeThen, Surroundings, happened
from latewood.events import (
    Failure,
    FailureKind,
    InputRead,
    OutputMade,
    ReusedOutput,
    RunEnded,
    RunRequested,
    RunStatus,
    SkipReason,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from latewood.model.column_sources import ColumnSources
from latewood.model.happenings import ColumnTold, DatasetRead, RunTold, Turn

AT = datetime(2013, 3, 1, tzinfo=UTC)
RAW = InputRead(asset="i1", data_version="x", versions="old.3")
STARTED = StepStarted(
    run="r", step=2, attempt=1, assets=("i2",), task="m:f", code="c", logic="l", inputs_digest="d", inputs={"raw": RAW}
)
OUTPUT = OutputMade(
    asset="i2",
    output="result",
    data_version="y",
    artifact="a",
    size=9,
    accepted=True,
    head=True,
    metadata={"rows": 4},
    columns=("n: int64", "… and 3 more"),
    column_sources=(
        ColumnSources(columns=("n", "m"), sources=(("raw", ""),)),
        ColumnSources(columns=("some",), sources=(("raw", "a"),), confidence="partial"),
        ColumnSources(columns=("unknown",), confidence="unknown"),
        ColumnSources(columns=("constant",)),
    ),
)
DONE = {"run": "r", "step": 2, "environment": "dev", "code": "c", "logic": "l", "inputs_digest": "d"}


def told(fact, *, launch="", **around):
    request = RunRequested(run="r", environment="dev", selection="*", deployments={}, launch=launch)
    known = {
        "requests": {"r": request},
        "definitions": {},
        "names": {"i1": "raw", "i2": "report", "i2[]": "report[]"},
        "started": {"r.2": STARTED},
        "left": {},
        "taken": {},
        "environments": {("i1", "old.3"): "prod"},
    }
    return list(happened(fact, AT, Surroundings(project="shop", **{**known, **around})))


def test_a_run_is_told_by_what_asked_for_it():
    (begun,) = told(RunRequested(run="r", environment="dev", selection="*", deployments={}), launch="nightly")
    assert begun.of == RunTold(project="shop", environment="dev", run="r", name="nightly")
    assert (begun.turn, begun.selection) == (Turn.BEGAN, "*")


def test_what_a_step_made_is_told_with_where_its_columns_come_from_and_no_guess():
    (done,) = told(StepSucceeded(**DONE, attempt=1, outputs=(OUTPUT,), duration_ms=1.0, partition="2013-01-01"))
    assert (done.turn, done.assets, done.task) == (Turn.DONE, ("report",), "m:f")
    assert done.inputs == (DatasetRead(environment="prod", key="raw", version="old.3"),)
    (made,) = done.outputs
    assert (made.environment, made.key, made.version, made.partition) == ("dev", "report", "r.2", "2013-01-01")
    assert (made.rows, made.size, made.columns) == (4, 9, ("n: int64",))
    assert made.column_sources == (
        ColumnTold(column="n", confidence="exact", sources=(("prod", "raw", "n"),)),
        ColumnTold(column="m", confidence="exact", sources=(("prod", "raw", "m"),)),
        ColumnTold(column="some", confidence="partial", sources=(("prod", "raw", "a"),)),
    )


@pytest.mark.parametrize("versions", ["old.3-4", "@listed.json"])
def test_of_several_versions_no_one_is_named(versions):
    read = InputRead(asset="i1", data_version="x", versions=versions, partitions="a..b")
    (begun,) = told(replace(STARTED, inputs={"raw": read, "again": read}))
    environment = "dev" if versions.startswith("@") else "prod"
    assert begun.inputs == (DatasetRead(environment=environment, key="raw", partitions="a..b"),)


def test_a_failed_attempt_is_told_with_its_error_and_one_that_was_broken_off_is_ended():
    failure = Failure(kind=FailureKind.USER, error="ValueError", message="no", traceback="at f")
    (failed,) = told(StepFailed(run="r", step=2, attempt=2, failure=failure, duration_ms=1.0, assets=("i2",)))
    assert (failed.turn, failed.attempt, failed.error, failed.traceback) == (Turn.FAILED, 2, "ValueError: no", "at f")
    failure = Failure(kind=FailureKind.INTERRUPTED, error="Interrupted", message="")
    never_begun = StepFailed(run="r", step=7, attempt=1, failure=failure, duration_ms=1.0, assets=("i2",))
    (ended,) = told(never_begun)
    assert (ended.turn, ended.error, ended.assets) == (Turn.ENDED, "Interrupted", ("report",))


def test_the_end_of_a_run_ends_what_it_has_left():
    ended = RunEnded(run="r", status=RunStatus.CANCELLED, ran=1, skipped=1_000)
    step, run = told(ended, left={"r": (STARTED,)})
    assert (step.turn, step.step, step.attempt, step.assets) == (Turn.ENDED, 2, 1, ("report",))
    assert (run.turn, run.message) == (Turn.ENDED, "the run was cancelled: 1,000 skipped, 1 done")


def test_what_is_reused_begins_and_is_done_with_what_it_was_made_from():
    then = MadeThen(started=STARTED, output=OUTPUT)
    reused = StepReused(**DONE, reuse_key="k", outputs=(ReusedOutput(asset="i2", version="old.9", head=True),))
    begun, done = told(reused, taken={("i2", "old.9"): then})
    assert [begun.turn, done.turn, done.reused, done.attempt] == [Turn.BEGAN, Turn.DONE, True, 0]
    assert begun.inputs == done.inputs == (DatasetRead(environment="prod", key="raw", version="old.3"),)
    (made,) = done.outputs
    assert (made.key, made.version, made.rows) == ("report", "old.9", 4)
    # Taken from another asset of the same task: the columns are those that were made for it.
    taken = ReusedOutput(asset="i1", version="r.2", head=True, made=OUTPUT, source=("i2", "old.9"))
    _, done = told(StepReused(**DONE, reuse_key="k", outputs=(taken,)), taken={("i1", "r.2"): then})
    assert [(made.key, made.version, len(made.column_sources)) for made in done.outputs] == [("raw", "r.2", 3)]
    # What nobody knows any more of how it was made is still told of.
    _, done = told(StepReused(**DONE, reuse_key="k", outputs=(taken,)))
    assert [(made.key, made.version, made.column_sources) for made in done.outputs] == [("raw", "r.2", ())]


def test_elements_of_lists_are_variants_and_other_facts_are_not_told():
    (begun,) = told(replace(STARTED, assets=("i2[]",)))
    assert (begun.variant, begun.assets) == (True, ("report[]",))
    assert not told(StepSkipped(run="r", step=1, reason=SkipReason.RETRACTED, assets=("i1",)))
    assert not told(STARTED, requests={}), "of a run that nobody knows"
