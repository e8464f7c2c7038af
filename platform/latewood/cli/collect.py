"""`latewood gc`."""

from collections.abc import Sequence
from datetime import timedelta

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, print_json
from latewood.commands.collecting import collect, uncollected
from latewood.decide.garbage import Stored


def collect_command(*, dry_run: bool, days: int, json_: bool) -> int:
    """Remove what nothing reaches, or say what that is."""
    act = uncollected if dry_run else collect
    found = act(open_workspace(), older_than=timedelta(days=days)).garbage
    kinds = {"versions": (*found.versions, *found.left_over), "unrecorded": found.unrecorded, "kept": found.kept}
    if json_:
        counts = {kind: {"files": len(files), "bytes": _bytes(files)} for kind, files in kinds.items()}
        names = [file.name for file in (*kinds["versions"], *found.unrecorded)]
        print_json({"dry_run": dry_run, **counts, "artifacts": names})
        return exits.OK
    out = console()
    verb = "would remove" if dry_run else "removed"
    out.print(f"{verb} {_amount(kinds['versions'])} of versions that nothing reaches")
    out.print(f"{verb} {_amount(found.unrecorded)} that no version was recorded of")
    out.print(f"kept {_amount(found.kept)}", style="dim")
    return exits.OK


def _amount(files: Sequence[Stored]) -> str:
    return f"{len(files):,} artifact{'' if len(files) == 1 else 's'} ({_bytes(files) / 1024:,.0f} KiB)"


def _bytes(files: Sequence[Stored]) -> int:
    return sum(file.bytes for file in files)
