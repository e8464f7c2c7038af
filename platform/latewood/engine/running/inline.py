"""The inline executor: runs a plan's steps in this process, one after another, in the plan's order."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from latewood.decide.plan import Plan, Step
from latewood.decide.queueing import slots_of, waited_too_long
from latewood.decide.retry import time_left
from latewood.engine.loading.loaded import Loaded
from latewood.engine.processes.folders import folders_kept
from latewood.engine.running.asks import (
    Ask,
    Attempt,
    Board,
    Collect,
    Copy,
    Durable,
    Enter,
    Evaluate,
    Look,
    Pause,
    Remote,
    Rest,
    Split,
    UnderWay,
    played,
)
from latewood.engine.running.attempt import Attempts, Made, refused
from latewood.engine.running.calls import Raised
from latewood.engine.running.check_calls import CheckCalls
from latewood.engine.running.connected import Connections, ToFetch, ToSee, Unanswered
from latewood.engine.running.list_calls import ListCalls
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.placing import Places
from latewood.engine.running.ranged import Due, Neighbours
from latewood.engine.running.recorder import Recorder
from latewood.engine.running.reports import Report, Tally
from latewood.engine.running.reusing import Versions
from latewood.engine.running.scripts import Scripts
from latewood.engine.running.slots import described
from latewood.engine.running.step_ends import Verdicts
from latewood.engine.running.storing import Storing
from latewood.engine.running.turns import Turns, Unlimited
from latewood.engine.running.workers import Workers
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore
from latewood.engine.values.values import Values
from latewood.errors import StoreError
from latewood.events import Failure
from latewood.model.definitions import Catalog
from latewood.model.keys import RunId
from latewood.model.schemes import dynamic_names

_OF_ENGINES: Final = Unanswered(
    passes=False,
    error="UsageError",
    message="only engines run jobs of connectors, since they outlive this process; in a test give the asset a value",
)


class InlineRun:
    """One run of a plan in this process. Commands do not see the environment's variables that are `hidden`."""

    def __init__(
        self,
        plan: Plan,
        *,
        catalog: Catalog,
        loaded: Loaded,
        resources: OpenResources,
        workers: Workers,
        run: RunId,
        recorder: Recorder,
        store: ArtifactStore,
        verdicts: Verdicts,
        clock: Callable[[], datetime],
        versions: Versions = lambda _: (),
        turns: Turns | None = None,
        sleep: Callable[[float], None] = time.sleep,
        report: Callable[[Report], None] = lambda _: None,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self._plan = plan
        self._turns = turns or Unlimited()
        self._loaded = loaded
        self._run = run
        self._recorder = recorder
        self._store = store
        self._clock = clock
        self._sleep = sleep
        places = Places(loaded.ios, loaded.root, resources)
        self._places = places
        self._values = Values(store, placed=places)
        dynamic = frozenset(name for asset in catalog.assets.values() for name in dynamic_names(asset.partitions))
        self._workers = workers
        self._connections = Connections()
        self._attempts = Attempts(loaded, self._values, resources, run, clock, dynamic, placing=True, hidden=hidden)
        self._lists = ListCalls(loaded, self._values)
        self._check_calls = CheckCalls(loaded, self._values, resources, self._attempts.context, run, hidden=hidden)
        self._storing = Storing(
            places, self._values, self._check_calls, plan.state.environment, self._may_place, self._may_copy
        )
        self._under_way: Mapping[int, Due] = {}
        self.scripts = Scripts(
            plan,
            catalog=catalog,
            root=loaded.root,
            values=self._values,
            run=run,
            recorder=recorder,
            store=store,
            verdicts=verdicts,
            versions=versions,
            clock=clock,
            in_turn=True,
            report=report,
        )

    @property
    def tally(self) -> Tally:
        """How many steps have ended how by now."""
        return self.scripts.tally

    @property
    def failures(self) -> Sequence[tuple[Step, Failure]]:
        """The steps that failed, or whose result a check or a retraction refused, in order."""
        return self.scripts.failures

    def execute(self) -> Tally:
        """Run every step that can be run; what is not downstream of a failure goes on.

        Raises KeyboardInterrupt, and whatever the log refuses: what was told before it stays.
        """
        waiting = Neighbours()
        for step in self._plan.steps():
            # Whatever is due is run before the next step is looked at, which may read it; but for neighbours, which
            # a partition-wise task makes together and which never read each other.
            if not waiting.may_be_joined_by(step):
                self._run_due(waiting.taken())
            try:
                # Who is on a flight does not wait for another one: so nobody waits for each other.
                due = played(self.scripts.opened(step, patient=not waiting.any), self.answer)
            except UnderWay:
                self._run_due(waiting.taken())
                due = played(self.scripts.opened(step), self.answer)
            if due is not None:
                waiting.add(due)
            elif not waiting.any:
                self._turns.land()
            if not step.task.node.task.is_partition_wise:
                self._run_due(waiting.taken())
        self._run_due(waiting.taken())
        self._recorder.told()
        return self.tally

    def _run_due(self, due: list[Due]) -> None:
        if due:
            played(self.scripts.run(due), self.answer, self._step_over)
        self._step_over()

    def _step_over(self) -> None:
        self._turns.leave()
        self._turns.land()

    def answer(self, ask: Ask) -> Any:
        """The answer to what a step asks, given on the spot."""
        match ask:
            case Attempt(due=due, number=number, deadline=deadline):
                return self._called(due, number, time_left(deadline, self._clock()))
            case Evaluate():
                return self._check_calls.evaluate(*ask)
            case Look(asset=asset, facts=facts):
                with suppress(StoreError):  # then the step runs, and tells what the matter is
                    return self._places.look(asset, facts.partition, facts.artifact)
                return None
            case Copy(step=step, asset=asset, facts=facts):
                annotation = self._loaded.tasks[asset.key].outputs[asset.output]
                return self._storing.copied(step, asset, facts, annotation)
            case Split(due=due):
                return self._lists.split(due.step.task.node.assets[0], due.bound)
            case Collect(due=due, results=results):
                return self._lists.collect(due.step.task.node.assets[0], results)
            case Durable():
                return self._recorder.told()
            case Remote(connector=connector, act=ToSee() | ToFetch() as act):
                return self._connections.ask(self._loaded.root, self._plan.state.environment, connector, act)
            case Remote():
                return _OF_ENGINES
            case Rest(until=until):
                return self._sleep(max(0.0, (until - self.scripts.now()).total_seconds()))
            case Enter(step=step, until=until):
                return self._entered(step, until)
            case Board(key=key, patient=patient, until=until):
                return self._turns.board(key, patient=patient, patience_s=self._patience_s(until))
            case Pause(until=until):
                self._turns.leave()
                return self._sleep(max(0.0, (until - self._clock()).total_seconds()))

    def _entered(self, step: Step, until: datetime | None) -> Raised | None:
        task = step.task.node.task
        missing = self._turns.enter(task, described(step), patience_s=self._patience_s(until))
        if not missing or until is None:
            return None
        failure = waited_too_long(task, until, self.scripts.now(), slots_of(missing))
        return Raised(failure=failure, duration_ms=0.0, output="")

    def _patience_s(self, until: datetime | None) -> float | None:
        return None if until is None else max(0.0, (until - self.scripts.now()).total_seconds())

    def _called(self, due: Sequence[Due], attempt: int, limit: timedelta | None) -> Sequence[Made | Raised] | Raised:
        """What comes of the call, here or where the task's own location is."""
        called = [(one.step, one.bound) for one in due]
        if due[0].step.task.node.task.shared is None:
            self._under_way = {one.step.number: one for one in due}
            with folders_kept():
                outcome = self._attempts.attempt_all(called, attempt, limit=limit)
                if isinstance(outcome, Raised):
                    return outcome
                return [self._storing.stored(one.step, made) for one, made in zip(due, outcome, strict=True)]
        read = (facts for one in due for b in one.bound if b.input.loads for _, facts in b.versions)
        try:
            self._store.publish(ArtifactAddress(facts.artifact) for facts in read)
        except StoreError as error:
            return refused(error)
        return self._workers.attempt_all(called, attempt, run=self._run, values=self._values, limit=limit)

    def _may_place(self, step: Step, output: str, data_version: str, no_reuse: str) -> bool:
        if not self.scripts.may_place(self._under_way[step.number], output, data_version, no_reuse):
            return False
        self._recorder.still_held()
        return True

    def _may_copy(self) -> bool:
        self._recorder.still_held()
        return True
