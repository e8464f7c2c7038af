"""What is done first: higher priorities, of steps and of runs; and no project keeps another one waiting."""

import time
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

from sqlalchemy import event

from crash.engines import ended, engine, of_type, started, until
from latewood.commands.materializing import prepare
from latewood.commands.planning import Asked
from latewood.commands.pools import pools_waited_for, set_pool, set_quota
from latewood.engine.storage.store import ArtifactStore
from latewood.events import RunEnded, RunStarted, RunStatus, StepStarted, StepSucceeded
from latewood.serving.engine import Engine
from latewood.serving.requesting import engines, request

MANY = """
    @asset(partitions=Static([f"p{{n:03}}" for n in range({count})]){more})
    def many(partition: PartitionKey) -> str:
        {pause}
        return partition

    @asset(priority=5)
    def urgent() -> int:
        return 1

    @asset
    def usual() -> int:
        return 2

    @asset(priority=-1)
    def whenever() -> int:
        return 3
"""


def many(count=20, more="", pause=""):
    return MANY.format(count=count, more=more, pause=pause)


@contextmanager
def serving(*workspaces):
    """An engine in this process, with one worker."""
    found = Engine(*workspaces, slots=1)
    thread = Thread(target=found.serve)
    thread.start()
    try:
        yield found
    finally:
        found.drain()
        thread.join()


def test_an_engine_with_nothing_to_do_asks_for_all_of_its_projects_at_once(workspace):
    asked, others = [], [replace(workspace, project=f"p{n}") for n in range(9)]
    with serving(workspace, *others):
        until(lambda: all(engines(each) for each in (workspace, *others)))
        time.sleep(1)  # it has begun

        @event.listens_for(workspace.log.engine, "before_cursor_execute")
        def ask(_connection, _cursor, statement, *_):
            asked.append(statement)

        time.sleep(3)
        event.remove(workspace.log.engine, "before_cursor_execute", ask)
    assert 0 < len(asked) < 6 * 10, asked  # of which some look for what others have left, once in 3 s


def test_steps_with_a_higher_priority_come_first_in_a_run_and_across_runs(workspace, asked_for):
    asked = [asked_for(many(), "whenever or many"), asked_for(many(), "usual or urgent")]
    with serving(workspace):
        assert {ended(workspace, one).status for one in asked} == {RunStatus.SUCCEEDED}
    made = [fact.outputs[0].output for fact in of_type(workspace, StepSucceeded)]
    assert len(made) == 23
    order = [fact.step for fact in of_type(workspace, StepSucceeded) if fact.run == asked[0].run]
    whenever = started(workspace, "whenever")[0].step
    assert order[-1] == whenever, "nothing is left that comes before it"
    urgent = started(workspace, "urgent")[0]
    in_order = [(fact.run, fact.step) for fact in of_type(workspace, StepSucceeded)]
    assert in_order.index((urgent.run, urgent.step)) <= 2, "but for what had begun before its run was taken"


def test_a_run_of_higher_priority_is_taken_before_those_that_wait_longer(workspace, environ, asked_for):
    usual = [asked_for(many(), "usual", force=True) for _ in range(3)]
    first = asked_for(many(), "usual", force=True, priority=10)
    with engine(environ, "--workers", "1"):
        for one in (*usual, first):
            ended(workspace, one)
    assert of_type(workspace, RunStarted)[0].run == first.run


def test_a_run_of_higher_priority_does_not_wait_for_one_that_is_under_way(workspace, asked_for):
    long = asked_for(many(1_000, pause="time.sleep(0.01)"), "many")
    with serving(workspace):
        until(lambda: len(of_type(workspace, StepSucceeded)) > 5)
        first = asked_for(many(200, pause="time.sleep(0.01)"), "usual", priority=1)
        assert ended(workspace, first).status is RunStatus.SUCCEEDED
        assert not [fact for fact in of_type(workspace, RunEnded) if fact.run == long.run]


def test_a_project_with_thousands_of_steps_keeps_no_other_one_waiting(workspace, load, asked_for, tmp_path):
    other = replace(workspace, project="other", store=ArtifactStore(tmp_path / "store", "other"))
    long = asked_for(many(1_000), "many", priority=100)
    with serving(workspace, other):
        until(lambda: len(of_type(workspace, StepSucceeded)) > 5)
        short = request(other, prepare(other, load(many()), Asked(selection="usual")))
        assert ended(other, short).status is RunStatus.SUCCEEDED
        assert not [fact for fact in of_type(workspace, RunEnded) if fact.run == long.run]


def test_an_engine_of_all_projects_serves_those_that_come_later_as_well(workspace, environ, load, asked_for, tmp_path):
    other = replace(workspace, project="other", store=ArtifactStore(tmp_path / "store", "other"))
    with engine(environ, "--all-projects"):
        assert ended(workspace, asked_for(many(), "usual")).status is RunStatus.SUCCEEDED
        late = request(other, prepare(other, load(many()), Asked(selection="usual")))
        assert ended(other, late).status is RunStatus.SUCCEEDED
    with engine(environ, "--project", "other"):
        again = request(other, prepare(other, load(many()), Asked(selection="urgent")))
        assert ended(other, again).status is RunStatus.SUCCEEDED


def test_a_step_that_needs_a_free_slot_does_not_lose_the_worker_to_a_lower_one_of_its_run(workspace, asked_for):
    set_pool(workspace, "db", 1)
    asked = asked_for("""
        @asset(pool="db", priority=10)
        def urgent() -> int:
            return 1

        @asset(partitions=Static(["a", "b"]))
        def usual(partition: PartitionKey) -> str:
            return partition
    """)
    with serving(workspace):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert of_type(workspace, StepStarted)[0] == started(workspace, "urgent")[0]


def test_the_quota_goes_to_the_higher_priority_whatever_other_pools_there_are(workspace, environ, asked_for, tmp_path):
    gate = tmp_path / "gate"
    source = f"""
        @asset
        def long() -> int:
            while not Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return 1

        @asset
        def usual() -> int:
            return 2

        @asset(pool="db", priority=10)
        def urgent() -> int:
            return 3
    """
    set_quota(workspace, 1)
    set_pool(workspace, "db", 5)
    asked = [asked_for(source, "long")]
    with engine(environ, "--lease", "10"):
        until(lambda: started(workspace, "long"))
        for selection in ("usual", "urgent"):
            asked.append(asked_for(source, selection))
            until(lambda: pools_waited_for(workspace, asked[-1].run))
        gate.touch()
        assert {ended(workspace, one).status for one in asked} == {RunStatus.SUCCEEDED}
    long, usual, urgent = (one.run for one in asked)
    assert [fact.run for fact in of_type(workspace, StepStarted)] == [long, urgent, usual]
