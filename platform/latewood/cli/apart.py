"""Running what this process cannot: a location with an interpreter, a directory or variables of its own.

It is asked for as with `--detach`, and driven by workers of an engine that is here for this run alone. If this process
dies, any other engine goes on with it.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from latewood.commands.materializing import Prepared, Result
from latewood.commands.retelling import Retelling
from latewood.commands.runs import run_named
from latewood.commands.workspace import Workspace
from latewood.engine.running.reports import Begun, Notice, Report
from latewood.engine.running.run_log import PATIENCE, Absences, patiently
from latewood.errors import UsageError
from latewood.model.keys import RunId
from latewood.serving.engine import Engine
from latewood.serving.log_lines import STEPS
from latewood.serving.requesting import cancel, request

_LOOKS_S: Final = (0.05, 0.5)
"""How often it is looked what has come of the run: at first, since most runs are short, and later."""


def materialize_apart(
    workspace: Workspace,
    prepared: Prepared,
    *,
    report: Callable[[Report], None],
    notice: Callable[[Notice], None],
) -> Result:
    """Have a prepared plan, which has steps, run by processes of its location; how it ended. Ctrl-C cancels the run.

    Raises as `materialize` does, and whatever ends the engine before the run; other engines can go on with it then.
    """
    found = request(workspace, prepared)
    retelling, absences = Retelling(workspace, prepared, found.run), Absences(notice)
    notice(Begun(run=found.run, steps=found.steps))
    with _driven(workspace, found.run) as driver:
        try:
            _follow(workspace, driver, retelling, absences, report)
        except KeyboardInterrupt:
            with suppress(UsageError):  # it has ended by now
                cancel(workspace, run_named(workspace, found.run))
            _follow(workspace, driver, retelling, absences, report)
    return patiently(retelling.result, PATIENCE, absences)


class _Driver(threading.Thread):
    """The thread of an engine, and why that has ended, if it should not have."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(name="latewood-engine", daemon=True)
        self.engine = engine
        self.failed: Exception | None = None

    def run(self) -> None:
        try:
            self.engine.serve()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised by who follows the run
            self.failed = error


def _follow(
    workspace: Workspace,
    driver: _Driver,
    retelling: Retelling,
    absences: Absences,
    report: Callable[[Report], None],
) -> None:
    """Report what becomes of its steps until the run has ended; a database that is away is waited for.

    Raises why its engine has ended, if that was before the run.
    """
    wait_s, longest_s = _LOOKS_S
    while True:
        failed = driver.failed  # before the look: what it recorded is seen
        for found in patiently(retelling.look, PATIENCE, absences):
            report(found)
        if retelling.has_ended:
            return
        if failed is not None:
            raise failed
        workspace.sleep(wait_s)
        wait_s = min(2 * wait_s, longest_s)


@contextmanager
def _driven(workspace: Workspace, run: RunId) -> Iterator[_Driver]:
    """An engine drives the run meanwhile; what is under way in the end has as long as it takes.

    It logs nothing of steps: who watches the run is told of them.
    """
    level = STEPS.level
    STEPS.setLevel(logging.CRITICAL)
    driver = _Driver(Engine(workspace, slots=os.cpu_count() or 1, only=run))
    driver.start()
    try:
        yield driver
    finally:
        driver.engine.drain()
        driver.join()
        STEPS.setLevel(level)
