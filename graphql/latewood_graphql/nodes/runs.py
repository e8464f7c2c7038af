"""Runs, their steps, and what was printed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

import graphene

from latewood.commands.attempts import attempts_of, ended_with_run, steps_at
from latewood.commands.runs import run_named, under_way
from latewood.commands.views import PRESENT, known_key, refuse_never
from latewood.errors import NotFound, UsageError
from latewood.events import RunStatus
from latewood.model.keys import AssetId, AssetKey, RunId
from latewood.projections.log_pages import positions_of_runs
from latewood.projections.pages import steps_counts
from latewood.projections.past_runs import begun_by, steps_then_counts
from latewood.projections.refusals import refused_steps
from latewood.projections.run_lists import (
    Wanted,
    going_on_count,
    recent_runs,
    runs_count,
    runs_counts,
    runs_going_on,
    runs_of_assets,
)
from latewood.projections.runs import RunRow, StepRow, steps_of_runs
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.projections.statistics import keys_of_ids
from latewood_eventlog.records import Position, RecordedEvent
from latewood_graphql.calls import EnvironmentAt, ProjectAt
from latewood_graphql.fields import fallible, fallible_many, given, many
from latewood_graphql.nodes.attempts import Attempt, Timeline, timeline_of
from latewood_graphql.nodes.events import Event, events_at
from latewood_graphql.nodes.logs import LinesPage, LogLines, log_arguments, logs_page
from latewood_graphql.pages import Page, checked_first, connection_of, key_of, page_arguments, page_of
from latewood_graphql.scalars import Json, PositionScalar
from latewood_graphql.words import RunState

STEPS_MAX: Final = 50_000
"""Steps of the largest timeline."""


_ACCEPTED: Final = ("succeeded", "reused")
"""How steps stand that are recorded to have a result; where that is refused is told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAt:
    """A run, seen at a moment."""

    project: ProjectAt
    row: RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAt:
    """A step of a run; `keys` are the assets it makes."""

    run: RunAt
    row: StepRow
    keys: tuple[AssetKey, ...]


class Step(graphene.ObjectType):
    """One task call, or one range of them, of a run."""

    number = graphene.Int(required=True, description="Its number in the plan, from 0.", resolver=given("row.step"))
    assets = many(graphene.String, "Keys of the assets that it makes.", resolver=given("keys"))
    partition = graphene.String(
        required=True, description="Partition; empty where there is none.", resolver=given("row.partition")
    )
    status = graphene.String(
        required=True,
        description="How far it is, in a word; `refused` where a blocking check or a retraction refuses its result.",
        resolver=given("row.status"),
    )
    attempt = graphene.Int(required=True, description="The number of its last attempt.", resolver=given("row.attempt"))
    started_at = graphene.DateTime(
        description="When that attempt began; null where none did.", resolver=given("row.started_at")
    )
    duration_ms = graphene.Float(
        description="Milliseconds that it took; null until it is over.", resolver=given("row.duration_ms")
    )
    attempts = fallible_many(Attempt, "Its attempts, the first one first; none of what was reused or skipped.")

    async def resolve_attempts(self: StepAt, _info: Any) -> Any:
        """Of all steps of a page at once."""
        project, key = self.run.project, (self.run.row.run, self.row.step)
        found = await project.call.load(
            (project.name, project.as_of),
            "attempts",
            key,
            lambda keys: attempts_of(project.workspace, keys, project.position),
        )
        return ended_with_run(found, self.row.status, self.run.row.ended_at)


class StepsDone(graphene.ObjectType):
    """How many of a run's steps there are, and how many have ended."""

    ended = graphene.Int(required=True, description="How many have ended, however.")
    total = graphene.Int(required=True, description="How many there are; where tasks are mapped that grows.")


