"""Run parameters on their way from Python to JSON and back."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from math import inf, isnan, nan
from pathlib import Path
from typing import Literal, NotRequired
from uuid import UUID

import msgspec
import pytest
from typing_extensions import TypedDict

from latewood.engine.loading.signature import fixed_parameters, live_parameter, parse_parameter
from latewood.errors import DefinitionError

ROOT = Path("/project")


@dataclass
class Options:
    names: frozenset[str]
    limit: float = inf


class Colour(Enum):
    RED = "red"


class Partial(TypedDict):
    a: int
    b: NotRequired[Decimal]


@dataclass(frozen=True)
class Tag:
    name: str
    marks: frozenset[str] = frozenset()


TAGS = [{"name": "a", "marks": []}, {"name": "b", "marks": ["x", "y", "z"]}]


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (int, 3, 3),
        (float, 3, 3.0),
        (float, inf, "inf"),
        (list[float], [1.0, -inf], [1.0, "-inf"]),
        (set[str], {"b", "a", "c"}, ["a", "b", "c"]),
        (dict[str, set[int]], {"k": {3, 1, 2}}, {"k": [1, 2, 3]}),
        (tuple[set[str], int], ({"b", "a"}, 1), [["a", "b"], 1]),
        (Options, Options(names=frozenset("ba")), {"names": ["a", "b"], "limit": "inf"}),
        (list[str], ["b", "a"], ["b", "a"]),
        (Decimal | None, Decimal("1.10"), "1.10"),
        (UUID, UUID(int=3), "00000000-0000-0000-0000-000000000003"),
        (Colour, Colour.RED, "red"),
        (Colour | None, None, None),
        (dict[Colour, int], {Colour.RED: 1}, {"red": 1}),
        (Literal["a", 1], 1, 1),
        (int | str, "x", "x"),
        (Partial, {"a": 1}, {"a": 1}),
        (frozenset[Tag], frozenset({Tag("b", frozenset("zyx")), Tag("a")}), TAGS),
        (set[frozenset[int]], {frozenset({2, 1}), frozenset({3})}, [[3], [1, 2]]),
        (Path, Path("/in.csv"), "/in.csv"),
        (datetime | None, None, None),
        (int, "3", 3),
        (str, "3", "3"),
    ],
)
def test_a_value_is_json_that_reads_back(annotation, value, expected):
    parsed = parse_parameter("p", annotation, value)

    assert parsed == expected
    assert msgspec.json.decode(msgspec.json.encode(parsed)) == parsed
    assert live_parameter(annotation, parsed, ROOT) == (value if type(value) is not str else expected)


def test_no_number_is_none():
    assert parse_parameter("p", float, nan) == "nan"
    assert isnan(live_parameter(float, "nan", ROOT))


@dataclass
class Files:
    table: Path
    more: dict[str, tuple[Path, ...]]


@pytest.mark.parametrize(
    ("annotation", "value", "expected", "live"),
    [
        (Path, "in.csv", "up/in.csv", ROOT / "up/in.csv"),
        (Path, "/data/in.csv", "/data/in.csv", Path("/data/in.csv")),
        (Path | None, None, None, None),
        (set[Path], ["b", "a"], ["up/a", "up/b"], {ROOT / "up/a", ROOT / "up/b"}),
        (
            Files,
            {"table": "t", "more": {"name": ["x", "/y"]}},
            {"table": "up/t", "more": {"name": ["up/x", "/y"]}},
            Files(ROOT / "up/t", {"name": (ROOT / "up/x", Path("/y"))}),
        ),
        (str | Path, "plain text", "plain text", "plain text"),
    ],
)
def test_a_path_is_placed_where_it_is_given_and_comes_to_lie_below_the_root(annotation, value, expected, live):
    parsed = parse_parameter("p", annotation, value, lambda path: Path("up") / path)

    assert parsed == expected
    assert live_parameter(annotation, parsed, ROOT) == live


def test_values_fixed_with_an_asset_are_json_too():
    assert fixed_parameters({"file": Path, "n": int}, {"file": Path("in.csv"), "n": 3}) == {"file": "in.csv", "n": 3}
    with pytest.raises(DefinitionError, match='parameter "n": expected int'):
        fixed_parameters({"n": int}, {"n": "many"})
