"""Materializing: deploy what was loaded, plan, record the run, and execute it inline under a lease."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, cast

from latewood.commands.deploying import Deployed, deploy_loaded
from latewood.commands.planning import Asked, make_plan
from latewood.commands.reading import View, view_of
from latewood.commands.workspace import Workspace
from latewood.decide.plan import Plan, plan
from latewood.engine.inline import InlineRun, Report, Tally, written
from latewood.engine.loader import Loaded
from latewood.engine.recorder import Recorder, new_event
from latewood.engine.store import ArtifactAddress, Staged
from latewood.errors import UsageError
from latewood.events import (
    Action,
    Event,
    PlannedSteps,
    RunEnded,
    RunPlanned,
    RunRequested,
    RunStatus,
)
from latewood.model.keys import AssetId, PartitionKey, RunId
from latewood.projections.runs import unfinished_runs
from latewood.projections.snapshots import snapshot
from latewood.projections.states import check_verdicts
from latewood_eventlog.errors import LeaseLost, LogError
from latewood_eventlog.groupcommit import GroupCommit
from latewood_eventlog.leases import Lease, acquire, held, release, renew
from latewood_eventlog.records import Batch, StreamAppend

LEASE_DURATION: Final = timedelta(seconds=30)
_PLANNED_MAX: Final = 400
"""Groups of steps in one run.planned event: keeps it well under the size limit of an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan that is about to be executed, and what it was made of."""

    loaded: Loaded
    deployed: Deployed
    view: View
    asked: Asked
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended."""

    run: RunId
    status: RunStatus
    tally: Tally
    fresh: int
    position: int


def prepare(workspace: Workspace, loaded: Loaded, asked: Asked) -> Prepared:
    """Deploy what was loaded, then plan. Raises UsageError for what cannot be asked."""
    deployed = deploy_loaded(workspace, loaded)
    view = view_of(workspace, loaded=loaded, ids=deployed.ids)
    made = make_plan(workspace, view, asked, loaded=loaded)
    lost = lost_artifacts(workspace, made)
    if lost:
        made = plan(view.catalog, made.request, replace(made.state, lost=lost))
    return Prepared(loaded=loaded, deployed=deployed, view=view, asked=asked, plan=made)


def materialize(
    workspace: Workspace, prepared: Prepared, *, report: Callable[[Report], None] = lambda _: None
) -> Result:
    """Execute a prepared plan in this process; how it ended, once that is durable.

    Runs of processes that died are closed first. Ctrl-C ends the run as cancelled, with all that was finished kept.
    Raises UsageError for a plan with blocked partitions, LeaseLost when another process took the run over.
    """
    refuse_blocked(prepared)
    close_interrupted(workspace)
    run = workspace.new_run()
    lease = acquire(
        workspace.log.engine, workspace.project, f"run/{run}", holder=workspace.actor, duration=LEASE_DURATION
    )
    assert lease is not None, "a new run's lease is free"
    with (
        _kept(workspace, lease),
        GroupCommit(workspace.log, lambda needs: workspace.store.commit(cast("Sequence[Staged]", needs))) as commits,
    ):
        recorder = Recorder(
            commits,
            project=workspace.project,
            run=run,
            actor=workspace.actor,
            fence=lease.fence,
            clock=workspace.clock,
        )
        _tell_plan(recorder, run, workspace, prepared)
        return _execute(workspace, prepared, run, recorder, report)


def refuse_blocked(prepared: Prepared) -> None:
    """Raise UsageError naming what the plan would need to read and cannot.

    Who asks for some partitions only means what can be made of them: then the blocked rest is left out.
    """
    counts = prepared.plan.counts()
    if prepared.asked.partition and counts[Action.RUN] + counts[Action.DEPENDS] + counts[Action.REUSE]:
        return
    lines = []
    for task in prepared.plan.tasks:
        for group in task.groups:
            if group.action is Action.BLOCKED:
                needs = ", ".join(reason.subject for reason in group.reasons)
                partitions = f" ({len(group.ordinals)} partitions)" if task.node.assets[0].partitions else ""
                lines.append(f"  {task.node.keys[0]}{partitions} reads {needs}, which was never materialized")
    if lines:
        raise UsageError(
            "\n".join(["blocked:", *lines, "Select what is read too: `+KEY` selects KEY with everything upstream."])
        )


