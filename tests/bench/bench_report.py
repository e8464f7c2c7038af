"""What was measured as a Markdown table, beside the peers' figures and the goals."""

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

PEER_VERSION: Final = "Dagster 1.13"

_HEADER: Final = """# Benchmarks

Written by `make bench`. Median (min-max), on an embedded server that waits for the disk at every commit. Runs and
appends have a fresh database each time; plans are made in a fresh process from one prepared database; the one-asset
command has a project of its own each time. "Asset" is a function that returns an int, stored, with reuse on;
"reused" counts what is left as it is because it is fresh. Events are encoded before the clock starts.

The peers' figures were measured earlier on a machine of the same kind; ratios are to the nearer end of them, above 1
where Latewood is better. "In this run" is one sample of Dagster, taken beside ours; its single events are of one
writer. Its memory is that of its tree of processes. Neither side's memory counts the database server.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a measure, the peers' figures from low to high, and what is to be reached."""

    name: str
    workload: str
    unit: str
    dagster: tuple[float, float] | None
    flytekit: tuple[float, float] | None
    must: float
    aim: float | None

    @property
    def more_is_better(self) -> bool:
        """True for what is counted by the second."""
        return self.unit.endswith("/s")

    @staticmethod
    def of(name: str, workload: str, unit: str, dagster: str, flytekit: str, must: str, aim: str) -> "Line":
        """The line with figures from text: `96`, `57-67`, or `-` for none."""
        goal = None if aim == "-" else float(aim)
        return Line(name, workload, unit, _figures(dagster), _figures(flytekit), float(must), goal)


@dataclass(frozen=True, slots=True)
class Samples:
    """Values by name, in the order in which they were measured."""

    by_name: dict[str, list[float]] = field(default_factory=dict)

    def add(self, sample: Mapping[str, float]) -> None:
        """One repetition's values."""
        for name, value in sample.items():
            self.by_name.setdefault(name, []).append(value)

    def median(self, name: str) -> float | None:
        """The median, if anything was measured under that name."""
        return statistics.median(self.by_name[name]) if name in self.by_name else None

    def text(self, name: str) -> str:
        """Median (min-max)."""
        values = self.by_name[name]
        if len(values) == 1:
            return _number(values[0])
        return f"{_number(statistics.median(values))} ({_number(min(values))}-{_number(max(values))})"


def report(lines: Sequence[Line], samples: Samples, peers: Samples, about: Iterable[str]) -> str:
    """The whole of RESULTS.md."""
    with_peer = bool(peers.by_name)
    columns = ["workload", "unit", PEER_VERSION, "flytekit 1.16", "must reach", "aim", "measured", "reached", "ratio"]
    columns += ["Dagster in this run", "ratio in this run"] if with_peer else []
    rows = [columns, ["---"] * len(columns)]
    for line in lines:
        measured = samples.median(line.name) or 0.0
        row = [
            line.workload,
            line.unit,
            _range(line.dagster),
            _range(line.flytekit),
            _number(line.must),
            "-" if line.aim is None else _number(line.aim),
            f"**{samples.text(line.name)}**",
            _reached(line, measured),
            _ratios(line, measured),
        ]
        if with_peer:
            paired = peers.median(line.name)
            row += ["-", "-"] if paired is None else [_number(paired), _ratio(line, measured, (paired, paired))]
        rows.append(row)
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    facts = "\n".join(f"- {fact}" for fact in about)
    return "\n".join([_HEADER, facts, "", table, "", *_details(lines, samples)])


def environment_lines(server: Mapping[str, str], repetitions: int) -> list[str]:
    """What the figures were measured on, without the name of any machine or path."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    settings = ", ".join(f"{name} {value}" for name, value in server.items() if name != "server_version")
    return [
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, {platform.system()}",
        f"Python {platform.python_version()}, Postgres {server['server_version']}: {settings}",
        f"{repetitions} repetitions (`--version`: {3 * repetitions}, bytes, environments: up to 2), waits for quiet",
        f"load average of the last 15 minutes at the end: {os.getloadavg()[2]:.1f}; the benchmarks alone make about 1",
    ]


def _details(lines: Sequence[Line], samples: Samples) -> list[str]:
    """What was measured on the way, under the line it belongs to."""
    text = ["## On the way", ""]
    for line in lines:
        extra = [name for name in samples.by_name if name.startswith(f"{line.name}: ")]
        if extra:
            text += [f"{line.workload}, {line.unit}:", ""]
            text += [f"- {name.removeprefix(f'{line.name}: ')}: {samples.text(name)}" for name in extra]
            text.append("")
    return text


def _reached(line: Line, measured: float) -> str:
    def reaches(goal: float) -> bool:
        return measured >= goal if line.more_is_better else measured <= goal

    if line.aim is not None and reaches(line.aim):
        return "aim"
    return "yes" if reaches(line.must) else "**no**"


def _ratios(line: Line, measured: float) -> str:
    named = (("Dagster", line.dagster), ("flytekit", line.flytekit))
    return ", ".join(f"{_ratio(line, measured, figures)} {name}" for name, figures in named if figures) or "-"


def _ratio(line: Line, measured: float, figures: tuple[float, float]) -> str:
    """How many times better than the peer, by the peer's better figure."""
    low, high = figures
    ratio = measured / high if line.more_is_better else low / measured
    return f"{ratio:.3g}x"


def _figures(text: str) -> tuple[float, float] | None:
    if text == "-":
        return None
    low, _, high = text.partition("-")
    return float(low), float(high or low)


def _range(figures: tuple[float, float] | None) -> str:
    if figures is None:
        return "-"
    low, high = figures
    return _number(low) if low == high else f"{_number(low)}-{_number(high)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
