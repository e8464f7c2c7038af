"""What workers of engines do besides calling a task: places, checks, ranges, handlers, what they may take."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from textwrap import dedent
from time import monotonic

import pytest
from forks import forks

from crash.conftest import head_keys
from crash.engines import ended, engine, of_type, require_each_step_ended_once, until
from latewood.commands.environments import create, promote
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.views import view_of
from latewood.engine.running import workers
from latewood.engine.running.calls import too_late
from latewood.engine.running.pool import Job, Pool
from latewood.engine.running.process_limits import ProcessLimits
from latewood.engine.running.worker_protocol import Call, CallRange, Open
from latewood.engine.running.workers import Crew
from latewood.engine.storage.store import ArtifactAddress
from latewood.events import (
    CheckEvaluated,
    FailureHandled,
    FailureKind,
    RunStatus,
    StepFailed,
    StepStarted,
    StepSucceeded,
)
from latewood.model.keys import AssetId
from latewood.places import Address
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving.requesting import request
from latewood_eventlog.audit import verify

PLACES = """
    from latewood.io import IO, Parquet, Place
    import pyarrow as pa

    class Shelf(IO):
        def store(self, place, value):
            {storing}
            place.path.parent.mkdir(parents=True, exist_ok=True)
            print("shelved", place.name)
            place.path.write_text(str(value))
            with (place.root / "stored.txt").open("a") as noted:
                noted.write(place.name + "\\n")

        def load(self, place):
            return int(place.path.read_text())

        def exists(self, place):
            return place.path.exists()

        def fingerprint(self, place):
            return place.path.read_text()

    days = Daily("2024-01-01", "2024-01-04")

    @asset(partitions=days, io=Parquet("out/{{partition}}.parquet"))
    def table(partition: PartitionKey) -> pa.Table:
        return pa.table({{"day": [partition]}})

    @asset(partitions=days, io=Shelf("shelf/{{partition}}"), retries=1)
    def number(table: pa.Table) -> int:
        return int(table["day"][0].as_py()[-2:])

    @asset
    def total(number: Partitioned[int]) -> int:
        return sum(value for _, value in number)

    @check(number, blocking=True)
    def is_not_two(value: int) -> bool:
        return value != {refused}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The project's folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latewood.toml").touch()
    return tmp_path


def made(workspace, key):
    facts = of_type(workspace, StepSucceeded)
    return [output for fact in facts for output in fact.outputs if output.asset == AssetId(key)]


def test_values_get_to_places_of_their_own_and_are_read_and_reused_from_there(
    here, workspace, environ, asked_for, load
):
    source = PLACES.format(storing="pass", refused=0)
    with engine(environ):
        assert ended(workspace, asked_for(source)).status is RunStatus.SUCCEEDED
        assert sorted(path.name for path in (here / "shelf").iterdir()) == [f"2024-01-0{day}" for day in (1, 2, 3)]
        assert sorted(path.name for path in (here / "out").iterdir()) == [
            f"2024-01-0{day}.parquet" for day in (1, 2, 3)
        ]
        ids = {fact.step: fact for fact in of_type(workspace, StepSucceeded)}
        placed = [o for fact in ids.values() for o in fact.outputs if Address.of(o.artifact)]
        assert len(placed) == 6
        logs = [workspace.store.read(fact.logs).decode() for fact in ids.values() if fact.logs]
        assert sorted(logs) == [f"shelved shelf/2024-01-0{day}\n" for day in (1, 2, 3)]
        again = materialize(workspace, prepare(workspace, load(source), Asked(selection="*")))
        assert (again.tally.ran, again.fresh) == (0, 7), "what an engine has made is what this process would make"
        (here / "shelf" / "2024-01-02").unlink()
        following = asked_for(source)
        assert ended(workspace, following).status is RunStatus.SUCCEEDED
        assert (here / "shelf" / "2024-01-02").read_text() == "2"
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_what_a_check_refuses_never_gets_to_the_place(here, workspace, environ, asked_for):
    with engine(environ):
        assert ended(workspace, asked_for(PLACES.format(storing="pass", refused=2))).status is RunStatus.FAILED
    assert sorted(path.name for path in (here / "shelf").iterdir()) == ["2024-01-01", "2024-01-03"]
    verdicts = {fact.partition: fact.passed for fact in of_type(workspace, CheckEvaluated)}
    assert verdicts == {"2024-01-01": True, "2024-01-02": False, "2024-01-03": True}
    assert head_keys(workspace) == {"table": 3, "number": 2}


