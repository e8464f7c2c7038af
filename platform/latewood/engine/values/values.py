"""Values on their way between user code and the artifact store."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import GenericAlias
from typing import Any, Final, Protocol

import msgspec

from latewood.context import Output, Partitioned
from latewood.decide.state import VersionFacts
from latewood.engine.storage.store import ArtifactAddress, ArtifactStore, Staged
from latewood.engine.values.codecs import decode, encode
from latewood.engine.values.edge import check_value, edge_of
from latewood.engine.values.encoded import Encoded
from latewood.engine.values.recordable import failed_with, recordable_metadata, recordable_version, text
from latewood.engine.values.redaction import redacted, redacted_json, secret_in
from latewood.errors import LatewoodError, ValueRefused
from latewood.model.column_sources import ColumnSources
from latewood.model.definitions import Input
from latewood.model.elements import ElementAddress
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.tables import Column
from latewood.places import is_placed

GIVEN: Final = "given:"
"""What data versions begin with that the task has said itself."""

_COLUMNS_BYTES_MAX: Final = 8_192
"""Bytes of columns that are recorded of a step's outputs together."""

_LISTS_MAX: Final = 4
"""Lists whose elements are kept: what is called for one of them is called for the next one."""

_LABEL_MAX: Final = 40
"""Characters of an element that people are shown."""

_SCANNED_BYTES_MIN: Final = 1 << 25
"""Bytes of files from which on a query reads them as it goes on: smaller tables are decoded once for all steps."""

_TABLES_BYTES_MAX: Final = 1 << 29
"""Decoded tables kept for other steps of the run: a backfill reads the same big table hundreds of times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedOutput:
    """A checked result in the store, not durable yet, and what is to be recorded of it."""

    staged: Staged
    data_version: str
    metadata: Mapping[str, Any]
    columns: tuple[str, ...]
    column_sources: tuple[ColumnSources, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """An element of a list, as it would be stored alone: whoever reads it has a value of its own, and may change it."""

    extension: str
    content: bytes
    data_version: str

    @classmethod
    def of(cls, value: Any, annotation: Any) -> "Element":
        """The element with this value. Raises ValueRefused."""
        encoded = encode(value, annotation)
        return cls(extension=encoded.extension, content=bytes(encoded.content), data_version=encoded.version)

    def read(self) -> bytes:
        """The whole content."""
        return self.content

    def path(self) -> Path:
        """Nowhere: what is a file of its own is no element of a list."""
        raise ValueRefused("an element of a list lies nowhere by itself")

    def value(self, annotation: Any) -> Any:
        """Its value, as the annotation of its reader promises it. Raises ValueRefused."""
        return decode(self, annotation)

    @property
    def label(self) -> str:
        """What it looks like, in short."""
        shown = text(redacted(self.content[: 4 * _LABEL_MAX].decode("utf-8", "replace")), 4 * _LABEL_MAX)
        return shown if len(shown) <= _LABEL_MAX else f"{shown[: _LABEL_MAX - 1]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A checked result that is not stored yet, and what is to be recorded of it. Who stores it leaves its scratch."""

    value: Any
    annotation: Any
    encoded: Encoded
    data_version: str
    metadata: Mapping[str, Any]
    columns: tuple[str, ...]
    column_sources: tuple[ColumnSources, ...] = ()

    def as_staged(self, staged: Staged) -> StagedOutput:
        """The same, stored."""
        return StagedOutput(
            staged=staged,
            data_version=self.data_version,
            metadata=self.metadata,
            columns=self.columns,
            column_sources=self.column_sources,
        )


class Placed(Protocol):
    """Loads what lies at places of its own."""

    def load(self, of: AssetKey, partition: PartitionKey, artifact: str, annotation: Any) -> Any:
        """The value of a version, held to its fingerprint. Raises ValueRefused, StoreError."""
        ...


