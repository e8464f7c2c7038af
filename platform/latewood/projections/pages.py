"""Pages of lists that browsers ask for, of many at once where they ask for many."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection, text

from latewood.decide.state import VersionFacts
from latewood.model.keys import AssetId, PartitionKey, RunId
from latewood.projections.snapshots import text_array, tuples
from latewood.projections.states import FACTS
from latewood_eventlog.records import Position

_HISTORIES: Final = text(
    f"SELECT {FACTS} FROM unnest(CAST(:assets AS text[])) AS a (asset) CROSS JOIN LATERAL ("  # noqa: S608 - columns
    "SELECT * FROM versions w WHERE w.project = :project AND w.asset = a.asset AND w.position < :before "
    "AND (CAST(:partitions AS text[]) IS NULL OR w.partition = ANY (CAST(:partitions AS text[]))) "
    "ORDER BY w.position DESC LIMIT :limit) AS v ORDER BY v.position DESC"
)
_COUNTS: Final = text(
    "SELECT w.asset, count(*) FROM versions w WHERE w.project = :project "
    "AND w.asset = ANY (CAST(:assets AS text[])) AND w.position <= :as_of "
    "AND (CAST(:partitions AS text[]) IS NULL OR w.partition = ANY (CAST(:partitions AS text[]))) GROUP BY w.asset"
)
# What a step took in place of making it is in the event that ended it.
_OF_RUN: Final = text(
    f"SELECT {FACTS} FROM versions v WHERE v.project = :project AND v.asset = :asset "  # noqa: S608 - columns
    "AND v.position < :before AND v.version = ANY (ARRAY("
    "  SELECT coalesce(o.output ->> 'version', s.run || '.' || s.step) FROM steps s "
    "  LEFT JOIN events e ON s.status = 'reused' AND e.project = s.project AND e.position = s.ended_position "
    "  LEFT JOIN LATERAL json_array_elements(e.data -> 'outputs') AS o (output) "
    "  ON o.output ->> 'asset' = :asset "
    "  WHERE s.project = :project AND s.run = :run AND :asset = ANY (s.assets) AND s.ended_position < :before "
    "  AND s.status IN ('succeeded', 'reused'))) "
    "AND (CAST(:partitions AS text[]) IS NULL OR v.partition = ANY (CAST(:partitions AS text[]))) "
    "ORDER BY v.position DESC LIMIT :limit"
)
_STEPS_COUNTS: Final = text(
    "SELECT run, count(*) FROM steps WHERE project = :project AND run = ANY (CAST(:runs AS text[])) GROUP BY run"
)


def histories(
    connection: Connection,
    project: str,
    assets: Collection[AssetId],
    *,
    as_of: Position,
    before: Position,
    limit: int,
    partitions: Sequence[PartitionKey] | None = None,
) -> dict[AssetId, list[VersionFacts]]:
    """Of each asset its versions before a position, of these partitions or of all, newest first, as of a later one.

    Cost: O(assets x limit), by index.
    """
    chosen = None if partitions is None else text_array(partitions)
    wanted = {"project": project, "assets": text_array(assets), "partitions": chosen}
    found: dict[AssetId, list[VersionFacts]] = {asset: [] for asset in assets}
    for row in tuples(connection, _HISTORIES, {**wanted, "before": before, "as_of": as_of, "limit": limit}):
        facts = VersionFacts._make(row)
        found[facts.asset].append(facts)
    return found


def history_of_run(
    connection: Connection,
    project: str,
    asset: AssetId,
    run: RunId,
    *,
    before: Position,
    limit: int,
    partitions: Sequence[PartitionKey] | None = None,
) -> list[VersionFacts]:
    """The versions of an asset that a run made before a position, or took in place of making them, newest first.

    Cost: O(the run's steps + versions of the asset), in the server.
    """
    chosen = None if partitions is None else text_array(partitions)
    given = {"project": project, "asset": asset, "run": run, "before": before, "as_of": before - 1}
    found = tuples(connection, _OF_RUN, {**given, "limit": limit, "partitions": chosen})
    return [VersionFacts._make(row) for row in found]


def history_counts(
    connection: Connection,
    project: str,
    assets: Collection[AssetId],
    *,
    as_of: Position,
    partitions: Sequence[PartitionKey] | None = None,
) -> dict[AssetId, int]:
    """How many versions each asset has at a position, of these partitions or of all. Cost: O(versions of them)."""
    chosen = None if partitions is None else text_array(partitions)
    given = {"project": project, "assets": text_array(assets), "partitions": chosen, "as_of": as_of}
    return dict.fromkeys(assets, 0) | {AssetId(asset): count for asset, count in tuples(connection, _COUNTS, given)}


def steps_counts(connection: Connection, project: str, runs: Collection[RunId]) -> dict[RunId, int]:
    """How many steps of each run have begun."""
    given = {"project": project, "runs": text_array(runs)}
    return dict.fromkeys(runs, 0) | {RunId(run): count for run, count in tuples(connection, _STEPS_COUNTS, given)}
