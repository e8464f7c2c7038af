"""The scenario of the engines that are left alone by nobody: partitions that fail at first, a check, an act outside."""

import os
import time
from datetime import timedelta
from pathlib import Path

from latewood import Context, PartitionKey, Retry, Static, asset, check

PARTS = Static([f"p{n:05}" for n in range(20_000)])
AGAIN = Retry(3, backoff=timedelta(milliseconds=50))


@asset(partitions=PARTS, retries=AGAIN)
def part(partition: PartitionKey, context: Context) -> str:
    time.sleep(0.02)
    if context.attempt == 1 and partition.endswith(("3", "7")):
        raise ConnectionError("not yet")
    return partition


@check(part, blocking=True)
def is_named(part: str) -> bool:
    return part.startswith("p")


@asset(partitions=PARTS, retries=AGAIN, pool="narrow")
def twice(part: str) -> str:
    return part * 2


@asset(reuse=False, retries=AGAIN)
def outside(context: Context) -> int:
    with (Path(os.environ["LATEWOOD_TEST_FOLDER"]) / "outside").open("a") as file:
        file.write(f"{context.run_id} {context.attempt}\n")
    return 1
