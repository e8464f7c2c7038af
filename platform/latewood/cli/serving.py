"""Engines, and what is left to them: `latewood engine`, `materialize --detach`, `run cancel`."""

import logging
import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from latewood.cli import exits
from latewood.cli.loading import load
from latewood.cli.materialize import asked_for, prepared_for
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, plural, print_json
from latewood.commands.runs import run_named
from latewood.serving.engine import Engine
from latewood.serving.requesting import cancel, request


def detach_command(*, file: Path | None, module: str | None, environment: str | None, json_: bool, **asked: Any) -> int:
    """Load, deploy, plan, and leave the run to engines; exit code."""
    workspace = open_workspace(environment=environment)
    found = request(workspace, prepared_for(workspace, load(workspace, file, module), asked_for(**asked)))
    if json_:
        print_json({"run": found.run or None, "steps": found.steps})
    elif not found.run:
        console().print("Nothing was selected.")
    else:
        console().print(f"run {found.run}: {plural(found.steps, 'step')} asked for")
        console().print(f"`latewood run {found.run}` shows how far it is; `latewood engine` drives it.")
    return exits.OK


def cancel_command(*, run_id: str, json_: bool) -> int:
    """Ask for a run to be ended; exit code."""
    workspace = open_workspace()
    row = run_named(workspace, run_id)
    cancel(workspace, row)
    if json_:
        print_json({"run": row.run})
    else:
        console().print(f"run {row.run} is going to be cancelled")
    return exits.OK


def engine_command(*, workers: int | None, lease: float) -> int:
    """Serve until Ctrl-C, or until what is under way is done after SIGTERM; exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    workspace = open_workspace()
    engine = Engine(workspace, slots=workers or os.cpu_count() or 1, lease=timedelta(seconds=lease))
    signal.signal(signal.SIGTERM, lambda *_: engine.drain())
    try:
        engine.serve()
    except KeyboardInterrupt:
        return exits.CANCELLED
    return exits.OK
