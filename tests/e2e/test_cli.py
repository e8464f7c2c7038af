"""The command line: what people read, what machines read, and the codes it ends with."""

import json
import os
import pty
import re
import signal
import time
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from e2e.conftest import LATEWOOD, shell_in
from latewood.engine.storage.caches import caches_in_use
from latewood_eventlog import server as embedded
from latewood_eventlog.database import bootstrap
from postgres.conftest import execute

SHOP = """
import logging
from latewood import *

regions = Static(["eu", "us"])

@asset(group="raw", owners=["team:data"], tags={"tier": "gold"}, kinds=["csv"], metadata={"source": "shop"})
def numbers() -> list[int]:
    \"\"\"Three numbers.\"\"\"
    print("counting")
    logging.getLogger("shop").warning("only three")
    return [1, 2, 3]

@asset(partitions=regions, retries=1)
def scaled(numbers: list[int], region: PartitionKey, *, factor: int = 2) -> Output[list[int]]:
    return Output([n * factor for n in numbers], metadata={"region": region})

@check(scaled, blocking=True)
def not_empty(scaled: list[int]) -> CheckResult:
    return CheckResult(passed=bool(scaled), metadata={"found": len(scaled)}, message="counted")

@asset
def total(scaled: Partitioned[list[int]]) -> int:
    return sum(sum(values) for _, values in scaled)
"""


@pytest.fixture(scope="module")
def shop(environ, tmp_path_factory):
    """A project in which everything was materialized once, for tests that only look."""
    shell = shell_in(environ, tmp_path_factory.mktemp("shop"), "shop")
    shell.write("shop.py", SHOP)
    made = shell.run("materialize", "*", "--quiet", "-f", "shop.py")
    assert (made.code, made.err) == (0, "")
    assert "4 run, 0 reused in" in made.out
    assert re.search(r"Everything is fresh at position [\d,]+\.\n$", made.out)
    return shell


def answer(shell, *arguments):
    """The JSON that a command prints."""
    done = shell.here(*arguments, "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


# ── for people ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "phrases"),
    [
        (["assets"], ["numbers", "raw", "csv", "2 fresh of 2", "3 assets in prod at position "]),
        (["assets", "group:raw"], ["1 asset in prod"]),
        (["assets", "status:stale"], ["0 assets in prod"]),
        (["asset", "numbers"], ["fresh", "Three numbers.", "team:data", "tier=gold", "list[int]", "shop.py", "json1:"]),
        (
            ["asset", "scaled"],
            ["static (eu, us)", "1 retry", "factor=2", "not_empty", "passed", "counted", "region=us"],
        ),
        (["why", "total"], ["total is fresh", "it was run because: it was missing", "nothing changed since"]),
        (["why", "scaled"], ["scaled us is fresh", "us is the last partition: none is stale or missing"]),
        (["lineage", "total", "--up", "2"], ["eu..us, 2 versions", "numbers", ".0"]),
        (["lineage", "scaled", "--partition", "us"], ["us, ", ".2", "numbers"]),
        (["lineage", "numbers", "--up", "0", "--down", "2"], ["scaled", "total"]),
        (["lineage", "numbers"], ["numbers reads nothing"]),
        (["lineage", "total", "--up", "0"], ["nothing reads total"]),
        (["runs"], ["succeeded", "prod", "*"]),
        (["log", "tail"], ["run.ended", "status=succeeded", "step.succeeded", "scaled partition=us step=2"]),
        (["log", "stats"], ["step.started", "KiB"]),
        (["log", "verify"], ["is whole", "rows equal a rebuild"]),
        (["db", "status"], ["running on 127.0.0.1", "up to date"]),
        (["db", "migrate"], ["nothing to do"]),
        (["plan", "*"], ["0 run, 0 maybe, 0 reuse, 4 fresh"]),
        (["plan", "+total", "--force"], ["forced", "4 run, 0 maybe", "estimated"]),
        (["plan", "status:stale"], ["Nothing to do: status:stale selects nothing"]),
        (["materialize", "status:stale"], ["Nothing to do: status:stale selects nothing"]),
    ],
)
def test_what_people_read(shop, arguments, phrases):
    done = shop.here(*arguments)
    assert (done.code, done.err) == (0, "")
    for phrase in phrases:
        assert phrase in done.out


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


def on_terminal(shell, *arguments, columns=160):
    """The bytes that a terminal of this width receives."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(shell.folder)
        environ = {**shell.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
        os.execve(LATEWOOD, ["latewood", *arguments], environ)
    shown = b""
    try:
        while block := os.read(terminal, 65_536):
            shown += block
    except OSError:  # the other end of a terminal closes so
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return shown


def test_tables_fit_a_terminal_by_words_and_are_whole_elsewhere(shell):
    key = "warehouse/reporting/turnover_by_country"
    text = "asset key, and a description of many words: " + ", ".join(f"reader-{n}" for n in range(12))
    shell.write("wide.py", WIDE.replace("KEY", key).replace("TEXT", text))
    assert shell.here("materialize", "*", "-f", "wide.py").code == 0
    for columns in (80, 65):
        for command in (["assets"], ["asset", key], ["runs"], ["show", key]):
            shown = on_terminal(shell, *command, columns=columns).decode()
            assert b"\x1b[" in shown.encode()
            lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
            assert max(len(line.rstrip()) for line in lines) <= columns, (command, shown)
            assert any(key in line for line in lines) or command == ["runs"], (command, shown)
    narrow = on_terminal(shell, "show", key, columns=60).decode()
    assert "not shown for want of width: " in narrow
    piped = shell.run("show", key, COLUMNS="60").out.splitlines()
    assert piped[1].split() == [f"column_{n}" for n in range(9)]
    assert not any(line != line.rstrip() or "\x1b" in line for line in piped)
    assert f"note={text[:40]}" in shell.run("asset", key, COLUMNS="20").out


LONG = """
from latewood import *

