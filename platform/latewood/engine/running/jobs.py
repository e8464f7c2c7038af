"""Steps that are jobs in another system: submitted once whoever drives the run, looked at until they end, and taken in.

The key is recorded before anything is submitted, the handle after. So whoever goes on with an attempt either has the
handle, or asks the other system by the key. What is decided stands in `latewood.decide.jobs`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from latewood.decide.jobs import (
    JOB_CANCELLED,
    JOB_FAILED,
    JOB_REFUSED,
    NOT_ENDED,
    SUBMIT_PATIENCE,
    UNREACHABLE,
    Attach,
    Look,
    Next,
    after_finding,
    ask_again_after,
    failure_of,
    first,
    job_key,
    poll_after,
    ran_too_long,
    with_links,
)
from latewood.decide.plan import Step
from latewood.decide.progress import StepProgress
from latewood.decide.retry import shorter, time_left
from latewood.decide.state import VersionFacts
from latewood.engine.running.asks import Remote, Rest, Script, attempted
from latewood.engine.running.attempt import Made, refused
from latewood.engine.running.calls import PROCESS_ENDED, Raised
from latewood.engine.running.connected import ToFind, ToPoll, ToRead, ToSubmit, Unanswered
from latewood.engine.running.elsewhere import Elsewheres
from latewood.engine.running.job_told import JobTold
from latewood.engine.running.live_logs import job_folder
from latewood.engine.running.open_jobs import End, OpenJob, cleared, ended, luck, resting
from latewood.engine.running.ranged import Due
from latewood.engine.running.recorder import Recorder, Told
from latewood.engine.running.worker_protocol import JobMade
from latewood.engine.storage.store import WAY_OUT, ArtifactAddress, ArtifactStore
from latewood.engine.values.formats import usual_suffix
from latewood.engine.values.recordable import recordable_metadata, text
from latewood.engine.values.values import Values
from latewood.errors import DefinitionError, StoreError, ValueRefused
from latewood.events import Failure, FailureKind, JobPrepared, JobSubmitted, StepSucceeded
from latewood.model.definitions import Output
from latewood.model.jobs import Finding, Job, JobInput, JobLogs, JobOutput, JobState, JobStatus, RunsOn
from latewood.model.keys import PartitionKey, RunId
from latewood.model.partitions import window_at
from latewood.model.schemes import time_of
from latewood.model.types import display
from latewood.places import Address

_LOGS_EVERY: Final = timedelta(seconds=2)
_READS_MAX: Final = 10_000
_LEAST: Final = timedelta(milliseconds=1)
_NOTHING: Final = StepProgress()


@dataclass(slots=True, eq=False)
class _Attempt:
    """One attempt, whose job is looked after; that has been there `since` then, or at the earliest."""

    due: Due
    number: int
    cause: UUID
    runs_on: RunsOn
    job: OpenJob
    told: JobTold
    since: datetime
    failures: int = 0
    cursor: str = ""
    read_at: datetime | None = None
    deadline: datetime | None = None
    status: JobStatus = field(default_factory=lambda: JobStatus(state=JobState.QUEUED))


class Jobs:
    """The jobs of one run's steps. `open` are those that may go on in their systems, by step."""

    def __init__(
        self,
        run: RunId,
        project: str,
        environment: str,
        recorder: Recorder,
        store: ArtifactStore,
        values: Values,
        elsewheres: Elsewheres,
        now: Callable[[], datetime],
    ) -> None:
        self._run = run
        self._project = project
        self._environment = environment
        self._recorder = recorder
        self._store = store
        self._values = values
        self._elsewheres = elsewheres
        self._now = now
        self._has_folder = False
        self.open: dict[int, OpenJob] = {}

    @cached_property
    def _folder(self) -> Path:
        return job_folder(self._store, self._run)

    def take_up(self, progress: Mapping[int, StepProgress]) -> None:
        """Go on with a run of whose steps this is recorded.

        Of an attempt that is over the job may go on all the same: what is not certain of it is not recorded.
        """
        for number, past in progress.items():
            if past.job is not None and _may_go_on(past):
                self.open[number] = OpenJob(past.job.connector, past.job.key, past.handle)

    def prepared(self, step: Step, number: int) -> Told:
        """What is told together with the start of an attempt: by which key its job is to be looked for."""
        runs_on = step.task.node.task.runs_on
        assert runs_on is not None, "that is why it is here"
        key = job_key(self._project, self._run, step.number, number)
        fact = JobPrepared(run=self._run, step=step.number, attempt=number, connector=runs_on.connector, key=key)
        return [(fact, ("prepared", step.number, number))]

    def attempted(
        self,
        due: Due,
        number: int,
        cause: UUID,
        past: StepProgress = _NOTHING,
        deadline: datetime | None = None,
    ) -> Script[Sequence[Made | Raised] | Raised]:
        """What comes of an attempt of a step that is a job, which is prepared; of the `past` one, if that goes on."""
        attempt = self._begun(due, number, cause, past)
        attempt.deadline = deadline
        failed = yield from self._submitted(attempt, was_prepared=past.job is not None)
        if failed is None:
            failed = yield from self._over(attempt)
        if not attempt.job.may_go_on:
            self.open.pop(due.step.number, None)
        outcome = (yield from self._taken(attempt)) if failed is None else self._raised(attempt, failed)
        attempt.told.close()  # else, where the run was left, whoever has taken it tells by these files
        return outcome

    def cleared(self, step: Step) -> Script[Failure | None]:
        """End the job of an attempt that does not go on, if there may be one; or why it is not known to be ended.

        Then no other one may be submitted: both would run.
        """
        job = self.open.get(step.number)
        if job is None:
            return None
        end = yield from cleared(job, self._now)
        if end is End.AWAY:
            return _unreachable(f"for job {job.key} of an attempt before, which may go on; no other one is submitted")
        if end is End.GOES_ON:
            return _not_ended(job)
        self.open.pop(step.number, None)
        return None

    def ended(self, job: OpenJob) -> Script[bool]:
        """Have it ended in its system, if it is there; whether that says within a minute that it is over."""
        return ended(job, self._now)

    # ── from the key to the handle ────────────────────────────────────────────────────────────────────

    def _submitted(self, attempt: _Attempt, *, was_prepared: bool) -> Script[Failure | None]:
        """The job is in its system, and has its handle; or why there is none.

        What it reads is brought here once it is certain that there is none: that may fail, or end this process.
        """
        job = attempt.job
        next_: Next = first(was_prepared=was_prepared, handle=job.handle, now=self._now())
        since = self._now()  # who has left it submits nothing any more
        until = since + SUBMIT_PATIENCE
        while not isinstance(next_, Attach):
            if isinstance(next_, Look):
                yield from resting(next_.at, self._now())
                answer: Finding | str | Unanswered = yield self._asking(attempt, ToFind(job.key, since))
            else:
                job.may_go_on, began = False, self._now()
                asked = yield from self._job(attempt)
                if isinstance(asked, Failure):
                    return asked
                job.may_go_on, attempt.since = True, self._now()
                until += attempt.since - began
                answer = yield self._asking(attempt, ToSubmit(asked))
                since = self._now()
            if isinstance(answer, str):
                next_ = Attach(answer)
            elif not isinstance(answer, Unanswered):
                next_ = after_finding(answer, self._now())
            elif not answer.passes:
                return _refusal(answer)
            elif self._now() >= until:
                return _unreachable(f"to see job {job.key} there, which it may have taken: {answer.message}")
            else:  # it may have been taken all the same
                attempt.failures += 1
                attempt.told.unreachable(answer.message)
                next_ = Look(self._now() + ask_again_after(attempt.failures, luck()))
        attempt.failures = 0
        if not job.handle:
            job.handle = next_.handle
            number = attempt.due.step.number
            fact = JobSubmitted(run=self._run, step=number, attempt=attempt.number, key=job.key, handle=job.handle)
            self._recorder.tell((fact, ("submitted", number, attempt.number)), cause=attempt.cause)
        return None

    def _job(self, attempt: _Attempt) -> Script[Job | Failure]:
        """What is to be run, with what it reads of other systems brought here; or why that cannot be."""
        brought = yield from self._elsewheres.brought([attempt.due], but=attempt.runs_on.connector)
        if isinstance(brought, Failure):
            return brought
        (attempt.due,) = brought
        try:
            return self._described(attempt)
        except StoreError as error:
            return refused(error).failure

    def _described(self, attempt: _Attempt) -> Job:
        """Raises StoreError."""
        step, node, on = attempt.due.step, attempt.due.step.task.node, attempt.runs_on
        scheme = node.assets[0].partitions
        window = window_at(scheme, step.ordinal) if scheme is not None and time_of(scheme) else None
        limit = shorter(node.task.timeouts.running, time_left(attempt.deadline, self._now()))
        self._make_folder()
        files = self._files(attempt)
        return Job(
            key=attempt.job.key,
            options=on.options,
            settings=on.settings,
            parameters=dict(node.parameters),
            inputs={
                b.input.name: tuple(self._read(key, facts, on.connector) for key, facts in b.versions)
                for b in attempt.due.bound
                if b.input.loads
            },
            outputs={
                output.name: JobOutput(
                    type=display(output.type),
                    path=files[output.name],
                    optional=output.optional,
                )
                for output in node.task.outputs
            },
            labels={
                "project": self._project,
                "environment": self._environment,
                "asset": node.keys[0],
                "run": self._run,
                "step": str(step.number),
                "attempt": str(attempt.number),
            },
            partition=step.partition,
            window=None if window is None else (window.start, window.end),
            timeout=None if limit is None else max(limit, _LEAST),
        )

    def _make_folder(self) -> None:
        """Raises StoreError."""
        if not self._has_folder:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError("make", str(self._folder), error.strerror or str(error), WAY_OUT) from None
            self._has_folder = True

    def _files(self, attempt: _Attempt) -> dict[str, str]:
        """By output the file that is this attempt's alone."""
        prefix = f"{self._folder}/{attempt.due.step.number}-{attempt.number}"
        outputs = attempt.due.step.task.node.task.outputs
        return {output.name: f"{prefix}-{output.name}{_suffix(output)}" for output in outputs}

    def _read(self, partition: PartitionKey, facts: VersionFacts, connector: str) -> JobInput:
        there, artifact = Address.of(facts.artifact), facts.artifact
        said = JobInput(partition=partition, data_version=facts.data_version, address=artifact)
        if there is None:
            return replace(said, path=str(self._store.path_of(ArtifactAddress(artifact))))
        if there.connector == connector:
            return replace(said, address=there.place, connector=connector)
        is_brought = there.place.startswith(str(self._folder.absolute()))
        return replace(said, path=there.place) if is_brought else said

    # ── until it is over ──────────────────────────────────────────────────────────────────────────────

    def _over(self, attempt: _Attempt) -> Script[Failure | None]:
        """The job has ended: None where it has made what it was to make, else how it failed."""
        running = attempt.due.step.task.node.task.timeouts.running
        limit = shorter(running, time_left(attempt.deadline, attempt.since))
        until = None if limit is None else attempt.since + limit
        wait = poll_after(timedelta(0), luck())
        while True:
            yield Rest(self._now() + wait if until is None else min(self._now() + wait, until))
            answer: JobStatus | Unanswered = yield self._asking(attempt, ToPoll(attempt.job.handle))
            now = self._now()
            if isinstance(answer, JobStatus):
                attempt.status, attempt.failures = answer, 0
                attempt.told.status(answer)
                yield from self._logs(attempt)
                if answer.state.is_over:
                    attempt.job.may_go_on = False
                    return failure_of(answer)
                wait = poll_after(now - attempt.since, luck())
            elif not answer.passes:
                return _refusal(answer)
            else:  # while it cannot be asked it may go on: to give it up would be to run it twice
                attempt.failures += 1
                attempt.told.unreachable(answer.message)
                wait = ask_again_after(attempt.failures, luck())
            if until is not None and limit is not None and now >= until:
                is_ended = yield from self.ended(attempt.job)
                attempt.job.may_go_on = not is_ended
                yield from self._logs(attempt, at_end=True)
                return ran_too_long(limit, is_ended=is_ended)

    def _logs(self, attempt: _Attempt, *, at_end: bool = False) -> Script[None]:
        """What it has printed since, now and then while it goes on, and all of it in the end. None is no failure."""
        is_over, now = at_end or attempt.status.state.is_over, self._now()
        is_due = is_over or attempt.read_at is None or now - attempt.read_at >= _LOGS_EVERY
        if not is_due or not (attempt.status.more_logs or at_end):
            return
        attempt.read_at = now
        for _ in range(_READS_MAX):
            answer: JobLogs | Unanswered = yield self._asking(attempt, ToRead(attempt.job.handle, attempt.cursor))
            if isinstance(answer, Unanswered):
                attempt.told.printed(f"(latewood: what it printed cannot be read: {answer.message})\n" * is_over)
                return
            attempt.told.printed(answer.text)
            attempt.cursor = answer.cursor
            if not answer.more:
                return

    # ── what came of it ───────────────────────────────────────────────────────────────────────────────

    def _taken(self, attempt: _Attempt) -> Script[Sequence[Made | Raised] | Raised]:
        """What it has made becomes a version: held to its type, stored, and checked, as what a task returns is."""
        step, status = attempt.due.step, attempt.status
        try:
            values = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in status.values.items()}
            used = recordable_metadata({**status.metrics, **status.links}, subject=f'"{step.task.node.keys[0]}"')
        except (ValueRefused, TypeError) as error:
            return self._raised(
                attempt, Failure(kind=FailureKind.REFUSED, error="ValueRefused", message=text(str(error)))
            )
        job = JobMade(values=values, files=self._files(attempt), elsewhere=dict(status.elsewhere), metadata=used)
        outcome = yield from attempted([attempt.due], attempt.number, job=job)
        if isinstance(outcome, Raised) and outcome.failure.error == PROCESS_ENDED:
            outcome = yield from attempted([attempt.due], attempt.number, job=job)
        if isinstance(outcome, Raised):
            return self._raised(attempt, outcome.failure)
        (made,) = outcome
        if isinstance(made, Raised):
            return self._raised(attempt, made.failure)
        try:
            logs = self._values.stage_logs(attempt.told.text + made.returned.output)
        except StoreError as error:
            return refused(error)
        took = replace(made.returned, duration_ms=self._took_ms(attempt))
        return [replace(made, returned=took, logs=logs)]

    def _raised(self, attempt: _Attempt, failure: Failure) -> Raised:
        return Raised(failure=failure, duration_ms=self._took_ms(attempt), output=attempt.told.text)

    def _took_ms(self, attempt: _Attempt) -> float:
        return max(0.0, round((self._now() - attempt.since) / timedelta(milliseconds=1), 3))

    def _begun(self, due: Due, number: int, cause: UUID, past: StepProgress) -> _Attempt:
        runs_on = due.step.task.node.task.runs_on
        assert runs_on is not None, "that is why it is here"
        key = job_key(self._project, self._run, due.step.number, number) if past.job is None else past.job.key
        job = self.open[due.step.number] = OpenJob(runs_on.connector, key, past.handle)
        return _Attempt(
            due=due,
            number=number,
            cause=cause,
            runs_on=runs_on,
            job=job,
            told=JobTold(self._store, self._run, due.step.number, number, job),
            since=past.submitted_at or past.begun_at or self._now(),
        )

    @staticmethod
    def _asking(attempt: _Attempt, act: ToSubmit | ToFind | ToPoll | ToRead) -> Remote:
        return Remote(attempt.runs_on.connector, act)


def _may_go_on(past: StepProgress) -> bool:
    """Whether the last job may, of a step of which this is recorded: it is over where it made it, or says that."""
    if isinstance(past.made, StepSucceeded):
        return False
    return past.failure is None or past.failure.error not in (JOB_FAILED, JOB_CANCELLED)


def _suffix(output: Output) -> str:
    try:
        return usual_suffix(output.type)
    except DefinitionError:  # nothing but a value of Python's own, which nobody else can make
        return ""


def _refusal(answer: Unanswered) -> Failure:
    links = {"see": answer.link} if answer.link else {}
    message = with_links(answer.message, links)
    return Failure(kind=FailureKind.USER, error=JOB_REFUSED, message=message)


def _not_ended(job: OpenJob) -> Failure:
    message = (
        f"job {job.key} of an attempt before goes on {SUBMIT_PATIENCE.total_seconds():g} s after its system was asked "
        "to end it; no other one is submitted"
    )
    return Failure(kind=FailureKind.USER, error=NOT_ENDED, message=text(message))


def _unreachable(why: str) -> Failure:
    message = f"not reached for {SUBMIT_PATIENCE.total_seconds():g} s {why}"
    return Failure(kind=FailureKind.USER, error=UNREACHABLE, message=text(message))
