"""Verification: it passes on what the log made, and names the first place where anything else stands."""

from contextlib import closing

import psycopg2
import pytest

from latewood_eventlog.audit import verify
from latewood_eventlog.codec import Upcasters
from latewood_eventlog.errors import LogCorrupt, SchemaUnknown
from latewood_eventlog.migrate import rebuild
from latewood_eventlog.projector import follow
from postgres.ledger import Balances, Movements, closed, meanwhile, moved, open_ledger, opened, to

BOTH = (Balances(), Movements())
NONE = Upcasters()


@pytest.fixture
def ledger(database_url):
    """Six events; balances of b and c; four movements, the last of which is not followed yet."""
    with open_ledger(database_url, *BOTH) as ledger:
        ledger.log.append(to("a", opened("a"), opened("b", "bob"), moved("a", 1), moved("b", 2), moved("b", 3)))
        follow(ledger.engine, Movements(), NONE, until=5)
        ledger.log.append(to("c", closed("a"), opened("c"), moved("c", 8)))
        yield ledger


@pytest.fixture
def tamper(superuser_url):
    """Executes what nobody may: as superuser, with the triggers off."""

    def execute(statement: str) -> None:
        with closing(psycopg2.connect(superuser_url.libpq(), options="-c search_path=latewood")) as connection:
            cursor = connection.cursor()
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement)
            assert cursor.rowcount != 0
            connection.commit()

    return execute


def test_a_sound_log_passes(ledger):
    verified = verify(ledger.engine, BOTH)
    assert (verified.position, verified.projections, verified.rows) == (8, ("balances", "movements"), 2 + 3)
    assert verify(ledger.engine, BOTH) == verified, "nothing is left behind that would be in the way"


def test_an_empty_log_passes(database_url):
    with open_ledger(database_url) as ledger:
        assert verify(ledger.engine, ()).position == 0


CHANGES = {
    "data": "data = replace(data::text, '1', '2')::json",
    "blank": "data = (data::text || ' ')::json",
    "hash": "hash = set_byte(hash, 31, get_byte(hash, 31) # 1)",
    "type": "type = 'Moved'",
    "recorded_at": "recorded_at = recorded_at + interval '1 microsecond'",
    "occurred_at": "occurred_at = occurred_at - interval '1 microsecond'",
    "project": "project = 'q'",
    "stream": "stream = 'b'",
    "version": "version = 30",
    "actor": "actor = 'tess'",
    "cause": "cause = 1",
    "event_id": "event_id = gen_random_uuid()",
    "schema_version": "schema_version = 2",
}


def test_no_column_is_outside_the_chain(ledger, tamper):
    """Each change alone is found, and undone it is not."""
    tamper("CREATE TABLE kept AS SELECT * FROM events WHERE position = 3")
    columns = {*CHANGES} - {"blank"} | {"position"}
    assert columns == {
        key
        for (key,) in ledger.rows("SELECT attname FROM pg_attribute WHERE attrelid = 'events'::regclass AND attnum > 0")
    }
    for change in CHANGES.values():
        tamper(f"UPDATE events SET {change} WHERE position = 3")
        named = r"log, position 3 \(.oved in .\): expected hash .* was changed"
        with pytest.raises(LogCorrupt, match=named) as found:
            verify(ledger.engine, BOTH)
        assert found.value.position == 3, change
        tamper("DELETE FROM events WHERE position = 3; INSERT INTO events SELECT * FROM kept")
        verify(ledger.engine, BOTH)


INSERT = (
    "INSERT INTO events SELECT project, 9, gen_random_uuid(), stream, 99, type, schema_version, occurred_at,"
    " recorded_at, actor, cause, data, hash FROM events WHERE position = 8"
)
EXCHANGE = (
    "UPDATE events SET position = -3 WHERE position = 3; UPDATE events SET position = 3 WHERE position = 4;"
    "UPDATE events SET position = 4 WHERE position = -3"
)


@pytest.mark.parametrize(
    ("statement", "position", "message"),
    [
        ("DELETE FROM events WHERE position = 3", 3, "expected position 3, found 4"),
        ("DELETE FROM events WHERE position = 1", 1, "expected position 1, found 2"),
        ("DELETE FROM events WHERE position = 8", 7, "log head: expected position 7 .*, found position 8"),
        (EXCHANGE, 3, "log, position 3"),
        (INSERT, 9, "log, position 9"),
        ("UPDATE log_head SET position = 7", 8, "log head: expected position 8 .*, found position 7"),
        ("UPDATE log_head SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1)", 8, "log head: expected position 8"),
        ("DELETE FROM events; UPDATE log_head SET position = 0", 0, "log head: expected position 0"),
    ],
    ids=["deleted", "first deleted", "last deleted", "exchanged", "slipped in", "head", "head's hash", "emptied"],
)
def test_a_log_that_is_not_whole_is_named(ledger, tamper, statement, position, message):
    tamper(statement)
    with pytest.raises(LogCorrupt, match=message) as found:
        verify(ledger.engine, BOTH)
    assert found.value.position == position


