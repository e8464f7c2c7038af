"""What environments have deployed: the code of a location as it stands, or as it stood once."""

from typing import Any, Final

import graphene

from latewood.commands.deploying_apart import LOADING_S, DeployedApart, deploy_here, deployed_by
from latewood.commands.deployments import RolledBack, roll_back
from latewood.commands.workspace import Workspace
from latewood.model.access import Role
from latewood_graphql.advice import for_callers
from latewood_graphql.fields import given, many
from latewood_graphql.mutations.acting import Done, mutation, success
from latewood_graphql.mutations.turns import Turns
from latewood_graphql.nodes.deployments import DeploymentDifference, DifferenceAt, difference_of

_LOADING: Final = Turns("the server loads a location just now; ask again when it has", LOADING_S)


def _difference(self: Done, _info: Any) -> DifferenceAt | None:
    done = self.done.deployed
    return difference_of(self.project, done.before, done.deployment) if done.before else None


LocationDeployed: Final = success(
    "LocationDeployed",
    "The environment has the location as its code stands; nothing was run.",
    location=graphene.String(required=True, description="What it is called.", resolver=given("done.location")),
    deployment=graphene.ID(
        required=True, description="What holds there now.", resolver=given("done.deployed.deployment")
    ),
    before=graphene.ID(
        description="What held before, the same where nothing has changed; null for a location that is new.",
        resolver=lambda self, _info: self.done.deployed.before or None,
    ),
    difference=graphene.Field(
        DeploymentDifference,
        description="What the deployment has more, no longer, and otherwise; null for a location that is new.",
        resolver=_difference,
    ),
    broken=many(
        graphene.String,
        "What assets of other locations cannot be made of any more, a line each.",
        resolver=lambda self, _info: [for_callers(line) for line in self.done.broken],
    ),
    repeated=graphene.Boolean(
        required=True,
        description="Whether it had been asked for by the same key before, and this is what came of it then.",
        resolver=given("done.repeated"),
    ),
)
DeploymentRolledBack: Final = success(
    "DeploymentRolledBack",
    "The environment has an earlier deployment of a location again; nothing was run, and no head was moved.",
    deployment=graphene.ID(
        required=True, description="What holds there now.", resolver=given("done.deployment.deployment")
    ),
    before=graphene.ID(
        required=True,
        description="What held before; the same where nothing was to be done.",
        resolver=given("done.before"),
    ),
    stale_count=graphene.Int(
        required=True,
        description="Assets of which something is not fresh any more by that.",
        resolver=lambda self, _info: len(self.done.stale),
    ),
    fresh_count=graphene.Int(
        required=True,
        description="Assets of which something is fresh again by that.",
        resolver=lambda self, _info: len(self.done.fresh),
    ),
    dropped_count=graphene.Int(
        required=True,
        description="Assets that are not defined any more.",
        resolver=lambda self, _info: len(self.done.dropped),
    ),
)


def _deploy(workspace: Workspace, *, location: str, key: str) -> DeployedApart:
    if key and (before := deployed_by(workspace, location, key)) is not None:
        return before
    with _LOADING.turn(key, workspace.project, workspace.environment, location):
        return deploy_here(workspace, location, key=key)


def _roll_back(workspace: Workspace, *, location: str, deployment: str) -> RolledBack:
    return roll_back(workspace, location, deployment)


class DeploymentMutations:
    """What can be done with deployments."""

    deploy = mutation(
        "deploy",
        _deploy,
        Role.DEPLOYER,
        LocationDeployed,
        "Deploy a location as its code stands where the server works; its own Python loads it. As it stands it is one "
        "deployment, however often that is asked for. Conflict while one is loaded, but for who asks for the same by "
        "the same `key`: they wait for it.",
        missing=("location",),
        loads=True,
        location=graphene.String(
            required=True, description="One that the project's `latewood.toml` lists, or that is deployed from there."
        ),
        key=graphene.String(
            required=True,
            default_value="",
            description="Your own name of this request: asked for again by the same one, it is what was deployed then, "
            "if something was, whatever the code is by now.",
        ),
    )
    deployment_rollback = mutation(
        "deploymentRollback",
        _roll_back,
        Role.DEPLOYER,
        DeploymentRolledBack,
        "Give the environment an earlier deployment of a location again.",
        missing=("location", "deployment"),
        location=graphene.String(required=True, description="The location."),
        deployment=graphene.ID(required=True, description="The deployment, or the beginning of its name."),
    )
