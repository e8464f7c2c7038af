"""Bytes of the log: the chain's format, what the log can hold, and reading what older code wrote."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from latewood_eventlog.codec import GENESIS, Upcasters, chain, refusal
from latewood_eventlog.errors import BatchMalformed, EventTooLarge, EventUnreadable
from latewood_eventlog.records import EVENT_BYTES_MAX, Batch, Fence, NewEvent, RecordedEvent, StreamAppend

EVENT = RecordedEvent(
    position=7,
    event_id=UUID("01234567-89ab-cdef-0123-456789abcdef"),
    project="p",
    stream="run/é",
    version=3,
    type="it.happened",
    schema_version=2,
    occurred_at=datetime(2013, 1, 1, 12, 0, 0, 5, tzinfo=UTC),
    recorded_at=datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    actor='a "quoted" \\ name',
    cause=None,
    data='{"b": 1, "a": "\\u00e9"}',
    hash=b"",
)


FIRST = "90a5f94de4c48ed14dc8502713a032f708cfba0cbff90d6969de8787800f26e4"
SECOND = "497d71318f273b546bdb2056adbe89f57bbcb3ef414993140b315f1c34023ee6"


def documented(previous: bytes, event: RecordedEvent) -> bytes:
    """The format in other words: sha256 over the previous hash and a JSON array without blanks, in UTF-8."""
    microseconds = [
        (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        for at in (event.occurred_at, event.recorded_at)
    ]
    columns = [event.position, str(event.event_id), event.project, event.stream, event.version, event.type]
    columns += [event.schema_version, *microseconds, event.actor, event.cause, event.data]
    text = json.dumps(columns, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous + text.encode()).digest()


def test_the_chain_s_format_never_changes():
    first = chain(GENESIS, EVENT)
    assert first.hex() == FIRST
    assert first == documented(bytes(32), EVENT)
    second = replace(EVENT, position=8, cause=7)
    assert chain(first, second) == documented(first, second)
    assert chain(first, second).hex() == SECOND


def test_the_chain_covers_every_column_but_the_hash():
    other = {
        "position": 8,
        "event_id": UUID(int=1),
        "project": "q",
        "stream": "run/e",
        "version": 4,
        "type": "it.happens",
        "schema_version": 1,
        "occurred_at": EVENT.occurred_at + timedelta(microseconds=1),
        "recorded_at": EVENT.recorded_at - timedelta(microseconds=1),
        "actor": "",
        "cause": 6,
        "data": '{"b":1, "a": "\\u00e9"}',
    }
    assert {*other, "hash"} == set(RecordedEvent.__slots__)
    hashes = {chain(GENESIS, replace(EVENT, **{name: value})) for name, value in other.items()}
    assert len(hashes | {chain(GENESIS, EVENT), chain(bytes([1]) * 32, EVENT)}) == len(other) + 2
    assert chain(GENESIS, replace(EVENT, hash=b"x")) == chain(GENESIS, EVENT)


def test_the_chain_does_not_depend_on_the_zone_that_an_instant_is_told_in():
    elsewhere = EVENT.occurred_at.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert chain(GENESIS, replace(EVENT, occurred_at=elsewhere)) == chain(GENESIS, EVENT)


# ── what the log can hold ────────────────────────────────────────────────────────────────────────────────


def batch(*events: NewEvent, project="p", stream="s", fence=None) -> Batch:
    return Batch(appends=(StreamAppend(project=project, stream=stream, events=events),), fence=fence)


def event(**changes) -> NewEvent:
    content = {"event_id": EVENT.event_id, "type": "t", "schema_version": 1, "data": "{}", "actor": "a"}
    return NewEvent(**{**content, "occurred_at": EVENT.occurred_at, **changes})


def test_a_sound_batch_is_not_refused():
    assert refusal(batch()) is None
    assert refusal(batch(event(), event(event_id=UUID(int=1)), fence=Fence(project="p", lease="l", epoch=1))) is None


def test_a_refusal_says_what_was_expected_of_what():
    refused = refusal(batch(event(type="t" * 200, data="[1]")))
    assert isinstance(refused, BatchMalformed)
    assert str(refused) == f"event '{'t' * 100}': expected the text of one JSON object as data, found [1]."
    assert str(refusal(batch(event(), event()))) == "batch: expected each event id once, found one of them again."
    assert "project 'a,b': expected text that Postgres can hold" in str(refusal(batch(event(), project="a,b")))


@pytest.mark.parametrize(
    ("data", "size"),
    [
        ('{"a":"' + "x" * (EVENT_BYTES_MAX - 7) + '"}', EVENT_BYTES_MAX + 1),
        ("é" * EVENT_BYTES_MAX, 2 * EVENT_BYTES_MAX),
    ],
    ids=["ascii", "two bytes each"],
)
def test_size_is_counted_in_bytes(data, size):
    refused = refusal(batch(event(data=data)))
    assert isinstance(refused, EventTooLarge)
    assert (refused.size, refused.limit) == (size, EVENT_BYTES_MAX)


# ── upcasters ────────────────────────────────────────────────────────────────────────────────────────────

STEPS = {
    ("moved", 1): lambda data: {**data, "currency": "EUR"},
    ("moved", 2): lambda data: {"amount": {"value": data["amount"], "currency": data["currency"]}},
}


def test_an_old_event_is_brought_up_step_by_step():
    upcasters = Upcasters(current={"moved": 3}, steps=STEPS)
    old = replace(EVENT, type="moved", schema_version=1, data='{"amount":5}', hash=b"h")
    new = upcasters.upcast(old)
    assert new == replace(old, schema_version=3, data='{"amount":{"currency":"EUR","value":5}}')
    assert upcasters.upcast(new) is new
    half = replace(old, schema_version=2, data='{"amount":5,"currency":"USD"}')
    assert upcasters.upcast(half).data == '{"amount":{"currency":"USD","value":5}}'


def test_types_that_are_not_named_pass_as_they_are():
    assert Upcasters(current={"moved": 3}, steps=STEPS).upcast(EVENT) is EVENT
    assert Upcasters().upcast(EVENT) is EVENT


def test_a_missing_step_is_refused_before_anything_is_read():
    with pytest.raises(EventUnreadable, match="event 'moved': no upcaster from schema version 2"):
        Upcasters(current={"moved": 3}, steps={key: STEPS[key] for key in [("moved", 1)]})
    with pytest.raises(EventUnreadable, match="no upcaster from schema version 3"):
        Upcasters(current={"moved": 4}, steps=STEPS)


def test_a_version_from_the_future_is_refused():
    upcasters = Upcasters(current={"it.happened": 1})
    message = "event 'it.happened' at position 7: expected schema version up to 1, found 2; upgrade Latewood"
    with pytest.raises(EventUnreadable, match=message):
        upcasters.upcast(EVENT)
