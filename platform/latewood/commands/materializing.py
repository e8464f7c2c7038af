"""Materializing: deploy what was loaded, plan, record the run, and execute it inline under a lease."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice, zip_longest
from platform import python_version
from types import MappingProxyType
from typing import Final

from latewood.commands.blocked import awaits_looks, refuse_blocked
from latewood.commands.deployed_code import secret_variables
from latewood.commands.deploying import Deployed, deploy_loaded, is_new
from latewood.commands.leasing import LEASE_DURATION, close_interrupted, driving
from latewood.commands.places import Looks, may_overwrite, newly_found
from latewood.commands.planning import Asked, executable_plan, partitions_recorded, plan_loaded
from latewood.commands.sharing import sharing_in_use, workers_for
from latewood.commands.views import View, view_of
from latewood.commands.workspace import Workspace
from latewood.context import CheckResult
from latewood.decide.keys import asset_paths
from latewood.decide.plan import Plan, Step
from latewood.decide.sweep import merged
from latewood.engine.loading.loaded import Loaded
from latewood.engine.running.failure_handling import handle_failures
from latewood.engine.running.flights import made_by_now
from latewood.engine.running.inline import InlineRun
from latewood.engine.running.live_logs import forget_jobs
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.presence import process_name
from latewood.engine.running.recorder import Recorder, Told, in_parts
from latewood.engine.running.reports import Begun, Notice, Report, Tally
from latewood.engine.running.run_log import PATIENCE, Absences, RunLog, patiently
from latewood.engine.running.step_logs import listening
from latewood.engine.running.turns import InlineTurns
from latewood.engine.running.workers import Workers
from latewood.engine.storage.sweeping import in_use
from latewood.engine.values.redaction import redacted_json
from latewood.errors import UsageError
from latewood.events import (
    Action,
    Executor,
    Failure,
    FailureHandled,
    PlannedSteps,
    RunEnded,
    RunPlanned,
    RunRequested,
    RunStatus,
)
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, existing
from latewood.model.schemes import dynamic_names
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW, check_verdicts
from latewood.projections.versions import contents_seen
from latewood_eventlog.database import dsn
from latewood_eventlog.groupcommit import GroupCommit

_RANGES_MAX: Final = 1_000
"""Ranges of partitions in one entry of a plan."""

_FAILURES_MAX: Final = 100
"""Failures that are named of a run, and ranges of partitions of each."""

_PART_BYTES_MAX: Final = 18_432
"""Most bytes of steps, of contents, and of places, in one run.planned event: together under an event's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan that is about to be executed, and what it was made of."""

    loaded: Loaded
    deployed: Deployed
    view: View
    asked: Asked
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedSteps:
    """Steps of one task that failed, or whose results were refused, in the same way; `step` is the first of them."""

    asset: AssetKey
    partitions: str
    step: int
    steps: int
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended, what became of telling the failure handlers, and the resources that could not be closed.

    `failures` are in order, and a hundred at most: where every partition fails in its own way the first ones tell most.
    `added` counts, by asset that was selected, the partitions that were added since the plan was made, by whomever.
    """

    run: RunId
    """Empty where nothing was selected: then there was none, and nothing is recorded."""
    status: RunStatus
    tally: Tally
    fresh: int
    position: int
    failures: tuple[FailedSteps, ...] = ()
    handled: tuple[FailureHandled, ...] = ()
    unclosed: Mapping[str, Failure] = field(default_factory=dict)
    added: Mapping[AssetKey, int] = field(default_factory=dict)


def prepare(
    workspace: Workspace, loaded: Loaded, asked: Asked, *, report: Callable[[Deployed], None] = lambda _: None
) -> Prepared:
    """Deploy what was loaded, then plan. `report` is called in between: the deployment stands, whatever comes of it.

    Raises UsageError for what cannot be asked; before anything is deployed of a location that is new, for what would
    overwrite another asset's or environment's values, and so StoreError for a store to which nothing can be written.
    """
    workspace.store.require_writable()
    looks: Looks = {}
    new = is_new(workspace, loaded)
    if new or may_overwrite(workspace, loaded):
        foreseen, made = plan_loaded(workspace, loaded, asked, looks)
        if new and made.tasks and not awaits_looks(made):
            refuse_blocked(made, asked, foreseen, {asset.key for asset in loaded.assets})
    deployed = deploy_loaded(workspace, loaded)
    report(deployed)
    view = view_of(workspace, loaded=loaded, ids=deployed.ids)
    made = executable_plan(workspace, view, asked, loaded, looks)
    return Prepared(loaded=loaded, deployed=deployed, view=view, asked=asked, plan=made)


def materialize(
    workspace: Workspace,
    prepared: Prepared,
    *,
    report: Callable[[Report], None] = lambda _: None,
    notice: Callable[[Notice], None] = lambda _: None,
    patience: timedelta = PATIENCE,
) -> Result:
    """Execute a prepared plan in this process; how it ended, once that is durable.

    Runs of processes that died are closed first. Ctrl-C ends the run as cancelled, with all that was finished kept.
    A database that goes away meanwhile is waited for as long as `patience`, which is told to `notice`, as is
    that the run begins.
    Raises UsageError for a plan with blocked partitions or a secret for a parameter, LeaseLost when another process
    took the run over, DatabaseUnreachable, and StoreError when an artifact cannot be made durable: then nothing that
    needs it is recorded.
    """
    if not prepared.plan.tasks:
        position = prepared.plan.state.position
        return Result(run=RunId(""), status=RunStatus.SUCCEEDED, tally=Tally(), fresh=0, position=position)
    here = {asset.key for asset in prepared.loaded.assets}
    refuse_blocked(prepared.plan, prepared.asked, prepared.view, here)
    resources = OpenResources(prepared.loaded.resources)
    refuse_secrets(prepared)
    close_interrupted(workspace)
    run = workspace.new_run()
    absences = Absences(notice)
    log = RunLog(workspace.log, workspace.store, patience, absences)
    with (
        in_use(workspace.store),
        sharing_in_use(workspace, prepared.plan),
        workers_for(workspace, prepared.plan, prepared.view, lambda act: patiently(act, patience, absences)) as workers,
        driving(workspace, run) as lease,
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
        planned = request_facts(run, workspace, prepared)
        if prepared.plan.length:
            recorder.tell(*planned)
            recorder.told()
            notice(Begun(run=run, steps=prepared.plan.length))
            turns = InlineTurns(
                workspace.log,
                workspace.project,
                run,
                process_name(),
                duration=LEASE_DURATION,
                dsn=None if workspace.url is None else dsn(workspace.url, role="engine"),
                patiently=lambda act: patiently(act, patience, absences),
                notice=notice,
                when_durable=recorder.when_told,
            )
            done = _executed(
                workspace,
                prepared,
                resources,
                workers,
                run,
                recorder,
                report,
                turns,
            )
            planned = []
        else:
            done = _Done(Tally())
        # A run with nothing to do is said in one breath: the disk is waited for once.
        ended = _ended(run, done, prepared.plan)
        recorder.tell(*planned, (ended, ("ended",)))
        recorder.told()

        def result() -> Result:
            told = workspace, prepared, ended, done.tally, done.failures
            return result_of(*told, handled=done.handled, unclosed=done.unclosed)

        return patiently(result, patience, absences)


def result_of(
    workspace: Workspace,
    prepared: Prepared,
    ended: RunEnded,
    tally: Tally,
    failures: Sequence[tuple[Step, Failure]],
    *,
    handled: tuple[FailureHandled, ...] = (),
    unclosed: Mapping[str, Failure] = MappingProxyType({}),
) -> Result:
    """What is to be said of a run that has ended so. Raises DatabaseUnreachable."""
    return Result(
        run=ended.run,
        status=ended.status,
        tally=tally,
        fresh=ended.fresh,
        position=workspace.log.position(),
        failures=tuple(islice(_alike(failures), _FAILURES_MAX)),
        handled=handled,
        unclosed=unclosed,
        added=_added_since(workspace, prepared),
    )


def _added_since(workspace: Workspace, prepared: Prepared) -> dict[AssetKey, int]:
    """How many partitions the selected assets have that the plan did not know. Cost: O(assets) if any is dynamic."""
    catalog = prepared.view.catalog
    before = {
        key: scheme
        for key in catalog.graph.ordered(prepared.plan.request.selected)
        if dynamic_names(scheme := catalog[key].partitions)
    }
    if not before:
        return {}
    now = view_of(workspace, loaded=prepared.loaded, ids=prepared.deployed.ids)
    counted = {
        key: len(existing(now.catalog[key].partitions, now.now) - existing(scheme, prepared.view.now))
        for key, scheme in before.items()
        if key in now.catalog.assets
    }
    return {key: count for key, count in counted.items() if count}


def refuse_secrets(prepared: Prepared) -> None:
    """Raise UsageError for a parameter with the value of a secret: parameters are recorded."""
    for axis in prepared.plan.request.parameters.axes:
        for key, name, value in ((k, n, v) for given in axis for k, vs in given.items() for n, v in vs.items()):
            if redacted_json(value) != value:
                raise UsageError(
                    f"parameter {key}.{name}: expected what may be recorded, found the value of a secret; "
                    "a task gets secrets from a resource"
                )


def request_facts(
    run: RunId, workspace: Workspace, prepared: Prepared, *, executor: Executor = Executor.INLINE
) -> Told:
    """What was asked for and what is planned, as the run's first facts."""
    made, asked, sweep = prepared.plan, prepared.asked, prepared.plan.request.parameters
    requested = RunRequested(
        run=run,
        environment=workspace.environment,
        selection=asked.selection,
        # Of the loaded location the one that is executed, whatever somebody has deployed since.
        deployments={**prepared.view.deployments, prepared.loaded.location: prepared.deployed.deployment},
        partitions=partitions_recorded(prepared.view, prepared.plan, asked),
        parameters=merged([axis[0] for axis in sweep.axes if len(axis) == 1]),
        sweep=tuple(tuple(merged([given]) for given in axis) for axis in sweep.axes if len(axis) > 1),
        zipped=sweep.zipped,
        force=asked.force,
        executor=executor,
        launch=asked.launch,
        location=prepared.loaded.location,
        python=python_version(),
        rerun_of=asked.rerun_of or RunId(""),
        only=asked.only,
        automation=asked.automation,
        run_key=asked.run_key,
        priority=asked.priority,
        highest=max((task.node.task.priority for task in made.tasks), default=0),
    )
    own, newly = prepared.loaded.location, _newly_seen(workspace, prepared.view, made)
    contents = ((of, part) for of, seen in newly.items() for part in in_parts(seen.items(), _PART_BYTES_MAX))
    places = newly_found(workspace, made)
    parts = (
        in_parts(_planned_steps(made), _PART_BYTES_MAX),
        contents,
        in_parts(places.items(), _PART_BYTES_MAX),
    )
    chunks = list(zip_longest(*parts)) or [((), (own, ()), ())]
    fresh = made.counts[Action.FRESH]
    facts: Told = [(requested, ("requested",))]
    for number, (steps, content, lying) in enumerate(chunks, start=1):
        location, seen = content or (own, ())
        planned = RunPlanned(
            run=run,
            steps=tuple(steps or ()),
            position=made.state.position,
            fresh=fresh,
            part=number,
            parts=len(chunks),
            contents=dict(seen),
            location=location,
            places=dict(lying or ()),
        )
        facts.append((planned, ("planned", number)))
    return facts


