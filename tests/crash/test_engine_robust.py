"""An engine outlives what goes wrong with one run, keeps what was made while it ends, and gives each run its turn."""

import os
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from crash.engines import leases
from crash.test_engine import ended, engine, of_type, until
from latewood.commands.deploying import deploy_loaded
from latewood.commands.materializing import prepare
from latewood.commands.planning import Asked
from latewood.commands.pools import set_pool
from latewood.engine.loading.loader import load_file
from latewood.engine.running.run_log import EngineLog
from latewood.errors import StoreError
from latewood.events import CheckEvaluated, FailureKind, RunStarted, RunStatus, StepFailed, StepStarted, StepSucceeded
from latewood.serving import crews
from latewood.serving import openings as serving
from latewood.serving.engine import Engine
from latewood.serving.requesting import request
from latewood_eventlog.leases import held

ONE = """
    @asset
    def one() -> int:
        time.sleep({seconds})
        return 1

    @asset
    def two(one: int) -> int:
        print("two")
        return one + 1
"""


def test_what_ends_while_an_engine_is_drained_is_recorded(workspace, environ, asked_for, tmp_path):
    began = tmp_path / "began"
    source = ONE.replace("time.sleep", f"Path({str(began)!r}).touch()\n        time.sleep").format(seconds=1)
    asked = asked_for(source.replace("@asset", "@asset(reuse=False)"))
    with engine(environ) as first:
        until(began.exists)
        first.terminate()
        first.wait()
    assert len(of_type(workspace, StepSucceeded)) == 1
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert of_type(workspace, StepFailed) == [], "nothing was interrupted"


def test_a_run_that_is_taken_just_when_an_engine_is_drained_is_left_to_others(
    workspace, asked_for, tmp_path, monkeypatch
):
    gate, closed = tmp_path / "gate", threading.Event()
    first = asked_for(f"""
        @asset
        def slow() -> int:
            while not Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return 1
    """)
    acquire, close = serving.acquire, serving.Openings.close
    draining = Engine(workspace, slots=2)

    def late(*given, **how):
        if threading.current_thread().name != f"latewood-opening-{first.run}":
            draining.drain()
            assert closed.wait(60)
        return acquire(*given, **how)

    def closing(self):
        close(self)
        closed.set()

    monkeypatch.setattr(serving, "acquire", late)
    monkeypatch.setattr(serving.Openings, "close", closing)
    thread = threading.Thread(target=draining.serve)
    thread.start()
    until(lambda: of_type(workspace, StepStarted))
    second = asked_for("@asset\ndef other() -> int:\n    return 1\n")
    until(closed.is_set)
    until(lambda: not any(each.name == f"latewood-opening-{second.run}" for each in threading.enumerate()))
    assert held(workspace.log.engine, "default", [f"run/{second.run}"]) == frozenset()
    gate.touch()
    thread.join()
    assert [fact.run for fact in of_type(workspace, RunStarted)] == [first.run]


def drained_at(engine, monkeypatch, *types):
    """The engine is told to end when the first fact of such a type is about to be recorded."""
    append_many = EngineLog.append_many

    def told(log, batches):
        if any(event.type in types for batch in batches for append in batch.appends for event in append.events):
            engine.drain()
        return append_many(log, batches)

    monkeypatch.setattr(EngineLog, "append_many", told)


@pytest.mark.parametrize("pool", ["", "db"])
def test_what_was_begun_when_an_engine_is_drained_is_brought_to_its_end(
    workspace, asked_for, within, monkeypatch, pool
):
    set_pool(workspace, "db", 1)
    asked = asked_for(ONE.format(seconds=0).replace("@asset", f"@asset(reuse=False, pool={pool!r})"))
    engine = Engine(workspace, slots=1)
    drained_at(engine, monkeypatch, "step.started")  # before its code is called: that waits until this is durable
    engine.serve()
    assert [fact.step for fact in of_type(workspace, StepSucceeded)] == [0]
    assert len(of_type(workspace, StepStarted)) == 1, "nothing else was begun"
    assert leases(workspace, "pool/") == 0
    with within():
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert of_type(workspace, StepFailed) == [], "nothing was interrupted"


