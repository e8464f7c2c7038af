"""Operating it from the command line: deployments, runs under way, retries, what is missing, how all of it is."""

import re
from contextlib import contextmanager

from e2e.shop import answer

FIRST = """
from latewood import *
from pathlib import Path
import time

days = Daily("2024-01-01", "2024-01-05")

def clean(n):
    return n

@asset(partitions=days)
def daily(day: PartitionKey) -> int:
    if Path(f"broken-{day}").exists():
        raise ValueError(f"no {day}")
    print("made", day)
    return clean(int(day[-2:]))

@asset
def total(daily: Partitioned[int]) -> int:
    return sum(value for _, value in daily)
"""
SECOND = FIRST.replace("return n\n", "return n + 1\n") + "\n@asset\ndef extra() -> int:\n    return 1\n"


@contextmanager
def started(shell, *arguments):
    """A command that goes on meanwhile; it is killed in the end if it is still there."""
    with shell.start(*arguments) as process:
        try:
            yield process
        finally:
            process.kill()


def deploy(shell, text):
    shell.write("assets.py", text)
    shell("deploy", "-f", "assets.py")
    return answer(shell, "deployments")["deployments"][0]["deployment"]


def test_deployments_are_listed_compared_and_gone_back_to(shell):
    assert shell("deployments").startswith("Nothing is deployed yet")
    first = deploy(shell, FIRST)
    shell("materialize", "*", "-f", "assets.py")
    second = deploy(shell, SECOND)
    newest, oldest = answer(shell, "deployments", "assets.py")["deployments"]
    assert (newest["deployment"], newest["environments"], newest["actor"]) == (second, ["prod"], "tester")
    assert (oldest["deployment"], oldest["environments"], oldest["changed"]) == (first, [], 2)
    shown = shell("deployments", "diff", first[:6], second)
    assert shown == ("+ asset extra\n~ asset daily\n    clean (assets.py:8) changed\n1 added, 1 changed\n")
    assert answer(shell, "deployments", "diff", first, second)["changed"][0]["code"][0]["name"] == "assets.py:clean"
    runs = len(answer(shell, "runs"))
    back = shell("deployments", "rollback", "assets.py", first)
    assert "dropped: extra\nfresh again: daily 2024-01-01..2024-01-04, total\n" in back
    assert f"`latewood deployments rollback assets.py {second}` takes it back." in back
    assert len(answer(shell, "runs")) == runs
    assert "already; nothing was done" in shell("deployments", "rollback", "assets.py", first)
    assert answer(shell, "deployments", "rollback", "assets.py", second)["stale"] == {
        "daily": "2024-01-01..2024-01-04",
        "total": "",
    }
    assert 'no deployment "xyz" of assets.py' in shell.here("deployments", "rollback", "assets.py", "xyz").err
    assert "expected two deployments of one location" not in shown


def test_only_what_is_missing_stale_or_failed_is_made(shell):
    shell.write("assets.py", FIRST)
    shell.write("broken-2024-01-02", "")
    shell("materialize", "daily", "--partition", "2024-01-01..2024-01-02", "-f", "assets.py", code=1)
    failed = answer(shell, "plan", "*", "-f", "assets.py", "--only", "failed")["steps"]
    assert [(step["assets"], step["partitions"]) for step in failed] == [(["daily"], "2024-01-02")]
    missing = shell("materialize", "daily", "-f", "assets.py", "--only", "missing", "--partition", "2024-01-03..")
    assert "2 run, 0 reused" in missing
    (shell.folder / "broken-2024-01-02").unlink()
    assert "1 run, 0 reused" in shell("materialize", "*", "-f", "assets.py", "--only", "failed")
    shell.write("assets.py", SECOND)
    stale = answer(shell, "plan", "*", "-f", "assets.py", "--only", "stale")["steps"]
    assert [(step["assets"], step["count"]) for step in stale] == [(["daily"], 4)]
    assert "2 run, 0 reused" in shell("materialize", "*", "-f", "assets.py", "--only", "missing")
    assert "Nothing to do: * selects nothing that is missing" in shell(
        "plan", "*", "-f", "assets.py", "--only", "missing"
    )
    run = answer(shell, "runs")[0]["run"]
    again = answer(shell, "rerun", run, "--dry-run")
    assert again["counts"] == dict.fromkeys(again["counts"], 0), "nothing is missing by now"


