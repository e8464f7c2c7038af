"""Sensors: what they ask for is recorded with their cursor, once for each key, whatever becomes of who asks them."""

import os
import signal
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from crash.conftest import facts_of, let_leases_end
from crash.engines import engine, of_type, until
from crash.logs import Through
from crash.test_automation import Clock
from latewood.automation import RunRequest
from latewood.commands.automations import automation_named, automations_here, switch
from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import create
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.decide.automation import timing_of
from latewood.decide.sensors import tried_for
from latewood.engine.running.worker_protocol import Failed, Sensed
from latewood.errors import DefinitionsInvalid
from latewood.events import Failure, FailureKind, RunEnded, RunRequested, SensorEvaluated
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving import sensing
from latewood.serving.sensing import ask_once
from latewood.serving.sensors import Sensors
from latewood_eventlog.audit import verify
from latewood_eventlog.errors import DatabaseUnreachable
from latewood_eventlog.leases import acquire

HEAD = """
    import os, time
    from datetime import timedelta
    from latewood.automation import *
    from latewood.resources import Resource, Secret

    INBOX = Path({inbox!r})

    @asset
    def total(*, source: str = "none", size: int = 0) -> str:
        return source

    @asset(partitions=Daily("2024-01-01", "2024-02-01"))
    def day(partition: PartitionKey) -> str:
        return partition

    @asset
    def broken() -> int:
        raise ValueError("no luck")

    nightly = Schedule("nightly", "total", "0 6 * * *")
"""

FILES = """
    @sensor("total", interval=timedelta(minutes=1))
    def arrivals(context: SensorContext):
        names = sorted(path.name for path in INBOX.iterdir() if path.name > context.cursor)
        for name in names:
            yield RunRequest(name, parameters={"total.source": name})
        yield Cursor(names[-1]) if names else Skip("no new file")
"""


@pytest.fixture
def clock():
    return Clock("2024-03-01T05:00")


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def deploy(workspace, load, inbox):
    def deployed(source=FILES):
        loaded = load(HEAD.format(inbox=str(inbox)) + source)
        deploy_loaded(workspace, loaded)
        return loaded

    return deployed


@pytest.fixture
def ask(workspace, clock):
    """Asks all sensors that are due, in their processes, an hour after the last time; what was recorded."""
    facts = []
    with closing(Sensors(replace(workspace, clock=clock), "test", facts.append)) as sensors:

        def asked():
            facts.clear()
            let_leases_end(workspace)
            clock.now += timedelta(hours=1)
            sensors.ask_here()
            return list(facts)

        yield asked


def requests(workspace):
    return [fact for fact in facts_of(workspace.log) if isinstance(fact, RunRequested) and fact.automation]


def keys(workspace):
    return [fact.run_key for fact in requests(workspace)]


def answering(*requests_, cursor=None, skipped=""):
    """A sensor that has answered so."""
    return lambda *_: Sensed(requests=requests_, cursor=cursor, skipped=skipped)


# ── what it asks for ──────────────────────────────────────────────────────────────────────────────────


def test_what_is_new_is_asked_for_once_and_the_cursor_moves_with_it(workspace, deploy, ask, inbox):
    deploy()
    (inbox / "a").touch()
    (inbox / "b").touch()
    (fact,) = ask()
    assert ([asked.key for asked in fact.requests], fact.cursor) == (["a", "b"], "b")
    assert [(asked.parameters, asked.automation) for asked in requests(workspace)] == [
        ({"total": {"source": name}}, "arrivals") for name in ("a", "b")
    ]
    (fact,) = ask()
    assert (fact.skipped, fact.cursor, fact.requests) == ("no new file", "b", ())
    assert ask() == [], "the same reason again is no news"
    (inbox / "c").touch()
    (fact,) = ask()
    assert ([asked.key for asked in fact.requests], fact.skipped) == (["c"], "")
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_key_has_one_run_however_often_it_is_asked_for(workspace, deploy):
    deploy()
    found, answer = automation_named(workspace, "arrivals"), answering(RunRequest("a"), RunRequest("b"))
    assert len(ask_once(workspace, found, answer).fact.requests) == 2
    assert ask_once(workspace, found, answer).fact is None
    fact = ask_once(workspace, found, answering(RunRequest("b"), RunRequest("c"))).fact
    assert ([asked.key for asked in fact.requests], fact.repeated) == (["c"], 1)
    assert keys(workspace) == ["a", "b", "c"]


