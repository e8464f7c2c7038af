"""Sharing tasks: what another location's code makes, by its own process, and what is told where it cannot be."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from msgspec import structs

from latewood.commands.collecting import collect, collect_caches
from latewood.commands.deployed_code import created_as
from latewood.commands.deploying import deploy_loaded
from latewood.commands.explaining import plan_changes
from latewood.commands.granting import grant, list_granted, list_usable, list_versions, revoke
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked, plan_loaded
from latewood.commands.reading import read
from latewood.commands.reproducing import reproduce
from latewood.commands.rerunning import rerun_of
from latewood.commands.sharing import resolver
from latewood.commands.views import AsOf
from latewood.engine.loading.loader import load_file
from latewood.engine.running.worker_process import WorkerUnusable
from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.values import Values
from latewood.errors import DefinitionsInvalid, UsageError
from latewood.events import (
    RunRequested,
    StepFailed,
    StepReused,
    StepStarted,
    StepSucceeded,
    TaskDefined,
    TaskDropped,
    TaskReceived,
    from_json,
)
from latewood.serving.requesting import request
from latewood_eventlog.audit import verify

SHOP = """
import os
from typing import NamedTuple
import pyarrow as pa
from latewood import Context, asset, task

class Split(NamedTuple):
    low: list[int]
    high: pa.Table

@task
def scale(rows: list[int], *, factor: float = 2.0) -> list[float]:
    \"\"\"Rows times a factor.\"\"\"
    return [row * factor for row in rows]

@task
def split(rows: list[int], at: int = 10) -> Split:
    return Split([row for row in rows if row < at], pa.table({"row": [row for row in rows if row >= at]}))

@task
def process(rows: list[int], context: Context) -> int:
    context.add_metadata(seen=len(rows))
    context.log.info("told by %s", context.run_id)
    return os.getpid()
"""
LAB = """
from latewood import *
from latewood.sharing import task_ref

scale = task_ref("shop.py:scale")

@asset
def rows() -> list[int]:
    return [1, 20]

scaled = scale.asset(key="scaled", inputs={"rows": rows}, parameters={"factor": 3})

@asset
def total(scaled: list[float]) -> float:
    return sum(scaled)
