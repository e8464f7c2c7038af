"""Renames: what assets were called, and since when they have had another name."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, DateTime, Table, Text, text

from latewood.decide.deploy import Rename
from latewood.events import AssetRenamed
from latewood.model.keys import AssetId, AssetKey
from latewood.projections.columns import event_of, key, metadata, project
from latewood_eventlog.projector import Change, Put
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

table: Final = Table(
    "renames",
    metadata,
    project(),
    key("asset"),
    Column("from_position", BigInteger, primary_key=True),
    Column("old", Name, nullable=False),
    Column("new", Name, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)


class RenamesProjection:
    """One row for every time an asset was renamed."""

    name = "renames"
    version = 1
    inline = True
    tables = (table,)
    types = frozenset({"asset.renamed"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The row of one event."""
        fact = event_of(event)
        assert isinstance(fact, AssetRenamed), f"not a rename: {fact}"
        yield Put(
            table,
            {
                "project": event.project,
                "asset": fact.asset,
                "from_position": event.position,
                "old": fact.old,
                "new": fact.new,
                "actor": event.actor,
                "at": event.occurred_at,
            },
        )


_RENAMES: Final = text(
    "SELECT asset, old, new, from_position FROM renames WHERE project = :project AND from_position <= :as_of "
    "ORDER BY from_position"
)
_NAMED: Final = text("SELECT key, asset FROM assets WHERE project = :project ORDER BY key, asset")
_HAS_VERSIONS: Final = text("SELECT EXISTS (SELECT FROM versions WHERE project = :project AND asset = :asset)")


def renames(connection: Connection, project: str, as_of: Position) -> list[Rename]:
    """All renames up to a position, oldest first."""
    return [Rename._make(row) for row in connection.execute(_RENAMES, {"project": project, "as_of": as_of})]


def names_defined(connection: Connection, project: str) -> list[tuple[AssetKey, AssetId]]:
    """What every asset is called where it was last defined. Cost: O(assets)."""
    return [(row.key, row.asset) for row in connection.execute(_NAMED, {"project": project})]


def has_versions(connection: Connection, project: str, asset: AssetId) -> bool:
    """Whether anything was ever made of the asset."""
    return bool(connection.execute(_HAS_VERSIONS, {"project": project, "asset": asset}).scalar_one())
