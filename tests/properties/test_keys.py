"""Reuse keys are equal exactly when their parts are, and compact versions read back."""

from datetime import UTC, datetime, timedelta, timezone
from math import nan

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import catalog, code, number
from latewood.decide.keys import inputs_digest, logic_digest, reuse_key
from latewood.decide.versions import compact, expand

NOON = datetime(2013, 6, 1, 12, tzinfo=UTC)
IN_TOKYO = NOON.astimezone(timezone(timedelta(hours=9)))

few = st.sampled_from(
    [
        None,
        True,
        1,
        1.0,
        0.0,
        -0.0,
        nan,
        float("nan"),
        "",
        "a",
        "é",
        "e\u0301",
        "1",
        NOON,
        IN_TOKYO,
        NOON.replace(tzinfo=None),
    ]
)
values = st.recursive(
    few,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=4,
)
texts = st.sampled_from(["", "a", "b", "ab", "1:a"])
parts = st.fixed_dictionaries(
    {
        "task": texts,
        "version": texts,
        "parameters": st.dictionaries(st.sampled_from(["p", "q"]), values, max_size=2),
        "inputs": st.lists(st.tuples(texts, texts), max_size=2),
        "partition": texts,
    }
)

TASK = catalog("t")["t"].task


def key(of):
    parameters = tuple(number(name, None) for name in of["parameters"])
    task = msgspec.structs.replace(TASK, name=of["task"], code=code(of["version"]), parameters=parameters)
    return reuse_key(logic_digest(task, of["parameters"], {}, None), inputs_digest(of["inputs"]), of["partition"])


def same(one, other):
    """Equality that looks at types too, written without any encoding."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return bool(one == other or (one != one and other != other))  # noqa: PLR0124


@given(parts, parts, st.data())
@settings(max_examples=400, deadline=None)
def test_keys_are_equal_iff_their_parts_are(one, other, data):
    assert (key(one) == key(other)) == same(one, other)
    # two at random are hardly ever equal in most parts
    name = data.draw(st.sampled_from(sorted(one)))
    near = one | {name: other[name]}
    assert (key(one) == key(near)) == same(one, near)


@given(st.lists(st.builds("{}.{}".format, st.sampled_from(["r1", "r2", "7k2m9q4t8w1x"]), st.integers(0, 12))))
@settings(max_examples=200, deadline=None)
def test_compact_versions_read_back(ids):
    assert list(expand(compact(ids))) == ids
    assert compact(expand(compact(ids))) == compact(ids)