@asset(key="KEY", partitions=Static([f"part-{n:03}" for n in range(0, 40)]), group="reporting")
def long(key: PartitionKey, *, text: str = "TEXT") -> Output[str]:
    if key == "part-007":
        raise ValueError(text)
    return Output(key, metadata={"note": text})

@asset(key="KEY/reader", inputs={"read": "KEY"})
def reader(read: Partitioned[str]) -> int:
    return len(read)
"""


@pytest.mark.parametrize("columns", [{}, {"COLUMNS": "80", "FORCE_COLOR": "1", "TERM": "dumb"}])
def test_nothing_is_cut_where_there_is_no_terminal(shell, columns):
    key, text = "warehouse/" + "turnover_" * 18 + "by_country", "why this is so: " + ", ".join(map(str, range(150)))
    shell.write("long.py", LONG.replace("KEY", key).replace("TEXT", text))
    plain = replace(shell, environ={name: value for name, value in shell.environ.items() if name != "COLUMNS"})
    odd = ",".join(f"part-{n:03}" for n in range(0, 40, 2))
    ran = plain.here("materialize", key, "-f", "long.py", **columns)
    assert ran.code == 1
    run = json.loads(plain.here("runs", "--json").out)[0]["run"]
    assert plain.here("materialize", key, "--partition", odd).code == 0
    shown = {
        arguments: plain.here(*arguments, **columns).out
        for arguments in (
            ("assets",), ("asset", key), ("runs",), ("run", run), ("run", run, "--all"), ("plan", "*"), ("log", "tail"),
            ("plan", "*", "--param", f"{key}.text=other"), ("lineage", key), ("why", key), ("compare", key),
            ("lineage", key, "--up", "0", "--down", "1"), ("log", "tail", "--after", "0"),
            ("retract", run, "--dry-run", "--reason", "wrong"), ("logs", run),
            ("materialize", key, "--partition", odd, "--force"),
        )
    }  # fmt: skip
    for arguments, out in [((), ran.out), *shown.items()]:
        assert "…" not in out, (arguments, out)
        assert key in out or arguments[0] in ("compare", "why", "runs"), (arguments, out)
    for arguments in ((), ("run", run), ("why", key), ("log", "tail", "--after", "0"), ("asset", key)):
        assert text in (shown[arguments] if arguments else ran.out), arguments


def test_on_a_terminal_progress_is_drawn_and_redrawn(shop):
    shown = on_terminal(shop, "materialize", "*", "--force")
    assert b"Everything is fresh" in shown
    assert b"\x1b[?25l" in shown  # the cursor is hidden while lines are redrawn,
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")  # and comes back


VALUES_SHOWN = [
    (["table"], r"table: version .*\nname +price\nstring\? +double\?\naxe +25.0\nnull +18.5\n\\x1b\[1msaw +nan\n"),
    (["table", "--limit", "1"], r".*\n.*\n.*\naxe +25.0\nthe first 1 of 3 rows, 2 columns\n$"),
    (["declared"], r".*\nname +price +more\nstring +double\? +int64\?\naxe +25.0 +1\n"),
    (["points"], r'.*\n\[\{"x": 1.0, "y": 2.0\}\]\n$'),
    (["array", "--limit", "2"], r".*\n\[0, 1\]\n\[2, 3\]\narray of int64, shape \(3, 2\); the first 2\n$"),
    (["text"], r'.*\n"half a pair: \\ud800"\n$'),
    (["file"], r".*\n/.*\.file\.csv\n3 bytes\n$"),
    (["pickled"], r".*\n/.*\.pickle\n"),
    (["region"], r'region us, the last of 2 partitions: version .*\n"us!"\n$'),
    (["region", "--partition", "eu"], r'region eu: version .*\n"eu!"\n$'),
]


def test_values_are_shown_without_the_code_that_made_them(shell):
    shell.write("values.py", VALUES)
    assert shell.here("materialize", "*", "-f", "values.py").code == 0
    position = answer(shell, "assets")["position"]
    assert shell.here("materialize", "region", "--param", "region.suffix=?").code == 0
    shell.write("values.py", "raise RuntimeError('nobody needs this')")
    for arguments, pattern in VALUES_SHOWN:
        done = shell.here("show", *arguments)
        assert (done.code, done.err) == (0, "")
        assert re.match(pattern, done.out), done.out
    variant = answer(shell, "asset", "region")["versions"][0]["version"]
    assert shell.here("show", "region", "--version", variant).out.endswith('\n"us?"\n')
    assert answer(shell, "show", "region", "--as-of", str(position))["value"] == "us!"
    assert answer(shell, "show", "text")["value"] == "half a pair: ?"
    shown = answer(shell, "show", "table", "--limit", "2")
    assert (shown["kind"], shown["rows"]) == ("table", 3)
    assert shown["value"] == [{"name": "axe", "price": 25.0}, {"name": None, "price": 18.5}]
    assert shown["columns"][1] == {"name": "price", "type": "double", "nullable": True}
    assert "columns       name: string, price: double?, more: int64?\n" in shell.here("asset", "declared").out
    assert {name: answer(shell, "show", name)["kind"] for name in ("points", "array", "file", "pickled")} == {
        "points": "json", "array": "array", "file": "file", "pickled": "file",
    }  # fmt: skip


def test_a_data_version_is_short_for_people_and_whole_for_machines(shop):
    whole = answer(shop, "asset", "numbers")["versions"][0]["data_version"]
    assert re.fullmatch(r"json1:[0-9a-f]{64}", whole)
    shown = shop.here("asset", "numbers").out
    assert (f"{whole[:18]}  " in shown, whole[:19] in shown) == (True, False)


# ── for machines ─────────────────────────────────────────────────────────────────────────────────────────

_RUN = {
    "run", "status", "environment", "selection", "partitions", "actor", "requested_at", "requested_position",
    "ended_at", "ended_position", "counts", "recorded", "unheard_s",
}  # fmt: skip
_ASSET = {"key", "status", "origin", "group", "owners", "tags", "kinds", "description", "partitions"}
_VERSION = {
    "asset", "partition", "version", "position", "made_at", "duration_ms", "data_version", "artifact", "code", "logic",
    "inputs", "reuse_key", "accepted",
}  # fmt: skip
_EVENT = {
    "position", "event_id", "stream", "version", "type", "schema_version", "occurred_at", "recorded_at", "actor",
    "cause", "data", "hash",
}  # fmt: skip
_LINK = {
    "reader",
    "reader_partition",
    "reader_version",
    "input",
    "asset",
    "versions",
    "partitions",
    "depth",
    "equal_to",
}


def test_json_of_assets(shop):
    listed = answer(shop, "assets")
    assert set(listed) == {"position", "assets"}
    assert {frozenset(asset) for asset in listed["assets"]} == {frozenset(_ASSET | {"flags"})}
    page = answer(shop, "asset", "scaled")
    of_page = {"position", "code_version", "parameters", "pinned", "versions", "metadata", "columns", "checks"}
    assert set(page) == _ASSET | of_page | {"renames", "versions_count", "resources", "stored"}
    assert set(page["versions"][0]) == _VERSION | {"use", "environment", "parameters", "taken_from"}
    assert [version["use"] for version in page["versions"]][:2] == ["head", "head"]
    assert page["versions_count"] == len(page["versions"])
    assert page["metadata"] == {"region": "us"}
    assert set(page["checks"][0]) == {
        "check", "partition", "version", "passed", "blocking", "message", "metadata", "event",
    }  # fmt: skip
    assert page["partitions"] == {"fresh": "eu..us"}


def test_json_of_plans_and_reasons(shop):
    plan = answer(shop, "plan", "*", "--force")
    assert set(plan) == {"position", "environment", "counts", "awaiting", "steps", "would_drop"}
    assert plan["counts"] == {"blocked": 0, "depends": 0, "fresh": 0, "reuse": 0, "run": 4, "skip": 0}
    step = {"assets", "action", "partitions", "count", "trial", "code", "parameters", "inputs", "reasons"}
    assert set(plan["steps"][0]) == step
    assert plan["steps"][1]["partitions"] == "eu..us"
    assert plan["steps"][1]["reasons"] == [{"cause": "forced", "subject": ""}]
    why = answer(shop, "why", "scaled", "--partition", "eu")
    assert set(why) == {
        "asset", "partition", "status", "position", "since", "head", "failed", "nearest", "made_because", "findings",
        "renames", "absent", "head_since", "moved", "taken_from", "foreseen", "carried",
    }  # fmt: skip
    assert set(why["head"]) == _VERSION


def test_json_of_lineage(shop):
    links = answer(shop, "lineage", "scaled", "--partition", "us", "--down", "1")
    assert set(links) == {"upstream", "downstream", "taken"}
    assert [set(link) for link in (*links["upstream"], links["downstream"][0])] == [_LINK, _LINK]
    assert (links["upstream"][0]["asset"], links["downstream"][0]["reader"]) == ("numbers", "total")


def test_json_of_runs_and_events(shop):
    row = answer(shop, "runs")[-1]
    assert set(row) == _RUN
    assert row["counts"] == {"ran": 4, "reused": 0, "failed": 0, "refused": 0, "skipped": 0, "fresh": 0}
    run = answer(shop, "run", row["run"])
    assert set(run) == _RUN | {"steps"}
    assert set(run["steps"][0]) == {"step", "assets", "partition", "status", "message", "attempt", "duration_ms"}
    lines = shop.here("log", "tail", "--after", "0", "--json").out.splitlines()
    assert set(json.loads(lines[-1])) == _EVENT
    position = json.loads(lines[0])["position"]
    assert json.loads(shop.here("log", "show", str(position)).out) == json.loads(lines[0])
    assert set(answer(shop, "log", "stats")) == {"events", "bytes"}
    assert set(answer(shop, "log", "verify")) == {"position", "projections", "rows"}


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


def test_a_project_without_assets_has_answers_too(shell):
    assert "No assets in prod yet" in shell.here("assets").out
    assert answer(shell, "assets")["assets"] == []
    assert "No runs yet" in shell.here("runs").out
    assert answer(shell, "runs") == []


# ── codes: 0 and 1 ───────────────────────────────────────────────────────────────────────────────────────

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

WIDE = """
import pyarrow
from latewood import *

