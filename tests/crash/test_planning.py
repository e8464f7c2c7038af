"""Planning: nothing is recorded, and files are what they are to the location that names them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import environments
from latewood.commands.explaining import plan_changes, why
from latewood.commands.heads import promote_version
from latewood.commands.materializing import materialize, prepare
from latewood.commands.page import asset_page
from latewood.commands.planning import Asked, plan_loaded
from latewood.commands.reading import read
from latewood.commands.views import AsOf, moment_meant
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file
from latewood.engine.running.recorder import new_event
from latewood.engine.storage.file_hash import content_of
from latewood.errors import DefinitionsInvalid, UsageError
from latewood.events import RunPlanned, from_json
from latewood.model.keys import RunId
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.projections.versions import contents_seen
from latewood_eventlog.records import Batch, StreamAppend

EVERYTHING = Asked(selection="*")
SHOP = """
from latewood import asset

def rate(): return {rate}

@asset
def orders() -> int: return 7

@asset
def turnover(orders: int) -> int: return orders * rate()

@asset
def headline(turnover: int) -> str: return f"{{turnover}} sold"
"""
MORE = "@asset\ndef more() -> int: return 1\n"


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Loaded]:
    """Writes a file of definitions and loads it; in a folder of that name, which is its root then."""

    def write(name: str, source: str, root: str = "") -> Loaded:
        (tmp_path / root).mkdir(exist_ok=True)
        (tmp_path / root / name).write_text(source)
        return load_file(tmp_path / root / name, root=tmp_path / root)

    return write


def traces(workspace) -> tuple[int, list[Path], list[str]]:
    """What there is in the log, the store and the environments."""
    stored = sorted(workspace.store.directory.rglob("*")) if workspace.store.directory.exists() else []
    return workspace.log.position(), stored, list(map(str, environments(workspace)))


def actions(made) -> dict[str, str]:
    return {task.node.keys[0]: task.groups[0].action.value for task in made.tasks}


def test_a_plan_leaves_no_trace_and_is_what_deploying_and_planning_gives(workspace, file):
    for source in (SHOP.format(rate=2), SHOP.format(rate=3) + MORE):
        loaded, before = file("shop.py", source), traces(workspace)
        view, made = plan_loaded(workspace, loaded, EVERYTHING)
        changes = plan_changes(workspace, view, made)
        assert traces(workspace) == before

        prepared = prepare(workspace, loaded, EVERYTHING)
        assert made.tasks == prepared.plan.tasks
        assert view.ids == prepared.view.ids
        assert changes == plan_changes(workspace, prepared.view, prepared.plan)
        materialize(workspace, prepared)
    assert [change.name for found in changes.values() for change in found.code] == ["shop.py:rate"]
    assert actions(made) == {"orders": "fresh", "turnover": "run", "headline": "depends", "more": "run"}


def test_a_plan_for_an_environment_that_is_not_there_does_not_begin_it(workspace, file):
    loaded = file("shop.py", SHOP.format(rate=2))
    materialize(workspace, prepare(workspace, loaded, EVERYTHING))
    before, dev = traces(workspace), replace(workspace, environment="dev")
    assert set(actions(plan_loaded(dev, loaded, EVERYTHING)[1]).values()) == {"reuse"}
    assert traces(workspace) == before
    with pytest.raises(UsageError, match='no environment "dev", only prod'):
        read(dev)


def test_what_a_plan_selects_by_status_is_of_the_definitions_it_is_for(workspace, file):
    materialize(workspace, prepare(workspace, file("shop.py", SHOP.format(rate=2)), EVERYTHING))
    _, made = plan_loaded(workspace, file("shop.py", SHOP.format(rate=3)), Asked(selection="status:stale"))
    assert actions(made) == {"turnover": "run", "headline": "depends"}


def test_a_plan_refuses_what_deploying_would_refuse_and_says_what_it_would_drop(workspace, file):
    deploy_loaded(workspace, file("shop.py", SHOP.format(rate=2)))
    before = traces(workspace)
    other = file("other.py", "from latewood import asset\n\n@asset\ndef orders() -> int: return 1\n")
    with pytest.raises(DefinitionsInvalid, match=r'other.py:3: asset "orders": another location defines it too'):
        plan_loaded(workspace, other, EVERYTHING)
    fewer = file("shop.py", SHOP.format(rate=2).partition("@asset\ndef turnover")[0])
    view, _ = plan_loaded(workspace, fewer, EVERYTHING)
    assert view.foreseen is not None
    assert view.foreseen.deployed.dropped == ("headline", "turnover")
    assert traces(workspace) == before


def test_why_explains_definitions_that_are_not_deployed_as_if_they_were(workspace, file):
    materialize(workspace, prepare(workspace, file("shop.py", SHOP.format(rate=2)), EVERYTHING))
    edited, before = file("shop.py", SHOP.format(rate=3)), traces(workspace)

    found = why(workspace, "headline", loaded=edited)
    (cause,) = found.findings
    assert (found.foreseen, found.status.value, found.since) == ("shop.py", "stale", None)
    assert (cause.asset, cause.through, [c.name for c in cause.code]) == (
        "turnover",
        ("headline",),
        ["shop.py:rate"],
    )
    assert (why(workspace, "headline").foreseen, why(workspace, "headline").findings) == ("", ())
    with pytest.raises(UsageError, match="or a position of the past"):
        why(workspace, "headline", as_of=AsOf(before[0]), loaded=edited)
    assert traces(workspace) == before

    deploy_loaded(workspace, edited)
    deployed = why(workspace, "headline", loaded=edited)
    assert deployed == why(workspace, "headline")
    assert deployed.since is not None


READER = """
from pathlib import Path
from latewood import asset, check

