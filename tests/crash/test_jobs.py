"""Steps that run in another system: once each, whoever dies, as that system's own history says."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from itertools import pairwise

import pytest

from crash.conftest import head_keys, let_leases_end
from crash.engines import ended, engine, of_type, require_each_step_ended_once, until
from latewood.cli.following import job_lines
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.pools import set_pool
from latewood.commands.run_reasons import jobs_heard_of, why_step
from latewood.commands.runs import run_named
from latewood.decide.step_reasons import StepJob
from latewood.engine.loading.loader import load_file
from latewood.engine.running.job_told import live_jobs
from latewood.engine.running.live_logs import live_log, printed_so_far
from latewood.events import FailureKind, JobPrepared, JobSubmitted, RunStatus, StepFailed, StepStarted, StepSucceeded
from latewood.model.jobs import JobState
from latewood.plugin import PermanentError
from latewood.serving.requesting import cancel
from latewood.testing import jobs
from latewood.testing.jobs import JobServer, history


@contextmanager
def apart(folder, *options):
    """The same as a process of its own, which may be killed."""
    process = subprocess.Popen([sys.executable, "-m", jobs.__name__, folder, *options])
    try:
        until((folder / "socket").exists)
        yield process
    finally:
        process.kill()
        process.wait()


def job(name="made", options=None, more="", reads="", returns="int", settings=""):
    return f"""
    from latewood.plugin import runs_on

    @asset({more})
    @runs_on("local", options={options or {"values": {"result": 7}}!r})
    def {name}({reads}) -> {returns}: ...
    """


def value_of(workspace, made):
    return workspace.store.read(made.outputs[0].artifact)


def test_what_a_job_makes_is_a_version_with_what_it_used_and_printed(workspace, asked_for, within, there):
    options = {"seconds": 0.3, "values": {"result": 7}, "prints": ["one", "two"], "metrics": {"bytes": 12}}
    asked = asked_for(job(options=options))
    with within():
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    (made,) = of_type(workspace, StepSucceeded)
    assert value_of(workspace, made) == b"7"
    assert made.outputs[0].metadata["bytes"] == 12
    assert made.outputs[0].metadata["job"].startswith("http://jobs.example/job-1-")
    assert made.duration_ms >= 300
    assert workspace.store.read(made.logs) == b"one\ntwo\n"
    (prepared,), (submitted,), (ran,) = (
        of_type(workspace, JobPrepared),
        of_type(workspace, JobSubmitted),
        history(there),
    )
    assert prepared.key == submitted.key == ran.key
    assert submitted.handle == ran.handle
    assert ran.labels["asset"] == "made"
    assert head_keys(workspace) == {"made": 1}
    assert not [path for path in workspace.store.directory.rglob("*") if "jobs" in path.parts and path.is_file()]


def test_a_job_that_made_this_before_is_not_run_again(workspace, asked_for, within, there):
    with within():
        assert ended(workspace, asked_for(job())).ran == 1
        assert asked_for(job()).steps == 0
    assert len(history(there)) == 1


def test_a_failure_is_the_systems_own_and_a_retry_is_another_job(workspace, asked_for, within, there):
    asked = asked_for(
        job(options={"fail": "no table t"}, more="retries=Retry(1, backoff=__import__('datetime').timedelta(0))")
    )
    with within():
        assert ended(workspace, asked).failed == 1
    failed = of_type(workspace, StepFailed)
    assert [fact.failure.message.splitlines()[0] for fact in failed] == ["no table t"] * 2
    assert [ran.key[-2:] for ran in history(there)] == ["-1", "-2"]


def test_what_it_was_to_make_and_has_not_fails_the_attempt(workspace, asked_for, within, there):
    with within():
        assert ended(workspace, asked_for(job(options={"values": {"result": "seven"}}))).failed == 1
        assert ended(workspace, asked_for(job(options={"seconds": 0}))).failed == 1
    wrong, missing = of_type(workspace, StepFailed)
    assert "int" in wrong.failure.message
    assert "without what it was to make" in missing.failure.message


def test_waiting_jobs_hold_no_worker(workspace, asked_for, within, there):
    source = "from latewood.plugin import runs_on\n"
    for number in range(12):
        source += f"""