@asset
def countries() -> int:
    return 1

@asset(key="KEY", group="reporting", kinds=["parquet", "table"], owners=["team:data"])
def turnover(countries: int) -> Output[pyarrow.Table]:
    table = pyarrow.table({f"column_{n}": [n / 7, None] for n in range(9)})
    return Output(table, metadata={"note": "TEXT"})
"""

VALUES = """
import numpy
import pyarrow
from pathlib import Path
from pydantic import BaseModel
from latewood import *

class Point(BaseModel):
    x: float
    y: float

@asset
def table() -> pyarrow.Table:
    return pyarrow.table({"name": ["axe", None, "\\x1b[1msaw"], "price": [25.0, 18.5, float("nan")]})

@asset
def declared() -> Table["name: string, price: double?"]:
    return pyarrow.table({"name": ["axe"], "price": [25.0], "more": [1]})

@asset
def points() -> list[Point]:
    return [Point(x=1, y=2)]

@asset
def array() -> numpy.ndarray:
    return numpy.arange(6).reshape(3, 2)

@asset
def text() -> str:
    return "half a pair: \\ud800"

@asset
def file() -> Path:
    Path("report.csv").write_text("a,b")
    return Path("report.csv")

@asset
def pickled() -> Pickled[complex]:
    return 1j

