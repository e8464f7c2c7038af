"""Engines, and what is left to them: `latewood engine`, `materialize --detach`, `run cancel`."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from latewood.cli import exits
from latewood.cli.following import NO_ENGINE, follow, say_nothing_to_do
from latewood.cli.loading import load, named_or_all
from latewood.cli.materialize import asked_for, prepared_for
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, plural, print_json
from latewood.cli.server import served_beside
from latewood.commands.blocked import blocked_lines, is_incomplete
from latewood.commands.materializing import Prepared
from latewood.commands.runs import run_named
from latewood.commands.workspace import Workspace, of_project
from latewood.engine.loading.importing import project_root
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import projects as projects_of
from latewood.serving.engine import Engine
from latewood.serving.log_lines import LOG, log_to
from latewood.serving.requesting import cancel, engines, request
from latewood.serving.retrying import retry
from latewood.serving.scraping import address_of, answering
from latewood.serving.watching import watch


def detach_command(
    *,
    file: Path | None,
    module: str | None,
    location: str | None,
    environment: str | None,
    json_: bool,
    strict: bool,
    **asked: Any,
) -> int:
    """Load, deploy, plan, and leave the run to engines; exit code."""
    workspace = open_workspace(environment=environment)
    prepared = prepared_for(workspace, load(workspace, file, module, location), asked_for(**asked))
    return detach(workspace, prepared, json_=json_, strict=strict)


def detach(workspace: Workspace, prepared: Prepared, *, json_: bool, strict: bool = False) -> int:
    """Leave what was prepared to engines; exit code, which tells of what is left out if one is `strict`."""
    found = request(workspace, prepared)
    if json_:
        print_json({"run": found.run or None, "steps": found.steps, "engines": engines(workspace)})
    elif not found.run:
        say_nothing_to_do(prepared.plan)
    else:
        for left in blocked_lines(prepared.plan):
            console().print(f"left out: {left.line}", style="yellow")
        console().print(f"run {found.run}: {plural(found.steps, 'step')} asked for")
        console().print(f"`latewood run {found.run}` shows how far it is.")
        if not engines(workspace):
            console().print(NO_ENGINE, style="yellow")
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


def retry_command(*, run_id: str, detach: bool, json_: bool, quiet: bool) -> int:
    """Ask engines for what a run has not finished, and follow that; exit code."""
    workspace = open_workspace()
    row = run_named(workspace, run_id)
    found = retry(workspace, row)
    is_served = bool(engines(workspace))
    if found.run and is_served and not detach:
        if not json_:
            console().print(f"run {found.run} retries {plural(found.steps, 'step')} of run {row.run}")
        return follow(workspace, found.run, json_=json_, quiet=quiet)
    if json_:
        print_json({"run": found.run or None, "retries": row.run, "steps": found.steps, "engines": engines(workspace)})
    elif not found.run:
        console().print(f"All that run {row.run} has not finished was made since; nothing is left to retry.")
    else:
        console().print(f"run {found.run}: {plural(found.steps, 'step')} of run {row.run} asked for again")
        console().print(f"`latewood run {found.run}` shows how far it is.")
        if not is_served:
            console().print(NO_ENGINE, style="yellow")
    return exits.OK


def engine_command(*, projects: tuple[str, ...], all_projects: bool, **given: Any) -> int:
    """Serve until Ctrl-C, or until what is under way is done after SIGTERM; exit code."""
    with _engine(**given, projects=projects, all_projects=all_projects) as (workspace, engine):
        engine.warm(workspace.environment)
        return _served(engine)


def dev_command(*, file: Path | None, module: str | None, location: str | None, port: int | None, **given: Any) -> int:
    """Serve runs and the API, and deploy what was named, or all there is, whenever code changes; exit code."""
    with _engine(**given) as (workspace, engine):
        options = {"-f": file, "-m": module, "--location": location}
        named = [str(word) for option, name in options.items() if name is not None for word in (option, name)]
        if not named or location is not None:  # else nothing would ever be deployed
            named_or_all(workspace, [], [], [location] if location is not None else [])
        arguments = [*named, "--env", workspace.environment]
        root = project_root(Path.cwd() if file is None else file.resolve().parent)
        stop = threading.Event()
        watcher = threading.Thread(
            target=watch,
            args=(str(root), arguments, lambda: engine.warm(workspace.environment), stop),
            kwargs={"unreachable": exits.DATABASE_UNREACHABLE},
            name="latewood-watcher",
            daemon=True,
        )
        watcher.start()
        try:
            with served_beside(workspace, port):
                return _served(engine)
        finally:
            stop.set()


@contextmanager
def _engine(
    *,
    environment: str | None,
    workers: int | None,
    lease: float,
    metrics: str,
    log_format: str,
    projects: tuple[str, ...] = (),
    all_projects: bool = False,
) -> Iterator[tuple[Workspace, Engine]]:
    """An engine that answers who asks how it is, if anybody is to."""
    address = address_of(metrics) if metrics else None
    log_to(sys.stderr, as_json=log_format == "json")
    workspace = open_workspace(environment=environment)
    served = [of_project(workspace, name) for name in dict.fromkeys(projects)] or [workspace]

    def there() -> list[Workspace]:
        with snapshot(workspace.log) as connection:
            return [of_project(workspace, name) for name in projects_of(connection)] if all_projects else []

    engine = Engine(
        *(there() or served),
        slots=workers or os.cpu_count() or 1,
        lease=timedelta(seconds=lease),
        more=there,
    )
    with ExitStack() as stack:
        if address is not None:
            port = stack.enter_context(answering(address, engine.telling.metrics, engine.telling.health))
            LOG.info("metrics are at http://%s:%d/metrics", address[0], port)
        yield workspace, engine


def _served(engine: Engine) -> int:
    signal.signal(signal.SIGTERM, lambda *_: engine.drain())
    try:
        engine.serve()
    except KeyboardInterrupt:
        return exits.CANCELLED
    return exits.OK