def test_an_io_that_fails_or_kills_its_process_is_a_failed_attempt(here, workspace, environ, asked_for):
    storing = """
            import os
            if place.name.endswith("2") and not (place.root / "tried").exists():
                (place.root / "tried").touch()
                os._exit(3)
            if place.name.endswith("3"):
                raise OSError("the shelf is full")
    """
    with engine(environ):
        asked = asked_for(PLACES.format(storing=storing.strip(), refused=0))
        assert ended(workspace, asked).status is RunStatus.FAILED
    messages = sorted(fact.failure.message for fact in of_type(workspace, StepFailed))
    assert messages == ["its process ended with code 3", "the shelf is full", "the shelf is full"]
    assert sorted(path.name for path in (here / "shelf").iterdir()) == ["2024-01-01", "2024-01-02"]


def test_an_engine_that_lost_the_run_stores_nothing_any_more(here, workspace, environ, asked_for):
    """It stands still while the task is called; its worker goes on, and asks somebody who does not answer."""
    source = """
        from latewood.io import Json

        @asset(io=Json("out.json"), retries=0)
        def slow(context: Context) -> str:
            here = Path(ROOT)
            name = "second" if (here / "begun").exists() else "first"
            (here / "begun").touch()
            while name == "first" and not (here / "go").exists():
                time.sleep(0.02)
            return name
    """.replace("ROOT", repr(str(here)))
    asked = asked_for(source)
    with engine(environ) as first:
        until((here / "begun").exists)
        os.kill(first.pid, signal.SIGSTOP)  # not its workers
        with engine(environ):
            assert ended(workspace, asked).status is RunStatus.SUCCEEDED
            (here / "go").touch()
            time.sleep(0.5)
            os.kill(first.pid, signal.SIGCONT)
            time.sleep(1.5)
            assert first.poll() is None, "it goes on with other runs"
    assert (here / "out.json").read_text() == '"second"'
    require_each_step_ended_once(workspace, asked)
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


RANGES = """
    import pyarrow as pa
    days = Daily("2024-01-01", "2024-01-31")

    @asset(partitions=days, partition_column="day", partitions_per_step=10)
    def rows(those: PartitionRange) -> pa.Table:
        print(those.first, those.last)
        keys = [f"2024-01-{{day:02}}" for day in range(int(those.first[-2:]), int(those.last[-2:]) + 1)]
        {first}
        return pa.table({{"day": keys}})

    @asset(partitions=days)
    def count(rows: pa.Table) -> int:
        return rows.num_rows
"""


def test_neighbours_of_a_partition_wise_task_are_made_in_one_call(workspace, environ, asked_for):
    with engine(environ):
        assert ended(workspace, asked_for(RANGES.format(first=""))).status is RunStatus.SUCCEEDED
    printed = {workspace.store.read(fact.logs).decode() for fact in of_type(workspace, StepSucceeded) if fact.logs}
    assert printed == {f"2024-01-{first:02} 2024-01-{first + 9:02}\n" for first in (1, 11, 21)}
    assert head_keys(workspace) == {"rows": 30, "count": 30}


