"""Automations of a module: checked, and as a deployment records them."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from latewood.automation import Automation, Freshness, Notify, Rule, Schedule, Sensor
from latewood.decide.select import select
from latewood.decide.selection import parse, uses_status
from latewood.engine.code.inspection import Inspector
from latewood.engine.loading.launchables import require_parameters
from latewood.engine.loading.notifies import define_notify
from latewood.engine.loading.problems import Problems
from latewood.engine.loading.sensors import define_sensor
from latewood.engine.loading.signature import LiveTask, parse_parameter
from latewood.errors import DefinitionError, UsageError, ValueRefused
from latewood.model import automations as model
from latewood.model.automations import CatchUp, FreshnessDefinition, RuleDefinition, ScheduleDefinition
from latewood.model.axes import zone
from latewood.model.conditions import (
    AnyCondition,
    Condition,
    Every,
    Is,
    OfDeps,
    Opposite,
    Some,
    TickedSince,
    once_made,
    text_of,
)
from latewood.model.definitions import AssetDefinition, Catalog
from latewood.model.keys import asset_key
from latewood.model.partitions import parse_description
from latewood.model.scheme_kinds import checked_cron
from latewood.model.workflows import Launchable, LaunchPlanDefinition, WorkflowDefinition
from latewood.workflows import LaunchPlan, Workflow
from latewood_eventlog.codec import encode_json, unheld

_BYTES_MAX: Final = 49_152
"""Most bytes of what one event records of an automation."""


def define_automations(
    automations: Iterable[Automation],
    launchables: Iterable[Launchable],
    assets: Iterable[AssetDefinition],
    inspector: Inspector,
    problems: Problems,
) -> tuple[tuple[model.Automation, ...], dict[str, LiveTask]]:
    """The automations, in order of names, and the live functions of sensors by name.

    What is wrong with one is added to the problems, at its own line. `assets` are the location's own.
    """
    catalog = Catalog.of(assets)
    by_name = {launchable.name: launchable for launchable in launchables}
    found: dict[str, model.Automation] = {}
    live: dict[str, LiveTask] = {}
    for automation in automations:
        try:
            if automation.name in found:
                raise DefinitionError("something else that happens by itself has this name")
            definition: model.Automation
            match automation:
                case Schedule():
                    definition = _schedule(automation, by_name)
                    _require_partitions(definition, catalog)
                    require_parameters(definition.parameters, catalog, by_name)
                case Rule():
                    definition = _rule(automation)
                case Freshness():
                    definition = _freshness(automation)
                case Notify():
                    _name(automation.name)
                    definition = define_notify(automation, _environments(automation.environments))
                case Sensor():
                    _name(automation.name)
                    target = ("", "") if automation.target is None else _target(automation.target, {}, by_name)[:2]
                    environments = _environments(automation.options.get("environments", ("prod",)))
                    definition, function = define_sensor(automation, *target, environments, inspector)
                    live[automation.name] = function
            size = len(encode_json(definition))
            if size > _BYTES_MAX:
                raise DefinitionError(f"expected a definition of at most {_BYTES_MAX:,} bytes, found {size:,}")
            found[automation.name] = definition
        except (DefinitionError, UsageError, ValueRefused) as error:
            message = error.message if isinstance(error, DefinitionError) else str(error)
            problems.at(automation.place, f'{_KIND[type(automation)]} "{automation.name}": {message}')
    return tuple(found[name] for name in sorted(found)), live


_KIND: Final = {Schedule: "schedule", Rule: "rule", Freshness: "freshness", Sensor: "sensor", Notify: "notify"}


def _freshness(freshness: Freshness) -> FreshnessDefinition:
    """Raises DefinitionError, UsageError."""
    _name(freshness.name)
    parse(freshness.selection)
    zone(freshness.timezone)
    lag: Any = freshness.max_lag  # users give what they like
    if not freshness.deadline and lag is None:
        raise DefinitionError("expected a deadline, a max_lag, or both; found neither")
    if lag is not None and not (isinstance(lag, timedelta) and lag > timedelta()):
        raise DefinitionError(f"max_lag: expected a timedelta above zero, found {lag!r}")
    return FreshnessDefinition(
        name=freshness.name,
        selection=freshness.selection,
        deadline=checked_cron(freshness.deadline) if freshness.deadline else "",
        timezone=freshness.timezone,
        max_lag_s=None if lag is None else lag.total_seconds(),
        environments=_environments(freshness.environments),
        description=freshness.description,
    )


def _rule(rule: Rule) -> RuleDefinition:
    """Raises DefinitionError, UsageError."""
    _name(rule.name)
    parse(rule.selection)
    if not isinstance(rule.condition, Condition):
        raise DefinitionError(f"condition: expected one such as eager(), found {rule.condition!r}")
    condition: AnyCondition = _checked(rule.condition)
    if once_made(condition) is not False:
        raise DefinitionError(
            f"{text_of(condition)} may still be true of what was made just now, and it would be asked for without end; "
            "combine it by & with missing(), stale(), failed(), any_deps(updated()) or cron_since(…)"
        )
    return RuleDefinition(
        name=rule.name,
        selection=rule.selection,
        condition=condition,
        environments=_environments(rule.environments),
        description=rule.description,
    )


def _checked(condition: Any) -> Any:
    """The condition, its cron expressions and zones checked. Raises DefinitionError."""
    match condition:
        case TickedSince(cron=cron, timezone=timezone):
            zone(timezone)
            return TickedSince(cron=checked_cron(cron), timezone=timezone)
        case Every(parts=parts):
            return Every(parts=tuple(map(_checked, parts)))
        case Some(parts=parts):
            return Some(parts=tuple(map(_checked, parts)))
        case Opposite(part=part):
            return Opposite(part=_checked(part))
        case OfDeps(part=part, every=every):
            return OfDeps(part=_checked(part), every=every)
        case Is():
            return condition
        case other:
            raise DefinitionError(f"expected a condition, found {other!r}")


def _schedule(schedule: Schedule, launchables: Mapping[str, Launchable]) -> ScheduleDefinition:
    """Raises DefinitionError, UsageError, ValueRefused."""
    _name(schedule.name)
    zone(schedule.timezone)
    if schedule.catch_up not in list(CatchUp):
        raise DefinitionError(f'catch_up "{schedule.catch_up}": expected {", ".join(CatchUp)}')
    if schedule.partition and schedule.last_window:
        raise DefinitionError("partition and last_window at once: expected one of them")
    if schedule.observe and isinstance(schedule.target, str) and uses_status(parse(schedule.target)):
        raise DefinitionError("observe: what is looked at is chosen by key, group, tag, owner or kind")
    if schedule.observe and (not isinstance(schedule.target, str) or schedule.parameters or schedule.last_window):
        raise DefinitionError("observe: expected a selection as target, without parameters and last_window")
    selection, launch, parameters = _target(schedule.target, schedule.parameters, launchables)
    if found := unheld(parameters):
        raise DefinitionError(f"parameters: expected values that can be recorded, found {found} in one of them")
    return ScheduleDefinition(
        name=schedule.name,
        cron=checked_cron(schedule.cron),
        timezone=schedule.timezone,
        selection=selection,
        launch=launch,
        parameters=parameters,
        partition=schedule.partition,
        last_window=schedule.last_window,
        catch_up=CatchUp(schedule.catch_up),
        observe=bool(schedule.observe),
        environments=_environments(schedule.environments),
        description=schedule.description,
    )


def _require_partitions(schedule: ScheduleDefinition, catalog: Catalog) -> None:
    """Raise DefinitionError for partitions that none of the selected assets ever has.

    Of other locations nothing is known here: what those have is found at the tick.
    """
    if not schedule.partition or uses_status(parse(schedule.selection)):
        return
    try:
        keys = select(parse(schedule.selection), catalog.graph, catalog.assets)
    except UsageError:
        return
    refused = []
    for key in keys:
        if (scheme := catalog[key].partitions) is None:
            continue
        try:
            parse_description(scheme, schedule.partition)
            return
        except UsageError as error:
            refused.append(f"{key}: {error}")
    if refused:
        raise DefinitionError("; ".join(refused[:3]))


def _name(name: str) -> None:
    try:
        asset_key(name)
    except (DefinitionError, UsageError) as error:
        raise DefinitionError(f"its name: {error}") from None


def _environments(names: object) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise DefinitionError(f"environments: expected a list of names, found {names!r}")
    return tuple(str(name) for name in names)


def _target(
    target: str | Workflow[..., Any] | LaunchPlan, parameters: Mapping[str, Any], launchables: Mapping[str, Launchable]
) -> tuple[str, str, dict[str, Any]]:
    """What is selected, what is launched if anything is, and values by full names."""
    values = {name: parse_parameter(name, Any, value) for name, value in parameters.items()}
    if isinstance(target, str):
        parse(target)
        if bad := [name for name in values if "." not in name]:
            raise DefinitionError(f'parameter "{bad[0]}": expected ASSET.NAME')
        return target, "", values
    if not isinstance(target, Workflow | LaunchPlan):
        raise DefinitionError(f"expected a selection, a workflow or a launch plan, found {target!r}")
    name = target.name
    launchable = launchables.get(name)
    if launchable is None:
        raise DefinitionError(f'"{name}" is not among what is defined here to launch')
    workflow = launchable if isinstance(launchable, WorkflowDefinition) else launchables.get(launchable.workflow)
    if isinstance(workflow, WorkflowDefinition):
        inputs = [given.name for given in workflow.inputs]
        if unknown := sorted(values.keys() - set(inputs)):
            raise DefinitionError(f'"{name}" has no input {", ".join(unknown)}, only {", ".join(inputs) or "none"}')
        values = {f"{workflow.name}.{given}": value for given, value in values.items()}
    if isinstance(launchable, LaunchPlanDefinition) and (fixed := sorted(values.keys() & launchable.fixed.keys())):
        raise DefinitionError(f'launch plan "{name}" fixes {", ".join(fixed)}')
    return launchable.selection, name, values
