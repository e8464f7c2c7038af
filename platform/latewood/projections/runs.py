"""Runs and their steps: what was asked for, what became of it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Double,
    Index,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

from latewood.events import (
    AssetObserved,
    Event,
    Executor,
    ObservationFailed,
    RunEnded,
    RunPlanned,
    RunRequested,
    RunStarted,
    RunStatus,
    StepExpanded,
    StepFailed,
    StepReused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from latewood.model.elements import is_elements
from latewood.model.keys import AssetId, RunId, VersionId
from latewood.projections.columns import event_of, key, metadata, project
from latewood.projections.snapshots import text_array, tuples
from latewood_eventlog.projector import Change, Derive, Put, Set
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name
from latewood_eventlog.statements import LEASE_IS_HELD, LEASE_UNHEARD

runs: Final = Table(
    "runs",
    metadata,
    project(),
    key("run"),
    Column("environment", Name, nullable=False),
    Column("selection", Text, nullable=False),
    Column("partitions", Text, nullable=False),
    Column("executor", Name, nullable=False),
    Column("status", Name, nullable=False),
    Column("actor", Text, nullable=False),
    Column("automation", Text, nullable=False),
    Column("requested_position", BigInteger, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("ended_position", BigInteger),
    Column("ended_at", DateTime(timezone=True)),
    Column("counts", JSON),
    Column("priority", Integer, nullable=False),
)
Index("runs_requested", runs.c.project, runs.c.requested_position)
Index("runs_ended", runs.c.project, runs.c.environment, runs.c.ended_position)
Index("runs_running", runs.c.project, postgresql_where=runs.c.ended_position.is_(None))

steps: Final = Table(
    "steps",
    metadata,
    project(),
    key("run"),
    Column("step", Integer, primary_key=True),
    Column("assets", ARRAY(Name), nullable=False),
    Column("partition", Name, nullable=False),
    Column("status", Name, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_position", BigInteger),
    Column("started_at", DateTime(timezone=True)),
    Column("ended_position", BigInteger),
    Column("duration_ms", Double),
    Column("variant", Boolean),
    Column("environment", Name),
    Column("taken", Name),
)
"""Without a run, which says it of its steps, an observation says itself in which `environment` it was made. `taken` is
the version that was taken for an element in place of computing it: its list is made of that."""
Index("steps_failed", steps.c.project, steps.c.ended_position, postgresql_where=steps.c.status == "failed")
Index("steps_looked", steps.c.project, postgresql_where=steps.c.environment.is_not(None))
Index("steps_running", steps.c.project, postgresql_where=steps.c.status == "running")

expansions: Final = Table(
    "expansions",
    metadata,
    project(),
    key("run"),
    Column("step", Integer, primary_key=True),
    Column("first", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("elements", Text, nullable=False),
)
"""The last one of each mapped step: which steps its elements are, and the artifact that lists them."""


run_assets: Final = Table(
    "run_assets",
    metadata,
    project(),
    key("asset"),
    Column("requested_position", BigInteger, primary_key=True),
    Column("planned_position", BigInteger, nullable=False),
)
"""Which runs have steps of an asset in their plans, by where they were asked for: the latest are found at once."""

_PLANNED: Final = (
    "INSERT INTO run_assets (project, asset, requested_position, planned_position) "
    "SELECT r.project, a.asset, r.requested_position, :position "
    "FROM runs r, unnest(CAST(:assets AS text[])) AS a (asset) "
    "WHERE r.project = :project AND r.run = :run ON CONFLICT DO NOTHING"
)


class RunsProjection:
    """Runs and steps; an observation is a step of no run, so that its version is found as others are."""

    name = "runs"
    version = 11
    inline = True
    tables = (runs, steps, expansions, run_assets)
    types = frozenset(
        {
            "run.requested",
            "run.planned",
            "run.started",
            "run.ended",
            "step.started",
            "step.expanded",
            "step.succeeded",
            "step.failed",
            "step.reused",
            "step.skipped",
            "asset.observed",
            "observation.failed",
        }
    )

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """Rows of one event."""
        fact = event_of(event)
        match fact:
            case RunRequested():
                yield Put(
                    runs,
                    {
                        "project": event.project,
                        "run": fact.run,
                        "environment": fact.environment,
                        "selection": fact.selection,
                        "partitions": fact.partitions,
                        "executor": fact.executor,
                        "status": RunStatus.RUNNING if fact.executor is Executor.INLINE else RunStatus.QUEUED,
                        "actor": event.actor,
                        "automation": fact.automation,
                        "requested_position": event.position,
                        "requested_at": event.occurred_at,
                        "priority": fact.priority + fact.highest,
                    },
                )
            case RunPlanned():
                assets = sorted({asset for planned in fact.steps for asset in planned.assets})
                of = {"project": event.project, "run": fact.run, "position": event.position}
                yield Derive(_PLANNED, {**of, "assets": assets})
            case RunStarted():
                yield Set(runs, {"project": event.project, "run": fact.run}, {"status": RunStatus.RUNNING})
            case RunEnded():
                yield Set(
                    runs,
                    {"project": event.project, "run": fact.run},
                    {
                        "status": fact.status,
                        "ended_position": event.position,
                        "ended_at": event.occurred_at,
                        "counts": {
                            "ran": fact.ran,
                            "reused": fact.reused,
                            "failed": fact.failed,
                            "refused": fact.refused,
                            "skipped": fact.skipped,
                            "fresh": fact.fresh,
                        },
                    },
                )
            case _:
                yield _step_change(event, fact)


def _step_change(event: RecordedEvent, fact: Event) -> Change:
    match fact:
        case StepStarted():
            return Put(
                steps,
                _step_row(event, fact.run, fact.step)
                | {
                    "assets": fact.assets,
                    "partition": fact.partition,
                    "status": "running",
                    "attempt": fact.attempt,
                    "started_position": event.position,
                    "started_at": event.occurred_at,
                    "variant": fact.variant,
                },
            )
        case StepExpanded():
            expanded = {"first": fact.first, "count": fact.count, "elements": fact.elements}
            return Put(expansions, _step_row(event, fact.run, fact.step) | expanded)
        case StepSucceeded() | StepFailed():
            retried = isinstance(fact, StepFailed) and fact.retry_at is not None
            succeeded = isinstance(fact, StepSucceeded)
            return Set(
                steps,
                _step_row(event, fact.run, fact.step),
                {
                    "status": "retrying" if retried else "succeeded" if succeeded else "failed",
                    "ended_position": None if retried else event.position,
                    "duration_ms": fact.duration_ms,
                },
            )
        case StepReused() | StepSkipped():
            outputs = fact.outputs if isinstance(fact, StepReused) else ()
            return Put(
                steps,
                _step_row(event, fact.run, fact.step)
                | {
                    "assets": [o.asset for o in outputs] if isinstance(fact, StepReused) else fact.assets,
                    "partition": fact.partition,
                    "status": "reused" if outputs else "skipped",
                    "attempt": 0,
                    "ended_position": event.position,
                    "taken": next((o.version for o in outputs if is_elements(o.asset)), None),
                },
            )
        case AssetObserved() | ObservationFailed():
            run, _, step = fact.version.rpartition(".")
            return Put(
                steps,
                _step_row(event, RunId(run), int(step))
                | {
                    "assets": [fact.asset],
                    "partition": fact.partition,
                    "status": "observed" if isinstance(fact, AssetObserved) else "failed",
                    "attempt": 0,
                    "ended_position": event.position,
                    "variant": False,
                    "environment": fact.environment,
                },
            )
        case other:
            raise AssertionError(f"not a run event: {other}")


def _step_row(event: RecordedEvent, run: RunId, step: int) -> dict[str, Any]:
    return {"project": event.project, "run": run, "step": step}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as it stands: interrupted once its process is gone, though not `recorded` so before the next run.

    One that engines drive is queued while none does; `priority` is that of its most urgent task. `automation` is what
    asked for it by itself, if something did.

    Of one that goes on `unheard_s` are the seconds for which the process that drives it was not heard of.
    """

    run: RunId
    environment: str
    selection: str
    partitions: str
    executor: str
    status: str
    actor: str
    automation: str
    requested_position: Position
    requested_at: datetime
    ended_position: Position | None
    ended_at: datetime | None
    counts: dict[str, int] | None
    recorded: bool
    unheard_s: float | None
    priority: int


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as it stands; durations in milliseconds, of the last attempt."""

    step: int
    assets: list[str]
    partition: str
    status: str
    attempt: int
    started_at: datetime | None
    duration_ms: float | None


@dataclass(frozen=True, slots=True)
class Expansion:
    """Which steps the elements of a mapped step are, of the list that it makes, and the artifact that lists them."""

    step: int
    asset: AssetId
    first: int
    count: int
    elements: str

    @property
    def steps(self) -> range:
        """The numbers of their steps."""
        return range(self.first, self.first + self.count)


# A run whose process died is unfinished and nobody holds its lease: that is taken before the run is requested and
# given back after its end is recorded.
IS_HELD: Final = LEASE_IS_HELD % ("r.project", "'run/' || r.run")
"""That somebody drives the run `r`."""
_UNHEARD: Final = LEASE_UNHEARD % ("r.project", "'run/' || r.run")
_IS_DEAD: Final = f"(r.ended_position IS NULL AND r.executor = '{Executor.INLINE}' AND NOT {IS_HELD})"
# What an engine has left waits for the next one.
_WAITS: Final = f"(r.ended_position IS NULL AND r.executor <> '{Executor.INLINE}' AND NOT {IS_HELD})"
STATUS_NOW: Final = f"CASE WHEN {_IS_DEAD} THEN 'interrupted' WHEN {_WAITS} THEN '{RunStatus.QUEUED}' ELSE r.status END"
"""How the run `r` stands. Cost: of one that has ended nothing, else a look at its lease."""
RUN_VALUES: Final = (
    "r.run, r.environment, r.selection, r.partitions, r.executor, r.actor, r.automation, "
    f"{STATUS_NOW} AS status, "
    f"NOT {_IS_DEAD} AS recorded, "
    "r.requested_position, r.requested_at, r.ended_position, r.ended_at, r.counts, r.priority, "
    f"CASE WHEN r.ended_position IS NULL THEN {_UNHEARD} END AS unheard_s"
)
"""The columns of a RunRow, of the run `r`."""
_RUN_COLUMNS: Final = f"SELECT {RUN_VALUES} FROM runs r WHERE r.project = :project "  # noqa: S608 - columns and no values
_RUN: Final = text(_RUN_COLUMNS + "AND starts_with(r.run, :prefix) ORDER BY r.requested_position DESC LIMIT 10")
_ENDED: Final = text(
    "SELECT run, ended_position FROM runs WHERE project = :project AND environment = :environment "
    "AND status = ANY(:statuses) AND ended_position > :after AND ended_position <= :up_to "
    "ORDER BY ended_position LIMIT :limit"
)
_RUNNING: Final = text(
    _RUN_COLUMNS + "AND r.ended_position IS NULL AND r.executor = :executor ORDER BY r.requested_position"
)
# What was going on when its run ended was cancelled or interrupted with it.
_STEPS: Final = text(
    "SELECT w.run, l.* FROM unnest(CAST(:runs AS text[])) AS w (run) CROSS JOIN LATERAL ("  # noqa: S608 - as above
    "SELECT s.step, s.assets, s.partition, "
    "CASE WHEN s.ended_position IS NOT NULL THEN s.status WHEN r.ended_position IS NOT NULL THEN r.status "
    f"  WHEN {_IS_DEAD} THEN 'interrupted' ELSE s.status END AS status, "
    "s.attempt, s.started_at, s.duration_ms FROM steps s JOIN runs r ON r.project = s.project AND r.run = s.run "
    "WHERE s.project = :project AND s.run = w.run AND s.step > :after ORDER BY s.step LIMIT :limit) AS l "
    "ORDER BY l.step"
)
_LEFT: Final = text(
    "SELECT step FROM steps WHERE project = :project AND run = :run AND ended_position IS NULL AND status = 'running' "
    "ORDER BY step"
)
_EXPANSIONS: Final = text(
    "SELECT e.step, s.assets[1], e.first, e.count, e.elements FROM expansions e "
    "JOIN steps s ON s.project = e.project AND s.run = e.run AND s.step = e.step WHERE e.project = :project "
    "AND e.run = :run AND (CAST(:step AS int) IS NULL OR e.step = CAST(:step AS int)) "
    "AND (CAST(:as_of AS bigint) IS NULL OR EXISTS (SELECT FROM events v WHERE v.project = e.project "
    "  AND v.stream = 'run/' || e.run AND v.type = 'step.expanded' AND v.position <= CAST(:as_of AS bigint) "
    "  AND CAST(v.data ->> 'step' AS int) = e.step)) ORDER BY e.step"
)


def runs_named(connection: Connection, project: str, prefix: str) -> list[RunRow]:
    """The latest ten runs whose id begins so, newest first."""
    rows = connection.execute(_RUN, {"project": project, "prefix": prefix})
    return [RunRow(**row._mapping) for row in rows]  # noqa: SLF001 - as above


_REQUESTS: Final = text(
    "SELECT run, requested_position FROM runs WHERE project = :project AND run = ANY (CAST(:runs AS text[]))"
)


def request_positions(connection: Connection, project: str, runs_: Collection[str]) -> dict[RunId, Position]:
    """Where the log says what was asked of these runs, of those that are runs. Cost: a look each, in one statement."""
    rows = connection.execute(_REQUESTS, {"project": project, "runs": text_array(runs_)})
    return {row.run: row.requested_position for row in rows}


def unfinished_runs(connection: Connection, project: str, executor: Executor) -> list[RunRow]:
    """Runs of that executor that have not ended, oldest first."""
    rows = connection.execute(_RUNNING, {"project": project, "executor": executor})
    return [RunRow(**row._mapping) for row in rows]  # noqa: SLF001 - as above


def steps_of(connection: Connection, project: str, run: RunId, *, after: int = -1, limit: int = 1_000) -> list[StepRow]:
    """Steps of a run with an ordinal above `after`, in order."""
    return steps_of_runs(connection, project, [run], after=after, limit=limit)[run]


def steps_of_runs(
    connection: Connection, project: str, runs: Collection[RunId], *, after: int, limit: int
) -> dict[RunId, list[StepRow]]:
    """The same of several runs, so many of each."""
    found: dict[RunId, list[StepRow]] = {run: [] for run in runs}
    given = {"project": project, "runs": text_array(runs), "after": after, "limit": limit}
    for run, *step in tuples(connection, _STEPS, given):
        found[run].append(StepRow(*step))
    return found


def steps_left(connection: Connection, project: str, run: RunId) -> list[int]:
    """The steps of which an attempt was begun and has no end; once the run is over these stay so, in order.

    Cost: O(steps of the run).
    """
    return list(connection.execute(_LEFT, {"project": project, "run": run}).scalars())


def expansions_of(connection: Connection, project: str, run: RunId, as_of: Position | None = None) -> list[Expansion]:
    """The mapped steps of a run that were expanded, in order; by a position, at the cost of a pass over its events."""
    given = {"project": project, "run": run, "step": None, "as_of": as_of}
    return [Expansion(*row) for row in connection.execute(_EXPANSIONS, given)]


def expansion_behind(connection: Connection, project: str, version: VersionId) -> Expansion | None:
    """Which steps made the elements of the list that is this version; None of any other version."""
    run, _, step = version.rpartition(".")
    row = connection.execute(
        _EXPANSIONS, {"project": project, "run": run, "step": int(step), "as_of": None}
    ).one_or_none()
    return None if row is None else Expansion(*row)


def ended_runs(
    connection: Connection,
    project: str,
    environment: str,
    statuses: Collection[str],
    *,
    after: Position,
    up_to: Position,
    limit: int,
) -> list[tuple[RunId, Position]]:
    """Runs that ended so after a position, and where, in order. Cost: O(runs of the environment that ended there)."""
    own = {"environment": environment, "statuses": list(statuses), "after": after, "up_to": up_to}
    rows = connection.execute(_ENDED, {"project": project, **own, "limit": limit})
    return [(row.run, row.ended_position) for row in rows]
