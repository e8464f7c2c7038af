"""Rules: what a condition comes true of is asked for, once for each cause, and why is told part by part."""

from dataclasses import replace
from datetime import datetime
from textwrap import dedent

import pytest

from crash.conftest import facts_of
from crash.test_automation import Clock
from latewood.commands.automations import automation_named, automations_here, explanations
from latewood.commands.deploying import deploy_loaded
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.runs import run_named
from latewood.errors import DefinitionsInvalid
from latewood.events import RunEnded, RunPlanned, RunRequested, RunStatus
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving.automating import evaluate, evaluate_here
from latewood.serving.requesting import cancel
from latewood_eventlog.audit import verify

CHAIN = """
    from latewood.automation import *
    from latewood.external import external_asset

    @asset
    def a() -> int:
        return {a}

    @asset
    def b(a: int) -> int:
        return a + {b}

    @asset
    def c(b: int) -> int:
        return b

    keep = Rule("keep", {selection}, {condition})
"""


@pytest.fixture
def clock():
    return Clock("2024-03-01T05:00")


@pytest.fixture
def workspace(workspace, clock):
    return replace(workspace, clock=clock)


@pytest.fixture
def deploy(workspace, load):
    def deployed(condition="eager()", selection='"*"', *, a=1, b=1, source=CHAIN):
        loaded = load(source.format(a=a, b=b, selection=selection, condition=condition))
        deploy_loaded(workspace, loaded)
        return loaded

    return deployed


@pytest.fixture
def asks(workspace):
    """Evaluates, and says which assets are asked for; what is asked for is then made, unless it is left."""

    def evaluated(loaded, *, leave=False):
        before = len(requests(workspace))
        looked = evaluate_here(workspace)
        if any(not fact.requests and not fact.problem for fact in looked.evaluated):  # it began
            looked = evaluate_here(workspace)
        assert [fact.problem for fact in looked.evaluated if fact.problem] == []
        new = requests(workspace)[before:]
        keys = [key for asked in new for key in planned_keys(workspace, asked)]
        if new and not leave:
            materialize(workspace, prepare(workspace, loaded, Asked(selection=" or ".join(keys))))
            for asked in new:
                end(workspace, asked.run)
        return keys

    return evaluated


def requests(workspace):
    return [fact for fact in facts_of(workspace.log) if isinstance(fact, RunRequested) and fact.executor == "processes"]


def planned_keys(workspace, asked):
    from latewood.commands.views import view_of  # noqa: PLC0415

    names = {id_: key for key, id_ in view_of(workspace).ids.items()}
    planned = [f for f in facts_of(workspace.log) if isinstance(f, RunPlanned) and f.run == asked.run]
    return [names[id_] for fact in planned for steps in fact.steps for id_ in steps.assets]


def end(workspace, run, status=RunStatus.SUCCEEDED):
    """As if engines had driven it."""
    from latewood.engine.running.recorder import new_event  # noqa: PLC0415
    from latewood_eventlog.records import Batch, StreamAppend  # noqa: PLC0415

    event = new_event(
        RunEnded(run=run, status=status),
        project="default",
        stream=f"run/{run}",
        name=("ended",),
        at=workspace.clock(),
        actor="test",
    )
    workspace.log.append(Batch(appends=(StreamAppend(project="default", stream=f"run/{run}", events=(event,)),)))


def test_what_is_missing_is_asked_for_in_one_run_and_then_nothing_until_something_changes(workspace, deploy, asks):
    loaded = deploy()
    assert asks(loaded) == ["a", "b", "c"]
    assert asks(loaded) == []
    loaded = deploy(b=2)
    assert asks(loaded) == ["b", "c"], "c reads what is asked for"
    assert asks(loaded) == []
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_what_is_going_on_is_not_asked_for_a_second_time(workspace, deploy, asks):
    loaded = deploy()
    assert asks(loaded, leave=True) == ["a", "b", "c"]
    assert asks(loaded) == []
    assert asks(deploy(b=2)) == [], "not even with other code, before the run has ended"


