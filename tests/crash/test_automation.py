"""What happens by itself: asked for once, whoever looks and whatever becomes of who looks."""

import signal
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from time import perf_counter_ns

import pytest
from forks import forks

from crash.conftest import facts_of, head_keys, lose_code
from crash.test_engine import engine, until
from latewood.commands.automations import automation_named, automations_here, switch
from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import create
from latewood.engine.loading.loader import load_file
from latewood.errors import DefinitionsInvalid, UsageError
from latewood.events import AutomationEvaluated, RunEnded, RunPlanned, RunRequested, RunStatus
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving import automating
from latewood.serving.automating import evaluate, evaluate_here
from latewood.serving.engine import Engine
from latewood_eventlog.audit import verify
from latewood_eventlog.errors import DatabaseUnreachable

NIGHTLY = """
    from latewood.automation import Schedule

    days = Daily("2024-01-01")

    @asset(partitions=days)
    def day(partition: PartitionKey, *, scale: int = 1) -> int:
        return scale

    @asset(partitions=Monthly("2024-01"))
    def month(day: Partitioned[int]) -> int:
        return sum(value for _, value in day)

    @asset
    def alone() -> int:
        return 1

    nightly = Schedule("nightly", {target}, {cron}, {options})
"""


class Clock:
    def __init__(self, text):
        self.now = datetime.fromisoformat(f"{text}+00:00")

    def __call__(self):
        return self.now

    def set(self, text):
        self.now = datetime.fromisoformat(f"{text}+00:00")


@pytest.fixture
def clock():
    return Clock("2024-03-01T05:00")


@pytest.fixture
def workspace(workspace, clock):
    return replace(workspace, clock=clock)


@pytest.fixture
def deploy(workspace, load):
    def deployed(target='"day"', cron='"0 6 * * *"', options=""):
        return deploy_loaded(workspace, load(NIGHTLY.format(target=target, cron=cron, options=options)))

    return deployed


def requests(workspace):
    return [fact for fact in facts_of(workspace.log) if isinstance(fact, RunRequested)]


def evaluations(workspace):
    return [fact for fact in facts_of(workspace.log) if isinstance(fact, AutomationEvaluated)]


def test_at_each_tick_what_is_selected_is_asked_for_with_its_last_window(workspace, clock, deploy):
    deploy('"day or alone"', options="last_window=True, parameters={'day.scale': 3}")
    assert evaluate(workspace) == datetime.fromisoformat("2024-03-01T06:00+00:00")
    assert requests(workspace) == []
    clock.set("2024-03-01T06:00")
    assert evaluate(workspace) == datetime.fromisoformat("2024-03-02T06:00+00:00")
    (asked,) = requests(workspace)
    assert (asked.selection, asked.partitions, asked.parameters) == (
        "day or alone",
        "2024-02-29",
        {"day": {"scale": 3}},
    )
    assert (asked.executor, asked.location) == ("processes", "assets.py")
    (planned,) = [fact for fact in facts_of(workspace.log) if isinstance(fact, RunPlanned)]
    assert [(steps.partitions, steps.action) for steps in planned.steps] == [("0", "run"), ("59", "run")]
    for _ in range(3):
        evaluate(workspace)
    assert len(requests(workspace)) == 1
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_fault_in_one_is_its_problem_and_the_others_are_looked_at(workspace, clock, load, monkeypatch):
    source = NIGHTLY.format(target='"day"', cron='"0 6 * * *"', options="")
    deploy_loaded(workspace, load(source + '\n    a_first = Schedule("first", "alone", "0 6 * * *")\n'))
    evaluate(workspace)
    clock.set("2024-03-01T06:00")
    asked_at = automating.asked_at

    def faulty(workspace, view, location, schedule, tick):
        if schedule.name == "first":
            raise RuntimeError(f"nobody thought of it at {perf_counter_ns()}")
        return asked_at(workspace, view, location, schedule, tick)

    monkeypatch.setattr(automating, "asked_at", faulty)
    assert evaluate(workspace) == datetime.fromisoformat("2024-03-01T06:01+00:00")
    evaluate(workspace)
    assert [asked.automation for asked in requests(workspace)] == ["nightly"]
    assert [fact.problem for fact in evaluations(workspace) if fact.problem] == [
        "a fault that nobody has foreseen, RuntimeError; the engine's log has what and where"
    ]
    monkeypatch.undo()
    evaluate(workspace)
    assert [asked.automation for asked in requests(workspace)] == ["nightly", "first"]


