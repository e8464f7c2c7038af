"""`latewood server` as it is started: a process, on a port."""

import gc
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.following import Following
from crash.conftest import environ, load, workspace  # noqa: F401 - fixtures
from latewood.cli.server import served_beside
from latewood.commands.tokens import create_token
from latewood.errors import UsageError
from latewood.model.access import Role
from latewood_graphql.serving import Serving, refuse_open

LATEWOOD = Path(sys.executable).parent / "latewood"


@contextmanager
def server(environ, *arguments):  # noqa: F811 - a fixture's value
    """The address of a server, and its process."""
    process = subprocess.Popen(
        [LATEWOOD, "server", "--port", "0", *arguments], env=environ, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stderr.readline()
        assert "the API is at http://127.0.0.1:" in line, line + process.stderr.read()
        address = line.rpartition(" ")[2].strip()
        until(lambda: ask(address.replace("/graphql", "/healthz"), method="GET") == b"ok\n")
        yield address, process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def ask(address, query=None, method="POST", **headers):
    body = None if query is None else json.dumps({"query": query}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json", **headers}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def until(holds, seconds=40):
    ends = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [1, 2])
def test_it_answers_until_it_is_told_to_end(environ, workers):  # noqa: F811 - a fixture
    with server(environ, "--workers", str(workers)) as (address, process):
        assert json.loads(ask(address, "{ projects }"))["data"] == {"projects": ["default"]}
        assert b"Latewood" in ask(address, method="GET", Accept="text/html")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_who_follows_something_is_told_that_it_ends_and_is_not_waited_for(environ, workers):  # noqa: F811 - a fixture
    with server(environ, "--workers", str(workers)) as (address, process):
        port = int(address.rpartition(":")[2].removesuffix("/graphql"))
        with Following(port, "subscription { events { position } }") as following:
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            (last,) = list(following)
            assert last["errors"][0]["extensions"]["code"] == "ENDING"
            assert process.wait(30) == 0
            assert time.monotonic() - begun < 8
        assert process.stderr.read() == ""


def test_workers_end_when_who_started_them_was_killed(environ):  # noqa: F811 - a fixture
    with server(environ, "--workers", "2") as (address, process):
        process.kill()
        process.wait()

        def is_gone():
            try:
                ask(address, "{ projects }")
            except urllib.error.URLError as error:
                return isinstance(error.reason, ConnectionRefusedError)
            return False

        until(is_gone)


def test_an_address_that_others_reach_is_refused_until_somebody_has_a_token(workspace, environ):  # noqa: F811 - fixtures
    done = subprocess.run(
        [LATEWOOD, "server", "--host", "0.0.0.0", "--port", "0"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "others reach this address, and nobody has a token yet" in done.stderr
    create_token(workspace, "ann", Role.ADMIN)
    refuse_open(workspace, Serving(host="0.0.0.0"))


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.com", False),
    ],
)
def test_what_is_reached_from_this_computer_alone(host, is_local):
    assert Serving(host=host).is_local == is_local


def test_a_port_that_is_taken_is_refused_where_it_was_named(workspace, platform_url):  # noqa: F811 - fixtures
    from dataclasses import replace  # noqa: PLC0415 - here alone

    there = replace(workspace, url=platform_url)
    before = threading.active_count()
    gc.unfreeze()  # the tests
    with served_beside(there, 0) as address:
        port = int(address.rpartition(":")[2])
        until(lambda: ask(f"{address}/healthz", method="GET") == b"ok\n")
        assert json.loads(ask(f"{address}/graphql", "{ projects }"))["data"] == {"projects": ["default"]}
        with pytest.raises(UsageError, match=f"cannot serve at 127.0.0.1:{port}: "), served_beside(there, port):
            pass
        assert gc.get_freeze_count(), "what was imported is searched for garbage no more: it stopped every answer"
    until(lambda: threading.active_count() == before)  # the threads of calls end by themselves
    gc.unfreeze()
