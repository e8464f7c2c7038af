"""What a small shop sold, kept where its other programs look: a table of a Postgres database, and files.

Say where the database is, SHOP_DSN=postgresql://…, then: latewood materialize '*' -f examples/shop/assets.py
"""

import pyarrow as pa
from postgres_table import PostgresTable

from latewood import Daily, Table, TimeWindow, asset
from latewood.io import Csv, Json

days = Daily("2026-03-02", "2026-03-05")
Sales = Table["product: string, amount: int64"]


@asset(partitions=days, io=PostgresTable("sales_{environment}"))
def sales(window: TimeWindow) -> Sales:
    """One day of sales; the shop is closed on Tuesdays."""
    day = window.start.day
    amounts = {} if day == 3 else {"axe": day, "saw": 2 * day}
    return pa.table({"product": pa.array(amounts, pa.string()), "amount": pa.array(amounts.values(), pa.int64())})


@asset(partitions=days, io=Csv("exports/{environment}/sales-{partition}.csv"))
def exported(sales: Sales) -> Sales:
    """The same for those who work with spreadsheets."""
    return sales


@asset(io=Json("exports/{environment}/total.json"))
def total(sales: Sales) -> dict[str, int]:
    """What was sold in all, by product."""
    found: dict[str, int] = {}
    for row in sales.to_pylist():
        found[row["product"]] = found.get(row["product"], 0) + row["amount"]
    return found
