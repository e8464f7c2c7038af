"""The scenario of the crash tests: twelve steps with a retry, checks that pass and fail, partitions, several outputs,
one that becomes as many as a list has elements.

What user code does to the world outside goes to files in the folder LATEWOOD_TEST_FOLDER; each task takes
LATEWOOD_TEST_PAUSE_S seconds.
"""

import os
import time
from datetime import timedelta
from pathlib import Path

from latewood import Context, Partitioned, Retry, Static, asset, check, task, workflow
from latewood.mapping import each


def folder() -> Path:
    return Path(os.environ["LATEWOOD_TEST_FOLDER"])


def pause() -> None:
    time.sleep(float(os.environ["LATEWOOD_TEST_PAUSE_S"]))


@asset
def source() -> int:
    pause()
    print("reading the source")
    return 3


@asset(retries=Retry(1, backoff=timedelta(0)))
def flaky(source: int) -> int:
    pause()
    failed_before = folder() / "failed_before"
    if not failed_before.exists():
        failed_before.touch()
        raise ConnectionError("not yet")
    return source * 7


@asset
def checked(flaky: int) -> int:
    pause()
    return flaky + 1


@check(checked, blocking=True)
def is_positive(checked: int) -> bool:
    return checked > 0


@asset(partitions=Static(("east", "west")))
def region(checked: int, context: Context) -> str:
    pause()
    return f"{context.partition}:{checked}"


@asset
def regions(region: Partitioned[str]) -> list[str]:
    pause()
    return [value for _, value in region]


@task
def loud(text: str) -> str:
    pause()
    return text.upper()


@workflow
def louder() -> list[str]:
    return loud.map(each(regions))


@asset(reuse=False)
def outside(checked: int, context: Context) -> int:
    pause()
    with (folder() / "outside").open("a") as file:
        file.write(f"{context.run_id} {context.attempt}\n")
    return checked * 2


@asset
def after_outside(outside: int) -> int:
    pause()
    return outside + 1


@asset(outputs={"low": int, "high": int})
def split(outside: int) -> dict[str, int]:
    pause()
    return {"low": outside // 10, "high": outside % 10}


@asset
def bad(source: int) -> int:
    pause()
    return -source


@check(bad, blocking=True)
def is_never(bad: int) -> bool:
    return bad > 0


@asset
def after_bad(bad: int) -> int:
    pause()
    return bad + 1
