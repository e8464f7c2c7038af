"""Artifacts that nothing reaches are removed; whatever somebody needs, takes or may still be promised is there."""

import os
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import text

from crash.conftest import facts_of, let_leases_end
from crash.engines import ended, engine, of_type, until
from crash.sweep import CRASHED, in_a_process
from latewood.commands import collecting
from latewood.commands.collecting import collect, uncollected
from latewood.commands.environments import create, drop
from latewood.commands.heads import rollback
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.workspace import Workspace, open_workspace
from latewood.decide.plan import Plan
from latewood.engine.running.live_logs import job_folder
from latewood.engine.storage import sweeping
from latewood.engine.storage.sweeping import alone, in_use, remove, stored
from latewood.errors import UsageError
from latewood.events import Action, ArtifactsCollected, ReuseSourceLost, RunStatus, StepReused, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Batch

MONTH = timedelta(days=30)
FLOW = """
@asset
def source() -> int:
    print("reading")
    return {n}

@asset
def folder(source: int) -> Path:
    made = Path(__file__).with_name("made")
    made.mkdir(exist_ok=True)
    (made / "part").write_text(str(source))
    return made
"""


def later(workspace: Workspace, days: float = 31) -> Workspace:
    """The same when so much time has passed."""
    clock = workspace.clock
    return replace(workspace, clock=lambda: clock() + timedelta(days=days))


def run(workspace: Workspace, load, n: int = 0, flow: str = FLOW):
    return materialize(workspace, prepare(workspace, load(flow.format(n=n)), Asked(selection="*")))


def planned(workspace: Workspace, load, n: int) -> Plan:
    return prepare(workspace, load(FLOW.format(n=n)), Asked(selection="*")).plan


def addresses(workspace: Workspace, environment: str = "prod") -> set[str]:
    """Where the heads of an environment lie."""
    query = text(
        "SELECT artifact FROM heads JOIN versions USING (project, asset, partition, version) WHERE environment = :e"
    )
    with workspace.log.engine.connect() as connection:
        return set(connection.execute(query, {"e": environment}).scalars())


def names(workspace: Workspace, *, values: bool = True) -> set[str]:
    """What lies in the store: values, or all else."""
    found = {file.name for file in stored(workspace.store)}
    others = {name for name in found if name.partition(".")[2] in ("log", "tar.gz")}
    return found - others if values else others


def removed(collected) -> set[str]:
    return {file.name for file in collected.garbage.versions}


def test_old_versions_go_and_heads_outputs_and_sources_stay(workspace, load):
    run(workspace, load, 1)
    first = addresses(workspace)
    run(workspace, load, 2)
    second, others = addresses(workspace), names(workspace, values=False)
    assert (len(first), len(second), len(others)) == (2, 2, 3)

    found = collect(later(workspace), older_than=MONTH)
    assert removed(found) == first
    assert names(workspace) == second
    assert names(workspace, values=False) == others
    (fact,) = (fact for fact in facts_of(workspace.log) if isinstance(fact, ArtifactsCollected))
    assert set(fact.artifacts) == first
    assert verify(workspace.log.engine, PROJECTIONS, UPCASTERS).position == workspace.log.position()


def test_what_is_not_old_enough_stays(workspace, load):
    run(workspace, load, 1)
    run(workspace, load, 2)
    before = names(workspace)
    assert removed(collect(workspace, older_than=MONTH)) == set()
    assert names(workspace) == before


def test_what_was_head_within_the_time_stays_however_old_it_is(workspace, load):
    run(workspace, load, 1)
    first = addresses(workspace)
    middle = workspace.log.position()
    run(workspace, load, 2)
    at = workspace.log.read_positions([middle])[0].recorded_at
    # As of a moment between the runs the first versions were head, though they are older than that.
    barely = replace(workspace, clock=lambda: at + timedelta(microseconds=1) + MONTH)
    assert removed(uncollected(barely, older_than=MONTH)) == set()
    assert removed(uncollected(later(workspace), older_than=MONTH)) == first


def test_looking_removes_and_records_nothing(workspace, load):
    run(workspace, load, 1)
    run(workspace, load, 2)
    before, position = names(workspace), workspace.log.position()
    assert removed(uncollected(later(workspace), older_than=MONTH))
    assert (names(workspace), workspace.log.position()) == (before, position)


