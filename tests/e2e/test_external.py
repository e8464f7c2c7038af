"""What others make, as people watch it: observed, reported, explained, and moved like anything else."""

import json

import pytest

SHOP = """
from pathlib import Path

from latewood import Context, PartitionKey, Static, asset
from latewood.external import DataVersion, external_asset, observe, virtual_asset

till = external_asset("till", description="What the tills wrote.")
rates = external_asset("rates", partitions=Static(["eur", "usd"]))
books = virtual_asset("books", [till, rates], definition="select * from till join rates")

@observe(till)
def look(context: Context) -> DataVersion:
    print("looking")
    return DataVersion(Path("till.csv").read_text(), {"rows": 3})

@asset(deps=[books])
def turnover() -> int:
    return 1

@asset
def headline(turnover: int) -> str:
    return str(turnover)
"""


@pytest.fixture
def shell(own_log):
    return own_log


@pytest.fixture
def shop(shell):
    shell.write("shop.py", SHOP)
    shell.write("till.csv", "monday")
    answer(shell, "observe", "till", "-f", "shop.py")
    answer(shell, "report", "rates", "--data-version", "1", "--partition", "eur,usd", "--metadata", "source=bank")
    return shell


def answer(shell, *arguments, code=0):
    done = shell.here(*arguments, "--json")
    assert done.code == code, done.out + done.err
    return json.loads(done.out)


def statuses(shell, *more):
    return {asset["key"]: asset["status"] for asset in answer(shell, "assets", *more)["assets"]}


def test_what_is_seen_is_told_and_what_reads_it_is_made(shell):
    shell.write("shop.py", SHOP)
    shell.write("till.csv", "monday")
    blocked = shell.here("materialize", "turnover", "-f", "shop.py")
    assert blocked.code == 2
    assert (
        "turnover reads till, which was never observed: `latewood observe till` or `latewood report till`"
        in blocked.err
    )
    assert "left out: turnover reads till" in shell.here("materialize", "*").out
    assert [shell.here("materialize", "*", *more, "--strict").code for more in ([], ["--dry-run"])] == [1, 1]
    assert "till was never observed" in shell.here("plan", "turnover").out
    assert "unobserved till was never observed: `latewood observe till`" in shell.here("why", "turnover").out

    seen = shell.here("observe", "till").out
    assert "till given:monday new 3 rows" in " ".join(seen.split())
    shell("report", "rates", "--data-version", "1", "--partition", "eur,usd", "--metadata", "source=bank")
    assert answer(shell, "materialize", "*")["ran"] == 2
    assert set(statuses(shell).values()) == {"fresh"}
    listed = shell.here("assets").out
    assert "fresh, external" in listed
    assert "fresh, virtual" in listed
    page = shell.here("asset", "till").out
    assert "shop:look" in page
    assert "3 rows" in page
    assert "observed as given:monday" in shell.here("why", "till").out


def test_new_content_makes_readers_stale_and_why_names_the_observation(shop):
    answer(shop, "materialize", "*")
    again = answer(shop, "observe", "*")
    assert [(seen["asset"], seen["before"] == seen["data_version"]) for seen in again["observed"]] == [("till", True)]
    assert set(statuses(shop).values()) == {"fresh"}

    shop.write("till.csv", "tuesday")
    event = answer(shop, "observe", "*")["position"]
    assert statuses(shop) == {
        "till": "fresh",
        "rates": "fresh",
        "books": "fresh",
        "turnover": "stale",
        "headline": "stale",
    }
    (line,) = [line for line in shop.here("why", "headline").out.splitlines() if "input" in line]
    assert "till was observed: " in line
    assert f"event {event:,}" in line
    (finding,) = answer(shop, "why", "headline")["findings"]
    assert (finding["subject"], finding["observed"], finding["event"]) == ("till", True, event)
    assert answer(shop, "materialize", "*")["ran"] == 1

    up = answer(shop, "lineage", "turnover")["upstream"]
    assert {link["asset"]: bool(link["versions"]) for link in up} == {"books": False, "till": True, "rates": True}
    assert "virtual" in shop.here("lineage", "turnover").out
    down = answer(shop, "lineage", "till", "--up", "0", "--down", "1")["downstream"]
    assert [link["reader"] for link in down] == ["turnover"]


