"""`latewood retract` and `latewood rename`: putting right what turned out to be wrong."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, plural, print_json, short, table
from latewood.commands.downstream import Made, Reach
from latewood.commands.renaming import rename
from latewood.commands.retracting import Done, retract, undo
from latewood.errors import UsageError
from latewood.events import Action


def retract_command(
    *,
    version: str,
    reason: str,
    asset: str,
    partition: str,
    environment: str | None,
    undo_: bool,
    override: bool,
    dry_run: bool,
    json_: bool,
) -> int:
    """Retract, or take it back."""
    if undo_ and override:
        raise UsageError("expected --undo, which takes a retraction back, or --override, which keeps it; found both")
    workspace = open_workspace(environment=environment)
    if undo_:
        done = undo(workspace, version, reason=reason, asset=asset, partition=partition, dry_run=dry_run)
    else:
        done = retract(
            workspace, version, reason=reason, asset=asset, partition=partition, rerun=override, dry_run=dry_run
        )
    if json_:
        print_json(_json(done, dry_run=dry_run))
        return exits.OK
    _print(console(), done, "taken back" if undo_ else "retracted", dry_run=dry_run)
    if not (undo_ or dry_run):
        named = named_so(version, asset=asset, partition=partition)
        print_ways_on({name: plan.counts for name, plan in done.reach.plans.items()}, named)
    return exits.OK


def rename_command(*, old: str, new: str, json_: bool) -> int:
    """Rename."""
    done = rename(open_workspace(), old, new)
    if json_:
        print_json(asdict(done))
        return exits.OK
    if done.position is None:
        console().print(f"{done.old} was renamed to {done.new} before; nothing is recorded.")
    else:
        console().print(f"{done.old} is {done.new} from position {done.position:,} on.")
    if done.behind:
        where = ", ".join(done.behind)
        console().print(
            f"Define {done.new} in the code and deploy it: until then {where} goes on as it is. "
            f'@asset(key="{done.new}") keeps the function\'s name, and so its code: then nothing is stale.',
            style="dim",
        )
    for place in done.places:
        before, after = (place.replace("{asset}", name) for name in (done.old, done.new))
        text = (
            f"Values that lie at {before} stay there. The first `latewood materialize {done.new}` of the new name "
            f"copies them to {after}, where those to come go as well; until then they are read from where they lie."
        )
        console().print(text, style="yellow")
    return exits.OK


def _json(done: Done, *, dry_run: bool) -> dict[str, Any]:
    return {
        "position": done.position,
        "dry_run": dry_run,
        "unchanged": done.chosen.unchanged,
        "versions": [
            {"asset": done.keys[facts.asset], "partition": facts.partition, "version": facts.version, "output": output}
            for facts, output in done.chosen.versions
        ],
        "equal": list(map(_made_json, done.reach.roots)),
        "downstream": list(map(_made_json, done.reach.made)),
        "heads": [asdict(found) for found in done.reach.heads],
        "plans": {name: {a.value: n for a, n in plan.counts.items()} for name, plan in done.reach.plans.items()},
    }


def _made_json(made: Made) -> dict[str, Any]:
    return {"asset": made.key, "versions": [{"partition": p, "version": v} for p, v in made.versions]}


def _print(out: Console, done: Done, word: str, *, dry_run: bool) -> None:
    count = len(done.chosen.versions)
    if dry_run:
        out.print(f"{plural(count, 'version')} would be {word}; nothing is recorded.")
    elif done.position is None:
        out.print(f"{plural(count, 'version')} had been {word} before; nothing is recorded.")
    else:
        out.print(f"{plural(count, 'version')} {word} at position {done.position:,}.")
    _print_reach(out, done.reach, count)


def _print_reach(out: Console, found: Reach, named: int) -> None:
    equal = sum(len(made.versions) for made in found.roots) - named
    if equal > 0:
        out.print(f"{plural(equal, 'other version')} equal to what was named fall under it too.")
    if found.made:
        rows = table("made from it", "versions", "such as", right=("versions",))
        for made in found.made:
            partition, version = made.versions[-1]
            rows.add_row(made.key, f"{len(made.versions):,}", f"{version} {partition}".rstrip())
        out.print(rows)
    else:
        out.print("Nothing was made from it.")
    if not found.heads:
        out.print("None of it is a head anywhere.")
        return
    rows = table("environment", "asset", "heads", "partitions", right=("heads",))
    for head in found.heads:
        rows.add_row(head.environment, head.key, f"{head.count:,}", short(head.partitions, 60))
    out.print(rows)
    print_mending({name: plan.counts for name, plan in found.plans.items()})


Mending = Mapping[str, Mapping[Action, int]]
"""By environment how many steps of what is stale there would be run, say."""


def print_mending(mending: Mending) -> None:
    """What there is to do, by environment."""
    for environment, counts in mending.items():
        console().print(f"latewood plan 'status:stale' --env {environment}: {_counts(counts)}", style="dim")


def print_ways_on(mending: Mending, named: str) -> None:
    """What to do next about what is `named` so, as arguments of the command."""
    for line in _ways_on(mending, named):
        console().print(line, style="dim")


def named_so(version: str, **given: str) -> str:
    """These arguments, as somebody would write them."""
    return " ".join([version, *(f"--{name} {shlex.quote(value)}" for name, value in given.items() if value)])


def _ways_on(mending: Mending, named: str) -> Iterator[str]:
    """So that something else is made in place of what is wrong, and if that was wrong itself."""
    if any(counts[Action.BLOCKED] for counts in mending.values()):
        yield (
            "Blocked is what would be made just so again, and what reads it: change the code, or what that reads; or "
            f"`latewood retract {named} --override --reason TEXT` lets the same computation be done again."
        )
    for environment, counts in mending.items():
        if counts[Action.RUN] + counts[Action.REUSE]:
            yield f"`latewood materialize 'status:stale' --env {environment}` makes others in its place."
    yield f"`latewood retract {named} --undo` takes it back."


def _counts(counts: Mapping[Action, int]) -> str:
    words = {Action.RUN: "run", Action.DEPENDS: "maybe", Action.REUSE: "reuse", Action.BLOCKED: "blocked"}
    return (
        ", ".join(f"{counts[action]:,} {word}" for action, word in words.items() if counts[action]) or "nothing to do"
    )
