"""Printing: one console, tables without frames, JSON for machines, and how numbers and times are written."""

import re
import sys
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from math import isnan
from typing import Any

import msgspec
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

STATUS_STYLE = {
    "fresh": "green",
    "stale": "yellow",
    "missing": "dim",
    "absent": "dim",
    "failed": "red",
    "running": "blue",
    "succeeded": "green",
    "reused": "cyan",
    "refused": "red",
    "skipped": "dim",
    "retrying": "yellow",
    "cancelled": "yellow",
    "interrupted": "yellow",
    "not begun": "dim",
}
STATUS_GLYPH = {
    "fresh": "●",
    "stale": "▲",
    "missing": "◌",
    "absent": "○",
    "failed": "✕",
    "running": "▶",
    "succeeded": "●",
}


_WORD_MAX = 48  # a longer word may be broken; keys, ids and times are shorter and can be copied whole
_ENDLESS = 1_000_000  # wider than any line that is printed; rich wants a number
_DIGITS = 4  # of a number that is read by itself
_DIGITS_MAX = 17  # these tell any two floats apart
_EXACT = 2.0**53  # from here on floats are whole, and not all whole numbers are floats


class _Output(Console):
    """A console that fits tables to the terminal, and leaves it to `latewood.cli.app` what a closed pipe means."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 - called by rich while it handles the BrokenPipeError

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich does; a table is made to fit the terminal, and is as wide as its content where there is none."""
        if not isinstance(objects[0], Table):
            super().print(*objects, **options)
            return
        terminal = self.width
        self.width = self._fit(objects[0], terminal)
        with self.capture() as captured:
            super().print(*objects, **options)
        self.width = terminal
        text = captured.get()
        self.file.write(text if self.is_terminal else "".join(line.rstrip() + "\n" for line in text.splitlines()))

    def _fit(self, rows: Table, width: int) -> int:
        """Give columns their widths, breaking lines between words only; what is spare or empty goes, from the right.

        The width the table takes then: more than there is if its words need it, and the terminal wraps the line.
        """
        options = self.options.update(width=_ENDLESS)
        gap = rows.padding[1] + rows.padding[3]
        sizes: list[tuple[int, int]] = []
        for column in rows.columns:
            cells = [*column.cells, *([column.header] if rows.show_header else [])]
            measured = [Measurement.get(self, options, cell) for cell in cells]
            widest = max((size.maximum for size in measured), default=0)
            word = max((size.minimum for size in measured), default=0)
            sizes.append((widest if column.no_wrap else min(word, _WORD_MAX), widest))

        def total(cap: int) -> int:
            return sum(max(least, min(widest, cap)) + gap for least, widest in sizes) - gap

        for index in reversed(range(len(sizes))):
            column = rows.columns[index]
            if (column.header in getattr(rows, "spare", ()) or not any(column.cells)) and total(0) > width:
                del rows.columns[index], sizes[index]
        cap = next((cap for cap in chain((_ENDLESS,), range(width, 0, -1)) if total(cap) <= width), 0)
        for index, (column, (least, widest)) in enumerate(zip(rows.columns, sizes, strict=True)):
            column.width = max(least, min(widest, cap))
            column._index = index  # noqa: SLF001 - the last one has no gap, and rich counts when columns are added
        return total(cap)


def console() -> Console:
    """Where people read: standard output, with no markup taken from values, and no line broken but on a terminal.

    That of now: while a step runs, `sys.stdout` is where its prints are captured.
    """
    out = sys.stdout
    if out.isatty():
        return _Output(file=out, highlight=False, markup=False, emoji=False)
    # FORCE_COLOR would make it a terminal for rich, and TERM=dumb one of 80 columns.
    return _Output(
        file=out, highlight=False, markup=False, emoji=False, width=_ENDLESS, soft_wrap=True, force_terminal=False
    )


def print_json(value: Any) -> None:
    """The value as one JSON document on standard output."""
    encoded = msgspec.json.encode(value, order="deterministic", enc_hook=_written)
    sys.stdout.write(msgspec.json.format(encoded, indent=2).decode() + "\n")


class _Table(Table):
    """A table that knows which of its columns a narrow terminal can do without."""

    spare: tuple[str, ...] = ()


def _written(value: Any) -> str:
    """A value of a table that JSON has no form for; pandas' times are none of the standard library's."""
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def table(
    *columns: str, right: tuple[str, ...] = (), whole: tuple[str, ...] = (), spare: tuple[str, ...] = ()
) -> Table:
    """A table without frames. Columns in `right` hold numbers; they and those in `whole` are never broken.

    Where there is no room for all, columns in `spare` are left out.
    """
    made = _Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    made.spare = spare
    for column in columns:
        number = column in right
        made.add_column(
            column, justify="right" if number else "left", overflow="fold", no_wrap=number or column in whole
        )
    return made


def number(value: float, digits: int = _DIGITS) -> str:
    """A number with thousands separators, without needless decimals; of others so many digits, and at least one."""
    if isinstance(value, int):
        return f"{value:,}"
    if value.is_integer() and abs(value) < _EXACT:
        return f"{value:,.0f}"
    if 10 ** (_DIGITS - 1) <= abs(value) < _EXACT:
        return f"{value:,.{max(digits - len(str(int(abs(value)))), 1)}f}"
    return f"{value:,.{digits}g}"


def numbers(values: Sequence[float]) -> list[str]:
    """Numbers that are read beside each other: with as many digits as tell those apart that differ."""
    different = len({value for value in values if not isnan(value)})
    for digits in range(_DIGITS, _DIGITS_MAX + 1):
        texts = [number(value, digits) for value in values]
        if len({text for text, value in zip(texts, values, strict=True) if not isnan(value)}) == different:
            break
    return texts


def duration(ms: float) -> str:
    """A duration as people say it, here and in the web interface."""
    if ms < 999.5:
        return f"{ms:.1f} ms" if 0 < ms < 1 else f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1_000:.1f} s"
    minutes, seconds = divmod(round(ms / 1_000), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return f"{days} d {hours_left} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def moment(at: datetime) -> str:
    """A time to the second, in the reader's zone."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short(text: str, length: int) -> str:
    """The text; on a terminal as much of it as that, and a sign that there is more. Elsewhere nothing is cut."""
    return text if len(text) <= length or not sys.stdout.isatty() else f"{text[: length - 1]}…"


_DIGEST = re.compile(r"(.+:)([0-9a-f]{12})[0-9a-f]{4,}")


def content_text(version: str) -> str:
    """A data version, or the hash of a file, with as much of a digest as tells it from others; --json has all of it."""
    found = _DIGEST.fullmatch(version)
    return version if found is None else found[1] + found[2]


def plural(count: int, noun: str) -> str:
    """A count with its noun: 1 partition, 1,108 partitions."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def metadata_text(metadata: Any, limit: int = 4) -> str:
    """The first few facts about a result in one line."""
    shown = []
    for name, value in list(metadata.items())[:limit]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            shown.append(f"{name}={short(str(value), 40)}")
        else:
            shown.append(
                f"{number(value)} {name}" if name in ("rows", "columns", "files") else f"{name}={number(value)}"
            )
    return ", ".join(shown)


def value_text(value: Any) -> str:
    """As `--param` and `pin` take it: text as it is unless commas or quotes would part it, all else as JSON."""
    if isinstance(value, str) and not any(sign in value for sign in '",') and value[:1] not in ("[", "{"):
        return value
    return msgspec.json.encode(value).decode()
