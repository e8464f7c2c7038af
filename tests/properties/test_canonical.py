"""Encodings are equal exactly when values are equal and of the same types."""

from datetime import UTC, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from latewood.decide.canonical import canonical

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.datetimes(),
    st.datetimes(timezones=st.one_of(st.just(UTC), st.timezones())),
    st.dates(),
    st.timedeltas(min_value=timedelta(-3), max_value=timedelta(3)),
    st.decimals(),
    st.uuids(),
)
# few distinct values, so that equal ones meet often
few = st.one_of(st.integers(0, 1), st.booleans(), st.sampled_from(["", "a", "0", 0.0, -0.0, 1.0, b"", b"a", None]))
values = st.recursive(
    st.one_of(scalars, few),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(max_size=2), few), inner, max_size=3)
    ),
    max_leaves=8,
)
small = st.recursive(
    few,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(few, inner, max_size=2)),
    max_leaves=4,
)


def same(one, other):
    """Equality that looks at types too: what the encoding promises, written without it."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            any(same(key, k) and same(part, p) for k, p in other.items()) for key, part in one.items()
        )
    return bool(one == other or (one != one and other != other))  # noqa: PLR0124


@given(small, small)
@settings(max_examples=300, deadline=None)
def test_equal_iff_the_same(one, other):
    assert (canonical(one) == canonical(other)) == same(one, other)


@given(values)
@settings(max_examples=100, deadline=None)
def test_a_value_equals_its_rebuilt_self_and_never_its_neighbour(value):
    def rebuilt(part):
        if isinstance(part, list):
            return tuple(map(rebuilt, part))
        if isinstance(part, dict):
            return {key: rebuilt(item) for key, item in reversed(part.items())}
        return part

    assert canonical(rebuilt(value)) == canonical(value)
    assert canonical([value]) != canonical(value)
    assert canonical([value, None]) != canonical([value])


@given(values, values)
@settings(max_examples=200, deadline=None)
def test_no_encoding_begins_another(one, other):
    # hence items that follow each other never run together
    first, second = canonical(one), canonical(other)

    assert first == second or not (first.startswith(second) or second.startswith(first))
