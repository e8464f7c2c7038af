"""What an artifact holds, as far as it can be told without the code that made it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latewood.engine.storage.file_hash import files_in
from latewood.engine.values.encoded import Stored
from latewood.model.tables import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The first rows of a table that has `total`, each by column in order."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Scalars, containers and records, as their JSON has them; NaN and infinities are strings."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """The first entries of an array along its first axis."""

    dtype: str
    shape: tuple[int, ...]
    entries: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """A file or a folder, or bytes that only the code that wrote them can read (pickles)."""

    count: int


def preview(stored: Stored, limit: int) -> Rows | Document | Array | Files:
    """What the artifact holds; of tables and arrays at most `limit` rows. Raises ArtifactMissing.

    Cost: O(limit) for a table; others are read whole.
    """
    match stored.extension.partition(".")[0]:
        case "parquet" | "pandas" | "polars":
            return _rows(stored.path(), limit)
        case "json":
            return Document(value=json.loads(stored.read(), parse_constant=str))
        case "csv":
            return _csv_rows(stored.path(), limit)
        case "npy":
            return _array(stored.path(), limit)
        case _:
            path = stored.path()
            return Files(count=sum(1 for _ in files_in(path)) if path.is_dir() else 1)


def _rows(path: Path, limit: int) -> Rows:
    from latewood.engine.values.arrow_types import columns_of  # noqa: PLC0415 - start-up
    from latewood.engine.values.parquet import first_rows  # noqa: PLC0415 - start-up

    table, total = first_rows(path, limit)
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return Rows(columns=columns_of(table.schema), rows=tuple(rows), total=total)


def _csv_rows(path: Path, limit: int) -> Rows:
    from latewood.engine.values.arrow_types import columns_of  # noqa: PLC0415 - start-up
    from latewood.engine.values.file_io import Csv  # noqa: PLC0415 - start-up

    table = Csv("").read(path.read_bytes(), Any)
    rows = zip(*(column.to_pylist() for column in table.slice(0, limit).columns), strict=True)
    return Rows(columns=columns_of(table.schema), rows=tuple(rows), total=table.num_rows)


def _array(path: Path, limit: int) -> Array:
    import numpy as np  # noqa: PLC0415 - optional dependency, and start-up

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    entries = array[:limit] if array.ndim else array
    return Array(dtype=str(array.dtype), shape=array.shape, entries=entries.tolist())


def array_shape(path: Path) -> tuple[int, ...]:
    """The shape of an array in a file. Cost: O(1)."""
    import numpy as np  # noqa: PLC0415 - as above

    shape: tuple[int, ...] = np.load(path, mmap_mode="r", allow_pickle=False).shape
    return shape
