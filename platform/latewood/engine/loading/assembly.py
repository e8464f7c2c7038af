"""From decorated functions to definitions: outputs are named, inputs looked up, checks added, problems collected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from latewood.authoring import Asset, Check, Observer, OutputOf, Task
from latewood.automation import Automation
from latewood.decide.keys import parameters_of
from latewood.engine.code.inspection import Inspector
from latewood.engine.code.queries import query_of
from latewood.engine.loading.automations import define_automations
from latewood.engine.loading.checks import define_checks
from latewood.engine.loading.commands import reported_checks
from latewood.engine.loading.configuration import AsGiven, AsRecorded, Configured, configure
from latewood.engine.loading.inputs import check_edges, dependency_of, faults_of_receiving, input_of
from latewood.engine.loading.launchables import define_launchables, wire
from latewood.engine.loading.live_io import LiveIO
from latewood.engine.loading.location_settings import LocationSettings, location_settings
from latewood.engine.loading.naming import Directory, Named, name_outputs, refuse_duplicates
from latewood.engine.loading.observers import define_observers
from latewood.engine.loading.options import documented
from latewood.engine.loading.problems import Consequence, Problems, place_of
from latewood.engine.loading.project_file import ProjectFile
from latewood.engine.loading.queries import table_of
from latewood.engine.loading.ranges import faults_of_ranges
from latewood.engine.loading.shared import faults_of_outputs, shared_by
from latewood.engine.loading.signature import LiveTask, Signature, fixed_parameters
from latewood.engine.loading.tasks import bare_task, define_tasks, live_task
from latewood.errors import DefinitionError, DefinitionsInvalid
from latewood.model.automations import Automation as Defined
from latewood.model.definitions import (
    PARTITIONS_PER_STEP,
    AssetDefinition,
    BareTask,
    Input,
    Output,
    TaskDefinition,
)
from latewood.model.elements import elements_of
from latewood.model.keys import AssetKey
from latewood.model.workflows import Launchable
from latewood.promises import Place
from latewood.workflows import LaunchPlan, Workflow
from latewood_eventlog.codec import encode_json, unheld

_PARAMETERS_BYTES_MAX: Final = 16_384
"""Most bytes of a task's parameters as they stand in code: each step's event repeats them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a module holds: assets, checks, workflows, plans, and the names under which it knows its assets and tasks.

    `declared`: it says so itself, and may hold nothing. `imported` counts assets that are not here, being others'.
    """

    assets: tuple[Asset[..., Any], ...]
    checks: tuple[Check[..., Any], ...]
    names: Mapping[str, Asset[..., Any] | OutputOf]
    workflows: tuple[Workflow[..., Any], ...] = ()
    plans: tuple[LaunchPlan, ...] = ()
    observers: tuple[Observer[..., Any], ...] = ()
    tasks: Mapping[str, Task[..., Any]] = field(default_factory=dict)
    automations: tuple[Automation, ...] = ()
    declared: bool = False
    imported: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """Definitions in order of the module, and the live functions behind them: `handlers` by workflow.

    What runs by the code of other locations has none. `offered` are tasks that others may refer to, `readable` the
    external assets that have an IO.
    """

    assets: tuple[AssetDefinition, ...]
    launchables: tuple[Launchable, ...]
    tasks: Mapping[AssetKey, LiveTask]
    checks: Mapping[tuple[AssetKey, str], LiveTask]
    handlers: Mapping[str, LiveTask]
    resources: Mapping[str, Configured]
    observers: Mapping[AssetKey, LiveTask]
    settings: LocationSettings
    ios: Mapping[AssetKey, LiveIO]
    offered: tuple[BareTask, ...]
    bare: Mapping[str, LiveTask]
    places: Mapping[AssetKey, Place]
    readable: frozenset[AssetKey]
    automations: tuple[Defined, ...]
    sensors: Mapping[str, LiveTask]


def assemble(
    found: Found,
    *,
    root: Path,
    location: str,
    said: AsRecorded | AsGiven | None,
    inspector: Inspector,
    others: Mapping[AssetKey, AssetDefinition],
    environment: str,
    stored: bool = True,
) -> Assembled:
    """Definitions for everything found; settings and resources by the project's file, or as `said`.

    Unless `stored`, everything goes to the artifact store, whatever IO assets name.

    Raises DefinitionsInvalid with all problems. Cost: O(assets + code).
    """
    problems = Problems(root)
    named: list[Named] = []
    for asset in found.assets:
        with problems.of(asset.function, f'asset "{asset.options.get("key", asset.function.__name__)}"', asset.place):
            named += [n] if (n := name_outputs(asset, problems, stored=stored)) is not None else []
    faulty = frozenset(id(asset) for asset in found.assets) - {id(n.asset) for n in named}
    wired = wire(found.workflows, problems)
    steps = {id(step.named): step for workflow in wired for step in workflow.steps}
    named += [step.named for step in steps.values()]
    source = said or ProjectFile(root, problems)
    settings = location_settings(source, location) if isinstance(source, ProjectFile) else LocationSettings()
    refuse_duplicates(named, others, problems, root, settings.entry or location)
    directory = Directory(named, found.names, others, faulty, root)
    for workflow in wired:
        if workflow.workflow.name in directory.schemes:
            message = f'workflow "{workflow.workflow.name}": an asset has this name too'
            problems.add(workflow.workflow.function, message)
    by_key: dict[AssetKey, AssetDefinition] = {}
    tasks: dict[AssetKey, LiveTask] = {}
    for n in named:
        assets: list[AssetDefinition] = []
        live: LiveTask | None = None
        with problems.of(n.asset.function, f'asset "{n.key}"', n.place):
            assets, live = _define(n, directory, inspector, problems) or ([], None)
        for definition in assets:
            assert live is not None, "what is defined can be called"
            by_key[definition.key] = steps[id(n)].finished(definition) if id(n) in steps else definition
            if definition.task.shared is None:
                tasks[definition.key] = live
            if id(n) in steps and steps[id(n)].each:
                tasks[elements_of(definition.key)] = steps[id(n)].of_element(live)
    checks = define_checks((*found.checks, *reported_checks(named)), by_key, directory, inspector, problems)
    for (key, _), (check, _) in checks.items():
        by_key[key] = replace(by_key[key], checks=(*by_key[key].checks, check))
    observers = define_observers(found.observers, by_key, directory, inspector, problems)
    by_key.update({key: asset for key, (asset, _) in observers.items()})
    check_edges(by_key, others, named, problems)
    launchables, handlers = define_launchables(wired, found.plans, by_key.values(), inspector, problems)
    automations, sensors = define_automations(found.automations, launchables, by_key.values(), inspector, problems)
    offered, bare = define_tasks(found.tasks, inspector, problems)
    asking: tuple[Signature | LiveTask | LiveIO, ...] = (
        *(n.signature for n in named),
        *(io for n in named for io in n.ios.values()),
        *(live for _, live in checks.values()),
        *handlers.values(),
        *(live for _, live in observers.values()),
        *bare.values(),
        *sensors.values(),
    )
    classes = dict.fromkeys(cls for asks in asking for cls in asks.resources.values())
    resources = configure(tuple(classes), source, environment, problems)
    if problems.found:
        raise DefinitionsInvalid(tuple(problems.found))
    return Assembled(
        assets=tuple(by_key.values()),
        launchables=launchables,
        tasks=tasks,
        checks={slot: live for slot, (_, live) in checks.items()},
        handlers=handlers,
        resources=resources,
        observers={key: live for key, (_, live) in observers.items()},
        settings=settings,
        ios={output.asset: n.ios[output.name] for n in named for output in n.outputs if output.name in n.ios},
        offered=offered,
        bare=bare,
        places={output.asset: n.place or place_of(n.asset.function) for n in named for output in n.outputs},
        readable=frozenset(directory.readable),
        automations=automations,
        sensors=sensors,
    )


def _define(
    named: Named, directory: Directory, inspector: Inspector, problems: Problems
) -> tuple[list[AssetDefinition], LiveTask] | None:
    function, options, signature = named.asset.function, named.asset.options, named.signature
    messages: list[str] = []
    inputs: list[Input] = []
    explicit, query = options.get("inputs", {}), query_of(function)
    for name, annotation in signature.inputs.items():
        try:
            table = table_of(query, query.tables[name]) if query is not None and name in query.tables else ""
            inputs.append(input_of(name, annotation, explicit.get(name), named, directory, inspector, table))
        except Consequence:
            return None
        except DefinitionError as error:
            messages.append(error.message)
    for number, upstream in enumerate(options.get("deps", ())):
        try:
            inputs.append(dependency_of(f"deps[{number}]", upstream, named, directory, inspector))
        except Consequence:
            return None
        except DefinitionError as error:
            messages.append(f"deps: {error.message}")
    messages += [
        f'inputs names "{name}", which is no parameter of {function.__name__}()'
        for name in explicit
        if name not in signature.inputs
    ]
    known = {parameter.name for parameter in signature.parameters}
    messages += [f"no parameter {name} in {function.__name__}()" for name in named.asset.fixed if name not in known]
    messages += faults_of_receiving(signature.receives, named.scheme)
    messages += faults_of_ranges(options, signature.receives, inputs, named.outputs, named.scheme)
    if (shared := shared_by(function)) is not None:
        messages += faults_of_outputs(shared, named.outputs)
    task = None
    if not messages:
        try:
            task = _task(named, tuple(inputs), directory, inspector)
        except DefinitionError as error:
            messages.append(error.message)
    for message in messages:
        problems.add(function, f'asset "{named.key}": {message}', named.place)
    if task is None:
        return None
    live = live_task(function, signature, named.annotations)
    return [_asset(named, output, task) for output in named.outputs], live


def _task(named: Named, inputs: tuple[Input, ...], directory: Directory, inspector: Inspector) -> TaskDefinition:
    options = named.asset.options
    bare = bare_task(named.asset.function, options, named.signature, inspector, named.annotations)
    stored = {name: (type(live.io), live.configuration) for name, live in named.ios.items()}
    # What loads an external asset decides what its readers are given, as if each did so itself.
    loading = {f"from {i.name}": live for i in inputs if i.loads and (live := directory.readable.get(i.asset))}
    stored |= {name: (type(live.io), live.reading) for name, live in loading.items()}
    task = replace(
        bare,
        code=inspector.with_io(bare.code, stored) if stored else bare.code,
        uses=(*bare.uses, *(use for name, live in {**named.ios, **loading}.items() for use in live.uses(name))),
        inputs=inputs,
        outputs=named.outputs,
        fixed=fixed_parameters(named.signature.annotations, named.asset.fixed),
        subsettable=bool(options.get("subsettable", False)),
        partition_column=options.get("partition_column", ""),
        partitions_per_step=options.get("partitions_per_step", PARTITIONS_PER_STEP),
    )
    values = parameters_of(task, {})
    if found := unheld(values):
        raise DefinitionError(f"parameters: expected values that can be recorded, found {found} in one of them")
    size = len(encode_json(values))
    if size > _PARAMETERS_BYTES_MAX:
        raise DefinitionError(
            f"parameters: expected values of at most {_PARAMETERS_BYTES_MAX:,} bytes, found {size:,}; "
            "put what is long into a file and give its path"
        )
    return task


def _asset(named: Named, output: Output, task: TaskDefinition) -> AssetDefinition:
    options = named.asset.options
    return AssetDefinition(
        key=output.asset,
        task=task,
        output=output.name,
        partitions=named.scheme,
        group=options.get("group", "default"),
        owners=tuple(options.get("owners", ())),
        tags=dict(options.get("tags", {})),
        kinds=tuple(options.get("kinds", ())),
        description=named.descriptions[output.name] or options.get("description", documented(named.asset.function)),
        metadata=dict(options.get("metadata", {})),
        origin=named.asset.origin,
    )
