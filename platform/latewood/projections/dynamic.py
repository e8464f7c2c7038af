"""Keys of dynamic partitions: when each was added or removed, and its ordinal, which it keeps for ever."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, Index, Integer, Table, text

from latewood.events import PartitionsAdded, PartitionsRemoved
from latewood.model.keys import PartitionKey
from latewood.model.ordinals import Ordinals
from latewood.model.schemes import DynamicKeys
from latewood.projections.columns import event_of, key, metadata, project
from latewood_eventlog.projector import Change, Derive
from latewood_eventlog.records import Position, RecordedEvent

table: Final = Table(
    "partition_keys",
    metadata,
    project(),
    key("name"),
    key("key"),
    Column("from_position", BigInteger, primary_key=True),
    Column("ordinal", Integer, nullable=False),
    Column("present", Boolean, nullable=False),
)
Index("partition_keys_ordinal", table.c.project, table.c.name, table.c.ordinal)

# Ordinals are given in the order of the log, so that whoever adds need not know what others add. What changes nothing
# leaves no row.
_LATEST: Final = (
    "LEFT JOIN LATERAL (SELECT p.ordinal, p.present FROM partition_keys p "
    "WHERE p.project = :project AND p.name = :name AND p.key = n.key ORDER BY p.from_position DESC LIMIT 1) o ON true"
)
_NEXT: Final = (
    "(SELECT coalesce(max(ordinal) + 1, 0) AS ordinal FROM partition_keys WHERE project = :project AND name = :name)"
)
_ADD: Final = (
    "INSERT INTO partition_keys (project, name, key, from_position, ordinal, present) "  # noqa: S608 - ours
    "SELECT :project, :name, n.key, CAST(:position AS bigint), "
    "coalesce(o.ordinal, x.ordinal + row_number() OVER (PARTITION BY o.ordinal IS NULL ORDER BY n.place) - 1), true "
    "FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS n (key, place) "
    f"CROSS JOIN {_NEXT} x {_LATEST} WHERE o.present IS DISTINCT FROM true"
)
_REMOVE: Final = (
    "INSERT INTO partition_keys (project, name, key, from_position, ordinal, present) "  # noqa: S608 - ours
    "SELECT :project, :name, n.key, CAST(:position AS bigint), o.ordinal, false "
    f"FROM unnest(CAST(:keys AS text[])) AS n (key) {_LATEST} WHERE o.present"
)


class DynamicProjection:
    """One row for every time a key came or went."""

    name = "dynamic"
    version = 1
    inline = True
    tables = (table,)
    types = frozenset({"partitions.added", "partitions.removed"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The rows of one event."""
        fact = event_of(event)
        assert isinstance(fact, PartitionsAdded | PartitionsRemoved), f"nothing about partitions: {fact}"
        yield Derive(
            _ADD if isinstance(fact, PartitionsAdded) else _REMOVE,
            {
                "project": event.project,
                "name": fact.name,
                "keys": list(dict.fromkeys(fact.keys)),
                "position": event.position,
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key as it stands: `since` when it has been there, or gone."""

    name: str
    key: PartitionKey
    ordinal: int
    present: bool
    since: Position


_KEYS: Final = text(
    "SELECT name, key, ordinal, present, from_position AS since FROM (SELECT DISTINCT ON (name, key) * "
    "  FROM partition_keys WHERE project = :project AND from_position <= :as_of "
    "  ORDER BY name, key, from_position DESC) k "
    "WHERE (CAST(:names AS text[]) IS NULL OR name = ANY (CAST(:names AS text[]))) ORDER BY name, ordinal"
)


_NAMES: Final = text(
    "SELECT DISTINCT name FROM partition_keys WHERE project = :project AND from_position <= :as_of ORDER BY name"
)


def key_rows(
    connection: Connection, project: str, as_of: Position, names: Collection[str] | None = None
) -> list[KeyRow]:
    """All keys that ever were by a position, by name and ordinal; of these names. Cost: O(times keys came and went)."""
    parameters = {"project": project, "as_of": as_of, "names": None if names is None else sorted(names)}
    rows = connection.execute(_KEYS, parameters)
    return [KeyRow(**row._mapping) for row in rows]  # noqa: SLF001 - the documented accessor of SQLAlchemy rows


def names_with_keys(connection: Connection, project: str, as_of: Position) -> list[str]:
    """The names that ever had a key by a position."""
    return [row.name for row in connection.execute(_NAMES, {"project": project, "as_of": as_of})]


def dynamic_keys(
    connection: Connection, project: str, as_of: Position, names: Collection[str]
) -> dict[str, DynamicKeys]:
    """What these names had for keys at a position, by name."""
    by_name: dict[str, list[KeyRow]] = {name: [] for name in names}
    for row in key_rows(connection, project, as_of, names) if names else ():
        by_name[row.name].append(row)
    return {
        name: DynamicKeys(
            name=name,
            keys=tuple(row.key for row in rows),
            removed=Ordinals.from_sorted(row.ordinal for row in rows if not row.present),
        )
        for name, rows in by_name.items()
    }
