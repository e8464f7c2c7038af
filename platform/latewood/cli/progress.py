"""The display of a run: one line per task, redrawn on a terminal while it goes on, and a table when it has ended."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from latewood.cli.output import duration, metadata_text
from latewood.cli.wording import notice_text
from latewood.decide.plan import Plan
from latewood.engine.running.reports import Begun, Notice, Report
from latewood.events import Action
from latewood.model.partitions import count

_LINES_MAX: Final = 24
_FAILURES_MAX: Final = 20
_PARTITIONS_MAX: Final = 3
"""Failures of one asset that are told; of hundreds of partitions the first ones tell most."""


class Line:
    """Progress of one task."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.total = 0
        self.steps = 0
        self.fresh = 0
        self.done = {"succeeded": 0, "reused": 0, "failed": 0, "skipped": 0}
        self.refused: set[int] = set()
        self.warned = 0
        self.elements = 0
        self.spent_ms = 0.0
        self.note = ""
        self.empty = ""

    @property
    def ended(self) -> int:
        """How many of its steps have."""
        return sum(self.done.values())

    @property
    def there(self) -> int:
        """How many partitions are as was asked for: what is refused was made for nothing."""
        return self.fresh + self.done["succeeded"] + self.done["reused"] - len(self.refused)

    @property
    def far(self) -> str:
        """How far it has come, if it is in the middle of something."""
        if self.elements and self.ended < self.steps:
            return f"{self.elements:,} elements"
        return f"{self.ended:,} of {self.steps:,}" if 0 < self.ended < self.steps else ""

    def count(self, report: Report) -> None:
        """Count a step that ended, or what else was told of it; of an element, which is a part of a step."""
        if report.element_of is not None:
            self.elements += report.status in self.done
            return
        self.spent_ms += report.duration_ms
        if report.status in self.done:
            self.done[report.status] += 1
        if report.status == "succeeded":
            self.note = metadata_text(report.metadata, 2)
        if report.status == "refused":  # once, whatever refuses it
            self.refused.add(report.step)
        self.warned += report.status == "warned"


def lines_of(plan: Plan) -> dict[str, Line]:
    """A line for each task, by its first asset; all trials of a sweep in one."""
    lines: dict[str, Line] = {}
    for task in plan.tasks:
        fresh, blocked = len(task.ordinals(Action.FRESH)), len(task.ordinals(Action.BLOCKED))
        total = sum(len(group.ordinals) for group in task.groups) - fresh
        name = task.node.keys[0] + (f" +{len(task.node.keys) - 1}" if len(task.node.keys) > 1 else "")
        line = lines.setdefault(task.node.keys[0], Line(name))
        line.total += total
        line.steps += total - blocked
        line.fresh += fresh
        there_are = count(task.node.assets[0].partitions, plan.state.now)
        line.empty = "none of its partitions" if there_are else "no partitions yet"
    return lines


def warning_facts(report: Report) -> str:
    """What a check that only warns has found, in parentheses."""
    return f" ({metadata_text(report.metadata)})" if report.status == "warned" and report.metadata else ""


class Progress:
    """Shows a run on a terminal while it goes on, if it is `live`; prints a summary table when it ends.

    And failures, unless they are `told` as they come. Reports may come from any thread.
    """

    def __init__(self, plan: Plan, out: Console, *, live: bool, told: bool = False) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._lines = lines_of(plan)
        self._failures: dict[tuple[str, str], list[Text]] = {}
        self._is_live = live
        self._is_told = told
        self._live = Live(console=out, refresh_per_second=8, transient=True, get_renderable=self._draw)

    def report(self, report: Report) -> None:
        """Count a step that ended."""
        with self._lock:
            self._lines[report.line].count(report)
            if report.status in ("failed", "refused", "warned"):
                glyph, style = ("▲", "yellow") if report.status == "warned" else ("✕", "red")
                said = f"{glyph} {report.named}: {report.message}{warning_facts(report)}"
                self._failures.setdefault((glyph, report.line), []).append(Text(said, style=style))

    def notice(self, notice: Notice) -> None:
        """Say above the display what concerns the run as a whole, at once."""
        if not isinstance(notice, Begun):
            with suppress(BrokenPipeError):
                self._out.print(Text(notice_text(notice), style="yellow"))

    def __enter__(self) -> Self:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, type_: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._is_live:
            self._live.stop()
        if type_ is None or type_ is KeyboardInterrupt:
            self._out.print(self._table(only_active=False))
            for failure in () if self._is_told else self._told():
                self._out.print(failure)

    def _draw(self) -> Group:
        with self._lock:
            return Group(self._table(only_active=True), *self._told()[-3:])

    def _told(self) -> list[Text]:
        """The first failures of each asset, and how many more there are."""
        told = []
        for (glyph, asset), failures in self._failures.items():
            told += failures[:_PARTITIONS_MAX]
            if more := len(failures[_PARTITIONS_MAX:]):
                told.append(Text(f"{glyph} {asset}: … and {more:,} more", style=failures[0].style))
        if more := len(told[_FAILURES_MAX:]):
            told[_FAILURES_MAX:] = [Text(f"… and {more:,} more", style="red")]
        return told

    def _table(self, *, only_active: bool) -> Table:
        rows = Table.grid(padding=(0, 2, 0, 0))
        lines = list(self._lines.values())
        if only_active and len(lines) > _LINES_MAX:
            lines = [line for line in lines if 0 < line.ended < line.total] or lines
        for line in lines[: _LINES_MAX if only_active else 200]:
            rows.add_row(line.name, *self._cells(line))
        if len(lines) > (_LINES_MAX if only_active else 200):
            rows.add_row(f"… {len(lines):,} in all")
        return rows

    def _cells(self, line: Line) -> list[Text | ProgressBar]:
        if not line.total and not line.fresh:
            return [Text(line.empty, style="dim"), Text(), Text()]
        if not line.total:
            return [Text("fresh", style="green"), Text(f"{line.fresh:,}/{line.fresh:,}"), Text("reused", style="cyan")]
        total = line.total + line.fresh
        bar = ProgressBar(total=total, completed=line.ended + line.fresh, width=20)
        counts = Text(f"{line.there:,}/{total:,}")
        words = []
        if line.done["reused"] or line.fresh:
            words.append(f"reused {line.done['reused'] + line.fresh:,}")
        if line.done["failed"]:
            words.append(f"failed {line.done['failed']:,}")
        if line.refused:
            words.append(f"refused {len(line.refused):,}")
        if line.warned:
            words.append(f"warned {line.warned:,}")
        if line.done["skipped"]:
            words.append(f"skipped {line.done['skipped']:,}")
        if line.elements and line.ended < line.total:
            words.append(f"elements {line.elements:,}")
        if line.spent_ms:
            words.append(duration(line.spent_ms))
        if line.note:
            words.append(line.note if total == 1 else f"last: {line.note}")
        style = "red" if line.done["failed"] or line.refused else ""
        return [bar, counts, Text("  ".join(words), style=style)]
