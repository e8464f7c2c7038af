"""Runs and steps as they stood at a position: of what moves on rows have the last word, and the log the others."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from latewood.events import Executor
from latewood.model.keys import RunId
from latewood.projections.snapshots import text_array, tuples
from latewood_eventlog.records import Position

HAD_BEGUN: Final = (
    f"(r.executor = '{Executor.INLINE}' OR EXISTS (SELECT FROM events e WHERE e.project = r.project "
    "AND e.stream = 'run/' || r.run AND e.type = 'run.started' AND e.position <= :as_of))"
)
"""That somebody drove the run `r` by the position `as_of`: what asks for one inline drives it."""
_BEGUN: Final = text(f"SELECT r.run FROM runs r WHERE r.project = :project AND r.run = ANY (:runs) AND {HAD_BEGUN}")  # noqa: S608 - ours

# Of a step that was tried again its row has the last start. Whether there was an earlier one is known to its stream.
_OF_THEN: Final = (
    "FROM steps s JOIN runs r ON r.project = s.project AND r.run = s.run "
    "WHERE s.project = :project AND s.run = w.run AND s.step > :after "
    "AND (coalesce(s.started_position, s.ended_position) <= :as_of OR (s.attempt > 1 AND EXISTS ("
    "SELECT FROM events e WHERE e.project = s.project AND e.stream = 'run/' || s.run AND e.type = 'step.started' "
    "AND e.position <= :as_of AND CAST(e.data ->> 'step' AS int) = s.step)))"
)
_OF_RUNS: Final = "FROM unnest(CAST(:runs AS text[])) AS w (run) CROSS JOIN LATERAL"
_STEPS: Final = text(
    f"SELECT w.run, l.* {_OF_RUNS} (SELECT s.step, s.assets, s.partition, s.attempt, s.started_at, "
    "CASE WHEN s.ended_position <= :as_of THEN s.duration_ms END, "
    "CASE WHEN s.ended_position <= :as_of THEN s.status WHEN r.ended_position <= :as_of THEN r.status "
    "  ELSE 'running' END, "
    "coalesce(s.started_position > :as_of, false) OR s.status = 'retrying' "
    f"{_OF_THEN} ORDER BY s.step LIMIT :limit) AS l ORDER BY l.step"
)
_COUNT: Final = text(f"SELECT w.run, l.steps {_OF_RUNS} (SELECT count(*) AS steps {_OF_THEN}) AS l")


class StepThen(NamedTuple):
    """A step of then. Of what is `unsure` only the log knows which attempt it was at, and how."""

    step: int
    assets: list[str]
    partition: str
    attempt: int
    started_at: datetime | None
    duration_ms: float | None
    status: str
    unsure: bool


def begun_by(connection: Connection, project: str, runs: Collection[RunId], as_of: Position) -> frozenset[RunId]:
    """Those of the runs that somebody drove by a position. Cost: a look each."""
    given = {"project": project, "runs": list(runs), "as_of": as_of}
    return frozenset(RunId(run) for (run,) in tuples(connection, _BEGUN, given)) if runs else frozenset()


def steps_then(
    connection: Connection, project: str, runs: Collection[RunId], *, after: int, limit: int, as_of: Position
) -> dict[RunId, list[StepThen]]:
    """Of each run its first steps above `after` that had begun by a position. Cost: of retried ones their stream."""
    given = {"project": project, "runs": text_array(runs), "after": after, "limit": limit, "as_of": as_of}
    found: dict[RunId, list[StepThen]] = {run: [] for run in runs}
    for run, *step in tuples(connection, _STEPS, given):
        found[run].append(StepThen(*step))
    return found


def steps_then_counts(
    connection: Connection, project: str, runs: Collection[RunId], as_of: Position
) -> dict[RunId, int]:
    """How many steps of each run had begun by a position."""
    given = {"project": project, "runs": text_array(runs), "after": -1, "as_of": as_of}
    return {RunId(run): steps for run, steps in tuples(connection, _COUNT, given)}
