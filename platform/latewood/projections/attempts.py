"""Where the attempts of steps, and what they printed, stand in the log."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from latewood.model.keys import RunId, VersionId, version_id
from latewood.projections.snapshots import text_array, tuples
from latewood_eventlog.records import Position

Steps = Collection[tuple[RunId, int]]
"""Steps by run and number."""

# A step knows where its last attempt stands, but not the end of one that is to be tried again; of those before only the
# run's stream knows, whose events are parsed.
_OF_STEPS: Final = text(
    "WITH wanted AS (SELECT * FROM unnest(CAST(:runs AS text[]), CAST(:steps AS int[])) AS w (run, step)) "
    "SELECT s.run, s.step, p.position FROM wanted w "
    "JOIN steps s ON s.project = :project AND s.run = w.run AND s.step = w.step "
    "CROSS JOIN LATERAL (VALUES (s.started_position), (s.ended_position)) AS p (position) "
    "WHERE p.position IS NOT NULL AND s.attempt > 0 "
    "UNION SELECT w.run, w.step, e.position FROM events e JOIN wanted w "
    "ON e.stream = 'run/' || w.run AND CAST(e.data ->> 'step' AS int) = w.step "
    "WHERE e.project = :project AND e.type = ANY (CAST(:types AS text[])) "
    "AND e.stream = ANY (CAST(:streams AS text[])) ORDER BY 3"
)
_RETRIED: Final = text(
    "SELECT DISTINCT s.run FROM unnest(CAST(:runs AS text[]), CAST(:steps AS int[])) AS w (run, step) "
    "JOIN steps s ON s.project = :project AND s.run = w.run AND s.step = w.step "
    "WHERE s.attempt > 1 OR s.status = 'retrying'"
)
_STEP_POSITIONS: Final = text(
    "SELECT s.run, s.step, s.started_position, s.ended_position FROM "
    "unnest(CAST(:runs AS text[]), CAST(:steps AS int[])) AS v (run, step) "
    "JOIN steps s ON s.project = :project AND s.run = v.run AND s.step = v.step"
)

# Of a hundred steps most print nothing, and where one did its event says so: it has the field, or an error. Looking for
# the names of fields in texts takes a third of the time of parsing them, and finds too much rather than too little.
_TELLING: Final = (
    "SELECT w.run, l.* FROM unnest(CAST(:runs AS text[]), CAST(:after AS int[]), CAST(:stop AS int[])) "
    "AS w (run, after, stop) CROSS JOIN LATERAL (SELECT version, position FROM events "
    "WHERE project = :project AND stream = 'run/' || w.run AND position <= :upto "
    "AND version > w.after AND version <= w.stop AND (type = 'step.failed' "
    "OR (type IN ('step.succeeded', 'check.evaluated') AND strpos(CAST(data AS text), '\"logs\":') > 0) "
    "OR (type = 'check.evaluated' AND strpos(CAST(data AS text), '\"failure\":') > 0)) "
)
_TELLING_FIRST: Final = text(_TELLING + "ORDER BY version LIMIT :limit) AS l ORDER BY l.version")
_TELLING_LAST: Final = text(_TELLING + "ORDER BY version DESC LIMIT :limit) AS l ORDER BY l.version DESC")

_LOST: Final = text(
    "SELECT data ->> 'version' FROM events WHERE project = :project AND stream = 'run/' || :run AND position <= :upto "
    "AND type = 'reuse.source_lost' AND CAST(data ->> 'step' AS int) = :step ORDER BY position"
)
_JOBS: Final = text(
    "SELECT position FROM events WHERE project = :project AND stream = 'run/' || :run AND position <= :upto "
    "AND type IN ('job.prepared', 'job.submitted') AND CAST(data ->> 'step' AS int) = :step ORDER BY position"
)
_RUNNING: Final = text(
    "SELECT run, step, attempt FROM steps WHERE project = :project AND run = ANY (CAST(:runs AS text[])) "
    "AND status = 'running' ORDER BY step"
)

_ATTEMPTS: Final = ("step.started", "step.failed", "step.succeeded")


def attempt_positions(
    connection: Connection, project: str, wanted: Steps, *, checks: bool = False
) -> Mapping[tuple[RunId, int], list[Position]]:
    """By step the positions of all that begins and ends its attempts, in order; with `checks` also of verdicts.

    Cost: a look each; of runs in which a wanted step was tried again, and with `checks`, one pass over their streams.
    """
    given: dict[str, object] = {
        "project": project,
        "runs": [run for run, _ in wanted],
        "steps": [step for _, step in wanted],
    }
    retried = {row.run for row in connection.execute(_RETRIED, given)}
    types = [*(_ATTEMPTS if retried else ()), *(("check.evaluated",) if checks else ())]
    runs = {run for run, _ in wanted} if checks else retried
    streams = [f"run/{run}" for run in sorted(runs)]
    found: dict[tuple[RunId, int], list[Position]] = {step: [] for step in wanted}
    for row in connection.execute(_OF_STEPS, {**given, "types": types, "streams": streams}):
        found[row.run, row.step].append(row.position)
    return found


def running_attempts(
    connection: Connection, project: str, runs: Collection[RunId]
) -> Mapping[RunId, list[tuple[int, int]]]:
    """By run its steps that are at it, each with the number of its attempt. Cost: by index, the project's that are."""
    found: dict[RunId, list[tuple[int, int]]] = {run: [] for run in runs}
    for run, step, attempt in tuples(connection, _RUNNING, {"project": project, "runs": text_array(runs)}):
        found[run].append((step, attempt))
    return found


