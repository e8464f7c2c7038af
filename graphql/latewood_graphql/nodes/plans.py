"""What a run would do, as data, before anybody asks for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any

import graphene

from latewood.commands.blocked import LeftOut, blocked_lines
from latewood.commands.bringing import bringing
from latewood.commands.by_hand import set_by_hand
from latewood.commands.plan_words import PlanWords
from latewood.commands.planning import STATUS, Asked
from latewood.commands.views import PRESENT, AsOf
from latewood.commands.workspace import Workspace
from latewood.decide.plan import Planned, PlannedTask
from latewood.errors import UsageError
from latewood.events import Action
from latewood.serving.asking import Previewed, asked_by_name, preview
from latewood_graphql.advice import for_callers
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import fallible, fallible_many, given, many
from latewood_graphql.nodes.explanations import MadeHead
from latewood_graphql.nodes.partitions import Chosen, PartitionSet
from latewood_graphql.pages import FIRST, Page, checked_first, connection_of, page_arguments, slice_of
from latewood_graphql.scalars import Json, PositionScalar
from latewood_graphql.words import PartitionsWanted, PlannedAction, StaleCause


class ParameterGiven(graphene.InputObjectType):
    """Values of a parameter: one that holds throughout, or several that are tried in combination with other ones'."""

    name = graphene.String(required=True, description="`ASSET.NAME`, or `WORKFLOW.INPUT`.")
    values = graphene.List(
        graphene.NonNull(Json), required=True, description="The value; or several, each of which is tried."
    )


class InputGiven(graphene.InputObjectType):
    """The value of an input of a workflow or launch plan; or several, each of which is tried."""

    name = graphene.String(required=True, description="The input, or `ASSET.NAME`.")
    value = graphene.InputField(Json, description="Its value, where that is one.")
    values = graphene.List(
        graphene.NonNull(Json), description="Several, tried in combination with those of other inputs; without `value`."
    )


class Estimate(graphene.ObjectType):
    """How long functions will take, by what past versions took; what may be reused counts in full."""

    p50_ms = graphene.Float(required=True, description="Milliseconds, by the median of each asset.")
    p90_ms = graphene.Float(required=True, description="Milliseconds, by the 90th percentile of each asset.")
    samples = graphene.Int(required=True, description="How many past versions that is from; 0 = nobody knows.")
    unknown_steps = graphene.Int(required=True, description="Steps of what was never made before, counted as nothing.")


class PlanReason(graphene.ObjectType):
    """Why something is planned for some partitions."""

    cause = graphene.Field(StaleCause, required=True, description="The cause.")
    subject = graphene.String(required=True, description="The asset that it is about; empty where it is about none.")
    check = graphene.String(required=True, description="The check that refuses; empty where none does.")


