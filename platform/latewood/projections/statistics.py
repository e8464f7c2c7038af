"""Counts and sizes, and small look-ups for people who read."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, text

from latewood.decide.how_far import ENDED, WAITING, Ended, Stretch, planned_steps
from latewood.decide.state import VersionFacts
from latewood.events import RunPlanned
from latewood.model.elements import elements_of, is_elements, list_of
from latewood.model.keys import AssetId, AssetKey, PartitionKey, RunId, VersionId
from latewood.model.ordinals import Ordinals
from latewood.projections.environments import line_of
from latewood.projections.heads import OF_STRETCH, heads_at, moves
from latewood.projections.refusals import REFUSED
from latewood.projections.snapshots import text_array, tuples
from latewood.projections.states import NOW
from latewood_eventlog.records import Position

_LATEST_STEPS: Final = 1_000
"""Events at the end of the log by which it is told how long appends take."""

_SERVER: Final = text("SELECT current_setting('server_version')")
_STEPS: Final = text(
    "SELECT r.run, s.status, count(*) AS steps FROM runs r JOIN steps s ON s.project = r.project AND s.run = r.run "
    "WHERE r.project = :project AND r.ended_position IS NULL GROUP BY r.run, s.status"
)
# The first events of a run are its request and its plan, of which a large one has some dozens.
_PLANS: Final = text(
    "SELECT r.run, e.data::text AS data FROM runs r "
    "JOIN events e ON e.project = r.project AND e.stream = 'run/' || r.run AND e.version < 1000 "
    "WHERE r.project = :project AND r.ended_position IS NULL AND e.type = 'run.planned'"
)
_ELEMENTS: Final = text(
    "SELECT r.run, e.count AS steps FROM runs r JOIN expansions e ON e.project = r.project AND e.run = r.run "
    "WHERE r.project = :project AND r.ended_position IS NULL"
)
# An engine says when a fact was told, and the log when it was recorded: what lies between is its way into the log.
_APPENDS: Final = text(
    "SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP "
    "(ORDER BY extract(epoch FROM e.recorded_at - e.occurred_at)::float8) AS seconds FROM events e, log_head h "
    "WHERE e.project = :project AND e.position > h.position - :latest AND starts_with(e.type, 'step.')"
)
_CHECKPOINTS: Final = text("SELECT p.name, h.position - p.checkpoint AS behind FROM projections p, log_head h")
_EVENTS: Final = text(
    "SELECT type, count(*) AS events FROM events WHERE project = :project GROUP BY type ORDER BY events DESC, type"
)
_BYTES: Final = text(
    "SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'latewood' AND c.relkind = 'r' "
    "ORDER BY bytes DESC, name"
)
_KEYS: Final = text("SELECT asset, key FROM assets WHERE project = :project AND asset = ANY (CAST(:assets AS text[]))")

_KEYS_THEN: Final = text(
    "SELECT DISTINCT ON (c.asset) c.asset, d.body ->> 'key' FROM deployment_changes c "
    "JOIN deployments p ON p.project = c.project AND p.deployment = c.deployment AND p.position <= :as_of "
    "JOIN definitions d ON d.project = c.project AND d.digest = c.digest "
    "WHERE c.project = :project AND c.asset = ANY (ARRAY(SELECT asset FROM renames "
    "  WHERE project = :project AND asset = ANY (CAST(:assets AS text[])))) "
    "ORDER BY c.asset, p.position DESC"
)
_HEADS_EVER: Final = text(
    f"SELECT version FROM ({moves(f'{OF_STRETCH} AND h.asset = :asset')}) m "  # noqa: S608 - our own SQL
    "WHERE version = ANY (CAST(:versions AS text[]))"
)
# Of these events an environment has few, and mostly none: then no head is looked at.
_BY_HAND: Final = text(
    "SELECT h.asset, h.partition, h.from_position FROM ("
    "  SELECT position FROM events WHERE project = :project AND stream = 'environment/' || :environment "
    "  AND type = 'heads.moved'"
    ") AS e JOIN heads h ON h.from_position = e.position WHERE h.project = :project AND h.environment = :environment "
    "AND h.asset = ANY (CAST(:assets AS text[])) ORDER BY h.asset, h.partition"
)
_BY_HAND_THEN: Final = text(
    "SELECT h.asset, h.partition, h.from_position FROM "  # noqa: S608 - our own columns
    f"({heads_at(f'{OF_STRETCH} AND h.asset = ANY (CAST(:assets AS text[]))')}) h "
    "JOIN events e ON e.position = h.from_position AND e.project = :project AND e.type = 'heads.moved' "
    "ORDER BY h.asset, h.partition"
)
_POSITION: Final = text("SELECT position FROM log_head")
_SIZES: Final = text(
    "SELECT v.asset, v.version, v.size FROM unnest(CAST(:assets AS text[]), CAST(:partitions AS text[]), "
    "CAST(:versions AS text[])) AS w (asset, partition, version) "
    "JOIN versions v ON v.project = :project AND v.asset = w.asset AND v.partition = w.partition "
    "AND v.version = w.version"
)
# Neighbours that stand alike are in a row by number and by place among their like: the difference is one.
_STRETCHES: Final = text(
    f"WITH {REFUSED}, stood AS ("  # noqa: S608 - ours
    "  SELECT s.step, CASE WHEN s.step IN (SELECT step FROM refused) THEN 'refused' ELSE s.status END AS status "
    "  FROM steps s WHERE s.project = :project AND s.run = :run"
    ") SELECT status, min(step) AS first, max(step) AS last FROM ("
    "  SELECT status, step, step - row_number() OVER (PARTITION BY status ORDER BY step) AS island FROM stood"
    ") AS s GROUP BY status, island"
)
_ENDED: Final = text(
    "SELECT min(step), max(step) + 1 FROM ("
    "  SELECT step, step - row_number() OVER (ORDER BY step) AS island FROM steps "
    "  WHERE project = :project AND run = :run AND status = ANY (CAST(:ended AS text[])) AND ended_position <= :as_of"
    ") AS s GROUP BY island"
)
_FAILURES: Final = text(
    "SELECT ended_position FROM steps WHERE project = :project AND run = :run AND status = 'failed' "
    "ORDER BY ended_position LIMIT :limit"
)
_ENDED_AFTER: Final = text(
    "SELECT assets, count(*) AS steps, coalesce(avg(duration_ms), 0) AS mean_ms, min(ended_position) AS first, "
    "coalesce((array_agg(duration_ms ORDER BY ended_position))[1], 0) AS first_ms "
    "FROM steps WHERE project = :project AND run = :run AND ended_position > :after GROUP BY assets ORDER BY assets"
)

_decode_planned: Final = msgspec.json.Decoder(RunPlanned).decode
# From one project to the next by the index of streams: the log may be long, and has few projects.
_PROJECTS: Final = text(
    "WITH RECURSIVE found (project) AS ((SELECT project FROM events ORDER BY project LIMIT 1) UNION ALL "
    "SELECT (SELECT e.project FROM events e WHERE e.project > f.project ORDER BY e.project LIMIT 1) "
    "FROM found f WHERE f.project IS NOT NULL) SELECT project FROM found WHERE project IS NOT NULL"
)


def version_sizes(
    connection: Connection, project: str, wanted: Collection[VersionFacts]
) -> dict[tuple[AssetId, VersionId], int]:
    """By asset and version the bytes of each; 0 where nobody has said. Cost: by index, those."""
    given = {
        "project": project,
        "assets": text_array([facts.asset for facts in wanted]),
        "partitions": text_array([facts.partition for facts in wanted]),
        "versions": text_array([facts.version for facts in wanted]),
    }
    return {(asset, version): size for asset, version, size in tuples(connection, _SIZES, given)}


def projects(connection: Connection) -> list[str]:
    """The projects that have anything in the log. Cost: a look each."""
    return list(connection.execute(_PROJECTS).scalars())


def log_position(connection: Connection) -> int:
    """Position of the last event this reading sees; 0 for an empty log."""
    return int(connection.execute(_POSITION).scalar_one())


def events_by_type(connection: Connection, project: str) -> dict[str, int]:
    """Number of events by type, most first. Cost: O(log)."""
    return {row.type: row.events for row in connection.execute(_EVENTS, {"project": project})}


def bytes_by_table(connection: Connection) -> dict[str, int]:
    """Bytes on disk by table, indexes included, largest first."""
    return {row.name: row.bytes for row in connection.execute(_BYTES)}


def keys_of_ids(
    connection: Connection, project: str, assets: Collection[str], as_of: Position = NOW
) -> dict[str, AssetKey]:
    """The keys of assets by id, as they were last defined by a position; of elements what stands for those.

    Cost: a look each; of the past, of those that were ever renamed, O(their definitions).
    """
    lists = {list_of(AssetId(asset)) for asset in assets}
    given = {"project": project, "assets": sorted(lists), "as_of": as_of}
    keys = dict(tuples(connection, _KEYS, given))
    if as_of < NOW:
        keys |= dict(tuples(connection, _KEYS_THEN, given))
    of_elements = {asset: elements_of(keys[list_of(AssetId(asset))]) for asset in assets if is_elements(asset)}
    return {**{asset: keys[asset] for asset in assets if asset in keys}, **of_elements}


def server_version(connection: Connection) -> str:
    """Postgres' version: `18.3`."""
    return str(connection.execute(_SERVER).scalar_one()).split(" ", 1)[0]


