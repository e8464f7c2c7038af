"""Sessions of browsers: a signed cookie that names a token, which is held against the log with each call.

Nothing is kept of a session. It ends with its time, with its token, or when the key is replaced.
"""

import hmac
import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes
from typing import Final

LASTING: Final = timedelta(hours=12)
"""How long who has logged in stays so."""

_COOKIE: Final = "latewood_session"

_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Whose session it is: the token that was shown, by its project and its name in the log."""

    project: str
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Sessions:
    """Writes and reads cookies by one key."""

    key: bytes = field(repr=False)

    @property
    def cookie(self) -> str:
        """What the cookie is called: by the key, since browsers send cookies to every port of a computer."""
        return f"{_COOKIE}_{hmac.digest(self.key, b'latewood cookie', sha256).hex()[:8]}"

    def written(self, session: Session) -> str:
        """The cookie's text."""
        said = f"{session.project}.{session.token}.{int(session.expires_at.timestamp())}"
        return f"{said}.{self._signature(said)}"

    def read(self, cookie: str, now: datetime) -> Session | None:
        """The session that a cookie is of; None for one that is over, or was written by somebody else."""
        said, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(said).encode()):
            return None
        project, token, expires = said.split(".")
        session = Session(project=project, token=token, expires_at=datetime.fromtimestamp(int(expires), UTC))
        return session if now < session.expires_at else None

    def _signature(self, said: str) -> str:
        digest = hmac.digest(self.key, f"latewood session 1 {said}".encode(), sha256)
        return urlsafe_b64encode(digest).decode().rstrip("=")


def key_in(home: Path) -> bytes:
    """The key that all servers with this home sign by; made by the first one, and readable by its user alone."""
    file = home / "server.key"
    home.mkdir(parents=True, exist_ok=True)
    new = home / f".server.key.{os.getpid()}.{token_bytes(4).hex()}"
    if not file.exists():
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as writing:
            writing.write(token_bytes(_KEY_BYTES))
        try:
            os.link(new, file)  # whole or not at all, and of whoever was first
        except FileExistsError:
            pass
        finally:
            new.unlink()
    return file.read_bytes()
