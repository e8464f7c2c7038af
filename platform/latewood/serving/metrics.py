"""What an engine measures of itself, and how it is told: in the text format that Prometheus reads.

The format is three kinds of lines, so it is written here; a client library would bring a registry of its own.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from latewood.commands.status import Load
from latewood.engine.running.reports import Report

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_STEP_BOUNDS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 1_800.0, 3_600.0)
_APPEND_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0)


class Distribution:
    """How many observations were at most as large as each bound, in seconds. For one thread that observes."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class Measures:
    """What an engine counts since it began. Written by the thread that commits; a reader may be one fact behind."""

    steps: dict[str, int] = field(default_factory=dict)
    durations: Distribution = field(default_factory=lambda: Distribution(_STEP_BOUNDS))
    appends: Distribution = field(default_factory=lambda: Distribution(_APPEND_BOUNDS))
    events: int = 0

    def reported(self, report: Report) -> None:
        """A step has ended, and that is durable."""
        self.steps[report.status] = self.steps.get(report.status, 0) + 1
        if report.duration_ms:
            self.durations.observe(report.duration_ms / 1_000)

    def appended(self, seconds: float, events: int) -> None:
        """So many events were recorded in one commit, which took so long."""
        self.appends.observe(seconds)
        self.events += events


class Workers(NamedTuple):
    """The worker processes of an engine: how many there may be, how many there are, and how many slots are taken."""

    slots: int
    processes: int
    busy: int


class Family(NamedTuple):
    """One metric: its name, what it is, and its samples, each a suffix, labels and a value."""

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[str, Mapping[str, str], float]]


def families(measures: Measures, workers: Workers, active: int, loads: Mapping[str, Load] | None) -> Iterator[Family]:
    """All metrics of an engine, with what is under way in each of its projects.

    Without `loads` the database did not answer, and what it knows is left out.
    """
    yield _gauge("latewood_database_up", "Whether the database answers.", float(loads is not None))
    yield _gauge("latewood_worker_slots", "Steps that this engine can run at a time.", workers.slots)
    yield _gauge("latewood_worker_processes", "Worker processes of this engine.", workers.processes)
    yield _gauge("latewood_worker_slots_busy", "Slots that are taken now.", workers.busy)
    yield _gauge("latewood_engine_runs", "Runs that this engine drives now.", active)
    ended = [("", {"status": status}, float(measures.steps[status])) for status in sorted(measures.steps)]
    yield Family("latewood_steps_total", "counter", "Steps that ended in this engine.", ended)
    yield histogram("latewood_step_duration_seconds", "How long attempts of steps took.", measures.durations)
    yield histogram("latewood_append_seconds", "How long a commit to the log took.", measures.appends)
    yield Family(
        "latewood_events_total", "counter", "Events that this engine recorded.", [("", {}, float(measures.events))]
    )
    if not loads:
        return
    one = next(iter(loads.values()))  # of the log, which all projects share
    behind = [("", {"projection": name}, float(one.behind[name])) for name in sorted(one.behind)]
    yield _gauge("latewood_log_position", "Where the log ends.", one.position)
    yield Family("latewood_projection_lag_events", "gauge", "Events a projection is behind.", behind)
    engines = {project: {"": len(load.engines)} for project, load in loads.items()}
    leases = {project: {"": load.leases} for project, load in loads.items()}
    yield _of_projects("latewood_engines", "Engines that serve the project.", engines)
    yield _of_projects("latewood_leases", "Leases of the project that are held now.", leases)
    yield _of_projects(
        "latewood_runs", "Runs that have not ended, by status.", {project: load.runs for project, load in loads.items()}
    )
    yield _of_projects(
        "latewood_steps",
        "Steps of runs that have not ended, by status.",
        {project: load.steps for project, load in loads.items()},
    )
    yield _of_projects(
        "latewood_notifications",
        "Notifications that wait, or were given up since one was sent, by status.",
        {
            project: {
                "waiting": sum(each.waiting for each in load.untold),
                "given up": sum(each.given_up for each in load.untold),
            }
            for project, load in loads.items()
        },
    )


def _gauge(name: str, help_: str, value: float) -> Family:
    return Family(name, "gauge", help_, [("", {}, float(value))])


def _of_projects(name: str, help_: str, values: Mapping[str, Mapping[str, int]]) -> Family:
    samples = [
        ("", {"project": project, **({"status": status} if status else {})}, float(counts[status]))
        for project, counts in values.items()
        for status in sorted(counts)
    ]
    return Family(name, "gauge", help_, samples)


def histogram(name: str, help_: str, found: Distribution) -> Family:
    """A distribution as a metric."""
    samples: list[tuple[str, Mapping[str, str], float]] = []
    so_far = 0
    for bound, count in zip((*map(repr, found.bounds), "+Inf"), list(found.counts), strict=True):
        so_far += count
        samples.append(("_bucket", {"le": bound}, float(so_far)))
    return Family(name, "histogram", help_, [*samples, ("_sum", {}, found.total), ("_count", {}, float(so_far))])


def exposition(found: Iterable[Family], labels: Mapping[str, str]) -> str:
    """The metrics as text, each sample with these labels as well."""
    lines: list[str] = []
    for family in found:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for suffix, own, value in family.samples:
            said = ",".join(f'{name}="{_escaped(text)}"' for name, text in {**labels, **own}.items())
            lines.append(f"{family.name}{suffix}{{{said}}} {value!r}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
