"""What was printed, line by line; attempts, and runs in time."""

import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import NullPool, create_engine, event

from api.test_files import IN_TRANSACTION
from latewood.engine.running.recorder import new_event
from latewood.engine.storage.store import ArtifactStore
from latewood.events import RunEnded, RunRequested, RunStatus, StepStarted, StepSucceeded
from latewood.model.keys import RunId
from latewood_eventlog.records import Batch, StreamAppend

PRINTING = """
    @asset(retries=Retry(1, backoff=timedelta(milliseconds=1)))
    def talks() -> int:
        seen = Path({seen!r})
        if not seen.exists():
            seen.touch()
            print("first try")
            raise ValueError("not yet")
        for n in range(1, 26):
            print(f"line {{n}}" + (" Warning" if n % 10 == 0 else ""))
        return 1

    @asset
    def says(talks: int) -> int:
        print("said")
        return talks

    @check(talks)
    def fine(talks: int) -> CheckResult:
        print("looked at it")
        return CheckResult(passed=True)
"""

LOGS = """
    query ($id: ID!, $step: Int, $first: Int, $after: String, $last: Int, $before: String, $search: String = "") {
      project { run(id: $id) {
        logs(step: $step, first: $first, after: $after, last: $last, before: $before, search: $search) {
          nodes { text number attempt check step } startCursor endCursor hasNextPage hasPreviousPage isOver
        }
      } }
    }
"""


@pytest.fixture
def talked(made, tmp_path):
    return made("    from datetime import timedelta\n" + PRINTING.format(seen=str(tmp_path / "seen"))).run


@pytest.fixture
def logs(api, talked):
    return lambda **asked: api(LOGS, id=talked, **asked)["project"]["run"]["logs"]


@pytest.fixture
def statements(reader):
    """What the API asks of the database meanwhile."""

    @contextmanager
    def counted():
        found = []
        note = lambda _connection, _cursor, statement, *_: found.append(statement)
        event.listen(reader.engine, "before_cursor_execute", note)
        yield found
        event.remove(reader.engine, "before_cursor_execute", note)

    return counted


def test_logs_are_read_with_no_transaction_open(api, made, superuser_url, monkeypatch):
    made(PRINTING.replace("retries=Retry(1, backoff=timedelta(milliseconds=1))", "").format(seen="/"))
    superuser = create_engine(superuser_url.url, poolclass=NullPool)
    found, read = [], ArtifactStore.read

    def watched(*given, **named):
        with superuser.connect() as connection:
            found.append(connection.execute(IN_TRANSACTION).scalar_one())
        return read(*given, **named)

    monkeypatch.setattr(ArtifactStore, "read", watched)
    asked = "id all: logs { nodes { text } } one: logs(step: 0) { nodes { text } } events { nodes { assets } }"
    (run,) = api(f"{{ project {{ runs {{ nodes {{ {asked} }} }} }} }}")["project"]["runs"]["nodes"]
    assert len(run["all"]["nodes"]) > len(run["one"]["nodes"]) > 0
    assert set(found) == {0}


def texts(page):
    return [line["text"] for line in page["nodes"]]


def test_lines_of_a_step_are_those_of_its_attempts_and_its_checks(logs):
    found = logs(step=0)
    assert texts(found)[0] == "first try"
    assert texts(found)[-1] == "looked at it"
    assert "ValueError: not yet" in texts(found)
    assert [line["number"] for line in found["nodes"] if line["text"] == "line 7"] == [7]
    assert {line["attempt"] for line in found["nodes"]} == {1, 2}
    assert found["nodes"][-1]["check"] == "fine"
    assert (found["hasNextPage"], found["hasPreviousPage"], found["isOver"]) == (False, False, True)


@pytest.mark.parametrize("step", [None, 0])
@pytest.mark.parametrize("size", [1, 4, 13])
def test_pages_in_either_direction_are_the_whole(logs, step, size):
    whole = texts(logs(step=step))
    onwards, page = [], logs(step=step, first=size)
    onwards += texts(page)
    while page["hasNextPage"]:
        page = logs(step=step, first=size, after=page["endCursor"])
        onwards += texts(page)
    assert onwards == whole
    back, page = [], logs(step=step, last=size)
    back = texts(page)
    while page["hasPreviousPage"]:
        page = logs(step=step, last=size, before=page["startCursor"])
        back = texts(page) + back
    assert back == whole


