"""Slots and flights of processes that others join and leave, that drain, and that lose what they held."""

from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from types import SimpleNamespace

import pytest
from forks import forks
from sqlalchemy import event, text

from crash.engines import ended, leases, of_type, started, until
from latewood.commands.materializing import materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.pools import set_pool, set_quota
from latewood.engine.running import flights, presence, slots
from latewood.engine.running.asks import Boarded
from latewood.engine.running.kept import Kept
from latewood.engine.running.pool import Pool
from latewood.engine.running.presence import Presence
from latewood.engine.running.reports import SlotsLost, WaitingForPools
from latewood.engine.running.slots import Slots
from latewood.events import RunPlanned, RunStatus, StepReused, StepSucceeded
from latewood.model.policies import QUOTA
from latewood.serving import turns
from latewood.serving.absence import Absence
from latewood.serving.engine import Engine
from latewood.serving.inbox import Inbox
from latewood_eventlog.errors import DatabaseUnreachable
from latewood_eventlog.leases import acquire_free, acquire_slots


@pytest.fixture
def gate(tmp_path):
    return tmp_path / "gate"


@pytest.fixture
def parts(gate):
    """Ten partitions, of which the first two wait until a file is there."""
    return f"""
        @asset(partitions=Static([f"p{{n}}" for n in range(10)]))
        def part(partition: PartitionKey) -> str:
            while partition in ("p0", "p1") and not Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return partition
    """


@pytest.fixture
def pooled(gate):
    """One step of a pool, of which the first attempt fails once a file is there."""
    return f"""
        from datetime import timedelta

        @asset(pool="db", retries=Retry(1, backoff=timedelta(0)))
        def pooled(context: Context) -> int:
            if context.attempt == 1:
                while not Path({str(gate)!r}).exists():
                    time.sleep(0.01)
                raise ConnectionError("no")
            return 1
    """


@pytest.fixture
def seen(monkeypatch):
    """Who was seen, at each look of anybody's."""
    found, others = [], Presence.others

    def look(self):
        found.append(others(self))
        return found[-1]

    monkeypatch.setattr(Presence, "others", look)
    return found


@pytest.fixture
def another(workspace):
    """Somebody else has the slot of the pool meanwhile."""

    @contextmanager
    def has():
        others = Slots(workspace.log, "default", "another", Kept(workspace.log, timedelta(minutes=1)))
        held = others.take(("db",), "what they do")
        yield
        others.give_back(held)

    return has


def test_a_slot_of_each_pool_is_had_by_one_statement_and_given_back_by_another(workspace):
    set_quota(workspace, 2)
    set_pool(workspace, "db", 1)
    here, there = (Slots(workspace.log, "default", name, Kept(workspace.log, timedelta(minutes=1))) for name in "ab")
    told = []

    @event.listens_for(workspace.log.engine, "before_cursor_execute")
    def tell(_connection, _cursor, statement, *_):
        told.append(statement)

    found = here.take((QUOTA, "db"), "step")
    assert [lease.name for lease in found] == [f"pool/{QUOTA}/0", "pool/db/0"]
    assert there.take((QUOTA, "db"), "step") is None
    assert here.give_back(found) == frozenset()
    assert len(told) == 3
    assert there.take((QUOTA, "no pool"), "step"), "of what has no limit none is wanted"


def nobody_is_seen(seen):
    """Twice: then what came of the first time is known."""
    seen.clear()
    until(lambda: seen[-2:] == [frozenset(), frozenset()])


def test_what_landed_since_a_run_was_opened_is_looked_up_however_long_ago(workspace, monkeypatch):
    monkeypatch.setattr(turns, "_LANDED_MAX", 1)
    here = SimpleNamespace(name="here", lease=timedelta(minutes=1), inbox=None, absence=None)
    found = turns.EngineTurns(workspace, here)

    def boarded(key, since):
        told = []
        found.board(key, since=since, patient=True, then=told.append, delayed=told.clear)
        found.land(key)
        return told

    early = found.moment
    assert boarded("one", early) == boarded("two", early) == [Boarded.FIRST]
    assert boarded("one", found.moment) == [Boarded.FIRST], "who knows what was made by now need not look"
    assert boarded("two", early) == [Boarded.AFTER_OTHERS], "though others have landed since"


