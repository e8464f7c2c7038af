"""Runs and steps as they stood at a position: of what moves on rows have the last word, and the log the others."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from latewood.events import Executor
from latewood.model.keys import RunId
from latewood.projections.snapshots import tuples
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
    "WHERE s.project = :project AND s.run = :run AND s.step > :after "
    "AND (coalesce(s.started_position, s.ended_position) <= :as_of OR (s.attempt > 1 AND EXISTS ("
    "SELECT FROM events e WHERE e.project = s.project AND e.stream = 'run/' || s.run AND e.type = 'step.started' "
    "AND e.position <= :as_of AND CAST(e.data ->> 'step' AS int) = s.step)))"
)
_STEPS: Final = text(
    "SELECT s.step, s.assets, s.partition, s.attempt, s.started_at, "
    "CASE WHEN s.ended_position <= :as_of THEN s.duration_ms END, "
    "CASE WHEN s.ended_position <= :as_of THEN s.status WHEN r.ended_position <= :as_of THEN r.status "
    "  ELSE 'running' END, "
    "coalesce(s.started_position > :as_of, false) OR s.status = 'retrying' "
    f"{_OF_THEN} ORDER BY s.step LIMIT :limit"
)
_COUNT: Final = text(f"SELECT count(*) {_OF_THEN}")


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
    connection: Connection, project: str, run: RunId, *, after: int, limit: int, as_of: Position
) -> list[StepThen]:
    """Steps of a run above `after` that had begun by a position, in order. Cost: of retried ones their stream."""
    given = {"project": project, "run": run, "after": after, "limit": limit, "as_of": as_of}
    return [StepThen(*row) for row in tuples(connection, _STEPS, given)]


def steps_then_count(connection: Connection, project: str, run: RunId, as_of: Position) -> int:
    """How many of a run's steps had begun by a position."""
    given = {"project": project, "run": run, "after": -1, "as_of": as_of}
    return int(connection.execute(_COUNT, given).scalar_one())
