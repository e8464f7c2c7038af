"""Engines, and what is left to them: `latewood engine`, `materialize --detach`, `run cancel`."""

import logging
import os
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from latewood.cli import exits
from latewood.cli.loading import load
from latewood.cli.materialize import asked_for, prepared_for
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, plural, print_json
from latewood.commands.blocked import blocked_lines, is_incomplete
from latewood.commands.materializing import Prepared
from latewood.commands.runs import run_named
from latewood.commands.workspace import Workspace
from latewood.engine.loading.importing import project_root
from latewood.serving.engine import Engine
from latewood.serving.requesting import cancel, engines, request
from latewood.serving.watching import watch


def detach_command(
    *, file: Path | None, module: str | None, environment: str | None, json_: bool, strict: bool, **asked: Any
) -> int:
    """Load, deploy, plan, and leave the run to engines; exit code."""
    workspace = open_workspace(environment=environment)
    prepared = prepared_for(workspace, load(workspace, file, module), asked_for(**asked))
    return detach(workspace, prepared, json_=json_, strict=strict)


def detach(workspace: Workspace, prepared: Prepared, *, json_: bool, strict: bool = False) -> int:
    """Leave what was prepared to engines; exit code, which tells of what is left out if one is `strict`."""
    found = request(workspace, prepared)
    if json_:
        print_json({"run": found.run or None, "steps": found.steps, "engines": engines(workspace)})
    elif not found.run:
        console().print("Nothing was selected.")
    else:
        for left in blocked_lines(prepared.plan):
            console().print(f"left out: {left.line}", style="yellow")
        console().print(f"run {found.run}: {plural(found.steps, 'step')} asked for")
        console().print(f"`latewood run {found.run}` shows how far it is.")
        if not engines(workspace):
            console().print("No engine is running: start one, `latewood engine`, and it drives it.", style="yellow")
    return exits.STEP_FAILED if strict and is_incomplete(prepared.plan) else exits.OK


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


def engine_command(*, environment: str | None, workers: int | None, lease: float) -> int:
    """Serve until Ctrl-C, or until what is under way is done after SIGTERM; exit code."""
    workspace = open_workspace(environment=environment)
    engine = _engine(workspace, workers, lease)
    engine.warm(workspace.environment)
    return _served(engine)


def dev_command(
    *, file: Path | None, module: str | None, environment: str | None, workers: int | None, lease: float
) -> int:
    """Serve, and deploy what was named whenever its code changes; exit code."""
    workspace = open_workspace(environment=environment)
    engine = _engine(workspace, workers, lease)
    named = ["-f", str(file)] if file is not None else ["-m", module] if module is not None else []
    arguments = [*named, "--env", workspace.environment]
    root = project_root(Path.cwd() if file is None else file.resolve().parent)
    stop = threading.Event()
    watcher = threading.Thread(
        target=watch,
        args=(root, arguments, lambda: engine.warm(workspace.environment), stop),
        name="latewood-watcher",
        daemon=True,
    )
    watcher.start()
    try:
        return _served(engine)
    finally:
        stop.set()


def _engine(workspace: Workspace, workers: int | None, lease: float) -> Engine:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    return Engine(workspace, slots=workers or os.cpu_count() or 1, lease=timedelta(seconds=lease))


def _served(engine: Engine) -> int:
    signal.signal(signal.SIGTERM, lambda *_: engine.drain())
    try:
        engine.serve()
    except KeyboardInterrupt:
        return exits.CANCELLED
    return exits.OK
