"""`latewood status`: how all of it is."""

from dataclasses import asdict
from typing import Any, Final

from latewood.cli import exits
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, duration, moment, plural, print_json, table
from latewood.commands.status import Overview, overview_of
from latewood_eventlog.errors import DatabaseUnreachable

_GIB: Final = 1 << 30
_MIB: Final = 1 << 20


def status_command(*, json_: bool) -> int:
    """Print it; exit code, which tells whether there is something to see to."""
    try:
        found = overview_of(open_workspace())
    except DatabaseUnreachable as error:
        if not json_:
            raise
        print_json({"database": {"reachable": False, "error": str(error)}})
        return exits.DATABASE_UNREACHABLE
    if json_:
        print_json(_json(found))
    else:
        _print(found)
    return exits.STEP_FAILED if found.problems else exits.OK


def _json(found: Overview) -> dict[str, Any]:
    load = found.load
    append = None if load.append_s is None else {"p50": load.append_s[0], "p95": load.append_s[1]}
    return {
        "database": {
            "reachable": True,
            "version": found.version,
            "bytes": found.database_bytes,
            "latency_s": found.latency_s,
            "position": load.position,
            "append_s": append,
            "behind": load.behind,
        },
        "engines": [asdict(each) for each in load.engines],
        "runs": load.runs,
        "steps": load.steps,
        "leases": load.leases,
        "automations": [asdict(each) for each in found.automations],
        "notifications": [asdict(each) for each in load.untold],
        "store": None if found.store is None else asdict(found.store),
        "problems": found.problems,
    }


def _print(found: Overview) -> None:
    out, load = console(), found.load
    rows = table("", "")
    rows.show_header = False
    size, latency = f"{found.database_bytes / _MIB:,.0f} MiB", duration(found.latency_s * 1e3)
    rows.add_row("database", f"Postgres {found.version}, {size}, answers in {latency}")
    lag = sum(load.behind.values())
    rows.add_row(
        "log", f"{plural(load.position, 'event')}; {f'tables are {lag:,} behind' if lag else 'tables are up to it'}"
    )
    if load.append_s is not None:
        median, most = (duration(seconds * 1e3) for seconds in load.append_s)
        rows.add_row("appends", f"of the latest facts half were recorded within {median}, 95 % within {most}")
    for number, each in enumerate(load.engines):
        heard = f"heard of {each.unheard_s:.0f} s ago"
        drives = f"drives {plural(each.runs, 'run')}, since {moment(each.since)}"
        told = f"last {heard}, it may be gone; {drives}" if each.silent else f"{drives}, {heard}"
        rows.add_row("" if number else "engines", f"{each.name}: {told}", style="yellow" if each.silent else "")
    if not load.engines:
        rows.add_row("engines", "none")
    rows.add_row("runs", _counts(load.runs))
    rows.add_row("steps", _counts(load.steps))
    on = [each for each in found.automations if each.is_on]
    latest = max((each.at for each in on if each.at is not None), default=None)
    if found.automations:
        last = "" if latest is None else f"; last something came of it at {moment(latest)}"
        rows.add_row("by itself", f"{len(on):,} of {len(found.automations):,} on{last}")
    if found.store is not None:
        rows.add_row("store", f"{found.store.free / _GIB:,.1f} of {found.store.total / _GIB:,.1f} GiB are free")
    out.print(rows)
    for problem in found.problems:
        out.print(problem, style="yellow")


def _counts(counts: Any) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in counts.items() if count) or "none under way"
