"""Subscriptions: how soon an event that is appended has come to all who follow the log.

The server is a process of its own, and all its clients are another one, which appends the events too.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from bench_server import Bench, run_python

FOLLOWERS: Final = 500


def delivery(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """From the end of an event's append to its arrival at each of 500 clients; milliseconds."""
    for _ in range(min(repetitions, 3)):
        with bench.fresh() as environment, _server(environment) as port:
            found = run_python("child_followers.py", port, FOLLOWERS, environment=environment).result()["ms"]
        yield {"live-p50": median(found), "live-p99": quantiles(found, n=100)[-1]}


@contextmanager
def _server(environment: Mapping[str, str]) -> Iterator[int]:
    command = [sys.executable, str(Path(__file__).with_name("child_server.py"))]
    with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()
            process.wait()
