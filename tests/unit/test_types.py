from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypeVar
from uuid import UUID

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType, TypedDict

from latewood.engine.values.annotations import type_spec
from latewood.errors import DefinitionError
from latewood.model.tables import Table, TableSchema
from latewood.model.types import Pickled, TypeSpec, display, fits


class Colour(Enum):
    RED = 1
    BLUE = 2


class Size(StrEnum):
    SMALL = "s"


class Flights(TableSchema):
    year: int
    dep_delay: float | None


@dataclass
class Point:
    x: float
    y: float = 0.0


@dataclass
class Point3(Point):
    z: float = 0.0


@dataclass
class Tree:
    left: "Tree | None"
    value: int


class Score(TypedDict):
    auc: float


class Extended(Score):
    loss: float


class Partial(TypedDict, total=False):
    auc: float


class Model(BaseModel):
    depth: Annotated[int, Field(gt=0)]
    trees: list[Tree] = []


class Pair(NamedTuple):
    left: int
    right: str


class Opaque:
    pass


UserId = NewType("UserId", int)
K, V = TypeVar("K"), TypeVar("V")
ByKey = TypeAliasType("ByKey", dict[K, list[V]], type_params=(V, K))

WRITTEN = [
    (None, "None"),
    (int | None, "int | None"),
    (list[int], "list[int]"),
    (list, "list"),
    (dict[str, list[float]], "dict[str, list[float]]"),
    (Mapping[str, int], "dict[str, int]"),
    (Sequence[int], "Sequence[int]"),
    (tuple[int, str], "tuple[int, str]"),
    (tuple[int, ...], "tuple[int, ...]"),
    (tuple[()], "tuple[()]"),
    (Pair, "tuple[int, str]"),
    (Literal["a", 1], "Literal['a', 1]"),
    (Colour, "Colour"),
    (Point, "Point"),
    (Score, "Score"),
    (Model, "Model"),
    (UserId, "int"),
    (TypeAliasType("Ids", list[UserId]), "list[int]"),
    (ByKey[int, str], "dict[str, list[int]]"),
    (Annotated[int, Field(gt=0)], "int"),
    (Any, "Any"),
    (Path, "Path"),
    (np.ndarray, "ndarray"),
    (NDArray, "ndarray"),
    (NDArray[np.float64], "NDArray[float64]"),
    (pd.DataFrame, "DataFrame"),
    (pl.DataFrame, "polars.DataFrame"),
    (set[Decimal], "set[Decimal]"),
    (frozenset[UUID | None], "frozenset[UUID | None]"),
    (pa.Table, "Table"),
    (Table, "Table"),
    (Flights, 'Table["year: int64, dep_delay: double?"]'),
    (Table["year: int32"] | None, 'Table["year: int32"] | None'),
    (Annotated[pa.Table, Table["year: int32"]], 'Table["year: int32"]'),
    (Pickled[Opaque], "Pickled[Opaque]"),
]


@pytest.mark.parametrize(("annotation", "written"), WRITTEN, ids=[written for _, written in WRITTEN])
def test_an_annotation_is_described_as_written_and_survives_the_log(annotation, written):
    spec = type_spec(annotation)

    assert display(spec) == written
    assert fits(spec, spec) is None
    assert msgspec.json.decode(msgspec.json.encode(spec), type=TypeSpec) == spec


def test_a_simple_type_is_small_in_the_log():
    assert msgspec.json.encode(type_spec(int)) == b'{"kind":"int"}'


FITTING = [
    (int, float),
    (int, Any),
    (Any, int),
    (int, int | None),
    (bool | int, int | bool),
    (list[int], list[float]),
    (list[int], list),
    (list, list[int]),
    (list[int], Sequence[float]),
    (tuple[int, int], tuple[float, ...]),
    (Literal["a"], Literal["a", "b"]),
    (Literal["a"], str),
    (Size, str),
    (Point3, Point),
    (Score, dict[str, float]),
    (Tree, Tree),
    (Flights, pa.Table),
    (pa.Table, Flights),
    (Table["dep_delay: double, year: int64, extra: string"], Flights),
    (Table["name: large_string, codes: dictionary<string>"], Table["codes: string, name: string"]),
    (NDArray[np.float64], np.ndarray),
    (pa.Table | None, Flights | None),
    (Literal["a", 1], int | str),
    (Literal["a", None], Literal["a", "b"] | None),  # noqa: PYI061 - as a user may write it
    (Literal["a", 1, True], Literal["a"] | Literal[1] | bool),  # noqa: PYI030 - the same
    (Literal[True], bool),
    (Decimal | None, None | Decimal | str),
    (set[int], set[float]),
    (frozenset[Decimal], frozenset[Decimal | None]),
    (dict[Colour, UUID], dict[Colour, UUID | None]),
    (list[int | None], list[float | None]),
    (Extended, Score),
    (Score, Partial),
    (pl.DataFrame, pl.DataFrame | None),
    (Pickled[Point3], Pickled[Point]),
    (Pickled[list[Opaque]], Pickled[Opaque]),
]


