"""Partitions as ranges: never one by one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from math import prod
from typing import Any

import graphene

from latewood.decide.reasons import Reason
from latewood.decide.staleness import Assessed
from latewood.model.grids import boxes
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import count, describe, extent, key_at, parse_partitions
from latewood.model.schemes import GridScheme, PlainScheme, Scheme, layout_of, title
from latewood_graphql.fields import fallible, fallible_many, many
from latewood_graphql.pages import FIRST, FIRST_MAX, checked_first
from latewood_graphql.scalars import Ints
from latewood_graphql.words import AssetStatus, StaleCause


class PartitionRange(graphene.ObjectType):
    """Neighbouring partitions, in the order of the asset's scheme."""

    start = graphene.Int(required=True, description="Number of the first one, from 0.")
    stop = graphene.Int(required=True, description="Number behind the last one.")
    first_key = graphene.String(required=True, description="Key of the first one; empty for an unpartitioned asset.")
    last_key = graphene.String(required=True, description="Key of the last one.")


class PartitionSet(graphene.ObjectType):
    """Some partitions of an asset."""

    count = graphene.Int(required=True, description="How many they are.")
    text = graphene.String(
        required=True,
        description="The same as arguments take it, as in `2013-01-01..2013-01-03`; empty for all of one.",
    )
    ranges = fallible_many(
        PartitionRange,
        "Runs of neighbours, in order.",
        first=graphene.Int(required=True, default_value=FIRST, description=f"How many at most, up to {FIRST_MAX:,}."),
        behind=graphene.Int(
            required=True, default_value=0, description="Only what is not below this number: the last `stop`."
        ),
    )
    boxes = fallible_many(
        lambda: PartitionBox,
        "Of a grid the same as boxes, none of which has a partition of another; none of any other scheme.",
        first=graphene.Int(required=True, default_value=FIRST, description=f"How many at most, up to {FIRST_MAX:,}."),
        behind=graphene.Int(required=True, default_value=0, description="Without so many of the first ones."),
    )
    starts = graphene.Field(Ints, required=True, description="Where each run begins: all of them, as a column.")
    stops = graphene.Field(Ints, required=True, description="Where each run has ended, from the same ones.")

    def resolve_ranges(self: "Chosen", _info: Any, first: int, behind: int) -> Any:
        """As many as are asked for."""
        return self.ranges(checked_first(first, "behind"), behind)

    def resolve_boxes(self: "Chosen", _info: Any, first: int, behind: int) -> "list[Boxed]":
        """The same."""
        start = max(behind, 0)
        return list(islice(self.boxes(), start, start + checked_first(first, "behind")))


class BoxDimension(graphene.ObjectType):
    """What a box has along a dimension of a grid."""

    name = graphene.String(required=True, description="What the dimension is called.")
    chosen = graphene.Field(
        PartitionSet,
        required=True,
        description="Its keys that the box has, as runs of neighbours; they are numbered along the dimension.",
    )


