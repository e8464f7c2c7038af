"""Whole runs of trivial assets: a thousand side by side, a hundred in a chain, the same again, and their bytes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench_server import Bench, run_python

INDEPENDENT: Final = 1_000
CHAINED: Final = 100

_HEADER: Final = "from latewood import asset\n"


def independent(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """1,000 independent assets, deployed and materialized in one inline run; milliseconds per asset."""
    file = _written(
        bench, "independent.py", [f"@asset\ndef i{n:04}() -> int:\n    return {n}\n" for n in range(INDEPENDENT)]
    )
    for _ in range(repetitions):
        with bench.fresh() as environment:
            ended = run_python("child_run.py", file, "1", environment=environment)
            (first,) = ended.result()["runs"]
            assert first["ran"] == INDEPENDENT, first
        yield {
            "independent": first["seconds"] * 1e3 / INDEPENDENT,
            "independent: prepare only": first["prepare_s"] * 1e3 / INDEPENDENT,
            "independent: whole process, definitions imported too": ended.seconds * 1e3 / INDEPENDENT,
        }


def chain(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """A chain of 100 assets; then again in a fresh process, and in another environment; milliseconds per asset."""
    first_asset = "@asset\ndef c000() -> int:\n    return 0\n"
    later = [f"@asset\ndef c{n:03}(c{n - 1:03}: int) -> int:\n    return c{n - 1:03} + 1\n" for n in range(1, CHAINED)]
    file = _written(bench, "chain.py", [first_asset, *later])
    for _ in range(repetitions):
        with bench.fresh() as environment:
            first, again = run_python("child_run.py", file, "2", environment=environment).result()["runs"]
            (fresh,) = run_python("child_run.py", file, "1", environment=environment).result()["runs"]
            elsewhere = environment | {"LATEWOOD_ENV": "elsewhere"}
            (reused,) = run_python("child_run.py", file, "1", environment=elsewhere).result()["runs"]
            assert first["ran"] == again["fresh"] == fresh["fresh"] == reused["reused"] == CHAINED, reused
        yield {
            "chain": first["seconds"] * 1e3 / CHAINED,
            "reused": fresh["seconds"] * 1e3 / CHAINED,
            "reused: in the process that ran them": again["seconds"] * 1e3 / CHAINED,
            "reused: by key in another environment, every step recorded": reused["seconds"] * 1e3 / CHAINED,
        }


def storage(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """Growth of all tables and indexes by the 1,000-asset run, its definitions deployed before; bytes per asset."""
    file = _written(
        bench, "independent.py", [f"@asset\ndef i{n:04}() -> int:\n    return {n}\n" for n in range(INDEPENDENT)]
    )
    for _ in range(min(repetitions, 2)):  # the same bytes every time, but for where pages end
        with bench.fresh() as environment:
            empty = bench.sizes(environment)
            run_python("child_run.py", file, "0", environment=environment)
            deployed = bench.sizes(environment)
            run_python("child_run.py", file, "1", environment=environment)
            materialized = bench.sizes(environment)
        grown = {table: (materialized[table] - deployed[table]) / INDEPENDENT for table in materialized}
        yield {
            "storage": sum(grown.values()),
            **{f"storage: {table}": size for table, size in grown.items() if size},
            "storage: definitions, once, not counted": (sum(deployed.values()) - sum(empty.values())) / INDEPENDENT,
        }


def _written(bench: Bench, name: str, functions: list[str]) -> Path:
    folder = bench.home / "definitions"
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text("\n\n".join([_HEADER, *functions]), encoding="utf-8")
    return file