class Run(graphene.ObjectType):
    """One execution of a plan: some assets, or many partitions of them."""

    id = graphene.ID(required=True, description="What it is called.", resolver=given("row.run"))
    environment = graphene.String(
        required=True, description="The environment it is in.", resolver=given("row.environment")
    )
    selection = graphene.String(
        required=True, description="Which assets were asked for.", resolver=given("row.selection")
    )
    partitions = graphene.String(
        required=True, description="Which partitions; empty for all.", resolver=given("row.partitions")
    )
    status = graphene.Field(
        RunState,
        required=True,
        description="How far it is. That its process died is known of now alone, by its lease, and of no position.",
        resolver=given("row.status"),
    )
    actor = graphene.String(required=True, description="Who asked for it.", resolver=given("row.actor"))
    automation = graphene.String(
        required=True,
        description="What asked for it by itself; empty where nothing did.",
        resolver=given("row.automation"),
    )
    priority = graphene.Int(required=True, description="That of its most urgent task.", resolver=given("row.priority"))
    requested_at = graphene.DateTime(
        required=True, description="When it was asked for.", resolver=given("row.requested_at")
    )
    requested_position = graphene.Field(
        PositionScalar, required=True, description="Where the log says so.", resolver=given("row.requested_position")
    )
    ended_at = graphene.DateTime(description="When it ended; null until then.", resolver=given("row.ended_at"))
    ended_position = graphene.Field(
        PositionScalar, description="Where the log says so; null until then.", resolver=given("row.ended_position")
    )
    counts = graphene.Field(
        Json,
        description="Its steps by what became of them; not what had not begun, or was under way, "
        "when the run ended. Null until then.",
        resolver=given("row.counts"),
    )
    progress = graphene.Field(
        StepsDone, description="How far it is now, at little cost; null where it has ended, or is shown as it was."
    )
    steps = fallible(
        connection_of(Step),
        description="Its steps that have begun, by number.",
        above=graphene.Int(description="Only steps with numbers above this one."),
        **page_arguments(),
    )
    events = fallible(connection_of(Event, counted=False), description="Its events, oldest first.", **page_arguments())
    logs = fallible(
        LogLines,
        description="What its steps printed and logged, with tracebacks, also while they run: of what goes on as much "
        "as is in files now, whatever the position.",
        **log_arguments(),
    )
    timeline = fallible(
        Timeline,
        description="Its steps that have begun, in time, as columns.",
        first=graphene.Int(required=True, default_value=10_000, description="How many steps at most, up to 50,000."),
        after=graphene.Int(description="Only steps with numbers above this one."),
    )

    def resolve_progress(self: RunAt, _info: Any) -> dict[str, int] | None:
        """Of all runs that go on at once."""
        project = self.project
        if project.as_of != PRESENT or self.row.ended_position is not None:
            return None
        found = project.call.once(project.name, "under way", lambda: under_way(project.workspace))
        ended, total = found.get(self.row.run, (0, 0))
        return {"ended": ended, "total": total}

    async def resolve_logs(self: RunAt, _info: Any, **asked: Any) -> LinesPage:
        """By line."""
        return await logs_page(self.project, self.row, **asked)

    async def resolve_timeline(self: RunAt, _info: Any, first: int, after: int | None = None) -> Any:
        """By number."""
        if not 1 <= first <= STEPS_MAX:
            raise UsageError(f"first: expected 1 to {STEPS_MAX:,}, found {first:,}; `after` has what follows")
        rows = await _steps(self, -1 if after is None else after, first + 1)
        return timeline_of(self.row.requested_at, rows, first)

    async def resolve_steps(
        self: RunAt, _info: Any, first: int, after: str | None = None, above: int | None = None
    ) -> Page:
        """By number."""
        behind, first, project = key_of(after, int), checked_first(first, "after"), self.project
        lowest = max(-1 if number is None else number for number in (behind, above))
        rows = await _steps(self, lowest, first + 1)
        keys = await _keys(project, frozenset(asset for row in rows for asset in row.assets))
        nodes = [
            StepAt(run=self, row=row, keys=tuple(keys.get(asset, AssetKey(asset)) for asset in row.assets))
            for row in rows
        ]

        def counts(runs: Sequence[RunId]) -> Mapping[RunId, int]:
            with snapshot(project.workspace.log) as connection:
                if project.as_of == PRESENT:
                    return steps_counts(connection, project.name, runs)
                return steps_then_counts(connection, project.name, runs, project.position)

        def count() -> Any:
            return project.call.load((project.name, project.as_of), "steps' count", self.row.run, counts)

        return page_of(nodes, first, lambda step: step.row.step, count)

    async def resolve_events(self: RunAt, _info: Any, first: int, after: str | None = None) -> Page:
        """Of its stream."""
        project, behind, limit = self.project, key_of(after, int) or 0, checked_first(first, "after") + 1

        def read(runs: Sequence[RunId]) -> Mapping[RunId, Sequence[RecordedEvent]]:
            upto, log = project.position, project.workspace.log
            with snapshot(log) as connection:
                of = positions_of_runs(connection, project.name, runs, after=behind, limit=limit, upto=upto)
            read = log.read_positions(list(chain.from_iterable(of.values())))
            events = {event.position: event for event in events_at(project, read)}
            return {run: [events[position] for position in positions] for run, positions in of.items()}

        scope = project.name, project.as_of
        found = await project.call.load(scope, f"events {behind} {limit}", self.row.run, read)
        return page_of(found, first, lambda event: event.version)


