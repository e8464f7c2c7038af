"""Reproducing: what was recorded is run again as it was, whatever has become of the working tree."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path
from shutil import rmtree
from types import SimpleNamespace

import pytest

from crash.conftest import facts_of
from latewood.commands.collecting import collect_caches
from latewood.commands.deploying import deploy_loaded
from latewood.commands.materializing import materialize, prepare
from latewood.commands.observing import report
from latewood.commands.partitioning import add_keys, remove_keys
from latewood.commands.planning import Asked
from latewood.commands.reading import read
from latewood.commands.reproducing import reproduce
from latewood.engine.loading.configuration import Recorded
from latewood.engine.loading.loader import load_file
from latewood.engine.processes.environment import environment_of
from latewood.engine.running.process_limits import ProcessLimits
from latewood.engine.running.worker_process import Worker, WorkerUnusable
from latewood.engine.running.worker_protocol import Call, Open, Returned
from latewood.errors import UsageError
from latewood.events import ReproductionEnded, ReproductionStarted, StepFailed, Verdict

ASSETS = """
import os, random
import pyarrow as pa

ADDED = 19

@asset
def orders() -> list[int]:
    return [100, 200]

@asset(partitions=Static(["a", "b"]))
def table(orders: list[int], key: PartitionKey, *, factor: int = 2) -> pa.Table:
    return pa.table({"key": [key] * 2, "amount": [(n + ADDED) * factor for n in orders]})

@asset
def total(table: Partitioned[pa.Table]) -> Output[int]:
    return Output(sum(sum(t["amount"].to_pylist()) for _, t in table))
"""
CHANCE = """
@asset
def noise(orders: list[int]) -> dict[str, list[float]]:
    return {"draws": [1.0, random.random()]}

@asset
def sampled(orders: list[int]) -> pa.Table:
    return pa.table({"n": [1, 2, 3], "x": [1.0, 2.0, random.random()]})

@asset
def longer(orders: list[int]) -> pa.Table:
    return pa.table({"n": list(range(int.from_bytes(os.urandom(2), "big") + 2))})

@asset
def blob() -> bytes:
    return b"head" + os.urandom(8)
