"""External assets with an IO: looked at where they lie, received as values, and only what was observed is."""

import json

import pytest

SHOP = """
import pyarrow as pa

from latewood import Static, Table, asset
from latewood.external import external_asset
from latewood.io import IO, Csv, Place

orders = external_asset("raw/orders", io=Csv("in/orders.csv"), type=Table["amount: int64"])
stock = external_asset("raw/stock", io=Csv("in/stock-{partition}.csv"), partitions=Static(["eu", "us", "asia"]))

@asset
def turnover(orders: pa.Table) -> int:
    return sum(orders["amount"].to_pylist())

@asset
def headline(turnover: int) -> str:
    return f"{turnover} sold"

@asset(partitions=Static(["eu", "us", "asia"]))
def counted(stock: Table["n: int64"]) -> int:
    return sum(stock["n"].to_pylist())
"""

TALLY = """
from latewood import asset
from latewood.external import external_asset
from latewood.io import IO, Place

class Tally(IO):
    def __init__(self, place, scale=1):
        super().__init__(place)
        self.scale = scale

    def load(self, place: Place):
        return VALUE * self.scale

    def exists(self, place: Place) -> bool:
        return place.path.exists()

    def fingerprint(self, place: Place) -> str:
        print("counting", place.name)
        return place.path.read_text()

VALUE = 5

tally = external_asset("tally", io=Tally("tally-{environment}", SCALE), type=int)

@asset
def doubled(tally: int) -> int:
    return tally * 2
"""


@pytest.fixture
def shell(own_log):
    return own_log


@pytest.fixture
def shop(shell):
    shell.write("latewood.toml", "")
    shell.write("shop.py", SHOP)
    (shell.folder / "in").mkdir()
    shell.write("in/orders.csv", "amount\n3\n4\n")
    shell.write("in/stock-eu.csv", "n\n1\n")
    shell.write("in/stock-us.csv", "n\n2\n")
    answer(shell, "observe", "raw/*", "-f", "shop.py")
    return shell


def answer(shell, *arguments, code=0):
    done = shell.here(*arguments, "--json")
    assert done.code == code, done.out + done.err
    return json.loads(done.out)


def statuses(shell, *more):
    return {asset["key"]: asset["status"] for asset in answer(shell, "assets", *more)["assets"]}


def test_readers_receive_what_was_observed_and_are_stale_when_it_is_another(shop):
    assert answer(shop, "materialize", "turnover or headline")["ran"] == 2
    assert json.loads(shop.here("show", "headline", "--json").out)["value"] == "7 sold"
    assert "3" in shop.here("show", "raw/orders").out

    (again,) = answer(shop, "observe", "raw/orders")["observed"]
    assert again["before"] == again["data_version"]
    assert answer(shop, "materialize", "turnover or headline")["ran"] == 0

    shop.write("in/orders.csv", "amount\n3\n5\n")
    (seen,) = answer(shop, "observe", "raw/orders")["observed"]
    assert seen["before"] == again["data_version"] != seen["data_version"]
    assert "raw/orders was observed" in shop.here("why", "headline").out
    assert answer(shop, "materialize", "headline or turnover")["ran"] == 2
    assert "equal a rebuild" in shop("log", "verify")


def test_what_changed_since_it_was_observed_is_not_read_before_somebody_looks_again(shop):
    answer(shop, "materialize", "turnover")
    shop.write("in/orders.csv", "amount\n30\n")
    assert statuses(shop)["raw/orders"] == "stale"
    assert statuses(shop)["turnover"] == "stale"
    blocked = shop.here("materialize", "turnover")
    assert blocked.code == 2
    asked = "raw/orders, which has changed since it was observed: `latewood observe raw/orders`"
    assert f"turnover reads {asked}" in blocked.err
    assert f"left out: turnover reads {asked}" in shop.here("materialize", "*").out
    assert "raw/orders has changed since it was observed" in shop.here("plan", "turnover").out
    assert "raw/orders has changed since it was observed: `latewood" in shop.here("why", "turnover").out

    shop.write("in/orders.csv", "amount\n3\n4\n")  # as it was: nobody has to look
    assert statuses(shop)["turnover"] == "fresh"
    shop.write("in/orders.csv", "amount\n30\n")
    answer(shop, "observe", "raw/orders")
    assert answer(shop, "materialize", "turnover")["ran"] == 1
    assert statuses(shop)["turnover"] == "fresh"