def _newly_seen(workspace: Workspace, view: View, made: Plan) -> dict[str, dict[str, str]]:
    """What lies behind the paths that this plan's parameters name, by location, where the log last said otherwise."""
    seen: dict[str, dict[str, str]] = {}
    for task in made.tasks:
        for asset in task.node.assets:
            for path in asset_paths(asset, task.node.parameters):
                contents = made.state.contents_of(asset.key)
                seen.setdefault(view.locations[asset.key], {})[path] = contents.get(path, "")
    if not seen:
        return {}
    with snapshot(workspace.log) as connection:
        known = {of: contents_seen(connection, workspace.project, of, paths, NOW) for of, paths in seen.items()}
    return {
        of: {path: content for path, content in sorted(paths.items()) if content != known[of].get(path, "")}
        for of, paths in seen.items()
    }


def _planned_steps(made: Plan) -> Iterator[PlannedSteps]:
    """What is planned, with no more ranges in one entry than fit into an event many times over."""
    trials: Counter[AssetKey] = Counter()
    for task in made.tasks:
        trial = trials[task.node.keys[0]]
        trials[task.node.keys[0]] += 1
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
                    trial=trial,
                )
                first += len(ordinals)


@dataclass(frozen=True, slots=True)
class _Done:
    """What a run did, before it is said that it ended."""

    tally: Tally
    failures: Sequence[tuple[Step, Failure]] = ()
    handled: tuple[FailureHandled, ...] = ()
    unclosed: Mapping[str, Failure] = field(default_factory=dict)
    cancelled: bool = False