@asset(partitions=Static(["eu", "us"]))
def region(key: PartitionKey, *, suffix: str = "!") -> str:
    return key + suffix
"""

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
    done = shell.run("materialize", "*", "-q", "-f", "broken.py")
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
    repaired = shell.run("materialize", "*")
    assert repaired.code == 0
    assert "2 run, 2 reused" in repaired.out


def test_a_blocking_check_that_fails_keeps_the_version_out(shell):
    shell.write("refusing.py", SHOP.replace("bool(scaled)", "False"))
    done = shell.here("materialize", "*", "-f", "refusing.py")
    assert done.code == 1
    assert "✕ scaled eu: blocking check not_empty failed: counted" in done.out
    assert "3 run, 0 reused, 2 refused, 1 skipped" in done.out
    assert {a["key"]: a["status"] for a in answer(shell, "assets")["assets"]} == {
        "numbers": "fresh",
        "scaled": "missing",
        "total": "missing",
    }


def test_what_was_refused_is_called_so_and_why_names_the_check(shell):
    shell.write("refusals.py", SHOP.replace("bool(scaled)", "scaled[0] > 2"))
    assert shell.here("materialize", "*", "-f", "refusals.py").code == 1
    said = "blocking check not_empty failed: counted"
    why = shell.here("why", "scaled", "--partition", "eu").out
    assert "missing    scaled eu has no version that may be used" in why
    assert re.search(rf"refused +scaled eu: {said} +event \d+\n", why)
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


def test_runs_of_many_steps_are_told_in_full(shell):
    shell.write("many.py", MANY)
    assert "1,100 run" in shell.here("materialize", "*", "-f", "many.py").out
    run = answer(shell, "runs")[0]["run"]
    assert [step["step"] for step in answer(shell, "run", run)["steps"]] == list(range(1_100))
    assert shell.here("run", run).out.endswith("1,000 steps not shown (1,000 succeeded); --all shows them\n")
    assert len(shell.here("run", run, "--all").out.splitlines()) == 1_105
    assert shell.here("logs", run, "1099").out == "day 1099\n"
    assert shell.here("lineage", "daily", "--down", "1").out.splitlines()[1].split("  ")[-1].strip() == f"{run}.0"
    assert "10 of 1,099 versions; --limit shows more\n" in shell.here("asset", "daily").out
    assert "versions; --limit" not in shell.here("asset", "daily", "--limit", "1099").out
    some = answer(shell, "asset", "daily", "--partition", "7,8,9", "--limit", "2")
    assert ([version["partition"] for version in some["versions"]], some["versions_count"]) == (["9", "8"], 3)
    absent = shell.here("asset", "first", "--partition", "7")
    assert (absent.code, absent.err) == (2, 'error: "first" has no partitions; ask without --partition\n')


@pytest.mark.parametrize("width", ["60", "160"])
def test_hostile_values_are_printed_as_they_are(shell, width):
    shell.write(
        "hostile.py",
        """
from latewood import *

@asset(description="[bold]not bold[/bold] [/]", tags={"[red]": "[/red]"}, owners=["żółć"])
def loud(context: Context, *, text: str = "[blink]漢字🎉") -> str:
    print("[red]red?[/red] [/] " + "w" * 500)
    context.add_metadata(note="[green]x[/green]", closing="[/]", long="y" * 500)
    return "z" * 100_000

@asset
def failing(loud: str) -> int:
    raise ValueError("[/] [link=x]" + "v" * 300 + "\\nsecond line żółć")

@check(loud)
def soft(loud: str) -> CheckResult:
    return CheckResult(passed=False, message="[b]bold?[/b]", metadata={"[i]": "[/i]"})
