"""Two deployers at once: each decides on what the other has recorded."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from crash.conftest import facts_of
from latewood.commands.ahead import Ahead
from latewood.commands.deploying import deploy_loaded, deploy_together
from latewood.commands.environments import create, promote
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.renaming import rename
from latewood.commands.sharing import resolver
from latewood.commands.views import view_of
from latewood.engine.loading.loader import load_file
from latewood.errors import DefinitionsInvalid, UsageError
from latewood.events import AssetDropped, DeploymentCreated, EnvironmentDeployed, RunRequested

ASSET = "@asset\ndef {}() -> int: return 1\n"


def between(workspace, act: Callable[[], object]):
    """The workspace of a deployer who has read and not yet written when `act` happens, once."""
    acts = [act]

    def clock():
        if acts:
            acts.pop()()
        return workspace.clock()

    return replace(workspace, clock=clock)


def of_type(workspace, type_):
    return [fact for fact in facts_of(workspace.log) if isinstance(fact, type_)]


@pytest.mark.parametrize("known", [False, True], ids=["new", "recorded before"])
def test_who_comes_second_decides_on_what_the_first_has_recorded(workspace, load, known):
    first, mine, theirs = (load(ASSET.format(name)) for name in ("first", "mine", "theirs"))
    if known:
        deploy_loaded(workspace, mine)
    deploy_loaded(workspace, first)

    deployed = deploy_loaded(between(workspace, lambda: deploy_loaded(workspace, theirs)), mine)

    pointed = of_type(workspace, EnvironmentDeployed)
    assert [fact.previous for fact in pointed] == ["", *(fact.deployment for fact in pointed[:-1])]
    assert (pointed[-1].deployment, len(pointed)) == (deployed.deployment, 4 if known else 3)
    assert deployed.dropped == ("theirs",)
    assert list(view_of(workspace).catalog.assets) == ["mine"]


@pytest.fixture
def file(tmp_path):
    """Writes a location of its own that defines these assets, and loads it."""

    def write(name, *assets):
        path = tmp_path / name
        path.write_text("from latewood import *\n" + "".join(ASSET.format(asset) for asset in assets))
        return load_file(path, root=tmp_path)

    return write


def test_two_locations_that_were_loaded_at_once_do_not_both_define_an_asset(workspace, file):
    x, y = file("x.py", "a", "b"), file("y.py", "c", "a")
    with pytest.raises(DefinitionsInvalid, match=r'y.py:4: asset "a": another location defines it too; .*\n1 error'):
        deploy_loaded(between(workspace, lambda: deploy_loaded(workspace, x)), y)
    assert sorted(view_of(workspace).catalog.assets) == ["a", "b"]
    deploy_loaded(workspace, file("x.py", "b"))
    deploy_loaded(workspace, y)
    assert dict(view_of(workspace).locations) == {"a": "y.py", "b": "x.py", "c": "y.py"}


def test_a_run_records_the_deployment_that_it_executes(workspace, load):
    mine, theirs = load(ASSET.format("a")), load(ASSET.format("a").replace("1", "2"))
    deployed = []

    def meanwhile(mine):
        deployed.append(mine.deployment)
        deploy_loaded(workspace, theirs)

    materialize(workspace, prepare(workspace, mine, Asked(selection="*"), report=meanwhile))
    (requested,) = of_type(workspace, RunRequested)
    assert requested.deployments == {"assets.py": deployed[0]}


def test_an_asset_that_moved_between_locations_is_promoted_with_both(workspace, file):
    deploy_loaded(workspace, file("x.py", "a", "b"))
    create(workspace, "dev")
    dev = replace(workspace, environment="dev")
    for loaded in (file("x.py", "b"), file("y.py", "a", "c")):
        deploy_loaded(dev, loaded)
    with pytest.raises(UsageError, match=r"  a: x.py and y.py\n"):
        promote(workspace, "dev", "prod", "c")
    assert sorted(view_of(workspace).catalog.assets) == ["a", "b"]
    promote(workspace, "dev", "prod", "b or c")
    assert dict(view_of(workspace).locations) == {"a": "y.py", "b": "x.py", "c": "y.py"}


def test_the_same_definitions_from_both_are_recorded_once(workspace, load):
    mine = load(ASSET.format("mine"))
    deployed = deploy_loaded(between(workspace, lambda: deploy_loaded(workspace, mine)), mine)
    assert [fact.deployment for fact in of_type(workspace, DeploymentCreated)] == [deployed.deployment]
    assert len(of_type(workspace, EnvironmentDeployed)) == 1


def test_what_a_deployment_drops_is_told_and_comes_back_with_its_identity(workspace, load):
    first, second = load(ASSET.format("a") + ASSET.format("b")), load(ASSET.format("b"))
    before = deploy_loaded(workspace, first)
    assert before.dropped == ()
    assert deploy_loaded(workspace, second).dropped == ("a",)
    assert deploy_loaded(workspace, second).dropped == ()
    again = deploy_loaded(workspace, first)
    assert (again.deployment, again.ids) == (before.deployment, before.ids)
    assert [fact.key for fact in of_type(workspace, AssetDropped)] == ["a"]
    assert deploy_loaded(workspace, second).dropped == ("a",), "also when it was deployed before"


def test_several_are_deployed_or_none(workspace, file):
    x, y, theirs = file("x.py", "a"), file("y.py", "b"), file("z.py", "b")
    with pytest.raises(DefinitionsInvalid, match=r'y.py:2: asset "b": another location defines it too'):
        deploy_together(between(workspace, lambda: deploy_loaded(workspace, theirs)), [x, y])
    assert dict(view_of(workspace).locations) == {"b": "z.py"}
    with pytest.raises(DefinitionsInvalid, match='asset "b": another location defines it too'):
        deploy_together(workspace, [y, theirs])


def test_several_decide_again_on_what_was_recorded_meanwhile(workspace, file):
    x, y, theirs = file("x.py", "a"), file("y.py", "b"), file("y.py", "c")
    done = deploy_together(between(workspace, lambda: deploy_loaded(workspace, theirs)), [x, y])
    assert [found.dropped for found in done] == [(), ("c",)]
    assert [fact.deployment for fact in of_type(workspace, EnvironmentDeployed)][1:] == [d.deployment for d in done]
    before = len(facts_of(workspace.log))
    again = deploy_together(workspace, [y, x])
    assert [(d.deployment, d.ids, d.dropped) for d in again] == [(d.deployment, d.ids, ()) for d in reversed(done)]
    assert len(facts_of(workspace.log)) == before


def test_none_refers_to_a_deployment_that_never_was(workspace, tmp_path):
    (tmp_path / "x.py").write_text(f"from latewood import *\n{ASSET.format('a')}@task\ndef t() -> int: return 1\n")
    (tmp_path / "y.py").write_text('from latewood.sharing import task_ref\nb = task_ref("x.py:t").asset(key="b")\n')
    deploy_loaded(workspace, load_file(tmp_path / "x.py", root=tmp_path))
    (tmp_path / "x.py").write_text((tmp_path / "x.py").read_text().replace("def a", "def renamed"))

    ahead = Ahead(workspace, ["x.py", "y.py"])
    x = load_file(tmp_path / "x.py", root=tmp_path)
    ahead.add(x)
    y = load_file(tmp_path / "y.py", root=tmp_path, resolve=resolver(workspace, "y.py", ahead))
    rename(workspace, "a", "renamed")  # which is what it stands for now, and so it is another deployment
    before = facts_of(workspace.log)
    with pytest.raises(UsageError, match=r"x.py:t has become another one since y.py was loaded; nothing was deployed"):
        deploy_together(workspace, [x, y])
    assert facts_of(workspace.log) == before

    ahead = Ahead(workspace, ["x.py", "y.py"])
    ahead.add(x)
    y = load_file(tmp_path / "y.py", root=tmp_path, resolve=resolver(workspace, "y.py", ahead))
    made = deploy_together(workspace, [x, y])
    assert view_of(workspace).catalog["b"].task.shared.deployment == made[0].deployment
