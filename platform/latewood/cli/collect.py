"""`latewood gc`."""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, plural, print_json
from latewood.commands.collecting import Caches, collect, collect_caches, uncollected, unused_caches
from latewood.commands.workspace import latewood_home
from latewood.decide.garbage import Stored


def collect_command(*, dry_run: bool, days: int, json_: bool) -> int:
    """Remove what nothing reaches, or say what that is."""
    workspace, home, older_than = open_workspace(), latewood_home(os.environ).absolute(), timedelta(days=days)
    found = (uncollected if dry_run else collect)(workspace, older_than=older_than).garbage
    caches = (unused_caches if dry_run else collect_caches)(workspace, home, older_than=older_than)
    kinds = {"versions": (*found.versions, *found.left_over), "unrecorded": found.unrecorded, "kept": found.kept}
    if json_:
        counts = {kind: {"files": len(files), "bytes": _bytes(files)} for kind, files in kinds.items()}
        names = [file.name for file in (*kinds["versions"], *found.unrecorded)]
        print_json({"dry_run": dry_run, **counts, "artifacts": names, "caches": _caches_json(caches)})
        return exits.OK
    out = console()
    verb = "would remove" if dry_run else "removed"
    out.print(f"{verb} {_amount(kinds['versions'])} of versions that nothing reaches")
    out.print(f"{verb} {_amount(found.unrecorded)} that no version was recorded of")
    out.print(f"kept {_amount(found.kept)}", style="dim")
    if caches.in_use:
        out.print("unpacked code and virtual environments are in use; none was removed", style="yellow")
    elif caches.unused:
        what = f"of unpacked code and virtual environments that nobody used for {plural(days, 'day')}"
        out.print(f"{verb} {_amount(caches.unused, 'folder')} {what}")
    return exits.OK


def _caches_json(caches: Caches) -> dict[str, Any]:
    return {
        "in_use": caches.in_use,
        "bytes": _bytes(caches.unused),
        "folders": [folder.name for folder in caches.unused],
        "kept": {"folders": len(caches.kept), "bytes": _bytes(caches.kept)},
    }


def _amount(files: Sequence[Stored], what: str = "artifact") -> str:
    return f"{plural(len(files), what)} ({_bytes(files) / 1024:,.0f} KiB)"


def _bytes(files: Sequence[Stored]) -> int:
    return sum(file.bytes for file in files)
