"""Why a run is, and why a step of it was run, or was not, as data."""

from dataclasses import dataclass, replace
from typing import Any, Final

import graphene

from latewood.commands.recorded_plan import RecordedPlan, recorded_plan
from latewood.commands.run_reasons import jobs_heard_of, reasons_of, why_asked, why_step
from latewood.commands.views import PRESENT
from latewood.decide.step_reasons import RunExplained, StepExplained
from latewood.events import Action
from latewood.events import PlannedSteps as Recorded
from latewood.model.ordinals import Ordinals
from latewood.projections.runs import RunRow
from latewood.projections.states import NOW
from latewood_graphql.calls import ProjectAt
from latewood_graphql.fields import fallible, given, many
from latewood_graphql.nodes.attempts import Failure
from latewood_graphql.nodes.partitions import Chosen, PartitionSet
from latewood_graphql.nodes.plans import PlanReason
from latewood_graphql.nodes.runs import run_of
from latewood_graphql.pages import Edge, Page, connection_of, page_arguments, slice_of
from latewood_graphql.scalars import Json, PositionScalar
from latewood_graphql.words import PlannedAction, StaleCause, StepDecision, StepSkip, WaitKind

_SLOTS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RunExplainedAt:
    """Why a run is, and the plan that its rows are made of as they are asked for."""

    found: RunExplained
    plan: RecordedPlan


class PlannedSteps(graphene.ObjectType):
    """Steps of a run for which the same was planned, for the same reasons."""

    assets = many(graphene.String, "Keys of the assets that each makes.")
    action = graphene.Field(PlannedAction, required=True, description="What was planned.")
    partitions = graphene.Field(PartitionSet, required=True, description="Of which partitions.")
    first = graphene.Int(required=True, description="The number of the first step; the others follow it.")
    steps = graphene.Int(required=True, description="How many steps they are; 0 of what was left out.")
    reasons = many(PlanReason, "Why.")
    trial = graphene.Int(required=True, description="In a sweep the number of the task's trial, from 0.")


class RunExplanation(graphene.ObjectType):
    """Who or what asked for a run, for what, and what was planned then."""

    run = graphene.ID(required=True, description="The run.", resolver=given("found.requested.run"))
    actor = graphene.String(required=True, description="Who asked for it.", resolver=given("found.actor"))
    automation = graphene.String(
        required=True,
        description="What asked for it by itself; empty where nothing did.",
        resolver=given("found.requested.automation"),
    )
    run_key = graphene.String(
        required=True, description="By which key a sensor did; else empty.", resolver=given("found.requested.run_key")
    )
    evaluation = graphene.Field(
        PositionScalar,
        description="The event by which an automation did; else null.",
        resolver=given("found.evaluation"),
    )
    tick = graphene.DateTime(description="For which tick a schedule did; else null.", resolver=given("found.tick"))
    rerun_of = graphene.String(
        required=True,
        description="The run that was asked for again; else empty.",
        resolver=given("found.requested.rerun_of"),
    )
    only = graphene.String(
        required=True,
        description="Which steps of that one, or what of the selection as in `status:missing`; empty for all.",
        resolver=given("found.requested.only"),
    )
    launch_plan = graphene.String(
        required=True, description="What was launched by name; else empty.", resolver=given("found.requested.launch")
    )
    forced = graphene.Boolean(
        required=True,
        description="Whether everything was asked for, whatever is there.",
        resolver=given("found.requested.force"),
    )
    parameters = graphene.Field(
        Json,
        required=True,
        description="Values that were given, by asset.",
        resolver=given("found.requested.parameters"),
    )
    at = graphene.DateTime(required=True, description="When it was asked for.", resolver=given("found.at"))
    position = graphene.Field(
        PositionScalar, required=True, description="Where the log says so.", resolver=given("found.position")
    )
    planned_from = graphene.Field(
        PositionScalar,
        description="The position whose state was planned from; null before there is a plan.",
        resolver=given("found.planned_from"),
    )
    planned = fallible(
        connection_of(PlannedSteps),
        description="What was planned, upstream first, with what was left out.",
        **page_arguments(),
    )
    fresh = graphene.Int(
        required=True, description="How many partitions needed nothing.", resolver=given("found.fresh")
    )

    def resolve_planned(self: "RunExplainedAt", _info: Any, first: int, after: str | None = None) -> Page:
        """By number."""
        page = slice_of(self.plan.steps, first, after)
        return replace(page, edges=[Edge(_planned(self.plan, edge.node), edge.key) for edge in page.edges])


def _planned(plan: RecordedPlan, steps: Recorded) -> dict[str, Any]:
    chosen = Chosen(scheme=plan.scheme(steps.assets[0]), ordinals=Ordinals.parse(steps.partitions))
    return {
        "assets": tuple(map(plan.key, steps.assets)),
        "action": steps.action,
        "partitions": chosen,
        "first": steps.first,
        "steps": 0 if steps.action is Action.BLOCKED else chosen.count,
        "reasons": reasons_of(steps.reasons),
        "trial": steps.trial,
    }


class TakenVersion(graphene.ObjectType):
    """A version that a step took in place of computing its own."""

    asset = graphene.String(required=True, description="Key of the asset that the step is of.")
    version = graphene.ID(required=True, description="The version that was taken.")
    source = graphene.String(description="Key of the asset it is of, where that is another one; else null.")
    computed_as = graphene.ID(description="The version as which it was computed, where it was taken itself; else null.")
    computed_of = graphene.String(description="Key of the asset that that one is of; null where it is null.")


