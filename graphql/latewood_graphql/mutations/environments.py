"""Environments: branched, promoted, dropped; and what happens there by itself."""

from dataclasses import dataclass
from typing import Any, Final

import graphene

from latewood.commands.automations import Found, automation_named, switch
from latewood.commands.environments import DEFAULT, Diff, create, drop, promote
from latewood.commands.workspace import Workspace
from latewood.model.access import Role
from latewood_graphql.fields import fallible, given
from latewood_graphql.mutations.acting import Done, mutation, success
from latewood_graphql.nodes.environments import Environment
from latewood_graphql.pages import Page, connection_of, page_arguments, slice_of


class PromotedAsset(graphene.ObjectType):
    """An asset of which heads were promoted."""

    key = graphene.String(required=True, description="What it is called.")
    partitions_count = graphene.Int(
        required=True, description="How many partitions were.", resolver=given("partitions")
    )


def _promoted(self: Done, _info: Any, first: int, after: str | None = None) -> Page:
    return slice_of(self.done.heads, first, after)


EnvironmentCreated: Final = success(
    "EnvironmentCreated",
    "There is an environment more.",
    environment=graphene.Field(
        Environment,
        required=True,
        description="The environment.",
        resolver=lambda self, _info: self.project.environment(self.done),
    ),
)
EnvironmentDropped: Final = success(
    "EnvironmentDropped",
    "An environment points to nothing any more; what was made in it can still be reused.",
    name=graphene.String(required=True, description="What it was called.", resolver=given("done")),
)
EnvironmentPromoted: Final = success(
    "EnvironmentPromoted",
    "What one environment had of its own is another one's too.",
    target=graphene.Field(
        Environment,
        required=True,
        description="The one that has it now.",
        resolver=lambda self, _info: self.project.environment(self.done.target),
    ),
    assets=fallible(
        connection_of(PromotedAsset),
        description="Assets of which heads were promoted.",
        resolver=_promoted,
        **page_arguments(),
    ),
    locations=graphene.List(
        graphene.NonNull(graphene.String),
        required=True,
        description="Locations of which another deployment holds there now.",
        resolver=lambda self, _info: sorted(self.done.deployments),
    ),
    pins_count=graphene.Int(
        required=True,
        description="How many parameters are pinned otherwise there now.",
        resolver=lambda self, _info: len(self.done.pins),
    ),
    heads_count=graphene.Int(
        required=True,
        description="How many heads were promoted, of all assets.",
        resolver=lambda self, _info: sum(changed.partitions for changed in self.done.heads),
    ),
    configurations_count=graphene.Int(
        required=True,
        description="How many resources are configured otherwise there now.",
        resolver=lambda self, _info: len(self.done.configurations),
    ),
)
AutomationSwitched: Final = success(
    "AutomationSwitched",
    "Something that happens by itself was turned on or off.",
    name=graphene.String(required=True, description="What it is called.", resolver=given("done.found.name")),
    location=graphene.String(
        required=True, description="The location that has it.", resolver=given("done.found.location")
    ),
    is_on=graphene.Boolean(required=True, description="Whether it is on.", resolver=given("done.on")),
    changed=graphene.Boolean(
        required=True, description="Whether it was otherwise before.", resolver=given("done.changed")
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Switched:
    found: Found
    on: bool
    changed: bool


def _create(workspace: Workspace, *, name: str, base: str) -> str:
    return create(workspace, name, base=base).environment


def _drop(workspace: Workspace, *, name: str, force: bool) -> str:
    drop(workspace, name, force=force)
    return name


def _promote(workspace: Workspace, *, source: str, target: str, selection: str, force: bool) -> Diff:
    return promote(workspace, source, target, selection, force=force)


def _switch(workspace: Workspace, *, name: str, on: bool) -> _Switched:
    found = automation_named(workspace, name)
    return _Switched(found=found, on=on, changed=switch(workspace, found, on=on))


class EnvironmentMutations:
    """What can be done with environments."""

    create_environment = mutation(
        "createEnvironment",
        _create,
        Role.DEPLOYER,
        EnvironmentCreated,
        "Branch an environment; nothing is copied. Conflict where there is one of that name.",
        missing=("environment",),
        environment=False,
        name=graphene.String(required=True, description="What it is to be called."),
        base=graphene.String(
            required=True, default_value=DEFAULT, description="Whose heads and deployments it has; empty for nothing."
        ),
    )
    drop_environment = mutation(
        "dropEnvironment",
        _drop,
        Role.DEPLOYER,
        EnvironmentDropped,
        "End an environment. Its heads, deployments, pins and observations are gone; `asOf` a position before it shows "
        'them still. To have it back, create it again with `base: ""`, deploy and pin there, and launch: what tasks '
        "made is reused, but for those with reuse off.",
        missing=("environment",),
        environment=False,
        name=graphene.String(required=True, description="Which one."),
        force=graphene.Boolean(
            required=True,
            default_value=False,
            description=f"Also `{DEFAULT}`, which is worked in where none is named; else that is InvalidInput.",
        ),
    )
    promote_environment = mutation(
        "promoteEnvironment",
        _promote,
        Role.DEPLOYER,
        EnvironmentPromoted,
        "Make what one environment has of its own another one's too; nothing is computed. "
        "Conflict where the target has moved since.",
        missing=("environment", "asset"),
        environment=False,
        source=graphene.String(required=True, description="Whose heads, deployments and pins."),
        target=graphene.String(required=True, default_value=DEFAULT, description="Who is to have them."),
        selection=graphene.String(required=True, default_value="*", description="Of which assets."),
        force=graphene.Boolean(
            required=True, default_value=False, description="Also where the target has moved since."
        ),
    )
    switch_automation = mutation(
        "switchAutomation",
        _switch,
        Role.OPERATOR,
        AutomationSwitched,
        "Turn a schedule, sensor or rule on or off. Once it is on, what is due counts from now.",
        missing=("automation",),
        name=graphene.String(required=True, description="Its name, or `LOCATION:NAME`."),
        on=graphene.Boolean(required=True, description="Whether it is to be on."),
    )
