"""Values of every built-in type come back as they were; equal ones have one data version, and only they."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from math import nan
from typing import Any, Literal, NotRequired
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import TypedDict

from latewood.decide.canonical import canonical
from latewood.engine.values.codecs import decode, encode
from latewood.engine.values.edge import check_value


class Colour(Enum):
    RED = "red"
    BLUE = "blue"
    GREEN = 3


class Size(StrEnum):
    SMALL = "s"
    LARGE = "l"


class Row(TypedDict):
    id: UUID
    price: Decimal
    note: NotRequired[str | None]


@dataclass(frozen=True)
class Tag:
    name: str
    marks: frozenset[Decimal] = frozenset()


class InMemory:
    """An artifact that lies nowhere."""

    def __init__(self, encoded):
        self.extension, self.content = encoded.extension, bytes(encoded.content)

    def read(self):
        return self.content


TEXTS = st.text(max_size=6)
SURROGATES = st.text(st.characters(categories=["Cs", "L"]), max_size=4)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
AWARE = st.datetimes(timezones=st.just(UTC))
TAGS = st.builds(Tag, TEXTS, st.frozensets(DECIMALS, max_size=3))
ROWS = st.fixed_dictionaries(
    {"id": st.uuids(), "price": DECIMALS},
    optional={"note": st.none() | TEXTS},
)
STRATEGIES: dict[Any, st.SearchStrategy[Any]] = {
    None: st.none(),
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(),
    str: TEXTS | SURROGATES,
    bytes: st.binary(max_size=8),
    datetime: AWARE | st.datetimes(),
    date: st.dates(),
    time: st.times(),
    timedelta: st.timedeltas(),
    Decimal: DECIMALS | st.just(Decimal("1.10")),
    UUID: st.uuids(),
    Colour: st.sampled_from(Colour),
    Literal["a", 1, None]: st.sampled_from(["a", 1, None]),  # noqa: PYI061 - one type for all three
    int | str | None: st.integers() | TEXTS | st.none(),
    float | None: st.floats() | st.none(),
    UUID | Colour | None: st.uuids() | st.sampled_from(Colour) | st.none(),
    list[int | None]: st.lists(st.integers() | st.none(), max_size=4),
    list[list[Decimal] | None]: st.lists(st.lists(DECIMALS, max_size=2) | st.none(), max_size=3),
    tuple[int, str, Colour]: st.tuples(st.integers(), TEXTS, st.sampled_from(Colour)),
    tuple[float, ...]: st.lists(st.floats(), max_size=3).map(tuple),
    set[str]: st.sets(TEXTS, max_size=5),
    frozenset[UUID | None]: st.frozensets(st.uuids() | st.none(), max_size=4),
    set[frozenset[int]]: st.sets(st.frozensets(st.integers(0, 9), max_size=3), max_size=3),
    set[Decimal]: st.sets(DECIMALS, max_size=3),
    dict[str, set[int]]: st.dictionaries(TEXTS, st.sets(st.integers(), max_size=3), max_size=3),
    dict[Size, Decimal]: st.dictionaries(st.sampled_from(Size), DECIMALS),
    dict[date, float]: st.dictionaries(st.dates(), st.floats(), max_size=3),
    Mapping[int, bytes]: st.dictionaries(st.integers(), st.binary(max_size=3), max_size=3),
    Row: ROWS,
    list[Row]: st.lists(ROWS, max_size=2),
    Tag: TAGS,
    frozenset[Tag]: st.frozensets(TAGS, max_size=3),
    Any: st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=5,
    ),
}


@pytest.mark.parametrize("annotation", STRATEGIES, ids=str)
def test_a_value_comes_back_as_it_was_with_the_version_it_had(annotation):
    @given(STRATEGIES[annotation])
    @settings(max_examples=15, deadline=None)
    def comes_back(value):
        encoded = encode(check_value(value, annotation, subject="out"), annotation)
        again = decode(InMemory(encoded), annotation)

        assert type(again) is type(value)
        assert canonical(again) == canonical(value)
        assert encode(again, annotation).version == encoded.version

    comes_back()


@pytest.mark.parametrize("annotation", STRATEGIES, ids=str)
def test_versions_are_equal_exactly_for_equal_values(annotation):
    @given(STRATEGIES[annotation], STRATEGIES[annotation])
    @settings(max_examples=15, deadline=None)
    def equal_iff(one, other):
        versions = encode(one, annotation).version == encode(other, annotation).version

        assert versions == (canonical(one) == canonical(other))
        assert versions or one != other or type(one) is not type(other) or annotation is Any

    equal_iff()


@given(st.lists(st.tuples(TEXTS, DECIMALS), unique_by=lambda pair: pair[0], max_size=6), st.randoms())
@settings(max_examples=60, deadline=None)
def test_neither_the_order_of_sets_nor_that_of_dicts_counts(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    for annotation, make in (
        (set[str], lambda p: {name for name, _ in p}),
        (frozenset[Decimal], lambda p: frozenset(number for _, number in p)),
        (dict[str, Decimal], dict),
        (frozenset[Tag], lambda p: frozenset(Tag(name, frozenset([number])) for name, number in p)),
    ):
        one, other = (encode(make(order), annotation) for order in (pairs, shuffled))
        assert one.version == other.version
        if annotation != dict[str, Decimal]:  # a dict keeps its order, though it does not count
            assert one.content == other.content


ALIKE = [
    (Decimal, Decimal("1.0"), Decimal("1.00")),
    (Decimal, Decimal(100), Decimal("1E+2")),
    (Decimal, Decimal("0.00"), Decimal("-0")),
    (float, 0.0, -0.0),
    (float, nan, -nan),
    (list[float], [1.0, nan], [1.0, float("nan")]),
    (frozenset[int] | set[int], frozenset({1}), {1}),
    (datetime, datetime(2013, 1, 1, tzinfo=UTC), datetime.fromisoformat("2013-01-01T01:00:00+01:00")),
]
UNLIKE = [
    (int | float, 1, 1.0),
    (int | bool, 1, True),
    (Decimal, Decimal("1.0"), Decimal("1.01")),
    (str, "é", "e\u0301"),
    (str, "", "\x00"),
    (str | None, "", None),
    (UUID, UUID(int=1), UUID(int=2)),
    (Colour, Colour.RED, Colour.BLUE),
    (datetime, datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 1)),  # noqa: DTZ001 - a naive one on purpose
    (Row, {"id": UUID(int=1), "price": Decimal(1)}, {"id": UUID(int=1), "price": Decimal(1), "note": None}),
]


@pytest.mark.parametrize(("annotation", "one", "other"), ALIKE)
def test_these_are_one_version(annotation, one, other):
    assert encode(one, annotation).version == encode(other, annotation).version


@pytest.mark.parametrize(("annotation", "one", "other"), UNLIKE)
def test_these_are_two(annotation, one, other):
    assert encode(one, annotation).version != encode(other, annotation).version