async def _steps(run: RunAt, after: int, limit: int) -> list[StepRow]:
    """Those above `after` that have begun by the run's moment, as they stand there; of all runs of a page at once."""
    project, workspace = run.project, run.project.workspace

    def read(runs: Sequence[RunId]) -> Mapping[RunId, list[StepRow]]:
        is_now = project.as_of == PRESENT
        past = {} if is_now else steps_at(workspace, runs, after=after, limit=limit, as_of=project.position)
        with snapshot(workspace.log) as connection:
            rows = past or steps_of_runs(connection, project.name, runs, after=after, limit=limit)
            made = [row for found in rows.values() for row in found if row.status in _ACCEPTED]
            numbers, assets = {row.step for row in made}, {AssetId(id_) for row in made for id_ in row.assets}
            as_of = NOW if is_now else project.position
            refused = refused_steps(connection, project.name, runs, numbers, assets, as_of) if made else frozenset()
        return {
            run: [replace(row, status="refused") if (run, row.step) in refused else row for row in found]
            for run, found in rows.items()
        }

    scope = project.name, project.as_of
    found: list[StepRow] = await project.call.load(scope, f"steps {after} {limit}", run.row.run, read)
    return found


async def _keys(project: ProjectAt, ids: frozenset[str]) -> Mapping[str, AssetKey]:
    """What these assets are called at the project's moment; looked up with those of other runs."""
    as_of = project.as_of.position

    def read(several: Sequence[frozenset[str]]) -> Mapping[frozenset[str], Mapping[str, AssetKey]]:
        with snapshot(project.workspace.log) as connection:
            return dict.fromkeys(
                several, keys_of_ids(connection, project.name, frozenset[str]().union(*several), as_of)
            )

    found: Mapping[str, AssetKey] = await project.call.load((project.name, as_of), "keys of several", ids, read)
    return found


def as_it_was(project: ProjectAt, row: RunRow) -> RunAt:
    """The run as it was at the project's moment."""
    (found,) = as_they_were(project, [row])
    return found


def as_they_were(project: ProjectAt, rows: Sequence[RunRow]) -> list[RunAt]:
    """The same of several. That a process died which drove one is known of the present alone."""
    position = project.position
    going = {row.run for row in rows if row.ended_position is None or row.ended_position > position}
    if project.as_of == PRESENT or not going:
        return [RunAt(project=project, row=row) for row in rows]
    with snapshot(project.workspace.log) as connection:
        begun = begun_by(connection, project.name, going, position)

    def then(row: RunRow) -> RunRow:
        status = RunStatus.RUNNING if row.run in begun else RunStatus.QUEUED
        return replace(row, status=status, ended_position=None, ended_at=None, counts=None)

    return [RunAt(project=project, row=then(row) if row.run in going else row) for row in rows]


def run_of(project: ProjectAt, id_: str) -> RunAt:
    """The run of that id, or whose id alone begins so. Raises UsageError with near ones, and for one of later."""
    row = run_named(project.workspace, id_)
    if row.requested_position > project.position:
        raise NotFound("run", f'no run "{id_}" at position {project.position:,}: it was asked for later')
    return as_it_was(project, row)


