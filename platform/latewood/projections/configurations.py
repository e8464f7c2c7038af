"""What the resources of each location's code are configured to, by environment. Secrets are references here too."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Column, Connection, Index, Table, text
from sqlalchemy.dialects.postgresql import JSON

from latewood.events import ResourceConfigured
from latewood.projections.columns import event_of, key, metadata, project
from latewood.projections.environments import Stretch, stretches
from latewood_eventlog.projector import Change, Put
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

configurations: Final = Table(
    "configurations",
    metadata,
    project(),
    key("environment"),
    key("location"),
    key("resource"),
    Column("from_position", BigInteger, primary_key=True),
    Column("digest", Name, nullable=False),
    Column("fields", JSON, nullable=False),
    Column("secrets", JSON, nullable=False),
)
Index("configurations_digest", configurations.c.project, configurations.c.digest)


class ConfigurationsProjection:
    """Configurations of resources, each from its event on."""

    name = "configurations"
    version = 1
    inline = True
    tables = (configurations,)
    types = frozenset({"resource.configured"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The row of one event."""
        match event_of(event):
            case ResourceConfigured() as fact:
                yield Put(
                    configurations,
                    {
                        "project": event.project,
                        "environment": fact.environment,
                        "location": fact.location,
                        "resource": fact.resource,
                        "from_position": event.position,
                        "digest": fact.digest,
                        "fields": fact.values,
                        "secrets": fact.secrets,
                    },
                )
            case other:
                raise AssertionError(f"not a configuration: {other}")


class Configuration(NamedTuple):
    """A resource of a location's code as an environment has it; `position` is that of the event that says so."""

    location: str
    resource: str
    digest: str
    values: Mapping[str, Any]
    secrets: Mapping[str, Mapping[str, str]]
    position: Position


_CONFIGURED: Final = text(
    "SELECT DISTINCT ON (c.location, c.resource) "
    "c.location, c.resource, c.digest, c.fields, c.secrets, c.from_position FROM "
    "unnest(CAST(:environments AS text[]), CAST(:afters AS bigint[]), CAST(:uptos AS bigint[])) WITH ORDINALITY "
    "AS l (environment, after, upto, depth) JOIN configurations c ON c.project = :project "
    "AND c.environment = l.environment AND c.from_position > l.after AND c.from_position <= l.upto "
    "ORDER BY c.location, c.resource, l.depth, c.from_position DESC"
)
_WITH_DIGEST: Final = text(
    "SELECT location, resource, digest, fields, secrets, from_position FROM configurations "
    "WHERE project = :project AND digest = :digest ORDER BY from_position LIMIT 1"
)


def configured_along(
    connection: Connection, project: str, line: Sequence[Stretch]
) -> dict[tuple[str, str], Configuration]:
    """By location and resource, what an environment with this line has, or had from its base when it branched."""
    rows = connection.execute(_CONFIGURED, {"project": project, **stretches(line)})
    return {(found.location, found.resource): found for found in map(Configuration._make, rows)}


def values_of(connection: Connection, project: str, digest: str) -> Mapping[str, Any] | None:
    """The values of the configuration with this digest, if it was ever recorded."""
    found = configuration_with(connection, project, digest)
    return None if found is None else found.values


def configuration_with(connection: Connection, project: str, digest: str) -> Configuration | None:
    """The configuration with this digest, if it was ever recorded: where it first was."""
    row = connection.execute(_WITH_DIGEST, {"project": project, "digest": digest}).one_or_none()
    return None if row is None else Configuration._make(row)
