"""Records the history of a small project, for a release to keep: `python generate.py 0.1.0-run`.

Every event type, with retries, checks that pass and fail, partitions of three kinds, several outputs, a task of two
assets, variants, code and files that change and change back, a lost artifact and a run that died. A file that is stored
already is never written again: with `--rows` only what it folds to is, after a projection has changed.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from threading import Thread
from time import sleep

from history import FOLDER, folded, read_history, write_history, write_rows

from latewood.commands.automations import automation_named, stands_now, switch
from latewood.commands.carrying import carry
from latewood.commands.collecting import collect
from latewood.commands.deploying import deploy_loaded
from latewood.commands.environments import create, drop, promote
from latewood.commands.granting import grant, revoke
from latewood.commands.heads import promote_version, rollback
from latewood.commands.launching import launched
from latewood.commands.leasing import close_interrupted
from latewood.commands.materializing import materialize, prepare
from latewood.commands.observing import observe, report
from latewood.commands.partitioning import add_keys, remove_keys
from latewood.commands.pinning import pin, unpin
from latewood.commands.planning import Asked
from latewood.commands.pools import remove_pool, set_pool, set_quota
from latewood.commands.renaming import rename
from latewood.commands.reproducing import reproduce
from latewood.commands.rerunning import rerun_of
from latewood.commands.retracting import retract, undo
from latewood.commands.runs import run_named
from latewood.commands.sharing import resolver
from latewood.commands.tokens import create_token, revoke_token
from latewood.commands.views import view_of
from latewood.commands.workspace import Workspace, open_workspace
from latewood.context import RunRequest
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file
from latewood.engine.running.recorder import new_event
from latewood.engine.running.worker_protocol import Failed, Sensed
from latewood.engine.storage.store import ArtifactStore
from latewood.events import (
    Failure,
    FailureKind,
    NotificationFailed,
    NotificationSent,
    NotificationsRaised,
    RunRequested,
    from_json,
)
from latewood.model.access import Role
from latewood.model.keys import AssetKey, RunId
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving.automating import evaluate
from latewood.serving.engine import Engine
from latewood.serving.raising import raise_due
from latewood.serving.requesting import cancel, request
from latewood.serving.sensing import ask_once
from latewood.testing.jobs import serving as serving_jobs
from latewood_eventlog.records import Batch, RecordedEvent, StreamAppend
from latewood_eventlog.server import stop

_SOURCE = """
from datetime import timedelta
from pathlib import Path
import pyarrow as pa
from latewood import *

FAILED = Path(__file__).with_name("failed")

class Sales(TableSchema):
    shop: str
    amount: int

@asset(group="raw", owners=["ana@example.com"], tags={"tier": "1"}, kinds=["python"], description="All sales.",
       partitions=Daily("2013-01-29", "2013-02-03", timezone="Europe/Berlin"), retries=Retry(1, backoff=timedelta(0)))
def sales(window: TimeWindow, context: Context) -> Sales:
    if not FAILED.exists():
        FAILED.touch()
        raise ConnectionError("the shop does not answer")
    print("read", context.partition)
    context.add_metadata(source="till")
    return pa.table({"shop": ["north", "south"], "amount": [window.start.day, SOUTH]})

SOUTH = 7

@check(sales, blocking=True, severity="error")
def amounts_are_positive(sales: Sales) -> CheckResult:
    return CheckResult(min(sales["amount"].to_pylist()) > 0, metadata={"rows": sales.num_rows}, message="looked at all")

@asset
def rates(*, source: Path = Path("rates.csv")) -> str:
    return source.read_text()

@asset(partitions=Monthly("2013-01", "2013-03", timezone="Europe/Berlin"))
def monthly(sales: Sales, *, scale: float = 1.0) -> float:
    return sum(sales["amount"].to_pylist()) * scale

@asset(partitions=Static(["north", "south"]), inputs={"month": From("monthly", "last")})
def forecast(month: float, key: PartitionKey) -> str:
    return f"{key} {month}"

@asset(outputs={"low": int, "high": Out(int, optional=True)}, inputs={"months": From("monthly", "all")})
def bounds(months: Partitioned[float]) -> dict[str, int]:
    return {"low": int(min(value for _, value in months))}

@task
def doubled(low: int) -> int:
    return low * 2

twice = doubled.asset(key="twice")
again = doubled.asset(key="again")

@asset(reuse=False, deps=["twice"])
def published(low: int) -> None:
    return None

@asset
def broken(low: int) -> int:
    raise ValueError(f"no use for {low}")

@asset
def refused(low: int) -> int:
    return -low

@check(refused, blocking=True)
def is_positive(refused: int) -> bool:
    return refused > 0

@check(refused)
def is_even(refused: int) -> bool:
    return refused % 2 == 0

@asset
def after_broken(broken: int, refused: int) -> int:
    return broken + refused

@asset
def after_refused(refused: int) -> int:
    return refused
"""
_OLD = """
@asset
def old() -> int:
    return 1