def run_filters() -> dict[str, Any]:
    """The arguments by which runs are chosen."""
    return {
        "environment": graphene.String(required=True, default_value="", description="Only those in this environment."),
        "status": graphene.Argument(RunState, description="Only those that stand so."),
        "asset": graphene.ID(
            description="Only those that plan steps of this asset, by its key in `environment`, or else in `prod`."
        ),
        "actor": graphene.String(required=True, default_value="", description="Only those that this one asked for."),
        "search": graphene.String(required=True, default_value="", description="Only those whose id begins so."),
    }


def wanted_of(
    project: ProjectAt,
    *,
    environment: str,
    actor: str,
    search: str,
    status: Any = None,
    asset: str | None = None,
    **times: Any,
) -> Wanted:
    """The runs that such arguments choose.

    Raises UsageError for an unknown asset or environment, and for times without offset.
    """
    for name, time in times.items():
        if time is not None and time.tzinfo is None:
            raise UsageError(f"{name}: expected a time with its offset, as in 2026-03-01T00:00Z, found {time}")
    if environment:
        refuse_never(project.workspace, environment)
    id_ = None
    if asset is not None:
        view = project.environment(environment or "prod").view
        id_ = view.ids[known_key(view, asset)]
    said = "" if status is None else status.value
    of: dict[str, Any] = {"actor": actor, "id_prefix": search, "asset": id_, "as_of": project.as_of.position}
    return Wanted(environment=environment, status=said, **of, **times)


def runs_page(project: ProjectAt, first: int, after: str | None, wanted: Wanted) -> Page:
    """Runs that were asked for by the project's moment, newest first."""
    limit, before = checked_first(first, "after") + 1, _before(project, after)
    with snapshot(project.workspace.log) as connection:
        rows = recent_runs(connection, project.name, before=before, limit=limit, wanted=wanted)

    def count() -> int:
        with snapshot(project.workspace.log) as connection:
            return runs_count(connection, project.name, upto=project.position, wanted=wanted)

    return _page(project, first, rows, count)


def going_on_page(project: ProjectAt, first: int, after: str | None, environment: str) -> Page:
    """Runs that had not ended at the project's moment, newest first."""
    limit, before = checked_first(first, "after") + 1, _before(project, after)
    if environment:
        refuse_never(project.workspace, environment)
    of: dict[str, Any] = {"environment": environment, "as_of": project.as_of.position}
    with snapshot(project.workspace.log) as connection:
        rows = runs_going_on(connection, project.name, before=before, limit=limit, **of)

    def count() -> int:
        with snapshot(project.workspace.log) as connection:
            return going_on_count(connection, project.name, before=_before(project, None), **of)

    return page_of(as_they_were(project, rows), first, lambda run: run.row.requested_position, count)


async def runs_page_of(at: EnvironmentAt, key: AssetKey, first: int, after: str | None, wanted: Wanted) -> Page:
    """The same of those that plan steps of an asset; of all assets that such a page is asked of at once."""
    limit, before, ids = checked_first(first, "after") + 1, _before(at.project, after), at.view.ids

    def read(assets: Sequence[AssetId]) -> Mapping[AssetId, Sequence[RunRow]]:
        with snapshot(at.workspace.log) as connection:
            return runs_of_assets(connection, at.project.name, assets, before=before, limit=limit, wanted=wanted)

    def counts(assets: Sequence[AssetId]) -> Mapping[AssetId, int]:
        with snapshot(at.workspace.log) as connection:
            return runs_counts(connection, at.project.name, assets, upto=at.project.position, wanted=wanted)

    rows = await at.load(f"runs {wanted} {before} {limit}", ids[key], read)
    return _page(at.project, first, rows, lambda: at.load(f"runs' count {wanted}", ids[key], counts))


def _before(project: ProjectAt, after: str | None) -> Position:
    return min(key_of(after, int) or NOW, project.position + 1)


def _page(project: ProjectAt, first: int, rows: Sequence[RunRow], count: Callable[[], Any]) -> Page:
    return page_of(as_they_were(project, rows), first, lambda run: run.row.requested_position, count)
