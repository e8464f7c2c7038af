"""Steps in other languages: none of the programs here knows anything of Latewood.

With node on the PATH: LATEWOOD_PROJECT=languages latewood materialize '*' -f examples/languages/assets.py
"""

from pathlib import Path

import pyarrow as pa

from latewood import Table, asset
from latewood.processes import ReportedCheck, command

Sales = Table["product: string, region: string, pieces: int64"]
Totals = Table["product: string, pieces: int64"]


@asset
def sales() -> Sales:
    """What a small shop sold, by region."""
    rows = [("axe", "eu", 3), ("axe", "us", 4), ("nail", "eu", 90), ("saw", "us", 7), ("nail", "us", 60)]
    return pa.table(dict(zip(("product", "region", "pieces"), zip(*rows, strict=True), strict=True)))


@asset
@command(
    ["bash", "totals.sh", "{sales}", "{output}"],
    files=["examples/languages/totals.sh"],
    cwd="examples/languages",
    reads={"sales": "sales.csv"},
    writes="totals.csv",
)
def totals(sales: Sales) -> Totals:
    """Pieces by product, by awk."""


@asset
@command(
    ["node", "report.js", "{totals}", "{output}"],
    files=["examples/languages/report.js"],
    cwd="examples/languages",
    reads={"totals": "totals.jsonl"},
    writes="report.html",
    checks=[ReportedCheck("something_sold", blocking=True)],
)
def report(totals: Totals, *, title: str = "What was sold") -> Path:
    """A page, by node."""
