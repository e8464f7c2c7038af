"""Steps whose result is refused: by a blocking check, or because its content was declared to be wrong."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, text

from latewood.model.keys import AssetId, RunId
from latewood.projections.snapshots import tuples
from latewood_eventlog.records import Position

# A position is of one event: not to name the project leaves the server one index to find it by.
_OUTPUTS: Final = (
    "events e CROSS JOIN LATERAL json_array_elements(e.data -> 'outputs') AS o (output) "
    "WHERE e.position = s.ended_position"
)
# A check of the very version is found by all its key; the index of failed ones, which knows less, has no `passed::int`.
_REFUSED_THEN: Final = (
    f"SELECT true FROM (SELECT o.output FROM {_OUTPUTS} AND NOT (o.output ->> 'head')::boolean OFFSET 0) AS o "  # noqa: S608 - ours
    "CROSS JOIN LATERAL (SELECT FROM checks c WHERE c.project = :project AND c.asset = o.output ->> 'asset' "
    "  AND c.partition = s.partition AND c.version = o.output ->> 'version' AND c.passed::int = 0 AND c.blocking "
    "  AND c.position < s.ended_position LIMIT 1) AS c LIMIT 1"
)
_RETRACTED: Final = f"SELECT true FROM {_OUTPUTS} AND o.output ->> 'retracted' <> '' LIMIT 1"  # noqa: S608 - as above

# A verdict after the run's end is that of another run, on what this one had made. What a step takes in place of making
# it has the verdicts of who made it, and is no head where one refuses it now; and what is made after something was
# retracted may be the same content, or the same computation under another name. Each set is read once and hashed,
# whatever the server believes of tables that were never analyzed, or long ago: one that is looked for under an OR
# becomes no join. Versions have several indexes, of which it then takes any: they are such a set, of a range of the
# log, and not looked up step by step. Each look that remains is by a whole key, and its LIMIT keeps it one.
REFUSED: Final = (
    "failed AS MATERIALIZED ("  # noqa: S608 - ours
    "  SELECT c.partition, c.version, c.position FROM checks c WHERE c.project = :project "
    "  AND c.asset = ANY (CAST(:assets AS text[])) AND NOT c.passed AND c.blocking AND c.position <= :as_of"
    "), watched AS MATERIALIZED ("
    "  SELECT run, ended_position FROM runs WHERE project = :project AND run = ANY (CAST(:runs AS text[]))"
    "), asked AS MATERIALIZED ("
    "  SELECT s.run, s.step, s.partition, s.status, s.ended_position FROM steps s "
    "  WHERE s.project = :project AND s.run = ANY (CAST(:runs AS text[])) "
    "  AND (CAST(:steps AS int[]) IS NULL OR s.step = ANY (CAST(:steps AS int[]))) "
    "  AND s.ended_position <= :as_of AND s.status IN ('succeeded', 'reused')"
    "), made AS MATERIALIZED ("
    "  SELECT min(s.ended_position) AS first, max(s.ended_position) AS last FROM asked s WHERE s.status = 'succeeded' "
    "  AND s.ended_position > (SELECT min(r.from_position) FROM retractions r WHERE r.project = :project)"
    "), unaccepted AS MATERIALIZED ("
    "  SELECT v.version FROM versions v WHERE v.project = :project AND v.asset = ANY (CAST(:assets AS text[])) "
    "  AND v.accepted_position IS DISTINCT FROM v.position "
    "  AND (v.accepted_position IS NULL OR v.accepted_position > :as_of) AND (SELECT first FROM made) IS NOT NULL "
    "  AND v.position >= (SELECT first FROM made) AND v.position <= (SELECT last FROM made)"
    "), refused (run, step) AS ("
    "  SELECT s.run, s.step FROM asked s WHERE"
    "    s.run || '.' || s.step IN (SELECT f.version FROM failed f "
    "      JOIN watched w ON w.run = split_part(f.version, '.', 1) "
    "      AND (w.ended_position IS NULL OR f.position < w.ended_position)) "
    "    OR s.status = 'reused' AND s.partition IN (SELECT f.partition FROM failed f) "
    f"      AND ({_REFUSED_THEN}) IS TRUE "
    "    OR s.status = 'succeeded' AND s.run || '.' || s.step IN (SELECT v.version FROM unaccepted v) "
    f"      AND ({_RETRACTED}) IS TRUE"
    ")"
)
"""A part of a statement: steps of `runs`, of these `steps` of them or of all for null, whose result is refused by a
position, as far as they make these `assets`."""

_STEPS: Final = text(f"WITH {REFUSED} SELECT run, step FROM refused")  # noqa: S608 - ours


def refused_steps(
    connection: Connection,
    project: str,
    runs: Collection[RunId],
    steps: Collection[int],
    assets: Collection[AssetId],
    as_of: Position,
) -> frozenset[tuple[RunId, int]]:
    """Those of the runs' steps with these numbers, by a position, as far as they make these assets.

    Cost: a pass over the failed verdicts of these assets, over all retractions, and, if there are any, over what was
    made of these assets from the first to the last of the steps; then a look for each that may be refused.
    """
    numbers = f"{{{','.join(map(str, steps))}}}"  # one literal, as of `text_array`
    given = {"project": project, "runs": list(runs), "steps": numbers, "assets": list(assets), "as_of": as_of}
    return frozenset((RunId(run), step) for run, step in tuples(connection, _STEPS, given))
