"""An event is of bounded size: what is longer is recorded in parts, or by address, or refused before anything is."""

from dataclasses import replace
from itertools import count

import pytest

from crash.conftest import facts_of
from latewood.commands.heads import rollback
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.errors import UsageError
from latewood.events import HeadsMoved, RunStatus, StepStarted
from latewood.model.keys import RunId


def made(workspace, loaded, selection="*", **asked):
    return materialize(workspace, prepare(workspace, loaded, Asked(selection=selection, **asked)))


def test_many_inputs_of_many_versions_each(workspace, load):
    numbers = count()
    long_names = replace(workspace, new_run=lambda: RunId(f"{next(numbers):0150}"))
    assets = "".join(f"@asset(partitions=DAYS)\ndef a{n}() -> int:\n    return 1\n" for n in range(20))
    inputs = ", ".join(f"a{n}: Partitioned[int]" for n in range(20))
    loaded = load(
        f"DAYS = Daily('2026-01-01', '2026-01-25')\n{assets}@asset\ndef report({inputs}) -> int:\n    return len(a0)\n"
    )
    for day in range(1, 25):
        made(long_names, loaded, "a*", partition=f"2026-01-{day:02}")
    assert made(long_names, loaded, "report").status is RunStatus.SUCCEEDED
    read = facts_of(workspace.log)[-3]
    assert isinstance(read, StepStarted)
    stored = [fact for fact in read.inputs.values() if fact.versions.startswith("@")]
    assert 0 < len(stored) < 20


def test_a_rollback_of_many_long_keys(workspace, load):
    source = (
        "KEYS = Static([f's3://bucket/{{\"folder/\" * 14}}{{n}}' for n in range(500)])\n"
        "@asset(partitions=KEYS)\ndef a() -> int:\n    return {}\n"
    )
    made(workspace, load(source.format(1)))
    before = workspace.log.position()
    made(workspace, load(source.format(2)))
    assert len(rollback(workspace, "a", to=before).moves) == 500
    moved = [fact for fact in facts_of(workspace.log) if isinstance(fact, HeadsMoved)]
    told = [
        partition for fact in moved for moves in fact.moves.values() for keys in moves.values() for partition in keys
    ]
    assert len(moved) == 2
    assert len(set(told)) == len(told) == 500


@pytest.mark.parametrize(("each", "assets"), [(70_000, 1), (16_000, 4)])
def test_values_that_no_event_holds_are_refused_before_the_run(workspace, load, each, assets):
    loaded = load("".join(f"@asset\ndef a{n}(*, text: str = '') -> int:\n    return 1\n" for n in range(assets)))
    given = tuple(f"a{n}.text={'x' * each}" for n in range(assets))
    with pytest.raises(UsageError, match=r"expected at most 16,384 bytes .* pass its path"):
        made(workspace, loaded, parameters=given)
    assert not [fact for fact in facts_of(workspace.log) if isinstance(fact, StepStarted)]
