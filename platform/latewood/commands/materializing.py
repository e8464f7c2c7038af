"""Materializing: deploy what was loaded, plan, record the run, and execute it inline under a lease."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import zip_longest
from platform import python_version
from typing import Final, TypeVar

import msgspec

from latewood.commands.blocked import barred_steps, blocked_lines
from latewood.commands.deploying import Deployed, deploy_loaded
from latewood.commands.planning import Asked, make_plan
from latewood.commands.reading import View, view_of
from latewood.commands.workspace import Workspace
from latewood.context import CheckResult
from latewood.decide.keys import asset_paths
from latewood.decide.plan import Plan, plan
from latewood.decide.sweep import merged
from latewood.engine.failure_handling import handle_failures
from latewood.engine.inline import InlineRun
from latewood.engine.loader import Loaded
from latewood.engine.recorder import Recorder, new_event
from latewood.engine.reports import Report, Tally
from latewood.engine.run_log import PATIENCE, RunLog, patiently
from latewood.engine.store import ArtifactAddress
from latewood.engine.sweeping import in_use
from latewood.errors import UsageError
from latewood.events import (
    Action,
    Event,
    FailureHandled,
    PlannedSteps,
    RunEnded,
    RunPlanned,
    RunRequested,
    RunStatus,
)
from latewood.model.keys import AssetId, PartitionKey, RunId
from latewood.model.ordinals import Ordinals
from latewood.projections.runs import unfinished_runs
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW, check_verdicts
from latewood.projections.versions import contents_seen
from latewood_eventlog.errors import DatabaseUnreachable, EventConflict, LeaseLost, LogError
from latewood_eventlog.groupcommit import GroupCommit
from latewood_eventlog.leases import Lease, acquire, held, release, renew
from latewood_eventlog.records import Batch, StreamAppend

LEASE_DURATION: Final = timedelta(seconds=30)
_RANGES_MAX: Final = 1_000
"""Ranges of partitions in one entry of a plan."""

_PART_BYTES_MAX: Final = 24_576
"""Most bytes of steps, and of contents, in one run.planned event: together well under an event's limit."""

T = TypeVar("T")


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
    """How a run ended, and what became of telling the failure handlers."""

    run: RunId
    status: RunStatus
    tally: Tally
    fresh: int
    position: int
    handled: tuple[FailureHandled, ...] = ()


def prepare(
    workspace: Workspace, loaded: Loaded, asked: Asked, *, report: Callable[[Deployed], None] = lambda _: None
) -> Prepared:
    """Deploy what was loaded, then plan. `report` is called in between: the deployment stands, whatever comes of it.

    Raises UsageError for what cannot be asked.
    """
    deployed = deploy_loaded(workspace, loaded)
    report(deployed)
    view = view_of(workspace, loaded=loaded, ids=deployed.ids)
    made = make_plan(workspace, view, asked, loaded=loaded)
    lost = lost_artifacts(workspace, made)
    if lost:
        made = plan(view.catalog, made.request, replace(made.state, lost=lost))
    return Prepared(loaded=loaded, deployed=deployed, view=view, asked=asked, plan=made)


