"""Versions, heads, verdicts of checks, and contents of files: what reuse and staleness are judged by."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Boolean, Column, Connection, DateTime, Double, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSON

from latewood.decide.keys import digest
from latewood.events import (
    AssetObserved,
    CheckEvaluated,
    EnvironmentCreated,
    EnvironmentDropped,
    EnvironmentPromoted,
    HeadsMoved,
    OutputMade,
    RunPlanned,
    StepReused,
    StepSucceeded,
    VersionAccepted,
)
from latewood.model.keys import AssetId, PartitionKey, VersionId, version_id
from latewood.projections.columns import event_of, key, metadata, project
from latewood.projections.environments import began
from latewood.projections.heads import (
    dropped,
    head_history,
    head_promotions,
    heads,
    moved,
    promoted,
    standing,
    unless_moved_since,
)
from latewood_eventlog.projector import Change, Put, Set
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

versions: Final = Table(
    "versions",
    metadata,
    project(),
    key("asset"),
    key("partition"),
    key("version"),
    Column("position", BigInteger, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("duration_ms", Double, nullable=False),
    Column("data_version", Text, nullable=False),
    Column("artifact", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("logic", Name, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("reuse_key", Text, nullable=False),
    Column("output", Name, nullable=False),
    Column("accepted_position", BigInteger),
)
Index("versions_position", versions.c.project, versions.c.asset, versions.c.position)
# One logic has many versions: equal index keys are stored once, so this index costs a few bytes per version.
Index("versions_logic", versions.c.project, versions.c.logic)
# What was not accepted as it was made is refused, or was once: of that there is little.
Index(
    "versions_refused",
    versions.c.project,
    versions.c.asset,
    versions.c.position,
    postgresql_where=versions.c.accepted_position.is_distinct_from(versions.c.position),
)
# Keys are digests, so nobody asks for their order; hashes of them take a third of the space.
Index("versions_key", versions.c.reuse_key, postgresql_using="hash", postgresql_where=versions.c.reuse_key != "")

checks: Final = Table(
    "checks",
    metadata,
    project(),
    key("asset"),
    key("partition"),
    key("check_name"),
    Column("position", BigInteger, primary_key=True),
    Column("environment", Name, nullable=False),
    Column("version", Name, nullable=False),
    Column("variant", Boolean, nullable=False),
    Column("check_key", Text, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("blocking", Boolean, nullable=False),
    Column("severity", Name, nullable=False),
    Column("message", Text, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("evaluated_at", DateTime(timezone=True), nullable=False),
)
# The asset comes first: servers up to 16 that have no statistics look for a list of assets only where it leads.
Index("checks_failed", checks.c.asset, checks.c.project, postgresql_where=~checks.c.passed)

# By a digest, of the location too where the path is relative: a path may be longer than what an index takes.
contents: Final = Table(
    "contents",
    metadata,
    project(),
    key("path_digest"),
    Column("from_position", BigInteger, primary_key=True),
    Column("content", Text, nullable=False),
)


class VersionsProjection:
    """Versions, heads, checks, and what lay behind the paths in parameters."""

    name = "versions"
    version = 11
    inline = True
    tables = (versions, heads, head_history, head_promotions, checks, contents)
    types = frozenset(
        {
            "run.planned",
            "step.succeeded",
            "step.reused",
            "check.evaluated",
            "version.accepted",
            "asset.observed",
            "heads.moved",
            "environment.promoted",
            "environment.created",
            "environment.dropped",
        }
    )

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """Rows of one event."""
        fact = event_of(event)
        match fact:
            case StepSucceeded():
                yield from _made(event, fact)
            case StepReused():
                for output in fact.outputs:
                    if output.made is not None:
                        yield _version(
                            event, fact, output.made, output.version, 0.0, output.made_at or event.occurred_at
                        )
                    if output.head:
                        yield from moved(event, fact.environment, output.asset, fact.partition, output.version)
            case AssetObserved():
                yield _seen(event, fact)
                yield from moved(event, fact.environment, fact.asset, fact.partition, fact.version)
            case RunPlanned():
                for path, content in fact.contents.items():
                    yield Put(
                        contents,
                        {
                            "project": event.project,
                            "path_digest": _slot(fact.location, path),
                            "from_position": event.position,
                            "content": content,
                        },
                    )
            case VersionAccepted():
                yield Set(
                    versions,
                    {
                        "project": event.project,
                        "asset": fact.asset,
                        "partition": fact.partition,
                        "version": fact.version,
                    },
                    {"accepted_position": event.position},
                )
                if fact.head:
                    yield from moved(event, fact.environment, fact.asset, fact.partition, fact.version)
            case CheckEvaluated():
                yield Put(
                    checks,
                    {
                        "project": event.project,
                        "asset": fact.asset,
                        "partition": fact.partition,
                        "check_name": fact.check,
                        "position": event.position,
                        "environment": fact.environment,
                        "version": fact.version,
                        "variant": fact.variant,
                        "check_key": fact.check_key,
                        "passed": fact.passed,
                        "blocking": fact.blocking,
                        "severity": fact.severity,
                        "message": fact.message,
                        "metadata": fact.metadata,
                        "evaluated_at": event.occurred_at,
                    },
                )
            case HeadsMoved() | EnvironmentPromoted() | EnvironmentCreated() | EnvironmentDropped():
                yield from _environment_changed(event, fact)
            case other:
                raise AssertionError(f"not a version event: {other}")


def _made(event: RecordedEvent, fact: StepSucceeded) -> Iterable[Change]:
    version = version_id(fact.run, fact.step)
    for output in fact.outputs:
        yield _version(event, fact, output, version, fact.duration_ms, event.occurred_at)
        if output.head:
            yield from moved(event, fact.environment, output.asset, fact.partition, version)


def _version(
    event: RecordedEvent,
    fact: StepSucceeded | StepReused,
    output: OutputMade,
    version: VersionId,
    duration_ms: float,
    made_at: datetime,
) -> Change:
    return Put(
        versions,
        {
            "project": event.project,
            "asset": output.asset,
            "partition": fact.partition,
            "version": version,
            "position": event.position,
            "made_at": made_at,
            "duration_ms": duration_ms,
            "data_version": output.data_version,
            "artifact": output.artifact,
            "size": output.size,
            "code": fact.code,
            "logic": fact.logic,
            "inputs": fact.inputs_digest,
            "reuse_key": fact.reuse_key,
            "output": output.output,
            "accepted_position": event.position if output.accepted else None,
        },
    )


def _seen(event: RecordedEvent, fact: AssetObserved) -> Change:
    """An observation is a version made by nothing that could be done again; its content lies where others put it."""
    return Put(
        versions,
        {
            "project": event.project,
            "asset": fact.asset,
            "partition": fact.partition,
            "version": fact.version,
            "position": event.position,
            "made_at": event.occurred_at,
            "duration_ms": 0.0,
            "data_version": fact.data_version,
            "artifact": fact.artifact,
            "size": 0,
            "code": fact.code,
            "logic": "",
            "inputs": "",
            "reuse_key": "",
            "output": "result",
            "accepted_position": event.position,
        },
    )


def _environment_changed(
    event: RecordedEvent, fact: HeadsMoved | EnvironmentPromoted | EnvironmentCreated | EnvironmentDropped
) -> Iterable[Change]:
    match fact:
        case HeadsMoved():
            for asset, by_version in fact.moves.items():
                for version, partitions in by_version.items():
                    for partition in partitions:
                        yield from moved(event, fact.environment, asset, partition, version)
        case EnvironmentPromoted():
            yield promoted(event, fact)
        case EnvironmentCreated() | EnvironmentDropped():
            # A run that did not know that its environment was dropped may have moved heads there since.
            yield dropped(event, fact.environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """A verdict as it was recorded."""

    partition: PartitionKey
    check_name: str
    version: VersionId
    passed: bool
    blocking: bool
    severity: str
    message: str
    metadata: dict[str, Any]
    position: Position
    evaluated_at: datetime


_CHECKS_OF: Final = (
    "SELECT partition, check_name, version, passed, blocking, severity, message, metadata, position, evaluated_at "
    "FROM checks WHERE project = :project AND asset = {asset} AND position <= :as_of "
    "AND (CAST(:partitions AS text[]) IS NULL OR partition = ANY (CAST(:partitions AS text[]))) "
    "ORDER BY position DESC LIMIT :limit"
)
_CHECKS: Final = text(_CHECKS_OF.format(asset=":asset"))
_CHECKS_OF_EACH: Final = text(
    "SELECT a.asset AS of, l.* FROM unnest(CAST(:assets AS text[])) AS a (asset) "  # noqa: S608 - our own columns
    f"CROSS JOIN LATERAL ({_CHECKS_OF.format(asset='a.asset')}) AS l ORDER BY l.position DESC"
)


# The newest verdict of each check that is blocking, or is not, where it did not pass; from the failed ones on.
_NOT_PASSED: Final = unless_moved_since(
    "SELECT c.asset, c.partition, c.check_name, c.check_key, c.version, c.position FROM checks c "
    "WHERE c.project = :project AND NOT c.passed AND c.blocking = :blocking AND c.environment = :environment "
    "AND NOT c.variant AND c.position > :after AND c.position <= :as_of AND NOT EXISTS ("
    "  SELECT FROM checks l WHERE l.project = c.project AND l.asset = c.asset AND l.partition = c.partition "
    "  AND l.check_name = c.check_name AND l.environment = c.environment AND NOT l.variant "
    "  AND l.position > c.position AND l.position <= :as_of)"
)


class RefusedVersion(NamedTuple):
    """A version that a blocking check kept from being head, or would have kept from it."""

    check: str
    check_key: str
    version: VersionId
    position: Position


def refused_partitions(
    connection: Connection, project: str, environment: str, as_of: Position
) -> dict[tuple[AssetId, PartitionKey], RefusedVersion]:
    """Asset partitions whose newest version a blocking check refused in that environment; variants aside."""
    return {
        (row.asset, row.partition): RefusedVersion(row.check_name, row.check_key, row.version, row.position)
        for row in standing(connection, _NOT_PASSED, _of_checks(connection, project, environment, as_of, blocking=True))
    }


class Warned(NamedTuple):
    """An asset partition whose newest version did not pass a check that is not blocking."""

    asset: AssetId
    partition: PartitionKey
    check: str
    position: Position


def warned_partitions(connection: Connection, project: str, environment: str, as_of: Position) -> list[Warned]:
    """What did not pass checks that are not blocking, and is head since; in the order of the log."""
    parameters = _of_checks(connection, project, environment, as_of, blocking=False)
    rows = standing(connection, _NOT_PASSED, parameters)
    return [Warned(row.asset, row.partition, row.check_name, row.position) for row in rows]


def _of_checks(
    connection: Connection, project: str, environment: str, as_of: Position, *, blocking: bool
) -> dict[str, Any]:
    after = began(connection, project, environment, as_of)
    return {"project": project, "environment": environment, "after": after, "as_of": as_of, "blocking": blocking}


def checks_of(
    connection: Connection,
    project: str,
    asset: AssetId,
    *,
    as_of: Position,
    limit: int,
    partitions: Sequence[PartitionKey] | None = None,
) -> tuple[CheckRow, ...]:
    """Verdicts on an asset up to a position, of these partitions or of all, newest first."""
    chosen = None if partitions is None else list(partitions)
    parameters = {"project": project, "asset": asset, "as_of": as_of, "limit": limit, "partitions": chosen}
    rows = connection.execute(_CHECKS, parameters)
    return tuple(CheckRow(**row._mapping) for row in rows)  # noqa: SLF001 - the documented accessor of SQLAlchemy rows


def checks_of_each(
    connection: Connection,
    project: str,
    assets: Collection[AssetId],
    *,
    as_of: Position,
    limit: int,
    partitions: Sequence[PartitionKey] | None = None,
) -> dict[AssetId, list[CheckRow]]:
    """By asset its verdicts, as `checks_of`."""
    chosen = None if partitions is None else list(partitions)
    parameters = {"project": project, "assets": list(assets), "as_of": as_of, "limit": limit, "partitions": chosen}
    found: dict[AssetId, list[CheckRow]] = {asset: [] for asset in assets}
    for row in connection.execute(_CHECKS_OF_EACH, parameters):
        values = dict(row._mapping)  # noqa: SLF001 - as above
        found[values.pop("of")].append(CheckRow(**values))
    return found


def _slot(location: str, path: str) -> str:
    """Where the content of a path is kept: of a relative one in its location, of any other by the path alone."""
    return digest(location, path) if location and not PurePosixPath(path).is_absolute() else digest(path)


# The latest content of each path up to a position, of either slot: the primary key gives them in order.
_LATEST_IN: Final = (
    "(SELECT from_position, content FROM contents WHERE project = :project AND path_digest = p.{slot} "
    "AND from_position <= :as_of ORDER BY from_position DESC LIMIT 1)"
)
_CONTENTS: Final = text(
    "SELECT p.own, c.content FROM unnest(CAST(:own AS text[]), CAST(:anybodys AS text[])) AS p (own, anybodys) "  # noqa: S608 - ours
    f"CROSS JOIN LATERAL (SELECT content FROM ({_LATEST_IN.format(slot='own')} UNION ALL "
    f"{_LATEST_IN.format(slot='anybodys')}) b ORDER BY from_position DESC LIMIT 1) c WHERE c.content <> ''"
)


def contents_seen(
    connection: Connection, project: str, location: str, paths: Collection[str], as_of: Position
) -> dict[str, str]:
    """Content hashes by path as a run of that location last saw them, where there was anything.

    What was recorded before runs said their location is anybody's: it is older than all that is anybody's own.
    Cost: an index lookup each.
    """
    by_slot = {_slot(location, path): path for path in paths}
    if not by_slot:
        return {}
    anybodys = [digest(path) for path in by_slot.values()]
    parameters = {"project": project, "own": list(by_slot), "anybodys": anybodys, "as_of": as_of}
    return {by_slot[row.own]: row.content for row in connection.execute(_CONTENTS, parameters)}
