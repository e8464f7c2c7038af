"""Stories of checks and of outputs that are left out: what is recorded, what stands, and what readers get."""

import json
import re

import pytest

ASSETS = """
from pathlib import Path
from latewood import asset, check

@asset
def source() -> int:
    return {source}

@asset
def reader(source: int) -> int:
    return source + {plus}
"""

CHECK = """
@check(source, blocking={blocking})
def is_small(source: int) -> bool:
    with open("calls", "a") as calls:
        calls.write(".")
    {body}
"""


PARTS = ("cause", "subject", "check")


@pytest.fixture
def shell(own_log):
    return own_log


def write(shell, *, source=1, plus=1, body="return source < 5", blocking=True):
    """The two assets and the check."""
    text = ASSETS.format(source=source, plus=plus)
    shell.write("a.py", text + (CHECK.format(body=body, blocking=blocking) if body else ""))


def materialize(shell, *arguments, file="a.py"):
    """Exit code and counts of a materialization that succeeded or failed."""
    done = shell.here("materialize", *(arguments or ("*",)), "-f", file, "--json")
    assert done.code in (0, 1), done.err
    counts = json.loads(done.out)
    return done.code, {name: counts[name] for name in ("ran", "reused", "fresh", "refused", "failed", "skipped")}


def ran(code=0, **counts):
    """What `materialize` gives, with zeros for what is not said."""
    return code, {"ran": 0, "reused": 0, "fresh": 0, "refused": 0, "failed": 0, "skipped": 0} | counts


def planned(shell, *arguments):
    """Action and reasons of every step that a plan has."""
    made = json.loads(shell.here("plan", *(arguments or ("*",)), "-f", "a.py", "--json").out)
    return {
        step["assets"][0]: (
            step["action"],
            [":".join(filter(None, map(reason.get, PARTS))) for reason in step["reasons"]],
        )
        for step in made["steps"]
    }


def assets(shell, *arguments):
    """Status and flags by asset."""
    found = json.loads(shell.here("assets", "--json", *arguments).out)["assets"]
    return {entry["key"]: " ".join([entry["status"], *entry["flags"]]) for entry in found}


def causes(shell, key, *arguments):
    """What `why` finds, in short."""
    found = json.loads(shell.here("why", key, "--json", *arguments).out)["findings"]
    return [" ".join((f["cause"], f["asset"], f["failure"]["check"] if f["failure"] else "")).rstrip() for f in found]


def verdicts(shell):
    """The verdicts in the log, oldest first."""
    lines = shell.here("log", "tail", "--after", "0", "--json").out.splitlines()
    return [event["data"] for event in map(json.loads, lines) if event["type"] == "check.evaluated"]


def calls(shell):
    """How often the check was called."""
    file = shell.folder / "calls"
    return len(file.read_text()) if file.exists() else 0


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_check_refused_is_planned_as_refused_and_its_old_head_is_read_by_others(shell):
    write(shell)
    assert materialize(shell) == ran(ran=2)
    write(shell, source=9)
    assert materialize(shell) == ran(1, ran=1, refused=1, skipped=1)

    refused = ["refused:source:is_small"]
    assert planned(shell) == {"source": ("reuse", ["code", *refused]), "reader": ("blocked", refused)}
    assert materialize(shell) == ran(1, reused=1, refused=1)
    assert calls(shell) == 2
    assert (
        "reader reads source, which its blocking check is_small refuses"
        in shell.here("materialize", "*", "-f", "a.py").out
    )
    assert causes(shell, "reader") == ["code source", "failed source is_small"]
    # Outside of that run the head of before goes on to be read.
    assert planned(shell, "reader") == {"reader": ("fresh", [])}
    write(shell, source=9, plus=2)
    assert materialize(shell, "reader") == ran(ran=1)
    assert assets(shell) == {"source": "stale failed", "reader": "stale"}


def test_a_head_that_a_later_check_refuses_is_read_by_nobody(shell):
    write(shell, source=9, body="")
    assert materialize(shell) == ran(ran=2)
    write(shell, source=9, plus=2)
    assert materialize(shell) == ran(1, reused=1, refused=1, skipped=1)

    assert planned(shell, "reader") == {"reader": ("blocked", ["refused:source:is_small"])}
    alone = shell.here("materialize", "reader", "-f", "a.py")
    assert (alone.code, "source, which its blocking check is_small refuses" in alone.err) == (2, True)
    assert causes(shell, "reader") == ["refused source is_small", "code reader"]
    assert assets(shell) == {"source": "stale failed", "reader": "stale"}

    write(shell, source=9, plus=2, body="")
    assert materialize(shell) == ran(fresh=1, ran=1)
    assert assets(shell) == {"source": "fresh", "reader": "fresh"}


def test_a_check_that_comes_to_refuse_and_comes_back_leaves_no_mark(shell):
    write(shell)
    materialize(shell)
    write(shell, body="return False")
    assert materialize(shell) == ran(1, reused=1, refused=1, fresh=1)
    write(shell)
    assert materialize(shell) == ran(fresh=2)
    assert assets(shell) == {"source": "fresh", "reader": "fresh"}