def test_a_clock_that_is_set_back_keeps_no_sensor_silent(workspace, deploy, clock, ask, inbox):
    deploy()
    clock.set("2044-03-01T05:00")
    assert len(ask()) == 1
    clock.set("2024-03-01T05:00")
    (inbox / "a").touch()
    assert len(ask()) == 1
    assert keys(workspace) == ["a"]


def test_it_is_not_asked_before_its_interval_is_over_by_whomever(workspace, deploy, inbox):
    deploy()
    (inbox / "a").touch()
    for name in ("one", "other"):
        facts = []
        with closing(Sensors(workspace, name, facts.append)) as sensors:
            sensors.ask_here()
            sensors.ask_here()
        assert len(facts) == (name == "one")


def test_partitions_are_those_of_the_request_and_its_last_run_is_told(workspace, deploy, ask):
    deploy("""
    @sensor("day", interval=timedelta(minutes=1))
    def daily(context: SensorContext):
        last = context.last_run
        if last is None:
            return RunRequest("first", partition="2024-01-03")
        return [Skip(f"{last.run_key} is {last.status}"), Cursor(last.run_id)]
    """)
    ask()
    (asked,) = requests(workspace)
    assert (asked.partitions, asked.run_key) == ("2024-01-03", "first")
    (fact,) = ask()
    assert (fact.skipped, fact.cursor) == ("first is queued", asked.run)


def test_what_is_launched_has_the_values_of_the_request(workspace, deploy):
    deploy("""
    @task
    def scaled(size: int, *, by: int = 1) -> int:
        return size * by

    @workflow
    def flow(size: int, by: int = 2) -> int:
        return scaled(size, by=by)

    plan = LaunchPlan("large", flow, {"size": 7}, {"by": 3})

    @sensor(plan, interval=timedelta(minutes=1))
    def launching():
        return None
    """)
    found = automation_named(workspace, "launching")
    assert ask_once(workspace, found, answering(RunRequest("a", parameters={"by": 5}))).fact.problem == ""
    (asked,) = requests(workspace)
    assert (asked.launch, asked.parameters) == ("large", {"flow/scaled": {"by": 5, "size": 7}})
    fact = ask_once(workspace, found, answering(RunRequest("b", parameters={"size": 5}))).fact
    assert 'launch plan "large" fixes size at 7' in fact.problem


def test_a_branch_has_runs_of_its_own(workspace, deploy):
    deploy()
    create(workspace, "dev", base="prod")
    dev = replace(workspace, environment="dev")
    switch(dev, automation_named(dev, "arrivals"), on=True)
    for each in (workspace, dev):
        ask_once(each, automation_named(each, "arrivals"), answering(RunRequest("a")))
    assert [(asked.environment, asked.run_key) for asked in requests(workspace)] == [("prod", "a"), ("dev", "a")]


# ── whatever goes wrong ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (RunRequest("b", partition="2023-12-31"), "none of the selected assets is partitioned"),
        (RunRequest("b", parameters={"total.size": "many"}), 'run request "b": parameter "size": expected int'),
        (RunRequest("b", parameters={"total.sise": 1}), 'no parameter "sise"; near: size'),
    ],
)
def test_if_one_run_cannot_be_asked_for_none_is_and_the_cursor_stays(workspace, deploy, request_, problem):
    deploy()
    found = automation_named(workspace, "arrivals")
    fact = ask_once(workspace, found, answering(RunRequest("a"), request_, cursor="b")).fact
    assert problem in fact.problem
    assert (fact.requests, fact.cursor, fact.failures) == ((), "", 1)
    assert requests(workspace) == []
    assert problem in automation_named(workspace, "arrivals").standing.problem