def lost_sources(connection: Connection, project: str, run: RunId, step: int, upto: Position) -> tuple[VersionId, ...]:
    """The versions that a step could have reused by then, but for their artifacts. Cost: one pass over its run."""
    given = {"project": project, "run": run, "step": step, "upto": upto}
    return tuple(VersionId(version) for (version,) in connection.execute(_LOST, given))


def job_positions(connection: Connection, project: str, run: RunId, step: int, upto: Position) -> list[Position]:
    """What was recorded of a step's jobs in another system by then, in order. Cost: one pass over its run."""
    given = {"project": project, "run": run, "step": step, "upto": upto}
    return [position for (position,) in connection.execute(_JOBS, given)]


class Telling(NamedTuple):
    """An event of a run that has logs, or an error, of an attempt or a check: its place in the stream, and the log."""

    version: int
    position: Position


def telling(
    connection: Connection,
    project: str,
    between: Mapping[RunId, tuple[int, int]],
    *,
    upto: Position,
    limit: int,
    backwards: bool = False,
) -> dict[RunId, list[Telling]]:
    """The first, or the last ones first, of each run's events from one version exclusively to another inclusively.

    Cost: one pass of the server over these events, as far as the limit; 1.5 µs each.
    """
    given = {
        "project": project,
        "runs": list(between),
        "after": [after for after, _ in between.values()],
        "stop": [stop for _, stop in between.values()],
        "upto": upto,
        "limit": limit,
    }
    found: dict[RunId, list[Telling]] = {run: [] for run in between}
    for run, *row in tuples(connection, _TELLING_LAST if backwards else _TELLING_FIRST, given):
        found[run].append(Telling(*row))
    return found


def step_positions(
    connection: Connection, project: str, versions: Iterable[VersionId]
) -> dict[VersionId, list[Position]]:
    """By version where the last start and the end of the step that made it stand in the log, as far as it has them."""
    named = [version.rpartition(".") for version in versions]
    parameters = {"project": project, "runs": [run for run, _, _ in named], "steps": [int(n) for _, _, n in named]}
    return {
        version_id(row.run, row.step): [at for at in (row.started_position, row.ended_position) if at is not None]
        for row in connection.execute(_STEP_POSITIONS, parameters)
    }