def looked(workspace, project):
    """When the next tick is, for an engine that has looked until nothing was new."""
    while (end := workspace.log.position()) != project._evaluated:
        project.ask_for_what_is_due(end)
    return project.ask_for_what_is_due(end)


def test_an_engine_whose_clock_is_set_back_and_forth_neither_repeats_nor_loses_a_tick(workspace, clock, deploy):
    deploy('"alone"', cron='"0 * * * *"', options='catch_up="all"')
    (project,) = Engine(workspace, slots=1)._projects
    assert looked(workspace, project) == datetime.fromisoformat("2024-03-01T06:00+00:00")
    for now in ("06:00:30", "05:59:50", "07:30", "07:29:30", "09:00", "08:59", "09:01", "10:00"):
        clock.set(f"2024-03-01T{now}")
        looked(workspace, project)
    ticks = [asked.tick.hour for fact in evaluations(workspace) for asked in fact.requests]
    assert ticks == [6, 7, 8, 9, 10]
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_an_engine_whose_clock_was_a_century_ahead_looks_again_once_it_is_right(workspace, clock, deploy):
    deploy('"alone"', cron='"0 * * * *"')
    clock.set("2124-03-01T05:00")
    (project,) = Engine(workspace, slots=1)._projects
    assert looked(workspace, project) == datetime.fromisoformat("2124-03-01T06:00+00:00")
    clock.set("2024-03-01T05:00")
    assert looked(workspace, project) == datetime.fromisoformat("2024-03-01T06:00+00:00")
    clock.set("2024-03-01T06:00")
    looked(workspace, project)
    assert len(requests(workspace)) == 1


def test_several_windows_each_have_their_own(workspace, clock, deploy):
    deploy('"day or month"', options="last_window=True")
    evaluate(workspace)
    clock.set("2024-03-01T06:00")
    (evaluated,) = evaluate_here(workspace).evaluated
    assert evaluated.problem == ""
    (planned,) = [fact for fact in facts_of(workspace.log) if isinstance(fact, RunPlanned)]
    assert [steps.partitions for steps in planned.steps] == ["59", "1"], "a day, and the month"


def test_a_launch_plan_is_launched_with_its_values(workspace, clock, load):
    deploy_loaded(
        workspace,
        load("""
            from latewood.automation import Schedule

            @task
            def scaled(size: int, *, by: int = 1) -> int:
                return size * by

            @workflow
            def flow(size: int, by: int = 2) -> int:
                return scaled(size, by=by)

            plan = LaunchPlan("large", flow, {"size": 7}, {"by": 3})
            weekly = Schedule("weekly", plan, "0 6 * * *", parameters={"by": 5})
        """),
    )
    evaluate(workspace)
    clock.set("2024-03-01T06:00")
    (evaluated,) = evaluate_here(workspace).evaluated
    assert evaluated.problem == ""
    (asked,) = requests(workspace)
    assert (asked.launch, asked.selection) == ("large", "flow/*")
    assert asked.parameters == {"flow/scaled": {"by": 5, "size": 7}}


