"""Numbers that were recorded with versions, as columns: what plots need."""

from collections.abc import Mapping, Sequence
from typing import Any

import graphene

from latewood_graphql.nodes.versions import VersionAt
from latewood_graphql.scalars import Ints, Numbers, Texts


class Series(graphene.ObjectType):
    """A number that was recorded with versions, as columns of equal length, oldest first: what a plot needs."""

    name = graphene.String(required=True, description="The entry of the metadata.")
    versions = graphene.Field(Texts, required=True, description="The versions that have it.")
    partitions = graphene.Field(Texts, required=True, description="Their partitions.")
    positions = graphene.Field(Ints, required=True, description="Where the log has them.")
    made_at = graphene.Field(Texts, required=True, description="When they were made, as ISO 8601.")
    values = graphene.Field(Numbers, required=True, description="The numbers.")


def series_of(
    recorded: Sequence[tuple[VersionAt, Mapping[str, Any]]], names: Sequence[str] | None
) -> list[dict[str, Any]]:
    """The numbers of each name, by version in this order; truths are none."""
    found: dict[str, list[tuple[VersionAt, float]]] = {}
    for version, metadata in recorded:
        for name, value in metadata.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if is_number and (names is None or name in names):
                found.setdefault(name, []).append((version, value))
    return [
        {
            "name": name,
            "versions": [version.facts.version for version, _ in points],
            "partitions": [version.facts.partition for version, _ in points],
            "positions": [version.facts.position for version, _ in points],
            "made_at": [version.facts.made_at.isoformat() for version, _ in points],
            "values": [value for _, value in points],
        }
        for name, points in sorted(found.items())
    ]
