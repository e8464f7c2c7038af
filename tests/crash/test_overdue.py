"""Processes that hang, whatever they are at: each is ended, its attempt has failed, and its slot is free."""

import re
import sys
from functools import partial
from textwrap import dedent
from threading import Timer

import pytest

from crash.engines import ended, of_type
from latewood.commands.views import view_of
from latewood.engine.running import workers
from latewood.engine.running.calls import too_late
from latewood.engine.running.pool import Pool
from latewood.engine.running.process_limits import AROUND, LOADING, ProcessLimits
from latewood.engine.running.worker_process import Worker
from latewood.engine.running.worker_protocol import Call, Open
from latewood.errors import UsageError
from latewood.events import CheckEvaluated, FailureKind, RunStatus, StepFailed

HANGING = """
    import os
    import signal
    from latewood.io import IO

    def may_hang(how):
        match (Path(ROOT) / "hangs").read_text():
            case "import" if how == "import":
                time.sleep(600)
            case "load" if how == "asleep":
                time.sleep(600)
            case "load" if how == "still":
                os.kill(os.getpid(), signal.SIGSTOP)

    class Shelf(IO):
        def store(self, place, value):
            place.path.write_text(str(value))

        def load(self, place):
            may_hang(place.name)
            return int(place.path.read_text())

        def exists(self, place):
            return place.path.exists()

        def fingerprint(self, place):
            return place.path.read_text()

    may_hang("import")

    @asset(io=Shelf("asleep"))
    def first() -> int:
        return 1

    @asset(io=Shelf("still"))
    def second() -> int:
        return 1

    @asset(timeouts=timedelta(hours=1))
    def reads(first: int) -> int:
        return first

    @asset(timeouts=Timeouts(total=timedelta(seconds=TOTAL)), retries=Retry(1, backoff=timedelta(0)))
    def reads_still(second: int) -> int:
        return second
"""


@pytest.fixture
def hanging(tmp_path, asked_for, monkeypatch):
    """Asks for a run by processes that hang so, with these limits."""

    def ask(how, selection="*", total=3600, **limits):
        found = partial(workers.Worker, limits=ProcessLimits(**limits))
        (tmp_path / "hangs").write_text("")
        source = HANGING.replace("ROOT", repr(str(tmp_path))).replace("TOTAL", str(total))
        asked = asked_for("from datetime import timedelta\n" + dedent(source), selection)
        (tmp_path / "hangs").write_text(how)
        monkeypatch.setattr(workers, "Worker", found)
        return asked

    return ask


def failures(workspace, run):
    keys = {id_: key for key, id_ in view_of(workspace).ids.items()}
    return {keys[f.assets[0]]: f.failure for f in of_type(workspace, StepFailed) if f.run == run and f.retry_at is None}


def busy(engine):
    (line,) = [each for each in engine.telling.metrics().splitlines() if each.startswith("latewood_worker_slots_busy")]
    return float(line.split()[-1])


def test_a_process_that_hangs_before_the_task_is_called_is_ended_with_what_it_was_at(workspace, within, hanging):
    with within() as engine:
        asked = hanging("import", "first", loading_s=0.3)
        assert ended(workspace, asked).status is RunStatus.FAILED
        failure = failures(workspace, asked.run)["first"]
        assert failure.kind is FailureKind.TIMEOUT
        assert failure.message.endswith("it was not loaded within 0.3 s")
        asked = hanging("nothing", "first or second")
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    with within() as engine:
        asked = hanging("load", "reads or reads_still", around_s=0.3)
        assert ended(workspace, asked).status is RunStatus.FAILED
        overdue = "still loading what it reads after 0.3 s; its process was ended"
        found = failures(workspace, asked.run)
        assert {key: failure.message for key, failure in found.items()} == {"reads": overdue, "reads_still": overdue}
        asked = hanging("import", "reads_still", total=1, grace_s=0.0)
        assert ended(workspace, asked).status is RunStatus.FAILED
        assert busy(engine) == 0
    (failed,) = [fact for fact in of_type(workspace, StepFailed) if fact.run == asked.run]
    assert failed.failure.kind is FailureKind.TIMEOUT
    assert "it was not loaded within 0." in failed.failure.message
    assert failed.failure.message.endswith("; all attempts together may take 1 s")


