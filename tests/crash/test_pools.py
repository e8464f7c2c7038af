"""Pools: never more steps at once than the limit, over engines and inline runs, whoever dies; and none is lost."""

import os
import signal
from itertools import count
from threading import Thread, current_thread

import pytest

from crash.engines import ended, engine, leases, most_at_once, of_type, started, until
from latewood.commands.deploying import deploy_loaded
from latewood.commands.deployments import roll_back
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.pools import pools, pools_waited_for, remove_pool, set_pool, set_quota
from latewood.commands.runs import run_named
from latewood.engine.running import kept
from latewood.engine.running.reports import WaitingForPools
from latewood.errors import DefinitionsInvalid, UsageError
from latewood.events import PoolSet, RunStarted, RunStatus, StepFailed, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving import project
from latewood.serving.requesting import cancel
from latewood_eventlog.audit import verify
from latewood_eventlog.leases import renew_all

MANY = """
    parts = Static([f"p{n}" for n in range(8)])

    @asset(partitions=parts, pool="db")
    def pooled(partition: PartitionKey) -> str:
        time.sleep(0.05)
        return partition

    @asset(partitions=parts)
    def free(partition: PartitionKey) -> str:
        return partition
"""


@pytest.fixture
def gated(tmp_path):
    """Definitions of which the first attempt waits until a file is there."""
    gate = tmp_path / "gate"
    source = f"""
        @asset(pool="db")
        def slow(context: Context) -> int:
            while context.attempt == 1 and not Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return 1

        @asset(pool="db")
        def quick() -> int:
            return 2
    """
    return source, gate


CALM = ("--lease", "10")
"""Nobody dies, and no lease ends before its time, however slow the machine is."""


def parts(selection, *numbers):
    return {"selection": selection, "partition": ",".join(f"p{n}" for n in numbers)}


def test_no_more_steps_at_once_than_the_limit_over_two_engines(workspace, environ, asked_for):
    set_pool(workspace, "db", 2)
    asked = [asked_for(MANY, **parts("*", n, n + 1)) for n in range(0, 8, 2)]
    with engine(environ, *CALM, "--workers", "4"), engine(environ, *CALM, "--workers", "4"):
        assert {ended(workspace, one).status for one in asked} == {RunStatus.SUCCEEDED}
        until(lambda: pools(workspace)[0].slots == ())
    assert most_at_once(workspace, "pooled") == 2
    assert (leases(workspace, "pool/"), leases(workspace, "waiting/")) == (0, 0)
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_step_that_waits_keeps_nothing_else_waiting(workspace, environ, asked_for, gated):
    source, gate = gated
    set_pool(workspace, "db", 1)
    held = asked_for(source, "slow")
    with engine(environ, *CALM):
        until(lambda: started(workspace, "slow"))
        other = asked_for(
            source + "\n\n        @asset\n        def free() -> int:\n            return 3\n", "quick or free"
        )
        until(lambda: len(of_type(workspace, StepSucceeded)) == 1)
        until(lambda: pools_waited_for(workspace, other.run) == ["db"])
        assert not started(workspace, "quick")
        (pool,) = pools(workspace)
        assert (pool.limit, len(pool.slots), pool.waiting) == (1, 1, (other.run,))
        assert f"run {held.run} step 0: slow" in pool.slots[0].holder
        gate.touch()
        assert {ended(workspace, one).status for one in (held, other)} == {RunStatus.SUCCEEDED}
    assert most_at_once(workspace, "slow", "quick") == 1


def test_slots_of_an_engine_that_was_killed_are_free_when_their_leases_end(workspace, environ, asked_for, gated):
    source, _ = gated
    set_pool(workspace, "db", 1)
    asked = [asked_for(source, "slow"), asked_for(source, "quick")]
    with engine(environ) as first:
        until(lambda: started(workspace, "slow"))
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert len(pools(workspace)[0].slots) == 1, "it is not known yet that its holder is dead"
    with engine(environ):
        assert {ended(workspace, one).status for one in asked} == {RunStatus.SUCCEEDED}
        until(lambda: pools(workspace)[0].slots == ())


