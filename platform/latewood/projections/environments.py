"""Environments: where each one began, what its line is, and what it pins.

An environment's own heads are rows; what it has from its base is read there, as of the position where it branched.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Boolean, Column, Connection, DateTime, Table, Text, TextClause, text
from sqlalchemy.dialects.postgresql import JSON

from latewood.decide.state import Pin
from latewood.events import EnvironmentCreated, EnvironmentDropped, Event, ParameterPinned, ParameterUnpinned
from latewood.model.keys import AssetId, PartitionKey
from latewood.projections.catalog import EVER_DEPLOYED_TO, PAIRS
from latewood.projections.columns import event_of, key, metadata, project
from latewood.projections.heads import OF_SAME_ASSETS, OF_STRETCH, assets_of_moves, heads_at, moves
from latewood.projections.snapshots import joined_at_once, tuples
from latewood_eventlog.projector import Change, Put
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

environments: Final = Table(
    "environments",
    metadata,
    project(),
    key("environment"),
    Column("from_position", BigInteger, primary_key=True),
    Column("base", Name, nullable=False),
    Column("base_position", BigInteger, nullable=False),
    Column("dropped", Boolean, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
)

pins: Final = Table(
    "pins",
    metadata,
    project(),
    key("environment"),
    key("asset"),
    key("parameter"),
    Column("from_position", BigInteger, primary_key=True),
    Column("pinned", Boolean, nullable=False),
    Column("value", JSON),
    Column("actor", Text, nullable=False),
)


class EnvironmentsProjection:
    """Environments that were created or dropped; one that was only ever deployed to has no row. What they pin."""

    name = "environments"
    version = 2
    inline = True
    tables = (environments, pins)
    types = frozenset({"environment.created", "environment.dropped", "parameter.pinned", "parameter.unpinned"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The row of one event."""
        match event_of(event):
            case EnvironmentCreated() as fact:
                name, base, base_position, dropped = fact.environment, fact.base, fact.base_position, False
            case EnvironmentDropped() as fact:
                name, base, base_position, dropped = fact.environment, "", 0, True
            case other:
                yield _pin(event, other)
                return
        yield Put(
            environments,
            {
                "project": event.project,
                "environment": name,
                "from_position": event.position,
                "base": base,
                "base_position": base_position,
                "dropped": dropped,
                "at": event.occurred_at,
                "actor": event.actor,
            },
        )


