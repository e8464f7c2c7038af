"""What happens by itself: definitions by deployment, as differences to its base, and how far each has come."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Connection, DateTime, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSON

from latewood.decide.automation import Standing
from latewood.events import (
    AskedFor,
    AutomationDefined,
    AutomationDropped,
    AutomationEvaluated,
    AutomationSwitched,
    EnvironmentDropped,
    SensorEvaluated,
)
from latewood.model.automations import Automation
from latewood.model.keys import AssetId
from latewood.projections.columns import event_of, key, metadata, project
from latewood_eventlog.projector import Change, Derive, Put
from latewood_eventlog.records import RecordedEvent
from latewood_eventlog.schema import Name

automations: Final = Table(
    "automations",
    metadata,
    project(),
    key("deployment"),
    key("name"),
    Column("digest", Name),
    Column("body", JSON),
)

automation_standings: Final = Table(
    "automation_standings",
    metadata,
    project(),
    key("environment"),
    key("location"),
    key("name"),
    Column("switched", Boolean),
    Column("until", DateTime(timezone=True)),
    Column("timing", Name),
    Column("evaluated_position", BigInteger),
    Column("problem", Text),
    Column("asked", JSON),
    Column("overdue", JSON),
    Column("cursor", Text),
    Column("skipped", Text),
    Column("failures", Integer),
    Column("seen", BigInteger),
    Column("last_run", Name),
)


class AutomationsProjection:
    """Automations, a row per change, without digest and body where one was dropped; and where each stands."""

    name = "automations"
    version = 2
    inline = True
    tables = (automations, automation_standings)
    types = frozenset(
        {
            "automation.defined",
            "automation.dropped",
            "automation.switched",
            "automation.evaluated",
            "sensor.evaluated",
            "environment.dropped",
        }
    )

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The rows of one event."""
        project_, fact = event.project, event_of(event)
        match fact:
            case AutomationDefined() | AutomationDropped():
                row = {"project": project_, "deployment": fact.deployment, "name": fact.name}
                defined = (fact.digest, fact.definition) if isinstance(fact, AutomationDefined) else (None, None)
                yield Put(automations, {**row, "digest": defined[0], "body": defined[1]})
            case AutomationSwitched():
                given = {"project": project_, "environment": fact.environment, "location": fact.location}
                told = {"name": fact.name, "switched": fact.on, "until": fact.at, "seen": event.position}
                yield Derive(_SWITCH, {**given, **told})
            case AutomationEvaluated():
                given = {"project": project_, "environment": fact.environment, "location": fact.location}
                asked = msgspec.json.encode(fact.asked, order="deterministic").decode()
                standing = {
                    "timing": fact.timing,
                    "until": fact.until,
                    "position": event.position,
                    "problem": fact.problem,
                    "asked": asked,
                    "overdue": msgspec.json.encode(fact.overdue, order="deterministic").decode(),
                }
                yield Derive(_EVALUATE, {**given, "name": fact.name, **standing})
            case SensorEvaluated():
                given = {"project": project_, "environment": fact.environment, "location": fact.location}
                standing = {
                    "timing": fact.timing,
                    "until": fact.at,
                    "position": event.position,
                    "problem": fact.problem,
                    "cursor": fact.cursor,
                    "skipped": fact.skipped,
                    "failures": fact.failures,
                    "seen": fact.seen,
                    "last_run": fact.requests[-1].run if fact.requests else None,
                }
                yield Derive(_SENSE, {**given, "name": fact.name, **standing})
            case EnvironmentDropped():
                yield Derive(_FORGET, {"project": project_, "environment": fact.environment})
            case other:
                raise AssertionError(f"not of what happens by itself: {other}")


