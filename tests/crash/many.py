"""The scenario of the random kills: 200 partitions, twice, one of their outputs acting outside."""

import os
from pathlib import Path

from latewood import Context, Partitioned, Static, asset, check

PARTS = Static([f"p{n:03}" for n in range(200)])


@asset(partitions=PARTS)
def part(context: Context) -> str:
    return context.partition


@check(part, blocking=True)
def is_named(part: str) -> bool:
    return part.startswith("p")


@asset(partitions=PARTS)
def twice(part: str) -> str:
    return part * 2


@asset(reuse=False)
def outside(twice: Partitioned[str], context: Context) -> int:
    with (Path(os.environ["LATEWOOD_TEST_FOLDER"]) / "outside").open("a") as file:
        file.write(f"{context.run_id} {context.attempt}\n")
    return len(list(twice))
