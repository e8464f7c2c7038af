"""Retractions: which versions were declared wrong, when, why, and until when."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, DateTime, Index, Table, Text, text

from latewood.decide.state import Retraction, VersionFacts
from latewood.events import RetractionUndone, VersionsRetracted
from latewood.model.keys import RunId
from latewood.projections.columns import event_of, key, metadata, project
from latewood_eventlog.projector import Change, Put
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

table: Final = Table(
    "retractions",
    metadata,
    project(),
    key("asset"),
    key("partition"),
    key("version"),
    Column("from_position", BigInteger, primary_key=True),
    Column("undone", Boolean, nullable=False),
    Column("rerun", Boolean, nullable=False),
    Column("output", Name, nullable=False),
    Column("data_version", Text, nullable=False),
    Column("artifact", Text, nullable=False),
    Column("reuse_key", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
# Who asks whether anything was retracted before a position reads the first one.
Index("retractions_position", table.c.project, table.c.from_position)


class RetractionsProjection:
    """Versions that were retracted, and taken back: one row for every time somebody said so."""

    name = "retractions"
    version = 2
    inline = True
    tables = (table,)
    types = frozenset({"versions.retracted", "retraction.undone"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """Rows of one event."""
        match event_of(event):
            case VersionsRetracted() as fact:
                for found in fact.versions:
                    yield Put(
                        table,
                        _row(event, found.asset, found.partition, found.version, fact.reason)
                        | {
                            "undone": False,
                            "rerun": fact.rerun,
                            "output": found.output,
                            "data_version": found.data_version,
                            "artifact": found.artifact,
                            "reuse_key": found.reuse_key,
                        },
                    )
            case RetractionUndone() as fact:
                for asset, by_version in fact.versions.items():
                    for version, partitions in by_version.items():
                        for partition in partitions:
                            yield Put(table, _row(event, asset, partition, version, fact.reason) | _UNDONE)
            case other:
                raise AssertionError(f"not a retraction: {other}")


_UNDONE: Final = {"undone": True, "rerun": False, "output": "", "data_version": "", "artifact": "", "reuse_key": ""}


def _row(event: RecordedEvent, asset: str, partition: str, version: str, reason: str) -> dict[str, Any]:
    return {
        "project": event.project,
        "asset": asset,
        "partition": partition,
        "version": version,
        "from_position": event.position,
        "reason": reason,
        "actor": event.actor,
        "at": event.occurred_at,
    }


_RETRACTIONS: Final = text(
    "SELECT asset, partition, version, output, data_version, artifact, reuse_key, rerun, reason, from_position FROM ("
    "  SELECT DISTINCT ON (asset, partition, version) * FROM retractions WHERE project = :project "
    "  AND from_position <= :as_of ORDER BY asset, partition, version, from_position DESC) r "
    "WHERE NOT undone ORDER BY from_position, asset, partition, version"
)
# What the steps of a run made: an index lookup per step and output. Step -1 = of all.
_MADE_BY: Final = text(
    "SELECT v.asset, v.partition, v.version, v.position, v.made_at, v.duration_ms, v.data_version, v.artifact, "
    "v.code, v.logic, v.inputs, v.reuse_key, v.accepted_position IS NOT NULL AS accepted, v.output "
    "FROM steps s CROSS JOIN unnest(s.assets) AS a (asset) JOIN versions v ON v.project = s.project "
    "AND v.asset = a.asset AND v.partition = s.partition AND v.version = s.run || '.' || s.step "
    "WHERE s.project = :project AND s.run = :run AND :step IN (-1, s.step) ORDER BY s.step, v.output, v.asset"
)
# What falls under a retraction without being named by it: equal content, and the same output of the same computation.
_EQUAL: Final = text(
    "WITH named AS (SELECT v.* FROM unnest(CAST(:assets AS text[]), CAST(:partitions AS text[]), "
    "    CAST(:versions AS text[])) AS n (asset, partition, version) JOIN versions v ON v.project = :project "
    "  AND v.asset = n.asset AND v.partition = n.partition AND v.version = n.version) "
    "SELECT v.asset, v.partition, v.version FROM named n JOIN versions v ON v.project = :project "
    "  AND v.asset = n.asset AND v.partition = n.partition "
    "  AND (v.data_version = n.data_version OR (v.artifact = n.artifact AND n.artifact <> '')) "
    "UNION SELECT v.asset, v.partition, v.version FROM named n JOIN versions v ON v.project = :project "
    "  AND v.logic = n.logic AND v.reuse_key = n.reuse_key AND v.output = n.output "
    "WHERE n.reuse_key <> '' ORDER BY asset, partition, version"
)
_EXIST: Final = text(
    "SELECT v.asset, v.partition, v.version FROM unnest(CAST(:assets AS text[]), CAST(:partitions AS text[]), "
    "  CAST(:versions AS text[])) AS n (asset, partition, version) JOIN versions v ON v.project = :project "
    "AND v.asset = n.asset AND v.partition = n.partition AND v.version = n.version"
)
_FIRST: Final = text(
    "SELECT coalesce(min(v.position), 0) FROM unnest(CAST(:assets AS text[]), CAST(:partitions AS text[]), "
    "  CAST(:versions AS text[])) AS n (asset, partition, version) JOIN versions v ON v.project = :project "
    "AND v.asset = n.asset AND v.partition = n.partition AND v.version = n.version"
)

Named = tuple[str, str, str]
"""A version by asset, partition and version id."""


def retractions(connection: Connection, project: str, as_of: Position) -> list[Retraction]:
    """What is retracted at a position, oldest first. Cost: O(retractions)."""
    rows = connection.execute(_RETRACTIONS, {"project": project, "as_of": as_of})
    return [Retraction._make(row) for row in rows]


def made_by(connection: Connection, project: str, run: RunId, step: int = -1) -> list[tuple[VersionFacts, str]]:
    """What a run's step made, or all its steps, in order: each version with the output it is."""
    rows = connection.execute(_MADE_BY, {"project": project, "run": run, "step": step})
    return [(VersionFacts._make(row[:-1]), row.output) for row in rows]


def equal_versions(connection: Connection, project: str, named: Iterable[Named]) -> list[Named]:
    """These versions, and those that equal them. Cost: O(versions of their partitions and computations)."""
    return _looked_up(connection, project, _EQUAL, named)


def existing_versions(connection: Connection, project: str, named: Iterable[Named]) -> list[Named]:
    """Those that were really made."""
    return _looked_up(connection, project, _EXIST, named)


def first_position(connection: Connection, project: str, named: Iterable[Named]) -> Position:
    """Where the oldest of these versions stands in the log: nothing was made from any of them before it."""
    ((position,),) = _looked_up(connection, project, _FIRST, named)
    return int(position)


def _looked_up(connection: Connection, project: str, statement: Any, named: Iterable[Named]) -> list[Any]:
    columns = list(zip(*named, strict=True)) or [(), (), ()]
    parameters = dict(zip(("assets", "partitions", "versions"), map(list, columns), strict=True))
    return [tuple(row) for row in connection.execute(statement, {"project": project, **parameters})]
