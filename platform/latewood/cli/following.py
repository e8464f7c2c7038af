"""A run that engines drive, as it goes on: live on a terminal, in lines elsewhere; and how far one is by now."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final, Protocol

import click
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from latewood.cli import exits
from latewood.cli.output import STATUS_STYLE, console, duration, plural, print_json, short, table
from latewood.cli.runs import counts_text, run_json, run_status
from latewood.cli.wording import failure_text
from latewood.commands.blocked import blocked_lines
from latewood.commands.run_progress import WatchedRun
from latewood.commands.runs import run_named
from latewood.commands.workspace import Workspace
from latewood.decide.how_far import NOT_BEGUN, TaskSteps
from latewood.decide.plan import Plan
from latewood.engine.running.job_told import LiveJob
from latewood.engine.running.run_log import patiently
from latewood.events import StepFailed
from latewood.model.keys import AssetKey, RunId
from latewood.projections.runs import RunRow
from latewood.serving.requesting import engines

_LOOK_S: Final = 0.5
"""How often a run is looked at; at most a tenth of the time, however large it is."""

_SILENCE_S: Final = 30.0
"""Longest time without a line, where no terminal shows it."""

_RANGES_SHOWN: Final = 20
_TASKS_SHOWN: Final = 24
_JOBS_SHOWN: Final = 5

NO_ENGINE: Final = "No engine is running: start one, `latewood engine`, and it drives it."

_CODES: Final = {"succeeded": exits.OK, "cancelled": exits.CANCELLED}


class ShownTask(Protocol):
    """How the steps of one task stand."""

    @property
    def assets(self) -> tuple[AssetKey, ...]:
        """What it makes."""
        ...

    @property
    def steps(self) -> TaskSteps:
        """Its steps, by status."""
        ...

    def partitions(self, status: str, ranges_max: int | None = None) -> str:
        """Of which partitions they are, in words; empty where there are none."""
        ...

    def is_cut(self, status: str, ranges_max: int) -> bool:
        """Whether these are more ranges than that."""
        ...


class Shown(Protocol):
    """How far a run is, as it is shown, wherever that is known from."""

    @property
    def row(self) -> RunRow:
        """The run."""
        ...

    @property
    def tasks(self) -> Sequence[ShownTask]:
        """Its tasks, in the order of the plan."""
        ...

    @property
    def rate(self) -> float:
        """How many steps end in a second now."""
        ...

    @property
    def left(self) -> timedelta | None:
        """How long the rest takes at that pace."""
        ...

    @property
    def failures(self) -> Sequence[tuple[AssetKey, StepFailed]]:
        """The first failures, each with the key of the step's first asset."""
        ...

    @property
    def total(self) -> int:
        """How many steps it has."""
        ...

    @property
    def ended(self) -> int:
        """How many of them have ended."""
        ...


def follow(
    workspace: Workspace,
    run: RunId,
    *,
    json_: bool,
    quiet: bool = False,
) -> int:
    """Show the run until it has ended; exit code as if it had been run here. Ctrl-C only ends the watching."""
    watched = WatchedRun(workspace, run_named(workspace, run))
    looks = _looks(workspace, watched)
    return follow_looks(looks, run, is_served=lambda: bool(engines(workspace)), json_=json_, quiet=quiet)


def follow_looks(
    looks: Iterator[Shown], run: str, *, is_served: Callable[[], bool], json_: bool, quiet: bool = False
) -> int:
    """The same of looks at it, of which the last one is at its end."""
    live = console().is_terminal and not json_ and not quiet
    try:
        found = _watch_live(looks, is_served) if live else _watch(looks, is_served, quiet=quiet)
    except KeyboardInterrupt:
        click.echo(f"run {run} goes on; `latewood run cancel {run}` ends it", err=True)
        return exits.CANCELLED
    if json_:
        print_json({**run_json(found.row), **progress_json(found)})
    else:
        out = console()
        out.print(progress_table(found))
        for failure in failure_lines(found):
            out.print(failure)
        seconds = ((found.row.ended_at or found.row.requested_at) - found.row.requested_at).total_seconds()
        line = f"run {run} {found.row.status}: {counts_text(found.row.counts or {})} in {duration(seconds * 1_000)}."
        more = "" if found.row.status == "succeeded" else f" See `latewood run {run}` and `latewood logs {run}`."
        out.print(line + more, style=STATUS_STYLE.get(found.row.status, ""))
    return _CODES.get(found.row.status, exits.STEP_FAILED)


def _looks(workspace: Workspace, watched: WatchedRun) -> Iterator[Shown]:
    """The run again and again, up to its end; a database that is away is waited for."""
    while True:
        begun = time.monotonic()
        found = patiently(watched.look)
        yield found
        if found.row.ended_position is not None or found.row.status == "interrupted":
            return
        workspace.sleep(max(_LOOK_S, 10 * (time.monotonic() - begun)))


def _watch_live(looks: Iterator[Shown], is_served: Callable[[], bool]) -> Shown:
    drawn: list[Shown] = []
    shown = Live(
        console=console(),
        refresh_per_second=4,
        transient=True,
        get_renderable=lambda: _drawn(drawn[-1]) if drawn else Text(""),
    )
    with shown:
        for found in looks:
            drawn[:] = [found]
            if found.row.status == "queued" and not is_served():
                shown.console.print(Text(NO_ENGINE, style="yellow"))
    return drawn[-1]


def _drawn(found: Shown) -> Group:
    return Group(progress_table(found, tasks_max=_TASKS_SHOWN), *failure_lines(found), Text(how_far(found)))


