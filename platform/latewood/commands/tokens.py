"""Tokens of the API: created, revoked, and recognised by what they are.

A token is 256 random bits as text. What is recorded is its SHA-256: of so much chance nothing can be guessed, so that
neither a slow hash nor a salt would protect it better, and a call finds its token by one look.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from secrets import token_hex, token_urlsafe
from typing import Final

from latewood.commands.views import PRESENT, AsOf
from latewood.commands.workspace import Workspace
from latewood.engine.running.recorder import new_event
from latewood.errors import Conflict, NotFound, UsageError
from latewood.events import Event, TokenCreated, TokenRevoked
from latewood.model.access import Role
from latewood.projections.snapshots import snapshot
from latewood.projections.tokens import TokenRow, any_token, token_by_hash, token_by_id, tokens_for
from latewood_eventlog.errors import EventConflict, WrongExpectedVersion
from latewood_eventlog.records import Batch, Position, StreamAppend

PREFIX: Final = "lw_"
"""How the text of every token begins, by which one that got somewhere is found."""

DAYS: Final = 90
DAYS_MAX: Final = 3_650

_STREAM: Final = "tokens"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@\-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A new token. `text` is what it is, which can be had here and never again."""

    row: TokenRow
    text: str = field(repr=False)
    position: Position


def create_token(workspace: Workspace, name: str, role: Role, *, days: int = DAYS, everywhere: bool = False) -> Created:
    """A token for the project, or for all projects of the database, that expires after so many days.

    Raises UsageError for what can be no name, one that a usable token has, and for days that are too few or too many.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f'token "{name}": expected 1 to 63 letters, digits, "_", ".", "@" and "-", as in ann or ci')
    if not 1 <= days <= DAYS_MAX:
        raise UsageError(f"{days:,} days: expected 1 to {DAYS_MAX:,}")
    text = PREFIX + token_urlsafe(32)
    now = workspace.clock()
    fact = TokenCreated(
        token=token_hex(4),
        name=name,
        hash=_hash(text),
        role=role,
        expires_at=now + timedelta(days=days),
        everywhere=everywhere,
    )
    while True:
        version = workspace.log.version(workspace.project, _STREAM)
        if any(row.name == name and row.is_usable(now) for row in _own(workspace)):
            raise Conflict(f'there is a token "{name}" already; revoke it first, or name this one otherwise')
        if (position := _record(workspace, workspace.project, fact, version)) is not None:
            row = next(row for row in _own(workspace) if row.token == fact.token)
            return Created(row=row, text=text, position=position)


def revoke_token(workspace: Workspace, named: str, *, everywhere: bool = True) -> tuple[TokenRow, Position | None]:
    """Let nobody in by a token any more, named by its name or its id; what it was, and where that is recorded.

    The position is None for one that was revoked before. Without `everywhere` those for all projects are not found.
    Raises UsageError for one that there is not, and for a name that several have.
    """
    while True:
        row = _named(workspace, named, everywhere=everywhere)
        if row.revoked_at is not None:
            return row, None
        version = workspace.log.version(row.project, _STREAM)
        if (position := _record(workspace, row.project, TokenRevoked(token=row.token), version)) is not None:
            return row, position


def list_tokens(workspace: Workspace, as_of: AsOf = PRESENT) -> list[TokenRow]:
    """Every token for the project that was ever created, also those for all projects; oldest first."""
    with snapshot(workspace.log) as connection:
        return tokens_for(connection, workspace.project, as_of.position)


def recognised(workspace: Workspace, text: str) -> TokenRow | None:
    """The token that this is, of whatever project; None where it is none, or of no use any more. Cost: one look."""
    with snapshot(workspace.log) as connection:
        row = token_by_hash(connection, _hash(text))
    return row if row is not None and row.is_usable(workspace.clock()) else None


def still_usable(workspace: Workspace, project: str, token: str) -> TokenRow | None:
    """The token that is called so in the log; None where it is of no use any more. Cost: one look."""
    with snapshot(workspace.log) as connection:
        row = token_by_id(connection, project, token)
    return row if row is not None and row.is_usable(workspace.clock()) else None


def access_is_configured(workspace: Workspace) -> bool:
    """Whether there ever was a token in the database: from then on whoever comes in needs one."""
    with snapshot(workspace.log) as connection:
        return any_token(connection)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _own(workspace: Workspace) -> list[TokenRow]:
    return [row for row in list_tokens(workspace) if row.project == workspace.project]


def _named(workspace: Workspace, named: str, *, everywhere: bool) -> TokenRow:
    rows = [row for row in list_tokens(workspace) if everywhere or not row.everywhere]
    found = [row for row in rows if named in (row.token, row.name)]
    usable = [row for row in found if row.is_usable(workspace.clock())]
    match usable or found[-1:]:
        case [row]:
            return row
        case []:
            there = ", ".join(sorted({row.name for row in rows if row.is_usable(workspace.clock())})) or "none"
            raise NotFound("token", f'there is no token "{named}"; there is {there}')
        case several:
            ids = ", ".join(f"{row.token} ({'all projects' if row.everywhere else row.project})" for row in several)
            raise UsageError(f'several tokens are called "{named}": name one by its id: {ids}')


def _record(workspace: Workspace, project: str, fact: Event, version: int) -> Position | None:
    """Where it is recorded; None where somebody else changed tokens meanwhile."""
    at, actor = workspace.clock(), workspace.actor
    event = new_event(fact, project=project, stream=_STREAM, name=(version,), at=at, actor=actor)
    append = StreamAppend(project=project, stream=_STREAM, events=(event,), expected=version)
    try:
        return workspace.log.append(Batch(appends=(append,))).last
    except (WrongExpectedVersion, EventConflict):
        return None
