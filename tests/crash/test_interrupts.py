"""Ctrl-C ends a run as cancelled: what was finished is kept, the lease is given back, the next run goes on."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forks import forks

from crash.conftest import facts_of, head_keys, let_leases_end
from latewood.commands.leasing import LEASE_DURATION, close_interrupted
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.engine.running.live_logs import job_folder
from latewood.events import RunEnded, RunStatus, StepStarted, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.projections.runs import steps_of
from latewood.projections.snapshots import snapshot
from latewood_eventlog.audit import verify
from latewood_eventlog.leases import held

_EVERYTHING = Asked(selection="*")
_LATEWOOD = (sys.executable, "-c", "from latewood.cli.entry import main; main()")
_MATERIALIZE = ("materialize", "*", "-f", "assets.py")


def statuses(workspace, run):
    """Of the run's steps."""
    with snapshot(workspace.log) as connection:
        return [step.status for step in steps_of(connection, workspace.project, run)]


def said(environ, *arguments):
    """What a command prints."""
    done = forks().run(arguments, Path.cwd(), environ)
    assert done.code == 0, done.err
    return done.out


def test_finished_steps_are_kept_and_the_next_run_does_the_rest(workspace, load, tmp_path):
    loaded = load(
        f"""
        @asset
        def first() -> int:
            return 1

        @asset
        def second(first: int) -> int:
            if not Path("{tmp_path}/calm").exists():
                raise KeyboardInterrupt
            return first + 1
        """
    )
    result = materialize(workspace, prepare(workspace, loaded, _EVERYTHING))
    assert (result.status, result.tally.ran) == (RunStatus.CANCELLED, 1)
    assert head_keys(workspace) == {"first": 1}
    assert facts_of(workspace.log)[-1] == RunEnded(run=result.run, status=RunStatus.CANCELLED, ran=1)
    assert not held(workspace.log.engine, workspace.project, [f"run/{result.run}"])
    assert statuses(workspace, result.run) == ["succeeded", "cancelled"]

    (tmp_path / "calm").touch()
    again = materialize(workspace, prepare(workspace, loaded, _EVERYTHING))
    assert (again.status, again.tally.ran, again.fresh) == (RunStatus.SUCCEEDED, 1, 1)


def test_a_step_that_was_going_on_when_its_process_was_killed_is_interrupted(workspace, environ, tmp_path):
    (tmp_path / "assets.py").write_text(
        f"""
from pathlib import Path
import time
from latewood import asset

@asset(reuse=False)
def slow() -> int:
    Path("{tmp_path}/started").touch()
    time.sleep(30)
"""
    )
    process = forks().start(_MATERIALIZE, tmp_path, environ)
    while not (tmp_path / "started").exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    (run,) = {fact.run for fact in facts_of(workspace.log) if isinstance(fact, StepStarted)}
    assert statuses(workspace, run) == ["running"]
    assert json.loads(said(environ, "assets", "--json"))["assets"][0]["flags"] == ["running"]
    for command in ("runs",), ("run", run):
        assert re.search(r"running, last heard of \d+ s ago", said(environ, *command))
    assert 0 <= json.loads(said(environ, "runs", "--json"))[0]["unheard_s"] < LEASE_DURATION.total_seconds()

    let_leases_end(workspace)
    end = workspace.log.position()
    (listed,) = json.loads(said(environ, "runs", "--json"))
    shown = json.loads(said(environ, "run", run, "--json"))
    for answer in (listed, shown):
        assert (answer["status"], answer["recorded"], answer["ended_position"]) == ("interrupted", False, None)
    assert [step["status"] for step in shown["steps"]] == ["interrupted"]
    unrecorded = "the process is gone, which is not recorded yet; the next run does"
    assert f"{run}: {unrecorded}" in said(environ, "runs")
    assert said(environ, "run", run).startswith(f"run {run}   interrupted ({unrecorded})\n")
    assert json.loads(said(environ, "assets", "--json"))["assets"][0]["flags"] == []
    assert workspace.log.position() == end

    brought = job_folder(workspace.store, run)
    brought.mkdir(parents=True)
    assert close_interrupted(workspace) == (run,)
    assert not brought.exists()
    assert statuses(workspace, run) == ["interrupted"]
    (listed,) = json.loads(said(environ, "runs", "--json"))
    assert (listed["status"], listed["recorded"], listed["unheard_s"]) == ("interrupted", True, None)
    assert "process is gone" not in said(environ, "runs")


@pytest.mark.parametrize("times", [1, 2, 3])
def test_ctrl_c_on_the_command_line_however_often(workspace, environ, tmp_path, times):
    (tmp_path / "assets.py").write_text(
        f"""
from pathlib import Path
import time
from latewood import asset

@asset
def first() -> int:
    return 1

@asset
def slow(first: int) -> int:
    Path("{tmp_path}/started").touch()
    time.sleep(0 if Path("{tmp_path}/calm").exists() else 30)
    return first
"""
    )
    with subprocess.Popen([*_LATEWOOD, *_MATERIALIZE], cwd=tmp_path, env=environ) as process:
        while not (tmp_path / "started").exists():
            time.sleep(0.01)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.005)
        assert process.wait(20) in ((130,) if times == 1 else (130, -signal.SIGINT, 1))
    if times == 1:
        assert facts_of(workspace.log)[-1].status is RunStatus.CANCELLED

    (tmp_path / "calm").touch()
    done = forks().run(_MATERIALIZE, tmp_path, environ)
    assert done.code == 0, done.err
    assert head_keys(workspace) == {"first": 1, "slow": 1}
    assert sum(isinstance(fact, StepSucceeded) for fact in facts_of(workspace.log)) == 2
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)
