"""Places as people see them: told apart from the store, explained, and refused in words."""

import json

import pytest

from e2e.test_external import answer

SHOP = """
import pyarrow as pa
from latewood import Daily, TimeWindow, asset
from latewood.io import Json, Parquet

@asset(partitions=Daily("2026-01-01", "2026-01-03"), io=Parquet("out/{partition}.parquet"))
def days(window: TimeWindow) -> pa.Table:
    return pa.table({"n": [window.start.day * FACTOR]})

@asset(io=Json("total.json"))
def total(days: pa.Table) -> int:
    return sum(days["n"].to_pylist())

FACTOR = 1
"""


@pytest.fixture
def shop(shell):
    shell.write("latewood.toml", "")
    shell.write("shop.py", SHOP)
    assert shell.here("materialize", "*", "-f", "shop.py").code == 0
    return shell


def test_it_is_said_where_values_lie_and_they_are_shown_from_there(shop):
    assert "stored        by Parquet at out/{partition}.parquet" in shop.here("asset", "days").out
    assert answer(shop, "asset", "total")["stored"] == {"io": "Json", "place": "total.json"}
    assert answer(shop, "show", "days", "--partition", "2026-01-02")["value"] == [{"n": 2}]
    assert answer(shop, "show", "total")["value"] == json.loads((shop.folder / "total.json").read_text()) == 3


def test_what_was_changed_outside_is_planned_again_and_why_says_so(shop):
    (shop.folder / "out" / "2026-01-02.parquet").unlink()
    shop.write("total.json", "4")
    plan = shop.here("plan", "*", "-f", "shop.py").out
    assert "days was changed outside of Latewood" in plan
    assert "total was changed outside of Latewood" in plan
    why = shop.here("why", "days", "--partition", "2026-01-02").out
    assert "changed    days 2026-01-02 outside of Latewood: out/2026-01-02.parquet is gone" in why
    assert "total.json has another content (file1:" in shop.here("why", "total").out
    (finding,) = answer(shop, "why", "days", "--partition", "2026-01-02")["findings"]
    assert finding["lying"] == {"fingerprint": "", "version": "", "environment": "", "position": 0}
    assert shop.here("materialize", "*").code == 0
    assert json.loads((shop.folder / "total.json").read_text()) == 3
    assert "0 run" in shop.here("materialize", "*").out


def test_an_overwritten_version_says_by_which_run_wherever_it_is_asked_for(shop):
    first = answer(shop, "runs")[0]["run"]
    shop.write("shop.py", SHOP.replace("FACTOR = 1", "FACTOR = 2"))
    assert shop.here("materialize", "*", "-f", "shop.py").code == 0
    second = answer(shop, "runs")[0]["run"]
    said = f"out/2026-01-01.parquet was overwritten by run {second} in prod"
    for command in (
        ("show", "days", "--version", f"{first}.0"),
        ("rollback", "days", f"{first}.0"),
        ("reproduce", f"{first}.2"),
    ):
        done = shop.here(*command)
        assert (done.code, said in " ".join(done.err.split())) == (2, True), (command, done.err)


def test_another_environment_is_told_before_anything_is_recorded(shop):
    done = shop.here("materialize", "*", "-f", "shop.py", "--env", "dev")
    assert done.code == 2
    assert "dev would overwrite what another environment stands on" in done.err
    assert "total: Json:total.json has versions of prod" in done.err
    assert "dev" not in {entry["environment"] for entry in answer(shop, "env", "list")["environments"]}


NAMED = """
from latewood import asset
from latewood.io import Json

@asset(io=Json("exports/{asset}.json"))
def sales() -> int:
    return 3

@asset
def total(sales: int) -> int:
    return sales + 1
"""


def test_after_a_rename_values_are_copied_to_the_new_place_and_rename_says_so(shell):
    shell.write("latewood.toml", "")
    shell.write("named.py", NAMED)
    first = f"{answer(shell, 'materialize', '*', '-f', 'named.py')['run']}.0"
    said = " ".join(shell.here("rename", "sales", "turnover").out.split())
    assert "Values that lie at exports/sales.json stay there" in said
    assert "copies them to exports/turnover.json" in said
    assert answer(shell, "rename", "sales", "turnover")["places"] == ["exports/{asset}.json"]

    renamed = NAMED.replace("@asset(io", '@asset(key="turnover", io').replace("(sales: int)", "(turnover: int)")
    shell.write("named.py", renamed.replace("sales + 1", "turnover + 1"))
    assert answer(shell, "materialize", "total", "-f", "named.py")["ran"] == 1  # other code; it reads the old place
    assert [path.name for path in (shell.folder / "exports").iterdir()] == ["sales.json"]
    assert answer(shell, "show", "total")["value"] == 4

    done = answer(shell, "materialize", "turnover")
    assert (done["ran"], done["reused"]) == (0, 1)
    assert json.loads((shell.folder / "exports" / "turnover.json").read_text()) == 3
    assert (shell.folder / "exports" / "sales.json").exists()
    assert answer(shell, "show", "turnover", "--version", first)["value"] == 3
    assert answer(shell, "materialize", "*")["ran"] == 0
    assert answer(shell, "reproduce", first)["outputs"][0]["verdict"] == "identical"


def test_of_a_place_without_the_name_nothing_is_said(shop):
    assert "Values that lie" not in shop.here("rename", "total", "sum").out
