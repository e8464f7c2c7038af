"""What can be launched by name in an environment: workflows and launch plans, with what they take."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import graphene

from latewood.model.definitions import Parameter
from latewood.model.workflows import Launchable, LaunchPlanDefinition, WorkflowDefinition
from latewood.projections.launchables import launchables_of
from latewood.projections.snapshots import snapshot
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import given, many
from latewood_graphql.pages import Page, checked_first, key_of, page_of
from latewood_graphql.scalars import Json

_NOTHING_SAID: Final = LaunchPlanDefinition(name="", selection="")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlanAt:
    """A workflow or launch plan of a location; `of` is the workflow that it is or launches, if it does."""

    environment: EnvironmentAt
    location: str
    definition: Launchable
    of: WorkflowDefinition | None


class LaunchInput(graphene.ObjectType):
    """A value that a workflow or launch plan takes, or has fixed."""

    name = graphene.String(required=True, description="What it is called: an input's name, or `ASSET.NAME`.")
    json_schema = graphene.Field(
        Json, description="What it may be, as JSON Schema; null where the asset has no such parameter now."
    )
    default = graphene.Field(
        Json, description="What it is where nobody says, or where it is fixed; null if that is so, or there is nothing."
    )
    required = graphene.Boolean(required=True, description="Whether somebody has to say.")
    is_fixed = graphene.Boolean(required=True, description="Whether nobody may say anything else.")


class LaunchPlan(graphene.ObjectType):
    """What can be launched by name: a workflow, or a launch plan of one or of a selection. `launchPlan` does."""

    name = graphene.ID(required=True, description="What it is called.", resolver=given("definition.name"))
    location = graphene.String(required=True, description="The location that defines it.")
    is_workflow = graphene.Boolean(required=True, description="Whether it is a workflow itself.")
    workflow = graphene.String(
        description="The workflow that it is or launches; null for a selection.",
        resolver=lambda at, _info: None if at.of is None else at.of.name,
    )
    selection = graphene.String(
        required=True, description="The assets that it makes.", resolver=given("definition.selection")
    )
    description = graphene.String(
        required=True, description="What its author says of it.", resolver=given("definition.description")
    )
    inputs = many(LaunchInput, "What it takes; of a selection what it fixes, or has other defaults for.")

    def resolve_is_workflow(self: LaunchPlanAt, _info: Any) -> bool:
        """By its kind."""
        return isinstance(self.definition, WorkflowDefinition)

    def resolve_inputs(self: LaunchPlanAt, _info: Any) -> list[dict[str, Any]]:
        """In the order of the workflow's, else of their names."""
        return list(_inputs(self))


def _inputs(at: LaunchPlanAt) -> Iterator[dict[str, Any]]:
    plan = at.definition if isinstance(at.definition, LaunchPlanDefinition) else _NOTHING_SAID
    if at.of is not None:
        known = {f"{at.of.name}.{parameter.name}": parameter for parameter in at.of.inputs}
    else:
        known = dict(_of_selection(at, plan))
    for full_name in dict.fromkeys((*known, *sorted(plan.fixed.keys() | plan.defaults.keys()))):
        parameter = known.get(full_name)
        said = {**plan.defaults, **plan.fixed}
        yield {
            "name": full_name if at.of is None or parameter is None else parameter.name,
            "json_schema": None if parameter is None else parameter.json_schema,
            "default": said.get(full_name, None if parameter is None else parameter.default),
            "required": parameter is not None and parameter.required and full_name not in said,
            "is_fixed": full_name in plan.fixed,
        }


def _of_selection(at: LaunchPlanAt, plan: LaunchPlanDefinition) -> Iterator[tuple[str, Parameter]]:
    assets = at.environment.view.catalog.assets
    for full_name in sorted(plan.fixed.keys() | plan.defaults.keys()):
        key, _, name = full_name.rpartition(".")
        found = assets[key].task.parameters if key in assets else ()  # type: ignore[index]  # keys are texts
        yield from ((full_name, parameter) for parameter in found if parameter.name == name)


def launch_plans_page(at: EnvironmentAt, first: int, after: str | None, name: str | None) -> Page:
    """By name and location. Raises UsageError for an unknown environment."""
    first, behind = checked_first(first, "after"), key_of(after, list)
    with snapshot(at.workspace.log) as connection:
        found = launchables_of(connection, at.project.name, at.view.deployments)
    by_location = {(location, called): each for called, those in found.items() for location, _, each in those}

    def workflow(location: str, definition: Launchable) -> WorkflowDefinition | None:
        of = (
            definition
            if isinstance(definition, WorkflowDefinition)
            else by_location.get((location, definition.workflow))
        )
        return of if isinstance(of, WorkflowDefinition) else None

    every = [
        LaunchPlanAt(environment=at, location=location, definition=each, of=workflow(location, each))
        for (location, called), each in sorted(by_location.items(), key=lambda item: item[0][::-1])
        if name is None or called == name
    ]
    rest = [plan for plan in every if behind is None or _key(plan) > behind]
    return page_of(rest[: first + 1], first, _key, lambda: len(every))


def _key(at: LaunchPlanAt) -> list[str]:
    return [at.definition.name, at.location]
