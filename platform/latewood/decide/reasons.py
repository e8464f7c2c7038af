"""Why something is not as it should be: causes, and what each is about."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Cause(StrEnum):
    """Why an asset partition is not as it should be, or why a step is run."""

    MISSING = "missing"
    CODE = "code"
    PARAMETERS = "parameters"
    CONFIGURATION = "configuration"
    INPUT = "input"
    UPSTREAM = "upstream"
    FORCED = "forced"
    REUSE_OFF = "reuse off"
    EXPIRED = "reuse window ended"
    LOST = "artifact lost"
    OVERWRITTEN = "overwritten"
    CHANGED_OUTSIDE = "changed outside of Latewood"
    UNCHECKED = "unchecked"
    ELSEWHERE = "not at its place yet"
    REFUSED = "refused"
    ABSENT = "absent"
    RETRACTED = "retracted"
    FAILED = "failed"
    UNTAKEN = "branch not taken"
    UNOBSERVED = "never observed"
    UNSEEN = "changed since it was observed"


class Reason(NamedTuple):
    """A cause and what it is about.

    For `upstream`, `absent`, `retracted`, `never observed`, `changed since it was observed`, `refused` (by that check),
    `overwritten` and `changed outside of Latewood` that is the asset.
    """

    cause: Cause
    subject: str = ""
    check: str = ""

    @property
    def written(self) -> str:
        """The reason as events keep it: `cause`, `cause:subject` or `cause:subject:check`."""
        return ":".join(part for part in self if part)

    @classmethod
    def read(cls, written: str) -> "Reason":
        """The reason that was written so."""
        cause, _, rest = written.partition(":")
        subject, _, check = rest.partition(":")
        return cls(Cause(cause), subject, check)


def are_forced(reasons: Iterable[Reason]) -> bool:
    """Whether what is run for these reasons is run whatever could be taken in its place."""
    return any(reason.cause in (Cause.FORCED, Cause.FAILED) for reason in reasons)
