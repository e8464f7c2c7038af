"""Lineage between versions."""

from typing import Any

import graphene

from latewood.commands.lineage import Link, lineage
from latewood.decide.versions import expand
from latewood.errors import UsageError
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import given, many

_LEVELS_MAX = 50

LINKS_MAX = 10_000
"""Links of the largest answer, in each direction."""


class LineageLink(graphene.ObjectType):
    """A version, and what it read through one input."""

    reader = graphene.String(required=True, description="Key of the asset that read.")
    reader_partition = graphene.String(required=True, description="Its partition.")
    reader_version = graphene.ID(required=True, description="Its version.")
    input = graphene.String(required=True, description="The input that it read through.")
    asset = graphene.String(required=True, description="Key of the asset that was read.")
    partitions = graphene.String(required=True, description="Of which partitions, in words.")
    versions_text = graphene.String(
        required=True, description="The versions, neighbours written together: `RUN.0-30`.", resolver=given("versions")
    )
    versions_count = graphene.Int(required=True, description="How many versions they are.")
    depth = graphene.Int(required=True, description="Levels from what was asked about, from 1.")
    equal_to = graphene.String(
        description="The asset whose head has the content that was read, where the head itself was not read."
    )

    def resolve_versions_count(self: Link, _info: Any) -> int:
        """Of the compact text."""
        return sum(1 for _ in expand(self.versions))


class Lineage(graphene.ObjectType):
    """What versions were made from, and what was made from them, nearest level first; up to 10,000 links each."""

    upstream = many(LineageLink, "What was read.")
    downstream = many(LineageLink, "What read it.")


def lineage_of(at: EnvironmentAt, asset: str, *, partition: str, version: str, up: int, down: int) -> Any:
    """Raises UsageError for what is unknown, and for too many levels or links."""
    if not (0 <= up <= _LEVELS_MAX and 0 <= down <= _LEVELS_MAX):
        raise UsageError(f"up, down: expected 0 to {_LEVELS_MAX} levels, found {up} and {down}")
    of = {"partition": partition, "version": version}
    return lineage(at.workspace, asset, **of, up=up, down=down, as_of=at.as_of, view=at.view, most=LINKS_MAX)
