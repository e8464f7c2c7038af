"""How a version came to be an environment's head, where that was not by being made."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from latewood.events import EnvironmentCreated, EnvironmentPromoted, Event, HeadsMoved, StepReused
from latewood.model.keys import AssetId


class By(StrEnum):
    """What made a version head."""

    ROLLBACK = "rollback"
    PROMOTION = "promotion"
    ENVIRONMENT = "environment promotion"
    BRANCH = "branch"
    REUSE = "reuse"


BY_HAND: Final = frozenset({By.ROLLBACK, By.PROMOTION})
"""Somebody wanted just that version to be head; nothing else keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The event by which a version that was there already became head.

    `environment` is the one that it was promoted from, or branched from; `run` the one that reused it.
    """

    by: By
    position: int
    at: datetime
    actor: str
    environment: str = ""
    run: str = ""


def moved_by(fact: Event, asset: AssetId, *, position: int, at: datetime, actor: str) -> Moved | None:
    """What this event, by which the asset's head became head, was; None where it made that version."""
    by, environment, run = By.REUSE, "", ""
    match fact:
        case HeadsMoved(reason=reason):
            by = By.PROMOTION if reason == "promoted" else By.ROLLBACK
        case EnvironmentPromoted(source=source):
            by, environment = By.ENVIRONMENT, source
        case EnvironmentCreated(base=base):
            by, environment = By.BRANCH, base
        case StepReused(outputs=outputs) if not any(o.made is not None for o in outputs if o.asset == asset):
            run = fact.run
        case _:
            return None
    return Moved(by=by, position=position, at=at, actor=actor, environment=environment, run=run)
