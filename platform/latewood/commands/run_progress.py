"""How far a run is, for who watches it: from projections, as ranges, whatever its size."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from latewood.commands.recorded_plan import recorded_plan
from latewood.commands.runs import run_named
from latewood.commands.workspace import Workspace
from latewood.decide.how_far import TaskSteps, steps_by_task, time_left
from latewood.errors import NotFound
from latewood.events import Action, PlannedSteps, StepFailed, from_json
from latewood.model.elements import element_named, elements_of
from latewood.model.keys import AssetId, AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe
from latewood.model.schemes import Scheme
from latewood.projections.runs import Expansion, RunRow, expansions_of, steps_of
from latewood.projections.snapshots import snapshot
from latewood.projections.states import durations
from latewood.projections.statistics import ended_after, first_failures, stretches_of
from latewood_eventlog.records import Position, RecordedEvent

_RECENT = timedelta(seconds=60)
"""From what ended within this time it is told how fast the run is."""

_FAILURES_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProgress:
    """The steps of one task by status."""

    assets: tuple[AssetKey, ...]
    steps: TaskSteps
    scheme: Scheme | None

    def partitions(self, status: str, ranges_max: int | None = None) -> str:
        """Of which partitions they are, in words, or as many ranges of them; empty where there are none."""
        found = self.steps.ordinals[status]
        return "" if self.scheme is None else describe(self.scheme, Ordinals(found.ranges[:ranges_max]))

    def is_cut(self, status: str, ranges_max: int) -> bool:
        """Whether there are more ranges of them than that."""
        return len(self.steps.ordinals[status].ranges) > ranges_max


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """A run, how its tasks stand, how many steps end in a second now, and how long the rest takes at that pace.

    `failures` are the first that there were, each with the key of the step's first asset.
    """

    row: RunRow
    tasks: Sequence[TaskProgress]
    rate: float
    left: timedelta | None
    failures: Sequence[tuple[AssetKey, StepFailed]] = ()

    @property
    def total(self) -> int:
        """How many steps it has."""
        return sum(task.steps.total for task in self.tasks)

    @property
    def ended(self) -> int:
        """How many of them have ended."""
        return sum(task.steps.ended for task in self.tasks)


class WatchedRun:
    """A run that is looked at again and again: its plan and definitions are read once."""

    def __init__(self, workspace: Workspace, row: RunRow) -> None:
        self._workspace = workspace
        self._row = row
        self._plan = recorded_plan(workspace, row)
        self._took: Mapping[AssetId, float] | None = None

    def look(self, through: Workspace | None = None) -> RunProgress:
        """How far it is now, by default through the workspace that it was made with. Raises DatabaseUnreachable.

        Cost: one pass of the server over the run's steps.
        """
        workspace, run = through or self._workspace, self._row.run
        now = workspace.clock()
        row = run_named(workspace, run)
        recently = workspace.log.position_at(now - _RECENT)
        since = max(row.requested_at, now - _RECENT)
        for event in workspace.log.read_types(workspace.project, ["run.started"], after=recently):
            if event.stream == f"run/{run}":  # what it did before it was left says nothing of how fast it is now
                recently, since = event.position, event.occurred_at
        with snapshot(workspace.log) as connection:
            expansions = expansions_of(connection, workspace.project, run)
            planned = [*self._plan.steps, *map(_planned_elements, expansions)]
            made = {asset for steps in planned for asset in steps.assets}
            found = stretches_of(connection, workspace.project, run, made)
            lately = ended_after(connection, workspace.project, run, recently)
            failed = first_failures(connection, workspace.project, run, _FAILURES_MAX)
        over = row.ended_position is not None or row.status == "interrupted"
        steps = steps_by_task(planned, found, ended=row.status if over else "")
        rate, left = 0.0, None
        if row.status == "running" and lately.first is not None:
            within = max(now - max(since, _begun(workspace, *lately.first)), timedelta(milliseconds=1))
            rate = sum(of.steps for of in lately.tasks) / within.total_seconds()
            left = time_left(steps, lately.tasks, self._known(workspace, steps), within)
        return RunProgress(
            row=row,
            tasks=[self._told(of_task) for of_task in steps],
            rate=rate,
            left=left,
            failures=[self._failure(event, expansions) for event in workspace.log.read_positions(failed)],
        )

    def _known(self, workspace: Workspace, tasks: Iterable[TaskSteps]) -> Mapping[AssetId, float]:
        """What versions of the tasks took before, in milliseconds, by their first assets; looked up once."""
        if self._took is None:
            with snapshot(workspace.log) as connection:
                assets = [task.assets[0] for task in tasks]
                found = durations(connection, workspace.project, assets)
            self._took = {asset: past.p50_ms for asset, past in found.items()}
        return self._took

    def _failure(self, event: RecordedEvent, expansions: Iterable[Expansion]) -> tuple[AssetKey, StepFailed]:
        fact = from_json(event.type, event.data)
        assert isinstance(fact, StepFailed), "the projection says so"
        asset = next(iter(fact.assets), AssetId(""))  # events of before do not name them
        number = next((fact.step - of.first for of in expansions if fact.step in of.steps), None)
        key = self._plan.key(asset)
        return key if number is None else element_named(key, number), fact

    def _told(self, steps: TaskSteps) -> TaskProgress:
        keys = tuple(map(self._plan.key, steps.assets))
        return TaskProgress(assets=keys, steps=steps, scheme=self._plan.scheme(steps.assets[0]))


def _begun(workspace: Workspace, position: Position, took: timedelta) -> datetime:
    """When the step began that ended there: it may have been long until a process was ready for the first one."""
    (event,) = workspace.log.read_positions([position])
    return event.occurred_at - took


def _planned_elements(expansion: Expansion) -> PlannedSteps:
    """The steps of elements, as if they had been planned: they are once their list is known."""
    numbers = Ordinals.between(0, expansion.count)
    assets = (elements_of(expansion.asset),)
    return PlannedSteps(assets=assets, action=Action.RUN, partitions=str(numbers), first=expansion.first)


def refuse_unplanned(there: Workspace, row: RunRow, step: int) -> None:
    """Raise NotFound for a step that the run does not have; one that is not planned yet may have any.

    Cost: nothing for one that has begun, else its plan.
    """
    with snapshot(there.log) as connection:
        found = steps_of(connection, there.project, row.run, after=step - 1, limit=1)
    if not found or found[0].step != step:
        total = WatchedRun(there, row).look().total
        is_planned = total > 0 or row.ended_position is not None
        if step < 0 or (is_planned and step >= total):
            known = f", but steps 0 to {total - 1:,}" if total else ": it has none"
            raise NotFound("step", f"run {row.run} has no step {step:,}{known}")
