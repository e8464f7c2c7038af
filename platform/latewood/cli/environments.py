"""`latewood env …` and `latewood rollback`: where environments and their heads point."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.table import Table

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, plural, print_json, table, value_text
from latewood.commands.environments import Diff, Repinned, create, diff, drop, environments, promote
from latewood.commands.heads import Moved, rollback
from latewood.decide.state import Pin
from latewood.errors import UsageError
from latewood.projections.environments import Environment


def list_command(*, json_: bool) -> int:
    """`latewood env list`."""
    return show_environments(environments(open_workspace()), json_=json_)


def show_environments(found: Sequence[Environment], *, json_: bool) -> int:
    """Print them; exit code."""
    if json_:
        print_json({"environments": [asdict(entry) for entry in found]})
        return exits.OK
    if not found:
        console().print("No environments yet: `latewood materialize` begins prod.")
        return exits.OK
    rows = table("environment", "branched from")
    for entry in found:
        rows.add_row(entry.environment, f"{entry.base} at {entry.base_position:,}" if entry.base else "")
    console().print(rows)
    return exits.OK


def create_command(*, name: str, base: str, json_: bool) -> int:
    """`latewood env create`."""
    made = create(open_workspace(environment=name), name, base=base)
    if json_:
        print_json(asdict(made))
    else:
        console().print(
            f"{name} branched from {base} at position {made.base_position:,}. Work in it with --env {name}."
        )
    return exits.OK


def drop_command(*, name: str, force: bool) -> int:
    """`latewood env drop`."""
    drop(open_workspace(), name, force=force)
    console().print(
        f"{name} points to nothing any more; its pins and observations are gone. "
        "What its tasks made can still be reused, but for those with reuse off."
    )
    return exits.OK


def diff_command(*, source: str, target: str, selection: str, json_: bool) -> int:
    """`latewood env diff`."""
    return show_diff(diff(open_workspace(), source, target, selection), json_=json_)


def show_diff(found: Diff, *, json_: bool) -> int:
    """Print it; exit code."""
    if json_:
        print_json({**asdict(found), "pins": list(map(_pin_json, found.pins)), "conflicts": found.conflicts})
        return exits.OK
    if found.is_empty:
        console().print(
            f"{found.source} has nothing of its own that {found.target} has not, at position {found.position:,}."
        )
        return exits.OK
    console().print(_table(found))
    said = (
        "promote would be refused: the target moved meanwhile" if found.conflicts else f"promoting moves {_sum(found)}"
    )
    console().print(f"{said}; at position {found.position:,}", style="dim")
    return exits.OK


def promote_command(*, source: str, target: str, selection: str, force: bool, json_: bool) -> int:
    """`latewood env promote`."""
    done = promote(open_workspace(), source, target, selection, force=force)
    if json_:
        print_json(asdict(done))
    elif done.is_empty:
        console().print(f"Nothing to promote: {target} has all that {source} has of its own.")
    else:
        console().print(f"{target} has {_sum(done)} of {source} now, at position {done.position:,}. 0 steps run.")
    return exits.OK


def _table(found: Diff) -> Table:
    rows = table("", "what", found.target, found.source)
    for location, (old, new) in sorted(found.deployments.items()):
        rows.add_row("code", location, (old[:8] or "none") + (" moved" if location in found.moved else ""), new[:8])
    for told in found.configurations:
        fields = ", ".join([*(f"{name}={value_text(value)}" for name, value in told.values.items()), *told.secrets])
        rows.add_row("resource", told.resource, "none" if told.is_new else "other fields", fields)
    for repinned in found.pins:
        name = f"{repinned.key}.{repinned.pin.parameter}"
        there = _pin_text(repinned.there) + (" moved" if repinned.moved else "")
        rows.add_row("pin", name, there, _pin_text(repinned.pin))
    for changed in found.heads:
        there = f"{changed.moved:,} moved since" if changed.moved else ""
        rows.add_row("heads", changed.key, there, plural(changed.partitions, "other head"))
    return rows


def _sum(found: Diff) -> str:
    heads = plural(sum(changed.partitions for changed in found.heads), "head")
    parts = [f"{heads} of {plural(len(found.heads), 'asset')}", plural(len(found.deployments), "deployment")]
    parts += [plural(len(found.configurations), "configuration")] if found.configurations else []
    parts += [plural(len(found.pins), "pinned parameter")] if found.pins else []
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _pin_json(repinned: Repinned) -> dict[str, Any]:
    pin, there = repinned.pin, repinned.there
    was = there is not None and there.pinned
    return {
        "asset": repinned.key,
        "parameter": pin.parameter,
        "before": {"pinned": was, "value": there.value if was and there is not None else None},
        "after": {"pinned": pin.pinned, "value": pin.value},
        "moved": repinned.moved,
    }


def _pin_text(pin: Pin | None) -> str:
    return "default" if pin is None or not pin.pinned else value_text(pin.value)


def rollback_command(
    *,
    key: str,
    version: str,
    partition: str,
    to_time: datetime | None,
    to_position: int | None,
    environment: str | None,
    json_: bool,
) -> int:
    """`latewood rollback`."""
    if to_time is not None and to_position is not None:
        raise UsageError("expected --to-time or --to-position, found both")
    to = to_position if to_time is None else to_time
    workspace = open_workspace(environment=environment)
    done = rollback(workspace, key, partition=partition, version=version, to=to)
    if json_:
        print_json(asdict(done))
        return exits.OK
    for moved_to, partitions in _by_version(done).items():
        console().print(f"{done.key} {_span(partitions)}: {moved_to}".replace(" :", ":"))
    kept = f"; {plural(len(done.kept), 'partition')} had no head then and kept theirs" if done.kept else ""
    console().print(f"{plural(len(done.moves), 'head')} moved in {workspace.environment}{kept}. 0 steps run.")
    if done.moves:
        console().print(f"It holds until a run replaces it: `latewood plan {done.key}` says whether one would.")
    return exits.OK


def _by_version(done: Moved) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for partition, (_, version) in done.moves.items():
        found.setdefault(version.rpartition(".")[0] if partition else version, []).append(partition)
    return found


def _span(partitions: list[str]) -> str:
    return partitions[0] if len(partitions) == 1 else f"{partitions[0]}..{partitions[-1]} ({len(partitions):,})"
