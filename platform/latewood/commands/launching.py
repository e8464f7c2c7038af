"""Launching by name: a workflow or launch plan with values, as what is asked of a plan."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from latewood.commands.planning import Asked
from latewood.commands.workspace import Workspace
from latewood.errors import NotFound, UsageError
from latewood.model.workflows import Launchable, LaunchPlanDefinition, WorkflowDefinition
from latewood.projections.catalog import deployed
from latewood.projections.launchables import launchables_of
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW


def locations_of(workspace: Workspace, name: str) -> tuple[list[str], list[str]]:
    """The locations in the environment that have something to launch by this name; and all such names."""
    with snapshot(workspace.log) as connection:
        deployments = deployed(connection, workspace.project, workspace.environment, NOW)
        found = launchables_of(connection, workspace.project, deployments)
    return [location for location, _, _ in found.get(name, ())], list(found)


def unknown(name: str, known: Sequence[str]) -> UsageError:
    """What to raise for a name that nothing has."""
    near = get_close_matches(name, known, n=3)
    if near:
        return NotFound("launch plan", f'nothing to launch is called "{name}"; near: {", ".join(near)}')
    there = f"there are {', '.join(sorted(known))}" if known else "decorate a function with @workflow"
    return NotFound("launch plan", f'nothing to launch is called "{name}"; {there}')


def launched(
    launchables: Sequence[Launchable],
    name: str,
    texts: Sequence[str],
    *,
    values: Mapping[str, Any] = MappingProxyType({}),
    tried: Mapping[str, Sequence[Any]] = MappingProxyType({}),
    zipped: bool = False,
    force: bool = False,
) -> Asked:
    """What is asked by launching `name` with `INPUT=VALUE,VALUE` texts: one run, of all combinations of values.

    `values` are such as JSON, one by input; `tried` are several of one, to be combined.
    Raises UsageError for an unknown name or input, and for a value that the launch plan has fixed.
    """
    by_name = {launchable.name: launchable for launchable in launchables}
    if name not in by_name:
        raise unknown(name, list(by_name))
    launchable = by_name[name]
    workflow = by_name.get(launchable.workflow) if isinstance(launchable, LaunchPlanDefinition) else launchable
    assert not isinstance(workflow, LaunchPlanDefinition), "a plan is of a workflow or a selection"

    def full_name(text: str, target: str) -> str:
        full = _full_name(workflow, text, target)
        if isinstance(launchable, LaunchPlanDefinition) and full in launchable.fixed:
            raise UsageError(
                f'parameter "{text}": launch plan "{name}" fixes {target} at {launchable.fixed[full]!r}; '
                f"launch {launchable.workflow or launchable.selection} itself to choose"
            )
        return full

    given = []
    for text in texts:
        target, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f'parameter "{text}": expected INPUT=VALUE')
        given.append(f"{full_name(text, target)}={value}")
    kept = {full_name(f"{target}={value!r}", target): value for target, value in values.items()}
    several = {full_name(f"{target}={','.join(map(repr, found))}", target): found for target, found in tried.items()}
    if isinstance(launchable, LaunchPlanDefinition):
        said = {text.partition("=")[0] for text in given}
        defaults = {target: value for target, value in launchable.defaults.items() if target not in said}
        kept = {**defaults, **kept, **launchable.fixed}
    return Asked(
        selection=launchable.selection,
        parameters=tuple(given),
        zipped=zipped,
        force=force,
        values=kept,
        tried=several,
        launch=name,
    )


def _full_name(workflow: WorkflowDefinition | None, text: str, target: str) -> str:
    if workflow is None or "." in target:
        return target
    inputs = [given.name for given in workflow.inputs]
    if target not in inputs:
        raise UsageError(f'parameter "{text}": "{workflow.name}" has {", ".join(inputs) or "no inputs"}')
    return f"{workflow.name}.{target}"