"""


def main(name: str, *, rows_only: bool) -> None:
    file = FOLDER / f"{name}.jsonl"
    if file.exists() and not rows_only:
        sys.exit(f"{file} is stored: histories do not change")
    with TemporaryDirectory() as folder:
        if not rows_only:
            with _workspace(Path(folder) / "recorded") as workspace:
                STORIES[name.partition("-")[2]](workspace, Path(folder))
                write_history(file, _all_events(workspace))
        with _workspace(Path(folder) / "folded") as workspace:
            write_rows(file, folded(workspace.log.engine, PROJECTIONS, map(UPCASTERS.upcast, read_history(file))))


@contextmanager
def _workspace(home: Path) -> Iterator[Workspace]:
    """An empty log whose clock and run ids are the same each time."""
    times = (datetime(2013, 3, 1, tzinfo=UTC) + timedelta(seconds=n) for n in count())
    runs = (RunId(f"history{n}") for n in count(1))
    workspace = replace(
        open_workspace({"LATEWOOD_HOME": str(home), "LATEWOOD_ACTOR": "historian"}),
        clock=lambda: next(times),
        new_run=lambda: next(runs),
    )
    try:
        yield workspace
    finally:
        workspace.log.engine.dispose()
        stop(home)


def _branches(workspace: Workspace, folder: Path) -> None:
    """Environments: branched, worked in, promoted, rolled back, dropped."""

    def run(n: int, environment: str) -> None:
        (folder / "shop.py").write_text(f"from latewood import asset\n@asset\ndef count() -> int: return {n}\n")
        loaded = load_file(folder / "shop.py", root=folder)
        there = replace(workspace, environment=environment)
        materialize(there, prepare(there, loaded, Asked(selection="*")))

    run(1, "prod")
    create(workspace, "dev")
    create(workspace, "empty", base="")
    run(2, "dev")
    promote(workspace, "dev", "prod")
    rollback(workspace, "count", version="history1.0")
    drop(workspace, "dev")


def _corrected(workspace: Workspace, folder: Path) -> None:
    """A version retracted, met again, allowed anew and taken back; an asset renamed before its code was."""

    def run(key: str, selection: str = "*", *, force: bool = False) -> None:
        (folder / "shop.py").write_text(
            f'from latewood import asset\n@asset(key="{key}")\ndef count() -> int: return 1\n'
            "from latewood import task\n@task\ndef double(count: int) -> int: return count * 2\n"
            f'once, twice = (double.asset(key=key, inputs={{"count": "{key}"}}) for key in ("once", "twice"))\n'
        )
        loaded = load_file(folder / "shop.py", root=folder)
        materialize(workspace, prepare(workspace, loaded, Asked(selection=selection, force=force)))

    run("count")
    retract(workspace, "history1.0", reason="counted twice")
    run("count", "count", force=True)
    retract(workspace, "history1.0", reason="counted anew", rerun=True)
    undo(workspace, "history1.0", reason="it was right")
    rename(workspace, "count", "number")
    run("count")
    run("number")


def _located(workspace: Workspace, folder: Path) -> None:
    """A file that gets a name, then a directory and variables, and whose task another project is granted."""
    source = "from latewood import task, asset\n@task\ndef two() -> int: return 2\ntwos = two.asset(key='two')\n"
    settings = 'directory = "."\nenvironment = {REGION = "eu"}\n'

    def deploy(location: str, text: str) -> None:
        (folder / "latewood.toml").write_text(text)
        (folder / "shop.py").write_text(source)
        deploy_loaded(workspace, load_file(folder / "shop.py", root=folder, location=location))

    deploy("shop.py", "")
    deploy("shop", '[locations.shop]\nfile = "shop.py"\n')
    deploy("shop", f'[locations.shop]\nfile = "shop.py"\n{settings}')
    grant(workspace, "shop:two", to="lab")


def _verdicts(workspace: Workspace, folder: Path) -> None:
    """Checks that refuse, stand, fail themselves and judge variants, in two environments; an output that is absent."""
    source = """
        from pathlib import Path
        from latewood import Out, asset, check

        @asset(outputs={"kept": int, "odd": Out(int, optional=True)})
        def split(*, size: int = 2) -> dict[str, int]:
            return {"kept": size} | ({"odd": size} if size % 2 else {})

        @asset(inputs={"odd": "split/odd"})
        def after(odd: int) -> int:
            return odd

        @check("split/kept", blocking=True)
        def is_small(kept: int, *, limit: Path = Path("limit")) -> bool:
            print("looking")
            return kept <= int(limit.read_text())
    """

    def run(limit: str, *parameters: str, environment: str = "prod") -> None:
        (folder / "shop.py").write_text(dedent(source))
        (folder / "limit").write_text(limit)
        loaded = load_file(folder / "shop.py", root=folder)
        there = replace(workspace, environment=environment)
        materialize(there, prepare(there, loaded, Asked(selection="*", parameters=parameters)))

    run("no number")
    run("4")
    create(workspace, "dev")
    run("1", environment="dev")
    run("1")
    run("4", "split/kept.size=9")


def _workflows(workspace: Workspace, folder: Path) -> None:
    """A workflow with a choice, a nested workflow, a launch plan and a failure handler, launched in both branches."""
    source = """
        from dataclasses import dataclass
        from latewood import LaunchPlan, WorkflowFailure, task, when, workflow

        @dataclass
        class Fit:
            error: float
            size: int

        @task
        def fit(size: int, *, depth: int = 2) -> Fit:
            return Fit(size / depth, size)

        @task
        def keep(size: int) -> str:
            return f"kept {size}"

        @task
        def drop(size: int) -> str:
            raise ValueError(f"no use for {size}")

        @task
        def notify(failure: WorkflowFailure) -> None:
            print(failure.workflow)

        @workflow
        def best(size: int, *, depth: int) -> Fit:
            return fit(size, depth=depth)

        @workflow(on_failure=notify)
        def model(size: int, *, depth: int = 2) -> str:
            found = best(size, depth=depth)
            first = keep.named("first")(0)
            kept = when(found.error < 3, name="good").then(keep, found.size).otherwise(drop, found.size)
            first >> kept
            return kept

        nightly = LaunchPlan("nightly", model, fixed={"depth": 5}, defaults={"size": 10})
        extra = LaunchPlan("extra", "model/first")
    """

    def launch(name: str, *parameters: str, text: str = source) -> None:
        (folder / "shop.py").write_text(dedent(text))
        loaded = load_file(folder / "shop.py", root=folder)
        materialize(workspace, prepare(workspace, loaded, launched(loaded.launchables, name, parameters)))

    launch("nightly")
    launch("model", "size=7,4")
    launch("nightly", text=source.replace('extra = LaunchPlan("extra", "model/first")', ""))


def _resources(workspace: Workspace, folder: Path) -> None:
    """A resource with a secret, configured, configured otherwise, and for a branch of its own."""
    source = """
        from latewood import asset
        from latewood.resources import Resource, Secret

        class Shop(Resource, unkeyed=["wait_s"]):
            url: str = "shop.example.com"
            token: Secret | None = None
            wait_s: float = 1

        @asset
        def count(shop: Shop) -> int:
            return len(shop.url)
    """
    (folder / "shop.py").write_text(dedent(source))

    def run(configuration: str, environment: str = "prod") -> None:
        (folder / "latewood.toml").write_text(configuration)
        loaded = load_file(folder / "shop.py", root=folder, environment=environment)
        there = replace(workspace, environment=environment)
        materialize(there, prepare(there, loaded, Asked(selection="*")))

    run("")
    run('[resources.Shop]\ntoken = {env = "SHOP_TOKEN"}\n')
    create(workspace, "dev")
    run('[environments.dev.resources.Shop]\nurl = "localhost"\ntoken = {file = "token"}\n', "dev")


def _collected(workspace: Workspace, folder: Path) -> None:
    """A version that a later one replaced is collected, and made again."""
    for n in (1, 2, 1):
        (folder / "shop.py").write_text(f"from latewood import asset\n@asset\ndef count() -> int: return {n}\n")
        loaded = load_file(folder / "shop.py", root=folder)
        materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))
        in_a_century = replace(workspace, clock=lambda: datetime(2113, 3, 1, tzinfo=UTC))
        collect(in_a_century, older_than=timedelta(days=30))


QUERIES = """
import pyarrow as pa
from latewood import asset
from latewood.sql import sql_asset

