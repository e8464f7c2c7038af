"""A table's data version depends on its logical content, and on nothing else."""

import math
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from latewood.engine.values.arrow_hash import table_version
from latewood.engine.values.arrow_types import NoCanonicalContent
from latewood.engine.values.parquet import from_parquet, to_parquet
from latewood.errors import ValueRefused

SIMPLE = {
    pa.int8(): st.integers(-3, 3),
    pa.int64(): st.integers(-(2**40), 2**40),
    pa.uint16(): st.integers(0, 9),
    pa.float64(): st.floats(),
    pa.float32(): st.floats(width=32),
    pa.bool_(): st.booleans(),
    pa.string(): st.text(max_size=3),
    pa.binary(): st.binary(max_size=3),
    pa.binary(2): st.binary(min_size=2, max_size=2),
    pa.decimal128(8, 2): st.decimals(-9, 9, places=2),
    pa.date32(): st.dates(),
    pa.timestamp("us"): st.datetimes(),
    pa.null(): st.none(),
}


def nested(dtype, values):
    return st.sampled_from(
        [
            (pa.list_(dtype), st.lists(values, max_size=3)),
            (pa.list_(dtype, 2), st.lists(values, min_size=2, max_size=2)),
            (
                pa.struct([("a", dtype), ("b", pa.string())]),
                st.fixed_dictionaries({"a": values, "b": st.text(max_size=1)}),
            ),
            (pa.map_(pa.int8(), dtype), st.lists(st.tuples(st.integers(0, 2), values), max_size=2)),
        ]
    )


def optional(dtype_and_values):
    dtype, values = dtype_and_values
    return st.tuples(st.just(dtype), st.just(st.one_of(st.none(), values)))


columns = st.recursive(
    st.sampled_from(list(SIMPLE.items())).flatmap(optional),
    lambda inner: inner.flatmap(lambda pair: nested(*pair)).flatmap(optional),
    max_leaves=3,
)


@st.composite
def tables(draw, min_rows=0):
    rows = draw(st.integers(min_rows, 9))
    arrays = []
    for dtype, values in draw(st.lists(columns, min_size=1, max_size=3)):
        arrays.append(pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), dtype))
    return pa.table(arrays, names=[f"c{index}" for index in range(len(arrays))])


@given(tables(), st.data())
@settings(max_examples=100, deadline=None)
def test_slices_and_chunks_do_not_count(table, data):
    begin = data.draw(st.integers(0, table.num_rows))
    end = data.draw(st.integers(begin, table.num_rows))
    cut = data.draw(st.integers(begin, end))

    alone = pa.table(
        [pa.array(column.to_pylist()[begin:end], column.type) for column in table.columns], table.schema.names
    )
    pieces = pa.concat_tables([table.slice(begin, cut - begin), table.slice(cut, end - cut)])

    assert table_version(table.slice(begin, end - begin)) == table_version(alone)
    assert table_version(pieces) == table_version(alone)
    assert table_version(pieces.combine_chunks()) == table_version(alone)


@given(tables())
@settings(max_examples=60, deadline=None)
def test_files_keep_the_version(table):
    try:
        file = to_parquet(table).to_pybytes()
    except ValueRefused:
        assume(False)  # maps and fixed lists of nothing but nulls: said before anything is written
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)

    assert table_version(pa.ipc.open_stream(sink.getvalue()).read_all()) == table_version(table)
    assert table_version(from_parquet(file)) == table_version(table)


@given(st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "bb"])), max_size=9), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_layouts_of_text_are_one_content(values, cut):
    plain = pa.chunked_array([pa.array(values, pa.string())])
    version = table_version(pa.table({"x": plain}))
    layouts = [
        pa.chunked_array(
            [
                pa.array(values[:cut], pa.string()).dictionary_encode(),
                pa.array(values[cut:], pa.string()).dictionary_encode(),
            ]
        ),
        plain.cast(pa.large_string()),
        plain.cast(pa.string_view()),
        pa.chunked_array([pa.array(values, pa.run_end_encoded(pa.int32(), pa.string()))]),
    ]

    assert [table_version(pa.table({"x": layout})) for layout in layouts] == [version] * len(layouts)