""",
    )
    done = shell.run("materialize", "*", "-q", "-f", "hostile.py", COLUMNS=width)
    assert (done.code, done.err) == (1, "")
    assert "✕ failing: ValueError: [/] [link=x]vvv" in done.out
    assert "▲ loud: check soft failed: [b]bold?[/b] ([i]=[/i])" in done.out
    page = shell.run("asset", "loud", COLUMNS=width)
    assert (page.code, page.err) == (0, "")
    for text in ("[bold]not bold[/bold] [/]", "[red]=[/red]", "żółć", "[blink]漢字🎉", "closing=[/]"):
        assert text in page.out
    run = answer(shell, "runs")[0]["run"]
    assert "[red]red?[/red] [/] " + "w" * 500 in shell.here("logs", run).out
    assert "second line żółć" in shell.here("logs", run).out
    assert shell.here("run", run).code == 0


def test_a_reader_that_closes_the_pipe_is_no_failure(shop):
    for command in (["log", "tail", "--after", "0"], ["plan", "*", "--force", "--json"], ["--help"]):
        process = shop.start(*command)
        process.stdout.close()
        assert process.wait(timeout=60) == 0, command
        assert process.stderr.read() == ""
        process.stderr.close()


# ── codes: 2 to 6, and 130 ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["materialize"], "Missing argument 'SELECTION'"),
        (["materialise", "*"], "Did you mean 'materialize'?"),
        (["plan", "*", "-f", "shop.py", "-f", "other.py"], "'-f' / '--file': expected it once, found it 2 times"),
        (["plan", "*", "-f", "shop.py", "-m", "other"], "expected -f FILE or -m MODULE, found both: shop.py and other"),
        (["plan", "*", "--partition", "eu", "--partition", "us"], "expected it once, as in eu,us"),
        (["plan", "*", "--forced"], "Did you mean '--force'?"),
        (["plan", "totl"], 'no asset "totl"; near: total'),
        (["plan", "total and (numbers"], "  total and (numbers\n                    ^\n"),
        (["plan", "gruop:raw"], "expected one of key, group, tag, owner, kind, status before the colon"),
        (["assets", "status:old"], "expected one of fresh, stale, missing, failed, running"),
        (["asset", "totl"], 'no asset "totl"; near: total'),
        (["why", "nothing"], "`latewood assets` lists them"),
        (["why", "scaled", "--partition", "de"], 'partition "de": expected'),
        (["why", "total", "--partition", "eu"], "has no partitions"),
        (["lineage", "total", "--partition", "eu"], "has no partitions"),
        (["show", "total", "--partition", "eu"], "has no partitions"),
        (["show", "scaled", "--partition", "eu..us"], "expected one partition, found 2"),
        (["show", "scaled", "--version", "nope.1"], "`latewood asset scaled` lists them"),
        (["run", ""], "expected a run, found nothing"),
        (["plan", "scaled", "--partition", "de"], 'partition "de"'),
        (["plan", "total", "--partition", "eu"], "none of the selected assets is partitioned"),
        (["plan", "scaled", "--param", "factor=3"], "expected ASSET.NAME=VALUE"),
        (["plan", "scaled", "--param", "scled.factor=3"], 'no asset "scled"'),
        (["plan", "scaled", "--param", "scaled.faktor=3"], '"scaled" has no parameter "faktor"; near: factor'),
        (["plan", "scaled", "--param", "scaled.factor=many"], "expected int, found 'many'"),
        (["run", "zzz"], "no such run; `latewood runs` lists them"),
        (["logs", "zzz"], "no such run"),
        (["log", "show", "99999"], "no event at position 99,999; the log ends at"),
        (["assets", "--env", "Not A Name"], 'environment "Not A Name": expected'),
        (["assets", "--env", "dev"], 'no environment "dev", only prod; `latewood materialize SELECTION -f FILE --env'),
        (["asset", "total", "--env", "dev"], 'no environment "dev"'),
        (["lineage", "total", "--env", "dev"], 'no environment "dev"'),
        (["why", "total", "--env", "dev"], 'no environment "dev"'),
        (["plan", "*", "--env", "dev"], 'no environment "dev"'),
        (["assets", "--as-of", "0"], "position 0 is not in the log: expected 1 to "),
        (["asset", "total", "--as-of", "-1"], "position -1 is not in the log: expected 1 to "),
        (["lineage", "total", "--as-of", "99999"], "position 99,999 is not in the log: expected 1 to "),
        (["why", "total", "--as-of", f"{10**30}"], "is not in the log: expected 1 to "),
        (
            ["why", "total", "--as-of", "yesterday"],
            "expected a position of the log, or a time such as 2026-03-02T14:30, ",
        ),
        (["assets", "--as-of", "2026-02-30"], 'or a time such as 2026-03-02T14:30, found "2026-02-30"'),
        (["assets", "--as-of", "1999-12-31"], " is before the log, which begins at 20"),
        (["rollback", "total", "--to-time", "12"], 'expected a time such as 2026-03-02T14:30, found "12"'),
    ],
)
def test_2_what_cannot_be_asked_says_what_can(shop, arguments, message):
    done = shop.here(*arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_2_what_would_be_read_and_was_never_made(shell):
    shell.write("blocked.py", SHOP)
    done = shell.here("materialize", "total", "-f", "blocked.py")
    assert done.code == 2
    assert "total reads scaled, of which something was never materialized" in done.err
    assert "`+KEY` selects KEY with everything upstream" in done.err
    assert answer(shell, "runs") == []


BASE = """
from latewood import *

@asset
def base(*, size: int) -> int:
    return size

@asset
def broad(base: int) -> int:
    return base

@asset
def narrow(broad: int) -> int:
    return broad
