"""Notifications: how far the log was looked through for each Notify, what was raised, and what became of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Column, Connection, DateTime, Index, Integer, Table, Text, TextClause, text
from sqlalchemy.dialects.postgresql import JSON

from latewood.events import EnvironmentDropped, Notification, NotificationFailed, NotificationSent, NotificationsRaised
from latewood.model.keys import AssetId
from latewood.projections.columns import event_of, key, metadata, project
from latewood_eventlog.projector import Change, Derive, Put, Set
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.schema import Name

notifications: Final = Table(
    "notifications",
    metadata,
    project(),
    key("notification"),
    Column("environment", Name, nullable=False),
    Column("location", Name, nullable=False),
    Column("name", Name, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("raised_at", DateTime(timezone=True), nullable=False),
    Column("body", JSON, nullable=False),
    Column("status", Name, nullable=False),
    Column("attempts", Integer),
    Column("problem", Text),
    Column("told_at", DateTime(timezone=True)),
)
Index("notifications_waiting", notifications.c.project, postgresql_where=notifications.c.status == "waiting")
Index("notifications_given_up", notifications.c.project, postgresql_where=notifications.c.status == "given up")
Index(
    "notifications_told",
    notifications.c.project,
    notifications.c.environment,
    notifications.c.location,
    notifications.c.name,
    notifications.c.position,
)

notify_standings: Final = Table(
    "notify_standings",
    metadata,
    project(),
    key("environment"),
    key("location"),
    key("name"),
    Column("seen", BigInteger, nullable=False),
    Column("failing", JSON, nullable=False),
    Column("overdue", JSON, nullable=False),
)

WAITING: Final = "waiting"
SENT: Final = "sent"
GIVEN_UP: Final = "given up"


class NotificationsProjection:
    """A row for each notification, and for each Notify in an environment."""

    name = "notifications"
    version = 3
    inline = True
    tables = (notifications, notify_standings)
    types = frozenset({"notification.raised", "notification.sent", "notification.failed", "environment.dropped"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The rows of one event."""
        match event_of(event):
            case NotificationsRaised() as fact:
                own = {"environment": fact.environment, "location": fact.location, "name": fact.name}
                standing = {"seen": fact.seen, "failing": fact.failing, "overdue": fact.overdue}
                yield Put(notify_standings, {"project": event.project, **own, **standing})
                for each in fact.notifications:
                    row = {"project": event.project, "notification": each.id, **own, "position": event.position}
                    told = {"raised_at": fact.at, "body": msgspec.to_builtins(each), "status": WAITING}
                    yield Put(notifications, {**row, **told})
            case NotificationSent() as fact:
                told = {"status": SENT, "attempts": fact.attempts, "problem": "", "told_at": event.occurred_at}
                yield Set(notifications, {"project": event.project, "notification": fact.id}, told)
            case NotificationFailed() as fact:
                status = GIVEN_UP if fact.given_up else WAITING
                told = {"status": status, "attempts": fact.attempts, "problem": fact.problem}
                yield Set(notifications, {"project": event.project, "notification": fact.id}, told)
            case EnvironmentDropped() as fact:
                yield Derive(_FORGET, {"project": event.project, "environment": fact.environment})
            case other:
                raise AssertionError(f"no notification: {other}")


_FORGET: Final = "DELETE FROM notify_standings WHERE project = :project AND environment = :environment"

