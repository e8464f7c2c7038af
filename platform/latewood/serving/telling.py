"""How an engine is, for who asks: what it counts as it goes, a line for each step, its metrics and its health."""

import logging
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Final

from latewood.commands.status import Load, load_of
from latewood.commands.workspace import Workspace
from latewood.engine.running.pool import Pool
from latewood.engine.running.reports import Report
from latewood.model.keys import RunId
from latewood.serving.absence import Absence
from latewood.serving.log_lines import STEPS
from latewood.serving.metrics import Measures, Workers, exposition, families
from latewood.serving.scraping import Health
from latewood_eventlog.errors import LogError

_WRONG: Final = frozenset({"failed", "refused", "retrying"})

_HANGS_S: Final = 30.0
"""After which an engine that did not come round does its work no more."""


class Telling:
    """What one engine tells of itself. Its methods may be called from any thread.

    `workspaces` are those of its projects now, `runs` counts what it drives.
    """

    def __init__(
        self,
        workspaces: Callable[[], Sequence[Workspace]],
        *,
        engine: str,
        pool: Pool,
        runs: Callable[[], int],
        absence: Absence,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.measures = Measures()
        self._workspaces = workspaces
        self._engine = engine
        self._pool = pool
        self._runs = runs
        self._absence = absence
        self._clock = clock
        self._heard = clock()

    def comes_round(self) -> None:
        """The engine's thread has just looked what there is to do, as it does every second."""
        self._heard = self._clock()

    def reported(self, run: RunId, report: Report) -> None:
        """A step has ended, or something else is said of it, and that is durable. For one thread."""
        self.measures.reported(report)
        level = logging.WARNING if report.status in _WRONG else logging.INFO
        if STEPS.isEnabledFor(level):
            name = f"{report.assets[0]} {report.partition}".rstrip()
            said = f": {report.message}" if report.message else ""
            about = {
                "run": run,
                "step": report.step,
                "assets": report.assets,
                "partition": report.partition,
                "status": report.status,
                "duration_ms": report.duration_ms,
            }
            STEPS.log(level, "step %s of run %s, %s: %s%s", report.step, run, name, report.status, said, extra=about)

    def metrics(self) -> str:
        """What Prometheus is told. Cost: of the database as `load_of`, for each project."""
        workers = Workers(slots=self._pool.slots, processes=self._pool.processes, busy=self._pool.busy)
        return exposition(families(self.measures, workers, self._runs(), self._loads()), {"engine": self._engine})

    def _loads(self) -> Mapping[str, Load] | None:
        try:
            return {workspace.project: load_of(workspace) for workspace in self._workspaces()}
        except LogError:
            return None

    def health(self) -> Health:
        """Well as long as its thread comes round; who waits for a database is well too, and loses by being ended."""
        silent_s = self._clock() - self._heard
        facts = {
            "engine": self._engine,
            "projects": [workspace.project for workspace in self._workspaces()],
            "database": "away" if self._absence.is_away else "here",
            "runs": self._runs(),
            "came_round_s": round(silent_s, 3),
        }
        return Health(is_well=silent_s < _HANGS_S or self._absence.is_away, facts=facts)
