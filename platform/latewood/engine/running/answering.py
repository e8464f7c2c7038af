"""What a worker answers to each request: it calls user code of its location, and puts what came of it in a message."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from latewood.context import WorkflowFailure
from latewood.decide.nodes import Node
from latewood.decide.plan import PlannedTask, Step
from latewood.engine.loading.importing import WorkingTreeModules
from latewood.engine.loading.loaded import Loaded
from latewood.engine.processes.folders import folders_kept
from latewood.engine.running.attempt import Attempts, Evaluated, Made
from latewood.engine.running.binding import Bound
from latewood.engine.running.calls import Raised
from latewood.engine.running.check_calls import CheckCalls
from latewood.engine.running.handler_calls import call_handler, handler_of
from latewood.engine.running.list_calls import ListCalls
from latewood.engine.running.live_logs import kept_live, live_log
from latewood.engine.running.looking import Absent, Looking, Sight
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.placing import Places
from latewood.engine.running.sensor_calls import call_sensor
from latewood.engine.running.storing import Storing, unrecorded
from latewood.engine.running.worker_protocol import (
    Answer,
    Answered,
    Call,
    CallRange,
    Check,
    Checked,
    Copied,
    CopyTo,
    Failed,
    Handle,
    Look,
    LookAt,
    NothingThere,
    Open,
    Placing,
    PutTogether,
    Read,
    Recall,
    Request,
    Result,
    Returned,
    ReturnedRange,
    Running,
    Seen,
    Sense,
    Sighted,
    TakeApart,
)
from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.recordable import text
from latewood.engine.values.values import StagedOutput, Values
from latewood.events import Action, Failure, FailureKind
from latewood.model.elements import element_asset, elements_of
from latewood.model.keys import UNPARTITIONED, AssetId, AssetKey, PartitionKey, RunId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import ordinal_of
from latewood.model.schemes import with_keys
from latewood.places import is_placed


class Caller:
    """Calls the tasks of the loaded location."""

    def __init__(
        self,
        opened: Open,
        loaded: Loaded,
        elsewhere: WorkingTreeModules,
        say: Callable[[Answer], None],
        may_place: Callable[[Placing], bool],
    ) -> None:
        self._environment = opened.environment
        self._may_place = may_place
        self._following: list[Check] = []
        self._loaded = loaded
        self._dynamic = {scheme.name: scheme for scheme in opened.dynamic}
        self._assets = {
            asset.key: replace(asset, partitions=with_keys(asset.partitions, self._dynamic)) for asset in loaded.assets
        }
        self._assets |= {elements_of(a.key): element_asset(a) for a in loaded.assets if a.task.each}
        self._elsewhere = elsewhere
        self._say = say
        self._results = ArtifactStore(Path(opened.results), opened.project)
        self._resources = OpenResources(loaded.resources)
        self._places = Places(loaded.ios, loaded.root, self._resources)
        self._values = Values(
            ArtifactStore(Path(opened.store), opened.project), results=self._results, placed=self._places
        )
        self._lists = ListCalls(loaded, self._values)

    def answer(self, request: Request) -> Answered:
        """What came of it. Whatever goes wrong is the failure of this one request: there will be others."""
        self._following = []
        try:
            match request:
                case Call():
                    with folders_kept():
                        return self._called_alone(request)
                case CallRange(calls=calls):
                    with folders_kept():
                        return self._called(calls)
                case Check():
                    return self._checked(request)
                case Recall():
                    return self._recalled(request)
                case CopyTo():
                    return self._copied(request)
                case Look(asset=asset, version=version):
                    return Seen(fingerprint=self._places.look(asset, version.partition, version.artifact))
                case TakeApart(asset=asset, inputs=inputs):
                    node = self._node((asset,), {})
                    found = self._lists.split(node.assets[0], _bound(node, inputs))
                    return _failed(found) if isinstance(found, Raised) else found
                case PutTogether():
                    return self._put_together(request)
                case Handle():
                    return self._handled(request)
                case LookAt():
                    return self._looked_at(request)
                case Sense(timeout_s=timeout_s):
                    with self._limited(timedelta(seconds=timeout_s)):
                        return call_sensor(self._loaded, self._resources, request)
        except Exception as error:  # noqa: BLE001 - the process is ended by its engine alone
            failure = Failure(kind=FailureKind.REFUSED, error=type(error).__name__, message=text(str(error)))
            return Failed(failure=failure)

    def following(self) -> Iterator[Answered]:
        """The verdicts that were to follow the last answer."""
        for check in tuple(self._following):
            yield self.answer(check)

    def close(self) -> dict[str, Failure]:
        """Leave the resources that were entered; each failure by the resource's name."""
        return self._resources.close()

    def _called_alone(self, call: Call) -> Returned | Failed:
        match self._called((call,)):
            case ReturnedRange(each=(Returned() as returned,), logs=logs):
                return replace(returned, logs=returned.logs or logs)
            case ReturnedRange(each=(Failed() as failed,)):
                return failed
            case Failed() as failed:
                return failed
        raise AssertionError("one call, one result")

    def _called(self, calls: Sequence[Call]) -> ReturnedRange | Failed:
        call = calls[0]
        node, run = self._node(call.assets, call.parameters), RunId(call.run)
        left = None if call.limit_s is None else timedelta(seconds=call.limit_s)
        steps = [_step(node, each.step, each.partition) for each in calls]
        due = [(step, _bound(node, each.inputs)) for step, each in zip(steps, calls, strict=True)]
        paths = [live_log(self._results, each.run, each.step, each.attempt) for each in calls if each.live]
        with kept_live(paths) as live:
            attempts = self._attempts(run, _clock(call), self._limited, placing=call.placing, live=live)
            outcome = attempts.attempt_all(due, call.attempt, call.job, limit=left)
        if isinstance(outcome, Raised):
            return _failed(outcome)
        if fault := self._elsewhere.fault:
            return Failed(failure=Failure(kind=FailureKind.REFUSED, error="ImportError", message=fault))
        storing = self._storing(run)
        made = [storing.stored(step, one) for step, one in zip(steps, outcome, strict=True)]
        output = outcome[0].returned.output
        each = tuple(_failed(one) if isinstance(one, Raised) else self._returned(one, output) for one in made)
        self._following = [
            Check(
                asset=asset.key,
                check=check,
                version=Read(partition=of.partition, artifact=returned.outputs[asset.output].artifact),
                data_version=returned.outputs[asset.output].data_version,
                run=of.run,
                step=of.step,
            )
            for of, returned in zip(calls, each, strict=True)
            if isinstance(returned, Returned)
            for asset in node.assets
            if asset.output in returned.outputs and asset.output not in returned.verdicts
            for check in of.checks.get(asset.output, ())
        ]
        following = tuple((check.step, self._assets[check.asset].output, check.check) for check in self._following)
        return ReturnedRange(each=each, logs=output, following=following)

    def _storing(self, run: RunId, may_copy: Callable[[], bool] = lambda: False) -> Storing:
        return Storing(
            self._places,
            self._values,
            self._check_calls(run),
            self._environment,
            self._asking,
            may_copy,
            around=self._limited,
        )

    def _recalled(self, recall: Recall) -> Returned:
        asset = self._assets[recall.asset]
        annotation = self._loaded.tasks[asset.key].outputs[asset.output]
        value = self._values.load(asset.key, unrecorded(recall.version.partition, recall.version.artifact), annotation)
        output = self._values.stage(value, annotation, subject=f'"{asset.key}"')
        self._results.commit([output.staged])
        return Returned(outputs={asset.output: _result(output)}, duration_ms=0.0)

    def _copied(self, copy: CopyTo) -> Copied:
        asset, version = self._assets[copy.asset], copy.version
        annotation = self._loaded.tasks[asset.key].outputs[asset.output]
        storing = self._storing(RunId(""), lambda: self._may_place(Placing(step=copy.step)))
        step = _step(self._node((asset.key,), {}), copy.step, copy.partition)
        facts = unrecorded(version.partition, version.artifact, copy.data_version)
        return Copied(address=storing.copied(step, asset, facts, annotation))

    def _put_together(self, asked: PutTogether) -> Returned | Failed:
        results = [None if made is None else unrecorded(UNPARTITIONED, made) for made in asked.results]
        made = self._lists.collect(self._assets[asked.asset], results)
        return _failed(made) if isinstance(made, Raised) else self._returned(made, "")

    def _asking(self, step: Step, output: str, data_version: str, no_reuse: str) -> bool:
        return self._may_place(Placing(step=step.number, output=output, data_version=data_version, no_reuse=no_reuse))

    def _checked(self, check: Check) -> Checked:
        asset = self._assets[check.asset]
        definition = next(found for found in asset.checks if found.name == check.check)
        step = _step(self._node((check.asset,), {}), check.step, check.version.partition)
        facts = unrecorded(check.version.partition, check.version.artifact, check.data_version)
        return _verdict(self._check_calls(RunId(check.run)).evaluate(step, asset, definition, facts))

    def _handled(self, handle: Handle) -> Returned | Failed:
        failure = WorkflowFailure(workflow=handle.workflow, run_id=RunId(handle.run), steps=handle.steps)
        with self._limited(handler_of(self._loaded, handle.workflow).timeouts.once):
            outcome = call_handler(self._loaded, self._resources, failure)
        if isinstance(outcome, Raised):
            return _failed(outcome)
        return Returned(outputs={}, duration_ms=outcome.duration_ms, logs=outcome.output)

    def _looked_at(self, request: LookAt) -> Sighted | NothingThere | Failed:
        asset, every = self._assets[request.asset], self._assets.values()
        run = RunId(request.observation)
        looking = Looking(self._loaded, self._resources, run, _now, self._environment, every)
        limit = asset.task.timeouts.once
        is_own = asset.stored is None or limit is not None
        with self._limited(limit) if is_own else nullcontext():
            found = looking.look(asset, ordinal_of(asset.partitions, request.partition))
        match found:
            case Sight():
                return Sighted(
                    data_version=found.data_version,
                    metadata=dict(found.metadata),
                    artifact=found.artifact,
                    logs=found.output,
                    added={name: tuple(keys) for name, keys in found.added.items()},
                )
            case Absent(place=place):
                return NothingThere(place=place)
            case Raised():
                return _failed(found)

    def _check_calls(self, run: RunId) -> CheckCalls:
        context = self._attempts(run, _now, self._limited).context
        return CheckCalls(self._loaded, self._values, self._resources, context, run, around=self._limited)

    def _attempts(
        self,
        run: RunId,
        clock: Callable[[], datetime],
        around: Callable[[timedelta | None], AbstractContextManager[None]],
        *,
        placing: bool = False,
        live: Callable[[str], None] | None = None,
    ) -> Attempts:
        return Attempts(
            self._loaded,
            self._values,
            self._resources,
            run,
            clock,
            self._dynamic,
            placing=placing,
            around=around,
            live=live,
        )

    @contextmanager
    def _limited(self, limit: timedelta | None) -> Iterator[None]:
        """The time of user code is its task's matter, to an engine that does not see when it begins and ends."""
        self._say(Running(own=True, limit_s=None if limit is None else limit.total_seconds()))
        try:
            yield
        finally:
            self._say(Running())

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

    def _returned(self, made: Made, output: str) -> Returned:
        stored = [found.staged for found in made.outputs.values() if not is_placed(found.staged.address)]
        self._results.commit([*stored, *filter(None, (made.logs,))])
        return Returned(
            outputs={name: _result(found) for name, found in made.outputs.items()},
            duration_ms=made.returned.duration_ms,
            logs="" if made.returned.output == output else made.returned.output,
            metadata=dict(made.metadata),
            no_reuse=made.no_reuse,
            added={name: tuple(keys) for name, keys in made.added.items()},
            verdicts={
                name: {check: _verdict(found) for check, found in checks.items()}
                for name, checks in made.verdicts.items()
            },
        )


def _result(output: StagedOutput) -> Result:
    return Result(
        data_version=output.data_version,
        artifact=output.staged.address,
        size=output.staged.size,
        metadata=dict(output.metadata),
        columns=output.columns,
        column_sources=output.column_sources,
    )


def _failed(raised: Raised) -> Failed:
    return Failed(failure=raised.failure, logs=raised.output, duration_ms=raised.duration_ms)


def _verdict(found: Evaluated) -> Checked:
    return Checked(
        passed=found.result.passed,
        message=found.result.message,
        metadata=dict(found.result.metadata),
        failure=found.failure,
        no_reuse=found.no_reuse,
        logs=found.output,
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
        Bound(
            input_,
            Ordinals(),
            tuple((read.partition, unrecorded(read.partition, read.artifact)) for read in inputs[input_.name]),
        )
        for input_ in node.task.inputs
        if input_.name in inputs
    ]
