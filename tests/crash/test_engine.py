"""Engines: runs that are asked for are driven, and survive whatever becomes of who drives them."""

import os
import random
import signal
import time
from contextlib import closing

import psycopg2
import pytest

from crash.conftest import head_keys, let_leases_end
from crash.engines import ended, engine, of_type, require_each_step_ended_once, until
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.retracting import retract
from latewood.commands.runs import run_named
from latewood.events import (
    CheckEvaluated,
    FailureKind,
    RunEnded,
    RunStarted,
    RunStatus,
    SkipReason,
    StepFailed,
    StepSkipped,
    StepSucceeded,
)
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving.requesting import cancel, engines
from latewood_eventlog.audit import verify
from postgres.ledger import meanwhile

DAYS = """
    days = Daily("2024-01-01", "2024-02-20")

    @asset(partitions=days)
    def day(partition: PartitionKey) -> int:
        {pause}
        return int(partition[-2:])

    @asset(partitions=days)
    def double(day: int) -> int:
        return 2 * day

    @asset(partitions=Monthly("2024-01", "2024-03"))
    def month(double: Partitioned[int]) -> int:
        return sum(value for _, value in double)

    @check(double, blocking=True)
    def is_even(value: int) -> bool:
        return value % 2 == 0
"""


def test_a_run_that_was_asked_for_is_driven_and_leaves_nothing_to_do(workspace, environ, asked_for, load):
    asked = asked_for(DAYS.format(pause=""))
    assert run_named(workspace, asked.run).status == "queued"
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    require_each_step_ended_once(workspace, asked)
    assert head_keys(workspace) == {"day": 50, "double": 50, "month": 2}
    assert len(of_type(workspace, CheckEvaluated)) == 50
    again = materialize(workspace, prepare(workspace, load(DAYS.format(pause="")), Asked(selection="*")))
    assert (again.tally.ran, again.fresh) == (0, 102)
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_it_is_known_whether_an_engine_serves_and_when_it_was_last_heard_of(workspace, environ, asked_for):
    assert engines(workspace) == ()
    asked = asked_for(DAYS.format(pause="time.sleep(0.1)"), "day")
    with engine(environ, "--lease", "600"):
        until(lambda: run_named(workspace, asked.run).status == "running")
        assert len(engines(workspace)) == 1
        assert run_named(workspace, asked.run).unheard_s < 60, "though the lease is for ten minutes"
    assert len(engines(workspace)) == 1, "one that was killed is known as gone when its lease has ended"
    let_leases_end(workspace)
    assert engines(workspace) == ()
    with engine(environ) as process:
        until(lambda: engines(workspace))
        os.kill(process.pid, signal.SIGTERM)
        process.wait(60)
    assert engines(workspace) == (), "who ends by itself says so"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_an_engine_leaves_another_one_goes_on_with(workspace, environ, asked_for, number):
    asked = asked_for(DAYS.format(pause="time.sleep(0.05)"))
    with engine(environ) as first:
        until(lambda: len(of_type(workspace, StepSucceeded)) > 10)
        os.killpg(first.pid, number) if number == signal.SIGKILL else first.terminate()
        first.wait()
    before = {(fact.step, fact.attempt) for fact in of_type(workspace, StepSucceeded)}
    assert len(before) < asked.steps
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    require_each_step_ended_once(workspace, asked)
    assert [fact.resumed for fact in of_type(workspace, RunStarted)] == [False, True]
    assert {fact.failure.kind for fact in of_type(workspace, StepFailed)} <= {FailureKind.INTERRUPTED}
    assert head_keys(workspace) == {"day": 50, "double": 50, "month": 2}
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_an_engine_that_stood_still_is_fenced(workspace, environ, asked_for):
    asked = asked_for(DAYS.format(pause="time.sleep(0.1)"))
    with engine(environ) as slow:
        until(lambda: len(of_type(workspace, StepSucceeded)) > 2)
        os.killpg(slow.pid, signal.SIGSTOP)
        with engine(environ):
            until(lambda: len(of_type(workspace, RunStarted)) == 2)
            os.killpg(slow.pid, signal.SIGCONT)
            assert ended(workspace, asked).status is RunStatus.SUCCEEDED
            time.sleep(0.5)
    require_each_step_ended_once(workspace, asked)
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_an_engine_whose_connections_are_cut_all_the_time_loses_nothing(workspace, environ, asked_for, superuser_url):
    asked = asked_for(DAYS.format(pause="time.sleep(0.05)"))

    def cut(over):
        with closing(psycopg2.connect(superuser_url.libpq())) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while not over.wait(random.uniform(0.05, 0.3)):
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND application_name LIKE 'latewood%'"
                )

    with engine(environ):
        until(lambda: len(of_type(workspace, StepSucceeded)) > 2)
        with meanwhile(cut):
            time.sleep(4)
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    require_each_step_ended_once(workspace, asked)
    assert head_keys(workspace) == {"day": 50, "double": 50, "month": 2}
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_several_engines_share_the_runs(workspace, environ, asked_for):
    source = DAYS.format(pause="time.sleep(0.02)")
    asked = [asked_for(source, "day", partition=f"2024-01-{day:02}") for day in range(1, 11)]
    with engine(environ), engine(environ):
        assert {ended(workspace, one).status for one in asked} == {RunStatus.SUCCEEDED}
    assert len(of_type(workspace, RunStarted)) == 10


