"""Attempts that are jobs, or read what lies in other systems: what is asked of these, in which order, and in vain."""

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from builders import NOW, World, catalog, changed
from latewood.decide.jobs import NOT_ENDED, SUBMIT_PATIENCE, UNREACHABLE, failure_of, ran_too_long
from latewood.decide.progress import StepProgress
from latewood.engine.running import scripts
from latewood.engine.running.asks import Attempt, Durable, Enter, Pause, Remote, Rest, is_between, played
from latewood.engine.running.binding import Bound
from latewood.engine.running.calls import Raised
from latewood.engine.running.connected import ToCancel, ToFetch, ToFind, ToPoll, ToRead, ToSubmit, Unanswered
from latewood.engine.running.open_jobs import OpenJob, ended
from latewood.engine.running.ranged import Due
from latewood.engine.running.storing import unrecorded
from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.values import Values
from latewood.events import (
    Failure,
    FailureKind,
    JobPrepared,
    JobSubmitted,
    SkipReason,
    StepFailed,
    StepSkipped,
    StepStarted,
)
from latewood.model.jobs import Absent, Found, JobLogs, JobState, JobStatus, RunsOn
from latewood.model.keys import UNPARTITIONED, RunId, version_id
from latewood.model.ordinals import Ordinals
from latewood.model.policies import Retry, Timeouts

RUN = RunId("r1")
TABLE = unrecorded("", "io:@here:db.days#e1")._replace(version=version_id(RunId("r0"), 0))
AWAY = Unanswered(passes=True, error="TransientError", message="no route")
REFUSED = Unanswered(passes=False, error="PermanentError", message="there is nothing there any more")
ENDED = Raised(failure=Failure(kind=FailureKind.USER, error="Enough", message=""), duration_ms=0.0, output="")
AGAIN = Retry(1, backoff=timedelta(0))
FAILED = JobStatus(state=JobState.FAILED, message="never works", more_logs=False)


class Played:
    """The scripts of one run with the asset `made`, which reads a table elsewhere; what it told, and what it asked.

    `answers` are by the class of what is asked of a connector, in turn, the last one for ever. Each question takes
    `takes_s`, and who rests has rested.
    """

    def __init__(self, folder, answers, *, takes_s=0, **task):
        self.now, self.takes_s = NOW, takes_s
        self.answers = {act: list(found) for act, found in answers.items()}
        self.told, self.asked = [], []
        defined = changed(catalog("days", "made <- days"), "made", **task)
        plan = World().plan(defined)
        store = ArtifactStore(folder, "default")
        recorder = SimpleNamespace(project="default", tell=self._tell)
        self.scripts = scripts.Scripts(
            plan,
            catalog=defined,
            root=folder,
            values=Values(store),
            run=RUN,
            recorder=recorder,
            store=store,
            verdicts=lambda *_: {},
            versions=lambda _: (),
            clock=lambda: self.now,
        )
        step = next(step for step in plan.steps() if step.task.node.keys == ("made",))
        reads = step.task.node.task.inputs[0]
        self.due = Due(step, [Bound(reads, Ordinals.of([0]), ((UNPARTITIONED, TABLE),))], "inputs")

    def _tell(self, *facts, **_):
        self.told += [fact for fact, _ in facts]
        return tuple(uuid4() for _ in facts)

    def run(self, *, until=None, **past):
        """What is asked, with what had happened by then."""
        progress = StepProgress(**past)
        self.scripts.take_up({self.due.step.number: progress}, {})
        going = progress.event if progress.is_open else None
        played(self.scripts.run([self.due._replace(until=until)], progress, going=going), self._answer)
        return self.asked

    def _answer(self, ask):
        match ask:
            case Rest(until=until):
                self.now = max(self.now, until)
                return None
            case Remote(act=act):
                self.now += timedelta(seconds=self.takes_s)
                self.asked.append(type(act))
                left = self.answers[type(act)]
                return left.pop(0) if len(left) > 1 else left[0]
            case Attempt(until=until):
                self.asked.append((Attempt, until))
                return ENDED
            case Enter():
                return None
        self.asked.append(type(ask))
        return None

    def of_type(self, kind):
        return [fact for fact in self.told if isinstance(fact, kind)]


@pytest.fixture(autouse=True)
def as_told(monkeypatch):
    """Time passes as a test says, also where how much has passed is measured."""
    monkeypatch.setattr(scripts, "steady", lambda clock: clock)


@pytest.fixture
def playing(tmp_path):
    return lambda answers, **task: Played(tmp_path, answers, **task)


@pytest.fixture
def of_jobs(tmp_path):
    return lambda answers, **task: Played(tmp_path, answers, runs_on=RunsOn(connector="there"), **task)


