"""Counts and sizes, and small look-ups for people who read."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, text

from latewood.model.keys import AssetId, AssetKey, VersionId
from latewood.projections.environments import line_of
from latewood.projections.heads import OF_STRETCH, moves

_EVENTS: Final = text(
    "SELECT type, count(*) AS events FROM events WHERE project = :project GROUP BY type ORDER BY events DESC, type"
)
_BYTES: Final = text(
    "SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'latewood' AND c.relkind = 'r' "
    "ORDER BY bytes DESC, name"
)
_KEYS: Final = text("SELECT asset, key FROM assets WHERE project = :project AND asset = ANY (CAST(:assets AS text[]))")

_HEADS_EVER: Final = text(
    f"SELECT version FROM ({moves(f'{OF_STRETCH} AND h.asset = :asset')}) m "  # noqa: S608 - our own SQL
    "WHERE version = ANY (CAST(:versions AS text[]))"
)
_POSITION: Final = text("SELECT position FROM log_head")


def log_position(connection: Connection) -> int:
    """Position of the last event this reading sees; 0 for an empty log."""
    return int(connection.execute(_POSITION).scalar_one())


def events_by_type(connection: Connection, project: str) -> dict[str, int]:
    """Number of events by type, most first. Cost: O(log)."""
    return {row.type: row.events for row in connection.execute(_EVENTS, {"project": project})}


def bytes_by_table(connection: Connection) -> dict[str, int]:
    """Bytes on disk by table, indexes included, largest first."""
    return {row.name: row.bytes for row in connection.execute(_BYTES)}


def keys_of_ids(connection: Connection, project: str, assets: Collection[str]) -> dict[str, AssetKey]:
    """The keys of assets by id."""
    rows = connection.execute(_KEYS, {"project": project, "assets": sorted(set(assets))})
    return {row.asset: row.key for row in rows}


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
