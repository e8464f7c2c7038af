"""How long a worker's process may take for what no timeout of a task holds, and where that is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from latewood.errors import UsageError

LOADING: Final = "LATEWOOD_LOADING_LIMIT"
AROUND: Final = "LATEWOOD_AROUND_LIMIT"

_LOADING_S: Final = 300.0
_AROUND_S: Final = 3_600.0
_LONGEST_S: Final = 365 * 24 * 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLimits:
    """Seconds after which a process is ended: to wait for what hangs would be to wait for ever, with a slot.

    `loading_s` to import its location; `around_s` for each stretch before and after what a task does itself, in which
    is read and stored; `closing_s` to leave its resources. What a task's own timeout holds may take `grace_s` longer,
    to say that it is over.
    """

    loading_s: float = _LOADING_S
    around_s: float = _AROUND_S
    closing_s: float = 60.0
    grace_s: float = 5.0

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """As the environment says. Raises UsageError."""
        return cls(loading_s=_seconds(environ, LOADING, _LOADING_S), around_s=_seconds(environ, AROUND, _AROUND_S))


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    said = environ.get(name, "")
    if not said:
        return default
    if not (said.isascii() and said.isdecimal() and 0 < int(said) <= _LONGEST_S):
        raise UsageError(f"{name}: expected whole seconds, 1 to {_LONGEST_S:,}, found {said[:80]!r}")
    return float(said)
