"""Observations that die at each of their effects in turn, each time followed by another one that finishes.

    python observe.py FOLDER        the database's URL is in LATEWOOD_DATABASE_URL

Each crash has a project of its own. Prints one JSON line for each: what was recorded when it had died, after observing
again, and where nothing disturbed it.
"""

import json
import os
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from effects import CRASHED, FINISHED, CountedStore, Effects
from sweep import in_a_process, watch

from latewood.commands import observing
from latewood.commands.workspace import Workspace, new_run
from latewood.engine.loading.loader import load_file
from latewood.events import AssetObserved, CheckEvaluated, Event, ObservationFailed, PartitionsAdded, from_json
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.database import DatabaseUrl, connect
from latewood_eventlog.log import EventLog

SOURCE = """
from latewood import Context, PartitionKey, Static, check
from latewood.external import DataVersion, external_asset, observe
from latewood.io import Json
from latewood.partitions import Dynamic

tills = external_asset("tills", partitions=Static(["a", "b", "c", "d", "e"]))
stock = external_asset("stock", io=Json("in/{partition}.json"), type=int, partitions=Static(["a", "b", "c"]))
shops = external_asset("shops")
broken = external_asset("broken")
of_each_shop = external_asset("of_each_shop", partitions=Dynamic("shops"))

@check(stock, blocking=True)
def is_one(stock: int) -> bool:
    return stock == 1

@observe(tills)
def look(key: PartitionKey) -> DataVersion:
    print("looking at", key)
    return DataVersion(f"v{key}", metadata={"rows": 3})

@observe(shops)
def find(context: Context) -> str:
    context.add_partitions("shops", ["x", "y"])
    return "two"

@observe(broken)
def fail() -> str:
    raise ConnectionError("nobody answers")
"""


def observe_all(root: Path, project: str, effects: Effects) -> int:
    """`observe '*'` in a process that has nothing but the database and the store; a few looks in one append."""
    os.chdir(root)
    observing._AT_ONCE = 3
    engine = connect(DatabaseUrl.parse(os.environ["LATEWOOD_DATABASE_URL"]), role="engine")
    watch(engine, effects)
    workspace = Workspace(
        log=EventLog(engine, PROJECTIONS, UPCASTERS),
        store=CountedStore(root / "store", project, effects),
        project=project,
        environment="prod",
        actor="crash test",
        clock=lambda: datetime.now(UTC),
        new_run=new_run,
    )
    observing.observe(workspace, load_file(root / "shop.py", root=root), "*")
    return FINISHED


def recorded(project: str) -> list[list[str]]:
    """What was seen, failed and added, as far as it is the same each time, with the data version or the error."""
    log = EventLog(connect(DatabaseUrl.parse(os.environ["LATEWOOD_DATABASE_URL"]), role="engine"), PROJECTIONS)
    found: list[list[str]] = []
    for event in log.read_all(limit=10_000):
        if event.project == project:
            found += filter(None, [_told(from_json(event.type, event.data))])
    log.engine.dispose()
    return found


def _told(fact: Event) -> list[str] | None:
    match fact:
        case AssetObserved():
            return ["observed", fact.partition, fact.data_version, "logs" if fact.logs else ""]
        case ObservationFailed():
            return ["failed", fact.partition, fact.failure.error, "logs" if fact.logs else ""]
        case CheckEvaluated():
            return ["checked", fact.partition]
        case PartitionsAdded():
            return ["added", *fact.keys]
    return None


def main() -> None:
    root = Path(sys.argv[1])
    (root / "latewood.toml").touch()
    (root / "shop.py").write_text(SOURCE)
    (root / "in").mkdir()
    for key in "abc":
        (root / "in" / f"{key}.json").write_text("1")
    in_a_process(lambda: observe_all(root, "undisturbed", Effects("never", 0)))
    print(json.dumps({"project": "undisturbed", "after": recorded("undisturbed")}), flush=True)
    for when in ("before", "after"):
        for fatal in count(1):
            project = f"{when}-{fatal}"
            effects = Effects(when, fatal)
            ended = in_a_process(lambda project=project, effects=effects: observe_all(root, project, effects))
            if ended != CRASHED:
                assert ended == FINISHED, ended
                break
            died = recorded(project)
            again = in_a_process(lambda project=project: observe_all(root, project, Effects("never", 0)))
            assert again == FINISHED, again
            print(json.dumps({"project": project, "died": died, "after": recorded(project)}), flush=True)


if __name__ == "__main__":
    main()
