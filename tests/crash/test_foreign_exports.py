"""Exports that no Latewood wrote, though every digest and the chain are right."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crash.conftest import workspace_on
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.transferring import import_
from latewood.commands.workspace import Workspace
from latewood.engine.storage.log_files import write_export
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.codec import START, chain
from latewood_eventlog.database import connect
from latewood_eventlog.errors import EventUnreadable, LogCorrupt, LogError
from latewood_eventlog.log import EventLog
from postgres.conftest import copied


@pytest.fixture
def events(workspace, load):
    """What one small run recorded."""
    loaded = load("""
        @asset
        def one() -> int:
            return 1
    """)
    materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))
    return workspace.log.read_all()


@pytest.fixture
def other(server, platform_template, workspace) -> Iterator[Workspace]:
    with copied(server, platform_template) as url:
        log = EventLog(connect(url, role="engine"), PROJECTIONS, UPCASTERS)
        yield workspace_on(log, workspace.store)
        log.engine.dispose()


def chained(events):
    previous = START.hash
    for position, event in enumerate(events, start=1):
        placed = replace(event, position=position)
        previous = chain(previous, placed)
        yield replace(placed, hash=previous)


def exported(folder, events):
    write_export(folder, None, START, [list(chained(events))], lambda _: "")


CHANGES = {
    "no JSON": ({"data": "nothing"}, LogCorrupt, "JSON object"),
    "bytes that would not be kept": ({"data": ' {"a": 1}'}, LogCorrupt, "JSON object"),
    "too much": ({"type": "other", "data": json.dumps({"a": "x" * 70_000})}, LogCorrupt, "at most 65536 bytes"),
    "two projects in one name": ({"project": "a,b"}, LogCorrupt, "a comma"),
    "no name": ({"stream": ""}, LogCorrupt, "0 bytes"),
    "a gap in a stream": ({"version": 7}, LogCorrupt, "expected version 1 of its stream, found 7"),
    "no schema": ({"schema_version": 0}, LogCorrupt, "schema version"),
    "another fact than its type": ({"data": '{"a":1}'}, EventUnreadable, "at position 1"),
}


@pytest.mark.parametrize(("change", "error", "said"), CHANGES.values(), ids=CHANGES)
def test_what_no_append_would_take_is_imported_by_nobody(events, other, tmp_path, change, error, said):
    exported(tmp_path / "log", [replace(events[0], **change), *events[1:]])
    with pytest.raises(error, match=said):
        import_(other, tmp_path / "log")
    assert other.log.position() == 0


def test_time_does_not_go_back_in_what_is_imported(events, other, tmp_path):
    earlier = events[0].recorded_at - timedelta(days=1)
    exported(tmp_path / "log", [events[0], replace(events[1], recorded_at=earlier), *events[2:]])
    with pytest.raises(LogCorrupt, match=r"position 2 .*expected a time not before"):
        import_(other, tmp_path / "log")


FILES = {
    "no Parquet": lambda path, _: path.write_bytes(b"nothing"),
    "a column less": lambda path, table: pq.write_table(table.drop_columns(["actor"]), path),
    "a column more": lambda path, table: pq.write_table(table.append_column("more", pa.nulls(len(table))), path),
}


@pytest.mark.parametrize("write", FILES.values(), ids=FILES)
def test_a_file_that_no_export_wrote_is_refused_by_its_name(events, other, tmp_path, write):
    exported(folder := tmp_path / "log", events)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    path = folder / manifest["files"][0]["name"]
    write(path, pq.read_table(path))
    manifest["files"][0]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(LogError, match=path.name):
        import_(other, folder)
