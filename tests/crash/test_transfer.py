"""Stored histories are imported, exported, imported again elsewhere, and asked through the views for DuckDB."""

import json
import os
import shutil
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

import duckdb
import msgspec
import pytest

from crash.sweep import CRASHED, in_a_process
from databases import copied
from histories.history import HISTORIES, read_history
from latewood.commands import transferring
from latewood.commands.environments import create, drop, promote
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.transferring import export, import_
from latewood.commands.workspace import Workspace
from latewood.decide.versions import expand
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file
from latewood.engine.storage.log_files import MANIFEST, VIEWS, read_manifest
from latewood.errors import UsageError
from latewood.events import StepStarted, StepSucceeded, from_json
from latewood.model.keys import version_id
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.audit import verify
from latewood_eventlog.codec import START
from latewood_eventlog.database import connect
from latewood_eventlog.errors import ImportRefused, LogCorrupt
from latewood_eventlog.log import EventLog
from latewood_eventlog.statements import READ_ALL, read_events
from latewood_eventlog.transfer import place_at, restore

BY_NAME = {file.stem: file for file in HISTORIES}
RUN = BY_NAME["0.1.0-run"]


@pytest.fixture
def elsewhere(server, platform_template, workspace):
    """A workspace in another empty database."""
    with copied(server, platform_template) as url:
        log = EventLog(connect(url, role="engine"), PROJECTIONS, UPCASTERS)
        yield replace(workspace, log=log)
        log.engine.dispose()


def stored(workspace: Workspace) -> list:
    with workspace.log.engine.connect() as connection:
        return read_events(connection, READ_ALL, after=0, limit=10_000)


def begin(workspace: Workspace, history: Path, *, events: int | None = None) -> None:
    restore(workspace.log, START, [read_history(history)[:events]])


@pytest.mark.parametrize("history", HISTORIES, ids=lambda file: file.stem)
def test_what_is_exported_and_imported_is_the_same_log(workspace, elsewhere, history, tmp_path):
    begin(workspace, history)
    exported = export(workspace, tmp_path / "log")
    imported = import_(elsewhere, tmp_path / "log")
    assert stored(elsewhere) == stored(workspace) == read_history(history)
    assert imported.last == exported.manifest.last == place_at(workspace.log, workspace.log.position())
    assert (
        verify(elsewhere.log.engine, PROJECTIONS, UPCASTERS).rows
        == verify(workspace.log.engine, PROJECTIONS, UPCASTERS).rows
    )


def test_export_and_import_again_carry_over_what_came_since(workspace, elsewhere, tmp_path):
    begin(workspace, RUN, events=40)
    export(workspace, tmp_path)
    import_(elsewhere, tmp_path)
    before = (tmp_path / MANIFEST).read_bytes()
    assert export(workspace, tmp_path).added == 0
    assert (tmp_path / MANIFEST).read_bytes() == before

    restore(workspace.log, START, [read_history(RUN)])
    assert export(workspace, tmp_path).added == 101
    assert [file.last for file in read_manifest(tmp_path).files] == [40, 141]
    assert import_(elsewhere, tmp_path).added == 101
    assert stored(elsewhere) == stored(workspace)


def test_what_comes_after_a_position_is_for_the_log_that_ends_there(workspace, elsewhere, tmp_path):
    begin(workspace, RUN)
    export(workspace, tmp_path, after=100)
    with pytest.raises(ImportRefused, match="or one that ends with position 100"):
        import_(elsewhere, tmp_path)
    begin(elsewhere, RUN, events=100)
    assert import_(elsewhere, tmp_path).added == 41
    assert stored(elsewhere) == stored(workspace)


