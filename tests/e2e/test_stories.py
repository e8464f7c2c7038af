"""Stories that once went wrong, each through the command line from beginning to end."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

CHECKED = """
from latewood import asset, check

@asset
def source() -> int:
    return 1

@asset
def reader(source: int) -> int:
    return source + {plus}
"""

REFUSING = """
@check(source, blocking=True)
def refuses(source: int) -> bool:
    return source > {least}
"""


@pytest.fixture
def shell(own_log):
    return own_log


def ended(shell, *arguments):
    """Exit code and JSON of a materialization."""
    done = shell.here("materialize", *arguments, "--json")
    return done.code, json.loads(done.out)


def test_a_check_that_is_added_later_judges_the_head_and_what_it_refuses_is_not_read(shell):
    shell.write("a.py", CHECKED.format(plus=1))
    shell("materialize", "*", "-f", "a.py")

    shell.write("a.py", CHECKED.format(plus=2) + REFUSING.format(least=5))
    for skipped in (1, 0):  # the verdict stands: asking again changes nothing, and what reads it is not even planned
        code, result = ended(shell, "*", "-f", "a.py")
        assert (code, result["ran"], result["refused"], result["skipped"]) == (1, 0, 1, skipped)
    assert "failed" in shell("assets", "source")

    shell.write("a.py", CHECKED.format(plus=2) + REFUSING.format(least=0))
    code, result = ended(shell, "*", "-f", "a.py")
    assert (code, result["ran"], result["refused"]) == (0, 1, 0)
    assert "failed" not in shell("assets", "source")


def test_what_was_read_from_a_file_that_changed_meanwhile_is_never_reused(shell):
    shell.write("x.csv", "old")
    shell.write(
        "a.py",
        """
from pathlib import Path
from latewood import asset

@asset(reuse=False)
def writer() -> int:
    Path("x.csv").write_text("new")
    return 1

@asset(deps=[writer])
def read(*, path: Path = Path("x.csv")) -> str:
    return path.read_text()
""",
    )
    shell("materialize", "*", "-f", "a.py")
    shell.write("x.csv", "old")
    code, result = ended(shell, "read", "-f", "a.py")
    assert (code, result["ran"], result["reused"]) == (0, 1, 0)


def test_a_wide_table_and_a_long_error_are_recorded(shell):
    shell.write(
        "a.py",
        """
import pyarrow as pa
from latewood import asset

@asset
def wide() -> pa.Table:
    return pa.table({f"a_column_with_a_rather_long_name_{i}": [i] for i in range(3_000)})

@asset
def loud() -> int:
    raise ValueError("\\U0001f600" * 20_000 + "\\x01" * 20_000)
""",
    )
    code, result = ended(shell, "*", "-f", "a.py")
    assert (code, result["ran"], result["failed"]) == (1, 1, 1)


def test_what_outputs_record_together_fits_into_one_event_or_fails_the_step(shell):
    shell.write(
        "a.py",
        """
import numpy as np
import pyarrow as pa
from latewood import Output, asset

NAMES = [f"part_{n}" for n in range(8)]

@asset(outputs=dict.fromkeys(NAMES, int))
def heavy() -> dict[str, int]:
    return {name: Output(1, metadata={"text": "x" * 8_000}) for name in NAMES}

@asset(outputs=dict.fromkeys(NAMES, pa.Table))
def wide() -> dict[str, pa.Table]:
    table = pa.table({f"a_column_with_a_rather_long_name_{i}": [i] for i in range(1_000)})
    return {name: Output(table, metadata={"text": "x" * 5_500}) for name in NAMES}

@asset
def given() -> int:
    return Output(1, data_version="v" * 70_000)

@asset
def scored() -> int:
    return Output(1, metadata={"auc": np.float64(0.9)})
""",
    )
    code, result = ended(shell, "*", "-f", "a.py")
    assert (code, result["status"], result["ran"], result["failed"]) == (1, "failed", 2, 2)
    told = shell("logs", result["run"])
    assert 'metadata of "heavy/part_0": expected at most 57,344 bytes for its 8 outputs, found 66,' in told
    assert 'data_version of output of "given": expected at most 256 bytes of text' in told
    assert "a_column_with_a_rather_long_name_0" in shell("asset", "wide/part_7")


def test_a_plan_of_thousands_of_ranges_is_recorded(shell):
    shell.write(
        "a.py",
        """
from latewood import Hourly, PartitionKey, asset

