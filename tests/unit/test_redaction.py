"""Secrets in text, in JSON and in artifacts: every form in which one is met is found, and nothing else is touched."""

import base64
import json
from urllib.parse import quote, quote_plus

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from latewood.engine.running.calls import call
from latewood.engine.values.codecs import encode
from latewood.engine.values.recordable import recordable_metadata, text
from latewood.engine.values.redaction import redacted, redacted_json, secret_in, settled
from latewood.secrets import Secret

PASSWORD = "p/w: 7+\"é'"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END KEY-----"


@pytest.fixture(autouse=True)
def planted(monkeypatch):
    """The secrets, which this process has seen."""
    for name, value in {"PASSWORD": PASSWORD, "KEY": KEY, "PIN": "934712", "SHORT": "abc"}.items():
        monkeypatch.setenv(f"REDACTION_{name}", value)
        assert Secret(env=f"REDACTION_{name}").reveal() == value


FORMS = {
    "plain": PASSWORD,
    "URL": quote(PASSWORD, safe=""),
    "URL in lower case": quote(PASSWORD, safe="").replace("%2F", "%2f").replace("%3A", "%3a").replace("%2B", "%2b")
    .replace("%22", "%22").replace("%C3%A9", "%c3%a9"),
    "form": quote_plus(PASSWORD),
    "JSON": json.dumps(PASSWORD)[1:-1],
    "JSON, as it is": json.dumps(PASSWORD, ensure_ascii=False)[1:-1],
    "Python": repr(PASSWORD)[1:-1],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_replaced_in_whatever_form_it_is_written(form):
    assert redacted(f"postgres://me:{FORMS[form]}@host") == "postgres://me:[secret REDACTION_PASSWORD]@host"


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "user:x"])
@pytest.mark.parametrize("encoded", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_recognized_wherever_in_a_longer_text_it_begins(before, encoded):
    header = encoded(f"{before}{PASSWORD}, and more".encode()).decode()
    found = redacted(f"Authorization: Basic {header}")
    assert "[secret REDACTION_PASSWORD]" in found
    for part in found.removeprefix("Authorization: Basic ").split("[secret REDACTION_PASSWORD]"):
        whole = part[: len(part) // 4 * 4]
        assert PASSWORD.encode()[2:-2] not in base64.urlsafe_b64decode(whole.replace("+", "-").replace("/", "_"))


def test_lines_of_a_longer_secret_are_secret_each_but_for_those_that_all_have():
    assert redacted(KEY) == "[secret REDACTION_KEY]"
    first, line, *_ = KEY.splitlines()
    assert redacted(f"log: {line}") == "log: [secret REDACTION_KEY]"
    assert redacted(first) == first


def test_what_is_too_short_is_left():
    assert redacted("abc abcabc") == "abc abcabc"


def test_a_number_is_a_secret_only_as_a_whole():
    assert redacted_json({"a": [934712, 9347120, 1.5], "pin 934712": None}) == {
        "a": ["[secret REDACTION_PIN]", 9347120, 1.5],
        "pin [secret REDACTION_PIN]": None,
    }


def test_what_is_cut_was_replaced_before():
    """Half a secret would not be recognized."""
    cut = text(f"{'x' * 1_990}{PASSWORD}")
    assert cut == f"{'x' * 1_990}[secret…"
    assert recordable_metadata({PASSWORD: {"deep": [PASSWORD]}}, subject="a") == {
        "[secret REDACTION_PASSWORD]": {"deep": ["[secret REDACTION_PASSWORD]"]}
    }


def test_what_is_printed_in_pieces_and_what_is_raised_is_replaced():
    def fail():
        for letter in PASSWORD:
            print(letter, end="")
        raise ValueError(f"cannot log in with {PASSWORD}")

    raised = call(fail, {})
    assert raised.output == "[secret REDACTION_PASSWORD]"
    assert raised.failure.message == "cannot log in with [secret REDACTION_PASSWORD]"
    assert "ValueError: cannot log in with [secret REDACTION_PASSWORD]" in raised.failure.traceback


# ── artifacts ────────────────────────────────────────────────────────────────────────────────────────────


def artifact(value):
    return encode(value, type(value))


def tables():
    nested = pa.array([[{"a": "x"}], [{"a": f"my {KEY}"}]])
    yield pa.table({"text": ["a", f"b{PASSWORD}c"]})
    yield pa.table({"text": pa.array([PASSWORD.encode()], pa.large_binary())})
    yield pa.table({"text": pa.array([PASSWORD, "x"]).dictionary_encode()})
    yield pa.table({"deep": nested})
    yield pa.table({"view": pa.array([PASSWORD], pa.string_view())})
    yield pa.table({"map": pa.array([[("k", PASSWORD)]], pa.map_(pa.string(), pa.string()))})
    yield pa.table({"many": [f"{n % 100}{PASSWORD}" * 20 for n in range(2_000)]})


@pytest.mark.parametrize(
    "table", list(tables()), ids=["text", "binary", "dictionary", "nested", "view", "map", "compressed"]
)
def test_a_secret_is_found_in_a_table(table):
    assert secret_in(artifact(table)) in ("REDACTION_PASSWORD", "REDACTION_KEY")


@pytest.mark.parametrize(
    "value",
    [
        f"x{PASSWORD}",
        {"a": [PASSWORD]},
        base64.b64encode(PASSWORD.encode()),
        np.array(["x", PASSWORD]),
        pd.DataFrame({"a": [PASSWORD]}),
    ],
    ids=["text", "JSON", "bytes", "numpy", "pandas"],
)
def test_a_secret_is_found_in_other_values(value):
    assert secret_in(artifact(value)) == "REDACTION_PASSWORD"


def test_a_secret_is_found_in_files_also_where_blocks_meet_and_in_their_names(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * ((1 << 20) - 3) + KEY.encode())
    assert secret_in(encode(tmp_path / "file", type(tmp_path))) == "REDACTION_KEY"
    assert secret_in(encode(tmp_path, type(tmp_path))) == "REDACTION_KEY"
    (tmp_path / "file").unlink()
    (tmp_path / "934712.txt").touch()
    assert secret_in(encode(tmp_path, type(tmp_path))) == "REDACTION_PIN"


def test_rows_that_a_table_was_cut_out_of_do_not_count(tmp_path):
    table = pa.table({"text": ["fine", PASSWORD]})
    assert secret_in(artifact(table.slice(0, 1))) is None
    assert secret_in(artifact("fine")) is None
    (tmp_path / "fine").touch()
    assert secret_in(encode(tmp_path, type(tmp_path))) is None


@pytest.mark.parametrize("form", [PASSWORD, KEY, "934712", quote(PASSWORD, safe=""), "no secret at all"])
@pytest.mark.parametrize("pieces", [1, 2, 3, 7])
def test_text_that_comes_in_pieces_is_redacted_as_if_it_had_come_at_once(form, pieces):
    whole, shown, pending = f"9 p/w {form}{form}9347 p/", "", ""
    for start in range(0, len(whole), pieces):
        pending += whole[start : start + pieces]
        end = settled(pending)
        shown, pending = shown + redacted(pending[:end]), pending[end:]
        assert len(pending) < 2 * len(KEY), "what is over is shown"
    assert shown + redacted(pending) == redacted(whole)


def test_only_what_may_be_the_beginning_of_a_secret_is_waited_for():
    assert settled("the pin is 9347") == len("the pin is ")
    assert settled("the pin is 9348") == len("the pin is 9348")
