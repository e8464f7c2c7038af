"""What of an environment needs somebody."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import graphene

from latewood.commands.attention import Attention, Trouble, attention
from latewood_eventlog.records import Position
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import given, many
from latewood_graphql.nodes.assets import Asset, AssetAt
from latewood_graphql.nodes.automations import Overdue
from latewood_graphql.nodes.partitions import Chosen, PartitionSet
from latewood_graphql.pages import Page, slice_of
from latewood_graphql.scalars import PositionScalar
from latewood_graphql.words import AssetTrouble


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionAt:
    """An asset that needs somebody, seen from an environment."""

    environment: EnvironmentAt
    found: Attention


class AttentionNeeded(graphene.ObjectType):
    """An asset that needs somebody, and why."""

    asset = graphene.Field(Asset, required=True, description="Which one.")
    troubles = many(AssetTrouble, "Why, the worst first.", resolver=given("found.troubles"))
    partitions = graphene.Field(
        PartitionSet, required=True, description="Those that failed, or that checks did not pass."
    )
    checks = many(graphene.String, "The checks that did not pass.", resolver=given("found.checks"))
    since = graphene.Field(
        PositionScalar,
        description="Where the log has the first of what failed, or of what did not pass; null where nothing did.",
        resolver=given("found.since"),
    )
    since_at = graphene.DateTime(description="When that was; null where nothing did.")
    overdue = many(Overdue, "The policies that say so, and what they say.", resolver=given("found.overdue"))
    because = many(
        graphene.String,
        "What it reads that keeps it from being made; empty where it waits for a value or an optional output.",
        resolver=given("found.because"),
    )
    downstream = graphene.Int(
        required=True, description="How many assets are made from it.", resolver=given("found.downstream")
    )
    held_up = graphene.Int(
        required=True,
        description="How many of them are not fresh, where it keeps them from being made; else 0.",
        resolver=given("found.held_up"),
    )

    def resolve_asset(self: AttentionAt, _info: Any) -> AssetAt:
        """As the environment has it."""
        return AssetAt(environment=self.environment, key=self.found.key)

    def resolve_since_at(self: AttentionAt, _info: Any) -> Any:
        """By the log, of all that need somebody at once."""
        since, log = self.found.since, self.environment.workspace.log

        def times(positions: Sequence[Position]) -> Mapping[Position, datetime]:
            return {event.position: event.recorded_at for event in log.read_positions(sorted(positions))}

        return None if since is None else self.environment.load("times", since, times)

    def resolve_partitions(self: AttentionAt, _info: Any) -> Chosen:
        """As ranges."""
        definition = self.environment.view.catalog[self.found.key]
        return Chosen(scheme=definition.partitions, ordinals=self.found.partitions)


def attention_page(at: EnvironmentAt, first: int, after: str | None, troubles: Collection[Trouble] | None) -> Page:
    """By what depends on it: the list is worked out as a whole, once for a call."""
    every = at.once("attention", lambda: attention(at.workspace, at.assessment, at.as_of))
    wanted = [each for each in every if troubles is None or set(each.troubles) & set(troubles)]
    return slice_of([AttentionAt(environment=at, found=each) for each in wanted], first, after)
