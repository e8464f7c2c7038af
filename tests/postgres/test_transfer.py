"""Events go from one log to another and stay what they were."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from databases import copied, execute
from latewood_eventlog.audit import verify
from latewood_eventlog.codec import START, Upcasters, chain
from latewood_eventlog.errors import EventUnreadable, ImportRefused, LogCorrupt
from latewood_eventlog.records import Place
from latewood_eventlog.statements import READ_ALL, read_events
from latewood_eventlog.transfer import place_at, recorded, restore
from postgres.ledger import Balances, Ledger, Movements, happened, moved, open_ledger, opened, to, together

BALANCES = Balances()


@pytest.fixture
def source(database_url) -> Iterator[Ledger]:
    """A log with two projects, a batch, causes and an event of an old schema version."""
    with open_ledger(database_url, BALANCES) as ledger:
        first = opened("a", user='"ö\\u00e9" \U0001f332')
        ledger.log.append(to("account/a", first, moved("a", 7, cause=first.event_id)))
        ledger.log.append(together(to("account/b", opened("b")), to("account/b", opened("b"), project="q")))
        ledger.log.append(to("x", happened("moved", '{"account": "b",  "now": 3}', schema_version=1, cause=1)))
        yield ledger


@pytest.fixture
def target(server, template) -> Iterator[Ledger]:
    with copied(server, template) as url, open_ledger(url, BALANCES) as ledger:
        yield ledger


def stored(ledger: Ledger) -> list:
    with ledger.engine.connect() as connection:
        return read_events(connection, READ_ALL, after=0, limit=1_000)


def balances(ledger: Ledger) -> list:
    return ledger.rows("SELECT * FROM balances ORDER BY project, account")


def carried(source: Ledger, target: Ledger, after: Place = START) -> tuple[Place, int]:
    return restore(target.log, after, recorded(source.log, after))


def test_a_log_goes_over_as_it_was_with_its_projections(source, target):
    end, new = carried(source, target)
    assert stored(target) == stored(source)
    assert (end, new) == (place_at(source.log, 5), 5)
    assert balances(target) == balances(source) != []
    assert verify(target.engine, [BALANCES]).position == 5


def test_the_copy_goes_on_and_cannot_be_changed(source, target):
    carried(source, target)
    target.log.append(to("account/a", moved("a", 8), expected=2))
    assert verify(target.engine, [BALANCES]).position == 6
    with pytest.raises(Exception, match=r"append-only|permission denied"):
        target.rows("DELETE FROM events")


def test_once_more_changes_nothing_and_what_came_since_is_added(source, target):
    carried(source, target)
    assert carried(source, target)[1] == 0
    middle = place_at(source.log, 5)
    source.log.append(to("account/a", moved("a", 9)))
    assert carried(source, target) == (place_at(source.log, 6), 1)
    source.log.append(to("account/a", moved("a", 10)))
    assert carried(source, target, after=middle)[1] == 1
    assert stored(target) == stored(source)
    assert balances(target) == balances(source)


def test_a_log_that_holds_something_else_is_left_alone(source, target):
    target.log.append(to("account/a", opened("a")))
    with pytest.raises(ImportRefused, match="the log stands at position 1 with hash"):
        carried(source, target)
    assert len(stored(target)) == 1


def test_a_log_that_has_gone_further_is_left_alone(source, target):
    carried(source, target)
    target.log.append(to("account/a", moved("a", 8)))
    with pytest.raises(ImportRefused, match="the log stands at position 6"):
        carried(source, target)


def test_what_follows_a_place_is_not_for_an_empty_log(source, target):
    with pytest.raises(ImportRefused, match=r"position 0 .* expected an empty one, or one that ends with position 3"):
        carried(source, target, after=place_at(source.log, 3))
    assert stored(target) == []


@pytest.mark.parametrize("column", ["data", "actor", "recorded_at", "version", "hash", "position"])
def test_a_changed_column_is_found_and_nothing_is_recorded(source, target, column):
    events = stored(source)
    other = {
        "data": '{"account": "b",  "now": 4}',
        "actor": "somebody",
        "recorded_at": events[0].recorded_at.replace(year=2001),
        "version": 9,
        "hash": bytes(32),
        "position": 7,
    }
    events[4] = replace(events[4], **{column: other[column]})
    with pytest.raises(LogCorrupt, match="position 5"):
        restore(target.log, START, [events[:3], events[3:]])
    assert stored(target) == []
    assert balances(target) == []


def test_what_no_log_could_hold_is_refused_even_under_a_right_hash(source, target):
    first, second, *_ = stored(source)
    second = replace(second, event_id=first.event_id)
    second = replace(second, hash=chain(first.hash, second))
    with pytest.raises(LogCorrupt, match="what no log could hold"):
        restore(target.log, START, [[first], [second]])
    assert stored(target) == []


def test_an_import_that_ends_in_the_middle_leaves_an_empty_log(source, target):
    def breaks_off():
        yield stored(source)[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(target.log, START, breaks_off())
    assert stored(target) == []
    assert carried(source, target)[1] == 5


def test_old_events_stay_old_and_are_projected_as_new_ones(source, server, template):
    upcasters = Upcasters({"moved": 2}, {("moved", 1): lambda data: {**data, "now": data["now"] * 100}})
    with copied(server, template) as url, open_ledger(url, BALANCES, upcasters=upcasters) as target:
        carried(source, target)
        assert [event.schema_version for event in stored(target)] == [1] * 5
        assert ("p", "a", '"ö\\u00e9" \U0001f332', 700) in balances(target)


def test_events_of_a_later_release_are_refused(source, server, template):
    source.log.append(to("account/a", moved("a", 1, schema_version=2)))
    with (
        copied(server, template) as url,
        open_ledger(url, BALANCES, upcasters=Upcasters({"moved": 1})) as target,
        pytest.raises(EventUnreadable, match="position 6"),
    ):
        carried(source, target)


def test_projections_that_follow_find_all_there_is(source, server, template):
    movements = Movements()
    with copied(server, template) as url, open_ledger(url, movements) as target:
        carried(source, target)
        assert verify(target.engine, [movements]).position == 5


def test_a_log_that_was_tampered_with_is_not_passed_on(source, superuser_url):
    change = "UPDATE latewood.events SET actor = 'x' WHERE position = 4"
    execute(superuser_url, f"SET session_replication_role = replica; {change}")
    with pytest.raises(LogCorrupt, match="position 4"):
        list(recorded(source.log, START))


@pytest.mark.parametrize("sizes", [(5,), (1, 1, 1, 1, 1), (2, 3), (4, 1)])
def test_any_pages_leave_the_same_log(source, target, sizes):
    events = iter(stored(source))
    restore(target.log, START, [list(islice(events, size)) for size in sizes])
    assert stored(target) == stored(source)
    assert balances(target) == balances(source)
