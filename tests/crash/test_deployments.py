"""What was deployed is listed and compared, and an environment goes back to it by an event that runs nothing."""

import gzip
from dataclasses import replace

import pytest

from crash.conftest import facts_of, lose_code, workspace_on
from latewood.commands.deployed_code import CodeGone
from latewood.commands.deploying import deploy_loaded
from latewood.commands.deployments import deployment_named, differing, listed, roll_back
from latewood.commands.environments import create
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.reading import read
from latewood.decide.staleness import Status
from latewood.engine.loading.loader import load_file
from latewood.engine.storage.archives import packed
from latewood.errors import UsageError
from latewood.events import Action, DeploymentCreated, EnvironmentDeployed
from latewood.serving.requesting import request
from latewood_eventlog.log import EventLog

SHOP = """
days = Daily("2024-01-01", "2024-01-04")

@asset
def orders() -> int:
    return {orders}

@asset(partitions=days)
def sales(orders: int) -> int:
    return orders
"""


@pytest.fixture
def made(workspace, load):
    """Deploys and makes all of a shop with that number of orders; its deployment."""

    def make(orders, more=""):
        prepared = prepare(workspace, load(SHOP.format(orders=orders) + more), Asked(selection="*"))
        materialize(workspace, prepared)
        return prepared.deployed.deployment

    return make


def test_deployments_are_listed_newest_first_with_who_has_them(workspace, made):
    first = made(1)
    create(workspace, "dev")
    second = made(2, "@asset\ndef extra() -> int:\n    return 1\n")
    newest, oldest = listed(workspace, limit=10)
    assert [each.deployment.deployment for each in (newest, oldest)] == [second, first]
    assert (newest.environments, oldest.environments) == (("prod",), ("dev",))
    assert (oldest.deployment.assets, oldest.changed, oldest.dropped) == (2, 2, 0)
    assert (newest.deployment.assets, newest.changed, newest.dropped) == (3, 2, 0)
    assert newest.deployment.actor == "test"
    assert listed(workspace, "assets.py", limit=1)[0].deployment.deployment == second
    with pytest.raises(UsageError, match=r'location "asset\.py"; near: assets.py'):
        listed(workspace, "asset.py", limit=10)


def test_a_deployment_is_named_by_its_beginning(workspace, made):
    first = made(1)
    assert deployment_named(workspace, first[:6]).deployment == first
    with pytest.raises(UsageError, match="no deployment"):
        deployment_named(workspace, "zzz")
    with pytest.raises(UsageError, match="no deployment"):
        deployment_named(workspace, "")


def test_two_are_compared_by_function(workspace, made):
    first, second = made(1), made(2, "@asset\ndef extra() -> int:\n    return 1\n")
    found = differing(workspace, *(deployment_named(workspace, name) for name in (first, second)))
    assert [tuple(each) for each in found.added] == [("asset", "extra")]
    (changed,) = found.changed
    assert (changed.name, [change.name for change in changed.code]) == ("orders", ["assets.py:orders"])


def test_going_back_is_one_event_that_runs_nothing_and_says_what_is_stale_by_it(workspace, made):
    first, second = made(1), made(2, "@asset\ndef extra() -> int:\n    return 1\n")
    before = facts_of(workspace.log)
    done = roll_back(workspace, "assets.py", first[:8])
    (fact,) = facts_of(workspace.log)[len(before) :]
    assert fact == EnvironmentDeployed(environment="prod", location="assets.py", deployment=first, previous=second)
    assert (done.dropped, done.added, done.fresh) == (("extra",), (), {})
    assert done.stale == {"orders": "", "sales": "2024-01-01..2024-01-03"}
    assert read(workspace).assessed["orders"].status is Status.STALE
    again = roll_back(workspace, "assets.py", second)
    assert (again.stale, again.fresh, again.added) == ({}, {**done.stale, "extra": ""}, ("extra",))


