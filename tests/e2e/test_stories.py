"""Stories that once went wrong, each through the command line from beginning to end."""

import json

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


def ended(shell, *arguments):
    """Exit code and JSON of a materialization."""
    done = shell.run("materialize", *arguments, "--json")
    return done.code, json.loads(done.out)


def test_a_check_that_is_added_later_judges_the_head_and_what_it_refuses_is_not_read(shell):
    shell.write("a.py", CHECKED.format(plus=1))
    shell("materialize", "*", "-f", "a.py")

    shell.write("a.py", CHECKED.format(plus=2) + REFUSING.format(least=5))
    for _ in range(2):  # the verdict stands: asking again changes nothing
        code, result = ended(shell, "*", "-f", "a.py")
        assert (code, result["ran"], result["refused"], result["skipped"]) == (1, 0, 1, 1)
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

@asset(partitions=Hourly("2013-01-01T00", "2014-01-01T00"))
def hourly(key: PartitionKey) -> int:
    if int(key[11:13]) % 2:
        raise ValueError("an odd hour")
    return 1
""",
    )
    code, result = ended(shell, "hourly", "-f", "a.py")
    assert (code, result["ran"], result["failed"]) == (1, 4380, 4380)
    code, result = ended(shell, "hourly", "-f", "a.py")
    assert (code, result["fresh"], result["failed"]) == (1, 4380, 4380)


def test_what_selects_nothing_here_is_refused_with_the_way_out(shell):
    shell.write("a.py", CHECKED.format(plus=1))
    shell("materialize", "*", "-f", "a.py")
    shell.write("b.py", "from latewood import asset\n@asset\ndef other() -> int: return 1\n")
    refused = shell.run("materialize", "reader", "-f", "b.py")
    assert (refused.code, "only assets of a.py" in refused.err) == (2, True)

    shell.write("c.py", "x = 1\n")
    assert "defines no assets" in shell.run("materialize", "*", "-f", "c.py").err

    shell.write("d.py", "from latewood import asset\n@asset\nasync def slow() -> int: return 1\n")
    refused = shell.run("materialize", "*", "-f", "d.py")
    assert (refused.code, "coroutine" in refused.err) == (3, True)
    assert shell.run("lineage", "reader", "--version", "nope.1").code == 2
    assert shell.run("materialize", "source", "-f", "a.py", "--param", "reader.x=1").code == 2


def test_a_file_of_the_same_name_in_another_folder_says_what_it_drops_and_loses_nothing(shell):
    for folder, names in (("one", "abcdef"), ("two", "x")):
        (shell.folder / folder).mkdir()
        assets = "".join(f"@asset\ndef {name}() -> int: return 1\n" for name in names)
        shell.write(f"{folder}/assets.py", f"from latewood import asset\n{assets}")
    assert shell.run("materialize", "*", "-f", "one/assets.py").err == ""

    said = shell.run("materialize", "nothing", "-f", "two/assets.py")
    assert said.code == 2, "the deployment stands all the same"
    assert "dropped: 6 assets of prod that assets.py no longer defines: a, b, c, d, e, …\n" in said.err
    assert "LATEWOOD_PROJECT" in said.err

    back = shell.run("plan", "*", "-f", "one/assets.py", "--json")
    assert "dropped: 1 asset of prod that assets.py no longer defines: x\n" in back.err
    assert json.loads(back.out)["counts"]["fresh"] == 6


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
        refused = shell.run("materialize", "*", "-f", "a.py", "--param", low, "--param", second)
        assert refused.code == 2
        assert f'parameters "{low}" and "{second}": one step makes "bounds/low" and "bounds/high"' in refused.err
    code, result = ended(shell, "*", "-f", "a.py", "--param", low, "--param", high.format(1))
    assert (code, result["ran"]) == (0, 1)