def test_an_observer_that_fails_leaves_things_as_they_were(shop):
    answer(shop, "materialize", "*")
    (shop.folder / "till.csv").unlink()
    done = shop.here("observe", "till")
    assert done.code == 1
    assert "till: FileNotFoundError" in done.out
    assert "0 observations" in done.out
    failed = answer(shop, "observe", "till", code=1)
    assert failed["failed"][0]["error"] == "FileNotFoundError"
    assert set(statuses(shop).values()) == {"fresh"}

    assert "till" in shop.here("assets", "status:failed").out
    assert "till: FileNotFoundError" in shop.here("why", "till").out
    logs = shop.here("logs", failed["observation"]).out
    assert logs.startswith("0 till | looking\n0 till | Traceback")
    assert "shop.py" in logs
    shop.write("till.csv", "monday")
    answer(shop, "observe", "till")
    assert "0 assets" in shop.here("assets", "status:failed").out
    assert "equal a rebuild" in shop("log", "verify")


def test_an_observation_that_is_killed_leaves_nothing_half_and_is_made_again(shop):
    dies = SHOP.replace('    print("looking")\n', '    print("looking")\n    import os\n    os.kill(os.getpid(), 9)\n')
    shop.write("shop.py", dies)
    assert shop.run("observe", "*", "-f", "shop.py").code == -9
    assert "equal a rebuild" in shop("log", "verify")
    assert answer(shop, "asset", "till")["versions"][0]["data_version"] == "given:monday"
    shop.write("shop.py", SHOP)
    shop.write("till.csv", "tuesday")
    assert [seen["data_version"] for seen in answer(shop, "observe", "till", "-f", "shop.py")["observed"]] == [
        "given:tuesday"
    ]
    assert answer(shop, "materialize", "*")["failed"] == 0
    assert "equal a rebuild" in shop("log", "verify")


def test_what_an_observer_prints_is_kept_and_an_observation_is_no_run(shop):
    shop.write("till.csv", "tuesday")
    out = shop.here("observe", "till").out
    observation = out.rpartition("`latewood logs ")[2].partition("`")[0]
    assert shop.here("logs", observation[:6]).out == "0 till | looking\n"
    assert shop.here("logs", observation, "0").out == "looking\n"
    assert "has no look 3, but looks 0 to 0" in shop.here("logs", observation, "3").err
    said = f"{observation} is an observation of till and no run: it made nothing that could be run again."
    for command in (("run", observation), ("rerun", observation), ("reproduce", observation)):
        done = shop.here(*command)
        assert done.code == 2
        assert said in " ".join(done.err.split())
        assert "`latewood observe till` looks again" in " ".join(done.err.split())
    version = answer(shop, "asset", "till")["versions"][0]["version"]
    assert "is an observation of till" in " ".join(shop.here("reproduce", version).err.split())

    report = answer(shop, "report", "rates", "--data-version", "2", "--partition", "eur")["observation"]
    said = " ".join(shop.here("reproduce", report).err.split())
    assert f"{report} is a report of rates and no run" in said
    assert "told again by `latewood report rates`" in said
    assert "printed and logged nothing" in shop.here("logs", report).err
    assert "no such run" in shop.here("logs", "0" * 12).err


def test_what_was_looked_at_is_listed_among_the_runs(shop):
    def listed(*more):
        return [
            (row["kind"], row["status"], row.get("assets", row["selection"])) for row in answer(shop, "runs", *more)
        ]

    looked, told = ("observation", "succeeded", ["till"]), ("observation", "succeeded", ["rates"])
    assert listed() == [told, looked]
    answer(shop, "materialize", "*")
    (shop.folder / "till.csv").unlink()
    answer(shop, "observe", "*", code=1)
    failed, run = ("observation", "failed", ["till"]), ("run", "succeeded", "*")
    assert listed() == [failed, run, told, looked]
    assert listed("--limit", "2") == [failed, run]
    assert listed("--status", "failed") == [failed]
    assert listed("--status", "running") == []
    shown = shop.here("runs").out
    assert "till " in shown
    assert "0 observed, 1 failed" in shown
    assert "2 observed" in shown
    answer(shop, "env", "create", "dev")
    answer(shop, "report", "rates", "--data-version", "3", "--partition", "eur", "--env", "dev")
    assert listed("--env", "dev") == [told]
    first = answer(shop, "runs", "--env", "dev")[0]
    assert first["counts"] == {"observed": 1, "failed": 0}
    assert first["actor"]


