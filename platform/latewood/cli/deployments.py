"""`latewood deployments …`: what was deployed, how two differ, and going back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, moment, plural, print_json, short, table
from latewood.commands.deploying import retire
from latewood.commands.deployments import (
    Listed,
    RolledBack,
    deployment_named,
    differing,
    listed,
    roll_back,
    unknown_location,
)
from latewood.commands.plan_words import change_text
from latewood.decide.definition_changes import ChangedDefinition, Difference
from latewood.engine.loading.importing import project_root
from latewood.errors import UsageError
from latewood.model.keys import AssetKey
from latewood.projections.catalog import Deployment, deployed
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW


def list_command(*, location: str, limit: int, json_: bool) -> int:
    """The latest ones; exit code."""
    return show_deployments(listed(open_workspace(), location, limit=limit), json_=json_)


def show_deployments(found: Sequence[Listed], *, json_: bool, untold: Collection[str] = ()) -> int:
    """Print them; exit code. What is `untold` of them is not to look as if there were none."""
    if json_:
        told = [{name: fact for name, fact in _listed_json(each).items() if name not in untold} for each in found]
        print_json({"deployments": told})
        return exits.OK
    if not found:
        console().print("Nothing is deployed yet: `latewood deploy -f FILE` does, and so does `materialize`.")
        return exits.OK
    names = ("deployment", "location", "deployed", "by", "assets", "changed", "dropped", "now in")
    rows = table(*names, right=("assets", "changed", "dropped"), whole=("deployment", "deployed"), spare=("by",))
    for each in found:
        made = each.deployment
        rows.add_row(
            made.deployment,
            made.location,
            moment(made.created_at),
            made.actor,
            f"{made.assets:,}",
            f"{each.changed:,}",
            f"{each.dropped:,}",
            ", ".join(each.environments),
            style="bold" if each.environments else "",
        )
    console().print(rows)
    return exits.OK


def _listed_json(each: Listed) -> dict[str, Any]:
    made = each.deployment
    return {
        "deployment": made.deployment,
        "location": made.location,
        "base": made.base,
        "deployed_at": made.created_at,
        "position": made.position,
        "actor": made.actor,
        "assets": made.assets,
        "changed": each.changed,
        "dropped": each.dropped,
        "environments": each.environments,
    }


def diff_command(*, before: str, after: str, json_: bool) -> int:
    """What differs between two; exit code."""
    workspace = open_workspace()
    old, new = deployment_named(workspace, before), deployment_named(workspace, after)
    if old.location != new.location:
        raise UsageError(
            f"expected two deployments of one location, found {old.deployment} of {old.location} "
            f"and {new.deployment} of {new.location}"
        )
    other = "source that none of it reaches" if old.source != new.source else "what they are run by, or names"
    return show_difference(old, new, differing(workspace, old, new), other=other, json_=json_)


def show_difference(old: Deployment, new: Deployment, found: Difference, *, other: str, json_: bool) -> int:
    """Print what differs, or in which `other` things both do; exit code."""
    if json_:
        print_json(
            {"before": old.deployment, "after": new.deployment, "location": new.location, **_difference_json(found)}
        )
        return exits.OK
    out = console()
    if found.is_empty:
        one = old.deployment == new.deployment
        out.print("These are one deployment." if one else f"Both define the same; they differ in {other}.")
        return exits.OK
    for sign, named, style in (("+", found.added, "green"), ("-", found.removed, "red")):
        for each in named:
            out.print(f"{sign} {each.kind} {each.name}", style=style)
    for each_changed in found.changed:
        out.print(f"~ {each_changed.kind} {each_changed.name}", style="yellow")
        for line in _change_lines(each_changed):
            out.print(f"    {line}")
    parts = {"added": len(found.added), "removed": len(found.removed), "changed": len(found.changed)}
    out.print(", ".join(f"{count:,} {word}" for word, count in parts.items() if count), style="dim")
    return exits.OK


def _difference_json(found: Difference) -> dict[str, Any]:
    """The difference, for machines."""
    return {
        "added": [each._asdict() for each in found.added],
        "removed": [each._asdict() for each in found.removed],
        "changed": [
            {
                "kind": each.kind,
                "name": each.name,
                "code": [
                    {"subject": c.subject, "name": c.name, "before": c.before, "after": c.after} for c in each.code
                ],
                "parts": [part._asdict() for part in each.parts],
            }
            for each in found.changed
        ],
    }


def _change_lines(changed: ChangedDefinition) -> Iterator[str]:
    for change in changed.code:
        yield change_text(change)
    for part in changed.parts:
        if part.before is None:
            yield f"{part.what}: {short(part.after or '', 80)}, added"
        elif part.after is None:
            yield f"{part.what}: {short(part.before, 80)}, removed"
        else:
            yield f"{part.what}: {short(part.before, 60)} -> {short(part.after, 60)}"


def rollback_command(*, location: str, named: str, environment: str | None, json_: bool) -> int:
    """Go back to an earlier one; exit code."""
    workspace = open_workspace(environment=environment)
    done = roll_back(workspace, location, named)
    if json_:
        print_json(
            {
                "location": location,
                "environment": workspace.environment,
                "deployment": done.deployment.deployment,
                "before": done.before or None,
                **{name: found for name, found in asdict(done).items() if name not in ("deployment", "before")},
            }
        )
    else:
        _print_rolled_back(workspace.environment, done)
    return exits.OK


def retire_command(*, location: str, environment: str | None, json_: bool) -> int:
    """Deploy nothing of it; exit code."""
    workspace = open_workspace(environment=environment)
    with snapshot(workspace.log) as connection:
        there = deployed(connection, workspace.project, workspace.environment, NOW)
    if location not in there:
        raise unknown_location(location, set(there))
    done = retire(workspace, location, project_root(Path.cwd()))
    if json_:
        print_json({"location": location, "environment": workspace.environment, **asdict(done)})
        return exits.OK
    dropped = f" {plural(len(done.dropped), 'asset')} dropped: {', '.join(done.dropped)}." if done.dropped else ""
    console().print(f"{workspace.environment} has nothing of {location} any more.{dropped}", style="green")
    back = f"`latewood deployments rollback {location} {done.before}`"
    console().print(f"Versions are kept. {back} takes it back, and so does deploying it.", style="dim")
    return exits.OK


def _print_rolled_back(environment: str, done: RolledBack) -> None:
    out, made = console(), done.deployment
    if done.is_as_before:
        out.print(f"{environment} has {made.location} as deployed in {made.deployment} already; nothing was done.")
        return
    out.print(
        f"{environment} has {made.location} again as deployed in {made.deployment}, {moment(made.created_at)}: "
        f"{plural(made.assets, 'asset')}",
        style="green",
    )
    for word, keys in (("dropped", done.dropped), ("added", done.added)):
        if keys:
            out.print(f"{word}: {', '.join(keys)}", style="yellow")
    for word, found, style in (("stale by that", done.stale, "yellow"), ("fresh again", done.fresh, "green")):
        if found:
            out.print(f"{word}: {_assets_text(found)}", style=style)
    if not done.stale:
        out.print("Nothing that was fresh is stale by that.")
    back = f"`latewood deployments rollback {made.location} {done.before}`" if done.before else "`latewood deploy`"
    out.print(f"Nothing was run. {back} takes it back.", style="dim")
    out.print(
        "`plan` and `materialize` go by the code as it stands, which `materialize` deploys again: what has an engine, "
        "a schedule or a server run it goes by what is deployed.",
        style="dim",
    )


def _assets_text(found: Mapping[AssetKey, str]) -> str:
    return ", ".join(f"{key} {short(partitions, 60)}".rstrip() for key, partitions in found.items())