def close_interrupted(workspace: Workspace) -> tuple[RunId, ...]:
    """End the runs whose process died: they are unfinished and nobody holds their lease. Which ones."""
    log = workspace.log
    with snapshot(log) as connection:
        unfinished = [row.run for row in unfinished_runs(connection, workspace.project)]
    if not unfinished:
        return ()
    alive = held(log.engine, workspace.project, [f"run/{run}" for run in unfinished])
    closed = []
    for run in unfinished:
        if f"run/{run}" in alive:
            continue
        # Taking the lease fences a process that was only slow: its next append is refused.
        lease = acquire(log.engine, workspace.project, f"run/{run}", holder=workspace.actor, duration=LEASE_DURATION)
        if lease is None:
            continue
        fact = RunEnded(run=run, status=RunStatus.INTERRUPTED)
        stream = f"run/{run}"
        event = new_event(fact, stream=stream, name=("ended",), at=workspace.clock(), actor=workspace.actor)
        append = StreamAppend(project=workspace.project, stream=stream, events=(event,))
        log.append(Batch(appends=(append,), fence=lease.fence))
        release(log.engine, lease)
        closed.append(run)
    return tuple(closed)


def _tell_plan(recorder: Recorder, run: RunId, workspace: Workspace, prepared: Prepared) -> None:
    made, asked = prepared.plan, prepared.asked
    requested = RunRequested(
        run=run,
        environment=workspace.environment,
        selection=asked.selection,
        deployments=dict(prepared.view.deployments),
        partitions=asked.partition,
        parameters={key: dict(values) for key, values in made.request.parameters.items()},
        force=asked.force,
    )
    groups = [
        PlannedSteps(
            assets=task.node.ids,
            action=group.action,
            partitions=str(group.ordinals),
            first=group.first,
            reasons=written(group.reasons),
        )
        for task in made.tasks
        for group in task.groups
        if group.action is not Action.FRESH
    ]
    chunks = [groups[i : i + _PLANNED_MAX] for i in range(0, len(groups), _PLANNED_MAX)] or [[]]
    facts: list[tuple[Event, Sequence[object]]] = [(requested, ("requested",))]
    for number, chunk in enumerate(chunks, start=1):
        planned = RunPlanned(
            run=run,
            steps=tuple(chunk),
            position=made.state.position,
            fresh=made.counts()[Action.FRESH],
            part=number,
            parts=len(chunks),
        )
        facts.append((planned, ("planned", number)))
    recorder.tell(*facts)
    recorder.told()


def _execute(
    workspace: Workspace,
    prepared: Prepared,
    run: RunId,
    recorder: Recorder,
    report: Callable[[Report], None],
) -> Result:
    inline = InlineRun(
        prepared.plan,
        catalog=prepared.view.catalog,
        loaded=prepared.loaded,
        run=run,
        recorder=recorder,
        store=workspace.store,
        verdicts=lambda asset, partition: _verdicts(workspace, asset, partition),
        clock=workspace.clock,
        report=report,
    )
    fresh = prepared.plan.counts()[Action.FRESH]
    try:
        tally = inline.execute()
        clean = not (tally.failed or tally.refused or tally.skipped)
        status = RunStatus.SUCCEEDED if clean else RunStatus.FAILED
    except KeyboardInterrupt:
        tally, status = inline.tally, RunStatus.CANCELLED
    ended = RunEnded(
        run=run,
        status=status,
        ran=tally.ran,
        reused=tally.reused,
        failed=tally.failed,
        refused=tally.refused,
        skipped=tally.skipped,
        fresh=fresh,
    )
    recorder.tell((ended, ("ended",)))
    recorder.told()
    return Result(run=run, status=status, tally=tally, fresh=fresh, position=workspace.log.position())


def _verdicts(workspace: Workspace, asset: AssetId, partition: PartitionKey) -> dict[tuple[str, str], bool]:
    with snapshot(workspace.log) as connection:
        return check_verdicts(connection, workspace.project, asset, partition)


@contextmanager
def _kept(workspace: Workspace, lease: Lease) -> Iterator[None]:
    """Renew the lease until the block ends, then give it back.

    A renewal that fails is no error here: the appends carry the lease's epoch and are refused if it was lost.
    """
    over = threading.Event()

    def keep() -> None:
        while not over.wait(LEASE_DURATION.total_seconds() / 3):
            try:
                renew(workspace.log.engine, lease, duration=LEASE_DURATION)
            except LeaseLost:
                return
            except LogError:
                continue  # the server is away; it may be back before the lease ends

    keeper = threading.Thread(target=keep, name="latewood-lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
        release(workspace.log.engine, lease)


def lost_artifacts(workspace: Workspace, made: Plan) -> frozenset[str]:
    """Artifacts that fresh partitions of the plan rely on and that are gone. Cost: one look at the disk each."""
    lost = set()
    for task in made.tasks:
        for ordinal in task.ordinals(Action.FRESH):
            partition = task.node.partition_key(ordinal)
            for id_ in task.node.ids:
                artifact = made.state.heads[id_][partition].artifact
                if not workspace.store.exists(ArtifactAddress(artifact)):
                    lost.add(artifact)
    return frozenset(lost)
