"""Values at places of their own: what is stored there, what overwrites it, what changes it from outside."""

import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from forks import forks

from crash.conftest import facts_of, let_leases_end, workspace_on
from crash.project import Project
from latewood.commands.collecting import collect
from latewood.commands.environments import create, diff, promote
from latewood.commands.heads import promote_version, rollback
from latewood.commands.leasing import close_interrupted
from latewood.commands.materializing import materialize
from latewood.commands.pinning import pin
from latewood.commands.showing import show
from latewood.errors import UsageError
from latewood.events import Action, ReuseSourceLost, RunPlanned, RunStatus, StepStarted, StepSucceeded
from latewood.places import Address
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify
from latewood_eventlog.database import connect
from latewood_eventlog.errors import LeaseLost
from latewood_eventlog.log import EventLog

HEAD = """
from latewood import *
from latewood.io import *
import pyarrow as pa
"""
SALES = """
days = Daily("2013-01-01", "2013-01-04")

@asset(partitions=days, io=Parquet("out/sales/{partition}.parquet"))
def sales(window: TimeWindow, *, factor: int = 1) -> pa.Table:
    return pa.table({"day": [window.start.day], "amount": [FACTOR * factor]})

@asset
def total(sales: pa.Table) -> int:
    return sum(sales["amount"].to_pylist())

FACTOR = 1
"""


