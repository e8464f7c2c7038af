"""Heads: what each environment points to now, and every move of theirs.

`heads` is the present, one row per partition however often it moved. Moves are history: `head_history` has those that
were told one by one, `head_promotions` has a promotion's, one row per asset with all its partitions, since a hundred
thousand may move at once. What was head at a position is defined here and nowhere else: see `moves` and `heads_at`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Column, Connection, Row, Table, TextClause, text

from latewood.events import EnvironmentPromoted
from latewood.model.keys import AssetId, PartitionKey, VersionId
from latewood.projections.columns import key, metadata, project
from latewood.projections.snapshots import text_array, tuples
from latewood_eventlog.projector import Change, Derive, Put
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

heads: Final = Table(
    "heads",
    metadata,
    project(),
    key("environment"),
    key("asset"),
    key("partition"),
    Column("version", Name, nullable=False),
    Column("from_position", BigInteger, nullable=False),
    # Room for each row's next version on its page: then moving a head touches no index.
    postgresql_with={"fillfactor": 50},
)

head_history: Final = Table(
    "head_history",
    metadata,
    project(),
    key("environment"),
    key("asset"),
    key("partition"),
    Column("from_position", BigInteger, primary_key=True),
    Column("version", Name, nullable=False),
)

head_promotions: Final = Table(
    "head_promotions",
    metadata,
    project(),
    key("environment"),
    key("asset"),
    Column("from_position", BigInteger, primary_key=True),
    Column("partitions", ARRAY(Name), nullable=False),
    Column("versions", ARRAY(Name), nullable=False),
)
"""Heads of an asset that one promotion moved: partitions in order, and beside each the version it got."""


def moved(
    event: RecordedEvent, environment: str, asset: AssetId, partition: PartitionKey, version: VersionId
) -> Iterable[Change]:
    """A head becomes this version."""
    row = {
        "project": event.project,
        "environment": environment,
        "asset": asset,
        "partition": partition,
        "version": version,
        "from_position": event.position,
    }
    yield Put(heads, row)
    yield Put(head_history, row)


def promoted(event: RecordedEvent, fact: EnvironmentPromoted) -> Change:
    """The source's own heads become the target's, where they are not. Cost: O(its own heads of these assets)."""
    given = {
        "project": event.project,
        "environment": fact.environment,
        "source": fact.source,
        "assets": list(fact.assets),
        "position": event.position,
    }
    return Derive(_PROMOTE, given)


def dropped(event: RecordedEvent, environment: str) -> Change:
    """The environment has no heads any more; what they were is history."""
    return Derive(_DROP, {"project": event.project, "environment": environment})


# A hundred thousand heads may be promoted at once: as rows from rows that is one statement each.
_OF_SOURCE: Final = (
    "s.project = :project AND s.environment = :source "
    "AND (cardinality(CAST(:assets AS text[])) = 0 OR s.asset = ANY (CAST(:assets AS text[])))"
)
OF_SAME_ASSETS: Final = (
    "t.asset = ANY (ARRAY(SELECT DISTINCT asset FROM heads WHERE project = :project AND environment = :source))"
)
"""A condition on heads `t` that are joined to those of a source: no others are read, however many there are."""

_SAME_PLACE: Final = (
    f"t.project = :project AND t.environment = :environment AND {OF_SAME_ASSETS} "
    "AND t.asset = s.asset AND t.partition = s.partition"
)
# First, while the target still has its old heads: so all is read in the order of the index, and nothing is sorted.
_REMEMBER: Final = (
    "INSERT INTO head_promotions (project, environment, asset, from_position, partitions, versions) "  # noqa: S608 - ours
    "SELECT :project, :environment, s.asset, CAST(:position AS bigint), array_agg(s.partition ORDER BY s.partition), "
    "array_agg(s.version ORDER BY s.partition) "
    f"FROM heads s LEFT JOIN heads t ON {_SAME_PLACE} WHERE {_OF_SOURCE} AND t.version IS DISTINCT FROM s.version "
    "GROUP BY s.asset"
)
# In place: rows were removed and inserted again at three times the cost.
_MOVE_OTHERS: Final = (
    "UPDATE heads t SET version = s.version, from_position = CAST(:position AS bigint) FROM heads s "  # noqa: S608 - ours
    f"WHERE {_SAME_PLACE} AND {_OF_SOURCE} AND t.version <> s.version"
)
_ADD_MISSING: Final = (
    "INSERT INTO heads (project, environment, asset, partition, version, from_position) "  # noqa: S608 - ours
    "SELECT s.project, :environment, s.asset, s.partition, s.version, CAST(:position AS bigint) FROM heads s "
    f"WHERE {_OF_SOURCE} AND NOT EXISTS (SELECT FROM heads t WHERE {_SAME_PLACE}) ORDER BY s.asset, s.partition"
)
# Without loops, as in `joined_at_once`.
_PROMOTE: Final = (
    f"SET LOCAL enable_nestloop = off; {_REMEMBER}; {_MOVE_OTHERS}; {_ADD_MISSING}; SET LOCAL enable_nestloop = on"
)
_DROP: Final = "DELETE FROM heads WHERE project = :project AND environment = :environment"


# ── what was head ────────────────────────────────────────────────────────────────────────────────────────

OF_STRETCH: Final = (
    "h.project = :project AND h.environment = :environment AND h.from_position > :after AND h.from_position <= :upto"
)
"""A condition for `moves`: those of an environment in (after, upto]."""


def moves(condition: str, of_partition: str = "true") -> str:
    """SQL for all moves of heads, as (asset, partition, version, from_position), that meet a condition.

    It is about columns of `h` that both kinds of history have: project, environment, asset, from_position. With the
    first two of these it is an index scan, with the asset a shorter one; `of_partition`, about `h.asset` and
    `{partition}`, makes it one shorter still. Never to be joined by partition row by row: a promotion would be taken
    apart anew for each.
    """
    one, many = (
        f"{condition} AND {of_partition.format(partition=column)}" for column in ("h.partition", "m.partition")
    )
    return (
        "SELECT h.asset, h.partition, h.version, h.from_position FROM head_history h "  # noqa: S608 - our own conditions
        f"WHERE {one} UNION ALL SELECT h.asset, m.partition, m.version, h.from_position FROM head_promotions h "
        f"CROSS JOIN LATERAL unnest(h.partitions, h.versions) AS m (partition, version) WHERE {many}"
    )


def heads_at(condition: str, of_partition: str = "true") -> str:
    """SQL for the heads, with the same columns, that the moves of one environment that meet a condition led to."""
    return (
        "SELECT DISTINCT ON (asset, partition) asset, partition, version, from_position "  # noqa: S608 - as above
        f"FROM ({moves(condition, of_partition)}) m "
        "ORDER BY asset, partition, from_position DESC"
    )


def assets_of_moves(condition: str) -> str:
    """SQL for the assets of which there are moves that meet a condition."""
    return (
        f"SELECT h.asset FROM head_history h WHERE {condition} "  # noqa: S608 - as above
        f"UNION SELECT h.asset FROM head_promotions h WHERE {condition}"
    )


_END: Final = text("SELECT position FROM log_head")
_LAST_MOVE: Final = text(
    f"SELECT max(from_position) FROM ({moves(f'{OF_STRETCH} AND h.asset = :asset', '{partition} = :partition')}) m"  # noqa: S608 - as above
)
_OF_ASSETS: Final = f"{OF_STRETCH} AND h.asset = ANY (CAST(:assets AS text[]))"
NAMED_SLOTS: Final = "unnest(CAST(:assets AS text[]), CAST(:partitions AS text[])) AS n (asset, partition)"
IN_NAMED: Final = f"(h.asset, {{partition}}) IN (SELECT asset, partition FROM {NAMED_SLOTS})"  # noqa: S608 - as above
"""Conditions for `moves`: those of partitions that are named beside their assets."""

_LAST_MOVES: Final = text(f"SELECT asset, partition, from_position FROM ({heads_at(_OF_ASSETS)}) h")  # noqa: S608 - as above
# A look for each, however often others of the asset have moved; promotions are taken apart once for all of them.
_NAMED_LAST_MOVES: Final = text(
    "SELECT asset, partition, max(from_position) FROM ("  # noqa: S608 - as above
    f"  SELECT n.asset, n.partition, l.from_position FROM {NAMED_SLOTS} CROSS JOIN LATERAL ("
    f"    SELECT h.from_position FROM head_history h WHERE {OF_STRETCH} AND h.asset = n.asset "
    "    AND h.partition = n.partition ORDER BY h.from_position DESC LIMIT 1) l"
    "  UNION ALL SELECT h.asset, m.partition, h.from_position FROM head_promotions h "
    f"  CROSS JOIN LATERAL unnest(h.partitions) AS m (partition) WHERE {_OF_ASSETS} AND "
    f"  {IN_NAMED.format(partition='m.partition')}) m GROUP BY asset, partition"
)


def last_moves(
    connection: Connection,
    project: str,
    environment: str,
    assets: Collection[AssetId],
    *,
    after: Position,
    upto: Position,
    only: Mapping[AssetId, Collection[PartitionKey]] = MappingProxyType({}),
) -> dict[tuple[AssetId, PartitionKey], Position]:
    """When each head of these assets moved last in (after, upto], if it did; of those in `only` of these partitions.

    Cost: O(moves of these assets); of named partitions a look each, and O(promotions of their assets).
    """
    bounds = {"project": project, "environment": environment, "after": after, "upto": upto}
    named = [(asset, partition) for asset in sorted(assets) for partition in only.get(asset, ())]
    found = list[tuple[Any, ...]]()
    if whole := sorted(asset for asset in assets if asset not in only):
        found += tuples(connection, _LAST_MOVES, {**bounds, "assets": whole})
    if named:
        slots = {"assets": text_array([a for a, _ in named]), "partitions": text_array([p for _, p in named])}
        found += tuples(connection, _NAMED_LAST_MOVES, {**bounds, **slots})
    return {(asset, partition): at for asset, partition, at in found}


def last_move_before(
    connection: Connection, project: str, environment: str, asset: AssetId, partition: PartitionKey, position: Position
) -> Position | None:
    """When the environment's own head moved last before a position, if it did. Cost: O(its moves, and promotions)."""
    given = {"project": project, "environment": environment, "asset": asset, "partition": partition}
    found: Position | None = connection.execute(_LAST_MOVE, {**given, "after": 0, "upto": position - 1}).scalar_one()
    return found


