"""Why a run is, and why a step of it was run, or was not, is told as it was recorded."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import NullPool, create_engine

from api.conftest import SHOP
from api.test_files import IN_TRANSACTION
from latewood.commands.automations import stream_of
from latewood.commands.explaining import run_events
from latewood.commands.pools import set_pool, set_quota
from latewood.commands.reading import read
from latewood.commands.recorded_plan import recorded_plan
from latewood.commands.renaming import rename
from latewood.commands.runs import run_named
from latewood.commands.step_keys import shared_key
from latewood.commands.workspace import append_of
from latewood.engine.running.kept import Kept
from latewood.engine.running.live_logs import live_job
from latewood.engine.running.presence import Presence
from latewood.engine.running.slots import Slots
from latewood.events import (
    AskedByItself,
    AskedByKey,
    AutomationEvaluated,
    AutomationSwitched,
    Failure,
    FailureKind,
    JobPrepared,
    JobSubmitted,
    RunRequested,
    RunStarted,
    SensorEvaluated,
    StepFailed,
    StepReused,
    StepStarted,
)
from latewood.model.keys import RunId
from latewood.projections.snapshots import snapshot
from latewood_eventlog.leases import acquire, discard
from latewood_eventlog.records import Batch

RUN = """query ($run: ID!, $at: Moment) { project(asOf: $at) { whyRun(run: $run) {
  actor automation rerunOf forced plannedFrom fresh planned { totalCount nodes {
    assets action partitions { count text ranges(first: 1) { start stop } } first steps reasons { cause subject }
  } }
} } }"""
STEP = """query ($run: ID!, $step: Int!, $at: Moment) { project(asOf: $at) { whyStep(run: $run, step: $step) {
  assets partition planned plannedReasons { cause } decision position reasons { cause subject } attempts
  failure { error message } skipped because taken { asset version source } lost nearest { version differs }
} } }"""


def why(api, run, step=None, at=None):
    if step is None:
        return api(RUN, run=run, at=at)["project"]["whyRun"]
    return api(STEP, run=run, step=step, at=at)["project"]["whyStep"]


def test_a_run_says_who_asked_for_it_and_what_was_planned(api, made, workspace):
    run = made(selection="+revenue").run
    assert why(api, run) == {
        "actor": workspace.actor,
        "automation": "",
        "rerunOf": "",
        "forced": False,
        "plannedFrom": 5,
        "fresh": 0,
        "planned": {
            "totalCount": 2,
            "nodes": [
                {
                    "assets": ["orders"],
                    "action": "RUN",
                    "partitions": {
                        "count": 4,
                        "text": "2026-01-01..2026-01-04",
                        "ranges": [{"start": 0, "stop": 4}],
                    },
                    "first": 0,
                    "steps": 4,
                    "reasons": [{"cause": "MISSING", "subject": ""}],
                },
                {
                    "assets": ["revenue"],
                    "action": "RUN",
                    "partitions": {
                        "count": 4,
                        "text": "2026-01-01..2026-01-04",
                        "ranges": [{"start": 0, "stop": 4}],
                    },
                    "first": 4,
                    "steps": 4,
                    "reasons": [{"cause": "MISSING", "subject": ""}],
                },
            ],
        },
    }


def test_a_run_says_what_asked_for_it_by_itself_however_much_was_asked_for_with_it(api, workspace):
    prod = {"environment": "prod", "location": "shop.py", "name": "arrivals"}
    at = datetime(2026, 2, 1, tzinfo=UTC)

    def append(stream, fact, number):
        return append_of(workspace, fact, stream=stream, name=(number,), at=at)

    def evaluated(*runs):
        requests = tuple(AskedByKey(run=RunId(run), key=run) for run in runs)
        return SensorEvaluated(**prod, timing="t", at=at, requests=requests)

    def asked(run):
        fact = RunRequested(run=RunId(run), environment="prod", selection="*", deployments={}, automation="arrivals")
        return append(f"run/{run}", fact, 0)

    own, elsewhere = stream_of("prod"), stream_of("dev")
    others = {**prod, "environment": "dev", "on": True, "at": at}
    between = [append(elsewhere, AutomationSwitched(**others), number) for number in range(1_100)]
    workspace.log.append(Batch(appends=(append(own, evaluated("before"), 1), asked("before"))))
    workspace.log.append(
        Batch(appends=(append(own, evaluated("near", "far"), 2), asked("near"), *between, asked("far")))
    )
    workspace.log.append(Batch(appends=(append(own, evaluated("after"), 3), asked("after"))))
    ask = "query ($run: ID!) { project { whyRun(run: $run) { automation evaluation } } }"
    found = {run: api(ask, run=run)["project"]["whyRun"]["evaluation"] for run in ("before", "near", "far", "after")}
    assert found == {"before": 1, "near": 3, "far": 3, "after": 1_106}


def test_a_run_of_a_schedule_says_for_which_tick_of_those_that_were_made_up_for_at_once(api, workspace):
    at = datetime(2026, 2, 4, tzinfo=UTC)
    ticks = {RunId(f"of{day}"): datetime(2026, 2, day, 6, tzinfo=UTC) for day in (1, 2, 3)}
    evaluated = AutomationEvaluated(
        environment="prod",
        location="shop.py",
        name="daily",
        timing="t",
        at=at,
        until=at,
        requests=tuple(AskedByItself(run=run, tick=tick) for run, tick in ticks.items()),
    )
    facts = [(stream_of("prod"), evaluated)]
    facts += [
        (
            f"run/{run}",
            RunRequested(run=run, environment="prod", selection="*", deployments={}, automation="daily"),
        )
        for run in ticks
    ]
    appends = tuple(append_of(workspace, fact, stream=stream, name=("asked",), at=at) for stream, fact in facts)
    workspace.log.append(Batch(appends=appends))
    ask = "query ($run: ID!) { project { whyRun(run: $run) { evaluation tick } } }"
    found = {run: api(ask, run=run)["project"]["whyRun"] for run in ticks}
    assert {each["evaluation"] for each in found.values()} == {1}
    assert {run: datetime.fromisoformat(each["tick"]) for run, each in found.items()} == ticks


def test_a_step_that_was_run_says_why_and_what_came_nearest(api, made):
    first = made(selection="+revenue").run
    assert why(api, first, 5) == {
        "assets": ["revenue"],
        "partition": "2026-01-02",
        "planned": "RUN",
        "plannedReasons": [{"cause": "MISSING"}],
        "decision": "RUN",
        "position": why(api, first, 5)["position"],
        "reasons": [{"cause": "MISSING", "subject": ""}],
        "attempts": 1,
        "failure": None,
        "skipped": None,
        "because": None,
        "taken": [],
        "lost": [],
        "nearest": None,
    }
    again = made(SHOP.replace("orders * 10", "orders * 20"), selection="revenue").run
    found = why(api, again, 1)
    assert (found["decision"], found["reasons"]) == ("RUN", [{"cause": "CODE", "subject": ""}])
    assert found["nearest"] == {"version": f"{first}.5", "differs": ["CODE"]}


def test_a_step_that_was_reused_says_which_version_was_taken(api, made):
    first = made(selection="orders").run
    made(SHOP.replace("int(partition[-2:])", "0"), selection="orders")
    back = made(selection="orders").run
    found = why(api, back, 2)
    assert (found["planned"], found["decision"], found["reasons"]) == ("REUSE", "REUSED", [])
    assert found["plannedReasons"] == [{"cause": "CODE"}]
    assert found["taken"] == [{"asset": "orders", "version": f"{first}.2", "source": None}]


def test_what_was_taken_is_called_as_it_was_called_then(api, made, workspace):
    one = "@asset\ndef old() -> int:\n    return 1"
    first, _, back = (made(source).run for source in (one, one.replace("1", "2"), one))
    rename(workspace, "old", "new")
    made(one.replace("old", "new"))
    found = why(api, back, 0)
    assert found["assets"] == ["old"]
    assert found["taken"] == [{"asset": "old", "version": f"{first}.0", "source": None}]


def test_a_version_whose_artifact_is_gone_is_told_with_the_step_that_it_could_have_been(api, made, workspace):
    first = made(selection="orders").run
    made(SHOP.replace("int(partition[-2:])", "0"), selection="orders")
    versions = 'asset(key: "orders") { versions(partition: "2026-01-03") { nodes { artifact } } }'
    _, gone = api.environment(versions)["asset"]["versions"]["nodes"]
    (workspace.store.directory / gone["artifact"][:1] / gone["artifact"]).unlink()
    found = why(api, made(selection="orders").run, 2)
    assert (found["planned"], found["decision"], found["lost"]) == ("REUSE", "RUN", [f"{first}.2"])


def test_a_step_that_failed_and_one_that_was_skipped_for_it(api, made):
    run = made(SHOP.replace("return orders * 10", "raise ValueError('closed')"), selection="*").run
    failed, skipped = why(api, run, 4), why(api, run, 8)
    assert (failed["decision"], failed["failure"]) == ("RUN", {"error": "ValueError", "message": "closed"})
    assert (skipped["decision"], skipped["skipped"], skipped["assets"]) == ("SKIPPED", "UPSTREAM_FAILED", ["total"])
    assert why(api, run, skipped["because"])["assets"] == ["revenue"]


def test_a_step_waits_until_something_is_decided_and_so_it_did_then(api, made, asked_for):
    waiting = asked_for(SHOP).run
    assert (why(api, waiting, 3)["decision"], why(api, waiting, 3)["partition"]) == ("WAITS", "2026-01-04")
    run = made().run
    begun = why(api, run, 7)["position"]
    assert [why(api, run, 7, at=at)["decision"] for at in (begun - 1, begun)] == ["WAITS", "RUN"]


def waits(api, run, step, at=None):
    shown = "kind count engines until pool limit steps { run step assets partition } slots { number holder run step }"
    ask = f"""query ($run: ID!, $step: Int!, $at: Moment) {{
        project(asOf: $at) {{ whyStep(run: $run, step: $step) {{ decision waits {{ {shown} }} }} }} }}"""
    found = api(ask, run=run, step=step, at=at)["project"]["whyStep"]
    return [{name: value for name, value in each.items() if value} for each in found["waits"]]


def recorded(workspace, run, *facts):
    """As whoever drives the run says it."""
    stream = f"run/{run}"
    version = workspace.log.version("default", stream)
    appends = tuple(
        append_of(workspace, fact, stream=stream, name=(version, number)) for number, fact in enumerate(facts)
    )
    workspace.log.append(Batch(appends=appends))


def begun(workspace, run, step, asset, attempt=1, **said):
    """An attempt of a step begins, at the asset as it is deployed."""
    found = read(workspace)
    task, id_ = found.view.catalog[asset].task, found.view.ids[asset]
    of = {"task": task.name, "code": task.code.version, "logic": "l", "inputs_digest": "i", "reuse_key": "k"}
    return StepStarted(run=run, step=step, attempt=attempt, assets=(id_,), **{**of, **said})


@pytest.fixture
def driven(workspace):
    """A run that somebody drives meanwhile."""
    taken = []

    def drive(run):
        name, engine = f"run/{run}", workspace.log.engine
        taken.append(acquire(engine, "default", name, holder="here", duration=timedelta(minutes=5)))
        recorded(workspace, run, RunStarted(run=run, engine="here"))
        return run

    yield drive
    discard(workspace.log.engine, taken)


def test_a_step_says_which_steps_it_waits_for_and_that_no_engine_has_its_run(api, asked_for, workspace):
    run = asked_for(SHOP).run
    place = {"run": run, "assets": ["orders"], "partition": "2026-01-02"}
    assert waits(api, run, 5) == [{"kind": "STEPS", "count": 1, "steps": [{**place, "step": 1}]}]
    (all_days,) = waits(api, run, 8)
    assert (all_days["kind"], all_days["count"], [each["step"] for each in all_days["steps"]]) == (
        "STEPS",
        4,
        [4, 5, 6, 7],
    )
    assert waits(api, run, 0) == [{"kind": "ENGINE"}]
    there = Presence(workspace.log, "default", "tower:1", timedelta(minutes=5), is_engine=True)
    there.arrive()
    assert waits(api, run, 0) == [{"kind": "ENGINE", "engines": ["tower:1"]}]
    there.leave()
    assert waits(api, run, 5, at=workspace.log.position()) == waits(api, run, 5)
    assert waits(api, run, 0, at=workspace.log.position()) == [], "of the past nobody knows who was there"


def test_a_step_says_which_slots_it_waits_for_and_who_has_them(api, asked_for, workspace, driven):
    set_pool(workspace, "db", 1)
    run = driven(asked_for('@asset(pool="db")\ndef a() -> int:\n    return 1\n').run)
    assert waits(api, run, 0) == [{"kind": "TURN"}]
    kept = Kept(workspace.log, timedelta(minutes=5))
    slots = Slots(workspace.log, "default", "tower:1", kept)
    taken = slots.take(("db",), "run other step 3: b 2026-01-01")
    holder = {"number": 0, "holder": "tower:1 run other step 3: b 2026-01-01", "run": "other", "step": 3}
    assert waits(api, run, 0) == [{"kind": "SLOT", "pool": "db", "limit": 1, "slots": [holder]}]
    set_quota(workspace, 7)
    assert [each["pool"] for each in waits(api, run, 0)] == ["db"], "of the quota there are some"
    slots.give_back(taken)
    own = slots.take(("*", "db"), f"run {run} step 0: a")
    assert waits(api, run, 0) == [{"kind": "TURN"}], "it has them itself"
    slots.give_back(own)


BOOKS = """
    @asset(partitions=Daily("2026-01-01", end="2026-01-04"))
    def paid(partition: PartitionKey, *, rate: int = 1) -> int:
        return rate * int(partition[-2:])

    @asset(partitions=Daily("2026-01-01", end="2026-01-04"), inputs={"before": From("self", offset=-1)})
    def balance(paid: int, before: int | None, *, least: int = 0) -> int:
        return max(paid + (before or 0), least)

    @asset
    def told(balance: Partitioned[int], *, terms: Path = Path("terms.txt")) -> str:
        return f"{terms.read_text()} {[value for _, value in balance]}"