class PlannedGroup(graphene.ObjectType):
    """Partitions of an asset for which the same is planned, for the same reasons."""

    action = graphene.Field(PlannedAction, required=True, description="What is planned.")
    partitions = graphene.Field(PartitionSet, required=True, description="For which of them.")
    reasons = many(PlanReason, "Why; nothing for what is fresh.")
    why = fallible_many(
        graphene.String, "The same in words, with what changed: which code, and parameters from what to what."
    )

    def resolve_why(self: "GroupAt", _info: Any) -> list[str]:
        """As the command line says it, but for what it advises."""
        return [for_callers(text) for text in self.words().why(self.task, self.group)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAt:
    """A group of a planned task; `words` are those of its plan."""

    task: PlannedTask
    group: Planned
    words: Callable[[], PlanWords]

    @property
    def action(self) -> Action:
        """What is planned."""
        return self.group.action

    @property
    def partitions(self) -> Chosen:
        """For which."""
        return Chosen(scheme=self.task.node.assets[0].partitions, ordinals=self.group.ordinals)

    @property
    def reasons(self) -> list[dict[str, Any]]:
        """Why."""
        return [reason._asdict() for reason in self.group.reasons]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAt:
    """A planned task, and the words of its plan."""

    task: PlannedTask
    words: Callable[[], PlanWords]


class PlannedAsset(graphene.ObjectType):
    """What is planned for the assets that one task makes; in a sweep, with the parameters of one trial."""

    assets = many(graphene.String, "Keys of the assets.", resolver=given("task.node.keys"))
    trial = graphene.Field(
        Json, required=True, description="Parameters that are other than the environment's, with their values."
    )
    groups = many(PlannedGroup, "What is planned, by what and why.")

    def resolve_trial(self: TaskAt, _info: Any) -> dict[str, str]:
        """By `ASSET.NAME`."""
        return {f"{key}.{name}": value for key, name, value in self.task.node.trial}

    def resolve_groups(self: TaskAt, _info: Any) -> list[GroupAt]:
        """As the plan has them."""
        return [GroupAt(task=self.task, group=group, words=self.words) for group in self.task.groups]


class PlanCounts(graphene.ObjectType):
    """How many asset partitions a plan does what with."""

    run = graphene.Int(required=True, description="Computed.")
    depends = graphene.Int(required=True, description="Computed, unless what comes before turns out as it was.")
    reuse = graphene.Int(required=True, description="Taken from an earlier version.")
    skip = graphene.Int(required=True, description="Skipped, in a branch that is not taken.")
    fresh = graphene.Int(required=True, description="Left as they are, which is as they should be.")
    blocked = graphene.Int(required=True, description="Left out, since what they read is not there.")


class PlanLeftOut(graphene.ObjectType):
    """Something selected that is left out."""

    message = graphene.String(required=True, description="What is left out, and why.")
    unread = many(graphene.String, "Keys of what it would read and cannot, as far as there are any.")
    never_made = many(graphene.String, "Keys of what was never made, at the root of that.")

    def resolve_message(self: LeftOut, _info: Any) -> str:
        """As a line."""
        return for_callers(self.line)

    def resolve_unread(self: LeftOut, _info: Any) -> list[str]:
        """In order."""
        return sorted(self.unread)


class ReplacedHead(graphene.ObjectType):
    """Heads that somebody set by hand, and that the run would replace."""

    asset = graphene.String(required=True, description="Key of the asset.")
    partitions = graphene.String(required=True, description="Which of them; empty for an unpartitioned asset.")
    position = graphene.Field(
        PositionScalar,
        required=True,
        description="The event that set them.",
        resolver=given("moved.position"),
    )
    actor = graphene.String(required=True, description="Who did.", resolver=given("moved.actor"))
    moved = graphene.Field(MadeHead, required=True, description="How they were set.")


class PlanBrings(graphene.ObjectType):
    """What lies of an asset in another system now, and would be brought here for those that read it here."""

    asset = graphene.String(required=True, description="Key of the asset.")
    connector = graphene.String(required=True, description="The connector in whose system it lies.")
    readers = many(graphene.String, "Keys of what reads it.")
    versions = graphene.Int(required=True, description="How many versions, one of each partition that is read.")
    bytes = graphene.Float(required=True, description="Bytes of all whose system has said how many.")
    unsized = graphene.Int(required=True, description="Versions of which nobody has said how many bytes they have.")
    remade = graphene.Int(required=True, description="Versions in place of which the run may make others first.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewAt:
    """A preview, and the environment it is of."""

    environment: EnvironmentAt
    found: Previewed


class PlanPreview(graphene.ObjectType):
    """What a run would do. Launching with its `hash` does just that, or nothing."""

    hash = graphene.String(
        required=True,
        description="What `planHash` takes: binds request, deployments, parameters, and the heads that were read.",
        resolver=given("found.hash"),
    )
    position = graphene.Field(
        PositionScalar,
        required=True,
        description="The position of the log that it was planned at; the answer may be of a later one.",
        resolver=given("found.plan.state.position"),
    )
    steps = graphene.Int(required=True, description="How many steps it has.", resolver=given("found.plan.length"))
    counts = graphene.Field(
        PlanCounts,
        required=True,
        description="Asset partitions by what is planned.",
        resolver=given("found.plan.counts"),
    )
    assets = fallible(
        connection_of(PlannedAsset),
        description="What is planned, by task, upstream first.",
        **page_arguments(),
    )
    left_out = fallible(
        connection_of(PlanLeftOut),
        description="What is selected and left out, and why.",
        **page_arguments(),
    )
    refusal = graphene.String(description="Why launching it would be refused; null where it would not.")
    replaces = fallible_many(
        ReplacedHead,
        "Heads that somebody set by hand and the run would replace; the first of them.",
        first=graphene.Int(required=True, default_value=FIRST, description="How many at most, up to 1,000."),
    )
    brings = fallible_many(
        PlanBrings,
        "What would be brought here from other systems; the first of it.",
        first=graphene.Int(required=True, default_value=FIRST, description="How many at most, up to 1,000."),
    )
    estimate = graphene.Field(Estimate, required=True, description="How long it would take.")

    def resolve_assets(self: PreviewAt, _info: Any, first: int, after: str | None = None) -> Page:
        """By number."""
        at, found = self.environment, self.found
        words = partial(
            at.once, f"words of the plan {found.hash}", lambda: PlanWords(at.workspace, found.view, found.plan)
        )
        return slice_of([TaskAt(task=task, words=words) for task in found.plan.tasks], first, after)

    def resolve_left_out(self: PreviewAt, _info: Any, first: int, after: str | None = None) -> Page:
        """By number."""
        return slice_of(blocked_lines(self.found.plan), first, after)

    def resolve_refusal(self: PreviewAt, _info: Any) -> str | None:
        """As launching says it."""
        return None if (error := self.found.refusal) is None else for_callers(str(error))

    def resolve_replaces(self: PreviewAt, _info: Any, first: int) -> list[Any]:
        """In the order of the plan."""
        at = self.environment
        return set_by_hand(at.workspace, self.found.plan, at.as_of.position)[: checked_first(first)]

    def resolve_brings(self: PreviewAt, _info: Any, first: int) -> list[Any]:
        """In the order of the plan."""
        at, found = self.environment, self.found
        return list(bringing(at.workspace, found.view.catalog, found.plan)[: checked_first(first)])

    def resolve_estimate(self: PreviewAt, _info: Any) -> dict[str, float]:
        """Over all tasks."""
        found = {"p50_ms": 0.0, "p90_ms": 0.0, "samples": 0, "unknown_steps": 0}
        for task in self.found.plan.tasks:
            steps = sum(len(group.ordinals) for group in _running(task))
            past = self.found.plan.state.durations.get(task.node.ids[0])
            if past is None:
                found["unknown_steps"] += steps
            elif steps:
                found["p50_ms"] += steps * past.p50_ms
                found["p90_ms"] += steps * past.p90_ms
                found["samples"] += past.samples
        return found


def _running(task: PlannedTask) -> Iterator[Planned]:
    return (group for group in task.groups if group.action in (Action.RUN, Action.DEPENDS))


def asked_arguments() -> dict[str, Any]:
    """The arguments that say of what a run is asked for."""
    return {
        "selection": graphene.String(
            required=True,
            default_value="*",
            description="Which assets, as on the command line: `group:reports and status:stale`.",
        ),
        "partition": graphene.String(
            required=True,
            default_value="",
            description="Which partitions, as in `2026-01-01..2026-01-07`; all by default.",
        ),
        "parameters": graphene.List(
            graphene.NonNull(ParameterGiven),
            required=True,
            default_value=(),
            description="Values in place of what is pinned.",
        ),
        **_how(),
        "only": graphene.Argument(PartitionsWanted, description="Only these partitions of what is selected."),
    }


def named_arguments() -> dict[str, Any]:
    """The arguments that say which launch plan is asked for, and with what."""
    return {
        "name": graphene.String(required=True, description="Name of the workflow or launch plan."),
        "inputs": graphene.List(
            graphene.NonNull(InputGiven),
            required=True,
            default_value=(),
            description="Values of its inputs, where not by default.",
        ),
        **_how(),
    }


def _how() -> dict[str, Any]:
    return {
        "zipped": graphene.Boolean(
            required=True,
            default_value=False,
            description="Try the n-th values of all parameters together, not every combination.",
        ),
        "force": graphene.Boolean(
            required=True, default_value=False, description="Compute all of it, whatever there is."
        ),
        "priority": graphene.Int(
            required=True, default_value=0, description="Added to that of each task; higher goes first."
        ),
    }


def asked_of(
    *,
    selection: str,
    partition: str,
    parameters: Sequence[Mapping[str, Any]],
    zipped: bool,
    force: bool,
    priority: int,
    only: Any = None,
) -> Asked:
    """What the arguments ask for. Raises UsageError."""
    if empty := [parameter["name"] for parameter in parameters if not parameter["values"]]:
        raise UsageError(f'parameter "{empty[0]}": expected a value, found none')
    return Asked(
        selection=selection,
        partition=partition,
        tried={parameter["name"]: parameter["values"] for parameter in parameters},
        zipped=zipped,
        force=force,
        priority=priority,
        only="" if only is None else f"{STATUS}{only.value if isinstance(only, Enum) else only}",
    )


def launching(
    workspace: Workspace,
    *,
    name: str,
    inputs: Sequence[Mapping[str, Any]],
    zipped: bool,
    force: bool,
    priority: int,
    as_of: AsOf = PRESENT,
) -> Asked:
    """The same of the arguments that name a launch plan. Raises UsageError."""
    several = {input_["name"]: input_["values"] for input_ in inputs if input_.get("values") is not None}
    single = {input_["name"]: input_.get("value") for input_ in inputs if "value" in input_ or "values" not in input_}
    if several.keys() & single.keys() or len(several) + len(single) < len(inputs):
        raise UsageError("inputs: expected each once, with value or with values")
    if empty := [name for name, values in several.items() if not values]:
        raise UsageError(f'input "{empty[0]}": expected a value, found none')
    asked = asked_by_name(workspace, name, single, tried=several, zipped=zipped, force=force, as_of=as_of)
    return replace(asked, priority=priority)


def previewed(at: EnvironmentAt, info: Any, asked: Asked) -> PreviewAt:
    """What it would do, by the files that there are. Raises UsageError."""
    where = tuple(info.path.as_list())
    found = at.call.aside(where, lambda log: preview(replace(at.workspace, log=log), asked, at.as_of))
    return PreviewAt(environment=at, found=found)