_ASSETS_MOVED: Final = text(assets_of_moves(OF_STRETCH))


def assets_moved(
    connection: Connection, project: str, environment: str, *, after: Position, upto: Position
) -> frozenset[AssetId]:
    """The assets of which the environment's own heads moved in (after, upto]. Cost: O(moves of the environment)."""
    given = {"project": project, "environment": environment, "after": after, "upto": upto}
    return frozenset(AssetId(asset) for (asset,) in tuples(connection, _ASSETS_MOVED, given))


def unless_moved_since(told: str) -> TextClause:
    """A statement for `standing`: the rows of this SQL, which have asset, partition and position, oldest first.

    Without those that a head of today stands over.
    """
    return text(
        f"SELECT t.*, h.from_position AS moved FROM ({told}) t LEFT JOIN heads h ON h.project = :project "  # noqa: S608 - our own SQL
        "AND h.environment = :environment AND h.asset = t.asset AND h.partition = t.partition "
        "WHERE h.from_position IS NULL OR h.from_position < t.position OR h.from_position > :as_of ORDER BY t.position"
    )


def standing(connection: Connection, statement: TextClause, given: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """What was told of asset partitions and no move of their head came after, up to the position `as_of`.

    Cost: of the present a look for each; at a past position O(moves of those assets whose heads have moved since).
    """
    rows = connection.execute(statement, given).all()
    as_of = given["as_of"]
    if as_of >= connection.execute(_END).scalar_one():
        return rows
    unsure = {row.asset for row in rows if row.moved is None or row.moved > as_of}
    last = last_moves(connection, given["project"], given["environment"], unsure, after=given["after"], upto=as_of)
    return [row for row in rows if last.get((row.asset, row.partition), 0) < row.position]
