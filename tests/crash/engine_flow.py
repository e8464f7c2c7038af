"""The scenario of the engines that are killed: a retry, a check, a pool, a list of elements, a step that acts outside.

Everything may be tried again, since its process may be killed. What user code does to the world outside goes to files
in the folder LATEWOOD_TEST_FOLDER. `endless` is a run of its own, to be cancelled.
"""

import os
import time
from datetime import timedelta
from pathlib import Path

from latewood import Context, Retry, asset, check, task, workflow
from latewood.mapping import each

AGAIN = Retry(3, backoff=timedelta(0))
PROMPT = "not endless"


def folder() -> Path:
    return Path(os.environ["LATEWOOD_TEST_FOLDER"])


@asset(retries=AGAIN)
def flaky() -> int:
    failed_before = folder() / "failed_before"
    if not failed_before.exists():
        failed_before.touch()
        raise ConnectionError("not yet")
    return 3


@asset(retries=AGAIN, pool="narrow")
def checked(flaky: int) -> int:
    return flaky + 1


@check(checked, blocking=True)
def is_positive(checked: int) -> bool:
    return checked > 0


@asset(retries=AGAIN)
def words(checked: int) -> list[str]:
    return ["one", "two", "three"][: checked - 1]


@task(retries=AGAIN)
def loud(word: str) -> str:
    return word.upper()


@workflow
def louder() -> list[str]:
    return loud.map(each(words))


@asset(reuse=False, retries=AGAIN, pool="narrow")
def outside(checked: int, context: Context) -> int:
    with (folder() / "outside").open("a") as file:
        file.write(f"{context.run_id} {context.attempt}\n")
    return checked * 2


@asset(retries=AGAIN)
def after_outside(outside: int) -> int:
    return outside + 1


@asset(retries=AGAIN)
def endless() -> int:
    while True:
        time.sleep(0.01)