@asset(key="flights/raw")
def raw() -> pa.Table:
    return pa.table({"carrier": ["a", "b", "a"], "minutes": [4, 40, 16]})

late = sql_asset(
    "late",
    "SELECT *, minutes / 60 AS hours, 1 AS one FROM raw WHERE minutes > :over",
    parameters={"over": 15},
)
worst = sql_asset("worst", "PIVOT late ON carrier USING max(hours)")
"""


def _queried(workspace: Workspace, folder: Path) -> None:
    """Queries: what their columns were computed from, and where only the database can tell."""
    file = folder / "queries.py"
    file.write_text(QUERIES)
    materialize(workspace, prepare(workspace, load_file(file, root=folder), Asked(selection="*")))


def _sweeps(workspace: Workspace, folder: Path) -> None:
    """A sweep and a zipped one, a variant promoted, its parameters pinned, inherited, unpinned and promoted."""
    source = """
        from latewood import asset

        @asset
        def split() -> list[int]:
            return [1, 2, 3]

        @asset
        def train(split: list[int], *, depth: int = 3, rates: list[float] = [0.1]) -> float:
            return sum(split) * depth * sum(rates)

        @asset
        def score(train: float) -> float:
            return 1 / train
    """
    (folder / "shop.py").write_text(dedent(source))
    loaded = load_file(folder / "shop.py", root=folder)

    def run(*parameters: str, zipped: bool = False) -> None:
        asked = Asked(selection="*", parameters=parameters, zipped=zipped)
        materialize(workspace, prepare(workspace, loaded, asked))

    run("train.depth=3,6", "train.rates=[0.1],[0.2,0.3]")
    run("train.depth=6,9", "train.rates=[0.2,0.3],[0.4]", zipped=True)
    promote_version(workspace, "history1.8")
    pin(workspace, ["train.depth=6", "train.rates=[0.2,0.3]"])
    run()
    create(workspace, "dev")
    dev = replace(workspace, environment="dev")
    unpin(dev, ["train.depth"])
    pin(dev, ["train.rates=[0.4]"])
    promote(workspace, "dev", "prod")


def _roots(workspace: Workspace, folder: Path) -> None:
    """Locations of two roots that name different files alike, and one by an absolute path."""
    source = """
        from pathlib import Path
        from latewood import asset

        @asset
        def {name}(*, data: Path = Path("data.csv"), other: Path = Path("/dev/null")) -> str:
            return data.read_text()
    """
    for content in ("1", "2"):
        for name in ("here", "there"):
            (folder / name).mkdir(exist_ok=True)
            (folder / name / f"{name}.py").write_text(dedent(source.format(name=name)))
            (folder / name / "data.csv").write_text(name if content == "1" else content)
            loaded = load_file(folder / name / f"{name}.py", root=folder / name)
            materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))


def _partitions(workspace: Workspace, folder: Path) -> None:
    """Keys that a step and somebody added, removed and brought back; a grid with them, read along its dimensions."""
    source = """
        from latewood import Context, Partitioned, PartitionKey, Static, asset
        from latewood.partitions import Dynamic, Grid, GridKey

        customers = Dynamic("customers")
        uses = Grid(kind=Static(["gas", "water"]), customer=customers)

        @asset(reuse=False)
        def register(context: Context) -> None:
            context.add_partitions("customers", ["ann", "bob"])

        @asset(partitions=customers)
        def address(key: PartitionKey) -> str:
            return f"where {key} lives"

        @asset(partitions=uses)
        def used(address: str, key: GridKey) -> str:
            return f"{key.parts['kind']} {address}"

        @asset(partitions=customers)
        def invoice(used: Partitioned[str]) -> list[str]:
            return [text for _, text in used]
    """
    (folder / "shop.py").write_text(dedent(source))
    loaded = load_file(folder / "shop.py", root=folder)

    def run(selection: str) -> None:
        materialize(workspace, prepare(workspace, loaded, Asked(selection=selection)))

    run("register")
    run("not register")
    add_keys(workspace, "customers", ["carl", "bob"])
    remove_keys(workspace, "customers", ["ann"])
    run("*")
    remove_keys(workspace, "customers", ["carl"])
    add_keys(workspace, "customers", ["carl", "ann"])
    remove_keys(workspace, "customers", ["bob"])
    add_keys(workspace, "customers", ["rob", "eve"])
    carry(workspace, "address", "bob", "rob")
    carry(workspace, "invoice", "bob", "eve")
    carry(workspace, "invoice", "bob", "eve", undone=True)
    run("*")


def _again(workspace: Workspace, folder: Path) -> None:
    """Runs that are asked for again, in whole and in part, and reproduced: identical, parted, failed and not run."""
    source = """
        from pathlib import Path
        import pyarrow as pa
        from latewood import asset

        STATE = Path({folder!r})

        @asset
        def steady(*, size: int = 2) -> int:
            return size

        @asset
        def moved() -> pa.Table:
            return pa.table({{"n": [1, int((STATE / "n").read_text())]}})

        @asset
        def fails() -> int:
            return int((STATE / "there").read_text())

        @asset
        def below(fails: int) -> int:
            return fails

        @asset(reuse=False)
        def sent(steady: int) -> None:
            return None
    """
    (folder / "shop.py").write_text(dedent(source).format(folder=str(folder)))
    (folder / "n").write_text("1")
    loaded = load_file(folder / "shop.py", root=folder)
    materialize(workspace, prepare(workspace, loaded, Asked(selection="*", parameters=("steady.size=3",))))
    (folder / "there").write_text("1")

    def again(only: str = "") -> None:
        found = rerun_of(workspace, "history1", only=only, parameters=(), home=folder / "home", root=folder)
        materialize(workspace, prepare(workspace, found.loaded, found.asked))

    again("failed")
    again()
    (folder / "n").write_text("2")
    reproduce(workspace, "history1", home=folder / "home", root=folder)
    (folder / "there").unlink()
    reproduce(workspace, "history2", home=folder / "home", root=folder, force=True)


def _observed(workspace: Workspace, folder: Path) -> None:
    """External assets that are observed and reported, with partitions, and a view of one that is read."""
    source = """
        from latewood import Daily, PartitionKey, asset
        from latewood.external import DataVersion, external_asset, observe, virtual_asset

        till = external_asset("till", partitions=Daily("2013-01-01", "2013-01-03"))
        rates = external_asset("rates")
        view = virtual_asset("view", [rates], definition="select 1")

        @observe(till)
        def look(day: PartitionKey) -> DataVersion:
            return DataVersion(day, {"rows": 3})

        @asset(deps=[till, view])
        def turnover() -> int:
            return 1
    """
    (folder / "shop.py").write_text(dedent(source))
    loaded = load_file(folder / "shop.py", root=folder)
    observe(workspace, loaded, "till")
    report(workspace, "rates", data_version="monday", metadata={"source": "bank"})
    materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))
    create(workspace, "dev")
    report(replace(workspace, environment="dev"), "rates", data_version="tuesday")


def _places(workspace: Workspace, folder: Path) -> None:
    """Values stored by IO: overwritten by a later version, changed and removed outside, refused, and in a branch."""
    source = """
        from pathlib import Path
        from latewood import Daily, PartitionKey, asset, check
        from latewood.io import IO, Json

        class Shelf(IO):
            holds_partitions = True
            def load(self, place): return (place.path / place.partition).read_text()
            def store(self, place, value):
                place.path.mkdir(parents=True, exist_ok=True)
                (place.path / place.partition).write_text(value)
            def exists(self, place): return (place.path / place.partition).exists()
            def fingerprint(self, place): return self.load(place)

        @asset(partitions=Daily("2013-01-01", "2013-01-03"), io=Shelf("shelf/{environment}"))
        def days(day: PartitionKey) -> str:
            return f"{day}:first"

        @asset(io=Json("{environment}/many.json"))
        def many(*, limit: int = 5) -> int:
            return limit
    """
    checked = """
        @check(many, blocking=True)
        def few(many: int) -> bool:
            return many < 9
    """

    def run(text: str, selection: str = "*", *parameters: str, environment: str = "prod") -> None:
        (folder / "shop.py").write_text(dedent(text))
        within = replace(workspace, environment=environment)
        loaded = load_file(folder / "shop.py", root=folder, environment=environment)
        materialize(within, prepare(within, loaded, Asked(selection=selection, parameters=parameters)))

    run(source + checked)
    run(source.replace("first", "second") + checked, "days")
    run(source.replace("first", "second") + checked, "many", "many.limit=7")
    (folder / "shelf" / "prod" / "2013-01-01").write_text("other")
    (folder / "shelf" / "prod" / "2013-01-02").unlink()
    run(source.replace("first", "second").replace("= 5", "= 9") + checked)
    create(workspace, "dev")
    run(source.replace("first", "third") + checked, environment="dev")
    promote(workspace, "dev", "prod", force=True)
    run(source.replace("first", "fourth") + checked, environment="dev")
    run(source.replace("first", "third") + checked)


def _looked(workspace: Workspace, folder: Path) -> None:
    """External assets with an IO: seen, loaded, changed, gone; an observer that prints, adds partitions, and fails."""
    source = """
        from pathlib import Path
        from latewood import Context, PartitionKey, Static, asset
        from latewood.external import external_asset, observe
        from latewood.io import Json
        from latewood.partitions import Dynamic

        rates = external_asset("rates", io=Json("rates-{partition}.json"), partitions=Static(["eur", "usd"]), type=int)
        inbox = external_asset("inbox")

        @observe(inbox)
        def look(context: Context) -> str:
            print("looking")
            context.add_partitions("files", Path(__file__).with_name("inbox").read_text().split())
            return "as it is"

        @asset(partitions=Static(["eur", "usd"]))
        def doubled(rates: int) -> int:
            return rates * 2

        @asset(partitions=Dynamic("files"), deps=[inbox])
        def size(key: PartitionKey) -> int:
            return len(key)
    """
    (folder / "shop.py").write_text(dedent(source))
    (folder / "rates-eur.json").write_text("3")
    (folder / "rates-usd.json").write_text("4")

    def run() -> None:
        loaded = load_file(folder / "shop.py", root=folder)
        observe(workspace, loaded, "*")
        materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))

    run()
    (folder / "inbox").write_text("a bc")
    (folder / "rates-eur.json").write_text("5")
    materialize(workspace, prepare(workspace, load_file(folder / "shop.py", root=folder), Asked(selection="*")))
    run()
    (folder / "rates-usd.json").unlink()
    run()


def _shared(workspace: Workspace, folder: Path) -> None:
    """Tasks that come, change and go with deployments, one that is used elsewhere, and one granted to a project."""
    shop = """
        from latewood import *

        @task
        def doubled(n: int, *, plus: int = 1) -> int:
            "Twice as much."
            return n * 2 + plus

        @task
        def parts(n: int = 3) -> tuple[int, list[int]]:
            return n, [n]
    """
    lab = """
        from latewood import *
        from latewood.sharing import task_ref

        @asset
        def n() -> int:
            return 4

        eight = task_ref("shop.py:doubled"PROJECT).asset(key="eight", inputs={"n": n}, parameters={"plus": 0})
    """

    def loaded(name: str, source: str, of: Workspace) -> Loaded:
        (folder / name).write_text(dedent(source))
        return load_file(folder / name, root=folder, resolve=resolver(of, name))

    def run(name: str, source: str, of: Workspace) -> None:
        materialize(of, prepare(of, loaded(name, source, of), Asked(selection="*")))

    workspace = replace(workspace, home=folder / "home")
    other = replace(workspace, project="lab", store=ArtifactStore(workspace.store.directory.parent, "lab"))
    deploy_loaded(workspace, loaded("shop.py", shop, workspace))
    run("lab.py", lab.replace("PROJECT", ""), workspace)
    deploy_loaded(workspace, loaded("shop.py", shop.replace("n * 2", "n + n").replace("def parts", "def p"), workspace))
    grant(workspace, "shop.py:doubled", to="lab")
    run("lab.py", lab.replace("PROJECT", ', project="default"'), other)
    revoke(workspace, "shop.py:doubled", of="lab")


_DRIVEN = """
import time
from latewood import *

