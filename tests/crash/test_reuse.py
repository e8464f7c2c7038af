"""Nothing is computed twice: what is a head somewhere may be taken like any other version."""

import pytest

from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked

TASK = "@task\ndef slow(*, n: int = 1) -> int:\n    return n\n"


def asset(key, n):
    return f"{key} = slow.asset(key='{key}', parameters={{'n': {n}}})\n"


def tally(workspace, loaded, *parameters):
    """How many steps ran, and how many took what was there."""
    asked = Asked(selection="*", parameters=parameters)
    made = materialize(workspace, prepare(workspace, loaded, asked)).tally
    return made.ran, made.reused


@pytest.mark.parametrize(
    ("before", "after", "reused"),
    [
        (asset("a", 1), asset("b", 1), 1),
        (asset("a", 1) + asset("b", 2), asset("a", 2) + asset("b", 1), 2),
        (asset("a", 1) + asset("b", 2), asset("b", 1), 1),
        (asset("a", 1), asset("a", 1) + asset("b", 1), 1),
    ],
    ids=["under another key", "with parameters that changed places", "of what is gone", "beside it"],
)
def test_what_is_a_head_is_taken_by_another_asset_of_the_task(workspace, load, before, after, reused):
    tally(workspace, load(TASK + before))
    assert tally(workspace, load(TASK + after)) == (0, reused)


def test_a_value_outside_the_key_makes_a_head(workspace, load):
    loaded = load("@asset(unkeyed=['threads'])\ndef a(*, threads: int = 1) -> int:\n    return 1\n")
    assert tally(workspace, loaded, "a.threads=8") == (1, 0)
    assert tally(workspace, loaded) == (0, 0)
