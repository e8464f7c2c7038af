"""What a sensor's answer means: which runs are asked for, by which keys, and when it is asked again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from latewood.context import Cursor, RunRequest, Skip
from latewood.decide.automation import LATE, Standing, timing_of
from latewood.errors import ValueRefused
from latewood.model.automations import SensorDefinition

REQUESTS_MAX: Final = 100
"""Runs that a sensor asks for at a time: one append holds them all."""

CURSOR_BYTES_MAX: Final = 8_192
KEY_BYTES_MAX: Final = 200

GIVEN_UP_AFTER: Final = timedelta(hours=24)
"""How long it is tried to tell a sensor of a run while it fails; then the next one is its turn."""

_FIRST_WAIT: Final = timedelta(seconds=5)
_WAIT_MAX: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a sensor has said: `cursor` is None where it left that as it was."""

    requests: tuple[RunRequest, ...] = ()
    cursor: str | None = None
    skipped: str = ""


def answer_of(said: Iterable[object]) -> Answer:
    """The answer that these values are. Raises ValueRefused for the first that cannot be.

    The last Cursor counts, and so does the last Skip.
    """
    answer = Answer()
    for value in said:
        match value:
            case None:
                pass
            case RunRequest():
                answer = replace(answer, requests=(*answer.requests, _checked(value)))
            case Cursor(value=str(text)):
                answer = replace(answer, cursor=_within("cursor", text, CURSOR_BYTES_MAX))
            case Skip(reason=str(reason)):
                answer = replace(answer, skipped=reason)
            case Cursor(value=found) | Skip(reason=found):
                raise ValueRefused(f"{type(value).__name__}: expected text, found {found!r}")
            case _:
                raise ValueRefused(f"expected RunRequest, Cursor or Skip, found {value!r}")
    if len(answer.requests) > REQUESTS_MAX:
        raise ValueRefused(
            f"expected at most {REQUESTS_MAX} run requests at a time, found {len(answer.requests):,}; "
            "ask for the others the next time, from a Cursor on"
        )
    keys = [request.run_key for request in answer.requests]
    if twice := next((key for number, key in enumerate(keys) if key in keys[:number]), None):
        raise ValueRefused(f'run_key "{twice}": two run requests have it')
    return answer


def _checked(request: RunRequest) -> RunRequest:
    key: Any = request.run_key  # users give what they like
    if not isinstance(key, str) or not key:
        raise ValueRefused(f"run_key: expected text that tells this run from all others, found {key!r}")
    if not isinstance(request.partition, str):
        raise ValueRefused(f'partition of "{key}": expected text, found {request.partition!r}')
    _within("run_key", key, KEY_BYTES_MAX)
    return request


def _within(what: str, text: str, bytes_max: int) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > bytes_max:
        raise ValueRefused(f"{what}: expected at most {bytes_max:,} bytes, found {size:,}")
    return text


def wait_after(failures: int) -> timedelta:
    """How long it is waited after so many failures in a row: 5 s, and each time twice as long, up to an hour."""
    times: int = 2 ** min(failures - 1, 20)
    return min(_WAIT_MAX, _FIRST_WAIT * times)


def tried_for(failures: int) -> timedelta:
    """How long, at least, it was tried until it had failed so many times in a row."""
    return sum(map(wait_after, range(1, failures)), timedelta())


def due_again(sensor: SensorDefinition, standing: Standing, now: datetime) -> datetime:
    """From when on it may be asked, as far as the log says: after a failure it is waited, unless it was changed."""
    if not standing.failures or standing.until is None or standing.timing != timing_of(sensor):
        return now
    if standing.until > now + LATE:  # the clock was set back
        return now
    return standing.until + max(wait_after(standing.failures), timedelta(seconds=sensor.interval_s))