def test_a_search_has_only_what_matches_and_goes_on_behind_what_it_looked_at(logs):
    found = logs(step=0, search="warning", first=1)
    assert texts(found) == ["line 10 Warning"]
    assert texts(logs(step=0, search="warning", after=found["endCursor"])) == ["line 20 Warning"]
    assert texts(logs(search="SAID")) == ["said"]
    assert texts(logs(step=0, search="warning", last=1)) == ["line 20 Warning"]


def test_a_cursor_of_another_list_is_refused(api, logs, talked):
    of_step = logs(step=0, first=1)["endCursor"]
    (error,) = api.errors(LOGS, id=talked, after=of_step)
    assert error["extensions"]["code"] == "BAD_INPUT"
    (error,) = api.errors(LOGS, id=talked, first=1, last=1)
    assert "found some of both" in error["message"]


def test_a_step_has_its_attempts_with_what_failed(api, talked):
    steps = api(
        """query ($id: ID!) { project { run(id: $id) { steps { nodes { attempts {
             number status startedAt endedAt durationMs reasons failure { kind error message traceback } retryAt
           } } } } } }""",
        id=talked,
    )["project"]["run"]["steps"]["nodes"]
    first, second = steps[0]["attempts"]
    assert (first["status"], first["failure"]["kind"], first["failure"]["message"]) == ("failed", "user", "not yet")
    assert first["retryAt"] is not None
    assert first["startedAt"] <= first["endedAt"] <= second["startedAt"]
    assert (second["status"], second["failure"], second["reasons"]) == ("succeeded", None, ["missing"])
    assert [attempt["number"] for attempt in steps[1]["attempts"]] == [1]


def test_attempts_of_a_page_of_steps_cost_as_many_statements_as_those_of_one(api, made, statements):
    run = made().run
    ask = (
        "query ($id: ID!, $n: Int) { project { run(id: $id) { steps(first: $n) { nodes { attempts { status } } } } } }"
    )
    with statements() as of_one:
        api(ask, id=run, n=1)
    with statements() as of_all:
        found = api(ask, id=run, n=100)
    assert len(found["project"]["run"]["steps"]["nodes"]) == 9
    assert len(of_all) == len(of_one)


