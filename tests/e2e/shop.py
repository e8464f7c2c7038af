"""The project that most stories of the command line begin with, and how its answers are read."""

import json
from typing import Any

from e2e.shell import Shell

SHOP = """
import logging
from latewood import *

regions = Static(["eu", "us"])

@asset(group="raw", owners=["team:data"], tags={"tier": "gold"}, kinds=["csv"], metadata={"source": "shop"})
def numbers() -> list[int]:
    \"\"\"Three numbers.\"\"\"
    print("counting")
    logging.getLogger("shop").warning("only three")
    return [1, 2, 3]

@asset(partitions=regions, retries=1)
def scaled(numbers: list[int], region: PartitionKey, *, factor: int = 2) -> Output[list[int]]:
    return Output([n * factor for n in numbers], metadata={"region": region})

@check(scaled, blocking=True)
def not_empty(scaled: list[int]) -> CheckResult:
    return CheckResult(passed=bool(scaled), metadata={"found": len(scaled)}, message="counted")

@asset
def total(scaled: Partitioned[list[int]]) -> int:
    return sum(sum(values) for _, values in scaled)
"""

UPPER = """
from latewood import asset

@asset
def counted() -> int:
    return 1
"""

LOWER = """
from latewood import asset

@asset
def doubled(counted: int) -> int:
    return 2 * counted
"""


def answer(shell: Shell, *arguments: str) -> Any:
    """The JSON that a command prints."""
    done = shell.here(*arguments, "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)
