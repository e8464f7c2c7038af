"""Running what this process cannot: a location with an interpreter, a directory or variables of its own.

It is asked for as with `--detach`, and driven by workers of an engine that is here for this run alone. If this process
dies, any other engine goes on with it.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from latewood.cli import exits
from latewood.cli.following import follow, say_nothing_to_do
from latewood.cli.output import console
from latewood.commands.blocked import blocked_lines, is_incomplete
from latewood.commands.materializing import Prepared
from latewood.commands.runs import run_named
from latewood.commands.workspace import Workspace
from latewood.model.keys import RunId
from latewood.serving.engine import Engine
from latewood.serving.requesting import cancel, request


def execute_apart(
    workspace: Workspace,
    prepared: Prepared,
    *,
    json_: bool,
    quiet: bool,
    strict: bool,
    told: Callable[[dict[str, Any]], None],
) -> int:
    """Have what was prepared run, show how far it is and how it ended; the exit code, as `execute` gives it.

    Ctrl-C cancels the run.
    """
    found = request(workspace, prepared)
    if not found.run:
        if json_:
            told({"run": None, "steps": 0})
        else:
            say_nothing_to_do(prepared.plan)
        return exits.OK
    for left in () if json_ else blocked_lines(prepared.plan):
        console().print(f"left out: {left.line}", style="yellow")
    with _driven(workspace, found.run):
        try:
            code = follow(workspace, found.run, json_=json_, told=told, quiet=quiet, driven=True)
        except KeyboardInterrupt:
            cancel(workspace, run_named(workspace, found.run))
            code = follow(workspace, found.run, json_=json_, told=told, quiet=True, driven=True)
    return exits.STEP_FAILED if strict and code == exits.OK and is_incomplete(prepared.plan) else code


@contextmanager
def _driven(workspace: Workspace, run: RunId) -> Iterator[None]:
    """An engine drives the run meanwhile; what is under way in the end has as long as it takes."""
    engine = Engine(workspace, slots=os.cpu_count() or 1, only=run)
    thread = threading.Thread(target=engine.serve, name="latewood-engine", daemon=True)
    thread.start()
    try:
        yield
    finally:
        engine.drain()
        thread.join()