def test_two_that_look_at_once_ask_once(workspace, clock, deploy):
    deploy()
    evaluate(workspace)
    clock.set("2024-03-01T06:00")
    log, seen = workspace.log, []

    class Slow:
        """A log to which another one appends first."""

        def __getattr__(self, name):
            return getattr(log, name)

        def append(self, batch):
            if not seen:
                seen.append(evaluate(workspace))
            return log.append(batch)

    evaluate(replace(workspace, log=Slow()))
    assert seen
    assert len(requests(workspace)) == 1
    assert len([fact for fact in evaluations(workspace) if fact.requests]) == 1


def test_a_connection_that_is_lost_while_it_is_recorded_loses_and_repeats_nothing(workspace, clock, deploy):
    deploy(options='catch_up="all"')
    evaluate(workspace)
    clock.set("2024-03-04T06:00")
    log, appends = workspace.log, []

    class Lost:
        """A log of which every second answer is lost, and every fourth append."""

        def __getattr__(self, name):
            return getattr(log, name)

        def append(self, batch):
            appends.append(batch)
            if len(appends) % 4 != 0:
                log.append(batch)
            if len(appends) % 2 == 0:
                raise DatabaseUnreachable("localhost", "gone")

    for _ in range(6):
        try:
            evaluate(replace(workspace, log=Lost()))
        except DatabaseUnreachable:
            continue
    ticks = [asked.tick.isoformat() for fact in evaluations(workspace) for asked in fact.requests]
    assert ticks == [f"2024-03-0{day}T06:00:00+00:00" for day in (1, 2, 3, 4)]
    assert len(requests(workspace)) == 4


def test_a_clock_that_is_set_back_makes_no_tick_twice(workspace, clock, deploy):
    deploy()
    evaluate(workspace)
    for now in ("2024-03-01T06:00", "2024-03-01T03:00", "2024-03-01T06:00", "2024-03-01T06:30"):
        clock.set(now)
        evaluate(workspace)
    assert len(requests(workspace)) == 1
    clock.set("2024-03-02T06:00")
    evaluate(workspace)
    assert len(requests(workspace)) == 2


def test_what_cannot_be_asked_for_is_said_and_the_next_tick_is_another_try(workspace, clock, deploy):
    deploy('"nothing/*"')
    evaluate(workspace)
    clock.set("2024-03-01T06:00")
    (evaluated,) = evaluate_here(workspace).evaluated
    assert "nothing/*" in evaluated.problem
    assert "nothing/*" in automations_here(workspace)[0].standing.problem
    deploy('"day"')
    clock.set("2024-03-02T06:00")
    (evaluated,) = evaluate_here(workspace).evaluated
    assert (evaluated.problem, len(evaluated.requests)) == ("", 1)
    assert automations_here(workspace)[0].standing.problem == ""


def test_code_that_is_gone_is_said_and_it_goes_on_once_that_is_deployed_again(workspace, clock, deploy):
    deploy()
    evaluate(workspace)
    lose_code(workspace)
    clock.set("2024-03-01T06:00")
    (evaluated,) = evaluate_here(workspace).evaluated
    assert "is not in the artifact store any more" in evaluated.problem
    deploy()
    clock.set("2024-03-02T06:00")
    (evaluated,) = evaluate_here(workspace).evaluated
    assert (evaluated.problem, len(evaluated.requests), len(requests(workspace))) == ("", 1, 1)


def test_a_value_that_nothing_would_use_is_said_and_keeps_nobody_else_from_asking(workspace, clock, deploy, load):
    source = NIGHTLY.format(target='"month"', cron='"0 6 * * *"', options="parameters={'day.scale': 3}")
    deploy_loaded(workspace, load(source + '    other = Schedule("other", "alone", "0 6 * * *")\n'))
    evaluate(workspace)
    clock.set("2024-03-01T06:00")
    problems = {fact.name: fact.problem for fact in evaluate_here(workspace).evaluated}
    assert problems["other"] == ""
    assert '"day" is not selected, so nothing would use it' in problems["nightly"]
    assert [asked.selection for asked in requests(workspace)] == ["alone"]


