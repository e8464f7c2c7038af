"""Tables as Parquet and back, with exactly the schema they had."""

import base64
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from latewood.errors import ValueRefused

_THREADS_FROM = 1 << 20  # bytes; below, starting threads costs more than they save


def to_parquet(table: pa.Table) -> pa.Buffer:
    """The table as one Parquet file. Raises ValueRefused for a column type that Parquet does not have."""
    sink = pa.BufferOutputStream()
    try:
        pq.write_table(table, sink, compression="snappy")
    except pa.ArrowException as error:
        raise ValueRefused(f"Table cannot be stored as Parquet: {error}. Cast the column to another type") from None
    content = sink.getvalue()
    for field in table.schema:
        if field.type.num_fields and _holds_null(field.type) and not _can_be_read(content):
            raise ValueRefused(
                f"Table cannot be stored as Parquet: column {field.name} is {field.type}, and pyarrow can write "
                "but not read such nulls. Give them a type"
            )
    return content


def _holds_null(dtype: pa.DataType) -> bool:
    inside = (dtype.field(index).type for index in range(dtype.num_fields))
    return pa.types.is_null(dtype) or any(map(_holds_null, inside))


def _can_be_read(content: pa.Buffer) -> bool:
    try:
        from_parquet(content.to_pybytes())
    except pa.ArrowException:
        return False
    return True


def from_parquet(content: bytes) -> pa.Table:
    """The table of a Parquet file, with the types it was written from."""
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        return _as_written(file, file.read(use_threads=len(content) >= _THREADS_FROM))


def first_rows(path: Path, limit: int) -> tuple[pa.Table, int]:
    """The first rows of a Parquet file, and how many it has. Cost: O(limit), not the file's size."""
    with pq.ParquetFile(path) as file:
        batches = islice(file.iter_batches(batch_size=max(1, limit)), 1 if limit else 0)
        table = pa.Table.from_batches(batches, schema=file.schema_arrow).slice(0, limit)
        return _as_written(file, table), file.metadata.num_rows


def dataset_of(paths: Sequence[Path]) -> Any:
    """The tables of Parquet files as one dataset, of which nothing is read yet.

    None where a column would not have the type that it was written from, as `from_parquet` gives it.
    """
    import pyarrow.dataset as pd  # noqa: PLC0415 - start-up

    schemas = []
    for path in dict.fromkeys(paths):
        with pq.ParquetFile(path) as file:
            original = _original(file)
            if original is not None and not file.schema_arrow.equals(original):
                return None
            schemas.append(file.schema_arrow)
    schema = pa.unify_schemas(schemas, promote_options="permissive")
    return pd.dataset([str(path) for path in paths], schema=schema, format="parquet")


def _as_written(file: pq.ParquetFile, table: pa.Table) -> pa.Table:
    # Parquet has no seconds, for one: timestamp[s] comes back as timestamp[ms]
    original = _original(file)
    if original is not None and not table.schema.equals(original, check_metadata=True):
        with suppress(pa.ArrowNotImplementedError):  # some layouts cannot be cast to: the content is equal
            return table.cast(original)
    return table


def _original(file: pq.ParquetFile) -> pa.Schema | None:
    """The schema of the table that was written, where that is known."""
    written = (file.metadata.metadata or {}).get(b"ARROW:schema")
    return None if written is None else pa.ipc.read_schema(pa.py_buffer(base64.b64decode(written)))