def prepared(attempt=1, **past):
    """That is recorded of an attempt which is a job, whatever became of it there."""
    job = JobPrepared(run=RUN, step=1, attempt=attempt, connector="there", key=f"k-{attempt}")
    return {"attempts": attempt, "since": NOW, "begun_at": NOW, "event": uuid4(), "job": job, **past}


def test_what_is_read_elsewhere_is_brought_when_it_is_durable_that_the_attempt_has_begun(playing):
    found = playing({ToFetch: ["file1:00"]})
    assert found.run() == [Durable, ToFetch, (Attempt, None)]
    assert [type(fact) for fact in found.told] == [StepStarted, StepFailed]


def test_a_source_that_cannot_be_read_fails_an_attempt_that_has_begun_and_another_one_may_go_better(playing):
    found = playing({ToFetch: [REFUSED, "file1:00"]}, retries=AGAIN)
    assert found.run()[-1] == (Attempt, None)
    assert [fact.attempt for fact in found.of_type(StepStarted)] == [1, 2]
    first, _ = found.of_type(StepFailed)
    assert first.failure.message == 'input "days": it lies at db.days in here: there is nothing there any more'


def test_how_long_an_attempt_may_wait_for_a_worker_bringing_is_no_part_of(playing):
    limits = Timeouts(queued=timedelta(minutes=1))
    found = playing({ToFetch: ["file1:00"]}, takes_s=600, timeouts=limits)
    assert found.run(until=NOW + limits.queued)[-1] == (Attempt, NOW + limits.queued + timedelta(minutes=10))


def test_who_drains_leaves_a_job_whose_inputs_are_brought_and_waits_where_it_would_be_interrupted():
    fetch = ToFetch("db.days", "e1", "file")
    assert is_between(Remote("here", fetch))
    assert not is_between(Remote("here", fetch, is_within=True))
    assert (is_between(Rest(NOW)), is_between(Rest(NOW, is_within=True))) == (True, False)


def test_a_job_that_is_there_is_found_before_what_it_reads_is_asked_for(of_jobs):
    answers = {ToFind: [AWAY, Found("h")], ToPoll: [FAILED], ToFetch: [REFUSED]}
    found = of_jobs(answers, retries=AGAIN)
    assert found.run(is_open=True, **prepared())[:3] == [ToFind, ToFind, ToPoll]
    assert found.of_type(JobSubmitted)[0].handle == "h"


def test_what_it_reads_is_brought_where_no_job_is_there(of_jobs):
    found = of_jobs({ToFind: [Absent()], ToFetch: [REFUSED]})
    assert found.run(is_open=True, **prepared()) == [ToFind, Durable, ToFetch]
    assert found.scripts.jobs.open == {}, "nothing was submitted"


def test_how_long_a_job_may_run_bringing_is_no_part_of(of_jobs):
    running = JobStatus(state=JobState.RUNNING, more_logs=False)
    answers = {ToFetch: ["file1:00"], ToSubmit: ["h"], ToPoll: [running, FAILED]}
    found = of_jobs(answers, takes_s=100, timeouts=Timeouts(running=timedelta(seconds=250)))
    assert found.run() == [Durable, ToFetch, ToSubmit, ToPoll, ToPoll]
    assert found.of_type(StepFailed)[0].failure.message == "never works"


def test_a_job_that_may_have_been_taken_is_ended_before_the_next_attempt_submits_one(of_jobs):
    away_for = SUBMIT_PATIENCE.total_seconds() / 2 - 0.1
    answers = {
        ToFetch: ["file1:00"],
        ToSubmit: [AWAY, "h2"],
        ToFind: [AWAY, Found("h1")],
        ToCancel: [None],
        ToPoll: [FAILED],
    }
    found = of_jobs(answers, takes_s=away_for, retries=AGAIN)
    assert found.run()[-6:] == [Pause, ToFind, ToCancel, ToPoll, ToSubmit, ToPoll]
    first, _ = found.of_type(StepFailed)
    assert first.failure.error == UNREACHABLE
    assert "which it may have taken: no route" in first.failure.message


def test_nothing_is_submitted_while_it_is_not_known_what_became_of_the_attempt_before(of_jobs):
    found = of_jobs({ToFetch: ["file1:00"], ToSubmit: [AWAY], ToFind: [AWAY]}, retries=AGAIN)
    assert found.run().count(ToSubmit) == 1
    _, second = found.of_type(StepFailed)
    assert "may go on; no other one is submitted" in second.failure.message
    assert [fact.attempt for fact in found.of_type(JobPrepared)] == [1]


