"""A run whose lease was taken over records nothing more, however far its process has run ahead."""

import pytest
from sqlalchemy import event

from crash.conftest import facts_of, let_leases_end, workspace_on
from latewood.commands.leasing import LEASE_DURATION, close_interrupted
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.engine.running.recorder import Recorder, new_event
from latewood.events import RunEnded, RunRequested, RunStatus, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify
from latewood_eventlog.database import connect
from latewood_eventlog.errors import EventConflict, LeaseLost
from latewood_eventlog.groupcommit import GroupCommit
from latewood_eventlog.leases import acquire, release
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Batch, StreamAppend

_CHAIN = """
@asset
def a0() -> int:
    return 0
""" + "".join(
    f"""
@asset
def a{n}(a{n - 1}: int) -> int:
    time.sleep(0.005)
    return a{n - 1} + 1
"""
    for n in range(1, 20)
)


@pytest.fixture
def other(platform_url, workspace):
    """The same workspace in another process: with connections of its own."""
    log = EventLog(connect(platform_url, role="engine"), PROJECTIONS, UPCASTERS)
    yield workspace_on(log, workspace.store)
    log.engine.dispose()


def test_a_slow_run_that_another_process_has_closed_stops_without_a_trace(workspace, other, load):
    closed = []

    def take_over(_report):
        if not closed:
            let_leases_end(other)
            closed.extend(close_interrupted(other))

    with pytest.raises(LeaseLost):
        materialize(workspace, prepare(workspace, load(_CHAIN), Asked(selection="*")), report=take_over)
    facts = facts_of(workspace.log)
    (end,) = [place for place, fact in enumerate(facts) if isinstance(fact, RunEnded)]
    assert facts[end] == RunEnded(run=closed[0], status=RunStatus.INTERRUPTED)
    assert end == len(facts) - 1
    assert sum(isinstance(fact, StepSucceeded) for fact in facts) < 20

    again = materialize(other, prepare(other, load(_CHAIN), Asked(selection="*")))
    assert (again.status, again.tally.ran + again.tally.reused + again.fresh) == (RunStatus.SUCCEEDED, 20)
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_run_that_ends_while_another_process_closes_it_keeps_its_own_end(workspace, other):
    run, project = workspace.new_run(), workspace.project
    stream = f"run/{run}"

    def tell(fact, name, fence):
        told = new_event(fact, project=project, stream=stream, name=name, at=workspace.clock(), actor="test")
        append = StreamAppend(project=project, stream=stream, events=(told,))
        return workspace.log.append(Batch(appends=(append,), fence=fence))

    lease = acquire(workspace.log.engine, project, stream, holder="test", duration=LEASE_DURATION)
    tell(RunRequested(run=run, environment="prod", selection="*", deployments={}), ("requested",), lease.fence)
    let_leases_end(other)
    ended = []

    @event.listens_for(other.log.engine, "before_cursor_execute")
    def end_it_now(_connection, _cursor, statement, _parameters, _context, _executemany):
        if statement.startswith("INSERT INTO leases") and not ended:
            ended.append(tell(RunEnded(run=run, status=RunStatus.SUCCEEDED, ran=1), ("ended",), lease.fence))
            release(workspace.log.engine, lease)

    assert close_interrupted(other) == (run,)
    assert ended
    assert facts_of(workspace.log)[-1] == RunEnded(run=run, status=RunStatus.SUCCEEDED, ran=1)
    assert close_interrupted(other) == ()


def test_a_step_has_one_end_even_by_the_word_of_who_drives_its_run(workspace):
    run, log = workspace.new_run(), workspace.log
    lease = acquire(log.engine, workspace.project, f"run/{run}", holder="test", duration=LEASE_DURATION)
    about = {"project": workspace.project, "run": run, "actor": "test", "fence": lease.fence, "clock": workspace.clock}
    requested = RunRequested(run=run, environment="prod", selection="*", deployments={})
    made = {"code": "c", "logic": "l", "inputs_digest": "", "outputs": (), "duration_ms": 1.0}
    first, second = (StepSucceeded(run=run, step=0, attempt=n, environment="prod", **made) for n in (1, 2))

    with GroupCommit(log) as commits:

        def says(fact, *name, told):
            recorder = Recorder(commits, told=told, **about)
            recorder.tell((fact, name))
            recorder.told()

        says(requested, "requested", told=0)
        says(first, "succeeded", 0, told=1)
        says(first, "succeeded", 0, told=1)  # again, as after an answer that was lost
        with pytest.raises(EventConflict):
            says(second, "succeeded", 0, told=2)
    assert facts_of(log) == [requested, first]