def test_who_may_not_wait_is_told_that_others_compute_it_by_an_answer_alone(workspace, monkeypatch):
    inbox, told, away = Inbox(workspace.clock), [], []
    parts = SimpleNamespace(name="here", lease=timedelta(minutes=1), inbox=inbox, absence=Absence())
    found, holder = turns.EngineTurns(workspace, parts), {"holder": "another", "duration": timedelta(hours=1)}

    def refused(*given, **how):
        away.append(True)
        if len(away) == 1:
            raise DatabaseUnreachable("no answer")
        return acquire_free(*given, **how)

    def comes_to(*boarded):
        until(lambda: inbox.hear(0.1) or told == [*boarded])
        told.clear()

    acquire_free(workspace.log.engine, "default", ["here/inline/another", "flight/theirs"], **holder)
    found.look()
    until(lambda: inbox.hear(0.1) or found.is_ready)
    monkeypatch.setattr(flights, "acquire_free", refused)
    for key, boarded in (("free", Boarded.AFTER_OTHERS), ("theirs", Boarded.UNDER_WAY)):
        found.board(key, since=0, patient=False, then=told.append, delayed=lambda: None)
        comes_to(boarded)
    found.close()


def test_an_engine_does_not_compute_what_others_made_that_have_left(
    workspace, within, asked_for, load, parts, gate, seen
):
    asked = asked_for(parts)
    with within():
        until(lambda: len(started(workspace, "part")) == 2)
        materialize(workspace, prepare(workspace, load(parts), Asked(selection="part", partition="p9")))
        nobody_is_seen(seen)
        gate.touch()
        assert ended(workspace, asked).status is RunStatus.SUCCEEDED
    assert len(of_type(workspace, StepSucceeded)) == 10


def test_an_inline_run_does_not_compute_what_an_engine_made_that_has_left(
    workspace, within, asked_for, load, parts, gate, seen
):
    prepared = prepare(workspace, load(parts), Asked(selection="part"))
    inline = Thread(target=lambda: materialize(workspace, prepared))
    inline.start()
    until(lambda: started(workspace, "part"))
    with within():
        assert ended(workspace, asked_for(parts, partition="p9")).status is RunStatus.SUCCEEDED
    nobody_is_seen(seen)
    gate.touch()
    inline.join()
    assert len(of_type(workspace, StepSucceeded)) == 10


def test_of_two_inline_runs_at_once_one_computes_and_the_other_takes_what_it_made(
    workspace, environ, load, gate, tmp_path, monkeypatch
):
    (tmp_path / "latewood.toml").touch()
    monkeypatch.chdir(tmp_path)
    load(f"""
        @asset
        def one() -> int:
            with Path({str(tmp_path / "computed")!r}).open("a") as noted:
                noted.write("once\\n")
            while not Path({str(gate)!r}).exists():
                time.sleep(0.01)
            return 1
    """)
    both = [forks().piped(["materialize", "*", "-f", "assets.py"], tmp_path, environ) for _ in range(2)]
    try:
        until(lambda: len(of_type(workspace, RunPlanned)) == 2 and leases(workspace, "flight/"))
    finally:
        gate.touch()
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert (tmp_path / "computed").read_text() == "once\n"
    assert sorted("1 run, 0 reused" in each for each in said) == [False, True], said
    (made,), (taken,) = of_type(workspace, StepSucceeded), of_type(workspace, StepReused)
    assert taken.reuse_key == made.reuse_key
    assert leases(workspace, "flight/") == 0


def test_a_slot_that_is_granted_while_the_engine_ends_is_given_back(workspace, asked_for, monkeypatch):
    set_pool(workspace, "db", 1)
    asked_for('@asset(pool="db")\ndef pooled() -> int:\n    return 1\n')
    over, close = Event(), Pool.close
    engine = Engine(workspace, slots=1)

    def late(*given, **how):
        engine.drain()
        assert over.wait(60)
        return acquire_slots(*given, **how)

    def closed(self):
        close(self)
        over.set()

    monkeypatch.setattr(slots, "acquire_slots", late)
    monkeypatch.setattr(Pool, "close", closed)
    engine.serve()
    assert not of_type(workspace, StepSucceeded)
    assert leases(workspace, "") == leases(workspace, "run/")


