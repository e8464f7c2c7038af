"""`latewood token`, as it is typed."""

import json


def test_a_token_is_shown_once_listed_and_revoked(shell):
    assert "There are no tokens" in shell("token", "list")
    said = shell("token", "create", "ci", "--role", "operator", "--days", "30")
    token = said.split()[0]
    assert token.startswith("lw_")
    assert "operator of project test-a-token" in said
    assert "already" in shell.here("token", "create", "ci").err
    made = json.loads(shell("token", "create", "ann", "--role", "admin", "--all-projects", "--json"))
    assert made["text"].startswith("lw_")
    listed = shell("token", "list")
    assert [line.split()[0] for line in listed.splitlines()[1:]] == ["ci", "ann"]
    assert token not in listed + shell("log", "tail", "--json")
    assert "lets nobody in any more" in shell("token", "revoke", "ci")
    assert "revoked already" in shell("token", "revoke", "ci")
    found = json.loads(shell("token", "list", "--json"))["tokens"]
    assert [(row["name"], row["everywhere"], row["revoked_at"] is None) for row in found] == [
        ("ci", False, False),
        ("ann", True, True),
    ]