"""


def test_2_selecting_more_is_advised_only_where_it_helps(shell):
    shell.write("base.py", BASE)
    waits = shell.here("materialize", "narrow", "-f", "base.py")
    assert (waits.code, "waits for --param base.size" in waits.err, "+KEY" in waits.err) == (2, True, False)
    shell.write("base.py", BASE.replace("size: int)", "size: int = 1)"))
    helps = shell.here("materialize", "narrow", "-f", "base.py")
    assert (helps.code, "+KEY" in helps.err) == (2, True)
    shell.write("top.py", "from latewood import *\n@asset\ndef top(narrow: int) -> int: return narrow\n")
    elsewhere = shell.here("materialize", "+top", "-f", "top.py")
    assert (elsewhere.code, "+KEY" in elsewhere.err) == (2, False)
    assert "narrow is of base.py: `latewood materialize narrow -f base.py`" in elsewhere.err
    run = json.loads(shell.here("materialize", "*", "-f", "base.py", "--json").out)["run"]
    shell.here("retract", f"{run}.0", "--reason", "wrong")
    for force in ([], ["--force"]):
        retracted = shell.here("materialize", "broad", "-f", "base.py", *force)
        assert (retracted.code, "broad reads base, which is retracted" in retracted.err) == (2, True)
        assert "+KEY" not in retracted.err


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
    assert (slip.code, 'no environment "pord", only dev, prod' in slip.err) == (2, True)
    assert "'interrupted'" in shell.here("runs", "--status", "done").err


def test_2_without_a_file_it_must_be_clear_which(shell):
    assert "nothing is deployed from here yet" in shell.here("materialize", "*").err
    shell.write("one_file.py", "from latewood import asset\n@asset\ndef a() -> int: return 1\n")
    assert shell.here("materialize", "*", "-f", "one_file.py").code == 0
    assert "0 run, 1 reused" in shell.here("materialize", "*").out
    shell.write("other_file.py", "from latewood import asset\n@asset\ndef b(a: int) -> int: return a\n")
    assert "1 run, 0 reused" in shell.here("materialize", "*", "-f", "other_file.py").out
    for command in ("materialize", "plan"):
        done = shell.here(command, "*")
        assert (done.code, done.out) == (2, "")
        assert "since several are deployed from here: one_file.py, other_file.py" in done.err


def test_2_a_plan_without_the_code_says_what_materialize_would(shell):
    (shell.folder / "code").mkdir()
    (shell.folder / "elsewhere").mkdir()
    shell.write("code/pyproject.toml", "")
    shell.write("elsewhere/pyproject.toml", "")
    shell.write("code/a.py", "from latewood import asset\n@asset\ndef a() -> int: return 1\n")
    inside, outside = replace(shell, folder=shell.folder / "code"), replace(shell, folder=shell.folder / "elsewhere")
    never = [inside.here(command, "*") for command in ("materialize", "plan")]
    assert {(done.code, done.out, done.err) for done in never} == {
        (2, "", "error: expected -f FILE or -m MODULE, since nothing is deployed from here yet\n")
    }
    assert inside.here("materialize", "*", "-f", "a.py").code == 0
    assert "1 fresh" in inside.here("plan", "*").out
    away = [outside.here(command, "*") for command in ("materialize", "plan")]
    where = f"the code that is deployed in prod is not below {outside.folder}: a.py"
    assert {(done.code, done.out, done.err) for done in away} == {
        (2, "", f"error: expected -f FILE or -m MODULE, since {where}\n")
    }


def test_2_an_attribute_that_no_asset_has_is_a_slip_and_no_run(shell):
    shell.write("attributes.py", SHOP)
    assert shell.here("deploy", "-f", "attributes.py").code == 0
    for command in ("materialize", "plan", "assets"):
        done = shell.here(command, "group:rwa")
        assert (done.code, 'a group that some asset has, found "rwa". Near it: raw' in done.err) == (2, True)
    nothing = shell.here("materialize", "status:stale", "--json")
    assert (nothing.code, json.loads(nothing.out)["run"], nothing.err) == (0, None, "")
    assert answer(shell, "runs") == []


PROBLEMS = """
from latewood import *

days = Daily("2026-01-01", "2026-01-08")

@asset
def numbers() -> list[int]: ...

@asset(key="numbers")
def again() -> int: ...

@asset
def reader(nombers2: list[int]) -> int: ...

@asset
def text() -> str: ...

@asset
def misfit(text: int) -> int: ...

@asset
def chicken(egg: int) -> int: ...

@asset
def egg(chicken: int) -> int: ...

@asset(partitions=days)
def daily() -> int: ...

@asset(partitions=Static(["eu", "us"]))
def regional(daily: int) -> int: ...

@asset
def several(*numbers: int) -> int: ...

class Thing: ...

@asset
def opaque() -> Thing: ...

@asset
def unreadable() -> "Missing": ...

@asset
def default(*, depth: int = "deep") -> int: ...

@asset(retries=-1)
def negative() -> int: ...

@asset
def windowed(window: TimeWindow) -> int: ...

