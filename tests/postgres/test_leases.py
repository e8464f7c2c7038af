"""Leases: one holder at a time, and whoever was one is told so, at the latest by the log."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from latewood_eventlog.errors import LeaseLost
from latewood_eventlog.leases import (
    acquire,
    acquire_free,
    acquire_slots,
    discard,
    discard_expired,
    discard_slots,
    held,
    holders_below,
    release,
    renew,
    renew_all,
    renew_lone,
)
from latewood_eventlog.statements import DISCARD_SLOTS_THEN_HOLDERS_BELOW, LEASE_UNHEARD
from postgres.ledger import happened, to

TESTS = Path(__file__).parents[1]
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(milliseconds=20)


@pytest.fixture
def engine(ledger):
    return ledger.engine


def expired(engine, holder="ann"):
    """A lease that has come to its end."""
    lease = acquire(engine, "p", "run", holder=holder, duration=MOMENT)
    time.sleep(0.03)
    return lease


def test_one_holder_at_a_time(engine):
    lease = acquire(engine, "p", "run", holder="ann", duration=MINUTE)
    assert (lease.project, lease.name, lease.holder, lease.epoch) == ("p", "run", "ann", 1)
    assert timedelta(0) < lease.expires_at - datetime.now(UTC) <= MINUTE + timedelta(seconds=1)
    assert acquire(engine, "p", "run", holder="bob", duration=MINUTE) is None
    assert acquire(engine, "p", "run", holder="ann", duration=MINUTE) is None, "not even the same holder's"
    assert acquire(engine, "q", "run", holder="bob", duration=MINUTE).epoch == 1, "another project's is another"
    assert acquire(engine, "p", "other", holder="bob", duration=MINUTE).epoch == 1
    assert held(engine, "p", ["run", "other", "none"]) == {"run", "other"}
    assert held(engine, "p", []) == frozenset()


def test_an_expired_lease_changes_hands_and_its_epoch_rises(engine):
    first = expired(engine)
    assert held(engine, "p", ["run"]) == frozenset()
    second = acquire(engine, "p", "run", holder="bob", duration=MINUTE)
    assert (second.holder, second.epoch) == ("bob", first.epoch + 1)
    with pytest.raises(LeaseLost, match="lease 'run': expected epoch 1, found epoch 2; another holder") as lost:
        renew(engine, first, duration=MINUTE)
    assert (lost.value.epoch, lost.value.found) == (1, 2)
    release(engine, first)
    assert held(engine, "p", ["run"]) == {"run"}, "who lost it cannot give it away"


def test_renewing_moves_the_end(engine):
    lease = acquire(engine, "p", "run", holder="ann", duration=timedelta(seconds=5))
    assert renew(engine, lease, duration=MINUTE) > lease.expires_at + timedelta(seconds=50)
    late = expired(engine) or lease
    assert renew(engine, late, duration=MINUTE), "as long as nobody took it"


def test_a_released_lease_is_free_and_its_next_epoch_is_higher(engine):
    lease = acquire(engine, "p", "run", holder="ann", duration=MINUTE)
    release(engine, lease)
    assert held(engine, "p", ["run"]) == frozenset()
    with pytest.raises(LeaseLost, match="it released"):
        renew(engine, lease, duration=MINUTE)
    assert held(engine, "p", ["run"]) == frozenset(), "a late heartbeat does not revive it"
    assert acquire(engine, "p", "run", holder="bob", duration=MINUTE).epoch == 2
    with pytest.raises(LeaseLost, match="no such lease"):
        renew(engine, replace(lease, name="never"), duration=MINUTE)


def test_an_append_is_refused_once_another_one_has_the_lease(ledger):
    first = expired(ledger.engine)
    log = ledger.log
    assert log.append(to("run", happened(), fence=first.fence)).positions == (1,), "nobody took it yet"
    recorded = to("run", happened(), fence=first.fence)
    log.append(recorded)
    second = acquire(ledger.engine, "p", "run", holder="bob", duration=MINUTE)
    with pytest.raises(LeaseLost, match="lease 'run': expected epoch 1, found epoch 2") as lost:
        log.append(to("run", happened(), fence=first.fence))
    assert (lost.value.lease, lost.value.epoch, lost.value.found) == ("run", 1, 2)
    with pytest.raises(LeaseLost, match="no such lease"):
        log.append(to("run", happened(), fence=replace(second, name="never").fence))
    with pytest.raises(LeaseLost):
        log.append(to("run", happened(), fence=replace(second, project="q").fence))
    late, own = log.append_many([to("run", happened(), fence=first.fence), to("run", happened(), fence=second.fence)])
    assert isinstance(late, LeaseLost)
    assert own.positions == (3,)
    assert log.append(recorded).repeated, "what is recorded is recorded"


def test_a_lease_does_not_change_hands_while_its_holder_s_append_is_under_way(ledger):
    """The new holder reads the log when it has the lease: it must find every append that passed with the old one."""
    first = expired(ledger.engine)
    ledger.rows(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END'; "
        "CREATE TRIGGER dawdle AFTER INSERT ON events EXECUTE FUNCTION dawdle()",
        role="owner",
    )
    appending = threading.Thread(target=ledger.log.append, args=(to("run", happened(), fence=first.fence),))
    appending.start()
    time.sleep(0.15)
    assert ledger.log.version("p", "run") == 0, "it is under way"
    assert acquire(ledger.engine, "p", "run", holder="bob", duration=MINUTE).epoch == 2
    assert ledger.log.version("p", "run") == 1
    appending.join()


def test_two_processes_race_and_one_wins(ledger):
    script = (
        "import os, sys; from datetime import timedelta; from latewood_eventlog.database import DatabaseUrl, connect;"
        "from latewood_eventlog.leases import acquire;"
        "engine = connect(DatabaseUrl.parse(os.environ['LATEWOOD_DATABASE_URL']), role='engine');"
        "print('ready', flush=True); sys.stdin.readline();"
        "print(*(int(acquire(engine, 'p', f'run{i}', holder=sys.argv[1], duration=timedelta(minutes=1)) is not None)"
        " for i in range(40)))"
    )
    environ = {**os.environ, "LATEWOOD_DATABASE_URL": ledger.url.reveal()}
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", script, name], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in ("ann", "bob")
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("\n")
        racer.stdin.flush()
    ann, bob = ([int(won) for won in racer.communicate()[0].split()] for racer in racers)
    assert [a + b for a, b in zip(ann, bob, strict=True)] == [1] * 40
    holders = dict(ledger.rows("SELECT name, holder FROM leases"))
    assert [holders[f"run{i}"] == "ann" for i in range(40)] == [bool(won) for won in ann]


def test_threads_that_race_for_an_expired_lease(ledger):
    expired(ledger.engine)
    won = []
    barrier = threading.Barrier(4)

    def race() -> None:
        barrier.wait()
        won.append(acquire(ledger.engine, "p", "run", holder="x", duration=MINUTE))

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [lease.epoch for lease in won if lease is not None] == [2]


def test_when_a_holder_was_last_heard_of_does_not_hang_on_for_how_long_it_leases(engine):
    def unheard():
        with engine.begin() as connection:
            return connection.execute(text("SELECT " + LEASE_UNHEARD % ("'p'", "'run'"))).scalar_one()

    assert unheard() is None
    lease = acquire(engine, "p", "run", holder="ann", duration=MINUTE)
    time.sleep(0.3)
    assert 0.3 <= unheard() < 20
    renew(engine, lease, duration=60 * MINUTE)
    assert 0 <= unheard() < 0.3
    release(engine, lease)
    assert unheard() is None, "nobody is there to be heard of"


def test_who_holds_a_lease_of_a_kind_is_listed(engine):
    kept = [acquire(engine, "p", f"engine/{name}", holder="ann", duration=MINUTE) for name in ("b", "a", "c")]
    acquire(engine, "p", "run/engine/d", holder="ann", duration=MINUTE)
    acquire(engine, "q", "engine/e", holder="ann", duration=MINUTE)
    acquire(engine, "p", "engine/gone", holder="ann", duration=MOMENT)
    time.sleep(0.03)
    release(engine, kept[2])
    found = holders_below(engine, "p", "engine/")
    assert [(each.name, each.holder) for each in found] == [("engine/a", "ann"), ("engine/b", "ann")]
    assert all(each.since <= each.renewed_at < each.asked_at for each in found)
    renew(engine, kept[1], duration=MINUTE)
    (first, _) = holders_below(engine, "p", "engine/")
    assert found[0].asked_at < first.renewed_at
    assert first.since == found[0].since


def slots(engine, *limits, holder="ann", duration=MINUTE):
    told = ", ".join(f"('{name}', {limit})" for name, limit in (*limits, ("another", 1)))
    names = [name for name, _ in limits]
    limited = f"SELECT * FROM (VALUES {told}) AS l (name, most) WHERE most > 0"
    return acquire_slots(engine, "p", "pool/", names, limits=limited, holder=holder, duration=duration)


def test_no_more_slots_are_held_than_the_limit_and_the_first_free_one_is_taken(engine):
    (first,), (second,) = slots(engine, ("a", 2)), slots(engine, ("a", 2))
    assert (first.name, second.name) == ("pool/a/0", "pool/a/1")
    assert slots(engine, ("a", 2)) is None
    assert slots(engine, ("b", 2)) is not None, "another pool's are others"
    discard(engine, [first])
    assert slots(engine, ("a", 1)) is None, "the other one that is held counts, whatever its number"
    assert slots(engine, ("a", 2))[0].name == "pool/a/0"
    slots(engine, ("c", 1), duration=MOMENT)
    time.sleep(0.03)
    assert slots(engine, ("c", 1))[0].epoch == 2, "its holder is gone"


def test_slots_of_several_pools_are_taken_together_or_not_at_all(engine):
    (only,) = slots(engine, ("b", 1))
    assert slots(engine, ("a", 5), ("b", 1)) is None
    assert holders_below(engine, "p", "pool/a/") == ()
    discard(engine, [only])
    assert [lease.name for lease in slots(engine, ("b", 1), ("a", 5))] == ["pool/b/0", "pool/a/0"]


def test_of_what_is_not_limited_no_slot_is_had(engine):
    assert slots(engine, ("a", 0)) == ()
    assert [lease.name for lease in slots(engine, ("a", 0), ("b", 1))] == ["pool/b/0"]


def test_who_discards_sees_in_one_go_who_holds_what(ledger):
    engine = ledger.engine
    (own,) = slots(engine, ("a", 1))
    acquire_free(engine, "p", ["waiting/b", "waiting/a"], holder="bob", duration=MINUTE)
    found = discard_slots(engine, [own], "waiting/")
    assert [(each.name, each.holder) for each in found] == [("waiting/a", "bob"), ("waiting/b", "bob")]
    assert [each.name for each in discard_slots(engine, [own], "pool/")] == []


def test_who_asks_for_a_slot_that_is_being_given_back_gets_it(ledger):
    engine, found = ledger.engine, []
    (own,) = slots(engine, ("a", 1))
    given = {"project": "p", "names": [own.name], "holders": [own.holder], "epochs": [own.epoch]}
    asks = threading.Thread(target=lambda: found.append(slots(engine, ("a", 1))))
    with engine.begin() as giving:
        assert giving.execute(DISCARD_SLOTS_THEN_HOLDERS_BELOW, {**given, "prefix": "waiting/"}).all() == []
        asks.start()
        deadline = time.monotonic() + 30
        while asks.is_alive() and not ledger.rows("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert time.monotonic() < deadline, "it waits for nobody"
            time.sleep(0.01)
    asks.join()
    assert [lease.name for lease in found[0] or ()] == ["pool/a/0"], "nobody would tell it that there is one"


def test_threads_that_race_for_slots_get_as_many_as_there_are(engine):
    barrier, won = threading.Barrier(8), []

    def race() -> None:
        barrier.wait()
        won.append(slots(engine, ("a", 3)))

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found[0].name for found in won if found) == ["pool/a/0", "pool/a/1", "pool/a/2"]


def test_many_leases_are_taken_renewed_and_discarded_at_once(ledger):
    engine = ledger.engine
    taken = acquire(engine, "p", "b", holder="bob", duration=MINUTE)
    own = acquire_free(engine, "p", ["c", "a", "b"], holder="ann", duration=MINUTE)
    assert sorted(lease.name for lease in own) == ["a", "c"]
    release(engine, own[0])
    assert renew_all(engine, own, duration=MINUTE) == [own[0]]
    assert renew_all(engine, [], duration=MINUTE) == []
    discard(engine, [*own, replace(taken, holder="ann")])
    assert ledger.rows("SELECT name FROM leases") == [("b",)], "what is another one's stays"


def test_those_beside_which_nobody_is_are_renewed_in_all_projects_at_once(ledger):
    engine = ledger.engine
    own = [
        acquire_free(engine, project, ["here/ann"], holder="ann", duration=MINUTE)[0]
        for project in ("p", "q", "r", "s")
    ]
    acquire(engine, "q", "here/bob", holder="bob", duration=MINUTE)
    acquire(engine, "r", "pool/a/0", holder="bob", duration=MINUTE)
    ledger.rows("UPDATE leases SET expires_at = now() WHERE project = 's' RETURNING name", role="owner")
    (before,) = ledger.rows("SELECT max(renewed_at) FROM leases")
    assert renew_lone(engine, own, "here/", duration=MINUTE) == {own[0], own[2]}, "nor what had ended meanwhile"
    renewed = ledger.rows(f"SELECT project FROM leases WHERE renewed_at > '{before[0]}' ORDER BY project")
    assert renewed == [("p",), ("r",)]
    assert renew_lone(engine, [], "here/", duration=MINUTE) == frozenset()


def test_what_ended_long_ago_is_let_go_by_the_beginning_of_its_name(ledger):
    acquire_free(ledger.engine, "p", ["flight/a", "flight/b", "run/c"], holder="ann", duration=MINUTE)
    ledger.rows(
        "UPDATE leases SET expires_at = now() - interval '2 hours' WHERE name <> 'flight/b' RETURNING name",
        role="owner",
    )
    discard_expired(ledger.engine, "p", ["flight/", "here/"])
    assert ledger.rows("SELECT name FROM leases ORDER BY name") == [("flight/b",), ("run/c",)]


@pytest.mark.parametrize("act", [discard, lambda engine, leases: renew_all(engine, leases, duration=MINUTE)])
def test_whoever_wants_several_waits_for_them_in_the_order_of_names(ledger, act):
    engine = ledger.engine
    leases = [acquire_free(engine, "p", [name], holder="ann", duration=MINUTE)[0] for name in ("b", "a")]
    thread = threading.Thread(target=act, args=(engine, leases))
    with engine.connect() as other:
        other.execute(text("SELECT FROM leases WHERE name = 'a' FOR UPDATE"))
        thread.start()
        waits = "SELECT FROM pg_locks WHERE locktype = 'tuple' AND relation = 'leases'::regclass"
        deadline = time.monotonic() + 30
        while not ledger.rows(waits):
            assert time.monotonic() < deadline, "it waits for nobody"
            time.sleep(0.01)
        other.execute(text("SELECT FROM leases WHERE name = 'b' FOR UPDATE NOWAIT"))  # or it would be a deadlock
        other.rollback()
    thread.join()
