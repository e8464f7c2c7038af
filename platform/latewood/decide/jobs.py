"""What to do next about a job in another system: submitted once, found again, looked at ever more rarely.

What is known of a job is what was recorded of it, and what its system says when it is asked by the job's key. Only
where both say that there is none is it submitted.
"""

import re
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from latewood.errors import DefinitionError
from latewood.events import Failure, FailureKind
from latewood.model.jobs import Absent, Elsewhere, Finding, Found, JobState, JobStatus, UnknownUntil
from latewood.model.keys import RunId
from latewood.model.tables import Column, column_type
from latewood.model.types import TypeSpec, columns_fit, display
from latewood.places import is_fingerprint

JOB_FAILED: Final = "JobFailed"
JOB_CANCELLED: Final = "JobCancelled"
JOB_REFUSED: Final = "JobRefused"
UNREACHABLE: Final = "SystemUnreachable"
NOT_ENDED: Final = "JobNotEnded"

SUBMIT_PATIENCE: Final = timedelta(minutes=5)
"""For how long a system that cannot be reached is tried before what was never submitted has failed."""

_FIRST_POLL: Final = timedelta(milliseconds=300)
_POLL_MAX: Final = timedelta(seconds=30)
_POLL_SHARE: Final = 0.1
_FIND_AGAIN: Final = timedelta(seconds=1)
_RETRY_MAX: Final = timedelta(seconds=30)

_ADDRESS_MAX: Final = 1_000

_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]")


def job_key(project: str, run: RunId, step: int, attempt: int) -> str:
    """The key of an attempt's job, of letters, digits, `_` and `-`: no other attempt has it, in whatever run.

    A retry is another job: systems that know keys answer with the failed one for ever.
    """
    return f"latewood-{_OTHER.sub('_', project)}-{run}-{step}-{attempt}"


class Submit(NamedTuple):
    """Nobody has: submit it."""


class Look(NamedTuple):
    """Somebody may have: ask its system by its key, `at` that time."""

    at: datetime


class Attach(NamedTuple):
    """It was, and has this handle."""

    handle: str


Next = Submit | Look | Attach


def first(*, was_prepared: bool, handle: str, now: datetime) -> Next:
    """What to do first, with what was recorded before this process began to see to it.

    Whoever has recorded a key may have died before it submitted, or before the handle was recorded.
    """
    if handle:
        return Attach(handle)
    return Look(now) if was_prepared else Submit()


def after_finding(found: Finding, now: datetime) -> Next:
    """What to do next, by what its system says: as long as it is not sure nothing is submitted."""
    match found:
        case Found(handle=handle):
            return Attach(handle)
        case Absent():
            return Submit()
        case UnknownUntil(until=until):
            return Look(min(max(until, now), now + _FIND_AGAIN))


def poll_after(age: timedelta, luck: float) -> timedelta:
    """How long to wait until a job is looked at again that is so old: a tenth of its age, and up to half a minute.

    Of one that took hours nobody needs to know to the second. `luck` in [0, 1) spreads those that began together.
    """
    rest = min(max(age * _POLL_SHARE, _FIRST_POLL), _POLL_MAX)
    return rest * (0.8 + 0.4 * luck)


def ask_again_after(failures: int, luck: float) -> timedelta:
    """How long to wait for a system that could not be asked so often in a row."""
    rest = min(_FIRST_POLL * 2.0 ** min(failures, 10), _RETRY_MAX)
    return rest * (0.8 + 0.4 * luck)


def failure_of(status: JobStatus) -> Failure | None:
    """How the job failed, in its system's own words; None where it has not."""
    if status.state not in (JobState.FAILED, JobState.CANCELLED):
        return None
    is_cancelled = status.state is JobState.CANCELLED
    said = status.message or ("cancelled in the other system" if is_cancelled else "the system does not say why")
    return Failure(
        kind=FailureKind.USER,
        error=JOB_CANCELLED if is_cancelled else JOB_FAILED,
        message=with_links(said, dict(status.links)),
    )


def with_links(message: str, links: dict[str, str]) -> str:
    """The message, and where to read more."""
    return "\n".join([message, *(f"{name}: {link}" for name, link in links.items())])


def ran_too_long(limit: timedelta, *, is_ended: bool) -> Failure:
    """That of a job that was to be ended for it, and was, as far as its system could be asked."""
    said = "the job was cancelled" if is_ended else "its system did not say that the job has ended, which may go on"
    message = f"still running after {limit.total_seconds():g} s; {said}"
    return Failure(kind=FailureKind.TIMEOUT, error="TimeoutError", message=message)


def fault_of(found: Elsewhere, declared: TypeSpec) -> str | None:
    """Why what a job has left in its system cannot be the output that it is to be; None where it can."""
    if not 0 < len(found.address) <= _ADDRESS_MAX or not found.address.isprintable():
        return f"expected an address of one line, 1 to {_ADDRESS_MAX:,} characters, found {found.address[:80]!r}"
    for name, said in (("data version", found.data_version), ("fingerprint", found.fingerprint or found.data_version)):
        if not is_fingerprint(said):
            return f"expected a {name} of 1 to 200 printable characters without spaces and #, found {said[:80]!r}"
    arms = declared.args if declared.kind == "union" else (declared,)
    tables = [arm for arm in arms if arm.kind in ("table", "dataframe", "any")]
    if not tables:
        return f"expected {display(declared)}, found what stays in another system, which is read as a table"
    try:
        columns = columns_of(found)
    except DefinitionError as error:
        return error.message
    promised = [arm.columns or () for arm in tables]
    reasons = [columns_fit(columns, expected) for expected in promised if columns]
    return None if not reasons or None in reasons else reasons[0]


def columns_of(found: Elsewhere) -> tuple[Column, ...]:
    """Its columns, of which a type that ends with `?` may have nulls. Raises DefinitionError for what is no type."""
    return tuple(
        Column(name=name, type=column_type(said.removesuffix("?")), nullable=said.endswith("?"))
        for name, said in found.columns.items()
    )
