"""A decision is recorded while others write, as long as they do not move what it was decided on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from crash.conftest import facts_of
from latewood.commands.collecting import collect
from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import PromotionRefused, create, drop, promote
from latewood.commands.heads import rollback
from latewood.commands.materializing import materialize, prepare
from latewood.commands.observing import report
from latewood.commands.planning import Asked
from latewood.engine.running.recorder import new_event
from latewood.errors import UsageError
from latewood.events import (
    ArtifactsCollected,
    AssetObserved,
    EnvironmentPromoted,
    HeadsMoved,
    RunRequested,
    VersionAccepted,
)
from latewood.model.keys import AssetId, RunId, VersionId
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Batch, StreamAppend

OFTEN = 120
FLOW = "@asset\ndef a() -> int:\n    return {0}\n\n@asset\ndef b() -> int:\n    return -{0}\n"


class Busy(EventLog):
    """Before each decision that is held against a position, somebody else is faster: this many times."""

    def __init__(self, workspace, act, times=OFTEN) -> None:
        super().__init__(workspace.log.engine, PROJECTIONS, UPCASTERS)
        self.acts = [act] * times

    def append(self, batch: Batch):
        if batch.at is not None and self.acts:
            self.acts.pop()(len(self.acts))
        return super().append(batch)


def run(workspace, load, n):
    materialize(workspace, prepare(workspace, load(FLOW.format(n)), Asked(selection="*")))


def tell(workspace, fact, n, project="default"):
    event = new_event(fact, project=project, stream="test", name=(n,), at=workspace.clock(), actor="test")
    workspace.log.append(Batch(appends=(StreamAppend(project=project, stream="test", events=(event,)),)))


def requested(n):
    return RunRequested(run=RunId(f"run{n}"), environment="prod", selection="*", deployments={})


def accepted(n, asset, environment="prod"):
    return VersionAccepted(
        run=RunId(f"run{n}"), step=0, environment=environment, asset=AssetId(asset), version=VersionId("x"), head=False
    )


def of_type(workspace, type_):
    return [fact for fact in facts_of(workspace.log) if isinstance(fact, type_)]


@pytest.fixture
def made_twice(workspace, load):
    """`a` and `b` made twice in prod, then once in its branch dev; where the log ended after the first time."""
    run(workspace, load, 1)
    first = workspace.log.position()
    run(workspace, load, 2)
    create(workspace, "dev")
    run(replace(workspace, environment="dev"), load, 3)
    return first


UNRELATED = {
    "another project": lambda workspace, n: tell(workspace, accepted(n, "a"), n, project="another"),
    "a run begins": lambda workspace, n: tell(workspace, requested(n), n),
    "another environment": lambda workspace, n: tell(workspace, accepted(n, "a", "elsewhere"), n),
}


@pytest.mark.parametrize("what", UNRELATED)
def test_who_promotes_or_rolls_back_need_not_wait_for_others(workspace, made_twice, what):
    for act in (
        lambda busy: promote(busy, "dev", "prod"),
        lambda busy: rollback(busy, "a", to=made_twice),
    ):
        before = len(of_type(workspace, HeadsMoved) + of_type(workspace, EnvironmentPromoted))
        start = workspace.log.position()
        log = Busy(workspace, lambda n, start=start: UNRELATED[what](workspace, start + n))
        act(replace(workspace, log=log))
        assert not log.acts, "each of them was there first"
        assert len(of_type(workspace, HeadsMoved) + of_type(workspace, EnvironmentPromoted)) == before + 1


def test_an_asset_is_rolled_back_while_a_run_makes_others(workspace, made_twice):
    log = Busy(workspace, lambda n: tell(workspace, accepted(n, "other"), n))
    assert rollback(replace(workspace, log=log), "a", to=made_twice).moves
    assert not log.acts


def test_artifacts_are_collected_while_another_project_works(workspace, made_twice):
    later = replace(workspace, clock=lambda: workspace.log.read_positions([1])[0].recorded_at + timedelta(days=31))
    log = Busy(workspace, lambda n: tell(workspace, accepted(n, "a"), n, project="another"))
    collect(replace(later, log=log), older_than=timedelta(days=1))
    assert not log.acts
    assert len(of_type(workspace, ArtifactsCollected)) == 1


def test_a_promotion_is_decided_again_when_somebody_moves_a_head_of_the_target(workspace, made_twice, load):
    log = Busy(workspace, lambda _: run(workspace, load, 4), times=1)
    with pytest.raises(PromotionRefused):
        promote(replace(workspace, log=log), "dev", "prod")
    assert not log.acts
    assert of_type(workspace, EnvironmentPromoted) == []


def test_a_rollback_is_decided_again_when_somebody_moves_the_head(workspace, made_twice, load):
    log = Busy(workspace, lambda _: run(workspace, load, 4), times=1)
    done = rollback(replace(workspace, log=log), "b", to=made_twice)
    assert not log.acts
    assert {old.partition(".")[0] for old, _ in done.moves.values()} == {of_type(workspace, RunRequested)[-1].run}


def test_two_who_decide_at_the_same_position_both_roll_back(workspace, made_twice):
    log = Busy(workspace, lambda _: rollback(workspace, "b", to=made_twice), times=1)
    assert rollback(replace(workspace, log=log), "a", to=made_twice).moves
    assert not log.acts
    assert len({asset for fact in of_type(workspace, HeadsMoved) for asset in fact.moves}) == 2


FEED = """
from latewood.external import external_asset

feed = external_asset("feed")

@asset(deps=[feed])
def a() -> int:
    return 1
"""
OVERTAKING = {
    "drops the environment": lambda workspace, _: drop(workspace, "dev", force=True),
    "deploys it as an asset": lambda workspace, load: deploy_loaded(workspace, load(MADE)),
    "deploys it no more": lambda workspace, load: deploy_loaded(workspace, load(FLOW.format(1))),
}
MADE = "@asset\ndef feed() -> int:\n    return 1\n"


@pytest.mark.parametrize("how", OVERTAKING)
def test_what_was_seen_of_an_asset_that_is_external_no_more_is_not_recorded(workspace, load, how):
    deploy_loaded(workspace, load(FEED))
    create(workspace, "dev")
    dev = replace(workspace, environment="dev")
    busy = replace(dev, log=Busy(dev, lambda _: OVERTAKING[how](dev, load), times=1))
    with pytest.raises(UsageError, match=r'"feed" is no external asset of dev any more|no environment "dev"'):
        report(busy, "feed", data_version="monday")
    assert of_type(workspace, AssetObserved) == []


def test_what_was_seen_is_recorded_though_others_deploy_and_observe(workspace, load):
    deploy_loaded(workspace, load(FEED))

    def other(n):
        deploy_loaded(workspace, load(f"{FEED}    # {n}\n\n@asset\ndef b{n}() -> int:\n    return 1\n"))
        report(workspace, "feed", data_version=f"by others {n}")

    busy = replace(workspace, log=Busy(workspace, other, times=3))
    report(busy, "feed", data_version="monday")
    assert [fact.data_version for fact in of_type(workspace, AssetObserved)][-1] == "given:monday"
    assert len(of_type(workspace, AssetObserved)) == 4
