"""An engine tells how it is, and outlives a database that goes away in the middle of its runs."""

import json
import logging
import re
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from urllib.error import HTTPError

import pytest
from sqlalchemy import text

from crash.conftest import head_keys
from crash.engines import ended, engine, of_type, require_each_step_ended_once, until
from latewood.commands.run_progress import WatchedRun
from latewood.commands.runs import run_named
from latewood.commands.status import overview_of
from latewood.commands.workspace import append_of
from latewood.engine.running.presence import Presence
from latewood.errors import UsageError
from latewood.events import CheckEvaluated, RunStarted, RunStatus, StepFailed, StepStarted, StepSucceeded
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import stretches_of
from latewood.serving.absence import Absence
from latewood.serving.engine import Engine
from latewood.serving.log_lines import JsonLines
from latewood.serving.requesting import engines
from latewood.serving.scraping import LOOPBACK, address_of, answering
from latewood_eventlog import server as embedded
from latewood_eventlog.audit import verify
from latewood_eventlog.records import Batch

SLOW = """
    @asset(partitions=Static([f"p{n:02}" for n in range(60)]), reuse=False)
    def slow(key: PartitionKey) -> str:
        time.sleep(0.1)
        return key

    @check(slow, blocking=True)
    def is_named(slow: str) -> bool:
        return slow.startswith("p")

    @asset
    def together(slow: Partitioned[str]) -> int:
        return len(list(slow))
"""


@contextmanager
def asked(port, path):
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=10) as answer:
        yield answer