def test_a_folder_of_another_log_is_left_alone(workspace, elsewhere, tmp_path):
    begin(workspace, RUN)
    begin(elsewhere, BY_NAME["0.1.0-branches"])
    export(workspace, tmp_path)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UsageError, match="no place of this log"):
        export(elsewhere, tmp_path)
    with pytest.raises(UsageError, match="has events after position 0"):
        export(workspace, tmp_path, after=3)
    with pytest.raises(ImportRefused):
        import_(elsewhere, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_an_empty_log_is_not_exported(workspace, tmp_path):
    with pytest.raises(UsageError, match="nothing to export"):
        export(workspace, tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_damaged_exports_are_refused_and_nothing_is_recorded(workspace, elsewhere, tmp_path):
    begin(workspace, RUN, events=50)
    export(workspace, tmp_path / "whole")
    restore(workspace.log, START, [read_history(RUN)])
    export(workspace, tmp_path / "whole")
    first, second = (file.name for file in read_manifest(tmp_path / "whole").files)

    def change(edit) -> Path:
        shutil.rmtree(tmp_path / "damaged", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "damaged")
        edit(tmp_path / "damaged")
        return tmp_path / "damaged"

    def manifest(**changes):
        def edit(folder: Path) -> None:
            found = json.loads((folder / MANIFEST).read_text())
            (folder / MANIFEST).write_text(json.dumps(found | changes))

        return edit

    def flip(folder: Path) -> None:
        content = bytearray((folder / second).read_bytes())
        content[1_000] ^= 1
        (folder / second).write_bytes(content)

    listed = msgspec.json.decode((tmp_path / "whole" / MANIFEST).read_bytes())["files"]
    for edit, error, message in (
        (flip, LogCorrupt, f"{second}: expected sha256"),
        (lambda folder: (folder / first).unlink(), LogCorrupt, f"{first}: .* no such file"),
        (lambda folder: (folder / MANIFEST).unlink(), UsageError, "interrupted"),
        (lambda folder: (folder / MANIFEST).write_text("{"), UsageError, "expected the manifest"),
        (manifest(format=2), UsageError, "upgrade Latewood"),
        (manifest(files=listed[1:]), LogCorrupt, "expected position 1, found 51"),
        (manifest(files=listed[:1]), LogCorrupt, "expected the last event at position 141"),
        (manifest(last_hash="00" * 32), LogCorrupt, "expected the last event"),
    ):
        with pytest.raises(error, match=message):
            import_(elsewhere, change(edit))
        assert stored(elsewhere) == []
    assert import_(elsewhere, tmp_path / "whole").added == 141


@pytest.mark.parametrize("had", [0, 40])
def test_an_export_that_is_killed_is_never_taken_for_more_than_it_was(workspace, environ, elsewhere, tmp_path, had):
    """Killed before and after each file gets its name: what is there is the export before, or none."""
    begin(workspace, RUN)
    for fatal in count():
        folder = tmp_path / str(fatal)
        if had:
            begin_of_it = read_history(RUN)[:had]
            _export_of(begin_of_it, folder)
        ended = in_a_process(lambda folder=folder, fatal=fatal: _export_and_die(environ, folder, fatal))
        if ended != CRASHED:
            break
        manifest = read_manifest(folder)
        assert (0 if manifest is None else manifest.count) == (had if fatal < 5 else 141)
        assert export(workspace, folder).manifest.count == 141
        assert not [path for path in folder.iterdir() if path.name.endswith(".partial")]
    assert fatal == 6  # before and after: the events, the views, the manifest
    assert import_(elsewhere, tmp_path / "0").added == 141


def _export_of(events: list, folder: Path) -> None:
    manifest = transferring.write_export(folder, None, START, [events], transferring._views)
    assert manifest.count == len(events)


def _export_and_die(environ: dict[str, str], folder: Path, fatal: int) -> None:
    """Export, and end this process at one of the moments around the naming of files."""
    from latewood.commands.workspace import open_workspace  # noqa: PLC0415 - in the child only

    moments = count()
    rename = Path.replace

    def replace_and_die(path: Path, target: Path) -> None:
        if next(moments) == fatal:
            os._exit(CRASHED)
        rename(path, target)
        if next(moments) == fatal:
            os._exit(CRASHED)

    Path.replace = replace_and_die
    export(open_workspace(environ), folder)


VIEWS_OF_TABLES = {
    "runs": "project, run, environment, selection, partitions, status, actor, requested_position, requested_at, "
    "ended_position, ended_at",
    "steps": "project, run, step, assets, partition, status, attempt, started_at, ended_position, duration_ms",
    "versions": "project, asset, partition, version, position, made_at, duration_ms, data_version, artifact, size, "
    "code, logic, reuse_key, output, accepted_position",
    "heads": "project, environment, asset, partition, version",
    "checks": "project, asset, partition, check_name, version, check_key, passed, blocking, severity, message, "
    "position, evaluated_at",
}


@pytest.mark.parametrize("history", HISTORIES, ids=lambda file: file.stem)
def test_the_views_have_the_rows_of_the_projections(workspace, history, tmp_path, monkeypatch):
    begin(workspace, history)
    export(workspace, tmp_path)
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as offline, workspace.log.engine.connect() as connection:
        offline.execute(Path(VIEWS).read_text())
        for table, columns in VIEWS_OF_TABLES.items():
            query = f"SELECT {columns} FROM {table}"
            found = comparable(offline.execute(query).fetchall())
            assert found == comparable(connection.exec_driver_sql(query).fetchall()), table
            assert found or history != RUN
        edges = offline.execute("SELECT version, input, read_asset, read_version FROM edges").fetchall()
    assert sorted(set(edges)) == sorted(links_of(read_history(history)))


def test_the_views_follow_a_promotion_of_what_was_promoted(workspace, tmp_path, monkeypatch):
    """Heads of a branch of a branch come to the first one in two promotions; what was moved after the first stays."""
    loaded = [_loaded(tmp_path, n) for n in range(4)]
    at = {name: replace(workspace, environment=name) for name in ("prod", "dev", "dev2")}

    def run(environment: str, n: int) -> None:
        materialize(at[environment], prepare(at[environment], loaded[n], Asked(selection="*")))

    run("prod", 0)
    create(workspace, "dev")
    create(workspace, "dev2", base="dev")
    run("dev2", 1)
    promote(workspace, "dev2", "dev")
    run("dev2", 2)
    promote(workspace, "dev", "prod")
    drop(workspace, "dev2")
    create(workspace, "dev2", base="dev")
    run("dev2", 3)
    promote(workspace, "dev2", "dev")
    export(workspace, tmp_path / "log")
    monkeypatch.chdir(tmp_path / "log")
    query = "SELECT environment, asset, partition, version FROM heads"
    with duckdb.connect() as offline, workspace.log.engine.connect() as connection:
        offline.execute(Path(VIEWS).read_text())
        found = offline.execute(query).fetchall()
        assert comparable(found) == comparable(connection.exec_driver_sql(query).fetchall())
    versions = {environment: version for environment, _, _, version in found}
    assert len(found) == 3
    assert versions["dev"] == versions["dev2"] != versions["prod"]


def _loaded(folder: Path, n: int) -> Loaded:
    (folder / f"code{n}").mkdir()
    file = folder / f"code{n}" / "shop.py"
    file.write_text(f"from latewood import asset\n@asset\ndef count() -> int: return {n}\n")
    return load_file(file, root=file.parent)


def comparable(rows: list) -> list[str]:
    """Rows in an order, with times of any library as text."""
    return sorted(str([v.isoformat() if isinstance(v, datetime) else v for v in row]) for row in rows)


def links_of(events: list) -> set[tuple[str, str, str, str]]:
    """Which version read which through what, of the versions that came to be."""
    facts = [from_json(event.type, event.data) for event in events]
    made = {version_id(f.run, f.step) for f in facts if isinstance(f, StepSucceeded)}
    return {
        (version, name, read.asset, input_version)
        for fact in facts
        if isinstance(fact, StepStarted) and (version := version_id(fact.run, fact.step)) in made
        for name, read in fact.inputs.items()
        for input_version in expand(read.versions)
    }
