"""Printing: one console, tables without frames, JSON for machines, and how numbers and times are written."""

import sys
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

STATUS_STYLE = {
    "fresh": "green",
    "stale": "yellow",
    "missing": "dim",
    "failed": "red",
    "running": "blue",
    "succeeded": "green",
    "reused": "cyan",
    "skipped": "dim",
    "retrying": "yellow",
    "cancelled": "yellow",
    "interrupted": "yellow",
}
STATUS_GLYPH = {"fresh": "●", "stale": "▲", "missing": "◌", "failed": "✕", "running": "▶", "succeeded": "●"}


class _Output(Console):
    """A console that leaves it to `latewood.cli.app` what a closed pipe means."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 - called by rich while it handles the BrokenPipeError


def console() -> Console:
    """Where people read: standard output, with no markup taken from values, and wide when it is no terminal."""
    wide = None if sys.stdout.isatty() else 160
    return _Output(highlight=False, markup=False, emoji=False, width=wide, soft_wrap=not sys.stdout.isatty())


def print_json(value: Any) -> None:
    """The value as one JSON document on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2).decode() + "\n")


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without frames; columns named in `right` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def number(value: float) -> str:
    """A number with thousands separators, without needless decimals."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def duration(ms: float) -> str:
    """A duration as people say it."""
    if ms < 1_000:
        return f"{ms:.0f} ms" if ms >= 1 else f"{ms:.1f} ms"
    seconds = ms / 1_000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def moment(at: datetime) -> str:
    """A time to the second, in the reader's zone."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 partition, 1,108 partitions."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def metadata_text(metadata: Any, limit: int = 4) -> str:
    """The first few facts about a result in one line."""
    shown = []
    for name, value in list(metadata.items())[:limit]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            shown.append(f"{name}={str(value)[:40]}")
        else:
            shown.append(
                f"{number(value)} {name}" if name in ("rows", "columns", "files") else f"{name}={number(value)}"
            )
    return ", ".join(shown)
