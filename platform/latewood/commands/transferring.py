"""The log as files: exporting it, adding to an export what came since, and importing it into another database."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from latewood.commands.workspace import Workspace
from latewood.engine.storage.log_files import MANIFEST, Manifest, read_export, read_manifest, write_export
from latewood.errors import UsageError
from latewood_eventlog.codec import START
from latewood_eventlog.records import Place, Position
from latewood_eventlog.transfer import place_at, recorded, restore


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a folder holds, and how many of its events were added now."""

    manifest: Manifest
    added: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Where the chain stands, and how many events were added now."""

    last: Place
    added: int


def export(workspace: Workspace, folder: Path, *, after: Position | None = None) -> Exported:
    """Write the log to files: all of it, what comes after a position, or what the folder does not have yet.

    All projects are in it, since the chain covers them together. Raises UsageError when there is nothing to write or
    the folder holds another log, LogCorrupt where the chain breaks.
    """
    log, before = workspace.log, read_manifest(folder)
    begin = START if after is None else place_at(log, after)
    if begin is None:
        raise UsageError(f"no event at position {after:,}; the log ends at {log.position():,}")
    if before is not None:
        if after is not None and begin != before.after:
            raise UsageError(f"{folder} has events after position {before.after.position:,}; export to another folder")
        begin = before.last
        if place_at(log, begin.position) != begin:
            raise UsageError(f"{folder} ends at {begin}, which is no place of this log; export to another folder")
    elif log.position() == begin.position:
        raise UsageError(f"nothing to export: the log ends at position {begin.position:,}")
    manifest = write_export(folder, before, begin, recorded(log, begin), _views)
    return Exported(manifest=manifest, added=manifest.last.position - begin.position)


def import_(workspace: Workspace, folder: Path) -> Imported:
    """Record exported events in a log that has none, or nothing but a beginning of them; every column as it was.

    Replay: safe; all or nothing. Raises UsageError where no export was finished, ImportRefused when the log holds
    something else, LogCorrupt when a file, an event or the chain is not what it was.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise UsageError(f"{folder}: no {MANIFEST}: not an exported log, or one whose export was interrupted")
    last, added = restore(workspace.log, manifest.after, read_export(folder, manifest))
    return Imported(last=last, added=added)


def _views(names: Sequence[str]) -> str:
    listed = ", ".join(f"'{name}'" for name in names)
    text = resources.files("latewood.projections").joinpath("offline.sql").read_text(encoding="utf-8")
    return text.replace("$FILES", f"[{listed}]")
