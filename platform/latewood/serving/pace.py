"""When each sensor, and each schedule that looks, is due: by what the log says, and what this process has done."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from latewood.commands.automations import Found
from latewood.decide.automation import LATE, due, timing_of
from latewood.decide.sensors import due_again, wait_after
from latewood.model.automations import ScheduleDefinition, SensorDefinition
from latewood.serving.sensing import Outcome
from latewood_eventlog.records import Position

Slot = tuple[str, str, str, str]
"""A sensor as it is defined now: environment, location, name, and what it is due by: changed, it begins anew."""


def calls_code(found: Found) -> bool:
    """Whether code of users is called for it, before anything is asked for."""
    definition = found.definition
    return isinstance(definition, SensorDefinition) or (
        isinstance(definition, ScheduleDefinition) and definition.observe
    )


def slot_of(found: Found) -> Slot:
    """Which sensor it is."""
    return found.environment, found.location, found.name, timing_of(found.definition)


@dataclass(slots=True)
class Pace:
    """When each sensor is due, as far as this process has asked it and the log knows of failures."""

    _next: dict[Slot, datetime] = field(default_factory=dict)
    _looked: dict[Slot, Position] = field(default_factory=dict)

    def due_at(self, found: Found, now: datetime, end: Position) -> datetime | None:
        """From when on it is to be asked; None for one that watches a log, up to `end`, in which nothing is new.

        Of a schedule: from when on it is to be looked.
        """
        sensor, standing, slot = found.definition, found.standing, slot_of(found)
        following = self._next.get(slot, now)
        if isinstance(sensor, ScheduleDefinition):
            ticked = due(sensor, standing, now)
            at = now if ticked.is_news else ticked.again_at
            return at and max(at, following)
        assert isinstance(sensor, SensorDefinition), "nothing else is asked"
        is_new = standing.seen is None or max(standing.seen, self._looked.get(slot, 0)) < end
        if sensor.watch and not is_new:
            return None
        if following - now > timedelta(seconds=sensor.interval_s) + LATE and not standing.failures:
            following = now  # the clock was set back
        return max(due_again(sensor, standing, now), following)

    def looked(self, found: Found) -> Position:
        """Up to where it was looked for what it watches."""
        return self._looked.get(slot_of(found), 0)

    def was_asked(self, found: Found, at: datetime, outcome: Outcome) -> None:
        """It was asked then, or there was nothing to ask it about."""
        sensor, slot = found.definition, slot_of(found)
        assert isinstance(sensor, SensorDefinition), "nothing else is asked"
        failures = 0 if outcome.fact is None else outcome.fact.failures
        wait = wait_after(failures) if failures else timedelta()
        self._next[slot] = at + max(wait, timedelta(seconds=sensor.interval_s))
        self._looked[slot] = outcome.looked

    def not_before(self, found: Found, at: datetime) -> None:
        """It is left until then: somebody else is at it, or was."""
        self._next[slot_of(found)] = at