"""
serial = count()


@pytest.fixture
def project(workspace, load, tmp_path):
    """Definitions to materialize, and runs to reproduce, in one folder."""

    def run(source, selection="*", **asked):
        result = materialize(workspace, prepare(workspace, load(source), Asked(selection=selection, **asked)))
        assert result.status == "succeeded", [fact for fact in facts_of(workspace.log) if isinstance(fact, StepFailed)]
        return result.run

    def again(named, **options):
        found = reproduce(workspace, named, home=tmp_path / "home", root=tmp_path, **options)
        outputs = {f"{o.asset} {o.partition}".rstrip(): o for o in found.outputs}
        verdicts = {name: str(output.fact.verdict) for name, output in outputs.items()}
        return SimpleNamespace(found=found, outputs=outputs, verdicts=verdicts)

    def deploy(source):
        deploy_loaded(workspace, load(source))

    return SimpleNamespace(run=run, deploy=deploy, again=again, root=tmp_path, workspace=workspace)


def test_the_recorded_code_runs_with_the_recorded_inputs_whatever_is_in_the_working_tree(project):
    run = project.run(ASSETS)
    project.run(ASSETS.replace("19", "21").replace("[100, 200]", "[1, 2]"), parameters=("table.factor=3",))
    (project.root / "assets.py").unlink()
    (project.root / "random.py").write_text("raise ImportError('found in the working tree')")
    done = project.again(run)
    assert done.verdicts == dict.fromkeys(("orders", "table a", "table b", "total"), "identical")
    assert (done.found.is_identical, done.found.reused) == (True, 0)
    assert (done.found.surroundings.python, done.found.surroundings.code) == (None, ())


def test_what_a_worker_runs_by_is_not_removed_meanwhile_and_is_unpacked_again_later(project):
    """The task asks for the lock that removing takes: it is free in a run, and taken in a reproduction."""
    home = project.root / "home"
    home.mkdir()
    run = project.run(f"""
        import fcntl

        @asset
        def is_free() -> bool:
            with open({str(home / "caches.lock")!r}, "a") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                return True
    """)
    difference = project.again(run).outputs["is_free"].difference
    assert (difference.before, difference.after) == ("true", "false")
    kept = collect_caches(project.workspace, home, older_than=timedelta(days=1))
    assert (kept.in_use, len(kept.unused), len(kept.kept)) == (False, 0, 1)
    gone = collect_caches(project.workspace, home, older_than=timedelta(0))
    assert (len(gone.unused), len(gone.kept)) == (1, 0)
    assert project.again(run).verdicts == {"is_free": "different"}


def test_the_project_may_be_latewoods_own(project):
    run = project.run(ASSETS, "orders")
    repository = Path(__file__).parents[2]
    assert reproduce(project.workspace, run, home=project.root / "home", root=repository).is_identical


def test_what_depends_on_chance_is_told_with_its_first_difference(project):
    done = project.again(project.run(ASSETS + CHANCE))
    assert done.verdicts == {
        **dict.fromkeys(("orders", "table a", "table b", "total"), "identical"),
        "noise": "different",
        "sampled": "same shape",
        "longer": "different",
        "blob": "different",
    }
    places = {name: output.difference.place for name, output in done.outputs.items() if output.difference}
    assert places["noise"] == "$.draws[1]"
    assert places["sampled"] == "row 2, column x"
    assert places["longer"] == "number of rows"
    assert places["blob"].startswith("byte ")
    assert not done.found.is_identical


def test_nothing_of_it_is_a_version_and_the_log_says_that_it_was_done(project):
    run = project.run(ASSETS + CHANCE)
    store = project.workspace.store.directory
    files, heads = sorted(store.rglob("*")), read(project.workspace).state.heads
    done = project.again(run)
    assert sorted(store.rglob("*")) == files
    assert read(project.workspace).state.heads == heads

    started, ended = facts_of(project.workspace.log)[-2:]
    assert isinstance(started, ReproductionStarted)
    assert (started.reproduction, started.location) == (done.found.reproduction, "assets.py")
    assert isinstance(ended, ReproductionEnded)
    assert {other.verdict for other in ended.others} == {Verdict.SAME_SHAPE, Verdict.DIFFERENT}
    place = next(other for other in ended.others if other.verdict is Verdict.SAME_SHAPE)
    assert place.message == "row 2, column x"  # where, not what: values stay out of the log
    again = prepare(project.workspace, load_file(project.root / "assets.py", root=project.root), Asked(selection="*"))
    assert not list(again.plan.steps())


def test_the_run_and_the_day_are_those_that_the_task_was_told(project):
    run = project.run("@asset\ndef told(c: Context) -> str:\n    return f'{c.run_id} on {c.now():%Y-%m}'\n")
    assert project.again(run).found.is_identical


def test_one_version_stands_for_the_step_that_made_it(project):
    run = project.run(ASSETS, "orders or table")
    assert project.again(f"{run[:6]}.2").verdicts == {"table b": "identical"}
    assert project.again(run, only="0,2").verdicts == {"orders": "identical", "table b": "identical"}

    shared = "@task\ndef one() -> int:\n    return 1\n\nfirst = one.asset(key='first')\n"
    project.run(shared)
    taken_over = project.run(shared + "second = one.asset(key='second')\n", "second")
    assert project.again(f"{taken_over}.0").verdicts == {"first": "identical"}
    with pytest.raises(UsageError, match="computed nothing that could be reproduced: its 1 steps were reused"):
        project.again(taken_over)


def test_what_cannot_be_meant_is_refused_with_the_way_out(project):
    run = project.run(ASSETS, "orders")
    for named, options, message in [
        ("zzz", {}, "no such run; `latewood runs` lists them"),
        (run[:-1] + "!", {}, f"near: {run}"),
        (f"{run}.7", {}, "has no step 7; it has steps 0 to 0"),
        (f"{run}.x", {}, "expected numbers and ranges"),
        (run, {"only": "0-3"}, "has no step 0-3"),
        (f"{run}.0", {"only": "0"}, "is one version already"),
    ]:
        with pytest.raises(UsageError, match=message):
            project.again(named, **options)


def test_missing_inputs_are_named_and_nothing_is_run(project):
    run = project.run(ASSETS, "orders or table")
    facts = next(iter(read(project.workspace).state.heads[read(project.workspace).view.ids["orders"]].values()))
    project.workspace.store.path_of(facts.artifact).unlink()
    position = project.workspace.log.position()
    with pytest.raises(UsageError, match=f"collected or lost:\n  orders, version {run}.0: artifact {facts.artifact}"):
        project.again(run)
    assert project.workspace.log.position() == position
    assert project.again(f"{run}.0").found.is_identical  # its own artifact is not needed to tell


def test_what_differs_from_an_artifact_that_is_gone_is_told_without_the_place(project):
    run = project.run(ASSETS + CHANCE, "blob")
    (facts,) = read(project.workspace).state.heads[read(project.workspace).view.ids["blob"]].values()
    project.workspace.store.path_of(facts.artifact).unlink()
    assert "was collected" in project.again(run).outputs["blob"].fact.message


PLACED = """
from latewood.io import IO, Json, Parquet

