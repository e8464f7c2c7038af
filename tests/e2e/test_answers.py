"""What every command answers to people and to machines, in a project that was materialized once."""

import json
import re
import signal

import pytest

from e2e.shell import shell_in
from e2e.shop import answer


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


def test_a_data_version_is_short_for_people_and_whole_for_machines(shop):
    whole = answer(shop, "asset", "numbers")["versions"][0]["data_version"]
    assert re.fullmatch(r"json1:[0-9a-f]{64}", whole)
    shown = shop.here("asset", "numbers").out
    assert (f"{whole[:18]}  " in shown, whole[:19] in shown) == (True, False)


_RUN = {
    "run", "kind", "status", "environment", "selection", "partitions", "actor", "automation", "requested_at",
    "requested_position", "ended_at", "ended_position", "counts", "recorded", "unheard_s",
}  # fmt: skip


_ASSET = {"key", "status", "location", "origin", "group", "owners", "tags", "kinds", "description", "partitions"}


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
    assert set(page) == _ASSET | of_page | {"renames", "versions_count", "resources", "stored", "freshness"}
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
    assert set(plan) == {"position", "environment", "counts", "awaiting", "steps", "would_drop", "replaces", "brings"}
    assert plan["counts"] == {"blocked": 0, "depends": 0, "fresh": 0, "reuse": 0, "run": 4, "skip": 0}
    step = {
        "assets",
        "action",
        "partitions",
        "count",
        "trial",
        "code",
        "parameters",
        "inputs",
        "reasons",
        "elements",
        "each",
    }
    assert set(plan["steps"][0]) == step
    assert plan["steps"][1]["partitions"] == "eu..us"
    assert plan["steps"][1]["reasons"] == [{"cause": "forced", "subject": ""}]
    why = answer(shop, "why", "scaled", "--partition", "eu")
    assert set(why) == {
        "asset", "partition", "status", "position", "since", "head", "failed", "nearest", "made_because", "findings",
        "renames", "replaced", "absent", "head_since", "moved", "taken_from", "foreseen", "carried", "freshness",
        "elements", "asked_by", "barred",
    }  # fmt: skip
    assert set(why["head"]) == _VERSION


def test_why_of_a_run_and_of_a_step_of_it(shop):
    (run,) = [listed["run"] for listed in answer(shop, "runs")]
    said = shop.here("why", run).out
    assert said.startswith(f"run {run} was asked for by ")
    for phrase in ("* in prod\n", "1-2  run      it was missing", "planned from what position "):
        assert phrase in said
    step = shop.here("why", run, "2").out.splitlines()
    assert step[0].startswith(f"step 2 of run {run}, scaled us, was run, event ")
    assert step[1:] == ["planned: run, since it was missing"]
    told = answer(shop, "why", run)
    assert [planned["assets"] for planned in told["planned"]] == [["numbers"], ["scaled"], ["total"]]
    told = answer(shop, "why", run, "2")
    assert (told["decision"], told["reasons"]) == ("run", [{"cause": "missing", "subject": "", "check": ""}])
    refused = shop.here("why", run, "9")
    assert (refused.code, f"run {run} has no step 9" in refused.err) == (2, True)
    assert "no asset" in shop.here("why", "numbrs").err


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
    assert set(run) == _RUN | {"steps", "automation", "run_key"}
    assert set(run["steps"][0]) == {"step", "assets", "partition", "status", "message", "attempt", "duration_ms"}
    lines = shop.here("log", "tail", "--after", "0", "--json").out.splitlines()
    assert set(json.loads(lines[-1])) == _EVENT
    position = json.loads(lines[0])["position"]
    assert json.loads(shop.here("log", "show", str(position)).out) == json.loads(lines[0])
    assert set(answer(shop, "log", "stats")) == {"events", "bytes"}
    assert set(answer(shop, "log", "verify")) == {"position", "projections", "rows"}


def test_following_the_log_ends_with_ctrl_c(shop):
    process = shop.start("log", "tail", "--after", "0", "--follow", "--json")
    assert set(json.loads(process.stdout.readline())) == _EVENT
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


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


def test_a_project_without_assets_has_answers_too(shell):
    assert "No assets in prod yet" in shell.here("assets").out
    assert answer(shell, "assets")["assets"] == []
    assert "No runs yet" in shell.here("runs").out
    assert answer(shell, "runs") == []


def test_version_and_help(environ, tmp_path):
    shell = shell_in({**environ, "LATEWOOD_DATABASE_URL": "nothing is asked of it"}, tmp_path, "help")
    assert re.fullmatch(r"latewood \d+\.\d+\.\d+\n", shell.afresh("--version").out)
    for command in ("", "materialize", "plan", "assets", "asset", "lineage", "why", "runs", "run", "logs", "log", "db"):
        done = shell.here(*filter(None, [command]), "--help")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("Usage: latewood")
