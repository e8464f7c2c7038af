"""`latewood runs`, `run`, `logs` and `latewood log …`."""

import threading
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from latewood.cli import exits
from latewood.cli.output import STATUS_STYLE, console, duration, moment, print_json, table
from latewood.commands.explaining import run_events
from latewood.commands.workspace import Workspace, open_workspace
from latewood.engine.store import ArtifactAddress
from latewood.errors import UsageError
from latewood.events import StepFailed, StepSkipped, StepSucceeded
from latewood.model.keys import RunId
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.projections.runs import RunRow, StepRow, recent_runs, runs_named, steps_of
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.projections.statistics import bytes_by_table, events_by_type, keys_of_ids
from latewood_eventlog.audit import verify
from latewood_eventlog.database import dsn
from latewood_eventlog.records import Position, RecordedEvent
from latewood_eventlog.tailer import tail


def runs_command(*, limit: int, json_: bool) -> int:
    """List runs, newest first."""
    workspace = open_workspace()
    with snapshot(workspace.log) as connection:
        found = recent_runs(connection, workspace.project, before=NOW, limit=limit)
    if json_:
        print_json([_run_json(row) for row in found])
        return exits.OK
    numbers = ("took", "ran", "reused", "failed")
    rows = table("run", "status", "environment", "selection", "requested", *numbers, right=numbers)
    for row in found:
        counts = row.counts or {}
        took = "" if row.ended_at is None else duration((row.ended_at - row.requested_at).total_seconds() * 1_000)
        rows.add_row(
            row.run,
            row.status,
            row.environment,
            f"{row.selection} {row.partitions}".strip(),
            moment(row.requested_at),
            took,
            f"{counts.get('ran', 0):,}",
            f"{counts.get('reused', 0) + counts.get('fresh', 0):,}",
            f"{counts.get('failed', 0):,}",
            style=STATUS_STYLE.get(row.status, "") if row.status != "succeeded" else "",
        )
    console().print(rows if found else "No runs yet.")
    return exits.OK


def run_command(*, run_id: str, json_: bool) -> int:
    """Show a run: its request, counts, and the steps that did not simply succeed, or the first hundred."""
    workspace = open_workspace()
    row = _run_named(workspace, run_id)
    with snapshot(workspace.log) as connection:
        steps = [_as_ended(step, row) for step in steps_of(connection, workspace.project, row.run)]
        names = keys_of_ids(connection, workspace.project, [id_ for step in steps for id_ in step.assets])
    counts = Counter(step.status for step in steps)
    if json_:
        print_json(
            {
                **_run_json(row),
                "steps": [
                    {
                        "step": step.step,
                        "assets": [names.get(id_, id_) for id_ in step.assets],
                        "partition": step.partition,
                        "status": step.status,
                        "attempt": step.attempt,
                        "duration_ms": step.duration_ms,
                    }
                    for step in steps
                ],
            }
        )
        return exits.OK
    out = console()
    out.print(f"run {row.run}   {row.status}", style=STATUS_STYLE.get(row.status, ""))
    out.print(f"{row.selection} {row.partitions}".rstrip() + f" in {row.environment}, asked for by {row.actor}")
    out.print(f"requested {moment(row.requested_at)}, event {row.requested_position:,}")
    out.print(", ".join(f"{count:,} {status}" for status, count in counts.items()) or "no steps")
    messages = _messages(workspace, row.run) if {"failed", "skipped"} & counts.keys() else {}
    shown = [s for s in steps if s.status not in ("succeeded", "reused")] or steps
    rows = table("step", "asset", "partition", "status", "attempt", "took", "", right=("step", "attempt", "took"))
    for step in shown[:100]:
        rows.add_row(
            str(step.step),
            ", ".join(names.get(id_, id_) for id_ in step.assets),
            step.partition,
            step.status,
            str(step.attempt or ""),
            "" if step.duration_ms is None else duration(step.duration_ms),
            messages.get(step.step, ""),
            style=STATUS_STYLE.get(step.status, "") if step.status != "succeeded" else "",
        )
    out.print(rows)
    if len(shown) > 100:
        out.print(f"… and {len(shown) - 100:,} more; --json has them all", style="dim")
    return exits.OK