def test_checks_of_what_was_made_when_an_engine_is_drained_are_asked_and_a_run_that_is_over_is_ended(
    workspace, asked_for, monkeypatch
):
    asked = asked_for(
        """
        @asset(reuse=False)
        def one() -> int:
            return 1

        @check(one)
        def is_one(value: int) -> bool:
            time.sleep(0.5)
            return value == 1
        """
    )
    engine = Engine(workspace, slots=1)
    drained_at(engine, monkeypatch, "step.succeeded")
    engine.serve()
    assert len(of_type(workspace, CheckEvaluated)) == 1
    assert ended(workspace, asked).status is RunStatus.SUCCEEDED


def test_a_step_that_failed_when_an_engine_is_drained_is_tried_again_by_the_next_one(
    workspace, asked_for, within, monkeypatch
):
    asked = asked_for(
        """
        from datetime import timedelta

        @asset(reuse=False, retries=Retry(1, backoff=timedelta(0)))
        def one(context: Context) -> int:
            return 1 // (context.attempt - 1)
        """
    )
    engine = Engine(workspace, slots=1)
    drained_at(engine, monkeypatch, "step.failed")
    engine.serve()
    with within():
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert [fact.failure.kind for fact in of_type(workspace, StepFailed)] == [FailureKind.USER]


def test_a_store_that_cannot_write_for_a_moment_costs_the_run_time(workspace, asked_for, within, monkeypatch):
    asked = asked_for(ONE.format(seconds=0.1))
    failures = iter(range(1))
    commit = type(workspace.store).commit

    def failing(store, staged):
        if staged and next(failures, None) is not None:
            raise StoreError("write", "an artifact", "No space left on device", "")
        commit(store, staged)

    monkeypatch.setattr(type(workspace.store), "commit", failing)
    with within():
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert next(failures, None) is None, "it did fail"


def test_a_run_that_cannot_be_opened_keeps_no_other_from_being_driven(workspace, asked_for, within, monkeypatch):
    bad, good = asked_for(ONE.format(seconds=0), "one"), asked_for(ONE.format(seconds=0), "one")
    opened = serving.opened
    monkeypatch.setattr(
        serving, "opened", lambda workspace, run: opened(workspace, run) if run != bad.run else {}["unforeseen"]
    )
    with within():
        assert ended(workspace, good).status is RunStatus.SUCCEEDED
    assert [fact.run for fact in of_type(workspace, RunStarted)] == [good.run]


def test_an_environment_that_is_built_to_be_ready_keeps_no_run_of_another_location_waiting(
    workspace, load, within, monkeypatch, tmp_path
):
    other = tmp_path / "other.py"
    other.write_text("from latewood import asset\n\n@asset\ndef other() -> int:\n    return 1\n")
    deploy_loaded(workspace, load_file(other, root=tmp_path))
    interpreter_of, building, gate = crews.interpreter_of, threading.Event(), threading.Event()

    def built(code, *how):
        if code.location == "other.py":
            building.set()
            assert gate.wait(60)
        return interpreter_of(code, *how)

    monkeypatch.setattr(crews, "interpreter_of", built)
    one = prepare(workspace, load(ONE.format(seconds=0)), Asked(selection="one"))
    with within() as engine:
        engine.warm("prod")
        assert building.wait(60)
        assert ended(workspace, request(workspace, one)).status is RunStatus.SUCCEEDED
        processes = engine._pool.processes
        gate.set()
        until(lambda: engine._pool.processes > processes)