"""
HEAD = LAB[: LAB.index("scale =")]
ROWS = HEAD + "@asset\ndef rows() -> list[int]:\n    return [1, 20]\n"


@pytest.fixture
def world(workspace, tmp_path):
    """Locations in one folder: files to write, load, deploy and run, and what came of it."""
    workspace = replace(workspace, home=tmp_path / "home")

    def load(name, source, of=workspace):
        (tmp_path / name).write_text(source)
        return load_file(tmp_path / name, root=tmp_path, resolve=resolver(of, name), environment=of.environment)

    def deploy(name, source, of=workspace):
        return deploy_loaded(of, load(name, source, of)).deployment

    def run(name, source, of=workspace, selection="*", **asked):
        return materialize(of, prepare(of, load(name, source, of), Asked(selection=selection, **asked)))

    def value(key, annotation, of=workspace):
        found = read(of)
        (facts,) = found.state.heads[found.view.ids[key]].values()
        return Values(of.store).load_artifact(facts.artifact, annotation)

    def refused(name, source, of=workspace):
        with pytest.raises(DefinitionsInvalid) as raised:
            load(name, source, of)
        return str(raised.value)

    def other(project):
        return replace(workspace, project=project, store=ArtifactStore(tmp_path / "store", project))

    def facts(kind, of=workspace):
        events = of.log.read_all(limit=10_000)
        told = [from_json(event.type, event.data) for event in events if event.project == of.project]
        return [fact for fact in told if isinstance(fact, kind)]

    return SimpleNamespace(**locals(), root=tmp_path)


def test_it_makes_assets_and_is_reused_wherever_it_is_used(world):
    world.deploy("shop.py", SHOP)
    assert [fact.name for fact in world.facts(TaskDefined)] == ["process", "scale", "split"]
    first = world.run("lab.py", LAB)
    assert (first.status, first.tally.ran) == ("succeeded", 3), world.facts(StepFailed)
    assert world.value("scaled", list[float]) == [3.0, 60.0]
    own = SHOP + (
        "@asset\ndef numbers() -> list[int]:\n    return [1, 20]\n"
        'tripled = scale.asset(key="tripled", inputs={"rows": numbers}, parameters={"factor": 3})\n'
    )
    at_home = world.run("shop.py", own)
    assert (at_home.tally.ran, at_home.tally.reused) == (1, 1)
    elsewhere = (
        "from latewood import *\nfrom latewood.sharing import task_ref\n"
        "@workflow\ndef flow() -> list[float]:\n"
        '    return task_ref("shop.py:scale")([1, 20], factor=3.0)\n'
        "@asset\ndef lines() -> list[int]:\n    return [20, 1][::-1]\n"
        'again = task_ref("shop.py:scale").asset(key="again", inputs={"rows": lines}, parameters={"factor": 3})\n'
    )
    third = world.run("third.py", elsewhere)
    assert third.status == "succeeded", world.facts(StepFailed)
    assert (third.tally.ran, third.tally.reused) == (2, 1)  # a value is another input than an asset
    assert world.value("flow/scale", list[float]) == [3.0, 60.0]
    reused = world.facts(StepReused)
    (made,) = (fact for fact in world.facts(StepSucceeded) if fact.reuse_key == reused[0].reuse_key)
    assert made.run == first.run
    assert {fact.reuse_key for fact in reused} == {made.reuse_key}
    verify(world.workspace.log.engine, world.workspace.log.projections)


def test_a_command_runs_where_it_is_at_home_with_the_files_that_were_deployed_there(world):
    (world.root / "double.sh").write_text('echo $(($(cat "$LATEWOOD_INPUT_NUMBER") * 2)) > "$1"')
    world.deploy(
        "shop.py",
        "from latewood import *\nfrom latewood.processes import command\n"
        '@task\n@command(["sh", "double.sh", "{output}"], files=["double.sh"])\n'
        "def double(number: int) -> int: ...\n",
    )
    (world.root / "double.sh").write_text("exit 1")
    done = world.run(
        "lab.py",
        "from latewood import *\nfrom latewood.sharing import task_ref\n"
        "@asset\ndef number() -> int:\n    return 4\n"
        'doubled = task_ref("shop.py:double").asset(key="doubled", inputs={"number": number})\n',
    )
    assert done.status == "succeeded", world.facts(StepFailed)
    assert world.value("doubled", int) == 8


def test_steps_of_workflows_pass_on_what_it_returns_part_by_part(world):
    world.deploy("shop.py", SHOP)
    flow = ROWS + (
        "import pyarrow as pa\n"
        'split = task_ref("shop.py:split")\n'
        "@task\ndef count(table: pa.Table) -> int:\n    return table.num_rows\n"
        "@workflow\ndef flow(at: int = 2) -> int:\n    parts = split(rows, at)\n    return count(parts.high)\n"
    )
    done = world.run("lab.py", flow)
    assert done.status == "succeeded", world.facts(StepFailed)
    assert world.value("flow/count", int) == 1
    assert world.value("flow/split/low", list[int]) == [1]
    wrong = flow.replace("table: pa.Table", "table: list[int]")
    assert 'parameter "table" expects list[int], but "flow/split/high" produces' in world.refused("lab.py", wrong)


def test_one_process_serves_a_run_and_what_it_says_is_recorded(world):
    world.deploy("shop.py", SHOP)
    source = ROWS + 'process = task_ref("shop.py:process")\n'
    source += "".join(f'p{n} = process.asset(key="p{n}", inputs={{"rows": rows}})\n' for n in range(3))
    done = world.run("lab.py", source)
    assert done.status == "succeeded", world.facts(StepFailed)
    pids = {world.value(f"p{n}", int) for n in range(3)}
    assert len(pids) == 1
    step = next(fact for fact in world.facts(StepSucceeded) if fact.logs)
    assert step.outputs[0].metadata["seen"] == 2
    assert b"told by " in world.workspace.store.read(step.logs)
    assert not step.reuse_key  # it asked for the run


MANY = """
import os, signal
from datetime import timedelta
from typing import NamedTuple
import pyarrow as pa
from latewood import Context, Partitioned, PartitionKey, PartitionRange, task
from latewood.resources import Resource, Secret

class Till(Resource):
    url: str = "till-1"
    token: Secret = Secret(env="TILL_TOKEN")
    def __enter__(self):
        print("entered")
        return self
    def __exit__(self, *_):
        raise ValueError("the till does not close")

class Pair(NamedTuple):
    low: int
    high: list[int]

@task
def keyed(key: PartitionKey, rows: list[int], till: Till) -> str:
    return f"{key} {rows} {till.url} {len(till.token.reveal())}"

@task
def joined(parts: Partitioned[str]) -> dict[str, str]:
    return {key: part for key, part in parts}

@task
def adds(context: Context, rows: list[int]) -> None:
    context.add_partitions("shops", ["c"])

@task
def ranged(rows: list[int], those: PartitionRange) -> pa.Table:
    days = sorted({those.first, those.last})
    return pa.table({"day": days, "calls": [f"{those.first}..{those.last}"] * len(days)})

@task
def narrow(rows: list[int], those: PartitionRange) -> pa.Table:
    if those.first <= "b" <= those.last:
        os._exit(3)
    return pa.table({"day": [those.first]})

