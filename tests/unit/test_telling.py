"""What is told of runs and engines, without either: lines while one is followed, metrics as text, health."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from latewood.cli.following import Told, how_far, nothing_to_do
from latewood.commands.run_progress import RunProgress, TaskProgress
from latewood.commands.status import Load
from latewood.decide.how_far import TaskSteps
from latewood.engine.running.reports import Report
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId
from latewood.model.ordinals import Ordinals
from latewood.projections.notifications import Untold
from latewood.projections.runs import RunRow
from latewood.serving.absence import Absence
from latewood.serving.metrics import Distribution, Measures, Workers, exposition, families
from latewood.serving.telling import Telling

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def progress(rate=0.0, left=None, **counts):
    row = RunRow(
        run=RunId("r"), environment="prod", selection="*", partitions="", executor="processes", status="running",
        actor="me", automation="", requested_position=1, requested_at=NOW, ended_position=None, ended_at=None,
        counts=None, recorded=True, unheard_s=None, priority=0,
    )  # fmt: skip
    tasks = [
        TaskProgress(
            assets=(AssetKey(key),),
            steps=TaskSteps(assets=(AssetId(key),), counts=found, ordinals=dict.fromkeys(found, Ordinals())),
            scheme=None,
        )
        for key, found in counts.items()
    ]
    return RunProgress(row=row, tasks=tasks, rate=rate, left=left)


def test_a_task_is_told_once_it_has_ended_and_a_long_silence_is_broken():
    lines, now = [], [0.0]
    told = Told(lines.append, clock=lambda: now[0])
    half = progress(2.0, timedelta(seconds=90), day={"succeeded": 5, "waiting": 5}, month={"waiting": 1})
    told.look(half)
    assert lines == []
    now[0] = 31.0
    told.look(half)
    assert lines.pop() == "running: 5 of 11 steps have ended, 2.0 a second; about 1 min 30 s left\n"
    told.look(progress(day={"succeeded": 9, "failed": 1}, month={"waiting": 1}))
    told.look(progress(day={"succeeded": 9, "failed": 1}, month={"skipped": 1}))
    assert lines == ["day  9 succeeded, 1 failed\n", "month  1 skipped\n"]


def test_without_a_pace_no_time_is_told():
    assert how_far(progress(day={"waiting": 3})) == "running: 0 of 3 steps have ended"


@pytest.mark.parametrize(("seconds", "at"), [(0.5, 0), (1.0, 0), (1.5, 1), (7.0, 2)])
def test_an_observation_counts_at_the_first_bound_that_is_not_below_it(seconds, at):
    found = Distribution((1.0, 2.0))
    found.observe(seconds)
    assert [number for number, count in enumerate(found.counts) if count] == [at]


def test_metrics_are_cumulative_and_names_cannot_break_the_lines():
    measures = Measures()
    measures.appended(0.002, 7)
    measures.appended(99.0, 1)
    measures.reported(Report(assets=(AssetKey("a"),), partition=PartitionKey(""), status="succeeded", duration_ms=20))
    text = exposition(families(measures, Workers(2, 1, 1), 1, None), {"engine": 'a"b\\c\n'})
    lines = [line.replace('{engine="a\\"b\\\\c\\n"', "{") for line in text.splitlines()]
    assert 'latewood_append_seconds_bucket{,le="0.001"} 0.0' in lines
    assert 'latewood_append_seconds_bucket{,le="0.0025"} 1.0' in lines
    assert 'latewood_append_seconds_bucket{,le="+Inf"} 2.0' in lines
    assert "latewood_events_total{} 8.0" in lines
    assert "latewood_database_up{} 0.0" in lines
    assert 'latewood_steps_total{,status="succeeded"} 1.0' in lines
    assert not any(line.startswith("latewood_runs") for line in lines), "nobody knows without the log"


def test_what_is_under_way_is_told_by_project_and_each_metric_is_described_once():
    def load(waiting):
        return Load(
            position=5,
            engines=(),
            runs={"queued": 1},
            steps={"waiting": waiting},
            leases=0,
            append_s=None,
            behind={"runs": 0},
            untold=(Untold(environment="prod", location="l", name="n", waiting=waiting, given_up=2, problem="gone"),),
        )

    text = exposition(families(Measures(), Workers(2, 1, 1), 1, {"a": load(3), "b": load(4)}), {"engine": "e"})
    lines = text.splitlines()
    assert 'latewood_steps{engine="e",project="a",status="waiting"} 3.0' in lines
    assert 'latewood_steps{engine="e",project="b",status="waiting"} 4.0' in lines
    assert 'latewood_notifications{engine="e",project="b",status="waiting"} 4.0' in lines
    assert 'latewood_notifications{engine="e",project="b",status="given up"} 2.0' in lines
    assert 'latewood_projection_lag_events{engine="e",projection="runs"} 0.0' in lines
    described = [line for line in lines if line.startswith("#")]
    assert len(described) == len(set(described)) == 2 * 16


def test_who_waits_for_a_database_is_well_and_who_hangs_is_not():
    now = [0.0]
    absence = Absence(clock=lambda: now[0])
    workspace = SimpleNamespace(project="p")
    telling = Telling(lambda: [workspace], engine="e", pool=None, runs=lambda: 0, absence=absence, clock=lambda: now[0])
    assert telling.health().is_well
    now[0] = 60.0
    assert not telling.health().is_well
    absence.away("gone")
    assert (telling.health().is_well, telling.health().facts["database"]) == (True, "away")
    now[0] = 120.0
    assert not telling.health().is_well, "nobody has asked the database for long: it is not what it waits for"
    absence.here()
    telling.comes_round()
    assert telling.health().is_well


@pytest.mark.parametrize(
    ("selected", "left_out", "said"),
    [
        (False, False, "Nothing was selected."),
        (True, False, "Nothing is to be run: what was selected is up to date with its inputs."),
        (
            True,
            True,
            "Nothing is to be run: but for what is left out, what was selected is up to date with its inputs.",
        ),
    ],
)
def test_why_there_is_no_run_is_said_as_it_is(selected, left_out, said):
    assert nothing_to_do(selected=selected, left_out=left_out) == said
