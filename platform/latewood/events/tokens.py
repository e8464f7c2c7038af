"""Tokens of the API: who may come in by one, and as what. What a token is itself is recorded nowhere."""

from datetime import datetime

from latewood.events.base import Event
from latewood.model.access import Role


class TokenCreated(Event, frozen=True):
    """Whoever has what `hash` is the SHA-256 of, in hexadecimal, may do what the role allows until it expires.

    In this project; `everywhere`: in all projects of the database. `token` is how it is called in the log.
    """

    token: str
    name: str
    hash: str
    role: Role
    expires_at: datetime
    everywhere: bool = False


class TokenRevoked(Event, frozen=True):
    """The token is of no use any more."""

    token: str