@asset(partitions=Daily("2024-01-01", "2024-01-06"))
def day(partition: PartitionKey, *, scale: int = 1) -> int:
    time.sleep(0.2)
    return scale * int(partition[-2:])

@asset(partitions=Daily("2024-01-01", "2024-01-06"), retries=Retry(1, backoff=timedelta(0)))
def fragile(day: int, context: Context) -> int:
    if context.attempt == 1 and day == 2:
        raise ConnectionError("not yet")
    return day

@check(fragile, blocking=True)
def is_no_four(fragile: int) -> bool:
    return fragile % 4 != 0

@asset(inputs={"days": From("fragile", "all")})
def total(days: Partitioned[int]) -> int:
    return sum(value for _, value in days)
"""


def _driven(workspace: Workspace, folder: Path) -> None:
    """Runs that engines drive: one that is left and taken up again, one that is cancelled, a sweep."""

    def ask(selection: str, *parameters: str) -> RunId:
        (folder / "days.py").write_text("from datetime import timedelta\n" + _DRIVEN)
        loaded = load_file(folder / "days.py", root=folder)
        return request(workspace, prepare(workspace, loaded, Asked(selection=selection, parameters=parameters))).run

    def drive(name: str, until: Callable[[], bool]) -> None:
        engine = Engine(workspace, slots=2, name=name)
        serving = Thread(target=engine.serve)
        serving.start()
        while not until():
            sleep(0.01)
        engine.drain()
        serving.join()

    def told(type_: str, count: int) -> Callable[[], bool]:
        return lambda: sum(event.type == type_ for event in _all_events(workspace)) >= count

    ask("*")
    drive("engine-1", told("step.succeeded", 3))
    drive("engine-2", told("run.ended", 1))
    cancelled = ask("day", "day.scale=2,3")
    cancel(workspace, run_named(workspace, cancelled))
    drive("engine-2", told("run.ended", 2))
    ask("day", "day.scale=4,5")
    drive("engine-2", told("run.ended", 3))


_JOBS = """
from latewood import *
from latewood.plugin import runs_on

