"""How an asset is made, as it is deployed: what its task reads and takes, and how it may be run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import graphene

from latewood.commands.deployed_code import created_as
from latewood.commands.source import archived
from latewood.commands.workspace import Workspace
from latewood.decide.state import Pin
from latewood.events import DeploymentCreated
from latewood.model import definitions as defined
from latewood.model.mappings import in_words
from latewood.model.types import display
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import given, many
from latewood_graphql.scalars import Json
from latewood_graphql.words import PartitionMapping


def _ms(found: timedelta | None) -> float | None:
    return None if found is None else found.total_seconds() * 1_000


def _limit(name: str, description: str) -> graphene.Float:
    return graphene.Float(description=description, resolver=lambda limits, _info: _ms(getattr(limits, name)))


class InputCondition(graphene.ObjectType):
    """A condition under which an input is read: an asset that is true or false."""

    asset = graphene.String(required=True, description="Key of that asset.")
    holds = graphene.Boolean(required=True, description="What it has to be.")


class AssetInput(graphene.ObjectType):
    """What a task reads of an upstream asset, or waits for."""

    name = graphene.String(required=True, description="The parameter that receives it, or what it is called by.")
    asset = graphene.String(required=True, description="Key of the asset that is read.")
    type = graphene.String(
        required=True,
        description="The type that is expected of its values, as its author would write it.",
        resolver=lambda of, _info: display(of.type),
    )
    mapping = graphene.Field(
        PartitionMapping, required=True, description="Which partitions of it a partition reads, by kind."
    )
    partitions = graphene.String(
        required=True,
        description="The same in words, with all that belongs to that kind.",
        resolver=lambda of, _info: in_words(of.mapping),
    )
    loads = graphene.Boolean(required=True, description="Whether the task receives a value; else it only waits for it.")
    is_lazy = graphene.Boolean(
        required=True, description="Whether a value is loaded only when it is asked for.", resolver=given("lazy")
    )
    counts = graphene.Boolean(
        required=True, description="Whether other content of it is another result.", resolver=given("in_key")
    )
    condition = graphene.Field(InputCondition, description="When it is read; null for always.", resolver=given("where"))

    def resolve_mapping(self: defined.Input, _info: Any) -> str:
        """By its tag."""
        return str(type(self.mapping).__struct_config__.tag)


class UsedResource(graphene.ObjectType):
    """A resource that a task asks for, as the environment has it configured; without its secrets."""

    parameter = graphene.String(required=True, description="The parameter that receives it.")
    resource = graphene.String(required=True, description="What it is called.")
    values = graphene.Field(Json, description="Its fields, an object; null where it is not configured there.")
    unkeyed = many(graphene.String, "Fields that decide no result.")


class RetryPolicy(graphene.ObjectType):
    """How often a failed attempt is tried again, and how long that waits."""

    most = graphene.Int(required=True, description="Retries after the first attempt.", resolver=given("retries_max"))
    backoff_ms = graphene.Float(
        required=True, description="Milliseconds before the first.", resolver=lambda of, _info: _ms(of.backoff)
    )
    factor = graphene.Float(required=True, description="How much longer each waits than the one before.")
    cap_ms = graphene.Float(
        required=True, description="The longest of these waits.", resolver=lambda of, _info: _ms(of.cap)
    )
    jitter = graphene.Float(required=True, description="The largest random addition, as a multiple of the first wait.")


class TimeLimits(graphene.ObjectType):
    """Time limits of a step, in milliseconds; null for none."""

    running_ms = _limit("running", "Of each attempt, while it runs.")
    queued_ms = _limit("queued", "Of each attempt, while it could begin and waits.")
    total_ms = _limit("total", "Of all attempts together, waiting included.")


class ReusePolicy(graphene.ObjectType):
    """When a past result may stand for a new one."""

    is_on = graphene.Boolean(required=True, description="Whether any may.", resolver=lambda of, _info: not of.is_off)
    window_ms = graphene.Float(
        description="How old it may be; null for any age.", resolver=lambda of, _info: _ms(of.window)
    )


class NeededResources(graphene.ObjectType):
    """What one attempt needs of a machine."""

    cpu = graphene.Float(required=True, description="Cores, also parts of one.")
    memory_bytes = graphene.Float(description="Bytes of memory; null where that is not stated.")
    gpu = graphene.Int(required=True, description="Whole devices.")


class TaskPolicies(graphene.ObjectType):
    """How a task may be run."""

    retries = graphene.Field(RetryPolicy, required=True, description="What follows a failed attempt.")
    timeouts = graphene.Field(TimeLimits, required=True, description="How long it may take.")
    reuse = graphene.Field(ReusePolicy, required=True, description="When it need not be run.")
    needs = graphene.Field(
        NeededResources, required=True, description="What it needs of a machine.", resolver=given("resources")
    )
    pool = graphene.String(required=True, description="The pool that it takes part in; empty for none.")
    priority = graphene.Int(required=True, description="Higher ones begin first.")
    image = graphene.String(required=True, description="The image that it is to be run in; empty for none.")
    partitions_per_call = graphene.Int(
        required=True,
        description="For how many neighbouring partitions it may be called at once.",
        resolver=lambda of, _info: of.partitions_per_step if of.is_partition_wise else 1,
    )
    each = many(graphene.String, "Inputs that are lists, for each element of which it is called; mostly none.")
    min_success_ratio = graphene.Float(required=True, description="The part of these calls that has to succeed.")


class StoredPlace(graphene.ObjectType):
    """Where values of an asset are stored, if not in the artifact store."""

    io = graphene.String(required=True, description="The class that stores them.")
    place = graphene.String(required=True, description="The place, with what is filled in for each environment.")
    holds_partitions = graphene.Boolean(required=True, description="Whether one place has all partitions.")


class Check(graphene.ObjectType):
    """A check that an asset declares."""

    name = graphene.String(required=True, description="What it is called.")
    description = graphene.String(required=True, description="What its author says of it.")
    blocking = graphene.Boolean(required=True, description="Whether what it refuses can be no head.")
    severity = graphene.String(required=True, description="How bad it is when it fails: `error` or `warning`.")
    task = graphene.String(
        required=True, description="The function that judges: `module:name`.", resolver=given("task.name")
    )
    code_version = graphene.String(
        required=True, description="Version of its code.", resolver=given("task.code.version")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterAt:
    """A parameter, seen from an environment."""

    of: defined.Parameter
    standing: Any
    pinned: bool


def parameters_at(task: defined.TaskDefinition, pins: Mapping[str, Pin]) -> list[ParameterAt]:
    """Those of the task, of an environment that pins some."""
    return [
        ParameterAt(
            of=of, standing=task.fixed.get(of.name, of.default), pinned=of.name in pins and pins[of.name].pinned
        )
        for of in task.parameters
    ]


class Parameter(graphene.ObjectType):
    """A value that the task of an asset takes from whoever runs it."""

    name = graphene.String(required=True, description="What it is called.", resolver=given("of.name"))
    type = graphene.String(
        required=True,
        description="Its type, as its author would write it.",
        resolver=lambda at, _info: display(at.of.type),
    )
    json_schema = graphene.Field(
        Json, required=True, description="What it may be, as JSON Schema.", resolver=given("of.json_schema")
    )
    default = graphene.Field(
        Json,
        description="What it is where nobody says; null if it has none, or is null.",
        resolver=given("of.default"),
    )
    required = graphene.Boolean(
        required=True, description="Whether somebody has to say.", resolver=given("of.required")
    )
    counts = graphene.Boolean(
        required=True, description="Whether another value is another result.", resolver=given("of.in_key")
    )
    pinned = graphene.Boolean(required=True, description="Whether the environment pins it.")
    standing = graphene.Field(
        Json, description="What it is in the environment where no run says otherwise: as it is pinned, or its default."
    )


class Source(graphene.ObjectType):
    """The text of a function, as it is deployed."""

    file = graphene.String(required=True, description="The file, from the project's root.")
    line = graphene.Int(required=True, description="The line that it begins at, from 1.")
    text = graphene.String(required=True, description="The function with its decorators; else the file.")


def files_at(at: EnvironmentAt, there: Workspace, deployment: str) -> Mapping[str, bytes]:
    """The files of a deployment, once for a call."""
    return at.once(f"files {deployment}", lambda: archived(there, created_as(there, deployment)))


def files_then(at: EnvironmentAt, there: Workspace, created: DeploymentCreated) -> Mapping[str, bytes]:
    """The same, of one that is known."""
    return at.once(f"files {created.deployment}", lambda: archived(there, created))
