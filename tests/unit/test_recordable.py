"""What users give to be recorded: fit for an event, or refused by name."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from latewood.engine.recordable import METADATA_BYTES_MAX, TEXT_MAX, recordable_metadata, text
from latewood.errors import ValueRefused


def test_plain_values_stay_and_others_become_plain():
    at = datetime(2013, 1, 1, tzinfo=UTC)
    given = {"auc": 0.91, "rows": np.int64(3), "mean": pa.scalar(1.5), "at": at, "path": Path("a/b"), "tags": ("x", 1)}
    assert recordable_metadata(given, subject="a") == {
        "auc": 0.91,
        "rows": 3,
        "mean": 1.5,
        "at": "2013-01-01T00:00:00+00:00",
        "path": "a/b",
        "tags": ["x", 1],
    }


def test_what_json_has_no_number_for_becomes_its_name():
    given = {"nan": float("nan"), "inf": float("-inf"), "huge": 2**70}
    assert recordable_metadata(given, subject="a") == {"nan": "nan", "inf": "-inf", "huge": str(2**70)}


def test_an_object_is_refused_with_its_place():
    with pytest.raises(ValueRefused, match=r"""metadata 'm' of "a"\['x'\]: expected .* found Decimal"""):
        recordable_metadata({"m": {"x": Decimal(1)}}, subject='"a"')


def test_endless_nesting_is_refused():
    nested: list[object] = []
    nested.append(nested)
    with pytest.raises(ValueRefused, match="levels"):
        recordable_metadata({"m": nested}, subject="a")


def test_what_is_too_large_is_refused_with_both_sizes():
    with pytest.raises(ValueRefused, match=f"at most {METADATA_BYTES_MAX:,} bytes, found"):
        recordable_metadata({str(n): "x" * 100 for n in range(1_000)}, subject="a")


def test_text_that_utf8_cannot_hold_is_escaped_and_long_text_is_cut():
    assert text("a\ud800b\x00") == "a\\ud800b\\x00"
    assert len(text("x" * 5_000).encode()) == TEXT_MAX
    assert len(text("😀" * 5_000).encode()) <= TEXT_MAX
    assert text("a\x01b") == "a\\x01b"
