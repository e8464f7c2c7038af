"""One run that this engine drives: what its steps ask becomes calls of workers, timers and facts."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from latewood.context import CheckResult
from latewood.engine.running.asks import Ask, Attempt, Copy, Durable, Evaluate, Evaluated, Pause
from latewood.engine.running.attempt import Made
from latewood.engine.running.calls import Raised
from latewood.engine.running.drive import Asked, Drive
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.placing import Places
from latewood.engine.running.pool import Answered, Job
from latewood.engine.running.recorder import Recorder
from latewood.engine.running.scripts import Scripts
from latewood.engine.running.worker_protocol import CallRange, Check, Checked, Failed, Read, ReturnedRange
from latewood.engine.running.workers import Crew, call_of, made_of
from latewood.engine.values.values import Values
from latewood.events import RunEnded, RunStarted, RunStatus
from latewood.model.keys import AssetKey, RunId
from latewood.projections.snapshots import snapshot
from latewood.projections.states import check_verdicts
from latewood.serving.opening import Opened
from latewood_eventlog.leases import Lease

LOG: Final = logging.getLogger("latewood.engine")


class Work(Protocol):
    """The engine, as a run sees it: what is to be done later is done in its own thread."""

    def later(self, run: "ActiveRun", at: datetime, then: Callable[[], None]) -> None:
        """Do this for the run at that time."""

    def soon(self, run: "ActiveRun", then: Callable[[], None]) -> None:
        """Do this for the run; to be called from any thread."""


class ActiveRun:
    """A run under this engine's lease. For the engine's thread."""

    def __init__(
        self, opened: Opened, lease: Lease, recorder: Recorder, crews: Mapping[AssetKey, Crew], work: Work, engine: str
    ) -> None:
        workspace, plan = opened.workspace, opened.plan
        self.run: RunId = opened.run
        self.workspace = workspace
        self.lease = lease
        self.opened = opened
        self._recorder = recorder
        self._crews = crews
        self._work = work
        self._engine = engine
        self._jobs: dict[int, Job] = {}
        self._is_over = False
        self._cancelled = False
        self.outcome = ""
        """How it ended, in words."""
        root = opened.view.root
        # What lies at places of users' own choosing is looked at by workers alone.
        places = Places({}, root, OpenResources({}))
        self._values = Values(workspace.store, placed=places)
        self._scripts = Scripts(
            plan,
            catalog=opened.view.catalog,
            root=root,
            places=places,
            values=self._values,
            run=self.run,
            recorder=recorder,
            store=workspace.store,
            verdicts=self._verdicts,
            clock=workspace.clock,
        )
        self._drive = Drive(plan, opened.view.catalog, self._scripts, opened.progress.steps, opened.taken)

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be done for it any more but to make its end durable."""
        return self._is_over

    def begin(self) -> None:
        """Say that this engine drives it."""
        resumed = self.opened.progress.is_started
        fact = RunStarted(run=self.run, engine=self._engine, resumed=resumed)
        self._recorder.tell((fact, ("taken", self.lease.epoch)))

    def next(self) -> Job | None:
        """A call to be made now, for which there is a slot; None where it has none at present.

        What needs no worker is done on the way; when every step has ended, so has the run. Raises LogError.
        """
        while not self._is_over and not self._cancelled:
            asked = self._drive.next()
            if asked is None:
                break
            job = self._job(asked)
            if job is not None:
                self._jobs[asked.number] = job
                return job
        self._end_if_over()
        return None

    def cancel(self) -> None:
        """End it: what is under way is stopped, what was finished is kept."""
        if self._is_over or self._cancelled:
            return
        self._cancelled = True
        self._drive.stop()
        self._end_if_over()

    def leave(self) -> None:
        """Stop driving it, without a word in the log: another engine goes on."""
        self._is_over = True
        self._drive.stop()

    @property
    def jobs(self) -> list[Job]:
        """The calls that are being made for it."""
        return list(self._jobs.values())

    def _end_if_over(self) -> None:
        if self._is_over or not (self._cancelled or self._drive.is_over):
            return
        self._is_over = True
        ended = self._ended()
        self._recorder.tell((ended, ("ended",)))
        parts = {"run": ended.ran, "reused": ended.reused, "failed": ended.failed, "refused": ended.refused}
        counted = [f"{count:,} {word}" for word, count in parts.items() if count]
        self.outcome = ", ".join([ended.status.value, *counted])

    def when_told(self, then: Callable[[], None]) -> None:
        """Do this in the engine's thread once everything that was told is durable, or refused."""
        self._recorder.when_told(lambda: self._work.soon(self, then))

    # ── what its steps ask ────────────────────────────────────────────────────────────────────────────

    def _job(self, asked: Asked) -> Job | None:
        """The call that is asked for; None for what is answered without a worker."""
        number, ask = asked
        match ask:
            case Attempt(due=due, number=attempt):
                node = due[0].step.task.node
                calls = [call_of(one.step, node, one.bound, attempt, self.run) for one in due]
                return Job(
                    crew=self._crews[node.keys[0]],
                    call=CallRange(calls=tuple(calls)),
                    timeout=node.task.timeouts.running,
                    done=self._answering(number, ask),
                )
            case Evaluate(step=step, asset=asset, check=check, facts=facts):
                return Job(
                    crew=self._crews[asset.key],
                    call=Check(
                        asset=asset.key,
                        check=check.name,
                        version=Read(partition=step.partition, artifact=facts.artifact),
                        data_version=facts.data_version,
                        run=self.run,
                        step=step.number,
                    ),
                    timeout=check.task.timeouts.running,
                    done=self._answering(number, ask),
                )
            case Pause(until=until):
                self._work.later(self, until, lambda: self._answer(number, None))
            case Durable():
                self.when_told(lambda: self._answer(number, None))
            case Copy():  # it is run instead: no worker stores at places yet
                self._work.soon(self, lambda: self._answer(number, None))
        return None

    def _answering(self, number: int, ask: Ask) -> Callable[[Answered], None]:
        return lambda answered: self._work.soon(self, lambda: self._answer(number, self._meaning(ask, answered)))

    def _answer(self, number: int, answer: Any) -> None:
        self._jobs.pop(number, None)
        if not self._is_over and not self._cancelled:
            self._drive.answer(number, answer)

    def _meaning(self, ask: Ask, answered: Answered) -> list[Made] | Raised | Evaluated:
        """What a worker answered, as a step understands it."""
        match answered:
            case ReturnedRange():
                return made_of(answered, self._values)
            case Checked(passed=passed, message=message, metadata=metadata):
                return Evaluated(
                    result=CheckResult(passed=passed, message=message, metadata=metadata),
                    failure=answered.failure,
                    no_reuse=answered.no_reuse,
                    output=answered.logs,
                )
            case Failed(failure=failure, logs=logs, duration_ms=duration_ms) if isinstance(ask, Evaluate):
                result = CheckResult(passed=False, message=f"{failure.error}: {failure.message}")
                return Evaluated(result=result, failure=failure, output=logs)
            case Failed(failure=failure, logs=logs, duration_ms=duration_ms):
                return Raised(failure=failure, duration_ms=duration_ms, output=logs)

    def _verdicts(self, asset: Any, partition: Any) -> Mapping[tuple[str, str], CheckResult]:
        with snapshot(self.workspace.log) as connection:
            return check_verdicts(connection, self.workspace.project, asset, partition)

    def _ended(self) -> RunEnded:
        tally = self._scripts.tally
        clean = not (tally.failed or tally.refused or tally.skipped > tally.barred)
        return RunEnded(
            run=self.run,
            status=RunStatus.CANCELLED if self._cancelled else RunStatus.SUCCEEDED if clean else RunStatus.FAILED,
            ran=tally.ran,
            reused=tally.reused,
            failed=tally.failed,
            refused=tally.refused,
            skipped=tally.skipped,
            fresh=self.opened.progress.planned[0].fresh,
        )