def test_a_check_ends_where_no_time_is_left_for_all_attempts_at_it(workspace, within, asked_for):
    source = """
        from datetime import timedelta

        @asset
        def checked() -> int:
            return 1

        @check(checked, blocking=True, timeouts=Timeouts(total=timedelta(seconds=0.2)))
        def is_endless(value: int) -> bool:
            time.sleep(600)
            return True
    """
    with within():
        assert ended(workspace, asked_for(source)).status is RunStatus.FAILED
    (verdict,) = of_type(workspace, CheckEvaluated)
    assert (verdict.passed, verdict.failure.message) == (False, "still running after 0.2 s")


def test_limits_are_those_of_the_environment_and_what_is_none_is_refused_before_an_engine_begins():
    assert ProcessLimits.of({LOADING: "20", AROUND: "60"}) == ProcessLimits(loading_s=20, around_s=60)
    for wrong in ("0", "-1", "1.5", "soon", "9" * 30):
        with pytest.raises(UsageError, match=f"{LOADING}: expected whole seconds"):
            Pool(1, {LOADING: wrong})


SLOW = """
    import time
    from datetime import timedelta
    from pydantic import BaseModel, field_validator
    from latewood import Timeouts, asset
    from latewood.io import IO

    class Slow(BaseModel):
        seconds: float

        @field_validator("seconds")
        @classmethod
        def slowly(cls, seconds: float) -> float:
            time.sleep(seconds)
            return seconds

    class Shelf(IO):
        def store(self, place, value):
            time.sleep(600)

        def load(self, place):
            return 1

        def exists(self, place):
            return True

        def fingerprint(self, place):
            return "1"

    @asset
    def sleepy(*, slow: Slow) -> int:
        time.sleep(600)
        return 1

    @asset(io=Shelf("shelf"), timeouts=Timeouts(running=timedelta(hours=1)))
    def stored() -> int:
        return 1
"""


def test_what_is_left_for_all_attempts_bounds_a_call_with_all_that_is_loaded_and_stored_for_it(tmp_path):
    (tmp_path / "assets.py").write_text(dedent(SLOW))
    where = dict.fromkeys(("folder", "root", "store", "results"), str(tmp_path))
    opened = Open(**where, location="assets.py", paths=(), environment="prod", project="p")
    call = {"partition": "", "inputs": {}, "run": "r", "step": 0, "attempt": 1}
    with Worker(
        opened, interpreter=sys.executable, environ={}, limits=ProcessLimits(grace_s=0.0, around_s=0.4)
    ) as worker:
        stored = Call(**call, parameters={}, assets=("stored",), placing=True, limit_s=0.6)
        lets = []
        worker.start()
        answer = worker.ask(stored, may_place=lambda _, let: lets.append(let) or let(True))
        assert answer.failure.message == "still running after 0.6 s; its process was ended"
        worker.start()
        answer = worker.ask(stored, may_place=lambda _, let: lets[0](True) or Timer(0.9, let, [True]).start())
        found = re.fullmatch(r"still (.*) after 0\.6 s; its process was ended", answer.failure.message)
        assert found is not None, answer
        assert found[1] in {"running", "storing what it made"}, (
            "that it waits to be let is not its fault, nor what its like was let"
        )
    with Worker(opened, interpreter=sys.executable, environ={}) as worker:
        worker.start()
        slow = {**call, "parameters": {"slow": {"seconds": 0.3}}, "assets": ("sleepy",)}
        failure = worker.call(Call(**slow, limit_s=0.8)).failure
        assert re.fullmatch(r"still running after 0\.[1-4]\d* s", failure.message), failure
        assert worker.call(Call(**slow, limit_s=0.2)).failure == too_late()
        worker.hurry(-1.0)
        slow |= {"parameters": {"slow": {"seconds": 600}}}
        assert worker.call_range([Call(**slow, limit_s=600)]).failure == too_late(), "and nothing is loaded for it"
