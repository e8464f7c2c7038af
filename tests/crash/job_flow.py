"""The scenario of the engines that are killed while jobs run elsewhere: two one after the other, and one that fails."""

from datetime import timedelta

from latewood import Retry, asset
from latewood.plugin import runs_on

AGAIN = Retry(1, backoff=timedelta(0))
PROMPT = "not endless"


@asset(retries=AGAIN)
@runs_on("local", options={"seconds": 0.4, "values": {"result": 3}, "prints": ["one", "two"]})
def first() -> int: ...


@asset(retries=AGAIN, pool="narrow")
@runs_on("local", options={"seconds": 0.2, "values": {"result": 4}})
def second(first: int) -> int: ...


@asset(retries=AGAIN)
@runs_on("local", options={"seconds": 0.1, "fail": "never works"})
def failing() -> int: ...


@asset(retries=AGAIN)
def after(second: int) -> int:
    return second + 1


@asset(retries=AGAIN)
@runs_on("local", options={"seconds": 600})
def endless() -> int: ...