def _watch(looks: Iterator[Shown], is_served: Callable[[], bool], *, quiet: bool) -> Shown:
    say = Told(sys.stderr.write if not quiet else lambda _: 0)
    last: Shown | None = None
    for found in looks:
        if last is None and found.row.status == "queued" and not is_served():
            click.secho(NO_ENGINE, fg="yellow", err=True)
        say.look(found)
        last = found
    assert last is not None, "it was looked at once"
    return last


class Told:
    """Says each task once its last step has ended, and breaks long silences."""

    def __init__(self, write: Callable[[str], Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._told: set[str] = set()
        self._last = clock()

    def look(self, found: Shown) -> None:
        """What is to be said by now."""
        for task in found.tasks:
            if task.steps.ended == task.steps.total and task.assets[0] not in self._told:
                self._told.add(task.assets[0])
                counts = ", ".join(f"{count:,} {status}" for status, count in task.steps.counts.items())
                self._say(f"{task.assets[0]}  {counts}")
        if self._clock() - self._last >= _SILENCE_S:
            self._say(how_far(found))

    def _say(self, text: str) -> None:
        self._write(text + "\n")
        self._last = self._clock()


def failure_lines(found: Shown) -> list[Text]:
    """The first failures, a line each."""
    return [
        Text(f"✕ {f'{key} {fact.partition}'.rstrip()}: {short(failure_text(fact), 160)}", style="red")
        for key, fact in found.failures
    ]


def job_lines(found: Sequence[tuple[int, LiveJob]]) -> Iterator[str]:
    """The jobs in other systems that are under way, by step, of many the first ones."""
    for step, job in found[:_JOBS_SHOWN]:
        done = "" if job.progress is None else f"{job.progress:.0%}"
        said = f"cannot be asked now: {job.unreachable}" if job.unreachable else job.message
        of = f"step {step:,} is job {job.handle or '(not submitted yet)'} of {job.connector}"
        yield ", ".join(filter(None, [of, job.state.value, done, *job.links.values(), short(said, 120)]))
    if more := found[_JOBS_SHOWN:]:
        yield f"{plural(len(more), 'job')} more; `latewood why RUN STEP` tells of each"


def how_far(found: Shown) -> str:
    """How many steps have ended, how fast that goes, and how long the rest takes, in a line."""
    line = f"{run_status(found.row)}: {found.ended:,} of {plural(found.total, 'step')} have ended"
    if found.left is None:
        return line
    return f"{line}, {found.rate:,.1f} a second; about {duration(found.left.total_seconds() * 1_000)} left"


def progress_table(found: Shown, *, tasks_max: int | None = None) -> Table:
    """The steps by task and status, with the partitions they are of. Of many tasks those that are under way."""
    rows = table("asset", "status", "steps", "partitions", right=("steps",))
    tasks = list(found.tasks)
    if tasks_max is not None and len(tasks) > tasks_max:
        tasks = [task for task in tasks if 0 < task.steps.ended < task.steps.total][:tasks_max] or tasks[:tasks_max]
    for task in tasks:
        name = task.assets[0] + (f" +{len(task.assets) - 1}" if len(task.assets) > 1 else "")
        for status, count in task.steps.counts.items():
            partitions = short(task.partitions(status, _RANGES_SHOWN), 80)
            more = ", …" if task.is_cut(status, _RANGES_SHOWN) else ""
            rows.add_row(name, status, f"{count:,}", partitions + more, style=STATUS_STYLE.get(status, ""))
            name = ""
    if len(tasks) < len(found.tasks):
        rows.add_row(f"… {len(found.tasks):,} in all")
    return rows


def not_begun_lines(found: Shown) -> Iterator[str]:
    """What a run that was ended before it was finished never began, a line for each task, of many the first ones."""
    left = [task for task in found.tasks if NOT_BEGUN in task.steps.counts]
    for task in left[:_TASKS_SHOWN]:
        more = ", …" if task.is_cut(NOT_BEGUN, _RANGES_SHOWN) else ""
        partitions = task.partitions(NOT_BEGUN, _RANGES_SHOWN) + more
        steps = plural(task.steps.counts[NOT_BEGUN], "step")
        yield " ".join(filter(None, (f"{NOT_BEGUN}:", *task.assets[:1], partitions, f"({steps})")))
    if rest := left[_TASKS_SHOWN:]:
        yield f"{NOT_BEGUN}: {plural(sum(task.steps.counts[NOT_BEGUN] for task in rest), 'step')} of {len(rest):,} more"


def progress_json(found: Shown) -> dict[str, Any]:
    """The same for machines, with all ranges."""
    return {
        "progress": [
            {
                "assets": task.assets,
                "status": status,
                "steps": count,
                "partitions": task.partitions(status),
            }
            for task in found.tasks
            for status, count in task.steps.counts.items()
        ],
        "steps_total": found.total,
        "steps_ended": found.ended,
        "steps_per_second": found.rate,
        "left_s": None if found.left is None else found.left.total_seconds(),
    }


def say_nothing_to_do(plan: Plan) -> None:
    """Why there is no run."""
    left_out = blocked_lines(plan)
    for left in left_out:
        console().print(f"left out: {left.line}", style="yellow")
    console().print(nothing_to_do(selected=bool(plan.tasks), left_out=bool(left_out)))


def nothing_to_do(*, selected: bool, left_out: bool) -> str:
    """Why there is no run, as a sentence."""
    if not selected:
        return "Nothing was selected."
    but = "but for what is left out, " if left_out else ""
    return f"Nothing is to be run: {but}what was selected is up to date with its inputs."