def test_one_partition_that_kills_the_process_of_a_range_does_not_keep_the_others_from_being_made(
    workspace, environ, asked_for
):
    dying = 'if "2024-01-13" in keys: __import__("os")._exit(3)'
    with engine(environ):
        found = ended(workspace, asked_for(RANGES.format(first=dying)))
    assert (found.failed, found.ran) == (1, 58)
    assert head_keys(workspace) == {"rows": 29, "count": 29}


HANDLED = """
    @task
    def fails(n: int) -> int:
        raise ValueError(f"not {{n}}")

    @task
    def tell(failure: WorkflowFailure) -> None:
        {telling}
        with open(PATH, "a") as told:
            told.write(f"{{failure.workflow}}: {{[s.message for s in failure.steps]}}\\n")

    @workflow(on_failure=tell)
    def flow(n: int = 1) -> int:
        return fails(n)
"""


def test_failure_handlers_hear_what_failed_once_the_run_is_over(here, workspace, environ, asked_for):
    source = HANDLED.format(telling='print("told")').replace("PATH", repr(str(here / "told")))
    with engine(environ):
        assert ended(workspace, asked_for(source)).status is RunStatus.FAILED
    assert (here / "told").read_text() == "flow: ['not 1']\n"
    (fact,) = of_type(workspace, FailureHandled)
    assert (fact.failure, workspace.store.read(fact.logs)) == (None, b"told\n")


def test_a_handler_that_dies_hides_nothing_and_one_that_was_interrupted_is_called_again(
    here, workspace, environ, asked_for
):
    dying = """begun = Path(PATH).with_name("begun")
        if not begun.exists():
            begun.touch()
            time.sleep(60)
        __import__("os")._exit(4)"""
    asked = asked_for(HANDLED.format(telling=dying).replace("PATH", repr(str(here / "told"))))
    with engine(environ):
        until((here / "begun").exists)
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.FAILED
    (fact,) = of_type(workspace, FailureHandled)
    assert fact.failure.message == "its process ended with code 4"
    (failed,) = of_type(workspace, StepFailed)
    assert failed.failure.message == "not 1"


def test_a_check_that_kills_its_process_is_no_failure_of_what_it_looked_at(workspace, environ, asked_for):
    source = """
        @asset
        def one() -> int:
            return 1

        @check(one)
        def first(value: int) -> bool:
            return True

        @check(one)
        def second(value: int) -> bool:
            __import__("os")._exit(5)

        @check(one)
        def third(value: int) -> bool:
            return True
    """
    with engine(environ):
        assert ended(workspace, asked_for(source)).status is RunStatus.SUCCEEDED
    assert len(of_type(workspace, StepStarted)) == 1
    verdicts = {fact.check: fact.passed for fact in of_type(workspace, CheckEvaluated)}
    assert verdicts == {"first": True, "second": False, "third": True}


def test_a_check_whose_process_was_ended_by_another_one_is_asked_again(workspace, environ, asked_for, tmp_path):
    source = f"""
        import os, signal
        killed = Path({str(tmp_path / "killed")!r})

        @asset
        def one() -> int:
            return 1

        @check(one, blocking=True)
        def first(value: int) -> bool:
            if not killed.exists():
                killed.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return True

        @check(one, blocking=True)
        def second(value: int) -> bool:
            return True
    """
    with engine(environ):
        assert ended(workspace, asked_for(source)).status is RunStatus.SUCCEEDED
    assert len(of_type(workspace, StepStarted)) == 1
    assert [(fact.check, fact.passed) for fact in of_type(workspace, CheckEvaluated)] == [
        ("first", True),
        ("second", True),
    ]


