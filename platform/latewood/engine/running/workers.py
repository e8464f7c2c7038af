"""The workers of one run: they call the tasks that are other locations', each by its own interpreter and code.

There is one for each location and code, kept for the run. One that dies fails the attempt that it was called for, and
the next attempt starts another one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from latewood.context import CheckResult
from latewood.decide.fingerprint import changed_parts
from latewood.decide.plan import Step
from latewood.engine.running.attempt import Evaluated, Made
from latewood.engine.running.binding import Bound
from latewood.engine.running.calls import Raised
from latewood.engine.running.calls import Returned as Value
from latewood.engine.running.worker_process import Worker, failed_by
from latewood.engine.running.worker_protocol import (
    Call,
    Checked,
    Failed,
    Open,
    Opened,
    Read,
    Result,
    Returned,
    ReturnedRange,
)
from latewood.engine.storage.store import ArtifactAddress, Staged
from latewood.engine.values.values import StagedOutput, Values
from latewood.errors import LatewoodError
from latewood.events import Failure
from latewood.model.code import CodeVersion
from latewood.model.keys import AssetKey, RunId


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Crew:
    """What a worker is started with, and by the assets it makes their tasks, with the code these must have there.

    A task of another location is named; without a name it is the asset's own, in a location that is opened whole.
    `hidden` are the environment variables that it does not see, other locations' secrets; `variables` are set for it.
    Where `broken` is, nothing can be started: code or environment are not to be had.
    """

    opened: Open
    interpreter: str
    hidden: frozenset[str]
    code: Mapping[AssetKey, tuple[str, CodeVersion]]
    variables: Mapping[str, str] = field(default_factory=dict)
    broken: LatewoodError | None = None

    @classmethod
    def broken_by(cls, error: LatewoodError) -> Self:
        """Nobody, and why: whatever is asked of them fails so."""
        nowhere = Open(folder="", location="", paths=(), root="", project="", store="", results="", environment="")
        return cls(opened=nowhere, interpreter="", hidden=frozenset(), code={}, broken=error)

    def worker(self, environ: Mapping[str, str]) -> Worker:
        """One of them, not started yet, for who has this environment."""
        return Worker(
            self.opened,
            interpreter=self.interpreter,
            environ=environ,
            refuse=self.refused,
            hidden=self.hidden,
            variables=self.variables,
        )

    def refused(self, opened: Opened) -> str:
        """Why what was opened is not what was deployed; empty if it is. Its results would be taken for another's."""
        for key, (name, then) in self.code.items():
            now = opened.tasks.get(name) if name else opened.code.get(key)
            if now is None or now.version != then.version:
                changes = changed_parts(then, now) if now else ()
                found = ", ".join(f"{c.name} {c.before} -> {c.after}" for c in changes if c.subject == "package")
                found = f": {found}" if found else ""
                return (
                    f"its task {name or key} is not the one that was deployed{found}; deploy the location again by the "
                    "Python that is to run it, or give it a lock file"
                )
        return ""


