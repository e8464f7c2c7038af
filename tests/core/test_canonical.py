import math
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from itertools import combinations
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import BaseModel

from latewood.decide.canonical import NotCanonical, canonical, digest


class Colour(Enum):
    RED = 1


class Number(IntEnum):
    ONE = 1


class Mode(Flag):
    R = 1
    W = 2


@dataclass
class Point:
    x: int
    note: str = field(default="", compare=False)


@dataclass
class Other:
    x: int
    note: str = ""


class Model(BaseModel):
    x: int


class Opened(BaseModel, extra="allow"):
    x: int


NEW_YORK = ZoneInfo("America/New_York")

EQUAL = [
    ([1, 2], (1, 2)),
    ({1, 2}, frozenset({2, 1})),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({"a": 1}, OrderedDict(a=1)),
    (0.0, -0.0),
    (math.nan, float("-nan")),
    (1.5, np.float64(1.5)),
    (Decimal("1.0"), Decimal("1.00")),
    (Decimal("1e2"), Decimal(100)),
    (Decimal(0), Decimal("-0.000")),
    (datetime(2013, 7, 1, 12, tzinfo=UTC), datetime(2013, 7, 1, 8, tzinfo=NEW_YORK)),
    (time(12, tzinfo=UTC), time(13, tzinfo=timezone(timedelta(hours=1)))),
    (timedelta(hours=24), timedelta(days=1)),
    (Path("a/b"), Path("a//b")),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_content_has_one_encoding(one, other):
    assert canonical(one) == canonical(other)


DIFFERENT = [
    None,
    False,
    True,
    0,
    1,
    -1,
    255,
    256,
    2**64,
    1.0,
    5e-324,
    math.nan,
    math.inf,
    "",
    "1",
    "é",
    "e\u0301",
    "\ud800",
    b"1",
    Path("1"),
    Decimal(1),
    Decimal("NaN"),
    Decimal("-Infinity"),
    Decimal("1.0000000000000000000000000000000000001"),
    date(2013, 1, 1),
    datetime(2013, 1, 1),  # noqa: DTZ001
    datetime(2013, 1, 1, tzinfo=UTC),
    datetime(2013, 1, 1, tzinfo=NEW_YORK),
    datetime(2013, 11, 3, 1, 30, tzinfo=NEW_YORK),
    datetime(2013, 11, 3, 1, 30, tzinfo=NEW_YORK, fold=1),
    time(1),
    time(1, tzinfo=UTC),
    timedelta(microseconds=1),
    UUID(int=1),
    Colour.RED,
    Number.ONE,
    Mode.R,
    Mode.R | Mode.W,
    [],
    [[]],
    [[], []],
    [1, 2],
    [2, 1],
    [12],
    ["1", "2"],
    set(),
    {1},
    {},
    {"a": 1},
    {"a": {"b": 1}},
    {1: "a"},
    [("a", 1)],
    Point(1),
    Point(1, note="x"),
    Other(1),
    Model(x=1),
    Opened(x=1),
    Opened(x=1, y=2),
]


def test_values_that_differ_in_type_or_content_differ():
    for one, other in combinations(DIFFERENT, 2):
        assert canonical(one) != canonical(other), (one, other)


def test_the_ends_of_the_calendar_have_encodings():
    east = timezone(timedelta(hours=14))

    assert canonical(datetime.min.replace(tzinfo=east)) != canonical(datetime.max.replace(tzinfo=UTC))


def test_the_encoding_never_changes():
    # data versions of past runs are compared with those of today
    assert canonical({"b": [1, -1.5, None], "a": "é"}) == (
        b"m2:s1:as2:\xc3\xa9s1:bl3:i1:\x01d\xbf\xf8\x00\x00\x00\x00\x00\x00n"
    )
    assert digest(5) == "4ec75deb23fed20e7464a64a8837479f9f0688ae2ccb53aa656adc650591bfdc"


def test_what_has_no_encoding_is_refused_by_type():
    with pytest.raises(NotCanonical, match=r"type builtins\.object has no canonical encoding"):
        canonical([object()])


def test_a_value_that_contains_itself_is_refused():
    loop: list[object] = []
    loop.append(loop)

    with pytest.raises(NotCanonical, match="contains itself"):
        canonical(loop)
