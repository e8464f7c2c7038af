"""What automations say, by what they are."""

from collections.abc import Mapping
from typing import Any, Final

import graphene

from latewood.model.automations import (
    FreshnessDefinition,
    NotifyDefinition,
    RuleDefinition,
    ScheduleDefinition,
    SensorDefinition,
)
from latewood.model.conditions import text_of
from latewood_graphql.fields import given, many
from latewood_graphql.scalars import Json

_LAUNCH: Final = "What is launched by name; empty where the selection is asked for."


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1_000


class Schedule(graphene.ObjectType):
    """Asks for runs, or for a look at what others make, at each tick of a clock."""

    cron = graphene.String(required=True, description="When it ticks, as a cron expression.")
    timezone = graphene.String(required=True, description="The time zone of that.")
    launch = graphene.String(required=True, description=_LAUNCH)
    parameters = graphene.Field(Json, required=True, description="Values by `ASSET.NAME`, an object.")
    partition = graphene.String(required=True, description="Of these partitions only; empty for all there are.")
    last_window = graphene.Boolean(
        required=True, description="Whether of each asset the window that has just ended is asked for."
    )
    catch_up = graphene.String(
        required=True,
        description="Which ticks are made up for that nobody looked at: `all`, `latest` or `none`.",
        resolver=given("catch_up.value"),
    )
    observes = graphene.Boolean(
        required=True, description="Whether it is looked at what others make.", resolver=given("observe")
    )


class Sensor(graphene.ObjectType):
    """User code that is asked what is to be run."""

    launch = graphene.String(required=True, description=_LAUNCH)
    interval_ms = graphene.Float(
        required=True,
        description="Milliseconds between two times that it is asked, at least; 0 for one that watches runs.",
        resolver=lambda of, _info: _ms(of.interval_s),
    )
    watch = many(graphene.String, "Of one that watches runs by which ends: asked once for each run that ends so.")
    timeout_ms = graphene.Float(
        required=True, description="How long it may take to answer.", resolver=lambda of, _info: _ms(of.timeout_s)
    )
    code_version = graphene.String(required=True, description="Version of its code.", resolver=given("code"))


class Condition(graphene.ObjectType):
    """Partitions of which a condition comes true are asked for."""

    text = graphene.String(
        required=True,
        description="The condition as it is written in code, as in `missing() & ~any_deps(missing())`.",
        resolver=lambda of, _info: text_of(of.condition),
    )


class FreshnessPolicy(graphene.ObjectType):
    """How current assets have to be; what is not is overdue."""

    deadline = graphene.String(
        required=True, description="By when, as a cron expression: what ended last has to be there; empty for none."
    )
    timezone = graphene.String(required=True, description="The time zone of that.")
    max_lag_ms = graphene.Float(
        description="How long ago may be what they are up to; null for no such limit.",
        resolver=lambda of, _info: _ms(of.max_lag_s),
    )


class Notification(graphene.ObjectType):
    """Tells a web address what becomes of assets."""

    on = many(
        graphene.String,
        "What is told: `failed`, `recovered`, `overdue`, `check failed`.",
        resolver=lambda of, _info: [occasion.value for occasion in of.on],
    )
    url = graphene.String(required=True, description="The address; empty where it is read from a secret.")
    url_from = graphene.Field(Json, required=True, description="Where that secret is read, an object.")
    is_signed = graphene.Boolean(
        required=True, description="Whether what is told is signed.", resolver=lambda of, _info: bool(of.secret)
    )


_TYPES: Final[Mapping[type, Any]] = {
    ScheduleDefinition: Schedule,
    SensorDefinition: Sensor,
    RuleDefinition: Condition,
    FreshnessDefinition: FreshnessPolicy,
    NotifyDefinition: Notification,
}


class AutomationDetails(graphene.Union):
    """What an automation says, by what it is."""

    class Meta:
        """What it may be."""

        types = tuple(_TYPES.values())

    @classmethod
    def resolve_type(cls, instance: Any, _info: Any) -> Any:
        """By its definition."""
        return _TYPES[type(instance)]
