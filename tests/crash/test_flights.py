"""Single flight: what several runs would compute at the same time is computed once, by whoever came first and lives."""

import os
import signal
from collections import Counter
from threading import Thread

import pytest

from crash.engines import ended, engine, leases, of_type, started, until
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.runs import run_named
from latewood.events import RunStarted, RunStatus, StepReused, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving import openings
from latewood.serving.opening import opened
from latewood.serving.requesting import engines
from latewood_eventlog.audit import verify
from latewood_eventlog.leases import held


@pytest.fixture
def gated(tmp_path):
    """A definition of which every call waits until a file is there."""
    gate = tmp_path / "gate"
    source = f"""
        @asset
        def shared() -> int:
            while not Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return 1
    """
    return source, gate


def running(workspace, *asked):
    return until(lambda: all(run_named(workspace, one.run).status == "running" for one in asked))


def test_two_runs_of_one_engine_compute_it_once(workspace, environ, asked_for, gated):
    source, gate = gated
    asked = [asked_for(source), asked_for(source)]
    with engine(environ):
        running(workspace, *asked)
        gate.touch()
        assert {ended(workspace, one).status for one in asked} == {RunStatus.SUCCEEDED}
    assert len(started(workspace, "shared")) == len(of_type(workspace, StepSucceeded)) == 1
    assert len(of_type(workspace, StepReused)) == 1
    assert leases(workspace, "flight/") == 0


def test_two_engines_compute_it_once(workspace, environ, asked_for, gated):
    source, gate = gated
    first = asked_for(source)
    with engine(environ, "--workers", "1", "--lease", "3"):
        until(lambda: started(workspace, "shared"))
        with engine(environ):
            until(lambda: len(engines(workspace)) == 2)
            second = asked_for(source)
            running(workspace, second)
            gate.touch()
            assert {ended(workspace, one).status for one in (first, second)} == {RunStatus.SUCCEEDED}
            until(lambda: leases(workspace, "flight/") == 0)
    assert len({fact.engine for fact in of_type(workspace, RunStarted)}) == 2
    assert len(started(workspace, "shared")) == len(of_type(workspace, StepSucceeded)) == 1
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_who_waits_takes_over_from_who_dies_or_stands_still(workspace, environ, asked_for, gated, number):
    source, gate = gated
    first = asked_for(source)
    with engine(environ, "--workers", "1", "--lease", "3") as holder:
        until(lambda: started(workspace, "shared"))
        with engine(environ):
            until(lambda: len(engines(workspace)) == 2)
            second = asked_for(source)
            running(workspace, second)
            os.killpg(holder.pid, number)
            gate.touch()
            assert {ended(workspace, one).status for one in (first, second)} == {RunStatus.SUCCEEDED}
    assert len(of_type(workspace, StepSucceeded)) == 1


def test_who_waits_takes_over_from_who_fails(workspace, environ, asked_for, tmp_path):
    source = f"""
        @asset
        def shared() -> int:
            gate, failed = Path({str(tmp_path / "gate")!r}), Path({str(tmp_path / "failed")!r})
            while not gate.exists():
                time.sleep(0.01)
            if not failed.exists():
                failed.touch()
                raise ConnectionError("no")
            return 1
    """
    asked = [asked_for(source), asked_for(source)]
    with engine(environ):
        running(workspace, *asked)
        (tmp_path / "gate").touch()
        assert Counter(ended(workspace, one).status for one in asked) == {RunStatus.FAILED: 1, RunStatus.SUCCEEDED: 1}
    assert len(started(workspace, "shared")) == 2


@pytest.mark.parametrize("inline_first", [True, False])
def test_an_inline_run_beside_an_engine(workspace, environ, asked_for, load, gated, inline_first):
    source, gate = gated
    results = []
    asked = asked_for(source)
    prepared = prepare(workspace, load(source), Asked(selection="*"))
    inline = Thread(target=lambda: results.append(materialize(workspace, prepared)))
    if inline_first:
        inline.start()
        until(lambda: started(workspace, "shared"))
    with engine(environ):
        if not inline_first:
            until(lambda: started(workspace, "shared"))
            inline.start()
        running(workspace, asked)
        until(lambda: len(of_type(workspace, RunStarted)) == 1)
        gate.touch()
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
        inline.join()
    assert results[0].status is RunStatus.SUCCEEDED
    assert len(started(workspace, "shared")) == len(of_type(workspace, StepSucceeded)) == 1
    assert (leases(workspace, "flight/"), leases(workspace, "here/")) == (0, 0) or leases(workspace, "here/") == 1


def test_one_run_computes_what_two_of_its_assets_are_once(workspace, environ, asked_for):
    asked = asked_for("""
        @task
        def doubled(n: int) -> int:
            time.sleep(0.2)
            return 2 * n

        @asset
        def n() -> int:
            return 1

        once, twice = doubled.asset(key="once"), doubled.asset(key="twice")
    """)
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert (len(of_type(workspace, StepSucceeded)), len(of_type(workspace, StepReused))) == (2, 1)


def test_runs_over_the_same_partitions_share_the_work_and_never_wait_for_each_other(workspace, environ, asked_for):
    source = """
        @asset(partitions=Static([f"p{n:02}" for n in range(40)]))
        def part(partition: PartitionKey) -> str:
            time.sleep(0.01)
            return partition
    """
    asked = [asked_for(source) for _ in range(3)]
    with engine(environ), engine(environ):
        assert {ended(workspace, one).status for one in asked} == {RunStatus.SUCCEEDED}
    made = Counter(fact.partition for fact in of_type(workspace, StepSucceeded))
    assert made == {f"p{n:02}": 1 for n in range(40)}
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_what_is_forced_or_never_reused_waits_for_nobody(workspace, environ, asked_for):
    source = "@asset(reuse=False)\ndef one() -> int:\n    return 1\n\n@asset\ndef two() -> int:\n    return 2\n"
    asked = [asked_for(source, force=True), asked_for(source, force=True)]
    with engine(environ):
        assert {ended(workspace, one).status for one in asked} == {RunStatus.SUCCEEDED}
    assert len(of_type(workspace, StepSucceeded)) == 4


def test_what_lands_while_a_run_is_opened_is_not_computed_again(workspace, within, asked_for, gated, monkeypatch):
    source, gate = gated
    first = asked_for(source)

    def overtaken(workspace, run):
        found = opened(workspace, run)
        if run != first.run:  # it has been read by now, and is not driven yet
            gate.touch()
            until(lambda: not held(workspace.log.engine, "default", [f"run/{first.run}"]))
        return found

    monkeypatch.setattr(openings, "opened", overtaken)
    with within():
        until(lambda: started(workspace, "shared"))
        assert ended(workspace, asked_for(source)).status is RunStatus.SUCCEEDED
    assert len(started(workspace, "shared")) == len(of_type(workspace, StepSucceeded)) == 1
