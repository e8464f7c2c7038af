"""A little of what versions hold: bounded, without their code, and with no transaction open while files are read."""

import json

import pytest
from sqlalchemy import NullPool, create_engine

from api.test_files import IN_TRANSACTION
from latewood.commands.sampling import BYTES_MAX
from latewood.engine.storage.store import ArtifactStore

VALUES = """
    import numpy as np
    import pyarrow as pa

    @asset
    def table() -> pa.Table:
        return pa.table({"n": list(range(1_000)), "name": [f"n{n}" for n in range(1_000)], "x": [float("nan")] * 1_000})

    @asset
    def wide() -> pa.Table:
        return pa.table({"text": ["x" * 50_000] * 500, "many": [list(range(5_000))] * 500})

    @asset
    def number(table: pa.Table) -> dict[str, float]:
        return {"rows": table.num_rows, "share": float("inf")}

    @asset
    def long() -> list[int]:
        return list(range(100_000))

    @asset
    def vector() -> np.ndarray:
        return np.arange(3_000).reshape(1_000, 3)

    @asset
    def flat() -> np.ndarray:
        return np.zeros((2, 100_000))

    class Thing:
        pass

    @asset
    def thing() -> Pickled[Thing]:
        return Thing()
"""

SAMPLE = """
    head { sample(rows: %d) {
      __typename
      ... on RowsSample { columns { name type nullable } rows total isCut }
      ... on DocumentSample { value }
      ... on ArraySample { dtype shape entries }
      ... on NoSample { absence message }
    } }
"""


@pytest.fixture
def sampled(api, made):
    made(VALUES)
    return lambda key, rows=3: api.environment(f'asset(key: "{key}") {{ {SAMPLE % rows} }}')["asset"]["head"]["sample"]


def test_a_table_shows_its_first_rows(sampled):
    found = sampled("table")
    assert found["rows"] == [[0, "n0", "nan"], [1, "n1", "nan"], [2, "n2", "nan"]]
    assert (found["total"], found["isCut"]) == (1000, False)
    assert found["columns"][0] == {"name": "n", "type": "int64", "nullable": True}


def test_no_sample_is_larger_than_is_allowed(sampled):
    found = sampled("wide", 500)
    assert found["isCut"]
    assert 0 < len(found["rows"]) < 500
    assert len(json.dumps(found["rows"])) <= BYTES_MAX * 1.1  # spaces
    assert (len(found["rows"][0][0]), len(found["rows"][0][1])) == (1_001, 100)


def test_a_value_is_shown_as_json_unless_it_is_too_large(sampled):
    assert sampled("number") == {"__typename": "DocumentSample", "value": {"rows": 1000.0, "share": "Infinity"}}
    assert sampled("long")["absence"] == "TOO_LARGE"


def test_an_array_shows_its_first_entries(sampled):
    found = sampled("vector", 2)
    assert (found["shape"], found["entries"]) == ([1000, 3], [[0, 1, 2], [3, 4, 5]])
    assert sampled("flat")["absence"] == "TOO_LARGE"


def test_what_only_its_code_can_read_says_so(sampled):
    found = sampled("thing")
    assert (found["__typename"], found["absence"]) == ("NoSample", "UNREADABLE")


def test_of_an_artifact_that_is_gone_there_is_none(api, sampled):
    artifact = api.environment('asset(key: "table") { head { artifact } }')["asset"]["head"]["artifact"]
    (file,) = api.workspace.store.directory.rglob(artifact)
    file.write_bytes(b"PAR1 and nothing else")
    assert sampled("table")["absence"] == "UNREADABLE"
    file.unlink()
    assert sampled("table")["absence"] == "GONE"


def test_files_are_read_with_no_transaction_open(api, made, superuser_url, monkeypatch):
    made(VALUES)
    superuser = create_engine(superuser_url.url, poolclass=NullPool)
    found, opened = [], ArtifactStore.open

    def watched(*given, **named):
        with superuser.connect() as connection:
            found.append(connection.execute(IN_TRANSACTION).scalar_one())
        return opened(*given, **named)

    monkeypatch.setattr(ArtifactStore, "open", watched)
    nodes = api.environment(f"assets {{ nodes {{ {SAMPLE % 2} }} }}")["assets"]["nodes"]
    assert (found, len(nodes)) == ([0] * 7, 7)


def test_of_too_many_versions_or_rows_nothing_is_read(api, made):
    made("\n".join(f"    @asset\n    def a{n}() -> int:\n        return {n}\n" for n in range(21)))
    (error, *_) = api.errors(f"{{ project {{ environment {{ assets {{ nodes {{ {SAMPLE % 1} }} }} }} }} }}")
    assert "expected at most 20 versions in a query, found 21" in error["message"]
    few = f'{{ project {{ environment {{ asset(key: "a1") {{ {SAMPLE % 501} }} }} }} }}'
    assert "expected 1 to 500, found 501" in api.errors(few)[0]["message"]


def test_a_version_says_its_columns_and_what_it_was_made_from(api, made):
    run = made(VALUES, selection="table,number").run
    asked = "head { columns { leftOut nodes { name type } } inputs { name asset versionsText versionsCount } }"
    table, number = (
        api.environment(f'asset(key: "{key}") {{ {asked} }}')["asset"]["head"] for key in ("table", "number")
    )
    assert table["columns"]["nodes"][1] == {"name": "name", "type": "string"}
    assert (table["inputs"], number["columns"]) == ([], {"leftOut": 0, "nodes": []})
    (read,) = number["inputs"]
    assert read == {"name": "table", "asset": "table", "versionsText": f"{run}.0", "versionsCount": 1}