WRONG = [
    (("report", "turnover", "--data-version", "1"), '"turnover" is made here'),
    (("report", "books", "--data-version", "1"), '"books" is virtual'),
    (("report", "tills", "--data-version", "1"), 'no asset "tills"; near: till'),
    (("report", "rates", "--data-version", "1"), '"rates" has partitions: say which was seen'),
    (("report", "rates", "--data-version", "1", "--partition", "gbp"), "gbp"),
    (("report", "till", "--data-version", "1", "--partition", "eur"), '"till" has no partitions'),
    (("report", "till", "--data-version", ""), "expected text that tells one content from another"),
    (("report", "till", "--data-version", "x" * 5_000), "expected at most"),
    (("report", "till", "--data-version", "1", "--metadata", "rows"), "expected NAME=VALUE"),
    (("observe", "rates"), '"rates" has no observer in shop.py'),
    (("observe", "turnover"), "selects no external asset"),
    (("observe", "status:stale"), "is chosen by key"),
    (("materialize", "books"), "books is virtual"),
    (("show", "till"), "its content is elsewhere"),
    (("show", "books"), 'books" is virtual'),
]


def test_what_cannot_be_is_refused_and_nothing_is_recorded(shop):
    before = answer(shop, "assets")["position"]
    for arguments, problem in WRONG:
        done = shop.here(*arguments)
        assert done.code == 2, (arguments, done.out)
        assert problem in done.err, (arguments, done.err)
    assert answer(shop, "assets")["position"] == before


def test_a_branch_inherits_what_was_seen_and_what_it_sees_is_its_own_until_promoted(shop):
    answer(shop, "materialize", "*")
    answer(shop, "env", "create", "dev")
    assert set(statuses(shop, "--env", "dev").values()) == {"fresh"}

    answer(shop, "report", "till", "--data-version", "tuesday", "--env", "dev")
    assert statuses(shop, "--env", "dev")["turnover"] == "stale"
    assert set(statuses(shop).values()) == {"fresh"}
    assert "till" in shop.here("env", "diff", "dev").out

    answer(shop, "env", "promote", "dev")
    assert statuses(shop)["turnover"] == "stale"
    assert answer(shop, "asset", "till")["versions"][0]["data_version"] == "given:tuesday"


def test_observations_are_retracted_rolled_back_collected_around_and_proved(shop):
    answer(shop, "materialize", "*")
    was = answer(shop, "assets")["position"]
    answer(shop, "report", "till", "--data-version", "tuesday")
    answer(shop, "materialize", "*")
    assert answer(shop, "asset", "till", "--as-of", str(was))["versions"][0]["data_version"] == "given:monday"
    assert statuses(shop, "--as-of", str(was))["turnover"] == "fresh"

    tuesday, monday = (version["version"] for version in answer(shop, "asset", "till")["versions"])
    told = shop.here("retract", tuesday, "--reason", "the till was open").out
    assert "turnover" in told
    assert statuses(shop)["turnover"] == "stale"
    assert "retracted" in shop.here("why", "turnover").out
    answer(shop, "rollback", "till", monday)
    assert answer(shop, "materialize", "*")["ran"] == 0
    assert set(statuses(shop).values()) == {"fresh"}
    answer(shop, "report", "till", "--data-version", "tuesday")
    assert "retracted" in shop.here("assets", "till").out
    answer(shop, "retract", tuesday, "--undo", "--reason", "it was not")

    answer(shop, "gc")
    assert answer(shop, "materialize", "*")["failed"] == 0
    assert set(statuses(shop).values()) == {"fresh"}
    assert "equal a rebuild" in shop("log", "verify")


def test_an_external_asset_is_renamed_and_dropped_as_others_are(shop):
    answer(shop, "materialize", "*")
    answer(shop, "rename", "till", "cash")
    shop.write("shop.py", SHOP.replace('external_asset("till"', 'external_asset("cash"'))
    assert answer(shop, "materialize", "*")["ran"] == 0
    assert answer(shop, "asset", "cash")["versions"][0]["data_version"] == "given:monday"


MANY = """
from latewood import *
from latewood.external import DataVersion, external_asset, observe
import pathlib

regions = Static([f"r{n:02}" for n in range(40)])
till = external_asset("till", partitions=regions)

@observe(till)
def look(key: PartitionKey) -> DataVersion:
    return DataVersion(next((line for line in pathlib.Path("seen").read_text().split() if key in line), "none"))
"""


def test_of_many_partitions_those_that_changed_are_told_and_the_rest_is_counted(shell):
    shell.write("many.py", MANY)
    shell.write("seen", "")
    first = shell.here("observe", "till", "-f", "many.py").out
    assert first.count(" new") >= 40, "nothing is left out where there is no terminal"
    shell.write("seen", "r03:changed")
    second = [" ".join(line.split()) for line in shell.here("observe", "till", "-f", "many.py").out.splitlines()]
    assert second[1:] == [
        "till r03 given:r03:changed changed",
        "till r00..r39 39 partitions as before",
        second[-1],
    ]
    assert second[-1].startswith("40 observations, 0 new, 1 changed, at position")
