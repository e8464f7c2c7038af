"""Whole processes, as a user at a terminal waits for them: wall clock and peak memory."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench_server import Bench, run

LATEWOOD: Final = str(Path(sys.executable).parent / "latewood")
_FLIGHTS: Final = Path(__file__).parents[2] / "examples" / "flights" / "assets.py"

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
    """`latewood materialize` of one asset, a file and a project of its own each time; seconds and MB."""
    for number in range(repetitions + 1):
        file = bench.home / "definitions" / f"one_{number}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(_ONE_ASSET, encoding="utf-8")
        command = [LATEWOOD, "materialize", "*", "-f", str(file)]
        # The home's own server, found and logged into as a user's command finds it.
        environment = {"LATEWOOD_HOME": str(bench.home), "LATEWOOD_PROJECT": f"bench{number}"}
        first = run(command, environment)
        again = run(command, environment)
        assert "1 run, 0 reused" in first.output, first.output
        assert "0 run, 1 reused" in again.output, again.output
        if number == 0:
            continue  # it made the schema
        yield {
            "one-asset": first.seconds,
            "one-asset-memory": first.peak_mb,
            "one-asset: again, nothing to do": again.seconds,
        }


def year(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """A year of real flights, day by day: everything made, and the same again; seconds."""
    command = [LATEWOOD, "materialize", "*", "-f", str(_FLIGHTS)]
    for _ in range(repetitions):
        with bench.fresh() as environment:
            first, again = run(command, environment), run(command, environment)
            assert "1,116 run, 0 reused" in first.output, first.output
            assert "0 run, 1,116 reused" in again.output, again.output
            yield {"year": first.seconds, "year-again": again.seconds}
