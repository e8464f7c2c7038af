"""Run parameters on their way from Python to JSON and back."""

from dataclasses import dataclass
from datetime import datetime
from math import inf, isnan, nan
from pathlib import Path

import msgspec
import pytest

from latewood.engine.signature import live_parameter, parse_parameter


@dataclass
class Options:
    names: frozenset[str]
    limit: float = inf


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
        (Path, Path("in.csv"), "in.csv"),
        (datetime | None, None, None),
        (int, "3", 3),
        (str, "3", "3"),
    ],
)
def test_a_value_is_json_that_reads_back(annotation, value, expected):
    parsed = parse_parameter("p", annotation, value)

    assert parsed == expected
    assert msgspec.json.decode(msgspec.json.encode(parsed)) == parsed
    assert live_parameter(annotation, parsed) == (value if type(value) is not str else expected)


def test_no_number_is_none():
    assert parse_parameter("p", float, nan) == "nan"
    assert isnan(live_parameter(float, "nan"))