def test_who_stood_still_for_longer_than_its_lease_has_lost_its_slot(workspace, environ, asked_for, gated):
    source, gate = gated
    set_pool(workspace, "db", 1)
    asked = [asked_for(source, "slow"), asked_for(source, "quick")]
    with engine(environ) as slow:
        until(lambda: started(workspace, "slow"))
        os.killpg(slow.pid, signal.SIGSTOP)
        with engine(environ):
            assert ended(workspace, asked[0]).status is RunStatus.SUCCEEDED
            gate.touch()
            os.killpg(slow.pid, signal.SIGCONT)
            assert ended(workspace, asked[1]).status is RunStatus.SUCCEEDED
            until(lambda: pools(workspace)[0].slots == ())
    for one in asked:
        assert [fact.run for fact in of_type(workspace, StepSucceeded)].count(one.run) == 1
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_cancelled_run_and_a_failed_step_free_their_slots(workspace, environ, asked_for, gated):
    source, _ = gated
    set_pool(workspace, "db", 1)
    asked = asked_for(
        source + '\n\n        @asset(pool="db")\n        def bad() -> int:\n            return 1 // 0\n', "slow"
    )
    with engine(environ, *CALM):
        until(lambda: started(workspace, "slow"))
        cancel(workspace, run_named(workspace, asked.run))
        assert ended(workspace, asked).status is RunStatus.CANCELLED
        assert ended(workspace, asked_for(source, "quick")).status is RunStatus.SUCCEEDED
        until(lambda: pools(workspace)[0].slots == ())


def test_an_inline_run_waits_for_what_an_engine_has_and_says_so(workspace, environ, asked_for, load, gated):
    source, gate = gated
    set_pool(workspace, "db", 1)
    told = []
    held = asked_for(source, "slow")
    with engine(environ, *CALM):
        until(lambda: started(workspace, "slow"))
        prepared = prepare(workspace, load(source), Asked(selection="quick"))
        inline = Thread(target=lambda: told.append(materialize(workspace, prepared, notice=told.append)))
        inline.start()
        until(lambda: WaitingForPools(pools=("db",)) in told)
        gate.touch()
        assert ended(workspace, held).status is RunStatus.SUCCEEDED
        inline.join()
    assert told[-1].status is RunStatus.SUCCEEDED
    assert most_at_once(workspace, "slow", "quick") == 1
    assert leases(workspace, "pool/") == 0


def test_a_lower_limit_counts_for_what_begins_from_then_on(workspace, environ, asked_for, tmp_path):
    gate = tmp_path / "gate"
    source = f"""
        @asset(partitions=Static(["a", "b", "c", "d"]), pool="db")
        def pooled(partition: PartitionKey) -> str:
            while not Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return partition
    """
    set_pool(workspace, "db", 2)
    asked = asked_for(source)
    with engine(environ, *CALM, "--workers", "4"):
        until(lambda: len(started(workspace, "pooled")) == 2)
        assert set_pool(workspace, "db", 1).before == 2
        assert [pool.limit for pool in pools(workspace)] == [1]
        gate.touch()
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    types = [event.type for event in workspace.log.read_all(limit=1_000)]
    lowered = types.index("pool.set", types.index("run.requested"))
    assert [type_ for type_ in types[lowered:] if type_.startswith("step.")] == [
        *("step.succeeded", "step.succeeded"),  # both that ran under the old limit
        *("step.started", "step.succeeded"),
        *("step.started", "step.succeeded"),
    ]


def test_a_quota_is_for_all_steps_of_the_project(workspace, environ, asked_for):
    set_quota(workspace, 1)
    set_pool(workspace, "db", 4)
    asked = [asked_for(MANY, **parts("pooled", 0, 1)), asked_for(MANY, **parts("free", 0, 1, 2))]
    with engine(environ, *CALM), engine(environ, *CALM):
        assert {ended(workspace, one).status for one in asked} == {RunStatus.SUCCEEDED}
    assert most_at_once(workspace, "pooled", "free") == 1
    assert set_quota(workspace, None).after is None
    assert [pool.name for pool in pools(workspace)] == ["db"]


