"""Asking a sensor, and recording what it answers: its requests and its cursor together, or neither.

Whoever asks, and however often: the run of a key is named by that key, and a sensor's answer is recorded only while it
stands where it stood when it was asked. So of several that ask at once one answer counts, and what is asked again after
a crash asks for no run a second time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from latewood.commands.automations import Found, stands_now, stream_of
from latewood.commands.runs import requested
from latewood.commands.views import view_of
from latewood.commands.workspace import Workspace
from latewood.context import FailedStep, SensedRun
from latewood.decide.automation import run_for, timing_of
from latewood.decide.sensors import GIVEN_UP_AFTER, tried_for
from latewood.engine.running.worker_protocol import Failed, Sense, Sensed
from latewood.engine.values.recordable import text
from latewood.errors import UsageError
from latewood.events import (
    AskedByKey,
    AutomationEvaluated,
    FailureKind,
    RunRequested,
    SensorEvaluated,
    StepFailed,
    from_json,
)
from latewood.model.automations import SensorDefinition
from latewood.model.keys import RunId
from latewood.projections.runs import ended_runs, runs_named
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import first_failures, keys_of_ids
from latewood.serving.automating import record, unforeseen
from latewood.serving.log_lines import LOG
from latewood.serving.requesting import planned_request
from latewood.serving.ticking import asked_by
from latewood_eventlog.errors import DatabaseUnreachable, EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Position, StreamAppend
from latewood_eventlog.tailer import announce

_STEPS_MAX: Final = 20
"""Failed steps that a sensor hears of: the first ones tell what is wrong."""

_RUNS_AT_ONCE: Final = 100
"""Ended runs that are looked at together for the first that is to be told."""

Ask = Callable[[Workspace, str, Sense], Sensed | Failed]
"""Has a sensor of that location answer, by the code that is deployed in the workspace's environment."""

Heard = Callable[[RunRequested], bool]
"""Whether a run is one that sensors are told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of asking: what was recorded, if anything; of runs that ended up to `looked` there is none to tell."""

    fact: SensorEvaluated | None
    looked: Position


def every_run(_: RunRequested) -> bool:
    """It is told of all of them."""
    return True


def ask_once(
    workspace: Workspace, found: Found, ask: Ask, *, looked: Position = 0, heard: Heard = every_run
) -> Outcome:
    """Ask a sensor that is due, and record what it answers. `looked` is what the outcome before said.

    The workspace is of its environment. Raises LogError.
    """
    sensor = found.definition
    assert isinstance(sensor, SensorDefinition), "nothing else is asked"
    # Read before where it stands: an append that this does not show makes ours refused.
    version = workspace.log.version(workspace.project, stream_of(found.environment))
    end = workspace.log.position()
    found = stands_now(workspace, found)
    if not found.is_on:
        return Outcome(fact=None, looked=looked)
    told: SensedRun | None = None
    seen = found.standing.seen
    if sensor.watch and seen is None:  # what has ended before it was there is not told
        fact = structs.replace(_fact(workspace, found), seen=end)
        return Outcome(fact=_recorded(workspace, found, fact, (), version), looked=looked)
    if sensor.watch:
        assert seen is not None, "it has begun"
        ended = _ended(workspace, found, sensor, max(seen, looked), end, heard)
        if ended is None:
            return Outcome(fact=None, looked=end)
        told, seen = ended
    sense = Sense(
        sensor=sensor.name,
        now=workspace.clock(),
        timeout_s=sensor.timeout_s,
        cursor=found.standing.cursor,
        last_run=_run(workspace, found.standing.last_run),
        run=told,
    )
    answer = ask(workspace, found.location, sense)
    fact, appends = _understood(workspace, found, sensor, answer)
    if told is not None and not fact.failures:
        fact = structs.replace(fact, seen=seen, told=told.run_id)
    elif told is not None and tried_for(fact.failures) >= GIVEN_UP_AFTER and not _nobody_was_called(answer):
        problem = text(f"run {told.run_id} is given up after {fact.failures} tries; the last: {fact.problem}")
        fact = structs.replace(fact, seen=seen, told=told.run_id, problem=problem, failures=0)
    if not appends and _is_known(fact, found):
        return Outcome(fact=None, looked=looked)
    return Outcome(fact=_recorded(workspace, found, fact, appends, version), looked=looked)


def _nobody_was_called(answer: Sensed | Failed) -> bool:
    """Whether its process was not there to be asked, or its code: that says nothing of the run."""
    return isinstance(answer, Failed) and answer.failure.kind is FailureKind.INTERRUPTED


def nothing_to_tell(workspace: Workspace, found: Found, looked: Position) -> Position | None:
    """Up to where there is nothing to tell a sensor that watches, as far as it stands so; None where there may be."""
    sensor, seen = found.definition, found.standing.seen
    assert isinstance(sensor, SensorDefinition), "nothing else watches"
    end = workspace.log.position()
    if seen is None or _ended(workspace, found, sensor, max(seen, looked), end, every_run) is not None:
        return None
    return end


