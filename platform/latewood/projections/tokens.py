"""Tokens of the API: what each allows until when, found by the hash of what it is."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, DateTime, Index, Table, Text, text

from latewood.events import TokenCreated, TokenRevoked
from latewood.model.access import Role
from latewood.projections.columns import event_of, key, metadata, project
from latewood_eventlog.projector import Change, Put, Set
from latewood_eventlog.records import Position, RecordedEvent

table: Final = Table(
    "tokens",
    metadata,
    project(),
    key("token"),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("everywhere", Boolean, nullable=False),
    Column("created_position", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_position", BigInteger),
    Column("revoked_at", DateTime(timezone=True)),
    Column("revoked_by", Text),
)

Index("tokens_hash", table.c.hash)


class TokensProjection:
    """Every token that was ever created."""

    name = "tokens"
    version = 1
    inline = True
    tables = (table,)
    types = frozenset({"token.created", "token.revoked"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        """The row of one event."""
        fact = event_of(event)
        match fact:
            case TokenCreated():
                yield Put(
                    table,
                    {
                        "project": event.project,
                        "token": fact.token,
                        "name": fact.name,
                        "hash": fact.hash,
                        "role": fact.role.value,
                        "everywhere": fact.everywhere,
                        "created_position": event.position,
                        "created_at": event.occurred_at,
                        "created_by": event.actor,
                        "expires_at": fact.expires_at,
                    },
                )
            case TokenRevoked():
                revoked = {
                    "revoked_position": event.position,
                    "revoked_at": event.occurred_at,
                    "revoked_by": event.actor,
                }
                yield Set(table, {"project": event.project, "token": fact.token}, revoked)
            case _:
                raise AssertionError(f"nothing about tokens: {fact}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token as it is recorded; `project` is where, and what it is for unless it is for `everywhere`."""

    project: str
    token: str
    name: str
    role: Role
    everywhere: bool
    created_position: Position
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_position: Position | None
    revoked_at: datetime | None
    revoked_by: str | None

    def is_usable(self, now: datetime) -> bool:
        """Whether it still lets anybody in."""
        return self.revoked_at is None and now < self.expires_at


_COLUMNS: Final = (
    "project, token, name, role, everywhere, created_position, created_at, created_by, expires_at, "
    "revoked_position, revoked_at, revoked_by"
)
_OF_PROJECT: Final = text(
    f"SELECT {_COLUMNS} FROM tokens WHERE (project = :project OR everywhere) AND created_position <= :as_of "  # noqa: S608 - columns
    "ORDER BY created_position"
)
_BY_HASH: Final = text(f"SELECT {_COLUMNS} FROM tokens WHERE hash = :hash")  # noqa: S608 - columns
_BY_ID: Final = text(f"SELECT {_COLUMNS} FROM tokens WHERE project = :project AND token = :token")  # noqa: S608 - columns
_ANY: Final = text("SELECT EXISTS (SELECT FROM tokens)")


def tokens_for(connection: Connection, project: str, as_of: Position) -> list[TokenRow]:
    """Every token that was created for a project by then, also those for all projects; oldest first.

    What was revoked later stands as not revoked.
    """
    rows = [_row(row) for row in connection.execute(_OF_PROJECT, {"project": project, "as_of": as_of})]
    return [row if (row.revoked_position or 0) <= as_of else _not_revoked(row) for row in rows]


def token_by_hash(connection: Connection, hash_: str) -> TokenRow | None:
    """The token whose hash this is, of whatever project, revoked or not. Cost: a look."""
    found = connection.execute(_BY_HASH, {"hash": hash_}).one_or_none()
    return None if found is None else _row(found)


def token_by_id(connection: Connection, project: str, token: str) -> TokenRow | None:
    """The token that is called so in the log. Cost: a look."""
    found = connection.execute(_BY_ID, {"project": project, "token": token}).one_or_none()
    return None if found is None else _row(found)


def any_token(connection: Connection) -> bool:
    """Whether there ever was a token in any project."""
    return bool(connection.execute(_ANY).scalar_one())


def _row(row: Any) -> TokenRow:
    named = dict(row._mapping)  # noqa: SLF001 - the documented accessor of SQLAlchemy rows
    return TokenRow(**{**named, "role": Role(named["role"])})


def _not_revoked(row: TokenRow) -> TokenRow:
    return replace(row, revoked_position=None, revoked_at=None, revoked_by=None)
