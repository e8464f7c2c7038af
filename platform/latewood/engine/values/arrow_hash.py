"""The data version of a table: SHA-256 over its logical content, `arrow1:` and 64 hexadecimal digits.

Counted: the columns' names, types and order, and all values in row order. Not counted: metadata, the
nullable flag (a promise about values, not a value), and everything about layout: slices, chunks,
dictionaries, run ends, offsets, 32- or 64-bit offsets (`string` = `large_string` = `string_view`), bytes
under nulls, spare bits. -0.0 counts as 0.0, every NaN as one NaN.

Order of the hashed stream: the schema's text, the row count, then column after column in blocks of
`_BLOCK_ROWS` rows. A block is its count of nulls, a byte per row saying which if there are any, and then
the values that are present: fixed-width ones as they lie in memory, variable ones as 64-bit lengths and one
run of bytes, lists as lengths and their items, structs field by field. Blocks keep copies small, make the
stream independent of chunks, and 64-bit offsets unnecessary. No step is a Python loop over rows.

Cost: O(bytes); 32 ms for 336,776 rows of 19 columns (50 MB), 0.3 ms for 1,000 of them.
"""

import struct
from hashlib import sha256
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from latewood.engine.values.arrow_types import logical_type
from latewood.model.tables import written_name

_BLOCK_ROWS = 65_536
_COUNT = struct.Struct("<q")


class _Hash(Protocol):
    def update(self, data: Any, /) -> None: ...


def table_version(table: pa.Table) -> str:
    """The data version of a table's content. Raises NoCanonicalContent for a column of a union type."""
    sha = sha256(b"latewood arrow1\n")
    fields = ", ".join(f"{written_name(field.name)}: {logical_type(field.type)}" for field in table.schema)
    _text(sha, fields)
    sha.update(_COUNT.pack(table.num_rows))
    for column in table.columns:
        for start in range(0, table.num_rows, _BLOCK_ROWS):
            _feed(sha, _block(column, start))
    return f"arrow1:{sha.hexdigest()}"


def _block(column: pa.ChunkedArray, start: int) -> pa.Array:
    """The rows of one block as one array without dictionaries and the like on its outside."""
    chunks = [_plain(chunk) for chunk in column.slice(start, _BLOCK_ROWS).chunks]
    if len(chunks) == 1:
        return chunks[0]
    if pa.types.is_string(chunks[0].type) or pa.types.is_binary(chunks[0].type):
        # 32-bit offsets could overflow when long values of several chunks come together
        chunks = [chunk.cast(pa.large_binary()) for chunk in chunks]
    return pa.concat_arrays(chunks)


def _plain(array: pa.Array) -> pa.Array:
    """The same values in the one layout that is hashed."""
    dtype = array.type
    if isinstance(dtype, pa.BaseExtensionType):
        return _plain(array.storage)
    if pa.types.is_dictionary(dtype):
        return _plain(array.dictionary_decode())
    if pa.types.is_run_end_encoded(dtype):
        return _plain(pc.run_end_decode(array))
    if pa.types.is_string_view(dtype) or pa.types.is_binary_view(dtype):
        return array.cast(pa.large_binary())
    if pa.types.is_floating(dtype):
        return _one_zero_one_nan(array)
    if pa.types.is_boolean(dtype):
        return array.cast(pa.uint8())
    return array


def _one_zero_one_nan(array: pa.Array) -> pa.Array:
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())  # exact; the type is counted with the schema
    nan = pc.is_nan(array)
    if nan.true_count:
        array = pc.if_else(nan, pa.scalar(float("nan"), array.type), array)
    return pc.add(array, pa.scalar(0.0, array.type))


def _feed(sha: _Hash, array: pa.Array) -> None:
    nulls = array.null_count
    sha.update(_COUNT.pack(nulls))
    if pa.types.is_null(array.type):
        return
    if nulls:
        _fixed(sha, array.is_valid().cast(pa.uint8()))
        array = array.drop_null()
    dtype = array.type
    if pa.types.is_struct(dtype):
        for child in array.flatten():
            _feed(sha, _plain(child))
    elif pa.types.is_large_string(dtype) or pa.types.is_large_binary(dtype):
        _variable(sha, array, _OFFSETS_64)
    elif pa.types.is_string(dtype) or pa.types.is_binary(dtype):
        _variable(sha, array, _OFFSETS_32)
    elif pa.types.is_nested(dtype):
        _list(sha, array)
    else:
        _fixed(sha, array)


def _fixed(sha: _Hash, array: pa.Array) -> None:
    """Values of fixed width, as they lie in memory."""
    width = array.type.byte_width
    if width and len(array):
        data = memoryview(array.buffers()[1])
        sha.update(data[array.offset * width : (array.offset + len(array)) * width])


_OFFSETS_32 = struct.Struct("<i")
_OFFSETS_64 = struct.Struct("<q")


def _variable(sha: _Hash, array: pa.Array, offsets: struct.Struct) -> None:
    """Strings and bytes without nulls: so the values lie side by side."""
    if not len(array):
        return
    _fixed(sha, pc.binary_length(array).cast(pa.int64()))
    _, where, data = array.buffers()
    (first,) = offsets.unpack_from(where, array.offset * offsets.size)
    (last,) = offsets.unpack_from(where, (array.offset + len(array)) * offsets.size)
    if last > first:
        sha.update(memoryview(data)[first:last])


def _list(sha: _Hash, array: pa.Array) -> None:
    """Lists of all kinds and maps without nulls; the items of a map are structs of key and value."""
    if pa.types.is_map(array.type):
        item = pa.struct([array.type.key_field, array.type.item_field])
        array = array.cast(pa.list_(pa.field("entries", item, nullable=False)))
    _fixed(sha, pc.list_value_length(array).cast(pa.int64()))
    items = _plain(array.flatten())
    sha.update(_COUNT.pack(len(items)))
    _feed(sha, items)


def _text(sha: _Hash, text: str) -> None:
    encoded = text.encode()
    sha.update(_COUNT.pack(len(encoded)))
    sha.update(encoded)
