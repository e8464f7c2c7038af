"""Mapped steps that engines drive: elements go to several workers, and what was finished survives whatever comes."""

import os
import signal
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crash.conftest import head_keys, let_leases_end
from crash.engines import ended, engine, of_type, until
from latewood.commands.collecting import collect
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.reproducing import reproduce
from latewood.commands.rerunning import rerun_of
from latewood.commands.run_progress import WatchedRun
from latewood.commands.runs import run_named
from latewood.engine.running.elements import decode_elements
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import UsageError
from latewood.events import (
    FailureKind,
    RunStatus,
    StepExpanded,
    StepFailed,
    StepReused,
    StepStarted,
    StepSucceeded,
)
from latewood.model.keys import AssetKey
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import keys_of_ids
from latewood.serving.retrying import retry
from latewood_eventlog.audit import verify

FLOW = """
    import os
    from latewood.mapping import each

    @task
    def rows() -> list[int]:
        return list(range({count}))

    @task(retries=Retry(1, backoff=timedelta(0)))
    def score(row: int, context: Context) -> int:
        {act}
        return 2 * row

    @workflow
    def scoring() -> list[int | None]:
        return score.{partly}map(each(rows()))
"""
LIST = 1  # the step that is mapped; those of its elements come behind it


def flow(act="pass", *, count=30, partly=""):
    return "    from datetime import timedelta\n" + FLOW.format(act=act, count=count, partly=partly)


def run(workspace, load, source, **asked):
    return materialize(workspace, prepare(workspace, load(source), Asked(selection="*", **asked)))


def ends(workspace, of):
    """How often each of these steps has ended well."""
    made = (fact for fact in of_type(workspace, StepSucceeded, StepReused) if fact.run == of)
    return Counter(fact.step for fact in made)


def value(workspace, fact):
    return workspace.store.read(ArtifactAddress(fact.outputs[0].artifact)).decode()


def test_the_elements_of_a_list_go_to_several_workers_and_come_back_in_order(workspace, environ, asked_for):
    asked = asked_for(flow("print(os.getpid()); time.sleep(0.05)"))
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    (expanded,) = of_type(workspace, StepExpanded)
    assert (expanded.step, expanded.first, expanded.count) == (LIST, 2, 30)
    assert decode_elements(workspace.store.read(ArtifactAddress(expanded.elements))).labels[:2] == ("0", "1")
    made = {fact.step: fact for fact in of_type(workspace, StepSucceeded)}
    assert made.keys() == set(range(32))
    assert value(workspace, made[LIST]) == str([2 * n for n in range(30)]).replace(" ", "")
    assert len({workspace.store.read(ArtifactAddress(made[step].logs)) for step in range(2, 32)}) == 2, "processes"
    assert head_keys(workspace) == {"scoring/rows": 1, "scoring/score": 1}
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_elements_that_were_finished_are_not_repeated_when_their_engine_is_gone(workspace, environ, asked_for, number):
    asked = asked_for(flow("time.sleep(0.05)"))
    with engine(environ) as first:
        until(lambda: len(of_type(workspace, StepSucceeded)) > 10)
        os.killpg(first.pid, number) if number == signal.SIGKILL else first.terminate()
        first.wait()
    before = {fact.step for fact in of_type(workspace, StepSucceeded)}
    assert len(before) < 31
    far = WatchedRun(workspace, run_named(workspace, asked.run)).look()
    assert (far.total, far.ended) == (32, len(before))
    assert [task.assets for task in far.tasks][LIST:] == [("scoring/score",), ("scoring/score[]",)]
    with engine(environ):
        found = ended(workspace, asked)
    assert (found.status, found.ran) == (RunStatus.SUCCEEDED, 2), "the steps of the plan"
    assert len(of_type(workspace, StepExpanded)) == 1
    assert ends(workspace, asked.run) == Counter(range(32))
    again = {fact.step for fact in of_type(workspace, StepStarted) if fact.attempt > 1}
    assert LIST not in again
    assert again.isdisjoint(before)
    assert {fact.failure.kind for fact in of_type(workspace, StepFailed)} <= {FailureKind.INTERRUPTED}
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def has_gone_on(workspace, begun, made):
    """Whether all that these have left is made, and more."""
    ended = {fact.step for fact in of_type(workspace, StepSucceeded)}
    return begun <= ended and len(ended) > made + 2


def test_however_often_its_engines_die_a_list_is_gone_on_with(workspace, environ, asked_for):
    asked = asked_for(flow("time.sleep(0.05)", count=40))
    for _ in range(4):
        begun = {fact.step for fact in of_type(workspace, StepStarted)} - {LIST}
        made = len(of_type(workspace, StepSucceeded))
        with engine(environ) as process:
            until(lambda begun=begun, made=made: has_gone_on(workspace, begun, made))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    with engine(environ):
        found = ended(workspace, asked)
    assert found.status is RunStatus.SUCCEEDED
    assert ends(workspace, asked.run) == Counter(range(42))
    assert len(of_type(workspace, StepExpanded)) == 1


def test_an_element_that_kills_its_process_is_tried_again_alone(workspace, environ, asked_for):
    asked = asked_for(flow("row == 3 and context.attempt == 1 and os._exit(3)", count=6))
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    (failed,) = of_type(workspace, StepFailed)
    assert (failed.step, "ended with code 3" in failed.failure.message) == (5, True)
    assert ends(workspace, asked.run) == Counter(range(8))


