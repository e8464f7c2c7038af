"""Partitions of several dimensions, and keys that come and go, as people use them."""

import json

import pytest

SALES = """
from latewood import *
from latewood.partitions import Grid, GridKey

days = Daily("2026-01-01", "2026-01-04")
grid = Grid(day=days, region=Static(["eu", "us"]))

@asset(partitions=days)
def rate(window: TimeWindow) -> int:
    return window.start.day

@asset(partitions=grid)
def sales(rate: int, key: GridKey, window: TimeWindow) -> str:
    return f"{key.parts['region']} {rate} {window.start.day}"

@asset(partitions=days)
def by_day(sales: Partitioned[str]) -> str:
    return "; ".join(value for _, value in sales)

@asset(partitions=grid, inputs={"before": From("self", dimensions={"day": -1})})
def so_far(sales: str, before: str | None) -> str:
    return f"{before or ''}[{sales}]"
"""


@pytest.fixture
def shell(own_log):
    return own_log


def answer(shell, *arguments):
    """The JSON that a command prints."""
    done = shell.here(*arguments, "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def value(shell, key, partition):
    return answer(shell, "show", key, "--partition", partition)["value"]


def test_a_grid_is_made_place_by_place_and_read_along_its_dimensions(shell):
    shell.write("sales.py", SALES)
    assert "18 run, 0 reused" in shell.here("materialize", "*", "-f", "sales.py").out
    assert value(shell, "by_day", "2026-01-02") == "eu 2 2; us 2 2"
    assert value(shell, "so_far", "day=2026-01-03, region=us") == "[us 1 1][us 2 2][us 3 3]"
    again = shell.here("materialize", "*", "-f", "sales.py").out
    assert "0 run, 18 reused" in again
    verified = shell.here("log", "verify")
    assert verified.code == 0


def test_what_is_chosen_in_a_grid_may_leave_dimensions_out(shell):
    shell.write("sales.py", SALES)
    shell.here("materialize", "rate", "-f", "sales.py")
    chosen = ("--partition", "region=eu, day=2026-01-01..2026-01-02")
    assert "2 run, 0 reused" in shell.here("materialize", "sales", "-f", "sales.py", *chosen).out
    found = answer(shell, "why", "sales", "--partition", "day=2026-01-01, region=us")
    assert found["status"] == "missing"
    assert answer(shell, "why", "sales", "--partition", "region=eu, day=2026-01-01")["status"] == "fresh"
    refused = shell.here("why", "sales", "--partition", "region=eu, day=2026-02-01")
    assert refused.code == 2
    assert 'day: partition "2026-02-01": expected a key from 2026-01-01 to 2026-01-03' in refused.err
    links = answer(shell, "lineage", "sales", "--partition", "region=eu, day=2026-01-01")["upstream"]
    assert [(link["reader_partition"], link["partitions"]) for link in links] == [
        ("day=2026-01-01, region=eu", "2026-01-01")
    ]


# ── keys that come and go ────────────────────────────────────────────────────────────────────────────────

CUSTOMERS = """
from pathlib import Path
from latewood import *
from latewood.partitions import Dynamic, Grid

customers = Dynamic("customers")

@asset(reuse=False)
def register(context: Context) -> int:
    keys = Path(__file__).with_name("register.txt").read_text().split()
    context.add_partitions("customers", keys)
    if "fail" in keys:
        raise ValueError("the register is wrong")
    return len(keys)

@asset(partitions=customers)
def invoice(key: PartitionKey) -> str:
    return f"for {key}"

@asset(partitions=Grid(customer=customers, kind=Static(["gas", "water"])))
def used(invoice: str, key: PartitionKey) -> str:
    return f"{key}: {invoice}"

@asset(inputs={"invoice": From(invoice, "all")})
def sent(invoice: Partitioned[str]) -> list[str]:
    return [key for key, _ in invoice]
"""


@pytest.fixture
def customers(shell):
    """A project with the customers of a register, the first two of them known to it."""
    shell.write("shop.py", CUSTOMERS)
    shell.write("register.txt", "ann bob")
    done = shell.here("materialize", "register", "-f", "shop.py")
    assert (done.code, "meanwhile" in done.out) == (0, False), "what is not selected is not told of"
    return shell


def keys(shell, *arguments):
    return [
        row["key"] for row in answer(shell, "partitions", "list", "customers", *arguments)["keys"] if row["present"]
    ]


def made(shell, *arguments):
    done = shell.here("materialize", *arguments, "-f", "shop.py")
    assert done.code == 0, done.out + done.err
    return done.out.splitlines()[-1].split(" in ")[0]


def test_a_run_that_added_partitions_does_not_say_that_everything_is_fresh(customers):
    customers.write("register.txt", "ann bob carl")
    done = customers.here("materialize", "*", "-f", "shop.py")
    told = "1 partition of invoice, 2 partitions of used were added meanwhile; the next run makes them\n"
    assert (done.code, told in done.out, "verything is fresh" in done.out) == (0, True, False), done.out
    again = customers.here("materialize", "*", "-f", "shop.py")
    assert ("meanwhile" in again.out, "Everything is fresh" in again.out) == (False, True), again.out


def test_a_task_adds_partitions_and_later_runs_have_them(customers):
    assert keys(customers) == ["ann", "bob"]
    assert made(customers, "not register") == "7 run, 0 reused"
    assert value(customers, "used", "customer=bob, kind=gas") == "customer=bob, kind=gas: for bob"
    customers.write("register.txt", "carl ann")
    customers.here("materialize", "register", "-f", "shop.py")
    assert keys(customers) == ["ann", "bob", "carl"]
    assert made(customers, "not register") == "4 run, 6 reused"
    assert answer(customers, "show", "sent")["value"] == ["ann", "bob", "carl"]
    assert customers.here("log", "verify").code == 0


def test_the_latest_partition_is_named_by_the_plan_and_kept_to_when_it_is_run_again(customers):
    planned = customers.here("plan", "invoice", "--partition", "latest")
    assert "1: bob" in planned.out
    assert made(customers, "invoice", "--partition", "latest") == "1 run, 0 reused"
    run = answer(customers, "runs")[0]
    assert run["partitions"] == "bob"
    assert value(customers, "invoice", "latest") == "for bob"
    assert "fresh" in customers.here("why", "invoice", "--partition", "latest").out
    assert customers.here("partitions", "add", "customers", "cid").code == 0
    assert "missing" in customers.here("why", "invoice", "--partition", "latest").out
    assert "0 run, 1 reused" in customers.here("rerun", run["run"]).out
    assert made(customers, "invoice", "--partition", "latest") == "1 run, 0 reused"
    assert value(customers, "invoice", "cid") == "for cid"


def test_a_step_that_fails_adds_nothing(customers):
    customers.write("register.txt", "dora fail")
    assert customers.here("materialize", "register", "-f", "shop.py").code == 1
    assert keys(customers) == ["ann", "bob"]


def test_a_removed_key_is_not_counted_and_comes_back_with_what_was_made_of_it(customers):
    made(customers, "not register")
    before = answer(customers, "assets")["position"]
    assert "1 partition removed from customers" in customers.here("partitions", "remove", "customers", "ann").out
    assert keys(customers) == ["bob"]
    assert made(customers, "invoice or used") == "0 run, 3 reused"
    assert made(customers, "sent") == "1 run, 0 reused"
    assert answer(customers, "show", "sent")["value"] == ["bob"]
    assert answer(customers, "show", "sent", "--as-of", str(before))["value"] == ["ann", "bob"]
    assert keys(customers, "--as-of", str(before)) == ["ann", "bob"]
    assert keys(customers, "--as-of", "2100-01-01") == ["bob"]
    refused = customers.here("why", "invoice", "--partition", "ann")
    assert refused.code == 2
    assert "it was removed from customers; `latewood partitions add customers KEY` brings it back" in refused.err
    assert customers.here("partitions", "add", "customers", "eve", "ann", "bob").code == 0
    assert keys(customers) == ["ann", "bob", "eve"]
    assert made(customers, "invoice") == "1 run, 2 reused"
    assert customers.here("log", "verify").code == 0


def test_what_was_so_before_is_no_event(customers):
    assert (
        "had been added to customers; nothing is recorded"
        in customers.here("partitions", "add", "customers", "bob").out
    )
    customers.here("partitions", "remove", "customers", "bob")
    assert "nothing is recorded" in customers.here("partitions", "remove", "customers", "bob").out
    done = answer(customers, "partitions", "add", "customers", "bob", "carl", "carl")
    assert (done["changed"], done["unchanged"]) == (["bob", "carl"], [])
    rows = answer(customers, "partitions", "list", "customers")["keys"]
    assert [(row["key"], row["ordinal"]) for row in rows] == [("ann", 0), ("bob", 1), ("carl", 2)]
    assert answer(customers, "partitions", "list") == {"names": [{"name": "customers", "partitions": 3}]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "custmers", "x"), 'no dynamic partitions "custmers"; did you mean customers?'),
        (("remove", "customers", "ana"), 'customers has no partition "ana"; did you mean ann?'),
        (("add", "customers", "a=b"), 'partition "a=b": expected at most 200 characters without "=" and ";"'),
        (("add", "customers", "ok", "a,b"), 'partition "a,b": expected printable text'),
        (("list", "shops"), 'no dynamic partitions "shops"; there are customers'),
    ],
)
def test_what_cannot_be_added_or_removed_is_refused_as_a_whole(customers, arguments, message):
    done = customers.here("partitions", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert keys(customers) == ["ann", "bob"]


def test_thousands_of_keys_are_added_at_once(customers):
    many = [f"c{n:04}" for n in range(3000)]
    assert "3,000 partitions added" in customers.here("partitions", "add", "customers", *many).out
    assert keys(customers) == ["ann", "bob", *many]
    assert customers.here("log", "verify").code == 0


def test_who_adds_at_the_same_time_need_not_wait_for_each_other(customers):
    started = [customers.start("partitions", "add", "customers", "eve", f"only{n}") for n in range(3)]
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    rows = answer(customers, "partitions", "list", "customers")["keys"]
    assert [row["ordinal"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert {row["key"] for row in rows} == {"ann", "bob", "eve", "only0", "only1", "only2"}
    assert customers.here("log", "verify").code == 0


# ── other schemes ────────────────────────────────────────────────────────────────────────────────────────

REGIONS = """
from latewood import *

regions = Static({keys})

@asset(partitions=regions)
def sales() -> int:
    return 1

@asset(partitions=regions)
def doubled(sales: int) -> int:
    return 2 * sales

@check(sales, blocking=True)
def good(sales: int) -> bool:
    return True
"""


def test_what_has_the_same_key_in_another_scheme_keeps_its_versions(shell):
    shell.write("shop.py", REGIONS.format(keys=["eu", "us"]))
    assert made(shell, "*") == "4 run, 0 reused"
    shell.write("shop.py", REGIONS.format(keys=["asia", "us", "eu"]))
    assert made(shell, "*") == "2 run, 4 reused"
    shell.write("shop.py", REGIONS.format(keys=["eu", "us"]))
    assert made(shell, "*") == "0 run, 4 reused"


def test_versions_of_a_renamed_key_count_under_its_new_name(shell):
    shell.write("shop.py", REGIONS.format(keys=["eu", "us"]))
    made(shell, "*")
    shell.write("shop.py", REGIONS.format(keys=["europe", "us"]))
    shell.here("deploy", "-f", "shop.py")
    before = answer(shell, "assets")["position"]
    for asset in ("sales", "doubled"):
        assert "count as those of europe" in shell.here("partitions", "carry", asset, "eu", "europe").out
    assert made(shell, "*") == "0 run, 4 reused"
    found = answer(shell, "why", "doubled", "--partition", "europe")
    assert (found["status"], found["head"]["partition"]) == ("fresh", "eu")
    assert (found["carried"]["old"], found["carried"]["new"], found["carried"]["actor"]) == ("eu", "europe", "tester")
    assert (
        "versions of eu count as those of europe: tester, event"
        in shell.here("why", "doubled", "--partition", "europe").out
    )
    assert value(shell, "doubled", "europe") == 2
    assert answer(shell, "why", "doubled", "--partition", "europe", "--as-of", str(before))["status"] == "missing"
    shell.here("partitions", "carry", "sales", "eu", "europe", "--undo")
    assert answer(shell, "why", "sales", "--partition", "europe")["status"] == "missing"
    assert made(shell, "sales") == "1 run, 1 reused"
    assert answer(shell, "why", "sales", "--partition", "europe")["head"]["partition"] == "europe"
    assert shell.here("log", "verify").code == 0


def test_what_was_carried_over_is_shown_moved_back_and_carried_on(shell):
    def renamed(keys):
        shell.write("shop.py", REGIONS.format(keys=keys).replace("return 1", f"return {len(keys[0])}"))
        shell.here("deploy", "-f", "shop.py")

    def shown(partition):
        return [
            (v["partition"], v["use"]) for v in answer(shell, "asset", "sales", "--partition", partition)["versions"]
        ]

    renamed(["eu", "us"])
    made(shell, "sales")
    first = answer(shell, "assets")["position"]
    made(shell, "sales", "--force")
    renamed(["europe", "us"])
    assert "eu count as those of europe" in shell.here("partitions", "carry", "sales", "eu", "europe").out
    assert shown("europe") == [("eu", "head"), ("eu", "past head")]

    back = ("rollback", "sales", "--partition", "europe", "--to-position", str(first))
    assert "1 head moved in prod. 0 steps run." in shell.here(*back).out
    assert shown("europe") == [("eu", "past head"), ("eu", "head")]
    newest = answer(shell, "asset", "sales", "--partition", "europe")["versions"][0]["version"]
    assert "1 head moved" in shell.here("rollback", "sales", newest, "--partition", "europe").out
    assert shown("europe") == [("eu", "head"), ("eu", "past head")]

    renamed(["eur", "us"])
    assert "eu count as those of eur" in shell.here("partitions", "carry", "sales", "europe", "eur").out
    assert shown("eur") == [("eu", "head"), ("eu", "past head")]
    made(shell, "sales", "--partition", "eur")
    assert "kept theirs" in shell.here(*back[:3], "eur", *back[4:]).out
    assert shown("eur")[0] == ("eur", "head")
    assert shell.here("partitions", "carry", "sales", "europe", "eur", "--undo").code == 0
    assert [partition for partition, _ in shown("eur")] == ["eur"]
    assert shell.here("log", "verify").code == 0


@pytest.fixture
def renamed(shell):
    """Two assets, all fresh, of which eu is called europe by now."""
    shell.write("shop.py", REGIONS.format(keys=["eu", "us"]))
    made(shell, "*")
    shell.write("shop.py", REGIONS.format(keys=["europe", "us"]))
    shell.here("deploy", "-f", "shop.py")
    for asset in ("sales", "doubled"):
        shell.here("partitions", "carry", asset, "eu", "europe")
    return shell


def test_what_counts_under_another_key_is_retracted_with_all_that_goes_back_to_it(renamed):
    shell = renamed
    run = answer(shell, "compare", "sales")["versions"][0]["version"].partition(".")[0]
    asked = ("retract", run, "--asset", "sales", "--partition", "europe", "--reason", "wrong")
    found = answer(shell, *asked, "--dry-run")
    assert [(v["asset"], v["partition"]) for v in found["versions"]] == [("sales", "eu")]
    assert [(h["key"], h["count"], h["partitions"]) for h in found["heads"]] == [
        ("sales", 1, "europe"),
        ("doubled", 1, "europe"),
    ]
    assert found["plans"]["prod"] == answer(shell, *asked)["plans"]["prod"]
    assert {action: n for action, n in found["plans"]["prod"].items() if n} == {"run": 1, "depends": 1, "fresh": 2}
    for asset in ("sales", "doubled"):
        assert answer(shell, "why", asset, "--partition", "europe")["status"] == "stale"
        assert answer(shell, "why", asset, "--partition", "us")["status"] == "fresh"


def test_versions_of_a_renamed_key_are_compared_under_its_new_name(renamed):
    shell = renamed

    def compared(*arguments):
        return [(v["partition"], v["head"]) for v in answer(shell, "compare", "sales", *arguments)["versions"]]

    assert compared("--partition", "europe") == [("eu", True)]
    assert sorted(compared()) == [("eu", True), ("us", True)]
    made(shell, "sales", "--partition", "europe", "--force")
    assert compared("--partition", "europe") == [("europe", True), ("eu", False)]
    shell.here("partitions", "carry", "sales", "eu", "europe", "--undo")
    assert compared("--partition", "europe") == [("europe", True)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("us", "europe", '"us" still is a partition of "sales", which is static (europe, us)'),
        ("euu", "europe", '"sales" has no version of a partition "euu"; did you mean eu?'),
        ("eu", "erope", 'partition "erope": did you mean europe?'),
        ("eu", "us", '"sales" us has a head of its own'),
    ],
)
def test_what_cannot_be_carried_over_is_refused(shell, old, new, message):
    shell.write("shop.py", REGIONS.format(keys=["eu", "us"]))
    made(shell, "*")
    shell.write("shop.py", REGIONS.format(keys=["europe", "us"]))
    shell.here("deploy", "-f", "shop.py")
    done = shell.here("partitions", "carry", "sales", old, new)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
