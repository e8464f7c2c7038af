"""Lineage between versions, and between their columns."""

from collections.abc import Sequence
from typing import Any, Final

import graphene

from latewood.commands.column_lineage import ColumnStep, column_lineage
from latewood.commands.lineage import Lineage as Found
from latewood.commands.lineage import Link, lineage
from latewood.commands.lineage_lines import lines, taken_lines
from latewood.decide.versions import expand
from latewood.errors import UsageError
from latewood.model.column_sources import ColumnSources, Derivation, derivation_of
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import given, many
from latewood_graphql.pages import Page, slice_of
from latewood_graphql.words import ColumnConfidence

_LEVELS_MAX = 50
_VERSIONS_SHOWN = 100

LINKS: Final = 5_000
"""Links of an answer, in each direction, where nobody says how many."""

LINKS_MAX: Final = 10_000
"""Links of the largest answer, in each direction."""

VERSIONS_MAX: Final = 20_000
"""Versions that a column is followed through at most, each counted for each of its columns."""

_HOW: Final = "How the query computes it; empty where it takes a column of a table as it is, and where nobody knows."


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


class SeveralVersions(graphene.ObjectType):
    """Versions of an asset, told together."""

    partitions = graphene.String(required=True, description="Of which partitions, in words; empty for no partition.")
    count = graphene.Int(required=True, description="How many they are; none where a virtual asset was read.")
    version = graphene.ID(description="Which it is, where that is one; else null.")


class LineageLine(graphene.ObjectType):
    """What versions of an asset read of another one."""

    depth = graphene.Int(required=True, description="Levels from what was asked about, from 1.")
    reader = graphene.String(required=True, description="Key of the asset that read.")
    made = graphene.Field(SeveralVersions, required=True, description="Its versions.")
    asset = graphene.String(required=True, description="Key of the asset that was read.")
    read = graphene.Field(SeveralVersions, required=True, description="Which of its versions were read.")
    equal_to = graphene.String(
        description="The asset whose head has the content that was read, where the head itself was not read."
    )


class TakenLine(graphene.ObjectType):
    """Versions that were not computed but taken from those of another asset of the same task, on equal inputs."""

    asset = graphene.String(required=True, description="Key of the asset.")
    made = graphene.Field(SeveralVersions, required=True, description="Its versions.")
    from_asset = graphene.String(required=True, description="Key of the asset that they were taken from.")
    source = graphene.Field(SeveralVersions, required=True, description="Its versions.")


class Lineage(graphene.ObjectType):
    """What versions were made from, and what was made from them, nearest level first; all of it, or an error."""

    upstream = many(LineageLink, "What was read.")
    downstream = many(LineageLink, "What read it.")
    lines = many(
        LineageLine, "The same in few words: what was read, then what read it, the versions of an asset together."
    )
    taken_lines = many(TakenLine, "Of the versions asked about, and of the readers, those that were taken.")

    def resolve_lines(self: Found, _info: Any) -> Any:
        """Partitions by how they are named at that moment."""
        return lines(self)

    def resolve_taken_lines(self: Found, _info: Any) -> Any:
        """As above."""
        return taken_lines(self)


def lineage_of(at: EnvironmentAt, asset: str, *, partition: str, version: str, up: int, down: int, first: int) -> Any:
    """Raises UsageError for what is unknown, and for too many levels or links."""
    if not 1 <= first <= LINKS_MAX:
        raise UsageError(f"first: expected 1 to {LINKS_MAX:,} links, found {first:,}")
    if not (0 <= up <= _LEVELS_MAX and 0 <= down <= _LEVELS_MAX):
        raise UsageError(f"up, down: expected 0 to {_LEVELS_MAX} levels, found {up} and {down}")
    of: dict[str, Any] = {"partition": partition, "version": version}
    bounds: dict[str, Any] = {"most": first, "each_level": at.call.refuse_late}
    return lineage(at.workspace, asset, **of, up=up, down=down, as_of=at.as_of, view=at.view, **bounds)


class ColumnSource(graphene.ObjectType):
    """A column of an asset that was read, and the input that it was read through."""

    input = graphene.String(required=True, description="The input.")
    asset = graphene.String(required=True, description="Key of the asset that was read.")
    column = graphene.String(required=True, description="Its column.")


class InputColumn(graphene.ObjectType):
    """A column of an input."""

    input = graphene.String(required=True, description="The input; `inputs` says what was read through it.")
    column = graphene.String(required=True, description="Its column.")


class ColumnDerivation(graphene.ObjectType):
    """A column of a version, and the columns of its inputs that it was computed from."""

    column = graphene.String(required=True, description="The column.")
    confidence = graphene.Field(ColumnConfidence, required=True, description="How much is known.")
    sources = many(InputColumn, "The columns that it was computed from.")
    expression = graphene.String(required=True, description=_HOW)

    def resolve_sources(self: Derivation, _info: Any) -> Any:
        """By input."""
        return [{"input": name, "column": column} for name, column in self.sources]


class ColumnLineageStep(graphene.ObjectType):
    """A column of some versions of an asset, and what it was computed from."""

    asset = graphene.String(required=True, description="Key of the asset.")
    column = graphene.String(required=True, description="The column.")
    versions = many(graphene.ID, "Of which versions that is so; of many the first 100.")
    versions_count = graphene.Int(required=True, description="Of how many.")
    depth = graphene.Int(required=True, description="Levels from what was asked about, which has 0.")
    confidence = graphene.Field(ColumnConfidence, required=True, description="How much is known.")
    sources = many(ColumnSource, "The columns that it was computed from.")
    expression = graphene.String(required=True, description=_HOW)
    end = graphene.String(description="Where nothing is followed further: why, in words.")

    def resolve_versions(self: ColumnStep, _info: Any) -> Any:
        """The first."""
        return self.versions[:_VERSIONS_SHOWN]

    def resolve_versions_count(self: ColumnStep, _info: Any) -> int:
        """All."""
        return len(self.versions)

    def resolve_sources(self: ColumnStep, _info: Any) -> Any:
        """By input."""
        return [{"input": name, "asset": asset, "column": column} for name, asset, column in self.sources]

    def resolve_end(self: ColumnStep, _info: Any) -> str | None:
        """Where there is any."""
        return self.end or None


def derivations_page(recorded: Sequence[ColumnSources], first: int, after: str | None) -> Page:
    """As they were recorded: alike ones beside each other."""
    columns = [column for group in recorded for column in group.columns]
    return slice_of([derivation_of(column, recorded) for column in columns], first, after)


def column_lineage_of(
    at: EnvironmentAt, asset: str, column: str, *, partition: str, version: str, up: int, first: int, after: str | None
) -> Page:
    """Nearest first. Raises UsageError for what is unknown, and for too many levels or versions."""
    if not 0 <= up <= _LEVELS_MAX:
        raise UsageError(f"up: expected 0 to {_LEVELS_MAX} levels, found {up}")
    of: dict[str, Any] = {"partition": partition, "version": version}
    bounds: dict[str, Any] = {"most": VERSIONS_MAX, "each_level": at.call.refuse_late}
    found = column_lineage(at.workspace, asset, column, **of, up=up, as_of=at.as_of, view=at.view, **bounds)
    return slice_of(found, first, after)
