"""`latewood run`, `runs` and `logs`: what happened, in few lines and in full."""

import re

from e2e.shop import answer


def test_a_run_and_its_logs(shop):
    run = answer(shop, "runs")[-1]["run"]
    shown = shop.here("run", run[:6]).out
    assert re.search(rf"run {run}   succeeded\n\* in prod, asked for by tester\n.*\n4 succeeded\n", shown)
    logs = shop.here("logs", run).out
    assert logs.startswith("0 numbers | counting\n0 numbers | ")
    assert "WARNING shop: only three" in logs
    assert shop.here("logs", run, "0").out.startswith("counting\n")
    quiet = shop.here("logs", run, "1")
    assert (quiet.out, quiet.code) == ("", 0)
    assert quiet.err == f"step 1 of run {run}, scaled eu, printed and logged nothing\n"
    absent = shop.here("logs", run, "99")
    assert (absent.out, absent.code) == ("", 2)
    assert f"run {run} has no step 99, but steps 0 to 3" in absent.err


MANY = """
from latewood import *

@asset
def first() -> int:
    return 0

@asset(partitions=Static([str(n) for n in range(1, 1_100)]))
def daily(first: int, day: PartitionKey) -> int:
    print("day", day)
    return int(day)
"""


def test_runs_of_many_steps_are_told_in_full(shell):
    shell.write("many.py", MANY)
    assert "1,100 run" in shell.here("materialize", "*", "-f", "many.py").out
    run = answer(shell, "runs")[0]["run"]
    assert [step["step"] for step in answer(shell, "run", run)["steps"]] == list(range(1_100))
    *_, grouped, rest = shell.here("run", run).out.splitlines()
    assert grouped.split() == ["daily", "succeeded", "1,099", "1..1099"]
    assert rest == "1,100 steps not shown (1,100 succeeded); --all shows them"
    assert len(shell.here("run", run, "--all").out.splitlines()) == 1_105
    assert shell.here("logs", run, "1099").out == "day 1099\n"
    assert shell.here("lineage", "daily", "--down", "1").out.splitlines()[1].split("  ")[-1].strip() == f"{run}.0"
    assert "10 of 1,099 versions; --limit shows more\n" in shell.here("asset", "daily").out
    assert "versions; --limit" not in shell.here("asset", "daily", "--limit", "1099").out
    some = answer(shell, "asset", "daily", "--partition", "7,8,9", "--limit", "2")
    assert ([version["partition"] for version in some["versions"]], some["versions_count"]) == (["9", "8"], 3)
    absent = shell.here("asset", "first", "--partition", "7")
    assert (absent.code, absent.err) == (2, 'error: "first" has no partitions; ask without --partition\n')


def test_runs_are_listed_by_environment_and_status(shell):
    shell.write("a.py", "from latewood import asset\n@asset\ndef a(*, by: int = 1) -> float: return 1 / by\n")
    shell.here("materialize", "*", "-f", "a.py")
    shell.here("materialize", "a", "--param", "a.by=0")
    shell.here("materialize", "*", "-f", "a.py", "--env", "dev")

    def listed(*asked):
        return [(run["environment"], run["status"]) for run in answer(shell, "runs", *asked)]

    assert listed() == [("dev", "succeeded"), ("prod", "failed"), ("prod", "succeeded")]
    assert listed("--env", "prod", "--limit", "1") == [("prod", "failed")]
    assert listed("--status", "succeeded") == [("dev", "succeeded"), ("prod", "succeeded")]
    assert listed("--env", "dev", "--status", "failed") == []
    assert shell.here("runs", "--env", "dev", "--status", "failed").out == "No such runs.\n"
    slip = shell.here("runs", "--env", "pord")
    assert (slip.code, 'no environment "pord"; near: prod' in slip.err) == (2, True)
    shell("env", "drop", "dev")
    assert shell.here("runs", "--env", "dev", "--status", "failed").out == "No such runs.\n"
    slip = shell.here("log", "tail", "--after", "99999")
    assert (slip.code, "where the log ends" in slip.err) == (2, True)
    assert "'interrupted'" in shell.here("runs", "--status", "done").err