class _Overtaken(EventLog):
    """A log to which somebody else appends first, once."""

    def __init__(self, log, first):
        super().__init__(log.engine, log.projections, log.upcasters)
        self._first = [first]

    def append(self, batch):
        while self._first:
            self._first.pop()()
        return super().append(batch)


def test_who_is_overtaken_by_a_deployment_goes_back_from_that_one(workspace, made, load):
    first, second = made(1), made(2)
    overtaken = _Overtaken(workspace.log, lambda: deploy_loaded(workspace, load(SHOP.format(orders=3))))
    done = roll_back(workspace_on(overtaken, workspace.store), "assets.py", first)
    pointed = [fact for fact in facts_of(workspace.log) if isinstance(fact, EnvironmentDeployed)]
    third = pointed[-2].deployment
    assert len({first, second, third}) == 3
    assert (done.before, pointed[-1].previous, pointed[-1].deployment) == (third, third, first)


def test_what_an_environment_has_already_is_no_event(workspace, made):
    first = made(1)
    before = workspace.log.position()
    assert roll_back(workspace, "assets.py", first).is_as_before
    assert workspace.log.position() == before


def test_what_was_gone_back_from_is_deployed_again_as_it_was(workspace, made, load):
    first, second = made(1), made(2)
    roll_back(workspace, "assets.py", first)
    assert deploy_loaded(workspace, load(SHOP.format(orders=2))).deployment == second
    assert len([fact for fact in facts_of(workspace.log) if isinstance(fact, DeploymentCreated)]) == 2


def test_nothing_is_gone_back_to_that_another_location_defines_or_whose_source_is_gone(workspace, made, tmp_path):
    first = made(1, "@asset\ndef moved() -> int:\n    return 1\n")
    made(1)
    (tmp_path / "other.py").write_text("from latewood import asset\n@asset\ndef moved() -> int:\n    return 1\n")
    deploy_loaded(workspace, load_file(tmp_path / "other.py", root=tmp_path))
    before = workspace.log.position()
    with pytest.raises(UsageError, match=r"defines moved, which other.py defines in prod by now"):
        roll_back(workspace, "assets.py", first)
    lose_code(workspace)
    with pytest.raises(UsageError, match="is not in the artifact store any more"):
        roll_back(workspace, "assets.py", first)
    with pytest.raises(UsageError, match=r'no deployment "zz" of other\.py'):
        roll_back(workspace, "other.py", "zz")
    assert workspace.log.position() == before


def test_of_code_that_is_gone_nothing_can_be_asked_for_until_the_same_is_deployed_again(workspace, load, asked_for):
    prepared = prepare(workspace, load(SHOP.format(orders=1)), Asked(selection="*"))
    lose_code(workspace)
    before = workspace.log.position()
    with pytest.raises(
        CodeGone, match=r"^the source of assets.py as deployed in \w+ is not in .* \(\w+\.tar\.gz\); deploy the same"
    ):
        request(workspace, prepared)
    assert workspace.log.position() == before
    asked = asked_for(SHOP.format(orders=1))  # which deploys it
    assert asked.steps == 4
    assert workspace.log.position() == before + 2, "the request and its plan: to put it back is no event"


def test_what_others_have_packed_into_other_bytes_is_found(workspace, load):
    prepared = prepare(workspace, load(SHOP.format(orders=1)), Asked(selection="*"))
    lose_code(workspace)
    other = gzip.compress(gzip.decompress(packed(prepared.loaded.sources)), compresslevel=1, mtime=0)
    workspace.store.commit([workspace.store.stage(other, "tar.gz")])
    assert request(workspace, prepared).steps == 4


def test_what_is_reused_needs_no_code(workspace, made, load):
    made(1)
    create(workspace, "dev", base="")
    dev = replace(workspace, environment="dev")
    prepared = prepare(dev, load(SHOP.format(orders=1)), Asked(selection="*"))
    assert prepared.plan.counts[Action.REUSE] == 4
    lose_code(workspace)
    assert request(dev, prepared).steps == 4
