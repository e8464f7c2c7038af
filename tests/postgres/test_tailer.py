"""Following the log: a hint makes it quick, and nothing is missed without one."""

import os
import threading
import time
from contextlib import closing, contextmanager
from queue import Queue

import pytest

from latewood_eventlog.database import dsn
from latewood_eventlog.errors import DatabaseUnreachable
from latewood_eventlog.tailer import Announcer, tail
from postgres.ledger import happened, to

LONG_S = 30.0
"""A poll that no test waits for: what is seen sooner was seen by a hint."""


@pytest.fixture
def listens(ledger) -> str:
    """How a listener connects; a name of its own, so that a test can end it alone."""
    return dsn(ledger.url, role="reader") + " application_name=latewood-listener"


@contextmanager
def announcing(ledger):
    address = dsn(ledger.url, role="engine") + " application_name=latewood-announcer"
    with closing(Announcer(address, every_s=0.001)) as announcer:
        yield announcer


@contextmanager
def tailing(ledger, **options):
    """Positions, as a thread that tails from the start sees them."""
    seen, stop = Queue(), threading.Event()

    def tails() -> None:
        for event in tail(ledger.log, after=0, stop=stop, **options):
            seen.put(event.position)

    thread = threading.Thread(target=tails, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
    if "dsn" not in options:
        thread.join()


def wait_for(ledger, name: str) -> None:
    """Until a connection with this name is there and has said what it wants."""
    deadline = time.monotonic() + 20
    while not ledger.rows(
        "SET LOCAL ROLE NONE; SELECT FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = :name AND query LIKE 'LISTEN%'",
        role="owner",
        name=f"latewood-{name}",
    ):
        assert time.monotonic() < deadline, f"no {name}"
        time.sleep(0.005)


def test_what_was_there_before_comes_first(ledger):
    ledger.log.append_many([to("s", *(happened() for _ in range(500))) for _ in range(5)])
    stop, seen = threading.Event(), []
    for event in tail(ledger.log, after=200, stop=stop):
        seen.append(event.position)
        if event.position == 2_500:
            stop.set()
    assert seen == list(range(201, 2_501))


def test_polling_finds_what_nobody_announced(ledger):
    with tailing(ledger, poll_s=0.01) as seen:
        for position in range(1, 4):
            ledger.log.append(to("s", happened()))
            assert seen.get(timeout=5) == position


def test_a_hint_is_as_good_as_a_poll_and_quicker(ledger, listens):
    with announcing(ledger) as announcer, tailing(ledger, dsn=listens, poll_s=LONG_S) as seen:
        wait_for(ledger, "listener")
        for position in range(1, 6):
            ledger.log.append(to("s", happened()))
            announcer.announce()
            assert seen.get(timeout=5) == position


def test_a_project_s_events_only_and_the_others_are_not_read_again(ledger):
    with tailing(ledger, poll_s=0.01, project="q") as seen:
        for i in range(1, 31):
            ledger.log.append(to("s", happened(), project="q" if i % 10 == 0 else "p"))
        assert [seen.get(timeout=5) for _ in range(3)] == [10, 20, 30]


def test_a_listener_whose_connection_ends_goes_on_and_listens_again(ledger, listens):
    with announcing(ledger) as announcer, tailing(ledger, dsn=listens, poll_s=0.05) as seen:
        for position in range(1, 4):
            wait_for(ledger, "listener")
            assert ledger.disconnect("listener") == 1
            ledger.log.append(to("s", happened()))
            announcer.announce()
            assert seen.get(timeout=5) == position


def test_a_listener_that_cannot_connect_polls(ledger):
    with tailing(ledger, dsn="host=127.0.0.1 port=1 connect_timeout=1", poll_s=0.01) as seen:
        ledger.log.append(to("s", happened()))
        assert seen.get(timeout=5) == 1


def test_an_announcer_whose_connection_ended_announces_what_it_missed(ledger, listens):
    with announcing(ledger) as announcer, tailing(ledger, dsn=listens, poll_s=LONG_S) as seen:
        wait_for(ledger, "listener")
        for position in (1, 2):
            ledger.log.append(to("s", happened()))
            announcer.announce()
            assert seen.get(timeout=5) == position
            assert ledger.disconnect("announcer") == 1


def test_an_announcer_says_what_is_left_before_it_closes(ledger, listens):
    with tailing(ledger, dsn=listens, poll_s=LONG_S) as seen:
        wait_for(ledger, "listener")
        for position in range(1, 6):
            ledger.log.append(to("s", happened()))
            with announcing(ledger) as announcer:
                announcer.announce()
            assert seen.get(timeout=5) == position


def test_an_announcer_without_a_server_is_quiet_and_closes():
    started = time.monotonic()
    with closing(Announcer("host=127.0.0.1 port=1 connect_timeout=1")) as announcer:
        announcer.announce()
    assert time.monotonic() - started < 5


def test_a_tail_that_lost_the_database_goes_on_from_the_last_position(ledger):
    """A generator that raised is over; the next one takes up where it stood."""
    stop, seen, lost = threading.Event(), [], 0
    ledger.log.append_many([to("s", happened()) for _ in range(3)])
    while not stop.is_set():
        try:
            for event in tail(ledger.log, after=seen[-1] if seen else 0, stop=stop, poll_s=0.01):
                seen.append(event.position)
                if event.position in (3, 7):
                    ledger.disconnect()
                if event.position == 11:
                    stop.set()
        except DatabaseUnreachable:
            lost += 1
            ledger.log.append_many([to("s", happened()) for _ in range(4)])
    assert seen == list(range(1, 12))
    assert lost == 2


def test_a_listener_works_in_a_process_with_very_many_files_open(ledger, listens):
    """select() knows no file beyond the 1,024th."""
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_100)]
    try:
        with announcing(ledger) as announcer, tailing(ledger, dsn=listens, poll_s=LONG_S) as seen:
            wait_for(ledger, "listener")
            ledger.log.append(to("s", happened()))
            announcer.announce()
            assert seen.get(timeout=5) == 1
    finally:
        for file in files:
            os.close(file)
