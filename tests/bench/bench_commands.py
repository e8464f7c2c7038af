"""Whole processes, as a user at a terminal waits for them: wall clock and peak memory."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench_server import Bench, run

LATEWOOD: Final = str(Path(sys.executable).parent / "latewood")

_ONE_ASSET: Final = """from latewood import asset


@asset
def one() -> int:
    return 1
"""


def version(_bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """`latewood --version`; seconds."""
    run([LATEWOOD, "--version"], {})  # compiles what was never imported
    for _ in range(3 * repetitions):
        ended = run([LATEWOOD, "--version"], {})
        yield {"version": ended.seconds, "version: peak MB": ended.peak_mb}


def one_asset(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """`latewood materialize` of a file with one asset, in a project of its own each time; seconds and MB."""
    file = bench.home / "definitions" / "one.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(_ONE_ASSET, encoding="utf-8")
    command = [LATEWOOD, "materialize", "*", "-f", str(file)]
    # The home's own server, found and logged into as a user's command finds it. The first time migrates.
    environment = {"LATEWOOD_HOME": str(bench.home)}
    run(command, environment)
    for number in range(2 * repetitions):
        ended = run(command, environment | {"LATEWOOD_PROJECT": f"bench{number}"})
        assert "1 run, 0 reused" in ended.output, ended.output
        again = run(command, environment | {"LATEWOOD_PROJECT": f"bench{number}"})
        assert "0 run, 1 reused" in again.output, again.output
        yield {
            "one-asset": ended.seconds,
            "one-asset-memory": ended.peak_mb,
            "one-asset: again, nothing to do": again.seconds,
        }