def test_what_a_branch_has_from_its_base_stays_until_the_branch_is_dropped(workspace, load):
    run(workspace, load, 1)
    first = addresses(workspace)
    create(workspace, "dev")
    run(workspace, load, 2)
    run(replace(workspace, environment="dev"), load, 3)
    create(workspace, "dev2", base="dev")
    assert removed(collect(later(workspace), older_than=MONTH)) == set(), "`dev` had them when `dev2` was not there"

    create(workspace, "old")
    run(workspace, load, 4)
    old = addresses(workspace, "old") or None
    assert old is None, "a branch has no heads of its own"
    for name in ("dev", "dev2", "old"):
        drop(workspace, name)
    found = removed(collect(later(workspace), older_than=MONTH))
    assert first < found
    assert names(workspace) == addresses(workspace)


def test_a_plan_does_not_promise_what_was_collected(workspace, load):
    run(workspace, load, 1)
    first = addresses(workspace)
    run(workspace, load, 2)
    assert planned(workspace, load, 1).counts[Action.REUSE] > 0
    collect(later(workspace), older_than=MONTH)
    assert planned(workspace, load, 1).counts[Action.REUSE] == 0

    result = run(workspace, load, 1)
    assert (result.tally.ran, result.tally.reused) == (2, 0)
    assert addresses(workspace) == first <= names(workspace)
    assert not any(isinstance(fact, ReuseSourceLost) for fact in facts_of(workspace.log))
    # What was made again can be reused again, and stays.
    run(workspace, load, 2)
    assert run(workspace, load, 1).tally.reused == 2
    assert removed(collect(workspace, older_than=MONTH)) == set()


def test_a_run_that_was_planned_before_computes_what_was_collected_meanwhile(workspace, load):
    run(workspace, load, 1)
    run(workspace, load, 2)
    prepared = prepare(workspace, load(FLOW.format(n=1)), Asked(selection="*"))
    assert prepared.plan.counts[Action.REUSE] > 0
    collect(later(workspace), older_than=MONTH)
    materialize(workspace, prepared)
    assert addresses(workspace) <= names(workspace)
    assert any(isinstance(fact, ReuseSourceLost) for fact in facts_of(workspace.log))


def test_nobody_goes_back_to_what_was_collected(workspace, load):
    run(workspace, load, 1)
    first = workspace.log.position()
    run(workspace, load, 2)
    collect(later(workspace), older_than=MONTH)
    with pytest.raises(UsageError, match="is gone"):
        rollback(workspace, "source", to=first)


def test_what_nobody_recorded_goes_after_its_grace_period(workspace, load):
    run(workspace, load, 1)
    dead = workspace.store.stage(b"committed", "json")
    workspace.store.commit([dead])
    workspace.store.stage(b"staged", "json")
    assert len(collect(workspace, older_than=MONTH).garbage.unrecorded) == 0
    found = collect(later(workspace, days=2), older_than=MONTH)
    assert len(found.garbage.unrecorded) == 2
    assert names(workspace) == addresses(workspace)


BUSY = """
@asset
def source() -> int:
    print("reading")
    return {n}

@asset
def folder(source: int) -> int:
    Path(__file__).with_name("seen").write_text(str(source))
    while not Path(__file__).with_name("go").exists():
        time.sleep(0.005)
    return source
"""


def test_nothing_is_removed_while_a_run_is_going_on(workspace, load, tmp_path):
    """The run has taken a version that nothing else reaches, and has staged another; neither is recorded yet."""
    (tmp_path / "go").touch()
    for n in (1, 2):
        run(workspace, load, n, BUSY)
    (tmp_path / "go").unlink()
    (tmp_path / "seen").unlink()
    changed = BUSY.replace("return source\n", "return -source\n")
    running = threading.Thread(target=lambda: run(workspace, load, 1, changed))
    running.start()
    try:
        while not (tmp_path / "seen").exists():
            assert running.is_alive()
        before = names(workspace)
        with pytest.raises(UsageError, match="in use"):
            collect(later(workspace), older_than=timedelta(days=1))
        assert names(workspace) >= before
    finally:
        (tmp_path / "go").touch()
        running.join()
    assert any(isinstance(fact, StepReused) for fact in facts_of(workspace.log))
    collect(later(workspace), older_than=MONTH)
    assert addresses(workspace) == names(workspace)


def test_while_artifacts_are_removed_no_other_process_has_the_store_in_use(workspace):
    def try_to(act):
        with act(workspace.store):
            return 0

    with alone(workspace.store):
        assert in_a_process(lambda: try_to(alone)) != 0
        user = threading.Thread(target=lambda: try_to(in_use))
        user.start()
        user.join(0.05)
        assert user.is_alive(), "it waits"
    user.join()
    with ExitStack() as users:
        for _ in range(2):
            users.enter_context(in_use(workspace.store))
        assert in_a_process(lambda: try_to(in_use)) == 0
        assert in_a_process(lambda: try_to(alone)) != 0
    assert in_a_process(lambda: try_to(alone)) == 0