def test_a_warning_that_becomes_blocking_refuses_by_the_verdict_that_is_there(shell):
    write(shell, source=9, blocking=False)
    assert materialize(shell) == ran(ran=2)
    write(shell, source=9)
    assert planned(shell) == {
        "source": ("reuse", ["refused:source:is_small"]),
        "reader": ("blocked", ["refused:source:is_small"]),
    }
    assert (materialize(shell), calls(shell)) == (ran(1, reused=1, refused=1), 1)


# ── what a check looks at ─────────────────────────────────────────────────────────────────────────────────


def test_a_check_is_asked_again_when_a_file_it_is_given_changed(shell):
    check = """
@check(source, blocking=True)
def is_allowed(source: int, *, limits: Path = Path("limits.txt")) -> bool:
    return source <= int(limits.read_text())
"""
    shell.write("a.py", ASSETS.format(source=3, plus=1) + check)
    shell.write("limits.txt", "5")
    assert materialize(shell) == ran(ran=2)
    assert materialize(shell) == ran(fresh=2)
    shell.write("limits.txt", "1")
    assert planned(shell)["source"] == ("reuse", ["unchecked"])
    assert materialize(shell) == ran(1, reused=1, refused=1, fresh=1)
    at = json.loads(shell.here("assets", "--json").out)["position"]
    shell.write("limits.txt", "5")
    assert materialize(shell) == ran(fresh=2)
    assert assets(shell) == {"source": "fresh", "reader": "fresh"}
    assert assets(shell, "--as-of", str(at)) == {"source": "stale failed", "reader": "stale"}
    shell("log", "verify")


def test_a_check_that_looks_at_the_clock_is_asked_each_time(shell):
    write(shell, body="return source < context.now().year")
    text = (shell.folder / "a.py").read_text()
    shell.write(
        "a.py",
        text.replace("is_small(source: int)", "is_small(source: int, context: Context)").replace(
            "import asset, check", "import Context, asset, check"
        ),
    )
    for _ in range(2):
        materialize(shell)
    assert calls(shell) == 2
    assert [verdict["check_key"] for verdict in verdicts(shell)] == ["", ""]


# ── checks that fail themselves ───────────────────────────────────────────────────────────────────────────


def test_a_check_that_raises_gives_no_verdict_and_is_asked_again(shell):
    write(shell, body="print('looking'); return source < 1 / len(Path('divisor').read_text())")
    shell.write("divisor", "")
    assert materialize(shell) == ran(1, ran=1, refused=1, skipped=1)
    assert assets(shell) == {"source": "missing failed", "reader": "missing"}
    assert causes(shell, "reader") == ["missing source", "failed source is_small", "missing reader"]
    (verdict,) = verdicts(shell)
    assert (verdict["passed"], verdict["check_key"]) == (False, "")
    assert verdict["failure"]["error"] == "ZeroDivisionError"
    (run,) = json.loads(shell.here("runs", "--json").out)
    assert shell.here("logs", run["run"]).out.startswith(
        "0 source check is_small | looking\n0 source check is_small | Trace"
    )
    assert re.search(r'a\.py", line \d+, in is_small\n', verdict["failure"]["traceback"])

    assert materialize(shell) == ran(1, reused=1, refused=1, skipped=1)
    shell.write("divisor", ".")
    assert materialize(shell)[1]["refused"] == 1  # it looked this time, and refuses
    shell("log", "verify")


def test_a_check_that_only_warns_and_raises_is_asked_again_and_its_traceback_is_found(shell):
    write(shell, body="return bool(1 / len(Path('divisor').read_text()))", blocking=False)
    shell.write("divisor", "")
    assert materialize(shell) == ran(ran=2)
    assert materialize(shell) == ran(reused=1, fresh=1)
    (run, _) = json.loads(shell.here("runs", "--json").out)
    assert "source check is_small | ZeroDivisionError: division by zero\n" in shell.here("logs", run["run"]).out

    shell.write("divisor", ".")
    assert materialize(shell) == ran(reused=1, fresh=1)
    assert (materialize(shell), calls(shell)) == (ran(fresh=2), 3)
    assert assets(shell) == {"source": "fresh", "reader": "fresh"}


def test_what_is_no_verdict_is_a_failure_of_the_check(shell):
    write(shell, body="return 'yes'")
    assert materialize(shell) == ran(1, ran=1, refused=1, skipped=1)
    (verdict,) = verdicts(shell)
    assert verdict["failure"] == {
        "kind": "refused",
        "error": "ValueRefused",
        "message": 'check "is_small": expected a CheckResult or a bool, found str',
    }


# ── environments and variants ─────────────────────────────────────────────────────────────────────────────


