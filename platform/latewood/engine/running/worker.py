"""A worker: a process that has one location's code as it was deployed, and calls its tasks for an engine.

`python -P -m latewood.engine.running.worker`, by the location's own interpreter. It reads calls from standard input and
answers on standard output; user code sees neither. It has no way to the database. It ends at once when its input does,
be it in the middle of user code, with all that it has started: then its engine is gone.
"""

import dataclasses
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from platform import python_version
from queue import Queue
from typing import Any, BinaryIO, TypeVar

from msgspec.structs import replace

from latewood.decide.nodes import Node
from latewood.decide.plan import PlannedTask, Step
from latewood.decide.state import VersionFacts
from latewood.engine.loading.importing import WorkingTreeModules
from latewood.engine.loading.loader import Loaded, load_archived, load_tasks
from latewood.engine.loading.shared import resolve_recorded
from latewood.engine.loading.signature import LiveTask
from latewood.engine.running.asks import Evaluate
from latewood.engine.running.attempt import Attempts, Made
from latewood.engine.running.binding import Bound
from latewood.engine.running.calls import Raised
from latewood.engine.running.check_calls import CheckCalls
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.placing import Places
from latewood.engine.running.step_logs import listening
from latewood.engine.running.worker_protocol import (
    Answer,
    Call,
    CallRange,
    Check,
    Checked,
    Close,
    Closed,
    Failed,
    Open,
    Opened,
    Read,
    Recall,
    Refused,
    Result,
    Returned,
    ReturnedRange,
    Running,
    decode_call,
    decode_open,
    encode,
)
from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.recordable import text
from latewood.engine.values.values import StagedOutput, Values
from latewood.errors import DefinitionsInvalid
from latewood.events import Action, Failure, FailureKind
from latewood.model.definitions import TaskDefinition
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import ordinal_of
from latewood.model.schemes import with_keys

A = TypeVar("A")


def main() -> None:
    """Load the location that the first line names, then answer one call a line until there are no more."""
    requests, answer = _private_pipes()
    waiting: Queue[bytes] = Queue()
    threading.Thread(target=_read, args=(requests, waiting), name="latewood-requests", daemon=True).start()
    opened = decode_open(waiting.get())
    root, folder = Path(opened.root), Path(opened.folder)
    try:
        loaded = _loaded(opened, folder, root)
    except DefinitionsInvalid as error:
        answer(Refused(message="\n".join(map(str, error.problems))))
        return
    elsewhere = WorkingTreeModules(root, folder)
    if strays := elsewhere.names():
        answer(Refused(message=_strayed(strays)))
        return
    tasks = {bare.name: bare.task.code for bare in loaded.offered}
    code = {} if opened.made else {asset.key: asset.task.code for asset in loaded.assets}
    answer(Opened(python=python_version(), code=code, tasks=tasks))
    caller = _Caller(opened, loaded, elsewhere, answer)
    with listening():
        while True:
            match decode_call(waiting.get()):
                case Call() as call:
                    answer(caller.call(call))
                case CallRange(calls=calls):
                    answer(caller.call_range(calls))
                case Check() as check:
                    answer(caller.check(check))
                case Recall() as recall:
                    answer(caller.recall(recall))
                case Close():
                    answer(Closed(failures=caller.close()))


def _loaded(opened: Open, folder: Path, root: Path) -> Loaded:
    if opened.made:
        loaded = load_tasks(
            folder,
            opened.location,
            opened.paths,
            {asset.task.shared.name for asset in opened.made if asset.task.shared},
            root=root,
            configurations=opened.configurations,
            environment=opened.environment,
        )
        tasks = {asset.key: _used(loaded, asset.task) for asset in opened.made}
        return dataclasses.replace(loaded, assets=opened.made, tasks=tasks)
    return load_archived(
        folder,
        opened.location,
        opened.paths,
        root=root,
        configurations=opened.configurations,
        others={asset.key: asset for asset in opened.others},
        environment=opened.environment,
        resolve=resolve_recorded(opened.shared),
    )