class PartitionBox(graphene.ObjectType):
    """Partitions of a grid: all that have one of these keys along each dimension."""

    count = graphene.Int(required=True, description="How many they are.")
    dimensions = many(BoxDimension, "Each dimension, as in `dimensions` of the scheme.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Some partitions of a scheme, as `PartitionSet` shows them."""

    scheme: Scheme | None
    ordinals: Ordinals

    @property
    def count(self) -> int:
        """How many."""
        return len(self.ordinals)

    @property
    def text(self) -> str:
        """As arguments take it."""
        return "" if self.scheme is None else describe(self.scheme, self.ordinals)

    @property
    def starts(self) -> list[int]:
        """Where each run of neighbours begins."""
        return [start for start, _ in self.ordinals.ranges]

    @property
    def stops(self) -> list[int]:
        """Where it has ended."""
        return [stop for _, stop in self.ordinals.ranges]

    def ranges(self, first: int, behind: int = 0) -> list[Mapping[str, object]]:
        """The first runs of neighbours whose numbers are not below that."""
        found = self.ordinals - Ordinals.between(0, max(behind, 0)) if behind > 0 else self.ordinals

        def of(start: int, stop: int) -> Mapping[str, object]:
            keys = {"first_key": key_at(self.scheme, start), "last_key": key_at(self.scheme, stop - 1)}
            return {"start": start, "stop": stop, **keys}

        return [of(*range_) for range_ in found.ranges[:first]]

    def boxes(self) -> Iterator["Boxed"]:
        """The same as boxes without a partition in common, if it is a grid. Cost: O(runs of neighbours)."""
        if not isinstance(self.scheme, GridScheme):
            return
        layout = layout_of(self.scheme)
        for box in boxes(self.ordinals, layout.sizes):
            parts = zip(layout.names, layout.schemes, box, strict=True)
            yield Boxed([Within(name, Chosen(scheme=scheme, ordinals=digits)) for name, scheme, digits in parts])


@dataclass(frozen=True, slots=True)
class Within:
    """What a box has along a dimension."""

    name: str
    chosen: Chosen


@dataclass(frozen=True, slots=True)
class Boxed:
    """A box of a grid."""

    dimensions: list[Within]

    @property
    def count(self) -> int:
        """How many partitions it has."""
        return prod(each.chosen.count for each in self.dimensions)


class PartitionDimension(graphene.ObjectType):
    """A dimension of a grid of partitions."""

    name = graphene.String(required=True, description="What it is called.")
    count = graphene.Int(required=True, description="How many places it has, those of keys that are gone too.")
    keys = fallible_many(
        graphene.String,
        "Its keys, in order.",
        first=graphene.Int(required=True, default_value=FIRST, description=f"How many at most, up to {FIRST_MAX:,}."),
        behind=graphene.Int(required=True, default_value=0, description="Only from the one with this number on."),
    )

    def resolve_keys(self: "Along", _info: Any, first: int, behind: int) -> list[str]:
        """As many as are asked for."""
        start = max(behind, 0)
        return [key_at(self.scheme, n) for n in range(start, min(self.count, start + checked_first(first, "behind")))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Along:
    """A dimension with as many places as there are at a moment."""

    name: str
    scheme: PlainScheme
    count: int


class PartitionScheme(graphene.ObjectType):
    """How an asset is partitioned."""

    title = graphene.String(required=True, description="In a few words, as in `daily from 2013-01-01 (UTC)`.")
    count = graphene.Int(required=True, description="How many partitions there are.")
    dimensions = many(
        PartitionDimension,
        "Those of a grid, by whose places its partitions are numbered, the last one fastest; none of any other.",
    )
    chosen = fallible(
        PartitionSet,
        description="Those that a text means, as arguments take it.",
        text=graphene.String(required=True, description="As in `2013-01-01..2013-01-31, 2013-03-01`."),
    )

    def resolve_chosen(self: "SchemeAt", _info: Any, text: str) -> Chosen:
        """By the scheme alone. Raises UsageError."""
        return Chosen(scheme=self.scheme, ordinals=parse_partitions(self.scheme, text, self.now))


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeAt:
    """A scheme at a moment, and what is to say of it."""

    scheme: Scheme
    now: datetime
    title: str
    count: int
    dimensions: list[Along]


def scheme_of(scheme: Scheme, now: datetime) -> SchemeAt:
    """A scheme at a moment."""
    layout = layout_of(scheme) if isinstance(scheme, GridScheme) else None
    parts = () if layout is None else zip(layout.names, layout.schemes, strict=True)
    dimensions = [Along(name=name, scheme=part, count=extent(part, now)) for name, part in parts]
    return SchemeAt(scheme=scheme, now=now, title=title(scheme), count=count(scheme, now), dimensions=dimensions)


class StatusPartitions(graphene.ObjectType):
    """The partitions of an asset that have a status."""

    status = graphene.Field(AssetStatus, required=True, description="The status.")
    partitions = graphene.Field(PartitionSet, required=True, description="Those that have it.")


class Cause(graphene.ObjectType):
    """A direct cause for which partitions of an asset are not fresh."""

    cause = graphene.Field(StaleCause, required=True, description="What it is.")
    subject = graphene.String(required=True, description="The asset that it is about; empty where it is about none.")
    check = graphene.String(required=True, description="The check that refuses; empty where none does.")
    partitions = graphene.Field(PartitionSet, required=True, description="The partitions that have it.")


def status_partitions(assessed: Assessed) -> list[dict[str, Any]]:
    """The partitions of each status that there are."""
    scheme = assessed.node.assets[0].partitions
    return [
        {"status": status, "partitions": Chosen(scheme=scheme, ordinals=ordinals)}
        for status, ordinals in assessed.by_status.items()
        if ordinals
    ]


def causes_of(assessed: Assessed) -> Iterator[dict[str, Any]]:
    """Each direct cause, and of which partitions."""
    scheme = assessed.node.assets[0].partitions
    found: dict[Reason, Ordinals] = {}
    for reasons, ordinals in assessed.by_reasons.items():
        for reason in reasons:
            found[reason] = found.get(reason, Ordinals()) | ordinals
    for reason, ordinals in found.items():
        yield {**reason._asdict(), "partitions": Chosen(scheme=scheme, ordinals=ordinals)}
