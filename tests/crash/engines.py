"""Engines as processes of their own, and what they have recorded."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from crash.conftest import facts_of
from latewood.engine.running.run_log import patiently
from latewood.events import RunEnded, StepFailed, StepReused, StepSkipped, StepSucceeded


@contextmanager
def engine(environ, *options):
    """A `latewood engine` in a process group of its own; killed in the end if it is still there."""
    command = [Path(sys.executable).with_name("latewood"), "engine", "--workers", "2", "--lease", "1", *options]
    process = subprocess.Popen(command, env=environ, process_group=0, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until(told, timeout_s=60):
    """Wait for that to be true."""
    deadline = time.monotonic() + timeout_s
    while not (found := told()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)
    return found


def ended(workspace, asked):
    return until(lambda: next((fact for fact in of_type(workspace, RunEnded) if fact.run == asked.run), None))


def of_type(workspace, *types):
    return [fact for fact in patiently(lambda: facts_of(workspace.log)) if isinstance(fact, types)]


def require_each_step_ended_once(workspace, asked):
    ends = Counter(
        fact.step
        for fact in of_type(workspace, StepSucceeded, StepReused, StepSkipped, StepFailed)
        if not (isinstance(fact, StepFailed) and fact.retry_at is not None)
    )
    assert ends == Counter(range(1, asked.steps + 1)) or ends == Counter(range(asked.steps))