def _used(loaded: Loaded, task: TaskDefinition) -> LiveTask:
    """The task's function for what another location uses it for."""
    assert task.shared is not None, "made by a task of this location"
    live = loaded.bare[task.shared.name]
    # In a workflow what is positional may have been given a value: then it is a parameter.
    annotations = {**live.inputs, **live.parameters}
    return dataclasses.replace(
        live,
        inputs={input_.name: annotations[input_.name] for input_ in task.inputs if input_.loads},
        parameters={parameter.name: annotations[parameter.name] for parameter in task.parameters},
        outputs={output.name: live.outputs[output.name] for output in task.outputs},
    )


def _read(requests: BinaryIO, waiting: "Queue[bytes]") -> None:
    for line in requests:
        waiting.put(line)
    if os.getpgrp() == os.getpid():  # so its engine starts it; what user code has started is of its group
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _strayed(modules: Sequence[str]) -> str:
    return (
        f"{', '.join(modules)} would be imported from the working tree: that is no part of what was deployed. "
        "Code that is found while it runs only (by a name put together, by a plugin) is not seen when it is deployed; "
        "import it at the top of a module"
    )


def _private_pipes() -> tuple[BinaryIO, Callable[[Answer], None]]:
    """Where requests come from and answers go to; what user code reads and prints is kept away from both."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)

    def answer(message: Answer) -> None:
        answers.write(encode(message) + b"\n")
        answers.flush()

    return requests, answer


class _Caller:
    """Calls the tasks of the loaded location."""

    def __init__(
        self, opened: Open, loaded: Loaded, elsewhere: WorkingTreeModules, say: Callable[[Answer], None]
    ) -> None:
        self._loaded = loaded
        self._dynamic = {scheme.name: scheme for scheme in opened.dynamic}
        self._assets = {
            asset.key: replace(asset, partitions=with_keys(asset.partitions, self._dynamic)) for asset in loaded.assets
        }
        self._elsewhere = elsewhere
        self._say = say
        self._results = ArtifactStore(Path(opened.results), opened.project)
        self._resources = OpenResources(loaded.resources)
        self._values = Values(
            ArtifactStore(Path(opened.store), opened.project),
            results=self._results,
            placed=Places(loaded.ios, loaded.root, self._resources),
        )

    def call(self, call: Call) -> Returned | Failed:
        """What came of the call. Whatever goes wrong in it is the failure of this one call: there will be others."""
        match self.call_range((call,)):
            case Failed() as failed:
                return failed
            case ReturnedRange(each=(returned,), logs=logs):
                return replace(returned, logs=logs)
        raise AssertionError("one call, one result")

    def call_range(self, calls: Sequence[Call]) -> ReturnedRange | Failed:
        """What came of one call for all of these."""
        return self._whatever_goes_wrong(lambda: self._called(calls))

    def check(self, check: Check) -> Checked | Failed:
        """What the check says."""
        return self._whatever_goes_wrong(lambda: self._checked(check))

    def recall(self, recall: Recall) -> Returned | Failed:
        """The version as an artifact of the results."""
        return self._whatever_goes_wrong(lambda: self._recalled(recall))

    def _whatever_goes_wrong(self, act: Callable[[], A]) -> A | Failed:
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - the process is ended by its engine alone
            failure = Failure(kind=FailureKind.REFUSED, error=type(error).__name__, message=text(str(error)))
            return Failed(failure=failure)

    def close(self) -> dict[str, Failure]:
        """Leave the resources that were entered; each failure by the resource's name."""
        return self._resources.close()

    def _called(self, calls: Sequence[Call]) -> ReturnedRange | Failed:
        call, node = calls[0], self._node(calls[0].assets, calls[0].parameters)
        around = self._told if node.task.timeouts.running else nullcontext
        due = [(_step(node, each.step, each.partition), _bound(node, each.inputs)) for each in calls]
        outcome = self._attempts(RunId(call.run), _clock(call), around).attempt_all(due, call.attempt)
        if isinstance(outcome, Raised):
            return Failed(failure=outcome.failure, logs=outcome.output, duration_ms=outcome.duration_ms)
        if strays := self._elsewhere.names():
            return Failed(failure=Failure(kind=FailureKind.REFUSED, error="ImportError", message=_strayed(strays)))
        return ReturnedRange(each=tuple(map(self._returned, outcome)), logs=outcome[0].returned.output)

    def _checked(self, check: Check) -> Checked:
        asset = self._assets[check.asset]
        definition = next(found for found in asset.checks if found.name == check.check)
        step = _step(self._node((check.asset,), {}), check.step, check.version.partition)
        context = self._attempts(RunId(check.run), _now, nullcontext).context
        around = self._told if definition.task.timeouts.running else nullcontext
        calls = CheckCalls(self._loaded, self._values, self._resources, context)
        facts = _facts(check.version)._replace(data_version=check.data_version)
        with around():
            found = calls.evaluate(Evaluate(step, asset, definition, facts))
        return Checked(
            passed=found.result.passed,
            message=found.result.message,
            metadata=dict(found.result.metadata),
            failure=found.failure,
            no_reuse=found.no_reuse,
            logs=found.output,
        )

    def _attempts(
        self, run: RunId, clock: Callable[[], datetime], around: Callable[[], AbstractContextManager[None]]
    ) -> Attempts:
        return Attempts(self._loaded, self._values, self._resources, run, clock, self._dynamic, around=around)

    def _recalled(self, recall: Recall) -> Returned:
        asset = self._assets[recall.asset]
        annotation = self._loaded.tasks[asset.key].outputs[asset.output]
        value = self._values.load(asset.key, _facts(recall.version), annotation)
        output = self._values.stage(value, annotation, subject=f'"{asset.key}"')
        self._results.commit([output.staged])
        return Returned(outputs={asset.output: _result(output)}, duration_ms=0.0)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The time of user code alone is limited, by an engine that does not see when it begins and ends."""
        self._say(Running(begins=True))
        try:
            yield
        finally:
            self._say(Running(begins=False))

    def _node(self, keys: tuple[AssetKey, ...], parameters: Mapping[str, Any]) -> Node:
        assets = tuple(self._assets[key] for key in keys)
        return Node(
            assets=assets,
            keys=keys,
            ids=tuple(AssetId(key) for key in keys),
            task=assets[0].task,
            parameters=parameters,
            logic="",
        )

    def _returned(self, made: Made) -> Returned:
        self._results.commit([*(output.staged for output in made.outputs.values()), *filter(None, (made.logs,))])
        return Returned(
            outputs={name: _result(output) for name, output in made.outputs.items()},
            duration_ms=made.returned.duration_ms,
            metadata=dict(made.metadata),
            no_reuse=made.no_reuse,
            added={name: tuple(keys) for name, keys in made.added.items()},
        )


def _result(output: StagedOutput) -> Result:
    return Result(
        data_version=output.data_version,
        artifact=output.staged.address,
        size=output.staged.size,
        metadata=dict(output.metadata),
        columns=output.columns,
    )


def _step(node: Node, number: int, partition: PartitionKey) -> Step:
    return Step(
        number=number,
        task=PlannedTask(node=node, groups=()),
        ordinal=ordinal_of(node.assets[0].partitions, partition),
        partition=partition,
        action=Action.RUN,
        reasons=(),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _clock(call: Call) -> Callable[[], datetime]:
    if not call.at:
        return _now
    at = datetime.fromisoformat(call.at)
    return lambda: at


def _bound(node: Node, inputs: Mapping[str, tuple[Read, ...]]) -> list[Bound]:
    """The inputs as a run binds them; those that were not recorded are not read."""
    return [
        Bound(input_, Ordinals(), tuple((read.partition, _facts(read)) for read in inputs[input_.name]))
        for input_ in node.task.inputs
        if input_.name in inputs
    ]


def _facts(read: Read) -> VersionFacts:
    """A version of which nothing but its artifact is needed."""
    return VersionFacts(
        asset=AssetId(""),
        partition=read.partition,
        version=VersionId(""),
        position=0,
        made_at=datetime.min,  # noqa: DTZ901 - nobody asks
        duration_ms=0.0,
        data_version="",
        artifact=read.artifact,
        code="",
        logic="",
        inputs="",
        reuse_key="",
        accepted=True,
    )


if __name__ == "__main__":
    main()
