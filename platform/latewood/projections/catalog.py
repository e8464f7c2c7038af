"""What is defined: assets, their definitions by digest, deployments, and where environments point.

A deployment is stored as its difference to its base, so that a code change costs as many rows as it changes
definitions; reading one walks the bases.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Column, Connection, DateTime, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSON

from latewood.events import (
    AssetDefined,
    AssetDropped,
    DeploymentCreated,
    EnvironmentCreated,
    EnvironmentDeployed,
    EnvironmentDropped,
)
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetId, AssetKey
from latewood.projections.columns import event_of, key, metadata, project
from latewood.projections.snapshots import text_array, tuples
from latewood_eventlog.projector import Change, Derive, Put
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

assets: Final = Table("assets", metadata, project(), key("asset"), Column("key", Name, nullable=False))
Index("assets_key", assets.c.project, assets.c.key)

definitions: Final = Table("definitions", metadata, project(), key("digest"), Column("body", JSON, nullable=False))

deployments: Final = Table(
    "deployments",
    metadata,
    project(),
    key("deployment"),
    Column("location", Name, nullable=False),
    Column("base", Name, nullable=False),
    Column("root", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("lock", Text, nullable=False),
    Column("assets", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
)

deployment_changes: Final = Table(
    "deployment_changes",
    metadata,
    project(),
    key("deployment"),
    key("asset"),
    Column("digest", Name),
)

environment_deployments: Final = Table(
    "environment_deployments",
    metadata,
    project(),
    key("environment"),
    key("location"),
    Column("from_position", BigInteger, primary_key=True),
    Column("deployment", Name, nullable=False),
)


class CatalogProjection:
    """Definitions and deployments."""

    name = "catalog"
    version = 3
    inline = True
    tables = (assets, definitions, deployments, deployment_changes, environment_deployments)
    types = frozenset(
        {
            "asset.defined",
            "asset.dropped",
            "deployment.created",
            "environment.deployed",
            "environment.created",
            "environment.dropped",
        }
    )

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """Rows of one event."""
        project_ = event.project
        match event_of(event):
            case AssetDefined() as fact:
                yield Put(assets, {"project": project_, "asset": fact.asset, "key": fact.key})
                if fact.part == 1:
                    yield Put(definitions, {"project": project_, "digest": fact.digest, "body": fact.definition})
                else:
                    given = {"piece": msgspec.json.decode(fact.definition), "last": fact.part == fact.parts}
                    yield Derive(_JOIN, {"project": project_, "digest": fact.digest, **given})
                yield Put(
                    deployment_changes,
                    {
                        "project": project_,
                        "deployment": fact.deployment,
                        "asset": fact.asset,
                        "digest": fact.digest,
                    },
                )
            case AssetDropped() as fact:
                yield Put(
                    deployment_changes,
                    {"project": project_, "deployment": fact.deployment, "asset": fact.asset, "digest": None},
                )
            case DeploymentCreated() as fact:
                yield Put(
                    deployments,
                    {
                        "project": project_,
                        "deployment": fact.deployment,
                        "location": fact.location,
                        "base": fact.base,
                        "root": fact.root,
                        "source": fact.source,
                        "lock": fact.lock,
                        "assets": fact.assets,
                        "position": event.position,
                        "created_at": event.occurred_at,
                        "actor": event.actor,
                    },
                )
            case EnvironmentDeployed() as fact:
                yield _deployed(event, fact.environment, fact.location, fact.deployment)
            case EnvironmentCreated() as fact:
                for location, name in fact.deployments.items():
                    yield _deployed(event, fact.environment, location, name)
            case EnvironmentDropped() as fact:
                given = {"project": project_, "environment": fact.environment, "position": event.position}
                yield Derive(_UNDEPLOY, given)
            case other:
                raise AssertionError(f"not a catalog event: {other}")


def _deployed(event: RecordedEvent, environment: str, location: str, name: str) -> Change:
    return Put(
        environment_deployments,
        {
            "project": event.project,
            "environment": environment,
            "location": location,
            "from_position": event.position,
            "deployment": name,
        },
    )


# Until the last piece has come, the body is the text so far, as a JSON string.
_JOIN: Final = (
    "UPDATE definitions SET body = CASE WHEN :last THEN CAST((body #>> '{}') || :piece AS json) "
    "ELSE to_json((body #>> '{}') || :piece) END WHERE project = :project AND digest = :digest"
)

# No deployment from here on, in each location that there was one in.
_UNDEPLOY: Final = (
    "INSERT INTO environment_deployments (project, environment, location, from_position, deployment) "
    "SELECT DISTINCT project, environment, location, CAST(:position AS bigint), '' FROM environment_deployments "
    "WHERE project = :project AND environment = :environment"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A snapshot of a location as it was recorded."""

    deployment: str
    location: str
    base: str
    root: str
    source: str
    assets: int
    position: Position
    created_at: datetime
    actor: str


