"""Tasks that others may refer to: by deployment, as differences to its base; and those granted between projects."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Column, Connection, DateTime, Table, Text, text
from sqlalchemy.dialects.postgresql import JSON

from latewood.events import GrantRevoked, TaskDefined, TaskDropped, TaskGranted, TaskReceived, TaskWithdrawn
from latewood.model.definitions import BareTask
from latewood.projections.columns import event_of, key, metadata, project
from latewood_eventlog.projector import Change, Derive, Put
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

tasks: Final = Table("tasks", metadata, project(), key("deployment"), key("name"), Column("digest", Name))
"""A row per change, without a digest where the task was dropped."""

task_definitions: Final = Table(
    "task_definitions", metadata, project(), key("digest"), Column("body", JSON, nullable=False)
)

granted: Final = Table(
    "granted",
    metadata,
    project(),
    key("grantee"),
    key("location"),
    key("name"),
    key("deployment"),
    Column("from_position", BigInteger, primary_key=True),
    Column("version", Name, nullable=False),
    Column("granted_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("revoked", BigInteger),
)
"""A row per grant; a later one of the same version is another."""

received: Final = Table(
    "received",
    metadata,
    project(),
    key("owner"),
    key("location"),
    key("name"),
    key("deployment"),
    Column("from_position", BigInteger, primary_key=True),
    Column("digest", Name, nullable=False),
    Column("source", Text, nullable=False),
    Column("archive", Text, nullable=False),
    Column("paths", JSON, nullable=False),
    Column("lock", Text, nullable=False),
    Column("python", Text, nullable=False),
    Column("entry", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("withdrawn", BigInteger),
)


class TasksProjection:
    """Tasks by deployment, what is granted to other projects, and what they granted."""

    name = "tasks"
    version = 3
    inline = True
    tables = (tasks, task_definitions, granted, received)
    types = frozenset(
        {"task.defined", "task.dropped", "task.granted", "task.received", "grant.revoked", "task.withdrawn"}
    )

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """Rows of one event."""
        here = {"project": event.project}
        match event_of(event):
            case TaskDefined() as fact:
                yield _body(event, fact)
                row = {"deployment": fact.deployment, "name": fact.name, "digest": fact.digest}
                yield Put(tasks, {**here, **row})
            case TaskDropped() as fact:
                yield Put(tasks, {**here, "deployment": fact.deployment, "name": fact.name, "digest": None})
            case TaskGranted() as fact:
                yield Put(
                    granted,
                    {
                        **here,
                        "grantee": fact.to,
                        "location": fact.location,
                        "name": fact.name,
                        "deployment": fact.deployment,
                        "version": fact.version,
                        "from_position": event.position,
                        "granted_at": event.occurred_at,
                        "actor": event.actor,
                    },
                )
            case TaskReceived() as fact:
                yield _body(event, fact)
                if fact.part == fact.parts:  # before that it is not known what it is
                    yield Put(received, {**here, **_received(event, fact)})
            case GrantRevoked() as fact:
                given = {"other": fact.to, "location": fact.location, "name": fact.name, "position": event.position}
                yield Derive(_REVOKE, {**here, **given})
            case TaskWithdrawn() as fact:
                given = {"other": fact.project, "location": fact.location, "name": fact.name}
                yield Derive(_WITHDRAW, {**here, **given, "position": event.position})
            case other:
                raise AssertionError(f"not of tasks: {other}")


def _body(event: RecordedEvent, fact: TaskDefined | TaskReceived) -> Change:
    row = {"project": event.project, "digest": fact.digest}
    if fact.part == 1:
        return Put(task_definitions, {**row, "body": fact.definition})
    piece = msgspec.json.decode(fact.definition)
    return Derive(_JOIN, {**row, "piece": piece, "last": fact.part == fact.parts})


def _received(event: RecordedEvent, fact: TaskReceived) -> dict[str, Any]:
    return {
        "owner": fact.project,
        "location": fact.location,
        "name": fact.name,
        "deployment": fact.deployment,
        "digest": fact.digest,
        "source": fact.source,
        "archive": fact.archive,
        "paths": fact.paths,
        "lock": fact.lock,
        "python": fact.python,
        "entry": fact.entry,
        "from_position": event.position,
        "received_at": event.occurred_at,
    }


# Until the last piece has come, the body is the text so far, as a JSON string.
_JOIN: Final = (
    "UPDATE task_definitions SET body = CASE WHEN :last THEN CAST((body #>> '{}') || :piece AS json) "
    "ELSE to_json((body #>> '{}') || :piece) END WHERE project = :project AND digest = :digest"
)
_REVOKE: Final = (
    "UPDATE granted SET revoked = CAST(:position AS bigint) WHERE project = :project AND grantee = :other "
    "AND location = :location AND name = :name AND revoked IS NULL"
)
_WITHDRAW: Final = (
    "UPDATE received SET withdrawn = CAST(:position AS bigint) WHERE project = :project AND owner = :other "
    "AND location = :location AND name = :name AND withdrawn IS NULL"
)


class Offered(NamedTuple):
    """A task as a deployment has it."""

    location: str
    deployment: str
    digest: str
    task: BareTask


class Offering(NamedTuple):
    """A task as it came to be with a deployment."""

    offered: Offered
    at: datetime


class Granted(NamedTuple):
    """A version of a task that another project may use, or might until position `revoked`."""

    grantee: str
    location: str
    name: str
    deployment: str
    version: str
    position: Position
    granted_at: datetime
    actor: str
    revoked: Position | None


class Received(NamedTuple):
    """A version of another project's task that may be used, and what it is run by."""

    owner: str
    offered: Offered
    source: str
    archive: str
    paths: tuple[str, ...]
    lock: str
    python: str
    entry: str
    at: datetime


