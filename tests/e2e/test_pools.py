"""`latewood pools` and `latewood quota`, as they are typed."""

import json

POOLED = 'from latewood import asset\n\n\n@asset(pool="db")\ndef rows() -> int:\n    return 1\n'


def test_a_pool_is_made_listed_changed_and_removed(shell):
    assert "There are no pools" in shell("pools")
    shell.write("pooled.py", POOLED)
    done = shell.here("plan", "*", "-f", "pooled.py")
    assert (done.code, done.out) == (3, "")
    assert 'pooled.py:4: "rows": there is no pool "db"; `latewood pools set db LIMIT` makes it' in done.err
    assert shell("pools", "set", "db", "2").startswith("pool db: no limit -> 2 at position ")
    assert shell("pools", "set", "db", "2") == "pool db is 2 already; nothing is recorded.\n"
    assert "1 run" in shell("materialize", "*", "-f", "pooled.py")
    assert json.loads(shell("pools", "--json")) == {"pools": [{"name": "db", "limit": 2, "slots": [], "waiting": []}]}
    assert shell("pools").split()[-2:] == ["db", "2"]
    assert "is named by rows of pooled.py" in shell.here("pools", "remove", "db").err
    shell.write("pooled.py", POOLED.replace('(pool="db")', ""))
    shell("deploy", "-f", "pooled.py")
    assert shell("pools", "remove", "db").startswith("pool db: 2 -> no limit")


def test_the_quota_is_said_shown_and_taken_back(shell):
    assert "There is no quota" in shell("quota")
    assert shell("quota", "3").startswith("the quota: no limit -> 3 at position ")
    assert "At most 3 steps" in shell("quota")
    assert json.loads(shell("quota", "--json")) == {"quota": 3}
    assert shell("quota", "none").startswith("the quota: 3 -> no limit")
    assert "limit 0: expected 1 to 10,000" in shell.here("quota", "0").err
    assert 'expected a number, or none, found "many"' in shell.here("quota", "many").err
