"""The calls of workers that are made for the steps of a run that an engine drives, and verdicts that follow them."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from time import monotonic
from typing import Any, NamedTuple

from latewood.engine.running.asks import Attempt, Collect, Copy, Evaluate, Look, Split
from latewood.engine.running.attempt import Evaluated, Made, refused
from latewood.engine.running.calls import Raised
from latewood.engine.running.pool import Following, Job
from latewood.engine.running.ranged import Due
from latewood.engine.running.scripts import Scripts
from latewood.engine.running.worker_process import refuse_placing
from latewood.engine.running.worker_protocol import Answered, Failed, Placing, ReturnedRange
from latewood.engine.running.workers import made_of, raised_of
from latewood.engine.values.values import Values
from latewood.errors import StoreError
from latewood.model.keys import AssetKey, RunId
from latewood.serving.crews import RunCrews
from latewood.serving.to_workers import call_for, to_ask_for, verdict_in


class Verdict(NamedTuple):
    """A check of what a step made."""

    step: int
    asset: AssetKey
    check: str


class StepCalls:
    """The calls that are being made, by the number of the script that asks. For the engine's thread.

    A script is `given` what it asked for; its call `has_ended` then, or later: checks are called on while the script
    goes on with what it has. `soon` does something in the engine's thread, `when_held` lets a worker store something
    once the run is this engine's still.
    """

    def __init__(
        self,
        run: RunId,
        crews: RunCrews,
        values: Values,
        scripts: Scripts,
        *,
        given: Callable[[int, Any], None],
        has_ended: Callable[[int], None],
        soon: Callable[[Callable[[], None]], None],
        when_held: Callable[[Callable[[bool], None]], None],
    ) -> None:
        self._run = run
        self._crews = crews
        self._values = values
        self._scripts = scripts
        self._given = given
        self._has_ended = has_ended
        self._soon = soon
        self._when_held = when_held
        self._jobs: dict[int, Job] = {}
        self._verdicts_due: dict[Verdict, Evaluated | int | None] = {}

    @property
    def jobs(self) -> Mapping[int, Job]:
        """Those that are being made."""
        return self._jobs

    def job(self, number: int, ask: Attempt | Evaluate | Look | Copy | Split | Collect) -> Job | None:
        """The call that is asked for; None for a verdict that comes, or came, with what it is about."""
        match ask:
            case Attempt():
                job = self._attempt(number, ask)
            case Evaluate(step=step, asset=asset, check=check) if (
                due := Verdict(step.number, asset.key, check.name)
            ) in self._verdicts_due:
                found = self._verdicts_due.pop(due)
                if isinstance(found, Evaluated):
                    self._soon(lambda: self.answer(number, found))
                else:  # the worker that made it is at it
                    self._verdicts_due[due] = number
                return None
            case _:
                job = self._other(number, ask)
        self._jobs[number] = job
        return job

    def answer(self, number: int, answer: Any, *, is_done: bool = True) -> None:
        """Give a script what it asked for, whoever answers that."""
        if is_done:
            self._end(number)
        self._given(number, answer)

    def _end(self, number: int) -> None:
        self._jobs.pop(number, None)
        self._has_ended(number)

    def _other(self, number: int, ask: Evaluate | Look | Copy | Split | Collect) -> Job:
        to_ask = to_ask_for(ask, self._crews, self._run, self._values)

        def done(answered: Answered) -> None:
            self._soon(lambda: self.answer(number, to_ask.meaning(answered)))

        may_place = self._place_when_held if isinstance(ask, Copy) else refuse_placing
        return Job(crew=to_ask.crew, request=to_ask.request, done=done, may_place=may_place)

    def _attempt(self, number: int, ask: Attempt) -> Job:
        """One call of the task for all that is due, with the verdicts that follow it."""
        node = ask.due[0].step.task.node
        due = {one.step.number: one for one in ask.due}
        keys = {asset.output: asset.key for asset in node.assets}
        following: set[Verdict] = set()
        request = call_for(ask, self._run, self._scripts.now())
        limit_s = request.calls[0].limit_s

        def done(answered: Answered) -> None:
            if isinstance(answered, ReturnedRange):
                following.update(Verdict(step, keys[output], check) for step, output, check in answered.following)
            self._soon(lambda: self._made(number, answered, following))

        def judged(which: Following, answered: Answered) -> None:
            step, output, check = which
            verdict = Verdict(step, keys[output], check)
            self._soon(lambda: self._judged(number, job, verdict, answered, following))

        job = Job(
            crew=self._crews.making[node.keys[0]],
            request=request,
            done=done,
            judged=judged,
            may_place=lambda asked, answer: self._soon(lambda: self._place(due[asked.step], asked, answer)),
            slots=ceil(node.task.resources.cpu) if ask.job is None else 1,
            memory=node.task.resources.memory_bytes,
            deadline=None if limit_s is None else monotonic() + limit_s,
        )
        return job

    def _made(self, number: int, answered: Answered, following: set[Verdict]) -> None:
        self._verdicts_due |= dict.fromkeys(following)
        if isinstance(answered, ReturnedRange):
            try:
                made: Sequence[Made | Raised] | Raised = made_of(answered, self._values)
            except StoreError as error:
                made = refused(error)
            self.answer(number, made, is_done=not following)
        else:
            assert isinstance(answered, Failed), "of a call"
            self.answer(number, raised_of(answered))

    def _judged(self, number: int, job: Job, verdict: Verdict, answered: Answered, following: set[Verdict]) -> None:
        following.discard(verdict)
        if not following and self._jobs.get(number) is job:  # else the step has another one by now
            self._end(number)
        found, waiting = verdict_in(answered), self._verdicts_due.pop(verdict)
        if isinstance(waiting, int):
            self.answer(waiting, found)
        else:
            self._verdicts_due[verdict] = found

    def _place(self, due: Due, asked: Placing, answer: Callable[[bool], None]) -> None:
        """Let it be stored at its place once all that was told is durable and the run is still this engine's."""
        if self._scripts.may_place(due, asked.output, asked.data_version, asked.no_reuse):
            self._when_held(answer)
        else:
            answer(False)

    def _place_when_held(self, _: Placing, answer: Callable[[bool], None]) -> None:
        self._soon(lambda: self._when_held(answer))
