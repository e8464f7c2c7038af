"""Workflows and launch plans by deployment; like assets, as differences to the deployment's base."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from sqlalchemy import Column, Connection, Table, text
from sqlalchemy.dialects.postgresql import JSON

from latewood.events import LaunchableDefined, LaunchableDropped
from latewood.model.workflows import Launchable
from latewood.projections.columns import event_of, key, metadata, project
from latewood_eventlog.projector import Change, Put
from latewood_eventlog.records import RecordedEvent
from latewood_eventlog.schema import Name

launchables: Final = Table(
    "launchables",
    metadata,
    project(),
    key("deployment"),
    key("name"),
    Column("digest", Name),
    Column("body", JSON),
)


class LaunchablesProjection:
    """What can be launched by name: a row per change, without digest and body where it was dropped."""

    name = "launchables"
    version = 1
    inline = True
    tables = (launchables,)
    types = frozenset({"launchable.defined", "launchable.dropped"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The row of one event."""
        digest, body = None, None
        match event_of(event):
            case LaunchableDefined() as fact:
                name, deployment, digest, body = fact.name, fact.deployment, fact.digest, fact.definition
            case LaunchableDropped() as fact:
                name, deployment = fact.name, fact.deployment
            case other:
                raise AssertionError(f"not of workflows: {other}")
        row = {"project": event.project, "deployment": deployment, "name": name, "digest": digest, "body": body}
        yield Put(launchables, row)


_LATEST: Final = text(
    "WITH RECURSIVE bases (top, deployment, base, depth) AS ("
    "  SELECT d.deployment, d.deployment, d.base, 0 FROM deployments d "
    "  WHERE d.project = :project AND d.deployment = ANY (CAST(:deployments AS text[]))"
    "  UNION ALL SELECT b.top, d.deployment, d.base, b.depth + 1 FROM bases b "
    "  JOIN deployments d ON d.project = :project AND d.deployment = b.base"
    "), latest AS ("
    "  SELECT DISTINCT ON (b.top, l.name) b.top, l.name, l.digest, l.body::text AS body FROM bases b "
    "  JOIN launchables l ON l.project = :project AND l.deployment = b.deployment ORDER BY b.top, l.name, b.depth"
    ") SELECT top, name, digest, body FROM latest WHERE digest IS NOT NULL ORDER BY name, top"
)

_decode: Final = msgspec.json.Decoder(Launchable).decode


def launchables_of(
    connection: Connection, project_: str, deployments: Mapping[str, str]
) -> dict[str, list[tuple[str, str, Launchable]]]:
    """What can be launched with these deployments by location: by name its locations, digests and definitions."""
    locations = {deployment: location for location, deployment in deployments.items()}
    rows = connection.execute(_LATEST, {"project": project_, "deployments": list(locations)})
    found: dict[str, list[tuple[str, str, Launchable]]] = {}
    for top, name, digest, body in rows:
        found.setdefault(name, []).append((locations[top], digest, _decode(body)))
    return found
