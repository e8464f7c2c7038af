"""All there is to see of one asset at once, and the version whose value is shown."""

from dataclasses import dataclass
from typing import Any

import graphene
import msgspec

from latewood.commands.page import AssetPage, PageVersion, asset_page
from latewood.commands.versions import versions_meant
from latewood.commands.views import known_key
from latewood.decide.state import VersionFacts
from latewood.events import SCHEMA_VERSIONS, TYPE_OF, AssetDefined
from latewood.model.keys import AssetKey
from latewood.projections.snapshots import snapshot
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import given, many
from latewood_graphql.nodes.explanations import AssetRename, PolicyVerdict
from latewood_graphql.nodes.pins import PinnedParameter, told
from latewood_graphql.nodes.versions import AssetVersion_, CheckVerdict, VersionAt
from latewood_graphql.pages import checked_first
from latewood_graphql.scalars import Json, PositionScalar
from latewood_graphql.words import VersionUse


@dataclass(frozen=True, slots=True, kw_only=True)
class _VersionAt:
    """A version on a page, seen from an environment."""

    environment: EnvironmentAt
    key: AssetKey
    found: PageVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetPageAt:
    """The page of an asset, seen from an environment."""

    environment: EnvironmentAt
    key: AssetKey
    found: AssetPage


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAt:
    """The last of versions that are meant, seen from an environment."""

    environment: EnvironmentAt
    key: AssetKey
    meant: list[VersionFacts]


class UsedVersion(graphene.ObjectType):
    """A version, and what an environment has to do with it."""

    version = graphene.Field(AssetVersion_, required=True, description="The version.")
    use = graphene.Field(VersionUse, required=True, description="What it is there.", resolver=given("found.use"))
    environment = graphene.String(
        required=True, description="The environment that it was made in.", resolver=given("found.environment")
    )
    parameters = graphene.Field(
        Json,
        required=True,
        description="Parameters that it was made with otherwise than the environment has them, an object.",
        resolver=given("found.parameters"),
    )
    taken_from = many(
        graphene.String,
        "Asset and version that it was taken from, of the same task; nothing where it was computed.",
        resolver=lambda at, _info: at.found.source or (),
    )

    def resolve_version(self: _VersionAt, _info: Any) -> VersionAt:
        """As a version of the asset."""
        return VersionAt(environment=self.environment, key=self.key, facts=self.found.facts)


class AssetPage_(graphene.ObjectType):  # noqa: N801 - the command has the name
    """An asset, or some of its partitions: how it is defined, its latest versions, and what was found of it."""

    class Meta:
        """Its name in the schema."""

        name = "AssetPage"

    position = graphene.Field(
        PositionScalar, required=True, description="The position it is shown at.", resolver=given("found.position")
    )
    definition = graphene.Field(
        Json,
        required=True,
        description="All that it is defined by, for export: as events `asset.defined` have it, in `definitionVersion`. "
        "`asset` has the same by fields.",
    )
    definition_version = graphene.Int(
        required=True,
        description="The version of the shape of `definition`: another one may mean something else by a field.",
        resolver=lambda _at, _info: SCHEMA_VERSIONS[TYPE_OF[AssetDefined]],
    )
    location = graphene.String(
        required=True, description="The location that defines it.", resolver=given("found.location")
    )
    versions = many(UsedVersion, "Its latest versions, newest first.")
    versions_count = graphene.Int(
        required=True, description="How many versions there are.", resolver=given("found.versions_count")
    )
    metadata = graphene.Field(
        Json,
        required=True,
        description="What was recorded with the newest head, or else the newest version; an object.",
        resolver=lambda at, _info: {} if at.found.shown is None else at.found.shown.metadata,
    )
    columns = many(
        graphene.String,
        "Its columns, as `name: type`, with `?` for one that may be null.",
        resolver=lambda at, _info: () if at.found.shown is None else at.found.shown.columns,
    )
    verdicts = many(CheckVerdict, "What its checks found, the latest hundred.", resolver=given("found.checks"))
    renames = many(AssetRename, "Other names that it had.", resolver=given("found.renames"))
    freshness = many(PolicyVerdict, "What policies say of how current it is.", resolver=given("found.freshness"))
    pins = many(PinnedParameter, "Its parameters that the environment pins.")
    secrets = graphene.Field(
        Json,
        required=True,
        description="Where secrets of its resources are read, by resource and field.",
        resolver=given("found.secrets"),
    )

    def resolve_definition(self: AssetPageAt, _info: Any) -> Any:
        """As it is deployed."""
        return msgspec.to_builtins(self.found.definition)

    def resolve_versions(self: AssetPageAt, _info: Any) -> list[_VersionAt]:
        """As read."""
        return [_VersionAt(environment=self.environment, key=self.key, found=each) for each in self.found.versions]

    def resolve_pins(self: AssetPageAt, _info: Any) -> list[dict[str, Any]]:
        """By name."""
        pins = sorted(self.found.pins.items())
        return [told(self.key, pin) for _, pin in pins if pin.pinned]


class ShownVersion(graphene.ObjectType):
    """The version whose value is shown: that one, or the head of the last partition that has one."""

    version = graphene.Field(AssetVersion_, required=True, description="The version; `sample` has what it holds.")
    partitions = graphene.Int(
        required=True,
        description="Of how many partitions with a head it is the last.",
        resolver=lambda at, _info: len(at.meant),
    )

    def resolve_version(self: ShownAt, _info: Any) -> VersionAt:
        """The last one."""
        return VersionAt(environment=self.environment, key=self.key, facts=self.meant[-1])


def page_of_asset(at: EnvironmentAt, asset: str, partition: str, first: int) -> AssetPageAt:
    """As `latewood asset`. Raises UsageError for what is unknown."""
    limit = checked_first(first)
    found, _ = asset_page(at.workspace, asset, partition=partition, as_of=at.as_of, limit=limit, view=at.view)
    return AssetPageAt(environment=at, key=found.definition.key, found=found)


def shown_of(at: EnvironmentAt, asset: str, partition: str, version: str) -> ShownAt:
    """As `latewood show`. Raises UsageError where there is none."""
    key = known_key(at.view, asset)
    with snapshot(at.workspace.log) as connection:
        meant = versions_meant(connection, at.workspace, at.view, key, partition=partition, version=version)
    return ShownAt(environment=at, key=key, meant=meant)
