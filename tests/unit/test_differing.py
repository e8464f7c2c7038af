"""Where two stored values part first."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.codecs import encode
from latewood.engine.values.differing import Difference, first_difference


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return ArtifactStore(tmp_path_factory.mktemp("store"), "default")


def parting(store, before, after, annotation=None):
    opened = []
    for value in (before, after):
        encoded = encode(value, annotation or type(value))
        with encoded.scratch:
            staged = store.stage(encoded.content, encoded.extension)
        opened.append(store.open(staged.address))
    return first_difference(*opened)


def table(**columns):
    return pa.table(columns)


def test_of_tables_it_is_the_first_row_then_the_first_column(store):
    before = table(a=[1, 2, 3, 4], b=["x", "y", "z", None])
    after = table(a=[1, 2, 9, 4], b=["x", "y", "w", "n"])
    assert parting(store, before, after) == Difference(place="row 2, column a", before="3", after="9", same_shape=True)
    assert parting(store, before, before.set_column(1, "b", pa.array(["x", None, "w", "n"]))).place == "row 1, column b"


def test_rows_that_are_more_or_fewer_are_counted_and_the_first_other_one_named(store):
    found = parting(store, table(a=[1, 2, 3]), table(a=[1, 5]))
    assert (found.place, found.before, found.after) == ("number of rows; first at row 1, column a", "3", "2")
    assert not found.same_shape
    assert parting(store, table(a=[1, 2, 3]), table(a=[1, 2])).place == "number of rows"


def test_other_columns_and_types_are_named(store):
    assert parting(store, table(a=[1]), table(b=[1])).place == "columns"
    found = parting(store, table(a=[1]), table(a=[1.0]))
    assert (found.place, found.before, found.after) == ("type of column a", "int64", "double")


def test_what_has_one_data_version_does_not_differ(store):
    assert parting(store, table(a=[0.0, math.nan]), table(a=[-0.0, -math.nan])).place == "nothing"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40), st.data())
def test_the_cell_it_names_is_the_first_of_all_that_differ(store, rows, data):
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, 1))
    changed = [list(cells) for cells in rows]
    changed[row][column] = 7
    for later in range(row + 1, len(rows)):
        changed[later] = [data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9))]
    before, after = (table(a=[r[0] for r in t], b=[r[1] for r in t]) for t in (rows, changed))
    assert parting(store, before, after).place == f"row {row}, column {'ab'[column]}"


def test_frames_are_tables(store):
    before, after = pd.DataFrame({"a": [1, 2]}, index=["x", "y"]), pd.DataFrame({"a": [1, 2]}, index=["x", "z"])
    found = parting(store, before, after)
    assert (found.before, found.after, found.same_shape) == ("y", "z", True)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ("$.a[1].b", "2", "3")),
        ({"a": 1}, {"a": 1, "b": 2}, ("$.b", "nothing", "2")),
        ({"a": 1, "b": 2}, {"b": 2}, ("$.a", "1", "nothing")),
        ({"a": [1, 2]}, {"a": [1]}, ("length of $.a", "2", "1")),
        ({"a": None}, {"a": False}, ("$.a", "null", "false")),
    ],
)
def test_of_documents_it_is_a_path(store, before, after, expected):
    found = parting(store, before, after, dict)
    assert (found.place, found.before, found.after) == expected


def test_a_number_and_an_equal_one_of_another_type_differ(store):
    assert parting(store, 1, 1.0).place == "$"
    assert parting(store, True, 1).place == "$"


def test_long_values_are_cut(store):
    assert len(parting(store, "a" * 1_000, "b" * 1_000).before) == 60


def test_of_bytes_and_arrays_it_is_an_offset(store):
    assert parting(store, b"abc", b"abd") == Difference(
        place="byte 2", before="0x63 of 3 bytes", after="0x64 of 3 bytes"
    )
    assert parting(store, b"ab", b"abc") == Difference(
        place="byte 2", before="the end of 2 bytes", after="0x63 of 3 bytes"
    )
    assert parting(store, np.arange(3), np.arange(1, 4)).place.startswith("byte ")
    far = bytes(3 << 20)
    assert parting(store, far + b"a", far + b"b").place == f"byte {3 << 20:,}"


def test_of_folders_it_is_a_file(store, tmp_path):
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").write_text("same")
    (folders[1] / "deep" / "file").write_text("sane")
    assert parting(store, *folders, type(tmp_path)).place == "file deep/file, byte 2"
    (folders[1] / "above").touch()
    found = parting(store, *folders, type(tmp_path))
    assert (found.place, found.before, found.after) == ("file above", "absent", "there")


def test_values_of_two_kinds_differ_by_that(store):
    assert parting(store, 1, b"1").place == "kind of value"