def test_off_it_does_nothing_and_on_again_it_counts_from_then(workspace, clock, deploy):
    deploy(options='catch_up="all"')
    evaluate(workspace)
    assert switch(workspace, automation_named(workspace, "nightly"), on=False)
    assert not switch(workspace, automation_named(workspace, "nightly"), on=False)
    clock.set("2024-03-05T05:00")
    assert evaluate(workspace) is None
    assert switch(workspace, automation_named(workspace, "assets.py:nightly"), on=True)
    clock.set("2024-03-05T06:00")
    evaluate(workspace)
    assert [fact.requests[0].tick.day for fact in evaluations(workspace) if fact.requests] == [5]


def test_a_branch_does_nothing_by_itself_unless_it_is_turned_on(workspace, clock, deploy):
    deploy()
    create(workspace, "branch", base="prod")
    branch = replace(workspace, environment="branch")
    (found,) = automations_here(branch)
    assert not found.is_on
    switch(branch, found, on=True)
    evaluate(workspace)
    clock.now += timedelta(hours=1)
    evaluate(workspace)
    assert sorted(asked.environment for asked in requests(workspace)) == ["branch", "prod"]


def test_what_is_no_longer_defined_is_no_longer_done_and_unchanged_is_no_event(workspace, clock, deploy, load):
    first = deploy()
    before = len(facts_of(workspace.log))
    assert deploy().deployment == first.deployment
    assert len(facts_of(workspace.log)) == before
    deploy_loaded(workspace, load("@asset\ndef day() -> int:\n    return 1\n"))
    assert automations_here(workspace) == []
    clock.set("2024-03-09T06:00")
    assert evaluate(workspace) is None
    with pytest.raises(UsageError, match="there are none"):
        automation_named(workspace, "nightly")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cron": '"61 * * * *"'}, r'assets.py:\d+: schedule "nightly": cron expression "61 \* \* \* \*"'),
        ({"cron": '"0 6 * *"'}, "expected five fields"),
        ({"options": 'timezone="Europe/Berln"'}, "did you mean Europe/Berlin"),
        ({"options": 'catch_up="some"'}, 'catch_up "some": expected all, latest, none'),
        ({"options": 'partition="2024", last_window=True'}, "expected one of them"),
        ({"options": 'environments="prod"'}, "expected a list of names"),
        ({"options": 'parameters={"scale": 1}'}, "expected ASSET.NAME"),
        ({"options": 'parameters={"day.scale": "big"}'}, 'parameter "day.scale": expected int'),
        ({"options": 'parameters={"day.size": 1}'}, 'parameter "day.size": "day" has no "size", only scale'),
        ({"target": '"day and"'}, "day and"),
        ({"options": 'partition="2023-12-31"'}, 'schedule "nightly": day: partition "2023-12-31": expected a key from'),
        ({"options": 'partition="eu"'}, 'partition "eu"'),
        ({"target": 'LaunchPlan("other", "day")'}, "not among what is defined here"),
    ],
)
def test_what_cannot_be_is_refused_when_definitions_load(deploy, given, message):
    with pytest.raises(DefinitionsInvalid, match=message):
        deploy(**given)


def test_what_a_file_imports_happens_once_as_that_of_the_file_that_makes_it(workspace, tmp_path):
    (tmp_path / "shared_nights.py").write_text(
        "from latewood import asset\nfrom latewood.automation import Schedule\n\n"
        "def every(name):\n    return Schedule(name, 'own', '0 6 * * *')\n\n"
        "@asset\ndef shared() -> int:\n    return 1\n\nnightly = Schedule('nightly', 'shared', '0 6 * * *')\n"
    )
    (tmp_path / "imports.py").write_text(
        "from latewood import asset\nfrom shared_nights import nightly, every\n\n"
        "@asset\ndef own() -> int:\n    return 1\n\nmine = every('mine')\n"
    )
    for name in ("shared_nights.py", "imports.py"):
        deploy_loaded(workspace, load_file(tmp_path / name, root=tmp_path))
    assert [found.slot for found in automations_here(workspace)] == [
        ("imports.py", "mine"),
        ("shared_nights.py", "nightly"),
    ]


