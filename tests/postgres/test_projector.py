"""Read models: applied with the append or after it, each event once, and the same however they came about."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

import pytest
from sqlalchemy import Table

from latewood_eventlog.audit import verify
from latewood_eventlog.codec import Upcasters
from latewood_eventlog.errors import SchemaUnknown
from latewood_eventlog.log import EventLog
from latewood_eventlog.migrate import migrate, rebuild
from latewood_eventlog.projector import Change, Derive, Put, Remove, Set, follow, statements_of
from latewood_eventlog.records import RecordedEvent
from latewood_eventlog.statements import execute_together
from postgres.ledger import (
    BALANCES,
    CLEAR,
    Balances,
    Movements,
    cleared,
    closed,
    happened,
    meanwhile,
    moved,
    open_ledger,
    opened,
    to,
)

NONE = Upcasters()


@pytest.fixture
def ledger(database_url):
    with open_ledger(database_url, Balances(), Movements()) as ledger:
        yield ledger


def balances(ledger) -> list[tuple]:
    return ledger.rows('SELECT project, account, "user", amount FROM balances ORDER BY 1, 2')


def movements(ledger) -> list[tuple]:
    return ledger.rows('SELECT position, account, amount FROM "order" ORDER BY 1')


def test_an_inline_projection_is_applied_with_the_append(ledger):
    ledger.log.append(to("a", opened("a"), moved("a", 5), opened("b", "bob")))
    assert balances(ledger) == [("p", "a", "ann", 5), ("p", "b", "bob", 0)]
    ledger.log.append(to("a", moved("b", 7), closed("a"), moved("a", 9), happened(), project="p"))
    assert balances(ledger) == [("p", "b", "bob", 7)]
    ledger.log.append(to("a", opened("b", "eve"), project="q"))
    assert balances(ledger) == [("p", "b", "bob", 7), ("q", "b", "eve", 0)]


def test_events_that_are_told_again_are_not_applied_again(ledger):
    batch = to("a", opened("a"))
    ledger.log.append(batch)
    ledger.log.append(to("a", moved("a", 5)))
    assert ledger.log.append(batch).repeated
    assert balances(ledger) == [("p", "a", "ann", 5)]


def test_a_reducer_that_fails_keeps_the_append_out(ledger):
    ledger.log.append(to("a", opened("a")))
    with pytest.raises(KeyError, match="account"):
        ledger.log.append_many([to("a", moved("a", 5)), to("a", happened("moved"))])
    assert ledger.log.position() == 1
    assert balances(ledger) == [("p", "a", "ann", 0)]
    assert ledger.log.append(to("a", moved("a", 5))).positions == (2,)


def test_followers_apply_each_event_once_however_many_there_are(ledger):
    """Each follower gives up and starts again all the time; one position more or less would be a row more or less."""
    total = 300

    def follows(stop) -> None:
        chance = Random(threading.get_ident())
        while not stop.is_set():
            follow(ledger.engine, Movements(), NONE, until=ledger.log.position() - chance.randint(0, 5))

    with meanwhile(follows, follows, follows):
        for i in range(total // 3):
            ledger.log.append(to("a", *(moved("a", 3 * i + j) for j in range(3))))
    assert follow(ledger.engine, Movements(), NONE, until=total) == total
    assert movements(ledger) == [(i + 1, "a", i) for i in range(total)]
    verify(ledger.engine, ledger.log.projections)


def test_a_follower_never_runs_ahead_of_the_log(ledger):
    ledger.log.append(to("a", moved("a", 1)))
    assert follow(ledger.engine, Movements(), NONE, until=1_000) == 1
    assert follow(ledger.engine, Movements(), NONE, until=0) == 1
    ledger.log.append(to("a", moved("a", 2)))
    assert follow(ledger.engine, Movements(), NONE, until=1_000) == 2
    assert movements(ledger) == [(1, "a", 1), (2, "a", 2)]


def test_a_process_that_outlives_a_migration_can_neither_append_nor_follow(ledger):
    ledger.log.append(to("a", opened("a")))
    newer = (Balances(version=2), Movements(version=2))
    migrate(ledger.owner, newer)
    with pytest.raises(SchemaUnknown, match="projection 'balances': expected version 1, found 2; upgrade Latewood"):
        ledger.log.append(to("a", moved("a", 1)))
    with pytest.raises(SchemaUnknown, match="projection 'movements': expected version 1, found 2"):
        follow(ledger.engine, Movements(), NONE, until=1)
    assert ledger.log.position() == 1
    assert EventLog(ledger.engine, newer).append(to("a", moved("a", 1))).positions == (2,)
    assert balances(ledger) == [("p", "a", "ann", 2)]
    verify(ledger.engine, newer)


def test_a_process_that_does_not_know_a_projection_cannot_append(ledger):
    with pytest.raises(SchemaUnknown, match="projection 'movements': expected version 0, found 1; upgrade Latewood"):
        EventLog(ledger.engine, [Balances()]).append(to("a", opened("a")))
    unbuilt = replace(Movements(), name="unbuilt")
    with pytest.raises(SchemaUnknown, match="projection 'unbuilt': expected version 1, found 0; run `latewood db mig"):
        EventLog(ledger.engine, [Balances(), Movements(), unbuilt]).append(to("a", opened("a")))
    with pytest.raises(SchemaUnknown, match="projection 'unbuilt'"):
        follow(ledger.engine, unbuilt, NONE, until=1)


# ── however they came about ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Witness:
    """Keeps what its reducer is given, and changes nothing."""

    seen: list[RecordedEvent]
    name: str = "witness"
    version: int = 1
    inline: bool = True
    tables: tuple[Table, ...] = ()
    types: frozenset[str] = frozenset({"noted"})

    def apply(self, event: RecordedEvent) -> Iterable[Change]:
        self.seen.append(event)
        return ()


def test_a_reducer_is_given_the_same_events_inline_and_in_a_rebuild(database_url):
    witness = Witness([])
    upcasters = Upcasters(current={"noted": 2}, steps={("noted", 1): lambda data: {**data, "new": True}})
    with open_ledger(database_url, witness, upcasters=upcasters) as ledger:
        root = happened(data='{ "é": 1.50 }', schema_version=2)
        ledger.log.append(to("s", root, happened(cause=root.event_id, data='{"old":1}'), happened("other")))
        inline = list(witness.seen)
        witness.seen.clear()
        rebuild(ledger.owner, witness, upcasters)
        assert witness.seen == inline == ledger.log.read("p", "s")[:2]
        assert inline[1].data == '{"new":true,"old":1}'
        assert {type(event.hash) for event in witness.seen} == {bytes}


def random_changes(chance: Random) -> list[Change]:
    changes: list[Change] = []
    for _ in range(200):
        key = {"project": "p", "account": f"a{chance.randint(0, 5)}"}
        match chance.randint(0, 6):
            case 0:
                changes.append(Put(BALANCES, {**key, "user": f"u{chance.random()}"}))
            case 1:
                changes.append(Put(BALANCES, {**key, "amount": chance.randint(0, 99)}))
            case 2:
                changes.append(Set(BALANCES, key, {"amount": chance.randint(0, 99)}))
            case 3:
                changes.append(Set(BALANCES, key, {"amount": None, "user": "nobody"}))
            case 4:
                changes.append(Set(BALANCES, key, {}))
            case 5:
                changes.append(Remove(BALANCES, key))
            case 6:
                changes.append(Derive(CLEAR, {"project": "p"}))
    return changes


def test_a_derived_change_sees_what_came_before_it_and_nothing_after(ledger):
    ledger.log.append(
        to("a", opened("a"), moved("a", 60), opened("b"), moved("b", 40), cleared(), opened("c"), moved("c", 90))
    )
    assert balances(ledger) == [("p", "b", "ann", 40), ("p", "c", "ann", 90)]
    ledger.log.append(to("a", cleared(), project="q"))
    ledger.log.append(to("a", moved("b", 70)))
    ledger.log.append(to("a", cleared()))
    assert balances(ledger) == []
    verify(ledger.engine, ledger.log.projections)


def test_any_split_into_batches_leaves_the_same_rows(ledger):
    for seed in range(4):
        changes = random_changes(Random(seed))
        left = []
        for size in (1, 7, 50, len(changes)):
            ledger.rows("DELETE FROM balances")
            with ledger.engine.begin() as connection:
                for start in range(0, len(changes), size):
                    execute_together(connection, statements_of(changes[start : start + size]))
            left.append(balances(ledger))
        assert left[0]
        assert left == [left[0]] * len(left), f"seed {seed}"


def test_a_rebuild_is_what_the_appends_left(ledger):
    chance = Random(1)
    for i in range(300):
        account = f"a{chance.randint(0, 9)}"
        event = chance.choice(
            [opened(account, f"u{i}"), moved(account, i), moved(account, -i), closed(account), cleared()]
        )
        ledger.log.append(to(account, event, project=f"p{i % 2}"))
    follow(ledger.engine, Movements(), NONE, until=ledger.log.position())
    before = balances(ledger), movements(ledger)
    assert all(before)
    for projection in ledger.log.projections:
        rebuild(ledger.owner, projection, NONE)
    assert (balances(ledger), movements(ledger)) == before
    assert verify(ledger.engine, ledger.log.projections).rows == len(before[0]) + len(before[1])


def test_a_rebuild_while_appends_and_followers_go_on_loses_nothing(ledger):
    ledger.log.append_many([to("a", *(moved("a", i) for i in range(1_000))) for _ in range(3)])
    appended = []

    def appends(stop) -> None:
        while not stop.is_set():
            appended.append(ledger.log.append(to("a", opened(f"a{len(appended)}"), moved("a", 1))))

    def follows(stop) -> None:
        while not stop.is_set():
            follow(ledger.engine, Movements(), NONE, until=ledger.log.position())

    with meanwhile(appends, follows):
        for _ in range(3):
            rebuild(ledger.owner, Balances(), NONE)
            rebuild(ledger.owner, Movements(), NONE)
    assert len(balances(ledger)) == len(appended) > 10
    follow(ledger.engine, Movements(), NONE, until=ledger.log.position())
    assert len(movements(ledger)) == 3_000 + len(appended)
    verify(ledger.engine, ledger.log.projections)


def test_a_long_reader_of_the_old_tables_delays_a_rebuild_and_not_the_appends(ledger):
    ledger.log.append(to("a", opened("a")))
    with ledger.reader.connect() as reader, reader.begin():
        reader.exec_driver_sql("SELECT * FROM balances")
        rebuilding = threading.Thread(target=rebuild, args=(ledger.owner, Balances(), NONE))
        rebuilding.start()
        rebuilding.join(0.3)
        for now in range(5):
            ledger.log.append(to("a", moved("a", now)))
        assert rebuilding.is_alive()
    rebuilding.join()
    assert balances(ledger) == [("p", "a", "ann", 4)]
    verify(ledger.engine, ledger.log.projections)