def test_what_failed_when_it_was_forced_is_what_has_failed(shell):
    """What was made before is there and as it should be; the last attempt has failed all the same."""
    shell.write("assets.py", FIRST)
    shell("materialize", "*", "-f", "assets.py")
    shell.write("broken-2024-01-02", "")
    shell("materialize", "*", "--force", code=1)
    planned = answer(shell, "plan", "*", "--only", "failed")["steps"]
    assert [(s["assets"], s["action"], s["partitions"], s["reasons"]) for s in planned] == [
        (["daily"], "run", "2024-01-02", [{"cause": "failed", "subject": ""}])
    ]
    shell("materialize", "*", "--only", "failed", code=1)
    retried = shell("run", "retry", answer(shell, "runs")[0]["run"])
    assert "1 step of run" in retried, "what is retried had failed before"
    (shell.folder / "broken-2024-01-02").unlink()
    again = shell("materialize", "*", "--only", "failed")
    assert "1 run, 0 reused" in again
    assert "it was run because: its last attempt had failed" in shell("why", "daily", "--partition", "2024-01-02")
    assert "Nothing to do: * selects nothing that is failed" in shell("plan", "*", "--only", "failed")


def test_of_what_failed_nothing_is_computed_that_a_check_would_refuse_again(shell):
    one = "from latewood import *\n\n@asset\ndef one() -> int:\n    return 1\n"
    judged = one + "\n@check(one, blocking=True)\ndef good(one: int) -> bool:\n    return one > {}\n"
    shell.write("assets.py", one)
    shell("materialize", "*", "-f", "assets.py")
    shell.write("assets.py", judged.format(1))
    shell("materialize", "*", code=1)
    assert "0 run, 1 reused, 1 refused" in shell("materialize", "*", "--only", "failed", code=1)
    shell.write("assets.py", judged.format(0))
    (step,) = answer(shell, "plan", "*", "--only", "failed")["steps"]
    assert (step["action"], step["reasons"]) == ("reuse", [{"cause": "unchecked", "subject": ""}])
    assert "0 run, 1 reused in" in shell("materialize", "*", "--only", "failed"), "the edited check has not judged it"
    assert "Nothing to do" in shell("plan", "*", "--only", "failed")
    shell.write("assets.py", judged.format(1))
    assert "0 run, 1 reused, 1 refused" in shell("materialize", "*", "--only", "failed", code=1), "as before"
    shell.write("assets.py", judged.format(2).replace("return 1", "return 2"))
    assert "1 run, 0 reused, 1 refused" in shell("materialize", "*", code=1)
    assert "0 run, 1 reused, 1 refused" in shell("materialize", "*", "--only", "failed", code=1)
    shell.write("assets.py", judged.format(1).replace("return 1", "return 2"))
    assert "0 run, 1 reused in" in shell("materialize", "*", "--only", "failed"), "the edited check judges it"


def test_a_check_that_has_raised_is_asked_again_and_nothing_is_computed_for_that(shell):
    one = "from pathlib import Path\nfrom latewood import *\n\n@asset\ndef one() -> int:\n    return 1\n"
    raises = (
        one + "\n@check(one, blocking=True)\ndef good(one: int) -> bool:\n    return Path('ok').read_text() == ''\n"
    )
    shell.write("assets.py", one)
    shell("materialize", "*", "-f", "assets.py")
    shell.write("assets.py", raises)
    assert "0 run, 1 reused, 1 refused" in shell("materialize", "*", code=1)
    assert answer(shell, "assets", "status:failed")["assets"][0]["key"] == "one"
    assert "0 run, 1 reused, 1 refused" in shell("materialize", "*", "--only", "failed", code=1)
    shell.write("ok", "")
    assert "0 run, 1 reused in" in shell("materialize", "*", "--only", "failed")
    assert "Nothing to do" in shell("plan", "*", "--only", "failed")


