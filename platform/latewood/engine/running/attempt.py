"""One call of user code, from versions to staged results: a task's attempt, or a check's verdict."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, get_args

from latewood.context import CheckResult, Context
from latewood.decide.keys import path_texts
from latewood.decide.nodes import Node
from latewood.decide.plan import Step
from latewood.decide.retry import shorter
from latewood.engine.code.queries import query_of
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.naming import RESULT
from latewood.engine.loading.signature import LiveTask, live_parameter
from latewood.engine.processes.told import StepTold, telling
from latewood.engine.running.binding import Bound
from latewood.engine.running.calls import Raised, Returned, call, too_late
from latewood.engine.running.job_results import left_there, made_by
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.placing import PlaceFailed
from latewood.engine.running.ranged import apart, read_together
from latewood.engine.running.worker_protocol import JobMade
from latewood.engine.storage.file_hash import content_of
from latewood.engine.storage.store import Staged
from latewood.engine.values.recordable import recordable_metadata, require_room, text
from latewood.engine.values.values import Examined, StagedOutput, Values
from latewood.errors import StoreError, ValueRefused
from latewood.events import Failure, FailureKind
from latewood.model.column_sources import ColumnSources
from latewood.model.definitions import AssetDefinition, Input, TaskDefinition
from latewood.model.elements import ElementAddress
from latewood.model.grids import GridKey
from latewood.model.jobs import Elsewhere
from latewood.model.keys import AssetKey, PartitionKey, RunId
from latewood.model.ordinals import Range
from latewood.model.partitions import key_at, range_at, window_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """One call of a check. Where `failure` is, the check came to no verdict."""

    result: CheckResult
    failure: Failure | None = None
    no_reuse: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An attempt that succeeded: its results by output, checked and staged; `unplaced` are still to be stored by IO.

    `metadata` is what the task added through its context; `no_reuse` says why the result is not to be reused, if so;
    `logs` is what it printed and logged, if anything; `added` are keys of dynamic partitions, by name. `verdicts` are
    those of checks that were asked before a result got to its place, by output and check.
    """

    outputs: Mapping[str, StagedOutput]
    unplaced: Mapping[str, Examined]
    metadata: Mapping[str, Any]
    returned: Returned
    no_reuse: str
    logs: Staged | None
    added: Mapping[str, Iterable[PartitionKey]]
    verdicts: Mapping[str, Mapping[str, Evaluated]] = field(default_factory=dict)