def _as_ended(step: StepRow, row: RunRow) -> StepRow:
    """The step as the end of its run left it: what was going on then was cancelled or interrupted with it."""
    going_on = step.status in ("running", "retrying") and row.ended_at is not None
    return replace(step, status=row.status) if going_on else step


def _messages(workspace: Workspace, run: RunId) -> dict[int, str]:
    messages: dict[int, str] = {}
    for _, fact in run_events(workspace, run):
        match fact:
            case StepFailed():
                messages[fact.step] = f"{fact.failure.error}: {fact.failure.message}"[:120]
            case StepSkipped():
                because = f" (step {fact.because})" if fact.because is not None else ""
                messages[fact.step] = f"{fact.reason}{because}"
            case _:
                pass
    return messages


def logs_command(*, run_id: str, step: int | None) -> int:
    """Print captured output and tracebacks, by step."""
    workspace = open_workspace()
    row = _run_named(workspace, run_id)
    with snapshot(workspace.log) as connection:
        steps = {made.step: made for made in steps_of(connection, workspace.project, row.run)}
        names = keys_of_ids(connection, workspace.project, [id_ for made in steps.values() for id_ in made.assets])
    out = console()
    for _, fact in run_events(workspace, row.run):
        if not isinstance(fact, StepSucceeded | StepFailed) or step not in (None, fact.step):
            continue
        text = workspace.store.read(ArtifactAddress(fact.logs)).decode() if fact.logs else ""
        if isinstance(fact, StepFailed):
            text += fact.failure.traceback or f"{fact.failure.error}: {fact.failure.message}\n"
        if text:
            made = " ".join((names.get(steps[fact.step].assets[0], ""), fact.partition)).rstrip()
            out.print(f"── step {fact.step}: {made}, attempt {fact.attempt}", style="dim")
            out.print(text.rstrip("\n"))
    return exits.OK


def tail_command(*, after: int | None, follow: bool, json_: bool) -> int:
    """Print events."""
    workspace = open_workspace()
    if after is None:
        after = _before_last(workspace, 10)
    if not follow:
        for event in _events_after(workspace, after):
            _print_event(event, json_=json_)
        return exits.OK
    assert workspace.url is not None, "a workspace that was opened has a URL"
    listen = dsn(workspace.url, role="engine")
    for event in tail(workspace.log, after=after, stop=threading.Event(), dsn=listen, project=workspace.project):
        _print_event(event, json_=json_)
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
    events = [e for e in workspace.log.read_positions([position]) if e.project == workspace.project]
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


def _run_named(workspace: Workspace, run_id: str) -> RunRow:
    with snapshot(workspace.log) as connection:
        found = runs_named(connection, workspace.project, run_id)
    exact = [row for row in found if row.run == run_id]
    if len(exact or found) == 1:
        return (exact or found)[0]
    raise UsageError(f'run "{run_id}": {"several begin so" if found else "no such run"}; `latewood runs` lists them')


def _run_json(row: RunRow) -> dict[str, Any]:
    return {
        "run": row.run,
        "status": row.status,
        "environment": row.environment,
        "selection": row.selection,
        "partitions": row.partitions,
        "actor": row.actor,
        "requested_at": row.requested_at,
        "requested_position": row.requested_position,
        "ended_at": row.ended_at,
        "ended_position": row.ended_position,
        "counts": row.counts or {},
    }


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


def _print_event(event: RecordedEvent, *, json_: bool) -> None:
    if json_:
        print(msgspec.json.encode(_event_json(event)).decode(), flush=True)  # noqa: T201 - a line per event
        return
    data = event.data if len(event.data) <= 100 else event.data[:99] + "…"
    console().print(f"{event.position:>8,}  {moment(event.recorded_at)}  {event.type:<20} {event.stream:<24} {data}")
