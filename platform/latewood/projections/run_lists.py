"""Runs as lists: those that are wanted, newest first, counted, and by when they were asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from latewood.model.keys import AssetId
from latewood.projections.past_runs import HAD_BEGUN
from latewood.projections.runs import RUN_VALUES, STATUS_NOW, RunRow
from latewood.projections.snapshots import text_array
from latewood.projections.states import NOW
from latewood_eventlog.records import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs a list has; what is empty or None does not narrow it.

    `since` and `until` are about when they were asked for; `status` is that at `as_of`, and `asset` is in the plan, as
    far as that was known there; `id_prefix` begins the id.
    """

    environment: str = ""
    status: str = ""
    actor: str = ""
    id_prefix: str = ""
    asset: AssetId | None = None
    as_of: Position = NOW
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_past(self) -> bool:
        """Whether they are wanted as they were."""
        return self.as_of < NOW

    @property
    def parameters(self) -> dict[str, Any]:
        """As the statements here take them."""
        return {
            "environment": self.environment,
            "status": self.status,
            "actor": self.actor,
            "id_prefix": self.id_prefix,
            "as_of": self.as_of,
            "since": self.since,
            "until": self.until,
        }


ALL: Final = Wanted()

_IS_WANTED: Final = (
    "(:environment = '' OR r.environment = :environment) AND (:actor = '' OR r.actor = :actor) "
    "AND (:id_prefix = '' OR starts_with(r.run, :id_prefix)) "
    "AND (CAST(:since AS timestamptz) IS NULL OR r.requested_at >= CAST(:since AS timestamptz)) "
    "AND (CAST(:until AS timestamptz) IS NULL OR r.requested_at < CAST(:until AS timestamptz))"
)
_THAT_GO_ON: Final = (
    f"FROM (SELECT {RUN_VALUES} FROM runs r WHERE r.project = :project AND r.requested_position < :before "  # noqa: S608 - columns
    "AND (r.ended_position IS NULL OR r.ended_position > :as_of) "
    "AND (:environment = '' OR r.environment = :environment) "
    "ORDER BY r.requested_position DESC) AS r WHERE status <> 'interrupted' OR ended_position IS NOT NULL "
    f"OR :as_of < {NOW}"  # that somebody died who drove one is known of now alone
)
_GOING_ON: Final = text(f"SELECT * {_THAT_GO_ON} ORDER BY requested_position DESC LIMIT :limit")
_GOING_ON_COUNT: Final = text(f"SELECT count(*) {_THAT_GO_ON}")
# Where an asset is given, its runs are found by the asset, or else a rare one's would be looked for among all.
_OF_ASSET: Final = (
    "run_assets x JOIN runs r ON r.project = x.project AND r.requested_position = x.requested_position "
    "WHERE x.project = :project AND x.asset = %s AND x.requested_position %s :before AND x.planned_position <= :as_of"
)
_OF_ALL: Final = "runs r WHERE r.project = :project AND r.requested_position %s :before"
# The status of now is asked of what was computed. In order within as well: the server plans that by
# itself, since a clock is read there, and would otherwise compute the status of all runs before it takes the latest.
_LATEST: Final = (
    f"SELECT * FROM (SELECT {RUN_VALUES} FROM %s AND {_IS_WANTED} "  # noqa: S608 - columns and no values
    "ORDER BY r.requested_position DESC) AS r "
    "WHERE :status = '' OR status = :status ORDER BY requested_position DESC LIMIT :limit"
)
_STATUS_THEN: Final = (
    f"CASE WHEN r.ended_position <= :as_of THEN r.status WHEN {HAD_BEGUN} THEN 'running' ELSE 'queued' END"
)
_STANDS_SO: Final = f"(:status = '' OR {STATUS_NOW} = :status)"
_STOOD_SO: Final = f"(:status = '' OR {_STATUS_THEN} = :status)"
_LATEST_THEN: Final = (
    f"SELECT {RUN_VALUES} FROM %s AND {_IS_WANTED} AND {_STOOD_SO} "  # noqa: S608 - as above
    "ORDER BY r.requested_position DESC LIMIT :limit"
)
_OF_EACH: Final = (
    "SELECT a.asset, l.* FROM unnest(CAST(:assets AS text[])) AS a (asset) "
    "CROSS JOIN LATERAL (%s) AS l ORDER BY l.requested_position DESC"
)
_COUNT: Final = f"SELECT count(*) FROM %s AND {_IS_WANTED} AND {_STANDS_SO}"  # noqa: S608 - as above
_COUNT_THEN: Final = f"SELECT count(*) FROM %s AND {_IS_WANTED} AND {_STOOD_SO}"  # noqa: S608 - as above
# Each of the present, and of a moment of the past.
_RUNS: Final = tuple(text(latest % (_OF_ALL % "<")) for latest in (_LATEST, _LATEST_THEN))
_RUNS_OF: Final = tuple(
    text(_OF_EACH % (latest % (_OF_ASSET % ("a.asset", "<")))) for latest in (_LATEST, _LATEST_THEN)
)
_COUNT_ALL: Final = tuple(text(counted % (_OF_ALL % "<")) for counted in (_COUNT, _COUNT_THEN))
_COUNT_OF: Final = tuple(text(counted % (_OF_ASSET % (":asset", "<"))) for counted in (_COUNT, _COUNT_THEN))
_COUNT_OF_EACH: Final = tuple(
    text(
        f"{counted.replace('SELECT', 'SELECT x.asset,', 1)} GROUP BY x.asset"
        % (_OF_ASSET % ("ANY (CAST(:assets AS text[]))", "<"))
    )
    for counted in (_COUNT, _COUNT_THEN)
)
# Positions bound what is looked at, by the index; the bucket is told by the author's clock, which may differ a little.
_DENSITY: Final = tuple(
    "SELECT least(:buckets, greatest(1, width_bucket(extract(epoch FROM r.requested_at), :begin, :end, :buckets))) "  # noqa: S608 - as above
    f"AS bucket, {status} AS status, count(*) AS runs "
    f"FROM %s AND r.requested_position > :after AND {_IS_WANTED} AND {stands} GROUP BY 1, 2 ORDER BY 1, 2"
    for status, stands in ((STATUS_NOW, _STANDS_SO), (_STATUS_THEN, _STOOD_SO))
)
_DENSITY_ALL: Final = tuple(text(density % (_OF_ALL % "<=")) for density in _DENSITY)
_DENSITY_OF: Final = tuple(text(density % (_OF_ASSET % (":asset", "<="))) for density in _DENSITY)


