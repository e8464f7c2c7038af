"""What changed between two moments of a project."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import graphene

from latewood.commands.changes import EnvironmentChanges, Move, MovedHeads, changes_between, environments_at
from latewood.errors import UsageError
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import is_partition, ordinal_of
from latewood_graphql.calls import EnvironmentAt, ProjectAt
from latewood_graphql.fields import fallible, given, many
from latewood_graphql.nodes.partitions import Chosen, PartitionSet
from latewood_graphql.nodes.versions import AssetVersion_, VersionAt
from latewood_graphql.pages import Page, connection_of, page_arguments, slice_of
from latewood_graphql.scalars import Json, PositionScalar


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesAt:
    """A project at two moments."""

    before: ProjectAt
    after: ProjectAt
    environments: Sequence[frozenset[str]]

    @property
    def added(self) -> list[str]:
        """Environments that are new."""
        return sorted(self.environments[1] - self.environments[0])

    @property
    def dropped(self) -> list[str]:
        """Environments that are no more."""
        return sorted(self.environments[0] - self.environments[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _EnvironmentChangesAt:
    of: ChangesAt
    name: str
    found: EnvironmentChanges

    @property
    def before(self) -> EnvironmentAt:
        return self.of.before.environment(self.name)

    @property
    def after(self) -> EnvironmentAt:
        return self.of.after.environment(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MovedAt:
    of: _EnvironmentChangesAt
    heads: MovedHeads


@dataclass(frozen=True, slots=True, kw_only=True)
class _MoveAt:
    of: _MovedAt
    move: Move


class HeadMove(graphene.ObjectType):
    """A partition whose head is another version than it was."""

    partition = graphene.String(
        required=True,
        description="Key of the partition; empty for an unpartitioned asset.",
        resolver=given("move.partition"),
    )
    before = graphene.Field(AssetVersion_, description="What was head; null where nothing was.")
    after = graphene.Field(AssetVersion_, description="What is head; null where nothing is.")

    def resolve_before(self: _MoveAt, _info: Any) -> VersionAt | None:
        """As the environment had it."""
        return _version(self.of.of.before, self.of.heads, self.move.before)

    def resolve_after(self: _MoveAt, _info: Any) -> VersionAt | None:
        """As the environment has it."""
        return _version(self.of.of.after, self.of.heads, self.move.after)


class AssetHeadsMoved(graphene.ObjectType):
    """An asset some of whose heads are other versions than they were."""

    key = graphene.ID(required=True, description="What it is called.", resolver=given("heads.key"))
    count = graphene.Int(
        required=True, description="How many of its heads.", resolver=lambda moved, _info: len(moved.heads.moves)
    )
    partitions = graphene.Field(
        PartitionSet, required=True, description="Of which partitions; none of those that it has no more."
    )
    moves = fallible(
        connection_of(HeadMove),
        description="Each of them, in the order of keys of partitions.",
        **page_arguments(),
    )

    def resolve_partitions(self: _MovedAt, _info: Any) -> Chosen:
        """As ranges, by the scheme of the later moment."""
        view = self.of.found.after
        asset = None if view is None else view.catalog.assets.get(self.heads.key)
        scheme = None if asset is None else asset.partitions
        known = (move.partition for move in self.heads.moves if asset is not None)
        ordinals = Ordinals.of(ordinal_of(scheme, key) for key in known if is_partition(scheme, key))
        return Chosen(scheme=scheme, ordinals=ordinals)

    def resolve_moves(self: _MovedAt, _info: Any, first: int, after: str | None = None) -> Page:
        """A page of them."""
        return slice_of([_MoveAt(of=self, move=move) for move in self.heads.moves], first, after)


class DeploymentReplaced(graphene.ObjectType):
    """A location of which the environment has another deployment than it had."""

    location = graphene.String(required=True, description="The location.")
    before = graphene.ID(description="The deployment that it had; null where it had none.")
    after = graphene.ID(description="The one that it has; null where it has none. `deploymentDifference` compares two.")


class ParameterChanged(graphene.ObjectType):
    """A parameter that has another value in the environment than it had, by its definition or a pin."""

    asset = graphene.String(required=True, description="Key of the asset.")
    name = graphene.String(required=True, description="The parameter.")
    before = graphene.Field(Json, description="What it was; null where there was none.")
    after = graphene.Field(Json, description="What it is; null where there is none.")


class EnvironmentChanges_(graphene.ObjectType):  # noqa: N801 - the command has the name
    """What an environment has otherwise than at an earlier moment: nothing but what changed."""

    class Meta:
        """Its name in the schema."""

        name = "EnvironmentChanges"

    name = graphene.String(required=True, description="What it is called.")
    heads = fallible(
        connection_of(AssetHeadsMoved),
        description="Assets with other heads, by key. What moved and came back is not among them.",
        **page_arguments(),
    )
    deployments = many(DeploymentReplaced, "Locations with another deployment.", resolver=given("found.deployments"))
    parameters = fallible(
        connection_of(ParameterChanged),
        description="Parameters with other values, by asset and name.",
        **page_arguments(),
    )

    def resolve_heads(self: _EnvironmentChangesAt, _info: Any, first: int, after: str | None = None) -> Page:
        """A page of them."""
        return slice_of([_MovedAt(of=self, heads=heads) for heads in self.found.heads], first, after)

    def resolve_parameters(self: _EnvironmentChangesAt, _info: Any, first: int, after: str | None = None) -> Page:
        """A page of them."""
        return slice_of(self.found.parameters, first, after)


class ProjectChanges(graphene.ObjectType):
    """What there is otherwise than at an earlier moment. The log has each step in between: `events(since: …)`."""

    since = graphene.Field(
        PositionScalar, required=True, description="The earlier position.", resolver=given("before.position")
    )
    position = graphene.Field(
        PositionScalar, required=True, description="The later one.", resolver=given("after.position")
    )
    environments_added = many(graphene.String, "Environments that are new.", resolver=given("added"))
    environments_dropped = many(graphene.String, "Environments that are no more.", resolver=given("dropped"))
    environment = fallible(
        EnvironmentChanges_,
        description="What changed of one environment, also of one that is new or is no more.",
        name=graphene.String(required=True, default_value="prod", description="Which one."),
    )

    def resolve_environment(self: ChangesAt, _info: Any, name: str) -> _EnvironmentChangesAt:
        """Raises UsageError for an unknown one."""
        there = self.after.environment(name)
        found = changes_between(there.workspace, self.before.position, self.after.position)
        return _EnvironmentChangesAt(of=self, name=name, found=found)


def changes_since(project: ProjectAt, since: Any) -> ChangesAt:
    """What changed up to the project's moment. Raises UsageError for a moment that is later than that."""
    before = project.call.project(project.name, since)
    if before.position > project.position:
        raise UsageError(f"since: expected a moment up to position {project.position:,}, found {before.position:,}")
    there = environments_at(project.workspace, before.position, project.position)
    return ChangesAt(before=before, after=project, environments=there)


def _version(at: EnvironmentAt, of: MovedHeads, facts: Any) -> VersionAt | None:
    return None if facts is None else VersionAt(environment=at, key=of.key, facts=facts)
