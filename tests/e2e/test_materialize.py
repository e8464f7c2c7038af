"""`latewood materialize` and `plan`: what runs, what does not, and the codes they end with."""

import json
import re
import signal
import time
from datetime import datetime, timedelta

from e2e.shop import LOWER, SHOP, UPPER, answer

BROKEN = {
    "broken_arithmetic.py": "def divide(by):\n    return 1 / by\n",
    "broken.py": """
from broken_arithmetic import divide
from latewood import asset

@asset
def good() -> int:
    return 1

@asset
def bad(good: int) -> float:
    print("about to divide")
    return divide(0)

@asset
def below(bad: float) -> float:
    return bad

@asset
def beside(good: int) -> int:
    return good
""",
}


def test_a_failure_is_the_users_own_with_its_own_traceback(shell):
    for name, text in BROKEN.items():
        shell.write(name, text)
    done = shell.here("materialize", "*", "-q", "-f", "broken.py")
    assert (done.code, done.err) == (1, "")
    assert "✕ bad: ZeroDivisionError: division by zero" in done.out
    assert "2 run, 0 reused, 1 failed, 1 skipped" in done.out
    run = answer(shell, "runs")[0]["run"]
    assert f"See `latewood run {run}` and `latewood logs {run}`." in done.out
    shown = shell.here("run", run).out
    assert re.search(r"bad +failed +1 .*ZeroDivisionError", shown)
    assert re.search(r"below +skipped +upstream failed \(step 1\)", shown)
    logs = shell.here("logs", run).out
    assert "1 bad | about to divide\n1 bad | Traceback (most recent call last):\n" in logs
    assert re.findall(r'File ".*/(\w+\.py)", line (\d+)', logs) == [("broken.py", "12"), ("broken_arithmetic.py", "2")]
    assert answer(shell, "assets", "status:failed")["assets"][0]["key"] == "bad"
    shell.write("broken_arithmetic.py", "def divide(by):\n    return 1.0\n")
    repaired = shell.here("materialize", "*")
    assert repaired.code == 0
    assert "2 run, 2 reused" in repaired.out


def test_a_blocking_check_that_fails_keeps_the_version_out(shell):
    shell.write("refusing.py", SHOP.replace("bool(scaled)", "False"))
    done = shell.here("materialize", "*", "-f", "refusing.py")
    assert done.code == 1
    assert "refused: scaled eu: blocking check not_empty failed: counted" in done.err
    assert "3 run, 0 reused, 2 refused, 1 skipped" in done.out
    assert {a["key"]: a["status"] for a in answer(shell, "assets")["assets"]} == {
        "numbers": "fresh",
        "scaled": "missing",
        "total": "missing",
    }
    followed = json.loads(shell.here("run", answer(shell, "runs")[0]["run"], "--follow", "--json").out)
    assert {(of["assets"][0], of["status"]): of["steps"] for of in followed["progress"]} == {
        ("numbers", "succeeded"): 1,
        ("scaled", "refused"): 2,
        ("total", "skipped"): 1,
    }


def test_what_was_refused_is_called_so_and_why_names_the_check(shell):
    shell.write("refusals.py", SHOP.replace("bool(scaled)", "scaled[0] > 2"))
    assert shell.here("materialize", "*", "-f", "refusals.py").code == 1
    said = "blocking check not_empty failed: counted"
    why = shell.here("why", "scaled", "--partition", "eu").out
    assert "missing    scaled eu: no version that may be used" in why
    assert re.search(rf"refused +scaled eu: {said} +event [\d,]+\n", why)
    finding = answer(shell, "why", "scaled", "--partition", "eu")["findings"][-1]
    assert finding["failure"] == {"check": "not_empty", "error": "", "message": "counted"}
    run = answer(shell, "runs")[0]["run"]
    shown = shell.here("run", run).out
    assert re.search(rf"\n +1 +scaled +eu +refused +1 .*{said}\n", shown)
    assert "numbers" not in shown
    assert shown.endswith("1 step not shown (1 succeeded); --all shows them\n")
    everything = shell.here("run", run, "--all").out
    assert re.search(r"\n +0 +numbers +succeeded", everything)
    assert "not shown" not in everything
    steps = answer(shell, "run", run)["steps"]
    assert [step["status"] for step in steps] == ["succeeded", "refused", "refused", "skipped"]
    assert re.search(r"\.1 +refused +eu", shell.here("asset", "scaled").out)
    assert re.search(r"3 run, 0 reused, 2 refused, 1 skipped\n", shell.here("runs").out)