class Defined(NamedTuple):
    """One asset of a deployment. A tuple: a project has ten thousand."""

    asset: AssetId
    deployment: str
    location: str
    digest: str
    definition: AssetDefinition


# Whatever was ever deployed to in `environments (environment)`, and in which locations: each pair is looked for behind
# the one before, so that it costs a look, however often it was deployed to.
PAIRS: Final = (
    "pairs (environment, location) AS ("
    "  SELECT n.environment, d.location FROM environments_named n CROSS JOIN LATERAL ("
    "    SELECT location FROM environment_deployments WHERE project = :project AND environment = n.environment "
    "    ORDER BY location LIMIT 1) d"
    "  UNION ALL SELECT p.environment, d.location FROM pairs p CROSS JOIN LATERAL ("
    "    SELECT location FROM environment_deployments WHERE project = :project AND environment = p.environment "
    "    AND location > p.location ORDER BY location LIMIT 1) d)"
)
# The names of all of them, in the same way.
EVER_DEPLOYED_TO: Final = (
    "environments_deployed_to (environment) AS ("
    "  (SELECT environment FROM environment_deployments WHERE project = :project ORDER BY environment LIMIT 1)"
    "  UNION ALL SELECT d.environment FROM environments_deployed_to n CROSS JOIN LATERAL ("
    "    SELECT environment FROM environment_deployments WHERE project = :project AND environment > n.environment "
    "    ORDER BY environment LIMIT 1) d)"
)
_LATEST_OF_PAIRS: Final = (
    "SELECT p.environment, p.location, d.deployment, d.from_position FROM pairs p CROSS JOIN LATERAL ("
    "  SELECT deployment, from_position FROM environment_deployments WHERE project = :project "
    "  AND environment = p.environment AND location = p.location AND from_position <= :as_of "
    "  ORDER BY from_position DESC LIMIT 1) d WHERE d.deployment <> '' ORDER BY p.environment, p.location"
)
_DEPLOYED: Final = text(
    "WITH RECURSIVE environments_named (environment) AS ("
    '  SELECT CAST(:environment AS text) COLLATE "C"'
    f"), {PAIRS} {_LATEST_OF_PAIRS}"
)
_DEPLOYMENT: Final = text(
    "SELECT deployment, location, base, root, source, assets, position, created_at, actor FROM deployments "
    "WHERE project = :project AND deployment = :deployment"
)
_LATEST: Final = text(
    "SELECT deployment, location, base, root, source, assets, position, created_at, actor FROM deployments "
    "WHERE project = :project AND (:location = '' OR location = :location) AND position <= :as_of "
    "ORDER BY position DESC LIMIT :limit"
)
_LATEST_OF_EACH: Final = text(
    "SELECT deployment, location, base, root, source, assets, position, created_at, actor FROM ("
    "  SELECT *, row_number() OVER (PARTITION BY location ORDER BY position DESC) AS number FROM deployments "
    "  WHERE project = :project AND location = ANY (CAST(:locations AS text[])) AND position <= :as_of"
    ") AS d WHERE number <= :limit ORDER BY position DESC"
)
_LOCATIONS_THEN: Final = text(
    "SELECT DISTINCT location FROM deployments WHERE project = :project AND position <= :as_of ORDER BY location"
)
_NAMED: Final = text(
    "SELECT deployment, location, base, root, source, assets, position, created_at, actor FROM deployments "
    "WHERE project = :project AND starts_with(deployment, :prefix) AND position <= :as_of "
    "ORDER BY position DESC LIMIT 10"
)
_POINTED: Final = text(
    f"WITH RECURSIVE {EVER_DEPLOYED_TO}, "  # noqa: S608 - as above
    f"environments_named AS (SELECT environment FROM environments_deployed_to), {PAIRS} {_LATEST_OF_PAIRS}"
)
_CHANGES: Final = text(
    "WITH RECURSIVE bases (deployment, base, depth) AS ("
    "  SELECT d.deployment, d.base, 0 FROM deployments d "
    "  WHERE d.project = :project AND d.deployment = :deployment"
    "  UNION ALL SELECT d.deployment, d.base, b.depth + 1 FROM bases b "
    "  JOIN deployments d ON d.project = :project AND d.deployment = b.base"
    "), latest AS ("
    "  SELECT DISTINCT ON (c.asset) c.asset, c.digest FROM bases b "
    "  JOIN deployment_changes c ON c.project = :project AND c.deployment = b.deployment "
    "  ORDER BY c.asset, b.depth"
    ") SELECT l.asset, l.digest, d.body::text AS body FROM latest l "
    "JOIN definitions d ON d.project = :project AND d.digest = l.digest WHERE l.digest IS NOT NULL"
)
_DEFINED_IN: Final = text(
    "WITH RECURSIVE bases (top, position, deployment, base, depth) AS ("
    "  SELECT d.deployment, d.position, d.deployment, d.base, 0 FROM deployments d "
    "  WHERE d.project = :project AND d.deployment = ANY (CAST(:deployments AS text[]))"
    "  UNION ALL SELECT b.top, b.position, d.deployment, d.base, b.depth + 1 FROM bases b "
    "  JOIN deployments d ON d.project = :project AND d.deployment = b.base"
    "), latest AS ("
    "  SELECT DISTINCT ON (b.top, c.asset) b.top, b.position, c.asset, c.digest FROM bases b "
    "  JOIN deployment_changes c ON c.project = :project AND c.deployment = b.deployment "
    "  AND c.asset = ANY (CAST(:assets AS text[])) ORDER BY b.top, c.asset, b.depth"
    ") SELECT l.asset, l.top, l.position, d.body::text AS body FROM latest l "
    "JOIN definitions d ON d.project = :project AND d.digest = l.digest WHERE l.digest IS NOT NULL"
)
_DIGESTS: Final = text(
    "SELECT a.key, a.asset FROM assets a WHERE a.project = :project AND a.key = ANY (CAST(:keys AS text[]))"
)