@asset
@runs_on("local", options={{"seconds": 0.8, "values": {{"result": {number}}}}})
def made_{number}() -> int: ...
"""
    source += "\n@asset\ndef here() -> int:\n    return 1\n"
    with within():
        assert ended(workspace, asked_for(source)).ran == 13
    ran = history(there)
    assert len(ran) == 12
    at_once = max(sum(one.submitted_at <= at.submitted_at < one.ends_at for one in ran) for at in ran)
    assert at_once > 4, "there are two workers"


def test_jobs_begin_while_every_worker_is_busy(workspace, asked_for, within, there, tmp_path):
    source = (
        job(options={"values": {"result": 1}})
        + f"""
    @asset
    def busy() -> int:
        while not Path("{tmp_path}/go").exists():
            time.sleep(0.01)
        return 1

    @asset
    def busy_too() -> int:
        return busy.function()
    """
    )
    asked = asked_for(source, "busy or busy_too or made")
    with within():
        until(lambda: history(there))
        (tmp_path / "go").touch()
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED


def test_cancelling_a_run_ends_its_jobs(workspace, asked_for, within, there):
    asked = asked_for(job(options={"seconds": 600}))
    with within():
        until(lambda: of_type(workspace, JobSubmitted))
        cancel(workspace, run_named(workspace, asked.run))
        assert ended(workspace, asked).status is RunStatus.CANCELLED
    assert [ran.state(time.time()) for ran in history(there)] == [JobState.CANCELLED]


@pytest.mark.parametrize(
    ("limit", "seconds", "said"),
    [
        ("running", 0.5, "still running after 0.5 s; the job was cancelled"),
        ("total", 1.5, r"still running after [01].\d+ s; the job was cancelled; all attempts together may take 1.5 s"),
    ],
)
def test_a_job_that_runs_too_long_is_ended(workspace, asked_for, within, there, limit, seconds, said):
    more = f"timeouts=Timeouts({limit}=__import__('datetime').timedelta(seconds={seconds}))"
    asked = asked_for(job(options={"seconds": 600, "prints": ["said"] * 3000}, more=more))
    with within():
        assert ended(workspace, asked).failed == 1
    (failed,) = of_type(workspace, StepFailed)
    assert failed.failure.kind is FailureKind.TIMEOUT
    assert re.fullmatch(said, failed.failure.message)
    assert workspace.store.read(failed.logs).startswith(b"said\n")
    assert [ran.state(time.time()) for ran in history(there)] == [JobState.CANCELLED]


def test_a_job_that_its_attempt_has_left_is_ended_before_the_run_is_over(
    workspace, asked_for, within, there, monkeypatch
):
    def refusing(_, handles):
        return dict.fromkeys(handles, PermanentError("you may not look"))

    monkeypatch.setattr(JobServer, "poll_many", refusing)
    asked = asked_for(job(options={"seconds": 600}))
    with within():
        assert ended(workspace, asked).failed == 1
    (failed,) = of_type(workspace, StepFailed)
    assert failed.failure.message == "you may not look"
    assert [ran.state(time.time()) for ran in history(there)] == [JobState.CANCELLED]


def test_a_job_goes_on_while_its_engine_is_gone(here, workspace, environ, asked_for):
    with apart(here / "there"):
        asked = asked_for(job(options={"seconds": 3, "values": {"result": 7}}))
        with engine(environ) as first:
            until(lambda: of_type(workspace, JobSubmitted))
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
        with engine(environ):
            assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    require_each_step_ended_once(workspace, asked)
    assert len(of_type(workspace, StepStarted)) == len(history(here / "there")) == 1


def test_an_engine_that_drains_leaves_jobs_to_others(workspace, asked_for, within, there):
    asked = asked_for(job(options={"seconds": 2, "values": {"result": 7}}))
    begun = time.monotonic()
    with within():
        until(lambda: of_type(workspace, JobSubmitted))
    assert time.monotonic() - begun < 2, "it does not wait for it"
    let_leases_end(workspace)
    with within():
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert len(of_type(workspace, StepStarted)) == len(history(there)) == 1


def test_a_job_whose_step_would_read_something_else_by_now_is_ended_before_it_begins_again(
    workspace, asked_for, within, there, tmp_path
):
    source = (
        job(options={"seconds": 600}, reads="base: int")
        + f"""
    @asset(reuse=False)
    def base() -> int:
        return int(Path("{tmp_path}/number").read_text())
    """
    )
    (tmp_path / "number").write_text("1")
    with within():
        ended(workspace, asked_for(source, "base"))
        asked = asked_for(source, "made")
        until(lambda: of_type(workspace, JobSubmitted))
    let_leases_end(workspace)
    (tmp_path / "number").write_text("2")
    materialize(
        workspace, prepare(workspace, load_file(tmp_path / "assets.py", root=tmp_path), Asked(selection="base"))
    )
    with within():
        until(lambda: len(of_type(workspace, JobSubmitted)) == 2)
        cancel(workspace, run_named(workspace, asked.run))
        ended(workspace, asked)
    (failed,) = of_type(workspace, StepFailed)
    assert failed.failure.kind is FailureKind.INTERRUPTED
    first, second = history(there)
    assert (first.key[-2:], second.key[-2:]) == ("-1", "-2")
    assert first.cancelled_at < second.submitted_at


def test_a_system_that_is_away_is_waited_for(here, workspace, asked_for, within):
    asked = asked_for(job(options={"seconds": 1, "values": {"result": 7}}))
    with within():
        until(lambda: of_type(workspace, JobPrepared))
        with apart(here / "there") as process:
            until(lambda: of_type(workspace, JobSubmitted))
            process.kill()
        with apart(here / "there"):
            assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert len(history(here / "there")) == 1


def test_a_connector_that_is_not_there_is_the_failure_of_its_steps(here, workspace, asked_for, within):
    (here / "latewood.toml").write_text("")
    with within():
        assert ended(workspace, asked_for(job())).failed == 1
    (failed,) = of_type(workspace, StepFailed)
    assert failed.failure.message.startswith('connector "local" is not installed where the engine runs')


def test_what_a_step_holds_of_its_pool_it_holds_while_its_job_runs(workspace, asked_for, within, there):
    set_pool(workspace, "narrow", 1)
    source = "from latewood.plugin import runs_on\n"
    for number in range(3):
        source += f"""