"""


def test_what_a_step_would_compute_is_known_as_its_run_will_have_it(made, workspace, tmp_path):
    (tmp_path / "terms.txt").write_text("net")
    equal = BOOKS.replace("return rate *", "return 1 * rate *")
    told = Counter()
    for source, asked in ((BOOKS, {}), (BOOKS, {"parameters": ("paid.rate=1,2", "balance.least=0,5")}), (equal, {})):
        run = made(source, **asked).run
        facts = [fact for _, fact in run_events(workspace, run) if isinstance(fact, StepStarted | StepReused)]
        told.update(map(type, facts))
        plan = recorded_plan(workspace, run_named(workspace, run))
        with snapshot(workspace.log) as connection:
            found = {fact.step: shared_key(connection, workspace, run, plan, fact.step) for fact in facts}
        assert found == {fact.step: fact.reuse_key for fact in facts}
    assert told[StepStarted] > 20
    assert told[StepReused] > 3


def test_a_step_waits_for_who_computes_the_same_and_when_it_is_tried_again(api, asked_for, workspace, driven):
    one = "@asset\ndef a(*, n: int = 1) -> int:\n    return n\n@asset(reuse=False)\ndef b() -> int:\n    return 1\n"
    first, second = (driven(asked_for(one, selection="a").run) for _ in range(2))
    with snapshot(workspace.log) as connection:
        plan = recorded_plan(workspace, run_named(workspace, second))
        key = shared_key(connection, workspace, second, plan, 0)
    recorded(workspace, first, begun(workspace, first, 0, "a", reuse_key=key))
    step, turn = {"run": first, "step": 0, "assets": ["a"], "partition": ""}, {"kind": "TURN"}
    assert waits(api, second, 0) == [{"kind": "OTHER", "count": 1, "steps": [step]}, turn]
    assert waits(api, first, 0) == [], "it waits for nothing"
    forced = driven(asked_for(one, selection="a", force=True).run)
    other = driven(asked_for(one, selection="a", parameters=("a.n=2",)).run)
    off = driven(asked_for(one, selection="b").run)
    assert [waits(api, run, 0) for run in (forced, other, off)] == [[turn]] * 3, "they take nothing of it"
    due = datetime(2099, 1, 1, tzinfo=UTC)
    failed = {"failure": Failure(kind=FailureKind.USER, error="E", message="m"), "duration_ms": 1.0}
    recorded(workspace, first, StepFailed(run=first, step=0, attempt=1, retry_at=due, **failed))
    (retry,) = waits(api, first, 0)
    assert (retry["kind"], datetime.fromisoformat(retry["until"])) == ("RETRY", due)
    assert why(api, first, 0)["failure"] == {"error": "E", "message": "m"}
    assert waits(api, first, 0, at=workspace.log.position()) == [retry]
    assert waits(api, second, 0) == [turn]
    recorded(workspace, first, begun(workspace, first, 0, "a", 2, reuse_key=key, reasons=("forced",)))
    assert waits(api, second, 0) == [turn], "what is forced is nobody's to wait for"
    recorded(workspace, first, *(begun(workspace, first, n, "a", reuse_key=key) for n in range(1, 12)))
    (others, _) = waits(api, second, 0)
    assert (others["count"], [each["step"] for each in others["steps"]]) == (11, list(range(1, 11)))


@pytest.mark.parametrize(("step", "said"), [(9, "has no step 9"), (-1, "has no step -1")])
def test_a_step_that_is_none_is_refused_and_the_run_answered_all_the_same(api, made, step, said):
    run = made().run
    ask = f'{{ project {{ whyRun(run: "{run}") {{ fresh }} whyStep(run: "{run}", step: {step}) {{ decision }} }} }}'
    answer = api.post(ask).json()
    assert answer["data"]["project"] == {"whyRun": {"fresh": 0}, "whyStep": None}
    (error,) = answer["errors"]
    assert said in error["message"]
    assert error["extensions"] == {"code": "BAD_INPUT", "missing": "step"}


def test_no_transaction_is_open_while_it_is_looked_how_a_job_is(api, asked_for, workspace, driven, superuser_url):
    run = driven(asked_for("@asset\ndef a() -> int:\n    return 1\n").run)
    of = {"run": run, "step": 0, "attempt": 1, "key": "k"}
    submitted = JobPrepared(connector="local", **of), JobSubmitted(handle="7", **of)
    recorded(workspace, run, begun(workspace, run, 0, "a", connector="local"), *submitted)
    file, seen = live_job(workspace.store, run, 0, 1), []
    superuser = create_engine(superuser_url.url, poolclass=NullPool)
    file.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(file)

    def told():
        with file.open("wb") as there, superuser.connect() as connection:  # once somebody looks at it
            seen.append(connection.execute(IN_TRANSACTION).scalar_one())
            there.write(b'{"connector": "local", "handle": "7", "state": "running", "links": {"page": "http://j/7"}}')

    ask = """query ($run: ID!, $at: Moment) {
        project(asOf: $at) { whyStep(run: $run, step: 0) { decision jobs { handle state link } } } }"""
    with ThreadPoolExecutor() as pool:
        telling = pool.submit(told)
        found = api(ask, run=run)["project"]["whyStep"]
        telling.result(20)
    assert found == {"decision": "RUN", "jobs": [{"handle": "7", "state": "running", "link": "http://j/7"}]}
    assert seen == [0]
    (then,) = api(ask, run=run, at=workspace.log.position())["project"]["whyStep"]["jobs"]
    assert then == {"handle": "7", "state": "", "link": ""}, "of the past no file tells"
