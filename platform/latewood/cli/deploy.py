"""`latewood deploy`, and what commands say of a deployment."""

from pathlib import Path
from typing import Any

import click

from latewood.cli import exits
from latewood.cli.loading import load
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, plural, print_json
from latewood.commands.breaking import broken_readers, broken_references
from latewood.commands.deploying import Deployed, deploy_loaded
from latewood.commands.renaming import likely_renames
from latewood.commands.views import View, view_of
from latewood.commands.workspace import Workspace
from latewood.engine.loading.loaded import Loaded
from latewood.errors import DefinitionError, DefinitionsInvalid, LatewoodError


def deploy_command(
    *, file: Path | None, module: str | None, location: str | None, environment: str | None, json_: bool
) -> int:
    """Make the definitions the environment's; nothing is run."""
    workspace = open_workspace(environment=environment)
    return deploy_one(workspace, load(workspace, file, module, location), json_=json_)


def deploy_one(workspace: Workspace, loaded: Loaded, *, json_: bool) -> int:
    """The same with what was loaded."""
    deployed = deploy_loaded(workspace, loaded)
    say_dropped(workspace, loaded, deployed, "dropped")
    say_broken(view_of(workspace, loaded=loaded, ids=deployed.ids), loaded)
    if json_:
        print_json(deployed_json(workspace, loaded, deployed))
    else:
        console().print(deployed_text(workspace, loaded))
    return exits.OK


def deployed_json(workspace: Workspace, loaded: Loaded, deployed: Deployed) -> dict[str, Any]:
    """What is said of a deployment, for machines."""
    return {
        "location": loaded.location,
        "environment": workspace.environment,
        "deployment": deployed.deployment,
        "assets": [asset.key for asset in loaded.assets],
        "dropped": deployed.dropped,
    }


def deployed_text(workspace: Workspace, loaded: Loaded) -> str:
    """The same in a line."""
    return f"{loaded.location} is deployed to {workspace.environment}: {plural(len(loaded.assets), 'asset')}"


def say_refused(location: str, error: LatewoodError) -> None:
    """Say on standard error why a location is left as it is deployed, while others are deployed."""
    lines = list(map(str, error.problems)) if isinstance(error, DefinitionsInvalid) else str(error).splitlines()
    click.echo(click.style("error:", fg="red", bold=True) + f" {location} is left as it is deployed:", err=True)
    for line in lines:
        click.echo(f"  {line}", err=True)


def refused_json(location: str, error: LatewoodError) -> dict[str, Any]:
    """The same for machines."""
    problems = error.problems if isinstance(error, DefinitionsInvalid) else (DefinitionError(str(error)),)
    return {
        "location": location,
        "errors": [{"file": found.file, "line": found.line, "message": found.message} for found in problems],
    }


def say_dropped(workspace: Workspace, loaded: Loaded, deployed: Deployed, word: str) -> None:
    """Say on standard error which assets the environment has no longer, or would have."""
    if deployed.dropped:
        shown = ", ".join(deployed.dropped[:5]) + (", …" if len(deployed.dropped) > 5 else "")
        click.secho(
            f"{word}: {plural(len(deployed.dropped), 'asset')} of {workspace.environment} that {loaded.location} "
            f"no longer defines: {shown}\n"
            "  Their versions are kept, and deploying them again brings them back. If they belong to another file\n"
            "  of the same name, give each code base a LATEWOOD_PROJECT of its own.",
            fg="yellow",
            err=True,
        )
        for old, new in likely_renames(workspace, loaded, deployed):
            way = f"if that is its new name, `latewood rename {old} {new}` before it is made"
            click.secho(f"  {new} is made as {old} was: {way}", fg="yellow", err=True)


def say_broken(view: View, loaded: Loaded) -> None:
    """Say on standard error which assets of other locations cannot read what this one makes, as it is defined now.

    And which cannot be made by its tasks any more.
    """
    for broken, what in (
        (broken_readers(view, loaded.location), "read"),
        (broken_references(view, loaded.location, loaded.offered), "refer to"),
    ):
        if broken:
            more = [f"and {len(broken) - 5:,} more"] if len(broken) > 5 else []
            lines = [f"this breaks what other files {what}:", *broken[:5], *more]
            click.secho("\n  ".join(lines), fg="yellow", err=True)