@asset(partitions=Hourly("2000-01-01T00", "2014-01-01T00"))
def hourly(key: PartitionKey) -> int:
    if int(key[11:13]) % 2:
        raise ValueError("an odd hour")
    return 1
""",
    )
    selected = ("hourly", "--partition", "2013-05-24T00..")  # of a place so late that their numbers are long
    code, result = ended(shell, *selected, "-f", "a.py")
    assert (code, result["ran"], result["failed"]) == (1, 2664, 2664)
    asked = json.loads(shell("materialize", *selected, "--detach", "--json"))
    assert asked["steps"] == 2664
    told = [line.split(", ")[0].split() for line in shell("why", asked["run"]).splitlines() if "hourly  2013" in line]
    assert told == [["hourly", start] for start in ("2013-05-24T01", "2013-08-15T09", "2013-11-06T17")]


def test_what_selects_nothing_here_is_refused_with_the_way_out(shell):
    shell.write("a.py", CHECKED.format(plus=1))
    shell("materialize", "*", "-f", "a.py")
    shell.write("b.py", "from latewood import asset\n@asset\ndef other() -> int: return 1\n")
    refused = shell.here("materialize", "reader", "-f", "b.py")
    assert (refused.code, "only assets of a.py" in refused.err) == (2, True)

    shell.write("c.py", "x = 1\n")
    assert "defines no assets" in shell.here("materialize", "*", "-f", "c.py").err

    shell.write("d.py", "from latewood import asset\n@asset\nasync def slow() -> int: return 1\n")
    refused = shell.here("materialize", "*", "-f", "d.py")
    assert (refused.code, "coroutine" in refused.err) == (3, True)
    assert shell.here("lineage", "reader", "--version", "nope.1").code == 2
    assert shell.here("materialize", "source", "-f", "a.py", "--param", "reader.x=1").code == 2


def test_a_file_of_the_same_name_in_another_folder_says_what_it_drops_and_loses_nothing(shell):
    for folder, names in (("one", "abcdef"), ("two", "x")):
        (shell.folder / folder).mkdir()
        assets = "".join(f"@asset\ndef {name}() -> int: return 1\n" for name in names)
        shell.write(f"{folder}/assets.py", f"from latewood import asset\n{assets}")
    assert shell.here("materialize", "*", "-q", "-f", "one/assets.py").err == ""

    said = shell.here("materialize", "nothing", "-f", "two/assets.py")
    assert said.code == 2, "the deployment stands all the same"
    assert "dropped: 6 assets of prod that assets.py no longer defines: a, b, c, d, e, …\n" in said.err
    assert "LATEWOOD_PROJECT" in said.err

    back = shell.here("plan", "*", "-f", "one/assets.py", "--json")
    assert "would drop: 1 asset of prod that assets.py no longer defines: x\n" in back.err
    planned = json.loads(back.out)
    assert (planned["counts"]["fresh"], planned["would_drop"]) == (6, ["x"])
    assert [found["key"] for found in json.loads(shell("assets", "--json"))["assets"]] == ["x"]


def test_one_step_has_one_value_of_a_parameter(shell):
    shell.write(
        "a.py",
        """
from latewood import asset

@asset(outputs={"low": int, "high": int})
def bounds(*, depth: int = 3) -> dict[str, int]:
    return {"low": -depth, "high": depth}
""",
    )
    low, high = "bounds/low.depth=1", "bounds/high.depth={}"
    for second in (high.format(2), "bounds/low.depth=2"):
        refused = shell.here("materialize", "*", "-f", "a.py", "--param", low, "--param", second)
        assert refused.code == 2
        assert f'parameters "{low}" and "{second}": one step makes "bounds/low" and "bounds/high"' in refused.err
    code, result = ended(shell, "*", "-f", "a.py", "--param", low, "--param", high.format(1))
    assert (code, result["ran"]) == (0, 1)


READER = """
from pathlib import Path
from latewood import asset

@asset
def text(*, source: Path = Path("data.csv"), depth: int = 3) -> str:
    if source.with_name("closed").exists():
        raise ValueError("closed")
    return source.read_text() * depth
