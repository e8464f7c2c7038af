"""What cannot be asked ends with code 2, and says what can be."""

import json
from dataclasses import replace

import pytest

from e2e.shop import SHOP, answer


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["materialize"], "Missing argument 'SELECTION'"),
        (["materialize", "total", "scaled"], "expected one selection, found 2 words; 'total or scaled' selects all of"),
        (["assets", "total", "scaled"], "'total or scaled' selects all of them"),
        (["plan", "shop.py", "other.py"], "quote it, as in '*'"),
        (["rollback"], "rollback [OPTIONS] KEY VERSION|--to-time|--to-position"),
        (["materialise", "*"], "Did you mean 'materialize'?"),
        (["why", "k", "-f", "shop.py", "-f", "other.py"], "'-f' / '--file': expected it once, found it 2 times"),
        (["why", "k", "-f", "shop.py", "-m", "other"], "expected -f FILE or -m MODULE, found both: shop.py and other"),
        (["plan", "*", "-f", "shop.py", "-f", "o.py", "--param", "a.b=1"], "expected one -f FILE with --param"),
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
        (["plan", "scaled", "--param", "factor=3"], "expected ASSET.NAME=VALUE; near: scaled.factor"),
        (["plan", "shop.py"], "expected a selection, found a file; it is named by -f, as in '*' -f shop.py"),
        (["env", "promote", "dev", "prod"], 'no environment "dev"; there is prod'),
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
        (["asset", "total", "--as-of", "0"], 'no asset "total"'),
        (["asset", "total", "--as-of", "-1"], "position -1 is not in the log: expected 0 to "),
        (["lineage", "total", "--as-of", "99999"], "position 99,999 is not in the log: expected 0 to "),
        (["why", "total", "--as-of", f"{10**30}"], "is not in the log: expected 0 to "),
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
    for said in (("totl",), ("total", "--partition", "eu"), ("*", "--param", "scaled.factor=many")):
        assert shell.here("materialize", *said, "-f", "blocked.py").code == 2
    assert answer(shell, "deployments") == {"deployments": []}, "nothing is left of what only ever was refused"


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
    assert (waits.code, "waits for --param base.size=VALUE\n" in waits.err, "+KEY" in waits.err) == (2, True, False)
    shell.write("base.py", BASE.replace("size: int)", "size: int = 1)"))
    helps = shell.here("materialize", "narrow", "-f", "base.py")
    assert (helps.code, "+KEY" in helps.err) == (2, True)
    assert shell.here("deploy", "-f", "base.py").code == 0
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


def test_2_without_a_file_it_must_be_clear_which(shell):
    assert "nothing is deployed from here yet" in shell.here("materialize", "*").err
    shell.write("one_file.py", "from latewood import asset\n@asset\ndef a() -> int: return 1\n")
    assert shell.here("materialize", "*", "-f", "one_file.py").code == 0
    assert "0 run, 1 reused" in shell.here("materialize", "*").out
    shell.write("other_file.py", "from latewood import asset\n@asset\ndef b(a: int) -> int: return a\n")
    assert "1 run, 0 reused" in shell.here("materialize", "*", "-f", "other_file.py").out
    assert "0 run, 0 maybe, 0 reuse, 2 fresh" in shell.here("plan", "*").out
    assert shell.here("materialize", "*").out.count("0 run, 1 reused") == 2
    done = shell.here("observe", "*")
    assert (done.code, done.out) == (2, "")
    assert "since several are deployed from here: one_file.py, other_file.py" in done.err
    for selection in ("*", "a or b"):
        tried = shell.here("materialize", selection, "--param", "a.x=1")
        assert (tried.code, "expected one -f FILE with --param" in tried.err) == (2, True)
        assert f'"{selection}" selects of one_file.py and other_file.py\n' in tried.err


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


def test_a_folder_for_a_file_and_an_environment_for_an_asset_are_told_as_what_they_are(shop):
    folder = shop.here("plan", "*", "-f", ".")
    assert (folder.code, folder.err.startswith("error: expected a Python file, found a folder: ")) == (3, True)
    shop.here("env", "create", "trial")
    diff = shop.here("env", "diff", "trial", "prod")
    assert (diff.code, 'no asset "prod"; the environment of that name is said by `--to prod`' in diff.err) == (2, True)


def test_0_a_run_that_no_engine_takes_is_asked_for_and_told(shell):
    shell.write("base.py", BASE.replace("size: int)", "size: int = 1)"))
    told = shell.here("materialize", "*", "-f", "base.py", "--detach")
    assert (told.code, "No engine is running: start one, `latewood engine`" in told.out) == (0, True)
    assert answer(shell, "materialize", "*", "--detach")["engines"] == []


WITHOUT = """
from latewood import *

@task
def size() -> int:
    return 1

@task
def large(size: int) -> int:
    return size

@task
def small(size: int) -> int:
    return -size

@workflow
def chosen() -> int:
    found = size()
    return when(found > 5).then(large, found).otherwise(small, found)
"""


def test_0_strictly_only_what_is_wanted_counts_as_left_out(shell):
    shell.write("without.py", WITHOUT)
    assert shell.here("materialize", "*", "-f", "without.py", "--strict").code == 0, "a branch is not taken"
    assert shell.here("materialize", "*", "--strict").code == 0
    shell.write(
        "top.py", "from latewood import *\n@asset(inputs={'x': 'chosen/size'})\ndef top(x: int) -> int: return x\n"
    )
    other = shell.here("materialize", "+top", "-f", "top.py", "--strict")
    assert (other.code, "left out: chosen/size, of without.py" in other.out) == (0, True)
