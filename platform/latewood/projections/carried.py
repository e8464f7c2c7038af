"""Partitions carried over: by which other partition's versions one is judged, after a scheme has changed."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, Table, Text, text

from latewood.decide.state import Carried
from latewood.events import PartitionCarried
from latewood.model.keys import AssetId, PartitionKey
from latewood.projections.columns import event_of, key, metadata, project
from latewood.projections.snapshots import text_array
from latewood_eventlog.projector import Change, Put
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

table: Final = Table(
    "carried",
    metadata,
    project(),
    key("asset"),
    key("new"),
    Column("from_position", BigInteger, primary_key=True),
    Column("old", Name, nullable=False),
    Column("undone", Boolean, nullable=False),
    Column("actor", Text, nullable=False),
)


class CarriedProjection:
    """One row for every time somebody said where a partition's versions come from."""

    name = "carried"
    version = 1
    inline = True
    tables = (table,)
    types = frozenset({"partition.carried"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The row of one event."""
        fact = event_of(event)
        assert isinstance(fact, PartitionCarried), f"nothing that is carried over: {fact}"
        yield Put(
            table,
            {
                "project": event.project,
                "asset": fact.asset,
                "new": fact.new,
                "from_position": event.position,
                "old": fact.old,
                "undone": fact.undone,
                "actor": event.actor,
            },
        )


_CARRIED: Final = text(
    "SELECT asset, old, new, from_position, actor FROM (SELECT DISTINCT ON (asset, new) * FROM carried "
    "  WHERE project = :project AND asset = ANY (CAST(:assets AS text[])) AND from_position <= :as_of "
    "  ORDER BY asset, new, from_position DESC) c WHERE NOT undone ORDER BY from_position"
)
_PARTITIONS: Final = text(
    "SELECT DISTINCT partition FROM versions WHERE project = :project AND asset = :asset ORDER BY partition"
)


def carried_over(
    connection: Connection, project: str, assets: Collection[AssetId], as_of: Position
) -> tuple[Carried, ...]:
    """What is carried over of these assets at a position, in the order in which it was said."""
    parameters = {"project": project, "assets": text_array(assets), "as_of": as_of}
    return tuple(Carried._make(row) for row in connection.execute(_CARRIED, parameters))


def partitions_made(connection: Connection, project: str, asset: AssetId) -> list[PartitionKey]:
    """The partitions of which the asset ever had a version. Cost: O(versions of the asset)."""
    return [PartitionKey(p) for (p,) in connection.execute(_PARTITIONS, {"project": project, "asset": asset})]