def _understood(
    workspace: Workspace, found: Found, sensor: SensorDefinition, answer: Sensed | Failed
) -> tuple[SensorEvaluated, tuple[StreamAppend, ...]]:
    """The fact that an answer is, and the runs that it asks for; all of them can be asked for, or none is."""
    before = _fact(workspace, found)
    if isinstance(answer, Failed):
        return _failed(before, f"{answer.failure.error}: {answer.failure.message}"), ()
    names = (workspace.project, found.environment, *found.slot)
    runs = {run_for(names, request.run_key): request for request in answer.requests}
    begun = workspace.log.versions(workspace.project, [f"run/{run}" for run in runs])
    new = {run: request for (run, request), version in zip(runs.items(), begun, strict=True) if not version}
    view = view_of(workspace) if new else None
    appends = []
    for run, request in new.items():
        assert view is not None, "there is something to ask for"
        try:
            what = asked_by(workspace, view, found.location, sensor, request)
            appends.append(planned_request(workspace, view, found.location, what, run, empty=True))
        except UsageError as error:
            return _failed(before, f'run request "{request.run_key}": {error}'), ()
        except DatabaseUnreachable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said where people look for it
            LOG.exception("sensor %s", found.name)
            return _failed(before, f'run request "{request.run_key}": {unforeseen(error)}'), ()
    fact = structs.replace(
        before,
        cursor=before.cursor if answer.cursor is None else answer.cursor,
        requests=tuple(AskedByKey(run=run, key=request.run_key) for run, request in new.items()),
        repeated=len(runs) - len(new),
        skipped=answer.skipped,
        failures=0,
    )
    return fact, tuple(appends)


def _fact(workspace: Workspace, found: Found) -> SensorEvaluated:
    """What would be recorded of nothing at all."""
    return SensorEvaluated(
        environment=found.environment,
        location=found.location,
        name=found.name,
        timing=timing_of(found.definition),
        at=workspace.clock(),
        cursor=found.standing.cursor,
        failures=found.standing.failures if found.standing.timing == timing_of(found.definition) else 0,
        seen=found.standing.seen,
    )


def _failed(before: SensorEvaluated, problem: str) -> SensorEvaluated:
    return structs.replace(before, problem=text(problem), failures=before.failures + 1)


def _is_known(fact: SensorEvaluated, found: Found) -> bool:
    """Whether it says no more than that there was nothing to ask for, for the reason of before."""
    standing = found.standing
    known = (standing.cursor, standing.skipped, standing.problem or "", standing.failures, standing.seen)
    return (fact.cursor, fact.skipped, fact.problem, fact.failures, fact.seen) == known


def _recorded(
    workspace: Workspace, found: Found, fact: SensorEvaluated, appends: tuple[StreamAppend, ...], version: int
) -> SensorEvaluated | None:
    """The fact, once it is recorded; None where somebody else was asked, or has switched it, meanwhile."""
    if not record_as_it_stood(workspace, found, fact, appends, version):
        return None
    if appends:
        announce(workspace.log.engine)
    return fact


def record_as_it_stood(
    workspace: Workspace,
    found: Found,
    fact: SensorEvaluated | AutomationEvaluated,
    appends: tuple[StreamAppend, ...],
    version: int,
) -> bool:
    """Record what came of it if it stands where it stood, whatever others of its stream do; whether that was so."""
    while True:
        try:
            record(workspace, found, fact, appends, version)
        except (WrongExpectedVersion, EventConflict):  # of another automation, perhaps
            version = workspace.log.version(workspace.project, stream_of(found.environment))
            if stands_now(workspace, found).standing != found.standing:
                return False
        else:
            return True


# ── runs that it is told of ───────────────────────────────────────────────────────────────────────────


def _ended(
    workspace: Workspace, found: Found, sensor: SensorDefinition, after: Position, end: Position, heard: Heard
) -> tuple[SensedRun, Position] | None:
    """The first run that ended so after that position, and where; of those that the sensor asked for itself none."""
    while True:
        with snapshot(workspace.log) as connection:
            own = (connection, workspace.project, found.environment, sensor.watch)
            runs = ended_runs(*own, after=after, up_to=end, limit=_RUNS_AT_ONCE)
        for run, position in runs:
            asked = requested(workspace, run)
            assert asked is not None, "it has ended"
            if (asked.location, asked.automation) != found.slot and heard(asked):
                told = _run(workspace, run)
                assert told is not None, "it has ended"
                return told, position
            after = position
        if len(runs) < _RUNS_AT_ONCE:
            return None


def _run(workspace: Workspace, run: RunId | None) -> SensedRun | None:
    """The run as it is now."""
    if run is None:
        return None
    with snapshot(workspace.log) as connection:
        (row,) = [row for row in runs_named(connection, workspace.project, run) if row.run == run]
    asked = requested(workspace, run)
    assert asked is not None, "it was asked for"
    steps: tuple[FailedStep, ...] = ()
    if (row.counts or {}).get("failed"):
        steps = tuple(_failed_steps(workspace, run))
    return SensedRun(
        run_id=run,
        status=row.status,
        selection=asked.selection,
        automation=asked.automation,
        run_key=asked.run_key,
        steps=steps,
    )


def _failed_steps(workspace: Workspace, run: RunId) -> Iterator[FailedStep]:
    """The first of its steps that failed for good."""
    with snapshot(workspace.log) as connection:
        positions = first_failures(connection, workspace.project, run, _STEPS_MAX)
    said = (from_json(event.type, event.data) for event in workspace.log.read_positions(positions))
    facts = [fact for fact in said if isinstance(fact, StepFailed)]
    with snapshot(workspace.log) as connection:
        keys = keys_of_ids(connection, workspace.project, {id_ for fact in facts for id_ in fact.assets})
    for fact in facts:
        yield FailedStep(
            assets=tuple(keys[id_] for id_ in fact.assets),
            error=fact.failure.error,
            message=fact.failure.message,
            traceback=fact.failure.traceback,
        )
