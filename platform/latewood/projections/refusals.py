"""Steps whose result is refused: by a blocking check, or because its content was declared to be wrong."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, text

from latewood.model.keys import AssetId, RunId
from latewood.projections.snapshots import tuples
from latewood_eventlog.records import Position

_OUTPUTS: Final = (
    "JOIN events e ON e.project = s.project AND e.position = s.ended_position "
    "CROSS JOIN LATERAL json_array_elements(e.data -> 'outputs') AS o (output) "
)
_OF_CHECKS: Final = (
    "c.project = :project AND c.asset = ANY (CAST(:assets AS text[])) AND NOT c.passed AND c.blocking "
    "AND c.position <= :as_of "
)

# A verdict after the run's end is that of another run, on what this one had made. What a step takes in place of making
# it has the verdicts of who made it, and is no head where one refuses it now. The events of what was made are looked at
# only where nothing accepts it although something was retracted at some time.
REFUSED: Final = (
    "refused (run, step) AS ("  # noqa: S608 - ours
    "  SELECT w.run, split_part(c.version, '.', 2)::int FROM checks c JOIN runs w ON w.project = c.project "
    "  AND w.run = split_part(c.version, '.', 1) AND (w.ended_position IS NULL OR c.position < w.ended_position) "
    f"  WHERE {_OF_CHECKS} AND w.run = ANY (CAST(:runs AS text[])) "
    "  UNION SELECT s.run, s.step FROM checks c JOIN steps s ON s.project = c.project "
    "  AND s.run = ANY (CAST(:runs AS text[])) AND s.status = 'reused' AND s.partition = c.partition "
    f"  AND c.asset = ANY (s.assets) AND c.position < s.ended_position AND s.ended_position <= :as_of {_OUTPUTS}"
    f"  WHERE {_OF_CHECKS} AND o.output ->> 'asset' = c.asset AND o.output ->> 'version' = c.version "
    "  AND NOT (o.output ->> 'head')::boolean"
    f"  UNION SELECT s.run, s.step FROM steps s {_OUTPUTS}"
    "  WHERE EXISTS (SELECT FROM retractions r WHERE r.project = :project) "
    "  AND s.project = :project AND s.run = ANY (CAST(:runs AS text[])) AND s.status = 'succeeded' "
    "  AND s.ended_position <= :as_of AND o.output ->> 'retracted' <> '' "
    "  AND EXISTS (SELECT FROM versions v WHERE v.project = s.project AND v.asset = ANY (s.assets) "
    "    AND v.partition = s.partition AND v.version = s.run || '.' || s.step AND v.accepted_position IS NULL)"
    ")"
)
"""A part of a statement: steps of `runs` whose result is refused by a position, as far as they make these `assets`."""

_STEPS: Final = text(
    f"WITH {REFUSED} SELECT r.run, r.step FROM refused r JOIN steps s ON s.project = :project AND s.run = r.run "  # noqa: S608 - ours
    "AND s.step = r.step WHERE s.status IN ('succeeded', 'reused')"
)


def refused_steps(
    connection: Connection, project: str, runs: Collection[RunId], assets: Collection[AssetId], as_of: Position
) -> frozenset[tuple[RunId, int]]:
    """Those of the runs' steps, by a position, as far as they make these assets.

    Cost: as many looks as blocking checks refused something of these; and, where anything was ever retracted, as the
    runs have steps.
    """
    given = {"project": project, "runs": list(runs), "assets": list(assets), "as_of": as_of}
    return frozenset((RunId(run), step) for run, step in tuples(connection, _STEPS, given))