@asset
@runs_on("local", options={"values": {"result": 7}, "prints": ["one"], "metrics": {"bytes": 12}})
def counted() -> int: ...

@asset(retries=Retry(1, backoff=timedelta(0)))
@runs_on("local", options={"fail": "no table t"})
def refused(counted: int) -> int: ...

@asset
@runs_on("local", options={"seconds": 600})
def endless(counted: int) -> int: ...
"""


def _jobs(workspace: Workspace, folder: Path) -> None:
    """Steps that run in another system: one that makes something, one that fails twice, one that is cancelled."""
    configured = f'[connectors.local]\nfactory = "latewood.testing.jobs:connect"\nfolder = "{folder}"\n'
    (folder / "latewood.toml").write_text(configured)
    (folder / "jobs.py").write_text("from datetime import timedelta\n" + _JOBS)
    loaded = load_file(folder / "jobs.py", root=folder)
    asked = request(workspace, prepare(workspace, loaded, Asked(selection="*")))
    engine = Engine(workspace, slots=2, name="engine-1")

    def told(type_: str, count: int) -> None:
        while sum(event.type == type_ for event in _all_events(workspace)) < count:
            sleep(0.01)

    with serving_jobs(folder), chdir(folder):
        serving = Thread(target=engine.serve)
        serving.start()
        told("step.failed", 2)
        told("job.submitted", 4)
        cancel(workspace, run_named(workspace, asked.run))
        told("run.ended", 1)
        engine.drain()
        serving.join()


_MAPPED = """
from latewood import *
from latewood.mapping import each

