"""`latewood deploy`, and what of a file cannot be deployed."""

import json
import re

import pytest

from e2e.shop import LOWER, UPPER, answer

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
        ("import sqlite4", "No module named 'sqlite4'; did you mean sqlite3?"),
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


def test_deploying_makes_definitions_the_environments_and_runs_nothing(shell):
    shell.write("a.py", "from latewood import asset\n@asset\ndef a() -> int:\n    return 1\n")
    assert shell.here("deploy", "-f", "a.py").out == "a.py is deployed to prod: 1 asset\n"
    told = json.loads(shell.here("deploy", "--json").out)
    assert (told["location"], told["environment"], told["assets"], told["dropped"]) == ("a.py", "prod", ["a"], [])
    assert [a["status"] for a in json.loads(shell.here("assets", "--json").out)["assets"]] == ["missing"]
    assert json.loads(shell.here("runs", "--json").out) == []
    shell.write("a.py", "from latewood import asset\n@asset\ndef b() -> int:\n    return 1\n")
    assert "dropped: 1 asset of prod that a.py no longer defines: a\n" in shell.here("deploy").err


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