_DEPLOYMENTS_OF: Final = text(
    "SELECT from_position, deployment FROM environment_deployments WHERE project = :project "
    "AND environment = :environment AND location = :location AND from_position <= :as_of ORDER BY from_position DESC"
)

_EVER_DEPLOYED: Final = text(
    "SELECT d.location "
    "FROM unnest(CAST(:locations AS text[]), CAST(:deployments AS text[])) AS d (location, deployment) "
    "WHERE EXISTS (SELECT FROM environment_deployments e WHERE e.project = :project AND e.environment = :environment "
    "AND e.location = d.location AND e.deployment = d.deployment AND e.from_position <= :as_of)"
)

# Which deployments have an asset of that key: those of its last change, and what is based on them without another.
_DROPPED: Final = text(
    "WITH RECURSIVE changes (asset, deployment, there) AS ("
    "  SELECT c.asset, c.deployment, c.digest IS NOT NULL FROM assets a "
    "  JOIN deployment_changes c ON c.project = a.project AND c.asset = a.asset "
    "  WHERE a.project = :project AND a.key = :key"
    "), defining (asset, deployment) AS ("
    "  SELECT asset, deployment FROM changes WHERE there"
    "  UNION ALL SELECT h.asset, d.deployment FROM defining h "
    "  JOIN deployments d ON d.project = :project AND d.base = h.deployment WHERE NOT EXISTS ("
    "    SELECT FROM changes c WHERE c.asset = h.asset AND c.deployment = d.deployment)"
    "), line AS ("
    "  SELECT e.location, e.from_position, e.deployment, "
    "  lag(e.deployment) OVER (PARTITION BY e.location ORDER BY e.from_position) AS before "
    "  FROM environment_deployments e WHERE e.project = :project AND e.environment = :environment "
    "  AND e.from_position <= :as_of AND EXISTS (SELECT FROM changes)"
    ") SELECT deployment, location, from_position FROM line "
    "WHERE deployment <> '' AND before IN (SELECT deployment FROM defining) "
    "AND deployment NOT IN (SELECT deployment FROM defining) ORDER BY from_position DESC LIMIT 1"
)

_decode: Final = msgspec.json.Decoder(AssetDefinition).decode


def deployed(connection: Connection, project: str, environment: str, as_of: Position) -> dict[str, str]:
    """The environment's deployment by location at that position. Cost: O(locations that it ever had)."""
    rows = connection.execute(_DEPLOYED, {"project": project, "environment": environment, "as_of": as_of})
    return {row.location: row.deployment for row in rows}


def deployment(connection: Connection, project: str, name: str) -> Deployment | None:
    """The deployment, if it was ever recorded."""
    row = connection.execute(_DEPLOYMENT, {"project": project, "deployment": name}).one_or_none()
    return None if row is None else Deployment(**row._mapping)  # noqa: SLF001 - the documented accessor of SQLAlchemy rows


def latest_deployments(
    connection: Connection, project: str, *, location: str, limit: int, as_of: Position
) -> list[Deployment]:
    """The latest deployments by a position, newest first, of one location unless that is empty. Cost: O(them)."""
    rows = connection.execute(_LATEST, {"project": project, "location": location, "limit": limit, "as_of": as_of})
    return [Deployment(**row._mapping) for row in rows]  # noqa: SLF001 - as above