class NearMiss(graphene.ObjectType):
    """The earlier version that came nearest to what a step was to compute."""

    version = graphene.ID(required=True, description="The version.", resolver=given("version.version"))
    position = graphene.Field(
        PositionScalar,
        required=True,
        description="Where the log says that it was made.",
        resolver=given("version.position"),
    )
    made_at = graphene.DateTime(required=True, description="When it was made.", resolver=given("version.made_at"))
    differs = many(StaleCause, "In what it differs; empty where it equals what was to be computed.")


class AwaitedStep(graphene.ObjectType):
    """A step that another one waits for."""

    run = graphene.ID(required=True, description="Its run.")
    step = graphene.Int(required=True, description="Its number.")
    assets = many(graphene.String, "Keys of the assets that it makes.")
    partition = graphene.String(required=True, description="Key of the partition; empty for an unpartitioned asset.")


class PoolSlot(graphene.ObjectType):
    """A slot of a pool that is taken."""

    number = graphene.Int(required=True, description="Which one, from 0.")
    holder = graphene.String(required=True, description="Who has it, and for what, in words.")
    run = graphene.ID(
        description="The run whose step has it; null where no step has.",
        resolver=lambda slot, _info: slot.step and slot.step[0],
    )
    step = graphene.Int(description="That step.", resolver=lambda slot, _info: slot.step and slot.step[1])
    since = graphene.DateTime(required=True, description="Since when.")


class StepWait(graphene.ObjectType):
    """One thing that a step waits for; what it is says which of these fields tell more."""

    kind = graphene.Field(WaitKind, required=True, description="What it is.", resolver=given("what"))
    steps = many(AwaitedStep, "The steps before it that have to end, or that compute the same, the first ten.")
    count = graphene.Int(required=True, description="How many steps these are.")
    engines = many(graphene.String, "Engines that serve the project, one of which has to take the run.")
    until = graphene.DateTime(description="When the next attempt is due; else null.")
    pool = graphene.String(required=True, description="The pool without a free slot; empty for the quota, or none.")
    limit = graphene.Int(description="How many slots there are; null where it does not wait for any.")
    slots = many(PoolSlot, "Who has the slots, the first hundred.", resolver=lambda of, _info: of.slots[:_SLOTS_MAX])


class StepJob(graphene.ObjectType):
    """An attempt that was a job in another system."""

    attempt = graphene.Int(required=True, description="Which attempt.")
    connector = graphene.String(required=True, description="What runs it, by the name that the task says.")
    key = graphene.String(required=True, description="What was recorded before it was submitted; no other job has it.")
    handle = graphene.String(
        required=True, description="By what the other system knows it; empty until that is known here."
    )
    state = graphene.String(
        required=True,
        description="`queued` or `running`, as it was heard of last; empty once it is over. Of now, and not of the "
        "position: from a file. Empty of the past.",
    )
    link = graphene.String(
        required=True,
        description="A page about it, while it goes on; empty where there is none. Of now, as `state` is.",
    )


class StepExplanation(graphene.ObjectType):
    """What was planned for a step, what was decided, and why."""

    run = graphene.ID(required=True, description="The run.")
    step = graphene.Int(required=True, description="Its number.")
    assets = many(graphene.String, "Keys of the assets that it makes.")
    partition = graphene.String(required=True, description="Key of the partition; empty for an unpartitioned asset.")
    planned = graphene.Field(PlannedAction, description="What was planned; null for an element of a list.")
    planned_reasons = many(PlanReason, "Why that was planned.")
    decision = graphene.Field(StepDecision, required=True, description="What was decided.")
    position = graphene.Field(PositionScalar, description="The event that says so; null where nothing was decided.")
    reasons = many(PlanReason, "Why it was run; empty where it was not.")
    no_reuse = graphene.String(required=True, description="Why its result is not to be reused; empty where it is.")
    attempts = graphene.Int(required=True, description="How many attempts it had.")
    failure = graphene.Field(Failure, description="What its last attempt failed by; null where it did not.")
    skipped = graphene.Field(StepSkip, description="Why it was skipped; null where it was not.")
    because = graphene.Int(description="The step for which it was skipped, where there is one.")
    taken = many(TakenVersion, "What was taken in its place; empty where nothing was.")
    lost = many(graphene.ID, "Versions that could have been taken, but for their artifacts.")
    nearest = graphene.Field(
        NearMiss,
        description="Of a step that was run, the earlier version that came nearest; null where there was none.",
    )
    waits = many(
        StepWait,
        "What it waits for, or its next attempt does, all at once; of the past what the log says: steps and retries. "
        "Engines and who has slots are of now, by their leases, and of no position.",
    )
    jobs = many(StepJob, "What it was in another system, by attempt; empty where it is called here.")


def run_explained(project: ProjectAt, run: str) -> RunExplainedAt:
    """Raises UsageError for an unknown one."""
    row = run_of(project, run).row
    plan = _plan_of(project, row)
    return RunExplainedAt(found=why_asked(project.workspace, row, plan), plan=plan)


async def step_explained(project: ProjectAt, run: str, step: int) -> StepExplained:
    """Raises UsageError for an unknown one."""
    row, there = run_of(project, run).row, project.workspace
    up_to = NOW if project.as_of == PRESENT else project.position
    found = why_step(there, row, step, up_to=up_to, plan=_plan_of(project, row))
    if up_to != NOW or not found.jobs:
        return found
    return await project.call.in_the_end(lambda _: jobs_heard_of(there.store, found))


def _plan_of(project: ProjectAt, row: RunRow) -> RecordedPlan:
    """Read once for all its steps that a call asks about."""
    return project.call.once(
        (project.name, project.as_of),
        f"plan {row.run}",
        lambda: recorded_plan(project.workspace, row, project.position),
    )
