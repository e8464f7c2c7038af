"""Which events of the log are wanted, in pages from either end, and how many there were when."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from latewood.model.keys import AssetId, RunId
from latewood.projections.snapshots import text_array, tuples
from latewood_eventlog.records import Position

LOOKED_AT_MAX: Final = 50_000
"""Positions, or events of an asset or stream, that are looked at for one page: 0.1 s, or 0.3 s where they lie apart."""

_SAMPLED_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsWanted:
    """Which events; what is empty or None does not narrow them. `hidden` are types that are left out.

    Of an asset are those that are about it; of an environment those of its runs and those that name it.
    """

    types: tuple[str, ...] | None = None
    hidden: tuple[str, ...] = ()
    stream: str = ""
    asset: AssetId | None = None
    environment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Positions of events in the order asked for, and up to where was looked: there may be more behind that."""

    positions: Sequence[Position]
    looked_to: Position


# What names an environment is found in the text: to parse it all would take three times as long.
_IS_WANTED: Final = (
    "e.project = :project AND e.position > :low AND e.position <= :high "
    "AND (CAST(:types AS text[]) IS NULL OR e.type = ANY (CAST(:types AS text[]))) "
    "AND NOT e.type = ANY (CAST(:hidden AS text[])) "
    "AND (:environment = '' OR CASE WHEN starts_with(e.stream, 'run/') THEN EXISTS ("
    "  SELECT FROM runs r WHERE r.project = e.project AND r.run = substr(e.stream, 5) "
    "  AND r.environment = :environment) "
    "ELSE e.stream = 'environment/' || :environment OR strpos(CAST(e.data AS text), :said) > 0 END)"
)
_IN_LOG: Final = f"SELECT e.position FROM events e WHERE {_IS_WANTED} ORDER BY e.position {{order}} LIMIT :limit"  # noqa: S608 - ours
# How many events of the stream there are up to each of the two positions: halving, a look each.
_BOUNDS: Final = (
    "WITH RECURSIVE halved (bound, least, beyond) AS ("
    "  SELECT b.bound, 0, 1 + coalesce((SELECT version FROM events WHERE project = :project AND stream = :stream "
    "    ORDER BY version DESC LIMIT 1), 0) FROM unnest(ARRAY[CAST(:low AS bigint), CAST(:high AS bigint)]) b (bound)"
    "  UNION ALL SELECT h.bound, CASE WHEN m.is_upto THEN m.version ELSE h.least END, "
    "    CASE WHEN m.is_upto THEN h.beyond ELSE m.version END "
    "  FROM halved h CROSS JOIN LATERAL (SELECT (h.least + h.beyond) / 2) v (version) CROSS JOIN LATERAL ("
    "    SELECT v.version, coalesce((SELECT position FROM events WHERE project = :project AND stream = :stream "
    "      AND version = v.version) <= h.bound, false) AS is_upto) m WHERE h.beyond - h.least > 1"
    "), bounds (low, high) AS (SELECT (SELECT max(least) FROM halved WHERE bound = :low), "
    "  (SELECT max(least) FROM halved WHERE bound = :high))"
)
_BETWEEN: Final = (
    "FROM events WHERE project = :project AND stream = :stream AND version > (SELECT low FROM bounds) "
    "AND version <= (SELECT high FROM bounds) ORDER BY version {order}"
)
_OF_STREAM: Final = (
    f"{_BOUNDS} SELECT e.position FROM (SELECT * {_BETWEEN} LIMIT :looked) e WHERE {_IS_WANTED} "  # noqa: S608 - as above
    "AND (CAST(:asset AS text) IS NULL OR EXISTS (SELECT FROM asset_events x "
    "  WHERE x.project = :project AND x.asset = :asset AND x.position = e.position)) "
    "ORDER BY e.version {order} LIMIT :limit"
)
_ABOUT: Final = (
    "SELECT position FROM asset_events WHERE project = :project AND asset = :asset "
    "AND position > :low AND position <= :high ORDER BY position {order}"
)
# Each is looked up, so that no more are than are wanted: joined they would all be read.
_OF_ASSET: Final = (
    f"SELECT x.position FROM ({_ABOUT} LIMIT :looked) AS x CROSS JOIN LATERAL ("  # noqa: S608 - as above
    f"  SELECT FROM events e WHERE e.position = x.position AND {_IS_WANTED} LIMIT 1) AS e "
    "ORDER BY x.position {order} LIMIT :limit"
)
_LAST_LOOKED_AT: Final = f"{_ABOUT} OFFSET :looked - 1 LIMIT 1"
_LAST_OF_STREAM: Final = f"{_BOUNDS} SELECT position {_BETWEEN} OFFSET :looked - 1 LIMIT 1"
_LAST: Final = {_OF_ASSET: _LAST_LOOKED_AT, _OF_STREAM: _LAST_OF_STREAM}
_STATEMENTS: Final = {
    (statement, newest_first): text(statement.format(order="DESC" if newest_first else ""))
    for statement in (_IN_LOG, _OF_STREAM, _OF_ASSET, *_LAST.values())
    for newest_first in (True, False)
}
_OF_RUNS: Final = text(
    "SELECT w.run, l.position FROM unnest(CAST(:runs AS text[])) AS w (run) CROSS JOIN LATERAL ("
    "SELECT e.position FROM events e WHERE e.project = :project AND e.stream = 'run/' || w.run "
    "AND e.version > :after AND e.position <= :upto ORDER BY e.version LIMIT :limit) AS l ORDER BY l.position"
)
# One in so many positions stands for those behind it. Each is looked up: to join them the server would read all events.
_DENSITY: Final = text(
    "SELECT least(:buckets, greatest(1, width_bucket(extract(epoch FROM e.recorded_at), :begin, :end, :buckets))) "
    "AS bucket, split_part(e.type, '.', 1) AS subject, count(*) * :step AS events "
    "FROM generate_series(CAST(:after AS bigint) + 1, CAST(:upto AS bigint), CAST(:step AS bigint)) AS p (position) "
    "CROSS JOIN LATERAL (SELECT * FROM events WHERE position = p.position LIMIT 1) AS e "
    "WHERE e.project = :project AND NOT e.type = ANY (CAST(:hidden AS text[])) GROUP BY 1, 2 ORDER BY 2, 1"
)


