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

import bench_api
import bench_appends
import bench_commands
import bench_engine
import bench_environments
import bench_jobs
import bench_live
import bench_plans
import bench_runs
from bench_report import Line, Samples, environment_lines, report
from bench_server import Bench, quiet, run, serving

RESULTS: Final = Path(__file__).parent / "RESULTS.md"

Benchmark = Callable[[Bench, int], Iterator[dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Suite:
    """One function that measures some lines of the table, and the peer's workload beside it."""

    benchmark: Benchmark
    peer: str
    lines: tuple[Line, ...]


def lines(*rows: str) -> tuple[Line, ...]:
    """Lines from rows of `name | workload | unit | Dagster | flytekit | must | aim`."""
    return tuple(Line.of(*(cell.strip() for cell in row.split("|"))) for row in rows)


SUITES: Final = (
    Suite(
        bench_runs.independent,
        "independent",
        lines("independent | 1,000 independent assets, one inline run, fsync on | ms per asset | 57-67 | - | 2 | 1"),
    ),
    Suite(
        bench_runs.chain,
        "chain",
        lines(
            "chain | chain of 100 assets | ms per asset | 96 | 1.0-1.2 | 3 | 1.5",
            "reused | the same again in a fresh process, all reused | ms per asset | - | 0.23-0.39 | 0.5 | 0.2",
        ),
    ),
    Suite(
        bench_runs.storage,
        "",
        lines("storage | database per materialization, all tables and indexes | bytes | 13000-19000 | - | 4096 | 2048"),
    ),
    Suite(
        bench_appends.batches,
        "appends",
        lines(
            "batches-log | append, batches of 1,000, one writer, log alone | events/s | 3700 | - | 12000 | 20000",
            "batches-projected | the same with all inline projections | events/s | 3700 | - | 5000 | 10000",
        ),
    ),
    Suite(
        bench_appends.singles,
        "",
        lines(
            "singles-threads | append of single events, 8 threads of one process | events/s | 92-188 | - | 4000 | 8000",
            "singles-processes | append of single events, 8 processes | events/s | 92-188 | - | 600 | 800",
        ),
    ),
    Suite(
        bench_commands.version,
        "version",
        lines("version | `latewood --version` | s | 0.9-1.0 | 0.69 | 0.15 | 0.08"),
    ),
    Suite(
        bench_commands.one_asset,
        "one_asset",
        lines(
            "one-asset | `latewood materialize` of one asset, whole process, server up | s | 3.6 | 0.8 | 0.8 | 0.6",
            "one-asset-memory | the same, peak memory | MB | 260 | 82 | 120 | -",
        ),
    ),
    Suite(
        bench_commands.year,
        "",
        lines(
            "year | examples/flights, a year day by day: 1,116 materializations, whole process | s | - | - | 60 | -",
            "year-again | the same again, all reused | s | - | - | 5 | -",
        ),
    ),
    Suite(
        bench_plans.many_assets,
        "",
        lines("plan-assets | plan of 10,000 assets / 20,000 edges, state loaded, half stale | s | - | - | 1 | 0.3"),
    ),
    Suite(
        bench_plans.many_partitions,
        "",
        lines(
            "plan-partitions | plan of one asset of 100,000 partitions, state loaded, half stale | s | - | - | 2 | 0.5"
        ),
    ),
    Suite(
        bench_environments.branching,
        "",
        lines("branch-promote | branch, and promote 10,000 assets of 10 partitions, all moved | s | - | - | 1 | 0.5"),
    ),
    Suite(
        bench_engine.latency,
        "latency",
        lines(
            "engine-start | request to first step started, engine warm | ms | 1200-3200 | - | 60 | 25",
            "engine-visible | request to materialized and visible, one trivial asset | ms | 2400-4600 | - | 100 | 50",
        ),
    ),
    Suite(
        bench_engine.backfill,
        "backfill",
        lines(
            "engine-backfill | backfill of 1,000 trivial partitions, a step each, 2 workers | s | 2500 | - | 8 | 4",
            "engine-asked | 10,000 partitions: request accepted | s | - | - | 1 | 0.3",
            "engine-planned | the same: read by an engine, ready to run | s | - | - | 5 | 2",
        ),
    ),
    Suite(
        bench_engine.queue,
        "",
        lines("engine-queue | 500 queued runs of 10 steps, 2 workers | steps/s | - | - | 150 | 400"),
    ),
    Suite(
        bench_engine.idle,
        "",
        lines(
            "engine-idle | idle engine with 2 warm workers, of one processor | % | - | - | 1 | -",
            "engine-memory | the same, memory of all three | MB | - | - | 250 | -",
        ),
    ),
    Suite(
        bench_jobs.many,
        "",
        lines(
            "jobs-ratio | 1,000 jobs of 1-5 s in another system, against a bare client | times | - | - | 1.2 | -",
            "jobs-cpu | the same, the engine's process, of one processor | % | - | - | 50 | -",
        ),
    ),
    Suite(
        bench_api.catalog,
        "",
        lines(
            "api-graph | API: graph of 10,000 assets and 20,000 edges with groups, p50 | ms | 700-2100 | - | 150 | 60",
            "api-graph-p99 | the same, p99 | ms | - | - | 400 | -",
            "api-graph-bytes | the same, uncompressed | kB | 6500-7500 | - | 800 | -",
            "api-status | API: status of the 10,000, p50 | ms | 28100 | - | 200 | 80",
            "api-status-p99 | the same, p99 | ms | - | - | 500 | -",
            "api-groups | API: group roll-ups of the same, p50 | ms | - | - | 30 | 10",
            "api-groups-p99 | the same, p99 | ms | - | - | 80 | -",
            "api-as-of | API: status as of when half of it was made, against now | times | - | - | 1.5 | -",
            "api-as-of-first | API: the same of a moment that nobody has asked for before | ms | - | - | 2000 | 500",
            "api-load | API: 50 clients, mixed reads | requests/s | - | - | 200 | 500",
        ),
    ),
    Suite(
        bench_api.history,
        "",
        lines(
            "api-page | API: one asset page at 1,000,000 materializations, p50 | ms | - | - | 60 | 25",
            "api-page-p99 | the same, p99 | ms | - | - | 150 | -",
            "api-versions | API: last 100 versions of an asset, p50 | ms | 20-77 | - | 15 | 8",
            "api-versions-p99 | the same, p99 | ms | - | - | 40 | -",
            "api-partitions | API: status of 100,000 partitions, half stale, p50 | ms | 80-420 | - | 100 | 40",
            "api-partitions-p99 | the same, p99 | ms | - | - | 250 | -",
            "api-events | API: 1,000 events of a run of 100,000, p50 | ms | 190 | - | 40 | 20",
            "api-events-p99 | the same, p99 | ms | - | - | 100 | -",
            "api-lines | API: 1,000 of the 10,000 lines of a step, p50 | ms | - | - | 40 | 20",
            "api-lines-p99 | the same, p99 | ms | - | - | 100 | -",
        ),
    ),
    Suite(
        bench_live.delivery,
        "",
        lines(
            "live-p50 | event appended to delivered to 500 subscribers, half of all deliveries | ms | - | - | 150 | 50",
            "live-p99 | the same, 99 % of them | ms | - | - | 500 | -",
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
    # Images often set it; users' commands find what was compiled before.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
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
