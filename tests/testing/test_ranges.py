"""Partition-wise tasks in tests: called for a range, or given by partition."""

import pyarrow as pa

from latewood import PartitionRange, Static, asset
from latewood.testing import Project

shops = Static(["east", "north", "west"])


@asset(partitions=shops, partition_column="shop")
def sales(shops: PartitionRange) -> pa.Table:
    return pa.table({"shop": [shops.first, shops.last], "call": [f"{shops.first}..{shops.last}"] * 2})


@asset
def calls(sales: pa.Table) -> list[str]:
    return sales["call"].to_pylist()


def test_a_range_is_called_once_and_a_partition_without_rows_is_an_empty_table():
    with Project([sales, calls]) as project:
        run = project.materialize()
        assert run["calls"] == ["east..west", "east..west"]
        assert run["sales", "north"].equals(pa.table({"shop": pa.array([], "string"), "call": pa.array([], "string")}))


def test_what_is_given_is_given_by_partition_and_not_split():
    with Project([sales, calls]) as project:
        project.give("sales", pa.table({"call": ["given"]}), partition="east")
        project.give("sales", pa.table({"call": ["for two"]}), partition="north,west")
        assert project.materialize()["calls"] == ["given", "for two", "for two"]