def test_a_run_that_takes_long_to_open_keeps_no_other_waiting(workspace, asked_for, within, monkeypatch):
    slow, quick = asked_for(ONE.format(seconds=0), "one"), asked_for(ONE.format(seconds=1))
    opened, gate = serving.opened, threading.Event()
    monkeypatch.setattr(
        serving, "opened", lambda workspace, run: opened(workspace, run) if run != slow.run or gate.wait(60) else None
    )
    with within():
        assert ended(workspace, quick).status is RunStatus.SUCCEEDED
        gate.set()
        assert ended(workspace, slow).status is RunStatus.SUCCEEDED
    assert [fact.run for fact in of_type(workspace, RunStarted)] == [quick.run, slow.run]


def test_a_run_is_left_once_however_often_its_lease_is_found_lost(workspace, asked_for, within):
    asked = asked_for(ONE.format(seconds=2), "one")
    with within() as found:
        (old,) = until(lambda: list(found._projects[0].active.values()))
        found._inbox.put(lambda: found._projects[0].leave(old, RuntimeError("lost")))
        (again,) = until(lambda: [run for run in found._projects[0].active.values() if run is not old])
        found._inbox.put(lambda: found._projects[0].leave(old, RuntimeError("lost, says a thread that was late")))
        ended(workspace, asked)
        assert again.is_over
    assert len(of_type(workspace, RunStarted)) == 2


def test_a_small_run_does_not_wait_for_the_end_of_a_large_one(workspace, environ, asked_for):
    source = """
    @asset(partitions=Daily("2024-01-01", "2024-03-01"))
    def day() -> int:
        time.sleep(0.2)
        return 1

    @asset
    def one() -> int:
        return 1

    @asset
    def two(one: int) -> int:
        return 1
    """
    large = asked_for(source, "day")
    with engine(environ):
        until(lambda: of_type(workspace, StepSucceeded))
        small = asked_for(source, "+two")
        ended(workspace, small)
        done = len([fact for fact in of_type(workspace, StepSucceeded) if fact.run == large.run])
        assert done < large.steps / 2


def test_a_process_that_died_at_rest_costs_no_attempt(workspace, environ, asked_for):
    source = """
    import os

    @asset
    def one() -> int:
        print("pid", os.getpid())
        return os.getpid()

    @asset
    def two() -> int:
        return 2
    """
    first = asked_for(source, "one")
    with engine(environ, "--workers", "1", workers_too=False) as process:
        ended(workspace, first)
        command = ["ps", "-o", "pid=,args=", "--ppid", str(process.pid)]
        listed = subprocess.run(command, check=True, capture_output=True, text=True)
        (worker,) = [int(line.split()[0]) for line in listed.stdout.splitlines() if "running.worker" in line]
        os.kill(worker, signal.SIGKILL)
        assert ended(workspace, asked_for(source, "two")).status is RunStatus.SUCCEEDED


def test_a_process_that_cannot_be_started_fails_its_step(workspace, asked_for, within, monkeypatch):
    asked = asked_for(ONE.format(seconds=0), "one")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with within():
        assert ended(workspace, asked).status is RunStatus.FAILED
    (failed,) = of_type(workspace, StepFailed)
    assert "No space left" in failed.failure.message


def test_the_time_for_all_attempts_goes_on_while_nobody_drives_the_run(workspace, environ, asked_for):
    asked = asked_for("""
        from datetime import timedelta

        @asset(
            retries=Retry(1000, backoff=timedelta(milliseconds=100), factor=1),
            timeouts=Timeouts(total=timedelta(seconds=3)),
        )
        def never() -> int:
            raise OSError("away")
    """)
    with engine(environ):
        until(lambda: len(of_type(workspace, StepFailed)) > 2)
    before = len(of_type(workspace, StepFailed))
    time.sleep(3)
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.FAILED
    assert len(of_type(workspace, StepFailed)) <= before + 2, "the attempt that was interrupted, and a last one"
    assert (
        of_type(workspace, StepFailed)[-1].failure.message == "not begun any more; all attempts together may take 3 s"
    )
