"""Artifacts: which were collected, and which ones anything reaches."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Table, text

from latewood.decide.garbage import Reach
from latewood.events import ArtifactsCollected
from latewood.model.elements import elements_of
from latewood.model.keys import AssetId
from latewood.projections.columns import event_of, key, metadata, project
from latewood.projections.environments import existing, line_of
from latewood.projections.heads import heads_at, moves
from latewood.projections.states import NOW
from latewood_eventlog.projector import Change, Put
from latewood_eventlog.records import Position, RecordedEvent

collected: Final = Table(
    "collected",
    metadata,
    project(),
    key("artifact"),
    Column("position", BigInteger, nullable=False),
)
"""When each was collected last. Versions before that are gone; one that was made since lies there again."""


class ArtifactsProjection:
    """Artifacts that were collected."""

    name = "artifacts"
    version = 1
    inline = True
    tables = (collected,)
    types = frozenset({"artifacts.collected"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """Rows of one event."""
        match event_of(event):
            case ArtifactsCollected() as fact:
                for artifact in fact.artifacts:
                    yield Put(collected, {"project": event.project, "artifact": artifact, "position": event.position})
            case other:
                raise AssertionError(f"not an artifact event: {other}")


# Reached is what lies in a head of any environment, now or at some time since; and what was made or accepted since. So
# are the versions that a list was collected of: with one element more only that one is to be computed.
_OF_EACH: Final = (
    "h.project = :project AND h.environment = s.environment AND h.from_position > s.after AND h.from_position <= s.upto"
)
_ARTIFACTS: Final = text(
    "WITH whole AS ("  # noqa: S608 - our own SQL
    "  SELECT v.asset, v.version, v.artifact FROM unnest(CAST(:environments AS text[]), CAST(:afters AS bigint[]), "
    "    CAST(:uptos AS bigint[])) AS s (environment, after, upto) "
    f"  CROSS JOIN LATERAL ({heads_at(_OF_EACH)}) h JOIN versions v ON v.project = :project AND v.asset = h.asset "
    "  AND v.partition = h.partition AND v.version = h.version"
    "  UNION ALL SELECT v.asset, v.version, v.artifact "
    f"  FROM ({moves('h.project = :project AND h.from_position > :since')}) h "
    "  JOIN versions v ON v.project = :project AND v.asset = h.asset AND v.partition = h.partition "
    "  AND v.version = h.version"
    "  UNION ALL SELECT asset, version, artifact FROM versions WHERE project = :project "
    "  AND (position > :since OR accepted_position > :since)"
    "), reached AS ("
    "  SELECT artifact FROM whole"
    "  UNION SELECT v.artifact FROM expansions e JOIN whole w ON w.version = e.run || '.' || e.step "
    "  JOIN steps s ON s.project = e.project AND s.run = e.run AND s.step >= e.first AND s.step < e.first + e.count "
    "  JOIN versions v ON v.project = e.project AND v.asset = w.asset || :elements AND v.partition = '' "
    "  AND v.version = coalesce(s.taken, s.run || '.' || s.step) WHERE e.project = :project"
    ") SELECT v.artifact, bool_or(r.artifact IS NOT NULL) AS reached, "
    "coalesce(max(c.position) > max(v.position), false) AS collected FROM versions v "
    "LEFT JOIN reached r ON r.artifact = v.artifact "
    "LEFT JOIN collected c ON c.project = v.project AND c.artifact = v.artifact "
    "WHERE v.project = :project GROUP BY v.artifact"
)

# Source and lock files of other projects' tasks, once they were withdrawn, where no deployment of the project itself
# has the same.
_ARCHIVES: Final = text(
    "SELECT g.artifact, bool_or(r.withdrawn IS NULL OR r.withdrawn > :since OR EXISTS ("
    "  SELECT FROM deployments d WHERE d.project = r.project "
    "  AND CASE WHEN g.artifact = r.lock THEN d.lock = r.lock ELSE d.source = r.source END)) AS reached, "
    "coalesce(max(c.position) > max(r.from_position), false) AS collected "
    "FROM received r CROSS JOIN LATERAL (VALUES (r.archive), (r.lock)) AS g (artifact) "
    "LEFT JOIN collected c ON c.project = r.project AND c.artifact = g.artifact "
    "WHERE r.project = :project AND g.artifact <> '' GROUP BY g.artifact"
)


def recorded_artifacts(connection: Connection, project: str, since: Position) -> dict[str, Reach]:
    """Every artifact that a version lies in, and whether anything reaches it that is true now or was after `since`.

    So are source and lock files that other projects granted. Cost: O(versions + moves of heads).
    """
    stretches = {
        stretch
        for as_of in (since, NOW)
        for entry in existing(connection, project, as_of)
        for stretch in line_of(connection, project, entry.environment, as_of)
    }
    parameters = {
        "project": project,
        "since": since,
        "elements": elements_of(AssetId("")),
        "environments": [stretch.environment for stretch in stretches],
        "afters": [stretch.after for stretch in stretches],
        "uptos": [stretch.upto for stretch in stretches],
    }
    rows = [*connection.execute(_ARTIFACTS, parameters), *connection.execute(_ARCHIVES, parameters)]
    return {row.artifact: Reach(reached=row.reached, collected=row.collected) for row in rows}