"""


def status(shell, *arguments):
    """Status of the one asset, and the causes that `why` names of it."""
    (found,) = json.loads(shell.here("assets", "--json", *arguments).out)["assets"]
    why = json.loads(shell.here("why", "text", "--json", *arguments).out)
    assert why["status"] == found["status"]
    causes = [finding["cause"] for finding in why["findings"] if finding["cause"] != "failed"]
    return " ".join([found["status"], *causes])


def test_the_past_is_judged_by_files_as_they_were_last_seen_then(shell):
    shell.write("a.py", READER)
    shell.write("data.csv", "1")
    _, first = ended(shell, "*", "-f", "a.py")
    shell.write("data.csv", "2")
    shell.write("closed", "")
    assert ended(shell, "*", "-f", "a.py")[0] == 1
    (shell.folder / "closed").unlink()
    bad = json.loads(shell("assets", "--json"))["position"]
    shell.write("data.csv", "1")
    _, restored = ended(shell, "*", "-f", "a.py")
    assert restored["fresh"] == 1

    assert json.loads(shell("why", "text", "--json", "--as-of", str(bad)))["nearest"] is None
    shell.write("data.csv", "2")
    _, later = ended(shell, "*", "-f", "a.py")
    assert json.loads(shell("why", "text", "--json", "--as-of", str(bad)))["nearest"] is None

    for today in ("1", "2", None):
        if today is None:
            (shell.folder / "data.csv").unlink()
        else:
            shell.write("data.csv", today)
        assert status(shell) == ("fresh" if today == "2" else "stale parameters")
        at = {position: status(shell, "--as-of", str(position)) for position in (first["position"], bad)}
        assert at == {first["position"]: "fresh", bad: "stale parameters"}
        assert status(shell, "--as-of", str(restored["position"])) == "fresh"
        assert status(shell, "--as-of", str(later["position"])) == "fresh"
    shell("log", "verify")


def test_why_says_which_file_and_which_value_changed(shell):
    shell.write("a.py", READER)
    shell.write("data.csv", "1")
    shell("materialize", "*", "-f", "a.py")
    shell.write("data.csv", "2")
    assert re.search(
        r"parameter  source of text: content of data.csv changed \(file1:6b86b273ff34 -> file1:d4735e3a265e\)\n",
        shell("why", "text"),
    )
    (shell.folder / "data.csv").unlink()
    assert "source of text: content of data.csv is gone (file1:6b86b273ff34 -> nothing)\n" in shell("why", "text")
    shell.write("data.csv", "1")
    once = "one = task(text.function).asset(key='text', parameters={'depth': %d})\ndel text\n"
    source = READER.replace("import asset", "import asset, task")
    shell.write("a.py", source + once % 3)
    shell("materialize", "*", "-f", "a.py")
    shell.write("a.py", source + once % 6)
    assert "parameter  depth of text: 3 -> 6\n" in shell("why", "text", "-f", "a.py")
    shell("deploy", "-f", "a.py")
    assert re.search(r"parameter  depth of text: 3 -> 6   event [\d,]+\n", shell("why", "text"))


def test_a_relative_path_means_one_file_from_every_folder(shell):
    inner, outer = shell.folder / "project/sub/dir", shell.folder / "elsewhere"
    for folder in (inner, outer):
        folder.mkdir(parents=True)
    shell.write("project/pyproject.toml", "")
    shell.write("project/data.csv", "in the root")
    shell.write("project/sub/dir/assets.py", READER)
    shell.write("project/sub/data.csv", "beside")
    shell.write("elsewhere/data.csv", "another")
    sub, elsewhere = (replace(shell, folder=folder) for folder in (shell.folder / "project/sub", outer))

    assert ended(shell, "*", "-f", "project/sub/dir/assets.py")[1]["ran"] == 1
    assert ended(sub, "*", "-f", "dir/assets.py")[1]["fresh"] == 1
    assert ended(elsewhere, "*", "-f", str(inner / "assets.py"))[1]["fresh"] == 1
    assert [status(place) for place in (sub, elsewhere)] == ["fresh", "fresh"]

    # One given to a command is where the shell is, and stays that file.
    given = ("text", "--param", "text.source=data.csv")
    assert ended(sub, *given, "-f", "dir/assets.py")[1]["ran"] == 1
    from_outside = ("text", "--param", "text.source=project/sub/data.csv")
    assert ended(shell, *from_outside, "-f", "project/sub/dir/assets.py")[1]["reused"] == 1
    assert ended(elsewhere, *given, "-f", str(inner / "assets.py"))[1]["ran"] == 1
    events = [json.loads(line) for line in shell("log", "tail", "--after", "0", "--json").splitlines()]
    sources = [e["data"]["parameters"]["source"] for e in events if e["type"] == "step.started"]
    assert sources == ["data.csv", "sub/data.csv", f"{outer}/data.csv"]
    shell.write("project/data.csv", "changed")
    assert [status(place) for place in (sub, elsewhere)] == ["stale parameters", "fresh"]


def test_what_was_fresh_for_a_while_is_shown_so_as_of_then(shell):
    shell.write(
        "a.py",
        "from datetime import timedelta\nfrom latewood import asset\n"
        "@asset(reuse=timedelta(milliseconds=300))\ndef a() -> int: return 1\n",
    )
    shell("materialize", "a", "-f", "a.py")
    position = json.loads(shell("assets", "--json"))["position"]
    time.sleep(0.3)
    assert json.loads(shell("assets", "--json"))["assets"][0]["status"] == "stale"
    then = json.loads(shell("assets", "--as-of", str(position), "--json"))
    assert then["assets"][0]["status"] == "fresh"


def test_a_damaged_artifact_is_noticed_and_made_again(shell):
    source = "from latewood import asset\n@asset\ndef a() -> int: return 12\n"
    text = source + "@asset\ndef b(a: int) -> int: return a + {plus}\n"
    shell.write("a.py", text.format(plus=1))
    shell("materialize", "*", "-f", "a.py")
    artifact = Path(json.loads(shell("show", "a", "--json"))["path"])
    artifact.chmod(0o644)
    artifact.write_text("99")
    shell.write("a.py", text.format(plus=2))
    failed = shell.here("materialize", "*", "-f", "a.py")
    assert (failed.code, "its content is not what it was written with" in failed.err) == (1, True)
    shell("materialize", "*", "-f", "a.py")
    assert json.loads(shell("show", "b", "--json"))["value"] == 14


def test_a_file_that_ends_the_process_is_no_definition(shell):
    shell.write("a.py", "import sys\nsys.exit(0)\n")
    done = shell.here("materialize", "*", "-f", "a.py")
    assert (done.code, "a.py:2: cannot be imported: SystemExit: 0" in done.err) == (3, True)


def test_an_empty_partition_is_not_all_of_them(shell):
    shell.write("a.py", CHECKED.format(plus=1))
    done = shell.here("plan", "*", "-f", "a.py", "--partition", "")
    assert (done.code, "expected a key or a range" in done.err) == (2, True)


def test_a_run_that_is_told_to_end_is_cancelled(shell):
    shell.write("a.py", "import time\nfrom latewood import asset\n@asset\ndef a() -> int: print('x'); time.sleep(60)\n")
    run = shell.start("materialize", "*", "-f", "a.py")
    until = time.monotonic() + 60
    while time.monotonic() < until and "running" not in shell.here("runs").out:
        time.sleep(0.1)
    time.sleep(0.5)
    run.terminate()
    run.communicate(timeout=30)
    assert run.returncode == 130
    assert "cancelled" in shell.here("runs").out


UNSEEN = """
from pathlib import Path
from latewood import asset