class Workers:
    """Calls tasks of other locations for the steps of one run. To be closed in the end.

    For assets that none of the crews makes `later` says who does, once that is needed: a step that was to be reused
    runs where what it would take is gone. Whatever is wrong with those then is the failure of their steps.
    """

    def __init__(self, crews: Sequence[Crew], environ: Mapping[str, str], later: Callable[[AssetKey], Crew]) -> None:
        self._crews = {key: crew for crew in crews for key in crew.code}
        self._later = later
        self._refused: dict[AssetKey, LatewoodError] = {}
        self._environ = environ
        self._working: dict[int, Worker] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start all of them. Raises WorkerUnusable where one cannot run what it is to run."""
        for key in self._crews:
            self._worker(key)

    def attempt_all(
        self,
        due: Sequence[tuple[Step, list[Bound]]],
        number: int,
        *,
        run: RunId,
        values: Values,
        limit: timedelta | None = None,
    ) -> Sequence[Made | Raised] | Raised:
        """Call the task in its own process; what it returned is in the store by then.

        Of a partition-wise task neighbouring steps are `due` together, as in `Attempts.attempt_all`.
        """
        node = due[0][0].task.node
        try:
            try:
                answer = self._worker(node.keys[0]).call_range(
                    [call_of(step, bound, number, run, limit) for step, bound in due],
                    memory=node.task.resources.memory_bytes,
                )
            except KeyboardInterrupt:  # nobody waits for what it is doing
                self.kill()
                raise
            match answer:
                case Failed():
                    return raised_of(answer)
                case ReturnedRange():
                    return made_of(answer, values)
        except LatewoodError as error:
            return raised_of(failed_by(error))

    def close(self) -> dict[str, Failure]:
        """Let each leave its resources and end it; the failures by location and resource."""
        failed: dict[str, Failure] = {}
        while self._working:
            _, worker = self._working.popitem()
            failed |= {f"{worker.location}: {name}": failure for name, failure in worker.close().items()}
        return failed

    def kill(self) -> None:
        """End all at once: the run is over, whatever they are doing."""
        while self._working:
            _, worker = self._working.popitem()
            worker.kill()

    def _worker(self, key: AssetKey) -> Worker:
        crew = self._crew(key)
        if id(crew) not in self._working:
            worker = crew.worker(self._environ)
            worker.start()
            self._working[id(crew)] = worker
        return self._working[id(crew)]

    def _crew(self, key: AssetKey) -> Crew:
        if key in self._refused:  # an environment that cannot be built is not built again for each partition
            raise self._refused[key]
        if key not in self._crews:
            try:
                crew = self._later(key)
            except LatewoodError as error:
                self._refused[key] = error
                raise
            self._crews |= dict.fromkeys(crew.code, crew)
        return self._crews[key]


def call_of(step: Step, bound: list[Bound], number: int, run: RunId, limit: timedelta | None = None) -> Call:
    """The call of a step's task, which may take as long as the task says, and no longer than the `limit`."""
    node = step.task.node
    return Call(
        assets=node.keys,
        partition=step.partition,
        parameters=dict(node.parameters),
        inputs={
            b.input.name: tuple(Read(partition=key, artifact=facts.artifact) for key, facts in b.versions)
            for b in bound
            if b.input.loads
        },
        run=run,
        step=step.number,
        attempt=number,
        limit_s=None if limit is None else limit.total_seconds(),
    )


def made_of(answer: ReturnedRange, values: Values) -> list[Made | Raised]:
    """What a worker returned, as an attempt's results. Raises StoreError."""
    logs = values.stage_logs(answer.logs)
    return [raised_of(one) if isinstance(one, Failed) else _made(one, answer.logs, logs, values) for one in answer.each]


def raised_of(answer: Failed) -> Raised:
    """How a call failed."""
    return Raised(failure=answer.failure, duration_ms=answer.duration_ms, output=answer.logs)


def evaluated_of(answer: Checked | Failed) -> Evaluated:
    """What a check said; one whose call failed has not passed, this once."""
    if isinstance(answer, Failed):
        result = CheckResult(passed=False, message=f"{answer.failure.error}: {answer.failure.message}")
        return Evaluated(result=result, failure=answer.failure, output=answer.logs)
    return Evaluated(
        result=CheckResult(passed=answer.passed, message=answer.message, metadata=answer.metadata),
        failure=answer.failure,
        no_reuse=answer.no_reuse,
        output=answer.logs,
    )


def _made(answer: Returned, output: str, logs: Staged | None, values: Values) -> Made:
    """One step's part of it; what its own IO printed besides is in its own logs."""
    return Made(
        outputs={name: _staged(result) for name, result in answer.outputs.items()},
        unplaced={},
        metadata=answer.metadata,
        returned=Value(value=None, duration_ms=answer.duration_ms, output=answer.logs or output),
        no_reuse=answer.no_reuse,
        logs=values.stage_logs(answer.logs) if answer.logs else logs,
        added=answer.added,
        verdicts={
            name: {check: evaluated_of(found) for check, found in checks.items()}
            for name, checks in answer.verdicts.items()
        },
    )


def _staged(result: Result) -> StagedOutput:
    """The result as if it had been staged here; the worker has made it durable already."""
    return StagedOutput(
        staged=Staged(address=ArtifactAddress(result.artifact), size=result.size, temporary=""),
        data_version=result.data_version,
        metadata=result.metadata,
        columns=result.columns,
        column_sources=result.column_sources,
    )
