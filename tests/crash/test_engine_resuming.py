"""A run that is taken up again ends as it would have ended."""

import os
import signal
from pathlib import Path

import pytest
from forks import forks

from crash.test_engine import ended, engine, of_type, until
from latewood.cli.output import plural
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.retracting import retract
from latewood.commands.run_progress import WatchedRun
from latewood.commands.runs import run_named
from latewood.events import CheckEvaluated, RunStatus, StepFailed, StepReused, StepStarted, StepSucceeded
from latewood.serving.requesting import request

REFUSED = """
    @asset
    def refused() -> int:
        return -1

    @check(refused, blocking=True)
    def is_positive(refused: int) -> bool:
        return refused > 0

    @asset
    def slow() -> int:
        time.sleep(2)
        return 2
"""


MANY = """
    @asset(partitions=Static([str(n) for n in range(30)]))
    def part() -> int:
        time.sleep(0.05)
        return 1
"""


@pytest.fixture
def resumed(workspace, environ):
    """The end of a run whose engine was killed once it had told something of this type."""

    def until_ended(asked, told):
        with engine(environ) as first:
            until(lambda: [fact for fact in of_type(workspace, told) if fact.run == asked.run])
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
        with engine(environ):
            return ended(workspace, asked)

    return until_ended


def test_no_more_is_begun_than_there_is_room_for(workspace, environ, load):
    """Else one that dies again and again would be taken for a death of all that wait."""
    one = asked(workspace, load(MANY))
    for _ in range(2):
        made = len(of_type(workspace, StepSucceeded))
        with engine(environ) as process:
            until(lambda made=made: len(of_type(workspace, StepSucceeded)) > made + 3)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    begun = {fact.step for fact in of_type(workspace, StepStarted)}
    assert len(begun - {fact.step for fact in of_type(workspace, StepSucceeded)}) <= 4, "two that run, two about to"
    with engine(environ):
        assert ended(workspace, one).status is RunStatus.SUCCEEDED


def asked(workspace, loaded, selection="*", **how):
    return request(workspace, prepare(workspace, loaded, Asked(selection=selection, **how)))


def test_what_a_check_refused_before_is_refused_still(workspace, load, resumed):
    end = resumed(asked(workspace, load(REFUSED)), CheckEvaluated)
    assert (end.status, end.ran, end.refused) == (RunStatus.FAILED, 2, 1)


def test_what_was_taken_though_a_check_refuses_it_is_refused_still(workspace, load, resumed):
    loaded = load(REFUSED)
    materialize(workspace, prepare(workspace, loaded, Asked(selection="refused")))
    end = resumed(asked(workspace, loaded), StepReused)
    assert (end.status, end.ran, end.reused, end.refused) == (RunStatus.FAILED, 1, 1, 1)


def test_what_equals_something_retracted_is_refused_still(workspace, load, resumed):
    loaded = load(
        "@asset\ndef one() -> int:\n    return 1\n\n@asset\ndef slow() -> int:\n    time.sleep(2)\n    return 2\n"
    )
    materialize(workspace, prepare(workspace, loaded, Asked(selection="one")))
    (made,) = of_type(workspace, StepSucceeded)
    retract(workspace, made.run, reason="wrong")
    end = resumed(asked(workspace, loaded, force=True), StepSucceeded)
    assert (end.status, end.ran, end.refused) == (RunStatus.FAILED, 2, 1)


def test_what_nobody_drives_has_no_pace_and_what_died_is_as_long_as_it_may_have_gone_on(workspace, environ, load):
    one = asked(workspace, load(MANY.replace("0.05", "0.3")))
    with engine(environ) as first:
        until(lambda: len(of_type(workspace, StepSucceeded)) > 3)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    until(lambda: run_named(workspace, one.run).status == "queued")
    left = WatchedRun(workspace, run_named(workspace, one.run)).look()
    assert left.ended > 3
    assert (left.rate, left.left) == (0.0, None)
    with engine(environ):
        until(lambda: len(of_type(workspace, StepSucceeded)) > left.ended + 2)
        taken_up = WatchedRun(workspace, run_named(workspace, one.run)).look()
        in_all = (workspace.clock() - taken_up.row.requested_at).total_seconds()
        assert taken_up.left is not None
        assert 0 < taken_up.rate != pytest.approx(taken_up.ended / in_all, rel=0.1)
        ended(workspace, one)
    interrupted = of_type(workspace, StepFailed)
    assert interrupted
    assert all(fact.duration_ms > 500 for fact in interrupted), "the lease of what has died lasts a second"
    shown = forks().run(["run", one.run], Path.cwd(), environ).out
    assert f"{plural(len(interrupted), 'step')} w" in shown
    assert "interrupted, as their process died, and taken up again" in shown
