"""The command line where the world around it is broken: clear words, exit codes, nothing lost, no secret told."""

import threading
import time

import pytest

PATIENT = """
from pathlib import Path
import time
from latewood import Context, Static, asset

@asset(partitions=Static(["a", "b", "c"]))
def many(context: Context) -> str:
    Path("started").touch()
    while not Path("calm").exists():
        time.sleep(0.01)
    context.log.info("made %s", context.partition)
    return context.partition
"""
"""Its steps wait for a file."""


class Lines:
    """What a process writes to one of its pipes, as it comes."""

    def __init__(self, pipe):
        self.lines = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe):
        with pipe:
            for line in pipe:
                with self._more:
                    self.lines.append(line)
                    self._more.notify_all()

    def wait_for(self, phrase):
        """Until a line says so."""
        with self._more:
            assert self._more.wait_for(lambda: any(phrase in line for line in self.lines), 60), self.lines

    def all(self):
        """Everything, once the process has ended."""
        self._reader.join(60)
        return "".join(self.lines)


def start(shell, *arguments):
    """A run whose first step waits, and what it writes."""
    shell.write("patient.py", PATIENT)
    process = shell.start("materialize", "many", "-f", "patient.py", *arguments)
    err, out = Lines(process.stderr), Lines(process.stdout)
    while not (shell.folder / "started").exists():
        assert process.poll() is None, err.all()
        time.sleep(0.01)
    return process, err, out


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_lost_database_is_waited_for_and_that_is_said(shell, arguments):
    process, err, out = start(shell, *arguments)
    shell("db", "stop")
    shell.write("calm", "")
    err.wait_for("The run waits for it, at most 30.0 s; what is finished is kept.")
    shell("db", "start")
    err.wait_for("the database is back after")
    assert process.wait(60) == 0
    assert "reused" in out.all()
    assert len(err.all().splitlines()) == 2
