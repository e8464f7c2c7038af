"""Workflows and launch plans of a module: composed, checked, and as a deployment records them."""

import inspect
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from latewood.context import WorkflowFailure
from latewood.engine.code.inspection import Inspector
from latewood.engine.loading.naming import RESULT
from latewood.engine.loading.options import faults_of_asset
from latewood.engine.loading.problems import Consequence, Problems, place_of
from latewood.engine.loading.signature import LiveTask, parameter_of, parse_parameter, read_signature
from latewood.engine.loading.steps import AS_ASSET, Step, Steps
from latewood.engine.loading.tasks import bare_task, live_task
from latewood.engine.values.annotations import type_spec
from latewood.engine.values.recorded_types import annotation_of
from latewood.errors import DefinitionError, ValueRefused
from latewood.model.definitions import AssetDefinition, Catalog, Parameter, TaskDefinition
from latewood.model.keys import AssetKey, asset_key
from latewood.model.types import display, fits
from latewood.model.workflows import Launchable, LaunchPlanDefinition, WorkflowDefinition
from latewood.promises import Place, Promise, returned
from latewood.workflows import Composed, LaunchPlan, Workflow
from latewood_eventlog.codec import encode_json

_OWN: Final = str(Path(__file__).parents[2])

_BYTES_MAX: Final = 49_152
"""Most bytes of what one event records of a workflow or launch plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """A workflow whose steps have keys and edges."""

    workflow: Workflow[..., Any]
    composed: Composed
    steps: tuple[Step, ...]
    outputs: Mapping[str, AssetKey]


def wire(workflows: Iterable[Workflow[..., Any]], problems: Problems) -> list[Wired]:
    """The workflows as steps; what is wrong in a body is added to the problems, each at its own line."""
    wired = []
    names = Counter(workflow.name for workflow in workflows)
    for workflow in workflows:
        try:
            asset_key(workflow.name)
            if names[workflow.name] > 1:
                raise DefinitionError(f"defined {names[workflow.name]} times; give one of them name=…")
            composed = workflow.compose()
        except Exception as error:  # noqa: BLE001 - the body is user code
            problems.at(*_told(workflow, error))
            continue
        steps = Steps(workflow, composed, problems)
        outputs: Mapping[str, AssetKey] = {}
        try:
            outputs = _outputs(workflow, composed.result, steps)
        except Consequence:
            pass
        except DefinitionError as error:
            problems.add(workflow.function, f'workflow "{workflow.name}": {error.message}')
        wired.append(Wired(workflow=workflow, composed=composed, steps=tuple(steps.steps), outputs=outputs))
    return wired


def _told(workflow: Workflow[..., Any], error: Exception) -> tuple[Place, str]:
    """Where in the user's files a body could not go on, and why."""
    if isinstance(error, DefinitionError):
        place = Place(error.file, error.line) if error.file else place_of(workflow.function)
        return place, f'workflow "{workflow.name}": {error.message}'
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(_OWN)]
    place = Place(frames[-1].filename, frames[-1].lineno or 0) if frames else place_of(workflow.function)
    return place, f'workflow "{workflow.name}": {type(error).__name__}: {error}'


def _outputs(workflow: Workflow[..., Any], result: Any, steps: Steps) -> dict[str, AssetKey]:
    """The assets that the workflow returns, by output. Raises DefinitionError."""
    if isinstance(result, Promise):
        made = steps.made_by(result)
        if set(made) == {RESULT}:
            produced, expected = type_spec(made[RESULT].annotation), type_spec(returned(workflow.function))
            if misfit := fits(produced, expected):
                raise DefinitionError(
                    f'returns {display(expected)}, but "{made[RESULT].key}" produces {display(produced)}: {misfit}'
                )
        return {name: output.key for name, output in made.items()}
    named = result._asdict() if hasattr(result, "_asdict") else result
    if isinstance(named, tuple):
        named = {str(index): item for index, item in enumerate(named)}
    found = {}
    for name, item in named.items() if isinstance(named, dict) else ():
        for inner, output in (steps.made_by(item) if isinstance(item, Promise) else {}).items():
            found[str(name) if inner == RESULT else f"{name}.{inner}"] = output.key
    return found


def define_launchables(
    wired: Iterable[Wired],
    plans: Iterable[LaunchPlan],
    assets: Iterable[AssetDefinition],
    inspector: Inspector,
    problems: Problems,
) -> tuple[tuple[Launchable, ...], dict[str, LiveTask]]:
    """What can be launched, in order of names, and the failure handlers by workflow.

    `assets` are the location's own.
    """
    catalog = Catalog.of(assets)
    found: dict[str, Launchable] = {}
    handlers: dict[str, LiveTask] = {}
    by_workflow: dict[str, WorkflowDefinition] = {}
    for w in wired:
        try:
            definition, handler = _workflow(w, inspector)
            _require_recordable(definition)
        except (DefinitionError, ValueRefused) as error:
            problems.add(w.workflow.function, f'workflow "{w.workflow.name}": {_message(error)}')
            continue
        found[definition.name] = by_workflow[definition.name] = definition
        if handler is not None:
            handlers[definition.name] = handler
    inputs = {w.workflow.name: w.composed.inputs for w in wired}
    for plan in plans:
        try:
            if plan.name in found:
                raise DefinitionError("something else to launch has this name")
            annotations = {}
            if isinstance(plan.target, Workflow):
                if plan.target.name not in inputs:
                    raise Consequence("its workflow is not defined")
                annotations = {name: given.annotation for name, given in inputs[plan.target.name].items()}
            launch_plan = _plan(plan, annotations)
            require_parameters({**launch_plan.defaults, **launch_plan.fixed}, catalog, by_workflow)
            _require_recordable(launch_plan)
            found[plan.name] = launch_plan
        except Consequence:
            continue
        except (DefinitionError, ValueRefused) as error:
            problems.at(plan.place, f'launch plan "{plan.name}": {_message(error)}')
    return tuple(found[name] for name in sorted(found)), handlers


