"""Assets as an environment has them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import graphene
import msgspec

from latewood.commands.source import source_of
from latewood.decide.staleness import Assessed
from latewood.errors import UsageError
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.partitions import ordinal_of
from latewood.model.types import display
from latewood.projections.run_lists import Wanted
from latewood_eventlog.log import EventLog
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import fallible, fallible_many, given, many
from latewood_graphql.nodes.asset_histories import CHECKS_MAX, durations_at, series_at, verdicts_at, versions_page
from latewood_graphql.nodes.comparisons import COMPARED_MAX, VersionComparison, comparison_of
from latewood_graphql.nodes.partitions import (
    Cause,
    Chosen,
    PartitionScheme,
    PartitionSet,
    SchemeAt,
    StatusPartitions,
    causes_of,
    scheme_of,
    status_partitions,
)
from latewood_graphql.nodes.runs import Run, runs_page_of
from latewood_graphql.nodes.series import Series
from latewood_graphql.nodes.task_definitions import (
    AssetInput,
    Check,
    Parameter,
    ParameterAt,
    Source,
    StoredPlace,
    TaskPolicies,
    UsedResource,
    files_at,
    parameters_at,
)
from latewood_graphql.nodes.versions import AssetVersion_, CheckVerdict, VersionAt, head_of
from latewood_graphql.pages import (
    FIRST,
    FIRST_MAX,
    connection_of,
    page_arguments,
    stretch_arguments,
    stretch_of,
)
from latewood_graphql.scalars import Json, Numbers
from latewood_graphql.words import AssetFlag, AssetOrigin, AssetStatus, RunState

_TREND = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetAt:
    """An asset, seen from an environment."""

    environment: EnvironmentAt
    key: AssetKey

    @property
    def definition(self) -> AssetDefinition:
        """How it is defined there."""
        return self.environment.view.catalog[self.key]

    @property
    def assessed(self) -> Assessed:
        """How it stands there."""
        return self.environment.assessment.assessed[self.key]

    @property
    def upstream(self) -> list[AssetKey]:
        """What it reads, in the order of its inputs."""
        keys = dict.fromkeys(input_.asset for input_ in self.definition.task.inputs)
        return [key for key in keys if key in self.environment.view.catalog.assets]

    @property
    def downstream(self) -> list[AssetKey]:
        """What reads it, in the order of keys."""
        return sorted(self.environment.view.catalog.graph.downstreams[self.key])


def assets_at(environment: EnvironmentAt, keys: Iterable[AssetKey]) -> list[AssetAt]:
    """These assets, seen from there."""
    return [AssetAt(environment=environment, key=key) for key in keys]


class Asset(graphene.ObjectType):
    """A named data product, as an environment has it."""

    key = graphene.ID(required=True, description="What it is called: segments, with `/` between them.")
    description = graphene.String(
        required=True, description="What its author says of it.", resolver=given("definition.description")
    )
    group = graphene.String(
        required=True, description="The group that it is shown in.", resolver=given("definition.group")
    )
    owners = many(graphene.String, "Who answers for it.", resolver=given("definition.owners"))
    tags = graphene.Field(
        Json, required=True, description="Its tags, an object of texts.", resolver=given("definition.tags")
    )
    kinds = many(graphene.String, "What it is made with, as in `python`.", resolver=given("definition.kinds"))
    metadata = graphene.Field(
        Json, required=True, description="What its author attached to it.", resolver=given("definition.metadata")
    )
    origin = graphene.Field(
        AssetOrigin, required=True, description="Who makes its versions.", resolver=given("definition.origin")
    )
    location = graphene.String(required=True, description="The location that defines it.")
    task = graphene.String(
        required=True, description="The function that makes it: `module:name`.", resolver=given("definition.task.name")
    )
    code_version = graphene.String(
        required=True, description="Version of its code.", resolver=given("definition.task.code.version")
    )
    source = graphene.Field(Source, description="The text of its function, at this moment; null where it has none.")
    uncovered = many(
        graphene.String,
        "What its function reaches and its code version does not cover.",
        resolver=given("definition.task.code.uncovered"),
    )
    type = graphene.Field(Json, required=True, description="The type of its values, as data.")
    type_text = graphene.String(
        required=True,
        description="The same as its author would write it.",
        resolver=lambda at, _info: display(at.definition.type),
    )
    partitioning = graphene.Field(PartitionScheme, description="How it is partitioned; null where it is not.")
    made_together = many(graphene.String, "Keys of all assets that its task makes, in the order of its outputs.")
    is_optional = graphene.Boolean(required=True, description="Whether its task may make none of it.")
    workflow = graphene.String(description="The workflow whose step makes it; null for none.")
    shared_from = graphene.String(
        description="The task of another location that makes it, `LOCATION:TASK`; null for one of its own."
    )
    is_observable = graphene.Boolean(
        required=True,
        description="Of what others make whether its task looks at it.",
        resolver=given("definition.observable"),
    )
    inputs = many(AssetInput, "What its task reads, and by which partitions.", resolver=given("definition.task.inputs"))
    parameters = many(Parameter, "What its task takes.")
    resources = many(UsedResource, "Resources that its task asks for.", resolver=given("definition.task.uses"))
    policies = graphene.Field(
        TaskPolicies, required=True, description="How its task may be run.", resolver=given("definition.task")
    )
    stored = graphene.Field(
        StoredPlace,
        description="Where its values are stored; null for the artifact store.",
        resolver=given("definition.stored"),
    )
    declared_checks = many(Check, "The checks that it declares.", resolver=given("definition.checks"))
    status = graphene.Field(
        AssetStatus,
        required=True,
        description="Missing if any partition is, else stale if any is, else fresh.",
        resolver=given("assessed.status"),
    )
    flags = many(AssetFlag, "What is true of it besides.")
    partitions = many(StatusPartitions, "Its partitions by status; statuses that none has are left out.")
    absent = graphene.Field(
        PartitionSet,
        required=True,
        description="Of an optional output the partitions of which there is nothing, and nothing missing.",
    )
    causes = many(Cause, "Why partitions are not fresh.")
    upstream = fallible_many(lambda: Asset, "The assets that it reads.", **stretch_arguments())
    upstream_count = graphene.Int(
        required=True, description="How many these are.", resolver=lambda at, _info: len(at.upstream)
    )
    downstream = fallible_many(lambda: Asset, "The assets that read it.", **stretch_arguments())
    downstream_count = graphene.Int(
        required=True, description="How many these are.", resolver=lambda at, _info: len(at.downstream)
    )
    head = graphene.Field(
        AssetVersion_,
        description="The version that the environment has of a partition; null where it has none, and "
        "an error for what is no partition.",
        partition=graphene.String(
            required=True, default_value="", description="Key of the partition; empty for an unpartitioned one."
        ),
    )
    made_at = graphene.DateTime(
        description="When the newest of what the environment has of its partitions was computed; null for nothing."
    )
    versions = fallible(
        connection_of(AssetVersion_),
        description="All its versions, newest first, whatever environment they were made in.",
        partition=graphene.String(description="Of these partitions only, as in `2013-01-01..2013-01-31`."),
        **page_arguments(),
    )
    comparison = fallible(
        VersionComparison,
        description=f"Its versions side by side, by parameters and metrics; of up to {COMPARED_MAX} assets in a query.",
        by=graphene.String(
            required=True, default_value="", description="The metric to sort by, highest first; newest first without."
        ),
        lowest=graphene.Boolean(required=True, default_value=False, description="Lowest first."),
        partition=graphene.String(required=True, default_value="", description="Of these partitions only."),
        run=graphene.ID(description="Only those that this run made, or took in place of making them: its sweep."),
        first=graphene.Int(required=True, default_value=FIRST, description=f"How many at most, up to {FIRST_MAX:,}."),
    )
    runs = fallible(
        connection_of(Run),
        description="The environment's runs that plan steps of it, the newest first.",
        status=graphene.Argument(RunState, description="Only those that stand so."),
        **page_arguments(),
    )
    series = fallible_many(
        Series,
        "Numbers in the metadata of its versions, for plots.",
        names=graphene.List(
            graphene.NonNull(graphene.String), description="Only these, at least one; by default all there are."
        ),
        partition=graphene.String(description="Of these partitions only."),
        first=graphene.Int(
            required=True, default_value=FIRST_MAX, description=f"Of so many latest versions, up to {FIRST_MAX:,}."
        ),
    )
    durations = fallible(
        Numbers,
        description="How many milliseconds its latest versions took, oldest first: what a trend is drawn of.",
        first=graphene.Int(
            required=True, default_value=_TREND, description=f"Of so many latest versions, up to {FIRST_MAX:,}."
        ),
    )
    verdicts = fallible_many(
        CheckVerdict,
        "What its checks found, newest first.",
        partition=graphene.String(description="Of these partitions only."),
        first=graphene.Int(required=True, default_value=100, description=f"How many at most, up to {CHECKS_MAX:,}."),
    )

    def resolve_location(self: AssetAt, _info: Any) -> str:
        """Where its definition is from."""
        return self.environment.view.locations[self.key]

    async def resolve_source(self: AssetAt, _info: Any) -> Any:
        """From the archive of its deployment, which is looked at when nothing else is read any more."""
        at, view = self.environment, self.environment.view

        def look(log: EventLog) -> Any:
            there = replace(at.workspace, log=log)
            return source_of(view, self.key, lambda deployment: files_at(at, there, deployment))

        return await at.call.in_the_end(look)

    async def resolve_series(self: AssetAt, _info: Any, **asked: Any) -> Any:
        """As columns."""
        if asked.get("names") == []:
            raise UsageError("names: expected at least one, found none; without `names` there are all of them")
        return await series_at(self.environment, self.key, **asked)

    async def resolve_durations(self: AssetAt, _info: Any, first: int) -> list[float]:
        """Oldest first."""
        return await durations_at(self.environment, self.key, first)

    def resolve_made_together(self: AssetAt, _info: Any) -> list[AssetKey]:
        """Itself among them."""
        return [output.asset for output in self.definition.task.outputs]

    def resolve_is_optional(self: AssetAt, _info: Any) -> bool:
        """By its output."""
        return any(o.optional for o in self.definition.task.outputs if o.name == self.definition.output)

    def resolve_workflow(self: AssetAt, _info: Any) -> str | None:
        """Where it is a step of one."""
        of = self.definition.step_of
        return None if of is None else of.workflow

    def resolve_shared_from(self: AssetAt, _info: Any) -> str | None:
        """As the reference says it."""
        source = self.definition.task.shared
        return None if source is None else str(source)

    def resolve_type(self: AssetAt, _info: Any) -> Any:
        """As the definition has it."""
        return msgspec.to_builtins(self.definition.type)

    def resolve_partitioning(self: AssetAt, _info: Any) -> SchemeAt | None:
        """Its scheme."""
        scheme = self.definition.partitions
        return None if scheme is None else scheme_of(scheme, self.environment.view.now)

    def resolve_flags(self: AssetAt, _info: Any) -> Any:
        """As `latewood assets` shows them."""
        return self.environment.assessment.flags(self.key)

    def resolve_absent(self: AssetAt, _info: Any) -> Chosen:
        """Of those that are fresh."""
        return Chosen(scheme=self.definition.partitions, ordinals=self.assessed.absent)

    def resolve_partitions(self: AssetAt, _info: Any) -> Any:
        """As ranges."""
        return status_partitions(self.assessed)

    def resolve_causes(self: AssetAt, _info: Any) -> Any:
        """Of its own; `why` finds the roots."""
        return list(causes_of(self.assessed))

    def resolve_parameters(self: AssetAt, _info: Any) -> list[ParameterAt]:
        """As they are declared."""
        return parameters_at(self.definition.task, self.environment.view.pins.get(self.key, {}))

    def resolve_upstream(self: AssetAt, _info: Any, behind: int, first: int | None = None) -> Any:
        """In the order of the task's inputs."""
        return assets_at(self.environment, stretch_of(self.upstream, first, behind))

    def resolve_downstream(self: AssetAt, _info: Any, behind: int, first: int | None = None) -> Any:
        """In the order of keys."""
        return assets_at(self.environment, stretch_of(self.downstream, first, behind))

    async def resolve_head(self: AssetAt, _info: Any, partition: str) -> VersionAt | None:
        """Of one partition. Raises UsageError with near ones for what is none, and was none that had a head."""
        at = self.environment
        facts = await head_of(at, self.key, PartitionKey(partition))
        if facts is not None:
            return VersionAt(environment=at, key=self.key, facts=facts)
        if partition and self.definition.partitions is not None:  # else it is asked of many assets at once
            ordinal_of(self.definition.partitions, partition)
        return None

    def resolve_made_at(self: AssetAt, _info: Any) -> datetime | None:
        """Of its heads."""
        return self.environment.assessment.made_at.get(self.key)

    async def resolve_versions(self: AssetAt, _info: Any, **asked: Any) -> Any:
        """Newest first."""
        return await versions_page(self.environment, self.key, **asked)

    async def resolve_comparison(self: AssetAt, _info: Any, **asked: Any) -> Any:
        """As `latewood compare`."""
        return await comparison_of(self.environment, self.key, **asked)

    async def resolve_runs(self: AssetAt, _info: Any, first: int, after: str | None = None, status: Any = None) -> Any:
        """By the position at which they were asked for."""
        at = self.environment
        wanted = Wanted(environment=at.name, status="" if status is None else status.value, as_of=at.as_of.position)
        return await runs_page_of(at, self.key, first, after, wanted)

    def resolve_verdicts(self: AssetAt, _info: Any, **asked: Any) -> Any:
        """Newest first."""
        return verdicts_at(self.environment, self.key, **asked)
