"""Asset partitions that are being made now, and those whose last try failed."""

from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from latewood.model.keys import AssetId, PartitionKey, RunId
from latewood.projections.environments import began
from latewood.projections.heads import standing, unless_moved_since
from latewood.projections.runs import IS_HELD
from latewood_eventlog.records import Position

# An attempt or a look that failed counts until a newer version is head; a failed blocking check keeps one from that.
# Those that were overtaken are looked through too: 0.4 ms for 1,000, less than telling them apart as heads move.
_FAILED: Final = unless_moved_since(
    "SELECT a.asset, s.partition, s.ended_position AS position, s.started_position FROM steps s "
    "LEFT JOIN runs r ON r.project = s.project AND r.run = s.run "
    "CROSS JOIN unnest(s.assets) AS a (asset) WHERE s.project = :project AND s.status = 'failed' AND NOT s.variant "
    "AND coalesce(s.environment, r.environment) = :environment "
    "AND s.ended_position > :after AND s.ended_position <= :as_of"
)
_RUNNING_STEPS: Final = text(
    "SELECT a.asset, s.partition, s.started_position AS position FROM steps s "  # noqa: S608 - columns and no values
    "JOIN runs r ON r.project = s.project AND r.run = s.run AND r.environment = :environment "
    f"AND r.ended_position IS NULL AND {IS_HELD} CROSS JOIN unnest(s.assets) AS a (asset) "
    "WHERE s.project = :project AND s.status = 'running' ORDER BY s.started_position"
)
_OTHERS: Final = text(
    "SELECT s.run, s.step, s.started_position AS position FROM steps s "  # noqa: S608 - columns and no values
    f"JOIN runs r ON r.project = s.project AND r.run = s.run AND r.ended_position IS NULL AND {IS_HELD} "
    "WHERE s.project = :project AND s.status = 'running' AND (s.run, s.step) <> (:run, :step) "
    "AND s.partition = :partition ORDER BY s.started_position"
)
# Of the past the last attempt of each step is known; one that was tried again since counts as not begun. Nobody knows
# since when a run is not driven any more that has not ended.
_RAN_STEPS: Final = text(
    "SELECT a.asset, s.partition, s.started_position AS position FROM runs r "  # noqa: S608 - columns and no values
    "JOIN steps s ON s.project = r.project AND s.run = r.run AND s.started_position <= :as_of "
    "AND (s.ended_position IS NULL OR s.ended_position > :as_of) "
    "CROSS JOIN unnest(s.assets) AS a (asset) WHERE r.project = :project AND r.environment = :environment "
    "AND r.requested_position <= :as_of "
    f"AND (r.ended_position > :as_of OR (r.ended_position IS NULL AND (:perhaps OR {IS_HELD}))) "
    "ORDER BY s.started_position"
)


class FailedAttempt(NamedTuple):
    """Where it failed, and where it was started; None of an observation."""

    position: Position
    started: Position | None


def failed_partitions(
    connection: Connection, project: str, environment: str, as_of: Position
) -> dict[tuple[AssetId, PartitionKey], FailedAttempt]:
    """Asset partitions whose latest attempt failed after their head was made; variants aside."""
    after = began(connection, project, environment, as_of)
    parameters = {"project": project, "environment": environment, "after": after, "as_of": as_of}
    return {
        (row.asset, row.partition): FailedAttempt(row.position, row.started_position)
        for row in standing(connection, _FAILED, parameters)
    }


def ran_partitions(
    connection: Connection, project: str, environment: str, as_of: Position, *, perhaps: bool = False
) -> dict[tuple[AssetId, PartitionKey], Position]:
    """Asset partitions that a run was making then, as far as is known; also those that it made perhaps, if asked for.

    Cost: O(steps of the runs that went on then).
    """
    parameters = {"project": project, "environment": environment, "as_of": as_of, "perhaps": perhaps}
    return {(row.asset, row.partition): row.position for row in connection.execute(_RAN_STEPS, parameters)}


class MadeElsewhere(NamedTuple):
    """A step that is under way, and where its attempt began."""

    run: RunId
    step: int
    position: Position


def others_making(
    connection: Connection, project: str, run: RunId, step: int, partition: PartitionKey
) -> list[MadeElsewhere]:
    """The other steps that make a partition of this name now, of whatever asset. Cost: O(steps under way)."""
    given = {"project": project, "run": run, "step": step, "partition": partition}
    return [MadeElsewhere._make(row) for row in connection.execute(_OTHERS, given)]


def running_partitions(
    connection: Connection, project: str, environment: str
) -> dict[tuple[AssetId, PartitionKey], Position]:
    """Asset partitions that a run is making now, with the attempt's position."""
    parameters = {"project": project, "environment": environment}
    return {(row.asset, row.partition): row.position for row in connection.execute(_RUNNING_STEPS, parameters)}