def test_an_inline_step_that_lost_its_slot_says_so_and_waits_for_one_before_it_is_tried_again(
    workspace, load, pooled, gate, another
):
    set_pool(workspace, "db", 1)
    told = []
    prepared = prepare(workspace, load(pooled), Asked(selection="pooled"))
    inline = Thread(target=lambda: told.append(materialize(workspace, prepared, notice=told.append)))
    inline.start()
    until(lambda: started(workspace, "pooled"))
    with workspace.log.engine.begin() as connection:
        connection.execute(text("DELETE FROM leases WHERE name = 'pool/db/0'"))
    with another():
        until(lambda: SlotsLost(pools=("db",)) in told)
        gate.touch()
        until(lambda: WaitingForPools(pools=("db",)) in told)
    inline.join()
    assert told[-1].status is RunStatus.SUCCEEDED
    assert leases(workspace, "pool/") == leases(workspace, "waiting/") == 0


def test_who_waits_while_the_database_is_away_leaves_no_mark(workspace, load, another, monkeypatch):
    set_pool(workspace, "db", 1)
    told, away = [], []
    prepared = prepare(
        workspace, load('@asset(pool="db")\ndef pooled() -> int:\n    return 1\n'), Asked(selection="pooled")
    )

    def taken(*given, **how):
        if len(away) < 2 and leases(workspace, "waiting/"):
            away.append(True)
            raise DatabaseUnreachable("no answer")
        return acquire_slots(*given, **how)

    monkeypatch.setattr(slots, "acquire_slots", taken)
    inline = Thread(target=lambda: told.append(materialize(workspace, prepared, notice=told.append)))
    with another():
        inline.start()
        until(lambda: len(away) == 2)
    inline.join()
    assert told[-1].status is RunStatus.SUCCEEDED
    assert leases(workspace, "waiting/") == 0


def test_who_comes_waits_for_a_live_one_until_it_looks_and_for_one_that_died_no_longer_than_for_an_answer(workspace):
    def presence_of(name):
        return Presence(workspace.log, "default", name, timedelta(minutes=1), is_engine=False)

    there, dead, comes = presence_of("there"), presence_of("dead"), presence_of("comes")
    dead.arrive()
    with workspace.log.engine.begin() as connection:
        connection.execute(text("UPDATE leases SET renewed_at = renewed_at - interval '3 seconds'"))
    there.arrive()
    assert comes.arrive() == {"here/inline/there", "here/inline/dead"}
    assert not comes.is_known()
    there.others()
    there.renew()
    until(comes.is_known)


def test_who_was_not_seen_for_a_while_arrives_anew_and_knows_nobody_before_it_has_looked(workspace):
    def looks(presence):
        presence.others()
        presence.renew()

    late, there, comes = (
        Presence(workspace.log, "default", name, timedelta(minutes=1), is_engine=False) for name in ("a", "b", "c")
    )
    for each in (late, there):
        each.arrive()
        looks(late)
    with workspace.log.engine.begin() as connection:
        connection.execute(text("UPDATE leases SET expires_at = '-infinity' WHERE name = 'here/inline/a'"))
    assert comes.arrive() == {"here/inline/b"}
    looks(there)
    late.renew()  # of what it saw before comes came
    assert not comes.is_known()
    assert not late.is_known()
    for each in (late, comes, there):
        looks(each)
    assert comes.is_known()
    assert late.is_known()


@pytest.mark.parametrize("inline", [True, False])
def test_beside_somebody_who_died_what_needs_no_flight_waits_for_nobody(
    workspace, within, asked_for, load, monkeypatch, inline
):
    monkeypatch.setattr(presence, "_UNHEARD_S", 1_000_000)
    acquire_free(workspace.log.engine, "default", ["here/inline/died"], holder="died", duration=timedelta(hours=1))
    source = "@asset(reuse=False)\ndef one() -> int:\n    return 1\n"
    if inline:
        found = materialize(workspace, prepare(workspace, load(source), Asked(selection="one")))
        assert found.status is RunStatus.SUCCEEDED
    else:
        with within():
            assert ended(workspace, asked_for(source)).status is RunStatus.SUCCEEDED
