"""Why an asset partition is as it is, as data."""

from dataclasses import dataclass
from typing import Any

import graphene

from latewood.commands.explaining import why
from latewood.decide import findings
from latewood.decide.moves import Moved
from latewood.events import StepFailed
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import fallible_many, given, many
from latewood_graphql.nodes.versions import AssetVersion_, VersionAt
from latewood_graphql.pages import stretch_arguments, stretch_of
from latewood_graphql.scalars import PositionScalar
from latewood_graphql.words import AssetStatus, StaleCause


class CodeChange(graphene.ObjectType):
    """A part of the code that is other than it was."""

    subject = graphene.String(
        required=True, description="What it is: `part`, `package`, `version`, `scheme`, `shared`."
    )
    name = graphene.String(required=True, description="Which one, as in `flights/cleaning.py:clean_delay`.")
    before = graphene.String(description="Its digest or version then; null for what was added.")
    after = graphene.String(description="Its digest or version now; null for what was removed.")


class MadeHead(graphene.ObjectType):
    """By what a version that was there already became head."""

    by = graphene.String(
        required=True, description="What it was: `rollback`, `promotion`, `environment`, `branch`, `reuse`."
    )
    position = graphene.Field(PositionScalar, required=True, description="The event that says so.")
    at = graphene.DateTime(required=True, description="When.")
    actor = graphene.String(required=True, description="Who did it.")
    environment = graphene.String(
        required=True, description="The environment that it was promoted from, or branched from; else empty."
    )
    run = graphene.String(required=True, description="The run that reused it; else empty.")

    def resolve_by(self: Moved, _info: Any) -> str:
        """As a word."""
        return self.by.value


class Finding(graphene.ObjectType):
    """One root cause for which an asset partition is not fresh."""

    cause = graphene.Field(StaleCause, required=True, description="What it is.")
    asset = graphene.String(required=True, description="The asset where it lies, which may be far upstream.")
    partitions = graphene.String(required=True, description="Partitions of that asset, in words.")
    subject = graphene.String(required=True, description="The parameter, input or check that it is about.")
    path = graphene.String(required=True, description="The file or folder that changed; empty where none did.")
    before = graphene.String(required=True, description="Value, content or data version then.")
    after = graphene.String(required=True, description="The same now.")
    event = graphene.Field(PositionScalar, description="The event that brought it about, where there is one.")
    since = graphene.Field(PositionScalar, description="Since when it bears on the head.")
    code = many(CodeChange, "The parts of the code that changed.")
    through = many(graphene.String, "The assets by which it reaches what was asked about, its reader first.")
    failure = graphene.String(description="What the newest failed attempt, or refusing check, said.")
    retraction = graphene.String(description="Why something was declared wrong.")
    retracted = graphene.ID(description="What was declared wrong: a version.")
    moved = graphene.Field(MadeHead, description="How the head that it is about became head; null if by being made.")
    observed = graphene.Boolean(required=True, description="Whether it is what was seen of an external asset.")
    undefined_in = graphene.String(
        required=True, description="The environment that does not define what is missing any more; else empty."
    )
    pinned = graphene.Boolean(
        description="Of a parameter: true where it was pinned, false where it was unpinned; else null."
    )
    pinned_by = graphene.String(description="Who did.")

    def resolve_failure(self: findings.Finding, _info: Any) -> str | None:
        """The message, with the error's name where there is one."""
        if self.failure is None:
            return None
        if isinstance(self.failure, StepFailed):
            return f"{self.failure.failure.error}: {self.failure.failure.message}"
        return getattr(self.failure, "message", "") or getattr(self.failure, "check", "")

    def resolve_retraction(self: findings.Finding, _info: Any) -> str | None:
        """The reason that was given."""
        return None if self.retraction is None else self.retraction.reason

    def resolve_retracted(self: findings.Finding, _info: Any) -> str | None:
        """Its id."""
        return None if self.retraction is None else self.retraction.version

    def resolve_pinned(self: findings.Finding, _info: Any) -> bool | None:
        """By the last event of it."""
        return None if self.pin is None else self.pin.pinned

    def resolve_pinned_by(self: findings.Finding, _info: Any) -> str | None:
        """By the same."""
        return None if self.pin is None else self.pin.actor


