"""Writers that die at any moment, connections that break at any moment: what was committed is read, once, in order."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count, groupby
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text

from latewood_eventlog.audit import verify
from latewood_eventlog.errors import DatabaseUnreachable, WrongExpectedVersion
from latewood_eventlog.log import EventLog, _wanted
from latewood_eventlog.statements import LOCK_HEAD_AND_READ
from latewood_eventlog.tailer import tail
from postgres.ledger import Balances, happened, meanwhile, moved, open_ledger, opened, to
from postgres.writer import batch_of

TESTS = Path(__file__).parents[1]


def writers_die_while_a_reader_tails(ledger, folder, *, writers: int, deaths: int) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    seen, stop = [], threading.Event()
    tailing = threading.Thread(
        target=lambda: seen.extend(tail(ledger.log, after=0, stop=stop, poll_s=0.001)), daemon=True
    )
    tailing.start()

    def lives_and_dies(number: int) -> list[tuple[int, int]]:
        """What the writer said it had recorded before it was killed."""
        environ = {**os.environ, "PYTHONPATH": str(TESTS), "LATEWOOD_DATABASE_URL": ledger.url.reveal()}
        with (
            (folder / str(number)).open("w+") as acknowledged,
            subprocess.Popen(
                [sys.executable, str(TESTS / "postgres" / "writer.py"), str(number)], env=environ, stdout=acknowledged
            ) as process,
        ):
            while not os.fstat(acknowledged.fileno()).st_size:
                assert process.poll() is None, "a writer ended by itself"
                time.sleep(0.005)
            time.sleep(chances[number - 1])
            process.kill()
            process.wait()
            acknowledged.seek(0)
            return [(int(of), int(n)) for of, n in map(str.split, acknowledged)]

    chances = [chance.uniform(0, 0.8) for _ in range(deaths)]
    with ThreadPoolExecutor(writers) as pool:
        told = [line for lines in pool.map(lives_and_dies, range(1, deaths + 1)) for line in lines]
    position = ledger.log.position()
    while not seen or seen[-1].position < position:
        assert tailing.is_alive()
        time.sleep(0.01)
        position = ledger.log.position()  # a commit may still have been under way in the server
    stop.set()
    tailing.join()

    assert [event.position for event in seen] == list(range(1, position + 1))
    batches = [(key, list(events)) for key, events in groupby(seen, key=lambda e: e.event_id.int >> 8)]
    numbers: dict[int, int] = {}
    for key, events in batches:
        of, n = key >> 56, key & (2**56 - 1)
        assert n == numbers.get(of, -1) + 1, "a writer's batches are in its order, without a gap"
        numbers[of] = n
        expected = [event.event_id for append in batch_of(of, n).appends for event in append.events]
        assert [event.event_id for event in events] == expected, "batches are whole"
        assert json.loads(events[0].data)["size"] == len(events)
    assert all(n <= numbers[of] for of, n in told), "what was acknowledged is recorded"
    assert len(told) <= len(batches) <= len(told) + deaths, "and no more than one batch per writer besides"
    assert verify(ledger.engine, ()).position == position


def test_writers_are_killed_while_a_reader_tails(ledger, tmp_path):
    writers_die_while_a_reader_tails(ledger, tmp_path, writers=3, deaths=6)


@pytest.mark.soak
def test_writers_are_killed_for_long_while_a_reader_tails(ledger, tmp_path):
    writers_die_while_a_reader_tails(ledger, tmp_path, writers=5, deaths=100)


def connections_break_at_any_moment(ledger, *, breaks: int) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    broken = []

    def break_some() -> None:
        for _ in range(breaks):
            time.sleep(chance.uniform(0, 0.03))
            broken.append(ledger.disconnect())

    breaking = threading.Thread(target=break_some)
    breaking.start()
    number = lost = 0
    expected = []
    while breaking.is_alive():
        number += 1
        batch = to(f"s{number % 7}", *(happened(data=f'{{"n":{number}}}') for _ in range(number % 3 + 1)))
        expected += [event.event_id for event in batch.appends[0].events]
        while True:
            try:
                ledger.log.append(batch)
            except DatabaseUnreachable:
                lost += 1
            else:
                break
    print("broken", sum(broken), "lost", lost)
    ledger.engine.dispose()
    recorded = ledger.log.read_all(limit=len(expected) + 1)
    assert [event.event_id for event in recorded] == expected
    assert lost > 0
    assert verify(ledger.engine, ()).position == len(expected)


def test_connections_break_while_appending_and_appending_again_is_exact(ledger):
    connections_break_at_any_moment(ledger, breaks=30)


@pytest.mark.soak
def test_connections_break_for_long(ledger):
    connections_break_at_any_moment(ledger, breaks=1_500)


def test_a_connection_that_breaks_in_its_commit_is_an_error_and_appending_again_is_exact(ledger):
    """Commits are held up in the server, so that the break surely meets one."""
    ledger.rows(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END'; "
        "CREATE CONSTRAINT TRIGGER dawdle AFTER UPDATE ON log_head DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION dawdle()",
        role="owner",
    )
    batch = to("s", happened(), happened())
    breaking = threading.Timer(0.15, ledger.disconnect)
    breaking.start()
    with pytest.raises(DatabaseUnreachable):
        ledger.log.append(batch)
    breaking.join()
    assert ledger.log.append(batch).positions == (1, 2)
    assert ledger.log.append(batch).repeated


def test_a_commit_whose_answer_is_lost_was_a_commit_and_appending_again_says_so(ledger, superuser_url):
    """A standby that never comes lets the server commit and then wait; the break comes between the two."""
    batch = to("s", happened(), happened())
    with closing(psycopg2.connect(superuser_url.libpq())) as superuser, superuser.cursor() as cursor:
        superuser.autocommit = True
        cursor.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        cursor.execute("SELECT pg_reload_conf()")
        try:
            with ThreadPoolExecutor() as pool:
                while True:
                    appending = pool.submit(ledger.log.append, batch)
                    while not appending.done():
                        cursor.execute(
                            "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()"
                        )
                        if cursor.rowcount and ledger.disconnect():
                            break
                    if isinstance(appending.exception(), DatabaseUnreachable):
                        break
                    appending.result()  # the server has not read its new setting yet
                    batch = to("s", happened(), happened())
        finally:
            cursor.execute("ALTER SYSTEM RESET synchronous_standby_names")
            cursor.execute("SELECT pg_reload_conf()")
    appended = ledger.log.append(batch)
    assert appended.repeated
    assert appended.positions[-1] == ledger.log.position()


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_writers_of_one_stream_take_turns_whatever_the_server_s_default_isolation(ledger, isolation):
    name = ledger.url.url.database
    ledger.rows(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'", role="owner")
    ledger.engine.dispose()
    refused = []

    def count_up(_stop) -> None:
        for _ in range(25):
            while True:
                version = ledger.log.version("p", "counter")
                try:
                    ledger.log.append(to("counter", happened(data=f'{{"n":{version}}}'), expected=version))
                except WrongExpectedVersion as error:
                    refused.append(error)
                else:
                    break

    with meanwhile(*[count_up] * 4):
        pass
    recorded = ledger.log.read("p", "counter")
    assert [json.loads(event.data)["n"] for event in recorded] == list(range(100))
    assert refused


def test_a_writer_that_stops_in_mid_append_does_not_hold_the_log_for_ever(ledger):
    with ledger.engine.connect() as connection:
        found = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
        assert found == "1min"
        connection.execute(text("SET idle_in_transaction_session_timeout = '200ms'"))
        connection.commit()
        connection.execute(text("SELECT FROM log_head FOR UPDATE"))
        started = time.monotonic()
        ledger.log.append(to("s", happened()))
        assert 0.1 < time.monotonic() - started < 5
        connection.invalidate()


def test_an_append_holds_the_log_for_seconds_at_most(ledger):
    """A writer that is stopped between the two halves of its append."""
    resting = []

    class Stopped(EventLog):
        def _append(self, connection, batches):
            connection.execute(LOCK_HEAD_AND_READ, _wanted(batches))
            resting.append(connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one())
            connection.execute(text("ROLLBACK"))
            return super()._append(connection, batches)

    Stopped(ledger.engine, ledger.log.projections).append(to("s", happened()))
    with ledger.engine.connect() as connection:
        assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "1min"
    assert resting == ["15s"]


def test_readers_of_the_log_and_of_a_projection_see_the_same_position(database_url):
    """The fold is in the append's transaction: no snapshot holds one without the other."""
    with open_ledger(database_url, Balances()) as ledger:
        ledger.log.append(to("a", opened("a")))

        def move(stop) -> None:
            for now in count(2):
                ledger.log.append(to("a", moved("a", now)))
                if stop.is_set():
                    break

        seen, deadline = set(), time.monotonic() + 20
        with meanwhile(move):
            while len(seen) < 50 and time.monotonic() < deadline:
                ((head, amount),) = ledger.rows("SELECT position, amount FROM log_head, balances")
                assert amount == (0 if head == 1 else head)
                seen.add(head)
        assert len(seen) == 50