def test_a_fault_while_it_is_planned_is_its_problem(workspace, deploy, monkeypatch):
    deploy()

    def faulty(*_, **__):
        raise RuntimeError("nobody thought of it")

    monkeypatch.setattr(sensing, "asked_by", faulty)
    fact = ask_once(workspace, automation_named(workspace, "arrivals"), answering(RunRequest("a"), cursor="a")).fact
    assert (fact.failures, fact.cursor, fact.requests) == (1, "", ())
    assert fact.problem.startswith('run request "a": a fault that nobody has foreseen, RuntimeError')


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("raise OSError('the share is gone')", "OSError: the share is gone"),
        ("yield 7", "ValueRefused: expected RunRequest, Cursor or Skip, found 7"),
        ("os._exit(3)", "ProcessEnded: its process ended with code 3"),
        ("time.sleep(60); yield", "TimeoutError: still running after 1 s"),
        ("yield RunRequest('a'); yield Cursor('a'); raise OSError('late')", "OSError: late"),
        ("yield RunRequest('a', parameters={'total.source': object()})", 'ValueRefused: parameters of "a": Pydantic'),
    ],
)
def test_a_sensor_that_fails_asks_for_nothing_and_is_recorded(workspace, deploy, ask, body, problem):
    deploy(f"""
    @sensor("total", interval=timedelta(minutes=1), timeout=timedelta(seconds=1))
    def failing():
        {body}

    @sensor("total", interval=timedelta(minutes=1))
    def other():
        return Skip("as it should be")
    """)
    failed, other = sorted(ask(), key=lambda fact: fact.name)
    assert failed.problem.startswith(problem)
    assert (failed.failures, failed.requests, failed.cursor) == (1, (), "")
    assert other.skipped == "as it should be"
    (again,) = ask()
    assert again.failures == 2
    assert requests(workspace) == []


def test_after_a_failure_it_is_waited_and_other_code_is_asked_at_once(workspace, deploy, clock):
    failing = '\n    @sensor("total", interval=timedelta(seconds=1))\n    def failing():\n        raise OSError("{}")\n'
    deploy(failing.format("gone"))
    facts = []
    with closing(Sensors(replace(workspace, clock=clock), "test", facts.append)) as sensors:

        def after(seconds):
            let_leases_end(workspace)
            clock.now += timedelta(seconds=seconds)
            sensors.ask_here()
            return len(facts)

        assert [after(0), after(4), after(2), after(9), after(2)] == [1, 1, 2, 2, 3]
        deploy(failing.format("still gone"))
        assert after(2) == 4
        assert (facts[-1].failures, facts[-1].problem) == (1, "OSError: still gone")


def test_what_a_connection_lost_meanwhile_leaves_is_all_or_nothing(workspace, deploy):
    deploy()
    log, appends = workspace.log, []

    def lost(batch):
        """Every answer is lost, and every second append."""
        appends.append(batch)
        if len(appends) % 2 == 0:
            log.append(batch)
        raise DatabaseUnreachable("localhost", "gone")

    losing = replace(workspace, log=Through(log, append=lost))
    for number in (1, 2):
        for _ in range(2):
            with pytest.raises(DatabaseUnreachable):
                ask_once(
                    losing,
                    automation_named(workspace, "arrivals"),
                    answering(*(RunRequest(str(n)) for n in range(number)), cursor=str(number)),
                )
        standing = automation_named(workspace, "arrivals").standing
        assert (keys(workspace), standing.cursor) == ([str(n) for n in range(number)], str(number))


def test_who_is_switched_off_or_overtaken_while_asked_asks_for_nothing(workspace, deploy):
    deploy()
    found = automation_named(workspace, "arrivals")

    def overtaken(*_):
        ask_once(workspace, found, answering(RunRequest("b"), cursor="b"))
        return Sensed(requests=(RunRequest("a"),), cursor="a")

    def switched(*_):
        switch(workspace, automation_named(workspace, "arrivals"), on=False)
        return Sensed(requests=(RunRequest("c"),), cursor="c")

    assert ask_once(workspace, found, overtaken).fact is None
    assert ask_once(workspace, found, switched).fact is None
    assert (keys(workspace), automation_named(workspace, "arrivals").standing.cursor) == (["b"], "b")