def test_json_of_materialize_says_the_same_on_failure(shell):
    shell.write("shop_json.py", SHOP.replace("bool(scaled)", "False"))
    done = shell.here("materialize", "*", "-f", "shop_json.py", "--json")
    result = json.loads(done.out)
    assert set(result) == {
        "run", "status", "ran", "reused", "fresh", "failed", "refused", "skipped", "position", "failures", "unclosed",
        "left_out", "added",
    }  # fmt: skip
    assert (done.code, result["status"], result["ran"], result["refused"]) == (1, "failed", 3, 2)
    assert (result["skipped"], result["failed"]) == (1, 0)
    message = "scaled: blocking check not_empty failed: counted"
    assert result["failures"] == [
        {
            "asset": "scaled", "partitions": "eu..us", "step": 1, "steps": 2,
            "kind": "refused", "error": "CheckFailed", "message": message,
        }
    ]  # fmt: skip


def test_json_names_what_failed_by_what_it_has_in_common_and_a_hundred_at_most(shell):
    shell.write(
        "failing.py",
        """
from latewood import *

@asset
def alone() -> int:
    return 1 // 0

@asset(partitions=Static([f"p{n:03}" for n in range(250)]))
def many(key: PartitionKey) -> int:
    raise ValueError("odd" if int(key[1:]) % 2 else key)
""",
    )
    result = json.loads(shell.here("materialize", "*", "-f", "failing.py", "--json", "-q").out)
    alone, first, odd, *more = result["failures"]
    assert (alone["asset"], alone["partitions"], alone["error"]) == ("alone", "", "ZeroDivisionError")
    assert (first["partitions"], first["steps"], first["message"], first["kind"]) == ("p000", 1, "p000", "user")
    assert (odd["steps"], odd["partitions"].split(", ")[:2], odd["step"]) == (125, ["p001", "p003"], 2)
    assert (len(more), result["failed"], odd["partitions"].count(", ")) == (97, 251, 99)


def test_130_cancelled_and_what_was_finished_is_kept(shell):
    shell.write(
        "slow.py",
        """
import pathlib, time
from latewood import *

@asset
def quick() -> int:
    return 1

@asset(partitions=Static(["a", "b", "c", "d"]))
def slow(quick: int, key: PartitionKey) -> int:
    if key == "b":
        pathlib.Path("begun").touch()
        time.sleep(60)
    return 2

@asset
def last(slow: Partitioned[int]) -> int:
    return 3
""",
    )
    process = shell.start("materialize", "*", "-q", "-f", "slow.py")
    while not (shell.folder / "begun").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert "2 run, 0 reused" in out
    assert "Cancelled; what was finished is kept." in out
    run = answer(shell, "runs")[0]
    assert run["status"] == "cancelled"
    found = answer(shell, "run", run["run"])
    assert [step["status"] for step in found["steps"]] == ["succeeded", "succeeded", "cancelled"]
    assert [(each["status"], each["partitions"]) for each in found["progress"] if each["assets"] == ["slow"]] == [
        ("succeeded", "a"),
        ("cancelled", "b"),
        ("not begun", "c..d"),
    ]
    told = shell("run", run["run"])
    assert "2 succeeded, 1 cancelled, 3 not begun\n" in told
    assert told.endswith("not begun: slow c..d (2 steps)\nnot begun: last (1 step)\n")
    assert "waiting" not in shell.here("run", run["run"], "--follow").out


def test_partitions_parameters_force_and_the_past(shell):
    shell.write("options.py", SHOP)
    first = shell.here("materialize", "+scaled", "-f", "options.py", "--partition", "us")
    assert "2 run, 0 reused" in first.out
    assert "What was selected is up to date with its inputs" in first.out
    before = answer(shell, "assets")["position"]
    assert answer(shell, "asset", "scaled")["partitions"] == {"fresh": "us", "missing": "eu"}
    assert "2 run, 2 reused" in shell.here("materialize", "*").out
    assert answer(shell, "asset", "scaled", "--as-of", str(before))["partitions"] == {"fresh": "us", "missing": "eu"}
    assert {a["status"] for a in answer(shell, "assets", "--as-of", str(before))["assets"]} == {"fresh", "missing"}
    assert answer(shell, "why", "total", "--as-of", str(before))["status"] == "missing"
    then = json.loads(shell.here("log", "show", str(before)).out)["recorded_at"]
    for text in (then, datetime.fromisoformat(then).astimezone().replace(tzinfo=None).isoformat(), f"{before:,}"):
        assert answer(shell, "assets", "--as-of", text)["position"] == before
    a_moment_before = (datetime.fromisoformat(then) - timedelta(microseconds=1)).isoformat()
    assert answer(shell, "assets", "--as-of", a_moment_before)["position"] < before
    head = answer(shell, "why", "scaled", "--partition", "eu")["head"]
    variant = shell.here("materialize", "scaled", "--param", "scaled.factor=5", "--partition", "eu")
    assert "1 run, 0 reused" in variant.out
    assert "variants were made, heads are as before" in variant.out
    assert answer(shell, "why", "scaled", "--partition", "eu")["head"] == head
    again = shell.here("materialize", "scaled", "--param", "scaled.factor=5", "--partition", "eu")
    assert "0 run, 1 reused" in again.out
    assert "4 run, 0 reused" in shell.here("materialize", "*", "--force").out
    assert "0 run, 4 reused" in shell.here("materialize", "*").out