def test_of_processes_that_look_at_once_and_are_killed_no_tick_is_lost_or_twice(workspace, environ, clock, deploy):
    deploy('"alone"', cron='"0 * * * *"', options='catch_up="all"')
    evaluate(workspace)
    killed = 0
    for n in range(5):
        first, second = (forks().start(["automation", "tick"], Path.cwd(), environ) for _ in range(2))
        time.sleep(n * 0.06)
        first.kill()
        killed += first.wait() == -signal.SIGKILL
        assert second.wait(timeout=60) == 0
    assert killed > 1, "else nothing was tried"
    ticks = [asked.tick for fact in evaluations(workspace) for asked in fact.requests]
    began = datetime.fromisoformat("2024-03-01T05:00+00:00")
    assert ticks == [began + timedelta(hours=n) for n in range(1, len(ticks) + 1)]
    assert len(ticks) >= 5
    assert [asked.run for asked in requests(workspace)] == [
        asked.run for fact in evaluations(workspace) for asked in fact.requests
    ]
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_engines_drive_what_was_asked_for_even_if_there_is_nothing_to_do(workspace, environ, clock, deploy):
    def statuses():
        return [fact.status for fact in facts_of(workspace.log) if isinstance(fact, RunEnded)]

    def driven(count):
        """By an engine, whose own clock the schedule must not see."""
        switch(workspace, automation_named(workspace, "nightly"), on=False)
        with engine(environ):
            until(lambda: len(statuses()) == count)
        switch(workspace, automation_named(workspace, "nightly"), on=True)

    deploy('"day or alone"', options="last_window=True")
    evaluate(workspace)
    for day in (1, 2):
        clock.set(f"2024-03-0{day}T06:00")
        evaluate(workspace)
    driven(2)
    assert head_keys(workspace) == {"day": 2, "alone": 1}
    deploy('"alone"')
    evaluate(workspace)
    clock.set("2024-03-03T06:00")
    evaluate(workspace)
    driven(3)
    assert statuses() == [RunStatus.SUCCEEDED] * 3
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_an_engine_asks_by_itself_for_what_becomes_due(workspace, environ, load):
    source = """
        from latewood.automation import Rule, eager

        @asset
        def first() -> int:
            return {number}

        @asset
        def second(first: int) -> int:
            return first + 1

        kept = Rule("kept", "*", eager())
    """
    deploy_loaded(workspace, load(source.format(number=1)))
    with engine(environ):
        until(lambda: head_keys(workspace) == {"first": 1, "second": 1})
        before = len([fact for fact in facts_of(workspace.log) if isinstance(fact, RunEnded)])
        deploy_loaded(workspace, load(source.format(number=2)))
        until(lambda: len([fact for fact in facts_of(workspace.log) if isinstance(fact, RunEnded)]) > before)
        time.sleep(2.5)
    ends = [fact for fact in facts_of(workspace.log) if isinstance(fact, RunEnded)]
    assert {fact.status for fact in ends} == {RunStatus.SUCCEEDED}
    assert sum(fact.ran for fact in ends) == 4
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_an_engine_goes_on_asking_when_the_database_was_away(workspace, load, monkeypatch):
    looks = []

    def evaluating(_):
        looks.append(len(looks))
        if len(looks) == 1:
            raise DatabaseUnreachable("away")
        if len(looks) == 2:
            raise ZeroDivisionError("a defect")

    monkeypatch.setattr("latewood.serving.project.evaluate", evaluating)
    monkeypatch.setattr("latewood.serving.lookout.LOOK_S", 0.05)
    found = Engine(workspace, slots=1)
    serving = Thread(target=found.serve)
    serving.start()
    try:
        until(lambda: len(looks) > 2)
    finally:
        found.drain()
        serving.join()
