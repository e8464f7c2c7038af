"""Locations and their deployments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import graphene

from latewood.commands.deployments import Listed, deployment_named, differing, listed_of_each, listed_with
from latewood.decide.definition_changes import Difference
from latewood.projections.catalog import locations_by
from latewood.projections.snapshots import snapshot
from latewood_graphql.calls import ProjectAt
from latewood_graphql.fields import fallible_many, given, many
from latewood_graphql.nodes.explanations import CodeChange
from latewood_graphql.pages import FIRST, FIRST_MAX, checked_first, stretch_arguments, stretch_of
from latewood_graphql.scalars import PositionScalar


class Deployment(graphene.ObjectType):
    """A location's definitions as they were at a moment: what runs are made by."""

    id = graphene.ID(required=True, description="What it is called.", resolver=given("deployment.deployment"))
    location = graphene.String(required=True, description="Whose it is.", resolver=given("deployment.location"))
    assets = graphene.Int(required=True, description="How many assets it defines.", resolver=given("deployment.assets"))
    position = graphene.Field(
        PositionScalar, required=True, description="Where the log has it.", resolver=given("deployment.position")
    )
    created_at = graphene.DateTime(
        required=True, description="When it was made.", resolver=given("deployment.created_at")
    )
    actor = graphene.String(required=True, description="Who made it.", resolver=given("deployment.actor"))
    changed = graphene.Int(required=True, description="How many definitions were new or other than before.")
    dropped = graphene.Int(required=True, description="How many were there before and are no more.")
    environments = many(graphene.String, "The environments that have it at this moment.")


class NamedDefinition(graphene.ObjectType):
    """A definition by what it is, and its name."""

    kind = graphene.String(required=True, description="What it is: `asset`, `task`, `launch`, `automation`.")
    name = graphene.String(required=True, description="What it is called.")


class DefinitionPart(graphene.ObjectType):
    """One thing that a definition says otherwise."""

    what = graphene.String(required=True, description="What it is about, as in `parameter scale`.")
    before = graphene.String(description="What it said; null where it said nothing.")
    after = graphene.String(description="What it says; null where it says nothing.")


class ChangedDefinition(graphene.ObjectType):
    """A definition that both deployments have, and that is not the same."""

    kind = graphene.String(required=True, description="What it is.")
    name = graphene.String(required=True, description="What it is called now.")
    code = many(CodeChange, "The parts of its code that changed.")
    parts = many(DefinitionPart, "All else that it says otherwise.")


class DeploymentDifference(graphene.ObjectType):
    """What the later of two deployments has more, no longer, and otherwise."""

    before = graphene.Field(Deployment, required=True, description="The earlier one.")
    after = graphene.Field(Deployment, required=True, description="The later one.")
    added = fallible_many(NamedDefinition, "Definitions that are new.", **stretch_arguments())
    added_count = graphene.Int(required=True, description="How many these are.")
    removed = fallible_many(NamedDefinition, "Definitions that are no more.", **stretch_arguments())
    removed_count = graphene.Int(required=True, description="How many these are.")
    changed = fallible_many(ChangedDefinition, "Definitions that are other than they were.", **stretch_arguments())
    changed_count = graphene.Int(required=True, description="How many these are.")

    def resolve_added(self: "DifferenceAt", _info: Any, behind: int, first: int | None = None) -> Any:
        """By kind and name."""
        return stretch_of(self.found.added, first, behind)

    def resolve_added_count(self: "DifferenceAt", _info: Any) -> int:
        """All of them."""
        return len(self.found.added)

    def resolve_removed(self: "DifferenceAt", _info: Any, behind: int, first: int | None = None) -> Any:
        """By kind and name."""
        return stretch_of(self.found.removed, first, behind)

    def resolve_removed_count(self: "DifferenceAt", _info: Any) -> int:
        """All of them."""
        return len(self.found.removed)

    def resolve_changed(self: "DifferenceAt", _info: Any, behind: int, first: int | None = None) -> Any:
        """By kind and name."""
        return stretch_of(self.found.changed, first, behind)

    def resolve_changed_count(self: "DifferenceAt", _info: Any) -> int:
        """All of them."""
        return len(self.found.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceAt:
    """Two deployments, and what differs between them."""

    before: Listed
    after: Listed
    found: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationAt:
    """A location of a project."""

    project: ProjectAt
    name: str


class Location(graphene.ObjectType):
    """Where definitions come from: a file or a module, with a Python of its own if it says so."""

    name = graphene.ID(required=True, description="What it is called.")
    deployments = fallible_many(
        Deployment,
        "Its latest deployments, newest first.",
        first=graphene.Int(required=True, default_value=FIRST, description=f"How many at most, up to {FIRST_MAX:,}."),
        before=graphene.Argument(
            PositionScalar, description="Only those made before this position: by that of the last one it goes on."
        ),
    )

    def resolve_deployments(self: LocationAt, _info: Any, first: int, before: int | None = None) -> Any:
        """Of all locations at once."""
        project, limit = self.project, checked_first(first)

        def many_at_once(names: Sequence[str]) -> Mapping[str, Sequence[Listed]]:
            return listed_of_each(project.workspace, names, limit=limit, as_of=project.position, before=before)

        scope = project.name, project.as_of
        return project.call.load(scope, f"deployments {limit} {before}", self.name, many_at_once)


def locations_of(project: ProjectAt) -> list[LocationAt]:
    """All that have deployed by the project's moment, by name."""
    with snapshot(project.workspace.log) as connection:
        names = locations_by(connection, project.name, project.position)
    return [LocationAt(project=project, name=name) for name in names]


def difference_of(project: ProjectAt, before: str, after: str) -> DifferenceAt:
    """Raises UsageError for what is no deployment, or was none yet."""
    old, new = (deployment_named(project.workspace, text, as_of=project.position) for text in (before, after))
    listed = listed_with(project.workspace, (old, new), as_of=project.position)
    return DifferenceAt(before=listed[0], after=listed[1], found=differing(project.workspace, old, new))