def test_what_failed_is_asked_for_again_only_once_there_is_something_new(workspace, deploy, asks):
    loaded = deploy()
    asks(loaded, leave=True)
    end(workspace, requests(workspace)[-1].run, RunStatus.FAILED)
    assert asks(loaded) == []
    assert asks(deploy(a=2)) == ["a", "b", "c"], "its code is new, and the others read it"


def test_what_waits_for_others_is_asked_for_when_these_are_there(workspace, deploy, asks):
    loaded = deploy(selection='"c"')
    assert asks(loaded) == []
    materialize(workspace, prepare(workspace, loaded, Asked(selection="b+0 or a")))
    assert asks(loaded) == ["c"]


def test_an_update_of_what_it_reads(workspace, deploy, asks):
    loaded = deploy("any_deps(updated())", '"b"')
    assert asks(loaded) == []
    materialize(workspace, prepare(workspace, loaded, Asked(selection="a")))
    assert asks(loaded) == ["b"]
    assert asks(loaded) == []
    materialize(workspace, prepare(workspace, loaded, Asked(selection="a", force=True)))
    evaluate(workspace)
    assert len(requests(workspace)) == 2, "made anew, if with equal content"


def test_once_after_each_tick_whatever_the_clock_does(workspace, clock, deploy, asks):
    loaded = deploy('on_cron("0 6 * * *")')
    assert asks(loaded) == []
    assert evaluate(workspace) == datetime.fromisoformat("2024-03-01T06:00+00:00")
    clock.set("2024-03-01T06:00")
    assert asks(loaded) == ["a", "b", "c"]
    assert asks(loaded) == []
    clock.set("2024-03-01T04:00")
    assert asks(loaded) == []
    clock.set("2024-03-01T06:10")
    evaluate(workspace)
    evaluate(workspace)
    before = len(requests(workspace))
    clock.set("2024-03-03T07:00")
    for _ in range(3):
        evaluate(workspace)
    assert len(requests(workspace)) == before + 1, "one for all ticks that went by"


DAYS = """
    from latewood.automation import *

    days = Daily("2024-01-01")

    @asset(partitions=days)
    def a(partition: PartitionKey) -> int:
        return {a}

    @asset(partitions=days)
    def b(a: int) -> int:
        return a + {b}

    @asset(partitions=Monthly("2024-01"))
    def c(b: Partitioned[int]) -> int:
        return sum(value for _, value in b)

    keep = Rule("keep", {selection}, {condition})
"""


def test_a_window_is_asked_for_as_it_ends(workspace, clock, deploy):
    deploy(source=DAYS, selection='"a or b"')
    evaluate(workspace)
    assert evaluate(workspace) == datetime.fromisoformat("2024-03-02T00:00+00:00")
    (asked,) = requests(workspace)
    assert asked.partitions == "2024-02-29"
    clock.set("2024-03-02T00:00")
    evaluate(workspace)
    assert [asked.partitions for asked in requests(workspace)] == ["2024-02-29", "2024-03-01"]


def test_all_that_is_missing_of_windows_that_read_others(workspace, deploy):
    deploy("on_missing()", source=DAYS)
    evaluate(workspace)
    evaluate(workspace)
    (asked,) = requests(workspace)
    assert asked.partitions == "2024-01-01..2024-02-29, 2024-01..2024-02"
    (planned,) = [fact for fact in facts_of(workspace.log) if isinstance(fact, RunPlanned)]
    assert [steps.partitions for steps in planned.steps] == ["0-59", "0-59", "0-1"]


