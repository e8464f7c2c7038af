"""The API: what browsers ask for, of a process that serves it and has answered the same before.

Milliseconds from sending a request to having its whole answer, over one connection that is kept; the median of the
repetitions' medians, and of their 99th percentiles.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from bench_plans import ASSETS, LAYER, layer_of, layered, loaded_from, materialized, partitioned
from bench_server import Bench, inherited, quiet

from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.workspace import open_workspace
from latewood.model.keys import RunId

_ASKED: Final = 60
_CLIENTS: Final = 50
_FIRST_LOOKS: Final = 5
_LOAD_S: Final = 5.0
VERSIONS_EACH: Final = 10
"""Of each of the 100,000 partitions: a million materializations."""

_GRAPH: Final = "assetGraph { keys groups groupOf edgesFrom edgesTo } groups { name assets }"
_STATUS: Final = "assetGraph { statusOf flagsOf causesOf }"
_GROUPS: Final = "groups { name assets fresh stale missing failed running }"
_PAGE: Final = """
    asset(key: "hourly") {
      key description group owners tags kinds origin location codeVersion type status flags
      partitioning { title count } parameters { name jsonSchema default } declaredChecks { name blocking }
      partitions { status partitions { count ranges { start stop firstKey lastKey } } }
      causes { cause subject partitions { count } }
      head(partition: "2015-01-01T00") { id madeAt size metadata parameters }
      versions(first: 20) { nodes { id partition madeAt durationMs dataVersion metadata } pageInfo { endCursor } }
      verdicts { checkName passed }
      upstream { key status } downstream { key status }
    }
"""
_VERSIONS: Final = """
    asset(key: "hourly") { versions(first: 100) { nodes { id partition madeAt durationMs dataVersion } } }
"""
_PARTITIONS: Final = """
    asset(key: "hourly") { status partitions { status partitions { count starts stops } } }
"""
_EVENTS: Final = (
    '{ project { run(id: "bench0000000") { events(first: 1000) { nodes { position type occurredAt data } } } } }'
)
_LINES: Final = """
    { project { run(id: "%s") { logs(first: 1000) { nodes { text step attempt cursor } endCursor } } } }
"""
_TALKS: Final = """
from latewood import asset


@asset
def talks() -> int:
    for number in range(10_000):
        print(f"line {number} of what it has to say, about as long as such lines are")
    return 1
"""


def catalog(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """10,000 assets and 20,000 edges, half of them stale."""
    with (
        materialized(bench, layered, lambda node, _: layer_of(node) == ASSETS // LAYER // 2) as environment,
        _served(environment) as port,
    ):
        for repetition in range(repetitions):
            graph, size = _asked(port, _of_environment(_GRAPH))
            status, _ = _asked(port, _of_environment(_STATUS))
            groups, _ = _asked(port, _of_environment(_GROUPS))
            middle = _position(port) // 2
            then, _ = _asked(port, _of_environment(_STATUS, middle))
            unseen = range(middle + 1 + repetition * _FIRST_LOOKS, middle + 1 + (repetition + 1) * _FIRST_LOOKS)
            first_looks = _asked_once(port, [_of_environment(_STATUS, moment) for moment in unseen])
            yield {
                "api-graph": graph[0],
                "api-graph-p99": graph[1],
                "api-graph-bytes": size / 1_000,
                "api-status": status[0],
                "api-status-p99": status[1],
                "api-groups": groups[0],
                "api-groups-p99": groups[1],
                "api-as-of": then[0] / status[0],
                "api-as-of-first": first_looks,
                "api-load": _load(port, [_of_environment(_GROUPS), _SMALL, _ONE_OF_MANY]),
            }


_SMALL: Final = "{ server { position } project { runs(first: 5) { nodes { id status } } } }"
_ONE_OF_MANY: Final = """
    { project { environment { asset(key: "layer50/a05000") { status causes { cause } upstream { key status } } } } }
