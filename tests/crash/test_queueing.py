"""What could begin and is not begun in time has failed, says what it waited for, and is tried again like any other."""

import os
import re
import signal
import time
from threading import Thread

import pytest

from crash.engines import ended, engine, leases, of_type, started, until
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.pools import pools_waited_for, set_pool, set_quota
from latewood.engine.running.turns import InlineTurns
from latewood.events import FailureKind, RunStarted, RunStatus, StepFailed, StepReused, StepSucceeded, from_json
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog import server as embedded
from latewood_eventlog.audit import verify

SECOND = "timeouts=Timeouts(queued=timedelta(seconds=1))"


@pytest.fixture
def gated(workspace, tmp_path):
    """Definitions of a step that waits until a file is there, and a pool with one slot."""
    set_pool(workspace, "db", 1)
    gate = tmp_path / "gate"
    source = f"""
        from datetime import timedelta
        from latewood.mapping import each

        def wait() -> None:
            while not Path({str(gate)!r}).exists():
                time.sleep(0.01)

        @asset(pool="db")
        def slow() -> int:
            wait()
            return 1
    """
    return source, gate


@pytest.fixture
def held(workspace, asked_for, gated):
    """The pool's slot is taken from then on."""
    source, gate = gated

    def hold():
        asked = asked_for(source, "slow")
        until(lambda: started(workspace, "slow"))
        return asked

    yield hold
    gate.touch()


def failed(workspace, count=1):
    """The attempts that failed, once there are so many."""
    return until(lambda: (found := of_type(workspace, StepFailed))[count - 1 :] and found)


def test_a_step_that_has_waited_too_long_for_a_pool_has_failed_and_its_retry_gets_the_slot(
    workspace, environ, asked_for, gated, held
):
    source, gate = gated
    quick = f"""
        @asset(pool="db", {SECOND}, retries=Retry(100, backoff=timedelta(0), jitter=0))
        def quick() -> int:
            return 2

        @asset
        def behind(quick: int) -> int:
            return quick + 1
    """
    with engine(environ):
        held()
        asked = asked_for(source + quick, "quick or behind")
        attempt = failed(workspace)[0]
        assert (attempt.run, attempt.attempt, attempt.failure.kind) == (asked.run, 1, FailureKind.TIMEOUT)
        assert attempt.failure.message.startswith("not begun within 1 s: it waited ")
        assert "for a slot of pool db: `latewood pools` shows who has them, `latewood pools set db N` makes more" in (
            attempt.failure.message
        )
        until(lambda: pools_waited_for(workspace, asked.run) == ["db"])
        gate.touch()
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    attempts = len(of_type(workspace, StepFailed)) + 1
    assert [fact.attempt for fact in started(workspace, "quick")] == [*range(1, attempts + 1)]
    assert leases(workspace, "waiting/") == 0
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_it_waits_for_a_worker_too_while_what_was_made_before_needs_none(workspace, environ, asked_for, load, gated):
    source, gate = gated
    source += f"""
        @asset({SECOND})
        def known() -> int:
            return 1

        @asset({SECOND})
        def new() -> int:
            return 2

        @asset
        def behind(new: int) -> int:
            return new

        @asset
        def last(behind: int) -> int:
            return behind
    """
    asked = asked_for(source, "known or new or behind or last")
    materialize(workspace, prepare(workspace, load(source), Asked(selection="known")))
    held = asked_for(source, "slow", priority=1)
    with engine(environ, "--workers", "1"):
        end = ended(workspace, asked)
        gate.touch()
        assert ended(workspace, held).status is RunStatus.SUCCEEDED
    assert (end.status, end.reused, end.failed, end.skipped) == (RunStatus.FAILED, 1, 1, 2)
    (attempt,) = failed(workspace)
    assert (attempt.failure.kind, attempt.failure.error) == (FailureKind.TIMEOUT, "WaitedTooLong")
    assert "for a free worker: more `--workers`, or another `latewood engine`" in attempt.failure.message


def test_one_that_needs_several_workers_gives_up_its_slot_of_the_pool(workspace, environ, asked_for, gated):
    source, gate = gated
    source = source.replace('@asset(pool="db")', "@asset")
    source += f"""
        @asset(pool="db", resources=Resources(cpu=2), {SECOND})
        def wide() -> int:
            return 2

        @asset(pool="db")
        def narrow() -> int:
            return 3

        @asset(resources=Resources(cpu=2), timeouts=Timeouts(total=timedelta(seconds=0.5)))
        def late() -> int:
            return 4
    """
    asked_for(source, "slow")
    with engine(environ):
        until(lambda: started(workspace, "slow"))
        assert ended(workspace, asked_for(source, "wide")).status is RunStatus.FAILED
        end = ended(workspace, asked_for(source, "narrow or late"))
        assert (end.ran, end.failed) == (1, 1), "the time for all attempts is over while it waits, too"
        gate.touch()
    wide, late = (attempt.failure.message for attempt in failed(workspace, 2))
    assert "for a free worker" in wide
    assert late == "not begun any more; all attempts together may take 0.5 s"