def test_a_dry_run_shows_the_plan_and_runs_nothing(shell):
    shell.write("dry.py", SHOP)
    for command in (("materialize", "*", "-f", "dry.py", "--dry-run"), ("plan", "*", "-f", "dry.py")):
        done = shell.here(*command)
        assert (done.code, "4 run, 0 maybe, 0 reuse, 0 fresh" in done.out) == (0, True)
    assert answer(shell, "runs") == []
    assert answer(shell, "assets")["assets"] == []


def test_a_comment_makes_nothing_stale_and_equal_content_leaves_the_rest_alone(shell):
    shell.write("edits.py", SHOP)
    assert shell.here("materialize", "*", "-f", "edits.py").code == 0
    shell.write("edits.py", SHOP.replace("    return [1, 2, 3]", "    # as counted\n    return   [1,2,3]"))
    assert "0 run, 0 maybe, 0 reuse, 4 fresh" in shell.here("plan", "*").out
    shell.write("edits.py", SHOP.replace("return [1, 2, 3]", "return [1, 1 + 1, 3]"))
    assert "1 run, 3 maybe" in shell.here("plan", "*").out
    assert "1 run, 3 reused" in shell.here("materialize", "*").out


def test_a_module_is_a_location_like_a_file(shell):
    shell.write("shop_module.py", SHOP)
    assert "4 run, 0 reused" in shell.here("materialize", "*", "-m", "shop_module").out
    assert shell.here("plan", "*").out.endswith("0 run, 0 maybe, 0 reuse, 4 fresh\n")
    assert "0 run, 4 reused" in shell.here("materialize", "*").out, "the one that is deployed from here"


def test_what_is_selected_of_another_file_is_named_as_left_out(shell):
    shell.write("upper.py", UPPER)
    shell.write("lower.py", LOWER)
    for file in ("upper.py", "lower.py"):
        assert shell.here("materialize", "*", "-f", file).code == 0
    for command in ("plan", "materialize"):
        assert "left out: counted, of upper.py" in shell.here(command, "+doubled", "-f", "lower.py").out
        assert "left out" not in shell.here(command, "*", "-f", "lower.py").out


def test_an_environment_has_heads_of_its_own_and_reuses_what_others_made(shell):
    shell.write("environments.py", SHOP)
    assert "4 run, 0 reused" in shell.here("materialize", "*", "-f", "environments.py").out
    assert shell.here("assets", "--env", "dev").code == 2
    assert "0 run, 4 reused" in shell.here("materialize", "*", "-f", "environments.py", "--env", "dev").out
    shell.write("environments.py", SHOP.replace("n * factor", "n * factor + 1"))
    plan = shell.here("plan", "*", "-f", "environments.py", "--env", "dev").out
    assert re.search(r"run +scaled +2: eu\.\.us +code: scaled \(environments.py:\d+\) changed", plan)
    assert re.search(r"maybe +total +depends on the content of scaled", plan)
    assert {a["status"] for a in answer(shell, "assets", "--env", "dev")["assets"]} == {"fresh"}, (
        "a plan deploys nothing"
    )
    shell.here("deploy", "-f", "environments.py", "--env", "dev")
    assert {a["status"] for a in answer(shell, "assets")["assets"]} == {"fresh"}
    assert {a["status"] for a in answer(shell, "assets", "--env", "dev")["assets"]} == {"fresh", "stale"}


def test_heads_variants_and_what_other_environments_made_are_told_apart(shell):
    shell.write("uses.py", SHOP)
    assert shell.here("materialize", "*", "-f", "uses.py").code == 0
    heads = {v["version"] for v in answer(shell, "asset", "scaled")["versions"]}
    assert shell.here("materialize", "scaled", "--partition", "eu", "--param", "scaled.factor=9").code == 0
    page = answer(shell, "asset", "scaled")
    assert {v["version"] for v in page["versions"] if v["use"] == "head"} == heads
    assert (page["versions"][0]["use"], page["versions"][0]["parameters"]) == ("variant", {"factor": 9})
    assert page["metadata"] == {"region": "us"}
    assert re.search(r" variant factor=9 +eu ", shell.here("asset", "scaled").out)
    assert shell.here("materialize", "scaled", "--force").code == 0
    assert [v["use"] for v in answer(shell, "asset", "scaled")["versions"]] == ["head"] * 2 + ["variant"] + [
        "past head"
    ] * 2
    assert shell.here("materialize", "*", "--env", "dev", "-f", "uses.py", "--force").code == 0
    assert "made in dev" in shell.here("asset", "scaled").out


def test_the_default_environment_is_dropped_by_force_only(shell):
    shell.write("upper.py", UPPER)
    assert shell.here("materialize", "*", "-f", "upper.py").code == 0
    refused = shell.here("env", "drop", "prod")
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert {a["status"] for a in answer(shell, "assets")["assets"]} == {"fresh"}
    assert shell.here("env", "drop", "prod", "--force").code == 0