@pytest.fixture
def project(workspace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latewood.toml").touch()
    return Project(workspace, tmp_path, HEAD)


def test_values_lie_where_the_author_says_and_nowhere_else(project, tmp_path):
    project.define(SALES)
    assert project.ran() == (4, 0, 0)
    assert sorted(p.name for p in (tmp_path / "out" / "sales").iterdir()) == [
        "2013-01-01.parquet",
        "2013-01-02.parquet",
        "2013-01-03.parquet",
    ]
    *sales, total = project.made()
    addresses = [Address.of(output.artifact) for output in sales]
    assert [address.where for address in addresses] == [
        f"Parquet:out/sales/2013-01-0{day}.parquet" for day in (1, 2, 3)
    ]
    assert all(output.data_version.startswith("arrow1:") for output in sales)
    assert Address.of(total.artifact) is None
    assert not list((tmp_path / "store").rglob("*.parquet"))
    assert project.ran() == (0, 0, 0)
    assert show(project.workspace, "sales", partition="2013-01-02").value.total == 1


def test_what_is_stored_later_overwrites_and_the_earlier_version_can_not_be_gone_back_to(project, tmp_path):
    project.define(SALES)
    first = project.run().run
    project.define(SALES.replace("FACTOR = 1", "FACTOR = 2"))
    assert project.ran() == (4, 0, 0)
    project.define(SALES)
    assert project.ran() == (3, 1, 0)  # the bytes are gone, so they are made again; what is in the store is reused
    second = [fact for fact in facts_of(project.workspace.log) if isinstance(fact, RunPlanned)][1].run
    with pytest.raises(UsageError, match=r"2013-01-01.parquet was overwritten by run \w+ in prod, with \w+\.0"):
        rollback(project.workspace, "sales", partition="2013-01-01", version=f"{second}.0")
    # Its bytes are there again, so it can be head again.
    assert rollback(project.workspace, "sales", partition="2013-01-01", version=f"{first}.0").moves


def test_what_is_changed_or_removed_outside_is_stale_with_its_cause_and_made_again(project, tmp_path):
    project.define(SALES)
    project.run()
    before = project.workspace.log.position()
    (tmp_path / "out/sales/2013-01-02.parquet").write_bytes(b"other")
    (tmp_path / "out/sales/2013-01-03.parquet").unlink()
    assert project.status("sales") == "stale"
    assert project.why("sales", partition="2013-01-02") == [
        ("changed outside of Latewood", "out/sales/2013-01-02.parquet")
    ]
    assert project.status("sales", as_of=before) == "fresh"
    assert project.ran("sales", partition="2013-01-02") == (1, 0, 0)
    assert project.status("sales", as_of=project.workspace.log.position()) == "stale"  # the run said what it saw
    assert project.ran() == (1, 1, 0)  # the other day; the content is as it was, so what reads it is reused
    assert project.status("sales") == project.status("total") == "fresh"
    assert verify(project.workspace.log.engine, PROJECTIONS, UPCASTERS).position == project.workspace.log.position()


def test_what_reads_a_changed_place_is_blocked_until_it_is_made_again(project, tmp_path):
    project.define(SALES)
    project.run()
    (tmp_path / "out/sales/2013-01-02.parquet").write_bytes(b"other")
    with pytest.raises(UsageError, match="total reads sales, which was changed outside of Latewood"):
        project.run("total", force=True)


def test_a_value_is_held_to_its_fingerprint_when_it_is_loaded(project, tmp_path):
    project.define(SALES)
    prepared = project.prepared()
    project.run("sales")
    prepared = project.prepared("total")
    (tmp_path / "out/sales/2013-01-02.parquet").write_bytes(b"other")
    assert materialize(project.workspace, prepared).status is RunStatus.FAILED
    (failure,) = project.failures()
    assert "2013-01-02.parquet: there is another content than was recorded" in failure.message


def test_variants_and_what_a_check_refuses_never_get_to_the_place(project, tmp_path):
    checked = (
        SALES
        + """
@check(sales, blocking=True)
def small(sales: pa.Table) -> bool:
    return sales["amount"][0].as_py() < 5
"""
    )
    project.define(checked)
    project.run()
    kept = {p.name: p.read_bytes() for p in (tmp_path / "out/sales").iterdir()}
    project.run(parameters=("sales.factor=3",))
    variant = project.made()[-2].artifact
    assert Address.of(variant) is None
    project.define(checked.replace("FACTOR = 1", "FACTOR = 9"))
    assert project.run().status is RunStatus.FAILED
    assert {p.name: p.read_bytes() for p in (tmp_path / "out/sales").iterdir()} == kept
    project.define(checked)
    assert project.ran() == (0, 0, 0)
    run = facts_of(project.workspace.log)
    version = next(
        f"{f.run}.{f.step}" for f in run if isinstance(f, StepSucceeded) and f.outputs[0].artifact == variant
    )
    with pytest.raises(UsageError, match=r"not at out/sales/\{partition\}.parquet; pin its parameters"):
        promote_version(project.workspace, version)


def test_environments_do_not_overwrite_each_other(project, tmp_path):
    project.define(SALES)
    project.run()
    create(project.workspace, "dev", base="prod")
    assert project.ran(environment="dev") == (0, 0, 0)  # it stands on what prod has
    project.define(SALES.replace("FACTOR = 1", "FACTOR = 2"))
    before = project.workspace.log.position()
    with pytest.raises(UsageError, match=r"dev would overwrite.*\n.*sales: .*has versions of prod") as refused:
        project.run(environment="dev")
    assert "Put {environment} into the place" in str(refused.value)
    assert project.workspace.log.position() == before  # not even the deployment
    own = SALES.replace("out/sales/", "out/{environment}/sales/")
    project.define(own)
    assert project.ran() == (3, 1, 0)
    project.define(own.replace("FACTOR = 1", "FACTOR = 2"))
    assert project.ran(environment="dev") == (4, 0, 0)
    assert (tmp_path / "out/dev/sales/2013-01-01.parquet").exists()
    assert (tmp_path / "out/prod/sales/2013-01-01.parquet").exists()


OWN = SALES.replace("out/sales/", "out/{environment}/sales/")


def amounts(folder):
    return [pq.read_table(path)["amount"].to_pylist() for path in sorted((folder / "sales").iterdir())]


def of_dev_and_of_prod(project):
    """Both have made what they have; dev has another code."""
    project.define(OWN)
    project.run()
    create(project.workspace, "dev", base="prod")
    project.define(OWN.replace("FACTOR = 1", "FACTOR = 2"))
    assert project.ran(environment="dev") == (4, 0, 0)


def test_what_was_promoted_is_copied_to_the_own_places_by_the_next_materialization(project, tmp_path):
    of_dev_and_of_prod(project)
    promote(project.workspace, "dev", "prod")
    assert amounts(tmp_path / "out/prod") == [[1], [1], [1]]  # a promotion is one event, and touches no place
    assert project.status("sales") == project.status("total") == "fresh"
    planned = project.prepared().plan
    assert {
        (task.node.keys[0], group.action.value, *(r.written for r in group.reasons))
        for task in planned.tasks
        for group in task.groups
    } == {("sales", "reuse", "not at its place yet"), ("total", "fresh")}
    assert project.ran() == (0, 3, 0)
    assert amounts(tmp_path / "out/prod") == amounts(tmp_path / "out/dev") == [[2], [2], [2]]
    assert project.ran() == (0, 0, 0)
    # It is the same version, here and there: nothing has moved, and what dev overwrites stays in prod.
    assert diff(project.workspace, "dev", "prod").is_empty
    project.define(OWN.replace("FACTOR = 1", "FACTOR = 3"))
    project.run(environment="dev")
    project.define(OWN.replace("FACTOR = 1", "FACTOR = 2"))
    assert project.status("sales") == "fresh"
    assert show(project.workspace, "sales", partition="2013-01-01").value.rows == ((1, 2),)
    assert project.ran() == (0, 0, 0)
    promote(project.workspace, "dev", "prod")
    project.define(OWN.replace("FACTOR = 1", "FACTOR = 3"))
    assert project.ran() == (0, 3, 0)
    assert amounts(tmp_path / "out/prod") == [[3], [3], [3]]
    verify(project.workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_what_was_overwritten_before_it_was_copied_is_made_anew(project, tmp_path):
    of_dev_and_of_prod(project)
    promote(project.workspace, "dev", "prod")
    project.define(OWN.replace("FACTOR = 1", "FACTOR = 3"))
    project.run(environment="dev")
    project.define(OWN.replace("FACTOR = 1", "FACTOR = 2"))
    assert project.status("sales") == "stale"
    assert project.why("sales") == [("overwritten", "out/dev/sales/2013-01-01.parquet")]
    assert project.ran() == (3, 1, 0)
    assert amounts(tmp_path / "out/prod") == [[2], [2], [2]]
    assert project.status("sales") == project.status("total") == "fresh"


def test_a_copy_that_is_changed_outside_is_copied_again(project, tmp_path):
    of_dev_and_of_prod(project)
    promote(project.workspace, "dev", "prod")
    project.run()
    (tmp_path / "out/prod/sales/2013-01-02.parquet").unlink()
    assert project.status("sales") == "stale"
    assert project.why("sales", partition="2013-01-02") == [
        ("changed outside of Latewood", "out/prod/sales/2013-01-02.parquet")
    ]
    project.run()
    assert amounts(tmp_path / "out/prod") == [[2], [2], [2]]
    assert project.ran() == (0, 0, 0)


def test_a_branch_leaves_what_it_has_from_its_base_where_it_lies(project, tmp_path):
    of_dev_and_of_prod(project)
    create(project.workspace, "feature", base="dev")
    assert project.ran(environment="feature") == (0, 0, 0)
    assert not (tmp_path / "out/feature").exists()
    project.define(OWN.replace("FACTOR = 1", "FACTOR = 4"))
    project.run(environment="feature", partition="2013-01-02", selection="sales")
    assert amounts(tmp_path / "out/feature") == [[4]]
    # Back at the code of before: what it had lies at dev's place, and here there is something else by now.
    project.define(OWN.replace("FACTOR = 1", "FACTOR = 2"))
    assert project.ran(environment="feature") == (0, 1, 0)
    assert amounts(tmp_path / "out/feature") == [[2]]
    assert project.ran(environment="feature") == (0, 0, 0)


def test_what_was_computed_as_a_variant_is_copied_to_its_place_once_it_is_pinned(project, tmp_path):
    project.define(OWN)
    project.run()
    project.run(parameters=("sales.factor=3",))
    assert amounts(tmp_path / "out/prod") == [[1], [1], [1]]
    pin(project.workspace, ("sales.factor=3",))
    assert project.ran() == (0, 4, 0)
    assert amounts(tmp_path / "out/prod") == [[3], [3], [3]]
    (tmp_path / "out/prod/sales/2013-01-02.parquet").unlink()
    project.run()
    assert amounts(tmp_path / "out/prod") == [[3], [3], [3]]
    assert project.ran() == (0, 0, 0)


def test_what_does_not_come_back_as_it_was_is_made_anew_and_never_copied(project, tmp_path):
    lossy = """
        class Rounded(IO):
            def load(self, place): return float(place.path.read_text())
            def store(self, place, value): place.path.write_text(f"{value:.1f}")
            def exists(self, place): return place.path.exists()
            def fingerprint(self, place): return f"n{place.path.read_text()}"

        @asset(io=Rounded("{environment}.txt"))
        def rate() -> float: return 1 / NUMBER

        NUMBER = 2
    """
    project.define(lossy)
    project.run()
    create(project.workspace, "dev", base="prod")
    project.define(lossy.replace("NUMBER = 2", "NUMBER = 3"))
    project.run(environment="dev")
    promote(project.workspace, "dev", "prod")
    assert project.ran() == (1, 0, 0)
    assert any(isinstance(fact, ReuseSourceLost) for fact in facts_of(project.workspace.log))
    assert (tmp_path / "prod.txt").read_text() == "0.3"
    assert project.ran() == (0, 0, 0)


ALIKE = """
    @asset(io=Json("out/{asset}.json"))
    def one() -> int: return 1

    @asset(partitions=Static(["one", "two"]), io=Json("out/{partition}.json"))
    def other(key: PartitionKey) -> int: return 2

    @asset(io=Json("elsewhere/{asset}.json"))
    def third() -> int: return 3
"""


def test_places_that_are_the_same_once_they_are_filled_in_are_refused_before_anything_runs(project, tmp_path):
    project.define(ALIKE)
    before = project.workspace.log.position()
    with pytest.raises(UsageError, match=r"one and other are both stored at (\./)?out/one.json, and would overwrite"):
        project.run()
    assert project.workspace.log.position() == before  # not even the deployment
    assert project.ran("one") == (1, 0, 0)
    with pytest.raises(UsageError, match=r"other and one are both stored at"):
        project.run("other")
    assert project.ran("other", partition="two") == (1, 0, 0)
    assert project.ran("third") == (1, 0, 0)
    project.define(ALIKE.replace("out/{partition}", f"{tmp_path}/x/../out/{{partition}}"))
    with pytest.raises(UsageError, match=r"would overwrite each other"):
        project.run("other", partition="one")
    assert (tmp_path / "out/one.json").read_text() == "1"


def test_a_file_is_one_place_however_its_path_is_written_and_whatever_stores_there(project, tmp_path):
    source = """
        @asset(io=Json("./out//n.json"))
        def one() -> int: return 1
    """
    project.define(source)
    project.run()
    create(project.workspace, "dev")
    project.define(source.replace("./out//n", "out/n").replace("one", "two"))
    with pytest.raises(UsageError, match=r"out/n.json has versions of prod"):
        project.run(environment="dev")
    project.run()  # of prod itself: "one" is defined no more
    assert project.made()[0].artifact.startswith("io:Json:./out//n.json#")
    project.define(source.replace("one", "two").replace("return 1", "return 2") + source.replace("out//n", "out//m"))
    project.run()
    assert project.status("one") == project.status("two") == "fresh"
    verify(project.workspace.log.engine, PROJECTIONS, UPCASTERS)


DYING = """
import os, signal
from pathlib import Path

class Drawer(IO):
    def load(self, place): return int(place.path.read_text())
    def store(self, place, value):
        print("storing", value)
        place.path.write_text(str(value))
        if (place.root / "deadly").exists():
            (place.root / "deadly").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    def exists(self, place): return place.path.exists()
    def fingerprint(self, place): return f"n{place.path.read_text()}"

@asset(io=Drawer("drawer"))
def one() -> int:
    with Path("calls").open("a") as calls:
        calls.write(".")
    return NUMBER

@asset
def two(one: int) -> int: return one * 2

NUMBER = 1
"""


def test_a_process_that_dies_between_the_store_and_its_event_is_made_good_by_the_next_one(project, tmp_path, environ):
    project.define(DYING)
    project.run()
    project.define(DYING.replace("NUMBER = 1", "NUMBER = 2"))
    (tmp_path / "deadly").touch()
    assert forks().run(["materialize", "*", "-f", "assets.py"], tmp_path, environ).code == -signal.SIGKILL
    assert (tmp_path / "drawer").read_text() == "2"  # stored, and nobody has recorded it
    let_leases_end(project.workspace)
    reasons = {reason.written for task in project.prepared().plan.tasks for g in task.groups for reason in g.reasons}
    assert "changed outside of Latewood:one" in reasons
    assert project.ran() == (2, 0, 0)
    assert (tmp_path / "calls").read_text() == "..."
    heads = {f.outputs[0].artifact for f in facts_of(project.workspace.log) if isinstance(f, StepSucceeded)}
    assert "io:Drawer:drawer#n2" in heads
    assert project.ran() == (0, 0, 0)
    verify(project.workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_a_process_that_dies_while_it_copies_is_made_good_by_the_next_one(project, tmp_path, environ):
    own = DYING.replace('"drawer"', '"drawer-{environment}"')
    project.define(own)
    project.run()
    create(project.workspace, "dev", base="prod")
    project.define(own.replace("NUMBER = 1", "NUMBER = 2"))
    project.run(environment="dev")
    promote(project.workspace, "dev", "prod")
    (tmp_path / "deadly").touch()
    assert forks().run(["materialize", "*", "-f", "assets.py"], tmp_path, environ).code == -signal.SIGKILL
    assert (tmp_path / "drawer-prod").read_text() == "2"  # stored, and nobody has recorded it
    let_leases_end(project.workspace)
    assert project.status("one") == "fresh"  # at dev's place still
    assert project.ran() == (0, 1, 0)
    assert project.ran() == (0, 0, 0)
    assert (tmp_path / "calls").read_text() == ".."
    verify(project.workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_what_is_planned_twice_before_it_is_deployed_is_looked_at_once(project, tmp_path):
    counting = '\n        with (place.root / "looks").open("a") as looks: looks.write(".")\n       '
    project.define(DYING.replace("def fingerprint(self, place):", f"def fingerprint(self, place):{counting}"))
    project.run()
    create(project.workspace, "dev")  # could overwrite what prod has: so it is planned before anything is deployed
    (tmp_path / "looks").unlink()
    assert project.prepared().plan.counts[Action.FRESH] == 2
    assert (tmp_path / "looks").read_text() == "."


def test_a_run_that_was_taken_over_stores_nothing_any_more(project, tmp_path, platform_url):
    """It stood still for long, say: by now another run's version may lie at the place."""
    project.define("""
        @asset
        def early() -> int: return 1

        @asset(io=Json("late.json"), reuse=False)
        def late(early: int) -> int: return early
    """)
    log = EventLog(connect(platform_url, role="engine"), PROJECTIONS, UPCASTERS)
    other, closed = workspace_on(log, project.workspace.store), []

    def take_over(_report):
        if not closed:
            let_leases_end(other)
            closed.extend(close_interrupted(other))

    with pytest.raises(LeaseLost):
        materialize(project.workspace, project.prepared(), report=take_over)
    log.engine.dispose()
    assert any(isinstance(fact, StepStarted) and fact.step == 1 for fact in facts_of(project.workspace.log))
    assert not (tmp_path / "late.json").exists()
    assert project.ran() == (1, 0, 0)
    assert (tmp_path / "late.json").read_text() == "1"
    verify(project.workspace.log.engine, PROJECTIONS, UPCASTERS)


def test_what_an_io_prints_is_in_the_steps_log_and_what_it_raises_is_the_users_own_failure(project, tmp_path):
    project.define(DYING)
    run = project.run().run
    (logs,) = [f.logs for f in facts_of(project.workspace.log) if isinstance(f, StepSucceeded) and f.logs]
    assert project.workspace.store.read(logs) == b"storing 1\n"
    project.define(DYING.replace('print("storing", value)', 'raise OSError("the drawer is stuck")'))
    assert project.run().status is RunStatus.FAILED
    failure = project.failures()[-1]
    assert (failure.kind, failure.error, failure.message) == ("user", "OSError", "the drawer is stuck")
    assert "in store" in failure.traceback
    assert "latewood/engine" not in failure.traceback
    assert run


@pytest.mark.parametrize("said", ['""', '"a b"', '"x" * 300', "7"])
def test_a_fingerprint_that_cannot_be_recorded_is_refused(project, said):
    project.define(DYING.replace('f"n{place.path.read_text()}"', said))
    assert project.run("one").status is RunStatus.FAILED
    assert "Drawer.fingerprint: expected 1 to 200 printable characters" in project.failures()[0].message


def test_collecting_never_touches_a_place(project, tmp_path):
    project.define(SALES)
    project.run()
    project.define(SALES.replace("FACTOR = 1", "FACTOR = 2"))
    project.run()
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.parquet")}
    collect(replace(project.workspace, clock=lambda: datetime.now(UTC) + timedelta(days=90)), older_than=timedelta(0))
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*.parquet")} == before
    assert project.ran() == (0, 0, 0)


def test_an_io_that_is_taken_away_or_added_moves_the_value(project, tmp_path):
    project.define(SALES)
    project.run()
    project.define(SALES.replace(', io=Parquet("out/sales/{partition}.parquet")', ""))
    assert project.ran() == (3, 1, 0)
    assert all(Address.of(output.artifact) is None for output in project.made()[-3:])
    project.define(SALES.replace("out/sales/", "elsewhere/"))
    assert project.ran() == (3, 1, 0)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 3


def test_one_task_under_two_names_is_stored_at_the_place_of_each(project, tmp_path):
    project.define("""
        @task
        def one() -> int: return 1

        a = one.asset(key="a", io=Json("{asset}.json"))
        b = one.asset(key="b", io=Json("{asset}.json"))
    """)
    project.run()
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text() == "1"
    assert project.ran() == (0, 0, 0)


def test_outside_of_its_project_a_place_is_as_the_log_says(project, tmp_path, monkeypatch):
    project.define(SALES)
    project.run()
    (elsewhere := tmp_path.parent / f"{tmp_path.name}-elsewhere").mkdir()
    (elsewhere / "latewood.toml").touch()
    monkeypatch.chdir(elsewhere)
    assert project.status("sales") == "fresh"
    with pytest.raises(UsageError, match="in another project; ask from its folder"):
        show(project.workspace, "sales", partition="2013-01-02")


def test_a_place_that_no_event_has_room_for_is_refused(project):
    project.define("""
        @asset(partitions=Static(["ü" * 800]), io=Json("out/{partition}.json"))
        def one(key: PartitionKey) -> int: return 1
    """)
    assert project.run().status is RunStatus.FAILED
    assert 'place of "one": expected at most 4,000 bytes, found 4,809' in project.failures()[0].message
