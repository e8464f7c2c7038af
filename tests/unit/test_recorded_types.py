"""A value is read by its recorded type as by the annotation itself."""

import inspect
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest

from latewood.engine.loading.signature import parameter_of, parse_parameter
from latewood.engine.values.recorded_types import annotation_of
from latewood.errors import ValueRefused


class Colour(Enum):
    RED = "red"
    BLUE = 3


@dataclass
class Point:
    x: int
    y: float = 0.0


def recorded(annotation):
    return annotation_of(parameter_of("p", annotation, inspect.Parameter.empty))


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "6"),
        (float, "3"),
        (bool, "true"),
        (str, "6"),
        (date, "2013-01-31"),
        (Path, "a/b.csv"),
        (list[int], "[1,2]"),
        (tuple[int, ...], "[1,2]"),
        (tuple[int, str], '[1,"a"]'),
        (dict[str, float], '{"a":1}'),
        (set[int], "[3,1,2]"),
        (int | None, "null"),
        (int | None, "3"),
        (Literal["a", 3], "a"),
        (Literal["a", 3], "3"),
        (Colour, "red"),
        (Colour, "3"),
        (list[list[float]], "[[1],[2]]"),
        (Any, "a"),
    ],
)
def test_text_is_the_value_that_the_annotation_makes_of_it(annotation, text):
    found, expected = parse_parameter("p", recorded(annotation), text), parse_parameter("p", annotation, text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("annotation", "text"),
    [(int, "six"), (list[int], "3"), (Literal["a"], "b"), (Point, "3"), (Colour, "[1]"), (date, "soon")],
)
def test_what_is_no_value_is_refused(annotation, text):
    with pytest.raises(ValueRefused):
        parse_parameter("p", recorded(annotation), text)


def test_a_record_is_told_by_its_shape_alone():
    assert parse_parameter("p", recorded(Point), '{"x": 1}') == {"x": 1}