class AssetRename(graphene.ObjectType):
    """A change of an asset's name."""

    old = graphene.String(required=True, description="What it was called.")
    new = graphene.String(required=True, description="What it is called from then on.")
    position = graphene.Field(PositionScalar, required=True, description="The event that says so.")


class StandingRetraction(graphene.ObjectType):
    """A retraction that stands."""

    version = graphene.ID(required=True, description="The version that was declared wrong.")
    reason = graphene.String(required=True, description="Why, in the words of who did.")
    position = graphene.Field(PositionScalar, required=True, description="The event that says so.")


class PolicyVerdict(graphene.ObjectType):
    """What a policy says of how current an asset is."""

    policy = graphene.String(required=True, description="What it is called.")
    is_overdue = graphene.Boolean(required=True, description="Whether the asset is not as current as it has to be.")
    up_to = graphene.DateTime(description="What the asset is up to; null where nobody knows.")
    since = graphene.DateTime(description="Since when it is overdue; null where it is not, or nobody knows.")
    why = graphene.String(required=True, description="Why, in a few words.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """An explanation, and the environment it is of."""

    environment: EnvironmentAt
    found: findings.Explanation


class Explanation(graphene.ObjectType):
    """The state of an asset partition and how it came about."""

    asset = graphene.String(required=True, description="Key of the asset.", resolver=given("found.asset"))
    partition = graphene.String(
        required=True,
        description="Key of the partition; empty for an unpartitioned one.",
        resolver=given("found.partition"),
    )
    status = graphene.Field(AssetStatus, required=True, description="Its status.", resolver=given("found.status"))
    head = graphene.Field(AssetVersion_, description="What the environment has of it; null where it has nothing.")
    since = graphene.Field(
        PositionScalar,
        description="The position from which on it is not fresh; null where it is, or where no event says so.",
        resolver=given("found.since"),
    )
    head_since = graphene.Field(
        PositionScalar, description="The position from which on that is head.", resolver=given("found.head_since")
    )
    moved = graphene.Field(
        MadeHead, description="How it became head; null if by being made.", resolver=given("found.moved")
    )
    taken_from = graphene.Field(
        AssetVersion_, description="The version of another asset that the head was taken from, where it was."
    )
    made_because = many(graphene.String, "Why the step that made the head was run.")
    findings = fallible_many(Finding, "Root causes, upstream first; empty where it is fresh.", **stretch_arguments())
    findings_count = graphene.Int(
        required=True, description="How many these are.", resolver=lambda at, _info: len(at.found.findings)
    )
    barred = graphene.Field(
        StandingRetraction,
        description="By which what would be made now is refused, so that running it does not help; null if by none.",
        resolver=given("found.barred"),
    )
    freshness = many(PolicyVerdict, "What policies say of how current the asset is.", resolver=given("found.freshness"))
    renames = many(AssetRename, "Other names that the asset had.", resolver=given("found.renames"))
    position = graphene.Field(
        PositionScalar,
        required=True,
        description="The position that this is true for.",
        resolver=given("found.position"),
    )

    def resolve_head(self: Explained, _info: Any) -> VersionAt | None:
        """The version."""
        if self.found.head is None:
            return None
        return VersionAt(environment=self.environment, key=self.found.asset, facts=self.found.head)

    def resolve_taken_from(self: Explained, _info: Any) -> VersionAt | None:
        """The version that was computed."""
        if self.found.source is None:
            return None
        asset, facts = self.found.source
        return VersionAt(environment=self.environment, key=asset, facts=facts)

    def resolve_findings(self: Explained, _info: Any, behind: int, first: int | None = None) -> Any:
        """As they were found."""
        return stretch_of(self.found.findings, first, behind)

    def resolve_made_because(self: Explained, _info: Any) -> Any:
        """As recorded with its start."""
        return () if self.found.started is None else self.found.started.reasons


def explained(at: EnvironmentAt, asset: str, partition: str) -> Explained:
    """Raises UsageError for what is unknown."""
    return Explained(environment=at, found=why(at.workspace, asset, partition=partition, as_of=at.as_of, view=at.view))
