"""`latewood logs`: what steps, and those who looked, printed and logged; also while they are at it."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

import click

from latewood.cli import exits
from latewood.cli.history import ALIKE_SHOWN, Steps, apart_from, steps_of_run
from latewood.cli.opening import open_workspace
from latewood.cli.output import console
from latewood.commands.explaining import run_events
from latewood.commands.run_progress import WatchedRun
from latewood.commands.runs import Observation, recorded_as, run_named
from latewood.commands.workspace import Workspace
from latewood.engine.running.live_logs import live_log, printed_so_far
from latewood.engine.storage.store import ArtifactAddress
from latewood.errors import UsageError
from latewood.events import CheckEvaluated, ObservationFailed, StepFailed, StepSucceeded
from latewood.model.keys import RunId
from latewood.projections.runs import RunRow, StepRow, steps_of
from latewood.projections.snapshots import snapshot

_LOOK_S: Final = 0.25


def logs_command(*, run_id: str, step: int | None, follow: bool) -> int:
    """Print captured output and tracebacks; of a whole run each line after the step that it is from.

    Of a step that an engine runs now, what it has printed by now; or with `follow` until it has ended.
    """
    workspace = open_workspace()
    row = recorded_as(workspace, run_id)
    if follow and step is None:
        raise UsageError("expected a step to follow, as in `latewood logs RUN STEP --follow`; found none")
    if isinstance(row, Observation):
        return _print_looks(workspace, row, step)
    if follow and row.ended_position is None and step is not None:
        return _follow(workspace, row, step)
    found = steps_of_run(workspace, row)
    going_on = (entry for entry in found.rows if step in (None, entry.step) and entry.status == "running")
    return show_logs(
        row.run,
        step,
        found,
        (fact for _, fact in run_events(workspace, row.run)),
        lambda fact: _printed(workspace, fact),
        ((entry, printed_so_far(live_log(workspace.store, row.run, entry.step, entry.attempt))) for entry in going_on),
    )


Ended = StepSucceeded | StepFailed | CheckEvaluated


def show_logs(
    run: str,
    step: int | None,
    found: Steps,
    facts: Iterable[Any],
    printed: Callable[[Ended], str],
    going_on: Iterable[tuple[StepRow, str]],
) -> int:
    """Print what is `printed` of the facts of a run or of one step, and of what is going on; exit code."""
    steps, names = found.rows, found.names
    partitions = {entry.step: entry.partition for entry in steps}
    made = {entry.step: " ".join((*names[entry.step][:1], entry.partition)).rstrip() for entry in steps}
    if step is not None and step not in made:
        known = f"steps {min(made):,} to {max(made):,}" if made else "none yet"
        raise UsageError(f"run {run} has no step {step:,}, but {known}")
    out = console()
    quiet = True
    alike: Counter[tuple[str, str]] = Counter()
    for fact in facts:
        if not isinstance(fact, Ended) or step not in (None, fact.step):
            continue
        text = printed(fact)
        if isinstance(fact, CheckEvaluated):
            attempt = f" check {fact.check}"
        else:
            attempt = f" attempt {fact.attempt}" if fact.attempt > 1 else ""
        if step is None and not isinstance(fact, StepSucceeded):
            asset, partition = made[fact.step].partition(" ")[0], partitions[fact.step]
            alike[asset, said := apart_from(partition, text)] += bool(text)
            if alike[asset, said] > ALIKE_SHOWN:
                continue
        quiet &= not _print_lines(f"{fact.step} {made[fact.step]}{attempt} | " if step is None else "", text)
    for entry, text in going_on:
        quiet &= not _print_lines(f"{entry.step} {made[entry.step]} | " if step is None else "", text)
    for (asset, _), times in alike.items():
        if more := max(0, times - ALIKE_SHOWN):
            out.print(f"{asset}: … and {more:,} more alike; `latewood logs {run} STEP` prints one", style="dim")
    if quiet:
        subject = f"run {run}" if step is None else f"step {step} of run {run}, {made[step]},"
        click.echo(f"{subject} printed and logged nothing", err=True)
    return exits.OK


def _printed(workspace: Workspace, fact: Ended) -> str:
    """What was printed and logged, and the traceback of what failed."""
    text = workspace.store.read(ArtifactAddress(fact.logs)).decode() if fact.logs else ""
    if isinstance(fact, StepSucceeded) or fact.failure is None:
        return text
    return text + (fact.failure.traceback or f"{fact.failure.error}: {fact.failure.message}\n")


def _follow(workspace: Workspace, row: RunRow, step: int) -> int:
    """Print what a step of a run that goes on prints, attempt by attempt, until it has ended. Ctrl-C ends that only."""
    total = WatchedRun(workspace, row).look().total
    if step >= total:
        raise UsageError(f"run {row.run} has no step {step:,}, but steps 0 to {total - 1:,}")
    shown = _Shown()
    try:
        while not _look_on(workspace, row.run, step, shown):
            workspace.sleep(_LOOK_S)
    except KeyboardInterrupt:
        return exits.CANCELLED
    return exits.OK


def _look_on(workspace: Workspace, run: RunId, step: int, shown: "_Shown") -> bool:
    """Print what came since; whether the step has ended."""
    with snapshot(workspace.log) as connection:
        found = steps_of(connection, workspace.project, run, after=step - 1, limit=1)
    entry = found[0] if found and found[0].step == step else None
    if entry is not None and entry.status == "running":
        if entry.attempt > 1 and entry.attempt not in shown.lengths:
            _flush(workspace, run, step, shown)  # the end of the attempts before
        shown.print(entry.attempt, printed_so_far(live_log(workspace.store, run, step, entry.attempt)))
        return False
    is_over = run_named(workspace, run).ended_position is not None
    if entry is None or entry.status == "retrying":
        return is_over
    _flush(workspace, run, step, shown)
    return True


def _flush(workspace: Workspace, run: RunId, step: int, shown: "_Shown") -> None:
    for _, fact in run_events(workspace, run):
        if isinstance(fact, StepSucceeded | StepFailed) and fact.step == step:
            shown.print(fact.attempt, _printed(workspace, fact))


class _Shown:
    """What was printed of each attempt by now, as the number of characters."""

    def __init__(self) -> None:
        self.lengths: dict[int, int] = {}

    def print(self, attempt: int, text: str) -> None:
        """Print what is new of it."""
        if attempt not in self.lengths and attempt > 1:
            click.echo(f"attempt {attempt}", err=True)
        click.echo(text[self.lengths.get(attempt, 0) :], nl=False)
        self.lengths[attempt] = max(len(text), self.lengths.get(attempt, 0))


def _print_lines(label: str, text: str) -> bool:
    """Print each line behind the label; whether there are any."""
    out = console()
    for line in text.rstrip("\n").split("\n") if text else ():
        out.print(f"{label}{line}")
    return bool(text)


def _print_looks(workspace: Workspace, observation: Observation, step: int | None) -> int:
    """What was printed while each asset partition was looked at."""
    looks = [look for look in observation.looks if step in (None, look.step)]
    if not looks:
        last = observation.looks[-1].step
        raise UsageError(f"{observation.id} is {observation.called}, and has no look {step:,}, but looks 0 to {last:,}")
    quiet = True
    for look in looks:
        fact = look.fact
        text = workspace.store.read(ArtifactAddress(fact.logs)).decode() if fact.logs else ""
        if isinstance(fact, ObservationFailed):
            text += fact.failure.traceback or f"{fact.failure.error}: {fact.failure.message}\n"
        label = f"{look.step} {f'{look.key} {fact.partition}'.rstrip()} | " if step is None else ""
        for line in text.rstrip("\n").split("\n") if text else ():
            console().print(f"{label}{line}")
            quiet = False
    if quiet:
        click.echo(f"{observation.id}, {observation.called}, printed and logged nothing", err=True)
    return exits.OK
