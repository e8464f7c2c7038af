"""`latewood observe` and `latewood report`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from latewood.cli import exits
from latewood.cli.loading import load
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, content_text, metadata_text, plural, print_json, table
from latewood.cli.wording import failure_text
from latewood.commands.observing import Observed, homes, observe, report
from latewood.errors import UsageError


def observe_command(
    *, selection: str, file: Path | None, module: str | None, partition: str, environment: str | None, json_: bool
) -> int:
    """Let observers look."""
    workspace = open_workspace(environment=environment)
    loaded = load(workspace, file, module, meant=lambda: homes(workspace, selection))
    done = observe(workspace, loaded, selection, partition=partition)
    return _told(done, json_=json_)


def report_command(
    *, key: str, data_version: str, metadata: Sequence[str], partition: str, environment: str | None, json_: bool
) -> int:
    """Record what a tool outside says."""
    workspace = open_workspace(environment=environment)
    given = dict(map(_entry, metadata))
    return _told(report(workspace, key, data_version=data_version, partition=partition, metadata=given), json_=json_)


def _entry(text: str) -> tuple[str, Any]:
    """`rows=12` and `source=till`: what is JSON is read as that."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f'metadata "{text}": expected NAME=VALUE')
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value


def _told(done: Observed, *, json_: bool) -> int:
    refused = any(found.verdict.blocking for found in done.not_passed)
    code = exits.STEP_FAILED if done.unseen or refused else exits.OK
    if json_:
        observed = [
            {
                "asset": seen.key,
                "partition": seen.partition,
                "data_version": seen.data_version,
                "before": seen.before,
                "metadata": seen.metadata,
            }
            for seen in done.seen
        ]
        unseen = [
            {"asset": f.key, "partition": f.partition, "error": f.failure.error, "message": f.failure.message}
            for f in done.unseen
        ]
        not_passed = [
            {
                "asset": found.key,
                "partition": found.verdict.partition,
                "check": found.verdict.check,
                "blocking": found.verdict.blocking,
                "message": found.verdict.message,
                "metadata": found.verdict.metadata,
            }
            for found in done.not_passed
        ]
        print_json(
            {
                "observation": done.observation,
                "position": done.position,
                "observed": observed,
                "failed": unseen,
                "not_passed": not_passed,
            }
        )
        return code
    out = console()
    rows = table("asset", "partition", "data version", "", spare=("partition",))
    for seen in done.seen[-_SHOWN:]:
        word = "new" if seen.is_new else "as before"
        rows.add_row(
            seen.key, seen.partition, content_text(seen.data_version), " ".join((word, metadata_text(seen.metadata)))
        )
    out.print(rows)
    for failed in done.unseen:
        name = f"{failed.key} {failed.partition}".rstrip()
        out.print(f"{name}: {failed.failure.error}: {failed.failure.message}", style="red")
        if failed.failure.traceback:
            out.print(failed.failure.traceback, style="dim")
    for found in done.not_passed:
        name = f"{found.key} {found.verdict.partition}".rstrip()
        out.print(f"{name}: {failure_text(found.verdict)}", style="red" if found.verdict.blocking else "yellow")
    new = sum(seen.is_new for seen in done.seen)
    out.print(f"{plural(len(done.seen), 'observation')}, {new:,} new, at position {done.position:,}", style="dim")
    if done.printed:
        out.print(f"`latewood logs {done.observation}` has what was printed", style="dim")
    return code


_SHOWN = 20