class Counted(NamedTuple):
    """How many runs of a status were asked for in a bucket of time, from 1."""

    bucket: int
    status: str
    runs: int


def recent_runs(
    connection: Connection, project: str, *, before: Position, limit: int, wanted: Wanted = ALL
) -> list[RunRow]:
    """Runs that are wanted and were requested before that position, newest first.

    Cost: O(limit), or of what is rare O(runs), of an asset O(its runs).
    """
    if wanted.asset is not None:
        return runs_of_assets(connection, project, [wanted.asset], before=before, limit=limit, wanted=wanted)[
            wanted.asset
        ]
    parameters = {"project": project, "before": before, "limit": limit, **wanted.parameters}
    rows = connection.execute(_RUNS[wanted.is_past], parameters)
    return [RunRow(**row._mapping) for row in rows]  # noqa: SLF001 - the documented accessor of SQLAlchemy rows


def runs_going_on(
    connection: Connection, project: str, *, environment: str, before: Position, as_of: Position, limit: int
) -> list[RunRow]:
    """Runs requested before a position that had not ended at another one, newest first; those that died aside.

    Cost: O(them) by index of the present, and of the past O(runs since).
    """
    parameters = {"project": project, "environment": environment, "before": before, "as_of": as_of, "limit": limit}
    rows = connection.execute(_GOING_ON, parameters)
    return [RunRow(**row._mapping) for row in rows]  # noqa: SLF001 - as above


def going_on_count(connection: Connection, project: str, *, environment: str, before: Position, as_of: Position) -> int:
    """How many they are. Cost: as `runs_going_on`."""
    parameters = {"project": project, "environment": environment, "before": before, "as_of": as_of}
    return int(connection.execute(_GOING_ON_COUNT, parameters).scalar_one())


def runs_of_assets(
    connection: Connection,
    project: str,
    assets: Sequence[AssetId],
    *,
    before: Position,
    limit: int,
    wanted: Wanted = ALL,
) -> dict[AssetId, list[RunRow]]:
    """Of each asset the runs that have steps of it in their plans, as `recent_runs`, whatever asset is `wanted`."""
    parameters = {"project": project, "before": before, "limit": limit, **wanted.parameters}
    found: dict[AssetId, list[RunRow]] = {asset: [] for asset in assets}
    for row in connection.execute(_RUNS_OF[wanted.is_past], {**parameters, "assets": text_array(assets)}):
        values = dict(row._mapping)  # noqa: SLF001 - as above
        found[values.pop("asset")].append(RunRow(**values))
    return found


def runs_count(connection: Connection, project: str, *, upto: Position, wanted: Wanted = ALL) -> int:
    """How many runs that are wanted were asked for by then: as many as lists of them have."""
    parameters = {"project": project, "before": upto + 1, "asset": wanted.asset, **wanted.parameters}
    statements = _COUNT_ALL if wanted.asset is None else _COUNT_OF
    return int(connection.execute(statements[wanted.is_past], parameters).scalar_one())


def runs_counts(
    connection: Connection, project: str, assets: Sequence[AssetId], *, upto: Position, wanted: Wanted = ALL
) -> dict[AssetId, int]:
    """The same of each asset, whatever asset is `wanted`."""
    parameters = {"project": project, "before": upto + 1, "assets": text_array(assets), **wanted.parameters}
    rows = connection.execute(_COUNT_OF_EACH[wanted.is_past], parameters)
    return dict.fromkeys(assets, 0) | {AssetId(asset): count for asset, count in rows}


def runs_by_time(
    connection: Connection,
    project: str,
    *,
    wanted: Wanted,
    since: datetime,
    until: datetime,
    buckets: int,
    after: Position,
    upto: Position,
) -> list[Counted]:
    """Runs asked for between two positions, which are those of the times, by bucket and status. Cost: O(these runs)."""
    given = {
        **wanted.parameters,
        "project": project,
        "asset": wanted.asset,
        "begin": since.timestamp(),
        "end": until.timestamp(),
        "buckets": buckets,
        "after": after,
        "before": upto,
    }
    statements = _DENSITY_ALL if wanted.asset is None else _DENSITY_OF
    rows = connection.execute(statements[wanted.is_past], given)
    return [Counted(*row) for row in rows]