def test_what_a_check_refuses_in_one_environment_fails_nothing_in_another(shell):
    write(shell)
    materialize(shell)
    assert materialize(shell, "*", "--env", "dev") == ran(reused=2)
    write(shell, source=9)
    assert materialize(shell, "*", "--env", "dev") == ran(1, ran=1, refused=1, skipped=1)
    assert assets(shell, "--env", "dev") == {"source": "stale failed", "reader": "stale"}
    assert assets(shell) == {"source": "fresh", "reader": "fresh"}

    # The verdict stands there too: once that environment meets it, without another call, it has failed as well.
    assert materialize(shell) == ran(1, reused=1, refused=1)
    assert assets(shell) == {"source": "stale failed", "reader": "stale"}
    assert calls(shell) == 2


def test_a_variant_that_fails_or_is_refused_leaves_the_asset_as_it_is(shell):
    shell.write(
        "a.py",
        """
from latewood import asset, check

@asset
def tried(*, size: int = 1) -> int:
    if size == 3:
        raise ValueError("three")
    return size

@check(tried, blocking=True)
def is_small(tried: int) -> bool:
    return tried < 5
""",
    )
    assert materialize(shell) == ran(ran=1)
    assert materialize(shell, "tried", "--param", "tried.size=3") == ran(1, failed=1)
    for _ in range(2):
        assert materialize(shell, "tried", "--param", "tried.size=9")[1]["refused"] == 1
    assert assets(shell) == {"tried": "fresh"}
    assert causes(shell, "tried") == []


# ── optional outputs ──────────────────────────────────────────────────────────────────────────────────────

SPLIT = """
from latewood import Out, asset

@asset(outputs={{"kept": int, "odd": Out(int, optional=True)}})
def split() -> dict[str, int]:
    return {result}

@asset(inputs={{"odd": "split/odd"}})
def after(odd: int) -> int:
    return odd

@asset
def last(after: int) -> int:
    return after
"""


def test_what_reads_an_absent_optional_output_waits_for_it_and_nothing_runs_again(shell):
    shell.write("a.py", SPLIT.format(result={"kept": 2}))
    assert materialize(shell) == ran(ran=1)
    for _ in range(2):
        assert planned(shell) == {
            "split/kept": ("fresh", []),
            "after": ("blocked", ["absent:split/odd"]),
            "last": ("blocked", ["absent:split/odd"]),
        }
        assert materialize(shell) == ran(fresh=1)
    out = shell.here("materialize", "*", "-f", "a.py").out
    assert "left out: after reads split/odd, an optional output that its task did not make" in out
    assert "What could be made is fresh" in out
    assert causes(shell, "last") == ["absent split/odd", "missing after", "missing last"]
    assert assets(shell) == {
        "split/kept": "fresh", "split/odd": "fresh absent", "after": "missing waiting", "last": "missing waiting",
    }  # fmt: skip


def test_an_optional_output_that_goes_away_leaves_its_head_and_comes_back(shell):
    both, without = SPLIT.format(result={"kept": 1, "odd": 1}), SPLIT.format(result={"kept": 2})
    shell.write("a.py", both)
    assert materialize(shell) == ran(ran=3)
    shell.write("a.py", without)
    assert materialize(shell)[1]["ran"] == 1
    for _ in range(2):
        assert materialize(shell) == ran(fresh=1)
    assert causes(shell, "last") == ["absent split/odd"]
    assert assets(shell) == {
        "split/kept": "fresh", "split/odd": "stale absent", "after": "stale waiting", "last": "stale waiting",
    }  # fmt: skip
    at = json.loads(shell.here("assets", "--json").out)["position"]

    shell.write("a.py", both)
    assert materialize(shell) == ran(reused=1, fresh=2)
    assert set(assets(shell).values()) == {"fresh"}
    assert causes(shell, "last", "--as-of", str(at)) == ["absent split/odd"]


def test_an_optional_output_that_was_refused_is_not_absent(shell):
    refusing = (
        SPLIT.replace("import Out, asset", "import Out, asset, check")
        + """
@check("split/odd", blocking=True)
def is_odd(odd: int) -> bool:
    return bool(odd % 2)
"""
    )
    shell.write("a.py", refusing.format(result={"kept": 2, "odd": 2}))
    assert materialize(shell)[1]["refused"] == 1
    assert planned(shell)["after"] == ("blocked", ["refused:split/odd:is_odd"])
    assert materialize(shell) == ran(1, reused=1, refused=1)
    assert "failed split/odd is_odd" in causes(shell, "after")
    assert "absent split/odd" not in causes(shell, "after")


def test_what_a_check_refused_is_nothing_to_go_back_to(shell):
    write(shell, source=1)
    materialize(shell)
    write(shell, source=9)
    materialize(shell)
    versions = json.loads(shell("asset", "source", "--json"))["versions"]
    refused = next(version["version"] for version in versions if version["use"] == "refused")
    done = shell.here("rollback", "source", refused)
    assert (done.code, "did not pass its blocking checks" in done.err) == (2, True)
    assert json.loads(shell("show", "source", "--json"))["value"] == 1
