"""A decorated function as a task: its definition without inputs and outputs, and what an executor calls."""

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from latewood.authoring import Task, TaskOptions
from latewood.context import Partitioned
from latewood.engine.code.commands import command_of
from latewood.engine.code.inspection import Inspector
from latewood.engine.code.queries import query_of
from latewood.engine.loading import commands, queries
from latewood.engine.loading.commands import command_code, received_by
from latewood.engine.loading.jobs import faults_of_job, job_code
from latewood.engine.loading.naming import RESULT
from latewood.engine.loading.options import documented, faults_of_asset
from latewood.engine.loading.problems import Problems, told_as_problem
from latewood.engine.loading.queries import query_code
from latewood.engine.loading.shared import shared_by
from latewood.engine.loading.signature import LiveTask, Signature, parse_parameter, read_signature
from latewood.engine.values.annotations import type_spec
from latewood.errors import DefinitionError, ValueRefused
from latewood.model.code import CodeVersion
from latewood.model.definitions import BareTask, TaskDefinition, TaskInput, UsedResource
from latewood.model.policies import Retry, Reuse, Timeouts
from latewood.model.types import FOREIGN, Field, display
from latewood.plugin import what_runs
from latewood.promises import output_names, parts_of


@told_as_problem
def bare_task(
    function: Callable[..., Any],
    options: TaskOptions,
    signature: Signature,
    inspector: Inspector,
    outputs: Mapping[str, Any] | None = None,
) -> TaskDefinition:
    """The function's definition as its options and signature say. Raises DefinitionError.

    Of a function that is another location's it is what was recorded of it, but for how it is to be run. It may stand
    for a command where it is said what `outputs` there are.
    """
    shared = shared_by(function)
    if shared is not None:
        known = {parameter.name: parameter for parameter in shared.bare.task.parameters}
        parameters = tuple(known.get(p.name, p) for p in signature.parameters)
        return replace(shared.definition, parameters=parameters, **_policies(options))
    unkeyed = frozenset(options.get("unkeyed", ()))
    unknown = unkeyed - {parameter.name for parameter in signature.parameters}
    if unknown:
        raise DefinitionError(f"unkeyed names {', '.join(sorted(unknown))}, which is no run parameter")
    command, job = command_of(function), what_runs(function)
    if command is not None and outputs is None:
        raise DefinitionError("a command can be an asset, a task or a check")
    if job is not None and (faults := [*faults_of_job(job, signature, outputs, options)]):
        raise DefinitionError("; ".join(faults))
    return TaskDefinition(
        name=options.get("name", f"{function.__module__}:{function.__qualname__}"),
        code=_code(function, signature, outputs or {}, options, inspector),
        parameters=tuple(replace(p, in_key=False) if p.name in unkeyed else p for p in signature.parameters),
        receives=tuple(signature.receives.items()) if command is None else received_by(command, signature),
        uses=tuple(
            UsedResource(parameter=name, resource=cls.__resource_name__, unkeyed=cls.__unkeyed__)
            for name, cls in sorted(signature.resources.items())
        ),
        outputs=(),
        reuse=Reuse.of(_reuse(function, options)),
        image=options.get("image", ""),
        runs_on=job,
        is_command=command is not None,
        **_policies(options),
    )


def _code(
    function: Callable[..., Any],
    signature: Signature,
    outputs: Mapping[str, Any],
    options: TaskOptions,
    inspector: Inspector,
) -> CodeVersion:
    if (command := command_of(function)) is not None:
        return command_code(command, signature, outputs, options, inspector)
    if (query := query_of(function)) is not None:
        return query_code(query, signature, options, inspector)
    code, job = inspector.code_version(function, options.get("code_version")), what_runs(function)
    return code if job is None else job_code(job, code)


def _reuse(function: Callable[..., Any], options: TaskOptions) -> bool | timedelta:
    if (command := command_of(function)) is not None:
        return commands.reuse_of(command, options)
    if (query := query_of(function)) is not None:
        return queries.reuse_of(query, options)
    return options.get("reuse", True)