def test_what_changes_in_the_middle_of_a_run_fails_its_reader(shop):
    shop.write(
        "shop.py",
        SHOP
        + """
@asset(reuse=False)
def meddler() -> int:
    from pathlib import Path
    Path("in/orders.csv").write_text("amount\\n9\\n")
    return 1

@asset(deps=[meddler])
def late(orders: pa.Table) -> int:
    return orders.num_rows
""",
    )
    done = shop.here("materialize", "late or meddler", "-f", "shop.py")
    assert done.code == 1
    assert "there is another content than was recorded" in done.err
    assert "observe again" in done.err


def test_content_that_is_not_of_its_type_fails_the_reader(shop):
    shop.write("in/stock-eu.csv", "n\nmany\n")
    answer(shop, "observe", "raw/stock", "--partition", "eu")
    done = shop.here("materialize", "counted", "--partition", "eu,us")
    assert done.code == 1
    assert "many" in done.err
    assert answer(shop, "materialize", "counted", "--partition", "us")["ran"] == 0


def test_a_partition_is_observed_once_it_is_there_and_missed_when_it_goes(shop):
    assert [seen["partition"] for seen in answer(shop, "observe", "raw/stock")["observed"]] == ["eu", "us"]
    assert answer(shop, "materialize", "*")["ran"] == 4
    asked = answer(shop, "observe", "raw/stock", "--partition", "asia", code=1)["failed"]
    assert [failed["message"] for failed in asked] == ["there is nothing at in/stock-asia.csv"]
    shop.write("in/stock-asia.csv", "n\n3\n")
    (shop.folder / "in/stock-us.csv").unlink()
    done = answer(shop, "observe", "raw/stock", code=1)
    assert [seen["partition"] for seen in done["observed"]] == ["eu", "asia"]
    assert [failed["partition"] for failed in done["failed"]] == ["us"]
    done = answer(shop, "materialize", "*")
    assert (done["ran"], done["failed"]) == (1, 0)
    assert "raw/stock" in shop.here("assets", "status:failed").out


def test_an_earlier_observation_is_head_again_only_while_it_is_what_lies_there(shop):
    shop.write("in/orders.csv", "amount\n5\n")
    answer(shop, "observe", "raw/orders")
    latest, first = (version["version"] for version in answer(shop, "asset", "raw/orders")["versions"])
    refused = shop.here("rollback", "raw/orders", first)
    assert refused.code == 2
    assert "cannot be loaded any more: in/orders.csv was changed outside of Latewood" in refused.err
    shop.write("in/orders.csv", "amount\n3\n4\n")
    answer(shop, "rollback", "raw/orders", first)
    assert answer(shop, "materialize", "turnover")["ran"] == 1
    answer(shop, "gc")
    assert statuses(shop)["turnover"] == "fresh"
    answer(shop, "retract", first, "--reason", "the till was open")
    assert "raw/orders" in shop.here("assets", "status:retracted").out
    assert latest != first
    assert "equal a rebuild" in shop("log", "verify")


def test_a_run_is_reproduced_while_what_it_read_lies_there(shop):
    answer(shop, "materialize", "turnover")
    (run, *_) = json.loads(shop.here("runs", "--json").out)
    assert shop("reproduce", run["run"])
    shop.write("in/orders.csv", "amount\n5\n")
    assert "in/orders.csv was changed outside of Latewood" in shop.here("reproduce", run["run"]).err


def test_another_file_reads_it_by_its_key(shop):
    shop.write(
        "report.py",
        """
from latewood import Table, asset

@asset(inputs={"orders": "raw/orders"})
def largest(orders: Table["amount: int64"]) -> int:
    return max(orders["amount"].to_pylist())
""",
    )
    assert answer(shop, "materialize", "largest", "-f", "report.py")["ran"] == 1
    assert answer(shop, "show", "largest")["value"] == 4
    shop.write("in/orders.csv", "amount\n8\n")
    assert statuses(shop)["largest"] == "stale"
    assert "changed since it was observed" in shop.here("materialize", "largest", "-f", "report.py").err


def tallied(shell, source=TALLY, scale="1", code=0):
    shell.write("tally.py", source.replace("SCALE", scale))
    return answer(shell, "materialize", "doubled", "-f", "tally.py", code=code)


