"""Tables, frames and arrays: their libraries are imported by who has values of them."""

import io
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from latewood.decide.canonical import canonical, digest
from latewood.engine.values.annotations import is_class
from latewood.engine.values.encoded import Encoded, Stored
from latewood.errors import ValueRefused


class _Tables:
    """pyarrow tables, as Parquet."""

    name = "parquet"

    def handles(self, cls: type) -> bool:
        return is_class(cls, "pyarrow", "Table")

    def encode(self, value: Any, _: Any) -> Encoded:
        from latewood.engine.values.arrow_hash import table_version  # noqa: PLC0415 - start-up
        from latewood.engine.values.arrow_types import columns_of  # noqa: PLC0415 - start-up
        from latewood.engine.values.parquet import to_parquet  # noqa: PLC0415 - start-up

        return Encoded(
            content=to_parquet(value),
            extension=self.name,
            version=table_version(value),
            metadata={"rows": value.num_rows, "columns": value.num_columns},
            schema=columns_of(value.schema),
            table=value,
        )

    def decode(self, stored: Stored, _: Any) -> Any:
        from latewood.engine.values.parquet import from_parquet  # noqa: PLC0415 - start-up

        return from_parquet(stored.read())


class _PandasFrames:
    """pandas frames, as Parquet; index and dtypes are in its metadata, as pandas itself writes them."""

    name = "pandas"

    def handles(self, cls: type) -> bool:
        return is_class(cls, "pandas", "DataFrame")

    def encode(self, value: Any, annotation: Any) -> Encoded:
        import pyarrow as pa  # noqa: PLC0415 - start-up

        try:
            table = pa.Table.from_pandas(value)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise ValueRefused(f"DataFrame cannot be stored: {error}. Give each column values of one type") from None
        stored = _TABLES.encode(table, annotation)
        about = json.loads(table.schema.metadata[b"pandas"])
        layout = {key: about[key] for key in ("index_columns", "column_indexes", "columns")}
        return Encoded(
            content=stored.content,
            extension=f"{self.name}.{stored.extension}",
            version=f"pandas1:{digest((stored.version, layout))}",
            metadata={"rows": len(value), "columns": len(value.columns)},
            schema=stored.schema,
            table=table,
        )

    def decode(self, stored: Stored, annotation: Any) -> Any:
        return _TABLES.decode(stored, annotation).to_pandas()


class _PolarsFrames:
    """polars frames, as Parquet by way of Arrow: they have no index, so their content is that of the equal table."""

    name = "polars"

    def handles(self, cls: type) -> bool:
        return is_class(cls, "polars", "DataFrame")

    def encode(self, value: Any, annotation: Any) -> Encoded:
        import pyarrow as pa  # noqa: PLC0415 - start-up

        objects = [name for name, dtype in value.schema.items() if dtype.is_(_polars().Object)]
        if objects:
            raise ValueRefused(f"DataFrame cannot be stored: column {objects[0]} holds Python objects; give it a type")
        try:
            table = value.to_arrow()
        except pa.ArrowException as error:
            raise ValueRefused(f"DataFrame cannot be stored: {error}. Cast the column to another type") from None
        stored = _TABLES.encode(table, annotation)
        return replace(stored, extension=f"{self.name}.{stored.extension}")

    def decode(self, stored: Stored, annotation: Any) -> Any:
        return _polars().from_arrow(_TABLES.decode(stored, annotation))


def _polars() -> Any:
    import polars  # noqa: ICN001, PLC0415 - optional dependency, and start-up

    return polars


class _Arrays:
    """numpy arrays, as .npy; arrays of Python objects are refused, for they would need pickle."""

    name = "npy"

    def handles(self, cls: type) -> bool:
        return is_class(cls, "numpy", "ndarray")

    def encode(self, value: Any, _: Any) -> Encoded:
        import numpy as np  # noqa: PLC0415 - optional dependency, and start-up

        if value.dtype.hasobject:
            raise ValueRefused(f"ndarray of {value.dtype} cannot be stored: it holds Python objects; use a list")
        file = io.BytesIO()
        np.save(file, value, allow_pickle=False)
        return Encoded(
            content=file.getbuffer(),
            extension=self.name,
            version=f"numpy1:{array_digest(value)}",
            metadata={"shape": list(value.shape), "dtype": str(value.dtype)},
        )

    def decode(self, stored: Stored, _: Any) -> Any:
        import numpy as np  # noqa: PLC0415 - optional dependency, and start-up

        return np.load(io.BytesIO(stored.read()), allow_pickle=False)


def array_digest(array: Any) -> str:
    """Of dtype, shape and values in row order: whatever the strides and the byte order, one zero, one NaN."""
    import numpy as np  # noqa: PLC0415 - optional dependency, and start-up

    values = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if values.dtype.kind in "fc":
        parts = values.view(values.real.dtype)  # a complex number is two
        values = np.where(np.isnan(parts), np.array(np.nan, parts.dtype), parts + parts.dtype.type(0))
    shape = (values.dtype.str, array.dtype.newbyteorder("<").str, array.shape)
    return sha256(canonical(shape) + values.tobytes()).hexdigest()


_TABLES = _Tables()
TABLE_CODECS = (_TABLES, _PandasFrames(), _PolarsFrames(), _Arrays())
"""The codecs of what libraries of their own hold in memory."""
