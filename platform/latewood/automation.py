"""What users import for what is to happen by itself: schedules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from latewood.promises import Place, here
from latewood.workflows import LaunchPlan, Workflow

__all__ = ["Schedule"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """At each tick of a cron expression, as clocks in `timezone` show it, bring what is selected up to date.

    Or launch the workflow or launch plan that it is of. `parameters` are values by `ASSET.NAME`, or by the input of
    what is launched. Of partitioned assets `partition` says which, by default all there are; or with `last_window` it
    is of each asset the window of time that ended last before the tick.

    `catch_up` says which ticks are made up for that went by while no engine ran: "all" of them, the "latest", or
    "none". It is on in `environments` until `latewood automation off`; in others `latewood automation on` begins it.
    """

    name: str
    target: str | Workflow[..., Any] | LaunchPlan
    cron: str
    timezone: str = "UTC"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    partition: str = ""
    last_window: bool = False
    catch_up: Literal["all", "latest", "none"] = "latest"
    environments: Sequence[str] = ("prod",)
    description: str = ""
    place: Place = field(default_factory=here, compare=False, repr=False)


Automation = Schedule
"""What happens by itself."""
