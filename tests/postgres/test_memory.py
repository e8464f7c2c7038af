"""A writer that nobody disturbs appends in one round trip, and the log is as if it had asked for all it knew."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from latewood_eventlog import log as log_module
from latewood_eventlog.audit import verify
from latewood_eventlog.errors import EventConflict, LeaseLost, SchemaUnknown, WrongExpectedVersion
from latewood_eventlog.leases import acquire, release
from latewood_eventlog.log import EventLog
from latewood_eventlog.records import Batch
from postgres.ledger import Balances, happened, moved, open_ledger, opened, to


@pytest.fixture
def ledger(database_url):
    with open_ledger(database_url, Balances()) as ledger:
        yield ledger


@pytest.fixture
def log(ledger):
    """A log whose last two appends were undisturbed: the next one is from memory."""
    for _ in range(2):
        ledger.log.append(to("s", happened()))
    with statements(ledger) as told:
        ledger.log.append(to("s", happened()))
    assert len(told) == 1
    return ledger.log


@contextmanager
def statements(ledger):
    told = []

    def tell(_connection, _cursor, statement, *_):
        told.append(statement)

    event.listen(ledger.engine, "before_cursor_execute", tell)
    yield told
    event.remove(ledger.engine, "before_cursor_execute", tell)


@pytest.fixture
def other(ledger):
    return EventLog(ledger.engine, ledger.log.projections)


def places(log, project="p", stream="s"):
    return [(e.position, e.version) for e in log.read(project, stream)]


def test_projections_are_applied_in_the_same_round_trip(ledger, log):
    log.append(to("account/a", opened("a")))
    with statements(ledger) as told:
        log.append(to("account/a", moved("a", 5)))
    assert len(told) == 1
    assert [tuple(row) for row in ledger.rows("SELECT amount FROM balances")] == [(5,)]
    verify(ledger.engine, log.projections)


def test_somebody_else_has_written(ledger, log, other):
    other.append(to("s", happened()))
    log.append(to("s", happened()))
    log.append(to("s", happened()))
    assert places(log) == [(n, n) for n in range(1, 7)]
    verify(ledger.engine, log.projections)


def test_two_who_take_turns(ledger, log, other):
    for _ in range(5):
        log.append(to("s", happened(), expected=log.version("p", "s")))
        other.append(to("s", happened(), expected=log.version("p", "s")))
    assert places(log) == [(n, n) for n in range(1, 14)]
    verify(ledger.engine, log.projections)


def test_a_refusal_is_never_from_memory(log, other):
    told = happened()
    other.append(to("s", told, expected=3))
    again = log.append(to("s", told, expected=3))
    assert (again.positions, again.repeated) == ((4,), True)
    with pytest.raises(WrongExpectedVersion):
        log.append(to("s", happened(), expected=3))


def test_an_event_that_another_one_recorded_long_ago(log, other):
    told = happened()
    other.append(to("s", told))
    for _ in range(3):
        log.append(to("s", happened()))
    assert log.append(to("s", told)).positions == (4,)
    assert log.append(to("s", happened())).positions == (8,)


def test_an_own_event_again(log):
    told = happened()
    log.append(to("s", told))
    assert log.append(to("s", told)).repeated
    with pytest.raises(EventConflict):
        log.append(to("s", happened(event_id=told.event_id, data='{"other": 1}')))
    assert places(log) == [(n, n) for n in range(1, 5)]


def test_a_cause_of_an_earlier_append(ledger, log):
    cause = happened()
    log.append(to("s", cause))
    with statements(ledger) as told:
        log.append(to("s", happened(cause=cause.event_id)))
    assert len(told) == 1
    assert log.read("p", "s")[-1].cause == 4


def test_a_batch_without_events(log):
    assert log.append(Batch(appends=())).positions == ()


def test_a_lease_that_was_lost_meanwhile(ledger, log):
    held = acquire(ledger.engine, "p", "l", holder="a", duration=timedelta(minutes=1))
    for _ in range(2):
        log.append(to("s", happened(), fence=held.fence))
    with statements(ledger) as told:
        log.append(to("s", happened(), fence=held.fence))
    assert len(told) == 1
    release(ledger.engine, held)
    taken = acquire(ledger.engine, "p", "l", holder="b", duration=timedelta(minutes=1))
    with pytest.raises(LeaseLost):
        log.append(to("s", happened(), fence=held.fence))
    log.append(to("s", happened(), fence=taken.fence))
    assert places(log) == [(n, n) for n in range(1, 8)]


def test_projections_that_were_migrated_meanwhile(ledger, log):
    ledger.rows("UPDATE projections SET version = version + 1")
    with pytest.raises(SchemaUnknown):
        log.append(to("s", happened()))
    assert log.position() == 3


def test_the_own_clock_goes_back(ledger, log, monkeypatch):
    now = datetime.now(UTC).timestamp()
    for ahead in (0.0, 0.5, 0.3, -5.0, 0.0):
        monkeypatch.setattr(log_module.time, "time", lambda ahead=ahead: now + ahead)
        log.append(to("s", happened()))
    times = [e.recorded_at for e in log.read("p", "s")]
    assert times == sorted(times)
    verify(ledger.engine, log.projections)


def test_after_a_second_the_server_is_asked_again(ledger, log, monkeypatch):
    now = datetime.now(UTC).timestamp()
    monkeypatch.setattr(log_module.time, "time", lambda: now + 3600)
    with statements(ledger) as told:
        log.append(to("s", happened()))
    assert len(told) == 2
    assert log.read("p", "s")[-1].recorded_at.timestamp() < now + 60