@asset
def {key}(*, data: Path = Path("data.csv")) -> str: return data.read_text()

@check({key}, blocking=True)
def is_short({key}: str, *, limit: Path = Path("limit")) -> bool: return len({key}) < int(limit.read_text())
"""


def reader(file, tmp_path, root: str, *, data: str, key: str = "") -> Loaded:
    """A location that reads `data.csv` of its own root."""
    loaded = file(f"{root}.py", READER.format(key=key or root), root)
    (tmp_path / root / "data.csv").write_text(data)
    (tmp_path / root / "limit").write_text("20")
    return loaded


def test_no_transaction_is_open_while_files_are_looked_at(workspace, superuser_url, file, tmp_path):
    """A large folder takes longer to read than the server lets a transaction rest."""
    superuser = create_engine(superuser_url.url, poolclass=NullPool)
    in_transaction = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL "
        "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    seen: list[int] = []

    def looking(named: str, root: Path) -> str | None:
        with superuser.connect() as connection:
            seen.append(connection.execute(in_transaction).scalar_one())
        return content_of(named, root)

    watched = replace(workspace, content_of=looking)
    loaded = reader(file, tmp_path, "shop", data="1")
    first = materialize(watched, prepare(watched, loaded, EVERYTHING))
    (tmp_path / "shop" / "data.csv").write_text("2")
    acts: list[Callable[[], object]] = [
        lambda: materialize(watched, prepare(watched, loaded, EVERYTHING)),
        lambda: prepare(watched, loaded, Asked(selection="status:stale")),
        lambda: plan_loaded(watched, loaded, EVERYTHING),
        lambda: why(watched, "shop", loaded=loaded),
    ]
    # Without the code at hand files are looked at where the project's folder is the current one.
    acts += [lambda: read(watched), lambda: why(watched, "shop"), lambda: asset_page(watched, "shop")]
    acts += [lambda: promote_version(watched, f"{first.run}.0")]
    with pytest.MonkeyPatch.context() as place:
        place.chdir(tmp_path / "shop")
        (tmp_path / "shop" / "pyproject.toml").touch()
        for act in acts:
            before = len(seen)
            act()
            assert len(seen) > before
    assert set(seen) == {0}


def test_files_of_the_same_name_below_different_roots_are_different_files(workspace, file, tmp_path):
    one, two = (reader(file, tmp_path, root, data=root) for root in ("one", "two"))
    for loaded in (one, two, one, two):
        result = materialize(workspace, prepare(workspace, loaded, EVERYTHING))
        assert not result.tally.failed
    runs = [from_json(e.type, e.data) for e in workspace.log.read_all(limit=1_000) if e.type == "run.planned"]
    recorded = [fact.contents.keys() for fact in runs if isinstance(fact, RunPlanned)]
    assert recorded == [{"data.csv", "limit"}, {"data.csv", "limit"}, set(), set()]

    # Where neither is at hand both are as their runs last saw them.
    assert statuses(workspace) == {"one": "fresh", "two": "fresh"}
    reader(file, tmp_path, "two", data="changed")
    _, made = plan_loaded(workspace, one, EVERYTHING)
    assert {*actions(made).values(), *statuses(workspace).values()} == {"fresh"}
    _, made = plan_loaded(workspace, two, EVERYTHING)
    assert actions(made) == {"two": "run"}


def test_a_file_at_an_absolute_path_is_one_file_to_all_locations(workspace, file, tmp_path):
    shared = tmp_path / "shared.csv"
    shared.write_text("9")
    source = READER.replace('Path("data.csv")', f'Path("{shared}")').replace('Path("limit")', f'Path("{shared}")')
    one, two = (file(f"{root}.py", source.format(key=root), root) for root in ("one", "two"))
    for loaded in (one, two):
        materialize(workspace, prepare(workspace, loaded, EVERYTHING))
    shared.write_text("99")
    materialize(workspace, prepare(workspace, one, EVERYTHING))
    assert statuses(workspace) == {"one": "fresh", "two": "stale"}


def test_contents_that_were_recorded_without_a_location_are_anybodys_until_its_own_are_seen(workspace):
    for location, content in (("", "old"), ("one.py", "ones"), ("two.py", "")):
        fact = RunPlanned(run=RunId(f"run{content}"), steps=(), position=0, contents={"a": content}, location=location)
        stream = f"run/{fact.run}"
        told = new_event(fact, project="default", stream=stream, name=("p",), at=workspace.clock(), actor="test")
        workspace.log.append(Batch(appends=(StreamAppend(project="default", stream=stream, events=(told,)),)))

    def seen(location: str, as_of: int) -> dict[str, str]:
        with snapshot(workspace.log) as connection:
            return contents_seen(connection, "default", location, ["a", "b"], as_of)

    assert [seen(f"{name}.py", 1) for name in ("one", "two", "three")] == [{"a": "old"}] * 3
    assert [seen(f"{name}.py", NOW) for name in ("one", "two", "three")] == [{"a": "ones"}, {}, {"a": "old"}]


def statuses(workspace) -> dict[str, str]:
    return {key: found.status.value for key, found in read(workspace).assessed.items()}


def test_the_past_is_judged_at_the_time_that_was_asked_for(workspace, file):
    source = "from datetime import timedelta\nfrom latewood import asset\n\n"
    source += "@asset(reuse=timedelta(days=1))\ndef rates() -> int: return 1\n"
    materialize(workspace, prepare(workspace, file("rates.py", source), EVERYTHING))
    made, day = workspace.clock(), timedelta(days=1)
    later = replace(workspace, clock=lambda: made + 3 * day)

    def status(moment) -> str:
        return read(later, moment).assessed["rates"].status.value

    assert status(AsOf()) == "stale"
    for time, expected in ((made, "fresh"), (made + 2 * day, "stale"), (made + 4 * day, "stale")):
        assert status(moment_meant(later, time)) == expected
    assert status(AsOf(workspace.log.position())) == "fresh", "a position alone is when it was recorded"
    assert read(later, moment_meant(later, made + 4 * day)).state.now == made + 3 * day, "of what is to come nothing is"
