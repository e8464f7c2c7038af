"""Servers that cannot be used are told apart from questions that went wrong, and from a person who interrupts."""

import os
import signal
import socket
import struct
import threading
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import text

from latewood_eventlog.database import DatabaseUrl, connect
from latewood_eventlog.errors import DatabaseUnreachable


def address(port):
    return DatabaseUrl.parse(f"postgresql://me:s3cret@127.0.0.1:{port}/db?connect_timeout=2&sslmode=disable")


@contextmanager
def listening(serve):
    """The port of a server that treats each connection so."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def accept():
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        serve(connection)
            except OSError:  # closed: the test is over
                pass

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def message(kind, *parts):
    body = b"".join(parts)
    return kind + struct.pack("!i", len(body) + 4) + body


READY = message(b"Z", b"I")


def postgres(version):
    """Serves as much of the protocol as tells a version."""

    def serve(connection):
        connection.recv(8_192)
        parameters = {b"server_version": version, b"client_encoding": b"UTF8", b"standard_conforming_strings": b"on"}
        told = [message(b"S", name, b"\0", value, b"\0") for name, value in parameters.items()]
        connection.sendall(message(b"R", struct.pack("!i", 0)) + b"".join(told) + READY)
        while (asked := connection.recv(8_192))[:1] == b"Q":
            value = b"PostgreSQL " + version if b"version()" in asked else b"on"
            column = b"x\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
            row = struct.pack("!h", 1) + struct.pack("!i", len(value)) + value
            answer = [message(b"T", struct.pack("!h", 1), column), message(b"D", row), message(b"C", b"SELECT 1\0")]
            rows = b"".join(answer) if b"select" in asked.lower() or b"show" in asked.lower() else answer[2]
            connection.sendall(rows + READY)

    return serve


def web(connection):
    connection.recv(8_192)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def silent(connection):
    while connection.recv(8_192):
        pass


@pytest.mark.parametrize(
    ("serve", "found"),
    [
        (web, "expected authentication request from server"),
        (lambda connection: None, "expected a connection, found: "),
        (silent, "timeout expired"),
        (postgres(b"15.4"), "expected Postgres 16 or newer, found 15.4; upgrade the server or name another one."),
    ],
    ids=["web", "closing", "silent", "old"],
)
def test_what_is_no_server_of_ours(serve, found):
    with listening(serve) as port, pytest.raises(DatabaseUnreachable) as refused:
        connect(address(port), role="engine")
    assert found in str(refused.value)
    assert f"'db' at 127.0.0.1:{port}" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_password_with_an_at_sign_is_not_taken_for_a_host():
    with pytest.raises(DatabaseUnreachable, match="must be percent-encoded") as refused:
        DatabaseUrl.parse("postgresql://me:s3@cret@127.0.0.1:9/db")
    assert "cret" not in str(refused.value).replace("percent", "")


@pytest.mark.parametrize("state", ["53100", "53200", "57P01", "58030", "25006", "XX001"])
def test_a_server_that_cannot_do_its_work_is_not_reachable(database_url, state):
    engine = connect(database_url, role="engine")
    story = f"DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '{state}'; END $$"
    with (
        pytest.raises(DatabaseUnreachable, match="found: no room; what was recorded before stays"),
        engine.begin() as c,
    ):
        c.execute(text(story))
    engine.dispose()


def test_an_interrupt_is_not_taken_for_a_lost_server(database_url):
    engine = connect(database_url, role="engine")
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with engine.connect() as connection:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt):
                connection.execute(text("SELECT pg_sleep(0.5)"))
    finally:
        signal.signal(signal.SIGALRM, before)
        engine.dispose()


@pytest.mark.parametrize(("query", "expected_ms"), [({}, 60_000), ({"tcp_user_timeout": "5000"}, 5_000)])
@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="a system that knows no such bound")
def test_what_a_network_swallows_is_waited_for_a_minute_and_not_a_quarter_of_an_hour(ledger, query, expected_ms):
    url = DatabaseUrl(url=ledger.url.url.update_query_dict(query))
    engine = connect(url, role="reader")
    with closing(engine.raw_connection()) as connection, socket.socket(fileno=os.dup(connection.fileno())) as wire:
        found = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    engine.dispose()
    assert found == expected_ms
