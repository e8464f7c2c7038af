"""`latewood launch`."""

import time
from dataclasses import replace
from pathlib import Path

from latewood.cli.loading import load
from latewood.cli.materialize import execute, plan_of_loaded, prepared_for
from latewood.cli.opening import open_workspace
from latewood.commands.launching import launched, locations_of, unknown
from latewood.commands.workspace import Workspace
from latewood.errors import UsageError


def launch_command(
    *,
    name: str,
    file: Path | None,
    module: str | None,
    location: str | None,
    environment: str | None,
    parameters: tuple[str, ...],
    zipped: bool,
    force: bool,
    dry_run: bool,
    detach: bool,
    priority: int,
    json_: bool,
    quiet: bool,
) -> int:
    """Load, deploy, and run what is launched; exit code."""
    workspace = open_workspace(environment=environment)
    if file is None and module is None and location is None:
        location = _home(workspace, name)
    loaded = load(workspace, file, module, location)
    started = time.perf_counter()
    asked = launched(loaded.launchables, name, parameters, zipped=zipped, force=force)
    asked = replace(asked, priority=priority)
    if dry_run:
        return plan_of_loaded(workspace, loaded, asked, json_=json_)
    prepared = prepared_for(workspace, loaded, asked)
    if detach:
        from latewood.cli import serving

        return serving.detach(workspace, prepared, json_=json_)
    return execute(workspace, prepared, started, json_=json_, quiet=quiet)


def _home(workspace: Workspace, name: str) -> str:
    """The location that defines what is launched, as the environment has it."""
    locations, known = locations_of(workspace, name)
    if not locations:
        raise (
            unknown(name, known)
            if known
            else UsageError("expected -f FILE, -m MODULE or --location NAME, since no workflow is deployed")
        )
    if len(locations) > 1:
        raise UsageError(
            f'"{name}" is defined by {" and ".join(sorted(locations))}; say which with -f, -m or --location'
        )
    return locations[0]