def test_it_waits_no_longer_for_another_run_that_computes_the_same_and_its_retry_takes_what_that_made(
    workspace, environ, asked_for, gated
):
    source, gate = gated
    source += f"""
        @asset({SECOND}, retries=Retry(100, backoff=timedelta(seconds=1), factor=1, jitter=0))
        def shared() -> int:
            wait()
            return 2
    """
    first = asked_for(source, "shared")
    with engine(environ):
        until(lambda: started(workspace, "shared"))
        second = asked_for(source, "shared")
        attempt = failed(workspace)[0]
        assert attempt.run == second.run
        assert "for another run that computes the same" in attempt.failure.message
        gate.touch()
        assert {ended(workspace, one).status for one in (first, second)} == {RunStatus.SUCCEEDED}
    assert (len(of_type(workspace, StepSucceeded)), len(of_type(workspace, StepReused))) == (1, 1)
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_run_that_is_taken_up_again_goes_on_counting(workspace, environ, asked_for, gated, held):
    source, _ = gated
    source += """
        @asset
        def before() -> int:
            return 1

        @asset(pool="db", timeouts=Timeouts(queued=timedelta(seconds=8)))
        def quick(before: int) -> int:
            return before
    """
    with engine(environ, "--lease", "60") as first:
        held()
        os.killpg(first.pid, signal.SIGSTOP)
        with engine(environ) as second:
            asked = asked_for(source, "before or quick")
            until(lambda: pools_waited_for(workspace, asked.run) == ["db"])
            os.killpg(second.pid, signal.SIGKILL)
            second.wait()
        os.killpg(first.pid, signal.SIGCONT)
        assert ended(workspace, asked).status is RunStatus.FAILED
    assert [fact.resumed for fact in of_type(workspace, RunStarted) if fact.run == asked.run] == [False, True]
    events = [(event, from_json(event.type, event.data)) for event in workspace.log.read_all(limit=1_000)]
    own = [(event, fact) for event, fact in events if getattr(fact, "run", "") == asked.run]
    (since,) = (event.occurred_at for event, fact in own if isinstance(fact, StepSucceeded))
    (quick,) = started(workspace, "quick")
    failed = [(event.occurred_at, fact) for event, fact in own if isinstance(fact, StepFailed)]
    # What came before it may have been interrupted, and was tried again.
    ((given_up, failure),) = ((at, fact.failure) for at, fact in failed if fact.step == quick.step)
    waited = re.match(r"not begun within 8 s: it waited ([\d.]+) s for ", failure.message)
    assert float(waited[1]) == pytest.approx((given_up - since).total_seconds(), abs=0.2)


def test_what_can_begin_at_once_when_an_engine_comes_does_however_late_it_is(workspace, environ, asked_for):
    set_pool(workspace, "db", 4)
    asked = asked_for(f"""
        from datetime import timedelta

        @asset(partitions=Static("abcd"), pool="db", reuse=False, {SECOND})
        def part(partition: PartitionKey) -> str:
            return partition
    """)
    time.sleep(1.5)
    with engine(environ, "--workers", "4"):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert of_type(workspace, StepFailed) == []


def test_while_the_database_is_away_nothing_is_given_up_that_could_begin(workspace, server, environ, asked_for, gated):
    source, gate = gated
    asked = asked_for(
        source
        + f"""
        @asset(pool="db", {SECOND})
        def entering(slow: int) -> int:
            return slow

        @asset(partitions=Static("abcd"), reuse=False, {SECOND})
        def telling(slow: int, partition: PartitionKey) -> str:
            return partition
    """
    )
    with engine(environ):
        until(lambda: started(workspace, "slow"))
        embedded.stop(server)
        gate.touch()
        time.sleep(4)  # what reads it could begin, were it known what was made
        embedded.ensure_started(server)
        workspace.log.engine.dispose()
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert of_type(workspace, StepFailed) == []