@task
def rows(*, last: int = 3) -> list[int]:
    return list(range(1, last + 1))

@task(retries=Retry(1, backoff=timedelta(0)))
def score(row: int, *, scale: int = 2) -> int:
    if row == 4:
        raise ValueError(f"{row} is unlucky")
    return row * scale

@workflow
def scoring(*, last: int = 3) -> list[int]:
    return score.map(each(rows(last=last)))

@workflow
def lenient(*, last: int = 5) -> list[int | None]:
    return score.partly(min_success_ratio=0.5).map(each(rows(last=last)), scale=3)
"""


def _mapped(workspace: Workspace, folder: Path) -> None:
    """Lists whose elements are computed, reused and fail; some may, and too many do."""

    def run(*parameters: str) -> None:
        (folder / "scoring.py").write_text("from datetime import timedelta\n" + _MAPPED)
        loaded = load_file(folder / "scoring.py", root=folder)
        materialize(workspace, prepare(workspace, loaded, Asked(selection="*", parameters=parameters)))

    run()
    run("scoring.last=2", "lenient.last=6")
    run("scoring.last=4", "lenient.last=0")


_AUTOMATED = """
from latewood import *
from latewood.automation import *

@asset(partitions=Daily("2013-01-01"))
def day(partition: PartitionKey) -> int:
    return 1