@check(text)
def wrong(text: int) -> bool: ...
"""
EXPECTED = [
    r'problems.py:6: asset "numbers": defined 2 times',
    r'problems.py:9: asset "numbers": defined 2 times',
    r'problems.py:12: asset "reader": parameter "nombers2": no asset of that name; near: numbers\.',
    r'problems.py:18: asset "misfit": parameter "text" expects int, but "text" produces str',
    r"problems.py:21: assets read each other: chicken -> egg -> chicken",
    r'problems.py:30: asset "regional": input "daily": no default leads from .* to .* static \(eu, us\)',
    r'problems.py:33: asset "several": parameter "\*numbers: int": a task names everything it reads',
    r'problems.py:38: asset "opaque": type Thing: .* or allow pickle with Pickled\[Thing\]',
    r"problems.py:41: asset \"unreadable\": annotations cannot be read: NameError: name 'Missing' is not defined",
    r'problems.py:44: asset "default": default of parameter "depth": expected int, found \'deep\'',
    r'problems.py:47: asset "negative": Retry: retries: expected 0 to 1,000, found -1',
    r'problems.py:50: asset "windowed": asks for its partition, but has none; give it partitions=',
    r'problems.py:53: check "wrong": parameter "text" cannot take what "text" produces: expected int, found str',
]


def test_every_problem_of_a_file_is_told_at_once_and_nothing_is_deployed(shell):
    shell.write("problems.py", PROBLEMS)
    done = shell.here("materialize", "*", "-f", "problems.py")
    assert (done.code, done.out) == (3, "")
    told = [line for line in done.err.splitlines() if not line.startswith(" ")]
    assert told.pop() == f"{len(EXPECTED)} errors. Nothing was deployed."
    for line, pattern in zip(told, EXPECTED, strict=True):
        assert re.match(pattern, line.removeprefix("error: ")), line
    assert shell.here("plan", "*", "-f", "problems.py").code == 3
    assert answer(shell, "assets")["assets"] == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nowhere", "unloadable.py:4: cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("1 / 0", "unloadable.py:4: cannot be imported: ZeroDivisionError"),
        ("def f(:", "unloadable.py:4: SyntaxError"),
        ('Cron("61 * * * *", "2026-01-01")', 'unloadable.py:4: cron expression "61 * * * *"'),
        ('Daily("2026-01-01", timezone="Europe/Berlon")', "did you mean Europe/Berlin"),
        ('Table["a: int46"]', "unloadable.py:4: table schema"),
    ],
)
def test_3_a_file_that_cannot_be_loaded_says_where(shell, source, message):
    shell.write("unloadable.py", f"from latewood import *\n\n\n{source}\n")
    done = shell.here("materialize", "*", "-f", "unloadable.py")
    assert (done.code, done.out) == (3, "")
    assert message in done.err
    assert "Traceback" not in done.err


def test_3_files_and_modules_that_are_not_there(shell):
    assert "no such file" in shell.here("materialize", "*", "-f", "nothing.py").err
    assert shell.here("materialize", "*", "-m", "nothing_at_all").code == 3


def test_4_an_unreachable_database_and_its_password_stays_unsaid(shell):
    for url in ("postgresql://me:s3cret@127.0.0.1:9/db", "mysql://me:s3cret@127.0.0.1/db", "s3cret"):
        done = shell.run("assets", LATEWOOD_DATABASE_URL=url)
        assert (done.code, done.out) == (4, "")
        assert done.err.startswith("error: database ")
        assert "s3cret" not in done.err


def test_5_a_changed_byte_is_found_and_its_position_named(home, shell):
    superuser = embedded.superuser_url(home)
    url = bootstrap(superuser, "tampered", embedded.ensure_started(home).url.password)
    shell.write("tampered.py", "from latewood import asset\n@asset\ndef a() -> int: return 1\n")
    elsewhere = {"LATEWOOD_DATABASE_URL": url.reveal()}
    assert shell.run("materialize", "*", "-f", "tampered.py", **elsewhere).code == 0
    assert shell.run("log", "verify", **elsewhere).code == 0
    execute(
        superuser.with_database("tampered"),
        "SET session_replication_role = replica; "
        "UPDATE latewood.events SET data = replace(data::text, '\"a\"', '\"b\"')::json WHERE position = 1",
    )
    done = shell.run("log", "verify", **elsewhere)
    assert (done.code, done.out) == (5, "")
    assert "position 1" in done.err
    assert shell.run("db", "stop", **elsewhere).code == 2
    execute(superuser, "DROP DATABASE tampered WITH (FORCE)")


def test_6_a_store_that_cannot_be_written_and_2_one_that_cannot_be(shell):
    shell.write("stored.py", "from latewood import asset\n@asset\ndef a() -> int: return 1\n")
    done = shell.run("materialize", "*", "-f", "stored.py", LATEWOOD_STORE=str(shell.folder / "stored.py"))
    assert (done.code, done.out) == (6, "")
    assert f"cannot create {shell.folder}/stored.py: File exists" in done.err
    done = shell.run("assets", LATEWOOD_STORE="s3://bucket/store")
    assert (done.code, done.out) == (2, "")
    assert 'artifact store "s3://bucket/store": expected a folder or a file: URL, found scheme "s3"' in done.err


def test_130_cancelled_and_what_was_finished_is_kept(shell):
    shell.write(
        "slow.py",
        """
import pathlib, time
from latewood import asset

@asset
def quick() -> int:
    return 1

@asset
def slow(quick: int) -> int:
    pathlib.Path("begun").touch()
    time.sleep(60)
    return 2