def test_what_others_record_meanwhile_takes_nothing_away(workspace, deploy):
    deploy()

    def beside(*_):
        switch(workspace, automation_named(workspace, "nightly"), on=False)
        return Sensed(requests=(RunRequest("a"),), cursor="a")

    assert ask_once(workspace, automation_named(workspace, "arrivals"), beside).fact.cursor == "a"
    assert keys(workspace) == ["a"]


def test_a_secret_is_given_by_a_resource_and_gets_into_no_cursor(workspace, deploy, ask, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "correct horse battery")
    source = """
    class Shop(Resource):
        token: Secret = Secret(env="SHOP_TOKEN")

    @sensor("total", interval=timedelta(minutes=1))
    def arrivals(shop: Shop):
        yield RunRequest("a"); {tell}
        print(shop.token.reveal())
    """
    deploy(source.format(tell='yield Cursor(f"at {shop.token.reveal()}")'))
    (fact,) = ask()
    assert "cursor: expected what may be recorded, found the value of a secret" in fact.problem
    deploy(source.format(tell='yield Skip(f"at {shop.token.reveal()}")'))
    (fact,) = ask()
    assert (fact.problem, fact.skipped, keys(workspace)) == ("", "at [secret SHOP_TOKEN]", ["a"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('@sensor("total")\ndef s(): ...', r'assets.py:\d+: sensor "s": expected an interval'),
        ('@sensor("total", interval=timedelta(milliseconds=5))\ndef s(): ...', "expected at least 1 s, found 0.005 s"),
        ('@sensor("total", interval=60)\ndef s(): ...', "interval: expected a timedelta above zero, found 60"),
        ('@sensor("total and", interval=timedelta(1))\ndef s(): ...', "total and"),
        ("@sensor(interval=timedelta(1))\ndef s(): ...", "expected a target"),
        ('@sensor(LaunchPlan("o", "total"), interval=timedelta(1))\ndef s(): ...', "not among what is defined here"),
        ("@sensor(7, interval=timedelta(1))\ndef s(): ...", "expected a selection, a workflow or a launch plan"),
        ('@sensor("total", interval=timedelta(1))\ndef s(x): ...', 'parameter "x": expected it to be annotated Sensor'),
        ('@sensor("total", interval=timedelta(1))\nasync def s(): ...', "a sensor is no coroutine"),
        (
            '@sensor("total", watch="failing")\ndef s(): ...',
            "watch: expected succeeded, failed, cancelled, interrupted",
        ),
        ('@sensor("total", every=timedelta(1))\ndef s(): ...', "every is no option of a sensor"),
        (
            '@sensor("total", interval=timedelta(1), name="nightly")\ndef s(): ...',
            "something else that happens by itself",
        ),
        ("@sensor\ndef s(): ...", "expected its target first"),
    ],
)
def test_what_cannot_be_is_refused_when_definitions_load(deploy, source, message):
    with pytest.raises(DefinitionsInvalid, match=message):
        deploy("\n" + "\n".join(f"    {line}" for line in source.splitlines()) + "\n")


# ── runs that end ─────────────────────────────────────────────────────────────────────────────────────

WATCHING = """
    @sensor("total", watch="failed")
    def told(context: SensorContext):
        run = context.run
        with (INBOX / "told").open("a") as file:
            print(run.run_id, run.status, run.steps[0].assets[0], run.steps[0].message, file=file)
        {fails}
        return RunRequest(run.run_id, parameters={{"total.source": run.run_id}})
"""


@pytest.fixture
def fail(workspace, deploy):
    """Runs what fails, and says which run it was."""

    def run(loaded, selection="broken"):
        return materialize(workspace, prepare(workspace, loaded, Asked(selection=selection))).run

    return run


