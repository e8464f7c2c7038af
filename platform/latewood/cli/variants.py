"""`latewood compare`, `promote`, `pin` and `unpin`: choosing among variants."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, moment, numbers, plural, print_json, table, value_text
from latewood.commands.comparing import CONSIDERED, Comparison, compare
from latewood.commands.heads import promote_version
from latewood.commands.pinning import Repinned, pin, pins, unpin
from latewood.commands.runs import run_named
from latewood.decide.state import Pin
from latewood.model.keys import AssetKey, RunId, VersionId


def compare_command(
    *, key: str, by: str, lowest: bool, run: str, environment: str | None, json_: bool, **asked: Any
) -> int:
    """`latewood compare`."""
    workspace = open_workspace(environment=environment)
    of = RunId(run_named(workspace, run).run) if run else None
    found = compare(workspace, key, by=by, lowest=lowest, run=of, **asked)
    return show_comparison(found, workspace.environment, by=by, json_=json_)


def show_comparison(found: Comparison, environment: str, *, by: str, json_: bool) -> int:
    """Print it; exit code."""
    if json_:
        print_json(_comparison_json(found))
        return exits.OK
    if not found.versions:
        console().print(f"{found.asset} has no versions yet", style="yellow")
        return exits.OK
    partitioned = any(version.facts.partition for version in found.versions)
    metrics = tuple(dict.fromkeys(filter(None, (by, *found.metrics))))
    codes = len({version.facts.code for version in found.versions}) > 1
    own = (*(("partition",) if partitioned else ()), "made", *(("code",) if codes else ()))
    spare = tuple(name for name in reversed(metrics) if name != by)
    rows = table("", "version", *own, *found.parameters, *metrics, right=metrics, whole=("made",), spare=spare)
    written = {name: _written(found, name) for name in metrics}
    for version in found.versions:
        rows.add_row(
            " ".join((*(("●",) if version.head else ()), *(("retracted",) if version.retracted else ()))),
            version.facts.version,
            *((version.facts.partition,) if partitioned else ()),
            moment(version.facts.made_at),
            *((version.facts.code[:_CODE_SHOWN],) if codes else ()),
            *(", ".join(map(value_text, version.parameters.get(name, ()))) for name in found.parameters),
            *(written[name].get(version.facts.version, "") for name in metrics),
            style="red" if version.retracted else "bold" if version.head else "",
        )
    console().print(rows)
    latest = "the latest " if found.considered == CONSIDERED else ""
    shown = f"{len(found.versions):,} of {latest}{plural(found.considered, 'version')}"
    console().print(f"{shown} at position {found.position:,}; ● is head of {environment}", style="dim")
    return exits.OK


def _written(found: Comparison, metric: str) -> dict[VersionId, str]:
    """A metric's values by version, so that none of them looks like another one."""
    values = {each.facts.version: each.metrics[metric] for each in found.versions if metric in each.metrics}
    return dict(zip(values, numbers(list(values.values())), strict=True))


_CODE_SHOWN = 8
"""As much of a code version as tells it from others."""


def _comparison_json(found: Comparison) -> dict[str, Any]:
    return {
        "asset": found.asset,
        "position": found.position,
        "considered": found.considered,
        "versions": [
            {
                "version": version.facts.version,
                "partition": version.facts.partition,
                "head": version.head,
                "retracted": version.retracted,
                "made_at": version.facts.made_at,
                "code": version.facts.code,
                "event": version.facts.position,
                "parameters": version.parameters,
                "metrics": version.metrics,
            }
            for version in found.versions
        ],
    }


def promote_command(*, version: str, environment: str | None, json_: bool) -> int:
    """`latewood promote`."""
    workspace = open_workspace(environment=environment)
    done = promote_version(workspace, version)
    if json_:
        print_json(asdict(done))
        return exits.OK
    where = f" {done.partition}" if done.partition else ""
    for key, before in done.moves.items():
        console().print(f"{key}{where}: {before or 'no head'} -> {done.version}")
    moved = f"{plural(len(done.moves), 'head')} moved in" if done.moves else "It is head already in"
    console().print(f"{moved} {workspace.environment} at position {done.position:,}. 0 steps run.")
    if done.others:
        console().print(
            f"It was made with other parameters than those of {workspace.environment}. So that they stay:\n"
            f"  {_pin_line(done.others, environment)}"
        )
    return exits.OK


def _pin_line(values: Mapping[str, Any], environment: str | None) -> str:
    written = " ".join(f"{name}={value_text(value)}" for name, value in values.items())
    return f"latewood pin {written}" + (f" --env {environment}" if environment else "")


def pin_command(*, targets: tuple[str, ...], environment: str | None, json_: bool) -> int:
    """`latewood pin`; without targets what is pinned."""
    workspace = open_workspace(environment=environment)
    if targets:
        return show_repinned(pin(workspace, targets), workspace.environment, json_=json_)
    return show_pins(pins(workspace), workspace.environment, json_=json_)


def show_pins(found: Sequence[tuple[AssetKey, Pin]], environment: str, *, json_: bool) -> int:
    """Print what is pinned, by the first asset of each step; exit code."""
    if json_:
        print_json({"pins": [{**pinned._asdict(), "asset": key} for key, pinned in found]})
        return exits.OK
    if not found:
        console().print(f"Nothing is pinned in {environment}: parameters have their defaults.")
        return exits.OK
    rows = table("parameter", "value", "pinned by", "event", right=("event",))
    for key, pinned in found:
        rows.add_row(f"{key}.{pinned.parameter}", value_text(pinned.value), pinned.actor, f"{pinned.position:,}")
    console().print(rows)
    return exits.OK


def unpin_command(*, targets: tuple[str, ...], environment: str | None, json_: bool) -> int:
    """`latewood unpin`."""
    workspace = open_workspace(environment=environment)
    return show_repinned(unpin(workspace, targets), workspace.environment, json_=json_)


def show_repinned(done: Repinned, environment: str, *, json_: bool) -> int:
    """Print what is pinned otherwise; exit code."""
    if json_:
        print_json(asdict(done))
        return exits.OK
    for change in done.changed:
        after = value_text(change.after) if change.pinned else "its default"
        console().print(f"{change.asset}.{change.parameter}: {value_text(change.before)} -> {after}")
    if done.changed:
        count = plural(len(done.changed), "parameter")
        see = f"see `latewood plan '*' --env {environment}`"
        console().print(f"{count} of {environment} changed at position {done.position:,}; {see}.")
    else:
        console().print(f"Nothing to change: {environment} has it so.")
    return exits.OK