@asset(reuse=False)
def total(day: Partitioned[int]) -> int:
    return 1

nightly = Schedule("nightly", "day", "0 6 * * *", timezone="Europe/Berlin", last_window=True, catch_up="all")
kept = Rule("kept", "day or total", on_missing() | on_cron("0 7 * * *"))
broken = Schedule("broken", "nowhere", "0 6 * * *")
current = Freshness("current", "*", deadline="0 9 * * *", max_lag=timedelta(days=2))
"""


def _automated(workspace: Workspace, folder: Path) -> None:
    """What happens by itself: ticks that are made up for, a problem, what is overdue, off and on, and no more of it."""

    def at(moment: datetime) -> Workspace:
        times = (moment + timedelta(seconds=n) for n in count())
        return replace(workspace, clock=lambda: next(times))

    def deploy(source: str) -> None:
        (folder / "nights.py").write_text("from datetime import timedelta\n" + source)
        deploy_loaded(workspace, load_file(folder / "nights.py", root=folder))

    deploy(_AUTOMATED)
    evaluate(at(datetime(2013, 3, 1, 1, tzinfo=UTC)))
    evaluate(at(datetime(2013, 3, 3, 12, tzinfo=UTC)))
    nightly = automation_named(workspace, "nightly")
    switch(workspace, nightly, on=False)
    switch(workspace, stands_now(workspace, nightly), on=True)
    deploy(_AUTOMATED.replace("broken = ", "# "))
    create(workspace, "branch", base="prod")
    drop(workspace, "branch")


def _sensed(workspace: Workspace, folder: Path) -> None:
    """Sensors: runs asked for by keys, nothing to ask for, failures, another answer after them; a run that was told."""
    source = """
        from datetime import timedelta
        from latewood import asset
        from latewood.automation import sensor

        @asset
        def count(*, size: int = 1) -> int:
            raise ValueError("too many")

        @sensor("count", interval=timedelta(minutes=1))
        def arrivals(): ...

        @sensor(watch="failed")
        def failed(): ...
    """
    (folder / "shop.py").write_text(dedent(source))
    loaded = load_file(folder / "shop.py", root=folder)
    deploy_loaded(workspace, loaded)

    def answer(name: str, answered: Sensed | Failed) -> None:
        ask_once(workspace, automation_named(workspace, name), lambda *_: answered)

    answer("failed", Sensed())
    requests = (RunRequest("a", parameters={"count.size": 2}), RunRequest("b"))
    answer("arrivals", Sensed(requests=requests, cursor="b"))
    answer("arrivals", Sensed(skipped="no new file"))
    answer("arrivals", Failed(failure=Failure(kind=FailureKind.USER, error="OSError", message="the share is gone")))
    answer("arrivals", Sensed(requests=(*requests, RunRequest("c", partition="2013")), cursor="c"))
    answer("arrivals", Sensed(requests=(*requests, RunRequest("d")), cursor="d"))
    materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))
    answer("failed", Sensed())
    switch(workspace, automation_named(workspace, "failed"), on=False)
    switch(workspace, automation_named(workspace, "failed"), on=True)


def _told(workspace: Workspace, folder: Path) -> None:
    """What is told: raised when assets fail and recover, taken at the second try, and given up where nobody is."""
    source = """
        from latewood import asset
        from latewood.automation import Notify

        @asset
        def count() -> int:
            return {value}

        told = Notify("told", "*", "http://127.0.0.1:9/hook")
    """

    def run(value: str) -> None:
        (folder / "shop.py").write_text(dedent(source.format(value=value)))
        loaded = load_file(folder / "shop.py", root=folder)
        materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))
        raise_due(workspace, automation_named(workspace, "told"), 0)

    def tell(fact: NotificationFailed | NotificationSent) -> None:
        at, stream = workspace.clock(), "notifications/prod"
        name = (fact.id, type(fact).__name__, fact.attempts)
        event = new_event(fact, project=workspace.project, stream=stream, name=name, at=at, actor="historian")
        workspace.log.append(Batch(appends=(StreamAppend(project=workspace.project, stream=stream, events=(event,)),)))

    for value in ("1", "1 / 0", "2"):
        run(value)
    facts = (from_json(event.type, event.data) for event in _all_events(workspace))
    ids = [each.id for fact in facts if isinstance(fact, NotificationsRaised) for each in fact.notifications]
    own = {"environment": "prod", "location": "shop.py", "name": "told"}
    tell(NotificationFailed(**own, id=ids[0], attempts=1, problem="it answered 500"))
    tell(NotificationSent(**own, id=ids[0], attempts=2))
    tell(NotificationFailed(**own, id=ids[1], attempts=1, problem="it cannot be reached", given_up=True))


def _pools(workspace: Workspace, folder: Path) -> None:
    """Pools with limits that change, one that is removed, a quota; a run with a priority."""
    set_pool(workspace, "db", 2)
    set_pool(workspace, "api", 1)
    set_pool(workspace, "db", 3)
    set_quota(workspace, 8)
    (folder / "pooled.py").write_text(
        'from latewood import asset\n@asset(pool="db", priority=2)\ndef one() -> int: return 1\n'
    )
    loaded = load_file(folder / "pooled.py", root=folder)
    request(workspace, prepare(workspace, loaded, Asked(selection="*", priority=5)))
    remove_pool(workspace, "api")
    set_quota(workspace, None)


def _tokens(workspace: Workspace, folder: Path) -> None:
    """Tokens for a project and for all projects, one of them revoked."""
    create_token(workspace, "ci", Role.OPERATOR, days=30)
    create_token(workspace, "ann", Role.ADMIN, everywhere=True)
    (folder / "shop.py").write_text("from latewood import asset\n@asset\ndef one() -> int: return 1\n")
    materialize(workspace, prepare(workspace, load_file(folder / "shop.py", root=folder), Asked(selection="*")))
    revoke_token(workspace, "ci")


def _live(workspace: Workspace, folder: Path) -> None:
    """The history itself."""

    def run(source: str, selection: str = "*", *parameters: str, partition: str = "", rates: str = "1.3") -> None:
        (folder / "shop.py").write_text(dedent(source))
        (folder / "rates.csv").write_text(rates)
        loaded = load_file(folder / "shop.py", root=folder)
        asked = Asked(selection=selection, partition=partition, parameters=parameters)
        materialize(workspace, prepare(workspace, loaded, asked))

    changed = _SOURCE.replace("SOUTH = 7", "SOUTH = 8").replace("low * 2", "low * 3")
    run(_SOURCE + _OLD)
    run(_SOURCE, "+monthly")
    run(_SOURCE, "monthly", "monthly.scale=2.5")
    run(changed, "+twice or rates", rates="1.4")
    _lose_first_artifact(workspace, "bounds/low")
    _die(workspace)
    run(_SOURCE, "sales", partition="2013-01-29..2013-01-31")
    run(_SOURCE)


def _lose_first_artifact(workspace: Workspace, key: str) -> None:
    """Delete what the asset's first version lies in; by then changed code has made another head."""
    id_ = view_of(workspace).ids[AssetKey(key)]
    made = (from_json(event.type, event.data) for event in _all_events(workspace) if event.type == "step.succeeded")
    artifact = next(output.artifact for fact in made for output in fact.outputs if output.asset == id_)
    (workspace.store.directory / artifact[:1] / artifact).unlink()


