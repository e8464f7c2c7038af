"""What is due of what happens by itself: by its definition, where the log says it stands, and the time. Pure.

A tick is dealt with once: what was due up to an instant is, and what is asked for at a tick is a run whose id follows
from automation and tick. So it may be asked any number of times and by anybody, and a clock may go back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple

from latewood.decide.keys import digest
from latewood.events import AskedFor
from latewood.model.automations import (
    Automation,
    CatchUp,
    FreshnessDefinition,
    NotifyDefinition,
    RuleDefinition,
    ScheduleDefinition,
    SensorDefinition,
)
from latewood.model.axes import count_ticks, last_tick, next_tick, ticks, zone
from latewood.model.definitions import definition_digest
from latewood.model.keys import AssetId, RunId

AT_ONCE_MAX: Final = 10
"""Ticks that are asked for at a time; the others right after."""

LATE: Final = timedelta(minutes=1)
"""After which a tick that was not seen has gone by; and by how much the clocks of two computers may differ."""

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_RUN_LENGTH: Final = 12


_NOTHING: Final[Mapping[AssetId, Sequence[AskedFor]]] = MappingProxyType({})


_NONE_OVERDUE: Final[Mapping[AssetId, datetime]] = MappingProxyType({})


class Standing(NamedTuple):
    """What the log says of an automation in an environment: whether somebody `switched` it on, or off.

    All up to `until` is dealt with, as what it is due by (`timing`) was then. `asked` and `overdue` are as in
    AutomationEvaluated; `cursor`, `skipped`, `failures` and `seen` as in SensorEvaluated, and `last_run` is the last
    run that the sensor asked for.
    """

    switched: bool | None = None
    until: datetime | None = None
    timing: str | None = None
    position: int | None = None
    problem: str | None = None
    asked: Mapping[AssetId, Sequence[AskedFor]] = _NOTHING
    overdue: Mapping[AssetId, datetime] = _NONE_OVERDUE
    cursor: str = ""
    skipped: str = ""
    failures: int = 0
    seen: int | None = None
    last_run: RunId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What looking at a schedule comes to: ticks to ask for, how many were let go by, and up to when all is dealt with.

    `began`: it is from now on that it counts. `again_at`: when something can be due next.
    """

    ticks: tuple[datetime, ...] = ()
    missed: int = 0
    until: datetime | None = None
    began: bool = False
    again_at: datetime | None = None

    @property
    def is_news(self) -> bool:
        """Whether there is anything to record."""
        return self.began or bool(self.ticks) or self.missed > 0


def is_on(automation: Automation, environment: str, standing: Standing) -> bool:
    """Whether it is on: as somebody said last, else where its definition says so."""
    return environment in automation.environments if standing.switched is None else standing.switched


def timing_of(automation: Automation) -> str:
    """Digest of what says when it is due: of rules nothing does but the state of things, of a sensor its code does."""
    match automation:
        case ScheduleDefinition():
            return digest("schedule", automation.cron, automation.timezone)[:16]
        case SensorDefinition():
            return definition_digest(automation)[:16]
        case RuleDefinition() | FreshnessDefinition() | NotifyDefinition():
            return "state"


def due(schedule: ScheduleDefinition, standing: Standing, now: datetime) -> Due:
    """What is due of a schedule at `now`. Cost: O(years since it was looked at), and ticks that are asked for.

    One that nobody has looked at, that ticks at other times than before, or of which the clock was set back since,
    begins now. (What it asks for at ticks that come a second time is there already.)
    """
    tz, timing = zone(schedule.timezone), timing_of(schedule)
    until = standing.until
    if until is None or standing.timing not in (None, timing) or until > now + LATE:
        return Due(began=True, until=now, again_at=_at(next_tick(schedule.cron, tz, _second(now))))
    after, upto = _second(until), _second(now)
    count = count_ticks(schedule.cron, tz, after, upto) if after < upto else 0
    if count == 0:
        return Due(until=until, again_at=_at(next_tick(schedule.cron, tz, max(after, upto))))
    match schedule.catch_up:
        case CatchUp.ALL:
            chosen = list(islice(ticks(schedule.cron, tz, after, upto), AT_ONCE_MAX))
            missed = 0
        case CatchUp.LATEST:
            latest = last_tick(schedule.cron, tz, after, upto)
            assert latest is not None, "there is one"
            chosen, missed = [latest], count - 1
        case CatchUp.NONE:
            since = max(after, upto - int(LATE.total_seconds()))
            chosen = list(ticks(schedule.cron, tz, since, upto))
            missed = count - len(chosen)
    dealt = chosen[-1] if schedule.catch_up is CatchUp.ALL else upto
    return Due(
        ticks=tuple(datetime.fromtimestamp(tick, UTC) for tick in chosen),
        missed=missed,
        until=datetime.fromtimestamp(dealt, UTC),
        again_at=_at(next_tick(schedule.cron, tz, dealt)),
    )


def coming(schedule: ScheduleDefinition, standing: Standing, now: datetime) -> Iterator[datetime]:
    """The ticks to come, in order, without end unless it ends."""
    tz, after = zone(schedule.timezone), _second(now)
    if standing.until is not None and standing.timing == timing_of(schedule) and standing.until <= now + LATE:
        after = max(after, _second(standing.until))
    while (at := next_tick(schedule.cron, tz, after)) is not None:
        yield datetime.fromtimestamp(at, UTC)
        after = at


def run_at(names: Sequence[str], tick: datetime) -> RunId:
    """The run that a schedule asks for at the tick, by project, environment, location and name."""
    return _run(*names, tick.astimezone(UTC).isoformat())


def run_by(names: Sequence[str], version: int) -> RunId:
    """The run that a rule asks for by the evaluation that makes its stream as long as that."""
    return _run(*names, f"#{version}")


def run_for(names: Sequence[str], run_key: str) -> RunId:
    """The run that a sensor asks for by that key, whenever it does."""
    return _run(*names, f"={run_key}")


def _run(*names: str) -> RunId:
    """60 bits of a digest."""
    found = int.from_bytes(sha256(digest(*names).encode()).digest()[:8])
    return RunId("".join(_ALPHABET[found >> 5 * place & 31] for place in range(_RUN_LENGTH)))


def _second(at: datetime) -> int:
    return int(at.timestamp() // 1)


def _at(instant: int | None) -> datetime | None:
    return None if instant is None else datetime.fromtimestamp(instant, UTC)