class Attempts:
    """Calls the functions of a loaded location for the steps of one run.

    Where it is `placing`, results that have an IO are left to it; else all are staged in the store. `around` is entered
    for user code alone, with the time it has, without what is read and stored for it; `live` hears what that prints.
    Commands do not see the environment's variables that are `hidden`.
    """

    def __init__(
        self,
        loaded: Loaded,
        values: Values,
        resources: OpenResources,
        run: RunId,
        clock: Callable[[], datetime],
        dynamic: Collection[str] = (),
        *,
        placing: bool = False,
        around: Callable[[timedelta | None], AbstractContextManager[None]] = lambda _: nullcontext(),
        live: Callable[[str], None] | None = None,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self._hidden = hidden
        self._around = around
        self._live = live
        self._placing = placing
        self._loaded = loaded
        self._values = values
        self._resources = resources
        self._run = run
        self._clock = clock
        self._dynamic = dynamic

    def attempt(self, step: Step, bound: list[Bound], number: int) -> Made | Raised:
        """What comes of calling the task for one step, as `attempt_all`."""
        outcome = self.attempt_all([(step, bound)], number)
        return outcome if isinstance(outcome, Raised) else outcome[0]

    def attempt_all(
        self,
        due: Sequence[tuple[Step, list[Bound]]],
        number: int,
        job: JobMade | None = None,
        *,
        limit: timedelta | None = None,
    ) -> list[Made] | Raised:
        """Load the inputs, call the task, check and stage what it returns. User code fails here and nowhere else.

        Of a partition-wise task neighbouring steps are `due` together: it is called once, and each gets its part. Where
        a `job` has made it, what that has left is read in place of calling the task. The call may take as long as the
        task says, and with what is loaded for it no longer than the `limit`: nothing is called once that is over.
        """
        first, node, since = due[0][0], due[0][0].task.node, monotonic()
        live = self._loaded.tasks[node.keys[0]]
        context = self.context(first, number)
        ordinals = [step.ordinal for step, _ in due]
        bound = read_together([bound for _, bound in due])
        try:
            arguments = {} if job is not None else self._arguments(node, live, bound, ordinals, context)
        except (ValueRefused, StoreError) as error:
            return refused(error)
        told = self._told(first, live, bound, context)
        if job is None:
            function = self._resources.calling(live)
        else:
            function = partial(made_by, job, live.outputs, told.optional)
            context.add_metadata(**job.metadata)
        left = None if limit is None else limit - timedelta(seconds=monotonic() - since)
        if left is not None and left <= timedelta(0):
            return Raised(failure=too_late(), duration_ms=0.0, output="")
        running = shorter(node.task.timeouts.running, left)
        with self._around(running), telling(told):
            outcome = call(function, arguments, timeout=running, live=self._live)
        if isinstance(outcome, Raised):
            return outcome
        try:
            named = {RESULT: outcome.value} if set(live.outputs) == {RESULT} else _by_name(outcome.value, live, node)
            parts = apart(named, live.outputs, node, ordinals) if node.task.is_partition_wise else [named]
            logs = self._values.stage_logs(outcome.output)
            share = replace(outcome, duration_ms=round(outcome.duration_ms / len(due), 3))
            verdicts = _reported(told)
            made = [self._made(node, live, part, context, share, logs, verdicts, told.column_sources) for part in parts]
        except (ValueRefused, StoreError) as error:
            return replace(refused(error), duration_ms=outcome.duration_ms, output=outcome.output)
        return [replace(made[0], added=context.partitions_added), *made[1:]]

    def _made(
        self,
        node: Node,
        live: LiveTask,
        named: Mapping[str, Any],
        context: Context,
        returned: Returned,
        logs: Staged | None,
        verdicts: Mapping[str, Mapping[str, Evaluated]],
        sources: Mapping[str, tuple[ColumnSources, ...]],
    ) -> Made:
        outputs, unplaced = self._stage(node, live, named, sources)
        metadata = recordable_metadata(context.metadata, subject=f'"{node.keys[0]}"')
        made: list[StagedOutput | Examined] = [*outputs.values(), *unplaced.values()]
        recorded = [(o.data_version, {**o.metadata, **metadata}, o.columns, o.column_sources) for o in made]
        require_room(recorded, subject=f'"{node.keys[0]}"')
        return Made(
            outputs=outputs,
            unplaced=unplaced,
            metadata=metadata,
            returned=returned,
            no_reuse=context.no_reuse,
            logs=logs,
            added={},
            verdicts=verdicts,
        )

    def _told(self, step: Step, live: LiveTask, bound: list[Bound], context: Context) -> StepTold:
        node = step.task.node
        return StepTold(
            function=live.function,
            context=context,
            run=self._run,
            step=step.number,
            attempt=context.attempt,
            assets=node.keys,
            partition=PartitionKey("") if node.task.is_partition_wise else step.partition,
            read={b.input.name: tuple((key, facts.data_version) for key, facts in b.versions) for b in bound},
            outputs=live.outputs,
            optional=frozenset(output.name for output in node.task.outputs if output.optional),
            loaded=self._loaded,
            version=node.task.code,
            hidden=self._hidden,
            resources=node.task.resources,
        )

    def context(self, step: Step, attempt: int) -> Context:
        """What user code is told of the step."""
        return Context(
            assets=step.task.node.keys,
            outputs=tuple(asset.output for asset in step.task.node.assets),
            partition=None if step.task.node.task.is_partition_wise else step.partition,
            run=self._run,
            attempt=attempt,
            now=self._clock,
            is_cancelled=lambda: False,
            on_progress=lambda _share, _message: None,
            dynamic=self._dynamic,
        )

    def _arguments(
        self, node: Node, live: LiveTask, bound: list[Bound], ordinals: Sequence[int], context: Context
    ) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for b in bound:
            if b.input.loads:
                subject = f'input "{b.input.name}" of "{node.keys[0]}"'
                is_element = bool(b.versions) and ElementAddress.of(b.versions[0][1].artifact) is not None
                annotation = read_as(self._loaded, node.keys[0], b.input, element=is_element)
                load = self._values.load_input if query_of(live.function) is None else self._values.scan_input
                arguments[b.input.name] = load(b.input, annotation, b.versions, subject)
        for name, annotation in live.parameters.items():
            arguments[name] = live_parameter(annotation, node.parameters[name], self._loaded.root)
        return arguments | received(live, node.assets[0], (ordinals[0], ordinals[-1] + 1), context)

    def _stage(
        self,
        node: Node,
        live: LiveTask,
        by_name: Mapping[str, Any],
        sources: Mapping[str, tuple[ColumnSources, ...]],
    ) -> tuple[dict[str, StagedOutput], dict[str, Examined]]:
        staged: dict[str, StagedOutput] = {}
        unplaced: dict[str, Examined] = {}
        wanted = {asset.output for asset in node.assets}
        for output in node.task.outputs:
            if output.name not in wanted:
                continue
            found, job = by_name.get(output.name), node.task.runs_on
            if job is not None and isinstance(found, Elsewhere):
                staged[output.name] = left_there(found, job.connector, output, outputs=len(wanted))
            elif output.name in by_name:
                subject, annotation = f'output of "{output.asset}"', live.outputs[output.name]
                examined = self._values.examine(by_name[output.name], annotation, subject=subject, outputs=len(wanted))
                examined = replace(examined, column_sources=sources.get(output.name, ()))
                if self._placing and output.stored is not None and not node.is_variant:
                    unplaced[output.name] = examined
                else:
                    staged[output.name] = self._values.stage_examined(examined)
            elif not output.optional:
                raise ValueRefused(f'output "{output.name}" of "{node.keys[0]}": expected a value, found none')
        return staged, unplaced


def _reported(told: StepTold) -> dict[str, dict[str, Evaluated]]:
    """The verdicts that a command has given, by output and check. Raises ValueRefused for what cannot be recorded."""

    def evaluated(name: str, found: CheckResult) -> Evaluated:
        metadata = recordable_metadata(found.metadata, subject=f'check "{name}"')
        return Evaluated(result=CheckResult(passed=found.passed, metadata=metadata, message=text(found.message)))

    return {
        output: {name: evaluated(name, found) for name, found in verdicts.items()}
        for output, verdicts in told.verdicts.items()
    }


def read_as(loaded: Loaded, reader: AssetKey, input_: Input, *, element: bool) -> Any:
    """What an input, or each element of the list that it is, is read as: where its reader does not say, as written."""
    annotation = loaded.tasks[reader].inputs[input_.name]
    producer = loaded.tasks.get(input_.asset)
    if annotation is not Any or producer is None:
        return annotation
    output = next(o.name for o in loaded.outputs_of(input_.asset) if o.asset == input_.asset)
    written = producer.outputs[output]
    return (*get_args(written), Any)[0] if element else written


def files_changed(task: TaskDefinition, parameters: Mapping[str, Any], contents: Mapping[str, str], root: Path) -> bool:
    """True when a file or folder that a parameter names is no longer what was planned with."""
    return any(content_of(named, root) != contents.get(named) for named in path_texts(task, parameters))


def received(live: LiveTask, asset: AssetDefinition, ordinals: Range, context: Context) -> dict[str, Any]:
    """What a function hears of the asset's partition, or partitions, by parameter."""
    scheme, ordinal = asset.partitions, ordinals[0]
    found: dict[str, Any] = {}
    for name, kind in live.receives.items():
        match kind:
            case "context":
                found[name] = context
            case "window":
                assert scheme is not None, "refused when definitions load"
                found[name] = window_at(scheme, ordinal)
            case "key":
                found[name] = key_at(scheme, ordinal)
            case "grid key":
                found[name] = GridKey(key_at(scheme, ordinal))
            case "range":
                found[name] = range_at(scheme, ordinals)
    return found


def _by_name(value: Any, live: LiveTask, node: Node) -> Mapping[str, Any]:
    """A result of several outputs, as a mapping or a tuple. Raises ValueRefused for anything else."""
    named, outputs = value._asdict() if hasattr(value, "_asdict") else value, live.outputs
    if isinstance(named, tuple):
        named = {str(index): item for index, item in enumerate(named)}
    if not isinstance(named, Mapping):
        raise ValueRefused(
            f'result of "{node.keys[0]}": expected a dict or a named tuple with {", ".join(outputs)}, '
            f"found {type(value).__name__}"
        )
    unknown = ", ".join(sorted(str(name) for name in set(named) - set(outputs)))
    if unknown:
        raise ValueRefused(f'result of "{node.keys[0]}": expected {", ".join(outputs)}, found {unknown} too')
    return named


def refused(error: ValueRefused | StoreError) -> Raised:
    """What is no failure of user code, but of a value on its way to or from it; that of an IO is its author's."""
    if isinstance(error, PlaceFailed):
        return Raised(failure=error.failure, duration_ms=0.0, output=error.output)
    kind = FailureKind.STORE if isinstance(error, StoreError) else FailureKind.REFUSED
    failure = Failure(kind=kind, error=type(error).__name__, message=text(str(error)))
    return Raised(failure=failure, duration_ms=0.0, output="")


def no_verdict(raised: Raised) -> Evaluated:
    """A check that came to no verdict has not passed, this once."""
    message = f"{raised.failure.error}: {raised.failure.message}"
    return Evaluated(result=CheckResult(passed=False, message=message), failure=raised.failure, output=raised.output)