def test_a_step_over_its_memory_is_a_failed_attempt_and_the_engine_goes_on(workspace, environ, asked_for):
    source = """
        from latewood import Resources

        @asset(resources=Resources(memory="100Mi"))
        def big() -> int:
            held = []
            for _ in range(100):
                held.append(bytearray(b"x" * 10_000_000))
                time.sleep(0.01)
            return len(held)

        @asset(resources=Resources(memory="100Mi"))
        def small() -> int:
            return len(bytearray(b"x" * 20_000_000))
    """
    with engine(environ):
        found = ended(workspace, asked_for(source))
        assert (found.status, found.ran, found.failed) == (RunStatus.FAILED, 1, 1)
    (failed,) = of_type(workspace, StepFailed)
    assert failed.failure.error == "MemoryError"
    assert failed.failure.message == "over its memory of 100 MiB; its process was ended"


def test_compiled_code_that_crashes_or_hangs_is_a_failed_attempt_and_its_slot_is_free(
    workspace, asked_for, within, monkeypatch
):
    """Those that hang have both slots, until they are ended; what comes after them has them."""
    source = """
        import ctypes, signal
        from contextlib import suppress

        def stubborn():
            for each in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
                signal.signal(each, signal.SIG_IGN)

        hangs = timedelta(seconds=0.2)

        @asset(timeouts=hangs, retries=0, priority=2)
        def asleep() -> int:
            stubborn()
            return ctypes.PyDLL(None).sleep(600)  # and nothing of Python runs meanwhile

        @asset(timeouts=hangs, retries=1, priority=2)
        def swallowing(context: Context) -> int:
            while context.attempt == 1:
                with suppress(BaseException):
                    time.sleep(0.02)
                    stubborn()
            return 1

        @asset(timeouts=Timeouts(total=timedelta(seconds=0.4)), retries=5, priority=1)
        def endless() -> int:
            time.sleep(600)

        @asset(retries=1, priority=1)
        def crashing(context: Context) -> int:
            print("attempt", context.attempt, flush=True)
            return ctypes.string_at(0) if context.attempt == 1 else 1

        @asset
        def below(crashing: int, swallowing: int) -> int:
            return crashing
    """
    monkeypatch.setattr(workers, "Worker", partial(workers.Worker, limits=ProcessLimits(grace_s=0.3)))
    with within() as serving:
        found = ended(workspace, asked_for("from datetime import timedelta\n" + dedent(source)))
        assert (found.status, found.ran, found.failed) == (RunStatus.FAILED, 3, 2)
        told = serving.telling.metrics()
    assert re.search(r"^latewood_worker_slots_busy\{.*\} 0\.0$", told, re.MULTILINE), told
    keys = {id_: key for key, id_ in view_of(workspace).ids.items()}
    failures = {keys[fact.assets[0]]: fact for fact in of_type(workspace, StepFailed)}
    assert len(failures) == len(of_type(workspace, StepFailed)), "each has failed once"
    limited = failures.pop("endless").failure
    said = r"(still running after 0\.\d+ s;|not begun any more;) all attempts together may take 0\.4 s"
    assert re.fullmatch(said, limited.message), limited
    overdue = (FailureKind.TIMEOUT, "still running after 0.2 s; its process was ended")
    assert {key: (fact.failure.kind, fact.failure.message) for key, fact in failures.items()} == {
        "asleep": overdue,
        "swallowing": overdue,
        "crashing": (FailureKind.USER, f"its process was killed by signal {signal.SIGSEGV:d}"),
    }
    printed = workspace.store.read(ArtifactAddress(failures["crashing"].logs)).decode()
    assert printed.startswith("attempt 1\n"), "what it said before is not lost with it"


def test_a_task_that_wants_two_cores_runs_alone_on_two_slots(here, workspace, environ, asked_for):
    source = """
        from latewood import Resources

        @asset(partitions=Static(["a", "b", "c", "d"]), resources=Resources(cpu=2))
        def wide(partition: PartitionKey) -> int:
            held = Path(ROOT) / "held"
            held.touch(exist_ok=False)
            time.sleep(0.1)
            held.unlink()
            return 1

        @asset(partitions=Static(["a", "b", "c", "d"]))
        def narrow(partition: PartitionKey) -> int:
            assert not (Path(ROOT) / "held").exists()
            time.sleep(0.05)
            return 1
    """.replace("ROOT", repr(str(here)))
    with engine(environ):
        found = ended(workspace, asked_for(source))
    assert (found.status, found.ran) == (RunStatus.SUCCEEDED, 8), of_type(workspace, StepFailed)


