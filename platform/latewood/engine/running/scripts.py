"""What becomes of the steps of one run, as scripts: bound, reused or run, judged, and told to the log.

Steps whose task allows reuse run ahead of the group commit, since repeating them is harmless; before any other step,
and before programs in other languages, everything told so far is durable. Nothing is reported as done before it is.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, Self
from uuid import UUID

from latewood.decide.actions import barred
from latewood.decide.judge import retraction
from latewood.decide.keys import reuse_key
from latewood.decide.plan import Plan, Step
from latewood.decide.progress import StepProgress
from latewood.decide.queueing import ANOTHER_RUN, out_of_time, waited_too_long, waits_until, was_begun
from latewood.decide.retry import RetryAt, after_failure
from latewood.decide.state import VersionFacts
from latewood.engine.running.asks import Durable, Pause, Script, UnderWay, attempted, entered
from latewood.engine.running.attempt import Made
from latewood.engine.running.binding import Bindings, Blocked, digest_of
from latewood.engine.running.calls import Raised
from latewood.engine.running.checking import Checks
from latewood.engine.running.elements import ElementBindings, Expansions
from latewood.engine.running.elsewhere import Elsewheres
from latewood.engine.running.jobs import Jobs
from latewood.engine.running.outcomes import Outcomes
from latewood.engine.running.ranged import Due, stretches
from latewood.engine.running.recorder import Recorder
from latewood.engine.running.reports import Report, Reports
from latewood.engine.running.restoring import Restoring
from latewood.engine.running.reusing import Reusable, Versions
from latewood.engine.running.steady import steady
from latewood.engine.running.step_ends import StepEnds, Verdicts
from latewood.engine.running.step_facts import StepFacts
from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.values import Values
from latewood.events import (
    Failure,
    FailureKind,
    SkipReason,
)
from latewood.model.definitions import Catalog, TaskDefinition
from latewood.model.keys import AssetVersion, RunId, version_id

_INTERRUPTED: Final = Failure(
    kind=FailureKind.INTERRUPTED, error="Interrupted", message="what drove the run died; this costs no retry"
)

_INTERRUPTIONS_MAX: Final = 3

_DEADLY: Final = Failure(
    kind=FailureKind.INTERRUPTED,
    error="Interrupted",
    message=f"what drove the run died {_INTERRUPTIONS_MAX} times while it ran; it is not tried again",
)


class _Failed(NamedTuple):
    """A step whose attempt failed, with the event of its start; `shared` if the call was one for several."""

    due: Due
    cause: UUID
    raised: Raised
    shared: bool


class Scripts:
    """The scripts of one run's steps. Whoever drives them does so one at a time: they share what the run has made.

    `root` is where paths in parameters start; `printed` has what an attempt that was interrupted had printed. Where
    they are driven `in_turn`, none waits before it is its turn.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        catalog: Catalog,
        root: Path,
        values: Values,
        run: RunId,
        recorder: Recorder,
        store: ArtifactStore,
        verdicts: Verdicts,
        versions: Versions,
        clock: Callable[[], datetime],
        is_resumed: bool = False,
        in_turn: bool = False,
        report: Callable[[Report], None] = lambda _: None,
        printed: Callable[[int, int], str] = lambda _step, _attempt: "",
    ) -> None:
        self._plan = plan
        self._is_resumed = is_resumed
        self._in_turn = in_turn
        self._printed = printed
        self._run = run
        self._recorder = recorder
        self._verdicts = verdicts
        self._clock = clock
        self.now = steady(clock)
        """The time, as it is measured how long an attempt waits to begin."""
        self._expansions = Expansions(plan, run, recorder, store)
        project, environment = recorder.project, plan.state.environment
        self._elsewheres = Elsewheres(run, store, self.now)
        self.jobs = Jobs(run, project, environment, recorder, store, values, self._elsewheres, self.now)
        """What of it is under way in other systems."""
        self.progress: Mapping[int, StepProgress] = {}
        self._taken: Mapping[AssetVersion, VersionFacts] = {}
        self._values = values
        self._checks = Checks(values, run, plan.state, root, self._elsewheres.here)
        self._reusable = Reusable(plan, run, recorder, store, versions, self._elsewheres.is_there)
        self._facts = StepFacts(plan.state, catalog, run, store, root, clock)
        self._report = report
        self._read_by(Bindings(catalog, plan.state, plan.views))

    def take_up(self, progress: Mapping[int, StepProgress], taken: Mapping[AssetVersion, VersionFacts]) -> None:
        """Go on with a run of which this is recorded, by numbers of steps; `taken` are versions that they took."""
        self.progress, self._taken = progress, taken
        self._expansions.take_up(progress)
        self.jobs.take_up(progress)

    def of_elements(self, bindings: ElementBindings) -> Self:
        """The scripts of a list's elements: what fails of these is the list's matter, and no step of the plan's."""
        scripts = copy(self)
        scripts._read_by(bindings)  # noqa: SLF001 - of its own copy
        return scripts

    def _read_by(self, bindings: Bindings | ElementBindings) -> None:
        """Let steps read by these bindings, to which is told what becomes of each; it is counted anew."""
        self._bindings, reports = bindings, Reports(self._report)
        self._outcomes = Outcomes(bindings, reports, self._checks, self._reusable, self._recorder)
        self._ends = StepEnds(
            self._run,
            self._plan.state,
            bindings,
            reports,
            self._outcomes,
            recorder=self._recorder,
            facts=self._facts,
            checks=self._checks,
            reusable=self._reusable,
            values=self._values,
            verdicts=self._verdicts,
        )
        self.tally, self.failures = self._outcomes.tally, self._outcomes.failures

    def recall(self, steps: Sequence[Step]) -> None:
        """Know what there is by now that these steps may take, all of one task: the plan has not read that."""
        if not steps or self._plan.request.force or all(step.is_forced for step in steps):
            return
        first = steps[0]
        node = first.task.node
        digests = (digest_of(self._bindings.bind(node, step.ordinal)) for step in steps)
        self._reusable.look_up([reuse_key(node.logic, digest, first.partition) for digest in digests])

    def until(self, task: TaskDefinition, since: datetime | None = None) -> datetime | None:
        """Until when an attempt at the task may wait that could begin `since`, or from now on."""
        return waits_until(task, self.now() if since is None else min(since, self.now()))

    def begun_until(self, task: TaskDefinition, since: datetime | None) -> datetime | None:
        """Until when scripts may wait to be begun whose attempts could begin `since`."""
        return None if self._in_turn else self.until(task, since)

    def whole(self, step: Step, until: datetime | None = None) -> Script[None]:
        """One step from where it was left, or from its beginning, to its end.

        Its first attempt may wait `until` then to begin, by default as long as its task allows from now on.
        """
        past = self.progress.get(step.number) or StepProgress()
        if past.has_ended:
            yield from Restoring(self._outcomes, self._facts, self._taken, self.now).restored(step, past)
            return
        due: Due | None = None
        if past.is_open and past.is_job:
            due = self._going(step, past)
            if due is not None:
                yield from self.run([due], past, going=past.event)
                return
        if past.is_open and past.expanded is not None:
            due = yield from self.opened(step)
            if due is None:
                return
            if due.inputs == past.expanded.inputs_digest:  # it goes on: only its elements were interrupted
                yield from self.run([due], past, going=past.event)
                return
        if not (yield from self._interrupted(step, past)):
            return
        if past.attempts:
            until = self.until(step.task.node.task, past.retry_at)
        due = due or (yield from self.opened(step, until=until))
        if due is not None:
            yield from self.run([due], past)

    def _going(self, step: Step, past: StepProgress) -> Due | None:
        """The step whose job goes on in another system, if what it was begun with is what it would be begun with."""
        try:
            bound = self._bindings.bind(step.task.node, step.ordinal)
        except Blocked:
            return None
        inputs = digest_of(bound)
        return Due(step, bound, inputs, None) if inputs == past.inputs_digest else None

    def is_blocked(self, step: Step) -> bool:
        """Whether the step is skipped for what became of others."""
        try:
            self._bindings.bind(step.task.node, step.ordinal)
        except Blocked:
            return True
        return False

    def opened(self, step: Step, *, patient: bool = True, until: datetime | None = None) -> Script[Due | None]:
        """The step with what it reads, if it is to be run; else it is told what becomes of it.

        Raises UnderWay, with nothing told, where what it would compute is being computed elsewhere and it is not
        `patient`. It may wait `until` then, by default as long as its task allows from now on.
        """
        until = until or self.until(step.task.node.task)
        try:
            bound = self._bindings.bind(step.task.node, step.ordinal)
        except Blocked as blocked:
            self._ends.skipped(step, blocked)
            return None
        inputs = digest_of(bound)
        if not (self._plan.request.force or step.is_forced) and barred(
            step.task.node, step.partition, inputs, self._plan.state
        ):
            self._ends.skipped(step, Blocked(SkipReason.RETRACTED, None))
            return None
        due = Due(step, bound, inputs, until)
        try:
            taken = yield from self._reusable.find(step, inputs, patient=patient, until=until)
        except UnderWay:
            if not patient:
                raise
            return due._replace(under_way=True)
        return None if taken is not None and (yield from self._ends.reused(step, bound, inputs, taken)) else due

    # ── running ───────────────────────────────────────────────────────────────────────────────────────

    def run(self, due: list[Due], past: StepProgress | None = None, *, going: UUID | None = None) -> Script[None]:
        """Call the task for these steps at once, and again for those that failed, as often as it may be tried.

        Those whose call was one for several fail for good only alone: one bad partition is not the others' failure.
        Attempts of the `past` count, as does the time since the first; those that were interrupted cost no retry. The
        last of them is `going` on still, if it has that event. The first one may wait until the first of them may wait
        no longer, each later one as long as the task allows.
        """
        task, past = due[0].step.task.node.task, past or StepProgress()
        until = _first_limit(due)
        deadline = (past.since or self._clock()) + task.timeouts.total if task.timeouts.total else None
        attempt, parts = past.attempts + (going is None), [*stretches(due)]
        while parts:
            failed: list[_Failed] = []
            for part in parts:
                limit = None if going is not None else until or self.until(task)
                failed += yield from self._attempt(part, attempt, going, limit, deadline)
                until = None
            if not failed:
                return
            going = None
            now, luck = self._clock(), random.random()  # noqa: S311 - spreads retries; no secret
            next_ = after_failure(task.retries, attempt - past.interrupted, now, luck, deadline=deadline)
            of_elements = failed[0].raised.failure.kind is FailureKind.ELEMENTS  # each was tried again by itself
            retry_at = next_.at if isinstance(next_, RetryAt) and not of_elements else None
            alone_at = now if deadline is None or now < deadline else None
            for one in failed:
                again_at = retry_at or (alone_at if one.shared else None)
                self._ends.failed(one.due.step, one.raised, one.cause, attempt, again_at)
            if retry_at is not None:
                yield Pause(retry_at)
                again = [one.due for one in failed]
                if again[0].under_way:  # it is alone, and may find made what it has waited for
                    opened = yield from self.opened(again[0].step)
                    again = [] if opened is None else [opened]
                    until = _first_limit(again)
                parts = [*stretches(again)]
            else:
                parts = [[one.due] for one in failed if one.shared and alone_at is not None]
            attempt += 1

    def _attempt(
        self, due: list[Due], attempt: int, going: UUID | None, until: datetime | None, deadline: datetime | None
    ) -> Script[list[_Failed]]:
        """One call for neighbours, which may wait `until` then and run until the deadline; those that failed."""
        task = due[0].step.task.node.task
        in_vain: Raised | None = None
        if due[0].under_way and due[0].until is not None:
            failure = waited_too_long(task, due[0].until, self.now(), ANOTHER_RUN)
            in_vain = Raised(failure=failure, duration_ms=0.0, output="")
        elif going is None and (left := (yield from self.jobs.cleared(due[0].step))) is not None:
            in_vain = Raised(failure=left, duration_ms=0.0, output="")
        elif going is None or task.runs_on is not None:  # whoever left a job has given back what it held
            in_vain = yield from self._entered(due[0].step, until, deadline if going is None else None)
        is_job = task.runs_on is not None and in_vain is None
        causes = [self._tell_started(one, attempt, is_job=is_job) for one in due] if going is None else [going]
        outcome: Sequence[Made | Raised] | Raised
        if in_vain is not None:
            outcome = in_vain
        elif task.runs_on is not None:
            past = StepProgress() if going is None else self.progress[due[0].step.number]
            outcome = yield from self.jobs.attempted(due[0], attempt, causes[0], past, deadline)
        else:
            outcome = yield from self._called(due, attempt, causes[0], until, deadline)
        outcome = outcome if in_vain is not None else self._within(deadline, task, outcome)
        shared = isinstance(outcome, Raised) and len(due) > 1 and was_begun(outcome.failure)
        made: Sequence[Made | Raised] = [outcome] * len(due) if isinstance(outcome, Raised) else outcome
        failed: list[_Failed] = []
        for one, cause, result in zip(due, causes, made, strict=True):
            if isinstance(result, Raised):
                failed.append(_Failed(one, cause, result, shared))
            else:
                yield from self._ends.succeeded(one, attempt, result, cause)
        return failed

    def _entered(self, step: Step, until: datetime | None, deadline: datetime | None) -> Script[Raised | None]:
        """How it failed to get slots of pools in time, be it the time for all attempts."""
        in_vain = yield from entered(step, until)
        if in_vain is not None or deadline is None or self._clock() < deadline:
            return in_vain
        return Raised(failure=out_of_time(step.task.node.task), duration_ms=0.0, output="")

    def _within(
        self, deadline: datetime | None, task: TaskDefinition, outcome: Sequence[Made | Raised] | Raised
    ) -> Sequence[Made | Raised] | Raised:
        """The outcome; of an attempt that was ended by the deadline of all it says so."""
        if isinstance(outcome, Raised) and deadline is not None and self._clock() >= deadline:
            return replace(outcome, failure=out_of_time(task, outcome.failure))
        return outcome

    def _called(
        self, due: Sequence[Due], attempt: int, cause: UUID, until: datetime | None, deadline: datetime | None
    ) -> Script[Sequence[Made | Raised] | Raised]:
        """What comes of one call for these, with what they read of other systems brought here; that is no waiting."""
        task, began = due[0].step.task.node.task, self.now()
        reading = yield from self._elsewheres.brought(due, is_within=True)
        if isinstance(reading, Failure):
            return Raised(failure=reading, duration_ms=0.0, output="")
        until = until and until + (self.now() - began)
        if task.reuse.is_off or task.is_command or self._is_resumed:
            # Repeating it may do harm: what it was started with must survive a crash in the middle of it. So may what a
            # program does, which nobody sees. And what was left once may be left because of a step: then it is known
            # which.
            yield Durable()
        if task.each:
            return (yield from self._expansions.attempted(self, reading[0], cause))
        return (yield from attempted(reading, attempt, until, deadline=deadline))

    def may_place(self, due: Due, output: str, data_version: str, no_reuse: str) -> bool:
        """Whether a result may be stored at its place: what equals a retracted version is not going to be head."""
        step, node = due.step, due.step.task.node
        index = [asset.output for asset in node.assets].index(output)
        facts = VersionFacts(
            asset=node.ids[index],
            partition=step.partition,
            version=version_id(self._run, step.number),
            position=0,  # not recorded yet; nothing in this run asks
            made_at=self._plan.state.now,
            duration_ms=0.0,
            data_version=data_version,
            artifact="",
            code=node.task.code.version,
            logic=node.logic,
            inputs=due.inputs,
            reuse_key=self._facts.key(step, due.inputs, no_reuse),
            accepted=False,
        )
        return retraction(node, index, facts, self._plan.state) is None

    def _tell_started(self, one: Due, attempt: int, *, is_job: bool) -> UUID:
        fact, needs = self._facts.started(one, attempt)
        told = self.jobs.prepared(one.step, attempt) if is_job else []
        ids = self._recorder.tell(
            (fact, ("started", fact.step, attempt)), *told, cause=self._bindings.cause(one.bound), needs=needs
        )
        return ids[0]

    # ── what was recorded before ──────────────────────────────────────────────────────────────────────

    def _interrupted(self, step: Step, past: StepProgress) -> Script[bool]:
        """The attempt that was under way when the run was left is over; False where it is not to be made again.

        What dies with it every time may be why.
        """
        if past.is_open:
            past.interrupted += 1
            is_last = past.interrupted >= _INTERRUPTIONS_MAX
            output = self._printed(step.number, past.attempts)
            failure = _DEADLY if is_last else _INTERRUPTED
            assert past.event is not None, "it was started"
            assert past.begun_at is not None, "as above"
            # When it died nobody knows: it is as long as it may have gone on.
            took_ms = max(0.0, round((self._clock() - past.begun_at) / timedelta(milliseconds=1), 3))
            raised = Raised(failure=failure, duration_ms=took_ms, output=output)
            self._ends.failed(step, raised, past.event, past.attempts, None if is_last else self._clock())
            return not is_last
        if past.retry_at is not None:
            yield Pause(past.retry_at)
        return True


def _first_limit(due: Iterable[Due]) -> datetime | None:
    return min((one.until for one in due if one.until is not None), default=None)
