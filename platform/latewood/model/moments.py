"""Local times as users write them where a scheme begins or ends, held against what kind of windows it has."""

from datetime import date, datetime, time
from typing import Final

from latewood.errors import DefinitionError
from latewood.model.axes import FIRST_YEAR, LAST_YEAR

Moment = str | date
"""A local time as users write it: ISO text, a date or a naive datetime."""

_EXPECTED: Final = {
    "monthly": "the first day of a month such as 2013-01-01",
    "weekly": "a date such as 2013-01-07",
    "daily": "a date such as 2013-01-01",
    "hourly": "a whole hour such as 2013-01-01T05",
    "cron": "a local time such as 2013-01-01T05:30",
}


def is_calendar(every: str) -> bool:
    """False for a cron expression."""
    return every in _EXPECTED


def iso(every: str, local: datetime) -> str:
    """One spelling for one time, so that equal schemes are equal."""
    return local.date().isoformat() if every in ("daily", "weekly", "monthly") else local.isoformat(timespec="minutes")


def begin(every: str, moment: Moment) -> datetime:
    """The time that is meant. Raises DefinitionError for what no such window begins with."""
    expected = _EXPECTED.get(every, _EXPECTED["cron"])
    found = f'partitions {every}: expected {expected}, found "{moment}"'
    if isinstance(moment, str):
        text = f"{moment}-01" if every == "monthly" and len(moment) == len("2013-01") else moment
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            raise DefinitionError(found) from None
    else:
        local = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    if local.tzinfo is not None:
        raise DefinitionError(f"{found}; give the time zone as timezone=")
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise DefinitionError(f"{found}; years from {FIRST_YEAR} to {LAST_YEAR}")
    if _cut(every, local) != local:
        raise DefinitionError(found)
    return local


def _cut(every: str, local: datetime) -> datetime:
    """The beginning of the month, day, hour or minute in which `local` lies."""
    match every:
        case "monthly":
            return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        case "daily" | "weekly":
            return local.replace(hour=0, minute=0, second=0, microsecond=0)
        case "hourly":
            return local.replace(minute=0, second=0, microsecond=0)
        case _:
            return local.replace(second=0, microsecond=0)
