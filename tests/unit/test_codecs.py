import math
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pydantic import AnyUrl, BaseModel
from typing_extensions import TypedDict

from latewood.decide.canonical import canonical
from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.codecs import decode, encode
from latewood.engine.values.edge import check_value
from latewood.errors import ValueRefused
from latewood.model.tables import Table
from latewood.model.types import Pickled


class Colour(Enum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Name(StrEnum):
    A = "a"


@dataclass
class Point:
    x: float
    raw: bytes = b"\xff"
    tags: frozenset[str] = frozenset()


@dataclass
class Nested:
    points: dict[int, Point]
    at: datetime | None = None
    items: list[Decimal] = field(default_factory=list)


class Score(TypedDict):
    auc: float


class Model(BaseModel):
    depth: int
    when: date | None = None


class Scored(BaseModel):
    auc: float | None


class Page(BaseModel):
    url: AnyUrl


class Opaque:
    def __init__(self, value):
        self.value = value


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "store", "test")


def there_and_back(store, value, annotation):
    encoded = encode(check_value(value, annotation, subject="output"), annotation)
    with encoded.scratch:
        staged = store.stage(encoded.content, encoded.extension)
    return encoded, decode(store.open(staged.address, size=staged.size), annotation)


JSON = [
    (None, None, b"null"),
    (True, bool, b"true"),
    (2**70, int, b"1180591620717411303424"),
    (1, float, b"1.0"),
    (math.nan, float, b"NaN"),
    ("é\n", str, '"é\\n"'.encode()),
    ("\ud800", str, b'"\\ud800"'),
    ([1, None], list[int | None], b"[1,null]"),
    ({"a": [1, 2.5]}, dict[str, list[float]], b'{"a":[1.0,2.5]}'),
    ({1: (2, "x")}, dict[int, tuple[int, str]], b'{"1":[2,"x"]}'),
    ({3}, set[int], b"[3]"),
    (datetime(2013, 1, 1, tzinfo=UTC), datetime, b'"2013-01-01T00:00:00Z"'),
    (Decimal("1.10"), Decimal, b'"1.10"'),
    (Colour.RED, Colour, b'"red"'),
    ("a", Literal["a", "b"], b'"a"'),
    ([b"\xff"], list[bytes], b'["_w=="]'),
    ({"auc": 0.5}, Score, b'{"auc":0.5}'),
    (Model(depth=3), Model | None, b'{"depth":3,"when":null}'),
    (Point(math.inf), Point, b'{"x":Infinity,"raw":"_w==","tags":[]}'),
    (Nested({1: Point(math.nan)}, items=[Decimal(1)]), Nested, None),
    (Page(url="http://latewood.dev/"), Page, b'{"url":"http://latewood.dev/"}'),
    ({"a": [1, "b"]}, Any, b'{"a":[1,"b"]}'),
    (None, pa.Table | None, b"null"),
    (5, int | pa.Table, b"5"),
]


@pytest.mark.parametrize(("value", "annotation", "content"), JSON, ids=[str(a) for _, a, _ in JSON])
def test_values_become_json_and_come_back(store, value, annotation, content):
    encoded, again = there_and_back(store, value, annotation)

    assert encoded.extension == "json"
    assert encoded.version.startswith("json1:")
    assert content is None or encoded.content == content
    assert encoded.version == encode(again, annotation).version
    if not isinstance(value, Page):  # pydantic's URLs have no encoding of ours
        assert type(again) is type(check_value(value, annotation, subject=""))
        assert canonical(again) == canonical(check_value(value, annotation, subject=""))


def test_equal_sets_have_one_version_whatever_their_order():
    words = [f"word{index}" for index in range(50)]

    assert encode(set(words), set[str]).version == encode({*words[25:], *words[:25]}, set[str]).version


def test_a_set_is_one_document_in_every_process():
    program = (
        "from latewood.engine.values.codecs import encode;"
        "words = {f'word{i}' for i in range(20)};"
        "print(encode(words, set[str]).content);"
        "print(encode({'a': [frozenset(words)]}, dict[str, list[frozenset[str]]]).content)"
    )
    shown = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }

    assert len(shown) == 1


def test_bytes_are_kept_as_they_are(store):
    encoded, again = there_and_back(store, b"\x00\xff", bytes)

    assert (encoded.extension, encoded.content, again) == ("bin", b"\x00\xff", b"\x00\xff")
    assert encoded.metadata == {"bytes": 2}


def test_a_table_is_parquet_and_tells_its_rows_and_schema(store):
    table = pa.table({"at": pa.array([1, None], pa.timestamp("s")), "name": ["x", "y"]})
    encoded, again = there_and_back(store, table, pa.Table)

    assert encoded.extension == "parquet"
    assert encoded.metadata == {"rows": 2, "columns": 2}
    assert [str(column) for column in encoded.schema] == ["at: timestamp[s]?", "name: string?"]
    assert again.equals(table)
    assert encode(again, pa.Table).version == encoded.version