def test_each_element_waits_for_itself_and_the_list_tells_of_them(workspace, environ, asked_for, gated, held):
    source, _ = gated
    source += f"""
        @task
        def rows() -> list[int]:
            return [1, 2, 3]

        @task(pool="db", {SECOND})
        def score(row: int) -> int:
            return 2 * row

        @workflow
        def scoring() -> list[int]:
            return score.map(each(rows()))
    """
    with engine(environ):
        held()
        end = ended(workspace, asked_for(source, "scoring/*"))
    assert (end.status, end.ran, end.failed) == (RunStatus.FAILED, 1, 1)
    *elements, of_list = failed(workspace, 4)
    assert [one.failure.kind for one in elements] == [FailureKind.TIMEOUT] * 3
    assert of_list.failure.kind is FailureKind.ELEMENTS
    assert "element 0 (1): WaitedTooLong: not begun within 1 s" in of_list.failure.message


@pytest.mark.parametrize("retries", [0, 100])
def test_neighbours_that_were_to_be_called_together_fail_together_and_are_tried_again_together(
    workspace, environ, asked_for, gated, held, retries
):
    source, gate = gated
    source += f"""
        import pyarrow as pa

        @asset(
            partitions=Static(["a", "b", "c"]), partition_column="part", pool="db",
            {SECOND}, retries=Retry({retries}, backoff=timedelta(0), jitter=0),
        )
        def parts(partitions: PartitionRange) -> pa.Table:
            return pa.table({{"part": ["a", "b", "c"]}})
    """
    with engine(environ):
        held()
        asked = asked_for(source, "parts")
        assert {(one.attempt, one.retry_at is None) for one in failed(workspace, 3)[:3]} == {(1, retries == 0)}
        if retries:
            gate.touch()
        assert ended(workspace, asked).status is (RunStatus.SUCCEEDED if retries else RunStatus.FAILED)
    attempts = max(fact.attempt for fact in started(workspace, "parts"))
    assert [one.attempt for one in started(workspace, "parts")] == [n for n in range(1, attempts + 1) for _ in "abc"]
    assert attempts > 1 or not retries


def test_an_inline_run_waits_no_longer_for_what_engines_have(workspace, environ, load, gated, held):
    source, _ = gated
    source += f"""
        @asset(pool="db", {SECOND})
        def quick() -> int:
            return 2

        @asset({SECOND})
        def shared() -> int:
            wait()
            return 3
    """
    set_quota(workspace, 2)
    with engine(environ):
        held()
        result = materialize(workspace, prepare(workspace, load(source), Asked(selection="quick")))
        failure = failed(workspace)[0].failure
        assert (result.status, failure.kind) == (RunStatus.FAILED, FailureKind.TIMEOUT)
        assert "for a slot of the quota and of pool db: `latewood pools` shows who has them, " in failure.message
        assert leases(workspace, "waiting/") == 0


def test_where_steps_come_one_after_the_other_each_waits_from_when_its_turn_is(workspace, load, gated, monkeypatch):
    source, _ = gated
    source += f"""
        @task
        def rows() -> list[int]:
            return [1, 2, 3]

        @task(pool="db", {SECOND})
        def score(row: int) -> int:
            time.sleep(0.5)
            return 2 * row

        @workflow
        def scoring() -> list[int]:
            return score.map(each(rows()))
    """
    patience, enter = [], InlineTurns.enter

    def entering(self, task, what, *, patience_s=None):
        patience.append(patience_s)
        return enter(self, task, what, patience_s=patience_s)

    monkeypatch.setattr(InlineTurns, "enter", entering)
    result = materialize(workspace, prepare(workspace, load(source), Asked(selection="scoring/*")))
    assert result.status is RunStatus.SUCCEEDED
    assert [told for told in patience if told is not None] == pytest.approx([1] * 4, abs=0.4), "the list, too"


@pytest.mark.parametrize("is_made", [True, False])
def test_an_inline_run_waits_no_longer_for_an_engine_that_computes_the_same(
    workspace, environ, asked_for, load, gated, is_made
):
    source, gate = gated
    source += f"""
        @asset({SECOND}, retries=Retry({100 if is_made else 0}, backoff=timedelta(seconds=1), factor=1, jitter=0))
        def shared() -> int:
            wait()
            return 3
    """
    told = []
    asked = asked_for(source, "shared")
    prepared = prepare(workspace, load(source), Asked(selection="shared"))
    with engine(environ):
        until(lambda: started(workspace, "shared"))
        inline = Thread(target=lambda: told.append(materialize(workspace, prepared)))
        inline.start()
        attempt = failed(workspace)[0]
        assert attempt.run != asked.run
        if is_made:
            gate.touch()
        inline.join()
        gate.touch()
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert "for another run that computes the same" in attempt.failure.message
    assert (told[0].status, told[0].tally.reused) == ((RunStatus.SUCCEEDED, 1) if is_made else (RunStatus.FAILED, 0))