@asset(pool="narrow")
@runs_on("local", options={{"seconds": 0.5, "values": {{"result": {number}}}}})
def made_{number}() -> int: ...
"""
    with within():
        assert ended(workspace, asked_for(source)).ran == 3
    ran = sorted(history(there), key=lambda ran: ran.submitted_at)
    assert all(one.ends_at <= other.submitted_at for one, other in pairwise(ran))
    assert Counter(ran.key for ran in ran).most_common(1)[0][1] == 1


def test_while_it_goes_on_a_run_tells_of_its_jobs_and_why_tells_of_one(workspace, asked_for, within, there):
    asked = asked_for(job(options={"seconds": 600, "prints": ["said"] * 3000}))
    with within():
        told = until(lambda: [line for line in job_lines(live_jobs(workspace.store, asked.run)) if "running" in line])
        (ran,) = history(there)
        assert told[0].startswith(f"step 0 is job {ran.handle} of local, running, 0%, http://jobs.example/{ran.handle}")
        until(lambda: printed_so_far(live_log(workspace.store, asked.run, 0, 1)).startswith("said\n"))
        (explained,) = jobs_heard_of(workspace.store, why_step(workspace, run_named(workspace, asked.run), 0)).jobs
        link = f"http://jobs.example/{ran.handle}"
        assert explained == StepJob(
            attempt=1, connector="local", key=ran.key, handle=ran.handle, state="running", link=link
        )
        cancel(workspace, run_named(workspace, asked.run))
        ended(workspace, asked)
    (explained,) = jobs_heard_of(workspace.store, why_step(workspace, run_named(workspace, asked.run), 0)).jobs
    assert (explained.handle, explained.state) == (ran.handle, "")
