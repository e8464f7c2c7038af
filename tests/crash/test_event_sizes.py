"""An event is of bounded size: what is longer is recorded in parts, or by address, or refused before anything is."""

from dataclasses import replace
from itertools import count

import pytest

from crash.conftest import facts_of
from latewood.commands.deploying import deploy_loaded
from latewood.commands.heads import rollback
from latewood.commands.materializing import materialize, prepare
from latewood.commands.partitioning import add_keys, list_keys, remove_keys
from latewood.commands.planning import Asked
from latewood.commands.reading import read
from latewood.errors import DefinitionsInvalid, UsageError
from latewood.events import AssetDefined, HeadsMoved, PartitionsAdded, RunStatus, StepStarted
from latewood.model.keys import RunId
from latewood_eventlog.audit import verify


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


def test_keys_of_dynamic_partitions_share_events_as_far_as_they_fit(workspace, load):
    source = "from latewood.partitions import *\n@asset(partitions=Dynamic('regions'))\ndef a() -> int:\n    return 1\n"
    deploy_loaded(workspace, load(source))
    short, long = [f"s{n}" for n in range(4_000)], [f"{n:03}" + "\U0001f332" * 190 for n in range(100)]
    add_keys(workspace, "regions", short)
    add_keys(workspace, "regions", long)
    remove_keys(workspace, "regions", short)

    told = [fact for fact in facts_of(workspace.log) if isinstance(fact, PartitionsAdded)]
    assert [len(fact.keys) for fact in told] == [4_000, 64, 36]
    assert [key for fact in told for key in fact.keys] == short + long
    assert [row.key for row in list_keys(workspace, "regions") if row.present] == long


@pytest.mark.parametrize(("each", "assets"), [(70_000, 1), (16_000, 4)])
def test_values_that_no_event_holds_are_refused_before_the_run(workspace, load, each, assets):
    loaded = load("".join(f"@asset\ndef a{n}(*, text: str = '') -> int:\n    return 1\n" for n in range(assets)))
    given = tuple(f"a{n}.text={'x' * each}" for n in range(assets))
    with pytest.raises(UsageError, match=r"expected at most 16,384 bytes .* pass its path"):
        made(workspace, loaded, parameters=given)
    assert not [fact for fact in facts_of(workspace.log) if isinstance(fact, StepStarted)]


LONG = """
KEYS = Static([f'Kunde "Größe {{n:06}}"' for n in range({})])
@asset(partitions=KEYS)
def a() -> int:
    return {}
"""


def test_a_definition_longer_than_an_event_is_recorded_in_parts(workspace, load):
    for keys, value in ((4_000, 1), (4_001, 1), (3, 2), (4_000, "1  # again")):
        loaded = load(LONG.format(keys, value))
        assert made(workspace, loaded, partition='Kunde "Größe 000001"').status is RunStatus.SUCCEEDED
        assert read(workspace).view.catalog["a"] == loaded.assets[0]
    parts = [(fact.part, fact.parts) for fact in facts_of(workspace.log) if isinstance(fact, AssetDefined)]
    assert len(set(parts)) > 5
    assert (1, 1) in parts
    verify(workspace.log.engine, workspace.log.projections)


def test_the_code_of_many_functions(workspace, load):
    functions = "".join(f"def a_function_with_a_name_{n}() -> int:\n    return {n}\n" for n in range(800))
    calls = " + ".join(f"a_function_with_a_name_{n}()" for n in range(800))
    loaded = load(f"{functions}@asset\ndef a() -> int:\n    return {calls}\n")
    made(workspace, loaded)
    assert read(workspace).view.catalog["a"] == loaded.assets[0]


@pytest.mark.parametrize(
    "source",
    [
        "@asset\ndef a(*, text: str = 'x' * 70_000) -> int: return 1\n",
        """
@task
def length(*, text: str) -> int: return len(text)
@workflow
def flow() -> int: return length(text="x" * 70_000)
""",
    ],
)
def test_values_in_code_that_no_event_holds_are_refused_where_they_stand(load, source):
    with pytest.raises(DefinitionsInvalid, match=r"^assets\.py:\d+: asset .* at most 16,384 bytes, found 70,011; put"):
        load(source)


def test_a_launch_plan_that_no_event_holds_is_refused_where_it_stands(load):
    with pytest.raises(DefinitionsInvalid, match=r'^assets\.py:\d+: launch plan "long": .* at most 49,152 bytes'):
        load("""
        @task
        def length(*, text: str) -> int: return len(text)
        @workflow
        def flow(text: str) -> int: return length(text=text)
        long = LaunchPlan("long", flow, fixed={"text": "x" * 60_000})
        """)