class Values:
    """Loads inputs and stages outputs, with a bounded memory of decoded tables (they cannot be changed).

    Results go into the same store, or into `results`. `placed` loads what lies elsewhere.
    """

    def __init__(
        self, store: ArtifactStore, *, results: ArtifactStore | None = None, placed: Placed | None = None
    ) -> None:
        self._store = store
        self._results = results or store
        self._placed = placed
        self._tables: OrderedDict[tuple[str, Any], Any] = OrderedDict()
        self._bytes = 0
        self._whole: set[ArtifactAddress] = set()
        self._lists: OrderedDict[tuple[str, Any], Sequence[Element]] = OrderedDict()

    def stage(self, result: Any, annotation: Any, *, subject: str, outputs: int = 1) -> StagedOutput:
        """Check a result, one of so many `outputs`, against its annotation and write it.

        Raises ValueRefused, StoreError.
        """
        return self.stage_examined(self.examine(result, annotation, subject=subject, outputs=outputs))

    def stage_examined(self, examined: Examined) -> StagedOutput:
        """Write a result that was checked. Raises StoreError."""
        encoded = examined.encoded
        with encoded.scratch:
            return examined.as_staged(self._results.stage(encoded.content, encoded.extension))

    def examine(self, result: Any, annotation: Any, *, subject: str, outputs: int = 1) -> Examined:
        """Check a result against its annotation, and say what is to be recorded of it. Raises ValueRefused."""
        with _own_code_of(subject):
            return self._examined(result, annotation, subject, outputs)

    def _examined(self, result: Any, annotation: Any, subject: str, outputs: int) -> Examined:
        output = result if isinstance(result, Output) else Output(result)
        value = check_value(output.value, annotation, subject=subject)
        encoded = encode(value, annotation)
        if (secret := secret_in(encoded)) is not None:
            with encoded.scratch:
                raise ValueRefused(f"{subject}: expected data to be stored, found the value of secret {secret} in it")
        version, given = encoded.version, output.data_version
        if given is not None:
            version = f"{GIVEN}{recordable_version(given, subject=subject)}"
        return Examined(
            value=value,
            annotation=annotation,
            encoded=encoded,
            data_version=version,
            metadata={**redacted_json(encoded.metadata), **recordable_metadata(output.metadata, subject=subject)},
            columns=recorded_columns(_as_promised(encoded.schema, annotation), outputs),
        )

    def stage_logs(self, output: str) -> Staged | None:
        """Write what a task printed and logged; None for nothing. Raises StoreError."""
        return self._results.stage(output.encode("utf-8", "backslashreplace"), "log") if output else None

    def load(self, of: AssetKey, facts: VersionFacts, annotation: Any) -> Any:
        """The value of an asset's version, as its reader's annotation promises it. Raises ValueRefused, StoreError."""
        if (element := ElementAddress.of(facts.artifact)) is not None:
            whole = facts._replace(artifact=element.artifact)
            return self.elements(of, whole, annotation)[element.index].value(annotation)
        with _own_code_of(f'"{of}" {facts.partition}'.rstrip()):
            return self._remembered(
                facts.artifact, annotation, lambda: self._load(of, facts.partition, facts.artifact, annotation)
            )

    def elements(self, of: AssetKey, facts: VersionFacts, annotation: Any) -> "Sequence[Element]":
        """The elements of a list, as readers that promise themselves this of each; the last few lists are kept.

        Raises ValueRefused, StoreError. Cost: O(elements) the first time.
        """
        slot = _slot(facts.artifact, annotation)
        if slot in self._lists:
            self._lists.move_to_end(slot)
            return self._lists[slot]
        subject = f'"{of}"'
        value = self.load(of, facts, GenericAlias(list, annotation))
        if not isinstance(value, list):
            raise ValueRefused(f"{subject}: expected a list, whose elements are mapped, found {type(value).__name__}")
        with _own_code_of(subject):
            self._lists[slot] = [Element.of(item, annotation) for item in value]
        if len(self._lists) > _LISTS_MAX:
            self._lists.popitem(last=False)
        return self._lists[slot]

    def load_artifact(self, address: str, annotation: Any) -> Any:
        """The value of an artifact in the store. Raises ValueRefused, ArtifactMissing."""
        with _own_code_of(address):
            return self._remembered(
                address, annotation, lambda: decode(self._store.open(ArtifactAddress(address)), annotation)
            )

    def _load(self, of: AssetKey, partition: PartitionKey, artifact: str, annotation: Any) -> Any:
        if not is_placed(artifact):
            return decode(self._store.open(ArtifactAddress(artifact)), annotation)
        assert self._placed is not None, "who has such versions loads them"
        value = self._placed.load(of, partition, artifact, annotation)
        return check_value(value, annotation, subject=f'"{of}" {partition}'.rstrip())  # others may have stored it

    def _remembered(self, address: str, annotation: Any, load: Callable[[], Any]) -> Any:
        """A table is decoded once while there is room for it."""
        slot = _slot(address, annotation)
        if slot in self._tables:
            self._tables.move_to_end(slot)
            return self._tables[slot]
        value = load()
        if _is_table(value):
            self._keep(slot, value)
        return value

    def load_input(
        self, input_: Input, annotation: Any, versions: Sequence[tuple[PartitionKey, VersionFacts]], subject: str
    ) -> Any:
        """What a parameter receives: one value, several tables as one, or a Partitioned. Raises ValueRefused."""
        if input_.lazy:
            inner = annotation.__args__[0]
            return Partitioned(
                [key for key, _ in versions], lambda index: self.load(input_.asset, versions[index][1], inner)
            )
        if len(versions) == 1:
            value = self.load(input_.asset, versions[0][1], annotation)
            return check_value(value, annotation, subject=subject)
        if not versions:
            if input_.type.kind in ("union", "none", "any"):
                return None
            raise ValueRefused(f"{subject}: there is no partition to read; annotate it `… | None`")
        return _together([self.load(input_.asset, facts, annotation) for _, facts in versions], subject)

    def scan_input(
        self,
        input_: Input,
        annotation: Any,
        versions: Sequence[tuple[PartitionKey, VersionFacts]],
        subject: str,
        *,
        bytes_min: int = _SCANNED_BYTES_MIN,
    ) -> Any:
        """The same for a query, which need not have it in memory: what is large is a dataset over files in the store.

        Of that only the columns and rows are read that the query wants, as it goes on. Raises as `load_input` does.
        """
        artifacts = [facts.artifact for _, facts in versions]
        if not artifacts or any(is_placed(each) or each.partition(".")[2] != "parquet" for each in artifacts):
            return self.load_input(input_, annotation, versions, subject)
        addresses = [ArtifactAddress(each) for each in dict.fromkeys(artifacts)]
        if sum(map(self._store.size_of, addresses)) < bytes_min:
            return self.load_input(input_, annotation, versions, subject)
        from latewood.engine.values.parquet import dataset_of  # noqa: PLC0415 - start-up

        for address in addresses:
            if address not in self._whole:
                self._store.require_whole(address)
                self._whole.add(address)
        found = dataset_of([self._store.path_of(ArtifactAddress(each)) for each in artifacts])
        return self.load_input(input_, annotation, versions, subject) if found is None else found

    def _keep(self, slot: tuple[str, Any], table: Any) -> None:
        self._tables[slot] = table
        self._bytes += table.nbytes
        while self._bytes > _TABLES_BYTES_MAX:
            _, dropped = self._tables.popitem(last=False)
            self._bytes -= dropped.nbytes


