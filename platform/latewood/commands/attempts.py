"""The attempts of steps: when, why, and how each ended."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from latewood.commands.workspace import Workspace
from latewood.events import Failure, RunStatus, StepFailed, StepStarted, StepSucceeded, from_json
from latewood.model.keys import RunId
from latewood.projections.attempts import attempt_positions
from latewood.projections.past_runs import StepThen, steps_then
from latewood.projections.run_lists import Counted, Wanted, runs_by_time
from latewood.projections.runs import StepRow
from latewood.projections.snapshots import snapshot
from latewood_eventlog.records import Position, RecordedEvent

RUNNING: Final = "running"
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a step. `reasons` are why it is run; `logs` is the artifact of what it printed; empty without any."""

    number: int
    status: str
    position: Position
    started_at: datetime
    ended_at: datetime | None = None
    duration_ms: float | None = None
    reasons: tuple[str, ...] = ()
    failure: Failure | None = None
    retry_at: datetime | None = None
    logs: str = ""


def attempts_of(
    workspace: Workspace, steps: Sequence[tuple[RunId, int]], up_to: Position
) -> Mapping[tuple[RunId, int], list[Attempt]]:
    """By step its attempts up to a position, oldest first. Cost: three statements, and as `attempt_positions`."""
    with snapshot(workspace.log) as connection:
        positions = attempt_positions(connection, workspace.project, steps)
    known = sorted({position for found in positions.values() for position in found if position <= up_to})
    events = {event.position: event for event in workspace.log.read_positions(known)}
    return {step: _attempts(events[at] for at in found if at in events) for step, found in positions.items()}


def ended_with_run(attempts: Sequence[Attempt], step: str, ended_at: datetime | None) -> Sequence[Attempt]:
    """The same, where what nothing else ended has ended with its run, as its step's status says; then, if known.

    Of what was interrupted nobody knows when: that its process had died was recorded by whoever found it so.
    """
    ended_at = None if step == RunStatus.INTERRUPTED else ended_at

    def ended(attempt: Attempt) -> Attempt:
        took = None if ended_at is None else (ended_at - attempt.started_at) / _MILLISECOND
        return replace(attempt, status=step, ended_at=ended_at, duration_ms=took)

    return [ended(attempt) if attempt.status == RUNNING != step else attempt for attempt in attempts]


def steps_at(
    workspace: Workspace, runs: Sequence[RunId], *, after: int, limit: int, as_of: Position
) -> dict[RunId, list[StepRow]]:
    """Of each run its first steps above `after` as they stood at a position of the past, in order."""
    with snapshot(workspace.log) as connection:
        found = steps_then(connection, workspace.project, runs, after=after, limit=limit, as_of=as_of)
    unsure = [(run, row.step) for run, rows in found.items() for row in rows if row.unsure]
    attempts = attempts_of(workspace, unsure, as_of) if unsure else {}
    return {
        run: [_step(row, attempts[run, row.step][-1] if row.unsure else None) for row in rows]
        for run, rows in found.items()
    }


def _step(row: StepThen, attempt: Attempt | None) -> StepRow:
    found = StepRow(
        step=row.step,
        assets=row.assets,
        partition=row.partition,
        status=row.status,
        attempt=row.attempt,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
    )
    if attempt is None:
        return found
    status = row.status if attempt.status == RUNNING else "retrying" if attempt.retry_at else attempt.status
    return replace(
        found,
        attempt=attempt.number,
        started_at=attempt.started_at,
        duration_ms=attempt.duration_ms,
        status=status,
    )


def _attempts(events: Iterable[RecordedEvent]) -> list[Attempt]:
    found: dict[int, Attempt] = {}
    for event in events:
        fact = from_json(event.type, event.data)
        match fact:
            case StepStarted():
                found[fact.attempt] = Attempt(
                    number=fact.attempt,
                    status=RUNNING,
                    position=event.position,
                    started_at=event.occurred_at,
                    reasons=fact.reasons,
                )
            case StepSucceeded() | StepFailed():
                took = timedelta(milliseconds=fact.duration_ms)
                begun = found.get(fact.attempt) or Attempt(
                    number=fact.attempt, status=RUNNING, position=event.position, started_at=event.occurred_at - took
                )
                ended = replace(begun, ended_at=event.occurred_at, duration_ms=fact.duration_ms, logs=fact.logs)
                if isinstance(fact, StepFailed):
                    found[fact.attempt] = replace(ended, status="failed", failure=fact.failure, retry_at=fact.retry_at)
                else:
                    found[fact.attempt] = replace(ended, status="succeeded")
            case _:
                continue
    return [found[number] for number in sorted(found)]


def density(
    workspace: Workspace, *, wanted: Wanted, since: datetime, until: datetime | None, moment: datetime, buckets: int
) -> list[Counted]:
    """Runs that are wanted, of between two times, counted by bucket and status. Cost: O(them).

    Without `until` those up to `wanted.as_of`, which is at that `moment`.
    """
    after = workspace.log.position_at(since)
    last = wanted.as_of if until is None else min(workspace.log.position_at(until), wanted.as_of)
    with snapshot(workspace.log) as connection:
        return runs_by_time(
            connection,
            workspace.project,
            wanted=wanted,
            since=since,
            until=until or moment,
            buckets=buckets,
            after=after,
            upto=last,
        )
