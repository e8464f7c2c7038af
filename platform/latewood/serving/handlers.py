"""The failure handlers of a run that an engine drives: called one after the other, when every step has ended."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from typing import Final

from latewood.decide.plan import Step
from latewood.engine.running.calls import Raised, Returned
from latewood.engine.running.failure_handling import FailedWorkflow, failed_workflows, tell_handled
from latewood.engine.running.pool import Job
from latewood.engine.running.recorder import Recorder
from latewood.engine.running.worker_protocol import Answered, Failed, Handle
from latewood.engine.running.worker_protocol import Returned as Handled
from latewood.engine.running.workers import Crew, raised_of
from latewood.engine.values.values import Values
from latewood.events import Failure
from latewood.serving.crews import RunCrews
from latewood.serving.opening import Opened
from latewood.serving.run_turns import RunTurns

_HANDLER: Final = "handler"


class Handlers:
    """Those that are to hear of failures. What failed is durable before one is called.

    A run that is left while one is called calls it again when it is taken up.
    """

    def __init__(
        self,
        opened: Opened,
        crews: RunCrews,
        recorder: Recorder,
        values: Values,
        turns: RunTurns,
        *,
        soon: Callable[[Callable[[], None]], None],
        when_durable: Callable[[Callable[[], None]], None],
    ) -> None:
        self._opened = opened
        self._crews = crews
        self._recorder = recorder
        self._values = values
        self._turns = turns
        self._soon = soon
        self._when_durable = when_durable
        self._due: deque[tuple[FailedWorkflow, Crew]] | None = None
        self._may_be_called = False
        self._is_settling = False
        self._is_stopped = False
        self._jobs: dict[str, Job] = {}

    @property
    def jobs(self) -> Mapping[str, Job]:
        """The call that is being made, if there is one."""
        return self._jobs

    @property
    def are_over(self) -> bool:
        """Whether all of them have been called."""
        return self._due is not None and not self._due

    def settle(self) -> None:
        """Call none after the one that is called now, if there is one."""
        self._is_settling = True

    def stop(self) -> None:
        """Call none any more."""
        self._is_stopped = True

    def next(self, failures: Sequence[tuple[Step, Failure]]) -> Job | None:
        """The next one to be called, once all failures are known; None while there is none."""
        self.hear_of(failures)
        if not self._due or not self._may_be_called or self._is_settling:
            return None
        self._may_be_called = False
        failed, crew = self._due[0]
        told = failed.told(self._opened.run)
        job = Job(
            crew=crew,
            request=Handle(workflow=told.workflow, run=self._opened.run, steps=told.steps),
            done=lambda answered: self._soon(lambda: self._called(answered)),
            slots=ceil(failed.handler.resources.cpu),
            memory=failed.handler.resources.memory_bytes,
        )
        self._jobs[_HANDLER] = job
        return job

    def hear_of(self, failures: Sequence[tuple[Step, Failure]]) -> None:
        """All failures of the run are known: which handlers are to be called."""
        if self._due is None:
            self._due = deque(self._failed_workflows(failures))
            if self._due:
                self._when_durable(self._enter)

    def _failed_workflows(self, failures: Sequence[tuple[Step, Failure]]) -> Iterator[tuple[FailedWorkflow, Crew]]:
        in_order = sorted(failures, key=lambda failed: failed[0].number)
        locations = self._opened.view.locations
        for location, crew in self._crews.homes.items():
            own = [failed for failed in in_order if locations[failed[0].task.node.keys[0]] == location]
            for found in failed_workflows(self._opened.launchables.get(location, ()), own):
                if found.name not in self._opened.progress.handled:
                    yield found, crew

    def _enter(self) -> None:
        if self._due and not self._is_settling:
            failed, _ = self._due[0]
            self._turns.enter(_HANDLER, failed.handler, f"on failure of {failed.name}", self._let_be_called)

    def _let_be_called(self) -> None:
        self._may_be_called = True

    def _called(self, answered: Answered) -> None:
        del self._jobs[_HANDLER]
        self._turns.leave(_HANDLER)
        if self._is_stopped or not self._due:
            return
        failed, _ = self._due.popleft()
        if isinstance(answered, Failed):
            outcome: Returned | Raised = raised_of(answered)
        else:
            assert isinstance(answered, Handled), "of a handler"
            outcome = Returned(value=None, duration_ms=answered.duration_ms, output=answered.logs)
        tell_handled(failed, outcome, run=self._opened.run, recorder=self._recorder, values=self._values)
        self._enter()
