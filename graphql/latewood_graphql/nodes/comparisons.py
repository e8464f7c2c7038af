"""Versions of an asset side by side, as columns: what a sweep of parameters has come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import graphene

from latewood.commands.comparing import Comparison, compare
from latewood.errors import UsageError
from latewood.model.keys import AssetKey, RunId
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import given, many
from latewood_graphql.nodes.runs import run_of
from latewood_graphql.nodes.versions import AssetVersion_, VersionAt
from latewood_graphql.pages import checked_first
from latewood_graphql.scalars import Json, PositionScalar

COMPARED_MAX: Final = 5
"""Assets whose versions one query may compare: of each a thousand artifacts may be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonAt:
    """Versions side by side, seen from an environment."""

    environment: EnvironmentAt
    found: Comparison


class ComparedParameter(graphene.ObjectType):
    """A parameter in which the versions differ: their own, or of something that they were made from."""

    name = graphene.String(required=True, description="`ASSET.NAME`.")
    values = graphene.Field(
        Json,
        required=True,
        description="Of each version a list: its value; none where it has none, several where what was read had.",
    )


class ComparedMetric(graphene.ObjectType):
    """A number of the versions: from what was recorded of their content, or from their value."""

    name = graphene.String(required=True, description="What it is called.")
    values = graphene.List(
        graphene.Float, required=True, description="The number of each version; null where it has none."
    )


class VersionComparison(graphene.ObjectType):
    """Versions side by side: the n-th entry of each column is of the n-th of them."""

    nodes = many(AssetVersion_, "The versions, in the order asked for.")
    is_head = many(graphene.Boolean, "Whether it is head in the environment.")
    is_retracted = many(graphene.Boolean, "Whether it is wrong, or equals what is.")
    parameters = many(ComparedParameter, "The parameters in which they differ.")
    metrics = many(ComparedMetric, "The numbers that any of them has.")
    considered = graphene.Int(
        required=True,
        description="Of how many versions, the latest there are, these are.",
        resolver=given("found.considered"),
    )
    position = graphene.Field(
        PositionScalar,
        required=True,
        description="The position that this is true for.",
        resolver=given("found.position"),
    )

    def resolve_nodes(self: ComparisonAt, _info: Any) -> list[VersionAt]:
        """As versions of the asset."""
        of = self.found.asset
        return [VersionAt(environment=self.environment, key=of, facts=each.facts) for each in self.found.versions]

    def resolve_is_head(self: ComparisonAt, _info: Any) -> list[bool]:
        """In that order."""
        return [each.head for each in self.found.versions]

    def resolve_is_retracted(self: ComparisonAt, _info: Any) -> list[bool]:
        """In that order."""
        return [each.retracted for each in self.found.versions]

    def resolve_parameters(self: ComparisonAt, _info: Any) -> list[dict[str, Any]]:
        """By name."""
        versions = self.found.versions
        return [
            {"name": name, "values": [list(each.parameters.get(name, ())) for each in versions]}
            for name in self.found.parameters
        ]

    def resolve_metrics(self: ComparisonAt, _info: Any) -> list[dict[str, Any]]:
        """By name."""
        versions = self.found.versions
        return [{"name": name, "values": [each.metrics.get(name) for each in versions]} for name in self.found.metrics]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be compared, and how."""

    key: AssetKey
    by: str
    lowest: bool
    partition: str
    first: int
    run: str | None


async def comparison_of(
    at: EnvironmentAt, key: AssetKey, *, by: str, lowest: bool, partition: str, first: int, run: str | None = None
) -> ComparisonAt:
    """As `latewood compare`. Raises UsageError for an unknown metric or run, and for too many assets."""

    def read(wanted: Sequence[_Asked]) -> Mapping[_Asked, Comparison | UsageError]:
        if len(wanted) > COMPARED_MAX:
            raise UsageError(f"comparison: expected at most {COMPARED_MAX} assets in a query, found {len(wanted):,}")
        runs: dict[_Asked, RunId] = {}
        refused: dict[_Asked, UsageError] = {}
        for each in wanted:
            try:
                runs |= {} if each.run is None else {each: RunId(run_of(at.project, each.run).row.run)}
            except UsageError as error:  # of who asks for this run alone
                refused[each] = error

        def look(log: Any) -> Mapping[_Asked, Comparison]:
            there, as_of = replace(at.workspace, log=log), at.as_of
            return {
                each: compare(
                    there,
                    each.key,
                    by=each.by,
                    lowest=each.lowest,
                    partition=each.partition,
                    limit=each.first,
                    run=runs.get(each),
                    as_of=as_of,
                )
                for each in wanted
                if each not in refused
            }

        return {**at.call.aside(("comparisons", at.project.name, at.name, at.as_of, tuple(wanted)), look), **refused}

    asked = _Asked(key, by, lowest, partition, checked_first(first), run)
    return ComparisonAt(environment=at, found=await at.load("comparison", asked, read))