def test_each_run_that_fails_is_told_once_from_when_it_was_there(workspace, deploy, ask, fail, inbox):
    loaded = deploy(WATCHING.format(fails=""))
    fail(loaded)
    (began,) = ask()
    assert (began.requests, began.told) == ((), "")
    runs = [fail(loaded), fail(loaded)]
    fail(loaded, "total")
    facts = ask()
    assert [fact.told for fact in facts] == runs
    assert keys(workspace) == runs
    assert (inbox / "told").read_text().splitlines() == [f"{run} failed broken no luck" for run in runs]
    assert ask() == []
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_what_it_is_told_of_is_found_without_reading_the_log(workspace, deploy, ask, fail):
    loaded = deploy(WATCHING.format(fails=""))
    ask()
    run = fail(loaded)
    told = []

    def answer(_, __, sense):
        told.append(sense)
        return Sensed(requests=(RunRequest(sense.run.run_id),), cursor=None, skipped="")

    def unread(*_, **__):
        raise AssertionError("all of the log")

    there = replace(workspace, log=Through(workspace.log, read_types=unread))
    fact = ask_once(there, automation_named(workspace, "told"), answer).fact
    assert (fact.told, [step.message for step in told[0].run.steps]) == (run, ["no luck"])


def test_its_own_runs_and_those_of_other_environments_are_not_told(workspace, environ, deploy, ask, fail):
    loaded = deploy("""
    @sensor("broken", watch="failed")
    def again(context: SensorContext):
        return RunRequest(f"after {context.run.run_id}")
    """)
    ask()
    first = fail(loaded)
    (fact,) = ask()
    with engine(environ):
        until(lambda: [end for end in of_type(workspace, RunEnded) if end.run == fact.requests[0].run])
    assert ask() == []
    assert keys(workspace) == [f"after {first}"]


def failing_with(kind):
    return lambda *_: Failed(failure=Failure(kind=kind, error="OSError", message="no mail"))


def test_a_run_that_it_cannot_be_told_of_is_given_up_after_a_day_and_the_next_one_is_told(
    workspace, deploy, ask, fail, inbox
):
    loaded = deploy(WATCHING.format(fails=""))
    ask()
    runs = [fail(loaded), fail(loaded)]
    found, failing = automation_named(workspace, "told"), failing_with(FailureKind.USER)
    tries = []
    while not tries or not tries[-1].told:
        tries.append(ask_once(workspace, found, failing).fact)
    assert timedelta(hours=24) <= tried_for(len(tries)) < timedelta(hours=25)
    assert tries[-1].problem == f"run {runs[0]} is given up after {len(tries)} tries; the last: OSError: no mail"
    (fact,) = ask()
    assert (fact.told, fact.problem, keys(workspace)) == (runs[1], "", [runs[1]])


def test_while_its_code_cannot_be_called_no_run_is_given_up(workspace, deploy, ask, fail):
    loaded = deploy(WATCHING.format(fails=""))
    ask()
    run = fail(loaded)
    found, gone = automation_named(workspace, "told"), failing_with(FailureKind.INTERRUPTED)
    facts = [ask_once(workspace, found, gone).fact for _ in range(40)]
    assert (facts[-1].failures, {fact.told for fact in facts}) == (40, {""})
    (fact,) = ask()
    assert fact.told == run


def test_who_has_much_to_be_told_keeps_no_other_sensor_waiting(workspace, deploy, ask, fail, inbox):
    other = """
    @sensor("total", interval=timedelta(minutes=1))
    def z_other():
        return Skip(f"told of {len((INBOX / 'told').read_text().splitlines())}")
"""
    loaded = deploy(WATCHING.format(fails="") + other)
    (inbox / "told").touch()
    ask()
    runs = [fail(loaded), fail(loaded)]
    assert [(fact.told or fact.skipped) for fact in ask()] == [runs[0], "told of 1", runs[1]]


def test_who_has_lost_its_turn_tells_no_more(workspace, deploy, ask, fail):
    loaded = deploy(WATCHING.format(fails=""))
    ask()
    runs = [fail(loaded), fail(loaded)]
    facts = []

    def heard(fact):
        """After the first one somebody else has the turn."""
        facts.append(fact)
        let_leases_end(workspace)
        assert acquire(workspace.log.engine, workspace.project, turn, holder="other", duration=timedelta(minutes=1))

    found = automation_named(workspace, "told")
    turn = f"sensor/prod/{found.location}:told/{timing_of(found.definition)}"
    with closing(Sensors(workspace, "test", heard)) as sensors:
        sensors.ask_here()
    assert [fact.told for fact in facts] == runs[:1]


