"""Which runs are meant, and which of their steps."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from latewood.commands.workspace import Workspace
from latewood.decide.how_far import ENDED
from latewood.errors import NotFound, UsageError
from latewood.events import AssetObserved, ObservationFailed, RunRequested, from_json
from latewood.model.keys import AssetKey, RunId
from latewood.projections.observations import looks_named, recent_observations
from latewood.projections.run_lists import Wanted, recent_runs
from latewood.projections.runs import RunRow, request_positions, runs_named
from latewood.projections.snapshots import Snapshot, snapshot
from latewood.projections.states import NOW
from latewood.projections.statistics import keys_of_ids, steps_by_run
from latewood_eventlog.records import Position

_STEPS = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_NEAR_AMONG = 1_000  # the latest runs
_AT_ONCE = 1_000  # events in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What an observation or a report recorded of one asset partition."""

    step: int
    key: AssetKey
    fact: AssetObserved | ObservationFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """External assets that were looked at by one command, or reported."""

    id: RunId
    looks: tuple[Look, ...]

    @property
    def called(self) -> str:
        """What it is, as a noun: a report where nothing here has looked."""
        facts = [look.fact for look in self.looks]
        told = all(isinstance(fact, AssetObserved) and not (fact.observer or fact.artifact) for fact in facts)
        keys = list(dict.fromkeys(look.key for look in self.looks))
        more = f" and {len(keys) - 1:,} more" if keys[1:] else ""
        return f"{'a report' if told else 'an observation'} of {keys[0]}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """An observation in a list of what was done: which assets, how many partitions were seen and how many were not."""

    id: RunId
    environment: str
    keys: tuple[AssetKey, ...]
    observed: int
    failed: int
    at: datetime
    actor: str
    position: Position

    @property
    def status(self) -> str:
        """As that of a run."""
        return "failed" if self.failed else "succeeded"


def latest(workspace: Workspace, *, limit: int, environment: str = "", status: str = "") -> list[RunRow | Looked]:
    """Runs and observations, newest first, of an environment and with a status if these are given."""
    project = workspace.project
    with snapshot(workspace.log) as connection:
        wanted = Wanted(environment=environment, status=status)
        runs = recent_runs(connection, project, before=NOW, limit=limit, wanted=wanted)
        rows = recent_observations(connection, project, limit=limit, environment=environment, status=status)
        keys = keys_of_ids(connection, project, {asset for row in rows for asset in row.assets})
    events = {event.position: event for event in workspace.log.read_positions([row.position for row in rows])}
    found: dict[Position, RunRow | Looked] = {row.requested_position: row for row in runs}
    for row in rows:
        found[row.position] = Looked(
            id=row.run,
            environment=row.environment,
            keys=tuple(sorted(keys[asset] for asset in row.assets)),
            observed=row.observed,
            failed=row.failed,
            at=events[row.position].occurred_at,
            actor=events[row.position].actor,
            position=row.position,
        )
    return [found[position] for position in sorted(found, reverse=True)[:limit]]


def under_way(workspace: Workspace) -> dict[RunId, tuple[int, int]]:
    """Of each run that has not ended how many of its steps have, and how many it has. Cost: as `steps_by_run`."""
    with snapshot(workspace.log) as connection:
        found = steps_by_run(connection, workspace.project)
    return {run: (sum(counts[status] for status in ENDED), counts.total()) for run, counts in found.items()}


def run_named(workspace: Workspace, text: str) -> RunRow:
    """The run of that id, or whose id alone begins so.

    Raises UsageError with near ones, those that begin so, or what it is instead.
    """
    found = recorded_as(workspace, text)
    if isinstance(found, RunRow):
        return found
    key = found.looks[0].key
    if found.called.startswith("a report"):
        instead = f"what is there is told again by `latewood report {key}`"
    else:
        instead = f"`latewood logs {found.id}` has what was printed, `latewood observe {key}` looks again"
    raise NotFound(
        "run",
        f"{text} is {found.called} and no run: it made nothing that could be run again. "
        f"`latewood asset {key}` shows what was seen; {instead}",
    )


def recorded_as(workspace: Workspace, text: str) -> RunRow | Observation:
    """The run, else the observation or report, of that id, or whose id alone begins so. Raises UsageError."""
    if not text.strip():
        raise UsageError("expected a run, found nothing; `latewood runs` lists them")
    with snapshot(workspace.log) as connection:
        found = runs_named(connection, workspace.project, text)
        latest = [] if found else recent_runs(connection, workspace.project, before=NOW, limit=_NEAR_AMONG)
    exact = [row for row in found if row.run == text]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found and (observation := _observation(workspace, text)) is not None:
        return observation
    if not found:
        near = get_close_matches(text, [row.run for row in latest], n=3)
        hint = f"near: {', '.join(near)}" if near else "`latewood runs` lists them"
        raise NotFound("run", f'run "{text}": no such run; {hint}')
    listed = "".join(
        f"\n  {row.run}  {row.requested_at.astimezone():%Y-%m-%d %H:%M:%S}  {row.status:<11}  {row.selection}"
        for row in found
    )
    raise NotFound("run", f'run "{text}": several begin so, the latest are{listed}')


def _observation(workspace: Workspace, prefix: str) -> Observation | None:
    with snapshot(workspace.log) as connection:
        rows = looks_named(connection, workspace.project, prefix)
        keys = keys_of_ids(connection, workspace.project, {row.asset for row in rows})
    if not rows:
        return None
    looks = []
    for start in range(0, len(rows), _AT_ONCE):
        part = {row.position: row for row in rows[start : start + _AT_ONCE]}
        for event in workspace.log.read_positions(list(part)):
            fact, row = from_json(event.type, event.data), part[event.position]
            assert isinstance(fact, AssetObserved | ObservationFailed), "the projection says so"
            looks.append(Look(step=row.step, key=keys[row.asset], fact=fact))
    return Observation(id=rows[0].run, looks=tuple(looks))


def request_of(workspace: Workspace, row: RunRow) -> RunRequested:
    """What was asked for."""
    (event,) = workspace.log.read_positions([row.requested_position])
    fact = from_json(event.type, event.data)
    assert isinstance(fact, RunRequested), "the projection says so"
    return fact


def requested(workspace: Workspace, run: str) -> RunRequested | None:
    """What was asked for, by the run's id; None for an observation, say."""
    events = workspace.log.read(workspace.project, f"run/{run}", limit=1)
    fact = from_json(events[0].type, events[0].data) if events else None
    return fact if isinstance(fact, RunRequested) else None