@given(tables(min_rows=1), st.data())
@settings(max_examples=100, deadline=None)
def test_any_change_of_content_changes_the_version(table, data):
    version = table_version(table)
    index = data.draw(st.integers(0, table.num_columns - 1))
    row = data.draw(st.integers(0, table.num_rows - 1))
    column = table.column(index)
    values = column.to_pylist()
    order = data.draw(st.permutations(range(table.num_rows)))

    assert table_version(table.slice(1)) != version
    assert table_version(pa.concat_tables([table, table.slice(row, 1)])) != version
    assert table_version(table.rename_columns([f"d{i}" for i in range(table.num_columns)])) != version
    assert table_version(table.append_column("more", column)) != version
    moved = table.take(list(order))
    assert (table_version(moved) == version) == all(
        same(before, after) for before, after in zip(rows(table), rows(moved), strict=True)
    )
    assume(values[row] is not None)
    without = pa.array([*values[:row], None, *values[row + 1 :]], column.type)
    assert table_version(table.set_column(index, f"c{index}", without)) != version


def rows(table):
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def same(one, other):
    """Equal as content: NaN equals NaN."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other)) if isinstance(other, list | tuple) else False
    if isinstance(one, dict) and isinstance(other, dict):
        return all(same(one[key], other[key]) for key in one)
    return one == other


def test_what_parquet_could_not_give_back_is_refused():
    nulls = pa.table({"m": pa.array([[None], [None, None]], pa.list_(pa.null()))})
    with pytest.raises(ValueRefused, match="column m is list<item: null>"):
        to_parquet(nulls)


def test_bytes_under_nulls_zeros_and_nans_do_not_count():
    def doubles(*bits):
        return pa.Array.from_buffers(pa.float64(), 3, [pa.py_buffer(b"\x05"), pa.py_buffer(struct.pack("<3Q", *bits))])

    negative_zero, nan, other_nan = 1 << 63, 0x7FF8 << 48, (0xFFF8 << 48) + 7
    one = pa.table({"x": doubles(negative_zero, 1, nan)})
    other = pa.table({"x": doubles(0, 99, other_nan)})

    assert table_version(one) == table_version(other) == table_version(pa.table({"x": [0.0, None, math.nan]}))


def test_types_count_and_metadata_and_nullability_do_not():
    field = pa.field("x", pa.int64(), nullable=False, metadata={"a": "b"})
    table = pa.table({"x": pa.array([1, 2], pa.int64())})

    assert table_version(table.cast(pa.schema([field], metadata={"c": "d"}))) == table_version(table)
    for dtype in (pa.int32(), pa.uint64(), pa.float64(), pa.timestamp("s"), pa.duration("s")):
        assert table_version(table.cast(pa.schema([("x", dtype)]))) != table_version(table)


def test_long_tables_are_hashed_in_blocks_wherever_their_chunks_end():
    column = pa.array([None if i % 7 == 0 else f"v{i % 1000}" for i in range(150_000)])
    table = pa.table({"x": column, "y": column.dictionary_encode()})
    pieces = pa.concat_tables([table.slice(0, 65_535), table.slice(65_535, 2), table.slice(65_537)])

    assert table_version(pieces) == table_version(table)
    assert table_version(table.slice(1)) != table_version(table.slice(0, 149_999))


def test_the_version_of_a_table_never_changes():
    # data versions of past runs are compared with those of today
    table = pa.table({"year": pa.array([2013, None], pa.int32()), "carrier": ["UA", "B6"], "delay": [1.5, None]})

    assert table_version(table) == "arrow1:4bca7d0ba16483c9bd1ca57263779e554c7c9f714ccb56c82595f02e7d869679"


def test_a_union_has_no_content_to_agree_on():
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])

    with pytest.raises(NoCanonicalContent, match="use a struct of nullable fields"):
        table_version(pa.table({"x": union}))


def test_parquet_returns_the_types_it_was_given():
    table = pa.table(
        {
            "at": pa.array([1, None], pa.timestamp("s", tz="UTC")),
            "code": pa.array(["a", "b"]).dictionary_encode(),
        }
    )
    content = to_parquet(table).to_pybytes()

    assert pq.read_table(pa.BufferReader(content)).schema.field("at").type == pa.timestamp("ms", tz="UTC")
    assert from_parquet(content).schema == table.schema
