"""A little of what a version holds, what it was made from, and the columns that it has."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import graphene
import msgspec

from latewood.commands.sampling import (
    ROWS_MAX,
    ArraySample,
    DocumentSample,
    NoSample,
    RowsSample,
    Sample,
    sample,
)
from latewood.decide.state import VersionFacts
from latewood.decide.versions import expand
from latewood.errors import UsageError
from latewood.events import InputRead
from latewood.model.keys import AssetId, AssetKey
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import keys_of_ids
from latewood_eventlog.log import EventLog
from latewood_graphql.calls import EnvironmentAt
from latewood_graphql.fields import many
from latewood_graphql.scalars import Json
from latewood_graphql.words import SampleAbsence

SAMPLES_MAX: Final = 20
"""Versions of which one query may have samples."""


class VersionColumn(graphene.ObjectType):
    """A column of a table."""

    name = graphene.String(required=True, description="What it is called.")
    type = graphene.String(required=True, description="What it holds, as Arrow says it: `int64`, `string`.")
    nullable = graphene.Boolean(required=True, description="Whether some of it may be null.")


class VersionColumns(graphene.ObjectType):
    """The columns of a table as they were recorded; of thousands the first."""

    nodes = many(VersionColumn, "The columns, in their order.")
    left_out = graphene.Int(required=True, description="How many more there are.")


class VersionInput(graphene.ObjectType):
    """The exact versions that a version was made from, of one input."""

    name = graphene.String(required=True, description="The input.")
    asset = graphene.String(required=True, description="Key of the asset that was read.")
    partitions = graphene.String(required=True, description="Of which partitions, in words; empty where it has none.")
    versions_text = graphene.String(
        description="The versions, neighbours written together: `RUN.0-30`; null where they are so many that they are "
        "in a file: `lineage` has them."
    )
    versions_count = graphene.Int(description="How many they are; null as the text.")
    data_version = graphene.String(required=True, description="Digest of what was read.")


class RowsSample_(graphene.ObjectType):  # noqa: N801 - the model has a name of its own for it
    """The first rows of a table."""

    class Meta:
        """Its name in the schema."""

        name = "RowsSample"

    columns = many(VersionColumn, "Its columns, in order.")
    rows = graphene.Field(Json, required=True, description="Rows as lists of values, in the order of the columns.")
    total = graphene.Float(required=True, description="How many rows the table has.")
    is_cut = graphene.Boolean(
        required=True, description="Whether rows, or parts of long texts and lists, are left out for their size."
    )

    def resolve_rows(self: RowsSample, _info: Any) -> Any:
        """As they were written."""
        return msgspec.Raw(self.rows.encode())


class DocumentSample_(graphene.ObjectType):  # noqa: N801 - as above
    """A value that JSON has: a number, a text, a list, an object."""

    class Meta:
        """Its name in the schema."""

        name = "DocumentSample"

    value = graphene.Field(Json, description="The value; NaN and infinities are texts.")

    def resolve_value(self: DocumentSample, _info: Any) -> Any:
        """As it was written."""
        return msgspec.Raw(self.value.encode())


class ArraySample_(graphene.ObjectType):  # noqa: N801 - as above
    """The first entries of an array."""

    class Meta:
        """Its name in the schema."""

        name = "ArraySample"

    dtype = graphene.String(required=True, description="The type of its values.")
    shape = many(graphene.Float, "How long it is along each axis.")
    entries = graphene.Field(Json, required=True, description="The first entries along the first axis, as lists.")

    def resolve_entries(self: ArraySample, _info: Any) -> Any:
        """As they were written."""
        return msgspec.Raw(self.entries.encode())


class NoSample_(graphene.ObjectType):  # noqa: N801 - as above
    """There is nothing to be shown, and why."""

    class Meta:
        """Its name in the schema."""

        name = "NoSample"

    absence = graphene.Field(SampleAbsence, required=True, description="Why, in a word.")
    message = graphene.String(required=True, description="Why.")


class ValueSample(graphene.Union):
    """A little of what a version holds."""

    class Meta:
        """What it may be."""

        types = (RowsSample_, DocumentSample_, ArraySample_, NoSample_)

    @classmethod
    def resolve_type(cls, instance: Any, _info: Any) -> Any:
        """By what was found."""
        return _TYPES[type(instance)]


_TYPES: Final[Mapping[type, Any]] = {
    RowsSample: RowsSample_,
    DocumentSample: DocumentSample_,
    ArraySample: ArraySample_,
    NoSample: NoSample_,
}


@dataclass(frozen=True, slots=True)
class Sampled:
    """A version of which a sample is wanted, by the columns that are recorded of it."""

    key: AssetKey
    facts: VersionFacts
    columns: tuple[str, ...]


async def sample_of(at: EnvironmentAt, wanted: Sampled, rows: int) -> Sample:
    """At most so many rows. Raises UsageError for too much, and for too many versions in a query."""
    if not 1 <= rows <= ROWS_MAX:
        raise UsageError(f"rows: expected 1 to {ROWS_MAX}, found {rows:,}")
    await at.call.few("sample", (wanted, rows), of="versions", most=SAMPLES_MAX)
    there, view = at.workspace, at.view

    def look(log: EventLog) -> Sample:
        return sample(replace(there, log=log), view, wanted.key, wanted.facts, wanted.columns, rows)

    return await at.call.in_the_end(look)


def columns_of(recorded: Sequence[str]) -> dict[str, Any]:
    """Columns as they are recorded, each as `name: type` or `name: type?`."""
    left_out = 0
    if recorded and recorded[-1].startswith("… and "):
        left_out = int(recorded[-1].split()[2].replace(",", ""))
        recorded = recorded[:-1]

    def column(text: str) -> dict[str, Any]:
        name, _, type_ = text.partition(": ")
        return {"name": name, "type": type_.removesuffix("?"), "nullable": type_.endswith("?")}

    return {"nodes": [column(text) for text in recorded], "left_out": left_out}


async def inputs_of(at: EnvironmentAt, inputs: Mapping[str, InputRead]) -> list[dict[str, Any]]:
    """What was read, by input."""

    def read(ids: Sequence[AssetId]) -> Mapping[AssetId, AssetKey]:
        with snapshot(at.workspace.log) as connection:
            found = keys_of_ids(connection, at.project.name, ids, at.as_of.position)
        return {id_: found[id_] for id_ in ids if id_ in found}

    here = at.once("keys", lambda: {id_: key for key, id_ in at.view.ids.items()})
    unknown = {input_.asset for input_ in inputs.values()} - here.keys()
    named = dict(zip(unknown, await asyncio.gather(*(at.load("keys", id_, read) for id_ in unknown)), strict=True))
    found = []
    for name, input_ in inputs.items():
        is_apart = input_.versions.startswith("@")
        found.append(
            {
                "name": name,
                "asset": here.get(input_.asset) or named.get(input_.asset) or input_.asset,
                "partitions": input_.partitions,
                "versions_text": None if is_apart else input_.versions,
                "versions_count": None if is_apart else sum(1 for _ in expand(input_.versions)),
                "data_version": input_.data_version,
            }
        )
    return found
