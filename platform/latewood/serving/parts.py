"""What the projects of one engine have in common."""

from dataclasses import dataclass
from datetime import timedelta

from latewood.engine.running.pool import Pool
from latewood.engine.running.run_log import Absences
from latewood.model.keys import RunId
from latewood.serving.absence import Absence
from latewood.serving.crews import Crews
from latewood.serving.inbox import Inbox
from latewood.serving.lookout import Growth
from latewood.serving.remotes import Remotes
from latewood.serving.telling import Telling


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """An engine's name and parts. `lease` is that of what is driven, `patience` that with a database that is away.

    Where it is there for `only` one run, that is it.
    """

    name: str
    lease: timedelta
    patience: timedelta
    inbox: Inbox
    pool: Pool
    crews: Crews
    absence: Absence
    absences: Absences
    telling: Telling
    growth: Growth
    remotes: Remotes
    only: RunId | None = None