FRAMES = [
    pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    pd.DataFrame({"a": [1.5]}, index=pd.Index(["p"], name="k")),
    pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, "x"), (2, "y")])),
    pd.DataFrame({"a": pd.Categorical(["x", "y"]), "t": pd.to_datetime(["2013-01-01", None])}),
    pd.DataFrame({0: [1], 1: [2]}),
    pd.DataFrame(),
]


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_a_frame_comes_back_with_index_and_dtypes(store, frame):
    encoded, again = there_and_back(store, frame, pd.DataFrame)

    assert encoded.extension == "pandas.parquet"
    assert encoded.metadata == {"rows": len(frame), "columns": len(frame.columns)}
    pd.testing.assert_frame_equal(again, frame)
    assert encode(again, pd.DataFrame).version == encoded.version


def test_the_index_and_the_dtypes_of_a_frame_count():
    frame = pd.DataFrame({"a": [1, 2]})
    others = [frame.set_index(pd.Index([1, 2])), frame.astype("Int64"), frame.rename_axis("k")]

    versions = {encode(other, pd.DataFrame).version for other in (frame, *others)}

    assert len(versions) == len(others) + 1


ARRAYS = [
    np.arange(6).reshape(2, 3),
    np.array(1.5),
    np.array([1 + 2j, np.nan]),
    np.array(["a", "bb"]),
    np.zeros((0, 3), np.float32),
    np.array(["2013-01-01"], "datetime64[D]"),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
def test_an_array_comes_back(store, array):
    encoded, again = there_and_back(store, array, np.ndarray)

    assert encoded.extension == "npy"
    assert encoded.metadata == {"shape": list(array.shape), "dtype": str(array.dtype)}
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype
    assert encode(again, np.ndarray).version == encoded.version


def test_strides_byte_order_zeros_and_nans_of_arrays_do_not_count_but_shape_and_dtype_do():
    def version(array):
        return encode(array, np.ndarray).version

    array = np.array([[0.0, 1.0], [2.0, np.nan]])
    layouts = [
        np.asfortranarray(array),
        array.astype(">f8"),
        np.where(array == 0, -0.0, array),
        np.repeat(array, 2, 0)[::2],
    ]
    others = [array.ravel(), array.T, array.astype(np.float32), array[:1]]

    assert {version(layout) for layout in layouts} == {version(array)}
    assert len({version(other) for other in (array, *others)}) == len(others) + 1


def test_a_file_keeps_its_suffix_and_a_directory_its_files(store, tmp_path):
    folder = tmp_path / "report"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text("x,y\n")
    (folder / "deep" / "b.txt").write_text("b")

    one, file = there_and_back(store, folder / "a.csv", Path)
    all_of_it, directory = there_and_back(store, folder, Path)

    assert (one.extension, file.suffix, file.read_text()) == ("file.csv", ".csv", "x,y\n")
    assert all_of_it.extension == "dir"
    assert (directory / "deep" / "b.txt").read_text() == "b"
    assert one.version.startswith("file1:")
    assert all_of_it.version.startswith("dir1:")
    assert encode(directory, Path).version == all_of_it.version
    (folder / "deep" / "b.txt").rename(folder / "deep" / "c.txt")
    assert encode(folder, Path).version != all_of_it.version


def test_pickle_only_where_the_annotation_asks(store):
    encoded, again = there_and_back(store, Opaque(3), Pickled[Opaque] | None)

    assert encoded.extension == "pickle"
    assert again.value == 3
    assert there_and_back(store, None, Pickled[Opaque] | None)[0].extension == "json"


RECORDED = [
    (None, int | None, "json", "json1:1b16b1df538ba12d"),
    (1.5, float, "json", "json1:3e230c337144fa90"),
    ("é", str, "json", "json1:0566c2f70ee0c7b7"),
    ({"b", "a"}, set[str], "json", "json1:48ef07dfaff7e8d1"),
    ({"k": [Decimal("1.10")]}, dict[str, list[Decimal]], "json", "json1:e7f02e4584669841"),
    ((UUID(int=1), date(2013, 1, 1)), tuple[UUID, date], "json", "json1:8b95201fe6e3bfc7"),
    (b"x", bytes, "bin", "json1:a90cc454c22a8e83"),
    (pa.table({"a": [1, None], "b": ["x", "y"]}), pa.Table, "parquet", "arrow1:4ef249a9b99ee5a"),
    (pd.DataFrame({"a": [1.5]}), pd.DataFrame, "pandas.parquet", "pandas1:62001b7e5ab0e2"),
    (np.arange(4).reshape(2, 2), np.ndarray, "npy", "numpy1:cc95ebc25702ca1"),
    (1j, Pickled[complex], "pickle", "pickle1:5b1b060515e40c"),
]


@pytest.mark.parametrize(
    ("value", "annotation", "extension", "version"), RECORDED, ids=[e + v[:9] for _, _, e, v in RECORDED]
)
def test_data_versions_are_those_of_logs_that_were_written(value, annotation, extension, version):
    encoded = encode(value, annotation)

    assert encoded.extension == extension
    assert encoded.version.startswith(version)


ACCEPTED = [
    (1, float, 1.0),
    (np.float64(1.5), float, 1.5),
    (Number.ONE, int, 1),
    (Name.A, str, "a"),
    ([1, 2.5], list[float], [1.0, 2.5]),
    (1, float | int, 1),
    ({"x": Name.A}, dict[str, str], {"x": "a"}),
]


@pytest.mark.parametrize(("value", "annotation", "plain"), ACCEPTED)
def test_numbers_and_subclasses_become_plain(value, annotation, plain):
    checked = check_value(value, annotation, subject="")

    assert checked == plain
    assert type(checked) is type(plain)


REFUSED = [
    ("5", int, "out: expected int, found str '5'"),
    (True, int, "out: expected int, found bool True"),
    (1.0, int, "out: expected int, found float 1.0"),
    (None, int, "out: expected int, found None"),
    ("x" * 99, int, f"out: expected int, found str '{'x' * 59}…"),
    ([1, "a"], list[int], "out: expected list[int], found list at [1]: expected int, found str 'a'"),
    ((1,), list[int], "out: expected list[int], found tuple"),
    ({"a": {"b": None}}, dict[str, dict[str, int]], "found dict at ['a']['b']: expected int, found None"),
    (None, Point, "out: expected Point, found None"),
    ({"x": 1.0}, Point, "out: expected Point, found dict: Input should be an instance of Point"),
    ({"auc": "high"}, Score, "out: expected Score, found dict at auc: Input should be a valid number"),
    ("c", Literal["a", "b"], "out: expected Literal['a', 'b'], found str 'c'"),
    ("red", Colour, "out: expected Colour, found str 'red'"),
    ("2013-01-01", date, "out: expected date, found str '2013-01-01'"),
    (pd.DataFrame(), pa.Table, "out: expected Table, found DataFrame"),
    (3, pa.Table | None, "out: expected Table | None, found int 3"),
    ("a.csv", Path, "out: expected Path, found str 'a.csv'"),
    (pa.table({"a": ["x"]}), Table["a: int64"], "found Table: column a: expected int64, found string"),
    (pa.table({"a": [1, None]}), Table["a: int64"], "found Table: column a: expected no nulls, found 1"),
    (pa.table({"b": [1]}), Table["a: int64"] | None, "column a: expected int64, found no such column"),
    (
        np.arange(3),
        NDArray[np.float64],
        "expected NDArray[float64], found ndarray: expected dtype float64, found int64",
    ),
    (3, Pickled[Opaque], "out: expected Pickled[Opaque], found int 3"),
]


@pytest.mark.parametrize(("value", "annotation", "message"), REFUSED)
def test_a_wrong_value_is_refused_with_place_expectation_and_finding(value, annotation, message):
    with pytest.raises(ValueRefused) as refused:
        check_value(value, annotation, subject="out")

    assert message in str(refused.value)


UNSAFE = [
    (Scored(auc=math.nan), Scored, "does not come back from JSON"),
    (Point("high"), Point, "x: Input should be a valid number"),
    (datetime(2013, 1, 1, tzinfo=UTC), Any, "does not come back from JSON"),
    (Decimal("Infinity"), Decimal, "Input should be a finite number"),
    ("1.5", Decimal | str, "does not come back from JSON"),
    ({1}, list[int] | set[int], "does not come back from JSON"),
    (object(), Any, "cannot be stored as JSON"),
    (np.array([object()]), np.ndarray, "holds Python objects"),
    (pd.DataFrame({"a": [1, "x"]}), pd.DataFrame, "Give each column values of one type"),
    (Path("/nowhere/at/all"), Path, "No such file"),
]


@pytest.mark.parametrize(("value", "annotation", "problem"), UNSAFE)
def test_what_would_come_back_as_something_else_is_refused(value, annotation, problem):
    with pytest.raises(ValueRefused, match=problem):
        encode(check_value(value, annotation, subject=""), annotation)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": object()}, r'JSON: \["a"\]: Unable to serialize'),
        ({"a": [1, {"b": object()}]}, r'JSON: \["a"\]\[1\]\["b"\]: Unable'),
        ([0, datetime(2013, 1, 1, tzinfo=UTC)], r"JSON: \[1\]: it does not come back"),
    ],
)
def test_what_json_cannot_hold_is_named_by_its_place_without_advice_about_models_where_there_is_none(value, where):
    with pytest.raises(ValueRefused, match=where) as refused:
        encode(check_value(value, Any, subject=""), Any)
    assert "pydantic" not in str(refused.value).partition("Annotate")[2]
    with pytest.raises(ValueRefused, match="in a pydantic model set"):
        encode(Scored(auc=math.nan), Scored)


def test_plain_values_cost_no_import_of_arrow_or_pydantic():
    program = (
        "import sys; from latewood.engine.values.codecs import encode;"
        "from latewood.engine.values.edge import check_value;"
        "encode(check_value([1], list[int], subject=''), list[int]);"
        "print({'pyarrow', 'pydantic', 'pandas', 'numpy'} & set(sys.modules))"
    )

    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"
    )
