"""What is seen of a run while it goes on."""

import json
import os
import pty
import re
import select
import subprocess

from e2e.shell import LATEWOOD

SOURCE = """
from latewood import Static, asset

@asset(partitions=Static(["a", "b"]), reuse=False)
def slow() -> int:
    print("said by the step")
    with open("go") as pipe:  # until the test has seen what it waits for
        return len(pipe.read())
"""

FOLLOWED = """
from latewood import asset

@asset
def first() -> int:
    return 1

@asset(reuse=False)
def slow(first: int) -> int:
    with open("go") as pipe:  # until the test has read what was told before
        return len(pipe.read())
"""

FAILING = """
from latewood import PartitionKey, Static, asset

@asset(partitions=Static([f"p{n}" for n in range(30)]))
def many(key: PartitionKey) -> int:
    raise ValueError(f"bad {key}")

@asset
def other() -> int:
    raise OSError("gone")
"""


def test_the_display_is_live_while_user_code_runs(shell):
    shell.write("a.py", SOURCE)
    os.mkfifo(shell.folder / "go")
    terminal, theirs = pty.openpty()
    command = [LATEWOOD, "materialize", "*", "-f", "a.py"]
    process = subprocess.Popen(
        command, cwd=shell.folder, env={**shell.environ, "TERM": "xterm-256color"}, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    for drawn in (b"0/2", b"1/2"):
        while drawn not in seen:  # it is drawn again and again while the step waits for its pipe
            assert select.select([terminal], [], [], 60)[0], f"nothing is drawn: {seen!r}"
            seen += os.read(terminal, 65_536)
        (shell.folder / "go").write_text("now")
    assert process.wait() == 0
    assert b"said by the step" not in seen
    os.close(terminal)


def test_a_pipe_gets_the_run_and_each_task_while_the_next_one_runs(shell):
    shell.write("a.py", FOLLOWED)
    os.mkfifo(shell.folder / "go")
    process = shell.start("materialize", "*", "-f", "a.py", "--json")
    run = re.fullmatch(r"run (\w+)  2 steps\n", process.stderr.readline())[1]
    assert re.fullmatch(r"first  1 run in .* m?s\n", process.stderr.readline())
    (shell.folder / "go").write_text("now")
    out, err = process.communicate(timeout=60)
    assert re.fullmatch(r"slow  1 run in .* m?s\n", err)
    assert (process.returncode, json.loads(out)["ran"], json.loads(out)["run"]) == (0, 2, run)


def test_standard_output_is_the_answer_alone_and_quiet_is_silent(shell):
    shell.write("a.py", FAILING)
    loud = shell.here("materialize", "*", "-f", "a.py", "--json")
    assert loud.err.splitlines()[0] == f"run {json.loads(loud.out)['run']}  31 steps"
    assert "failed: other: OSError: gone" in loud.err
    assert len(loud.err.splitlines()) == 8, "not a line for each partition"
    quiet = shell.here("materialize", "*", "--json", "-q")
    assert (quiet.err, json.loads(quiet.out)["failed"]) == ("", 31)


def test_outside_of_a_terminal_each_thing_is_said_once(shell):
    shell.write("a.py", FAILING + "\n@asset\ndef fine() -> int:\n    return 1\n")
    done = shell.here("materialize", "*", "-f", "a.py")
    both = done.out + done.err
    for once in ("failed: other: OSError: gone", "failed: many p0: ValueError: bad p0", "OSError: gone"):
        assert (done.err.count(once), both.count(once)) == (1, 1)
    for asset in ("many", "other", "fine"):
        assert len([line for line in both.splitlines() if line.startswith(f"{asset} ")]) == 1, asset


def test_many_failures_of_one_asset_hide_no_other(shell):
    shell.write("a.py", FAILING)
    done = shell.here("materialize", "*", "-f", "a.py", "-q")
    told = [line for line in done.out.splitlines() if line.startswith("✕")]
    assert told == [
        "✕ many p0: ValueError: bad p0",
        "✕ many p1: ValueError: bad p1",
        "✕ many p2: ValueError: bad p2",
        "✕ many: … and 27 more",
        "✕ other: OSError: gone",
    ]


def test_a_file_is_retired_by_definitions_of_nothing(shell):
    shell.write("a.py", "from latewood import asset\n@asset\ndef a() -> int:\n    return 1\n")
    assert shell.here("materialize", "*", "-f", "a.py").code == 0
    shell.write("b.py", (shell.folder / "a.py").read_text())
    moved = shell.here("deploy", "-f", "b.py")
    assert (moved.code, "if it moved here, deploy the other one without it first" in moved.err) == (3, True)
    shell.write("a.py", "")
    emptied = shell.here("deploy", "-f", "a.py")
    assert (emptied.code, "say `definitions = Definitions()` in it" in emptied.err) == (3, True)
    shell.write("a.py", "from latewood import Definitions\ndefinitions = Definitions()\n")
    assert "dropped: 1 asset of prod" in shell.here("deploy", "-f", "a.py").err
    assert shell.here("deploy", "-f", "b.py").code == 0
    assert [a["key"] for a in json.loads(shell.here("assets", "--json").out)["assets"]] == ["a"]
    (shell.folder / "b.py").unlink()
    assert 'no deployment of location "c.py"; near: ' in shell.here("deployments", "retire", "c.py").err
    retired = shell.here("deployments", "retire", "b.py").out
    assert retired.startswith("prod has nothing of b.py any more. 1 asset dropped: a.\n")
    assert json.loads(shell.here("assets", "--json").out)["assets"] == []
    back = re.search("`latewood (deployments rollback [^`]+)`", retired)[1].split()
    assert shell.here(*back).code == 0
    assert "head" in shell.here("asset", "a").out, "it is back with its versions"


def test_a_plan_says_when_it_is_by_other_code_than_what_is_deployed(shell):
    source = "from latewood import asset\n@asset\ndef a() -> int:\n    return 1\n"
    source += "@asset\ndef b(a: int) -> int:\n    return a\n"
    shell.write("a.py", source)
    assert shell.here("materialize", "*", "-f", "a.py").code == 0
    (first,) = json.loads(shell.here("deployments", "--json").out)["deployments"]
    shell.write("a.py", source.replace("1", "2"))
    assert shell.here("materialize", "*").code == 0
    rolled = shell.here("deployments", "rollback", "a.py", first["deployment"]).out
    assert "stale by that: a, b" in rolled
    assert "go by the code as it stands" in rolled
    note = "That is by a.py as it stands here: prod has another deployment of it, of which `latewood assets` tells.\n"
    assert shell.here("plan", "status:stale").out == f"Nothing to do: status:stale selects nothing\n{note}"
    assert shell.here("materialize", "*").code == 0
    older = json.loads(shell.here("asset", "a", "--json").out)["versions"][-1]["version"]
    assert shell.here("rollback", "a", older).code == 0
    planned = shell.here("plan", "*").out
    assert [line.split() for line in planned.splitlines()[1:3]] == [
        ["reuse", "a", "code:", "a", "(a.py:3)", "changed"],
        ["fresh", "b", "once", "a", "is", "taken", "again"],
    ]
    assert note not in planned


def test_what_failed_alike_is_summed_up_in_the_run_and_in_its_logs(shell):
    shell.write("a.py", FAILING)
    shell.here("materialize", "*", "-f", "a.py", "-q")
    run = json.loads(shell.here("runs", "--json").out)[0]["run"]
    shown = shell.here("run", run).out
    assert (shown.count("ValueError: bad p"), shown.count("OSError: gone")) == (3, 1)
    assert "27 steps not shown (27 failed); --all shows them" in shown
    assert shell.here("run", run, "--all").out.count("ValueError: bad p") == 30
    logs = shell.here("logs", run).out
    assert (logs.count("ValueError: bad p"), logs.count("OSError: gone")) == (3, 1)
    assert f"many: … and 27 more alike; `latewood logs {run} STEP` prints one" in logs


def test_an_asset_without_partitions_yet_says_so_and_the_last_value_is_called_the_last(shell):
    source = "from latewood import *\nfrom latewood.partitions import Dynamic\n\n"
    source += "@asset(partitions=Dynamic('none'))\ndef empty() -> int:\n    return 1\n\n"
    source += (
        "@asset(partitions=Static(['a', 'b']))\ndef two() -> Table['n: int64']:\n    return pa.table({'n': [1]})\n"
    )
    shell.write("a.py", "import pyarrow as pa\n" + source)
    done = shell.here("materialize", "*", "-f", "a.py")
    assert "empty  no partitions yet" in done.out
    assert re.search(r"two .* last: 1 rows?", done.out), done.out