_COLUMNS: Final = (
    "SELECT notification, environment, location, name, position, raised_at, body::text AS body, status, attempts, "
    "problem, told_at FROM "
)
# Of those that were raised together first what was first: who recovers has failed before.
_HAPPENED: Final = "CAST(body->>'at' AS timestamptz)"
_WAITING: Final = text(
    f"{_COLUMNS} (SELECT *, {_HAPPENED} AS happened, row_number() OVER (PARTITION BY environment, location, "  # noqa: S608 - columns and no values
    f"name ORDER BY position, {_HAPPENED}, notification) AS place FROM notifications "
    "WHERE project = :project AND status = 'waiting') AS w WHERE place <= :limit "
    "ORDER BY position, happened, notification"
)
_LATEST: Final = text(
    f"{_COLUMNS} notifications WHERE project = :project AND environment = :environment "
    f"AND location = :location AND name = :name ORDER BY position DESC, {_HAPPENED} DESC, notification LIMIT :limit"
)
# What was given up before something was told is of an address that has been mended since.
_UNTOLD: Final = text(
    "SELECT environment, location, name, count(*) FILTER (WHERE status = 'waiting') AS waiting, "
    "count(*) FILTER (WHERE status = 'given up') AS given_up, "
    "coalesce((array_agg(problem ORDER BY position DESC) FILTER (WHERE problem <> ''))[1], '') AS problem "
    "FROM notifications n WHERE project = :project AND (status = 'waiting' OR status = 'given up' AND NOT EXISTS ("
    "  SELECT FROM notifications s WHERE s.project = n.project AND s.environment = n.environment "
    "  AND s.location = n.location AND s.name = n.name AND s.position > n.position AND s.status = 'sent')) "
    "GROUP BY environment, location, name ORDER BY environment, location, name"
)
_STANDING: Final = text(
    "SELECT seen, failing::text AS failing, overdue::text AS overdue FROM notify_standings "
    "WHERE project = :project AND environment = :environment AND location = :location AND name = :name"
)

_decode: Final = msgspec.json.Decoder(Notification).decode
_decode_failing: Final = msgspec.json.Decoder(tuple[AssetId, ...]).decode
_decode_overdue: Final = msgspec.json.Decoder(dict[str, tuple[AssetId, ...]]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRow:
    """A notification of a Notify, and what became of it."""

    notification: Notification
    environment: str
    location: str
    name: str
    position: Position
    raised_at: datetime
    status: str
    attempts: int
    problem: str
    told_at: datetime | None


class NotifyStanding(NamedTuple):
    """Where a Notify stands, as in NotificationsRaised."""

    seen: Position
    failing: tuple[AssetId, ...]
    overdue: dict[str, tuple[AssetId, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """How many notifications of a Notify wait, and were given up since one was told; the latest problem with them."""

    environment: str
    location: str
    name: str
    waiting: int
    given_up: int
    problem: str


def untold(connection: Connection, project_: str) -> list[Untold]:
    """Of each Notify that has such. Cost: O(notifications that wait or were ever given up)."""
    rows = connection.execute(_UNTOLD, {"project": project_})
    return [Untold(**row._mapping) for row in rows]  # noqa: SLF001 - the documented accessor of SQLAlchemy rows


def waiting_notifications(connection: Connection, project_: str, *, limit: int) -> list[NotificationRow]:
    """Those that are to be sent still, oldest first, of each Notify at most so many."""
    return _rows(connection, _WAITING, project=project_, limit=limit)


def latest_notifications(
    connection: Connection, project_: str, environment: str, slot: Sequence[str], *, limit: int
) -> list[NotificationRow]:
    """Those of one Notify, newest first."""
    location, name = slot
    own = {"environment": environment, "location": location, "name": name}
    return _rows(connection, _LATEST, project=project_, limit=limit, **own)


def notify_standing(
    connection: Connection, project_: str, environment: str, slot: Sequence[str]
) -> NotifyStanding | None:
    """Where it stands; None before anybody has looked."""
    location, name = slot
    own = {"project": project_, "environment": environment, "location": location, "name": name}
    row = connection.execute(_STANDING, own).one_or_none()
    if row is None:
        return None
    return NotifyStanding(row.seen, _decode_failing(row.failing), _decode_overdue(row.overdue))


def _rows(connection: Connection, statement: TextClause, **parameters: object) -> list[NotificationRow]:
    return [
        NotificationRow(
            notification=_decode(row.body),
            environment=row.environment,
            location=row.location,
            name=row.name,
            position=row.position,
            raised_at=row.raised_at,
            status=row.status,
            attempts=row.attempts or 0,
            problem=row.problem or "",
            told_at=row.told_at,
        )
        for row in connection.execute(statement, parameters)
    ]
