"""`latewood observe` and `latewood report`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from latewood.cli import exits
from latewood.cli.loading import load
from latewood.cli.opening import open_workspace
from latewood.cli.output import console, content_text, metadata_text, plural, print_json, table
from latewood.cli.wording import failure_text
from latewood.commands.deploying import deploy_loaded
from latewood.commands.observing import homes, observe, report
from latewood.commands.sightings import Observed, Seen
from latewood.commands.views import view_of
from latewood.commands.workspace import Workspace
from latewood.engine.loading.loaded import Loaded
from latewood.engine.storage.caches import caches_in_use
from latewood.errors import UsageError
from latewood.model.keys import AssetKey


def observe_command(
    *,
    selection: str,
    file: Path | None,
    module: str | None,
    location: str | None,
    partition: str,
    environment: str | None,
    json_: bool,
) -> int:
    """Let observers look."""
    workspace = open_workspace(environment=environment)
    loaded = load(workspace, file, module, location, meant=lambda: homes(workspace, selection))
    if loaded.apart:
        return show_observed(_observe_apart(workspace, loaded, selection, partition), json_=json_)
    return show_observed(observe(workspace, loaded, selection, partition=partition), json_=json_)


def _observe_apart(workspace: Workspace, loaded: Loaded, selection: str, partition: str) -> Observed:
    """The same by a process of the location, whose code it has as it is deployed with that.

    Raises as `observe` does, and where it cannot be started.
    """
    from latewood.serving.crews import Crews
    from latewood.serving.observing import observe_by

    deploy_loaded(workspace, loaded)
    with caches_in_use(workspace.home.absolute()):  # the code that runs lies there
        crew = Crews().of_location(workspace, view_of(workspace), loaded.location)
        if crew.broken is not None:
            raise crew.broken
        with crew.worker(os.environ) as worker:
            worker.start()
            done = observe_by(worker.ask, workspace, loaded.location, selection, partition)
            worker.close()
            return done


def report_command(
    *, key: str, data_version: str, metadata: Sequence[str], partition: str, environment: str | None, json_: bool
) -> int:
    """Record what a tool outside says."""
    workspace = open_workspace(environment=environment)
    given = dict(map(metadata_entry, metadata))
    return show_observed(
        report(workspace, key, data_version=data_version, partition=partition, metadata=given), json_=json_
    )


def metadata_entry(text: str) -> tuple[str, Any]:
    """`rows=12` and `source=till`: what is JSON is read as that."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f'metadata "{text}": expected NAME=VALUE')
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value


def show_observed(done: Observed, *, json_: bool) -> int:
    """What was seen, and what was not; 1 where a look failed, or a blocking check."""
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
    _print_seen(out, done.seen)
    for failed in done.unseen:
        name = f"{failed.key} {failed.partition}".rstrip()
        out.print(f"{name}: {failed.failure.error}: {failed.failure.message}", style="red")
        if failed.failure.traceback:
            out.print(failed.failure.traceback, style="dim")
    for found in done.not_passed:
        name = f"{found.key} {found.verdict.partition}".rstrip()
        out.print(f"{name}: {failure_text(found.verdict)}", style="red" if found.verdict.blocking else "yellow")
    new = sum(not seen.before for seen in done.seen)
    changed = sum(seen.is_new for seen in done.seen) - new
    counts = [plural(len(done.seen), "observation"), f"{new:,} new", *([f"{changed:,} changed"] if changed else [])]
    out.print(f"{', '.join(counts)}, at position {done.position:,}", style="dim")
    if done.printed:
        out.print(f"`latewood logs {done.observation}` has what was printed", style="dim")
    return code


_SHOWN = 20
"""Rows on a terminal; elsewhere there is room for all."""


def _print_seen(out: Console, seen: Sequence[Seen]) -> None:
    """What is new or changed, one by one, then what is as before: of an asset with many such partitions in one row."""
    other = [one for one in seen if one.is_new]
    shown = other[:_SHOWN] if out.is_terminal else other
    rows = table("asset", "partition", "data version", "", spare=("partition",))
    for one in shown:
        word = "changed" if one.before else "new"
        rows.add_row(one.key, one.partition, content_text(one.data_version), f"{word} {metadata_text(one.metadata)}")
    if left := len(other) - len(shown):
        rows.add_row("", f"and {left:,} more", "", "new or changed; --json lists each")
    same: dict[AssetKey, list[Seen]] = {}
    for one in seen:
        if not one.is_new:
            same.setdefault(one.key, []).append(one)
    for key, ones in same.items():
        first, last = ones[0], ones[-1]
        if first is last:
            content, what = content_text(first.data_version), f"as before {metadata_text(first.metadata)}"
            rows.add_row(key, first.partition, content, what)
        else:
            rows.add_row(key, f"{first.partition}..{last.partition}", "", f"{plural(len(ones), 'partition')} as before")
    if seen:
        out.print(rows)
