"""IO in tests: nothing is stored at a place or asked for there, values are where all others are."""

import pyarrow as pa

from latewood import Daily, PartitionKey, asset
from latewood.io import IO, Csv, Place
from latewood.resources import Resource
from latewood.testing import Project


class Warehouse(Resource):
    url: str  # nobody says one here


class WarehouseTable(IO):
    warehouse: Warehouse

    def load(self, place: Place) -> int:
        raise AssertionError(place)

    def store(self, place: Place, value: int) -> None:
        raise AssertionError(place)

    def exists(self, place: Place) -> bool:
        raise AssertionError(place)

    def fingerprint(self, place: Place) -> str:
        raise AssertionError(place)


@asset(partitions=Daily("2026-01-01", "2026-01-03"), io=Csv("exports/{partition}.csv"))
def days(key: PartitionKey) -> pa.Table:
    return pa.table({"day": [key]})


@asset(io=WarehouseTable("days"))
def count(days: pa.Table) -> int:
    return days.num_rows


def test_nothing_is_stored_outside_and_no_resource_of_an_io_is_needed(tmp_path):
    with Project([days, count], root=tmp_path) as project:
        run = project.materialize()
        assert run["count"] == 2
        assert run["days"]["2026-01-02"]["day"].to_pylist() == ["2026-01-02"]
        assert project.materialize().outcomes == {"days": "fresh", "count": "fresh"}
    assert list(tmp_path.iterdir()) == []