PRINTING = """
    from latewood.resources import Resource, Secret

    class Till(Resource):
        token: Secret = Secret(env="PLANTED_TOKEN")

    @asset
    def slow(context: Context, till: Till) -> int:
        print("attempt", context.attempt, "with", till.token.reveal(), flush=True)
        print("half a li", end="")
        while not (Path(PATH) / f"go{context.attempt}").exists():
            time.sleep(0.02)
        __import__("os")._exit(3)
"""


def logs(environ, run):
    return forks().run(["logs", run, "0"], Path.cwd(), environ).out


def test_what_a_step_prints_is_seen_while_it_runs_and_kept_when_its_engine_or_its_process_dies(
    here, workspace, environ, asked_for, monkeypatch
):
    environ = environ | {"PLANTED_TOKEN": "hush-hush"}
    monkeypatch.setenv("PLANTED_TOKEN", "hush-hush")
    asked = asked_for(PRINTING.replace("PATH", repr(str(here))))
    first, second = (f"attempt {n} with [secret PLANTED_TOKEN]\nhalf a li" for n in (1, 2))
    with engine(environ):
        until(lambda: logs(environ, asked.run) == first + "\n")
    with engine(environ):
        until(lambda: second in logs(environ, asked.run))
        (here / "go2").touch()
        assert ended(workspace, asked).status is RunStatus.FAILED
    interrupted, died = of_type(workspace, StepFailed)
    assert interrupted.failure.kind is FailureKind.INTERRUPTED
    assert died.failure.message == "its process ended with code 3"
    assert [workspace.store.read(fact.logs).decode() for fact in (interrupted, died)] == [first, second]
    assert not list((workspace.store.directory / "printed").iterdir())


OWN = """
    from latewood.io import Json

    @asset(io=Json("out/{environment}.json"))
    def number() -> int:
        return FACTOR

    @asset
    def double(number: int) -> int:
        return 2 * number

    FACTOR = 1
"""


def test_what_was_promoted_is_copied_to_the_own_place_by_a_worker(here, workspace, environ, load):
    def ran(factor, environment):
        loaded, there = (
            load(OWN.replace("FACTOR = 1", f"FACTOR = {factor}")),
            replace(workspace, environment=environment),
        )
        return ended(workspace, request(there, prepare(there, loaded, Asked(selection="*"))))

    with engine(environ):
        ran(1, "prod")
        create(workspace, "dev", base="prod")
        assert ran(2, "dev").ran == 2
        promote(workspace, "dev", "prod")
        found = ran(2, "prod")
    assert (found.status, found.ran, found.reused) == (RunStatus.SUCCEEDED, 0, 1)
    assert [(here / "out" / name).read_text() for name in ("dev.json", "prod.json")] == ["2", "2"]
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


@pytest.fixture
def crew(tmp_path):
    """Makes a crew for a file of definitions."""

    def write(source):
        (tmp_path / "assets.py").write_text(dedent(source))
        where = {"folder": str(tmp_path), "location": "assets.py", "paths": (), "root": str(tmp_path)}
        opened = Open(**where, project="p", store=str(tmp_path), results=str(tmp_path), environment="prod")
        return Crew(opened=opened, interpreter=sys.executable, hidden=frozenset(), code={})

    return write


def call_of(asset, limit_s=None):
    call = Call(assets=(asset,), partition="", parameters={}, inputs={}, run="r", step=0, attempt=1, limit_s=limit_s)
    return CallRange(calls=(call,))