def positions_of_runs(
    connection: Connection, project: str, runs: Collection[RunId], *, after: int, limit: int, upto: Position
) -> dict[RunId, list[Position]]:
    """Where the first events of each run stand that are above a version and up to a position, in order."""
    given = {"project": project, "runs": text_array(runs), "after": after, "limit": limit, "upto": upto}
    found: dict[RunId, list[Position]] = {run: [] for run in runs}
    for run, position in tuples(connection, _OF_RUNS, given):
        found[run].append(position)
    return found


def events_found(
    connection: Connection,
    project: str,
    wanted: EventsWanted,
    *,
    low: Position,
    high: Position,
    limit: int,
    newest_first: bool,
) -> Found:
    """So many events between two positions, `low` exclusively, from one of them on.

    Cost: of a run O(its events behind where they are asked for), by index; of types, oldest first, O(events up to the
    last one that is found), so that a page that is not full is the last; of an asset or of another stream it looks at
    50,000 of its events at most, or at as many as are asked for, so that without types and environment the same holds;
    of all else at 50,000 positions.
    """
    statement = _OF_STREAM if wanted.stream else _IN_LOG
    if not wanted.stream and wanted.asset is not None:
        statement = _OF_ASSET
    elif not wanted.stream and newest_first:
        low = max(low, high - LOOKED_AT_MAX)
    elif not wanted.stream and wanted.environment:
        high = min(high, low + LOOKED_AT_MAX)
    given = {
        "project": project,
        "low": low,
        "high": high,
        "limit": limit,
        "types": None if wanted.types is None else list(wanted.types),
        "hidden": list(wanted.hidden),
        "asset": wanted.asset,
        "environment": wanted.environment,
        "said": f'"environment":"{wanted.environment}"',
        "stream": wanted.stream,
        "looked": None if wanted.stream.startswith("run/") else max(limit, LOOKED_AT_MAX),
    }
    positions = list(connection.execute(_STATEMENTS[statement, newest_first], given).scalars())
    looked_to = low if newest_first else high
    if statement in _LAST and given["looked"] is not None and len(positions) < limit:
        last = connection.execute(_STATEMENTS[_LAST[statement], newest_first], given).scalar()
        if last is not None:
            looked_to = last - 1 if newest_first else last
    return Found(positions=positions, looked_to=looked_to)


class CountedEvents(NamedTuple):
    """About how many events of a subject, as in `run`, were recorded in a bucket of time, from 1."""

    bucket: int
    subject: str
    events: int


def events_by_time(
    connection: Connection,
    project: str,
    *,
    hidden: Sequence[str],
    since: datetime,
    until: datetime,
    buckets: int,
    after: Position,
    upto: Position,
) -> tuple[list[CountedEvents], int]:
    """Events between two positions, which are those of the times; and how many stand for one that was looked at.

    Cost: a look each, at most 10,000 however many events there are: then it is one in so many.
    """
    step = max(1, -(-(upto - after) // _SAMPLED_MAX))
    given = {
        "project": project,
        "hidden": list(hidden),
        "begin": since.timestamp(),
        "end": until.timestamp(),
        "buckets": buckets,
        "after": after,
        "upto": upto,
        "step": step,
    }
    return [CountedEvents(*row) for row in connection.execute(_DENSITY, given)], step