def test_changed_code_is_asked_though_the_interval_is_not_over(workspace, deploy):
    source = '\n    @sensor("total", interval=timedelta(hours=1))\n    def slow():\n        return Skip("{}")\n'
    facts = []
    for reason in ("first", "second"):
        deploy(source.format(reason))
        with closing(Sensors(workspace, "test", facts.append)) as sensors:
            sensors.ask_here()
    assert [fact.skipped for fact in facts] == ["first", "second"]


# ── engines ───────────────────────────────────────────────────────────────────────────────────────────


def test_engines_that_are_killed_lose_and_repeat_no_key(workspace, environ, deploy, inbox):
    deploy("""
    @sensor("total", interval=timedelta(seconds=1))
    def counting(context: SensorContext):
        here = int(context.cursor or 0)
        (INBOX / str(time.time_ns())).touch()
        yield from (RunRequest(str(n)) for n in range(here, here + 3))
        yield Cursor(str(here + 3))
    """)
    for count in (3, 6, 9):
        with engine(environ) as process:
            until(lambda count=count: len(requests(workspace)) >= count)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        let_leases_end(workspace)
    with engine(environ):
        until(lambda: len(of_type(workspace, RunEnded)) >= 12)
    facts = [fact for fact in facts_of(workspace.log) if isinstance(fact, SensorEvaluated)]
    asked = [asked.key for fact in facts for asked in fact.requests]
    assert asked == [str(n) for n in range(len(asked))] == keys(workspace)
    assert [fact.cursor for fact in facts] == [str(3 * n) for n in range(1, len(facts) + 1)]
    assert [fact.problem for fact in facts if fact.problem] == []
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_an_engine_drains_while_a_sensor_hangs_and_records_no_failure_of_it(workspace, environ, deploy, inbox):
    deploy("""
    @sensor("total", interval=timedelta(seconds=1), timeout=timedelta(minutes=10))
    def hanging():
        (INBOX / "begun").touch()
        time.sleep(600)
    """)
    with engine(environ) as process:
        until((inbox / "begun").exists)
        process.terminate()
        assert process.wait(60) == 0
    assert [fact for fact in facts_of(workspace.log) if isinstance(fact, SensorEvaluated)] == []


def test_a_location_whose_sensor_hangs_keeps_no_other_one_waiting(workspace, environ, deploy, inbox, tmp_path):
    from latewood.engine.loading.loader import load_file  # noqa: PLC0415 - a second location

    deploy("""
    @sensor("total", interval=timedelta(seconds=1), timeout=timedelta(minutes=10))
    def hanging():
        time.sleep(600)
    """)
    (tmp_path / "second.py").write_text(
        "from datetime import timedelta\nfrom latewood import asset\nfrom latewood.automation import *\n\n"
        "@asset\ndef second() -> int:\n    return 1\n\n"
        "@sensor('second', interval=timedelta(seconds=1))\ndef quick():\n    return RunRequest('once')\n"
    )
    deploy_loaded(workspace, load_file(tmp_path / "second.py", root=tmp_path))
    with engine(environ):
        until(lambda: [end for end in of_type(workspace, RunEnded) if end.ran == 1])
    assert keys(workspace) == ["once"]
    assert {found.name for found in automations_here(workspace)} == {"hanging", "nightly", "quick"}


def test_code_that_cannot_be_loaded_is_a_problem_of_its_sensors(workspace, deploy):
    deploy()
    failure = Failure(kind=FailureKind.INTERRUPTED, error="WorkerUnusable", message="no module pandas")
    fact = ask_once(workspace, automation_named(workspace, "arrivals"), lambda *_: Failed(failure=failure)).fact
    assert (fact.problem, fact.failures) == ("WorkerUnusable: no module pandas", 1)