def requests(connection: Snapshot, workspace: Workspace, runs: Iterable[str]) -> dict[str, RunRequested | None]:
    """The same of many, in two statements for each thousand."""
    found: dict[str, RunRequested | None] = dict.fromkeys(runs)
    run_at = {position: run for run, position in request_positions(connection, workspace.project, found).items()}
    places = sorted(run_at)
    for start in range(0, len(places), _AT_ONCE):
        for event in workspace.log.read_positions(places[start : start + _AT_ONCE]):
            fact = from_json(event.type, event.data)
            assert isinstance(fact, RunRequested), f"nothing that was asked for: {fact}"
            found[run_at[event.position]] = fact
    return found


def steps_meant(run: RunId, text: str, known: Collection[int]) -> frozenset[int]:
    """The steps of a run that `3`, `0-4` or `0,2,5-7` names. Raises UsageError for what is none, or not the run's."""
    meant: set[int] = set()
    for part in text.split(","):
        match = _STEPS.fullmatch(part.strip())
        if match is None:
            raise UsageError(f'steps "{text}": expected numbers and ranges as in 0,2,5-7, found "{part.strip()}"')
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last or first not in known or last not in known:
            there = f"it has steps {min(known):,} to {max(known):,}" if known else "it has no steps"
            raise UsageError(
                f'steps "{text}": run {run} has no step {part.strip()}; {there}, `latewood run {run} --all` lists them'
            )
        meant |= {step for step in known if first <= step <= last}
    return frozenset(meant)