@contextmanager
def _own_code_of(subject: str) -> Iterator[None]:
    """A value brings code of its own, which may fail as any: validators, how it is pickled, compared or shown.

    That is the matter with the value, and no failure of the run. Raises ValueRefused.
    """
    try:
        yield
    except LatewoodError:
        raise
    except Exception as error:
        raise ValueRefused(f"{subject}: {failed_with(error)}") from error


def _as_promised(schema: Sequence[Column], annotation: Any) -> list[Column]:
    """The columns of a table that was checked: without nulls where they were declared so, whatever its schema says."""
    declared = {column.name for column in edge_of(annotation).spec.columns or () if not column.nullable}
    return [
        msgspec.structs.replace(column, nullable=column.nullable and column.name not in declared) for column in schema
    ]


def recorded_columns(schema: Sequence[Column], outputs: int) -> tuple[str, ...]:
    """Columns of one of so many outputs, as they are recorded; of thousands the first, and how many more there are."""
    bytes_max = _COLUMNS_BYTES_MAX // outputs
    columns = [redacted(f"{c.name}: {c.type}{'?' if c.nullable else ''}") for c in schema]
    size = 0
    for shown, column in enumerate(columns):
        size += len(column.encode()) + 3
        if size > bytes_max:
            return (*columns[:shown], f"… and {len(columns) - shown:,} more")
    return tuple(columns)


def _slot(address: str, annotation: Any) -> tuple[str, Any]:
    return (address, annotation) if isinstance(annotation, Hashable) else (address, str(annotation))


def _is_table(value: object) -> bool:
    return type(value).__module__.startswith("pyarrow") and type(value).__name__ == "Table"


def _together(values: list[Any], subject: str) -> Any:
    module, name = type(values[0]).__module__.partition(".")[0], type(values[0]).__name__
    if _is_table(values[0]):
        import pyarrow as pa  # noqa: PLC0415 - start-up: loaded by now, there is a table

        return pa.concat_tables(values, promote_options="permissive")
    if (module, name) == ("pandas", "DataFrame"):
        import pandas as pd  # noqa: PLC0415 - optional

        return pd.concat(values)
    if (module, name) == ("polars", "DataFrame"):
        import polars as pl  # noqa: PLC0415 - optional

        return pl.concat(values, how="diagonal_relaxed")
    raise ValueRefused(
        f"{subject}: reads {len(values)} partitions at once, but {name} values cannot be joined; "
        f"annotate it Partitioned[{name}] and iterate"
    )