def require_parameters(values: Mapping[str, Any], catalog: Catalog, launchables: Mapping[str, Launchable]) -> None:
    """Raise DefinitionError, ValueRefused for values that assets and workflows of this location do not take.

    Of other locations nothing is known here: what their assets take is found when it is asked for.
    """
    for target, value in values.items():
        owner, _, name = target.rpartition(".")
        workflow = launchables.get(owner)
        asset = catalog.assets.get(AssetKey(owner))
        if asset is not None:
            taken = asset.task.parameters
        elif isinstance(workflow, WorkflowDefinition):
            taken = workflow.inputs
        else:
            continue
        parameter = next((each for each in taken if each.name == name), None)
        if parameter is None:
            near = ", ".join(each.name for each in taken) or "none"
            raise DefinitionError(f'parameter "{target}": "{owner}" has no "{name}", only {near}')
        parse_parameter(target, annotation_of(parameter), value)


def _require_recordable(launchable: Launchable) -> None:
    size = len(encode_json(launchable))
    if size > _BYTES_MAX:
        raise DefinitionError(
            f"expected a definition of at most {_BYTES_MAX:,} bytes, found {size:,}; "
            "put long values into files and give their paths, or many steps into several workflows"
        )


def _message(error: Exception) -> str:
    return error.message if isinstance(error, DefinitionError) else str(error)


def _workflow(wired: Wired, inspector: Inspector) -> tuple[WorkflowDefinition, LiveTask | None]:
    workflow = wired.workflow
    task, live = (None, None) if workflow.on_failure is None else _handler(workflow.on_failure, inspector)
    definition = WorkflowDefinition(
        name=workflow.name,
        inputs=tuple(_input(name, given) for name, given in wired.composed.inputs.items()),
        steps=tuple(output.asset for step in wired.steps for output in step.named.outputs),
        outputs=dict(wired.outputs),
        on_failure=task,
        description=workflow.description,
    )
    return definition, live


def _input(name: str, given: Any) -> Parameter:
    return parameter_of(name, given.annotation, given.default, instead=AS_ASSET)


def _handler(task: Any, inspector: Inspector) -> tuple[TaskDefinition, LiveTask]:
    """The task that hears of failures. Raises DefinitionError."""
    name = task.function.__name__
    if faults := faults_of_asset({k: v for k, v in task.options.items() if k != "name"}):
        raise DefinitionError(f"on_failure {name}: {'; '.join(faults)}")
    signature = read_signature(task.function)
    annotations = list(signature.inputs.values())
    required = [parameter.name for parameter in signature.parameters if parameter.required]
    if len(annotations) != 1 or annotations[0] not in (WorkflowFailure, Any, inspect.Parameter.empty) or required:
        raise DefinitionError(f"on_failure {name}: expected one parameter, failure: WorkflowFailure, to be called with")
    return bare_task(task.function, task.options, signature, inspector), live_task(task.function, signature, {})


def _plan(plan: LaunchPlan, annotations: Mapping[str, Any]) -> LaunchPlanDefinition:
    """The launch plan with its values as JSON, by their full names. Raises DefinitionError, ValueRefused."""
    both = sorted(plan.fixed.keys() & plan.defaults.keys())
    if both:
        raise DefinitionError(f"{', '.join(both)}: fixed and a default at once")
    if not isinstance(plan.target, Workflow):
        fixed, defaults = (
            {n: parse_parameter(n, Any, v) for n, v in values.items()} for values in (plan.fixed, plan.defaults)
        )
        return LaunchPlanDefinition(
            name=plan.name, selection=plan.target, fixed=fixed, defaults=defaults, description=plan.description
        )
    name = plan.target.name
    unknown = sorted((plan.fixed.keys() | plan.defaults.keys()) - annotations.keys())
    if unknown:
        raise DefinitionError(f'"{name}" has no input {", ".join(unknown)}, only {", ".join(annotations) or "none"}')
    fixed, defaults = (
        {f"{name}.{n}": parse_parameter(n, annotations[n], v) for n, v in values.items()}
        for values in (plan.fixed, plan.defaults)
    )
    return LaunchPlanDefinition(
        name=plan.name,
        selection=f"{name}/*",
        workflow=name,
        fixed=fixed,
        defaults=defaults,
        description=plan.description,
    )