def test_a_job_that_waits_for_workers_to_be_free_fails_when_it_is_ended(tmp_path, crew):
    gate, held, waits = tmp_path / "gate", SimpleQueue(), SimpleQueue()
    found = crew(f"""
        from pathlib import Path
        import time
        from latewood import asset

        @asset
        def long():
            while not Path({str(gate)!r}).exists():
                time.sleep(0.01)
    """)
    pool = Pool(2)
    try:
        pool.submit(Job(crew=found, request=call_of("long"), done=held.put))
        wide = Job(crew=found, request=call_of("long"), done=waits.put, slots=2)
        pool.submit(wide)
        pool.kill(wide)
        assert waits.get(timeout=60).failure.kind is FailureKind.INTERRUPTED
        assert (pool.free, held.empty()) == (1, True)
        late = Job(crew=found, request=call_of("long", limit_s=600), done=waits.put, deadline=monotonic())
        pool.submit(late)
        assert waits.get(timeout=60).failure == too_late(), "whatever time it had before it waited"
    finally:
        gate.touch()
        pool.close()


@pytest.mark.parametrize(
    ("limits", "processes"),
    [({}, 1), ({"age_max": timedelta(0)}, 3), ({"memory_max": 1 << 20}, 3)],
    ids=["young and small", "over its age", "over its memory"],
)
def test_a_process_that_is_used_up_is_replaced_by_a_new_one(crew, limits, processes):
    found = crew("import os\nfrom latewood import asset\n\n@asset\ndef pid():\n    print(os.getpid())\n")
    pool, answers = Pool(1, {}, **limits), SimpleQueue()
    try:
        said = set()
        for _ in range(3):
            pool.submit(Job(crew=found, request=call_of("pid"), done=answers.put))
            said.add(answers.get(timeout=60).logs)
    finally:
        pool.close()
    assert len(said) == processes


def test_an_engine_that_dies_between_the_store_and_its_event_is_made_good_by_the_next_one(
    here, workspace, environ, asked_for
):
    storing = """
            if place.name.endswith("2") and not (place.root / "killed").exists():
                place.path.parent.mkdir(parents=True, exist_ok=True)
                place.path.write_text(str(value))
                (place.root / "killed").touch()
                __import__("os").kill(__import__("os").getppid(), 9)
                time.sleep(60)
    """
    asked = asked_for(PLACES.format(storing=storing.strip(), refused=0))
    with engine(environ, workers_too=False) as first:
        first.wait(60)
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    require_each_step_ended_once(workspace, asked)
    assert {fact.failure.kind for fact in of_type(workspace, StepFailed)} == {FailureKind.INTERRUPTED}
    assert head_keys(workspace) == {"table": 3, "number": 3, "total": 1}
    verify(workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_disk_that_takes_no_more_of_what_is_printed_fails_no_step(workspace, environ, asked_for):
    workspace.store.directory.mkdir(parents=True, exist_ok=True)
    (workspace.store.directory / "printed").touch()  # where a folder would have to be
    with engine(environ):
        asked = asked_for("@asset\ndef one() -> int:\n    print('said')\n    return 1\n")
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    (made,) = of_type(workspace, StepSucceeded)
    assert workspace.store.read(made.logs) == b"said\n"


def test_a_worker_imports_nothing_of_the_database():
    story = "import sys, latewood.engine.running.worker; print({'sqlalchemy', 'psycopg2'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_store_that_cannot_be_written_fails_the_step_and_not_the_engine(workspace, environ, load, asked_for):
    source = "@asset\ndef one() -> int:\n    print('said')\n    return 1\n"
    asked, blocked = asked_for(source), workspace.store.directory / "staged"
    shutil.rmtree(blocked)
    blocked.touch()  # where a folder would have to be
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.FAILED
        blocked.unlink()
        blocked.mkdir()
        assert ended(workspace, asked_for(source)).status is RunStatus.SUCCEEDED
    (failed,) = of_type(workspace, StepFailed)
    assert failed.failure.kind is FailureKind.STORE