def test_what_a_step_prints_is_seen_while_it_runs(api, asked_for, within, tmp_path):
    source = f"""
        @asset
        def slow() -> int:
            print("begins", flush=True)
            while not Path({str(tmp_path / "go")!r}).exists():
                time.sleep(0.01)
            print("ends")
            return 1
    """
    with within():
        run = asked_for(source).run

        def page(**asked):
            return api(LOGS, id=run, step=0, **asked)["project"]["run"]["logs"]

        deadline = time.monotonic() + 20
        while not texts(found := page()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (texts(found), found["isOver"]) == (["begins"], False)
        (tmp_path / "go").touch()
        while not (after := page(after=found["endCursor"]))["isOver"] and time.monotonic() < deadline:
            time.sleep(0.02)
    assert (texts(after), after["isOver"]) == (["ends"], True)


def test_lines_of_a_run_have_what_goes_on_and_no_line_twice_once_it_has_ended(api, asked_for, within, tmp_path):
    source = f"""
        @asset
        def first() -> int:
            print("before")
            return 1

        @asset
        def left(first: int) -> int:
            print("left begins", flush=True)
            while not Path({str(tmp_path / "left")!r}).exists():
                time.sleep(0.01)
            print("left ends")
            return 1

        @asset
        def right(first: int) -> int:
            print("right begins\\nright waits", flush=True)
            while not Path({str(tmp_path / "right")!r}).exists():
                time.sleep(0.01)
            print("right ends")
            return 1
    """
    with within():
        run = asked_for(source).run

        def page(**asked):
            return api(LOGS, id=run, **asked)["project"]["run"]["logs"]

        def until(lines, **asked):
            deadline = time.monotonic() + 20
            while sorted(texts(found := page(**asked))) != sorted(lines) and time.monotonic() < deadline:
                time.sleep(0.02)
            return found

        whole = ["before", "left begins", "right begins", "right waits"]
        found = until(whole)
        assert (texts(found), found["isOver"]) == (whole, False)
        pages = [page(first=1)]
        while pages[-1]["hasNextPage"]:
            pages.append(page(first=1, after=pages[-1]["endCursor"]))
        assert [texts(one) for one in pages] == [[line] for line in whole]
        back = [page(last=3)]
        back.append(page(last=3, before=back[0]["startCursor"]))
        assert [texts(one) for one in back] == [whole[1:], whole[:1]]

        (tmp_path / "right").touch()
        on = until(["right ends"], after=found["endCursor"])
        assert texts(on) == ["right ends"]
        assert texts(until(["right begins", "right waits", "right ends"], after=pages[1]["endCursor"])) == [
            "right begins",
            "right waits",
            "right ends",
        ]
        assert texts(page(before=found["endCursor"])) == whole[:-1]
        (tmp_path / "left").touch()
        assert texts(until(["left ends"], after=on["endCursor"])) == ["left ends"]
        # If that has been recorded meanwhile, what it printed stands behind what ended before it.
        assert texts(page(before=found["endCursor"])) in (whole[:-1], ["before", "right begins"])
        while not page()["isOver"]:
            time.sleep(0.02)
        assert texts(page()) == ["before", "right begins", "right waits", "right ends", "left begins", "left ends"]


@pytest.fixture
def silent(api):
    """A run of more steps than one page looks at, of which the first and the last have printed something."""
    there, run, steps = api.workspace, RunId("silent"), 25_000
    printed = {0: there.store.stage(b"first\n", "log"), steps - 1: there.store.stage(b"last\n", "log")}
    there.store.commit(printed.values())
    done = StepSucceeded(
        run=run,
        step=0,
        attempt=1,
        environment="prod",
        code="code",
        logic="logic",
        inputs_digest="inputs",
        outputs=(),
        duration_ms=0.1,
    )
    facts = [RunRequested(run=run, environment="prod", selection="*", deployments={})]
    for step in range(steps):
        logs = printed[step].address if step in printed else ""
        facts.append(msgspec.structs.replace(done, step=step, logs=logs))
    stream = f"run/{run}"
    events = [
        new_event(fact, project="default", stream=stream, name=(number,), at=there.clock(), actor="test")
        for number, fact in enumerate(facts)
    ]
    for start in range(0, len(events), 5_000):
        append = StreamAppend(project="default", stream=stream, events=tuple(events[start : start + 5_000]))
        there.log.append(Batch(appends=(append,)))
    return run


def test_a_page_looks_at_so_many_steps_that_printed_nothing_and_says_where_to_go_on(api, silent, reader):
    def page(**asked):
        return api(LOGS, id=silent, **asked)["project"]["run"]["logs"]

    rows = []
    event.listen(reader.engine, "after_cursor_execute", lambda _, cursor, *__: rows.append(cursor.rowcount))
    first, last = page(), page(last=1_000)
    assert sum(rows) < 100, "events without a log are not read"
    assert (texts(first), first["hasNextPage"], first["hasPreviousPage"]) == (["first"], True, False)
    assert (texts(last), last["hasNextPage"], last["hasPreviousPage"]) == (["last"], False, True)
    onwards, back = page(after=first["endCursor"]), page(before=last["startCursor"])
    assert (texts(onwards), onwards["hasNextPage"]) == (["last"], False)
    assert (texts(back), back["hasPreviousPage"]) == (["first"], False)
    nothing = page(after=onwards["endCursor"])
    assert (texts(nothing), nothing["hasNextPage"]) == ([], False)


def test_a_timeline_has_the_steps_as_columns(api, talked):
    found = api(
        """query ($id: ID!) { project { run(id: $id) {
             timeline { steps startMs durationMs attempts statusNames statusOf endStep }
             first: timeline(first: 1) { steps endStep }
           } } }""",
        id=talked,
    )["project"]["run"]
    timeline = found["timeline"]
    assert (timeline["steps"], timeline["attempts"], timeline["endStep"]) == ([0, 1], [2, 1], None)
    assert [timeline["statusNames"][n] for n in timeline["statusOf"]] == ["succeeded", "succeeded"]
    assert 0 <= timeline["startMs"][0] < timeline["startMs"][1]
    assert found["first"] == {"steps": [0], "endStep": 0}


def test_runs_are_counted_by_time_and_status_as_they_stood(api, made):
    made()
    middle = api.post("{ server { position } }").json()["extensions"]["position"]
    made("    @asset\n    def broken() -> int:\n        raise ValueError('broken')\n")
    ask = """query ($at: Moment, $since: DateTime!, $until: DateTime) { project(asOf: $at) {
      runDensity(since: $since, until: $until, buckets: 4) { buckets series { status counts } } } }"""
    now = datetime.now(UTC)
    given = {"since": (now - timedelta(hours=3)).isoformat(), "until": (now + timedelta(hours=1)).isoformat()}
    series = api(ask, **given)["project"]["runDensity"]["series"]
    assert [entry["status"] for entry in series] == ["FAILED", "SUCCEEDED"]
    for entry in series:
        assert (len(entry["counts"]), sum(entry["counts"]), sum(entry["counts"][:2])) == (4, 1, 0)
    then = api(ask, at=middle, **given)["project"]["runDensity"]["series"]
    assert [(entry["status"], sum(entry["counts"])) for entry in then] == [("SUCCEEDED", 1)]
    (error,) = api.errors(ask, since=given["until"], until=given["since"])
    assert "before `until`" in error["message"]


ATTEMPTS = """
    query ($id: ID!, $asOf: Moment) {
      project(asOf: $asOf) { run(id: $id) { steps { nodes { status attempts { status endedAt durationMs } } } } }
    }
"""


@pytest.mark.parametrize(
    ("status", "ended"),
    [(RunStatus.CANCELLED, ("2026-01-01T00:00:02+00:00", 1_000.0)), (RunStatus.INTERRUPTED, (None, None))],
)
def test_an_attempt_that_nothing_else_ended_has_ended_with_its_run(api, status, ended):
    """When its process died nobody knows: it may have been found dead days later."""
    there, run = api.workspace, RunId("cut0short")
    begun = StepStarted(
        run=run, step=0, attempt=1, assets=("a",), task="t", code="code", logic="logic", inputs_digest="inputs"
    )
    asked = RunRequested(run=run, environment="prod", selection="*", deployments={})
    for number, fact in enumerate([asked, begun, RunEnded(run=run, status=status)]):
        event = new_event(fact, project="default", stream=f"run/{run}", name=(number,), at=at(number), actor="test")
        there.log.append(Batch(appends=(StreamAppend(project="default", stream=f"run/{run}", events=(event,)),)))

    def step(as_of):
        (found,) = api(ATTEMPTS, id=run, asOf=as_of)["project"]["run"]["steps"]["nodes"]
        (attempt,) = found["attempts"]
        return found["status"], *attempt.values()

    end = there.log.position()
    assert step(end - 1) == ("running", "running", None, None)
    assert step(end) == (status, status, *ended)


def at(second):
    return datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)


def test_of_steps_that_told_nothing_few_are_looked_for_in_plans(api):
    def asked(count):
        of_run = "logs(step: 3) { isOver }"
        return api.errors(f"{{ project {{ runs(first: {count}) {{ nodes {{ {of_run} }} }} }} }}")

    for number in range(21):
        run = RunId(f"quiet{number:02}")
        fact = RunRequested(run=run, environment="prod", selection="*", deployments={})
        event = new_event(fact, project="default", stream=f"run/{run}", name=(), at=at(number), actor="test")
        append = StreamAppend(project="default", stream=f"run/{run}", events=(event,))
        api.workspace.log.append(Batch(appends=(append,)))
    with pytest.raises(KeyError):
        asked(20)
    assert "at most 20 runs that have told nothing" in asked(21)[0]["message"]
