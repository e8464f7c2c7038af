"""Large tables that queries read: from their files, as they go on."""

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pd
import pytest

from latewood.decide.sql.query import read_query
from latewood.decide.state import VersionFacts
from latewood.engine.queries.database import Means, answer
from latewood.engine.storage.store import ArtifactMissing, ArtifactStore
from latewood.engine.values.values import Values
from latewood.model.definitions import Input
from latewood.model.mappings import All
from latewood.model.types import TypeSpec


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path, "default")


@pytest.fixture
def scan(store):
    """What a query receives of these tables, which are partitions of an asset."""

    def scanned(tables, bytes_min=0):
        versions = []
        for number, table in enumerate(tables):
            staged = Values(store).stage(table, pa.Table, subject="flights").staged
            store.commit([staged])
            key = f"p{number}"
            facts = VersionFacts(
                "flights", key, f"run.{number}", 1, None, 1.0, "", staged.address, "", "", "", "", True
            )
            versions.append((key, facts))
        input_ = Input(name="flights", asset="flights", mapping=All(), type=TypeSpec(kind="table"))
        return Values(store).scan_input(input_, pa.Table, versions, "flights", bytes_min=bytes_min)

    return scanned


def test_a_small_table_is_decoded_and_a_large_one_read_by_who_asks(scan):
    table = pa.table({"carrier": ["a", "b"], "minutes": [1, 2]})
    assert scan([table], bytes_min=1 << 20).equals(table)
    assert isinstance(scan([table]), pd.Dataset)


def test_of_partitions_with_other_columns_the_rest_is_null(scan):
    flights = scan([pa.table({"carrier": ["a"]}), pa.table({"carrier": ["b"], "minutes": [7]})])
    assert isinstance(flights, pd.Dataset)
    query = read_query("SELECT carrier, minutes FROM flights ORDER BY carrier")
    found = answer(query, {("flights",): flights}, {}, means=Means(threads=1, memory=1 << 28), zone="UTC", place=str)
    assert found.to_pylist() == [{"carrier": "a", "minutes": None}, {"carrier": "b", "minutes": 7}]


def test_what_parquet_has_no_type_for_is_decoded_however_large(scan):
    table = pa.table({"left_at": pa.array([5], pa.timestamp("s"))})
    assert scan([table]).equals(table)


def test_a_file_that_is_not_what_was_written_is_refused(scan, store):
    flights = scan([pa.table({"carrier": ["a"]})])
    path = Path(*flights.files)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ArtifactMissing, match="not what it was written with"):
        store.require_whole(path.name)
    with pytest.raises(ArtifactMissing, match="not in the store"):
        store.require_whole(path.name)