@task
def pair(rows: list[int]) -> Pair:
    return Pair(min(rows), rows)

@task(timeouts=timedelta(seconds=0.2))
def endless(rows: list[int]) -> int:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    while True:
        signal.pause()
"""


def test_one_partition_that_kills_the_process_of_a_range_does_not_keep_the_others_from_being_made(world):
    world.deploy("many.py", MANY)
    source = ROWS + (
        'narrow = task_ref("many.py:narrow").asset(key="narrow", inputs={"rows": rows}, partition_column="day",\n'
        '                                          partitions=Static(["a", "b", "c"]))\n'
    )
    done = world.run("lab.py", source)
    assert (done.tally.ran, done.tally.failed) == (3, 1)
    assert [failed.partitions for failed in done.failures] == ["b"]
    assert len(world.facts(StepFailed)) == 4, "all three at once, then one alone"


def test_it_has_partitions_resources_outputs_and_trials_as_a_task_of_ones_own(world, monkeypatch):
    monkeypatch.setenv("TILL_TOKEN", "hush-hush")
    world.deploy("many.py", MANY)
    source = ROWS + (
        "from latewood.partitions import Dynamic\n"
        'at = {n: task_ref("many.py:" + n) for n in ("keyed", "joined", "adds", "pair", "ranged")}\n'
        'adds = at["adds"].asset(key="adds", inputs={"rows": rows})\n'
        'keyed = at["keyed"].asset(key="keyed", inputs={"rows": rows}, partitions=Static(["a", "b"]))\n'
        'shops = at["keyed"].asset(key="shops", inputs={"rows": rows}, partitions=Dynamic("shops"))\n'
        'joined = at["joined"].asset(key="joined", inputs={"parts": From(keyed, "all")})\n'
        'days = at["ranged"].asset(key="days", inputs={"rows": rows}, partitions=Static(["a", "b"]),\n'
        '                          partition_column="day")\n'
        "@asset\ndef calls(days: Table['day: string, calls: string']) -> list[str]:\n"
        '    return days["calls"].to_pylist()\n'
        'pair = at["pair"].asset(key="pair", inputs={"rows": rows}, outputs={"low": int, "high": list[int]})\n'
    )
    done = world.run("lab.py", source)
    assert done.status == "succeeded", world.facts(StepFailed)
    assert world.value("joined", dict[str, str]) == {name: f"{name} [1, 20] till-1 9" for name in "ab"}
    assert world.value("calls", list[str]) == ["a..b", "a..b"]  # one call for both
    assert (world.value("pair/low", int), world.value("pair/high", list[int])) == (1, [1, 20])
    assert [failure.message for failure in done.unclosed.values()] == ["the till does not close"]
    world.run("lab.py", source, selection="shops")
    assert world.value("shops", str) == "c [1, 20] till-1 9"

    (world.root / "latewood.toml").write_text('[resources.Till]\nurl = "till-2"\n')
    world.deploy("many.py", MANY)
    assert world.run("lab.py", source).tally.ran == 4
    assert world.value("joined", dict[str, str])["a"] == "a [1, 20] till-2 9"

    world.deploy("shop.py", SHOP)
    (world.root / "lab.py").unlink()
    world.deploy("lab.py", "from latewood import *\ndefinitions = Definitions()\n")
    swept = world.run("tried.py", LAB, parameters=("scaled.factor=2,5",))
    assert (swept.status, swept.tally.ran) == ("succeeded", 5), world.facts(StepFailed)


def test_what_lies_at_a_place_of_latewoods_own_kind_is_read_and_all_it_makes_goes_to_the_store(world):
    world.deploy("shop.py", SHOP)
    shelf = (
        "from latewood.io import IO, Json\n"
        "class Shelf(IO):\n"
        "    def load(self, place): ...\n    def store(self, place, value): ...\n"
        "    def exists(self, place): ...\n    def fingerprint(self, place): ...\n"
    )
    source = LAB.replace("from latewood.sharing", shelf + "from latewood.sharing")
    placed = source.replace("@asset\ndef rows", '@asset(io=Json("rows.json"))\ndef rows')
    assert world.run("lab.py", placed).status == "succeeded", world.facts(StepFailed)
    assert (world.root / "rows.json").exists()
    assert world.value("scaled", list[float]) == [3.0, 60.0]
    own = source.replace("@asset\ndef rows", '@asset(io=Shelf("rows"))\ndef rows')
    assert "only Shelf of its own location can load it" in world.refused("lab.py", own).replace("lab:", "")
    stored = source.replace('key="scaled",', 'key="scaled", io=Json("scaled.json"),')
    assert "io= stores what this location's own code makes" in world.refused("lab.py", stored)


def test_a_process_that_does_not_keep_its_timeout_is_ended(world):
    world.deploy("many.py", MANY)
    source = ROWS + 'endless = task_ref("many.py:endless").asset(key="endless", inputs={"rows": rows})\n'
    assert world.run("lab.py", source).tally.failed == 1
    (failed,) = world.facts(StepFailed)
    assert (failed.failure.kind, failed.failure.message) == (
        "timeout",
        "still running after 0.2 s; its process was ended",
    )


def test_a_task_of_others_is_not_offered_as_ones_own(world):
    world.deploy("shop.py", SHOP)
    assert "a task of another location" in world.refused(
        "lab.py", LAB + "\ndefinitions = Definitions(assets=[rows], tasks=[scale])\n"
    )
    world.deploy("lab.py", LAB)
    assert {usable.task for usable in list_usable(world.workspace)} == {
        f"shop.py:{name}" for name in ("process", "scale", "split")
    }


def test_a_version_is_pinned_with_the_deployment_of_the_file_that_refers_to_it(world):
    old = world.deploy("shop.py", SHOP)
    run = world.run("lab.py", LAB).run
    new = world.deploy("shop.py", SHOP.replace("row * factor", "row + factor"))
    assert world.facts(TaskDefined)[-1].name == "scale"
    assert len(world.facts(TaskDefined)) == 4

    again = rerun_of(world.workspace, run, only="", parameters=(), home=world.workspace.home, root=world.root)
    kept = materialize(world.workspace, prepare(again.workspace, again.loaded, again.asked))
    assert (kept.tally.ran, kept.fresh) == (0, 3)

    loaded = world.load("lab.py", LAB)
    view, made = plan_loaded(world.workspace, loaded, Asked(selection="*"))
    change, part = plan_changes(world.workspace, view, made)["scaled", ()].code
    assert (change.subject, change.name, change.before, change.after) == ("shared", "shop.py:scale", old, new)
    assert part.name == "shop.py:scale"
    assert world.run("lab.py", LAB).tally.ran == 2
    assert world.value("scaled", list[float]) == [4.0, 23.0]

    pinned = LAB.replace('"shop.py:scale"', f'"shop.py:scale", version="{old[:6]}"')
    assert world.run("lab.py", pinned).tally.reused == 2
    assert world.value("scaled", list[float]) == [3.0, 60.0]
    code = list_versions(world.workspace, "shop.py:scale")[-1].version
    world.load("lab.py", LAB.replace('"shop.py:scale"', f'"shop.py:scale", version="{code[:8]}"'))

    message = world.refused("lab.py", LAB.replace('"shop.py:scale"', '"shop.py:scale", version="zzz"'))
    assert message.startswith('lab.py:5: shop.py:scale: version "zzz" is none of those that were deployed:\n')
    assert all(f"deployment {name}" in message for name in (old, new))


def test_what_it_made_is_reproduced_by_its_own_code(world):
    world.deploy("shop.py", SHOP)
    run = world.run("lab.py", LAB).run
    world.deploy("shop.py", SHOP.replace("row * factor", "row + factor"))
    (world.root / "shop.py").unlink()
    (world.root / "lab.py").unlink()
    found = reproduce(world.workspace, run, home=world.root / "again", root=world.root)
    assert sorted((output.asset, output.fact.verdict) for output in found.outputs) == [
        ("rows", "identical"),
        ("scaled", "identical"),
        ("total", "identical"),
    ], [output.fact for output in found.outputs]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ('"shop.py:scael"', 'has no task "scael"; near: scale'),
        ('"shp.py:scale"', 'no location "shp.py" is deployed in prod; near: shop.py'),
        ('"scale"', 'expected "LOCATION:TASK" as in "flights/assets.py:scale", found "scale"'),
        ('"lab.py:scale"', "lab.py:scale: a task of this very location; use it as it is"),
        ('"shop.py:scale", version="x"', 'version "x" is none of those that were deployed'),
        ('"shop.py:_hidden"', 'has no task "_hidden"'),
    ],
)
def test_what_there_is_not_is_told_at_its_line_when_the_file_loads(world, reference, message):
    world.deploy("shop.py", SHOP + "\n@task\ndef _hidden() -> int:\n    return 1\n")
    told = world.refused("lab.py", LAB.replace('"shop.py:scale"', reference))
    assert told.startswith("lab.py:5: ")
    assert message in told


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "-> list[int]:\n    return [1",
            "-> list[str]:\n    return [1",
            'parameter "rows" expects list[int], but "rows"',
        ),
        ("scaled: list[float]", "scaled: str", 'expects str, but "scaled" produces list[float]'),
        ('{"factor": 3}', '{"factor": "x"}', 'parameter "factor": expected'),
        ('{"factor": 3}', '{"facto": 3}', "no parameter facto in scale()"),
        ('key="scaled",', 'key="scaled", reuse=False,', "shop.py:scale: reuse belongs to the task"),
        ('key="scaled",', 'key="scaled", outputs={"a": list[float]},', "has no such part; it is no named tuple"),
    ],
)
def test_what_does_not_fit_is_told_when_the_file_loads(world, old, new, message):
    world.deploy("shop.py", SHOP)
    assert message in world.refused("lab.py", LAB.replace(old, new))


def test_without_a_log_it_is_not_looked_up(world):
    (world.root / "lab.py").write_text(LAB)
    with pytest.raises(
        DefinitionsInvalid, match=r"lab.py:11: .*shop.py:scale: a task of another location is looked up in the log"
    ):
        load_file(world.root / "lab.py", root=world.root)


def test_source_that_is_gone_is_told_before_anything_is_recorded(world):
    world.deploy("shop.py", SHOP)
    loaded = world.load("lab.py", LAB)
    prepared = prepare(world.workspace, loaded, Asked(selection="*"))
    source = loaded.assets[1].task.shared
    archive = created_as(world.workspace, source.deployment).archive
    world.workspace.store.path_of(archive).unlink()
    with pytest.raises(UsageError, match=r"the source of shop.py as deployed in \w+ is not in the artifact store"):
        materialize(world.workspace, prepared)
    with pytest.raises(UsageError, match=r"the source of shop.py as deployed in \w+ is not in the artifact store"):
        request(world.workspace, prepared)
    assert not world.facts(RunRequested)
    assert "the source of shop.py as deployed in" in world.refused("lab.py", LAB)


def test_what_was_to_be_reused_and_is_gone_is_made_by_its_own_code(world):
    world.deploy("shop.py", SHOP)
    world.run("lab.py", LAB)
    again = LAB + 'again = scale.asset(key="again", inputs={"rows": rows}, parameters={"factor": 3})\n'
    prepared = prepare(world.workspace, world.load("lab.py", again), Asked(selection="*"))
    (made,) = (o for fact in world.facts(StepSucceeded) for o in fact.outputs if fact.step == 1)
    world.workspace.store.path_of(made.artifact).unlink()
    done = materialize(world.workspace, prepared)
    assert (done.tally.ran, done.tally.failed) == (1, 0), world.facts(StepFailed)
    assert world.value("again", list[float]) == [3.0, 60.0]


def test_where_it_cannot_be_made_either_that_is_the_failure_of_its_step(world):
    world.deploy("shop.py", SHOP)
    world.run("lab.py", LAB)
    again = LAB + 'again = scale.asset(key="again", inputs={"rows": rows}, parameters={"factor": 3})\n'
    again += "@asset\ndef alone() -> int:\n    return 1\n"
    loaded = world.load("lab.py", again)
    prepared = prepare(world.workspace, loaded, Asked(selection="*"))
    (made,) = (o for fact in world.facts(StepSucceeded) for o in fact.outputs if fact.step == 1)
    archive = created_as(world.workspace, loaded.assets[1].task.shared.deployment).archive
    for address in (made.artifact, archive):
        world.workspace.store.path_of(address).unlink()
    done = materialize(world.workspace, prepared)
    assert (done.tally.ran, done.tally.failed) == (1, 1)
    (failed,) = world.facts(StepFailed)
    assert "the source of shop.py as deployed in" in failed.failure.message


def test_what_it_is_run_by_is_not_removed_meanwhile(world):
    world.deploy("shop.py", SHOP)
    prepared = prepare(world.workspace, world.load("lab.py", LAB), Asked(selection="*"))
    found = []

    def collecting(_):
        found.append(collect_caches(world.workspace, world.workspace.home, older_than=timedelta(0)).in_use)

    assert materialize(world.workspace, prepared, notice=collecting).status == "succeeded"
    assert found == [True]
    assert collect_caches(world.workspace, world.workspace.home, older_than=timedelta(0)).unused


def test_one_reference_of_two_locations_is_reproduced_as_each_had_it(world):
    def source(name, reads):
        return HEAD + (
            f"@asset\ndef {name}_rows() -> list[int]:\n    return [1]\n"
            f'{name} = task_ref("shop.py:scale").asset(key="{name}", inputs={{"{reads}": {name}_rows}})\n'
        )

    world.deploy("shop.py", SHOP)
    world.deploy("z.py", source("z", "rows"))
    world.deploy("shop.py", SHOP.replace("rows", "values"))
    run = world.run("m.py", source("m", "values")).run
    found = reproduce(world.workspace, run, home=world.root / "again", root=world.root)
    assert [output.fact.verdict for output in found.outputs] == ["identical"] * 2, [o.fact for o in found.outputs]


KILLED = """
import os, signal
from pathlib import Path
from latewood import task, Retry
from datetime import timedelta

