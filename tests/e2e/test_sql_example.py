"""The example in SQL: made, reused, laid out anew, edited, and a column of a report followed to the raw one."""

import json
import shutil
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples/reports"


def test_reports_are_made_reused_and_explained(shell):
    shutil.copytree(EXAMPLE, shell.folder / "examples/reports")
    (shell.folder / "latewood.toml").touch()
    file = ("-f", "examples/reports/assets.py")
    made = json.loads(shell("materialize", "*", *file, "--json"))
    assert (made["ran"], made["reused"]) == (16, 0)
    assert "ExpressJet" in shell("show", "reports/worst")
    found = json.loads(shell("lineage", "reports/worst", "--column", "mean_delay", "--json"))
    assert [(step["asset"], step["column"], len(step["versions"])) for step in found] == [
        ("reports/worst", "mean_delay", 1),
        ("reports/carriers", "mean_delay", 1),
        ("delays/monthly", "departed", 12),
        ("delays/monthly", "minutes_late", 12),
        ("flights/raw", "dep_delay", 1),
    ]
    assert found[-1]["end"] == "not known: Python"
    query = shell.folder / "examples/reports/queries/delays/monthly.sql"
    text = query.read_text()
    query.write_text(text.replace("SELECT\n", "select -- as it was\n").replace("    ", "  "))
    assert "16 reused" in shell("materialize", "*", *file)
    query.write_text(text.replace("greatest(dep_delay, 0)", "dep_delay"))
    assert "delays/monthly (examples/reports/queries/delays/monthly.sql) changed" in shell("plan", "*", *file)
    assert "identical" in shell("reproduce", f"{made['run']}.15"), "by the query of then"