def _die(workspace: Workspace) -> None:
    """Request a run that nobody has a lease for, as if its process had died, and let the next one find it."""
    run = workspace.new_run()
    stream = f"run/{run}"
    fact = RunRequested(run=run, environment="prod", selection="*", deployments={}, force=True)
    told = new_event(
        fact, project=workspace.project, stream=stream, name=("requested",), at=workspace.clock(), actor="historian"
    )
    workspace.log.append(Batch(appends=(StreamAppend(project=workspace.project, stream=stream, events=(told,)),)))
    assert close_interrupted(workspace) == (run,)


def _all_events(workspace: Workspace) -> list[RecordedEvent]:
    return workspace.log.read_all(limit=100_000)


STORIES = {
    "again": _again,
    "automated": _automated,
    "run": _live,
    "driven": _driven,
    "sweeps": _sweeps,
    "places": _places,
    "pools": _pools,
    "roots": _roots,
    "files": _live,
    "branches": _branches,
    "located": _located,
    "jobs": _jobs,
    "looked": _looked,
    "mapped": _mapped,
    "observed": _observed,
    "collected": _collected,
    "queried": _queried,
    "corrected": _corrected,
    "resources": _resources,
    "sensed": _sensed,
    "told": _told,
    "partitions": _partitions,
    "shared": _shared,
    "tokens": _tokens,
    "verdicts": _verdicts,
    "workflows": _workflows,
}


if __name__ == "__main__":
    main(sys.argv[1], rows_only="--rows" in sys.argv[2:])
