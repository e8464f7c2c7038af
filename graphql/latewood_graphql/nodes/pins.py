"""Parameters that an environment pins."""

from typing import Any

import graphene

from latewood.commands.pinning import pins_in
from latewood.decide.state import Pin
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.pages import Page, slice_of
from latewood_graphql.scalars import Json, PositionScalar


class PinnedParameter(graphene.ObjectType):
    """A parameter that has a value of the environment's in place of its default."""

    asset = graphene.String(required=True, description="Key of the first asset of the step that takes it.")
    name = graphene.String(required=True, description="The parameter.")
    value = graphene.Field(Json, description="The value.")
    actor = graphene.String(required=True, description="Who pinned it.")
    position = graphene.Field(PositionScalar, required=True, description="The event that says so.")


def pins_page(at: EnvironmentAt, first: int, after: str | None) -> Page:
    """By asset and name."""
    return slice_of([told(key, pin) for key, pin in pins_in(at.view)], first, after)


def told(key: str, pin: Pin) -> dict[str, Any]:
    """A pin of the step whose first asset this is."""
    return {"asset": key, "name": pin.parameter, "value": pin.value, "actor": pin.actor, "position": pin.position}