def test_an_engine_and_a_process_of_ones_own_make_the_same(workspace, environ, asked_for, load):
    source = flow("assert row % 3 != 1", count=6, partly="partly(min_success_ratio=0.6).")
    first = run(workspace, load, source)
    assert (first.status, first.tally.ran, first.tally.failed) == (RunStatus.SUCCEEDED, 2, 0)
    asked = asked_for(source)
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    mine, theirs = (fact for fact in of_type(workspace, StepSucceeded) if "elements" in fact.outputs[0].metadata)
    assert value(workspace, mine) == value(workspace, theirs) == "[0,null,4,6,null,10]"
    assert mine.outputs[0].metadata == {"elements": 6, "failed": 2}
    assert theirs.outputs[0].metadata == {"elements": 6, "reused": 4, "failed": 2}


def test_a_list_that_others_reused_elements_of_is_collected_by_an_engine(workspace, environ, asked_for, load):
    run(workspace, load, flow(count=4))
    asked = asked_for(flow(count=6))
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    reused = [fact.step for fact in of_type(workspace, StepReused) if fact.run == asked.run]
    assert reused == [2, 3, 4, 5]


def test_what_failed_of_a_list_is_run_again_alone(workspace, load, tmp_path):
    failed = run(workspace, load, flow("assert row != 2 or Path('fixed').exists()", count=4))
    assert failed.status is RunStatus.FAILED
    (whole,) = [fact for fact in of_type(workspace, StepFailed) if fact.failure.kind is FailureKind.ELEMENTS]
    assert (whole.step, whole.retry_at) == (LIST, None)
    assert "1 of 4 elements failed: element 2 (2): AssertionError" in whole.failure.message
    again = rerun_of(workspace, failed.run, only="failed", parameters=(), home=tmp_path, root=tmp_path)
    assert again.asked.places == {AssetKey("scoring/score"): frozenset([""])}


def test_what_was_made_of_an_element_can_be_reproduced_and_its_list_is_none_of_that(workspace, load, tmp_path):
    made = run(workspace, load, flow(count=3))
    found = reproduce(workspace, made.run, home=tmp_path, root=tmp_path)
    assert [(each.asset, each.fact.verdict.value) for each in found.outputs] == [
        ("scoring/rows", "identical"),
        *[("scoring/score[]", "identical")] * 3,
    ]
    with pytest.raises(UsageError, match="only collected what steps 2 to 4 made of its elements"):
        reproduce(workspace, f"{made.run}.{LIST}", home=tmp_path, root=tmp_path)


def test_elements_are_known_by_their_list_and_are_nobodys_heads(workspace, load):
    run(workspace, load, flow(count=3))
    made = {fact.step: fact.outputs[0] for fact in of_type(workspace, StepSucceeded)}
    assert [made[step].head for step in sorted(made)] == [True, True, False, False, False]
    with snapshot(workspace.log) as connection:
        keys = keys_of_ids(connection, workspace.project, {made[LIST].asset, made[2].asset})
    assert set(keys.values()) == {"scoring/score", "scoring/score[]"}


def test_a_run_that_was_left_with_its_list_unread_reads_it(workspace, environ, asked_for):
    asked = asked_for(flow(count=3))
    with engine(environ) as process:
        until(lambda: of_type(workspace, StepExpanded) or of_type(workspace, StepStarted))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    let_leases_end(workspace)
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert ends(workspace, asked.run) == Counter(range(5))


def test_what_a_list_is_made_of_is_kept_as_long_as_the_list(workspace, load):
    def ran(*rows):
        source = flow().replace("list(range(30))", str(list(rows)))
        made = run(workspace, load, source).run
        return [
            isinstance(fact, StepSucceeded)
            for fact in of_type(workspace, StepSucceeded, StepReused)
            if fact.run == made and "[]" in fact.outputs[0].asset
        ]

    def collected():
        workspace_later = replace(workspace, clock=lambda: datetime.now(UTC) + timedelta(days=2))
        return len(collect(workspace_later, older_than=timedelta(days=1)).garbage.versions)

    assert ran(1, 2) == [True, True]
    assert ran(1, 2, 3) == [False, False, True]
    assert collected() == 2, "the lists before: of rows, and of scores"
    assert ran(4, 1, 3) == [True, False, False]
    assert ran(5) == [True]
    assert collected() == 8, "two lists of each, and what these alone were made of"
    assert ran(5, 1) == [False, True]


def test_a_retry_calls_what_failed_alone(workspace, environ, load, tmp_path):
    failed = run(workspace, load, flow(f"assert row != 2 or Path({str(tmp_path / 'fixed')!r}).exists()", count=4))
    (tmp_path / "fixed").touch()
    again = retry(workspace, run_named(workspace, failed.run))
    with engine(environ):
        assert ended(workspace, again).status is RunStatus.SUCCEEDED
    made = [fact for fact in of_type(workspace, StepSucceeded, StepReused) if fact.run == again.run]
    assert Counter(type(fact) for fact in made) == {StepReused: 3, StepSucceeded: 2}, "the element, and the list"
    (whole,) = (fact for fact in made if isinstance(fact, StepSucceeded) and fact.outputs[0].head)
    assert value(workspace, whole) == "[0,2,4,6]"


def test_a_plan_reads_none_of_the_elements_and_a_run_takes_those_it_needs(workspace, load):
    run(workspace, load, flow(count=300))
    made = prepare(workspace, load(flow(count=301)), Asked(selection="*")).plan
    assert len(made.state.reusable) < 10, "however many elements there ever were"
    tally = materialize(workspace, prepare(workspace, load(flow(count=301)), Asked(selection="*"))).tally
    assert tally.ran == 2, "the list of rows, and of scores"
    assert len([fact for fact in of_type(workspace, StepSucceeded) if fact.outputs[0].asset.endswith("[]")]) == 301
