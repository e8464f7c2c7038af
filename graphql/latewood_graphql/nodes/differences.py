"""What two versions of an asset differ in."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import graphene

from latewood.commands.version_difference import VersionDifference, version_difference
from latewood.events import InputRead
from latewood.model.keys import AssetKey
from latewood_eventlog.log import EventLog
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import fallible_many, given, many
from latewood_graphql.nodes.deployments import DefinitionPart
from latewood_graphql.nodes.explanations import CodeChange
from latewood_graphql.nodes.versions import AssetVersion_, VersionAt
from latewood_graphql.scalars import Json

_LISTED: Final = "@"
"""How what names an artifact begins that lists versions, too many for an event."""


class ChangedText(graphene.ObjectType):
    """A function or file that is other than it was."""

    name = graphene.String(required=True, description="What it is called in `code`.")
    diff = graphene.String(required=True, description="Its lines as a unified diff, 2,000 of them at most.")


class ChangedValue(graphene.ObjectType):
    """A value that is other than it was."""

    name = graphene.String(required=True, description="What it is called.")
    before = graphene.Field(Json, description="What it was; null where there was none.")
    after = graphene.Field(Json, description="What it is; null where there is none.")


class ChangedInput(graphene.ObjectType):
    """An input by which something else was read."""

    name = graphene.String(required=True, description="The input.")
    asset = graphene.String(required=True, description="Key of the asset that is read by it.")
    same_data = graphene.Boolean(
        required=True, description="Whether other versions were read that have the same content."
    )
    before = graphene.String(description="Digest of what was read; null where there was no such input.")
    after = graphene.String(description="The same of the later one.")
    versions_before = graphene.String(description="The very versions, as ranges; null also where they are too many.")
    versions_after = graphene.String(description="The same of the later one.")


class VersionDifference_(graphene.ObjectType):  # noqa: N801 - the command has the name
    """What the later of two versions of an asset has otherwise: nothing but what changed."""

    class Meta:
        """Its name in the schema."""

        name = "VersionDifference"

    before = graphene.Field(AssetVersion_, required=True, description="The one that it is held against.")
    after = graphene.Field(AssetVersion_, required=True, description="The other one.")
    same_data = graphene.Boolean(
        required=True, description="Whether both have the same content.", resolver=given("found.same_data")
    )
    code = many(CodeChange, "Parts of the code, packages and versions.", resolver=given("found.changes.code"))
    texts = fallible_many(ChangedText, "The first of these parts as text, where they are archived.")
    parts = many(
        DefinitionPart,
        "All else that the definition says otherwise: schema, types, partitions, parameters, policies.",
        resolver=given("found.changes.parts"),
    )
    parameters = many(ChangedValue, "Parameters it was made with.", resolver=given("found.changes.parameters"))
    resources = many(ChangedValue, "What resources were configured to.", resolver=given("found.changes.configurations"))
    inputs = many(ChangedInput, "What it read.")
    metadata = many(
        ChangedValue, "What was recorded of its content, numbers too.", resolver=given("found.changes.metadata")
    )

    def resolve_before(self: "DifferenceAt", _info: Any) -> VersionAt:
        """As the environment has it."""
        return VersionAt(environment=self.environment, key=self.found.asset, facts=self.found.before)

    def resolve_after(self: "DifferenceAt", _info: Any) -> VersionAt:
        """The same."""
        return VersionAt(environment=self.environment, key=self.found.asset, facts=self.found.after)

    async def resolve_texts(self: "DifferenceAt", _info: Any) -> Any:
        """By archives, which are looked at when nothing else is read any more."""
        found = self.found

        def look(log: EventLog) -> Any:
            return replace(found, workspace=replace(found.workspace, log=log)).texts

        return await self.environment.call.in_the_end(look)

    def resolve_inputs(self: "DifferenceAt", _info: Any) -> Iterator[dict[str, Any]]:
        """By name."""
        for name, before, after in self.found.changes.inputs:
            read = before or after
            yield {
                "name": name,
                "asset": self.found.names[read.asset],
                "same_data": before is not None and after is not None and before.data_version == after.data_version,
                "before": before and before.data_version,
                "after": after and after.data_version,
                "versions_before": _versions(before),
                "versions_after": _versions(after),
            }


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceAt:
    """A difference, and the environment it is seen from."""

    environment: EnvironmentAt
    found: VersionDifference


def difference_between(at: EnvironmentAt, asset: AssetKey, before: str, after: str) -> DifferenceAt:
    """Raises UsageError for what is no version of the asset."""
    return DifferenceAt(environment=at, found=version_difference(at.workspace, at.view, asset, before, after))


def _versions(read: InputRead | None) -> str | None:
    return None if read is None or read.versions.startswith(_LISTED) else read.versions