@pytest.mark.parametrize(("produced", "expected"), FITTING)
def test_what_can_be_given_fits(produced, expected):
    assert fits(type_spec(produced), type_spec(expected)) is None


UNFITTING = [
    (str, int, "expected int, found str"),
    (bool, int, "expected int, found bool"),
    (float, int, "expected int, found float"),
    (int | None, int, "expected int, found None"),
    (str, int | None, "expected int | None, found str"),
    (list[str], list[int], "item: expected int, found str"),
    (dict[str, str], dict[str, int], "value: expected int, found str"),
    (dict[int, str], dict[str, str], "key: expected str, found int"),
    (tuple[int, str], tuple[int, int], "item 1: expected int, found str"),
    (tuple[int], tuple[int, int], "expected tuple[int, int], found tuple[int]"),
    (set[int], list[int], "expected list[int], found set[int]"),
    (str, Literal["a"], "expected Literal['a'], found str"),
    (Literal["a", "c"], Literal["a", "b"], "expected Literal['a', 'b'], found Literal['a', 'c']"),
    (Colour, int, "expected int, found Colour"),
    (Colour, Size, "expected Size, found Colour"),
    (Score, dict[str, str], "field auc: expected str, found float"),
    (list[Tree], list[Point], "item: field x: expected float, found no such field"),
    (pa.Table, pd.DataFrame, "expected DataFrame, found Table"),
    (NDArray[np.int64], NDArray[np.float64], "expected NDArray[float64], found NDArray[int64]"),
    (
        Table["dep_delay: string"],
        Table["dep_delay: double"],
        "column dep_delay: expected double, found string",
    ),
    (Table["a: int32?"], Table["a: int32"], "column a: expected no nulls, found int32? (nullable)"),
    (Table["a: int32"], Flights, "column year: expected int64, found no such column"),
    (Table["a: int32"] | None, Table["a: int64"] | None, "column a: expected int64, found int32"),
    (Literal["a", 1], Literal["a"] | bytes, "expected Literal['a'], found Literal[1]"),
    (Literal["a", 1], str | bytes, "expected str | bytes, found Literal[1]"),
    (Literal["a", 1], str, "expected str, found Literal['a', 1]"),
    (Decimal, float, "expected float, found Decimal"),
    (float, Decimal, "expected Decimal, found float"),
    (UUID, str, "expected str, found UUID"),
    (set[int], frozenset[int], "expected frozenset[int], found set[int]"),
    (set[str], set[int], "item: expected int, found str"),
    (int | str | None, int | None, "expected int | None, found str"),
    (list[int | None], list[int], "item: expected int, found None"),
    (Partial, Score, "field auc: expected it always, found NotRequired"),
    (Score, Extended, "field loss: expected float, found no such field"),
    (pd.DataFrame, pl.DataFrame, "expected polars.DataFrame, found DataFrame"),
    (pl.DataFrame, pa.Table, "expected Table, found polars.DataFrame"),
    (Pickled[Point], Pickled[Point3], "expected Pickled[Point3], found Pickled[Point]"),
]


@pytest.mark.parametrize(("produced", "expected", "reason"), UNFITTING)
def test_what_cannot_fit_names_the_offending_part(produced, expected, reason):
    assert fits(type_spec(produced), type_spec(expected)) == reason


REFUSED = [
    (Opaque, "type Opaque: its values have no form", "Pickled[Opaque]"),
    (list[Opaque], "type Opaque (in list[", "Pickled[Opaque]"),
    (list[pa.Table], "a Table cannot be stored inside another value", "an output of its own"),
    ("Flights", 'type "Flights": the name could not be resolved', "import it"),
    (3, "type 3: it is no type", ""),
    (Literal[Colour.RED], "members of an Enum do not come back from JSON", "use the Enum itself"),
    (dict[frozenset[int], str], "JSON has no frozenset[int] as keys", "use a list of pairs"),
    (list[pl.DataFrame], "a polars.DataFrame cannot be stored inside another value", "an output of its own"),
]


@pytest.mark.parametrize(("annotation", "problem", "way_out"), REFUSED)
def test_a_type_that_cannot_be_stored_is_refused_with_the_way_out(annotation, problem, way_out):
    with pytest.raises(DefinitionError) as refused:
        type_spec(annotation)

    assert problem in str(refused.value)
    assert way_out in str(refused.value)