def test_what_loads_it_is_part_of_what_its_readers_are_and_the_place_of_what_was_seen(shell):
    shell.write("latewood.toml", "")
    shell.write("tally-prod", "v1")
    shell.write("tally-dev", "v1")
    shell.write("tally.py", TALLY.replace("SCALE", "1"))
    answer(shell, "observe", "tally", "-f", "tally.py")
    assert tallied(shell)["ran"] == 1
    assert tallied(shell)["ran"] == 0
    assert tallied(shell, scale="2")["ran"] == 1
    assert answer(shell, "show", "doubled")["value"] == 20
    edited = TALLY.replace("VALUE = 5", "VALUE = 6")
    shell.write("tally.py", edited.replace("SCALE", "2"))
    assert "VALUE" in shell.here("plan", "doubled", "-f", "tally.py").out
    assert tallied(shell, edited, "2")["ran"] == 1
    assert tallied(shell, TALLY, "2")["reused"] == 1

    answer(shell, "env", "create", "dev")
    assert statuses(shell, "--env", "dev")["doubled"] == "fresh"
    (seen,) = answer(shell, "observe", "tally", "-f", "tally.py", "--env", "dev")["observed"]
    assert seen["data_version"] != seen["before"]  # what counts there may be another content of the same number


def test_what_an_io_prints_is_kept_with_the_observation(shell):
    shell.write("latewood.toml", "")
    shell.write("tally-prod", "v1")
    shell.write("tally.py", TALLY.replace("SCALE", "1"))
    observation = answer(shell, "observe", "tally", "-f", "tally.py")["observation"]
    assert shell.here("logs", observation).out == "0 tally | counting tally-prod\n"
    (shell.folder / "tally-prod").write_text("two words")
    refused = answer(shell, "observe", "tally", code=1)["failed"]
    assert "expected 1 to 200 printable characters" in refused[0]["message"]


def test_an_io_that_fails_is_a_failure_of_the_reader_or_of_the_look_with_its_authors_traceback(shell):
    shell.write("latewood.toml", "")
    shell.write("tally-prod", "v1")
    shell.write("tally.py", TALLY.replace("SCALE", "1"))
    answer(shell, "observe", "tally", "-f", "tally.py")
    (failed,) = tallied(shell, TALLY.replace("return VALUE * self.scale", "return 'five'"), code=1)["failures"]
    assert failed["message"] == "\"tally\": expected int, found str 'five'"

    broken = TALLY.replace("return VALUE * self.scale", "raise LookupError(place.name)")
    shell.write("tally.py", broken.replace("SCALE", "1"))
    done = shell.here("materialize", "doubled", "-f", "tally.py")
    assert done.code == 1
    assert "LookupError: tally-prod" in done.err
    logs = shell.here("logs", answer(shell, "runs")[0]["run"]).out
    assert "in load" in logs
    assert "placing.py" not in logs

    unseen = TALLY.replace("return place.path.read_text()", "return str(1 / 0)")
    shell.write("tally.py", unseen.replace("SCALE", "1"))
    failed = answer(shell, "observe", "tally", "-f", "tally.py", code=1)
    assert failed["failed"][0]["error"] == "ZeroDivisionError"
    assert "in fingerprint" in shell.here("logs", failed["observation"]).out


def test_partitions_are_loaded_by_their_keys_whatever_way_they_are_read(shop):
    shop.write(
        "shop.py",
        SHOP
        + """
from latewood import From, Partitioned

@asset(inputs={"stock": From("raw/stock", keys=["eu", "us"])})
def western(stock: pa.Table) -> list[int]:
    return stock["n"].to_pylist()

@asset(inputs={"stock": From("raw/stock", keys=["us", "eu"])})
def by_key(stock: Partitioned[Table["n: int64"]]) -> dict[str, int]:
    return {key: table["n"][0].as_py() for key, table in stock}
""",
    )
    assert answer(shop, "materialize", "western or by_key", "-f", "shop.py")["ran"] == 2
    assert answer(shop, "show", "western")["value"] == [1, 2]
    assert answer(shop, "show", "by_key")["value"] == {"eu": 1, "us": 2}
    shop.write("in/stock-asia.csv", "n\n9\n")
    answer(shop, "observe", "raw/stock")
    assert statuses(shop)["western"] == "fresh"


CHECKED = (
    SHOP.replace("Static, Table, asset", "CheckResult, Static, Table, asset, check")
    + """
@check(orders, blocking=True)
def nobody_pays_to_sell(orders: pa.Table) -> CheckResult:
    print("judging", orders.num_rows)
    least = min(orders["amount"].to_pylist())
    return CheckResult(least >= 0, {"least": least}, f"found {least}")

@check(stock)
def in_stock(stock: Table["n: int64"], *, least: int = 1) -> bool:
    return sum(stock["n"].to_pylist()) >= least
"""
)


