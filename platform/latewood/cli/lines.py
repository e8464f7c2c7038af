"""A run as plain lines on standard error, where no terminal shows it live: for logs of CI, say."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self, TextIO

import click

from latewood.cli.output import duration
from latewood.cli.progress import Line, lines_of, warning_facts
from latewood.cli.wording import notice_text
from latewood.decide.plan import Plan
from latewood.engine.running.reports import Begun, Notice, Report

_SILENCE_S: Final = 30.0
"""Longest time without a line; systems of CI end jobs that are silent for some minutes."""

_TOLD_MAX: Final = 3
"""Failures of one asset that are told; of hundreds of partitions the first ones tell most."""

_TOLD = ("failed", "refused", "retrying", "warned")


def warner() -> Callable[[Notice], None]:
    """Says on standard error what a run should not pass over in silence: on that of now, not a captured one."""
    stream = sys.stderr

    def say(notice: Notice) -> None:
        if not isinstance(notice, Begun):
            _write(stream, notice_text(notice), "yellow")

    return say


def _write(stream: TextIO, text: str, colour: str | None = None) -> None:
    with suppress(BrokenPipeError):  # that nobody listens does not end the run
        click.secho(text, fg=colour, file=stream)
        stream.flush()


class Lines:
    """Tells the run's id first, each task once its last step has ended, failures at once, and breaks long silences.

    Where a `table` of the tasks follows they are left to it, and messages are whole. Reports may come from any thread.
    Cost: a line for each task, not for each partition.
    """

    def __init__(
        self,
        plan: Plan,
        stream: TextIO,
        *,
        table: bool = False,
        clock: Callable[[], float] = time.monotonic,
        silence: float = _SILENCE_S,
    ) -> None:
        self._stream = stream
        self._table = table
        self._clock = clock
        self._silence = silence
        self._lines = lines_of(plan)
        self._steps = plan.length
        self._ended = 0
        self._told: Counter[tuple[str, str]] = Counter()
        self._run = ""
        self._lock = threading.Lock()
        self._started = self._last = clock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._break_silences, daemon=True)

    def report(self, report: Report) -> None:
        """Count a step that ended."""
        with self._lock:
            line = self._lines[report.line]
            line.count(report)
            if report.status in _TOLD:
                self._tell(report)
            if report.status in line.done and report.element_of is None:
                self._ended += 1
                if line.ended == line.steps and not self._table:
                    self._say(_ended_text(line))

    def notice(self, notice: Notice) -> None:
        """Say what concerns the run as a whole."""
        with self._lock:
            if isinstance(notice, Begun):
                self._run = notice.run
                self._say(notice_text(notice))
            else:
                self._say(notice_text(notice), "yellow")

    def beat(self) -> float:
        """Say how far the run is, if nothing was said for long; in how many seconds to ask again."""
        with self._lock:
            due = self._last + self._silence - self._clock()
            if due > 0:
                return due
            within = next((f"; {line.name} {far}" for line in self._lines.values() if (far := line.far)), "")
            after = duration((self._clock() - self._started) * 1_000)
            self._say(f"{self._ended:,} of {self._steps:,} steps have ended after {after}{within}")
            return self._silence

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, type_: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if type_ is None and not self._table:  # a run that was cancelled has tasks that are not through
            for line in self._lines.values():
                if 0 < line.ended < line.steps:
                    self._say(f"{_ended_text(line)}, of {line.steps:,}")

    def _break_silences(self) -> None:
        while not self._over.wait(self.beat()):
            pass

    def _tell(self, report: Report) -> None:
        asset = report.line
        self._told[report.status, asset] += 1
        told = self._told[report.status, asset]
        if told <= _TOLD_MAX:
            colour = "red" if report.status in ("failed", "refused") else "yellow"
            first, *more = f"{report.message}{warning_facts(report)}".splitlines() or [""]
            rest = "".join(f"\n  {line}" for line in more) if self._table else " …" if more else ""
            self._say(f"{report.status}: {report.named}: {first}{rest}", colour)
        elif told == _TOLD_MAX + 1:
            self._say(f"{report.status}: {asset}: more of it; see `latewood run {self._run}`")

    def _say(self, text: str, colour: str | None = None) -> None:
        _write(self._stream, text, colour)
        self._last = self._clock()


def _ended_text(line: Line) -> str:
    """`flights/daily  300 run, 65 reused in 2.1 s`, or with what is known of it, `336,776 rows`."""
    done = line.done
    reused = done["reused"] + line.fresh
    counts = {"run": done["succeeded"], "reused": reused, "failed": done["failed"], "skipped": done["skipped"]}
    parts = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    spent = f" in {duration(line.spent_ms)}" if line.spent_ms else ""
    note = f"  {line.note}" if line.note and line.steps == 1 else ""
    return f"{line.name}  {parts}{spent}{note}"
