"""Run the benchmarks and write RESULTS.md: `python tests/bench/run.py [NAME ...] [--quick]`.

LATEWOOD_BENCH_PEER_PYTHON names the interpreter of a virtual environment with Dagster, to run its side as well.
With names, only those rows are measured and printed; RESULTS.md is written when all of them are.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bench_appends
import bench_commands
import bench_plans
import bench_runs
from bench_report import Line, Samples, environment_lines, report
from bench_server import Bench, quiet, run, serving

RESULTS: Final = Path(__file__).parent / "RESULTS.md"

Benchmark = Callable[[Bench, int], Iterator[dict[str, float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One function that measures some lines of the table, and the peer's workload beside it."""

    benchmark: Benchmark
    lines: tuple[Line, ...]
    peer: str = ""


SUITES: Final = (
    Suite(
        benchmark=bench_runs.independent,
        peer="independent",
        lines=(
            Line(
                name="independent",
                workload="1,000 independent assets, one inline run, fsync on",
                unit="ms per asset",
                dagster=(57, 67),
                must=2,
                aim=1,
            ),
        ),
    ),
    Suite(
        benchmark=bench_runs.chain,
        peer="chain",
        lines=(
            Line(
                name="chain",
                workload="chain of 100 assets",
                unit="ms per asset",
                dagster=(96, 96),
                flytekit=(1.0, 1.2),
                must=3,
                aim=1.5,
            ),
            Line(
                name="reused",
                workload="the same again in a fresh process, all reused",
                unit="ms per asset",
                flytekit=(0.23, 0.39),
                must=0.5,
                aim=0.2,
            ),
        ),
    ),
    Suite(
        benchmark=bench_runs.storage,
        lines=(
            Line(
                name="storage",
                workload="database per materialization, all tables and indexes",
                unit="bytes",
                dagster=(13_000, 19_000),
                must=4_096,
                aim=2_048,
            ),
        ),
    ),
    Suite(
        benchmark=bench_appends.batches,
        peer="appends",
        lines=(
            Line(
                name="batches-log",
                workload="append, batches of 1,000, one writer, log alone",
                unit="events/s",
                dagster=(3_700, 3_700),
                must=12_000,
                aim=20_000,
                more_is_better=True,
            ),
            Line(
                name="batches-projected",
                workload="the same with all inline projections",
                unit="events/s",
                dagster=(3_700, 3_700),
                must=5_000,
                aim=10_000,
                more_is_better=True,
            ),
        ),
    ),
    Suite(
        benchmark=bench_appends.singles,
        lines=(
            Line(
                name="singles-threads",
                workload="append of single events, 8 threads of one process",
                unit="events/s",
                dagster=(92, 188),
                must=4_000,
                aim=8_000,
                more_is_better=True,
            ),
            Line(
                name="singles-processes",
                workload="append of single events, 8 processes",
                unit="events/s",
                dagster=(92, 188),
                must=600,
                aim=800,
                more_is_better=True,
            ),
        ),
    ),
    Suite(
        benchmark=bench_commands.version,
        peer="version",
        lines=(
            Line(
                name="version",
                workload="`latewood --version`",
                unit="s",
                dagster=(0.9, 1.0),
                flytekit=(0.69, 0.69),
                must=0.15,
                aim=0.08,
            ),
        ),
    ),
    Suite(
        benchmark=bench_commands.one_asset,
        peer="one_asset",
        lines=(
            Line(
                name="one-asset",
                workload="`latewood materialize` of one asset, whole process, server up",
                unit="s",
                dagster=(3.6, 3.6),
                flytekit=(0.8, 0.8),
                must=0.8,
                aim=0.6,
            ),
            Line(
                name="one-asset-memory",
                workload="the same, peak memory",
                unit="MB",
                dagster=(260, 260),
                flytekit=(82, 82),
                must=120,
            ),
        ),
    ),
    Suite(
        benchmark=bench_plans.many_assets,
        lines=(
            Line(
                name="plan-assets",
                workload="plan of 10,000 assets / 20,000 edges, state loaded, half stale",
                unit="s",
                must=1,
                aim=0.3,
            ),
        ),
    ),
    Suite(
        benchmark=bench_plans.many_partitions,
        lines=(
            Line(
                name="plan-partitions",
                workload="plan of one asset of 100,000 partitions, state loaded, half stale",
                unit="s",
                must=2,
                aim=0.5,
            ),
        ),
    ),
)


def main() -> None:
    """Measure what was asked for, print it, and keep the table of a full run."""
    names = [line.name for suite in SUITES for line in suite.lines]
    parser = argparse.ArgumentParser(description="Latewood's benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"rows to measure: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="one repetition, to see that everything runs")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server does not outlive us
    if unknown := sorted(set(asked.names) - set(names)):
        parser.error(f"no row is named {', '.join(unknown)}; the rows are {', '.join(names)}")
    suites = [s for s in SUITES if not asked.names or any(line.name in asked.names for line in s.lines)]
    repetitions = 1 if asked.quick else 5
    peer = os.environ.get("LATEWOOD_BENCH_PEER_PYTHON", "")
    samples, peers = Samples(), Samples()
    with serving() as bench:
        for suite in suites:
            for sample in suite.benchmark(bench, repetitions):
                samples.add(sample)
                print(", ".join(f"{name} {value:.4g}" for name, value in sample.items()), file=sys.stderr)
            if peer and suite.peer:
                peers.add(_peer(bench, peer, suite.peer))
        about = environment_lines(bench.facts(), repetitions)
    text = report([line for suite in suites for line in suite.lines], samples, peers, about)
    print(text)
    if not asked.names and not asked.quick:
        RESULTS.write_text(text, encoding="utf-8")


def _peer(bench: Bench, python: str, workload: str) -> dict[str, float]:
    script = str(Path(__file__).with_name("peer_dagster.py"))
    quiet()
    with bench.fresh_for_peer() as url:
        result: dict[str, float] = run([python, script, workload, url], {}).result()
    print("peer:", ", ".join(f"{name} {value:.4g}" for name, value in result.items()), file=sys.stderr)
    return result


if __name__ == "__main__":
    main()