def test_each_part_is_explained(workspace, deploy, asks):
    loaded = deploy(selection='"b"')
    evaluate(workspace)
    found = automation_named(workspace, "keep")
    (explained,) = explanations(workspace, found, found.definition)
    assert (explained.key, explained.verdict) == ("b", "nothing to ask for")
    told = {line.text: line.is_true for line in explained.lines}
    assert told["missing()"]
    assert told["any_deps((missing() & ~requested()) | running())"]
    assert not told["~any_deps((missing() & ~requested()) | running())"]
    materialize(workspace, prepare(workspace, loaded, Asked(selection="a")))
    (explained,) = explanations(workspace, found, found.definition)
    assert explained.verdict == "is asked for"
    asks(loaded, leave=True)
    (found,) = automations_here(workspace)
    (explained,) = explanations(workspace, found, found.definition)
    assert explained.verdict == "asked for already; nothing is new since"


def test_a_run_that_was_cancelled_is_not_asked_for_again(workspace, deploy, asks):
    loaded = deploy()
    asks(loaded, leave=True)
    row = run_named(workspace, requests(workspace)[0].run)
    cancel(workspace, row)
    end(workspace, row.run, RunStatus.CANCELLED)
    assert asks(loaded) == []


def test_code_that_is_another_now_is_asked_for_once(workspace, deploy, asks):
    loaded = deploy("code_changed()", '"b"')
    assert asks(loaded) == [], "it was never made"
    materialize(workspace, prepare(workspace, loaded, Asked(selection="+b")))
    loaded = deploy("code_changed()", '"b"', a=2)
    assert asks(loaded) == [], "that of what it reads is no code of its own"
    loaded = deploy("code_changed()", '"b"', a=2, b=2)
    assert asks(loaded) == ["b"]
    assert asks(loaded) == []


UPS = """
    from latewood.automation import *

    @asset
    def up() -> int:
        return 1

    @asset
    def other() -> int:
        return 1

    @asset
    def down(up: int, other: int) -> int:
        return up + other

    {check}

    keep = Rule("keep", "down", missing() & {condition})
"""
CHECK = """
    @check(up)
    def is_good(up: int) -> bool:
        {body}
"""


@pytest.mark.parametrize("condition", ["all_deps(checks_passed())", "~any_deps(~checks_passed())"])
def test_checks_have_passed_once_each_has_looked_at_it_as_it_is_now(workspace, deploy, condition):
    def asked_with(body, *, looked=False, selection="up or other"):
        check = dedent(CHECK).strip().format(body=body).replace("\n", "\n    ") if body else ""
        loaded = deploy(source=UPS.replace("{check}", check).replace("{condition}", condition))
        if looked:
            materialize(workspace, prepare(workspace, loaded, Asked(selection=selection)))
        for _ in range(2):  # it begins
            evaluate_here(workspace)
        return len(requests(workspace))

    assert asked_with("", looked=True, selection="up") == 0, "other was never made"
    assert asked_with("return False") == 0, "nobody has looked"
    assert asked_with("return False", looked=True) == 0, "it has failed"
    assert asked_with("raise ValueError('no verdict')", looked=True) == 0
    assert asked_with("return True") == 0, "nobody has looked"
    assert asked_with("return True", looked=True) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"condition": "~missing()"}, r'assets.py:\d+: rule "keep": ~missing\(\) may still be true of what was made'),
        ({"condition": "checks_passed()"}, "without end"),
        ({"condition": "any_deps(stale())"}, "without end"),
        ({"condition": "updated()"}, "without end"),
        ({"condition": "missing() | ~running()"}, "without end"),
        ({"condition": "missing"}, "expected one such as eager"),
        ({"condition": 'on_cron("0 6 * * 9")'}, "cron expression"),
        ({"condition": 'on_cron("0 6 * * *", "Mars")'}, "time zone"),
        ({"selection": '"a and"'}, "a and"),
    ],
)
def test_what_cannot_be_is_refused_when_definitions_load(deploy, given, message):
    with pytest.raises(DefinitionsInvalid, match=message):
        deploy(**given)