def test_how_all_of_it_is_with_an_exit_code(shell):
    shell.write("assets.py", FIRST)
    found = answer(shell, "status")
    assert (found["engines"], found["problems"], found["database"]["reachable"]) == ([], [], True)
    shell("materialize", "*", "-f", "assets.py", "--detach")
    told = shell("status", code=1)
    assert "1 queued" in told
    assert "5 waiting" in told
    assert told.endswith("1 run is queued, and no engine is running: start one, `latewood engine`\n")
    away = shell.here("status", "--json", LATEWOOD_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert (away.code, '"reachable": false' in away.out) == (4, True)


def test_a_run_is_followed_retried_and_its_steps_are_heard(shell):
    slow = FIRST.replace(
        'print("made", day)', 'print("made", day, flush=True)\n    while not Path("go").exists(): time.sleep(0.05)'
    )
    shell.write("assets.py", slow)
    shell.write("broken-2024-01-04", "")
    run = answer(shell, "materialize", "*", "-f", "assets.py", "--detach")["run"]
    waiting = shell("run", run)
    assert re.search(rf"{run} +queued +prod +\* .* 0 of 5 have ended\n", shell("runs"))
    assert [(row["steps_ended"], row["steps_total"]) for row in answer(shell, "runs")] == [(0, 5)]
    assert re.search(r"daily +waiting +4 +2024-01-01..2024-01-04\ntotal +waiting +1\n", waiting)
    with (
        started(shell, "engine", "--workers", "2", "--lease", "1"),
        started(shell, "run", run, "--follow") as follower,
        started(shell, "logs", run, "0", "--follow") as hearer,
    ):
        assert hearer.stdout.readline() == "made 2024-01-01\n", "while it runs"
        far = answer(shell, "run", run)
        assert (far["steps_total"], far["status"]) == (5, "running")
        assert {(each["status"], tuple(each["assets"])) for each in far["progress"]} >= {("waiting", ("total",))}
        shell.write("go", "")
        assert hearer.wait(60) == 0
        assert hearer.stdout.read() == ""
        out, err = follower.communicate(timeout=60)
        assert follower.returncode == 1
        assert f"run {run} failed: 3 run, 0 reused, 1 failed, 1 skipped" in out
        assert "✕ daily 2024-01-04: ValueError: no 2024-01-04\n" in out
        assert "daily  3 succeeded, 1 failed\n" in err
        assert shell("run", run, "--follow", code=1) == out, "whoever comes late hears the same"
        (shell.folder / "broken-2024-01-04").unlink()
        again = shell("run", "retry", run)
        assert f"retries 2 steps of run {run}" in again
        assert "succeeded: 2 run, 0 reused" in again
    later = answer(shell, "runs")[0]["run"]
    assert f"again what run {run} was asked for, unfinished of it\n" in shell("run", later)
    assert f"run {later} has finished all" in shell.here("run", "retry", later).err


def test_without_an_engine_a_retry_says_so_and_waits_in_the_log(shell):
    shell.write("assets.py", FIRST)
    shell.write("broken-2024-01-04", "")
    shell("materialize", "*", "-f", "assets.py", code=1)
    run = answer(shell, "runs")[0]["run"]
    said = shell("run", "retry", run)
    assert "2 steps of run" in said
    assert "No engine is running" in said
    assert answer(shell, "runs")[0]["status"] == "queued"


def test_what_cannot_be_followed_is_refused(shell):
    shell.write("assets.py", FIRST)
    run = answer(shell, "materialize", "*", "-f", "assets.py", "--detach")["run"]
    assert "expected a step to follow" in shell.here("logs", run, "--follow").err
    assert f"run {run} has no step 99, but steps 0 to 4" in shell.here("logs", run, "99", "--follow").err
