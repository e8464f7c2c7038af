"""The scenario of the engines that are killed while jobs run elsewhere.

Two one after the other, one that fails, and one that leaves a table there, which is brought here for two others: a task
that runs here, and a job of another connector.
"""

from datetime import timedelta

import pyarrow as pa

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
@runs_on("local", options={"table": {"name": "days", "columns": {"day": "string", "n": "int64"}, "rows": [["mon", 2]]}})
def days() -> pa.Table: ...


@asset(retries=AGAIN)
def total(days: pa.Table) -> int:
    return sum(days["n"].to_pylist())


@asset(retries=AGAIN)
@runs_on("other", options={"seconds": 0.1, "values": {"result": 5}})
def counted(days: pa.Table) -> int: ...


@asset(retries=AGAIN)
@runs_on("local", options={"seconds": 600})
def endless() -> int: ...