def test_a_pool_that_is_not_there_is_refused_before_anything_is_recorded(workspace, load):
    set_pool(workspace, "dbs", 2)
    with pytest.raises(DefinitionsInvalid) as refused:
        deploy_loaded(workspace, load(MANY))
    assert (
        'assets.py:7: "pooled": there is no pool "db"; did you mean dbs? `latewood pools set db LIMIT` makes it'
        in str(refused.value)
    )
    assert [event.type for event in workspace.log.read_all()] == ["pool.set"]
    set_pool(workspace, "db", 2)
    deploy_loaded(workspace, load(MANY))


def test_a_pool_that_deployed_tasks_take_part_in_stays(workspace, load):
    set_pool(workspace, "db", 2)
    deploy_loaded(workspace, load(MANY))
    with pytest.raises(UsageError, match=r"is named by pooled of assets\.py; deploy them without it first"):
        remove_pool(workspace, "db")
    deploy_loaded(workspace, load(MANY.replace(', pool="db"', "")))
    assert remove_pool(workspace, "db").before == 2
    with pytest.raises(UsageError, match='there is no pool "db"; `latewood pools set db LIMIT` makes it'):
        remove_pool(workspace, "db")
    assert pools(workspace) == []


def test_a_pool_that_tasks_of_a_run_take_part_in_stays_until_it_has_ended(workspace, environ, load, asked_for, gated):
    source, gate = gated
    set_pool(workspace, "db", 1)
    asked = asked_for(source, "slow")
    deploy_loaded(workspace, load(source.replace('(pool="db")', "")))
    with pytest.raises(UsageError, match=r"is named by .*slow of assets\.py"):
        remove_pool(workspace, "db")
    gate.touch()
    with engine(environ, *CALM):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert remove_pool(workspace, "db").after is None


def test_a_deployment_of_which_a_pool_is_gone_is_not_gone_back_to(workspace, load):
    set_pool(workspace, "db", 1)
    earlier = deploy_loaded(workspace, load(MANY)).deployment
    deploy_loaded(workspace, load(MANY.replace(', pool="db"', "")))
    remove_pool(workspace, "db")
    with pytest.raises(UsageError, match='pooled: there is no pool "db"; `latewood pools set db LIMIT` makes it'):
        roll_back(workspace, "assets.py", earlier)
    set_pool(workspace, "db", 1)
    assert roll_back(workspace, "assets.py", earlier).deployment.deployment == earlier


def test_what_is_so_already_is_not_recorded_and_what_cannot_be_is_refused(workspace):
    assert set_pool(workspace, "db", 2).position is not None
    assert set_pool(workspace, "db", 2).position is None
    assert set_quota(workspace, None).position is None
    with pytest.raises(UsageError, match="limit 0: expected 1 to 10,000"):
        set_pool(workspace, "db", 0)
    with pytest.raises(UsageError, match='pool "a/b": expected 1 to 63 lower-case letters'):
        set_pool(workspace, "a/b", 1)
    assert len(of_type(workspace, PoolSet)) == 1


def test_a_slot_is_held_as_long_as_a_check_of_the_result_is_called(workspace, environ, asked_for, tmp_path):
    gate = tmp_path / "gate"
    source = f"""
        @asset(pool="db")
        def one() -> int:
            return 1

        @check(one)
        def slowly(value: int) -> bool:
            while not Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return True

        @asset(pool="db")
        def two() -> int:
            return 2
    """
    set_pool(workspace, "db", 1)
    asked = asked_for(source, "one")
    with engine(environ, *CALM):
        until(lambda: len(of_type(workspace, StepSucceeded)) == 1)
        other = asked_for(source, "two")
        until(lambda: pools_waited_for(workspace, other.run))
        gate.touch()
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
        assert ended(workspace, other).status is RunStatus.SUCCEEDED
    assert not of_type(workspace, StepFailed)


