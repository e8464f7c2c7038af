"""What happens by itself: schedules, sensors, rules, policies of freshness, notifications."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import graphene
import msgspec

from latewood.commands.automations import Found, evaluations_of
from latewood.commands.freshness import overdue_by
from latewood.decide.freshness import Judged
from latewood.events import SCHEMA_VERSIONS, TYPE_OF, AutomationDefined
from latewood.projections.automations import Slot
from latewood_eventlog.records import RecordedEvent
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import fallible, fallible_many, given, many
from latewood_graphql.nodes.automation_details import AutomationDetails
from latewood_graphql.nodes.events import Event, events_at
from latewood_graphql.pages import FIRST, FIRST_MAX, checked_first, stretch_arguments, stretch_of
from latewood_graphql.scalars import Json, PositionScalar
from latewood_graphql.words import AutomationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationAt:
    """An automation, seen from an environment."""

    environment: EnvironmentAt
    found: Found

    @property
    def definition(self) -> dict[str, Any]:
        """What it says, as data; `kind` says what it is."""
        data: dict[str, Any] = msgspec.to_builtins(self.found.definition)
        return data

    def overdue(self) -> Sequence[Judged]:
        """What is overdue by it; of all policies at once."""
        at = self.environment
        found = at.once("overdue", lambda: overdue_by(at.workspace, at.assessment, at.as_of))
        return found.get(self.found.slot, ())


class Overdue(graphene.ObjectType):
    """What a policy of freshness says of an asset that is not as current as it has to be."""

    policy = graphene.String(required=True, description="What it is called.")
    asset = graphene.ID(required=True, description="The key of the asset.")
    up_to = graphene.DateTime(description="What the asset is up to; null where it was never made.")
    since = graphene.DateTime(description="Since when it is overdue; null where it was never made.")
    why = graphene.String(required=True, description="Why, in a few words.")


class Automation(graphene.ObjectType):
    """Something that happens by itself: a schedule, a sensor, a condition on assets, a policy, a notification."""

    name = graphene.ID(required=True, description="What it is called in its location.", resolver=given("found.name"))
    location = graphene.String(required=True, description="What defines it.", resolver=given("found.location"))
    kind = graphene.Field(AutomationKind, required=True, description="What it is.")
    description = graphene.String(
        required=True, description="What its author says of it.", resolver=given("found.definition.description")
    )
    selection = graphene.String(
        required=True, description="The assets it is about.", resolver=given("found.definition.selection")
    )
    environments = many(
        graphene.String,
        "The environments that it is on in unless somebody says otherwise.",
        resolver=given("found.definition.environments"),
    )
    details = graphene.Field(
        AutomationDetails, required=True, description="What it says.", resolver=given("found.definition")
    )
    definition = graphene.Field(
        Json,
        required=True,
        description="All that it says, for export: as events `automation.defined` have it, in `definitionVersion`.",
    )
    definition_version = graphene.Int(
        required=True,
        description="The version of the shape of `definition`: another one may mean something else by a field.",
        resolver=lambda _at, _info: SCHEMA_VERSIONS[TYPE_OF[AutomationDefined]],
    )
    is_on = graphene.Boolean(
        required=True, description="Whether it does anything in this environment.", resolver=given("found.is_on")
    )
    evaluated_upto = graphene.DateTime(
        description="All up to then is dealt with; null before the first time.", resolver=given("found.standing.until")
    )
    cursor = graphene.String(
        required=True, description="Of a sensor what it said last; else empty.", resolver=given("found.standing.cursor")
    )
    problem = graphene.String(
        description="What is wrong with it now; null where nothing is.", resolver=given("found.standing.problem")
    )
    last_run = graphene.ID(
        description="The last run that a sensor asked for.", resolver=given("found.standing.last_run")
    )
    overdue = fallible_many(Overdue, "Of a policy of freshness what is overdue by it.", **stretch_arguments())
    overdue_count = fallible(graphene.Int, "How many these are.")
    position = graphene.Field(
        PositionScalar, description="Where the log last has something of it.", resolver=given("found.standing.position")
    )
    evaluations = fallible_many(
        Event,
        "What last came of looking at it, newest first, of the environment's last thousand such events.",
        first=graphene.Int(required=True, default_value=FIRST, description=f"How many at most, up to {FIRST_MAX:,}."),
    )

    def resolve_kind(self: AutomationAt, _info: Any) -> str:
        """As its definition is tagged."""
        return str(self.definition["kind"])

    def resolve_overdue(self: AutomationAt, _info: Any, behind: int, first: int | None = None) -> Any:
        """By all policies at once."""
        return stretch_of(self.overdue(), first, behind)

    def resolve_overdue_count(self: AutomationAt, _info: Any) -> int:
        """All of them."""
        return len(self.overdue())

    def resolve_evaluations(self: AutomationAt, _info: Any, first: int) -> Any:
        """As recorded, of all automations at once."""
        at, limit = self.environment, checked_first(first)

        def of_many(slots: Sequence[Slot]) -> Mapping[Slot, Sequence[RecordedEvent]]:
            found = evaluations_of(at.workspace, slots, limit=limit, as_of=at.as_of.position)
            return {slot: events_at(at.project, events) for slot, events in found.items()}

        return at.load(f"evaluations {limit}", self.found.slot, of_many)
