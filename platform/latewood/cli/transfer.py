"""`latewood log export` and `latewood log import`."""

from pathlib import Path

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, print_json
from latewood.commands.transferring import export, import_


def export_command(*, folder: Path, after: int | None, json_: bool) -> int:
    """Write the log to files."""
    done = export(open_workspace(), folder, after=after)
    manifest = done.manifest
    if json_:
        print_json({"folder": str(folder), "added": done.added, **_place(manifest.last_position, manifest.last_hash)})
        return exits.OK
    out = console()
    out.print(f"exported {done.added:,} events; {folder} holds {manifest.count:,}, up to {manifest.last}")
    out.print("files of assets are not in it: copy the artifact store beside it", style="dim")
    return exits.OK


def import_command(*, folder: Path, json_: bool) -> int:
    """Record exported events."""
    done = import_(open_workspace(), folder)
    if json_:
        print_json({"added": done.added, **_place(done.last.position, done.last.hash.hex())})
        return exits.OK
    console().print(f"imported {done.added:,} events; the log stands at {done.last}")
    return exits.OK


def _place(position: int, hash_: str) -> dict[str, object]:
    return {"position": position, "hash": hash_}