@task(retries=Retry(1, backoff=timedelta(0)))
def fragile(rows: list[int], *, marker: Path) -> int:
    if not marker.exists():
        marker.touch()
        if not os.fork():
            signal.pause()
        os.kill(os.getpid(), signal.SIGKILL)
    return len(rows)

@task
def dies(rows: list[int]) -> int:
    os._exit(3)
"""


def test_a_process_that_dies_is_a_failed_attempt_and_never_waited_for(world):
    """What it forked lives on and holds its end of the pipe."""
    world.deploy("killed.py", KILLED)
    marker = world.root / "marker"
    source = ROWS + (
        'fragile = task_ref("killed.py:fragile").asset(\n'
        f'    key="fragile", inputs={{"rows": rows}}, parameters={{"marker": {str(marker)!r}}})\n'
        'dead = task_ref("killed.py:dies").asset(key="dead", inputs={"rows": rows})\n'
        "@asset\ndef after(dead: int) -> int:\n    return dead\n"
    )
    done = world.run("lab.py", source)
    assert (done.tally.ran, done.tally.failed, done.tally.skipped) == (2, 1, 1)
    failed = {fact.failure.message: fact.retry_at is not None for fact in world.facts(StepFailed)}
    assert failed == {"its process was killed by signal 9": True, "its process ended with code 3": False}
    assert [fact.attempt for fact in world.facts(StepStarted) if fact.task == "killed:fragile"] == [1, 2]
    assert world.value("fragile", int) == 2


TELLTALE = """
import os
from latewood import task
from latewood.resources import Resource, Secret