def steps_by_run(connection: Connection, project: str) -> dict[RunId, Counter[str]]:
    """The steps of all runs that have not ended: recorded ones by status, and `waiting` for what nobody has begun.

    Cost: O(steps of these runs) in the server, and their plans as ranges.
    """
    planned: Counter[RunId] = Counter()
    for row in connection.execute(_PLANS, {"project": project}):
        planned[row.run] += planned_steps(_decode_planned(row.data).steps)
    for row in connection.execute(_ELEMENTS, {"project": project}):
        planned[row.run] += row.steps
    found: dict[RunId, Counter[str]] = {run: Counter() for run in planned}
    for row in connection.execute(_STEPS, {"project": project}):
        found.setdefault(row.run, Counter())[row.status] = row.steps
    for run, counts in found.items():
        counts[WAITING] = max(0, planned[run] - counts.total())
    return found


def append_seconds(connection: Connection, project: str) -> tuple[float, float] | None:
    """Half, and 95 %, of the latest facts of steps were recorded so long after they were told; None without any."""
    seconds = connection.execute(_APPENDS, {"project": project, "latest": _LATEST_STEPS}).scalar_one()
    return None if seconds is None or seconds[0] is None else (seconds[0], seconds[1])


def behind(connection: Connection, following: Collection[str]) -> dict[str, int]:
    """By how many events each projection lags; those that are not `following` are applied with the append."""
    return {row.name: row.behind if row.name in following else 0 for row in connection.execute(_CHECKPOINTS)}


