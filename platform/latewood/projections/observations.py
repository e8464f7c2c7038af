"""Observations and reports: what was looked at together. Each look is a step of no run, see `RunsProjection`."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from latewood.model.keys import AssetId, PartitionKey, RunId
from latewood.projections.snapshots import tuples
from latewood_eventlog.records import Position


class LookRow(NamedTuple):
    """One look of an observation: at which asset partition, and where it stands in the log."""

    run: RunId
    step: int
    asset: AssetId
    partition: PartitionKey
    position: Position


class ObservationRow(NamedTuple):
    """What was looked at by one command; `position` is that of the last look that is recorded."""

    run: RunId
    environment: str
    assets: Sequence[AssetId]
    observed: int
    failed: int
    position: Position


_LOOKS: Final = text(
    "SELECT run, step, assets[1] AS asset, partition, ended_position FROM steps WHERE project = :project "
    "AND environment IS NOT NULL AND run = (SELECT run FROM steps WHERE project = :project "
    "  AND environment IS NOT NULL AND starts_with(run, :prefix) ORDER BY ended_position DESC LIMIT 1) ORDER BY step"
)
_RECENT: Final = text(
    "SELECT run, min(environment), array_agg(DISTINCT assets[1]), count(*) FILTER (WHERE status = 'observed'), "
    "count(*) FILTER (WHERE status = 'failed') AS failed, max(ended_position) AS position FROM steps "
    "WHERE project = :project AND environment IS NOT NULL AND (:environment = '' OR environment = :environment) "
    "GROUP BY run HAVING :status IN ('', CASE WHEN bool_or(status = 'failed') THEN 'failed' ELSE 'succeeded' END) "
    "ORDER BY position DESC LIMIT :limit"
)


def looks_named(connection: Connection, project: str, prefix: str) -> list[LookRow]:
    """The looks of the latest observation, or report, whose id begins so. Cost: O(steps)."""
    return [LookRow._make(row) for row in tuples(connection, _LOOKS, {"project": project, "prefix": prefix})]


def recent_observations(
    connection: Connection, project: str, *, limit: int, environment: str = "", status: str = ""
) -> list[ObservationRow]:
    """The latest observations and reports, newest first; one failed if any of its looks did, else it succeeded.

    Cost: O(looks).
    """
    parameters = {"project": project, "limit": limit, "environment": environment, "status": status}
    return [ObservationRow._make(row) for row in tuples(connection, _RECENT, parameters)]
