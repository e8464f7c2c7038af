"""Why a run is, and why a step of it was run, or was not: what the log says of it."""

from collections.abc import Iterable
from dataclasses import replace

from latewood.commands.automations import Evaluated, stream_of
from latewood.commands.recorded_plan import RecordedPlan, recorded_plan
from latewood.commands.step_waits import Asked, waits_of
from latewood.commands.versions import makings
from latewood.commands.workspace import Workspace
from latewood.decide.how_far import planned_for
from latewood.decide.near_miss import Nearest, nearest
from latewood.decide.reasons import Reason
from latewood.decide.step_reasons import (
    Planned,
    RunExplained,
    StepExplained,
    StepJob,
    Taken,
    decision_of,
    failure_of,
)
from latewood.decide.step_waits import Awaited, AwaitedStep
from latewood.engine.running.job_told import live_job_at
from latewood.engine.running.live_logs import live_job
from latewood.engine.storage.store import ArtifactStore
from latewood.errors import NotFound
from latewood.events import (
    Action,
    AutomationEvaluated,
    Event,
    JobPrepared,
    JobSubmitted,
    PlannedSteps,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
    from_json,
)
from latewood.model.elements import element_named, elements_of
from latewood.model.keys import UNPARTITIONED, AssetId, AssetKey, PartitionKey, RunId, VersionId, version_id
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, key_at
from latewood.projections.attempts import attempt_positions, job_positions, lost_sources, step_positions
from latewood.projections.past_automations import position_before
from latewood.projections.runs import RunRow, expansions_of
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW, partition_history
from latewood.projections.statistics import keys_of_ids
from latewood_eventlog.records import Position, RecordedEvent


def why_run(
    workspace: Workspace, row: RunRow, *, up_to: Position = NOW, plan: RecordedPlan | None = None
) -> RunExplained:
    """Who asked for the run and what was planned, as far as it was by a position. Cost: as `recorded_plan`.

    A `plan` that is of that position is not read again.
    """
    plan = plan or recorded_plan(workspace, row, up_to)
    return replace(why_asked(workspace, row, plan), planned=tuple(_planned(plan)))


def why_asked(workspace: Workspace, row: RunRow, plan: RecordedPlan) -> RunExplained:
    """The same without what was planned, which may be large. Cost: two look-ups."""
    evaluation = _evaluation(workspace, row) if plan.requested.automation else None
    fact = None if evaluation is None else from_json(evaluation.type, evaluation.data)
    ticks = fact.requests if isinstance(fact, AutomationEvaluated) else ()
    return RunExplained(
        requested=plan.requested,
        actor=row.actor,
        at=row.requested_at,
        position=row.requested_position,
        evaluation=None if evaluation is None else evaluation.position,
        tick=next((request.tick for request in ticks if request.run == row.run), None),
        planned_from=plan.made_from,
        planned=(),
        fresh=plan.fresh,
    )


def _evaluation(workspace: Workspace, row: RunRow) -> RecordedEvent | None:
    """What asked for the run by itself: in one batch with it, and the last of its stream before it."""
    with snapshot(workspace.log) as connection:
        stream = stream_of(row.environment)
        position = position_before(connection, workspace.project, stream, row.requested_position)
    for event in workspace.log.read_positions([] if position is None else [position]):
        fact = from_json(event.type, event.data)
        if isinstance(fact, Evaluated) and any(request.run == row.run for request in fact.requests):
            return event
    return None


def _planned(plan: RecordedPlan) -> Iterable[Planned]:
    for steps in plan.steps:
        ordinals, scheme = Ordinals.parse(steps.partitions), plan.scheme(steps.assets[0])
        yield Planned(
            assets=tuple(map(plan.key, steps.assets)),
            action=steps.action,
            partitions="" if scheme is None else describe(scheme, ordinals),
            first=steps.first,
            steps=0 if steps.action is Action.BLOCKED else len(ordinals),
            reasons=reasons_of(steps.reasons),
            trial=steps.trial,
        )


def reasons_of(written: Iterable[str]) -> tuple[Reason, ...]:
    """The reasons that are written so."""
    return tuple(map(Reason.read, written))


def why_step(
    workspace: Workspace, row: RunRow, step: int, *, up_to: Position = NOW, plan: RecordedPlan | None = None
) -> StepExplained:
    """What was planned for the step and what was decided, as far as it was by a position. Raises NotFound.

    Of its jobs it is what is recorded; `jobs_heard_of` looks at how they are. Cost: as `why_run`; of a step that was to
    be reused and was run, one pass over the run's events.
    """
    plan = plan or recorded_plan(workspace, row, up_to)
    with snapshot(workspace.log) as connection:
        facts = _facts(connection, workspace, version_id(row.run, step), up_to)
        told = [fact for _, fact in facts]
        over = (row.ended_position is not None and row.ended_position <= up_to) or row.status == "interrupted"
        decision, by = decision_of(told, is_over=over)
        found = planned_for(plan.steps, step)
        by_then = None if up_to >= NOW else up_to
        expansions = expansions_of(connection, workspace.project, row.run, by_then) if found is None else ()
        element = next(((each.asset, step - each.first) for each in expansions if step in each.steps), None)
        if found is None and element is None:
            raise NotFound("step", f"run {row.run} has no step {step:,}; `latewood run {row.run} --all` lists them")
        assets, partition = _named(plan, found, element)
        at = next((position for position, fact in facts if fact is by), None)
        started = by if isinstance(by, StepStarted) else None
        asked = Asked(row, plan, step, *_place(plan, found, element), told, up_to)
        was_lost = started is not None and found is not None and found[0].action is Action.REUSE
        return StepExplained(
            run=row.run,
            step=step,
            assets=assets,
            partition=partition,
            planned=None if found is None else found[0].action,
            planned_reasons=() if found is None else reasons_of(found[0].reasons),
            decision=decision,
            position=at,
            reasons=() if started is None else reasons_of(started.reasons),
            no_reuse="" if started is None else started.no_reuse,
            attempts=max((getattr(fact, "attempt", 0) for fact in told), default=0),
            failure=failure_of(told),
            skipped=by.reason if isinstance(by, StepSkipped) else None,
            because=by.because if isinstance(by, StepSkipped) else None,
            taken=tuple(_taken(connection, workspace, plan, by, up_to)) if isinstance(by, StepReused) else (),
            lost=lost_sources(connection, workspace.project, row.run, step, up_to) if was_lost else (),
            nearest=None if started is None or at is None else _nearest(connection, workspace, started, at),
            waits=() if over else _waits(connection, workspace, asked),
            jobs=_jobs(connection, workspace, row.run, step, up_to) if started and started.connector else (),
        )