@pytest.mark.parametrize("handle", ["", "h1"])
def test_who_takes_a_run_up_between_two_attempts_ends_what_the_first_may_have_left(of_jobs, handle):
    answers = {ToFind: [Found("h1")], ToCancel: [None], ToFetch: ["file1:00"], ToSubmit: ["h2"], ToPoll: [FAILED]}
    found = of_jobs(answers)
    asked = found.run(retry_at=NOW, handle=handle, **prepared())
    assert asked == [*([] if handle else [ToFind]), ToCancel, ToPoll, Durable, ToFetch, ToSubmit, ToPoll]


def test_a_job_that_could_not_be_ended_in_time_is_ended_before_the_next_attempt(of_jobs):
    running = JobStatus(state=JobState.RUNNING, more_logs=False)
    answers = {
        ToFetch: ["file1:00"],
        ToSubmit: ["h1", "h2"],
        ToPoll: [running, FAILED],
        ToRead: [JobLogs(text="", cursor="")],
        ToCancel: [AWAY, None],
    }
    found = of_jobs(answers, takes_s=60, timeouts=Timeouts(running=timedelta(seconds=50)), retries=AGAIN)
    asked = [act for act in found.run() if act in (ToSubmit, ToCancel)]
    assert asked == [ToSubmit, ToCancel, ToCancel, ToSubmit]


REFUSES = Unanswered(passes=False, error="PermanentError", message="it can be ended elsewhere alone")
RUNNING = JobStatus(state=JobState.RUNNING, more_logs=False)
CANCELLED = JobStatus(state=JobState.CANCELLED, more_logs=False)


@pytest.mark.parametrize("said", [None, REFUSES], ids=["it is told to stop", "it is not stopped"])
def test_a_job_that_was_to_be_ended_is_waited_for_before_the_next_attempt_submits_one(of_jobs, said):
    answers = {ToFetch: ["file1:00"], ToCancel: [said], ToPoll: [RUNNING, AWAY, CANCELLED, FAILED], ToSubmit: ["h2"]}
    found = of_jobs(answers)
    asked = found.run(retry_at=NOW, handle="h1", **prepared())
    assert asked == [ToCancel, ToPoll, ToPoll, ToPoll, Durable, ToFetch, ToSubmit, ToPoll]


def test_nothing_is_submitted_where_the_job_before_does_not_end(of_jobs):
    found = of_jobs({ToCancel: [None], ToPoll: [RUNNING]})
    assert ToSubmit not in found.run(retry_at=NOW, handle="h1", **prepared())
    (failed,) = found.of_type(StepFailed)
    assert failed.failure.error == NOT_ENDED
    assert found.now - NOW < SUBMIT_PATIENCE + timedelta(seconds=1)
    assert list(found.scripts.jobs.open) == [found.due.step.number]


@pytest.mark.parametrize(("said", "is_ended"), [(None, True), (REFUSES, False)])
def test_a_job_of_which_its_system_knows_nothing_is_over_if_it_was_to_end_it(said, is_ended):
    answers = {ToCancel: said, ToPoll: REFUSED}
    found = []
    job = OpenJob("there", "k-1", "h1")

    def script():
        found.append((yield from ended(job, lambda: NOW)))

    played(script(), lambda ask: answers[type(ask.act)])
    assert found == [is_ended]


def test_who_goes_on_with_a_run_waits_once_for_a_system_that_is_away(of_jobs, monkeypatch):
    found = of_jobs({ToCancel: [AWAY]})
    step, past = found.due.step, StepProgress(retry_at=NOW, handle="h1", **prepared())
    found.scripts.take_up({step.number: past}, {})

    def opened(*_, **__):
        yield from ()
        return found.due

    monkeypatch.setattr(found.scripts, "opened", opened)
    played(found.scripts.whole(step), found._answer)
    assert found.of_type(StepFailed)[0].failure.error == UNREACHABLE
    assert found.now - NOW < SUBMIT_PATIENCE + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("past", "may_go_on"),
    [
        ({"failure": ran_too_long(timedelta(1), is_ended=False)}, True),
        ({"failure": failure_of(FAILED)}, False),
        ({"skipped": StepSkipped(run=RUN, step=1, reason=SkipReason.UPSTREAM_FAILED, assets=())}, True),
        ({"retry_at": NOW}, True),
    ],
)
def test_who_takes_a_run_up_knows_which_jobs_may_go_on_of_steps_that_are_over(of_jobs, past, may_go_on):
    found = of_jobs({})
    found.scripts.take_up({1: StepProgress(**prepared(handle="h1", **past))}, {})
    assert (1 in found.scripts.jobs.open) == may_go_on