def test_what_another_appends_meanwhile_is_decided_with(workspace, load):
    """Between the decision and its record the first versions become head again: they stay."""
    run(workspace, load, 1)
    first, position = addresses(workspace), workspace.log.position()
    run(workspace, load, 2)
    second = addresses(workspace)

    class Late(EventLog):
        """Somebody else is a moment faster, once."""

        def append(self, batch: Batch):
            if batch.at is not None and not moved:
                moved.append(True)
                roll_back = replace(workspace, store=type(workspace.store)(elsewhere, "default"))
                for key in ("source", "folder"):
                    rollback(roll_back, key, to=position)
            return super().append(batch)

    moved: list[bool] = []
    # The same files, under a lock of their own: as from a machine that knows nothing of this one's.
    elsewhere = workspace.store.directory.parent.with_name("linked")
    elsewhere.mkdir()
    (elsewhere / "default").mkdir()
    for folder in workspace.store.directory.iterdir():
        if folder.is_dir():
            (elsewhere / "default" / folder.name).symlink_to(folder)
    log = Late(workspace.log.engine, PROJECTIONS, UPCASTERS)
    found = collect(replace(later(workspace), log=log), older_than=MONTH)
    assert moved
    assert removed(found) == second
    assert names(workspace) == addresses(workspace) == first


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_dies_while_collecting_leaves_nothing_promised_that_is_gone(workspace, load, environ, when):
    """Killed around the record, and around each removal of files, of which half are folders."""
    for fatal in count():
        for n in (2 * fatal, 2 * fatal + 1):
            run(workspace, load, n)
        ended = in_a_process(lambda fatal=fatal: _collect_and_die(environ, when, fatal))
        facts = facts_of(workspace.log)
        gone = {name for fact in facts if isinstance(fact, ArtifactsCollected) for name in fact.artifacts}
        made = {output.artifact for fact in facts if isinstance(fact, StepSucceeded) for output in fact.outputs}
        assert made - gone <= names(workspace), "what is not there was recorded as collected"
        assert addresses(workspace) <= names(workspace)
        collect(later(workspace), older_than=MONTH)
        assert names(workspace) == addresses(workspace)
        if ended != CRASHED:
            break
    assert ended == 0
    assert fatal == 7  # the record, two files and two folders of two versions, each folder in two steps
    assert planned(workspace, load, 1).counts[Action.REUSE] == 0
    assert run(workspace, load, 1).tally.ran == 2
    assert verify(workspace.log.engine, PROJECTIONS, UPCASTERS).position == workspace.log.position()


def _collect_and_die(environ: dict[str, str], when: str, fatal: int) -> None:
    """Collect, and end this process at one of its effects."""
    moments = count()

    def deadly(act):
        def acting(*arguments, **named):
            die = next(moments) == fatal
            if die and when == "before":
                os._exit(CRASHED)
            result = act(*arguments, **named)
            if die and when == "after":
                os._exit(CRASHED)
            return result

        return acting

    EventLog.append = deadly(EventLog.append)
    collecting.remove = deadly(remove)
    sweeping.shutil.rmtree = deadly(sweeping.shutil.rmtree)
    collect(later(open_workspace(environ)), older_than=MONTH)


def test_what_a_run_has_made_stays_while_it_waits_to_be_taken_up(workspace, environ, asked_for):
    asked = asked_for(
        """
        @asset
        def first(*, n: int = 1) -> int:
            return n

        @asset
        def second(first: int) -> int:
            time.sleep(0.5)
            return first
        """,
        parameters=("first.n=2",),
    )
    with engine(environ):
        until(lambda: of_type(workspace, StepSucceeded))
    let_leases_end(workspace)
    assert len(of_type(workspace, StepSucceeded)) == 1
    of_its_jobs, of_others = (job_folder(workspace.store, run) for run in (asked.run, "gone"))
    for folder in (of_its_jobs, of_others):
        folder.mkdir(parents=True)
    found = collect(later(workspace), older_than=timedelta(0)).garbage
    assert (found.versions, [file.name for file in found.unrecorded]) == ((), ["jobs/gone"])
    assert (of_its_jobs.exists(), of_others.exists()) == (True, False)
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert collect(later(workspace), older_than=timedelta(0)).garbage.versions, "variants, which are no heads"