def samples(text):
    """The metrics by name and labels; the text is refused where it is not the format."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP \w+ .+|TYPE \w+ (counter|gauge|histogram))", line), line
            continue
        match = re.fullmatch(r'(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\} (\S+)', line)
        assert match, line
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2]))
        assert (labels.pop("engine"), labels.pop("project", "default")) != ("", "")
        found[match[1], *labels.values()] = float(match[3])
    return found


def test_metrics_and_health_tell_of_engine_log_and_runs(workspace, asked_for, within):
    waiting = asked_for(SLOW)
    queued = samples(Engine(workspace, slots=2).telling.metrics())  # of one that does not serve
    assert (queued["latewood_runs", "queued"], queued["latewood_steps", "waiting"]) == (1, 61)
    assert (queued["latewood_engines",], queued["latewood_leases",], queued["latewood_steps", "running"]) == (0, 0, 0)
    assert (queued["latewood_append_seconds_count",], queued["latewood_worker_slots_busy",]) == (0, 0)
    with within() as serving, answering((LOOPBACK, 0), serving.telling.metrics, serving.telling.health) as port:
        under_way = until(
            lambda: (found := samples(serving.telling.metrics()))["latewood_steps", "running"] == 2 and found
        )
        assert ended(workspace, waiting).status is RunStatus.SUCCEEDED
        with asked(port, "/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            found = samples(answer.read().decode())
        with asked(port, "/health") as answer:
            health = json.load(answer)
        with pytest.raises(HTTPError, match="404"), asked(port, "/else"):
            pass
        with pytest.raises(UsageError, match=f"cannot be served at {LOOPBACK}:{port}: .*; name another port"):
            answering((LOOPBACK, port), str, dict).__enter__()
    assert 0 < under_way["latewood_steps", "waiting"] <= 61 - 2, "the queue's depth"
    assert (under_way["latewood_runs", "running"], under_way["latewood_engine_runs",]) == (1, 1)
    assert (under_way["latewood_engines",], under_way["latewood_leases",]) == (1, 2), "its own, and the run's"
    assert found["latewood_steps", "waiting"] == found["latewood_steps", "running"] == 0
    assert found["latewood_steps_total", "succeeded"] == 61
    assert found["latewood_step_duration_seconds_count",] == 61
    assert found["latewood_step_duration_seconds_bucket", "0.05"] <= 1, "but for the last one each took 0.1 s"
    assert found["latewood_append_seconds_bucket", "+Inf"] == found["latewood_append_seconds_count",] > 0
    assert found["latewood_events_total",] >= 61 * 2 + 60
    assert (found["latewood_database_up",], found["latewood_engines",], found["latewood_worker_slots",]) == (1, 1, 2)
    assert found["latewood_log_position",] == workspace.log.position()
    assert found["latewood_projection_lag_events", "runs"] == 0
    assert (health["projects"], health["database"]) == (["default"], "here")


def test_metrics_that_fail_are_an_answer_and_no_end_of_anything(caplog):
    with answering((LOOPBACK, 0), lambda: 1 / 0, dict) as port:
        for _ in range(2):
            with pytest.raises(HTTPError, match="500"), asked(port, "/metrics"):
                pass
    assert [record.getMessage() for record in caplog.records] == ["metrics"] * 2


def test_how_far_a_run_is_is_told_without_a_look_at_verdicts_on_what_it_does_not_make(workspace):
    of = {"run": "old", "version": "old.0", "partition": "", "check_key": "", "severity": "error", "check": "c"}
    begun = StepStarted(run="old", step=0, attempt=1, assets=("own",), task="t", code="c", logic="l", inputs_digest="i")
    ended = StepSucceeded(
        run="old",
        step=0,
        attempt=1,
        environment="prod",
        code="c",
        logic="l",
        inputs_digest="i",
        outputs=(),
        duration_ms=1,
    )
    refused = [
        CheckEvaluated(asset=asset, step=step, passed=False, blocking=True, **of)
        for step, asset in enumerate(["own", *["other"] * 2_000])  # of few no server takes the index for it
    ]
    appends = tuple(
        append_of(workspace, fact, stream="run/old", name=(number,))
        for number, fact in enumerate([begun, ended, *refused])
    )
    workspace.log.append(Batch(appends=appends))
    with snapshot(workspace.log) as connection:
        assert stretches_of(connection, "default", "old", ["own"]) == [("succeeded", 0, 0)]
        read = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'checks'"
        assert connection.execute(text(read)).scalar_one() == 1


def test_what_waits_and_what_runs_is_counted_before_anybody_drives_it_and_meanwhile(workspace, asked_for, within):
    waiting = asked_for(SLOW)
    found = overview_of(workspace)
    assert found.load.runs == {"queued": 1, "running": 0}
    assert found.load.steps == {"waiting": 61, "running": 0, "retrying": 0}
    assert found.problems == ("1 run is queued, and no engine is running: start one, `latewood engine`",)
    far = WatchedRun(workspace, run_named(workspace, waiting.run)).look()
    assert (far.total, far.ended, far.left) == (61, 0, None)
    with within(lease=timedelta(seconds=10)) as serving:
        until(lambda: len(of_type(workspace, StepSucceeded)) > 5)
        found = overview_of(workspace)
        far = WatchedRun(workspace, run_named(workspace, waiting.run)).look()
        ended(workspace, waiting)
        last = WatchedRun(workspace, run_named(workspace, waiting.run)).look()
    assert [(each.name, each.runs) for each in found.load.engines] == [(serving.name, 1)]
    assert (found.load.runs, found.problems) == ({"queued": 0, "running": 1}, ())
    assert sum(found.load.steps.values()) == 61
    slow, together = far.tasks
    assert (slow.assets, together.assets) == (("slow",), ("together",))
    assert (slow.steps.total, together.steps.counts) == (60, {"waiting": 1})
    assert slow.partitions("succeeded").startswith("p00")
    assert far.ended > 5
    assert far.rate > 0
    assert far.left > timedelta(0)
    assert ([task.steps.counts for task in last.tasks], last.left) == ([{"succeeded": 60}, {"succeeded": 1}], None)


def test_an_engine_that_is_not_heard_of_any_more_is_said_to_serve_no_longer_than_that(workspace, asked_for):
    asked_for(SLOW)
    there = [
        Presence(workspace.log, workspace.project, name, timedelta(seconds=6), is_engine=True)
        for name in ("a:1", "b:2")
    ]
    for each in there:
        each.renew()
    assert overview_of(workspace).problems == ()
    time.sleep(2.1)
    there[0].renew()
    found = overview_of(workspace)
    assert [(each.name, each.silent) for each in found.load.engines] == [("a:1", False), ("b:2", True)]
    assert found.problems == (), "the other one takes over from it"
    there[0].leave()
    (problem,) = overview_of(workspace).problems
    assert re.fullmatch("engine b:2 was last heard of [2-5] s ago: if it is gone, start another one, .*", problem)


def test_an_engine_that_has_nothing_to_do_is_heard_of_each_second(workspace, environ):
    with engine(environ, "--lease", "9"):
        until(lambda: engines(workspace))
        unheard, end = [], time.monotonic() + 5
        while time.monotonic() < end:
            found = overview_of(workspace)
            assert found.problems == ()
            unheard += [each.unheard_s for each in found.load.engines]
            time.sleep(0.1)
    assert max(unheard) < 2, "else who comes takes it for dead"


@pytest.mark.parametrize("others", [0, 1])
def test_a_database_that_is_away_for_longer_than_a_lease_is_waited_for_and_that_is_said_once(
    workspace, server, environ, asked_for, others
):
    waiting = asked_for(SLOW)
    with engine(environ) as process, ExitStack() as stack:
        until(lambda: of_type(workspace, RunStarted))
        for _ in range(others):  # who could take the run, of which the lease has ended, when all are back
            stack.enter_context(engine(environ))
        until(lambda: len(of_type(workspace, StepSucceeded)) > 5 and len(engines(workspace)) == 1 + others)
        embedded.stop(server)
        lines = iter(process.stderr.readline, "")
        said = next(line for line in lines if "the database is away" in line)
        assert "is recorded once it is back" in said
        time.sleep(2)  # the engine's leases, of a second, have ended by then
        embedded.ensure_started(server)
        workspace.log.engine.dispose()
        assert ended(workspace, waiting).status is RunStatus.SUCCEEDED
        process.terminate()
        rest = process.stderr.read()
    assert len(re.findall("the database is back after", rest)) == 1
    assert "away" not in rest
    assert "is left" not in rest
    require_each_step_ended_once(workspace, waiting)
    starts = [fact.step for fact in of_type(workspace, StepStarted)]
    assert sorted(starts) == list(range(61)), "nothing was run twice"
    assert (of_type(workspace, StepFailed), len(of_type(workspace, RunStarted))) == ([], 1)
    assert head_keys(workspace) == {"slow": 60, "together": 1}
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_line_of_json_has_what_it_is_about_as_fields():
    record = logging.LogRecord("latewood.engine", logging.INFO, "", 0, "step %s: %s", (3, 'said "x"\n'), None)
    record.run, record.step = "r1", 3
    line = JsonLines().format(record)
    told = json.loads(line)
    assert "\n" not in line
    assert (told["message"], told["run"], told["step"], told["level"]) == ('step 3: said "x"\n', "r1", 3, "info")


def test_an_engine_says_each_step_in_a_line_of_json(workspace, environ, asked_for):
    waiting = asked_for(
        "@asset\ndef one() -> int:\n    return 1\n\n@asset\ndef bad(one: int) -> int:\n    raise ValueError\n"
    )
    with engine(environ, "--log-format", "json") as process:
        ended(workspace, waiting)
        process.terminate()
        told = [json.loads(line) for line in process.stderr]
    steps = {line["assets"][0]: line for line in told if "step" in line}
    assert [steps[key]["level"] for key in ("one", "bad")] == ["info", "warning"]
    assert {key: (line["run"], line["step"], line["status"]) for key, line in steps.items()} == {
        "one": (waiting.run, 0, "succeeded"),
        "bad": (waiting.run, 1, "failed"),
    }
    assert [line["status"] for line in told if line.get("run") == waiting.run and "step" not in line] == [
        "running",
        "failed",
    ]


def test_an_absence_is_said_once_it_lasts_and_once_it_is_over(caplog):
    now = [0.0]
    absence = Absence(clock=lambda: now[0])
    absence.away("a moment")
    absence.here()
    assert (caplog.records, absence.is_away) == ([], False)
    for now[0] in (1.0, 1.5, 2.5, 3.5):
        absence.away("gone.")
    assert absence.is_away
    absence.here()
    absence.here()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the database is away",
        "the database is back after 2 s",
    ]


@pytest.mark.parametrize(("text", "found"), [("9400", (LOOPBACK, 9400)), ("0.0.0.0:1", ("0.0.0.0", 1))])
def test_an_address_is_a_port_or_has_one(text, found):
    assert address_of(text) == found


@pytest.mark.parametrize("text", ["", "x", "70000", "host:", "-1"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError, match="expected a port"):
        address_of(text)


def test_an_engine_counts_one_step_as_one(workspace, within, asked_for, caplog):
    caplog.set_level("INFO", "latewood.engine")
    asked = asked_for("@asset\ndef one() -> int:\n    return 1\n")
    with within():
        ended(workspace, asked)
    assert f"run {asked.run}: * in prod, 1 step" in caplog.messages