def materialize(
    workspace: Workspace,
    prepared: Prepared,
    *,
    report: Callable[[Report], None] = lambda _: None,
    patience: timedelta = PATIENCE,
) -> Result:
    """Execute a prepared plan in this process; how it ended, once that is durable.

    Runs of processes that died are closed first. Ctrl-C ends the run as cancelled, with all that was finished kept.
    A database that goes away meanwhile is waited for as long as `patience`.
    Raises UsageError for a plan with blocked partitions, LeaseLost when another process took the run over,
    DatabaseUnreachable, and StoreError when an artifact cannot be made durable: then nothing that needs it is recorded.
    """
    refuse_blocked(prepared)
    close_interrupted(workspace)
    run = workspace.new_run()
    lease = acquire(
        workspace.log.engine, workspace.project, f"run/{run}", holder=workspace.actor, duration=LEASE_DURATION
    )
    assert lease is not None, "a new run's lease is free"
    log = RunLog(workspace.log, workspace.store, patience)
    with (
        in_use(workspace.store),
        _kept(workspace, lease),
        _closed(workspace, run, lease),
        GroupCommit(log, log.make_durable) as commits,
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
        return _execute(workspace, prepared, run, recorder, report, patience)


def refuse_blocked(prepared: Prepared) -> None:
    """Raise UsageError naming what the plan would need to read and cannot.

    Left out instead is what can not be made whatever is selected, and what lies beyond the partitions asked for.
    """
    if prepared.asked.partition:
        return
    selected = prepared.plan.request.selected
    lines = [line for line, subjects in blocked_lines(prepared.plan) if not subjects <= selected]
    if lines:
        advice = "Select what is read too: `+KEY` selects KEY with everything upstream."
        raise UsageError("\n".join(["blocked:", *(f"  {line}" for line in lines), advice]))


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
        _end_interrupted(workspace, run, lease)
        release(log.engine, lease)
        closed.append(run)
    return tuple(closed)


def _end_interrupted(workspace: Workspace, run: RunId, lease: Lease) -> None:
    fact = RunEnded(run=run, status=RunStatus.INTERRUPTED)
    project, stream = workspace.project, f"run/{run}"
    event = new_event(
        fact, project=project, stream=stream, name=("ended",), at=workspace.clock(), actor=workspace.actor
    )
    append = StreamAppend(project=project, stream=stream, events=(event,))
    with suppress(EventConflict):  # it came to its own end a moment ago
        workspace.log.append(Batch(appends=(append,), fence=lease.fence))


@contextmanager
def _closed(workspace: Workspace, run: RunId, lease: Lease) -> Iterator[None]:
    """End the run as interrupted when the block cannot go on. Where the log refuses even that, the next run does it."""
    try:
        yield
    except BaseException:
        with suppress(LogError):
            if workspace.log.version(workspace.project, f"run/{run}"):
                _end_interrupted(workspace, run, lease)
        raise


def _tell_plan(recorder: Recorder, run: RunId, workspace: Workspace, prepared: Prepared) -> None:
    made, asked, sweep = prepared.plan, prepared.asked, prepared.plan.request.parameters
    requested = RunRequested(
        run=run,
        environment=workspace.environment,
        selection=asked.selection,
        # Of the loaded location the one that is executed, whatever somebody has deployed since.
        deployments={**prepared.view.deployments, prepared.loaded.location: prepared.deployed.deployment},
        partitions=asked.partition,
        parameters=merged([axis[0] for axis in sweep.axes if len(axis) == 1]),
        sweep=tuple(tuple(merged([given]) for given in axis) for axis in sweep.axes if len(axis) > 1),
        zipped=sweep.zipped,
        force=asked.force,
        launch=asked.launch,
        location=prepared.loaded.location,
        python=python_version(),
        rerun_of=asked.rerun_of or RunId(""),
        only=asked.only,
    )
    contents = _newly_seen(workspace, made)
    chunks = list(zip_longest(_parts(_planned_steps(made)), _parts(contents.items())))
    facts: list[tuple[Event, Sequence[object]]] = [(requested, ("requested",))]
    for number, (steps, seen) in enumerate(chunks, start=1):
        planned = RunPlanned(
            run=run,
            steps=tuple(steps or ()),
            position=made.state.position,
            fresh=made.counts()[Action.FRESH],
            part=number,
            parts=len(chunks),
            contents=dict(seen or ()),
        )
        facts.append((planned, ("planned", number)))
    recorder.tell(*facts)
    recorder.told()


def _newly_seen(workspace: Workspace, made: Plan) -> dict[str, str]:
    """What lies behind the paths that this plan's parameters name, where it is not what the log last said."""
    nodes = [task.node for task in made.tasks]
    paths = sorted({text for node in nodes for asset in node.assets for text in asset_paths(asset, node.parameters)})
    if not paths:
        return {}
    with snapshot(workspace.log) as connection:
        known = contents_seen(connection, workspace.project, paths, NOW)
    seen = {path: made.state.contents.get(path, "") for path in paths}
    return {path: content for path, content in seen.items() if content != known.get(path, "")}


def _planned_steps(made: Plan) -> Iterator[PlannedSteps]:
    """What is planned, with no more ranges in one entry than fit into an event many times over."""
    for task in made.tasks:
        for group in task.groups:
            if group.action is Action.FRESH:
                continue
            first = group.first
            for start in range(0, len(group.ordinals.ranges), _RANGES_MAX):
                ordinals = Ordinals(group.ordinals.ranges[start : start + _RANGES_MAX])
                yield PlannedSteps(
                    assets=task.node.ids,
                    action=group.action,
                    partitions=str(ordinals),
                    first=first,
                    reasons=tuple(reason.written for reason in group.reasons),
                )
                first += len(ordinals)


def _parts(entries: Iterable[T]) -> list[list[T]]:
    """The entries in lists of which two fit into one event; at least one list."""
    parts: list[list[T]] = [[]]
    size = 0
    for entry in entries:
        bytes_ = len(msgspec.json.encode(entry))
        if parts[-1] and size + bytes_ > _PART_BYTES_MAX:
            parts.append([])
            size = 0
        parts[-1].append(entry)
        size += bytes_
    return parts


def _execute(
    workspace: Workspace,
    prepared: Prepared,
    run: RunId,
    recorder: Recorder,
    report: Callable[[Report], None],
    patience: timedelta,
) -> Result:
    inline = InlineRun(
        prepared.plan,
        catalog=prepared.view.catalog,
        loaded=prepared.loaded,
        run=run,
        recorder=recorder,
        store=workspace.store,
        verdicts=lambda asset, partition: patiently(lambda: _verdicts(workspace, asset, partition), patience),
        clock=workspace.clock,
        report=report,
    )
    fresh = prepared.plan.counts()[Action.FRESH]
    handled: tuple[FailureHandled, ...] = ()
    try:
        tally = inline.execute()
        tally.refused += barred_steps(prepared.plan)
        handled = handle_failures(
            inline.failures, loaded=prepared.loaded, run=run, recorder=recorder, store=workspace.store
        )
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
    position = patiently(workspace.log.position, patience)
    return Result(run=run, status=status, tally=tally, fresh=fresh, position=position, handled=handled)


def _verdicts(workspace: Workspace, asset: AssetId, partition: PartitionKey) -> dict[tuple[str, str], CheckResult]:
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
        with suppress(DatabaseUnreachable):  # then the lease ends by itself
            release(workspace.log.engine, lease)


def lost_artifacts(workspace: Workspace, made: Plan) -> frozenset[str]:
    """Artifacts that fresh partitions of the plan rely on and that are gone. Cost: one look at the disk each."""
    lost = set()
    for task in made.tasks:
        for ordinal in task.ordinals(Action.FRESH):
            partition = task.node.partition_key(ordinal)
            for id_ in task.node.ids:
                head = made.state.heads.get(id_, {}).get(partition)  # none of an optional output that was absent
                if head is not None and not workspace.store.exists(ArtifactAddress(head.artifact)):
                    lost.add(head.artifact)
    return frozenset(lost)