def test_a_cancelled_run_ends_at_once_and_keeps_what_was_finished(workspace, environ, asked_for):
    asked = asked_for(DAYS.format(pause="time.sleep(0.2)"))
    with engine(environ):
        until(lambda: len(of_type(workspace, StepSucceeded)) > 2)
        cancel(workspace, run_named(workspace, asked.run))
        found = ended(workspace, asked)
        assert found.status is RunStatus.CANCELLED
        assert 2 < found.ran < 50
        following = asked_for("@asset\ndef other() -> int:\n    return 1\n", "other")
        assert ended(workspace, following).status is RunStatus.SUCCEEDED, "its slots are free"


def test_a_process_that_dies_is_a_failed_attempt_and_is_tried_again(workspace, environ, asked_for):
    asked = asked_for(
        """
        import os

        @asset(retries=1)
        def fragile(context: Context) -> int:
            if context.attempt == 1:
                os._exit(3)
            return 1

        @asset
        def below(fragile: int) -> int:
            return fragile
        """
    )
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    (failed,) = of_type(workspace, StepFailed)
    assert "ended with code 3" in failed.failure.message


def test_code_that_cannot_be_loaded_fails_its_steps_and_nothing_waits(workspace, environ, asked_for):
    asked = asked_for('import os\nassert "BROKEN" not in os.environ\n\n@asset\ndef one() -> int:\n    return 1\n')
    with engine(environ | {"BROKEN": "1"}):
        assert ended(workspace, asked).status is RunStatus.FAILED
    (failed,) = of_type(workspace, StepFailed)
    assert "AssertionError" in failed.failure.message


def test_code_that_is_gone_fails_its_steps_and_the_run_ends(workspace, environ, asked_for):
    asked = asked_for("@asset\ndef one() -> int:\n    return 1\n\n@asset\ndef two(one: int) -> int:\n    return one\n")
    for archive in workspace.store.directory.glob("?/*.tar.gz"):
        archive.unlink()
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.FAILED
    (failed,) = of_type(workspace, StepFailed)
    assert "is not in the artifact store any more" in failed.failure.message


def test_a_step_that_takes_its_engine_with_it_is_not_tried_for_ever(workspace, environ, asked_for):
    asked = asked_for("""
        import os, signal

        @asset
        def deadly() -> int:
            time.sleep(0.3)  # by then it is recorded that it began, on a slow machine too
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
    """)
    deaths = 0
    while not of_type(workspace, RunEnded):
        with engine(environ, workers_too=False) as process:
            until(lambda: process.poll() is not None or of_type(workspace, RunEnded))
            deaths += process.poll() is not None
    assert deaths <= 4, "the first may have come before it was recorded what was begun"
    assert ended(workspace, asked).status is RunStatus.FAILED
    failed = of_type(workspace, StepFailed)
    assert [fact.retry_at is None for fact in failed] == [False, False, True]
    assert {fact.failure.kind for fact in failed} == {FailureKind.INTERRUPTED}


def test_what_was_retracted_while_the_run_waited_is_not_read(workspace, environ, asked_for, load):
    source = "@asset\ndef one() -> int:\n    return 1\n\n@asset\ndef two(one: int) -> int:\n    return one + {n}\n"
    materialize(workspace, prepare(workspace, load(source.format(n=1)), Asked(selection="*")))
    asked = asked_for(source.format(n=2), "two")
    retract(workspace, of_type(workspace, StepSucceeded)[0].run, reason="wrong", asset="one")
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.FAILED
    (skipped,) = of_type(workspace, StepSkipped)
    assert skipped.reason is SkipReason.INPUT_RETRACTED
