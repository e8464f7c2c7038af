"""What is printed fits a terminal, is whole everywhere else, and is nothing but text."""

import json
import os
import pty
import re
from dataclasses import replace

import pytest
from forks import forks

from e2e.shop import answer


def on_terminal(shell, *arguments, columns=160):
    """The bytes that a terminal of this width receives."""
    terminal, theirs = pty.openpty()
    environ = {**shell.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
    process = forks().start(arguments, shell.folder, environ, out=theirs, err=theirs)
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(terminal, 65_536):
            shown += block
    except OSError:  # the other end of a terminal closes so
        pass
    os.close(terminal)
    assert process.wait(60) == 0
    return shown


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
    piped = shell.here("show", key, COLUMNS="60").out.splitlines()
    assert piped[1].split() == [f"column_{n}" for n in range(9)]
    assert not any(line != line.rstrip() or "\x1b" in line for line in piped)
    assert f"note={text[:40]}" in shell.here("asset", key, COLUMNS="20").out


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
    for start, *command in (
        (shop.start_afresh, "log", "tail", "--after", "0"),
        (shop.start, "plan", "*", "--force", "--json"),
        (shop.start_afresh, "--help"),
    ):
        process = start(*command)
        process.stdout.close()
        assert process.wait(timeout=60) == 0, command
        assert process.stderr.read() == ""
        process.stderr.close()
