"""Engines as processes of their own, and what they have recorded."""

import os
import signal
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

from forks import forks
from sqlalchemy import text

from crash.conftest import facts_of
from latewood.commands.views import view_of
from latewood.engine.running.run_log import patiently
from latewood.events import RunEnded, StepFailed, StepReused, StepSkipped, StepStarted, StepSucceeded, from_json


@contextmanager
def engine(environ, *options, workers_too=True):
    """A `latewood engine` in a process group of its own; killed in the end if it is still there.

    Its workers are forks as well, unless the story is of how they are started or of what they weigh.
    """
    arguments = ["engine", "--workers", "2", "--lease", "1", *options]
    said, says = os.pipe()
    process = forks().start(arguments, Path.cwd(), environ, err=says, workers_too=workers_too)
    os.close(says)
    with os.fdopen(said) as process.stderr:
        try:
            yield process
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):  # it has just ended
                    os.killpg(process.pid, signal.SIGKILL)
            process.stderr.read()
            process.wait()


def until(told, timeout_s=60):
    """Wait for that to be true; most of the time it rests, so that what is waited for has the processor."""
    deadline = time.monotonic() + timeout_s
    while True:
        begun = time.monotonic()
        if found := told():
            return found
        now = time.monotonic()
        assert now < deadline, "it never came to be"
        time.sleep(max(0.02, 4 * (now - begun)))


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


def most_at_once(workspace, *assets):
    """How many steps that make these assets were under way at most, by the times of their starts and ends."""
    ids = {view_of(workspace).ids[asset] for asset in assets}
    changes, own = [], set()
    for event in workspace.log.read_all(limit=10_000):
        fact = from_json(event.type, event.data)
        if isinstance(fact, StepStarted) and not ids.isdisjoint(fact.assets):
            own.add((fact.run, fact.step))
        if isinstance(fact, StepStarted | StepSucceeded | StepFailed) and (fact.run, fact.step) in own:
            changes.append((event.occurred_at, 1 if isinstance(fact, StepStarted) else -1))
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def started(workspace, asset):
    """The attempts at an asset that have begun, in the order of the log."""
    id_ = view_of(workspace).ids[asset]
    return [fact for fact in of_type(workspace, StepStarted) if id_ in fact.assets]


def leases(workspace, prefix):
    """How many leases have such names, whether they are held or not."""
    with workspace.log.engine.begin() as connection:
        return connection.execute(
            text("SELECT count(*) FROM leases WHERE starts_with(name, :p)"), {"p": prefix}
        ).scalar()