@asset
def peeked() -> str:
    return Path("data.txt").read_text()

@asset
def given(*, data: Path = Path("data.txt")) -> str:
    return data.read_text()

@asset(reuse=False)
def looked() -> str:
    return Path("data.txt").read_text()
"""


def test_what_a_function_reads_by_itself_is_in_no_version_and_there_are_ways_out(shell):
    shell.write("unseen.py", UNSEEN)
    shell.write("data.txt", "before")
    shell.here("materialize", "*", "-f", "unseen.py")
    shell.write("data.txt", "after")
    assert ended(shell, "*")[1]["ran"] == 2
    shown = {key: shell.here("show", key).out.splitlines()[-1] for key in ("peeked", "given", "looked")}
    assert shown == {"peeked": '"before"', "given": '"after"', "looked": '"after"'}


def test_a_result_without_annotation_is_taken_and_checked_by_who_reads_it(shell):
    shell.write(
        "untyped.py",
        "from latewood import asset\n\n@asset\ndef made():\n    return [1]\n\n"
        "@asset\ndef read(made: list[str]) -> int:\n    return len(made)\n",
    )
    done = shell.here("materialize", "*", "-f", "untyped.py")
    assert (done.code, "expected list[str], found list at [0]: expected str, found int 1" in done.err) == (1, True)
    assert "Any, so values are not checked when they are made" in shell.here("asset", "made").out
