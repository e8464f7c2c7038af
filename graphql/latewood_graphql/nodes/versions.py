"""Versions of assets, and what checks found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import graphene

from latewood.commands.reading import heads_here
from latewood.commands.sampling import ROWS_MAX
from latewood.commands.source import CodeThen, codes_then
from latewood.commands.versions import Making, makings
from latewood.decide.state import VersionFacts
from latewood.model.keys import AssetId, AssetKey, AssetVersion, PartitionKey
from latewood.projections.snapshots import snapshot
from latewood_eventlog.log import EventLog
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import fallible, fallible_many, given
from latewood_graphql.nodes.lineage import ColumnDerivation, derivations_page
from latewood_graphql.nodes.samples import (
    SAMPLES_MAX,
    Sampled,
    ValueSample,
    VersionColumns,
    VersionInput,
    columns_of,
    inputs_of,
    sample_of,
)
from latewood_graphql.nodes.task_definitions import Source, files_then
from latewood_graphql.pages import connection_of, page_arguments
from latewood_graphql.scalars import Json, PositionScalar

_Slot = tuple[AssetKey, PartitionKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionAt:
    """A version of an asset, seen from an environment."""

    environment: EnvironmentAt
    key: AssetKey
    facts: VersionFacts

    @property
    def run(self) -> str:
        """The run that made it."""
        return self.facts.run

    def making(self) -> Any:
        """How it came to be, with all others that are asked for at the same time."""
        named = (self.facts.asset, self.facts.version)
        return self.environment.load("makings", named, self._makings)

    async def metadata(self) -> Mapping[str, Any]:
        """What was recorded of its content."""
        made = _output(self, await self.making())
        return {} if made is None else made.metadata

    def _makings(self, versions: Sequence[AssetVersion]) -> Mapping[AssetVersion, Making]:
        workspace = self.environment.workspace
        with snapshot(workspace.log) as connection:
            return makings(connection, workspace, versions)


async def head_of(at: EnvironmentAt, key: AssetKey, partition: PartitionKey) -> VersionFacts | None:
    """The version that an environment has of a partition, if it has one; read with all others that are asked for."""

    def heads(slots: Sequence[_Slot]) -> Mapping[_Slot, VersionFacts]:
        ids = {asset: at.view.ids[asset] for asset, _ in slots}
        only: dict[AssetId, list[PartitionKey]] = {}
        for asset, name in slots:
            only.setdefault(ids[asset], []).append(name)
        with snapshot(at.workspace.log) as connection:
            found = heads_here(connection, at.workspace, at.view, ids, only)
        return {(asset, name): facts for asset, name in slots if (facts := found[ids[asset]].get(name)) is not None}

    found: VersionFacts | None = await at.load("head", (key, partition), heads)
    return found


class AssetVersion_(graphene.ObjectType):  # noqa: N801 - the model has a name of its own for ids
    """A materialization: one version of an asset partition, with what it was made from and by."""

    class Meta:
        """Its name in the schema."""

        name = "AssetVersion"

    id = graphene.ID(
        required=True, description="The run and the step that made it: `RUN.STEP`.", resolver=given("facts.version")
    )
    asset = graphene.String(required=True, description="Key of the asset.", resolver=given("key"))
    partition = graphene.String(
        required=True,
        description="Key of the partition; empty for an unpartitioned asset.",
        resolver=given("facts.partition"),
    )
    position = graphene.Field(
        PositionScalar, required=True, description="Where the log says so.", resolver=given("facts.position")
    )
    made_at = graphene.DateTime(required=True, description="When it was made.", resolver=given("facts.made_at"))
    duration_ms = graphene.Float(
        required=True, description="Milliseconds that its attempt took.", resolver=given("facts.duration_ms")
    )
    data_version = graphene.String(
        required=True, description="Digest of its content: equal for equal data.", resolver=given("facts.data_version")
    )
    code_version = graphene.String(
        required=True, description="Version of the code that made it.", resolver=given("facts.code")
    )
    artifact = graphene.String(
        required=True,
        description="Where its value lies, in the store or at a place; empty for what others made.",
        resolver=given("facts.artifact"),
    )
    is_accepted = graphene.Boolean(
        required=True, description="Whether no blocking check stands before it.", resolver=given("facts.accepted")
    )
    is_head = graphene.Boolean(required=True, description="Whether the environment has it for its partition.")
    run = graphene.ID(required=True, description="The run that made it.", resolver=given("run"))
    size = graphene.Float(description="Bytes of its artifact; null where nobody counted.")
    metadata = fallible(Json, description="What was recorded of its content.")
    parameters = fallible(Json, description="The parameters it was made with.")
    reasons = fallible_many(graphene.String, "Why its step was run.")

    columns = fallible(VersionColumns, description="Its columns; none of what is no table.")
    column_sources = fallible(
        connection_of(ColumnDerivation),
        description="What its columns were computed from, by the query that made it; none of what no query has made.",
        **page_arguments(),
    )
    source = graphene.Field(
        Source,
        description="The text of the function that made it, as it was deployed then, wherever that was; null of what "
        f"no deployed function has made, and where an error says why. Of up to {SAMPLES_MAX} versions in a query.",
    )
    inputs = fallible_many(VersionInput, "The exact versions that it was made from, by input.")
    sample = fallible(
        ValueSample,
        description=f"A little of what it holds; of up to {SAMPLES_MAX} versions in a query.",
        rows=graphene.Int(required=True, default_value=50, description=f"How many rows at most, up to {ROWS_MAX}."),
    )

    async def resolve_is_head(self: VersionAt, _info: Any) -> bool:
        """By what is the head of its partition."""
        if self.key not in self.environment.view.catalog.assets:
            return False
        head = await head_of(self.environment, self.key, self.facts.partition)
        return head is not None and head.version == self.facts.version

    async def resolve_columns(self: VersionAt, _info: Any) -> Any:
        """Of its output."""
        made = _output(self, await self.making())
        return columns_of(() if made is None else made.columns)

    async def resolve_column_sources(self: VersionAt, _info: Any, first: int, after: str | None = None) -> Any:
        """Of its output."""
        made = _output(self, await self.making())
        return derivations_page(() if made is None else made.column_sources, first, after)

    async def resolve_source(self: VersionAt, _info: Any) -> Any:
        """From the archive of its deployment, which is looked at when nothing else is read any more."""
        at = self.environment
        await at.call.few("source", self.facts.version, of="versions", most=SAMPLES_MAX)

        def codes(versions: Sequence[VersionFacts]) -> Mapping[VersionFacts, CodeThen]:
            with snapshot(at.workspace.log) as connection:
                return codes_then(connection, at.workspace, versions)

        code: CodeThen | None = await at.load("codes", self.facts, codes)
        if code is None:
            return None

        def look(log: EventLog) -> Any:
            return code.source(files_then(at, replace(at.workspace, log=log), code.created))

        return await at.call.in_the_end(look)

    async def resolve_inputs(self: VersionAt, _info: Any) -> Any:
        """Of the step that computed it."""
        making: Making = await self.making()
        return await inputs_of(self.environment, {} if making.started is None else making.started.inputs)

    async def resolve_sample(self: VersionAt, _info: Any, rows: int) -> Any:
        """Read from where it lies."""
        made = _output(self, await self.making())
        wanted = Sampled(self.key, self.facts, () if made is None else tuple(made.columns))
        return await sample_of(self.environment, wanted, rows)

    async def resolve_size(self: VersionAt, _info: Any) -> float | None:
        """Of its output."""
        made = _output(self, await self.making())
        return None if made is None else made.size

    async def resolve_metadata(self: VersionAt, _info: Any) -> Any:
        """Of its output."""
        return await self.metadata()

    async def resolve_parameters(self: VersionAt, _info: Any) -> Any:
        """Of the step that computed it."""
        making: Making = await self.making()
        return {} if making.started is None else making.started.parameters

    async def resolve_reasons(self: VersionAt, _info: Any) -> Any:
        """Of the step that computed it."""
        making: Making = await self.making()
        return () if making.started is None else making.started.reasons


def _output(at: VersionAt, making: Making) -> Any:
    definition = at.environment.view.catalog.assets.get(at.key)
    return None if definition is None else making.output(definition.output)


class CheckVerdict(graphene.ObjectType):
    """What a check found of a version."""

    check_name = graphene.String(required=True, description="The check.")
    partition = graphene.String(required=True, description="The partition that was judged.")
    version = graphene.ID(required=True, description="The version that was judged.")
    passed = graphene.Boolean(required=True, description="Whether all was well.")
    blocking = graphene.Boolean(required=True, description="Whether the version could be no head otherwise.")
    severity = graphene.String(required=True, description="How bad it is when it fails.")
    message = graphene.String(required=True, description="What it said.")
    metadata = graphene.Field(Json, required=True, description="What it recorded.")
    position = graphene.Field(PositionScalar, required=True, description="Where the log has it.")
    evaluated_at = graphene.DateTime(required=True, description="When it judged.")
