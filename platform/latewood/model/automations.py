"""What happens by itself, as a deployment records it: schedules, rules by which assets are kept up to date, sensors."""

from enum import StrEnum
from typing import Any

import msgspec

from latewood.model.conditions import AnyCondition


class CatchUp(StrEnum):
    """Which ticks of a schedule are made up for that went by while nobody looked."""

    ALL = "all"
    LATEST = "latest"
    NONE = "none"


class ScheduleDefinition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="schedule"
):
    """At each tick of `cron` in `timezone` the selection is asked for, or what is launched by that name.

    `parameters` are values by `ASSET.NAME`. Of partitioned assets `partition` says which, if not all there are; or
    `last_window`: of each the window of time that has just ended. It is on in `environments`, unless somebody says
    otherwise. With `observe` it is looked at what others make, and nothing is made.
    """

    name: str
    cron: str
    selection: str
    timezone: str = "UTC"
    launch: str = ""
    parameters: dict[str, Any] = {}
    partition: str = ""
    last_window: bool = False
    catch_up: CatchUp = CatchUp.LATEST
    observe: bool = False
    environments: tuple[str, ...] = ("prod",)
    description: str = ""


class RuleDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="rule"):
    """Partitions of the selected assets of which the condition comes true are asked for. On as a schedule is."""

    name: str
    selection: str
    condition: AnyCondition
    environments: tuple[str, ...] = ("prod",)
    description: str = ""


class FreshnessDefinition(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="freshness"
):
    """How current the selected assets have to be; what is not is overdue.

    `deadline` is a cron expression in `timezone`: at each tick the window of time that ended last has to be there, or
    what has no windows has to be brought up to date since the tick before. `max_lag_s`: what they are up to is never
    longer ago than so many seconds. Judged in `environments`, as a schedule is on.
    """

    name: str
    selection: str
    deadline: str = ""
    timezone: str = "UTC"
    max_lag_s: float | None = None
    environments: tuple[str, ...] = ("prod",)
    description: str = ""


class SensorDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="sensor"):
    """A function that is asked at most every `interval_s` what is to be run, of the selection or what is launched.

    With `watch` it is asked once for each run that ends so. A call may take `timeout_s`; `code` is its version. On as a
    schedule is.
    """

    name: str
    selection: str
    launch: str = ""
    interval_s: float = 0.0
    watch: tuple[str, ...] = ()
    timeout_s: float = 60.0
    code: str = ""
    environments: tuple[str, ...] = ("prod",)
    description: str = ""


class Occasion(StrEnum):
    """What is told of assets; or a test, which nobody asks for but by hand."""

    FAILED = "failed"
    RECOVERED = "recovered"
    OVERDUE = "overdue"
    CHECK_FAILED = "check failed"
    TEST = "test"


class NotifyDefinition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="notify"):
    """What becomes of the selected assets is told to a web address: `url`, or where the secret `url_from` is.

    It is signed with the value of `secret`, if there is one. On as a schedule is.
    """

    name: str
    selection: str
    on: tuple[Occasion, ...]
    url: str = ""
    url_from: dict[str, str] = {}
    secret: dict[str, str] = {}
    environments: tuple[str, ...] = ("prod",)
    description: str = ""


Automation = ScheduleDefinition | RuleDefinition | FreshnessDefinition | SensorDefinition | NotifyDefinition
"""What happens by itself."""