AT_B, AT_3, AT_5 = "balances, row project=p, account=b", "order, row project=p, position=3", "position=5"
CHECKPOINT = "UPDATE projections SET checkpoint = {} WHERE name = 'movements'"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE balances SET amount = 4 WHERE account = 'b'", rf"{AT_B}: expected \(p,b,bob,3\), found \(p,b,bob,4\)"),
        ("DELETE FROM balances WHERE account = 'b'", rf"{AT_B}: expected \(p,b,bob,3\), found no row"),
        ("INSERT INTO balances VALUES ('p', 'a')", r"account=a: expected no row, found \(p,a,,\)"),
        ('UPDATE balances SET "user" = NULL', rf"{AT_B}: expected \(p,b,bob,3\), found \(p,b,,3\)"),
        ("DELETE FROM \"order\" WHERE account = 'a'", rf"{AT_3}: expected \(p,3,a,1\), found no row"),
        (CHECKPOINT.format(8), r"position=8: expected \(p,8,c,8\), found no row"),
        (CHECKPOINT.format(4), rf"{AT_5}: expected no row, found \(p,5,b,3\)"),
    ],
    ids=["changed", "missing", "extra", "first of several", "async", "followed too little", "followed too far"],
)
def test_a_projection_that_is_not_what_the_log_says_is_named_by_its_first_difference(ledger, change, message):
    ledger.rows(change)
    with pytest.raises(LogCorrupt, match=message) as found:
        verify(ledger.engine, BOTH)
    assert found.value.position is None


def test_what_is_in_the_tables_of_a_projection_of_which_there_are_no_events_is_found(database_url):
    with open_ledger(database_url, *BOTH) as ledger:
        ledger.log.append(to("a", opened("a")))
        assert verify(ledger.engine, BOTH).rows == 1
        ledger.rows("INSERT INTO \"order\" VALUES ('p', 1, 'a', 1)")
        with pytest.raises(LogCorrupt, match=r"position=1: expected no row, found \(p,1,a,1\)"):
            verify(ledger.engine, BOTH)


def test_projections_of_other_versions_are_not_called_corrupt(ledger):
    with pytest.raises(SchemaUnknown, match="projection 'balances': expected version 2, found 1"):
        verify(ledger.engine, (Balances(version=2), Movements()))


def test_verification_while_appends_followers_and_rebuilds_go_on(ledger):
    def appends(stop) -> None:
        now = 0
        while not stop.is_set():
            now += 1
            ledger.log.append(to("c", moved("c", now), opened(f"c{now}")))

    def follows(stop) -> None:
        while not stop.wait(0.01):
            follow(ledger.engine, Movements(), NONE, until=ledger.log.position())

    def rebuilds(stop) -> None:
        while not stop.wait(0.1):
            rebuild(ledger.owner, Balances(), NONE)

    with meanwhile(appends, follows, rebuilds):
        positions = [verify(ledger.engine, BOTH).position for _ in range(15)]
    assert positions == sorted(positions)
    assert positions[-1] > positions[0]


def test_upcasters_are_used_to_rebuild(database_url):
    """Events of an old schema version mean what they mean today; the chain covers them as they were written."""
    upcasters = Upcasters(current={"moved": 2}, steps={("moved", 1): lambda data: {**data, "now": 10 * data["now"]}})
    with open_ledger(database_url, Balances(), upcasters=upcasters) as ledger:
        ledger.log.append(to("a", opened("a"), opened("b"), moved("a", 1), moved("b", 1, schema_version=2)))
        rows = ledger.rows("SELECT account, amount FROM balances ORDER BY 1")
        assert rows == [("a", 10), ("b", 1)]
        assert verify(ledger.engine, [Balances()], upcasters).rows == 2
        rebuild(ledger.owner, Balances(), upcasters)
        assert ledger.rows("SELECT account, amount FROM balances ORDER BY 1") == rows
        with pytest.raises(LogCorrupt, match=r"expected \(p,a,ann,1\), found \(p,a,ann,10\)"):
            verify(ledger.engine, [Balances()])
