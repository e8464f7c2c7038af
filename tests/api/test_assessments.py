"""What is remembered of an environment is what would be read anew, whatever happened in between."""

import random
from dataclasses import replace

import pytest

from latewood.commands.assessing import Assessments
from latewood.commands.deploying import deploy_loaded
from latewood.commands.heads import rollback
from latewood.commands.materializing import materialize, prepare
from latewood.commands.pinning import pin
from latewood.commands.planning import Asked
from latewood.commands.reading import read
from latewood.commands.retracting import retract
from latewood.commands.views import AsOf
from latewood.decide.staleness import assess
from latewood.errors import LatewoodError
from latewood.projections.snapshots import snapshot
from latewood.projections.states import latest_versions
from latewood_eventlog.log import OneSnapshot

DIAMOND = """
    days = Daily("2026-01-01", end="2026-01-04")

    @asset(partitions=days)
    def a(partition: PartitionKey) -> int:
        return {number} + int(partition[-1])

    @asset(partitions=days)
    def b(a: int, *, factor: int = 2) -> int:
        return a * factor

    @asset(partitions=days)
    def c(a: int) -> int:
        if {fails}:
            raise ValueError("no")
        return a % 2

    @asset
    def d(b: Partitioned[int], c: Partitioned[int]) -> int:
        return sum(value for _, value in b) + sum(value for _, value in c)

    @check(d, blocking=True)
    def is_small(d: int) -> bool:
        return d < {limit}

    @asset
    def alone() -> int:
        return 1
"""


def told(assessment):
    return {
        key: (found.status, dict(found.by_status), dict(found.by_reasons), assessment.flags(key))
        for key, found in assessment.assessed.items()
    }


@pytest.mark.parametrize("seed", range(6))
def test_what_is_remembered_is_what_would_be_read(workspace, load, seed):
    chance, assessments = random.Random(seed), Assessments()
    loaded = load(DIAMOND.format(number=1, fails=False, limit=1_000))
    materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))
    assessments.at(workspace)
    past = []

    def run():
        selection = chance.choice(["*", "a", "b", "c+", "d", "alone", "+d"])
        materialize(workspace, prepare(workspace, loaded, Asked(selection=selection, force=chance.random() < 0.3)))

    def change():
        nonlocal loaded
        number, fails, limit = chance.randint(1, 3), chance.random() < 0.4, chance.choice([1, 1_000])
        loaded = load(DIAMOND.format(number=number, fails=fails, limit=limit))
        deploy_loaded(workspace, loaded)

    def back():
        rollback(workspace, chance.choice("abcd"), to=chance.randint(1, workspace.log.position()))

    def refuse():
        with snapshot(workspace.log) as connection:
            versions = latest_versions(connection, workspace.project, limit=20)
        retract(workspace, chance.choice(versions), reason="wrong")

    def fix():
        pin(workspace, [f"b.factor={chance.randint(1, 3)}"])

    for _ in range(14):
        try:
            chance.choice([run, run, run, run, change, back, back, refuse, fix])()
        except LatewoodError:
            continue  # nothing to go back to, or blocked
        if chance.random() < 0.7:
            assert told(assessments.at(workspace)) == told(read(workspace))
            past.append((workspace.log.position(), told(read(workspace))))
    for position, then in past:
        found = told(assessments.at(workspace, AsOf(position)))
        assert {key: entry[:3] for key, entry in found.items()} == {key: entry[:3] for key, entry in then.items()}


def test_only_what_happened_is_read_again(workspace, load, monkeypatch):
    loaded = load(DIAMOND.format(number=1, fails=False, limit=1_000))
    materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))
    assessments, seen = Assessments(), []

    def assessed(catalog, state):
        seen.append(set(catalog))
        return assess(catalog, state)

    monkeypatch.setattr("latewood.commands.reading.assess", assessed)
    assessments.at(workspace)
    assessments.at(workspace)
    assert seen == [{"a", "b", "c", "d", "alone"}], "nothing happened"
    materialize(workspace, prepare(workspace, loaded, Asked(selection="alone", force=True)))
    seen.clear()
    assert assessments.at(workspace).assessed["alone"].status == "fresh"
    assert seen == [{"alone"}]


def test_who_sees_less_than_what_is_remembered_gets_what_they_see(workspace, load):
    loaded = load(DIAMOND.format(number=1, fails=False, limit=1_000))
    deploy_loaded(workspace, loaded)
    assessments = Assessments()
    with snapshot(workspace.log) as connection:
        early = replace(workspace, log=OneSnapshot(workspace.log, connection))
        assert assessments.at(early).assessed["alone"].status == "missing"
        materialize(workspace, prepare(workspace, loaded, Asked(selection="alone")))
        assert assessments.at(workspace).assessed["alone"].status == "fresh"
        assert assessments.at(early).assessed["alone"].status == "missing"
    assert assessments.at(workspace).assessed["alone"].status == "fresh"
