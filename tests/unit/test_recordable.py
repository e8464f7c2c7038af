"""What users give to be recorded: fit for an event, or refused by name."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from latewood.engine.values.recordable import (
    METADATA_BYTES_MAX,
    TEXT_MAX,
    VERSION_MAX,
    recordable_metadata,
    recordable_version,
    text,
)
from latewood.errors import ValueRefused


def test_plain_values_stay_and_others_become_plain():
    at = datetime(2013, 1, 1, tzinfo=UTC)
    given = {
        "auc": 0.91,
        "rows": np.int64(3),
        "mean": pa.scalar(1.5),
        "at": at,
        "path": Path("a/b\udcff"),
        "tags": ("x", 1),
    }
    assert recordable_metadata(given, subject="a") == {
        "auc": 0.91,
        "rows": 3,
        "mean": 1.5,
        "at": "2013-01-01T00:00:00+00:00",
        "path": "a/b\\udcff",
        "tags": ["x", 1],
    }


def test_kinds_of_numbers_become_plain_ones():
    class Level(IntEnum):
        HIGH = 2

    class Count(int):
        pass

    assert recordable_metadata({"best": np.str_("tree")}, subject='"a"') == {"best": "tree"}
    given = {"auc": np.float64(0.9), "nan": np.float64("nan"), "level": Level.HIGH, "count": Count(3)}
    plain = recordable_metadata(given, subject="a")
    assert plain == {"auc": 0.9, "nan": "nan", "level": 2, "count": 3}
    assert [type(value) for value in plain.values()] == [float, str, int, int]


def test_what_json_has_no_number_for_becomes_its_name():
    given = {"nan": float("nan"), "inf": float("-inf"), "huge": 2**70}
    assert recordable_metadata(given, subject="a") == {"nan": "nan", "inf": "-inf", "huge": str(2**70)}


def test_an_object_is_refused_with_its_place():
    with pytest.raises(ValueRefused, match=r"""metadata 'm' of "a"\['x'\]: expected .* found Decimal"""):
        recordable_metadata({"m": {"x": Decimal(1)}}, subject='"a"')


def test_a_value_that_fails_when_it_is_looked_at_is_refused_by_name():
    with pytest.raises(ValueRefused, match=r"^metadata 'sizes' of \"a\": ValueError: .* size 1 "):
        recordable_metadata({"sizes": np.array([1, 2])}, subject='"a"')
    with pytest.raises(ValueRefused, match="expected a dict, found list"):
        recordable_metadata([1], subject='"a"')


def test_a_version_that_is_given_is_kept_as_it_is_or_refused():
    assert recordable_version("v1", subject="a") == "v1"
    assert recordable_version(20130101, subject="a") == "20130101"
    for given in ("x" * (VERSION_MAX + 1), "a\x00", "a\ud800"):
        with pytest.raises(ValueRefused, match="data_version of a: expected at most 256 bytes of text, found "):
            recordable_version(given, subject="a")


def test_endless_nesting_is_refused():
    nested: list[object] = []
    nested.append(nested)
    with pytest.raises(ValueRefused, match="levels"):
        recordable_metadata({"m": nested}, subject="a")


def test_what_is_too_large_is_refused_with_both_sizes():
    with pytest.raises(ValueRefused, match=f"at most {METADATA_BYTES_MAX:,} bytes, found"):
        recordable_metadata({str(n): "x" * 100 for n in range(1_000)}, subject="a")
    for value, size in (("x" * 100_000, "100,000"), ("€" * 3_000, "9,000"), (Path("p" * 9_000), "9,000")):
        with pytest.raises(ValueRefused, match=f"^metadata 'm' of a: expected at most 8,192 bytes, found {size};"):
            recordable_metadata({"m": value}, subject="a")
    with pytest.raises(ValueRefused, match=r"^metadata of a: expected at most 8,192 bytes, found 40,008;"):
        recordable_metadata({"m": "\x01" * 8_000}, subject="a")  # escaped, and that in JSON


def test_text_that_utf8_cannot_hold_is_escaped_and_long_text_is_cut():
    assert text("a\ud800b\x00") == "a\\ud800b\\x00"
    assert len(text("x" * 5_000).encode()) == TEXT_MAX
    assert len(text("😀" * 5_000).encode()) <= TEXT_MAX
    assert text("a\x01b") == "a\\x01b"
