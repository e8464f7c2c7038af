"""What promoting an environment into another one would change."""

from dataclasses import asdict
from typing import Any

import graphene

from latewood.commands.environments import Diff, diff
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import fallible, given, many
from latewood_graphql.pages import Page, connection_of, page_arguments, slice_of
from latewood_graphql.scalars import Json, PositionScalar


class PromotedHeads(graphene.ObjectType):
    """An asset of which the target has other heads."""

    key = graphene.ID(required=True, description="What it is called.")
    count = graphene.Int(required=True, description="How many of its heads.", resolver=given("partitions"))
    moved = graphene.Int(required=True, description="How many of them somebody has moved in the target since.")
    example = graphene.String(required=True, description="A partition of those that were moved; empty for none.")


class PromotedDeployment(graphene.ObjectType):
    """A location of which the target has another deployment."""

    location = graphene.String(required=True, description="The location.")
    before = graphene.ID(description="The target's deployment; null where it has none.")
    after = graphene.ID(required=True, description="The one that it would have.")
    moved = graphene.Boolean(required=True, description="Whether the target was deployed to since.")


class PromotedConfiguration(graphene.ObjectType):
    """A resource as the target would have it: fields that it has keep their values."""

    location = graphene.String(required=True, description="The location that asks for it.")
    resource = graphene.String(required=True, description="The resource.")
    values = graphene.Field(Json, required=True, description="Its fields, an object.")
    secrets = graphene.Field(Json, required=True, description="Where each secret is read, an object.")
    is_new = graphene.Boolean(required=True, description="Whether the target has none yet.")


class PromotedPin(graphene.ObjectType):
    """A parameter that the target pins otherwise, or not."""

    asset = graphene.String(required=True, description="Key of the first asset of the step that takes it.")
    name = graphene.String(required=True, description="The parameter.")
    is_pinned = graphene.Boolean(required=True, description="Whether it would be pinned, or else have its default.")
    value = graphene.Field(Json, description="The value that it would have; null for the default.")
    was_pinned = graphene.Boolean(required=True, description="Whether the target pins it.")
    before = graphene.Field(Json, description="The value that it has; null for the default.")
    moved = graphene.Boolean(required=True, description="Whether somebody has pinned it in the target since.")


class Promotion(graphene.ObjectType):
    """What promoting would change: what an environment has of its own and the target has otherwise, or not."""

    position = graphene.Field(PositionScalar, required=True, description="The position that this is true for.")
    conflicts = graphene.Boolean(
        required=True, description="Whether the target has moved since: then promoting is refused unless it is forced."
    )
    heads = fallible(connection_of(PromotedHeads), "Assets with other heads, by key.", **page_arguments())
    pins = fallible(connection_of(PromotedPin), "Parameters, by asset and name.", **page_arguments())
    deployments = many(PromotedDeployment, "Locations, by name.")
    configurations = many(PromotedConfiguration, "Resources, by location and name.")

    def resolve_heads(self: Diff, _info: Any, first: int, after: str | None = None) -> Page:
        """A page of them."""
        return slice_of(self.heads, first, after)

    def resolve_pins(self: Diff, _info: Any, first: int, after: str | None = None) -> Page:
        """A page of them."""
        found = [
            {
                "asset": each.key,
                "name": each.pin.parameter,
                "is_pinned": each.pin.pinned,
                "value": each.pin.value,
                "was_pinned": each.there is not None and each.there.pinned,
                "before": None if each.there is None else each.there.value,
                "moved": each.moved,
            }
            for each in self.pins
        ]
        return slice_of(found, first, after)

    def resolve_deployments(self: Diff, _info: Any) -> list[dict[str, Any]]:
        """By name."""
        return [
            {"location": location, "before": old or None, "after": new, "moved": location in self.moved}
            for location, (old, new) in sorted(self.deployments.items())
        ]

    def resolve_configurations(self: Diff, _info: Any) -> list[dict[str, Any]]:
        """As they would be recorded."""
        return [asdict(each) for each in self.configurations]


def promotion_of(at: EnvironmentAt, target: str, selection: str) -> Diff:
    """As `latewood env diff`. Raises UsageError for what is unknown."""
    return diff(at.workspace, at.name, target, selection, at.as_of)