class Halved(IO):
    def load(self, place): return int(place.path.read_text()) * 2
    def store(self, place, value): place.path.write_text(str(value // 2))
    def exists(self, place): return place.path.exists()
    def fingerprint(self, place): return f"n{place.path.read_text()}"

@asset(io=Parquet("out/{partition}.parquet"), partitions=Static(["a"]))
def drawn() -> pa.Table:
    return pa.table({"x": [1, 2], "y": [0.5, random.random()]})

@asset(io=Json("out/{asset}.json"))
def listed() -> dict[str, float]:
    return {"a": 1.0, "b": random.random()}

@asset(io=Halved("half"))
def even() -> int:
    return 2 * random.getrandbits(60)
"""


def test_what_io_has_stored_is_told_with_its_first_difference_as_long_as_it_is_there(project, monkeypatch):
    monkeypatch.chdir(project.root)
    run = project.run(ASSETS + PLACED, "drawn or listed or even")
    stored = {path: path.read_bytes() for path in project.root.glob("out/*")}
    done = project.again(run)
    assert done.verdicts == {"drawn a": "same shape", "listed": "different", "even": "different"}
    places = {name: output.difference.place for name, output in done.outputs.items()}
    assert places == {"drawn a": "row 1, column y", "listed": "$.b", "even": "$"}
    before = int((project.root / "half").read_text()) * 2
    assert done.outputs["even"].difference.before == str(before)
    assert {path: path.read_bytes() for path in project.root.glob("out/*")} == stored

    (project.root / "out/listed.json").write_text("{}")
    (project.root / "half").unlink()
    told = project.again(run)
    assert told.verdicts == done.verdicts
    assert "another content than was recorded" in told.outputs["listed"].fact.message
    assert "nothing there any more" in told.outputs["even"].fact.message
    assert told.outputs["drawn a"].difference.place == "row 1, column y"


def test_a_source_that_is_gone_is_named_and_one_that_is_not_named_is_found(project):
    run = project.run(ASSETS, "orders")
    (archive,) = project.workspace.store.directory.glob("?/*.tar.gz")
    archive.unlink()
    with pytest.raises(UsageError, match=r"the source of assets.py as deployed in \w+ is not in the artifact store"):
        project.again(run)


def test_a_step_that_fails_or_dies_now_is_told_and_the_others_go_on(project):
    source = f"""
    import os
    HOME = Path({str(project.root)!r})

    @asset
    def raises() -> int:
        return int((HOME / "there").read_text())

    @asset
    def ends() -> int:
        if not (HOME / "there").exists():
            os._exit(7)
        return 1

    @asset
    def killed() -> int:
        if not (HOME / "there").exists():
            os.kill(os.getpid(), 9)
        return 1

    @asset
    def last(ends: int) -> int:
        print("what is printed is no answer", flush=True)
        os.system("echo nor is this >&2")
        return ends + 1
    """
    (project.root / "there").write_text("1")
    run = project.run(source)
    (project.root / "there").unlink()
    done = project.again(run)
    assert done.verdicts == {"raises": "failed", "ends": "failed", "killed": "failed", "last": "identical"}
    assert done.outputs["raises"].fact.message.startswith("FileNotFoundError: ")
    assert done.outputs["ends"].fact.message == "ProcessEnded: its process ended with code 7"
    assert done.outputs["killed"].fact.message == "ProcessEnded: its process was killed by signal 9"


def test_what_may_act_outside_is_run_only_when_that_is_asked_for(project):
    run = project.run(
        """
        @asset(reuse=False)
        def sent(*, to: Path = Path("sent")) -> int:
            with to.open("a") as file:
                file.write("once ")
            return 1
        """
    )
    assert project.again(run).verdicts == {"sent": "not run"}
    assert (project.root / "sent").read_text() == "once "
    assert project.again(run, force=True).found.is_identical
    assert (project.root / "sent").read_text() == "once once "


def test_a_file_that_changed_is_named_and_one_that_is_gone_refused(project):
    (project.root / "data.txt").write_text("then")
    run = project.run("@asset\ndef text(*, data: Path = Path('data.txt')) -> str:\n    return data.read_text()\n")
    assert project.again(run).found.is_identical
    (project.root / "data.txt").write_text("now")
    done = project.again(run)
    assert done.found.surroundings.contents == ("data.txt",)
    found = done.outputs["text"].difference
    assert (found.place, found.before, found.after) == ("$", "then", "now")
    (project.root / "data.txt").unlink()
    with pytest.raises(UsageError, match=r"data\.txt, which a parameter names"):
        project.again(run)


def test_optional_outputs_are_compared_by_their_absence_too(project):
    run = project.run(
        """
        @asset(outputs={"a": int, "b": Out(int, optional=True)})
        def pair(*, there: Path = Path("there")) -> dict[str, int]:
            return {"a": 1, "b": 2} if Path(there).read_text() == "yes" else {"a": 1}
        """
        if (project.root / "there").write_text("yes")
        else ""
    )
    (project.root / "there").write_text("no")
    done = project.again(run)
    assert sorted(done.verdicts.values()) == ["different", "identical"]
    assert any("not made this time" in output.fact.message for output in done.found.outputs for output in [output])


def test_code_that_is_found_only_while_it_runs_is_never_taken_from_the_working_tree(project):
    (project.root / "hidden.py").write_text("N = 1\n")
    run = project.run(
        """
        import importlib, sys

        @asset
        def n(*, at: str = "") -> int:
            sys.path.append(at)
            return importlib.import_module("hid" + "den").N
        """,
        parameters=(f"n.at={project.root}",),
    )
    (message,) = (output.fact.message for output in project.again(run).found.outputs)
    assert "hidden would be imported from the working tree" in message


def test_a_process_that_cannot_load_the_code_says_why(project):
    run = project.run(
        "if 'code' in Path(__file__).parts:\n    raise OSError('not here')\n@asset\ndef n() -> int:\n    return 1\n"
    )
    with pytest.raises(WorkerUnusable, match=r"deployed, by .*python:\nassets.py:\d+: .*not here"):
        project.again(run)


def test_a_worker_has_no_way_to_the_database_and_no_other_place_to_import_from():
    given = {"PATH": "/bin", "LATEWOOD_DATABASE_URL": "secret", "PGPASSWORD": "secret", "PYTHONPATH": "/tree"}
    assert environment_of(given) == {"PATH": "/bin"}
    secrets = {"PGPASSWORD": "x", "PGTOKEN": "y", "LATEWOOD_LOG_LEVEL": "DEBUG", "PYTHONPATH": "/tree"}
    theirs = {"hidden": ["PGTOKEN", "PGPASSWORD"], "own": ["PGPASSWORD", "PYTHONPATH"]}
    assert environment_of(secrets, **theirs) == {"PGPASSWORD": "x", "LATEWOOD_LOG_LEVEL": "DEBUG"}


def test_a_worker_ends_when_its_engine_is_gone(tmp_path):
    """Killed in the middle of user code, the engine leaves no process behind."""
    story = """
import sys, time
from pathlib import Path
from latewood.engine.running.worker_process import Worker
from latewood.engine.running.worker_protocol import Call, Open
folder = sys.argv[1]
root, at = folder + "/root", "2026-01-01T00:00:00+00:00"
where = {"folder": folder, "location": "assets.py", "paths": (), "root": root, "environment": "prod"}
opened = Open(**where, project="p", store=folder, results=folder)
worker = Worker(opened, interpreter=sys.executable, environ={})
worker.start()
print(worker._process.pid, flush=True)
worker.call(Call(assets=("n",), partition="", parameters={}, inputs={}, run="r", step=0, attempt=1, at=at))
"""
    (tmp_path / "root").mkdir()
    (tmp_path / "assets.py").write_text(
        "import os, subprocess, time\nfrom pathlib import Path\nfrom latewood import asset\n\n@asset\ndef n() -> int:\n"
        "    child = subprocess.Popen(['sleep', '600'])\n    begun = Path(__file__).with_name('begun')\n"
        "    begun.with_suffix('.part').write_text(str(child.pid))\n    begun.with_suffix('.part').rename(begun)\n"
        "    time.sleep(600)\n    return 1\n"
    )
    engine = subprocess.Popen([sys.executable, "-c", story, tmp_path], stdout=subprocess.PIPE, text=True)
    worker = int(engine.stdout.readline())
    while not (tmp_path / "begun").exists():
        os.sched_yield()
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    for process in (worker, int((tmp_path / "begun").read_text())):
        while Path(f"/proc/{process}/cmdline").exists() and Path(f"/proc/{process}/cmdline").read_bytes():
            os.sched_yield()
    engine.stdout.close()


def test_a_timeout_holds_user_code_alone_and_not_the_storing_of_what_it_returned(tmp_path):
    (tmp_path / "assets.py").write_text(
        "import signal, time\nfrom datetime import timedelta\nfrom pydantic import BaseModel, field_serializer\n"
        "from latewood import asset\n"
        "class Slow(BaseModel):\n    n: int\n    @field_serializer('n')\n    def slowly(self, n: int) -> int:\n"
        "        time.sleep(0.6)\n        return n\n"
        "@asset(timeouts=timedelta(seconds=0.1))\ndef n() -> Slow:\n    return Slow(n=1)\n"
        "@asset(timeouts=timedelta(seconds=0.1))\ndef endless() -> int:\n"
        "    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n    time.sleep(600)\n    return 1\n"
    )
    folder = str(tmp_path)
    where = {"folder": folder, "location": "assets.py", "paths": (), "root": folder, "environment": "prod"}
    opened = Open(**where, project="p", store=folder, results=folder)
    call = {"partition": "", "parameters": {}, "inputs": {}, "run": "r", "step": 0, "attempt": 1}
    with Worker(opened, interpreter=sys.executable, environ={}, limits=ProcessLimits(grace_s=0.0)) as worker:
        assert isinstance(worker.call(Call(**call, assets=("n",))), Returned)
        answer = worker.call(Call(**call, assets=("endless",)))
        assert answer.failure.message == "still running after 0.1 s; its process was ended"
        assert isinstance(worker.call(Call(**call, assets=("n",))), Returned)
        answer = worker.call(Call(**call, assets=("n",), limit_s=0.3))  # the time for all attempts is for all of it
        assert answer.failure.message == "still storing what it made after 0.3 s; its process was ended"
        worker.start()
        worker.hurry(0.3)  # and who waits for it has waited for some of that
        answer = worker.call_range([Call(**call, assets=("n",), limit_s=600)])
        assert answer.failure.message.startswith("still storing what it made after 0.")


def test_code_that_hangs_while_it_is_loaded_or_left_is_ended(tmp_path):
    (tmp_path / "assets.py").write_text(
        "import os, time\nfrom latewood import asset\nfrom latewood.resources import Resource\n"
        "class Till(Resource):\n    def __enter__(self):\n        return self\n"
        "    def __exit__(self, *_):\n        time.sleep(600)\n"
        "@asset\ndef n(till: Till) -> int:\n    return 1\n"
        "if 'HANGS' in os.environ:\n    time.sleep(600)\n"
    )
    folder, configured = str(tmp_path), Recorded(values={}, secrets={}, digest="")
    where = {"folder": folder, "location": "assets.py", "paths": (), "root": folder, "environment": "prod"}
    opened = Open(**where, project="p", store=folder, results=folder, configurations={"Till": configured})
    call = Call(assets=("n",), partition="", parameters={}, inputs={}, run="r", step=0, attempt=1)
    with Worker(opened, interpreter=sys.executable, environ={}, limits=ProcessLimits(closing_s=0.2)) as worker:
        assert isinstance(worker.call(call), Returned)
        (failure,) = worker.close().values()
    assert failure.message == "still leaving its resources after 0.2 s; its process was ended"
    with (
        Worker(
            opened, interpreter=sys.executable, environ={"HANGS": "1"}, limits=ProcessLimits(loading_s=0.2)
        ) as worker,
        pytest.raises(WorkerUnusable, match=r"it was not loaded within 0.2 s"),
    ):
        worker.start()


DYNAMIC = """
from latewood.partitions import Dynamic, Grid, GridKey

shops = Dynamic("shops")
others = Dynamic("others")

@asset
def found(c: Context) -> int:
    c.add_partitions("shops", ["new"])
    return 1

@asset(partitions=shops)
def sales(key: PartitionKey) -> str:
    return f"sold in {key}"

@asset(partitions=Grid(shop=shops, kind=Static(["x", "y"])))
def kinds(key: GridKey) -> str:
    return key.parts["shop"] + key.parts["kind"]

@asset
def all_of(sales: Partitioned[str]) -> list[str]:
    return [value for _, value in sales]
"""


def test_dynamic_partitions_are_those_of_the_run(project):
    project.run(DYNAMIC, "found")
    add_keys(project.workspace, "shops", ["paris", "oslo"])
    run = project.run(DYNAMIC, force=True)
    remove_keys(project.workspace, "shops", ["oslo"])
    done = project.again(run)
    assert set(done.verdicts.values()) == {"identical"}, [o.fact.message for o in done.found.outputs]
    assert {"found", "sales oslo", "all_of"} < done.verdicts.keys()
    assert len(done.verdicts) == 2 + 3 + 6


def test_whatever_goes_wrong_in_a_call_the_process_stays(tmp_path):
    (tmp_path / "assets.py").write_text(
        "from latewood import *\n@asset(partitions=Static(['a']))\ndef n() -> int:\n    return 1\n"
    )
    folder = str(tmp_path)
    opened = Open(
        folder=folder,
        location="assets.py",
        paths=(),
        root=folder,
        project="p",
        store=folder,
        results=folder,
        environment="prod",
    )
    call = {"assets": ("n",), "parameters": {}, "inputs": {}, "run": "r", "step": 0, "attempt": 1}
    with Worker(opened, interpreter=sys.executable, environ={}) as worker:
        for partition, at, error in (("b", "2026-01-01", "UsageError"), ("a", "once", "ValueError")):
            answer = worker.call(Call(**call, partition=partition, at=at))
            assert answer.failure.error == error
        assert isinstance(worker.call(Call(**call, partition="a", at="2026-01-01T00:00:00+00:00")), Returned)


def test_what_others_made_anew_is_told_and_nothing_of_it_is_missing(project):
    source = """
    from latewood.external import external_asset

    feed = external_asset("feed")

    @asset(deps=[feed])
    def told() -> str:
        return Path("feed.txt").read_text() if Path("feed.txt").exists() else ""
    """
    project.deploy(source)
    report(project.workspace, "feed", data_version="v1")
    run = project.run(source, "told")
    assert project.again(run).found.surroundings.external == ()
    report(project.workspace, "feed", data_version="v2")
    done = project.again(run)
    assert done.found.is_identical
    assert done.found.surroundings.external == (("feed", "", "given:v1", "given:v2"),)


def test_modules_of_a_source_folder_are_found_where_they_were(project):
    package = f"acme{next(serial)}"
    folder = project.root / "src" / package
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "numbers.py").write_text("def answer() -> int:\n    return 42\n")
    sys.path.insert(0, str(project.root / "src"))
    try:
        run = project.run(f"from {package}.numbers import answer\n@asset\ndef n() -> int:\n    return answer()\n")
    finally:
        sys.path.remove(str(project.root / "src"))
    rmtree(project.root / "src")
    assert project.again(run).found.is_identical
