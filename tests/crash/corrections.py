"""Commands of one append that die before and after it, each started again.

    python corrections.py FOLDER        the database's URL is in LATEWOOD_DATABASE_URL

Each crash has a project of its own in which the same happened up to then: it happened once, and its facts are told of
each of them. Prints one JSON line for each command: what
its facts were at the start, after either crash, after doing it again, and where nothing disturbed it.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

from effects import CRASHED, FINISHED, Effects
from msgspec import structs
from sweep import in_a_process, watch

from latewood.commands.carrying import carry
from latewood.commands.environments import create, promote
from latewood.commands.granting import grant, revoke
from latewood.commands.heads import rollback
from latewood.commands.materializing import materialize, prepare
from latewood.commands.observing import report
from latewood.commands.partitioning import add_keys, remove_keys
from latewood.commands.planning import Asked
from latewood.commands.renaming import rename
from latewood.commands.retracting import retract, undo
from latewood.commands.workspace import Workspace
from latewood.engine.loading.loader import load_file
from latewood.engine.storage.store import ArtifactStore
from latewood.errors import UsageError
from latewood.events import EnvironmentCreated, from_json, to_json
from latewood.model.keys import RunId
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.database import DatabaseUrl, connect
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Batch, NewEvent, RecordedEvent, StreamAppend

ACTS: dict[str, Callable[[Workspace], object]] = {
    "retract": lambda workspace: retract(workspace, "run1.0", reason="wrong"),
    "undo": lambda workspace: undo(workspace, "run1.1"),
    "rename": lambda workspace: rename(workspace, "b", "c"),
    "promote": lambda workspace: promote(workspace, "dev", "prod"),
    "rollback": lambda workspace: rollback(replace(workspace, environment="dev"), "a", version="run1.0"),
    "carry": lambda workspace: carry(workspace, "sales", "eu", "europe"),
    "undo carry": lambda workspace: carry(workspace, "sales", "us", "america", undone=True),
    "add": lambda workspace: add_keys(workspace, "regions", ["asia", *_MANY]),
    "remove": lambda workspace: remove_keys(workspace, "regions", ["europe", "america"]),
    "report": lambda workspace: report(
        replace(workspace, new_run=lambda: RunId("told")), "feed", data_version="tuesday", partition="*"
    ),
    "grant": lambda workspace: grant(workspace, "a.py:twice", to=_grantee(workspace)),
    "revoke": lambda workspace: revoke(workspace, "a.py:thrice", of=_grantee(workspace)),
}

_MANY = [f"{n:0200}" for n in range(500)]
"""Keys that are too long for one event together."""

_SOURCE = """
from latewood import Static, asset, task
from latewood.external import external_asset
from latewood.partitions import Dynamic
@asset
def a() -> int: return {n}
@asset
def b(a: int) -> int: return a
@asset(partitions=Dynamic("regions"))
def sales() -> int: return 1
@task
def twice(n: int) -> int: return n * 2
@task
def thrice(n: int) -> int: return n * 3
feed = external_asset("feed", partitions=Static([str(number) for number in range(501)]))
"""


_ORIGINAL = "original"
"""The project in which it happened."""


def _grantee(workspace: Workspace) -> str:
    return f"{workspace.project.replace(' ', '-')}-grantee"


def _unnamed(workspace: Workspace, text: str) -> str:
    return text.replace(_grantee(workspace), "GRANTEE").replace(workspace.project, "PROJECT")


def workspace_of(root: Path, project: str, effects: Effects) -> Workspace:
    """The same in every process: equal facts then are equal text."""
    engine = connect(DatabaseUrl.parse(os.environ["LATEWOOD_DATABASE_URL"]), role="engine")
    watch(engine, effects)
    times = (datetime(2013, 3, 1, tzinfo=UTC) + timedelta(seconds=n) for n in count())
    runs = (RunId(f"run{n}") for n in count(1))
    return Workspace(
        log=EventLog(engine, PROJECTIONS, UPCASTERS),
        store=ArtifactStore(root / "store", project),
        project=project,
        environment="prod",
        actor="crash test",
        clock=lambda: next(times),
        new_run=lambda: next(runs),
    )


def prepared(workspace: Workspace, root: Path) -> None:
    """Two assets, a branch in which one has another head, and one retraction.

    Also one whose keys were renamed, of which one is carried over; and one that others make.
    """
    for n, environment in ((1, "prod"), (2, "dev")):
        (root / "a.py").write_text(_SOURCE.format(n=n))
        loaded = load_file(root / "a.py", root=root)
        if environment == "dev":
            create(workspace, "dev")
        there = replace(workspace, environment=environment)
        materialize(there, prepare(there, loaded, Asked(selection="a or b")))
    retract(workspace, "run1.1", reason="wrong")
    add_keys(workspace, "regions", ["eu", "us"])
    materialize(workspace, prepare(workspace, loaded, Asked(selection="sales")))
    report(workspace, "feed", data_version="monday", partition="0")
    remove_keys(workspace, "regions", ["eu", "us"])
    add_keys(workspace, "regions", ["europe", "america"])
    carry(workspace, "sales", "us", "america")
    grant(workspace, "a.py:thrice", to=_grantee(workspace))


def tell_the_same(root: Path, project: str) -> None:
    """As if all that happened in the original project had happened in this one."""
    original, workspace = (workspace_of(root, name, Effects("never", 0)) for name in (_ORIGINAL, project))
    names = {_ORIGINAL: project, _grantee(original): _grantee(workspace)}
    recorded = [event for event in original.log.read_all(limit=10_000) if event.project in names]
    later = workspace.log.position() - recorded[0].position + 1

    def told(event: RecordedEvent) -> Batch:
        fact = from_json(event.type, event.data)
        if isinstance(fact, EnvironmentCreated) and fact.base:
            fact = structs.replace(fact, base_position=fact.base_position + later)
        data = to_json(fact)
        for before, after in names.items():
            data = data.replace(json.dumps(before), json.dumps(after))
        new = NewEvent(
            event_id=uuid4(),
            type=event.type,
            schema_version=event.schema_version,
            data=data,
            occurred_at=event.occurred_at,
            actor=event.actor,
        )
        return Batch(appends=(StreamAppend(project=names[event.project], stream=event.stream, events=(new,)),))

    refused = [found for found in workspace.log.append_many(list(map(told, recorded))) if isinstance(found, Exception)]
    assert not refused, refused
    shutil.copytree(original.store.directory, workspace.store.directory)
    for each in (original, workspace):
        each.log.engine.dispose()


def facts(workspace: Workspace) -> list[str]:
    """What was recorded, without what measured time or tells positions, and whatever the project is called."""
    return [
        f"{event.type} {_unnamed(workspace, to_json(from_json(event.type, event.data)))}"
        for event in workspace.log.read_all(limit=10_000)
        if event.project in (workspace.project, _grantee(workspace)) and event.type != "environment.created"
        if not event.stream.startswith(("run/", "location/"))
    ]


def told(root: Path, act: str) -> dict[str, object]:
    """What became of a command that dies before its append, after it, and not at all."""
    found: dict[str, object] = {"act": act}
    for when in ("never", "before", "after"):
        project = f"{act}-{when}"

        def done(when: str, project: str = project) -> object:
            effects = Effects(when, 1)
            workspace = workspace_of(root, project, effects)
            with suppress(UsageError):  # done before
                ACTS[act](workspace)
            return effects.count

        def seen(project: str = project) -> list[str]:
            workspace = workspace_of(root, project, Effects("never", 0))
            found = facts(workspace)
            workspace.log.engine.dispose()
            return found

        tell_the_same(root, project)
        found["start"] = seen()
        ended = in_a_process(lambda when=when: done(when))
        if when == "never":
            found |= {"effects": ended, "undisturbed": seen()}
            continue
        assert ended == CRASHED, ended
        found[when] = seen()
        assert in_a_process(lambda: done("never") and FINISHED) == FINISHED
        found[f"again_{when}"] = seen()
    return found


def main() -> None:
    root = Path(sys.argv[1])
    in_a_process(lambda: prepared(workspace_of(root, _ORIGINAL, Effects("never", 0)), root))
    for act in ACTS:
        print(json.dumps(told(root, act)), flush=True)


if __name__ == "__main__":
    main()
