"""`latewood run` and `latewood log …`."""

import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec
from rich.console import Console

from latewood.cli import exits, following
from latewood.cli.opening import open_workspace
from latewood.cli.output import STATUS_STYLE, console, duration, moment, plural, print_json, short, table
from latewood.cli.runs import UNRECORDED, run_json, run_status, took
from latewood.cli.wording import asked_by_text, failure_text, pool_text
from latewood.commands.elements import ElementSteps, labels_of
from latewood.commands.explaining import run_events
from latewood.commands.pools import pools_waited_for
from latewood.commands.run_progress import WatchedRun
from latewood.commands.runs import request_of, run_named
from latewood.commands.workspace import Workspace
from latewood.decide.concerned import assets_of_event
from latewood.decide.how_far import NOT_BEGUN
from latewood.engine.running.job_told import live_jobs
from latewood.errors import UsageError
from latewood.events import CheckEvaluated, Failure, FailureKind, RunRequested, StepFailed, StepSkipped, StepSucceeded
from latewood.model.elements import is_elements
from latewood.model.keys import AssetKey
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.projections.runs import RunRow, StepRow, expansions_of, steps_of
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import bytes_by_table, events_by_type, keys_of_ids
from latewood_eventlog.audit import verify
from latewood_eventlog.database import dsn
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.tailer import tail