def _executed(
    workspace: Workspace,
    prepared: Prepared,
    resources: OpenResources,
    workers: Workers,
    run: RunId,
    recorder: Recorder,
    report: Callable[[Report], None],
    turns: InlineTurns,
) -> _Done:
    inline = InlineRun(
        prepared.plan,
        catalog=prepared.view.catalog,
        loaded=prepared.loaded,
        resources=resources,
        workers=workers,
        run=run,
        recorder=recorder,
        store=workspace.store,
        verdicts=lambda asset, partition: turns.patiently(lambda: _verdicts(workspace, asset, partition)),
        versions=lambda keys: turns.patiently(lambda: made_by_now(workspace.log, workspace.project, keys)),
        turns=turns,
        clock=workspace.clock,
        sleep=workspace.sleep,
        report=report,
        hidden=secret_variables(prepared.view.configurations, besides=prepared.loaded.location),
    )
    handled: tuple[FailureHandled, ...] = ()
    cancelled = False
    try:
        with listening(), turns.taken():
            tally = inline.execute()
            handled = handle_failures(
                inline.failures,
                loaded=prepared.loaded,
                resources=resources,
                run=run,
                recorder=recorder,
                store=workspace.store,
                turns=turns,
            )
    except KeyboardInterrupt:
        tally, cancelled = inline.tally, True
    finally:
        unclosed = {**resources.close(), **workers.close()}
        forget_jobs(workspace.store, run)  # what was brought here of them
    return _Done(tally, inline.failures, handled, unclosed, cancelled)