""",
    )
    process = shell.start("materialize", "*", "-q", "-f", "slow.py")
    while not (shell.folder / "begun").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert "1 run, 0 reused" in out
    assert "Cancelled; what was finished is kept." in out
    run = answer(shell, "runs")[0]
    assert run["status"] == "cancelled"
    assert [step["status"] for step in answer(shell, "run", run["run"])["steps"]] == ["succeeded", "cancelled"]


# ── options ──────────────────────────────────────────────────────────────────────────────────────────────


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


def test_following_the_log_ends_with_ctrl_c(shop):
    process = shop.start("log", "tail", "--after", "0", "--follow", "--json")
    assert set(json.loads(process.stdout.readline())) == _EVENT
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_version_and_help(environ, tmp_path):
    shell = shell_in({**environ, "LATEWOOD_DATABASE_URL": "nothing is asked of it"}, tmp_path, "help")
    assert re.fullmatch(r"latewood \d+\.\d+\.\d+\n", shell.run("--version").out)
    for command in ("", "materialize", "plan", "assets", "asset", "lineage", "why", "runs", "run", "logs", "log", "db"):
        done = shell.here(*filter(None, [command]), "--help")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("Usage: latewood")


def test_deploying_makes_definitions_the_environments_and_runs_nothing(shell):
    shell.write("a.py", "from latewood import asset\n@asset\ndef a() -> int:\n    return 1\n")
    assert shell.here("deploy", "-f", "a.py").out == "a.py is deployed to prod: 1 asset\n"
    told = json.loads(shell.here("deploy", "--json").out)
    assert (told["location"], told["environment"], told["assets"], told["dropped"]) == ("a.py", "prod", ["a"], [])
    assert [a["status"] for a in json.loads(shell.here("assets", "--json").out)["assets"]] == ["missing"]
    assert json.loads(shell.here("runs", "--json").out) == []
    shell.write("a.py", "from latewood import asset\n@asset\ndef b() -> int:\n    return 1\n")
    assert "dropped: 1 asset of prod that a.py no longer defines: a\n" in shell.here("deploy").err


def test_caches_that_nobody_used_go_with_what_they_take_unless_they_are_in_use(shell, home):
    folder = home / "code" / "unused"
    folder.mkdir(parents=True)
    (folder / "assets.py").write_bytes(b"#" * 2_048)
    os.utime(folder, (0, 0))
    said = "1 folder (2 KiB) of unpacked code and virtual environments that nobody used for 30 days"
    assert f"would remove {said}" in shell("gc", "--dry-run")
    with caches_in_use(home):
        assert "are in use; none was removed" in shell("gc")
        assert json.loads(shell("gc", "--json"))["caches"]["in_use"]
    assert json.loads(shell("gc", "--dry-run", "--json"))["caches"]["folders"] == ["code/unused"]
    assert f"removed {said}" in shell("gc")
    found = json.loads(shell("gc", "--json"))["caches"]
    assert found == {"in_use": False, "bytes": 0, "folders": [], "kept": {"folders": 0, "bytes": 0}}


UPPER = """
from latewood import asset

@asset
def counted() -> int:
    return 1
"""

LOWER = """
from latewood import asset

@asset
def doubled(counted: int) -> int:
    return 2 * counted
"""


def test_what_is_selected_of_another_file_is_named_as_left_out(shell):
    shell.write("upper.py", UPPER)
    shell.write("lower.py", LOWER)
    for file in ("upper.py", "lower.py"):
        assert shell.here("materialize", "*", "-f", file).code == 0
    for command in ("plan", "materialize"):
        assert "left out: counted, of upper.py" in shell.here(command, "+doubled", "-f", "lower.py").out
        assert "left out" not in shell.here(command, "*", "-f", "lower.py").out


def test_the_default_environment_is_dropped_by_force_only(shell):
    shell.write("upper.py", UPPER)
    assert shell.here("materialize", "*", "-f", "upper.py").code == 0
    refused = shell.here("env", "drop", "prod")
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert {a["status"] for a in answer(shell, "assets")["assets"]} == {"fresh"}
    assert shell.here("env", "drop", "prod", "--force").code == 0


def test_who_changes_what_another_file_reads_is_told(shell):
    shell.write("upper.py", UPPER)
    shell.write("lower.py", LOWER)
    for file in ("upper.py", "lower.py"):
        assert "breaks" not in shell.here("materialize", "*", "-f", file).err
    shell.write("upper.py", UPPER.replace("-> int", "-> str").replace("return 1", 'return "1"'))
    for command in (("plan", "*"), ("materialize", "*"), ("deploy",)):
        said = shell.here(*command, "-f", "upper.py")
        assert (said.code, "doubled of lower.py expects int of counted, which produces str" in said.err) == (0, True)
    shell.write("upper.py", "from latewood import Definitions\ndefinitions = Definitions()\n")
    assert "doubled of lower.py reads counted, which nothing defines" in shell.here("deploy", "-f", "upper.py").err


def test_a_store_that_cannot_be_used_ends_with_its_own_code_before_anything_is_deployed(shell):
    shell.write("stored.py", "from latewood import asset\n\n@asset\ndef one() -> int:\n    return 1\n")
    (shell.folder / "in_the_way").write_text("no folder")
    for store in ("/proc/store", str(shell.folder / "in_the_way")):
        done = shell.here("materialize", "*", "-f", "stored.py", LATEWOOD_STORE=store)
        assert (done.code, "LATEWOOD_STORE" in done.err) == (6, True), done.err
        assert json.loads(shell.here("assets", "--json").out)["assets"] == []


def test_a_folder_for_a_file_and_an_environment_for_an_asset_are_told_as_what_they_are(shop):
    folder = shop.here("plan", "*", "-f", ".")
    assert (folder.code, folder.err.startswith("error: expected a Python file, found a folder: ")) == (3, True)
    shop.here("env", "create", "trial")
    diff = shop.here("env", "diff", "trial", "prod")
    assert (diff.code, 'no asset "prod"; the environment of that name is said by `--to prod`' in diff.err) == (2, True)