def stretches_of(connection: Connection, project: str, run: RunId, assets: Iterable[AssetId]) -> list[Stretch]:
    """The steps of a run of which anything is recorded, as ranges; those with a result that is refused apart.

    `assets` are what its steps make. Cost: one pass in the server over them, and over the failed verdicts of these; see
    `refusals`.
    """
    given = {"project": project, "run": run, "runs": [run], "steps": None, "assets": list(assets), "as_of": NOW}
    return [Stretch(*row) for row in connection.execute(_STRETCHES, given)]


def ended_stretches(connection: Connection, project: str, run: RunId, as_of: Position) -> Ordinals:
    """The steps of a run that had ended by a position: each does once. Cost: as `stretches_of`."""
    given = {"project": project, "run": run, "ended": list(ENDED), "as_of": as_of}
    return Ordinals.of_ranges((first, stop) for first, stop in connection.execute(_ENDED, given))


def first_failures(connection: Connection, project: str, run: RunId, limit: int) -> list[int]:
    """Where the first steps of a run failed, as positions in the log. Cost: as `stretches_of`."""
    parameters = {"project": project, "run": run, "limit": limit}
    return list(connection.execute(_FAILURES, parameters).scalars())


class Lately(NamedTuple):
    """What has ended of a run since some position, by task; of the first of these where it ended, and what it took."""

    tasks: tuple[Ended, ...]
    first: tuple[Position, timedelta] | None


def ended_after(connection: Connection, project: str, run: RunId, position: int) -> Lately:
    """The run's steps that have ended since that position. Cost: as `stretches_of`."""
    rows = list(connection.execute(_ENDED_AFTER, {"project": project, "run": run, "after": position}))
    first = min(((row.first, timedelta(milliseconds=row.first_ms)) for row in rows), default=None)
    return Lately(tuple(Ended(tuple(row.assets), row.steps, row.mean_ms) for row in rows), first)


def heads_by_hand(
    connection: Connection, project: str, environment: str, assets: Collection[AssetId], as_of: Position = NOW
) -> Sequence[tuple[AssetId, PartitionKey, Position]]:
    """The environment's own heads of these assets that were set by moving them, and where in the log; at a position.

    Cost: O(events of the environment), and O(heads of these assets) if any moved heads; of the past O(their moves).
    """
    given = {"project": project, "environment": environment, "assets": list(assets)}
    if as_of >= NOW:
        return tuples(connection, _BY_HAND, given)
    own = line_of(connection, project, environment, as_of)[0]
    return tuples(connection, _BY_HAND_THEN, {**given, "after": own.after, "upto": as_of})


def heads_ever(
    connection: Connection, project: str, environment: str, asset: AssetId, versions: Collection[VersionId], as_of: int
) -> frozenset[VersionId]:
    """Those versions of an asset that were a head of the environment up to a position, of its base before it began.

    Cost: O(moves of the asset's heads).
    """
    found: set[VersionId] = set()
    for stretch in line_of(connection, project, environment, as_of):
        parameters = {
            "project": project,
            "environment": stretch.environment,
            "asset": asset,
            "versions": list(versions),
            "after": stretch.after,
            "upto": min(stretch.upto, as_of),
        }
        found.update(connection.execute(_HEADS_EVER, parameters).scalars())
    return frozenset(found)