def _ended(run: RunId, done: _Done, made: Plan) -> RunEnded:
    tally = done.tally
    clean = not (tally.failed or tally.refused or tally.skipped > tally.barred)
    return RunEnded(
        run=run,
        status=RunStatus.CANCELLED if done.cancelled else RunStatus.SUCCEEDED if clean else RunStatus.FAILED,
        ran=tally.ran,
        reused=tally.reused,
        failed=tally.failed,
        refused=tally.refused,
        skipped=tally.skipped,
        fresh=made.counts[Action.FRESH],
    )


def _alike(failures: Sequence[tuple[Step, Failure]]) -> Iterator[FailedSteps]:
    """Failures by task, error and message, in the order of the first of each."""
    alike: dict[tuple[AssetKey, str, str], list[tuple[Step, Failure]]] = {}
    for step, failure in failures:
        alike.setdefault((step.task.node.keys[0], failure.error, failure.message), []).append((step, failure))
    for (asset, _, _), found in alike.items():
        scheme = found[0][0].task.node.assets[0].partitions
        ordinals = Ordinals.of(step.ordinal for step, _ in found)
        yield FailedSteps(
            asset=asset,
            partitions="" if scheme is None else describe(scheme, Ordinals(ordinals.ranges[:_FAILURES_MAX])),
            step=found[0][0].number,
            steps=len(found),
            failure=found[0][1],
        )


def _verdicts(workspace: Workspace, asset: AssetId, partition: PartitionKey) -> dict[tuple[str, str], CheckResult]:
    with snapshot(workspace.log) as connection:
        return check_verdicts(connection, workspace.project, asset, partition)