def latest_of_each(
    connection: Connection, project: str, locations: Collection[str], *, limit: int, as_of: Position
) -> list[Deployment]:
    """The latest of each of these locations by a position, newest first. Cost: O(their deployments)."""
    given = {"project": project, "locations": list(locations), "limit": limit, "as_of": as_of}
    rows = connection.execute(_LATEST_OF_EACH, given)
    return [Deployment(**row._mapping) for row in rows]  # noqa: SLF001 - as above


def locations_by(connection: Connection, project: str, as_of: Position) -> list[str]:
    """The locations that had deployed by a position, by name. Cost: O(deployments)."""
    return [location for (location,) in connection.execute(_LOCATIONS_THEN, {"project": project, "as_of": as_of})]


def deployments_beginning(connection: Connection, project: str, prefix: str, as_of: Position) -> list[Deployment]:
    """The latest ten deployments by a position whose names begin so, newest first."""
    rows = connection.execute(_NAMED, {"project": project, "prefix": prefix, "as_of": as_of})
    return [Deployment(**row._mapping) for row in rows]  # noqa: SLF001 - as above


class Pointed(NamedTuple):
    """The deployment of a location that an environment has, since that position."""

    environment: str
    location: str
    deployment: str
    since: Position


def pointed(connection: Connection, project: str, as_of: Position) -> list[Pointed]:
    """What every environment of the project has deployed, at a position."""
    return [Pointed(*row) for row in connection.execute(_POINTED, {"project": project, "as_of": as_of})]


def defined(connection: Connection, project: str, location: str, name: str) -> list[Defined]:
    """All assets of a deployment. Cost: O(assets + bases), one query."""
    # Sorted here: the server would carry every body to the disk and back.
    rows = sorted(tuples(connection, _CHANGES, {"project": project, "deployment": name}))
    return [Defined(asset, name, location, digest, _decode(body)) for asset, digest, body in rows]


class DefinedIn(NamedTuple):
    """A definition of an asset, and the deployment that has it, with where the log says of that."""

    deployment: str
    position: Position
    definition: AssetDefinition


def defined_in(
    connection: Connection, project: str, deployments_: Collection[str], assets_: Collection[AssetId]
) -> dict[tuple[str, AssetId], DefinedIn]:
    """By deployment and asset the definitions of these assets. Cost: O(bases, and changes of the assets), one query."""
    given = {"project": project, "deployments": text_array(deployments_), "assets": text_array(assets_)}
    rows = connection.execute(_DEFINED_IN, given)
    return {(r.top, AssetId(r.asset)): DefinedIn(r.top, r.position, _decode(r.body)) for r in rows}


def locations_of(connection: Connection, project: str, deployed_: Mapping[str, str]) -> dict[AssetKey, list[str]]:
    """Which locations define each key, of these deployments by location. Cost: as `defined` for each."""
    found: dict[AssetKey, list[str]] = {}
    for location, name in sorted(deployed_.items()):
        for entry in defined(connection, project, location, name):
            found.setdefault(entry.definition.key, []).append(location)
    return found


def ids_of(connection: Connection, project: str, keys: list[AssetKey]) -> list[tuple[AssetKey, AssetId]]:
    """The stable ids of those keys that were last defined so; after a rename a key may have two."""
    rows = connection.execute(_DIGESTS, {"project": project, "keys": keys})
    return [(row.key, row.asset) for row in rows]


def deployments_of(
    connection: Connection, project: str, environment: str, location: str, as_of: Position
) -> list[tuple[Position, str]]:
    """When the environment pointed to which deployment of the location, newest first."""
    parameters = {"project": project, "environment": environment, "location": location, "as_of": as_of}
    return [(row.from_position, row.deployment) for row in connection.execute(_DEPLOYMENTS_OF, parameters)]


class Dropped(NamedTuple):
    """The deployment with which an asset went from an environment, and the position from which on that is there."""

    deployment: str
    location: str
    position: Position


def dropped_by(connection: Connection, project: str, environment: str, key: str, as_of: Position) -> Dropped | None:
    """By which an asset of that key went from the environment last; None of what it never had.

    Cost: O(deployments of the locations that had it, and of the environment).
    """
    given = {"project": project, "environment": environment, "key": key, "as_of": as_of}
    row = connection.execute(_DROPPED, given).one_or_none()
    return None if row is None else Dropped._make(row)


def ever_deployed(
    connection: Connection, project: str, environment: str, deployments: Mapping[str, str], as_of: Position
) -> frozenset[str]:
    """The locations of which the environment has ever pointed to this deployment; a branch begins with its base's."""
    given = {"locations": list(deployments), "deployments": list(deployments.values()), "as_of": as_of}
    rows = connection.execute(_EVER_DEPLOYED, {"project": project, "environment": environment, **given})
    return frozenset(row.location for row in rows)