# Switched on, it begins with that moment; who has switched it says nothing of what it was.
_SWITCH: Final = (
    "INSERT INTO automation_standings (project, environment, location, name, switched, until, seen) "
    "VALUES (:project, :environment, :location, :name, :switched, :until, :seen) "
    "ON CONFLICT (project, environment, location, name) DO UPDATE SET switched = excluded.switched, "
    "until = CASE WHEN excluded.switched THEN excluded.until ELSE automation_standings.until END, "
    "seen = CASE WHEN excluded.switched THEN excluded.seen ELSE automation_standings.seen END, "
    "failures = CASE WHEN excluded.switched THEN 0 ELSE automation_standings.failures END"
)
_EVALUATE: Final = (
    "INSERT INTO automation_standings "
    "(project, environment, location, name, timing, until, evaluated_position, problem, asked, overdue) "
    "VALUES (:project, :environment, :location, :name, :timing, :until, :position, :problem, "
    "CAST(:asked AS json), CAST(:overdue AS json)) "
    "ON CONFLICT (project, environment, location, name) DO UPDATE SET timing = excluded.timing, "
    "until = excluded.until, evaluated_position = excluded.evaluated_position, problem = excluded.problem, "
    "asked = excluded.asked, overdue = excluded.overdue"
)
_SENSE: Final = (
    "INSERT INTO automation_standings "
    "(project, environment, location, name, timing, until, evaluated_position, problem, cursor, skipped, failures, "
    "seen, last_run) VALUES (:project, :environment, :location, :name, :timing, :until, :position, :problem, :cursor, "
    ":skipped, :failures, :seen, :last_run) "
    "ON CONFLICT (project, environment, location, name) DO UPDATE SET timing = excluded.timing, "
    "until = excluded.until, evaluated_position = excluded.evaluated_position, problem = excluded.problem, "
    "cursor = excluded.cursor, skipped = excluded.skipped, failures = excluded.failures, seen = excluded.seen, "
    "last_run = coalesce(excluded.last_run, automation_standings.last_run)"
)
_FORGET: Final = "DELETE FROM automation_standings WHERE project = :project AND environment = :environment"

_LATEST: Final = text(
    "WITH RECURSIVE bases (top, deployment, base, depth) AS ("
    "  SELECT d.deployment, d.deployment, d.base, 0 FROM deployments d "
    "  WHERE d.project = :project AND d.deployment = ANY (CAST(:deployments AS text[]))"
    "  UNION ALL SELECT b.top, d.deployment, d.base, b.depth + 1 FROM bases b "
    "  JOIN deployments d ON d.project = :project AND d.deployment = b.base"
    "), latest AS ("
    "  SELECT DISTINCT ON (b.top, a.name) b.top, a.name, a.digest, a.body::text AS body FROM bases b "
    "  JOIN automations a ON a.project = :project AND a.deployment = b.deployment ORDER BY b.top, a.name, b.depth"
    ") SELECT top, name, digest, body FROM latest WHERE digest IS NOT NULL ORDER BY name, top"
)
_STANDINGS: Final = text(
    "SELECT location, name, switched, until, timing, evaluated_position, problem, asked::text AS asked, "
    "overdue::text AS overdue, cursor, skipped, failures, seen, last_run "
    "FROM automation_standings WHERE project = :project AND environment = :environment"
)

_decode_asked: Final = msgspec.json.Decoder(dict[AssetId, tuple[AskedFor, ...]]).decode
_decode_overdue: Final = msgspec.json.Decoder(dict[AssetId, datetime]).decode
_decode: Final = msgspec.json.Decoder(Automation).decode

Slot = tuple[str, str]
"""An automation of an environment: its location and its name."""


class DefinedAutomation(NamedTuple):
    """An automation as a deployment has it."""

    digest: str
    definition: Automation


def automations_of(
    connection: Connection, project_: str, deployments: Mapping[str, str]
) -> dict[Slot, DefinedAutomation]:
    """What happens by itself with these deployments by location. Order: by name."""
    locations = {deployment: location for location, deployment in deployments.items()}
    rows = connection.execute(_LATEST, {"project": project_, "deployments": list(locations)})
    return {(locations[top], name): DefinedAutomation(digest, _decode(body)) for top, name, digest, body in rows}


def standings(connection: Connection, project_: str, environment: str) -> dict[Slot, Standing]:
    """Where each automation of the environment stands of which anything is recorded."""
    rows = connection.execute(_STANDINGS, {"project": project_, "environment": environment})
    return {
        (row.location, row.name): Standing(
            switched=row.switched,
            until=row.until,
            timing=row.timing,
            position=row.evaluated_position,
            problem=row.problem,
            asked=_decode_asked(row.asked or "{}"),
            overdue=_decode_overdue(row.overdue or "{}"),
            cursor=row.cursor or "",
            skipped=row.skipped or "",
            failures=row.failures or 0,
            seen=row.seen,
            last_run=row.last_run,
        )
        for row in rows
    }