def _policies(options: TaskOptions) -> dict[str, Any]:
    """What was said of how it is to be run."""
    found: dict[str, Any] = {name: options[name] for name in ("resources", "pool", "priority") if name in options}
    if "retries" in options:
        retries = options["retries"]
        found["retries"] = retries if isinstance(retries, Retry) else Retry(retries)
    if timeouts := options.get("timeouts"):
        found["timeouts"] = Timeouts(running=timeouts) if isinstance(timeouts, timedelta) else timeouts
    return found


def live_task(function: Callable[..., Any], signature: Signature, outputs: Mapping[str, Any]) -> LiveTask:
    """The function as an executor calls it; `outputs` are the annotations of its outputs."""
    return LiveTask(
        function=function,
        inputs=signature.inputs,
        parameters=signature.annotations,
        receives=signature.receives,
        returns=signature.returns,
        resources=signature.resources,
        outputs=outputs,
    )


def require_mappable(function: Callable[..., Any], signature: Signature) -> None:
    """Raise DefinitionError for a task that cannot be called for each element of a list."""
    if shared_by(function) is not None:
        raise DefinitionError("a task of another location cannot be mapped")
    if what_runs(function) is not None:
        raise DefinitionError("a job of a connector cannot be mapped: its elements are no files that it could read")
    made = type_spec(signature.returns)
    if made.kind in FOREIGN:
        raise DefinitionError(
            f"makes a {display(made)} of each element, which is a file of its own and cannot be part of a list; "
            "return values or records"
        )


def define_tasks(
    tasks: Mapping[str, Task[..., Any]], inspector: Inspector, problems: Problems
) -> tuple[tuple[BareTask, ...], dict[str, LiveTask]]:
    """The tasks that others may refer to, in order of names, and the live functions behind them."""
    found: list[BareTask] = []
    live: dict[str, LiveTask] = {}
    for name, task in sorted(tasks.items()):
        if shared_by(task.function) is not None:
            message = "a task of another location, to be referred to there; only a location's own can be named here"
            problems.add(task.function, f'task "{name}": {message}')
            continue
        faults = faults_of_asset({key: value for key, value in task.options.items() if key != "name"})
        try:
            if faults:
                raise DefinitionError("; ".join(faults))
            signature = read_signature(task.function)
            found.append(_described(name, task, signature, inspector))
        except DefinitionError as error:
            problems.add(task.function, f'task "{name}": {error.message}')
            continue
        live[name] = live_task(task.function, signature, _output_annotations(signature.returns))
    return tuple(found), live


def _described(name: str, task: Task[..., Any], signature: Signature, inspector: Inspector) -> BareTask:
    outputs = _output_annotations(signature.returns)
    parts = {part: annotation for part, annotation in outputs.items() if part != RESULT}
    try:
        returns = type_spec(signature.returns)
    except DefinitionError:
        if not parts:
            raise
        returns = None  # tables in a tuple, say: outputs of their own, and no value as a whole
    defaults = inspect.signature(task.function).parameters
    return BareTask(
        name=name,
        task=bare_task(task.function, task.options, signature, inspector, parts or outputs),
        inputs=tuple(
            _input(input_, annotation, defaults[input_].default) for input_, annotation in signature.inputs.items()
        ),
        returns=returns,
        outputs=tuple(Field(name=part, type=type_spec(annotation)) for part, annotation in parts.items()),
        description=documented(task.function),
    )


def _output_annotations(returns: Any) -> dict[str, Any]:
    """The annotation of the result as a whole, and of its parts where each may be an output."""
    parts = parts_of(returns) or {}
    named = {name: parts[int(name) if name.isdigit() else name] for name in output_names(returns)}
    return {RESULT: returns, **named}


def _input(name: str, annotation: Any, default: Any) -> TaskInput:
    lazy = getattr(annotation, "__origin__", None) is Partitioned
    spec = type_spec(annotation.__args__[0] if lazy else annotation)
    if default is inspect.Parameter.empty:
        return TaskInput(name=name, type=spec, lazy=lazy)
    try:
        value = None if default is None else parse_parameter(name, annotation, default)
    except (ValueRefused, TypeError):  # what JSON cannot say, whoever calls it says itself
        return TaskInput(name=name, type=spec, lazy=lazy)
    return TaskInput(name=name, type=spec, lazy=lazy, default=value, required=False)
