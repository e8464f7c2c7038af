"""Commands that engines run: by the code that was deployed, under limits, and gone whenever their worker is."""

import json
import os
import signal

import pytest

from crash.conftest import head_keys
from crash.engines import ended, engine, of_type, require_each_step_ended_once, until
from latewood.commands.runs import run_named
from latewood.engine.running.run_log import EngineLog
from latewood.events import CheckEvaluated, RunStatus, StepFailed, StepSucceeded
from latewood.serving.requesting import cancel
from latewood_eventlog.errors import LeaseLost
from processes import is_alive


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The project's folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latewood.toml").touch()
    return tmp_path


COMMAND = """
    from datetime import timedelta
    from latewood.processes import command

    @asset({options})
    @command(["sh", "run.sh", "{{output}}"], files=["run.sh"]{more})
    def made() -> str: ...
"""


def command(here, script, options="", more=""):
    (here / "run.sh").write_text(script)
    return COMMAND.format(options=options, more=more)


def pids(here):
    path = here / "pids"
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def are_gone(found):
    return not any(map(is_alive, found))


def test_the_files_that_were_deployed_are_run_whatever_is_in_the_working_tree(here, workspace, environ, asked_for):
    script = """
        echo '"deployed"' > "$1"
        echo heard; env
        echo '{"type": "check", "check": "good", "passed": true, "message": "by the command"}' >> "$LATEWOOD_MESSAGES"
    """
    asked = asked_for(command(here, script, more=', checks=["good"]'))
    (here / "run.sh").write_text("exit 9\n")
    with engine({**environ, "PGPASSWORD": "planted-value"}):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    (made,) = of_type(workspace, StepSucceeded)
    assert workspace.store.read(made.outputs[0].artifact) == b'"deployed"'
    printed = workspace.store.read(made.logs).decode()
    assert printed.startswith("heard\n")
    for name in ("LATEWOOD_DATABASE_URL", "LATEWOOD_HOME", "planted-value"):
        assert name not in printed
    (verdict,) = of_type(workspace, CheckEvaluated)
    assert (verdict.check, verdict.passed, verdict.message) == ("good", True, "by the command")


@pytest.mark.parametrize("passed", [True, False])
@pytest.mark.parametrize("with_another", [True, False])
def test_what_a_command_reports_is_never_lost_where_its_engine_is_lost_after_the_version(
    here, workspace, asked_for, within, monkeypatch, passed, with_another
):
    said = json.dumps({"type": "check", "check": "good", "passed": passed})
    script = f"""
        echo '"made"' > "$1"
        echo '{said}' >> "$LATEWOOD_MESSAGES"
    """
    another = """
    @check(made, blocking=True)
    def of_another() -> bool:
        return True
    """.replace("()", "(value: str)")
    source = command(here, script, more=', checks=[ReportedCheck("good", blocking=True)]')
    source = source.replace("import command", "import ReportedCheck, command")
    asked = asked_for(source + another * with_another)
    refusals = iter([LeaseLost(lease=f"run/{asked.run}", epoch=1, found=2)])
    append_many = EngineLog.append_many

    def losing(log, batches):
        outcomes = []
        for batch in batches:
            refused = next(refusals, None) if of_type(workspace, StepSucceeded) else None
            outcomes += append_many(log, [batch]) if refused is None else [refused]
        return outcomes

    monkeypatch.setattr(EngineLog, "append_many", losing)
    with within():
        assert ended(workspace, asked).refused == (not passed)
    assert next(refusals, None) is None
    verdicts = of_type(workspace, CheckEvaluated)
    assert sorted((v.check, v.passed) for v in verdicts) == [("good", passed), ("of_another", True)][: 1 + with_another]
    assert all(verdict.failure is None for verdict in verdicts)
    assert len(of_type(workspace, StepSucceeded)) == 1
    assert head_keys(workspace) == ({"made": 1} if passed else {})


GOES_ON = """
    trap 'touch {here}/asked; exit 0' TERM
    setsid sh -c 'trap "" TERM; echo $$ >> {here}/pids; while :; do sleep 0.1; done' &
    echo $$ >> {here}/pids
    until [ $(wc -l < {here}/pids) -ge 2 ]; do sleep 0.01; done
    touch {here}/begun
    while [ ! -e {here}/go ]; do sleep 0.05; done
    echo '"went on"' > "$1"
"""


def test_nothing_is_left_of_it_where_its_engine_is_killed_and_another_one_goes_on(here, workspace, environ, asked_for):
    asked = asked_for(command(here, GOES_ON.format(here=here), "retries=0"))
    with engine(environ) as first:
        until((here / "begun").exists)
        os.kill(first.pid, signal.SIGKILL)
        found = pids(here)
        assert len(found) == 2
        until(lambda: are_gone(found))
    assert (here / "asked").exists(), "it could put things in order"
    (here / "go").touch()
    with engine(environ):
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    require_each_step_ended_once(workspace, asked)


def test_nothing_is_left_of_it_where_its_run_is_cancelled(here, workspace, environ, asked_for):
    asked = asked_for(command(here, GOES_ON.format(here=here)))
    with engine(environ):
        until((here / "begun").exists)
        cancel(workspace, run_named(workspace, asked.run))
        assert ended(workspace, asked).status is RunStatus.CANCELLED
        until(lambda: are_gone(pids(here)))
    assert (here / "asked").exists()


def test_its_memory_is_the_tasks(here, workspace, environ, asked_for):
    script = f"""
        echo $$ >> {here}/pids
        exec python3 -c 'import time; held = [bytearray(b"x" * 10**7) for _ in range(100) if not time.sleep(0.01)]'
    """
    source = command(here, script, 'resources=Resources(memory="100Mi")')
    with engine(environ):
        assert ended(workspace, asked_for(source)).failed == 1
        until(lambda: are_gone(pids(here)))
    (failed,) = of_type(workspace, StepFailed)
    assert failed.failure.message == "over its memory of 100 MiB; its process was ended"


def test_what_it_prints_is_there_when_it_is_killed(here, workspace, environ, asked_for):
    script = f"echo said; touch {here}/begun; while :; do sleep 0.1; done"
    with engine(environ):
        asked = asked_for(command(here, script, "retries=0, timeouts=timedelta(seconds=0.5)"))
        assert ended(workspace, asked).failed == 1
    (failed,) = of_type(workspace, StepFailed)
    assert failed.failure.message == "still running after 0.5 s"
    assert workspace.store.read(failed.logs) == b"said\n"