def _pin(event: RecordedEvent, fact: Event) -> Change:
    match fact:
        case ParameterPinned(value=value):
            pinned = True
        case ParameterUnpinned():
            pinned, value = False, None
        case other:
            raise AssertionError(f"not an environment event: {other}")
    return Put(
        pins,
        {
            "project": event.project,
            "environment": fact.environment,
            "asset": fact.asset,
            "parameter": fact.parameter,
            "from_position": event.position,
            "pinned": pinned,
            "value": value,
            "actor": event.actor,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of an environment's history: what `environment` had of its own in (after, upto]."""

    environment: str
    after: Position
    upto: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment that is not dropped; `base` is empty where it has none."""

    environment: str
    base: str
    base_position: Position


_LINE: Final = text(
    "WITH RECURSIVE line (environment, upto, depth) AS ("
    '  SELECT CAST(:environment AS text) COLLATE "C", CAST(:as_of AS bigint), 0'
    "  UNION ALL SELECT e.base, e.base_position, l.depth + 1 FROM line l CROSS JOIN LATERAL ("
    "    SELECT base, base_position FROM environments WHERE project = :project AND environment = l.environment "
    "    AND from_position <= l.upto ORDER BY from_position DESC LIMIT 1) e WHERE e.base <> ''"
    ") SELECT l.environment, l.upto, coalesce(("
    "  SELECT from_position FROM environments WHERE project = :project AND environment = l.environment "
    "  AND from_position <= l.upto ORDER BY from_position DESC LIMIT 1), 0) AS after FROM line l ORDER BY l.depth"
)
# Those that were ever deployed to, or created; the latest event of each says whether it still is.
_THERE: Final = (
    f"{PAIRS}, last (environment, at) AS ("  # noqa: S608 - ours
    "  SELECT p.environment, max(d.from_position) FROM pairs p CROSS JOIN LATERAL ("
    "    SELECT from_position FROM environment_deployments WHERE project = :project AND environment = p.environment "
    "    AND location = p.location AND from_position <= :as_of AND deployment <> '' "
    "    ORDER BY from_position DESC LIMIT 1) d GROUP BY p.environment"
    ") SELECT n.environment, coalesce(e.base, '') AS base, coalesce(e.base_position, 0) AS base_position "
    "FROM environments_named n LEFT JOIN last l ON l.environment = n.environment LEFT JOIN LATERAL ("
    "  SELECT * FROM environments WHERE project = :project AND environment = n.environment "
    "  AND from_position <= :as_of ORDER BY from_position DESC LIMIT 1) e ON true "
    "WHERE NOT e.dropped OR l.at > coalesce(e.from_position, 0) ORDER BY n.environment"
)
_ENVIRONMENTS: Final = text(
    f"WITH RECURSIVE {EVER_DEPLOYED_TO}, environments_named AS ("  # noqa: S608 - as above
    "  SELECT environment FROM environments_deployed_to"
    "  UNION SELECT environment FROM environments WHERE project = :project"
    f"), {_THERE}"
)
_OF_THESE: Final = text(
    "WITH RECURSIVE environments_named (environment) AS ("
    '  SELECT DISTINCT unnest(CAST(:environments AS text[])) COLLATE "C"'
    f"), {_THERE}"
)
_HAS_BEEN: Final = text(
    "SELECT EXISTS (SELECT FROM environments WHERE project = :project AND environment = :environment) "
    "OR EXISTS (SELECT FROM environment_deployments WHERE project = :project AND environment = :environment)"
)


def line_of(connection: Connection, project: str, environment: str, as_of: Position) -> list[Stretch]:
    """Where the environment's heads come from, nearest first: its own, then what it had of its base, and so on."""
    parameters = {"project": project, "environment": environment, "as_of": as_of}
    return [
        Stretch(environment=row.environment, after=row.after, upto=row.upto)
        for row in connection.execute(_LINE, parameters)
    ]


def began(connection: Connection, project: str, environment: str, as_of: Position) -> Position:
    """Where what the environment is at a position began; 0 where nobody created it."""
    return line_of(connection, project, environment, as_of)[0].after


def existing(connection: Connection, project: str, as_of: Position) -> list[Environment]:
    """The environments there are at a position, by name. Cost: O(environments there ever were, and their locations)."""
    return _there(connection, _ENVIRONMENTS, {"project": project, "as_of": as_of})


def existing_of(
    connection: Connection, project: str, environments_: Collection[str], as_of: Position
) -> list[Environment]:
    """Those of these environments that there are at a position, by name. Cost: O(locations that they ever had)."""
    return _there(connection, _OF_THESE, {"project": project, "environments": sorted(environments_), "as_of": as_of})


def _there(connection: Connection, statement: TextClause, parameters: Mapping[str, Any]) -> list[Environment]:
    rows = connection.execute(statement, parameters)
    return [Environment(**row._mapping) for row in rows]  # noqa: SLF001 - the documented accessor of SQLAlchemy rows


def has_been(connection: Connection, project: str, environment: str) -> bool:
    """Whether there ever was an environment of that name, be it dropped since. Cost: two look-ups."""
    parameters = {"project": project, "environment": environment}
    return bool(connection.execute(_HAS_BEEN, parameters).scalar_one())


class Difference(NamedTuple):
    """How many partitions of an asset have another head of `source`'s own than in `target`.

    `moved` of them are heads of the target that the source never had: somebody moved them since; `first` is one. A
    tuple: there may be one of each asset.
    """

    asset: AssetId
    partitions: int
    moved: int
    first: PartitionKey | None


# Own heads of the source that the target has otherwise, and whether the target's were moved since the fork.
_DIFFERING: Final = (
    "SELECT s.asset, s.partition, t.version, t.version IS NOT NULL AND t.from_position > :fork AS moved "  # noqa: S608 - ours
    f"FROM heads s LEFT JOIN heads t ON t.project = :project AND t.environment = :target AND {OF_SAME_ASSETS} "
    "AND t.asset = s.asset AND t.partition = s.partition WHERE s.project = :project AND s.environment = :source "
    "AND t.version IS DISTINCT FROM s.version"
)
# The same of a moment, by the moves that led to it: those of the target of assets that the source has moved.
_OF_SOURCE: Final = (
    "h.project = :project AND h.environment = :source AND h.from_position > :source_after AND h.from_position <= :upto"
)
_OF_TARGET: Final = (
    "h.project = :project AND h.environment = :target AND h.from_position > :target_after AND h.from_position <= :upto "
    f"AND h.asset = ANY (ARRAY({assets_of_moves(_OF_SOURCE)}))"
)
_DIFFERED: Final = (
    "SELECT s.asset, s.partition, t.version, t.version IS NOT NULL AND t.from_position > :fork AS moved "  # noqa: S608 - ours
    f"FROM ({heads_at(_OF_SOURCE)}) s LEFT JOIN ({heads_at(_OF_TARGET)}) t "
    "ON t.asset = s.asset AND t.partition = s.partition WHERE t.version IS DISTINCT FROM s.version"
)


def _counted(differing: str) -> TextClause:
    return text(
        f"SELECT asset, count(*), count(*) FILTER (WHERE moved) FROM ({differing}) d GROUP BY asset ORDER BY asset"  # noqa: S608 - as above
    )


def _moved(differing: str) -> TextClause:
    return text(
        f"SELECT asset, partition, version FROM ({differing}) d WHERE moved AND asset = ANY (CAST(:assets AS text[]))"  # noqa: S608 - as above
    )


_NOW: Final = _counted(_DIFFERING), _moved(_DIFFERING)
_THEN: Final = _counted(_DIFFERED), _moved(_DIFFERED)
_EVER: Final = text(
    f"SELECT asset, partition, version FROM ({moves(f'{OF_STRETCH} AND h.asset = ANY (CAST(:assets AS text[]))')}) m"  # noqa: S608 - as above
)
_ASSETS_AT_ONCE: Final = 500  # whose moves are in memory


def differences(
    connection: Connection, project: str, *, line: Sequence[Stretch], target: Sequence[Stretch], is_now: bool
) -> dict[AssetId, Difference]:
    """What the environment with this line has of its own, and the one with the line `target` has not.

    Cost: O(its own heads), and O(moves in the line) of those assets that were moved in the target since the fork. If
    it is not of now, O(moves of its own since it began, and of the same assets in the target).
    """
    own, theirs = line[0], target[0]
    parameters: dict[str, Any] = {
        "project": project,
        "source": own.environment,
        "target": theirs.environment,
        "fork": fork_of(line, theirs.environment),
    }
    if not is_now:
        parameters |= {"source_after": own.after, "target_after": theirs.after, "upto": own.upto}
    counted, moved_ones = _NOW if is_now else _THEN
    with joined_at_once(connection):
        found = {
            asset: Difference(asset, partitions, moved, None)
            for asset, partitions, moved in tuples(connection, counted, parameters)
        }
        assets = [asset for asset, difference in found.items() if difference.moved]
        if not assets:
            return found
        moved = set(tuples(connection, moved_ones, {**parameters, "assets": assets}))
    for asset, partitions in _not_known(connection, project, line, assets, moved).items():
        first = min(partitions, default=None)
        found[asset] = found[asset]._replace(moved=len(partitions), first=first)
    return found


def _not_known(
    connection: Connection,
    project: str,
    line: Sequence[Stretch],
    assets: Sequence[AssetId],
    moved: set[tuple[Any, ...]],
) -> dict[AssetId, list[PartitionKey]]:
    """Partitions of which that version never stood in the line: surely it did if the target had it at the fork."""
    for stretch in line:
        given = {"project": project, "environment": stretch.environment, "after": stretch.after, "upto": stretch.upto}
        for start in range(0, len(assets), _ASSETS_AT_ONCE):
            of = {"assets": assets[start : start + _ASSETS_AT_ONCE]}
            moved.difference_update(tuples(connection, _EVER, given | of))
    by_asset: dict[AssetId, list[PartitionKey]] = {asset: [] for asset in assets}
    for asset, partition, _ in moved:
        by_asset[asset].append(partition)
    return by_asset


def fork_of(line: Sequence[Stretch], target: str) -> Position:
    """Where the environment with this line branched from `target`, if it did."""
    return max((stretch.upto for stretch in line[1:] if stretch.environment == target), default=0)


_PINS: Final = text(
    "SELECT p.asset, p.parameter, p.pinned, p.value, p.from_position, p.actor FROM "
    "unnest(CAST(:environments AS text[]), CAST(:afters AS bigint[]), CAST(:uptos AS bigint[])) WITH ORDINALITY "
    "AS l (environment, after, upto, depth) JOIN pins p ON p.project = :project AND p.environment = l.environment "
    "AND p.from_position > l.after AND p.from_position <= l.upto ORDER BY l.depth, p.from_position DESC"
)


def pins_along(connection: Connection, project: str, line: Sequence[Stretch]) -> list[Pin]:
    """All that was pinned and unpinned in an environment with this line: what counts most first."""
    rows = connection.execute(_PINS, {"project": project, **stretches(line)})
    return [Pin._make(row) for row in rows]


def in_force(pins_: Iterable[Pin]) -> dict[tuple[AssetId, str], Pin]:
    """Of each parameter the first."""
    found: dict[tuple[AssetId, str], Pin] = {}
    for pin in pins_:
        found.setdefault((pin.asset, pin.parameter), pin)
    return found


def stretches(line: Sequence[Stretch]) -> dict[str, list[str] | list[Position]]:
    """The line as bound parameters of a statement."""
    return {
        "environments": [stretch.environment for stretch in line],
        "afters": [stretch.after for stretch in line],
        "uptos": [stretch.upto for stretch in line],
    }
