"""A command that is running when `latewood materialize` ends: by Ctrl-C, or killed."""

import signal
import time

import pytest

from processes import is_alive

SOURCE = """
from latewood import asset
from latewood.processes import command

@asset
@command("trap '' TERM; echo $$ > PATH; while :; do sleep 0.1; done", files=[])
def made() -> None: ...
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_the_run(shell, number):
    pid_file = shell.folder / "pid"
    shell.write("a.py", SOURCE.replace("PATH", str(pid_file)))
    process = shell.start("materialize", "*", "-f", "a.py")
    pid = int(_soon(lambda: pid_file.exists() and pid_file.read_text().strip()))
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (130 if number is signal.SIGINT else -signal.SIGKILL)
    _soon(lambda: not is_alive(pid))


def _soon(told):
    deadline = time.monotonic() + 60
    while not (found := told()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found