MAPPED = """
    from latewood.mapping import each

    @task
    def rows() -> list[int]:
        return [n % 5 for n in range(8)]

    @task(pool="db")
    def score(row: int) -> int:
        time.sleep(0.02)
        return 2 * row

    @workflow
    def scoring() -> list[int]:
        return score.map(each(rows()))
"""


def test_the_elements_of_a_list_take_part_in_the_pool_of_their_task_and_the_list_in_none(
    workspace, environ, asked_for, load
):
    set_pool(workspace, "db", 1)
    asked = [asked_for(MAPPED), asked_for(MAPPED)]
    with engine(environ, *CALM):
        assert {ended(workspace, one).status for one in asked} == {RunStatus.SUCCEEDED}
    assert len([fact for fact in of_type(workspace, StepSucceeded) if fact.step > 1]) == 5, (
        "each element that is unlike the others once"
    )
    materialize(workspace, prepare(workspace, load(MAPPED), Asked(selection="*", force=True)))
    assert leases(workspace, "pool/") == 0


def test_a_run_that_is_cancelled_while_its_step_waits_for_workers_keeps_no_slot(
    workspace, environ, asked_for, tmp_path
):
    gate = tmp_path / "gate"
    source = f"""
        @asset
        def long() -> int:
            while not Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return 1

        @asset(pool="db", resources=Resources(cpu=2))
        def wide() -> int:
            return 2
    """
    set_pool(workspace, "db", 1)
    held = asked_for(source, "long")
    with engine(environ, *CALM):
        until(lambda: started(workspace, "long"))
        given_up = asked_for(source, "wide")
        until(lambda: started(workspace, "wide"))
        cancel(workspace, run_named(workspace, given_up.run))
        assert ended(workspace, given_up).status is RunStatus.CANCELLED
        until(lambda: pools(workspace)[0].slots == ())
        again = asked_for(source, "wide")
        gate.touch()
        assert {ended(workspace, one).status for one in (held, again)} == {RunStatus.SUCCEEDED}


def test_a_slot_that_is_given_back_while_leases_are_renewed_is_not_lost(
    workspace, within, asked_for, tmp_path, monkeypatch
):
    one, two = tmp_path / "one", tmp_path / "two"
    source = f"""
        def wait_for(gate: str) -> None:
            while not Path(gate).exists():
                time.sleep(0.01)

        @asset(pool="db")
        def first() -> int:
            wait_for({str(one)!r})
            return 1

        @asset
        def second(first: int) -> int:
            wait_for({str(two)!r})
            return 2
    """

    def slowly(engine, leases, **how):
        if current_thread().name == "latewood-leases":
            if one.exists():
                two.touch()  # what came of the last time is known by now
            elif any(lease.name.startswith("pool/") for lease in leases):
                one.touch()
                until(lambda: started(workspace, "second"))
                until(lambda: pools(workspace)[0].slots == ())
        return renew_all(engine, leases, **how)

    monkeypatch.setattr(kept, "renew_all", slowly)
    set_pool(workspace, "db", 1)
    asked = asked_for(source)
    with within():
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert len(of_type(workspace, RunStarted)) == len(started(workspace, "second")) == 1


def test_leases_are_renewed_again_after_whatever_went_wrong(workspace, within, asked_for, gated, monkeypatch):
    source, gate = gated
    tries = count()

    def failing(*given, **how):
        number = next(tries)
        if number == 1:
            raise RuntimeError("deadlock detected")
        if number > 4:
            gate.touch()
        return renew_all(*given, **how)

    monkeypatch.setattr(project, "renew_all", failing)
    set_pool(workspace, "db", 1)
    asked = asked_for(source, "slow")
    with within():
        try:
            assert ended(workspace, asked).status is RunStatus.SUCCEEDED
        finally:
            gate.touch()
    assert len(of_type(workspace, RunStarted)) == 1