_FINE = frozenset({"succeeded", "reused"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """All steps of a run, what each makes, by its number, and which are of elements."""

    rows: Sequence[StepRow]
    names: Mapping[int, Sequence[AssetKey]]
    elements: ElementSteps


def run_command(*, run_id: str, all_: bool, follow: bool, json_: bool) -> int:
    """Show a run: its request, counts, and its steps; without `all_` those that went wrong, and many by asset.

    While it goes on, how far it is in place of the steps.
    """
    workspace = open_workspace()
    row = run_named(workspace, run_id)
    if follow:
        return following.follow(workspace, row.run, json_=json_)
    far = WatchedRun(workspace, row).look() if is_grouped(row, all_=all_, json_=json_) else None
    if far is not None and is_only_how_far(row, all_=all_, json_=json_):
        jobs = following.job_lines(live_jobs(workspace.store, row.run))
        show_how_far(request_of(workspace, row), far, pools_waited_for(workspace, row.run), jobs)
        return exits.OK
    steps = steps_of_run(workspace, row)
    facts = (fact for _, fact in run_events(workspace, row.run)) if may_be_wrong(row, steps.rows) else ()
    return show_run(row, request_of(workspace, row), far, steps, notes_of(facts), all_=all_, json_=json_)


def is_grouped(row: RunRow, *, all_: bool, json_: bool) -> bool:
    """Whether it is shown by asset: where nothing is recorded of some steps, and where they are many."""
    is_whole = row.status in ("succeeded", "failed")
    return not is_whole or (not all_ and not json_ and sum((row.counts or {}).values()) > _STEPS_SHOWN)


def _is_over(row: RunRow) -> bool:
    return row.ended_position is not None or row.status == "interrupted"


def is_only_how_far(row: RunRow, *, all_: bool, json_: bool) -> bool:
    """Whether it is shown by how far it is alone."""
    return not _is_over(row) and not all_ and not json_


def may_be_wrong(row: RunRow, steps: Sequence[StepRow]) -> bool:
    """Whether there is something to say of steps; of an element there may be, and its list be made."""
    wrong = row.counts is None or any(row.counts.get(name) for name in ("failed", "refused", "skipped"))
    return wrong or any(step.status == "failed" or step.attempt > 1 for step in steps)


def show_how_far(asked: RunRequested, far: following.Shown, pools: Iterable[str], jobs: Iterable[str] = ()) -> None:
    """Print a run that goes on, its `jobs` in other systems, and which pools it waits for."""
    out = console()
    _print_head(out, far.row, asked)
    out.print(following.progress_table(far))
    for line in following.failure_lines(far):
        out.print(line)
    out.print(following.how_far(far), style="dim")
    for job in jobs:
        out.print(job, style="dim")
    for name in pools:
        waits = f"a step waits for a slot of {pool_text(name)}"
        out.print(f"{waits}; `latewood pools` shows who has them", style="yellow")


def show_run(
    row: RunRow,
    asked: RunRequested,
    far: following.Shown | None,
    found: Steps,
    notes: Mapping[int, "Note"],
    *,
    all_: bool,
    json_: bool,
) -> int:
    """Print a run with its steps; exit code."""
    steps, names, elements = found.rows, found.names, found.elements
    statuses = {
        step.step: notes[step.step].status or step.status if step.step in notes else step.status for step in steps
    }
    if json_:
        told = {} if far is None else following.progress_json(far)
        shown_steps = [_step_json(step, names[step.step], statuses, notes) for step in steps]
        print_json({**run_json(row), **told, "run_key": asked.run_key, "steps": shown_steps})
        return exits.OK
    out = console()
    _print_head(out, row, asked)
    planned = [step for step in steps if step.step not in elements.of]
    counts = Counter(statuses[step.step] for step in planned)
    if far is not None and _is_over(row):
        own = (task.steps.counts for task in far.tasks if not is_elements(task.assets[0]))
        counts[NOT_BEGUN] = sum(of_task.get(NOT_BEGUN, 0) for of_task in own)
    out.print(_counted(+counts) or "no steps")
    for expansion in elements.expansions:
        of_elements = Counter(statuses[step] for step in expansion.steps if step in statuses)
        begun = "" if of_elements.total() == expansion.count else f", of {expansion.count:,}"
        where = f"steps {expansion.first:,} to {expansion.steps[-1]:,}" if expansion.count else "an empty list"
        became = f"{_counted(of_elements)}{begun}, {where}" if expansion.count else where
        out.print(f"elements of {names[expansion.step][0]}: {became}")
    went_wrong = [step for step in steps if statuses[step.step] not in _FINE]
    by_asset = far is not None and not all_ and not went_wrong and len(planned) > _STEPS_SHOWN
    shown = steps if all_ else (_first_of_alike(went_wrong, statuses, notes) or planned)[:_STEPS_SHOWN]
    if by_asset and far is not None:
        shown = []
        out.print(following.progress_table(far))
    if again := sum(note == _TAKEN_UP for note in notes.values()):
        were = "was" if again == 1 else "were"
        out.print(f"{plural(again, 'step')} {were} interrupted, as their process died, and taken up again", style="dim")
    rows = table(*_STEP_COLUMNS, right=("step", "attempt", "took"), spare=("attempt", "took"))
    for step in shown:
        status = statuses[step.step]
        rows.add_row(
            str(step.step),
            ", ".join(names[step.step]),
            step.partition or elements.label(step.step),
            status,
            str(step.attempt or ""),
            "" if step.duration_ms is None else duration(step.duration_ms),
            short(notes[step.step].message, 120) if step.step in notes else "",
            style=STATUS_STYLE.get(status, "") if status != "succeeded" else "",
        )
    if shown:
        out.print(rows)
    if hidden := Counter(statuses.values()) - Counter(statuses[step.step] for step in shown):
        shows = "--all shows them"
        out.print(f"{plural(hidden.total(), 'step')} not shown ({_counted(hidden)}); {shows}", style="dim")
    for left in following.not_begun_lines(far) if far is not None else ():
        out.print(left, style=STATUS_STYLE[NOT_BEGUN])
    return exits.OK


def _print_head(out: Console, row: RunRow, requested: RunRequested) -> None:
    """What was asked for, by whom and when, and how it stands."""
    status = run_status(row) if row.recorded else f"{row.status} ({UNRECORDED})"
    out.print(f"run {row.run}   {status}", style=STATUS_STYLE.get(row.status, ""))
    who = asked_by_text(requested) or row.actor
    out.print(f"{row.selection} {row.partitions}".rstrip() + f" in {row.environment}, asked for by {who}")
    if requested.rerun_of:
        out.print(
            f"again what run {requested.rerun_of} was asked for"
            + (f", {requested.only} of it" if requested.only else "")
        )
    ended = f"; ended after {took(row)}, event {row.ended_position:,}" if row.ended_position is not None else ""
    out.print(f"requested {moment(row.requested_at)}, event {row.requested_position:,}{ended}")


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be said of a step. `status` is "refused" where a blocking check kept its version out."""

    message: str
    status: str = ""


_TAKEN_UP: Final = Note("was interrupted, and taken up again")


def _first_of_alike(steps: Sequence[StepRow], statuses: Mapping[int, str], notes: Mapping[int, Note]) -> list[StepRow]:
    """Of steps with the same assets to which the same happened the first few: these tell as much as hundreds do."""
    alike: Counter[tuple[str, ...]] = Counter()
    first = []
    for step in steps:
        said = apart_from(step.partition, notes[step.step].message if step.step in notes else "")
        alike[*step.assets, statuses[step.step], said] += 1
        if alike[*step.assets, statuses[step.step], said] <= ALIKE_SHOWN:
            first.append(step)
    return first


def apart_from(partition: str, text: str) -> str:
    """The text without the partition's name, so that what is said alike of many is known as such."""
    return text.replace(partition, "") if partition else text


ALIKE_SHOWN = 3
"""Of steps to which the same happened; these tell as much as hundreds do."""
_STEPS_SHOWN = 100
_STEP_COLUMNS = ("step", "asset", "partition", "status", "attempt", "took", "what happened")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in counts.items())


def steps_of_run(workspace: Workspace, row: RunRow) -> Steps:
    """As they are recorded."""
    with snapshot(workspace.log) as connection:
        steps: list[StepRow] = []
        while more := steps_of(connection, workspace.project, row.run, after=steps[-1].step if steps else -1):
            steps += more
        keys = keys_of_ids(connection, workspace.project, {id_ for step in steps for id_ in step.assets})
        expansions = expansions_of(connection, workspace.project, row.run)
    elements = ElementSteps(lambda expansion: labels_of(workspace, expansion), expansions)
    return Steps(rows=steps, names={step.step: elements.names(step, keys) for step in steps}, elements=elements)


def notes_of(facts: Iterable[Any]) -> dict[int, Note]:
    """What a run's facts say of its steps."""
    notes: dict[int, Note] = {}
    interrupted: set[int] = set()
    for fact in facts:
        match fact:
            case StepFailed(failure=Failure(kind=FailureKind.INTERRUPTED)) if fact.retry_at is not None:
                interrupted.add(fact.step)
                notes[fact.step] = Note(failure_text(fact))
            case StepFailed():
                notes[fact.step] = Note(failure_text(fact))
            case StepSkipped():
                because = f" (step {fact.because})" if fact.because is not None else ""
                notes[fact.step] = Note(f"{fact.reason}{because}")
            case StepSucceeded() if fact.step in interrupted:
                notes[fact.step] = _TAKEN_UP
            case StepSucceeded():
                notes.pop(fact.step, None)  # an earlier attempt had failed
            case CheckEvaluated(passed=False, blocking=True):
                notes[fact.step] = Note(failure_text(fact), "refused")
            case _:
                pass
    return notes


def _step_json(
    step: StepRow, names: Sequence[AssetKey], statuses: Mapping[int, str], notes: Mapping[int, Note]
) -> dict[str, Any]:
    return {
        "step": step.step,
        "assets": names,
        "partition": step.partition,
        "status": statuses[step.step],
        "message": notes[step.step].message if step.step in notes else "",
        "attempt": step.attempt,
        "duration_ms": step.duration_ms,
    }


def tail_command(*, after: int | None, follow: bool, json_: bool) -> int:
    """Print events."""
    workspace = open_workspace()
    if after is None:
        after = _before_last(workspace, 10)
    elif after > (end := workspace.log.position()):
        raise UsageError(f"expected a position up to {end}, where the log ends; found {after}")
    show = _print_json if json_ else _Lines(workspace).print
    if not follow:
        for event in _events_after(workspace, after):
            show(event)
        return exits.OK
    assert workspace.url is not None, "a workspace that was opened has a URL"
    listen = dsn(workspace.url, role="engine")
    for event in tail(workspace.log, after=after, stop=threading.Event(), dsn=listen, project=workspace.project):
        show(event)
    return exits.OK


def _before_last(workspace: Workspace, count: int) -> Position:
    """The position before the project's last `count` events, however many of others lie between."""
    end = workspace.log.position()
    window = count
    while True:
        after = max(0, end - window)
        last = deque(_events_after(workspace, after), maxlen=count)
        if len(last) == count or not after:
            return last[0].position - 1 if last else end
        window *= 8


def _events_after(workspace: Workspace, after: Position) -> Iterator[RecordedEvent]:
    while events := workspace.log.read_all(after=after, project=workspace.project):
        yield from events
        after = events[-1].position


def show_command(*, position: int) -> int:
    """Print an event in full."""
    workspace = open_workspace()
    is_one = 0 < position <= workspace.log.position()  # there are numbers that no database knows
    found = workspace.log.read_positions([position]) if is_one else []
    events = [event for event in found if event.project == workspace.project]
    if not events:
        raise UsageError(f"no event at position {position:,}; the log ends at {workspace.log.position():,}")
    print_json(_event_json(events[0]))
    return exits.OK


def verify_command(*, json_: bool) -> int:
    """Verify chain and projections."""
    workspace = open_workspace()
    proved = verify(workspace.log.engine, PROJECTIONS, UPCASTERS)
    if json_:
        print_json({"position": proved.position, "projections": proved.projections, "rows": proved.rows})
    else:
        console().print(
            f"the chain of {proved.position:,} events is whole; {', '.join(proved.projections)}: "
            f"{proved.rows:,} rows equal a rebuild",
            style="green",
        )
    return exits.OK


def stats_command(*, json_: bool) -> int:
    """Count events and bytes."""
    workspace = open_workspace()
    with snapshot(workspace.log) as connection:
        types = events_by_type(connection, workspace.project)
        tables = bytes_by_table(connection)
    if json_:
        print_json({"events": types, "bytes": tables})
        return exits.OK
    rows = table("event", "count", right=("count",))
    for name, count in types.items():
        rows.add_row(name, f"{count:,}")
    console().print(rows)
    rows = table("table", "KiB", right=("KiB",))
    for name, size in tables.items():
        rows.add_row(name, f"{size / 1024:,.0f}")
    console().print(rows)
    return exits.OK


def _event_json(event: RecordedEvent) -> dict[str, Any]:
    return {
        "position": event.position,
        "event_id": str(event.event_id),
        "stream": event.stream,
        "version": event.version,
        "type": event.type,
        "schema_version": event.schema_version,
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "actor": event.actor,
        "cause": event.cause,
        "data": msgspec.json.decode(event.data),
        "hash": event.hash.hex(),
    }


def _print_json(event: RecordedEvent) -> None:
    print(msgspec.json.encode(_event_json(event)).decode(), flush=True)  # noqa: T201 - a line per event


_SAID = (
    "partition", "step", "attempt", "check", "passed", "head", "reason", "no_reuse", "retry_at", "message",
    "resource", "selection", "partitions", "status", "ran", "reused", "failed", "refused", "skipped", "environment",
    "deployment",
)  # fmt: skip


def _short(value: Any) -> str:
    return short(" ".join(str(value).split()), 80)


class Told(Protocol):
    """What an event is told by."""

    @property
    def position(self) -> Position:
        """Where it stands."""
        ...

    @property
    def recorded_at(self) -> datetime:
        """When."""
        ...

    @property
    def type(self) -> str:
        """What it tells."""
        ...

    @property
    def stream(self) -> str:
        """Where it belongs."""
        ...


def print_event(out: Console, event: Told, data: Mapping[str, Any], assets: Iterable[str]) -> None:
    """Print an event in a line: its stream, the assets it is about, and what else it says in short."""
    names = (*_SAID, "base", "source") if event.type.startswith("environment.") else _SAID
    said = [f"{name}={_short(data[name])}" for name in names if data.get(name) not in (None, "")]
    if failure := data.get("failure"):
        said.append(_short(f"{failure['error']}: {failure['message']}"))
    line = f"{event.position:>8,}  {moment(event.recorded_at)}  {event.type:<20} {event.stream:<20} "
    out.print(line + " ".join((*assets, *said)))


class _Lines:
    """Prints events, with the keys of the assets that they are about."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._out = console()
        self._keys: dict[str, AssetKey] = {}

    def print(self, event: RecordedEvent) -> None:
        data: dict[str, Any] = msgspec.json.decode(event.data)
        print_event(self._out, event, data, self._assets(event))

    def _assets(self, event: RecordedEvent) -> list[str]:
        ids = assets_of_event(event.type, event.data)
        if unknown := [id_ for id_ in ids if id_ not in self._keys]:
            with snapshot(self._workspace.log) as connection:
                self._keys |= keys_of_ids(connection, self._workspace.project, unknown)
        return [self._keys.get(id_, id_) for id_ in ids]
