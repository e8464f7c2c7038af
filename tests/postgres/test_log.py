"""Appending and reading: what goes in comes out, dense, in order, whole, and once."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from latewood_eventlog.audit import verify
from latewood_eventlog.errors import (
    BatchMalformed,
    CauseUnknown,
    DatabaseUnreachable,
    EventConflict,
    EventTooLarge,
    WrongExpectedVersion,
)
from latewood_eventlog.records import EVENT_BYTES_MAX, NAME_BYTES_MAX, Batch, Fence, StreamAppend
from postgres.ledger import T0, happened, to, together


@pytest.fixture
def log(ledger):
    return ledger.log


def test_an_empty_log(log):
    assert log.position() == 0
    assert log.version("p", "s") == 0
    assert log.read_all() == log.read("p", "s") == log.read_positions([1]) == []
    assert log.append(Batch(appends=())).positions == ()
    assert log.append_many([]) == []


def test_positions_are_dense_over_streams_and_projects_and_versions_count_per_stream(log):
    log.append(to("a", happened(), happened()))
    log.append(to("b", happened()))
    log.append(to("a", happened(), project="q"))
    log.append(to("a", happened()))
    assert [(e.position, e.project, e.stream, e.version) for e in log.read_all()] == [
        (1, "p", "a", 1),
        (2, "p", "a", 2),
        (3, "p", "b", 1),
        (4, "q", "a", 1),
        (5, "p", "a", 3),
    ]
    assert (log.version("p", "a"), log.version("q", "a"), log.version("q", "b")) == (3, 1, 0)


def test_what_was_appended_is_read(log):
    before = datetime.now(UTC) - timedelta(seconds=5)
    event = happened("it.happened", '{"b": 1, "a": [1.50, "é"]}', schema_version=3, actor="Zoë")
    appended = log.append(to("s", event))
    (recorded,) = log.read("p", "s")
    assert appended.positions == (1,)
    assert appended.last == recorded.position == 1
    assert not appended.repeated
    for name in ("event_id", "type", "schema_version", "data", "occurred_at", "actor", "cause"):
        assert getattr(recorded, name) == getattr(event, name)
    assert before < recorded.recorded_at < datetime.now(UTC) + timedelta(seconds=5)
    assert isinstance(recorded.hash, bytes)


def test_an_unexpected_version_is_refused_and_named(log):
    log.append(to("s", happened(), happened()))
    with pytest.raises(WrongExpectedVersion, match="stream 's': expected version 1, found 2") as refused:
        log.append(to("s", happened(), expected=1))
    assert (refused.value.stream, refused.value.expected, refused.value.actual) == ("s", 1, 2)
    with pytest.raises(WrongExpectedVersion):
        log.append(to("new", happened(), expected=1))
    assert log.append(to("s", happened(), expected=2)).positions == (3,)
    assert log.append(to("new", happened(), expected=0)).positions == (4,)


def test_a_batch_of_several_streams_is_recorded_whole_or_not_at_all(log):
    log.append(to("b", happened()))
    with pytest.raises(WrongExpectedVersion):
        log.append(together(to("a", happened()), to("b", happened(), expected=0), to("c", happened())))
    assert log.position() == 1
    both = together(to("a", happened()), to("b", happened(), expected=1), to("a", happened(), expected=1))
    assert log.append(both).positions == (2, 3, 4)
    assert [e.version for e in log.read("p", "a")] == [1, 2]


def test_an_append_without_events_says_where_a_stream_must_stand(log):
    log.append(to("guard", happened()))
    log.append(together(to("guard", expected=1), to("s", happened())))
    with pytest.raises(WrongExpectedVersion):
        log.append(together(to("guard", expected=0), to("s", happened())))
    assert log.position() == 2


def test_a_refused_batch_does_not_keep_others_of_its_commit_out(log):
    first, late, unfounded, last = (
        to("s", happened(), expected=0),
        to("s", happened(), expected=0),
        together(to("s", happened()), to("t", happened(cause=uuid4()))),
        to("s", happened(), expected=1),
    )
    outcomes = log.append_many([first, late, unfounded, last])
    assert outcomes[0].positions == (1,)
    assert isinstance(outcomes[1], WrongExpectedVersion)
    assert isinstance(outcomes[2], CauseUnknown)
    assert outcomes[3].positions == (2,)
    assert [e.version for e in log.read("p", "s")] == [1, 2]


# ── the same event again ─────────────────────────────────────────────────────────────────────────────────


def test_the_same_events_again_change_nothing(log):
    batch = together(to("a", happened(), happened(), expected=0), to("b", happened()))
    first = log.append(batch)
    log.append(to("a", happened()))
    again = log.append(batch)
    assert again.positions == first.positions == (1, 2, 3)
    assert again.repeated
    assert log.position() == 4


def test_the_same_batch_twice_in_one_commit_is_recorded_once(log):
    batch = to("s", happened(), happened())
    first, second = log.append_many([batch, batch])
    assert first.positions == second.positions == (1, 2)
    assert (first.repeated, second.repeated) == (False, True)


def test_the_same_event_id_with_other_content_is_refused(log):
    event = happened(data='{"a":1}')
    log.append(to("s", event))
    others = {
        "project": to("s", event, project="q"),
        "stream": to("t", event),
        "type": to("s", replace(event, type="other")),
        "schema_version": to("s", replace(event, schema_version=2)),
        "data": to("s", replace(event, data='{"a": 1}')),
    }
    for difference, other in others.items():
        with pytest.raises(EventConflict, match=f"position 1 with another {difference}") as refused:
            log.append(other)
        assert (refused.value.event_id, refused.value.position) == (event.event_id, 1)
    assert log.position() == 1


def test_a_batch_of_old_and_new_events_is_refused(log):
    old = happened()
    log.append(to("s", old))
    with pytest.raises(EventConflict, match="another set of events") as refused:
        log.append(to("s", happened(), old))
    assert refused.value.event_id == old.event_id
    assert log.position() == 1


# ── causes ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cause_is_found_in_its_batch_its_commit_or_an_earlier_commit(log):
    root = happened()
    log.append(to("s", root))
    child = happened(cause=root.event_id)
    grandchild = happened(cause=child.event_id)
    elsewhere = happened(cause=grandchild.event_id)
    log.append_many([to("s", child, grandchild), to("t", elsewhere, happened(cause=1))])
    assert [e.cause for e in log.read_all()] == [None, 1, 2, 3, 1]


def test_a_cause_is_found_in_a_batch_that_was_told_again(log):
    again = to("s", happened())
    log.append(again)
    (cause,) = again.appends[0].events
    log.append_many([again, to("t", happened(cause=cause.event_id))])
    assert log.read("p", "t")[0].cause == 1


LATER = UUID(int=7)


def test_a_cause_that_does_not_stand_before_its_effect_is_refused(log):
    log.append(to("s", happened()))
    for cause in (uuid4(), LATER, 0, -1, 2, 3, 2**62):
        with pytest.raises(CauseUnknown, match="expected a cause that is recorded before it") as refused:
            log.append(to("s", happened(cause=cause), happened(event_id=LATER)))
        assert refused.value.cause == cause
    assert log.position() == 1


# ── what the log can hold ────────────────────────────────────────────────────────────────────────────────

DATA = [
    "{}",
    "{ }",
    '{"a": 1}',
    '{\n\t"b":2 ,"a":  1.50e+03, "a":1 }',
    '{"é":"\\u00e9","日本":"\\ud83d\\ude00😀"}',
    '{"quote":"\\"\'","slash":"\\\\","solidus":"\\/","percent":"%s %(a)s :name $1 {x}"}',
    '{"not a NUL":"\\\\u0000"}',
    '{"big":123456789012345678901234567890,"small":1e-400,"large":1e400,"zero":-0.0}',
    '{"deep":' + "[" * 300 + "]" * 300 + "}",
    '{"sql":"\'; DROP TABLE events; --"}',
]


def test_data_is_kept_byte_for_byte(log):
    log.append(to("s", *(happened(data=data) for data in DATA)))
    assert [event.data for event in log.read("p", "s")] == DATA
    verify(log.engine, ())


BAD_DATA = [
    "",
    "null",
    "[]",
    '"text"',
    " {}",
    "{}\n",
    "{",
    "{'a':1}",
    '{"a":01}',
    '{"a":NaN}',
    '{"a":1}{"b":2}',
    '{"a":1},"hash":{}',
    '{"a":"\x01"}',
    '{"nul":"\\u0000"}',
    '{"nul":"\\\\\\u0000"}',
    '{"nul":"\0"}',
    '{"lone":"\\ud800"}',
    '{"nested":{"lone":["\\udc00\\ud800"]}}',
    '{"lone":"\ud800"}',
    '{"deep":' + "[" * 30_000 + "]" * 30_000 + "}",
]


def test_data_that_no_log_can_hold_is_refused_alone(log):
    outcomes = log.append_many([to("s", happened(data=data)) for data in [*BAD_DATA, "{}"]])
    for data, refused in zip(BAD_DATA, outcomes, strict=False):
        assert isinstance(refused, BatchMalformed), data
        assert str(refused).startswith("event 'noted': expected ")
    assert outcomes[-1].positions == (1,)


def test_events_up_to_the_limit_and_no_larger(log):
    full = json.dumps({"a": "x" * (EVENT_BYTES_MAX - 9)})
    assert len(full) == EVENT_BYTES_MAX
    log.append(to("s", happened(data=full)))
    for larger in (full.replace("x", "xx", 1), full.replace("x", "é", 1)):
        with pytest.raises(EventTooLarge, match="at most 65536 bytes of data, found 65537"):
            log.append(to("s", happened(data=larger)))
    assert log.read("p", "s")[0].data == full


HOSTILE = [
    "'; DROP TABLE events; --",
    'a"b',
    "a\\b",
    "a\nb",
    "%s %(x)s",
    ":name",
    "$1",
    "{0}",
    "日本 😀",
    " ",
    "é" * 500,
]


def test_names_are_text_like_any_other(log):
    for position, name in enumerate(HOSTILE, 1):
        log.append(to(name, happened(type_=name, actor=name), project=name, expected=0))
        (event,) = log.read(name, name)
        assert (event.project, event.stream, event.type, event.actor) == (name, name, name, name)
        assert (event.position, log.read_all(project=name), log.version(name, name)) == (position, [event], 1)
    verify(log.engine, ())


def test_names_that_no_log_can_hold_are_refused_alone(log):
    for name in ("", "a\0b", "\ud800", "x" * (NAME_BYTES_MAX + 1)):
        refused = [
            to(name, happened()),
            to("s", happened(), project=name),
            to("s", happened(type_=name)),
            to("s", happened(actor=name)),
            to("s", happened(), fence=Fence(project="p", lease=name, epoch=1)),
            to("s", happened(), fence=Fence(project=name, lease="l", epoch=1)),
        ]
        outcomes = log.append_many([*refused, to("s", happened())])
        assert [type(outcome) for outcome in outcomes[:-1]] == [BatchMalformed] * len(refused)
        assert len(outcomes[-1].positions) == 1


def test_a_project_has_no_comma_since_the_row_policies_split_there(log):
    with pytest.raises(BatchMalformed, match=r"project 'a,b': expected .* found a comma"):
        log.append(to("s", happened(), project="a,b"))


def test_other_columns_that_no_log_can_hold_are_refused_alone(log):
    naive = happened(occurred_at=datetime(2013, 1, 1))  # noqa: DTZ001 - that is the point
    events = [naive, happened(schema_version=0), happened(schema_version=2**15), happened()]
    *refused, recorded = log.append_many([to("s", event) for event in events])
    assert [outcome.found for outcome in refused] == ["a time without a zone", "0", "32768"]
    assert recorded.positions == (1,)


def test_an_event_id_twice_in_one_batch_is_refused_alone(log):
    event = happened()
    refused, recorded = log.append_many([together(to("s", event), to("t", event)), to("s", happened())])
    assert isinstance(refused, BatchMalformed)
    assert recorded.positions == (1,)


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────


INSTANTS = [
    T0,
    datetime(2013, 7, 1, 12, 30, 0, 123456, tzinfo=ZoneInfo("Asia/Kolkata")),
    datetime(1880, 1, 1, tzinfo=ZoneInfo("Europe/Amsterdam")),  # 19 minutes and 32 seconds off UTC
    datetime(1, 1, 1, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
]


def test_an_instant_is_kept_whatever_zone_it_was_told_in(log):
    log.append(to("s", *(happened(occurred_at=instant) for instant in INSTANTS)))
    assert [event.occurred_at for event in log.read("p", "s")] == INSTANTS
    verify(log.engine, ())


def test_recorded_at_never_goes_back_even_if_the_clock_does(ledger):
    ledger.log.append(to("s", happened()))
    ahead = datetime.now(UTC) + timedelta(hours=1)
    ledger.rows("UPDATE log_head SET recorded_at = :ahead", ahead=ahead)
    ledger.log.append(to("s", happened()))
    assert ledger.log.read("p", "s")[-1].recorded_at == ahead
    verify(ledger.engine, ())


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────


def test_reading_in_pages(log):
    log.append_many([to(f"s{i % 2}", happened(), project=f"p{i % 3}") for i in range(60)])
    pages = [log.read_all(after=after, limit=7) for after in range(0, 60, 7)]
    assert [e.position for page in pages for e in page] == list(range(1, 61))
    assert log.read_all(after=60) == []
    assert [e.position for e in log.read_all(after=10, limit=3, project="p0")] == [13, 16, 19]
    assert [e.version for e in log.read("p0", "s0", after=2, limit=3)] == [3, 4, 5]
    assert [e.position for e in log.read_positions([9, 3, 3, 77])] == [3, 9]


def test_reading_some_types_of_one_project(log):
    log.append(to("a", happened("it.began"), happened("it.went_on"), happened("it.ended")))
    log.append(to("a", happened("it.ended"), project="q"))
    log.append(to("b", happened("it.ended")))
    found = log.read_types("p", ("it.began", "it.ended"), after=0)
    assert [(event.position, event.type) for event in found] == [(1, "it.began"), (3, "it.ended"), (5, "it.ended")]
    assert [event.position for event in log.read_types("p", ("it.began", "it.ended"), after=1, limit=1)] == [3]
    assert log.read_types("p", (), after=0) == []


def test_a_batch_of_ten_thousand_events(log):
    events = tuple(happened(data=f'{{"i":{i}}}') for i in range(10_000))
    streams = tuple(StreamAppend(project="p", stream=f"s{i}", events=events[i::100], expected=0) for i in range(100))
    batch = Batch(appends=streams)
    appended = log.append(batch)
    assert appended.positions == tuple(range(1, 10_001))
    assert log.append(batch).repeated
    assert verify(log.engine, ()).position == 10_000


def test_a_connection_that_broke_while_it_waited_is_an_error_once(ledger):
    ledger.log.append(to("s", happened()))
    assert ledger.disconnect() > 0
    batch = to("s", happened())
    with pytest.raises(DatabaseUnreachable):
        ledger.log.append(batch)
    assert ledger.log.append(batch).positions == (2,)