def _waits(connection: Snapshot, workspace: Workspace, asked: Asked) -> tuple[Awaited, ...]:
    """What a step waits for that has not begun, or the next attempt of one that failed."""
    if asked.told and not isinstance(asked.told[-1], StepFailed):
        return ()

    def named(number: int) -> AwaitedStep:
        assets, partition = _named(asked.plan, planned_for(asked.plan.steps, number), None)
        return AwaitedStep(RunId(asked.row.run), number, assets, partition)

    return waits_of(connection, workspace, asked, named)


def _place(
    plan: RecordedPlan, found: tuple[PlannedSteps, int] | None, element: tuple[AssetId, int] | None
) -> tuple[AssetId, PartitionKey]:
    """The first asset that a step makes, and the partition's key."""
    if found is None:
        assert element is not None, "it is one or the other"
        return elements_of(element[0]), UNPARTITIONED
    steps, ordinal = found
    return steps.assets[0], key_at(plan.scheme(steps.assets[0]), ordinal)


def _facts(
    connection: Snapshot, workspace: Workspace, version: VersionId, up_to: Position
) -> list[tuple[Position, Event]]:
    """What is recorded of the step, oldest first."""
    run, _, number = version.rpartition(".")
    step = RunId(run), int(number)
    tried = attempt_positions(connection, workspace.project, [step])[step]
    ended = step_positions(connection, workspace.project, [version]).get(version, [])
    places = sorted({position for position in (*tried, *ended) if position <= up_to})
    return [(event.position, from_json(event.type, event.data)) for event in workspace.log.read_positions(places)]


def _jobs(connection: Snapshot, workspace: Workspace, run: RunId, step: int, up_to: Position) -> tuple[StepJob, ...]:
    """What the step was in another system, by attempt."""
    found: dict[int, StepJob] = {}
    places = job_positions(connection, workspace.project, run, step, up_to)
    for event in workspace.log.read_positions(places):
        match from_json(event.type, event.data):
            case JobPrepared(attempt=attempt, connector=connector, key=key):
                found[attempt] = StepJob(attempt=attempt, connector=connector, key=key)
            case JobSubmitted(attempt=attempt, handle=handle):
                found[attempt] = replace(found[attempt], handle=handle)
    return tuple(found.values())


def jobs_heard_of(store: ArtifactStore, of: StepExplained) -> StepExplained:
    """The same with how jobs that go on were heard of last: of now, by files that are gone once they are over."""

    def heard_of(job: StepJob) -> StepJob:
        live = live_job_at(live_job(store, of.run, of.step, job.attempt))
        link = "" if live is None else next(iter(live.links.values()), "")
        return job if live is None else replace(job, state=live.state.value, link=link)

    return replace(of, jobs=tuple(map(heard_of, of.jobs)))


def _named(
    plan: RecordedPlan, found: tuple[PlannedSteps, int] | None, element: tuple[AssetId, int] | None
) -> tuple[tuple[AssetKey, ...], str]:
    """The assets and the partition that a step is of, as they were called."""
    if found is None:
        assert element is not None, "it is one or the other"
        asset, number = element
        return (element_named(plan.key(asset), number),), ""
    steps, ordinal = found
    scheme = plan.scheme(steps.assets[0])
    partition = "" if scheme is None else describe(scheme, Ordinals.between(ordinal, ordinal + 1))
    return tuple(map(plan.key, steps.assets)), partition


def _taken(
    connection: Snapshot, workspace: Workspace, plan: RecordedPlan, fact: StepReused, up_to: Position
) -> Iterable[Taken]:
    """As assets were called then; those of which the run's deployments know nothing, as they are called up to then."""
    taken = {output.asset: output.source or (output.asset, output.version) for output in fact.outputs}
    computed = {named: making.source for named, making in makings(connection, workspace, taken.values()).items()}
    named = {*taken, *(asset for asset, _ in taken.values()), *(root[0] for root in computed.values() if root)}
    others = {id_ for id_ in named if not plan.knows(id_)}
    now = keys_of_ids(connection, workspace.project, others, up_to) if others else {}
    keys = {id_: now.get(id_) or plan.key(id_) for id_ in named}
    for asset, (source, version) in taken.items():
        root = computed[source, version]
        yield Taken(
            asset=keys[asset],
            version=version,
            source=None if source == asset else keys[source],
            computed_as=None if root is None else root[1],
            computed_of=None if root is None else keys[root[0]],
        )


def _nearest(connection: Snapshot, workspace: Workspace, started: StepStarted, at: Position) -> Nearest | None:
    """Of the versions that there were of the step's first asset the one whose key was nearest to what it computes."""
    past = partition_history(connection, workspace.project, started.assets[0], started.partition, at)
    return nearest(past, code=started.code, logic=started.logic, inputs=started.inputs_digest)
