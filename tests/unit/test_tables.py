import subprocess
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import pyarrow as pa
import pytest

from latewood.engine.values.arrow_types import columns_of, logical_type
from latewood.errors import DefinitionError
from latewood.model.tables import Column, Table, TableSchema, column_type, parse_columns


def test_a_declaration_names_columns_types_and_which_may_be_null():
    assert parse_columns("year: int32, carrier : string,dep_delay: double?") == (
        Column(name="year", type="int32"),
        Column(name="carrier", type="string"),
        Column(name="dep_delay", type="double", nullable=True),
    )


def test_a_written_column_is_read_again():
    columns = parse_columns('"a, b": map<string, list<int64>>?, "q\\"": struct<"x y": int8, z: bool>')

    assert [column.name for column in columns] == ["a, b", 'q"']
    assert parse_columns(", ".join(map(str, columns))) == columns


NORMAL = [
    ("large_string", "string"),
    ("float64", "double"),
    ("date32[day]", "date32"),
    ("timestamp[us,tz=America/New_York]", "timestamp[us, tz=America/New_York]"),
    ("timestamp[ns, tz=+05:30]", "timestamp[ns, tz=+05:30]"),
    ("decimal128(10,2)", "decimal128(10, 2)"),
    ("list<item: large_list<item: int8>>", "list<list<int8>>"),
    ("fixed_size_list<item: double>[3]", "fixed_size_list<double>[3]"),
    ("dictionary<values=string, indices=int32, ordered=0>", "string"),
    ("dictionary<int64>", "int64"),
    ("fixed_size_binary[16]", "fixed_size_binary[16]"),
]


@pytest.mark.parametrize(("text", "normal"), NORMAL)
def test_types_have_one_normal_form(text, normal):
    assert column_type(text) == normal
    assert column_type(normal) == normal


ARROW = [
    pa.int8(),
    pa.uint64(),
    pa.float16(),
    pa.float32(),
    pa.bool_(),
    pa.string_view(),
    pa.large_binary(),
    pa.date32(),
    pa.date64(),
    pa.time32("ms"),
    pa.duration("ns"),
    pa.timestamp("s", tz="UTC"),
    pa.decimal256(40, -2),
    pa.list_(pa.large_string()),
    pa.list_(pa.int64(), 2),
    pa.map_(pa.string(), pa.struct([("a b", pa.int8())])),
    pa.dictionary(pa.int8(), pa.string()),
    pa.run_end_encoded(pa.int16(), pa.float64()),
]


@pytest.mark.parametrize("dtype", ARROW, ids=str)
def test_a_type_of_a_table_can_be_declared(dtype):
    (column,) = columns_of(pa.schema([pa.field("x", dtype)]))

    assert parse_columns(str(column)) == (column,)
    assert column_type(logical_type(dtype)) == logical_type(dtype)


def test_a_class_declares_columns_by_its_fields():
    class Base(TableSchema):
        year: int

    class Flights(Base):
        carrier: str
        dep_delay: float | None
        day: date
        at: datetime
        took: timedelta
        seats: Annotated[int, "int16"] | None
        fare: Annotated[Decimal, "decimal128(10, 2)"]
        stops: list[str]

    assert ", ".join(map(str, Flights.columns or ())) == (
        "year: int64, carrier: string, dep_delay: double?, day: date32, at: timestamp[us], "
        "took: duration[us], seats: int16?, fare: decimal128(10, 2), stops: list<string>"
    )


WRONG = [
    ("year", 'at character 5: expected ":", found the end'),
    ("year: int", "at character 7: expected an Arrow type such as int32"),
    ("year: int", 'write int64, found "int"'),
    ("a: int8, a: int8", "column a is declared twice"),
    ("a: int8;", 'at character 8: expected a comma or the end, found ";"'),
    ("a: timestamp[day]", "expected a unit of timestamp, one of s, ms, us, ns"),
    ("a: list<int8", 'expected ">", found the end'),
    ("", "expected a column name, found the end"),
]


@pytest.mark.parametrize(("declaration", "problem"), WRONG)
def test_a_wrong_declaration_says_where_and_what_was_expected(declaration, problem):
    with pytest.raises(DefinitionError) as wrong:
        Table[declaration]

    assert f'table schema "{declaration}"' in str(wrong.value)
    assert problem in str(wrong.value)


def test_a_field_without_an_arrow_type_is_refused_with_the_way_out():
    with pytest.raises(DefinitionError, match=r"column fare: Decimal has no one Arrow type.*Annotated"):

        class Fares(TableSchema):
            fare: Decimal


def test_declaring_schemas_does_not_import_arrow():
    program = "import sys; from latewood.model.tables import Table; Table['a: int8']; print('pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
