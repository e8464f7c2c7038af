"""Retracting and renaming as people do it, and what they are shown."""

import json
import re
import shlex

import pytest

SHOP = """
from latewood import Daily, Partitioned, PartitionKey, asset

@asset({name}partitions=Daily("2026-03-02", "2026-03-05"))
def sales(key: PartitionKey) -> str:
    return f"sold on {{key}}"

@asset({inputs})
def report(sales: Partitioned[str]) -> int:
    return sum(1 for _ in sales)
"""


@pytest.fixture
def shell(own_log):
    return own_log


@pytest.fixture
def shop(shell):
    shell.write("a.py", SHOP.format(name="", inputs=""))
    shell("materialize", "*", "-f", "a.py")
    return shell


def answer(shell, *arguments):
    done = shell.here(*arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_retraction_shows_what_it_reaches_and_why_names_it(shop):
    run = answer(shop, "runs")[0]["run"]
    told = shop.here("retract", f"{run}.1", "--reason", "the till was broken").out
    assert "1 version retracted at position" in told
    assert [line.split()[:3] for line in told.splitlines() if line.startswith("prod")] == [
        ["prod", "sales", "1"],
        ["prod", "report", "1"],
    ]
    assert "latewood plan 'status:stale' --env prod: 2 blocked" in told
    ways = re.findall(r"`latewood (retract [^`]+)`", told)
    assert ways == [f"retract {run}.1 --override --reason TEXT", f"retract {run}.1 --undo"]
    assert "retracted  sales 2026-03-03" in shop.here("why", "report").out
    why = shop.here("why", "sales", "--partition", "2026-03-03").out
    assert f"running it does not help: that would make what was retracted, {run}.1 (the till was broken)" in why
    assert "1 stale, retracted" in shop.here("assets", "status:retracted").out
    assert "retracted" in shop.here("asset", "sales").out
    rows = [line for line in shop.here("compare", "sales").out.splitlines() if "retracted" in line]
    assert [row.split()[:3] for row in rows] == [["●", "retracted", f"{run}.1"]]

    barred = f"would be made as {run}.1 was, which is retracted (the till was broken)"
    plan = next(line for line in shop.here("plan", "*").out.splitlines() if barred in line)
    assert plan.endswith(f"; change it, or `latewood retract {run}.1 --override --reason TEXT`")
    for _ in range(2):
        done = shop.here("materialize", "*")
        assert done.code == 0, "it was left out, and that is said"
        assert f"left out: sales (1 partition) {barred}" in done.out
        assert "0 run, 2 reused" in done.out
        assert "What could be made is fresh" in done.out
    assert shop.here("materialize", "*", "--strict").code == 1
    assert answer(shop, "materialize", "*", "-q")["left_out"][0].startswith("sales (1 partition) would be made as")
    alone = shop.here("materialize", "sales", "--partition", "2026-03-03")
    assert (alone.code, f"sales (1 partition) {barred}" in alone.err) == (2, True)
    assert len(answer(shop, "runs")) == 5

    assert "`latewood materialize 'status:stale' --env prod` makes" in shop.here(*shlex.split(ways[0])).out
    allowed = answer(shop, "retract", f"{run}.1", "--reason", "counted again", "--override")
    assert allowed["versions"] == [
        {"asset": "sales", "partition": "2026-03-03", "version": f"{run}.1", "output": "result"}
    ]
    assert allowed["plans"] == {"prod": {"blocked": 0, "depends": 1, "fresh": 2, "reuse": 0, "run": 1, "skip": 0}}
    assert shop.here("retract", f"{run}.1", "--undo").code == 0
    assert shop.here("assets", "status:fresh").out.count("●") == 2


def test_a_retraction_reaches_what_read_an_older_version_of_equal_content(shop):
    shop.here("materialize", "sales", "--force")
    newest = answer(shop, "runs")[0]["run"]
    found = answer(shop, "retract", f"{newest}.1", "--reason", "the till was broken", "--dry-run")
    assert [made["asset"] for made in found["downstream"]] == ["report"]


def test_a_range_of_what_a_run_made_is_retracted(shop):
    run = answer(shop, "runs")[0]["run"]
    chosen = ("--asset", "sales", "--partition", "2026-03-03..2026-03-04")
    assert "2 versions would be retracted" in shop.here("retract", run, *chosen, "--reason", "x", "--dry-run").out
    found = answer(shop, "retract", run, *chosen, "--reason", "the shop was closed")
    assert [version["partition"] for version in found["versions"]] == ["2026-03-03", "2026-03-04"]
    assert found["heads"][0]["partitions"] == "2026-03-03..2026-03-04"


def test_a_renamed_asset_keeps_its_history(shop):
    before = str(answer(shop, "assets")["position"])
    told = shop.here("rename", "sales", "turnover").out
    assert "sales is turnover from position" in told
    assert '@asset(key="turnover") keeps the function\'s name, and so its code' in told
    shop.write("a.py", SHOP.format(name='key="turnover", ', inputs='inputs={"sales": "turnover"}'))
    assert "0 run, 4 reused" in shop.here("materialize", "*").out
    assert "sales -> turnover" in shop.here("asset", "turnover").out
    assert "renamed: sales -> turnover" in shop.here("why", "turnover").out
    assert 'it is called "turnover" here' in shop.here("asset", "sales").err
    assert "sales" in shop.here("assets", "--as-of", before).out
    assert shop.here("log", "verify").code == 0


def test_what_was_likely_renamed_in_the_code_alone_is_told(shop):
    hint = "turnover is made as sales was: if that is its new name, `latewood rename sales turnover` before it is made"
    renamed = SHOP.format(name="", inputs='inputs={"sales": "turnover"}').replace("def sales", "def turnover")
    shop.write("a.py", renamed)
    assert hint in shop.here("plan", "*").err
    shop.write("a.py", renamed.replace("sold", "sold again"))
    assert "would drop: 1 asset" in (told := shop.here("plan", "*").err)
    assert "is made as" not in told
    twice = renamed + renamed.partition("\n\n")[2].partition("@asset(inputs")[0].replace("turnover", "copy")
    shop.write("a.py", twice)
    assert "is made as" not in shop.here("plan", "*").err, "it may be either"
    shop.write("a.py", renamed)
    assert hint in shop.here("deploy", "-f", "a.py").err
    assert "sales is turnover from position" in shop.here("rename", "sales", "turnover").out
    assert shop.here("deploy", "-f", "a.py").code == 0
    page = answer(shop, "asset", "turnover")
    assert (page["versions_count"], page["renames"][0]["old"]) == (3, "sales"), "its history goes on"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("retract", "nothing.0", "--reason", "x"), 'no version "nothing.0"'),
        (("retract", "nothing.0"), "expected a reason"),
        (("retract", "nothing.0", "--undo", "--override"), "found both"),
        (("rename", "sale", "turnover"), "near: sales"),
        (("rename", "sales", "report"), "another asset, with versions of its own"),
    ],
)
def test_what_cannot_be_meant_is_refused(shop, arguments, message):
    done = shop.here(*arguments)
    assert (done.code, message in done.err) == (2, True), done.err