def test_checks_judge_what_is_observed_and_what_a_blocking_one_refuses_is_read_by_nobody(shop):
    answer(shop, "materialize", "*")
    shop.write("shop.py", CHECKED)
    answer(shop, "observe", "*", "-f", "shop.py")
    (passed,) = answer(shop, "asset", "raw/orders")["checks"]
    assert (passed["check"], passed["passed"]) == ("nobody_pays_to_sell", True)
    assert answer(shop, "materialize", "*")["ran"] == 0  # a check of what is read is no part of its readers

    shop.write("in/orders.csv", "amount\n7\n-2\n")
    done = shop.here("observe", "raw/orders")
    assert done.code == 1
    assert "raw/orders: blocking check nobody_pays_to_sell failed: found -2" in done.out
    again = answer(shop, "observe", "raw/orders", code=1)
    assert [found["check"] for found in again["not_passed"]] == ["nobody_pays_to_sell"]
    assert "turnover" in shop.here("assets", "status:stale").out
    assert "nobody_pays_to_sell refuses raw/orders" in " ".join(shop.here("plan", "turnover").out.split())
    assert "found -2" in shop.here("why", "turnover").out
    assert shop.here("materialize", "turnover").code != 0
    shop.write("in/orders.csv", "amount\n7\n")
    assert answer(shop, "observe", "raw/orders")["not_passed"] == []
    assert answer(shop, "materialize", "turnover")["ran"] == 1

    shop.write("in/stock-us.csv", "n\n0\n")
    told = answer(shop, "observe", "raw/stock")  # it stands in nobody's way
    assert [(found["check"], found["partition"]) for found in told["not_passed"]] == [("in_stock", "us")]
    assert answer(shop, "materialize", "counted", "--partition", "us")["failed"] == 0
    assert "equal a rebuild" in shop("log", "verify")


def test_what_an_io_looks_at_is_not_reported(shop):
    refused = shop.here("report", "raw/orders", "--data-version", "1")
    assert refused.code == 2
    assert '"raw/orders" has an IO, which says what is there: `latewood observe raw/orders`' in refused.err


WRONG = [
    ('external_asset("a", type=int)', "type= says what io= loads"),
    ('external_asset("a", io="x.csv")', "expected an IO"),
    ('external_asset("a", io=Csv("a.csv"), type=int)', "Csv stores tables and frames"),
    ('external_asset("a", io=Csv("a-{partition}.csv"))', "names a {partition}, but the asset has none"),
    (
        'external_asset("a", io=Csv("a.csv"))\n@observe(a)\ndef look() -> str: return "a"',
        "has an IO, which says what is there: it needs no observer",
    ),
    (
        'external_asset("a", io=Csv("a.csv"))\n@asset(io=Csv("a.csv"))\ndef b() -> pa.Table: ...',
        '"b" is stored at a.csv, so that it is made here',
    ),
    (
        'external_asset("a", io=Csv("a.csv"))\n@asset(io=Csv("a.csv"))\ndef b() -> pa.Table: ...',
        '"a" is what others store at a.csv; store it elsewhere',
    ),
    (
        'external_asset("a", io=Csv("a.csv"))\nb = external_asset("b", io=Csv("a.csv"))',
        '"a" lies at a.csv too: read that one, or put into the place what tells them apart',
    ),
    ('external_asset("a", io=Csv("a.csv"), type=Table["n: int64"])\n@asset\ndef b(a: int) -> int: ...', "expects int"),
    ("asset(io=Reader('r'))(made)", "Reader has no store(); it can only load what others store"),
    ('virtual_asset("a", [], io=Csv("a.csv"))', "io: nothing loads the value of a view"),
]

HEAD = """
import pyarrow as pa
from latewood import Table, asset
from latewood.external import external_asset, observe, virtual_asset
from latewood.io import IO, Csv

class Reader(IO):
    def load(self, place): return 1
    def exists(self, place): return True
    def fingerprint(self, place): return "1"

def made() -> int: return 1

a = """


@pytest.mark.parametrize(("source", "problem"), WRONG, ids=[problem for _, problem in WRONG])
def test_what_cannot_be_is_told_when_definitions_load(shell, source, problem):
    shell.write("shop.py", HEAD + source)
    done = shell.here("plan", "*", "-f", "shop.py")
    assert done.code == 3, done.out
    assert problem in done.err
