"""A run's log ends at the first fact that is refused."""

from concurrent.futures import Future
from datetime import timedelta

import pytest

from crash.conftest import facts_of
from latewood.engine.running.recorder import Recorder
from latewood.events import Failure, FailureKind, RunEnded, RunRequested, RunStatus, StepFailed
from latewood.model.keys import RunId
from latewood_eventlog.errors import EventTooLarge
from latewood_eventlog.leases import acquire

RUN = RunId("run1")
REQUESTED = RunRequested(run=RUN, environment="prod", selection="*", deployments={})
TOO_LARGE = StepFailed(
    run=RUN,
    step=0,
    attempt=1,
    failure=Failure(kind=FailureKind.REFUSED, error="E", message="x" * 70_000),
    duration_ms=1.0,
    assets=(),
)
ENDED = RunEnded(run=RUN, status=RunStatus.SUCCEEDED)


class _Together:
    """Commits what was submitted when it is told to, all at once, as a group commit does that was busy meanwhile."""

    def __init__(self, log):
        self._log = log
        self._waiting = []

    def submit(self, batch, _needs=()):
        self._waiting.append((batch, Future()))
        return self._waiting[-1][1]

    def commit(self):
        outcomes = self._log.append_many([batch for batch, _ in self._waiting])
        for (_, done), outcome in zip(self._waiting, outcomes, strict=True):
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)


def test_what_was_on_its_way_behind_a_refused_fact_is_not_recorded(workspace):
    lease = acquire(workspace.log.engine, workspace.project, "run/run1", holder="t", duration=timedelta(minutes=1))
    commits = _Together(workspace.log)
    recorder = Recorder(
        commits, project=workspace.project, run=RUN, actor="t", fence=lease.fence, clock=workspace.clock
    )
    recorder.tell((REQUESTED, ("requested",)))
    recorder.tell((TOO_LARGE, ("failed", 0, 1)))
    recorder.tell((ENDED, ("ended",)))
    commits.commit()
    with pytest.raises(EventTooLarge):
        recorder.told()
    assert facts_of(workspace.log) == [REQUESTED]
