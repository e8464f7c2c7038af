"""`latewood runs`: what was done, newest first."""

from collections.abc import Mapping, Sequence
from typing import Any

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import STATUS_STYLE, console, duration, moment, print_json, table
from latewood.commands.runs import Looked, latest, under_way
from latewood.commands.views import refuse_never
from latewood.model.keys import RunId
from latewood.projections.runs import RunRow

UNRECORDED = "the process is gone, which is not recorded yet; the next run does"


def runs_command(*, environment: str, status: str | None, limit: int, json_: bool) -> int:
    """List runs and observations, newest first."""
    workspace = open_workspace()
    found = latest(workspace, limit=limit, environment=environment, status=status or "")
    if environment and not found:
        refuse_never(workspace, environment)
    far = under_way(workspace) if any(isinstance(row, RunRow) and row.counts is None for row in found) else {}
    return show_runs(found, far, is_narrowed=bool(environment or status), json_=json_)


def show_runs(
    found: Sequence[RunRow | Looked], far: Mapping[RunId, tuple[int, int]], *, is_narrowed: bool, json_: bool
) -> int:
    """Print them, with how many steps have ended of how many of those under way; exit code."""
    if json_:
        print_json([_listed_json(row, far) if isinstance(row, RunRow) else _looked_json(row) for row in found])
        return exits.OK
    names = ("run", "status", "env", "selection", "by", "requested", "took", "steps")
    rows = table(*names, right=("took",), whole=("requested",), spare=("env", "by", "took"))
    for row in found:
        style = STATUS_STYLE.get(row.status, "") if row.status != "succeeded" else ""
        rows.add_row(*(_run_row(row, far) if isinstance(row, RunRow) else _looked_row(row)), style=style)
    out = console()
    out.print(rows if found else "No such runs." if is_narrowed else "No runs yet.")
    if gone := [row.run for row in found if isinstance(row, RunRow) and not row.recorded]:
        out.print(f"{', '.join(gone)}: {UNRECORDED}", style="dim")
    return exits.OK


def _run_row(row: RunRow, far: Mapping[RunId, tuple[int, int]]) -> tuple[str, ...]:
    selection = f"{row.selection} {row.partitions}".strip()
    counts = counts_text(row.counts or {})
    if row.run in far:
        ended, total = far[row.run]
        counts = f"{ended:,} of {total:,} have ended"
    by, at = row.automation or row.actor, moment(row.requested_at)
    return row.run, run_status(row), row.environment, selection, by, at, took(row), counts


def _looked_row(row: Looked) -> tuple[str, ...]:
    more = f" and {len(row.keys) - 1:,} more" if row.keys[1:] else ""
    counts = f"{row.observed:,} observed" + (f", {row.failed:,} failed" if row.failed else "")
    return row.id, row.status, row.environment, f"{row.keys[0]}{more}", row.actor, moment(row.at), "", counts


def run_status(row: RunRow) -> str:
    """The status; of a run that goes on with when its process was last heard of, since it may be gone."""
    return row.status if row.unheard_s is None else f"{row.status}, last heard of {row.unheard_s:.0f} s ago"


def took(row: RunRow) -> str:
    """How long it took, for people; nothing while it goes on."""
    return "" if row.ended_at is None else duration((row.ended_at - row.requested_at).total_seconds() * 1_000)


def counts_text(counts: Mapping[str, int]) -> str:
    """What became of a run's steps, in the words with which it ended; nothing while it goes on."""
    if not counts:
        return ""
    reused = counts.get("reused", 0) + counts.get("fresh", 0)
    others = [f"{counts[name]:,} {name}" for name in ("failed", "refused", "skipped") if counts.get(name)]
    return ", ".join([f"{counts.get('ran', 0):,} run", f"{reused:,} reused", *others])


def run_json(row: RunRow) -> dict[str, Any]:
    """A run, for machines."""
    return {
        "run": row.run,
        "kind": "run",
        "status": row.status,
        "environment": row.environment,
        "selection": row.selection,
        "partitions": row.partitions,
        "actor": row.actor,
        "automation": row.automation,
        "requested_at": row.requested_at,
        "requested_position": row.requested_position,
        "ended_at": row.ended_at,
        "ended_position": row.ended_position,
        "counts": row.counts or {},
        "recorded": row.recorded,
        "unheard_s": row.unheard_s,
    }


def _listed_json(row: RunRow, far: Mapping[RunId, tuple[int, int]]) -> dict[str, Any]:
    """One that goes on with how many of its steps have ended."""
    if row.run not in far:
        return run_json(row)
    ended, total = far[row.run]
    return {**run_json(row), "steps_ended": ended, "steps_total": total}


def _looked_json(row: Looked) -> dict[str, Any]:
    """An observation, in the fields of a run as far as they go; it is recorded when it has ended."""
    return {
        "run": row.id,
        "kind": "observation",
        "status": row.status,
        "environment": row.environment,
        "selection": "",
        "partitions": "",
        "assets": row.keys,
        "actor": row.actor,
        "automation": "",
        "requested_at": row.at,
        "requested_position": row.position,
        "ended_at": row.at,
        "ended_position": row.position,
        "counts": {"observed": row.observed, "failed": row.failed},
        "recorded": True,
        "unheard_s": None,
    }