class Gate(Resource):
    token: Secret = Secret(env="PGGATE_TOKEN")

@task
def dies(rows: list[int]) -> int:
    os.write(2, b"x" * 500_000 + os.environ["PGGATE_TOKEN"].encode() + b"y" * 1_990)
    os._exit(3)

@task
def opens(rows: list[int], gate: Gate) -> int:
    return len(gate.token.reveal())

@task
def spies(rows: list[int]) -> list[str]:
    return [name for name in ("PGGATE_TOKEN", "TILL_TOKEN", "LATEWOOD_DATABASE_URL") if name in os.environ]
"""


def test_a_process_has_its_own_secrets_alone_and_nothing_it_prints_is_recorded_with_one(world, monkeypatch):
    """Whatever it is called; the process may end before it can look itself at what it printed."""
    monkeypatch.setenv("PGGATE_TOKEN", "hush-gate")
    monkeypatch.setenv("TILL_TOKEN", "hush-till")
    monkeypatch.setenv("LATEWOOD_DATABASE_URL", "hush-database")
    world.deploy("many.py", MANY)
    world.deploy("telltale.py", TELLTALE)
    source = ROWS + "".join(
        f'{name} = task_ref("telltale.py:{name}").asset(key="{name}", inputs={{"rows": rows}})\n'
        for name in ("dies", "opens", "spies")
    )
    done = world.run("lab.py", source)
    assert (done.tally.ran, done.tally.failed) == (3, 1), world.facts(StepFailed)
    assert world.value("opens", int) == len("hush-gate")
    assert world.value("spies", list[str]) == ["PGGATE_TOKEN"]
    (failed,) = world.facts(StepFailed)
    assert (failed.failure.message, failed.failure.traceback) == ("its process ended with code 3", "")
    assert world.workspace.store.read(failed.logs) == b"ATE_TOKEN]" + b"y" * 1_990
    told = str(list(world.workspace.log.read_all(limit=10_000)))
    files = b"".join(path.read_bytes() for path in (world.root / "store").rglob("*") if path.is_file())
    assert "hush" not in told
    assert b"hush" not in files


def test_code_that_is_not_what_was_deployed_is_refused(world):
    """As it is where the Python that runs it has other packages than the one that deployed it."""
    world.deploy("shop.py", SHOP)
    loaded = world.load("lab.py", LAB)
    rows, scaled, total = loaded.assets
    other = structs.replace(scaled.task, code=structs.replace(scaled.task.code, version="f" * 32))
    loaded = replace(loaded, assets=(rows, structs.replace(scaled, task=other), total))
    prepared = prepare(world.workspace, loaded, Asked(selection="*"))
    with pytest.raises(WorkerUnusable, match="its task scale is not the one that was deployed"):
        materialize(world.workspace, prepared)
    assert not world.facts(RunRequested)


def test_tasks_come_and_go_with_deployments(world):
    plain = "from latewood import asset\n\n@asset\ndef one() -> int:\n    return 1\n"
    first = world.deploy("shop.py", plain)
    world.deploy("shop.py", plain + SHOP)
    assert world.deploy("shop.py", plain) == first
    world.deploy("shop.py", SHOP.replace("def split", "def parts"))
    world.deploy("shop.py", "from latewood import *\ndefinitions = Definitions()\n" + SHOP)
    assert [fact.name for fact in world.facts(TaskDropped)][-3:] == ["parts", "process", "scale"]
    assert list_usable(world.workspace) == []
    assert len(list_versions(world.workspace, "shop.py:scale")) == 2
    world.deploy("shop.py", SHOP + "from latewood import Definitions\ndefinitions = Definitions(tasks=[scale])\n")
    (usable,) = list_usable(world.workspace)
    assert (usable.task, usable.description) == ("shop.py:scale", "Rows times a factor.")


# ── between projects ─────────────────────────────────────────────────────────────────────────────────────

GRANTED = LAB.replace('"shop.py:scale"', '"shop.py:scale", project="default"')


def test_another_project_uses_what_was_granted_and_nothing_else(world):
    world.deploy("shop.py", SHOP)
    lab = world.other("lab")
    unknown = world.refused("lab.py", GRANTED.replace(":scale", ":nonsense"), lab)
    not_granted = world.refused("lab.py", GRANTED, lab)
    assert not_granted == unknown.replace("nonsense", "scale")
    assert "project default grants project lab no such task" in not_granted

    done = grant(world.workspace, "shop.py:scale", to="lab")
    assert done.position is not None
    assert grant(world.workspace, "shop.py:scale", to="lab").position is None
    run = world.run("lab.py", GRANTED, lab)
    assert run.status == "succeeded", world.facts(StepFailed, lab)
    assert world.value("scaled", list[float], lab) == [3.0, 60.0]
    (received,) = world.facts(TaskReceived, lab)
    assert (received.project, received.name) == ("default", "scale")
    assert "granted are: shop.py:scale" in world.refused("lab.py", GRANTED.replace(":scale", ":split"), lab)
    assert "grants project third no such task" in world.refused("lab.py", GRANTED, world.other("third"))

    world.deploy("shop.py", SHOP.replace("row * factor", "row + factor"))
    assert world.run("lab.py", GRANTED, lab).fresh == 3  # a grant is of one version
    grant(world.workspace, "shop.py:scale", to="lab")
    assert world.run("lab.py", GRANTED, lab).tally.ran == 2
    assert world.value("scaled", list[float], lab) == [4.0, 23.0]

    revoke(world.workspace, "shop.py:scale", of="lab")
    assert world.refused("new.py", GRANTED, lab) == not_granted.replace("lab.py:5", "new.py:5")
    # What it made stays, and the rest of its file goes on; what would have to be made by it is refused, alone.
    edited = GRANTED.replace("sum(scaled)", "sum(scaled) * 2") + "@asset\ndef alone() -> int:\n    return 1\n"
    after = world.run("lab.py", edited, lab)
    assert (after.tally.ran, after.fresh) == (2, 2)
    refused = world.run("lab.py", edited.replace("[1, 20]", "[2, 30]").replace("return 1", "return 2"), lab)
    assert (refused.tally.ran, refused.tally.failed, refused.tally.skipped) == (2, 1, 1)
    assert world.facts(StepFailed, lab)[-1].failure.message.endswith("is not granted any more")
    with pytest.raises(UsageError, match="is not granted any more"):
        reproduce(lab, run.run, home=lab.home, root=world.root)
    assert [found.revoked is None for found in list_granted(world.workspace)] == [False, False]
    (first, second) = (fact.position for fact in reversed(list_granted(world.workspace)))
    then = [AsOf(position) for position in (done.position - 1, first, second)]
    assert [len(list_granted(world.workspace, at)) for at in then] == [0, 1, 2]
    told = [list_usable(lab, AsOf(position)) for position in (first, first + 1)]  # both with one append
    assert [[usable.deployment for usable in found if usable.project] for found in told] == [[], [done.deployment]]
    assert list_granted(world.workspace, then[2])[0].revoked is None
    with pytest.raises(UsageError, match=r"shop.py:scale is not granted to project lab; granted are: none"):
        revoke(world.workspace, "shop.py:scale", of="lab")
    verify(world.workspace.log.engine, world.workspace.log.projections)


def test_the_source_of_a_task_that_was_withdrawn_is_collected_and_comes_again_with_the_next_grant(world):
    world.deploy("shop.py", SHOP)
    lab = world.other("lab")
    grant(world.workspace, "shop.py:scale", to="lab")
    grant(world.workspace, "shop.py:split", to="lab")
    (address, _) = (fact.archive for fact in world.facts(TaskReceived, lab))
    left = GRANTED.replace("return [1, 20]", "return [1, 21]")
    assert world.run("lab.py", GRANTED, lab).status == "succeeded"
    revoke(world.workspace, "shop.py:scale", of="lab")
    assert not collect(lab, older_than=timedelta(0)).garbage.versions  # another task of it is granted still
    revoke(world.workspace, "shop.py:split", of="lab")
    assert not collect(lab, older_than=timedelta(days=1)).garbage.versions
    (collected,) = collect(lab, older_than=timedelta(0)).garbage.versions
    assert collected.name == address
    assert not lab.store.exists(address)
    assert not collect(world.workspace, older_than=timedelta(0)).garbage.versions  # its owner has deployed it
    assert world.run("lab.py", left, lab).tally.failed == 1

    grant(world.workspace, "shop.py:scale", to="lab")
    collect(lab, older_than=timedelta(0))
    assert lab.store.exists(address)
    assert world.run("lab.py", left, lab).status == "succeeded"
    assert world.value("scaled", list[float], lab) == [3.0, 63.0]


def test_source_of_another_project_that_is_gone_is_told_when_it_is_asked_for(world):
    world.deploy("shop.py", SHOP)
    lab = world.other("lab")
    grant(world.workspace, "shop.py:scale", to="lab")
    prepared = prepare(lab, world.load("lab.py", GRANTED, lab), Asked(selection="*"))
    lab.store.path_of(world.facts(TaskReceived, lab)[0].archive).unlink()
    with pytest.raises(UsageError, match=r"the source of shop.py .*; project default puts it back by granting"):
        request(lab, prepared)
    grant(world.workspace, "shop.py:scale", to="lab")
    assert request(lab, prepared).steps == 3


def test_so_is_its_lock_file_unless_a_deployment_of_the_projects_own_has_the_same(world):
    (world.root / "latewood.toml").write_text('[locations."shop.py"]\nlock = "requirements.lock"\n')
    (world.root / "requirements.lock").write_text("latewood==0.1.0 --hash=sha256:" + "0" * 64 + "\n")
    world.deploy("shop.py", SHOP)
    labs = [world.other("lab"), world.other("laboratory")]
    for lab in labs:
        grant(world.workspace, "shop.py:scale", to=lab.project)
    lock = world.facts(TaskReceived, labs[0])[0].lock
    assert lock.endswith(".lock")
    world.deploy("shop.py", "from latewood import asset\n@asset\ndef own() -> int:\n    return 1\n", labs[1])
    gone = []
    for lab in labs:
        assert lab.store.exists(lock)
        assert not collect(lab, older_than=timedelta(0)).garbage.versions
        revoke(world.workspace, "shop.py:scale", of=lab.project)
        assert not collect(lab, older_than=timedelta(days=1)).garbage.versions
        gone.append({file.name for file in collect(lab, older_than=timedelta(0)).garbage.versions})
    assert lock in gone[0]
    assert not labs[0].store.exists(lock)
    assert lock not in gone[1]
    assert gone[1], "the source went all the same"
    assert labs[1].store.exists(lock)
    verify(world.workspace.log.engine, world.workspace.log.projections)


def test_a_project_that_is_nearly_another_is_taken_for_a_slip(world):
    world.deploy("shop.py", SHOP)
    grant(world.workspace, "shop.py:scale", to="laboratory")
    with pytest.raises(UsageError, match=r'no project "labratory" has recorded anything yet; near: laboratory\.'):
        grant(world.workspace, "shop.py:scale", to="labratory")
    assert not world.facts(TaskReceived, world.other("labratory"))
    for other in ("laboratory-2", "laboratory-3", "my-laboratory", "lab"):
        grant(world.workspace, "shop.py:scale", to=other)
    world.deploy("lab.py", ROWS, world.other("labratory"))
    assert grant(world.workspace, "shop.py:scale", to="labratory").position is not None


def test_what_cannot_be_granted_is_refused(world):
    world.deploy(
        "shop.py",
        SHOP + "from latewood.resources import Resource\nclass Db(Resource):\n    url: str = 'x'\n"
        "@task\ndef asks(db: Db) -> int:\n    return 1\n",
    )
    for named, to, message in (
        ("shop.py:scale", "default", "default is this project"),
        ("shop.py:scale", "Bad Name", "expected 1 to 63 lower-case letters"),
        ("shop.py:nope", "lab", 'has no task "nope"'),
        ("shop.py", "lab", "expected LOCATION:TASK"),
        ("shop.py:asks", "lab", "only tasks without resources can be granted"),
    ):
        with pytest.raises(UsageError, match=message):
            grant(world.workspace, named, to=to)
    assert not world.facts(TaskReceived, world.other("lab"))