"""


def history(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """One asset of 100,000 partitions, every other one stale, a million materializations in the log."""
    with (
        materialized(bench, partitioned, lambda _, ordinal: ordinal % 2 == 0, times=VERSIONS_EACH) as environment,
        _served(environment) as port,
    ):
        talked = _talked(bench, environment)
        for _ in range(repetitions):
            page, _ = _asked(port, _of_environment(_PAGE))
            versions, _ = _asked(port, _of_environment(_VERSIONS))
            partitions, _ = _asked(port, _of_environment(_PARTITIONS))
            events, _ = _asked(port, _EVENTS)
            lines, _ = _asked(port, _LINES % talked)
            yield {
                "api-page": page[0],
                "api-page-p99": page[1],
                "api-versions": versions[0],
                "api-versions-p99": versions[1],
                "api-partitions": partitions[0],
                "api-partitions-p99": partitions[1],
                "api-events": events[0],
                "api-events-p99": events[1],
                "api-lines": lines[0],
                "api-lines-p99": lines[1],
            }


def _talked(bench: Bench, environment: Mapping[str, str]) -> RunId:
    """A run whose one step has printed 10,000 lines."""
    workspace = open_workspace(environment)
    loaded = loaded_from(bench.home / "talking" / "talks.py", _TALKS)
    run = materialize(workspace, prepare(workspace, loaded, Asked(selection="talks"))).run
    workspace.log.engine.dispose()
    assert run is not None, "it has never been made"
    return run


def _of_environment(asked: str, as_of: int | None = None) -> str:
    moment = "" if as_of is None else f"(asOf: {as_of})"
    return f"{{ project{moment} {{ environment {{ {asked} }} }} }}"


@contextmanager
def _served(environment: Mapping[str, str]) -> Iterator[int]:
    """The port of an API in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("child_api.py"))]
    process = subprocess.Popen(command, env=inherited() | environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None, "it was asked for"
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def _asked(port: int, query: str) -> tuple[tuple[float, float], int]:
    """Median and 99th percentile in milliseconds, and the bytes of an answer."""
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        for _ in range(3):
            _ask(connection, query)
        quiet()
        times, size = [], 0
        for _ in range(_ASKED):
            started = time.perf_counter()
            size = _ask(connection, query)
            times.append((time.perf_counter() - started) * 1_000)
    return (median(times), quantiles(times, n=100, method="inclusive")[98]), size


def _asked_once(port: int, queries: list[str]) -> float:
    """Median of what each takes that was never asked before, in milliseconds."""
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        quiet()
        times = []
        for query in queries:
            started = time.perf_counter()
            _ask(connection, query)
            times.append((time.perf_counter() - started) * 1_000)
    return median(times)


def _ask(connection: HTTPConnection, query: str) -> int:
    return len(_answered(connection, query))


def _answered(connection: HTTPConnection, query: str) -> bytes:
    connection.request("POST", "/graphql/", json.dumps({"query": query}), {"Content-Type": "application/json"})
    response = connection.getresponse()
    found = response.read()
    if response.status != 200 or b'"errors"' in found[:20]:
        raise RuntimeError(f"{response.status}: {found[:500]!r}")
    return found


def _position(port: int) -> int:
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        found: dict[str, Any] = json.loads(_answered(connection, "{ server { position } }"))
    return int(found["data"]["server"]["position"])


def _load(port: int, queries: list[str]) -> float:
    """Requests a second of 50 clients at once, for some seconds; each asks these in turn. Any error ends it."""
    until, counts, failed = time.perf_counter() + _LOAD_S, [0] * _CLIENTS, list[BaseException]()

    def client(number: int) -> None:
        try:
            with closing(HTTPConnection("127.0.0.1", port)) as connection:
                while time.perf_counter() < until:
                    _ask(connection, queries[(number + counts[number]) % len(queries)])
                    counts[number] += 1
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(_CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"{len(failed)} clients failed: {failed[0]!r}")
    return sum(counts) / (time.perf_counter() - started)