_LATEST: Final = text(
    "WITH RECURSIVE bases (top, deployment, base, depth) AS ("
    "  SELECT d.deployment, d.deployment, d.base, 0 FROM deployments d "
    "  WHERE d.project = :project AND d.deployment = ANY (CAST(:deployments AS text[]))"
    "  UNION ALL SELECT b.top, d.deployment, d.base, b.depth + 1 FROM bases b "
    "  JOIN deployments d ON d.project = :project AND d.deployment = b.base"
    "), latest AS ("
    "  SELECT DISTINCT ON (b.top, t.name) b.top, t.name, t.digest FROM bases b "
    "  JOIN tasks t ON t.project = :project AND t.deployment = b.deployment ORDER BY b.top, t.name, b.depth"
    ") SELECT l.top, l.digest, f.body::text AS body FROM latest l "
    "JOIN task_definitions f ON f.project = :project AND f.digest = l.digest ORDER BY l.name, l.top"
)
_VERSIONS: Final = text(
    "SELECT t.deployment, t.digest, f.body::text AS body, d.created_at FROM tasks t "
    "JOIN deployments d ON d.project = t.project AND d.deployment = t.deployment AND d.location = :location "
    "JOIN task_definitions f ON f.project = t.project AND f.digest = t.digest "
    "WHERE t.project = :project AND t.name = :name AND d.position <= :as_of ORDER BY d.position DESC"
)
_DEPLOYMENTS: Final = text(
    "SELECT deployment FROM deployments WHERE project = :project AND location = :location "
    "AND starts_with(deployment, :prefix) ORDER BY position DESC LIMIT 2"
)
_GRANTED: Final = text(
    "SELECT grantee, location, name, deployment, version, from_position, granted_at, actor, "
    "CASE WHEN revoked <= :as_of THEN revoked END AS revoked FROM granted "
    "WHERE project = :project AND from_position <= :as_of ORDER BY location, name, grantee, from_position DESC"
)
_RECEIVED: Final = text(
    "SELECT r.owner, r.location, r.deployment, r.digest, f.body::text AS body, r.source, r.archive, "
    "r.paths::text AS paths, r.lock, r.python, r.entry, r.received_at FROM received r "
    "JOIN task_definitions f ON f.project = r.project AND f.digest = r.digest "
    "WHERE r.project = :project AND r.from_position <= :as_of "
    "AND (:also_withdrawn OR r.withdrawn IS NULL OR r.withdrawn > :as_of) "
    "ORDER BY r.owner, r.location, r.name, r.from_position DESC"
)

_PROJECTS: Final = text("SELECT project FROM deployments UNION SELECT project FROM received ORDER BY project")

_decode: Final = msgspec.json.Decoder(BareTask).decode
_paths: Final = msgspec.json.Decoder(tuple[str, ...]).decode


def tasks_of(connection: Connection, project_: str, deployments: Mapping[str, str]) -> list[Offered]:
    """The tasks of these deployments by location, in order of names."""
    locations = {deployment: location for location, deployment in deployments.items()}
    rows = connection.execute(_LATEST, {"project": project_, "deployments": list(locations)})
    return [Offered(locations[top], top, digest, _decode(body)) for top, digest, body in rows]


def task_versions(connection: Connection, project_: str, location: str, name: str, as_of: Position) -> list[Offering]:
    """Every version of a task that was ever deployed, with the deployment that it came with; newest first."""
    parameters = {"project": project_, "location": location, "name": name, "as_of": as_of}
    rows = connection.execute(_VERSIONS, parameters)
    return [Offering(Offered(location, top, digest, _decode(body)), at) for top, digest, body, at in rows]


def deployments_named(connection: Connection, project_: str, location: str, prefix: str) -> Sequence[str]:
    """Deployments of the location whose names begin so: two at most."""
    rows = connection.execute(_DEPLOYMENTS, {"project": project_, "location": location, "prefix": prefix})
    return [row.deployment for row in rows]


def granted_tasks(connection: Connection, project_: str, as_of: Position) -> list[Granted]:
    """What the project grants to others, and what it granted; newest first of each task and grantee."""
    return [Granted(*row) for row in connection.execute(_GRANTED, {"project": project_, "as_of": as_of})]


def projects(connection: Connection) -> list[str]:
    """The projects that have deployed something, or were granted something. Cost: O(deployments)."""
    return [row.project for row in connection.execute(_PROJECTS)]


def received_tasks(
    connection: Connection, project_: str, as_of: Position, *, also_withdrawn: bool = False
) -> list[Received]:
    """What others grant to the project, or granted; newest first of each task."""
    return [
        Received(owner, Offered(location, top, digest, _decode(body)), source, archive, _paths(paths), *run_by)
        for owner, location, top, digest, body, source, archive, paths, *run_by in connection.execute(
            _RECEIVED, {"project": project_, "as_of": as_of, "also_withdrawn": also_withdrawn}
        )
    ]
