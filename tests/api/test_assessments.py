"""What is remembered of an environment is what would be read anew, whatever happened in between."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from api.happenings import DIAMOND, happening
from latewood.commands.assessing import Assessments, _read_all
from latewood.commands.deploying import deploy_loaded
from latewood.commands.materializing import materialize, prepare
from latewood.commands.pinning import pin
from latewood.commands.planning import Asked
from latewood.commands.pools import set_pool
from latewood.commands.reading import read
from latewood.commands.views import AsOf
from latewood.decide.staleness import assess
from latewood.projections.snapshots import snapshot
from latewood_eventlog.log import OneSnapshot


def told(assessment):
    return {
        key: (found.status, dict(found.by_status), dict(found.by_reasons), assessment.flags(key))
        for key, found in assessment.assessed.items()
    }


def made_at(found):
    heads = {key: found.state.heads.get(id_, {}).values() for key, id_ in found.view.ids.items()}
    return {key: max(head.made_at for head in of) for key, of in heads.items() if of}


@pytest.mark.parametrize("seed", range(6))
def test_what_is_remembered_is_what_would_be_read(workspace, load, seed):
    assessments, past = Assessments(), []
    for chance in happening(workspace, load, seed):
        if chance.random() < 0.7:  # so that several things happen between two looks, too
            found, anew = assessments.at(workspace), read(workspace)
            assert told(found) == told(anew)
            assert found.made_at == made_at(anew)
            past.append((workspace.log.position(), told(anew)))
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
    assert [len(assets) for assets in seen] == [11], "nothing happened"
    materialize(workspace, prepare(workspace, loaded, Asked(selection="lonely", force=True)))
    seen.clear()
    assert assessments.at(workspace).assessed["lonely"].status == "fresh"
    assert seen == [{"lonely"}]


def test_what_the_first_page_shows_is_read_when_serving_begins(api, load, monkeypatch):
    deploy_loaded(api.workspace, load(DIAMOND.format(number=1, fails=False, limit=1_000)))
    read_anew, is_read = [], threading.Event()

    def counted(*asked):
        read_anew.append(_read_all(*asked))
        is_read.set()
        return read_anew[-1]

    monkeypatch.setattr("latewood.commands.assessing._read_all", counted)
    with api.client:  # begins to serve
        assert is_read.wait(30)
        assert len(api.environment("assetGraph { keys }")["assetGraph"]["keys"]) == 11
    assert len(read_anew) == 1


def test_who_sees_less_since_they_waited_has_nothing_read_anew(workspace, load, monkeypatch):
    deploy_loaded(workspace, load(DIAMOND.format(number=1, fails=False, limit=1_000)))
    assessments, read_anew = Assessments(), []
    assessments.at(workspace)
    monkeypatch.setattr("latewood.commands.assessing._read_all", lambda *_: read_anew.append(1))
    with snapshot(workspace.log) as connection:
        waiting = replace(workspace, log=OneSnapshot(workspace.log, connection))
        end = waiting.log.position()
        set_pool(workspace, "db", 1)
        assert assessments.at(workspace).view.position > end
        assert assessments.at(waiting).view.position == end
    assert read_anew == []


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


def test_what_an_optional_output_was_not_made_for_reaches_its_readers(workspace, load):
    loaded = load(DIAMOND.format(number=1, fails=False, limit=1_000))
    materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))
    assessments = Assessments()
    assert assessments.at(workspace).assessed["of_odd"].status == "fresh"
    pin(workspace, ["parted/kept.twist=2"])
    assessments.at(workspace)
    materialize(workspace, prepare(workspace, loaded, Asked(selection="parted/kept")))
    assert told(assessments.at(workspace)) == told(read(workspace))
    assert "waiting" in assessments.at(workspace).flags("of_odd")


GROWING = """
    from datetime import timedelta

    @asset(partitions=Daily("2026-01-01"))
    def day(partition: PartitionKey) -> int:
        return 1

    @asset(reuse=timedelta(days=3))
    def short_lived() -> int:
        return 1

    @asset
    def total(day: Partitioned[int]) -> int:
        return len(day)

    @asset
    def plain() -> int:
        return 1
"""


def test_what_changes_as_time_goes_by_is_read_again_then_and_not_before(workspace, load, monkeypatch):
    start, passed, seen = workspace.clock().replace(hour=12), [timedelta(0)], []
    workspace = replace(workspace, clock=lambda: start + passed[-1])
    materialize(workspace, prepare(workspace, load(GROWING), Asked(selection="*")))
    assessments = Assessments()
    assert assessments.at(workspace).assessed["day"].status == "fresh"

    def assessed(catalog, state):
        seen.append(set(catalog))
        return assess(catalog, state)

    monkeypatch.setattr("latewood.commands.reading.assess", assessed)
    for hours, again in ((6, []), (13, [{"day", "total"}]), (14, []), (80, [{"day", "total", "short_lived"}])):
        passed.append(timedelta(hours=hours))
        found = assessments.at(workspace)
        assert seen == again, hours
        assert told(found) == told(read(workspace)), hours
        seen.clear()
    assert (found.assessed["day"].status, found.assessed["plain"].status) == ("missing", "fresh")
